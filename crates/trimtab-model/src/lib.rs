//! A frozen decoder on burn: loading, key-value cache, generation, residual hooks.

mod attention;
mod config;
mod decoder;
mod generate;
mod pretrained;
mod rope;
mod tensor_file;
mod tokenizer;

pub use burn::tensor::Device;
pub use config::{ConfigError, ModelConfig};
pub use decoder::{Model, Prompts, ResidPostHook, Rows};
pub use generate::{
    Completion, FinishReason, GenerateError, Generation, Request, Sampling, generate,
};
pub use pretrained::{LoadError, Pretrained};
pub use tensor_file::{HostTensor, TensorFile, TensorFileError, sha256_hex, write_atomically};
pub use tokenizer::{Tokenizer, TokenizerError};
