//! Attention over packed keys and values.

use std::sync::Arc;

use burn::tensor::{Tensor, TensorData};

use super::with_slice;
use crate::attention::{self, AttentionParams, Inputs, PackedKv, SequenceGroup};
use crate::autodiff_op::{AutodiffOp, apply3, apply5};
use crate::isa::Isa;

/// The keys and values of a prompt that several sequences share.
///
/// # Shapes
///
/// - `keys`, `values`: `[prompt_len, num_key_value_heads, head_dim]`
#[derive(Clone, Debug)]
pub struct SharedPrompt {
    /// The keys, which gradients flow to.
    pub keys: Tensor<3>,
    /// The values, which gradients flow to.
    pub values: Tensor<3>,
    /// The same keys and values, packed, for each key head.
    pub packed: Arc<[PackedKv]>,
}

/// Attention of whole sequences: each token attends to the prompt and to its own past.
///
/// `softmax(scale q k^T) v` (arXiv:1706.03762, eq. 1). `lens` are the lengths of the sequences,
/// whose tokens follow each other. Also returns the packed keys and values of each sequence.
///
/// # Shapes
///
/// - `q`: `[tokens, num_attention_heads, head_dim]`
/// - `k`, `v`: `[tokens, num_key_value_heads, head_dim]`
/// - output: `[tokens, num_attention_heads * head_dim]`
///
/// # Panics
///
/// Panics if a shape differs, the lengths do not add up to `tokens`, or a tensor is not on the CPU.
pub fn attend_prefill(
    params: AttentionParams,
    [q, k, v]: [Tensor<3>; 3],
    lens: &[usize],
    prompt: Option<&SharedPrompt>,
) -> (Tensor<2>, Arc<[Arc<[PackedKv]>]>) {
    let tokens = check_shapes(&params, [&q, &k, &v]);
    assert_eq!(lens.iter().sum::<usize>(), tokens, "lengths of all tokens");
    let sequences: Arc<[Arc<[PackedKv]>]> = with_slice(&k, |k| {
        with_slice(&v, |v| {
            let mut start = 0;
            let sequences = lens.iter().map(|&len| {
                let range = start * params.kv_width()..(start + len) * params.kv_width();
                start += len;
                PackedKv::pack_heads(&params, &k[range.clone()], &v[range]).into()
            });
            sequences.collect()
        })
    });
    let attend = |prompt: Arc<[PackedKv]>| Attend {
        tokens,
        params,
        lens: lens.to_vec(),
        sequences: sequences.clone(),
        prompt,
    };
    let output = match prompt {
        None => apply3([q, k, v], attend([].into())),
        Some(prompt) => {
            let inputs = [q, k, v, prompt.keys.clone(), prompt.values.clone()];
            apply5(inputs, attend(prompt.packed.clone()))
        }
    };
    (output, sequences)
}

/// Attention of the next token of every sequence, whose key and value are appended first.
///
/// `groups` are the packed prompts in the order of the sequences, each with its number of
/// sequences. `sequences` holds the keys and values of each sequence by key head. There is no
/// gradient.
///
/// # Shapes
///
/// - `q`: `[sequences, num_attention_heads, head_dim]`
/// - `k`, `v`: `[sequences, num_key_value_heads, head_dim]`
/// - output: `[sequences, num_attention_heads * head_dim]`
///
/// # Panics
///
/// Panics if a shape differs, the groups do not hold all sequences, or a tensor is not on the CPU.
pub fn attend_decode(
    params: AttentionParams,
    [q, k, v]: [Tensor<3>; 3],
    groups: &[(&[PackedKv], usize)],
    sequences: &mut [Vec<PackedKv>],
) -> Tensor<2> {
    let device = q.device();
    let count = check_shapes(&params, [&q, &k, &v]);
    assert_eq!(sequences.len(), count, "a token for each sequence");
    with_slice(&k, |k| {
        with_slice(&v, |v| append_tokens(&params, k, v, sequences));
    });
    let mut rest = &*sequences;
    let groups: Vec<SequenceGroup> = groups
        .iter()
        .map(|&(prompt, count)| {
            let (of_group, others) = rest.split_at(count);
            rest = others;
            SequenceGroup {
                prompt,
                sequences: of_group.iter().map(|heads| &heads[..]).collect(),
            }
        })
        .collect();
    let counts: Vec<Vec<usize>> = groups
        .iter()
        .map(|group| vec![1; group.sequences.len()])
        .collect();
    let isa = Isa::current();
    let output = with_slice(&q, |q| {
        attention::forward(isa, &params, q, &groups, &counts)
    });
    let shape = [count, params.query_width()];
    Tensor::from_data(TensorData::new(output, shape), &device)
}

