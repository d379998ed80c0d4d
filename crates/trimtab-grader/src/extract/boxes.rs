//! Boxed answers.

use std::ops::Range;

use memchr::memmem;

use super::value::is_formula;

/// The content of the last `\boxed{...}` or `\fbox{...}` in `text`, without the braces.
///
/// - Braces nest. `\{` and `\}` are characters, not braces.
/// - The box that closes last counts, so the outer one of two nested boxes.
/// - A text that ends inside a box was cut off. It has no answer, even if an earlier box closes.
/// - A box that never closes is ignored if a closed one follows.
/// - `\boxed 7`, without braces, is not a box.
///
/// Takes one pass over the bytes, without recursion.
///
/// ```
/// use trimtab_grader::last_boxed;
///
/// assert_eq!(last_boxed(r"so $\boxed{3}$, no: $\boxed{\frac{1}{2}}$."), Some(r"\frac{1}{2}"));
/// assert_eq!(last_boxed(r"so $\boxed{3}$, no: $\boxed{\frac{1}"), None);
/// ```
pub fn last_boxed(text: &str) -> Option<&str> {
    match boxes(text) {
        Boxes::Closed(boxes) => boxes.last().map(|found| &text[found.content.clone()]),
        Boxes::CutOff(_) => None,
    }
}

/// A closed box.
pub(super) struct Boxed {
    /// From the command to the closing brace, inclusive.
    pub(super) whole: Range<usize>,
    /// Between the braces.
    pub(super) content: Range<usize>,
}

/// The boxes of a text.
pub(super) enum Boxes {
    /// The closed boxes in the order in which they close; may be empty.
    Closed(Vec<Boxed>),
    /// The text ends inside a box, whose content starts here.
    CutOff(usize),
}

/// All boxes of `text`, in one pass.
pub(super) fn boxes(text: &str) -> Boxes {
    const LONGEST_OPENING: usize = 32;
    let bytes = text.as_bytes();
    // Skip to the first box: most texts have one, at the end.
    let Some(first) = memmem::find(bytes, b"ox") else {
        return Boxes::Closed(Vec::new());
    };
    let mut scan = Scan::default();
    let mut at = first.saturating_sub(LONGEST_OPENING);
    while at < bytes.len() {
        at += match bytes[at] {
            b'\\' => scan.backslash(bytes, at),
            b'<' => scan.tag(bytes, at),
            b'{' => {
                scan.depth += 1;
                1
            }
            b'}' => scan.close_brace(at),
            _ => 1,
        };
    }
    let end = scan.closed.last().map_or(0, |last| last.content.end);
    match scan.open.iter().rfind(|open| open.content > end) {
        Some(open) => Boxes::CutOff(open.content),
        None => Boxes::Closed(scan.closed),
    }
}

/// The boxes that are open and closed at some position.
#[derive(Default)]
struct Scan {
    /// Open braces.
    depth: usize,
    open: Vec<Open>,
    closed: Vec<Boxed>,
}

/// A box that is still open, and how many braces were open before it.
struct Open {
    command: usize,
    content: usize,
    depth: usize,
    /// What closes it, if not a brace.
    close: Option<&'static str>,
}

impl Scan {
    /// Handles a backslash and returns how many bytes to skip.
    fn backslash(&mut self, bytes: &[u8], at: usize) -> usize {
        const BEGIN: &[u8] = b"\\begin{boxed}";
        let rest = &bytes[at..];
        // A coloured part of a box is no box of its own.
        let is_part = !self.open.is_empty() && rest.starts_with(b"\\colorbox");
        if let Some(length) = box_command(rest).filter(|_| !is_part) {
            self.open(at, length, None);
            self.depth += 1;
            return length;
        }
        if rest.starts_with(BEGIN) {
            self.open(at, BEGIN.len(), Some("\\end{boxed}"));
            return BEGIN.len();
        }
        if let Some(length) = self.close(rest, at) {
            return length;
        }
        // The brace of `\\\\{` counts; `\\\\boxed{` was escaped once too often.
        let is_escaped = matches!(rest.get(1), Some(b'{' | b'}'))
            || rest.starts_with(b"\\\\") && box_command(&rest[1..]).is_none();
        if is_escaped { 2 } else { 1 }
    }

