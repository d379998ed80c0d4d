use std::io;
use std::path::PathBuf;

/// Why a GGUF file could not be read or written.
#[expect(missing_docs, reason = "the messages document the variants")]
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum GgufError {
    #[error("cannot read {path}")]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot write {path}; a file that was there before is unchanged")]
    Write { path: PathBuf, source: io::Error },
    #[error("{path} is not a complete GGUF file of version 2 or 3: {reason}")]
    Malformed { path: PathBuf, reason: String },
    #[error("{path} is not a control vector: {reason}")]
    NotAControlVector { path: PathBuf, reason: String },
}
