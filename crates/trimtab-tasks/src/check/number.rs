//! Numbers as they are written in answers, read exactly.

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{One, Signed, Zero};

use super::Reason;

/// The most digits that a number may have, written out: `1e999999999` has a thousand million.
///
/// A fraction's numerator and denominator count apart, and an exponent counts its value.
pub const MAX_DIGITS: u16 = 4096;

/// A number and what its spelling says of it.
#[derive(Debug)]
pub(super) struct Number {
    /// Not reduced: reducing costs more than all the rest, and no comparison needs it.
    value: BigRational,
    is_percent: bool,
    /// Digits after the point of a plain decimal, which may be a rounded value; fractions are exact.
    decimals: Option<usize>,
}

impl Number {
    /// Reads a normalised text as a number; with `is_list`, commas do not group digits.
    ///
    /// ```text
    /// number   = [sign] (quotient | mixed | fraction) ["%"]
    /// quotient = decimal ["/" decimal]
    /// mixed    = integer (" " integer "/" integer | fraction)
    /// fraction = "\frac" argument argument
    /// argument = digit | "{" [sign] decimal "}"
    /// decimal  = (digits ["." [digits]] | "." digits) [exponent] | "10^" power
    /// exponent = ("e" | "E") [sign] digits | ("\times" | "\cdot" | "*") "10^" power
    /// power    = [sign] digits | "{" [sign] digits "}"
    /// ```
    pub(super) fn parse(text: &str, is_list: bool) -> Result<Self, Reason> {
        let mut reader = Reader {
            rest: text,
            is_list,
        };
        let is_negative = reader.sign();
        let (value, decimals) = if reader.rest.starts_with("\\frac") {
            (reader.fraction()?, None)
        } else {
            reader.quotient_or_mixed()?
        };
        let is_percent = reader.skip("%");
        if !reader.rest.is_empty() {
            return Err(Reason::NotUnderstood);
        }
        Ok(Self {
            value: if is_negative { -value } else { value },
            is_percent,
            decimals,
        })
    }

    /// Whether the two are the same number, a percentage standing for itself or its hundredth.
    pub(super) fn equals(&self, other: &Self) -> bool {
        same(self, other, 0)
            || match (self.is_percent, other.is_percent) {
                (true, false) => same(self, other, 2),
                (false, true) => same(other, self, 2),
                _ => false,
            }
    }
}

/// Whether `left`, its point moved `places` to the left, is `right`, or one is a decimal that rounds the other, a fraction.
///
/// A decimal `d` of `n >= 6` decimals rounds `f` if `|d - f| < 10^-n` and `|d - f| <= 10^-5 |f|`.
fn same(left: &Number, right: &Number, places: usize) -> bool {
    const MIN_DECIMALS: usize = 6;
    let (a, b) = (
        left.value.numer(),
        &(left.value.denom() * power_of_ten(places)),
    );
    let (c, d) = (right.value.numer(), right.value.denom());
    let gap = (a * d - c * b).abs(); // over b d, which is positive
    if gap.is_zero() {
        return true;
    }
    let (decimals, fraction) = match (left.decimals, right.decimals) {
        (Some(decimals), None) => (decimals + places, (c * b).abs()),
        (None, Some(decimals)) => (decimals, (a * d).abs()),
        _ => return false,
    };
    decimals >= MIN_DECIMALS
        && &gap * power_of_ten(decimals) < b * d
        && gap * power_of_ten(5) <= fraction
}

/// Reads a text from its start; each method takes what it reads off `rest`.
struct Reader<'a> {
    rest: &'a str,
    is_list: bool,
}

