//! Keys and values: of prompts, each computed once, and of the rows that go on behind them.

use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use trimtab_kernels::{PackedKv, is_cpu};

use crate::attention::{LayerKv, PromptLayerKv, Slots};
use crate::config::ModelConfig;
use crate::hook::TokenInfo;

/// Keys and values of a prompt, computed once whatever the number of completions behind it. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct PromptCache {
    /// Number by which hooks know it.
    pub(crate) index: usize,
    /// Length in tokens.
    pub(crate) len: usize,
    /// Length of the part that was not generated.
    pub(crate) given: usize,
    /// By layer.
    pub(crate) layers: Vec<PromptLayerKv>,
}

impl PromptCache {
    /// A prompt of so many tokens, before any layer.
    pub(crate) fn empty(len: usize) -> Self {
        Self {
            index: 0,
            len,
            given: len,
            layers: vec![],
        }
    }

    /// The prompt that has these keys, by layer; to hooks it is prompt 0.
    ///
    /// # Panics
    ///
    /// There is no layer.
    pub fn from_layers(layers: Vec<PromptLayerKv>) -> Self {
        let len = layers[0].len();
        Self {
            layers,
            ..Self::empty(len)
        }
    }

    /// Keys and values of a layer.
    pub fn layer(&self, layer: usize) -> &PromptLayerKv {
        &self.layers[layer]
    }

    /// The same numbers as leaves that ask for their gradients; the prompt must be on the differentiating side of its device.
    #[must_use]
    pub fn with_grad(&self) -> Self {
        Self {
            layers: self.layers.iter().map(PromptLayerKv::with_grad).collect(),
            ..self.clone()
        }
    }

    /// Tokens of a row behind it, each with the length of the text that it is computed with.
    pub(crate) fn followed_by(&self, row: &[u32]) -> impl Iterator<Item = (TokenInfo, usize)> {
        let at = (self.len..).zip(row);
        at.map(|(position, &id)| (self.token(position, id), position + 1))
    }

    pub(crate) fn token(&self, position: usize, id: u32) -> TokenInfo {
        TokenInfo {
            prompt: self.index,
            position,
            prompt_len: self.given,
            id,
        }
    }
}

/// Keys and values of completions in progress. Rows of one prompt that came together lie together. All rows write to the
/// same slot at a time; one that came later begins at a later slot.
#[derive(Debug)]
pub struct KvCache {
    /// The prompt and the number of rows of each group, in row order.
    groups: Vec<(PromptCache, usize)>,
    /// The first slot of each row.
    starts: Vec<usize>,
    /// The next slot to be written.
    now: usize,
    capacity: usize,
    /// A row of packed keys without tokens.
    empty: Vec<PackedKv>,
    /// By layer.
    layers: Vec<LayerKv>,
}

impl KvCache {
    /// Room for `capacity` tokens in each of as many rows behind each prompt as `groups` says.
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
        let layers = (0..config.num_hidden_layers)
            .map(|_| {
                if is_cpu(device) && dtype == DType::F32 {
                    LayerKv::Packed(vec![empty.clone(); rows])
                } else {
                    LayerKv::Tensors {
                        keys: zeros(),
                        values: zeros(),
                    }
                }
            })
            .collect();
        Self {
            groups,
            starts: vec![0; rows],
            now: 0,
            capacity,
            empty,
            layers,
        }
    }

    /// Drops the rows that `keep` marks false, and adds `count` rows behind each prompt of `new` at the end.
    pub fn refill(&mut self, keep: &[bool], new: Vec<(PromptCache, usize)>) {
        let kept: Vec<i64> = (0i64..)
            .zip(keep)
            .filter_map(|(row, &keep)| keep.then_some(row))
            .collect();
        let new_rows: usize = new.iter().map(|(_, count)| count).sum();
        let all_kept = kept.len() == keep.len();
        if kept.is_empty() {
            self.now = 0;
        }
        let kept_rows = kept.len();
        for layer in &mut self.layers {
            let (keys, values) = match layer {
                LayerKv::Packed(rows) => {
                    let mut keep = keep.iter();
                    rows.retain(|_| *keep.next().expect("one mark per row"));
                    rows.extend(vec![self.empty.clone(); new_rows]);
                    continue;
                }
                LayerKv::Tensors { keys, values } => (keys, values),
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
        self.starts.extend(vec![self.now; new_rows]);
        let mut row = 0;
        for (_, count) in &mut self.groups {
            let kept = keep[row..row + *count].iter().filter(|&&keep| keep).count();
            row += *count;
            *count = kept;
        }
        self.groups.extend(new);
        self.groups.retain(|&(_, count)| count > 0);
    }

    /// The token that each row computes next, which is that of `ids`.
    pub(crate) fn tokens(&self, ids: &[u32]) -> Vec<TokenInfo> {
        let prompts = self
            .groups
            .iter()
            .flat_map(|(prompt, count)| vec![prompt; *count]);
        prompts
            .zip(&self.starts)
            .zip(ids)
            .map(|((prompt, start), &id)| prompt.token(prompt.len + self.now - start, id))
            .collect()
    }

    /// Makes room for one more token: slots that nobody needs any more are moved out of, or the buffers grow.
    pub(crate) fn make_room(&mut self) {
        if self.now < self.capacity {
            return;
        }
        let oldest = self.starts.iter().min().copied().unwrap_or(0);
        let more = if 4 * oldest >= self.capacity {
            0
        } else {
            self.capacity / 2 + 1
        };
        let len = self.now - oldest;
        self.capacity += more;
        for layer in &mut self.layers {
            let LayerKv::Tensors { keys, values } = layer else {
                return; // packed rows have slots of their own
            };
            for x in [keys, values] {
                let [rows, heads, _, head_dim] = x.dims();
                let shape = [rows, heads, self.capacity - len, head_dim];
                let room = Tensor::zeros(shape, (&x.device(), x.dtype()));
                x.inplace(|x| Tensor::cat(vec![x.narrow(2, oldest, len), room], 2));
            }
        }
        self.now -= oldest;
        for start in &mut self.starts {
            *start -= oldest;
        }
    }

    /// The buffers of a layer, and who owns what in them.
    pub(crate) fn layer(&mut self, layer: usize) -> (&mut LayerKv, Slots<'_>) {
        let slots = Slots {
            now: self.now,
            starts: &self.starts,
            groups: self
                .groups
                .iter()
                .map(|(prompt, count)| (&prompt.layers[layer], *count))
                .collect(),
        };
        (&mut self.layers[layer], slots)
    }

    /// A token has been written to every row.
    pub(crate) fn advance(&mut self) {
        self.now += 1;
    }
}
