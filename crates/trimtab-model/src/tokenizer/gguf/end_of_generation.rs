//! The tokens that end a completion.

use std::collections::BTreeSet;

use crate::gguf::{GgufError, GgufFile};

/// Names of tokens that end a text or a turn, whatever the metadata says. Most files name one such
/// token, and a chat model may stop at another.
const END_NAMES: &[&str] = &[
    "<|eot_id|>",
    "<|im_end|>",
    "<|end|>",
    "<|return|>",
    "<|call|>",
    "<|flush|>",
    "<|calls|>",
    "<end_of_turn>",
    "<|endoftext|>",
    "</s>",
    "<|eom_id|>",
    "<EOT>",
    "_<EOT>",
    "[EOT]",
    "[EOS]",
    "<|end_of_text|>",
    "<end_of_utterance>",
    "<eos>",
    "<｜end▁of▁sentence｜>",
    // Padding, the next file and the next repository, of models that fill in the middle.
    "<|fim_pad|>",
    "<fim-pad>",
    "<fim_pad>",
    "<PAD>",
    "[PAD]",
    "<|fim_repo|>",
    "<|repo_name|>",
    "<fim-repo>",
    "<REPO>",
    "<reponame>",
    "<|file_sep|>",
];

/// Names of other control tokens: those that fill in the middle.
const MIDDLE_NAMES: &[&str] = &[
    "<|fim_prefix|>",
    "<fim-prefix>",
    "<fim_prefix>",
    "<｜fim▁begin｜>",
    "<PRE>",
    "▁<PRE>",
    "<|fim_suffix|>",
    "<fim-suffix>",
    "<fim_suffix>",
    "<｜fim▁hole｜>",
    "<SUF>",
    "▁<SUF>",
    "<|fim_middle|>",
    "<fim-middle>",
    "<fim_middle>",
    "<｜fim▁end｜>",
    "<MID>",
    "▁<MID>",
];

/// Keys of tokens that end a completion.
const END_KEYS: &[&str] = &[
    "eos_token_id",
    "eot_token_id",
    "eom_token_id",
    "fim_pad_token_id",
    "fim_rep_token_id",
    "fim_sep_token_id",
];

/// The tokens at which llama.cpp ends a completion: those that the metadata names, and those that
/// have one of the usual names.
///
/// # Errors
///
/// A value in the metadata is of the wrong type.
pub(crate) fn end_of_generation(file: &GgufFile) -> Result<Vec<u32>, GgufError> {
    let tokens = file.strings("tokenizer.ggml.tokens")?.unwrap_or_default();
    let mut ends = BTreeSet::new();
    for key in END_KEYS {
        let id = file.u32(&format!("tokenizer.ggml.{key}"))?;
        ends.extend(id.filter(|&id| (id as usize) < tokens.len()));
    }
    let named = |name: &str| tokens.iter().position(|&token| token == name);
    ends.extend(
        END_NAMES
            .iter()
            .filter_map(|name| Some(named(name)? as u32)),
    );
    // In the format of gpt-oss `<|end|>` ends a message, not the answer.
    let harmony = named("<|return|>").is_some() && named("<|call|>").is_some();
    if let Some(end) = named("<|end|>").filter(|_| harmony) {
        ends.remove(&(end as u32));
    }
    Ok(ends.into_iter().collect())
}

/// Whether a token of that name is a control token, whatever its type in the file.
pub(super) fn is_control(token: &str) -> bool {
    END_NAMES.contains(&token) || MIDDLE_NAMES.contains(&token)
}
