//! Linear attention of a layer: projections, decay and output norm around the gated delta rule.

use burn::tensor::{DType, Tensor, activation};

use super::mlp::glu;
use super::{LayerTensors, Linear, RmsNorm};
use crate::config::{Activation, LinearAttentionConfig};
use crate::delta_rule::DeltaRule;
use crate::mixing::Mixing;
use crate::weight::Weight;

/// A gated `DeltaNet` (arXiv:2412.06464, figure 1).
#[derive(Clone, Debug)]
pub(crate) struct GatedDeltaNet<T> {
    config: LinearAttentionConfig,
    in_proj_qkv: Linear<T>,
    in_proj_z: Linear<T>,
    in_proj_b: Linear<T>,
    in_proj_a: Linear<T>,
    /// `[conv_width, linear_conv_kernel_dim]`
    conv1d: T,
    dt_bias: T,
    a_log: T,
    norm: RmsNorm<T>,
    out_proj: Linear<T>,
}

impl<T> GatedDeltaNet<T> {
    pub(super) fn assemble<E>(
        tensors: &mut LayerTensors<T, E>,
        config: LinearAttentionConfig,
    ) -> Result<Self, E> {
        let (hidden, heads) = (tensors.config.hidden_size, config.linear_num_value_heads);
        let (conv, values) = (config.conv_width(), config.value_width());
        let kernel = vec![conv, 1, config.linear_conv_kernel_dim];
        Ok(Self {
            config,
            in_proj_qkv: tensors.linear("linear_attn.in_proj_qkv", [conv, hidden], false)?,
            in_proj_z: tensors.linear("linear_attn.in_proj_z", [values, hidden], false)?,
            in_proj_b: tensors.exact_linear("linear_attn.in_proj_b", [heads, hidden])?,
            in_proj_a: tensors.exact_linear("linear_attn.in_proj_a", [heads, hidden])?,
            conv1d: tensors.exact("linear_attn.conv1d.weight", kernel)?,
            dt_bias: tensors.exact("linear_attn.dt_bias", vec![heads])?,
            a_log: tensors.exact("linear_attn.A_log", vec![heads])?,
            norm: tensors.plain_norm("linear_attn.norm", config.linear_value_head_dim)?,
            out_proj: tensors.linear("linear_attn.out_proj", [hidden, values], false)?,
        })
    }

    pub(super) fn tensors_mut(&mut self) -> impl Iterator<Item = &mut T> {
        let linears = [
            &mut self.in_proj_qkv,
            &mut self.in_proj_z,
            &mut self.in_proj_b,
            &mut self.in_proj_a,
            &mut self.out_proj,
        ];
        let others = [
            &mut self.conv1d,
            &mut self.dt_bias,
            &mut self.a_log,
            &mut self.norm.weight,
        ];
        let linears = linears.into_iter().flat_map(Linear::tensors_mut);
        linears.chain(others)
    }
}

impl GatedDeltaNet<Weight> {
    /// `[tokens, hidden_size]` to the same.
    pub(super) fn forward(
        &self,
        normed: &Tensor<2>,
        mix: impl FnOnce(Mixing) -> Tensor<2>,
    ) -> Tensor<2> {
        let (tokens, heads) = (normed.dims()[0], self.config.linear_num_value_heads);
        let project = |linear: &Linear<Weight>| linear.forward(normed.clone());
        let step = project(&self.in_proj_a).cast(DType::F32);
        let step = softplus(step.clone() + self.dt_bias.row(&step).cast(DType::F32));
        let rate = self.a_log.row(&step).cast(DType::F32).exp();
        let Weight::Tensor(conv) = &self.conv1d else {
            unreachable!("a convolution is never packed")
        };
        let mixed = mix(Mixing::DeltaRule(DeltaRule {
            config: &self.config,
            qkv: project(&self.in_proj_qkv),
            conv: conv.clone(),
            decay: -step * rate,
            beta: activation::sigmoid(project(&self.in_proj_b)).cast(DType::F32),
        }));
        let by_head = [tokens * heads, self.config.linear_value_head_dim];
        let normed = self.norm.forward(mixed.reshape(by_head));
        let gate = project(&self.in_proj_z).reshape(by_head);
        let saved = self.out_proj.weight.saved_activations();
        let gated = glu(Activation::Silu, gate, normed, saved);
        self.out_proj
            .forward(gated.reshape([tokens, self.config.value_width()]))
    }
}

/// `ln(1 + e^x)`, also where `e^x` is not finite.
fn softplus(x: Tensor<2>) -> Tensor<2> {
    activation::relu(x.clone()) + (-x.abs()).exp().log1p()
}
