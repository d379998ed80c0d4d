//! What a key of `config.json` means that no family computes.
//!
//! No list of keys is ever complete, because training tools and converters add their own. So a key
//! is refused if it is known to act. It passes if it is known to be inert or if its value cannot
//! act. The user decides about the rest.

use serde_json::Value;

/// What a key means that no family computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// It does not change what the model computes.
    Inert,
    /// It changes what the model computes.
    Acts,
    /// Not known.
    Unknown,
}

/// What `value` of a key means. `path` holds the objects around `key`, such as `rope_scaling.`.
pub(super) fn meaning(path: &str, key: &str, value: &Value) -> Meaning {
    if is_empty(value) {
        return Meaning::Inert;
    }
    if let Some((_, neutral)) = ACTS.iter().find(|(name, _)| *name == key) {
        let value = match value {
            Value::String(text) => text.to_lowercase(),
            other => other.to_string(),
        };
        return if neutral.contains(&value.as_str()) {
            Meaning::Inert
        } else {
            Meaning::Acts
        };
    }
    let is_listed = INERT.contains(&key) || path.contains("rope_") && OF_OTHER_ROPES.contains(&key);
    if is_listed || key.starts_with('_') || cannot_act(key, value) {
        Meaning::Inert
    } else {
        Meaning::Unknown
    }
}

/// Whether there is nothing in `value`.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(object) => object.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Whether no value of this kind changes what a model computes: an option that is off, a text (but
/// for those in [`ACTS`]), or the id of a token.
fn cannot_act(key: &str, value: &Value) -> bool {
    matches!(value, Value::Bool(false) | Value::String(_))
        || key.ends_with("_token_id")
        || key.ends_with("_token_ids")
}

/// Keys that change what a model computes, each with the values that do not, in lower case.
const ACTS: &[(&str, &[&str])] = &[
    // Who sees whom.
    ("add_cross_attention", &["false"]),
    ("attention_chunk_size", &[]),
    (
        "attention_type",
        &[
            "causal",
            "full",
            "full_attention",
            "gqa",
            "grouped_query_attention",
            "mha",
            "mqa",
            "softmax",
        ],
    ),
    ("bidirectional", &["false"]),
    ("causal", &["true"]),
    ("is_causal", &["true"]),
    ("is_encoder_decoder", &["false"]),
    ("no_rope_layer_interval", &["0"]),
    ("per_layer_config", &[]),
    ("use_attention_sinks", &["false"]),
    ("use_bidirectional_attention", &["false"]),
    // Where a token stands.
    ("alibi", &["false"]),
    ("alpha", &[]),
    ("pe_type", &["rope", "rotary"]),
    ("pos_emb", &["rope", "rotary"]),
    ("pos_embedding_type", &["rope", "rotary"]),
    ("position_embedding_type", &["rope", "rotary"]),
    ("rope", &["true"]),
    ("rope_interleave", &["false"]),
    ("rope_interleaved", &["false"]),
    ("rotary_interleaved", &["false"]),
    ("use_alibi", &["false"]),
    ("use_rope", &["true"]),
    ("use_rotary_embeddings", &["true"]),
    // Norms, biases and activation functions.
    ("activation", &["silu", "swiglu", "swish"]),
    ("activation_function", &["silu", "swiglu", "swish"]),
    ("ffn_type", &["glu", "swiglu"]),
    ("mlp_type", &["gated", "glu", "swiglu"]),
    ("norm_type", &["rms", "rms_norm", "rmsnorm"]),
    ("normalization", &["rms", "rms_norm", "rmsnorm"]),
    ("normalization_type", &["rms", "rms_norm", "rmsnorm"]),
    ("parallel_attn", &["false"]),
    ("parallel_residual", &["false"]),
    ("qk_layernorm", &["false"]),
    ("qk_norm", &["false"]),
    ("use_parallel_residual", &["false"]),
    ("use_qk_norm", &["false"]),
    // Factors and caps.
    ("attention_multiplier", &[]),
    ("attn_logit_softcapping", &[]),
    ("clip_qkv", &[]),
    ("embedding_multiplier", &["1", "1.0"]),
    ("final_logit_softcapping", &[]),
    ("logit_scale", &["1", "1.0"]),
    ("logits_scaling", &["1", "1.0"]),
    ("query_pre_attn_scalar", &[]),
    ("residual_multiplier", &["1", "1.0"]),
    ("scale_attn_weights", &["true"]),
    ("scale_depth", &[]),
    ("scale_emb", &["1", "1.0"]),
    // Parts that a plain decoder does not have.
    ("block_configs", &[]),
    ("n_routed_experts", &["0"]),
    ("num_experts", &["0"]),
    ("num_local_experts", &["0"]),
    ("pruned_heads", &[]),
];

