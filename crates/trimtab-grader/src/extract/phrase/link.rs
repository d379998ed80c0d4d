//! From a noun that announces an answer to the words that give it.

use std::ops::Range;

use super::noun::{Kind, Noun, word};
use crate::extract::piece::is_unspaced;

/// Where the answer is, seen from the noun.
pub(super) enum Link {
    /// After this position. It must be a value if a verb or colon is missing.
    Clause {
        at: usize,
        needs_value: bool,
    },
    /// Before this position: "7 is the answer".
    Before(usize),
    /// Between the noun and its verb: "The answer, 7, is prime".
    Beside(Range<usize>),
    /// Nowhere: "Is the answer 7?" The sentence ends here.
    Question(usize),
    /// Nowhere: "7 is not the answer". The sentence ends here.
    Denied(usize),
    None,
}

/// Longest distance from a noun to its verb, in bytes.
const MAX_DISTANCE: usize = 96;

/// Where the answer of `noun` is.
pub(super) fn link(text: &str, noun: &Noun) -> Link {
    if noun.kind == Kind::Mark {
        return Link::Clause {
            at: noun.end,
            needs_value: text[noun.start..].starts_with('#'),
        };
    }
    if noun.kind == Kind::Label
        && (!starts_line(text, noun.start) || has_options(&text[noun.end..]))
    {
        return Link::None;
    }
    if is_conditional(text, noun.start) {
        return Link::Question(sentence_end(text, noun.end));
    }
    if let Some(link) = inverted(text, noun) {
        return link;
    }
    let rest = &text[noun.end..];
    let rest = &rest[..rest.floor_char_boundary(MAX_DISTANCE)];
    if let Some(length) = separator(rest) {
        return Link::Clause {
            at: noun.end + length,
            needs_value: noun.kind != Kind::Answer,
        };
    }
    if noun.kind == Kind::Label {
        return Link::None;
    }
    if let Some(length) = heading(text, noun, rest) {
        return Link::Clause {
            at: noun.end + length,
            needs_value: true,
        };
    }
    verb(noun, rest)
}

/// The length of signs such as `:`, `=`, `-` or an arrow at the start of `rest`.
fn separator(rest: &str) -> Option<usize> {
    let after_markup =
        rest.trim_start_matches(|c: char| matches!(c, ' ' | '\t' | '\u{a0}') || is_markup(c));
    let is_sign = |c: char| {
        matches!(
            c,
            ':' | '：' | '=' | '|' | '!' | '>' | '→' | '⇒' | '➡' | '➜' | '▶' | '】' | '❯' | '⟹'
        ) || ('\u{1f300}'..='\u{1faff}').contains(&c)
    };
    let after_sign = after_markup.trim_start_matches(|c| is_sign(c) || c == ' ');
    let signs = &after_markup[..after_markup.len() - after_sign.len()];
    if signs.contains(is_sign) {
        return Some(rest.len() - after_sign.len());
    }
    // A dash, not a minus sign or a hyphen.
    let after_dash = after_markup.strip_prefix(['-', '–', '—'])?;
    let spaced = after_markup.len() < rest.len() && after_dash.starts_with([' ', '\u{a0}']);
    spaced.then_some(rest.len() - after_dash.len())
}

fn is_markup(character: char) -> bool {
    matches!(
        character,
        '*' | '_' | '"' | '\'' | '`' | ')' | ']' | '」' | '』' | '#'
    )
}

/// The length of the rest of a line that is a heading: it has nothing but the noun.
fn heading(text: &str, noun: &Noun, rest: &str) -> Option<usize> {
    const MAX_WORDS: usize = 24;
    let after = rest.trim_start_matches(|c: char| matches!(c, ' ' | '\t' | '\r') || is_markup(c));
    let before = line_before(text, noun.start);
    let is_short = before.len() <= MAX_WORDS && !before.contains(|c: char| c.is_ascii_digit());
    if !is_short {
        return None;
    }
    if after.starts_with('\n') {
        return Some(rest.len() - after.len());
    }
    // "Final Answer 7"
    let is_bare = before
        .trim_start_matches(|c: char| c == ' ' || is_markup(c))
        .split_whitespace()
        .all(|word| word.eq_ignore_ascii_case("final") || word.eq_ignore_ascii_case("correct"));
    (noun.kind == Kind::Answer && is_bare && !after.starts_with(|c: char| c.is_alphabetic()))
        .then_some(rest.len() - after.len())
}

