//! Formulas, numbers and letters in a text.

use std::borrow::Cow;
use std::ops::Range;

use memchr::memrchr;

use super::{AnswerSource, joins};
use crate::answer::is_mathematics;

/// Longest text that is tried as a formula, in bytes.
const MAX_FORMULA: usize = 512;

/// Whether `text` is mathematics rather than words.
pub(super) fn is_formula(text: &str) -> bool {
    text.len() <= MAX_FORMULA && is_mathematics(text)
}

/// The text, if it is one line of mathematics.
pub(super) fn whole(text: &str) -> Option<&str> {
    let text = text.trim();
    (!text.is_empty() && text.len() <= MAX_FORMULA && !text.contains('\n') && is_mathematics(text))
        .then_some(text)
}

/// The last formula or number, whichever ends later.
pub(super) fn last(text: &str) -> Option<(Cow<'_, str>, AnswerSource)> {
    let formula = last_formulas(text);
    let number = last_number(text);
    match (formula, number) {
        (Some((formula, end)), Some(number))
            if number.end <= end || text[end..number.end].trim().is_empty() =>
        {
            Some((formula, AnswerSource::Formula))
        }
        (_, Some(number)) => Some((Cow::Borrowed(text[number].trim()), AnswerSource::Number)),
        (Some((formula, _)), None) => Some((formula, AnswerSource::Formula)),
        (None, None) => None,
    }
}

/// A formula between delimiters.
#[derive(Clone)]
struct Formula {
    whole: Range<usize>,
    content: Range<usize>,
}

/// The last few formulas of a text.
fn formulas(text: &str) -> Vec<Formula> {
    const MAX_FORMULAS: usize = 64;
    let bytes = text.as_bytes();
    let mut found: Vec<Formula> = Vec::new();
    let mut open: Option<(usize, &'static str, &'static str)> = None;
    let mut at = 0;
    while at < bytes.len() {
        if !matches!(bytes[at], b'$' | b'\\') {
            // A single dollar sign that is not closed on its line is a currency.
            if bytes[at] == b'\n' && open.is_some_and(|(_, opener, _)| opener == "$") {
                open = None;
            }
            at += 1;
            continue;
        }
        let rest = &bytes[at..];
        if let Some((start, opener, closer)) = open {
            if rest.starts_with(closer.as_bytes()) {
                let content = start + opener.len()..at;
                at += closer.len();
                if !text[content.clone()].trim().is_empty() {
                    if found.len() == 2 * MAX_FORMULAS {
                        found.drain(..MAX_FORMULAS);
                    }
                    found.push(Formula {
                        whole: start..at,
                        content,
                    });
                }
                open = None;
                continue;
            }
        } else {
            let pairs = [("$$", "$$"), ("$", "$"), ("\\(", "\\)"), ("\\[", "\\]")];
            if let Some((opener, closer)) = pairs
                .into_iter()
                .find(|(opener, _)| rest.starts_with(opener.as_bytes()))
            {
                open = Some((at, opener, closer));
                at += opener.len();
                continue;
            }
        }
        at += if rest[0] == b'\\' { 2 } else { 1 };
    }
    found
}

/// The last formula with the formulas that it is joined to, and its end.
fn last_formulas(text: &str) -> Option<(Cow<'_, str>, usize)> {
    let formulas = formulas(text);
    let last = formulas.last()?;
    let mut first = formulas.len() - 1;
    while first > 0 && joins(&text[formulas[first - 1].whole.end..formulas[first].whole.start]) {
        first -= 1;
    }
    Some((list(text, &formulas[first..]), last.whole.end))
}

