//! The operations of a frozen decoder on tensors of the CPU. Inputs and results are f32; gradients flow to activations only.

use std::sync::{Arc, OnceLock};

use burn::backend::{DispatchDevice, Flex};
use burn::tensor::{DType, Device, Tensor, TensorData};
use half::{bf16, f16};

use crate::attention::{self, Given, Group, Heads, PackedKv};
use crate::autodiff_op::{AutodiffOp, apply1, apply2, apply3, apply5};
use crate::glu::{self, Activation};
use crate::isa::Isa;
use crate::matrix::{Format, Matrix};
use crate::{add_row as row, norm, rotary, softmax};

/// Whether tensors of `device`, differentiating or not, are what the operations of this crate work on.
pub fn is_cpu(device: &Device) -> bool {
    matches!(
        device.clone().inner().as_dispatch(),
        DispatchDevice::Flex(_)
    )
}

/// `x W + bias`: `x` is `[tokens, inputs]`, the result `[tokens, outputs]`.
pub fn linear(x: Tensor<2>, matrix: Arc<Matrix>, bias: Option<Arc<[f32]>>) -> Tensor<2> {
    let tokens = x.dims()[0];
    apply1(
        x,
        Linear {
            tokens,
            matrix,
            bias,
        },
    )
}

/// `resid + (x W + bias)`, to the bit: `resid` and the result are `[tokens, outputs]`.
pub fn linear_residual(
    resid: Tensor<2>,
    x: Tensor<2>,
    matrix: Arc<Matrix>,
    bias: Option<Arc<[f32]>>,
) -> Tensor<2> {
    let tokens = x.dims()[0];
    apply2(
        [resid, x],
        Linear {
            tokens,
            matrix,
            bias,
        },
    )
}

#[derive(Debug)]
struct Linear {
    tokens: usize,
    matrix: Arc<Matrix>,
    bias: Option<Arc<[f32]>>,
}

impl Linear {
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

    fn needs_inputs(&self) -> bool {
        false
    }
}

impl AutodiffOp<2> for Linear {
    fn shape(&self) -> Vec<usize> {
        self.shape()
    }

    fn forward(&self, [resid, x]: [&[f32]; 2]) -> Vec<f32> {
        self.matrix.multiply_onto(resid, x, self.bias.as_deref())
    }

    fn backward(&self, _: [&[f32]; 2], gradient: &[f32]) -> [Vec<f32>; 2] {
        [vec![], self.matrix.multiply_transposed(gradient)]
    }

    fn passes(&self) -> Option<usize> {
        Some(0)
    }

    fn needs_inputs(&self) -> bool {
        false
    }
}

/// `x + row`, where `row`, `[1, width]`, is added to every row of `x`, `[tokens, width]`: what a steering vector does.
pub fn add_row(x: Tensor<2>, row: Tensor<2>) -> Tensor<2> {
    let shape = x.dims();
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
        row::add(x, row)
    }

    fn backward(&self, _: [&[f32]; 2], gradient: &[f32]) -> [Vec<f32>; 2] {
        [vec![], row::sum(gradient, self.shape[1])]
    }

    fn passes(&self) -> Option<usize> {
        Some(0)
    }

    fn needs_inputs(&self) -> bool {
        false
    }
}

/// `x w / sqrt(mean(x^2) + eps)` over each row of `x`, `[tokens, width]` (arXiv:1910.07467, eq. 4).
pub fn rms_norm(x: Tensor<2>, weight: Arc<[f32]>, eps: f32) -> Tensor<2> {
    let shape = x.dims();
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
        norm::forward(Isa::current(), x, &self.weight, self.eps)
    }

    fn backward(&self, [x]: [&[f32]; 1], gradient: &[f32]) -> [Vec<f32>; 1] {
        [norm::backward(
            Isa::current(),
            x,
            &self.weight,
            self.eps,
            gradient,
        )]
    }
}

/// `activation(gate) * up`, `[tokens, width]` each. What the gradient needs of them is kept as `kept` says.
pub fn glu(
    activation: Activation,
    gate: Tensor<2>,
    up: Tensor<2>,
    kept: SavedActivations,
) -> Tensor<2> {
    let shape = gate.dims();
    let halves = (kept == SavedActivations::Bf16).then(OnceLock::new);
    let step = Gated {
        shape,
        activation,
        halves,
    };
    apply2([gate, up], step)
}

