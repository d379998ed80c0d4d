//! Measuring a model, with or without vectors, on given problems.

use rayon::prelude::*;
use trimtab_model::generation::stop_on_text;
use trimtab_model::{
    Completion, FinishReason, GenerateOptions, Hook, Pretrained, Request, Sampling, generate,
};
use trimtab_tasks::{Decoding, Item, Sample};

use crate::rollout::RolloutError;

/// Completions of one batch.
const COMPLETIONS_AT_ONCE: usize = 512;

/// Completes and grades `items` from number `first` on, some problems at a time: each batch has the samples of the next
/// problems. Base and steered model are measured alike: the same items and decoding, another hook.
///
/// A sample's draws are addressed by seed, number of the problem and number of the sample, so the samples of a problem do
/// not depend on where an evaluation was taken up.
///
/// # Errors
///
/// See [`RolloutError`]; nothing follows an error.
///
/// # Panics
///
/// `decoding.samples` is zero.
pub fn evaluate<'a>(
    base: &'a Pretrained,
    hook: Option<Hook<'a>>,
    items: &'a [Item],
    decoding: &'a Decoding,
    first: usize,
) -> impl Iterator<Item = Result<Vec<Vec<Sample>>, RolloutError>> + 'a {
    let problems_at_once = (COMPLETIONS_AT_ONCE / decoding.samples).max(1);
    let mut next = first;
    std::iter::from_fn(move || {
        let start = next;
        // Batches end at the same problems wherever they start.
        next = items
            .len()
            .min((start / problems_at_once + 1) * problems_at_once);
        if start >= next {
            return None;
        }
        let batch = sample(base, hook, &items[start..next], start, decoding);
        if batch.is_err() {
            next = items.len();
        }
        Some(batch)
    })
}

/// The samples of `items`, the first of which is number `first` of the evaluation.
fn sample(
    base: &Pretrained,
    hook: Option<Hook>,
    items: &[Item],
    first: usize,
    decoding: &Decoding,
) -> Result<Vec<Vec<Sample>>, RolloutError> {
    let sampling = Sampling {
        temperature: decoding.temperature,
        max_new_tokens: decoding.max_new_tokens,
        stop_tokens: base.model.config.eos_token_id.clone(),
        seed: decoding.seed,
        step: 0, // training steps count from 1
        ..Sampling::default()
    };
    let prompts = items
        .iter()
        .map(|item| {
            if item.chat {
                base.tokenizer.encode_rendered(&item.prompt)
            } else {
                base.tokenizer.encode(&item.prompt)
            }
        })
        .collect::<Result<Vec<_>, _>>()?;
    let requests: Vec<Request> = prompts
        .iter()
        .zip(first as u64..)
        .map(|(prompt, index)| Request {
            prompt,
            index,
            samples: decoding.samples,
        })
        .collect();
    let stop = stop_on_text(&base.tokenizer, &decoding.stop);
    let options = GenerateOptions {
        hook,
        stop: (!decoding.stop.is_empty()).then_some(&stop),
        cancel: None,
    };
    let completed = generate(&base.model, &requests, &sampling, options)?;
    let graded = |(item, completions): (&Item, Vec<Completion>)| {
        let grade = |(number, completion): (usize, Completion)| {
            let text = base.tokenizer.decode(&completion.tokens)?;
            let truncated = completion.finish_reason == FinishReason::Length;
            let length = completion.tokens.len();
            Ok(Sample::graded(item, number, text, length, truncated))
        };
        completions.into_iter().enumerate().map(grade).collect()
    };
    items.par_iter().zip(completed).map(graded).collect()
}
