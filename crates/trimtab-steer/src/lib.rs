//! Steering vectors: one bias per layer that turns a base model into a reasoning model.
//!
//! "Steering LLM Reasoning Through Bias-Only Adaptation" (arXiv:2505.18706) trains one vector `s_l`
//! per decoder layer and adds it to the residual stream after that layer, at every token, with all
//! weights frozen. [`SteeringVectors`] are these vectors, [`SteeringFile`] is their file, and
//! [`SteeredModel`] loads a model with them:
//!
//! ```no_run
//! use trimtab_model::{Device, Precision, Pretrained};
//! use trimtab_steer::{SteeredModel, SteeringSource};
//!
//! let base = Pretrained::load("checkpoint".as_ref(), Precision::F32, &Device::flex())?;
//! let steered = SteeredModel::load(base, &[SteeringSource::new("steering.safetensors")])?;
//! # let _ = steered.hook();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Other things can be trained too, including LoRA and full tuning. A [`Form`] says what is
//! trained. An [`Adapter`] holds its parameters in main memory, a [`DeviceAdapter`] on a device.
//! [`Steering`] makes them act on a model, at the tokens that a [`TokenFilter`] selects:
//!
//! ```
//! use trimtab_model::{Device, Hook, ModelConfig};
//! use trimtab_steer::form::{Form, Gated};
//! use trimtab_steer::{Adapter, Conflict, Steering, TokenFilter};
//!
//! # let json = r#"{"model_type": "llama", "vocab_size": 11, "hidden_size": 12,
//! #     "intermediate_size": 17, "num_hidden_layers": 3, "num_attention_heads": 2,
//! #     "num_key_value_heads": 1}"#;
//! let config = ModelConfig::from_json(json)?;
//! let vectors = Adapter::init(Form::default(), &config)?.to_device(&Device::flex());
//! let gated = Adapter::init(Form::Gated(Gated::default()), &config)?.to_device(&Device::flex());
//! let prompt: TokenFilter = toml::from_str("only = { part = \"prompt\", last = 4 }")?;
//! let adapters = vec![(vectors, prompt), (gated, TokenFilter::default())];
//! let steering = Steering::new(adapters, Conflict::Sum)?;
//! let hook: Hook = &steering; // for `Model::prefill`, `generate` and others
//! # let _ = hook;
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! The modules hold the rest: [`extraction`] makes vectors without training, [`effect`] measures
//! what they do, [`algebra`] combines them, and [`export`] writes them for other runtimes.

mod action;
mod adapter;
pub mod algebra;
mod control_vector;
mod device_adapter;
pub mod effect;
pub mod export;
pub mod extraction;
pub mod form;
mod npy;
pub mod peft;
pub mod steered_model;
pub mod steering;
pub mod steering_file;
mod steering_vectors;
pub mod token_filter;

pub use adapter::Adapter;
pub use device_adapter::DeviceAdapter;
pub use form::{Form, FormError};
pub use steered_model::{SteeredModel, SteeredModelError, SteeringSource};
pub use steering::{Conflict, Steering, SteeringError};
pub use steering_file::{SteeringFile, SteeringFileError, SteeringMetadata};
pub use steering_vectors::SteeringVectors;
pub use token_filter::{TokenFilter, TokenFilterError};
