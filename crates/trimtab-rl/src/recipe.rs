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
    /// Peak learning rate.
    pub learning_rate: f32,
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
            learning_rate: 0.02,
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
            ("steps", self.steps.to_string(), self.steps >= 1, at_least_one),
            ("prompts_per_step", self.prompts_per_step.to_string(), self.prompts_per_step >= 1, at_least_one),
            ("group_size", self.group_size.to_string(), self.group_size >= 2, "at least 2"),
            ("max_new_tokens", self.max_new_tokens.to_string(), self.max_new_tokens >= 1, at_least_one),
            ("temperature", self.temperature.to_string(), positive(self.temperature), "positive"),
            ("learning_rate", self.learning_rate.to_string(), positive(self.learning_rate), "positive"),
            ("max_grad_norm", self.max_grad_norm.to_string(), positive(self.max_grad_norm), "positive"),
            ("adamw.beta1", self.adamw.beta1.to_string(), share(self.adamw.beta1), "at least 0 and below 1"),
            ("adamw.beta2", self.adamw.beta2.to_string(), share(self.adamw.beta2), "at least 0 and below 1"),
            ("adamw.eps", self.adamw.eps.to_string(), positive(self.adamw.eps), "positive"),
            (
                "adamw.weight_decay",
                self.adamw.weight_decay.to_string(),
                self.adamw.weight_decay >= 0.0 && self.adamw.weight_decay.is_finite(),
                "0 or positive",
            ),
        ];
        for (key, value, holds, expected) in checks {
            if !holds {
                return Err(RecipeError { key, value, expected });
            }
        }
        Ok(())
    }
}
