//! `steering.safetensors`: the vectors with what is needed to use them rightly.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use trimtab_model::{HostTensor, Pretrained, TensorFile, TensorFileError};

/// Value of `format` in the metadata; another value is another format.
const FORMAT: &str = "trimtab-steering-1";
/// Name of the tensor, which is also the site where it acts.
const SITE: &str = "resid_post";

/// Steering vectors as a file holds them.
#[derive(Clone, Debug, PartialEq)]
pub struct SteeringFile {
    /// `[num_hidden_layers, hidden_size]`
    pub vectors: HostTensor,
    /// Where they come from.
    pub metadata: SteeringMetadata,
}

/// What a steering file says of itself.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct SteeringMetadata {
    /// Version of the format.
    pub format: String,
    /// Where the vectors act.
    pub site: String,
    /// Name of the base model.
    pub base_model: String,
    /// SHA-256 of the weights that the vectors were trained on.
    pub base_sha256: String,
    /// Number of vectors.
    pub num_hidden_layers: usize,
    /// Width of each.
    pub hidden_size: usize,
    /// Training steps behind them.
    pub step: u64,
    /// The settings of that training.
    pub recipe: serde_json::Value,
}

/// Why steering vectors could not be loaded.
#[expect(missing_docs, reason = "the messages document the variants")]
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum SteeringError {
    #[error(transparent)]
    File(#[from] TensorFileError),
    #[error("{path} holds no steering vectors of this version ({reason})")]
    Format { path: PathBuf, reason: String },
    #[error(
        "{path} was trained on `{base_model}` (sha256 {expected}), not on this model (sha256 {found})"
    )]
    OtherBase {
        path: PathBuf,
        base_model: String,
        expected: String,
        found: String,
    },
    #[error("{path} holds {found:?} numbers, but the model has {expected:?} (layers, width)")]
    Shape {
        path: PathBuf,
        found: Vec<usize>,
        expected: [usize; 2],
    },
}

impl SteeringFile {
    /// Vectors that were trained on `base`.
    pub fn new(
        vectors: HostTensor,
        base: &Pretrained,
        step: u64,
        recipe: serde_json::Value,
    ) -> Self {
        let metadata = SteeringMetadata {
            format: FORMAT.to_owned(),
            site: SITE.to_owned(),
            base_model: base.name.clone(),
            base_sha256: base.sha256.clone(),
            num_hidden_layers: base.model.config.num_hidden_layers,
            hidden_size: base.model.config.hidden_size,
            step,
            recipe,
        };
        Self { vectors, metadata }
    }

    /// Writes the file; equal vectors and metadata give equal bytes.
    ///
    /// # Errors
    ///
    /// A value is not finite, or the disk refuses.
    pub fn write(&self, path: &Path) -> Result<(), SteeringError> {
        let mut file = TensorFile::default();
        file.tensors.insert(SITE.to_owned(), self.vectors.clone());
        let metadata = serde_json::to_value(&self.metadata).expect("the metadata is plain data");
        file.metadata = metadata
            .as_object()
            .expect("a struct becomes an object")
            .clone();
        Ok(file.write(path)?)
    }

    /// Reads vectors for the model `base`.
    ///
    /// # Errors
    ///
    /// The file is damaged, holds something else, or was trained on another base.
    pub fn read(path: &Path, base: &Pretrained) -> Result<Self, SteeringError> {
        let mut file = TensorFile::read(path)?;
        let format = |reason: String| SteeringError::Format {
            path: path.into(),
            reason,
        };
        let metadata: SteeringMetadata =
            serde_json::from_value(serde_json::Value::Object(file.metadata))
                .map_err(|error| format(error.to_string()))?;
        if metadata.format != FORMAT || metadata.site != SITE {
            return Err(format(format!(
                "format `{}`, site `{}`",
                metadata.format, metadata.site
            )));
        }
        if metadata.base_sha256 != base.sha256 {
            return Err(SteeringError::OtherBase {
                path: path.into(),
                base_model: metadata.base_model,
                expected: metadata.base_sha256,
                found: base.sha256.clone(),
            });
        }
        let vectors = file
            .tensors
            .remove(SITE)
            .ok_or_else(|| format(format!("no tensor `{SITE}`")))?;
        let expected = [
            base.model.config.num_hidden_layers,
            base.model.config.hidden_size,
        ];
        if vectors.shape != expected {
            return Err(SteeringError::Shape {
                path: path.into(),
                found: vectors.shape,
                expected,
            });
        }
        Ok(Self { vectors, metadata })
    }
}
