//! What becomes of a vector in the layers after it.

use burn::tensor::Tensor;
use serde::Serialize;
use trimtab_model::tensor_file::HostTensor;
use trimtab_model::{ActivationCache, Model, Site};
use trimtab_steer::SteeringVectors;
use trimtab_steer::effect::{EffectError, batches, check_texts};

use crate::ablation::Ablation;
use crate::readout::dot;

/// What the vector of one layer has become after another, as means over the tokens of prompts.
///
/// With `d_m` the change of `resid_post` of a token in layer `m` when `s_l` alone is added in layer
/// `l`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Persistence {
    /// The layer `l` of the vector.
    pub vector_layer: usize,
    /// The layer `m` that is looked at, from `l` on.
    pub layer: usize,
    /// `d_m s_l / (|d_m| |s_l|)`: how far the change still points the way of the vector.
    pub cosine: f64,
    /// `|d_m| / |s_l|`: how much the later layers have made of it.
    pub growth: f64,
    /// `|d_m| / |r_m|`, with the residual stream `r_m` of the unsteered run.
    pub relative_norm: f64,
}

/// Follows the vector of every layer through the layers after it, each alone. Layers with a vector
/// of zero are left out.
///
/// `progress` is called with a number of layers after each part of the work.
///
/// # Shapes
///
/// - `vectors`: `[num_hidden_layers, hidden_size]`
///
/// # Errors
///
/// The model cannot run a prompt, or a residual stream is not finite.
///
/// # Panics
///
/// The vectors do not fit the model.
pub fn persistence(
    model: &Model,
    vectors: &HostTensor,
    prompts: &[&[u32]],
    progress: &mut dyn FnMut(usize),
) -> Result<Vec<Persistence>, EffectError> {
    check_texts(model, prompts)?;
    let (layers, width) = (model.config.num_hidden_layers, model.config.hidden_size);
    assert_eq!(vectors.shape, [layers, width], "vectors of this model");
    let tokens: usize = prompts.iter().map(|prompt| prompt.len()).sum();
    let mut found = vec![];
    for (vector_layer, vector) in vectors.data.chunks_exact(width).enumerate() {
        if vector.iter().all(|&x| x == 0.0) {
            continue;
        }
        let alone = Ablation::Only {
            layer: vector_layer,
        };
        let steering = SteeringVectors::from_host(&alone.apply(vectors, 0), &model.device());
        let mut sums = vec![[0.0; 3]; layers - vector_layer];
        for batch in batches(prompts) {
            let (_, base) = model.run_with_cache(batch, &[Site::ResidPost], None);
            let hook = steering.hook();
            let (_, steered) = model.run_with_cache(batch, &[Site::ResidPost], Some(&hook));
            for (layer, sums) in (vector_layer..).zip(&mut sums) {
                let resid = rows(&base, layer);
                let change: Vec<f32> = rows(&steered, layer)
                    .iter()
                    .zip(&resid)
                    .map(|(steered, base)| steered - base)
                    .collect();
                let tokens = change.chunks_exact(width).zip(resid.chunks_exact(width));
                for (change, resid) in tokens {
                    for (sum, x) in sums.iter_mut().zip(compare(change, vector, resid)) {
                        *sum += x;
                    }
                }
            }
        }
        for (layer, sums) in (vector_layer..).zip(sums) {
            let [cosine, growth, relative_norm] = sums.map(|sum| sum / tokens as f64);
            if !(cosine.is_finite() && growth.is_finite() && relative_norm.is_finite()) {
                return Err(EffectError::NonFinite);
            }
            found.push(Persistence {
                vector_layer,
                layer,
                cosine,
                growth,
                relative_norm,
            });
        }
        progress(1);
    }
    Ok(found)
}

/// Cosine, growth and relative norm of a change at one token.
fn compare(change: &[f32], vector: &[f32], resid: &[f32]) -> [f64; 3] {
    let norm = |row: &[f32]| dot(row, row).sqrt();
    let (changed, added) = (norm(change), norm(vector));
    let cosine = if changed > 0.0 {
        dot(change, vector) / (changed * added)
    } else {
        0.0
    };
    [cosine, changed / added, changed / norm(resid)]
}

/// `resid_post` of all tokens after a layer.
pub(crate) fn rows(cache: &ActivationCache, layer: usize) -> Vec<f32> {
    let resid: &Tensor<2> = cache.get(Site::ResidPost, layer).expect("it was asked for");
    resid
        .clone()
        .try_into_vec_as()
        .expect("activations convert")
}
