//! JSON exactly as Python's `json.dumps` writes it.

use crate::error::Error;
use crate::fuel::Fuel;
use crate::ops::sort_order;
use crate::python::{MAX_NESTING, float_repr, int_str};
use crate::sort::sorted;
use crate::value::{Dict, Value};

/// The arguments of `json.dumps`.
pub(crate) struct Style {
    /// What a level is indented by; without it, all is one line.
    pub(crate) indent: Option<String>,
    pub(crate) item_separator: String,
    pub(crate) key_separator: String,
    pub(crate) ensure_ascii: bool,
    pub(crate) sort_keys: bool,
}

/// `json.dumps(value)`
pub(crate) fn dumps(value: &Value, style: &Style, fuel: &Fuel) -> Result<String, Error> {
    let mut writer = Writer {
        text: String::new(),
        style,
        fuel,
    };
    writer.value(value, 0)?;
    Ok(writer.text)
}

struct Writer<'a> {
    text: String,
    style: &'a Style,
    fuel: &'a Fuel,
}

impl Writer<'_> {
    fn value(&mut self, value: &Value, depth: usize) -> Result<(), Error> {
        if depth > MAX_NESTING {
            return Err(Error::new("a value nests too deeply for JSON"));
        }
        match value {
            Value::Str(text) | Value::Markup(text) => self.string(text)?,
            Value::List(items) | Value::Tuple(items) | Value::Group(items) => {
                self.items("[", "]", items, depth, |writer, item| {
                    writer.value(item, depth + 1)
                })?;
            }
            Value::Dict(dict) => {
                let entries = self.entries(dict)?;
                self.items("{", "}", &entries, depth, |writer, (key, value)| {
                    writer.string(key)?;
                    writer.text += &writer.style.key_separator;
                    writer.value(value, depth + 1)
                })?;
            }
            _ => {
                if let Some(text) = scalar(value)? {
                    self.fuel.text(text.len())?;
                    self.text += &text;
                } else {
                    let name = value.type_name();
                    let message = format!("Object of type {name} is not JSON serializable");
                    return Err(Error::new(message));
                }
            }
        }
        Ok(())
    }

    /// Keys and values in their order.
    fn entries(&self, dict: &Dict) -> Result<Vec<(String, Value)>, Error> {
        let mut entries: Vec<(Value, Value)> = dict
            .iter()
            .map(|(key, value)| (key.value(), value.clone()))
            .collect();
        if self.style.sort_keys {
            let fuel = self.fuel;
            entries = sorted(
                entries,
                |(left, _), (right, _)| sort_order(left, right, fuel),
                fuel,
            )?;
        }
        let mut named = vec![];
        for (key, value) in entries {
            let name = match key.as_str() {
                Some(text) => text.to_owned(),
                None => scalar(&key)?.ok_or_else(|| {
                    let name = key.type_name();
                    Error::new(format!(
                        "keys must be str, int, float, bool or None, not {name}"
                    ))
                })?,
            };
            named.push((name, value));
        }
        Ok(named)
    }

    fn items<T>(
        &mut self,
        begin: &str,
        end: &str,
        items: &[T],
        depth: usize,
        mut write: impl FnMut(&mut Self, &T) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.text += begin;
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.text += &self.style.item_separator;
            }
            self.new_line(depth + 1)?;
            write(self, item)?;
        }
        if !items.is_empty() {
            self.new_line(depth)?;
        }
        self.text += end;
        self.fuel.spend(1)
    }

    fn new_line(&mut self, depth: usize) -> Result<(), Error> {
        if let Some(indent) = &self.style.indent {
            self.fuel.text(indent.len().saturating_mul(depth))?;
            self.text.push('\n');
            self.text += &indent.repeat(depth);
        }
        Ok(())
    }

    fn string(&mut self, text: &str) -> Result<(), Error> {
        self.fuel.text(text.len())?;
        self.text.push('"');
        for c in text.chars() {
            match c {
                '"' => self.text += "\\\"",
                '\\' => self.text += "\\\\",
                '\n' => self.text += "\\n",
                '\r' => self.text += "\\r",
                '\t' => self.text += "\\t",
                '\u{8}' => self.text += "\\b",
                '\u{c}' => self.text += "\\f",
                c if c < ' ' => self.text += &format!("\\u{:04x}", c as u32),
                // With `ensure_ascii`, `json.dumps` escapes 0x7f no more than other ASCII.
                c if self.style.ensure_ascii && !c.is_ascii() => {
                    for unit in c.encode_utf16(&mut [0; 2]) {
                        self.text += &format!("\\u{unit:04x}");
                    }
                }
                c => self.text.push(c),
            }
        }
        self.text.push('"');
        Ok(())
    }
}

/// The text of a value that is no text and has no items.
fn scalar(value: &Value) -> Result<Option<String>, Error> {
    Ok(Some(match value {
        Value::None => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Int(number) => int_str(number)?,
        Value::Float(number) if number.is_nan() => "NaN".to_owned(),
        Value::Float(number) if number.is_infinite() => {
            if *number > 0.0 {
                "Infinity".to_owned()
            } else {
                "-Infinity".to_owned()
            }
        }
        Value::Float(number) => float_repr(*number),
        _ => return Ok(None),
    }))
}
