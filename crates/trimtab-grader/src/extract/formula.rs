//! Formulas between delimiters: `$..$`, `\(..\)`, `\begin{align}..\end{align}`.

use std::borrow::Cow;
use std::ops::Range;

use memchr::memmem;

use super::joins;
use crate::prose::is_prose;

/// A formula between delimiters.
#[derive(Clone)]
pub(super) struct Formula {
    pub(super) whole: Range<usize>,
    pub(super) content: Range<usize>,
}

/// Delimiters that come in pairs.
const PAIRS: [(&str, &str); 6] = [
    ("$$", "$$"),
    ("$", "$"),
    ("\\(", "\\)"),
    ("\\[", "\\]"),
    // in a text that was escaped once too often
    ("\\\\(", "\\\\)"),
    ("\\\\[", "\\\\]"),
];

/// Environments that are formulas without further delimiters.
const ENVIRONMENTS: [&str; 6] = [
    "equation",
    "align",
    "gather",
    "multline",
    "displaymath",
    "eqnarray",
];

/// The last few formulas of a text.
pub(super) fn formulas(text: &str) -> Vec<Formula> {
    const MAX_FORMULAS: usize = 64;
    let bytes = text.as_bytes();
    let mut found: Vec<Formula> = Vec::new();
    let mut open: Option<(usize, &'static str, &'static str)> = None;
    let mut environments = true;
    let mut at = 0;
    while at < bytes.len() {
        if !matches!(bytes[at], b'$' | b'\\') {
            // A single dollar sign that is not closed on its line is a currency.
            if bytes[at] == b'\n'
                && let Some((start, "$", _)) = open
                && !goes_on(&text[start..at])
            {
                open = None;
            }
            at += 1;
            continue;
        }
        let rest = &bytes[at..];
        if let Some((start, opener, closer)) = open
            && rest.starts_with(closer.as_bytes())
        {
            let content = start + opener.len()..at;
            if opener == "$" && !closes(&text[content.clone()], &text[at + 1..]) {
                open = Some((at, opener, closer));
                at += 1;
                continue;
            }
            at += closer.len();
            if !text[content.clone()].trim().is_empty() {
                if found.len() == 2 * MAX_FORMULAS {
                    found.drain(..MAX_FORMULAS);
                }
                let whole = start..at;
                found.push(Formula { whole, content });
            }
            open = None;
            continue;
        }
        if open.is_none() {
            if let Some((opener, closer)) = PAIRS
                .into_iter()
                .find(|(opener, _)| rest.starts_with(opener.as_bytes()))
            {
                let amount = opener == "$" && follows_amount(&text[..at], &text[at + 1..]);
                open = (!amount).then_some((at, opener, closer));
                at += opener.len();
                continue;
            }
            if environments && rest.starts_with(b"\\begin{") {
                match environment(text, at) {
                    Environment::Formula(formula) => {
                        at = formula.whole.end;
                        found.push(formula);
                        continue;
                    }
                    Environment::Unclosed => environments = false,
                    Environment::Other => {}
                }
            }
        }
        at += if rest[0] == b'\\' { 2 } else { 1 };
        at = at.min(bytes.len());
    }
    found
}

/// Whether a formula with a single dollar sign goes on after a line: an environment is open.
fn goes_on(content: &str) -> bool {
    const MAX_BYTES: usize = 512;
    content.len() < MAX_BYTES && content.contains("\\begin{")
}

/// Whether a dollar sign belongs to the amount before it: `34 $ = `.
fn follows_amount(before: &str, after: &str) -> bool {
    before
        .trim_end_matches(' ')
        .ends_with(|c: char| c.is_ascii_digit())
        && after.starts_with(|c: char| c.is_ascii_whitespace() || c == '.' || c == ',')
}

/// Whether the dollar sign between `content` and `after` closes a formula: `$5 and $` is the start
/// of a second amount.
fn closes(content: &str, after: &str) -> bool {
    let blank = |c: char| c.is_ascii_whitespace();
    let one_sided = content.ends_with(blank) && !content.starts_with(blank);
    let amount = content.starts_with(|c: char| c.is_ascii_digit()) && is_prose(content);
    !one_sided && !amount && !after.starts_with(|c: char| c.is_ascii_digit())
}

