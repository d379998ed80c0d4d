//! Qwen3-MoE: Qwen3 with a mixture of experts in most layers.

use super::common::Defaults;
use super::{qwen2, qwen3};
use crate::config::architecture::{ExpertsConfig, ModelConfig};
use crate::config::error::{ConfigError, refuse};
use crate::config::keys::ConfigKeys;

const DEFAULTS: Defaults = Defaults {
    hidden_size: 2048,
    intermediate_size: 6144,
    num_hidden_layers: 24,
    num_key_value_heads: Some(4),
    ..qwen2::DEFAULTS
};

pub(super) fn read(keys: &mut ConfigKeys) -> Result<ModelConfig, ConfigError> {
    let mut config = qwen3::read_with(keys, &DEFAULTS)?;
    let window = keys.nullable("sliding_window", 4096)?;
    if keys.or("use_sliding_window", false)? {
        for layer in &mut config.architecture.layers {
            layer.sliding_window = window;
        }
    }
    keys.ignore("max_window_layers"); // the class has a window in all layers or none
    if !keys.or("use_qk_norm", true)? {
        let expected = "the class always has norms on queries and keys";
        return refuse("use_qk_norm", false, expected);
    }
    let experts = read_experts(keys)?;
    read_sparse_layers(keys, &mut config, experts)?;
    Ok(config)
}

/// The sizes of a mixture without a shared expert; `None` if there is no expert.
fn read_experts(keys: &mut ConfigKeys) -> Result<Option<ExpertsConfig>, ConfigError> {
    let shared: usize = keys.or("shared_expert_intermediate_size", 0)?;
    if shared > 0 {
        let expected = "this family has no shared expert";
        return refuse("shared_expert_intermediate_size", shared, expected);
    }
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
        keys.ignore(of_training);
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
