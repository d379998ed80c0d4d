//! `str.format`: fields in braces, with the format specifications of Python.

use std::sync::Arc;

use num_bigint::Sign;

use super::number::{Float, float_text, grouped};
use super::{ascii, key, keyword};
use crate::attributes::{attribute, item};
use crate::error::Error;
use crate::fuel::Fuel;
use crate::ops::as_float;
use crate::python::{int_str, repr, to_str};
use crate::value::Value;

/// `text.format(*positional, **named)`
pub(crate) fn format(
    text: &str,
    positional: &[Value],
    named: &[(Arc<str>, Value)],
    fuel: &Fuel,
) -> Result<String, Error> {
    let mut formatter = Formatter {
        positional,
        named,
        fuel,
        automatic: 0,
        manual: false,
    };
    formatter.format(text, 2)
}

struct Formatter<'a> {
    positional: &'a [Value],
    named: &'a [(Arc<str>, Value)],
    fuel: &'a Fuel,
    /// The number of the next field without a name.
    automatic: usize,
    /// Whether fields have numbers.
    manual: bool,
}

impl Formatter<'_> {
    fn format(&mut self, text: &str, depth: usize) -> Result<String, Error> {
        if depth == 0 {
            return Err(Error::new("Max string recursion exceeded"));
        }
        let mut result = String::new();
        let mut rest = text;
        while let Some(found) = rest.find(['{', '}']) {
            result += &rest[..found];
            let brace = &rest[found..=found];
            rest = &rest[found + 1..];
            if let Some(after) = rest.strip_prefix(brace) {
                result += brace;
                rest = after;
                continue;
            }
            if brace == "}" {
                return Err(Error::new("Single '}' encountered in format string"));
            }
            let end = closing(rest)?;
            result += &self.field(&rest[..end], depth)?;
            rest = &rest[end + 1..];
        }
        self.fuel.text(text.len() + result.len())?;
        Ok(result + rest)
    }

    fn field(&mut self, field: &str, depth: usize) -> Result<String, Error> {
        let mut open = 0;
        let end = field.find(|c| {
            match c {
                '[' => open = 1,
                ']' => open = 0,
                _ => {}
            }
            matches!(c, '!' | ':') && open == 0
        });
        let (name, mut rest) = field.split_at(end.unwrap_or(field.len()));
        let mut value = self.lookup(name)?;
        if let Some(after) = rest.strip_prefix('!') {
            let conversion = after.chars().next();
            value = Value::from(match conversion {
                Some('s') => to_str(&value, self.fuel)?,
                Some('r') => repr(&value, self.fuel)?,
                Some('a') => ascii(&repr(&value, self.fuel)?),
                _ => return Err(Error::new("an unknown conversion in a format string")),
            });
            rest = &after[1..];
            if !rest.is_empty() && !rest.starts_with(':') {
                return Err(Error::new("expected ':' after conversion specifier"));
            }
        }
        let specification = match rest.strip_prefix(':') {
            Some(specification) => self.format(specification, depth - 1)?,
            None => String::new(),
        };
        format_value(&value, &specification, self.fuel)
    }

    fn lookup(&mut self, name: &str) -> Result<Value, Error> {
        let end = name.find(['.', '[']).unwrap_or(name.len());
        let (first, mut rest) = name.split_at(end);
        let first = match first {
            "" => {
                if self.manual {
                    return Err(Error::new(
                        "cannot switch from manual to automatic numbering",
                    ));
                }
                self.automatic += 1;
                Value::from(self.automatic - 1)
            }
            _ => key(first),
        };
        let found = if let Some(name) = first.as_str() {
            keyword(self.named, name)
        } else {
            if end > 0 {
                if self.automatic > 0 {
                    return Err(Error::new(
                        "cannot switch from automatic to manual numbering",
                    ));
                }
                self.manual = true;
            }
            first
                .as_i64()
                .and_then(|index| self.positional.get(index as usize))
                .cloned()
        };
        let missing = || Error::new(format!("a format string has no argument for `{name}`"));
        let mut value = found.ok_or_else(missing)?;
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix('.') {
                let end = after.find(['.', '[']).unwrap_or(after.len());
                value = attribute(&value, &after[..end])?;
                rest = &after[end..];
            } else {
                let inner = rest.strip_prefix('[').ok_or_else(missing)?;
                let end = inner.find(']').ok_or_else(missing)?;
                value = item(&value, &key(&inner[..end]))?;
                rest = &inner[end + 1..];
            }
        }
        Ok(value)
    }
}

