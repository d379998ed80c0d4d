//! Why a `config.json` cannot be used.

use std::path::PathBuf;

/// Why a `config.json` cannot be used.
#[expect(missing_docs, reason = "the messages document the variants")]
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("cannot read {path}; is this the folder of a Hugging Face checkpoint?")]
    Read {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("config.json is not usable: {reason}")]
    Parse { reason: String },
    #[error("config.json has no `{key}`, which `{model_type}` needs")]
    Missing { key: String, model_type: String },
    #[error("`{key}` is {value} in config.json, but {expected}")]
    Unsupported {
        key: String,
        value: String,
        expected: String,
    },
    #[error(
        "config.json of `{model_type}` sets {}, which may change what the model computes; if you \
         know that it does not, allow it with {}",
        list(keys),
        flags(keys)
    )]
    Unknown {
        model_type: String,
        keys: Vec<String>,
    },
    #[error(
        "`{key}` says that the weights are quantised with {method}, which is not read; take the \
         checkpoint that they were made from, or a GGUF file of it"
    )]
    Quantised { key: String, method: String },
    #[error("`{key}` cannot be allowed: it {reason}")]
    NotAllowed { key: String, reason: &'static str },
}

/// The error [`ConfigError::Unsupported`].
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

fn flags(keys: &[String]) -> String {
    let flags: Vec<String> = keys
        .iter()
        .map(|key| format!("--allow-config-key {key}"))
        .collect();
    flags.join(" ")
}
