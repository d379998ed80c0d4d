//! The settings of a run.

mod file;
mod preset;
mod steer;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use trimtab_tasks::{NanoTask, Task, Template};

pub use file::RecipeError;
pub use preset::{Preset, UnknownPreset};
pub use steer::Steer;

use crate::advantage::Advantage;
use crate::gradient::BackwardConfig;
use crate::loss::{KlConfig, LossConfig};
use crate::reward::{BuiltIn, CommandConfig};
use crate::update::{AdamWConfig, Schedule};
use crate::value::ValueConfig;

/// Settings of a training run. The defaults reproduce `examples/quickstart`; [`Preset`] has those of known algorithms.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Recipe {
    /// Where the problems come from.
    pub task: Task,
    /// How a question is put to the model; by default as the task is usually measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template: Option<Template>,
    /// What is trained.
    #[serde(skip_serializing_if = "steer::is_default")]
    pub steer: Steer,
    /// Optimiser steps.
    pub steps: u64,
    /// Prompts of one step.
    pub prompts_per_step: usize,
    /// Completions of each prompt; their rewards are compared with one another.
    pub group_size: usize,
    /// Sampling temperature; logits are divided by it in sampling and in training.
    pub temperature: f32,
    /// Longest completion in tokens; a longer one is cut and scores as it stands.
    pub max_new_tokens: usize,
    /// Peak learning rate of the last layer's vector, and of what layers share.
    pub learning_rate: f32,
    /// By how much the last layer's rate exceeds the first's; the rates between grow by equal factors. The best rate of
    /// single layers grew about 30 times with depth in the paper's experiments; 1 gives all layers the same.
    pub depth_ratio: f32,
    /// Steps over which the learning rate rises from zero.
    pub warmup_steps: u64,
    /// How it goes on from there.
    pub schedule: Schedule,
    /// Largest Euclidean norm of the gradient; a longer one is scaled down.
    pub max_grad_norm: f32,
    /// Seed of problems and sampling.
    pub seed: u64,
    /// What a completion's reward is compared with.
    pub advantage: Advantage,
    /// What happens to groups whose rewards are all equal.
    pub zero_variance: ZeroVariance,
    /// How often groups are sampled to replace those without variance, for `zero_variance = "resample"`.
    pub resample_rounds: u64,
    /// What happens to completions that were cut at `max_new_tokens`.
    pub truncated: Truncated,
    /// Longest time that rewarding a step may take, in seconds.
    pub reward_seconds: f32,
    /// Completion tokens that are run backward at the same time; groups beyond wait. It bounds memory and changes no result.
    pub tokens_at_once: usize,
    /// Steps between checkpoints.
    pub checkpoint_every: u64,
    /// Checkpoints that are kept, the newest ones.
    pub keep_checkpoints: usize,
    /// The run stops at the step after so many without an update in a row, because of values that are not finite.
    pub max_skipped_steps: u64,
    /// Weights of the built-in parts of the reward; those left out are 0.
    pub reward: BTreeMap<BuiltIn, f32>,
    /// A program that rewards completions too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reward_command: Option<CommandConfig>,
    /// The policy's loss.
    pub loss: LossConfig,
    /// What bounds the memory of a gradient.
    pub backward: BackwardConfig,
    /// The penalty for leaving the unsteered model.
    pub kl: KlConfig,
    /// The learned value, for `advantage = "value"`.
    pub value: ValueConfig,
    /// The optimiser.
    pub adamw: AdamWConfig,
    /// Measuring the model while it is trained.
    pub selection: Selection,
}

/// What happens to groups whose rewards are all equal. They are counted in every case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ZeroVariance {
    /// They stay, with advantages of zero: their tokens count in the mean.
    Keep,
    /// They are left out.
    Drop,
    /// They are left out and others are sampled in their place, until there are `prompts_per_step` or the rounds are over:
    /// dynamic sampling of DAPO, arXiv:2503.14476, section 3.2.
    Resample,
}

/// What happens to completions that were cut at `max_new_tokens`. (The reward `soft-overlong` shapes them instead.)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Truncated {
    /// They count as they stand.
    Keep,
    /// Their rewards count in their group, and their tokens in nothing.
    Mask,
}

/// Settings of measuring the model while it is trained, on problems that are neither trained on nor test problems.
///
/// Generated problems come from a stream of the training split of their own; of a list, a share is set aside.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Selection {
    /// Steps between measurements; 0 measures never, and sets no problem aside.
    pub every: u64,
    /// Most problems.
    pub problems: usize,
    /// Completions of each problem.
    pub samples: usize,
    /// Share of a list of problems that is set aside.
    pub share: f64,
}

