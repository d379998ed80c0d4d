//! Answers after a phrase that announces them: "the answer is ...", "Answer: ...", `#### ...`.

use std::borrow::Cow;

use memchr::memmem;

use super::AnswerSource;
use super::formula;
use super::value::{self, Value, is_formula};

/// Markers that are followed by the answer itself.
const MARKERS: [&str; 9] = [
    "####",
    "<answer>",
    "答案是",
    "答案为",
    "答案：",
    "答案:",
    "éponse est",
    "éponse:",
    "éponse :",
];

/// Longest sentence that is read, in bytes.
const MAX_SENTENCE: usize = 4_096;

/// Verbs between "answer" and the answer itself.
const VERBS: [&str; 4] = ["is", "are", "was", "would be"];

/// The answer after the last phrase that announces one.
pub(super) fn find(text: &str) -> Option<Value<'_>> {
    let behind = |marker: &str| {
        memmem::find_iter(text.as_bytes(), marker)
            .last()
            .map(|at| at + marker.len())
    };
    let marked = MARKERS.iter().filter_map(|marker| behind(marker)).max();
    let at = marked.max(announced(text))?;
    clause(&text[at..])
}

/// The position after the last "answer" and its verb or colon.
fn announced(text: &str) -> Option<usize> {
    // The first letter may be a capital one.
    let last_of = |noun: &str| {
        let nouns: Vec<usize> = memmem::find_iter(text.as_bytes(), noun).collect();
        let mut end = text.len();
        // A verb after the next noun belongs to that noun.
        let mut behind = nouns.into_iter().rev();
        behind.find_map(|at| link(text, at + noun.len(), std::mem::replace(&mut end, at)))
    };
    last_of("nswer").max(last_of("NSWER"))
}

/// The end of the first verb or colon after `start`, in the same sentence and before `end`.
fn link(text: &str, start: usize, end: usize) -> Option<usize> {
    const MAX_COLON_DISTANCE: usize = 32;
    const MAX_VERB_DISTANCE: usize = 80;
    let bytes = text.as_bytes();
    for at in start..end.min(start + MAX_VERB_DISTANCE) {
        let rest = &bytes[at..];
        let starts_word = !bytes[at - 1].is_ascii_alphanumeric();
        let is_verb = |verb: &&&str| {
            starts_word
                && rest.starts_with(verb.as_bytes())
                && !rest.get(verb.len()).is_some_and(u8::is_ascii_alphanumeric)
        };
        if let Some(verb) = VERBS.iter().find(is_verb) {
            return Some(at + verb.len());
        }
        let stops = rest[0] == b'.' && rest.get(1).is_none_or(u8::is_ascii_whitespace);
        if stops || matches!(rest[0], b'\n' | b'?') {
            return None;
        }
        if matches!(rest[0], b':' | b'=') && at < start + MAX_COLON_DISTANCE {
            return Some(at + 1);
        }
    }
    None
}

/// The answer at the start of `text`, up to the end of the sentence.
fn clause(text: &str) -> Option<Value<'_>> {
    let found = |text, certain| {
        Some(Value {
            text,
            source: AnswerSource::Phrase,
            certain,
        })
    };
    let text = text.trim_start_matches(|c: char| {
        c.is_whitespace() || matches!(c, '*' | ':' | '"' | '`' | '_' | '>' | '：')
    });
    if let Some(formulas) = formula::leading(text) {
        return found(formulas, true);
    }
    let mut end = text.len().min(MAX_SENTENCE);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let line = text[..end].lines().next()?;
    let line = line.find("</").map_or(line, |at| &line[..at]);
    let sentence = sentence(line);
    let answer = trimmed(sentence);
    if answer.is_empty() {
        return None;
    }
    if is_formula(answer) {
        return found(Cow::Borrowed(answer), true);
    }
    if let Some(leading) = value::leading(answer) {
        return found(leading.text, leading.certain);
    }
    // A whole sentence: what follows "is", or else the last value.
    let says = answer.rfind(" is ").map(|at| trimmed(&answer[at + 4..]));
    if let Some(says) = says
        && let Some(leading) = value::leading(says)
    {
        return found(leading.text, leading.certain);
    }
    if let Some(value) = value::last(answer) {
        return found(value.text, value.certain);
    }
    found(Cow::Borrowed(answer), true)
}

/// The first sentence of a line.
fn sentence(line: &str) -> &str {
    const STOPS: [&str; 9] = [
        ". ",
        "。",
        "! ",
        " because ",
        " since ",
        ", because",
        ", since",
        " I hope",
        ", which ",
    ];
    // Formulas, which may contain full stops, have been handled before.
    let end = STOPS
        .iter()
        .filter_map(|stop| line.find(stop))
        .min()
        .unwrap_or(line.len());
    &line[..end]
}

fn trimmed(text: &str) -> &str {
    let text = text.trim();
    let text = text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '*' | '"' | '`' | '_'));
    text.trim_end_matches(['.', '!', ',', ';', ' ', '*'])
}
