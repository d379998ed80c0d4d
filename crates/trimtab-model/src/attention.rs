//! Grouped-query attention over ragged rows that may share a prompt.

use std::sync::Arc;

use burn::tensor::{Bool, DType, Device, Int, Tensor, TensorData, activation};
use trimtab_kernels::{self as kernels, AttentionParams, PackedKv, SharedPrompt};

use crate::weight::uses_cpu_kernels;

/// Queries of one prompt whose scores are held at once.
const QUERIES_AT_ONCE: usize = 512;

/// The settings of a layer's attention.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AttentionConfig {
    /// Scores are multiplied by it.
    pub(crate) scale: f64,
    /// A query attends to keys less than this many tokens back.
    pub(crate) sliding_window: Option<usize>,
    /// Scores are capped at it.
    pub(crate) softcap: Option<f64>,
}

impl AttentionConfig {
    fn heads(self, q: &Tensor<3>, k: &Tensor<3>) -> AttentionParams {
        let [_, num_attention_heads, head_dim] = q.dims();
        AttentionParams {
            num_attention_heads,
            num_key_value_heads: k.dims()[1],
            head_dim,
            scale: self.scale as f32,
            sliding_window: self.sliding_window,
            softcap: self.softcap.map(|cap| cap as f32),
        }
    }
}

/// Keys and values of one prompt in one layer. Cloning is cheap: tensors are shared.
#[derive(Clone, Debug)]
pub(crate) struct PromptLayerKv {
    /// On the CPU there is a packed copy beside the tensors.
    shared: SharedPrompt,
}

impl PromptLayerKv {
    /// The rotated keys, and the values.
    pub(crate) fn tensors(&self) -> [&Tensor<3>; 2] {
        [&self.shared.keys, &self.shared.values]
    }

    /// The same keys and values as decode steps need them: without the tensors if there is a packed
    /// copy.
    pub(crate) fn for_decoding(self) -> Self {
        if self.shared.packed.is_empty() {
            return self;
        }
        self.map(|x| Tensor::zeros([0, x.dims()[1], x.dims()[2]], &x.device()))
    }

    pub(crate) fn map(&self, one: impl Fn(Tensor<3>) -> Tensor<3>) -> Self {
        let shared = SharedPrompt {
            keys: one(self.shared.keys.clone()),
            values: one(self.shared.values.clone()),
            packed: self.shared.packed.clone(),
        };
        Self { shared }
    }

    pub(crate) fn len(&self) -> usize {
        match self.shared.packed.first() {
            Some(packed) => packed.len(),
            None => self.shared.keys.dims()[0],
        }
    }

    /// `[num_key_value_heads, prompt_len, head_dim]`
    fn keys(&self) -> Tensor<3> {
        self.shared.keys.clone().swap_dims(0, 1)
    }

    /// `[num_key_value_heads, prompt_len, head_dim]`
    fn values(&self) -> Tensor<3> {
        self.shared.values.clone().swap_dims(0, 1)
    }
}

/// Keys and values of all rows in one layer.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "a few for each layer")]
pub(crate) enum LayerKv {
    /// `[rows, num_key_value_heads, capacity, head_dim]` each.
    Tensors { keys: Tensor<4>, values: Tensor<4> },
    /// On the CPU: by row and key head.
    Packed(Vec<Vec<PackedKv>>),
}

/// Where the rows of a decode step write, and what they attend to.
pub(crate) struct DecodeStep<'a> {
    /// The slot that every row writes to. It attends to this slot and those before it.
    pub(crate) slot: usize,
    /// The first slot of each row.
    pub(crate) starts: &'a [usize],
    /// The prompt and the number of rows of each group, in row order.
    pub(crate) groups: Vec<(&'a PromptLayerKv, usize)>,
}

