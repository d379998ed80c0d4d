//! Llama 2 and 3, and the many checkpoints that share their architecture.

use super::common::{LLAMA, plain};
use crate::config::architecture::ModelConfig;
use crate::config::error::ConfigError;
use crate::config::keys::ConfigKeys;

pub(super) fn read(keys: &mut ConfigKeys) -> Result<ModelConfig, ConfigError> {
    let mut config = plain(keys, &LLAMA)?;
    let attention_bias = keys.or("attention_bias", false)?;
    config.architecture.biases.qkv = attention_bias;
    config.architecture.biases.o = attention_bias;
    config.architecture.biases.mlp = keys.or("mlp_bias", false)?;
    Ok(config)
}
