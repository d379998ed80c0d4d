//! Rewards: named functions of completions, and their weighted sum.

mod builtin;
mod command;

use std::time::{Duration, Instant};

use rayon::prelude::*;

pub use builtin::BuiltIn;
pub use command::{CommandConfig, CommandError};

use crate::rollout::{Group, Rollout, Score};
use command::Command;

/// The rewards of a run: a weighted sum of named functions.
///
/// Those that do not apply to a completion are left out of its sum. A completion to which none
/// applies has no reward: it takes no part in baselines and losses.
///
/// [`Recipe::rewards`](crate::Recipe::rewards) gives those of a recipe.
///
/// ```
/// use trimtab_rl::Recipe;
///
/// let recipe = Recipe::default(); // rewards right answers in a box
/// let rewards = recipe.rewards().with("short", 0.1, |_group, rollout| {
///     Some(-(rollout.completion.tokens.len() as f32) / 100.0)
/// });
/// assert_eq!(rewards.names(), ["correctness", "short"]);
/// ```
pub struct Rewards {
    parts: Vec<Part>,
    time_limit: Duration,
}

struct Part {
    name: String,
    weight: f32,
    reward: Box<GroupReward>,
}

/// One number per rollout of the group; `None` where the reward does not apply.
type GroupReward = dyn Fn(&Group) -> Result<Vec<Option<f32>>, CommandError> + Send + Sync;

/// Why completions could not be rewarded.
#[expect(missing_docs, reason = "the messages document the variants")]
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum RewardError {
    #[error(
        "the reward `{part}` of problem {problem}, completion {sample}, is {value}; it must be \
         finite"
    )]
    NonFinite {
        part: String,
        problem: String,
        sample: usize,
        value: f32,
    },
    #[error(
        "rewarding took longer than {} seconds, at problem {problem}; make the reward faster or \
         raise reward_seconds",
        time_limit.as_secs_f32()
    )]
    Slow {
        problem: String,
        time_limit: Duration,
    },
    #[error("the reward command failed at problem {problem}")]
    Command {
        problem: String,
        source: CommandError,
    },
}

impl Rewards {
    /// No rewards yet. `time_limit` bounds the time for rewarding one step.
    pub fn new(time_limit: Duration) -> Self {
        Self {
            parts: vec![],
            time_limit,
        }
    }

    /// Adds a built-in reward.
    ///
    /// `max_new_tokens` is the largest length of a completion. `seed` is that of random rewards.
    #[must_use]
    pub fn with_built_in(
        self,
        built_in: BuiltIn,
        weight: f32,
        max_new_tokens: usize,
        seed: u64,
    ) -> Self {
        self.with_part(built_in.name(), weight, move |group| {
            Ok(built_in.rewards(group, max_new_tokens, seed))
        })
    }

    /// Adds the reward `command`: a program that rewards completions.
    #[must_use]
    pub fn with_command(self, config: CommandConfig) -> Self {
        let weight = config.weight;
        let command = Command::new(config);
        self.with_part("command", weight, move |group| command.rewards(group))
    }

    /// Adds a function of a rollout and its group. It is called from several threads.
    ///
    /// Equal arguments must have equal rewards, or a stopped run does not end in the same bytes.
    #[must_use]
    pub fn with(
        self,
        name: &str,
        weight: f32,
        reward: impl Fn(&Group, &Rollout) -> Option<f32> + Send + Sync + 'static,
    ) -> Self {
        self.with_part(name, weight, move |group| {
            let rollouts = group.rollouts.iter();
            Ok(rollouts.map(|one| reward(group, one)).collect())
        })
    }

    /// The names of the rewards.
    pub fn names(&self) -> Vec<&str> {
        self.parts.iter().map(|part| &part.name[..]).collect()
    }

    /// Scores every rollout, in parallel over groups.
    ///
    /// The time limit is checked before each group, so it does not interrupt a function. The
    /// command has its own limit.
    ///
    /// # Errors
    ///
    /// See [`RewardError`].
    pub fn score(&self, groups: &mut [Group]) -> Result<(), RewardError> {
        let started = Instant::now();
        groups.par_iter_mut().try_for_each(|group| {
            if started.elapsed() > self.time_limit {
                return Err(RewardError::Slow {
                    problem: group.problem.id.clone(),
                    time_limit: self.time_limit,
                });
            }
            let scores = self.scores(group)?;
            for (rollout, score) in group.rollouts.iter_mut().zip(scores) {
                rollout.score = score;
            }
            Ok(())
        })
    }

    fn scores(&self, group: &Group) -> Result<Vec<Score>, RewardError> {
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
                if let Some(value) = value {
                    *score.sum.get_or_insert(0.0) += part.weight * value;
                }
            }
        }
        Ok(scores)
    }

    fn with_part(
        mut self,
        name: &str,
        weight: f32,
        reward: impl Fn(&Group) -> Result<Vec<Option<f32>>, CommandError> + Send + Sync + 'static,
    ) -> Self {
        self.parts.push(Part {
            name: name.to_owned(),
            weight,
            reward: Box::new(reward),
        });
        self
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
    use crate::Recipe;
    use crate::rollout::tests::group;

    #[test]
    fn parts_are_weighted_and_those_that_do_not_apply_left_out() {
        let mut groups = [group(&[r"\boxed{4}", "no box"], "4")];
        let rewards = Recipe::default()
            .rewards()
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
        let sums: Vec<_> = groups[0].rollouts.iter().map(|one| one.score.sum).collect();
        assert_eq!(sums, [Some(0.5), Some(-1.5)]);
        assert_eq!(groups[0].rollouts[0].score.parts["bonus"], None);
        assert_eq!(groups[0].rollouts[1].score.parts["correctness"], Some(-1.0));
    }

    #[test]
    fn a_completion_to_which_nothing_applies_has_no_reward() {
        let mut groups = [group(&["a", "b", "c"], "4")];
        let only = |text: &'static str, reward: f32| {
            move |_: &Group, rollout: &Rollout| (rollout.text == text).then_some(reward)
        };
        let rewards = Rewards::new(Duration::from_mins(1))
            .with("one", 2.0, only("a", 0.5))
            .with("zero", 1.0, only("c", 0.0));
        rewards.score(&mut groups).expect("finite rewards");
        let sums: Vec<_> = groups[0].rollouts.iter().map(|one| one.score.sum).collect();
        assert_eq!(sums, [Some(1.0), None, Some(0.0)]);
        assert_eq!(groups[0].rewards(), [1.0, 0.0]);
        let reward = |record: &crate::rollout::RolloutRecord| {
            serde_json::to_value(record).expect("plain data")["reward"].clone()
        };
        let rewards: Vec<_> = groups[0].records().map(|record| reward(&record)).collect();
        assert_eq!(
            rewards,
            [serde_json::json!(1.0), serde_json::Value::Null, 0.0.into()]
        );
    }

    #[test]
    fn a_reward_that_is_not_finite_names_its_sample() {
        let rewards = Recipe::default()
            .rewards()
            .with("broken", 1.0, |_, rollout| {
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
        let rewards = Rewards::new(Duration::from_millis(10)).with("slow", 1.0, |_, _| {
            std::thread::sleep(Duration::from_millis(30));
            None
        });
        // More groups than any machine has threads for.
        let mut groups: Vec<Group> = (0..400).map(|_| group(&["a"], "4")).collect();
        let error = rewards.score(&mut groups).expect_err("too slow");
        assert!(matches!(error, RewardError::Slow { .. }), "{error}");
    }
}
