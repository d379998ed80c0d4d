//! A checkpoint with the vectors inside, for runtimes that know nothing of steering.
//!
//! In a pre-norm decoder the residual stream after a layer is `resid_mid + mlp_out`, so a vector added to it is a bias on
//! `mlp.down_proj`. Stock transformers and vLLM read such a bias in `LlamaForCausalLM` with `mlp_bias`, and Qwen2 and
//! Mistral compute what Llama computes with other biases.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::{self, File};
use std::io;
use std::path::Path;

use safetensors::tensor::{Dtype, View};
use serde_json::{Map, Value, json};
use trimtab_model::checkpoint_weights::{CheckpointWeights, FloatDType, WeightsError};
use trimtab_model::config::{Activation, RopeScaling};
use trimtab_model::file::sync_folder;
use trimtab_model::{Device, ModelConfig};

use crate::export::{ExportError, temporary};
use crate::file::SteeringFile;

/// What happens to a sliding window that texts of the model outgrow; `LlamaForCausalLM` has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// The export is refused.
    Refuse,
    /// `max_position_embeddings` becomes the width of the window, up to which both compute the same.
    LimitContext,
}

/// Files that go along as they are, where they are there.
pub(crate) const COPIED: &[&str] = &[
    "LICENSE",
    "added_tokens.json",
    "chat_template.jinja",
    "chat_template.json",
    "generation_config.json",
    "merges.txt",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer.model",
    "vocab.json",
];

/// Keys of `config.json` that mean the same in all three families and are kept as they are.
const KEPT: &[&str] = &[
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

/// Writes the checkpoint of the folder `source` with the vectors of `steering` inside to the new folder `out`, as a
/// `LlamaForCausalLM` with `mlp_bias` (and `attention_bias` where the source has one).
///
/// Weights keep their type and their shards, and are copied tensor by tensor; biases that are added are F32. The folder
/// appears under its name when it is whole. [`probe`](crate::probe) and [`compare_probes`](crate::compare_probes) tell
/// whether it computes the same.
///
/// ```no_run
/// use trimtab_model::{Device, Precision, Pretrained};
/// use trimtab_steer::{SteeringFile, Window, merge_checkpoint};
///
/// let source = "checkpoint".as_ref();
/// let base = Pretrained::load(source, Precision::F32, &Device::flex())?;
/// let steering = SteeringFile::read("steering.safetensors".as_ref(), &base)?;
/// merge_checkpoint(source, &steering, Window::Refuse, "merged".as_ref())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// The family is not Llama, Qwen2 or Mistral, the vectors act elsewhere than at `resid_post` or at some tokens only, the
/// model has a sliding window (and `window` says so), `out` is there already, or a file cannot be read or written.
pub fn merge_checkpoint(
    source: &Path,
    steering: &SteeringFile,
    window: Window,
    out: &Path,
) -> Result<(), ExportError> {
    let vectors = steering.everywhere()?;
    let config = ModelConfig::from_dir(source)?;
    let merged_config = llama_config(&read_object(&source.join("config.json"))?, &config, window)?;
    let occupied = fs::read_dir(out).map_or(out.exists(), |mut inside| inside.next().is_some());
    if occupied {
        return Err(ExportError::Exists { path: out.into() });
    }
    let parent = out
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let unwritten = |path: &Path| {
        let path = path.to_owned();
        move |source: io::Error| ExportError::Write { path, source }
    };
    fs::create_dir_all(parent).map_err(unwritten(parent))?;
    let folder = temporary(0o755)
        .tempdir_in(parent)
        .map_err(unwritten(parent))?;
    write_json(&folder.path().join("config.json"), &merged_config.into())?;
    for name in COPIED {
        let path = source.join(name);
        if path.is_file() {
            fs::copy(&path, folder.path().join(name))
                .map_err(|source| ExportError::Copy { path, source })?;
        }
    }
    if let Some(tokenizer) = tokenizer_config(source, &config)? {
        write_json(&folder.path().join("tokenizer_config.json"), &tokenizer)?;
    }
    let rows: Vec<&[f32]> = vectors.data.chunks_exact(config.hidden_size).collect();
    write_weights(
        &CheckpointWeights::open(source)?,
        &config,
        &rows,
        folder.path(),
    )?;
    sync_folder(folder.path()).map_err(unwritten(out))?;
    fs::rename(folder.path(), out).map_err(unwritten(out))?;
    let _ = folder.keep(); // it has its name now
    sync_folder(parent).map_err(unwritten(parent))
}

/// `config.json` of a Llama that computes what `config` says, with a bias on `down_proj`.
fn llama_config(
    raw: &Map<String, Value>,
    config: &ModelConfig,
    window: Window,
) -> Result<Map<String, Value>, ExportError> {
    let refuse = |reason: String| {
        Err(ExportError::Inexpressible {
            model_type: config.model_type.clone(),
            target: "LlamaForCausalLM",
            reason,
        })
    };
    let architecture = &config.architecture;
    match config.model_type.as_str() {
        "llama" | "qwen2" | "mistral" => (),
        "qwen3" => return refuse("it has norms on queries and keys".to_owned()),
        "olmo2" => {
            return refuse("a bias on down_proj would pass through the norm behind it".to_owned());
        }
        "gemma3" | "gemma3_text" => {
            return refuse(
                "a bias on down_proj would pass through the norm behind it, and its embeddings are scaled".to_owned(),
            );
        }
        "phi3" => return refuse("its projections are fused".to_owned()),
        _ => return refuse("nothing is known of this family".to_owned()),
    }
    let rope = &architecture.ropes[0];
    if rope.rotary_dim != config.head_dim {
        return refuse("it rotates a part of each head".to_owned());
    }
    let mut max_position_embeddings = config.max_position_embeddings;
    let narrowest = architecture
        .layers
        .iter()
        .filter_map(|layer| layer.sliding_window)
        .min();
    if let Some(width) = narrowest.filter(|&width| width < config.max_len()) {
        if window == Window::Refuse {
            return refuse(format!(
                "it has a sliding window of {width} tokens; with the context limited to them it would compute the same"
            ));
        }
        if !matches!(
            rope.scaling,
            RopeScaling::Default {} | RopeScaling::Linear { .. } | RopeScaling::Llama3 { .. }
        ) {
            return refuse(format!(
                "it has a sliding window of {width} tokens, and its rope changes when the context is limited to them"
            ));
        }
        max_position_embeddings = width;
    }
    let mut merged: Map<String, Value> = KEPT
        .iter()
        .filter_map(|&key| Some((key.to_owned(), raw.get(key)?.clone())))
        .collect();
    let hidden_act = match architecture.activation {
        Activation::Silu => "silu",
        Activation::GeluTanh => "gelu_pytorch_tanh",
    };
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
        ("rope_theta", json!(rope.rope_theta)),
        ("tie_word_embeddings", json!(config.tie_word_embeddings)),
        ("vocab_size", json!(config.vocab_size)),
    ] {
        merged.insert(key.to_owned(), value);
    }
    Ok(merged)
}

