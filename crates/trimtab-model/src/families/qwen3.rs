//! Qwen3: norms on the heads of queries and keys, and a head width of its own.

use super::common::{Defaults, plain};
use super::qwen2::{self, read_windows};
use crate::config::architecture::{ModelConfig, QkNorm};
use crate::config::error::ConfigError;
use crate::config::keys::ConfigKeys;

const DEFAULTS: Defaults = Defaults {
    head_dim: Some(128),
    ..qwen2::DEFAULTS
};

pub(super) fn read(keys: &mut ConfigKeys) -> Result<ModelConfig, ConfigError> {
    let mut config = read_with(keys, &DEFAULTS)?;
    read_windows(keys, &mut config)?;
    Ok(config)
}

/// All but the sliding windows.
pub(super) fn read_with(
    keys: &mut ConfigKeys,
    defaults: &Defaults,
) -> Result<ModelConfig, ConfigError> {
    let mut config = plain(keys, defaults)?;
    let attention_bias = keys.or("attention_bias", false)?;
    config.architecture.biases.qkv = attention_bias;
    config.architecture.biases.o = attention_bias;
    config.architecture.qk_norm = Some(QkNorm::Head);
    Ok(config)
}
