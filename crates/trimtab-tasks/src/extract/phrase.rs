//! Answers behind words that announce them: "the answer is ...", "Answer: ...", `#### ...`.

use std::borrow::Cow;

use memchr::memmem;

use super::value::{self, reads_as_value};

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

/// Longest sentence that is looked at, in bytes.
const LONGEST: usize = 4_096;

/// What stands between "answer" and the answer itself, in its usual forms.
const LINKS: [&str; 10] = [
    ":",
    "=",
    "is",
    "are",
    "was",
    "would be",
    "will be",
    "must be",
    "should be",
    "equals",
];

/// The answer behind the last phrase that announces one.
pub(super) fn find(text: &str) -> Option<Cow<'_, str>> {
    let behind = |marker: &str| {
        memmem::find_iter(text.as_bytes(), marker)
            .last()
            .map(|at| at + marker.len())
    };
    let marked = MARKERS.iter().filter_map(|marker| behind(marker)).max();
    let at = marked.max(announced(text))?;
    clause(&text[at..])
}

/// Behind the last "answer" or "result" and its verb.
fn announced(text: &str) -> Option<usize> {
    // Their first letters may be capital ones.
    const NOUNS: [&str; 4] = ["nswer", "NSWER", "esult", "ESULT"];
    let last_of = |noun: &str| {
        let nouns: Vec<usize> = memmem::find_iter(text.as_bytes(), noun).collect();
        let mut end = text.len();
        // A verb behind the next noun is that one's.
        nouns
            .into_iter()
            .rev()
            .find_map(|at| link(text, at + noun.len(), std::mem::replace(&mut end, at)))
    };
    NOUNS.iter().filter_map(|noun| last_of(noun)).max()
}

/// The end of the verb or colon that follows at `start`, in the same sentence and before `end`.
fn link(text: &str, start: usize, end: usize) -> Option<usize> {
    const FURTHEST: usize = 80;
    let bytes = text.as_bytes();
    let end = end.min(start + FURTHEST);
    for at in start..end {
        let rest = &bytes[at..];
        let starts_word = rest[0].is_ascii_alphabetic()
            && (at == start || !bytes[at - 1].is_ascii_alphanumeric());
        let is_link = |link: &&&str| {
            rest.starts_with(link.as_bytes())
                && !(starts_word && rest.get(link.len()).is_some_and(u8::is_ascii_alphanumeric))
        };
        if (starts_word || matches!(rest[0], b':' | b'='))
            && let Some(link) = LINKS.iter().find(is_link)
        {
            // "is: 5"
            let behind = at + link.len();
            let rest = text[behind..].trim_start_matches(['*', ' ']);
            return Some(if rest.starts_with(':') {
                text.len() - rest.len() + 1
            } else {
                behind
            });
        }
        let stops = rest[0] == b'.' && rest.get(1).is_none_or(u8::is_ascii_whitespace);
        if stops || matches!(rest[0], b'\n' | b'?') {
            return None;
        }
    }
    None
}

/// The answer at the start of `text`, up to the end of its sentence.
fn clause(text: &str) -> Option<Cow<'_, str>> {
    let text = text.trim_start_matches(|c: char| {
        c.is_whitespace() || matches!(c, '*' | ':' | '"' | '`' | '_' | '>' | '：')
    });
    if let Some(formulas) = value::leading_formulas(text) {
        return Some(formulas);
    }
    let mut end = text.len().min(LONGEST);
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
    if reads_as_value(answer) {
        return Some(Cow::Borrowed(answer));
    }
    if let Some(leading) = value::leading_value(answer) {
        return Some(Cow::Borrowed(leading));
    }
    // A whole sentence: what it says is, or else its last value.
    let says = answer.rfind(" is ").map(|at| trimmed(&answer[at + 4..]));
    if let Some(says) = says
        && let Some(leading) = value::leading_value(says)
    {
        return Some(Cow::Borrowed(leading));
    }
    if let Some((value, _)) = value::last(answer) {
        return Some(value);
    }
    Some(Cow::Borrowed(answer))
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
    // A full stop ends no sentence within a formula; those have been taken before.
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
