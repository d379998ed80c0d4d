//! Grouped-query attention over sequences that may share a prompt.
//!
//! A query `q` at position `t` of its sequence, behind a prompt of `p` tokens, computes
//! `softmax(scale q k^T) v` over the prompt and the tokens `0..=t` of the sequence, or over the
//! last `sliding_window` of them (arXiv:1706.03762, eq. 1; arXiv:2305.13245). Scores `s` may be
//! capped before the softmax, as `c tanh(s / c)` (arXiv:2408.00118, section 2).
//!
//! Everything is f32, in an order that does not depend on the other queries. So prefill and
//! token-by-token decoding give the same bits.

mod backward;

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use crate::exp::{exp, tanh};
use crate::isa::Isa;
use crate::microkernel::{MatrixView, PANEL_WIDTH, load, multiply, reduce_max, store};
use crate::parallel::SharedPtr;
use crate::scratch::Scratch;

pub(crate) use backward::{Inputs, backward};

/// Query rows of one key head that are computed together, at most.
const MAX_BLOCK_QUERIES: usize = 64;

/// The shape of an attention layer, and which keys its queries see.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AttentionParams {
    /// Number of query heads.
    pub num_attention_heads: usize,
    /// Number of key and value heads. Each serves a run of consecutive query heads.
    pub num_key_value_heads: usize,
    /// Width of a head.
    pub head_dim: usize,
    /// Factor of the scores.
    pub scale: f32,
    /// A query sees only keys fewer than this many tokens back.
    pub sliding_window: Option<usize>,
    /// Scores lie between this and its negative.
    pub softcap: Option<f32>,
}

impl AttentionParams {
    /// Query heads per key head.
    fn queries_per_kv_head(&self) -> usize {
        self.num_attention_heads / self.num_key_value_heads
    }

    /// Width of a token's queries, all heads together.
    pub(crate) fn query_width(&self) -> usize {
        self.num_attention_heads * self.head_dim
    }

    /// Width of a token's keys, or of its values, all heads together.
    pub(crate) fn kv_width(&self) -> usize {
        self.num_key_value_heads * self.head_dim
    }

    /// Key head `head` of `x`, `[tokens, num_key_value_heads, head_dim]`, from token `first` on.
    ///
    /// Empty if there is no such token.
    fn head_view<'a>(&self, x: &'a [f32], head: usize, first: usize) -> MatrixView<'a> {
        MatrixView {
            data: x
                .get(first * self.kv_width() + head * self.head_dim..)
                .unwrap_or_default(),
            row_stride: self.kv_width(),
            column_stride: 1,
        }
    }
}

/// Keys and values of one head of one sequence, packed in the order in which attention reads them.
#[derive(Clone, Debug)]
pub struct PackedKv {
    head_dim: usize,
    len: usize,
    /// `[panels, head_dim, 32]`: 32 keys side by side.
    key_panels: Vec<f32>,
    /// `[len, head_dim]`
    values: Vec<f32>,
}

impl PackedKv {
    /// Without tokens.
    pub fn new(head_dim: usize) -> Self {
        Self {
            head_dim,
            len: 0,
            key_panels: vec![],
            values: vec![],
        }
    }

    /// Packs the keys and values of a sequence, one [`PackedKv`] for each head.
    ///
    /// # Shapes
    ///
    /// - `keys`, `values`: `[tokens, num_key_value_heads, head_dim]`
    ///
    /// # Panics
    ///
    /// Panics if the shapes differ.
    pub fn pack_heads(params: &AttentionParams, keys: &[f32], values: &[f32]) -> Vec<Self> {
        assert!(
            keys.len() == values.len() && keys.len().is_multiple_of(params.kv_width()),
            "keys and values must be [tokens, num_key_value_heads, head_dim]"
        );
        let len = keys.len() / params.kv_width();
        let head_dim = params.head_dim;
        (0..params.num_key_value_heads)
            .map(|head| {
                let mut of_head = Vec::with_capacity(len * head_dim);
                for token in values.chunks_exact(params.kv_width()) {
                    of_head.extend(&token[head * head_dim..][..head_dim]);
                }
                Self {
                    head_dim,
                    len,
                    key_panels: pack_panels(params.head_view(keys, head, 0), [len, head_dim]),
                    values: of_head,
                }
            })
            .collect()
    }

