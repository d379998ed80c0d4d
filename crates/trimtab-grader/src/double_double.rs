//! DoubleDouble-double numbers: unevaluated sums of two floats, good for about 31 decimal digits.
//!
//! The sums and products are Dekker's and Knuth's error-free transformations (Hida, Li and Bailey,
//! "Library for double-double and quad-double arithmetic", 2007). The relative error of each
//! function is at most a few times [`UNIT`]. The error bounds of [`crate::ball`] use [`SLACK`],
//! which is 128 times [`UNIT`].

/// Relative size of the last bit.
const UNIT: f64 = 1.3e-32; // 2^-106

/// The relative error charged for one operation, about a hundred times the real one.
pub(crate) const SLACK: f64 = 128.0 * UNIT;

/// `high + low`, with `low` below the precision of `high`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct DoubleDouble {
    pub(crate) high: f64,
    pub(crate) low: f64,
}

pub(crate) const PI: DoubleDouble =
    DoubleDouble::new(std::f64::consts::PI, 1.224_646_799_147_353_2e-16);
pub(crate) const E: DoubleDouble =
    DoubleDouble::new(std::f64::consts::E, 1.445_646_891_729_250_2e-16);
const LN_2: DoubleDouble = DoubleDouble::new(std::f64::consts::LN_2, 2.319_046_813_846_299_6e-17);

impl DoubleDouble {
    pub(crate) const ZERO: Self = Self::new(0.0, 0.0);
    pub(crate) const ONE: Self = Self::new(1.0, 0.0);

    pub(crate) const fn new(high: f64, low: f64) -> Self {
        Self { high, low }
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        let (high, error) = two_sum(self.high, other.high);
        let (low, rest) = two_sum(self.low, other.low);
        let (high, error) = quick_two_sum(high, error + low);
        renormal(high, error + rest)
    }

    pub(crate) fn minus(self, other: Self) -> Self {
        self.plus(other.negated())
    }

    pub(crate) fn negated(self) -> Self {
        Self::new(-self.high, -self.low)
    }

    pub(crate) fn times(self, other: Self) -> Self {
        let (high, error) = two_product(self.high, other.high);
        renormal(
            high,
            error + (self.high * other.low + self.low * other.high),
        )
    }

    pub(crate) fn scaled(self, factor: f64) -> Self {
        let (high, error) = two_product(self.high, factor);
        renormal(high, error + self.low * factor)
    }

    pub(crate) fn over(self, other: Self) -> Self {
        let first = self.high / other.high;
        let rest = self.minus(other.scaled(first));
        let second = rest.high / other.high;
        let rest = rest.minus(other.scaled(second));
        let third = rest.high / other.high;
        let (high, low) = quick_two_sum(first, second);
        renormal(high, low).plus(Self::new(third, 0.0))
    }

    pub(crate) fn abs(self) -> Self {
        if self.high < 0.0 {
            self.negated()
        } else {
            self
        }
    }

    pub(crate) fn is_finite(self) -> bool {
        self.high.is_finite() && self.low.is_finite()
    }

    pub(crate) fn sqrt(self) -> Self {
        if self.high <= 0.0 {
            return Self::ZERO;
        }
        let guess = self.high.sqrt();
        let rest = self.minus(Self::new(guess, 0.0).times(Self::new(guess, 0.0)));
        let (high, low) = quick_two_sum(guess, rest.high / (2.0 * guess));
        let root = renormal(high, low);
        // A second Newton step: the first one is good for a few bits less than all.
        let rest = self.minus(root.times(root));
        root.plus(Self::new(rest.high / (2.0 * guess), 0.0))
    }

    /// The largest whole number not above the value.
    pub(crate) fn floor(self) -> Self {
        let high = self.high.floor();
        if high == self.high {
            renormal(high, self.low.floor())
        } else {
            Self::new(high, 0.0)
        }
    }

    pub(crate) fn exp(self) -> Self {
        const SQUARINGS: i32 = 9;
        if self.high > 700.0 {
            return Self::new(f64::INFINITY, 0.0);
        }
        if self.high < -700.0 {
            return Self::ZERO;
        }
        let twos = (self.high / LN_2.high).round();
        let small = self
            .minus(LN_2.scaled(twos))
            .scaled(1.0 / f64::from(1 << SQUARINGS));
        // exp(x) - 1 by its series, then (1 + y)^2 - 1 = 2y + y^2 once for each halving of x.
        let mut term = small;
        let mut sum = small;
        for n in 2..=9 {
            term = term.times(small).over(Self::new(f64::from(n), 0.0));
            sum = sum.plus(term);
        }
        for _ in 0..SQUARINGS {
            sum = sum.scaled(2.0).plus(sum.times(sum));
        }
        let (half, rest) = ((twos / 2.0).trunc(), twos - (twos / 2.0).trunc());
        sum.plus(Self::ONE)
            .scaled(2.0_f64.powi(half as i32))
            .scaled(2.0_f64.powi(rest as i32))
    }

    /// Natural logarithm of a positive value, by Newton's method on [`DoubleDouble::exp`].
    pub(crate) fn ln(self) -> Self {
        // First bring the argument near one, where Newton's steps are exact enough.
        let twos = self.high.log2().round();
        let (half, rest) = ((twos / 2.0).trunc(), twos - (twos / 2.0).trunc());
        let near = self
            .scaled(2.0_f64.powi(-half as i32))
            .scaled(2.0_f64.powi(-rest as i32));
        let mut log = Self::new(near.high.ln(), 0.0);
        for _ in 0..2 {
            log = log.plus(near.times(log.negated().exp())).minus(Self::ONE);
        }
        log.plus(LN_2.scaled(twos))
    }

