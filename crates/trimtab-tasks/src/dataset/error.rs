//! What can be wrong with a data set.

use std::path::PathBuf;

use super::rows::{MAX_FILE_BYTES, MAX_LINE_BYTES};

/// Why a data set could not be read.
#[expect(missing_docs, reason = "the messages document the variants")]
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("cannot read {path}")]
    Read {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{path} has more than {MAX_FILE_BYTES} bytes")]
    TooLarge { path: PathBuf },
    #[error("{path} holds no row")]
    Empty { path: PathBuf },
    #[error("{path}, line {line}: {reason}")]
    Row {
        path: PathBuf,
        line: usize,
        reason: RowError,
    },
    #[error(
        "only {removed} problems of {path} were found by their `unique_id` to be left out; are the files those of MATH?"
    )]
    Excluded { path: PathBuf, removed: usize },
    #[error("{path} starts as a JSON array but is none: {reason}")]
    Array { path: PathBuf, reason: String },
    #[error(
        "{path} is a Parquet file; call `trimtab_hub::install` with the feature `parquet` of \
         `trimtab-hub`, or convert the file to JSON lines"
    )]
    NeedsParquet { path: PathBuf },
    #[error("{path} starts as a Parquet file but cannot be read: {reason}")]
    Parquet { path: PathBuf, reason: String },
    #[error(
        "{name} is not known on the hub in a layout that can be read; give a file: `{name}:PATH`"
    )]
    NeedsPath { name: &'static str },
    #[error("{uri} is on the hub; call `trimtab_hub::install` of `trimtab-hub`, or give a file")]
    NeedsHub { uri: String },
    #[error("`{uri}` is not of the form hf://datasets/OWNER/NAME[@REVISION]/PATH")]
    Uri { uri: String },
    #[error("cannot get {uri} from the hub: {reason}")]
    Hub { uri: String, reason: String },
}

/// Why a row could not be used.
#[expect(missing_docs, reason = "the messages document the variants")]
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    #[error("not valid UTF-8")]
    NotUtf8,
    #[error("more than {MAX_LINE_BYTES} bytes in one row")]
    TooLong,
    #[error("not valid JSON: {0}")]
    Json(String),
    #[error("not a JSON object")]
    NotAnObject,
    #[error("no field `{0}`")]
    Missing(&'static str),
    #[error("the field `{0}` is neither text nor a number")]
    WrongType(&'static str),
    #[error("the field `{0}` is empty")]
    EmptyField(&'static str),
    #[error("no gold answer {0}")]
    NoGold(&'static str),
    #[error("published with an empty gold answer")]
    EmptyGold,
}
