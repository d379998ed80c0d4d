//! How vectors came to be: their lengths, directions and words during training.

use std::collections::BTreeSet;

use serde::Serialize;
use trimtab_model::tensor_file::HostTensor;
use trimtab_model::{Model, Tokenizer};
use trimtab_steer::{SteeringVectors, algebra};

use crate::vector_tokens::{LayerTokens, vector_tokens};

/// The vector of one layer at one step of its training.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TrajectoryPoint {
    /// Number of steps that were done.
    pub step: u64,
    /// Euclidean norm.
    pub norm: f64,
    /// Cosine with the vector of the last step. `None` while the vector is zero.
    pub cosine: Option<f64>,
    /// The layer, and what its vector raises and lowers through the unembedding.
    #[serde(flatten)]
    pub tokens: LayerTokens,
}

/// Follows the vector of each layer over `steps`, which are ordered: norm, cosine with the last
/// one, and the `top_k` tokens at either end of [`vector_tokens`].
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
        let on_device = SteeringVectors::from_host(vectors, &model.device());
        let cosines = algebra::cosines(vectors, last).expect("vectors of one model");
        let layers = vector_tokens(model, tokenizer, &on_device, top_k).into_iter();
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
