//! One decoder layer: its tensors, their names in a checkpoint, and its forward pass.

use std::ops::Range;

use burn::tensor::{DType, Tensor, activation};
use trimtab_kernels::{self as kernels, SavedActivations};

use crate::config::{Activation, ModelConfig, QkNorm};
use crate::hook::{LayerHooks, Site};
use crate::rope::Rotation;
use crate::weight::{Weight, uses_cpu_kernels};

/// The tensors of a layer. `T` is `()` where only names and shapes are asked for.
#[derive(Clone, Debug)]
pub(crate) struct Layer<T> {
    pre_attention_norm: Option<RmsNorm<T>>,
    q_proj: Linear<T>,
    k_proj: Linear<T>,
    v_proj: Linear<T>,
    q_norm: Option<RmsNorm<T>>,
    k_norm: Option<RmsNorm<T>>,
    o_proj: Linear<T>,
    post_attention_norm: Option<RmsNorm<T>>,
    pre_mlp_norm: Option<RmsNorm<T>>,
    gate_proj: Linear<T>,
    up_proj: Linear<T>,
    down_proj: Linear<T>,
    post_mlp_norm: Option<RmsNorm<T>>,
}

/// A tensor that a model needs: a tensor of a checkpoint, or some of its rows.
pub(crate) struct TensorSpec {
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
    /// `None`: all of them.
    pub(crate) rows: Option<Range<usize>>,
    /// Added to its numbers: 1 for norms of which a checkpoint stores the difference from 1.
    pub(crate) offset: f64,
}

impl<T> Layer<T> {
    /// Calls `take` for every tensor of layer `index`.
    pub(crate) fn assemble<E>(
        config: &ModelConfig,
        index: usize,
        take: &mut dyn FnMut(TensorSpec) -> Result<T, E>,
    ) -> Result<Self, E> {
        let architecture = &config.architecture;
        let (hidden, inner) = (config.hidden_size, config.intermediate_size);
        let queries = config.num_attention_heads * config.head_dim;
        let keys = config.num_key_value_heads * config.head_dim;
        let prefix = format!("{}.layers.{index}", architecture.names.decoder);
        let mut norm = |name: Option<&str>, width: usize| -> Result<Option<RmsNorm<T>>, E> {
            name.map(|name| RmsNorm::assemble(config, format!("{prefix}.{name}"), width, take))
                .transpose()
        };
        let norms = architecture.norms;
        let pre_attention_norm = norm(norms.pre_attention, hidden)?;
        let post_attention_norm = norm(norms.post_attention, hidden)?;
        let pre_mlp_norm = norm(norms.pre_mlp, hidden)?;
        let post_mlp_norm = norm(norms.post_mlp, hidden)?;
        let (q_width, k_width) = match architecture.qk_norm {
            Some(QkNorm::Projection) => (queries, keys),
            Some(QkNorm::Head) | None => (config.head_dim, config.head_dim),
        };
        let has_norm = architecture.qk_norm.is_some();
        let q_norm = norm(has_norm.then_some("self_attn.q_norm"), q_width)?;
        let k_norm = norm(has_norm.then_some("self_attn.k_norm"), k_width)?;

        let biases = architecture.biases;
        let mut linear = |fused: &str, parts: &[(&str, usize)], inputs: usize, bias: bool| {
            let names = ProjectionNames {
                prefix: &prefix,
                fused: architecture.fused_projections.then_some(fused),
            };
            names.assemble(parts, inputs, bias, take)
        };
        let qkv = [
            ("self_attn.q_proj", queries),
            ("self_attn.k_proj", keys),
            ("self_attn.v_proj", keys),
        ];
        let qkv = linear("self_attn.qkv_proj", &qkv, hidden, biases.qkv)?;
        let gate_up = [("mlp.gate_proj", inner), ("mlp.up_proj", inner)];
        let gate_up = linear("mlp.gate_up_proj", &gate_up, hidden, biases.mlp)?;
        let o_proj = [("self_attn.o_proj", hidden)];
        let o_proj = linear("self_attn.o_proj", &o_proj, queries, biases.o)?;
        let down_proj = [("mlp.down_proj", hidden)];
        let down_proj = linear("mlp.down_proj", &down_proj, inner, biases.mlp)?;
        let [q_proj, k_proj, v_proj] = into_array(qkv);
        let [gate_proj, up_proj] = into_array(gate_up);
        let ([o_proj], [down_proj]) = (into_array(o_proj), into_array(down_proj));
        Ok(Self {
            pre_attention_norm,
            q_proj,
            k_proj,
            v_proj,
            q_norm,
            k_norm,
            o_proj,
            post_attention_norm,
            pre_mlp_norm,
            gate_proj,
            up_proj,
            down_proj,
            post_mlp_norm,
        })
    }

