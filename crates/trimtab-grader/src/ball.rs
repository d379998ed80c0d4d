//! Complex numbers with an error bound: balls of double-double arithmetic.

use crate::double_double::{DoubleDouble, E, PI, SLACK};

/// All complex numbers within `radius` of the centre `re + im i`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ball {
    pub(crate) re: DoubleDouble,
    pub(crate) im: DoubleDouble,
    pub(crate) radius: f64,
}

impl Ball {
    pub(crate) const ONE: Self = Self::exact(DoubleDouble::ONE);
    pub(crate) const I: Self = Self {
        re: DoubleDouble::ZERO,
        im: DoubleDouble::ONE,
        radius: 0.0,
    };

    pub(crate) const fn exact(re: DoubleDouble) -> Self {
        Self {
            re,
            im: DoubleDouble::ZERO,
            radius: 0.0,
        }
    }

    /// A real number known to the precision of double-double arithmetic.
    pub(crate) fn rounded(re: DoubleDouble) -> Self {
        Self {
            re,
            im: DoubleDouble::ZERO,
            radius: re.high.abs() * SLACK,
        }
    }

    pub(crate) fn pi() -> Self {
        Self::rounded(PI)
    }

    pub(crate) fn e() -> Self {
        Self::rounded(E)
    }

    /// Absolute value of the centre, roughly.
    pub(crate) fn size(self) -> f64 {
        self.re.high.hypot(self.im.high)
    }

    pub(crate) fn is_finite(self) -> bool {
        self.re.is_finite() && self.im.is_finite() && self.radius.is_finite()
    }

    /// Whether the ball contains a real number, so that the value may be real.
    pub(crate) fn is_real(self) -> bool {
        self.im.high.abs() <= self.radius
    }

    /// Whether the ball does not contain zero.
    pub(crate) fn is_nonzero(self) -> bool {
        self.size() > self.radius
    }

    /// Enlarges the radius by the rounding error of one operation.
    fn rounding(self) -> Self {
        Self {
            radius: self.radius * (1.0 + 1e-12) + self.size() * SLACK,
            ..self
        }
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        let radius = self.radius + other.radius;
        Self {
            re: self.re.plus(other.re),
            im: self.im.plus(other.im),
            radius,
        }
        .rounding()
    }

    pub(crate) fn negated(self) -> Self {
        Self {
            re: self.re.negated(),
            im: self.im.negated(),
            radius: self.radius,
        }
    }

    pub(crate) fn minus(self, other: Self) -> Self {
        self.plus(other.negated())
    }

    pub(crate) fn times(self, other: Self) -> Self {
        let (left, right) = (self.size(), other.size());
        let radius = left * other.radius
            + right * self.radius
            + self.radius * other.radius
            + left * right * SLACK;
        let product = if self.im == DoubleDouble::ZERO && other.im == DoubleDouble::ZERO {
            (self.re.times(other.re), DoubleDouble::ZERO)
        } else {
            (
                self.re.times(other.re).minus(self.im.times(other.im)),
                self.re.times(other.im).plus(self.im.times(other.re)),
            )
        };
        Self {
            re: product.0,
            im: product.1,
            radius,
        }
        .rounding()
    }

    /// `None` if the ball contains zero.
    pub(crate) fn inverse(self) -> Option<Self> {
        if !self.is_nonzero() {
            return None;
        }
        let size = self.size();
        let radius = self.radius / (size * (size - self.radius)) + 4.0 * SLACK / size;
        if self.im == DoubleDouble::ZERO {
            return Some(
                Self {
                    re: DoubleDouble::ONE.over(self.re),
                    im: DoubleDouble::ZERO,
                    radius,
                }
                .rounding(),
            );
        }
        let square = self.re.times(self.re).plus(self.im.times(self.im));
        let (re, im) = (self.re.over(square), self.im.negated().over(square));
        Some(Self { re, im, radius }.rounding())
    }

    pub(crate) fn over(self, other: Self) -> Option<Self> {
        other.inverse().map(|inverse| self.times(inverse))
    }

    pub(crate) fn exp(self) -> Self {
        let length = self.re.exp();
        let (re, im) = if self.im == DoubleDouble::ZERO {
            (length, DoubleDouble::ZERO)
        } else {
            let (sin, cos) = self.im.sin_cos();
            (length.times(cos), length.times(sin))
        };
        // The argument reduction loses as many bits as the integer part of the argument has.
        let lost = SLACK * (1.0 + self.size());
        Self {
            re,
            im,
            radius: length.high * (self.radius.exp_m1() + lost),
        }
    }

    /// Principal logarithm. `None` if the ball contains zero.
    pub(crate) fn ln(self) -> Option<Self> {
        if !self.is_nonzero() {
            return None;
        }
        let square = self.re.times(self.re).plus(self.im.times(self.im));
        let re = if self.im == DoubleDouble::ZERO {
            self.re.abs().ln()
        } else {
            square.ln().scaled(0.5)
        };
        // Treat an imaginary part within the error as zero, to stay on the real branch.
        let im = if self.is_real() {
            DoubleDouble::ZERO
        } else {
            self.im
        };
        let angle = DoubleDouble::atan2(im, self.re);
        let radius = self.radius / (self.size() - self.radius) + SLACK * (1.0 + re.high.abs());
        Some(
            Self {
                re,
                im: angle,
                radius,
            }
            .rounding(),
        )
    }

