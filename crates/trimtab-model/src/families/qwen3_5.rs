//! The text decoder of Qwen3.5: linear attention in most layers, gated attention in the others, and
//! in the larger models a mixture of experts.

use super::common::{Defaults, LLAMA, plain, read_multimodal};
use crate::config::architecture::{
    ExpertsConfig, LinearAttentionConfig, ModelConfig, QkNorm, TensorNames,
};
use crate::config::error::{ConfigError, refuse};
use crate::config::keys::ConfigKeys;
use crate::config::rope::PartialRotary;

const DENSE: Defaults = Defaults {
    vocab_size: 248_320,
    intermediate_size: 12_288,
    num_attention_heads: 16,
    num_key_value_heads: Some(4),
    head_dim: Some(256),
    max_position_embeddings: 32_768,
    partial_rotary: PartialRotary::Used,
    bos_token_id: None,
    eos_token_id: None,
    ..LLAMA
};

const SPARSE: Defaults = Defaults {
    hidden_size: 2048,
    num_hidden_layers: 40,
    num_key_value_heads: Some(2),
    ..DENSE
};

/// The text decoder in a checkpoint that also reads images.
pub(super) fn read_with_images(keys: &mut ConfigKeys) -> Result<ModelConfig, ConfigError> {
    let text_type = format!("{}_text", keys.model_type);
    let mut config = read_multimodal(keys, &text_type, read)?;
    config.tie_word_embeddings = keys.or("tie_word_embeddings", false)?;
    config.architecture.names = TensorNames {
        decoder: "model.language_model",
        lm_head: "lm_head",
        unused: &["model.visual.", "mtp."],
    };
    Ok(config)
}

pub(super) fn read(keys: &mut ConfigKeys) -> Result<ModelConfig, ConfigError> {
    let is_sparse = keys.model_type.starts_with("qwen3_5_moe");
    keys.set_default("partial_rotary_factor", 0.25);
    for rope in ["rope_parameters", "rope_scaling"] {
        if let Some(fields) = keys.object_mut(rope) {
            // Three positions for each token, which are the same in a text.
            fields.retain(|key, _| !key.starts_with("mrope_"));
        }
    }
    let mut config = plain(keys, if is_sparse { &SPARSE } else { &DENSE })?;
    for of_training_or_speculation in [
        "mtp_num_hidden_layers",
        "mtp_use_dedicated_embeddings",
        "output_router_logits",
        "router_aux_loss_coef",
    ] {
        keys.ignore(of_training_or_speculation);
    }
    if !keys.or("attn_output_gate", true)? {
        let expected = "attention of this family always has an output gate";
        return refuse("attn_output_gate", false, expected);
    }
    let attention_bias = keys.or("attention_bias", false)?;
    let architecture = &mut config.architecture;
    architecture.names.unused = &["mtp."];
    architecture.norm_offset = 1.0;
    architecture.qk_norm = Some(QkNorm::Head);
    architecture.output_gate = true;
    architecture.biases.qkv = attention_bias;
    architecture.biases.o = attention_bias;
    read_layers(keys, &mut config)?;
    if is_sparse {
        let experts = read_experts(keys)?;
        for layer in &mut config.architecture.layers {
            layer.experts = Some(experts);
        }
    }
    Ok(config)
}

/// Which layers have linear attention: those that `layer_types` names, or all but every
/// `full_attention_interval`-th.
fn read_layers(keys: &mut ConfigKeys, config: &mut ModelConfig) -> Result<(), ConfigError> {
    let linear = LinearAttentionConfig {
        linear_num_key_heads: keys.or("linear_num_key_heads", 16)?,
        linear_num_value_heads: keys.or("linear_num_value_heads", 32)?,
        linear_key_head_dim: keys.or("linear_key_head_dim", 128)?,
        linear_value_head_dim: keys.or("linear_value_head_dim", 128)?,
        linear_conv_kernel_dim: keys.or("linear_conv_kernel_dim", 4)?,
    };
    let interval: usize = keys.or("full_attention_interval", 4)?;
    let types: Option<Vec<String>> = keys.optional("layer_types")?;
    let layers = &mut config.architecture.layers;
    let types = match types {
        Some(types) if types.len() != layers.len() => {
            let found = format!("a list of {}", types.len());
            let expected = format!("there are {} layers", layers.len());
            return refuse(keys.name("layer_types"), found, expected);
        }
        Some(types) => types,
        None if interval == 0 => {
            return refuse("full_attention_interval", 0, "it must be at least 1");
        }
        None => {
            let kind = |layer: usize| {
                if (layer + 1).is_multiple_of(interval) {
                    "full_attention"
                } else {
                    "linear_attention"
                }
            };
            (0..layers.len())
                .map(|layer| kind(layer).to_owned())
                .collect()
        }
    };
    for (layer, kind) in layers.iter_mut().zip(types) {
        layer.linear_attention = match kind.as_str() {
            "full_attention" => None,
            "linear_attention" => Some(linear),
            other => {
                let expected = "supported are full_attention and linear_attention";
                return refuse(keys.name("layer_types"), format!("`{other:.80}`"), expected);
            }
        };
    }
    Ok(())
}

fn read_experts(keys: &mut ConfigKeys) -> Result<ExpertsConfig, ConfigError> {
    Ok(ExpertsConfig {
        num_experts: keys.or("num_experts", 256)?,
        num_experts_per_tok: keys.or("num_experts_per_tok", 8)?,
        moe_intermediate_size: keys.or("moe_intermediate_size", 512)?,
        norm_topk_prob: true,
        shared_expert_intermediate_size: Some(keys.or("shared_expert_intermediate_size", 512)?),
    })
}
