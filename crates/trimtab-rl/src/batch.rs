//! The batch of a step: the kept groups with what their loss needs.

use burn::tensor::Tensor;
use rayon::prelude::*;
use trimtab_model::{FinishReason, Model};

use crate::advantage::Advantage;
use crate::gradient::{GroupLoss, LogprobGrads, group_logprobs};
use crate::loss::{CompletionLoss, KlPlace, LossInputs, completion_loss};
use crate::policy::RolloutPolicy;
use crate::recipe::{Recipe, Truncated};
use crate::rollout::{Group, Rollout};
use crate::token_values::TokenValues;
use crate::value::{ValueHead, explained_variance, gae, normalise_advantages};

/// The groups that a step learns from.
pub(crate) struct Batch<'a> {
    recipe: &'a Recipe,
    pub(crate) groups: Vec<BatchGroup<'a>>,
    /// The number that loss and gradient are divided by.
    pub(crate) divisor: f32,
    /// Number of tokens that count.
    pub(crate) tokens: usize,
    /// What the value head is fitted to, if there is one.
    pub(crate) value_targets: Option<ValueTargets>,
}

/// A group with the inputs of its loss.
pub(crate) struct BatchGroup<'a> {
    pub(crate) group: &'a Group,
    advantages: TokenValues,
    /// Log-probabilities of the unsteered model, where there is a KL penalty.
    ref_logprobs: Option<TokenValues>,
    /// Log-probabilities of the policy before the first update, once that is done.
    pub(crate) old_logprobs: Option<TokenValues>,
}

/// What the value head is fitted to.
pub(crate) struct ValueTargets {
    /// `[tokens, hidden_size]`
    pub(crate) features: Vec<f32>,
    /// `[tokens]`
    pub(crate) returns: Vec<f32>,
    pub(crate) explained_variance: Option<f64>,
}

impl<'a> Batch<'a> {
    /// Computes rewards by token, advantages and reference log-probabilities.
    ///
    /// `base` is the reference of a KL penalty. `value` is given if the recipe learns a value.
    pub(crate) fn new(
        base: &Model,
        sampler: &RolloutPolicy,
        recipe: &'a Recipe,
        value: Option<&ValueHead>,
        groups: Vec<&'a Group>,
    ) -> Self {
        let references = reference_logprobs(base, recipe, &groups);
        let rewards: Vec<TokenValues> = groups
            .iter()
            .zip(&references)
            .map(|(group, reference)| token_rewards(recipe, group, reference.as_ref()))
            .collect();
        let (advantages, value_targets) = match value {
            Some(value) => {
                let (advantages, targets) =
                    value_advantages(sampler, recipe, value, &groups, &rewards);
                (
                    advantages,
                    Some(targets).filter(|targets| !targets.returns.is_empty()),
                )
            }
            None => (group_advantages(recipe.advantage, &groups, &rewards), None),
        };
        let counted = || {
            groups
                .iter()
                .flat_map(|group| &group.rollouts)
                .filter(|rollout| counts(recipe, rollout))
        };
        let tokens = counted().map(|one| one.completion.tokens.len()).sum();
        let aggregation = recipe.loss.aggregation;
        Self {
            divisor: aggregation.divisor(counted().count(), tokens, recipe.max_new_tokens),
            tokens,
            value_targets,
            groups: groups
                .into_iter()
                .zip(advantages)
                .zip(references)
                .map(|((group, advantages), ref_logprobs)| BatchGroup {
                    group,
                    advantages,
                    ref_logprobs,
                    old_logprobs: None,
                })
                .collect(),
            recipe,
        }
    }

    /// Number of groups with an advantage that is not zero, in a completion that counts.
    pub(crate) fn groups_with_signal(&self) -> usize {
        let groups = self.groups.iter();
        groups
            .filter(|group| group.has_advantage(self.recipe))
            .count()
    }

    /// Whether an update has a gradient: from an advantage, from the entropy bonus, or from a
    /// penalty for leaving the base. `has_moved` says whether the policy has left it.
    pub(crate) fn has_gradient(&self, has_moved: bool) -> bool {
        let recipe = self.recipe;
        let is_pulled = recipe.loss.entropy_coef > 0.0 || has_penalty(recipe) && has_moved;
        self.groups_with_signal() > 0 || is_pulled && self.tokens > 0
    }

    /// Mean estimate of the sampling policy's divergence from the unsteered model, in nats per
    /// token.
    pub(crate) fn kl(&self) -> Option<f64> {
        let estimator = self.recipe.kl.estimator;
        let (mut sum, mut count) = (0.0, 0_usize);
        for group in &self.groups {
            let references = group.ref_logprobs.as_ref()?.completions();
            for (rollout, reference) in group.group.rollouts.iter().zip(references) {
                let pairs = rollout.completion.logprobs.iter().zip(reference);
                sum += pairs
                    .map(|(&logprob, &reference)| f64::from(estimator.estimate(logprob, reference)))
                    .sum::<f64>();
                count += reference.len();
            }
        }
        (count > 0).then(|| sum / count as f64)
    }
}