/// Asserts the shapes of queries, keys and values; returns the number of tokens.
fn check_shapes(params: &AttentionParams, [q, k, v]: [&Tensor<3>; 3]) -> usize {
    let tokens = q.dims()[0];
    assert_eq!(
        q.dims(),
        [tokens, params.num_attention_heads, params.head_dim],
        "q must be [tokens, num_attention_heads, head_dim]"
    );
    assert_eq!(
        [k.dims(), v.dims()],
        [[tokens, params.num_key_value_heads, params.head_dim]; 2],
        "k and v must be [tokens, num_key_value_heads, head_dim]"
    );
    tokens
}

fn append_tokens(params: &AttentionParams, k: &[f32], v: &[f32], sequences: &mut [Vec<PackedKv>]) {
    let width = params.kv_width();
    let tokens = k.chunks_exact(width).zip(v.chunks_exact(width));
    for (sequence, (key, value)) in sequences.iter_mut().zip(tokens) {
        let by_head = key
            .chunks_exact(params.head_dim)
            .zip(value.chunks_exact(params.head_dim));
        for (kv, (key, value)) in sequence.iter_mut().zip(by_head) {
            kv.push(key, value);
        }
    }
}

#[derive(Debug)]
struct Attend {
    tokens: usize,
    params: AttentionParams,
    lens: Vec<usize>,
    sequences: Arc<[Arc<[PackedKv]>]>,
    prompt: Arc<[PackedKv]>,
}

impl Attend {
    fn shape(&self) -> Vec<usize> {
        vec![self.tokens, self.params.query_width()]
    }

    fn forward(&self, q: &[f32]) -> Vec<f32> {
        let sequences: Vec<&[PackedKv]> = self.sequences.iter().map(|heads| &heads[..]).collect();
        let group = SequenceGroup {
            prompt: &self.prompt,
            sequences,
        };
        let counts = std::slice::from_ref(&self.lens);
        attention::forward(Isa::current(), &self.params, q, &[group], counts)
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
        let inputs = Inputs {
            q,
            kv: [k, v],
            prompt: None,
            lens: &self.lens,
        };
        let gradients = attention::backward(Isa::current(), &self.params, inputs, gradient);
        let [k, v] = gradients.kv;
        [gradients.q, k, v]
    }
}

impl AutodiffOp<5> for Attend {
    fn shape(&self) -> Vec<usize> {
        self.shape()
    }

    fn forward(&self, [q, ..]: [&[f32]; 5]) -> Vec<f32> {
        self.forward(q)
    }

    fn backward(
        &self,
        [q, k, v, prompt_k, prompt_v]: [&[f32]; 5],
        gradient: &[f32],
    ) -> [Vec<f32>; 5] {
        let inputs = Inputs {
            q,
            kv: [k, v],
            prompt: Some([prompt_k, prompt_v]),
            lens: &self.lens,
        };
        let gradients = attention::backward(Isa::current(), &self.params, inputs, gradient);
        let [k, v] = gradients.kv;
        let [prompt_k, prompt_v] = gradients.prompt.expect("there is a prompt");
        [gradients.q, k, v, prompt_k, prompt_v]
    }
}
