//! Answers in words: articles, plurals, lists, explanations.

use crate::date::MONTHS;
use crate::lex::{Lexeme, Token};

/// Most words of an answer that is compared word by word.
const MOST: usize = 40;

/// A word of an answer, or what stands between two.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Piece {
    Word(String),
    /// A comma, a semicolon or "and".
    And,
    Or,
    Open,
    Close,
}

/// Whether two answers in words say the same: they may differ in articles, in plurals, in a
/// remark in parentheses, in the order of a list, or in an explanation behind the answer.
pub(super) fn same_wording(gold: &[Lexeme], answer: &[Lexeme]) -> bool {
    if gold.len() > MOST || answer.len() > 4 * MOST {
        return false;
    }
    let (Some(gold), Some(answer)) = (pieces(gold), pieces(answer)) else {
        return false;
    };
    let wanted = statement(&gold);
    if wanted.items.is_empty() {
        return false;
    }
    if let [item] = wanted.items.as_slice()
        && let [word] = item.as_slice()
        && is_judgement(word)
        && explains(word, &answer)
    {
        return true;
    }
    let same_before = |end: Option<usize>| {
        end.is_some_and(|end| same_statement(&wanted, &statement(&answer[..end])))
    };
    same_statement(&wanted, &statement(&answer))
        || same_before(remark(&answer))
        || same_before(explanation(&answer))
        || remark(&gold)
            .is_some_and(|end| same_statement(&statement(&gold[..end]), &statement(&answer)))
}

/// Whether both answers pick the same choices, and one of them is a list.
pub(super) fn same_choices(gold: &[Lexeme], answer: &[Lexeme]) -> bool {
    let (Some(gold), Some(answer)) = (choices(gold), choices(answer)) else {
        return false;
    };
    (gold.separate || answer.separate) && gold.letters == answer.letters
}

/// The words of an answer. `None` if it has mathematics in it.
fn pieces(tokens: &[Lexeme]) -> Option<Vec<Piece>> {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut run = false; // of letters without blanks
    for (at, lexeme) in tokens.iter().enumerate() {
        let before_number = tokens
            .get(at + 1)
            .is_some_and(|next| matches!(next.token, Token::Number(_)));
        let joins = std::mem::take(&mut run) && !lexeme.spaced;
        match lexeme.token {
            Token::Word(text) | Token::Text(text) => {
                // `mW` is not `MW`.
                let is_symbol = text.len() < 4 && ends_with_number(&pieces);
                if is_symbol {
                    pieces.push(Piece::Word(text.to_owned()));
                } else {
                    push_words(&mut pieces, text)?;
                }
            }
            Token::Number(text) => pieces.push(Piece::Word(text.to_owned())),
            Token::Symbol(letter) => {
                let letter = letter.to_ascii_lowercase();
                match pieces.last_mut() {
                    Some(Piece::Word(word)) if joins => word.push_str(&letter),
                    _ => pieces.push(Piece::Word(letter)),
                }
                run = true;
            }
            Token::Op(',' | ';' | '∧' | '&') => pieces.push(Piece::And),
            Token::Op('∨') => pieces.push(Piece::Or),
            Token::Op('∈') => pieces.push(Piece::Word("in".to_owned())),
            Token::Op('(') => pieces.push(Piece::Open),
            Token::Op(')') => pieces.push(Piece::Close),
            Token::Op('-') if !pieces.is_empty() && !before_number => {}
            // "can't"
            Token::Op('\'') => run = joins,
            Token::Op(':' | '{' | '}' | '⏎') | Token::Begin(_) | Token::Construct("end") => {}
            _ => return None,
        }
    }
    (pieces.len() <= 4 * MOST).then_some(pieces)
}

fn ends_with_number(pieces: &[Piece]) -> bool {
    matches!(pieces.last(), Some(Piece::Word(word)) if word.ends_with(|c: char| c.is_ascii_digit()))
}

/// Adds the words of a text in lower case. `None` if it has signs that are no punctuation.
fn push_words(pieces: &mut Vec<Piece>, text: &str) -> Option<()> {
    // A sign before a name or a number is no hyphen.
    let signs = ['-', '−', '–'];
    let is_sign = |(at, _): (usize, &str)| {
        let after = text[at..].chars().nth(1);
        let spaced = text[..at].ends_with(' ') || at == 0;
        after.is_some_and(|c| c.is_ascii_digit())
            || spaced && after.is_some_and(char::is_alphabetic)
    };
    if text.match_indices(signs).any(is_sign) {
        return None;
    }
    let mut word = String::new();
    for character in text.chars().chain([' ']) {
        if character.is_alphanumeric() {
            word.extend(character.to_lowercase());
            continue;
        }
        if matches!(character, '\'' | '’' | '.') {
            continue;
        }
        match word.as_str() {
            "" => {}
            "and" => pieces.push(Piece::And),
            "or" => pieces.push(Piece::Or),
            _ => pieces.push(Piece::Word(std::mem::take(&mut word))),
        }
        word.clear();
        match character {
            ' ' | '-' | ':' | '!' | '~' | '–' | '—' => {}
            ',' | ';' | '&' => pieces.push(Piece::And),
            '(' => pieces.push(Piece::Open),
            ')' => pieces.push(Piece::Close),
            _ => return None,
        }
    }
    Some(())
}

