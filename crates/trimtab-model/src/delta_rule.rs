//! The gated delta rule over ragged rows that may share a prompt.
//!
//! A head has a state `S`, `[key_head_dim, value_head_dim]`. At each token it decays, and the value
//! that it holds for the key is corrected towards the token's value (arXiv:2412.06464, eq. 10):
//! `S_t = a_t S_{t-1} + k_t (b_t (v_t - a_t S_{t-1}^T k_t))^T`, and the output is `S_t^T q_t`.
//!
//! Tokens are computed in chunks (section 3.3 there), so that a backward pass keeps one state for
//! each chunk instead of one for each token.

use burn::tensor::{Bool, DType, Device, Tensor, TensorData, activation};

use crate::attention::Padding;
use crate::config::LinearAttentionConfig;

/// Tokens of a chunk.
const CHUNK: usize = 64;

/// What the delta rule computes of.
pub(crate) struct DeltaRule<'a> {
    pub(crate) config: &'a LinearAttentionConfig,
    /// Queries, keys and values before the convolution, `[tokens, conv_width]`.
    pub(crate) qkv: Tensor<2>,
    /// The causal convolution of each number with itself, `[conv_width, linear_conv_kernel_dim]`.
    pub(crate) conv: Tensor<2>,
    /// Logarithm of the decay, `[tokens, linear_num_value_heads]`, in f32.
    pub(crate) decay: Tensor<2>,
    /// How much of a correction is made, `[tokens, linear_num_value_heads]`, in f32.
    pub(crate) beta: Tensor<2>,
}

/// What a prompt hands on to its completions in one layer.
#[derive(Clone, Debug)]
pub(crate) struct PromptDelta {
    /// Length of the prompt in tokens.
    pub(crate) len: usize,
    /// What the convolution still sees, `[1, linear_conv_kernel_dim - 1, conv_width]`.
    pub(crate) conv_tail: Tensor<3>,
    /// `[linear_num_value_heads, linear_key_head_dim, linear_value_head_dim]`, in f32.
    pub(crate) state: Tensor<3>,
}

/// The same of the completions in progress; `None` if there are none.
#[derive(Debug, Default)]
pub(crate) struct DeltaRows(Option<Memory>);

/// What rows remember.
#[derive(Clone, Debug)]
struct Memory {
    /// `[rows, linear_conv_kernel_dim - 1, conv_width]`
    conv_tail: Tensor<3>,
    /// `[rows, linear_num_value_heads, linear_key_head_dim, linear_value_head_dim]`
    state: Tensor<4>,
}

impl DeltaRows {
    /// Keeps the rows of these indices, then adds rows at the end, each a prompt and its number of
    /// rows.
    pub(crate) fn refill(&mut self, kept: &[usize], new: &[(&PromptDelta, usize)]) {
        let old = self.0.take().filter(|_| !kept.is_empty());
        let old = old.map(|memory| memory.select(kept));
        let new = new.iter().filter(|(_, count)| *count > 0);
        let new = new.map(|(prompt, count)| prompt.memory(*count));
        let parts: Vec<Memory> = old.into_iter().chain(new).collect();
        self.0 = (!parts.is_empty()).then(|| Memory::cat(parts));
    }
}

impl PromptDelta {
    /// The memory of `count` rows that follow the prompt.
    fn memory(&self, count: usize) -> Memory {
        Memory {
            conv_tail: self.conv_tail.clone().repeat_dim(0, count),
            state: self
                .state
                .clone()
                .unsqueeze_dim::<4>(0)
                .repeat_dim(0, count),
        }
    }
}

impl Memory {
    fn rows(&self) -> usize {
        self.conv_tail.dims()[0]
    }

    fn select(self, rows: &[usize]) -> Self {
        if rows.len() == self.rows() {
            return self;
        }
        let index: Vec<i64> = rows.iter().map(|&row| row as i64).collect();
        let index = TensorData::new(index, [rows.len()]);
        let index = Tensor::from_data(index, &self.state.device());
        Self {
            conv_tail: self.conv_tail.select(0, index.clone()),
            state: self.state.select(0, index),
        }
    }