    /// Handles `<` and returns how many bytes to skip.
    fn tag(&mut self, bytes: &[u8], at: usize) -> usize {
        const TAGS: [(&str, &str); 2] =
            [("<box>", "</box>"), ("<|begin_of_box|>", "<|end_of_box|>")];
        let rest = &bytes[at..];
        if let Some((open, close)) = TAGS
            .into_iter()
            .find(|(open, _)| rest.starts_with(open.as_bytes()))
        {
            self.open(at, open.len(), Some(close));
            return open.len();
        }
        self.close(rest, at).unwrap_or(1)
    }

    fn open(&mut self, at: usize, length: usize, close: Option<&'static str>) {
        self.open.push(Open {
            command: at,
            content: at + length,
            depth: self.depth,
            close,
        });
    }

    /// Closes a box that no brace closes, and returns the length of what closes it.
    fn close(&mut self, rest: &[u8], at: usize) -> Option<usize> {
        let close = self.open.last()?.close?;
        rest.starts_with(close.as_bytes()).then(|| {
            self.pop(at, close.len());
            close.len()
        })
    }

    fn close_brace(&mut self, at: usize) -> usize {
        self.depth = self.depth.saturating_sub(1);
        let depth = self.depth;
        let is_last = |last: &Open| last.depth == depth && last.close.is_none();
        if self.open.last().is_some_and(is_last) {
            self.pop(at, 1);
        }
        1
    }

    fn pop(&mut self, at: usize, length: usize) {
        if let Some(open) = self.open.pop() {
            self.closed.push(Boxed {
                whole: open.command..at + length,
                content: open.content..at,
            });
        }
    }
}

/// The content of a box that was never closed, if the formula around it closes: `$\boxed{7$.`
///
/// A text that ends inside the box was cut off. Its value may be a part of the answer.
pub(super) fn unclosed(text: &str, content: usize) -> Option<&str> {
    const ENDS: [&str; 4] = ["$", "\\)", "\\]", "\n\n"];
    const MAX_BYTES: usize = 512;
    let rest = &text[content..];
    let rest = &rest[..rest.floor_char_boundary(MAX_BYTES)];
    let end = ENDS.iter().filter_map(|end| rest.find(end)).min()?;
    if rest[end..].starts_with('\n') && !rest[end..].contains(char::is_alphanumeric) {
        return None;
    }
    let content = rest[..end].trim();
    let count = |brace: u8| content.bytes().filter(|byte| *byte == brace).count();
    let opens = ["$", "\\(", "\\[", "\\begin"]
        .iter()
        .any(|open| content.contains(open));
    let is_whole = !content.is_empty() && !opens && count(b'{') == count(b'}');
    (is_whole && is_formula(content)).then_some(content)
}

/// What follows the last `\boxed` without braces: a number, `(7)`, or one command with its groups.
pub(super) fn last_without_braces(text: &str) -> Option<&str> {
    const NAME: &str = "\\boxed";
    let at = memmem::find_iter(text.as_bytes(), NAME).last()? + NAME.len();
    let rest = &text[at..];
    let end = rest.find(['$', '\n']).unwrap_or(rest.len());
    let line = &rest[..end];
    let sentence = line.find(". ").map_or(line, |stop| &line[..stop]);
    let content = sentence.trim().trim_end_matches(['.', ',']);
    let is_value = content.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '\\'))
        && !content.contains(' ');
    is_value.then_some(content)
}

/// The command of a box without braces, with its content, which is a part of `text`.
pub(super) fn whole_without_braces(text: &str, content: &str) -> Option<Range<usize>> {
    let content = super::span(text, content)?;
    let start = text[..content.start].rfind("\\boxed")?;
    Some(start..content.end)
}

/// Drops the boxes that only show where an answer goes.
///
/// An empty box after a full one stays: the text takes its answer back.
pub(super) fn drop_placeholders(text: &str, boxes: &mut Vec<Boxed>) {
    let is_full = |found: &Boxed| !is_placeholder(&text[found.content.clone()]);
    let is_empty = |found: &Boxed| text[found.content.clone()].trim().is_empty();
    if boxes.iter().any(is_full) && !boxes.last().is_some_and(is_empty) {
        boxes.retain(is_full);
    } else if let Some(last) = boxes.pop()
        && boxes.iter().any(is_full)
    {
        *boxes = vec![last];
    } else {
        boxes.clear();
    }
}

