//! What the words beside the letter of a choice say about it.

use super::{ends_with_word, is_markup};

/// What is said about a letter.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Stance {
    /// It is not the one: "not B", "B is wrong", "B: no".
    Denied,
    /// It is the one: "so B", "B holds", "all but B fail".
    Picked,
    /// It is mentioned, or it may be the one: "it could be B".
    Named,
}

/// What the words before a letter and the text after it say. `enclosed` says that brackets or
/// emphasis enclose the letter.
pub(super) fn stance(before: &str, after: &str, enclosed: bool) -> Stance {
    let verdict = verdict(after);
    if is_excepted(before) {
        // "All but B fail", "everything except B is right"
        return match verdict {
            Some(said) if is_negative_quantity(before) == said => Stance::Picked,
            _ => Stance::Denied,
        };
    }
    if is_denied(before) || verdict == Some(false) {
        Stance::Denied
    } else if verdict == Some(true) {
        Stance::Picked
    } else if is_hedged(before) {
        Stance::Named
    } else if enclosed || is_cued(before) {
        Stance::Picked
    } else {
        Stance::Named
    }
}

/// Whether the text after a letter affirms it or denies it, if it does either.
fn verdict(after: &str) -> Option<bool> {
    const GOOD: [char; 4] = ['✓', '✔', '✅', '☑'];
    const BAD: [char; 4] = ['✗', '✘', '❌', '✖'];
    let said = after.trim_start_matches(is_markup);
    let said = said.trim_start_matches([':', '：', '=', '-', '–', '—', ' ']);
    let labelled = said.len() < after.trim_start_matches(is_markup).len();
    let said = said.trim_start_matches(is_markup);
    if said.starts_with(GOOD) || said.starts_with(BAD) {
        return Some(said.starts_with(GOOD));
    }
    if ["不对", "是错", "は誤り", "错", "不正确"]
        .iter()
        .any(|word| said.starts_with(word))
    {
        return Some(false);
    }
    let end = said
        .find(['.', ',', ';', ':', '!', '?', '\n', '(', ')', '。', '，'])
        .unwrap_or(said.len());
    let mut words = said[..end]
        .split(|c: char| !(c.is_alphanumeric() || matches!(c, '\'' | '’')))
        .filter(|word| !word.is_empty() && !is_one(word, &ADVERBS))
        .take(4);
    let first = words.next()?;
    if labelled && words.clone().next().is_none() {
        return affirms(first);
    }
    if labelled {
        return None;
    }
    if is_one(first, &FAILS) {
        return Some(false);
    }
    if is_one(first, &HOLDS) {
        return Some(true);
    }
    let second = words.next();
    let says = |word: Option<&str>| word.and_then(affirms);
    match first {
        _ if is_one(first, &["is", "are", "was", "seems", "looks", "remains"]) => {
            if second.is_none() && first != "remains" {
                return None;
            }
            says(second)
        }
        _ if is_one(first, &["must", "has", "can", "could", "should"]) => {
            let last = words.next();
            match second {
                Some(word) if is_one(word, &["be", "been", "to"]) => says(last),
                Some(word) if is_one(word, &["not"]) => Some(false),
                _ => None,
            }
        }
        _ if is_one(first, &["does", "do", "would", "will"]) => Some(false),
        _ if is_one(first, &["it"]) => second.is_some_and(|word| word == "is").then_some(true),
        _ => None,
    }
}

/// Whether a word after "is" says that a choice is the one.
fn affirms(word: &str) -> Option<bool> {
    if is_one(word, &RIGHT) {
        Some(true)
    } else if is_one(word, &WRONG) {
        Some(false)
    } else {
        None
    }
}

const ADVERBS: [&str; 26] = [
    "both",
    "all",
    "alone",
    "clearly",
    "also",
    "indeed",
    "certainly",
    "definitely",
    "fully",
    "therefore",
    "thus",
    "hence",
    "then",
    "obviously",
    "really",
    "actually",
    "just",
    "simply",
    "quite",
    "entirely",
    "completely",
    "the",
    "our",
    "my",
    "a",
    "an",
];
const RIGHT: [&str; 16] = [
    "right", "correct", "true", "valid", "answer", "best", "only", "one", "yes", "solution",
    "winner", "choice", "pick", "ok", "chosen", "selected",
];
const WRONG: [&str; 24] = [
    "wrong",
    "incorrect",
    "false",
    "invalid",
    "not",
    "no",
    "out",
    "eliminated",
    "too",
    "impossible",
    "unlikely",
    "excluded",
    "ruled",
    "distractor",
    "trap",
    "discarded",
    "rejected",
    "never",
    "untrue",
    "dismissed",
    "irrelevant",
    "implausible",
    "unsuitable",
    "neither",
];
const FAILS: [&str; 22] = [
    "isn't",
    "aren't",
    "wasn't",
    "cannot",
    "can't",
    "doesn't",
    "don't",
    "won't",
    "wouldn't",
    "fails",
    "fail",
    "failed",
    "contradicts",
    "contradict",
    "violates",
    "violate",
    "overflows",
    "no",
    "wrong",
    "incorrect",
    "false",
    "mustn't",
];
const HOLDS: [&str; 9] = [
    "fits",
    "holds",
    "works",
    "satisfies",
    "wins",
    "correct",
    "yes",
    "true",
    "right",
];

