//! What stands beside an answer and says that it may not be the answer.

use std::ops::Range;

use super::beside;
use super::operand::is_operand;
use super::value::is_formula;
use crate::grader::check;
use crate::rules::{Rounding, Rules};

/// Longest text beside an answer that is read, in bytes.
const MAX_BYTES: usize = 160;

/// Whether the words beside a box only say that it is not the answer.
pub(super) fn of_other_box(text: &str, whole: &Range<usize>) -> bool {
    let words = before(text, whole.start).trim_end_matches(is_delimiter);
    let denied = ["not", "rather than", "instead of", "and not"]
        .iter()
        .any(|word| ends_with(words, word));
    let after = after(text, whole.end).trim_start_matches(is_delimiter);
    denied
        || beside::is_dismissed(text, whole)
        || ["would be wrong", "is wrong", "is incorrect", "is not"]
            .iter()
            .any(|words| starts_with(after, words))
}

/// Whether the sentence around a box denies it, or its formula goes on: `not \boxed{5}`,
/// `\boxed{5} is wrong`, `\sqrt{\boxed{5}}`.
pub(super) fn of_box(text: &str, whole: &Range<usize>) -> bool {
    const DENIED_BEFORE: [&str; 11] = [
        "rather than",
        "instead of",
        "not",
        "never",
        "n't",
        "n’t",
        "cannot be",
        "不是",
        "nicht",
        "pas",
        "не",
    ];
    const DENIED_AFTER: [&str; 20] = [
        "was my",
        "was our",
        "was wrong",
        "was incorrect",
        "was a mistake",
        "is what i first",
        "is what i initially",
        "is what i got at first",
        "is not",
        "isn't",
        "isn’t",
        "is wrong",
        "is incorrect",
        "is false",
        "would be wrong",
        "is the wrong",
        "cannot be",
        "can't be",
        "不是",
        "ist nicht",
    ];
    const OPERATORS: [&str; 13] = [
        "-", "−", "+", "/", "^", "\\cdot", "\\times", "\\div", "\\pm", "\\sqrt{", "\\frac{",
        "\\dfrac{", "^{",
    ];
    let glued_before = before(text, whole.start);
    let glued_after = after(text, whole.end);
    let before = glued_before.trim_end();
    let after = glued_after.trim_start();
    let words = before.trim_end_matches(is_delimiter);
    // A second guess: `\boxed{2} or possibly \boxed{3}`.
    let guessed = ["or possibly", "or maybe", "or perhaps", "or even"]
        .iter()
        .any(|hedge| ends_with(words, hedge));
    let behind = after.trim_start_matches(is_delimiter);
    let denied = DENIED_BEFORE.iter().any(|word| ends_with(words, word))
        || DENIED_AFTER.iter().any(|words| starts_with(behind, words));
    // A dash that opens a line is a list's.
    let opens_line = before.trim_end_matches(['-', '*', '+', ' ']).is_empty();
    // "Answer - 5" has a dash as well.
    let dashes = glued_before.ends_with(' ')
        && before
            .strip_suffix(['-', '−'])
            .is_some_and(|word| word.ends_with(' ') && is_plain_word(word));
    let operates = OPERATORS.iter().any(|sign| before.ends_with(sign)) && !opens_line && !dashes;
    let is_unit = ["^\\circ", "^{\\circ", "^{th", "^{\\text"]
        .iter()
        .any(|unit| after.starts_with(unit));
    let is_raised = ["^", "\\cdot", "\\times", "}{"]
        .iter()
        .any(|sign| after.starts_with(sign));
    denied
        || guessed
        || beside::is_dismissed(text, whole)
        || beside::is_changed(text, whole)
        || is_operand(text, whole)
        || operates
        || is_raised && !is_unit
        || is_factor(glued_before, glued_after)
        || after.starts_with('?')
        || of_condition(text, whole.start)
}

/// Whether a text ends with a word of three or more letters.
fn is_plain_word(text: &str) -> bool {
    let word = text.trim_end().rsplit(' ').next().unwrap_or_default();
    let word = word.trim_matches(is_delimiter);
    word.len() > 2 && word.bytes().all(|byte| byte.is_ascii_alphabetic())
}

