//! Answers behind words that announce them: "the answer is ...", "Answer: ...", `#### ...`.

use std::borrow::Cow;

use super::value::{self, reads_as_value};

/// Markers that are followed by the answer itself.
const MARKERS: [&str; 9] = ["####", "<answer>", "答案是", "答案为", "答案：", "答案:", "éponse est", "éponse:", "éponse :"];

/// What stands between "answer" and the answer itself, in its usual forms.
const LINKS: [&str; 10] = [":", "=", "is", "are", "was", "would be", "will be", "must be", "should be", "equals"];

/// The answer behind the last phrase that announces one.
pub(super) fn find(text: &str) -> Option<Cow<'_, str>> {
    let marked = MARKERS.iter().filter_map(|marker| text.rfind(marker).map(|at| at + marker.len())).max();
    let announced = announced(text);
    let at = marked.max(announced)?;
    clause(&text[at..])
}

/// Behind the last "answer", "result" or "total" and its verb.
fn announced(text: &str) -> Option<usize> {
    const NOUNS: [&str; 2] = ["answer", "result"];
    let bytes = text.as_bytes();
    let mut last = None;
    let mut at = 0;
    while at < bytes.len() {
        let noun = match bytes[at] {
            b'a' | b'A' | b'r' | b'R' => NOUNS.iter().find(|noun| {
                bytes.get(at..at + noun.len()).is_some_and(|word| word.eq_ignore_ascii_case(noun.as_bytes()))
            }),
            _ => None,
        };
        if let Some(noun) = noun {
            at += noun.len();
            last = link(text, at).or(last);
        } else {
            at += 1;
        }
    }
    last
}

/// The end of the verb or colon that follows at `start`, in the same sentence.
fn link(text: &str, start: usize) -> Option<usize> {
    const FURTHEST: usize = 80;
    let bytes = text.as_bytes();
    let end = bytes.len().min(start + FURTHEST);
    let mut at = start;
    while at < end {
        let rest = &bytes[at..];
        let at_word = at == start || !bytes[at - 1].is_ascii_alphanumeric();
        let found = LINKS.iter().find(|link| {
            let is_word = link.as_bytes()[0].is_ascii_alphabetic();
            rest.starts_with(link.as_bytes())
                && (!is_word || at_word && !rest.get(link.len()).is_some_and(u8::is_ascii_alphanumeric))
        });
        if let Some(found) = found {
            // "is: 5", "is given by 5"
            let mut behind = at + found.len();
            let rest = text[behind..].trim_start_matches(['*', ' ']);
            if rest.starts_with(':') {
                behind = text.len() - rest.len() + 1;
            }
            return Some(behind);
        }
        match rest[0] {
            b'\n' | b'?' => return None,
            b'.' if rest.get(1).is_none_or(u8::is_ascii_whitespace) => return None,
            _ => at += 1,
        }
    }
    None
}

/// The answer at the start of `text`, up to the end of its sentence.
fn clause(text: &str) -> Option<Cow<'_, str>> {
    let text = text.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '*' | ':' | '"' | '`' | '_' | '>' | '：'));
    if text.starts_with('$') || text.starts_with("\\(") || text.starts_with("\\[") {
        if let Some(formulas) = value::leading_formulas(text) {
            return Some(formulas);
        }
    }
    let line = text.lines().next()?;
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
    const STOPS: [&str; 9] = [". ", "。", "! ", " because ", " since ", ", because", ", since", " I hope", ", which "];
    // A full stop ends no sentence within a formula; those have been taken before.
    let end = STOPS.iter().filter_map(|stop| line.find(stop)).min().unwrap_or(line.len());
    &line[..end]
}

fn trimmed(text: &str) -> &str {
    let text = text.trim();
    let text = text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '*' | '"' | '`' | '_'));
    text.trim_end_matches(['.', '!', ',', ';', ' ', '*'])
}
