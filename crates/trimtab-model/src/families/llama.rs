//! Llama 2 and 3, and the many checkpoints that share their architecture.

use super::common::{Defaults, plain};
use crate::config::architecture::ModelConfig;
use crate::config::error::ConfigError;
use crate::config::keys::ConfigKeys;

pub(super) fn read(mut keys: ConfigKeys) -> Result<ModelConfig, ConfigError> {
    let mut config = plain(
        &mut keys,
        &Defaults {
            num_key_value_heads: None,
            max_position_embeddings: 2048,
            rms_norm_eps: 1e-6,
            rope_theta: 10_000.0,
            tie_word_embeddings: false,
            head_dim: None,
        },
    )?;
    let attention_bias = keys.or("attention_bias", false)?;
    config.architecture.biases.qkv = attention_bias;
    config.architecture.biases.o = attention_bias;
    config.architecture.biases.mlp = keys.or("mlp_bias", false)?;
    keys.finish()?;
    Ok(config)
}
