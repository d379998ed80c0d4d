//! How tensors of a GGUF file correspond to those of a checkpoint folder.

use std::ops::Range;

use super::GgufFile;
use super::architecture::Architecture;
use super::error::GgufError;
use crate::config::{ModelConfig, NormNames};

/// What a tensor of a folder is in a file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Layout {
    /// The tensor of the file.
    pub(crate) name: String,
    /// Its rows, if they are not all; for a vector, its numbers.
    pub(crate) rows: Option<Range<usize>>,
    /// The count of heads whose numbers are in the order of interleaved rotary pairs.
    pub(crate) interleaved: Option<usize>,
    /// Added to every number of the file.
    pub(crate) shift: f32,
}

/// The tensor of `file` that holds the tensor `name` of a folder. `None` for a bias that the file
/// does not have: it is zero, as in llama.cpp.
pub(crate) fn layout(
    file: &GgufFile,
    config: &ModelConfig,
    name: &str,
) -> Result<Option<Layout>, GgufError> {
    let architecture = Architecture::of(file)?;
    let Some(found) = gguf_name(config, name) else {
        return Err(file.malformed(format!("nothing in it corresponds to `{name}`")));
    };
    let (block, part) = found.split_once(".attn_").unwrap_or_default();
    let (part, kind) = part.split_once('.').unwrap_or_default();
    let (queries, keys) = (config.num_attention_heads, config.num_key_value_heads);
    let (heads, start, count) = match part {
        "q" => (Some(queries), 0, queries),
        "k" => (Some(keys), queries, keys),
        "v" => (None, queries + keys, keys),
        _ => (None, 0, 0),
    };
    let mut layout = Layout {
        name: found.clone(),
        rows: None,
        interleaved: heads.filter(|_| architecture.interleaved),
        shift: if name.ends_with("norm.weight") {
            -config.architecture.norm_offset as f32
        } else {
            0.0
        },
    };
    if file.tensor(&found).is_some() {
        return Ok(Some(layout));
    }
    // llama.cpp also reads queries, keys and values in one tensor.
    let fused = format!("{block}.attn_qkv.{kind}");
    if count > 0 && file.tensor(&fused).is_some() {
        layout.name = fused;
        layout.rows = Some(start * config.head_dim..(start + count) * config.head_dim);
        return Ok(Some(layout));
    }
    let is_bias = found.rsplit('.').next() == Some("bias");
    Ok((!is_bias).then_some(layout))
}

/// The name that llama.cpp gives to a tensor of a folder.
pub(crate) fn gguf_name(config: &ModelConfig, name: &str) -> Option<String> {
    let names = config.architecture.names;
    let (module, kind) = name.rsplit_once('.')?;
    if module == names.lm_head {
        return Some(format!("output.{kind}"));
    }
    let inside = module.strip_prefix(names.decoder)?.strip_prefix('.')?;
    match inside {
        "embed_tokens" => return Some(format!("token_embd.{kind}")),
        "norm" => return Some(format!("output_norm.{kind}")),
        _ => {}
    }
    let (layer, module) = inside.strip_prefix("layers.")?.split_once('.')?;
    let module = in_layer(&config.architecture.norms, module)?;
    Some(format!("blk.{layer}.{module}.{kind}"))
}

fn in_layer(norms: &NormNames, module: &str) -> Option<&'static str> {
    for (norm, name) in [
        (norms.pre_attention, "attn_norm"),
        (norms.post_attention, "post_attention_norm"),
        (norms.pre_mlp, "ffn_norm"),
        (norms.post_mlp, "post_ffw_norm"),
    ] {
        if norm == Some(module) {
            return Some(name);
        }
    }
    Some(match module {
        "self_attn.q_proj" => "attn_q",
        "self_attn.k_proj" => "attn_k",
        "self_attn.v_proj" => "attn_v",
        "self_attn.qkv_proj" => "attn_qkv",
        "self_attn.o_proj" => "attn_output",
        "self_attn.q_norm" => "attn_q_norm",
        "self_attn.k_norm" => "attn_k_norm",
        "mlp.gate_proj" => "ffn_gate",
        "mlp.up_proj" | "mlp.gate_up_proj" => "ffn_up",
        "mlp.down_proj" => "ffn_down",
        _ => return None,
    })
}