/// Whether a box only shows where an answer goes: `\boxed{}`, `\boxed{...}`, `\boxed{answer}`.
fn is_placeholder(content: &str) -> bool {
    const PLACEHOLDERS: [&str; 14] = [
        "number",
        "result",
        "your result",
        "your number",
        "answer",
        "your answer",
        "your answer here",
        "final answer",
        "your final answer",
        "the answer",
        "insert answer here",
        "answer here",
        "value",
        "your_answer",
    ];
    let content = content.trim();
    let content = content
        .strip_prefix("\\text{")
        .and_then(|inner| inner.strip_suffix('}'))
        .unwrap_or(content);
    let words =
        content.trim_matches(|c: char| c.is_whitespace() || matches!(c, '[' | ']' | '<' | '>'));
    let blank = [
        "\\ldots", "\\dots", "\\cdots", "\\square", "\\quad", "\\qquad", "\\hspace", "\\,", "\\ ",
        "\\_",
    ];
    let mut rest = content;
    while let Some(after) = blank.iter().find_map(|blank| rest.strip_prefix(blank)) {
        rest = after;
    }
    rest.bytes()
        .all(|byte| byte.is_ascii_whitespace() || matches!(byte, b'.' | b'_' | b'~' | b'?'))
        || rest.starts_with("\\phantom{")
        || PLACEHOLDERS
            .iter()
            .any(|placeholder| words.eq_ignore_ascii_case(placeholder))
}

/// The length of `\boxed{`, `\fbox{` and the like at the start of `bytes`.
///
/// Up to eight blanks may precede the brace, and up to 32 bytes of options.
fn box_command(bytes: &[u8]) -> Option<usize> {
    const NAMES: [&[u8]; 10] = [
        b"\\boxed",
        b"\\fbox",
        b"\\framebox",
        b"\\beginboxed",
        b"\\Boxed",
        b"\\bbox",
        b"\\ovalbox",
        b"\\doublebox",
        b"\\shadowbox",
        b"\\tcbox",
    ];
    const COLOURED: [(&[u8], usize); 2] = [(b"\\fcolorbox", 2), (b"\\colorbox", 1)];
    if let Some(name) = NAMES.into_iter().find(|name| bytes.starts_with(name)) {
        let mut at = name.len();
        while bytes.get(at) == Some(&b'[') {
            at += group(&bytes[at..], b']')?;
        }
        return opening_brace(bytes, at);
    }
    let (name, options) = COLOURED
        .into_iter()
        .find(|(name, _)| bytes.starts_with(name))?;
    let mut at = name.len();
    for _ in 0..options {
        at += group(&bytes[at..], b'}')?;
    }
    opening_brace(bytes, at)
}

/// The end of the brace at `at`, after blanks.
fn opening_brace(bytes: &[u8], at: usize) -> Option<usize> {
    const MAX_BLANKS: usize = 8; // bounds the look-ahead, so that the scan stays linear
    let after = &bytes[at..];
    let blanks = after
        .iter()
        .take(MAX_BLANKS)
        .take_while(|byte| byte.is_ascii_whitespace())
        .count();
    (after.get(blanks) == Some(&b'{')).then_some(at + blanks + 1)
}

/// The length of a short group of options that `close` closes.
fn group(bytes: &[u8], close: u8) -> Option<usize> {
    const MAX_OPTIONS: usize = 32;
    memchr::memchr(close, &bytes[..bytes.len().min(MAX_OPTIONS)]).map(|at| at + 1)
}

/// The number of the part of a problem that a box answers, if the text before the box starts a line
/// or sentence with its label: `(b)`, `ii)`, `Part 2:`.
pub(super) fn part(before: &str) -> Option<u32> {
    const MAX_BYTES: usize = 1_024;
    let before = &before[before.ceil_char_boundary(before.len().saturating_sub(MAX_BYTES))..];
    let starts = before
        .match_indices(['\n', ';', '.', ' '])
        .map(|(at, _)| at + 1);
    std::iter::once(0)
        .chain(starts)
        .filter_map(|at| label(before, at))
        .next_back()
}

/// The number that a label at a position stands for.
fn label(text: &str, at: usize) -> Option<u32> {
    const NOUNS: [&str; 6] = ["part", "question", "problem", "task", "teil", "partie"];
    let opens = text[..at].trim_end_matches([' ', '*', '#', '$', '-']);
    let opens_line = opens.is_empty() || opens.ends_with(['\n', ';', '.', '}', ':']);
    let line = text[at..].trim_start_matches([' ', '*', '#', '-', '$']);
    let noun = NOUNS.iter().find_map(|noun| {
        let start = line.get(..noun.len())?;
        start
            .eq_ignore_ascii_case(noun)
            .then(|| line[noun.len()..].trim_start())
    });
    let label = noun.unwrap_or(line);
    let inner = label.trim_start_matches('(');
    let length = inner.bytes().take_while(u8::is_ascii_alphanumeric).count();
    let after = &inner[length..];
    let is_label = opens_line && (noun.is_some() || after.starts_with(')') && length < 4)
        || inner.len() < label.len() && after.starts_with(')') && length < 4;
    let plain = after.trim_start_matches([')', '.', ':', ' ', '*', '$', '\\', '[', '(']);
    // "1. \boxed{7}"
    let alone = opens_line && after.starts_with('.') && plain.is_empty();
    (is_label || alone).then(|| ordinal(&inner[..length]))?
}

