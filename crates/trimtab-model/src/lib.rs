//! Decoder-only language models on [burn](https://burn.dev), frozen: loading, generation and hooks.
//!
//! A [`Model`] is a value that never changes. Whatever acts on it is an argument of a forward
//! pass: a [`Hook`] is shown activations and says what the model continues with.
//!
//! - [`Pretrained::load`] reads a Hugging Face checkpoint folder.
//! - [`generate`] samples completions; completions of one prompt share its keys and values.
//! - [`Model::run_with_cache`] keeps activations in an [`ActivationCache`].
//! - [`Model::prefill`], [`Model::forward_completions`] and [`Model::decode_step`] are the forward
//!   passes that everything else is made of.
//!
//! The names at this level are enough for most programs. What they are made of is in the modules.

mod activation_cache;
mod attention;
pub mod cache;
pub mod chat;
pub mod checkpoint_weights;
pub mod config;
mod config_json;
mod decoder;
mod delta_rule;
mod families;
pub mod file;
pub mod generation;
pub mod gguf;
pub mod hook;
mod layer;
pub mod layer_input;
mod mixing;
mod outline;
pub mod precision;
mod pretrained;
mod rope;
pub mod sampling;
pub mod tensor_file;
pub mod tokenizer;
mod tokenizer_config;
mod weight;

pub use activation_cache::ActivationCache;
pub use burn::tensor::Device;
pub use cache::{KvCache, PromptCache};
pub use chat::{ChatMessage, ChatTemplate};
pub use config::ModelConfig;
pub use decoder::{Model, Rows, Wanted};
pub use generation::{Completion, FinishReason, GenerateOptions, Request, generate};
pub use hook::{Hook, HookPoint, Intervention, Site};
pub use outline::Outline;
pub use precision::Precision;
pub use pretrained::{LoadError, LoadOptions, Pretrained};
pub use sampling::Sampling;
pub use tokenizer::Tokenizer;

/// The examples of the README, as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