/// How numbers wait for a gradient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SavedActivations {
    /// As they are.
    F32,
    /// Rounded to bfloat16, in half the memory. Products with [`Format::Bf16`] round as much.
    Bf16,
}

#[derive(Debug)]
struct Gated {
    shape: [usize; 2],
    activation: Activation,
    /// Gate and `up`, if they are kept so.
    halves: Option<OnceLock<[Vec<bf16>; 2]>>,
}

impl AutodiffOp<2> for Gated {
    fn shape(&self) -> Vec<usize> {
        self.shape.to_vec()
    }

    fn forward(&self, [gate, up]: [&[f32]; 2]) -> Vec<f32> {
        glu::forward(Isa::current(), self.activation, gate, up)
    }

    fn forward_for_gradient(&self, inputs: [&[f32]; 2]) -> Vec<f32> {
        if let Some(halves) = &self.halves {
            halves.get_or_init(|| inputs.map(|x| glu::halves(Isa::current(), x)));
        }
        self.forward(inputs)
    }

    fn backward(&self, [gate, up]: [&[f32]; 2], gradient: &[f32]) -> [Vec<f32>; 2] {
        let isa = Isa::current();
        match self.halves.as_ref().and_then(OnceLock::get) {
            Some([gate, up]) => glu::backward_of_halves(isa, self.activation, [gate, up], gradient),
            None => glu::backward(isa, self.activation, gate, up, gradient),
        }
    }

    fn needs_inputs(&self) -> bool {
        self.halves.is_none()
    }
}

/// Angles of a rotary position embedding, `[tokens, rotary_dim / 2]` each.
#[derive(Clone, Debug)]
pub struct RotaryAngles {
    /// Their cosines.
    pub cos: Vec<f32>,
    /// Their sines.
    pub sin: Vec<f32>,
}

/// Turns the pairs `(x[i], x[i + rotary_dim / 2])` of every head of `x`, `[tokens, heads, head_dim]`
/// (arXiv:2104.09864, with the halves paired).
pub fn apply_rotary(x: Tensor<3>, angles: Arc<RotaryAngles>) -> Tensor<3> {
    let shape = x.dims();
    apply1(x, Rotate { shape, angles })
}

#[derive(Debug)]
struct Rotate {
    shape: [usize; 3],
    angles: Arc<RotaryAngles>,
}

impl Rotate {
    fn run(&self, x: &[f32], back: bool) -> Vec<f32> {
        rotary::rotate(x, self.shape, [&self.angles.cos, &self.angles.sin], back)
    }
}

impl AutodiffOp<1> for Rotate {
    fn shape(&self) -> Vec<usize> {
        self.shape.to_vec()
    }

    fn forward(&self, [x]: [&[f32]; 1]) -> Vec<f32> {
        self.run(x, false)
    }

    fn backward(&self, _: [&[f32]; 1], gradient: &[f32]) -> [Vec<f32>; 1] {
        [self.run(gradient, true)]
    }

    fn needs_inputs(&self) -> bool {
        false
    }
}

/// A prompt that rows look back at: its keys and values `[tokens, num_key_value_heads, head_dim]`, and [`PackedKv`] made of them.
#[derive(Clone, Debug)]
pub struct SharedPrompt {
    /// The keys.
    pub keys: Tensor<3>,
    /// The values.
    pub values: Tensor<3>,
    /// Both, by key head.
    pub packed: Arc<[PackedKv]>,
}

/// Rows that are run whole, each token looking at its own past and at the prompt: `q` is
/// `[tokens, num_attention_heads, head_dim]`, `k` and `v` are `[tokens, num_key_value_heads, head_dim]`, rows end to end, as
/// long as `lens` says; the result is `[tokens, num_attention_heads * head_dim]`.
///
/// `softmax(scale q k^T) v` (arXiv:1706.03762, eq. 1). Also returns the rows' packed keys.
pub fn attend_prefill(
    heads: Heads,
    [q, k, v]: [Tensor<3>; 3],
    lens: &[usize],
    prompt: Option<&SharedPrompt>,
) -> (Tensor<2>, Arc<[Arc<[PackedKv]>]>) {
    let rows: Arc<[Arc<[PackedKv]>]> = with_slice(&k, |k| {
        with_slice(&v, |v| {
            let width = heads.num_key_value_heads * heads.head_dim;
            let mut start = 0;
            let rows = lens.iter().map(|&len| {
                let own = start * width..(start + len) * width;
                start += len;
                PackedKv::of_row(&heads, &k[own.clone()], &v[own]).into()
            });
            rows.collect()
        })
    });
    let tokens = q.dims()[0];
    let attend = |packed: Arc<[PackedKv]>| Attend {
        tokens,
        heads,
        lens: lens.to_vec(),
        rows: rows.clone(),
        prompt: packed,
    };
    let mixed = match prompt {
        None => apply3([q, k, v], attend([].into())),
        Some(prompt) => {
            let inputs = [q, k, v, prompt.keys.clone(), prompt.values.clone()];
            apply5(inputs, attend(prompt.packed.clone()))
        }
    };
    (mixed, rows)
}

