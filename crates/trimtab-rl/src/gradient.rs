//! The gradient of a group's loss with respect to the trained parameters.

use std::ops::Range;

use burn::tensor::{Int, Tensor, TensorData, activation};
use serde::{Deserialize, Serialize};
use trimtab_model::{Completion, Hook, Model, PromptCache};

use crate::checkpointed_forward::{ForwardTape, KvGrads};
use crate::policy::Policy;

/// Logits that are held at once, about: 40 MiB of them.
pub(crate) const LOGITS_PER_CHUNK: usize = 10 << 20;

/// What one group contributes to a step.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupGradient {
    /// The gradient of each parameter, row-major, not yet divided by the batch's divisor.
    pub grads: Vec<Vec<f32>>,
    /// The trainer's log-probabilities of all tokens, completion after completion, in nats.
    pub logprobs: Vec<f32>,
}

/// The completions of one prompt with the weights of their loss.
pub struct GroupLoss<'a> {
    /// The prompt in tokens.
    pub prompt: &'a [u32],
    /// The completions.
    pub completions: Vec<&'a Completion>,
    /// The logits are divided by it.
    pub temperature: f32,
    /// Weight of each token's log-probability.
    pub logprob_grads: LogprobGrads<'a>,
    /// Weight of the entropy before each token, which is subtracted from the loss. Empty for none.
    pub entropy_weights: Vec<f32>,
}

/// Derivatives of a group's loss with respect to the log-probability of each token.
///
/// One number per token, completion after completion.
pub enum LogprobGrads<'a> {
    /// They do not depend on the policy, as in an on-policy update without a penalty.
    Fixed(Vec<f32>),
    /// They are a function of the log-probabilities.
    ///
    /// These are then computed twice: forward only, and again with the gradient.
    Computed(Box<LogprobGradFn<'a>>),
}

/// A function from the log-probabilities of a group to the derivatives of its loss.
pub type LogprobGradFn<'a> = dyn Fn(&[f32]) -> Vec<f32> + Sync + 'a;

/// Bounds on the memory of a gradient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct BackwardConfig {
    /// Completion tokens of one group that are run together.
    ///
    /// A group with more tokens is run in parts of whole completions, and the gradients of the
    /// parts are added in order. The prompt still runs once. A group with fewer tokens has one
    /// part, and its result does not depend on this setting.
    pub tokens_per_part: usize,
    /// Whether the activations within layers are computed again in the backward pass.
    ///
    /// This costs a second forward pass and bounds memory by what one layer needs. The gradient is
    /// the same to the bit if every layer has its own parameters. The directions of
    /// [`LowRank`](trimtab_steer::form::LowRank) are shared, so its gradient is summed in another
    /// order.
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

/// Gradient of a group's loss with respect to the parameters of `policy`.
///
/// The loss is `sum_t logprob_grad_t logprob_t - sum_t entropy_weight_t H_t` over all tokens, with
/// `H_t` the entropy before a token.
///
/// The prompt runs forward and backward once, for all completions. They treat the prompt's keys
/// and values as leaves; the gradient of these leaves then flows through the prompt. Logits are
/// computed in chunks of positions. Each chunk gives a part of the gradient with respect to the
/// last residual stream, which then flows through the layers. Under full tuning, a chunk also adds
/// to the gradient of the final norm, the unembedding and tied embeddings.
///
/// # Shapes
///
/// - `logprob_grads` and `entropy_weights` of `group`: `[tokens]` over all completions
/// - `grads` of the result: as the parameters of `policy`
/// - `logprobs` of the result: `[tokens]`
///
/// # Panics
///
/// The prompt is empty, a list has another length, or `base` is not on the autodiff side of
/// its device ([`Model::autodiff`]).
pub fn group_gradient(
    base: &Model,
    policy: &Policy,
    group: &GroupLoss,
    config: &BackwardConfig,
) -> GroupGradient {
    group.assert_lens();
    let mut grads = policy.adapter().zero_grads();
    let completions = non_empty(&group.completions);
    if completions.is_empty() {
        let logprobs = vec![];
        return GroupGradient { grads, logprobs };
    }
    let checkpointing = config.gradient_checkpointing;
    let prompt_input = base.prompt_input(group.prompt);
    let prompt = ForwardTape::forward(base, policy, prompt_input, None, checkpointing);
    let passes = GroupPasses {
        base,
        policy,
        group,
        checkpointing,
        prompt: PrefilledPrompt::new(&prompt, group.prompt.len()),
    };
    let parts = parts(&completions, config.tokens_per_part);
    let (logprob_grads, mut forward) = passes.logprob_grads(&parts);
    let mut prompt_grads = PromptGrads::zeros(base, &passes.prompt);
    let mut logprobs = vec![];
    for part in &parts {
        let forward = forward.take().unwrap_or_else(|| passes.forward(part));
        let logprob_grads = &logprob_grads[part.tokens.clone()];
        let part_logprobs =
            passes.backward(part, forward, logprob_grads, &mut prompt_grads, &mut grads);
        logprobs.extend(part_logprobs);
    }
    prompt_grads.backward(prompt, group.prompt.len(), &mut grads);
    GroupGradient { grads, logprobs }
}

