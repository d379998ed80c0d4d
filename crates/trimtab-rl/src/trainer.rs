//! One training step after the other.

use burn::tensor::Device;
use rayon::prelude::*;
use trimtab_model::checkpoint_weights::{CheckpointWeights, WeightsError};
use trimtab_model::{Model, Pretrained, Sampling, Site};
use trimtab_steer::{Adapter, Form, FormError, SteeringSetError, SteeringVectors, TokenFilter};

use crate::advantage::differs;
use crate::batch::{Batch, BatchGroup, by_completion, sampled};
use crate::checkpoint::State;
use crate::data::{Data, DataError};
use crate::gradient::{GroupGradient, GroupLoss, group_gradient};
use crate::metrics::{StepMetrics, UpdateMetrics};
use crate::policy::{Policy, RolloutPolicy};
use crate::recipe::{Recipe, ZeroVariance};
use crate::reward::{RewardError, Rewards};
use crate::rollout::{Group, Rollout, RolloutError, rollouts};
use crate::update::clip_grad_norm;
use crate::value::ValueHead;

/// A run in main memory: the frozen base, what is trained and the optimiser's state.
#[derive(Debug)]
pub struct Trainer<'a> {
    base: &'a Pretrained,
    /// The base on the differentiating side of its device.
    autodiff: Model,
    recipe: &'a Recipe,
    rewards: Rewards,
    pub(crate) data: Data,
    pub(crate) state: State,
}

