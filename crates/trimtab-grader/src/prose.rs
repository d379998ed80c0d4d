//! Answers in words, and letters of multiple-choice answers.

use crate::equality::Equality;
use crate::extract::leading;
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
    let mut signs = false;
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
            // "Yes!", but not "5!"
            Token::Op('!') if at > 0 && at + 1 == tokens.len() && !number_before => {}
            Token::Op('∧') => letters.push_str("and"),
            Token::Op('∨') => letters.push_str("or"),
            Token::Op('∈') => letters.push_str("in"),
            Token::Op(',') if at + 1 < tokens.len() => letters.push(','),
            // A sign belongs to its number, and a colon may be that of a time.
            Token::Op(sign @ ('-' | '\'')) if number_behind => letters.push(sign),
            Token::Op('-') if at == 0 && tokens.get(1).is_some_and(|next| !next.spaced) => {
                letters.push('-');
            }
            Token::Op(':') if number_before && number_behind => letters.push(':'),
            // The dash of a list opens it.
            Token::Op('-') if at == 0 => {}
            Token::Op('-' | '(' | ')') => signs = true,
            Token::Op(':' | ';' | '\'' | '{' | '}' | '&' | '⏎' | ',')
            | Token::Begin(_)
            | Token::Construct("end") => {}
            _ => return None,
        }
    }
    // `u-(v-w)` is an expression.
    (words > 0 || symbols > 0 && !signs).then_some(Prose {
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

/// Whether an answer says that there is no solution: `no solutions`, `none`, `\emptyset`, `\{\}`.
pub(crate) fn means_nothing(tokens: &[Lexeme]) -> bool {
    match tokens {
        [lexeme] if lexeme.token == Token::Op('∅') => return true,
        [
            Lexeme {
                token: Token::Symbol(_),
                ..
            },
            inside,
            lexeme,
        ] if inside.token == Token::Op('∈') && lexeme.token == Token::Op('∅') => {
            return true;
        }
        [open, close] if open.token == Token::Op('⦃') && close.token == Token::Op('⦄') => {
            return true;
        }
        _ => {}
    }
    let has_word = tokens
        .iter()
        .any(|lexeme| matches!(lexeme.token, Token::Word(_) | Token::Text(_)));
    has_word && prose(tokens).is_some_and(|prose| says_none(&prose.letters))
}

/// Whether words without blanks between them say that nothing exists.
fn says_none(letters: &str) -> bool {
    const STARTS: [&str; 6] = [
        "thereare",
        "thereis",
        "theequationhas",
        "ithas",
        "has",
        "the",
    ];
    const NOTHING: [&str; 3] = ["emptyset", "nullset", "none"];
    const KINDS: [&str; 4] = ["real", "such", "possible", "valid"];
    const NOUNS: [&str; 5] = ["solution", "root", "value", "number", "zero"];
    let after = |text: &'_ str, starts: &[&str]| -> usize {
        let found = starts.iter().find(|start| text.starts_with(**start));
        found.map_or(0, |start| start.len())
    };
    let rest = &letters[after(letters, &STARTS)..];
    if NOTHING.contains(&rest) {
        return true;
    }
    let Some(mut rest) = rest.strip_prefix("no") else {
        return false;
    };
    for words in [&KINDS[..], &KINDS[..], &NOUNS[..]] {
        let length = after(rest, words);
        if length == 0 && words.len() == NOUNS.len() {
            return false;
        }
        rest = &rest[length..];
    }
    let rest = rest.strip_prefix('s').unwrap_or(rest);
    matches!(rest, "" | "exist" | "exists")
}

/// The value of a Roman numeral of two and more letters: `XIV`. `DC` and `MD` are abbreviations.
pub(crate) fn roman(tokens: &[Lexeme]) -> Option<i64> {
    const LONGEST: usize = 15;
    const PARTS: [(&str, i64); 13] = [
        ("M", 1000),
        ("CM", 900),
        ("D", 500),
        ("CD", 400),
        ("C", 100),
        ("XC", 90),
        ("L", 50),
        ("XL", 40),
        ("X", 10),
        ("IX", 9),
        ("V", 5),
        ("IV", 4),
        ("I", 1),
    ];
    let mut letters = String::new();
    for (at, lexeme) in tokens.iter().enumerate() {
        match lexeme.token {
            Token::Symbol(letter) if at == 0 || !lexeme.spaced => letters.push_str(letter),
            Token::Word(word) | Token::Text(word) if tokens.len() == 1 => letters.push_str(word),
            _ => return None,
        }
        if letters.len() > LONGEST {
            return None;
        }
    }
    let (mut rest, mut value, mut spelled) = (letters.as_str(), 0, 0);
    for (part, size) in PARTS {
        let most = if part.len() == 2 || matches!(part, "D" | "L" | "V") {
            1
        } else {
            3
        };
        for _ in 0..most {
            let Some(left) = rest.strip_prefix(part) else {
                break;
            };
            rest = left;
            value += size;
            spelled += part.len();
        }
    }
    // Not "IVI" or "IXV".
    let canonical = spelled == letters.len() && digits_of_roman(value) == letters.len();
    (letters.len() > 1 && letters.contains(['I', 'V', 'X']) && canonical).then_some(value)
}

/// The value of an answer that is a number in the words of another language than English.
pub(crate) fn number_elsewhere(answer: &str) -> Option<i64> {
    // Words of English or of programs, and not only numbers elsewhere.
    const OTHERS: [&str; 11] = [
        "null", "cent", "cents", "due", "elf", "once", "mil", "mille", "sept", "sex", "otto",
    ];
    let answer = undressed(answer);
    if OTHERS.iter().any(|word| answer.eq_ignore_ascii_case(word)) {
        return None;
    }
    let (value, length) = leading(answer)?;
    (length == answer.len()).then_some(value)
}

/// The number of letters of the Roman numeral of a value.
fn digits_of_roman(value: i64) -> usize {
    const LETTERS: [usize; 10] = [0, 1, 2, 3, 2, 1, 2, 3, 4, 2];
    let (mut rest, mut letters) = (value, 0);
    while rest > 0 {
        letters += LETTERS[(rest % 10) as usize];
        rest /= 10;
    }
    letters
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
    const LONGEST: usize = 80; // with its dress
    if gold.len() > LONGEST || !gold.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return None;
    }
    let inner = undressed(gold);
    let inner = inner.trim_matches(|c: char| matches!(c, '(' | ')' | '.' | ' ' | '$'));
    let mut letters = inner.chars();
    letters
        .next()
        .filter(|letter| letter.is_ascii_uppercase() && letters.next().is_none())
}

