//! Dollar signs and braces that are dress.

use super::{Lexeme, Token};

/// What the signs of a text say about it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Markup {
    /// It has no TeX, so a blank separates words.
    Plain,
    /// Its dollar signs are a currency.
    Money,
    Tex,
}

pub(super) fn markup(text: &str) -> Markup {
    if !text.contains(['\\', '$']) {
        Markup::Plain
    } else if is_money(text) {
        Markup::Money
    } else {
        Markup::Tex
    }
}

/// Whether the dollar signs of a text are a currency: a single one next to a number, or several
/// with a number behind each.
///
/// Otherwise they enclose mathematics.
fn is_money(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_sign = |at: usize| bytes[at] == b'$' && (at == 0 || bytes[at - 1] != b'\\');
    let mut signs = (0..bytes.len()).filter(|at| is_sign(*at));
    let Some(first) = signs.next() else {
        return false;
    };
    let starts_amount = |at: usize| {
        let behind = text[at + 1..].trim_start_matches(' ');
        behind.starts_with(|c: char| c.is_ascii_digit())
    };
    let digit_behind = |at: usize| match bytes.get(at + 1) {
        Some(b'-' | b'.') => bytes.get(at + 2).is_some_and(u8::is_ascii_digit),
        next => next.is_some_and(u8::is_ascii_digit),
    };
    let Some(second) = signs.next() else {
        let before = text[..first].trim_end_matches(' ');
        return digit_behind(first)
            || starts_amount(first)
            || before.ends_with(|c: char| c.is_ascii_digit());
    };
    digit_behind(first) && digit_behind(second) && signs.all(digit_behind)
}

/// Removes the braces that hold the whole answer, those of a command that is dress:
/// `\boxed{1, 2}`.
pub(super) fn undress(tokens: &mut Vec<Lexeme>) {
    let brace = |lexeme: &Lexeme, wanted: char| lexeme.token == Token::Op(wanted);
    let (Some(first), Some(last)) = (tokens.first(), tokens.last()) else {
        return;
    };
    if !brace(first, '{') || !brace(last, '}') {
        return;
    }
    let mut depth = 0_usize;
    let closes = tokens.iter().position(|lexeme| {
        match lexeme.token {
            Token::Op('{') => depth += 1,
            Token::Op('}') => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0
    });
    if closes == Some(tokens.len() - 1) {
        tokens.pop();
        tokens.remove(0);
    }
}
