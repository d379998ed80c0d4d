//! Rewards: named parts of what a completion is worth, and their weighted sum.

mod builtin;
mod command;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rayon::prelude::*;
use serde::Serialize;

pub use builtin::BuiltIn;
pub use command::{CommandConfig, CommandError};

use crate::recipe::Recipe;
use crate::rollout::{Group, Rollout};
use command::Command;

/// What a completion is worth.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Score {
    /// The parts by name, before their weights; `None` where a part does not apply.
    pub parts: BTreeMap<String, Option<f32>>,
    /// Their weighted sum, parts that do not apply left out.
    pub sum: f32,
}

/// What is rewarded, and how much: a weighted sum of named parts.
///
/// ```
/// use trimtab_rl::{BuiltIn, Recipe, Rewards};
///
/// let recipe = Recipe::default(); // pays for right answers in a box
/// let rewards = Rewards::of(&recipe).with("short", 0.1, |_group, rollout| {
///     Some(-(rollout.completion.tokens.len() as f32) / 100.0)
/// });
/// assert_eq!(rewards.names(), ["correctness", "short"]);
/// ```
pub struct Rewards {
    parts: Vec<Part>,
    budget: Duration,
}

struct Part {
    name: String,
    weight: f32,
    reward: Box<GroupReward>,
}

/// One number per rollout of the group; `None` where it does not apply.
type GroupReward = dyn Fn(&Group) -> Result<Vec<Option<f32>>, CommandError> + Send + Sync;

/// Why completions could not be rewarded.
#[expect(missing_docs, reason = "the messages document the variants")]
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum RewardError {
    #[error(
        "the reward `{part}` of problem {problem}, completion {sample}, is {value}; it must be finite"
    )]
    NonFinite {
        part: String,
        problem: String,
        sample: usize,
        value: f32,
    },
    #[error(
        "rewarding took longer than {} seconds, at problem {problem}; make the reward faster or raise reward_seconds",
        budget.as_secs_f32()
    )]
    Slow { problem: String, budget: Duration },
    #[error("the reward command failed at problem {problem}")]
    Command {
        problem: String,
        source: CommandError,
    },
}

impl Rewards {
    /// The rewards that a recipe names.
    pub fn of(recipe: &Recipe) -> Self {
        let mut rewards = Self {
            parts: vec![],
            budget: Duration::from_secs_f32(recipe.reward_seconds),
        };
        for (&built_in, &weight) in &recipe.reward {
            if weight != 0.0 {
                let (most, seed) = (recipe.max_new_tokens, recipe.seed);
                rewards.push(built_in.name(), weight, move |group| {
                    Ok(built_in.of(group, most, seed))
                });
            }
        }
        if let Some(config) = &recipe.reward_command {
            let command = Command::new(config.clone());
            rewards.push("command", config.weight, move |group| command.of(group));
        }
        rewards
    }

    /// Adds a part of one's own: a function of a rollout and its group, called from several threads. It must return the same
    /// for the same, or a stopped run does not end in the same bytes.
    #[must_use]
    pub fn with(
        mut self,
        name: &str,
        weight: f32,
        reward: impl Fn(&Group, &Rollout) -> Option<f32> + Send + Sync + 'static,
    ) -> Self {
        self.push(name, weight, move |group| {
            Ok(group
                .rollouts
                .iter()
                .map(|one| reward(group, one))
                .collect())
        });
        self
    }

    /// The names of the parts.
    pub fn names(&self) -> Vec<&str> {
        self.parts.iter().map(|part| &part.name[..]).collect()
    }

    /// Scores every rollout, group by group in parallel, and puts the scores into the groups.
    ///
    /// The time budget is looked at before each group, so a function that never returns is not interrupted; the command
    /// has a limit of its own.
    ///
    /// # Errors
    ///
    /// See [`RewardError`].
    pub fn score(&self, groups: &mut [Group]) -> Result<(), RewardError> {
        let started = Instant::now();
        groups.par_iter_mut().try_for_each(|group| {
            if started.elapsed() > self.budget {
                return Err(RewardError::Slow {
                    problem: group.problem.id.clone(),
                    budget: self.budget,
                });
            }
            let scores = self.of_group(group)?;
            for (rollout, score) in group.rollouts.iter_mut().zip(scores) {
                rollout.score = score;
            }
            Ok(())
        })
    }

    fn of_group(&self, group: &Group) -> Result<Vec<Score>, RewardError> {
        let mut scores = vec![Score::default(); group.rollouts.len()];
        for part in &self.parts {
            let values = (part.reward)(group).map_err(|source| RewardError::Command {
                problem: group.problem.id.clone(),
                source,
            })?;
            for (sample, (score, value)) in scores.iter_mut().zip(values).enumerate() {
                if let Some(value) = value.filter(|value| !value.is_finite()) {
                    return Err(RewardError::NonFinite {
                        part: part.name.clone(),
                        problem: group.problem.id.clone(),
                        sample,
                        value,
                    });
                }
                score.parts.insert(part.name.clone(), value);
                score.sum += part.weight * value.unwrap_or(0.0);
            }
        }
        Ok(scores)
    }

    fn push(
        &mut self,
        name: &str,
        weight: f32,
        reward: impl Fn(&Group) -> Result<Vec<Option<f32>>, CommandError> + Send + Sync + 'static,
    ) {
        self.parts.push(Part {
            name: name.to_owned(),
            weight,
            reward: Box::new(reward),
        });
    }
}

impl std::fmt::Debug for Rewards {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        let weights = self.parts.iter().map(|part| (&part.name, part.weight));
        f.debug_map().entries(weights).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::tests::group;

    #[test]
    fn parts_are_weighted_and_those_that_do_not_apply_left_out() {
        let mut groups = [group(&[r"\boxed{4}", "no box"], "4")];
        let rewards = Rewards::of(&Recipe::default())
            .with("bonus", 0.5, |_, rollout| {
                rollout.text.contains("box{").then_some(3.0)
            })
            .with(
                "length",
                -0.25,
                |group, _| Some(group.rollouts.len() as f32),
            );
        // `\boxed{4}` contains `boxed{`, not `box{`.
        rewards.score(&mut groups).expect("finite rewards");
        let sums: Vec<f32> = groups[0].rollouts.iter().map(|one| one.score.sum).collect();
        assert_eq!(sums, [0.5, -1.5]);
        assert_eq!(groups[0].rollouts[0].score.parts["bonus"], None);
        assert_eq!(groups[0].rollouts[1].score.parts["correctness"], Some(-1.0));
    }

    #[test]
    fn a_reward_that_is_not_finite_names_its_sample() {
        let rewards = Rewards::of(&Recipe::default()).with("broken", 1.0, |_, rollout| {
            Some(if rollout.text == "b" { f32::NAN } else { 0.0 })
        });
        let error = rewards.score(&mut [group(&["a", "b"], "4")]);
        let error = error.expect_err("not a number").to_string();
        assert_eq!(
            error,
            "the reward `broken` of problem p, completion 1, is NaN; it must be finite"
        );
    }

    #[test]
    fn a_slow_reward_is_an_error() {
        let recipe = Recipe {
            reward_seconds: 0.01,
            ..Recipe::default()
        };
        let rewards = Rewards::of(&recipe).with("slow", 1.0, |_, _| {
            std::thread::sleep(Duration::from_millis(30));
            None
        });
        // More groups than any machine has threads for.
        let mut groups: Vec<Group> = (0..400).map(|_| group(&["a"], "4")).collect();
        let error = rewards.score(&mut groups).expect_err("too slow");
        assert!(matches!(error, RewardError::Slow { .. }), "{error}");
    }
}
