//! Rotary position embedding in the rotate-half layout of Hugging Face checkpoints.

use std::f64::consts::PI;
use std::sync::Arc;

use burn::tensor::{DType, Device, Tensor, TensorData};
use trimtab_kernels::RotaryAngles;

use crate::config::rope::{QueryScaling, RopeConfig, RopeScaling};
use crate::weight::uses_cpu_kernels;

impl RopeConfig {
    /// The frequencies for a text of `len` tokens, in radians per position.
    ///
    /// # Shapes
    ///
    /// - output: `[rotary_dim / 2]`
    pub fn frequencies(&self, len: usize) -> Vec<f32> {
        let dim = self.rotary_dim as f64;
        let base = match &self.scaling {
            RopeScaling::Dynamic { factor } => {
                let longer = len.max(self.max_position_embeddings) as f64
                    / self.max_position_embeddings as f64;
                self.rope_theta * (factor * longer - (factor - 1.0)).powf(dim / (dim - 2.0))
            }
            RopeScaling::Default {}
            | RopeScaling::Linear { .. }
            | RopeScaling::Yarn { .. }
            | RopeScaling::Longrope { .. }
            | RopeScaling::Llama3 { .. } => self.rope_theta,
        };
        (0..self.rotary_dim / 2)
            .map(|pair| {
                let plain = base.powf(-2.0 * pair as f64 / dim);
                self.scaled(plain, pair, len) as f32
            })
            .collect()
    }

    /// The frequency of one pair after scaling.
    fn scaled(&self, frequency: f64, pair: usize, len: usize) -> f64 {
        match &self.scaling {
            RopeScaling::Default {} | RopeScaling::Dynamic { .. } => frequency,
            RopeScaling::Linear { factor } => frequency / factor,
            RopeScaling::Yarn {
                factor,
                original_max_position_embeddings,
                beta_fast,
                beta_slow,
                truncate,
                ..
            } => {
                let original = *original_max_position_embeddings as f64;
                // The pair that makes `rotations` rotations over the original length.
                let pair_of = |rotations: f64| {
                    self.rotary_dim as f64 * (original / (rotations * 2.0 * PI)).ln()
                        / (2.0 * self.rope_theta.ln())
                };
                let (mut low, mut high) = (
                    pair_of(beta_fast.unwrap_or(32.0)),
                    pair_of(beta_slow.unwrap_or(1.0)),
                );
                if *truncate {
                    (low, high) = (low.floor(), high.ceil());
                }
                (low, high) = (low.max(0.0), high.min(self.rotary_dim as f64 - 1.0));
                if low == high {
                    high += 0.001;
                }
                let divided = ((pair as f64 - low) / (high - low)).clamp(0.0, 1.0);
                frequency / factor * divided + frequency * (1.0 - divided)
            }
            RopeScaling::Longrope {
                short_factor,
                long_factor,
                original_max_position_embeddings,
                ..
            } => {
                let long = len > *original_max_position_embeddings;
                frequency
                    / if long {
                        long_factor[pair]
                    } else {
                        short_factor[pair]
                    }
            }
            RopeScaling::Llama3 {
                factor,
                low_freq_factor,
                high_freq_factor,
                original_max_position_embeddings,
            } => {
                let rotations = *original_max_position_embeddings as f64 * frequency / (2.0 * PI);
                let kept = (rotations - low_freq_factor) / (high_freq_factor - low_freq_factor);
                let kept = kept.clamp(0.0, 1.0);
                frequency / factor * (1.0 - kept) + frequency * kept
            }
        }
    }

    /// The factor of cosines and sines.
    pub fn attention_factor(&self) -> f64 {
        match &self.scaling {
            RopeScaling::Yarn {
                factor,
                attention_factor,
                mscale,
                mscale_all_dim,
                ..
            } => {
                let of = |mscale: f64| {
                    if *factor <= 1.0 {
                        1.0
                    } else {
                        0.1 * mscale * factor.ln() + 1.0
                    }
                };
                attention_factor.unwrap_or_else(|| match (mscale, mscale_all_dim) {
                    (Some(mscale), Some(all)) => of(*mscale) / of(*all),
                    _ => of(1.0),
                })
            }
            RopeScaling::Longrope {
                original_max_position_embeddings,
                attention_factor,
                factor,
                ..
            } => {
                let original = *original_max_position_embeddings as f64;
                let factor = factor.unwrap_or(self.max_position_embeddings as f64 / original);
                attention_factor.unwrap_or_else(|| {
                    if factor <= 1.0 {
                        1.0
                    } else {
                        (1.0 + factor.ln() / original.ln()).sqrt()
                    }
                })
            }
            RopeScaling::Default {}
            | RopeScaling::Linear { .. }
            | RopeScaling::Dynamic { .. }
            | RopeScaling::Llama3 { .. } => 1.0,
        }
    }

