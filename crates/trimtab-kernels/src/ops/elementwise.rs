//! What happens between products: norms, gated linear units, rotations and steering vectors.

use std::sync::{Arc, OnceLock};

use burn::tensor::Tensor;
use half::bf16;

use crate::autodiff_op::{AutodiffOp, apply1, apply2};
use crate::glu::Activation;
use crate::isa::Isa;
use crate::rotary;

/// Adds one row to every row of `x`, as a steering vector does.
///
/// # Shapes
///
/// - `x` and output: `[tokens, width]`
/// - `row`: `[1, width]`
///
/// # Panics
///
/// Panics if a shape differs or a tensor is not on the CPU.
pub fn add_row(x: Tensor<2>, row: Tensor<2>) -> Tensor<2> {
    let shape = x.dims();
    assert_eq!(row.dims(), [1, shape[1]], "row must be [1, width]");
    apply2([x, row], AddRow { shape })
}

#[derive(Debug)]
struct AddRow {
    shape: [usize; 2],
}

impl AutodiffOp<2> for AddRow {
    fn shape(&self) -> Vec<usize> {
        self.shape.to_vec()
    }

    fn forward(&self, [x, row]: [&[f32]; 2]) -> Vec<f32> {
        crate::add_row::forward(x, row)
    }

    fn backward(&self, _: [&[f32]; 2], gradient: &[f32]) -> [Vec<f32>; 2] {
        [vec![], crate::add_row::backward(gradient, self.shape[1])]
    }

    fn identity_input(&self) -> Option<usize> {
        Some(0)
    }

    fn saves_inputs(&self) -> bool {
        false
    }
}

/// RMS normalisation: `x w / sqrt(mean(x^2) + eps)` over each row (arXiv:1910.07467, eq. 4).
///
/// # Shapes
///
/// - `x` and output: `[tokens, width]`
/// - `weight`: `[width]`
///
/// # Panics
///
/// Panics if a shape differs or `x` is not on the CPU.
pub fn rms_norm(x: Tensor<2>, weight: Arc<[f32]>, eps: f32) -> Tensor<2> {
    let shape = x.dims();
    assert_eq!(weight.len(), shape[1], "weight must be [width]");
    apply1(x, RmsNorm { shape, weight, eps })
}

#[derive(Debug)]
struct RmsNorm {
    shape: [usize; 2],
    weight: Arc<[f32]>,
    eps: f32,
}

impl AutodiffOp<1> for RmsNorm {
    fn shape(&self) -> Vec<usize> {
        self.shape.to_vec()
    }

    fn forward(&self, [x]: [&[f32]; 1]) -> Vec<f32> {
        crate::rms_norm::forward(Isa::current(), x, &self.weight, self.eps)
    }

    fn backward(&self, [x]: [&[f32]; 1], gradient: &[f32]) -> [Vec<f32>; 1] {
        let isa = Isa::current();
        [crate::rms_norm::backward(
            isa,
            x,
            &self.weight,
            self.eps,
            gradient,
        )]
    }
}

/// A gated linear unit: `activation(gate) * up`.
///
/// `saved` is the format in which `gate` and `up` are kept for the gradient.
///
/// # Shapes
///
/// - `gate`, `up` and output: `[tokens, width]`
///
/// # Panics
///
/// Panics if the shapes differ or a tensor is not on the CPU.
pub fn glu(
    activation: Activation,
    gate: Tensor<2>,
    up: Tensor<2>,
    saved: SavedActivations,
) -> Tensor<2> {
    let shape = gate.dims();
    assert_eq!(up.dims(), shape, "gate and up must have the same shape");
    let bf16 = (saved == SavedActivations::Bf16).then(OnceLock::new);
    let op = Glu {
        shape,
        activation,
        bf16,
    };
    apply2([gate, up], op)
}

/// The format in which activations are kept for the gradient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SavedActivations {
    /// As they are.
    F32,
    /// Rounded to bfloat16, in half the memory. Products with
    /// [`Format::Bf16`](crate::Format::Bf16) round as much.
    Bf16,
}

#[derive(Debug)]
struct Glu {
    shape: [usize; 2],
    activation: Activation,
    /// `gate` and `up`, if they are saved in bfloat16.
    bf16: Option<OnceLock<[Vec<bf16>; 2]>>,
}

impl AutodiffOp<2> for Glu {
    fn shape(&self) -> Vec<usize> {
        self.shape.to_vec()
    }

    fn forward(&self, [gate, up]: [&[f32]; 2]) -> Vec<f32> {
        crate::glu::forward(Isa::current(), self.activation, gate, up)
    }

    fn forward_and_save(&self, inputs: [&[f32]; 2]) -> Vec<f32> {
        if let Some(saved) = &self.bf16 {
            saved.get_or_init(|| inputs.map(|x| crate::glu::round_to_bf16(Isa::current(), x)));
        }
        self.forward(inputs)
    }

    fn backward(&self, [gate, up]: [&[f32]; 2], gradient: &[f32]) -> [Vec<f32>; 2] {
        let isa = Isa::current();
        match self.bf16.as_ref().and_then(OnceLock::get) {
            Some([gate, up]) => {
                crate::glu::backward_bf16(isa, self.activation, [gate, up], gradient)
            }
            None => crate::glu::backward(isa, self.activation, gate, up, gradient),
        }
    }

    fn saves_inputs(&self) -> bool {
        self.bf16.is_none()
    }
}

/// The angles of a rotary position embedding, `[tokens, rotary_dim / 2]`.
#[derive(Clone, Debug)]
pub struct RotaryAngles {
    /// Their cosines.
    pub cos: Vec<f32>,
    /// Their sines.
    pub sin: Vec<f32>,
}

/// Rotates the pairs `(x[i], x[i + rotary_dim / 2])` of every head (arXiv:2104.09864).
///
/// This is the "rotate half" layout of most checkpoints. The paper pairs neighbouring components.
///
/// # Shapes
///
/// - `x` and output: `[tokens, heads, head_dim]`
/// - `angles`: `[tokens, rotary_dim / 2]`, with `rotary_dim <= head_dim`
///
/// # Panics
///
/// Panics if a shape differs or `x` is not on the CPU.
pub fn apply_rotary(x: Tensor<3>, angles: Arc<RotaryAngles>) -> Tensor<3> {
    let shape = x.dims();
    apply1(x, ApplyRotary { shape, angles })
}

#[derive(Debug)]
struct ApplyRotary {
    shape: [usize; 3],
    angles: Arc<RotaryAngles>,
}

impl ApplyRotary {
    fn rotate(&self, x: &[f32], inverse: bool) -> Vec<f32> {
        let RotaryAngles { cos, sin } = &*self.angles;
        rotary::rotate(x, self.shape, [cos, sin], inverse)
    }
}

impl AutodiffOp<1> for ApplyRotary {
    fn shape(&self) -> Vec<usize> {
        self.shape.to_vec()
    }

    fn forward(&self, [x]: [&[f32]; 1]) -> Vec<f32> {
        self.rotate(x, false)
    }

    fn backward(&self, _: [&[f32]; 1], gradient: &[f32]) -> [Vec<f32>; 1] {
        [self.rotate(gradient, true)]
    }

    fn saves_inputs(&self) -> bool {
        false
    }
}
