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
    if let Some((tag, opens)) = SPECIAL.iter().find(|(tag, _)| text.starts_with(tag)) {
        return Some((*opens, tag.len()));
    }
    let close = match text.chars().next()? {
        '<' => '>',
        '[' => ']',
        '◁' => '▷',
        _ => return None,
    };
    let open_length = close.len_utf8();
    let inner = &text[open_length..];
    let length = inner
        .char_indices()
        .take(MAX_TAG)
        .find(|(_, c)| *c == close)
        .map(|(at, _)| at)?;
    let name = inner[..length].trim();
    let (opens, name) = match name.strip_prefix('/') {
        Some(name) => (false, name.trim()),
        None => (true, name),
    };
    NAMES
        .iter()
        .any(|known| name.eq_ignore_ascii_case(known))
        .then_some((opens, open_length + length + close.len_utf8()))
}
