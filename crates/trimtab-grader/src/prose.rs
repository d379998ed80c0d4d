//! Answers in words, and letters of multiple-choice answers.

use crate::equality::Equality;
use crate::lex::{Lexeme, Token};
use crate::vocabulary;

/// An answer that can be read as words.
pub(crate) struct Prose {
    /// Its letters and digits.
    pub(crate) letters: String,
    /// Whether words are the only reading: it has a word, or more letters than a product has.
    pub(crate) is_text: bool,
}

/// Reads an answer as words. `None` if it has other signs than letters, digits and punctuation.
pub(crate) fn prose(tokens: &[Lexeme]) -> Option<Prose> {
    let mut letters = String::new();
    let mut symbols = 0;
    let mut words = 0;
    let is_number = |at: usize| {
        let lexeme = tokens.get(at);
        lexeme.is_some_and(|lexeme| matches!(lexeme.token, Token::Number(_)))
    };
    for (at, lexeme) in tokens.iter().enumerate() {
        let number_before = letters.ends_with(|c: char| c.is_ascii_digit());
        let number_behind = is_number(at + 1);
        match lexeme.token {
            Token::Word(text) | Token::Text(text) => {
                words += 1;
                // `mW` is not `MW`.
                let is_symbol = text.len() < 4 && at > 0 && is_number(at - 1);
                push_words(&mut letters, text, is_symbol);
            }
            Token::Symbol(text) => {
                symbols += 1;
                letters.extend(text.chars().flat_map(char::to_lowercase));
            }
            Token::Number(text) => {
                if number_before {
                    letters.push(' ');
                }
                letters.push_str(text);
            }
            Token::Op('∧') => letters.push_str("and"),
            Token::Op('∨') => letters.push_str("or"),
            Token::Op('∈') => letters.push_str("in"),
            Token::Op(',') => letters.push(','),
            // A sign belongs to its number, and a colon may be that of a time.
            Token::Op(sign @ ('-' | '\'')) if number_behind => letters.push(sign),
            Token::Op('-') if at == 0 && tokens.get(1).is_some_and(|next| !next.spaced) => {
                letters.push('-');
            }
            Token::Op(':') if number_before && number_behind => letters.push(':'),
            Token::Op(':' | ';' | '\'' | '-' | '(' | ')' | '{' | '}')
            | Token::Begin(_)
            | Token::Construct("end") => {}
            _ => return None,
        }
    }
    (words > 0 || symbols > 0).then_some(Prose {
        letters,
        is_text: words > 0 || symbols > 2,
    })
}

/// Adds the letters and digits of words, and signs that change their meaning.
fn push_words(letters: &mut String, words: &str, keep_case: bool) {
    let mut rest = words.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '/' | '^' | '+' | '=' | '<' | '>' | '%' => letters.push(character),
            '-' if rest.peek().is_some_and(char::is_ascii_digit) => letters.push(character),
            // The sign of a name, as in `-pi`, and not a dash.
            '-' if letters.is_empty() && rest.peek().is_some_and(|next| next.is_alphabetic()) => {
                letters.push(character);
            }
            _ if !character.is_alphanumeric() => {}
            _ if keep_case => letters.push(character),
            _ => letters.extend(character.to_lowercase()),
        }
    }
}

/// Whether an answer says that there is no solution: `no solutions`, `\emptyset`, `\{\}`.
pub(crate) fn means_nothing(tokens: &[Lexeme]) -> bool {
    const WORDS: [&str; 12] = [
        "nosolution",
        "nosolutions",
        "norealsolution",
        "norealsolutions",
        "therearenosolutions",
        "thereisnosolution",
        "therearenorealsolutions",
        "nosolutionexists",
        "nosolutionsexist",
        "emptyset",
        "theemptyset",
        "nullset",
    ];
    match tokens {
        [lexeme] if lexeme.token == Token::Op('∅') => true,
        [open, close] if open.token == Token::Op('⦃') && close.token == Token::Op('⦄') => true,
        _ => prose(tokens).is_some_and(|prose| WORDS.contains(&prose.letters.as_str())),
    }
}

/// Whether an answer consists of plain words, none of which is a number word.
pub(crate) fn names_no_number(tokens: &[Lexeme]) -> bool {
    tokens.iter().all(|lexeme| match lexeme.token {
        Token::Word(word) | Token::Text(word) => word
            .split([' ', '-'])
            .all(|word| !vocabulary::is_number_word(word)),
        Token::Symbol(name) => name.len() == 1 && tokens.len() > 1,
        _ => false,
    })
}

