//! The sentence around a box, and what it says about the box.

use std::ops::Range;

use super::doubt::{contains_one, ends_with, is_delimiter, starts_with};
use super::phrase::takes_back;
use crate::grader::check;
use crate::rules::{Rounding, Rules};

/// Longest text beside a box that is read, in bytes.
const MAX_BYTES: usize = 160;

/// Whether the words around a box say that it is not the answer at all.
pub(super) fn is_dismissed(text: &str, whole: &Range<usize>) -> bool {
    let before = sentence_before(text, whole.start);
    is_denied(before) || is_claimed(before) || is_struck_out(text, whole) || is_pattern(text, whole)
}

/// Whether words beside a box bound its value or change it: "at least", "twice", "million".
pub(super) fn is_changed(text: &str, whole: &Range<usize>) -> bool {
    const BEFORE: [&str; 40] = [
        "at least",
        "at most",
        "than",
        "up to",
        "above",
        "below",
        "under",
        "over",
        "exceeds",
        "exceed",
        "exceeding",
        "close to",
        "near",
        "nearly",
        "almost",
        "not quite",
        "between",
        "minus",
        "negative",
        "twice",
        "thrice",
        "double",
        "triple",
        "half",
        "half of",
        "third of",
        "quarter of",
        "square of",
        "cube of",
        "root of",
        "reciprocal of",
        "inverse of",
        "opposite of",
        "negative of",
        "logarithm of",
        "plus",
        "times",
        "divided by",
        "multiplied by",
        "loss of",
    ];
    let before = sentence_before(text, whole.start);
    // What adds up to a value has it.
    let is_sum = ["add up to", "adds up to", "sum up to", "sums up to"]
        .iter()
        .any(|words| ends_with(before, words));
    !is_sum && BEFORE.iter().any(|words| ends_with(before, words))
        || changes(behind(text, whole.end))
}

/// Whether what follows a box takes it back, or says that something else holds.
pub(super) fn is_taken_back(answer: &str, rest: &str) -> bool {
    const MAX_BYTES: usize = 1_024;
    const MAX_CHECKS: usize = 4; // bounds the time
    const WORDS: [&str; 16] = [
        "oops",
        "scratch that",
        "strike that",
        "i made a mistake",
        "i made an error",
        "i have made a mistake",
        "i was wrong",
        "that is wrong",
        "that's wrong",
        "this is wrong",
        "that was wrong",
        "that is incorrect",
        "this is incorrect",
        "that's incorrect",
        "is not correct",
        "isn't correct",
    ];
    const INSTEAD: [&str; 3] = ["should be", "should have been", "must be"];
    const OTHERS: [&str; 5] = [
        "correct value is",
        "true value is",
        "actual value is",
        "correct result is",
        "true result is",
    ];
    let rest = &rest[..rest.floor_char_boundary(MAX_BYTES)];
    if !rest.contains(char::is_alphanumeric) {
        return false;
    }
    let corrected = rest
        .split(['\n', '!'])
        .flat_map(|line| line.split(". "))
        .filter(|sentence| takes_back(sentence))
        .filter_map(last_number)
        .take(MAX_CHECKS)
        .any(|other| differs(other, answer));
    corrected
        || contains_one(rest, &WORDS)
        || INSTEAD.iter().chain(&OTHERS).any(|words| {
            rest.match_indices(words).take(MAX_CHECKS).any(|(at, _)| {
                let before = rest[..at].trim_end();
                let other = rest[at + words.len()..].trim_start_matches(is_delimiter);
                let end = other
                    .find(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | ',' | '/' | '-'))
                    .unwrap_or(other.len());
                let other = other[..end].trim_end_matches(['.', ',', '-']);
                let names_it = ["it", "this", "that", "answer", "result"]
                    .iter()
                    .any(|name| ends_with(before, name));
                (names_it || OTHERS.contains(words)) && !other.is_empty() && differs(other, answer)
            })
        })
}

/// The last number of a sentence, if it has one.
fn last_number(sentence: &str) -> Option<&str> {
    let end = sentence.rfind(|c: char| c.is_ascii_digit())? + 1;
    let start = sentence[..end]
        .rfind(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | ',' | '/' | '-'))
        .map_or(0, |at| sentence.ceil_char_boundary(at + 1));
    Some(sentence[start..end].trim_start_matches(['.', ',', '/']))
}

