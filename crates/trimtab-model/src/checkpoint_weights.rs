//! The weights of a checkpoint on disk: `model.safetensors`, shards with an index, or a GGUF file.
//!
//! Tensors of a GGUF file have the names, the order of rows and the numbers that a folder with the
//! same model has. Quantised ones become f32 when they are read, or are packed as they are.
//!
//! Tensors are read one at a time, straight into the format that the model keeps. Files are read at
//! positions instead of mapped: a memory map needs `unsafe`, dies with a bus error when the file
//! shrinks, and its pages count towards the memory of the process.

mod blocks;
mod error;
mod fused_experts;
mod header;
mod index;
mod mismatch;
mod other_formats;
mod unique_keys;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use burn::tensor::{DType, Device, Element, Tensor, TensorData};
use half::{bf16, f16};
use rayon::prelude::*;
use safetensors::tensor::{Dtype, Metadata};
use sha2::{Digest, Sha256};
use trimtab_kernels::{Format, Matrix};

pub use burn::tensor::FloatDType;
pub use error::WeightsError;
pub use mismatch::Mismatch;

use crate::config::ModelConfig;
use crate::file::{hex, read_exact_at};
use crate::gguf::GgufFile;
use crate::tensor_file::{Checksum, OwnMetadata, TensorFileError};
use header::{Encoding, Header, Location, number_bytes};
use index::Index;
use other_formats::refuse_other_formats;

/// The largest number that is finite in bfloat16: from the next one on, the nearest is infinity.
const LARGEST_BF16: f32 = f32::from_bits(0x7f7f_7fff);

/// How many bytes are hashed at a time.
const BUFFER: usize = 1 << 20;

/// The tensors of a checkpoint on disk. Each is read when it is asked for.
#[derive(Debug)]
pub struct CheckpointWeights {
    /// The file, or the index of several; for messages.
    path: PathBuf,
    /// In the order of their names.
    files: Vec<(PathBuf, File)>,
    tensors: BTreeMap<String, Location>,
}

/// A tensor on disk.
#[derive(Clone, Copy, Debug)]
pub struct StoredTensor<'a> {
    /// Its name.
    pub name: &'a str,
    /// The type of its numbers.
    pub dtype: Dtype,
    /// Length of each axis.
    pub shape: &'a [usize],
}

impl CheckpointWeights {
    /// Opens `model.safetensors` in the folder `dir`, or else the shards that
    /// `model.safetensors.index.json` names, and reads their headers. If `dir` is a file, it is
    /// opened as GGUF.
    ///
    /// Experts that are stored as one tensor appear as tensors of each expert, as they are named
    /// where they are not fused.
    ///
    /// # Errors
    ///
    /// There are weights in another format only, a file is missing, cut short or malformed, the
    /// index does not fit the files, or a file that
    /// [`TensorFile`](crate::tensor_file::TensorFile) wrote does not match its checksum.
    pub fn open(dir: &Path) -> Result<Self, WeightsError> {
        if dir.is_file() {
            let file = GgufFile::open(dir)?;
            let config = ModelConfig::from_gguf(&file)?;
            return Self::from_gguf(file, &config);
        }
        let single = dir.join("model.safetensors");
        let index = dir.join("model.safetensors.index.json");
        if single.exists() || !index.exists() {
            refuse_other_formats(dir, &single)?;
            let mut weights = Self::empty(single.clone());
            let metadata = weights.add_file(single, |_| true)?;
            weights.verify_checksum(&metadata)?;
            fused_experts::split(&mut weights.tensors);
            Ok(weights)
        } else {
            Self::open_shards(dir, index)
        }
    }

    /// The tensors of a GGUF file. `config` is that of the file ([`ModelConfig::from_gguf`]).
    ///
    /// # Errors
    ///
    /// A tensor that the model needs has a type that is not read.
    pub fn from_gguf(file: GgufFile, config: &ModelConfig) -> Result<Self, WeightsError> {
        Ok(Self {
            path: file.path().into(),
            tensors: blocks::locate(&file, config)?,
            files: file.into_files(),
        })
    }