/// `tokenizer_config.json` of `source`. A class that transformers would take from the family is written out, since the
/// family changes.
fn tokenizer_config(source: &Path, config: &ModelConfig) -> Result<Option<Value>, ExportError> {
    let path = source.join("tokenizer_config.json");
    let mut tokenizer = if path.is_file() {
        read_object(&path)?
    } else if config.model_type == "qwen2" && source.join("vocab.json").is_file() {
        Map::new()
    } else {
        return Ok(None);
    };
    if config.model_type == "qwen2" {
        tokenizer
            .entry("tokenizer_class")
            .or_insert(json!("Qwen2Tokenizer"));
    }
    Ok(Some(tokenizer.into()))
}

pub(crate) fn read_object(path: &Path) -> Result<Map<String, Value>, ExportError> {
    let unread = |source: io::Error| ExportError::Copy {
        path: path.into(),
        source,
    };
    let bytes = fs::read(path).map_err(unread)?;
    serde_json::from_slice(&bytes).map_err(|error| unread(error.into()))
}

pub(crate) fn write_json(path: &Path, value: &Value) -> Result<(), ExportError> {
    let text = serde_json::to_string_pretty(value).expect("JSON is always written") + "\n";
    fs::write(path, text).map_err(|source| ExportError::Write {
        path: path.into(),
        source,
    })
}

