//! The tensors of a merged GGUF file, and where their bytes come from.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use trimtab_model::gguf::{GgufFile, TensorInfo, TensorType, Value, header_bytes, padding};
use trimtab_model::tensor_file::HostTensor;

use super::rope_layout::{HeadCounts, RopeLayout, permuted};
use crate::export::error::ExportError;

/// A file to be written.
pub(super) struct Plan {
    metadata: Vec<(String, Value)>,
    tensors: Vec<TensorInfo>,
    /// For each tensor.
    sources: Vec<Source>,
}

/// Where the bytes of a tensor come from.
enum Source {
    /// The tensor of that name of the input.
    Copied,
    /// The same, with its rows in the layout of `llama`, and its count of heads.
    Permuted(u64),
    /// These bytes.
    Owned(Vec<u8>),
}

impl Plan {
    /// A `llama` with the tensors of `input`, and with `vectors` as biases. `heads` is given for an
    /// input whose rows must be permuted.
    pub(super) fn new(
        input: &GgufFile,
        vectors: &HostTensor,
        heads: Option<&HeadCounts>,
    ) -> Result<Self, ExportError> {
        let metadata = input.metadata().iter().map(|(key, value)| {
            if key == "general.architecture" {
                (key.clone(), Value::string("llama"))
            } else if let Some(rest) = key.strip_prefix("qwen2.") {
                (format!("llama.{rest}"), value.clone())
            } else {
                (key.clone(), value.clone())
            }
        });
        let (mut tensors, mut sources) = (vec![], vec![]);
        for tensor in input.tensors() {
            if tensor.name.ends_with(".ffn_down.bias") {
                continue; // the vector is added to it below
            }
            tensors.push(TensorInfo::new(
                tensor.name.clone(),
                tensor.dims.clone(),
                tensor.kind,
            ));
            sources.push(match heads.and_then(|heads| heads.of(&tensor.name)) {
                Some(heads) => Source::Permuted(heads),
                None => Source::Copied,
            });
        }
        let width = vectors.shape[1];
        for (layer, row) in vectors.data.chunks_exact(width).enumerate() {
            let name = format!("blk.{layer}.ffn_down.bias");
            let mut bias = row.to_vec();
            if let Some(old) = input.tensor(&name) {
                let old = input.floats(&old.name)?;
                if old.len() != width {
                    let reason = format!("`{name}` has another width");
                    return Err(input.malformed(reason).into());
                }
                bias.iter_mut()
                    .zip(old)
                    .for_each(|(bias, old)| *bias += old);
            }
            tensors.push(TensorInfo::new(name, vec![width as u64], TensorType::F32));
            let bytes = bias.iter().flat_map(|value| value.to_le_bytes());
            sources.push(Source::Owned(bytes.collect()));
        }
        Ok(Self {
            metadata: metadata.collect(),
            tensors,
            sources,
        })
    }

    /// Writes the file, one tensor at a time. `path` is for messages only.
    pub(super) fn write(
        &self,
        input: &GgufFile,
        file: &File,
        path: &Path,
    ) -> Result<(), ExportError> {
        let unwritten = |source: io::Error| ExportError::Write {
            path: path.into(),
            source,
        };
        let mut file = BufWriter::new(file);
        file.write_all(&header_bytes(&self.metadata, &self.tensors))
            .map_err(unwritten)?;
        for (tensor, source) in self.tensors.iter().zip(&self.sources) {
            let bytes = match source {
                Source::Owned(bytes) => bytes.clone(),
                Source::Copied => input.bytes(&tensor.name)?,
                Source::Permuted(heads) => {
                    let (bytes, heads) = (input.bytes(&tensor.name)?, *heads as usize);
                    permuted(&bytes, rows(tensor), heads, RopeLayout::Interleaved).ok_or_else(
                        || input.malformed(format!("`{}` has no whole heads", tensor.name)),
                    )?
                }
            };
            let zeros = vec![0; padding(&self.metadata, bytes.len())];
            file.write_all(&bytes)
                .and_then(|()| file.write_all(&zeros))
                .map_err(unwritten)?;
        }
        file.flush().map_err(unwritten)
    }

    /// Compares every tensor of the file that was written with its source.
    pub(super) fn compare(&self, input: &GgufFile, output: &GgufFile) -> Result<(), ExportError> {
        for (tensor, source) in self.tensors.iter().zip(&self.sources) {
            let found = output.bytes(&tensor.name)?;
            let is_equal = match source {
                Source::Owned(bytes) => found == *bytes,
                Source::Copied => found == input.bytes(&tensor.name)?,
                Source::Permuted(heads) => {
                    let heads = *heads as usize;
                    let back = permuted(&found, rows(tensor), heads, RopeLayout::Halves);
                    back == Some(input.bytes(&tensor.name)?)
                }
            };
            if !is_equal {
                let reason = format!("`{}` differs from what was written", tensor.name);
                return Err(output.malformed(reason).into());
            }
        }
        Ok(())
    }
}

/// Rows of a matrix, or numbers of a vector.
fn rows(tensor: &TensorInfo) -> usize {
    *tensor.dims.last().expect("a tensor has axes") as usize
}
