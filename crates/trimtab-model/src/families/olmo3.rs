//! OLMo-3: OLMo-2 with a sliding window in most layers, whose rotary embedding is not scaled.

use super::common::{LayerType, layer_types, set_windows};
use super::layer_ropes::{LOCAL_ROPE, split_ropes};
use super::olmo2;
use crate::config::architecture::ModelConfig;
use crate::config::error::ConfigError;
use crate::config::keys::ConfigKeys;
use crate::config::rope::{PartialRotary, RopeConfig, RopeDefaults};

const ROPE_THETA: f64 = 500_000.0;

pub(super) fn read(keys: &mut ConfigKeys) -> Result<ModelConfig, ConfigError> {
    let local_rope = split_ropes(keys)?;
    let mut config = olmo2::read_with(keys, ROPE_THETA)?;
    // An older `rope_theta` beside the fields is that of the other layers only.
    let rope = RopeDefaults {
        rope_theta: ROPE_THETA,
        partial: PartialRotary::Ignored,
        query_scaling: false,
        head_dim: config.head_dim,
        max_position_embeddings: config.max_position_embeddings,
    };
    let local_rope = keys.within(LOCAL_ROPE, local_rope, |fields| {
        RopeConfig::read_fields(fields, &rope)
    })?;
    let sliding_window = keys.nullable("sliding_window", 4096)?;
    let types = layer_types(keys, config.num_hidden_layers, |layer| {
        if (layer + 1).is_multiple_of(4) {
            LayerType::FullAttention
        } else {
            LayerType::SlidingAttention
        }
    })?;
    set_windows(&mut config, &types, sliding_window)?;
    config.architecture.ropes.push(local_rope);
    for (layer, kind) in config.architecture.layers.iter_mut().zip(types) {
        if kind == LayerType::SlidingAttention {
            layer.rope = Some(1);
        }
    }
    Ok(config)
}
