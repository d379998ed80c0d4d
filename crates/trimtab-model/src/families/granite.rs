//! Granite: Llama with factors on embeddings, attention scores, logits and what layers add to the
//! residual stream.

use super::common::{LLAMA, factor, plain};
use crate::config::architecture::ModelConfig;
use crate::config::error::ConfigError;
use crate::config::keys::ConfigKeys;

pub(super) fn read(keys: &mut ConfigKeys) -> Result<ModelConfig, ConfigError> {
    let mut config = plain(keys, &LLAMA)?;
    keys.ignore("layer_types"); // as the class of transformers does
    let attention_bias = keys.or("attention_bias", false)?;
    let architecture = &mut config.architecture;
    architecture.biases.qkv = attention_bias;
    architecture.biases.o = attention_bias;
    architecture.biases.mlp = keys.or("mlp_bias", false)?;
    architecture.embedding_scale = factor(keys, "embedding_multiplier")?;
    architecture.attention_scale = factor(keys, "attention_multiplier")?;
    architecture.residual_scale = factor(keys, "residual_multiplier")?;
    architecture.logits_scale = 1.0 / factor(keys, "logits_scaling")?;
    Ok(config)
}
