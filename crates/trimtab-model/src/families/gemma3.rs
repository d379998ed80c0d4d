//! The text decoder of Gemma 3: scaled embeddings, norms on inputs and outputs, and local and
//! global layers with a rotary embedding each.

use trimtab_kernels::Activation;

use super::common::{
    Defaults, FOUR_NORMS, LLAMA, LayerType, cap, layer_types, plain, read_multimodal, set_windows,
};
use super::layer_ropes::{LOCAL_ROPE, split_ropes};
use crate::config::architecture::{ModelConfig, QkNorm, TensorNames};
use crate::config::error::ConfigError;
use crate::config::keys::ConfigKeys;
use crate::config::rope::{PartialRotary, RopeConfig, RopeDefaults};

const DEFAULTS: Defaults = Defaults {
    vocab_size: 262_208,
    hidden_size: 2304,
    intermediate_size: 9216,
    num_hidden_layers: 26,
    num_attention_heads: 8,
    num_key_value_heads: Some(4),
    head_dim: Some(256),
    max_position_embeddings: 131_072,
    rope_theta: 1_000_000.0,
    tie_word_embeddings: true,
    bos_token_id: Some(2),
    eos_token_id: Some(1),
    activation: ("hidden_activation", Activation::GeluTanh),
    ..LLAMA
};

/// The text decoder in a checkpoint that also reads images.
pub(super) fn read_with_images(keys: &mut ConfigKeys) -> Result<ModelConfig, ConfigError> {
    for without_effect_on_text in [
        "mm_tokens_per_image",
        "image_token_index",
        "boi_token_index",
        "eoi_token_index",
    ] {
        keys.ignore(without_effect_on_text);
    }
    let mut config = read_multimodal(keys, "gemma3_text", read)?;
    // The class that reads images caps no logits.
    config.architecture.final_logit_softcapping = None;
    config.tie_word_embeddings = keys.or("tie_word_embeddings", true)?;
    config.architecture.names = TensorNames {
        decoder: "language_model.model",
        lm_head: "language_model.lm_head",
        unused: &["vision_tower.", "multi_modal_projector."],
    };
    Ok(config)
}

pub(super) fn read(keys: &mut ConfigKeys) -> Result<ModelConfig, ConfigError> {
    let local_rope = split_ropes(keys)?;
    let mut config = plain(keys, &DEFAULTS)?;
    let attention_bias = keys.or("attention_bias", false)?;
    let query_pre_attn_scalar: f64 = keys.or("query_pre_attn_scalar", 256.0)?;
    let rope = RopeDefaults {
        rope_theta: keys.or("rope_local_base_freq", 10_000.0)?,
        partial: PartialRotary::Ignored,
        query_scaling: false,
        head_dim: config.head_dim,
        max_position_embeddings: config.max_position_embeddings,
    };
    let local_rope = keys.within(LOCAL_ROPE, local_rope, |fields| {
        RopeConfig::read_fields(fields, &rope)
    })?;
    let sliding_window = keys.nullable("sliding_window", 4096)?;
    let pattern: usize = keys.or("sliding_window_pattern", 6)?;
    let types = layer_types(keys, config.num_hidden_layers, |layer| {
        if pattern != 0 && (layer + 1).is_multiple_of(pattern) {
            LayerType::FullAttention
        } else {
            LayerType::SlidingAttention
        }
    })?;
    set_windows(&mut config, &types, sliding_window)?;
    let architecture = &mut config.architecture;
    architecture.norms = FOUR_NORMS;
    architecture.norm_offset = 1.0;
    architecture.qk_norm = Some(QkNorm::Head);
    architecture.biases.qkv = attention_bias;
    architecture.biases.o = attention_bias;
    architecture.embedding_scale = (config.hidden_size as f64).sqrt();
    architecture.attention_scale = 1.0 / query_pre_attn_scalar.sqrt();
    architecture.attn_logit_softcapping = cap(keys, "attn_logit_softcapping", None)?;
    architecture.final_logit_softcapping = cap(keys, "final_logit_softcapping", None)?;
    architecture.ropes.push(local_rope);
    for (layer, kind) in architecture.layers.iter_mut().zip(types) {
        if kind == LayerType::SlidingAttention {
            layer.rope = Some(1);
        }
    }
    Ok(config)
}
