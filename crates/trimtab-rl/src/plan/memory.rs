//! The memory of a run, and what saves some.

use std::mem::discriminant;

use serde::Serialize;
use trimtab_model::generation::{MAX_CACHE_BYTES, MAX_ROWS};
use trimtab_model::{ModelConfig, Outline, Precision, Site};
use trimtab_steer::Form;

use crate::gradient::LOGITS_PER_CHUNK;
use crate::recipe::Recipe;

/// Memory in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct MemoryPlan {
    /// The program and the tokenizer.
    pub program: usize,
    /// The frozen weights.
    pub weights: usize,
    /// What is trained, with its gradients and the moments of the optimiser.
    pub trained: usize,
    /// Keys and values of the completions that are sampled at a time.
    pub kv_cache: usize,
    /// Logits of the rows that are sampled at a time.
    pub sampling: usize,
    /// Activations that are kept for the backward pass of a micro-batch.
    pub activations: usize,
    /// The rest of a forward and backward pass: what one layer needs, or a chunk of logits.
    pub backward: usize,
    /// Groups that run backward at the same time. One thread runs one at most.
    pub groups_at_once: usize,
}

impl MemoryPlan {
    /// The most that is needed at a time. Sampling and training follow each other, and use about
    /// two thirds of each other's memory again.
    pub fn peak(&self) -> usize {
        let sampling = self.kv_cache.saturating_add(self.sampling);
        let training = self.activations.saturating_add(self.backward);
        let always = self.program + self.weights;
        let always = always.saturating_add(self.trained);
        let larger = sampling.max(training);
        always
            .saturating_add(larger)
            .saturating_add(sampling.min(training) / 3)
    }
}

/// Bytes of the program without a model.
const PROGRAM: usize = 48 << 20;

/// Bytes of the tokenizer for each token.
const TOKEN_TEXT: usize = 700;

/// Copies of a chunk of logits, with their gradient.
const LOGIT_COPIES: usize = 4;

/// Copies of what is trained: the values on both sides, the sum of the gradients, and two moments.
const COPIES: usize = 5;

/// Copies of all weights under full tuning: those on the autodiff side, and what the exchange of
/// values takes, are more. Found by measurement.
const COPIES_OF_FULL: usize = 9;

/// Copies of the gradient of a group under full tuning. Found by measurement.
const GRADIENTS_OF_FULL: usize = 4;

/// How much more full tuning keeps, which runs plain tensors. Found by measurement.
const ACTIVATIONS_OF_FULL: usize = 4;

/// The settings that memory depends on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes<'a> {
    form: &'a Form,
    precision: Precision,
    prompts_per_step: usize,
    group_size: usize,
    max_new_tokens: usize,
    micro_batch_tokens: usize,
    tokens_per_part: usize,
    gradient_checkpointing: bool,
    /// Completions of a measurement on validation problems.
    validation: usize,
}

impl<'a> Sizes<'a> {
    pub(super) fn of(recipe: &'a Recipe, precision: Precision) -> Self {
        let validation = &recipe.validation;
        Self {
            form: &recipe.steer.form,
            precision,
            prompts_per_step: recipe.prompts_per_step,
            group_size: recipe.group_size,
            max_new_tokens: recipe.max_new_tokens,
            micro_batch_tokens: recipe.micro_batch_tokens,
            tokens_per_part: recipe.backward.tokens_per_part,
            gradient_checkpointing: recipe.backward.gradient_checkpointing,
            validation: match validation.every {
                0 => 0,
                _ => validation.problems.saturating_mul(validation.samples),
            },
        }
    }

    /// Groups that run backward at the same time.
    fn groups_at_once(&self) -> usize {
        let group = self.group_size.saturating_mul(self.max_new_tokens);
        let groups = (self.micro_batch_tokens / group.max(1)).max(1);
        let threads = rayon::current_num_threads();
        groups.min(self.prompts_per_step).min(threads)
    }

