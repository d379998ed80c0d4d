//! Methods of `str`.

use crate::error::Error;
use crate::eval::Args;
use crate::format::{dict_arguments, format};
use crate::fuel::Fuel;
use crate::python::{is_printable, is_space, split_lines};
use crate::value::Value;

/// `text.name(args)`
pub(super) fn call(text: &str, name: &str, args: Args, fuel: &Fuel) -> Result<Value, Error> {
    fuel.text(text.len())?;
    match name {
        "format" => format(text, &args.positional, &args.named, fuel).map(Value::from),
        "format_map" => {
            let [mapping] = args.positional(name, 1)?;
            let named = mapping.as_ref().and_then(dict_arguments);
            let named = named.ok_or_else(|| Error::new("format_map takes a mapping"))?;
            format(text, &[], &named, fuel).map(Value::from)
        }
        "strip" | "lstrip" | "rstrip" => {
            let [chars] = args.positional(name, 0)?;
            let chars = optional_text(name, chars.as_ref())?;
            Ok(Value::from(strip(text, name, chars)))
        }
        "split" | "rsplit" => split(text, name, args, fuel),
        "splitlines" => {
            let [keep] = args.bind(name, ["keepends"], 0)?;
            let lines = split_lines(text, keep.is_some_and(|keep| keep.is_true()));
            list(lines, fuel)
        }
        "partition" | "rpartition" => {
            let [separator] = args.positional(name, 1)?;
            partition(text, name, needed_text(name, separator.as_ref())?)
        }
        "startswith" | "endswith" => starts_or_ends(text, name, args),
        "find" | "index" | "rfind" | "rindex" | "count" => search(text, name, args),
        "replace" => {
            let [old, new, count] = args.bind(name, ["old", "new", "count"], 2)?;
            let old = needed_text(name, old.as_ref())?;
            let new = needed_text(name, new.as_ref())?;
            let count = whole(name, count.as_ref(), -1)?;
            replace(text, old, new, count, fuel).map(Value::from)
        }
        "join" => {
            let [items] = args.positional(name, 1)?;
            let items = items.unwrap_or(Value::None).items()?;
            fuel.spend(items.len())?;
            let mut parts = vec![];
            for item in &items {
                let part = item.as_str().ok_or_else(|| {
                    let kind = item.type_name();
                    Error::new(format!("join expected str instances, {kind} found"))
                })?;
                fuel.text(part.len() + text.len())?;
                parts.push(part);
            }
            Ok(Value::from(parts.join(text)))
        }
        "center" | "ljust" | "rjust" | "zfill" => pad(text, name, args, fuel),
        "expandtabs" => expand_tabs(text, args, fuel),
        "removeprefix" | "removesuffix" => {
            let [part] = args.positional(name, 1)?;
            let part = needed_text(name, part.as_ref())?;
            let rest = match name {
                "removeprefix" => text.strip_prefix(part),
                _ => text.strip_suffix(part),
            };
            Ok(Value::from(rest.unwrap_or(text)))
        }
        "encode" | "maketrans" | "translate" => Err(Error::new(format!(
            "the method `{name}` of 'str' is not supported"
        ))),
        _ => {
            args.positional::<0>(name, 0)?;
            match change_case(text, name) {
                Some(changed) => Ok(Value::from(changed)),
                None => is_all(text, name).map(Value::Bool),
            }
        }
    }
}

fn list(parts: Vec<&str>, fuel: &Fuel) -> Result<Value, Error> {
    fuel.spend(parts.len())?;
    Ok(Value::list(parts.into_iter().map(Value::from).collect()))
}

fn needed_text<'v>(name: &str, value: Option<&'v Value>) -> Result<&'v str, Error> {
    optional_text(name, value)?.ok_or_else(|| Error::new(format!("{name} needs a str, not None")))
}

fn optional_text<'v>(name: &str, value: Option<&'v Value>) -> Result<Option<&'v str>, Error> {
    match value {
        None | Some(Value::None) => Ok(None),
        Some(value) => match value.as_str() {
            Some(text) => Ok(Some(text)),
            None => Err(Error::new(format!(
                "{name} needs a str, not {}",
                value.type_name()
            ))),
        },
    }
}