/// Whether a number or an operator touches a box: `2\boxed{5}`, `\boxed{5}+1`, `\boxed{5}x`.
fn is_factor(before: &str, after: &str) -> bool {
    let mut next = after.chars();
    let (first, second) = (next.next(), next.next());
    let letter = |c: Option<char>| c.is_some_and(char::is_alphabetic);
    let operates = match first {
        Some('+' | '/' | '!' | '*') => second.is_some_and(|c| c != ' ' && c != '*'),
        Some('.') => second.is_some_and(|c| c.is_ascii_digit()),
        Some('x' | 'y' | 'z' | 'n' | 'k' | 'a' | 'b' | 't') => !letter(second),
        Some('\\') => ["\\sqrt", "\\pi"]
            .iter()
            .any(|factor| after.starts_with(factor)),
        _ => false,
    };
    operates
        || after.starts_with('!')
        || before.ends_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '−'))
}

/// Whether what stands at a position is the answer of one case only: "If it rains, 3; otherwise,
/// 4".
pub(super) fn of_condition(text: &str, at: usize) -> bool {
    const ELSE: [&str; 5] = [
        "otherwise",
        "else",
        "if not",
        "or else",
        "in the other case",
    ];
    let start = text.floor_char_boundary(at.saturating_sub(MAX_BYTES));
    let line = &text[start..at];
    let clause = line
        .rfind(['\n', ';'])
        .max(line.rfind(". ").map(|end| end + 1))
        .map_or(line, |end| &line[end + 1..]);
    let opens = clause.trim_start_matches(|c: char| is_delimiter(c) || c == '-');
    let opens = ["but ", "and "]
        .iter()
        .find_map(|word| opens.strip_prefix(word))
        .unwrap_or(opens);
    if ELSE.iter().any(|word| starts_with(opens, word)) {
        return true;
    }
    let earlier = &line[..line.len() - clause.len()];
    starts_with(opens, "if")
        && contains_one(earlier, &["if"])
        && earlier.contains(|c: char| c.is_ascii_digit())
}

/// Whether a number goes on beyond an answer, which was cut out of it.
pub(super) fn of_cut(text: &str, answer: &Range<usize>) -> bool {
    let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
    let inside = &text[answer.clone()];
    digit(inside.chars().next()) && digit(text[..answer.start].chars().next_back())
        || digit(inside.chars().next_back()) && digit(text[answer.end..].chars().next())
}

/// Whether the words before "answer is" leave open whether it is: "I doubt that the answer is".
pub(super) fn of_claim(text: &str, noun: usize) -> bool {
    const DOUBTS: [&str; 27] = [
        "people say",
        "some say",
        "many say",
        "others say",
        "they say",
        "might say",
        "might think",
        "may think",
        "would think",
        "people think",
        "some think",
        "many think",
        "naive",
        "tempting",
        "first guess",
        "false that",
        "not true that",
        "doubt that",
        "doubt",
        "wrong",
        "incorrect",
        "says",
        "said",
        "claims",
        "claimed",
        "thinks",
        "thought",
    ];
    let mut words = before(text, noun).trim_end();
    for article in ["the", "that", "the", "his", "her", "their"] {
        if ends_with(words, article) && !DOUBTS.iter().any(|doubt| ends_with(words, doubt)) {
            words = words[..words.len() - article.len()].trim_end();
        }
    }
    DOUBTS.iter().any(|doubt| ends_with(words, doubt))
}

/// Whether an announced clause bounds, doubts or takes back its value, or gives another one too.
pub(super) fn of_clause(clause: &str) -> bool {
    const BOUNDS: [&str; 10] = [
        "unlikely",
        "improbable",
        "at least",
        "at most",
        "no more than",
        "no less than",
        "no fewer than",
        "up to",
        "somewhere",
        "between",
    ];
    const DOUBTS: [&str; 19] = [
        "this is wrong",
        "that is wrong",
        "this is incorrect",
        "made a mistake",
        "(wrong",
        "unless",
        "which is wrong",
        "which is incorrect",
        "which is not",
        "which was wrong",
        "no wait",
        "no, wait",
        ", wait",
        "and/or",
        "but maybe",
        "or maybe",
        "or perhaps",
        "or possibly",
        "he is wrong",
    ];
    let clause = &clause[..clause.floor_char_boundary(MAX_BYTES)];
    let clause = clause.lines().next().unwrap_or_default();
    let clause = clause.trim_start_matches(|c: char| c.is_whitespace() || is_delimiter(c));
    BOUNDS.iter().any(|bound| starts_with(clause, bound)) || contains_one(clause, &DOUBTS)
}

