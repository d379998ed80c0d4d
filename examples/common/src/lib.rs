//! What all programs share: where a model runs, progress bars, a clean stop on Ctrl-C, memory.

mod memory;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, bail};
use burn::tensor::Device;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use trimtab::{Precision, Pretrained};

pub use memory::{keep_freed_memory, peak_memory_bytes};

/// Where a model runs and how its weights are kept.
#[derive(Args, Debug)]
pub struct DeviceArgs {
    /// Where it runs: flex (the CPU), or cuda:N, wgpu, vulkan, metal, rocm:N in builds with that feature.
    #[arg(long, default_value = "flex")]
    pub device: String,
    /// How weights are kept [default: the fastest on this machine without a measurable loss].
    #[arg(long, value_name = "f32|bf16|int8")]
    pub dtype: Option<Precision>,
}

impl DeviceArgs {
    /// What the flags say, or else what suits the device.
    ///
    /// # Errors
    ///
    /// The device is not in this build.
    pub fn precision(&self) -> Result<Precision> {
        let device = device(&self.device)?;
        Ok(self.dtype.unwrap_or_else(|| Precision::fastest(&device)))
    }

    /// Loads the checkpoint in the folder `dir`.
    ///
    /// # Errors
    ///
    /// The device is not in this build, or the checkpoint cannot be used.
    pub fn load(&self, dir: &Path) -> Result<Pretrained> {
        keep_freed_memory();
        let device = device(&self.device)?;
        Ok(Pretrained::load(dir, self.precision()?, &device)?)
    }
}

/// The folder of the bundled model.
///
/// # Panics
///
/// Never: this package lies in the folder of the programs.
pub fn bundled_model() -> PathBuf {
    let programs = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    programs.expect("a folder above").join("assets/nano")
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
