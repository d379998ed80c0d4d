//! Ways to read data sets that need a larger dependency than this crate has.
//!
//! The crate `trimtab-hub` holds them; `trimtab_hub::install()` makes them known here.

use std::path::PathBuf;
use std::sync::OnceLock;

use serde_json::Value;

use crate::dataset::LoadError;

/// Returns the local copy of `hf://datasets/OWNER/NAME[@REVISION]/PATH`.
pub type Fetch = fn(uri: &str) -> Result<PathBuf, LoadError>;

/// Returns the rows of a Parquet file, given its bytes, or what is wrong with it.
pub type ReadParquet = fn(bytes: &[u8]) -> Result<Vec<Value>, String>;

static FETCH: OnceLock<Fetch> = OnceLock::new();
static READ_PARQUET: OnceLock<ReadParquet> = OnceLock::new();

/// Fetches data sets from the hub with `fetch`, in the whole process. The first call counts.
pub fn install_fetch(fetch: Fetch) {
    FETCH.get_or_init(|| fetch);
}

/// Reads Parquet files with `read`, in the whole process. The first call counts.
pub fn install_parquet(read: ReadParquet) {
    READ_PARQUET.get_or_init(|| read);
}

pub(crate) fn fetch(uri: &str) -> Result<PathBuf, LoadError> {
    let fetch = FETCH.get().ok_or_else(|| LoadError::NeedsHub {
        uri: uri.to_owned(),
    })?;
    fetch(uri)
}

pub(crate) fn parquet() -> Option<ReadParquet> {
    READ_PARQUET.get().copied()
}
