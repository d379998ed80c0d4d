//! Rotary position embedding in the rotate-half layout of Hugging Face checkpoints.

use burn::tensor::{Device, Tensor, TensorData};

use crate::config::ModelConfig;

/// The frequencies `rope_theta^(-2i / head_dim)` of RoFormer (arXiv:2104.09864, eq. 15).
#[derive(Clone, Debug)]
pub(crate) struct Rope {
    /// `head_dim / 2` of them, in radians per position.
    frequencies: Vec<f32>,
}

/// The rotation of each token, as two `[tokens, 1, head_dim / 2]` tensors.
pub(crate) struct Rotation {
    cos: Tensor<3>,
    sin: Tensor<3>,
}

impl Rope {
    pub(crate) fn new(config: &ModelConfig) -> Self {
        let head_dim = config.head_dim();
        let frequencies = (0..head_dim / 2)
            .map(|i| (1.0 / config.rope_theta.powf((2 * i) as f64 / head_dim as f64)) as f32)
            .collect();
        Self { frequencies }
    }

    /// The rotation of tokens at `positions`.
    pub(crate) fn at(&self, positions: impl Iterator<Item = usize>, device: &Device) -> Rotation {
        let half = self.frequencies.len();
        let (mut cos, mut sin) = (Vec::new(), Vec::new());
        for position in positions {
            for frequency in &self.frequencies {
                // The angle is rounded to f32 before the cosine, as transformers does.
                let (s, c) = (position as f32 * frequency).sin_cos();
                cos.push(c);
                sin.push(s);
            }
        }
        let shape = [cos.len() / half, 1, half];
        Rotation {
            cos: Tensor::from_data(TensorData::new(cos, shape), device),
            sin: Tensor::from_data(TensorData::new(sin, shape), device),
        }
    }
}

impl Rotation {
    /// Rotates the pairs `(x[i], x[i + head_dim / 2])` of `x`, `[tokens, heads, head_dim]`.
    pub(crate) fn rotate(&self, x: Tensor<3>) -> Tensor<3> {
        let half = x.dims()[2] / 2;
        let (first, second) = (x.clone().narrow(2, 0, half), x.narrow(2, half, half));
        let (cos, sin) = (self.cos.clone(), self.sin.clone());
        Tensor::cat(
            vec![
                first.clone() * cos.clone() - second.clone() * sin.clone(),
                second * cos + first * sin,
            ],
            2,
        )
    }
}
