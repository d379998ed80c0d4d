//! Dates in words: `May 5, 2021`, `5th of May 2021`, `2021-05-05`.

use crate::vocabulary::{self, Meaning};

/// A day of the year, with or without the year.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Date {
    month: u32,
    day: u32,
    year: Option<u32>,
}

/// The names of the months.
pub(crate) const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// Reads a text that is a date.
pub(crate) fn parse(text: &str) -> Option<Date> {
    const MAX_BYTES: usize = 96;
    if text.len() > MAX_BYTES || !may_be_date(text) {
        return None;
    }
    let text = undressed(text);
    let text = text.trim();
    iso(text).or_else(|| worded(text))
}

/// Whether a text has a digit, and either the start of a month's name or two dashes.
fn may_be_date(text: &str) -> bool {
    let (mut digit, mut month, mut dashes) = (false, false, 0);
    let mut letters = 0;
    for (at, byte) in text.bytes().enumerate() {
        digit |= byte.is_ascii_digit();
        dashes += usize::from(byte == b'-');
        letters = if byte.is_ascii_alphabetic() {
            letters + 1
        } else {
            0
        };
        month |= letters == 3
            && b"jfmasond".contains(&text.as_bytes()[at - 2].to_ascii_lowercase())
            && {
                let start = &text.as_bytes()[at - 2..=at];
                MONTHS
                    .iter()
                    .any(|name| name.as_bytes()[..3].eq_ignore_ascii_case(start))
            };
    }
    digit && (month || dashes > 1)
}

/// The text without commands of LaTeX, braces and quotation marks.
fn undressed(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        rest = &rest[character.len_utf8()..];
        match character {
            '\\' => {
                let length = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
                let (name, behind) = rest.split_at(length);
                rest = behind;
                if name.is_empty() {
                    let skipped = rest.chars().next().map_or(0, char::len_utf8);
                    rest = &rest[skipped..];
                }
                let groups = match vocabulary::command(name) {
                    Some(Meaning::NothingWithGroups(groups)) => groups,
                    _ => u8::from(matches!(name, "begin" | "end")),
                };
                for _ in 0..groups {
                    rest = without_group(rest, '{', '}');
                }
                rest = without_group(rest, '[', ']');
                plain.push(' ');
            }
            '{' | '}' | '$' | '"' | '*' => {}
            '~' | '&' => plain.push(' '),
            character if character.is_whitespace() => plain.push(' '),
            character => plain.push(character),
        }
    }
    plain
}

/// The text without a group at its start: the color of `\color{red}`, the gap of `\\[4pt]`.
fn without_group(text: &str, open: char, close: char) -> &str {
    let inner = text.trim_start_matches(' ').strip_prefix(open);
    inner
        .and_then(|inner| inner.split_once(close))
        .map_or(text, |(_, rest)| rest)
}

fn iso(text: &str) -> Option<Date> {
    let mut parts = text.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || (year.len(), month.len(), day.len()) != (4, 2, 2) {
        return None;
    }
    valid(
        month.parse().ok()?,
        day.parse().ok()?,
        Some(year.parse().ok()?),
    )
}

fn worded(text: &str) -> Option<Date> {
    let (mut month, mut day, mut year) = (None, None, None);
    for word in text
        .split([' ', ',', '.'])
        .filter(|word| !word.is_empty() && !matches!(*word, "of" | "the"))
    {
        if let Some(found) = month_named(word) {
            month = Some(found).filter(|_| month.is_none());
            month?;
            continue;
        }
        let digits = ["st", "nd", "rd", "th"]
            .iter()
            .find_map(|ending| word.strip_suffix(ending))
            .unwrap_or(word);
        let number: u32 = digits.parse().ok()?;
        match digits.len() {
            1 | 2 if day.is_none() => day = Some(number),
            4 if year.is_none() => year = Some(number),
            _ => return None,
        }
    }
    valid(month?, day?, year)
}

fn valid(month: u32, day: u32, year: Option<u32>) -> Option<Date> {
    let is_date = (1..=12).contains(&month) && (1..=31).contains(&day);
    is_date.then_some(Date { month, day, year })
}

fn month_named(word: &str) -> Option<u32> {
    let word = word.to_ascii_lowercase();
    let index = MONTHS
        .iter()
        .position(|month| *month == word || word.len() >= 3 && month.starts_with(&word))?;
    Some(index as u32 + 1)
}
