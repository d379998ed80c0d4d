//! OLMo-2: norms on the outputs of attention and MLP instead of their inputs, and on all queries
//! and all keys together.

use super::common::{Defaults, plain};
use crate::config::architecture::{ModelConfig, NormNames, QkNorm};
use crate::config::error::ConfigError;
use crate::config::keys::ConfigKeys;

pub(super) fn read(mut keys: ConfigKeys) -> Result<ModelConfig, ConfigError> {
    let mut config = plain(
        &mut keys,
        &Defaults {
            num_key_value_heads: None,
            max_position_embeddings: 2048,
            rms_norm_eps: 1e-5,
            rope_theta: 10_000.0,
            tie_word_embeddings: false,
            head_dim: None,
        },
    )?;
    let attention_bias = keys.or("attention_bias", false)?;
    config.architecture.biases.qkv = attention_bias;
    config.architecture.biases.o = attention_bias;
    config.architecture.qk_norm = Some(QkNorm::Projection);
    config.architecture.norms = NormNames {
        pre_attention: None,
        post_attention: Some("post_attention_layernorm"),
        pre_mlp: None,
        post_mlp: Some("post_feedforward_layernorm"),
    };
    keys.finish()?;
    Ok(config)
}
