//! What is trained: the forms of steering, and the other arms of a comparison, as plain data.

mod full;
mod gated;
mod lora;
mod low_rank;
mod per_layer;
mod random_projection;
mod scaled;

use burn::tensor::{Device, Tensor, TensorData};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde::{Deserialize, Serialize};
use trimtab_model::tensor_file::HostTensor;
use trimtab_model::{ModelConfig, Site};

pub use full::Full;
pub use gated::Gated;
pub use lora::Lora;
pub use low_rank::LowRank;
pub use per_layer::PerLayer;
pub use random_projection::RandomProjection;
pub use scaled::Scaled;

use crate::action::{Action, Actions};

/// The form of what is trained. In a file it is a table whose key `form` names it, with the settings of that form:
///
/// ```
/// use trimtab_steer::{Form, LowRank};
///
/// let form: Form = toml::from_str(r#"
///     form = "low_rank"
///     rank = 2
///     layers = [3, 5]
/// "#)?;
/// assert_eq!(form, Form::LowRank(LowRank { rank: 2, layers: Some(vec![3, 5]), ..LowRank::default() }));
/// # Ok::<_, toml::de::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(tag = "form", rename_all = "snake_case")]
pub enum Form {
    /// A vector for each layer.
    PerLayer(PerLayer),
    /// A direction and a scale for each layer.
    Scaled(Scaled),
    /// Vectors of all layers as a product of two thin matrices.
    LowRank(LowRank),
    /// A few numbers, spread over all vectors by a fixed random matrix.
    RandomProjection(RandomProjection),
    /// A vector for each layer whose strength each token decides.
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

/// Why a form does not fit a model.
#[expect(missing_docs, reason = "the messages document the variants")]
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum FormError {
    #[error(
        "`layers` names layer {layer}, but the model has layers 0 to {}",
        count - 1
    )]
    UnknownLayer { layer: usize, count: usize },
    #[error("`layers` must name layers in rising order, each once; leave it out for all of them")]
    LayerOrder,
    #[error("`{key}` is {value}, but it must lie in {low}..={high} on this model")]
    OutOfRange {
        key: &'static str,
        value: usize,
        low: usize,
        high: usize,
    },
    #[error("`{key}` is not finite")]
    NotFinite { key: &'static str },
    #[error("`target_modules` must name projections, each once, such as q_proj or down_proj")]
    TargetModules,
    #[error(
        "full tuning begins with the weights of the checkpoint; give them with `Adapter::full`"
    )]
    NeedsWeights,
    #[error("the parameters are {found}, but the form has {expected}")]
    Parameters { found: String, expected: String },
    #[error("parameter `{name}` holds a value that is not finite; did its training diverge?")]
    NonFiniteParameter { name: String },
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
}

/// A parameter: its name and its numbers.
pub(crate) type Parameter = (String, HostTensor);

impl Form {
    /// The parameters before training; those of full tuning come without numbers, which a checkpoint has.
    pub(crate) fn initial(&self, config: &ModelConfig) -> Result<Vec<Parameter>, FormError> {
        match self {
            Self::PerLayer(form) => form.initial(config),
            Self::Scaled(form) => form.initial(config),
            Self::LowRank(form) => form.initial(config),
            Self::RandomProjection(form) => form.initial(config),
            Self::Gated(form) => form.initial(config),
            Self::Lora(form) => form.initial(config),
            Self::Full(_) => Ok(Full::shapes(config)),
        }
    }

    /// The fixed numbers beside the parameters, if the form has any.
    pub(crate) fn constant(&self, config: &ModelConfig) -> Option<HostTensor> {
        match self {
            Self::RandomProjection(form) => Some(form.basis(config)),
            _ => None,
        }
    }

    /// The layers that the equal parts of each parameter belong to; `None` for a part that layers share.
    pub(crate) fn layers_of_parts(&self, config: &ModelConfig) -> Vec<Vec<Option<usize>>> {
        let rows = |layers: &Option<Vec<usize>>| -> Vec<Option<usize>> {
            let layers = chosen(layers.as_deref(), config.num_hidden_layers);
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
                names.map(|(name, _)| vec![layer_in(&name)]).collect()
            }
        }
    }

    /// The vectors `[num_hidden_layers, width]` that stand for the form, and the site where they are added.
    pub(crate) fn matrix(
        &self,
        config: &ModelConfig,
        leaves: &[Tensor<2>],
        constant: Option<&Tensor<2>>,
    ) -> Option<(Site, Tensor<2>)> {
        let (site, layers, rows) = match self {
            Self::PerLayer(form) => (form.site, &form.layers, leaves[0].clone()),
            Self::Scaled(form) => (form.site, &form.layers, Scaled::rows(leaves)),
            Self::LowRank(form) => (form.site, &form.layers, LowRank::rows(leaves)),
            Self::RandomProjection(form) => {
                let basis = constant.expect("made with the form");
                (form.site, &form.layers, form.rows(config, leaves, basis))
            }
            Self::Gated(_) | Self::Lora(_) | Self::Full(_) => return None,
        };
        Some((site, spread(layers.as_deref(), config, rows)))
    }

    /// What the form does at which site of which layer.
    pub(crate) fn actions(
        &self,
        config: &ModelConfig,
        leaves: &[Tensor<2>],
        constant: Option<&Tensor<2>>,
    ) -> Actions {
        match self {
            Self::Gated(form) => form.actions(config, leaves),
            Self::Lora(form) => form.actions(config, leaves),
            Self::Full(_) => Actions::none(config.num_hidden_layers),
            Self::PerLayer(PerLayer { layers, .. })
            | Self::Scaled(Scaled { layers, .. })
            | Self::LowRank(LowRank { layers, .. })
            | Self::RandomProjection(RandomProjection { layers, .. }) => {
                let (site, matrix) = self
                    .matrix(config, leaves, constant)
                    .expect("these forms are vectors");
                let mut actions = Actions::none(config.num_hidden_layers);
                for layer in chosen(layers.as_deref(), config.num_hidden_layers) {
                    actions.push(layer, site, Action::Add(matrix.clone().narrow(0, layer, 1)));
                }
                actions
            }
        }
    }
}