/// Keys without effect on a forward pass: bookkeeping, settings of training, defaults of sampling,
/// how other programs store or run the model.
const INERT: &[&str] = &[
    "architectures",
    "assistant_confidence_threshold",
    "assistant_lookbehind",
    "attention_dropout",
    "attn_implementation",
    "attn_pdrop",
    "auto_map",
    "bad_words_ids",
    "begin_suppress_tokens",
    "cache_implementation",
    "chunk_size_feed_forward",
    "classifier_dropout",
    "context_window_size",
    "diversity_penalty",
    "do_sample",
    "dropout",
    "dtype",
    "early_stopping",
    "embd_dropout",
    "embd_pdrop",
    "encoder_no_repeat_ngram_size",
    "encoder_repetition_penalty",
    "epsilon_cutoff",
    "eta_cutoff",
    "exponential_decay_length_penalty",
    "finetuned",
    "forced_bos_token_id",
    "forced_eos_token_id",
    "full_attn_mod",
    "gradient_checkpointing",
    "hidden_dropout",
    "hidden_dropout_prob",
    "id2label",
    "initializer_range",
    "interpolate_factor",
    "is_decoder",
    "is_llama_config",
    "label2id",
    "length_penalty",
    "max_batch_size",
    "max_length",
    "max_new_tokens",
    "max_seq_len",
    "max_seq_length",
    "max_sequence_length",
    "max_window_layers",
    "min_length",
    "mlp_dropout",
    "model_max_length",
    "move_model_to_device",
    "neftune_noise_alpha",
    "no_repeat_ngram_size",
    "num_assistant_tokens",
    "num_beam_groups",
    "num_beams",
    "num_labels",
    "num_return_sequences",
    "output_attentions",
    "output_hidden_states",
    "output_router_logits",
    "output_scores",
    "prefill_chunk_size",
    "pretraining_tp",
    "problem_type",
    "remove_invalid_values",
    "repetition_penalty",
    "resid_dropout",
    "resid_pdrop",
    "residual_dropout",
    "return_dict",
    "return_dict_in_generate",
    "router_aux_loss_coef",
    "selective_checkpoint_enabled",
    "seq_length",
    "sequence_parallel_enabled",
    "sliding_window_size",
    "suppress_tokens",
    "target_lookbehind",
    "task_specific_params",
    "temperature",
    "tensor_parallel_shards",
    "tokenizer_class",
    "top_k",
    "top_p",
    "torch_dtype",
    "torchscript",
    "transformers.js_config",
    "transformers_version",
    "typical_p",
    "unsloth_fixed",
    "unsloth_version",
    "use_bfloat16",
    "use_cache",
];

/// Fields of a rotary embedding that act in some `rope_type` and are not read in others, and fields
/// that no `rope_type` of transformers reads.
const OF_OTHER_ROPES: &[&str] = &[
    "attention_factor",
    "attn_factor",
    "beta_fast",
    "beta_slow",
    "extrapolation_factor",
    "factor",
    "high_freq_factor",
    "interpolate_factor",
    "long_factor",
    "low_freq_factor",
    "mrope_interleaved",
    "mrope_section",
    "mscale",
    "mscale_all_dim",
    "original_max_position_embeddings",
    "short_factor",
    "truncate",
];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_key_acts_passes_or_is_left_to_the_user() {
        for (path, key, value, expected) in [
            ("", "is_causal", json!(false), Meaning::Acts),
            ("", "is_causal", json!(true), Meaning::Inert),
            ("", "is_causal", json!(null), Meaning::Inert),
            ("", "position_embedding_type", json!("alibi"), Meaning::Acts),
            ("", "position_embedding_type", json!("RoPE"), Meaning::Inert),
            ("", "norm_type", json!("layernorm"), Meaning::Acts),
            ("", "pruned_heads", json!({}), Meaning::Inert),
            ("", "pruned_heads", json!({"0": [1]}), Meaning::Acts),
            ("", "unk_token_id", json!(0), Meaning::Inert),
            ("", "image_token_ids", json!([5, 6]), Meaning::Inert),
            ("", "telepathy", json!(false), Meaning::Inert),
            ("", "telepathy", json!("on"), Meaning::Inert),
            ("", "telepathy", json!([]), Meaning::Inert),
            ("", "telepathy", json!(true), Meaning::Unknown),
            ("", "telepathy", json!(0), Meaning::Unknown),
            ("", "telepathy", json!([1]), Meaning::Unknown),
            ("", "_telepathy", json!([1]), Meaning::Inert),
            ("", "use_cache", json!(true), Meaning::Inert),
            ("", "factor", json!(4.0), Meaning::Unknown),
            ("rope_scaling.", "factor", json!(4.0), Meaning::Inert),
            ("rope_scaling.", "alpha", json!(4.0), Meaning::Acts),
            ("rope_scaling.", "surprise", json!(4.0), Meaning::Unknown),
        ] {
            assert_eq!(meaning(path, key, &value), expected, "{path}{key}: {value}");
        }
    }
}
