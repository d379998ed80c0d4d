//! A gold answer in words that a sentence says: "No, it is not.", "The number is odd."

use super::message::final_message;

/// Longest sentence that is read, in bytes.
const MAX_BYTES: usize = 512;

/// What a text says in words where nothing announces an answer: its verdict on a question if
/// `gold` is one, else what its last sentence says that something is.
pub(crate) fn said<'a>(text: &'a str, gold: &str) -> Option<&'a str> {
    let message = final_message(text)?.trim();
    if is_verdict(gold) {
        let last = last_sentence(message);
        return verdict(last)
            .or_else(|| verdict(message))
            .or_else(|| complement(last));
    }
    let is_words = gold.len() < 64
        && gold.contains(|c: char| c.is_alphabetic())
        && gold
            .chars()
            .all(|c| c.is_alphabetic() || matches!(c, ' ' | '-'));
    if is_words {
        complement(last_sentence(message))
    } else {
        None
    }
}

fn is_verdict(word: &str) -> bool {
    const VERDICTS: [&str; 4] = ["yes", "no", "true", "false"];
    VERDICTS
        .iter()
        .any(|verdict| word.eq_ignore_ascii_case(verdict))
}

/// The verdict that a text starts with.
fn verdict(text: &str) -> Option<&str> {
    let text = text.trim_start_matches(is_mark);
    let end = text
        .find(|c: char| !c.is_alphabetic())
        .unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    let ends = rest.is_empty() || rest.starts_with([',', '.', ':', ';', '!', '*', '\n', '—', '–']);
    (is_verdict(word) && ends).then_some(word)
}

fn last_sentence(text: &str) -> &str {
    let text = text.trim_end_matches(|c: char| is_mark(c) || matches!(c, '.' | '!'));
    let start = ["\n", ". ", "! ", "? "]
        .iter()
        .filter_map(|end| text.rfind(end).map(|at| at + end.len()))
        .max();
    text[start.unwrap_or(0)..].trim()
}

/// What a sentence says that something is.
fn complement(sentence: &str) -> Option<&str> {
    if sentence.len() > MAX_BYTES {
        return None;
    }
    let at = [" is ", " are ", " was ", " were "]
        .iter()
        .filter_map(|verb| sentence.rfind(verb).map(|at| at + verb.len()))
        .max()?;
    let said = sentence[at..].trim_matches(is_mark);
    let said = [
        "a ",
        "an ",
        "the ",
        "indeed ",
        "always ",
        "therefore ",
        "thus ",
    ]
    .iter()
    .find_map(|word| said.strip_prefix(word))
    .unwrap_or(said);
    (!said.is_empty()).then_some(said)
}

fn is_mark(c: char) -> bool {
    c.is_whitespace() || matches!(c, '*' | '_' | '#' | '`' | '"' | '$' | '>')
}

#[cfg(test)]
mod tests {
    use super::said;

    #[test]
    fn sentences_that_say_a_word() {
        for (gold, text, expected) in [
            ("No", "No, it is not.", Some("No")),
            ("Yes", "Yes, because 4 is even.", Some("Yes")),
            ("Yes", "It holds for 4. So: Yes.", None),
            ("No", "**No**", Some("No")),
            ("True", "The statement is true.", Some("true")),
            ("odd", "We add 3 and 4. The number is **odd**.", Some("odd")),
            ("odd", "The number is not odd.", Some("not odd")),
            ("Tuesday", "The day after is a Tuesday", Some("Tuesday")),
            ("odd", "Odd numbers exist.", None),
            ("5", "The number is 5.", None),
            ("Yes", "Nothing is said.", Some("said")),
        ] {
            assert_eq!(said(text, gold), expected, "{text}");
        }
    }
}
