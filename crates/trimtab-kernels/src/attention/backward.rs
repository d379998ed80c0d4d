//! The gradient of attention with respect to queries, keys and values, and those of the prompt.

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::{AttentionParams, MAX_BLOCK_QUERIES, PackedKv, QueryBlock, QuerySpan, pack_panels};
use crate::exp::tanh;
use crate::isa::Isa;
use crate::microkernel::{MatrixView, PANEL_WIDTH, load, mul_add, multiply, multiply_raw, store};
use crate::parallel::SharedPtr;
use crate::scratch::Scratch;

/// The inputs of a prefill: whole sequences, with or without a prompt that they share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Inputs<'a> {
    /// `[tokens, num_attention_heads, head_dim]`, one sequence after the other.
    pub(crate) q: &'a [f32],
    /// Keys and values of these tokens, `[tokens, num_key_value_heads, head_dim]` each.
    pub(crate) kv: [&'a [f32]; 2],
    /// Keys and values of the prompt, `[prompt_len, num_key_value_heads, head_dim]` each.
    pub(crate) prompt: Option<[&'a [f32]; 2]>,
    /// The length of each sequence.
    pub(crate) lens: &'a [usize],
}

/// The gradients with respect to [`Inputs`], with the same shapes.
#[derive(Clone, Debug)]
pub(crate) struct Gradients {
    pub(crate) q: Vec<f32>,
    pub(crate) kv: [Vec<f32>; 2],
    pub(crate) prompt: Option<[Vec<f32>; 2]>,
}

/// The gradients, given `d_out`, that with respect to the output.
///
/// With attention weights `P`: `dV = P^T dO`, `dP = dO V^T`, `dS = P (dP - rowsum(P dP))`,
/// `dQ = scale dS K` and `dK = scale dS^T Q`. If scores are capped at `c`, `dS` is multiplied by
/// `1 - tanh(S / c)^2`.
///
/// # Shapes
///
/// - `d_out`: `[tokens, num_attention_heads, head_dim]`
pub(crate) fn backward(
    isa: Isa,
    params: &AttentionParams,
    inputs: Inputs,
    d_out: &[f32],
) -> Gradients {
    let tokens: usize = inputs.lens.iter().sum();
    assert!(
        inputs.q.len() == tokens * params.query_width() && d_out.len() == inputs.q.len(),
        "q and d_out must be [tokens, num_attention_heads, head_dim]"
    );
    assert!(
        inputs.kv.map(<[f32]>::len) == [tokens * params.kv_width(); 2],
        "keys and values must be [tokens, num_key_value_heads, head_dim]"
    );
    let zeros = |like: &[f32]| vec![0.0; like.len()];
    let mut gradients = Gradients {
        q: zeros(inputs.q),
        kv: inputs.kv.map(zeros),
        prompt: inputs.prompt.map(|prompt| prompt.map(zeros)),
    };
    let output = GradientPtrs {
        q: SharedPtr(gradients.q.as_mut_ptr()),
        kv: gradients.kv.each_mut().map(|x| SharedPtr(x.as_mut_ptr())),
        prompt: gradients
            .prompt
            .as_mut()
            .map(|prompt| prompt.each_mut().map(|x| SharedPtr(x.as_mut_ptr()))),
    };
    let prompt_len = inputs
        .prompt
        .map_or(0, |[keys, _]| keys.len() / params.kv_width());
    let longest = inputs.lens.iter().max().copied().unwrap_or(0);
    let heads = params.queries_per_kv_head();
    let rows = heads * MAX_BLOCK_QUERIES.div_ceil(heads).min(longest);
    let buffers = if params.softcap.is_some() { 3 } else { 2 };
    let len = rows * (3 * params.head_dim + buffers * (prompt_len + longest) + 1);
    (0..params.num_key_value_heads)
        .into_par_iter()
        .for_each(|head| {
            isa.dispatch(Backward {
                params,
                head,
                inputs,
                d_out,
                output,
                scratch: &mut Scratch::take(len),
            });
        });
    gradients
}

#[derive(Clone, Copy)]
struct GradientPtrs {
    q: SharedPtr,
    kv: [SharedPtr; 2],
    prompt: Option<[SharedPtr; 2]>,
}

struct Backward<'a> {
    params: &'a AttentionParams,
    head: usize,
    inputs: Inputs<'a>,
    d_out: &'a [f32],
    output: GradientPtrs,
    scratch: &'a mut [f32],
}

