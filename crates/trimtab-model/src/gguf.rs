//! GGUF files, versions 2 and 3: metadata and tensors of a whole model.
//!
//! A file is a header (metadata, then name, shape and offset of each tensor) followed by the
//! tensors' bytes, each at a multiple of `general.alignment` behind the header. All numbers are
//! little-endian. See the [format](https://github.com/ggml-org/ggml/blob/master/docs/gguf.md).
//!
//! A large model may be split into files `NAME-00001-of-0000N.gguf`. They open as one.

mod architecture;
mod config;
mod dequantise;
mod error;
mod header;
mod layout;
mod parts;
mod tensor_type;
mod value;

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use crate::file::read_exact_at;

pub use config::config_json;
pub(crate) use dequantise::code_blocks;
pub use dequantise::dequantise;
pub use error::GgufError;
pub use header::{Header, MAGIC, TensorInfo, header_bytes, padding};
pub(crate) use layout::layout;
pub use tensor_type::TensorType;
pub use value::Value;

/// An open file, or all files of a model that is split. The headers are in memory, tensors are
/// read when they are asked for.
#[derive(Debug)]
pub struct GgufFile {
    /// In the order of their numbers.
    parts: Vec<Part>,
    /// Part and position of each tensor.
    index: BTreeMap<String, (usize, usize)>,
}

/// One file.
#[derive(Debug)]
struct Part {
    path: PathBuf,
    file: File,
    header: Header,
}

impl GgufFile {
    /// Opens the file at `path`, with the other parts if it is one of several, and reads the
    /// headers.
    ///
    /// # Errors
    ///
    /// A file is missing, cut short or malformed, or the parts are not those of one model.
    pub fn open(path: &Path) -> Result<Self, GgufError> {
        let parts = parts::open_all(Part::open(path)?)?;
        let mut index = BTreeMap::new();
        for (number, part) in parts.iter().enumerate() {
            for (position, tensor) in part.header.tensors.iter().enumerate() {
                if index
                    .insert(tensor.name.clone(), (number, position))
                    .is_some()
                {
                    return Err(GgufError::Parts {
                        path: part.path.clone(),
                        reason: format!("`{}` is in more than one", tensor.name),
                    });
                }
            }
        }
        Ok(Self { parts, index })
    }

    /// The file, or the first of several.
    pub fn path(&self) -> &Path {
        &self.parts[0].path
    }

    /// The files of the model with their paths.
    pub(crate) fn into_files(self) -> Vec<(PathBuf, File)> {
        let files = self.parts.into_iter().map(|part| (part.path, part.file));
        files.collect()
    }

    /// Number of the file that holds the tensor `name`, and position of its first byte there.
    pub(crate) fn position(&self, name: &str) -> Option<(usize, u64)> {
        let (number, position) = *self.index.get(name)?;
        let header = &self.parts[number].header;
        let range = header.byte_range(&header.tensors[position]);
        Some((number, range.start))
    }

    /// How many files the model is split into.
    pub fn num_parts(&self) -> usize {
        self.parts.len()
    }

    /// Keys and values of the metadata, in the order of the file.
    pub fn metadata(&self) -> &[(String, Value)] {
        &self.parts[0].header.metadata
    }

    /// The value of `key`.
    pub fn value(&self, key: &str) -> Option<&Value> {
        self.parts[0].header.value(key)
    }

    /// The text at `key`, if there is one.
    ///
    /// # Errors
    ///
    /// The value is of another type.
    pub fn string(&self, key: &str) -> Result<Option<&str>, GgufError> {
        self.typed(key, "a text", Value::as_str)
    }

    /// The whole number at `key`, of any integer type and not negative, if there is one.
    ///
    /// # Errors
    ///
    /// As [`Self::string`].
    pub fn u64(&self, key: &str) -> Result<Option<u64>, GgufError> {
        self.typed(key, "a whole number from 0", Value::as_u64)
    }

    /// The whole number at `key` that fits 32 bits, if there is one.
    ///
    /// # Errors
    ///
    /// As [`Self::string`].
    pub fn u32(&self, key: &str) -> Result<Option<u32>, GgufError> {
        let number = |value: &Value| u32::try_from(value.as_u64()?).ok();
        self.typed(key, "a whole number from 0 below 2^32", number)
    }

    /// The number at `key`, of any type, if there is one.
    ///
    /// # Errors
    ///
    /// As [`Self::string`].
    pub fn f64(&self, key: &str) -> Result<Option<f64>, GgufError> {
        self.typed(key, "a number", Value::as_f64)
    }

    /// The truth value at `key`, if there is one.
    ///
    /// # Errors
    ///
    /// As [`Self::string`].
    pub fn bool(&self, key: &str) -> Result<Option<bool>, GgufError> {
        self.typed(key, "a truth value", Value::as_bool)
    }

