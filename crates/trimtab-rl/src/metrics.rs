//! Figures of the steps of a run.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use trimtab_model::FinishReason;

use crate::advantage::has_variance;
use crate::length::length_p95;
use crate::rollout::{Group, Rollout};

/// The figures of one step, a line of `metrics.jsonl`.
///
/// Rates and means are over all completions that were sampled.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct StepMetrics {
    /// Number of the step, from 1.
    pub step: u64,
    /// Mean reward of the completions that have one. `None` if none has.
    #[serde(deserialize_with = "Option::deserialize")] // the key must be there
    pub reward: Option<f64>,
    /// Number of completions to which no reward applied.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unrewarded: usize,
    /// Share of completions with the right answer.
    pub accuracy: f64,
    /// Share of completions with an answer in the form that the recipe asks for: a closed box.
    pub format_rate: f64,
    /// Share of right answers among the completions with that form. `None` if none has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy_given_format: Option<f64>,
    /// Mean length in tokens.
    pub mean_length: f64,
    /// 95th percentile of the length in tokens; where more than 5 % were cut, an estimate of what
    /// it would be without `max_new_tokens`. `None` if too few completions ended by themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length_p95: Option<f64>,
    /// Share of completions that were cut at `max_new_tokens`.
    pub truncation_rate: f64,
    /// Share of groups whose rewards were all equal, or that had none.
    pub zero_variance_rate: f64,
    /// Share of groups with an advantage that is not zero, in a completion that counts in the loss.
    pub signal_rate: f64,
    /// Share of groups in which every completion is right.
    pub solve_all_rate: f64,
    /// Share of groups in which no completion is right.
    pub solve_none_rate: f64,
    /// Loss of the policy, without the entropy bonus, in the first update.
    pub loss: f64,
    /// Norm of the gradient before clipping, in the first update.
    pub grad_norm: f32,
    /// How much the gradients of the groups agree in the first update: the mean dot product of two
    /// different groups, divided by the mean square of a group's norm.
    ///
    /// It is 1 if all are equal, and 0 on average if they share no direction. With `r` of it, a
    /// share `n r / (1 + (n - 1) r)` of the squared length of a gradient of `n` groups is the
    /// gradient of all problems, and the rest is noise (arXiv:1812.06162, appendix A.1). `None`
    /// with fewer than two gradients.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grad_agreement: Option<f64>,
    /// Learning rate of the last layer, and of parameters that layers share.
    pub learning_rate: f32,
    /// Largest difference of a token's log-probability in sampling and in training, in nats.
    pub max_logprob_gap: f32,
    /// Mean negative log-probability of the sampled tokens, in nats: an estimate of the entropy.
    pub entropy: f64,
    /// Norm of each layer's vector after the step. Empty for forms that are not vectors.
    pub vector_norms: Vec<f32>,
    /// Mean of each reward where it applies, before its weight.
    pub parts: BTreeMap<String, f64>,
    /// Number of prompts sampled, dropped ones included.
    pub prompts: usize,
    /// Number of tokens sampled.
    pub tokens: usize,
    /// Share of tokens whose ratio was clipped, over all updates of the step.
    pub clip_fraction: f64,
    /// Mean estimate of the divergence from the unsteered model, in nats per token.
    ///
    /// `None` without a KL penalty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kl: Option<f64>,
    /// Half the mean squared error of the value head, before it was updated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_loss: Option<f64>,
    /// Share of the variance of returns that the value head explains.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explained_variance: Option<f64>,
    /// Why the parameters were not updated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped: Option<Skipped>,
}

/// Why a step made no update. It left the parameters, their moments and the count of updates alone.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(from = "String", into = "String")]
pub enum Skipped {
    /// Every advantage was zero, and no penalty or bonus had a gradient.
    NoSignal,
    /// A loss, a gradient or a parameter was not finite. The text says which.
    NonFinite(String),
}

const NO_SIGNAL: &str = "no group has a signal";

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoSignal => NO_SIGNAL,
            Self::NonFinite(reason) => reason,
        })
    }
}

