//! Words that take back what was said.

use super::noun::word;

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
        "just kidding",
        "kidding",
        "jk",
        "i mean",
        "i meant",
        "edit:",
        "update:",
        "on reflection",
        "upon reflection",
        "my bad",
        "apologies",
        "or rather",
        "make that",
        "that was",
        "this was wrong",
        "it was wrong",
        "it is wrong",
        "it's wrong",
        "i misread",
        "i misspoke",
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
                '.' | '*' | ',' | '!' | '?' | '(' | '"' | '-' | '—' | '。' | ';'
            )
    });
    let adverb = word(start, &["however", "but", "yet", "and", "though"]);
    let start = adverb.map_or(start, |length| {
        let rest = start[length..].trim_start_matches([' ', ',']);
        if word(rest, WORDS).is_some() {
            rest
        } else {
            start
        }
    });
    let length = word(start, WORDS)?;
    Some(text.len() - start.len() + length)
}

/// What follows the last words within a sentence that take back what it said before: "3, I mean
/// 5", "3 — wait, 5".
pub(super) fn corrected(text: &str) -> Option<&str> {
    const JOINTS: [&str; 5] = [", ", " - ", " — ", " – ", "—"];
    const WORDS: &[&str] = &[
        "no wait",
        "no, wait",
        "no,",
        "no:",
        "wait",
        "sorry",
        "i mean",
        "i meant",
        "make that",
        "or rather",
        "oops",
        "correction",
        "scratch that",
        "strike that",
        "er,",
        "um,",
        "uh,",
        "hmm",
    ];
    let holds_number = |text: &str| text.contains(|c: char| c.is_ascii_digit());
    if !text.contains([',', '-', '—', '–']) {
        return None;
    }
    let ends = JOINTS.iter().flat_map(|joint| {
        text.match_indices(joint)
            .map(|(at, _)| (at, at + joint.len()))
    });
    let (before, after) = ends
        .filter_map(|(start, end)| Some((start, end + word(&text[end..], WORDS)?)))
        .max()?;
    let said = text[after..].trim_start_matches([' ', ',', ':', '.', '…', '—', '–']);
    (holds_number(&text[..before]) && holds_number(said)).then_some(said)
}