/// The formulas at the start of `text`, as a list if they are joined.
pub(super) fn leading_formulas(text: &str) -> Option<Cow<'_, str>> {
    const MAX_BYTES: usize = 4_096;
    let mut end = text.len().min(MAX_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let formulas = formulas(&text[..end]);
    let first = formulas.first().filter(|first| first.whole.start == 0)?;
    let joined = formulas
        .windows(2)
        .take_while(|pair| joins(&text[pair[0].whole.end..pair[1].whole.start]))
        .count();
    let after = text[first.whole.end..].trim_start();
    // "$28$ %": the sign belongs to the formula.
    if joined == 0 && after.starts_with(['%', '°']) {
        let end = text.len() - after.len() + after.chars().next().map_or(0, char::len_utf8);
        return Some(Cow::Borrowed(&text[..end]));
    }
    Some(list(text, &formulas[..=joined]))
}

fn list<'a>(text: &'a str, formulas: &[Formula]) -> Cow<'a, str> {
    match formulas {
        [only] => Cow::Borrowed(text[only.content.clone()].trim()),
        several => {
            let contents: Vec<&str> = several
                .iter()
                .map(|formula| text[formula.content.clone()].trim())
                .collect();
            Cow::Owned(contents.join(", "))
        }
    }
}

/// The last number or fraction of the text.
///
/// Numbers in program code are skipped, and so are labels such as `#12`.
fn last_number(text: &str) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let mut end = bytes.len();
    loop {
        let digit = bytes[..end].iter().rposition(u8::is_ascii_digit)?;
        let number = number_at(text, digit);
        let line = memrchr(b'\n', &bytes[..digit]).map_or(0, |at| at + 1);
        if is_code(&text[line..digit]) {
            end = line;
        } else if number.start > 0 && bytes[number.start - 1] == b'#' {
            end = number.start;
        } else {
            return Some(number);
        }
    }
}

/// Whether a line looks like program code: an empty call, an index by a string or the like.
fn is_code(line: &str) -> bool {
    const MAX_LINE: usize = 512;
    line.len() <= MAX_LINE
        && ["()", "['", "[\"", "==", "__", "):"]
            .iter()
            .any(|sign| line.contains(sign))
}

/// The number around a digit, with sign, separators, slash and percent sign.
fn number_at(text: &str, digit: usize) -> Range<usize> {
    let bytes = text.as_bytes();
    let is_digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let mut start = digit;
    while start > 0 {
        let earlier = start.checked_sub(2).map(|at| bytes[at]);
        let belongs = match bytes[start - 1] {
            b'0'..=b'9' => true,
            b'.' => is_digit(start),
            b',' | b'/' => is_digit(start) && earlier.is_some_and(|byte| byte.is_ascii_digit()),
            b'-' | b'+' => {
                !earlier.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b')')
            }
            _ => false,
        };
        if !belongs {
            break;
        }
        start -= 1;
        if matches!(bytes[start], b'-' | b'+') {
            break;
        }
    }
    let end = digit + 1;
    let sign = ["%", "\\%", "°"]
        .into_iter()
        .find(|sign| text[end..].starts_with(sign));
    start..end + sign.map_or(0, str::len)
}

/// The value at the start of a sentence: 12 in "12 apples were left".
pub(super) fn leading_value(text: &str) -> Option<&str> {
    let mut end = 0;
    let mut values = 0;
    for word in text.split_inclusive(char::is_whitespace) {
        let bare = word
            .trim()
            .trim_end_matches([',', ';', ':', ')', '.'])
            .trim_start_matches('(');
        let is_value = bare
            .bytes()
            .any(|byte| byte.is_ascii_digit() || byte == b'\\')
            || bare.len() == 1 && !matches!(bare, "a" | "I")
            || bare.is_empty();
        let joins = values > 0 && matches!(bare, "and" | "or" | "x");
        if !is_value && !joins {
            break;
        }
        values += usize::from(is_value);
        end += word.len();
    }
    let value = text[..end].trim().trim_end_matches([',', ';', ':', '.']);
    let value = value.trim_end_matches("and").trim_end_matches("or").trim();
    let single_letter =
        value.len() == 1 && value.bytes().all(|byte| byte.is_ascii_lowercase()) && end < text.len();
    (!value.is_empty() && !single_letter && is_formula(value)).then_some(value)
}
