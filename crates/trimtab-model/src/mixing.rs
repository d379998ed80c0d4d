//! What the tokens of a text exchange in a layer, and what a prompt hands on to its completions.

use burn::tensor::Tensor;

use crate::attention::{
    AttentionConfig, DecodeStep, LayerKv, PromptLayerKv, attend_completions, attend_decode,
    attend_prompts,
};
use crate::delta_rule::{
    DeltaRows, DeltaRule, PromptDelta, delta_completions, delta_decode, delta_prompts,
};

/// How a layer lets each token see the tokens before it.
#[expect(clippy::large_enum_variant, reason = "one at a time")]
pub(crate) enum Mixing<'a> {
    /// Rotated queries, rotated keys, and values, `[tokens, heads, head_dim]` each.
    Attention([Tensor<3>; 3]),
    /// Linear attention.
    DeltaRule(DeltaRule<'a>),
}

/// What one layer of a prompt hands on to completions: keys and values, or the state of linear
/// attention. Cloning is cheap: tensors are shared.
#[derive(Clone, Debug)]
pub struct PromptLayer(Handed);

#[derive(Clone, Debug)]
enum Handed {
    Kv(PromptLayerKv),
    Delta(PromptDelta),
}

/// The same of completions in progress.
#[derive(Debug)]
pub(crate) enum LayerRows {
    Kv(LayerKv),
    Delta(DeltaRows),
}

impl PromptLayer {
    /// The rotated keys and the values; in a layer of linear attention what its convolution still
    /// sees, and its state.
    ///
    /// # Shapes
    ///
    /// - keys and values: `[prompt_len, num_key_value_heads, head_dim]`
    /// - convolution: `[1, linear_conv_kernel_dim - 1, channels]`
    /// - state: `[linear_num_value_heads, linear_key_head_dim, linear_value_head_dim]`
    pub fn tensors(&self) -> [&Tensor<3>; 2] {
        match &self.0 {
            Handed::Kv(kv) => kv.tensors(),
            Handed::Delta(delta) => [&delta.conv_tail, &delta.state],
        }
    }

    /// The same numbers, detached from the autodiff graph.
    #[must_use]
    pub fn detached(&self) -> Self {
        self.map(Tensor::detach)
    }

    /// The same numbers as leaves that require gradients.
    pub(crate) fn with_grad(&self) -> Self {
        self.map(|x| x.detach().require_grad())
    }

    /// The same as decode steps need it, in less memory.
    pub(crate) fn for_decoding(self) -> Self {
        match self.0 {
            Handed::Kv(kv) => Self(Handed::Kv(kv.for_decoding())),
            delta @ Handed::Delta(_) => Self(delta),
        }
    }

    /// Length of the prompt in tokens.
    pub(crate) fn len(&self) -> usize {
        match &self.0 {
            Handed::Kv(kv) => kv.len(),
            Handed::Delta(delta) => delta.len,
        }
    }

    /// Keys and values; `None` in a layer of linear attention.
    pub(crate) fn kv(&self) -> Option<&PromptLayerKv> {
        match &self.0 {
            Handed::Kv(kv) => Some(kv),
            Handed::Delta(_) => None,
        }
    }

    /// What a layer of linear attention hands on; `None` in others.
    pub(crate) fn delta(&self) -> Option<&PromptDelta> {
        match &self.0 {
            Handed::Kv(_) => None,
            Handed::Delta(delta) => Some(delta),
        }
    }

    fn map(&self, one: impl Fn(Tensor<3>) -> Tensor<3>) -> Self {
        Self(match &self.0 {
            Handed::Kv(kv) => Handed::Kv(kv.map(one)),
            Handed::Delta(delta) => Handed::Delta(PromptDelta {
                len: delta.len,
                conv_tail: one(delta.conv_tail.clone()),
                state: one(delta.state.clone()),
            }),
        })
    }
}

/// Each sequence sees its own past. Returns what each hands on as well.
///
/// # Shapes
///
/// - output: `[tokens, width]`
pub(crate) fn mix_prompts(
    config: AttentionConfig,
    mixing: Mixing,
    lens: &[usize],
) -> (Tensor<2>, Vec<PromptLayer>) {
    let hand_on = |handed| PromptLayer(handed);
    match mixing {
        Mixing::Attention([q, k, v]) => {
            let (mixed, prompts) = attend_prompts(config, q, k, v, lens);
            (
                mixed,
                prompts.into_iter().map(Handed::Kv).map(hand_on).collect(),
            )
        }
        Mixing::DeltaRule(rule) => {
            let (mixed, prompts) = delta_prompts(&rule, lens);
            (
                mixed,
                prompts
                    .into_iter()
                    .map(Handed::Delta)
                    .map(hand_on)
                    .collect(),
            )
        }
    }
}

/// Completions see their group's prompt and their own past. `lens[g]` are the lengths of the rows
/// of group `g`. For shapes see [`mix_prompts`].
pub(crate) fn mix_completions(
    config: AttentionConfig,
    mixing: Mixing,
    lens: &[Vec<usize>],
    prompts: &[&PromptLayer],
) -> Tensor<2> {
    match mixing {
        Mixing::Attention([q, k, v]) => {
            let prompts: Vec<_> = prompts.iter().filter_map(|prompt| prompt.kv()).collect();
            attend_completions(config, q, k, v, lens, &prompts)
        }
        Mixing::DeltaRule(rule) => {
            let prompts: Vec<_> = prompts.iter().filter_map(|prompt| prompt.delta()).collect();
            delta_completions(&rule, lens, &prompts)
        }
    }
}

/// The next token of every row sees its group's prompt, the row's earlier tokens and itself. For
/// shapes see [`mix_prompts`].
///
/// # Panics
///
/// The rows are those of another kind of layer.
pub(crate) fn mix_decode(
    config: AttentionConfig,
    mixing: Mixing,
    rows: &mut LayerRows,
    step: &DecodeStep,
) -> Tensor<2> {
    match (mixing, rows) {
        (Mixing::Attention([q, k, v]), LayerRows::Kv(kv)) => {
            attend_decode(config, q, k, v, kv, step)
        }
        (Mixing::DeltaRule(rule), LayerRows::Delta(rows)) => delta_decode(&rule, rows),
        _ => unreachable!("a cache has the layers of its model"),
    }
}
