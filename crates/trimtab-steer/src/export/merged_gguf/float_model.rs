//! Running a GGUF file that is not quantised.

use burn::tensor::{Device, Tensor, TensorData};
use trimtab_model::gguf::GgufFile;
use trimtab_model::{Model, ModelConfig};

use super::rope_layout::{HeadCounts, RopeLayout, permuted};
use crate::export::error::ExportError;

/// The model of a file that is not quantised, in f32. `layout` is that of its queries and keys.
pub(super) fn float_model(
    file: &GgufFile,
    config: &ModelConfig,
    layout: RopeLayout,
) -> Result<Model, ExportError> {
    let mut config = config.clone();
    config.architecture.biases.mlp = true; // zeros where the file has none
    let heads = HeadCounts {
        queries: config.num_attention_heads as u64,
        keys: config.num_key_value_heads as u64,
    };
    Model::from_tensors(config, &mut |name, shape| {
        let name = gguf_name(name)
            .ok_or_else(|| file.malformed(format!("nothing in it corresponds to `{name}`")))?;
        let count = shape.iter().product();
        let tensor = match file.tensor(&name) {
            None if name == "output.weight" => file.tensor("token_embd.weight"),
            found => found,
        };
        let mut values = match tensor {
            None if shape.len() == 1 && !name.contains("norm") => vec![0.0; count], // a bias
            None => return Err(file.malformed(format!("`{name}` is missing")).into()),
            Some(tensor) => file.floats(&tensor.name)?,
        };
        if values.len() != count {
            return Err(file.malformed(format!("`{name}` has another shape")).into());
        }
        if let (RopeLayout::Interleaved, Some(heads)) = (layout, heads.of(&name)) {
            let bytes: Vec<u8> = values
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect();
            let bytes = permuted(&bytes, shape[0], heads as usize, RopeLayout::Halves)
                .ok_or_else(|| file.malformed(format!("`{name}` has no whole heads")))?;
            let (words, _) = bytes.as_chunks::<4>();
            values = words.iter().map(|&word| f32::from_le_bytes(word)).collect();
        }
        let shape = [count / shape[shape.len() - 1], shape[shape.len() - 1]];
        Ok(Tensor::from_data(
            TensorData::new(values, shape),
            &Device::flex(),
        ))
    })
}

/// The name that llama.cpp gives to a tensor of a checkpoint.
fn gguf_name(name: &str) -> Option<String> {
    let outer = match name {
        "model.embed_tokens.weight" => Some("token_embd.weight"),
        "model.norm.weight" => Some("output_norm.weight"),
        "lm_head.weight" => Some("output.weight"),
        _ => None,
    };
    if let Some(outer) = outer {
        return Some(outer.to_owned());
    }
    let (layer, rest) = name.strip_prefix("model.layers.")?.split_once('.')?;
    let (module, kind) = rest.rsplit_once('.')?;
    let module = match module {
        "input_layernorm" => "attn_norm",
        "post_attention_layernorm" => "ffn_norm",
        "self_attn.q_proj" => "attn_q",
        "self_attn.k_proj" => "attn_k",
        "self_attn.v_proj" => "attn_v",
        "self_attn.o_proj" => "attn_output",
        "mlp.gate_proj" => "ffn_gate",
        "mlp.up_proj" => "ffn_up",
        "mlp.down_proj" => "ffn_down",
        _ => return None,
    };
    Some(format!("blk.{layer}.{module}.{kind}"))
}
