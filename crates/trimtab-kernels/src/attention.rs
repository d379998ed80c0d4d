//! Grouped-query attention: rows that may share a prompt, each looking at its own past.
//!
//! For a query `q` at place `t` of its row, behind a prompt of `p` tokens: `softmax(scale q k^T) v` over the prompt and the
//! row's tokens `0..=t`, or over the last `sliding_window` of them (arXiv:1706.03762, eq. 1; arXiv:2305.13245). All in f32,
//! in the same order whatever the other queries are: a token's result in a row that is run at once is, to the bit,
//! its result in a row that is run token by token.

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use crate::exp::exp;
use crate::isa::Isa;
use crate::tile::{PANEL, View, load, mul_add, multiply, multiply_at, store};
use crate::work::{Shared, scratch};

/// Queries of one key head that are computed together.
const QUERIES: usize = 64;

/// The shape and the rules of an attention.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Heads {
    /// Heads of the queries.
    pub num_attention_heads: usize,
    /// Heads of keys and values; each serves as many query heads in a row.
    pub num_key_value_heads: usize,
    /// Width of a head.
    pub head_dim: usize,
    /// What scores are multiplied by.
    pub scale: f32,
    /// A query sees keys less than this many tokens back.
    pub sliding_window: Option<usize>,
}

impl Heads {
    fn ratio(&self) -> usize {
        self.num_attention_heads / self.num_key_value_heads
    }

    /// Numbers of a token's queries.
    fn query_width(&self) -> usize {
        self.num_attention_heads * self.head_dim
    }

    /// Numbers of a token's keys, or of its values.
    fn key_width(&self) -> usize {
        self.num_key_value_heads * self.head_dim
    }

    /// The numbers of key head `head` among keys or values `[tokens, num_key_value_heads, head_dim]`, from token `first` on,
    /// if there are any.
    fn of<'a>(&self, x: &'a [f32], head: usize, first: usize) -> View<'a> {
        View {
            data: x
                .get(first * self.key_width() + head * self.head_dim..)
                .unwrap_or_default(),
            row: self.key_width(),
            column: 1,
        }
    }
}

/// Keys and values of one key head of one text, in the order in which products read them.
#[derive(Clone, Debug)]
pub struct Keys {
    head_dim: usize,
    len: usize,
    /// `[panels][head_dim][32]`: 32 keys side by side.
    panels: Vec<f32>,
    /// `[len][head_dim]`
    values: Vec<f32>,
}

impl Keys {
    /// None yet.
    pub fn new(head_dim: usize) -> Self {
        Self {
            head_dim,
            len: 0,
            panels: vec![],
            values: vec![],
        }
    }

    /// Keys and values of a row's tokens by key head, from `[tokens, num_key_value_heads, head_dim]` each.
    pub fn of_row(heads: &Heads, keys: &[f32], values: &[f32]) -> Vec<Self> {
        let count = keys.len() / heads.key_width();
        (0..heads.num_key_value_heads)
            .map(|head| {
                let mut own = Self::new(heads.head_dim);
                own.panels = panels(heads.of(keys, head, 0), [count, heads.head_dim]);
                own.values.reserve(count * heads.head_dim);
                for token in values.chunks_exact(heads.key_width()) {
                    own.values
                        .extend(&token[head * heads.head_dim..][..heads.head_dim]);
                }
                own.len = count;
                own
            })
            .collect()
    }

    /// Adds a token.
    pub fn push(&mut self, key: &[f32], value: &[f32]) {
        let lane = self.len % PANEL;
        if lane == 0 {
            self.panels
                .resize(self.panels.len() + self.head_dim * PANEL, 0.0);
        }
        let panel = &mut self.panels[self.len / PANEL * self.head_dim * PANEL..];
        for (row, &number) in panel.chunks_exact_mut(PANEL).zip(key) {
            row[lane] = number;
        }
        self.values.extend_from_slice(value);
        self.len += 1;
    }

