//! A model together with what steers it, loaded from whatever holds it.

use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::Serialize;
use trimtab_model::file::sha256_hex;
use trimtab_model::{Hook, LoadError, LoadOptions, Pretrained};

use crate::adapter::Adapter;
use crate::device_adapter::DeviceAdapter;
use crate::peft::{PeftError, PeftFiles};
use crate::steering::{Conflict, Steering, SteeringError};
use crate::steering_file::{SteeringFile, SteeringFileError, TransferredFile, read_bytes};
use crate::token_filter::TokenFilter;

/// A file or folder that steers a model, and how strongly.
///
/// ```
/// use trimtab_steer::SteeringSource;
///
/// let source: SteeringSource = "polite.gguf@-0.5".parse()?;
/// assert_eq!((source.path.to_str(), source.strength), (Some("polite.gguf"), -0.5));
/// # Ok::<(), trimtab_steer::steered_model::StrengthError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct SteeringSource {
    /// The file or folder.
    pub path: PathBuf,
    /// The factor on what it adds.
    pub strength: f32,
    /// Whether it may have been made for another model of the same shape.
    pub any_base: bool,
}

impl SteeringSource {
    /// A file or folder at strength 1, which must have been made for the model.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            strength: 1.0,
            any_base: false,
        }
    }
}

/// Why a text does not name a file or folder with a strength.
#[expect(missing_docs, reason = "the messages document the variants")]
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StrengthError {
    #[error("the strength `{0}` is not a finite number; write FILE@STRENGTH, as in v.gguf@-0.5")]
    NotANumber(String),
    #[error("there is no file before `@`")]
    NoFile,
}

impl FromStr for SteeringSource {
    type Err = StrengthError;

    /// `FILE` or `FILE@STRENGTH`. A file or folder that exists is meant, whatever its name has.
    fn from_str(text: &str) -> Result<Self, StrengthError> {
        let (path, strength) = match text.rsplit_once('@') {
            Some(parts) if !Path::new(text).exists() => parts,
            _ => return Ok(Self::new(text)),
        };
        if path.is_empty() {
            return Err(StrengthError::NoFile);
        }
        match strength.parse::<f32>() {
            Ok(number) if number.is_finite() => Ok(Self {
                strength: number,
                ..Self::new(path)
            }),
            // The `@` of a folder above the file is none of ours.
            Err(_) if strength.contains(['/', '\\']) => Ok(Self::new(text)),
            _ => Err(StrengthError::NotANumber(strength.to_owned())),
        }
    }
}

/// A file or folder that was applied, for the record of a result.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AppliedSource {
    /// Its name, without the folders above it.
    pub file: String,
    /// SHA-256 of its content.
    ///
    /// It is computed from the same bytes that were loaded, so it cannot belong to a file that
    /// replaced them meanwhile. For a LoRA adapter these are its configuration followed by its
    /// tensors, for a tuned checkpoint its weights.
    pub sha256: String,
    /// The factor on what it adds.
    pub strength: f32,
}

/// A model with what steers it.
///
/// ```no_run
/// use trimtab_model::{Device, Precision, Pretrained};
/// use trimtab_steer::{SteeredModel, SteeringSource};
///
/// let base = Pretrained::load("checkpoint".as_ref(), Precision::F32, &Device::flex())?;
/// let steered = SteeredModel::load(base, &[SteeringSource::new("steering.safetensors")])?;
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
    /// What it was loaded from; empty for a model that is not steered.
    pub sources: Vec<AppliedSource>,
    /// How the model differs from those that the sources were made for, a readable phrase each.
    pub warnings: Vec<String>,
}

/// Why a model cannot be steered with what is at a path.
#[expect(missing_docs, reason = "the messages document the variants")]
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum SteeredModelError {
    #[error(transparent)]
    File(#[from] SteeringFileError),
    #[error(transparent)]
    Peft(#[from] PeftError),
    #[error("cannot steer with {path}")]
    Steering {
        path: PathBuf,
        source: SteeringError,
    },
    #[error("cannot load the tuned checkpoint {path}")]
    Checkpoint { path: PathBuf, source: LoadError },
    #[error("the config.json of {path} describes another model than that of {base}")]
    OtherConfig { path: PathBuf, base: PathBuf },
    #[error(
        "{path} is a tuned checkpoint, whose weights replace those of the base; it has no strength \
         and cannot be combined with others, but it can be the base itself (--model)"
    )]
    WholeCheckpoint { path: PathBuf },
    #[error("{path} is the folder of a training run; take its result, {}", result.display())]
    RunFolder { path: PathBuf, result: PathBuf },
    #[error("{path} is the folder of a training run that has no result yet; let `train` end it")]
    UnfinishedRun { path: PathBuf },
    #[error(
        "{path} holds neither a LoRA adapter of PEFT (adapter_config.json) nor a tuned checkpoint \
         (config.json)"
    )]
    UnknownFolder { path: PathBuf },
}

