//! What steering does to the output: comparison by effect, since different vectors may do the same.

use burn::tensor::{Tensor, activation};
use serde::Serialize;
use trimtab_model::tensor_file::HostTensor;
use trimtab_model::{Hook, Model};

use crate::algebra;
use crate::vectors::SteeringVectors;

/// Most tokens of one forward pass over several texts.
pub(crate) const BATCH_TOKENS: usize = 2048;
/// How many tokens' logits are in memory at a time.
const CHUNK: usize = 128;

/// How far two output distributions are apart, over all tokens of some texts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Effect {
    /// Mean over tokens of `KL(p || q)`, in nats.
    pub mean_kl: f64,
    /// The largest, in nats.
    pub max_kl: f64,
    /// Share of the tokens after which another token is the likeliest.
    pub changed: f64,
    /// How many tokens were looked at.
    pub tokens: usize,
}

/// What vectors of one strength do.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Strength {
    /// What the vectors were multiplied by.
    pub strength: f64,
    /// `KL(steered || base)` after the tokens of the texts that should change, in nats a token.
    pub kl: f64,
    /// Perplexity of neutral text.
    pub perplexity: f64,
    /// The same over that of the base.
    pub perplexity_ratio: f64,
}

/// Why an effect could not be measured.
#[expect(missing_docs, reason = "the messages document the variants")]
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum EffectError {
    #[error("there is no text to measure on; a perplexity needs texts of at least two tokens")]
    NoTokens,
    #[error("text {index} has a token {token}, but the model has {vocab_size}")]
    UnknownToken {
        index: usize,
        token: u32,
        vocab_size: usize,
    },
    #[error("text {index} has {len} tokens, and the model runs at most {most}")]
    TooLong {
        index: usize,
        len: usize,
        most: usize,
    },
    #[error("text {index} is empty")]
    Empty { index: usize },
    #[error("the model computes logits that are not finite; are the vectors too long?")]
    NonFinite,
}

/// `KL(p || q)` between the distributions of the next token after every token of `texts`, with the hooks `p` and `q`;
/// `None` is the base.
///
/// ```no_run
/// # use trimtab_model::{Device, Precision, Pretrained};
/// # use trimtab_steer::{SteeringFile, effect};
/// # let device = Device::flex();
/// # let base = Pretrained::load("checkpoint".as_ref(), Precision::F32, &device)?;
/// let run = |path: &str| SteeringFile::read(path.as_ref(), &base)?.to_vectors(&device);
/// let (one, other) = (run("one.safetensors")?.hook(), run("other.safetensors")?.hook());
/// let text = base.tokenizer.encode("What is 6 * 7?")?;
/// let effect = effect(&base.model, &[&text], Some(&one), Some(&other))?;
/// println!("{} nats a token apart", effect.mean_kl);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// A text is empty, too long or has unknown tokens, or a logit is not finite.
pub fn effect(
    model: &Model,
    texts: &[&[u32]],
    p: Option<Hook>,
    q: Option<Hook>,
) -> Result<Effect, EffectError> {
    check(model, texts)?;
    let (mut sum, mut max_kl, mut changed, mut tokens) = (0.0, 0.0_f64, 0, 0);
    for batch in batches(texts) {
        let (p, _) = model.prefill(batch, p);
        let (q, _) = model.prefill(batch, q);
        let [count, _] = p.dims();
        for start in (0..count).step_by(CHUNK) {
            let len = CHUNK.min(count - start);
            let logits = |resid: &Tensor<2>| model.logits(resid.clone().narrow(0, start, len));
            let (p, q) = (logits(&p), logits(&q));
            let differs = p.clone().argmax(1).not_equal(q.clone().argmax(1));
            changed += differs
                .into_data()
                .iter::<bool>()
                .filter(|&differs| differs)
                .count();
            let (p, q) = (activation::log_softmax(p, 1), activation::log_softmax(q, 1));
            let kl = (p.clone().exp() * (p - q)).sum_dim(1);
            for kl in kl.try_into_vec_as::<f32>().expect("logits are f32") {
                if !kl.is_finite() {
                    return Err(EffectError::NonFinite);
                }
                let kl = f64::from(kl).max(0.0); // rounding takes equal distributions below 0
                sum += kl;
                max_kl = max_kl.max(kl);
            }
        }
        tokens += count;
    }
    Ok(Effect {
        mean_kl: sum / tokens as f64,
        max_kl,
        changed: f64::from(changed as u32) / tokens as f64,
        tokens,
    })
}

/// Mean `KL(i || j)` between all pairs of runs, in nats a token: `table[i][j]`.
///
/// # Errors
///
/// As [`effect`].
pub fn pairwise_effects(
    model: &Model,
    texts: &[&[u32]],
    runs: &[Option<Hook>],
) -> Result<Vec<Vec<f64>>, EffectError> {
    let row = |p: &Option<Hook>| {
        let cell = |q: &Option<Hook>| Ok(effect(model, texts, *p, *q)?.mean_kl);
        runs.iter().map(cell).collect()
    };
    runs.iter().map(row).collect()
}

