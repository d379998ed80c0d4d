//! The letter of a choice in a text.

mod stance;

use self::stance::{Stance, is_cued, stance};
use super::piece::is_unspaced;
use crate::prose::is_dress;

/// What announced words pick.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Pick<'a> {
    Letter(&'a str),
    /// They name several letters and do not decide, or deny the only one.
    Undecided,
    /// They name no letter.
    None,
}

/// What announced words pick: the letter with which they start, or the only one that they do not
/// deny.
pub(super) fn announced(text: &str) -> Pick<'_> {
    if let Some(letter) = lower_case(text) {
        return Pick::Letter(letter);
    }
    let letters = letters(text);
    let Some(first) = letters.first() else {
        return Pick::None;
    };
    let affirmed: Vec<&Letter> = letters
        .iter()
        .filter(|letter| !letter.is_denied())
        .collect();
    if first.leads && !first.is_denied() {
        let joined = letters.get(1).is_some_and(|next| next.joined);
        return if joined {
            Pick::Undecided
        } else {
            Pick::Letter(first.text)
        };
    }
    match affirmed.as_slice() {
        [.., last] if affirmed.iter().all(|letter| letter.text == last.text) => {
            Pick::Letter(last.text)
        }
        [.., last] if last.is_picked() && !last.joined => Pick::Letter(last.text),
        _ => Pick::Undecided,
    }
}

/// The letter that a message picks without announcing an answer: that of the last sentence that
/// has letters, or the first character of the message.
pub(super) fn last(text: &str) -> Option<&str> {
    const MAX_BYTES: usize = 4_096;
    const MAX_HEAD: usize = 64;
    let text = text.trim();
    if let Some(letter) = lower_case(text) {
        return Some(letter);
    }
    let mut end = text.len();
    let first = text.ceil_char_boundary(end.saturating_sub(MAX_BYTES));
    while end > first {
        let start = sentence_start(&text[..end], first);
        let sentence = &text[start..end];
        let letters = letters(sentence);
        end = start;
        if letters.is_empty() || sentence.trim_end().ends_with(['?', '？']) {
            continue;
        }
        if lists_all(&letters) {
            return None;
        }
        let Some(last) = letters.iter().rfind(|letter| !letter.is_denied()) else {
            continue; // every letter is denied
        };
        if last.joined {
            return None;
        }
        let heads = last.leads && last.closed && !lists_options(&text[..start], last.text);
        if last.is_picked() || heads {
            return Some(last.text);
        }
        break;
    }
    let head = letters(&text[..text.floor_char_boundary(MAX_HEAD)]);
    let first = head.first()?;
    let picks = first.leads && first.closed && !first.is_denied();
    (picks && !text.contains("\nB")).then_some(first.text)
}

/// What the content of a box picks, apart from the commands of TeX in it: `\text{Option B}`.
///
/// Other commands than those of text make it a formula, which picks nothing.
pub(super) fn boxed(content: &str) -> Pick<'static> {
    const MAX_BYTES: usize = 256;
    if content.len() > MAX_BYTES {
        return Pick::None;
    }
    let Some(words) = without_dress(content) else {
        return Pick::None;
    };
    match announced(words.trim()) {
        Pick::Letter(letter) => {
            let index = usize::from(letter.as_bytes()[0] - b'A');
            Pick::Letter(&LETTERS[index..=index])
        }
        Pick::Undecided => Pick::Undecided,
        Pick::None => Pick::None,
    }
}

/// The words of TeX that has no commands other than those of text.
pub(super) fn without_dress(content: &str) -> Option<String> {
    let mut words = String::with_capacity(content.len());
    let mut rest = content;
    while let Some(at) = rest.find('\\') {
        words.push_str(&rest[..at]);
        let command = &rest[at + 1..];
        let name = command.bytes().take_while(u8::is_ascii_alphabetic).count();
        if name > 0 && !is_dress(&command[..name]) {
            return None;
        }
        rest = &command[name..];
    }
    words.push_str(rest);
    words.retain(|c| !matches!(c, '{' | '}'));
    Some(words)
}

const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// A capital letter that stands alone.
struct Letter<'a> {
    text: &'a str,
    /// No word comes before it.
    leads: bool,
    /// Punctuation or the end follows.
    closed: bool,
    stance: Stance,
    /// Only a comma, "and" or "or" separates it from the letter before.
    joined: bool,
}

impl Letter<'_> {
    fn is_denied(&self) -> bool {
        self.stance == Stance::Denied
    }

    fn is_picked(&self) -> bool {
        self.stance == Stance::Picked
    }
}

