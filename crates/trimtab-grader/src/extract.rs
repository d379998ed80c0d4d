//! Finding the answer in a text.

mod boxes;
mod digits;
mod formula;
mod letter;
mod phrase;
mod piece;
mod role;
mod sentence;
mod span;
mod value;
mod word;

use std::borrow::Cow;
use std::ops::Range;

use memchr::memmem;

use self::boxes::Boxes;
pub use self::boxes::last_boxed;
use self::value::Value;
use crate::rules::Rules;

/// Where an answer was found.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum AnswerSource {
    /// In one or more boxes.
    Box,
    /// After a phrase that announces the answer.
    Phrase,
    /// A letter that stands alone.
    Choice,
    /// The whole text.
    Whole,
    /// The last formula.
    Formula,
    /// The last number.
    Number,
}

impl AnswerSource {
    /// Where the answer was found, as a phrase.
    pub(crate) fn description(self) -> &'static str {
        match self {
            Self::Box => "in a box",
            Self::Phrase => "after a phrase that announces it",
            Self::Choice => "the last letter that stands alone",
            Self::Whole => "the whole text",
            Self::Formula => "the last formula; nothing announces an answer",
            Self::Number => "the last number; nothing announces an answer",
        }
    }
}

/// An answer found in a text.
pub(crate) struct Found<'a> {
    pub(crate) answer: Cow<'a, str>,
    pub(crate) source: AnswerSource,
    /// The bytes of the text that hold it. `None` if it was put together from parts.
    pub(crate) span: Option<Range<usize>>,
    /// Whether the text shows that this is its answer.
    pub(crate) certain: bool,
}

/// The answer in `text`: the first place of [`AnswerSource`] that has one, in their order.
///
/// `choice` says that the answer is the letter of a choice.
pub(crate) fn extract<'a>(text: &'a str, rules: Rules, choice: bool) -> Option<Found<'a>> {
    let with = |answer: Cow<'a, str>, source, certain| {
        let span = match &answer {
            Cow::Borrowed(answer) => span(text, answer),
            Cow::Owned(_) => None,
        };
        Some(Found {
            answer,
            source,
            span,
            certain,
        })
    };
    let found = |answer, source| with(answer, source, true);
    if rules.boxed_only {
        return found(Cow::Borrowed(last_boxed(text)?), AnswerSource::Box);
    }
    let message = final_message(text)?;
    match boxes::boxes(message) {
        Boxes::CutOff => return None,
        Boxes::Closed(boxes) => {
            if let Some(answer) = boxed(message, &boxes) {
                return found(answer, AnswerSource::Box);
            }
        }
    }
    if let Some(Value { text, certain, .. }) = phrase::find(message) {
        let letter = choice.then(|| letter::last(&text)).flatten();
        let letter = letter.map(|letter| Cow::Owned(letter.to_owned()));
        let certain = certain || letter.is_some();
        return with(letter.unwrap_or(text), AnswerSource::Phrase, certain);
    }
    if choice && let Some(letter) = letter::last(message) {
        return found(Cow::Borrowed(letter), AnswerSource::Choice);
    }
    if let Some(answer) = value::whole(message) {
        return found(Cow::Borrowed(answer), AnswerSource::Whole);
    }
    let value = value::last(message).filter(|_| rules.fallback)?;
    with(value.text, value.source, value.certain)
}

/// The bytes of `text` that `answer` is. `None` if it is no part of it.
fn span(text: &str, answer: &str) -> Option<Range<usize>> {
    let start = answer.as_ptr().addr().checked_sub(text.as_ptr().addr())?;
    let end = start + answer.len();
    (end <= text.len()).then_some(start..end)
}

/// The answer in a gold text: the content of its boxes, or the whole text if it has none.
pub(crate) fn gold_answer(text: &str) -> Cow<'_, str> {
    match boxes::boxes(text) {
        Boxes::Closed(boxes) => joined(text, &boxes).unwrap_or(Cow::Borrowed(text)),
        Boxes::CutOff => Cow::Borrowed(text),
    }
}

/// The final message: what follows the thinking, up to the end of the turn. `None` if the thinking
/// never ends.
fn final_message(text: &str) -> Option<&str> {
    const ENDS: [&str; 5] = [
        "<|im_end|>",
        "<|eot_id|>",
        "<|endoftext|>",
        "<|im_start|>user",
        "</s>",
    ];
    let bytes = text.as_bytes();
    let text = match memmem::find_iter(bytes, "</think>").last() {
        Some(at) => &text[at + "</think>".len()..],
        None if memmem::find(bytes, b"<think>").is_some() => return None,
        None => text,
    };
    let ends = ENDS
        .iter()
        .filter_map(|end| memmem::find(text.as_bytes(), end.as_bytes()));
    let end = ends.min().unwrap_or(text.len());
    Some(&text[..end])
}

/// The answer in the last box or boxes, unless "final answer is" follows them.
fn boxed<'a>(text: &'a str, boxes: &[boxes::Boxed]) -> Option<Cow<'a, str>> {
    match boxes.last() {
        Some(last) if text[last.whole.end..].contains("final answer is") => None,
        Some(_) => joined(text, boxes),
        None => boxes::last_without_braces(text).map(Cow::Borrowed),
    }
}

/// The last box, or the list of the last few boxes that are joined.
fn joined<'a>(text: &'a str, boxes: &[boxes::Boxed]) -> Option<Cow<'a, str>> {
    const MAX_JOINED: usize = 64;
    let last = boxes.last()?;
    let mut first = boxes.len() - 1;
    let mut start = last.whole.start;
    for (index, found) in boxes.iter().enumerate().rev().skip(1).take(MAX_JOINED) {
        if found.whole.end > start || !joins(&text[found.whole.end..start]) {
            break;
        }
        first = index;
        start = found.whole.start;
    }
    let content = |found: &boxes::Boxed| &text[found.content.clone()];
    if first + 1 == boxes.len() {
        return Some(Cow::Borrowed(content(last)));
    }
    let contents: Vec<&str> = boxes[first..].iter().map(content).collect();
    Some(Cow::Owned(contents.join(", ")))
}

/// Whether the text between two formulas makes them one list: only a comma, "and" or "or".
fn joins(between: &str) -> bool {
    const MAX_BYTES: usize = 48;
    if between.len() > MAX_BYTES {
        return false;
    }
    let mut rest = between.trim();
    let mut joined = false;
    while !rest.is_empty() {
        const IGNORED: [&str; 12] = [
            "$", "\\)", "\\(", "\\]", "\\[", "\\quad", "\\qquad", "\\ ", "\\,", "\\;", "}",
            "\\text{",
        ];
        const SEPARATORS: [&str; 5] = [",", ";", "and", "or", "&"];
        let strip = |pieces: &[&str]| pieces.iter().find_map(|piece| rest.strip_prefix(piece));
        if let Some(after) = strip(&IGNORED) {
            rest = after.trim_start();
        } else if let Some(after) = strip(&SEPARATORS) {
            joined = true;
            rest = after.trim_start();
        } else {
            return false;
        }
    }
    joined
}