    /// The array of texts at `key`, if there is one.
    ///
    /// # Errors
    ///
    /// As [`Self::string`].
    pub fn strings(&self, key: &str) -> Result<Option<Vec<&str>>, GgufError> {
        self.typed(key, "an array of texts", Value::as_strings)
    }

    /// The array of whole numbers at `key`, of any integer type, if there is one.
    ///
    /// # Errors
    ///
    /// As [`Self::string`].
    pub fn i64s(&self, key: &str) -> Result<Option<Vec<i64>>, GgufError> {
        self.typed(key, "an array of whole numbers", Value::as_i64s)
    }

    /// The array of numbers at `key`, of any type, if there is one.
    ///
    /// # Errors
    ///
    /// As [`Self::string`].
    pub fn f64s(&self, key: &str) -> Result<Option<Vec<f64>>, GgufError> {
        self.typed(key, "an array of numbers", Value::as_f64s)
    }

    /// The tensors, in the order of the file.
    pub fn tensors(&self) -> impl Iterator<Item = &TensorInfo> {
        self.parts.iter().flat_map(|part| &part.header.tensors)
    }

    /// The tensor of that name.
    pub fn tensor(&self, name: &str) -> Option<&TensorInfo> {
        let (part, position) = *self.index.get(name)?;
        Some(&self.parts[part].header.tensors[position])
    }

    /// All bytes of the tensor `name` as they are in the file.
    ///
    /// # Errors
    ///
    /// There is no such tensor, or it cannot be read.
    pub fn bytes(&self, name: &str) -> Result<Vec<u8>, GgufError> {
        let (part, tensor) = self.find(name)?;
        let range = part.header.byte_range(tensor);
        let mut bytes = vec![0; (range.end - range.start) as usize];
        read_exact_at(&part.file, &mut bytes, range.start).map_err(|source| GgufError::Read {
            path: part.path.clone(),
            source,
        })?;
        Ok(bytes)
    }

    /// The numbers of the tensor `name`, dequantised.
    ///
    /// # Errors
    ///
    /// As [`Self::bytes`], or the type of the tensor is not read.
    pub fn floats(&self, name: &str) -> Result<Vec<f32>, GgufError> {
        let (_, tensor) = self.find(name)?;
        if !tensor.kind.is_read() {
            return Err(self.unread(tensor));
        }
        let mut numbers = vec![0.0; tensor.count() as usize];
        let read = dequantise(tensor.kind, &self.bytes(name)?, &mut numbers);
        read.ok_or_else(|| self.unread(tensor))?;
        Ok(numbers)
    }

    /// The error that this file is malformed.
    pub fn malformed(&self, reason: impl Into<String>) -> GgufError {
        self.parts[0].malformed(reason)
    }

    /// The error that the type of a tensor is not read.
    pub(crate) fn unread(&self, tensor: &TensorInfo) -> GgufError {
        GgufError::Type {
            path: self.path().into(),
            name: tensor.name.clone(),
            kind: tensor.kind.name(),
        }
    }

    /// The value of `key` as `read` reads it.
    fn typed<'a, T>(
        &'a self,
        key: &str,
        expected: &str,
        read: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, GgufError> {
        let Some(value) = self.value(key) else {
            return Ok(None);
        };
        let value = read(value).ok_or_else(|| GgufError::Value {
            path: self.path().into(),
            key: key.to_owned(),
            reason: format!("{}, and it must be {expected}", value.describe()),
        })?;
        Ok(Some(value))
    }

    fn find(&self, name: &str) -> Result<(&Part, &TensorInfo), GgufError> {
        let (part, position) = *self
            .index
            .get(name)
            .ok_or_else(|| self.malformed(format!("it has no tensor `{name}`")))?;
        let part = &self.parts[part];
        Ok((part, &part.header.tensors[position]))
    }
}

impl Part {
    fn open(path: &Path) -> Result<Self, GgufError> {
        let read = |source| GgufError::Read {
            path: path.into(),
            source,
        };
        // Opening a pipe would block.
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
            file,
            header,
        })
    }

    fn malformed(&self, reason: impl Into<String>) -> GgufError {
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
            TensorInfo::new("a".to_owned(), vec![3, 2], TensorType::F32),
            TensorInfo::new("b".to_owned(), vec![32, 1], TensorType::Q8_0),
        ];
        let mut bytes = header_bytes(&[], &tensors);
        for len in [24, 34] {
            bytes.extend((0..len).map(|byte| byte as u8));
            bytes.resize(bytes.len() + padding(&[], len), 0);
        }
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("file.gguf");
        std::fs::write(&path, bytes).expect("a writable folder");
        let file = GgufFile::open(&path).expect("a good file");
        for (name, len) in [("a", 24), ("b", 34)] {
            let expected: Vec<u8> = (0..len).collect();
            assert_eq!(file.bytes(name).expect("inside"), expected);
        }
    }
}
