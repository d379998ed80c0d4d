//! The header of a GGUF file: metadata, and name, type, shape and offset of each tensor.

use std::collections::BTreeSet;
use std::io::{BufReader, Read};
use std::ops::Range;

use super::tensor_type::TensorType;
use super::value::{ARRAY, STRING, Value, put_string, width};

/// The first bytes of every file.
pub const MAGIC: &[u8] = b"GGUF";

/// Longest header that is read, in bytes. A vocabulary of 256,000 tokens takes about 16 MB with its
/// merges.
const MAX_HEADER_BYTES: u64 = 256 << 20;
/// Largest count of metadata keys, and of tensors.
const MAX_ENTRIES: u64 = 1 << 16;
/// Largest depth of nested arrays.
const MAX_DEPTH: usize = 4;
/// Alignment where the file does not say it.
const DEFAULT_ALIGNMENT: u64 = 32;

/// The header of a file, checked: every tensor lies inside the file.
#[derive(Debug)]
pub struct Header {
    /// Keys and values, in the order of the file.
    pub metadata: Vec<(String, Value)>,
    /// In the order of the file.
    pub tensors: Vec<TensorInfo>,
    /// Where the tensors' bytes begin.
    data_offset: u64,
}

impl Header {
    /// Reads the header at the beginning of a file of `file_len` bytes.
    ///
    /// # Errors
    ///
    /// The reason why the file is malformed.
    pub fn parse(file: impl Read, file_len: u64) -> Result<Self, String> {
        let mut reader = HeaderReader {
            reader: BufReader::new(file.take(MAX_HEADER_BYTES)),
            position: 0,
        };
        let (metadata, tensors) = reader.read()?;
        let alignment = alignment(&metadata)?;
        let data_offset = reader.position.next_multiple_of(alignment);
        for tensor in &tensors {
            let end = tensor
                .len()
                .and_then(|len| tensor.offset.checked_add(len)?.checked_add(data_offset));
            if end.is_none_or(|end| end > file_len) || !tensor.offset.is_multiple_of(alignment) {
                return Err(format!("the tensor `{}` is not inside it", tensor.name));
            }
        }
        Ok(Self {
            metadata,
            tensors,
            data_offset,
        })
    }

    /// The value of `key`.
    pub fn value(&self, key: &str) -> Option<&Value> {
        let found = self.metadata.iter().find(|(name, _)| name == key);
        found.map(|(_, value)| value)
    }

    /// The tensor of that name.
    pub fn tensor(&self, name: &str) -> Option<&TensorInfo> {
        self.tensors.iter().find(|tensor| tensor.name == name)
    }

    /// Where in the file the bytes of a tensor are.
    pub fn byte_range(&self, tensor: &TensorInfo) -> Range<u64> {
        let start = self.data_offset + tensor.offset;
        start..start + tensor.len().expect("checked when the header was read")
    }
}

/// Name, shape, type and offset of a tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct TensorInfo {
    /// Its name.
    pub name: String,
    /// Length of each axis, the fastest-changing one first.
    pub dims: Vec<u64>,
    /// The type of its numbers.
    pub kind: TensorType,
    /// From the end of the header.
    offset: u64,
}

impl TensorInfo {
    /// A tensor to be written; its offset follows from its position in the list.
    pub fn new(name: String, dims: Vec<u64>, kind: TensorType) -> Self {
        Self {
            name,
            dims,
            kind,
            offset: 0,
        }
    }

    /// How many numbers the tensor has.
    pub fn count(&self) -> u64 {
        self.dims.iter().product()
    }

    /// Length in bytes; `None` for broken rows or a length that overflows.
    fn len(&self) -> Option<u64> {
        let (numbers, bytes) = self.kind.block();
        if !self.dims.first()?.is_multiple_of(numbers as u64) {
            return None;
        }
        let mut dims = self.dims.iter();
        let count = dims.try_fold(1_u64, |count, &dim| count.checked_mul(dim))?;
        (count / numbers as u64).checked_mul(bytes as u64)
    }
}

