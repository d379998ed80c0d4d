//! What is known of a checkpoint before its weights are read.

use std::path::{Path, PathBuf};

use crate::chat::ChatTemplate;
use crate::checkpoint_weights::CheckpointWeights;
use crate::config::ModelConfig;
use crate::decoder::Model;
use crate::precision::Precision;
use crate::pretrained::{Files, LoadError, source};
use crate::tokenizer::Tokenizer;

/// A checkpoint without its weights: enough to plan what a model needs.
///
/// ```no_run
/// use trimtab_model::{Outline, Precision};
///
/// let outline = Outline::open("checkpoint".as_ref(), &[])?;
/// println!("{} bytes of weights", outline.weight_bytes(Precision::Bf16));
/// # Ok::<(), trimtab_model::LoadError>(())
/// ```
#[derive(Debug)]
pub struct Outline {
    /// What the model computes.
    pub config: ModelConfig,
    /// The tokenizer.
    pub tokenizer: Tokenizer,
    /// The chat template, if the checkpoint has one.
    pub chat_template: Option<ChatTemplate>,
    /// The folder or the GGUF file.
    pub path: PathBuf,
    /// Where the weights are, if they are there.
    weights: Option<CheckpointWeights>,
}

impl Outline {
    /// Reads everything but the weights at `path`, which is as for
    /// [`Pretrained::load`](crate::Pretrained::load). A folder needs no weights.
    ///
    /// # Errors
    ///
    /// See [`LoadError`].
    pub fn open(path: &Path, allow_config_keys: &[String]) -> Result<Self, LoadError> {
        let path = source(path)?;
        if path.is_file() || has_weights(&path) {
            let files = Files::open(&path, allow_config_keys)?;
            return Ok(Self {
                config: files.config,
                tokenizer: files.tokenizer,
                chat_template: files.chat_template,
                weights: Some(files.weights),
                path,
            });
        }
        let config = ModelConfig::from_dir_allowing(&path, allow_config_keys)?;
        Ok(Self {
            tokenizer: Tokenizer::from_dir(&path, config.vocab_size)?,
            chat_template: ChatTemplate::from_dir(&path)?,
            weights: None,
            path,
            config,
        })
    }

    /// Number of parameters.
    pub fn num_parameters(&self) -> usize {
        Model::num_parameters(&self.config)
    }

    /// Bytes of the weights in memory, on the CPU. Without the checkpoint's weights,
    /// [`Precision::File`] is taken for f32.
    pub fn weight_bytes(&self, precision: Precision) -> usize {
        let stored = |name: &str| self.weights.as_ref()?.format(name);
        Model::weight_bytes(&self.config, precision, stored)
    }
}

/// Whether a folder holds weights that [`CheckpointWeights`] opens.
fn has_weights(dir: &Path) -> bool {
    let files = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let mut names = files.filter_map(|file| file.file_name().into_string().ok());
    names.any(|name| name.starts_with("model") && name.ends_with(".safetensors"))
}
