//! A frozen decoder on burn: loading, key-value cache, generation, hooks on what it computes.

mod attention;
mod cache;
mod config;
mod decoder;
mod families;
mod generate;
mod hook;
mod layer;
mod pretrained;
mod rope;
mod sampling;
mod stop;
mod tensor_file;
mod tokenizer;

pub use burn::tensor::Device;
pub use cache::{Prompt, Rows};
pub use config::{
    Activation, Architecture, ConfigError, LayerConfig, ModelConfig, Names, Norms, QkNorm,
};
pub use decoder::Model;
pub use generate::{
    Completion, Drawn, FinishReason, GenerateError, GenerateOptions, Generation, Request, generate,
};
pub use hook::{At, Hook, Site, TokenAt, UnknownSite, at_resid_post};
pub use pretrained::{LoadError, Pretrained};
pub use rope::{RopeConfig, RopeScaling};
pub use sampling::{Sampling, SamplingError};
pub use stop::stop_at;
pub use tensor_file::{HostTensor, TensorFile, TensorFileError, sha256_hex, write_atomically};
pub use tokenizer::{Tokenizer, TokenizerError};
