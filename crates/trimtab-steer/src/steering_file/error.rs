use std::io;
use std::path::PathBuf;

use trimtab_model::Site;
use trimtab_model::gguf::GgufError;
use trimtab_model::tensor_file::TensorFileError;

use crate::form::FormError;
use crate::npy::NpyError;
use crate::steering::SteeringError;

/// Why a steering file cannot be read, written or used.
#[expect(missing_docs, reason = "the messages document the variants")]
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum SteeringFileError {
    #[error("cannot read {path}")]
    Read { path: PathBuf, source: io::Error },
    #[error(transparent)]
    TensorFile(#[from] TensorFileError),
    #[error(transparent)]
    Gguf(#[from] GgufError),
    #[error("{path} is not a control vector: {reason}")]
    NotAControlVector { path: PathBuf, reason: String },
    #[error(transparent)]
    Npy(#[from] NpyError),
    #[error("{path} is not a steering file of this version: {reason}")]
    Format { path: PathBuf, reason: String },
    #[error(
        "{path} was made for the weights of `{base_model}` (sha256 {expected}), \
         not for those of this model (sha256 {found})"
    )]
    OtherBase {
        path: PathBuf,
        base_model: String,
        expected: String,
        found: String,
    },
    #[error("{path} was made for a model of type `{expected}`, and this one is a `{found}`")]
    OtherType {
        path: PathBuf,
        expected: String,
        found: String,
    },
    #[error("{path} has the shape {found:?}, but this model needs {expected:?} (layers, width)")]
    Shape {
        path: PathBuf,
        found: Vec<usize>,
        expected: [usize; 2],
    },
    #[error("{path} is {what}")]
    OtherFormat { path: PathBuf, what: &'static str },
    #[error(
        "{path} holds {value:e} at strength {strength}; beside such a number nothing is left of \
         the model's own activations"
    )]
    TooLarge {
        path: PathBuf,
        value: f32,
        strength: f32,
    },
    #[error("{path} holds parameters that do not fit this model")]
    Form { path: PathBuf, source: FormError },
    #[error("the parameters do not fit this model")]
    Parameters(#[from] FormError),
    #[error(transparent)]
    Steering(#[from] SteeringError),
    #[error(
        "the vectors act at {}{}, but only vectors at resid_post of every token can be used here",
        site.name(),
        if *filtered { " of some tokens" } else { "" }
    )]
    NotEverywhere { site: Site, filtered: bool },
    #[error("the form is `{form}`, but only plain vectors can be used here")]
    NotVectors { form: &'static str },
}
