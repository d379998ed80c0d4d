//! Sentences, and what they are for.

use super::piece::{Kind, Piece};
use super::span::{Sentence, is_relation};
use super::word::{Tag, tag};

/// What a sentence does in a solution.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Purpose {
    /// It says something.
    Statement,
    /// It talks to the reader: `Let me know if you have questions.`
    Courtesy,
    /// It checks a result.
    Check,
    /// It plans or assumes: `Let x be ...`, `First, ...`
    Plan,
    /// It asks.
    Question,
    /// It takes something back: `Wait, that is wrong.`
    Doubt,
}

/// The start of the sentence that ends at `end`.
pub(super) fn start(text: &str, pieces: &[Piece], end: usize) -> usize {
    const MAX_PIECES: usize = 256;
    let mut at = end;
    while at > end.saturating_sub(MAX_PIECES) {
        if at < end && ends_before(text, pieces, at) {
            break;
        }
        at -= 1;
    }
    at
}

/// Whether a sentence ends between the piece and the one before it.
fn ends_before(text: &str, pieces: &[Piece], at: usize) -> bool {
    let (before, piece) = (&pieces[at - 1], &pieces[at]);
    let next_word = matches!(piece.kind, Kind::Word);
    let lower = text[piece.start..].starts_with(char::is_lowercase);
    match before.kind {
        Kind::Sign('。' | '।' | '？' | '؟' | '．') => return true,
        Kind::Sign('.' | '?') if piece.spaced => {
            let abbreviated =
                at >= 2 && is_abbreviation(&text[pieces[at - 2].start..pieces[at - 2].end]);
            if !(abbreviated && piece.lines == 0) {
                return true;
            }
        }
        Kind::Sign('!') if piece.spaced && !lower && next_word => return true,
        _ => {}
    }
    if piece.lines == 0 {
        return false;
    }
    if piece.kind == Kind::Marker {
        return true;
    }
    // A line goes on after a colon, an operator or a word, and before an operator.
    let open = match before.kind {
        Kind::Sign(sign) => {
            matches!(sign, ':' | ',' | '+' | '-' | '−' | '*' | '/' | '⇒') || is_relation(sign)
        }
        Kind::Word => {
            lower
                || piece.lines == 1
                    && matches!(piece.kind, Kind::Number(_) | Kind::Formula | Kind::Command)
                || matches!(
                    tag(&text[before.start..before.end]),
                    Tag::Copula | Tag::Gives | Tag::Of | Tag::To | Tag::Article
                )
        }
        _ => lower && next_word && piece.lines == 1,
    };
    let continued = match piece.kind {
        Kind::Sign(sign) => is_relation(sign),
        _ => false,
    };
    !(open || continued)
}

/// Whether a full stop after the word does not end a sentence.
fn is_abbreviation(word: &str) -> bool {
    const KNOWN: [&str; 20] = [
        "approx", "no", "fig", "eq", "sq", "cu", "mr", "mrs", "ms", "dr", "st", "vs", "ca", "resp",
        "etc", "nos", "prof", "rs", "cf", "ex",
    ];
    KNOWN.iter().any(|known| known.eq_ignore_ascii_case(word))
}

/// What the sentence does.
pub(super) fn purpose(sentence: Sentence) -> Purpose {
    let start = first_word(sentence);
    let line = sentence.pieces.first().map_or("", |first| {
        let end = sentence.pieces.last().map_or(first.end, |last| last.end);
        &sentence.text[first.start..end]
    });
    let words: Vec<&str> = (start..sentence.pieces.len().min(start + 12))
        .filter(|at| sentence.kind(*at) == Some(Kind::Word))
        .map(|at| sentence.word(at))
        .collect();
    let is = |index: usize, options: &[&str]| {
        words.get(index).is_some_and(|word| {
            options
                .iter()
                .any(|option| option.eq_ignore_ascii_case(word))
        })
    };
    if doubts(&words) {
        return Purpose::Doubt;
    }
    if is(
        0,
        &[
            "check",
            "checking",
            "verify",
            "verifying",
            "verification",
            "proof",
            "indeed",
        ],
    ) || is(
        0,
        &["let's", "let", "we", "to", "double", "sanity", "i", "now"],
    ) && words.iter().take(5).any(|word| {
        ["check", "verify", "confirm"]
            .iter()
            .any(|w| w.eq_ignore_ascii_case(word))
    }) {
        return Purpose::Check;
    }
    let asks = line.trim_end().ends_with(['?', '？', '؟']);
    if is(0, &["let"]) && is(1, &["me", "us"]) && is(2, &["know"])
        || is(
            0,
            &[
                "hope", "feel", "please", "thanks", "thank", "good", "great", "happy",
            ],
        )
        || is(0, &["i"]) && is(1, &["hope"])
        || is(0, &["if"]) && is(1, &["you"])
        || asks
            && is(
                0,
                &[
                    "would", "do", "does", "should", "shall", "can", "could", "want", "need",
                ],
            )
    {
        return Purpose::Courtesy;
    }
    if sentence.sign(start + 1) == Some(':')
        && is(0, &["difficulty", "confidence", "rating", "source"])
    {
        return Purpose::Courtesy;
    }
    if asks {
        return Purpose::Question;
    }
    let guesses = ["could", "might", "maybe", "perhaps", "possibly"];
    if words
        .iter()
        .any(|word| guesses.iter().any(|guess| guess.eq_ignore_ascii_case(word)))
    {
        return Purpose::Plan;
    }
    if is(
        0,
        &[
            "let", "let's", "suppose", "assume", "consider", "recall", "first", "firstly", "next",
        ],
    ) || is(
        0,
        &[
            "remember", "note", "notice", "observe", "template", "example",
        ],
    ) || is(0, &["the"]) && is(1, &["first", "next", "second"]) && is(2, &["step"])
        || is(0, &["to"])
            && is(
                1,
                &["find", "solve", "compute", "calculate", "determine", "get"],
            )
        || is(0, &["we"])
            && is(
                1,
                &[
                    "need", "want", "must", "start", "know", "will", "can", "first",
                ],
            )
    {
        return Purpose::Plan;
    }
    Purpose::Statement
}

/// The first piece that is not a mark, a quotation mark or a conclusion.
fn first_word(sentence: Sentence) -> usize {
    let mut at = 0;
    while at < sentence.pieces.len() {
        let skips = match sentence.kind(at) {
            Some(Kind::Marker | Kind::Other) => true,
            Some(Kind::Sign(sign)) => matches!(sign, '(' | '[' | ',' | '⇒' | ':'),
            _ => sentence.tag(at) == Some(Tag::Conclusion),
        };
        if !skips {
            break;
        }
        at += 1;
    }
    at
}

fn doubts(words: &[&str]) -> bool {
    const DOUBTS: [&str; 9] = [
        "wait",
        "wrong",
        "incorrect",
        "mistake",
        "error",
        "hmm",
        "oops",
        "unsure",
        "contradiction",
    ];
    words
        .iter()
        .any(|word| DOUBTS.iter().any(|doubt| doubt.eq_ignore_ascii_case(word)))
}
