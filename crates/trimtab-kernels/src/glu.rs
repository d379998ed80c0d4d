//! Gated linear units: `y = activation(gate) * up`, element by element.

use half::bf16;
use pulp::{Simd, WithSimd};

use crate::exp::sigmoid;
use crate::isa::Isa;
use crate::microkernel::{load, mul_add, store};
use crate::parallel::{par_fill_rows, par_fill_rows_many};
use crate::scratch::Scratch;

/// The activation function of a gated linear unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// `x / (1 + exp(-x))`
    Silu,
    /// `x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))` (arXiv:1606.08415, section 2)
    GeluTanh,
}

impl Activation {
    /// The value and the derivative.
    ///
    /// Both functions are `x s(u(x))` with the logistic function `s`, since
    /// `(1 + tanh(z)) / 2 = s(2 z)`.
    #[inline(always)]
    fn value_and_derivative<S: Simd>(self, simd: S, x: S::f32s) -> [S::f32s; 2] {
        let constant = |value: f32| simd.splat_f32s(value);
        let (u, du) = match self {
            Self::Silu => (x, constant(1.0)),
            Self::GeluTanh => {
                let scale = 2.0 * (2.0 / std::f32::consts::PI).sqrt();
                let square = simd.mul_f32s(x, x);
                let inner = mul_add(simd, square, constant(scale * 0.044_715), constant(scale));
                let du = mul_add(
                    simd,
                    square,
                    constant(3.0 * scale * 0.044_715),
                    constant(scale),
                );
                (simd.mul_f32s(x, inner), du)
            }
        };
        let s = sigmoid(simd, u);
        let value = simd.mul_f32s(x, s);
        // s + x s (1 - s) du
        let rest = simd.mul_f32s(simd.sub_f32s(constant(1.0), s), du);
        [value, mul_add(simd, value, rest, s)]
    }
}

/// Elements that a thread takes at a time.
const CHUNK: usize = 1 << 13;

/// `activation(gate) * up`, element by element.
pub(crate) fn forward(isa: Isa, activation: Activation, gate: &[f32], up: &[f32]) -> Vec<f32> {
    assert_eq!(gate.len(), up.len(), "gate and up must have the same shape");
    par_fill_rows(gate.len(), 1, CHUNK, |first, y| {
        let own = first..first + y.len();
        let (gate, up) = (&gate[own.clone()], &up[own]);
        isa.dispatch(Forward {
            activation,
            gate,
            up,
            y,
        });
    })
}

/// The gradients with respect to `gate` and `up`, given that with respect to the output.
pub(crate) fn backward(
    isa: Isa,
    activation: Activation,
    gate: &[f32],
    up: &[f32],
    dy: &[f32],
) -> [Vec<f32>; 2] {
    par_fill_rows_many(gate.len(), 1, CHUNK, |first, to: [&mut [f32]; 2]| {
        let own = first..first + to[0].len();
        let (gate, up, dy) = (&gate[own.clone()], &up[own.clone()], &dy[own]);
        isa.dispatch(Backward {
            activation,
            gate,
            up,
            dy,
            output: to,
        });
    })
}

/// Rounds `x` to the nearest bfloat16 numbers.
pub(crate) fn round_to_bf16(isa: Isa, x: &[f32]) -> Vec<bf16> {
    let [rounded] = par_fill_rows_many(x.len(), 1, CHUNK, |first, [to]: [&mut [bf16]; 1]| {
        let x = &x[first..first + to.len()];
        isa.dispatch(RoundToBf16 { x, output: to });
    });
    rounded
}

/// As [`backward`], with `gate` and `up` in bfloat16.
pub(crate) fn backward_bf16(
    isa: Isa,
    activation: Activation,
    [gate, up]: [&[bf16]; 2],
    dy: &[f32],
) -> [Vec<f32>; 2] {
    par_fill_rows_many(gate.len(), 1, CHUNK, |first, [d_gate, d_up]| {
        let parts = d_gate.chunks_mut(CHUNK).zip(d_up.chunks_mut(CHUNK));
        for (index, (d_gate, d_up)) in parts.enumerate() {
            let own = first + index * CHUNK..first + index * CHUNK + d_gate.len();
            let mut wide = Scratch::take(2 * own.len());
            let (wide_gate, wide_up) = wide.split_at_mut(own.len());
            isa.dispatch(WidenToF32 {
                x: &gate[own.clone()],
                output: wide_gate,
            });
            isa.dispatch(WidenToF32 {
                x: &up[own.clone()],
                output: wide_up,
            });
            isa.dispatch(Backward {
                activation,
                gate: wide_gate,
                up: wide_up,
                dy: &dy[own],
                output: [d_gate, d_up],
            });
        }
    })
}