/// Whether another value than that of a box is announced behind it.
pub(super) fn differs(other: &str, answer: &str) -> bool {
    let rules = Rules {
        rounding: Rounding::Gold,
        ..Rules::DEFAULT
    };
    other.contains(|c: char| c.is_ascii_digit()) && !check(other, answer, &rules).is_correct()
}

/// Whether words directly before a box deny it: "is not equal to", "can't be", "Incorrect:".
fn is_denied(sentence: &str) -> bool {
    const DENIALS: [&str; 11] = [
        "not",
        "n't",
        "n’t",
        "never",
        "cannot",
        "wrong",
        "incorrect",
        "false",
        "anything but",
        "hardly",
        "except",
    ];
    const LINKS: [&str; 8] = [
        "equal to",
        "equals",
        "equal",
        "be",
        "exactly",
        "the answer",
        "answer",
        "the",
    ];
    const MAX_LINKS: usize = 6;
    let mut words = sentence;
    for _ in 0..MAX_LINKS {
        words = words.trim_end_matches(|c: char| is_dress(c) || c == ':');
        if DENIALS.iter().any(|denial| ends_with(words, denial)) {
            return true;
        }
        if let Some(name) = words.strip_suffix('=') {
            let name = name.trim_end();
            words = &name[..name.rfind([' ', '$']).map_or(0, |at| at + 1)];
        } else if let Some(link) = LINKS.iter().find(|link| ends_with(words, link)) {
            words = &words[..words.len() - link.len()];
        } else {
            break;
        }
    }
    false
}

/// Whether the clause before a box says that it does not hold, or that others say it.
fn is_claimed(sentence: &str) -> bool {
    const CLAIMS: [&str; 51] = [
        "mistake to say",
        "not sure",
        "not certain",
        "don't think",
        "don’t think",
        "do not think",
        "don't believe",
        "doubt",
        "doubtful",
        "false that",
        "impossible that",
        "impossible for",
        "not true that",
        "isn't true that",
        "not the case that",
        "isn't the case that",
        "not possible that",
        "untrue that",
        "unlikely that",
        "unlikely",
        "wrong answer",
        "incorrect answer",
        "wrong result",
        "incorrect result",
        "wrong value",
        "incorrect value",
        "wrong answers include",
        "might think",
        "may think",
        "would think",
        "might say",
        "might guess",
        "might expect",
        "people say",
        "people think",
        "some say",
        "many say",
        "some think",
        "many think",
        "tempting",
        "naive answer",
        "common mistake",
        "common error",
        "previously i",
        "previously said",
        "earlier i",
        "earlier answer",
        "previous answer",
        "i first said",
        "i initially said",
        "first guess",
    ];
    const BREAKS: [&str; 7] = [
        ", ",
        "; ",
        " but ",
        " so ",
        " hence ",
        " thus ",
        " therefore ",
    ];
    const KEEPS: [&str; 4] = ["no doubt", "without doubt", "without a doubt", "not doubt"];
    if !contains_one(sentence, &CLAIMS) {
        return false;
    }
    let start = BREAKS
        .iter()
        .filter_map(|joint| Some(sentence.rfind(joint)? + joint.len()))
        .max();
    let clause = &sentence[start.unwrap_or(0)..];
    contains_one(clause, &CLAIMS) && !contains_one(clause, &KEEPS)
}

/// Whether a box is struck out or stands in a comment of TeX.
fn is_struck_out(text: &str, whole: &Range<usize>) -> bool {
    let line = line_before(text, whole.start);
    let after = &text[whole.end..];
    let strikes = line.trim_end_matches(is_dress).ends_with("~~")
        && (after.trim_start_matches(is_dress).starts_with("~~")
            || text[whole.clone()].ends_with("~~"));
    let is_comment = line.match_indices('%').any(|(at, _)| {
        let before = &line[..at];
        let opens = before.is_empty() || before.ends_with(' ');
        let counts = before.trim_end().ends_with(|c: char| c.is_ascii_digit());
        opens && !counts && !line[at..].contains('\n')
    });
    let command = line
        .trim_end_matches(['{', ' '])
        .rsplit('\\')
        .next()
        .unwrap_or_default();
    let is_cancelled = line.trim_end().ends_with('{')
        && ["cancel", "xcancel", "bcancel", "sout", "st"].contains(&command);
    let is_hidden = ["<del>", "<s>", "<strike>"]
        .iter()
        .any(|tag| line.trim_end_matches(is_dress).ends_with(tag))
        || line.contains("\\iffalse");
    strikes || is_hidden || is_comment || is_cancelled
}

