//! A checkpoint folder in the Hugging Face layout: configuration, weights and tokenizer, checked as a whole.

use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor, TensorData};

use crate::config::{ConfigError, ModelConfig};
use crate::decoder::Model;
use crate::tensor_file::{TensorFile, TensorFileError, sha256_hex};
use crate::tokenizer::{Tokenizer, TokenizerError};

/// A model with what belongs to it.
#[derive(Clone, Debug)]
pub struct Pretrained {
    /// The frozen weights.
    pub model: Model,
    /// The tokenizer.
    pub tokenizer: Tokenizer,
    /// SHA-256 of `model.safetensors`, by which vectors know their base.
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
    #[error("no tensor `{name}` in {path}; does config.json belong to this checkpoint?")]
    MissingTensor { name: String, path: PathBuf },
    #[error("tensor `{name}` in {path} has shape {found:?}, but config.json asks for {expected:?}")]
    Shape {
        name: String,
        path: PathBuf,
        found: Vec<usize>,
        expected: Vec<usize>,
    },
    #[error("tensor `{name}` in {path} has no place in this architecture; is `model_type` right?")]
    UnexpectedTensor { name: String, path: PathBuf },
}

impl Pretrained {
    /// Loads the checkpoint folder `dir` onto `device`.
    ///
    /// # Errors
    ///
    /// See [`LoadError`]: everything is checked before anything is computed.
    pub fn load(dir: &Path, device: &Device) -> Result<Self, LoadError> {
        let config = ModelConfig::from_dir(dir)?;
        let tokenizer = Tokenizer::from_dir(dir, config.vocab_size)?;
        let path = dir.join("model.safetensors");
        let bytes = std::fs::read(&path).map_err(|source| TensorFileError::Read {
            path: path.clone(),
            source,
        })?;
        let mut file = TensorFile::from_bytes(&bytes, &path)?;
        let num_parameters = file.tensors.values().map(|tensor| tensor.data.len()).sum();
        let model = Model::build(config, &mut |name, shape| {
            let Some(tensor) = file.tensors.remove(name) else {
                return Err(LoadError::MissingTensor {
                    name: name.to_owned(),
                    path: path.clone(),
                });
            };
            if tensor.shape != shape {
                return Err(LoadError::Shape {
                    name: name.to_owned(),
                    path: path.clone(),
                    found: tensor.shape,
                    expected: shape.to_vec(),
                });
            }
            Ok(upload(tensor.data, shape, device))
        })?;
        if let Some(name) = file.tensors.into_keys().next() {
            return Err(LoadError::UnexpectedTensor { name, path });
        }
        let name = dir.file_name().map_or_else(
            || "model".to_owned(),
            |name| name.to_string_lossy().into_owned(),
        );
        Ok(Self {
            model,
            tokenizer,
            sha256: sha256_hex(&bytes),
            name,
            num_parameters,
        })
    }
}

/// A matrix, or a vector as one row, on `device`.
fn upload(data: Vec<f32>, shape: &[usize], device: &Device) -> Tensor<2> {
    let rows = if shape.len() == 2 { shape[0] } else { 1 };
    let columns = shape[shape.len() - 1];
    Tensor::from_data(TensorData::new(data, [rows, columns]), device)
}
