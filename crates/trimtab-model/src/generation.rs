//! Sampling of completions.
//!
//! Completions of one prompt share its keys and values. Rows that finish make room for new ones.
//! Random draws are addressed by seed, step, request and sample, not by their order.

mod awake;
mod memory;
mod running;
mod stop;

use std::sync::atomic::AtomicBool;

use rayon::prelude::*;
use trimtab_kernels as kernels;

use crate::decoder::Model;
use crate::hook::Hook;
use crate::sampling::{Sampling, SamplingError};
use memory::CacheSize;

pub use memory::{MAX_CACHE_BYTES, MAX_ROWS};
pub use running::{Generation, SampledToken};
pub use stop::stop_on_text;

/// A prompt to be completed several times.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The tokens to continue.
    pub prompt: &'a [u32],
    /// Number of the prompt in its stream. With the seed, the step and the number of the sample it
    /// is the address of the random draws: a completion does not depend on the rest of the batch.
    pub index: u64,
    /// Number of completions.
    pub samples: usize,
}

/// Whether a completion with these tokens is finished.
pub type StopFn<'a> = &'a (dyn Fn(&[u32]) -> bool + Sync);

/// What acts while completions are sampled.
#[derive(Clone, Copy, Default)]
pub struct GenerateOptions<'a> {
    /// Acts on activations. The prompt index of a token is the index of its request, so that every
    /// request can be steered by vectors of its own.
    pub hook: Option<Hook<'a>>,
    /// Called after each token with the completion so far; `true` ends the completion.
    /// [`stop_on_text`] makes one of texts.
    pub stop: Option<StopFn<'a>>,
    /// Once it is `true`, no more tokens are sampled.
    pub cancel: Option<&'a AtomicBool>,
}

/// What the model wrote.
#[derive(Clone, Debug, PartialEq)]
pub struct Completion {
    /// The sampled tokens, the stop token included.
    pub tokens: Vec<u32>,
    /// Log-probability of each token under `softmax(logits / temperature)`, in nats.
    pub logprobs: Vec<f32>,
    /// Why it ended.
    pub finish_reason: FinishReason,
}

/// Why a completion ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// It has a stop token, or [`GenerateOptions::stop`] ended it.
    Stop,
    /// It reached `max_new_tokens`.
    Length,
    /// It was cancelled.
    Cancelled,
}

/// Why nothing could be sampled.
#[expect(missing_docs, reason = "the messages document the variants")]
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum GenerateError {
    #[error("prompt {index} is empty; a model needs at least one token to continue")]
    EmptyPrompt { index: u64 },
    #[error("prompt {index} holds token {token}, but the model has {vocab_size} tokens")]
    UnknownToken {
        index: u64,
        token: u32,
        vocab_size: usize,
    },
    #[error(
        "prompt {index} has {len} tokens and {new} may follow, more than the {max} positions of \
         the model; shorten the prompt or lower max_new_tokens"
    )]
    TooLong {
        index: u64,
        len: usize,
        new: usize,
        max: usize,
    },
    #[error(transparent)]
    Sampling(#[from] SamplingError),
    #[error(
        "the logits after prompt {index} are not finite; are the steering vectors too large, or \
         the weights damaged?"
    )]
    NonFinite { index: u64 },
}

/// Completes every request. The result has a list of `samples` completions for each request, in
/// order.
///
/// Requests are split into lanes that run in parallel, each a batch in which new completions take
/// the place of finished ones. The lanes follow from the model and the requests alone, not from the
/// number of threads. The keys and values of all lanes, prompts included, take at most 1 GiB,
/// unless a single completion needs more.
///
/// ```no_run
/// # use trimtab_model::{GenerateOptions, Pretrained, Request, Sampling, generate};
/// # fn run(base: &Pretrained) -> Result<(), Box<dyn std::error::Error>> {
/// let prompt = base.tokenizer.encode("The capital of France is")?;
/// let request = Request { prompt: &prompt, index: 0, samples: 4 };
/// let sampling = Sampling { max_new_tokens: 20, ..Sampling::default() };
/// let completions = generate(&base.model, &[request], &sampling, GenerateOptions::default())?;
/// for completion in &completions[0] {
///     println!("{}", base.tokenizer.decode(&completion.tokens)?);
/// }
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// See [`GenerateError`]. All requests are checked before anything is computed.
pub fn generate(
    model: &Model,
    requests: &[Request],
    sampling: &Sampling,
    options: GenerateOptions,
) -> Result<Vec<Vec<Completion>>, GenerateError> {
    check(model, requests, sampling)?;
    let requests: Vec<(usize, Request)> = requests.iter().copied().enumerate().collect();
    let size = CacheSize::of(model, sampling);
    let lanes = memory::lanes(model, size, &requests);
    // On other devices the CPU has little to do.
    let busy = if kernels::is_cpu(&model.device()) {
        lanes.len()
    } else {
        rayon::current_num_threads()
    };
    let completed: Vec<Vec<Vec<Completion>>> = awake::with_idle_threads_awake(busy, || {
        let run = |lane: &memory::Lane| {
            let requests = lane.requests.to_vec();
            Generation::new(model, requests, sampling, options, lane.max_bytes).run()
        };
        lanes.par_iter().map(run).collect::<Result<_, _>>()
    })?;
    Ok(completed.into_iter().flatten().collect())
}

/// Refuses requests that cannot be completed.
fn check(model: &Model, requests: &[Request], sampling: &Sampling) -> Result<(), GenerateError> {
    sampling.check()?;
    for request in requests {
        check_request(model, request, sampling)?;
    }
    Ok(())
}

fn check_request(
    model: &Model,
    request: &Request,
    sampling: &Sampling,
) -> Result<(), GenerateError> {
    let (index, len) = (request.index, request.prompt.len());
    let (vocab_size, max) = (model.config.vocab_size, model.config.max_len());
    if len == 0 {
        return Err(GenerateError::EmptyPrompt { index });
    }
    if let Some(&token) = request
        .prompt
        .iter()
        .find(|&&token| token as usize >= vocab_size)
    {
        return Err(GenerateError::UnknownToken {
            index,
            token,
            vocab_size,
        });
    }
    let new = sampling.max_new_tokens;
    if len.saturating_add(new) > max {
        return Err(GenerateError::TooLong {
            index,
            len,
            new,
            max,
        });
    }
    Ok(())
}
