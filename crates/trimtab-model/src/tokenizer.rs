//! Text to token ids and back, by the `tokenizers` crate. A hostile file gives an error, never a
//! panic.

mod class;
mod folder;
mod gguf;
mod text_stream;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use serde_json::{Map, Value, json};
use tokenizers::PostProcessorWrapper;

use crate::gguf::GgufError;

pub(crate) use gguf::end_of_generation;
pub use text_stream::TextStream;

/// Text to token ids and back.
#[derive(Clone, Debug)]
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    vocab_size: usize,
}

/// Why a tokenizer could not be loaded, or a text not be encoded or decoded.
#[expect(missing_docs, reason = "the messages document the variants")]
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum TokenizerError {
    #[error("cannot read {path}")]
    Read {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{path} has no usable tokenizer: {reason}")]
    Malformed { path: PathBuf, reason: String },
    #[error(
        "{path} has {tokens} tokens but the model has {vocab_size}; do the two belong together?"
    )]
    Vocabulary {
        path: PathBuf,
        tokens: usize,
        vocab_size: usize,
    },
    #[error(
        "{dir} has no tokenizer.json; transformers makes it from the other files: \
         python -c \"from transformers import AutoTokenizer as A; \
         A.from_pretrained('{dir}').save_pretrained('{dir}')\"",
        dir = dir.display()
    )]
    NoTokenizerJson { dir: PathBuf },
    #[error(
        "{path} asks for the tokenizer class `{class}`, which reads tokenizer.json in a way that \
         is not supported; if the file holds as it is, set `tokenizer_class` to \
         `PreTrainedTokenizerFast`"
    )]
    Class { path: PathBuf, class: String },
    #[error(transparent)]
    Gguf(#[from] GgufError),
    #[error("{path} has a tokenizer of the kind `{model}`, and only `gpt2` and `llama` are read")]
    Model { path: PathBuf, model: String },
    #[error(
        "{path} cuts texts as `{pre}` (`tokenizer.ggml.pre`), which is not known; take the \
         checkpoint folder that the file was made from"
    )]
    PreTokenizer { path: PathBuf, pre: String },
    #[error("the tokenizer cannot encode this text: {reason}")]
    Encode { reason: String },
    #[error("the tokenizer cannot decode these tokens: {reason}")]
    Decode { reason: String },
}

impl Tokenizer {
    /// The token ids of `text`, with the special tokens that the tokenizer adds.
    ///
    /// # Errors
    ///
    /// The tokenizer has no token for a part of the text, or a token that the model does not have.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, TokenizerError> {
        self.encode_as(text, true)
    }

    /// The token ids of a text that has its special tokens already, such as a rendered chat. No
    /// special token is added.
    ///
    /// # Errors
    ///
    /// As [`Self::encode`].
    pub fn encode_rendered(&self, text: &str) -> Result<Vec<u32>, TokenizerError> {
        self.encode_as(text, false)
    }

    fn encode_as(&self, text: &str, add_special_tokens: bool) -> Result<Vec<u32>, TokenizerError> {
        let encoding = catch_panics(|| self.inner.encode(text, add_special_tokens))
            .map_err(|reason| TokenizerError::Encode { reason })?;
        let ids = encoding.get_ids();
        match ids.iter().find(|&&id| id as usize >= self.vocab_size) {
            // A post-processor adds tokens by ids that need not be in the vocabulary.
            Some(id) => Err(TokenizerError::Encode {
                reason: format!("it gives token {id}, but the model has {}", self.vocab_size),
            }),
            None => Ok(ids.to_vec()),
        }
    }

    /// The text of `tokens`, without special tokens. Ids that are no token have no text.
    ///
    /// # Errors
    ///
    /// The decoder of `tokenizer.json` fails.
    pub fn decode(&self, tokens: &[u32]) -> Result<String, TokenizerError> {
        catch_panics(|| self.inner.decode(tokens, true))
            .map_err(|reason| TokenizerError::Decode { reason })
    }

    /// The text of `tokens`, where special tokens show as their names.
    ///
    /// # Errors
    ///
    /// As [`Self::decode`].
    pub fn decode_with_special_tokens(&self, tokens: &[u32]) -> Result<String, TokenizerError> {
        catch_panics(|| self.inner.decode(tokens, false))
            .map_err(|reason| TokenizerError::Decode { reason })
    }

    /// A text that shows one token. It is the text that the token has within a longer one, or the
    /// bytes of a part of a character such as `<0xE2 0x80>`, or the name of a token without text,
    /// or its id in angle brackets.
    pub fn token_text(&self, token: u32) -> String {
        let name = || self.inner.id_to_token(token);
        match self.decode(&[token]) {
            Ok(text) if text.contains(char::REPLACEMENT_CHARACTER) => {
                name().and_then(|name| bytes_of(&name)).unwrap_or(text)
            }
            Ok(text) if !text.is_empty() => text,
            _ => name().unwrap_or_else(|| format!("<{token}>")),
        }
    }

    /// The `tokenizer.json` of this tokenizer.
    ///
    /// # Errors
    ///
    /// It cannot be written as JSON.
    pub fn to_json(&self) -> Result<String, TokenizerError> {
        let json = catch_panics(|| self.inner.to_string(false));
        json.map_err(|reason| TokenizerError::Encode { reason })
    }

    /// The id of the token named `token`, such as `<|endoftext|>`.
    pub fn token_id(&self, token: &str) -> Option<u32> {
        self.inner.token_to_id(token)
    }
}

