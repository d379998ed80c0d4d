//! The architectures of llama.cpp that are read.
//!
//! Another one is a line in [`ARCHITECTURES`] and a function that sets what its family's
//! `config.json` has beyond sizes, rotary embedding and tokens.

use serde_json::{Value as Json, json};

use super::GgufFile;
use super::config::Metadata;
use super::error::GgufError;

/// An architecture of llama.cpp.
pub(super) struct Architecture {
    /// `general.architecture`.
    pub(super) name: &'static str,
    /// Whether RoPE rotates numbers `2i` and `2i + 1` of a head together, instead of `i` and
    /// `i + head_dim / 2` as in a folder (`llama_model_rope_type`: `NORM` instead of `NEOX`).
    pub(super) interleaved: bool,
    /// Sets what is left of the `config.json` and returns its `model_type`.
    pub(super) read: fn(&mut Metadata<'_>) -> Result<&'static str, GgufError>,
}

const ARCHITECTURES: [Architecture; 11] = [
    Architecture {
        name: "gemma2",
        interleaved: false,
        read: gemma2,
    },
    Architecture {
        name: "gemma3",
        interleaved: false,
        read: gemma3,
    },
    Architecture {
        name: "granite",
        interleaved: true,
        read: granite,
    },
    Architecture {
        name: "llama",
        interleaved: true,
        // Also Mistral without its window, which such files do not have.
        read: |metadata| {
            biases(metadata);
            Ok("llama")
        },
    },
    Architecture {
        name: "mistral3",
        interleaved: true,
        read: mistral3,
    },
    Architecture {
        name: "olmo2",
        interleaved: false,
        read: olmo2,
    },
    Architecture {
        name: "phi3",
        interleaved: false,
        read: phi3,
    },
    Architecture {
        name: "qwen2",
        interleaved: false,
        read: |_| Ok("qwen2"),
    },
    Architecture {
        name: "qwen3",
        interleaved: false,
        read: |metadata| {
            attention_bias(metadata);
            Ok("qwen3")
        },
    },
    Architecture {
        name: "qwen3vl",
        interleaved: false,
        // The text part is a Qwen3.
        read: |metadata| {
            metadata.ignore("rope.dimension_sections");
            metadata.ignore("n_deepstack_layers");
            attention_bias(metadata);
            Ok("qwen3")
        },
    },
    Architecture {
        name: "smollm3",
        interleaved: true,
        read: |metadata| {
            biases(metadata);
            Ok("smollm3")
        },
    },
];

impl Architecture {
    /// The architecture of a file.
    pub(super) fn of(file: &GgufFile) -> Result<&'static Self, GgufError> {
        let key = "general.architecture";
        let name = file.string(key)?.ok_or_else(|| GgufError::Missing {
            path: file.path().into(),
            key: key.to_owned(),
        })?;
        let found = ARCHITECTURES.iter().find(|known| known.name == name);
        found.ok_or_else(|| {
            let known: Vec<&str> = ARCHITECTURES.iter().map(|known| known.name).collect();
            GgufError::Architecture {
                path: file.path().into(),
                architecture: name.to_owned(),
                known: known.join(", "),
            }
        })
    }
}

