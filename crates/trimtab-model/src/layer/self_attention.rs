//! Grouped-query attention of a layer, from the residual stream to what `o_proj` gets.

use burn::tensor::{Tensor, activation};

use super::{LayerTensors, Linear, RmsNorm};
use crate::config::{ModelConfig, QkNorm};
use crate::hook::{LayerHooks, Site};
use crate::mixing::Mixing;
use crate::rope::Rotation;
use crate::weight::Weight;

/// The projections and norms of attention.
#[derive(Clone, Debug)]
pub(crate) struct SelfAttention<T> {
    q_proj: Linear<T>,
    k_proj: Linear<T>,
    v_proj: Linear<T>,
    q_norm: Option<RmsNorm<T>>,
    k_norm: Option<RmsNorm<T>>,
    pub(super) o_proj: Linear<T>,
}

impl<T> SelfAttention<T> {
    pub(super) fn assemble<E>(tensors: &mut LayerTensors<T, E>) -> Result<Self, E> {
        let config = tensors.config;
        let hidden = config.hidden_size;
        let queries = config.num_attention_heads * config.head_dim;
        let keys = config.num_key_value_heads * config.head_dim;
        let (norms, biases) = (config.architecture.qk_norm, config.architecture.biases);
        let (q_width, k_width) = match norms {
            Some(QkNorm::Projection) => (queries, keys),
            Some(QkNorm::Head) | None => (config.head_dim, config.head_dim),
        };
        let q_norm = tensors.norm(norms.map(|_| "self_attn.q_norm"), q_width)?;
        let k_norm = tensors.norm(norms.map(|_| "self_attn.k_norm"), k_width)?;
        let gates = if config.architecture.output_gate {
            queries
        } else {
            0
        };
        let qkv = [
            ("self_attn.q_proj", queries + gates),
            ("self_attn.k_proj", keys),
            ("self_attn.v_proj", keys),
        ];
        let [q_proj, k_proj, v_proj] =
            tensors.projections("self_attn.qkv_proj", qkv, hidden, biases.qkv)?;
        Ok(Self {
            q_proj,
            k_proj,
            v_proj,
            q_norm,
            k_norm,
            o_proj: tensors.linear("self_attn.o_proj", [hidden, queries], biases.o)?,
        })
    }

    pub(super) fn tensors_mut(&mut self) -> impl Iterator<Item = &mut T> {
        let norms = [&mut self.q_norm, &mut self.k_norm];
        let linears = [
            &mut self.q_proj,
            &mut self.k_proj,
            &mut self.v_proj,
            &mut self.o_proj,
        ];
        let norms = norms.into_iter().flatten().map(|norm| &mut norm.weight);
        norms.chain(linears.into_iter().flat_map(Linear::tensors_mut))
    }
}

impl SelfAttention<Weight> {
    /// What `o_proj` gets, `[tokens, num_attention_heads * head_dim]`.
    pub(super) fn mix(
        &self,
        config: &ModelConfig,
        normed: &Tensor<2>,
        rotation: Option<&Rotation>,
        mix: impl FnOnce(Mixing) -> Tensor<2>,
        hooks: &mut LayerHooks,
    ) -> Tensor<2> {
        let ([q, k, v], gate) = self.qkv(config, normed, hooks);
        let (q, k) = match rotation {
            Some(rotation) => (rotation.rotate_queries(q), rotation.rotate(k)),
            None => (q, k),
        };
        let mixed = mix(Mixing::Attention([q, k, v]));
        match gate {
            None => mixed,
            Some(gate) => mixed * activation::sigmoid(gate),
        }
    }

    /// Queries, keys and values before rotation, `[tokens, heads, head_dim]` each, and the gate of
    /// the output, `[tokens, num_attention_heads * head_dim]`.
    fn qkv(
        &self,
        config: &ModelConfig,
        normed: &Tensor<2>,
        hooks: &mut LayerHooks,
    ) -> ([Tensor<3>; 3], Option<Tensor<2>>) {
        let ([count, _], head_dim) = (normed.dims(), config.head_dim);
        let heads = |x: Tensor<2>, norm: Option<&RmsNorm<Weight>>, heads: usize| {
            let x = match (norm, config.architecture.qk_norm) {
                (Some(norm), Some(QkNorm::Projection)) => norm.forward(x),
                (Some(norm), Some(QkNorm::Head)) => {
                    norm.forward(x.reshape([count * heads, head_dim]))
                }
                _ => x,
            };
            x.reshape([count, heads, head_dim])
        };
        let (q_heads, kv_heads) = (config.num_attention_heads, config.num_key_value_heads);
        let q = self.q_proj.hooked(Site::QProj, normed, hooks);
        let (q, gate) = if config.architecture.output_gate {
            // The queries of a head are followed by its gate.
            let by_head = q.reshape([count, q_heads, 2 * head_dim]);
            let part = |start| by_head.clone().narrow(2, start, head_dim);
            let [q, gate] =
                [part(0), part(head_dim)].map(|x| x.reshape([count, q_heads * head_dim]));
            (q, Some(gate))
        } else {
            (q, None)
        };
        let q = heads(q, self.q_norm.as_ref(), q_heads);
        let k = self.k_proj.hooked(Site::KProj, normed, hooks);
        let k = heads(k, self.k_norm.as_ref(), kv_heads);
        let v = self.v_proj.hooked(Site::VProj, normed, hooks);
        ([q, k, heads(v, None, kv_heads)], gate)
    }
}