/// An environment.
enum Environment {
    Formula(Formula),
    /// It is a formula, and it never ends.
    Unclosed,
    Other,
}

/// The environment that starts at `at`.
fn environment(text: &str, at: usize) -> Environment {
    let name_start = at + "\\begin{".len();
    let rest = &text[name_start..];
    let Some(name) = ENVIRONMENTS.into_iter().find(|name| rest.starts_with(name)) else {
        return Environment::Other;
    };
    let star = usize::from(rest[name.len()..].starts_with('*'));
    let name = &rest[..name.len() + star];
    if !rest[name.len()..].starts_with('}') {
        return Environment::Other;
    }
    let content = name_start + name.len() + 1;
    let closer = format!("\\end{{{name}}}");
    match memmem::find(&text.as_bytes()[content..], closer.as_bytes()) {
        Some(length) => Environment::Formula(Formula {
            whole: at..content + length + closer.len(),
            content: content..content + length,
        }),
        None => Environment::Unclosed,
    }
}

/// The formulas at the start of `text`, as a list if they are joined.
pub(super) fn leading(text: &str) -> Option<Cow<'_, str>> {
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

/// The length of the formula at the start of `text`, with its delimiters.
pub(super) fn leading_length(text: &str) -> usize {
    const MAX_BYTES: usize = 512;
    let text = &text[..text.floor_char_boundary(MAX_BYTES)];
    formulas(text).first().map_or(0, |first| first.whole.end)
}

/// The contents of formulas as a list.
pub(super) fn list<'a>(text: &'a str, formulas: &[Formula]) -> Cow<'a, str> {
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

/// What a formula comes to: the last row of a derivation, else the whole formula.
pub(super) fn result(content: &str) -> Cow<'_, str> {
    let content = content.trim();
    let doubled = content
        .split("\\\\")
        .skip(1)
        .any(|rest| rest.starts_with(char::is_alphabetic));
    let derivation = ["aligned}", "align}", "align*}", "split}", "gathered}"]
        .iter()
        .any(|name| content.contains(name))
        || !content.contains("\\begin");
    if doubled || !derivation || !content.contains("\\\\") {
        return Cow::Borrowed(content);
    }
    let mut rows = content
        .rsplit("\\\\")
        .map(row)
        .filter(|row| !row.is_empty());
    let Some(last) = rows.next() else {
        return Cow::Borrowed(content);
    };
    let name = |row: &str| -> Option<String> {
        let (left, _) = row.split_once('=')?;
        let left = left.trim_matches(|c: char| c.is_whitespace() || c == '&');
        (!left.is_empty()
            && left
                .bytes()
                .all(|byte| byte.is_ascii_alphabetic() || byte == b'_'))
        .then(|| left.to_owned())
    };
    // A row for each of several names is a system of values.
    if let (Some(last), Some(before)) = (name(last), rows.next().and_then(name))
        && last != before
    {
        return Cow::Borrowed(content);
    }
    let last = last.trim_start_matches(|c: char| c.is_whitespace() || c == '&');
    let last = last.strip_prefix('=').unwrap_or(last).trim();
    if last.contains('&') {
        Cow::Owned(last.replace('&', " "))
    } else {
        Cow::Borrowed(last)
    }
}

/// A row without the delimiters of its environment and the space after it.
fn row(row: &str) -> &str {
    let mut row = row.trim();
    if let Some(rest) = row.strip_prefix("\\begin{") {
        row = rest.split_once('}').map_or("", |(_, rest)| rest.trim());
    }
    if let Some(at) = row.find("\\end{") {
        row = row[..at].trim();
    }
    if row.starts_with('[')
        && let Some((space, rest)) = row.split_once(']')
        && space.ends_with("pt")
    {
        row = rest.trim();
    }
    row
}