#[derive(Debug)]
struct Attend {
    tokens: usize,
    heads: Heads,
    lens: Vec<usize>,
    rows: Arc<[Arc<[PackedKv]>]>,
    prompt: Arc<[PackedKv]>,
}

impl Attend {
    fn shape(&self) -> Vec<usize> {
        vec![
            self.tokens,
            self.heads.num_attention_heads * self.heads.head_dim,
        ]
    }

    fn forward(&self, q: &[f32]) -> Vec<f32> {
        let rows: Vec<&[PackedKv]> = self.rows.iter().map(|row| &row[..]).collect();
        let group = Group {
            prompt: &self.prompt,
            rows,
        };
        attention::attend(&self.heads, q, &[group], std::slice::from_ref(&self.lens))
    }
}

impl AutodiffOp<3> for Attend {
    fn shape(&self) -> Vec<usize> {
        self.shape()
    }

    fn forward(&self, [q, _, _]: [&[f32]; 3]) -> Vec<f32> {
        self.forward(q)
    }

    fn backward(&self, [q, k, v]: [&[f32]; 3], gradient: &[f32]) -> [Vec<f32>; 3] {
        let given = Given {
            q,
            kv: [k, v],
            prompt: None,
            lens: &self.lens,
        };
        let gradient = attention::backward(Isa::current(), &self.heads, given, gradient);
        let [k, v] = gradient.kv;
        [gradient.q, k, v]
    }
}

impl AutodiffOp<5> for Attend {
    fn shape(&self) -> Vec<usize> {
        self.shape()
    }

    fn forward(&self, [q, ..]: [&[f32]; 5]) -> Vec<f32> {
        self.forward(q)
    }

    fn backward(&self, [q, k, v, pk, pv]: [&[f32]; 5], gradient: &[f32]) -> [Vec<f32>; 5] {
        let given = Given {
            q,
            kv: [k, v],
            prompt: Some([pk, pv]),
            lens: &self.lens,
        };
        let gradient = attention::backward(Isa::current(), &self.heads, given, gradient);
        let ([k, v], [pk, pv]) = (gradient.kv, gradient.prompt.expect("one was given"));
        [gradient.q, k, v, pk, pv]
    }
}

/// The next token of every row: `k` and `v`, `[rows, num_key_value_heads, head_dim]`, are added to the keys of the rows, and `q`,
/// `[rows, num_attention_heads, head_dim]`, looks at them and at the prompt. `groups` are the prompts in the order of
/// the rows, each with its number of rows. No gradient.
pub fn attend_decode(
    heads: Heads,
    [q, k, v]: [Tensor<3>; 3],
    groups: &[(&[PackedKv], usize)],
    rows: &mut [Vec<PackedKv>],
) -> Tensor<2> {
    let device = q.device();
    let [count, ..] = q.dims();
    with_slice(&k, |k| {
        with_slice(&v, |v| {
            let width = heads.num_key_value_heads * heads.head_dim;
            let tokens = k.chunks_exact(width).zip(v.chunks_exact(width));
            for (row, (key, value)) in rows.iter_mut().zip(tokens) {
                let parts = key
                    .chunks_exact(heads.head_dim)
                    .zip(value.chunks_exact(heads.head_dim));
                for (own, (key, value)) in row.iter_mut().zip(parts) {
                    own.push(key, value);
                }
            }
        });
    });
    let mut rest = &*rows;
    let groups: Vec<Group> = groups
        .iter()
        .map(|&(prompt, count)| {
            let (own, others) = rest.split_at(count);
            rest = others;
            Group {
                prompt,
                rows: own.iter().map(|row| &row[..]).collect(),
            }
        })
        .collect();
    let counts: Vec<Vec<usize>> = groups
        .iter()
        .map(|group| vec![1; group.rows.len()])
        .collect();
    let mixed = with_slice(&q, |q| attention::attend(&heads, q, &groups, &counts));
    let shape = [count, heads.num_attention_heads * heads.head_dim];
    Tensor::from_data(TensorData::new(mixed, shape), &device)
}

