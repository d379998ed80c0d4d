//! What the last sentence of a message says in words: "false" in "Thus the statement is false."

/// Longest sentence that is read, in bytes.
const MAX_BYTES: usize = 1_024;

/// The words that the last sentence says: all of it if it is short, a "yes" or "false" that opens
/// it or the message, or what follows its verb.
pub(super) fn last(message: &str) -> Option<&str> {
    let message = message.trim();
    if is_short(message) {
        return Some(core(message));
    }
    let body = message.trim_end_matches(is_mark);
    let start = body.ceil_char_boundary(body.len().saturating_sub(MAX_BYTES));
    let ends = ["\n", ". ", "! ", "? ", ".\n", ".** ", ".$ "];
    let at = ends
        .iter()
        .filter_map(|end| Some(body[start..].rfind(end)? + end.len()))
        .max();
    let sentence = &message[at.map_or(start, |at| start + at)..];
    if sentence.trim_end().ends_with('?') {
        return None;
    }
    // The denied word may be displayed on a line of its own.
    let before = trimmed(&message[..message.len() - sentence.len()]);
    if before
        .rsplit(|c: char| !c.is_alphabetic())
        .next()
        .is_some_and(|word| word.eq_ignore_ascii_case("not"))
    {
        return None;
    }
    let sentence = trimmed(sentence);
    if is_short(sentence) {
        return Some(core(sentence));
    }
    opened(sentence)
        .or_else(|| predicate(sentence))
        .or_else(|| opened(message))
}

/// Words that open a sentence and conclude.
const OPENINGS: [&str; 7] = [
    "so",
    "thus",
    "hence",
    "therefore",
    "then",
    "finally",
    "it is",
];

/// Words that leave open what a sentence says.
const OPEN: [&str; 20] = [
    "not", "never", "neither", "nor", "if", "whether", "may", "might", "could", "would", "or",
    "no", "cannot", "doubt", "unless", "isn't", "isn’t", "can't", "either", "should",
];

/// A short text without conclusions and articles.
fn core(text: &str) -> &str {
    trimmed(without_words(
        without_words(trimmed(text), &OPENINGS),
        &["a", "an", "the"],
    ))
}

fn is_mark(character: char) -> bool {
    character.is_whitespace()
        || matches!(
            character,
            '.' | '*' | '_' | '!' | '?' | '"' | '`' | ',' | ':' | ';' | '#' | '$'
        )
}

fn trimmed(text: &str) -> &str {
    text.trim_matches(is_mark)
}

/// Whether a text is one to three words.
fn is_short(text: &str) -> bool {
    let text = without_words(trimmed(text), &OPENINGS);
    let words = text.split_whitespace().count();
    (1..=3).contains(&words)
        && !text.contains(['\n', '=', '?', '.', ','])
        && !has_word(text, &OPEN)
        && !has_word(text, &VERBS)
}

/// "Yes" or "false" at the start of a sentence that goes on.
fn opened(sentence: &str) -> Option<&str> {
    const WORDS: [&str; 4] = ["yes", "no", "true", "false"];
    let start = trimmed(without_words(
        sentence.trim_start_matches(is_mark),
        &OPENINGS,
    ));
    let length = start.bytes().take_while(u8::is_ascii_alphabetic).count();
    let word = &start[..length];
    let closes =
        start[length..].starts_with([',', '.', ':', ';', '!', '—', '*']) || start.len() == length;
    let known = WORDS.iter().any(|known| known.eq_ignore_ascii_case(word));
    (known && closes).then_some(word)
}

const VERBS: [&str; 6] = ["is", "are", "was", "were", "be", "becomes"];

/// What follows the last verb of a sentence, without adverbs and articles.
fn predicate(sentence: &str) -> Option<&str> {
    const FILLERS: [&str; 22] = [
        "therefore",
        "thus",
        "hence",
        "always",
        "indeed",
        "clearly",
        "also",
        "then",
        "in fact",
        "a",
        "an",
        "the",
        "on",
        "actually",
        "definitely",
        "certainly",
        "exactly",
        "just",
        "simply",
        "called",
        "necessarily",
        "equal to",
    ];
    const STOPS: [&str; 9] = [
        ", ",
        "; ",
        " because ",
        " since ",
        " when ",
        " as ",
        " and ",
        " for ",
        " (",
    ];
    const MAX_WORDS: usize = 5;
    if has_word(sentence, &OPEN) {
        return None;
    }
    let verb = VERBS
        .iter()
        .chain(&["falls on", "fall on"])
        .filter_map(|verb| {
            let at = sentence.rmatch_indices(verb).map(|(at, _)| at);
            let mut words = at.filter(|at| is_word_at(sentence, *at, verb.len()));
            words.next().map(|at| at + verb.len())
        })
        .max()?;
    let said = without_words(sentence[verb..].trim_start(), &FILLERS);
    let end = STOPS.iter().filter_map(|stop| said.find(stop)).min();
    let said = trimmed(&said[..end.unwrap_or(said.len())]);
    (!said.is_empty() && said.split_whitespace().count() <= MAX_WORDS).then_some(said)
}

/// `text` without words of a list at its start.
fn without_words<'a>(mut text: &'a str, words: &[&str]) -> &'a str {
    loop {
        let start = text.trim_start_matches([' ', ',', '*']);
        let found = words.iter().find(|word| {
            let matches = start
                .get(..word.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(word));
            matches && is_word_at(start, 0, word.len()) && start.len() > word.len()
        });
        match found {
            Some(word) => text = &start[word.len()..],
            None => return start,
        }
    }
}

fn has_word(text: &str, words: &[&str]) -> bool {
    text.split(|c: char| !(c.is_alphanumeric() || matches!(c, '\'' | '’')))
        .any(|word| words.iter().any(|known| known.eq_ignore_ascii_case(word)))
}

/// Whether the bytes at a position are a word of their own.
fn is_word_at(text: &str, at: usize, length: usize) -> bool {
    !text[..at].ends_with(char::is_alphanumeric)
        && !text[at + length..].starts_with(char::is_alphanumeric)
}

#[cfg(test)]
mod tests {
    use super::last;

    #[test]
    fn words_of_the_last_sentence() {
        for (text, expected) in [
            ("Thus the statement is false.", Some("false")),
            (
                "2 is even. The claim is therefore **false**.",
                Some("false"),
            ),
            ("False.", Some("False")),
            ("So false.", Some("false")),
            ("False, because 2 is even.", Some("False")),
            ("Yes, it converges. The ratio tends to 1/2.", Some("Yes")),
            ("So the function is an odd function.", Some("odd function")),
            ("The number is odd, since 3 divides it.", Some("odd")),
            ("Therefore $\\sqrt 2$ is irrational.", Some("irrational")),
            ("It falls on a Monday.", Some("Monday")),
            ("The curve is a parabola", Some("parabola")),
            ("The statement is not false.", None),
            ("It is false or true.", None),
            ("Is the statement false?", None),
            ("It may be false.", None),
            ("If it were odd, 2 would divide it.", None),
            ("The function is neither odd nor even.", None),
            ("We do not know", None),
            ("", None),
        ] {
            assert_eq!(last(text), expected, "{text}");
        }
    }
}
