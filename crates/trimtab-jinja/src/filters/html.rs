//! Filters for HTML and addresses.

use std::fmt::Write;

use super::text_of;
use crate::error::Error;
use crate::eval::{Args, Machine};
use crate::python::{is_space, str_repr};
use crate::value::Value;

/// What `escape` writes, and other forms of it.
const ENTITIES: [(&str, &str); 8] = [
    ("&amp;", "&"),
    ("&lt;", "<"),
    ("&gt;", ">"),
    ("&quot;", "\""),
    ("&apos;", "'"),
    ("&#39;", "'"),
    ("&#34;", "\""),
    ("&nbsp;", "\u{a0}"),
];

pub(super) fn apply(
    machine: &mut Machine,
    name: &str,
    value: &Value,
    args: Args,
) -> Result<Value, Error> {
    if name == "xmlattr" {
        let [space] = args.bind(name, ["autospace"], 0)?;
        return xmlattr(machine, value, space.is_none_or(|space| space.is_true()));
    }
    args.positional::<0>(name, 0)?;
    match (name, value) {
        ("e" | "escape", Value::Markup(_)) => Ok(value.clone()),
        ("e" | "escape" | "forceescape", _) => {
            let text = escape(&text_of(machine, value)?);
            machine.fuel.text(text.len())?;
            Ok(Value::Markup(text.into()))
        }
        ("safe", _) => Ok(Value::Markup(text_of(machine, value)?.into())),
        ("striptags", _) => strip_tags(&text_of(machine, value)?),
        _ => url_encode(machine, value),
    }
}

fn escape(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => result += "&amp;",
            '<' => result += "&lt;",
            '>' => result += "&gt;",
            '\'' => result += "&#39;",
            '"' => result += "&#34;",
            c => result.push(c),
        }
    }
    result
}

/// `Markup.striptags`
fn strip_tags(text: &str) -> Result<Value, Error> {
    let mut text = text.to_owned();
    for (begin, end) in [("<!--", "-->"), ("<", ">")] {
        let mut result = String::new();
        let mut rest = text.as_str();
        while let Some(start) = rest.find(begin)
            && let Some(stop) = rest[start..].find(end)
        {
            result += &rest[..start];
            rest = &rest[start + stop + end.len()..];
        }
        text = result + rest;
    }
    let words: Vec<&str> = text
        .split(is_space)
        .filter(|word| !word.is_empty())
        .collect();
    unescape(&words.join(" ")).map(Value::from)
}

/// `html.unescape`, for the entities that `escape` writes.
fn unescape(text: &str) -> Result<String, Error> {
    let mut result = String::new();
    let mut rest = text;
    while let Some(start) = rest.find('&') {
        result += &rest[..start];
        rest = &rest[start..];
        let after = rest[1..].chars().next();
        if after.is_none_or(|c| " \t\n\u{c}<&;".contains(c)) {
            result.push('&');
            rest = &rest[1..];
            continue;
        }
        let known = ENTITIES
            .into_iter()
            .find(|(entity, _)| rest.starts_with(entity));
        let Some((entity, character)) = known else {
            return Err(Error::new(
                "`striptags` knows the entities of `escape` only",
            ));
        };
        result += character;
        rest = &rest[entity.len()..];
    }
    Ok(result + rest)
}

fn url_encode(machine: &Machine, value: &Value) -> Result<Value, Error> {
    let quoted = |value: &Value, in_query: bool| {
        let text = text_of(machine, value)?;
        machine.fuel.text(text.len() * 3)?;
        Ok::<_, Error>(quote(&text, in_query))
    };
    let pairs = match value {
        Value::Dict(dict) => dict
            .iter()
            .map(|(key, value)| (key.value(), value.clone()))
            .collect(),
        Value::Str(_) | Value::Markup(_) => return quoted(value, false).map(Value::from),
        _ => match value.items() {
            Err(_) => return quoted(value, false).map(Value::from),
            Ok(pairs) => {
                let mut entries = vec![];
                for pair in pairs {
                    match <[Value; 2]>::try_from(pair.items()?) {
                        Ok([key, value]) => entries.push((key, value)),
                        Err(_) => return Err(Error::new("a query needs pairs")),
                    }
                }
                entries
            }
        },
    };
    let mut parts = vec![];
    for (key, value) in pairs {
        parts.push(format!("{}={}", quoted(&key, true)?, quoted(&value, true)?));
    }
    Ok(Value::from(parts.join("&")))
}

/// `urllib.parse.quote`
fn quote(text: &str, in_query: bool) -> String {
    let mut result = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'.' | b'-' | b'~' => {
                result.push(char::from(byte));
            }
            b'/' if !in_query => result.push('/'),
            b' ' if in_query => result.push('+'),
            byte => write!(result, "%{byte:02X}").expect("a string takes all"),
        }
    }
    result
}

fn xmlattr(machine: &Machine, value: &Value, space: bool) -> Result<Value, Error> {
    let Value::Dict(dict) = value else {
        let kind = value.type_name();
        return Err(Error::new(format!(
            "'{kind}' object has no attribute 'items'"
        )));
    };
    let mut parts = vec![];
    for (key, value) in dict.iter() {
        if matches!(value, Value::None | Value::Undefined(_)) {
            continue;
        }
        let name = key
            .as_str()
            .ok_or_else(|| Error::new("an attribute needs a str as name"))?;
        if name.contains(|c: char| "/>=\u{b}".contains(c) || c.is_ascii_whitespace()) {
            let name = str_repr(name);
            return Err(Error::new(format!(
                "Invalid character in attribute name: {name}"
            )));
        }
        let text = match value {
            Value::Markup(text) => text.to_string(),
            _ => escape(&text_of(machine, value)?),
        };
        parts.push(format!("{}=\"{text}\"", escape(name)));
    }
    let text = parts.join(" ");
    machine.fuel.text(text.len())?;
    let before = if space && !text.is_empty() { " " } else { "" };
    Ok(Value::from(format!("{before}{text}")))
}
