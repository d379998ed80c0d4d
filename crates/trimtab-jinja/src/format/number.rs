//! Numbers with a given form.

use crate::error::Error;
use crate::fuel::Fuel;
use crate::python::float_repr;

/// How a float is written.
pub(super) struct Float {
    /// `e`, `f`, `g` or `%`; in upper case for upper case exponents. `r` is the shortest form.
    pub(super) kind: char,
    pub(super) precision: usize,
    /// `#`: the point stays, and so do the zeros of `g`.
    pub(super) alternate: bool,
}

/// The text of a number that is not negative.
pub(super) fn float_text(number: f64, style: &Float, fuel: &Fuel) -> Result<String, Error> {
    fuel.text(style.precision.saturating_add(320))?;
    if number.is_nan() || number.is_infinite() {
        let text = float_repr(number);
        let text = if style.kind == '%' { text + "%" } else { text };
        return Ok(if style.kind.is_uppercase() {
            text.to_uppercase()
        } else {
            text
        });
    }
    let precision = style.precision;
    let text = match style.kind.to_ascii_lowercase() {
        'f' => point(format!("{number:.precision$}"), style.alternate),
        '%' => point(format!("{:.precision$}", number * 100.0), style.alternate) + "%",
        'e' => exponent(number, precision, style.alternate),
        'g' => general(number, precision.max(1), style.alternate),
        _ => float_repr(number),
    };
    Ok(if style.kind.is_uppercase() {
        text.to_uppercase()
    } else {
        text
    })
}

fn point(text: String, always: bool) -> String {
    if always && !text.contains('.') {
        text + "."
    } else {
        text
    }
}

fn exponent(number: f64, precision: usize, alternate: bool) -> String {
    let text = format!("{number:.precision$e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let sign = if exponent < 0 { '-' } else { '+' };
    let digits = point(digits.to_owned(), alternate);
    format!("{digits}e{sign}{:02}", exponent.abs())
}

/// `g`: `precision` digits, with an exponent where it is small or large.
pub(super) fn general(number: f64, precision: usize, alternate: bool) -> String {
    let text = format!("{number:.*e}", precision - 1);
    let power: i32 = text
        .split_once('e')
        .and_then(|(_, e)| e.parse().ok())
        .unwrap_or(0);
    let text = if (-4..precision as i32).contains(&power) {
        format!("{number:.*}", (precision as i32 - 1 - power) as usize)
    } else {
        exponent(number, precision - 1, alternate)
    };
    if alternate {
        return point(text, true);
    }
    let (digits, exponent) = match text.split_once('e') {
        Some((digits, exponent)) => (digits, format!("e{exponent}")),
        None => (text.as_str(), String::new()),
    };
    let digits = if digits.contains('.') {
        digits.trim_end_matches('0').trim_end_matches('.')
    } else {
        digits
    };
    format!("{digits}{exponent}")
}

/// Digits with `separator` between groups of `size`.
pub(super) fn grouped(digits: &str, separator: char, size: usize) -> String {
    let mut result = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(size) {
            result.push(separator);
        }
        result.push(digit);
    }
    result
}
