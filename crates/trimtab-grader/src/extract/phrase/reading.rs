//! Words that deny nothing, read as a value.

use std::borrow::Cow;

use super::announced;
use super::change::{goes_on, goes_on_with_unit, in_base, is_bounded, is_changed, is_day};
use super::clause::Clause;
use super::language::Language;
use super::noun::word;
use super::restated::restated;
use super::{list, number};
use crate::extract::value::{self, Value, is_formula};
use crate::extract::{AnswerSource, choice};
use crate::{date, vocabulary};

/// Reads words that deny nothing.
pub(super) fn reading<'a>(
    text: &'a str,
    end: usize,
    language: &Language,
    choice: bool,
) -> Clause<'a> {
    let said = without_fillers(trimmed(text));
    let answer = trimmed(said);
    let found = |value| Clause::Value {
        value: of_phrase(value),
        end,
    };
    let value = |answer| found(announced(answer));
    let says = answer.contains(char::is_alphanumeric) || answer.contains(['∞', '∅', '\\']);
    if !says || is_placeholder(answer) {
        return Clause::Empty;
    }
    if choice {
        return match choice::announced(answer) {
            choice::Pick::Letter(letter) => value(Cow::Borrowed(letter)),
            choice::Pick::Undecided => Clause::Denied(end),
            choice::Pick::None => Clause::Text(Cow::Borrowed(answer)),
        };
    }
    if let Some(value) = restated(answer, language) {
        return found(value);
    }
    number_reading(answer, end, language)
}

/// Reads words without a restatement.
pub(super) fn number_reading<'a>(answer: &'a str, end: usize, language: &Language) -> Clause<'a> {
    let found = |value| Clause::Value {
        value: of_phrase(value),
        end,
    };
    let value = |answer| found(announced(answer));
    if let Some(plain) = number::plain(answer, language).or_else(|| list::joined(answer, language))
    {
        return value(Cow::Owned(plain));
    }
    let may_be_date = answer.contains('-') || answer.len() > 4 && answer.contains(' ');
    if may_be_date && date::parse(answer).is_some() || answer.starts_with(is_relation) {
        return value(Cow::Borrowed(answer));
    }
    if let Some(based) = in_base(answer) {
        return value(Cow::Owned(based));
    }
    if is_changed(answer) || is_day(answer) {
        let leading = value::leading(answer);
        return leading.map_or(Clause::Text(Cow::Borrowed(answer)), |leading| {
            found(Value {
                certain: false,
                ..leading
            })
        });
    }
    if let Some(measured) = measured(answer) {
        return value(measured);
    }
    if is_tex(answer) || is_formula(answer) && !value::starts_sentence(answer) {
        return value(Cow::Borrowed(answer));
    }
    match sentence_value(answer) {
        Some(value) => found(value),
        None => Clause::Text(Cow::Borrowed(answer)),
    }
}

/// The value that a sentence says.
fn sentence_value(answer: &str) -> Option<Value<'_>> {
    if answer.contains(" or ") && !answer.contains(char::is_numeric) {
        return None; // "No or Yes"
    }
    if let Some((_, said)) = answer.split_once(" equals ")
        && let Some(leading) = value::leading(said)
    {
        return Some(leading);
    }
    if let Some(mut leading) = value::leading(answer) {
        if value::has_verb_and_number(answer) {
            return value::last(answer);
        }
        leading.certain &= !goes_on(answer);
        return Some(leading);
    }
    // A whole sentence: what follows its verb, or its only value.
    if let Some(said) = after_verb(answer)
        && let Some(leading) = value::leading(said)
    {
        return Some(leading);
    }
    let last = value::last(answer)?;
    let led = is_bounded(answer);
    let only = has_one_value(answer);
    (only || last.certain).then_some(Value {
        certain: last.certain && !led,
        ..last
    })
}

/// Whether a sign is a relation with which an answer cannot start as a value.
fn is_relation(sign: char) -> bool {
    matches!(sign, '<' | '>' | '≤' | '≥' | '≠')
}

/// Whether TeX is all there is: no blank stands outside of its groups.
fn is_tex(text: &str) -> bool {
    let mut depth = 0_usize;
    text.contains('\\')
        && text.chars().all(|c| {
            match c {
                '{' => depth += 1,
                '}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            depth > 0 || !c.is_whitespace()
        })
}

/// A plain number with a unit or other words after it: "9 years old". A known unit stays.
fn measured(text: &str) -> Option<Cow<'_, str>> {
    let (number, words) = text.split_once(' ')?;
    let words = words.strip_prefix("US ").unwrap_or(words);
    let is_plain = number.starts_with(|c: char| c.is_ascii_digit())
        && number.ends_with(|c: char| c.is_ascii_digit())
        && number
            .bytes()
            .all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b','));
    let is_words = words
        .chars()
        .all(|c| c.is_alphabetic() || matches!(c, ' ' | '-' | '\'' | '’' | '.'));
    if !is_plain || !is_words || !goes_on_with_unit(words) {
        return None;
    }
    let first = words.split([' ', '.']).next()?;
    if first == words && words.len() > 4 {
        return None; // a noun, which the parser knows to ignore
    }
    Some(match vocabulary::unit(first) {
        Some(_) => format!("{number} \\text{{{first}}}").into(),
        // A letter is a variable, and a word that is read as mathematics has its meaning.
        None if first.chars().count() < 3 && is_formula(text) => return None,
        None => Cow::Borrowed(number),
    })
}

