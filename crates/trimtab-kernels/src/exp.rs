//! The exponential function and its relatives on vector registers.

use pulp::Simd;

use crate::microkernel::mul_add;

/// `exp(x)`, within 2 units in the last place. It is 0 below -87.3, where the result is subnormal.
#[inline(always)]
pub(crate) fn exp<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    // x = n ln 2 + r with |r| <= ln 2 / 2, so exp(x) = 2^n exp(r). Adding 1.5 * 2^23 rounds to an
    // integer and leaves it in the low bits.
    const ROUND: f32 = 12_582_912.0;
    const LN2_HIGH: f32 = 0.693_145_75; // its last bits are zero, so that n * LN2_HIGH is exact
    const LN2_LOW: f32 = 1.428_606_8e-6;
    /// `1 / k!`. The omitted terms are below 2^-24.
    const SERIES: [f32; 7] = [
        1.0,
        1.0,
        0.5,
        1.0 / 6.0,
        1.0 / 24.0,
        1.0 / 120.0,
        1.0 / 720.0,
    ];
    let constant = |value: f32| simd.splat_f32s(value);
    let smallest = constant(-87.3);
    let clamped = simd.min_f32s(simd.max_f32s(x, smallest), constant(88.7));
    let shifted = mul_add(
        simd,
        clamped,
        constant(std::f32::consts::LOG2_E),
        constant(ROUND),
    );
    let n = simd.sub_f32s(shifted, constant(ROUND));
    let r = mul_add(simd, n, constant(-LN2_HIGH), clamped);
    let r = mul_add(simd, n, constant(-LN2_LOW), r);
    let mut power = constant(SERIES[6]);
    for &term in SERIES[..6].iter().rev() {
        power = mul_add(simd, power, r, constant(term));
    }
    let exponent =
        simd.wrapping_dyn_shl_u32s(simd.transmute_u32s_f32s(shifted), simd.splat_u32s(23));
    let power = simd.transmute_f32s_u32s(simd.add_u32s(simd.transmute_u32s_f32s(power), exponent));
    simd.select_f32s(simd.less_than_f32s(x, smallest), constant(0.0), power)
}

/// `1 / (1 + exp(-x))`
#[inline(always)]
pub(crate) fn sigmoid<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let one = simd.splat_f32s(1.0);
    simd.div_f32s(one, simd.add_f32s(one, exp(simd, simd.neg_f32s(x))))
}

/// `tanh(x)`, within 4 units in the last place.
#[inline(always)]
pub(crate) fn tanh<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let constant = |value: f32| simd.splat_f32s(value);
    // 1 - 2 / (exp(2 |x|) + 1) cancels where x is small.
    let size = simd.abs_f32s(x);
    let one = constant(1.0);
    let power = exp(simd, simd.add_f32s(size, size));
    let rest = simd.div_f32s(constant(2.0), simd.add_f32s(power, one));
    let large = simd.sub_f32s(one, rest);
    // Lambert's continued fraction x / (1 + x^2 / (3 + x^2 / (5 + ...))), up to 9.
    let square = simd.mul_f32s(size, size);
    let above = mul_add(simd, square, one, constant(105.0));
    let above = mul_add(simd, square, above, constant(945.0));
    let below = mul_add(simd, square, constant(15.0), constant(420.0));
    let below = mul_add(simd, square, below, constant(945.0));
    let small = simd.mul_f32s(size, simd.div_f32s(above, below));
    let value = simd.select_f32s(simd.less_than_f32s(size, constant(0.5)), small, large);
    let is_negative = simd.less_than_f32s(x, constant(0.0));
    simd.select_f32s(is_negative, simd.neg_f32s(value), value)
}

#[cfg(test)]
mod tests {
    use pulp::WithSimd;

    use super::*;
    use crate::isa::Isa;
    use crate::microkernel::{load, store};

    struct Exp<'a>(&'a mut [f32]);

    impl WithSimd for Exp<'_> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            for x in self.0.chunks_mut(S::F32_LANES) {
                let value = exp(simd, load(simd, x));
                store(simd, x, value);
            }
        }
    }

    #[test]
    fn the_exponential_is_within_two_units() {
        for isa in Isa::available() {
            let x: Vec<f32> = (-87_000..88_700).map(|i| i as f32 / 1000.0).collect();
            let mut y = x.clone();
            isa.dispatch(Exp(&mut y));
            for (x, y) in x.into_iter().zip(y) {
                let exact = f64::from(x).exp();
                let unit = f64::from(f32::EPSILON) * exact;
                assert!(
                    (f64::from(y) - exact).abs() < 2.0 * unit,
                    "{isa:?}: exp({x}) = {y}, not {exact}"
                );
            }
            let mut ends = [f32::NEG_INFINITY, -1000.0, -0.0, 0.0, 1e-20];
            isa.dispatch(Exp(&mut ends));
            assert_eq!(ends, [0.0, 0.0, 1.0, 1.0, 1.0], "{isa:?}");
        }
    }

    struct Tanh<'a>(&'a mut [f32]);

    impl WithSimd for Tanh<'_> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            for x in self.0.chunks_mut(S::F32_LANES) {
                let value = tanh(simd, load(simd, x));
                store(simd, x, value);
            }
        }
    }

    #[test]
    fn the_hyperbolic_tangent_is_within_four_units() {
        for isa in Isa::available() {
            let x: Vec<f32> = (-20_000..20_000).map(|i| i as f32 / 1000.0).collect();
            let mut y = x.clone();
            isa.dispatch(Tanh(&mut y));
            for (x, y) in x.into_iter().zip(y) {
                let exact = f64::from(x).tanh();
                let unit = f64::from(f32::EPSILON) * exact.abs();
                assert!(
                    (f64::from(y) - exact).abs() <= 4.0 * unit,
                    "{isa:?}: tanh({x}) = {y}, not {exact}"
                );
            }
            let mut ends = [f32::NEG_INFINITY, -1000.0, 0.0, 1e-20, f32::MAX];
            isa.dispatch(Tanh(&mut ends));
            assert_eq!(ends, [-1.0, -1.0, 0.0, 1e-20, 1.0], "{isa:?}");
        }
    }
}