/// Whether a box only shows in which form to answer: "put your answer in \boxed{5} format".
fn is_pattern(text: &str, whole: &Range<usize>) -> bool {
    const FORMS: [&str; 5] = ["format", "form", "notation", "style", "environment"];
    const ASKS: [&str; 2] = ["your answer", "your final answer"];
    let after = text[whole.end..].trim_start_matches(is_dress);
    let before = sentence_before(text, whole.start);
    let inside = ["in", "inside", "within", "as", "using"]
        .iter()
        .any(|word| ends_with(before, word));
    let example = before.trim_end_matches(|c: char| is_dress(c) || matches!(c, ':' | ','));
    let is_example = ["example", "such as", "like", "the format"]
        .iter()
        .any(|words| ends_with(example, words))
        || line_before(text, whole.start)
            .trim_end_matches(is_dress)
            .ends_with("e.g.");
    is_example
        || inside
            && (FORMS.iter().any(|word| starts_with(after, word)) || contains_one(before, &ASKS))
}

/// Words that change a value behind a box and in it.
const ALWAYS: [&str; 16] = [
    "below zero",
    "below freezing",
    "remainder",
    "too many",
    "too few",
    "too much",
    "too little",
    "doubled",
    "tripled",
    "halved",
    "more than",
    "less than",
    "fewer than",
    "or more",
    "or less",
    "or fewer",
];

/// Whether the words behind a number make it another: "million", "and a half", "out of 6".
fn changes(words: &str) -> bool {
    const CHANGES: [&str; 53] = [
        "(wrong",
        "(incorrect",
        "(not",
        "fails",
        "is too",
        "does not",
        "doesn't",
        "fold",
        "tens",
        "and two thirds",
        "and one third",
        "million",
        "millions",
        "billion",
        "billions",
        "trillion",
        "thousand",
        "thousands",
        "hundred",
        "hundreds",
        "dozen",
        "dozens",
        "and a half",
        "and one half",
        "and a quarter",
        "and a third",
        "and three quarters",
        "squared",
        "cubed",
        "factorial",
        "below 0",
        "or greater",
        "or higher",
        "or above",
        "or below",
        "or larger",
        "or smaller",
        "in debt",
        "short of",
        "away from",
        "shy of",
        "divided by",
        "multiplied by",
        "raised to",
        "to the power",
        "choose",
        "plus",
        "minus",
        "hundredths",
        "tenths",
        "thousandths",
        "with remainder",
        "with a remainder",
    ];
    const UNITS: [&str; 20] = [
        "hours", "hour", "h", "hrs", "minutes", "minute", "min", "feet", "foot", "ft", "pounds",
        "lbs", "dollars", "euros", "weeks", "days", "years", "months", "yards", "degrees",
    ];
    let counts = |rest: &str| {
        rest.trim_start_matches(is_dress)
            .starts_with(|c: char| c.is_ascii_digit() || c == '\\')
    };
    ALWAYS
        .iter()
        .chain(&CHANGES)
        .any(|change| starts_with(words, change))
        || ["out of", "times", "over", "percent of", "and", "point"]
            .iter()
            .any(|change| starts_with(words, change) && counts(&words[change.len()..]))
        || UNITS
            .iter()
            .find(|unit| starts_with(words, unit))
            .is_some_and(|unit| {
                let rest = words[unit.len()..].trim_start_matches([' ', ',', '}', '$']);
                let rest = rest.strip_prefix("and ").unwrap_or(rest);
                rest.trim_start_matches(is_dress)
                    .starts_with(|c: char| c.is_ascii_digit())
            })
}

