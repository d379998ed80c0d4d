//! The policy-gradient loss of a group and its gradient with respect to the steering vectors.

use burn::tensor::{Int, Tensor, TensorData};
use trimtab_model::{Completion, Hook, HostTensor, Model};
use trimtab_steer::SteeringVectors;

/// Tokens whose logits are held at once.
const TOKENS_PER_CHUNK: usize = 1024;

/// What one group contributes to a step.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupGradient {
    /// The loss `-sum_i A_i sum_t log p(token_t of completion i)`, not yet divided by the tokens of the step.
    pub loss: f64,
    /// Its gradient, `[num_hidden_layers, hidden_size]` row by row.
    pub grad: Vec<f32>,
    /// The trainer's log-probabilities of all tokens, completion after completion, in nats.
    pub logprobs: Vec<f32>,
}

/// Loss and gradient of the completions of one prompt under the steering `vectors`.
///
/// REINFORCE with the advantage as weight: `-A_i log p`, summed over tokens; the caller divides by the number of tokens
/// of the whole batch (token mean, DAPO eq. 12, arXiv:2503.14476). The prompt runs once, whatever the number of completions, and
/// logits are made for one chunk of positions at a time, forward and backward: first the gradient with respect
/// to the last residual stream, chunk by chunk, then from there through the layers.
///
/// `model` must be on the differentiating side of its device ([`Model::autodiff`]); `advantages` has one entry per
/// completion.
pub fn group_gradient(
    model: &Model,
    vectors: &HostTensor,
    prompt: &[u32],
    completions: &[&Completion],
    advantages: &[f32],
    temperature: f32,
) -> GroupGradient {
    let leaf = SteeringVectors::from_host(vectors, &model.device())
        .vectors
        .val()
        .require_grad();
    let hook = SteeringVectors::from_tensor(leaf.clone());
    let hook = hook.hook();
    let resid = predicting_resid(model, prompt, completions, &hook);

    let targets: Vec<u32> = completions
        .iter()
        .flat_map(|completion| completion.tokens.iter().copied())
        .collect();
    let weights: Vec<f32> = completions
        .iter()
        .zip(advantages)
        .flat_map(|(completion, &advantage)| vec![-advantage; completion.tokens.len()])
        .collect();
    let (mut loss, mut logprobs, mut resid_grads) = (0.0, vec![], vec![]);
    for start in (0..targets.len()).step_by(TOKENS_PER_CHUNK) {
        let count = TOKENS_PER_CHUNK.min(targets.len() - start);
        let chunk = resid
            .clone()
            .narrow(0, start, count)
            .detach()
            .require_grad();
        let chunk_logprobs =
            model.logprobs(chunk.clone(), &targets[start..start + count], temperature);
        let weights = TensorData::new(weights[start..start + count].to_vec(), [count]);
        let chunk_loss =
            (chunk_logprobs.clone() * Tensor::from_data(weights, &model.device())).sum();
        let grads = chunk_loss.backward();
        resid_grads.push(
            chunk
                .grad(&grads)
                .expect("the loss depends on every position"),
        );
        loss += chunk_loss.into_scalar::<f64>();
        logprobs.extend(
            chunk_logprobs
                .try_into_vec_as::<f32>()
                .expect("log-probabilities convert to f32"),
        );
    }
    // A scalar whose gradient with respect to `resid` is the one just found.
    let resid_grad = Tensor::from_inner(Tensor::cat(resid_grads, 0));
    let grads = (resid * resid_grad).sum().backward();
    let grad = leaf.grad(&grads).expect("every layer is steered");
    GroupGradient {
        loss,
        grad: grad.try_into_vec_as().expect("gradients convert to f32"),
        logprobs,
    }
}

/// The residual stream at the positions that predict the tokens of `completions`, one after the other,
/// `[tokens, hidden_size]`: the prompt's last position for the first token of each, then its own.
fn predicting_resid(
    model: &Model,
    prompt: &[u32],
    completions: &[&Completion],
    hook: Hook,
) -> Tensor<2> {
    let (prompt_resid, prompts) = model.read(&[prompt], Some(hook));
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
        Tensor::cat(
            vec![last, model.complete(&prompts, &[inputs], Some(hook))],
            0,
        )
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