    /// Appends a token.
    ///
    /// # Shapes
    ///
    /// - `key`, `value`: `[head_dim]`
    ///
    /// # Panics
    ///
    /// Panics if the shapes differ.
    pub fn push(&mut self, key: &[f32], value: &[f32]) {
        assert!(
            key.len() == self.head_dim && value.len() == self.head_dim,
            "key and value must be [head_dim]"
        );
        let lane = self.len % PANEL_WIDTH;
        if lane == 0 {
            self.key_panels
                .resize(self.key_panels.len() + self.head_dim * PANEL_WIDTH, 0.0);
        }
        let first = self.len / PANEL_WIDTH * self.head_dim * PANEL_WIDTH;
        let panel = self.key_panels[first..].chunks_exact_mut(PANEL_WIDTH);
        for (row, &number) in panel.zip(key) {
            row[lane] = number;
        }
        self.values.extend_from_slice(value);
        self.len += 1;
    }

    /// Number of tokens.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no tokens.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

/// The rows of `x`, `[count, width]`, in panels of 32 rows side by side: `[panels, width, 32]`.
fn pack_panels(x: MatrixView, [count, width]: [usize; 2]) -> Vec<f32> {
    let mut panels = vec![0.0; count.div_ceil(PANEL_WIDTH) * width * PANEL_WIDTH];
    let panel_len = (width * PANEL_WIDTH).max(1);
    for (index, panel) in panels.chunks_exact_mut(panel_len).enumerate() {
        for lane in 0..PANEL_WIDTH.min(count - index * PANEL_WIDTH) {
            let row = &x.data[(index * PANEL_WIDTH + lane) * x.row_stride..][..width];
            for (depth, &number) in row.iter().enumerate() {
                panel[depth * PANEL_WIDTH + lane] = number;
            }
        }
    }
    panels
}

/// Sequences that share a prompt.
#[derive(Clone, Debug)]
pub(crate) struct SequenceGroup<'a> {
    /// The prompt by key head; empty if there is none.
    pub(crate) prompt: &'a [PackedKv],
    /// Each sequence by key head, with the tokens of the queries.
    pub(crate) sequences: Vec<&'a [PackedKv]>,
}

/// Attention of the last tokens of each sequence.
///
/// `counts[g][i]` is the number of queries of sequence `i` of group `g`.
///
/// # Shapes
///
/// - `queries` and output: `[tokens, num_attention_heads, head_dim]`, all queries in order
pub(crate) fn forward(
    isa: Isa,
    params: &AttentionParams,
    queries: &[f32],
    groups: &[SequenceGroup],
    counts: &[Vec<usize>],
) -> Vec<f32> {
    let (blocks, tokens) = split_into_blocks(params, groups, counts);
    assert_eq!(
        tokens * params.query_width(),
        queries.len(),
        "queries must be [tokens, num_attention_heads, head_dim]"
    );
    let mut output = vec![0.0; queries.len()];
    let shared = SharedPtr(output.as_mut_ptr());
    // Each block writes one key head of its own tokens and nothing else.
    let compute = |block: &QueryBlock| {
        let len = block.rows() * (2 * params.head_dim + block.num_keys() + 1);
        isa.dispatch(Forward {
            block,
            queries,
            output: shared,
            scratch: &mut Scratch::take(len),
        });
    };
    if multiplications(params, groups, counts) < 1 << 17 {
        blocks.iter().for_each(compute);
    } else {
        blocks.par_iter().for_each(compute);
    }
    output
}

/// Queries that are computed together, for each key head, and the number of queries in all.
fn split_into_blocks<'a>(
    params: &'a AttentionParams,
    groups: &'a [SequenceGroup],
    counts: &[Vec<usize>],
) -> (Vec<QueryBlock<'a>>, usize) {
    let max_tokens = (MAX_BLOCK_QUERIES / params.queries_per_kv_head()).max(1);
    let mut blocks: Vec<QueryBlock> = vec![];
    let mut token = 0;
    for (group, counts) in groups.iter().zip(counts) {
        let mut spans: Vec<QuerySpan> = vec![];
        let mut tokens = 0;
        let mut flush = |spans: Vec<_>| {
            let of_head = |head| QueryBlock {
                params,
                head,
                prompt: group.prompt.get(head),
                spans: spans.clone(),
            };
            if !spans.is_empty() {
                blocks.extend((0..params.num_key_value_heads).map(of_head));
            }
        };
        for (&kv, &count) in group.sequences.iter().zip(counts) {
            let len = kv[0].len;
            let mut start = len - count;
            while start < len {
                let count = (len - start).min(max_tokens - tokens);
                spans.push(QuerySpan {
                    kv,
                    start,
                    token,
                    count,
                });
                (start, token, tokens) = (start + count, token + count, tokens + count);
                if tokens == max_tokens {
                    flush(std::mem::take(&mut spans));
                    tokens = 0;
                }
            }
        }
        flush(spans);
    }
    (blocks, token)
}

