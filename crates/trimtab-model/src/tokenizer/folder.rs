//! The tokenizer of a checkpoint folder, as `AutoTokenizer` of transformers 5 loads it.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tokenizers::AddedToken;
use tokenizers::models::bpe::{BPE, Vocab};

use super::class::Class;
use super::{Tokenizer, TokenizerError, catch_panics, template};
use crate::file::read_limited;
use crate::tokenizer_config::{TokenizerConfig, added_token, text};

/// Largest `tokenizer.json` that is read, in bytes, and largest `vocab.json` and `merges.txt`.
const MAX_FILE_BYTES: u64 = 64 << 20;

impl Tokenizer {
    /// Reads the tokenizer in the folder `dir`, for a model with `vocab_size` tokens: from
    /// `tokenizer.json`, or else from `vocab.json` and `merges.txt`.
    ///
    /// `tokenizer_config.json`, if there is one, adds tokens and names the class of the tokenizer.
    /// As in transformers 5, some classes take only the vocabulary, the merges and the special
    /// tokens around a text from `tokenizer.json`, and bring all else themselves.
    ///
    /// Added tokens may lie beyond `vocab_size`, as those for images do in text models. A text with
    /// such a token is refused. A special token that is in no vocabulary is not added.
    ///
    /// # Errors
    ///
    /// A file is missing, too large or malformed, the class is not known, or the vocabulary is
    /// empty or has tokens that the model does not have.
    pub fn from_dir(dir: &Path, vocab_size: usize) -> Result<Self, TokenizerError> {
        let config_path = dir.join("tokenizer_config.json");
        let malformed = |reason| TokenizerError::Malformed {
            path: config_path.clone(),
            reason,
        };
        let config =
            TokenizerConfig::from_dir(dir).map_err(|error| malformed(error.to_string()))?;
        let path = dir.join("tokenizer.json");
        let file = read(&path)?;
        let class = Class::of(&config, &model_config(dir), file.as_deref());
        let class = class.map_err(|class| TokenizerError::Class {
            path: config_path.clone(),
            class,
        })?;
        let (base, path) = match &file {
            Some(bytes) => {
                let base = catch_panics(|| tokenizers::Tokenizer::from_bytes(bytes));
                (base.map_err(|reason| broken(&path, reason))?, path)
            }
            None => from_vocab_and_merges(dir, class)?,
        };
        let adds_as_configured = file.is_none();
        let configured = catch_panics(|| configure(base, class, &config, adds_as_configured));
        let inner = configured.map_err(malformed)?;
        check_vocabulary(&inner, &path, vocab_size)?;
        Ok(Self { inner, vocab_size })
    }
}

/// Tokens of `inner` that are not added ones must be tokens of the model.
fn check_vocabulary(
    inner: &tokenizers::Tokenizer,
    path: &Path,
    vocab_size: usize,
) -> Result<(), TokenizerError> {
    let added = inner.get_added_tokens_decoder();
    let vocabulary = inner.get_vocab(false).into_values();
    let largest = vocabulary.filter(|id| !added.contains_key(id)).max();
    match largest {
        None => Err(broken(path, "its vocabulary is empty".to_owned())),
        Some(largest) if largest as usize >= vocab_size => Err(TokenizerError::Vocabulary {
            path: path.into(),
            tokens: largest as usize + 1,
            vocab_size,
        }),
        Some(_) => Ok(()),
    }
}

/// `vocab.json` and `merges.txt`, for a class that brings all else.
fn from_vocab_and_merges(
    dir: &Path,
    class: Class,
) -> Result<(tokenizers::Tokenizer, PathBuf), TokenizerError> {
    let path = dir.join("vocab.json");
    let (Some(vocab), Some(merges), true) = (
        read(&path)?,
        read(&dir.join("merges.txt"))?,
        class.is_byte_level(),
    ) else {
        return Err(TokenizerError::NoTokenizerJson { dir: dir.into() });
    };
    let model = catch_panics(|| {
        let vocab: BTreeMap<String, u32> = serde_json::from_slice(&vocab)?;
        let merges = std::str::from_utf8(&merges)?.lines();
        let pair = |line: &str| -> tokenizers::Result<_> {
            let pair = line
                .split_once(' ')
                .filter(|(_, right)| !right.contains(' '));
            let (left, right) = pair.ok_or_else(|| format!("`{line}` is not a pair to merge"))?;
            Ok((left.to_owned(), right.to_owned()))
        };
        let merges = merges
            .filter(|line| !line.starts_with("#version"))
            .map(pair);
        let merges = merges.collect::<tokenizers::Result<Vec<_>>>()?;
        let vocab: Vocab = vocab.into_iter().collect();
        BPE::builder().vocab_and_merges(vocab, merges).build()
    });
    let model = model.map_err(|reason| broken(&path, reason))?;
    Ok((tokenizers::Tokenizer::new(model), path))
}

