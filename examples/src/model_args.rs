//! The flags of every program that runs a model.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Args;
use indicatif::ProgressBar;
use trimtab::model::Outline;
use trimtab::steer::SteeredModel;
use trimtab::{Precision, Pretrained};
use trimtab_hub::{Download, Hub, HubError};

use crate::{DeviceArgs, VectorsArgs, bundled_model, progress};

/// Flags of every program that runs a model.
#[derive(Args, Debug)]
pub struct ModelArgs {
    /// Folder of a Hugging Face checkpoint, GGUF file (of a split one, any part), or name on the
    /// hub, with :FILE.gguf for one file of it [default: the bundled model].
    #[arg(long, value_name = "DIR|FILE.gguf|HUB_ID[@REVISION][:FILE.gguf]")]
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
    /// Loads the model, for so many sequences at a time.
    ///
    /// # Errors
    ///
    /// The device is not in this build, or the checkpoint cannot be used.
    pub fn load(&self, sequences: usize) -> Result<Pretrained> {
        let path = self.path(Hub::snapshot)?;
        let base = self.device.load(&path, &self.allow_config_key, sequences);
        let mut base = base.with_context(|| self.failure())?;
        if let Some((id, None)) = self.hub_name() {
            let id = id.split('@').next().unwrap_or_default();
            let name = id.rsplit('/').next().unwrap_or(id); // the folder is named by the commit
            base.name = name.to_owned();
        }
        Ok(base)
    }

    /// Opens the model without its weights, and says how they would be kept for so many sequences
    /// at a time. Of the hub, the weights are not fetched.
    ///
    /// # Errors
    ///
    /// The device is not in this build, or the checkpoint cannot be used.
    pub fn outline(&self, sequences: usize) -> Result<(Outline, Precision)> {
        let path = self.path(Hub::outline)?;
        let precision = self.device.precision(&path, sequences)?;
        let outline = Outline::open(&path, &self.allow_config_key);
        Ok((outline.with_context(|| self.failure())?, precision))
    }

    /// The files and folders that the model and `vectors` are read from, each with its flag.
    pub fn inputs<'a>(
        &self,
        vectors: &'a VectorsArgs,
    ) -> impl Iterator<Item = (&'static str, PathBuf)> + use<'a> {
        let model = self.model.as_ref().map(PathBuf::from);
        let vectors = vectors.vectors.iter().map(|source| source.path.clone());
        let model = model.into_iter().map(|path| ("--model", path));
        model.chain(vectors.map(|path| ("--vectors", path)))
    }

    /// The folder or file of the checkpoint, which comes from the hub if nothing of that name
    /// exists here. `whole` brings a repository of which no file is named.
    fn path(&self, whole: FetchFn) -> Result<PathBuf> {
        let Some((id, file)) = self.hub_name() else {
            let path = self
                .model
                .as_ref()
                .map_or_else(bundled_model, PathBuf::from);
            ensure!(
                !is_part_of_folder(&path),
                "{}: this is a file of a checkpoint; give the folder that it is in",
                self.failure()
            );
            return Ok(path);
        };
        ensure!(
            !file.is_some_and(|rest| rest.starts_with("//")),
            "{}: this is an address; give the name on the hub alone, such as Qwen/Qwen2.5-0.5B",
            self.failure()
        );
        ensure!(
            !looks_like_path(id, file),
            "{}: there is no such file or folder",
            self.failure()
        );
        fetch(id, file, whole).with_context(|| {
            format!(
                "{}; there is no such folder or file, so it is looked up on the hub",
                self.failure()
            )
        })
    }

    /// The name on the hub, and the file there, unless a path of that name exists.
    fn hub_name(&self) -> Option<(&str, Option<&str>)> {
        let name = self
            .model
            .as_deref()
            .filter(|name| !Path::new(name).exists())?;
        Some(match name.split_once(':') {
            Some((id, file)) => (id, Some(file)),
            None => (name, None),
        })
    }

    /// Loads the model with what steers it, if anything does; see [`SteeredModel::load`].
    ///
    /// # Errors
    ///
    /// As [`Self::load`], or the vectors cannot be used with the model.
    pub fn load_steered(&self, vectors: &VectorsArgs, sequences: usize) -> Result<SteeredModel> {
        vectors.steer(self.load(sequences)?)
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

/// How what is needed of a repository is fetched.
type FetchFn = fn(&Hub, &str, &mut dyn FnMut(&Download)) -> Result<PathBuf, HubError>;

/// Whether a path is a file beside the others of a checkpoint folder.
fn is_part_of_folder(path: &Path) -> bool {
    let is_part = |end: &OsStr| end == "safetensors" || end == "json" || end == "bin";
    path.is_file() && path.extension().is_some_and(is_part)
}

/// Whether a name is none of the hub, but that of a file or folder which does not exist.
fn looks_like_path(id: &str, file: Option<&str>) -> bool {
    let is_weights = |end: &OsStr| end == "gguf" || end == "safetensors";
    let is_file = file.is_none() && Path::new(id).extension().is_some_and(is_weights);
    is_file || id.starts_with(['.', '/', '~', '\\'])
}

/// The folder of a model of the hub, or its GGUF file, with a bar for each file that has to come.
fn fetch(name: &str, gguf: Option<&str>, whole: FetchFn) -> Result<PathBuf> {
    let mut bar = ProgressBar::hidden();
    let mut file = String::new();
    let hub = Hub::from_env();
    let mut show = |part: &Download| {
        if file != part.file {
            file.clone_from(&part.file);
            bar = progress("fetching", part.total).with_message(part.file.clone());
        }
        bar.set_position(part.done);
    };
    let path = match gguf {
        Some(file) => hub.gguf(name, file, &mut show)?,
        None => whole(&hub, name, &mut show)?,
    };
    bar.finish();
    Ok(path)
}
