//! The answer in the words that a phrase announces.

use std::borrow::Cow;

use super::announced;
use super::language::Language;
use super::noun::word;
use crate::extract::piece::is_unspaced;
use crate::extract::value::{self, Value, is_formula};
use crate::extract::{AnswerSource, choice, formula};
use crate::vocabulary;

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
    let skipped = text.len() - start.len();
    if let Some(answer) = quoted(&text[..skipped], start) {
        return reading(answer, skipped + answer.len(), choice);
    }
    if let Some(answer) = formula::leading(start)
        && !choice
    {
        // The sentence may go on, but the answer is said.
        let formula = start[1..].find('$').map_or(0, |at| at + 2);
        let end = skipped + formula + sentence(&start[formula..]).len();
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
    let whole = contrast(whole).unwrap_or(whole);
    match denial(whole, language) {
        Denial::None => reading(whole, end, choice),
        Denial::OfWhatFollows(said) => reading(said, end, choice),
        Denial::Instead(said) => {
            let said = said.trim_start_matches([' ', ',', ':', '*']);
            let answers = !said.is_empty() && word(said, language.not).is_none();
            if answers {
                return reading(said, end, choice);
            }
            Clause::Denied(denied)
        }
        Denial::Whole => Clause::Denied(denied),
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
    let start = text.rfind(['\n', '。', ';', '?', '!']).map_or(0, |at| {
        at + text[at..].chars().next().map_or(0, char::len_utf8)
    });
    let start = text[start..].rfind(". ").map_or(start, |at| start + at + 2);
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

/// The length of the words at the start of `text` that take back what was said before.
pub(super) fn retraction(text: &str) -> Option<usize> {
    const WORDS: &[&str] = &[
        "wait",
        "no",
        "hmm",
        "hm",
        "actually",
        "scratch that",
        "strike that",
        "correction",
        "sorry",
        "oops",
        "but wait",
        "oh wait",
        "oh no",
        "hold on",
        "this is wrong",
        "this is incorrect",
        "this is not",
        "this isn't",
        "this is false",
        "that is wrong",
        "that is incorrect",
        "that is not",
        "that isn't",
        "that's wrong",
        "that's incorrect",
        "that's not",
        "wrong",
        "incorrect",
        "but that's",
        "but that is",
        "but this is",
        "not quite",
        "i made",
        "i was wrong",
        "never mind",
        "my mistake",
        "on second thought",
        "let me correct",
        "which is wrong",
        "which is incorrect",
        "不对",
        "等等",
        "等一下",
        "错了",
        "nein",
        "moment",
        "attendez",
        "espera",
        "нет",
        "стоп",
        "подождите",
    ];
    let start = text.trim_start_matches(|c: char| {
        c.is_whitespace()
            || matches!(
                c,
                '.' | '*' | ',' | '!' | '(' | '"' | '-' | '—' | '。' | ';'
            )
    });
    let length = word(start, WORDS)?;
    Some(text.len() - start.len() + length)
}

fn of_phrase(value: Value<'_>) -> Value<'_> {
    Value {
        source: AnswerSource::Phrase,
        ..value
    }
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
            | '>'
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
            | '→'
            | '⇒'
            | '➡'
            | '，'
            | '、'
            | '\''
    ) || is_emoji(character)
}

fn is_emoji(character: char) -> bool {
    matches!(character, '\u{1f300}'..='\u{1faff}' | '\u{2700}'..='\u{27bf}' | '⭐' | '⬛')
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
        _ => return None,
    };
    let line = &text[..text.floor_char_boundary(MAX_BYTES)];
    let line = line.lines().next()?;
    line.find(close)
        .map(|end| &line[..end])
        .filter(|content| !content.trim().is_empty())
}

/// The first sentence of a line.
fn sentence(line: &str) -> &str {
    const STOPS: [&str; 22] = [
        ". ",
        "。",
        "! ",
        "; ",
        "；",
        "।",
        " because ",
        " since ",
        ", because",
        ", since",
        " I hope",
        ", which ",
        " so that ",
        " (because",
        ", as ",
        ", weil ",
        ", car ",
        ", porque ",
        ", потому",
        "，因为",
        ", т.к",
        " as required",
    ];
    // Formulas, which may contain full stops, have been handled before.
    let end = STOPS
        .iter()
        .filter_map(|stop| line.find(stop))
        .min()
        .unwrap_or(line.len());
    &line[..end]
}

/// What follows "but", if it holds a value: "40 without tax, but with tax it is 44".
fn contrast(text: &str) -> Option<&str> {
    let (before, after) = text.split_once(", but ")?;
    let says = before.contains(|c: char| c.is_ascii_digit())
        && word(before.trim_start(), &["not"]).is_none();
    let has_value = after.contains(|c: char| c.is_ascii_digit());
    (says && has_value && word(after, &["not"]).is_none()).then_some(after)
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
    let before = text[..at].trim_matches(|c: char| c.is_whitespace() || matches!(c, '(' | ','));
    let after = &text[at + length..];
    let has_value = before.contains(|c: char| c.is_ascii_digit() || c == '$' || c.is_uppercase());
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

/// Reads words that deny nothing.
fn reading(text: &str, end: usize, choice: bool) -> Clause<'_> {
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
    if let Some(measured) = measured(answer) {
        return value(measured);
    }
    if is_formula(answer) || is_tex(answer) {
        return value(Cow::Borrowed(answer));
    }
    if let Some((_, said)) = answer.split_once(" equals ")
        && let Some(leading) = value::leading(said)
    {
        return found(leading);
    }
    if let Some(mut leading) = value::leading(answer) {
        leading.certain &= !goes_on(answer);
        return found(leading);
    }
    if let Some((said, _)) = answer.split_once(" (").filter(|_| answer.ends_with(')'))
        && is_formula(said)
    {
        return value(Cow::Borrowed(said));
    }
    // A whole sentence: what follows its verb, or its only value.
    if let Some(said) = after_verb(answer)
        && let Some(leading) = value::leading(said)
    {
        return found(leading);
    }
    if has_one_value(answer)
        && let Some(only) = value::last(answer)
    {
        return found(only);
    }
    Clause::Text(Cow::Borrowed(answer))
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
    let Some((number, words)) = text.split_once(' ') else {
        return false;
    };
    let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
    let joins = [" and ", " plus ", " minus ", " each "]
        .iter()
        .any(|word| words.contains(word));
    is_number
        && (word(
            words,
            &["times", "plus", "minus", "more", "less", "divided"],
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
fn without_fillers(mut text: &str) -> &str {
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

fn trimmed(text: &str) -> &str {
    let is_wrapping = |c: char| {
        c.is_whitespace()
            || matches!(c, '*' | '"' | '`' | '_' | '|' | '”' | '»' | '」' | '』')
            || is_emoji(c)
    };
    let text = text.trim().trim_matches(is_wrapping);
    let text = text.trim_end_matches(|c: char| {
        matches!(c, '.' | '!' | ',' | ';' | '?' | '。' | '！' | '？' | '।') || is_wrapping(c)
    });
    // The end of a record: `"answer": 5}`
    let closes = text.ends_with('}') && text.matches('}').count() > text.matches('{').count();
    let text = if closes {
        text.trim_end_matches('}')
    } else {
        text
    };
    without_copula(text.trim_end())
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
