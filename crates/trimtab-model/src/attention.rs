//! Grouped-query attention over ragged rows that may share a prompt.

use burn::tensor::{Bool, Device, Int, Tensor, TensorData, activation};

/// Keys and values of one prompt in one layer, `[num_key_value_heads, prompt_len, head_dim]`.
#[derive(Clone, Debug)]
pub(crate) struct PromptKeys {
    keys: Tensor<3>,
    values: Tensor<3>,
}

/// Keys and values of all rows in one layer, `[rows, num_key_value_heads, capacity, head_dim]`.
#[derive(Debug)]
pub(crate) struct RowKeys {
    pub(crate) keys: Tensor<4>,
    pub(crate) values: Tensor<4>,
}

impl RowKeys {
    pub(crate) fn zeros(shape: [usize; 4], device: &Device) -> Self {
        Self {
            keys: Tensor::zeros(shape, device),
            values: Tensor::zeros(shape, device),
        }
    }
}

/// Each sequence attends to its own past. `q` is `[tokens, num_attention_heads, head_dim]`, `k` and `v` are
/// `[tokens, num_key_value_heads, head_dim]`; the result is `[tokens, hidden_size]`.
pub(crate) fn attend_prompts(
    q: Tensor<3>,
    k: Tensor<3>,
    v: Tensor<3>,
    lens: &[usize],
) -> (Tensor<2>, Vec<PromptKeys>) {
    let mut start = 0;
    let (mixed, keys) = lens
        .iter()
        .map(|&len| {
            let block = |x: &Tensor<3>| x.clone().narrow(0, start, len).unsqueeze_dim::<4>(0); // [1, len, heads, head_dim]
            let (q, k, v) = (
                block(&q),
                block(&k).swap_dims(1, 2),
                block(&v).swap_dims(1, 2),
            );
            start += len;
            let keys = PromptKeys {
                keys: k.clone().squeeze_dim(0),
                values: v.clone().squeeze_dim(0),
            };
            (attend(q, k, v, None), keys)
        })
        .unzip();
    (Tensor::cat(mixed, 0), keys)
}

/// Completions attend to their group's prompt and to their own past; `lens[g]` are the lengths of the rows of group `g`.
pub(crate) fn attend_completions(
    q: Tensor<3>,
    k: Tensor<3>,
    v: Tensor<3>,
    lens: &[Vec<usize>],
    prompts: &[PromptKeys],
) -> Tensor<2> {
    let device = q.device();
    let mut start = 0;
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
            padding.unpad(attend(q, k, v, Some(prompt)))
        })
        .collect();
    Tensor::cat(mixed, 0)
}

/// The next token of every row attends to its group's prompt, to the `len` tokens in `rows` and to itself.
pub(crate) fn attend_next(
    q: Tensor<3>,
    k: Tensor<3>,
    v: Tensor<3>,
    rows: &mut RowKeys,
    len: usize,
    groups: &[(usize, usize)],
    prompts: &[PromptKeys],
) -> Tensor<2> {
    let [count, kv_heads, head_dim] = k.dims();
    let slot = [0..count, 0..kv_heads, len..len + 1, 0..head_dim];
    rows.keys
        .inplace(|keys| keys.slice_assign(slot.clone(), k.unsqueeze_dim(2)));
    rows.values
        .inplace(|values| values.slice_assign(slot, v.unsqueeze_dim(2)));
    let mut start = 0;
    let mixed = groups
        .iter()
        .map(|&(group, count)| {
            let block = |x: &Tensor<4>| x.clone().narrow(0, start, count).narrow(2, 0, len + 1);
            let (k, v) = (block(&rows.keys), block(&rows.values));
            let q = q.clone().narrow(0, start, count).unsqueeze_dim(1); // [count, 1, heads, head_dim]
            start += count;
            attend(q, k, v, Some(&prompts[group]))
        })
        .collect();
    Tensor::cat(mixed, 0)
}

