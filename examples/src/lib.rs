//! What the programs share: the flags of every program that runs a model, progress bars, a clean stop on Ctrl-C.

mod memory;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, bail, ensure};
use burn::tensor::Device;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use trimtab::steer::{Adapter, Steering};
use trimtab::{Precision, Pretrained, SteeringFile};
use trimtab_model::Hook;
use trimtab_model::file::sha256_hex;
use trimtab_model::hub::Hub;

pub use memory::{keep_freed_memory, peak_memory_bytes};

/// Flags of every program that runs a model.
#[derive(Args, Debug)]
pub struct ModelArgs {
    /// Folder of a Hugging Face checkpoint, or its name on the hub [default: the bundled model].
    #[arg(long, value_name = "DIR|HUB_ID[@REVISION]")]
    pub model: Option<String>,
    /// Where it runs: flex (the CPU), or cuda:N, wgpu, vulkan, metal, rocm:N in builds with that feature.
    #[arg(long, default_value = "flex")]
    pub device: String,
    /// How weights are kept [default: the fastest on this machine without a measurable loss].
    #[arg(long, value_name = "f32|bf16|int8")]
    pub dtype: Option<Precision>,
}

impl ModelArgs {
    /// What the flags say, or else what suits the device.
    ///
    /// # Errors
    ///
    /// The device is not in this build.
    pub fn precision(&self) -> Result<Precision> {
        let device = device(&self.device)?;
        Ok(self.dtype.unwrap_or_else(|| Precision::fastest(&device)))
    }

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
        match Path::new(self.name()) {
            dir if dir.is_dir() => Ok(dir.to_owned()),
            _ => fetch(self.name()).with_context(|| self.failure()),
        }
    }

    /// Loads the model from [`Self::dir`].
    ///
    /// # Errors
    ///
    /// As [`Self::load`].
    pub fn load_dir(&self, dir: &Path) -> Result<Pretrained> {
        keep_freed_memory();
        let device = device(&self.device)?;
        let mut base =
            Pretrained::load(dir, self.precision()?, &device).with_context(|| self.failure())?;
        if !Path::new(self.name()).is_dir() {
            let id = self.name().split('@').next().unwrap_or_default();
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
            "{}: its config.json describes another model than {}",
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

    fn name(&self) -> &str {
        let bundled = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/nano");
        self.model.as_deref().unwrap_or(bundled)
    }

    fn failure(&self) -> String {
        format!("cannot load the model {}", self.name())
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

/// Turns `flex`, `cuda:1` and the like into a device.
fn device(name: &str) -> Result<Device> {
    let (kind, index) = name.split_once(':').unwrap_or((name, "0"));
    let index: usize = index
        .parse()
        .with_context(|| format!("`{name}` is no device: `{index}` is no number"))?;
    match (kind, index) {
        ("flex", 0) => Ok(Device::flex()),
        #[cfg(feature = "cuda")]
        ("cuda", index) => Ok(Device::cuda(index)),
        #[cfg(feature = "rocm")]
        ("rocm", index) => Ok(Device::rocm(index)),
        #[cfg(feature = "wgpu")]
        ("wgpu", 0) => Ok(Device::wgpu(burn::tensor::DeviceKind::DefaultDevice)),
        #[cfg(feature = "vulkan")]
        ("vulkan", 0) => Ok(Device::vulkan(burn::tensor::DeviceKind::DefaultDevice)),
        #[cfg(feature = "metal")]
        ("metal", 0) => Ok(Device::metal(burn::tensor::DeviceKind::DefaultDevice)),
        _ => bail!(
            "this build has no device `{name}`; flex is always there, others need `--features {kind}` in the build"
        ),
    }
}

/// Set when the user asks the program to stop.
#[derive(Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Watches for Ctrl-C and termination. The first request ends the work at the next safe point, the second at once.
    ///
    /// # Errors
    ///
    /// The handler cannot be installed.
    pub fn on_ctrl_c() -> Result<Self> {
        let stop = Self::default();
        let flag = stop.0.clone();
        ctrlc::set_handler(move || {
            if flag.swap(true, Ordering::SeqCst) {
                std::process::exit(STOPPED);
            }
        })?;
        Ok(stop)
    }

    /// Whether to stop.
    pub fn requested(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    /// Ends the program with `message` if a stop was asked for.
    pub fn check(&self, message: &str) {
        if self.requested() {
            eprintln!("\n{message}");
            std::process::exit(STOPPED);
        }
    }
}

/// Exit code of a program that was asked to stop, as shells have it for an interrupt.
const STOPPED: i32 = 130;

/// A bar on standard error that shows itself on a terminal only.
///
/// # Panics
///
/// Never: the template is checked by a test.
pub fn progress(label: &'static str, steps: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{prefix:>12} {bar:30} {pos}/{len} {eta:>5} {msg}");
    ProgressBar::new(steps)
        .with_style(style.expect("a constant template"))
        .with_prefix(label)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_bar_template_is_valid() {
        super::progress("testing", 1).finish();
    }

    #[test]
    fn devices_are_named_and_wrong_ones_explained() {
        assert!(super::device("flex").is_ok());
        for wrong in ["flex:1", "abacus", "cuda:x", ""] {
            assert!(super::device(wrong).is_err(), "{wrong}");
        }
    }
}
