//! The result of a run, in the file format of its form.

use std::path::{Path, PathBuf};

use trimtab_model::Pretrained;
use trimtab_steer::export::ExportError;
use trimtab_steer::peft::PeftError;
use trimtab_steer::{Adapter, Form, SteeringFile, SteeringFileError, TokenFilter};

use crate::recipe::Recipe;

/// What a run may leave as its result, and the report on it.
pub(crate) const RESULTS: [&str; 7] = [
    "steering.safetensors",
    "adapter",
    "model",
    "best-steering.safetensors",
    "best-adapter",
    "best-model",
    "report.html",
];

/// The step that a result is of.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kept {
    Last,
    /// That with the highest accuracy on the validation problems.
    Best,
}

/// Where a run writes its result: a steering file, a PEFT folder or a checkpoint folder.
pub(crate) fn result_path(folder: &Path, kept: Kept, recipe: &Recipe) -> PathBuf {
    let is_everywhere = recipe.steer.token_filter == TokenFilter::default();
    let [
        steering,
        adapter,
        model,
        best_steering,
        best_adapter,
        best_model,
        _,
    ] = RESULTS;
    let [last, best] = match recipe.steer.form {
        Form::Full(_) => [model, best_model],
        Form::Lora(_) if is_everywhere => [adapter, best_adapter],
        _ => [steering, best_steering],
    };
    folder.join(match kept {
        Kept::Last => last,
        Kept::Best => best,
    })
}

/// Why the result could not be written.
#[expect(missing_docs, reason = "the messages document the variants")]
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum ResultError {
    #[error(transparent)]
    Steering(#[from] SteeringFileError),
    #[error(transparent)]
    Peft(#[from] PeftError),
    #[error(transparent)]
    Checkpoint(#[from] ExportError),
    #[error(
        "full tuning writes a checkpoint like that of its base, but {base} is no folder with a \
         config.json; train vectors or LoRA, or load the base from its Hugging Face folder"
    )]
    NoCheckpoint { base: PathBuf },
}

/// Checks, before the first step, that the result of a run can be written.
///
/// Vectors and LoRA always can. A checkpoint is written in the layout of the one that it is tuned
/// from.
pub(crate) fn check(base: &Path, recipe: &Recipe) -> Result<(), ResultError> {
    match recipe.steer.form {
        Form::Full(_) if !base.join("config.json").is_file() => {
            Err(ResultError::NoCheckpoint { base: base.into() })
        }
        _ => Ok(()),
    }
}

/// Writes what was trained to `path`, which [`result_path`] gave.
///
/// Weights become a checkpoint folder, LoRA a PEFT folder, and vectors a steering file.
pub(crate) fn export(
    path: &Path,
    base: &Pretrained,
    adapter: &Adapter,
    step: u64,
    recipe: &Recipe,
) -> Result<(), ResultError> {
    match adapter.form() {
        Form::Full(_) => adapter.write_checkpoint(&base.path, path)?,
        Form::Lora(_) if recipe.steer.token_filter == TokenFilter::default() => {
            adapter.write_peft(path, &base.path.to_string_lossy())?;
        }
        _ => {
            let settings = serde_json::to_value(recipe).expect("a recipe is plain data");
            let file = SteeringFile::from_adapter(
                adapter,
                &recipe.steer.token_filter,
                base,
                step,
                settings,
            );
            file.write(path)?;
        }
    }
    Ok(())
}
