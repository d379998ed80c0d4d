//! Safetensors files of f32 tensors with metadata.
//!
//! Reading makes every check that the format leaves to its reader. Writing replaces the file
//! atomically, and the file carries a checksum of its content.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use burn::tensor::Tensor;
use half::{bf16, f16};
use safetensors::tensor::{Dtype, Metadata, SafeTensors, View};
use sha2::{Digest, Sha256};

use crate::file::{hex, write_atomically};

/// The only metadata key of files that trimtab writes. Its value is a JSON object: several keys
/// would be written in random order, and equal content must give equal bytes.
const METADATA_KEY: &str = "trimtab";

/// A tensor in main memory.
#[derive(Clone, Debug, PartialEq)]
pub struct HostTensor {
    /// Length of each axis.
    pub shape: Vec<usize>,
    /// The numbers, row-major.
    pub data: Vec<f32>,
}

impl<const D: usize> From<Tensor<D>> for HostTensor {
    /// Copies `tensor` to main memory and converts its numbers to f32.
    fn from(tensor: Tensor<D>) -> Self {
        let shape = tensor.dims().to_vec();
        let data = tensor.try_into_vec_as();
        let data = data.expect("numbers of every dtype convert to f32");
        Self { shape, data }
    }
}

/// Named tensors with a JSON object of metadata.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TensorFile {
    /// Tensors by name.
    pub tensors: BTreeMap<String, HostTensor>,
    /// What the tensors are. Empty for files that other programs wrote.
    pub metadata: serde_json::Map<String, serde_json::Value>,
}

/// Why a tensor file could not be read or written.
#[expect(missing_docs, reason = "the messages document the variants")]
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum TensorFileError {
    #[error("cannot read {path}")]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot write {path}; the file that was there before is unchanged")]
    Write { path: PathBuf, source: io::Error },
    #[error(
        "{path} is not a complete safetensors file ({reason}); was its download or copy cut short?"
    )]
    Malformed { path: PathBuf, reason: String },
    #[error("tensor `{name}` in {path} holds {dtype:?}; this version reads F32, F16 and BF16")]
    Dtype {
        path: PathBuf,
        name: String,
        dtype: Dtype,
    },
    #[error(
        "tensor `{name}` in {path} holds a value that is not finite; \
         the file is damaged or its training diverged"
    )]
    NonFinite { path: PathBuf, name: String },
    #[error("the content of {path} does not match its checksum: the file is damaged")]
    Checksum { path: PathBuf },
}

impl TensorFile {
    /// Reads `path`, converting every tensor to f32.
    ///
    /// # Errors
    ///
    /// See [`TensorFileError`]. The checksum of files that trimtab wrote is verified.
    pub fn read(path: &Path) -> Result<Self, TensorFileError> {
        let bytes = fs::read(path).map_err(|source| TensorFileError::Read {
            path: path.into(),
            source,
        })?;
        Self::from_bytes(&bytes, path)
    }

    /// Reads the bytes of a file. `path` is for messages only.
    ///
    /// # Errors
    ///
    /// As [`Self::read`].
    pub fn from_bytes(bytes: &[u8], path: &Path) -> Result<Self, TensorFileError> {
        let malformed = |reason: String| TensorFileError::Malformed {
            path: path.into(),
            reason,
        };
        let file = SafeTensors::deserialize(bytes).map_err(|error| malformed(error.to_string()))?;
        let (_, header) =
            SafeTensors::read_metadata(bytes).map_err(|error| malformed(error.to_string()))?;
        let mut tensors = BTreeMap::new();
        for (name, view) in file.iter() {
            let data: Vec<f32> = match view.dtype() {
                Dtype::F32 => words(view.data()).map(f32::from_le_bytes).collect(),
                Dtype::F16 => words(view.data())
                    .map(|word| f16::from_le_bytes(word).to_f32())
                    .collect(),
                Dtype::BF16 => words(view.data())
                    .map(|word| bf16::from_le_bytes(word).to_f32())
                    .collect(),
                dtype => {
                    return Err(TensorFileError::Dtype {
                        path: path.into(),
                        name: name.into(),
                        dtype,
                    });
                }
            };
            if data.iter().any(|value| !value.is_finite()) {
                return Err(TensorFileError::NonFinite {
                    path: path.into(),
                    name: name.into(),
                });
            }
            tensors.insert(
                name.to_owned(),
                HostTensor {
                    shape: view.shape().to_vec(),
                    data,
                },
            );
        }
        let Some(own) = OwnMetadata::parse(&header, path)? else {
            return Ok(Self {
                tensors,
                metadata: serde_json::Map::new(),
            });
        };
        let file = Self {
            tensors,
            metadata: own.metadata,
        };
        if own.sha256 == file.checksum() {
            Ok(file)
        } else {
            Err(TensorFileError::Checksum { path: path.into() })
        }
    }