    pub(super) fn memory(&self, outline: &Outline, trained: usize, prompt: usize) -> MemoryPlan {
        const NUMBER: usize = size_of::<f32>();
        let config = &outline.config;
        let groups = self.groups_at_once();
        let kv_token = NUMBER * config.kv_numbers();
        let completion = self.max_new_tokens;
        let rows = self.prompts_per_step.saturating_mul(self.group_size);
        let prompts = self.prompts_per_step.saturating_mul(prompt);
        let steps = prompts.saturating_add(rows.saturating_mul(completion));
        let validations = self.validation.saturating_mul(prompt + completion);
        let tokens = steps.max(validations).saturating_mul(kv_token);
        // A completion that needs more than the bound runs alone.
        let bound = MAX_CACHE_BYTES.max((prompt + completion).saturating_mul(kv_token));
        // A part has whole completions.
        let completions = (self.tokens_per_part / completion).clamp(1, self.group_size);
        let part = prompt + completions.saturating_mul(completion);
        let layer = self.layer_bytes(config);
        let (kept, again) = if self.gradient_checkpointing {
            let inputs = NUMBER * config.hidden_size * config.num_hidden_layers;
            (inputs + kv_token, layer)
        } else {
            (layer * config.num_hidden_layers, 0)
        };
        let logits = part.saturating_mul(config.vocab_size).min(LOGITS_PER_CHUNK);
        let one_layer = part.saturating_mul(again + working_bytes(config));
        let copies = match self.form {
            Form::Full(_) => COPIES_OF_FULL + GRADIENTS_OF_FULL * groups,
            _ => COPIES + groups,
        };
        MemoryPlan {
            program: PROGRAM + TOKEN_TEXT * config.vocab_size,
            weights: outline.weight_bytes(self.precision),
            trained: trained.saturating_mul(NUMBER * copies),
            kv_cache: tokens.min(bound),
            sampling: NUMBER * rows.max(self.validation).min(MAX_ROWS) * config.vocab_size,
            activations: groups.saturating_mul(part).saturating_mul(kept),
            backward: groups.saturating_mul(one_layer.max(LOGIT_COPIES * NUMBER * logits)),
            groups_at_once: groups,
        }
    }

    /// Bytes of a token that a layer keeps for its backward pass (`docs/kernels.md`): the inputs of
    /// the norms, queries, keys and values, and gate and up. LoRA keeps the inputs of its
    /// projections, twice.
    fn layer_bytes(&self, config: &ModelConfig) -> usize {
        let heads = config.num_attention_heads + 2 * config.num_key_value_heads;
        let gate = match self.precision {
            Precision::F32 => 4,
            _ => 2,
        };
        let inner = inner_width(config);
        let plain = 4 * (2 * config.hidden_size + heads * config.head_dim) + 2 * gate * inner;
        match self.form {
            Form::Full(_) => ACTIVATIONS_OF_FULL * plain,
            Form::Lora(lora) => {
                let has = |sites: &[Site]| sites.iter().any(|it| lora.target_modules.contains(it));
                let inputs = [
                    (
                        has(&[Site::QProj, Site::KProj, Site::VProj]),
                        config.hidden_size,
                    ),
                    (
                        has(&[Site::OProj]),
                        config.num_attention_heads * config.head_dim,
                    ),
                    (has(&[Site::GateProj, Site::UpProj]), config.hidden_size),
                    (has(&[Site::DownProj]), inner),
                ];
                let inputs = inputs.iter().filter(|(has, _)| *has);
                let inputs: usize = inputs.map(|(_, width)| width).sum();
                plain + 8 * inputs + 4 * lora.rank * lora.target_modules.len()
            }
            _ => plain,
        }
    }
}

/// Bytes of a token that the pass through one layer needs besides.
fn working_bytes(config: &ModelConfig) -> usize {
    4 * (2 * config.hidden_size + 3 * inner_width(config))
}

