//! `tokenizer.json`, read by the `tokenizers` crate. A hostile file gives an error, never a panic.

mod text_stream;

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use tokenizers::{AddedToken, PostProcessorWrapper};

pub use text_stream::TextStream;

use crate::file::read_limited;
use crate::tokenizer_config::{TokenizerConfig, text};

/// Largest `tokenizer.json` that is read, in bytes.
const MAX_FILE_BYTES: u64 = 64 << 20;

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
    #[error("{path} is not a usable tokenizer.json: {reason}")]
    Malformed { path: PathBuf, reason: String },
    #[error(
        "{path} has {tokens} tokens but the model has {vocab_size}; do the two belong together?"
    )]
    Vocabulary {
        path: PathBuf,
        tokens: usize,
        vocab_size: usize,
    },
    #[error("the tokenizer cannot encode this text: {reason}")]
    Encode { reason: String },
    #[error("the tokenizer cannot decode these tokens: {reason}")]
    Decode { reason: String },
}

impl Tokenizer {
    /// Reads `tokenizer.json` in the folder `dir`, for a model with `vocab_size` tokens.
    ///
    /// If there is a `tokenizer_config.json`, its added and special tokens count too. For
    /// `LlamaTokenizer` and `GemmaTokenizer` it also says, as in transformers, whether a text
    /// begins with `bos_token` and ends with `eos_token`.
    ///
    /// Added tokens may lie beyond `vocab_size`, as those for images do in text models. A text with
    /// such a token is refused. A special token that is in no vocabulary is not added.
    ///
    /// # Errors
    ///
    /// A file is missing, too large or malformed, or the vocabulary is empty or has tokens that the
    /// model does not have.
    pub fn from_dir(dir: &Path, vocab_size: usize) -> Result<Self, TokenizerError> {
        let path = dir.join("tokenizer.json");
        let malformed = |reason: String| TokenizerError::Malformed {
            path: path.clone(),
            reason,
        };
        let bytes = read_limited(&path, MAX_FILE_BYTES).map_err(|source| match source.kind() {
            io::ErrorKind::FileTooLarge => malformed(source.to_string()),
            _ => TokenizerError::Read {
                path: path.clone(),
                source,
            },
        })?;
        let mut inner =
            catch_panics(|| tokenizers::Tokenizer::from_bytes(&bytes)).map_err(malformed)?;
        // Texts are encoded whole and alone, as in transformers. A padding length could be a
        // terabyte.
        inner.with_padding(None);
        inner
            .with_truncation(None)
            .expect("turning truncation off cannot fail");
        let config_path = dir.join("tokenizer_config.json");
        let configured = TokenizerConfig::read(&config_path)
            .map_err(|error| error.to_string())
            .and_then(|config| catch_panics(|| configure(&mut inner, &config)));
        configured.map_err(|reason| TokenizerError::Malformed {
            path: config_path,
            reason,
        })?;
        let added = inner.get_added_tokens_decoder();
        let vocabulary = inner.get_vocab(false).into_values();
        let largest = vocabulary.filter(|id| !added.contains_key(id)).max();
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
    /// name of a token without text, or its id in angle brackets.
    pub fn token_text(&self, token: u32) -> String {
        match self.decode(&[token]) {
            Ok(text) if !text.is_empty() => text,
            _ => self
                .inner
                .id_to_token(token)
                .unwrap_or_else(|| format!("<{token}>")),
        }
    }

    /// The id of the token named `token`, such as `<|endoftext|>`.
    pub fn token_id(&self, token: &str) -> Option<u32> {
        self.inner.token_to_id(token)
    }
}

/// The default special tokens of `LlamaTokenizer` in transformers.
const LLAMA_TOKENS: DefaultTokens = &[
    ("unk_token", "<unk>"),
    ("bos_token", "<s>"),
    ("eos_token", "</s>"),
];

/// The default special tokens of `GemmaTokenizer` in transformers.
const GEMMA_TOKENS: DefaultTokens = &[
    ("unk_token", "<unk>"),
    ("bos_token", "<bos>"),
    ("eos_token", "<eos>"),
    ("pad_token", "<pad>"),
];

/// Special tokens by their key in `tokenizer_config.json`.
type DefaultTokens = &'static [(&'static str, &'static str)];

/// Changes `tokenizer` as transformers does when it loads `tokenizer_config.json`.
fn configure(
    tokenizer: &mut tokenizers::Tokenizer,
    config: &TokenizerConfig,
) -> tokenizers::Result<()> {
    let class = config
        .get("tokenizer_class")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let defaults = match class.strip_suffix("Fast").unwrap_or(class) {
        "LlamaTokenizer" => LLAMA_TOKENS,
        "GemmaTokenizer" => GEMMA_TOKENS,
        _ => &[],
    };
    let added = added_tokens(tokenizer, config, defaults)?;
    tokenizer.add_tokens(&added);
    if !defaults.is_empty() {
        // Other classes keep the post-processor of tokenizer.json.
        let template = post_processor(tokenizer, config, defaults)?;
        tokenizer.with_post_processor(Some(template));
    }
    Ok(())
}

/// The tokens that the configuration adds, in the order of their ids, and then the special tokens
/// that are in the vocabulary but not marked as special yet.
fn added_tokens(
    tokenizer: &tokenizers::Tokenizer,
    config: &TokenizerConfig,
    defaults: DefaultTokens,
) -> tokenizers::Result<Vec<AddedToken>> {
    let mut added: Vec<(u32, AddedToken)> = vec![];
    if let Some(tokens) = config.get("added_tokens_decoder") {
        for (id, token) in tokens
            .as_object()
            .ok_or("`added_tokens_decoder` is not an object")?
        {
            added.push((id.parse()?, added_token(token)?));
        }
    }
    added.sort_by_key(|&(id, _)| id);
    let mut added: Vec<AddedToken> = added.into_iter().map(|(_, token)| token).collect();
    let mut special: Vec<AddedToken> = config
        .special_tokens()
        .map(|(_, token)| added_token(token))
        .collect::<Result<_, _>>()?;
    let is_default = |key: &&(&str, &str)| config.get(key.0).is_none();
    special.extend(
        defaults
            .iter()
            .filter(is_default)
            .map(|(_, token)| AddedToken::from(*token, true)),
    );
    for token in special {
        let is_known = tokenizer.token_to_id(&token.content).is_some();
        let is_added = tokenizer
            .get_added_vocabulary()
            .is_special_token(&token.content)
            || added.iter().any(|other| other.content == token.content);
        if is_known && !is_added {
            added.push(token.special(true));
        }
    }
    Ok(added)
}

/// Adds `bos_token` and `eos_token` to a text as the configuration says.
fn post_processor(
    tokenizer: &tokenizers::Tokenizer,
    config: &TokenizerConfig,
    defaults: DefaultTokens,
) -> tokenizers::Result<PostProcessorWrapper> {
    let piece = |adds: &str, by_default: bool, key: &str| -> tokenizers::Result<_> {
        let adds = config.get(adds).and_then(Value::as_bool);
        if !adds.unwrap_or(by_default) {
            return Ok(None);
        }
        let default = defaults
            .iter()
            .find(|(default, _)| *default == key)
            .map(|(_, token)| *token);
        let token = config.token(key).or(default).unwrap_or_default();
        let id = tokenizer.token_to_id(token);
        let id = id.ok_or_else(|| format!("the {key} `{token}` is not in the vocabulary"))?;
        Ok(Some((token.to_owned(), id)))
    };
    let bos = piece("add_bos_token", true, "bos_token")?;
    let eos = piece("add_eos_token", false, "eos_token")?;
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

/// A token with its flags. It may also be written as its text alone.
fn added_token(token: &Value) -> tokenizers::Result<AddedToken> {
    let flag = |key, default| token.get(key).and_then(Value::as_bool).unwrap_or(default);
    let content = text(token).ok_or("a token without `content`")?;
    let special = flag("special", false);
    Ok(AddedToken::from(content, special)
        .single_word(flag("single_word", false))
        .lstrip(flag("lstrip", false))
        .rstrip(flag("rstrip", false))
        .normalized(flag("normalized", !special)))
}

/// Runs `work` and turns a panic into an error: parts of `tokenizers` panic on crafted files.
fn catch_panics<T>(work: impl FnOnce() -> tokenizers::Result<T>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => result.map_err(|error| error.to_string()),
        Err(_) => Err("the tokenizers library panicked".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
