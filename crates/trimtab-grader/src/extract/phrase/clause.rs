//! The answer in the words that a phrase announces.

use std::borrow::Cow;

use super::announced;
use super::language::Language;
use super::noun::word;
use super::reading::{is_emoji, of_phrase, reading, trimmed, without_fillers};
use super::retraction::corrected;
use super::sentence::sentence;
use crate::extract::piece::is_unspaced;
use crate::extract::value::{self, Value, is_formula};
use crate::extract::{choice, formula};

/// What the announced words say.
pub(super) enum Clause<'a> {
    /// A value, and where its words end.
    Value {
        value: Value<'a>,
        end: usize,
    },
    /// Words without a value.
    Text(Cow<'a, str>),
    /// They deny something and give nothing instead, or ask. They end here.
    Denied(usize),
    Empty,
}

/// Longest sentence that is read, in bytes.
const MAX_SENTENCE: usize = 4_096;

/// Reads the words at the start of `text`, up to the end of the sentence.
pub(super) fn read<'a>(text: &'a str, language: &Language, choice: bool) -> Clause<'a> {
    let start = text.trim_start_matches(|c: char| c.is_whitespace() || is_opening(c));
    let start = start.strip_prefix("\\\"").unwrap_or(start);
    let quoted_line = text[..text.len() - start.len()].contains('\n');
    let start = start
        .strip_prefix("> ")
        .filter(|_| quoted_line)
        .unwrap_or(start);
    let start = before_formula(start);
    let skipped = text.len() - start.len();
    if let Some(answer) = quoted(&text[..skipped], start) {
        return reading(answer, skipped + answer.len(), language, choice);
    }
    if choice
        && let Some(answer) = formula::leading(start)
        && let choice::Pick::Letter(letter) = choice::boxed(&answer)
    {
        let value = announced(Cow::Borrowed(letter));
        let end = skipped + formula::leading_length(start);
        return Clause::Value { value, end };
    }
    if let Some(answer) = formula::leading(start)
        && !choice
    {
        // The sentence may go on, but the answer is said.
        let formula = start[1..].find('$').map_or(0, |at| at + 2);
        let line = start[formula..].lines().next().unwrap_or_default();
        let end = skipped + formula + sentence(line).len();
        let value = announced(answer);
        return Clause::Value { value, end };
    }
    let line = &start[..start.floor_char_boundary(MAX_SENTENCE)];
    let line = line.lines().next().unwrap_or_default();
    let line = line.find("</").map_or(line, |at| &line[..at]);
    let whole = sentence(line);
    let end = skipped + whole.len();
    // What denies does so up to the end of its sentence.
    let denied = end
        + line[whole.len()..]
            .find(". ")
            .unwrap_or(line.len() - whole.len());
    let whole = corrected(whole).unwrap_or(whole);
    let whole = contrast(whole).unwrap_or(whole);
    match denial(whole, language) {
        Denial::None => reading(whole, end, language, choice),
        Denial::OfWhatFollows(said) => reading(said, end, language, choice),
        Denial::Instead(said) => {
            let said = said.trim_start_matches([' ', ',', ':', '*']);
            let answers = !said.is_empty() && word(said, language.not).is_none();
            if answers {
                return reading(said, end, language, choice);
            }
            Clause::Denied(denied)
        }
        Denial::Whole => Clause::Denied(end_of_denial(text, denied)),
    }
}

/// The formula that follows fillers at the start of a text: "simply", and a formula on the next
/// line.
fn before_formula(text: &str) -> &str {
    let rest = without_fillers(text);
    let next_line = rest.starts_with('\n');
    let rest = rest.trim_start();
    let opens = next_line
        || ["$", "\\(", "\\[", "\\begin{"]
            .iter()
            .any(|opener| rest.starts_with(opener));
    if opens { rest } else { text }
}

/// Where a denial ends whose formula begins on its line or on the next one: "not", and a formula.
fn end_of_denial(text: &str, denied: usize) -> usize {
    const MAX_BYTES: usize = 1_024;
    let text = &text[..text.floor_char_boundary(MAX_BYTES)];
    formula::formulas(text)
        .iter()
        .map(|formula| &formula.whole)
        .find(|whole| {
            whole.end > denied
                && text
                    .get(denied..whole.start.max(denied))
                    .is_some_and(|gap| gap.trim().is_empty())
        })
        .map_or_else(|| next_line(text, denied), |whole| whole.end)
}

/// The end of the line after `at`, if nothing is on the line before it: "not", and a number.
fn next_line(text: &str, at: usize) -> usize {
    let denies_here = text[..at].trim_end().ends_with(char::is_alphabetic);
    match text[at..].strip_prefix('\n') {
        Some(rest) if denies_here => at + 1 + rest.find('\n').unwrap_or(rest.len()),
        _ => at,
    }
}

/// Whether several lines or sentences with numbers follow on a new line. They lead to the answer.
pub(super) fn is_working(text: &str) -> bool {
    const MAX_BYTES: usize = 512;
    let text = &text[..text.floor_char_boundary(MAX_BYTES)];
    let start = text.trim_start_matches(|c: char| c.is_whitespace() || c == '*' || c == ':');
    if !text[..text.len() - start.len()].contains('\n') || start.starts_with(['$', '\\']) {
        return false;
    }
    let holds_number = |text: &str| text.contains(|c: char| c.is_ascii_digit());
    let mut lines = start.lines();
    let first = lines.next().unwrap_or_default();
    let later = &first[sentence(first).len()..];
    holds_number(first) && (holds_number(later) || lines.next().is_some_and(holds_number))
}

