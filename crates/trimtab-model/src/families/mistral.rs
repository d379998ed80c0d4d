//! Mistral: Llama with a sliding window in every layer.

use super::common::{Defaults, LLAMA, plain};
use crate::config::architecture::ModelConfig;
use crate::config::error::ConfigError;
use crate::config::keys::ConfigKeys;

pub(super) const DEFAULTS: Defaults = Defaults {
    intermediate_size: 14_336,
    num_key_value_heads: Some(8),
    max_position_embeddings: 4096 * 32,
    ..LLAMA
};

pub(super) fn read(keys: &mut ConfigKeys) -> Result<ModelConfig, ConfigError> {
    let mut config = plain(keys, &DEFAULTS)?;
    let sliding_window = keys.nullable("sliding_window", 4096)?;
    for layer in &mut config.architecture.layers {
        layer.sliding_window = sliding_window;
    }
    Ok(config)
}
