//! Boxes of the labelled parts of an answer: `(a) \boxed{1}` and `(b) \boxed{2}`.

use super::boxes::{Boxed, Boxes, boxes, drop_placeholders};
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
    let series = SERIES.iter().find(|series| {
        let mut end = 0;
        boxes.iter().zip(series.iter()).all(|(found, label)| {
            let before = text.get(end..found.whole.start).unwrap_or_default();
            end = found.whole.end;
            has_label(before, label)
        })
    });
    series?;
    let contents: Vec<&str> = boxes
        .iter()
        .map(|found| &text[found.content.clone()])
        .collect();
    Some(contents.join(", "))
}

/// The names of the parts of an answer.
const SERIES: [[&str; MAX_PARTS]; 3] = [
    ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"],
    [
        "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12",
    ],
    [
        "i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii",
    ],
];

/// Whether a text has the label of a part: `(a)`, `a)` at the start of a line, `Part 1`.
///
/// A number alone counts the steps of a solution.
fn has_label(text: &str, label: &str) -> bool {
    let is_number = label.starts_with(|c: char| c.is_ascii_digit());
    text.match_indices(')').any(|(at, _)| {
        let before = &text[..at];
        let Some(start) = at.checked_sub(label.len()) else {
            return false;
        };
        let is_label = before
            .get(start..)
            .is_some_and(|found| found.eq_ignore_ascii_case(label));
        let opening = text[..start.min(at)].trim_end_matches(['*', '_', ' ']);
        let starts_line = opening.is_empty() || opening.ends_with('\n');
        is_label && (before[..start].ends_with('(') || starts_line && !is_number)
    }) || NOUNS.iter().any(|noun| follows(text, noun, label))
}

const NOUNS: [&str; 4] = ["part", "question", "problem", "answer"];

/// Whether `noun` and `label` stand next to each other, the label perhaps in parentheses.
fn follows(text: &str, noun: &str, label: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    lower.match_indices(noun).any(|(at, _)| {
        let rest = lower[at + noun.len()..].trim_start_matches([' ', '(', '#']);
        rest.strip_prefix(label)
            .is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric()))
    })
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
            "1. \\boxed{1}\n2. \\boxed{2}",
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
