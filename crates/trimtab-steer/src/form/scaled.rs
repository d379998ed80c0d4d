use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};
use trimtab_model::{ModelConfig, Site};

use super::{FormError, Parameter, checked, filled, width, zeros};

/// A direction and a scale for each layer, trained together: `x_l + a_l v_l`.
///
/// Joint training of the factor and the vector of PrOSV (arXiv:2605.05983), which found that the factor should begin moderately
/// large. The directions begin at zero, so the model begins as the base and the scales have no gradient
/// in the first step. The paper acts on a few tokens of the prompt: `first` and `last` of [`Tokens`](crate::Tokens).
///
/// Parameters: `directions`, `[layers, width]`, and `scales`, `[layers, 1]`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scaled {
    /// Where the vectors are added.
    pub site: Site,
    /// The layers that have a vector, in rising order; all if left out.
    pub layers: Option<Vec<usize>>,
    /// What every scale begins with.
    pub scale: f32,
}

impl Default for Scaled {
    fn default() -> Self {
        Self {
            site: Site::ResidPost,
            layers: None,
            scale: 4.0,
        }
    }
}

impl Scaled {
    pub(super) fn initial(&self, config: &ModelConfig) -> Result<Vec<Parameter>, FormError> {
        let layers = checked(self.layers.as_deref(), config)?.len();
        if !self.scale.is_finite() {
            return Err(FormError::NotFinite { key: "scale" });
        }
        Ok(vec![
            zeros("directions", [layers, width(config, self.site)]),
            filled("scales", [layers, 1], vec![self.scale; layers]),
        ])
    }

    pub(super) fn rows(leaves: &[Tensor<2>]) -> Tensor<2> {
        leaves[0].clone() * leaves[1].clone() // [layers, 1] over the width
    }
}
