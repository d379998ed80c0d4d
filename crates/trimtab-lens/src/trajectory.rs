//! How vectors came to be: their lengths, directions and words during training.

use std::collections::BTreeSet;

use burn::tensor::{Tensor, TensorData};
use serde::Serialize;
use trimtab_model::tensor_file::HostTensor;
use trimtab_model::{Model, Tokenizer};
use trimtab_steer::algebra;

use crate::readout::centre;
use crate::vector_tokens::LayerTokens;

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
        LayerTokens::of(layer, logits, tokenizer, top_k)
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use trimtab_model::{Device, Precision, Pretrained};

    use super::*;
    use crate::significance::random_directions;
    use crate::{VectorLens, VectorLensOptions, Vocabulary};

    #[test]
    fn vectors_are_followed_through_their_training() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/assets/nano");
        let base = Pretrained::load(&folder, Precision::F32, &Device::flex()).expect("bundled");
        let (layers, width) = (
            base.model.config.num_hidden_layers,
            base.model.config.hidden_size,
        );
        let vectors = |seed| HostTensor {
            shape: vec![layers, width],
            data: random_directions(layers, width, seed),
        };
        let close = |found: f64, expected: f64, what: &str| {
            assert!(
                (found - expected).abs() < 1e-4,
                "{what}: {found}, not {expected}"
            );
        };
        let last = algebra::select_layers(&vectors(1), &[1, 3]).expect("layers");
        let half = algebra::scale(&last, 0.5);
        let zero = algebra::scale(&last, 0.0);
        let across = algebra::project_out(&vectors(2), &last).expect("one shape");
        let steps = [(0, zero), (2, across), (5, half), (7, last.clone())];
        let points = trajectory(&base.model, &base.tokenizer, &steps, 3);
        let at: Vec<(u64, usize)> = points.iter().map(|it| (it.step, it.tokens.layer)).collect();
        assert_eq!(
            at,
            [
                (0, 1),
                (0, 3),
                (2, 1),
                (2, 3),
                (5, 1),
                (5, 3),
                (7, 1),
                (7, 3)
            ]
        );
        assert_eq!((points[0].norm, points[0].cosine), (0.0, None));
        let norms = algebra::norms(&last);
        for (point, norm) in points[4..6].iter().zip([norms[1], norms[3]]) {
            close(point.norm, f64::from(norm) / 2.0, "half");
            close(point.cosine.expect("a vector"), 1.0, "half");
        }
        close(points[2].cosine.expect("a vector"), 0.0, "across");
        let options = VectorLensOptions {
            top_k: 3,
            draws: 1,
            ..VectorLensOptions::default()
        };
        let lens = VectorLens::new(&base.model, Vocabulary::of(&base), options);
        let known = &lens.unembedding(&last, &mut |_| ())[1];
        let known = known.promoted.tokens.iter().chain(&known.suppressed.tokens);
        let found = &points[7].tokens;
        for (known, found) in known.zip(found.promoted.iter().chain(&found.suppressed)) {
            assert_eq!(known.token, found.token);
            close(known.logit.into(), found.logit.into(), &found.token);
        }
        assert_eq!(trajectory(&base.model, &base.tokenizer, &[], 3), []);
    }
}
