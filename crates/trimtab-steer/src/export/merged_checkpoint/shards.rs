//! The weights of a merged checkpoint: the shards of its source, with biases added.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::File;
use std::io;
use std::path::Path;

use safetensors::tensor::{Dtype, View};
use serde_json::json;
use trimtab_model::checkpoint_weights::{CheckpointWeights, FloatDType, WeightsError};
use trimtab_model::{Device, ModelConfig};

use crate::export::error::ExportError;
use crate::export::folder::write_json;

/// Writes the shards of `weights` with the biases of a Llama that has the vectors `rows`. If there
/// is more than one shard, writes their index too.
pub(super) fn write_shards(
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
        let mut pieces: Vec<(String, Piece)> = vec![];
        for stored in weights.stored(index) {
            let bias = bias_name(stored.name).filter(|name| !all.contains(name.as_str()));
            if let Some(bias) = bias
                && let Some(values) = new_bias(&bias, config, rows)
            {
                pieces.push((bias, Piece::from_values(values)));
            }
            let layer = layer_of_down_bias(stored.name);
            let piece = match layer.and_then(|layer| rows.get(layer)) {
                Some(row) => Piece::from_values(add(weights, stored.name, row)?),
                None => Piece {
                    dtype: stored.dtype,
                    shape: stored.shape.to_vec(),
                    bytes: Bytes::Stored {
                        weights,
                        name: stored.name,
                        failure: &failure,
                    },
                },
            };
            pieces.push((stored.name.to_owned(), piece));
        }
        let name = shard_name(path, index, weights.files().count());
        for (tensor, piece) in &pieces {
            total_size += piece.data_len();
            weight_map.insert(tensor.clone(), name.clone());
        }
        let path = folder.join(&name);
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

/// The name of a shard: that of its source, or for a GGUF file the usual one.
fn shard_name(path: &Path, index: usize, count: usize) -> String {
    match path.extension() {
        Some(extension) if extension == "gguf" && count == 1 => "model.safetensors".to_owned(),
        Some(extension) if extension == "gguf" => {
            format!("model-{:05}-of-{count:05}.safetensors", index + 1)
        }
        _ => {
            let name = path.file_name().unwrap_or_default();
            name.to_string_lossy().into_owned()
        }
    }
}

/// The name of the bias that belongs to the weight `name`.
fn bias_name(name: &str) -> Option<String> {
    Some(format!("{}.bias", name.strip_suffix(".weight")?))
}

/// The values of a bias that the source does not have; `None` if a Llama has no such bias either.
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
    let bias: Vec<f32> = bias.try_into_vec_as().expect("read as f32");
    Ok(bias
        .iter()
        .zip(row)
        .map(|(bias, value)| bias + value)
        .collect())
}

/// A tensor to be written. Stored ones are in memory only while they are written.
struct Piece<'a> {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Bytes<'a>,
}

enum Bytes<'a> {
    Owned(Vec<u8>),
    Stored {
        weights: &'a CheckpointWeights,
        name: &'a str,
        /// Receives the error of a failed read, which the writer cannot return.
        failure: &'a RefCell<Option<WeightsError>>,
    },
}

impl Piece<'_> {
    fn from_values(values: Vec<f32>) -> Self {
        Self {
            dtype: Dtype::F32,
            shape: vec![values.len()],
            bytes: Bytes::Owned(
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
            Bytes::Owned(bytes) => Cow::Borrowed(bytes),
            Bytes::Stored {
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