/// The shards of `weights` with the biases that a Llama with vectors `rows` has, and their index if there is more than one.
fn write_weights(
    weights: &CheckpointWeights,
    config: &ModelConfig,
    rows: &[&[f32]],
    folder: &Path,
) -> Result<(), ExportError> {
    let all: BTreeSet<&str> = (0..weights.files().count())
        .flat_map(|file| weights.stored(file).map(|stored| stored.name))
        .collect();
    let mut weight_map: BTreeMap<String, String> = BTreeMap::new();
    let mut total_size = 0;
    let failure = RefCell::new(None);
    for (index, path) in weights.files().enumerate() {
        let pieces: Vec<(String, Piece)> = weights
            .stored(index)
            .map(|stored| {
                let bias = bias_name(stored.name).filter(|name| !all.contains(name.as_str()));
                let added = bias.and_then(|bias| {
                    let values = new_bias(&bias, config, rows)?;
                    Some((bias, Piece::made(values)))
                });
                let piece = match layer_of_down_bias(stored.name).and_then(|layer| rows.get(layer))
                {
                    Some(row) => Piece::made(add(weights, stored.name, row)?),
                    None => Piece {
                        dtype: stored.dtype,
                        shape: stored.shape.to_vec(),
                        bytes: Bytes::StoredTensor {
                            weights,
                            name: stored.name,
                            failure: &failure,
                        },
                    },
                };
                Ok(added.into_iter().chain([(stored.name.to_owned(), piece)]))
            })
            .collect::<Result<Vec<_>, ExportError>>()?
            .into_iter()
            .flatten()
            .collect();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        for (tensor, piece) in &pieces {
            total_size += piece.data_len();
            weight_map.insert(tensor.clone(), name.clone().into_owned());
        }
        let path = folder.join(&*name);
        let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
        let written = safetensors::serialize_to_file(pieces, Some(metadata), &path);
        if let Some(error) = failure.take() {
            return Err(error.into());
        }
        written
            .map_err(io::Error::other)
            .and_then(|()| File::options().write(true).open(&path)?.sync_all())
            .map_err(|source| ExportError::Write { path, source })?;
    }
    if weights.files().count() > 1 {
        let index = json!({ "metadata": { "total_size": total_size }, "weight_map": weight_map });
        write_json(&folder.join("model.safetensors.index.json"), &index)?;
    }
    Ok(())
}

/// The bias that belongs to the weight `name`.
fn bias_name(name: &str) -> Option<String> {
    Some(format!("{}.bias", name.strip_suffix(".weight")?))
}

/// What a bias that the source has not is in a Llama with vectors; `None` where a Llama has none.
fn new_bias(name: &str, config: &ModelConfig, rows: &[&[f32]]) -> Option<Vec<f32>> {
    if let Some(layer) = layer_of_down_bias(name) {
        return rows.get(layer).map(|row| row.to_vec());
    }
    let within = |end: &str| name.starts_with("model.layers.") && name.ends_with(end);
    if within(".mlp.gate_proj.bias") || within(".mlp.up_proj.bias") {
        Some(vec![0.0; config.intermediate_size])
    } else if config.architecture.biases.qkv && within(".self_attn.o_proj.bias") {
        Some(vec![0.0; config.hidden_size])
    } else {
        None
    }
}

fn layer_of_down_bias(name: &str) -> Option<usize> {
    let layer = name.strip_prefix("model.layers.")?;
    layer.strip_suffix(".mlp.down_proj.bias")?.parse().ok()
}

/// The bias `name` plus a vector.
fn add(weights: &CheckpointWeights, name: &str, row: &[f32]) -> Result<Vec<f32>, WeightsError> {
    let bias = weights.tensor(name, FloatDType::F32, &Device::flex())?;
    let bias: Vec<f32> = bias.try_into_vec_as().expect("it was read as f32");
    Ok(bias
        .iter()
        .zip(row)
        .map(|(bias, value)| bias + value)
        .collect())
}

/// A tensor of a shard that is being written, in memory only while it is.
struct Piece<'a> {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Bytes<'a>,
}

enum Bytes<'a> {
    Made(Vec<u8>),
    StoredTensor {
        weights: &'a CheckpointWeights,
        name: &'a str,
        /// Where the writer, which expects bytes whatever happens, leaves what went wrong.
        failure: &'a RefCell<Option<WeightsError>>,
    },
}

impl Piece<'_> {
    fn made(values: Vec<f32>) -> Self {
        Self {
            dtype: Dtype::F32,
            shape: vec![values.len()],
            bytes: Bytes::Made(
                values
                    .iter()
                    .flat_map(|value| value.to_le_bytes())
                    .collect(),
            ),
        }
    }
}

impl View for Piece<'_> {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        match &self.bytes {
            Bytes::Made(bytes) => Cow::Borrowed(bytes),
            Bytes::StoredTensor {
                weights,
                name,
                failure,
            } => weights.bytes(name).map_or_else(
                |error| {
                    failure.replace(Some(error));
                    Cow::default()
                },
                Cow::Owned,
            ),
        }
    }

    fn data_len(&self) -> usize {
        self.shape.iter().product::<usize>() * self.dtype.bitsize() / 8
    }
}
