//! `model.safetensors.index.json`: which shard holds which tensor.

use std::collections::BTreeSet;
use std::path::{Component, Path};

use serde::Deserialize;

use super::error::WeightsError;
use super::unique_keys::UniqueKeys;
use crate::file::read_limited;

/// Largest index, in bytes.
const MAX_INDEX_BYTES: u64 = 64 << 20;

/// Most files of one checkpoint.
const MAX_SHARDS: usize = 1024;

/// The index; its other keys are not needed.
#[derive(Deserialize)]
pub(super) struct Index {
    weight_map: UniqueKeys<String>,
}

impl Index {
    pub(super) fn read(path: &Path) -> Result<Self, WeightsError> {
        let bad = |reason: String| WeightsError::Index {
            path: path.into(),
            reason,
        };
        let bytes = read_limited(path, MAX_INDEX_BYTES).map_err(|error| bad(error.to_string()))?;
        let mut index: Self =
            serde_json::from_slice(&bytes).map_err(|error| bad(error.to_string()))?;
        for shard in index.weight_map.0.values_mut() {
            if let Some(name) = shard.strip_prefix("./") {
                *shard = name.to_owned();
            }
        }
        let shards = index.shards();
        if !(1..=MAX_SHARDS).contains(&shards.len()) {
            return Err(bad(format!("it names {} files", shards.len())));
        }
        for shard in shards {
            let mut parts = Path::new(shard).components();
            let first = parts.next();
            if !matches!(first, Some(Component::Normal(only)) if only == shard) {
                return Err(bad(format!(
                    "`{shard}` is not the name of a file beside it"
                )));
            }
        }
        Ok(index)
    }

    /// Names of the files, all of them in the folder of the index.
    pub(super) fn shards(&self) -> BTreeSet<&str> {
        self.weight_map.0.values().map(String::as_str).collect()
    }

    /// The name of the file that counts for a tensor, if the index names the tensor.
    pub(super) fn shard(&self, tensor: &str) -> Option<&str> {
        self.weight_map.0.get(tensor).map(String::as_str)
    }

    /// Each tensor with the name of its file.
    pub(super) fn tensors(&self) -> impl Iterator<Item = (&str, &str)> {
        let entries = self.weight_map.0.iter();
        entries.map(|(tensor, shard)| (tensor.as_str(), shard.as_str()))
    }
}
