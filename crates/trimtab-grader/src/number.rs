//! Reading numbers.

use crate::Reason;
use crate::budget::Budget;
use crate::expr::Expr;
use crate::lex::Commas;
use crate::rational::Rational;

/// The value of a number token: digits with thousands separators, decimal point and exponent.
pub(crate) fn parse(text: &str, commas: Commas, budget: &mut Budget) -> Result<Expr, Reason> {
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => (&text[..at], exponent(&text[at + 1..])?),
        None => (text, 0),
    };
    let point = match commas {
        Commas::Decimals => mantissa.rfind(['.', ',']),
        _ => mantissa.find('.'),
    };
    let (whole, fraction) =
        point.map_or((mantissa, ""), |at| (&mantissa[..at], &mantissa[at + 1..]));
    let digits: String = whole
        .chars()
        .chain(fraction.chars())
        .filter(char::is_ascii_digit)
        .collect();
    let places = fraction.len() as i64;
    let value = Rational::decimal(&digits, exponent.saturating_sub(places), budget)?;
    let decimals = (point.is_some() || exponent < 0)
        .then(|| places.saturating_sub(exponent).clamp(0, 9_999) as u32);
    Ok(Expr::Number {
        value,
        decimals: decimals.filter(|_| !fraction.is_empty() || exponent < 0),
    })
}

fn exponent(text: &str) -> Result<i64, Reason> {
    let (sign, digits) = match text.as_bytes().first() {
        Some(b'-') => (-1, &text[1..]),
        Some(b'+') => (1, &text[1..]),
        _ => (1, text),
    };
    let digits = digits.trim_start_matches('0');
    match digits.len() {
        0 => Ok(0),
        1..=5 => digits
            .parse()
            .map(|value: i64| sign * value)
            .map_err(|_| Reason::NotUnderstood),
        _ => Err(Reason::Budget),
    }
}

/// The value of digits in another base: `204_5`, `0.11_{2}`.
pub(crate) fn in_base(digits: &str, base: &str, budget: &mut Budget) -> Result<Expr, Reason> {
    let base: i64 = match base {
        "two" => 2,
        "eight" => 8,
        "ten" => 10,
        "sixteen" => 16,
        base => base.parse().map_err(|_| Reason::NotUnderstood)?,
    };
    if !(2..=36).contains(&base) {
        return Err(Reason::NotUnderstood);
    }
    let radix = Rational::integer(base);
    let mut value = Rational::ZERO;
    let mut places = 0;
    let mut fraction = false;
    for character in digits.chars() {
        if character == '.' && !fraction {
            fraction = true;
            continue;
        }
        let Some(digit) = character.to_digit(base as u32) else {
            if matches!(character, ',' | '\\' | '!' | ' ' | '{' | '}') {
                continue; // thousands separators
            }
            return Err(Reason::NotUnderstood);
        };
        value = value
            .times(&radix, budget)?
            .plus(&Rational::integer(digit.into()), budget)?;
        places += i64::from(fraction);
    }
    let value = value.times(&radix.power(-places, budget)?, budget)?;
    Ok(Expr::Number {
        value,
        decimals: None,
    })
}
