//! OLMo-3: OLMo-2 with a sliding window in most layers, whose rotary embedding is not scaled.

use super::common::{LayerType, layer_types, set_windows};
use super::layer_ropes::{add_local_rope, split_ropes};
use super::olmo2;
use crate::config::architecture::ModelConfig;
use crate::config::error::ConfigError;
use crate::config::keys::ConfigKeys;

const ROPE_THETA: f64 = 500_000.0;

pub(super) fn read(keys: &mut ConfigKeys) -> Result<ModelConfig, ConfigError> {
    let local_rope = split_ropes(keys)?;
    let mut config = olmo2::read_with(keys, ROPE_THETA)?;
    let sliding_window = keys.nullable("sliding_window", 4096)?;
    let types = layer_types(keys, config.num_hidden_layers, |layer| {
        if (layer + 1).is_multiple_of(4) {
            LayerType::FullAttention
        } else {
            LayerType::SlidingAttention
        }
    })?;
    set_windows(&mut config, &types, sliding_window)?;
    // An older `rope_theta` beside the fields is that of the other layers only.
    add_local_rope(keys, &mut config, local_rope, ROPE_THETA, &types)?;
    Ok(config)
}