/// Changes `base` as transformers does when it loads the folder.
fn configure(
    mut base: tokenizers::Tokenizer,
    class: Class,
    config: &TokenizerConfig,
    adds_as_configured: bool,
) -> tokenizers::Result<tokenizers::Tokenizer> {
    // Texts are encoded whole and alone, as in transformers. A padding length could be a terabyte.
    base.with_padding(None);
    base.with_truncation(None)?;
    let file_tokens: BTreeMap<i64, AddedToken> = base
        .get_added_tokens_decoder()
        .into_iter()
        .map(|(id, token)| (i64::from(id), token))
        .collect();
    let mut tokenizer = class.rebuild(base, config)?;
    let tokens = added_tokens(&tokenizer, class, config, file_tokens)?;
    tokenizer.add_tokens(&tokens);
    tokenizer.set_encode_special_tokens(config.flag("split_special_tokens", false));
    let flag = |key| adds_as_configured && config.flag(key, false);
    let (bos, eos) = (flag("add_bos_token"), flag("add_eos_token"));
    let replaces = match class {
        Class::CodeLlama => Some((true, eos)),
        Class::GptNeoX => Some((bos, eos)),
        _ if tokenizer.get_post_processor().is_none() => Some((bos, eos)),
        _ => None, // tokenizer.json says what goes around a text
    };
    if let Some((bos, eos)) = replaces {
        let bos = bos.then(|| special_token(&tokenizer, class, config, "bos_token"));
        let eos = eos.then(|| special_token(&tokenizer, class, config, "eos_token"));
        let template = template(bos.transpose()?.flatten(), eos.transpose()?.flatten())?;
        tokenizer.with_post_processor(Some(template));
    }
    Ok(tokenizer)
}

/// The special token at `key` with its id, if there is one.
fn special_token(
    tokenizer: &tokenizers::Tokenizer,
    class: Class,
    config: &TokenizerConfig,
    key: &str,
) -> tokenizers::Result<Option<(String, u32)>> {
    let named = class.special_tokens(config);
    let Some((_, token)) = named.into_iter().find(|(name, _)| name == key) else {
        return Ok(None);
    };
    let token = text(&token).unwrap_or_default().to_owned();
    let id = tokenizer.token_to_id(&token);
    let id = id.ok_or_else(|| format!("the {key} `{token}` is not in the vocabulary"))?;
    Ok(Some((token, id)))
}

/// The tokens that the folder adds, in the order of their ids, and then the special tokens that
/// are in the vocabulary but not added yet.
fn added_tokens(
    tokenizer: &tokenizers::Tokenizer,
    class: Class,
    config: &TokenizerConfig,
    file_tokens: BTreeMap<i64, AddedToken>,
) -> tokenizers::Result<Vec<AddedToken>> {
    let named = class.special_tokens(config);
    let is_named = |content: &str| named.iter().any(|(_, token)| text(token) == Some(content));
    let mut added = config.added_tokens(file_tokens)?;
    for token in added.values_mut() {
        token.special |= is_named(&token.content);
    }
    let mut added: Vec<AddedToken> = added.into_values().collect();
    for (token, is_named) in named
        .iter()
        .map(|(_, token)| (token, true))
        .chain(config.extra_special_tokens().map(|token| (token, false)))
    {
        let token = added_token(token)?;
        let is_known = tokenizer.token_to_id(&token.content).is_some();
        let is_added = tokenizer
            .get_added_vocabulary()
            .get_vocab()
            .contains_key(&token.content)
            || added.iter().any(|other| other.content == token.content);
        if is_known && !is_added {
            added.push(if is_named { token.special(true) } else { token });
        }
    }
    Ok(added)
}

/// `config.json`, of which only the kind of the model counts. What is wrong with it is said where
/// the model is loaded.
fn model_config(dir: &Path) -> Value {
    let bytes = read_limited(&dir.join("config.json"), MAX_FILE_BYTES);
    bytes
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default()
}

/// The bytes of a file, or `None` where there is none.
fn read(path: &Path) -> Result<Option<Vec<u8>>, TokenizerError> {
    match read_limited(path, MAX_FILE_BYTES) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
            Err(broken(path, error.to_string()))
        }
        Err(source) => Err(TokenizerError::Read {
            path: path.into(),
            source,
        }),
    }
}

fn broken(path: &Path, reason: String) -> TokenizerError {
    TokenizerError::Malformed {
        path: path.into(),
        reason,
    }
}
