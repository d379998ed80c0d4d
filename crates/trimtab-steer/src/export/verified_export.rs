//! Exports that count only once they were reloaded and compared.

use std::path::{Path, PathBuf};

use trimtab_model::{LoadOptions, Precision, Pretrained};

use super::{
    ExportError, ReferenceLogits, SlidingWindowPolicy, Verification, merge_checkpoint, merge_gguf,
    write_control_vector, write_npy,
};
use crate::steering_file::SteeringFile;

/// What vectors are written as.
#[derive(Clone, Debug, PartialEq)]
pub enum ExportTarget {
    /// A native steering file.
    Safetensors,
    /// A matrix for NumPy.
    Npy,
    /// A control vector for llama.cpp and repeng.
    ControlVector,
    /// A checkpoint with the vectors inside.
    Checkpoint(SlidingWindowPolicy),
    /// The GGUF model at this path, with the vectors inside.
    Gguf(PathBuf),
}

/// Writes the vectors of `file` to `out`, reloads what was written, and compares its logits with
/// those of the steered model.
///
/// `base` is the model of the vectors, loaded in [`Precision::F32`]. It is dropped before a merged
/// model is loaded, so one model at a time is in memory.
///
/// # Errors
///
/// The target cannot express the vectors, writing fails, or the logits differ.
pub fn export(
    base: Pretrained,
    file: &SteeringFile,
    target: &ExportTarget,
    out: &Path,
) -> Result<Verification, ExportError> {
    let reference = {
        let steering = file.to_steering(&base.model)?;
        ReferenceLogits::new(&base.model, Some(&steering))
    };
    match target {
        ExportTarget::Safetensors => file.write(out)?,
        ExportTarget::Npy => write_npy(file, out)?,
        ExportTarget::ControlVector => write_control_vector(file, out)?,
        ExportTarget::Checkpoint(policy) => {
            let (source, device) = (base.path.clone(), base.model.device());
            drop(base);
            merge_checkpoint(&source, file, *policy, out)?;
            // The new config.json may have fewer keys.
            let text = std::fs::read_to_string(out.join("config.json")).unwrap_or_default();
            let has = |path: &String| {
                let key = path.rsplit('.').next().unwrap_or(path);
                text.contains(&format!("\"{key}\""))
            };
            let allowed = file.metadata.allowed_config_keys.iter();
            let options = LoadOptions {
                precision: Precision::F32,
                allow_config_keys: allowed.filter(|key| has(key)).cloned().collect(),
            };
            let merged = Pretrained::load(out, options, &device);
            let merged = merged.map_err(|source| ExportError::Reload {
                path: out.into(),
                source: Box::new(source),
            })?;
            let max_difference = reference.compare(&merged.model, None)?;
            return Ok(Verification::Logits { max_difference });
        }
        ExportTarget::Gguf(source) => {
            let config = base.model.config.clone();
            drop(base);
            return merge_gguf(source, &config, file, out);
        }
    }
    let steering = SteeringFile::read(out, &base)?.to_steering(&base.model)?;
    let max_difference = reference.compare(&base.model, Some(&steering))?;
    Ok(Verification::Logits { max_difference })
}
