//! Files of steering vectors: the native one, which knows its base, and those of others.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use serde::{Deserialize, Serialize};
use serde_json::json;
use trimtab_model::{HostTensor, Pretrained, Site, TensorFile, TensorFileError};

use crate::control_vector::ControlVector;
use crate::gguf::{self, GgufError};
use crate::npy::{self, NpyError};
use crate::vectors::SteeringVectors;

/// Value of `format` in the metadata; another value is another format.
const FORMAT: &str = "trimtab-steering-1";

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
    /// Where the vectors act; also the name of the tensor.
    pub site: Site,
    /// At which tokens they act; absent: at all.
    #[serde(rename = "where", default, skip_serializing_if = "Option::is_none")]
    pub where_clause: Option<serde_json::Value>,
    /// Name of the base model; empty where the file does not say.
    pub base_model: String,
    /// SHA-256 of the weights that the vectors were made for; empty where the file does not say.
    pub base_sha256: String,
    /// `model_type` of the base model, where the file says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_type: Option<String>,
    /// Number of vectors.
    pub num_hidden_layers: usize,
    /// Width of each.
    pub hidden_size: usize,
    /// Training steps behind them.
    pub step: u64,
    /// The settings that they were made with.
    pub recipe: serde_json::Value,
}

/// Vectors that were moved to another model, with what differs between the two.
#[derive(Clone, Debug, PartialEq)]
pub struct Transfer {
    /// The vectors with the new base.
    pub file: SteeringFile,
    /// What differs, one readable phrase each; empty if nothing does.
    pub differences: Vec<String>,
}

