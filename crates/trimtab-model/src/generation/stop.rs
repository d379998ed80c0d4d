//! Ending a completion at a text, wherever its tokens begin and end.

use crate::tokenizer::Tokenizer;

/// Tokens without text of their own that the last tokens may hold.
const MARGIN: usize = 16;

/// A [`StopFn`](super::StopFn) that ends a completion as soon as its text holds one of `strings`.
/// The completion keeps that text.
///
/// Only the last tokens are decoded: as many as the longest string has bytes, and a few more. A
/// token has at least one byte, except special tokens and parts of a character. Tokens that cannot
/// be decoded end nothing.
pub fn stop_on_text<'a>(
    tokenizer: &'a Tokenizer,
    strings: &'a [String],
) -> impl Fn(&[u32]) -> bool + Sync + 'a {
    let longest = strings.iter().map(String::len).max().unwrap_or(0);
    move |tokens| {
        let tail = &tokens[tokens.len().saturating_sub(longest + MARGIN)..];
        let Ok(text) = tokenizer.decode(tail) else {
            return false; // whoever decodes the completion gets the error
        };
        strings
            .iter()
            .any(|string| !string.is_empty() && text.contains(string.as_str()))
    }
}
