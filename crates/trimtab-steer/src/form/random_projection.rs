use burn::tensor::Tensor;
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};
use trimtab_model::tensor_file::HostTensor;
use trimtab_model::{ModelConfig, Site};

use super::error::FormError;
use super::layers::{checked_layers, selected_layers, width};
use super::parameter::{NamedTensor, in_range, rng_at, zeros};

/// A few numbers for all layers together, mapped to vectors by a fixed random matrix:
/// `s_l = sum_i u_i P_il`.
///
/// This is the parameter tying of `TinyLoRA` (arXiv:2602.04118), which trained 13 numbers, applied
/// to vectors. `P_il` is drawn from `N(0, 1 / width)`, so its length is about 1. Its generator is
/// keyed by (seed, layer, i): the vectors of a layer do not depend on which other layers are
/// selected, and no file stores `P`. The numbers start at zero.
///
/// Parameter: `numbers`, `[1, numbers]`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct RandomProjection {
    /// The site where the vectors are added.
    pub site: Site,
    /// The layers that have a vector, in rising order; all if left out.
    pub layers: Option<Vec<usize>>,
    /// How many numbers are trained. The random matrix is this many times as large as all vectors.
    pub numbers: usize,
    /// Seed of the random matrix.
    pub seed: u64,
}

impl Default for RandomProjection {
    fn default() -> Self {
        Self {
            site: Site::ResidPost,
            layers: None,
            numbers: 13,
            seed: 0,
        }
    }
}

/// Largest random matrix, in numbers: 1 GiB.
const MAX_BASIS: usize = 1 << 28;

impl RandomProjection {
    pub(super) fn init(&self, config: &ModelConfig) -> Result<Vec<NamedTensor>, FormError> {
        let layers = checked_layers(self.layers.as_deref(), config, &[self.site])?;
        let vectors = layers.len() * width(config, self.site);
        let max_numbers = vectors.min(MAX_BASIS / vectors).max(1);
        in_range("numbers", self.numbers, 1..=max_numbers)?;
        Ok(vec![zeros("numbers", [1, self.numbers])])
    }

    /// The random matrix, `[numbers, layers * width]`.
    pub(super) fn basis(&self, config: &ModelConfig) -> HostTensor {
        let layers = selected_layers(self.layers.as_deref(), config.num_hidden_layers);
        let width = width(config, self.site);
        let deviation = 1.0 / (width as f32).sqrt();
        let mut data = Vec::with_capacity(self.numbers * layers.len() * width);
        for number in 0..self.numbers as u64 {
            for &layer in &layers {
                let normal = StandardNormal.sample_iter(rng_at(self.seed, layer as u64, number));
                data.extend(normal.take(width).map(|x: f32| x * deviation));
            }
        }
        HostTensor {
            shape: vec![self.numbers, layers.len() * width],
            data,
        }
    }

    /// `[layers, width]`
    pub(super) fn rows(
        &self,
        config: &ModelConfig,
        parameters: &[Tensor<2>],
        basis: &Tensor<2>,
    ) -> Tensor<2> {
        let width = width(config, self.site);
        let [_, all] = basis.dims();
        parameters[0]
            .clone()
            .matmul(basis.clone())
            .reshape([all / width, width])
    }
}
