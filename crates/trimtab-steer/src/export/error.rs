use std::io;
use std::path::PathBuf;

use trimtab_model::LoadError;
use trimtab_model::checkpoint_weights::WeightsError;
use trimtab_model::config::ConfigError;
use trimtab_model::gguf::GgufError;
use trimtab_model::tokenizer::TokenizerError;

use crate::npy::NpyError;
use crate::steering_file::SteeringFileError;

/// Largest accepted difference of a logit between the steered model and an export, both computed in
/// f32.
pub const MAX_LOGIT_DIFFERENCE: f32 = 1e-4;

/// Why an export failed.
#[expect(missing_docs, reason = "the messages document the variants")]
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error("cannot load the exported checkpoint {path}")]
    Reload {
        path: PathBuf,
        source: Box<LoadError>,
    },
    #[error(transparent)]
    SteeringFile(#[from] SteeringFileError),
    #[error(transparent)]
    Gguf(#[from] GgufError),
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    #[error(transparent)]
    Npy(#[from] NpyError),
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Weights(#[from] WeightsError),
    #[error(
        "layer 0 has a vector, and a GGUF control vector has none for layer 0; \
         export a merged model (hf or gguf-merged), or leave out the vector of layer 0"
    )]
    LayerZero,
    #[error("the model has only layer 0, and a GGUF control vector has no vector for layer 0")]
    OneLayer,
    #[error("a steered `{model_type}` cannot be expressed as a {target}: {reason}")]
    Inexpressible {
        model_type: String,
        target: &'static str,
        reason: String,
    },
    #[error("only full tuning can be written as a checkpoint; the form is `{form}`")]
    NotFullTuning { form: &'static str },
    #[error("{path} exists already; remove it or choose another path")]
    Exists { path: PathBuf },
    #[error("cannot read {path}")]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot write {path}")]
    Write { path: PathBuf, source: io::Error },
    #[error("cannot copy {path}")]
    Copy { path: PathBuf, source: io::Error },
    #[error(
        "the export computes something else: a logit differs by {difference}, \
         more than {MAX_LOGIT_DIFFERENCE}; please report this"
    )]
    Differs { difference: f32 },
}