/// The header of a file that will hold `tensors`, padded to where their bytes begin.
///
/// [`padding`] zeros follow the bytes of each tensor.
///
/// # Panics
///
/// A tensor does not have rows of whole blocks.
pub fn header_bytes(metadata: &[(String, Value)], tensors: &[TensorInfo]) -> Vec<u8> {
    let alignment = alignment(metadata).expect("an alignment that was read or the default");
    let mut bytes = MAGIC.to_vec();
    bytes.extend(3_u32.to_le_bytes());
    bytes.extend((tensors.len() as u64).to_le_bytes());
    bytes.extend((metadata.len() as u64).to_le_bytes());
    for (key, value) in metadata {
        put_string(&mut bytes, key);
        bytes.extend(value.kind.to_le_bytes());
        bytes.extend(&value.bytes);
    }
    let mut offset = 0_u64;
    for tensor in tensors {
        put_string(&mut bytes, &tensor.name);
        bytes.extend((tensor.dims.len() as u32).to_le_bytes());
        for dim in &tensor.dims {
            bytes.extend(dim.to_le_bytes());
        }
        bytes.extend(tensor.kind.number().to_le_bytes());
        bytes.extend(offset.to_le_bytes());
        let len = tensor.len().expect("rows of whole blocks");
        offset += len.next_multiple_of(alignment);
    }
    bytes.resize(bytes.len().next_multiple_of(alignment as usize), 0);
    bytes
}

/// How many zeros follow `len` bytes of a tensor.
pub fn padding(metadata: &[(String, Value)], len: usize) -> usize {
    let alignment = alignment(metadata).expect("an alignment that was read or the default");
    len.next_multiple_of(alignment as usize) - len
}

fn alignment(metadata: &[(String, Value)]) -> Result<u64, String> {
    let found = metadata
        .iter()
        .find(|(key, _)| key == "general.alignment")
        .map(|(_, value)| value.as_u64());
    match found {
        None => Ok(DEFAULT_ALIGNMENT),
        Some(Some(alignment)) if alignment.is_power_of_two() && alignment <= 1 << 20 => {
            Ok(alignment)
        }
        Some(_) => Err("general.alignment is no power of two up to 2^20".to_owned()),
    }
}

/// A header being read; errors are reasons why the file is malformed.
struct HeaderReader<R> {
    reader: R,
    position: u64,
}

type Entries = (Vec<(String, Value)>, Vec<TensorInfo>);

impl<R: Read> HeaderReader<R> {
    fn read(&mut self) -> Result<Entries, String> {
        let magic = self.bytes(4)?;
        if magic == b"vers" {
            return Err("it is the pointer of Git LFS to the file; run `git lfs pull`".to_owned());
        }
        if magic.starts_with(b"<") {
            return Err("it is a web page, as failed downloads leave; fetch it again".to_owned());
        }
        if magic != MAGIC {
            return Err("it does not begin with `GGUF`".to_owned());
        }
        let version = self.u32()?;
        if [2, 3].contains(&version.swap_bytes()) {
            return Err("it is big-endian; convert it with gguf_convert_endian.py".to_owned());
        }
        if version != 2 && version != 3 {
            return Err(format!("its version is {version}"));
        }
        let (tensors, keys) = (self.u64()?, self.u64()?);
        if tensors > MAX_ENTRIES || keys > MAX_ENTRIES {
            return Err(format!("it counts {tensors} tensors and {keys} keys"));
        }
        let mut names = BTreeSet::new();
        let mut metadata = vec![];
        for _ in 0..keys {
            let key = self.string()?;
            let kind = self.u32()?;
            let mut bytes = vec![];
            self.value(kind, 0, &mut bytes)?;
            if !names.insert(key.clone()) {
                return Err(format!("the key `{key}` comes twice"));
            }
            metadata.push((key, Value { kind, bytes }));
        }
        names.clear();
        let mut infos = vec![];
        for _ in 0..tensors {
            let info = self.tensor()?;
            if !names.insert(info.name.clone()) {
                return Err(format!("the tensor `{}` comes twice", info.name));
            }
            infos.push(info);
        }
        Ok((metadata, infos))
    }

    fn tensor(&mut self) -> Result<TensorInfo, String> {
        let name = self.string()?;
        let axes = self.u32()?;
        if !(1..=4).contains(&axes) {
            return Err(format!("the tensor `{name}` has {axes} axes"));
        }
        let dims = (0..axes).map(|_| self.u64()).collect::<Result<_, _>>()?;
        let number = self.u32()?;
        let Some(kind) = TensorType::from_number(number) else {
            return Err(format!("the tensor `{name}` has the unknown type {number}"));
        };
        let info = TensorInfo {
            name,
            dims,
            kind,
            offset: self.u64()?,
        };
        match info.len() {
            Some(_) => Ok(info),
            None => Err(format!(
                "the tensor `{}` has the type {kind:?} and the shape {:?}",
                info.name, info.dims
            )),
        }
    }