    /// Sine and cosine of an argument of moderate size.
    pub(crate) fn sin_cos(self) -> (Self, Self) {
        let quarter = PI.scaled(0.5);
        let turns = (self.high / quarter.high).round();
        let rest = self.minus(quarter.scaled(turns));
        // Halve three times, sum the series of sin and 1 - cos, and double back.
        let small = rest.scaled(0.125);
        let square = small.times(small);
        let (mut sin, mut term) = (small, small);
        for n in 1..=11 {
            let step = f64::from(2 * n * (2 * n + 1));
            term = term.times(square).over(Self::new(-step, 0.0));
            sin = sin.plus(term);
        }
        let (mut versine, mut term) = (Self::ZERO, Self::new(-1.0, 0.0));
        for n in 1..=11 {
            let step = f64::from(2 * n * (2 * n - 1));
            term = term.times(square).over(Self::new(-step, 0.0));
            versine = versine.plus(term);
        }
        for _ in 0..3 {
            // sin 2x = 2 sin x cos x, 1 - cos 2x = 2 sin^2 x
            let cos = Self::ONE.minus(versine);
            versine = sin.times(sin).scaled(2.0);
            sin = sin.times(cos).scaled(2.0);
        }
        let cos = Self::ONE.minus(versine);
        match turns.rem_euclid(4.0) as u8 {
            0 => (sin, cos),
            1 => (cos, sin.negated()),
            2 => (sin.negated(), cos.negated()),
            _ => (cos.negated(), sin),
        }
    }

    /// The angle of the point `(x, y)`, in `(-pi, pi]`, by Newton's method on
    /// [`DoubleDouble::sin_cos`].
    pub(crate) fn atan2(y: Self, x: Self) -> Self {
        let length = x.times(x).plus(y.times(y)).sqrt();
        if length.high == 0.0 {
            return Self::ZERO;
        }
        if y.high == 0.0 {
            return if x.high < 0.0 { PI } else { Self::ZERO };
        }
        let (x, y) = (x.over(length), y.over(length));
        let mut angle = Self::new(y.high.atan2(x.high), 0.0);
        for _ in 0..2 {
            let (sin, cos) = angle.sin_cos();
            // sin(true - angle), which is true - angle to third order
            angle = angle.plus(y.times(cos).minus(x.times(sin)));
        }
        angle
    }
}

fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let part = sum - a;
    (sum, (a - (sum - part)) + (b - part))
}

/// For `|a| >= |b|`.
fn quick_two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    (sum, b - (sum - a))
}

fn two_product(a: f64, b: f64) -> (f64, f64) {
    let product = a * b;
    let ((a_high, a_low), (b_high, b_low)) = (split(a), split(b));
    let error = ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low;
    (product, error)
}

/// Veltkamp's split into two halves of 26 bits.
fn split(value: f64) -> (f64, f64) {
    let scaled = value * 134_217_729.0; // 2^27 + 1
    let high = scaled - (scaled - value);
    (high, value - high)
}

fn renormal(high: f64, low: f64) -> DoubleDouble {
    let (high, low) = quick_two_sum(high, low);
    DoubleDouble::new(high, low)
}

#[cfg(test)]
mod tests {
    use super::{DoubleDouble, E, PI};

    fn close(left: DoubleDouble, right: DoubleDouble) -> bool {
        let difference = left.minus(right).high.abs();
        difference <= 3e-31 * right.high.abs().max(1e-3)
    }

    /// High and low part of constants, from their published decimal expansions.
    #[test]
    fn functions_agree_with_known_digits() {
        let two = DoubleDouble::new(2.0, 0.0);
        // 1.41421356237309504880168872420969807857
        assert!(close(
            two.sqrt(),
            DoubleDouble::new(std::f64::consts::SQRT_2, -9.667_293_313_452_913e-17)
        ));
        assert!(close(DoubleDouble::ONE.exp(), E));
        assert!(close(two.ln(), super::LN_2));
        assert!(close(
            DoubleDouble::atan2(DoubleDouble::ZERO, DoubleDouble::ONE.negated()),
            PI
        ));
        assert!(close(
            DoubleDouble::atan2(DoubleDouble::ONE, DoubleDouble::ONE).scaled(4.0),
            PI
        ));
        let (sin, cos) = PI.over(DoubleDouble::new(6.0, 0.0)).sin_cos();
        assert!(close(sin, DoubleDouble::new(0.5, 0.0)));
        assert!(close(cos, DoubleDouble::new(3.0, 0.0).sqrt().scaled(0.5)));
    }

    #[test]
    fn functions_undo_each_other() {
        for step in 1..200 {
            let x = DoubleDouble::new(f64::from(step) * 0.37, 1e-18 * f64::from(step % 7));
            assert!(close(x.exp().ln(), x), "{x:?}");
            assert!(close(x.ln().exp(), x), "{x:?}");
            assert!(close(x.sqrt().times(x.sqrt()), x), "{x:?}");
            assert!(close(x.over(PI).times(PI), x), "{x:?}");
            let (sin, cos) = x.sin_cos();
            assert!(
                close(sin.times(sin).plus(cos.times(cos)), DoubleDouble::ONE),
                "{x:?}"
            );
            let (again, _) = DoubleDouble::atan2(sin, cos).sin_cos();
            assert!(close(again, sin), "{x:?}");
        }
    }
}
