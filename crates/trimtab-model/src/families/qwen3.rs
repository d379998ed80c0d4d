//! Qwen3: norms on the heads of queries and keys, and a head width of its own.

use super::common::{Defaults, plain};
use super::qwen2::read_windows;
use crate::config::architecture::{ModelConfig, QkNorm};
use crate::config::error::ConfigError;
use crate::config::keys::ConfigKeys;

pub(super) fn read(mut keys: ConfigKeys) -> Result<ModelConfig, ConfigError> {
    let mut config = plain(
        &mut keys,
        &Defaults {
            num_key_value_heads: Some(32),
            max_position_embeddings: 32_768,
            rms_norm_eps: 1e-6,
            rope_theta: 10_000.0,
            tie_word_embeddings: false,
            head_dim: Some(128),
        },
    )?;
    let attention_bias = keys.or("attention_bias", false)?;
    config.architecture.biases.qkv = attention_bias;
    config.architecture.biases.o = attention_bias;
    config.architecture.qk_norm = Some(QkNorm::Head);
    read_windows(&mut keys, &mut config)?;
    keys.finish()?;
    Ok(config)
}
