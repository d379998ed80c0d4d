//! How vectors came to be: their lengths, directions and words during training.

use std::collections::BTreeSet;

use burn::tensor::{Tensor, TensorData};
use serde::Serialize;
use trimtab_model::tensor_file::HostTensor;
use trimtab_model::{Model, Tokenizer};
use trimtab_steer::algebra;

use crate::ranking::{largest, smallest};
use crate::readout::centre;
use crate::vector_tokens::{LayerTokens, TokenLogit};

/// The vector of one layer at one step of its training.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TrajectoryPoint {
    /// Number of steps that were done.
    pub step: u64,
    /// Euclidean norm.
    pub norm: f64,
    /// Cosine with the vector of the last step. `None` while the vector is zero.
    pub cosine: Option<f64>,
    /// The layer, and what its vector raises and lowers through the unembedding, `W_U s` minus its
    /// mean over the vocabulary.
    #[serde(flatten)]
    pub tokens: LayerTokens,
}

/// Follows the vector of each layer over `steps`, which are ordered: norm, cosine with the last
/// one, and the `top_k` tokens at either end of [`Reading::Unembedding`](crate::Reading).
///
/// Points come step by step, and layer by layer within a step. Layers whose last vector is zero are
/// left out.
///
/// # Shapes
///
/// - each of `steps`: `[num_hidden_layers, hidden_size]`
///
/// # Panics
///
/// The vectors do not fit the model.
pub fn trajectory(
    model: &Model,
    tokenizer: &Tokenizer,
    steps: &[(u64, HostTensor)],
    top_k: usize,
) -> Vec<TrajectoryPoint> {
    let Some((_, last)) = steps.last() else {
        return vec![];
    };
    let last_norms = algebra::norms(last);
    let points = steps.iter().flat_map(|(step, vectors)| {
        let cosines = algebra::cosines(vectors, last).expect("vectors of one model");
        let layers = unembedded(model, tokenizer, vectors, top_k).into_iter();
        let layers = layers.zip(algebra::norms(vectors)).zip(cosines);
        let points = layers.map(|((tokens, norm), cosine)| TrajectoryPoint {
            step: *step,
            norm: norm.into(),
            cosine: cosine.map(f64::from),
            tokens,
        });
        points
            .filter(|point| last_norms[point.tokens.layer] > 0.0)
            .collect::<Vec<_>>()
    });
    points.collect()
}

fn unembedded(
    model: &Model,
    tokenizer: &Tokenizer,
    vectors: &HostTensor,
    top_k: usize,
) -> Vec<LayerTokens> {
    let data = TensorData::new(vectors.data.clone(), vectors.shape.clone());
    let logits = model.unembed(Tensor::from_data(data, &model.device()));
    let mut logits: Vec<f32> = logits.try_into_vec_as().expect("logits are f32");
    let rows = logits.chunks_exact_mut(model.config.vocab_size).enumerate();
    let layers = rows.map(|(layer, logits)| {
        centre(logits);
        let shown = |tokens: Vec<usize>| {
            let tokens = tokens.into_iter().map(|token| TokenLogit {
                token: tokenizer.token_text(token as u32),
                logit: logits[token],
            });
            tokens.collect()
        };
        LayerTokens {
            layer,
            promoted: shown(largest(logits, top_k)),
            suppressed: shown(smallest(logits, top_k)),
        }
    });
    layers.collect()
}

/// At most `count` steps of `points`, evenly spaced, with the first and the last.
pub fn shown_steps(points: &[TrajectoryPoint], count: usize) -> Vec<u64> {
    let steps: BTreeSet<u64> = points.iter().map(|point| point.step).collect();
    let steps: Vec<u64> = steps.into_iter().collect();
    let Some(last) = steps.len().checked_sub(1) else {
        return vec![];
    };
    let gaps = last.min(count.saturating_sub(1));
    let shown = (0..=gaps).map(|index| steps[index * last / gaps.max(1)]);
    shown.collect()
}
