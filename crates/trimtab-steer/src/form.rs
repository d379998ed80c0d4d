//! What is trained: the forms of steering, LoRA and full tuning, as plain data.
//!
//! A [`Form`] says which parameters there are and what they do;
//! an [`Adapter`](crate::Adapter) holds their values.

mod error;
mod full;
mod gated;
mod layers;
mod lora;
mod low_rank;
mod parameter;
mod per_layer;
mod random_projection;
mod scaled;

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};
use trimtab_model::tensor_file::HostTensor;
use trimtab_model::{ModelConfig, Site};

pub use error::FormError;
pub use full::Full;
pub use gated::Gated;
pub use lora::Lora;
pub use low_rank::LowRank;
pub use per_layer::PerLayer;
pub use random_projection::RandomProjection;
pub use scaled::Scaled;

pub(crate) use layers::width;
pub(crate) use parameter::{NamedTensor, on_device};

use crate::action::{Action, Actions};
use layers::{layer_of_tensor, scatter_rows, selected_layers};

/// The form of what is trained.
///
/// In a file it is a table whose key `form` names it, with the settings of that form:
///
/// ```
/// use trimtab_steer::form::{Form, LowRank};
///
/// let form: Form = toml::from_str(r#"
///     form = "low_rank"
///     rank = 2
///     layers = [3, 5]
/// "#)?;
/// let layers = Some(vec![3, 5]);
/// assert_eq!(form, Form::LowRank(LowRank { rank: 2, layers, ..LowRank::default() }));
/// # Ok::<_, toml::de::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(tag = "form", rename_all = "snake_case")]
pub enum Form {
    /// A vector for each layer.
    PerLayer(PerLayer),
    /// A direction and a scale for each layer.
    Scaled(Scaled),
    /// The vectors of all layers as a product of two thin matrices.
    LowRank(LowRank),
    /// A few numbers, mapped to all vectors by a fixed random matrix.
    RandomProjection(RandomProjection),
    /// A vector for each layer, scaled by a gate for each token.
    Gated(Gated),
    /// Low-rank updates of weights.
    Lora(Lora),
    /// Every weight of the model.
    Full(Full),
}

impl Default for Form {
    /// One vector for each layer on `resid_post`, as in arXiv:2505.18706.
    fn default() -> Self {
        Self::PerLayer(PerLayer::default())
    }
}

impl Form {
    /// The name in files, the value of the key `form`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::PerLayer(_) => "per_layer",
            Self::Scaled(_) => "scaled",
            Self::LowRank(_) => "low_rank",
            Self::RandomProjection(_) => "random_projection",
            Self::Gated(_) => "gated",
            Self::Lora(_) => "lora",
            Self::Full(_) => "full",
        }
    }

    /// The parameters before training. Those of full tuning have shapes only: their values come
    /// from a checkpoint.
    pub(crate) fn init(&self, config: &ModelConfig) -> Result<Vec<NamedTensor>, FormError> {
        match self {
            Self::PerLayer(form) => form.init(config),
            Self::Scaled(form) => form.init(config),
            Self::LowRank(form) => form.init(config),
            Self::RandomProjection(form) => form.init(config),
            Self::Gated(form) => form.init(config),
            Self::Lora(form) => form.init(config),
            Self::Full(_) => Ok(Full::shapes(config)),
        }
    }

    /// Fixed values beside the parameters, if the form has any.
    pub(crate) fn constant(&self, config: &ModelConfig) -> Option<HostTensor> {
        match self {
            Self::RandomProjection(form) => Some(form.basis(config)),
            _ => None,
        }
    }

    /// For each parameter, the layers of its equal parts; `None` for a part that layers share.
    pub(crate) fn part_layers(&self, config: &ModelConfig) -> Vec<Vec<Option<usize>>> {
        let rows = |layers: &Option<Vec<usize>>| -> Vec<Option<usize>> {
            let layers = selected_layers(layers.as_deref(), config.num_hidden_layers);
            layers.into_iter().map(Some).collect()
        };
        match self {
            Self::PerLayer(form) => vec![rows(&form.layers)],
            Self::Scaled(Scaled { layers, .. }) | Self::Gated(Gated { layers, .. }) => {
                vec![rows(layers); 2]
            }
            Self::LowRank(form) => vec![rows(&form.layers), vec![None]],
            Self::RandomProjection(_) => vec![vec![None]],
            Self::Lora(form) => {
                let targets = form.targets(config).into_iter();
                targets
                    .flat_map(|(layer, ..)| vec![vec![Some(layer)]; 2])
                    .collect()
            }
            Self::Full(_) => {
                let names = trimtab_model::Model::tensor_shapes(config).into_iter();
                names
                    .map(|(name, _)| vec![layer_of_tensor(&name)])
                    .collect()
            }
        }
    }

    /// The vectors `[num_hidden_layers, width]` that do the same as the form, and the site where
    /// they are added. `None` for forms that are not vectors.
    pub(crate) fn vectors(
        &self,
        config: &ModelConfig,
        parameters: &[Tensor<2>],
        constant: Option<&Tensor<2>>,
    ) -> Option<(Site, Tensor<2>)> {
        let (site, layers, rows) = match self {
            Self::PerLayer(form) => (form.site, &form.layers, parameters[0].clone()),
            Self::Scaled(form) => (form.site, &form.layers, Scaled::rows(parameters)),
            Self::LowRank(form) => (form.site, &form.layers, LowRank::rows(parameters)),
            Self::RandomProjection(form) => {
                let basis = constant.expect("made with the form");
                (
                    form.site,
                    &form.layers,
                    form.rows(config, parameters, basis),
                )
            }
            Self::Gated(_) | Self::Lora(_) | Self::Full(_) => return None,
        };
        Some((site, scatter_rows(layers.as_deref(), config, rows)))
    }

    /// What the form does at which site of which layer.
    pub(crate) fn actions(
        &self,
        config: &ModelConfig,
        parameters: &[Tensor<2>],
        constant: Option<&Tensor<2>>,
    ) -> Actions {
        match self {
            Self::Gated(form) => form.actions(config, parameters),
            Self::Lora(form) => form.actions(config, parameters),
            Self::Full(_) => Actions::none(config.num_hidden_layers),
            Self::PerLayer(PerLayer { layers, .. })
            | Self::Scaled(Scaled { layers, .. })
            | Self::LowRank(LowRank { layers, .. })
            | Self::RandomProjection(RandomProjection { layers, .. }) => {
                let (site, vectors) = self
                    .vectors(config, parameters, constant)
                    .expect("these forms are vectors");
                let mut actions = Actions::none(config.num_hidden_layers);
                for layer in selected_layers(layers.as_deref(), config.num_hidden_layers) {
                    let vector = vectors.clone().narrow(0, layer, 1);
                    actions.push(layer, site, Action::Add(vector));
                }
                actions
            }
        }
    }
}
