use serde::{Deserialize, Serialize};
use trimtab_model::ModelConfig;
use trimtab_model::tensor_file::HostTensor;

use super::parameter::NamedTensor;

/// Every weight of the model, embeddings included; tied embeddings count once.
///
/// Nothing is added to activations. [`DeviceAdapter::model`](crate::DeviceAdapter::model) builds a
/// model of the parameters, which have the names and shapes of the checkpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Full {}

impl Full {
    /// Names and shapes, without values.
    pub(super) fn shapes(config: &ModelConfig) -> Vec<NamedTensor> {
        trimtab_model::Model::tensor_shapes(config)
            .into_iter()
            .map(|(name, shape)| {
                let data = vec![];
                (name, HostTensor { shape, data })
            })
            .collect()
    }
}
