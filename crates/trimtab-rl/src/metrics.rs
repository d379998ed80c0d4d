//! The figures of a step.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use trimtab_model::FinishReason;

use crate::advantage::differs;
use crate::rollout::{Group, Rollout};

/// The figures of one step, a line of `metrics.jsonl`. Shares and means are over all completions that were sampled.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct StepMetrics {
    /// Number of the step, from 1.
    pub step: u64,
    /// Mean reward.
    pub reward: f64,
    /// Share of completions with the right answer.
    pub accuracy: f64,
    /// Share of completions with a closed box.
    pub format_rate: f64,
    /// Mean length in tokens.
    pub mean_length: f64,
    /// Share of completions that were cut at `max_new_tokens`.
    pub truncation_rate: f64,
    /// Share of groups whose rewards were all equal, which teach nothing.
    pub zero_variance_rate: f64,
    /// Loss of the policy, without the entropy bonus.
    pub loss: f64,
    /// Norm of the gradient before clipping.
    pub grad_norm: f32,
    /// Learning rate of the last layer, and of what layers share.
    pub learning_rate: f32,
    /// Largest difference between a log-probability in sampling and in training, in nats.
    pub max_logprob_gap: f32,
    /// Mean negative log-probability of the sampled tokens, in nats: an estimate of the policy's entropy.
    pub entropy: f64,
    /// Norm of each layer's vector after the step; empty for forms that are no vectors.
    pub vector_norms: Vec<f32>,
    /// Mean of each part of the reward where it applies, before its weight.
    pub parts: BTreeMap<String, f64>,
    /// Prompts sampled, those that were left out included.
    pub prompts: usize,
    /// Tokens sampled.
    pub tokens: usize,
    /// Share of tokens whose ratio was clipped, over all updates of the step.
    pub clip_fraction: f64,
    /// Mean estimate of the distance to the unsteered model, in nats per token; with a penalty only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kl: Option<f64>,
    /// Half the mean squared error of the learned value, before it was updated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_loss: Option<f64>,
    /// How much of the variance of returns the learned value knew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explained_variance: Option<f64>,
    /// Why the parameters were not updated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped: Option<String>,
}

/// What an update says of itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct UpdateMetrics {
    pub(crate) loss: f64,
    pub(crate) grad_norm: f32,
    pub(crate) max_logprob_gap: f32,
    pub(crate) clipped: usize,
}

impl StepMetrics {
    /// What the sampled groups say; the figures of learning are left at zero.
    pub(crate) fn of_groups(step: u64, groups: &[Group]) -> Self {
        let rollouts = || groups.iter().flat_map(|group| &group.rollouts);
        let count = rollouts().count() as f64;
        let share = |wanted: &dyn Fn(&Rollout) -> bool| {
            rollouts().filter(|rollout| wanted(rollout)).count() as f64 / count
        };
        let tokens: usize = groups.iter().map(Group::tokens).sum();
        let logprobs = rollouts().flat_map(|rollout| &rollout.completion.logprobs);
        let sum = |numbers: &dyn Fn(&Rollout) -> f64| rollouts().map(numbers).sum::<f64>();
        let equal = groups.iter().filter(|group| !differs(&group.rewards()));
        Self {
            step,
            reward: sum(&|rollout| f64::from(rollout.score.sum)) / count,
            accuracy: share(&|rollout| rollout.grade.verdict.is_correct()),
            format_rate: share(&|rollout| rollout.grade.extracted.is_some()),
            mean_length: tokens as f64 / count,
            truncation_rate: share(&|rollout| {
                rollout.completion.finish_reason == FinishReason::Length
            }),
            zero_variance_rate: equal.count() as f64 / groups.len() as f64,
            loss: 0.0,
            grad_norm: 0.0,
            learning_rate: 0.0,
            max_logprob_gap: 0.0,
            entropy: -logprobs.map(|&logprob| f64::from(logprob)).sum::<f64>() / tokens as f64,
            vector_norms: vec![],
            parts: parts(groups),
            prompts: groups.len(),
            tokens,
            clip_fraction: 0.0,
            kl: None,
            value_loss: None,
            explained_variance: None,
            skipped: None,
        }
    }
}

fn parts(groups: &[Group]) -> BTreeMap<String, f64> {
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
