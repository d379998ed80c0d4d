//! Figures of the steps of a run, and of its evaluations.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use trimtab_model::FinishReason;
use trimtab_tasks::Outcome;

use crate::advantage::has_variance;
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
    /// Share of completions with a closed box.
    pub format_rate: f64,
    /// Mean length in tokens.
    pub mean_length: f64,
    /// Share of completions that were cut at `max_new_tokens`.
    pub truncation_rate: f64,
    /// Share of groups whose rewards were all equal, or that had none.
    pub zero_variance_rate: f64,
    /// Share of groups with an advantage that is not zero, in a completion that counts in the loss.
    pub signal_rate: f64,
    /// Loss of the policy, without the entropy bonus, in the first update.
    pub loss: f64,
    /// Norm of the gradient before clipping, in the first update.
    pub grad_norm: f32,
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

/// An evaluation on the validation problems, a line of `validation.jsonl`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Validation {
    /// The step after which it was made.
    pub step: u64,
    /// The result.
    pub outcome: Outcome,
}

/// The figures of one update.
#[derive(Clone, Debug, Default)]
pub(crate) struct UpdateMetrics {
    pub(crate) loss: f64,
    pub(crate) grad_norm: f32,
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
            ", right {}, format {}, length {:.1}, entropy {:.3}, clipped {}, grad {:.1e}",
            percent(self.accuracy),
            percent(self.format_rate),
            self.mean_length,
            self.entropy,
            percent(self.clip_fraction),
            self.grad_norm,
        )?;
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
        let equal = groups
            .iter()
            .filter(|group| !has_variance(&group.rewards()));
        Self {
            step,
            reward: (!rewards.is_empty()).then_some(reward),
            unrewarded: rollouts().count() - rewards.len(),
            accuracy: share(&|rollout| rollout.grade.verdict.is_correct()),
            format_rate: share(&|rollout| rollout.grade.extracted.is_some()),
            mean_length: tokens as f64 / count,
            truncation_rate: share(&|rollout| {
                rollout.completion.finish_reason == FinishReason::Length
            }),
            zero_variance_rate: equal.count() as f64 / groups.len() as f64,
            signal_rate: 0.0,
            loss: 0.0,
            grad_norm: 0.0,
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
