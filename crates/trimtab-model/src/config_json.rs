//! Reading `config.json`.

use std::path::Path;

use crate::config::architecture::ModelConfig;
use crate::config::error::ConfigError;
use crate::config::keys::ConfigKeys;
use crate::config::quantised::refuse_quantised;
use crate::families;
use crate::file::read_limited;

/// Largest `config.json` that is read, in bytes.
const MAX_FILE_BYTES: u64 = 4 << 20;

impl ModelConfig {
    /// Reads and checks `config.json` of the checkpoint folder `dir`. If there is a
    /// `generation_config.json` with an `eos_token_id`, that one counts, as in transformers.
    ///
    /// # Errors
    ///
    /// The file is missing, is not a JSON object of the right form, or asks for something that is
    /// not supported.
    pub fn from_dir(dir: &Path) -> Result<Self, ConfigError> {
        Self::from_dir_allowing(dir, &[])
    }

    /// As [`Self::from_dir`], with keys that the user knows to be without effect. Each is a name,
    /// or a path such as `rope_scaling.surprise`.
    ///
    /// # Errors
    ///
    /// As [`Self::from_dir`], or an allowed key is not in the file, is computed, or is known to
    /// change what the model computes.
    pub fn from_dir_allowing(dir: &Path, allowed: &[String]) -> Result<Self, ConfigError> {
        let read = |file: &str| {
            let path = dir.join(file);
            read_limited(&path, MAX_FILE_BYTES).map_err(|source| ConfigError::Read { path, source })
        };
        let text = |bytes: Vec<u8>| {
            String::from_utf8(bytes).map_err(|error| ConfigError::Parse {
                reason: error.to_string(),
            })
        };
        let mut config = Self::parse(&text(read("config.json")?)?, allowed)?;
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
    ///     r#"{"model_type": "qwen3", "vocab_size": 96, "hidden_size": 48, "intermediate_size": 64,
    ///         "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
    ///         "head_dim": 16}"#,
    /// )?;
    /// assert_eq!(config.head_dim, 16);
    /// # Ok::<(), trimtab_model::config::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// It is not a JSON object, a key is missing, or a key or its value is not supported.
    pub fn from_json(text: &str) -> Result<Self, ConfigError> {
        Self::parse(text, &[])
    }

    pub(crate) fn parse(text: &str, allowed: &[String]) -> Result<Self, ConfigError> {
        let mut keys = ConfigKeys::parse(text)?;
        refuse_quantised(&mut keys)?;
        let config = families::read(&mut keys)?;
        // Where a family has no window, one as wide as the context hides nothing.
        keys.ignore_if("sliding_window", |window| {
            window.as_u64() >= Some(config.max_position_embeddings as u64)
        });
        keys.finish(allowed)?;
        config.check()?;
        Ok(config)
    }
}
