//! The gradient of attention with respect to queries, keys and values, those of a shared prompt included.

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::{Block, Heads, PackedKv, QUERIES, Segment, panels};
use crate::isa::Isa;
use crate::microkernel::{PANEL, View, load, mul_add, multiply, multiply_at, store};
use crate::parallel::{Shared, scratch};

/// What [`attend`](super::attend) was given for one group: rows that were run whole, behind a prompt or not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Given<'a> {
    /// `[tokens, num_attention_heads, head_dim]`, rows end to end
    pub(crate) q: &'a [f32],
    /// Keys and values of the same tokens, `[tokens, num_key_value_heads, head_dim]` each.
    pub(crate) kv: [&'a [f32]; 2],
    /// Keys and values of the prompt.
    pub(crate) prompt: Option<[&'a [f32]; 2]>,
    /// The length of each row.
    pub(crate) lens: &'a [usize],
}

/// The gradients with respect to [`Given`], where `out` is that with respect to the result.
#[derive(Clone, Debug)]
pub(crate) struct Gradient {
    pub(crate) q: Vec<f32>,
    pub(crate) kv: [Vec<f32>; 2],
    pub(crate) prompt: Option<[Vec<f32>; 2]>,
}

/// With weights `P`: `dV = P^T dO`, `dP = dO V^T`, `dS = P (dP - rowsum(P dP))`, `dQ = scale dS K`, `dK = scale dS^T Q`.
pub(crate) fn backward(isa: Isa, heads: &Heads, given: Given, out: &[f32]) -> Gradient {
    let zeros = |like: &[f32]| vec![0.0; like.len()];
    let mut gradient = Gradient {
        q: zeros(given.q),
        kv: given.kv.map(zeros),
        prompt: given.prompt.map(|prompt| prompt.map(zeros)),
    };
    let shared = Targets {
        q: Shared(gradient.q.as_mut_ptr()),
        kv: gradient.kv.each_mut().map(|x| Shared(x.as_mut_ptr())),
        prompt: gradient
            .prompt
            .as_mut()
            .map(|prompt| prompt.each_mut().map(|x| Shared(x.as_mut_ptr()))),
    };
    let prompt_len = given
        .prompt
        .map_or(0, |[keys, _]| keys.len() / heads.key_width());
    let longest = given.lens.iter().max().copied().unwrap_or(0);
    let rows = heads.ratio() * QUERIES.div_ceil(heads.ratio()).min(longest);
    let len = rows * (3 * heads.head_dim + 2 * (prompt_len + longest) + 1);
    (0..heads.num_key_value_heads)
        .into_par_iter()
        .for_each(|head| {
            isa.run(Backward {
                heads,
                head,
                given,
                out,
                to: shared,
                memory: &mut scratch(len),
            });
        });
    gradient
}

#[derive(Clone, Copy)]
struct Targets {
    q: Shared,
    kv: [Shared; 2],
    prompt: Option<[Shared; 2]>,
}

struct Backward<'a> {
    heads: &'a Heads,
    head: usize,
    given: Given<'a>,
    out: &'a [f32],
    to: Targets,
    memory: &'a mut [f32],
}

impl WithSimd for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let Self {
            heads, head, given, ..
        } = self;
        let (dim, key_width) = (heads.head_dim, heads.key_width());
        let keys_of = |kv: [&[f32]; 2], first: usize, len: usize| PackedKv {
            head_dim: dim,
            len,
            panels: panels(heads.of(kv[0], head, first), [len, dim]),
            values: vec![],
        };
        let turned = |values: &[f32], first: usize, len: usize| {
            panels(heads.of(values, head, first), [len, dim])
        };
        let prompt_len = given.prompt.map_or(0, |[keys, _]| keys.len() / key_width);
        let prompt = given
            .prompt
            .map(|kv| (keys_of(kv, 0, prompt_len), turned(kv[1], 0, prompt_len)));
        let most = (QUERIES / heads.ratio()).max(1);
        let mut first = 0;
        for &len in given.lens {
            // `Segment` names all key heads; only this one is looked at.
            let mut own = vec![PackedKv::new(dim); head + 1];
            own[head] = keys_of(given.kv, first, len);
            let own_values = turned(given.kv[1], first, len);
            for start in (0..len).step_by(most) {
                let count = most.min(len - start);
                let segment = Segment {
                    own: &own,
                    start,
                    token: first + start,
                    count,
                };
                let block = Block {
                    heads,
                    head,
                    prompt: prompt.as_ref().map(|(keys, _)| keys),
                    segments: vec![segment],
                };
                let values = [
                    prompt.as_ref().map_or(&[][..], |(_, values)| values),
                    &own_values,
                ];
                self.block(simd, &block, values, first);
            }
            first += len;
        }
    }
}

