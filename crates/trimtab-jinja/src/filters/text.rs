//! Filters of texts.

use super::wrap::wrap;
use super::{as_kind_of, text_of, whole};
use crate::error::Error;
use crate::eval::{Args, Machine};
use crate::format::percent;
use crate::methods;
use crate::python::{is_space, split_lines};
use crate::value::{Dict, Key, Value};

pub(super) fn apply(
    machine: &mut Machine,
    name: &str,
    value: &Value,
    args: Args,
) -> Result<Value, Error> {
    match name {
        "upper" | "lower" | "capitalize" | "string" | "title" | "wordcount" => {
            args.positional::<0>(name, 0)?;
            let text = text_of(machine, value)?;
            Ok(match name {
                "string" => as_kind_of(value, text),
                "title" => Value::from(title(&text)),
                "wordcount" => Value::from(word_count(&text)),
                _ => {
                    let changed = methods::change_case(&text, name).unwrap_or(text);
                    machine.fuel.text(changed.len())?;
                    as_kind_of(value, changed)
                }
            })
        }
        "trim" => {
            let [chars] = args.bind(name, ["chars"], 0)?;
            let text = text_of(machine, value)?;
            let chars = match &chars {
                None | Some(Value::None) => None,
                Some(chars) => match chars.as_str() {
                    Some(chars) => Some(chars),
                    None => return Err(Error::new("strip arg must be None or str")),
                },
            };
            Ok(as_kind_of(value, methods::strip(&text, "strip", chars)))
        }
        "replace" => {
            let [old, new, count] = args.bind(name, ["old", "new", "count"], 2)?;
            let text = text_of(machine, value)?;
            let old = text_of(machine, &old.unwrap_or(Value::None))?;
            let new = text_of(machine, &new.unwrap_or(Value::None))?;
            let count = match count {
                None | Some(Value::None) => -1,
                Some(count) => whole(name, &count)?,
            };
            methods::replace(&text, &old, &new, count, &machine.fuel).map(Value::from)
        }
        "center" => {
            let [width] = args.bind(name, ["width"], 0)?;
            let width = width.map_or(Ok(80), |width| whole(name, &width))?;
            let text = text_of(machine, value)?;
            let width = usize::try_from(width).unwrap_or(0);
            let missing = width.saturating_sub(text.chars().count());
            machine.fuel.text(missing)?;
            Ok(as_kind_of(
                value,
                methods::center(&text, missing, width, " "),
            ))
        }
        "format" => {
            let text = text_of(machine, value)?;
            if !args.positional.is_empty() && !args.named.is_empty() {
                return Err(Error::new(
                    "can't handle positional and keyword arguments at the same time",
                ));
            }
            let named = args
                .named
                .into_iter()
                .map(|(name, value)| (Key::from(&*name), value));
            let named: Dict = named.collect();
            let arguments = if named.is_empty() {
                Value::tuple(args.positional)
            } else {
                Value::dict(named)
            };
            percent(&text, &arguments, &machine.fuel).map(Value::from)
        }
        "indent" => indent(machine, value, args),
        "truncate" => truncate(machine, value, args),
        _ => word_wrap(machine, value, args),
    }
}

/// Words begin after white space, `-`, or an opening bracket.
fn title(text: &str) -> String {
    let mut result = String::new();
    let mut starts = true;
    for c in text.chars() {
        if is_space(c) || "-({[<".contains(c) {
            result.push(c);
            starts = true;
        } else if starts {
            result.extend(c.to_uppercase());
            starts = false;
        } else {
            result.extend(c.to_lowercase());
        }
    }
    result
}

fn word_count(text: &str) -> usize {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    text.split(|c| !is_word(c))
        .filter(|word| !word.is_empty())
        .count()
}

