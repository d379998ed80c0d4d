//! Errors of reading a data set.

use std::path::PathBuf;

use super::rows::{MAX_FILE_BYTES, MAX_LINE_BYTES};

/// Why a data set cannot be read.
#[expect(missing_docs, reason = "the messages document the variants")]
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    #[error("cannot read {path}")]
    Read {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{path} has more than {MAX_FILE_BYTES} bytes; split the file")]
    TooLarge { path: PathBuf },
    #[error("{path} has no rows")]
    Empty { path: PathBuf },
    #[error("{path}, line {line}: {reason}")]
    Row {
        path: PathBuf,
        line: usize,
        reason: RowError,
    },
    #[error(
        "only {removed} problems of {path} occur in the data set by their `unique_id`; \
         are the files those of MATH?"
    )]
    Excluded { path: PathBuf, removed: usize },
    #[error("{path} starts like a JSON array but is not one: {reason}")]
    Array { path: PathBuf, reason: String },
    #[error("{path} is {format}; unpack or convert it to JSON Lines in UTF-8, or to Parquet")]
    Format { path: PathBuf, format: &'static str },
    #[error(
        "{path} is a Parquet file; call `trimtab_hub::install` with the feature `parquet` of \
         `trimtab-hub`, or convert the file to JSON Lines"
    )]
    NeedsParquet { path: PathBuf },
    #[error("{path} starts like a Parquet file but cannot be read: {reason}")]
    Parquet { path: PathBuf, reason: String },
    #[error("no copy of {name} in a known layout is on the hub; give a file: `{name}:PATH`")]
    NeedsPath { name: &'static str },
    #[error("{uri} is on the hub; call `trimtab_hub::install` of `trimtab-hub`, or give a file")]
    NeedsHub { uri: String },
    #[error("`{uri}` is not of the form hf://datasets/OWNER/NAME[@REVISION]/PATH")]
    Uri { uri: String },
    #[error("cannot download {uri} from the hub: {reason}")]
    Hub { uri: String, reason: String },
}

/// Why a row cannot be used.
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
    #[error("no {what} in {tried}; the row has {has}")]
    Missing {
        what: &'static str,
        tried: String,
        has: String,
    },
    #[error("the field `{field}` is neither text nor a number", field = name(.0))]
    WrongType(&'static str),
    #[error("the field `{field}` is empty", field = name(.0))]
    EmptyField(&'static str),
    #[error("no message of the user in `{field}`", field = name(.0))]
    NoUser(&'static str),
    #[error("the user's message in `{field}` is not text alone", field = name(.0))]
    NoText(&'static str),
    #[error("no gold answer {0}")]
    NoGold(&'static str),
    #[error("the gold answer is empty, or a placeholder such as `proof`")]
    EmptyGold,
    #[error(
        "the gold answer is a JSON object or list as text, such as the tests of a program; \
         it must be a number, a formula or words"
    )]
    DataGold,
    #[error("prompts do not show `{0}`; write the choices into the question and remove the field")]
    Choices(String),
    #[error("prompts do not show `{0}`; remove the row, or the field if the text suffices")]
    Media(String),
}

/// The name of a field, given its JSON pointer: `a.b` for `/a/b`.
pub(super) fn name(pointer: &str) -> String {
    pointer.trim_start_matches('/').replace('/', ".")
}
