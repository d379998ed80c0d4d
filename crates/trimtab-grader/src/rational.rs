//! Exact rational numbers up to a fixed size.

use num_bigint::BigInt;
use num_traits::{One, Signed, ToPrimitive, Zero};

use crate::Reason;
use crate::budget::Budget;

/// Largest size of a numerator or denominator, in bits: about 9,800 decimal digits.
pub(crate) const MAX_BITS: u64 = 32_768;

/// Fractions above this size, in bits, are not reduced: a greatest common divisor takes quadratic
/// time.
const REDUCE_BITS: u64 = 1_024;

/// A fraction with a positive denominator, of machine words if they suffice, else of big integers.
#[derive(Clone, Debug)]
pub(crate) enum Rational {
    /// In lowest terms.
    Small(i64, i64),
    /// May not be in lowest terms.
    Big(Box<(BigInt, BigInt)>),
}

impl Rational {
    pub(crate) const ZERO: Self = Self::Small(0, 1);
    pub(crate) const ONE: Self = Self::Small(1, 1);

    /// `numerator / denominator` of machine words; `None` for a zero denominator.
    pub(crate) fn small(numerator: i64, denominator: i64) -> Option<Self> {
        from_wide(numerator.into(), denominator.into())
    }

    pub(crate) fn integer(value: i64) -> Self {
        Self::Small(value, 1)
    }

    /// `digits * 10^exponent`, where `digits` are ASCII digits.
    pub(crate) fn decimal(
        digits: &str,
        exponent: i64,
        budget: &mut Budget,
    ) -> Result<Self, Reason> {
        let digits = digits.trim_start_matches('0');
        if digits.is_empty() {
            return Ok(Self::ZERO);
        }
        let zeros = exponent.unsigned_abs();
        if digits.len() as u64 + zeros > MAX_BITS * 3 / 10 {
            return Err(Reason::Budget);
        }
        if digits.len() <= 18 && zeros <= 18 {
            let value: i64 = digits.parse().map_err(|_| Reason::Budget)?;
            let power = 10_i128.pow(zeros as u32);
            let (numerator, denominator) = if exponent < 0 {
                (value.into(), power)
            } else {
                (i128::from(value) * power, 1)
            };
            if let Some(small) = from_wide(numerator, denominator) {
                return Ok(small);
            }
        }
        budget.spend((digits.len() as u64 + zeros).pow(2) / 4_096 + 1)?;
        let value = BigInt::parse_bytes(digits.as_bytes(), 10).ok_or(Reason::NotUnderstood)?;
        let power = BigInt::from(10).pow(zeros as u32);
        if exponent < 0 {
            Self::big(value, power, budget)
        } else {
            Self::big(value * power, BigInt::one(), budget)
        }
    }

    pub(crate) fn big(
        numerator: BigInt,
        denominator: BigInt,
        budget: &mut Budget,
    ) -> Result<Self, Reason> {
        let bits = numerator.bits().max(denominator.bits());
        if bits > MAX_BITS {
            return Err(Reason::Budget);
        }
        budget.spend(bits / 64 + 4)?;
        let (numerator, denominator) = if denominator.is_negative() {
            (-numerator, -denominator)
        } else {
            (numerator, denominator)
        };
        if let (Some(n), Some(d)) = (numerator.to_i128(), denominator.to_i128())
            && let Some(small) = from_wide(n, d)
        {
            return Ok(small);
        }
        if !denominator.is_one() && bits <= REDUCE_BITS {
            budget.spend(bits * bits / 256 + 32)?;
            let divisor = gcd(numerator.abs(), denominator.clone());
            return Ok(Self::Big(Box::new((
                numerator / &divisor,
                denominator / divisor,
            ))));
        }
        Ok(Self::Big(Box::new((numerator, denominator))))
    }

    pub(crate) fn parts(&self) -> (BigInt, BigInt) {
        match self {
            Self::Small(numerator, denominator) => ((*numerator).into(), (*denominator).into()),
            Self::Big(parts) => parts.as_ref().clone(),
        }
    }

    fn bits(&self) -> u64 {
        match self {
            Self::Small(..) => 64,
            Self::Big(parts) => parts.0.bits().max(parts.1.bits()),
        }
    }

    pub(crate) fn is_zero(&self) -> bool {
        matches!(self, Self::Small(0, _))
    }

    pub(crate) fn is_negative(&self) -> bool {
        match self {
            Self::Small(numerator, _) => *numerator < 0,
            Self::Big(parts) => parts.0.is_negative(),
        }
    }

