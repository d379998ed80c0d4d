//! A checkpoint: configuration, weights and tokenizer, in a folder of the Hugging Face layout or
//! in a GGUF file.

use std::path::{Path, PathBuf};

use burn::tensor::{Device, FloatDType};
use trimtab_kernels::is_cpu;

use crate::chat::{ChatError, ChatTemplate};
use crate::checkpoint_weights::{CheckpointWeights, WeightsError};
use crate::config::{ConfigError, ModelConfig, TensorNames};
use crate::decoder::{Model, Rows, Wanted};
use crate::gguf::{GgufError, GgufFile};
use crate::precision::Precision;
use crate::tokenizer::{Tokenizer, TokenizerError};

/// A model with its tokenizer and everything else of its checkpoint.
#[derive(Clone, Debug)]
pub struct Pretrained {
    /// The frozen model.
    pub model: Model,
    /// The tokenizer.
    pub tokenizer: Tokenizer,
    /// The chat template, if the checkpoint has one.
    pub chat_template: Option<ChatTemplate>,
    /// SHA-256 of the weights on disk ([`CheckpointWeights::sha256`]). Steering files name their
    /// base model by it.
    pub sha256: String,
    /// The number format of the weights in memory.
    pub precision: Precision,
    /// The folder or the GGUF file that the model was loaded from.
    pub path: PathBuf,
    /// Name of the checkpoint: the last part of its path, without `.gguf`.
    pub name: String,
    /// Number of parameters.
    pub num_parameters: usize,
    /// What is odd about the checkpoint, for the user to see.
    pub warnings: Vec<String>,
    /// Keys of `config.json` that [`LoadOptions::allow_config_keys`] let pass.
    pub allowed_config_keys: Vec<String>,
}

/// How a checkpoint is loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadOptions {
    /// The number format of the weights in memory.
    pub precision: Precision,
    /// Keys of `config.json` that are not known and that the user knows to be without effect. Each
    /// is a name, or a path such as `rope_scaling.surprise`.
    pub allow_config_keys: Vec<String>,
}

impl From<Precision> for LoadOptions {
    fn from(precision: Precision) -> Self {
        Self {
            precision,
            allow_config_keys: vec![],
        }
    }
}

