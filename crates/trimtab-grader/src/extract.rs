//! Finding the answer in a text.

mod beside;
mod boxes;
mod choice;
mod digits;
mod doubt;
mod formula;
mod labelled;
mod message;
mod operand;
mod part;
mod phrase;
mod piece;
mod predicate;
mod purpose;
mod role;
mod sentence;
mod span;
mod spoken;
mod suffix;
mod tag;
mod value;
mod word;

use std::borrow::Cow;
use std::ops::Range;

pub(crate) use self::beside::words_change;
use self::boxes::Boxes;
pub use self::boxes::last_boxed;
use self::choice::Pick;
pub(crate) use self::labelled::labelled_boxes;
use self::message::final_message;
use self::phrase::Announced;
pub(crate) use self::spoken::leading;
use self::value::Value;
use crate::clean::clean;
use crate::prose::starts_with_choice;
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
    /// What the last sentence says in words.
    Words,
}

impl AnswerSource {
    /// Whether nothing announced the answer, and the last formula or number counted.
    pub fn is_fallback(self) -> bool {
        matches!(self, Self::Formula | Self::Number | Self::Words)
    }

    /// Where the answer was found, as a phrase.
    pub(crate) fn description(self) -> &'static str {
        match self {
            Self::Box => "in a box",
            Self::Phrase => "after a phrase that announces it",
            Self::Choice => "the last letter that stands alone",
            Self::Whole => "the whole text",
            Self::Formula => "the last formula; nothing announces an answer",
            Self::Number => "the last number; nothing announces an answer",
            Self::Words => "the words of the last sentence; nothing announces an answer",
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
pub(crate) fn extract(text: &str, rules: Rules, choice: bool) -> Option<Found<'_>> {
    let message = final_message(text)?;
    if rules.boxed_only {
        let answer = last_boxed(message)?;
        return Some(Found {
            answer: Cow::Borrowed(answer),
            source: AnswerSource::Box,
            span: span(text, answer),
            certain: true,
        });
    }
    match clean(message) {
        Cow::Borrowed(message) => {
            let value = find(message, rules, choice)?;
            let span = match &value.text {
                Cow::Borrowed(answer) => span(text, answer),
                Cow::Owned(_) => None,
            };
            Some(Found {
                answer: value.text,
                source: value.source,
                span,
                certain: value.certain,
            })
        }
        Cow::Owned(message) => {
            let value = find(&message, rules, choice)?;
            Some(Found {
                answer: Cow::Owned(value.text.into_owned()),
                source: value.source,
                span: None,
                certain: value.certain,
            })
        }
    }
}

/// What the last sentence of a text says in words.
pub(crate) fn extract_words(text: &str) -> Option<String> {
    let message = clean(final_message(text)?);
    if matches!(boxes::boxes(&message), Boxes::CutOff(_)) {
        return None;
    }
    predicate::last(&message).map(str::to_owned)
}

/// The value that the words of a box say: 14 in `\text{The farmer has } 14 \text{ cows}`.
pub(crate) fn said(content: &str) -> Option<String> {
    const MAX_BYTES: usize = 512;
    let words = content.contains("\\text") || content.contains("nswer");
    let has_number = content.contains(|c: char| c.is_ascii_digit());
    if content.len() > MAX_BYTES || !words || !has_number {
        return None;
    }
    let plain = choice::without_dress(content)?;
    if doubt::of_clause(&plain)
        || [" or ", " where ", " for ", " if ", " when "]
            .iter()
            .any(|word| plain.contains(word))
        || purpose::instructs(&plain)
    {
        return None;
    }
    let value = phrase::tagged(&plain, false).filter(|value| value.certain)?;
    Some(value.text.into_owned())
}

/// The answer in a message. It is not certain if it was cut out of a number.
fn find(message: &str, rules: Rules, choice: bool) -> Option<Value<'_>> {
    let value = find_in_tags(message, rules, choice)?;
    let cut = match &value.text {
        Cow::Borrowed(answer) => {
            span(message, answer).is_some_and(|span| doubt::of_cut(message, &span))
        }
        Cow::Owned(_) => false,
    };
    Some(Value {
        certain: value.certain && !cut,
        ..value
    })
}

fn find_in_tags(message: &str, rules: Rules, choice: bool) -> Option<Value<'_>> {
    let Some(content) = tag::content(message) else {
        return find_in(message, rules, choice);
    };
    let rules = Rules {
        fallback: false,
        ..rules
    };
    match find_in(content, rules, choice) {
        Some(value) if value.source == AnswerSource::Box => Some(value),
        Some(value) => Some(Value {
            source: AnswerSource::Phrase,
            ..value
        }),
        None => phrase::tagged(content, choice),
    }
}