struct Forward<'a> {
    activation: Activation,
    gate: &'a [f32],
    up: &'a [f32],
    y: &'a mut [f32],
}

impl WithSimd for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let lanes = S::F32_LANES;
        let parts = self.gate.chunks(lanes).zip(self.up.chunks(lanes));
        for ((gate, up), y) in parts.zip(self.y.chunks_mut(lanes)) {
            let [value, _] = self.activation.value_and_derivative(simd, load(simd, gate));
            store(simd, y, simd.mul_f32s(value, load(simd, up)));
        }
    }
}

struct Backward<'a> {
    activation: Activation,
    gate: &'a [f32],
    up: &'a [f32],
    dy: &'a [f32],
    output: [&'a mut [f32]; 2],
}

impl WithSimd for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let lanes = S::F32_LANES;
        let parts = self
            .gate
            .chunks(lanes)
            .zip(self.up.chunks(lanes))
            .zip(self.dy.chunks(lanes));
        let [d_gate, d_up] = self.output.map(|to| to.chunks_mut(lanes));
        for (((gate, up), dy), (d_gate, d_up)) in parts.zip(d_gate.zip(d_up)) {
            let [value, derivative] = self.activation.value_and_derivative(simd, load(simd, gate));
            let (up, dy) = (load(simd, up), load(simd, dy));
            let derivative = simd.mul_f32s(up, derivative);
            store(simd, d_gate, simd.mul_f32s(dy, derivative));
            store(simd, d_up, simd.mul_f32s(dy, value));
        }
    }
}

struct RoundToBf16<'a> {
    x: &'a [f32],
    output: &'a mut [bf16],
}

impl WithSimd for RoundToBf16<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (output, x) in self.output.iter_mut().zip(self.x) {
            // The same as `bf16::from_f32`, without a branch.
            let bits = x.to_bits();
            let rounded = (bits.wrapping_add(0x7fff + (bits >> 16 & 1)) >> 16) as u16;
            let quiet = (bits >> 16) as u16 | 0x40;
            *output = bf16::from_bits(if x.is_nan() { quiet } else { rounded });
        }
    }
}

struct WidenToF32<'a> {
    x: &'a [bf16],
    output: &'a mut [f32],
}

impl WithSimd for WidenToF32<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (output, x) in self.output.iter_mut().zip(self.x) {
            *output = f32::from_bits(u32::from(x.to_bits()) << 16);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{EPS, bits, central_difference, noise, proptest_cases, with_threads};

