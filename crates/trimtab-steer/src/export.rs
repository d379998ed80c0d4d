//! Steering for other runtimes: as files that they add while they run, or merged into a model.
//!
//! | runtime | file | written by |
//! |---|---|---|
//! | llama.cpp, repeng | GGUF control vector | [`write_control_vector`] |
//! | llama.cpp | GGUF model with the vectors inside | [`merge_gguf`] |
//! | transformers, vLLM | checkpoint with the vectors inside | [`merge_checkpoint`] |
//! | NumPy | npy matrix | [`write_npy`] |
//! | PEFT | LoRA adapter | [`Adapter::write_peft`](crate::Adapter::write_peft) |
//! | transformers, vLLM | tuned checkpoint | [`Adapter::write_checkpoint`](crate::Adapter) |
//!
//! [`export`] writes any of those that hold vectors, reloads it, and checks that it computes what
//! the steered model computes ([`ReferenceLogits`]).
//! `docs/export.md` says which runtime takes what, and why.

mod error;
mod folder;
mod merged_checkpoint;
mod merged_gguf;
mod reference_logits;
mod tuned_checkpoint;
mod verified_export;

use std::path::Path;

use trimtab_model::file::write_atomically;

pub use error::{ExportError, MAX_LOGIT_DIFFERENCE};
pub use merged_checkpoint::{SlidingWindowPolicy, merge_checkpoint};
pub use merged_gguf::{Verification, merge_gguf};
pub use reference_logits::ReferenceLogits;
pub use verified_export::{ExportTarget, export};

use crate::control_vector::ControlVector;
use crate::npy::{self, NpyError};
use crate::steering_file::SteeringFile;

/// Writes vectors as an npy matrix `[num_hidden_layers, hidden_size]` of F32, as the code of
/// arXiv:2505.18706 stores them.
///
/// # Errors
///
/// The file is not vectors at `resid_post` of every token, or writing fails.
pub fn write_npy(file: &SteeringFile, path: &Path) -> Result<(), ExportError> {
    let bytes = npy::to_bytes(file.resid_post_vectors()?);
    write_atomically(path, &bytes).map_err(|source| {
        ExportError::Npy(NpyError::Write {
            path: path.into(),
            source,
        })
    })
}

/// Writes vectors as a GGUF control vector for `llama.cpp --control-vector` and repeng.
///
/// The vector of layer `l` is `direction.l`.
///
/// # Errors
///
/// Layer 0 has a vector (see [`SteeringFile::without_layer_0`]), the file is not vectors at
/// `resid_post` of every token, or writing fails.
pub fn write_control_vector(file: &SteeringFile, path: &Path) -> Result<(), ExportError> {
    let vectors = file.resid_post_vectors()?;
    let [layers, width] = [vectors.shape[0], vectors.shape[1]];
    if vectors.data[..width].iter().any(|&value| value != 0.0) {
        return Err(ExportError::LayerZero);
    }
    if layers < 2 {
        return Err(ExportError::OneLayer);
    }
    let control_vector = ControlVector {
        vectors: vectors.clone(),
        model_hint: file.metadata.model_type.clone(),
    };
    write_atomically(path, &control_vector.to_bytes()).map_err(|source| ExportError::Write {
        path: path.into(),
        source,
    })
}
