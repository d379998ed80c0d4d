//! What the families share.

use serde::Deserialize;

use crate::config::architecture::{
    Architecture, Biases, LayerConfig, ModelConfig, NormNames, TensorNames,
};
use crate::config::error::{ConfigError, refuse};
use crate::config::keys::ConfigKeys;
use crate::config::rope::RopeConfig;
use trimtab_kernels::Activation;

/// The names of most families.
pub(super) const NAMES: TensorNames = TensorNames {
    decoder: "model",
    lm_head: "lm_head",
    unused: &[],
};

/// Norms on the inputs of attention and MLP.
pub(super) const PRE_NORMS: NormNames = NormNames {
    pre_attention: Some("input_layernorm"),
    post_attention: None,
    pre_mlp: Some("post_attention_layernorm"),
    post_mlp: None,
};

/// Defaults of keys that `config.json` may leave out and that differ between families.
pub(super) struct Defaults {
    /// `None`: as many as query heads. `null` in the file means the same for every family.
    pub(super) num_key_value_heads: Option<usize>,
    pub(super) max_position_embeddings: usize,
    pub(super) rms_norm_eps: f64,
    pub(super) rope_theta: f64,
    pub(super) tie_word_embeddings: bool,
    /// `None`: the heads share `hidden_size`.
    pub(super) head_dim: Option<usize>,
}

/// Reads the keys that all families have into a plain pre-norm decoder: no biases, `SwiGLU`, one
/// rotary embedding, no sliding window.
pub(super) fn plain(
    keys: &mut ConfigKeys,
    defaults: &Defaults,
) -> Result<ModelConfig, ConfigError> {
    let hidden_size: usize = keys.required("hidden_size")?;
    let num_attention_heads: usize = keys.required("num_attention_heads")?;
    let num_hidden_layers: usize = keys.required("num_hidden_layers")?;
    // The other sizes are checked when all are known; these two are needed before.
    for (key, count) in [
        ("num_attention_heads", num_attention_heads),
        ("num_hidden_layers", num_hidden_layers),
    ] {
        if !(1..=1 << 10).contains(&count) {
            return refuse(key, count, "it must lie in 1..=1024");
        }
    }
    let max_position_embeddings =
        keys.or("max_position_embeddings", defaults.max_position_embeddings)?;
    let head_dim = match (keys.optional("head_dim")?, defaults.head_dim) {
        (Some(head_dim), _) | (None, Some(head_dim)) => head_dim,
        _ => shared_head_dim(hidden_size, num_attention_heads)?,
    };
    let rope = RopeConfig::read(keys, defaults.rope_theta, head_dim, max_position_embeddings)?;
    let layer = LayerConfig {
        sliding_window: None,
        rope: 0,
        linear_attention: None,
        experts: None,
    };
    Ok(ModelConfig {
        model_type: keys.model_type.clone(),
        vocab_size: keys.required("vocab_size")?,
        hidden_size,
        intermediate_size: keys.required("intermediate_size")?,
        num_hidden_layers,
        num_attention_heads,
        num_key_value_heads: keys
            .nullable(
                "num_key_value_heads",
                defaults.num_key_value_heads.unwrap_or(num_attention_heads),
            )?
            .unwrap_or(num_attention_heads),
        head_dim,
        max_position_embeddings,
        rms_norm_eps: keys.or("rms_norm_eps", defaults.rms_norm_eps)?,
        tie_word_embeddings: keys.or("tie_word_embeddings", defaults.tie_word_embeddings)?,
        bos_token_id: keys.optional("bos_token_id")?,
        eos_token_id: keys.tokens("eos_token_id")?,
        architecture: Architecture {
            names: NAMES,
            norms: PRE_NORMS,
            norm_offset: 0.0,
            qk_norm: None,
            biases: Biases::default(),
            output_gate: false,
            fused_projections: false,
            activation: activation(keys, "hidden_act", Activation::Silu)?,
            embedding_scale: 1.0,
            attention_scale: 1.0 / (head_dim as f64).sqrt(),
            layers: vec![layer; num_hidden_layers],
            ropes: vec![rope],
        },
    })
}

/// The width of a head if the heads share `hidden_size`.
fn shared_head_dim(hidden_size: usize, heads: usize) -> Result<usize, ConfigError> {
    if hidden_size.is_multiple_of(heads) {
        return Ok(hidden_size / heads);
    }
    let expected =
        format!("without head_dim it must be a multiple of num_attention_heads ({heads})");
    refuse("hidden_size", hidden_size, expected)
}

pub(super) fn activation(
    keys: &mut ConfigKeys,
    key: &'static str,
    default: Activation,
) -> Result<Activation, ConfigError> {
    match keys.optional::<String>(key)?.as_deref() {
        None => Ok(default),
        Some("silu" | "swish") => Ok(Activation::Silu),
        Some("gelu_pytorch_tanh") => Ok(Activation::GeluTanh),
        Some(other) => refuse(key, other, "supported are silu and gelu_pytorch_tanh"),
    }
}

/// One entry of `layer_types`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum LayerType {
    FullAttention,
    SlidingAttention,
}

/// The kinds of the layers, from `layer_types` or else by `default`.
pub(super) fn layer_types(
    keys: &mut ConfigKeys,
    num_hidden_layers: usize,
    default: impl Fn(usize) -> LayerType,
) -> Result<Vec<LayerType>, ConfigError> {
    match keys.optional::<Vec<LayerType>>("layer_types")? {
        Some(types) if types.len() != num_hidden_layers => refuse(
            "layer_types",
            format!("a list of {}", types.len()),
            format!("there are {num_hidden_layers} layers"),
        ),
        Some(types) => Ok(types),
        None => Ok((0..num_hidden_layers).map(default).collect()),
    }
}
