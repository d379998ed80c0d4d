//! The text of `--prompt`.

/// `prompt` with line breaks in place of `\n`.
///
/// Before a small letter `\n` stays as it is: it begins a command of LaTeX, such as `\neq`.
pub fn prompt_text(prompt: &str) -> String {
    let mut parts = prompt.split("\\n");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let is_command = part.starts_with(|first: char| first.is_ascii_lowercase());
        text.push_str(if is_command { "\\n" } else { "\n" });
        text.push_str(part);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_breaks_are_told_from_commands_of_latex() {
        for (prompt, expected) in [
            ("Problem: 1+1\\nAnswer:", "Problem: 1+1\nAnswer:"),
            ("a\\n\\nb\\n", "a\n\\nb\n"),
            ("a\\n\\n- b", "a\n\n- b"),
            ("$a \\neq b$, $\\nu$", "$a \\neq b$, $\\nu$"),
            ("", ""),
        ] {
            assert_eq!(prompt_text(prompt), expected);
        }
    }
}
