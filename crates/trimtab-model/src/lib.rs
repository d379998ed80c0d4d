//! A frozen decoder on burn: loading, key-value cache, generation, hooks on what it computes.

mod attention;
mod cache;
mod chat;
mod checkpoint_weights;
mod config;
mod decoder;
mod families;
pub mod file;
mod generate;
mod hook;
mod json;
mod layer;
mod layer_input;
mod pretrained;
mod rope;
mod sampling;
mod stop;
mod tensor_file;
mod tokenizer;
mod tokenizer_config;
mod weight;

pub use attention::PromptLayerKv;
pub use burn::tensor::{Device, FloatDType};
pub use cache::{KvCache, PromptCache};
pub use chat::{ChatError, ChatMessage, ChatTemplate};
pub use checkpoint_weights::{CheckpointWeights, Mismatch, StoredTensor};
pub use config::{
    Activation, Architecture, Biases, ConfigError, LayerConfig, ModelConfig, Names, Norms, QkNorm,
};
pub use decoder::Model;
pub use generate::{
    Completion, FinishReason, GenerateError, GenerateOptions, Generation, Request, SampledToken,
    StopFn, generate,
};
pub use hook::{
    Hook, HookFn, HookPoint, Intervention, Site, TokenInfo, UnknownSite, add_vector,
    resid_post_hook,
};
pub use layer_input::LayerInput;
pub use pretrained::{LoadError, Pretrained};
pub use rope::{RopeConfig, RopeScaling};
pub use sampling::{Sampling, SamplingError};
pub use stop::stop_on_text;
pub use tensor_file::{HostTensor, TensorFile, TensorFileError, sha256_hex, write_atomically};
pub use tokenizer::{Tokenizer, TokenizerError};
pub use weight::{Precision, UnknownPrecision};
