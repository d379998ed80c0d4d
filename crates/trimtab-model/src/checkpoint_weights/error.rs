//! Why the weights of a checkpoint cannot be read.

use std::path::PathBuf;

use burn::tensor::FloatDType;

use super::mismatch::{Mismatch, list};
use crate::gguf::GgufError;
use crate::tensor_file::TensorFileError;

/// Why the weights of a checkpoint could not be read.
#[expect(missing_docs, reason = "the messages document the variants")]
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    #[error(transparent)]
    File(#[from] TensorFileError),
    #[error("there is no model.safetensors, and {path} {advice}")]
    OtherFormat { path: PathBuf, advice: &'static str },
    #[error(transparent)]
    Gguf(#[from] GgufError),
    #[error("{path} does not fit its shards: {reason}")]
    Index { path: PathBuf, reason: String },
    #[error("{path} does not fit its configuration: {}", list(mismatches))]
    Mismatch {
        path: PathBuf,
        mismatches: Vec<Mismatch>,
    },
    #[error(
        "tensor `{name}` in {path} holds a number beyond the range of {format}; load it in f32"
    )]
    Overflow {
        path: PathBuf,
        name: String,
        format: &'static str,
    },
    #[error("this device does not compute in {dtype:?}; every device computes in F32")]
    ComputeDtype { dtype: FloatDType },
}
