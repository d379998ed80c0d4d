//! Texts as Python sees and prints them.

use crate::error::Error;
use crate::fuel::Fuel;
use crate::lexer::escape_non_ascii;
use crate::value::{Dict, Key, Object, Value, lock};

/// Deepest nesting of lists and dicts that is printed or compared.
pub(crate) const MAX_NESTING: usize = 500;

/// Longest number that Python prints, in digits.
const MAX_DIGITS: usize = 4300;

/// `str.isspace` of a character.
pub(crate) fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

/// Whether a character ends a line for `str.splitlines`.
pub(crate) fn is_line_end(c: char) -> bool {
    matches!(
        c,
        '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{1c}'..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}'
    )
}

/// `str.splitlines`
pub(crate) fn split_lines(text: &str, keep_ends: bool) -> Vec<&str> {
    let mut lines = vec![];
    let mut rest = text;
    while let Some(end) = rest.find(is_line_end) {
        let width = if rest[end..].starts_with("\r\n") {
            2
        } else {
            rest[end..].chars().next().map_or(0, char::len_utf8)
        };
        lines.push(&rest[..if keep_ends { end + width } else { end }]);
        rest = &rest[end + width..];
    }
    if !rest.is_empty() {
        lines.push(rest);
    }
    lines
}

/// `str(value)`
pub(crate) fn to_str(value: &Value, fuel: &Fuel) -> Result<String, Error> {
    let text = match value {
        Value::Undefined(_) => String::new(),
        Value::Str(text) | Value::Markup(text) => text.to_string(),
        _ => return repr(value, fuel),
    };
    fuel.text(text.len())?;
    Ok(text)
}

/// `repr(value)`
pub(crate) fn repr(value: &Value, fuel: &Fuel) -> Result<String, Error> {
    let mut text = String::new();
    write_repr(value, &mut text, fuel, 0)?;
    Ok(text)
}

fn write_repr(value: &Value, text: &mut String, fuel: &Fuel, depth: usize) -> Result<(), Error> {
    if depth > MAX_NESTING {
        return Err(Error::new("a value nests too deeply to be printed"));
    }
    let start = text.len();
    match value {
        Value::Undefined(_) => *text += "Undefined",
        Value::None => *text += "None",
        Value::Bool(true) => *text += "True",
        Value::Bool(false) => *text += "False",
        Value::Int(number) => *text += &int_str(number)?,
        Value::Float(number) => *text += &float_repr(*number),
        Value::Str(string) => *text += &str_repr(string),
        Value::Markup(string) => *text += &format!("Markup({})", str_repr(string)),
        Value::List(items) => write_items("[", items, "]", text, fuel, depth)?,
        Value::Tuple(items) | Value::Group(items) => {
            let end = if items.len() == 1 { ",)" } else { ")" };
            write_items("(", items, end, text, fuel, depth)?;
        }
        Value::Dict(dict) => write_dict(dict, text, fuel, depth)?,
        Value::Object(object) => match &**object {
            Object::Range(range) => {
                *text += &format!("range({}, {}", range.start, range.stop);
                if range.step != 1 {
                    *text += &format!(", {}", range.step);
                }
                *text += ")";
            }
            Object::View(view, dict) => {
                *text += value.type_name();
                write_items("([", &view.items(dict), "])", text, fuel, depth)?;
            }
            Object::Namespace(attributes) => {
                *text += "<Namespace ";
                let attributes = lock(attributes).clone();
                write_dict(&attributes, text, fuel, depth)?;
                *text += ">";
            }
            Object::Macro(definition, _) => match &definition.name {
                Some(name) => *text += &format!("<Macro {}>", str_repr(name)),
                None => *text += "<Macro anonymous>",
            },
            Object::Loop(state) => {
                let (index, length) = lock(state).place();
                *text += &format!("<LoopContext {index}/{length}>");
            }
            _ => {
                let name = value.type_name();
                return Err(Error::new(format!("a {name} prints as a place in memory")));
            }
        },
    }
    fuel.text(text.len().saturating_sub(start))
}

fn write_items(
    begin: &str,
    items: &[Value],
    end: &str,
    text: &mut String,
    fuel: &Fuel,
    depth: usize,
) -> Result<(), Error> {
    *text += begin;
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            *text += ", ";
        }
        write_repr(item, text, fuel, depth + 1)?;
    }
    *text += end;
    Ok(())
}

fn write_dict(dict: &Dict, text: &mut String, fuel: &Fuel, depth: usize) -> Result<(), Error> {
    *text += "{";
    for (index, (key, value)) in dict.iter().enumerate() {
        if index > 0 {
            *text += ", ";
        }
        write_repr(&Key::value(key), text, fuel, depth + 1)?;
        *text += ": ";
        write_repr(value, text, fuel, depth + 1)?;
    }
    *text += "}";
    Ok(())
}

/// `str(number)`
pub(crate) fn int_str(number: &num_bigint::BigInt) -> Result<String, Error> {
    if number.bits() as usize > MAX_DIGITS * 10 / 3 {
        return Err(Error::new("an integer has more digits than Python prints"));
    }
    Ok(number.to_string())
}

/// `repr(number)`: the shortest digits that read back equal, with an exponent below 1e-4 and from
/// 1e16 on.
pub(crate) fn float_repr(number: f64) -> String {
    if number.is_nan() {
        return "nan".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let scientific = format!("{number:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..16).contains(&exponent) {
        let plain = format!("{number}");
        return if plain.contains('.') {
            plain
        } else {
            plain + ".0"
        };
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

/// `repr(text)`
pub(crate) fn str_repr(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') {
        '"'
    } else {
        '\''
    };
    let mut result = String::with_capacity(text.len() + 2);
    result.push(quote);
    for c in text.chars() {
        match c {
            '\n' => result += "\\n",
            '\r' => result += "\\r",
            '\t' => result += "\\t",
            '\\' => result += "\\\\",
            c if c == quote => result.extend(['\\', c]),
            c if is_printable(c) => result.push(c),
            c => result += &escape_non_ascii(c),
        }
    }
    result.push(quote);
    result
}

/// `str.isprintable` of a character.
pub(crate) fn is_printable(c: char) -> bool {
    if c.is_ascii() {
        return (' '..='~').contains(&c);
    }
    // After another character, only what is not printable is escaped.
    let pair: String = ['a', c].iter().collect();
    pair.escape_debug().nth(1) == Some(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected texts: `repr` of CPython 3.12.
    #[test]
    fn floats_are_written_as_python_writes_them() {
        for (value, expected) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (0.1, "0.1"),
            (123_456.789, "123456.789"),
            (0.0001, "0.0001"),
            (0.000_01, "1e-05"),
            (1.5e-7, "1.5e-07"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1.25e100, "1.25e+100"),
            (5e-324, "5e-324"),
        ] {
            assert_eq!(float_repr(value), expected);
        }
    }
}