/// `exp` of the mean negative log-probability of every token of `texts` but the first of each.
///
/// # Errors
///
/// As [`effect`], or no text has two tokens.
pub fn perplexity(model: &Model, texts: &[&[u32]], hook: Option<Hook>) -> Result<f64, EffectError> {
    check(model, texts)?;
    let (mut sum, mut count) = (0.0, 0);
    for batch in batches(texts) {
        let (resid, _) = model.prefill(batch, hook);
        let mut start = 0;
        for text in batch {
            for (index, targets) in text[1..].chunks(CHUNK).enumerate() {
                let resid = resid
                    .clone()
                    .narrow(0, start + index * CHUNK, targets.len());
                let logprobs = model.logprobs(resid, targets, 1.0);
                let logprobs: Vec<f32> = logprobs.try_into_vec_as().expect("logits are f32");
                sum += logprobs.into_iter().map(f64::from).sum::<f64>();
                count += targets.len();
            }
            start += text.len();
        }
    }
    match (-sum / count as f64).exp() {
        _ if count == 0 => Err(EffectError::NoTokens),
        perplexity if perplexity.is_finite() => Ok(perplexity),
        _ => Err(EffectError::NonFinite),
    }
}

/// What `vectors` do at each of `strengths`, measured as the iterator goes on: to `texts`, which they should change, and to
/// `neutral` texts, which they should leave alone.
///
/// # Errors
///
/// As [`perplexity`].
pub fn sweep(
    model: &Model,
    vectors: &HostTensor,
    strengths: &[f64],
    texts: &[&[u32]],
    neutral: &[&[u32]],
) -> Result<impl Iterator<Item = Result<Strength, EffectError>>, EffectError> {
    let base = perplexity(model, neutral, None)?;
    Ok(strengths.iter().map(move |&strength| {
        let scaled = algebra::scale(vectors, strength as f32);
        let steering = SteeringVectors::from_host(&scaled, &model.device());
        let hook = steering.hook();
        let perplexity = perplexity(model, neutral, Some(&hook))?;
        Ok(Strength {
            strength,
            kl: effect(model, texts, Some(&hook), None)?.mean_kl,
            perplexity,
            perplexity_ratio: perplexity / base,
        })
    }))
}

/// The strongest of `rows` that keeps the perplexity of neutral text within `max_ratio` times that of the base.
pub fn strongest_within(rows: &[Strength], max_ratio: f64) -> Option<&Strength> {
    rows.iter()
        .filter(|row| row.perplexity_ratio <= max_ratio)
        .max_by(|a, b| a.strength.abs().total_cmp(&b.strength.abs()))
}

/// Refuses texts that the model cannot run.
pub(crate) fn check(model: &Model, texts: &[&[u32]]) -> Result<(), EffectError> {
    let (most, vocab_size) = (model.config.max_len(), model.config.vocab_size);
    if texts.is_empty() {
        return Err(EffectError::NoTokens);
    }
    for (index, text) in texts.iter().enumerate() {
        let len = text.len();
        if len == 0 {
            return Err(EffectError::Empty { index });
        }
        if len > most {
            return Err(EffectError::TooLong { index, len, most });
        }
        if let Some(&token) = text.iter().find(|&&token| token as usize >= vocab_size) {
            return Err(EffectError::UnknownToken {
                index,
                token,
                vocab_size,
            });
        }
    }
    Ok(())
}

/// Runs of texts that together have at most [`BATCH_TOKENS`] tokens, or one text.
pub(crate) fn batches<'a, 'b>(texts: &'a [&'b [u32]]) -> impl Iterator<Item = &'a [&'b [u32]]> {
    let mut rest = texts;
    std::iter::from_fn(move || {
        let mut tokens = 0;
        let fits = |text: &&&[u32]| {
            tokens += text.len();
            tokens <= BATCH_TOKENS
        };
        let count = rest.iter().take_while(fits).count();
        let (batch, others) = rest.split_at(count.max(1).min(rest.len()));
        rest = others;
        (!batch.is_empty()).then_some(batch)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_hold_every_text_once() {
        let (long, short) = (vec![0; BATCH_TOKENS + 1], vec![0; BATCH_TOKENS / 2]);
        let texts = [&short[..], &short, &long, &short, &[1]];
        let lens: Vec<usize> = batches(&texts).map(<[&[u32]]>::len).collect();
        assert_eq!(lens, [2, 1, 2]);
        assert_eq!(batches(&[]).count(), 0);
    }

    #[test]
    fn the_guard_takes_the_strongest_that_passes() {
        let row = |strength, perplexity_ratio| Strength {
            strength,
            kl: 0.0,
            perplexity: 1.0,
            perplexity_ratio,
        };
        let rows = [row(0.5, 1.0), row(1.0, 1.05), row(2.0, 1.5)];
        let best = |ratio| strongest_within(&rows, ratio).map(|row| row.strength);
        assert_eq!(best(1.1), Some(1.0));
        assert_eq!(best(2.0), Some(2.0));
        assert_eq!(best(0.9), None);
    }
}