    fn reference(activation: Activation, x: f64) -> f64 {
        match activation {
            Activation::Silu => x / (1.0 + (-x).exp()),
            Activation::GeluTanh => {
                // (1 + tanh(z)) / 2 without cancellation where z is far below 0
                let z = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x.powi(3));
                x / (1.0 + (-2.0 * z).exp())
            }
        }
    }

    /// `u` and `u'` of `x s(u(x))`.
    fn inner(activation: Activation, x: f64) -> [f64; 2] {
        match activation {
            Activation::Silu => [x, 1.0],
            Activation::GeluTanh => {
                let scale = 2.0 * (2.0 / std::f64::consts::PI).sqrt();
                [
                    scale * (x + 0.044_715 * x.powi(3)),
                    scale * (1.0 + 3.0 * 0.044_715 * x * x),
                ]
            }
        }
    }

    proptest! {
        #![proptest_config(proptest_cases(48))]

        /// The error of `s(u)` is a few eps, and `|u| eps` more where it falls like `exp(u)`. Below
        /// `exp(-87.3)` it may be 0.
        #[test]
        fn forward_and_backward_agree_with_f64(
            len in 1usize..100,
            reach in 0.1f32..30.0,
            seed in 0u64..1000,
        ) {
            let gate: Vec<f32> = noise(seed, len).into_iter().map(|x| x * reach).collect();
            let (up, dy) = (noise(seed + 1, len), noise(seed + 2, len));
            let paths = Isa::available().into_iter();
            let both = |isa| [(isa, Activation::Silu), (isa, Activation::GeluTanh)];
            for (isa, activation) in paths.flat_map(both) {
                let y = forward(isa, activation, &gate, &up);
                let [d_gate, d_up] = backward(isa, activation, &gate, &up, &dy);
                for i in 0..len {
                    let [x, up, dy] = [gate[i], up[i], dy[i]].map(f64::from);
                    let value = reference(activation, x);
                    let [u, du] = inner(activation, x);
                    let relative = (16.0 + 4.0 * u.abs()) * EPS;
                    let close = |got: f32, exact: f64, bound: f64| {
                        (f64::from(got) - exact).abs() <= bound
                    };
                    let at = format!("{isa:?} {activation:?} at {x}");
                    let bound = relative * value.abs() + 1e-37 * x.abs();
                    prop_assert!(close(y[i], value * up, bound * up.abs()), "{at}: {}", y[i]);
                    prop_assert!(close(d_up[i], value * dy, bound * dy.abs()), "{at}: {}", d_up[i]);
                    let s = value / x;
                    let value_at = |x: &[f64]| reference(activation, x[0]);
                    let exact = central_difference(&mut [x], 0, value_at);
                    // The last term is for the central difference.
                    let bound = relative * (s + value.abs() * (1.0 - s) * du) + 1e-8;
                    prop_assert!(
                        close(d_gate[i], exact * up * dy, bound * (up * dy).abs()),
                        "{at}: {}, not {}", d_gate[i], exact * up * dy
                    );
                }
            }
        }
    }

    /// The same bits as the crate `half`, and the gradient of the rounded numbers.
    #[test]
    fn bfloat16_is_the_nearest_and_has_its_gradient() {
        let mut x = noise(1, 40_000);
        x[..6].copy_from_slice(&[
            0.0,
            -0.0,
            f32::INFINITY,
            f32::NAN,
            f32::MAX,
            1.0 + 1.0 / 256.0,
        ]);
        let [gate, up, dy] = [x.clone(), noise(2, x.len()), noise(3, x.len())];
        for isa in Isa::available() {
            let [gate, up] = [&gate, &up].map(|x| round_to_bf16(isa, x));
            let expected: Vec<u16> = x.iter().map(|&x| bf16::from_f32(x).to_bits()).collect();
            assert!(gate.iter().map(|x| x.to_bits()).eq(expected), "{isa:?}");
            let [wide_gate, wide_up] =
                [&gate, &up].map(|x| x.iter().map(|x| x.to_f32()).collect::<Vec<f32>>());
            let got = backward_bf16(isa, Activation::Silu, [&gate, &up], &dy);
            let whole = backward(isa, Activation::Silu, &wide_gate, &wide_up, &dy);
            assert_eq!(got.map(|x| bits(&x)), whole.map(|x| bits(&x)), "{isa:?}");
        }
    }

    #[test]
    fn large_inputs_reach_the_limits() {
        for isa in Isa::available() {
            for activation in [Activation::Silu, Activation::GeluTanh] {
                let gate = [-1e4, -200.0, -0.0, 200.0, 1e4];
                let y = forward(isa, activation, &gate, &[1.0; 5]);
                let [d_gate, _] = backward(isa, activation, &gate, &[1.0; 5], &[1.0; 5]);
                for (got, exact) in y.into_iter().zip([0.0, 0.0, 0.0, 200.0, 1e4]) {
                    assert!(
                        (got - exact).abs() < 1e-20,
                        "{isa:?} {activation:?}: {got}, not {exact}"
                    );
                }
                for (got, exact) in d_gate.into_iter().zip([0.0, 0.0, 0.5, 1.0, 1.0]) {
                    assert!(
                        (got - exact).abs() < 1e-20,
                        "{isa:?} {activation:?}: {got}, not {exact}"
                    );
                }
            }
        }
    }

    #[test]
    fn results_do_not_depend_on_the_number_of_threads() {
        let len = 70_001;
        let (gate, up, dy) = (noise(1, len), noise(2, len), noise(3, len));
        for isa in Isa::available() {
            let compute = || {
                let [d_gate, d_up] = backward(isa, Activation::GeluTanh, &gate, &up, &dy);
                [forward(isa, Activation::GeluTanh, &gate, &up), d_gate, d_up].map(|x| bits(&x))
            };
            let alone = with_threads(1, compute);
            assert!(
                [2, 3]
                    .into_iter()
                    .all(|threads| with_threads(threads, compute) == alone),
                "{isa:?}"
            );
        }
    }
}
