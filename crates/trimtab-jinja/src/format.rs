//! `%` and `str.format`.

mod fields;
mod number;

use num_bigint::BigInt;
use num_traits::FromPrimitive;

pub(crate) use fields::format;

use crate::error::Error;
use crate::fuel::Fuel;
use crate::ops::as_float;
use crate::python::{int_str, repr, str_repr, to_str};
use crate::value::{Key, Object, Value};
use number::{Float, float_text};

/// `format % arguments`
pub(crate) fn percent(format: &str, arguments: &Value, fuel: &Fuel) -> Result<String, Error> {
    let mut formatter = Percent {
        arguments,
        next: 0,
        fuel,
    };
    let mut result = String::new();
    let mut rest = format;
    while let Some(start) = rest.find('%') {
        result += &rest[..start];
        rest = &rest[start + 1..];
        let (text, after) = formatter.directive(rest)?;
        fuel.text(text.len())?;
        result += &text;
        rest = after;
    }
    fuel.text(format.len())?;
    formatter.check_all_used()?;
    Ok(result + rest)
}

struct Percent<'a> {
    arguments: &'a Value,
    next: usize,
    fuel: &'a Fuel,
}

/// The flags, width and precision of a directive.
#[derive(Default)]
struct Directive {
    left: bool,
    sign: Option<char>,
    zero: bool,
    alternate: bool,
    width: usize,
    precision: Option<usize>,
}

impl Percent<'_> {
    fn argument(&mut self) -> Result<Value, Error> {
        let argument = match self.arguments {
            Value::Tuple(items) | Value::Group(items) => items.get(self.next).cloned(),
            other => (self.next == 0).then(|| other.clone()),
        };
        self.next += 1;
        argument.ok_or_else(|| Error::new("not enough arguments for format string"))
    }

    fn check_all_used(&self) -> Result<(), Error> {
        let unused = match self.arguments {
            Value::Tuple(items) | Value::Group(items) => self.next < items.len(),
            // What has items may be left unused.
            Value::List(_) | Value::Dict(_) | Value::Undefined(_) => false,
            Value::Object(object) => self.next == 0 && !matches!(**object, Object::Range(_)),
            _ => self.next == 0,
        };
        if unused {
            Err(Error::new(
                "not all arguments converted during string formatting",
            ))
        } else {
            Ok(())
        }
    }

    /// The text of what follows a `%`, and what is left after it.
    fn directive<'t>(&mut self, text: &'t str) -> Result<(String, &'t str), Error> {
        let mut rest = text;
        let mut named = None;
        if let Some(after) = rest.strip_prefix('(') {
            let end = closing(after).ok_or_else(|| Error::new("incomplete format key"))?;
            named = Some(self.named(&after[..end])?);
            rest = &after[end + 1..];
        }
        let mut directive = Directive::default();
        while let Some(flag) = rest.chars().next().filter(|c| "-+ 0#".contains(*c)) {
            match flag {
                '-' => directive.left = true,
                '0' => directive.zero = true,
                '#' => directive.alternate = true,
                '+' => directive.sign = Some('+'),
                _ => directive.sign = directive.sign.or(Some(' ')),
            }
            rest = &rest[1..];
        }
        let (width, after) = self.size(rest)?;
        if let Some(width) = width {
            directive.left |= width < 0;
            directive.width = width.unsigned_abs() as usize;
        }
        rest = after;
        if let Some(after) = rest.strip_prefix('.') {
            let (precision, after) = self.size(after)?;
            directive.precision = Some(precision.unwrap_or(0).max(0) as usize);
            rest = after;
        }
        rest = rest.strip_prefix(['h', 'l', 'L']).unwrap_or(rest);
        let kind = rest
            .chars()
            .next()
            .ok_or_else(|| Error::new("incomplete format"))?;
        let rest = &rest[kind.len_utf8()..];
        self.fuel
            .text(directive.width.max(directive.precision.unwrap_or(0)))?;
        if kind == '%' {
            return Ok(("%".to_owned(), rest));
        }
        let argument = match named {
            Some(argument) => argument,
            None => self.argument()?,
        };
        Ok((self.convert(kind, &argument, &directive)?, rest))
    }

    fn named(&mut self, name: &str) -> Result<Value, Error> {
        let Value::Dict(dict) = self.arguments else {
            return Err(Error::new("format requires a mapping"));
        };
        self.next = 1;
        let value = dict.get(name).cloned();
        value.ok_or_else(|| Error::new(format!("KeyError: {}", str_repr(name))))
    }

    /// A width or a precision: digits, or `*` for an argument.
    fn size<'t>(&mut self, text: &'t str) -> Result<(Option<i64>, &'t str), Error> {
        if let Some(rest) = text.strip_prefix('*') {
            let size = self.argument()?;
            let size = size.as_i64().ok_or_else(|| Error::new("* wants int"))?;
            return Ok((Some(size), rest));
        }
        let end = text
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len());
        if end == 0 {
            return Ok((None, text));
        }
        let size = text[..end]
            .parse()
            .map_err(|_| Error::new("width too big"))?;
        Ok((Some(size), &text[end..]))
    }

    fn convert(&self, kind: char, value: &Value, directive: &Directive) -> Result<String, Error> {
        let wrong = |needed: &str| {
            let name = value.type_name();
            Err(Error::new(format!(
                "%{kind} format: {needed} is required, not {name}"
            )))
        };
        match kind {
            's' | 'r' | 'a' => {
                let text = match kind {
                    's' => to_str(value, self.fuel)?,
                    'r' => repr(value, self.fuel)?,
                    _ => ascii(&repr(value, self.fuel)?),
                };
                let length = directive.precision.unwrap_or(usize::MAX);
                let text: String = text.chars().take(length).collect();
                Ok(directive.pad(String::new(), text, false))
            }
            'c' => match (value, value.as_i64()) {
                (_, Some(code)) => match u32::try_from(code).ok().and_then(char::from_u32) {
                    Some(c) => Ok(directive.pad(String::new(), c.to_string(), false)),
                    None => Err(Error::new("%c arg not in range(0x110000)")),
                },
                (Value::Str(text), _) if text.chars().count() == 1 => {
                    Ok(directive.pad(String::new(), text.to_string(), false))
                }
                _ => wrong("an int or a unicode character"),
            },
            'd' | 'i' | 'u' => match whole(value) {
                Some(number) => directive.integer(&number, 10, ""),
                None => wrong("a real number"),
            },
            'o' | 'x' | 'X' => {
                let (radix, prefix) = match kind {
                    'o' => (8, "0o"),
                    'x' => (16, "0x"),
                    _ => (16, "0X"),
                };
                match value.as_int() {
                    Some(number) => {
                        let text = directive.integer(&number, radix, prefix)?;
                        Ok(if kind == 'X' {
                            text.to_uppercase()
                        } else {
                            text
                        })
                    }
                    None => wrong("an integer"),
                }
            }
            'e' | 'E' | 'f' | 'F' | 'g' | 'G' => match as_float(value)? {
                Some(number) => {
                    let style = Float {
                        kind,
                        precision: directive.precision.unwrap_or(6),
                        alternate: directive.alternate,
                    };
                    let text = float_text(number.abs(), &style, self.fuel)?;
                    let sign = directive.sign_of(number.is_sign_negative() && !number.is_nan());
                    Ok(directive.pad(sign, text, directive.zero))
                }
                None => wrong("a real number").map_err(|_: Error| {
                    let name = value.type_name();
                    Error::new(format!("must be real number, not {name}"))
                }),
            },
            _ => Err(Error::new(format!("unsupported format character {kind:?}"))),
        }
    }
}

