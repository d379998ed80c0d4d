//! Metadata values of GGUF files.

use serde_json::Value as Json;

use crate::config::keys::shorten;

/// A metadata value, in the encoding of the file.
#[derive(Clone, Debug, PartialEq)]
pub struct Value {
    pub(super) kind: u32,
    pub(super) bytes: Vec<u8>,
}

/// Most elements of an array that are made numbers or texts.
const MAX_ELEMENTS: usize = 1 << 22;

/// Types of values.
pub(super) const UINT8: u32 = 0;
pub(super) const INT8: u32 = 1;
pub(super) const UINT16: u32 = 2;
pub(super) const INT16: u32 = 3;
pub(super) const UINT32: u32 = 4;
pub(super) const INT32: u32 = 5;
pub(super) const FLOAT32: u32 = 6;
pub(super) const BOOL: u32 = 7;
pub(super) const STRING: u32 = 8;
pub(super) const ARRAY: u32 = 9;
pub(super) const UINT64: u32 = 10;
pub(super) const INT64: u32 = 11;
pub(super) const FLOAT64: u32 = 12;

impl Value {
    /// A text.
    pub fn string(text: &str) -> Self {
        let mut bytes = vec![];
        put_string(&mut bytes, text);
        Self {
            kind: STRING,
            bytes,
        }
    }

    /// A 32-bit number.
    pub fn uint32(number: u32) -> Self {
        Self {
            kind: UINT32,
            bytes: number.to_le_bytes().to_vec(),
        }
    }

    /// The text, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        let text = self.bytes.get(8..).filter(|_| self.kind == STRING)?;
        std::str::from_utf8(text).ok()
    }

    /// The truth value, if it is one.
    pub fn as_bool(&self) -> Option<bool> {
        (self.kind == BOOL).then(|| self.bytes != [0])
    }

    /// The whole number, if it is one that is not negative.
    pub fn as_u64(&self) -> Option<u64> {
        u64::try_from(integer(self.kind, &self.bytes)?).ok()
    }

    /// The number, if it is one, of whichever type.
    pub fn as_f64(&self) -> Option<f64> {
        number(self.kind, &self.bytes)
    }

    /// The texts, if it is an array of them.
    pub fn as_strings(&self) -> Option<Vec<&str>> {
        let (kind, count, mut bytes) = self.array()?;
        if kind != STRING {
            return None;
        }
        let mut texts = Vec::with_capacity(count);
        while let Some((len, rest)) = bytes.split_first_chunk::<8>() {
            let (text, rest) = rest.split_at_checked(u64::from_le_bytes(*len) as usize)?;
            texts.push(std::str::from_utf8(text).ok()?);
            bytes = rest;
        }
        Some(texts)
    }

    /// The whole numbers, if it is an array of them, of whichever type.
    pub fn as_i64s(&self) -> Option<Vec<i64>> {
        let (kind, _, bytes) = self.array()?;
        let chunks = bytes.chunks_exact(width(kind)?);
        chunks.map(|bytes| integer(kind, bytes)).collect()
    }

    /// The numbers, if it is an array of them, of whichever type.
    pub fn as_f64s(&self) -> Option<Vec<f64>> {
        let (kind, _, bytes) = self.array()?;
        let chunks = bytes.chunks_exact(width(kind)?);
        chunks.map(|bytes| number(kind, bytes)).collect()
    }

    /// The truth values, if it is an array of them.
    pub fn as_bools(&self) -> Option<Vec<bool>> {
        let (_, _, bytes) = self.array().filter(|(kind, ..)| *kind == BOOL)?;
        Some(bytes.iter().map(|&byte| byte != 0).collect())
    }

    /// The value in JSON; numbers without a number there become null.
    pub fn to_json(&self) -> Json {
        if let Some(number) = integer(self.kind, &self.bytes) {
            return number.into();
        }
        if let (STRING, Some(text)) = (self.kind, self.as_str()) {
            return text.into();
        }
        if let Some(texts) = self.as_strings() {
            return texts.into();
        }
        let number = self.as_f64().map(Json::from);
        let truth = self.as_bool().map(Json::from);
        let integers = self.as_i64s().map(Json::from);
        let numbers = self.as_f64s().map(Json::from);
        let truths = self.as_bools().map(Json::from);
        let found = number.or(truth).or(integers).or(numbers).or(truths);
        found.unwrap_or_default()
    }

    /// The value as a message can show it.
    pub(super) fn describe(&self) -> String {
        match self.kind {
            ARRAY => "a list".to_owned(),
            _ => shorten(&self.to_json()),
        }
    }

    /// Type, count and bytes of the elements of an array.
    fn array(&self) -> Option<(u32, usize, &[u8])> {
        let bytes = (self.kind == ARRAY).then_some(&self.bytes[..])?;
        let (kind, bytes) = bytes.split_first_chunk::<4>()?;
        let (count, bytes) = bytes.split_first_chunk::<8>()?;
        let count = u64::from_le_bytes(*count) as usize;
        (count <= MAX_ELEMENTS).then_some((u32::from_le_bytes(*kind), count, bytes))
    }
}

/// Bytes of a value of the type `kind`, if all values of that type take as many.
pub(super) fn width(kind: u32) -> Option<usize> {
    match kind {
        UINT8 | INT8 | BOOL => Some(1),
        UINT16 | INT16 => Some(2),
        UINT32 | INT32 | FLOAT32 => Some(4),
        UINT64 | INT64 | FLOAT64 => Some(8),
        _ => None,
    }
}

/// Appends a text with its length.
pub(super) fn put_string(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend((text.len() as u64).to_le_bytes());
    bytes.extend(text.as_bytes());
}

/// The whole number in `bytes`; `None` for another type, and above 2^63.
fn integer(kind: u32, bytes: &[u8]) -> Option<i64> {
    Some(match kind {
        UINT8 => u8::from_le_bytes(bytes.try_into().ok()?).into(),
        INT8 => i8::from_le_bytes(bytes.try_into().ok()?).into(),
        UINT16 => u16::from_le_bytes(bytes.try_into().ok()?).into(),
        INT16 => i16::from_le_bytes(bytes.try_into().ok()?).into(),
        UINT32 => u32::from_le_bytes(bytes.try_into().ok()?).into(),
        INT32 => i32::from_le_bytes(bytes.try_into().ok()?).into(),
        UINT64 => u64::from_le_bytes(bytes.try_into().ok()?).try_into().ok()?,
        INT64 => i64::from_le_bytes(bytes.try_into().ok()?),
        _ => return None,
    })
}

/// The number in `bytes`, whole or not.
fn number(kind: u32, bytes: &[u8]) -> Option<f64> {
    match kind {
        FLOAT32 => Some(f32::from_le_bytes(bytes.try_into().ok()?).into()),
        FLOAT64 => Some(f64::from_le_bytes(bytes.try_into().ok()?)),
        _ => integer(kind, bytes).map(|number| number as f64),
    }
}
