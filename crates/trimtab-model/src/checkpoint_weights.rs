//! The weights of a checkpoint: one `model.safetensors`, or shards behind a `model.safetensors.index.json`.
//!
//! Tensors are read one at a time, straight into the numbers that the model keeps, by reads at a position in the file
//! and not through a memory map: a map needs `unsafe`, dies with a bus error when the file shrinks, and its pages
//! count towards the memory of the process, where a read leaves them to the system.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::File;
use std::io;
use std::marker::PhantomData;
use std::ops::Range;
use std::path::{Component, Path, PathBuf};

use burn::tensor::{DType, Device, Element, FloatDType, Tensor, TensorData};
use half::{bf16, f16};
use rayon::prelude::*;
use safetensors::tensor::{Dtype, Metadata};
use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, Visitor};
use sha2::{Digest, Sha256};

use crate::file::{read_exact_at, read_limited};
use crate::pretrained::LoadError;
use crate::tensor_file::{Checksum, TensorFileError, WrittenHere, hex};

/// Longest header of a safetensors file, in bytes; a tensor takes about a hundred.
const MAX_HEADER_BYTES: u64 = 16 << 20;

/// Largest index, in bytes.
const MAX_INDEX_BYTES: u64 = 64 << 20;

/// Most files of one checkpoint.
const MAX_SHARDS: usize = 1024;

/// How many numbers are read and converted at a time.
const CHUNK: usize = 1 << 16;

/// How many bytes are read at a time where they are only looked at.
const BUFFER: usize = 1 << 20;

/// How many mismatches a message spells out, and for how many the nearest name is searched.
const SHOWN: usize = 16;

/// Among how many names the nearest one is searched.
const MAX_COMPARED: usize = 4096;

/// The tensors of a checkpoint on disk, none of which is in memory before it is asked for.
#[derive(Debug)]
pub struct CheckpointWeights {
    /// The one file, or the index of several; for messages.
    path: PathBuf,
    /// In the order of their names.
    files: Vec<(PathBuf, File)>,
    tensors: BTreeMap<String, Location>,
}

#[derive(Clone, Debug)]
struct Location {
    /// Index among the files.
    file: usize,
    /// Where its first byte lies in the file.
    offset: u64,
    dtype: Dtype,
    shape: Vec<usize>,
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

/// How a checkpoint's tensor departs from what `config.json` asks for.
#[expect(missing_docs, reason = "the messages document the variants")]
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
pub enum Mismatch {
    Missing {
        name: String,
        /// The most similar name that has no place.
        nearest: Option<String>,
    },
    Unexpected {
        name: String,
    },
    Shape {
        name: String,
        found: Vec<usize>,
        expected: Vec<usize>,
    },
    Dtype {
        name: String,
        dtype: Dtype,
    },
}

impl CheckpointWeights {
    /// Opens `model.safetensors` in the folder `dir`, or else the shards that `model.safetensors.index.json` names,
    /// and reads their headers.
    ///
    /// # Errors
    ///
    /// A file is missing, cut short or malformed, the index does not fit the files, or a file that
    /// [`TensorFile`](crate::TensorFile) wrote does not match its own checksum.
    pub fn open(dir: &Path) -> Result<Self, LoadError> {
        let single = dir.join("model.safetensors");
        let index = dir.join("model.safetensors.index.json");
        if single.exists() || !index.exists() {
            let mut weights = Self {
                path: single.clone(),
                files: vec![],
                tensors: BTreeMap::new(),
            };
            let metadata = weights.add(single)?;
            weights.check_own(&metadata)?;
            Ok(weights)
        } else {
            Self::open_shards(dir, index)
        }
    }

