//! A frozen decoder on burn: loading, key-value cache, generation, hooks on what it computes.

mod attention;
mod cache;
mod chat;
mod config;
mod decoder;
mod families;
pub mod file;
mod generate;
mod hook;
#[cfg(feature = "hub")]
mod hub;
mod json;
mod layer;
mod passage;
mod pretrained;
mod rope;
mod sampling;
mod stop;
mod tensor_file;
mod tokenizer;
mod tokenizer_config;
mod weight;
mod weights;

pub use attention::PromptKeys;
pub use burn::tensor::{Device, FloatDType};
pub use cache::{Prompt, Rows};
pub use chat::{ChatError, ChatTemplate, Message};
pub use config::{
    Activation, Architecture, Biases, ConfigError, LayerConfig, ModelConfig, Names, Norms, QkNorm,
};
pub use decoder::Model;
pub use generate::{
    Completion, Drawn, FinishReason, GenerateError, GenerateOptions, Generation, Request, Stop,
    generate,
};
pub use hook::{
    At, Hook, Intervention, Pass, Site, TokenAt, UnknownSite, add_vector, at_resid_post,
};
#[cfg(feature = "hub")]
pub use hub::{Download, Hub, HubError};
pub use passage::Passage;
pub use pretrained::{LoadError, Pretrained};
pub use rope::{RopeConfig, RopeScaling};
pub use sampling::{Sampling, SamplingError};
pub use stop::stop_at;
pub use tensor_file::{HostTensor, TensorFile, TensorFileError, sha256_hex, write_atomically};
pub use tokenizer::{Tokenizer, TokenizerError};
pub use weight::{Precision, UnknownPrecision};
pub use weights::{Mismatch, Stored, Weights};