/// The answer in a message without tags.
fn find_in(message: &str, rules: Rules, choice: bool) -> Option<Value<'_>> {
    let found = |text, source| {
        Some(Value {
            text,
            source,
            certain: true,
        })
    };
    match boxes::boxes(message) {
        Boxes::CutOff(content) => {
            let answer = boxes::unclosed(message, content)?;
            return found(Cow::Borrowed(answer), AnswerSource::Box);
        }
        Boxes::Closed(mut boxes) => {
            boxes::drop_placeholders(message, &mut boxes);
            let mut end = message.len();
            while let Some(last) = boxes.last()
                && (boxes.len() > 1
                    || boxes::last_without_braces(&message[..last.whole.start]).is_some())
                && doubt::of_other_box(message, &last.whole)
            {
                end = last.whole.start;
                boxes.pop();
            }
            let behind = boxes.last().map_or(message.len(), |last| last.whole.end);
            if let Some(value) = phrase::correction(&message[behind..], choice) {
                return Some(value);
            }
            // A box without braces counts if no other one is left.
            let read = if boxes.is_empty() {
                &message[..end]
            } else {
                message
            };
            if let Some(answer) = boxed(read, &boxes) {
                let denied = choice && beside::denies_choice(&answer);
                if choice
                    && !denied
                    && let Some(value) = choice_beside(message, &answer)
                {
                    return Some(value);
                }
                let whole = match boxes.last() {
                    Some(last) => Some(last.whole.clone()),
                    None => boxes::whole_without_braces(message, &answer),
                };
                let doubted =
                    whole.is_some_and(|whole| is_doubted(message, &whole, end, &answer, choice));
                return Some(Value {
                    text: answer,
                    source: AnswerSource::Box,
                    certain: !denied && !doubted,
                });
            }
        }
    }
    let rest = match phrase::find(message, choice) {
        Some(Announced::Answer(value)) => return Some(value),
        Some(Announced::Nothing(end)) => &message[end..],
        None => message,
    };
    if choice && let Some(letter) = choice::last(rest) {
        return found(Cow::Borrowed(letter), AnswerSource::Choice);
    }
    if choice && choice::is_listing(rest) {
        return None;
    }
    if let Some(answer) = value::whole(rest) {
        return found(Cow::Borrowed(answer), AnswerSource::Whole);
    }
    if !rules.fallback {
        return None;
    }
    let last = value::last(rest);
    if last.is_none() && !choice {
        let number = spoken::in_last_sentence(rest)?;
        return found(Cow::Owned(number.to_string()), AnswerSource::Number);
    }
    last
}

/// Whether what stands around the last box leaves open whether it is the answer.
///
/// A box that is not the answer follows at `end`, or the text ends there.
fn is_doubted(message: &str, whole: &Range<usize>, end: usize, answer: &str, choice: bool) -> bool {
    const MAX_BYTES: usize = 4_096;
    let rest = &message[whole.end..end.max(whole.end)];
    let near = &rest[..rest.floor_char_boundary(MAX_BYTES)];
    let is_replaced = || match phrase::find(near, choice) {
        Some(Announced::Answer(other)) => other.certain && beside::differs(&other.text, answer),
        Some(Announced::Nothing(_)) | None => false,
    };
    doubt::of_box(message, whole)
        || doubt::of_alternative(answer, &message[whole.end..])
        || beside::is_taken_back(answer, rest)
        || !choice && is_replaced()
}

/// The choice of a message whose box holds something else than the letter of a choice.
fn choice_beside<'a>(message: &'a str, content: &str) -> Option<Value<'a>> {
    if starts_with_choice(content) || content.trim().is_empty() {
        return None;
    }
    let found = |text, source| {
        Some(Value {
            text,
            source,
            certain: true,
        })
    };
    match choice::boxed(content) {
        Pick::Letter(letter) => return found(Cow::Borrowed(letter), AnswerSource::Box),
        Pick::Undecided => return None,
        Pick::None => {}
    }
    match phrase::find(message, true) {
        Some(Announced::Answer(value)) => Some(value),
        Some(Announced::Nothing(_)) => None,
        None => choice::last(message).and_then(|it| found(Cow::Borrowed(it), AnswerSource::Choice)),
    }
}

/// The bytes of `text` that `answer` is. `None` if it is no part of it.
fn span(text: &str, answer: &str) -> Option<Range<usize>> {
    let start = answer.as_ptr().addr().checked_sub(text.as_ptr().addr())?;
    let end = start + answer.len();
    (end <= text.len()).then_some(start..end)
}

/// The answer in a gold text: the content of its boxes, what it announces, or the whole text.
pub(crate) fn gold_answer(text: &str) -> Cow<'_, str> {
    if let Boxes::Closed(boxes) = boxes::boxes(text)
        && let Some(answer) = joined(text, &boxes)
    {
        return answer;
    }
    // A whole solution, not an answer in words.
    let is_solution = text.contains('\n') || text.contains("####");
    match is_solution.then(|| phrase::find(text, false)).flatten() {
        Some(Announced::Answer(value)) => value.text,
        Some(Announced::Nothing(_)) | None => Cow::Borrowed(text),
    }
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
        const IGNORED: [&str; 13] = [
            "$", "\\)", "\\(", "\\]", "\\[", "\\quad", "\\qquad", "\\ ", "\\,", "\\;", "}",
            "\\text{", "\\",
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