/// Why a run could not begin, or a step not be taken. The state is then as it was before it.
#[expect(missing_docs, reason = "the messages document the variants")]
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    #[error(transparent)]
    Data(#[from] DataError),
    #[error("`steer` does not fit this model: {0}")]
    Form(#[from] FormError),
    #[error("`steer.where` cannot be followed: {0}")]
    Where(#[from] SteeringSetError),
    #[error("full tuning changes the weights, which act at every token; leave `steer.where` out")]
    WhereOfWeights,
    #[error("full tuning needs the weights of the base again: {0}")]
    Weights(#[from] WeightsError),
    #[error(
        "layers can be compared by the gradients of their vectors only; the recipe trains `{form}`, \
         so leave `steer.form` out"
    )]
    NoVectors { form: &'static str },
    #[error(transparent)]
    Rollout(#[from] RolloutError),
    #[error(transparent)]
    Reward(#[from] RewardError),
    #[error(
        "step {step}: {reason}, and {before} steps before it were skipped for the like; lower learning_rate, \
         or raise max_skipped_steps"
    )]
    NonFinite {
        step: u64,
        reason: String,
        before: u64,
    },
}

impl<'a> Trainer<'a> {
    /// A run before its first step, when the policy is the base.
    ///
    /// # Errors
    ///
    /// The problems cannot be loaded, or what is to be trained does not fit the model.
    pub fn new(base: &'a Pretrained, recipe: &'a Recipe) -> Result<Self, TrainError> {
        let data = Data::of(recipe)?;
        let adapter = adapter(base, recipe)?;
        let token_filter = recipe.steer.token_filter.clone();
        Policy::new(adapter.to_device(&base.model.device()), token_filter)?;
        let learns_value = recipe.advantage == crate::Advantage::Value;
        let value = learns_value.then(|| ValueHead::new(base.model.config.hidden_size));
        let state = State::new(adapter, value, data.stream.cursor());
        Ok(Self {
            base,
            autodiff: base.model.autodiff(),
            recipe,
            rewards: Rewards::of(recipe),
            data,
            state,
        })
    }

    /// The same with other rewards than those that the recipe names.
    #[must_use]
    pub fn with_rewards(self, rewards: Rewards) -> Self {
        Self { rewards, ..self }
    }

    /// Where it stands.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The vectors as they are now, if what is trained is vectors that are added to `resid_post` at every token.
    pub fn vectors(&self, device: &Device) -> Option<SteeringVectors> {
        let (site, vectors) = self.state.adapter.materialise()?;
        let everywhere = self.recipe.steer.token_filter == TokenFilter::default();
        let plain = site == Site::ResidPost && everywhere;
        plain.then(|| SteeringVectors::from_host(&vectors, device))
    }

    /// The policy as it is now.
    pub fn policy(&self) -> Policy {
        self.policy_of(&self.state.adapter)
    }

    /// The policy with these parameters.
    fn policy_of(&self, adapter: &Adapter) -> Policy {
        let leaves = adapter.to_device(&self.base.model.device());
        Policy::new(leaves, self.recipe.steer.token_filter.clone())
            .expect("checked before the first step")
    }

    /// The policy as it samples now.
    pub(crate) fn rollout_policy(&self) -> RolloutPolicy<'a> {
        self.policy().rollout_policy(self.base)
    }

    /// Samples, rewards, and moves the parameters; the groups are all that were sampled.
    ///
    /// # Errors
    ///
    /// See [`TrainError`].
    pub fn step(&mut self) -> Result<(StepMetrics, Vec<Group>), TrainError> {
        let step = self.state.progress.step + 1;
        let mut next = self.state.clone();
        next.progress.step = step;
        let rollout_policy = self.rollout_policy();
        let groups = self.sample(&rollout_policy, step, self.recipe.prompts_per_step)?;
        next.progress.cursor = self.data.stream.cursor();
        let mut metrics = StepMetrics::of_groups(step, &groups);
        let kept = groups
            .iter()
            .filter(|group| self.has_signal(group))
            .collect();
        let value = next.value.as_ref();
        let mut batch = Batch::new(&self.base.model, &rollout_policy, self.recipe, value, kept);
        metrics.kl = batch.kl();
        match self.updates(&mut batch, &mut next) {
            Ok(updates) => {
                metrics.loss = updates[0].loss;
                metrics.grad_norm = updates[0].grad_norm;
                metrics.max_logprob_gap = updates[0].max_logprob_gap;
                let clipped: usize = updates.iter().map(|update| update.clipped).sum();
                let tokens = (batch.tokens * updates.len()).max(1);
                metrics.clip_fraction = clipped as f64 / tokens as f64;
                next.progress.skipped_in_row = 0;
            }
            Err(reason) => {
                let before = self.state.progress.skipped_in_row;
                if before >= self.recipe.max_skipped_steps {
                    return Err(TrainError::NonFinite {
                        step,
                        reason,
                        before,
                    });
                }
                next.adapter.clone_from(&self.state.adapter);
                next.moments.clone_from(&self.state.moments);
                next.value.clone_from(&self.state.value);
                next.progress.updates = self.state.progress.updates;
                next.progress.skipped_in_row = before + 1;
                metrics.skipped = Some(reason);
            }
        }
        if let (None, Some(critic), Some(value)) =
            (&metrics.skipped, &batch.critic, &mut next.value)
        {
            metrics.explained_variance = critic.explained_variance;
            for _ in 0..self.recipe.value.updates {
                next.progress.value_updates += 1;
                let number = next.progress.value_updates;
                let rate = self.recipe.value.learning_rate;
                let loss = value.update(&critic.features, &critic.returns, number, rate);
                metrics.value_loss.get_or_insert(loss);
            }
        }
        drop(batch);
        self.state = next;
        let layers = self.base.model.config.num_hidden_layers;
        metrics.learning_rate = self.recipe.layer_rate(layers - 1, layers, step);
        if let Some((_, vectors)) = self.state.adapter.materialise() {
            metrics.vector_norms =
                SteeringVectors::from_host(&vectors, &self.base.model.device()).norms();
        }
        Ok((metrics, groups))
    }

    /// Makes one completion again, alone, from its address: the `step` of the run, the number of the problem in its stream,
    /// and the number of the completion in its group. The parameters are those of now, so it is the completion of the run
    /// where they are those that `step` started from.
    ///
    /// # Errors
    ///
    /// See [`TrainError`].
    pub fn replay(&self, step: u64, index: u64, sample: usize) -> Result<Rollout, TrainError> {
        let mut data = self.data.clone();
        let cursor = trimtab_tasks::Cursor {
            taken: vec![index],
            ..data.stream.cursor()
        };
        data.stream.seek(&cursor).map_err(DataError::from)?;
        let mut groups = self.roll(&self.rollout_policy(), step, data.take(1), sample + 1)?;
        Ok(groups.remove(0).rollouts.remove(sample))
    }

    /// Which layers are worth training, before a run: the squared norm of the gradient of each layer's vector over `problems` problems,
    /// from vectors of zero; 0 for layers without one. Arrangement and interpretation are those of the label-free bias-only study, which found it
    /// to go with the accuracy that training a layer alone reaches.
    ///
    /// # Errors
    ///
    /// The recipe trains something else than a vector for each layer; see [`TrainError`].
    pub fn layer_energy(&mut self, problems: usize) -> Result<Vec<f64>, TrainError> {
        let form = self.state.adapter.form();
        if !matches!(form, Form::PerLayer(_)) {
            return Err(TrainError::NoVectors { form: form.name() });
        }
        let rollout_policy = self.rollout_policy();
        let groups = self.sample(&rollout_policy, 1, problems)?;
        let value = self.state.value.as_ref();
        let kept = groups
            .iter()
            .filter(|group| self.has_signal(group))
            .collect();
        let batch = Batch::new(&self.base.model, &rollout_policy, self.recipe, value, kept);
        let (grads, _, _) = self
            .gradient(&batch, &self.state.adapter)
            .map_err(|reason| TrainError::NonFinite {
                step: 1,
                reason,
                before: 0,
            })?;
        let squares = |row: &[f32]| row.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
        let layers = self.state.adapter.layers_of_parts().remove(0);
        let rows = grads[0].chunks(grads[0].len() / layers.len());
        let mut energy = vec![0.0; self.base.model.config.num_hidden_layers];
        for (layer, row) in layers.into_iter().flatten().zip(rows) {
            energy[layer] = squares(row);
        }
        Ok(energy)
    }

    /// Rewarded groups for a step, from where the state's cursor is: as many as asked for, or with resampling as many as
    /// it takes.
    fn sample(
        &mut self,
        rollout_policy: &RolloutPolicy,
        step: u64,
        prompts: usize,
    ) -> Result<Vec<Group>, TrainError> {
        let cursor = &self.state.progress.cursor;
        self.data.stream.seek(cursor).map_err(DataError::from)?;
        let rounds = match self.recipe.zero_variance {
            ZeroVariance::Resample => self.recipe.resample_rounds,
            ZeroVariance::Keep | ZeroVariance::Drop => 1,
        };
        let (mut groups, mut missing) = (vec![], prompts);
        for _ in 0..rounds {
            let problems = self.data.take(missing);
            let mut sampled = self.roll(rollout_policy, step, problems, self.recipe.group_size)?;
            self.rewards.score(&mut sampled)?;
            missing -= sampled
                .iter()
                .filter(|group| self.has_signal(group))
                .count();
            groups.extend(sampled);
            if missing == 0 {
                break;
            }
        }
        Ok(groups)
    }

    fn roll(
        &self,
        rollout_policy: &RolloutPolicy,
        step: u64,
        problems: Vec<(u64, trimtab_tasks::Problem)>,
        samples: usize,
    ) -> Result<Vec<Group>, RolloutError> {
        let sampling = Sampling {
            temperature: self.recipe.temperature,
            max_new_tokens: self.recipe.max_new_tokens,
            stop_tokens: self.base.model.config.eos_token_id.clone(),
            seed: self.recipe.seed,
            step,
            ..Sampling::default()
        };
        rollouts(
            &rollout_policy.base,
            &self.recipe.template(),
            problems,
            samples,
            &sampling,
            Some(&rollout_policy.steering),
        )
    }

    /// Whether a step learns from a group.
    fn has_signal(&self, group: &Group) -> bool {
        self.recipe.zero_variance == ZeroVariance::Keep || differs(&group.rewards())
    }

    /// All updates with a batch; an error says which value is not finite.
    fn updates(&self, batch: &mut Batch, state: &mut State) -> Result<Vec<UpdateMetrics>, String> {
        let layers = self.base.model.config.num_hidden_layers;
        let rates: Vec<f32> = (0..layers)
            .map(|layer| self.recipe.layer_rate(layer, layers, state.progress.step))
            .collect();
        let parts = state.adapter.layers_of_parts();
        let mut updates = vec![];
        for _ in 0..self.recipe.loss.updates_per_batch {
            let (mut grads, logprobs, mut metrics) = self.gradient(batch, &state.adapter)?;
            metrics.grad_norm = clip_grad_norm(&mut grads, self.recipe.max_grad_norm);
            state.progress.updates += 1;
            let trained = state.adapter.values_mut().zip(&mut state.moments);
            for ((values, moments), (grad, parts)) in trained.zip(grads.iter().zip(&parts)) {
                let len = values.len() / parts.len();
                let rate = |index: usize| rates[parts[index / len].unwrap_or(layers - 1)];
                let adamw = &self.recipe.adamw;
                adamw.update(values, grad, moments, state.progress.updates, rate);
            }
            let finite = |values: &[f32]| values.iter().all(|value| value.is_finite());
            let mut parameters = state.adapter.parameters().iter();
            if let Some((name, _)) = parameters.find(|(_, tensor)| !finite(&tensor.data)) {
                return Err(format!("`{name}` is not finite after the update"));
            }
            for (group, logprobs) in batch.groups.iter_mut().zip(logprobs) {
                if group.old_logprobs.is_none() {
                    group.old_logprobs =
                        logprobs.map(|logprobs| by_completion(group.group, &logprobs));
                }
            }
            updates.push(metrics);
        }
        Ok(updates)
    }

    /// The gradient of a batch, the log-probabilities of each group that teaches, and figures.
    #[expect(clippy::type_complexity, reason = "three results of one walk")]
    fn gradient(
        &self,
        batch: &Batch,
        adapter: &Adapter,
    ) -> Result<(Vec<Vec<f32>>, Vec<Option<Vec<f32>>>, UpdateMetrics), String> {
        let policy = self.policy_of(adapter);
        let mut grads = policy.adapter().zeros();
        let (mut logprobs, mut metrics) = (vec![], UpdateMetrics::default());
        for wave in waves(&batch.groups, self.recipe.tokens_at_once) {
            let gradient = |group: &BatchGroup| {
                group.has_signal(self.recipe).then(|| {
                    let run = |loss: &GroupLoss| {
                        group_gradient(&self.autodiff, &policy, loss, &self.recipe.backward)
                    };
                    group.with_loss(self.recipe, run)
                })
            };
            let found: Vec<Option<GroupGradient>> = wave.par_iter().map(gradient).collect();
            // Added in the order of the groups, so that the sum does not depend on how they were spread over threads and
            // waves.
            for (group, found) in wave.iter().zip(found) {
                let Some(found) = found else {
                    logprobs.push(None);
                    continue;
                };
                let losses = group.losses(self.recipe, &found.logprobs);
                let loss: f64 = losses.iter().map(|one| one.loss).sum();
                let finite = |grad: &Vec<f32>| grad.iter().all(|value| value.is_finite());
                if !loss.is_finite() || !found.grads.iter().all(finite) {
                    return Err(self.find_non_finite(group, &policy, &found));
                }
                metrics.loss += loss / f64::from(batch.divisor);
                metrics.clipped += losses.iter().map(|one| one.clipped).sum::<usize>();
                let gaps = sampled(group.group).into_iter().zip(&found.logprobs);
                let gap = gaps.map(|(sampled, trained)| (sampled - trained).abs());
                metrics.max_logprob_gap = gap.fold(metrics.max_logprob_gap, f32::max);
                for (sum, grad) in grads.iter_mut().zip(&found.grads) {
                    for (sum, value) in sum.iter_mut().zip(grad) {
                        *sum += value / batch.divisor;
                    }
                }
                logprobs.push(Some(found.logprobs));
            }
        }
        Ok((grads, logprobs, metrics))
    }

    /// Which completion of a group made its loss or gradient something that is not finite.
    fn find_non_finite(
        &self,
        group: &BatchGroup,
        policy: &Policy,
        found: &GroupGradient,
    ) -> String {
        let not_finite = |numbers: &[f32]| numbers.iter().any(|number| !number.is_finite());
        let by_logprob = || {
            let completions = by_completion(group.group, &found.logprobs);
            completions.iter().position(|one| not_finite(one))
        };
        let by_gradient = || {
            let slopes = group.losses(self.recipe, &found.logprobs);
            let completions = group.group.completions();
            completions.iter().zip(slopes).position(|(one, loss)| {
                let alone = GroupLoss {
                    prompt: &group.group.prompt,
                    completions: &[one],
                    temperature: self.recipe.temperature,
                    slopes: crate::gradient::Slopes::Known(loss.slopes),
                    entropy_weights: vec![],
                };
                let alone = group_gradient(&self.autodiff, policy, &alone, &self.recipe.backward);
                alone.grads.iter().any(|grad| not_finite(grad))
            })
        };
        let sample = group
            .bad_advantage()
            .or_else(by_logprob)
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

/// What the recipe trains, before training.
fn adapter(base: &Pretrained, recipe: &Recipe) -> Result<Adapter, TrainError> {
    let config = &base.model.config;
    if !matches!(recipe.steer.form, Form::Full(_)) {
        return Ok(Adapter::init(recipe.steer.form.clone(), config)?);
    }
    if recipe.steer.token_filter != TokenFilter::default() {
        return Err(TrainError::WhereOfWeights);
    }
    let weights = CheckpointWeights::open(&base.dir)?;
    Ok(Adapter::full(config, &weights)?)
}

/// Cuts groups into runs of at most so many completion tokens, or one group.
fn waves<'b, 'a>(groups: &'b [BatchGroup<'a>], tokens_at_once: usize) -> Vec<&'b [BatchGroup<'a>]> {
    let (mut waves, mut start, mut tokens) = (vec![], 0, 0);
    for (index, group) in groups.iter().enumerate() {
        let own = group.group.tokens();
        if index > start && tokens + own > tokens_at_once {
            waves.push(&groups[start..index]);
            (start, tokens) = (index, 0);
        }
        tokens += own;
    }
    waves.push(&groups[start..]);
    waves
}
