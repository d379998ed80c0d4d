//! What the families share.

use serde::Deserialize;

use crate::config::architecture::{
    Architecture, Biases, LayerConfig, ModelConfig, NormNames, TensorNames,
};
use crate::config::error::{ConfigError, refuse};
use crate::config::keys::ConfigKeys;
use crate::config::rope::{PartialRotary, RopeConfig, RopeDefaults};
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

/// Norms on the inputs and on the outputs.
pub(super) const FOUR_NORMS: NormNames = NormNames {
    pre_attention: Some("input_layernorm"),
    post_attention: Some("post_attention_layernorm"),
    pre_mlp: Some("pre_feedforward_layernorm"),
    post_mlp: Some("post_feedforward_layernorm"),
};

/// What a class of transformers takes for keys that `config.json` leaves out.
#[derive(Clone, Copy)]
pub(super) struct Defaults {
    pub(super) vocab_size: usize,
    pub(super) hidden_size: usize,
    pub(super) intermediate_size: usize,
    pub(super) num_hidden_layers: usize,
    pub(super) num_attention_heads: usize,
    /// `None`: as many as query heads. `null` in the file means the same for every family.
    pub(super) num_key_value_heads: Option<usize>,
    /// `None`: the heads share `hidden_size`. `null` in the file means the same.
    pub(super) head_dim: Option<usize>,
    pub(super) max_position_embeddings: usize,
    pub(super) rms_norm_eps: f64,
    pub(super) rope_theta: f64,
    pub(super) partial_rotary: PartialRotary,
    /// Whether queries are scaled by their position.
    pub(super) query_scaling: bool,
    pub(super) tie_word_embeddings: bool,
    pub(super) bos_token_id: Option<u32>,
    pub(super) eos_token_id: Option<u32>,
    /// The key of the function on the gate of the MLP, and its default.
    pub(super) activation: (&'static str, Activation),
}

/// What the class of Llama takes, from which the others differ in some.
pub(super) const LLAMA: Defaults = Defaults {
    vocab_size: 32_000,
    hidden_size: 4096,
    intermediate_size: 11_008,
    num_hidden_layers: 32,
    num_attention_heads: 32,
    num_key_value_heads: None,
    head_dim: None,
    max_position_embeddings: 2048,
    rms_norm_eps: 1e-6,
    rope_theta: 10_000.0,
    partial_rotary: PartialRotary::Ignored,
    query_scaling: false,
    tie_word_embeddings: false,
    bos_token_id: Some(1),
    eos_token_id: Some(2),
    activation: ("hidden_act", Activation::Silu),
};

/// Reads the keys that all families have into a plain pre-norm decoder: no biases, `SwiGLU`, one
/// rotary embedding, no sliding window.
pub(super) fn plain(
    keys: &mut ConfigKeys,
    defaults: &Defaults,
) -> Result<ModelConfig, ConfigError> {
    let hidden_size: usize = keys.or("hidden_size", defaults.hidden_size)?;
    let num_attention_heads: usize =
        keys.or("num_attention_heads", defaults.num_attention_heads)?;
    let num_hidden_layers: usize = keys.or("num_hidden_layers", defaults.num_hidden_layers)?;
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
    let head_dim = match keys.nullable("head_dim", defaults.head_dim)? {
        Some(head_dim) => head_dim,
        None => shared_head_dim(hidden_size, num_attention_heads)?,
    };
    let rope = RopeDefaults {
        rope_theta: defaults.rope_theta,
        partial: defaults.partial_rotary,
        query_scaling: defaults.query_scaling,
        head_dim,
        max_position_embeddings,
    };
    let rope = RopeConfig::read(keys, &rope)?;
    let layer = LayerConfig {
        sliding_window: None,
        rope: Some(0),
        linear_attention: None,
        experts: None,
    };
    let vocab_size = keys.or("vocab_size", defaults.vocab_size)?;
    // A default that the vocabulary does not have stands for no token.
    let token = |token: Option<u32>| token.filter(|&token| (token as usize) < vocab_size);
    let bos_token_id = keys.nullable("bos_token_id", token(defaults.bos_token_id))?;
    let eos_token_id = if keys.contains("eos_token_id") {
        keys.tokens("eos_token_id")?
    } else {
        token(defaults.eos_token_id).into_iter().collect()
    };
    let (activation_key, default_activation) = defaults.activation;
    Ok(ModelConfig {
        model_type: keys.model_type.clone(),
        vocab_size,
        hidden_size,
        intermediate_size: keys.or("intermediate_size", defaults.intermediate_size)?,
        num_hidden_layers,
        num_attention_heads,
        num_key_value_heads: keys
            .nullable("num_key_value_heads", defaults.num_key_value_heads)?
            .unwrap_or(num_attention_heads),
        head_dim,
        max_position_embeddings,
        rms_norm_eps: keys.or("rms_norm_eps", defaults.rms_norm_eps)?,
        tie_word_embeddings: keys.or("tie_word_embeddings", defaults.tie_word_embeddings)?,
        bos_token_id,
        eos_token_id,
        architecture: Architecture {
            names: NAMES,
            norms: PRE_NORMS,
            norm_offset: 0.0,
            qk_norm: None,
            biases: Biases::default(),
            output_gate: false,
            fused_projections: false,
            activation: activation(keys, activation_key, default_activation)?,
            embedding_scale: 1.0,
            attention_scale: 1.0 / (head_dim as f64).sqrt(),
            attn_logit_softcapping: None,
            residual_scale: 1.0,
            logits_scale: 1.0,
            final_logit_softcapping: None,
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

fn activation(
    keys: &mut ConfigKeys,
    key: &'static str,
    default: Activation,
) -> Result<Activation, ConfigError> {
    match keys.optional::<String>(key)?.as_deref() {
        None => Ok(default),
        Some("silu" | "swish") => Ok(Activation::Silu),
        Some("gelu_pytorch_tanh" | "gelu_new") => Ok(Activation::GeluTanh),
        Some(other) => refuse(key, other, "supported are silu and gelu_pytorch_tanh"),
    }
}

/// One entry of `layer_types`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum LayerType {
    #[serde(alias = "attention")]
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

/// Gives the layers with sliding attention the window `sliding_window`.
pub(super) fn set_windows(
    config: &mut ModelConfig,
    types: &[LayerType],
    sliding_window: Option<usize>,
) -> Result<(), ConfigError> {
    for (layer, &kind) in config.architecture.layers.iter_mut().zip(types) {
        if kind == LayerType::SlidingAttention {
            if sliding_window.is_none() {
                let expected = "layers with sliding attention need it";
                return refuse("sliding_window", "null", expected);
            }
            layer.sliding_window = sliding_window;
        }
    }
    Ok(())
}

/// The factor at `key`, or 1.
pub(super) fn factor(keys: &mut ConfigKeys, key: &str) -> Result<f64, ConfigError> {
    positive(key, keys.or(key, 1.0)?)
}

/// The cap at `key`, or `default`; `null` means that nothing is capped.
pub(super) fn cap(
    keys: &mut ConfigKeys,
    key: &str,
    default: Option<f64>,
) -> Result<Option<f64>, ConfigError> {
    let cap = keys.nullable(key, default)?;
    cap.map(|cap| positive(key, cap)).transpose()
}

fn positive(key: &str, value: f64) -> Result<f64, ConfigError> {
    if value.is_normal() && value > 0.0 {
        Ok(value)
    } else {
        refuse(key, value, "it must be finite and above 0")
    }
}

/// Reads `text_config` of a checkpoint that also reads images, with `read`. What is given for the
/// whole counts more than what `text_config` says.
pub(super) fn read_multimodal(
    keys: &mut ConfigKeys,
    default_type: &str,
    read: impl FnOnce(&mut ConfigKeys) -> Result<ModelConfig, ConfigError>,
) -> Result<ModelConfig, ConfigError> {
    let mut config = keys.inside("text_config", |keys| {
        keys.model_type = keys.or("model_type", default_type.to_owned())?;
        keys.ignore("tie_word_embeddings");
        read(keys)
    })?;
    keys.ignore("vision_config");
    if let Some(bos_token_id) = keys.optional("bos_token_id")? {
        config.bos_token_id = Some(bos_token_id);
    }
    let eos_token_id = keys.tokens("eos_token_id")?;
    if !eos_token_id.is_empty() {
        config.eos_token_id = eos_token_id;
    }
    Ok(config)
}
