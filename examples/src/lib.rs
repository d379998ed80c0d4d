//! What the programs share that take a model from the hub, and what all programs share.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Args;
use indicatif::ProgressBar;
use trimtab::steer::{Adapter, Steering};
use trimtab::{Pretrained, SteeringFile};
use trimtab_hub::Hub;
use trimtab_model::Hook;
use trimtab_model::file::sha256_hex;

pub use trimtab_examples_common::*;

/// Flags of every program that runs a model.
#[derive(Args, Debug)]
pub struct ModelArgs {
    /// Folder of a Hugging Face checkpoint, or its name on the hub [default: the bundled model].
    #[arg(long, value_name = "DIR|HUB_ID[@REVISION]")]
    pub model: Option<String>,
    /// Where it runs and how its weights are kept.
    #[command(flatten)]
    pub device: DeviceArgs,
}

impl ModelArgs {
    /// Loads the model.
    ///
    /// # Errors
    ///
    /// The device is not in this build, or the checkpoint cannot be used.
    pub fn load(&self) -> Result<Pretrained> {
        self.load_dir(&self.dir()?)
    }

    /// The folder of the checkpoint, which comes from the hub if there is no such folder.
    ///
    /// # Errors
    ///
    /// The hub has no such checkpoint, or cannot be reached.
    pub fn dir(&self) -> Result<PathBuf> {
        match self.model.as_deref() {
            None => Ok(bundled_model()),
            Some(dir) if Path::new(dir).is_dir() => Ok(dir.into()),
            Some(name) => fetch(name).with_context(|| self.failure()),
        }
    }

    /// Loads the model from [`Self::dir`].
    ///
    /// # Errors
    ///
    /// As [`Self::load`].
    pub fn load_dir(&self, dir: &Path) -> Result<Pretrained> {
        let mut base = self.device.load(dir).with_context(|| self.failure())?;
        if let Some(name) = self
            .model
            .as_deref()
            .filter(|name| !Path::new(name).is_dir())
        {
            let id = name.split('@').next().unwrap_or_default();
            base.name = id.rsplit('/').next().unwrap_or(id).to_owned(); // the folder is named by the commit
        }
        Ok(base)
    }

    /// Loads the model with what steers it: vectors (native, GGUF control vector or npy), a LoRA folder of PEFT, or the folder of a
    /// checkpoint that was tuned from the model, whose weights then take the place of its own.
    ///
    /// # Errors
    ///
    /// As [`Self::load`], or `steering` cannot be used with the model.
    pub fn load_steered(&self, steering: Option<&Path>) -> Result<Steered> {
        let mut base = self.load()?;
        let Some(path) = steering else {
            return Ok(Steered {
                base,
                steering: None,
                sha256: None,
            });
        };
        let failure = || format!("cannot steer with {}", path.display());
        let read = |name: &str| {
            std::fs::read(path.join(name))
                .with_context(|| format!("{}: cannot read {name}", failure()))
        };
        if !path.is_dir() {
            let steer = || SteeringFile::read(path, &base)?.to_steering(&base.model);
            let steering = steer().with_context(failure)?;
            let bytes = std::fs::read(path).with_context(failure)?;
            return Ok(Steered {
                base,
                steering: Some(steering),
                sha256: Some(sha256_hex(&bytes)),
            });
        }
        if path.join("adapter_config.json").exists() {
            let adapter = Adapter::read_peft(path, &base.model.config).with_context(failure)?;
            let steering = adapter.to_device(&base.model.device()).to_steering();
            let files = [
                read("adapter_config.json")?,
                read("adapter_model.safetensors")?,
            ];
            return Ok(Steered {
                base,
                steering: Some(steering),
                sha256: Some(sha256_hex(&files.concat())),
            });
        }
        let tuned = self.load_dir(path).with_context(failure)?;
        ensure!(
            tuned.model.config == base.model.config,
            "{}: its config.json does not describe {}",
            failure(),
            self.name()
        );
        base.model = tuned.model;
        Ok(Steered {
            base,
            steering: None,
            sha256: Some(tuned.sha256),
        })
    }

    fn name(&self) -> String {
        match &self.model {
            Some(name) => format!("the model {name}"),
            None => "the bundled model".to_owned(),
        }
    }

    fn failure(&self) -> String {
        format!("cannot load {}", self.name())
    }
}

/// The folder of a model of the hub, with a bar for each file that has to come.
fn fetch(name: &str) -> Result<PathBuf> {
    let mut bar = ProgressBar::hidden();
    let mut file = String::new();
    let dir = Hub::from_env().snapshot(name, &mut |part| {
        if file != part.file {
            file.clone_from(&part.file);
            bar = progress("fetching", part.total).with_message(part.file.clone());
        }
        bar.set_position(part.done);
    })?;
    bar.finish();
    Ok(dir)
}

/// A model with what steers it.
#[derive(Debug)]
pub struct Steered {
    /// The model; its weights may be those of a tuned checkpoint.
    pub base: Pretrained,
    /// What is added to it.
    pub steering: Option<Steering>,
    /// SHA-256 of what was given to steer with.
    pub sha256: Option<String>,
}

impl Steered {
    /// The hook for [`trimtab::model::Model`].
    pub fn hook(&self) -> Option<Hook<'_>> {
        self.steering.as_ref().map(|steering| steering as _)
    }
}
