//! One training step after the other.

use burn::tensor::Device;
use rayon::prelude::*;
use serde::Serialize;
use trimtab_model::{Completion, FinishReason, HostTensor, Model, Pretrained, Sampling};
use trimtab_steer::SteeringVectors;
use trimtab_tasks::{Problem, Split};

use crate::adamw::{Moments, clip_grad_norm};
use crate::advantage::leave_one_out;
use crate::loss::{GroupGradient, group_gradient};
use crate::recipe::Recipe;
use crate::rollout::{Group, Rollout, RolloutError, rollouts};

/// A run in main memory: the frozen base, the vectors and the optimiser's moments.
#[derive(Debug)]
pub struct Trainer<'a> {
    base: &'a Pretrained,
    /// The base on the differentiating side of its device.
    autodiff: Model,
    recipe: &'a Recipe,
    /// `[num_hidden_layers, hidden_size]`
    pub(crate) vectors: HostTensor,
    pub(crate) moments: Moments,
    /// Steps done.
    pub(crate) step: u64,
}

/// The figures of one step, a line of `metrics.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StepMetrics {
    /// Number of the step, from 1.
    pub step: u64,
    /// Mean reward of its rollouts, between -1 and 1.
    pub reward: f64,
    /// Share of rollouts with the right answer.
    pub accuracy: f64,
    /// Share of rollouts with a closed box.
    pub format_rate: f64,
    /// Mean length of a rollout in tokens.
    pub mean_length: f64,
    /// Share of rollouts that were cut at `max_new_tokens`.
    pub truncation_rate: f64,
    /// Share of groups whose rewards were all equal, which teach nothing.
    pub zero_variance_rate: f64,
    /// Policy-gradient loss, per token.
    pub loss: f64,
    /// Norm of the gradient before clipping.
    pub grad_norm: f32,
    /// Learning rate of the last layer.
    pub learning_rate: f32,
    /// Largest difference between a log-probability in sampling and in training, in nats.
    pub max_logprob_gap: f32,
    /// Mean negative log-probability of the sampled tokens, in nats: an estimate of the policy's entropy.
    pub entropy: f64,
    /// Norm of each layer's vector after the step.
    pub vector_norms: Vec<f32>,
}

/// Why a step could not be taken. The vectors are then as they were before it.
#[expect(missing_docs, reason = "the messages document the variants")]
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    #[error(transparent)]
    Rollout(#[from] RolloutError),
    #[error("step {step}: the gradient of problem {problem} is not finite; lower learning_rate")]
    Gradient { step: u64, problem: String },
    #[error("step {step}: the vectors are not finite after the update; lower learning_rate")]
    Update { step: u64 },
}

impl<'a> Trainer<'a> {
    /// A run before its first step: vectors of zero.
    pub fn new(base: &'a Pretrained, recipe: &'a Recipe) -> Self {
        let shape = vec![
            base.model.config.num_hidden_layers,
            base.model.config.hidden_size,
        ];
        let len = shape.iter().product();
        Self {
            base,
            autodiff: base.model.autodiff(),
            recipe,
            vectors: HostTensor {
                shape,
                data: vec![0.0; len],
            },
            moments: Moments::zeros(len),
            step: 0,
        }
    }

    /// The vectors as they are now.
    pub fn vectors(&self, device: &Device) -> SteeringVectors {
        SteeringVectors::from_host(&self.vectors, device)
    }

    /// Samples, grades, and moves the vectors once.
    ///
    /// # Errors
    ///
    /// See [`StepError`].
    pub fn step(&mut self) -> Result<(StepMetrics, Vec<Group>), StepError> {
        let step = self.step + 1;
        let groups = self.sample(step)?;
        let advantages: Vec<Vec<f32>> = groups
            .iter()
            .map(|group| {
                leave_one_out(
                    &group
                        .rollouts
                        .iter()
                        .map(Rollout::reward)
                        .collect::<Vec<_>>(),
                )
            })
            .collect();
        let gradients = self.gradients(&groups, &advantages);

        let tokens: usize = groups
            .iter()
            .flat_map(|group| &group.rollouts)
            .map(|r| r.completion.tokens.len())
            .sum();
        let mut grad = vec![vec![0.0; self.vectors.data.len()]];
        // Added in the order of the groups, so that the sum does not depend on how they were spread over threads.
        for (gradient, group) in gradients.iter().zip(&groups) {
            let Some(gradient) = gradient else { continue };
            if gradient.grad.iter().any(|value| !value.is_finite()) || !gradient.loss.is_finite() {
                return Err(StepError::Gradient {
                    step,
                    problem: group.problem.id.clone(),
                });
            }
            for (sum, value) in grad[0].iter_mut().zip(&gradient.grad) {
                *sum += value / tokens as f32;
            }
        }
        let grad_norm = clip_grad_norm(&mut grad, self.recipe.max_grad_norm);
        let (layers, width) = (self.vectors.shape[0], self.vectors.shape[1]);
        let rates: Vec<f32> = (0..layers)
            .map(|layer| self.recipe.layer_rate(layer, layers, step))
            .collect();
        let (mut vectors, mut moments) = (self.vectors.clone(), self.moments.clone());
        let rate = |index: usize| rates[index / width];
        self.recipe
            .adamw
            .update(&mut vectors.data, &grad[0], &mut moments, step, rate);
        if vectors.data.iter().any(|value| !value.is_finite()) {
            return Err(StepError::Update { step });
        }
        (self.vectors, self.moments, self.step) = (vectors, moments, step);
        Ok((self.metrics(&groups, &gradients, tokens, grad_norm), groups))
    }

