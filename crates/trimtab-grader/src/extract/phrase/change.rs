//! Words around a number that make it another, or say that it is no answer.

use super::noun::word;
use crate::extract::word::names_month;

/// Whether words after a number make it another, or say what kind of number the answer is:
/// "7 choose 2", "7 over 2", "6 digits long", "5 times larger".
pub(super) fn is_changed(answer: &str) -> bool {
    const CHANGES: &[&str] = &[
        "over",
        "choose",
        "plus",
        "minus",
        "raised",
        "to the",
        "hundredths",
        "tenths",
        "thousandths",
        "divided",
        "multiplied",
        "times",
        "more than",
        "less than",
        "fewer than",
        "digits long",
        "digits in",
        "decimal places",
        "significant",
        "or more",
        "or less",
        "or fewer",
        "in base",
        "base",
        "(base",
        "short of",
        "away from",
        "shy of",
        "and above",
        "and up",
    ];
    let number = answer
        .find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | ',')))
        .unwrap_or(answer.len());
    let words = answer[number..].trim_start();
    if number == 0 {
        return false;
    }
    if words == "+" {
        return true;
    }
    word(words, CHANGES).is_some_and(|length| {
        // "10 times" says how often.
        let rest = words[length..].trim();
        !rest.is_empty() || !words.starts_with("times")
    })
}

/// A number with the base that its words name: "40 in base 8".
pub(super) fn in_base(answer: &str) -> Option<String> {
    let (number, base) = answer.split_once(' ')?;
    let base = base.trim_matches(['(', ')']);
    let base = base
        .strip_prefix("in base ")
        .or_else(|| base.strip_prefix("base "))?;
    let plain = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (plain(number) && plain(base)).then(|| format!("{number}_{{{base}}}"))
}

/// Whether a number is the day of a date: "13 de mayo", "13. Mai".
pub(super) fn is_day(answer: &str) -> bool {
    let digits = answer.bytes().take_while(u8::is_ascii_digit).count();
    let mut words = answer[digits..]
        .split([' ', '.', ','])
        .filter(|word| !word.is_empty());
    let is_article = |word: &&str| matches!(*word, "de" | "di" | "of" | "st" | "nd" | "rd" | "th");
    (1..=2).contains(&digits)
        && words
            .find(|word| !is_article(word))
            .is_some_and(names_month)
}

/// Whether the words before the last number bound it or name another: "close to 6", "above 6",
/// "everything but 6", "a number with 6 digits".
pub(super) fn is_bounded(answer: &str) -> bool {
    const BOUNDS: &[&str] = &[
        "close to",
        "closest to",
        "rounded to",
        "rounds to",
        "next to",
        "near to",
        "nearest to",
        "similar to",
        "up to",
        "above",
        "below",
        "near",
        "from",
        "than",
        "but",
        "except",
        "beyond",
        "under",
        "over",
        "exceeds",
        "exceed",
        "one of",
        "some of",
        "any of",
        "negative of",
        "opposite of",
        "inverse of",
        "reciprocal of",
        "square of",
        "multiple of",
        "factor of",
        "divisor of",
        "power of",
        "multiples of",
        "factors of",
        "divisors of",
        "powers of",
        "log of",
        "logarithm of",
        "for",
        "until",
        "before",
        "after",
    ];
    let Some(end) = answer.rfind(|c: char| c.is_ascii_digit()) else {
        return false;
    };
    let before = answer[..end].trim_end_matches(|c: char| {
        c.is_ascii_digit() || matches!(c, '.' | ',' | '-' | '−' | '$' | ' ' | '*')
    });
    let lead = BOUNDS.iter().any(|bound| {
        before.len().checked_sub(bound.len()).is_some_and(|at| {
            before.as_bytes()[at..].eq_ignore_ascii_case(bound.as_bytes())
                && !before[..at].ends_with(char::is_alphanumeric)
        })
    });
    let after = answer[end + 1..].trim_start();
    lead || [
        "in {",
        "in [",
        "in the set",
        "in the range",
        "in the interval",
        "between ",
        "among ",
    ]
    .iter()
    .any(|words| answer.starts_with(words))
        || word(after, &["digits", "digit", "decimal", "decimals", "values"]).is_some()
}

/// Whether no word changes the number before it.
pub(super) fn goes_on_with_unit(words: &str) -> bool {
    const CHANGES: &[&str] = &[
        "times",
        "percent",
        "per",
        "plus",
        "minus",
        "over",
        "and",
        "or",
        "to",
        "of",
        "divided",
        "multiplied",
        "more",
        "less",
        "half",
        "halves",
        "third",
        "thirds",
        "quarters",
        "fourths",
        "fifths",
        "hundred",
        "thousand",
        "thousands",
        "million",
        "millions",
        "billion",
        "billions",
        "trillion",
        "dozen",
        "dozens",
        "score",
        "squared",
        "cubed",
        "factorial",
        "choose",
        "mod",
        "modulo",
        "point",
        "hundredths",
        "tenths",
        "thousandths",
        "millions",
        "pi",
        "millones",
        "mil",
        "mille",
        "millionen",
        "tausend",
        "тысяч",
        "миллион",
        "миллионов",
        "тысячи",
        "млн",
        "if",
        "when",
        "where",
        "for",
        "but",
        "not",
        "is",
        "are",
        "was",
        "with",
        "out",
        "pairs",
        "pair",
        "x",
        "e",
        "i",
        "ou",
        "oder",
        "o",
        "или",
        "und",
        "et",
        "y",
    ];
    words.split([' ', '-', '.']).all(|word| {
        !CHANGES
            .iter()
            .any(|change| word.eq_ignore_ascii_case(change))
    })
}

/// Whether a number goes on with a word that makes it another, or with a second number.
pub(super) fn goes_on(text: &str) -> bool {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let signs = text[digits..].trim_start_matches(|c: char| c.is_ascii_punctuation() || c == ' ');
    if digits > 0 && signs.len() + 1 < text[digits..].len() && signs.starts_with(char::is_numeric) {
        return true; // "6 +/- 1", "6 ... 7"
    }
    let Some((number, words)) = text.split_once(' ') else {
        return false;
    };
    let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
    let joins = [" and ", " plus ", " minus ", " each ", " or "]
        .iter()
        .any(|word| words.contains(word));
    is_number
        && (word(
            words,
            &[
                "times", "plus", "minus", "more", "less", "divided", "or", "and/or",
            ],
        )
        .is_some()
            || joins && words.contains(|c: char| c.is_ascii_digit()) && !words.contains("between"))
}
