//! A checkpoint folder in the Hugging Face layout: configuration, weights and tokenizer, checked as a whole.

use std::path::{Path, PathBuf};

use burn::tensor::{Device, FloatDType};
use trimtab_kernels::is_cpu;

use crate::chat::{ChatError, ChatTemplate};
use crate::checkpoint_weights::{CheckpointWeights, Mismatch, list};
use crate::config::{ConfigError, ModelConfig};
use crate::decoder::Model;
use crate::tensor_file::TensorFileError;
use crate::tokenizer::{Tokenizer, TokenizerError};
use crate::weight::Precision;

/// A model with what belongs to it.
#[derive(Clone, Debug)]
pub struct Pretrained {
    /// The frozen weights.
    pub model: Model,
    /// The tokenizer.
    pub tokenizer: Tokenizer,
    /// The chat template, if the checkpoint has one.
    pub chat_template: Option<ChatTemplate>,
    /// SHA-256 of the weights on disk ([`CheckpointWeights::sha256`]), by which vectors know their base.
    pub sha256: String,
    /// How the weights are kept in memory.
    pub precision: Precision,
    /// The folder that it was loaded from.
    pub dir: PathBuf,
    /// Name of the checkpoint: the last part of its path.
    pub name: String,
    /// Count of the weights.
    pub num_parameters: usize,
}

/// Why a checkpoint folder could not be loaded.
#[expect(missing_docs, reason = "the messages document the variants")]
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Weights(#[from] TensorFileError),
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    #[error(transparent)]
    Chat(#[from] ChatError),
    #[error("{path} does not fit its shards: {reason}")]
    Index { path: PathBuf, reason: String },
    #[error("{path} does not fit config.json: {}", list(mismatches))]
    Mismatch {
        path: PathBuf,
        mismatches: Vec<Mismatch>,
    },
    #[error("this device does not compute in {dtype:?}; F32 is always there")]
    ComputeDtype { dtype: FloatDType },
    #[error("8-bit weights are for the CPU (`flex`) only; take bf16 or f32 on this device")]
    Int8,
}

impl Pretrained {
    /// Loads the checkpoint folder `dir` onto `device`, its weights kept in `precision`.
    ///
    /// Nothing is kept in memory beside the weights but what is being read of one tensor.
    ///
    /// # Errors
    ///
    /// See [`LoadError`]: names, shapes and types of all tensors are checked before the first is read.
    pub fn load(dir: &Path, precision: Precision, device: &Device) -> Result<Self, LoadError> {
        // As exact as the file: packing rounds.
        let dtype = match precision {
            Precision::F32 => FloatDType::F32,
            Precision::Bf16 => FloatDType::BF16,
            Precision::Int8 if is_cpu(device) => FloatDType::F32,
            Precision::Int8 => return Err(LoadError::Int8),
        };
        let config = ModelConfig::from_dir(dir)?;
        let tokenizer = Tokenizer::from_dir(dir, config.vocab_size)?;
        let chat_template = ChatTemplate::from_dir(dir)?;
        let weights = CheckpointWeights::open(dir)?;
        let wanted = Model::tensors(&config);
        let names = config.architecture.names;
        let mut tolerated = [&[NO_WEIGHTS], names.unused].concat();
        let lm_head = format!("{}.weight", names.lm_head);
        if config.tie_word_embeddings {
            tolerated.push(&lm_head); // the embedding again
        }
        weights.check(&wanted, &tolerated)?;
        let (model, sha256) = rayon::join(
            || {
                Model::frozen(config, precision, device, &mut |name, _, rows| {
                    weights.rows(name, rows, dtype, device)
                })
            },
            || weights.sha256(),
        );
        let name = dir.file_name().map_or_else(
            || "model".to_owned(),
            |name| name.to_string_lossy().into_owned(),
        );
        Ok(Self {
            model: model?,
            tokenizer,
            chat_template,
            sha256: sha256?,
            precision,
            dir: dir.into(),
            name,
            num_parameters: wanted
                .iter()
                .map(|(_, shape)| shape.iter().product::<usize>())
                .sum(),
        })
    }
}

/// What checkpoints carry that is no weight: the frequencies that older versions of transformers saved.
const NO_WEIGHTS: &str = "rotary_emb.inv_freq";