    /// Number of tokens.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

/// `[count, width]` turned into panels of 32 of its rows side by side.
fn panels(x: View, [count, width]: [usize; 2]) -> Vec<f32> {
    let mut panels = vec![0.0; count.div_ceil(PANEL) * width * PANEL];
    for (index, panel) in panels.chunks_exact_mut((width * PANEL).max(1)).enumerate() {
        for lane in 0..PANEL.min(count - index * PANEL) {
            let row = &x.data[(index * PANEL + lane) * x.row..][..width];
            for (depth, &number) in row.iter().enumerate() {
                panel[depth * PANEL + lane] = number;
            }
        }
    }
    panels
}

/// Queries of a row that follow each other.
#[derive(Clone, Copy, Debug)]
struct Segment<'a> {
    /// The row's own keys, by key head.
    own: &'a [Keys],
    /// Place of the first query in the row.
    start: usize,
    /// Its number among all queries.
    token: usize,
    count: usize,
}

/// Rows with the prompt that they share.
#[derive(Clone, Debug)]
pub(crate) struct Group<'a> {
    /// Keys of the prompt by key head; none if there is no prompt.
    pub(crate) prompt: &'a [Keys],
    /// The keys of each row by key head, those of the queries' own tokens included.
    pub(crate) rows: Vec<&'a [Keys]>,
}

/// The last tokens of each row look at their prompt and at their row. `counts[g][i]` tells how many tokens of row `i` of
/// group `g` are queries; `queries` is `[tokens, num_attention_heads, head_dim]`, like the result.
pub(crate) fn attend(
    heads: &Heads,
    queries: &[f32],
    groups: &[Group],
    counts: &[Vec<usize>],
) -> Vec<f32> {
    attend_with(Isa::current(), heads, queries, groups, counts)
}

pub(crate) fn attend_with(
    isa: Isa,
    heads: &Heads,
    queries: &[f32],
    groups: &[Group],
    counts: &[Vec<usize>],
) -> Vec<f32> {
    let mut result = vec![0.0; queries.len()];
    let shared = Shared(result.as_mut_ptr());
    let most = (QUERIES / heads.ratio()).max(1); // tokens
    let mut blocks: Vec<Block> = vec![];
    let mut token = 0;
    let mut work = 0;
    for (group, counts) in groups.iter().zip(counts) {
        let mut segments: Vec<Segment> = vec![];
        let mut tokens = 0;
        let mut flush = |segments: Vec<_>| {
            let of_head = |head| Block {
                heads,
                head,
                prompt: group.prompt.get(head),
                segments: segments.clone(),
            };
            if !segments.is_empty() {
                blocks.extend((0..heads.num_key_value_heads).map(of_head));
            }
        };
        for (&own, &count) in group.rows.iter().zip(counts) {
            let len = own[0].len;
            work += count * (len + group.prompt.first().map_or(0, Keys::len)) * heads.query_width();
            let mut start = len - count;
            while start < len {
                let count = (len - start).min(most - tokens);
                segments.push(Segment {
                    own,
                    start,
                    token,
                    count,
                });
                (start, token, tokens) = (start + count, token + count, tokens + count);
                if tokens == most {
                    flush(std::mem::take(&mut segments));
                    tokens = 0;
                }
            }
        }
        flush(segments);
    }
    assert_eq!(
        token * heads.query_width(),
        queries.len(),
        "a query for every token"
    );
    // Each block writes the queries of its tokens and its head alone.
    let one = |block: &Block| {
        let len = block.rows() * (2 * heads.head_dim + block.width() + 1);
        scratch(len, |memory| {
            isa.run(Forward {
                block,
                queries,
                result: shared,
                memory,
            });
        });
    };
    if work < 1 << 17 {
        blocks.iter().for_each(one);
    } else {
        blocks.par_iter().for_each(one);
    }
    result
}

/// Queries of one key head that share a prompt.
#[derive(Clone, Debug)]
struct Block<'a> {
    heads: &'a Heads,
    head: usize,
    prompt: Option<&'a Keys>,
    segments: Vec<Segment<'a>>,
}

