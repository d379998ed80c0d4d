//! The part of a layer in which tokens see each other: attention, or linear attention.

use burn::tensor::Tensor;

use super::gated_delta_net::GatedDeltaNet;
use super::self_attention::SelfAttention;
use super::{Branch, LayerTensors};
use crate::config::ModelConfig;
use crate::hook::{LayerHooks, Site};
use crate::mixing::Mixing;
use crate::rope::Rotation;
use crate::weight::Weight;

/// How tokens see each other.
#[derive(Clone, Debug)]
pub(crate) enum TokenMixer<T> {
    Attention(SelfAttention<T>),
    Linear(GatedDeltaNet<T>),
}

impl<T> TokenMixer<T> {
    pub(super) fn assemble<E>(tensors: &mut LayerTensors<T, E>) -> Result<Self, E> {
        match tensors.layer.linear_attention {
            Some(sizes) => GatedDeltaNet::assemble(tensors, sizes).map(Self::Linear),
            None => SelfAttention::assemble(tensors).map(Self::Attention),
        }
    }

    pub(super) fn tensors_mut(&mut self) -> Vec<&mut T> {
        match self {
            Self::Attention(attention) => attention.tensors_mut().collect(),
            Self::Linear(linear) => linear.tensors_mut().collect(),
        }
    }
}

impl TokenMixer<Weight> {
    /// `resid` plus what is made of `normed`, `[tokens, hidden_size]` each.
    pub(super) fn residual(
        &self,
        config: &ModelConfig,
        [resid, normed]: [Tensor<2>; 2],
        rotation: Option<&Rotation>,
        branch: Branch,
        mix: impl FnOnce(Mixing) -> Tensor<2>,
        hooks: &mut LayerHooks,
    ) -> Tensor<2> {
        match self {
            Self::Attention(attention) => {
                let mixed = attention.mix(config, &normed, rotation, mix, hooks);
                let o_proj = &attention.o_proj;
                o_proj.residual(resid, mixed, branch, Site::OProj, hooks)
            }
            Self::Linear(linear) => {
                let y = linear.forward(&normed, mix);
                branch.add(resid, y, hooks)
            }
        }
    }
}
