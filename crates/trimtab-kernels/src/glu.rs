//! Gated activations: `y = act(gate) * up`, element by element.

use half::bf16;
use pulp::{Simd, WithSimd};

use crate::exp::sigmoid;
use crate::isa::Isa;
use crate::microkernel::{load, mul_add, store};
use crate::parallel::{by_rows, scratch, several_by_rows};

/// The function that a gate passes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// `x / (1 + exp(-x))`
    Silu,
    /// `x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))` (arXiv:1606.08415, section 2)
    GeluTanh,
}

impl Activation {
    /// The value and the derivative. Both functions are `x s(u(x))` with the logistic `s`, since `(1 + tanh(z)) / 2 = s(2 z)`.
    #[inline(always)]
    fn at<S: Simd>(self, simd: S, x: S::f32s) -> [S::f32s; 2] {
        let constant = |value: f32| simd.splat_f32s(value);
        let (u, slope) = match self {
            Self::Silu => (x, constant(1.0)),
            Self::GeluTanh => {
                let scale = 2.0 * (2.0 / std::f32::consts::PI).sqrt();
                let square = simd.mul_f32s(x, x);
                let inner = mul_add(simd, square, constant(scale * 0.044_715), constant(scale));
                let slope = mul_add(
                    simd,
                    square,
                    constant(3.0 * scale * 0.044_715),
                    constant(scale),
                );
                (simd.mul_f32s(x, inner), slope)
            }
        };
        let s = sigmoid(simd, u);
        let value = simd.mul_f32s(x, s);
        // s + x s (1 - s) u'
        let rest = simd.mul_f32s(simd.sub_f32s(constant(1.0), s), slope);
        [value, mul_add(simd, value, rest, s)]
    }
}

/// Numbers that one thread takes at a time.
const CHUNK: usize = 1 << 13;

/// `act(gate) * up`
pub(crate) fn forward(isa: Isa, activation: Activation, gate: &[f32], up: &[f32]) -> Vec<f32> {
    assert_eq!(gate.len(), up.len(), "a gate for every number");
    by_rows(gate.len(), 1, CHUNK, |first, y| {
        let own = first..first + y.len();
        let (gate, up) = (&gate[own.clone()], &up[own]);
        isa.run(Forward {
            activation,
            gate,
            up,
            y,
        });
    })
}

/// The gradients with respect to `gate` and `up`.
pub(crate) fn backward(
    isa: Isa,
    activation: Activation,
    gate: &[f32],
    up: &[f32],
    dy: &[f32],
) -> [Vec<f32>; 2] {
    several_by_rows(gate.len(), 1, CHUNK, |first, to: [&mut [f32]; 2]| {
        let own = first..first + to[0].len();
        let (gate, up, dy) = (&gate[own.clone()], &up[own.clone()], &dy[own]);
        isa.run(Backward {
            activation,
            gate,
            up,
            dy,
            to,
        });
    })
}

/// `x`, rounded to the nearest bfloat16 numbers.
pub(crate) fn halves(isa: Isa, x: &[f32]) -> Vec<bf16> {
    let [halves] = several_by_rows(x.len(), 1, CHUNK, |first, [to]: [&mut [bf16]; 1]| {
        let x = &x[first..first + to.len()];
        isa.run(Round { x, to });
    });
    halves
}

/// As [`backward`], from rounded numbers.
pub(crate) fn backward_of_halves(
    isa: Isa,
    activation: Activation,
    [gate, up]: [&[bf16]; 2],
    dy: &[f32],
) -> [Vec<f32>; 2] {
    several_by_rows(gate.len(), 1, CHUNK, |first, [of_gate, of_up]| {
        let parts = of_gate.chunks_mut(CHUNK).zip(of_up.chunks_mut(CHUNK));
        for (index, (of_gate, of_up)) in parts.enumerate() {
            let own = first + index * CHUNK..first + index * CHUNK + of_gate.len();
            let mut wide = scratch(2 * own.len());
            let (wide_gate, wide_up) = wide.split_at_mut(own.len());
            isa.run(Widen {
                x: &gate[own.clone()],
                to: wide_gate,
            });
            isa.run(Widen {
                x: &up[own.clone()],
                to: wide_up,
            });
            isa.run(Backward {
                activation,
                gate: wide_gate,
                up: wide_up,
                dy: &dy[own],
                to: [of_gate, of_up],
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
            let [value, _] = self.activation.at(simd, load(simd, gate));
            store(simd, y, simd.mul_f32s(value, load(simd, up)));
        }
    }
}

struct Backward<'a> {
    activation: Activation,
    gate: &'a [f32],
    up: &'a [f32],
    dy: &'a [f32],
    to: [&'a mut [f32]; 2],
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
        let [of_gate, of_up] = self.to.map(|to| to.chunks_mut(lanes));
        for (((gate, up), dy), (of_gate, of_up)) in parts.zip(of_gate.zip(of_up)) {
            let [value, slope] = self.activation.at(simd, load(simd, gate));
            let (up, dy) = (load(simd, up), load(simd, dy));
            let slope = simd.mul_f32s(up, slope);
            store(simd, of_gate, simd.mul_f32s(dy, slope));
            store(simd, of_up, simd.mul_f32s(dy, value));
        }
    }
}

struct Round<'a> {
    x: &'a [f32],
    to: &'a mut [bf16],
}

impl WithSimd for Round<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (to, x) in self.to.iter_mut().zip(self.x) {
            // As `bf16::from_f32`, without a branch.
            let bits = x.to_bits();
            let rounded = (bits.wrapping_add(0x7fff + (bits >> 16 & 1)) >> 16) as u16;
            let quiet = (bits >> 16) as u16 | 0x40;
            *to = bf16::from_bits(if x.is_nan() { quiet } else { rounded });
        }
    }
}