fn granite(metadata: &mut Metadata<'_>) -> Result<&'static str, GgufError> {
    biases(metadata);
    // Such files say with this key whether queries and keys are rotated.
    let finetuned = "rope.scaling.finetuned";
    if metadata.flag(finetuned)? == Some(false) {
        return Err(metadata.refuse(finetuned, "true: layers without rope are not read"));
    }
    let scaling = metadata.number("logit_scale")?;
    let scaling = scaling.ok_or_else(|| metadata.required("logit_scale"))?;
    metadata.set("logits_scaling", scaling);
    for (key, name) in [
        ("embedding_scale", "embedding_multiplier"),
        ("residual_scale", "residual_multiplier"),
        ("attention.scale", "attention_multiplier"),
    ] {
        if let Some(factor) = metadata.number(key)?.filter(|&factor| factor != 0.0) {
            metadata.set(name, factor);
        } else if name == "attention_multiplier" {
            let head_dim = metadata.size("head_dim") as f64;
            metadata.set(name, 1.0 / head_dim.sqrt());
        }
    }
    Ok("granite")
}

/// Ministral 3. The weight of `ln(factor)` in the denominator of `YaRN` has a key of its own.
fn mistral3(metadata: &mut Metadata<'_>) -> Result<&'static str, GgufError> {
    let mscale_all_dim = metadata.number("rope.scaling.yarn_log_multiplier")?;
    let beta = metadata.number("attention.temperature_scale")?;
    let Some(Json::Object(rope)) = metadata.json.get_mut("rope_scaling") else {
        return Err(metadata.refuse("rope.scaling.type", "yarn, with a factor"));
    };
    rope.insert("mscale".to_owned(), 1.0.into());
    rope.insert("mscale_all_dim".to_owned(), mscale_all_dim.into());
    rope.insert(
        "llama_4_scaling_beta".to_owned(),
        beta.unwrap_or(0.0).into(),
    );
    Ok("ministral3")
}

/// OLMo-2, or OLMo-3 if there is a window.
fn olmo2(metadata: &mut Metadata<'_>) -> Result<&'static str, GgufError> {
    attention_bias(metadata);
    match metadata.count("attention.sliding_window")?.unwrap_or(0) {
        0 => Ok("olmo2"),
        window => {
            metadata.set("sliding_window", window);
            metadata.layer_types(4)?;
            // All layers have the base, only those without a window the scaling.
            let theta = metadata.json["rope_theta"].clone();
            let local = json!({ "sliding_attention": { "rope_theta": theta } });
            metadata.set("rope_parameters", local);
            Ok("olmo3")
        }
    }
}

fn phi3(metadata: &mut Metadata<'_>) -> Result<&'static str, GgufError> {
    let window = metadata.count("attention.sliding_window")?;
    metadata.set("sliding_window", window.filter(|&window| window > 0));
    Ok("phi3")
}

fn gemma2(metadata: &mut Metadata<'_>) -> Result<&'static str, GgufError> {
    attention_bias(metadata);
    let window = metadata.count("attention.sliding_window")?;
    metadata.set("sliding_window", window.unwrap_or(4096));
    metadata.layer_types(2)?;
    for (key, default) in [
        ("attn_logit_softcapping", 50.0),
        ("final_logit_softcapping", 30.0),
    ] {
        let cap = metadata.number(key)?.unwrap_or(default);
        metadata.set(key, Some(cap).filter(|&cap| cap != 0.0));
    }
    query_pre_attn_scalar(metadata, 46);
    Ok("gemma2")
}

fn gemma3(metadata: &mut Metadata<'_>) -> Result<&'static str, GgufError> {
    attention_bias(metadata);
    match metadata.count("attention.sliding_window")?.unwrap_or(0) {
        0 => metadata.set("layer_types", vec!["full_attention"; metadata.layers()]),
        window => {
            metadata.set("sliding_window", window);
            metadata.layer_types(6)?;
        }
    }
    let local = metadata.number("rope.freq_base_swa")?;
    let local = local.or(metadata.number("rope.local.freq_base")?); // as Ollama calls it
    metadata.set("rope_local_base_freq", local.unwrap_or(10_000.0));
    let cap = metadata.number("final_logit_softcapping")?;
    metadata.set("final_logit_softcapping", cap.filter(|&cap| cap != 0.0));
    query_pre_attn_scalar(metadata, 62);
    Ok("gemma3_text")
}

/// Sets `attention_bias` if there is any bias of attention.
fn attention_bias(metadata: &mut Metadata<'_>) {
    let names = ["q", "k", "v", "qkv", "output"].map(|part| format!("attn_{part}.bias"));
    let attention_bias = metadata.has_tensor(&names);
    metadata.set("attention_bias", attention_bias);
}

/// Sets `attention_bias` and `mlp_bias` if there is any such bias.
fn biases(metadata: &mut Metadata<'_>) {
    attention_bias(metadata);
    let names = ["gate", "up", "down"].map(|part| format!("ffn_{part}.bias"));
    let mlp_bias = metadata.has_tensor(&names);
    metadata.set("mlp_bias", mlp_bias);
}

/// Sets `query_pre_attn_scalar` of a Gemma. The file does not say it: in the largest model, which
/// has `layers` layers, it is not the width of a head.
fn query_pre_attn_scalar(metadata: &mut Metadata<'_>, layers: usize) {
    let scalar = if metadata.layers() == layers {
        metadata.size("hidden_size") / metadata.size("num_attention_heads").max(1)
    } else {
        metadata.size("head_dim")
    };
    metadata.set("query_pre_attn_scalar", scalar);
}
