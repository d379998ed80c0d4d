//! The gradient of a group's loss with respect to the trained parameters.

use std::ops::Range;

use burn::tensor::{Int, Tensor, TensorData, activation};
use serde::{Deserialize, Serialize};
use trimtab_model::{Completion, Hook, Model, PromptCache};

use crate::checkpointed_forward::{ForwardTape, KeyGrads};
use crate::policy::Policy;

/// Logits that are held at once, about: 40 MiB of them.
const LOGITS_PER_CHUNK: usize = 10 << 20;

/// What one group contributes to a step.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupGradient {
    /// The gradient of each parameter, row-major, not yet divided by what the batch is divided by.
    pub grads: Vec<Vec<f32>>,
    /// The trainer's log-probabilities of all tokens, completion after completion, in nats.
    pub logprobs: Vec<f32>,
}

/// The derivative of a group's loss with respect to the log-probability of each token, completion after completion.
pub enum Slopes<'a> {
    /// It does not depend on the policy, as in an on-policy update without a penalty.
    Known(Vec<f32>),
    /// It follows from the log-probabilities, which are then made twice: forward only, and again with the gradient.
    Of(&'a (dyn Fn(&[f32]) -> Vec<f32> + Sync)),
}

/// The completions of one prompt, as a loss needs them.
pub struct GroupLoss<'a> {
    /// The prompt in tokens.
    pub prompt: &'a [u32],
    /// Its completions.
    pub completions: &'a [&'a Completion],
    /// Logits are divided by it.
    pub temperature: f32,
    /// Weight of each token's log-probability.
    pub slopes: Slopes<'a>,
    /// Weight of the entropy before each token, which is subtracted from the loss; empty for none.
    pub entropy_weights: Vec<f32>,
}

/// What bounds the memory of a gradient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct BackwardConfig {
    /// Completion tokens of one group that are run at a time. A group with more is run in parts of whole completions, its prompt still once;
    /// the gradients of the parts are added in order. Where there is one part, results do not depend on it.
    pub tokens_per_part: usize,
    /// Whether the activations within layers are made again on the way back instead of being kept, which costs a forward pass and bounds
    /// memory by what one layer needs. The gradient is the same to the bit where every layer has parameters of its own; the directions of
    /// [`LowRank`](trimtab_steer::LowRank) are shared, and its gradient is then summed in another order.
    pub gradient_checkpointing: bool,
}

impl Default for BackwardConfig {
    fn default() -> Self {
        Self {
            tokens_per_part: 8192,
            gradient_checkpointing: false,
        }
    }
}

/// Gradient of `sum_t slope_t logprob_t - sum_t entropy_weight_t H_t` with respect to the parameters of `policy`.
///
/// The prompt runs once, forward and backward, whatever the number of completions and of their parts: a part treats the prompt's keys and
/// values as leaves, and what flows to them is sent through the prompt at the end. Logits are made for one chunk of positions at a time,
/// forward and backward: first the gradient with respect to the last residual stream, chunk by chunk, then from there
/// through the layers. Under full tuning the final norm, the unembedding and embeddings that are tied to it get a part of their
/// gradient from each chunk. `base` must be on the differentiating side of its device ([`Model::autodiff`]).
pub fn group_gradient(
    base: &Model,
    policy: &Policy,
    group: &GroupLoss,
    config: &BackwardConfig,
) -> GroupGradient {
    let checkpointing = config.gradient_checkpointing;
    let layer_input = base.prompt_input(group.prompt);
    let prompt = ForwardTape::forward(base, policy, layer_input, None, checkpointing);
    let behind = Behind {
        prompt: PromptCache::from_layers(prompt.keys.clone()),
        last: prompt.resid().narrow(0, group.prompt.len() - 1, 1),
    };
    let parts = parts(group.completions, config.tokens_per_part);
    let forward = |part: &Part| {
        let inputs = inputs(part.completions);
        let walk = (!inputs.is_empty()).then(|| {
            let layer_input = base.completions_input(&behind.prompt, &inputs);
            ForwardTape::forward(
                base,
                policy,
                layer_input,
                Some(&behind.prompt),
                checkpointing,
            )
        });
        let own = walk.as_ref().map(ForwardTape::resid);
        (walk, behind.predicting(own, part.completions))
    };
    let mut ready = None;
    let slopes = match &group.slopes {
        Slopes::Known(slopes) => slopes.clone(),
        Slopes::Of(slopes) => {
            let of_resid = |resid, part: &Part| {
                let model = &policy.on_autodiff().model(base);
                logprobs(model, resid, &targets(part.completions), group.temperature)
            };
            let logprobs = if let [part] = &parts[..] {
                let (_, predicting) = ready.insert(forward(part));
                of_resid(predicting.resid.clone().detach(), part)
            } else {
                let policy = policy.on_autodiff();
                let (model, steering) = (policy.model(base), policy.steering());
                let of_part = |part: &Part| {
                    let inputs = inputs(part.completions);
                    let prompts = std::slice::from_ref(&behind.prompt);
                    let own = (!inputs.is_empty())
                        .then(|| model.forward_completions(prompts, &[inputs], Some(&steering)));
                    of_resid(
                        behind.predicting(own, part.completions).resid.detach(),
                        part,
                    )
                };
                parts.iter().flat_map(of_part).collect()
            };
            slopes(&logprobs)
        }
    };
    let mut grads = policy.adapter().zeros();
    let mut key_grads: KeyGrads = vec![None; base.config.num_hidden_layers];
    let mut last_grad = behind.last.clone().inner().zeros_like();
    let mut all_logprobs = vec![];
    for part in &parts {
        let (walk, predicting) = ready.take().unwrap_or_else(|| forward(part));
        let chunks = Chunks {
            base,
            policy,
            group,
            slopes: &slopes[part.tokens.clone()],
            entropy_weights: group
                .entropy_weights
                .get(part.tokens.clone())
                .unwrap_or_default(),
        };
        let resid = predicting.resid.clone().detach();
        let (resid_grad, logprobs) = chunks.backward(resid, &targets(part.completions), &mut grads);
        all_logprobs.extend(logprobs);
        let [of_last, of_own] = predicting.backward(resid_grad);
        last_grad = last_grad + of_last.expect("it predicts the first tokens");
        if let (Some(walk), Some(of_own)) = (walk, of_own) {
            walk.backward(of_own, &mut key_grads, &mut grads);
        }
    }
    let width = base.config.hidden_size;
    let others = Tensor::zeros(
        [group.prompt.len() - 1, width],
        (&last_grad.device(), last_grad.dtype()),
    );
    let resid_grad = if group.prompt.len() == 1 {
        last_grad
    } else {
        Tensor::cat(vec![others, last_grad], 0)
    };
    prompt.backward(resid_grad, &mut key_grads, &mut grads);
    GroupGradient {
        grads,
        logprobs: all_logprobs,
    }
}

