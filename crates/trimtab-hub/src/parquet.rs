//! The rows of a Parquet file.

use std::panic::catch_unwind;

use bytes::Bytes;
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use serde_json::Value;

/// Most memory for the rows of a file, in bytes. A small file can hold one value a billion times.
const MAX_BYTES: usize = 4 << 30;

/// What a value takes besides its text, in bytes.
const VALUE_BYTES: usize = 64;

/// The rows of the file with these bytes, or what is wrong with it.
pub(crate) fn rows(bytes: &[u8]) -> Result<Vec<Value>, String> {
    rows_within(MAX_BYTES, bytes)
}

fn rows_within(max_bytes: usize, bytes: &[u8]) -> Result<Vec<Value>, String> {
    // The reader finds most damage but panics on the rest: one changed byte reaches three such
    // places of parquet 60.1.
    catch_unwind(|| values(max_bytes, Bytes::copy_from_slice(bytes)))
        .map_err(|_| "the file is damaged".to_owned())?
        .map_err(|error| error.to_string())
}

fn values(max_bytes: usize, bytes: Bytes) -> Result<Vec<Value>, ParquetError> {
    let reader = SerializedFileReader::new(bytes)?;
    let (mut rows, mut left) = (vec![], max_bytes);
    for row in reader.get_row_iter(None)? {
        let row = row?.to_json_value();
        left = left.checked_sub(size(&row)).ok_or_else(|| {
            ParquetError::General(format!(
                "its rows take more than {max_bytes} bytes; split the file"
            ))
        })?;
        rows.push(row);
    }
    Ok(rows)
}

/// About the memory of a value, in bytes.
fn size(value: &Value) -> usize {
    let inner = match value {
        Value::String(text) => text.len(),
        Value::Array(values) => values.iter().map(size).sum(),
        Value::Object(fields) => fields
            .iter()
            .map(|(key, field)| key.len() + size(field))
            .sum(),
        _ => 0,
    };
    VALUE_BYTES + inner
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_take_too_much_memory_are_refused() {
        let verl = include_bytes!("../tests/fixtures/verl.parquet");
        assert_eq!(rows(verl).expect("a good file").len(), 3);
        let error = rows_within(1000, verl).expect_err("more than 1000 bytes");
        assert!(error.contains("more than 1000 bytes"), "{error}");
    }
}