    fn cat(parts: Vec<Self>) -> Self {
        let (tails, states) = parts
            .into_iter()
            .map(|part| (part.conv_tail, part.state))
            .unzip();
        Self {
            conv_tail: Tensor::cat(tails, 0),
            state: Tensor::cat(states, 0),
        }
    }
}

/// Each sequence starts from nothing. Returns what each hands on as well.
///
/// # Shapes
///
/// - output: `[tokens, linear_num_value_heads * linear_value_head_dim]`
pub(crate) fn delta_prompts(rule: &DeltaRule, lens: &[usize]) -> (Tensor<2>, Vec<PromptDelta>) {
    let config = rule.config;
    let device = rule.qkv.device();
    let (mut start, mut mixed, mut prompts) = (0, vec![], vec![]);
    for &len in lens {
        let tail = [1, config.linear_conv_kernel_dim - 1, config.conv_width()];
        let heads = config.linear_num_value_heads;
        let (keys, values) = (config.linear_key_head_dim, config.linear_value_head_dim);
        let nothing = Memory {
            conv_tail: Tensor::zeros(tail, (&device, rule.qkv.dtype())),
            state: Tensor::zeros([1, heads, keys, values], (&device, DType::F32)),
        };
        let part = |x: &Tensor<2>| x.clone().narrow(0, start, len).unsqueeze_dim::<3>(0);
        let rows = [&rule.qkv, &rule.decay, &rule.beta].map(part);
        let (out, memory) = rule.run(rows, nothing);
        mixed.push(out);
        prompts.push(PromptDelta {
            len,
            conv_tail: memory.conv_tail,
            state: memory.state.squeeze_dim(0),
        });
        start += len;
    }
    (Tensor::cat(mixed, 0), prompts)
}

/// Completions start from what their group's prompt hands on. `lens[g]` are the lengths of the rows
/// of group `g`. For shapes see [`delta_prompts`].
pub(crate) fn delta_completions(
    rule: &DeltaRule,
    lens: &[Vec<usize>],
    prompts: &[&PromptDelta],
) -> Tensor<2> {
    let device = rule.qkv.device();
    let (mut start, mut mixed) = (0, vec![]);
    for (lens, prompt) in lens.iter().zip(prompts) {
        let count = lens.iter().sum();
        if count == 0 {
            continue;
        }
        let padding = Padding::of(lens, &device);
        let rows = [&rule.qkv, &rule.decay, &rule.beta].map(|x| {
            let own = x.clone().narrow(0, start, count).unsqueeze_dim::<3>(1);
            padding.pad(own).squeeze_dim::<3>(2) // [rows, longest, width]
        });
        let (out, _) = rule.run(rows, prompt.memory(lens.len()));
        mixed.push(padding.unpad(out));
        start += count;
    }
    Tensor::cat(mixed, 0)
}

/// The next token of every row. For shapes see [`delta_prompts`].
pub(crate) fn delta_decode(rule: &DeltaRule, rows: &mut DeltaRows) -> Tensor<2> {
    let memory = rows.0.take().expect("a token for each row");
    let tokens = [&rule.qkv, &rule.decay, &rule.beta].map(|x| x.clone().unsqueeze_dim::<3>(1));
    let (out, memory) = rule.run(tokens, memory);
    rows.0 = Some(memory);
    out
}