/// Whole completions of a group that are run together.
struct Part<'a> {
    completions: &'a [&'a Completion],
    /// Their tokens among those of the group.
    tokens: Range<usize>,
}

/// At most so many tokens each, or one completion.
fn parts<'a>(completions: &'a [&'a Completion], tokens_per_part: usize) -> Vec<Part<'a>> {
    let (mut parts, mut first, mut tokens) = (vec![], 0, 0..0);
    for (index, completion) in completions.iter().enumerate() {
        let own = completion.tokens.len();
        if index > first && tokens.len() + own > tokens_per_part {
            parts.push(Part {
                completions: &completions[first..index],
                tokens: tokens.clone(),
            });
            (first, tokens.start) = (index, tokens.end);
        }
        tokens.end += own;
    }
    parts.push(Part {
        completions: &completions[first..],
        tokens,
    });
    parts
}

/// A prompt that was read; nothing flows back through it.
struct Behind {
    prompt: PromptCache,
    /// The residual stream at its last position, `[1, hidden_size]`.
    last: Tensor<2>,
}

/// The residual stream at the positions that predict the tokens of completions.
struct Predicting {
    last: Tensor<2>,
    own: Option<Tensor<2>>,
    resid: Tensor<2>,
}

impl Behind {
    /// `own` is the residual stream of the completions.
    fn predicting(&self, own: Option<Tensor<2>>, completions: &[&Completion]) -> Predicting {
        let leaf = |x: Tensor<2>| x.detach().require_grad();
        let (last, own) = (leaf(self.last.clone()), own.map(leaf));
        Predicting {
            resid: predicting(last.clone(), own.clone(), completions),
            last,
            own,
        }
    }
}

impl Predicting {
    /// The gradients with respect to the prompt's last position and to the completions.
    fn backward(self, resid_grad: Tensor<2>) -> [Option<Tensor<2>>; 2] {
        let grads = (self.resid * Tensor::from_inner(resid_grad))
            .sum()
            .backward();
        [Some(self.last), self.own].map(|leaf| leaf?.grad(&grads))
    }
}

/// The unembedding of a part, some positions at a time.
struct Chunks<'a> {
    base: &'a Model,
    policy: &'a Policy,
    group: &'a GroupLoss<'a>,
    slopes: &'a [f32],
    entropy_weights: &'a [f32],
}