impl Block<'_> {
    /// Tokens of the prompt.
    fn shared(&self) -> usize {
        self.prompt.map_or(0, Keys::len)
    }

    /// Query rows: the heads of one token lie together.
    fn rows(&self) -> usize {
        self.segments
            .iter()
            .map(|segment| segment.count)
            .sum::<usize>()
            * self.heads.ratio()
    }

    /// Keys that some query sees, prompt included.
    fn width(&self) -> usize {
        let own = self
            .segments
            .iter()
            .map(|segment| segment.start + segment.count)
            .max();
        self.shared() + own.unwrap_or(0)
    }

    /// Where the queries of each token lie among those of all heads.
    fn places(&self) -> impl Iterator<Item = usize> {
        let tokens = self
            .segments
            .iter()
            .flat_map(|segment| segment.token..segment.token + segment.count);
        let inner = self.head * self.heads.ratio() * self.heads.head_dim;
        tokens.map(move |token| token * self.heads.query_width() + inner)
    }

    /// What the queries of each token see: keys `first..end`.
    fn seen(&self) -> impl Iterator<Item = (usize, usize)> {
        let ends = self
            .segments
            .iter()
            .flat_map(|segment| segment.start + 1..=segment.start + segment.count);
        ends.map(|end| {
            let end = self.shared() + end;
            let first = self
                .heads
                .sliding_window
                .map_or(0, |window| end.saturating_sub(window));
            (first, end)
        })
    }

    /// The queries times the scale, a row after the other.
    fn gather(&self, x: &[f32], scale: f32, rows: &mut [f32]) {
        let width = self.heads.ratio() * self.heads.head_dim;
        for (place, row) in self.places().zip(rows.chunks_exact_mut(width)) {
            for (to, from) in row.iter_mut().zip(&x[place..place + width]) {
                *to = from * scale;
            }
        }
    }

    /// `weights = exp(scores - max)` over what each query sees, 0 elsewhere; and what the weights of each row add up to.
    #[inline(always)]
    fn weigh<S: Simd>(&self, simd: S, queries: &[f32], weights: &mut [f32], totals: &mut [f32]) {
        let (rows, width) = (self.rows(), self.width());
        let dim = self.heads.head_dim;
        let queries = View::rows(queries, dim);
        let first = self.seen().map(|(first, _)| first).min().unwrap_or(0) / PANEL * PANEL; // nobody sees those before
        if let Some(prompt) = self.prompt {
            for key in (first.min(prompt.len)..prompt.len).step_by(PANEL) {
                let panel = View::rows(&prompt.panels[key * dim..], PANEL);
                let shape = [rows, dim, PANEL.min(prompt.len - key)];
                multiply(
                    simd,
                    shape,
                    queries,
                    panel,
                    &mut weights[key..],
                    width,
                    false,
                );
            }
        }
        let mut row = 0;
        for segment in &self.segments {
            let own = &segment.own[self.head];
            let count = segment.count * self.heads.ratio();
            let end = segment.start + segment.count;
            let first = first.saturating_sub(self.shared()) / PANEL * PANEL;
            for key in (first.min(end)..end).step_by(PANEL) {
                let panel = View::rows(&own.panels[key * dim..], PANEL);
                let shape = [count, dim, PANEL.min(end - key)];
                let queries = View::rows(&queries.data[row * dim..], dim);
                let scores = &mut weights[row * width + self.shared() + key..];
                multiply(simd, shape, queries, panel, scores, width, false);
            }
            row += count;
        }
        let by_token = weights.chunks_exact_mut(width * self.heads.ratio());
        let totals = totals.chunks_exact_mut(self.heads.ratio());
        for (((first, end), rows), totals) in self.seen().zip(by_token).zip(totals) {
            for (row, total) in rows.chunks_exact_mut(width).zip(totals) {
                *total = soften(simd, &mut row[first..end]);
                row[..first].fill(0.0);
                row[end..].fill(0.0);
            }
        }
    }
}

/// `exp(x - max)` in place; what it adds up to.
#[inline(always)]
fn soften<S: Simd>(simd: S, scores: &mut [f32]) -> f32 {
    let (whole, rest) = S::as_simd_f32s(scores);
    let mut max = simd.splat_f32s(f32::NEG_INFINITY);
    for &part in whole {
        max = simd.max_f32s(max, part);
    }
    let max = rest
        .iter()
        .copied()
        .fold(simd.reduce_max_f32s(max), f32::max);
    let max = simd.splat_f32s(max);
    let mut sum = simd.splat_f32s(0.0);
    for part in scores.chunks_mut(S::F32_LANES) {
        let weight = exp(simd, simd.sub_f32s(load(simd, part), max));
        store(simd, part, weight);
        sum = simd.add_f32s(sum, load(simd, part)); // zeros behind the end
    }
    simd.reduce_sum_f32s(sum)
}