    fn open_shards(dir: &Path, path: PathBuf) -> Result<Self, LoadError> {
        let index = Index::read(&path)?;
        let mut weights = Self {
            path: path.clone(),
            files: vec![],
            tensors: BTreeMap::new(),
        };
        for shard in index.shards() {
            weights.add(dir.join(shard))?;
        }
        for (tensor, shard) in &index.weight_map.0 {
            let found = weights.tensors.get(tensor);
            if found.is_none_or(|found| !weights.files[found.file].0.ends_with(shard)) {
                return Err(LoadError::Index {
                    path,
                    reason: format!("`{tensor}` is not in {shard}, where it puts it"),
                });
            }
        }
        Ok(weights)
    }

    /// Opens a file and adds its tensors.
    fn add(&mut self, path: PathBuf) -> Result<Metadata, LoadError> {
        let read = |source| TensorFileError::Read {
            path: path.clone(),
            source,
        };
        let malformed = |reason: &dyn fmt::Display| TensorFileError::Malformed {
            path: path.clone(),
            reason: reason.to_string(),
        };
        let attributes = std::fs::metadata(&path).map_err(read)?; // opening a pipe would wait
        if !attributes.is_file() {
            return Err(malformed(&"not a file").into());
        }
        let file = File::open(&path).map_err(read)?;
        let size = file.metadata().map_err(read)?.len();
        let mut len = [0; 8];
        if size < 8 {
            return Err(malformed(&"shorter than eight bytes").into());
        }
        read_exact_at(&file, &mut len, 0).map_err(read)?;
        let len = u64::from_le_bytes(len);
        if len > MAX_HEADER_BYTES || len > size - 8 {
            return Err(malformed(&format!("a header of {len} bytes")).into());
        }
        let mut header = vec![0; len as usize];
        read_exact_at(&file, &mut header, 8).map_err(read)?;
        let metadata: Metadata =
            serde_json::from_slice(&header).map_err(|error| malformed(&error))?;
        serde_json::from_slice::<Unique<IgnoredAny>>(&header).map_err(|error| malformed(&error))?;
        if metadata.data_len() as u64 != size - 8 - len {
            let expected = metadata.data_len();
            return Err(malformed(&format!(
                "{} bytes of numbers where its header counts {expected}",
                size - 8 - len
            ))
            .into());
        }
        for (name, info) in metadata.tensors() {
            let location = Location {
                file: self.files.len(),
                offset: 8 + len + info.data_offsets.0 as u64,
                dtype: info.dtype,
                shape: info.shape.clone(),
            };
            match self.tensors.entry(name) {
                Entry::Vacant(vacant) => drop(vacant.insert(location)),
                Entry::Occupied(there) => {
                    return Err(LoadError::Index {
                        path: self.path.clone(),
                        reason: format!("`{}` is in more than one file", there.key()),
                    });
                }
            }
        }
        self.files.push((path, file));
        Ok(metadata)
    }

    /// Holds a file that [`TensorFile`](crate::TensorFile) wrote to its own checksum.
    fn check_own(&self, metadata: &Metadata) -> Result<(), LoadError> {
        let Some(written) = WrittenHere::parse(metadata, &self.path)? else {
            return Ok(());
        };
        let mut checksum = Checksum::new(&written.metadata);
        for (name, location) in &self.tensors {
            checksum.tensor(name, &location.shape);
            let len = location.count() * location.dtype.bitsize() / 8;
            let range = location.offset..location.offset + len as u64;
            self.scan(location.file, range, |bytes| checksum.bytes(bytes))?;
        }
        if written.sha256 == checksum.finish() {
            Ok(())
        } else {
            Err(TensorFileError::Checksum {
                path: self.path.clone(),
            }
            .into())
        }
    }

