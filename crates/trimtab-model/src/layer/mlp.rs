//! The multi-layer perceptron of a layer: one for all tokens, or a mixture of experts.

use burn::tensor::{Tensor, activation};
use trimtab_kernels::{self as kernels, SavedActivations};

use super::experts::Experts;
use super::{Branch, LayerTensors, Linear};
use crate::config::Activation;
use crate::hook::{LayerHooks, Site};
use crate::weight::{Weight, uses_cpu_kernels};

/// What a layer does after its attention.
#[derive(Clone, Debug)]
pub(crate) enum Mlp<T> {
    Dense(GatedMlp<T>),
    Sparse(Experts<T>),
}

impl<T> Mlp<T> {
    pub(super) fn assemble<E>(tensors: &mut LayerTensors<T, E>) -> Result<Self, E> {
        if let Some(experts) = tensors.layer.experts {
            return Experts::assemble(tensors, experts).map(Self::Sparse);
        }
        let bias = tensors.config.architecture.biases.mlp;
        let inner = tensors.config.intermediate_size;
        GatedMlp::assemble(tensors, "mlp", inner, bias).map(Self::Dense)
    }

    pub(super) fn tensors_mut(&mut self) -> Vec<&mut T> {
        match self {
            Self::Dense(mlp) => mlp.tensors_mut().collect(),
            Self::Sparse(experts) => experts.tensors_mut(),
        }
    }
}

impl Mlp<Weight> {
    /// `resid` plus what the MLP makes of `normed`, `[tokens, hidden_size]` each.
    pub(super) fn residual(
        &self,
        activation: Activation,
        [resid, normed]: [Tensor<2>; 2],
        branch: Branch,
        hooks: &mut LayerHooks,
    ) -> Tensor<2> {
        match self {
            Self::Dense(mlp) => {
                let gate = mlp.gate_proj.hooked(Site::GateProj, &normed, hooks);
                let up = mlp.up_proj.hooked(Site::UpProj, &normed, hooks);
                let inner = mlp.glu(activation, gate, up);
                let down_proj = &mlp.down_proj;
                down_proj.residual(resid, inner, branch, Site::DownProj, hooks)
            }
            Self::Sparse(experts) => {
                let y = experts.forward(activation, &normed);
                branch.add(resid, y, hooks)
            }
        }
    }
}

/// A gated perceptron: `down_proj(activation(gate_proj(x)) * up_proj(x))`.
#[derive(Clone, Debug)]
#[expect(clippy::struct_field_names, reason = "named as in checkpoints")]
pub(crate) struct GatedMlp<T> {
    gate_proj: Linear<T>,
    up_proj: Linear<T>,
    down_proj: Linear<T>,
}

impl<T> GatedMlp<T> {
    /// The one named `module`, of width `inner` inside.
    pub(super) fn assemble<E>(
        tensors: &mut LayerTensors<T, E>,
        module: &str,
        inner: usize,
        bias: bool,
    ) -> Result<Self, E> {
        let hidden = tensors.config.hidden_size;
        let name = |projection: &str| format!("{module}.{projection}");
        let (gate, up) = (name("gate_proj"), name("up_proj"));
        let parts = [(gate.as_str(), inner), (up.as_str(), inner)];
        let [gate_proj, up_proj] =
            tensors.projections(&name("gate_up_proj"), parts, hidden, bias)?;
        Ok(Self {
            gate_proj,
            up_proj,
            down_proj: tensors.linear(&name("down_proj"), [hidden, inner], bias)?,
        })
    }

    pub(super) fn tensors_mut(&mut self) -> impl Iterator<Item = &mut T> {
        let linears = [&mut self.gate_proj, &mut self.up_proj, &mut self.down_proj];
        linears.into_iter().flat_map(Linear::tensors_mut)
    }
}

impl GatedMlp<Weight> {
    /// `[tokens, hidden_size]` to the same.
    pub(super) fn forward(&self, activation: Activation, x: &Tensor<2>) -> Tensor<2> {
        let gate = self.gate_proj.forward(x.clone());
        let up = self.up_proj.forward(x.clone());
        self.down_proj.forward(self.glu(activation, gate, up))
    }

    fn glu(&self, activation: Activation, gate: Tensor<2>, up: Tensor<2>) -> Tensor<2> {
        let saved = self.up_proj.weight.saved_activations();
        glu(activation, gate, up, saved)
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