    fn open_shards(dir: &Path, path: PathBuf) -> Result<Self, WeightsError> {
        let index = Index::read(&path)?;
        let mut weights = Self::empty(path.clone());
        for shard in index.shards() {
            // A shard may hold copies of tensors for which the index names another.
            weights.add_file(dir.join(shard), |tensor| {
                index.shard(tensor).is_none_or(|named| named == shard)
            })?;
        }
        for (tensor, shard) in index.tensors() {
            let found = weights.tensors.get(tensor);
            if found.is_none_or(|found| !weights.files[found.file].0.ends_with(shard)) {
                return Err(WeightsError::Index {
                    path,
                    reason: format!("it says that `{tensor}` is in {shard}, but it is not"),
                });
            }
        }
        fused_experts::split(&mut weights.tensors);
        Ok(weights)
    }

    fn empty(path: PathBuf) -> Self {
        Self {
            path,
            files: vec![],
            tensors: BTreeMap::new(),
        }
    }

    /// Opens a file and adds those of its tensors that count.
    fn add_file(
        &mut self,
        path: PathBuf,
        counts: impl Fn(&str) -> bool,
    ) -> Result<Metadata, WeightsError> {
        let header = Header::read(&path)?;
        let tensors = header.tensors(self.files.len());
        for (name, location) in tensors.filter(|(name, _)| counts(name)) {
            match self.tensors.entry(name) {
                Entry::Vacant(vacant) => drop(vacant.insert(location)),
                Entry::Occupied(occupied) => {
                    return Err(WeightsError::Index {
                        path: self.path.clone(),
                        reason: format!("`{}` is in more than one file", occupied.key()),
                    });
                }
            }
        }
        self.files.push((path, header.file));
        Ok(header.metadata)
    }

    /// Checks the checksum of a file that [`TensorFile`](crate::tensor_file::TensorFile) wrote.
    fn verify_checksum(&self, metadata: &Metadata) -> Result<(), WeightsError> {
        let Some(own) = OwnMetadata::parse(metadata, &self.path)? else {
            return Ok(());
        };
        let mut checksum = Checksum::new(&own.metadata);
        for (name, location) in &self.tensors {
            checksum.tensor(name, &location.shape);
            let range = location.offset..location.offset + location.byte_len() as u64;
            self.scan(location.file, range, |bytes| checksum.bytes(bytes))?;
        }
        if own.sha256 == checksum.finish() {
            Ok(())
        } else {
            Err(TensorFileError::Checksum {
                path: self.path.clone(),
            }
            .into())
        }
    }

    /// Compares the checkpoint with the names and shapes of tensors that a model needs.
    ///
    /// Tensors that match `tolerated` may be there although the model does not need them, such as
    /// an unembedding that repeats the embedding. An entry that ends in a dot matches all names
    /// that begin with it. Another entry matches itself and all names that end in it after a dot.
    ///
    /// # Errors
    ///
    /// [`WeightsError::Mismatch`] lists every tensor that is missing, unexpected, of another shape
    /// or of a dtype that is not read.
    pub fn check(
        &self,
        needed: &[(String, Vec<usize>)],
        tolerated: &[&str],
    ) -> Result<(), WeightsError> {
        let mismatches = mismatch::compare(&self.tensors, needed, tolerated);
        if mismatches.is_empty() {
            return Ok(());
        }
        Err(WeightsError::Mismatch {
            path: self.path.clone(),
            mismatches,
        })
    }