/// The verb or colon after a noun, in the same sentence.
fn verb(noun: &Noun, rest: &str) -> Link {
    const MAX_COLON_DISTANCE: usize = 48;
    const MAX_RESULT_DISTANCE: usize = 2;
    let language = noun.language;
    let clause = |at| Link::Clause {
        at: noun.end + at,
        needs_value: noun.kind != Kind::Answer,
    };
    let mut before = ' ';
    for (at, character) in rest.char_indices() {
        let starts_word = !before.is_alphanumeric() || is_unspaced(character);
        let after_digit = before.is_ascii_digit();
        before = character;
        if starts_word && let Some(length) = word(&rest[at..], language.is) {
            if noun.kind == Kind::Answer
                && let Some(value) = beside(&rest[..at])
            {
                let said = rest[at + length..].trim_start();
                if word(said, &["wrong", "incorrect", "not", "false"]).is_some() {
                    return Link::Question(noun.end + at + length);
                }
                return Link::Beside(noun.end + value.start..noun.end + value.end);
            }
            if leaves_open(&rest[..at]) && rest[at..].starts_with("be ") {
                return Link::None;
            }
            let denies = word(&rest[at..], language.not).is_some();
            if noun.kind == Kind::Result && at > MAX_RESULT_DISTANCE {
                return Link::None;
            }
            return clause(if denies { at } else { at + length });
        }
        match character {
            // Behind a digit it is the colon of a proportion or a time.
            ':' | '：' if at < MAX_COLON_DISTANCE && !after_digit && noun.kind == Kind::Answer => {
                return clause(at + character.len_utf8());
            }
            '?' | '？' | '؟' => return Link::Question(noun.end + at + character.len_utf8()),
            '\n' | '。' | '!' | '।' => break,
            '.' if ends_sentence(&rest[at..]) => break,
            _ => {}
        }
    }
    let value = rest.trim_start();
    if language.verb_last && !value.is_empty() {
        return Link::Clause {
            at: noun.end,
            needs_value: true,
        };
    }
    Link::None
}