/// What an answer states: one item, or the items of a list.
struct Statement<'p> {
    items: Vec<Vec<&'p str>>,
    or: bool,
}

fn statement(pieces: &[Piece]) -> Statement<'_> {
    let mut items = vec![Vec::new()];
    let mut or = false;
    for piece in pieces {
        match piece {
            Piece::Word(word) => {
                if let Some(item) = items.last_mut() {
                    item.push(word.as_str());
                }
            }
            Piece::And | Piece::Or => {
                or |= *piece == Piece::Or;
                items.push(Vec::new());
            }
            Piece::Open | Piece::Close => {}
        }
    }
    for item in &mut items {
        simplify(item);
    }
    items.retain(|item| !item.is_empty());
    Statement { items, or }
}

/// Drops articles, and words before the answer that say nothing: "it is", "the answer is".
fn simplify(item: &mut Vec<&str>) {
    const SUBJECTS: [&str; 16] = [
        "it",
        "this",
        "that",
        "they",
        "answer",
        "statement",
        "claim",
        "number",
        "function",
        "series",
        "sequence",
        "triangle",
        "limit",
        "integral",
        "system",
        "graph",
    ];
    let length = item.len();
    if length > 1 {
        item.retain(|word| !matches!(*word, "the" | "a" | "an"));
    }
    let subject = item.len() > 1 && SUBJECTS.contains(&item[0]);
    let verb = |word: &str| matches!(word, "is" | "are");
    if subject && item.len() > 2 && verb(item[1]) {
        item.drain(..2);
    } else if subject && (item.len() == 2 || matches!(item[1], "cannot" | "can" | "cant" | "does"))
        || item.len() > 1 && matches!(item[0], "its" | "only" | "is")
    {
        item.remove(0);
    }
}

fn same_statement(gold: &Statement, answer: &Statement) -> bool {
    if gold.items.len() != answer.items.len()
        || gold.or != answer.or && gold.items.len() > 1
        || gold.items.is_empty()
    {
        return false;
    }
    let mut left: Vec<&Vec<&str>> = answer.items.iter().collect();
    gold.items.iter().all(|item| {
        let found = left.iter().position(|other| same_item(item, other));
        found.is_some_and(|at| {
            left.swap_remove(at);
            true
        })
    })
}

fn same_item(gold: &[&str], answer: &[&str]) -> bool {
    let (short, long) = if gold.len() < answer.len() {
        (gold, answer)
    } else {
        (answer, gold)
    };
    // "isosceles" and "isosceles triangle"
    if let Some((noun, long)) = long.split_last()
        && !long.is_empty()
        && is_class(noun)
        && long == short
    {
        return true;
    }
    let same_words = gold.len() == answer.len()
        && gold
            .iter()
            .zip(answer)
            .all(|(left, right)| same_word(left, right));
    same_words || meaning(gold).is_some_and(|gold| meaning(answer) == Some(gold))
}

/// Whether a noun only says of what kind something is.
fn is_class(noun: &str) -> bool {
    matches!(
        noun,
        "triangle"
            | "function"
            | "property"
            | "number"
            | "integer"
            | "angle"
            | "series"
            | "sequence"
            | "matrix"
            | "distribution"
            | "theorem"
            | "law"
    )
}

/// The common wording of phrases that mean the same.
fn meaning(item: &[&str]) -> Option<&'static str> {
    const PHRASES: [(&str, &str); 22] = [
        ("cannot be determined", "cannot be determined"),
        ("cant be determined", "cannot be determined"),
        ("can not be determined", "cannot be determined"),
        ("dne", "does not exist"),
        ("does not exist", "does not exist"),
        ("doesnt exist", "does not exist"),
        ("limit does not exist", "does not exist"),
        ("not true", "false"),
        ("false", "false"),
        ("not false", "true"),
        ("true", "true"),
        ("infinite", "infinitely many"),
        ("infinitely many", "infinitely many"),
        ("infinitely many solutions", "infinitely many"),
        ("there are infinitely many", "infinitely many"),
        ("there are infinitely many solutions", "infinitely many"),
        ("infinite solutions", "infinitely many"),
        ("infinite number of solutions", "infinitely many"),
        ("convergent", "converges"),
        ("converges", "converges"),
        ("divergent", "diverges"),
        ("diverges", "diverges"),
    ];
    let phrase = item.join(" ");
    let found = PHRASES.iter().find(|(words, _)| *words == phrase);
    found.map(|(_, meaning)| *meaning)
}

