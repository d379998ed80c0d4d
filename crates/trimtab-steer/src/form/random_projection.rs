use burn::tensor::Tensor;
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};
use trimtab_model::tensor_file::HostTensor;
use trimtab_model::{ModelConfig, Site};

use super::{FormError, Parameter, checked, chosen, draws, in_range, width, zeros};

/// A few numbers for all layers together, spread by a fixed random matrix: `s_l = sum_i u_i P_il`.
///
/// The tying of TinyLoRA (arXiv:2602.04118), which trained 13 numbers, applied to vectors: `P_il` is drawn from `N(0, 1 / width)`, so
/// that its length is about 1, at an address of its own (seed, layer, i). What a layer gets therefore does
/// not depend on which other layers are chosen, and `P` is in no file. The numbers begin at zero.
///
/// Parameter: `numbers`, `[1, numbers]`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct RandomProjection {
    /// Where the vectors are added.
    pub site: Site,
    /// The layers that have a vector, in rising order; all if left out.
    pub layers: Option<Vec<usize>>,
    /// How many numbers are trained; the random matrix holds as many times all vectors.
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

/// Most numbers of a random matrix: 1 GiB.
const MOST: usize = 1 << 28;

impl RandomProjection {
    pub(super) fn initial(&self, config: &ModelConfig) -> Result<Vec<Parameter>, FormError> {
        let layers = checked(self.layers.as_deref(), config)?;
        let vectors = layers.len() * width(config, self.site);
        let most = vectors.min(MOST / vectors).max(1);
        in_range("numbers", self.numbers, 1..=most)?;
        Ok(vec![zeros("numbers", [1, self.numbers])])
    }

    /// `[numbers, layers * width]`
    pub(super) fn basis(&self, config: &ModelConfig) -> HostTensor {
        let layers = chosen(self.layers.as_deref(), config.num_hidden_layers);
        let width = width(config, self.site);
        let deviation = 1.0 / (width as f32).sqrt();
        let mut data = Vec::with_capacity(self.numbers * layers.len() * width);
        for number in 0..self.numbers as u64 {
            for &layer in &layers {
                let normal = StandardNormal.sample_iter(draws(self.seed, layer as u64, number));
                data.extend(normal.take(width).map(|x: f32| x * deviation));
            }
        }
        HostTensor {
            shape: vec![self.numbers, layers.len() * width],
            data,
        }
    }

    pub(super) fn rows(
        &self,
        config: &ModelConfig,
        leaves: &[Tensor<2>],
        basis: &Tensor<2>,
    ) -> Tensor<2> {
        let width = width(config, self.site);
        let [_, all] = basis.dims();
        leaves[0]
            .clone()
            .matmul(basis.clone())
            .reshape([all / width, width])
    }
}
