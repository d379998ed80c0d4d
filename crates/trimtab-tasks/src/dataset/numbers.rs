//! Numbers of a row whose digits `serde_json` does not keep.

use std::borrow::Cow;

/// The row with quotes around each number whose digits neither 64-bit integers nor an `f64` hold,
/// so that it is read as text with all of them. `row` is valid JSON.
pub(super) fn quoted(row: &str) -> Cow<'_, str> {
    let mut quoted = String::new();
    let (mut copied, mut at) = (0, 0);
    let bytes = row.as_bytes();
    while at < bytes.len() {
        let start = at;
        match bytes[at] {
            b'"' => at = after_text(bytes, at),
            b'-' | b'0'..=b'9' => {
                at = after_number(bytes, at);
                let number = &row[start..at];
                if !is_held(number) {
                    quoted += &row[copied..start];
                    quoted.extend(["\"", number, "\""]);
                    copied = at;
                }
            }
            _ => at += 1,
        }
    }
    if copied == 0 {
        return Cow::Borrowed(row);
    }
    Cow::Owned(quoted + &row[copied..])
}

/// The place after the text that starts with the quote at `start`.
fn after_text(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < bytes.len() && bytes[at] != b'"' {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    at + 1
}

fn after_number(bytes: &[u8], start: usize) -> usize {
    let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
    start
        + bytes[start..]
            .iter()
            .take_while(|byte| is_part(byte))
            .count()
}

fn is_held(number: &str) -> bool {
    if number.parse::<i64>().is_ok() || number.parse::<u64>().is_ok() {
        return true;
    }
    let printed = |value: f64| {
        decimal(&value.to_string()) == decimal(number)
            || is_printed_with_its_decimals(value, number)
    };
    number.parse::<f64>().is_ok_and(printed)
}

/// Whether `number` is the `f64` printed with more decimals than it needs, as in GSM-Hard:
/// 5186630.5999999996 for 5186630.6.
fn is_printed_with_its_decimals(value: f64, number: &str) -> bool {
    /// From here on, an `f64` does not hold every whole number.
    const WHOLE: f64 = (1_u64 << f64::MANTISSA_DIGITS) as f64;
    /// The smallest `f64` has as many.
    const MAX_DECIMALS: usize = 1074;
    let decimals = number
        .split_once('.')
        .map_or(0, |(_, decimals)| decimals.len());
    value.abs() < WHOLE && decimals <= MAX_DECIMALS && format!("{value:.decimals$}") == number
}

/// Sign, digits without zeros at the ends, and the power of ten of the last digit. `None` if that
/// power is beyond 64 bits.
fn decimal(number: &str) -> Option<(bool, String, i64)> {
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = whole.trim_start_matches('-').to_owned() + fraction;
    let kept = digits.trim_end_matches('0');
    let significant = kept.trim_start_matches('0').to_owned();
    if significant.is_empty() {
        return Some((false, significant, 0));
    }
    let zeros = i64::try_from(digits.len() - kept.len()).ok()?;
    let places = i64::try_from(fraction.len()).ok()?;
    let exponent = exponent.parse::<i64>().ok()?.checked_add(zeros - places)?;
    Some((number.starts_with('-'), significant, exponent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbers_that_lose_digits_are_quoted() {
        for held in [
            "0",
            "-0",
            "-0.0",
            "0e99999999999999999999",
            "27.0",
            "1e22",
            "1.5E+3",
            "0.1",
            "3244047.0999999996",
            "5186630.5999999996",
            "9284017268534.400390625",
            "-9223372036854775808",
            "18446744073709551615",
            "100000000000000000000000000",
            "2.50e-3",
        ] {
            assert_eq!(quoted(held), held);
        }
        for lost in [
            "1237940039285380274899124225",
            "-9223372036854775809",
            "18446744073709551617",
            "0.1234567890123456789",
            "1e-400",
            "-1e-99999999999999999999",
            "9007199254740993.0",
            "1237940039285380274899124224",
            "1237940039285380274899124224.0",
        ] {
            assert_eq!(quoted(lost), format!("\"{lost}\""));
        }
        let long = format!("0.{}", "3".repeat(100_000));
        assert_eq!(quoted(&long), format!("\"{long}\""));
    }

    #[test]
    fn texts_and_other_values_stay() {
        let row = r#"{"a\"18446744073709551617": "é\\", "b":
            [1.0, true, 18446744073709551617],
            "c": {"d": -0.1234567890123456789}, "e": "18446744073709551617"}"#;
        let expected = r#"{"a\"18446744073709551617": "é\\", "b":
            [1.0, true, "18446744073709551617"],
            "c": {"d": "-0.1234567890123456789"}, "e": "18446744073709551617"}"#;
        assert_eq!(quoted(row), expected);
    }
}