    /// Compares the checkpoint with the tensors that a model wants, by name and shape. Names that are `tolerated`
    /// may be there without a place, such as an unembedding that is the embedding again: an entry with a dot at its
    /// end stands for all names that begin with it, another one for itself and all names that end in it behind a dot.
    ///
    /// # Errors
    ///
    /// [`LoadError::Mismatch`] lists everything that is missing, unexpected, of another shape or of an unknown type.
    pub fn check(
        &self,
        wanted: &[(String, Vec<usize>)],
        tolerated: &[&str],
    ) -> Result<(), LoadError> {
        let names: BTreeSet<&str> = wanted.iter().map(|(name, _)| name.as_str()).collect();
        let unexpected: Vec<&str> = self
            .tensors
            .keys()
            .map(String::as_str)
            .filter(|name| !names.contains(name) && !is_tolerated(name, tolerated))
            .collect();
        let mut mismatches = vec![];
        for (name, expected) in wanted {
            mismatches.extend(match self.tensors.get(name) {
                None => Some(Mismatch::Missing {
                    name: name.clone(),
                    nearest: (mismatches.len() < SHOWN)
                        .then(|| nearest(name, &unexpected))
                        .flatten(),
                }),
                Some(found) if found.shape != *expected => Some(Mismatch::Shape {
                    name: name.clone(),
                    found: found.shape.clone(),
                    expected: expected.clone(),
                }),
                Some(found) if width(found.dtype).is_none() => Some(Mismatch::Dtype {
                    name: name.clone(),
                    dtype: found.dtype,
                }),
                Some(_) => None,
            });
        }
        mismatches.extend(unexpected.into_iter().map(|name| Mismatch::Unexpected {
            name: name.to_owned(),
        }));
        if mismatches.is_empty() {
            return Ok(());
        }
        Err(LoadError::Mismatch {
            path: self.path.clone(),
            mismatches,
        })
    }

    /// The tensor `name` in the number format `dtype`; a vector of `n` numbers comes as `[1, n]`.
    ///
    /// # Errors
    ///
    /// The file has no matrix or vector of floating-point numbers by that name, it cannot be read, a value is not
    /// finite (in `dtype`, whose range may be narrower), or `device` does not compute in `dtype`.
    pub fn tensor(
        &self,
        name: &str,
        dtype: FloatDType,
        device: &Device,
    ) -> Result<Tensor<2>, LoadError> {
        let rows = match self.tensors.get(name).map(|location| &location.shape[..]) {
            Some(&[rows, _]) => rows,
            _ => 1,
        };
        self.rows(name, 0..rows, dtype, device)
    }

    /// Some rows of the tensor `name`; a vector is one row.
    ///
    /// # Errors
    ///
    /// As [`Self::tensor`].
    ///
    /// # Panics
    ///
    /// Panics if the tensor does not have these rows.
    pub fn rows(
        &self,
        name: &str,
        rows: Range<usize>,
        dtype: FloatDType,
        device: &Device,
    ) -> Result<Tensor<2>, LoadError> {
        if !device.supports_dtype(dtype) {
            return Err(LoadError::ComputeDtype { dtype });
        }
        let location = self.tensors.get(name);
        let Some((location, [count, columns])) = location.and_then(|location| {
            let shape = match location.shape[..] {
                [columns] => [1, columns],
                [rows, columns] => [rows, columns],
                _ => return None,
            };
            Some((location, shape))
        }) else {
            return Err(LoadError::Mismatch {
                path: self.path.clone(),
                mismatches: vec![Mismatch::Missing {
                    name: name.to_owned(),
                    nearest: None,
                }],
            });
        };
        assert!(rows.end <= count, "no such rows in `{name}`");
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
            FloatDType::F64 | FloatDType::Flex32 => return Err(LoadError::ComputeDtype { dtype }),
        };
        Ok(Tensor::from_data(data, (device, DType::from(dtype))))
    }