/// Length of the vectors at a site.
pub(crate) fn width(config: &ModelConfig, site: Site) -> usize {
    match site {
        Site::QProj => config.num_attention_heads * config.head_dim,
        Site::KProj | Site::VProj => config.num_key_value_heads * config.head_dim,
        Site::GateProj | Site::UpProj => config.intermediate_size,
        Site::ResidPre
        | Site::OProj
        | Site::AttnOut
        | Site::ResidMid
        | Site::DownProj
        | Site::MlpOut
        | Site::ResidPost => config.hidden_size,
    }
}

/// The layer that a tensor of a checkpoint is of, from its name, as in `model.layers.3.mlp.down_proj.weight`.
fn layer_in(name: &str) -> Option<usize> {
    let mut parts = name.split('.').skip_while(|&part| part != "layers");
    parts.nth(1)?.parse().ok()
}

/// The layers that a form has parameters for.
fn chosen(layers: Option<&[usize]>, count: usize) -> Vec<usize> {
    layers.map_or_else(|| (0..count).collect(), <[usize]>::to_vec)
}

/// The same, checked against the model.
fn checked(layers: Option<&[usize]>, config: &ModelConfig) -> Result<Vec<usize>, FormError> {
    let count = config.num_hidden_layers;
    let layers = chosen(layers, count);
    if let Some(&layer) = layers.iter().find(|&&layer| layer >= count) {
        return Err(FormError::UnknownLayer { layer, count });
    }
    if layers.is_empty() || !layers.is_sorted_by(|left, right| left < right) {
        return Err(FormError::LayerOrder);
    }
    Ok(layers)
}

fn in_range(
    key: &'static str,
    value: usize,
    range: std::ops::RangeInclusive<usize>,
) -> Result<(), FormError> {
    if range.contains(&value) {
        return Ok(());
    }
    Err(FormError::OutOfRange {
        key,
        value,
        low: *range.start(),
        high: *range.end(),
    })
}

/// Rows of chosen layers, with zeros in the rows of the others.
fn spread(layers: Option<&[usize]>, config: &ModelConfig, rows: Tensor<2>) -> Tensor<2> {
    let Some(layers) = layers else { return rows };
    let count = config.num_hidden_layers;
    let mut token_filter = vec![0.0; count * layers.len()]; // [num_hidden_layers, rows]
    for (row, layer) in layers.iter().enumerate() {
        token_filter[layer * layers.len() + row] = 1.0;
    }
    let token_filter = TensorData::new(token_filter, [count, layers.len()]);
    Tensor::<2>::from_data(token_filter, &rows.device()).matmul(rows)
}

fn zeros(name: &str, [rows, columns]: [usize; 2]) -> Parameter {
    let data = vec![0.0; rows * columns];
    let shape = vec![rows, columns];
    (name.to_owned(), HostTensor { shape, data })
}

fn filled(name: &str, [rows, columns]: [usize; 2], values: Vec<f32>) -> Parameter {
    let shape = vec![rows, columns];
    (
        name.to_owned(),
        HostTensor {
            shape,
            data: values,
        },
    )
}

/// The numbers at an address: what is drawn depends on the seed and on these two words alone.
fn draws(seed: u64, of: u64, index: u64) -> ChaCha8Rng {
    let mut key = [0; 32];
    for (bytes, word) in key.chunks_exact_mut(8).zip([seed, of, index, DRAWS]) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    ChaCha8Rng::from_seed(key)
}

/// Keeps these draws apart from those of sampling, which are keyed by four words too.
const DRAWS: u64 = u64::from_le_bytes(*b"steering");

/// A parameter on a device.
pub(crate) fn on_device(tensor: &HostTensor, device: &Device) -> Tensor<2> {
    let shape = matrix_shape(tensor);
    Tensor::from_data(TensorData::new(tensor.data.clone(), shape), device)
}

fn matrix_shape(tensor: &HostTensor) -> [usize; 2] {
    match tensor.shape[..] {
        [rows, columns] => [rows, columns],
        _ => [1, tensor.data.len()],
    }
}
