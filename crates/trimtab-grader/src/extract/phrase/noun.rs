//! Nouns and marks that announce an answer.

use std::sync::LazyLock;

use super::language::{LANGUAGES, Language};
use crate::extract::piece::is_unspaced;

/// How sure a noun announces an answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// "answer"
    Answer,
    /// "result": only at the end of a text
    Result,
    /// "A", "答": only before a colon
    Label,
    /// `####`: the answer itself follows
    Mark,
}

/// A noun in a text.
pub(super) struct Noun {
    pub(super) kind: Kind,
    pub(super) language: &'static Language,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// Marks, which no verb follows.
const MARKS: [&str; 6] = [
    "####",
    "<answer>",
    "<final_answer>",
    "故选",
    "故選",
    "本题选",
];
const LABELS: [&str; 6] = ["a", "答", "ตอบ", "trả lời", "resp", "rep"];

/// Nouns that announce the letter of a choice.
const CHOICES: [&str; 9] = [
    "correct choice",
    "correct option",
    "right choice",
    "right option",
    "best choice",
    "best option",
    "correct alternative",
    "\"choice\"",
    "\"option\"",
];

/// The nouns of a text, from its end to its start. `choice` says that the answer is the letter of a
/// choice.
pub(super) fn nouns(text: &str, choice: bool) -> impl Iterator<Item = Noun> {
    const MAX_BYTES: usize = 1 << 16; // bounds the time
    let bytes = text.as_bytes();
    let known = if choice { &*KNOWN_OF_CHOICES } else { &*KNOWN };
    let start = bytes.len().saturating_sub(MAX_BYTES);
    (start..bytes.len()).rev().filter_map(move |at| {
        let candidates = &known[usize::from(bytes[at])];
        let within_word =
            at > 0 && bytes[at].is_ascii_alphabetic() && bytes[at - 1].is_ascii_alphanumeric();
        if candidates.is_empty() || within_word || !text.is_char_boundary(at) {
            return None;
        }
        candidates
            .iter()
            .find_map(|candidate| candidate.at(text, at))
    })
}

/// A known noun.
struct Known {
    noun: &'static str,
    kind: Kind,
    language: &'static Language,
}

/// The known nouns by the first bytes with which they may be written, the longest first.
static KNOWN: LazyLock<Vec<Vec<Known>>> = LazyLock::new(|| known(&[]));
static KNOWN_OF_CHOICES: LazyLock<Vec<Vec<Known>>> = LazyLock::new(|| known(&CHOICES));

fn known(choices: &[&'static str]) -> Vec<Vec<Known>> {
    let mut known: Vec<Vec<Known>> = (0..256).map(|_| Vec::new()).collect();
    let mut add = |noun: &'static str, kind, language| {
        let first = noun.chars().next().map_or(' ', |first| first);
        let upper = first.to_uppercase().next().unwrap_or(first);
        let mut bytes = [first, upper].map(|c| {
            let mut buffer = [0; 4];
            c.encode_utf8(&mut buffer).as_bytes()[0]
        });
        bytes.sort_unstable();
        for (index, byte) in bytes.into_iter().enumerate() {
            if index == 0 || bytes[0] != byte {
                known[usize::from(byte)].push(Known {
                    noun,
                    kind,
                    language,
                });
            }
        }
    };
    for language in LANGUAGES {
        for noun in language.answer {
            add(noun, Kind::Answer, language);
        }
        for noun in language.result {
            add(noun, Kind::Result, language);
        }
    }
    for noun in choices {
        add(noun, Kind::Answer, &LANGUAGES[0]);
    }
    for mark in MARKS {
        add(mark, Kind::Mark, &LANGUAGES[0]);
    }
    for label in LABELS {
        add(label, Kind::Label, &LANGUAGES[0]);
    }
    for nouns in &mut known {
        nouns.sort_by_key(|known| std::cmp::Reverse(known.noun.len()));
    }
    known
}

impl Known {
    /// The noun at a position of a text, if it is there.
    fn at(&self, text: &str, at: usize) -> Option<Noun> {
        let second = text.as_bytes().get(at + 1).map(u8::to_ascii_lowercase);
        if self.noun.is_ascii() && self.noun.len() > 1 && second != Some(self.noun.as_bytes()[1]) {
            return None;
        }
        let length = prefix(&text[at..], self.noun)?;
        let end = at + length;
        let noun = |end| Noun {
            kind: self.kind,
            language: self.language,
            start: at,
            end,
        };
        if self.kind == Kind::Mark {
            return Some(noun(end));
        }
        let before = text[..at].chars().next_back();
        if self.noun.chars().any(is_unspaced) {
            return Some(noun(end));
        }
        if before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '<' | '/' | '\\')) {
            return None;
        }
        // Endings: "answers", "ответом".
        let max_ending = match self.kind {
            Kind::Label => 0,
            _ if self.noun.starts_with("ans") || LANGUAGES[0].result.contains(&self.noun) => 1,
            _ => 4,
        };
        let ending: usize = text[end..]
            .chars()
            .take_while(|c| c.is_alphabetic())
            .take(max_ending + 1)
            .map(char::len_utf8)
            .sum();
        let letters = text[end..end + ending].chars().count();
        let is_plural = max_ending != 1 || matches!(&text[end..end + ending], "" | "s" | "S");
        (letters <= max_ending && is_plural).then(|| noun(end + ending))
    }
}

/// The length of `word` at the start of `text`, whatever its case.
pub(super) fn prefix(text: &str, word: &str) -> Option<usize> {
    if word.is_ascii() {
        let start = text.as_bytes().get(..word.len())?;
        return start
            .eq_ignore_ascii_case(word.as_bytes())
            .then_some(word.len());
    }
    let mut characters = text.chars();
    let mut length = 0;
    for expected in word.chars() {
        let found = characters.next()?;
        let has_case = found < '\u{2000}'; // of the scripts of the words
        if found != expected && !(has_case && found.to_lowercase().next() == Some(expected)) {
            return None;
        }
        length += found.len_utf8();
    }
    Some(length)
}

/// The length of the first of `words` that starts `text` and ends there.
pub(super) fn word(text: &str, words: &[&str]) -> Option<usize> {
    let first = text.as_bytes().first()?.to_ascii_lowercase();
    words.iter().find_map(|word| {
        // Most words start with another letter.
        if word.as_bytes()[0] != first && first.is_ascii() {
            return None;
        }
        let length = prefix(text, word)?;
        let goes_on = text[length..]
            .chars()
            .next()
            .is_some_and(|c| c.is_alphanumeric() && !is_unspaced(c));
        let may_go_on = word.chars().next_back().is_some_and(is_unspaced);
        (may_go_on || !goes_on).then_some(length)
    })
}
