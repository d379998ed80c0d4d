//! The text decoder of Gemma 3: scaled embeddings, norms on inputs and outputs, and local and
//! global layers with a rotary embedding each.

use trimtab_kernels::Activation;

use super::common::{
    Defaults, LLAMA, LayerType, cap, layer_types, plain, read_multimodal, set_windows,
};
use super::gemma2;
use super::layer_ropes::{add_local_rope, split_ropes};
use crate::config::architecture::{ModelConfig, QkNorm, TensorNames};
use crate::config::error::ConfigError;
use crate::config::keys::ConfigKeys;

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
    gemma2::read_conventions(keys, &mut config)?;
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
    let local_theta = keys.or("rope_local_base_freq", 10_000.0)?;
    add_local_rope(keys, &mut config, local_rope, local_theta, &types)?;
    let architecture = &mut config.architecture;
    architecture.qk_norm = Some(QkNorm::Head);
    architecture.attn_logit_softcapping = cap(keys, "attn_logit_softcapping", None)?;
    architecture.final_logit_softcapping = cap(keys, "final_logit_softcapping", None)?;
    Ok(config)
}
