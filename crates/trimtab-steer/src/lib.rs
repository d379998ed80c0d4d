//! Steering vectors: one bias per layer that turns a base model into a reasoning model.
//!
//! "Steering LLM Reasoning Through Bias-Only Adaptation" (arXiv:2505.18706) trains one vector `s_l` per decoder layer
//! and adds it to the residual stream after that layer, at every token, with all weights frozen. [`SteeringVectors`] is that, and
//! [`SteeringFile`] its file.
//!
//! [`Form`] is everything else that can be trained, the other arms of the paper's comparison included. An [`Adapter`] holds the
//! parameters of a form, its [`DeviceAdapter`] act on a model, and [`Steering`] says at which tokens they do:
//!
//! ```
//! use trimtab_model::{Device, ModelConfig};
//! use trimtab_steer::{Adapter, Conflict, Form, Gated, Steering, TokenFilter};
//!
//! # let json = r#"{"model_type": "llama", "vocab_size": 11, "hidden_size": 12, "intermediate_size": 17,
//! #     "num_hidden_layers": 3, "num_attention_heads": 2, "num_key_value_heads": 1}"#;
//! let config = ModelConfig::from_json(json)?;
//! let vectors = Adapter::init(Form::default(), &config)?.to_device(&Device::flex());
//! let gated = Adapter::init(Form::Gated(Gated::default()), &config)?.to_device(&Device::flex());
//! let prompt: TokenFilter = toml::from_str("only = { part = \"prompt\", last = 4 }")?;
//! let steering = Steering::new(vec![(vectors, prompt), (gated, TokenFilter::default())], Conflict::Sum)?;
//! let hook: trimtab_model::Hook = &steering; // for `Model::read`, `generate` and the rest
//! # let _ = hook;
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```

mod action;
mod adapter;
pub mod algebra;
mod checkpoint;
mod control_vector;
mod effect;
mod export;
mod extract;
mod file;
mod form;
mod gguf;
mod logistic;
mod merged_checkpoint;
mod merged_gguf;
mod npy;
mod peft;
mod steering;
mod token_filter;
mod vectors;

pub use adapter::{Adapter, DeviceAdapter};
pub use control_vector::{FirstLayer, write_control_vector};
pub use effect::{
    Effect, EffectError, Strength, effect, pairwise_effects, perplexity, strongest_within, sweep,
};
pub use export::{ExportError, TOLERANCE, compare_probes, probe, write_npy};
pub use extract::{Contrast, ExtractError, Method, ReadAt, extract};
pub use file::{SteeringError, SteeringFile, SteeringMetadata, Transfer};
pub use form::{Form, FormError, Full, Gated, Lora, LowRank, PerLayer, RandomProjection, Scaled};
pub use gguf::GgufError;
pub use merged_checkpoint::{Window, merge_checkpoint};
pub use merged_gguf::{Checked, merge_gguf};
pub use npy::NpyError;
pub use peft::PeftError;
pub use steering::{ConditionCache, Conflict, SteeredToken, Steering, SteeringSetError};
pub use token_filter::{Condition, Part, TokenFilter, TokenFilterError, Tokens};
pub use vectors::SteeringVectors;
