//! The text of an answer: clean-up before parsing, and what kind of text it is.

use std::borrow::Cow;

use crate::budget::Budget;
use crate::clean::clean;
use crate::expr::Expr;
use crate::lex::{Commas, Lexeme, Token, lex};
use crate::parse::parse;
use crate::prose::{is_prose, prose};
use crate::spelling::plain_spelling;

/// Longest answer that is parsed, in bytes. Longer ones are compared as text only.
pub(crate) const MAX_BYTES: usize = 8_192;

/// Whether the checker parses an answer as mathematics.
///
/// Any other answer can only be equal to its own text.
///
/// ```
/// use trimtab_grader::is_understood;
///
/// assert!(is_understood(r"\left[0, \frac{1}{2}\right)"));
/// assert!(!is_understood("a stopped clock is right twice a day"));
/// ```
pub fn is_understood(answer: &str) -> bool {
    let answer = clean(answer);
    let answer = normalized(&answer);
    let mut budget = Budget::new();
    answer.len() <= MAX_BYTES
        && lex(&answer, Commas::Thousands, &mut budget)
            .and_then(|tokens| parse(&tokens, Commas::Thousands, &mut budget))
            .is_ok()
}

/// Whether a text is mathematics rather than words.
pub(crate) fn is_mathematics(text: &str) -> bool {
    let text = normalized(text);
    let mut budget = Budget::new();
    let Ok(tokens) = lex(&text, Commas::Thousands, &mut budget) else {
        return false;
    };
    let is_number = |lexeme: &Lexeme| matches!(lexeme.token, Token::Number(_));
    if is_prose(&text) || prose(&tokens).is_some() && !tokens.iter().any(is_number) {
        return false;
    }
    parse(&tokens, Commas::Thousands, &mut budget).is_ok_and(|tree| !matches!(tree, Expr::Text(_)))
}

/// The text with one spelling for what has several: Unicode, doubled backslashes.
pub(crate) fn normalized(text: &str) -> Cow<'_, str> {
    let text = text.trim();
    if text.len() > MAX_BYTES {
        return Cow::Borrowed(text);
    }
    match single_backslashes(text) {
        Cow::Borrowed(text) => match plain_spelling(text) {
            Cow::Borrowed(text) => Cow::Borrowed(text),
            Cow::Owned(text) => Cow::Owned(trimmed(text)),
        },
        Cow::Owned(text) => Cow::Owned(trimmed(plain_spelling(&text).into_owned())),
    }
}

fn trimmed(text: String) -> String {
    let inner = text.trim();
    if inner.len() == text.len() {
        text
    } else {
        inner.to_owned()
    }
}

/// The text without marks of emphasis, code or quotation around it, and without what ends it.
pub(crate) fn unwrapped(text: &str) -> &str {
    const MARKS: [&str; 8] = ["**", "__", "```", "`", "*", "_", "'", "\\$"];
    let mut text = text;
    // A rule below the answer.
    if let Some((above, below)) = text.rsplit_once('\n')
        && below.len() > 2
        && below
            .bytes()
            .all(|byte| matches!(byte, b'-' | b'*' | b'_' | b'='))
    {
        text = above.trim();
    }
    text = text.trim_end_matches([',', ';']);
    for mark in MARKS {
        let inner = text
            .strip_prefix(mark)
            .and_then(|inner| inner.strip_suffix(mark))
            .filter(|inner| !inner.trim().is_empty() && !inner.contains(mark));
        text = inner.unwrap_or(text).trim();
    }
    text
}

/// Halves doubled backslashes, which a text has when it was escaped once too often.
fn single_backslashes(text: &str) -> Cow<'_, str> {
    let doubled = text.contains("\\\\") && {
        let mut rest = text;
        let mut all = true;
        let mut commands = text.contains("\\\\(") && text.contains("\\\\)")
            || text.contains("\\\\[") && text.contains("\\\\]");
        while let Some(at) = rest.find('\\') {
            let run = rest[at..].bytes().take_while(|byte| *byte == b'\\').count();
            let next = rest[at + run..].bytes().next();
            commands |= run == 2
                && next.is_some_and(|next| next.is_ascii_alphabetic() || b"{}!,;:".contains(&next));
            all &= run % 2 == 0;
            rest = &rest[at + run..];
        }
        all && commands
    };
    if doubled {
        Cow::Owned(text.replace("\\\\", "\\"))
    } else {
        Cow::Borrowed(text)
    }
}