impl Directive {
    fn sign_of(&self, is_negative: bool) -> String {
        match (is_negative, self.sign) {
            (true, _) => "-".to_owned(),
            (false, sign) => sign.map(String::from).unwrap_or_default(),
        }
    }

    fn integer(&self, number: &BigInt, radix: u32, prefix: &str) -> Result<String, Error> {
        let mut digits = match radix {
            10 => int_str(&BigInt::from(number.magnitude().clone()))?,
            _ => number.magnitude().to_str_radix(radix),
        };
        if let Some(precision) = self.precision {
            digits = format!(
                "{}{digits}",
                "0".repeat(precision.saturating_sub(digits.len()))
            );
        }
        let mut sign = self.sign_of(number.sign() == num_bigint::Sign::Minus);
        if self.alternate {
            sign += prefix;
        }
        Ok(self.pad(sign, digits, self.zero))
    }

    /// Brings `sign` and `text` to the width.
    fn pad(&self, sign: String, text: String, zero: bool) -> String {
        let missing = self.width.saturating_sub(sign.len() + text.chars().count());
        if self.left {
            return sign + &text + &" ".repeat(missing);
        }
        if zero {
            sign + &"0".repeat(missing) + &text
        } else {
            " ".repeat(missing) + &sign + &text
        }
    }
}

/// The end of a key in parentheses.
fn closing(text: &str) -> Option<usize> {
    let mut open = 1;
    text.find(|c| {
        match c {
            '(' => open += 1,
            ')' => open -= 1,
            _ => {}
        }
        open == 0
    })
}

/// An integer, or a float without its fraction.
fn whole(value: &Value) -> Option<BigInt> {
    match value {
        Value::Float(number) => BigInt::from_f64(number.trunc()),
        _ => value.as_int(),
    }
}

/// A text with escapes for all that is not ASCII.
pub(crate) fn ascii(text: &str) -> String {
    let escape = crate::lexer::escape_non_ascii;
    text.chars()
        .map(|c| {
            if c.is_ascii() {
                c.to_string()
            } else {
                escape(c)
            }
        })
        .collect()
}

/// A key of a format string: a number or a text.
fn key(text: &str) -> Value {
    match text.parse::<usize>() {
        Ok(index) if text.bytes().all(|c| c.is_ascii_digit()) => Value::from(index),
        _ => Value::from(text),
    }
}

/// A value by its key in keyword arguments.
fn keyword(named: &[(std::sync::Arc<str>, Value)], name: &str) -> Option<Value> {
    let mut named = named.iter();
    named
        .find(|(key, _)| &**key == name)
        .map(|(_, value)| value.clone())
}

/// Whether a dict of `format_map` has a key.
pub(crate) fn dict_arguments(value: &Value) -> Option<Vec<(std::sync::Arc<str>, Value)>> {
    let Value::Dict(dict) = value else {
        return None;
    };
    let entry = |(key, value): (&Key, &Value)| Some((key.as_str()?.into(), value.clone()));
    Some(dict.iter().filter_map(entry).collect())
}
