//! Where the words that say an answer end.

use crate::extract::word::names_month;

/// What ends the words, apart from full stops, semicolons and remarks. Each starts with one of the
/// bytes that [`sentence`] stops at.
const STOPS: [&str; 23] = [
    " as in ",
    " because ",
    " since ",
    " I hope",
    " so that ",
    " (because",
    " as required",
    ", where ",
    ", given ",
    ", although ",
    ", because",
    ", since",
    ", as ",
    ", weil ",
    ", car ",
    ", porque ",
    ", потому",
    ", т.к",
    "? ",
    "! ",
    "。",
    "；",
    "।",
];

/// The first sentence of a line, without the reasons and remarks at its end. A formula, which may
/// contain full stops, has been handled before.
pub(super) fn sentence(line: &str) -> &str {
    let bytes = line.as_bytes();
    // Nothing ends before something has been said: ", as expected, 2".
    let start = line.find(char::is_alphanumeric).unwrap_or(0);
    let end = (start..bytes.len()).find(|at| match bytes[*at] {
        b'.' => ends_at_stop(line, *at),
        b';' => ends_at_semicolon(line, *at),
        b' ' => {
            matches!(bytes.get(at + 1), Some(b'a' | b'b' | b's' | b'I' | b'('))
                && stops(&line[*at..])
        }
        b',' => bytes.get(at + 1) == Some(&b' ') && (stops(&line[*at..]) || remarks(line, *at)),
        b'?' | b'!' => bytes.get(at + 1) == Some(&b' '),
        0xe0 | 0xe3 | 0xef => stops(&line[*at..]) || line[*at..].starts_with("，因为"),
        _ => false,
    });
    &line[..end.unwrap_or(line.len())]
}

fn stops(rest: &str) -> bool {
    STOPS.iter().any(|stop| rest.starts_with(stop))
}

/// Whether a semicolon ends the words: not that of "2; 5".
fn ends_at_semicolon(line: &str, at: usize) -> bool {
    let Some(rest) = line[at + 1..].strip_prefix(' ') else {
        return false;
    };
    let lists = rest.starts_with(|c: char| c.is_ascii_digit() || c == '-')
        && !rest.contains(|c: char| c.is_alphabetic() || "=+*/".contains(c));
    !lists
}

/// Whether a full stop ends the words: not that of "i.e.", of "C. 14" or of "13. Mai".
fn ends_at_stop(line: &str, at: usize) -> bool {
    const ABBREVIATIONS: [&str; 13] = [
        "i.e", "e.g", "approx", "ca", "resp", "vs", "cf", "No", "Rs", "Mr", "Mrs", "Dr", "Rp",
    ];
    let Some(rest) = line[at + 1..].strip_prefix(' ') else {
        return false;
    };
    let before = &line[..at];
    let word = before.rsplit([' ', ',', '(']).next().unwrap_or_default();
    let label = before.len() == 1 && before.starts_with(|c: char| c.is_ascii_uppercase());
    let day = word.starts_with(|c: char| c.is_ascii_digit())
        && names_month(rest.split([' ', '.', ',']).next().unwrap_or_default());
    !label && !day && !ABBREVIATIONS.contains(&word)
}

/// Whether a remark begins that does not say the answer once more: ", which proves it".
fn remarks(line: &str, at: usize) -> bool {
    const SAYS: [&str; 5] = ["is ", "equals ", "gives ", "comes to ", "makes "];
    let Some(rest) = line[at..].strip_prefix(", which ") else {
        return false;
    };
    let says_number = line[..at].contains(|c: char| c.is_ascii_digit());
    let goes_on = !says_number && rest.contains(", ");
    let says = says_number && SAYS.iter().any(|verb| rest.starts_with(verb));
    !says && !goes_on
}

#[cfg(test)]
mod tests {
    use super::sentence;

    #[test]
    fn words_that_say_an_answer() {
        for (line, expected) in [
            ("7. Then", "7"),
            ("2.5.", "2.5."),
            ("7, i.e. about 6.9. Then", "7, i.e. about 6.9"),
            ("C. 14 cm. Then", "C. 14 cm"),
            ("der 13. Mai. Dann", "der 13. Mai"),
            ("2; 5", "2; 5"),
            ("2; 5 is too big", "2"),
            ("7, which proves it", "7"),
            (
                "the sum of 3 and 4, which is 7",
                "the sum of 3 and 4, which is 7",
            ),
            ("B, which is 7", "B"),
            ("7 because 3 + 4 = 7", "7"),
            ("7? No", "7"),
            ("7。对", "7"),
        ] {
            assert_eq!(sentence(line), expected, "{line}");
        }
    }
}
