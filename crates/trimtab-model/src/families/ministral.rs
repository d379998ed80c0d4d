//! Ministral: Mistral with a sliding window in some of its layers.

use super::common::{LayerType, layer_types, plain, set_windows};
use super::mistral::DEFAULTS;
use crate::config::architecture::ModelConfig;
use crate::config::error::ConfigError;
use crate::config::keys::ConfigKeys;

pub(super) fn read(keys: &mut ConfigKeys) -> Result<ModelConfig, ConfigError> {
    let mut config = plain(keys, &DEFAULTS)?;
    let sliding_window = keys.nullable("sliding_window", 4096)?;
    let default = match sliding_window {
        Some(_) => LayerType::SlidingAttention,
        None => LayerType::FullAttention,
    };
    let types = layer_types(keys, config.num_hidden_layers, |_| default)?;
    set_windows(&mut config, &types, sliding_window)?;
    Ok(config)
}
