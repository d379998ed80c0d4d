//! The settings of a run.

use serde::{Deserialize, Serialize};
use trimtab_tasks::Family;

use crate::adamw::{AdamWConfig, Schedule};

/// Settings of a training run. The defaults reproduce `examples/quickstart`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Recipe {
    /// Where the problems come from.
    pub task: Family,
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
    /// Peak learning rate of the last layer's vector.
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
    /// The optimiser.
    pub adamw: AdamWConfig,
    /// Seed of problems and sampling.
    pub seed: u64,
}

impl Default for Recipe {
    fn default() -> Self {
        Self {
            task: Family::NanoGsm,
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
            adamw: AdamWConfig::default(),
            seed: 0,
        }
    }
}

/// A setting that cannot work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{key}` is {value} in the recipe; it must be {expected}")]
pub struct RecipeError {
    key: &'static str,
    value: String,
    expected: &'static str,
}

impl Recipe {
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
    /// [`RecipeError`] names the first of them.
    pub fn check(&self) -> Result<(), RecipeError> {
        let positive = |value: f32| value > 0.0 && value.is_finite();
        let share = |value: f32| (0.0..1.0).contains(&value);
        let at_least_one = "at least 1";
        let checks = [
            (
                "steps",
                self.steps.to_string(),
                self.steps >= 1,
                at_least_one,
            ),
            (
                "prompts_per_step",
                self.prompts_per_step.to_string(),
                self.prompts_per_step >= 1,
                at_least_one,
            ),
            (
                "group_size",
                self.group_size.to_string(),
                self.group_size >= 2,
                "at least 2",
            ),
            (
                "max_new_tokens",
                self.max_new_tokens.to_string(),
                self.max_new_tokens >= 1,
                at_least_one,
            ),
            (
                "temperature",
                self.temperature.to_string(),
                positive(self.temperature),
                "positive",
            ),
            (
                "learning_rate",
                self.learning_rate.to_string(),
                positive(self.learning_rate),
                "positive",
            ),
            (
                "depth_ratio",
                self.depth_ratio.to_string(),
                positive(self.depth_ratio),
                "positive",
            ),
            (
                "max_grad_norm",
                self.max_grad_norm.to_string(),
                positive(self.max_grad_norm),
                "positive",
            ),
            (
                "adamw.beta1",
                self.adamw.beta1.to_string(),
                share(self.adamw.beta1),
                "at least 0 and below 1",
            ),
            (
                "adamw.beta2",
                self.adamw.beta2.to_string(),
                share(self.adamw.beta2),
                "at least 0 and below 1",
            ),
            (
                "adamw.eps",
                self.adamw.eps.to_string(),
                positive(self.adamw.eps),
                "positive",
            ),
            (
                "adamw.weight_decay",
                self.adamw.weight_decay.to_string(),
                self.adamw.weight_decay >= 0.0 && self.adamw.weight_decay.is_finite(),
                "0 or positive",
            ),
        ];
        // The recipe is saved as TOML, which has no larger whole numbers.
        let most = "at most 9223372036854775807";
        let counts = [
            ("steps", self.steps),
            ("prompts_per_step", self.prompts_per_step as u64),
            ("group_size", self.group_size as u64),
            ("max_new_tokens", self.max_new_tokens as u64),
            ("warmup_steps", self.warmup_steps),
            ("seed", self.seed),
        ];
        let counts =
            counts.map(|(key, value)| (key, value.to_string(), i64::try_from(value).is_ok(), most));
        for (key, value, holds, expected) in checks.into_iter().chain(counts) {
            if !holds {
                return Err(RecipeError {
                    key,
                    value,
                    expected,
                });
            }
        }
        Ok(())
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
        assert_eq!(default.check(), Ok(()));
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
            assert_eq!(recipe.check().map_err(|error| error.key), Err(key));
        }
    }
}