    /// The value if it is an integer of machine size.
    pub(crate) fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Small(numerator, 1) => Some(*numerator),
            _ => None,
        }
    }

    pub(crate) fn negated(&self) -> Self {
        match self {
            // The smallest i64 never occurs, see `from_wide`.
            Self::Small(numerator, denominator) => Self::Small(-numerator, *denominator),
            Self::Big(parts) => Self::Big(Box::new((-&parts.0, parts.1.clone()))),
        }
    }

    pub(crate) fn plus(&self, other: &Self, budget: &mut Budget) -> Result<Self, Reason> {
        if let (Self::Small(a, b), Self::Small(c, d)) = (self, other) {
            let [a, b, c, d] = [*a, *b, *c, *d].map(i128::from);
            if let Some(sum) = (a * d).checked_add(c * b).and_then(|n| from_wide(n, b * d)) {
                return Ok(sum);
            }
        }
        self.charge(other, budget)?;
        let ((a, b), (c, d)) = (self.parts(), other.parts());
        if b == d {
            return Self::big(a + c, b, budget);
        }
        Self::big(a * &d + c * &b, b * d, budget)
    }

    pub(crate) fn times(&self, other: &Self, budget: &mut Budget) -> Result<Self, Reason> {
        if let (Self::Small(a, b), Self::Small(c, d)) = (self, other) {
            let [a, b, c, d] = [*a, *b, *c, *d].map(i128::from);
            if let Some(product) = from_wide(a * c, b * d) {
                return Ok(product);
            }
        }
        self.charge(other, budget)?;
        let ((a, b), (c, d)) = (self.parts(), other.parts());
        Self::big(a * c, b * d, budget)
    }

    /// The inverse, or `None` for zero.
    pub(crate) fn inverse(&self) -> Option<Self> {
        match self {
            Self::Small(0, _) => None,
            Self::Small(numerator, denominator) => {
                from_wide((*denominator).into(), (*numerator).into())
            }
            Self::Big(parts) => {
                let (numerator, denominator) = parts.as_ref().clone();
                let sign = if numerator.is_negative() { -1 } else { 1 };
                Some(Self::Big(Box::new((denominator * sign, numerator.abs()))))
            }
        }
    }

    /// An integer power. A negative power of zero is an error.
    pub(crate) fn power(&self, exponent: i64, budget: &mut Budget) -> Result<Self, Reason> {
        let base = if exponent < 0 {
            self.inverse().ok_or(Reason::NotUnderstood)?
        } else {
            self.clone()
        };
        if let Self::Small(sign @ -1..=1, 1) = base {
            let odd = exponent % 2 != 0;
            let value = if exponent == 0 {
                1
            } else if odd {
                sign
            } else {
                sign * sign
            };
            return Ok(Self::integer(value));
        }
        let times = u32::try_from(exponent.unsigned_abs()).map_err(|_| Reason::Budget)?;
        let (numerator, denominator) = base.parts();
        let size = numerator
            .bits()
            .max(denominator.bits())
            .saturating_sub(1)
            .max(1);
        if size.saturating_mul(times.into()) > MAX_BITS {
            return Err(Reason::Budget);
        }
        budget.spend((size * u64::from(times) / 64).pow(2) / 16 + 1)?;
        Self::big(numerator.pow(times), denominator.pow(times), budget)
    }

    /// `value (value - step) (value - 2 step) ...`
    pub(crate) fn factorial(value: u32, step: u32, budget: &mut Budget) -> Result<Self, Reason> {
        let mut product = BigInt::one();
        let mut word = 1_u64;
        let mut factor = value;
        while factor > 1 {
            if let Some(larger) = word.checked_mul(factor.into()) {
                word = larger;
            } else {
                product *= word;
                word = factor.into();
                if product.bits() > MAX_BITS {
                    return Err(Reason::Budget);
                }
                budget.spend(product.bits() / 1_024 + 1)?;
            }
            factor = factor.saturating_sub(step);
        }
        Self::big(product * word, BigInt::one(), budget)
    }

    /// Exact comparison.
    pub(crate) fn compare(
        &self,
        other: &Self,
        budget: &mut Budget,
    ) -> Result<std::cmp::Ordering, Reason> {
        if let (Self::Small(a, b), Self::Small(c, d)) = (self, other) {
            let [a, b, c, d] = [*a, *b, *c, *d].map(i128::from);
            return Ok((a * d).cmp(&(c * b)));
        }
        self.charge(other, budget)?;
        let ((a, b), (c, d)) = (self.parts(), other.parts());
        Ok((a * d).cmp(&(c * b)))
    }

    /// The largest integer not above the value.
    pub(crate) fn floor(&self, budget: &mut Budget) -> Result<Self, Reason> {
        match self {
            Self::Small(numerator, denominator) => {
                Ok(Self::integer(numerator.div_euclid(*denominator)))
            }
            Self::Big(parts) => {
                self.charge(self, budget)?;
                let (numerator, denominator) = parts.as_ref();
                let quotient = numerator / denominator; // towards zero
                let inexact = !(numerator % denominator).is_zero();
                let floor = quotient - i32::from(numerator.is_negative() && inexact);
                Self::big(floor, BigInt::one(), budget)
            }
        }
    }

    /// The exact root of that degree of a non-negative value, if it is rational.
    pub(crate) fn root(&self, degree: u32, budget: &mut Budget) -> Result<Option<Self>, Reason> {
        if degree == 0 || self.is_negative() {
            return Ok(None);
        }
        if let Self::Small(numerator, denominator) = self {
            let exact = |value: i64| {
                let root = (value as f64).powf(1.0 / f64::from(degree)).round() as i64;
                let power = u64::try_from(root)
                    .ok()
                    .and_then(|root| root.checked_pow(degree));
                (power == u64::try_from(value).ok()).then_some(root)
            };
            return Ok(exact(*numerator)
                .zip(exact(*denominator))
                .and_then(|(n, d)| Self::small(n, d)));
        }
        let bits = self.bits();
        if bits > REDUCE_BITS {
            return Ok(None);
        }
        budget.spend(bits)?;
        let (numerator, denominator) = self.parts();
        let roots = (numerator.nth_root(degree), denominator.nth_root(degree));
        if roots.0.pow(degree) == numerator && roots.1.pow(degree) == denominator {
            return Self::big(roots.0, roots.1, budget).map(Some);
        }
        Ok(None)
    }

    /// Two floats `(high, low)` whose sum is the value to about 106 bits. `None` outside the range
    /// of floats.
    pub(crate) fn to_doubles(&self, budget: &mut Budget) -> Result<Option<(f64, f64)>, Reason> {
        const EXACT: i64 = 1 << 53;
        if let Self::Small(numerator, denominator) = self
            && *denominator == 1
            && numerator.abs() < EXACT
        {
            return Ok(Some((*numerator as f64, 0.0)));
        }
        let (numerator, denominator) = self.parts();
        budget.spend(self.bits() / 64 + 1)?;
        // Scale the quotient to about 120 bits, then split it.
        let shift = 120 - (numerator.bits() as i64 - denominator.bits() as i64);
        if shift.abs() > 1_000 {
            return Ok(None);
        }
        let quotient = if shift >= 0 {
            (numerator << shift as u64) / denominator
        } else {
            numerator / (denominator << shift.unsigned_abs())
        };
        let Some(quotient) = quotient.to_i128() else {
            return Ok(None);
        };
        let high = quotient as f64;
        let low = (quotient - high as i128) as f64;
        let scale = 2.0_f64.powi(-(shift / 2) as i32);
        let rest = 2.0_f64.powi(-(shift - shift / 2) as i32);
        Ok(Some((high * scale * rest, low * scale * rest)))
    }

    fn charge(&self, other: &Self, budget: &mut Budget) -> Result<(), Reason> {
        let (left, right) = (self.bits() / 64 + 1, other.bits() / 64 + 1);
        if left + right > 2 * MAX_BITS / 64 {
            return Err(Reason::Budget);
        }
        budget.spend(left * right / 16 + 12)
    }
}

