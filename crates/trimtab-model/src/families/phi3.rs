//! Phi-3 and Phi-4-mini: fused projections, and other rotary frequencies for long texts (LongRoPE).

use super::common::{Defaults, plain};
use crate::config::architecture::ModelConfig;
use crate::config::error::ConfigError;
use crate::config::keys::ConfigKeys;

pub(super) fn read(mut keys: ConfigKeys) -> Result<ModelConfig, ConfigError> {
    let mut config = plain(
        &mut keys,
        &Defaults {
            num_key_value_heads: None,
            max_position_embeddings: 4096,
            rms_norm_eps: 1e-5,
            rope_theta: 10_000.0,
            tie_word_embeddings: false,
            head_dim: None,
        },
    )?;
    config.architecture.fused_projections = true;
    let sliding_window = keys.optional("sliding_window")?;
    for layer in &mut config.architecture.layers {
        layer.sliding_window = sliding_window;
    }
    keys.finish()?;
    Ok(config)
}
