//! Checks of all settings: what makes a [`Recipe`] of a [`RecipeConfig`].

use std::fmt::Display;

use super::{Recipe, RecipeConfig, RecipeError};
use crate::advantage::Advantage;

/// Largest whole number of TOML; the recipe of a run is saved as TOML.
const MAX_WHOLE: u64 = i64::MAX as u64;

/// Largest number of prompts of a step, of rounds and of updates.
const MAX_COUNT: u64 = 1 << 20;

/// Largest number of completions of a prompt.
const MAX_SAMPLES: u64 = 1 << 16;

/// Largest number of tokens of a completion.
const MAX_NEW_TOKENS: u64 = 1 << 24;

/// Longest time limit in seconds, about thirty years.
const MAX_SECONDS: f32 = 1e9;

impl RecipeConfig {
    /// Checks every setting.
    ///
    /// What depends on the model or on data is checked when a run is opened: whether the form fits
    /// the model, and whether the task has problems.
    ///
    /// # Errors
    ///
    /// [`RecipeError::Value`] names the first setting that cannot work.
    pub fn build(self) -> Result<Recipe, RecipeError> {
        self.check_counts()?;
        self.check_filter()?;
        self.check_numbers()?;
        self.check_shares()?;
        self.check_rewards()?;
        Ok(Recipe(self))
    }

    fn check_counts(&self) -> Result<(), RecipeError> {
        let min_group = match self.advantage {
            Advantage::LeaveOneOut | Advantage::GroupMean | Advantage::GroupStandardised => 2,
            Advantage::BatchNormalised if self.prompts_per_step == 1 => 2,
            Advantage::BatchNormalised | Advantage::Value | Advantage::None => 1,
        };
        let [prompts, group_size] = [self.prompts_per_step, self.group_size].map(|n| n as u64);
        let max_new_tokens = self.max_new_tokens as u64;
        let part_tokens = self.backward.tokens_per_part as u64;
        let [problems, samples] =
            [self.validation.problems, self.validation.samples].map(|n| n as u64);
        for (key, value, low, high) in [
            ("steps", self.steps, 1, MAX_WHOLE),
            ("prompts_per_step", prompts, 1, MAX_COUNT),
            ("group_size", group_size, min_group, MAX_SAMPLES),
            ("max_new_tokens", max_new_tokens, 1, MAX_NEW_TOKENS),
            ("warmup_steps", self.warmup_steps, 0, MAX_WHOLE),
            ("seed", self.seed, 0, MAX_WHOLE),
            ("resample_rounds", self.resample_rounds, 1, MAX_COUNT),
            (
                "micro_batch_tokens",
                self.micro_batch_tokens as u64,
                1,
                MAX_WHOLE,
            ),
            ("backward.tokens_per_part", part_tokens, 1, MAX_WHOLE),
            ("checkpoint_every", self.checkpoint_every, 1, MAX_WHOLE),
            (
                "keep_checkpoints",
                self.keep_checkpoints as u64,
                1,
                MAX_WHOLE,
            ),
            ("max_skipped_steps", self.max_skipped_steps, 0, MAX_WHOLE),
            (
                "loss.num_iterations",
                self.loss.num_iterations,
                1,
                MAX_COUNT,
            ),
            ("value.updates", self.value.updates, 1, MAX_COUNT),
            ("validation.every", self.validation.every, 0, MAX_WHOLE),
            ("validation.problems", problems, 1, MAX_COUNT),
            ("validation.samples", samples, 1, MAX_SAMPLES),
        ] {
            let holds = (low..=high).contains(&value);
            require(key, value, holds, &format!("between {low} and {high}"))?;
        }
        Ok(())
    }

    fn check_filter(&self) -> Result<(), RecipeError> {
        let filter = &self.filter;
        let levels = filter.levels.map(|range| range.map(u64::from));
        let [chars, steps] =
            [filter.question_chars, filter.steps].map(|range| range.map(|it| it.map(|n| n as u64)));
        for (key, range) in [
            ("filter.levels", levels),
            ("filter.question_chars", chars),
            ("filter.steps", steps),
        ] {
            if let Some([low, high]) = range {
                let value = format!("[{low}, {high}]");
                require(key, value, low <= high, "[LOWEST, HIGHEST]")?;
            }
        }
        Ok(())
    }