/// Whether two words are the same but for the number or an abbreviation.
fn same_word(left: &str, right: &str) -> bool {
    const DAYS: [&str; 7] = [
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
        "sunday",
    ];
    if left == right {
        return true;
    }
    let (short, long) = if left.len() < right.len() {
        (left, right)
    } else {
        (right, left)
    };
    let Some(ending) = long.strip_prefix(short) else {
        // "body" and "bodies"
        return short
            .strip_suffix('y')
            .is_some_and(|stem| stem.len() > 2 && long.strip_prefix(stem) == Some("ies"));
    };
    let number = short.len() > 3 && matches!(ending, "s" | "es") && !short.ends_with('s')
        || short.len() > 3 && ending == "es";
    number || short.len() > 2 && (DAYS.contains(&long) || MONTHS.contains(&long))
}

fn is_judgement(word: &str) -> bool {
    matches!(word, "yes" | "no" | "true" | "false")
}

/// Whether an answer starts with this judgement, and explains it without taking it back.
fn explains(judgement: &str, answer: &[Piece]) -> bool {
    const REASONS: [&str; 14] = [
        "because", "since", "as", "it", "they", "the", "this", "that", "there", "we", "he", "she",
        "by", "both",
    ];
    let word = |piece: Option<&Piece>| match piece {
        Some(Piece::Word(word)) => Some(word.clone()),
        _ => None,
    };
    if word(answer.first()).as_deref() != Some(judgement) {
        return false;
    }
    let goes_on = match answer.get(1) {
        Some(Piece::Word(word)) => REASONS.contains(&word.as_str()),
        Some(Piece::And | Piece::Open) => true,
        _ => false,
    };
    let takes_back = answer[1..].iter().any(|piece| match piece {
        Piece::Word(word) => is_hedge(word) || is_judgement(word) && word != judgement,
        Piece::Or => true,
        _ => false,
    });
    goes_on && !takes_back
}

fn is_hedge(word: &str) -> bool {
    matches!(
        word,
        "but"
            | "unless"
            | "only"
            | "if"
            | "except"
            | "although"
            | "however"
            | "maybe"
            | "perhaps"
            | "sometimes"
            | "though"
            | "yet"
            | "otherwise"
            | "when"
            | "wrong"
            | "incorrect"
    )
}

/// Where the explanation of an answer starts: "odd, because ..".
fn explanation(answer: &[Piece]) -> Option<usize> {
    let at = answer.iter().position(
        |piece| matches!(piece, Piece::Word(word) if matches!(word.as_str(), "because" | "since")),
    )?;
    let hedged = |piece: &Piece| matches!(piece, Piece::Word(word) if is_hedge(word));
    (at > 0 && !answer.iter().any(hedged)).then_some(at)
}

/// Where a remark in parentheses at the end of an answer starts, if it does not take back the
/// answer.
fn remark(answer: &[Piece]) -> Option<usize> {
    if answer.last() != Some(&Piece::Close) {
        return None;
    }
    let open = answer.iter().rposition(|piece| *piece == Piece::Open)?;
    let changes = answer[open..].iter().any(|piece| match piece {
        Piece::Word(word) => {
            is_hedge(word) || matches!(word.as_str(), "not" | "no" | "false" | "non")
        }
        Piece::Or => true,
        _ => false,
    });
    (open > 0 && !changes).then_some(open)
}

/// The letters of several choices.
struct Choices {
    /// In alphabetical order.
    letters: Vec<u8>,
    /// Whether something stands between them: `A, C`, not `AC`.
    separate: bool,
}

/// Reads `A, C`, `(A) and (C)` or `AC`. Letters without separators have to be in order.
fn choices(tokens: &[Lexeme]) -> Option<Choices> {
    let mut letters = Vec::new();
    let (mut separate, mut open) = (false, false);
    for lexeme in tokens {
        let adjacent = !letters.is_empty() && !open;
        match lexeme.token {
            Token::Symbol(letter) | Token::Text(letter) => {
                let [letter @ b'A'..=b'H'] = letter.as_bytes() else {
                    return None;
                };
                if adjacent && (separate || letters.last() >= Some(letter)) {
                    return None;
                }
                letters.push(*letter);
                open = false;
            }
            Token::Op(',' | ';' | '∧' | '&') => {
                separate |= !letters.is_empty();
                open = true;
            }
            Token::Op('(' | ')' | '{' | '}') => {}
            _ => return None,
        }
    }
    letters.sort_unstable();
    let distinct = letters.windows(2).all(|pair| pair[0] != pair[1]);
    (letters.len() > 1 && distinct).then_some(Choices { letters, separate })
}
