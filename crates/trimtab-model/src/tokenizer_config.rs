//! `tokenizer_config.json`: settings of a tokenizer that `tokenizer.json` does not have.

use std::io;
use std::path::Path;

use serde_json::{Map, Value};

use crate::file::read_limited;

/// Largest file that is read, in bytes.
const MAX_FILE_BYTES: u64 = 16 << 20;

/// The keys of the file; empty if there is no file.
#[derive(Clone, Debug, Default)]
pub(crate) struct TokenizerConfig(Map<String, Value>);

impl TokenizerConfig {
    /// Reads the file at `path`. Anything but a JSON object gives [`io::ErrorKind::InvalidData`].
    pub(crate) fn read(path: &Path) -> io::Result<Self> {
        match read_limited(path, MAX_FILE_BYTES) {
            Ok(bytes) => Ok(Self(serde_json::from_slice(&bytes)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error),
        }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key)
    }

    /// The text of the token at `key`, which is a string or an object with flags.
    pub(crate) fn token(&self, key: &str) -> Option<&str> {
        text(self.0.get(key)?)
    }

    /// `bos_token`, `eos_token` and so on, by key.
    pub(crate) fn special_tokens(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0
            .iter()
            .filter(|(key, token)| key.ends_with("_token") && text(token).is_some())
            .map(|(key, token)| (key.as_str(), token))
    }
}

/// The text of a token.
pub(crate) fn text(token: &Value) -> Option<&str> {
    token.as_str().or_else(|| token.get("content")?.as_str())
}