    fn check_numbers(&self) -> Result<(), RecipeError> {
        // Logits are divided by the temperature: the reciprocal of a subnormal number is infinite.
        let temperature = self.temperature;
        let divides = temperature > 0.0 && temperature.is_normal();
        require("temperature", temperature, divides, "a positive number")?;
        for (key, value) in [
            ("learning_rate", self.learning_rate),
            ("depth_ratio", self.depth_ratio),
            ("max_grad_norm", self.max_grad_norm),
            ("adamw.eps", self.adamw.eps),
            ("loss.clip_high", self.loss.clip_high),
            ("value.learning_rate", self.value.learning_rate),
        ] {
            let holds = value > 0.0 && value.is_finite();
            require(key, value, holds, "a positive number")?;
        }
        for (key, value) in [
            ("adamw.weight_decay", self.adamw.weight_decay),
            ("loss.clip_low", self.loss.clip_low),
            ("loss.entropy_coef", self.loss.entropy_coef),
            ("kl.coef", self.kl.coef),
        ] {
            let holds = value >= 0.0 && value.is_finite();
            require(key, value, holds, "0 or a positive number")?;
        }
        let dual_clip = self.loss.dual_clip;
        let holds = dual_clip > 1.0 && dual_clip.is_finite();
        require("loss.dual_clip", dual_clip, holds, "above 1")
    }

    fn check_shares(&self) -> Result<(), RecipeError> {
        for (key, value) in [
            ("adamw.beta1", self.adamw.beta1),
            ("adamw.beta2", self.adamw.beta2),
        ] {
            let holds = (0.0..1.0).contains(&value);
            require(key, value, holds, "at least 0 and below 1")?;
        }
        for (key, value) in [
            ("value.gamma", f64::from(self.value.gamma)),
            ("value.lambda", f64::from(self.value.lambda)),
            ("validation.share", self.validation.share),
        ] {
            let holds = (0.0..=1.0).contains(&value);
            require(key, value, holds, "between 0 and 1")?;
        }
        Ok(())
    }

    fn check_rewards(&self) -> Result<(), RecipeError> {
        for (built_in, &weight) in &self.reward {
            let key = built_in.name();
            require(
                key,
                weight,
                weight.is_finite(),
                "a finite weight of the reward",
            )?;
        }
        let is_rewarded = self.reward.values().any(|&weight| weight != 0.0);
        let holds = is_rewarded || self.reward_command.is_some();
        require(
            "reward",
            "without a weight",
            holds,
            "a table with a weight that is not 0, or have a reward_command beside it",
        )?;
        let seconds = self.reward_seconds;
        require_seconds("reward_seconds", seconds)?;
        let Some(command) = &self.reward_command else {
            return Ok(());
        };
        let weight = command.weight;
        require(
            "reward_command.weight",
            weight,
            weight.is_finite(),
            "finite",
        )?;
        require_seconds("reward_command.seconds", command.seconds)?;
        let program = format!("{:?}", command.program);
        let holds = command.program.first().is_some_and(|name| !name.is_empty());
        require(
            "reward_command.program",
            program,
            holds,
            "a program and its arguments",
        )
    }
}

fn require_seconds(key: &'static str, seconds: f32) -> Result<(), RecipeError> {
    let holds = seconds > 0.0 && seconds <= MAX_SECONDS;
    require(key, seconds, holds, "positive and at most 1000000000")
}

fn require(
    key: &'static str,
    value: impl Display,
    holds: bool,
    expected: &str,
) -> Result<(), RecipeError> {
    if holds {
        return Ok(());
    }
    Err(RecipeError::Value {
        key,
        value: value.to_string(),
        expected: expected.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optim::AdamWConfig;
    use crate::reward::CommandConfig;

    #[test]
    fn defaults_hold_and_each_bad_value_is_named() {
        let default = RecipeConfig::default();
        assert_eq!(
            default.clone().build().expect("good defaults"),
            Recipe::default()
        );
        let with = |change: fn(&mut RecipeConfig)| {
            let mut config = default.clone();
            change(&mut config);
            config
        };
        let command = CommandConfig {
            program: vec![String::new()],
            weight: 1.0,
            seconds: 1.0,
        };
        for (key, config) in [
            ("steps", with(|config| config.steps = 0)),
            ("group_size", with(|config| config.group_size = 1)),
            ("group_size", with(|config| config.group_size = 1 << 20)),
            (
                "filter.steps",
                with(|config| config.filter.steps = Some([3, 2])),
            ),
            ("temperature", with(|config| config.temperature = 0.0)),
            ("temperature", with(|config| config.temperature = 1e-40)),
            (
                "learning_rate",
                with(|config| config.learning_rate = f32::NAN),
            ),
            (
                "reward_seconds",
                with(|config| config.reward_seconds = 1e20),
            ),
            (
                "loss.num_iterations",
                with(|config| config.loss.num_iterations = 0),
            ),
            (
                "adamw.beta2",
                with(|config| {
                    config.adamw = AdamWConfig {
                        beta2: 1.0,
                        ..AdamWConfig::default()
                    }
                }),
            ),
            (
                "reward_command.program",
                RecipeConfig {
                    reward_command: Some(command),
                    ..default.clone()
                },
            ),
        ] {
            let error = config.build().expect_err(key).to_string();
            assert!(error.starts_with(&format!("`{key}` is ")), "{error}");
        }
    }
}
