use burn::tensor::Tensor;
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};
use trimtab_model::{ModelConfig, Site};

use super::error::FormError;
use super::layers::{checked_layers, width};
use super::parameter::{NamedTensor, in_range, rng_at, with_values, zeros};

/// The vectors of all layers as a product of two thin matrices: `S = A B`.
///
/// These are the factored vectors of arXiv:2509.06608. `A` starts with draws of `N(0, 1 / rank)`
/// and `B` at zero, as in LoRA, because two zero factors would have no gradient.
///
/// Parameters: `a`, `[layers, rank]`, and `b`, `[rank, width]`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct LowRank {
    /// The site where the vectors are added.
    pub site: Site,
    /// The layers that have a vector, in rising order; all if left out.
    pub layers: Option<Vec<usize>>,
    /// Rank of the product, at most the number of layers.
    pub rank: usize,
    /// Seed of the initial values of `A`.
    pub seed: u64,
}

impl Default for LowRank {
    fn default() -> Self {
        Self {
            site: Site::ResidPost,
            layers: None,
            rank: 1,
            seed: 0,
        }
    }
}

impl LowRank {
    pub(super) fn init(&self, config: &ModelConfig) -> Result<Vec<NamedTensor>, FormError> {
        let layers = checked_layers(self.layers.as_deref(), config, &[self.site])?;
        in_range("rank", self.rank, 1..=layers.len())?;
        let deviation = 1.0 / (self.rank as f32).sqrt();
        let row = |&layer: &usize| {
            StandardNormal
                .sample_iter(rng_at(self.seed, layer as u64, 0))
                .map(|x: f32| x * deviation)
                .take(self.rank)
                .collect::<Vec<_>>()
        };
        let a = layers.iter().flat_map(row).collect();
        Ok(vec![
            with_values("a", [layers.len(), self.rank], a),
            zeros("b", [self.rank, width(config, self.site)]),
        ])
    }

    /// `[layers, width]`
    pub(super) fn rows(parameters: &[Tensor<2>]) -> Tensor<2> {
        parameters[0].clone().matmul(parameters[1].clone())
    }
}