/// Why steering vectors could not be loaded.
#[expect(missing_docs, reason = "the messages document the variants")]
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum SteeringError {
    #[error(transparent)]
    File(#[from] TensorFileError),
    #[error(transparent)]
    Gguf(#[from] GgufError),
    #[error(transparent)]
    Npy(#[from] NpyError),
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
    #[error("{path} was made for a model of the type `{expected}`, and this one is a `{found}`")]
    OtherType {
        path: PathBuf,
        expected: String,
        found: String,
    },
    #[error("{path} holds {found:?} numbers, but the model has {expected:?} (layers, width)")]
    Shape {
        path: PathBuf,
        found: Vec<usize>,
        expected: [usize; 2],
    },
    #[error(
        "these vectors act at {}{}, where only vectors that act at resid_post and at every token can be used",
        site.name(),
        if *conditional { " at some tokens" } else { "" }
    )]
    NotEverywhere { site: Site, conditional: bool },
}

impl SteeringFile {
    /// Vectors that were made for `base`, added to `resid_post` at every token.
    pub fn new(
        vectors: HostTensor,
        base: &Pretrained,
        step: u64,
        recipe: serde_json::Value,
    ) -> Self {
        let mut file = Self::unknown_base(vectors, recipe);
        file.metadata.step = step;
        file.belong_to(base);
        file
    }

    /// Writes the native file; equal vectors and metadata give equal bytes.
    ///
    /// # Errors
    ///
    /// A value is not finite, or the disk refuses.
    pub fn write(&self, path: &Path) -> Result<(), SteeringError> {
        let mut file = TensorFile::default();
        let name = self.metadata.site.name().to_owned();
        file.tensors.insert(name, self.vectors.clone());
        let metadata = serde_json::to_value(&self.metadata).expect("the metadata is plain data");
        file.metadata = metadata
            .as_object()
            .expect("a struct becomes an object")
            .clone();
        Ok(file.write(path)?)
    }

    /// Reads vectors for the model `base` from a native file, a GGUF control vector or an npy matrix; the first bytes
    /// tell which.
    ///
    /// A control vector has no vector for layer 0 and may leave others out: these are zero.
    ///
    /// ```no_run
    /// use trimtab_model::{Device, Precision, Pretrained};
    /// use trimtab_steer::SteeringFile;
    ///
    /// let device = Device::flex();
    /// let base = Pretrained::load("checkpoint".as_ref(), Precision::F32, &device)?;
    /// let vectors = SteeringFile::read("steering.gguf".as_ref(), &base)?.steering(&device)?;
    /// let (resid_post, _) = base.model.read(&[&base.tokenizer.encode("Hello")?], Some(&vectors.hook()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The file is damaged, holds something else, or was made for another base ([`Self::transfer`] takes it none the
    /// less).
    pub fn read(path: &Path, base: &Pretrained) -> Result<Self, SteeringError> {
        let mut file = Self::open(path, base.model.config.num_hidden_layers)?;
        let metadata = &file.metadata;
        if !metadata.base_sha256.is_empty() && metadata.base_sha256 != base.sha256 {
            return Err(SteeringError::OtherBase {
                path: path.into(),
                base_model: metadata.base_model.clone(),
                expected: metadata.base_sha256.clone(),
                found: base.sha256.clone(),
            });
        }
        let model_type = &base.model.config.model_type;
        if let Some(expected) = &metadata.model_type
            && expected != model_type
        {
            return Err(SteeringError::OtherType {
                path: path.into(),
                expected: expected.clone(),
                found: model_type.clone(),
            });
        }
        file.check_shape(path, base)?;
        if file.metadata.base_sha256.is_empty() {
            file.belong_to(base);
        }
        file.metadata.model_type = Some(model_type.clone());
        Ok(file)
    }

    /// Reads vectors as [`Self::read`] does, for `base` whatever they were made for, if layers and width are equal.
    ///
    /// # Errors
    ///
    /// The file is damaged, holds something else, or has another shape.
    pub fn transfer(path: &Path, base: &Pretrained) -> Result<Transfer, SteeringError> {
        let mut file = Self::open(path, base.model.config.num_hidden_layers)?;
        file.check_shape(path, base)?;
        let old = file.metadata.clone();
        file.belong_to(base);
        let new = &mut file.metadata;
        let mut differences = vec![];
        if old.base_sha256.is_empty() {
            differences.push("the file does not say which weights it was made for".to_owned());
        } else if old.base_sha256 != new.base_sha256 {
            differences.push(format!(
                "it was made for the weights of `{}` (sha256 {}), and these are those of `{}` (sha256 {})",
                old.base_model, old.base_sha256, new.base_model, new.base_sha256
            ));
        }
        if let (Some(old), Some(new)) = (&old.model_type, &new.model_type)
            && old != new
        {
            differences.push(format!(
                "it was made for a `{old}`, and this model is a `{new}`"
            ));
        }
        if !differences.is_empty() {
            new.recipe = json!({
                "transferred_from": {
                    "base_model": old.base_model,
                    "base_sha256": old.base_sha256,
                    "model_type": old.model_type,
                },
                "recipe": old.recipe,
            });
        }
        Ok(Transfer { file, differences })
    }

    /// The vectors ready to steer with.
    ///
    /// # Errors
    ///
    /// [`SteeringError::NotEverywhere`]: they act elsewhere, or at some tokens only.
    pub fn steering(&self, device: &Device) -> Result<SteeringVectors, SteeringError> {
        Ok(SteeringVectors::from_host(self.everywhere()?, device))
    }

    /// The vectors, if all they do is to be added to `resid_post` at every token.
    pub(crate) fn everywhere(&self) -> Result<&HostTensor, SteeringError> {
        let SteeringMetadata {
            site, where_clause, ..
        } = &self.metadata;
        if *site != Site::ResidPost || where_clause.is_some() {
            return Err(SteeringError::NotEverywhere {
                site: *site,
                conditional: where_clause.is_some(),
            });
        }
        Ok(&self.vectors)
    }

    /// What the file at `path` says; a control vector gets at least `num_hidden_layers` rows.
    fn open(path: &Path, num_hidden_layers: usize) -> Result<Self, SteeringError> {
        let mut magic = vec![];
        let read = |source| TensorFileError::Read {
            path: path.into(),
            source,
        };
        if !std::fs::metadata(path).map_err(read)?.is_file() {
            return Err(read(io::Error::other("it is not a file")).into()); // a pipe would wait
        }
        let file = File::open(path).map_err(read)?;
        file.take(6).read_to_end(&mut magic).map_err(read)?;
        if magic.starts_with(gguf::MAGIC) {
            let ControlVector {
                vectors,
                model_hint,
            } = ControlVector::read(path, num_hidden_layers)?;
            let mut file = Self::unknown_base(vectors, json!({ "imported": "gguf" }));
            file.metadata.model_type = model_hint;
            return Ok(file);
        }
        if magic == npy::MAGIC {
            let vectors = npy::read(path)?;
            return Ok(Self::unknown_base(vectors, json!({ "imported": "npy" })));
        }
        Self::open_native(path)
    }

    fn open_native(path: &Path) -> Result<Self, SteeringError> {
        let mut file = TensorFile::read(path)?;
        let format = |reason: String| SteeringError::Format {
            path: path.into(),
            reason,
        };
        let metadata: SteeringMetadata =
            serde_json::from_value(serde_json::Value::Object(file.metadata))
                .map_err(|error| format(error.to_string()))?;
        if metadata.format != FORMAT {
            return Err(format(format!("format `{}`", metadata.format)));
        }
        if metadata.base_sha256.is_empty() {
            return Err(format(
                "it does not say which weights it belongs to".to_owned(),
            ));
        }
        let site = metadata.site.name();
        let vectors = file
            .tensors
            .remove(site)
            .ok_or_else(|| format(format!("no tensor `{site}`")))?;
        Ok(Self { vectors, metadata })
    }

    fn unknown_base(vectors: HostTensor, recipe: serde_json::Value) -> Self {
        let metadata = SteeringMetadata {
            format: FORMAT.to_owned(),
            site: Site::ResidPost,
            where_clause: None,
            base_model: String::new(),
            base_sha256: String::new(),
            model_type: None,
            num_hidden_layers: vectors.shape.first().copied().unwrap_or(0),
            hidden_size: vectors.shape.last().copied().unwrap_or(0),
            step: 0,
            recipe,
        };
        Self { vectors, metadata }
    }

    fn check_shape(&self, path: &Path, base: &Pretrained) -> Result<(), SteeringError> {
        let config = &base.model.config;
        let expected = [config.num_hidden_layers, config.hidden_size];
        if self.vectors.shape == expected {
            return Ok(());
        }
        Err(SteeringError::Shape {
            path: path.into(),
            found: self.vectors.shape.clone(),
            expected,
        })
    }

    fn belong_to(&mut self, base: &Pretrained) {
        let config = &base.model.config;
        let metadata = &mut self.metadata;
        metadata.base_model = base.name.clone();
        metadata.base_sha256 = base.sha256.clone();
        metadata.model_type = Some(config.model_type.clone());
        metadata.num_hidden_layers = config.num_hidden_layers;
        metadata.hidden_size = config.hidden_size;
    }
}
