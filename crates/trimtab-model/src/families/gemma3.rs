//! The text decoder of Gemma 3: scaled embeddings, norms on inputs and outputs, and local and
//! global layers with a rotary embedding each.

use serde_json::{Map, Value};
use trimtab_kernels::Activation;

use super::common::{Defaults, LLAMA, LayerType, layer_types, plain};
use crate::config::architecture::{LayerConfig, ModelConfig, NormNames, QkNorm, TensorNames};
use crate::config::error::{ConfigError, refuse};
use crate::config::keys::{ConfigKeys, shorten};
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

/// The text decoder in a checkpoint that also reads images. What is given for the whole counts
/// more than what `text_config` says.
pub(super) fn read_multimodal(keys: &mut ConfigKeys) -> Result<ModelConfig, ConfigError> {
    let mut config = keys.inside("text_config", |keys| {
        keys.model_type = keys.or("model_type", "gemma3_text".to_owned())?;
        keys.ignore("tie_word_embeddings");
        read(keys)
    })?;
    for without_effect_on_text in [
        "vision_config",
        "mm_tokens_per_image",
        "image_token_index",
        "boi_token_index",
        "eoi_token_index",
    ] {
        keys.ignore(without_effect_on_text);
    }
    config.tie_word_embeddings = keys.or("tie_word_embeddings", true)?;
    if let Some(bos_token_id) = keys.optional("bos_token_id")? {
        config.bos_token_id = Some(bos_token_id);
    }
    let eos_token_id = keys.tokens("eos_token_id")?;
    if !eos_token_id.is_empty() {
        config.eos_token_id = eos_token_id;
    }
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
    for key in ["attn_logit_softcapping", "final_logit_softcapping"] {
        if let Some(cap) = keys.optional::<f64>(key)? {
            return refuse(key, cap, "capped logits are not supported");
        }
    }
    let attention_bias = keys.or("attention_bias", false)?;
    let query_pre_attn_scalar: f64 = keys.or("query_pre_attn_scalar", 256.0)?;
    let rope = RopeDefaults {
        rope_theta: keys.or("rope_local_base_freq", 10_000.0)?,
        partial: PartialRotary::Ignored,
        head_dim: config.head_dim,
        max_position_embeddings: config.max_position_embeddings,
    };
    let local_rope = keys.within(LOCAL_ROPE, local_rope, |fields| {
        RopeConfig::read_fields(fields, &rope)
    })?;
    let sliding_window = keys.or("sliding_window", 4096)?;
    let pattern: usize = keys.or("sliding_window_pattern", 6)?;
    let types = layer_types(keys, config.num_hidden_layers, |layer| {
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
    architecture.embedding_scale = (config.hidden_size as f64).sqrt();
    architecture.attention_scale = 1.0 / query_pre_attn_scalar.sqrt();
    architecture.ropes.push(local_rope);
    architecture.layers = types
        .into_iter()
        .map(|kind| match kind {
            LayerType::FullAttention => LayerConfig {
                sliding_window: None,
                rope: 0,
            },
            LayerType::SlidingAttention => LayerConfig {
                sliding_window: Some(sliding_window),
                rope: 1,
            },
        })
        .collect();
    Ok(config)
}

/// Where the rotary embedding of the local layers is in newer files.
const LOCAL_ROPE: &str = "rope_parameters.sliding_attention";

/// Takes apart `rope_parameters`, which newer files nest by the type of layer: returns the fields
/// of the local layers and leaves those of the global ones in `rope_parameters`.
///
/// An older `rope_scaling` changes the global layers only. Where both are given, its fields
/// replace those of `rope_parameters`.
fn split_ropes(keys: &mut ConfigKeys) -> Result<Map<String, Value>, ConfigError> {
    let mut nested: Map<String, Value> = keys.or("rope_parameters", Map::new())?;
    let mut take = |layers: &str| match nested.remove(layers) {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(fields)) => Ok(fields),
        Some(other) => {
            let key = format!("rope_parameters.{layers}");
            refuse(key, shorten(&other), "it must be an object")
        }
    };
    let (mut global, local) = (take("full_attention")?, take("sliding_attention")?);
    let scaling: Map<String, Value> = keys.or("rope_scaling", Map::new())?;
    if scaling.contains_key("type") && !scaling.contains_key("rope_type") {
        let expected = "Gemma 3 reads the key `rope_type` instead of `type`";
        return refuse("rope_scaling", shorten(&scaling.into()), expected);
    }
    global.extend(scaling);
    nested.retain(|_, value| value != "default");
    if !nested.is_empty() {
        let expected =
            "Gemma 3 has one object for `full_attention` and one for `sliding_attention`";
        return refuse("rope_parameters", shorten(&nested.into()), expected);
    }
    keys.put("rope_parameters", global);
    Ok(local)
}