impl WithSimd for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let Self {
            params,
            head,
            inputs,
            ..
        } = self;
        let (dim, kv_width) = (params.head_dim, params.kv_width());
        let pack_keys = |kv: [&[f32]; 2], first: usize, len: usize| PackedKv {
            head_dim: dim,
            len,
            key_panels: pack_panels(params.head_view(kv[0], head, first), [len, dim]),
            values: vec![],
        };
        let pack_values = |values: &[f32], first: usize, len: usize| {
            pack_panels(params.head_view(values, head, first), [len, dim])
        };
        let prompt_len = inputs.prompt.map_or(0, |[keys, _]| keys.len() / kv_width);
        let prompt = inputs.prompt.map(|kv| {
            (
                pack_keys(kv, 0, prompt_len),
                pack_values(kv[1], 0, prompt_len),
            )
        });
        let max_tokens = (MAX_BLOCK_QUERIES / params.queries_per_kv_head()).max(1);
        let mut first = 0;
        for &len in inputs.lens {
            // A `QuerySpan` names all key heads, of which only this one is read.
            let mut kv = vec![PackedKv::new(dim); head + 1];
            kv[head] = pack_keys(inputs.kv, first, len);
            let own_values = pack_values(inputs.kv[1], first, len);
            for start in (0..len).step_by(max_tokens) {
                let count = max_tokens.min(len - start);
                let span = QuerySpan {
                    kv: &kv,
                    start,
                    token: first + start,
                    count,
                };
                let block = QueryBlock {
                    params,
                    head,
                    prompt: prompt.as_ref().map(|(keys, _)| keys),
                    spans: vec![span],
                };
                let values = [
                    prompt.as_ref().map_or(&[][..], |(_, values)| values),
                    &own_values,
                ];
                self.add_block(simd, &block, values, first);
            }
            first += len;
        }
    }
}

impl Backward<'_> {
    /// Adds what the queries of `block` contribute.
    ///
    /// Their sequence begins at token `first`. `values` are panels of the values of the prompt and
    /// of the sequence.
    #[inline(always)]
    fn add_block<S: Simd>(
        &mut self,
        simd: S,
        block: &QueryBlock,
        values: [&[f32]; 2],
        first: usize,
    ) {
        let (rows, num_keys) = (block.rows(), block.num_keys());
        let dim = self.params.head_dim;
        let (q, scratch) = self.scratch.split_at_mut(rows * dim);
        let (d_out, scratch) = scratch.split_at_mut(rows * dim);
        let (d_q, scratch) = scratch.split_at_mut(rows * dim);
        let (weights, scratch) = scratch.split_at_mut(rows * num_keys);
        let (d_scores, scratch) = scratch.split_at_mut(rows * num_keys);
        let (sums, scratch) = scratch.split_at_mut(rows);
        block.gather(self.inputs.q, self.params.scale, q);
        block.gather(self.d_out, 1.0, d_out);
        block.softmax_numerators(simd, q, weights, sums);
        weight_gradients(simd, block, d_out, values, d_scores);
        let pairs = weights
            .chunks_exact_mut(num_keys)
            .zip(d_scores.chunks_exact_mut(num_keys));
        for ((weights, d_scores), &sum) in pairs.zip(sums.iter()) {
            score_gradients(simd, weights, d_scores, 1.0 / sum);
        }
        if let Some(softcap) = self.params.softcap {
            let scores = &mut scratch[..rows * num_keys];
            block.scores(simd, q, scores);
            uncapped_gradients(simd, block, softcap, scores, d_scores);
        }
        let task = BlockGradients {
            params: self.params,
            head: self.head,
            inputs: self.inputs,
            output: self.output,
            block,
            first,
        };
        task.write_queries(simd, d_scores, d_q);
        // dK = dS^T (scale Q), dV = P^T dO
        task.add_keys_or_values(simd, 0, d_scores, q);
        task.add_keys_or_values(simd, 1, weights, d_out);
    }
}