fn whole(name: &str, value: Option<&Value>, default: i64) -> Result<i64, Error> {
    match value {
        None => Ok(default),
        Some(value) => value.as_i64().ok_or_else(|| {
            let kind = value.type_name();
            Error::new(format!("{name} needs an int, not {kind}"))
        }),
    }
}

/// `strip`, `lstrip` and `rstrip`.
pub(crate) fn strip<'t>(text: &'t str, name: &str, chars: Option<&str>) -> &'t str {
    let matches = |c: char| match chars {
        Some(chars) => chars.contains(c),
        None => is_space(c),
    };
    match name {
        "lstrip" => text.trim_start_matches(matches),
        "rstrip" => text.trim_end_matches(matches),
        _ => text.trim_matches(matches),
    }
}

fn split(text: &str, name: &str, args: Args, fuel: &Fuel) -> Result<Value, Error> {
    let [separator, count] = args.bind(name, ["sep", "maxsplit"], 0)?;
    let separator = optional_text(name, separator.as_ref())?;
    let count = whole(name, count.as_ref(), -1)?;
    let count = usize::try_from(count).unwrap_or(usize::MAX - 1);
    let parts = match (separator, name) {
        (Some(""), _) => return Err(Error::new("empty separator")),
        (Some(separator), "split") => text.splitn(count + 1, separator).collect(),
        (Some(separator), _) => {
            let mut parts: Vec<&str> = text.rsplitn(count + 1, separator).collect();
            parts.reverse();
            parts
        }
        (None, "split") => split_space(text, count),
        (None, _) => rsplit_space(text, count),
    };
    list(parts, fuel)
}

/// Parts between runs of white space.
fn split_space(text: &str, count: usize) -> Vec<&str> {
    let mut parts = vec![];
    let mut rest = text.trim_start_matches(is_space);
    while !rest.is_empty() {
        let end = if parts.len() < count {
            rest.find(is_space).unwrap_or(rest.len())
        } else {
            rest.len()
        };
        parts.push(&rest[..end]);
        rest = rest[end..].trim_start_matches(is_space);
    }
    parts
}

fn rsplit_space(text: &str, count: usize) -> Vec<&str> {
    let mut parts = vec![];
    let mut rest = text.trim_end_matches(is_space);
    while !rest.is_empty() {
        let start = if parts.len() < count {
            rest.char_indices()
                .rev()
                .find(|(_, c)| is_space(*c))
                .map_or(0, |(index, c)| index + c.len_utf8())
        } else {
            0
        };
        parts.push(&rest[start..]);
        rest = rest[..start].trim_end_matches(is_space);
    }
    parts.reverse();
    parts
}

fn partition(text: &str, name: &str, separator: &str) -> Result<Value, Error> {
    if separator.is_empty() {
        return Err(Error::new("empty separator"));
    }
    let parts = match name {
        "partition" => match text.split_once(separator) {
            Some((before, after)) => [before, separator, after],
            None => [text, "", ""],
        },
        _ => match text.rsplit_once(separator) {
            Some((before, after)) => [before, separator, after],
            None => ["", "", text],
        },
    };
    Ok(Value::tuple(parts.into_iter().map(Value::from).collect()))
}

/// The part of `text` between two optional indices of characters, and where it begins in both
/// characters and bytes. `None` if the first lies behind the end.
fn window<'t>(
    text: &'t str,
    name: &str,
    start: Option<&Value>,
    stop: Option<&Value>,
) -> Result<Option<(&'t str, usize)>, Error> {
    let length = text.chars().count() as i64;
    let bound = |bound: Option<&Value>, default: i64| match bound {
        None | Some(Value::None) => Ok(default),
        bound => {
            let index = whole(name, bound, 0)?;
            Ok(if index < 0 {
                (index + length).max(0)
            } else {
                index
            })
        }
    };
    let (start, stop) = (bound(start, 0)?, bound(stop, length)?.min(length));
    if start > stop {
        return Ok(None);
    }
    let byte = |index: i64| {
        let mut indices = text.char_indices().map(|(byte, _)| byte);
        indices.nth(index as usize).unwrap_or(text.len())
    };
    Ok(Some((&text[byte(start)..byte(stop)], start as usize)))
}

