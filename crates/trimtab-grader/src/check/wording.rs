//! Answers in words: plain texts, and letters that stand for choices.

use super::compare::Outcome;
use super::lex::{Lexeme, Token};
use super::words;

/// An answer that can be read as words.
pub(super) struct Wording {
    /// Its letters and digits.
    pub(super) letters: String,
    /// Whether it has to be: it holds words, or more letters than a product.
    pub(super) is_text: bool,
}

pub(super) fn wording(tokens: &[Lexeme]) -> Option<Wording> {
    let mut letters = String::new();
    let mut symbols = 0;
    let mut words = 0;
    for lexeme in tokens {
        match lexeme.token {
            Token::Word(text) | Token::Text(text) => {
                words += 1;
                letters.extend(
                    text.chars()
                        .filter(|c| c.is_alphanumeric())
                        .flat_map(char::to_lowercase),
                );
            }
            Token::Symbol(text) => {
                symbols += 1;
                letters.extend(text.chars().flat_map(char::to_lowercase));
            }
            Token::Number(text) => letters.push_str(text),
            Token::Op('∧') => letters.push_str("and"),
            Token::Op('∨') => letters.push_str("or"),
            Token::Op('∈') => letters.push_str("in"),
            Token::Op(',') => letters.push(','),
            Token::Op(':' | ';' | '\'' | '-' | '(' | ')' | '{' | '}') => {}
            _ => return None,
        }
    }
    (words > 0 || symbols > 0).then_some(Wording {
        letters,
        is_text: words > 0 || symbols > 2,
    })
}

/// Whether an answer is plain words that name no number.
pub(super) fn says_no_number(tokens: &[Lexeme]) -> bool {
    tokens.iter().all(|lexeme| match lexeme.token {
        Token::Word(word) | Token::Text(word) => word
            .split([' ', '-'])
            .all(|word| words::number_word(word).is_none()),
        Token::Symbol(name) => name.len() == 1 && tokens.len() > 1,
        _ => false,
    })
}

/// The letter of a gold answer that is a choice: `B`, `(B)`, `\text{(B)}`.
pub(super) fn choice(gold: &str) -> Option<char> {
    let inner = gold.trim().trim_matches('$').trim();
    let inner = ["\\text{", "\\mathrm{", "\\textbf{", "\\mathbf{"]
        .iter()
        .find_map(|command| inner.strip_prefix(command)?.strip_suffix('}'))
        .unwrap_or(inner);
    let inner = inner.trim_matches(|c: char| matches!(c, '(' | ')' | '.' | ' '));
    let mut letters = inner.chars();
    letters
        .next()
        .filter(|letter| letter.is_ascii_uppercase() && letters.next().is_none())
}

/// Whether the answer picks `letter`: the letter and then what the choice says. `None` if it is no such thing.
pub(super) fn chosen(letter: char, answer: &str) -> Option<Outcome> {
    let answer = answer.trim_start_matches(['$', '(', ' ', '*']);
    let answer = ["\\text{", "\\mathrm{", "\\textbf{", "\\mathbf{"]
        .iter()
        .find_map(|command| answer.strip_prefix(command))
        .unwrap_or(answer)
        .trim_start_matches('(');
    let mut characters = answer.chars();
    let first = characters.next().filter(char::is_ascii_uppercase)?;
    let rest = characters.as_str();
    // "B because ..." picks too; "A circle" and "I think" may not.
    let words = rest
        .strip_prefix(' ')
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_alphabetic()));
    let ends = rest.starts_with([')', '.', ':'])
        || matches!(rest.trim_end_matches(['$', ' ', '.']), "" | "}")
        || words && !matches!(first, 'A' | 'I');
    ends.then_some(if first == letter {
        Outcome::Equal
    } else {
        Outcome::Different
    })
}

/// Whether a text has two plain words in a row, or one of another script.
pub(super) fn is_prose(text: &str) -> bool {
    let mut before = false;
    for piece in text.split([' ', '\n']) {
        let word = piece.trim_matches(|c: char| c.is_ascii_punctuation());
        if word.is_empty() {
            continue;
        }
        if word
            .chars()
            .any(|c| c.is_alphabetic() && !c.is_ascii() && words::greek(c).is_none())
        {
            return true;
        }
        let plain = word.len() > 1
            && !piece.contains(['\\', '{', '}', '_', '^'])
            && word
                .bytes()
                .all(|byte| byte.is_ascii_alphabetic() || byte == b'\'')
            && words::plain_word(word).is_none()
            && words::unit(word).is_none();
        if plain && (before || word.len() > 9) {
            return true;
        }
        before = plain;
    }
    false
}