/// The letters of a text.
fn letters(text: &str) -> Vec<Letter<'_>> {
    const MAX_LETTERS: usize = 64;
    let bytes = text.as_bytes();
    let mut letters: Vec<Letter> = Vec::new();
    let mut end = 0;
    let mut reason = false;
    for at in 0..bytes.len() {
        if !bytes[at].is_ascii_uppercase() || letters.len() == MAX_LETTERS || !is_alone(text, at) {
            continue;
        }
        let before = before(&text[..at]);
        let enclosed = is_enclosed(text, at);
        if !enclosed && is_word(bytes[at], before, &text[at + 1..]) {
            continue;
        }
        reason = end > 0 && (reason && !concludes(&text[end..at]) || gives_reason(&text[end..at]));
        if reason {
            end = at + 1;
            continue;
        }
        let joined = end > 0 && is_joint(&text[end..at]);
        let mut stance = stance(before, &text[at + 1..], enclosed);
        if joined && letters.last().is_some_and(Letter::is_denied) {
            stance = Stance::Denied;
        } else if joined && stance == Stance::Denied {
            deny_joined(&mut letters);
        }
        letters.push(Letter {
            text: &text[at..=at],
            leads: before.is_empty(),
            closed: is_closed(&text[at + 1..]),
            stance,
            joined,
        });
        end = at + 1;
    }
    letters
}

/// Whether a text lists the options without a word about them: `(A) 3 (B) 4 (C) 5`.
pub(super) fn is_listing(text: &str) -> bool {
    const MAX_BYTES: usize = 4_096;
    text.len() <= MAX_BYTES && text.contains(['C', 'c']) && lists_all(&letters(text))
}

/// Whether another letter follows a letter that was announced: "$A$ or B".
pub(super) fn offers_another(rest: &str) -> bool {
    const MAX_BYTES: usize = 48;
    let rest = &rest[..rest.floor_char_boundary(MAX_BYTES)];
    let rest = rest.trim_start_matches(|c: char| is_markup(c) || matches!(c, '`' | '\\'));
    let rest = match rest.strip_prefix("end{") {
        Some(name) => name
            .split_once('}')
            .map_or("", |(_, rest)| rest.trim_start()),
        None => rest,
    };
    let Some(other) = ["or ", "and/or "]
        .iter()
        .find_map(|word| rest.strip_prefix(word))
    else {
        return false;
    };
    letters(other)
        .first()
        .is_some_and(|letter| letter.text.as_ptr().addr() - other.as_ptr().addr() < 20)
}

/// Whether letters list the options: (A), (B), (C), none of which is denied.
fn lists_all(letters: &[Letter]) -> bool {
    letters.len() > 2
        && letters
            .iter()
            .zip(b'A'..)
            .all(|(letter, expected)| letter.text.as_bytes()[0] == expected && !letter.is_denied())
}

/// Denies the last letters as far as they are joined: "A, B and C fail".
fn deny_joined(letters: &mut [Letter]) {
    for letter in letters.iter_mut().rev() {
        letter.stance = Stance::Denied;
        if !letter.joined {
            break;
        }
    }
}

/// Whether a reason begins between two letters and goes on: "B, since A is too small".
fn gives_reason(between: &str) -> bool {
    const WORDS: [&str; 4] = [" since ", " because ", " as ", " given that "];
    WORDS
        .iter()
        .filter_map(|word| between.rfind(word))
        .max()
        .is_some_and(|at| !concludes(&between[at..]))
}

/// Whether a conclusion begins between two letters.
fn concludes(between: &str) -> bool {
    const WORDS: [&str; 8] = [
        " so ",
        "therefore",
        "thus",
        "hence",
        "leaves",
        "leaving",
        "which means",
        "; ",
    ];
    WORDS.iter().any(|word| between.contains(word))
}

/// Whether a letter is no part of a word, name or formula.
fn is_alone(text: &str, at: usize) -> bool {
    if text[..at].ends_with('\'') && text[at + 1..].starts_with('\'') {
        return true;
    }
    let before = text[..at]
        .chars()
        .next_back()
        .filter(|_| !text[..at].ends_with("__"));
    let after = text[at + 1..].chars().next();
    let second = text[at + 1..].chars().nth(1);
    let is_letter = |c: char| c.is_alphanumeric() && !is_unspaced(c);
    let is_bound_before =
        |c: char| is_letter(c) || matches!(c, '\'' | '’' | '\\' | '_' | '^' | '+' | '/');
    let is_bound_after =
        |c: char| is_letter(c) || matches!(c, '\'' | '’' | '_' | '^' | '=' | '+' | '/');
    let has_hyphen = after == Some('-') && second.is_some_and(char::is_alphanumeric);
    let is_named = text[at + 1..]
        .trim_start_matches(['$', ' '])
        .starts_with('=');
    !before.is_some_and(is_bound_before)
        && !after.is_some_and(is_bound_after)
        && !has_hyphen
        && !is_named
}