    /// Every tensor.
    pub(crate) fn tensors_mut(&mut self) -> Vec<&mut T> {
        let norms = [
            &mut self.pre_attention_norm,
            &mut self.post_attention_norm,
            &mut self.pre_mlp_norm,
            &mut self.post_mlp_norm,
            &mut self.q_norm,
            &mut self.k_norm,
        ];
        let linears = [
            &mut self.q_proj,
            &mut self.k_proj,
            &mut self.v_proj,
            &mut self.o_proj,
            &mut self.gate_proj,
            &mut self.up_proj,
            &mut self.down_proj,
        ];
        let norms = norms.into_iter().flatten().map(|norm| &mut norm.weight);
        let linears = linears
            .into_iter()
            .flat_map(|linear| std::iter::once(&mut linear.weight).chain(linear.bias.as_mut()));
        norms.chain(linears).collect()
    }
}

impl Layer<Weight> {
    /// The residual stream after the layer.
    ///
    /// # Shapes
    ///
    /// - `resid` and output: `[tokens, hidden_size]`
    /// - arguments of `attend`, queries and keys rotated: `[tokens, heads, head_dim]`
    /// - result of `attend`: `[tokens, num_attention_heads * head_dim]`
    pub(crate) fn forward(
        &self,
        config: &ModelConfig,
        resid: Tensor<2>,
        rotation: &Rotation,
        attend: impl FnOnce(Tensor<3>, Tensor<3>, Tensor<3>) -> Tensor<2>,
        mut hooks: LayerHooks,
    ) -> Tensor<2> {
        let resid = hooks.at(Site::ResidPre, resid);
        let normed = RmsNorm::maybe(self.pre_attention_norm.as_ref(), resid.clone());
        let [q, k, v] = self.qkv(config, &normed, &mut hooks);
        let mixed = attend(rotation.rotate(q), rotation.rotate(k), v);
        let resid = self.o_proj.residual(
            resid,
            mixed,
            self.post_attention_norm.as_ref(),
            [Site::OProj, Site::AttnOut],
            &mut hooks,
        );
        let resid = hooks.at(Site::ResidMid, resid);

        let normed = RmsNorm::maybe(self.pre_mlp_norm.as_ref(), resid.clone());
        let gate = self.gate_proj.hooked(Site::GateProj, &normed, &mut hooks);
        let up = self.up_proj.hooked(Site::UpProj, &normed, &mut hooks);
        let saved = self.up_proj.weight.saved_activations();
        let resid = self.down_proj.residual(
            resid,
            glu(config.architecture.activation, gate, up, saved),
            self.post_mlp_norm.as_ref(),
            [Site::DownProj, Site::MlpOut],
            &mut hooks,
        );
        hooks.at(Site::ResidPost, resid)
    }

    /// Queries, keys and values before rotation, `[tokens, heads, head_dim]` each.
    fn qkv(
        &self,
        config: &ModelConfig,
        normed: &Tensor<2>,
        hooks: &mut LayerHooks,
    ) -> [Tensor<3>; 3] {
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
        let q = heads(q, self.q_norm.as_ref(), q_heads);
        let k = self.k_proj.hooked(Site::KProj, normed, hooks);
        let k = heads(k, self.k_norm.as_ref(), kv_heads);
        let v = self.v_proj.hooked(Site::VProj, normed, hooks);
        [q, k, heads(v, None, kv_heads)]
    }
}