struct Forward<'a> {
    block: &'a Block<'a>,
    queries: &'a [f32],
    result: Shared,
    memory: &'a mut [f32],
}

impl WithSimd for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let block = self.block;
        let (rows, width, dim, ratio) = (
            block.rows(),
            block.width(),
            block.heads.head_dim,
            block.heads.ratio(),
        );
        let (queries, memory) = self.memory.split_at_mut(rows * dim);
        let (mixed, memory) = memory.split_at_mut(rows * dim);
        let (weights, totals) = memory.split_at_mut(rows * width);
        block.gather(self.queries, block.heads.scale, queries);
        block.weigh(simd, queries, weights, totals);
        if let Some(prompt) = block.prompt {
            let values = View::rows(&prompt.values, dim);
            multiply(
                simd,
                [rows, prompt.len, dim],
                View::rows(weights, width),
                values,
                mixed,
                dim,
                false,
            );
        }
        let mut row = 0;
        for segment in &block.segments {
            let count = segment.count * ratio;
            let shape = [count, segment.start + segment.count, dim];
            let weights = View::rows(&weights[row * width + block.shared()..], width);
            let values = View::rows(&segment.own[block.head].values, dim);
            let mixed = &mut mixed[row * dim..];
            multiply(
                simd,
                shape,
                weights,
                values,
                mixed,
                dim,
                block.prompt.is_some(),
            );
            row += count;
        }
        let tokens = mixed
            .chunks_exact(ratio * dim)
            .zip(totals.chunks_exact(ratio));
        for (place, (mixed, totals)) in block.places().zip(tokens) {
            // SAFETY: these numbers are the queries of one token of this block, which belong to it alone.
            let to = unsafe { std::slice::from_raw_parts_mut(self.result.at(place), ratio * dim) };
            for ((to, mixed), total) in to
                .chunks_exact_mut(dim)
                .zip(mixed.chunks_exact(dim))
                .zip(totals)
            {
                let share = 1.0 / total;
                for (to, mixed) in to.iter_mut().zip(mixed) {
                    *to = mixed * share;
                }
            }
        }
    }
}

