//! Some of the layers at a time, so that a gradient can be made without the activations of all layers at once.

use std::ops::Range;

use burn::tensor::Tensor;

use crate::attention::{PromptLayerKv, attend_completions, attend_prompts};
use crate::cache::PromptCache;
use crate::decoder::{Model, Places};
use crate::hook::Hook;

/// A prompt, or completions behind one, on their way through the layers: [`Model::prefill`] and [`Model::forward_completions`] step by step.
///
/// ```no_run
/// # use trimtab_model::Model;
/// # fn prefill(model: &Model, prompt: &[u32]) {
/// let layer_input = model.prompt_input(prompt);
/// let (half, _) = model.forward_layers(&layer_input, 0..4, model.embed(&layer_input), None, None);
/// let (resid_post, _) = model.forward_layers(&layer_input, 4..8, half, None, None); // as `read` gives it
/// # }
/// ```
#[derive(Debug)]
pub struct LayerInput {
    tokens: Vec<u32>,
    places: Places,
    /// Tokens of each row.
    lens: Vec<usize>,
}

impl Model {
    /// A prompt that is about to be read; to a [`Hook`] it is prompt 0.
    pub fn prompt_input(&self, prompt: &[u32]) -> LayerInput {
        let own = PromptCache::empty(prompt.len());
        let at: Vec<_> = (0..)
            .zip(prompt)
            .map(|(position, &id)| (own.token(position, id), prompt.len()))
            .collect();
        LayerInput {
            tokens: prompt.to_vec(),
            places: self.places(&at),
            lens: vec![prompt.len()],
        }
    }

    /// Completions that are about to be run behind their prompt.
    pub fn completions_input(&self, prompt: &PromptCache, completions: &[&[u32]]) -> LayerInput {
        let (mut tokens, mut at) = (vec![], vec![]);
        for row in completions {
            tokens.extend_from_slice(row);
            at.extend(prompt.followed_by(row));
        }
        LayerInput {
            tokens,
            places: self.places(&at),
            lens: completions.iter().map(|row| row.len()).collect(),
        }
    }

    /// The residual stream before the first layer, `[tokens, hidden_size]`.
    pub fn embed(&self, layer_input: &LayerInput) -> Tensor<2> {
        self.embed_tokens(&layer_input.tokens)
    }

    /// Runs some layers, from the residual stream before the first of them to that after the last, `[tokens, hidden_size]`. Completions
    /// are given their `prompt`; a prompt is given none, and its keys in these layers come back.
    pub fn forward_layers(
        &self,
        layer_input: &LayerInput,
        layers: Range<usize>,
        resid: Tensor<2>,
        prompt: Option<&PromptCache>,
        hook: Option<Hook>,
    ) -> (Tensor<2>, Vec<PromptLayerKv>) {
        let (places, lens) = (&layer_input.places, &layer_input.lens);
        let Some(prompt) = prompt else {
            let mut keys = vec![];
            let resid = self.run_layers(layers, resid, places, hook, |config, _, q, k, v| {
                let (mixed, own) = attend_prompts(config, q, k, v, lens);
                keys.extend(own);
                mixed
            });
            return (resid, keys);
        };
        let lens = std::slice::from_ref(lens);
        let resid = self.run_layers(layers, resid, places, hook, |config, layer, q, k, v| {
            attend_completions(config, q, k, v, lens, &[&prompt.layers[layer]])
        });
        (resid, vec![])
    }
}
