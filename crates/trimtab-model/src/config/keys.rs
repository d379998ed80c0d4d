//! The keys of a `config.json`. Each is taken once, so that the keys nobody took are known.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::error::{ConfigError, refuse};

/// The keys that have not been taken.
pub(crate) struct ConfigKeys {
    pub(crate) model_type: String,
    left: Map<String, Value>,
}

/// Keys without effect on a forward pass: bookkeeping, settings of training, defaults of sampling.
const WITHOUT_EFFECT: &[&str] = &[
    "architectures",
    "attention_dropout",
    "auto_map",
    "cache_implementation",
    "chunk_size_feed_forward",
    "do_sample",
    "dtype",
    "embd_pdrop",
    "id2label",
    "initializer_range",
    "label2id",
    "max_length",
    "min_length",
    "model_max_length",
    "output_attentions",
    "output_hidden_states",
    "pad_token_id",
    "pretraining_tp",
    "problem_type",
    "repetition_penalty",
    "resid_pdrop",
    "return_dict",
    "sep_token_id",
    "temperature",
    "top_k",
    "top_p",
    "torch_dtype",
    "transformers_version",
    "unsloth_fixed",
    "unsloth_version",
    "use_cache",
];

impl ConfigKeys {
    pub(crate) fn parse(text: &str) -> Result<Self, ConfigError> {
        Self::untyped(text)?.typed()
    }

    /// The keys of a file that has no `model_type`.
    pub(crate) fn untyped(text: &str) -> Result<Self, ConfigError> {
        match serde_json::from_str(text) {
            Ok(left) => Ok(Self {
                model_type: "unknown".to_owned(),
                left,
            }),
            Err(error) => Err(ConfigError::Parse {
                reason: error.to_string(),
            }),
        }
    }

    fn typed(mut self) -> Result<Self, ConfigError> {
        self.model_type = self.required("model_type")?;
        Ok(self)
    }

    /// The object at `key` as keys of its own.
    pub(crate) fn take_inside(&mut self, key: &'static str) -> Result<Self, ConfigError> {
        let inner = Self {
            model_type: self.model_type.clone(),
            left: self.required(key)?,
        };
        inner.typed()
    }

    /// The value of `key`; `null` counts as absent.
    pub(crate) fn optional<T: DeserializeOwned>(
        &mut self,
        key: &str,
    ) -> Result<Option<T>, ConfigError> {
        match self.left.remove(key) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => {
                let shown = shorten(&value);
                match serde_json::from_value(value) {
                    Ok(value) => Ok(Some(value)),
                    Err(error) => refuse(key, shown, error.to_string()),
                }
            }
        }
    }

    pub(crate) fn required<T: DeserializeOwned>(
        &mut self,
        key: &'static str,
    ) -> Result<T, ConfigError> {
        self.optional(key)?.ok_or_else(|| self.missing(key))
    }

    pub(crate) fn or<T: DeserializeOwned>(
        &mut self,
        key: &str,
        default: T,
    ) -> Result<T, ConfigError> {
        Ok(self.optional(key)?.unwrap_or(default))
    }

    /// As [`Self::optional`], but an absent key has a default while `null` means `None`.
    pub(crate) fn nullable<T: DeserializeOwned>(
        &mut self,
        key: &str,
        default: T,
    ) -> Result<Option<T>, ConfigError> {
        if self.left.contains_key(key) {
            self.optional(key)
        } else {
            Ok(Some(default))
        }
    }

    /// The token ids at `key`, which is a number or a list.
    pub(crate) fn tokens(&mut self, key: &str) -> Result<Vec<u32>, ConfigError> {
        match self.left.get(key) {
            Some(Value::Array(_)) => self.or(key, vec![]),
            _ => Ok(self.optional(key)?.into_iter().collect()),
        }
    }

    /// Refuses keys that nobody took and that may matter. Null or false is an option that is off.
    pub(crate) fn finish(self) -> Result<(), ConfigError> {
        let matters = |(key, value): &(String, Value)| {
            !matches!(value, Value::Null | Value::Bool(false))
                && !key.starts_with('_')
                && !WITHOUT_EFFECT.contains(&key.as_str())
        };
        let keys: Vec<String> = self
            .left
            .into_iter()
            .filter(matters)
            .map(|(key, _)| shorten(&Value::String(key)).trim_matches('"').to_owned())
            .collect();
        if keys.is_empty() {
            Ok(())
        } else {
            Err(ConfigError::Unknown {
                model_type: self.model_type,
                keys,
            })
        }
    }

    fn missing(&self, key: &'static str) -> ConfigError {
        ConfigError::Missing {
            key,
            model_type: self.model_type.clone(),
        }
    }
}

/// A value as a message can show it.
pub(crate) fn shorten(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
