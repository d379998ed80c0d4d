//! Words that say a value twice, or say a value and remark on it.

use super::clause::Clause;
use super::language::Language;
use super::noun::word;
use super::reading::{number_reading, trimmed, without_fillers};
use crate::extract::value::Value;
use crate::grader::check;
use crate::prose::is_prose;
use crate::rules::Rules;
use crate::vocabulary;

/// The value of words that say it twice: "7/12, i.e. about 0.58", "3/5, or 0.6", "13 (thirteen)",
/// "3 more than 5, that is 8".
pub(super) fn restated<'a>(answer: &'a str, language: &Language) -> Option<Value<'a>> {
    const LINKS: [&str; 14] = [
        ": ",
        ", ",
        " (",
        ", i.e.",
        " i.e.",
        ", that is,",
        ", that is ",
        ", namely ",
        ", which is ",
        " which is ",
        " which equals ",
        ", or ",
        " or ",
        " — ",
    ];
    const APPROXIMATE: &[&str] = &[
        "about",
        "approximately",
        "roughly",
        "around",
        "nearly",
        "circa",
    ];
    const EXACT: &[&str] = &["exactly", "precisely"];
    if !answer.contains([' ', '—']) || answer.len() > MAX_RESTATED {
        return None;
    }
    let bytes = answer.as_bytes();
    let (at, link) = (0..bytes.len())
        .filter(|at| matches!(bytes[*at], b' ' | b',' | b':'))
        .find_map(|at| {
            let links = LINKS.iter().filter(|link| answer[at..].starts_with(*link));
            Some((at, *links.max_by_key(|link| link.len())?))
        })?;
    let left = trimmed(&answer[..at]);
    let after = answer[at + link.len()..].trim_start_matches([' ', ',', ':']);
    let after = match link {
        " (" => after.strip_suffix(')')?,
        _ => after,
    };
    if left.is_empty() || word(after, &["or", "not", "and", "if", "maybe", "perhaps"]).is_some() {
        return None;
    }
    let right = trimmed(without_fillers(after));
    let has_value = left.contains(char::is_numeric) || left.contains('\\');
    let in_words = link == " (" && vocabulary::spoken(left).is_some();
    if !has_value && !in_words {
        return None;
    }
    let is_value = |text| {
        matches!(number_reading(text, 0, language),
            Clause::Value { ref value, .. } if value.certain)
    };
    let read = |text: &'a str| match number_reading(text, 0, language) {
        Clause::Value { value, .. } => Some(value),
        _ => None,
    };
    let is_or = matches!(link, ", or " | " or ");
    if word(after, APPROXIMATE).is_some() || after.starts_with(['≈', '~']) {
        return read(left).filter(|value| value.certain);
    }
    if is_or && word(after, EXACT).is_some() {
        return read(right).filter(|value| value.certain);
    }
    let same = || check(left, right, &Rules::DEFAULT).is_correct();
    match link {
        ": " => {
            let explains =
                !answer[..at].ends_with(' ') && right.contains(['+', '*', '=', '/', '^']);
            read(left).filter(|value| value.certain && explains && same())
        }
        ", " => {
            let remark = is_remark(after);
            read(left).filter(|value| value.certain && remark)
        }
        " — " => {
            let remark = after.starts_with(char::is_alphabetic);
            read(left).filter(|value| value.certain && remark)
        }
        " (" => {
            let remark = is_prose(right) || same();
            read(left).filter(|value| value.certain && remark)
        }
        _ if is_or => read(left).filter(|value| value.certain && same()),
        _ if is_value(left) => read(left),
        _ => read(right).filter(|value| value.certain),
    }
}

/// Whether words after a comma say nothing about the value before it: "QED", "see [2]".
fn is_remark(words: &str) -> bool {
    let plain = words
        .chars()
        .all(|c| c.is_alphabetic() || matches!(c, ' ' | '\''));
    word(words, &["see"]).is_some()
        || words.starts_with('"')
        || plain && words.chars().count() > 2 && vocabulary::spoken(words).is_none()
}

/// Longest words that are read as a restatement, in bytes.
const MAX_RESTATED: usize = 256;
