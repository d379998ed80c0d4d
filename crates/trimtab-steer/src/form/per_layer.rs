use serde::{Deserialize, Serialize};
use trimtab_model::{ModelConfig, Site};

use super::error::FormError;
use super::layers::{checked_layers, width};
use super::parameter::{NamedTensor, zeros};

/// One vector for each layer, added at every token: `x_l + s_l`.
///
/// This is the form of arXiv:2505.18706, where `s_l` is a bias of `mlp.down_proj` that starts at
/// zero.
///
/// Parameter: `vectors`, `[layers, width]`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct PerLayer {
    /// The site where the vectors are added. At a projection, they add to the bias that the model
    /// may have there.
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
    pub(super) fn init(&self, config: &ModelConfig) -> Result<Vec<NamedTensor>, FormError> {
        let layers = checked_layers(self.layers.as_deref(), config, &[self.site])?;
        let shape = [layers.len(), width(config, self.site)];
        Ok(vec![zeros("vectors", shape)])
    }
}
