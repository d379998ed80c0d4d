//! Gemma 2: scaled embeddings, norms on inputs and outputs, caps on scores and logits, and layers
//! with and without a sliding window in turn.

use trimtab_kernels::Activation;

use super::common::{Defaults, FOUR_NORMS, LLAMA, LayerType, cap, layer_types, plain, set_windows};
use crate::config::architecture::ModelConfig;
use crate::config::error::ConfigError;
use crate::config::keys::ConfigKeys;

const DEFAULTS: Defaults = Defaults {
    vocab_size: 256_000,
    hidden_size: 2304,
    intermediate_size: 9216,
    num_hidden_layers: 26,
    num_attention_heads: 8,
    num_key_value_heads: Some(4),
    head_dim: Some(256),
    max_position_embeddings: 8192,
    tie_word_embeddings: true,
    bos_token_id: Some(2),
    eos_token_id: Some(1),
    activation: ("hidden_activation", Activation::GeluTanh),
    ..LLAMA
};

pub(super) fn read(keys: &mut ConfigKeys) -> Result<ModelConfig, ConfigError> {
    let mut config = plain(keys, &DEFAULTS)?;
    keys.ignore("sliding_window_size"); // as the class of transformers does
    read_conventions(keys, &mut config)?;
    let sliding_window = keys.nullable("sliding_window", 4096)?;
    let types = layer_types(keys, config.num_hidden_layers, |layer| {
        if layer.is_multiple_of(2) {
            LayerType::SlidingAttention
        } else {
            LayerType::FullAttention
        }
    })?;
    set_windows(&mut config, &types, sliding_window)?;
    let architecture = &mut config.architecture;
    architecture.attn_logit_softcapping = cap(keys, "attn_logit_softcapping", Some(50.0))?;
    architecture.final_logit_softcapping = cap(keys, "final_logit_softcapping", Some(30.0))?;
    Ok(config)
}

/// What Gemma 2 and 3 have in common: norms, biases and scales.
pub(super) fn read_conventions(
    keys: &mut ConfigKeys,
    config: &mut ModelConfig,
) -> Result<(), ConfigError> {
    let attention_bias = keys.or("attention_bias", false)?;
    let query_pre_attn_scalar: f64 = keys.or("query_pre_attn_scalar", 256.0)?;
    let architecture = &mut config.architecture;
    architecture.norms = FOUR_NORMS;
    architecture.norm_offset = 1.0;
    architecture.biases.qkv = attention_bias;
    architecture.biases.o = attention_bias;
    architecture.embedding_scale = (config.hidden_size as f64).sqrt();
    architecture.attention_scale = 1.0 / query_pre_attn_scalar.sqrt();
    Ok(())
}
