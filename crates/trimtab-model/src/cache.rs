//! Keys and values of prompts and of completions in progress, and the states of linear attention.
//!
//! Those of a prompt are computed once, whatever the number of its completions.

use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use trimtab_kernels::{PackedKv, is_cpu};

use crate::attention::{DecodeStep, LayerKv};
use crate::config::ModelConfig;
use crate::delta_rule::{DeltaRows, PromptDelta};
use crate::hook::TokenInfo;
use crate::mixing::LayerRows;
pub use crate::mixing::PromptLayer;

/// Keys and values of a prompt in all layers. Cloning is cheap: tensors are shared.
#[derive(Clone, Debug)]
pub struct PromptCache {
    /// The prompt index that hooks get.
    pub(crate) index: usize,
    /// Length in tokens.
    pub(crate) len: usize,
    /// Length of the part that was not generated.
    pub(crate) prompt_len: usize,
    /// By layer.
    pub(crate) layers: Vec<PromptLayer>,
}

impl PromptCache {
    /// A prompt of `len` tokens without layers.
    pub(crate) fn empty(len: usize) -> Self {
        Self {
            index: 0,
            len,
            prompt_len: len,
            layers: vec![],
        }
    }

    /// A prompt with these keys and values, by layer. To hooks it is prompt 0.
    ///
    /// # Panics
    ///
    /// There is no layer, or layers differ in length.
    pub fn from_layers(layers: Vec<PromptLayer>) -> Self {
        let len = layers[0].len();
        let are_equal = layers.iter().all(|layer| layer.len() == len);
        assert!(are_equal, "all layers have the same tokens");
        Self {
            layers,
            ..Self::empty(len)
        }
    }

    /// Keys and values of a layer.
    ///
    /// # Panics
    ///
    /// The model has no such layer.
    pub fn layer(&self, layer: usize) -> &PromptLayer {
        &self.layers[layer]
    }

    /// The same numbers as leaves that require gradients. The prompt must be on the autodiff side
    /// of its device.
    #[must_use]
    pub fn with_grad(&self) -> Self {
        Self {
            layers: self.layers.iter().map(PromptLayer::with_grad).collect(),
            ..self.clone()
        }
    }

    /// The same prompt as decode steps need it, in less memory.
    pub(crate) fn for_decoding(self) -> Self {
        let layers = self.layers.into_iter();
        Self {
            layers: layers.map(PromptLayer::for_decoding).collect(),
            ..self
        }
    }

    /// The tokens of a completion, each with the length of the text whose rotary frequencies it
    /// gets.
    pub(crate) fn positions_after(&self, row: &[u32]) -> impl Iterator<Item = (TokenInfo, usize)> {
        let at = (self.len..).zip(row);
        at.map(|(position, &id)| (self.token(position, id), position + 1))
    }

    pub(crate) fn token(&self, position: usize, id: u32) -> TokenInfo {
        TokenInfo {
            prompt: self.index,
            position,
            prompt_len: self.prompt_len,
            id,
        }
    }
}

/// Keys and values of completions in progress, a row for each; see [`Model::kv_cache`].
///
/// Rows that were added together for one prompt are adjacent. All rows write to the same slot; a
/// row that was added later begins at a later slot.
///
/// [`Model::kv_cache`]: crate::Model::kv_cache
#[derive(Debug)]
pub struct KvCache {
    /// The prompt and the number of rows of each group, in row order.
    groups: Vec<(PromptCache, usize)>,
    /// The first slot of each row.
    starts: Vec<usize>,
    /// The slot that is written next.
    next_slot: usize,
    capacity: usize,
    /// A row of packed keys without tokens.
    empty: Vec<PackedKv>,
    /// By layer.
    layers: Vec<LayerRows>,
}

impl KvCache {
    /// Room for `capacity` tokens in each row. A group is a prompt and its number of rows.
    pub(crate) fn new(
        config: &ModelConfig,
        dtype: DType,
        groups: Vec<(PromptCache, usize)>,
        capacity: usize,
        device: &Device,
    ) -> Self {
        let groups: Vec<(PromptCache, usize)> =
            groups.into_iter().filter(|&(_, count)| count > 0).collect();
        let rows = groups.iter().map(|(_, count)| count).sum();
        let capacity = capacity.max(1);
        let shape = [rows, config.num_key_value_heads, capacity, config.head_dim];
        let zeros = || Tensor::zeros(shape, (device, dtype));
        let empty = vec![PackedKv::new(config.head_dim); config.num_key_value_heads];
        let kinds = config.architecture.layers.iter().enumerate();
        let layers = kinds
            .map(|(index, kind)| {
                if kind.linear_attention.is_some() {
                    let mut rows = DeltaRows::default();
                    rows.refill(&[], &delta_groups(&groups, index));
                    return LayerRows::Delta(rows);
                }
                LayerRows::Kv(if is_cpu(device) && dtype == DType::F32 {
                    LayerKv::Packed(vec![empty.clone(); rows])
                } else {
                    LayerKv::Tensors {
                        keys: zeros(),
                        values: zeros(),
                    }
                })
            })
            .collect();
        Self {
            groups,
            starts: vec![0; rows],
            next_slot: 0,
            capacity,
            empty,
            layers,
        }
    }

