//! `tokenizer_config.json`: settings of a tokenizer that `tokenizer.json` does not have.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use serde_json::{Map, Value};
use tokenizers::AddedToken;

use crate::file::read_limited;

/// Largest file that is read, in bytes.
const MAX_FILE_BYTES: u64 = 16 << 20;

/// The keys of the file; empty if there is no file.
#[derive(Clone, Debug, Default)]
pub(crate) struct TokenizerConfig {
    keys: Map<String, Value>,
    /// `added_tokens.json`, the old place of added tokens: their ids by text.
    old_added_tokens: Map<String, Value>,
}

impl TokenizerConfig {
    /// Reads the file at `path`. Anything but a JSON object gives [`io::ErrorKind::InvalidData`].
    pub(crate) fn read(path: &Path) -> io::Result<Self> {
        Ok(Self {
            keys: read_object(path)?,
            old_added_tokens: Map::new(),
        })
    }

    /// Reads `tokenizer_config.json` in the folder `dir`. Without `added_tokens_decoder` the old
    /// files `special_tokens_map.json` and `added_tokens.json` count too, as in transformers.
    pub(crate) fn from_dir(dir: &Path) -> io::Result<Self> {
        let mut config = Self::read(&dir.join("tokenizer_config.json"))?;
        if config.get("added_tokens_decoder").is_none() {
            config.old_added_tokens = read_object(&dir.join("added_tokens.json"))?;
            for (key, mut token) in read_object(&dir.join("special_tokens_map.json"))? {
                if let Some(token) = token.as_object_mut().filter(|_| key != EXTRA) {
                    token.insert("special".to_owned(), true.into());
                }
                config.keys.insert(key, token);
            }
        }
        Ok(config)
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Value> {
        self.keys.get(key)
    }

    /// The truth value at `key`.
    pub(crate) fn flag(&self, key: &str, default: bool) -> bool {
        self.get(key).and_then(Value::as_bool).unwrap_or(default)
    }

    /// `bos_token`, `eos_token` and so on, by key.
    pub(crate) fn special_tokens(&self) -> impl Iterator<Item = (&str, &Value)> {
        let named = self.get(EXTRA).and_then(Value::as_object);
        self.keys
            .iter()
            .filter(|(key, _)| key.ends_with("_token"))
            .chain(named.into_iter().flatten())
            .filter(|(_, token)| text(token).is_some())
            .map(|(key, token)| (key.as_str(), token))
    }

    /// Special tokens without a key.
    pub(crate) fn extra_special_tokens(&self) -> impl Iterator<Item = &Value> {
        let list = |key| self.get(key).and_then(Value::as_array);
        let extra = list(EXTRA).filter(|tokens| !tokens.is_empty());
        let tokens = extra.or_else(|| list("additional_special_tokens"));
        tokens
            .into_iter()
            .flatten()
            .filter(|token| text(token).is_some())
    }

    /// The added tokens by id: those of this file, or else of the older one and `file_tokens`,
    /// those of `tokenizer.json`.
    pub(crate) fn added_tokens(
        &self,
        file_tokens: BTreeMap<i64, AddedToken>,
    ) -> tokenizers::Result<BTreeMap<i64, AddedToken>> {
        let mut added = BTreeMap::new();
        if let Some(tokens) = self.get("added_tokens_decoder") {
            let tokens = tokens.as_object();
            for (id, token) in tokens.ok_or("`added_tokens_decoder` is not an object")? {
                added.insert(id.trim().parse()?, added_token(token)?);
            }
            return Ok(added);
        }
        for (token, id) in &self.old_added_tokens {
            let is_special = self
                .special_tokens()
                .any(|(_, other)| text(other) == Some(token))
                || self
                    .extra_special_tokens()
                    .any(|other| text(other) == Some(token));
            let id = id
                .as_i64()
                .ok_or("added_tokens.json has an id that is no whole number")?;
            added.insert(id, AddedToken::from(token.clone(), is_special));
        }
        added.extend(file_tokens);
        Ok(added)
    }
}

const EXTRA: &str = "extra_special_tokens";

/// The text of a token.
pub(crate) fn text(token: &Value) -> Option<&str> {
    token.as_str().or_else(|| token.get("content")?.as_str())
}

/// A token with its flags. It may also be written as its text alone, and is special then.
pub(crate) fn added_token(token: &Value) -> tokenizers::Result<AddedToken> {
    let flag = |key, default| token.get(key).and_then(Value::as_bool).unwrap_or(default);
    let content = text(token).ok_or("a token without `content`")?;
    let special = flag("special", token.is_string());
    Ok(AddedToken::from(content, special)
        .single_word(flag("single_word", false))
        .lstrip(flag("lstrip", false))
        .rstrip(flag("rstrip", false))
        .normalized(flag("normalized", !special)))
}

/// The JSON object in the file at `path`, empty if there is no file.
fn read_object(path: &Path) -> io::Result<Map<String, Value>> {
    match read_limited(path, MAX_FILE_BYTES) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Map::new()),
        Err(error) => Err(error),
    }
}