fn multiplications(
    params: &AttentionParams,
    groups: &[SequenceGroup],
    counts: &[Vec<usize>],
) -> usize {
    let of_group = |(group, counts): (&SequenceGroup, &Vec<usize>)| -> usize {
        let prompt_len = group.prompt.first().map_or(0, PackedKv::len);
        let sequences = group.sequences.iter().zip(counts);
        sequences
            .map(|(kv, count)| count * (kv[0].len + prompt_len) * params.query_width())
            .sum()
    };
    groups.iter().zip(counts).map(of_group).sum()
}

/// Consecutive queries of one sequence.
#[derive(Clone, Copy, Debug)]
struct QuerySpan<'a> {
    /// The sequence by key head.
    kv: &'a [PackedKv],
    /// Position of the first query in its sequence.
    start: usize,
    /// Index of the first query among all queries.
    token: usize,
    count: usize,
}

/// Queries of one key head that share a prompt and are computed together.
#[derive(Clone, Debug)]
struct QueryBlock<'a> {
    params: &'a AttentionParams,
    head: usize,
    prompt: Option<&'a PackedKv>,
    spans: Vec<QuerySpan<'a>>,
}

impl QueryBlock<'_> {
    fn prompt_len(&self) -> usize {
        self.prompt.map_or(0, PackedKv::len)
    }

    /// Number of query rows. The heads of one token are consecutive rows.
    fn rows(&self) -> usize {
        let tokens: usize = self.spans.iter().map(|span| span.count).sum();
        tokens * self.params.queries_per_kv_head()
    }

    /// Number of keys, from the first of the prompt to the last that some query sees.
    fn num_keys(&self) -> usize {
        let ends = self.spans.iter().map(|span| span.start + span.count);
        self.prompt_len() + ends.max().unwrap_or(0)
    }

    /// Where the queries of each token begin in the tensor of all queries.
    fn query_offsets(&self) -> impl Iterator<Item = usize> {
        let tokens = self
            .spans
            .iter()
            .flat_map(|span| span.token..span.token + span.count);
        let of_head = self.head * self.params.queries_per_kv_head() * self.params.head_dim;
        tokens.map(move |token| token * self.params.query_width() + of_head)
    }

    /// The range `first..end` of keys that the queries of each token see.
    fn visible_keys(&self) -> impl Iterator<Item = (usize, usize)> {
        let ends = self
            .spans
            .iter()
            .flat_map(|span| span.start + 1..=span.start + span.count);
        ends.map(|end| {
            let end = self.prompt_len() + end;
            let first = self
                .params
                .sliding_window
                .map_or(0, |window| end.saturating_sub(window));
            (first, end)
        })
    }

    /// Copies the rows of this block out of `x`, which has the layout of the queries, times
    /// `scale`.
    fn gather(&self, x: &[f32], scale: f32, rows: &mut [f32]) {
        let width = self.params.queries_per_kv_head() * self.params.head_dim;
        for (offset, row) in self.query_offsets().zip(rows.chunks_exact_mut(width)) {
            for (to, from) in row.iter_mut().zip(&x[offset..offset + width]) {
                *to = from * scale;
            }
        }
    }

    /// Computes `exp(score - max)`, with capped scores, for the keys that each query sees. It is 0
    /// for the others.
    ///
    /// # Shapes
    ///
    /// - `queries`: `[rows, head_dim]`
    /// - `weights`: `[rows, num_keys]`, not yet divided by their sum
    /// - `sums`: `[rows]`, the sum of each row of `weights`
    #[inline(always)]
    fn softmax_numerators<S: Simd>(
        &self,
        simd: S,
        queries: &[f32],
        weights: &mut [f32],
        sums: &mut [f32],
    ) {
        let num_keys = self.num_keys();
        self.scores(simd, queries, weights);
        let heads = self.params.queries_per_kv_head();
        let by_token = weights.chunks_exact_mut(num_keys * heads);
        let sums = sums.chunks_exact_mut(heads);
        for (((first, end), rows), sums) in self.visible_keys().zip(by_token).zip(sums) {
            for (row, sum) in rows.chunks_exact_mut(num_keys).zip(sums) {
                if let Some(softcap) = self.params.softcap {
                    cap_in_place(simd, &mut row[first..end], softcap);
                }
                *sum = exp_in_place(simd, &mut row[first..end]);
                row[..first].fill(0.0);
                row[end..].fill(0.0);
            }
        }
    }

    /// Computes `q k^T`, `[rows, num_keys]`, where a query may see the key.
    #[inline(always)]
    fn scores<S: Simd>(&self, simd: S, queries: &[f32], scores: &mut [f32]) {
        let (rows, num_keys) = (self.rows(), self.num_keys());
        let dim = self.params.head_dim;
        let queries = MatrixView::row_major(queries, dim);
        // No query sees the panels before this key.
        let first = self.visible_keys().map(|(first, _)| first).min();
        let first = first.unwrap_or(0) / PANEL_WIDTH * PANEL_WIDTH;
        if let Some(prompt) = self.prompt {
            for key in (first.min(prompt.len)..prompt.len).step_by(PANEL_WIDTH) {
                let panel = MatrixView::row_major(&prompt.key_panels[key * dim..], PANEL_WIDTH);
                let shape = [rows, dim, PANEL_WIDTH.min(prompt.len - key)];
                let scores = &mut scores[key..];
                multiply(simd, shape, queries, panel, scores, num_keys, false);
            }
        }
        let mut row = 0;
        for span in &self.spans {
            let kv = &span.kv[self.head];
            let count = span.count * self.params.queries_per_kv_head();
            let end = span.start + span.count;
            let first = first.saturating_sub(self.prompt_len()) / PANEL_WIDTH * PANEL_WIDTH;
            for key in (first.min(end)..end).step_by(PANEL_WIDTH) {
                let panel = MatrixView::row_major(&kv.key_panels[key * dim..], PANEL_WIDTH);
                let shape = [count, dim, PANEL_WIDTH.min(end - key)];
                let queries = MatrixView::row_major(&queries.data[row * dim..], dim);
                let scores = &mut scores[row * num_keys + self.prompt_len() + key..];
                multiply(simd, shape, queries, panel, scores, num_keys, false);
            }
            row += count;
        }
    }
}

