use serde::{Deserialize, Serialize};
use trimtab_model::{ModelConfig, Site};

use super::{FormError, Parameter, checked, width, zeros};

/// One vector for each layer, added at every token: `x_l + s_l`.
///
/// The form of arXiv:2505.18706, where `s_l` is a bias of `mlp.down_proj` and begins at zero. Parameter: `vectors`,
/// `[layers, width]`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct PerLayer {
    /// Where the vectors are added; at a projection, they are added to the bias that a model has there.
    pub site: Site,
    /// The layers that have a vector, in rising order; all if left out.
    pub layers: Option<Vec<usize>>,
}

impl Default for PerLayer {
    fn default() -> Self {
        Self {
            site: Site::ResidPost,
            layers: None,
        }
    }
}

impl PerLayer {
    pub(super) fn initial(&self, config: &ModelConfig) -> Result<Vec<Parameter>, FormError> {
        let layers = checked(self.layers.as_deref(), config)?;
        Ok(vec![zeros(
            "vectors",
            [layers.len(), width(config, self.site)],
        )])
    }
}