impl BatchGroup<'_> {
    /// Whether the group changes the gradient.
    pub(crate) fn has_gradient(&self, recipe: &Recipe) -> bool {
        self.has_advantage(recipe) || recipe.loss.entropy_coef > 0.0 || has_penalty(recipe)
    }

    /// Whether a completion that counts has an advantage that is not zero.
    fn has_advantage(&self, recipe: &Recipe) -> bool {
        let rollouts = self.group.rollouts.iter();
        let mut counted = rollouts
            .zip(self.advantages.completions())
            .filter(|(rollout, _)| counts(recipe, rollout));
        counted.any(|(_, advantages)| advantages.iter().any(|&advantage| advantage != 0.0))
    }

    /// The loss of each completion under a policy with these log-probabilities.
    pub(crate) fn completion_losses(
        &self,
        recipe: &Recipe,
        logprobs: &TokenValues,
    ) -> Vec<CompletionLoss> {
        let references = self.ref_logprobs.as_ref().filter(|_| has_penalty(recipe));
        let mut references = references.map(TokenValues::completions);
        let mut old = self.old_logprobs.as_ref().map(TokenValues::completions);
        let rollouts = self.group.rollouts.iter();
        let completions = rollouts.zip(logprobs.completions());
        completions
            .zip(self.advantages.completions())
            .map(|((rollout, logprobs), advantages)| {
                let inputs = LossInputs {
                    advantages,
                    old_logprobs: old.as_mut().and_then(Iterator::next),
                    ref_logprobs: references.as_mut().and_then(Iterator::next),
                };
                if counts(recipe, rollout) {
                    completion_loss(&recipe.loss, &recipe.kl, logprobs, inputs)
                } else {
                    CompletionLoss {
                        logprob_grads: vec![0.0; logprobs.len()],
                        ..CompletionLoss::default()
                    }
                }
            })
            .collect()
    }

    /// The loss of the group, for [`group_gradient`](crate::gradient::group_gradient).
    pub(crate) fn loss<'b>(&'b self, recipe: &'b Recipe) -> GroupLoss<'b> {
        let logprob_grads = move |logprobs: &[f32]| -> Vec<f32> {
            let logprobs = TokenValues::new(self.group, logprobs.to_vec());
            let losses = self.completion_losses(recipe, &logprobs).into_iter();
            losses.flat_map(|loss| loss.logprob_grads).collect()
        };
        // Before the first update the ratio is 1. Without a penalty, the derivatives then follow
        // from the advantages alone.
        let is_on_policy = self.old_logprobs.is_none() && !has_penalty(recipe);
        GroupLoss {
            prompt: &self.group.prompt,
            completions: self.group.completions(),
            temperature: recipe.temperature,
            logprob_grads: if is_on_policy {
                let sampled = TokenValues::sampled_logprobs(self.group);
                LogprobGrads::Fixed(logprob_grads(sampled.as_slice()))
            } else {
                LogprobGrads::Computed(Box::new(logprob_grads))
            },
            entropy_weights: if recipe.loss.entropy_coef > 0.0 {
                self.entropy_weights(recipe)
            } else {
                vec![]
            },
        }
    }

    /// The first completion with an advantage that is not finite.
    pub(crate) fn non_finite_advantage(&self) -> Option<usize> {
        self.advantages.first_non_finite()
    }

    fn entropy_weights(&self, recipe: &Recipe) -> Vec<f32> {
        let weights = self.group.rollouts.iter().flat_map(|rollout| {
            let len = rollout.completion.tokens.len();
            let weight = if counts(recipe, rollout) {
                recipe.loss.entropy_coef * recipe.loss.aggregation.token_weight(len)
            } else {
                0.0
            };
            vec![weight; len]
        });
        weights.collect()
    }
}

/// Whether the loss has a KL penalty.
fn has_penalty(recipe: &Recipe) -> bool {
    recipe.kl.coef > 0.0 && recipe.kl.place == KlPlace::Loss
}

/// Whether a completion's tokens count in the loss. Without a reward they do not, as if it had not
/// been sampled.
fn counts(recipe: &Recipe, rollout: &Rollout) -> bool {
    let is_cut = rollout.completion.finish_reason == FinishReason::Length;
    rollout.score.sum.is_some() && (recipe.truncated == Truncated::Keep || !is_cut)
}

/// Log-probabilities of the unsteered model; `None` without a KL penalty.
fn reference_logprobs(
    base: &Model,
    recipe: &Recipe,
    groups: &[&Group],
) -> Vec<Option<TokenValues>> {
    if recipe.kl.coef == 0.0 {
        return groups.iter().map(|_| None).collect();
    }
    let reference = |group: &&Group| {
        let completions = group.completions();
        let temperature = recipe.temperature;
        let (logprobs, _) = group_logprobs(base, None, &group.prompt, &completions, temperature);
        Some(TokenValues::new(group, logprobs))
    };
    groups.par_iter().map(reference).collect()
}