/// Each sequence attends to its own past. Returns keys and values of each as well.
///
/// # Shapes
///
/// - `q`: `[tokens, num_attention_heads, head_dim]`
/// - `k`, `v`: `[tokens, num_key_value_heads, head_dim]`
/// - output: `[tokens, num_attention_heads * head_dim]`
pub(crate) fn attend_prompts(
    config: AttentionConfig,
    q: Tensor<3>,
    k: Tensor<3>,
    v: Tensor<3>,
    lens: &[usize],
) -> (Tensor<2>, Vec<PromptLayerKv>) {
    if uses_cpu_kernels(&q) {
        let heads = config.heads(&q, &k);
        let (mixed, packed) = kernels::attend_prefill(heads, [q, k.clone(), v.clone()], lens, None);
        return (mixed, split(&k, &v, lens, packed.to_vec()));
    }
    let device = q.device();
    let mut start = 0;
    let mut mixed = vec![];
    for &len in lens {
        let heads = |x: &Tensor<3>| {
            x.clone()
                .narrow(0, start, len)
                .swap_dims(0, 1)
                .unsqueeze_dim::<4>(0)
        };
        let (keys, values) = (heads(&k), heads(&v)); // [1, kv_heads, len, head_dim]
        for first in (0..len).step_by(QUERIES_AT_ONCE) {
            let count = QUERIES_AT_ONCE.min(len - first);
            let q = q
                .clone()
                .narrow(0, start + first, count)
                .unsqueeze_dim::<4>(0);
            // No query here attends to keys before the window of the first one.
            let oldest = config
                .sliding_window
                .map_or(0, |window| (first + 1).saturating_sub(window));
            let visible = |x: &Tensor<4>| x.clone().narrow(2, oldest, first + count - oldest);
            let own = Part {
                keys: visible(&keys),
                values: visible(&values),
                hidden: hidden(
                    [1, count, first + count - oldest],
                    &device,
                    |_, query, key| is_hidden(first + query, oldest + key, config.sliding_window),
                ),
            };
            mixed.push(attend(config, q, own, None));
        }
        start += len;
    }
    let packed = vec![Arc::from([]); lens.len()];
    (Tensor::cat(mixed, 0), split(&k, &v, lens, packed))
}

/// The keys and values of each prompt.
fn split(
    k: &Tensor<3>,
    v: &Tensor<3>,
    lens: &[usize],
    packed: Vec<Arc<[PackedKv]>>,
) -> Vec<PromptLayerKv> {
    let mut start = 0;
    let prompts = lens.iter().zip(packed).map(|(&len, packed)| {
        let own = |x: &Tensor<3>| part(x, start, len);
        let (keys, values) = (own(k), own(v));
        start += len;
        let shared = SharedPrompt {
            keys,
            values,
            packed,
        };
        PromptLayerKv { shared }
    });
    prompts.collect()
}

/// Some tokens of `x`, `[tokens, heads, head_dim]`. Nothing is recorded for autodiff if they are
/// all.
fn part(x: &Tensor<3>, start: usize, len: usize) -> Tensor<3> {
    if (start, len) == (0, x.dims()[0]) {
        x.clone()
    } else {
        x.clone().narrow(0, start, len)
    }
}

/// Completions attend to their group's prompt and to their own past. `lens[g]` are the lengths of
/// the rows of group `g`. For shapes see [`attend_prompts`].
pub(crate) fn attend_completions(
    config: AttentionConfig,
    q: Tensor<3>,
    k: Tensor<3>,
    v: Tensor<3>,
    lens: &[Vec<usize>],
    prompts: &[&PromptLayerKv],
) -> Tensor<2> {
    let device = q.device();
    let mut start = 0;
    if uses_cpu_kernels(&q) {
        let heads = config.heads(&q, &k);
        let groups = lens.iter().zip(prompts).map(|(lens, prompt)| {
            let count = lens.iter().sum();
            let own = [&q, &k, &v].map(|x| part(x, start, count));
            start += count;
            kernels::attend_prefill(heads, own, lens, Some(&prompt.shared)).0
        });
        let mut mixed: Vec<Tensor<2>> = groups.collect();
        return if mixed.len() == 1 {
            mixed.remove(0)
        } else {
            Tensor::cat(mixed, 0)
        };
    }
    let mixed = lens
        .iter()
        .zip(prompts)
        .map(|(lens, prompt)| {
            let padding = Padding::of(lens, &device);
            let block = |x: &Tensor<3>| padding.pad(x.clone().narrow(0, start, lens.iter().sum()));
            let (q, k, v) = (
                block(&q),
                block(&k).swap_dims(1, 2),
                block(&v).swap_dims(1, 2),
            );
            start += lens.iter().sum::<usize>();
            let (longest, prompt_len) = (padding.longest, prompt.len());
            let own = Part {
                keys: k,
                values: v,
                hidden: hidden([1, longest, longest], &device, |_, query, key| {
                    is_hidden(query, key, config.sliding_window)
                }),
            };
            let prompt_hidden = config.sliding_window.and_then(|window| {
                hidden([1, longest, prompt_len], &device, |_, query, key| {
                    is_hidden(prompt_len + query, key, Some(window))
                })
            });
            padding.unpad(attend(config, q, own, Some((prompt, prompt_hidden))))
        })
        .collect();
    Tensor::cat(mixed, 0)
}