/// Whether the words in a box bound, change or deny its value: `5 \text{ below zero}`, `B?`.
pub(crate) fn words_change(content: &str) -> bool {
    const MAX_BYTES: usize = 512;
    const CHANGES: [&str; 15] = [
        "wrong",
        "incorrect",
        "is not",
        "isn't",
        "is false",
        "out of",
        "almost",
        "nearly",
        "loss",
        "debt",
        "at least",
        "at most",
        "mistake",
        "maybe",
        "don't",
    ];
    if content.len() > MAX_BYTES {
        return false;
    }
    let words = content.trim_end_matches(|c: char| is_dress(c) || c == '.');
    let has_words = content
        .as_bytes()
        .windows(4)
        .any(|letters| letters.iter().all(u8::is_ascii_alphabetic));
    words.ends_with('?')
        || ends_with(words, "negative")
        || has_words && {
            let plain = content.replace(['~', '{', '}'], " ").replace("  ", " ");
            contains_one(&plain, &ALWAYS) || contains_one(&plain, &CHANGES)
        }
}

/// Whether a box denies or doubts the letter of its choice: `\text{B is wrong}`, `B?`.
pub(super) fn denies_choice(content: &str) -> bool {
    const DENIALS: [&str; 7] = [
        "is wrong",
        "is incorrect",
        "is false",
        "is not",
        "isn't",
        "cannot be",
        "can't be",
    ];
    let words = content.trim_end_matches(is_dress);
    let letter = words.trim_start_matches(is_dress);
    let letter = ["text", "textbf", "mathrm", "mathbf"]
        .iter()
        .find_map(|font| letter.strip_prefix(font).filter(|it| it.starts_with('{')))
        .unwrap_or(letter);
    let mut rest = letter.trim_start_matches(is_dress).chars();
    let is_letter = rest.next().is_some_and(|c| c.is_ascii_alphabetic());
    let rest = behind(rest.as_str().trim_start_matches(is_dress), 0);
    let denied = DENIALS.iter().any(|denial| starts_with(rest, denial));
    words.ends_with('?') || is_letter && denied
}

/// The words behind a box on its line, without its closing signs.
fn behind(text: &str, at: usize) -> &str {
    const MARKS: [&str; 8] = [
        "\\text{",
        "\\mathrm{",
        "\\textbf{",
        "\\,",
        "\\;",
        "\\)",
        "\\]",
        "\\ ",
    ];
    let mut rest = &text[at..];
    rest = &rest[..rest.floor_char_boundary(MAX_BYTES)];
    loop {
        let trimmed = rest.trim_start_matches(['$', '*', '_', '`', '"', ' ', '~', '}', '-']);
        let after = MARKS.iter().find_map(|mark| trimmed.strip_prefix(mark));
        match after {
            Some(after) => rest = after,
            None => return trimmed,
        }
    }
}

/// The start of the sentence in which a box stands, without the signs directly before the box.
///
/// The box may stand on a line of its own below it.
fn sentence_before(text: &str, at: usize) -> &str {
    let start = text.floor_char_boundary(at.saturating_sub(MAX_BYTES));
    let words = text[start..at].trim_end_matches(|c: char| is_dress(c) || c == '\n');
    let words = [
        "\\textbf",
        "\\mathbf",
        "\\text",
        "\\mathrm",
        "\\displaystyle",
    ]
    .iter()
    .find_map(|font| words.strip_suffix(font))
    .unwrap_or(words)
    .trim_end_matches(|c: char| is_dress(c) || c == '\n');
    if words.ends_with(['.', '!', '?']) {
        return "";
    }
    let words = words.rfind('\n').map_or(words, |end| &words[end + 1..]);
    words
        .as_bytes()
        .windows(2)
        .rposition(|pair| matches!(pair, b". " | b"! " | b"? "))
        .map_or(words, |stop| &words[stop + 2..])
}

/// The line before a position, as far as it is read.
fn line_before(text: &str, at: usize) -> &str {
    let start = text.floor_char_boundary(at.saturating_sub(MAX_BYTES));
    let line = &text[start..at];
    line.rfind('\n').map_or(line, |end| &line[end + 1..])
}

/// Whether a sign only shows how a text looks, or ends or opens a formula.
fn is_dress(character: char) -> bool {
    is_delimiter(character) || matches!(character, '{' | '}')
}
