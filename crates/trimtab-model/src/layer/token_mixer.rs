//! The part of a layer in which tokens see each other: attention, or linear attention.

use burn::tensor::Tensor;

use super::gated_delta_net::GatedDeltaNet;
use super::self_attention::SelfAttention;
use super::{LayerTensors, RmsNorm, add};
use crate::config::ModelConfig;
use crate::hook::{LayerHooks, Site};
use crate::mixing::Mixing;
use crate::rope::Rotation;
use crate::weight::Weight;

/// How tokens see each other.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "one for each layer")]
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
    /// `resid` plus the norm of what is made of `normed`, `[tokens, hidden_size]`.
    pub(super) fn residual(
        &self,
        config: &ModelConfig,
        [resid, normed]: [Tensor<2>; 2],
        rotation: &Rotation,
        norm: Option<&RmsNorm<Weight>>,
        mix: impl FnOnce(Mixing) -> Tensor<2>,
        hooks: &mut LayerHooks,
    ) -> Tensor<2> {
        match self {
            Self::Attention(attention) => {
                let mixed = attention.mix(config, &normed, rotation, mix, hooks);
                let sites = [Site::OProj, Site::AttnOut];
                attention.o_proj.residual(resid, mixed, norm, sites, hooks)
            }
            Self::Linear(linear) => {
                let y = linear.forward(&normed, mix);
                add(resid, y, norm, Site::AttnOut, hooks)
            }
        }
    }
}
