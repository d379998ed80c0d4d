//! The settings of a run as plain data, with their defaults.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use trimtab_grader::Rules;
use trimtab_tasks::filter::ProblemFilter;
use trimtab_tasks::{NanoTask, Task, Template};

use super::steer::{SteerConfig, is_default};
use crate::advantage::Advantage;
use crate::gradient::BackwardConfig;
use crate::loss::{KlConfig, LossConfig};
use crate::optim::{AdamWConfig, Schedule};
use crate::reward::{BuiltIn, CommandConfig};
use crate::value::ValueConfig;

/// Settings of a training run, not checked yet.
///
/// [`build`](Self::build) checks them. The defaults are those of `examples/quickstart`.
/// [`Preset`](super::Preset) has those of known algorithms.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct RecipeConfig {
    /// Where the problems come from.
    pub task: Task,
    /// Which problems of a data set are trained and validated on. Generated tasks have none.
    #[serde(skip_serializing_if = "is_default")]
    pub filter: ProblemFilter,
    /// How a question is put to the model. By default, the way the task is usually evaluated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template: Option<Template>,
    /// What is trained.
    #[serde(skip_serializing_if = "is_default")]
    pub steer: SteerConfig,
    /// Number of training steps.
    pub steps: u64,
    /// Prompts of one step.
    pub prompts_per_step: usize,
    /// Completions of each prompt. Their rewards are compared with each other.
    pub group_size: usize,
    /// Sampling temperature. It divides the logits in sampling and in training.
    pub temperature: f32,
    /// Largest number of tokens of a completion. A longer one is cut and rewarded as it stands.
    pub max_new_tokens: usize,
    /// Peak learning rate of the last layer, and of parameters that layers share.
    pub learning_rate: f32,
    /// Ratio of the last layer's learning rate to the first layer's.
    ///
    /// The rates between them grow by equal factors. With 1, all layers have the same rate. In
    /// arXiv:2505.18706, the best rate of single layers grew about 30 times with depth.
    pub depth_ratio: f32,
    /// Steps over which the learning rate rises from zero.
    pub warmup_steps: u64,
    /// Learning rate after the warm-up.
    pub schedule: Schedule,
    /// Largest Euclidean norm of the gradient. A longer gradient is scaled down.
    pub max_grad_norm: f32,
    /// Seed of problems and sampling.
    pub seed: u64,
    /// How advantages follow from rewards.
    pub advantage: Advantage,
    /// What happens to groups whose rewards are all equal.
    pub zero_variance: ZeroVariance,
    /// Largest number of sampling rounds of a step, for `zero_variance = "resample"`.
    pub resample_rounds: u64,
    /// What happens to completions that were cut at `max_new_tokens`.
    pub truncated: Truncated,
    /// Largest number of seconds that rewarding a step may take.
    pub reward_seconds: f32,
    /// Completion tokens of the groups that are run backward in parallel.
    ///
    /// It bounds memory. No result depends on it.
    pub micro_batch_tokens: usize,
    /// Steps between checkpoints.
    pub checkpoint_every: u64,
    /// Number of checkpoints to keep, the newest ones.
    pub keep_checkpoints: usize,
    /// Largest number of skipped steps in a row; one more ends the run with an error.
    ///
    /// A step is skipped when a loss, gradient or parameter is not finite.
    pub max_skipped_steps: u64,
    /// Where an answer counts, what is equal. By default only a box counts, since the reward pays
    /// for the form too.
    pub grader: Rules,
    /// Weights of the built-in rewards. Those left out are 0.
    pub reward: BTreeMap<BuiltIn, f32>,
    /// A program that rewards completions as well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reward_command: Option<CommandConfig>,
    /// The policy's loss.
    pub loss: LossConfig,
    /// Bounds on the memory of a gradient.
    pub backward: BackwardConfig,
    /// The penalty for leaving the unsteered model.
    pub kl: KlConfig,
    /// The value head, for `advantage = "value"`.
    pub value: ValueConfig,
    /// The optimiser.
    pub adamw: AdamWConfig,
    /// Evaluation during training.
    pub validation: ValidationConfig,
}

/// What happens to groups whose rewards are all equal. The metrics count them in every case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ZeroVariance {
    /// They stay. Their advantages are zero, and their tokens count in the mean.
    Keep,
    /// They are dropped.
    Drop,
    /// They are dropped, and other problems are sampled until there are `prompts_per_step` groups.
    ///
    /// This is dynamic sampling of DAPO, arXiv:2503.14476, section 3.2. After `resample_rounds`
    /// the step goes on with the groups it has.
    Resample,
}

/// What happens to completions that were cut at `max_new_tokens`.
///
/// The reward `soft-overlong` is another way to treat them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Truncated {
    /// They count like all others.
    Keep,
    /// Their rewards count in their group. Their tokens count neither in the loss nor in its mean.
    Mask,
}

/// Settings of evaluation during training.
///
/// The problems are neither training nor test problems. Generated problems come from their own
/// stream of the training split. Of a finite data set, a share is set aside.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ValidationConfig {
    /// Steps between evaluations. With 0 there are none, and no problem is set aside.
    pub every: u64,
    /// Largest number of problems.
    pub problems: usize,
    /// Completions of each problem.
    pub samples: usize,
    /// Share of a finite data set that is set aside.
    pub share: f64,
}

impl Default for ValidationConfig {
    fn default() -> Self {
        Self {
            every: 0,
            problems: 200,
            samples: 1,
            share: 0.05,
        }
    }
}

impl Default for RecipeConfig {
    fn default() -> Self {
        Self {
            task: Task::Nano(NanoTask::Gsm),
            filter: ProblemFilter::default(),
            template: None,
            steer: SteerConfig::default(),
            steps: 80,
            prompts_per_step: 32,
            group_size: 16,
            temperature: 1.0,
            max_new_tokens: 96,
            learning_rate: 0.45,
            depth_ratio: 1.0,
            warmup_steps: 5,
            schedule: Schedule::Cosine,
            max_grad_norm: 1.0,
            seed: 0,
            advantage: Advantage::LeaveOneOut,
            zero_variance: ZeroVariance::Keep,
            resample_rounds: 4,
            truncated: Truncated::Keep,
            reward_seconds: 600.0,
            micro_batch_tokens: 65_536,
            checkpoint_every: 1,
            keep_checkpoints: 2,
            max_skipped_steps: 3,
            grader: Rules {
                boxed_only: true,
                fallback: false,
                ..Rules::DEFAULT
            },
            reward: BTreeMap::from([(BuiltIn::Correctness, 1.0)]),
            reward_command: None,
            loss: LossConfig::default(),
            backward: BackwardConfig::default(),
            kl: KlConfig::default(),
            value: ValueConfig::default(),
            adamw: AdamWConfig::default(),
            validation: ValidationConfig::default(),
        }
    }
}

impl RecipeConfig {
    /// All settings as TOML.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("a recipe is plain data")
    }
}
