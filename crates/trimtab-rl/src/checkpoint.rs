//! What a stopped run needs to go on as if it had not been stopped: one file of a few times the vectors' size.

use std::path::{Path, PathBuf};

use trimtab_model::{HostTensor, TensorFile, TensorFileError};

use crate::adamw::Moments;

/// Vectors, optimiser moments and position of a run. Problems and draws follow from the step, so there is no other
/// position to keep.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// `[num_hidden_layers, hidden_size]`
    pub vectors: HostTensor,
    /// Of the vectors, in the same order.
    pub moments: Moments,
    /// Steps done.
    pub step: u64,
    /// SHA-256 of the recipe that the run was started with.
    pub recipe_sha256: String,
    /// SHA-256 of the base model's weights.
    pub base_sha256: String,
}

/// Why a checkpoint cannot be used.
#[expect(missing_docs, reason = "the messages document the variants")]
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    #[error(transparent)]
    File(#[from] TensorFileError),
    #[error(
        "{path} is not a checkpoint of this version ({reason}); remove its folder to start over"
    )]
    Format { path: PathBuf, reason: String },
    #[error(
        "{path} belongs to a run with another {what}; give another folder with --out, or remove this one"
    )]
    OtherRun { path: PathBuf, what: &'static str },
}

impl Checkpoint {
    /// Replaces the checkpoint at `path`; a crash leaves the old one.
    ///
    /// # Errors
    ///
    /// A value is not finite, or the disk refuses.
    pub fn write(&self, path: &Path) -> Result<(), CheckpointError> {
        let like = |data: &[f32]| HostTensor {
            shape: self.vectors.shape.clone(),
            data: data.to_vec(),
        };
        let mut file = TensorFile::default();
        file.tensors
            .insert("vectors".to_owned(), self.vectors.clone());
        file.tensors
            .insert("moments.first".to_owned(), like(&self.moments.first));
        file.tensors
            .insert("moments.second".to_owned(), like(&self.moments.second));
        file.metadata.insert("step".to_owned(), self.step.into());
        file.metadata.insert(
            "recipe_sha256".to_owned(),
            self.recipe_sha256.clone().into(),
        );
        file.metadata
            .insert("base_sha256".to_owned(), self.base_sha256.clone().into());
        Ok(file.write(path)?)
    }

    /// Reads the checkpoint of the run with this recipe and base.
    ///
    /// # Errors
    ///
    /// The file is damaged, or belongs to another run.
    pub fn read(
        path: &Path,
        recipe_sha256: &str,
        base_sha256: &str,
    ) -> Result<Self, CheckpointError> {
        let mut file = TensorFile::read(path)?;
        let format = |reason: String| CheckpointError::Format {
            path: path.into(),
            reason,
        };
        let text = |key: &str| {
            let value = file.metadata.get(key).and_then(serde_json::Value::as_str);
            value
                .map(str::to_owned)
                .ok_or_else(|| format(format!("no `{key}`")))
        };
        for (key, expected, what) in [
            ("recipe_sha256", recipe_sha256, "recipe"),
            ("base_sha256", base_sha256, "base model"),
        ] {
            if text(key)? != expected {
                return Err(CheckpointError::OtherRun {
                    path: path.into(),
                    what,
                });
            }
        }
        let step = file
            .metadata
            .get("step")
            .and_then(serde_json::Value::as_u64);
        let step = step.ok_or_else(|| format("no `step`".to_owned()))?;
        let mut take = |name: &str| {
            file.tensors
                .remove(name)
                .ok_or_else(|| format(format!("no tensor `{name}`")))
        };
        let (vectors, first, second) = (
            take("vectors")?,
            take("moments.first")?,
            take("moments.second")?,
        );
        if first.shape != vectors.shape || second.shape != vectors.shape || vectors.shape.len() != 2
        {
            return Err(format("vectors and moments differ in shape".to_owned()));
        }
        Ok(Self {
            vectors,
            moments: Moments {
                first: first.data,
                second: second.data,
            },
            step,
            recipe_sha256: recipe_sha256.to_owned(),
            base_sha256: base_sha256.to_owned(),
        })
    }
}
