//! Other readings of an answer that is not equal as it stands: the value behind the label of a
//! choice, the result behind an integral.

use crate::prose::is_dress;

/// The gold answer and the answer without the label of a choice before their values:
/// `\textbf{(C) } 14`. `None` if neither has one, or if the labels differ.
pub(crate) fn without_label<'a>(gold: &'a str, answer: &'a str) -> Option<(&'a str, &'a str)> {
    match (labelled(gold), labelled(answer)) {
        (Some((left, gold)), Some((right, answer))) => (left == right).then_some((gold, answer)),
        (None, Some((_, answer))) => Some((gold, answer)),
        (Some((_, gold)), None) => Some((gold, answer)),
        (None, None) => None,
    }
}

/// The letter of a choice with which a text starts, and the value after it.
fn labelled(text: &str) -> Option<(char, &str)> {
    const MAX_BYTES: usize = 256;
    if text.len() > MAX_BYTES || !text.contains(['A', 'B', 'C', 'D', 'E']) {
        return None;
    }
    let opening = opening(text);
    let mut rest = &text[opening..];
    let letter = rest.chars().next().filter(|c| ('A'..='E').contains(c))?;
    let opened = text[..opening].contains('(');
    rest = rest[1..].trim_start_matches(['}', ' ']);
    let after = match rest.as_bytes().first()? {
        b')' => &rest[1..],
        b'.' | b':' if !opened && rest[1..].starts_with([' ', '}', '\\', '~']) => &rest[1..],
        _ => return None,
    };
    let value = blanks(after);
    let count = |brace: char| value.matches(brace).count();
    let value = if count('}') > count('{') {
        value.trim_end().strip_suffix('}')?
    } else {
        value
    };
    let starts = value.starts_with(|c: char| c.is_alphanumeric() || "\\$-−.([{".contains(c));
    starts.then_some((letter, value))
}

/// The length of the brackets and the commands of text before a label.
fn opening(text: &str) -> usize {
    let mut at = 0;
    loop {
        let rest = &text[at..];
        let command = rest.strip_prefix('\\').unwrap_or_default();
        let name = command.bytes().take_while(u8::is_ascii_alphabetic).count();
        at += match rest.as_bytes().first() {
            Some(b'{' | b'(' | b' ' | b'$') => 1,
            Some(b'\\') if name > 0 && is_dress(&command[..name]) => 1 + name,
            _ => return at,
        };
    }
}

/// A text without blanks of TeX and closing braces at its start.
fn blanks(mut text: &str) -> &str {
    const BLANKS: [&str; 10] = [
        "\\quad", "\\qquad", "\\ ", "\\,", "\\;", "\\:", "\\!", "~", "}", " ",
    ];
    while let Some(rest) = BLANKS.iter().find_map(|blank| text.strip_prefix(blank)) {
        text = rest;
    }
    text
}

/// The answers to the parts of a problem, which have labels in order: 5 and 3 in `(a) 5 (b) 3`.
pub(crate) fn parts(text: &str) -> Option<Vec<&str>> {
    const LABELS: [[&str; 6]; 3] = [
        ["a", "b", "c", "d", "e", "f"],
        ["i", "ii", "iii", "iv", "v", "vi"],
        ["1", "2", "3", "4", "5", "6"],
    ];
    LABELS.iter().find_map(|labels| {
        let mut rest = after_label(text.trim_start(), labels[0])?;
        let mut parts = Vec::new();
        for label in &labels[1..] {
            let Some((part, behind)) = split_label(rest, label) else {
                break;
            };
            parts.push(part);
            rest = behind;
        }
        parts.push(rest);
        let is_value = |part: &&str| part.contains(char::is_alphanumeric);
        (parts.len() > 1 && parts.iter().all(is_value)).then(|| {
            let trimmed = parts.into_iter().map(|part| part.trim_matches(is_between));
            trimmed.collect()
        })
    })
}

fn is_between(character: char) -> bool {
    character.is_whitespace() || matches!(character, ',' | ';' | '.' | ':' | '~' | '$')
}

/// The text after a label such as `(a)`.
fn after_label<'a>(text: &'a str, label: &str) -> Option<&'a str> {
    text.strip_prefix('(')?
        .strip_prefix(label)?
        .strip_prefix(')')
}

/// The text before and after a label.
fn split_label<'a>(text: &'a str, label: &str) -> Option<(&'a str, &'a str)> {
    text.match_indices('(').find_map(|(at, _)| {
        let apart = text[..at].ends_with(is_between);
        after_label(&text[at..], label)
            .filter(|_| apart)
            .map(|behind| (&text[..at], behind))
    })
}

/// What an integral, a sum, a product or a limit is said to come to: `\frac12` in
/// `\int_0^1 x\,dx = \frac12`.
pub(crate) fn result(answer: &str) -> Option<&str> {
    const OPERATORS: [&str; 6] = ["\\int", "\\sum", "\\prod", "\\lim", "\\iint", "\\oint"];
    let (left, right) = answer.rsplit_once('=')?;
    let operates = OPERATORS.iter().any(|operator| left.contains(operator));
    let relates = left.ends_with(['<', '>', '!', ':', '\\']) || right.trim().is_empty();
    let depth = right.matches('{').count() == right.matches('}').count();
    (operates && !relates && depth).then(|| right.trim())
}

#[cfg(test)]
mod tests {
    use super::{labelled, parts, result};

    #[test]
    fn labels_of_choices() {
        for text in [
            r"\textbf{(C) } 14",
            r"\textbf{(C)}~14",
            r"\textbf{(C)}\quad 14",
            r"(\text{C})\ 14",
            r"\text{(C) 14}",
            r"\mathrm{(C)}\;14",
            r"\textbf{C) } 14",
            "(C) 14",
            "C) 14",
            "C. 14",
            "C: 14",
        ] {
            assert_eq!(labelled(text), Some(('C', "14")), "{text}");
        }
        for text in [
            "C",
            "(C)",
            "C 14",
            "C.14",
            "C:14",
            "(F) 14",
            "14",
            "(C + 1) 14",
            "(C) + 14",
            "AC) 14",
            r"\frac{C}{14}",
            "(C, 14)",
        ] {
            assert_eq!(labelled(text), None, "{text}");
        }
    }

    #[test]
    fn parts_in_their_order() {
        assert_eq!(parts("(a) 5 (b) 3"), Some(vec!["5", "3"]));
        assert_eq!(parts("(i) 1; (ii) $2$."), Some(vec!["1", "2"]));
        for text in [
            "(a) 5",
            "(a)(b)",
            "(b) 3 (a) 5",
            "(a) + (b)x",
            "5 (b) 3",
            "f(a) 5 (b)",
        ] {
            assert_eq!(parts(text), None, "{text}");
        }
    }

    #[test]
    fn results_of_operators() {
        assert_eq!(result(r"\int_0^1 x\,dx = \frac12"), Some(r"\frac12"));
        assert_eq!(result(r"\sum_{k=1}^{2} k"), None);
        assert_eq!(result(r"x + y = 2"), None);
        assert_eq!(result(r"\int x = "), None);
    }
}