/// The value that words between a noun and its verb hold: ", namely 7,", "of 7".
fn beside(between: &str) -> Option<Range<usize>> {
    const LEADS: [&str; 4] = ["of ", "namely ", "i.e. ", "x = "];
    if !between.contains(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let inner = between.trim_start_matches([' ', ',', '(', '*']);
    let inner = LEADS
        .iter()
        .find_map(|lead| inner.strip_prefix(lead))
        .unwrap_or(inner);
    let start = between.len() - inner.len();
    let value = inner.trim_end_matches([' ', ',', '*']);
    let value = if value.contains('(') {
        value
    } else {
        value.trim_end_matches(')')
    };
    let plain = value
        .bytes()
        .all(|byte| byte.is_ascii_digit() || b".,/-%$".contains(&byte));
    plain.then_some(start..start + value.len())
}

/// Whether words before "be" leave open whether what follows holds: "can't possibly", "may".
fn leaves_open(between: &str) -> bool {
    [
        "not", "n't", "n’t", "never", "may", "might", "could", "can ",
    ]
    .iter()
    .any(|word| between.contains(word))
}

/// The answer before the noun: "7 is the correct answer".
fn inverted(text: &str, noun: &Noun) -> Option<Link> {
    const ADJECTIVES: &[&str] = &[
        "the",
        "our",
        "my",
        "your",
        "a",
        "correct",
        "final",
        "right",
        "only",
        "best",
        "desired",
        "required",
        "possible",
        "valid",
        "true",
        "exact",
        "therefore",
        "thus",
        "hence",
        "then",
        "clearly",
        "la",
        "die",
        "respuesta",
        "bonne",
    ];
    const VERBS: &[&str] = &["is", "are", "is indeed", "must be", "should be", "would be"];
    const DENIALS: &[&str] = &[
        "is not",
        "isn't",
        "isn’t",
        "are not",
        "cannot be",
        "can't be",
        "is never",
    ];
    let language_is_english = noun.language.answer.contains(&"answer");
    if !language_is_english || noun.kind != Kind::Answer {
        return None;
    }
    let line = line_before(text, noun.start);
    let mut left = line.trim_end();
    while let Some(shorter) = last_word(left, ADJECTIVES) {
        left = shorter;
    }
    if left.len() == line.trim_end().len() {
        return None;
    }
    let start = noun.start - line.len();
    let denied = last_word(left, DENIALS).is_some();
    let said = last_word(left, VERBS)?;
    let end = sentence_end(text, noun.end);
    let said = said.trim_end_matches([' ', ',']);
    if denied {
        return Some(Link::Denied(end));
    }
    let asks = text[..end].ends_with('?');
    if said.is_empty() || asks {
        return asks.then_some(Link::Question(end));
    }
    let has_value = said.ends_with(|c: char| {
        c.is_alphanumeric() || matches!(c, '$' | ')' | '}' | '%' | '*' | '!' | '°')
    });
    has_value.then_some(Link::Before(start + said.len()))
}

/// `text` without the last of its words, if that is one of `words`.
fn last_word<'a>(text: &'a str, words: &[&str]) -> Option<&'a str> {
    words.iter().find_map(|word| {
        let at = text.len().checked_sub(word.len())?;
        let ends = text.as_bytes()[at..].eq_ignore_ascii_case(word.as_bytes());
        let before = text.get(..at).filter(|_| ends)?;
        let goes_on = before.ends_with(char::is_alphanumeric);
        (!goes_on).then(|| before.trim_end())
    })
}

/// Whether "if" precedes the noun: "if the answer were 7".
fn is_conditional(text: &str, start: usize) -> bool {
    let line = line_before(text, start);
    let mut left = line.trim_end();
    while let Some(shorter) = last_word(left, &["the", "my", "our", "your", "final", "correct"]) {
        left = shorter;
    }
    last_word(
        left,
        &[
            "if", "whether", "unless", "suppose", "assuming", "assume", "imagine", "maybe",
            "perhaps", "possibly", "wenn", "si",
        ],
    )
    .is_some()
}

/// The line before a position, up to 128 bytes of it.
fn line_before(text: &str, at: usize) -> &str {
    const MAX_BYTES: usize = 128;
    let start = text.floor_char_boundary(at.saturating_sub(MAX_BYTES));
    let line = &text[start..at];
    line.rfind('\n')
        .map_or(line, |newline| &line[newline + 1..])
}

fn starts_line(text: &str, at: usize) -> bool {
    line_before(text, at)
        .chars()
        .all(|c| c == ' ' || is_markup(c))
}

/// Whether the next lines list options of a choice.
fn has_options(text: &str) -> bool {
    const MAX_BYTES: usize = 512;
    let text = &text[..text.floor_char_boundary(MAX_BYTES)];
    text.contains("\nB:") || text.contains("\nB.") || text.contains("\nB)")
}

/// The end of the sentence around a position.
fn sentence_end(text: &str, at: usize) -> usize {
    const MAX_BYTES: usize = 512;
    let rest = &text[at..];
    let rest = &rest[..rest.floor_char_boundary(MAX_BYTES)];
    rest.char_indices()
        .find(|(at, c)| {
            matches!(c, '?' | '？' | '\n' | '。' | '!') || *c == '.' && ends_sentence(&rest[*at..])
        })
        .map_or(at + rest.len(), |(end, c)| at + end + c.len_utf8())
}

/// Whether a full stop at the start of `text` ends a sentence.
fn ends_sentence(text: &str) -> bool {
    text[1..].chars().next().is_none_or(char::is_whitespace)
}
