//! Finding the answer in a text.

mod boxes;
mod phrase;
mod value;

use std::borrow::Cow;

use memchr::memmem;

use self::boxes::Boxes;
pub use self::boxes::last_boxed;

/// A way to find the answer in a text.
///
/// A [`Grader`](crate::Grader) tries several in order and takes the first answer found.
///
/// All rules except [`ExtractionRule::LastBox`] look at the final message only: what follows the
/// last `</think>`, up to the end of the turn. A text whose `<think>` never ends has no answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ExtractionRule {
    /// The content of the last box, wherever it is; see [`last_boxed`]. Use it for rewards that
    /// require the format.
    LastBox,
    /// The last box, `\boxed{..}` or `\fbox{..}`. If only `,`, `and` or `or` separates it from the
    /// boxes before it, these form a list. `\boxed 7`, without braces, counts if there is no other
    /// box. A text that ends inside a box was cut off and has no answer by any rule.
    Boxes,
    /// What follows the last "answer is", "Answer:", `####`, `<answer>` or a similar phrase.
    Phrase,
    /// The last capital letter that stands alone and is not negated. This rule applies only if the
    /// gold answer is such a letter.
    Choice,
    /// The whole text, if it is one line of mathematics.
    Whole,
    /// The last formula or number, whichever ends later.
    LastValue,
}

impl ExtractionRule {
    /// The rules of [`grade`](crate::grade()), in order.
    pub const DEFAULT: [Self; 5] = [
        Self::Boxes,
        Self::Phrase,
        Self::Choice,
        Self::Whole,
        Self::LastValue,
    ];
}

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

/// The answer in `text` by the first of `rules` that finds one.
///
/// `choice` is the gold answer if that is the letter of a choice.
pub(crate) fn extract<'a>(
    text: &'a str,
    rules: &[ExtractionRule],
    choice: Option<char>,
) -> Option<(Cow<'a, str>, AnswerSource)> {
    let message = final_message(text);
    for rule in rules {
        let found = match rule {
            ExtractionRule::LastBox => {
                last_boxed(text).map(|answer| (Cow::Borrowed(answer), AnswerSource::Box))
            }
            ExtractionRule::Boxes => match boxes::boxes(message?) {
                Boxes::CutOff => return None,
                Boxes::Closed(boxes) => {
                    boxed(message?, &boxes).map(|answer| (answer, AnswerSource::Box))
                }
            },
            ExtractionRule::Phrase => phrase::find(message?).map(|answer| {
                match choice.and_then(|_| value::last_letter(&answer)) {
                    Some(letter) => (Cow::Owned(letter.to_owned()), AnswerSource::Phrase),
                    None => (answer, AnswerSource::Phrase),
                }
            }),
            ExtractionRule::Choice if choice.is_some() => value::last_letter(message?)
                .map(|answer| (Cow::Borrowed(answer), AnswerSource::Choice)),
            ExtractionRule::Choice => None,
            ExtractionRule::Whole => {
                value::whole(message?).map(|answer| (Cow::Borrowed(answer), AnswerSource::Whole))
            }
            ExtractionRule::LastValue => value::last(message?),
        };
        if found.is_some() {
            return found;
        }
    }
    None
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
