//! The update of the policy: gradient of the batch, clipping, AdamW.

use rayon::prelude::*;
use trimtab_steer::Adapter;

use super::Trainer;
use crate::batch::{Batch, BatchGroup};
use crate::checkpoint::State;
use crate::gradient::{GroupGradient, GroupLoss, LogprobGrads, group_gradient};
use crate::metrics::UpdateMetrics;
use crate::optim::clip_grad_norm;
use crate::policy::Policy;
use crate::token_values::TokenValues;

/// The gradient of a batch.
pub(super) struct BatchGradient {
    /// The gradient of each parameter, row-major.
    pub(super) grads: Vec<Vec<f32>>,
    /// Log-probabilities of each group of the batch; `None` for groups without a signal.
    logprobs: Vec<Option<TokenValues>>,
    groups: GroupNorms,
    metrics: UpdateMetrics,
}

/// The norms of the gradients that a batch sums up.
#[derive(Default)]
struct GroupNorms {
    count: usize,
    squares: f64,
}

impl GroupNorms {
    fn add(&mut self, grads: &[Vec<f32>], divisor: f32) {
        let squares = grads
            .iter()
            .flatten()
            .map(|x| f64::from(x / divisor).powi(2));
        self.squares += squares.sum::<f64>();
        self.count += 1;
    }

    /// [`StepMetrics::grad_agreement`](crate::StepMetrics::grad_agreement), from the norm of the
    /// sum: `|sum g|^2 = sum |g|^2 + the dot products of all ordered pairs`.
    fn agreement(&self, norm: f32) -> Option<f64> {
        let pairs_for_each = self.count.checked_sub(1).filter(|&others| others > 0)? as f64;
        let products = f64::from(norm).powi(2) - self.squares;
        (self.squares > 0.0).then(|| products / (pairs_for_each * self.squares))
    }
}

impl Trainer<'_> {
    /// Does all updates with a batch. An error says which value is not finite.
    ///
    /// A batch without a gradient makes none. With a gradient of zero, AdamW would still move the
    /// parameters along its first moment, and the moments would decay.
    pub(super) fn update_policy(
        &self,
        batch: &mut Batch,
        state: &mut State,
    ) -> Result<Vec<UpdateMetrics>, String> {
        let mut updates = vec![];
        if !batch.has_gradient(state.progress.updates > 0) {
            return Ok(updates);
        }
        for _ in 0..self.recipe.loss.num_iterations {
            let mut gradient = self.batch_gradient(batch, &state.adapter)?;
            let norm = clip_grad_norm(&mut gradient.grads, self.recipe.max_grad_norm);
            gradient.metrics.grad_norm = norm;
            gradient.metrics.grad_agreement = gradient.groups.agreement(norm);
            self.apply(&gradient.grads, state)?;
            for (group, logprobs) in batch.groups.iter_mut().zip(gradient.logprobs) {
                if group.old_logprobs.is_none() {
                    group.old_logprobs = logprobs;
                }
            }
            updates.push(gradient.metrics);
        }
        Ok(updates)
    }

    /// Moves the parameters by AdamW, each at the learning rate of its layer.
    fn apply(&self, grads: &[Vec<f32>], state: &mut State) -> Result<(), String> {
        let layers = self.base.model.config.num_hidden_layers;
        let step = state.progress.step;
        let rates: Vec<f32> = (0..layers)
            .map(|layer| self.recipe.layer_rate(layer, layers, step))
            .collect();
        let part_layers = state.adapter.part_layers();
        state.progress.updates += 1;
        let trained = state.adapter.values_mut().zip(&mut state.moments);
        for ((values, moments), (grad, parts)) in trained.zip(grads.iter().zip(&part_layers)) {
            let len = values.len() / parts.len();
            let rate = |index: usize| rates[parts[index / len].unwrap_or(layers - 1)];
            let adamw = &self.recipe.adamw;
            adamw.update(values, grad, moments, state.progress.updates, rate);
        }
        let mut parameters = state.adapter.parameters().iter();
        match parameters.find(|(_, tensor)| has_non_finite(&tensor.data)) {
            None => Ok(()),
            Some((name, _)) => Err(format!("`{name}` is not finite after the update")),
        }
    }

    /// The gradient of a batch at these parameters. An error says which completion makes it
    /// something that is not finite.
    pub(super) fn batch_gradient(
        &self,
        batch: &Batch,
        adapter: &Adapter,
    ) -> Result<BatchGradient, String> {
        let policy = self.policy_with(adapter);
        let mut sum = BatchGradient {
            grads: policy.adapter().zero_grads(),
            logprobs: vec![],
            groups: GroupNorms::default(),
            metrics: UpdateMetrics::default(),
        };
        for micro_batch in micro_batches(&batch.groups, self.recipe.micro_batch_tokens) {
            let gradient = |group: &BatchGroup| {
                group.has_gradient(self.recipe).then(|| {
                    let loss = group.loss(self.recipe);
                    group_gradient(&self.autodiff, &policy, &loss, &self.recipe.backward)
                })
            };
            let gradients: Vec<Option<GroupGradient>> =
                micro_batch.par_iter().map(gradient).collect();
            // Added in the order of the groups, so that the sum depends neither on threads nor on
            // micro-batches.
            for (group, gradient) in micro_batch.iter().zip(gradients) {
                match gradient {
                    None => sum.logprobs.push(None),
                    Some(gradient) => {
                        self.add_group(&mut sum, group, gradient, batch.divisor, &policy)?;
                    }
                }
            }
        }
        Ok(sum)
    }

    fn add_group(
        &self,
        sum: &mut BatchGradient,
        group: &BatchGroup,
        gradient: GroupGradient,
        divisor: f32,
        policy: &Policy,
    ) -> Result<(), String> {
        let GroupGradient { grads, logprobs } = gradient;
        let logprobs = TokenValues::new(group.group, logprobs);
        let losses = group.completion_losses(self.recipe, &logprobs);
        let loss: f64 = losses.iter().map(|one| one.loss).sum();
        if !loss.is_finite() || grads.iter().any(|grad| has_non_finite(grad)) {
            return Err(self.find_non_finite(group, policy, &logprobs));
        }
        sum.metrics.loss += loss / f64::from(divisor);
        sum.metrics.clipped += losses.iter().map(|one| one.clipped).sum::<usize>();
        let sampled = TokenValues::sampled_logprobs(group.group);
        let pairs = sampled.as_slice().iter().zip(logprobs.as_slice());
        let gaps = pairs.map(|(sampled, trained)| (sampled - trained).abs());
        sum.metrics.max_logprob_gap = gaps.fold(sum.metrics.max_logprob_gap, f32::max);
        sum.groups.add(&grads, divisor);
        for (sum, grad) in sum.grads.iter_mut().zip(&grads) {
            for (sum, value) in sum.iter_mut().zip(grad) {
                *sum += value / divisor;
            }
        }
        sum.logprobs.push(Some(logprobs));
        Ok(())
    }

    /// Says which completion of a group made its loss or gradient something that is not finite.
    fn find_non_finite(
        &self,
        group: &BatchGroup,
        policy: &Policy,
        logprobs: &TokenValues,
    ) -> String {
        let by_gradient = || {
            let losses = group.completion_losses(self.recipe, logprobs);
            let completions = group.group.completions();
            completions.iter().zip(losses).position(|(one, loss)| {
                let alone = GroupLoss {
                    prompt: &group.group.prompt,
                    completions: vec![one],
                    temperature: self.recipe.temperature,
                    logprob_grads: LogprobGrads::Fixed(loss.logprob_grads),
                    entropy_weights: vec![],
                };
                let alone = group_gradient(&self.autodiff, policy, &alone, &self.recipe.backward);
                alone.grads.iter().any(|grad| has_non_finite(grad))
            })
        };
        let sample = group
            .non_finite_advantage()
            .or_else(|| logprobs.first_non_finite())
            .or_else(by_gradient);
        let problem = &group.group.problem.id;
        match sample {
            Some(sample) => {
                format!("the gradient of problem {problem}, completion {sample}, is not finite")
            }
            None => format!("the gradient of problem {problem} is not finite"),
        }
    }
}