impl From<String> for Skipped {
    fn from(reason: String) -> Self {
        if reason == NO_SIGNAL {
            Self::NoSignal
        } else {
            Self::NonFinite(reason)
        }
    }
}

impl From<Skipped> for String {
    fn from(skipped: Skipped) -> Self {
        skipped.to_string()
    }
}

/// The figures of one update.
#[derive(Clone, Debug, Default)]
pub(crate) struct UpdateMetrics {
    pub(crate) loss: f64,
    pub(crate) grad_norm: f32,
    pub(crate) grad_agreement: Option<f64>,
    pub(crate) max_logprob_gap: f32,
    /// Number of tokens whose ratio was clipped.
    pub(crate) clipped: usize,
}

/// One line for people.
impl fmt::Display for StepMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |share: f64| format!("{:.1} %", 100.0 * share);
        match self.reward {
            Some(reward) => write!(f, "reward {reward:.2}")?,
            None => write!(f, "no reward")?,
        }
        if self.unrewarded > 0 {
            write!(f, " ({} completions without one)", self.unrewarded)?;
        }
        write!(
            f,
            ", right {}, format {}, right given format {}, length {:.1}, cut off {}, \
             groups with a signal {}, entropy {:.3}, clipped {}, grad {:.1e}",
            percent(self.accuracy),
            percent(self.format_rate),
            self.accuracy_given_format.map_or("n/a".to_owned(), percent),
            self.mean_length,
            percent(self.truncation_rate),
            percent(self.signal_rate),
            self.entropy,
            percent(self.clip_fraction),
            self.grad_norm,
        )?;
        if let Some(agreement) = self.grad_agreement {
            write!(f, " ({} shared)", percent(agreement))?;
        }
        if !self.vector_norms.is_empty() {
            let squares = self.vector_norms.iter().map(|norm| norm * norm);
            write!(f, ", norm {:.2}", squares.sum::<f32>().sqrt())?;
        }
        if let Some(kl) = self.kl {
            write!(f, ", kl {kl:.4}")?;
        }
        if let Some(reason) = &self.skipped {
            write!(f, ", no update: {reason}")?;
        }
        Ok(())
    }
}

impl StepMetrics {
    /// The figures of sampled groups. Those of the updates are zero.
    pub(crate) fn from_groups(step: u64, groups: &[Group]) -> Self {
        let rollouts = || groups.iter().flat_map(|group| &group.rollouts);
        let count = rollouts().count() as f64;
        let share = |wanted: &dyn Fn(&Rollout) -> bool| {
            rollouts().filter(|rollout| wanted(rollout)).count() as f64 / count
        };
        let tokens: usize = groups.iter().map(Group::tokens).sum();
        let logprobs = rollouts().flat_map(|rollout| &rollout.completion.logprobs);
        let rewards: Vec<f64> = rollouts()
            .filter_map(|rollout| rollout.score.sum.map(f64::from))
            .collect();
        let reward = rewards.iter().sum::<f64>() / rewards.len() as f64;
        let accuracy = share(&|rollout| is_right(rollout));
        let format_rate = share(&|rollout| rollout.grade.extracted.is_some());
        let group_share = |wanted: &dyn Fn(&Group) -> bool| {
            groups.iter().filter(|group| wanted(group)).count() as f64 / groups.len() as f64
        };
        Self {
            step,
            reward: (!rewards.is_empty()).then_some(reward),
            unrewarded: rollouts().count() - rewards.len(),
            accuracy,
            format_rate,
            // A right answer has the form.
            accuracy_given_format: (format_rate > 0.0).then(|| accuracy / format_rate),
            mean_length: tokens as f64 / count,
            length_p95: groups_length_p95(groups),
            truncation_rate: share(&|rollout| is_cut(rollout)),
            zero_variance_rate: group_share(&|group| !has_variance(&group.rewards())),
            signal_rate: 0.0,
            solve_all_rate: group_share(&|group| group.rollouts.iter().all(is_right)),
            solve_none_rate: group_share(&|group| !group.rollouts.iter().any(is_right)),
            loss: 0.0,
            grad_norm: 0.0,
            grad_agreement: None,
            learning_rate: 0.0,
            max_logprob_gap: 0.0,
            entropy: -logprobs.map(|&logprob| f64::from(logprob)).sum::<f64>() / tokens as f64,
            vector_norms: vec![],
            parts: reward_means(groups),
            prompts: groups.len(),
            tokens,
            clip_fraction: 0.0,
            kl: None,
            value_loss: None,
            explained_variance: None,
            skipped: None,
        }
    }

