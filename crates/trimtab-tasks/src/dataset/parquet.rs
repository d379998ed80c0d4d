//! The rows of a Parquet file.

use std::fs::File;
use std::panic::catch_unwind;
use std::path::Path;

use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use serde_json::Value;

use super::DatasetError;
use super::rows::Visit;

/// Visits the rows. The line of a row is its number, from 1.
pub(super) fn each(path: &Path, visit: &mut Visit) -> Result<(), DatasetError> {
    let failed = |reason: String| DatasetError::Parquet {
        path: path.to_owned(),
        reason,
    };
    // The reader panics on some damaged files (parquet 60.1: in three places after one changed
    // byte).
    let rows = catch_unwind(|| values(path))
        .map_err(|_| failed("the file is damaged".to_owned()))?
        .map_err(|error| failed(error.to_string()))?;
    for (number, row) in (1..).zip(rows) {
        visit(number, Ok(row))?;
    }
    Ok(())
}

fn values(path: &Path) -> Result<Vec<Value>, ParquetError> {
    let reader = SerializedFileReader::new(File::open(path)?)?;
    reader
        .get_row_iter(None)?
        .map(|row| Ok(row?.to_json_value()))
        .collect()
}