/// `softmax(q k^T / sqrt(head_dim)) v` over an optional shared prompt followed by each row's own tokens.
///
/// # Shapes
///
/// - `q`: `[rows, queries, num_attention_heads, head_dim]`
/// - `k`, `v`: `[rows, num_key_value_heads, own, head_dim]`, where the queries are the last of the own tokens
/// - output: `[rows * queries, hidden_size]`
fn attend(q: Tensor<4>, k: Tensor<4>, v: Tensor<4>, prompt: Option<&PromptKeys>) -> Tensor<2> {
    let [rows, queries, heads, head_dim] = q.dims();
    let [_, kv_heads, own, _] = k.dims();
    let stacked = heads / kv_heads * queries; // queries that share one key head
    let q = q * (1.0 / (head_dim as f64).sqrt());
    let q = q
        .reshape([rows, queries, kv_heads, heads / kv_heads, head_dim])
        .permute([0, 2, 3, 1, 4])
        .reshape([rows, kv_heads, stacked, head_dim]);
    let mut scores = q.clone().matmul(k.transpose()); // [rows, kv_heads, stacked, own]
    if queries > 1 {
        let future = future(queries, own, heads / kv_heads, &scores.device());
        scores = scores.mask_fill(future, f32::NEG_INFINITY);
    }
    let mixed = match prompt {
        None => activation::softmax(scores, 3).matmul(v),
        Some(prompt) => {
            let prompt_len = prompt.keys.dims()[1];
            // One product per key head for all rows of the group: the prompt is not repeated.
            let by_head =
                |x: Tensor<4>, width| x.swap_dims(0, 1).reshape([kv_heads, rows * stacked, width]);
            let by_row =
                |x: Tensor<3>, width| x.reshape([kv_heads, rows, stacked, width]).swap_dims(0, 1);
            let prompt_scores = by_row(
                by_head(q, head_dim).matmul(prompt.keys.clone().transpose()),
                prompt_len,
            );
            let weights = activation::softmax(Tensor::cat(vec![prompt_scores, scores], 3), 3);
            let prompt_weights = by_head(weights.clone().narrow(3, 0, prompt_len), prompt_len);
            by_row(prompt_weights.matmul(prompt.values.clone()), head_dim)
                + weights.narrow(3, prompt_len, own).matmul(v)
        }
    };
    mixed
        .reshape([rows, kv_heads, heads / kv_heads, queries, head_dim])
        .permute([0, 3, 1, 2, 4])
        .reshape([rows * queries, heads * head_dim])
}

/// `true` where a query would look at a later token: `[1, 1, repeats * queries, own]`.
fn future(queries: usize, own: usize, repeats: usize, device: &Device) -> Tensor<4, Bool> {
    let mask: Vec<bool> = (0..repeats * queries)
        .flat_map(|query| (0..own).map(move |key| key + queries > own + query % queries))
        .collect();
    Tensor::from_data(
        TensorData::new(mask, [1, 1, repeats * queries, own]),
        device,
    )
}

/// Rows of different lengths, padded at the end to the longest: attention never looks at a later token, so what
/// fills the end does not matter.
struct Padding {
    rows: usize,
    longest: usize,
    /// Index of each padded slot in the ragged block and of each ragged token among the padded slots; `None` when
    /// all rows are equally long.
    indices: Option<(Tensor<1, Int>, Tensor<1, Int>)>,
}

impl Padding {
    fn of(lens: &[usize], device: &Device) -> Self {
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
    fn pad(&self, ragged: Tensor<3>) -> Tensor<4> {
        let [_, heads, head_dim] = ragged.dims();
        let padded = match &self.indices {
            Some((padded, _)) => ragged.select(0, padded.clone()),
            None => ragged,
        };
        padded.reshape([self.rows, self.longest, heads, head_dim])
    }

    /// `[rows * longest, hidden_size]` to `[tokens, hidden_size]`.
    fn unpad(&self, padded: Tensor<2>) -> Tensor<2> {
        match &self.indices {
            Some((_, ragged)) => padded.select(0, ragged.clone()),
            None => padded,
        }
    }
}
