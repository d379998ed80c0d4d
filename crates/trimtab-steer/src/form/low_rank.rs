use burn::tensor::Tensor;
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};
use trimtab_model::{ModelConfig, Site};

use super::{FormError, Parameter, checked, draws, filled, in_range, width, zeros};

/// The vectors of all layers as a product of two thin matrices: `S = A B`.
///
/// The factored vectors of the follow-up study arXiv:2509.06608. `A` begins with draws of `N(0, 1 / rank)` and `B` at zero, as LoRA
/// does, because two zero factors would have no gradient.
///
/// Parameters: `a`, `[layers, rank]`, and `b`, `[rank, width]`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct LowRank {
    /// Where the vectors are added.
    pub site: Site,
    /// The layers that have a vector, in rising order; all if left out.
    pub layers: Option<Vec<usize>>,
    /// Rank of the product, at most the number of layers.
    pub rank: usize,
    /// Seed of the first values of `A`.
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
    pub(super) fn initial(&self, config: &ModelConfig) -> Result<Vec<Parameter>, FormError> {
        let layers = checked(self.layers.as_deref(), config)?;
        in_range("rank", self.rank, 1..=layers.len())?;
        let deviation = 1.0 / (self.rank as f32).sqrt();
        let row = |&layer: &usize| {
            StandardNormal
                .sample_iter(draws(self.seed, layer as u64, 0))
                .map(|x: f32| x * deviation)
                .take(self.rank)
                .collect::<Vec<_>>()
        };
        Ok(vec![
            filled(
                "a",
                [layers.len(), self.rank],
                layers.iter().flat_map(row).collect(),
            ),
            zeros("b", [self.rank, width(config, self.site)]),
        ])
    }

    pub(super) fn rows(leaves: &[Tensor<2>]) -> Tensor<2> {
        leaves[0].clone().matmul(leaves[1].clone())
    }
}
