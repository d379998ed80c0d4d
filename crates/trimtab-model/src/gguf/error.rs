//! Why a GGUF file cannot be used.

use std::io;
use std::path::PathBuf;

use crate::config::ConfigError;

/// Why a GGUF file could not be read.
#[expect(missing_docs, reason = "the messages document the variants")]
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum GgufError {
    #[error("cannot read {path}")]
    Read { path: PathBuf, source: io::Error },
    #[error("{path} is not a complete GGUF file of version 2 or 3: {reason}")]
    Malformed { path: PathBuf, reason: String },
    #[error("{path} is one of several parts, and they do not fit together: {reason}")]
    Parts { path: PathBuf, reason: String },
    #[error("`{key}` in the metadata of {path} is {reason}")]
    Value {
        path: PathBuf,
        key: String,
        reason: String,
    },
    #[error("{path} is a `{architecture}`; supported are {known}")]
    Architecture {
        path: PathBuf,
        architecture: String,
        known: String,
    },
    #[error("the metadata of {path}, read as the config.json of a `{model_type}`, cannot be used")]
    Config {
        path: PathBuf,
        model_type: String,
        source: Box<ConfigError>,
    },
    #[error("the metadata of {path} has no `{key}`")]
    Missing { path: PathBuf, key: String },
    #[error(
        "`{name}` in {path} is of the type {kind}, which is not read; take the model in Q8_0, \
         Q6_K, Q5_K_M, Q4_K_M, IQ4_XS, BF16 or F16"
    )]
    Type {
        path: PathBuf,
        name: String,
        kind: &'static str,
    },
}
