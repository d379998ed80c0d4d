//! Through the layers and back: what is kept on the way, and the gradients that are gathered on the way back.

use std::ops::Range;

use burn::tensor::Tensor;
use trimtab_model::cache::PromptLayerKv;
use trimtab_model::layer_input::LayerInput;
use trimtab_model::{Model, PromptCache};
use trimtab_steer::ConditionCache;

use crate::policy::Policy;

/// A prompt, or completions behind one, that went through the layers.
///
/// Without checkpointing all activations are kept. With it, only what each layer reads (arXiv:1604.06174, with one layer a segment):
/// on the way back the layers are run again, one at a time, from the last to the first.
pub(crate) struct ForwardTape<'a> {
    base: &'a Model,
    policy: &'a Policy,
    layer_input: LayerInput,
    /// The prompt of completions.
    prompt: Option<&'a PromptCache>,
    memory: ConditionCache,
    /// Layers that are run together.
    segments: Vec<Range<usize>>,
    /// What each of them reads but the first, `[tokens, hidden_size]`.
    inputs: Vec<Tensor<2>>,
    /// The last of them.
    last: Segment,
    /// Of a prompt, in all layers; nothing flows back through them.
    pub(crate) keys: Vec<PromptLayerKv>,
}

/// The gradient with respect to keys and values of a prompt, by layer.
pub(crate) type KeyGrads = Vec<Option<[Tensor<3>; 2]>>;

/// Layers that were run with all that their gradient needs.
struct Segment {
    policy: Policy,
    /// Nothing where they begin with the embedding.
    input: Option<Tensor<2>>,
    /// The prompt of completions, as leaves.
    prompt: Option<PromptCache>,
    resid: Tensor<2>,
    keys: Vec<PromptLayerKv>,
}

impl<'a> ForwardTape<'a> {
    /// Runs all layers. `base` is on the differentiating side of its device, and so is the prompt.
    pub(crate) fn forward(
        base: &'a Model,
        policy: &'a Policy,
        layer_input: LayerInput,
        prompt: Option<&'a PromptCache>,
        checkpointing: bool,
    ) -> Self {
        let layers = base.config.num_hidden_layers;
        let at_once = if checkpointing { 1 } else { layers };
        let segments: Vec<Range<usize>> = (0..layers)
            .step_by(at_once)
            .map(|first| first..first + at_once)
            .collect();
        let memory = ConditionCache::default();
        let (mut inputs, mut keys) = (vec![], vec![]);
        let (last, others) = segments.split_last().expect("a model has layers");
        if !others.is_empty() {
            // Nothing is recorded here.
            let body = policy.on_autodiff();
            let (model, steering) = (
                body.model(base),
                body.steering().with_condition_cache(&memory),
            );
            let mut resid = model.embed(&layer_input);
            for segment in others {
                let (next, own) = model.forward_layers(
                    &layer_input,
                    segment.clone(),
                    resid,
                    prompt,
                    Some(&steering),
                );
                inputs.push(next.clone());
                keys.extend(own);
                resid = next;
            }
        }
        let input = inputs.last().cloned();
        let last = Segment::run(base, policy, &layer_input, last, input, prompt, &memory);
        keys.extend(last.keys.iter().map(PromptLayerKv::detached));
        Self {
            base,
            policy,
            layer_input,
            prompt,
            memory,
            segments,
            inputs,
            last,
            keys,
        }
    }

    /// The residual stream after the last layer, `[tokens, hidden_size]`; nothing flows back through it.
    pub(crate) fn resid(&self) -> Tensor<2> {
        self.last.resid.clone().detach()
    }

    /// Goes back from the gradient with respect to [`Self::resid`]. That with respect to the parameters is added to `sums`. That with
    /// respect to the prompt's keys is read from `key_grads` where this is the prompt, and added to it by completions.
    pub(crate) fn backward(
        self,
        resid_grad: Tensor<2>,
        key_grads: &mut KeyGrads,
        sums: &mut [Vec<f32>],
    ) {
        let mut inputs = self.inputs;
        let mut kept = Some(self.last);
        let mut resid_grad = Some(resid_grad);
        for layers in self.segments.iter().rev() {
            let input = inputs.pop();
            let segment = kept.take().unwrap_or_else(|| {
                let (layer_input, prompt, memory) = (&self.layer_input, self.prompt, &self.memory);
                Segment::run(
                    self.base,
                    self.policy,
                    layer_input,
                    layers,
                    input,
                    prompt,
                    memory,
                )
            });
            let grad = resid_grad.expect("all layers but the first have an input");
            resid_grad = segment.backward(layers, grad, key_grads, sums);
        }
    }
}

impl Segment {
    fn run(
        base: &Model,
        policy: &Policy,
        layer_input: &LayerInput,
        layers: &Range<usize>,
        input: Option<Tensor<2>>,
        prompt: Option<&PromptCache>,
        memory: &ConditionCache,
    ) -> Self {
        let policy = policy.with_grad();
        let (model, steering) = (
            policy.model(base),
            policy.steering().with_condition_cache(memory),
        );
        let input = input.map(|input| input.detach().require_grad());
        let prompt = prompt.map(PromptCache::with_grad);
        let resid = input.clone().unwrap_or_else(|| model.embed(layer_input));
        let hook = Some(&steering as _);
        let (resid, keys) =
            model.forward_layers(layer_input, layers.clone(), resid, prompt.as_ref(), hook);
        Self {
            policy,
            input,
            prompt,
            resid,
            keys,
        }
    }

    /// The gradient with respect to its input, if it has one.
    fn backward(
        self,
        layers: &Range<usize>,
        resid_grad: Tensor<2>,
        key_grads: &mut KeyGrads,
        sums: &mut [Vec<f32>],
    ) -> Option<Tensor<2>> {
        // A scalar with the given gradients. It may depend on nothing that is trained, which `backward` would refuse: hence the leaf.
        let leaf = Tensor::<1>::zeros([1], &self.resid.device()).require_grad();
        let mut scalar = leaf + (self.resid * Tensor::from_inner(resid_grad)).sum();
        for (keys, layer) in self.keys.iter().zip(layers.clone()) {
            let Some(grads) = key_grads[layer].take() else {
                continue;
            };
            for (tensor, grad) in keys.tensors().into_iter().zip(grads) {
                scalar = scalar + (tensor.clone() * Tensor::from_inner(grad)).sum();
            }
        }
        let grads = scalar.backward();
        self.policy.adapter().add_grads(&grads, sums);
        if let Some(prompt) = &self.prompt {
            for layer in layers.clone() {
                let of_layer = prompt.layer(layer).tensors();
                let of_layer =
                    of_layer.map(|leaf| leaf.grad(&grads).expect("completions look back"));
                key_grads[layer] = Some(match key_grads[layer].take() {
                    None => of_layer,
                    Some([keys, values]) => {
                        let [own_keys, own_values] = of_layer;
                        [keys + own_keys, values + own_values]
                    }
                });
            }
        }
        let of_input = |input: Tensor<2>| input.grad(&grads).expect("the residual stream goes on");
        self.input.map(of_input)
    }
}
