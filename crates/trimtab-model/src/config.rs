//! `config.json`: the shape of a decoder and what its family computes, checked before anything is allocated.

mod keys;

use std::path::{Path, PathBuf};

pub use trimtab_kernels::Activation;

use crate::families;
use crate::file::read_limited;
use crate::rope::RopeConfig;

pub(crate) use keys::{ConfigKeys, shorten};

/// What decides the numbers of a decoder. Sizes carry the names that `config.json` gives them; what its family does by
/// convention stands beside them in [`Architecture`].
#[derive(Clone, Debug, PartialEq)]
pub struct ModelConfig {
    /// The architecture family, such as `qwen2`; nothing in a forward pass looks at it.
    pub model_type: String,
    /// Number of tokens in the vocabulary.
    pub vocab_size: usize,
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Width inside the MLP.
    pub intermediate_size: usize,
    /// Number of decoder layers.
    pub num_hidden_layers: usize,
    /// Number of query heads.
    pub num_attention_heads: usize,
    /// Number of key and value heads; a divisor of `num_attention_heads`.
    pub num_key_value_heads: usize,
    /// Width of one attention head.
    pub head_dim: usize,
    /// Longest sequence the model was made for, in tokens.
    pub max_position_embeddings: usize,
    /// Epsilon of every `RMSNorm`.
    pub rms_norm_eps: f64,
    /// Whether the unembedding is the embedding.
    pub tie_word_embeddings: bool,
    /// First token of every sequence.
    pub bos_token_id: Option<u32>,
    /// Tokens that end a completion.
    pub eos_token_id: Vec<u32>,
    /// What the family computes with these sizes.
    pub architecture: Architecture,
}

/// The description of a family: which norms, which biases, which rope, which activation, and how a checkpoint names them.
#[derive(Clone, Debug, PartialEq)]
pub struct Architecture {
    /// Where a checkpoint keeps the tensors that every family has.
    pub names: Names,
    /// The norms around attention and MLP.
    pub norms: Norms,
    /// What is added to every norm's weight: 1 where a checkpoint stores the difference from 1, else 0.
    pub norm_offset: f64,
    /// Norms on queries and keys before they are rotated.
    pub qk_norm: Option<QkNorm>,
    /// Which projections have a bias.
    pub biases: Biases,
    /// Whether queries, keys and values are one tensor (`qkv_proj`), and gate and up another (`gate_up_proj`).
    pub fused: bool,
    /// The function on the gate of the MLP.
    pub activation: Activation,
    /// What embeddings are multiplied by.
    pub embedding_scale: f64,
    /// What scores are multiplied by before the softmax.
    pub attention_scale: f64,
    /// By layer: how far it looks back and which of `ropes` turns its heads.
    pub layers: Vec<LayerConfig>,
    /// The rotary embeddings in use.
    pub ropes: Vec<RopeConfig>,
}

/// Which projections have a bias.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Biases {
    /// Queries, keys and values.
    pub qkv: bool,
    /// The attention output.
    pub o: bool,
    /// The three projections of the MLP.
    pub mlp: bool,
}

/// What may differ from layer to layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayerConfig {
    /// A token sees itself and the `sliding_window - 1` before it; `None` sees all.
    pub sliding_window: Option<usize>,
    /// Index into [`Architecture::ropes`].
    pub rope: usize,
}

/// Names of modules in a checkpoint; `.weight` and `.bias` follow them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Names {
    /// What stands before `embed_tokens`, `layers` and `norm`, such as `model`.
    pub decoder: &'static str,
    /// The unembedding, where it is not the embedding.
    pub lm_head: &'static str,
    /// Beginnings of names that belong to parts of a checkpoint which a decoder has no use for.
    pub unused: &'static [&'static str],
}

/// Names of the norms of a layer; where there is no name there is no norm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Norms {
    /// On what attention reads.
    pub pre_attention: Option<&'static str>,
    /// On what attention adds.
    pub post_attention: Option<&'static str>,
    /// On what the MLP reads.
    pub pre_mlp: Option<&'static str>,
    /// On what the MLP adds.
    pub post_mlp: Option<&'static str>,
}

/// What a norm on queries and keys runs over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QkNorm {
    /// Each head by itself, with one weight of `head_dim` numbers for all heads.
    Head,
    /// All heads together, with a weight for each of their numbers.
    Projection,
}

/// Why a `config.json` cannot be used.
#[expect(missing_docs, reason = "the messages document the variants")]
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("cannot read {path}: {source}; is this the folder of a Hugging Face checkpoint?")]
    Read {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("config.json is not usable: {reason}")]
    Parse { reason: String },
    #[error("config.json has no `{key}`, which `{model_type}` needs")]
    Missing {
        key: &'static str,
        model_type: String,
    },
    #[error("`{key}` is {value} in config.json, but {expected}")]
    Unsupported {
        key: String,
        value: String,
        expected: String,
    },
    #[error(
        "config.json of `{model_type}` sets {}, which may change the numbers in a way that is not computed here",
        list(keys)
    )]
    Unknown {
        model_type: String,
        keys: Vec<String>,
    },
}

/// Longest text of any model, in tokens.
const MAX_LEN: usize = 1 << 24;

