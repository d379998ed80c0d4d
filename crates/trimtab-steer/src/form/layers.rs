//! The layers that a form acts on, and the width of activations.

use burn::tensor::{Tensor, TensorData};
use trimtab_model::{ModelConfig, Site};

use super::error::FormError;

/// The layers that a form has parameters for: `layers`, or all `count`.
pub(super) fn selected_layers(layers: Option<&[usize]>, count: usize) -> Vec<usize> {
    layers.map_or_else(|| (0..count).collect(), <[usize]>::to_vec)
}

/// As [`selected_layers`], checked against the model: it has the layers, and these have `sites`.
pub(super) fn checked_layers(
    layers: Option<&[usize]>,
    config: &ModelConfig,
    sites: &[Site],
) -> Result<Vec<usize>, FormError> {
    let count = config.num_hidden_layers;
    let layers = selected_layers(layers, count);
    if let Some(&layer) = layers.iter().find(|&&layer| layer >= count) {
        return Err(FormError::UnknownLayer { layer, count });
    }
    if layers.is_empty() || !layers.is_sorted_by(|left, right| left < right) {
        return Err(FormError::LayerOrder);
    }
    for &layer in &layers {
        for &site in sites {
            if let Some(reason) = site.missing_in(&config.architecture.layers[layer]) {
                let site = site.name();
                return Err(FormError::MissingSite {
                    layer,
                    site,
                    reason,
                });
            }
        }
    }
    Ok(layers)
}

/// `[layers.len(), width]` to `[num_hidden_layers, width]`: the row of each layer of `layers` goes
/// to that layer, all other layers get zeros.
pub(super) fn scatter_rows(
    layers: Option<&[usize]>,
    config: &ModelConfig,
    rows: Tensor<2>,
) -> Tensor<2> {
    let Some(layers) = layers else { return rows };
    let count = config.num_hidden_layers;
    let mut one_hot = vec![0.0; count * layers.len()]; // [num_hidden_layers, layers.len()]
    for (row, layer) in layers.iter().enumerate() {
        one_hot[layer * layers.len() + row] = 1.0;
    }
    let one_hot = TensorData::new(one_hot, [count, layers.len()]);
    Tensor::<2>::from_data(one_hot, &rows.device()).matmul(rows)
}

/// Width of the activation at a site.
pub(crate) fn width(config: &ModelConfig, site: Site) -> usize {
    match site {
        Site::QProj if config.architecture.output_gate => 2 * attention_width(config),
        Site::QProj => attention_width(config),
        Site::KProj | Site::VProj => config.num_key_value_heads * config.head_dim,
        Site::GateProj | Site::UpProj => config.intermediate_size,
        Site::ResidPre
        | Site::OProj
        | Site::AttnOut
        | Site::ResidMid
        | Site::DownProj
        | Site::MlpOut
        | Site::ResidPost => config.hidden_size,
    }
}

/// Width of what `o_proj` gets.
pub(super) fn attention_width(config: &ModelConfig) -> usize {
    config.num_attention_heads * config.head_dim
}

/// The layer that a tensor of a checkpoint belongs to, from a name such as
/// `model.layers.3.mlp.down_proj.weight`.
pub(super) fn layer_of_tensor(name: &str) -> Option<usize> {
    let mut parts = name.split('.').skip_while(|&part| part != "layers");
    parts.nth(1)?.parse().ok()
}