/// The reward of each token: that of the completion at its last one, less a KL penalty of each.
fn token_rewards(recipe: &Recipe, group: &Group, references: Option<&TokenValues>) -> TokenValues {
    let in_reward = references.filter(|_| recipe.kl.place == KlPlace::Reward);
    let mut references = in_reward.map(TokenValues::completions);
    let rewards = group.rollouts.iter().map(|rollout| {
        let logprobs = &rollout.completion.logprobs;
        let mut rewards = vec![0.0; logprobs.len()];
        if let Some(reference) = references.as_mut().and_then(Iterator::next) {
            for ((reward, &logprob), &reference) in rewards.iter_mut().zip(logprobs).zip(reference)
            {
                *reward -= recipe.kl.coef * recipe.kl.estimator.estimate(logprob, reference);
            }
        }
        if let Some(last) = rewards.last_mut() {
            *last += rollout.score.sum.unwrap_or(0.0);
        }
        rewards
    });
    TokenValues::concat(group, rewards)
}

/// Advantages from the rewards of whole completions. All tokens of a completion have the same.
/// Completions without a reward have none, and are not compared with others.
fn group_advantages(
    advantage: Advantage,
    groups: &[&Group],
    rewards: &[TokenValues],
) -> Vec<TokenValues> {
    let sums = |(group, rewards): (&&Group, &TokenValues)| -> Vec<f32> {
        let rewarded = group.rollouts.iter().zip(rewards.completions());
        let rewarded = rewarded.filter(|(rollout, _)| rollout.score.sum.is_some());
        rewarded.map(|(_, rewards)| rewards.iter().sum()).collect()
    };
    let sums: Vec<Vec<f32>> = groups.iter().zip(rewards).map(sums).collect();
    let by_token = |(group, advantages): (&&Group, Vec<f32>)| {
        let mut advantages = advantages.into_iter();
        by_token(group, |len| {
            vec![advantages.next().expect("one per reward"); len]
        })
    };
    let advantages = advantage.compute(&sums);
    groups.iter().zip(advantages).map(by_token).collect()
}

/// The advantages of each token, from those of the next completion with a reward. Tokens of others
/// have none.
fn by_token(group: &Group, mut next: impl FnMut(usize) -> Vec<f32>) -> TokenValues {
    let advantages = group.rollouts.iter().map(|rollout| {
        let len = rollout.completion.tokens.len();
        match rollout.score.sum {
            Some(_) => next(len),
            None => vec![0.0; len],
        }
    });
    TokenValues::concat(group, advantages)
}

/// Advantages from the value head, and what it is fitted to.
fn value_advantages(
    sampler: &RolloutPolicy,
    recipe: &Recipe,
    value: &ValueHead,
    groups: &[&Group],
    rewards: &[TokenValues],
) -> (Vec<TokenValues>, ValueTargets) {
    let features = value_features(sampler, recipe, value, groups);
    let (mut advantages, mut all_values, mut all_returns) = (vec![], vec![], vec![]);
    let mut all_features = vec![];
    for ((group, features), rewards) in groups.iter().zip(features).zip(rewards) {
        let values = TokenValues::new(group, value.values(&features));
        let hidden_size = features.len() / group.tokens().max(1);
        let mut features = features.as_slice();
        let completions = group.rollouts.iter().zip(values.completions());
        for ((rollout, values), rewards) in completions.zip(rewards.completions()) {
            let (own_features, others) = features.split_at(values.len() * hidden_size);
            features = others;
            if rollout.score.sum.is_none() {
                continue;
            }
            let (own, returns) = gae(rewards, values, recipe.value.gamma, recipe.value.lambda);
            advantages.extend(own);
            all_values.extend_from_slice(values);
            all_returns.extend(returns);
            all_features.extend_from_slice(own_features);
        }
    }
    normalise_advantages(&mut advantages);
    let mut rest = advantages.into_iter();
    let of_group = |group: &&Group| by_token(group, |len| rest.by_ref().take(len).collect());
    let advantages = groups.iter().map(of_group).collect();
    let targets = ValueTargets {
        features: all_features,
        explained_variance: explained_variance(&all_values, &all_returns),
        returns: all_returns,
    };
    (advantages, targets)
}

/// The features of each token of each group, `[tokens, hidden_size]`.
fn value_features(
    sampler: &RolloutPolicy,
    recipe: &Recipe,
    value: &ValueHead,
    groups: &[&Group],
) -> Vec<Vec<f32>> {
    let features = |group: &&Group| {
        let (_, resid): (_, Tensor<2>) = group_logprobs(
            &sampler.base.model,
            Some(&sampler.steering),
            &group.prompt,
            &group.completions(),
            recipe.temperature,
        );
        let resid = resid.try_into_vec_as();
        value.features(resid.expect("activations convert to f32"))
    };
    groups.par_iter().map(features).collect()
}