impl DeltaRule<'_> {
    /// Runs rows of equal length, `[rows, len, width]` each, and returns what they then remember.
    ///
    /// # Shapes
    ///
    /// - output: `[rows * len, linear_num_value_heads * linear_value_head_dim]`
    fn run(&self, [qkv, decay, beta]: [Tensor<3>; 3], memory: Memory) -> (Tensor<2>, Memory) {
        let (config, dtype, [rows, len, _]) = (self.config, qkv.dtype(), qkv.dims());
        let value_heads = config.linear_num_value_heads;
        let (qkv, conv_tail) = self.convolve(qkv, memory.conv_tail);
        let key_width = config.key_width();
        let keys = |start| {
            let x = qkv.clone().narrow(2, start, key_width);
            let heads = config.linear_num_key_heads;
            let x = by_head(x, heads, config.linear_key_head_dim);
            let repeated = x.unsqueeze_dim::<5>(2).repeat_dim(2, value_heads / heads);
            unit(repeated.reshape([rows * value_heads, len, config.linear_key_head_dim]))
        };
        let values = qkv.clone().narrow(2, 2 * key_width, config.value_width());
        let values = by_head(values, value_heads, config.linear_value_head_dim);
        let per_head = |x: Tensor<3>| x.swap_dims(1, 2).reshape([rows * value_heads, len, 1]);
        let chunks = Chunks {
            q: keys(0) * (config.linear_key_head_dim as f64).powf(-0.5),
            k: keys(key_width),
            v: values.reshape([rows * value_heads, len, config.linear_value_head_dim]),
            decay: per_head(decay),
            beta: per_head(beta),
        };
        let [_, _, key_dim, value_dim] = memory.state.dims();
        let state = memory
            .state
            .reshape([rows * value_heads, key_dim, value_dim]);
        let (out, state) = chunks.scan(state);
        let memory = Memory {
            conv_tail,
            state: state.reshape([rows, value_heads, key_dim, value_dim]),
        };
        let out = out
            .reshape([rows, value_heads, len, value_dim])
            .swap_dims(1, 2);
        (
            out.reshape([rows * len, config.value_width()]).cast(dtype),
            memory,
        )
    }

    /// The activated convolution, `[rows, len, conv_width]` in f32, and what it still sees.
    fn convolve(&self, x: Tensor<3>, tail: Tensor<3>) -> (Tensor<3>, Tensor<3>) {
        let [_, len, width] = x.dims();
        let kernel = self.config.linear_conv_kernel_dim;
        let x = Tensor::cat(vec![tail, x], 1); // [rows, kernel - 1 + len, conv_width]
        let term = |index| {
            let weights = self.conv.clone().narrow(1, index, 1).reshape([1, 1, width]);
            x.clone().narrow(1, index, len) * weights
        };
        let sum = (1..kernel).fold(term(0), |sum, index| sum + term(index));
        let tail = x.clone().narrow(1, len, kernel - 1);
        (activation::silu(sum).cast(DType::F32), tail)
    }
}

/// `[rows, len, heads * dim]` to `[rows, heads, len, dim]`.
fn by_head(x: Tensor<3>, heads: usize, dim: usize) -> Tensor<4> {
    let [rows, len, _] = x.dims();
    x.reshape([rows, len, heads, dim]).swap_dims(1, 2)
}

/// `x` divided by its length over the last axis.
fn unit(x: Tensor<3>) -> Tensor<3> {
    let square = (x.clone() * x.clone()).sum_dim(2);
    x * (square + 1e-6).sqrt().recip()
}

/// The arguments of the rule for all heads of all rows, `[heads, len, width]` each, in f32.
struct Chunks {
    q: Tensor<3>,
    k: Tensor<3>,
    v: Tensor<3>,
    decay: Tensor<3>,
    beta: Tensor<3>,
}

