//! Reinforcement learning of steering vectors, and of the other forms of `trimtab-steer`.
//!
//! A [`Run`] is a folder. It can be stopped at any instant. Opened again, it ends with the same
//! bytes. A [`Trainer`] is the same in memory. One [`Trainer::step`] samples a group of completions
//! for each of some problems, rewards them, and updates the trained parameters.
//!
//! A [`Recipe`] holds the settings of a run. A [`Preset`] holds those of a known algorithm.
//!
//! ```no_run
//! use trimtab_model::{Device, Precision, Pretrained};
//! use trimtab_rl::{RecipeConfig, Run};
//!
//! let base = Pretrained::load("model".as_ref(), Precision::F32, &Device::flex())?;
//! let recipe = RecipeConfig { steps: 20, ..RecipeConfig::default() }.build()?;
//! let mut run = Run::open("runs/mine".as_ref(), &base, &recipe)?;
//! while let Some(step) = run.advance()? {
//!     println!("{:.0} % right", 100.0 * step.metrics.accuracy);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The formulas are pure functions that work alone: [`advantage::Advantage::compute`],
//! [`value::gae`], [`loss::completion_loss`] and [`optim::AdamWConfig::update`].

pub mod advantage;
mod batch;
pub mod checkpoint;
mod checkpointed_forward;
mod data;
pub mod diagnosis;
pub mod evaluation;
mod export;
pub mod gradient;
mod length;
mod log;
pub mod loss;
mod metrics;
pub mod optim;
pub mod plan;
mod policy;
pub mod recipe;
pub mod reporting;
pub mod reward;
pub mod rollout;
pub mod run;
mod token_values;
mod trainer;
mod validation;
pub mod value;

pub use evaluation::evaluate;
pub use metrics::{Skipped, StepMetrics};
pub use plan::Plan;
pub use policy::Policy;
pub use recipe::{Preset, Recipe, RecipeConfig};
pub use reward::Rewards;
pub use rollout::{Group, Rollout};
pub use run::{Run, RunError};
pub use trainer::{StepOutput, TrainError, Trainer};

/// The examples of the README, as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