fn starts_or_ends(text: &str, name: &str, args: Args) -> Result<Value, Error> {
    let [wanted, start, stop] = args.positional(name, 1)?;
    let wanted = wanted.unwrap_or(Value::None);
    let mut texts = vec![];
    match &wanted {
        Value::Tuple(items) | Value::Group(items) => {
            for item in items.iter() {
                texts.push(needed_text(name, Some(item))?);
            }
        }
        other => texts.push(needed_text(name, Some(other))?),
    }
    let Some((part, _)) = window(text, name, start.as_ref(), stop.as_ref())? else {
        return Ok(Value::Bool(false));
    };
    Ok(Value::Bool(texts.into_iter().any(|wanted| match name {
        "startswith" => part.starts_with(wanted),
        _ => part.ends_with(wanted),
    })))
}

fn search(text: &str, name: &str, args: Args) -> Result<Value, Error> {
    let [wanted, start, stop] = args.positional(name, 1)?;
    let wanted = needed_text(name, wanted.as_ref())?;
    let window = window(text, name, start.as_ref(), stop.as_ref())?;
    if name == "count" {
        return Ok(Value::from(window.map_or(0, |(part, _)| match wanted {
            "" => part.chars().count() + 1,
            _ => part.matches(wanted).count(),
        })));
    }
    let found = window.and_then(|(part, start)| {
        let byte = if name.starts_with('r') {
            part.rfind(wanted)
        } else {
            part.find(wanted)
        };
        Some(start + part[..byte?].chars().count())
    });
    match found {
        Some(index) => Ok(Value::from(index)),
        None if name.ends_with("index") => Err(Error::new("substring not found")),
        None => Ok(Value::from(-1_i64)),
    }
}

/// `text.replace(old, new, count)`; a negative count replaces all.
pub(crate) fn replace(
    text: &str,
    old: &str,
    new: &str,
    count: i64,
    fuel: &Fuel,
) -> Result<String, Error> {
    let places = match old {
        "" => text.chars().count() + 1,
        _ => text.matches(old).count(),
    };
    let places = places.min(usize::try_from(count).unwrap_or(usize::MAX));
    fuel.text(text.len() + new.len().saturating_mul(places))?;
    Ok(text.replacen(old, new, places))
}

fn pad(text: &str, name: &str, args: Args, fuel: &Fuel) -> Result<Value, Error> {
    let (width, fill) = if name == "zfill" {
        let [width] = args.positional(name, 1)?;
        (width, None)
    } else {
        let [width, fill] = args.positional(name, 1)?;
        (width, fill)
    };
    let width = whole(name, width.as_ref(), 0)?;
    let fill = match &fill {
        None if name == "zfill" => "0",
        None => " ",
        Some(fill) => match fill.as_str() {
            Some(text) if text.chars().count() == 1 => text,
            _ => {
                return Err(Error::new(
                    "The fill character must be exactly one character long",
                ));
            }
        },
    };
    let length = text.chars().count();
    let missing = usize::try_from(width).unwrap_or(0).saturating_sub(length);
    fuel.text(missing.saturating_mul(fill.len()))?;
    let filled = |count: usize| fill.repeat(count);
    Ok(Value::from(match name {
        "ljust" => text.to_owned() + &filled(missing),
        "rjust" => filled(missing) + text,
        "center" => center(text, missing, width as usize, fill),
        _ => match text.strip_prefix(['+', '-']) {
            Some(digits) => format!("{}{}{digits}", &text[..1], filled(missing)),
            None => filled(missing) + text,
        },
    }))
}