    /// Whether the frequencies depend on the length of the text.
    fn depends_on_len(&self) -> bool {
        matches!(
            self.scaling,
            RopeScaling::Dynamic { .. } | RopeScaling::Longrope { .. }
        )
    }

    /// The factors of queries at positions that some are scaled at.
    fn query_scales(&self, tokens: &[(usize, usize)]) -> Option<Vec<f32>> {
        let QueryScaling {
            llama_4_scaling_beta: beta,
            original_max_position_embeddings: original,
        } = self.query_scaling?;
        if beta == 0.0 || tokens.iter().all(|&(position, _)| position < original) {
            return None;
        }
        let scale = |&(position, _): &(usize, usize)| {
            (1.0 + beta * ((position / original) as f64).ln_1p()) as f32
        };
        Some(tokens.iter().map(scale).collect())
    }

    /// The rotation of tokens. Each is given by its position and by the length of its text, which
    /// decides the frequencies.
    pub(crate) fn rotation(&self, tokens: &[(usize, usize)], device: &Device) -> Rotation {
        let half = self.rotary_dim / 2;
        let factor = self.attention_factor() as f32;
        let mut frequencies = self.frequencies(0);
        let mut last_len = 0;
        let (mut cos, mut sin) = (Vec::new(), Vec::new());
        for &(position, len) in tokens {
            if self.depends_on_len() && len != last_len {
                frequencies = self.frequencies(len);
                last_len = len;
            }
            for frequency in &frequencies {
                // The angle is rounded to f32 before the cosine, as transformers does.
                let (s, c) = (position as f32 * frequency).sin_cos();
                cos.push(factor * c);
                sin.push(factor * s);
            }
        }
        Rotation {
            angles: Arc::new(RotaryAngles { cos, sin }),
            query_scales: self.query_scales(tokens),
            device: device.clone(),
            half,
        }
    }
}

/// The rotation of each token.
#[derive(Debug)]
pub(crate) struct Rotation {
    angles: Arc<RotaryAngles>,
    /// The factor of each token's queries; `None` if all are 1.
    query_scales: Option<Vec<f32>>,
    device: Device,
    /// Half the rotary dimension.
    half: usize,
}

impl Rotation {
    /// Rotates queries as [`Self::rotate`] and scales them by their positions.
    pub(crate) fn rotate_queries(&self, q: Tensor<3>) -> Tensor<3> {
        let q = self.rotate(q);
        let Some(scales) = &self.query_scales else {
            return q;
        };
        let scales = TensorData::new(scales.clone(), [scales.len(), 1, 1]);
        let scales = Tensor::<3>::from_data(scales, &self.device);
        let dtype = q.dtype();
        q * scales.cast(dtype)
    }

    /// Rotates the pairs `(x[i], x[i + rotary_dim / 2])` of `x`, `[tokens, heads, head_dim]`, in
    /// f32.
    pub(crate) fn rotate(&self, x: Tensor<3>) -> Tensor<3> {
        if uses_cpu_kernels(&x) {
            return trimtab_kernels::apply_rotary(x, self.angles.clone());
        }
        let dtype = x.dtype();
        let x = x.cast(DType::F32);
        let (half, [tokens, _, head_dim]) = (self.half, x.dims());
        let part = |start, len| x.clone().narrow(2, start, len);
        let (first, second) = (part(0, half), part(half, half));
        let table = |numbers: &[f32]| {
            let numbers = TensorData::new(numbers.to_vec(), [tokens, 1, half]);
            Tensor::<3>::from_data(numbers, &self.device)
        };
        let (cos, sin) = (table(&self.angles.cos), table(&self.angles.sin));
        let mut parts = vec![
            first.clone() * cos.clone() - second.clone() * sin.clone(),
            second * cos + first * sin,
        ];
        if head_dim > 2 * half {
            parts.push(part(2 * half, head_dim - 2 * half));
        }
        Tensor::cat(parts, 2).cast(dtype)
    }
}
