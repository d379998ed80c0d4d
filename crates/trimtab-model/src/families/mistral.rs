//! Mistral: Llama with a sliding window in every layer.

use super::common::{Defaults, plain};
use crate::config::architecture::ModelConfig;
use crate::config::error::ConfigError;
use crate::config::keys::ConfigKeys;

pub(super) fn read(mut keys: ConfigKeys) -> Result<ModelConfig, ConfigError> {
    let mut config = plain(
        &mut keys,
        &Defaults {
            num_key_value_heads: Some(8),
            max_position_embeddings: 4096 * 32,
            rms_norm_eps: 1e-6,
            rope_theta: 10_000.0,
            tie_word_embeddings: false,
            head_dim: None,
        },
    )?;
    let sliding_window = keys.nullable("sliding_window", 4096)?;
    for layer in &mut config.architecture.layers {
        layer.sliding_window = sliding_window;
    }
    keys.finish()?;
    Ok(config)
}
