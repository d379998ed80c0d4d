//! Reward training of steering vectors.

mod adamw;

pub use adamw::{AdamWConfig, Moments, Schedule, clip_grad_norm};
