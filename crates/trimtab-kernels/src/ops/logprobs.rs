//! Log-probabilities of given tokens.

use std::sync::{Arc, OnceLock};

use burn::tensor::Tensor;

use crate::autodiff_op::{AutodiffOp, apply1};
use crate::isa::Isa;
use crate::matrix::Matrix;
use crate::softmax;

/// `ln softmax(scale * logits)` of one token in each row, in nats.
///
/// Equal, bit for bit, to [`SoftmaxTerms::logprob`](crate::SoftmaxTerms::logprob) of the same
/// logits.
///
/// # Shapes
///
/// - `logits`: `[tokens, vocab_size]`
/// - `targets` and output: `[tokens]`
///
/// # Panics
///
/// Panics if a shape differs, a target is not in the vocabulary, or `logits` is not on the CPU.
pub fn logprobs(logits: Tensor<2>, targets: Arc<[u32]>, scale: f32) -> Tensor<1> {
    assert_eq!(targets.len(), logits.dims()[0], "targets must be [tokens]");
    apply1(logits, Logprobs { targets, scale })
}

#[derive(Debug)]
struct Logprobs {
    targets: Arc<[u32]>,
    scale: f32,
}

impl AutodiffOp<1> for Logprobs {
    fn shape(&self) -> Vec<usize> {
        vec![self.targets.len()]
    }

    fn forward(&self, [logits]: [&[f32]; 1]) -> Vec<f32> {
        softmax::logprobs(Isa::current(), logits, &self.targets, self.scale)
    }

    fn backward(&self, [logits]: [&[f32]; 1], gradient: &[f32]) -> [Vec<f32>; 1] {
        let isa = Isa::current();
        let Self { targets, scale } = self;
        [softmax::logprob_gradients(
            isa, logits, targets, *scale, gradient,
        )]
    }
}

/// [`logprobs`] of the logits `x W`, which are never kept as a tensor.
///
/// If `x` requires a gradient, `d logprob / d x` of each token is computed at once, in the memory
/// of its logits.
///
/// # Shapes
///
/// - `x`: `[tokens, hidden_size]`
/// - `unembedding`: `[hidden_size, vocab_size]`
/// - `targets` and output: `[tokens]`
///
/// # Panics
///
/// Panics if a shape differs, a target is not in the vocabulary, or `x` is not on the CPU.
pub fn unembed_logprobs(
    x: Tensor<2>,
    unembedding: Arc<Matrix>,
    targets: Arc<[u32]>,
    scale: f32,
) -> Tensor<1> {
    assert_eq!(
        x.dims(),
        [targets.len(), unembedding.inputs()],
        "x must be [tokens, hidden_size]"
    );
    apply1(
        x,
        UnembedLogprobs {
            unembedding,
            targets,
            scale,
            gradients: OnceLock::new(),
        },
    )
}

#[derive(Debug)]
struct UnembedLogprobs {
    unembedding: Arc<Matrix>,
    targets: Arc<[u32]>,
    scale: f32,
    /// `d logprob / d x`, `[tokens, hidden_size]`.
    gradients: OnceLock<Vec<f32>>,
}

impl AutodiffOp<1> for UnembedLogprobs {
    fn shape(&self) -> Vec<usize> {
        vec![self.targets.len()]
    }

    fn forward(&self, [x]: [&[f32]; 1]) -> Vec<f32> {
        let logits = self.unembedding.multiply(x, None);
        softmax::logprobs(Isa::current(), &logits, &self.targets, self.scale)
    }

    fn forward_and_save(&self, [x]: [&[f32]; 1]) -> Vec<f32> {
        let isa = Isa::current();
        let mut logits = self.unembedding.multiply(x, None);
        let logprobs =
            softmax::logprob_gradients_in_place(isa, &mut logits, &self.targets, self.scale, None);
        self.gradients
            .get_or_init(|| self.unembedding.multiply_transposed(&logits));
        logprobs
    }

    fn backward(&self, _: [&[f32]; 1], gradient: &[f32]) -> [Vec<f32>; 1] {
        let saved = self.gradients.get().expect("saved by the forward pass");
        let mut gradients = saved.clone();
        let rows = gradients.chunks_exact_mut(self.unembedding.inputs());
        for (row, factor) in rows.zip(gradient) {
            for x in row {
                *x *= factor;
            }
        }
        [gradients]
    }

    fn saves_inputs(&self) -> bool {
        false
    }
}