fn from_wide(numerator: i128, denominator: i128) -> Option<Rational> {
    if denominator == 0 {
        return None;
    }
    // Most are small, and the division of words is fast.
    if let (Ok(numerator), Ok(denominator)) = (i64::try_from(numerator), i64::try_from(denominator))
        && numerator != i64::MIN
        && denominator != i64::MIN
    {
        let divisor = gcd_word(numerator.unsigned_abs(), denominator.unsigned_abs()) as i64;
        let divisor = divisor * denominator.signum();
        return Some(Rational::Small(numerator / divisor, denominator / divisor));
    }
    let divisor = gcd_wide(numerator.unsigned_abs(), denominator.unsigned_abs());
    let divisor = i128::try_from(divisor).ok()? * denominator.signum();
    let numerator = i64::try_from(numerator / divisor).ok()?;
    let denominator = i64::try_from(denominator / divisor).ok()?;
    (numerator != i64::MIN).then_some(Rational::Small(numerator, denominator))
}

fn gcd_wide(mut left: u128, mut right: u128) -> u128 {
    while right != 0 {
        if let (Ok(left), Ok(right)) = (u64::try_from(left), u64::try_from(right)) {
            return gcd_word(left, right).into();
        }
        (left, right) = (right, left % right);
    }
    left
}

fn gcd_word(mut left: u64, mut right: u64) -> u64 {
    if right == 1 {
        return 1;
    }
    while right != 0 {
        (left, right) = (right, left % right);
    }
    left
}

fn gcd(mut left: BigInt, mut right: BigInt) -> BigInt {
    while !right.is_zero() {
        let rest = &left % &right;
        left = std::mem::replace(&mut right, rest);
    }
    left
}
