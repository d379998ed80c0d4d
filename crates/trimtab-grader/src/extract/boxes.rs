//! Boxed answers.

use std::ops::Range;

use memchr::memmem;

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
        Boxes::CutOff => None,
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
    /// The text ends inside a box.
    CutOff,
}

/// All boxes of `text`, in one pass.
pub(super) fn boxes(text: &str) -> Boxes {
    let bytes = text.as_bytes();
    let mut depth = 0_usize;
    let mut open: Vec<Open> = Vec::new();
    let mut closed: Vec<Boxed> = Vec::new();
    // Skip to the first box: most texts have one, at the end.
    let Some(first) = memmem::find(bytes, b"box") else {
        return Boxes::Closed(closed);
    };
    let name = text[..first].trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let mut at = name.trim_end_matches('\\').len();
    while at < bytes.len() {
        at += match bytes[at] {
            b'\\' => match box_command(&bytes[at..]) {
                Some(len) => {
                    open.push(Open {
                        command: at,
                        content: at + len,
                        depth,
                    });
                    depth += 1;
                    len
                }
                None if matches!(bytes.get(at + 1), Some(b'{' | b'}')) => 2,
                // The brace of `\\{` counts; `\\boxed{` was escaped once too often.
                None if bytes[at..].starts_with(b"\\\\")
                    && box_command(&bytes[at + 1..]).is_none() =>
                {
                    2
                }
                None => 1,
            },
            b'{' => {
                depth += 1;
                1
            }
            b'}' => {
                depth = depth.saturating_sub(1);
                if open.last().is_some_and(|last| last.depth == depth)
                    && let Some(Open {
                        command, content, ..
                    }) = open.pop()
                {
                    closed.push(Boxed {
                        whole: command..at + 1,
                        content: content..at,
                    });
                }
                1
            }
            _ => 1,
        };
    }
    let end = closed.last().map_or(0, |last| last.content.end);
    if open.iter().any(|open| open.content > end) {
        return Boxes::CutOff;
    }
    Boxes::Closed(closed)
}

/// What follows the last `\boxed` without braces, up to the end of the formula or line.
pub(super) fn last_without_braces(text: &str) -> Option<&str> {
    const NAME: &str = "\\boxed";
    let at = memmem::find_iter(text.as_bytes(), NAME).last()? + NAME.len();
    let rest = &text[at..];
    let end = rest.find(['$', '\n']).unwrap_or(rest.len());
    let content = rest[..end].trim().trim_end_matches(['.', ',']);
    let is_value = content.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '\\'))
        && !content.contains(' ');
    is_value.then_some(content)
}

/// A box that is still open, and how many braces were open before it.
struct Open {
    command: usize,
    content: usize,
    depth: usize,
}

/// The length of `\boxed{` or `\fbox{` at the start of `bytes`.
///
/// Up to eight blanks may precede the brace.
fn box_command(bytes: &[u8]) -> Option<usize> {
    const MAX_BLANKS: usize = 8; // bounds the look-ahead, so that the scan stays linear
    let name = [&b"\\boxed"[..], b"\\fbox"]
        .into_iter()
        .find(|name| bytes.starts_with(name))?;
    let after = &bytes[name.len()..];
    let blanks = after
        .iter()
        .take(MAX_BLANKS)
        .take_while(|byte| byte.is_ascii_whitespace())
        .count();
    (after.get(blanks) == Some(&b'{')).then_some(name.len() + blanks + 1)
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
