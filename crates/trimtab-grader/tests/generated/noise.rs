//! Noise that changes nothing: blanks, invisible characters, emoji, escapes.

use crate::tape::Tape;

/// Invisible characters and blanks around an answer.
pub(crate) fn around(answer: String, tape: &mut Tape) -> String {
    if !tape.once_in(8) {
        return answer;
    }
    let wrap = |before: &str, after: &str| format!("{before}{answer}{after}");
    tape.part(vec![
        ("", answer.clone()),
        ("zero-width space before", wrap("\u{200b}", "")),
        ("zero-width space behind", wrap("", "\u{200b}")),
        ("byte order mark", wrap("\u{feff}", "")),
        ("word joiner", wrap("\u{2060}", "\u{2060}")),
        ("left-to-right mark", wrap("\u{200e}", "\u{200e}")),
        ("directional isolate", wrap("\u{2068}", "\u{2069}")),
        ("no-break space", wrap("\u{a0}", "\u{a0}")),
        ("thin space", wrap("\u{2009}", "")),
        ("ideographic space", wrap("\u{3000}", "")),
        ("blanks", wrap("   ", "  ")),
        ("tab", wrap("\t", "")),
        ("line break before", wrap("\n", "")),
        ("soft hyphen", wrap("\u{ad}", "")),
    ])
}

/// Noise in a whole text.
pub(crate) fn through(text: String, alone: bool, tape: &mut Tape) -> String {
    if !tape.once_in(5) {
        return text;
    }
    let mut choices = vec![
        ("", text.clone()),
        ("trailing blanks", format!("{text}   \n\n  ")),
        ("leading line breaks", format!("\n\n{text}")),
        ("emoji behind", format!("{text} 🎉")),
        ("emoji behind", format!("{text} ✅")),
        ("emoji before", format!("✅ {text}")),
        ("carriage returns", text.replace('\n', "\r\n") + "\r\n"),
        ("rule behind", format!("{text}\n\n---\n")),
        ("repeated", format!("{text}\n\n{text}")),
        ("byte order mark before text", format!("\u{feff}{text}")),
        ("double blanks", text.replace(' ', "  ")),
    ];
    if !text.contains('\\') {
        choices.push(("no-break spaces", text.replace(' ', "\u{a0}")));
    }
    if text.contains('\\') {
        choices.push(("doubled backslashes", text.replace('\\', "\\\\")));
        if !text.contains("\\\\") {
            choices.push(("eaten escapes", eaten(&text)));
        }
    }
    let has_tag = text.match_indices('<').any(|(start, _)| {
        text[start + 1..].starts_with(|next: char| !" =0123456789".contains(next))
    });
    if text.contains(['<', '>', '−', '½']) && !has_tag {
        choices.push(("entities", entities(&text)));
    }
    // An answer that stands alone is written once, and ends.
    if alone {
        choices.retain(|(part, _)| {
            !matches!(
                *part,
                "repeated" | "rule behind" | "emoji behind" | "emoji before"
            )
        });
    }
    tape.part(choices)
}

/// The text as a program reads it that takes commands for escapes.
fn eaten(text: &str) -> String {
    const ESCAPES: [(&str, &str); 7] = [
        ("\\f", "\u{c}"),
        ("\\t", "\t"),
        ("\\b", "\u{8}"),
        ("\\r", "\r"),
        ("\\v", "\u{b}"),
        ("\\n", "\n"),
        ("\\a", "\u{7}"),
    ];
    ESCAPES
        .iter()
        .fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

fn entities(text: &str) -> String {
    text.replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('−', "&minus;")
        .replace('½', "&frac12;")
}