    /// Appends a value of the type `kind` to `bytes`.
    fn value(&mut self, kind: u32, depth: usize, bytes: &mut Vec<u8>) -> Result<(), String> {
        match kind {
            STRING => {
                let text = self.string()?;
                put_string(bytes, &text);
            }
            ARRAY if depth < MAX_DEPTH => {
                let (kind, count) = (self.u32()?, self.u64()?);
                bytes.extend(kind.to_le_bytes());
                bytes.extend(count.to_le_bytes());
                if count > MAX_HEADER_BYTES {
                    return Err(format!("an array of {count}"));
                }
                if let Some(width) = width(kind) {
                    bytes.extend(self.bytes(count * width as u64)?);
                    return Ok(());
                }
                for _ in 0..count {
                    self.value(kind, depth + 1, bytes)?; // ends where the header does
                }
            }
            _ => match width(kind) {
                Some(width) => bytes.extend(self.bytes(width as u64)?),
                None => return Err(format!("a value of the type {kind}")),
            },
        }
        Ok(())
    }

    fn string(&mut self) -> Result<String, String> {
        let len = self.u64()?;
        let bytes = self.bytes(len)?;
        String::from_utf8(bytes).map_err(|_| "a text is not UTF-8".to_owned())
    }

    fn u32(&mut self) -> Result<u32, String> {
        let bytes = self.bytes(4)?;
        Ok(u32::from_le_bytes(bytes.try_into().expect("four bytes")))
    }

    fn u64(&mut self) -> Result<u64, String> {
        let bytes = self.bytes(8)?;
        Ok(u64::from_le_bytes(bytes.try_into().expect("eight bytes")))
    }

    fn bytes(&mut self, count: u64) -> Result<Vec<u8>, String> {
        let mut bytes = vec![];
        let taken = (&mut self.reader).take(count).read_to_end(&mut bytes);
        taken.map_err(|error| error.to_string())?;
        self.position += bytes.len() as u64;
        if bytes.len() as u64 == count {
            Ok(bytes)
        } else {
            Err("its header is cut short, or longer than 256 MiB".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Vec<u8> {
        let metadata = [
            ("general.architecture".to_owned(), Value::string("llama")),
            ("llama.block_count".to_owned(), Value::uint32(3)),
        ];
        let tensors = [
            TensorInfo::new("a".to_owned(), vec![3, 2], TensorType::F32),
            TensorInfo::new("b".to_owned(), vec![32, 1], TensorType::Q8_0),
        ];
        let mut bytes = header_bytes(&metadata, &tensors);
        for len in [24, 34] {
            bytes.extend((0..len).map(|byte| byte as u8));
            bytes.resize(bytes.len() + padding(&metadata, len), 0);
        }
        bytes
    }

    fn parse(bytes: &[u8]) -> Result<Header, String> {
        Header::parse(bytes, bytes.len() as u64)
    }

    #[test]
    fn what_is_written_is_read() {
        let file = parse(&sample()).expect("a good file");
        let architecture = file.value("general.architecture").and_then(Value::as_str);
        assert_eq!(architecture, Some("llama"));
        let blocks = file.value("llama.block_count").and_then(Value::as_u64);
        assert_eq!(blocks, Some(3));
        let b = file.tensor("b").expect("the second tensor");
        assert_eq!(file.byte_range(b).end - file.byte_range(b).start, 34);
        assert!(file.tensor("c").is_none() && file.value("x").is_none());
    }

    /// A cut in the last padding loses nothing.
    #[test]
    fn every_truncation_is_an_error_and_no_flipped_bit_panics() {
        let bytes = sample();
        for len in 0..bytes.len() - 30 {
            assert!(parse(&bytes[..len]).is_err(), "cut to {len} bytes");
        }
        for bit in (0..8 * (bytes.len() - 128)).step_by(5) {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            if let Ok(file) = parse(&damaged) {
                for tensor in &file.tensors {
                    let len = tensor.len().expect("checked");
                    assert!(len <= bytes.len() as u64);
                }
            }
        }
    }
}
