//! Values and their arithmetic.

use std::cmp::Ordering;

use super::Fault;
use crate::Reason;
use crate::ball::Ball;
use crate::budget::Budget;
use crate::double_double::DoubleDouble;
use crate::rational::Rational;

/// A value: exact, within an error bound, or infinite.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Exact(Rational),
    Ball(Ball),
    Infinite { negative: bool },
}

/// Work of a ball's sum or product, and of a function of it.
const BALL: u64 = 2;
const FUNCTION: u64 = 20;

impl Value {
    pub(crate) const ZERO: Self = Self::Exact(Rational::ZERO);
    pub(crate) const ONE: Self = Self::Exact(Rational::ONE);

    /// The value as a ball. Fails for infinities and beyond the range of floats.
    pub(crate) fn ball(&self, budget: &mut Budget) -> Result<Ball, Fault> {
        match self {
            Self::Exact(value) => {
                let (high, low) = value
                    .to_doubles(budget)?
                    .ok_or(Fault::Stop(Reason::Precision))?;
                Ok(if low == 0.0 && value.as_i64().is_some() {
                    Ball::exact(DoubleDouble::new(high, 0.0))
                } else {
                    Ball::rounded(DoubleDouble::new(high, 0.0).plus(DoubleDouble::new(low, 0.0)))
                })
            }
            Self::Ball(ball) => Ok(*ball),
            Self::Infinite { .. } => Err(Fault::Undefined),
        }
    }

    /// A ball as a value. Fails beyond the range of floats.
    fn of(ball: Ball) -> Result<Self, Fault> {
        if ball.is_finite() {
            Ok(Self::Ball(ball))
        } else {
            Err(Fault::Stop(Reason::Precision))
        }
    }

    pub(crate) fn plus(&self, other: &Self, budget: &mut Budget) -> Result<Self, Fault> {
        match (self, other) {
            (Self::Exact(left), Self::Exact(right)) => Ok(Self::Exact(left.plus(right, budget)?)),
            (Self::Infinite { negative }, other) | (other, Self::Infinite { negative }) => {
                match other {
                    Self::Infinite { negative: also } if also != negative => Err(Fault::Undefined),
                    _ => Ok(Self::Infinite {
                        negative: *negative,
                    }),
                }
            }
            (left, right) => {
                budget.spend(BALL)?;
                Self::of(left.ball(budget)?.plus(right.ball(budget)?))
            }
        }
    }

    pub(crate) fn times(&self, other: &Self, budget: &mut Budget) -> Result<Self, Fault> {
        match (self, other) {
            (Self::Exact(left), Self::Exact(right)) => Ok(Self::Exact(left.times(right, budget)?)),
            (Self::Exact(zero), Self::Ball(_)) | (Self::Ball(_), Self::Exact(zero))
                if zero.is_zero() =>
            {
                Ok(Self::ZERO)
            }
            (Self::Infinite { negative }, other) | (other, Self::Infinite { negative }) => {
                let flip = match other {
                    Self::Exact(value) if !value.is_zero() => value.is_negative(),
                    Self::Infinite { negative } => *negative,
                    _ => return Err(Fault::Undefined),
                };
                Ok(Self::Infinite {
                    negative: *negative != flip,
                })
            }
            (left, right) => {
                budget.spend(BALL)?;
                Self::of(left.ball(budget)?.times(right.ball(budget)?))
            }
        }
    }

    pub(crate) fn negated(self) -> Self {
        match self {
            Self::Exact(value) => Self::Exact(value.negated()),
            Self::Ball(ball) => Self::Ball(ball.negated()),
            Self::Infinite { negative } => Self::Infinite {
                negative: !negative,
            },
        }
    }

    pub(crate) fn inverse(&self, budget: &mut Budget) -> Result<Self, Fault> {
        match self {
            Self::Exact(value) => value.inverse().map(Self::Exact).ok_or(Fault::Undefined),
            Self::Ball(ball) => {
                budget.spend(BALL)?;
                Self::of(ball.inverse().ok_or(Fault::Undefined)?)
            }
            Self::Infinite { .. } => Err(Fault::Undefined),
        }
    }

    pub(crate) fn exp(&self, budget: &mut Budget) -> Result<Self, Fault> {
        match self {
            Self::Exact(value) if value.is_zero() => Ok(Self::ONE),
            value => {
                budget.spend(FUNCTION)?;
                let ball = value.ball(budget)?;
                if ball.size() > 650.0 {
                    return Err(Fault::Stop(Reason::Precision));
                }
                Self::of(ball.exp())
            }
        }
    }

    pub(crate) fn ln(&self, budget: &mut Budget) -> Result<Self, Fault> {
        if let Self::Exact(value) = self
            && value.as_i64() == Some(1)
        {
            return Ok(Self::ZERO);
        }
        budget.spend(FUNCTION)?;
        Self::of(self.ball(budget)?.ln().ok_or(Fault::Undefined)?)
    }

