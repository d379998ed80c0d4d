//! The text decoder of Gemma 3: scaled embeddings, norms on inputs and outputs, and local and
//! global layers with a rotary embedding each.

use trimtab_kernels::Activation;

use super::common::{Defaults, LayerType, activation, layer_types, plain};
use crate::config::architecture::{ModelConfig, NormNames, QkNorm, TensorNames};
use crate::config::error::{ConfigError, refuse};
use crate::config::keys::ConfigKeys;
use crate::config::rope::RopeConfig;

/// The text decoder in a checkpoint that also reads images.
pub(super) fn read_multimodal(mut keys: ConfigKeys) -> Result<ModelConfig, ConfigError> {
    let mut config = read(keys.take_inside("text_config")?)?;
    for without_effect_on_text in [
        "vision_config",
        "mm_tokens_per_image",
        "image_token_index",
        "boi_token_index",
        "eoi_token_index",
    ] {
        keys.optional::<serde_json::Value>(without_effect_on_text)?;
    }
    let eos_token_id = keys.tokens("eos_token_id")?;
    if !eos_token_id.is_empty() {
        config.eos_token_id = eos_token_id;
    }
    keys.finish()?;
    config.architecture.names = TensorNames {
        decoder: "language_model.model",
        lm_head: "language_model.lm_head",
        unused: &["vision_tower.", "multi_modal_projector."],
    };
    Ok(config)
}

pub(super) fn read(mut keys: ConfigKeys) -> Result<ModelConfig, ConfigError> {
    let mut config = plain(
        &mut keys,
        &Defaults {
            num_key_value_heads: Some(4),
            max_position_embeddings: 131_072,
            rms_norm_eps: 1e-6,
            rope_theta: 1_000_000.0,
            tie_word_embeddings: true,
            head_dim: Some(256),
        },
    )?;
    for key in ["attn_logit_softcapping", "final_logit_softcapping"] {
        if let Some(cap) = keys.optional::<f64>(key)? {
            return refuse(key, cap, "capped logits are not supported");
        }
    }
    let attention_bias = keys.or("attention_bias", false)?;
    let query_pre_attn_scalar: f64 = keys.or("query_pre_attn_scalar", 256.0)?;
    let local_theta = keys.or("rope_local_base_freq", 10_000.0)?;
    let sliding_window = keys.or("sliding_window", 4096)?;
    let pattern: usize = keys.or("sliding_window_pattern", 6)?;
    let types = layer_types(&mut keys, config.num_hidden_layers, |layer| {
        if pattern != 0 && (layer + 1).is_multiple_of(pattern) {
            LayerType::FullAttention
        } else {
            LayerType::SlidingAttention
        }
    })?;
    let architecture = &mut config.architecture;
    architecture.norms = NormNames {
        pre_attention: Some("input_layernorm"),
        post_attention: Some("post_attention_layernorm"),
        pre_mlp: Some("pre_feedforward_layernorm"),
        post_mlp: Some("post_feedforward_layernorm"),
    };
    architecture.norm_offset = 1.0;
    architecture.qk_norm = Some(QkNorm::Head);
    architecture.biases.qkv = attention_bias;
    architecture.biases.o = attention_bias;
    architecture.activation = activation(&mut keys, "hidden_activation", Activation::GeluTanh)?;
    architecture.embedding_scale = (config.hidden_size as f64).sqrt();
    architecture.attention_scale = 1.0 / query_pre_attn_scalar.sqrt();
    architecture
        .ropes
        .push(RopeConfig::plain(local_theta, config.head_dim));
    for (layer, kind) in architecture.layers.iter_mut().zip(types) {
        if kind == LayerType::SlidingAttention {
            layer.sliding_window = Some(sliding_window);
            layer.rope = 1;
        }
    }
    keys.finish()?;
    Ok(config)
}