/// Whether another value than `answer` follows it: "`5` or `6`", "$2$ or -2".
pub(super) fn of_alternative(answer: &str, rest: &str) -> bool {
    const APPROXIMATE: [&str; 5] = ["about", "approximately", "roughly", "around", "exactly"];
    let rest = &rest[..rest.floor_char_boundary(MAX_BYTES)];
    let closers = ["\\end{", "$", "\\)", "\\]"];
    let mut rest = rest.trim_start();
    while closers.iter().any(|closer| rest.starts_with(closer)) {
        let braced = rest.starts_with("\\end{");
        let end = if braced { rest.find('}') } else { Some(0) };
        rest = rest[end.unwrap_or(0)..].trim_start_matches(|c: char| is_delimiter(c) || c == '}');
    }
    let rest = rest.trim_start_matches(|c: char| is_delimiter(c) || matches!(c, ' ' | ',' | '\n'));
    let other = ["or ", "and/or "]
        .iter()
        .find_map(|word| rest.strip_prefix(word));
    let Some(other) = other else {
        return false;
    };
    if APPROXIMATE.iter().any(|word| starts_with(other, word)) {
        return false;
    }
    let end = other.find(['\n', ',', ';']).unwrap_or(other.len());
    let other = other[..end].trim_end_matches(|c: char| is_delimiter(c) || c == '.');
    let other =
        other.trim_start_matches(|c: char| is_delimiter(c) && !matches!(c, '(' | '[' | '\\'));
    let rules = Rules {
        rounding: Rounding::Gold,
        ..Rules::DEFAULT
    };
    let in_words = !answer.contains(char::is_numeric) && other.contains(char::is_alphabetic);
    if in_words && !answer.eq_ignore_ascii_case(other) {
        return true;
    }
    let letter = other.len() == 1 && other.starts_with(|c: char| c.is_ascii_alphabetic());
    (letter || is_formula(other)) && !check(other, answer, &rules).is_correct()
}

/// The line before a position, up to the end of the sentence before.
fn before(text: &str, at: usize) -> &str {
    let start = text.floor_char_boundary(at.saturating_sub(MAX_BYTES));
    let line = &text[start..at];
    let line = line.rfind('\n').map_or(line, |end| &line[end + 1..]);
    line.rfind(". ").map_or(line, |end| &line[end + 2..])
}

fn after(text: &str, at: usize) -> &str {
    let rest = &text[at..];
    &rest[..rest.floor_char_boundary(MAX_BYTES)]
}

pub(super) fn is_delimiter(character: char) -> bool {
    matches!(
        character,
        '$' | '*' | '_' | '`' | '"' | '(' | ')' | '\\' | '[' | ']' | ' '
    )
}

/// Whether `text` ends with `words` in any case, as words of their own.
pub(super) fn ends_with(text: &str, words: &str) -> bool {
    let last = |text: &str| {
        text.bytes()
            .next_back()
            .map(|byte| byte.to_ascii_lowercase())
    };
    let Some(at) = text.len().checked_sub(words.len()) else {
        return false;
    };
    last(text) == last(words)
        && text.is_char_boundary(at)
        && text[at..].eq_ignore_ascii_case(words)
        && (words.starts_with("n'") || words.starts_with("n’") || !follows_letter(text, at))
}

fn follows_letter(text: &str, at: usize) -> bool {
    text[..at]
        .chars()
        .next_back()
        .is_some_and(|c| c.is_ascii_alphanumeric())
}

/// Whether `text` starts with `words` in any case, as words of their own.
pub(super) fn starts_with(text: &str, words: &str) -> bool {
    text.get(..words.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(words))
        && !text[words.len()..].starts_with(|c: char| c.is_ascii_alphanumeric())
}

/// Whether one of `words` stands in `text` in any case, as words of their own.
pub(super) fn contains_one(text: &str, words: &[&str]) -> bool {
    let bytes = text.as_bytes();
    // The letters with which the words start, as bits.
    let letter = |byte: u8| 1_u32 << (byte & 31);
    let firsts = words
        .iter()
        .fold(0, |bits, words| bits | letter(words.as_bytes()[0]));
    (0..bytes.len()).any(|at| {
        let first = bytes[at].to_ascii_lowercase();
        firsts & letter(first) != 0
            && (at == 0 || !bytes[at - 1].is_ascii_alphanumeric())
            && words
                .iter()
                .any(|words| words.as_bytes()[0] == first && starts_with(&text[at..], words))
    })
}
