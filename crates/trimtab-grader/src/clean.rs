//! A text as it was meant, where escapes, markup or invisible characters damaged it.

mod escapes;
mod html;

use std::borrow::Cow;

/// Restores TeX commands whose first letters a string escape ate, replaces HTML entities and tags,
/// and drops invisible characters.
///
/// Texts of more than 64 KiB stay as they are.
pub(crate) fn clean(text: &str) -> Cow<'_, str> {
    const MAX_BYTES: usize = 1 << 16; // bounds the time
    let bytes = text.as_bytes();
    if bytes.len() > MAX_BYTES {
        return Cow::Borrowed(text);
    }
    let mut cleaned = String::new();
    let mut copied = 0;
    let mut at = 0;
    while at < bytes.len() {
        if !CANDIDATES[usize::from(bytes[at])] {
            at += 1;
            continue;
        }
        match replacement(text, at) {
            // Nothing is replaced twice.
            Some(found) if found.start == at || found.start > copied || copied == 0 => {
                cleaned.push_str(&text[copied..found.start]);
                cleaned.push_str(&found.with);
                copied = found.end;
                at = found.end.max(at + 1);
            }
            _ => at += 1,
        }
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    cleaned.push_str(&text[copied..]);
    Cow::Owned(cleaned)
}

/// The bytes at which something may have to be replaced.
const CANDIDATES: [bool; 256] = {
    let mut table = [false; 256];
    let bytes = b"~\x07\x08\t\n\x0b\x0c\r\x1b\\&<{\xc2\xcb\xe2\xef";
    let mut at = 0;
    while at < bytes.len() {
        table[bytes[at] as usize] = true;
        at += 1;
    }
    table
};

/// What replaces the bytes from `start` to `end` of a text.
struct Replacement {
    start: usize,
    end: usize,
    with: Cow<'static, str>,
}

/// The replacement for what begins at `at`, or ends there.
fn replacement(text: &str, at: usize) -> Option<Replacement> {
    let from_here = |(length, with): (usize, Cow<'static, str>)| Replacement {
        start: at,
        end: at + length,
        with,
    };
    match text.as_bytes()[at] {
        b'&' => html::entity(&text[at..]).map(from_here),
        b'<' => html::tag(&text[at..]).map(from_here),
        b'~' => struck_out(text, at).map(|length| from_here((length, "".into()))),
        b'\\' => {
            escapes::escaped_backslash(&text[at..]).map(|length| from_here((length, "\\".into())))
        }
        b'{' => escapes::bare_command(&text[..at]).map(|(length, name)| Replacement {
            start: at - length,
            end: at,
            with: name.into(),
        }),
        0xc2 | 0xcb | 0xe2 | 0xef => {
            if let Some(length) = odd_minus(text, at) {
                return Some(from_here((length, "-".into())));
            }
            if let Some(letter) = wide_letter(text, at) {
                return Some(from_here((3, letter.into())));
            }
            let invisible = text[at..].chars().next().filter(|c| is_invisible(*c))?;
            Some(from_here((invisible.len_utf8(), "".into())))
        }
        _ => escapes::eaten(text, at).map(|letter| from_here((1, letter.into()))),
    }
}

/// The length of words that Markdown strikes out at `at`, beside others: `~~6~~ 7`.
fn struck_out(text: &str, at: usize) -> Option<usize> {
    const MAX_BYTES: usize = 128;
    let rest = text[at..].strip_prefix("~~")?;
    let inside = &rest[..rest.floor_char_boundary(MAX_BYTES)];
    let words = &inside[..inside.find("~~")?];
    let length = words.len() + 4;
    let stands_alone = (at == 0 || text[..at].ends_with([' ', '\n', '*', '(', ':']))
        && !text[at + length..].starts_with(|c: char| c.is_alphanumeric() || c == '~');
    let is_words = !words.is_empty()
        && words.trim().len() == words.len()
        && !words.contains(['\n', '\\', '~']);
    (stands_alone && is_words && length < text.trim().len()).then_some(length)
}

/// The length of a sign that stands for a minus sign before a number: `⁻90`, `﹣90`.
fn odd_minus(text: &str, at: usize) -> Option<usize> {
    let sign = text[at..].chars().next()?;
    let is_minus = matches!(sign, '⁻' | '˗' | '﹣' | '➖' | '⁃');
    let opens = !text[..at].ends_with(|c: char| c.is_alphanumeric() || matches!(c, ')' | '}'));
    let behind = text[at + sign.len_utf8()..].trim_start_matches(['$', '\\']);
    (is_minus && opens && behind.starts_with(|c: char| c.is_ascii_digit() || c == '.'))
        .then_some(sign.len_utf8())
}

