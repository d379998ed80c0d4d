//! Settings of a run: plain data, checked once.
//!
//! A [`RecipeConfig`] is plain data with public fields. [`RecipeConfig::build`] checks all of them
//! and returns a [`Recipe`], which cannot change any more. What trains takes a `Recipe`, so no
//! setting fails later.

mod check;
mod config;
mod parse;
mod preset;
mod steer;

use std::ops::Deref;
use std::time::Duration;

use serde::Serialize;
use trimtab_model::file::sha256_hex;
use trimtab_tasks::Template;

pub use config::{RecipeConfig, Truncated, ValidationConfig, ZeroVariance};
pub use parse::RecipeError;
pub use preset::{Preset, UnknownPreset};
pub use steer::SteerConfig;

use crate::reward::Rewards;

/// Checked settings of a training run.
///
/// It dereferences to [`RecipeConfig`], so its settings are read as fields.
///
/// ```
/// use trimtab_rl::RecipeConfig;
///
/// let recipe = RecipeConfig { steps: 20, ..RecipeConfig::default() }.build()?;
/// assert_eq!(recipe.steps, 20);
/// assert!(RecipeConfig { steps: 0, ..RecipeConfig::default() }.build().is_err());
/// # Ok::<(), trimtab_rl::recipe::RecipeError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Recipe(RecipeConfig);

impl Recipe {
    /// How a question is put to the model.
    pub fn template(&self) -> Template {
        self.template
            .clone()
            .unwrap_or_else(|| self.task.protocol().template)
    }

    /// The rewards that the recipe names.
    pub fn rewards(&self) -> Rewards {
        let mut rewards = Rewards::new(Duration::from_secs_f32(self.reward_seconds));
        for (&built_in, &weight) in &self.reward {
            if weight != 0.0 {
                rewards = rewards.with_built_in(built_in, weight, self.max_new_tokens, self.seed);
            }
        }
        match &self.reward_command {
            Some(command) => rewards.with_command(command.clone()),
            None => rewards,
        }
    }

    /// Learning rate of a layer at `step`, which counts from 1.
    ///
    /// With `L` layers, layer `l` has the rate
    /// `learning_rate * schedule(step) * depth_ratio^(-(L - 1 - l) / (L - 1))`.
    pub fn layer_rate(&self, layer: usize, num_hidden_layers: usize, step: u64) -> f32 {
        let last = num_hidden_layers - 1;
        // 1 for the first layer, 0 for the last.
        let below_last = (last - layer) as f32 / last.max(1) as f32;
        let factor = self.schedule.factor(step, self.steps, self.warmup_steps);
        self.learning_rate * factor * self.depth_ratio.powf(-below_last)
    }

    /// SHA-256 of the settings on which the result of a run depends.
    ///
    /// Two runs with the same fingerprint and base model go through the same numbers.
    /// `reward_seconds`, `micro_batch_tokens`, `checkpoint_every` and `keep_checkpoints` do not
    /// count.
    pub fn fingerprint(&self) -> String {
        let default = RecipeConfig::default();
        let settings = RecipeConfig {
            reward_seconds: default.reward_seconds,
            micro_batch_tokens: default.micro_batch_tokens,
            checkpoint_every: default.checkpoint_every,
            keep_checkpoints: default.keep_checkpoints,
            ..self.0.clone()
        };
        sha256_hex(settings.to_toml().as_bytes())
    }
}

impl Deref for Recipe {
    type Target = RecipeConfig;

    fn deref(&self) -> &RecipeConfig {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optim::Schedule;

    #[test]
    fn rates_grow_with_depth() {
        let recipe = RecipeConfig {
            learning_rate: 0.1,
            depth_ratio: 100.0,
            schedule: Schedule::Constant,
            ..RecipeConfig::default()
        }
        .build()
        .expect("a good recipe");
        let rates: Vec<f32> = (0..3)
            .map(|layer| recipe.layer_rate(layer, 3, 50))
            .collect();
        for (rate, expected) in rates.iter().zip([0.001, 0.01, 0.1]) {
            assert!((rate / expected - 1.0).abs() < 1e-5, "{rates:?}");
        }
        assert!((recipe.layer_rate(0, 1, 50) - 0.1).abs() < 1e-7);
    }
}
