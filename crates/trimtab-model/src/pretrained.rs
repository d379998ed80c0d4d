//! A checkpoint folder in the Hugging Face layout: configuration, weights and tokenizer, checked as a whole.

use std::path::{Path, PathBuf};

use burn::tensor::{Device, FloatDType, Tensor};

use crate::config::{ConfigError, ModelConfig};
use crate::decoder::Model;
use crate::tensor_file::TensorFileError;
use crate::tokenizer::{Tokenizer, TokenizerError};
use crate::weights::{Mismatch, Weights, list};

/// A model with what belongs to it.
#[derive(Clone, Debug)]
pub struct Pretrained {
    /// The frozen weights.
    pub model: Model,
    /// The tokenizer.
    pub tokenizer: Tokenizer,
    /// SHA-256 of the weights on disk ([`Weights::sha256`]), by which vectors know their base.
    pub sha256: String,
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
    #[error("{path} does not fit its shards: {reason}")]
    Index { path: PathBuf, reason: String },
    #[error("{path} does not fit config.json: {}", list(mismatches))]
    Mismatch {
        path: PathBuf,
        mismatches: Vec<Mismatch>,
    },
    #[error("this device does not compute in {dtype:?}; F32 is always there")]
    ComputeDtype { dtype: FloatDType },
}

impl Pretrained {
    /// Loads the checkpoint folder `dir` onto `device`, its weights converted to `dtype`.
    ///
    /// Nothing is kept in memory beside the weights but what is being read of one tensor.
    ///
    /// # Errors
    ///
    /// See [`LoadError`]: names, shapes and types of all tensors are checked before the first is read.
    pub fn load(dir: &Path, dtype: FloatDType, device: &Device) -> Result<Self, LoadError> {
        let config = ModelConfig::from_dir(dir)?;
        let tokenizer = Tokenizer::from_dir(dir, config.vocab_size)?;
        let weights = Weights::open(dir)?;
        let wanted = wanted(&config);
        let unembedding: &[_] = if config.tie_word_embeddings {
            &["lm_head.weight"] // the embedding once more
        } else {
            &[]
        };
        weights.check(&wanted, &[NO_WEIGHTS, unembedding].concat())?;
        let (model, sha256) = rayon::join(
            || Model::build(config, &mut |name, _| weights.tensor(name, dtype, device)),
            || weights.sha256(),
        );
        let name = dir.file_name().map_or_else(
            || "model".to_owned(),
            |name| name.to_string_lossy().into_owned(),
        );
        Ok(Self {
            model: model?,
            tokenizer,
            sha256: sha256?,
            name,
            num_parameters: wanted
                .iter()
                .map(|(_, shape)| shape.iter().product::<usize>())
                .sum(),
        })
    }
}

/// What checkpoints carry that is no weight of this model: the frequencies that older versions of transformers saved.
const NO_WEIGHTS: &[&str] = &["rotary_emb.inv_freq"];

/// Name and shape of every tensor that a model takes.
fn wanted(config: &ModelConfig) -> Vec<(String, Vec<usize>)> {
    let mut wanted = vec![];
    let Ok(_) = Model::build(config.clone(), &mut |name, shape| {
        wanted.push((name.to_owned(), shape.to_vec()));
        Ok::<_, std::convert::Infallible>(Tensor::zeros([1, 1], &Device::flex()))
    });
    wanted
}