    /// The files, in the order of their names.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(|(path, _)| path.as_path())
    }

    /// The tensors of the file `file` of [`Self::files`], in the order of their names.
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

    /// The bytes of the tensor `name` as they lie on disk.
    ///
    /// # Errors
    ///
    /// There is no such tensor, or it cannot be read.
    pub fn bytes(&self, name: &str) -> Result<Vec<u8>, LoadError> {
        let Some(location) = self.tensors.get(name) else {
            return Err(LoadError::Mismatch {
                path: self.path.clone(),
                mismatches: vec![Mismatch::Missing {
                    name: name.to_owned(),
                    nearest: None,
                }],
            });
        };
        let mut bytes = vec![0; location.count() * location.dtype.bitsize() / 8];
        read_exact_at(&self.files[location.file].1, &mut bytes, location.offset)
            .map_err(|source| self.unread(location.file, source))?;
        Ok(bytes)
    }

    /// Reads every number and counts those that are not finite, by tensor; those without any are left out.
    ///
    /// # Errors
    ///
    /// A file cannot be read, or a tensor holds other numbers than floating-point ones of 16 or 32 bits.
    pub fn verify(&self) -> Result<BTreeMap<&str, usize>, LoadError> {
        let mut counts = BTreeMap::new();
        for (name, location) in &self.tensors {
            let mut values = vec![0.0; CHUNK];
            let mut count = 0;
            for start in (0..location.count()).step_by(CHUNK) {
                let len = CHUNK.min(location.count() - start);
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

    /// SHA-256 of the bytes of the file, or of all shards one behind the other in the order of their names, in
    /// lower-case hexadecimal digits.
    ///
    /// # Errors
    ///
    /// A file cannot be read.
    pub fn sha256(&self) -> Result<String, LoadError> {
        let mut hash = Sha256::new();
        for (index, (_, file)) in self.files.iter().enumerate() {
            let size = file
                .metadata()
                .map_err(|source| self.unread(index, source))?
                .len();
            self.scan(index, 0..size, |bytes| hash.update(bytes))?;
        }
        Ok(hex(&hash.finalize()))
    }

    /// Rows of a matrix from number `start` on, read by as many threads as there are.
    fn read<E: Element>(
        &self,
        name: &str,
        location: &Location,
        start: usize,
        [rows, columns]: [usize; 2],
    ) -> Result<Vec<E>, LoadError> {
        let mut values = vec![E::from_elem(0.0_f32); rows * columns];
        let chunks = values.par_chunks_mut(CHUNK).enumerate();
        chunks.try_for_each(|(index, chunk)| {
            let mut buffer = vec![0.0; chunk.len()];
            self.read_chunk(name, location, start + index * CHUNK, &mut buffer)?;
            for (value, number) in chunk.iter_mut().zip(buffer) {
                *value = E::from_elem(number);
                if !value.elem::<f32>().is_finite() {
                    return Err(LoadError::from(TensorFileError::NonFinite {
                        path: self.files[location.file].0.clone(),
                        name: name.to_owned(),
                    }));
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
    ) -> Result<(), LoadError> {
        let (path, file) = &self.files[location.file];
        let Some(width) = width(location.dtype) else {
            return Err(LoadError::from(TensorFileError::Dtype {
                path: path.clone(),
                name: name.to_owned(),
                dtype: location.dtype,
            }));
        };
        let mut bytes = vec![0; width * values.len()];
        read_exact_at(file, &mut bytes, location.offset + (width * start) as u64)
            .map_err(|source| self.unread(location.file, source))?;
        match location.dtype {
            Dtype::F32 => decode(&bytes, values, f32::from_le_bytes),
            Dtype::F16 => decode(&bytes, values, |word| f16::from_le_bytes(word).to_f32()),
            _ => decode(&bytes, values, |word| bf16::from_le_bytes(word).to_f32()),
        }
        Ok(())
    }

    /// Shows the bytes of a file to `see`, a part at a time.
    fn scan(
        &self,
        file: usize,
        range: Range<u64>,
        mut see: impl FnMut(&[u8]),
    ) -> Result<(), LoadError> {
        let mut buffer = vec![0; BUFFER];
        let mut offset = range.start;
        while offset < range.end {
            let len = (range.end - offset).min(BUFFER as u64);
            let part = &mut buffer[..len as usize];
            let read = read_exact_at(&self.files[file].1, part, offset);
            read.map_err(|source| self.unread(file, source))?;
            see(part);
            offset += len;
        }
        Ok(())
    }

    fn unread(&self, file: usize, source: io::Error) -> LoadError {
        let path = self.files[file].0.clone();
        TensorFileError::Read { path, source }.into()
    }
}

impl Location {
    fn count(&self) -> usize {
        self.shape.iter().product()
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { name, nearest } => {
                write!(f, "`{name}` is missing")?;
                match nearest {
                    Some(nearest) => write!(f, " (`{nearest}` is there)"),
                    None => Ok(()),
                }
            }
            Self::Unexpected { name } => write!(f, "`{name}` has no place"),
            Self::Shape {
                name,
                found,
                expected,
            } => write!(f, "`{name}` has shape {found:?}, not {expected:?}"),
            Self::Dtype { name, dtype } => {
                write!(f, "`{name}` holds {dtype:?}, not F32, F16 or BF16")
            }
        }
    }
}

/// Mismatches as the text of one error.
pub(crate) fn list(mismatches: &[Mismatch]) -> String {
    let shown: Vec<String> = mismatches
        .iter()
        .take(SHOWN)
        .map(Mismatch::to_string)
        .collect();
    match mismatches.len() - shown.len() {
        0 => shown.join("; "),
        more => format!("{}; and {more} more", shown.join("; ")),
    }
}

/// `model.safetensors.index.json`, of which nothing else is of use.
#[derive(Deserialize)]
struct Index {
    weight_map: Unique<String>,
}

impl Index {
    fn read(path: &Path) -> Result<Self, LoadError> {
        let bad = |reason: String| LoadError::Index {
            path: path.into(),
            reason,
        };
        let bytes = read_limited(path, MAX_INDEX_BYTES).map_err(|error| bad(error.to_string()))?;
        let index: Self = serde_json::from_slice(&bytes).map_err(|error| bad(error.to_string()))?;
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

    fn shards(&self) -> BTreeSet<&str> {
        self.weight_map.0.values().map(String::as_str).collect()
    }
}

/// A JSON object in which no key comes twice.
struct Unique<V>(BTreeMap<String, V>);

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Unique<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<V>(PhantomData<V>);
        impl<'de, V: Deserialize<'de>> Visitor<'de> for Entries<V> {
            type Value = Unique<V>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = BTreeMap::new();
                while let Some((key, value)) = map.next_entry::<String, V>()? {
                    match entries.entry(key) {
                        Entry::Vacant(vacant) => drop(vacant.insert(value)),
                        Entry::Occupied(there) => {
                            return Err(de::Error::custom(format!(
                                "`{}` comes twice",
                                there.key()
                            )));
                        }
                    }
                }
                Ok(Unique(entries))
            }
        }
        deserializer.deserialize_map(Entries(PhantomData))
    }
}

fn decode<const N: usize>(bytes: &[u8], values: &mut [f32], number: impl Fn([u8; N]) -> f32) {
    let (words, _) = bytes.as_chunks::<N>();
    for (value, &word) in values.iter_mut().zip(words) {
        *value = number(word);
    }
}

/// Bytes of one number of a type that is read.
fn width(dtype: Dtype) -> Option<usize> {
    match dtype {
        Dtype::F32 => Some(4),
        Dtype::F16 | Dtype::BF16 => Some(2),
        _ => None,
    }
}

fn is_tolerated(name: &str, tolerated: &[&str]) -> bool {
    tolerated.iter().any(|entry| {
        entry.ends_with('.') && name.starts_with(entry)
            || name
                .strip_suffix(entry)
                .is_some_and(|head| head.is_empty() || head.ends_with('.'))
    })
}

/// The name among `names` that takes the fewest edits to become `name`, unless it takes more than half of it.
fn nearest(name: &str, names: &[&str]) -> Option<String> {
    names
        .iter()
        .take(MAX_COMPARED)
        .filter(|other| other.len() <= 2 * name.len())
        .map(|other| (strsim::levenshtein(name, other), other))
        .min()
        .filter(|&(edits, _)| edits <= name.len() / 2)
        .map(|(_, other)| (*other).to_owned())
}
