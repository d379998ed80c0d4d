//! Files of the prompts that vectors are extracted from.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use trimtab_model::Pretrained;
use trimtab_model::tokenizer::TokenizerError;

use super::ContrastivePrompts;

/// Why a file of prompts cannot be used.
#[expect(missing_docs, reason = "the messages document the variants")]
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum PromptFileError {
    #[error("cannot read {path}")]
    Read { path: PathBuf, source: io::Error },
    #[error(
        "line {line} of {path} is neither {{\"positive\": TEXT, \"negative\": TEXT}} nor \
         {{\"prompt\": TEXT, \"positive\": true|false}}"
    )]
    Line { path: PathBuf, line: usize },
    #[error("line {line} of {path} cannot be tokenized")]
    Tokenizer {
        path: PathBuf,
        line: usize,
        source: TokenizerError,
    },
    #[error("{path} has pairs and labelled prompts; give one kind")]
    Mixed { path: PathBuf },
    #[error("{path} has no {kind} prompts")]
    Empty { path: PathBuf, kind: &'static str },
}

/// A line of a file of prompts.
#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Line {
    Pair { positive: String, negative: String },
    Labelled { prompt: String, positive: bool },
}

impl ContrastivePrompts {
    /// Reads the prompts of a JSON Lines file: `{"positive": TEXT, "negative": TEXT}` pairs, or
    /// `{"prompt": TEXT, "positive": true|false}`.
    ///
    /// # Errors
    ///
    /// See [`PromptFileError`].
    pub fn read_jsonl(path: &Path, base: &Pretrained) -> Result<Self, PromptFileError> {
        let text = read(path)?;
        let (mut positives, mut negatives, mut pairs, mut labelled) = (vec![], vec![], 0, 0);
        let lines = (1..).zip(text.lines());
        for (line, json) in lines.filter(|(_, json)| !json.trim().is_empty()) {
            let parsed = serde_json::from_str(json).map_err(|_| PromptFileError::Line {
                path: path.into(),
                line,
            })?;
            let encode = |text: &str| tokenized(text, path, line, base);
            match parsed {
                Line::Pair { positive, negative } => {
                    positives.push(encode(&positive)?);
                    negatives.push(encode(&negative)?);
                    pairs += 1;
                }
                Line::Labelled { prompt, positive } => {
                    let kind = if positive {
                        &mut positives
                    } else {
                        &mut negatives
                    };
                    kind.push(encode(&prompt)?);
                    labelled += 1;
                }
            }
        }
        if pairs > 0 && labelled > 0 {
            return Err(PromptFileError::Mixed { path: path.into() });
        }
        for (kind, prompts) in [("positive", &positives), ("negative", &negatives)] {
            if prompts.is_empty() {
                let path = path.into();
                return Err(PromptFileError::Empty { path, kind });
            }
        }
        Ok(Self {
            positive: positives,
            negative: negatives,
            paired: pairs > 0,
        })
    }
}

/// The paragraphs of a text file that have at least two tokens, each cut to the longest text that
/// the model takes.
///
/// # Errors
///
/// See [`PromptFileError`].
pub fn read_paragraphs(path: &Path, base: &Pretrained) -> Result<Vec<Vec<u32>>, PromptFileError> {
    let text = read(path)?;
    let (mut paragraphs, mut line) = (vec![], 1);
    for paragraph in text.split("\n\n") {
        let mut tokens = tokenized(paragraph.trim(), path, line, base)?;
        tokens.truncate(base.model.config.max_len());
        if tokens.len() >= 2 {
            paragraphs.push(tokens);
        }
        line += paragraph.matches('\n').count() + 2;
    }
    Ok(paragraphs)
}

fn read(path: &Path) -> Result<String, PromptFileError> {
    fs::read_to_string(path).map_err(|source| PromptFileError::Read {
        path: path.into(),
        source,
    })
}

fn tokenized(
    text: &str,
    path: &Path,
    line: usize,
    base: &Pretrained,
) -> Result<Vec<u32>, PromptFileError> {
    let encoded = base.tokenizer.encode(text);
    encoded.map_err(|source| PromptFileError::Tokenizer {
        path: path.into(),
        line,
        source,
    })
}
