//! Products with frozen weights.

use std::sync::Arc;

use burn::tensor::Tensor;

use crate::autodiff_op::{AutodiffOp, apply1, apply2};
use crate::matrix::Matrix;

/// `x W + bias`.
///
/// # Shapes
///
/// - `x`: `[tokens, inputs]`
/// - `matrix`: `[inputs, outputs]`
/// - `bias`: `[outputs]`
/// - output: `[tokens, outputs]`
///
/// # Panics
///
/// Panics if a shape differs or `x` is not on the CPU.
pub fn linear(x: Tensor<2>, matrix: Arc<Matrix>, bias: Option<Arc<[f32]>>) -> Tensor<2> {
    let op = Linear::new(&x, matrix, bias);
    apply1(x, op)
}

/// `resid + (x W + bias)`, bit for bit.
///
/// # Shapes
///
/// - `x`: `[tokens, inputs]`
/// - `matrix`: `[inputs, outputs]`
/// - `bias`: `[outputs]`
/// - `resid` and output: `[tokens, outputs]`
///
/// # Panics
///
/// Panics if a shape differs or a tensor is not on the CPU.
pub fn linear_residual(
    resid: Tensor<2>,
    x: Tensor<2>,
    matrix: Arc<Matrix>,
    bias: Option<Arc<[f32]>>,
) -> Tensor<2> {
    assert_eq!(
        resid.dims(),
        [x.dims()[0], matrix.outputs()],
        "resid must be [tokens, outputs]"
    );
    let op = Linear::new(&x, matrix, bias);
    apply2([resid, x], op)
}

#[derive(Debug)]
struct Linear {
    tokens: usize,
    matrix: Arc<Matrix>,
    bias: Option<Arc<[f32]>>,
}

impl Linear {
    fn new(x: &Tensor<2>, matrix: Arc<Matrix>, bias: Option<Arc<[f32]>>) -> Self {
        let [tokens, inputs] = x.dims();
        assert_eq!(inputs, matrix.inputs(), "x must be [tokens, inputs]");
        Self {
            tokens,
            matrix,
            bias,
        }
    }

    fn shape(&self) -> Vec<usize> {
        vec![self.tokens, self.matrix.outputs()]
    }
}

impl AutodiffOp<1> for Linear {
    fn shape(&self) -> Vec<usize> {
        self.shape()
    }

    fn forward(&self, [x]: [&[f32]; 1]) -> Vec<f32> {
        self.matrix.multiply(x, self.bias.as_deref())
    }

    fn backward(&self, _: [&[f32]; 1], gradient: &[f32]) -> [Vec<f32>; 1] {
        [self.matrix.multiply_transposed(gradient)]
    }

    fn saves_inputs(&self) -> bool {
        false
    }
}

impl AutodiffOp<2> for Linear {
    fn shape(&self) -> Vec<usize> {
        self.shape()
    }

    fn forward(&self, [resid, x]: [&[f32]; 2]) -> Vec<f32> {
        self.matrix
            .multiply_residual(resid, x, self.bias.as_deref())
    }

    fn backward(&self, _: [&[f32]; 2], gradient: &[f32]) -> [Vec<f32>; 2] {
        [vec![], self.matrix.multiply_transposed(gradient)]
    }

    fn identity_input(&self) -> Option<usize> {
        Some(0)
    }

    fn saves_inputs(&self) -> bool {
        false
    }
}
