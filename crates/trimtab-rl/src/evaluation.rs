//! Evaluation of a model, with or without steering, on given problems.

mod plan;

use rayon::prelude::*;
use trimtab_grader::Rules;
use trimtab_model::generation::stop_on_text;
use trimtab_model::{
    Completion, FinishReason, GenerateOptions, Hook, Pretrained, Request, Sampling, generate,
};
use trimtab_tasks::evaluation::{Decoding, Item, Sample};

pub use plan::{EvaluationPlan, EvaluationPlanError};

use crate::rollout::{RolloutError, encode_item};

/// Tokens of one batch, about, if no completion ends before its limit. This is what a run that is
/// stopped may lose.
const BATCH_TOKENS: usize = 1 << 16;

/// Least and most completions of one batch: enough to fill the processor, and no more than decode
/// together.
const BATCH_COMPLETIONS: (usize, usize) = (64, 512);

/// Completes and grades `items` by `rules` from number `first` on, some problems at a time.
///
/// Each batch has the samples of the next problems. The draws of a sample are addressed by the
/// seed, the number of the problem and the number of the sample, so they do not depend on where an
/// evaluation continues.
///
/// # Errors
///
/// See [`RolloutError`]. Nothing follows an error.
///
/// # Panics
///
/// `decoding.samples` is zero.
pub fn evaluate<'a>(
    base: &'a Pretrained,
    hook: Option<Hook<'a>>,
    items: &'a [Item],
    decoding: &'a Decoding,
    rules: &'a Rules,
    first: usize,
) -> impl Iterator<Item = Result<Vec<Vec<Sample>>, RolloutError>> + 'a {
    let (least, most) = BATCH_COMPLETIONS;
    let completions = (BATCH_TOKENS / decoding.max_new_tokens.max(1)).clamp(least, most);
    let batch_problems = (completions / decoding.samples).max(1);
    let mut next = first;
    std::iter::from_fn(move || {
        let start = next;
        // Batches end at the same problems wherever they start.
        next = items
            .len()
            .min((start / batch_problems + 1) * batch_problems);
        if start >= next {
            return None;
        }
        let batch = sample(base, hook, &items[start..next], start, decoding, *rules);
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
    rules: Rules,
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
        .map(|item| encode_item(&base.tokenizer, item))
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
        let completions = completions.into_iter().enumerate();
        completions
            .map(|(number, completion)| grade(base, item, number, &completion, rules))
            .collect()
    };
    items.par_iter().zip(completed).map(graded).collect()
}

fn grade(
    base: &Pretrained,
    item: &Item,
    number: usize,
    completion: &Completion,
    rules: Rules,
) -> Result<Sample, RolloutError> {
    let text = base.tokenizer.decode(&completion.tokens)?;
    let truncated = completion.finish_reason == FinishReason::Length;
    let tokens = completion.tokens.len();
    Ok(Sample::graded(
        item, number, text, tokens, truncated, &rules,
    ))
}