/// Largest `config.json` that is read, in bytes.
const MAX_FILE_BYTES: u64 = 4 << 20;

impl ModelConfig {
    /// Reads and checks `config.json` of the checkpoint folder `dir`. What ends a completion comes from
    /// `generation_config.json` where that says it, as in transformers.
    ///
    /// # Errors
    ///
    /// The file is missing, is no JSON of the right form, or asks for something that is not computed here.
    pub fn from_dir(dir: &Path) -> Result<Self, ConfigError> {
        let read = |file: &str| {
            let path = dir.join(file);
            read_limited(&path, MAX_FILE_BYTES).map_err(|source| ConfigError::Read { path, source })
        };
        let text = |bytes: Vec<u8>| {
            String::from_utf8(bytes).map_err(|error| ConfigError::Parse {
                reason: error.to_string(),
            })
        };
        let mut config = Self::from_json(&text(read("config.json")?)?)?;
        if dir.join("generation_config.json").exists() {
            let mut keys = ConfigKeys::untyped(&text(read("generation_config.json")?)?)?;
            let tokens = keys.tokens("eos_token_id")?;
            if !tokens.is_empty() {
                config.eos_token_id = tokens;
                config.check()?;
            }
        }
        Ok(config)
    }

    /// Reads and checks the text of a `config.json`.
    ///
    /// ```
    /// use trimtab_model::ModelConfig;
    ///
    /// let config = ModelConfig::from_json(
    ///     r#"{"model_type": "qwen3", "vocab_size": 96, "hidden_size": 48, "intermediate_size": 64, "num_hidden_layers": 2,
    ///         "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16}"#,
    /// )?;
    /// assert_eq!(config.head_dim, 16);
    /// # Ok::<(), trimtab_model::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// It is no JSON object, a key is missing or has a value that is not computed here, or a key is unknown.
    pub fn from_json(text: &str) -> Result<Self, ConfigError> {
        let config = families::read(ConfigKeys::parse(text)?)?;
        config.check()?;
        Ok(config)
    }

    /// Longest text that can be run, in tokens: `max_position_embeddings`, or what a rotary scaling stretches it to.
    pub fn max_len(&self) -> usize {
        let stretched = self.architecture.ropes.iter().map(RopeConfig::max_len);
        stretched
            .fold(self.max_position_embeddings, usize::max)
            .min(MAX_LEN)
    }

    /// Refuses sizes that no checkpoint has and that do not fit together.
    fn check(&self) -> Result<(), ConfigError> {
        for (key, value, most) in [
            ("vocab_size", self.vocab_size, 1 << 20),
            ("hidden_size", self.hidden_size, 1 << 16),
            ("intermediate_size", self.intermediate_size, 1 << 18),
            ("num_hidden_layers", self.num_hidden_layers, 1 << 10),
            ("num_attention_heads", self.num_attention_heads, 1 << 10),
            ("num_key_value_heads", self.num_key_value_heads, 1 << 10),
            ("head_dim", self.head_dim, 1 << 12),
            (
                "max_position_embeddings",
                self.max_position_embeddings,
                MAX_LEN,
            ),
        ] {
            if !(1..=most).contains(&value) {
                return refuse(key, value, format!("it must lie in 1..={most}"));
            }
        }
        let heads = self.num_attention_heads;
        if !heads.is_multiple_of(self.num_key_value_heads) {
            return refuse(
                "num_key_value_heads",
                self.num_key_value_heads,
                format!("it must divide num_attention_heads ({heads})"),
            );
        }
        if !self.head_dim.is_multiple_of(2) {
            return refuse("head_dim", self.head_dim, "it must be even".to_owned());
        }
        if !(self.rms_norm_eps > 0.0 && self.rms_norm_eps < 1.0) {
            return refuse(
                "rms_norm_eps",
                self.rms_norm_eps,
                "it must lie between 0 and 1".to_owned(),
            );
        }
        let scale = self.architecture.attention_scale;
        if !(scale.is_normal() && scale > 0.0) {
            return refuse(
                "query_pre_attn_scalar",
                scale,
                "the scale of the scores must be finite and above 0".to_owned(),
            );
        }
        for layer in &self.architecture.layers {
            if layer.sliding_window == Some(0) {
                return refuse(
                    "sliding_window",
                    0,
                    "a token sees at least itself".to_owned(),
                );
            }
        }
        for rope in &self.architecture.ropes {
            rope.check()?;
        }
        let tokens = self
            .eos_token_id
            .iter()
            .map(|&token| ("eos_token_id", token));
        for (key, token) in tokens.chain(self.bos_token_id.map(|token| ("bos_token_id", token))) {
            if token as usize >= self.vocab_size {
                let expected = format!("the vocabulary has {} tokens", self.vocab_size);
                return refuse(key, token, expected);
            }
        }
        Ok(())
    }
}

pub(crate) fn refuse<T>(
    key: impl Into<String>,
    value: impl std::fmt::Display,
    expected: impl Into<String>,
) -> Result<T, ConfigError> {
    Err(ConfigError::Unsupported {
        key: key.into(),
        value: value.to_string(),
        expected: expected.into(),
    })
}

fn list(keys: &[String]) -> String {
    let quoted: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
    quoted.join(", ")
}