    /// The bytes of the file. Equal content gives equal bytes.
    ///
    /// # Panics
    ///
    /// A tensor has more or fewer numbers than its shape says.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut metadata = self.metadata.clone();
        metadata.insert("sha256".to_owned(), self.checksum().into());
        let metadata = serde_json::Value::Object(metadata).to_string();
        safetensors::serialize(
            &self.tensors,
            Some(HashMap::from([(METADATA_KEY.to_owned(), metadata)])),
        )
        .expect("every tensor has as many numbers as its shape says")
    }

    /// Writes the file [atomically](write_atomically).
    ///
    /// # Errors
    ///
    /// A value is not finite, or writing fails.
    ///
    /// # Panics
    ///
    /// As [`Self::to_bytes`].
    pub fn write(&self, path: &Path) -> Result<(), TensorFileError> {
        for (name, tensor) in &self.tensors {
            if tensor.data.iter().any(|value| !value.is_finite()) {
                return Err(TensorFileError::NonFinite {
                    path: path.into(),
                    name: name.clone(),
                });
            }
        }
        write_atomically(path, &self.to_bytes()).map_err(|source| TensorFileError::Write {
            path: path.into(),
            source,
        })
    }

    fn checksum(&self) -> String {
        let mut checksum = Checksum::new(&self.metadata);
        for (name, tensor) in &self.tensors {
            checksum.tensor(name, &tensor.shape);
            for value in &tensor.data {
                checksum.bytes(&value.to_le_bytes());
            }
        }
        checksum.finish()
    }
}

/// The metadata of a file that trimtab wrote.
pub(crate) struct OwnMetadata {
    /// Without the checksum.
    pub(crate) metadata: serde_json::Map<String, serde_json::Value>,
    pub(crate) sha256: serde_json::Value,
}

impl OwnMetadata {
    /// `None` for a file that another program wrote.
    pub(crate) fn parse(header: &Metadata, path: &Path) -> Result<Option<Self>, TensorFileError> {
        let metadata = header.metadata().as_ref();
        let Some(json) = metadata.and_then(|entries| entries.get(METADATA_KEY)) else {
            return Ok(None);
        };
        let malformed = |reason: &dyn std::fmt::Display| TensorFileError::Malformed {
            path: path.into(),
            reason: format!("metadata: {reason}"),
        };
        let mut metadata: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(json).map_err(|error| malformed(&error))?;
        let sha256 = metadata
            .remove("sha256")
            .ok_or_else(|| malformed(&"no checksum"))?;
        Ok(Some(Self { metadata, sha256 }))
    }
}

/// SHA-256 over the content of a file that trimtab wrote.
pub(crate) struct Checksum(Sha256);

impl Checksum {
    pub(crate) fn new(metadata: &serde_json::Map<String, serde_json::Value>) -> Self {
        Self(Sha256::new().chain_update(serde_json::Value::Object(metadata.clone()).to_string()))
    }

    /// Begins a tensor. Tensors come in the order of their names.
    pub(crate) fn tensor(&mut self, name: &str, shape: &[usize]) {
        self.0.update(format!("{name} {shape:?}"));
    }

    /// Adds numbers of the tensor, little-endian f32.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(crate) fn finish(self) -> String {
        hex(&self.0.finalize())
    }
}

impl View for &HostTensor {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        self.data
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect::<Vec<_>>()
            .into()
    }

    fn data_len(&self) -> usize {
        4 * self.data.len()
    }
}

fn words<const N: usize>(bytes: &[u8]) -> impl Iterator<Item = [u8; N]> {
    bytes
        .chunks_exact(N)
        .map(|word| word.try_into().expect("chunks have the size asked for"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> TensorFile {
        let tensor = HostTensor {
            shape: vec![2, 3],
            data: vec![1.0, -2.0, 0.5, 0.0, 7.25, -0.125],
        };
        TensorFile {
            tensors: BTreeMap::from([("a".to_owned(), tensor.clone()), ("b".to_owned(), tensor)]),
            metadata: serde_json::from_str(r#"{"format":"1","step":3}"#).expect("literal JSON"),
        }
    }

    #[test]
    fn what_is_written_is_read_and_equal_content_gives_equal_bytes() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("file.safetensors");
        sample().write(&path).expect("a writable folder");
        assert_eq!(TensorFile::read(&path).expect("just written"), sample());
        assert_eq!(sample().to_bytes(), sample().to_bytes());
        assert_eq!(
            fs::read_dir(folder.path()).expect("the folder").count(),
            1,
            "no temporary file stays behind"
        );
    }

    #[test]
    fn every_truncation_and_every_flipped_bit_is_an_error() {
        let bytes = sample().to_bytes();
        let path = Path::new("damaged");
        for len in 0..bytes.len() {
            assert!(
                TensorFile::from_bytes(&bytes[..len], path).is_err(),
                "cut to {len} bytes"
            );
        }
        for bit in 0..8 * bytes.len() {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            // Damage that hides the metadata makes it a file of another program with the right
            // numbers.
            let others = TensorFile {
                metadata: serde_json::Map::new(),
                ..sample()
            };
            let read = TensorFile::from_bytes(&damaged, path);
            assert!(
                read.is_err() || read.is_ok_and(|file| file == sample() || file == others),
                "bit {bit}"
            );
        }
    }

    #[test]
    fn values_that_are_not_finite_are_neither_written_nor_read() {
        let mut file = sample();
        file.tensors.get_mut("b").expect("b").data[4] = f32::NAN;
        let path = Path::new("nowhere");
        assert!(
            matches!(file.write(path), Err(TensorFileError::NonFinite { name, .. }) if name == "b")
        );
        let read = TensorFile::from_bytes(&file.to_bytes(), path);
        assert!(matches!(read, Err(TensorFileError::NonFinite { name, .. }) if name == "b"));
    }
}