impl Backward<'_> {
    /// Adds what the queries of `block`, of a row that begins at token `first`, contribute; `values` are panels of those of the
    /// prompt and of the row.
    #[expect(clippy::too_many_lines, reason = "one derivation, in its order")]
    #[inline(always)]
    fn block<S: Simd>(&mut self, simd: S, block: &Block, values: [&[f32]; 2], first: usize) {
        let Self {
            heads,
            head,
            given,
            out,
            to,
            ..
        } = *self;
        let (rows, width, dim, ratio) =
            (block.rows(), block.width(), heads.head_dim, heads.ratio());
        let (shared, key_width) = (block.shared(), heads.key_width());
        let own = width - shared;
        let (q, memory) = self.memory.split_at_mut(rows * dim);
        let (d_out, memory) = memory.split_at_mut(rows * dim);
        let (d_q, memory) = memory.split_at_mut(rows * dim);
        let (weights, memory) = memory.split_at_mut(rows * width);
        let (d_scores, memory) = memory.split_at_mut(rows * width);
        let totals = &mut memory[..rows];
        block.gather(given.q, heads.scale, q);
        block.gather(out, 1.0, d_out);
        block.weigh(simd, q, weights, totals);
        // dP = dO V^T
        for (values, start, len) in [(values[0], 0, shared), (values[1], shared, own)] {
            for key in (0..len).step_by(PANEL) {
                let panel = View::rows(&values[key * dim..], PANEL);
                let shape = [rows, dim, PANEL.min(len - key)];
                multiply(
                    simd,
                    shape,
                    View::rows(d_out, dim),
                    panel,
                    &mut d_scores[start + key..],
                    width,
                    false,
                );
            }
        }
        let pairs = weights
            .chunks_exact_mut(width)
            .zip(d_scores.chunks_exact_mut(width));
        for ((weights, d_scores), &total) in pairs.zip(totals.iter()) {
            score_gradients(simd, weights, d_scores, 1.0 / total);
        }
        // dQ = scale dS K
        let d_scores_view = View::rows(d_scores, width);
        let own_scores = View {
            data: &d_scores[shared..],
            ..d_scores_view
        };
        if let Some([keys, _]) = given.prompt {
            multiply(
                simd,
                [rows, shared, dim],
                d_scores_view,
                heads.of(keys, head, 0),
                d_q,
                dim,
                false,
            );
        }
        multiply(
            simd,
            [rows, own, dim],
            own_scores,
            heads.of(given.kv[0], head, first),
            d_q,
            dim,
            shared > 0,
        );
        for (place, d_q) in block.places().zip(d_q.chunks_exact(ratio * dim)) {
            for (index, value) in d_q.iter().enumerate() {
                // SAFETY: the queries of this head at this token are written by nobody else.
                unsafe { *to.q.at(place + index) = value * heads.scale };
            }
        }
        // dK = dS^T (scale Q), dV = P^T dO
        let weights_view = View::rows(weights, width);
        let own_weights = View {
            data: &weights[shared..],
            ..weights_view
        };
        let sides = [
            (d_scores_view, own_scores, &*q),
            (weights_view, own_weights, &*d_out),
        ];
        for (side, (of_prompt, of_own, other)) in sides.into_iter().enumerate() {
            let other = View::rows(other, dim);
            // SAFETY: this key head of the prompt and of this row is written by this thread alone, and the sizes are
            // those of the tensors.
            unsafe {
                if let Some(prompt) = to.prompt {
                    let c = prompt[side].at(head * dim);
                    multiply_at(
                        simd,
                        [shared, rows, dim],
                        of_prompt.transposed(),
                        other,
                        c,
                        key_width,
                        true,
                    );
                }
                let c = to.kv[side].at(first * key_width + head * dim);
                multiply_at(
                    simd,
                    [own, rows, dim],
                    of_own.transposed(),
                    other,
                    c,
                    key_width,
                    true,
                );
            }
        }
    }
}

/// Weights divided by their sum, and `dS = P (dP - sum(P dP))` in place of `dP`.
#[inline(always)]
fn score_gradients<S: Simd>(simd: S, weights: &mut [f32], d_scores: &mut [f32], share: f32) {
    let lanes = S::F32_LANES;
    let factor = simd.splat_f32s(share);
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