/// The text without boxes, fonts and sizes before it and what closes them behind.
fn undressed(text: &str) -> &str {
    let mut text = text.trim();
    loop {
        let before = text.len();
        text = text.trim_matches(['$', '{', '}', ' ', '*', '\n']);
        text = text
            .strip_prefix("\\(")
            .or_else(|| text.strip_prefix("\\["))
            .unwrap_or(text);
        text = text
            .strip_suffix("\\)")
            .or_else(|| text.strip_suffix("\\]"))
            .unwrap_or(text);
        if let Some(command) = text.strip_prefix('\\') {
            let length = command.bytes().take_while(u8::is_ascii_alphabetic).count();
            if is_dress(&command[..length]) {
                text = &command[length..];
            }
        }
        if text.len() == before {
            return text;
        }
    }
}

/// Whether a command of TeX only changes how text looks.
pub(crate) fn is_dress(name: &str) -> bool {
    use vocabulary::Meaning;
    matches!(
        vocabulary::command(name),
        Some(Meaning::Nothing | Meaning::Text)
    )
}

/// The letter of a multiple-choice answer: `B`, `(B)`, `\text{(B)}`.
pub(crate) fn choice_letter(gold: &str) -> Option<char> {
    let inner = undressed(gold);
    let inner = inner.trim_matches(|c: char| matches!(c, '(' | ')' | '.' | ' '));
    let mut letters = inner.chars();
    letters
        .next()
        .filter(|letter| letter.is_ascii_uppercase() && letters.next().is_none())
}

/// Whether an answer starts with the letter of a choice.
pub(crate) fn starts_with_choice(answer: &str) -> bool {
    picks_choice('A', answer).is_some()
}

/// Whether the answer picks `letter`: it starts with a letter, and the text of the choice may
/// follow. `None` if it does not start with the letter of a choice.
pub(crate) fn picks_choice(letter: char, answer: &str) -> Option<Equality> {
    let answer = undressed(answer).trim_start_matches(['(', ' ']);
    let answer = undressed(answer).trim_start_matches('(');
    let mut characters = answer.chars();
    let first = characters.next().filter(char::is_ascii_uppercase)?;
    let rest = characters.as_str();
    if offers_another(rest) {
        return None;
    }
    // "B because ..." picks B, but "A circle" and "I think" may pick nothing.
    let words = rest
        .strip_prefix(' ')
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_alphabetic()));
    let ends = rest.starts_with([')', '.', ':'])
        || matches!(rest.trim_end_matches(['$', ' ', '.']), "" | "}")
        || words && !matches!(first, 'A' | 'I');
    ends.then_some(if first == letter {
        Equality::Equal
    } else {
        Equality::Different
    })
}

/// Whether another choice follows the letter of one: `(A) or (B)`, `A, C`.
fn offers_another(rest: &str) -> bool {
    let rest = rest.trim_start_matches([')', '}', ' ', '$']);
    let Some(rest) = ["or ", "and ", ",", "&", "/", "\\text{ or", "\\text{ and"]
        .iter()
        .find_map(|joint| rest.strip_prefix(joint))
    else {
        return false;
    };
    let mut rest = rest.trim_start_matches(['}', ' ', '$', '(']).chars();
    rest.next()
        .is_some_and(|letter| letter.is_ascii_uppercase())
        && !rest.next().is_some_and(char::is_alphabetic)
}

/// Whether a text has two plain words in a row, one long word, or one in another script.
pub(crate) fn is_prose(text: &str) -> bool {
    let mut before = false;
    for piece in text.split([' ', '\n']) {
        let word = piece.trim_matches(|c: char| c.is_ascii_punctuation());
        if word.is_empty() {
            continue;
        }
        if word
            .chars()
            .any(|c| c.is_alphabetic() && !c.is_ascii() && vocabulary::greek(c).is_none())
        {
            return true;
        }
        let plain = word.len() > 1
            && !piece.contains(['\\', '{', '}', '_', '^'])
            && word
                .bytes()
                .all(|byte| byte.is_ascii_alphabetic() || byte == b'\'')
            && vocabulary::plain_word(word).is_none()
            && vocabulary::unit(word).is_none();
        if plain && (before || word.len() > 9) {
            return true;
        }
        before = plain;
    }
    false
}
