//! `config.json`: the shape of a decoder, checked before anything is allocated.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The keys of `config.json` that decide the numbers, named as Hugging Face names them.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct ModelConfig {
    /// The architecture family; this version knows `qwen2`.
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
    /// Longest sequence the model was made for, in tokens.
    pub max_position_embeddings: usize,
    /// Epsilon of every `RMSNorm`.
    pub rms_norm_eps: f64,
    /// Base of the rotary frequencies.
    pub rope_theta: f64,
    /// Whether the unembedding is the embedding.
    #[serde(default)]
    pub tie_word_embeddings: bool,
    /// Activation of the MLP; this version knows `silu`.
    #[serde(default = "silu")]
    pub hidden_act: String,
    /// Sliding-window attention, which this version does not compute.
    #[serde(default)]
    pub use_sliding_window: bool,
    /// Scaling of the rotary frequencies, which this version does not compute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rope_scaling: Option<serde_json::Value>,
    /// First token of every sequence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bos_token_id: Option<u32>,
    /// Token that ends a completion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eos_token_id: Option<u32>,
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
    #[error("{path} is not a usable config.json: {source}")]
    Parse {
        path: PathBuf,
        source: serde_json::Error,
    },
    #[error("`{key}` is {value} in config.json, but {expected}")]
    Unsupported {
        key: &'static str,
        value: String,
        expected: String,
    },
}

impl ModelConfig {
    /// Reads and checks `config.json` of the checkpoint folder `dir`.
    ///
    /// # Errors
    ///
    /// The file is missing, is no JSON of the right form, or asks for something this version does not compute.
    pub fn from_dir(dir: &Path) -> Result<Self, ConfigError> {
        let path = dir.join("config.json");
        let text = std::fs::read_to_string(&path).map_err(|source| ConfigError::Read {
            path: path.clone(),
            source,
        })?;
        let config: Self =
            serde_json::from_str(&text).map_err(|source| ConfigError::Parse { path, source })?;
        config.check()?;
        Ok(config)
    }

    /// Width of one attention head.
    pub fn head_dim(&self) -> usize {
        self.hidden_size / self.num_attention_heads
    }

    /// Refuses what would be computed wrongly, and sizes that no checkpoint has.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Unsupported`] names the first offending key.
    #[expect(clippy::too_many_lines, reason = "one plain check after the other")]
    pub fn check(&self) -> Result<(), ConfigError> {
        let refuse = |key, value: &dyn std::fmt::Display, expected: String| {
            Err(ConfigError::Unsupported {
                key,
                value: value.to_string(),
                expected,
            })
        };
        if self.model_type != "qwen2" {
            return refuse(
                "model_type",
                &self.model_type,
                "this version computes `qwen2` only".to_owned(),
            );
        }
        for (key, value, most) in [
            ("vocab_size", self.vocab_size, 1 << 20),
            ("hidden_size", self.hidden_size, 1 << 16),
            ("intermediate_size", self.intermediate_size, 1 << 18),
            ("num_hidden_layers", self.num_hidden_layers, 1 << 10),
            ("num_attention_heads", self.num_attention_heads, 1 << 10),
            ("num_key_value_heads", self.num_key_value_heads, 1 << 10),
            (
                "max_position_embeddings",
                self.max_position_embeddings,
                1 << 24,
            ),
        ] {
            if !(1..=most).contains(&value) {
                return refuse(key, &value, format!("it must lie in 1..={most}"));
            }
        }
        if !self
            .hidden_size
            .is_multiple_of(2 * self.num_attention_heads)
        {
            return refuse(
                "hidden_size",
                &self.hidden_size,
                format!(
                    "it must be an even multiple of num_attention_heads ({})",
                    self.num_attention_heads
                ),
            );
        }
        if !self
            .num_attention_heads
            .is_multiple_of(self.num_key_value_heads)
        {
            return refuse(
                "num_key_value_heads",
                &self.num_key_value_heads,
                format!(
                    "it must divide num_attention_heads ({})",
                    self.num_attention_heads
                ),
            );
        }
        if !(self.rms_norm_eps > 0.0 && self.rms_norm_eps < 1.0) {
            return refuse(
                "rms_norm_eps",
                &self.rms_norm_eps,
                "it must lie between 0 and 1".to_owned(),
            );
        }
        if !(self.rope_theta > 1.0 && self.rope_theta.is_finite()) {
            return refuse(
                "rope_theta",
                &self.rope_theta,
                "it must be finite and above 1".to_owned(),
            );
        }
        if self.hidden_act != "silu" {
            return refuse(
                "hidden_act",
                &self.hidden_act,
                "this version computes `silu` only".to_owned(),
            );
        }
        if self.use_sliding_window {
            return refuse(
                "use_sliding_window",
                &true,
                "this version attends to the whole sequence".to_owned(),
            );
        }
        if let Some(scaling) = &self.rope_scaling {
            return refuse(
                "rope_scaling",
                scaling,
                "this version knows plain rotary positions only".to_owned(),
            );
        }
        for (key, token) in [
            ("bos_token_id", self.bos_token_id),
            ("eos_token_id", self.eos_token_id),
        ] {
            if let Some(token) = token.filter(|&token| token as usize >= self.vocab_size) {
                return refuse(
                    key,
                    &token,
                    format!("the vocabulary has {} tokens", self.vocab_size),
                );
            }
        }
        Ok(())
    }
}

fn silu() -> String {
    "silu".to_owned()
}