/// Whether words only say what goes here: "[insert the value here]".
fn is_placeholder(text: &str) -> bool {
    let inner = text.trim_start_matches(['[', '<', '{', '(']);
    inner.len() < text.len()
        && word(
            inner,
            &["insert", "your", "answer", "fill", "final", "value", "the"],
        )
        .is_some()
}

/// What follows the last verb of a sentence.
fn after_verb(text: &str) -> Option<&str> {
    const VERBS: [&str; 11] = [
        " get ",
        " gives ",
        " becomes ",
        " is ",
        " are ",
        " equals ",
        " est ",
        " ist ",
        " es ",
        " is: ",
        " = ",
    ];
    let behind = |verb: &&str| text.rfind(*verb).map(|at| at + verb.len());
    let at = VERBS.iter().filter_map(behind).max()?;
    Some(without_fillers(trimmed(&text[at..])))
}

/// Whether a sentence holds one number or one formula.
fn has_one_value(text: &str) -> bool {
    let formulas = text.matches('$').count();
    let numbers = text
        .split([' ', '\u{a0}'])
        .filter(|piece| piece.contains(|c: char| c.is_numeric()))
        .count();
    match formulas {
        0 | 1 => numbers == 1,
        2 => text
            .split('$')
            .step_by(2)
            .all(|outside| !outside.contains(char::is_numeric)),
        _ => false,
    }
}

/// `text` without words such as "therefore" and "exactly" at its start.
pub(super) fn without_fillers(mut text: &str) -> &str {
    const FILLERS: &[&str] = &[
        "therefore",
        "thus",
        "hence",
        "so",
        "then",
        "clearly",
        "simply",
        "just",
        "for sure",
        "definitely",
        "certainly",
        "indeed",
        "actually",
        "obviously",
        "exactly",
        "precisely",
        "probably",
        "likely",
        "surely",
        "now",
        "also",
        "still",
        "always",
        "only",
        "in fact",
        "of course",
        "equal to",
        "given by",
        "as follows",
        "as expected,",
        "as required,",
        "as claimed,",
        "as it turns out,",
        "it turns out,",
        "after all,",
        "in the end,",
        "found to be",
        "going to be",
        "the number",
        "the value",
        "the integer",
        "a total of",
        "most likely",
        "really",
        "indeed",
        "again",
        "simply",
        "donc",
        "alors",
        "also",
        "daher",
        "somit",
        "genau",
        "por lo tanto",
        "entonces",
        "portanto",
        "quindi",
        "dunque",
        "следовательно",
        "итак",
        "exactamente",
        "exactement",
        "esattamente",
    ];
    loop {
        let after = text.trim_start_matches([' ', ',', ':', '*', '：']);
        match word(after, FILLERS) {
            Some(length) => text = &after[length..],
            None => return after,
        }
    }
}

pub(super) fn trimmed(text: &str) -> &str {
    let is_wrapping = |c: char| {
        c.is_whitespace()
            || matches!(c, '*' | '"' | '`' | '_' | '|' | '”' | '»' | '」' | '』')
            || is_emoji(c)
    };
    let whole = text.trim().trim_matches(is_wrapping);
    let text = whole.trim_end_matches(|c: char| {
        matches!(c, '.' | '!' | ',' | ';' | '?' | '。' | '！' | '？' | '।') || is_wrapping(c)
    });
    let text = factorial(whole, text).unwrap_or(text);
    // The end of a record: `"answer": 5}`
    let closes = text.ends_with('}') && text.matches('}').count() > text.matches('{').count();
    let text = if closes {
        text.trim_end_matches('}')
    } else {
        text
    };
    without_copula(text.trim_end())
}

/// `text` with the factorial sign that ends it in `whole`: `1 + 7!`. After a plain number the sign
/// is a mark of exclamation.
fn factorial<'a>(whole: &'a str, text: &str) -> Option<&'a str> {
    let operates = text.contains(['+', '*', '/', '^', '=']);
    let ends = text.ends_with(|c: char| c.is_ascii_digit() || c == ')');
    let behind = &whole[text.len()..];
    let follows = behind.starts_with('!');
    (ends && follows && (operates || behind.starts_with("!."))).then(|| &whole[..=text.len()])
}

/// `text` without a verb at its end, in languages where it comes last.
fn without_copula(text: &str) -> &str {
    const COPULAS: [&str; 14] = [
        "です",
        "である",
        "となります",
        "になります",
        "となる",
        "だ",
        "입니다",
        "이다",
        "이에요",
        "है",
        "हैं",
        "হয়",
        "است",
        "'dir",
    ];
    let end = COPULAS.iter().find_map(|copula| text.strip_suffix(copula));
    end.map_or(text, str::trim_end)
}

pub(super) fn of_phrase(value: Value<'_>) -> Value<'_> {
    Value {
        source: AnswerSource::Phrase,
        ..value
    }
}

pub(super) fn is_emoji(character: char) -> bool {
    matches!(character, '\u{1f300}'..='\u{1faff}' | '\u{2700}'..='\u{27bf}' | '⭐' | '⬛')
}
