//! The tokens that end a completion.

use super::GgufFile;
use super::error::GgufError;

/// Texts of tokens that end a completion whatever the metadata says, as in llama.cpp
/// (`llama-vocab.cpp`).
const TEXTS: [&str; 15] = [
    "<|eot_id|>",
    "<|im_end|>",
    "<|end|>",
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
];

/// Types of tokens that text never becomes by itself: control tokens and those of a user.
const SPECIAL: [i64; 2] = [3, 4];

/// The end of the text, of a turn and of a message, and special tokens whose text says so.
pub(super) fn end_tokens(file: &GgufFile) -> Result<Vec<u32>, GgufError> {
    let mut tokens = vec![];
    for key in ["eos_token_id", "eot_token_id", "eom_token_id"] {
        tokens.extend(file.u32(&format!("tokenizer.ggml.{key}"))?);
    }
    let texts = file.strings("tokenizer.ggml.tokens")?.unwrap_or_default();
    let kinds = file.i64s("tokenizer.ggml.token_type")?.unwrap_or_default();
    for (token, (text, kind)) in texts.iter().zip(kinds).enumerate() {
        if SPECIAL.contains(&kind) && TEXTS.contains(text) {
            tokens.push(token as u32);
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    tokens.retain(|token| seen.insert(*token));
    Ok(tokens)
}
