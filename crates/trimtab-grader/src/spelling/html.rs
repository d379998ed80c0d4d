//! HTML in answers: character references and the tags of styles.

use std::borrow::Cow;

/// Whether a text may contain a character reference or a tag.
pub(super) fn may_contain(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.windows(2).any(|pair| {
        matches!(pair[0], b'&' | b'<')
            && (pair[1].is_ascii_alphabetic() || matches!(pair[1], b'#' | b'/'))
    })
}

/// The text with characters and LaTeX in place of HTML.
pub(super) fn decoded(text: &str) -> Cow<'_, str> {
    if !may_contain(text) {
        return Cow::Borrowed(text);
    }
    let has_closing_tags = text.contains("</");
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['&', '<']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let found = if rest.starts_with('&') {
            reference(rest)
        } else {
            tag(rest, has_closing_tags)
        };
        let Some((length, spelling)) = found else {
            out.push_str(&rest[..1]);
            rest = &rest[1..];
            continue;
        };
        out.push_str(&spelling);
        rest = &rest[length..];
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// The length and the spelling of a character reference: `&le;`, `&#215;`.
fn reference(rest: &str) -> Option<(usize, Cow<'static, str>)> {
    const MAX_NAME: usize = 10;
    let end = rest.bytes().take(MAX_NAME).position(|byte| byte == b';')?;
    let name = &rest[1..end];
    if let Some(code) = name.strip_prefix('#') {
        let code = match code.strip_prefix(['x', 'X']) {
            Some(code) => u32::from_str_radix(code, 16).ok()?,
            None => code.parse().ok()?,
        };
        let character = char::from_u32(code).filter(|c| !c.is_control())?;
        return Some((end + 1, character.to_string().into()));
    }
    let spelling = match name {
        "nbsp" | "ensp" | "emsp" | "thinsp" => " ",
        "lt" => "<",
        "gt" => ">",
        "amp" => "&",
        "quot" => "\"",
        "le" => "≤",
        "ge" => "≥",
        "ne" => "≠",
        "asymp" => "≈",
        "equiv" => "≡",
        "minus" | "ndash" | "mdash" => "-",
        "plusmn" => "±",
        "times" => "×",
        "middot" | "sdot" => "·",
        "divide" => "÷",
        "frasl" => "/",
        "radic" => "√",
        "infin" => "∞",
        "deg" => "°",
        "apos" | "prime" | "rsquo" | "lsquo" => "'",
        "permil" => "‰",
        "euro" => "€",
        "pound" => "£",
        "yen" => "¥",
        "cent" => "¢",
        "frac12" => "½",
        "frac14" => "¼",
        "frac34" => "¾",
        "sup1" => "¹",
        "sup2" => "²",
        "sup3" => "³",
        "isin" => "∈",
        "cup" => "∪",
        "cap" => "∩",
        "empty" => "∅",
        "rarr" => "→",
        "hellip" => "…",
        name if crate::vocabulary::is_greek(name) => {
            return Some((end + 1, format!("\\{name} ").into()));
        }
        _ => return None,
    };
    Some((end + 1, spelling.into()))
}

/// The length and the spelling of a tag. The tags of styles are left out.
fn tag(rest: &str, has_closing_tags: bool) -> Option<(usize, Cow<'static, str>)> {
    const MAX_TAG: usize = 120;
    const STYLES: [&str; 16] = [
        "b", "i", "u", "p", "em", "strong", "span", "div", "font", "center", "code", "small",
        "big", "mark", "math", "br",
    ];
    let closing = rest[1..].starts_with('/');
    let start = 1 + usize::from(closing);
    let length = rest[start..]
        .bytes()
        .take_while(u8::is_ascii_alphabetic)
        .count();
    let name = &rest[start..start + length];
    let end = start
        + length
        + rest[start + length..]
            .bytes()
            .take(MAX_TAG)
            .position(|byte| byte == b'>' || byte == b'<')?;
    let inner = rest[start + length..end].trim();
    if !rest[end..].starts_with('>') || !(inner.is_empty() || inner == "/" || inner.contains('=')) {
        return None;
    }
    // `a<b>c` is a comparison.
    if !has_closing_tags && !matches!(name, "br" | "p") {
        return None;
    }
    let spelling = match name {
        "sup" | "sub" if closing => "}",
        "sup" => "^{",
        "sub" => "_{",
        _ if STYLES.contains(&name) => " ",
        _ => return None,
    };
    Some((end + 1, spelling.into()))
}

#[cfg(test)]
mod tests {
    use super::decoded;

    #[test]
    fn html_is_decoded() {
        for (text, expected) in [
            ("<b>12</b>", " 12 "),
            ("a<sub>1</sub>x<sup>2</sup>", "a_{1}x^{2}"),
            ("&nbsp;12<br/>", " 12 "),
            ("7&minus;x &le; &pi;", "7-x ≤ \\pi "),
            ("2 &#215; &#x33;", "2 × 3"),
            ("<span style=\"color:red\">5</span>", " 5 "),
            // Comparisons and columns are not HTML.
            ("a<b>c", "a<b>c"),
            ("x<y and y>2", "x<y and y>2"),
            ("1&2\\\\3&4", "1&2\\\\3&4"),
            ("a&b;c", "a&b;c"),
            ("&#0;", "&#0;"),
        ] {
            assert_eq!(decoded(text), expected, "{text}");
        }
    }
}