impl SteeredModel {
    /// Loads what steers `base`. Each source is one of these:
    ///
    /// - a file: a native steering file, a GGUF control vector or an npy matrix
    ///   (see [`SteeringFile::read`]);
    /// - a folder with a LoRA adapter of PEFT (see [`Adapter::read_peft`]);
    /// - a folder with a checkpoint that was tuned from `base`, whose weights then replace those of
    ///   `base`. It must be the only source.
    ///
    /// Several sources act together; what they add is summed ([`Conflict::Sum`]), so their order
    /// does not matter.
    ///
    /// # Errors
    ///
    /// What is at a path cannot be read, or does not belong to `base`.
    pub fn load(base: Pretrained, sources: &[SteeringSource]) -> Result<Self, SteeredModelError> {
        let mut steered = Self::from(base);
        let mut sets = vec![];
        for source in sources {
            match FolderKind::of(&source.path)? {
                Some(FolderKind::Checkpoint) if sources.len() == 1 && source.strength == 1.0 => {
                    return Self::load_checkpoint(steered.base, &source.path);
                }
                Some(FolderKind::Checkpoint) => {
                    let path = source.path.clone();
                    return Err(SteeredModelError::WholeCheckpoint { path });
                }
                Some(FolderKind::Peft) => sets.push(steered.load_peft(source)?),
                None => sets.push(steered.load_file(source)?),
            }
        }
        if !sets.is_empty() {
            let steering = Steering::new(sets, Conflict::Sum);
            steered.steering = Some(steering.expect("each was checked, and all belong to `base`"));
        }
        Ok(steered)
    }

    fn load_file(&mut self, source: &SteeringSource) -> Result<FilteredSet, SteeredModelError> {
        let bytes = read_bytes(&source.path)?;
        let file = if source.any_base {
            let transferred = SteeringFile::transfer_bytes(&bytes, &source.path, &self.base)?;
            let TransferredFile { file, differences } = transferred;
            self.warnings.extend(differences);
            file
        } else {
            SteeringFile::from_bytes(&bytes, &source.path, &self.base)?
        };
        let model = &self.base.model;
        let adapter = file
            .adapter(&model.config)
            .expect("checked when it was read");
        let filter = file.metadata.token_filter.unwrap_or_default();
        self.apply(source, &adapter, filter, &[&bytes])
    }

    fn load_peft(&mut self, source: &SteeringSource) -> Result<FilteredSet, SteeredModelError> {
        let files = PeftFiles::read(&source.path)?;
        let adapter = Adapter::from_peft(&files, &self.base.model.config)?;
        let content = [&files.config[..], &files.tensors];
        self.apply(source, &adapter, TokenFilter::default(), &content)
    }

    /// Records a source, and checks that it can act at its strength.
    fn apply(
        &mut self,
        source: &SteeringSource,
        adapter: &Adapter,
        mut filter: TokenFilter,
        content: &[&[u8]],
    ) -> Result<FilteredSet, SteeredModelError> {
        filter.strength *= source.strength;
        SteeringFile::check_size(adapter.parameters(), filter.strength, &source.path)?;
        let set = (adapter.to_device(&self.base.model.device()), filter);
        if let Err(error) = Steering::new(vec![set.clone()], Conflict::Sum) {
            let (path, source) = (source.path.clone(), error);
            return Err(SteeredModelError::Steering { path, source });
        }
        self.sources.push(AppliedSource {
            file: file_name(&source.path),
            sha256: sha256_hex(&content.concat()),
            strength: source.strength,
        });
        Ok(set)
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
        let source = AppliedSource {
            file: file_name(dir),
            sha256: tuned.sha256,
            strength: 1.0,
        };
        Ok(Self {
            sources: vec![source],
            ..base.into()
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
            sources: vec![],
            warnings: vec![],
        }
    }
}

type FilteredSet = (DeviceAdapter, TokenFilter);

/// What a folder holds that steers.
enum FolderKind {
    Peft,
    Checkpoint,
}

impl FolderKind {
    /// `None` for what is no folder.
    fn of(path: &Path) -> Result<Option<Self>, SteeredModelError> {
        if !path.is_dir() {
            return Ok(None);
        }
        if PeftFiles::are_in(path) {
            return Ok(Some(Self::Peft));
        }
        if path.join("config.json").exists() {
            return Ok(Some(Self::Checkpoint));
        }
        let results = ["steering.safetensors", "adapter", "model"].map(|name| path.join(name));
        let path = path.to_owned();
        Err(match results.into_iter().find(|result| result.exists()) {
            Some(result) => SteeredModelError::RunFolder { path, result },
            None if is_run_folder(&path) => SteeredModelError::UnfinishedRun { path },
            None => SteeredModelError::UnknownFolder { path },
        })
    }
}

/// Whether `train` writes to a folder.
fn is_run_folder(path: &Path) -> bool {
    let is_checkpoint = |entry: Result<fs::DirEntry, _>| {
        let name = entry.map(|entry: fs::DirEntry| entry.file_name());
        name.is_ok_and(|name| name.to_string_lossy().starts_with("checkpoint-"))
    };
    path.join("config.toml").exists()
        || fs::read_dir(path).is_ok_and(|mut entries| entries.any(is_checkpoint))
}

fn file_name(path: &Path) -> String {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strength_is_what_follows_the_last_at_sign() {
        let parse = |text: &str| {
            let source: Result<SteeringSource, _> = text.parse();
            source.map(|source| (source.path.to_str().map(str::to_owned), source.strength))
        };
        for (text, path, strength) in [
            ("v.npy", "v.npy", 1.0),
            ("v.npy@2", "v.npy", 2.0),
            ("v.npy@-0.5", "v.npy", -0.5),
            ("v@2@1e-3", "v@2", 1e-3),
            ("a@b/v.npy", "a@b/v.npy", 1.0),
            ("a@b/v.npy@3", "a@b/v.npy", 3.0),
        ] {
            assert_eq!(parse(text), Ok((Some(path.to_owned()), strength)), "{text}");
        }
        for wrong in ["v.npy@", "v.npy@strong", "v.npy@nan", "v.npy@1e99", "@2"] {
            parse(wrong).expect_err(wrong);
        }
    }

    #[test]
    fn a_path_that_exists_is_that_path() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("v@2");
        fs::write(&path, "").expect("a writable folder");
        let source: SteeringSource = path.to_str().expect("UTF-8").parse().expect("a path");
        assert_eq!(source, SteeringSource::new(path));
    }
}
