//! `tokenizer.json` through the `tokenizers` crate, fenced: a hostile file gives an error, never a panic.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// Largest `tokenizer.json` that is read, in bytes.
const MAX_FILE_BYTES: u64 = 64 << 20;

/// Text to token ids and back.
#[derive(Clone, Debug)]
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    vocab_size: usize,
}

/// Why a tokenizer could not be loaded or a text not be encoded.
#[expect(missing_docs, reason = "the messages document the variants")]
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum TokenizerError {
    #[error("cannot read {path}: {source}")]
    Read {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{path} is not a usable tokenizer.json: {reason}")]
    Malformed { path: PathBuf, reason: String },
    #[error(
        "{path} has {tokens} tokens but the model knows {vocab_size}; do the two belong together?"
    )]
    Vocabulary {
        path: PathBuf,
        tokens: usize,
        vocab_size: usize,
    },
    #[error("the tokenizer cannot encode this text: {reason}")]
    Encode { reason: String },
}

impl Tokenizer {
    /// Reads `tokenizer.json` in the folder `dir`, for a model with `vocab_size` tokens.
    ///
    /// # Errors
    ///
    /// The file is missing, too large, malformed, empty, or has tokens that the model does not know.
    pub fn from_dir(dir: &Path, vocab_size: usize) -> Result<Self, TokenizerError> {
        let path = dir.join("tokenizer.json");
        let malformed = |reason: String| TokenizerError::Malformed {
            path: path.clone(),
            reason,
        };
        let read = |source| TokenizerError::Read {
            path: path.clone(),
            source,
        };
        let size = std::fs::metadata(&path).map_err(read)?.len();
        if size > MAX_FILE_BYTES {
            return Err(malformed(format!(
                "{size} bytes are more than the {MAX_FILE_BYTES} that are read"
            )));
        }
        let bytes = std::fs::read(&path).map_err(read)?;
        let mut inner = fenced(|| tokenizers::Tokenizer::from_bytes(&bytes)).map_err(malformed)?;
        // A text is encoded whole and alone, as transformers does; a length to pad to could be a terabyte.
        inner.with_padding(None);
        inner
            .with_truncation(None)
            .expect("no truncation is always possible");
        let largest = inner.get_vocab(true).into_values().max();
        match largest {
            None => Err(malformed("its vocabulary is empty".to_owned())),
            Some(largest) if largest as usize >= vocab_size => Err(TokenizerError::Vocabulary {
                path,
                tokens: largest as usize + 1,
                vocab_size,
            }),
            Some(_) => Ok(Self { inner, vocab_size }),
        }
    }

    /// The token ids of `text`, with the special tokens that the tokenizer adds by itself.
    ///
    /// # Errors
    ///
    /// The tokenizer has no token for some part of the text, or gives one that the model does not know.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, TokenizerError> {
        let encoding = fenced(|| self.inner.encode(text, true))
            .map_err(|reason| TokenizerError::Encode { reason })?;
        let ids = encoding.get_ids();
        match ids.iter().find(|&&id| id as usize >= self.vocab_size) {
            // A post-processor adds tokens by numbers of its own, which the vocabulary does not show.
            Some(id) => Err(TokenizerError::Encode {
                reason: format!("it gives token {id}, but the model has {}", self.vocab_size),
            }),
            None => Ok(ids.to_vec()),
        }
    }

    /// The text of `tokens`, without special tokens; ids that are no token have no text.
    pub fn decode(&self, tokens: &[u32]) -> String {
        fenced(|| self.inner.decode(tokens, true)).unwrap_or_default()
    }

    /// The text of one token as it appears inside a longer text, special tokens by their name.
    pub fn token_text(&self, token: u32) -> String {
        match self.decode(&[token]) {
            text if text.is_empty() => self
                .inner
                .id_to_token(token)
                .unwrap_or_else(|| format!("<{token}>")),
            text => text,
        }
    }

    /// The id of the token named `token`, such as `<|endoftext|>`.
    pub fn token_id(&self, token: &str) -> Option<u32> {
        self.inner.token_to_id(token)
    }
}

/// Runs `work` and turns a panic inside it into an error text: parts of `tokenizers` panic on crafted files.
fn fenced<T>(work: impl FnOnce() -> tokenizers::Result<T>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => result.map_err(|error| error.to_string()),
        Err(_) => Err("the tokenizers library panicked".to_owned()),
    }
}