impl Default for Selection {
    fn default() -> Self {
        Self {
            every: 0,
            problems: 200,
            samples: 1,
            share: 0.05,
        }
    }
}

impl Default for Recipe {
    fn default() -> Self {
        Self {
            task: Task::Nano(NanoTask::Gsm),
            template: None,
            steer: Steer::default(),
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
            tokens_at_once: 65_536,
            checkpoint_every: 1,
            keep_checkpoints: 2,
            max_skipped_steps: 3,
            reward: BTreeMap::from([(BuiltIn::Correctness, 1.0)]),
            reward_command: None,
            loss: LossConfig::default(),
            backward: BackwardConfig::default(),
            kl: KlConfig::default(),
            value: ValueConfig::default(),
            adamw: AdamWConfig::default(),
            selection: Selection::default(),
        }
    }
}

impl Recipe {
    /// How a question is put to the model.
    pub fn template(&self) -> Template {
        self.template
            .clone()
            .unwrap_or_else(|| self.task.protocol().template)
    }

    /// The settings on which the result depends, the others as they are by default: two runs with equal identities go
    /// through the same numbers.
    #[must_use]
    pub fn identity(&self) -> Self {
        let default = Self::default();
        Self {
            reward_seconds: default.reward_seconds,
            tokens_at_once: default.tokens_at_once,
            checkpoint_every: default.checkpoint_every,
            keep_checkpoints: default.keep_checkpoints,
            ..self.clone()
        }
    }

    /// Learning rate of layer `layer` of `num_hidden_layers` at `step` (from 1).
    pub fn layer_rate(&self, layer: usize, num_hidden_layers: usize, step: u64) -> f32 {
        let last = num_hidden_layers - 1;
        let below_last = (last - layer) as f32 / last.max(1) as f32; // 1 for the first layer, 0 for the last
        let factor = self.schedule.factor(step, self.steps, self.warmup_steps);
        self.learning_rate * factor * self.depth_ratio.powf(-below_last)
    }

    /// Refuses settings that cannot work.
    ///
    /// # Errors
    ///
    /// [`RecipeError::Value`] names the first of them.
    pub fn check(&self) -> Result<(), RecipeError> {
        let mut checks = Checks(Ok(()));
        checks.counts(self);
        let positive = [
            ("temperature", self.temperature),
            ("learning_rate", self.learning_rate),
            ("depth_ratio", self.depth_ratio),
            ("max_grad_norm", self.max_grad_norm),
            ("reward_seconds", self.reward_seconds),
            ("adamw.eps", self.adamw.eps),
            ("loss.clip_high", self.loss.clip_high),
            ("value.learning_rate", self.value.learning_rate),
        ];
        for (key, value) in positive {
            checks.that(key, value, value > 0.0 && value.is_finite(), "positive");
        }
        let not_negative = [
            ("adamw.weight_decay", self.adamw.weight_decay),
            ("loss.clip_low", self.loss.clip_low),
            ("loss.entropy_coef", self.loss.entropy_coef),
            ("kl.coef", self.kl.coef),
        ];
        for (key, value) in not_negative {
            let holds = value >= 0.0 && value.is_finite();
            checks.that(key, value, holds, "0 or positive");
        }
        for (key, value) in [
            ("adamw.beta1", self.adamw.beta1),
            ("adamw.beta2", self.adamw.beta2),
        ] {
            let holds = (0.0..1.0).contains(&value);
            checks.that(key, value, holds, "at least 0 and below 1");
        }
        for (key, value) in [
            ("value.gamma", f64::from(self.value.gamma)),
            ("value.lambda", f64::from(self.value.lambda)),
            ("selection.share", self.selection.share),
        ] {
            let holds = (0.0..=1.0).contains(&value);
            checks.that(key, value, holds, "between 0 and 1");
        }
        let dual_clip = self.loss.dual_clip;
        let holds = dual_clip > 1.0 && dual_clip.is_finite();
        checks.that("loss.dual_clip", dual_clip, holds, "above 1");
        for (built_in, &weight) in &self.reward {
            let holds = weight.is_finite();
            checks.that(
                built_in.name(),
                weight,
                holds,
                "a finite weight of the reward",
            );
        }
        let rewarded = self.reward.values().any(|&weight| weight != 0.0);
        let parts = self.reward.len();
        let holds = rewarded || self.reward_command.is_some();
        checks.that(
            "reward",
            parts,
            holds,
            "a table with a weight that is not 0",
        );
        if let Some(command) = &self.reward_command {
            let weight = command.weight;
            checks.that(
                "reward_command.weight",
                weight,
                weight.is_finite(),
                "finite",
            );
            let seconds = command.seconds;
            let holds = seconds > 0.0 && seconds < 1e9;
            checks.that("reward_command.seconds", seconds, holds, "positive");
            let words = command.program.len();
            checks.that(
                "reward_command.program",
                words,
                words > 0,
                "at least one word",
            );
        }
        checks.0
    }
}