/// `ln softmax(scale * logits)` of one token in each row of `logits`, `[tokens, vocab_size]`: the result is `[tokens]` in nats,
/// to the bit what [`SoftmaxTerms::logprob`](crate::Weights::logprob) says of the same logits.
pub fn logprobs(logits: Tensor<2>, targets: Arc<[u32]>, scale: f32) -> Tensor<1> {
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
        [softmax::logprob_gradients(
            Isa::current(),
            logits,
            &self.targets,
            self.scale,
            gradient,
        )]
    }
}

/// [`logprobs`] of the logits `x W`, which are never there as a tensor: `x` is `[tokens, hidden_size]`, `unembedding`
/// `[hidden_size, vocab_size]`. Where a gradient will be asked for, `d logprob / d x` of each token is made at once, in the memory of its logits.
pub fn unembed_logprobs(
    x: Tensor<2>,
    unembedding: Arc<Matrix>,
    targets: Arc<[u32]>,
    scale: f32,
) -> Tensor<1> {
    apply1(
        x,
        Unembedded {
            unembedding,
            targets,
            scale,
            slopes: OnceLock::new(),
        },
    )
}

#[derive(Debug)]
struct Unembedded {
    unembedding: Arc<Matrix>,
    targets: Arc<[u32]>,
    scale: f32,
    /// `d logprob / d x`, `[tokens, hidden_size]`.
    slopes: OnceLock<Vec<f32>>,
}

impl AutodiffOp<1> for Unembedded {
    fn shape(&self) -> Vec<usize> {
        vec![self.targets.len()]
    }

    fn forward(&self, [x]: [&[f32]; 1]) -> Vec<f32> {
        let logits = self.unembedding.multiply(x, None);
        softmax::logprobs(Isa::current(), &logits, &self.targets, self.scale)
    }

    fn forward_for_gradient(&self, [x]: [&[f32]; 1]) -> Vec<f32> {
        let mut logits = self.unembedding.multiply(x, None);
        let logprobs =
            softmax::slopes_in_place(Isa::current(), &mut logits, &self.targets, self.scale, None);
        self.slopes
            .get_or_init(|| self.unembedding.multiply_transposed(&logits));
        logprobs
    }

    fn backward(&self, _: [&[f32]; 1], gradient: &[f32]) -> [Vec<f32>; 1] {
        let mut slopes = self.slopes.get().expect("made on the way forward").clone();
        let rows = slopes.chunks_exact_mut(self.unembedding.inputs());
        for (row, gradient) in rows.zip(gradient) {
            for slope in row {
                *slope *= gradient;
            }
        }
        [slopes]
    }

    fn needs_inputs(&self) -> bool {
        false
    }
}

/// Packs a tensor `[inputs, outputs]` of the CPU, in f32, bfloat16 or float16.
///
/// # Panics
///
/// Panics if the tensor lives elsewhere or is of another type.
pub fn pack(format: Format, weight: Tensor<2>) -> Matrix {
    let shape = weight.dims();
    let weight = weight
        .try_into_primitive::<Flex>()
        .expect("a tensor of the CPU");
    let layout = weight.layout();
    let strides = [layout.strides()[0], layout.strides()[1]].map(|stride| stride as usize);
    let start = layout.start_offset();
    match weight.dtype() {
        DType::F32 => Matrix::pack(format, shape, &weight.storage::<f32>()[start..], strides),
        DType::BF16 => Matrix::pack(format, shape, &weight.storage::<bf16>()[start..], strides),
        DType::F16 => Matrix::pack(format, shape, &weight.storage::<f16>()[start..], strides),
        dtype => panic!("weights of type {dtype:?}"),
    }
}