    /// A power. Odd roots of negative numbers are real.
    pub(crate) fn power(&self, exponent: &Self, budget: &mut Budget) -> Result<Self, Fault> {
        let Self::Exact(exact) = exponent else {
            if matches!(self, Self::Exact(base) if base.is_zero()) {
                return Err(Fault::Undefined);
            }
            let log = self.ln(budget)?;
            return log.times(exponent, budget)?.exp(budget);
        };
        if let Some(whole) = exact.as_i64() {
            return self.integer_power(whole, budget);
        }
        if matches!(self, Self::Exact(base) if base.is_zero()) {
            return if exact.is_negative() {
                Err(Fault::Undefined)
            } else {
                Ok(Self::ZERO)
            };
        }
        let Rational::Small(above, below) = *exact else {
            return Err(Fault::Stop(Reason::Budget)); // no honest answer has such an exponent
        };
        if let Self::Exact(base) = self
            && let Ok(degree) = u32::try_from(below)
            && degree <= 64
        {
            let magnitude = if base.is_negative() {
                base.negated()
            } else {
                base.clone()
            };
            if (!base.is_negative() || below % 2 == 1)
                && let Some(root) = magnitude.root(degree, budget)?
            {
                let root = if base.is_negative() {
                    root.negated()
                } else {
                    root
                };
                return Self::Exact(root).integer_power(above, budget);
            }
        }
        budget.spend(BALL)?;
        let base = self.ball(budget)?;
        if (above, below) == (1, 2) {
            return Self::of(base.sqrt());
        }
        budget.spend(FUNCTION)?;
        let negative = base.is_real() && base.re.high < 0.0 && below % 2 == 1;
        let magnitude = Self::Ball(if negative { base.negated() } else { base });
        let power = magnitude.ln(budget)?.times(exponent, budget)?.exp(budget)?;
        Ok(if negative && above % 2 != 0 {
            power.negated()
        } else {
            power
        })
    }

    fn integer_power(&self, exponent: i64, budget: &mut Budget) -> Result<Self, Fault> {
        match self {
            Self::Exact(base) if base.is_zero() && exponent <= 0 => Err(Fault::Undefined),
            Self::Exact(base) => Ok(Self::Exact(base.power(exponent, budget)?)),
            Self::Ball(ball) => {
                budget.spend(64 * BALL)?;
                Self::of(ball.integer_power(exponent).ok_or(Fault::Undefined)?)
            }
            Self::Infinite { .. } => Err(Fault::Undefined),
        }
    }

    pub(crate) fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Exact(value) => value.as_i64(),
            _ => None,
        }
    }

    /// A hash of the value, rounded so that equal values have equal hashes however they were
    /// computed.
    pub(crate) fn fingerprint(&self, budget: &mut Budget) -> Result<u64, Fault> {
        let ball = self.ball(budget)?;
        let rounded = |part: DoubleDouble| {
            let kept = if part.high.abs() <= ball.radius {
                0.0
            } else {
                part.high
            };
            (kept as f32 + 0.0).to_bits()
        };
        Ok(u64::from(rounded(ball.re)) << 32 | u64::from(rounded(ball.im)))
    }

    /// The order of two real values, or `None` if it is unknown.
    pub(crate) fn order(
        &self,
        other: &Self,
        budget: &mut Budget,
    ) -> Result<Option<Ordering>, Reason> {
        match (self, other) {
            (Self::Exact(left), Self::Exact(right)) => left.compare(right, budget).map(Some),
            (Self::Infinite { negative: left }, Self::Infinite { negative: right }) => {
                Ok(Some(right.cmp(left)))
            }
            (Self::Infinite { negative }, _) => Ok(Some(if *negative {
                Ordering::Less
            } else {
                Ordering::Greater
            })),
            (_, Self::Infinite { negative }) => Ok(Some(if *negative {
                Ordering::Greater
            } else {
                Ordering::Less
            })),
            (left, right) => {
                budget.spend(BALL)?;
                let (Ok(left), Ok(right)) = (left.ball(budget), right.ball(budget)) else {
                    return Ok(None);
                };
                if !left.is_real() || !right.is_real() {
                    return Ok(None);
                }
                let difference = left.minus(right);
                if difference.is_nonzero() {
                    return Ok(difference.re.high.partial_cmp(&0.0));
                }
                Ok(Some(Ordering::Equal))
            }
        }
    }
}

/// Whether two values are the same.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Sameness {
    /// They are: exactly, or to at least twenty digits and within the error bound.
    Same,
    /// They are not: the error bound excludes it.
    Different,
    /// The error bound is too wide to tell.
    Unclear,
}

/// Compares two values.
pub(crate) fn sameness(
    left: &Value,
    right: &Value,
    budget: &mut Budget,
) -> Result<Sameness, Fault> {
    match (left, right) {
        (Value::Exact(left), Value::Exact(right)) => Ok(match left.compare(right, budget)? {
            Ordering::Equal => Sameness::Same,
            _ => Sameness::Different,
        }),
        (Value::Infinite { negative: left }, Value::Infinite { negative: right }) => {
            Ok(if left == right {
                Sameness::Same
            } else {
                Sameness::Different
            })
        }
        (Value::Infinite { .. }, _) | (_, Value::Infinite { .. }) => Ok(Sameness::Different),
        _ => {
            budget.spend(BALL)?;
            let (left, right) = (left.ball(budget)?, right.ball(budget)?);
            let difference = left.minus(right);
            if difference.is_nonzero() {
                return Ok(Sameness::Different);
            }
            let size = left.size().max(right.size());
            let precise = difference.radius <= 1e-20 * size || difference.radius <= 1e-26;
            Ok(if precise {
                Sameness::Same
            } else {
                Sameness::Unclear
            })
        }
    }
}