/// The next token of every row attends to its group's prompt, to the row's earlier tokens and to
/// itself. For shapes see [`attend_prompts`].
pub(crate) fn attend_decode(
    config: AttentionConfig,
    q: Tensor<3>,
    k: Tensor<3>,
    v: Tensor<3>,
    rows: &mut LayerKv,
    step: &DecodeStep,
) -> Tensor<2> {
    match rows {
        LayerKv::Packed(rows) => {
            let groups: Vec<(&[PackedKv], usize)> = step
                .groups
                .iter()
                .map(|&(prompt, count)| (&prompt.shared.packed[..], count))
                .collect();
            kernels::attend_decode(config.heads(&q, &k), [q, k, v], &groups, rows)
        }
        LayerKv::Tensors { keys, values } => {
            attend_decode_tensors(config, [q, k, v], [keys, values], step)
        }
    }
}

fn attend_decode_tensors(
    config: AttentionConfig,
    [q, k, v]: [Tensor<3>; 3],
    [keys, values]: [&mut Tensor<4>; 2],
    step: &DecodeStep,
) -> Tensor<2> {
    let device = q.device();
    let [count, kv_heads, head_dim] = k.dims();
    let now = step.slot;
    let slot = [0..count, 0..kv_heads, now..now + 1, 0..head_dim];
    keys.inplace(|keys| keys.slice_assign(slot.clone(), k.unsqueeze_dim(2)));
    values.inplace(|values| values.slice_assign(slot, v.unsqueeze_dim(2)));
    let mut first = 0;
    let mixed = step
        .groups
        .iter()
        .map(|&(prompt, count)| {
            let starts = &step.starts[first..first + count];
            let in_window = config
                .sliding_window
                .map_or(0, |window| (now + 1).saturating_sub(window));
            let oldest = starts.iter().min().copied().unwrap_or(0).max(in_window);
            let block = |x: &Tensor<4>| {
                x.clone()
                    .narrow(0, first, count)
                    .narrow(2, oldest, now + 1 - oldest)
            };
            let own = Part {
                keys: block(keys),
                values: block(values),
                hidden: if starts.iter().all(|&start| start <= oldest) {
                    None
                } else {
                    hidden([count, 1, now + 1 - oldest], &device, |row, _, key| {
                        oldest + key < starts[row]
                    })
                },
            };
            let prompt_len = prompt.len();
            let prompt_hidden = config.sliding_window.and_then(|window| {
                hidden([count, 1, prompt_len], &device, |row, _, key| {
                    is_hidden(prompt_len + now - starts[row], key, Some(window))
                })
            });
            // [count, 1, heads, head_dim]
            let q = q.clone().narrow(0, first, count).unsqueeze_dim(1);
            first += count;
            attend(config, q, own, Some((prompt, prompt_hidden)))
        })
        .collect();
    Tensor::cat(mixed, 0)
}

/// Keys and values that rows do not share, `[rows, num_key_value_heads, own, head_dim]`, and which
/// of them are hidden from a query.
struct Part {
    keys: Tensor<4>,
    values: Tensor<4>,
    hidden: Option<Tensor<4, Bool>>,
}

/// `softmax(scale q k^T) v`, with capped scores, over an optional shared prompt followed by each
/// row's own tokens. The softmax is computed in f32.
///
/// # Shapes
///
/// - `q`: `[rows, queries, num_attention_heads, head_dim]`
/// - masks: `[rows or 1, 1, queries, keys]`, `true` where a key is hidden from a query
/// - output: `[rows * queries, num_attention_heads * head_dim]`
fn attend(
    config: AttentionConfig,
    q: Tensor<4>,
    own: Part,
    prompt: Option<(&PromptLayerKv, Option<Tensor<4, Bool>>)>,
) -> Tensor<2> {
    let dtype = q.dtype();
    let [rows, queries, heads, head_dim] = q.dims();
    let kv_heads = own.keys.dims()[1];
    let stacked = heads / kv_heads * queries; // queries that share one key head
    let q = (q * config.scale)
        .reshape([rows, queries, kv_heads, heads / kv_heads, head_dim])
        .permute([0, 2, 3, 1, 4])
        .reshape([rows, kv_heads, stacked, head_dim]);
    let hide = |scores: Tensor<4>, hidden: Option<Tensor<4, Bool>>| {
        let scores = softcap(scores.cast(DType::F32), config.softcap);
        let Some(hidden) = hidden else { return scores };
        let [.., keys] = scores.dims();
        let by_query = scores.reshape([rows, heads, queries, keys]);
        by_query
            .mask_fill(hidden, f32::NEG_INFINITY)
            .reshape([rows, kv_heads, stacked, keys])
    };
    // [rows, kv_heads, stacked, own]
    let own_scores = hide(q.clone().matmul(own.keys.transpose()), own.hidden);
    let mixed = match prompt {
        None => activation::softmax(own_scores, 3)
            .cast(dtype)
            .matmul(own.values),
        Some((prompt, prompt_hidden)) => {
            let prompt_len = prompt.len();
            // One product per key head for all rows of the group, so that the prompt is not
            // repeated.
            let by_head =
                |x: Tensor<4>, width| x.swap_dims(0, 1).reshape([kv_heads, rows * stacked, width]);
            let by_row =
                |x: Tensor<3>, width| x.reshape([kv_heads, rows, stacked, width]).swap_dims(0, 1);
            let prompt_scores = by_row(
                by_head(q, head_dim).matmul(prompt.keys().transpose()),
                prompt_len,
            );
            let prompt_scores = hide(prompt_scores, prompt_hidden);
            let own_len = own_scores.dims()[3];
            let scores = Tensor::cat(vec![prompt_scores, own_scores], 3);
            let weights = activation::softmax(scores, 3).cast(dtype);
            let prompt_weights = by_head(weights.clone().narrow(3, 0, prompt_len), prompt_len);
            by_row(prompt_weights.matmul(prompt.values()), head_dim)
                + weights.narrow(3, prompt_len, own_len).matmul(own.values)
        }
    };
    mixed
        .reshape([rows, kv_heads, heads / kv_heads, queries, head_dim])
        .permute([0, 3, 1, 2, 4])
        .reshape([rows * queries, heads * head_dim])
}

