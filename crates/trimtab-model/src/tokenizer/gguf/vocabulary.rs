//! The keys `tokenizer.ggml.*` of a GGUF file, checked.

use std::collections::HashSet;

use super::byte_level::Split;
use super::end_of_generation::is_control;
use crate::gguf::GgufFile;
use crate::tokenizer::TokenizerError;

/// Longest token that is read, in bytes. The longest in use are runs of a hundred spaces.
const MAX_TOKEN_BYTES: usize = 1 << 10;

/// What the metadata says of the tokenizer.
pub(super) struct Vocabulary {
    pub model: Model,
    /// Every token once, by id.
    pub tokens: Vec<String>,
    /// One for each token.
    pub token_types: Vec<TokenType>,
    /// One for each token of SentencePiece. Pairs are merged from the highest score of the result
    /// to the lowest.
    pub scores: Vec<f64>,
    /// Pairs of tokens with a space between, in the order in which they are merged.
    pub merges: Vec<String>,
    /// A token in the vocabulary, as are the next two.
    pub bos_token_id: Option<u32>,
    pub eos_token_id: Option<u32>,
    pub unknown_token_id: Option<u32>,
    pub add_bos_token: bool,
    pub add_eos_token: bool,
    /// Whether control tokens take the spaces behind them. No key says so: it is a property of
    /// Phi-3, known by its name.
    pub control_tokens_strip: bool,
}

/// `tokenizer.ggml.model`.
pub(super) enum Model {
    /// `gpt2`: BPE on bytes within parts of a text, cut as `tokenizer.ggml.pre` says.
    ByteLevel(Split),
    /// `llama`: SentencePiece BPE on characters of the whole text.
    Pieces { add_space_prefix: bool },
}

/// `tokenizer.ggml.token_type`, as far as it changes how a text is cut.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum TokenType {
    /// Also bytes, unused and undefined ones.
    Normal,
    Unknown,
    Control,
    UserDefined,
}

impl Vocabulary {
    pub(super) fn read(file: &GgufFile) -> Result<Self, TokenizerError> {
        let (model, defaults) = model(file)?;
        let tokens = tokens(file)?;
        let count = tokens.len();
        let is_pieces = matches!(model, Model::Pieces { .. });
        let id = |key: &str, default: Option<u32>| -> Result<_, TokenizerError> {
            let given = file.u32(&key_of(key))?;
            // Files exist that name an id beyond the vocabulary. llama.cpp takes its default.
            let in_vocabulary = |id: &u32| (*id as usize) < count;
            Ok(given
                .filter(in_vocabulary)
                .or(default.filter(in_vocabulary)))
        };
        let flag = |key: &str, default: bool| -> Result<_, TokenizerError> {
            Ok(file.bool(&key_of(key))?.unwrap_or(default))
        };
        let name = file
            .string("general.name")?
            .unwrap_or_default()
            .to_lowercase();
        Ok(Self {
            token_types: token_types(file, &tokens)?,
            scores: if is_pieces {
                scores(file, count)?
            } else {
                vec![]
            },
            merges: if is_pieces { vec![] } else { merges(file)? },
            bos_token_id: id("bos_token_id", defaults.bos_token_id)?,
            eos_token_id: id("eos_token_id", defaults.eos_token_id)?,
            unknown_token_id: id("unknown_token_id", defaults.unknown_token_id)?,
            add_bos_token: flag("add_bos_token", defaults.add_bos_token)?,
            add_eos_token: flag("add_eos_token", false)?,
            control_tokens_strip: name.contains("phi-3") || name.contains("phi3"),
            model,
            tokens,
        })
    }
}

/// What holds where a file says nothing.
#[derive(Default)]
struct Defaults {
    bos_token_id: Option<u32>,
    eos_token_id: Option<u32>,
    unknown_token_id: Option<u32>,
    add_bos_token: bool,
}

