//! The text decoder of Qwen3-VL: that of Qwen3.
//!
//! Its rotary embedding has three positions for a part of an image, which are equal for text
//! (Interleaved-MRoPE). So it is the plain one here, and `mrope_section` has no effect.

use super::common::{Defaults, LLAMA, plain, read_multimodal};
use crate::config::architecture::{ModelConfig, QkNorm, TensorNames};
use crate::config::error::ConfigError;
use crate::config::keys::ConfigKeys;

const DEFAULTS: Defaults = Defaults {
    vocab_size: 151_936,
    intermediate_size: 22_016,
    num_key_value_heads: Some(32),
    head_dim: Some(128),
    max_position_embeddings: 128_000,
    rope_theta: 500_000.0,
    bos_token_id: None,
    eos_token_id: None,
    ..LLAMA
};

const NAMES: TensorNames = TensorNames {
    decoder: "model.language_model",
    lm_head: "lm_head",
    unused: &["model.visual."],
};

pub(super) fn read(keys: &mut ConfigKeys) -> Result<ModelConfig, ConfigError> {
    let mut config = read_multimodal(keys, "qwen3_vl_text", read_text)?;
    config.tie_word_embeddings = keys.or("tie_word_embeddings", false)?;
    config.architecture.names = NAMES;
    Ok(config)
}

fn read_text(keys: &mut ConfigKeys) -> Result<ModelConfig, ConfigError> {
    let mut config = plain(keys, &DEFAULTS)?;
    let attention_bias = keys.or("attention_bias", false)?;
    config.architecture.biases.qkv = attention_bias;
    config.architecture.biases.o = attention_bias;
    config.architecture.qk_norm = Some(QkNorm::Head);
    Ok(config)
}