/// The end of a field.
fn closing(text: &str) -> Result<usize, Error> {
    let mut open = 1;
    let mut in_brackets = false;
    let end = text.find(|c| {
        match c {
            '[' => in_brackets = open == 1,
            ']' => in_brackets = false,
            '{' if !in_brackets => open += 1,
            '}' if !in_brackets => open -= 1,
            _ => {}
        }
        open == 0
    });
    end.ok_or_else(|| Error::new("expected '}' before end of string"))
}

/// A format specification: `[[fill]align][sign][#][0][width][grouping][.precision][type]`.
#[derive(Default)]
struct Specification {
    fill: Option<char>,
    align: Option<char>,
    sign: Option<char>,
    alternate: bool,
    zero: bool,
    width: usize,
    grouping: Option<char>,
    precision: Option<usize>,
    kind: Option<char>,
}

impl Specification {
    fn parse(text: &str) -> Result<Self, Error> {
        let invalid = || Error::new("Invalid format specifier");
        let mut specification = Self::default();
        let mut chars = text.chars().peekable();
        let mut ahead = text.chars();
        let (first, second) = (ahead.next(), ahead.next());
        let is_align = |c: Option<char>| c.is_some_and(|c| "<>=^".contains(c));
        if is_align(second) {
            specification.fill = chars.next();
            specification.align = chars.next();
        } else if is_align(first) {
            specification.align = chars.next();
        }
        specification.sign = chars.next_if(|c| "+- ".contains(*c));
        if chars.next_if_eq(&'z').is_some() {
            return Err(Error::new("the format option `z` is not supported"));
        }
        specification.alternate = chars.next_if_eq(&'#').is_some();
        if chars.next_if_eq(&'0').is_some() {
            specification.zero = specification.align.is_none();
            if specification.fill.is_none() {
                specification.fill = Some('0');
            }
        }
        let number = |chars: &mut std::iter::Peekable<std::str::Chars>| {
            let mut digits = String::new();
            while let Some(digit) = chars.next_if(char::is_ascii_digit) {
                digits.push(digit);
            }
            if digits.is_empty() {
                Ok(None)
            } else {
                digits
                    .parse::<u32>()
                    .map(|n| Some(n as usize))
                    .map_err(|_| invalid())
            }
        };
        specification.width = number(&mut chars)?.unwrap_or(0);
        specification.grouping = chars.next_if(|c| ",_".contains(*c));
        if chars.next_if_eq(&'.').is_some() {
            specification.precision = Some(number(&mut chars)?.ok_or_else(invalid)?);
        }
        specification.kind = chars.next();
        match chars.next() {
            Some(_) => Err(invalid()),
            None => Ok(specification),
        }
    }

    /// Brings `sign` and `text` to the width.
    fn pad(&self, sign: &str, text: &str, align: char) -> String {
        let fill = self.fill.unwrap_or(' ').to_string();
        let length = sign.chars().count() + text.chars().count();
        let missing = self.width.saturating_sub(length);
        let align = if self.zero {
            '='
        } else {
            self.align.unwrap_or(align)
        };
        match align {
            '<' => format!("{sign}{text}{}", fill.repeat(missing)),
            '=' => format!("{sign}{}{text}", fill.repeat(missing)),
            '^' => {
                let before = missing / 2;
                let (before, after) = (fill.repeat(before), fill.repeat(missing - before));
                format!("{before}{sign}{text}{after}")
            }
            _ => format!("{}{sign}{text}", fill.repeat(missing)),
        }
    }
}