/// Replaces `scores` by `softcap tanh(scores / softcap)`.
#[inline(always)]
fn cap_in_place<S: Simd>(simd: S, scores: &mut [f32], softcap: f32) {
    let (cap, reciprocal) = (simd.splat_f32s(softcap), simd.splat_f32s(1.0 / softcap));
    for part in scores.chunks_mut(S::F32_LANES) {
        let part_of_cap = tanh(simd, simd.mul_f32s(load(simd, part), reciprocal));
        store(simd, part, simd.mul_f32s(part_of_cap, cap));
    }
}

/// Replaces `scores` by `exp(scores - max)` and returns their sum.
#[inline(always)]
fn exp_in_place<S: Simd>(simd: S, scores: &mut [f32]) -> f32 {
    let max = simd.splat_f32s(reduce_max(simd, scores));
    let mut sum = simd.splat_f32s(0.0);
    for part in scores.chunks_mut(S::F32_LANES) {
        let weight = exp(simd, simd.sub_f32s(load(simd, part), max));
        store(simd, part, weight);
        sum = simd.add_f32s(sum, load(simd, part)); // loaded again: zeros behind the end
    }
    simd.reduce_sum_f32s(sum)
}

/// Computes the output of one block.
struct Forward<'a> {
    block: &'a QueryBlock<'a>,
    queries: &'a [f32],
    output: SharedPtr,
    scratch: &'a mut [f32],
}

impl WithSimd for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let block = self.block;
        let (rows, num_keys) = (block.rows(), block.num_keys());
        let dim = block.params.head_dim;
        let heads = block.params.queries_per_kv_head();
        let (queries, scratch) = self.scratch.split_at_mut(rows * dim);
        let (mixed, scratch) = scratch.split_at_mut(rows * dim);
        let (weights, sums) = scratch.split_at_mut(rows * num_keys);
        block.gather(self.queries, block.params.scale, queries);
        block.softmax_numerators(simd, queries, weights, sums);
        if let Some(prompt) = block.prompt {
            let shape = [rows, prompt.len, dim];
            let weights = MatrixView::row_major(weights, num_keys);
            let values = MatrixView::row_major(&prompt.values, dim);
            multiply(simd, shape, weights, values, mixed, dim, false);
        }
        let mut row = 0;
        for span in &block.spans {
            let count = span.count * heads;
            let shape = [count, span.start + span.count, dim];
            let weights = &weights[row * num_keys + block.prompt_len()..];
            let weights = MatrixView::row_major(weights, num_keys);
            let values = MatrixView::row_major(&span.kv[block.head].values, dim);
            let mixed = &mut mixed[row * dim..];
            let accumulate = block.prompt.is_some();
            multiply(simd, shape, weights, values, mixed, dim, accumulate);
            row += count;
        }
        let tokens = mixed
            .chunks_exact(heads * dim)
            .zip(sums.chunks_exact(heads));
        for (offset, (mixed, sums)) in block.query_offsets().zip(tokens) {
            // SAFETY: these elements are one key head of one token of this block, which no other
            // block has.
            let output =
                unsafe { std::slice::from_raw_parts_mut(self.output.at(offset), heads * dim) };
            let by_head = output.chunks_exact_mut(dim).zip(mixed.chunks_exact(dim));
            for ((output, mixed), sum) in by_head.zip(sums) {
                let factor = 1.0 / sum;
                for (output, mixed) in output.iter_mut().zip(mixed) {
                    *output = mixed * factor;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
