//! Steering vectors: one bias per layer that turns a base model into a reasoning model.
//!
//! "Steering LLM Reasoning Through Bias-Only Adaptation" (arXiv:2505.18706) trains one vector `s_l` per decoder layer
//! and adds it to the residual stream after that layer, at every token, with all weights frozen.

mod action;
mod adapter;
pub mod algebra;
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
mod place;
mod steering;
mod vectors;

pub use adapter::{Adapter, Leaves};
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
pub use place::{Condition, Part, Tokens, Where, WhereError};
pub use steering::{Conflict, Steered, Steering, SteeringSetError};
pub use vectors::SteeringVectors;
