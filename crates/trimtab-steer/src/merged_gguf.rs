//! A GGUF model with the vectors inside, for llama.cpp without a control vector.
//!
//! Of the architectures of llama.cpp that are pre-norm decoders, `llama` reads an optional `blk.l.ffn_down.bias`
//! (`src/models/llama.cpp`), and `qwen2` does not, but `llama` also reads the biases of Qwen2. The two differ in the order
//! of a head's numbers: `llama` rotates neighbours, `qwen2` halves, so rows of queries and keys change places.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};
use half::{bf16, f16};
use trimtab_model::file::sync_folder;
use trimtab_model::tensor_file::HostTensor;
use trimtab_model::{Model, ModelConfig};

use crate::export::{self, ExportError, compare_probes, probe};
use crate::file::SteeringFile;
use crate::gguf::{BF16, F16, F32, Gguf, GgufError, TensorInfo, Value, header, padding};

/// How far an export was checked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Checked {
    /// Both models ran, and this is the largest difference of a logit.
    Logits(f32),
    /// The model is quantised and was not run: every tensor is the source's, and the biases are the vectors.
    Tensors,
}

/// Writes the GGUF model `source` (`llama` or `qwen2`, quantised or not) with the vectors of `steering` as
/// `blk.l.ffn_down.bias` to `out`, reloads it and compares; `config` is that of the base model.
///
/// # Errors
///
/// Another architecture, another shape, a file in parts, vectors that act elsewhere than at `resid_post` or at some
/// tokens only, a file that cannot be read or written, or an export that computes something else.
pub fn merge_gguf(
    source: &Path,
    config: &ModelConfig,
    steering: &SteeringFile,
    out: &Path,
) -> Result<Checked, ExportError> {
    let vectors = steering.everywhere()?;
    let input = Gguf::open(source)?;
    let heads = Heads::of_qwen2(&input, vectors)?;
    let plan = plan(&input, vectors, heads.as_ref())?;
    let unwritten = |source| GgufError::Write {
        path: out.into(),
        source,
    };
    if out.exists() {
        return Err(ExportError::Exists { path: out.into() });
    }
    let folder = out
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let temporary = export::temporary(0o644)
        .tempfile_in(folder)
        .map_err(unwritten)?;
    write(&input, &plan, temporary.as_file())?;
    temporary.as_file().sync_all().map_err(unwritten)?;
    let checked = check(&input, temporary.path(), config, vectors, heads.as_ref())?;
    temporary
        .persist(out)
        .map_err(|error| unwritten(error.error))?;
    sync_folder(folder).map_err(unwritten)?;
    Ok(checked)
}

/// The file to be written.
struct Plan {
    metadata: Vec<(String, Value)>,
    tensors: Vec<TensorInfo>,
    sources: Vec<Source>,
}

/// Where a tensor's bytes come from.
enum Source {
    /// The tensor of that index of the source.
    Copied(usize),
    /// The same with its rows in the order that `llama` wants.
    Permuted(usize, u64),
    Made(Vec<u8>),
}

/// Numbers of heads of a Qwen2 model, whose queries and keys change places.
struct Heads {
    queries: u64,
    keys: u64,
}

impl Heads {
    /// `None` for a Llama, whose rows stay; refuses everything that cannot be merged.
    fn of_qwen2(input: &Gguf, vectors: &HostTensor) -> Result<Option<Self>, ExportError> {
        let text = |key| input.value(key).and_then(Value::as_str);
        let architecture = text("general.architecture").unwrap_or("unknown");
        let refuse = |reason: &str| ExportError::Inexpressible {
            model_type: architecture.to_owned(),
            target: "merged GGUF",
            reason: reason.to_owned(),
        };
        if !["llama", "qwen2"].contains(&architecture) {
            return Err(refuse(
                "llama.cpp reads a bias on ffn_down for `llama`, which can also stand for `qwen2`; a control vector works for every family",
            ));
        }
        let number = |key: &str| {
            let value = input.value(&format!("{architecture}.{key}"));
            value.and_then(Value::as_u64)
        };
        if input
            .value("split.count")
            .and_then(Value::as_u64)
            .unwrap_or(1)
            > 1
            || number("expert_count").unwrap_or(0) > 0
        {
            return Err(refuse(
                "it is one of several parts, or a mixture of experts",
            ));
        }
        let shape = [number("block_count"), number("embedding_length")];
        let expected = [vectors.shape[0] as u64, vectors.shape[1] as u64];
        if shape != expected.map(Some) {
            return Err(refuse(&format!(
                "it has {shape:?} layers and width, the vectors {expected:?}"
            )));
        }
        if architecture == "llama" {
            return Ok(None);
        }
        let queries = number("attention.head_count");
        let keys = number("attention.head_count_kv").or(queries);
        match (queries, keys) {
            (Some(queries), Some(keys)) if queries > 0 && keys > 0 => {
                Ok(Some(Self { queries, keys }))
            }
            _ => Err(refuse("it does not say how many heads it has")),
        }
    }