/// `c tanh(x / c)` for a cap `c`; `x` without one.
pub(crate) fn softcap<const D: usize>(x: Tensor<D>, cap: Option<f64>) -> Tensor<D> {
    match cap {
        Some(cap) => (x / cap).tanh() * cap,
        None => x,
    }
}

/// Whether the key at one position is hidden from the query at another.
fn is_hidden(query: usize, key: usize, sliding_window: Option<usize>) -> bool {
    key > query || sliding_window.is_some_and(|window| query - key >= window)
}

/// A mask `[rows, 1, queries, keys]` that is `true` where `hides(row, query, key)`; `None` if it
/// would be `false` everywhere.
fn hidden(
    [rows, queries, keys]: [usize; 3],
    device: &Device,
    hides: impl Fn(usize, usize, usize) -> bool,
) -> Option<Tensor<4, Bool>> {
    let mut mask = Vec::with_capacity(rows * queries * keys);
    for row in 0..rows {
        for query in 0..queries {
            mask.extend((0..keys).map(|key| hides(row, query, key)));
        }
    }
    mask.contains(&true)
        .then(|| Tensor::from_data(TensorData::new(mask, [rows, 1, queries, keys]), device))
}

/// Rows of different lengths, padded at the end to the longest. Attention never looks at later
/// tokens, so the padding does not matter.
pub(crate) struct Padding {
    rows: usize,
    longest: usize,
    /// Index of each padded slot in the ragged block, and of each ragged token among the padded
    /// slots. `None` if all rows are equally long.
    indices: Option<(Tensor<1, Int>, Tensor<1, Int>)>,
}

impl Padding {
    pub(crate) fn of(lens: &[usize], device: &Device) -> Self {
        let longest = lens.iter().copied().max().unwrap_or(0);
        let indices = lens.iter().any(|&len| len != longest).then(|| {
            let (mut padded, mut ragged) = (Vec::new(), Vec::new());
            let mut start = 0;
            for (row, &len) in lens.iter().enumerate() {
                padded.extend(
                    (0..longest).map(|slot| if slot < len { start + slot } else { 0 } as i64),
                );
                ragged.extend((0..len).map(|slot| (row * longest + slot) as i64));
                start += len;
            }
            let index = |data: Vec<i64>| {
                let len = data.len();
                Tensor::from_data(TensorData::new(data, [len]), device)
            };
            (index(padded), index(ragged))
        });
        Self {
            rows: lens.len(),
            longest,
            indices,
        }
    }

    /// `[tokens, heads, head_dim]` to `[rows, longest, heads, head_dim]`.
    pub(crate) fn pad(&self, ragged: Tensor<3>) -> Tensor<4> {
        let [_, heads, head_dim] = ragged.dims();
        let padded = match &self.indices {
            Some((padded, _)) => ragged.select(0, padded.clone()),
            None => ragged,
        };
        padded.reshape([self.rows, self.longest, heads, head_dim])
    }

    /// `[rows * longest, hidden_size]` to `[tokens, hidden_size]`.
    pub(crate) fn unpad(&self, padded: Tensor<2>) -> Tensor<2> {
        match &self.indices {
            Some((_, ragged)) => padded.select(0, ragged.clone()),
            None => padded,
        }
    }
}
