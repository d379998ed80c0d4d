//! Steering vectors: one bias per layer that turns a base model into a reasoning model.
//!
//! "Steering LLM Reasoning Through Bias-Only Adaptation" (arXiv:2505.18706) trains one vector `s_l` per decoder layer
//! and adds it to the residual stream after that layer, at every token, with all weights frozen.

mod action;
mod adapter;
mod file;
mod form;
mod peft;
mod place;
mod steering;
mod vectors;

pub use adapter::{Adapter, Leaves};
pub use file::{SteeringError, SteeringFile, SteeringMetadata};
pub use form::{Form, FormError, Full, Gated, Lora, LowRank, PerLayer, RandomProjection, Scaled};
pub use peft::PeftError;
pub use place::{Condition, Part, Tokens, Where, WhereError};
pub use steering::{Conflict, Steered, Steering, SteeringSetError};
pub use vectors::SteeringVectors;