/// What the numbers of a tensor of the CPU, in f32, say to `act`.
///
/// # Panics
///
/// Panics if the tensor lives elsewhere.
pub fn with_slice<const D: usize, R>(x: &Tensor<D>, act: impl FnOnce(&[f32]) -> R) -> R {
    let x = if x.device().is_autodiff() {
        x.clone().inner()
    } else {
        x.clone()
    };
    let primitive = x.try_into_primitive::<Flex>().expect("a tensor of the CPU");
    match primitive.as_slice::<f32>() {
        Some(numbers) => act(numbers),
        None => act(primitive.to_contiguous().storage::<f32>()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{bits, noise};

    const FORMATS: [Format; 3] = [Format::F32, Format::Bf16, Format::Int8];

    fn leaf<const D: usize>(seed: u64, shape: [usize; D]) -> Tensor<D> {
        let numbers = noise(seed, shape.iter().product());
        let device = Device::flex().autodiff();
        Tensor::from_data(TensorData::new(numbers, shape), &device).require_grad()
    }

    fn numbers<const D: usize>(x: &Tensor<D>) -> Vec<f32> {
        with_slice(x, <[f32]>::to_vec)
    }

    /// The bits of a result, and the gradient of its weighted sum with respect to each of `leaves`.
    fn with_gradients<const D: usize>(
        result: Tensor<D>,
        leaves: &[&Tensor<2>],
    ) -> (Vec<u32>, Vec<Vec<f32>>) {
        let value = bits(&numbers(&result));
        let weights = leaf(9, result.dims());
        let grads = (result * weights).sum().backward();
        let of_leaf = |leaf: &&Tensor<2>| numbers(&leaf.grad(&grads).expect("a gradient"));
        (value, leaves.iter().map(of_leaf).collect())
    }

    /// Values to the bit. Gradients within the rounding of both sides' operands, `2^-8` of the largest weights and slopes where these are
    /// pairs, and of the sums.
    #[test]
    fn unembedded_logprobs_are_those_of_the_logits() {
        let (tokens, hidden, vocab) = (5, 37, 203);
        let x = leaf(1, [tokens, hidden]);
        let targets: Arc<[u32]> = (0..tokens as u32).map(|token| 40 * token + 2).collect();
        let weights = noise(2, hidden * vocab);
        for format in FORMATS {
            let matrix = Arc::new(Matrix::pack(format, [hidden, vocab], &weights, [vocab, 1]));
            let at_once = unembed_logprobs(x.clone(), matrix.clone(), targets.clone(), 1.3);
            let (value, gradient) = with_gradients(at_once, &[&x]);
            let logits = linear(x.clone(), matrix.clone(), None);
            let (expected, slope) = with_gradients(logprobs(logits, targets.clone(), 1.3), &[&x]);
            assert_eq!(value, expected, "{format:?}");
            // Of a row, the sizes of the slopes add up to less than 2.
            let eps = if format == Format::F32 {
                1e-6
            } else {
                1.0 / 256.0
            };
            for (got, expected) in gradient[0].iter().zip(&slope[0]) {
                assert!(
                    (got - expected).abs() <= 2.0 * 1.3 * 2.0 * eps,
                    "{format:?}: {got}, not {expected}"
                );
            }
            assert!(slope[0].iter().any(|slope| slope.abs() > 0.2));
            let alone = unembed_logprobs(x.clone().inner(), matrix, targets.clone(), 1.3);
            assert_eq!(
                bits(&numbers(&alone)),
                expected,
                "{format:?} without a gradient"
            );
        }
    }

    #[test]
    fn adding_on_the_way_is_adding_afterwards_to_the_bit() {
        let (tokens, inputs, outputs) = (17, 45, 70);
        let (x, resid) = (leaf(1, [tokens, inputs]), leaf(2, [tokens, outputs]));
        let weights = noise(3, inputs * outputs);
        let bias: Arc<[f32]> = noise(4, outputs).into();
        for format in FORMATS {
            let matrix = Matrix::pack(format, [inputs, outputs], &weights, [outputs, 1]);
            let matrix = Arc::new(matrix);
            for bias in [None, Some(bias.clone())] {
                let onto = linear_residual(resid.clone(), x.clone(), matrix.clone(), bias.clone());
                let after = resid.clone() + linear(x.clone(), matrix.clone(), bias);
                let leaves = [&x, &resid];
                assert_eq!(
                    with_gradients(onto, &leaves),
                    with_gradients(after, &leaves),
                    "{format:?}"
                );
            }
        }
    }
}