impl<'a> Reader<'a> {
    fn skip(&mut self, prefix: &str) -> bool {
        let rest = self.rest.strip_prefix(prefix);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// Skips a sign; whether it was a minus.
    fn sign(&mut self) -> bool {
        self.skip("-") || {
            self.skip("+");
            false
        }
    }

    /// Takes the longest prefix of characters that satisfy `belongs`.
    fn take(&mut self, belongs: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !belongs(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    fn quotient_or_mixed(&mut self) -> Result<(BigRational, Option<usize>), Reason> {
        let (value, decimals) = self.decimal()?;
        if self.skip("/") {
            let (denominator, _) = self.decimal()?;
            return Ok((divide(value, denominator)?, None));
        }
        let fraction = if self.rest.starts_with("\\frac") {
            self.fraction()?
        } else if self.skip(" ") {
            let (numerator, _) = self.decimal()?;
            if !self.skip("/") {
                return Err(Reason::NotUnderstood);
            }
            let (denominator, _) = self.decimal()?;
            divide(numerator, denominator)?
        } else {
            return Ok((value, decimals));
        };
        let is_proper = !fraction.numer().is_negative() && fraction.numer() < fraction.denom();
        if decimals == Some(0) && is_proper {
            Ok((add(value, fraction), None))
        } else {
            Err(Reason::NotUnderstood)
        }
    }

    fn fraction(&mut self) -> Result<BigRational, Reason> {
        self.skip("\\frac");
        let numerator = self.argument()?;
        let denominator = self.argument()?;
        divide(numerator, denominator)
    }

    fn argument(&mut self) -> Result<BigRational, Reason> {
        self.skip(" ");
        if !self.skip("{") {
            let digit = self
                .rest
                .chars()
                .next()
                .and_then(|first| first.to_digit(10));
            let digit = digit.ok_or(Reason::NotUnderstood)?;
            self.rest = &self.rest[1..];
            return Ok(BigRational::from_integer(digit.into()));
        }
        let is_negative = self.sign();
        let (value, _) = self.decimal()?;
        if self.skip("}") {
            Ok(if is_negative { -value } else { value })
        } else {
            Err(Reason::NotUnderstood)
        }
    }

    /// Reads a decimal without sign, and how many digits follow its point if it has no exponent.
    fn decimal(&mut self) -> Result<(BigRational, Option<usize>), Reason> {
        if self.skip("10^") {
            let exponent = self.power()?;
            return Ok((scale(BigInt::one(), exponent, 0), None));
        }
        let whole = self.take(|c| c.is_ascii_digit() || c == ',');
        if whole.contains(',') && (self.is_list || !is_grouped(whole)) {
            return Err(Reason::NotUnderstood);
        }
        let fractional = if self.skip(".") {
            self.take(|c| c.is_ascii_digit())
        } else {
            ""
        };
        let mut digits = whole.replace(',', "");
        digits.push_str(fractional);
        if digits.len() > usize::from(MAX_DIGITS) {
            return Err(Reason::Budget);
        }
        let mantissa = BigInt::parse_bytes(digits.as_bytes(), 10).ok_or(Reason::NotUnderstood)?;
        let (exponent, decimals) = match self.exponent()? {
            Some(exponent) => (exponent, None),
            None => (0, Some(fractional.len())),
        };
        Ok((scale(mantissa, exponent, fractional.len()), decimals))
    }

    fn exponent(&mut self) -> Result<Option<i64>, Reason> {
        let is_digit = |c: char| c.is_ascii_digit();
        if let Some(after) = self.rest.strip_prefix(['e', 'E'])
            && after
                .strip_prefix(['-', '+'])
                .unwrap_or(after)
                .starts_with(is_digit)
        {
            self.rest = after;
            return self.power().map(Some);
        }
        for product in ["\\times10^", "\\cdot10^", "*10^"] {
            if self.skip(product) {
                return self.power().map(Some);
            }
        }
        Ok(None)
    }

    fn power(&mut self) -> Result<i64, Reason> {
        let is_braced = self.skip("{");
        let is_negative = self.sign();
        let digits = self.take(|c| c.is_ascii_digit());
        if digits.is_empty() || is_braced && !self.skip("}") {
            return Err(Reason::NotUnderstood);
        }
        let digits = digits.trim_start_matches('0');
        let power = if digits.is_empty() {
            0
        } else {
            digits.parse().unwrap_or(i64::MAX)
        };
        if power > i64::from(MAX_DIGITS) {
            return Err(Reason::Budget);
        }
        Ok(if is_negative { -power } else { power })
    }
}

/// Whether the commas stand before groups of three digits: `1,234,567`, not `0,123` nor `1,2345`.
fn is_grouped(text: &str) -> bool {
    let mut groups = text.split(',');
    let first = groups.next().unwrap_or_default();
    (1..=3).contains(&first.len())
        && !first.starts_with('0')
        && groups.all(|group| group.len() == 3)
}

/// `digits * 10^(exponent - decimals)`; the caller has bounded both.
fn scale(digits: BigInt, exponent: i64, decimals: usize) -> BigRational {
    let power = power_of_ten(exponent.unsigned_abs() as usize);
    let point = power_of_ten(decimals);
    if exponent < 0 {
        BigRational::new_raw(digits, power * point)
    } else {
        BigRational::new_raw(digits * power, point)
    }
}

fn power_of_ten(exponent: usize) -> BigInt {
    BigInt::from(10).pow(exponent as u32)
}

fn add(left: BigRational, right: BigRational) -> BigRational {
    let ((a, b), (c, d)) = (left.into_raw(), right.into_raw());
    BigRational::new_raw(a * &d + c * &b, b * d)
}

/// The quotient, with a positive denominator.
fn divide(left: BigRational, right: BigRational) -> Result<BigRational, Reason> {
    let ((a, b), (c, d)) = (left.into_raw(), right.into_raw());
    if c.is_zero() {
        return Err(Reason::NotUnderstood);
    }
    let sign = c.signum();
    Ok(BigRational::new_raw(a * d * &sign, b * c * sign))
}

#[cfg(test)]
mod tests {
    use super::{MAX_DIGITS, Number, Reason};
    use crate::check::normal::normalise;

    fn parse(text: &str) -> Result<Number, Reason> {
        let normal = normalise(text);
        Number::parse(&normal.text, normal.is_list)
    }

    /// The number in lowest terms.
    fn value(text: &str) -> Result<String, Reason> {
        parse(text).map(|number| number.value.reduced().to_string())
    }

    #[test]
    fn forms_of_numbers() {
        let table = [
            ("007", "7"),
            ("+7", "7"),
            ("- 7", "-7"),
            ("−7", "-7"),
            ("7.", "7"),
            (".5", "1/2"),
            ("-1.50", "-3/2"),
            ("1,234,567.5", "2469135/2"),
            ("1{,}234", "1234"),
            (r"1,\!234", "1234"),
            (r"1\,234", "1234"),
            (
                "123456789012345678901234567890",
                "123456789012345678901234567890",
            ),
            ("6.5e-2", "13/200"),
            ("1E3", "1000"),
            ("2e+03", "2000"),
            (r"6.5 \times 10^{-2}", "13/200"),
            (r"-2 \cdot 10^3", "-2000"),
            ("2*10^{3}", "2000"),
            ("10^{-2}", "1/100"),
            ("10^12", "1000000000000"),
            ("4/8", "1/2"),
            ("-1./3", "-1/3"),
            ("1,000/3", "1000/3"),
            (r"\frac{4}{8}", "1/2"),
            (r"-\dfrac{-4}{ 8 }", "1/2"),
            (r"\frac{1}{-3}", "-1/3"),
            (r"\frac12", "1/2"),
            (r"\frac 1 2", "1/2"),
            (r"\frac1{20}", "1/20"),
            (r"\frac{0.5}{2}", "1/4"),
            (r"1\frac{1}{2}", "3/2"),
            (r"-1 \frac12", "-3/2"),
            ("1 1/2", "3/2"),
            (r"50\%", "50"),
        ];
        for (text, expected) in table {
            assert_eq!(value(text), Ok(expected.to_owned()), "{text}");
        }
    }

    #[test]
    fn not_numbers() {
        let plain = [
            "", "-", ".", "--1", "1.2.3", "1 2", "1/0", "1/2/3", "1, 234", "0,123", "1,23",
            "12,34", ",123", "1,", "1e", "1e-", "5t", "x", "١", "½", "10^", "10^{3", "10^{x}",
            "2^3", "1.5 1/2", "1 3/2", "50%%", "1_2", "0x10", "NaN", "inf",
        ];
        let latex = [
            r"\frac{1}{0}",
            r"\frac{1}",
            r"\frac{1}{2",
            r"1\frac{3}{2}",
            r"1\frac{-1}{2}",
            r"\sqrt{2}",
        ];
        for text in plain.into_iter().chain(latex) {
            assert_eq!(value(text), Err(Reason::NotUnderstood), "{text}");
        }
    }

    #[test]
    fn beyond_the_budget() {
        let digits = "1".repeat(MAX_DIGITS.into());
        assert!(value(&digits).is_ok());
        for text in [
            format!("{digits}1"),
            format!("0.{digits}"),
            format!(r"\frac{{1}}{{{digits}1}}"),
            format!("1e{digits}"),
            "1e999999999".to_owned(),
            "1e-999999999".to_owned(),
            "10^{99999999999999999999}".to_owned(),
        ] {
            assert_eq!(value(&text), Err(Reason::Budget));
        }
        assert_eq!(value("1e0000000000000000000000002"), Ok("100".to_owned()));
    }

    #[test]
    fn equality() {
        let table = [
            ("1/3", "2/6", true),
            ("1/3", "0.33", false),
            ("1/3", "0.33333", false),
            ("1/3", "0.333333", true),
            ("2/3", "0.666667", true),
            ("2/3", "0.666666", true),
            ("2/3", "0.666665", false),
            ("0.333333", "0.3333333", false),
            ("1/1100000", "0.000001", false),
            ("2/1", "2.0000001", false),
            ("10000000000000001", "10000000000000002", false),
            ("10000000000000001", "1.0000000000000001e16", true),
            ("50%", "50", true),
            ("50%", "0.5", true),
            ("50%", "1/2", true),
            ("50%", "5", false),
            ("50%", "0.5%", false),
            ("33.333333%", "1/3", true),
            ("33.333333%", "100/3", true),
            ("33.33%", "1/3", false),
        ];
        for (left, right, expected) in table {
            let (left, right) = (
                parse(left).expect("a number"),
                parse(right).expect("a number"),
            );
            assert_eq!(left.equals(&right), expected, "{left:?} {right:?}");
            assert_eq!(right.equals(&left), expected, "{right:?} {left:?}");
        }
    }
}