/// Log-probabilities of the completions of one prompt, and the residual stream that predicts them.
///
/// The log-probabilities are in nats, completion after completion. The residual stream is that
/// after the last layer. Without a hook, it is the unsteered model: the reference of a KL penalty.
///
/// # Shapes
///
/// - log-probabilities: `[tokens]` over all completions
/// - residual stream: `[tokens, hidden_size]`
///
/// # Panics
///
/// The prompt is empty.
pub fn group_logprobs(
    model: &Model,
    hook: Option<Hook>,
    prompt: &[u32],
    completions: &[&Completion],
    temperature: f32,
) -> (Vec<f32>, Tensor<2>) {
    assert!(!prompt.is_empty(), "the prompt has at least one token");
    let completions = non_empty(completions);
    let (prompt_resid, caches) = model.prefill(&[prompt], hook);
    let last = prompt_resid.narrow(0, prompt.len() - 1, 1);
    if completions.is_empty() {
        let [_, hidden_size] = last.dims();
        let none = Tensor::zeros([0, hidden_size], (&last.device(), last.dtype()));
        return (vec![], none);
    }
    let inputs = inputs(&completions);
    let own = (!inputs.is_empty()).then(|| model.forward_completions(&caches, &[inputs], hook));
    let resid = predictors(last, own, &completions);
    let logprobs = logprobs(model, resid.clone(), &targets(&completions), temperature);
    (logprobs, resid)
}

impl GroupLoss<'_> {
    fn assert_lens(&self) {
        assert!(!self.prompt.is_empty(), "the prompt has at least one token");
        let completions = self.completions.iter();
        let tokens: usize = completions.map(|one| one.tokens.len()).sum();
        if let LogprobGrads::Fixed(grads) = &self.logprob_grads {
            assert_eq!(grads.len(), tokens, "one derivative per token");
        }
        let weights = self.entropy_weights.len();
        assert!(
            weights == 0 || weights == tokens,
            "{weights} entropy weights for {tokens} tokens"
        );
    }
}

/// The forward and backward passes of a group's completions, after its prompt.
struct GroupPasses<'a> {
    base: &'a Model,
    policy: &'a Policy,
    group: &'a GroupLoss<'a>,
    checkpointing: bool,
    prompt: PrefilledPrompt,
}

/// Whole completions of a group that are run together.
struct Part<'a> {
    completions: &'a [&'a Completion],
    /// Their tokens among those of the group.
    tokens: Range<usize>,
}

/// A part after its forward pass.
struct PartForward<'a> {
    /// `None` if every completion is one token, which the prompt alone predicts.
    tape: Option<ForwardTape<'a>>,
    predictors: Predictors,
}