    /// How many heads the rows of the tensor `name` make, if it is one whose rows change places.
    fn of(&self, name: &str) -> Option<u64> {
        let (_, part) = name.strip_prefix("blk.")?.split_once('.')?;
        match part {
            "attn_q.weight" | "attn_q.bias" => Some(self.queries),
            "attn_k.weight" | "attn_k.bias" => Some(self.keys),
            _ => None,
        }
    }
}

fn plan(input: &Gguf, vectors: &HostTensor, heads: Option<&Heads>) -> Result<Plan, ExportError> {
    let metadata = input.metadata.iter().map(|(key, value)| {
        if key == "general.architecture" {
            (key.clone(), Value::string("llama"))
        } else if let Some(rest) = key.strip_prefix("qwen2.") {
            (format!("llama.{rest}"), value.clone())
        } else {
            (key.clone(), value.clone())
        }
    });
    let (mut tensors, mut sources) = (vec![], vec![]);
    for (index, tensor) in input.tensors.iter().enumerate() {
        if tensor.name.ends_with(".ffn_down.bias") {
            continue; // added to below
        }
        tensors.push(TensorInfo::new(
            tensor.name.clone(),
            tensor.dims.clone(),
            tensor.kind,
        ));
        sources.push(match heads.and_then(|heads| heads.of(&tensor.name)) {
            Some(heads) => Source::Permuted(index, heads),
            None => Source::Copied(index),
        });
    }
    let width = vectors.shape[1];
    for (layer, row) in vectors.data.chunks_exact(width).enumerate() {
        let name = down_bias(layer);
        let mut bias = row.to_vec();
        if let Some(there) = input.tensor(&name) {
            let there = numbers(input, there)?;
            if there.len() != width {
                return Err(input
                    .malformed(format!("`{name}` has another width"))
                    .into());
            }
            bias.iter_mut()
                .zip(there)
                .for_each(|(bias, there)| *bias += there);
        }
        tensors.push(TensorInfo::new(name, vec![width as u64], F32));
        let bytes = bias.iter().flat_map(|value| value.to_le_bytes());
        sources.push(Source::Made(bytes.collect()));
    }
    Ok(Plan {
        metadata: metadata.collect(),
        tensors,
        sources,
    })
}

fn down_bias(layer: usize) -> String {
    format!("blk.{layer}.ffn_down.bias")
}

/// Writes the planned file, one tensor at a time.
fn write(input: &Gguf, plan: &Plan, file: &File) -> Result<(), ExportError> {
    let unwritten = |source: io::Error| GgufError::Write {
        path: input.path.clone(),
        source,
    };
    let mut file = BufWriter::new(file);
    file.write_all(&header(&plan.metadata, &plan.tensors))
        .map_err(unwritten)?;
    for source in &plan.sources {
        let bytes = match source {
            Source::Made(bytes) => bytes.clone(),
            Source::Copied(index) => input.bytes(&input.tensors[*index])?,
            Source::Permuted(index, heads) => {
                let tensor = &input.tensors[*index];
                let bytes = input.bytes(tensor)?;
                permuted(&bytes, rows(tensor), *heads as usize, Order::Neighbours).ok_or_else(
                    || input.malformed(format!("`{}` has no whole heads", tensor.name)),
                )?
            }
        };
        let zeros = vec![0; padding(&plan.metadata, bytes.len())];
        file.write_all(&bytes)
            .and_then(|()| file.write_all(&zeros))
            .map_err(unwritten)?;
    }
    Ok(file.flush().map_err(unwritten)?)
}

/// Rows of a matrix, or numbers of a vector.
fn rows(tensor: &TensorInfo) -> usize {
    *tensor.dims.last().expect("a tensor has axes") as usize
}

/// Which of a head's numbers turn together.
#[derive(Clone, Copy)]
enum Order {
    /// Number `2i` and number `2i + 1`.
    Neighbours,
    /// Number `i` and number `i + head_dim / 2`.
    Halves,
}

/// Rows in the order `to`, coming from the other one; rows are bytes of one length, so that quantised ones move whole.
/// `None` if there are no whole heads.
fn permuted(bytes: &[u8], rows: usize, heads: usize, to: Order) -> Option<Vec<u8>> {
    if heads == 0 || !rows.is_multiple_of(2 * heads) || !bytes.len().is_multiple_of(rows) {
        return None;
    }
    let (head_dim, len) = (rows / heads, bytes.len() / rows);
    let mut out = Vec::with_capacity(bytes.len());
    for row in 0..rows {
        let (head, token_filter) = (row / head_dim, row % head_dim);
        let from = match to {
            Order::Neighbours => token_filter / 2 + (token_filter % 2) * (head_dim / 2),
            Order::Halves => 2 * (token_filter % (head_dim / 2)) + token_filter / (head_dim / 2),
        };
        out.extend_from_slice(&bytes[(head * head_dim + from) * len..][..len]);
    }
    Some(out)
}

