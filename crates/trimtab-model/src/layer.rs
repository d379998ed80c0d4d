//! One decoder layer: its tensors, their names in a checkpoint, and its forward pass.

mod experts;
mod gated_delta_net;
mod mlp;
mod self_attention;
mod token_mixer;

use std::ops::Range;

use burn::tensor::{DType, Tensor};
use trimtab_kernels as kernels;

use crate::config::{LayerConfig, ModelConfig};
use crate::hook::{LayerHooks, Site};
use crate::mixing::Mixing;
use crate::rope::Rotation;
use crate::weight::Weight;
use mlp::Mlp;
use token_mixer::TokenMixer;

/// The tensors of a layer. `T` is `()` where only names and shapes are asked for.
#[derive(Clone, Debug)]
pub(crate) struct Layer<T> {
    pre_attention_norm: Option<RmsNorm<T>>,
    token_mixer: TokenMixer<T>,
    post_attention_norm: Option<RmsNorm<T>>,
    pre_mlp_norm: Option<RmsNorm<T>>,
    mlp: Mlp<T>,
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
    /// Whether its numbers are kept as they are where others are rounded.
    pub(crate) exact: bool,
}

impl<T> Layer<T> {
    /// Calls `take` for every tensor of layer `index`.
    pub(crate) fn assemble<E>(
        config: &ModelConfig,
        index: usize,
        take: &mut dyn FnMut(TensorSpec) -> Result<T, E>,
    ) -> Result<Self, E> {
        let (norms, hidden) = (config.architecture.norms, config.hidden_size);
        let mut tensors = LayerTensors {
            config,
            layer: &config.architecture.layers[index],
            prefix: format!("{}.layers.{index}", config.architecture.names.decoder),
            take,
        };
        Ok(Self {
            pre_attention_norm: tensors.norm(norms.pre_attention, hidden)?,
            post_attention_norm: tensors.norm(norms.post_attention, hidden)?,
            pre_mlp_norm: tensors.norm(norms.pre_mlp, hidden)?,
            post_mlp_norm: tensors.norm(norms.post_mlp, hidden)?,
            token_mixer: TokenMixer::assemble(&mut tensors)?,
            mlp: Mlp::assemble(&mut tensors)?,
        })
    }

    /// Every tensor.
    pub(crate) fn tensors_mut(&mut self) -> Vec<&mut T> {
        let norms = [
            &mut self.pre_attention_norm,
            &mut self.post_attention_norm,
            &mut self.pre_mlp_norm,
            &mut self.post_mlp_norm,
        ];
        let norms = norms.into_iter().flatten().map(|norm| &mut norm.weight);
        let mut tensors: Vec<&mut T> = norms.collect();
        tensors.extend(self.token_mixer.tensors_mut());
        tensors.extend(self.mlp.tensors_mut());
        tensors
    }
}

impl Layer<Weight> {
    /// The residual stream after the layer. `mix` computes what tokens of one text exchange.
    ///
    /// # Shapes
    ///
    /// - `resid` and output: `[tokens, hidden_size]`
    pub(crate) fn forward(
        &self,
        config: &ModelConfig,
        resid: Tensor<2>,
        rotation: Option<&Rotation>,
        mix: impl FnOnce(Mixing) -> Tensor<2>,
        mut hooks: LayerHooks,
    ) -> Tensor<2> {
        let resid = hooks.at(Site::ResidPre, resid);
        let normed = RmsNorm::maybe(self.pre_attention_norm.as_ref(), resid.clone());
        let branch = Branch::new(config, self.post_attention_norm.as_ref(), Site::AttnOut);
        let inputs = [resid, normed];
        let resid = self
            .token_mixer
            .residual(config, inputs, rotation, branch, mix, &mut hooks);
        let resid = hooks.at(Site::ResidMid, resid);

        let normed = RmsNorm::maybe(self.pre_mlp_norm.as_ref(), resid.clone());
        let branch = Branch::new(config, self.post_mlp_norm.as_ref(), Site::MlpOut);
        let activation = config.architecture.activation;
        let resid = self
            .mlp
            .residual(activation, [resid, normed], branch, &mut hooks);
        hooks.at(Site::ResidPost, resid)
    }

    /// The output projection of attention without its bias; `None` for linear attention.
    pub(crate) fn o_proj(&self, x: Tensor<2>) -> Option<Tensor<2>> {
        match &self.token_mixer {
            TokenMixer::Attention(attention) => Some(attention.o_proj.weight.linear(x, None)),
            TokenMixer::Linear(_) => None,
        }
    }
}

/// Takes the tensors of one layer.
pub(crate) struct LayerTensors<'a, T, E> {
    pub(crate) config: &'a ModelConfig,
    pub(crate) layer: &'a LayerConfig,
    /// The name of the layer, such as `model.layers.3`.
    prefix: String,
    take: &'a mut dyn FnMut(TensorSpec) -> Result<T, E>,
}

