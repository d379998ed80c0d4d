//! Where a model runs.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use burn::tensor::Device;
use clap::Args;
use trimtab::{LoadOptions, Precision, Pretrained};

use crate::keep_freed_memory;

/// Where a model runs and how its weights are kept.
#[derive(Args, Debug)]
pub struct DeviceArgs {
    /// Where it runs: flex (the CPU), or cuda:N, rocm:N, wgpu, vulkan, metal in builds with that
    /// feature.
    #[arg(long, default_value = "flex")]
    pub device: String,
    /// Number format of the weights [default: the fastest on this machine without a measurable
    /// loss; for quantised GGUF files `file`, where the processor multiplies bytes and does not
    /// multiply many sequences in bf16 with AMX].
    #[arg(long, value_name = "f32|bf16|q8|q4|file")]
    pub dtype: Option<Precision>,
}

impl DeviceArgs {
    /// Loads the checkpoint in the folder `dir`, for so many sequences at a time.
    /// `allow_config_keys` are keys of `config.json` that the user knows to be without effect.
    ///
    /// # Errors
    ///
    /// The device is not in this build, or the checkpoint cannot be used.
    pub fn load(
        &self,
        dir: &Path,
        allow_config_keys: &[String],
        sequences: usize,
    ) -> Result<Pretrained> {
        keep_freed_memory();
        let device = device(&self.device)?;
        let options = LoadOptions {
            precision: self.precision(dir, sequences)?,
            allow_config_keys: allow_config_keys.to_vec(),
        };
        let base = Pretrained::load(dir, options, &device)?;
        for warning in &base.warnings {
            eprintln!("warning: {warning}");
        }
        Ok(base)
    }

    /// How the weights of the checkpoint in the folder `dir` are kept, for so many sequences at a
    /// time.
    ///
    /// # Errors
    ///
    /// The device is not in this build.
    pub fn precision(&self, dir: &Path, sequences: usize) -> Result<Precision> {
        let device = device(&self.device)?;
        let fastest = || Precision::fastest_for(dir, &device, sequences);
        Ok(self.dtype.unwrap_or_else(fastest))
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
        .with_context(|| format!("`{name}` is not a device: `{index}` is not a number"))?;
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
        _ if ["cuda", "rocm", "wgpu", "vulkan", "metal"].contains(&kind) => {
            bail!("this build has no device `{name}`; add `--features {kind}` to the cargo command")
        }
        _ => bail!(
            "there is no device `{name}`; use flex (the CPU), cuda:N, rocm:N, wgpu, vulkan or metal"
        ),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn devices_are_named_and_wrong_ones_explained() {
        assert!(super::device("flex").is_ok());
        for wrong in ["flex:1", "abacus", "cuda:x", ""] {
            assert!(super::device(wrong).is_err(), "{wrong}");
        }
    }
}
