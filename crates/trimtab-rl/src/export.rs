//! The result of a run, in the file that its form has.

use std::path::{Path, PathBuf};

use trimtab_model::Pretrained;
use trimtab_steer::{Adapter, Form, SteeringFile, TokenFilter};

use crate::recipe::Recipe;
use crate::run::RunError;

/// Vectors.
const STEERING: &str = "steering.safetensors";
/// A folder of PEFT.
const ADAPTER: &str = "adapter";
/// A checkpoint folder.
const MODEL: &str = "model";

/// Writes what was trained into `folder` and returns the path: weights as a checkpoint, LoRA as a folder of PEFT, vectors as a
/// steering file.
pub(crate) fn export(
    folder: &Path,
    base: &Pretrained,
    adapter: &Adapter,
    step: u64,
    recipe: &Recipe,
) -> Result<PathBuf, RunError> {
    match adapter.form() {
        Form::Full(_) => {
            let path = folder.join(MODEL);
            adapter.write_checkpoint(&base.dir, &path)?;
            Ok(path)
        }
        Form::Lora(_) if recipe.steer.token_filter == TokenFilter::default() => {
            let path = folder.join(ADAPTER);
            adapter.write_peft(&path, &base.dir.to_string_lossy())?;
            Ok(path)
        }
        _ => {
            let path = folder.join(STEERING);
            let settings = serde_json::to_value(recipe).expect("a recipe is plain data");
            let file = SteeringFile::of(adapter, &recipe.steer.token_filter, base, step, settings);
            file.write(&path)?;
            Ok(path)
        }
    }
}
