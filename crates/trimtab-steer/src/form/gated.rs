use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};
use trimtab_model::{ModelConfig, Site};

use super::{FormError, Parameter, checked, chosen, width, zeros};
use crate::action::{Action, Actions};

/// A vector for each layer whose strength each token decides: `x_l + sigmoid(g_l . x_l) v_l`.
///
/// `x_l` is the tensor at the site before anything is added there. Token-dependent strength is the idea of AdapterBias
/// (arXiv:2205.00305), there without the sigmoid. Gates and vectors begin at zero: every token's strength is then one
/// half, and the gates have no gradient in the first step.
///
/// Parameters: `gates` and `vectors`, both `[layers, width]`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Gated {
    /// Where the vectors are added and the strength is read.
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
    pub(super) fn initial(&self, config: &ModelConfig) -> Result<Vec<Parameter>, FormError> {
        let layers = checked(self.layers.as_deref(), config)?.len();
        let shape = [layers, width(config, self.site)];
        Ok(vec![zeros("gates", shape), zeros("vectors", shape)])
    }

    pub(super) fn actions(&self, config: &ModelConfig, leaves: &[Tensor<2>]) -> Actions {
        let mut actions = Actions::none(config.num_hidden_layers);
        let layers = chosen(self.layers.as_deref(), config.num_hidden_layers);
        for (row, layer) in layers.into_iter().enumerate() {
            let action = Action::AddGated {
                gate: leaves[0].clone().narrow(0, row, 1),
                vector: leaves[1].clone().narrow(0, row, 1),
            };
            actions.push(layer, self.site, action);
        }
        actions
    }
}