fn needed<'v>(name: &str, value: &'v Value) -> Result<&'v str, Error> {
    match value {
        Value::Undefined(message) => Err(Error::new(&**message)),
        Value::Str(text) | Value::Markup(text) => Ok(text),
        _ => Err(Error::new(format!(
            "{name} needs a str, not {}",
            value.type_name()
        ))),
    }
}

fn indent(machine: &Machine, value: &Value, args: Args) -> Result<Value, Error> {
    let [width, first, blank] = args.bind("indent", ["width", "first", "blank"], 0)?;
    let text = needed("indent", value)?;
    let is_true = |value: Option<Value>| value.is_some_and(|value| value.is_true());
    let (first, blank) = (is_true(first), is_true(blank));
    let indention = match width.unwrap_or(Value::from(4_i64)) {
        Value::Str(text) => text.to_string(),
        width => {
            let width = usize::try_from(whole("indent", &width)?).unwrap_or(0);
            machine.fuel.text(width)?;
            " ".repeat(width)
        }
    };
    let text = format!("{text}\n");
    let lines = split_lines(&text, false);
    machine
        .fuel
        .text(text.len() + lines.len().saturating_mul(indention.len()))?;
    let mut result = String::new();
    for (index, line) in lines.iter().enumerate() {
        if index > 0 {
            result.push('\n');
        }
        let indented = match index {
            0 => first,
            _ => blank || !line.is_empty(),
        };
        if indented {
            result += &indention;
        }
        result += line;
    }
    Ok(as_kind_of(value, result))
}

fn truncate(machine: &Machine, value: &Value, args: Args) -> Result<Value, Error> {
    let parameters = ["length", "killwords", "end", "leeway"];
    let [length, kill_words, end, leeway] = args.bind("truncate", parameters, 0)?;
    let number = |value: Option<Value>, default| match value {
        None | Some(Value::None) => Ok(default),
        Some(value) => whole("truncate", &value),
    };
    let (length, leeway) = (number(length, 255)?, number(leeway, 5)?);
    let end = end.unwrap_or_else(|| Value::from("..."));
    let end = needed("truncate", &end)?;
    let end_length = end.chars().count() as i64;
    if length < end_length || leeway < 0 {
        return Err(Error::new(format!(
            "expected length >= {end_length}, got {length}"
        )));
    }
    let size = value
        .length()
        .ok_or_else(|| Error::new("truncate needs a str"))?;
    machine.fuel.spend(size)?;
    if size as i64 <= length.saturating_add(leeway) {
        return Ok(value.clone());
    }
    let text = needed("truncate", value)?;
    let kept: String = text.chars().take((length - end_length) as usize).collect();
    if kill_words.is_some_and(|kill| kill.is_true()) {
        return Ok(Value::from(kept + end));
    }
    let words = kept
        .rsplit_once(' ')
        .map_or(kept.as_str(), |(words, _)| words);
    Ok(Value::from(format!("{words}{end}")))
}

fn word_wrap(machine: &Machine, value: &Value, args: Args) -> Result<Value, Error> {
    let parameters = [
        "width",
        "break_long_words",
        "wrapstring",
        "break_on_hyphens",
    ];
    let [width, long, end, hyphens] = args.bind("wordwrap", parameters, 0)?;
    let width = width.map_or(Ok(79), |width| whole("wordwrap", &width))?;
    let is_true = |value: Option<Value>| value.is_none_or(|value| value.is_true());
    let (long, hyphens) = (is_true(long), is_true(hyphens));
    let end = match &end {
        None | Some(Value::None) => "\n",
        Some(end) => needed("wordwrap", end)?,
    };
    let text = needed("wordwrap", value)?;
    let mut lines = vec![];
    for line in split_lines(text, false) {
        machine.fuel.text(line.len().saturating_mul(2))?;
        lines.push(wrap(line, width, long, hyphens)?.join(end));
    }
    machine
        .fuel
        .text(text.len().saturating_mul(1 + end.len()))?;
    Ok(Value::from(lines.join(end)))
}