/// The answer in a sentence that goes on to say that this is the answer.
pub(super) fn before(text: &str, choice: bool) -> Option<Value<'_>> {
    // `\\;` and `\\!` are blanks of TeX.
    let ends = |(at, sign): &(usize, char)| {
        matches!(sign, '\n' | '。' | ';' | '?' | '!') && !text[..*at].ends_with('\\')
    };
    let start = text.char_indices().rev().find(ends).map_or(0, |(at, _)| {
        at + text[at..].chars().next().map_or(0, char::len_utf8)
    });
    let start = text[start..].rfind(". ").map_or(start, |at| start + at + 2);
    // An environment has lines of its own.
    let ends_environment = text[start..].trim_start().starts_with("\\end{");
    let begin = ends_environment.then(|| text[..start].rfind("\\begin{"));
    let start = begin.flatten().unwrap_or(start);
    let said = without_fillers(trimmed(&text[start..]));
    let said = said.strip_suffix(", which").unwrap_or(said);
    if choice {
        return match choice::announced(said) {
            choice::Pick::Letter(letter) => Some(announced(Cow::Borrowed(letter))),
            choice::Pick::Undecided | choice::Pick::None => None,
        };
    }
    if is_formula(said) {
        return Some(announced(Cow::Borrowed(said)));
    }
    value::last(said).map(of_phrase)
}

/// Signs before an answer.
fn is_opening(character: char) -> bool {
    matches!(
        character,
        '*' | '_'
            | '"'
            | '`'
            | ':'
            | '：'
            | '='
            | '|'
            | '#'
            | '“'
            | '”'
            | '„'
            | '«'
            | '»'
            | '「'
            | '『'
            | '【'
            | '】'
            | '}'
            | '→'
            | '⇒'
            | '➡'
            | '，'
            | '、'
            | '\''
            | '‘'
    ) || is_emoji(character)
}

/// The content of quotation marks that open in `opening`.
fn quoted<'a>(opening: &str, text: &'a str) -> Option<&'a str> {
    const MAX_BYTES: usize = 256;
    let close = match opening.trim_end().chars().next_back()? {
        '"' => '"',
        '“' => '”',
        '「' => '」',
        '『' => '』',
        '«' => '»',
        '`' => '`',
        '\'' => '\'',
        '‘' => '’',
        _ => return None,
    };
    let line = &text[..text.floor_char_boundary(MAX_BYTES)];
    let line = line.lines().next()?;
    line.find(close)
        .map(|end| &line[..end])
        .filter(|content| !content.trim().is_empty())
}

/// What follows "but", if it holds a value: "40 without tax, but with tax it is 44".
fn contrast(text: &str) -> Option<&str> {
    let (before, after) = text.split_once(", but ")?;
    let says = before.contains(|c: char| c.is_ascii_digit())
        && word(before.trim_start(), &["not"]).is_none();
    let has_value = after.contains(|c: char| c.is_ascii_digit());
    (says && has_value && word(after, &["not"]).is_none()).then_some(after)
}

/// Whether the first sentence of a text takes back a value and gives another one.
pub(super) fn is_corrected(text: &str) -> bool {
    let line = text.lines().next().unwrap_or_default();
    let whole = sentence(line);
    corrected(whole).is_some() || contrast(whole).is_some()
}

/// What a sentence denies.
enum Denial<'a> {
    None,
    /// "5, not 6": what comes before is said.
    OfWhatFollows(&'a str),
    /// "not 6 but 5": what comes after is said.
    Instead(&'a str),
    /// "not 6"
    Whole,
}

/// The denial in a sentence.
fn denial<'a>(text: &'a str, language: &Language) -> Denial<'a> {
    let Some((at, length)) = find_word(text, language.not) else {
        return Denial::None;
    };
    let before = text[..at]
        .trim_start_matches([' ', ','])
        .trim_end_matches(|c: char| c.is_whitespace() || matches!(c, '(' | ','));
    let after = &text[at + length..];
    let has_value = before.contains(|c: char| c.is_numeric() || c == '$' || c.is_uppercase())
        || is_formula(before)
        || before.chars().count() == 1 && !before.is_ascii();
    if language.verb_last && has_value {
        let after = after.trim();
        return if after.contains(|c: char| c.is_numeric() || c.is_ascii_uppercase()) {
            Denial::Instead(after)
        } else {
            Denial::Whole
        };
    }
    if !before.is_empty() && has_value {
        const JOINTS: &[&str] = &[
            "and", "et", "und", "y", "e", "а", "i", "en", "och", "og", "a",
        ];
        let before = before.trim_end_matches(['(', ',', ' ', '*', '—', '–', '-']);
        let joint = before
            .rfind(' ')
            .filter(|space| JOINTS.contains(&&before[space + 1..]));
        let before = joint.map_or(before, |space| &before[..space]);
        let before = [", it", ", and it", ", that"]
            .iter()
            .find_map(|subject| before.strip_suffix(subject))
            .unwrap_or(before);
        return Denial::OfWhatFollows(before.trim_end_matches([',', ' ', '(']));
    }
    match find_word(after, language.but) {
        Some((at, length)) => Denial::Instead(&after[at + length..]),
        None => Denial::Whole,
    }
}

/// The first of `words` in `text`, by its position and length.
fn find_word(text: &str, words: &[&str]) -> Option<(usize, usize)> {
    const MAX_BYTES: usize = 512;
    let text = &text[..text.floor_char_boundary(MAX_BYTES)];
    let mut before = ' ';
    text.char_indices().find_map(|(at, character)| {
        let starts_word = !before.is_alphanumeric() || is_unspaced(character);
        before = character;
        let length = starts_word.then(|| word(&text[at..], words))??;
        Some((at, length))
    })
}