fn model(file: &GgufFile) -> Result<(Model, Defaults), TokenizerError> {
    let model = file.string(&key_of("model"))?;
    match model {
        None => Err(malformed(
            file,
            "its metadata has no `tokenizer.ggml.model`",
        )),
        Some("gpt2") => {
            let pre = file.string(&key_of("pre"))?.unwrap_or("default");
            let split = Split::new(pre).ok_or_else(|| TokenizerError::PreTokenizer {
                path: file.path().into(),
                pre: pre.to_owned(),
            })?;
            let defaults = Defaults {
                add_bos_token: split.add_bos_token,
                ..Defaults::default()
            };
            Ok((Model::ByteLevel(split), defaults))
        }
        Some("llama") => {
            let add_space_prefix = file.bool(&key_of("add_space_prefix"))?.unwrap_or(true);
            let defaults = Defaults {
                bos_token_id: Some(1),
                eos_token_id: Some(2),
                unknown_token_id: Some(0),
                add_bos_token: true,
            };
            Ok((Model::Pieces { add_space_prefix }, defaults))
        }
        Some(model) => Err(TokenizerError::Model {
            path: file.path().into(),
            model: model.to_owned(),
        }),
    }
}

fn tokens(file: &GgufFile) -> Result<Vec<String>, TokenizerError> {
    let texts = file.strings(&key_of("tokens"))?.unwrap_or_default();
    if texts.is_empty() {
        return Err(malformed(file, "its vocabulary is empty"));
    }
    let mut tokens = Vec::with_capacity(texts.len());
    for (id, text) in texts.iter().enumerate() {
        if text.len() > MAX_TOKEN_BYTES {
            let reason = format!("token {id} has {} bytes, more than any in use", text.len());
            return Err(malformed(file, reason));
        }
        tokens.push(match *text {
            "" => format!("[EMPTY_{id}]"), // as llama.cpp names it
            text => text.to_owned(),
        });
    }
    let mut seen = HashSet::new();
    match tokens.iter().find(|&token| !seen.insert(token)) {
        Some(token) => Err(malformed(file, format!("it has the token `{token}` twice"))),
        None => Ok(tokens),
    }
}

fn token_types(file: &GgufFile, tokens: &[String]) -> Result<Vec<TokenType>, TokenizerError> {
    let types = file.i64s(&key_of("token_type"))?;
    if let Some(types) = &types {
        check_len(file, "token_type", types.len(), tokens.len())?;
    }
    let of = |(id, token): (usize, &String)| match types.as_ref().map(|types| types[id]) {
        Some(4) if !is_control(token) => TokenType::UserDefined,
        Some(2) => TokenType::Unknown,
        Some(3) => TokenType::Control,
        // Converters give some control tokens no type, or the wrong one.
        _ if is_control(token) => TokenType::Control,
        _ => TokenType::Normal,
    };
    Ok(tokens.iter().enumerate().map(of).collect())
}

fn scores(file: &GgufFile, count: usize) -> Result<Vec<f64>, TokenizerError> {
    let scores = file.f64s(&key_of("scores"))?.unwrap_or_default();
    check_len(file, "scores", scores.len(), count)?;
    Ok(scores)
}

fn merges(file: &GgufFile) -> Result<Vec<String>, TokenizerError> {
    let Some(merges) = file.strings(&key_of("merges"))? else {
        return Err(malformed(
            file,
            "its metadata has no `tokenizer.ggml.merges`",
        ));
    };
    Ok(merges.into_iter().map(str::to_owned).collect())
}

fn check_len(
    file: &GgufFile,
    key: &str,
    found: usize,
    tokens: usize,
) -> Result<(), TokenizerError> {
    if found >= tokens {
        return Ok(());
    }
    let reason = format!("`{}` has {found} entries for {tokens} tokens", key_of(key));
    Err(malformed(file, reason))
}

fn key_of(key: &str) -> String {
    format!("tokenizer.ggml.{key}")
}

fn malformed(file: &GgufFile, reason: impl Into<String>) -> TokenizerError {
    TokenizerError::Malformed {
        path: file.path().into(),
        reason: reason.into(),
    }
}
