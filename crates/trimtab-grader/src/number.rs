//! The values of numbers.

use crate::Reason;
use crate::budget::Budget;
use crate::expr::Expr;
use crate::lex::Commas;
use crate::numeral;
use crate::rational::Rational;
use crate::vocabulary;

/// The value of a number token: see [`numeral`].
pub(crate) fn parse(text: &str, commas: Commas, budget: &mut Budget) -> Result<Expr, Reason> {
    const MAX_DIGITS: usize = 18;
    if text.len() <= MAX_DIGITS
        && text.bytes().all(|byte| byte.is_ascii_digit())
        && let Ok(number) = text.parse()
    {
        return Ok(Expr::integer(number));
    }
    let numeral = numeral::read(text, commas, false);
    // "3./2"
    if !matches!(&text[numeral.length..], "" | ".") {
        return Err(Reason::NotUnderstood);
    }
    if numeral.radix != 10 {
        return in_radix(numeral.whole, numeral.radix, budget);
    }
    let exponent = exponent(numeral.exponent)?;
    let mut digits = only_digits(numeral.whole);
    let fraction = only_digits(numeral.fraction.unwrap_or(""));
    digits.push_str(&fraction);
    let places = fraction.len() as i64;
    let mut value = Rational::decimal(&digits, exponent.saturating_sub(places), budget)?;
    let repeating = only_digits(numeral.repeating);
    if !repeating.is_empty() {
        // 0.(45) = 45 / 99
        let nines = "9".repeat(repeating.len());
        let period = Rational::decimal(&nines, 0, budget)?;
        let part = Rational::decimal(&repeating, exponent.saturating_sub(places), budget)?
            .times(&period.inverse().ok_or(Reason::NotUnderstood)?, budget)?;
        value = value.plus(&part, budget)?;
    }
    let is_decimal = repeating.is_empty() && (!fraction.is_empty() || exponent < 0);
    let decimals = is_decimal.then(|| places.saturating_sub(exponent).clamp(0, 9_999) as u32);
    Ok(Expr::Number { value, decimals })
}

fn only_digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

fn exponent(text: &str) -> Result<i64, Reason> {
    let sign = if text.starts_with(['-', '−', '–']) {
        -1
    } else {
        1
    };
    let digits = text
        .trim_start_matches(['+', '-', '−', '–'])
        .trim_start_matches('0');
    match digits.len() {
        0 => Ok(0),
        1..=5 => digits
            .parse()
            .map(|value: i64| sign * value)
            .map_err(|_| Reason::NotUnderstood),
        _ => Err(Reason::Budget),
    }
}

/// The value of digits with the base as an index: `204_5`, `0.11_{2}`, `1010_{two}`.
pub(crate) fn in_base(digits: &str, base: &str, budget: &mut Budget) -> Result<Expr, Reason> {
    let base = base
        .trim_matches(|c: char| matches!(c, '(' | ')' | '[' | ']' | ' '))
        .trim_start_matches("base")
        .trim_start();
    let base = match base {
        "hex" | "H" => 16,
        base => match base.parse() {
            Ok(base) => base,
            Err(_) => vocabulary::number_phrase(base)
                .and_then(|base| u32::try_from(base).ok())
                .ok_or(Reason::NotUnderstood)?,
        },
    };
    if !(2..=36).contains(&base) {
        return Err(Reason::NotUnderstood);
    }
    in_radix(digits, base, budget)
}

/// The value of digits in the base `radix`.
fn in_radix(digits: &str, radix: u32, budget: &mut Budget) -> Result<Expr, Reason> {
    let base = Rational::integer(radix.into());
    let mut value = Rational::ZERO;
    let mut places = 0;
    let mut fraction = false;
    for character in digits.chars() {
        if character == '.' && !fraction {
            fraction = true;
            continue;
        }
        let Some(digit) = character.to_digit(radix) else {
            if matches!(character, ',' | '\\' | '!' | ' ' | '{' | '}' | '_') {
                continue; // separators of groups
            }
            return Err(Reason::NotUnderstood);
        };
        value = value
            .times(&base, budget)?
            .plus(&Rational::integer(digit.into()), budget)?;
        places += i64::from(fraction);
    }
    let value = value.times(&base.power(-places, budget)?, budget)?;
    Ok(Expr::Number {
        value,
        decimals: None,
    })
}