fn has_non_finite(values: &[f32]) -> bool {
    values.iter().any(|value| !value.is_finite())
}

/// Splits groups into micro-batches of at most `max_tokens` completion tokens, or of one group.
fn micro_batches<'b, 'a>(
    groups: &'b [BatchGroup<'a>],
    max_tokens: usize,
) -> Vec<&'b [BatchGroup<'a>]> {
    let (mut micro_batches, mut start, mut tokens) = (vec![], 0, 0);
    for (index, group) in groups.iter().enumerate() {
        let own = group.group.tokens();
        if index > start && tokens + own > max_tokens {
            micro_batches.push(&groups[start..index]);
            (start, tokens) = (index, 0);
        }
        tokens += own;
    }
    micro_batches.push(&groups[start..]);
    micro_batches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_agreement_is_the_mean_product_of_two_groups() {
        let groups: [Vec<Vec<f32>>; 3] = [
            vec![vec![2.0, 4.0], vec![-6.0]],
            vec![vec![0.0, 2.0], vec![2.0]],
            vec![vec![-2.0, 8.0], vec![0.0]],
        ];
        let (divisor, mut norms) = (2.0, GroupNorms::default());
        let halves = groups.each_ref().map(|grads| -> Vec<f64> {
            grads
                .iter()
                .flatten()
                .map(|&x| f64::from(x) / 2.0)
                .collect()
        });
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let mut sum = vec![0.0; 3];
        for (grads, half) in groups.iter().zip(&halves) {
            norms.add(grads, divisor);
            sum.iter_mut().zip(half).for_each(|(sum, x)| *sum += x);
            if norms.count == 1 {
                assert_eq!(norms.agreement(3.0), None);
            }
        }
        let pairs = [(0, 1), (0, 2), (1, 2)].map(|(i, j)| dot(&halves[i], &halves[j]));
        let squares = halves.each_ref().map(|half| dot(half, half));
        let expected = pairs.iter().sum::<f64>() / squares.iter().sum::<f64>();
        let found = norms.agreement(dot(&sum, &sum).sqrt() as f32);
        assert!(
            (found.expect("three groups") - expected).abs() < 1e-6,
            "{found:?}"
        );
        let mut equal = GroupNorms::default();
        (0..4).for_each(|_| equal.add(&groups[0], 1.0));
        let norm = 4.0 * (4.0f32 + 16.0 + 36.0).sqrt();
        let found = equal.agreement(norm).expect("four groups");
        assert!((found - 1.0).abs() < 1e-6, "{found}");
    }
}