impl<T, E> LayerTensors<'_, T, E> {
    /// The norm `name`, if there is one.
    fn norm(&mut self, name: Option<&str>, width: usize) -> Result<Option<RmsNorm<T>>, E> {
        let Some(name) = name else { return Ok(None) };
        let name = format!("{}.{name}", self.prefix);
        RmsNorm::assemble(self.config, name, width, self.take).map(Some)
    }

    /// The projection `name` of `[outputs, inputs]`.
    fn linear(&mut self, name: &str, shape: [usize; 2], bias: bool) -> Result<Linear<T>, E> {
        let name = format!("{}.{name}", self.prefix);
        Linear::assemble(name, shape, None, bias, self.take)
    }

    /// As [`Self::linear`], without a bias, and never rounded: it decides more than it computes.
    fn exact_linear(&mut self, name: &str, shape: [usize; 2]) -> Result<Linear<T>, E> {
        let weight = self.exact(&format!("{name}.weight"), shape.to_vec())?;
        Ok(Linear { weight, bias: None })
    }

    /// The tensor `name`, which is never rounded.
    fn exact(&mut self, name: &str, shape: Vec<usize>) -> Result<T, E> {
        (self.take)(TensorSpec {
            name: format!("{}.{name}", self.prefix),
            shape,
            rows: None,
            offset: 0.0,
            exact: true,
        })
    }

    /// The norm `name`, whose weight is stored as it is used in every family.
    fn plain_norm(&mut self, name: &str, width: usize) -> Result<RmsNorm<T>, E> {
        Ok(RmsNorm {
            weight: self.exact(&format!("{name}.weight"), vec![width])?,
            eps: self.config.rms_norm_eps,
            offset: 0.0,
        })
    }

    /// Projections of one input, given by name and number of outputs. In families that fuse
    /// projections they are the rows of the one tensor `fused`.
    fn projections<const N: usize>(
        &mut self,
        fused: &str,
        parts: [(&str, usize); N],
        inputs: usize,
        bias: bool,
    ) -> Result<[Linear<T>; N], E> {
        let total: usize = parts.iter().map(|(_, outputs)| outputs).sum();
        let mut start = 0;
        let mut linears = vec![];
        for (name, outputs) in parts {
            linears.push(if self.config.architecture.fused_projections {
                let (name, rows) = (format!("{}.{fused}", self.prefix), start..start + outputs);
                start += outputs;
                Linear::assemble(name, [total, inputs], Some(rows), bias, self.take)?
            } else {
                self.linear(name, [outputs, inputs], bias)?
            });
        }
        Ok(linears
            .try_into()
            .unwrap_or_else(|_| unreachable!("one projection for each name")))
    }
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
            exact: true,
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
                exact: false,
            })
        };
        let weight = part(format!("{name}.weight"), vec![outputs, inputs])?;
        let bias = bias.then(|| part(format!("{name}.bias"), vec![outputs]));
        Ok(Self {
            weight,
            bias: bias.transpose()?,
        })
    }

    fn tensors_mut(&mut self) -> impl Iterator<Item = &mut T> {
        std::iter::once(&mut self.weight).chain(self.bias.as_mut())
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

    /// The residual stream with the projection of `x`, hooked at `site`, added by `branch`.
    fn residual(
        &self,
        resid: Tensor<2>,
        x: Tensor<2>,
        branch: Branch,
        site: Site,
        hooks: &mut LayerHooks,
    ) -> Tensor<2> {
        if branch.is_plain()
            && ![site, branch.site]
                .into_iter()
                .any(|site| hooks.is_hooked(site))
        {
            return self.weight.linear_residual(resid, x, self.bias.as_ref());
        }
        let y = hooks.project(site, x, |x| self.forward(x));
        branch.add(resid, y, hooks)
    }
}

/// How the output of attention, or of the MLP, gets into the residual stream.
#[derive(Clone, Copy)]
struct Branch<'a> {
    norm: Option<&'a RmsNorm<Weight>>,
    scale: f64,
    /// Where hooks get what is added.
    site: Site,
}

impl<'a> Branch<'a> {
    fn new(config: &ModelConfig, norm: Option<&'a RmsNorm<Weight>>, site: Site) -> Self {
        let scale = config.architecture.residual_scale;
        Self { norm, scale, site }
    }

    /// Whether the output is added as it is.
    fn is_plain(self) -> bool {
        self.norm.is_none() && self.scale == 1.0
    }

    /// `resid + scale norm(y)`
    fn add(self, resid: Tensor<2>, y: Tensor<2>, hooks: &mut LayerHooks) -> Tensor<2> {
        let y = RmsNorm::maybe(self.norm, y);
        let y = if self.scale == 1.0 { y } else { y * self.scale };
        resid + hooks.at(self.site, y)
    }
}
