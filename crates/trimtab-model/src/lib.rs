//! A frozen decoder on burn: loading, key-value cache, generation, residual hooks.

mod attention;
mod chat;
mod config;
mod decoder;
mod file;
mod generate;
#[cfg(feature = "hub")]
mod hub;
mod json;
mod pretrained;
mod rope;
mod tensor_file;
mod tokenizer;
mod tokenizer_config;
mod weights;

pub use burn::tensor::{Device, FloatDType};
pub use chat::{ChatError, ChatTemplate, Message};
pub use config::{ConfigError, ModelConfig};
pub use decoder::{Model, Prompts, ResidPostHook, Rows};
pub use generate::{
    Completion, FinishReason, GenerateError, Generation, Request, Sampling, generate,
};
#[cfg(feature = "hub")]
pub use hub::{Download, Hub, HubError};
pub use pretrained::{LoadError, Pretrained};
pub use tensor_file::{HostTensor, TensorFile, TensorFileError, sha256_hex, write_atomically};
pub use tokenizer::{Tokenizer, TokenizerError};
pub use weights::{Mismatch, Weights};