/// The first setting that cannot work.
struct Checks(Result<(), RecipeError>);

impl Checks {
    fn that(
        &mut self,
        key: &'static str,
        value: impl ToString,
        holds: bool,
        expected: &'static str,
    ) {
        if self.0.is_ok() && !holds {
            self.0 = Err(RecipeError::Value {
                key,
                value: value.to_string(),
                expected,
            });
        }
    }

    fn counts(&mut self, recipe: &Recipe) {
        let compared = match recipe.advantage {
            Advantage::LeaveOneOut | Advantage::GroupMean | Advantage::GroupStandardised => 2,
            Advantage::BatchNormalised if recipe.prompts_per_step == 1 => 2,
            Advantage::BatchNormalised | Advantage::Value | Advantage::None => 1,
        };
        let at_least = ["at least 0", "at least 1", "at least 2"];
        let counts = [
            ("steps", recipe.steps, 1),
            ("prompts_per_step", recipe.prompts_per_step as u64, 1),
            ("group_size", recipe.group_size as u64, compared),
            ("max_new_tokens", recipe.max_new_tokens as u64, 1),
            ("warmup_steps", recipe.warmup_steps, 0),
            ("seed", recipe.seed, 0),
            ("resample_rounds", recipe.resample_rounds, 1),
            ("tokens_at_once", recipe.tokens_at_once as u64, 1),
            (
                "backward.tokens_per_part",
                recipe.backward.tokens_per_part as u64,
                1,
            ),
            ("checkpoint_every", recipe.checkpoint_every, 1),
            ("keep_checkpoints", recipe.keep_checkpoints as u64, 1),
            ("max_skipped_steps", recipe.max_skipped_steps, 0),
            ("loss.updates_per_batch", recipe.loss.updates_per_batch, 1),
            ("value.updates", recipe.value.updates, 1),
            ("selection.every", recipe.selection.every, 0),
            ("selection.problems", recipe.selection.problems as u64, 1),
            ("selection.samples", recipe.selection.samples as u64, 1),
        ];
        for (key, value, least) in counts {
            self.that(key, value, value >= least, at_least[least as usize]);
            // The recipe is saved as TOML, which has no larger whole numbers.
            let holds = i64::try_from(value).is_ok();
            self.that(key, value, holds, "at most 9223372036854775807");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_grow_with_depth() {
        let recipe = Recipe {
            learning_rate: 0.1,
            depth_ratio: 100.0,
            schedule: Schedule::Constant,
            ..Recipe::default()
        };
        let rates: Vec<f32> = (0..3)
            .map(|layer| recipe.layer_rate(layer, 3, 50))
            .collect();
        for (rate, expected) in rates.iter().zip([0.001, 0.01, 0.1]) {
            assert!((rate - expected).abs() < 1e-6, "{rates:?}");
        }
        assert!((recipe.layer_rate(0, 1, 50) - 0.1).abs() < 1e-6);
    }

    #[test]
    fn defaults_hold_and_each_bad_value_is_named() {
        let default = Recipe::default();
        assert!(default.check().is_ok());
        let bad = [
            (
                "steps",
                Recipe {
                    steps: 0,
                    ..default.clone()
                },
            ),
            (
                "group_size",
                Recipe {
                    group_size: 1,
                    ..default.clone()
                },
            ),
            (
                "temperature",
                Recipe {
                    temperature: 0.0,
                    ..default.clone()
                },
            ),
            (
                "learning_rate",
                Recipe {
                    learning_rate: f32::NAN,
                    ..default.clone()
                },
            ),
            (
                "adamw.beta2",
                Recipe {
                    adamw: AdamWConfig {
                        beta2: 1.0,
                        ..default.adamw
                    },
                    ..default.clone()
                },
            ),
        ];
        for (key, recipe) in bad {
            let error = recipe.check().expect_err(key).to_string();
            assert!(error.starts_with(&format!("`{key}` is ")), "{error}");
        }
    }
}