    /// Whether two tensors have the same dtype, shape and bytes.
    ///
    /// # Errors
    ///
    /// A tensor is missing, or a file cannot be read.
    pub(crate) fn are_equal(&self, one: &str, other: &str) -> Result<bool, WeightsError> {
        let find = |name: &str| self.tensors.get(name).ok_or_else(|| self.missing(name));
        let (one, other) = (find(one)?, find(other)?);
        if (one.dtype, &one.shape) != (other.dtype, &other.shape) {
            return Ok(false);
        }
        let read = |location: &Location, start: u64, part: &mut [u8]| {
            read_exact_at(&self.files[location.file].1, part, location.offset + start)
                .map_err(|source| self.read_error(location.file, source))
        };
        let (mut left, mut right) = (vec![0; BUFFER], vec![0; BUFFER]);
        for start in (0..one.byte_len()).step_by(BUFFER) {
            let len = BUFFER.min(one.byte_len() - start);
            read(one, start as u64, &mut left[..len])?;
            read(other, start as u64, &mut right[..len])?;
            if left[..len] != right[..len] {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Lets the tensor `name` stand for `missing` too.
    pub(crate) fn stand_in(&mut self, name: &str, missing: &str) {
        if let Some(location) = self.tensors.get(name) {
            self.tensors.insert(missing.to_owned(), location.clone());
        }
    }

    /// The tensor `name` in the number format `dtype`.
    ///
    /// # Shapes
    ///
    /// - output: that of the matrix, `[1, n]` for a vector of `n` numbers, or `[rows, columns]` for
    ///   a convolution `[rows, 1, columns]`
    ///
    /// # Errors
    ///
    /// The checkpoint has no matrix or vector of floating-point numbers by that name, the file
    /// cannot be read, a value is not finite in `dtype`, or `device` does not compute in `dtype`.
    pub fn tensor(
        &self,
        name: &str,
        dtype: FloatDType,
        device: &Device,
    ) -> Result<Tensor<2>, WeightsError> {
        let rows = match self.tensors.get(name).map(|location| &location.shape[..]) {
            Some(&[rows, _] | &[rows, 1, _]) => rows,
            _ => 1,
        };
        self.rows(name, 0..rows, dtype, device)
    }

    /// Some rows of the tensor `name`; a vector is one row.
    ///
    /// # Shapes
    ///
    /// - output: `[rows.len(), columns]`
    ///
    /// # Errors
    ///
    /// As [`Self::tensor`].
    ///
    /// # Panics
    ///
    /// The tensor does not have these rows.
    pub fn rows(
        &self,
        name: &str,
        rows: Range<usize>,
        dtype: FloatDType,
        device: &Device,
    ) -> Result<Tensor<2>, WeightsError> {
        if !device.supports_dtype(dtype) {
            return Err(WeightsError::ComputeDtype { dtype });
        }
        let location = self.tensors.get(name).ok_or_else(|| self.missing(name))?;
        let [count, columns] = match location.shape[..] {
            [columns] => [1, columns],
            [rows, columns] | [rows, 1, columns] => [rows, columns],
            _ => return Err(self.missing(name)),
        };
        assert!(rows.end <= count, "`{name}` has {count} rows, not {rows:?}");
        let shape = [rows.len(), columns];
        let start = rows.start * columns;
        let data = match dtype {
            FloatDType::F32 => {
                TensorData::new(self.read::<f32>(name, location, start, shape)?, shape)
            }
            FloatDType::F16 => {
                TensorData::new(self.read::<f16>(name, location, start, shape)?, shape)
            }
            FloatDType::BF16 => {
                TensorData::new(self.read::<bf16>(name, location, start, shape)?, shape)
            }
            FloatDType::F64 | FloatDType::Flex32 => {
                return Err(WeightsError::ComputeDtype { dtype });
            }
        };
        Ok(Tensor::from_data(data, (device, DType::from(dtype))))
    }

    /// Some rows of the matrix `name`, packed for the CPU. Without a `format` no number is rounded:
    /// quantised blocks of a GGUF file stay as they are, and bfloat16 stays bfloat16.
    ///
    /// # Shapes
    ///
    /// - output: inputs are the columns, and outputs the rows
    ///
    /// # Errors
    ///
    /// The checkpoint has no such matrix of floating-point numbers, the file cannot be read, or a
    /// value is not finite in that format.
    ///
    /// # Panics
    ///
    /// The tensor does not have these rows.
    pub fn matrix(
        &self,
        name: &str,
        rows: Range<usize>,
        format: Option<Format>,
    ) -> Result<Matrix, WeightsError> {
        let location = self.tensors.get(name).ok_or_else(|| self.missing(name))?;
        let &[count, columns] = &location.shape[..] else {
            return Err(self.missing(name));
        };
        assert!(rows.end <= count, "`{name}` has {count} rows, not {rows:?}");
        if let (Encoding::Blocks(blocks), None) = (location.encoding, format) {
            let file = &self.files[location.file].1;
            if let Some(packed) = blocks.pack(file, location, rows.clone()) {
                return packed.map_err(|source| match source.kind() {
                    io::ErrorKind::InvalidData => self.not_held(name, location, f32::NAN, "f32"),
                    _ => self.read_error(location.file, source),
                });
            }
        }
        let format = format.unwrap_or(location.unblocked_format());
        let largest = match format {
            Format::Bf16 => LARGEST_BF16,
            _ => f32::MAX,
        };
        Matrix::pack_rows(format, [columns, rows.len()], |range, numbers| {
            let start = (rows.start + range.start) * columns;
            self.read_chunk(name, location, start, numbers)?;
            if numbers.iter().all(|number| number.abs() <= largest) {
                return Ok(());
            }
            let number = numbers.iter().copied().find(|number| !number.is_finite());
            Err(self.not_held(name, location, number.unwrap_or(f32::MAX), "bf16"))
        })
    }

    /// The format of the matrix that [`Self::matrix`] makes of a tensor without one. `None` if
    /// there is no such tensor.
    pub fn format(&self, name: &str) -> Option<Format> {
        let location = self.tensors.get(name)?;
        let blocks = match location.encoding {
            Encoding::Blocks(blocks) => blocks.format(),
            _ => None,
        };
        Some(blocks.map_or_else(|| location.unblocked_format(), Format::Blocks))
    }

    /// Whether there is a tensor `name`.
    pub fn contains(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// The files, in the order of their names.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(|(path, _)| path.as_path())
    }

    /// The tensors of one of [`Self::files`], given by its index, in the order of their names.
    pub fn stored(&self, file: usize) -> impl Iterator<Item = StoredTensor<'_>> {
        let inside = move |(_, location): &(&String, &Location)| location.file == file;
        self.tensors
            .iter()
            .filter(inside)
            .map(|(name, location)| StoredTensor {
                name,
                dtype: location.dtype,
                shape: &location.shape,
            })
    }

    /// The bytes of the tensor `name`, numbers of its dtype. Numbers that are not quantised are as
    /// they are on disk.
    ///
    /// # Errors
    ///
    /// There is no such tensor, or it cannot be read.
    pub fn bytes(&self, name: &str) -> Result<Vec<u8>, WeightsError> {
        let location = self.tensors.get(name).ok_or_else(|| self.missing(name))?;
        if !matches!(location.encoding, Encoding::Plain) {
            let mut values = vec![0.0; location.len()];
            self.read_chunk(name, location, 0, &mut values)?;
            return Ok(encode(&values, location.dtype));
        }
        let mut bytes = vec![0; location.byte_len()];
        read_exact_at(&self.files[location.file].1, &mut bytes, location.offset)
            .map_err(|source| self.read_error(location.file, source))?;
        Ok(bytes)
    }

    /// Reads every number and counts those that are not finite, by tensor. Tensors without any are
    /// left out.
    ///
    /// # Errors
    ///
    /// A file cannot be read, or a tensor holds something else than F32, F16 or BF16.
    pub fn verify(&self) -> Result<BTreeMap<&str, usize>, WeightsError> {
        let mut counts = BTreeMap::new();
        for (name, location) in &self.tensors {
            let chunk = location.chunk();
            // One axis may be 0 and another huge.
            let mut values = vec![0.0; chunk.min(location.len())];
            let mut count = 0;
            for start in (0..location.len()).step_by(chunk) {
                let len = chunk.min(location.len() - start);
                self.read_chunk(name, location, start, &mut values[..len])?;
                count += values[..len]
                    .iter()
                    .filter(|value| !value.is_finite())
                    .count();
            }
            if count > 0 {
                counts.insert(name.as_str(), count);
            }
        }
        Ok(counts)
    }

    /// SHA-256 of the bytes of the file, or of all shards concatenated in the order of their
    /// names, in lower-case hexadecimal digits.
    ///
    /// # Errors
    ///
    /// A file cannot be read.
    pub fn sha256(&self) -> Result<String, WeightsError> {
        let mut hash = Sha256::new();
        for (index, (_, file)) in self.files.iter().enumerate() {
            let size = file
                .metadata()
                .map_err(|source| self.read_error(index, source))?
                .len();
            self.scan(index, 0..size, |bytes| hash.update(bytes))?;
        }
        Ok(hex(&hash.finalize()))
    }

    /// Rows of a matrix from number `start` on, read by all threads.
    fn read<E: Element>(
        &self,
        name: &str,
        location: &Location,
        start: usize,
        [rows, columns]: [usize; 2],
    ) -> Result<Vec<E>, WeightsError> {
        let mut values = vec![E::from_elem(0.0_f32); rows * columns];
        let len = location.chunk();
        let chunks = values.par_chunks_mut(len).enumerate();
        chunks.try_for_each(|(index, chunk)| {
            let mut buffer = vec![0.0; chunk.len()];
            self.read_chunk(name, location, start + index * len, &mut buffer)?;
            for (value, number) in chunk.iter_mut().zip(buffer) {
                *value = E::from_elem(number);
                if !value.elem::<f32>().is_finite() {
                    return Err(self.not_held(name, location, number, E::dtype().name()));
                }
            }
            Ok(())
        })?;
        Ok(values)
    }

    /// Numbers of a tensor from number `start` on, as many as `values` holds.
    fn read_chunk(
        &self,
        name: &str,
        location: &Location,
        start: usize,
        values: &mut [f32],
    ) -> Result<(), WeightsError> {
        let (path, file) = &self.files[location.file];
        match location.encoding {
            Encoding::Plain => {}
            Encoding::Blocks(blocks) => {
                let read = blocks.read(file, location, start, values);
                return read.map_err(|source| self.read_error(location.file, source));
            }
            Encoding::Zeros => {
                values.fill(0.0);
                return Ok(());
            }
        }
        let Some(width) = number_bytes(location.dtype) else {
            return Err(WeightsError::from(TensorFileError::Dtype {
                path: path.clone(),
                name: name.to_owned(),
                dtype: location.dtype,
            }));
        };
        let mut bytes = vec![0; width * values.len()];
        read_exact_at(file, &mut bytes, location.offset + (width * start) as u64)
            .map_err(|source| self.read_error(location.file, source))?;
        match location.dtype {
            Dtype::F32 => decode(&bytes, values, f32::from_le_bytes),
            Dtype::F16 => decode(&bytes, values, |word| f16::from_le_bytes(word).to_f32()),
            _ => decode(&bytes, values, |word| bf16::from_le_bytes(word).to_f32()),
        }
        Ok(())
    }

    /// Calls `visit` with the bytes of a file, a part at a time.
    fn scan(
        &self,
        file: usize,
        range: Range<u64>,
        mut visit: impl FnMut(&[u8]),
    ) -> Result<(), WeightsError> {
        let mut buffer = vec![0; BUFFER];
        let mut offset = range.start;
        while offset < range.end {
            let len = (range.end - offset).min(BUFFER as u64);
            let part = &mut buffer[..len as usize];
            let read = read_exact_at(&self.files[file].1, part, offset);
            read.map_err(|source| self.read_error(file, source))?;
            visit(part);
            offset += len;
        }
        Ok(())
    }

    fn missing(&self, name: &str) -> WeightsError {
        WeightsError::Mismatch {
            path: self.path.clone(),
            mismatches: vec![Mismatch::Missing {
                name: name.to_owned(),
                nearest: None,
            }],
        }
    }

    /// The error about a number that is not finite in `format`.
    fn not_held(
        &self,
        name: &str,
        location: &Location,
        number: f32,
        format: &'static str,
    ) -> WeightsError {
        let (path, name) = (self.files[location.file].0.clone(), name.to_owned());
        if number.is_finite() {
            return WeightsError::Overflow { path, name, format };
        }
        TensorFileError::NonFinite { path, name }.into()
    }

    fn read_error(&self, file: usize, source: io::Error) -> WeightsError {
        let path = self.files[file].0.clone();
        TensorFileError::Read { path, source }.into()
    }
}

/// The numbers as bytes of `dtype`, from which they were read.
fn encode(values: &[f32], dtype: Dtype) -> Vec<u8> {
    let values = values.iter();
    match dtype {
        Dtype::F16 => values
            .flat_map(|&value| f16::from_f32(value).to_le_bytes())
            .collect(),
        Dtype::BF16 => values
            .flat_map(|&value| bf16::from_f32(value).to_le_bytes())
            .collect(),
        _ => values.flat_map(|value| value.to_le_bytes()).collect(),
    }
}

fn decode<const N: usize>(bytes: &[u8], values: &mut [f32], number: impl Fn([u8; N]) -> f32) {
    let (words, _) = bytes.as_chunks::<N>();
    for (value, &word) in values.iter_mut().zip(words) {
        *value = number(word);
    }
}