/// Adds these tokens, each with its id, before and behind a text.
fn template(
    bos: Option<(String, u32)>,
    eos: Option<(String, u32)>,
) -> tokenizers::Result<PostProcessorWrapper> {
    let special = |token: &Option<(String, u32)>| {
        token
            .as_ref()
            .map(|(token, _)| json!({"SpecialToken": {"id": token, "type_id": 0}}))
    };
    let sequence = |id| json!({"Sequence": {"id": id, "type_id": 0}});
    let single: Vec<Value> = special(&bos)
        .into_iter()
        .chain([sequence("A")])
        .chain(special(&eos))
        .collect();
    let entry = |(token, id): &(String, u32)| {
        let entry = json!({"id": token, "ids": [id], "tokens": [token]});
        (token.clone(), entry)
    };
    let special_tokens: Map<_, _> = bos.iter().chain(&eos).map(entry).collect();
    let template = json!({
        "type": "TemplateProcessing",
        "single": single,
        "pair": [sequence("A"), sequence("B")], // texts are encoded one at a time
        "special_tokens": special_tokens,
    });
    Ok(serde_json::from_value(template)?)
}

/// Runs `work` and turns a panic into an error: parts of `tokenizers` panic on crafted files.
fn catch_panics<T>(work: impl FnOnce() -> tokenizers::Result<T>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => result.map_err(|error| error.to_string()),
        Err(_) => Err("the tokenizers library panicked".to_owned()),
    }
}

/// The text of a token for people: white space, control and direction characters are visible.
///
/// ```
/// use trimtab_model::tokenizer::visible_token;
///
/// assert_eq!(visible_token(" Let\n\u{202e}"), "␣Let⏎\\u{202e}");
/// ```
pub fn visible_token(token: &str) -> String {
    let show = |c: char| match c {
        ' ' => "␣".to_owned(),
        '\n' => "⏎".to_owned(),
        '\'' | '"' | '\\' => c.to_string(),
        c => c.escape_debug().to_string(),
    };
    token.chars().map(show).collect()
}

/// The bytes of a token of a byte-level vocabulary. Its name has a printable character for each
/// byte, as in GPT-2: the byte itself, or one from U+0100 on for those that are not printable.
fn bytes_of(name: &str) -> Option<String> {
    let is_own = |byte: &u8| matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
    let others: Vec<u8> = (0..=u8::MAX).filter(|byte| !is_own(byte)).collect();
    let byte = |c: char| match u8::try_from(c) {
        Ok(byte) => Some(byte).filter(is_own),
        Err(_) => others.get((c as usize).checked_sub(256)?).copied(),
    };
    let bytes: Option<Vec<u8>> = name.chars().map(byte).collect();
    let shown: Vec<String> = bytes?.iter().map(|byte| format!("0x{byte:02X}")).collect();
    Some(format!("<{}>", shown.join(" ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_characters_are_shown_as_bytes() {
        // The names of the first two bytes of U+2019, of a blank and of an unprintable byte.
        for (name, expected) in [
            ("\u{e2}\u{122}", Some("<0xE2 0x80>")),
            ("\u{120}\u{f0}", Some("<0x20 0xF0>")),
            ("\u{143}", Some("<0xAD>")),
            ("\u{2019}", None),
        ] {
            assert_eq!(bytes_of(name).as_deref(), expected, "{name}");
        }
    }

    /// A decoder that strips one character from both ends of `a` panics.
    const TOKENIZER: &str = r#"{
        "version": "1.0", "added_tokens": [], "normalizer": null, "pre_tokenizer": null,
        "post_processor": null, "truncation": null, "padding": null,
        "decoder": {"type": "Strip", "content": "a", "start": 1, "stop": 1},
        "model": {"type": "WordLevel", "vocab": {"a": 0, "b": 1}, "unk_token": "b"}
    }"#;

    #[test]
    fn a_decoder_that_fails_is_an_error_and_not_an_empty_text() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join("tokenizer.json"), TOKENIZER).expect("a writable folder");
        let tokenizer = Tokenizer::from_dir(folder.path(), 2).expect("a sound tokenizer");
        assert_eq!(tokenizer.decode(&[1]).expect("`b` stays"), "b");
        let error = tokenizer
            .decode(&[1, 0])
            .expect_err("`a` cannot be stripped");
        assert!(matches!(error, TokenizerError::Decode { .. }), "{error}");
        assert_eq!(tokenizer.token_text(0), "a", "its name");
    }
}
