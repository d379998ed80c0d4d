//! What a run will take, before it begins.

use rayon::prelude::*;
use serde::Serialize;
use trimtab_model::generation::{MAX_CACHE_BYTES, MAX_ROWS};
use trimtab_model::{ModelConfig, Outline, Precision};
use trimtab_steer::{Adapter, Form};

use crate::data::Data;
use crate::gradient::LOGITS_PER_CHUNK;
use crate::recipe::Recipe;
use crate::rollout::encode_prompt;
use crate::trainer::TrainError;

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
    /// Completions of a step.
    pub completions: usize,
    /// Most completion tokens of a step.
    pub tokens: usize,
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
    /// Prompts that leave no room for a completion.
    pub too_long: usize,
    /// Prompts that leave some room, but less than `max_new_tokens`.
    pub cramped: usize,
}

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
}

impl MemoryPlan {
    /// The most that is needed at a time. Sampling and training follow each other.
    pub fn peak(&self) -> usize {
        let sampling = self.kv_cache + self.sampling;
        let training = self.activations + self.backward;
        self.program + self.weights + self.trained + sampling.max(training)
    }
}

/// The settings that memory depends on.
#[derive(Clone, Copy, Debug)]
struct Knobs {
    precision: Precision,
    prompts_per_step: usize,
    group_size: usize,
    max_new_tokens: usize,
    micro_batch_tokens: usize,
    tokens_per_part: usize,
    gradient_checkpointing: bool,
}

/// A change of the recipe that saves memory.
type Saving = fn(&mut Knobs) -> Option<String>;

/// What saves memory, what costs least first.
const SAVINGS: [Saving; 6] = [
    |knobs| {
        let group = knobs.group_size * knobs.max_new_tokens;
        (knobs.micro_batch_tokens > group).then(|| {
            knobs.micro_batch_tokens = group;
            format!("--set micro_batch_tokens={group}")
        })
    },
    |knobs| {
        let part = knobs.max_new_tokens;
        (knobs.tokens_per_part > part && knobs.group_size > 1).then(|| {
            knobs.tokens_per_part = part;
            format!("--set backward.tokens_per_part={part}")
        })
    },
    |knobs| {
        (!knobs.gradient_checkpointing).then(|| {
            knobs.gradient_checkpointing = true;
            "--set backward.gradient_checkpointing=true".to_owned()
        })
    },
    |knobs| {
        (knobs.precision == Precision::F32).then(|| {
            knobs.precision = Precision::Bf16;
            "--dtype bf16".to_owned()
        })
    },
    |knobs| {
        let is_wide = matches!(knobs.precision, Precision::F32 | Precision::Bf16);
        is_wide.then(|| {
            knobs.precision = Precision::Q8;
            "--dtype q8".to_owned()
        })
    },
    |knobs| {
        (knobs.max_new_tokens > 1).then(|| {
            knobs.max_new_tokens = knobs.max_new_tokens.div_ceil(2);
            format!("--set max_new_tokens={}", knobs.max_new_tokens)
        })
    },
];

impl Plan {
    /// Plans a run of the model of `outline` on the CPU.
    ///
    /// # Errors
    ///
    /// The problems cannot be loaded, or the recipe does not fit the model.
    pub fn new(
        outline: &Outline,
        precision: Precision,
        recipe: &Recipe,
    ) -> Result<Self, TrainError> {
        let trained = trained(&outline.config, recipe)?;
        let (first_prompt, prompts) = prompts(outline, recipe)?;
        let knobs = Knobs::of(recipe, precision);
        Ok(Self {
            num_parameters: outline.num_parameters(),
            trained,
            precision,
            first_prompt,
            completions: recipe.prompts_per_step * recipe.group_size,
            tokens: knobs.tokens(),
            memory: knobs.memory(outline, trained, prompts.max),
            prompts,
        })
    }

    /// Settings that each bring the memory within `limit` bytes, up to two, or if none does, two
    /// that do together. Empty if there are none.
    pub fn savings(&self, outline: &Outline, recipe: &Recipe, limit: usize) -> Vec<Vec<String>> {
        let fits = |savings: &[Saving]| {
            let mut knobs = Knobs::of(recipe, self.precision);
            let made = savings.iter().map(|saving| saving(&mut knobs));
            let made: Vec<String> = made.collect::<Option<_>>()?;
            let memory = knobs.memory(outline, self.trained, self.prompts.max);
            (memory.peak() <= limit).then_some(made)
        };
        let alone = SAVINGS.iter().filter_map(|&saving| fits(&[saving]));
        let alone: Vec<_> = alone.take(2).collect();
        if !alone.is_empty() {
            return alone;
        }
        let pairs = (0..SAVINGS.len()).flat_map(|i| (i + 1..SAVINGS.len()).map(move |j| (i, j)));
        let mut pairs = pairs.filter_map(|(i, j)| fits(&[SAVINGS[i], SAVINGS[j]]));
        pairs.next().into_iter().collect()
    }
}

