//! The multi-layer perceptron of a layer.

use burn::tensor::{Tensor, activation};
use trimtab_kernels::{self as kernels, SavedActivations};

use super::{LayerTensors, Linear};
use crate::config::{Activation, ModelConfig};
use crate::hook::{LayerHooks, Site};
use crate::weight::{Weight, uses_cpu_kernels};

/// A gated perceptron: `down_proj(activation(gate_proj(x)) * up_proj(x))`.
#[derive(Clone, Debug)]
pub(crate) struct Mlp<T> {
    gate_proj: Linear<T>,
    up_proj: Linear<T>,
    pub(super) down_proj: Linear<T>,
}

impl<T> Mlp<T> {
    pub(super) fn assemble<E>(tensors: &mut LayerTensors<T, E>) -> Result<Self, E> {
        let (hidden, inner) = (tensors.config.hidden_size, tensors.config.intermediate_size);
        let bias = tensors.config.architecture.biases.mlp;
        let gate_up = [("mlp.gate_proj", inner), ("mlp.up_proj", inner)];
        let [gate_proj, up_proj] =
            tensors.projections("mlp.gate_up_proj", gate_up, hidden, bias)?;
        Ok(Self {
            gate_proj,
            up_proj,
            down_proj: tensors.linear("mlp.down_proj", [hidden, inner], bias)?,
        })
    }

    pub(super) fn tensors_mut(&mut self) -> impl Iterator<Item = &mut T> {
        let linears = [&mut self.gate_proj, &mut self.up_proj, &mut self.down_proj];
        linears.into_iter().flat_map(Linear::tensors_mut)
    }
}

impl Mlp<Weight> {
    /// What `down_proj` gets, `[tokens, intermediate_size]`.
    pub(super) fn inner(
        &self,
        config: &ModelConfig,
        normed: &Tensor<2>,
        hooks: &mut LayerHooks,
    ) -> Tensor<2> {
        let gate = self.gate_proj.hooked(Site::GateProj, normed, hooks);
        let up = self.up_proj.hooked(Site::UpProj, normed, hooks);
        let saved = self.up_proj.weight.saved_activations();
        glu(config.architecture.activation, gate, up, saved)
    }
}

/// `activation(gate) * up`
pub(super) fn glu(
    activation: Activation,
    gate: Tensor<2>,
    up: Tensor<2>,
    saved: SavedActivations,
) -> Tensor<2> {
    if uses_cpu_kernels(&gate) {
        return kernels::glu(activation, gate, up, saved);
    }
    let gate = match activation {
        Activation::Silu => activation::silu(gate),
        Activation::GeluTanh => activation::gelu_approximate(gate),
    };
    gate * up
}