/// `text.center`: CPython puts an odd character left in odd widths.
pub(crate) fn center(text: &str, missing: usize, width: usize, fill: &str) -> String {
    let before = missing / 2 + (missing & width & 1);
    format!(
        "{}{text}{}",
        fill.repeat(before),
        fill.repeat(missing - before)
    )
}

fn expand_tabs(text: &str, args: Args, fuel: &Fuel) -> Result<Value, Error> {
    let [size] = args.bind("expandtabs", ["tabsize"], 0)?;
    let size = usize::try_from(whole("expandtabs", size.as_ref(), 8)?).unwrap_or(0);
    let mut result = String::new();
    let mut column = 0;
    for c in text.chars() {
        match c {
            '\t' if size > 0 => {
                let spaces = size - column % size;
                fuel.text(spaces)?;
                result += &" ".repeat(spaces);
                column += spaces;
            }
            '\t' => {}
            '\n' | '\r' => {
                result.push(c);
                column = 0;
            }
            _ => {
                result.push(c);
                column += 1;
            }
        }
    }
    Ok(Value::from(result))
}

/// Methods that change the case.
pub(crate) fn change_case(text: &str, name: &str) -> Option<String> {
    Some(match name {
        "lower" => text.to_lowercase(),
        "upper" => text.to_uppercase(),
        "casefold" => text.chars().map(casefold).collect(),
        "swapcase" => text
            .chars()
            .map(|c| {
                if c.is_lowercase() {
                    c.to_uppercase().to_string()
                } else {
                    c.to_lowercase().to_string()
                }
            })
            .collect(),
        "capitalize" => {
            let mut chars = text.chars();
            let first = chars.next().map(title).unwrap_or_default();
            first + &chars.as_str().to_lowercase()
        }
        "title" => {
            let mut after_letter = false;
            let word = |c: char| {
                let changed = if after_letter {
                    c.to_lowercase().to_string()
                } else {
                    title(c)
                };
                after_letter = is_cased(c);
                changed
            };
            text.chars().map(word).collect()
        }
        _ => return None,
    })
}

fn is_cased(c: char) -> bool {
    c.is_lowercase() || c.is_uppercase()
}

/// A letter at the beginning of a word.
fn title(c: char) -> String {
    let mut upper = c.to_uppercase();
    let first = upper.next().unwrap_or(c);
    std::iter::once(first)
        .chain(upper.flat_map(char::to_lowercase))
        .collect()
}

fn casefold(c: char) -> String {
    match c {
        'ı' => c.to_string(),
        _ => c.to_uppercase().flat_map(char::to_lowercase).collect(),
    }
}

/// Methods that ask for a property of all characters.
fn is_all(text: &str, name: &str) -> Result<bool, Error> {
    let all = |property: fn(char) -> bool| !text.is_empty() && text.chars().all(property);
    Ok(match name {
        "isspace" => all(is_space),
        "isalpha" => all(char::is_alphabetic),
        "isalnum" => all(char::is_alphanumeric),
        "isnumeric" => all(char::is_numeric),
        "isascii" => text.is_ascii(),
        "isprintable" => text.chars().all(is_printable),
        "isdigit" | "isdecimal" => {
            if all(char::is_numeric) && !text.is_ascii() {
                return Err(Error::new(format!(
                    "`{name}` is supported for ASCII digits only"
                )));
            }
            all(|c| c.is_ascii_digit())
        }
        "isidentifier" => {
            let starts = text.starts_with(|c: char| c.is_alphabetic() || c == '_');
            starts && text.chars().all(|c| c.is_alphanumeric() || c == '_')
        }
        "islower" => text.chars().any(is_cased) && !text.chars().any(char::is_uppercase),
        "isupper" => text.chars().any(is_cased) && !text.chars().any(char::is_lowercase),
        _ => {
            // `istitle`
            let mut after_letter = false;
            for c in text.chars().filter(|_| true) {
                if is_cased(c) && after_letter == c.is_uppercase() {
                    return Ok(false);
                }
                after_letter = is_cased(c);
            }
            text.chars().any(is_cased)
        }
    })
}
