//! What a run will take, before it begins.

mod memory;

use rayon::prelude::*;
use serde::Serialize;
use trimtab_model::{Model, ModelConfig, Outline, Precision};
use trimtab_steer::{Adapter, Form};

use crate::data::Data;
use crate::export::check;
use crate::recipe::{Recipe, ZeroVariance};
use crate::rollout::encode_prompt;
use crate::run::RunError;
use crate::trainer::TrainError;
use memory::Sizes;

pub use memory::MemoryPlan;

/// Problems of a generated task whose prompts are looked at.
const GENERATED: usize = 1000;

/// What a run will take.
///
/// Lengths of completions are not known before they are sampled, so tokens and memory are those of
/// completions that all reach `max_new_tokens`.
#[derive(Clone, Debug, Serialize)]
pub struct Plan {
    /// Parameters of the frozen model.
    pub num_parameters: usize,
    /// Numbers that are trained.
    pub trained: usize,
    /// The number format of the weights.
    pub precision: Precision,
    /// The prompts.
    pub prompts: PromptLengths,
    /// The prompt of the first problem, as the model reads it.
    pub first_prompt: String,
    /// Number of steps.
    pub steps: u64,
    /// Completions of a step, in as many rounds as may be sampled.
    pub completions: usize,
    /// Most completion tokens of a step.
    pub tokens: usize,
    /// Most completion tokens of all measurements on validation problems.
    pub validation_tokens: usize,
    /// Most memory, in parts.
    pub memory: MemoryPlan,
}

/// Lengths of prompts, in tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct PromptLengths {
    /// How many prompts were looked at: all of a data set, some of a generated task.
    pub count: usize,
    /// The shortest.
    pub min: usize,
    /// The median.
    pub median: usize,
    /// The 95th percentile.
    pub p95: usize,
    /// The longest.
    pub max: usize,
    /// Longest text that the model reads.
    pub max_len: usize,
    /// Prompts that leave less room than `max_new_tokens`. A run ends at the first of them.
    pub too_long: usize,
}

impl Plan {
    /// Plans a run of the model of `outline` on the CPU.
    ///
    /// # Errors
    ///
    /// The problems cannot be loaded, or the recipe does not fit the model.
    pub fn new(outline: &Outline, precision: Precision, recipe: &Recipe) -> Result<Self, RunError> {
        check(&outline.path, recipe)?;
        let trained = trained(&outline.config, recipe)?;
        let (first_prompt, prompts) = prompts(outline, recipe)?;
        let memory = Sizes::of(recipe, precision).memory(outline, trained, prompts.max);
        let rounds = match recipe.zero_variance {
            ZeroVariance::Resample => recipe.resample_rounds as usize,
            _ => 1,
        };
        let group = recipe.prompts_per_step.saturating_mul(recipe.group_size);
        let completions = group.saturating_mul(rounds);
        let validation = &recipe.validation;
        let measurements = match validation.every {
            0 => 0,
            every => 1 + recipe.steps.div_ceil(every) as usize,
        };
        let validated = measurements
            .saturating_mul(validation.problems)
            .saturating_mul(validation.samples);
        Ok(Self {
            num_parameters: outline.num_parameters(),
            trained,
            precision,
            first_prompt,
            steps: recipe.steps,
            completions,
            tokens: completions.saturating_mul(recipe.max_new_tokens),
            validation_tokens: validated.saturating_mul(recipe.max_new_tokens),
            memory,
            prompts,
        })
    }

    /// Most seconds of a step, and of the run with its measurements, at so many tokens a second.
    pub fn seconds(&self, tokens_per_second: f64) -> (f64, f64) {
        let step = self.tokens as f64 / tokens_per_second;
        let validations = self.validation_tokens as f64 / tokens_per_second;
        (step, step * self.steps as f64 + validations)
    }

    /// Settings that each bring the memory within `limit` bytes, up to two, or if none does, two
    /// that do together. Empty if there are none.
    pub fn savings(&self, outline: &Outline, recipe: &Recipe, limit: usize) -> Vec<Vec<String>> {
        let sizes = Sizes::of(recipe, self.precision);
        let memory = |sizes: &Sizes| sizes.memory(outline, self.trained, self.prompts.max);
        memory::savings(&sizes, memory, limit)
    }
}

/// How many numbers the recipe trains.
fn trained(config: &ModelConfig, recipe: &Recipe) -> Result<usize, TrainError> {
    if matches!(recipe.steer.form, Form::Full(_)) {
        return Ok(Model::num_parameters(config));
    }
    let adapter = Adapter::init(recipe.steer.form.clone(), config)?;
    let parameters = adapter.parameters().iter();
    Ok(parameters.map(|(_, tensor)| tensor.data.len()).sum())
}

/// The first prompt, and the lengths of all.
fn prompts(outline: &Outline, recipe: &Recipe) -> Result<(String, PromptLengths), TrainError> {
    let mut data = Data::load(recipe)?;
    let count = data.len().map_or(GENERATED, |count| count as usize);
    let template = recipe.template();
    let problems = data.take(count);
    let chat = outline.chat_template.as_ref();
    let prompts = problems.par_iter().map(|(_, problem)| {
        let (text, tokens) = encode_prompt(&outline.tokenizer, chat, &template, problem)?;
        Ok((text, tokens.len()))
    });
    let mut prompts: Vec<(String, usize)> = prompts.collect::<Result<_, TrainError>>()?;
    let first = prompts.first().map(|(text, _)| text.clone());
    prompts.sort_unstable_by_key(|(_, len)| *len);
    let len = |share: f64| {
        let index = (share * (prompts.len().saturating_sub(1)) as f64).round() as usize;
        prompts.get(index).map_or(0, |(_, len)| *len)
    };
    let max_len = outline.config.max_len();
    let is_too_long = |len: &usize| len.saturating_add(recipe.max_new_tokens) > max_len;
    let too_long = prompts.iter().filter(|(_, len)| is_too_long(len)).count();
    let lengths = PromptLengths {
        count: prompts.len(),
        min: len(0.0),
        median: len(0.5),
        p95: len(0.95),
        max: len(1.0),
        max_len,
        too_long,
    };
    Ok((first.unwrap_or_default(), lengths))
}
