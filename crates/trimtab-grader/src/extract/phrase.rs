//! Answers after a phrase that announces them: "the answer is ...", "Answer: ...", `#### ...`.

mod change;
mod clause;
mod language;
mod link;
mod list;
mod noun;
mod number;
mod reading;
mod restated;
mod retraction;
mod sentence;

use std::borrow::Cow;

use self::clause::{Clause, read};
use self::language::LANGUAGES;
use self::link::{Link, link};
use self::noun::{Kind, nouns};
use super::AnswerSource;
use super::value::{self, Value};
use super::{choice, doubt};

/// What a text announces.
pub(super) enum Announced<'a> {
    Answer(Value<'a>),
    /// A question, a denial or a sentence without a value. Only what follows this position may
    /// still be an answer.
    Nothing(usize),
}

/// What the last phrase says that announces an answer. `None` if there is no such phrase.
///
/// `choice` says that the answer is the letter of a choice.
pub(super) fn find(text: &str, choice: bool) -> Option<Announced<'_>> {
    const MAX_NOUNS: usize = 64; // bounds the time
    let mut blocked = None;
    let mut claimed = None;
    for noun in nouns(text, choice).take(MAX_NOUNS) {
        let (at, needs_value) = match link(text, &noun) {
            Link::Clause { at, needs_value } => (at, needs_value),
            Link::Before(at) => {
                if let Some(answer) = clause::before(&text[..at], choice) {
                    return Some(Announced::Answer(answer));
                }
                continue;
            }
            Link::Beside(range) => {
                return Some(Announced::Answer(announced(Cow::Borrowed(&text[range]))));
            }
            Link::Question(end) => {
                blocked = blocked.max(Some(end));
                continue;
            }
            Link::Denied(end) => return Some(Announced::Nothing(end)),
            Link::None => continue,
        };
        if noun.kind == Kind::Label && choice {
            continue;
        }
        if clause::is_working(&text[at..]) {
            return Some(Announced::Nothing(at));
        }
        match read(&text[at..], noun.language, choice) {
            Clause::Value { value, end } => {
                let rest = &text[at + end..];
                if noun.kind == Kind::Result && rest.contains(|c: char| c.is_ascii_digit()) {
                    continue;
                }
                let corrected = clause::is_corrected(&text[at..at + end]);
                let claim = !corrected && doubt::of_claim(text, noun.start);
                let doubted = !corrected && doubt::of_clause(&text[at..])
                    || doubt::of_condition(text, noun.start)
                    || is_hypothetical(&text[noun.end..at], &text[at..])
                    || rest.trim_start_matches('*').starts_with('?')
                    || text[at..at + end].trim_end().ends_with('?')
                    || has_alternative(&text[at..], &value, end, choice);
                let value = calculated(&text[at..], &value, end).unwrap_or(value);
                let value = Value {
                    certain: value.certain && !doubted && !claim,
                    ..value
                };
                if let Some(length) = retraction::retraction(rest) {
                    return Some(Announced::Nothing(at + end + length));
                }
                if !claim {
                    return Some(Announced::Answer(value));
                }
                // What others say is the answer only if nothing else is.
                if settles(rest) {
                    return Some(Announced::Nothing(at + end));
                }
                claimed.get_or_insert(value);
            }
            Clause::Text(answer) if !needs_value && noun.kind == Kind::Answer => {
                let end = super::span(text, &answer).map_or(text.len(), |span| span.end);
                if let Some(length) = retraction::retraction(&text[end..]) {
                    return Some(Announced::Nothing(end + length));
                }
                let certain = choice || !doubt::of_alternative(&answer, &text[end..]);
                return Some(Announced::Answer(Value {
                    certain,
                    ..announced(answer)
                }));
            }
            Clause::Denied(end) => return Some(Announced::Nothing(at + end)),
            Clause::Empty if !needs_value && noun.kind == Kind::Answer => {
                return Some(Announced::Nothing(text.len()));
            }
            Clause::Text(_) | Clause::Empty => {}
        }
    }
    match claimed {
        Some(value) => Some(Announced::Answer(value)),
        None => blocked.map(Announced::Nothing),
    }
}

