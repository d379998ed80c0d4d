//! Readers of data sets that need larger dependencies: the hub and Parquet.
//!
//! The crate `trimtab-hub` has them, and `trimtab_hub::install` registers them here.

use std::path::PathBuf;
use std::sync::OnceLock;

use serde_json::Value;

use crate::dataset::DatasetError;

/// Returns the local copy of `hf://datasets/OWNER/NAME[@REVISION]/PATH`.
pub type Fetch = fn(uri: &str) -> Result<PathBuf, DatasetError>;

/// Returns the rows of a Parquet file, given its bytes, or why it cannot be read.
pub type ReadParquet = fn(bytes: &[u8]) -> Result<Vec<Value>, String>;

static FETCH: OnceLock<Fetch> = OnceLock::new();
static READ_PARQUET: OnceLock<ReadParquet> = OnceLock::new();

/// Downloads data sets with `fetch` from now on, in the whole process. Later calls have no effect.
pub fn install_fetch(fetch: Fetch) {
    FETCH.get_or_init(|| fetch);
}

/// Reads Parquet files with `read` from now on, in the whole process. Later calls have no effect.
pub fn install_parquet(read: ReadParquet) {
    READ_PARQUET.get_or_init(|| read);
}

pub(crate) fn fetch(uri: &str) -> Result<PathBuf, DatasetError> {
    let fetch = FETCH.get().ok_or_else(|| DatasetError::NeedsHub {
        uri: uri.to_owned(),
    })?;
    fetch(uri)
}

pub(crate) fn parquet() -> Option<ReadParquet> {
    READ_PARQUET.get().copied()
}