/// `activation(gate) * up`
fn glu(
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

/// `x * weight / sqrt(mean(x^2) + eps)` over the last axis (arXiv:1910.07467, eq. 4), in f32.
#[derive(Clone, Debug)]
pub(crate) struct RmsNorm<T> {
    /// `[1, width]`
    pub(crate) weight: T,
    eps: f64,
    /// Added to a weight that is a tensor; a packed weight has it already.
    offset: f64,
}

impl<T> RmsNorm<T> {
    pub(crate) fn assemble<E>(
        config: &ModelConfig,
        name: String,
        width: usize,
        take: &mut dyn FnMut(TensorSpec) -> Result<T, E>,
    ) -> Result<Self, E> {
        let offset = config.architecture.norm_offset;
        let spec = TensorSpec {
            name: name + ".weight",
            shape: vec![width],
            rows: None,
            offset,
        };
        Ok(Self {
            weight: take(spec)?,
            eps: config.rms_norm_eps,
            offset,
        })
    }
}

impl RmsNorm<Weight> {
    pub(crate) fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        if let Weight::Vector(weight) = &self.weight {
            return kernels::rms_norm(x, weight.clone(), self.eps as f32);
        }
        let dtype = x.dtype();
        let x = x.cast(DType::F32);
        let mean_square = (x.clone() * x.clone()).mean_dim(1); // [tokens, 1]
        let scale = self.scale(&x);
        let normed = x * (mean_square + self.eps).sqrt().recip();
        (normed * scale).cast(dtype)
    }

    /// The weight with its offset, `[1, width]` in f32, on the device of `like`.
    pub(crate) fn scale(&self, like: &Tensor<2>) -> Tensor<2> {
        match &self.weight {
            Weight::Tensor(weight) if self.offset != 0.0 => {
                weight.clone().cast(DType::F32) + self.offset
            }
            weight => weight.row(like).cast(DType::F32),
        }
    }

    fn maybe(norm: Option<&Self>, x: Tensor<2>) -> Tensor<2> {
        match norm {
            Some(norm) => norm.forward(x),
            None => x,
        }
    }
}

/// A projection `x W^T + b`.
#[derive(Clone, Debug)]
pub(crate) struct Linear<T> {
    /// `[inputs, outputs]`
    weight: T,
    /// `[1, outputs]`
    bias: Option<T>,
}

impl<T> Linear<T> {
    fn assemble<E>(
        name: String,
        [outputs, inputs]: [usize; 2],
        rows: Option<Range<usize>>,
        bias: bool,
        take: &mut dyn FnMut(TensorSpec) -> Result<T, E>,
    ) -> Result<Self, E> {
        let mut part = |name: String, shape: Vec<usize>| {
            take(TensorSpec {
                name,
                shape,
                rows: rows.clone(),
                offset: 0.0,
            })
        };
        let weight = part(format!("{name}.weight"), vec![outputs, inputs])?;
        let bias = bias.then(|| part(format!("{name}.bias"), vec![outputs]));
        Ok(Self {
            weight,
            bias: bias.transpose()?,
        })
    }
}

/// How a checkpoint names the projections of one input.
struct ProjectionNames<'a> {
    prefix: &'a str,
    /// The one tensor that holds all of them, if the family fuses projections.
    fused: Option<&'a str>,
}

impl ProjectionNames<'_> {
    /// The projections `parts`, given by name and number of outputs.
    fn assemble<T, E>(
        &self,
        parts: &[(&str, usize)],
        inputs: usize,
        bias: bool,
        take: &mut dyn FnMut(TensorSpec) -> Result<T, E>,
    ) -> Result<Vec<Linear<T>>, E> {
        let total: usize = parts.iter().map(|(_, outputs)| outputs).sum();
        let mut start = 0;
        let linear = |&(name, outputs): &(&str, usize)| {
            let rows = start..start + outputs;
            start += outputs;
            match self.fused {
                Some(fused) if parts.len() > 1 => {
                    let name = format!("{}.{fused}", self.prefix);
                    Linear::assemble(name, [total, inputs], Some(rows), bias, take)
                }
                _ => {
                    let name = format!("{}.{name}", self.prefix);
                    Linear::assemble(name, [outputs, inputs], None, bias, take)
                }
            }
        };
        parts.iter().map(linear).collect()
    }
}

impl Linear<Weight> {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.weight.linear(x, self.bias.as_ref())
    }

    /// The projection of `x` and what hooks at `site` make of it.
    fn hooked(&self, site: Site, x: &Tensor<2>, hooks: &mut LayerHooks) -> Tensor<2> {
        hooks.project(site, x.clone(), |x| self.forward(x))
    }

    /// `resid + norm(x W^T + b)`. `sites` are that of the projection and that of what is added.
    fn residual(
        &self,
        resid: Tensor<2>,
        x: Tensor<2>,
        norm: Option<&RmsNorm<Weight>>,
        sites: [Site; 2],
        hooks: &mut LayerHooks,
    ) -> Tensor<2> {
        if norm.is_none() && !sites.into_iter().any(|site| hooks.is_hooked(site)) {
            return self.weight.linear_residual(resid, x, self.bias.as_ref());
        }
        let [projection, out] = sites;
        let y = hooks.project(projection, x, |x| self.forward(x));
        resid + hooks.at(out, RmsNorm::maybe(norm, y))
    }
}

fn into_array<T, const N: usize>(parts: Vec<T>) -> [T; N] {
    parts
        .try_into()
        .unwrap_or_else(|_| unreachable!("one projection for each name"))
}