/// Width inside the MLP, or inside the experts of a token, whichever is larger in some layer.
fn inner_width(config: &ModelConfig) -> usize {
    let layers = config.architecture.layers.iter();
    let experts = layers.filter_map(|layer| layer.experts).map(|experts| {
        let shared = experts.shared_expert_intermediate_size.unwrap_or(0);
        experts.num_experts_per_tok * experts.moe_intermediate_size + shared
    });
    experts.max().unwrap_or(0).max(config.intermediate_size)
}

/// A change of the settings that saves memory.
#[derive(Clone, Copy, Debug)]
enum Saving {
    MicroBatch,
    Part,
    Checkpointing,
    Dtype(Precision),
    /// Divides `max_new_tokens`.
    Shorter(usize),
}

impl Saving {
    /// All of them, those that cost least first.
    fn all() -> Vec<Self> {
        let formats = [Precision::Bf16, Precision::Q8, Precision::Q4].map(Self::Dtype);
        let shorter = (1..12).map(|power| Self::Shorter(1 << power));
        let exact = [Self::MicroBatch, Self::Part, Self::Checkpointing];
        exact.into_iter().chain(formats).chain(shorter).collect()
    }

    /// Changes the settings, and says how a user does. `None` if there is nothing to save.
    fn apply(self, sizes: &mut Sizes) -> Option<String> {
        let setting = match self {
            Self::MicroBatch => {
                let group = sizes.group_size * sizes.max_new_tokens;
                (group < sizes.micro_batch_tokens).then_some(())?;
                sizes.micro_batch_tokens = group;
                format!("--set micro_batch_tokens={group}")
            }
            Self::Part => {
                let part = sizes.max_new_tokens;
                (part < sizes.tokens_per_part && sizes.group_size > 1).then_some(())?;
                sizes.tokens_per_part = part;
                format!("--set backward.tokens_per_part={part}")
            }
            Self::Checkpointing => {
                (!sizes.gradient_checkpointing).then_some(())?;
                sizes.gradient_checkpointing = true;
                "--set backward.gradient_checkpointing=true".to_owned()
            }
            Self::Dtype(precision) => {
                sizes.precision = precision;
                format!("--dtype {}", precision.name())
            }
            Self::Shorter(divisor) => {
                (divisor <= sizes.max_new_tokens).then_some(())?;
                sizes.max_new_tokens /= divisor;
                format!("--set max_new_tokens={}", sizes.max_new_tokens)
            }
        };
        Some(setting)
    }
}

/// Settings that each bring the peak of `memory` within `limit` bytes, up to two, or if none does,
/// two that do together.
pub(super) fn savings(
    sizes: &Sizes,
    memory: impl Fn(&Sizes) -> MemoryPlan,
    limit: usize,
) -> Vec<Vec<String>> {
    let fits = |savings: &[Saving]| {
        let mut sizes = *sizes;
        let made = savings.iter().map(|saving| saving.apply(&mut sizes));
        let made: Vec<String> = made.collect::<Option<_>>()?;
        (memory(&sizes).peak() <= limit).then_some(made)
    };
    let all = Saving::all();
    let mut alone: Vec<(Saving, Vec<String>)> = vec![];
    for &saving in &all {
        let is_new = |(other, _): &(Saving, _)| discriminant(other) != discriminant(&saving);
        if alone.iter().all(is_new) {
            alone.extend(fits(&[saving]).map(|settings| (saving, settings)));
        }
    }
    if !alone.is_empty() {
        return alone
            .into_iter()
            .map(|(_, settings)| settings)
            .take(2)
            .collect();
    }
    let pairs = all.iter().enumerate().flat_map(|(index, &one)| {
        let others = all[index + 1..].iter();
        let others = others.filter(move |other| discriminant(*other) != discriminant(&one));
        others.map(move |&other| [one, other])
    });
    pairs.filter_map(|pair| fits(&pair)).take(1).collect()
}
