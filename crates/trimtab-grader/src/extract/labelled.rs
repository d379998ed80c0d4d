//! Boxes of the labelled parts of an answer: `(a) \boxed{1}` and `(b) \boxed{2}`.

use memchr::memmem;

use super::boxes::{Boxed, Boxes, boxes, drop_placeholders, part};
use super::message::final_message;
use crate::clean::clean;

/// Longest message that is searched for labels, in bytes.
const MAX_BYTES: usize = 1 << 16;

/// Most parts of an answer.
const MAX_PARTS: usize = 12;

/// The contents of the boxes as one list, if there are several and each answers the next part of
/// the problem.
///
/// Each box has the label of its part before it, or the name of what it is: `x = \boxed{1}`.
pub(crate) fn labelled_boxes(text: &str) -> Option<String> {
    memmem::find_iter(text.as_bytes(), "ox").nth(1)?; // two boxes
    let message = clean(final_message(text)?);
    let Boxes::Closed(mut found) = boxes(&message) else {
        return None;
    };
    drop_placeholders(&message, &mut found);
    if found.len() < 2 || found.len() > MAX_PARTS || message.len() > MAX_BYTES {
        return None;
    }
    by_label(&message, &found).or_else(|| by_name(&message, &found))
}

fn by_label(text: &str, boxes: &[Boxed]) -> Option<String> {
    let mut end = 0;
    for (found, number) in boxes.iter().zip(1..) {
        let before = text.get(end..found.whole.start)?;
        end = found.whole.end;
        if part(before) != Some(number) {
            return None;
        }
    }
    let contents: Vec<&str> = boxes
        .iter()
        .map(|found| &text[found.content.clone()])
        .collect();
    Some(contents.join(", "))
}

fn by_name(text: &str, boxes: &[Boxed]) -> Option<String> {
    let mut end = 0;
    let mut parts = Vec::new();
    for found in boxes {
        let before = text.get(end..found.whole.start)?;
        end = found.whole.end;
        let name = before.trim_end().strip_suffix('=')?.trim_end();
        let letter = name.chars().next_back().filter(char::is_ascii_alphabetic)?;
        let is_alone =
            !name[..name.len() - 1].ends_with(|c: char| c.is_alphanumeric() || c == '\\');
        if !is_alone || parts.iter().any(|(other, _)| *other == letter) {
            return None;
        }
        parts.push((letter, &text[found.content.clone()]));
    }
    let named: Vec<String> = parts
        .iter()
        .map(|(name, value)| format!("{name} = {value}"))
        .collect();
    Some(named.join(", "))
}

#[cfg(test)]
mod tests {
    use super::labelled_boxes;

    #[test]
    fn labelled_parts_are_one_list() {
        for (text, expected) in [
            (r"(a) \boxed{1} (b) \boxed{2}", "1, 2"),
            (
                "(a) The sum is \\boxed{1}.\n\n(b) It is \\boxed{2}.",
                "1, 2",
            ),
            ("a) \\boxed{1}\nb) \\boxed{2}\nc) \\boxed{3}", "1, 2, 3"),
            ("**Part (a):** \\boxed{1}\n**Part (b):** \\boxed{2}", "1, 2"),
            (
                "**Part 1.** $\\boxed{1}$\n\n**Part 2.** $\\boxed{2}$",
                "1, 2",
            ),
            (r"(i) \boxed{1}, then (ii) \boxed{2}", "1, 2"),
            (r"$x=\boxed{1}$ and $y = \boxed{2}$", "x = 1, y = 2"),
        ] {
            assert_eq!(labelled_boxes(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn steps_and_corrections_are_no_parts() {
        for text in [
            r"\boxed{1}",
            r"First \boxed{1}, then \boxed{2}",
            "Step 1: \\boxed{1}\nStep 2: \\boxed{2}",
            r"(b) \boxed{1} (a) \boxed{2}",
            r"(a) \boxed{1} \boxed{2}",
            r"$x=\boxed{1}$, no: $x=\boxed{2}$",
            r"f(a) = \boxed{1}, f(c) = \boxed{2}",
        ] {
            assert_eq!(labelled_boxes(text), None, "{text}");
        }
    }
}