/// Whether "A" or "I" is a word of the sentence.
fn is_word(letter: u8, before: &str, after: &str) -> bool {
    const VERBS: [&str; 4] = ["is ", "are ", "and ", "or "];
    const GOES_ON: [&str; 8] = [
        "because", "since", "as ", "but ", "which ", "not ", "would", "seems",
    ];
    match letter {
        b'A' => {
            let next = after.strip_prefix(' ').unwrap_or_default();
            let starts = |words: &[&str]| words.iter().any(|word| next.starts_with(word));
            let picks = starts(&VERBS) || is_cued(before) && starts(&GOES_ON);
            next.starts_with(char::is_lowercase) && !picks
        }
        b'I' => true,
        _ => false,
    }
}

/// Whether brackets or emphasis enclose the letter.
fn is_enclosed(text: &str, at: usize) -> bool {
    const PAIRS: [(&str, &str); 12] = [
        ("'", "'"),
        ("‘", "’"),
        ("(", ")"),
        ("[", "]"),
        ("**", "**"),
        ("**", ")"),
        ("**", "."),
        ("**", ":"),
        ("「", "」"),
        ("\"", "\""),
        ("{", "}"),
        ("（", "）"),
    ];
    PAIRS
        .iter()
        .any(|(open, close)| text[..at].ends_with(open) && text[at + 1..].starts_with(close))
}

fn is_closed(after: &str) -> bool {
    after.chars().next().is_none_or(|c| {
        matches!(
            c,
            '.' | ')'
                | ':'
                | ']'
                | '}'
                | ','
                | '\n'
                | '*'
                | '$'
                | '。'
                | '」'
                | '，'
                | '：'
                | '、'
                | '）'
        )
    }) || after.starts_with(is_unspaced)
        || after.trim().is_empty()
}

fn is_markup(character: char) -> bool {
    matches!(
        character,
        '(' | ')'
            | '['
            | ']'
            | '{'
            | '}'
            | ' '
            | '\u{a0}'
            | '\u{2009}'
            | '*'
            | '"'
            | '$'
            | '「'
            | '」'
            | '（'
            | '）'
            | '_'
            | '#'
            | '>'
            | '\''
            | '‘'
            | '’'
    )
}

/// The words before a letter, without markup and nouns such as "option".
fn before(text: &str) -> &str {
    const NOUNS: [&str; 24] = [
        "option",
        "options",
        "choice",
        "answer",
        "letter",
        "statement",
        "lettre",
        "letra",
        "lettera",
        "opción",
        "opção",
        "alternativa",
        "la",
        "the",
        "el",
        "l'",
        "вариант",
        "Option",
        "Choice",
        "Letter",
        "选项",
        "đáp án",
        "\\text",
        "a",
    ];
    let mut text = text.trim_end_matches(is_markup);
    while let Some(shorter) = NOUNS.iter().find_map(|noun| ends_with_word(text, noun)) {
        text = shorter.trim_end_matches(is_markup);
    }
    text.trim_start_matches(is_markup)
}

/// `text` without `word` at its end.
fn ends_with_word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let rest = text.strip_suffix(word)?;
    let goes_on = rest.ends_with(|c: char| c.is_alphanumeric() && !is_unspaced(c));
    (!goes_on || word.starts_with(is_unspaced)).then_some(rest)
}

/// Whether only separators stand between two letters.
fn is_joint(between: &str) -> bool {
    const MAX_BYTES: usize = 24;
    between.len() <= MAX_BYTES
        && between
            .split(|c: char| is_markup(c) || matches!(c, ',' | '/' | '&' | '、' | '|'))
            .all(|word| {
                matches!(
                    word,
                    "" | "\\text"
                        | "\\textbf"
                        | "\\mathbf"
                        | "\\mathrm"
                        | "and"
                        | "or"
                        | "nor"
                        | "et"
                        | "ou"
                        | "und"
                        | "oder"
                        | "y"
                        | "o"
                        | "或"
                        | "和"
                )
            })
}

