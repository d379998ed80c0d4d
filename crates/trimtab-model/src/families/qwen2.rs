//! Qwen2 and Qwen2.5: biases on queries, keys and values, and an optional sliding window in the
//! upper layers.

use super::common::{Defaults, LLAMA, LayerType, layer_types, plain};
use crate::config::architecture::ModelConfig;
use crate::config::error::ConfigError;
use crate::config::keys::ConfigKeys;

pub(super) const DEFAULTS: Defaults = Defaults {
    vocab_size: 151_936,
    intermediate_size: 22_016,
    num_key_value_heads: Some(32),
    max_position_embeddings: 32_768,
    bos_token_id: None,
    eos_token_id: None,
    ..LLAMA
};

pub(super) fn read(keys: &mut ConfigKeys) -> Result<ModelConfig, ConfigError> {
    let mut config = plain(keys, &DEFAULTS)?;
    config.architecture.biases.qkv = true;
    read_windows(keys, &mut config)?;
    Ok(config)
}

/// With `use_sliding_window`, the layers from `max_window_layers` on have the window
/// `sliding_window`, unless `layer_types` says which layers have one.
pub(super) fn read_windows(
    keys: &mut ConfigKeys,
    config: &mut ModelConfig,
) -> Result<(), ConfigError> {
    let sliding_window: Option<usize> = keys.nullable("sliding_window", 4096)?;
    let in_use = keys.or("use_sliding_window", false)?;
    let max_window_layers = keys.or("max_window_layers", 28)?;
    let types = layer_types(keys, config.num_hidden_layers, |layer| {
        if in_use && layer >= max_window_layers {
            LayerType::SlidingAttention
        } else {
            LayerType::FullAttention
        }
    })?;
    for (layer, kind) in config.architecture.layers.iter_mut().zip(types) {
        if in_use && kind == LayerType::SlidingAttention {
            layer.sliding_window = sliding_window;
        }
    }
    Ok(())
}