    fn sample(&self, step: u64) -> Result<Vec<Group>, RolloutError> {
        let first = (step - 1) * self.recipe.prompts_per_step as u64;
        let problems: Vec<Problem> = (first..first + self.recipe.prompts_per_step as u64)
            .map(|index| {
                self.recipe
                    .task
                    .problem(Split::Train, TRAINING_STREAM ^ self.recipe.seed, index)
            })
            .collect();
        let sampling = Sampling {
            temperature: self.recipe.temperature,
            max_new_tokens: self.recipe.max_new_tokens,
            stop_tokens: self.base.model.config.eos_token_id.clone(),
            seed: self.recipe.seed,
            step,
            ..Sampling::default()
        };
        let vectors = self.vectors(&self.base.model.device());
        let hook = vectors.hook();
        rollouts(
            self.base,
            problems,
            first,
            self.recipe.group_size,
            &sampling,
            Some(&hook),
        )
    }

    /// By group; `None` where all advantages are zero and so is the gradient.
    fn gradients(&self, groups: &[Group], advantages: &[Vec<f32>]) -> Vec<Option<GroupGradient>> {
        let gradient = |(group, advantages): (&Group, &Vec<f32>)| {
            if advantages.iter().all(|&advantage| advantage == 0.0) {
                return None;
            }
            let completions: Vec<&Completion> = group
                .rollouts
                .iter()
                .map(|rollout| &rollout.completion)
                .collect();
            let temperature = self.recipe.temperature;
            Some(group_gradient(
                &self.autodiff,
                &self.vectors,
                &group.prompt,
                &completions,
                advantages,
                temperature,
            ))
        };
        groups.par_iter().zip(advantages).map(gradient).collect()
    }

    fn metrics(
        &self,
        groups: &[Group],
        gradients: &[Option<GroupGradient>],
        tokens: usize,
        grad_norm: f32,
    ) -> StepMetrics {
        let layers = self.vectors.shape[0];
        let rollouts = || groups.iter().flat_map(|group| &group.rollouts);
        let count = rollouts().count() as f64;
        let share = |wanted: &dyn Fn(&Rollout) -> bool| {
            rollouts().filter(|rollout| wanted(rollout)).count() as f64 / count
        };
        let sampled = |group: &Group| -> Vec<f32> {
            group
                .rollouts
                .iter()
                .flat_map(|rollout| rollout.completion.logprobs.clone())
                .collect()
        };
        let gaps = groups.iter().zip(gradients).flat_map(|(group, gradient)| {
            let trained = gradient
                .iter()
                .flat_map(|gradient| gradient.logprobs.clone());
            sampled(group)
                .into_iter()
                .zip(trained)
                .map(|(sampled, trained)| (sampled - trained).abs())
                .collect::<Vec<_>>()
        });
        let logprobs = || rollouts().flat_map(|rollout| &rollout.completion.logprobs);
        StepMetrics {
            step: self.step,
            reward: rollouts()
                .map(|rollout| f64::from(rollout.reward()))
                .sum::<f64>()
                / count,
            accuracy: share(&|rollout| rollout.grade.verdict.is_correct()),
            format_rate: share(&|rollout| rollout.grade.extracted.is_some()),
            mean_length: tokens as f64 / count,
            truncation_rate: share(&|rollout| {
                rollout.completion.finish_reason == FinishReason::Length
            }),
            zero_variance_rate: gradients
                .iter()
                .filter(|gradient| gradient.is_none())
                .count() as f64
                / gradients.len() as f64,
            loss: gradients
                .iter()
                .flatten()
                .map(|gradient| gradient.loss)
                .sum::<f64>()
                / tokens as f64,
            grad_norm,
            learning_rate: self.recipe.layer_rate(layers - 1, layers, self.step),
            max_logprob_gap: gaps.fold(0.0, f32::max),
            entropy: -logprobs().map(|&logprob| f64::from(logprob)).sum::<f64>() / tokens as f64,
            vector_norms: self.vectors(&self.base.model.device()).norms(),
        }
    }
}

/// Keeps the problems of reward training apart from those of the pre-training text, whose seeds are small.
const TRAINING_STREAM: u64 = 1 << 62;
