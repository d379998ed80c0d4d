//! What steering does to the output distribution of a model.
//!
//! Different vectors may do the same, so runs are compared by their effect and not only by the
//! cosine of their vectors.

use std::fmt;

use burn::tensor::{Tensor, activation};
use serde::Serialize;
use trimtab_model::tensor_file::HostTensor;
use trimtab_model::{Hook, Model};

use crate::algebra;
use crate::steering_vectors::SteeringVectors;

/// Largest number of tokens of a forward pass over several texts.
pub const MAX_BATCH_TOKENS: usize = 2048;
/// For how many tokens logits are in memory at a time.
const CHUNK: usize = 128;

/// How much two output distributions differ, over all tokens of some texts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Effect {
    /// Mean over tokens of `KL(p || q)`, in nats.
    pub mean_kl: f64,
    /// The largest, in nats.
    pub max_kl: f64,
    /// Share of the tokens after which another token is the most likely one.
    pub argmax_changed: f64,
    /// How many tokens were compared.
    pub tokens: usize,
}

/// The effect of vectors at one strength; see [`sweep`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct SweepPoint {
    /// The factor on the vectors.
    pub strength: f64,
    /// `KL(steered || base)` on the texts that should change, in nats per token.
    pub kl: f64,
    /// Perplexity of the neutral texts.
    pub perplexity: f64,
    /// The same, divided by the perplexity of the base.
    pub perplexity_ratio: f64,
}

/// One line for people.
impl fmt::Display for SweepPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "strength {:>8}: perplexity {:>9.3} ({:.3} of the base), KL to the base {:.4} nats per \
             token",
            self.strength, self.perplexity, self.perplexity_ratio, self.kl
        )
    }
}

/// Why an effect cannot be measured.
#[expect(missing_docs, reason = "the messages document the variants")]
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum EffectError {
    #[error("there are no texts; a perplexity needs one of at least two tokens")]
    NoTokens,
    #[error("text {index} has the token id {token}, but the model has {vocab_size} tokens")]
    UnknownToken {
        index: usize,
        token: u32,
        vocab_size: usize,
    },
    #[error("text {index} has {len} tokens, but the model runs at most {max_len}")]
    TooLong {
        index: usize,
        len: usize,
        max_len: usize,
    },
    #[error("text {index} is empty")]
    Empty { index: usize },
    #[error("a logit is not finite; are the vectors too large?")]
    NonFinite,
}

/// Compares the distributions of the next token, `KL(p || q)`, after every token of `texts`.
///
/// `p` and `q` are the hooks of the two runs; `None` is the base.
///
/// ```no_run
/// # use trimtab_model::{Device, Precision, Pretrained};
/// # use trimtab_steer::{SteeringFile, effect::measure_effect};
/// # let device = Device::flex();
/// # let base = Pretrained::load("checkpoint".as_ref(), Precision::F32, &device)?;
/// let vectors = |path: &str| SteeringFile::read(path.as_ref(), &base)?.to_vectors(&device);
/// let (one, other) = (vectors("one.safetensors")?.hook(), vectors("other.safetensors")?.hook());
/// let text = base.tokenizer.encode("What is 6 * 7?")?;
/// let effect = measure_effect(&base.model, &[&text], Some(&one), Some(&other))?;
/// println!("{} nats per token", effect.mean_kl);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// A text is empty, too long or has unknown tokens, or a logit is not finite.
pub fn measure_effect(
    model: &Model,
    texts: &[&[u32]],
    p: Option<Hook>,
    q: Option<Hook>,
) -> Result<Effect, EffectError> {
    kl(texts, (model, p), (model, q))
}

/// A model and what acts on it.
pub type Run<'a> = (&'a Model, Option<Hook<'a>>);

fn kl(texts: &[&[u32]], p: Run, q: Run) -> Result<Effect, EffectError> {
    check_texts(p.0, texts)?;
    let (mut sum, mut max_kl, mut argmax_changed, mut tokens) = (0.0, 0.0_f64, 0, 0);
    for batch in batches(texts) {
        let (p_resid, _) = p.0.prefill(batch, p.1);
        let (q_resid, _) = q.0.prefill(batch, q.1);
        let [count, _] = p_resid.dims();
        for start in (0..count).step_by(CHUNK) {
            let len = CHUNK.min(count - start);
            let logits = |(model, _): Run, resid: &Tensor<2>| {
                model.logits(resid.clone().narrow(0, start, len))
            };
            let (p, q) = (logits(p, &p_resid), logits(q, &q_resid));
            let differs = p.clone().argmax(1).not_equal(q.clone().argmax(1));
            argmax_changed += differs
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
                let kl = f64::from(kl).max(0.0); // can be below 0 by rounding
                sum += kl;
                max_kl = max_kl.max(kl);
            }
        }
        tokens += count;
    }
    Ok(Effect {
        mean_kl: sum / tokens as f64,
        max_kl,
        argmax_changed: f64::from(argmax_changed as u32) / tokens as f64,
        tokens,
    })
}

