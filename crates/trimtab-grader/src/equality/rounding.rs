//! Decimals that stand for the value that they round.

use super::Comparer;
use crate::evaluate::{Fault, Value};
use crate::expr::Expr;
use crate::rational::Rational;
use crate::rules::Rounding;

/// Significant digits from which a gold decimal stands for a value that no decimal gives exactly.
const FEW: u32 = 4;

/// Digits after those of the gold decimal at which other decimals end.
const TERMINATES: i64 = 12;

/// Significant digits from which a gold decimal stands for longer decimals too, and, if it has as
/// many decimals, from which any decimal stands for the exact value next to it.
const MANY: u32 = 6;

/// Significant digits from which an answer gives more digits of what a gold decimal rounds.
const LONG: u32 = 8;

/// Least significant digits and decimals of a floating-point number that is printed in full.
const FLOAT: (u32, u32) = (16, 10);

/// Most significant digits of such a number.
const LONGEST_FLOAT: u32 = 17;

/// A number with decimals, as written.
struct Decimal {
    value: Rational,
    /// Digits after the decimal point, of the mantissa if there is a power of ten.
    decimals: u32,
    /// The value of one unit of the last digit.
    unit: Rational,
    /// Whether it has a power of ten.
    scientific: bool,
}

impl Comparer<'_> {
    /// Whether one of two different values is a decimal that stands for the other.
    pub(super) fn rounded(&mut self, gold: &Expr, answer: &Expr) -> Result<bool, Fault> {
        let varies = |part: &Expr| matches!(part, Expr::Symbol(_) | Expr::Opaque(..));
        if self.rules.rounding == Rounding::Off || gold.any(varies) || answer.any(varies) {
            return Ok(false);
        }
        let (of_gold, of_answer) = (self.decimal(gold)?, self.decimal(answer)?);
        if of_gold.is_none() && of_answer.is_none() {
            return Ok(false);
        }
        let (gold, answer) = (self.constant(gold)?, self.constant(answer)?);
        if let Some(decimal) = &of_gold
            && self.gold_stands_for(decimal, of_answer.as_ref(), &answer)?
        {
            return Ok(true);
        }
        let (decimal, exact) = match (&of_gold, &of_answer) {
            (Some(decimal), None) => (decimal, &answer),
            (None, Some(decimal)) => (decimal, &gold),
            (Some(of_gold), Some(of_answer)) => {
                return Ok(self.is_printed(of_answer, &gold)? || self.is_printed(of_gold, &answer)?);
            }
            (None, None) => return Ok(false),
        };
        // A long decimal is off by up to one unit of the last digit: it may be cut or a float.
        Ok(self.is_printed(decimal, exact)?
            || decimal.decimals >= MANY
                && self.has_digits(decimal, MANY)?
                && !self.is_whole_in(&decimal.unit, exact)?
                && self.within(exact, &decimal.value, &decimal.unit)?)
    }

    /// Whether a value rounds to the gold decimal.
    fn gold_stands_for(
        &mut self,
        gold: &Decimal,
        of_answer: Option<&Decimal>,
        answer: &Value,
    ) -> Result<bool, Fault> {
        let half_unit = Rational::Small(1, 2).times(&gold.unit, self.budget)?;
        if !self.within(answer, &gold.value, &half_unit)? {
            return Ok(false);
        }
        if self.rules.rounding == Rounding::Gold {
            return Ok(true);
        }
        match of_answer {
            None if self.has_digits(gold, MANY)? => Ok(!self.is_whole_in(&gold.unit, answer)?),
            None => {
                let tiny = Rational::integer(10).power(-TERMINATES, self.budget)?;
                let unit = gold.unit.times(&tiny, self.budget)?;
                Ok(self.has_digits(gold, FEW)? && !self.is_whole_in(&unit, answer)?)
            }
            Some(answer) => {
                let longer = answer.unit.compare(&gold.unit, self.budget)?.is_lt();
                // A measurement, or the first digits of a number without an end.
                let rounds = gold.scientific || self.has_digits(answer, LONG)?;
                Ok(longer
                    && (self.has_digits(gold, MANY)? || rounds && self.has_digits(gold, FEW)?))
            }
        }
    }

    /// Whether a decimal is a floating-point number printed in full, next to the value.
    fn is_printed(&mut self, decimal: &Decimal, value: &Value) -> Result<bool, Fault> {
        let (digits, decimals) = FLOAT;
        let printed = decimal.decimals >= decimals
            && self.has_digits(decimal, digits)?
            && !self.has_digits(decimal, LONGEST_FLOAT + 1)?;
        if !printed {
            return Ok(false);
        }
        let size = magnitude(&decimal.value);
        let error = size.times(
            &Rational::integer(10).power(1 - i64::from(digits), self.budget)?,
            self.budget,
        )?;
        self.within(value, &decimal.value, &error)
    }

    /// Whether a decimal has this many significant digits.
    fn has_digits(&mut self, decimal: &Decimal, digits: u32) -> Result<bool, Fault> {
        let power = Rational::integer(10).power(i64::from(digits) - 1, self.budget)?;
        let least = decimal.unit.times(&power, self.budget)?;
        Ok(magnitude(&decimal.value)
            .compare(&least, self.budget)?
            .is_ge())
    }

    /// Whether a value is a whole number of units, so that a decimal with that unit could have
    /// given it exactly.
    fn is_whole_in(&mut self, unit: &Rational, value: &Value) -> Result<bool, Fault> {
        let Value::Exact(value) = value else {
            return Ok(false);
        };
        let scaled = value.times(&unit.inverse().ok_or(Fault::Undefined)?, self.budget)?;
        let floor = scaled.floor(self.budget)?;
        Ok(floor.compare(&scaled, self.budget)?.is_eq())
    }

    /// Whether a value is within `radius` of `centre`.
    fn within(
        &mut self,
        value: &Value,
        centre: &Rational,
        radius: &Rational,
    ) -> Result<bool, Fault> {
        let low = Value::Exact(centre.plus(&radius.negated(), self.budget)?);
        let high = Value::Exact(centre.plus(radius, self.budget)?);
        let above = value.order(&low, self.budget)?;
        let below = value.order(&high, self.budget)?;
        Ok(above.is_some_and(std::cmp::Ordering::is_ge)
            && below.is_some_and(std::cmp::Ordering::is_le))
    }

    /// The decimal that an expression is: `0.25`, `-0.25`, `25.5\%`, `2.5 \times 10^{-3}`.
    fn decimal(&mut self, expr: &Expr) -> Result<Option<Decimal>, Fault> {
        Ok(match expr {
            Expr::Number {
                value,
                decimals: Some(decimals),
            } => Some(Decimal {
                value: value.clone(),
                decimals: *decimals,
                unit: Rational::integer(10).power(-i64::from(*decimals), self.budget)?,
                scientific: false,
            }),
            Expr::Negative(inner) => self.decimal(inner)?.map(|decimal| Decimal {
                value: decimal.value.negated(),
                ..decimal
            }),
            Expr::Percent(inner) => match self.decimal(inner)? {
                Some(decimal) => Some(self.scaled(&decimal, &Rational::Small(1, 100))?),
                None => None,
            },
            Expr::Product(factors) => {
                let [mantissa, power] = factors.as_slice() else {
                    return Ok(None);
                };
                match (self.decimal(mantissa)?, power_of_ten(power)) {
                    (Some(decimal), Some(exponent)) => {
                        let factor = Rational::integer(10).power(exponent, self.budget)?;
                        Some(Decimal {
                            scientific: true,
                            ..self.scaled(&decimal, &factor)?
                        })
                    }
                    _ => None,
                }
            }
            _ => None,
        })
    }

    fn scaled(&mut self, decimal: &Decimal, factor: &Rational) -> Result<Decimal, Fault> {
        Ok(Decimal {
            value: decimal.value.times(factor, self.budget)?,
            decimals: decimal.decimals,
            unit: decimal.unit.times(factor, self.budget)?,
            scientific: decimal.scientific,
        })
    }
}

fn magnitude(value: &Rational) -> Rational {
    if value.is_negative() {
        value.negated()
    } else {
        value.clone()
    }
}

/// The exponent of a power of ten.
fn power_of_ten(expr: &Expr) -> Option<i64> {
    const LARGEST: i64 = 9_999;
    let whole = |expr: &Expr| match expr {
        Expr::Number {
            value,
            decimals: None,
        } => value.as_i64(),
        _ => None,
    };
    let Expr::Power(parts) = expr else {
        return None;
    };
    if whole(&parts.0) != Some(10) {
        return None;
    }
    let exponent = match &parts.1 {
        Expr::Negative(inner) => -whole(inner)?,
        exponent => whole(exponent)?,
    };
    (exponent.abs() <= LARGEST).then_some(exponent)
}
