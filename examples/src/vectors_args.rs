//! The flags of what steers a model.

use anyhow::{Context, Error, Result};
use clap::Args;
use trimtab::steer::steering_file::SteeringFileError;
use trimtab::steer::{SteeredModel, SteeredModelError, SteeringSource};
use trimtab::{Pretrained, SteeringFile};

use crate::note;

/// Flags that say what steers a model.
#[derive(Args, Clone, Debug, Default)]
pub struct VectorsArgs {
    /// What steers the model, and how strongly: vectors (a native file, a GGUF control vector or an
    /// npy matrix), a LoRA folder of PEFT, or the folder of a tuned checkpoint. May be given
    /// several times; what they add is summed.
    #[arg(long, value_name = "FILE|DIR[@STRENGTH]")]
    pub vectors: Vec<SteeringSource>,
    /// Take vectors that were made for another model of the same shape.
    #[arg(long, requires = "vectors")]
    pub force: bool,
}

impl VectorsArgs {
    /// Steers `base`, and warns of vectors that were made for another model.
    ///
    /// # Errors
    ///
    /// A file or folder cannot be used with the model.
    pub fn steer(&self, base: Pretrained) -> Result<SteeredModel> {
        let steered = SteeredModel::load(base, &self.sources()).map_err(|error| match error {
            SteeredModelError::File(error) => explained(error),
            error => error.into(),
        })?;
        for warning in &steered.warnings {
            note!("warning: {warning}")?;
        }
        Ok(steered)
    }

    /// The sum of the vectors for `base`, with a warning where they were made for another model.
    ///
    /// # Errors
    ///
    /// A file cannot be used with the model, or the vectors cannot be summed.
    pub fn sum(&self, base: &Pretrained) -> Result<SteeringFile> {
        let (file, warnings) = SteeringFile::sum(&self.sources(), base).map_err(explained)?;
        for warning in warnings {
            note!("warning: {warning}")?;
        }
        Ok(file)
    }

    fn sources(&self) -> Vec<SteeringSource> {
        let mut sources = self.vectors.clone();
        for source in &mut sources {
            source.any_base = self.force;
        }
        sources
    }
}

/// The error, with the flag that helps.
fn explained(error: SteeringFileError) -> Error {
    let is_other = matches!(
        error,
        SteeringFileError::OtherBase { .. } | SteeringFileError::OtherType { .. }
    );
    let result = Err::<(), _>(error);
    let result = if is_other {
        result.context("cannot use the vectors; --force takes those of another model of one shape")
    } else {
        result.map_err(Error::from)
    };
    result.expect_err("it is an error")
}