struct Widen<'a> {
    x: &'a [bf16],
    to: &'a mut [f32],
}

impl WithSimd for Widen<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (to, x) in self.to.iter_mut().zip(self.x) {
            *to = f32::from_bits(u32::from(x.to_bits()) << 16);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{EPS, bits, cases, noise, slope, with_threads};

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
        #![proptest_config(cases(48))]

        /// `s(u)` is off by a few eps, and by `|u| eps` more where it falls like `exp(u)`; below `exp(-87.3)` it may be 0.
        #[test]
        fn both_directions_agree_with_f64(len in 1usize..100, reach in 0.1f32..30.0, seed in 0u64..1000) {
            let gate: Vec<f32> = noise(seed, len).into_iter().map(|x| x * reach).collect();
            let (up, dy) = (noise(seed + 1, len), noise(seed + 2, len));
            for (isa, activation) in Isa::available().into_iter().flat_map(|isa| [(isa, Activation::Silu), (isa, Activation::GeluTanh)]) {
                let y = forward(isa, activation, &gate, &up);
                let [d_gate, d_up] = backward(isa, activation, &gate, &up, &dy);
                for i in 0..len {
                    let [x, up, dy] = [gate[i], up[i], dy[i]].map(f64::from);
                    let value = reference(activation, x);
                    let [u, du] = inner(activation, x);
                    let relative = (16.0 + 4.0 * u.abs()) * EPS;
                    let close = |got: f32, exact: f64, bound: f64| (f64::from(got) - exact).abs() <= bound;
                    let bound = relative * value.abs() + 1e-37 * x.abs();
                    prop_assert!(close(y[i], value * up, bound * up.abs()), "{isa:?} {activation:?} at {x}: {}", y[i]);
                    prop_assert!(close(d_up[i], value * dy, bound * dy.abs()), "{isa:?} {activation:?} at {x}: {}", d_up[i]);
                    let s = value / x;
                    let exact = slope(&mut [x], 0, |x| reference(activation, x[0]));
                    // The last term is for the differences.
                    let bound = relative * (s + value.abs() * (1.0 - s) * du) + 1e-8;
                    prop_assert!(
                        close(d_gate[i], exact * up * dy, bound * (up * dy).abs()),
                        "{isa:?} {activation:?} at {x}: {}, not {}", d_gate[i], exact * up * dy
                    );
                }
            }
        }
    }

    /// The same bits as `half` gives, and the same gradient as that of the rounded numbers.
    #[test]
    fn halves_are_the_nearest_and_have_their_gradient() {
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
            let [gate, up] = [&gate, &up].map(|x| halves(isa, x));
            let expected: Vec<u16> = x.iter().map(|&x| bf16::from_f32(x).to_bits()).collect();
            assert!(gate.iter().map(|x| x.to_bits()).eq(expected), "{isa:?}");
            let [wide_gate, wide_up] =
                [&gate, &up].map(|x| x.iter().map(|x| x.to_f32()).collect::<Vec<f32>>());
            let got = backward_of_halves(isa, Activation::Silu, [&gate, &up], &dy);
            let whole = backward(isa, Activation::Silu, &wide_gate, &wide_up, &dy);
            assert_eq!(got.map(|x| bits(&x)), whole.map(|x| bits(&x)), "{isa:?}");
        }
    }

    #[test]
    fn far_ends_are_the_limits() {
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
