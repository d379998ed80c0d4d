//! Qwen3-MoE: Qwen3 with a mixture of experts in most layers.

use serde_json::Value;

use super::common::{Defaults, plain};
use crate::config::architecture::{ExpertsConfig, ModelConfig, QkNorm};
use crate::config::error::{ConfigError, refuse};
use crate::config::keys::ConfigKeys;

pub(super) fn read(mut keys: ConfigKeys) -> Result<ModelConfig, ConfigError> {
    let mut config = plain(
        &mut keys,
        &Defaults {
            num_key_value_heads: Some(4),
            max_position_embeddings: 32_768,
            rms_norm_eps: 1e-6,
            rope_theta: 10_000.0,
            tie_word_embeddings: false,
            head_dim: None,
        },
    )?;
    let attention_bias = keys.or("attention_bias", false)?;
    config.architecture.biases.qkv = attention_bias;
    config.architecture.biases.o = attention_bias;
    config.architecture.qk_norm = Some(QkNorm::Head);
    let window = keys.nullable("sliding_window", 4096)?;
    if keys.or("use_sliding_window", false)? {
        for layer in &mut config.architecture.layers {
            layer.sliding_window = window;
        }
    }
    keys.optional::<Value>("max_window_layers")?; // the class has a window in all layers or none
    let experts = read_experts(&mut keys)?;
    read_sparse_layers(&mut keys, &mut config, experts)?;
    keys.finish()?;
    Ok(config)
}

/// The sizes of a mixture without a shared expert; `None` if there is no expert.
fn read_experts(keys: &mut ConfigKeys) -> Result<Option<ExpertsConfig>, ConfigError> {
    let renamed = keys.optional("num_local_experts")?;
    let num_experts = keys.or("num_experts", renamed.unwrap_or(128))?;
    let experts = ExpertsConfig {
        num_experts,
        num_experts_per_tok: keys.or("num_experts_per_tok", 8)?,
        moe_intermediate_size: keys.or("moe_intermediate_size", 768)?,
        norm_topk_prob: keys.or("norm_topk_prob", false)?,
        shared_expert_intermediate_size: None,
    };
    for of_training in ["output_router_logits", "router_aux_loss_coef"] {
        keys.optional::<Value>(of_training)?;
    }
    Ok((num_experts > 0).then_some(experts))
}

/// Every `decoder_sparse_step`-th layer has experts, except `mlp_only_layers`.
fn read_sparse_layers(
    keys: &mut ConfigKeys,
    config: &mut ModelConfig,
    experts: Option<ExpertsConfig>,
) -> Result<(), ConfigError> {
    let step: usize = keys.or("decoder_sparse_step", 1)?;
    if step == 0 {
        return refuse("decoder_sparse_step", step, "it must be at least 1");
    }
    let dense: Vec<usize> = keys.or("mlp_only_layers", vec![])?;
    for (index, layer) in config.architecture.layers.iter_mut().enumerate() {
        if (index + 1).is_multiple_of(step) && !dense.contains(&index) {
            layer.experts = experts;
        }
    }
    Ok(())
}