/// `dP = dO V^T`, `[rows, num_keys]`; `values` are panels of the prompt and of the sequence.
#[inline(always)]
fn weight_gradients<S: Simd>(
    simd: S,
    block: &QueryBlock,
    d_out: &[f32],
    values: [&[f32]; 2],
    d_weights: &mut [f32],
) {
    let (rows, num_keys, prompt_len) = (block.rows(), block.num_keys(), block.prompt_len());
    let dim = block.params.head_dim;
    let d_out = MatrixView::row_major(d_out, dim);
    let [of_prompt, own] = values;
    for (values, start, end) in [(of_prompt, 0, prompt_len), (own, prompt_len, num_keys)] {
        let len = end - start;
        for key in (0..len).step_by(PANEL_WIDTH) {
            let panel = MatrixView::row_major(&values[key * dim..], PANEL_WIDTH);
            let shape = [rows, dim, PANEL_WIDTH.min(len - key)];
            let d_weights = &mut d_weights[start + key..];
            multiply(simd, shape, d_out, panel, d_weights, num_keys, false);
        }
    }
}

/// Writes the gradients of one block to the tensors.
struct BlockGradients<'a> {
    params: &'a AttentionParams,
    head: usize,
    inputs: Inputs<'a>,
    output: GradientPtrs,
    block: &'a QueryBlock<'a>,
    /// The first token of the sequence.
    first: usize,
}

impl BlockGradients<'_> {
    /// `dQ = scale dS K`, computed in `d_q`, `[rows, head_dim]`.
    #[inline(always)]
    fn write_queries<S: Simd>(&self, simd: S, d_scores: &[f32], d_q: &mut [f32]) {
        let (block, params) = (self.block, self.params);
        let (rows, num_keys, prompt_len) = (block.rows(), block.num_keys(), block.prompt_len());
        let dim = params.head_dim;
        if let Some([keys, _]) = self.inputs.prompt {
            let shape = [rows, prompt_len, dim];
            let d_scores = MatrixView::row_major(d_scores, num_keys);
            let keys = params.head_view(keys, self.head, 0);
            multiply(simd, shape, d_scores, keys, d_q, dim, false);
        }
        let shape = [rows, num_keys - prompt_len, dim];
        let d_scores = MatrixView::row_major(&d_scores[prompt_len..], num_keys);
        let keys = params.head_view(self.inputs.kv[0], self.head, self.first);
        multiply(simd, shape, d_scores, keys, d_q, dim, prompt_len > 0);
        let by_token = d_q.chunks_exact(params.queries_per_kv_head() * dim);
        for (offset, d_q) in block.query_offsets().zip(by_token) {
            for (index, value) in d_q.iter().enumerate() {
                // SAFETY: no other thread writes the queries of this head at this token.
                unsafe { *self.output.q.at(offset + index) = value * params.scale };
            }
        }
    }

    /// Adds `a^T b` to the gradient of the keys (`side` 0) or the values (`side` 1).
    ///
    /// # Shapes
    ///
    /// - `a`: `[rows, num_keys]`
    /// - `b`: `[rows, head_dim]`
    #[inline(always)]
    fn add_keys_or_values<S: Simd>(&self, simd: S, side: usize, a: &[f32], b: &[f32]) {
        let (block, params) = (self.block, self.params);
        let (rows, num_keys, prompt_len) = (block.rows(), block.num_keys(), block.prompt_len());
        let (dim, stride) = (params.head_dim, params.kv_width());
        let b = MatrixView::row_major(b, dim);
        let of_head = self.head * dim;
        if let Some(prompt) = self.output.prompt {
            let shape = [prompt_len, rows, dim];
            let a = MatrixView::row_major(a, num_keys).transposed();
            let output = prompt[side].at(of_head);
            // SAFETY: this thread alone writes this key head of the prompt, whose gradient has
            // `prompt_len` tokens. The sides have `rows` rows.
            unsafe { multiply_raw(simd, shape, a, b, output, stride, true) };
        }
        let shape = [num_keys - prompt_len, rows, dim];
        let a = MatrixView::row_major(&a[prompt_len..], num_keys).transposed();
        let output = self.output.kv[side].at(self.first * stride + of_head);
        // SAFETY: this thread alone writes this key head of the sequence, which has at least as
        // many tokens as the block sees of it. The sides have `rows` rows.
        unsafe { multiply_raw(simd, shape, a, b, output, stride, true) };
    }
}

