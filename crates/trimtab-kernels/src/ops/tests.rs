//! Operations against compositions of others, with their gradients.

use std::sync::Arc;

use burn::tensor::TensorData;

use super::*;
use crate::BlockFormat;
use crate::testing::{bits, noise};

const FORMATS: [Format; 4] = [
    Format::F32,
    Format::Bf16,
    Format::Blocks(BlockFormat::Q8),
    Format::Blocks(BlockFormat::Q4Min),
];

fn leaf<const D: usize>(seed: u64, shape: [usize; D]) -> Tensor<D> {
    let numbers = noise(seed, shape.iter().product());
    let device = Device::flex().autodiff();
    Tensor::from_data(TensorData::new(numbers, shape), &device).require_grad()
}

fn elements<const D: usize>(x: &Tensor<D>) -> Vec<f32> {
    with_slice(x, <[f32]>::to_vec)
}

/// The bits of `result`, and the gradients of its weighted sum with respect to `leaves`.
fn with_gradients<const D: usize>(
    result: Tensor<D>,
    leaves: &[&Tensor<2>],
) -> (Vec<u32>, Vec<Vec<f32>>) {
    let value = bits(&elements(&result));
    let weights = leaf(9, result.dims());
    let grads = (result * weights).sum().backward();
    let of_leaf = |leaf: &&Tensor<2>| elements(&leaf.grad(&grads).expect("a gradient"));
    (value, leaves.iter().map(of_leaf).collect())
}

/// The values are equal bit for bit. The gradients are within the rounding of the operands, which
/// is `2^-8` of the largest ones for bfloat16, and of the sums.
#[test]
fn unembed_logprobs_are_those_of_the_logits() {
    let (tokens, hidden, vocab) = (5, 37, 203);
    let x = leaf(1, [tokens, hidden]);
    let targets: Arc<[u32]> = (0..tokens as u32).map(|token| 40 * token + 2).collect();
    let weights = noise(2, hidden * vocab);
    for format in FORMATS {
        let matrix = Arc::new(Matrix::pack(format, [hidden, vocab], &weights, [vocab, 1]));
        let fused = unembed_logprobs(x.clone(), matrix.clone(), targets.clone(), 1.3);
        let (value, gradient) = with_gradients(fused, &[&x]);
        let logits = linear(x.clone(), matrix.clone(), None);
        let (expected, expected_gradient) =
            with_gradients(logprobs(logits, targets.clone(), 1.3), &[&x]);
        assert_eq!(value, expected, "{format:?}");
        // The absolute values of a row of `d logprob / d logits` add up to less than 2.
        let eps = if format == Format::F32 {
            1e-6
        } else {
            1.0 / 256.0
        };
        for (got, expected) in gradient[0].iter().zip(&expected_gradient[0]) {
            assert!(
                (got - expected).abs() <= 2.0 * 1.3 * 2.0 * eps,
                "{format:?}: {got}, not {expected}"
            );
        }
        assert!(expected_gradient[0].iter().any(|x| x.abs() > 0.2));
        let without = unembed_logprobs(x.clone().inner(), matrix, targets.clone(), 1.3);
        assert_eq!(
            bits(&elements(&without)),
            expected,
            "{format:?} without a gradient"
        );
    }
}

#[test]
fn linear_residual_is_linear_and_a_sum_bit_for_bit() {
    let (tokens, inputs, outputs) = (17, 45, 70);
    let (x, resid) = (leaf(1, [tokens, inputs]), leaf(2, [tokens, outputs]));
    let weights = noise(3, inputs * outputs);
    let bias: Arc<[f32]> = noise(4, outputs).into();
    for format in FORMATS {
        let matrix = Matrix::pack(format, [inputs, outputs], &weights, [outputs, 1]);
        let matrix = Arc::new(matrix);
        for bias in [None, Some(bias.clone())] {
            let fused = linear_residual(resid.clone(), x.clone(), matrix.clone(), bias.clone());
            let separate = resid.clone() + linear(x.clone(), matrix.clone(), bias);
            let leaves = [&x, &resid];
            assert_eq!(
                with_gradients(fused, &leaves),
                with_gradients(separate, &leaves),
                "{format:?}"
            );
        }
    }
}