/// What [`attend`] was given for one group: rows that were run whole, behind a prompt or not.
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
            scratch(len, |memory| {
                isa.run(Backward {
                    heads,
                    head,
                    given,
                    out,
                    to: shared,
                    memory,
                });
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
        let keys_of = |kv: [&[f32]; 2], first: usize, len: usize| Keys {
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
            let mut own = vec![Keys::new(dim); head + 1];
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{EPS, bits, noise, slope, wide, with_threads};

    /// Rows behind a prompt that may be empty, with random numbers.
    struct Case {
        heads: Heads,
        lens: Vec<usize>,
        prompt_len: usize,
        q: Vec<f32>,
        kv: [Vec<f32>; 2],
        prompt: [Vec<f32>; 2],
        out: Vec<f32>,
    }

    impl Case {
        fn new(heads: Heads, lens: &[usize], prompt_len: usize, seed: u64) -> Self {
            let tokens: usize = lens.iter().sum();
            let random = |number, len| noise(10 * seed + number, len);
            Self {
                heads,
                lens: lens.to_vec(),
                prompt_len,
                q: random(0, tokens * heads.query_width()),
                kv: [1, 2].map(|number| random(number, tokens * heads.key_width())),
                prompt: [3, 4].map(|number| random(number, prompt_len * heads.key_width())),
                out: random(5, tokens * heads.query_width()),
            }
        }

        /// The numbers of row `row` among `width` for each token.
        fn own(&self, row: usize, width: usize) -> std::ops::Range<usize> {
            let start: usize = self.lens[..row].iter().sum();
            start * width..(start + self.lens[row]) * width
        }

        fn row_keys(&self, row: usize) -> Vec<Keys> {
            let own = self.own(row, self.heads.key_width());
            Keys::of_row(&self.heads, &self.kv[0][own.clone()], &self.kv[1][own])
        }

        /// No keys at all where the prompt is empty.
        fn prompt_keys(&self) -> Vec<Keys> {
            if self.prompt_len == 0 {
                vec![]
            } else {
                Keys::of_row(&self.heads, &self.prompt[0], &self.prompt[1])
            }
        }

        fn forward(&self, isa: Isa) -> Vec<f32> {
            let rows: Vec<Vec<Keys>> = (0..self.lens.len()).map(|row| self.row_keys(row)).collect();
            let prompt = self.prompt_keys();
            let group = Group {
                prompt: &prompt,
                rows: rows.iter().map(Vec::as_slice).collect(),
            };
            attend_with(
                isa,
                &self.heads,
                &self.q,
                &[group],
                std::slice::from_ref(&self.lens),
            )
        }

        /// As the sampler computes it: all rows together, a token after the other; rows that have ended drop out.
        fn forward_by_token(&self, isa: Isa) -> Vec<f32> {
            let heads = &self.heads;
            let (width, dim) = (heads.query_width(), heads.head_dim);
            let prompt = self.prompt_keys();
            let mut rows = vec![vec![Keys::new(dim); heads.num_key_value_heads]; self.lens.len()];
            let mut result = vec![0.0; self.q.len()];
            for time in 0..self.lens.iter().max().copied().unwrap_or(0) {
                let live: Vec<usize> = (0..self.lens.len())
                    .filter(|&row| time < self.lens[row])
                    .collect();
                let mut q = vec![];
                for &row in &live {
                    q.extend_from_slice(&self.q[self.own(row, width)][time * width..][..width]);
                    for (head, keys) in rows[row].iter_mut().enumerate() {
                        let of = |x: &[f32]| {
                            x[self.own(row, heads.key_width())]
                                [time * heads.key_width() + head * dim..][..dim]
                                .to_vec()
                        };
                        keys.push(&of(&self.kv[0]), &of(&self.kv[1]));
                    }
                }
                let group = Group {
                    prompt: &prompt,
                    rows: live.iter().map(|&row| &rows[row][..]).collect(),
                };
                let mixed = attend_with(isa, heads, &q, &[group], &[vec![1; live.len()]]);
                for (mixed, &row) in mixed.chunks(width).zip(&live) {
                    result[self.own(row, width)][time * width..][..width].copy_from_slice(mixed);
                }
            }
            result
        }

        fn backward(&self, isa: Isa) -> Gradient {
            let prompt = (self.prompt_len > 0).then(|| self.prompt.each_ref().map(|x| &x[..]));
            let given = Given {
                q: &self.q,
                kv: self.kv.each_ref().map(|x| &x[..]),
                prompt,
                lens: &self.lens,
            };
            backward(isa, &self.heads, given, &self.out)
        }

        /// Queries, keys, values, and keys and values of the prompt.
        fn inputs(&self) -> [Vec<f64>; 5] {
            [
                &self.q,
                &self.kv[0],
                &self.kv[1],
                &self.prompt[0],
                &self.prompt[1],
            ]
            .map(|x| wide(x))
        }

        /// The definition, in f64.
        fn reference(&self, [q, k, v, prompt_k, prompt_v]: [&[f64]; 5]) -> Vec<f64> {
            let Heads {
                num_attention_heads,
                num_key_value_heads,
                head_dim,
                scale,
                sliding_window,
            } = self.heads;
            let ratio = num_attention_heads / num_key_value_heads;
            let mut result = vec![];
            let mut first = 0;
            for &len in &self.lens {
                for place in 0..len {
                    for head in 0..num_attention_heads {
                        let q = &q[((first + place) * num_attention_heads + head) * head_dim..]
                            [..head_dim];
                        let now = self.prompt_len + place;
                        let seen: Vec<usize> = (0..=now)
                            .filter(|key| sliding_window.is_none_or(|window| now - key < window))
                            .collect();
                        let number = |of_prompt: &[f64], own: &[f64], key: usize, i: usize| {
                            let (from, token) = if key < self.prompt_len {
                                (of_prompt, key)
                            } else {
                                (own, first + key - self.prompt_len)
                            };
                            from[(token * num_key_value_heads + head / ratio) * head_dim + i]
                        };
                        let score = |&key: &usize| {
                            (0..head_dim)
                                .map(|i| q[i] * number(prompt_k, k, key, i))
                                .sum::<f64>()
                        };
                        let weights: Vec<f64> = seen
                            .iter()
                            .map(|key| (f64::from(scale) * score(key)).exp())
                            .collect();
                        let total: f64 = weights.iter().sum();
                        result.extend((0..head_dim).map(|i| {
                            let mixed = seen
                                .iter()
                                .zip(&weights)
                                .map(|(&key, weight)| weight * number(prompt_v, v, key, i));
                            mixed.sum::<f64>() / total
                        }));
                    }
                }
                first += len;
            }
            result
        }

        fn keys_seen(&self) -> usize {
            self.prompt_len + self.lens.iter().max().copied().unwrap_or(0)
        }

        /// Scores are off by `head_dim eps` of what they can be at most, `scale head_dim`, and weights by as much relatively
        /// (twice, for the total); mixing `keys` values smaller than 1 adds `keys eps`.
        fn check_forward(&self, isa: Isa) {
            let inputs = self.inputs();
            let exact = self.reference(inputs.each_ref().map(|x| &x[..]));
            let dim = self.heads.head_dim as f64;
            let bound = EPS
                * (2.0 * dim * dim * f64::from(self.heads.scale) + self.keys_seen() as f64 + 8.0);
            for (index, (got, exact)) in self.forward(isa).into_iter().zip(exact).enumerate() {
                assert!(
                    (f64::from(got) - exact).abs() <= bound,
                    "{isa:?} {index}: {got}, not {exact} +- {bound}"
                );
            }
        }

        /// Compares about `samples` entries of every gradient with differences of the reference. An entry is a chain of at
        /// most `head_dim + keys + queries` sums: `|difference| <= 4 eps chain (1 + largest entry) + 1e-8`, the last for
        /// the differences.
        fn check_backward(&self, isa: Isa, samples: usize) {
            let gradient = self.backward(isa);
            let [prompt_k, prompt_v] = gradient.prompt.unwrap_or_default();
            let [k, v] = gradient.kv;
            let mut inputs = self.inputs();
            let queries = self.lens.iter().sum::<usize>() * self.heads.ratio();
            let chain = (self.heads.head_dim + self.keys_seen() + queries) as f64;
            for (number, got) in [gradient.q, k, v, prompt_k, prompt_v]
                .into_iter()
                .enumerate()
            {
                assert_eq!(got.len(), inputs[number].len());
                let largest = got.iter().fold(0.0f32, |most, x| most.max(x.abs()));
                let bound = 4.0 * EPS * chain * (1.0 + f64::from(largest)) + 1e-8;
                let step = (got.len() / samples).max(1) | 1;
                for index in (0..got.len()).step_by(step) {
                    let mut own = std::mem::take(&mut inputs[number]);
                    let exact = slope(&mut own, index, |own| {
                        let mut all = inputs.each_ref().map(|x| &x[..]);
                        all[number] = own;
                        self.reference(all)
                            .iter()
                            .zip(&self.out)
                            .map(|(y, out)| y * f64::from(*out))
                            .sum()
                    });
                    inputs[number] = own;
                    let got = f64::from(got[index]);
                    let name = ["q", "k", "v", "prompt k", "prompt v"][number];
                    assert!(
                        (got - exact).abs() <= bound,
                        "{isa:?} {name} {index}: {got}, not {exact} +- {bound}"
                    );
                }
            }
        }
    }

    fn shapes() -> impl Strategy<Value = Heads> {
        let shape = (
            1usize..3,
            prop::sample::select(vec![1usize, 3, 7]),
            prop::sample::select(vec![4usize, 5, 12, 16]),
        );
        (shape, prop::option::of(1usize..50)).prop_map(
            |((num_key_value_heads, ratio, head_dim), sliding_window)| Heads {
                num_attention_heads: ratio * num_key_value_heads,
                num_key_value_heads,
                head_dim,
                scale: 1.0 / (head_dim as f32).sqrt(),
                sliding_window,
            },
        )
    }

    fn lens(longest: usize) -> impl Strategy<Value = Vec<usize>> {
        prop::collection::vec(1..longest, 1..4)
    }

    fn prompts() -> impl Strategy<Value = usize> {
        prop_oneof![Just(0), 1usize..70]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn attention_agrees_with_f64(heads in shapes(), lens in lens(70), prompt_len in prompts(), seed in 0u64..1000) {
            let case = Case::new(heads, &lens, prompt_len, seed);
            for isa in Isa::available() {
                case.check_forward(isa);
            }
        }

        #[test]
        fn rows_run_whole_by_token_and_alone_are_the_same(
            heads in shapes(),
            lens in lens(80),
            prompt_len in prompts(),
            seed in 0u64..1000,
        ) {
            let case = Case::new(heads, &lens, prompt_len, seed);
            for isa in Isa::available() {
                let whole = case.forward(isa);
                prop_assert_eq!(bits(&whole), bits(&case.forward_by_token(isa)), "{:?}", isa);
                let prompt = case.prompt_keys();
                for (row, &len) in lens.iter().enumerate() {
                    let (own, keys) = (case.own(row, heads.query_width()), case.row_keys(row));
                    let group = Group { prompt: &prompt, rows: vec![&keys] };
                    let alone = attend_with(isa, &heads, &case.q[own.clone()], &[group], &[vec![len]]);
                    prop_assert_eq!(bits(&alone), bits(&whole[own]), "{:?}", isa);
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn gradients_agree_with_differences(
            heads in shapes(),
            lens in lens(12),
            prompt_len in prop_oneof![Just(0), 1usize..12],
            seed in 0u64..1000,
        ) {
            let heads = Heads { sliding_window: heads.sliding_window.map(|window| window % 12 + 1), ..heads };
            let case = Case::new(heads, &lens, prompt_len, seed);
            for isa in Isa::available() {
                case.check_backward(isa, 12);
            }
        }
    }

    const HEADS: Heads = Heads {
        num_attention_heads: 14,
        num_key_value_heads: 2,
        head_dim: 5,
        scale: 0.6,
        sliding_window: None,
    };

    #[test]
    fn gradients_of_long_rows_agree_with_differences() {
        for sliding_window in [None, Some(37)] {
            let case = Case::new(
                Heads {
                    sliding_window,
                    ..HEADS
                },
                &[41, 3],
                35,
                9,
            );
            for isa in Isa::available() {
                case.check_backward(isa, 6);
            }
        }
    }

    #[test]
    fn results_do_not_depend_on_the_number_of_threads() {
        let case = Case::new(HEADS, &[70, 33, 1], 40, 3);
        for isa in Isa::available() {
            let compute = || {
                let Gradient {
                    q,
                    kv: [k, v],
                    prompt,
                } = case.backward(isa);
                let [prompt_k, prompt_v] = prompt.expect("there is a prompt");
                [case.forward(isa), q, k, v, prompt_k, prompt_v].map(|x| bits(&x))
            };
            let alone = with_threads(1, compute);
            assert!(
                [2, 3]
                    .into_iter()
                    .all(|threads| with_threads(threads, compute) == alone),
                "{isa:?}"
            );
        }
    }

    #[test]
    fn groups_are_computed_as_if_alone() {
        let cases = [
            Case::new(HEADS, &[9, 40], 33, 1),
            Case::new(HEADS, &[2], 0, 2),
        ];
        let rows = cases.each_ref().map(|case| {
            (0..case.lens.len())
                .map(|row| case.row_keys(row))
                .collect::<Vec<_>>()
        });
        let prompts = cases.each_ref().map(Case::prompt_keys);
        let groups = [0, 1].map(|i| Group {
            prompt: &prompts[i],
            rows: rows[i].iter().map(Vec::as_slice).collect(),
        });
        let q = [&cases[0].q[..], &cases[1].q].concat();
        for isa in Isa::available() {
            let both = attend_with(
                isa,
                &HEADS,
                &q,
                &groups,
                &cases.each_ref().map(|case| case.lens.clone()),
            );
            let alone = [cases[0].forward(isa), cases[1].forward(isa)].concat();
            assert_eq!(bits(&both), bits(&alone), "{isa:?}");
        }
    }

    #[test]
    fn empty_rows_and_prompts_are_fine() {
        let case = Case::new(HEADS, &[3, 0, 2, 0], 0, 4);
        let empty: &[f32] = &[];
        for isa in Isa::available() {
            case.check_forward(isa);
            case.check_backward(isa, 6);
            let given = |prompt| Given {
                q: &case.q,
                kv: case.kv.each_ref().map(|x| &x[..]),
                prompt,
                lens: &case.lens,
            };
            let without = backward(isa, &HEADS, given(None), &case.out);
            let with = backward(isa, &HEADS, given(Some([empty; 2])), &case.out);
            assert_eq!(bits(&with.q), bits(&without.q), "{isa:?}");
        }
    }
}
