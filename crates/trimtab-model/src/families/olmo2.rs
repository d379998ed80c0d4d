//! OLMo-2: norms on the outputs of attention and MLP instead of their inputs, and on all queries
//! and all keys together.

use super::common::{Defaults, LLAMA, plain};
use crate::config::architecture::{ModelConfig, NormNames, QkNorm};
use crate::config::error::ConfigError;
use crate::config::keys::ConfigKeys;

const DEFAULTS: Defaults = Defaults {
    vocab_size: 50_304,
    rms_norm_eps: 1e-5,
    bos_token_id: None,
    eos_token_id: Some(50_279),
    ..LLAMA
};

pub(super) fn read(keys: &mut ConfigKeys) -> Result<ModelConfig, ConfigError> {
    read_with(keys, DEFAULTS.rope_theta)
}

/// As [`read`], with another default of `rope_theta`.
pub(super) fn read_with(
    keys: &mut ConfigKeys,
    rope_theta: f64,
) -> Result<ModelConfig, ConfigError> {
    let defaults = Defaults {
        rope_theta,
        ..DEFAULTS
    };
    let mut config = plain(keys, &defaults)?;
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
    Ok(config)
}
