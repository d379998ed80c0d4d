//! Finding the answer in a text.

mod boxes;
mod phrase;
mod value;

use std::borrow::Cow;

use memchr::memmem;

use self::boxes::Boxes;
pub use self::boxes::last_boxed;

/// A way to find an answer. A [`Grader`](crate::Grader) tries several in order, and the first that finds one wins.
///
/// All but [`ExtractionRule::LastBox`] look only at what the model says for good: after the last `</think>`, before the end of
/// its turn; a text with a `<think>` that never ends has no answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ExtractionRule {
    /// The content of the last box, wherever it is; see [`last_boxed`]. For rewards that pay for the form too.
    LastBox,
    /// The last box, `\boxed{..}` or `\fbox{..}`, or the last few with only `,`, `and` or `or` between them, as a list.
    /// `\boxed 7`, without braces, is one if there is no other. A text that ends within a box was cut off: it has no
    /// answer by any rule.
    Boxes,
    /// What follows the last "answer is", "Answer:", `####`, `<answer>` and their like.
    Phrase,
    /// The last letter that stands alone and is not denied; only if the gold answer is such a letter.
    Choice,
    /// The whole text, if it is one line of mathematics.
    Whole,
    /// The last formula or number, whichever ends later.
    LastValue,
}

impl ExtractionRule {
    /// The order of [`grade`](crate::grade()).
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
    /// In a box, or several.
    Box,
    /// After a phrase that announces it.
    Phrase,
    /// A letter by itself.
    Choice,
    /// The text is nothing else.
    Whole,
    /// The last formula.
    Formula,
    /// The last number.
    Number,
}

/// The answer in `text` by the first of `rules` that finds one; `choice` is the gold answer if that is a letter.
pub(crate) fn extract<'a>(
    text: &'a str,
    rules: &[ExtractionRule],
    choice: Option<char>,
) -> Option<(Cow<'a, str>, AnswerSource)> {
    let said = said(text);
    for rule in rules {
        let found = match rule {
            ExtractionRule::LastBox => {
                last_boxed(text).map(|answer| (Cow::Borrowed(answer), AnswerSource::Box))
            }
            ExtractionRule::Boxes => match boxes::boxes(said?) {
                Boxes::CutOff => return None,
                Boxes::Closed(boxes) => {
                    boxed(said?, &boxes).map(|answer| (answer, AnswerSource::Box))
                }
            },
            ExtractionRule::Phrase => phrase::find(said?).map(|answer| {
                match choice.and_then(|_| value::last_letter(&answer)) {
                    Some(letter) => (Cow::Owned(letter.to_owned()), AnswerSource::Phrase),
                    None => (answer, AnswerSource::Phrase),
                }
            }),
            ExtractionRule::Choice if choice.is_some() => value::last_letter(said?)
                .map(|answer| (Cow::Borrowed(answer), AnswerSource::Choice)),
            ExtractionRule::Choice => None,
            ExtractionRule::Whole => {
                value::whole(said?).map(|answer| (Cow::Borrowed(answer), AnswerSource::Whole))
            }
            ExtractionRule::LastValue => value::last(said?),
        };
        if found.is_some() {
            return found;
        }
    }
    None
}

/// The answer that a gold text gives: what is in its boxes, if it has any, or itself.
pub(crate) fn gold_answer(text: &str) -> Cow<'_, str> {
    match boxes::boxes(text) {
        Boxes::Closed(boxes) => joined(text, &boxes).unwrap_or(Cow::Borrowed(text)),
        Boxes::CutOff => Cow::Borrowed(text),
    }
}

/// What the model says for good: after its thinking, before the end of its turn. `None` while it still thinks.
fn said(text: &str) -> Option<&str> {
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

/// The answer in the last box or boxes, unless "the final answer is" comes behind them.
fn boxed<'a>(text: &'a str, boxes: &[boxes::Boxed]) -> Option<Cow<'a, str>> {
    match boxes.last() {
        Some(last) if text[last.whole.end..].contains("final answer is") => None,
        Some(_) => joined(text, boxes),
        None => boxes::last_without_braces(text).map(Cow::Borrowed),
    }
}

/// The last box, or the last few that are joined.
fn joined<'a>(text: &'a str, boxes: &[boxes::Boxed]) -> Option<Cow<'a, str>> {
    const MOST: usize = 64;
    let last = boxes.last()?;
    let mut first = boxes.len() - 1;
    let mut start = last.whole.start;
    for (index, found) in boxes.iter().enumerate().rev().skip(1).take(MOST) {
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

/// Whether what stands between two formulas makes one list of them: a comma, "and" or "or", and no more.
fn joins(between: &str) -> bool {
    const LONGEST: usize = 48;
    if between.len() > LONGEST {
        return false;
    }
    let mut rest = between.trim();
    let mut joined = false;
    while !rest.is_empty() {
        const NOTHING: [&str; 12] = [
            "$", "\\)", "\\(", "\\]", "\\[", "\\quad", "\\qquad", "\\ ", "\\,", "\\;", "}",
            "\\text{",
        ];
        const JOINTS: [&str; 5] = [",", ";", "and", "or", "&"];
        let strip = |pieces: &[&str]| pieces.iter().find_map(|piece| rest.strip_prefix(piece));
        if let Some(after) = strip(&NOTHING) {
            rest = after.trim_start();
        } else if let Some(after) = strip(&JOINTS) {
            joined = true;
            rest = after.trim_start();
        } else {
            return false;
        }
    }
    joined
}
