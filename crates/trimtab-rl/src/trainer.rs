//! The training loop in memory: sample, reward, update.

mod update;

use burn::tensor::Device;
use trimtab_model::checkpoint_weights::{CheckpointWeights, WeightsError};
use trimtab_model::{Model, Pretrained, Sampling, Site};
use trimtab_steer::{Adapter, Form, FormError, SteeringError, SteeringVectors, TokenFilter};
use trimtab_tasks::Problem;
use trimtab_tasks::stream::Cursor;

use crate::advantage::{Advantage, has_variance};
use crate::batch::Batch;
use crate::checkpoint::State;
use crate::data::{Data, DataError};
use crate::metrics::{Skipped, StepMetrics};
use crate::policy::{Policy, RolloutPolicy};
use crate::recipe::{Recipe, ZeroVariance};
use crate::reward::{RewardError, Rewards};
use crate::rollout::{Group, Rollout, RolloutError, rollouts};
use crate::value::ValueHead;

/// A run in memory: the frozen base, what is trained, and the state of the optimiser.
#[derive(Debug)]
pub struct Trainer<'a> {
    base: &'a Pretrained,
    /// The base on the autodiff side of its device.
    autodiff: Model,
    recipe: &'a Recipe,
    rewards: Rewards,
    pub(crate) data: Data,
    pub(crate) state: State,
}

/// What a step did.
#[derive(Clone, Debug)]
pub struct StepOutput {
    /// The figures of the step.
    pub metrics: StepMetrics,
    /// All groups that were sampled, dropped ones included.
    pub groups: Vec<Group>,
}

