//! Steering vectors: one bias per layer that turns a base model into a reasoning model.
//!
//! "Steering LLM Reasoning Through Bias-Only Adaptation" (arXiv:2505.18706) trains one vector `s_l` per decoder layer
//! and adds it to the residual stream after that layer, at every token, with all weights frozen.

mod file;
mod vectors;

pub use file::{SteeringError, SteeringFile, SteeringMetadata};
pub use vectors::SteeringVectors;
