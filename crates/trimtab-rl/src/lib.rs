//! Reward training of steering vectors: rollouts, advantages, losses, updates, checkpoints.
//!
//! A [`Run`] is a folder that can be stopped at any instant and taken up again with the same bytes at the end; a
//! [`Trainer`] is the same in main memory. One [`Trainer::step`] samples a group of completions for each of some
//! problems, rewards right answers, and moves the vectors against the gradient of the policy-gradient loss.

mod adamw;
mod advantage;
mod checkpoint;
mod evaluate;
mod loss;
mod recipe;
mod rollout;
mod run;
mod trainer;

pub use adamw::{AdamWConfig, Moments, Schedule, clip_grad_norm};
pub use advantage::leave_one_out;
pub use checkpoint::{Checkpoint, CheckpointError};
pub use evaluate::evaluate;
pub use loss::{GroupGradient, group_gradient};
pub use recipe::{Recipe, RecipeError};
pub use rollout::{Group, Rollout, RolloutError, RolloutRecord, rollouts};
pub use run::{Run, RunError};
pub use trainer::{StepError, StepMetrics, Trainer};
