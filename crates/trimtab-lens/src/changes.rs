//! What runs change in the residual stream, and how alike their changes are.

use serde::Serialize;
use trimtab_model::{Model, Site};
use trimtab_steer::effect::{EffectError, Run, batches, check_texts};

use crate::persistence::rows;
use crate::readout::dot;

/// What several runs change in `resid_post` of one layer, over all tokens of some prompts.
///
/// With `d_i` the change of run `i` at all tokens, as one vector, and `r` the residual streams of
/// the base.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LayerChanges {
    /// The layer.
    pub layer: usize,
    /// `|d_i| / |r|` of each run.
    pub relative_norms: Vec<f64>,
    /// `d_i d_j / (|d_i| |d_j|)` of each two runs. `None` where one changes nothing.
    pub cosines: Vec<Vec<Option<f64>>>,
}

/// Compares what runs change in the residual stream of `base`, layer by layer.
///
/// It does not matter how they do it, so vectors, LoRA and tuned weights can be compared.
///
/// # Errors
///
/// The model cannot run a prompt, or a residual stream is not finite.
///
/// # Panics
///
/// The models of the runs have other layers than the base.
pub fn changes(
    base: &Model,
    runs: &[Run],
    prompts: &[&[u32]],
) -> Result<Vec<LayerChanges>, EffectError> {
    check_texts(base, prompts)?;
    let count = runs.len();
    let layers = base.config.num_hidden_layers;
    let mut squares = vec![0.0; layers];
    let mut products = vec![vec![0.0; count * count]; layers];
    for batch in batches(prompts) {
        let residuals = |(model, hook): Run| {
            let (_, cache) = model.run_with_cache(batch, &[Site::ResidPost], hook);
            cache
        };
        let of_base = residuals((base, None));
        let of_runs: Vec<_> = runs.iter().copied().map(residuals).collect();
        for layer in 0..layers {
            let resid = rows(&of_base, layer);
            let changes = of_runs.iter().map(|cache| {
                let mut change = rows(cache, layer);
                for (x, base) in change.iter_mut().zip(&resid) {
                    *x -= base;
                }
                change
            });
            let changes: Vec<Vec<f32>> = changes.collect();
            squares[layer] += dot(&resid, &resid);
            for (i, one) in changes.iter().enumerate() {
                for (j, other) in changes.iter().enumerate() {
                    products[layer][i * count + j] += dot(one, other);
                }
            }
        }
    }
    let layers = products.iter().zip(squares).enumerate();
    let found = layers.map(|(layer, (products, square))| {
        let finite = products.iter().all(|x| x.is_finite()) && f64::is_finite(square);
        if !finite {
            return Err(EffectError::NonFinite);
        }
        let norm = |i: usize| products[i * count + i].sqrt();
        let cosine = |i: usize, j: usize| {
            let norms = norm(i) * norm(j);
            (norms > 0.0).then(|| products[i * count + j] / norms)
        };
        Ok(LayerChanges {
            layer,
            relative_norms: (0..count).map(|i| norm(i) / square.sqrt()).collect(),
            cosines: (0..count)
                .map(|i| (0..count).map(|j| cosine(i, j)).collect())
                .collect(),
        })
    });
    found.collect()
}
