//! GGUF files, versions 2 and 3.
//!
//! A file is a header (metadata, then name, shape and offset of each tensor) followed by the
//! tensors' bytes, each at a multiple of `general.alignment` behind the header. All numbers are
//! little-endian. See the [format](https://github.com/ggml-org/ggml/blob/master/docs/gguf.md).

mod control_vector;
mod error;
mod header;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use half::{bf16, f16};
use trimtab_model::file::read_exact_at;

pub use error::GgufError;

pub(crate) use control_vector::{ControlVector, names_type};
pub(crate) use header::{BF16, F16, F32, Header, MAGIC, TensorInfo, Value, header_bytes, padding};

/// An open file. Its header is in memory, its tensors are read when they are asked for.
#[derive(Debug)]
pub(crate) struct Gguf {
    pub(crate) path: PathBuf,
    pub(crate) header: Header,
    file: File,
}

impl Gguf {
    /// Opens the file at `path` and reads its header.
    pub(crate) fn open(path: &Path) -> Result<Self, GgufError> {
        let read = |source| GgufError::Read {
            path: path.into(),
            source,
        };
        if !std::fs::metadata(path).map_err(read)?.is_file() {
            return Err(read(io::Error::other("it is not a file")));
        }
        let file = File::open(path).map_err(read)?;
        let file_len = file.metadata().map_err(read)?.len();
        let header = Header::parse(&file, file_len).map_err(|reason| GgufError::Malformed {
            path: path.into(),
            reason,
        })?;
        Ok(Self {
            path: path.into(),
            header,
            file,
        })
    }

    /// All bytes of a tensor.
    pub(crate) fn bytes(&self, tensor: &TensorInfo) -> Result<Vec<u8>, GgufError> {
        let range = self.header.byte_range(tensor);
        let mut bytes = vec![0; (range.end - range.start) as usize];
        let read = read_exact_at(&self.file, &mut bytes, range.start);
        read.map_err(|source| GgufError::Read {
            path: self.path.clone(),
            source,
        })?;
        Ok(bytes)
    }

    /// The numbers of a tensor that is not quantised.
    pub(crate) fn floats(&self, tensor: &TensorInfo) -> Result<Vec<f32>, GgufError> {
        let bytes = self.bytes(tensor)?;
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
            _ => Err(self.malformed(format!("`{}` is quantised", tensor.name))),
        }
    }

    /// The error that this file is malformed.
    pub(crate) fn malformed(&self, reason: impl Into<String>) -> GgufError {
        GgufError::Malformed {
            path: self.path.clone(),
            reason: reason.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tensors_of_a_file_are_the_bytes_behind_its_header() {
        let tensors = [
            TensorInfo::new("a".to_owned(), vec![3, 2], F32),
            TensorInfo::new("b".to_owned(), vec![32, 1], 8),
        ];
        let mut bytes = header_bytes(&[], &tensors);
        for len in [24, 34] {
            bytes.extend((0..len).map(|byte| byte as u8));
            bytes.resize(bytes.len() + padding(&[], len), 0);
        }
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("file.gguf");
        std::fs::write(&path, bytes).expect("a writable folder");
        let file = Gguf::open(&path).expect("a good file");
        for (name, len) in [("a", 24), ("b", 34)] {
            let tensor = file.header.tensor(name).expect("it was written");
            let expected: Vec<u8> = (0..len).collect();
            assert_eq!(file.bytes(tensor).expect("inside"), expected);
        }
    }
}