    /// Adds the figures of the step's updates, with each of which `tokens` tokens counted.
    pub(crate) fn add_updates(&mut self, updates: &[UpdateMetrics], tokens: usize) {
        let first = &updates[0];
        self.loss = first.loss;
        self.grad_norm = first.grad_norm;
        self.grad_agreement = first.grad_agreement;
        self.max_logprob_gap = first.max_logprob_gap;
        let clipped: usize = updates.iter().map(|update| update.clipped).sum();
        let tokens = (tokens * updates.len()).max(1);
        self.clip_fraction = clipped as f64 / tokens as f64;
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

fn is_right(rollout: &Rollout) -> bool {
    rollout.grade.verdict.is_correct()
}

fn is_cut(rollout: &Rollout) -> bool {
    rollout.completion.finish_reason == FinishReason::Length
}

fn groups_length_p95(groups: &[Group]) -> Option<f64> {
    let rollouts = groups.iter().flat_map(|group| &group.rollouts);
    let (cut, ended): (Vec<&Rollout>, Vec<&Rollout>) = rollouts.partition(|one| is_cut(one));
    let lens = |rollouts: &[&Rollout]| -> Vec<usize> {
        let rollouts = rollouts.iter();
        rollouts.map(|one| one.completion.tokens.len()).collect()
    };
    let limit = lens(&cut).into_iter().max().unwrap_or(0);
    length_p95(&lens(&ended), cut.len(), limit)
}

/// Mean of each reward over the rollouts where it applies.
fn reward_means(groups: &[Group]) -> BTreeMap<String, f64> {
    let mut sums: BTreeMap<&str, (f64, usize)> = BTreeMap::new();
    let rollouts = groups.iter().flat_map(|group| &group.rollouts);
    for (name, value) in rollouts.flat_map(|rollout| &rollout.score.parts) {
        if let Some(value) = value {
            let (sum, count) = sums.entry(name).or_default();
            *sum += f64::from(*value);
            *count += 1;
        }
    }
    sums.into_iter()
        .map(|(name, (sum, count))| (name.to_owned(), sum / count as f64))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::Recipe;
    use crate::rollout::tests::group;

    #[test]
    fn figures_of_hand_made_groups() {
        let mut groups = [
            group(&[r"so \boxed{4}", r"\boxed{4}"], "4"),
            group(&["no box at all", r"\boxed{5}"], "4"),
            group(&[r"\boxed{4}", "it is 4"], "4"),
        ];
        groups[1].rollouts[0].completion.finish_reason = FinishReason::Length;
        let rewards = Recipe::default().rewards();
        rewards.score(&mut groups).expect("finite rewards");
        let metrics = StepMetrics::from_groups(1, &groups);
        let thirds = |share: f64| (3.0 * share).round() as i64;
        assert_eq!(metrics.accuracy, 0.5);
        assert_eq!(thirds(metrics.format_rate), 2);
        assert_eq!(metrics.accuracy_given_format, Some(0.75));
        assert_eq!(
            [metrics.solve_all_rate, metrics.solve_none_rate].map(thirds),
            [1, 1]
        );
        assert_eq!(thirds(metrics.zero_variance_rate), 2);
        assert_eq!(metrics.truncation_rate, 1.0 / 6.0);
        let line = metrics.to_string();
        let shown =
            "right 50.0 %, format 66.7 %, right given format 75.0 %, length 2.0, cut off 16.7 %";
        assert!(line.contains(shown), "{line}");
        let none = StepMetrics::from_groups(1, &[group(&["a", "b"], "4")]);
        assert_eq!(none.accuracy_given_format, None);
    }
}
