//! `config.json` of a Llama with biases that computes what another decoder computes.

use serde_json::{Map, Value, json};
use trimtab_model::ModelConfig;
use trimtab_model::config::{Activation, RopeScaling};

use crate::export::error::ExportError;

/// What to do with a sliding window that is shorter than the context of the model, since
/// `LlamaForCausalLM` has no sliding window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlidingWindowPolicy {
    /// Refuse to export.
    Refuse,
    /// Limit `max_position_embeddings` to the width of the window. Up to there both models compute
    /// the same.
    LimitContext,
}

/// Keys of `config.json` that mean the same in all families and are copied unchanged.
const COPIED_KEYS: &[&str] = &[
    "bos_token_id",
    "dtype",
    "eos_token_id",
    "initializer_range",
    "original_max_position_embeddings",
    "pad_token_id",
    "rope_parameters",
    "rope_scaling",
    "torch_dtype",
    "use_cache",
];

/// `config.json` of a Llama that computes what `config` says, with a bias on `down_proj`. `raw` is
/// the file that `config` was parsed from.
pub(super) fn llama_config(
    raw: &Map<String, Value>,
    config: &ModelConfig,
    policy: SlidingWindowPolicy,
) -> Result<Map<String, Value>, ExportError> {
    let inexpressible = |reason: String| ExportError::Inexpressible {
        model_type: config.model_type.clone(),
        target: "LlamaForCausalLM",
        reason,
    };
    check_architecture(config).map_err(|reason| inexpressible(reason.to_owned()))?;
    let max_position_embeddings = context(config, policy).map_err(inexpressible)?;
    let architecture = &config.architecture;
    let hidden_act = match architecture.activation {
        Activation::Silu => "silu",
        Activation::GeluTanh => "gelu_pytorch_tanh",
    };
    let mut merged: Map<String, Value> = COPIED_KEYS
        .iter()
        .filter_map(|&key| Some((key.to_owned(), raw.get(key)?.clone())))
        .collect();
    // Llama has defaults of its own for tokens that the file leaves out.
    let (bos, eos) = (config.bos_token_id, &config.eos_token_id);
    let eos = (!eos.is_empty()).then_some(eos);
    for (key, value) in [("bos_token_id", json!(bos)), ("eos_token_id", json!(eos))] {
        merged.entry(key).or_insert(value);
    }
    for (key, value) in [
        ("architectures", json!(["LlamaForCausalLM"])),
        ("attention_bias", json!(architecture.biases.qkv)),
        ("head_dim", json!(config.head_dim)),
        ("hidden_act", json!(hidden_act)),
        ("hidden_size", json!(config.hidden_size)),
        ("intermediate_size", json!(config.intermediate_size)),
        ("max_position_embeddings", json!(max_position_embeddings)),
        ("mlp_bias", json!(true)),
        ("model_type", json!("llama")),
        ("num_attention_heads", json!(config.num_attention_heads)),
        ("num_hidden_layers", json!(config.num_hidden_layers)),
        ("num_key_value_heads", json!(config.num_key_value_heads)),
        ("rms_norm_eps", json!(config.rms_norm_eps)),
        ("rope_theta", json!(architecture.ropes[0].rope_theta)),
        ("tie_word_embeddings", json!(config.tie_word_embeddings)),
        ("vocab_size", json!(config.vocab_size)),
    ] {
        merged.insert(key.to_owned(), value);
    }
    Ok(merged)
}

/// Whether a Llama with biases computes what `config` describes; otherwise the reason why not.
fn check_architecture(config: &ModelConfig) -> Result<(), &'static str> {
    let architecture = &config.architecture;
    let (norms, rope) = (architecture.norms, &architecture.ropes[0]);
    let scores = 1.0 / (config.head_dim as f64).sqrt();
    for (differs, reason) in [
        (
            architecture.names.decoder != "model",
            "its text decoder is a part of a checkpoint that also reads images",
        ),
        (
            architecture
                .layers
                .iter()
                .any(|layer| layer.linear_attention.is_some()),
            "it has layers of linear attention",
        ),
        (
            architecture
                .layers
                .iter()
                .any(|layer| layer.experts.is_some()),
            "it has mixtures of experts",
        ),
        (architecture.output_gate, "its attention has an output gate"),
        (architecture.fused_projections, "its projections are fused"),
        (
            norms.post_attention.is_some() || norms.post_mlp.is_some(),
            "a bias on down_proj would pass through the norm behind it",
        ),
        (
            architecture.qk_norm.is_some(),
            "it has norms on queries and keys",
        ),
        (
            architecture.residual_scale != 1.0,
            "it scales what layers add to the residual stream",
        ),
        (
            architecture.embedding_scale != 1.0 || architecture.norm_offset != 0.0,
            "its embeddings or its norms are scaled",
        ),
        (
            architecture.attention_scale != scores || architecture.logits_scale != 1.0,
            "its attention scores or its logits are scaled",
        ),
        (
            architecture.attn_logit_softcapping.is_some()
                || architecture.final_logit_softcapping.is_some(),
            "it caps attention scores or logits",
        ),
        (
            architecture.layers.iter().any(|layer| layer.rope.is_none()),
            "some of its layers have no rotary embedding",
        ),
        (
            rope.query_scaling.is_some(),
            "its queries are scaled by their position",
        ),
        (
            rope.rotary_dim != config.head_dim,
            "it rotates only a part of each head",
        ),
        (
            architecture.ropes.len() != 1,
            "its layers have different rotary embeddings",
        ),
    ] {
        if differs {
            return Err(reason);
        }
    }
    Ok(())
}

/// `max_position_embeddings` of the Llama, or the reason why there is none.
fn context(config: &ModelConfig, policy: SlidingWindowPolicy) -> Result<usize, String> {
    let windows = config.architecture.layers.iter();
    let narrowest = windows.filter_map(|layer| layer.sliding_window).min();
    let Some(width) = narrowest.filter(|&width| width < config.max_len()) else {
        return Ok(config.max_position_embeddings);
    };
    if policy == SlidingWindowPolicy::Refuse {
        return Err(format!(
            "it has a sliding window of {width} tokens; \
             with its context limited to the window it can be expressed"
        ));
    }
    match config.architecture.ropes[0].scaling {
        RopeScaling::Default {} | RopeScaling::Linear { .. } | RopeScaling::Llama3 { .. } => {
            Ok(width)
        }
        _ => Err(format!(
            "it has a sliding window of {width} tokens, \
             and its RoPE changes when the context is limited to the window"
        )),
    }
}
