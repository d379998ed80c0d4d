//! Ending a completion at a text, wherever its tokens begin and end.

use crate::tokenizer::Tokenizer;

/// Whether the text of some tokens ends a completion because it holds one of `strings`, to be asked after each token; see
/// [`GenerateOptions::stop`](crate::GenerateOptions::stop). The completion keeps the text that ended it.
///
/// Looks at the last tokens only, as many as the longest of `strings` has bytes and a few more: a token of a completion
/// has at least one byte, but for special tokens and parts of a character.
pub fn stop_on_text<'a>(
    tokenizer: &'a Tokenizer,
    strings: &'a [String],
) -> impl Fn(&[u32]) -> bool + Sync + 'a {
    let longest = strings.iter().map(String::len).max().unwrap_or(0);
    move |tokens| {
        let tail = &tokens[tokens.len().saturating_sub(longest + MARGIN)..];
        let text = tokenizer.decode(tail);
        strings
            .iter()
            .any(|string| !string.is_empty() && text.contains(string.as_str()))
    }
}

/// Tokens without a byte of their own that the last tokens may hold.
const MARGIN: usize = 16;
