//! Words that deny nothing, read as a value.

use std::borrow::Cow;

use super::announced;
use super::clause::Clause;
use super::language::Language;
use super::noun::word;
use super::{list, number};
use crate::extract::value::{self, Value, is_formula};
use crate::extract::word::names_month;
use crate::extract::{AnswerSource, choice};
use crate::grader::check;
use crate::prose::is_prose;
use crate::rules::Rules;
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
fn number_reading<'a>(answer: &'a str, end: usize, language: &Language) -> Clause<'a> {
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

/// The value of words that say it twice: "7/12, i.e. about 0.58", "3/5, or 0.6", "13 (thirteen)",
/// "3 more than 5, that is 8".
fn restated<'a>(answer: &'a str, language: &Language) -> Option<Value<'a>> {
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
    if !has_value && !(link == " (" && vocabulary::spoken(left).is_some()) {
        return None;
    }
    let is_value = |text| matches!(number_reading(text, 0, language), Clause::Value { ref value, .. } if value.certain);
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

/// Whether a sign is a relation with which an answer cannot start as a value.
fn is_relation(sign: char) -> bool {
    matches!(sign, '<' | '>' | '≤' | '≥' | '≠')
}

/// Whether words after a number make it another, or say what kind of number the answer is:
/// "7 choose 2", "7 over 2", "6 digits long", "5 times larger".
fn is_changed(answer: &str) -> bool {
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
fn in_base(answer: &str) -> Option<String> {
    let (number, base) = answer.split_once(' ')?;
    let base = base.trim_matches(['(', ')']);
    let base = base
        .strip_prefix("in base ")
        .or_else(|| base.strip_prefix("base "))?;
    let plain = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (plain(number) && plain(base)).then(|| format!("{number}_{{{base}}}"))
}

/// Whether a number is the day of a date: "13 de mayo", "13. Mai".
fn is_day(answer: &str) -> bool {
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
fn is_bounded(answer: &str) -> bool {
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

/// Whether no word changes the number before it.
fn goes_on_with_unit(words: &str) -> bool {
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
fn goes_on(text: &str) -> bool {
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