/// How many numbers the recipe trains.
fn trained(config: &ModelConfig, recipe: &Recipe) -> Result<usize, TrainError> {
    if matches!(recipe.steer.form, Form::Full(_)) {
        let shapes = trimtab_model::Model::tensor_shapes(config).into_iter();
        return Ok(shapes
            .map(|(_, shape)| shape.iter().product::<usize>())
            .sum());
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
    let over = |room: usize| {
        let are_over = prompts.iter().filter(|(_, len)| len + room > max_len);
        are_over.count()
    };
    let too_long = over(1);
    let lengths = PromptLengths {
        count: prompts.len(),
        min: len(0.0),
        median: len(0.5),
        p95: len(0.95),
        max: len(1.0),
        max_len,
        too_long,
        cramped: over(recipe.max_new_tokens) - too_long,
    };
    Ok((first.unwrap_or_default(), lengths))
}

impl Knobs {
    fn of(recipe: &Recipe, precision: Precision) -> Self {
        Self {
            precision,
            prompts_per_step: recipe.prompts_per_step,
            group_size: recipe.group_size,
            max_new_tokens: recipe.max_new_tokens,
            micro_batch_tokens: recipe.micro_batch_tokens,
            tokens_per_part: recipe.backward.tokens_per_part,
            gradient_checkpointing: recipe.backward.gradient_checkpointing,
        }
    }

    /// Most completion tokens of a step.
    fn tokens(&self) -> usize {
        self.prompts_per_step * self.group_size * self.max_new_tokens
    }

    /// Groups that run backward at the same time.
    fn groups_at_once(&self) -> usize {
        let group = self.group_size * self.max_new_tokens;
        let groups = (self.micro_batch_tokens / group.max(1)).max(1);
        groups
            .min(self.prompts_per_step)
            .min(rayon::current_num_threads())
    }

    fn memory(&self, outline: &Outline, trained: usize, prompt_len: usize) -> MemoryPlan {
        const NUMBER: usize = size_of::<f32>();
        let config = &outline.config;
        let groups = self.groups_at_once();
        let rows = (self.prompts_per_step * self.group_size).min(MAX_ROWS);
        let kv_token = NUMBER * config.kv_numbers();
        let group_tokens = prompt_len + self.group_size * self.max_new_tokens;
        let kv_cache = self.prompts_per_step * group_tokens * kv_token;
        // A part has whole completions.
        let completions = (self.tokens_per_part / self.max_new_tokens).clamp(1, self.group_size);
        let part = prompt_len + completions * self.max_new_tokens;
        let layer = layer_bytes(config, self.precision);
        let (kept, again) = if self.gradient_checkpointing {
            let inputs = NUMBER * config.hidden_size * config.num_hidden_layers;
            (inputs + kv_token, layer)
        } else {
            (layer * config.num_hidden_layers, 0)
        };
        let logits = LOGIT_COPIES * NUMBER * LOGITS_PER_CHUNK.min(part * config.vocab_size);
        let one_layer = part * (again + working_bytes(config));
        MemoryPlan {
            program: PROGRAM + TOKEN_TEXT * config.vocab_size,
            weights: outline.weight_bytes(self.precision),
            trained: NUMBER * trained * (TRAINED_COPIES + groups),
            kv_cache: kv_cache.min(MAX_CACHE_BYTES),
            sampling: NUMBER * rows * config.vocab_size,
            activations: groups * part * kept,
            backward: groups * logits.max(one_layer),
        }
    }
}

/// Bytes of the program without a model.
const PROGRAM: usize = 40 << 20;

/// Bytes of the tokenizer for each token.
const TOKEN_TEXT: usize = 700;

/// Copies of a chunk of logits, with their gradient.
const LOGIT_COPIES: usize = 4;

/// Copies of what is trained, besides a gradient for each group: the values on both sides, the sum
/// of the gradients, and two moments.
const TRAINED_COPIES: usize = 5;

/// Bytes of a token that a layer keeps for its backward pass (`docs/kernels.md`): the inputs of the
/// norms, queries, keys and values, and gate and up.
fn layer_bytes(config: &ModelConfig, precision: Precision) -> usize {
    let attention = config.num_attention_heads + 2 * config.num_key_value_heads;
    let gate = match precision {
        Precision::F32 => 4,
        _ => 2,
    };
    4 * (2 * config.hidden_size + attention * config.head_dim) + 2 * gate * inner_width(config)
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