/// The letter of `A)` or `(A)` in any dress.
pub(crate) fn marked_letter(tokens: &[Lexeme]) -> Option<char> {
    let mut signs = tokens.iter().map(|lexeme| lexeme.token).filter(|token| {
        !matches!(
            token,
            Token::Op('{' | '}' | '&' | '⏎') | Token::Begin(_) | Token::Construct("end")
        )
    });
    let mut first = signs.next()?;
    if first == Token::Op('(') {
        first = signs.next()?;
    }
    let (Token::Symbol(letter) | Token::Text(letter)) = first else {
        return None;
    };
    let closed = signs.next() == Some(Token::Op(')')) && signs.next().is_none();
    let letter = letter
        .chars()
        .next()
        .filter(|_| letter.len() == 1 && closed)?;
    Some(letter.to_ascii_uppercase())
}

/// Whether an answer starts with the letter of a choice.
pub(crate) fn starts_with_choice(answer: &str) -> bool {
    picks_choice('A', false, answer).is_some()
}

/// Whether the answer picks `letter`: it starts with a letter, and the text of the choice may
/// follow. `None` if it does not start with the letter of a choice.
///
/// A small letter counts in brackets, or if the gold answer is `marked` by them.
pub(crate) fn picks_choice(letter: char, marked: bool, answer: &str) -> Option<Equality> {
    let answer = undressed(without_label(undressed(answer)));
    let bracketed = answer.starts_with('(');
    let answer = undressed(answer.trim_start_matches(['(', ' '])).trim_start_matches('(');
    let mut characters = answer.chars();
    let first = characters.next().filter(char::is_ascii_alphabetic)?;
    let rest = characters.as_str();
    let first = if first.is_ascii_lowercase() {
        // "(b)" and "b)" are choices, "b" may be a variable.
        let chosen = rest == ")" || bracketed && rest.starts_with(')') || marked && rest.is_empty();
        chosen.then_some(first.to_ascii_uppercase())?
    } else {
        first
    };
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

/// The answer without the name of what it picks: `Choice (C)`, `Option C`.
fn without_label(answer: &str) -> &str {
    for label in ["choice", "option", "answer", "letter"] {
        if let Some(start) = answer.get(..label.len())
            && start.eq_ignore_ascii_case(label)
        {
            let rest = &answer[label.len()..];
            let inner = rest.trim_start_matches([' ', ':', '~']);
            if inner.len() < rest.len() || inner.starts_with('(') {
                return inner;
            }
        }
    }
    answer
}

/// Whether another choice follows the letter of one: `(A) or (B)`, `A, C`.
fn offers_another(rest: &str) -> bool {
    let rest = rest.trim_start_matches([')', '}', ' ', '$']);
    // "(A) (B) (C)"
    if let [b'(', b'A'..=b'Z', b')', ..] = rest.as_bytes() {
        return true;
    }
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
