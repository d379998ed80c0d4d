//! What the tokens of a text exchange in a layer, and what a prompt hands on to its completions.

use burn::tensor::Tensor;

use crate::attention::{
    AttentionConfig, DecodeStep, LayerKv, PromptLayerKv, attend_completions, attend_decode,
    attend_prompts,
};

/// How a layer lets each token see the tokens before it.
pub(crate) enum Mixing {
    /// Rotated queries, rotated keys, and values, `[tokens, heads, head_dim]` each.
    Attention([Tensor<3>; 3]),
}

/// What one layer of a prompt hands on to completions: its keys and values. Cloning is cheap:
/// tensors are shared.
#[derive(Clone, Debug)]
pub struct PromptLayer(PromptLayerKv);

impl PromptLayer {
    /// The rotated keys, and the values.
    ///
    /// # Shapes
    ///
    /// - both: `[prompt_len, num_key_value_heads, head_dim]`
    pub fn tensors(&self) -> [&Tensor<3>; 2] {
        self.0.tensors()
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
        Self(self.0.for_decoding())
    }

    /// Length of the prompt in tokens.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Keys and values, if the layer is one of attention.
    pub(crate) fn kv(&self) -> Option<&PromptLayerKv> {
        Some(&self.0)
    }

    fn map(&self, one: impl Fn(Tensor<3>) -> Tensor<3>) -> Self {
        Self(self.0.map(one))
    }
}

/// Each sequence sees its own past. Returns what each hands on as well.
///
/// # Shapes
///
/// - output: `[tokens, outputs]`
pub(crate) fn mix_prompts(
    config: AttentionConfig,
    mixing: Mixing,
    lens: &[usize],
) -> (Tensor<2>, Vec<PromptLayer>) {
    let Mixing::Attention([q, k, v]) = mixing;
    let (mixed, prompts) = attend_prompts(config, q, k, v, lens);
    (mixed, prompts.into_iter().map(PromptLayer).collect())
}

/// Completions see their group's prompt and their own past. `lens[g]` are the lengths of the rows
/// of group `g`. For shapes see [`mix_prompts`].
pub(crate) fn mix_completions(
    config: AttentionConfig,
    mixing: Mixing,
    lens: &[Vec<usize>],
    prompts: &[&PromptLayer],
) -> Tensor<2> {
    let Mixing::Attention([q, k, v]) = mixing;
    let prompts: Vec<&PromptLayerKv> = prompts.iter().filter_map(|prompt| prompt.kv()).collect();
    attend_completions(config, q, k, v, lens, &prompts)
}

/// The next token of every row sees its group's prompt, the row's earlier tokens and itself. For
/// shapes see [`mix_prompts`].
pub(crate) fn mix_decode(
    config: AttentionConfig,
    mixing: Mixing,
    rows: &mut LayerKv,
    step: &DecodeStep,
) -> Tensor<2> {
    let Mixing::Attention([q, k, v]) = mixing;
    attend_decode(config, q, k, v, rows, step)
}
