//! Forward and backward passes through the layers, with or without gradient checkpointing.

use std::ops::Range;

use burn::tensor::Tensor;
use trimtab_model::cache::PromptLayer;
use trimtab_model::layer_input::LayerInput;
use trimtab_model::{Model, PromptCache};
use trimtab_steer::steering::ConditionCache;

use crate::policy::Policy;

/// The forward pass of a prompt, or of completions after one, with what its backward pass needs.
///
/// Without checkpointing, all layers are one segment and all activations are kept. With it, every
/// layer is a segment (arXiv:1604.06174). Only the inputs of the segments are kept, and the
/// backward pass runs the segments again, from the last to the first.
pub(crate) struct ForwardTape<'a> {
    base: &'a Model,
    policy: &'a Policy,
    input: LayerInput,
    /// The prompt of completions.
    prompt: Option<&'a PromptCache>,
    conditions: ConditionCache,
    /// Layers that are run together.
    segments: Vec<Range<usize>>,
    /// The inputs of all segments but the first, `[tokens, hidden_size]`.
    segment_inputs: Vec<Tensor<2>>,
    last: Segment,
    /// Keys and values of a prompt in all layers, without a gradient.
    pub(crate) kv: Vec<PromptLayer>,
}

/// The gradient with respect to keys and values of a prompt, by layer.
pub(crate) type KvGrads = Vec<Option<[Tensor<3>; 2]>>;

/// Layers after their forward pass, with all that their gradient needs.
struct Segment {
    policy: Policy,
    /// `None` if the segment begins with the embedding.
    input: Option<Tensor<2>>,
    /// The prompt of completions, as leaves.
    prompt: Option<PromptCache>,
    resid: Tensor<2>,
    kv: Vec<PromptLayer>,
}

impl<'a> ForwardTape<'a> {
    /// Runs all layers. `base` and `prompt` are on the autodiff side of the device.
    pub(crate) fn forward(
        base: &'a Model,
        policy: &'a Policy,
        input: LayerInput,
        prompt: Option<&'a PromptCache>,
        checkpointing: bool,
    ) -> Self {
        let layers = base.config.num_hidden_layers;
        let segment_layers = if checkpointing { 1 } else { layers };
        let segments: Vec<Range<usize>> = (0..layers)
            .step_by(segment_layers)
            .map(|first| first..first + segment_layers)
            .collect();
        let conditions = ConditionCache::default();
        let (mut segment_inputs, mut kv) = (vec![], vec![]);
        let (last, others) = segments.split_last().expect("a model has layers");
        if !others.is_empty() {
            let policy = policy.on_autodiff(); // no gradient is recorded
            let model = policy.model(base);
            let steering = policy.steering().with_condition_cache(&conditions);
            let hook = Some(&steering as _);
            let mut resid = model.embed(&input);
            for layers in others {
                let (next, own) = model.forward_layers(&input, layers.clone(), resid, prompt, hook);
                segment_inputs.push(next.clone());
                kv.extend(own);
                resid = next;
            }
        }
        let last_input = segment_inputs.last().cloned();
        let last = Segment::forward(base, policy, &input, last, last_input, prompt, &conditions);
        kv.extend(last.kv.iter().map(PromptLayer::detached));
        Self {
            base,
            policy,
            input,
            prompt,
            conditions,
            segments,
            segment_inputs,
            last,
            kv,
        }
    }

    /// The residual stream after the last layer, `[tokens, hidden_size]`, without a gradient.
    pub(crate) fn resid(&self) -> Tensor<2> {
        self.last.resid.clone().detach()
    }

    /// Goes back from the gradient with respect to [`Self::resid`].
    ///
    /// The gradient with respect to the parameters is added to `grads`. A prompt reads that with
    /// respect to its keys and values from `kv_grads`; completions add it there.
    pub(crate) fn backward(
        self,
        resid_grad: Tensor<2>,
        kv_grads: &mut KvGrads,
        grads: &mut [Vec<f32>],
    ) {
        let mut inputs = self.segment_inputs;
        let mut last = Some(self.last);
        let mut resid_grad = Some(resid_grad);
        for layers in self.segments.iter().rev() {
            let input = inputs.pop();
            let segment = last.take().unwrap_or_else(|| {
                let (base, policy, conditions) = (self.base, self.policy, &self.conditions);
                let layer_input = &self.input;
                Segment::forward(
                    base,
                    policy,
                    layer_input,
                    layers,
                    input,
                    self.prompt,
                    conditions,
                )
            });
            let grad = resid_grad.expect("all segments but the first have an input");
            resid_grad = segment.backward(layers, grad, kv_grads, grads);
        }
    }
}

impl Segment {
    fn forward(
        base: &Model,
        policy: &Policy,
        layer_input: &LayerInput,
        layers: &Range<usize>,
        input: Option<Tensor<2>>,
        prompt: Option<&PromptCache>,
        conditions: &ConditionCache,
    ) -> Self {
        let policy = policy.with_grad();
        let model = policy.model(base);
        let steering = policy.steering().with_condition_cache(conditions);
        let hook = Some(&steering as _);
        let input = input.map(|input| input.detach().require_grad());
        let prompt = prompt.map(PromptCache::with_grad);
        let resid = input.clone().unwrap_or_else(|| model.embed(layer_input));
        let layers = layers.clone();
        let (resid, kv) = model.forward_layers(layer_input, layers, resid, prompt.as_ref(), hook);
        Self {
            policy,
            input,
            prompt,
            resid,
            kv,
        }
    }

    /// The gradient with respect to its input, if it has one.
    fn backward(
        self,
        layers: &Range<usize>,
        resid_grad: Tensor<2>,
        kv_grads: &mut KvGrads,
        grads: &mut [Vec<f32>],
    ) -> Option<Tensor<2>> {
        // A scalar with the given gradients. The leaf is for segments that depend on nothing that
        // is trained, which `backward` would refuse.
        let leaf = Tensor::<1>::zeros([1], &self.resid.device()).require_grad();
        let mut scalar = leaf + (self.resid * Tensor::from_inner(resid_grad)).sum();
        for (kv, layer) in self.kv.iter().zip(layers.clone()) {
            let Some(grads) = kv_grads[layer].take() else {
                continue;
            };
            for (tensor, grad) in kv.tensors().into_iter().zip(grads) {
                scalar = scalar + (tensor.clone() * Tensor::from_inner(grad)).sum();
            }
        }
        let found = scalar.backward();
        self.policy.adapter().add_grads(&found, grads);
        if let Some(prompt) = &self.prompt {
            for layer in layers.clone() {
                let leaves = prompt.layer(layer).tensors();
                let own = leaves.map(|leaf| leaf.grad(&found).expect("completions attend to it"));
                kv_grads[layer] = Some(match kv_grads[layer].take() {
                    None => own,
                    Some([keys, values]) => {
                        let [own_keys, own_values] = own;
                        [keys + own_keys, values + own_values]
                    }
                });
            }
        }
        let input_grad = |input: Tensor<2>| input.grad(&found).expect("the output depends on it");
        self.input.map(input_grad)
    }
}
