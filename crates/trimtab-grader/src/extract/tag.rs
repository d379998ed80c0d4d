//! Answers between tags: `<answer>7</answer>`.

use memchr::memchr_iter;

/// The content of the last pair of tags that hold the answer, if no box follows it.
///
/// The closing tag may be missing, because it often stops the generation.
pub(super) fn content(text: &str) -> Option<&str> {
    let bytes = text.as_bytes();
    let mut content = None;
    let mut open = None;
    for at in memchr_iter(b'<', bytes) {
        match tag(&text[at..]) {
            Some((true, length)) => open = Some(at + length),
            Some((false, length)) => {
                if let Some(start) = open.take()
                    && !text[start..at].trim().is_empty()
                {
                    content = Some((start..at, at + length));
                }
            }
            None => {}
        }
    }
    if let Some(start) = open
        && !text[start..].trim().is_empty()
    {
        return Some(&text[start..]);
    }
    let (content, end) = content?;
    (!text[end..].contains("\\boxed")).then(|| &text[content])
}

/// Whether a tag at the start of `text` opens, and its length.
fn tag(text: &str) -> Option<(bool, usize)> {
    const NAMES: [&str; 9] = [
        "answer",
        "final_answer",
        "final-answer",
        "finalanswer",
        "final answer",
        "final",
        "ans",
        "solution",
        "response",
    ];
    const MAX_TAG: usize = 20;
    // Most signs start no tag.
    if !text[1..].starts_with(['a', 'A', 'f', 'F', 's', 'S', 'r', 'R', '/', ' ']) {
        return None;
    }
    let bytes = &text.as_bytes()[..text.len().min(MAX_TAG)];
    let end = memchr::memchr(b'>', bytes)?;
    let inner = text[1..end].trim();
    let (opens, name) = match inner.strip_prefix('/') {
        Some(name) => (false, name.trim()),
        None => (true, inner),
    };
    NAMES
        .iter()
        .any(|known| name.eq_ignore_ascii_case(known))
        .then_some((opens, end + 1))
}
