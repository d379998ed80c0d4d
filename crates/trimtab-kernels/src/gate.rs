//! Gated activations: `y = act(gate) * up`, element by element.

use pulp::{Simd, WithSimd};

use crate::exp::sigmoid;
use crate::isa::Isa;
use crate::tile::{load, mul_add, store};
use crate::work::by_rows;

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
    let with = |of_gate: bool| {
        by_rows(gate.len(), 1, CHUNK, |first, y| {
            let own = first..first + y.len();
            let (gate, up, dy) = (&gate[own.clone()], &up[own.clone()], &dy[own]);
            isa.run(Backward {
                activation,
                gate,
                up,
                dy,
                of_gate,
                y,
            });
        })
    };
    [with(true), with(false)]
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
    of_gate: bool,
    y: &'a mut [f32],
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
        for (((gate, up), dy), y) in parts.zip(self.y.chunks_mut(lanes)) {
            let [gate, up, dy] = [gate, up, dy].map(|part| load(simd, part));
            let [value, slope] = self.activation.at(simd, gate);
            let factor = if self.of_gate {
                simd.mul_f32s(up, slope)
            } else {
                value
            };
            store(simd, y, simd.mul_f32s(dy, factor));
        }
    }
}
