//! Grouped-query attention: rows that may share a prompt, each looking at its own past.
//!
//! For a query `q` at place `t` of its row, behind a prompt of `p` tokens: `softmax(scale q k^T) v` over the prompt and the
//! row's tokens `0..=t`, or over the last `sliding_window` of them (arXiv:1706.03762, eq. 1; arXiv:2305.13245). All in f32,
//! in the same order whatever the other queries are: a token's result in a row that is run at once is, to the bit,
//! its result in a row that is run token by token.

mod backward;

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use crate::exp::exp;
use crate::isa::Isa;
use crate::microkernel::{PANEL, View, largest, load, multiply, store};
use crate::parallel::{Shared, scratch};

pub(crate) use backward::{Given, backward};

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
pub struct PackedKv {
    head_dim: usize,
    len: usize,
    /// `[panels][head_dim][32]`: 32 keys side by side.
    panels: Vec<f32>,
    /// `[len][head_dim]`
    values: Vec<f32>,
}

impl PackedKv {
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
    own: &'a [PackedKv],
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
    pub(crate) prompt: &'a [PackedKv],
    /// The keys of each row by key head, those of the queries' own tokens included.
    pub(crate) rows: Vec<&'a [PackedKv]>,
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
            work +=
                count * (len + group.prompt.first().map_or(0, PackedKv::len)) * heads.query_width();
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
        isa.run(Forward {
            block,
            queries,
            result: shared,
            memory: &mut scratch(len),
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
    prompt: Option<&'a PackedKv>,
    segments: Vec<Segment<'a>>,
}

impl Block<'_> {
    /// Tokens of the prompt.
    fn shared(&self) -> usize {
        self.prompt.map_or(0, PackedKv::len)
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
    let max = simd.splat_f32s(largest(simd, scores));
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

#[cfg(test)]
mod tests;