impl GroupPasses<'_> {
    /// The derivative of the loss with respect to each log-probability.
    ///
    /// An undivided group keeps the forward pass that this takes for its backward pass.
    fn logprob_grads(&self, parts: &[Part]) -> (Vec<f32>, Option<PartForward<'_>>) {
        match (&self.group.logprob_grads, parts) {
            (LogprobGrads::Fixed(grads), _) => (grads.clone(), None),
            (LogprobGrads::Computed(grads), [part]) => {
                let forward = self.forward(part);
                let resid = forward.predictors.resid.clone().detach();
                (grads(&self.logprobs(resid, part)), Some(forward))
            }
            (LogprobGrads::Computed(grads), parts) => {
                let each = parts.iter().flat_map(|part| self.part_logprobs(part));
                (grads(&each.collect::<Vec<f32>>()), None)
            }
        }
    }

    /// Log-probabilities of a part, forward only.
    fn part_logprobs(&self, part: &Part) -> Vec<f32> {
        let policy = self.policy.on_autodiff();
        let (model, steering) = (policy.model(self.base), policy.steering());
        let inputs = inputs(part.completions);
        let caches = std::slice::from_ref(&self.prompt.cache);
        let own = (!inputs.is_empty())
            .then(|| model.forward_completions(caches, &[inputs], Some(&steering)));
        let predictors = self.prompt.predictors(own, part.completions);
        self.logprobs(predictors.resid.detach(), part)
    }

    fn logprobs(&self, resid: Tensor<2>, part: &Part) -> Vec<f32> {
        let model = self.policy.on_autodiff().model(self.base);
        let temperature = self.group.temperature;
        logprobs(&model, resid, &targets(part.completions), temperature)
    }

    fn forward(&self, part: &Part) -> PartForward<'_> {
        let (base, policy) = (self.base, self.policy);
        let inputs = inputs(part.completions);
        let tape = (!inputs.is_empty()).then(|| {
            let input = base.completions_input(&self.prompt.cache, &inputs);
            let prompt = Some(&self.prompt.cache);
            ForwardTape::forward(base, policy, input, prompt, self.checkpointing)
        });
        let own = tape.as_ref().map(ForwardTape::resid);
        PartForward {
            predictors: self.prompt.predictors(own, part.completions),
            tape,
        }
    }

    /// Adds the gradients of a part, and gives its log-probabilities.
    fn backward(
        &self,
        part: &Part,
        forward: PartForward,
        logprob_grads: &[f32],
        prompt_grads: &mut PromptGrads,
        grads: &mut [Vec<f32>],
    ) -> Vec<f32> {
        let entropy_weights = self.group.entropy_weights.get(part.tokens.clone());
        let unembedding = ChunkedUnembedding {
            base: self.base,
            policy: self.policy,
            temperature: self.group.temperature,
            logprob_grads,
            entropy_weights: entropy_weights.unwrap_or_default(),
        };
        let resid = forward.predictors.resid.clone().detach();
        let (resid_grad, logprobs) = unembedding.backward(resid, &targets(part.completions), grads);
        let [last, own] = forward.predictors.backward(resid_grad);
        prompt_grads.add_last(last.expect("it predicts the first tokens"));
        if let (Some(tape), Some(own)) = (forward.tape, own) {
            tape.backward(own, &mut prompt_grads.kv, grads);
        }
        logprobs
    }
}

/// The prompt after its forward pass. No gradient flows back through it.
struct PrefilledPrompt {
    cache: PromptCache,
    /// The residual stream at the last position, `[1, hidden_size]`.
    last: Tensor<2>,
}

/// The residual stream at the positions that predict the tokens of completions.
struct Predictors {
    /// That of the prompt's last position, a leaf.
    last: Tensor<2>,
    /// That of the completions, a leaf.
    own: Option<Tensor<2>>,
    /// `[tokens, hidden_size]`
    resid: Tensor<2>,
}

impl PrefilledPrompt {
    fn new(prompt: &ForwardTape, len: usize) -> Self {
        Self {
            cache: PromptCache::from_layers(prompt.kv.clone()),
            last: prompt.resid().narrow(0, len - 1, 1),
        }
    }

    /// `own` is the residual stream of the completions.
    fn predictors(&self, own: Option<Tensor<2>>, completions: &[&Completion]) -> Predictors {
        let leaf = |x: Tensor<2>| x.detach().require_grad();
        let (last, own) = (leaf(self.last.clone()), own.map(leaf));
        Predictors {
            resid: predictors(last.clone(), own.clone(), completions),
            last,
            own,
        }
    }
}

impl Predictors {
    /// The gradients with respect to the prompt's last position and to the completions.
    fn backward(self, resid_grad: Tensor<2>) -> [Option<Tensor<2>>; 2] {
        let grads = (self.resid * Tensor::from_inner(resid_grad))
            .sum()
            .backward();
        [Some(self.last), self.own].map(|leaf| leaf?.grad(&grads))
    }
}

/// The gradient that flows back into the prompt, summed over parts.
struct PromptGrads {
    kv: KvGrads,
    /// With respect to the residual stream at the last position, `[1, hidden_size]`.
    last: Tensor<2>,
}

impl PromptGrads {
    fn zeros(base: &Model, prompt: &PrefilledPrompt) -> Self {
        Self {
            kv: vec![None; base.config.num_hidden_layers],
            last: prompt.last.clone().inner().zeros_like(),
        }
    }

    fn add_last(&mut self, grad: Tensor<2>) {
        self.last = self.last.clone() + grad;
    }

    /// Goes back through a prompt of `len` tokens.
    fn backward(mut self, prompt: ForwardTape, len: usize, grads: &mut [Vec<f32>]) {
        let [_, hidden_size] = self.last.dims();
        let options = (&self.last.device(), self.last.dtype());
        let resid_grad = if len == 1 {
            self.last
        } else {
            let others = Tensor::zeros([len - 1, hidden_size], options);
            Tensor::cat(vec![others, self.last], 0)
        };
        prompt.backward(resid_grad, &mut self.kv, grads);
    }
}