/// Whether the words before a letter except it from others: "everything but", "all except".
fn is_excepted(before: &str) -> bool {
    const EXCEPT: [&str; 5] = ["but", "except", "except for", "other than", "besides"];
    EXCEPT
        .iter()
        .any(|word| ends_with_word(before, word).is_some_and(|rest| quantity(rest).is_some()))
}

/// Whether the quantity before an exception is "nothing" or "none".
fn is_negative_quantity(before: &str) -> bool {
    quantity(before) == Some(false)
}

/// Whether a text speaks of everything or of nothing.
fn quantity(text: &str) -> Option<bool> {
    const ALL: [&str; 7] = [
        "all",
        "every",
        "everything",
        "each",
        "any",
        "anything",
        "others",
    ];
    const NONE: [&str; 3] = ["none", "nothing", "no"];
    text.rsplit([' ', '.', ','])
        .take(8)
        .find_map(|word| match word {
            _ if is_one(word, &ALL) => Some(true),
            _ if is_one(word, &NONE) => Some(false),
            _ => None,
        })
}

/// Whether the words before a letter deny it.
fn is_denied(before: &str) -> bool {
    const WORDS: [&str; 30] = [
        "not",
        "Not",
        "isn't",
        "isn’t",
        "cannot be",
        "not be",
        "neither",
        "Neither",
        "nor",
        "non",
        "nicht",
        "不是",
        "而非",
        "rule out",
        "ruled out",
        "eliminate",
        "eliminates",
        "exclude",
        "excludes",
        "discard",
        "instead of",
        "rather than",
        "unlike",
        "pas",
        "because of",
        "between",
        "Between",
        "than",
        "non è",
        "reject",
    ];
    // Words for a denial that governs the clause: "I don't think it is B".
    const CLAUSES: [&str; 8] = [
        "n't think",
        "n’t think",
        "not think",
        "doubt",
        "n't believe",
        "n’t believe",
        "not sure",
        "unlikely that",
    ];
    WORDS
        .iter()
        .any(|word| ends_with_word(before, word).is_some())
        || before.ends_with("n't be")
        || before.ends_with("n’t be")
        || CLAUSES.iter().any(|words| clause(before).contains(words))
}

/// The words of the clause before a letter.
fn clause(before: &str) -> &str {
    let start = before.rfind([',', ';', ':']).map_or(0, |at| at + 1);
    &before[start..]
}

/// Whether the words before a letter only say that it is possible.
fn is_hedged(before: &str) -> bool {
    const WORDS: [&str; 6] = [
        "could be", "might be", "may be", "maybe", "Maybe", "perhaps",
    ];
    WORDS
        .iter()
        .any(|words| ends_with_word(before, words).is_some())
}

/// Whether the words before a letter pick it.
pub(super) fn is_cued(before: &str) -> bool {
    const CUES: [&str; 60] = [
        "is",
        "be",
        "are",
        "so",
        "So",
        "pick",
        "picked",
        "choose",
        "chose",
        "choosing",
        "select",
        "Select",
        "Choose",
        "Pick",
        "selected",
        "selecting",
        "with",
        "for",
        "towards",
        "toward",
        "leaves",
        "leaving",
        "hence",
        "Hence",
        "thus",
        "Thus",
        "therefore",
        "Therefore",
        "only",
        "Only",
        "surely",
        "Surely",
        "definitely",
        "clearly",
        "probably",
        "est",
        "ist",
        "es",
        "é",
        "è",
        "donc",
        "also",
        "選",
        "选",
        "是",
        "は",
        "为",
        "Answer",
        "to",
        "just",
        "chosen",
        "it's",
        "It's",
        "it’s",
        "It’s",
        "but",
        "matches",
        "Chọn",
        "chọn",
        "ตอบ",
    ];
    const SIGNS: [&str; 12] = [
        ":",
        "：",
        "→",
        "=>",
        "no,",
        "No,",
        "so,",
        "Therefore,",
        "Thus,",
        "Hence,",
        "So,",
        "-",
    ];
    // The noun was cut off: "option C".
    CUES.iter().any(|cue| ends_with_word(before, cue).is_some())
        || SIGNS.iter().any(|sign| before.ends_with(sign))
}

/// Whether a word is one of these, whatever its case and apostrophe.
fn is_one(word: &str, options: &[&str]) -> bool {
    options.iter().any(|option| {
        word.eq_ignore_ascii_case(option)
            || word.contains('’') && word.replace('’', "'").eq_ignore_ascii_case(option)
    })
}