    /// Principal square root.
    pub(crate) fn sqrt(self) -> Self {
        let size = self.size();
        let radius = if self.is_nonzero() {
            self.radius / (size - self.radius).sqrt() + SLACK * size.sqrt()
        } else {
            (2.0 * self.radius).sqrt()
        };
        if self.is_real() {
            let root = self.re.abs().sqrt();
            let (re, im) = if self.re.high < 0.0 {
                (DoubleDouble::ZERO, root)
            } else {
                (root, DoubleDouble::ZERO)
            };
            return Self { re, im, radius }.rounding();
        }
        let length = self.re.times(self.re).plus(self.im.times(self.im)).sqrt();
        // The larger part loses no bits. The smaller one follows from `re(r) im(r) = im / 2`.
        let larger = length.plus(self.re.abs()).scaled(0.5).sqrt();
        let smaller = self.im.abs().scaled(0.5).over(larger);
        let (re, im) = if self.re.high < 0.0 {
            (smaller, larger)
        } else {
            (larger, smaller)
        };
        let im = if self.im.high < 0.0 { im.negated() } else { im };
        Self { re, im, radius }.rounding()
    }

    /// Sine and cosine.
    pub(crate) fn sin_cos(self) -> (Self, Self) {
        let (sin, cos) = self.re.sin_cos();
        let lost = self.radius + SLACK * (1.0 + self.size());
        if self.im == DoubleDouble::ZERO {
            return (
                Self {
                    re: sin,
                    im: DoubleDouble::ZERO,
                    radius: lost,
                },
                Self {
                    re: cos,
                    im: DoubleDouble::ZERO,
                    radius: lost,
                },
            );
        }
        let (up, down) = (self.im.exp(), self.im.negated().exp());
        let (sinh, cosh) = (up.minus(down).scaled(0.5), up.plus(down).scaled(0.5));
        let radius = lost * (cosh.high + 1.0) * 4.0;
        (
            Self {
                re: sin.times(cosh),
                im: cos.times(sinh),
                radius,
            },
            Self {
                re: cos.times(cosh),
                im: sin.times(sinh).negated(),
                radius,
            },
        )
    }

    /// Inverse tangent. `None` at a pole.
    pub(crate) fn atan(self) -> Option<Self> {
        if self.is_real() {
            let re = DoubleDouble::atan2(self.re, DoubleDouble::ONE);
            return Some(Self {
                re,
                im: DoubleDouble::ZERO,
                radius: self.radius + SLACK * 4.0,
            });
        }
        // (i/2) (ln(1 - iz) - ln(1 + iz))
        let turned = Self::I.times(self);
        let (low, high) = (Self::ONE.minus(turned).ln()?, Self::ONE.plus(turned).ln()?);
        Some(
            low.minus(high)
                .times(Self::I)
                .times(Self::exact(DoubleDouble::new(0.5, 0.0))),
        )
    }

    /// Inverse sine, `-i ln(iz + sqrt(1 - z^2))`; by the tangent for a real argument.
    pub(crate) fn asin(self) -> Option<Self> {
        let rest = Self::ONE.minus(self.times(self)).sqrt();
        if self.is_real() && self.re.high.abs() <= 1.0 {
            let re = DoubleDouble::atan2(self.re, rest.re);
            return Some(Self {
                re,
                im: DoubleDouble::ZERO,
                radius: self.radius + rest.radius + SLACK * 4.0,
            });
        }
        let log = Self::I.times(self).plus(rest).ln()?;
        Some(log.times(Self::I).negated())
    }

    pub(crate) fn acos(self) -> Option<Self> {
        let half = Self::pi().times(Self::exact(DoubleDouble::new(0.5, 0.0)));
        self.asin().map(|asin| half.minus(asin))
    }

    pub(crate) fn abs(self) -> Self {
        if self.is_real() {
            return Self {
                re: self.re.abs(),
                im: DoubleDouble::ZERO,
                radius: self.radius,
            };
        }
        let length = self.re.times(self.re).plus(self.im.times(self.im)).sqrt();
        Self {
            re: length,
            im: DoubleDouble::ZERO,
            radius: self.radius,
        }
        .rounding()
    }

    /// An integer power by squaring.
    pub(crate) fn integer_power(self, exponent: i64) -> Option<Self> {
        let mut base = if exponent < 0 { self.inverse()? } else { self };
        let mut rest = exponent.unsigned_abs();
        let mut power = Self::ONE;
        while rest > 0 {
            if rest % 2 == 1 {
                power = power.times(base);
            }
            base = base.times(base);
            rest /= 2;
        }
        Some(power)
    }
}
