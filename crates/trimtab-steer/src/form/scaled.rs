use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};
use trimtab_model::{ModelConfig, Site};

use super::error::FormError;
use super::layers::{checked_layers, width};
use super::parameter::{NamedTensor, with_values, zeros};

/// A direction and a scale for each layer, trained together: `x_l + a_l v_l`.
///
/// Training scale and direction jointly is the method of `PrOSV` (arXiv:2605.05983), which found
/// that the scale should start moderately large. Directions start at zero, so an untrained model is
/// the base and the scales have no gradient in the first step. The paper steers a few tokens of the
/// prompt: see `first` and `last` of [`TokenSet`](crate::token_filter::TokenSet).
///
/// Parameters: `directions`, `[layers, width]`, and `scales`, `[layers, 1]`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scaled {
    /// The site where the vectors are added.
    pub site: Site,
    /// The layers that have a vector, in rising order; all if left out.
    pub layers: Option<Vec<usize>>,
    /// Initial value of every scale.
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
    pub(super) fn init(&self, config: &ModelConfig) -> Result<Vec<NamedTensor>, FormError> {
        let layers = checked_layers(self.layers.as_deref(), config, &[self.site])?.len();
        if !self.scale.is_finite() {
            return Err(FormError::NotFinite { key: "scale" });
        }
        Ok(vec![
            zeros("directions", [layers, width(config, self.site)]),
            with_values("scales", [layers, 1], vec![self.scale; layers]),
        ])
    }

    /// `[layers, width]`
    pub(super) fn rows(parameters: &[Tensor<2>]) -> Tensor<2> {
        parameters[0].clone() * parameters[1].clone() // [layers, 1] broadcasts over the width
    }
}
