//! Thinking before an answer.

use std::ops::Range;

/// What is said after the thinking, or before it if nothing follows. `None` if the thinking never
/// ends or nothing is said.
///
/// A closing tag without an opening one ends the thinking too, because many prompts end with the
/// opening tag.
pub(super) fn after(text: &str) -> Option<&str> {
    let mut first = None;
    let mut last = None;
    let mut at = 0;
    while let Some(tag) = next_tag(text, at) {
        at = tag.range.end;
        let start = if tag.opens { tag.range.start } else { 0 };
        first = first.or(Some(start));
        last = Some(tag);
    }
    let (Some(first), Some(last)) = (first, last) else {
        return Some(text);
    };
    if last.opens {
        return None;
    }
    [&text[last.range.end..], &text[..first]]
        .into_iter()
        .find(|said| !said.trim().is_empty())
}

/// A tag around thinking.
struct Tag {
    opens: bool,
    range: Range<usize>,
}

/// The first tag of `text` from `start`.
fn next_tag(text: &str, start: usize) -> Option<Tag> {
    // The first byte of `◁` is `0xe2`.
    memchr::memchr3_iter(b'<', b'[', 0xe2, &text.as_bytes()[start..]).find_map(|offset| {
        let at = start + offset;
        let (opens, length) = tag(&text[at..])?;
        Some(Tag {
            opens,
            range: at..at + length,
        })
    })
}

/// The tag at the start of `text`: whether it opens, and its length.
fn tag(text: &str) -> Option<(bool, usize)> {
    const SPECIAL: [(&str, bool); 8] = [
        ("<|begin_of_thought|>", true),
        ("<|end_of_thought|>", false),
        ("<|START_THINKING|>", true),
        ("<|END_THINKING|>", false),
        ("<|thought_start|>", true),
        ("<|thought_end|>", false),
        ("<|channel>thought", true),
        ("<channel|>", false),
    ];
    const NAMES: [&str; 15] = [
        "think",
        "thinking",
        "thought",
        "thoughts",
        "thought_process",
        "reasoning",
        "scratchpad",
        "analysis",
        "reflection",
        "rationale",
        "cot",
        "seed:think",
        "inner_thoughts",
        "internal_monologue",
        "monologue",
    ];
    const MAX_TAG: usize = 32;
    let bytes = text.as_bytes();
    let (open, close) = match bytes[0] {
        b'<' => (1, ">"),
        b'[' => (1, "]"),
        _ if text.starts_with('◁') => ('◁'.len_utf8(), "▷"),
        _ => return None,
    };
    // Most brackets start no tag.
    let starts = |byte: &u8| matches!(byte, b' ' | b'/' | b'|' | b'a'..=b'z' | b'A'..=b'Z');
    if !bytes.get(open).is_some_and(starts) {
        return None;
    }
    if bytes[open] == b'|' || text.starts_with("<channel") {
        let special = SPECIAL.iter().find(|(tag, _)| text.starts_with(tag));
        return special.map(|(tag, opens)| (*opens, tag.len()));
    }
    let end = bytes.len().min(MAX_TAG);
    let length = memchr::memmem::find(&bytes[open..end], close.as_bytes())?;
    let name = text[open..open + length].trim();
    let (opens, name) = match name.strip_prefix('/') {
        Some(name) => (false, name.trim()),
        None => (true, name),
    };
    NAMES
        .iter()
        .any(|known| name.eq_ignore_ascii_case(known))
        .then_some((opens, open + length + close.len()))
}
