//! The header of a safetensors file: where each tensor lies.

use std::fs::File;
use std::path::Path;

use safetensors::tensor::{Dtype, Metadata};
use serde::de::IgnoredAny;
use trimtab_kernels::Format;

use super::blocks::Blocks;
use super::unique_keys::UniqueKeys;
use crate::file::read_exact_at;
use crate::tensor_file::TensorFileError;

/// Largest header of a safetensors file, in bytes; a tensor takes about a hundred.
const MAX_HEADER_BYTES: u64 = 16 << 20;

/// How many numbers are read and converted at a time.
const CHUNK: usize = 1 << 16;

/// Where a tensor lies on disk.
#[derive(Clone, Debug)]
pub(super) struct Location {
    /// Index of its file.
    pub(super) file: usize,
    /// Position of its first byte in the file.
    pub(super) offset: u64,
    /// The type of the numbers as they are handed out.
    pub(super) dtype: Dtype,
    pub(super) shape: Vec<usize>,
    pub(super) encoding: Encoding,
}

/// How the numbers of a tensor are kept.
#[derive(Clone, Copy, Debug)]
pub(super) enum Encoding {
    /// One after the other.
    Plain,
    /// In a GGUF file.
    Blocks(Blocks),
    /// Not at all: they are zero.
    Zeros,
}

impl Location {
    /// The format of a matrix that has the numbers as they are, without blocks.
    pub(super) fn unblocked_format(&self) -> Format {
        match self.dtype {
            Dtype::BF16 => Format::Bf16,
            _ => Format::F32,
        }
    }

    /// How many numbers the tensor has.
    pub(super) fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// How many numbers are read and converted at a time: of a GGUF file whole rows.
    pub(super) fn chunk(&self) -> usize {
        match self.encoding {
            Encoding::Plain | Encoding::Zeros => CHUNK,
            Encoding::Blocks(_) => {
                let row = self.shape.last().map_or(1, |&columns| columns.max(1));
                row * (CHUNK / row).max(1)
            }
        }
    }

    pub(super) fn byte_len(&self) -> usize {
        self.len() * self.dtype.bitsize() / 8
    }
}

/// An open safetensors file and its checked header.
pub(super) struct Header {
    pub(super) file: File,
    pub(super) metadata: Metadata,
    /// Position of the first tensor in the file.
    pub(super) data_start: u64,
}

impl Header {
    /// Opens the file at `path` and reads its header.
    pub(super) fn read(path: &Path) -> Result<Self, TensorFileError> {
        let read = |source| TensorFileError::Read {
            path: path.into(),
            source,
        };
        let malformed = |reason: String| TensorFileError::Malformed {
            path: path.into(),
            reason,
        };
        let attributes = std::fs::metadata(path).map_err(read)?; // opening a pipe would block
        if !attributes.is_file() {
            return Err(malformed("it is not a file".to_owned()));
        }
        let file = File::open(path).map_err(read)?;
        let size = file.metadata().map_err(read)?.len();
        let mut header_len = [0; 8];
        if size < 8 {
            return Err(malformed("it is shorter than eight bytes".to_owned()));
        }
        read_exact_at(&file, &mut header_len, 0).map_err(read)?;
        if header_len == *b"version " {
            let reason = "it is the pointer of Git LFS to the file; run `git lfs pull`";
            return Err(malformed(reason.to_owned()));
        }
        let header_len = u64::from_le_bytes(header_len);
        if header_len > MAX_HEADER_BYTES || header_len > size - 8 {
            return Err(malformed(format!("a header of {header_len} bytes")));
        }
        let mut header = vec![0; header_len as usize];
        read_exact_at(&file, &mut header, 8).map_err(read)?;
        let metadata: Metadata =
            serde_json::from_slice(&header).map_err(|error| malformed(error.to_string()))?;
        serde_json::from_slice::<UniqueKeys<IgnoredAny>>(&header)
            .map_err(|error| malformed(error.to_string()))?;
        let (found, expected) = (size - 8 - header_len, metadata.data_len());
        if expected as u64 != found {
            return Err(malformed(format!(
                "{found} bytes of numbers where its header counts {expected}"
            )));
        }
        Ok(Self {
            file,
            metadata,
            data_start: 8 + header_len,
        })
    }

    /// The tensors by name; `file` is the index of this file.
    pub(super) fn tensors(&self, file: usize) -> impl Iterator<Item = (String, Location)> {
        let location = move |(name, info): (String, &safetensors::tensor::TensorInfo)| {
            let location = Location {
                file,
                offset: self.data_start + info.data_offsets.0 as u64,
                dtype: info.dtype,
                shape: info.shape.clone(),
                encoding: Encoding::Plain,
            };
            (name, location)
        };
        self.metadata.tensors().into_iter().map(location)
    }
}

/// Bytes of a number of `dtype`, if it is one of the types that are read.
pub(super) fn number_bytes(dtype: Dtype) -> Option<usize> {
    match dtype {
        Dtype::F32 => Some(4),
        Dtype::F16 | Dtype::BF16 => Some(2),
        _ => None,
    }
}