/// Why a run could not begin, or a step not be done. The state is then as it was before.
#[expect(missing_docs, reason = "the messages document the variants")]
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    #[error(transparent)]
    Data(#[from] DataError),
    #[error("`steer` does not fit this model")]
    Form(#[from] FormError),
    #[error("`steer.where` does not fit this form")]
    TokenFilter(#[from] SteeringError),
    #[error("full tuning changes the weights, which act at every token; leave `steer.where` out")]
    FilteredWeights,
    #[error("full tuning starts from the weights of the base, which cannot be read")]
    Weights(#[from] WeightsError),
    #[error(
        "layers are compared by the gradients of their vectors, but the recipe trains `{form}`; \
         leave `steer.form` out"
    )]
    NoVectors { form: &'static str },
    #[error(transparent)]
    Rollout(#[from] RolloutError),
    #[error(transparent)]
    Reward(#[from] RewardError),
    #[error(
        "step {step}: {reason}, and {before} steps before it were skipped for such a reason; \
         lower learning_rate, or raise max_skipped_steps"
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
        let data = Data::load(recipe)?;
        let adapter = initial_adapter(base, recipe)?;
        let token_filter = recipe.steer.token_filter.clone();
        Policy::new(adapter.to_device(&base.model.device()), token_filter)?;
        let learns_value = recipe.advantage == Advantage::Value;
        let value = learns_value.then(|| ValueHead::new(base.model.config.hidden_size));
        let state = State::new(adapter, value, data.stream.cursor());
        Ok(Self {
            base,
            autodiff: base.model.autodiff(),
            recipe,
            rewards: recipe.rewards(),
            data,
            state,
        })
    }

    /// Replaces the rewards that the recipe names.
    #[must_use]
    pub fn with_rewards(self, rewards: Rewards) -> Self {
        Self { rewards, ..self }
    }

    /// What is trained, the state of the optimiser, and the progress.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The current vectors.
    ///
    /// `None` if the recipe trains something else than vectors that are added to `resid_post` at
    /// every token.
    pub fn vectors(&self, device: &Device) -> Option<SteeringVectors> {
        let (site, vectors) = self.state.adapter.plain_vectors()?;
        let is_everywhere = self.recipe.steer.token_filter == TokenFilter::default();
        let is_plain = site == Site::ResidPost && is_everywhere;
        is_plain.then(|| SteeringVectors::from_host(&vectors, device))
    }

    /// The current policy.
    pub fn policy(&self) -> Policy {
        self.policy_with(&self.state.adapter)
    }

    fn policy_with(&self, adapter: &Adapter) -> Policy {
        let adapter = adapter.to_device(&self.base.model.device());
        let token_filter = self.recipe.steer.token_filter.clone();
        Policy::new(adapter, token_filter).expect("checked before the first step")
    }

    /// The current policy as it samples.
    pub(crate) fn rollout_policy(&self) -> RolloutPolicy<'a> {
        self.policy().rollout_policy(self.base)
    }

    /// Does one step: samples, filters, computes advantages, updates the policy and the value head.
    ///
    /// # Errors
    ///
    /// See [`TrainError`].
    pub fn step(&mut self) -> Result<StepOutput, TrainError> {
        let step = self.state.progress.step + 1;
        let policy = self.rollout_policy();
        let groups = self.sample(&policy, step, self.recipe.prompts_per_step)?;
        let kept = self.filter(&groups);
        let mut batch = self.batch(&policy, kept);
        let mut metrics = StepMetrics::from_groups(step, &groups);
        metrics.signal_rate = batch.groups_with_signal() as f64 / groups.len() as f64;
        metrics.kl = batch.kl();
        let mut next = self.state.clone();
        next.progress.step = step;
        next.progress.cursor = self.data.stream.cursor();
        match self.update_policy(&mut batch, &mut next) {
            Ok(updates) => {
                next.progress.skipped_in_row = 0;
                if updates.is_empty() {
                    metrics.skipped = Some(Skipped::NoSignal);
                } else {
                    metrics.add_updates(&updates, batch.tokens);
                }
                self.fit_value(&batch, &mut next, &mut metrics);
            }
            Err(reason) => {
                self.skip_update(&mut next, &reason)?;
                metrics.skipped = Some(Skipped::NonFinite(reason));
            }
        }
        self.state = next;
        self.add_parameter_metrics(&mut metrics);
        Ok(StepOutput { metrics, groups })
    }

    /// Samples one completion again, by its address.
    ///
    /// The address is the `step` of the run, the number `index` of the problem in its stream, and
    /// the number `sample` of the completion in its group. It is the completion of the run if the
    /// current parameters are those before that step.
    ///
    /// # Errors
    ///
    /// See [`TrainError`].
    pub fn replay(&self, step: u64, index: u64, sample: usize) -> Result<Rollout, TrainError> {
        let mut data = self.data.clone();
        let cursor = Cursor {
            taken: vec![index],
            ..data.stream.cursor()
        };
        data.stream.seek(&cursor).map_err(DataError::from)?;
        let mut groups =
            self.sample_groups(&self.rollout_policy(), step, data.take(1), sample, 1)?;
        Ok(groups.remove(0).rollouts.remove(0))
    }

    /// The squared norm of the gradient of each layer's vector, at vectors of zero.
    ///
    /// The gradient is that of the first step, over `problems` problems. It is 0 for layers without
    /// a vector. In the study of single-layer biases that this follows, a larger norm went with a
    /// higher accuracy after training that layer alone.
    ///
    /// # Errors
    ///
    /// The recipe trains something else than one vector per layer; see also [`TrainError`].
    pub fn layer_energy(&mut self, problems: usize) -> Result<Vec<f64>, TrainError> {
        let form = self.state.adapter.form();
        if !matches!(form, Form::PerLayer(_)) {
            return Err(TrainError::NoVectors { form: form.name() });
        }
        let policy = self.rollout_policy();
        let groups = self.sample(&policy, 1, problems)?;
        let batch = self.batch(&policy, self.filter(&groups));
        let gradient = self.batch_gradient(&batch, &self.state.adapter);
        let gradient = gradient.map_err(|reason| TrainError::NonFinite {
            step: 1,
            reason,
            before: 0,
        })?;
        let layers = self.state.adapter.part_layers().remove(0);
        let vectors = &gradient.grads[0];
        let rows = vectors.chunks(vectors.len() / layers.len());
        let mut energy = vec![0.0; self.base.model.config.num_hidden_layers];
        for (layer, row) in layers.into_iter().flatten().zip(rows) {
            energy[layer] = row.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
        }
        Ok(energy)
    }

    /// Samples and rewards groups for a step, from the state's position in the data.
    ///
    /// With resampling it goes on until `prompts` groups have a signal, or the rounds are over.
    fn sample(
        &mut self,
        policy: &RolloutPolicy,
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
            let group_size = self.recipe.group_size;
            let mut more = self.sample_groups(policy, step, problems, 0, group_size)?;
            self.rewards.score(&mut more)?;
            missing -= self.filter(&more).len();
            groups.extend(more);
            if missing == 0 {
                break;
            }
        }
        Ok(groups)
    }

    /// Samples completions of each problem, the first of which has the number `first_sample`.
    fn sample_groups(
        &self,
        policy: &RolloutPolicy,
        step: u64,
        problems: Vec<(u64, Problem)>,
        first_sample: usize,
        samples: usize,
    ) -> Result<Vec<Group>, RolloutError> {
        let sampling = Sampling {
            temperature: self.recipe.temperature,
            max_new_tokens: self.recipe.max_new_tokens,
            stop_tokens: self.base.model.config.eos_token_id.clone(),
            seed: self.recipe.seed,
            step,
            first_sample: first_sample as u64,
            ..Sampling::default()
        };
        rollouts(
            &policy.base,
            &self.recipe.template(),
            problems,
            samples,
            &sampling,
            Some(&policy.steering),
            &self.recipe.grader,
        )
    }

    /// The groups that a step learns from.
    fn filter<'b>(&self, groups: &'b [Group]) -> Vec<&'b Group> {
        groups
            .iter()
            .filter(|group| self.has_signal(group))
            .collect()
    }

    fn has_signal(&self, group: &Group) -> bool {
        self.recipe.zero_variance == ZeroVariance::Keep || has_variance(&group.rewards())
    }

    /// Computes the advantages of the kept groups, and what else their loss needs.
    fn batch<'b>(&self, policy: &RolloutPolicy, kept: Vec<&'b Group>) -> Batch<'b>
    where
        'a: 'b,
    {
        let value = self.state.value.as_ref();
        Batch::new(&self.base.model, policy, self.recipe, value, kept)
    }

    /// Fits the value head, if there is one, to the returns of the batch.
    fn fit_value(&self, batch: &Batch, state: &mut State, metrics: &mut StepMetrics) {
        let (Some(targets), Some(value)) = (&batch.value_targets, &mut state.value) else {
            return;
        };
        metrics.explained_variance = targets.explained_variance;
        for _ in 0..self.recipe.value.updates {
            state.progress.value_updates += 1;
            let number = state.progress.value_updates;
            let rate = self.recipe.value.learning_rate;
            let loss = value.update(&targets.features, &targets.returns, number, rate);
            metrics.value_loss.get_or_insert(loss);
        }
    }

    /// Takes back what an update changed in `next`.
    fn skip_update(&self, next: &mut State, reason: &str) -> Result<(), TrainError> {
        let before = self.state.progress.skipped_in_row;
        if before >= self.recipe.max_skipped_steps {
            return Err(TrainError::NonFinite {
                step: next.progress.step,
                reason: reason.to_owned(),
                before,
            });
        }
        next.adapter.clone_from(&self.state.adapter);
        next.moments.clone_from(&self.state.moments);
        next.progress.updates = self.state.progress.updates;
        next.progress.skipped_in_row = before + 1;
        Ok(())
    }

    fn add_parameter_metrics(&self, metrics: &mut StepMetrics) {
        let layers = self.base.model.config.num_hidden_layers;
        metrics.learning_rate = self.recipe.layer_rate(layers - 1, layers, metrics.step);
        if let Some((_, vectors)) = self.state.adapter.plain_vectors() {
            metrics.vector_norms =
                SteeringVectors::from_host(&vectors, &self.base.model.device()).norms();
        }
    }
}

/// What the recipe trains, before training.
fn initial_adapter(base: &Pretrained, recipe: &Recipe) -> Result<Adapter, TrainError> {
    let config = &base.model.config;
    if !matches!(recipe.steer.form, Form::Full(_)) {
        return Ok(Adapter::init(recipe.steer.form.clone(), config)?);
    }
    if recipe.steer.token_filter != TokenFilter::default() {
        return Err(TrainError::FilteredWeights);
    }
    let weights = CheckpointWeights::open(&base.path)?;
    Ok(Adapter::full(config, &weights)?)
}