/// Divides the weights by their sum, and replaces `dP` by `dS = P (dP - sum(P dP))`.
#[inline(always)]
fn score_gradients<S: Simd>(
    simd: S,
    weights: &mut [f32],
    d_scores: &mut [f32],
    reciprocal_sum: f32,
) {
    let lanes = S::F32_LANES;
    let factor = simd.splat_f32s(reciprocal_sum);
    let mut sum = simd.splat_f32s(0.0);
    for (weight, d_score) in weights.chunks_mut(lanes).zip(d_scores.chunks(lanes)) {
        let p = simd.mul_f32s(load(simd, weight), factor);
        store(simd, weight, p);
        sum = mul_add(simd, p, load(simd, d_score), sum);
    }
    let mean = simd.splat_f32s(simd.reduce_sum_f32s(sum));
    for (weight, d_score) in weights.chunks(lanes).zip(d_scores.chunks_mut(lanes)) {
        let difference = simd.sub_f32s(load(simd, d_score), mean);
        store(simd, d_score, simd.mul_f32s(load(simd, weight), difference));
    }
}

/// Multiplies `dS` by the derivative of the cap, `1 - tanh(S / softcap)^2`, where a query sees the
/// key. Elsewhere it is 0.
///
/// # Shapes
///
/// - `scores`, `d_scores`: `[rows, num_keys]`
#[inline(always)]
fn uncapped_gradients<S: Simd>(
    simd: S,
    block: &QueryBlock,
    softcap: f32,
    scores: &[f32],
    d_scores: &mut [f32],
) {
    let (num_keys, heads) = (block.num_keys(), block.params.queries_per_kv_head());
    let (one, reciprocal) = (simd.splat_f32s(1.0), simd.splat_f32s(1.0 / softcap));
    let by_token = scores
        .chunks_exact(num_keys * heads)
        .zip(d_scores.chunks_exact_mut(num_keys * heads));
    for ((first, end), (scores, d_scores)) in block.visible_keys().zip(by_token) {
        let rows = scores.chunks_exact(num_keys);
        for (scores, d_scores) in rows.zip(d_scores.chunks_exact_mut(num_keys)) {
            let parts = scores[first..end].chunks(S::F32_LANES);
            for (scores, d_scores) in parts.zip(d_scores[first..end].chunks_mut(S::F32_LANES)) {
                let part_of_cap = tanh(simd, simd.mul_f32s(load(simd, scores), reciprocal));
                let slope = simd.sub_f32s(one, simd.mul_f32s(part_of_cap, part_of_cap));
                store(simd, d_scores, simd.mul_f32s(load(simd, d_scores), slope));
            }
        }
    }
}
