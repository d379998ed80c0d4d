//! Words before an answer that say nothing, and remarks behind it that repeat it.

/// Words that lead to an answer, in lower case.
const LEADS: [&str; 30] = [
    "therefore",
    "thus",
    "hence",
    "so",
    "then",
    "finally",
    "let",
    "we have",
    "we get",
    "we obtain",
    "there are",
    "there is",
    "there were",
    "there will be",
    "it is",
    "it's",
    "this is",
    "that is",
    "the answer is",
    "answer is",
    "the final answer is",
    "the result is",
    "the value is",
    "the solution is",
    "the solutions are",
    "the answers are",
    "answer:",
    "final answer:",
    "i.e.",
    "namely",
];

/// The text without the words that lead to the answer: `Therefore, there are 12 ways`.
pub(crate) fn without_lead(text: &str) -> &str {
    const MOST: usize = 4;
    let is_worded = text.starts_with(|c: char| c.is_ascii_alphabetic());
    if !is_worded || !text.contains([' ', '~', ':']) {
        return text;
    }
    let mut text = text;
    for _ in 0..MOST {
        let Some(rest) = LEADS.iter().find_map(|lead| after(text, lead)) else {
            break;
        };
        text = rest;
    }
    text
}

/// What follows a lead at the start of a text.
fn after<'a>(text: &'a str, lead: &str) -> Option<&'a str> {
    let start = text.get(..lead.len())?;
    let rest = &text[lead.len()..];
    let ends = lead.ends_with([':', '.']) || rest.starts_with([' ', ',', ':', '~']);
    let rest = rest.trim_start_matches([' ', ',', ':', '~']);
    (start.eq_ignore_ascii_case(lead) && ends && !rest.is_empty() && !is_code(rest)).then_some(rest)
}

/// Whether a text has a name with its arguments, as program code has: `sqrt(2)`.
fn is_code(text: &str) -> bool {
    let called = |window: &[u8]| window[0].is_ascii_alphabetic() && window[1] == b'(';
    text.as_bytes().windows(2).any(called)
}

/// The answer before parentheses at its end, and what they hold: `13 (thirteen)`.
pub(crate) fn with_remark(text: &str) -> Option<(&str, &str)> {
    let (before, inner) = text
        .trim_end_matches('.')
        .strip_suffix(')')?
        .rsplit_once('(')?;
    let (apart, inner) = (before.trim_end_matches([' ', '~', '\\']), inner.trim());
    // A factor or an argument is no remark.
    let ends_value = apart.ends_with(|c: char| c.is_alphanumeric() || "})]%$°!".contains(c));
    if apart.len() == before.len() || !ends_value {
        return None;
    }
    let before = apart;
    let inner = ["i.e.,", "i.e.", "or", "that is,", "="]
        .iter()
        .find_map(|lead| inner.strip_prefix(lead))
        .unwrap_or(inner)
        .trim_start();
    (!inner.is_empty()).then_some((before, inner))
}

/// Whether a remark says that it is rounded: `≈ 3.46`.
pub(crate) fn is_approximate(remark: &str) -> bool {
    ["≈", "\\approx", "about", "approximately"]
        .iter()
        .any(|sign| remark.starts_with(sign))
}

#[cfg(test)]
mod tests {
    use super::{with_remark, without_lead};

    #[test]
    fn leads_say_nothing() {
        for (text, expected) in [
            ("Therefore, there are 12 ways", "12 ways"),
            ("So the answer is 5", "5"),
            ("The answer is: 5", "5"),
            ("solution", "solution"),
            ("so", "so"),
            ("There are no solutions", "no solutions"),
            ("It is not 5", "not 5"),
        ] {
            assert_eq!(without_lead(text), expected, "{text}");
        }
    }

    #[test]
    fn remarks_stand_at_the_end() {
        assert_eq!(with_remark("13 (thirteen)"), Some(("13", "thirteen")));
        assert_eq!(with_remark("1/2 (i.e. 0.5)"), Some(("1/2", "0.5")));
        assert_eq!(with_remark("(1, 2)"), None);
        assert_eq!(with_remark("5 ()"), None);
    }
}