impl Chunks<'_> {
    /// The gradient with respect to `resid`, `[tokens, hidden_size]`, and the log-probabilities of `targets`.
    fn backward(
        &self,
        resid: Tensor<2>,
        targets: &[u32],
        grads: &mut [Vec<f32>],
    ) -> (Tensor<2>, Vec<f32>) {
        let (mut logprobs, mut resid_grads) = (vec![], vec![]);
        let at_once = tokens_at_once(self.base);
        for start in (0..targets.len()).step_by(at_once) {
            let count = at_once.min(targets.len() - start);
            let of = start..start + count;
            let weighted = |values: Tensor<1>, weights: &[f32]| {
                let weights = TensorData::new(weights[of.clone()].to_vec(), [count]);
                (values * Tensor::from_data(weights, &self.base.device())).sum()
            };
            let chunk = resid
                .clone()
                .narrow(0, start, count)
                .detach()
                .require_grad();
            let head = self.policy.with_grad();
            let model = &head.model(self.base);
            let temperature = self.group.temperature;
            let chunk_logprobs = model.logprobs(chunk.clone(), &targets[of.clone()], temperature);
            let mut loss = weighted(chunk_logprobs.clone(), self.slopes);
            if !self.entropy_weights.is_empty() {
                let entropy = entropy(model, chunk.clone(), temperature);
                loss = loss - weighted(entropy, self.entropy_weights);
            }
            let of_chunk = loss.backward();
            head.adapter().add_grads(&of_chunk, grads);
            let grad = chunk.grad(&of_chunk);
            resid_grads.push(grad.expect("the loss depends on every position"));
            logprobs.extend(numbers(chunk_logprobs));
        }
        (Tensor::cat(resid_grads, 0), logprobs)
    }
}

/// Log-probabilities of all tokens of the completions of one prompt, completion after completion, in nats, and the residual
/// stream after the last layer that predicts them, `[tokens, hidden_size]`. Without a hook it is the unsteered model: the reference of
/// a KL penalty.
pub fn group_logprobs(
    model: &Model,
    hook: Option<Hook>,
    prompt: &[u32],
    completions: &[&Completion],
    temperature: f32,
) -> (Vec<f32>, Tensor<2>) {
    let resid = predicting_resid(model, prompt, completions, hook);
    let logprobs = logprobs(model, resid.clone(), &targets(completions), temperature);
    (logprobs, resid)
}

/// Tokens whose logits are held at once.
fn tokens_at_once(model: &Model) -> usize {
    (LOGITS_PER_CHUNK / model.config.vocab_size).clamp(16, 1024)
}

fn targets(completions: &[&Completion]) -> Vec<u32> {
    completions
        .iter()
        .flat_map(|completion| completion.tokens.iter().copied())
        .collect()
}

fn logprobs(model: &Model, resid: Tensor<2>, targets: &[u32], temperature: f32) -> Vec<f32> {
    let at_once = tokens_at_once(model);
    let chunk = |start: usize| {
        let count = at_once.min(targets.len() - start);
        let resid = resid.clone().narrow(0, start, count);
        numbers(model.logprobs(resid, &targets[start..start + count], temperature))
    };
    (0..targets.len())
        .step_by(at_once)
        .flat_map(chunk)
        .collect()
}

/// `-sum_v p_v ln p_v` of the next token, `[tokens]`.
fn entropy(model: &Model, resid: Tensor<2>, temperature: f32) -> Tensor<1> {
    let logprobs = activation::log_softmax(model.logits(resid) / temperature, 1);
    -(logprobs.clone().exp() * logprobs)
        .sum_dim(1)
        .squeeze_dim(1)
}

fn numbers(values: Tensor<1>) -> Vec<f32> {
    values
        .try_into_vec_as()
        .expect("log-probabilities convert to f32")
}

/// The residual stream of a model at the positions that predict the tokens of `completions`.
fn predicting_resid(
    model: &Model,
    prompt: &[u32],
    completions: &[&Completion],
    hook: Option<Hook>,
) -> Tensor<2> {
    let (prompt_resid, prompts) = model.prefill(&[prompt], hook);
    let last = prompt_resid.narrow(0, prompt.len() - 1, 1);
    let inputs = inputs(completions);
    let own = (!inputs.is_empty()).then(|| model.forward_completions(&prompts, &[inputs], hook));
    predicting(last, own, completions)
}

/// The tokens that are run: nothing is predicted from the last one of a completion.
fn inputs<'a>(completions: &[&'a Completion]) -> Vec<&'a [u32]> {
    completions
        .iter()
        .map(|completion| &completion.tokens[..completion.tokens.len() - 1])
        .filter(|tokens| !tokens.is_empty())
        .collect()
}

/// What predicts the tokens of `completions`, one after the other, `[tokens, hidden_size]`: the prompt's last position, `last`, the first token
/// of each, and then its own, `own`.
fn predicting(last: Tensor<2>, own: Option<Tensor<2>>, completions: &[&Completion]) -> Tensor<2> {
    let device = last.device();
    let all = match own {
        None => last,
        Some(own) => Tensor::cat(vec![last, own], 0),
    };
    let mut next = 1;
    let mut indices = vec![];
    for completion in completions {
        let own = completion.tokens.len() - 1;
        indices.push(0);
        indices.extend((next..next + own).map(|index| index as i64));
        next += own;
    }
    let count = indices.len();
    let indices = Tensor::<1, Int>::from_data(TensorData::new(indices, [count]), &device);
    all.select(0, indices)
}
