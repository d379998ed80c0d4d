//! A model together with what steers it, loaded from whatever holds it.

use std::path::{Path, PathBuf};

use trimtab_model::file::sha256_hex;
use trimtab_model::{Hook, LoadError, LoadOptions, Pretrained};

use crate::adapter::Adapter;
use crate::peft::{PeftError, PeftFiles};
use crate::steering::Steering;
use crate::steering_file::{SteeringFile, SteeringFileError, read_bytes};

/// A model with what steers it.
///
/// ```no_run
/// use trimtab_model::{Device, Precision, Pretrained};
/// use trimtab_steer::SteeredModel;
///
/// let base = Pretrained::load("checkpoint".as_ref(), Precision::F32, &Device::flex())?;
/// let steered = SteeredModel::load(base, "steering.safetensors".as_ref())?;
/// let tokens = steered.base.tokenizer.encode("Hello")?;
/// let (resid_post, _) = steered.base.model.prefill(&[&tokens], steered.hook());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct SteeredModel {
    /// The model. If a tuned checkpoint was loaded, its weights are those of the checkpoint.
    pub base: Pretrained,
    /// What is added to its activations, if anything is.
    pub steering: Option<Steering>,
    /// SHA-256 of the files that steer; `None` for a model that is not steered.
    ///
    /// It is computed from the same bytes that were loaded, so it cannot belong to a file that
    /// replaced them meanwhile. For a LoRA adapter these are its configuration followed by its
    /// tensors, for a tuned checkpoint its weights.
    pub sha256: Option<String>,
}

/// Why a model cannot be steered with what is at a path.
#[expect(missing_docs, reason = "the messages document the variants")]
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum SteeredModelError {
    #[error("cannot steer with the file {path}")]
    File {
        path: PathBuf,
        source: SteeringFileError,
    },
    #[error("cannot steer with the LoRA adapter {path}")]
    Peft { path: PathBuf, source: PeftError },
    #[error("cannot load the tuned checkpoint {path}")]
    Checkpoint { path: PathBuf, source: LoadError },
    #[error("the config.json of {path} describes another model than that of {base}")]
    OtherConfig { path: PathBuf, base: PathBuf },
}

impl SteeredModel {
    /// Loads what steers `base` from `path`, which is one of these:
    ///
    /// - a file: a native steering file, a GGUF control vector or an npy matrix
    ///   (see [`SteeringFile::read`]);
    /// - a folder with a LoRA adapter of PEFT (see [`Adapter::read_peft`]);
    /// - a folder with a checkpoint that was tuned from `base`, whose weights then replace those of
    ///   `base`.
    ///
    /// # Errors
    ///
    /// What is at `path` cannot be read, or does not belong to `base`.
    pub fn load(base: Pretrained, path: &Path) -> Result<Self, SteeredModelError> {
        if !path.is_dir() {
            return Self::load_file(base, path).map_err(|source| SteeredModelError::File {
                path: path.into(),
                source,
            });
        }
        if PeftFiles::are_in(path) {
            return Self::load_peft(base, path).map_err(|source| SteeredModelError::Peft {
                path: path.into(),
                source,
            });
        }
        Self::load_checkpoint(base, path)
    }

    fn load_file(base: Pretrained, path: &Path) -> Result<Self, SteeringFileError> {
        let bytes = read_bytes(path)?;
        let file = SteeringFile::from_bytes(&bytes, path, &base)?;
        Ok(Self {
            steering: Some(file.to_steering(&base.model)?),
            sha256: Some(sha256_hex(&bytes)),
            base,
        })
    }

    fn load_peft(base: Pretrained, dir: &Path) -> Result<Self, PeftError> {
        let files = PeftFiles::read(dir)?;
        let adapter = Adapter::from_peft(&files, &base.model.config)?;
        Ok(Self {
            steering: Some(adapter.to_device(&base.model.device()).to_steering()),
            sha256: Some(sha256_hex(&[files.config, files.tensors].concat())),
            base,
        })
    }

    fn load_checkpoint(mut base: Pretrained, dir: &Path) -> Result<Self, SteeredModelError> {
        let options = LoadOptions {
            precision: base.precision,
            allow_config_keys: base.allowed_config_keys.clone(),
        };
        let tuned = Pretrained::load(dir, options, &base.model.device());
        let tuned = tuned.map_err(|source| SteeredModelError::Checkpoint {
            path: dir.into(),
            source,
        })?;
        if tuned.model.config != base.model.config {
            return Err(SteeredModelError::OtherConfig {
                path: dir.into(),
                base: base.path,
            });
        }
        base.model = tuned.model;
        Ok(Self {
            base,
            steering: None,
            sha256: Some(tuned.sha256),
        })
    }

    /// The hook for [`Model`](trimtab_model::Model); `None` if nothing is added.
    pub fn hook(&self) -> Option<Hook<'_>> {
        self.steering.as_ref().map(|steering| steering as _)
    }
}

impl From<Pretrained> for SteeredModel {
    /// A model that is not steered.
    fn from(base: Pretrained) -> Self {
        Self {
            base,
            steering: None,
            sha256: None,
        }
    }
}
