//! `config.json`: the sizes of a decoder and the conventions of its family.
//!
//! Everything is checked before anything is allocated. Keys that are unknown and could change what
//! the model computes are refused, unless the user allows them.

pub(crate) mod architecture;
pub(crate) mod error;
pub(crate) mod keys;
mod policy;
pub(crate) mod quantised;
pub(crate) mod rope;

pub use architecture::{
    Architecture, Biases, ExpertsConfig, LayerConfig, LinearAttentionConfig, ModelConfig,
    NormNames, QkNorm, TensorNames,
};
pub use error::ConfigError;
pub use rope::{QueryScaling, RopeConfig, RopeScaling};
pub use trimtab_kernels::Activation;
