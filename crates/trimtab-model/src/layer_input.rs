//! Forward passes over some of the layers, so that a gradient can be computed without keeping the
//! activations of all layers.

use std::ops::Range;

use burn::tensor::Tensor;

use crate::cache::PromptCache;
use crate::decoder::{Model, Positions};
use crate::hook::Hook;
use crate::mixing::{PromptLayer, mix_completions, mix_prompts};

/// A prompt, or completions of one, that runs through the layers in steps.
///
/// The steps compute what [`Model::prefill`] and [`Model::forward_completions`] compute at once.
///
/// ```no_run
/// # use trimtab_model::Model;
/// # fn prefill(model: &Model, prompt: &[u32]) {
/// let input = model.prompt_input(prompt);
/// let resid_pre = model.embed(&input);
/// let (resid, _) = model.forward_layers(&input, 0..4, resid_pre, None, None);
/// let (resid_post, _) = model.forward_layers(&input, 4..8, resid, None, None);
/// # }
/// ```
#[derive(Debug)]
pub struct LayerInput {
    tokens: Vec<u32>,
    positions: Positions,
    /// Length of each row in tokens.
    lens: Vec<usize>,
}

impl Model {
    /// The input of a prompt. To a [`Hook`] it is prompt 0.
    ///
    /// # Panics
    ///
    /// The prompt is empty.
    pub fn prompt_input(&self, prompt: &[u32]) -> LayerInput {
        assert!(!prompt.is_empty(), "a prompt has at least one token");
        let own = PromptCache::empty(prompt.len());
        let at: Vec<_> = (0..)
            .zip(prompt)
            .map(|(position, &id)| (own.token(position, id), prompt.len()))
            .collect();
        LayerInput {
            tokens: prompt.to_vec(),
            positions: self.positions(&at),
            lens: vec![prompt.len()],
        }
    }

    /// The input of completions of a prompt.
    pub fn completions_input(&self, prompt: &PromptCache, completions: &[&[u32]]) -> LayerInput {
        let (mut tokens, mut at) = (vec![], vec![]);
        for row in completions {
            tokens.extend_from_slice(row);
            at.extend(prompt.positions_after(row));
        }
        LayerInput {
            tokens,
            positions: self.positions(&at),
            lens: completions.iter().map(|row| row.len()).collect(),
        }
    }

    /// The residual stream before the first layer.
    ///
    /// # Shapes
    ///
    /// - output: `[tokens, hidden_size]`
    ///
    /// # Panics
    ///
    /// A token is not in the vocabulary.
    pub fn embed(&self, input: &LayerInput) -> Tensor<2> {
        self.embed_tokens(&input.tokens)
    }

    /// Runs some layers, from the residual stream before the first of them to that after the last.
    ///
    /// For completions, `prompt` is their prompt. For a prompt it is `None`, and what it
    /// hands on in these layers is returned.
    ///
    /// # Shapes
    ///
    /// - `resid` and output: `[tokens, hidden_size]`
    ///
    /// # Panics
    ///
    /// The shape does not fit, or the model or the prompt does not have these layers.
    pub fn forward_layers(
        &self,
        input: &LayerInput,
        layers: Range<usize>,
        resid: Tensor<2>,
        prompt: Option<&PromptCache>,
        hook: Option<Hook>,
    ) -> (Tensor<2>, Vec<PromptLayer>) {
        self.assert_width(&resid);
        assert_eq!(resid.dims()[0], input.tokens.len(), "rows and tokens");
        let (positions, lens) = (&input.positions, &input.lens);
        let Some(prompt) = prompt else {
            let mut own = vec![];
            let resid = self.run_layers(layers, resid, positions, hook, |config, _, mixing| {
                let (mixed, prompts) = mix_prompts(config, mixing, lens);
                own.extend(prompts);
                mixed
            });
            return (resid, own);
        };
        let lens = std::slice::from_ref(lens);
        let resid = self.run_layers(layers, resid, positions, hook, |config, layer, mixing| {
            mix_completions(config, mixing, lens, &[&prompt.layers[layer]])
        });
        (resid, vec![])
    }
}
