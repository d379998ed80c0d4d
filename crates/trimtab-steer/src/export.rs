//! Vectors in other runtimes: as files that they add while they run, or merged into the model itself.
//!
//! `docs/export.md` says which runtime takes what, and why.

use std::io;
use std::path::{Path, PathBuf};

use trimtab_model::checkpoint_weights::WeightsError;
use trimtab_model::config::ConfigError;
use trimtab_model::{Hook, Model};

use crate::file::{SteeringError, SteeringFile};
use crate::gguf::GgufError;
use crate::npy::{self, NpyError};

/// Largest accepted difference of a logit between the steered model and an export, both computed in f32.
pub const TOLERANCE: f32 = 1e-4;

/// Why vectors could not be exported.
#[expect(missing_docs, reason = "the messages document the variants")]
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error(transparent)]
    Steering(#[from] SteeringError),
    #[error(transparent)]
    Gguf(#[from] GgufError),
    #[error(transparent)]
    Npy(#[from] NpyError),
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Weights(#[from] WeightsError),
    #[error(
        "layer 0 has a vector, and a GGUF control vector cannot express it; export a merged model (hf or gguf-merged), or have it left out"
    )]
    FirstLayer,
    #[error("the model has one layer, and a GGUF control vector has none for layer 0")]
    OneLayer,
    #[error("a steered `{model_type}` cannot be expressed as a {target}: {reason}")]
    Inexpressible {
        model_type: String,
        target: &'static str,
        reason: String,
    },
    #[error("only full tuning gives a checkpoint of its own; what was trained is `{form}`")]
    NoWeights { form: &'static str },
    #[error("{path} exists already; remove it or name another place")]
    Exists { path: PathBuf },
    #[error("cannot write {path}: {source}")]
    Write { path: PathBuf, source: io::Error },
    #[error("cannot copy {path}: {source}")]
    Copy { path: PathBuf, source: io::Error },
    #[error(
        "the export computes something else: a logit differs by {difference}, where {TOLERANCE} is the most; please report this"
    )]
    Differs { difference: f32 },
}

/// Names what is being merged until it is whole. `mode` holds the access rights on Unix, where the
/// default of `tempfile` shuts other users out.
pub(crate) fn temporary(mode: u32) -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".merging-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(mode));
    #[cfg(not(unix))]
    let _ = mode;
    builder
}

/// Writes `steering` as an npy matrix `[num_hidden_layers, hidden_size]` of F32, the form that the code of
/// arXiv:2505.18706 uses.
///
/// # Errors
///
/// The vectors act elsewhere than at `resid_post` or at some tokens only, or the disk refuses.
pub fn write_npy(steering: &SteeringFile, path: &Path) -> Result<(), ExportError> {
    Ok(npy::write(steering.everywhere()?, path)?)
}

/// Logits of three fixed texts of at most `longest` tokens, end to end, for [`compare_probes`].
pub fn probe(model: &Model, hook: Option<Hook>, longest: usize) -> Vec<f32> {
    let vocab_size = model.config.vocab_size;
    let texts: Vec<Vec<u32>> = [1, 7, 16]
        .into_iter()
        .enumerate()
        .map(|(text, len)| {
            let token = |position| ((text * 7919 + position * 104_729 + 3) % vocab_size) as u32;
            (0..len.min(longest)).map(token).collect()
        })
        .collect();
    let texts: Vec<&[u32]> = texts.iter().map(Vec::as_slice).collect();
    let (resid_post, _) = model.prefill(&texts, hook);
    let logits = model.logits(resid_post);
    logits.try_into_vec_as().expect("logits convert to f32")
}

/// The largest difference of a logit between two probes of one length.
///
/// # Errors
///
/// [`ExportError::Differs`]: it is above [`TOLERANCE`], or no number.
pub fn compare_probes(left: &[f32], right: &[f32]) -> Result<f32, ExportError> {
    let difference = if left.len() == right.len() {
        let pairs = left.iter().zip(right);
        pairs
            .map(|(left, right)| (left - right).abs())
            .map(|difference| {
                if difference.is_nan() {
                    f32::INFINITY
                } else {
                    difference
                }
            })
            .fold(0.0, f32::max)
    } else {
        f32::INFINITY
    };
    if difference <= TOLERANCE {
        Ok(difference)
    } else {
        Err(ExportError::Differs { difference })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_equal_enough_is_refused() {
        assert_eq!(compare_probes(&[1.0, 2.0], &[1.0, 2.0]).ok(), Some(0.0));
        assert!(compare_probes(&[1.0, 2.0], &[1.0, 2.000_05]).is_ok());
        for wrong in [
            &[1.0, 2.001][..],
            &[1.0],
            &[1.0, f32::NAN],
            &[f32::NAN, 2.0],
            &[1.0, f32::INFINITY],
        ] {
            assert!(compare_probes(&[1.0, 2.0], wrong).is_err(), "{wrong:?}");
        }
    }
}
