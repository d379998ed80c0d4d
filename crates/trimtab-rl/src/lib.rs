//! Reward training of steering vectors and of the other forms of `trimtab-steer`: rollouts, rewards, advantages, losses, updates, checkpoints.
//!
//! A [`Run`] is a folder that can be stopped at any instant and taken up again with the same bytes at the end; a
//! [`Trainer`] is the same in main memory. One [`Trainer::step`] samples a group of completions for each of some
//! problems, rewards them, and moves the parameters against the gradient of the policy's loss.
//!
//! The formulas are pure functions that can be used alone: [`Advantage::of`], [`completion_loss`], [`gae`],
//! [`AdamWConfig::update`]. A [`Recipe`] says which of them a run goes by; [`Preset`] has known algorithms by name.

mod advantage;
mod batch;
mod checkpoint;
mod checkpointed_forward;
mod data;
mod evaluate;
mod export;
mod gradient;
mod log;
mod loss;
mod metrics;
mod policy;
mod recipe;
pub mod reporting;
mod reward;
mod rollout;
mod run;
mod trainer;
mod update;
mod value;

pub use advantage::Advantage;
pub use checkpoint::{CheckpointError, Identity, Progress, State};
pub use data::DataError;
pub use evaluate::evaluate;
pub use gradient::{
    BackwardConfig, GroupGradient, GroupLoss, Slopes, group_gradient, group_logprobs,
};
pub use loss::{
    Aggregation, CompletionLoss, KlConfig, KlEstimator, KlPlace, LossConfig, Surrogate, Terms,
    completion_loss,
};
pub use metrics::StepMetrics;
pub use policy::Policy;
pub use recipe::{
    Preset, Recipe, RecipeError, Selection, Steer, Truncated, UnknownPreset, ZeroVariance,
};
pub use reporting::{Warning, warnings};
pub use reward::{BuiltIn, CommandConfig, CommandError, RewardError, Rewards, Score};
pub use rollout::{Group, Rollout, RolloutError, RolloutRecord, item, rollouts};
pub use run::{Measurement, Run, RunError};
pub use trainer::{TrainError, Trainer};
pub use update::{AdamWConfig, Moments, Parameter, Schedule, clip_grad_norm};
pub use value::{ValueConfig, ValueHead, explained_variance, gae, whiten};