/// `format(value, specification)`
pub(super) fn format_value(value: &Value, text: &str, fuel: &Fuel) -> Result<String, Error> {
    if text.is_empty() {
        return to_str(value, fuel);
    }
    let specification = Specification::parse(text)?;
    fuel.text(specification.width.saturating_mul(4))?;
    fuel.text(specification.precision.unwrap_or(0))?;
    let unknown = || {
        let (kind, name) = (specification.kind.unwrap_or(' '), value.type_name());
        Error::new(format!(
            "Unknown format code '{kind}' for object of type '{name}'"
        ))
    };
    match value {
        Value::Str(text) => {
            let is_number = specification.sign.is_some()
                || specification.alternate
                || specification.grouping.is_some()
                || specification.align == Some('=');
            if is_number || !matches!(specification.kind, None | Some('s')) {
                return Err(unknown());
            }
            let length = specification.precision.unwrap_or(usize::MAX);
            let text: String = text.chars().take(length).collect();
            let specification = Specification {
                zero: false,
                ..specification
            };
            Ok(specification.pad("", &text, '<'))
        }
        Value::Bool(_) | Value::Int(_) => match specification.kind {
            None | Some('d' | 'b' | 'o' | 'x' | 'X' | 'c' | 'n') => integer(value, &specification),
            Some('e' | 'E' | 'f' | 'F' | 'g' | 'G' | '%') => float(value, &specification, fuel),
            _ => Err(unknown()),
        },
        Value::Float(_) => match specification.kind {
            None | Some('e' | 'E' | 'f' | 'F' | 'g' | 'G' | 'n' | '%') => {
                float(value, &specification, fuel)
            }
            _ => Err(unknown()),
        },
        _ => Err(Error::new(format!(
            "unsupported format string passed to {}.__format__",
            value.type_name()
        ))),
    }
}

fn sign(specification: &Specification, is_negative: bool) -> String {
    match (is_negative, specification.sign) {
        (true, _) => "-".to_owned(),
        (false, Some(sign @ ('+' | ' '))) => sign.to_string(),
        _ => String::new(),
    }
}

/// Zeros that fill to the width lie within the groups too.
fn fill_groups(specification: &Specification, digits: &str, after: usize, sign: usize) -> String {
    let Some(separator) = specification.grouping else {
        return digits.to_owned();
    };
    let size = match specification.kind {
        Some('b' | 'o' | 'x' | 'X') => 4,
        _ => 3,
    };
    let mut digits = digits.to_owned();
    let zeros = specification.zero && specification.fill == Some('0');
    loop {
        let text = grouped(&digits, separator, size);
        if !zeros || text.len() + after + sign >= specification.width {
            return text;
        }
        digits.insert(0, '0');
    }
}

fn integer(value: &Value, specification: &Specification) -> Result<String, Error> {
    let number = value.as_int().unwrap_or_default();
    if specification.precision.is_some() {
        return Err(Error::new(
            "Precision not allowed in integer format specifier",
        ));
    }
    let kind = specification.kind.unwrap_or('d');
    if kind == 'c' {
        let code = value.as_i64().and_then(|code| u32::try_from(code).ok());
        let c = code.and_then(char::from_u32);
        let c = c.ok_or_else(|| Error::new("%c arg not in range(0x110000)"))?;
        return Ok(specification.pad("", &c.to_string(), '<'));
    }
    let (radix, prefix) = match kind {
        'b' => (2, "0b"),
        'o' => (8, "0o"),
        'x' => (16, "0x"),
        'X' => (16, "0X"),
        _ => (10, ""),
    };
    let digits = match radix {
        10 => int_str(&number.magnitude().clone().into())?,
        _ => number.magnitude().to_str_radix(radix),
    };
    let digits = if kind == 'X' {
        digits.to_uppercase()
    } else {
        digits
    };
    let mut sign = sign(specification, number.sign() == Sign::Minus);
    if specification.alternate {
        sign += prefix;
    }
    let digits = fill_groups(specification, &digits, 0, sign.len());
    Ok(specification.pad(&sign, &digits, '>'))
}

fn float(value: &Value, specification: &Specification, fuel: &Fuel) -> Result<String, Error> {
    let number = as_float(value)?.unwrap_or_default();
    let kind = match (specification.kind, specification.precision) {
        (Some('n'), _) => 'g',
        (Some(kind), _) => kind,
        (None, None) => 'r',
        (None, Some(_)) => {
            return Err(Error::new(
                "a precision without a type is not supported for floats",
            ));
        }
    };
    let style = Float {
        kind,
        precision: specification.precision.unwrap_or(6),
        alternate: specification.alternate,
    };
    let text = float_text(number.abs(), &style, fuel)?;
    let sign = sign(specification, number.is_sign_negative() && !number.is_nan());
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (whole, rest) = text.split_at(end);
    let whole = fill_groups(specification, whole, rest.len(), sign.len());
    Ok(specification.pad(&sign, &format!("{whole}{rest}"), '>'))
}
