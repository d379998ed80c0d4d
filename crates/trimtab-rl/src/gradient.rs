//! The gradient of a group's loss with respect to the trained parameters.

use burn::tensor::{Int, Tensor, TensorData, activation};
use trimtab_model::{Completion, Hook, Model};

use crate::policy::Policy;

/// Logits that are held at once, about: 64 MiB of them.
const LOGITS_PER_CHUNK: usize = 1 << 24;

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

/// Gradient of `sum_t slope_t logprob_t - sum_t entropy_weight_t H_t` with respect to the parameters of `policy`.
///
/// The prompt runs once, whatever the number of completions, and logits are made for one chunk of positions at a time,
/// forward and backward: first the gradient with respect to the last residual stream, chunk by chunk, then from there
/// through the layers. Under full tuning the final norm, the unembedding and embeddings that are tied to it get a part of their
/// gradient from each chunk. `base` must be on the differentiating side of its device ([`Model::autodiff`]).
pub fn group_gradient(base: &Model, policy: &Policy, group: &GroupLoss) -> GroupGradient {
    let body = policy.differentiable();
    let (model, steering) = (&body.model(base), body.steering());
    let resid = predicting_resid(model, group.prompt, group.completions, Some(&steering));
    let targets = targets(group.completions);
    let slopes = match &group.slopes {
        Slopes::Known(slopes) => slopes.clone(),
        Slopes::Of(slopes) => slopes(&logprobs(
            model,
            resid.clone().detach(),
            &targets,
            group.temperature,
        )),
    };
    let mut grads = policy.leaves().zeros();
    let (mut logprobs, mut resid_grads) = (vec![], vec![]);
    let at_once = tokens_at_once(model);
    for start in (0..targets.len()).step_by(at_once) {
        let count = at_once.min(targets.len() - start);
        let of = start..start + count;
        let weighted = |values: Tensor<1>, weights: &[f32]| {
            let weights = TensorData::new(weights[of.clone()].to_vec(), [count]);
            (values * Tensor::from_data(weights, &model.device())).sum()
        };
        let chunk = resid
            .clone()
            .narrow(0, start, count)
            .detach()
            .require_grad();
        let head = policy.differentiable();
        let model = &head.model(base);
        let chunk_logprobs = model.logprobs(chunk.clone(), &targets[of.clone()], group.temperature);
        let mut loss = weighted(chunk_logprobs.clone(), &slopes);
        if !group.entropy_weights.is_empty() {
            let entropy = entropy(model, chunk.clone(), group.temperature);
            loss = loss - weighted(entropy, &group.entropy_weights);
        }
        let of_chunk = loss.backward();
        head.leaves().add_grads(&of_chunk, &mut grads);
        resid_grads.push(
            chunk
                .grad(&of_chunk)
                .expect("the loss depends on every position"),
        );
        logprobs.extend(numbers(chunk_logprobs));
    }
    // A scalar whose gradient with respect to `resid` is the one just found.
    let resid_grad = Tensor::from_inner(Tensor::cat(resid_grads, 0));
    let of_layers = (resid * resid_grad).sum().backward();
    body.leaves().add_grads(&of_layers, &mut grads);
    GroupGradient { grads, logprobs }
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

/// The residual stream at the positions that predict the tokens of `completions`, one after the other,
/// `[tokens, hidden_size]`: the prompt's last position for the first token of each, then its own.
fn predicting_resid(
    model: &Model,
    prompt: &[u32],
    completions: &[&Completion],
    hook: Option<Hook>,
) -> Tensor<2> {
    let (prompt_resid, prompts) = model.read(&[prompt], hook);
    let last = prompt_resid.narrow(0, prompt.len() - 1, 1);
    // Nothing is predicted from the last token of a completion, so it is not run.
    let inputs: Vec<&[u32]> = completions
        .iter()
        .map(|completion| &completion.tokens[..completion.tokens.len() - 1])
        .filter(|tokens| !tokens.is_empty())
        .collect();
    let all = if inputs.is_empty() {
        last
    } else {
        Tensor::cat(vec![last, model.complete(&prompts, &[inputs], hook)], 0)
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
    all.select(
        0,
        Tensor::<1, Int>::from_data(TensorData::new(indices, [count]), &model.device()),
    )
}