    /// Removes the rows that are not marked in `keep`, then adds groups at the end, each a prompt
    /// and its number of rows.
    ///
    /// # Panics
    ///
    /// There are not as many marks as rows.
    pub fn refill(&mut self, keep: &[bool], new: Vec<(PromptCache, usize)>) {
        assert_eq!(keep.len(), self.rows(), "marks and rows of the cache");
        let kept: Vec<i64> = (0i64..)
            .zip(keep)
            .filter_map(|(row, &keep)| keep.then_some(row))
            .collect();
        let new_rows: usize = new.iter().map(|(_, count)| count).sum();
        let all_kept = kept.len() == keep.len();
        if kept.is_empty() {
            self.next_slot = 0;
        }
        let kept_rows = kept.len();
        for (index, layer) in self.layers.iter_mut().enumerate() {
            let (keys, values) = match layer {
                LayerRows::Delta(rows) => {
                    let kept: Vec<usize> = kept.iter().map(|&row| row as usize).collect();
                    rows.refill(&kept, &delta_groups(&new, index));
                    continue;
                }
                LayerRows::Kv(LayerKv::Packed(rows)) => {
                    let mut keep = keep.iter();
                    rows.retain(|_| *keep.next().expect("one mark per row"));
                    rows.extend(vec![self.empty.clone(); new_rows]);
                    continue;
                }
                LayerRows::Kv(LayerKv::Tensors { keys, values }) => (keys, values),
            };
            for x in [keys, values] {
                let [_, heads, capacity, head_dim] = x.dims();
                let device = x.device();
                let room =
                    Tensor::zeros([new_rows, heads, capacity, head_dim], (&device, x.dtype()));
                let kept = Tensor::<1, Int>::from_data(
                    TensorData::new(kept.clone(), [kept_rows]),
                    &device,
                );
                x.inplace(|x| match (kept_rows, new_rows) {
                    (0, _) => room,
                    (_, 0) if all_kept => x,
                    (_, 0) => x.select(0, kept.clone()),
                    _ if all_kept => Tensor::cat(vec![x, room], 0),
                    _ => Tensor::cat(vec![x.select(0, kept.clone()), room], 0),
                });
            }
        }
        let mut kept = keep.iter();
        self.starts
            .retain(|_| *kept.next().expect("one mark per row"));
        self.starts.extend(vec![self.next_slot; new_rows]);
        let mut row = 0;
        for (_, count) in &mut self.groups {
            let kept = keep[row..row + *count].iter().filter(|&&keep| keep).count();
            row += *count;
            *count = kept;
        }
        self.groups.extend(new);
        self.groups.retain(|&(_, count)| count > 0);
    }

    /// The number of completions.
    pub fn rows(&self) -> usize {
        self.starts.len()
    }

    /// The tokens `ids`, one of each row, in their places.
    pub(crate) fn tokens(&self, ids: &[u32]) -> Vec<TokenInfo> {
        let prompts = self
            .groups
            .iter()
            .flat_map(|(prompt, count)| vec![prompt; *count]);
        prompts
            .zip(&self.starts)
            .zip(ids)
            .map(|((prompt, start), &id)| prompt.token(prompt.len + self.next_slot - start, id))
            .collect()
    }

    /// Makes room for one more token. Slots that no row needs any more are dropped, or the buffers
    /// grow.
    pub(crate) fn make_room(&mut self) {
        if self.next_slot < self.capacity {
            return;
        }
        let oldest = self.starts.iter().min().copied().unwrap_or(0);
        let more = if 4 * oldest >= self.capacity {
            0
        } else {
            self.capacity / 2 + 1
        };
        let len = self.next_slot - oldest;
        self.capacity += more;
        for layer in &mut self.layers {
            let LayerRows::Kv(LayerKv::Tensors { keys, values }) = layer else {
                continue; // packed rows grow by themselves, and states do not grow
            };
            for x in [keys, values] {
                let [rows, heads, _, head_dim] = x.dims();
                let shape = [rows, heads, self.capacity - len, head_dim];
                let room = Tensor::zeros(shape, (&x.device(), x.dtype()));
                x.inplace(|x| Tensor::cat(vec![x.narrow(2, oldest, len), room], 2));
            }
        }
        self.next_slot -= oldest;
        for start in &mut self.starts {
            *start -= oldest;
        }
    }

    /// The buffers of a layer, and what a decode step does with them.
    pub(crate) fn layer(&mut self, layer: usize) -> (&mut LayerRows, DecodeStep<'_>) {
        let step = DecodeStep {
            slot: self.next_slot,
            starts: &self.starts,
            groups: self
                .groups
                .iter()
                .filter_map(|(prompt, count)| Some((prompt.layers[layer].kv()?, *count)))
                .collect(),
        };
        (&mut self.layers[layer], step)
    }

    /// A token has been written to every row.
    pub(crate) fn advance(&mut self) {
        self.next_slot += 1;
    }

    /// Number of tokens whose keys and values are in memory, each prompt counted once.
    #[cfg(test)]
    pub(crate) fn stored_tokens(&self) -> usize {
        let LayerRows::Kv(LayerKv::Packed(rows)) = &self.layers[0] else {
            panic!("a cache on the CPU is packed")
        };
        let rows: usize = rows.iter().map(|heads| heads[0].len()).sum();
        let prompts = self
            .groups
            .iter()
            .map(|(prompt, _)| (prompt.index, prompt.len));
        let prompts: std::collections::BTreeMap<usize, usize> = prompts.collect();
        rows + prompts.values().sum::<usize>()
    }
}

/// What prompts hand on in a layer of linear attention, each with its number of rows.
fn delta_groups(groups: &[(PromptCache, usize)], layer: usize) -> Vec<(&PromptDelta, usize)> {
    let groups = groups.iter();
    groups
        .filter_map(|(prompt, count)| Some((prompt.layers[layer].delta()?, *count)))
        .collect()
}