/// Reloads what was written and compares it with the source, by running both where that is possible.
fn check(
    input: &Gguf,
    written: &Path,
    config: &ModelConfig,
    vectors: &HostTensor,
    heads: Option<&Heads>,
) -> Result<Checked, ExportError> {
    let output = Gguf::open(written)?;
    let is_float = |tensor: &TensorInfo| [F32, F16, BF16].contains(&tensor.kind);
    if input.tensors.iter().all(is_float) {
        let expected = {
            let model = run(input, config, heads.is_none())?;
            let steering = crate::SteeringVectors::from_host(vectors, &Device::flex());
            probe(&model, Some(&steering.hook()), config.max_len())
        };
        let found = probe(&run(&output, config, true)?, None, config.max_len());
        return Ok(Checked::Logits(compare_probes(&expected, &found)?));
    }
    let plan = plan(input, vectors, heads)?;
    for (tensor, source) in plan.tensors.iter().zip(&plan.sources) {
        let found = output
            .tensor(&tensor.name)
            .ok_or_else(|| output.malformed(format!("`{}` is missing", tensor.name)))?;
        let found = output.bytes(found)?;
        let is_equal = match source {
            Source::Made(bytes) => found == *bytes,
            Source::Copied(index) => found == input.bytes(&input.tensors[*index])?,
            Source::Permuted(index, heads) => {
                let back = permuted(&found, rows(tensor), *heads as usize, Order::Halves);
                back == Some(input.bytes(&input.tensors[*index])?)
            }
        };
        if !is_equal {
            return Err(output
                .malformed(format!("`{}` is not what was written", tensor.name))
                .into());
        }
    }
    Ok(Checked::Tensors)
}

/// The model of a file whose numbers are not quantised, in f32; `is_llama`: heads are in the order of `llama`.
fn run(file: &Gguf, config: &ModelConfig, is_llama: bool) -> Result<Model, ExportError> {
    let mut config = config.clone();
    config.architecture.biases.mlp = true; // zeros where the file has none
    let (queries, keys) = (config.num_attention_heads, config.num_key_value_heads);
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
            Some(tensor) => numbers(file, tensor)?,
        };
        if values.len() != count {
            return Err(file.malformed(format!("`{name}` has another shape")).into());
        }
        let heads = Heads {
            queries: queries as u64,
            keys: keys as u64,
        };
        if let Some(heads) = heads.of(&name).filter(|_| is_llama) {
            let bytes: Vec<u8> = values
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect();
            let bytes = permuted(&bytes, shape[0], heads as usize, Order::Halves)
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

/// The numbers of a tensor that is not quantised.
fn numbers(file: &Gguf, tensor: &TensorInfo) -> Result<Vec<f32>, GgufError> {
    let bytes = file.bytes(tensor)?;
    let (halves, _) = bytes.as_chunks::<2>();
    let (words, _) = bytes.as_chunks::<4>();
    match tensor.kind {
        F32 => Ok(words.iter().map(|&word| f32::from_le_bytes(word)).collect()),
        F16 => Ok(halves
            .iter()
            .map(|&word| f16::from_le_bytes(word).to_f32())
            .collect()),
        BF16 => Ok(halves
            .iter()
            .map(|&word| bf16::from_le_bytes(word).to_f32())
            .collect()),
        _ => Err(file.malformed(format!("`{}` is quantised", tensor.name))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two heads of six rows, as `convert_hf_to_gguf.py` permutes them: `reshape(2, 2, 3).swapaxes(1, 2)`.
    #[test]
    fn rows_change_places_as_in_the_conversion_script_and_back() {
        let halves: Vec<u8> = (0..12).collect();
        let neighbours = vec![0, 3, 1, 4, 2, 5, 6, 9, 7, 10, 8, 11];
        let there = permuted(&halves, 12, 2, Order::Neighbours);
        assert_eq!(there.as_ref(), Some(&neighbours));
        assert_eq!(permuted(&neighbours, 12, 2, Order::Halves), Some(halves));
        let pairs: Vec<u8> = (0..12).flat_map(|row| [row, 100 + row]).collect();
        let moved = permuted(&pairs, 12, 2, Order::Neighbours).expect("whole heads");
        assert!(
            moved
                .chunks(2)
                .zip(&neighbours)
                .all(|(row, &first)| row == [first, 100 + first])
        );
        assert_eq!(permuted(&pairs, 12, 5, Order::Halves), None);
    }
}