impl Chunks {
    /// The outputs, `[heads, len, value_head_dim]`, and the last state.
    ///
    /// Within a chunk the corrections `u` solve `(I + L) u = b (v - decayed k S)`, where `L` holds
    /// what each key reads of the corrections before it.
    fn scan(self, mut state: Tensor<3>) -> (Tensor<3>, Tensor<3>) {
        let [heads, len, value_dim] = self.v.dims();
        let size = len.min(CHUNK);
        let count = len.div_ceil(size);
        let split = |x: Tensor<3>| {
            let [_, _, width] = x.dims();
            let padding = [heads, count * size - len, width];
            let x = if padding[1] == 0 {
                x
            } else {
                let zeros = Tensor::zeros(padding, (&x.device(), x.dtype()));
                Tensor::cat(vec![x, zeros], 1)
            };
            x.reshape([heads, count, size, width])
        };
        let [q, k, v, decay, beta] = [self.q, self.k, self.v, self.decay, self.beta].map(split);
        let decay = decay.cumsum(2); // of a chunk so far, [heads, count, size, 1]
        let total = decay.clone().narrow(2, size - 1, 1);
        let between = pairwise_decay(&decay);
        let (k_beta, so_far) = (k.clone() * beta.clone(), decay.clone().exp());
        let reads = k_beta.clone().matmul(k.clone().transpose()) * between.clone();
        let solve = unit_lower_inverse(reads);
        let new_values = solve.clone().matmul(v * beta);
        let old_keys = solve.matmul(k_beta * so_far.clone());
        let weights = q.clone().matmul(k.clone().transpose()) * between;
        let q = q * so_far;
        let k = k * (total.clone() - decay).exp();
        let total = total.exp();
        let mut outputs = vec![];
        for index in 0..count {
            let at = |x: &Tensor<4>| x.clone().narrow(1, index, 1).squeeze_dim::<3>(1);
            let corrections = at(&new_values) - at(&old_keys).matmul(state.clone());
            let out = at(&q).matmul(state.clone()) + at(&weights).matmul(corrections.clone());
            outputs.push(out);
            state = state * at(&total) + at(&k).transpose().matmul(corrections);
        }
        let outputs = Tensor::cat(outputs, 1); // [heads, count * size, value_dim]
        if count * size == len {
            return (outputs, state);
        }
        (outputs.slice([0..heads, 0..len, 0..value_dim]), state)
    }
}

/// What is left at a token of what another token of its chunk wrote, `[heads, count, size, size]`;
/// zero if that comes later.
fn pairwise_decay(decay: &Tensor<4>) -> Tensor<4> {
    let size = decay.dims()[2];
    let later = mask(size, &decay.device(), |token, other| other > token);
    let between = decay.clone() - decay.clone().transpose();
    between.mask_fill(later, f32::NEG_INFINITY).exp()
}

/// `(I + L)^-1` for the part `L` of `reads` below the diagonal.
///
/// The inverse of a block matrix of two diagonal blocks follows from theirs, so blocks are merged
/// until one is left. A step of Newton's method around that gives the gradient with respect to `L`
/// without the history of the merging, and corrects roundings.
fn unit_lower_inverse(reads: Tensor<4>) -> Tensor<4> {
    let (size, device) = (reads.dims()[2], reads.device());
    let below = mask(size, &device, |row, column| column < row);
    let lower = reads.mask_fill(below.bool_not(), 0.0);
    let identity = Tensor::<2>::eye(size, &device).reshape([1, 1, size, size]);
    let constant = lower.clone().detach();
    let off_diagonal = |width: usize| {
        let block = mask(size, &device, |row, column| {
            row / (2 * width) == column / (2 * width) && row / width > column / width
        });
        constant.clone().mask_fill(block.bool_not(), 0.0)
    };
    let mut inverse = identity.clone() - off_diagonal(1);
    let mut width = 2;
    while width < size {
        let change = inverse
            .clone()
            .matmul(off_diagonal(width))
            .matmul(inverse.clone());
        inverse = inverse - change;
        width *= 2;
    }
    let error = identity - inverse.clone() - lower.matmul(inverse.clone());
    inverse.clone() + inverse.matmul(error)
}

/// A mask `[1, 1, size, size]` that is `true` where `holds(row, column)`.
fn mask(size: usize, device: &Device, holds: impl Fn(usize, usize) -> bool) -> Tensor<4, Bool> {
    let cells = (0..size * size).map(|cell| holds(cell / size, cell % size));
    let cells: Vec<bool> = cells.collect();
    Tensor::from_data(TensorData::new(cells, [1, 1, size, size]), device)
}