/// The start of the last sentence of `text`, not before `first`.
fn sentence_start(text: &str, first: usize) -> usize {
    let body = text[first..].trim_end();
    let body = body.trim_end_matches(['.', '!', '?', '。', '？', ';']);
    let stops = ["\n", "。", "！", "？", "；"]
        .iter()
        .filter_map(|stop| Some(body.rfind(stop)? + stop.len()));
    let spaced = [". ", "! ", "? ", "; "].iter().filter_map(|stop| {
        let at = body.rfind(stop)?;
        // "C. 14 cm" is one sentence.
        let is_label = body[..at].ends_with(|c: char| c.is_ascii_uppercase())
            && !body[..at - 1].ends_with(|c: char| c.is_alphanumeric() || c == ' ');
        (!is_label).then_some(at + stop.len())
    });
    first + stops.chain(spaced).max().unwrap_or(0)
}

/// Whether the line before starts with the letter before `letter`, as in a list of options.
fn lists_options(text: &str, letter: &str) -> bool {
    let line = text.trim_end().lines().next_back().unwrap_or_default();
    let line = line.trim_start_matches(is_markup);
    let previous = letter.as_bytes()[0].wrapping_sub(1);
    text.ends_with('\n') && !text.ends_with("\n\n") && line.as_bytes().first() == Some(&previous)
}

/// The letter of a text that is one letter in lower case, or starts with one in parentheses.
fn lower_case(text: &str) -> Option<&'static str> {
    let text = text.trim();
    let inner = ["option ", "choice ", "letter ", "Option ", "Choice "]
        .iter()
        .find_map(|noun| text.strip_prefix(noun))
        .unwrap_or(text);
    let opened = inner.trim_start_matches(['(', '*', ' ', '$', '[']);
    let letter = opened.bytes().next().filter(u8::is_ascii_lowercase)?;
    let rest = &opened[1..];
    let in_parentheses = inner.len() > opened.len() && rest.starts_with([')', ']']);
    let is_whole = rest
        .trim_matches(|c: char| is_markup(c) || c == '.')
        .is_empty();
    let index = usize::from(letter - b'a');
    (in_parentheses || is_whole || rest.starts_with(')') && !rest.contains('('))
        .then(|| &LETTERS[index..=index])
}

#[cfg(test)]
mod tests {
    use super::{Pick, announced, last};

    #[test]
    fn announced_letters() {
        for (text, expected) in [
            ("B", Pick::Letter("B")),
            ("(B)", Pick::Letter("B")),
            ("**B) 3/8**", Pick::Letter("B")),
            ("B: the second", Pick::Letter("B")),
            ("B, not C", Pick::Letter("B")),
            ("option B", Pick::Letter("B")),
            ("b", Pick::Letter("B")),
            ("(b) 12", Pick::Letter("B")),
            ("the second one, B", Pick::Letter("B")),
            ("not A but B", Pick::Letter("B")),
            ("A or B", Pick::Undecided),
            ("(A) (B) (C)", Pick::Undecided),
            ("A, B, C and D", Pick::Undecided),
            ("not B", Pick::Undecided),
            ("a circle", Pick::None),
            ("I cannot decide", Pick::None),
            ("Eight", Pick::None),
        ] {
            assert_eq!(announced(text), expected, "{text:?}");
        }
    }

    #[test]
    fn letters_that_end_a_message() {
        for (text, expected) in [
            ("B", Some("B")),
            ("**B**", Some("B")),
            ("[[B]]", Some("B")),
            ("b", Some("B")),
            ("B. Because it fits.", Some("B")),
            ("B) because of A", Some("B")),
            ("Option B: 14 cm", Some("B")),
            ("A is wrong, C is wrong, so B", Some("B")),
            ("I think A... no, B.", Some("B")),
            ("It can't be C since C fails, so I'm choosing B.", Some("B")),
            ("Between B and C I lean towards B.", Some("B")),
            (
                "Is it C? No, C would make it odd. So it must be B.",
                Some("B"),
            ),
            ("Which?\nA. 4\nB. 5\nC. 6\n\nB. 5", Some("B")),
            ("Neither A nor C can hold, which leaves B.", Some("B")),
            ("故选B。", Some("B")),
            ("The option that fits is (B).", Some("B")),
            // no decision
            ("Neither A nor B can hold.", None),
            ("It is not A. It is not B.", None),
            ("We can rule out A, C and B.", None),
            ("I am torn between A and B.", None),
            ("Both A and B are correct.", None),
            ("Therefore, A, C and B are all possible.", None),
            ("So the match is A-3, C-2, B-1.", None),
            ("Which?\nA. 4\nB. 5", None),
            // no choice
            ("A triangle ABC has a right angle at B.", None),
            ("Let A be the area and B the base; then B = 12.", None),
            ("A careful look shows that none of these work.", None),
            ("I do not know.", None),
        ] {
            assert_eq!(last(text), expected, "{text:?}");
        }
    }
}
