//! Settings of a run: plain data, checked once.
//!
//! A [`RecipeConfig`] is plain data with public fields. [`RecipeConfig::build`] checks all of them
//! and returns a [`Recipe`], which cannot change any more. What trains takes a `Recipe`, so no
//! setting fails later.

mod check;
mod config;
mod explain;
mod parse;
mod preset;
mod steer;

use std::collections::BTreeSet;
use std::ops::Deref;
use std::time::Duration;

use serde::Serialize;
use toml::{Table, Value};
use trimtab_model::file::sha256_hex;
use trimtab_tasks::Template;

pub use config::{RecipeConfig, Truncated, ValidationConfig, ZeroVariance};
pub use explain::Misfit;
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
        sha256_hex(self.identity().to_toml().as_bytes())
    }

    /// The first setting on which the result depends and which another recipe, in TOML, has
    /// otherwise: its key, the value there and the value here. `None` if there is none or `other`
    /// cannot be read.
    pub(crate) fn difference(&self, other: &str) -> Option<(String, String, String)> {
        let other = Self::resolve(other, &[]).ok()?;
        let table = |recipe: &Self| recipe.identity().to_toml().parse::<Table>().ok();
        first_difference("", &table(&other)?, &table(self)?)
    }

    /// The settings on which the result of a run depends, and the defaults of all others.
    fn identity(&self) -> RecipeConfig {
        let default = RecipeConfig::default();
        RecipeConfig {
            reward_seconds: default.reward_seconds,
            micro_batch_tokens: default.micro_batch_tokens,
            checkpoint_every: default.checkpoint_every,
            keep_checkpoints: default.keep_checkpoints,
            ..self.0.clone()
        }
    }
}

impl Deref for Recipe {
    type Target = RecipeConfig;

    fn deref(&self) -> &RecipeConfig {
        &self.0
    }
}

/// The path of the first key whose values differ, with both values.
fn first_difference(path: &str, one: &Table, other: &Table) -> Option<(String, String, String)> {
    let keys: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
    keys.into_iter().find_map(|key| {
        let path = format!("{path}{key}");
        match (one.get(key), other.get(key)) {
            (Some(Value::Table(one)), Some(Value::Table(other))) => {
                first_difference(&format!("{path}."), one, other)
            }
            (one, other) if one == other => None,
            (one, other) => {
                let shown = |value: Option<&Value>| {
                    value.map_or_else(|| "the default".to_owned(), ToString::to_string)
                };
                Some((path, shown(one), shown(other)))
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optim::Schedule;

    #[test]
    fn the_first_setting_that_differs_is_named() {
        let recipe = |settings: &[&str]| {
            let settings: Vec<String> = settings.iter().map(|&it| it.to_owned()).collect();
            Recipe::resolve("", &settings).expect("a good recipe")
        };
        let other = recipe(&["loss.clip_high=0.5", "seed=3", "checkpoint_every=7"]);
        let mine = recipe(&["seed=4", "steer.form=\"gated\""]);
        let (key, found, wanted) = mine.difference(&other.to_toml()).expect("they differ");
        assert_eq!((&*key, &*found), ("loss.clip_high", "0.5"));
        assert_ne!(wanted, "0.5");
        let same = recipe(&["checkpoint_every=9"]);
        assert_eq!(recipe(&[]).difference(&same.to_toml()), None);
        let (key, found, wanted) = mine
            .difference(&recipe(&["seed=4"]).to_toml())
            .expect("they differ");
        assert_eq!((&*key, &*found), ("steer", "the default"));
        assert!(wanted.contains("gated"), "{wanted}");
    }

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
