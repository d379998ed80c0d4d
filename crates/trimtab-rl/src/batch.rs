//! A step's batch: sampled groups with what the loss needs beside them.

use burn::tensor::Tensor;
use rayon::prelude::*;
use trimtab_model::{FinishReason, Model};

use crate::advantage::Advantage;
use crate::gradient::{GroupGradient, GroupLoss, Slopes, group_logprobs};
use crate::loss::{CompletionLoss, KlPlace, Terms, completion_loss};
use crate::policy::RolloutPolicy;
use crate::recipe::{Recipe, Truncated};
use crate::rollout::{Group, Rollout};
use crate::value::{ValueHead, explained_variance, gae, whiten};

/// The groups that a step learns from.
pub(crate) struct Batch<'a> {
    recipe: &'a Recipe,
    pub(crate) groups: Vec<BatchGroup<'a>>,
    /// What the loss and the gradient are divided by.
    pub(crate) divisor: f32,
    /// Tokens that count.
    pub(crate) tokens: usize,
    /// Of the learned value.
    pub(crate) critic: Option<Critic>,
}

/// A group with its terms; each list has one entry per completion, each entry one number per token.
pub(crate) struct BatchGroup<'a> {
    pub(crate) group: &'a Group,
    advantages: Vec<Vec<f32>>,
    /// Of the unsteered model, where there is a penalty.
    ref_logprobs: Option<Vec<Vec<f32>>>,
    /// Of the policy that the first update started from, once it is done.
    pub(crate) old_logprobs: Option<Vec<Vec<f32>>>,
}

/// What the learned value is trained on.
pub(crate) struct Critic {
    /// `[tokens, hidden_size]`
    pub(crate) features: Vec<f32>,
    pub(crate) returns: Vec<f32>,
    pub(crate) explained_variance: Option<f64>,
}