/// The letter that a full-width one stands for: `Ｂ`.
fn wide_letter(text: &str, at: usize) -> Option<&'static str> {
    const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let letter = match text[at..].chars().next()? {
        wide @ 'Ａ'..='Ｚ' => u32::from(wide) - u32::from('Ａ'),
        wide @ 'ａ'..='ｚ' => u32::from(wide) - u32::from('ａ') + 26,
        _ => return None,
    };
    let index = usize::try_from(letter).ok()?;
    LETTERS.get(index..=index)
}

/// Whether a character has no width and no meaning in an answer.
fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{ad}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{2064}'
            | '\u{2066}'..='\u{2069}'
            | '\u{fe0e}'
            | '\u{fe0f}'
            | '\u{feff}'
    )
}

#[cfg(test)]
mod tests {
    use super::clean;

    #[test]
    fn eaten_escapes_are_restored() {
        for (text, expected) in [
            ("\\boxed{\u{c}rac{1}{2}}", r"\boxed{\frac{1}{2}}"),
            ("\u{8}oxed{7}", r"\boxed{7}"),
            ("\u{8}egin{pmatrix}", r"\begin{pmatrix}"),
            ("\u{7}lpha + \u{7}ngle A", r"\alpha + \angle A"),
            ("\u{b}ec{v}", r"\vec{v}"),
            ("(1, 2\right)", r"(1, 2\right)"),
            ("3\ttimes 4, 3\times 4", "3\ttimes 4, 3\\times 4"),
            ("5\text{ m} \textbf{A}", r"5\text{ m} \textbf{A}"),
            ("\\boxed{\tan 1}", r"\boxed{\tan 1}"),
            ("\theta \tfrac12", r"\theta \tfrac12"),
            ("x \neq 5, x \notin A", r"x \neq 5, x \notin A"),
            (r"\u005cboxed{7}", r"\boxed{7}"),
            ("frac{1}{2}, boxed{7}", r"\frac{1}{2}, \boxed{7}"),
            ("rac{1}{2}, oxed{7}", r"\frac{1}{2}, \boxed{7}"),
            ("/boxed{7}", r"\boxed{7}"),
        ] {
            assert_eq!(clean(text), expected, "{text:?}");
        }
    }

    #[test]
    fn blanks_that_are_no_escapes_stay() {
        for text in [
            "7\tan apple\n\textra\n",
            "\tan apple",
            "one\nequal\nnot\nnuts\r\nright\r\n",
            "a\u{c}race \u{8}ox",
            r"\dfrac{1}{2} \tfrac{1}{2} \cfrac{1}{2}",
            r"\\boxed{7} \\frac{1}{2}",
            "a_{1} unboxed{7} \\mathrm{frac} { frac {1}",
        ] {
            assert_eq!(clean(text), text, "{text:?}");
        }
    }

    #[test]
    fn markup_is_replaced() {
        for (text, expected) in [
            ("<b>7</b> <strong>8</strong>", "7 8"),
            ("~~6~~ 7, ~~six~~ **seven**", " 7,  **seven**"),
            ("x<sup>2</sup> + a<sub>1</sub>", "x^{2} + a_{1}"),
            ("7<br>8<br/>9<BR />", "7\n8\n9\n"),
            ("<span style=\"color: red\">7</span>", "7"),
            ("x &lt; 7 &amp;&nbsp;y &ge; 8", "x < 7 & y ≥ 8"),
            ("&minus;7 &times; 8&deg; &#8722;&#x37;", "−7 × 8° −7"),
            ("\u{200b}7\u{200b} \u{feff}8\u{2060}", "7 8"),
        ] {
            assert_eq!(clean(text), expected, "{text:?}");
        }
    }

    #[test]
    fn signs_that_are_no_markup_stay() {
        for text in [
            "a<b and c>d, a <b c> d",
            "0<p<1, 0<i>7",
            "1 & 2; 3 &lt 4; &unknown; &#xffffffff; &#55555;",
            "<answer>7</answer> <think>",
            "x < 7 > y",
            "− é ½ 「７」",
            "~~7~~",
            "x~~=~~7, 5~~\\text{cm}~~",
            "~~7 8",
        ] {
            assert_eq!(clean(text), text, "{text:?}");
        }
    }
}
