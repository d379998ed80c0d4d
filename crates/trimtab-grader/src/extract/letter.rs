//! Letters of choices in a text.

/// The letter that a text picks: the first character if punctuation follows, or the last capital
/// letter that stands alone and is not negated.
pub(super) fn last(text: &str) -> Option<&str> {
    let start = text.trim_start();
    let bytes = start.as_bytes();
    if bytes.first().is_some_and(u8::is_ascii_uppercase)
        && (bytes.len() == 1 || matches!(bytes.get(1), Some(b'.' | b')' | b':' | b'\n')))
    {
        return Some(&start[..1]);
    }
    let bytes = text.as_bytes();
    let alone = |at: usize| {
        let is_word = |byte: Option<&u8>| {
            byte.is_some_and(|byte| {
                byte.is_ascii_alphanumeric() || matches!(byte, b'\'' | b'\\' | b'_')
            })
        };
        bytes[at].is_ascii_uppercase()
            && !is_word(at.checked_sub(1).map(|at| &bytes[at]))
            && !is_word(bytes.get(at + 1))
    };
    (0..bytes.len())
        .rev()
        .filter(|at| alone(*at) && bytes[*at] != b'I')
        .find_map(|at| {
            let before = text[..at].trim_end_matches(['(', ' ', '*', '"', '$']);
            let negated = ["not", "non", "n't", "不是", "nicht", "neither", "nor"]
                .iter()
                .any(|negation| before.ends_with(negation));
            // "A" at the start of a sentence is an article.
            let article = bytes[at] == b'A'
                && bytes.get(at + 1) == Some(&b' ')
                && bytes.get(at + 2).is_some_and(u8::is_ascii_lowercase)
                && (before.is_empty() || before.ends_with(['.', '\n']));
            (!negated && !article).then(|| &text[at..=at])
        })
}