/// The unembedding of a part, in chunks of positions.
struct ChunkedUnembedding<'a> {
    base: &'a Model,
    policy: &'a Policy,
    temperature: f32,
    logprob_grads: &'a [f32],
    /// Empty for none.
    entropy_weights: &'a [f32],
}

impl ChunkedUnembedding<'_> {
    /// The gradient with respect to `resid`, `[tokens, hidden_size]`, and the log-probabilities of
    /// `targets`.
    fn backward(
        &self,
        resid: Tensor<2>,
        targets: &[u32],
        grads: &mut [Vec<f32>],
    ) -> (Tensor<2>, Vec<f32>) {
        let (mut logprobs, mut resid_grads) = (vec![], vec![]);
        let chunk_tokens = chunk_tokens(self.base);
        for start in (0..targets.len()).step_by(chunk_tokens) {
            let tokens = start..targets.len().min(start + chunk_tokens);
            let chunk = resid
                .clone()
                .narrow(0, start, tokens.len())
                .detach()
                .require_grad();
            let (grad, chunk_logprobs) = self.backward_chunk(chunk, targets, tokens, grads);
            resid_grads.push(grad);
            logprobs.extend(chunk_logprobs);
        }
        (Tensor::cat(resid_grads, 0), logprobs)
    }

    fn backward_chunk(
        &self,
        chunk: Tensor<2>,
        targets: &[u32],
        tokens: Range<usize>,
        grads: &mut [Vec<f32>],
    ) -> (Tensor<2>, Vec<f32>) {
        let weighted_sum = |values: Tensor<1>, weights: &[f32]| {
            let weights = TensorData::new(weights[tokens.clone()].to_vec(), [tokens.len()]);
            (values * Tensor::from_data(weights, &self.base.device())).sum()
        };
        let head = self.policy.with_grad();
        let model = &head.model(self.base);
        let logprobs = model.logprobs(chunk.clone(), &targets[tokens.clone()], self.temperature);
        let mut loss = weighted_sum(logprobs.clone(), self.logprob_grads);
        if !self.entropy_weights.is_empty() {
            let entropy = entropy(model, chunk.clone(), self.temperature);
            loss = loss - weighted_sum(entropy, self.entropy_weights);
        }
        let chunk_grads = loss.backward();
        head.adapter().add_grads(&chunk_grads, grads);
        let grad = chunk.grad(&chunk_grads);
        let grad = grad.expect("the loss depends on every position");
        (grad, numbers(logprobs))
    }
}

/// Completions without a token are in no pass.
fn non_empty<'a>(completions: &[&'a Completion]) -> Vec<&'a Completion> {
    let completions = completions.iter().copied();
    completions.filter(|one| !one.tokens.is_empty()).collect()
}

/// Splits completions into parts of at most `tokens_per_part` tokens, or of one completion.
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

/// Tokens whose logits are held at once.
fn chunk_tokens(model: &Model) -> usize {
    (LOGITS_PER_CHUNK / model.config.vocab_size).clamp(16, 1024)
}

fn targets(completions: &[&Completion]) -> Vec<u32> {
    completions
        .iter()
        .flat_map(|completion| completion.tokens.iter().copied())
        .collect()
}

fn logprobs(model: &Model, resid: Tensor<2>, targets: &[u32], temperature: f32) -> Vec<f32> {
    let chunk_tokens = chunk_tokens(model);
    let chunk = |start: usize| {
        let count = chunk_tokens.min(targets.len() - start);
        let resid = resid.clone().narrow(0, start, count);
        numbers(model.logprobs(resid, &targets[start..start + count], temperature))
    };
    (0..targets.len())
        .step_by(chunk_tokens)
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

/// The tokens that are run. The last token of a completion predicts nothing.
fn inputs<'a>(completions: &[&'a Completion]) -> Vec<&'a [u32]> {
    completions
        .iter()
        .map(|completion| &completion.tokens[..completion.tokens.len() - 1])
        .filter(|tokens| !tokens.is_empty())
        .collect()
}

/// The residual stream that predicts the tokens of `completions`, `[tokens, hidden_size]`.
///
/// The prompt's last position, `last`, predicts the first token of each completion. The
/// completion's own positions, `own`, predict the others.
fn predictors(last: Tensor<2>, own: Option<Tensor<2>>, completions: &[&Completion]) -> Tensor<2> {
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