/// Mean `KL(i || j)` between all pairs of runs, in nats per token, as `[i][j]`. Models may differ
/// in their weights, but not in their tokens.
///
/// # Errors
///
/// As [`measure_effect`].
pub fn pairwise_kl(texts: &[&[u32]], runs: &[Run]) -> Result<Vec<Vec<f64>>, EffectError> {
    let row = |&p: &Run| {
        let cell = |&q: &Run| Ok(kl(texts, p, q)?.mean_kl);
        runs.iter().map(cell).collect()
    };
    runs.iter().map(row).collect()
}

/// `exp` of the mean negative log-probability over all tokens of `texts` but the first of each.
///
/// # Errors
///
/// As [`measure_effect`], or no text has two tokens.
pub fn perplexity(model: &Model, texts: &[&[u32]], hook: Option<Hook>) -> Result<f64, EffectError> {
    check_texts(model, texts)?;
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

/// Measures the effect of `vectors` at each of `strengths`: on `texts`, which they should change,
/// and on `neutral` texts, which they should not.
///
/// Each call of `next` measures one strength.
///
/// # Shapes
///
/// - `vectors`: `[num_hidden_layers, hidden_size]`
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
) -> Result<impl Iterator<Item = Result<SweepPoint, EffectError>>, EffectError> {
    let base = perplexity(model, neutral, None)?;
    Ok(strengths.iter().map(move |&strength| {
        let scaled = algebra::scale(vectors, strength as f32);
        let steering = SteeringVectors::from_host(&scaled, &model.device());
        let hook = steering.hook();
        let perplexity = perplexity(model, neutral, Some(&hook))?;
        Ok(SweepPoint {
            strength,
            kl: measure_effect(model, texts, Some(&hook), None)?.mean_kl,
            perplexity,
            perplexity_ratio: perplexity / base,
        })
    }))
}

/// The point of the largest strength that keeps the perplexity of neutral texts within `max_ratio`
/// times that of the base.
pub fn strongest_within(points: &[SweepPoint], max_ratio: f64) -> Option<&SweepPoint> {
    points
        .iter()
        .filter(|point| point.perplexity_ratio <= max_ratio)
        .max_by(|a, b| a.strength.abs().total_cmp(&b.strength.abs()))
}

/// Checks that the model can run all `texts`.
///
/// # Errors
///
/// There is no text, or one is empty, too long or has unknown tokens.
pub fn check_texts(model: &Model, texts: &[&[u32]]) -> Result<(), EffectError> {
    let (max_len, vocab_size) = (model.config.max_len(), model.config.vocab_size);
    if texts.is_empty() {
        return Err(EffectError::NoTokens);
    }
    for (index, text) in texts.iter().enumerate() {
        let len = text.len();
        if len == 0 {
            return Err(EffectError::Empty { index });
        }
        if len > max_len {
            return Err(EffectError::TooLong {
                index,
                len,
                max_len,
            });
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

/// Parts of `texts` that are small enough for one forward pass: consecutive texts of at most
/// [`MAX_BATCH_TOKENS`] together, or one text.
pub fn batches<'a, 'b>(texts: &'a [&'b [u32]]) -> impl Iterator<Item = &'a [&'b [u32]]> {
    let mut rest = texts;
    std::iter::from_fn(move || {
        let mut tokens = 0;
        let fits = |text: &&&[u32]| {
            tokens += text.len();
            tokens <= MAX_BATCH_TOKENS
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
        let (long, short) = (vec![0; MAX_BATCH_TOKENS + 1], vec![0; MAX_BATCH_TOKENS / 2]);
        let texts = [&short[..], &short, &long, &short, &[1]];
        let lens: Vec<usize> = batches(&texts).map(<[&[u32]]>::len).collect();
        assert_eq!(lens, [2, 1, 2]);
        assert_eq!(batches(&[]).count(), 0);
    }

    #[test]
    fn the_strongest_point_within_the_ratio_is_selected() {
        let point = |strength, perplexity_ratio| SweepPoint {
            strength,
            kl: 0.0,
            perplexity: 1.0,
            perplexity_ratio,
        };
        let points = [point(0.5, 1.0), point(1.0, 1.05), point(2.0, 1.5)];
        let best = |ratio| strongest_within(&points, ratio).map(|point| point.strength);
        assert_eq!(best(1.1), Some(1.0));
        assert_eq!(best(2.0), Some(2.0));
        assert_eq!(best(0.9), None);
    }
}