/// Whether what follows a claim says that something else holds: "but that is a misprint; the
/// correct value is 5".
fn settles(rest: &str) -> bool {
    const MAX_BYTES: usize = 256;
    const WORDS: [&str; 8] = [
        "actual", "correct", "really", "right", " but ", "however", "in fact", "true",
    ];
    let rest = &rest[..rest.floor_char_boundary(MAX_BYTES)];
    rest.contains(|c: char| c.is_ascii_digit()) && WORDS.iter().any(|word| rest.contains(word))
}

/// Whether an answer depends on a condition: "would be 5 if we ignored friction".
fn is_hypothetical(link: &str, clause: &str) -> bool {
    let sentence = clause.lines().next().unwrap_or_default();
    let sentence = sentence.split(". ").next().unwrap_or_default();
    link.contains("would") && sentence.contains(" if ")
}

/// What a calculation comes to that starts with the value: 720 in "the answer is 6! = 720".
fn calculated<'a>(text: &'a str, value: &Value, end: usize) -> Option<Value<'a>> {
    const OPERATORS: [char; 11] = ['!', '+', '-', '−', '*', '×', '·', '/', '÷', '^', '='];
    let rest = behind(text, value, end);
    let exclaims = |at: &usize| rest[at + 2..].starts_with(char::is_uppercase);
    let ends = [
        rest.find('\n'),
        rest.find(". "),
        rest.find("! ").filter(exclaims),
    ];
    let length = ends.into_iter().flatten().min();
    let rest = &rest[..length.unwrap_or(rest.len())];
    // An aside may follow a term: "1 (square tile) + 59".
    let next = rest.trim_start();
    let next = match next.strip_prefix('(') {
        Some(aside) => aside.split_once(')')?.1.trim_start(),
        None => next,
    };
    if !next.starts_with(OPERATORS) || !rest.contains('=') {
        return None;
    }
    let sentence = &text[..text.len() - behind(text, value, end).len() + rest.len()];
    let found = value::last(sentence)?;
    Some(Value {
        source: AnswerSource::Phrase,
        ..found
    })
}

/// Whether another answer follows a value: "`5` or `6`", "$A$ or B".
fn has_alternative(text: &str, value: &Value, end: usize, choice: bool) -> bool {
    let rest = behind(text, value, end);
    if choice {
        choice::offers_another(rest)
    } else {
        doubt::of_alternative(&value.text, rest)
    }
}

/// The text behind a value, which ends at `end` if it is no part of the text.
fn behind<'a>(text: &'a str, value: &Value, end: usize) -> &'a str {
    let at = super::span(text, &value.text).map_or(end, |span| span.end);
    &text[at..]
}

/// Whether a sentence takes back what was said before: "Actually, 6", but not "No other value".
pub(super) fn takes_back(sentence: &str) -> bool {
    let words = sentence.trim_start_matches(|c: char| !c.is_alphabetic());
    let opens = words
        .get(..3)
        .is_some_and(|no| no.eq_ignore_ascii_case("no "));
    !opens && retraction::retraction(sentence).is_some()
}

/// The answer that a text announces after it takes something back.
pub(super) fn correction(text: &str, choice: bool) -> Option<Value<'_>> {
    const MAX_BYTES: usize = 4_096;
    let start = text.ceil_char_boundary(text.len().saturating_sub(MAX_BYTES));
    let text = &text[start..];
    let takes_back = text
        .split_inclusive(['.', '\n', '!'])
        .any(|sentence| retraction::retraction(sentence).is_some());
    if !takes_back {
        return None;
    }
    match find(text, choice)? {
        Announced::Answer(answer) => Some(answer),
        Announced::Nothing(_) => None,
    }
}

/// The answer that tags hold: what its sentence says, or its last value.
pub(super) fn tagged(text: &str, choice: bool) -> Option<Value<'_>> {
    let text = text.trim();
    if text.contains('\n') {
        return value::last(text).map(|value| Value {
            source: AnswerSource::Phrase,
            ..value
        });
    }
    match read(text, &LANGUAGES[0], choice) {
        Clause::Value { value, .. } => Some(value),
        Clause::Text(answer) => Some(announced(answer)),
        Clause::Denied(_) | Clause::Empty => None,
    }
}

/// An announced answer that is certain.
fn announced(text: Cow<'_, str>) -> Value<'_> {
    Value {
        text,
        source: AnswerSource::Phrase,
        certain: true,
    }
}
