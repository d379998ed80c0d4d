//! The logit lens: what each layer would predict if it were the last.

use burn::tensor::Tensor;
use rayon::prelude::*;
use serde::Serialize;
use trimtab_model::{Hook, Model, Site};
use trimtab_steer::effect::{EffectError, check_texts};

use crate::ranking::largest;
use crate::token_groups::Vocabulary;
use crate::tuned_lens::TunedLens;

/// For how many tokens logits are in memory at a time.
const CHUNK: usize = 32;

/// What to look at in each distribution.
#[derive(Clone, Debug, Default)]
pub struct LogitLensOptions<'a> {
    /// How many of the most likely tokens.
    pub top_k: usize,
    /// Tokens to follow.
    pub chosen: Vec<u32>,
    /// Read each layer through its map.
    pub tuned: Option<&'a TunedLens>,
}

/// The distribution of the next token as one layer has it at one position.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LensPoint {
    /// The layer after which the residual stream was read.
    pub layer: usize,
    /// Position of the token whose residual stream it is, from 0.
    pub position: usize,
    /// The most likely next tokens with their probabilities, most likely first.
    pub top: Vec<TokenProbability>,
    /// The tokens that were asked for, in that order.
    pub chosen: Vec<RankedToken>,
    /// Entropy in nats.
    pub entropy: f64,
    /// `KL(final || layer)` from the distribution of the model itself, in nats.
    pub kl: f64,
    /// Negative log-probability of the token that follows in the text, in nats. `None` at the last.
    pub cross_entropy: Option<f64>,
}

/// A token and how likely it is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TokenProbability {
    /// The text.
    pub token: String,
    /// The id.
    pub id: u32,
    /// Its probability.
    pub probability: f64,
}

/// A token, how likely it is, and how many are more likely.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RankedToken {
    /// The text.
    pub token: String,
    /// The id.
    pub id: u32,
    /// Its probability.
    pub probability: f64,
    /// How many tokens have a larger logit: 0 for the most likely one.
    pub rank: usize,
}

/// Reads the residual stream after every layer through the final norm and the unembedding
/// ([nostalgebraist 2020](https://www.lesswrong.com/posts/AcKRB8wDpdaN6v6ru)).
///
/// The points come layer by layer, and position by position within a layer. Those of the last layer
/// are the model's own distributions. `hook` acts on the run, and vectors that it adds after a
/// layer are part of what is read there.
///
/// ```no_run
/// use trimtab_lens::{LogitLensOptions, Vocabulary, logit_lens};
/// # use trimtab_model::{Device, Precision, Pretrained};
/// # let base = Pretrained::load("checkpoint".as_ref(), Precision::F32, &Device::flex())?;
/// let tokens = base.tokenizer.encode("The capital of France is")?;
/// let vocabulary = Vocabulary::of(&base);
/// let options = LogitLensOptions { top_k: 3, ..LogitLensOptions::default() };
/// for point in logit_lens(&base.model, &vocabulary, &tokens, None, &options)? {
///     println!("{} {}: {:?}", point.layer, point.position, point.top[0].token);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// The model cannot run the text, or has no such chosen token.
///
/// # Panics
///
/// The tuned lens has another shape than the model.
pub fn logit_lens(
    model: &Model,
    vocabulary: &Vocabulary,
    tokens: &[u32],
    hook: Option<Hook>,
    options: &LogitLensOptions<'_>,
) -> Result<Vec<LensPoint>, EffectError> {
    check_texts(model, &[tokens])?;
    let vocab_size = model.config.vocab_size;
    if let Some(&token) = options.chosen.iter().find(|&&it| it as usize >= vocab_size) {
        let index = 0;
        return Err(EffectError::UnknownToken {
            index,
            token,
            vocab_size,
        });
    }
    let (resid, cache) = model.run_with_cache(&[tokens], &[Site::ResidPost], hook);
    let layers = model.config.num_hidden_layers;
    let mut points: Vec<Vec<LensPoint>> = vec![vec![]; layers];
    for first in (0..tokens.len()).step_by(CHUNK) {
        let count = CHUNK.min(tokens.len() - first);
        let part = |resid: &Tensor<2>| resid.clone().narrow(0, first, count);
        let logits = |resid: Tensor<2>| -> Vec<f32> {
            let logits = model.logits(resid).try_into_vec_as();
            logits.expect("logits are f32")
        };
        let last: Vec<Distribution> = logits(part(&resid))
            .par_chunks_exact(vocab_size)
            .map(Distribution::new)
            .collect();
        for (layer, points) in points.iter_mut().enumerate() {
            let resid = part(cache.get(Site::ResidPost, layer).expect("it was asked for"));
            let rows = logits(match options.tuned {
                Some(tuned) => tuned.translate(layer, resid),
                None => resid,
            });
            let rows = rows.par_chunks_exact(vocab_size).zip(&last).enumerate();
            let read = rows.map(|(row, (logits, last))| {
                let position = first + row;
                let next = tokens.get(position + 1).copied();
                point(logits, last, next, (vocabulary, options), (layer, position))
            });
            points.extend(read.collect::<Vec<_>>());
        }
    }
    Ok(points.into_iter().flatten().collect())
}

fn point(
    logits: &[f32],
    last: &Distribution,
    next: Option<u32>,
    (vocabulary, options): (&Vocabulary, &LogitLensOptions<'_>),
    (layer, position): (usize, usize),
) -> LensPoint {
    let own = Distribution::new(logits);
    let expected = |p: &[f32]| -> f64 {
        let pairs = p.iter().zip(logits);
        pairs
            .map(|(&p, &logit)| f64::from(p) * f64::from(logit))
            .sum()
    };
    let probability = |id: u32| own.logprob(logits, id).exp();
    let top = largest(logits, options.top_k)
        .into_iter()
        .map(|id| TokenProbability {
            token: vocabulary.text(id as u32).to_owned(),
            id: id as u32,
            probability: probability(id as u32),
        });
    let chosen = options.chosen.iter().map(|&id| RankedToken {
        token: vocabulary.text(id).to_owned(),
        id,
        probability: probability(id),
        rank: logits
            .iter()
            .filter(|&&logit| logit > logits[id as usize])
            .count(),
    });
    LensPoint {
        layer,
        position,
        top: top.collect(),
        chosen: chosen.collect(),
        entropy: (own.log_sum - expected(&own.probabilities)).max(0.0),
        kl: (own.log_sum - expected(&last.probabilities) - last.entropy).max(0.0),
        cross_entropy: next.map(|id| -own.logprob(logits, id)),
    }
}

/// The softmax of logits.
struct Distribution {
    probabilities: Vec<f32>,
    /// `log sum exp`
    log_sum: f64,
    /// In nats.
    entropy: f64,
}

impl Distribution {
    fn new(logits: &[f32]) -> Self {
        let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let mut probabilities: Vec<f32> = logits.iter().map(|logit| (logit - max).exp()).collect();
        let sum: f64 = probabilities.iter().map(|&p| f64::from(p)).sum();
        let mut expected = 0.0;
        for (p, &logit) in probabilities.iter_mut().zip(logits) {
            *p = (f64::from(*p) / sum) as f32;
            expected += f64::from(*p) * f64::from(logit);
        }
        let log_sum = f64::from(max) + sum.ln();
        Self {
            probabilities,
            log_sum,
            entropy: log_sum - expected,
        }
    }

    fn logprob(&self, logits: &[f32], id: u32) -> f64 {
        f64::from(logits[id as usize]) - self.log_sum
    }
}
