//! The tokenizer of a GGUF file, built from its metadata.
//!
//! Token ids are those of [llama.cpp](https://github.com/ggml-org/llama.cpp), which defined this
//! metadata. The kinds `gpt2` (byte-level BPE) and `llama` (SentencePiece BPE) are read.

mod byte_level;
mod end_of_generation;
mod pieces;
mod vocabulary;

use std::collections::BTreeMap;

use tokenizers::AddedToken;

use super::{Tokenizer, TokenizerError, catch_panics, template};
use crate::chat::ChatTemplate;
use crate::gguf::{GgufError, GgufFile};
use vocabulary::{Model, TokenType, Vocabulary};

pub(crate) use end_of_generation::end_of_generation;

impl Tokenizer {
    /// The tokenizer in the metadata of `file`, for a model with `vocab_size` tokens.
    ///
    /// Whether a text begins with `bos_token_id` and ends with `eos_token_id` is the file's choice
    /// (`add_bos_token`, `add_eos_token`), or else llama.cpp's default for the kind of tokenizer.
    ///
    /// # Errors
    ///
    /// The file has no tokenizer, one of a kind that is not read, one that is malformed, or more
    /// tokens than the model.
    pub fn from_gguf(file: &GgufFile, vocab_size: usize) -> Result<Self, TokenizerError> {
        let vocabulary = Vocabulary::read(file)?;
        if vocabulary.tokens.len() > vocab_size {
            return Err(TokenizerError::Vocabulary {
                path: file.path().into(),
                tokens: vocabulary.tokens.len(),
                vocab_size,
            });
        }
        let inner = catch_panics(|| build(&vocabulary));
        let inner = inner.map_err(|reason| TokenizerError::Malformed {
            path: file.path().into(),
            reason,
        })?;
        Ok(Self { inner, vocab_size })
    }
}

impl ChatTemplate {
    /// The template in the metadata of `file`, if it has one.
    ///
    /// # Errors
    ///
    /// A value in the metadata is of the wrong type.
    pub fn from_gguf(file: &GgufFile) -> Result<Option<Self>, GgufError> {
        let Some(source) = file.string("tokenizer.chat_template")? else {
            return Ok(None);
        };
        let tokens = file.strings("tokenizer.ggml.tokens")?.unwrap_or_default();
        let mut special_tokens = BTreeMap::new();
        for (name, key) in [
            ("bos_token", "bos_token_id"),
            ("eos_token", "eos_token_id"),
            ("unk_token", "unknown_token_id"),
            ("pad_token", "padding_token_id"),
        ] {
            let id = file.u32(&format!("tokenizer.ggml.{key}"))?;
            if let Some(token) = id.and_then(|id| tokens.get(id as usize)) {
                special_tokens.insert(name.to_owned(), (*token).to_owned());
            }
        }
        Ok(Some(Self::from_source(file.path(), source, special_tokens)))
    }
}

fn build(vocabulary: &Vocabulary) -> tokenizers::Result<tokenizers::Tokenizer> {
    let mut tokenizer = match &vocabulary.model {
        Model::ByteLevel(split) => byte_level::tokenizer(vocabulary, split)?,
        Model::Pieces { add_space_prefix } => pieces::tokenizer(vocabulary, *add_space_prefix)?,
    };
    tokenizer.add_tokens(&added_tokens(vocabulary));
    let special = |adds: bool, id: Option<u32>| {
        let id = id.filter(|_| adds)?;
        Some((vocabulary.tokens[id as usize].clone(), id))
    };
    tokenizer.with_post_processor(Some(template(
        special(vocabulary.add_bos_token, vocabulary.bos_token_id),
        special(vocabulary.add_eos_token, vocabulary.eos_token_id),
    )?));
    Ok(tokenizer)
}

/// The tokens that are found in a text before anything else happens to it.
fn added_tokens(vocabulary: &Vocabulary) -> Vec<AddedToken> {
    let tokens = vocabulary.tokens.iter().zip(&vocabulary.token_types);
    tokens
        .filter_map(|(token, kind)| {
            let special = match kind {
                TokenType::Control | TokenType::Unknown => true,
                TokenType::UserDefined => false,
                TokenType::Normal => return None,
            };
            let rstrip = vocabulary.control_tokens_strip && strips_spaces(token, *kind);
            let added = AddedToken::from(token.clone(), special);
            Some(added.normalized(false).rstrip(rstrip))
        })
        .collect()
}

/// Whether `token` of a Phi-3 takes the spaces behind it, as its `tokenizer.json` says.
fn strips_spaces(token: &str, kind: TokenType) -> bool {
    kind != TokenType::Normal && !["<unk>", "<s>", "<|endoftext|>"].contains(&token)
}
