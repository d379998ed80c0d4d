//! The rows of a file in any format, as JSON values with line numbers.

use std::borrow::Cow;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde_json::Value;
use serde_json::value::RawValue;

use super::{DatasetError, RowError, numbers};
use crate::reader;

/// Maximum size of a file, in bytes. The largest published set has about 300 MB.
pub const MAX_FILE_BYTES: u64 = 1 << 29;

/// Maximum size of a row, in bytes.
pub const MAX_LINE_BYTES: usize = 1 << 24;

/// That of UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// First bytes of files that are no rows yet.
const FORMATS: [(&[u8], &str); 10] = [
    (b"\x1f\x8b", "compressed by gzip"),
    (b"\x28\xb5\x2f\xfd", "compressed by zstd"),
    (b"\xfd7zXZ\0", "compressed by xz"),
    (b"BZh", "compressed by bzip2"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"ARROW1", "an Arrow file"),
    (b"\xff\xff\xff\xff", "an Arrow stream"),
    (b"\xff\xfe", "in UTF-16"),
    (b"\xfe\xff", "in UTF-16"),
    (b"version https://git-lfs", "a pointer to a file in Git LFS"),
];

/// Called for each row with its line, from 1, and its value.
pub(super) type Visit<'a> =
    dyn FnMut(usize, Result<Value, RowError>) -> Result<(), DatasetError> + 'a;

/// The bytes of a file.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, DatasetError> {
    let failed = |source| DatasetError::Read {
        path: path.to_owned(),
        source,
    };
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes))
        .map_err(failed)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(DatasetError::TooLarge {
            path: path.to_owned(),
        });
    }
    Ok(bytes)
}

/// Visits the rows in order. The first bytes tell the format of the file.
pub(super) fn each(path: &Path, bytes: &[u8], visit: &mut Visit) -> Result<(), DatasetError> {
    if bytes.starts_with(b"PAR1") {
        return parquet(path, bytes, visit);
    }
    if let Some((_, format)) = FORMATS.iter().find(|(start, _)| bytes.starts_with(start)) {
        let path = path.to_owned();
        return Err(DatasetError::Format { path, format });
    }
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    if bytes.trim_ascii_start().starts_with(b"[") {
        array(path, bytes, visit)
    } else {
        lines(bytes, visit)
    }
}

/// Visits the rows of a Parquet file. The line of a row is its number, from 1.
fn parquet(path: &Path, bytes: &[u8], visit: &mut Visit) -> Result<(), DatasetError> {
    let path = || path.to_owned();
    let read = reader::parquet().ok_or_else(|| DatasetError::NeedsParquet { path: path() })?;
    let rows = read(bytes).map_err(|reason| DatasetError::Parquet {
        path: path(),
        reason,
    })?;
    for (number, row) in (1..).zip(rows) {
        visit(number, Ok(row))?;
    }
    Ok(())
}

fn lines(bytes: &[u8], visit: &mut Visit) -> Result<(), DatasetError> {
    for (number, line) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
        let line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line); // files may be joined
        if !line.trim_ascii().is_empty() {
            visit(number, row(line))?;
        }
    }
    Ok(())
}

/// Visits the elements of a JSON array, each with its line.
fn array(path: &Path, bytes: &[u8], visit: &mut Visit) -> Result<(), DatasetError> {
    let failed = |reason: String| DatasetError::Array {
        path: path.to_owned(),
        reason,
    };
    let text = std::str::from_utf8(bytes).map_err(|error| failed(error.to_string()))?;
    let elements: Vec<&RawValue> =
        serde_json::from_str(text).map_err(|error| failed(error.to_string()))?;
    let (mut line, mut counted) = (1, 0);
    for element in elements {
        let start = element.get().as_ptr() as usize - text.as_ptr() as usize;
        line += text[counted..start].matches('\n').count();
        counted = start;
        visit(line, row(element.get().as_bytes()))?;
    }
    Ok(())
}

/// Parses a row. `serde_json` limits nesting to 128 levels.
fn row(bytes: &[u8]) -> Result<Value, RowError> {
    if bytes.len() > MAX_LINE_BYTES {
        return Err(RowError::TooLong);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| RowError::NotUtf8)?;
    let mut value = json(text)?;
    if let Cow::Owned(quoted) = numbers::quoted(text) {
        value = json(&quoted)?;
    }
    if value.is_object() || value.is_array() {
        Ok(value) // a row of Open-Reasoner-Zero is a list of messages
    } else {
        Err(RowError::NotAnObject)
    }
}

fn json(text: &str) -> Result<Value, RowError> {
    serde_json::from_str(text).map_err(|error| {
        // The line in the message counts from the start of the row.
        let message = error.to_string();
        let what = message.split(" at line ").next().unwrap_or_default();
        RowError::Json(format!("{what}, column {}", error.column()))
    })
}