/// Why a checkpoint could not be loaded.
#[expect(missing_docs, reason = "the messages document the variants")]
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Gguf(#[from] GgufError),
    #[error("{path} holds several models; name one of them: {}", files.join(", "))]
    SeveralModels { path: PathBuf, files: Vec<String> },
    #[error(
        "{path} is a LoRA adapter and not a model; give its base as the model, and this folder \
         with --vectors"
    )]
    Adapter { path: PathBuf },
    #[error(transparent)]
    Weights(#[from] WeightsError),
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    #[error(transparent)]
    Chat(#[from] ChatError),
    #[error("q8, q4 and file are for the CPU (`flex`) only; choose bf16 or f32 on this device")]
    Quantised,
}

impl Pretrained {
    /// Loads a checkpoint onto `device`. `options` may be a [`Precision`].
    ///
    /// `path` is a folder, a GGUF file (of a split one, any part), or a folder with one GGUF model
    /// in it. Loading needs memory for the weights and for a part of one tensor.
    ///
    /// # Errors
    ///
    /// See [`LoadError`]. Names, shapes and dtypes of all tensors are checked before the first one
    /// is read.
    pub fn load(
        path: &Path,
        options: impl Into<LoadOptions>,
        device: &Device,
    ) -> Result<Self, LoadError> {
        let LoadOptions {
            precision,
            allow_config_keys,
        } = options.into();
        let dtype = match precision {
            Precision::F32 => FloatDType::F32,
            Precision::Bf16 => FloatDType::BF16,
            _ if is_cpu(device) => FloatDType::F32, // of vectors
            _ => return Err(LoadError::Quantised),
        };
        let path = source(path)?;
        let Files {
            config,
            tokenizer,
            chat_template,
            weights,
            warnings,
        } = Files::open(&path, &allow_config_keys)?;
        let needed = Model::tensor_shapes(&config);
        let num_parameters = Model::num_parameters(&config);
        let names = config.architecture.names;
        let mut tolerated = [&[SAVED_FREQUENCIES], names.unused].concat();
        let lm_head = format!("{}.weight", names.lm_head);
        if config.tie_word_embeddings {
            tolerated.push(&lm_head); // it repeats the embedding
        }
        weights.check(&needed, &tolerated)?;
        let (model, sha256) = rayon::join(
            || {
                Model::from_rows(config, precision, device, &mut |name, _, rows, wanted| {
                    match wanted {
                        Wanted::Tensor => weights.rows(name, rows, dtype, device).map(Rows::Tensor),
                        Wanted::Matrix(format) => {
                            weights.matrix(name, rows, format).map(Rows::Matrix)
                        }
                    }
                })
            },
            || weights.sha256(),
        );
        let name = if path.is_file() {
            path.file_stem()
        } else {
            path.file_name()
        };
        let name = name.map_or("model".into(), |name| name.to_string_lossy());
        Ok(Self {
            model: model?,
            tokenizer,
            chat_template,
            sha256: sha256?,
            precision,
            name: name.into_owned(),
            path,
            num_parameters,
            warnings,
            allowed_config_keys: allow_config_keys,
        })
    }
}

/// What a folder with a LoRA adapter has.
const ADAPTER_CONFIG: &str = "adapter_config.json";

/// What a checkpoint holds, before its weights are read.
pub(crate) struct Files {
    pub(crate) config: ModelConfig,
    pub(crate) tokenizer: Tokenizer,
    pub(crate) chat_template: Option<ChatTemplate>,
    pub(crate) weights: CheckpointWeights,
    warnings: Vec<String>,
}

impl Files {
    pub(crate) fn open(path: &Path, allow_config_keys: &[String]) -> Result<Self, LoadError> {
        if path.is_file() {
            return Self::from_gguf(GgufFile::open(path)?, allow_config_keys);
        }
        let has_adapter = path.join(ADAPTER_CONFIG).exists();
        if has_adapter && !path.join("config.json").exists() {
            return Err(LoadError::Adapter { path: path.into() });
        }
        let mut config = ModelConfig::from_dir_allowing(path, allow_config_keys)?;
        let mut weights = CheckpointWeights::open(path)?;
        find_decoder(&mut config.architecture.names, &weights);
        let mut warnings = resolve_tied_head(&mut config, &mut weights)?;
        if has_adapter {
            warnings.push(format!(
                "{} also holds a LoRA adapter, which is not applied; give the folder with \
                 --vectors to apply it",
                path.display()
            ));
        }
        Ok(Self {
            tokenizer: Tokenizer::from_dir(path, config.vocab_size)?,
            chat_template: ChatTemplate::from_dir(path)?,
            weights,
            warnings,
            config,
        })
    }

    fn from_gguf(file: GgufFile, allow_config_keys: &[String]) -> Result<Self, LoadError> {
        let config = ModelConfig::from_gguf_allowing(&file, allow_config_keys)?;
        Ok(Self {
            tokenizer: Tokenizer::from_gguf(&file, config.vocab_size)?,
            chat_template: ChatTemplate::from_gguf(&file)?,
            weights: CheckpointWeights::from_gguf(file, &config)?,
            warnings: vec![],
            config,
        })
    }
}

/// The folder or file to load: `path`, or the one GGUF model in a folder that is no checkpoint.
pub(crate) fn source(path: &Path) -> Result<PathBuf, LoadError> {
    let Ok(inside) = std::fs::read_dir(path) else {
        return Ok(path.into()); // a file, or nothing
    };
    if path.join("config.json").exists() {
        return Ok(path.into());
    }
    let names = inside.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut files: Vec<String> = names.filter(|name| is_model(name)).collect();
    files.sort();
    match &files[..] {
        [] => Ok(path.into()),
        [file] => Ok(path.join(file)),
        _ => Err(LoadError::SeveralModels {
            path: path.into(),
            files,
        }),
    }
}

/// Whether a file of that name is a GGUF model or its first part. Image encoders are called
/// `mmproj`.
fn is_model(name: &str) -> bool {
    let Some(stem) = name.strip_suffix(".gguf") else {
        return false;
    };
    let part = stem.rsplit_once("-of-").and_then(|(head, count)| {
        let number: u64 = head.rsplit_once('-')?.1.parse().ok()?;
        count.parse::<u64>().ok()?;
        Some(number)
    });
    !name.contains("mmproj") && part.is_none_or(|number| number == 1)
}

/// Decides whether the embedding is also the unembedding, as transformers 5 does: it is if
/// `config.json` ties them, unless the checkpoint stores two that differ. If only the unembedding
/// is stored, it stands for both.
fn resolve_tied_head(
    config: &mut ModelConfig,
    weights: &mut CheckpointWeights,
) -> Result<Vec<String>, WeightsError> {
    let names = config.architecture.names;
    let embed_tokens = format!("{}.embed_tokens.weight", names.decoder);
    let lm_head = format!("{}.weight", names.lm_head);
    if !config.tie_word_embeddings || !weights.contains(&lm_head) {
        return Ok(vec![]);
    }
    if !weights.contains(&embed_tokens) {
        weights.stand_in(&lm_head, &embed_tokens);
        return Ok(vec![]);
    }
    if weights.are_equal(&lm_head, &embed_tokens)? {
        return Ok(vec![]);
    }
    config.tie_word_embeddings = false;
    Ok(vec![format!(
        "config.json ties the embeddings, but the checkpoint stores a `{lm_head}` that differs \
         from `{embed_tokens}`; both are used as they are stored"
    )])
}

/// The rotary frequencies that older versions of transformers saved as if they were weights.
const SAVED_FREQUENCIES: &str = "rotary_emb.inv_freq";

/// Where checkpoints have their decoder and unembedding. The same model may be saved with or
/// without the parts around its decoder, under either `model_type`.
const DECODERS: [&str; 3] = ["model", "model.language_model", "language_model.model"];
const LM_HEADS: [&str; 2] = ["lm_head", "language_model.lm_head"];

/// Corrects `names` to those that the checkpoint has, if it has others.
fn find_decoder(names: &mut TensorNames, weights: &CheckpointWeights) {
    let found = |name: &str, tensor: &str| weights.contains(&format!("{name}{tensor}"));
    let is_decoder = |name: &&str| found(name, ".embed_tokens.weight");
    if !is_decoder(&names.decoder) {
        names.decoder = DECODERS
            .into_iter()
            .find(is_decoder)
            .unwrap_or(names.decoder);
    }
    let is_lm_head = |name: &&str| found(name, ".weight");
    if !is_lm_head(&names.lm_head) {
        names.lm_head = LM_HEADS
            .into_iter()
            .find(is_lm_head)
            .unwrap_or(names.lm_head);
    }
}
