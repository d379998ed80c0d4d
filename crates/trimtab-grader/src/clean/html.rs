//! HTML entities and tags.

use std::borrow::Cow;

use crate::vocabulary;

/// The length of the entity at the start of `text`, and its character.
pub(super) fn entity(text: &str) -> Option<(usize, Cow<'static, str>)> {
    const MAX_NAME: usize = 10;
    let bytes = text.as_bytes();
    let end = memchr::memchr(b';', &bytes[..bytes.len().min(MAX_NAME)])?;
    let name = &text[1..end];
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(digits) => u32::from_str_radix(digits, 16).ok()?,
            None => number.parse().ok()?,
        };
        let character = char::from_u32(code).filter(|c| !c.is_control())?;
        return Some((end + 1, character.to_string().into()));
    }
    if let Some((_, character)) = ENTITIES.iter().find(|(entity, _)| *entity == name) {
        return Some((end + 1, (*character).into()));
    }
    let greek = vocabulary::is_greek(name).then(|| format!("\\{name} ").into())?;
    Some((end + 1, greek))
}

const ENTITIES: [(&str, &str); 50] = [
    ("amp", "&"),
    ("lt", "<"),
    ("gt", ">"),
    ("quot", "\""),
    ("apos", "'"),
    ("nbsp", " "),
    ("ensp", " "),
    ("emsp", " "),
    ("thinsp", " "),
    ("minus", "−"),
    ("ndash", "–"),
    ("mdash", "—"),
    ("times", "×"),
    ("divide", "÷"),
    ("plusmn", "±"),
    ("middot", "·"),
    ("sdot", "⋅"),
    ("bull", "•"),
    ("le", "≤"),
    ("leq", "≤"),
    ("ge", "≥"),
    ("geq", "≥"),
    ("ne", "≠"),
    ("asymp", "≈"),
    ("equiv", "≡"),
    ("infin", "∞"),
    ("radic", "√"),
    ("deg", "°"),
    ("sup1", "¹"),
    ("sup2", "²"),
    ("sup3", "³"),
    ("frac12", "½"),
    ("frac14", "¼"),
    ("frac34", "¾"),
    ("cup", "∪"),
    ("cap", "∩"),
    ("isin", "∈"),
    ("empty", "∅"),
    ("rarr", "→"),
    ("euro", "€"),
    ("pound", "£"),
    ("lbrace", "{"),
    ("frasl", "/"),
    ("prime", "'"),
    ("rsquo", "'"),
    ("lsquo", "'"),
    ("permil", "‰"),
    ("yen", "¥"),
    ("cent", "¢"),
    ("hellip", "…"),
];

/// The length of the tag at the start of `text`, and what replaces it.
pub(super) fn tag(text: &str) -> Option<(usize, Cow<'static, str>)> {
    const MAX_TAG: usize = 160;
    const MAX_CONTENT: usize = 256;
    let bytes = &text.as_bytes()[1..];
    let end = memchr::memchr2(b'>', b'<', &bytes[..bytes.len().min(MAX_TAG)])?;
    if bytes[end] == b'<' {
        return None;
    }
    let inner = text[1..=end].trim_end_matches('/').trim_end();
    let (closes, inner) = match inner.strip_prefix('/') {
        Some(inner) => (true, inner),
        None => (false, inner),
    };
    let (name, attributes) = inner.split_once(' ').unwrap_or((inner, ""));
    if !attributes.trim().is_empty() && !attributes.contains('=') {
        return None;
    }
    let is = |names: &[&str]| names.iter().any(|known| name.eq_ignore_ascii_case(known));
    let with = if is(&["b", "i", "u", "p"]) {
        // "a<b>c" is a chain of inequalities.
        let rest = &text.as_bytes()[..text.len().min(MAX_CONTENT)];
        let is_closed = || {
            let close = [b'<', b'/', name.as_bytes()[0]];
            memchr::memmem::find(rest, &close).is_some()
        };
        (closes || is_closed()).then_some(if is(&["p"]) { "\n" } else { "" })?
    } else if is(INLINE) {
        ""
    } else if is(&["td", "th"]) {
        " "
    } else if is(BLOCKS) {
        "\n"
    } else if is(&["sup"]) {
        if closes { "}" } else { "^{" }
    } else if is(&["sub"]) {
        if closes { "}" } else { "_{" }
    } else {
        return None;
    };
    Some((end + 2, with.into()))
}

const INLINE: &[&str] = &[
    "strong", "em", "span", "mark", "code", "tt", "kbd", "var", "big", "small", "font", "bold",
    "math",
];
const BLOCKS: &[&str] = &[
    "br",
    "div",
    "li",
    "ul",
    "ol",
    "table",
    "thead",
    "tbody",
    "tr",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "center",
    "pre",
    "section",
    "blockquote",
];