fn ordinal(label: &str) -> Option<u32> {
    const ROMAN: [&str; 6] = ["i", "ii", "iii", "iv", "v", "vi"];
    if let Some(at) = ROMAN.iter().position(|roman| *roman == label) {
        return u32::try_from(at + 1).ok();
    }
    match label.as_bytes() {
        [letter @ b'a'..=b'h'] => Some(u32::from(letter - b'a') + 1),
        [letter @ b'A'..=b'H'] => Some(u32::from(letter - b'A') + 1),
        [b'1'..=b'9'] => label.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use proptest::prelude::*;

    use super::last_boxed;

    #[test]
    fn finds_the_last_closed_box() {
        let table = [
            (r"\boxed{7}", Some("7")),
            (r"\fbox{7}", Some("7")),
            (r"\framebox[2cm][c]{7}", Some("7")),
            (r"\fcolorbox{red}{white}{7}", Some("7")),
            (r"\beginboxed{7}\endboxed", Some("7")),
            (r"\begin{boxed}7\end{boxed}", Some("7")),
            ("<box>7</box>", Some("7")),
            ("<|begin_of_box|>{7}<|end_of_box|>", Some("{7}")),
            (r"\boxed {7}", Some("7")),
            (r"\boxed{}", Some("")),
            (r"$\boxed{3}$, wait, $\boxed{4}$.", Some("4")),
            (r"\boxed{3} or \fbox{4}", Some("4")),
            (r"\boxed{\frac{1}{2}} in {braces}", Some(r"\frac{1}{2}")),
            (r"\boxed{\{1, 2\}}", Some(r"\{1, 2\}")),
            (r"\boxed{\left\{ 1 \right.}", Some(r"\left\{ 1 \right.")),
            (r"\boxed{a \\{b}}", Some(r"a \\{b}")),
            (r"\\\boxed{5}", Some("5")),
            (r"\\boxed{5}", Some("5")),
            (r"stray } and \boxed{5}", Some("5")),
            (r"stray { and \boxed{5}", Some("5")),
            (r"\boxed{\boxed{3} + 4}", Some(r"\boxed{3} + 4")),
            (r"\boxed{é}", Some("é")),
            // never closed, but another box follows
            (r"\boxed{\frac{1}{2}, that is \boxed{0.5}", Some("0.5")),
            // cut off
            (r"\boxed{3} or \boxed{4", None),
            (r"\boxed{\frac{1}{2}", None),
            (r"\boxed{1\}", None),
            // no box
            ("the answer is 7", None),
            (r"\boxed 7", None),
            (r"\boxedtext{7}", None),
            (r"boxed{7}", None),
            (r"\framebox[2cm{7}", None),
            (r"\end{boxed}</box>", None),
            ("<box>7", None),
            ("", None),
            ("\\", None),
        ];
        for (text, expected) in table {
            assert_eq!(last_boxed(text), expected, "{text}");
        }
    }

    #[test]
    fn long_input_is_linear() {
        let started = Instant::now();
        for unit in [
            r"\boxed{",
            r"\boxed{1}",
            "{",
            "}",
            "\\",
            r"\boxed  ",
            r"\boxed{\}",
        ] {
            last_boxed(&unit.repeat(200_000));
        }
        assert!(
            started.elapsed() < Duration::from_secs(5),
            "{:?}",
            started.elapsed()
        );
    }

    proptest! {
        #[test]
        fn never_panics(text in any::<String>(), markup in r"(\\boxed\{|\\fbox|[\\{} aé]){0,40}") {
            last_boxed(&text);
            last_boxed(&markup);
        }

        #[test]
        fn a_box_is_found_whatever_precedes_it(
            before in "[^\\\\]{0,40}",
            content in "[a-z0-9 +,.]{0,20}",
        ) {
            let text = format!("{before}\\boxed{{{content}}}");
            prop_assert_eq!(last_boxed(&text), Some(content.as_str()));
        }
    }
}
