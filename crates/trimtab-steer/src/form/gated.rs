use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};
use trimtab_model::{ModelConfig, Site};

use super::error::FormError;
use super::layers::{checked_layers, selected_layers, width};
use super::parameter::{NamedTensor, zeros};
use crate::action::{Action, Actions};

/// A vector for each layer, scaled by a gate for each token: `x_l + sigmoid(g_l . x_l) v_l`.
///
/// `x_l` is the activation at the site before anything is added there. A token-dependent strength
/// is the idea of `AdapterBias` (arXiv:2205.00305), there without the sigmoid. Gates and vectors
/// start at zero, so every gate is one half and has no gradient in the first step.
///
/// Parameters: `gates` and `vectors`, both `[layers, width]`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Gated {
    /// The site where the vectors are added, and which the gates read.
    pub site: Site,
    /// The layers that have a vector, in rising order; all if left out.
    pub layers: Option<Vec<usize>>,
}

impl Default for Gated {
    fn default() -> Self {
        Self {
            site: Site::ResidPost,
            layers: None,
        }
    }
}

impl Gated {
    pub(super) fn init(&self, config: &ModelConfig) -> Result<Vec<NamedTensor>, FormError> {
        let layers = checked_layers(self.layers.as_deref(), config, &[self.site])?.len();
        let shape = [layers, width(config, self.site)];
        Ok(vec![zeros("gates", shape), zeros("vectors", shape)])
    }

    pub(super) fn actions(&self, config: &ModelConfig, parameters: &[Tensor<2>]) -> Actions {
        let mut actions = Actions::none(config.num_hidden_layers);
        let layers = selected_layers(self.layers.as_deref(), config.num_hidden_layers);
        for (row, layer) in layers.into_iter().enumerate() {
            let action = Action::AddGated {
                gate: parameters[0].clone().narrow(0, row, 1),
                vector: parameters[1].clone().narrow(0, row, 1),
            };
            actions.push(layer, self.site, action);
        }
        actions
    }
}