impl<'a> Batch<'a> {
    /// `base` is the reference of a penalty; `value` is there exactly where the advantage is a learned value.
    pub(crate) fn new(
        base: &Model,
        rollout_policy: &RolloutPolicy,
        recipe: &'a Recipe,
        value: Option<&ValueHead>,
        groups: Vec<&'a Group>,
    ) -> Self {
        let temperature = recipe.temperature;
        let references: Vec<Option<Vec<Vec<f32>>>> = if recipe.kl.coef > 0.0 {
            let reference = |group: &&Group| {
                let completions = group.completions();
                let logprobs =
                    group_logprobs(base, None, &group.prompt, &completions, temperature).0;
                Some(by_completion(group, &logprobs))
            };
            groups.par_iter().map(reference).collect()
        } else {
            groups.iter().map(|_| None).collect()
        };
        let rewards: Vec<Vec<Vec<f32>>> = groups
            .iter()
            .zip(&references)
            .map(|(group, reference)| token_rewards(recipe, group, reference.as_deref()))
            .collect();
        let (advantages, critic) = match value {
            Some(value) => learned(rollout_policy, recipe, value, &groups, &rewards),
            None => (compared(recipe.advantage, &rewards), None),
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
            critic,
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

    /// Mean estimate of the distance of the sampling policy to the unsteered model, in nats per token.
    pub(crate) fn kl(&self) -> Option<f64> {
        let estimator = self.recipe.kl.estimator;
        let (mut sum, mut count) = (0.0, 0_usize);
        for group in &self.groups {
            let references = group.ref_logprobs.as_ref()?;
            for (rollout, reference) in group.group.rollouts.iter().zip(references) {
                let pairs = rollout.completion.logprobs.iter().zip(reference);
                sum += pairs
                    .map(|(&logprob, &reference)| f64::from(estimator.of(logprob, reference)))
                    .sum::<f64>();
                count += reference.len();
            }
        }
        (count > 0).then(|| sum / count as f64)
    }
}

impl BatchGroup<'_> {
    /// Whether the group changes the gradient.
    pub(crate) fn has_signal(&self, recipe: &Recipe) -> bool {
        let advantages = || self.advantages.iter().flatten();
        advantages().any(|&advantage| advantage != 0.0)
            || recipe.loss.entropy_coef > 0.0
            || penalised(recipe)
    }

    /// The loss of each completion under a policy that gives its tokens these log-probabilities, completion after completion.
    pub(crate) fn losses(&self, recipe: &Recipe, logprobs: &[f32]) -> Vec<CompletionLoss> {
        let penalised = penalised(recipe);
        let logprobs = by_completion(self.group, logprobs);
        let completions = self.group.rollouts.iter().zip(&logprobs).enumerate();
        completions
            .map(|(index, (rollout, logprobs))| {
                if !counts(recipe, rollout) {
                    return CompletionLoss {
                        slopes: vec![0.0; logprobs.len()],
                        ..CompletionLoss::default()
                    };
                }
                let of =
                    |list: &'_ Option<Vec<Vec<f32>>>| list.as_ref().map(|list| list[index].clone());
                let (old, reference) = (of(&self.old_logprobs), of(&self.ref_logprobs));
                let terms = Terms {
                    advantages: &self.advantages[index],
                    old_logprobs: old.as_deref(),
                    ref_logprobs: reference.as_deref().filter(|_| penalised),
                };
                completion_loss(&recipe.loss, &recipe.kl, logprobs, terms)
            })
            .collect()
    }

    /// Gives `run` the loss of the group for [`group_gradient`](crate::group_gradient).
    pub(crate) fn with_loss(
        &self,
        recipe: &Recipe,
        run: impl FnOnce(&GroupLoss) -> GroupGradient,
    ) -> GroupGradient {
        let slopes = |logprobs: &[f32]| -> Vec<f32> {
            let losses = self.losses(recipe, logprobs).into_iter();
            losses.flat_map(|loss| loss.slopes).collect()
        };
        // On the policy that sampled, without a penalty, the ratio is 1 and slopes follow from the advantages alone.
        let known = self.old_logprobs.is_none() && !penalised(recipe);
        let completions = self.group.completions();
        let entropy_weights = if recipe.loss.entropy_coef > 0.0 {
            self.entropy_weights(recipe)
        } else {
            vec![]
        };
        run(&GroupLoss {
            prompt: &self.group.prompt,
            completions: &completions,
            temperature: recipe.temperature,
            slopes: if known {
                Slopes::Known(slopes(&sampled(self.group)))
            } else {
                Slopes::Of(&slopes)
            },
            entropy_weights,
        })
    }

    /// The first completion with an advantage that is not finite.
    pub(crate) fn bad_advantage(&self) -> Option<usize> {
        self.advantages
            .iter()
            .position(|tokens| tokens.iter().any(|advantage| !advantage.is_finite()))
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

/// Whether the loss has a penalty for leaving the unsteered model.
fn penalised(recipe: &Recipe) -> bool {
    recipe.kl.coef > 0.0 && recipe.kl.place == KlPlace::Loss
}

/// Whether a completion's tokens count in the loss.
fn counts(recipe: &Recipe, rollout: &Rollout) -> bool {
    recipe.truncated == Truncated::Keep || rollout.completion.finish_reason != FinishReason::Length
}

/// The sampler's log-probabilities of a group, completion after completion.
pub(crate) fn sampled(group: &Group) -> Vec<f32> {
    let rollouts = group.rollouts.iter();
    rollouts
        .flat_map(|rollout| rollout.completion.logprobs.iter().copied())
        .collect()
}

/// Cuts numbers of tokens, completion after completion, into completions.
pub(crate) fn by_completion(group: &Group, tokens: &[f32]) -> Vec<Vec<f32>> {
    let mut rest = tokens;
    let cut = |rollout: &Rollout| {
        let (own, others) = rest.split_at(rollout.completion.tokens.len());
        rest = others;
        own.to_vec()
    };
    group.rollouts.iter().map(cut).collect()
}

/// The reward of each token: the completion's at its last one, less the penalty of each where it is put there.
fn token_rewards(recipe: &Recipe, group: &Group, references: Option<&[Vec<f32>]>) -> Vec<Vec<f32>> {
    let in_reward = references.filter(|_| recipe.kl.place == KlPlace::Reward);
    let rollouts = group.rollouts.iter().enumerate();
    rollouts
        .map(|(index, rollout)| {
            let logprobs = &rollout.completion.logprobs;
            let mut rewards = vec![0.0; logprobs.len()];
            if let Some(references) = in_reward {
                for ((reward, &logprob), &reference) in
                    rewards.iter_mut().zip(logprobs).zip(&references[index])
                {
                    *reward -= recipe.kl.coef * recipe.kl.estimator.of(logprob, reference);
                }
            }
            *rewards.last_mut().expect("a completion has a token") += rollout.score.sum;
            rewards
        })
        .collect()
}

/// Advantages from the rewards of whole completions, the same for all tokens of one.
fn compared(advantage: Advantage, rewards: &[Vec<Vec<f32>>]) -> Vec<Vec<Vec<f32>>> {
    let of_group = |group: &Vec<Vec<f32>>| group.iter().map(|tokens| tokens.iter().sum()).collect();
    let sums: Vec<Vec<f32>> = rewards.iter().map(of_group).collect();
    let advantages = advantage.of(&sums);
    let tokens = |(group, advantages): (&Vec<Vec<f32>>, Vec<f32>)| {
        let each = group.iter().zip(advantages);
        each.map(|(tokens, advantage)| vec![advantage; tokens.len()])
            .collect()
    };
    rewards.iter().zip(advantages).map(tokens).collect()
}

/// Advantages from a learned value, and what it is to learn.
fn learned(
    rollout_policy: &RolloutPolicy,
    recipe: &Recipe,
    value: &ValueHead,
    groups: &[&Group],
    rewards: &[Vec<Vec<f32>>],
) -> (Vec<Vec<Vec<f32>>>, Option<Critic>) {
    let features = |group: &&Group| {
        let completions = group.completions();
        let temperature = recipe.temperature;
        let (_, resid): (_, Tensor<2>) = group_logprobs(
            &rollout_policy.base.model,
            Some(&rollout_policy.steering),
            &group.prompt,
            &completions,
            temperature,
        );
        let resid = resid.try_into_vec_as();
        value.features(resid.expect("activations convert to f32"))
    };
    let features: Vec<Vec<f32>> = groups.par_iter().map(features).collect();
    let (mut advantages, mut all_values, mut all_returns) = (vec![], vec![], vec![]);
    for ((group, features), rewards) in groups.iter().zip(&features).zip(rewards) {
        let values = by_completion(group, &value.values(features));
        for (values, rewards) in values.iter().zip(rewards) {
            let (own, returns) = gae(rewards, values, recipe.value.gamma, recipe.value.lambda);
            advantages.extend(own);
            all_values.extend_from_slice(values);
            all_returns.extend(returns);
        }
    }
    whiten(&mut advantages);
    let mut rest = &advantages[..];
    let cut = |group: &&Group| {
        let (own, others) = rest.split_at(group.tokens());
        rest = others;
        by_completion(group, own)
    };
    let advantages = groups.iter().map(cut).collect();
    let critic = Critic {
        features: features.concat(),
        explained_variance: explained_variance(&all_values, &all_returns),
        returns: all_returns,
    };
    (advantages, Some(critic))
}
