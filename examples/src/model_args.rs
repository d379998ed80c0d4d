//! The flags of every program that runs a model.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use indicatif::ProgressBar;
use trimtab::Pretrained;
use trimtab::steer::SteeredModel;
use trimtab_hub::Hub;

use crate::{DeviceArgs, VectorsArgs, bundled_model, progress};

/// Flags of every program that runs a model.
#[derive(Args, Debug)]
pub struct ModelArgs {
    /// Folder of a Hugging Face checkpoint, or its name on the hub [default: the bundled model].
    #[arg(long, value_name = "DIR|HUB_ID[@REVISION]")]
    pub model: Option<String>,
    /// Load the model although its config.json sets this key, which trimtab does not know. Only if
    /// you know that the key has no effect; the result files record it.
    #[arg(long, value_name = "KEY")]
    pub allow_config_key: Vec<String>,
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
            Some(name) => fetch(name).with_context(|| {
                format!(
                    "{}; there is no such folder, so it is looked up on the hub",
                    self.failure()
                )
            }),
        }
    }

    /// Loads the model from [`Self::dir`].
    ///
    /// # Errors
    ///
    /// As [`Self::load`].
    pub fn load_dir(&self, dir: &Path) -> Result<Pretrained> {
        let base = self.device.load(dir, &self.allow_config_key);
        let mut base = base.with_context(|| self.failure())?;
        if let Some(name) = self
            .model
            .as_deref()
            .filter(|name| !Path::new(name).is_dir())
        {
            let id = name.split('@').next().unwrap_or_default();
            let name = id.rsplit('/').next().unwrap_or(id); // the folder is named by the commit
            base.name = name.to_owned();
        }
        Ok(base)
    }

    /// Loads the model with what steers it, if anything does; see [`SteeredModel::load`].
    ///
    /// # Errors
    ///
    /// As [`Self::load`], or the vectors cannot be used with the model.
    pub fn load_steered(&self, vectors: &VectorsArgs) -> Result<SteeredModel> {
        vectors.steer(self.load()?)
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
