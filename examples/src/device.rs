//! The names of devices.

use anyhow::{Context, Result, bail};
use burn::tensor::Device;

/// Turns `flex`, `cuda:1` and the like into a device.
pub(crate) fn device(name: &str) -> Result<Device> {
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
