use serde::{Deserialize, Serialize};
use trimtab_model::ModelConfig;
use trimtab_model::tensor_file::HostTensor;

use super::Parameter;

/// Every weight of the model, the embedding included, tied embeddings once.
///
/// Nothing is added to activations: [`DeviceAdapter::model`](crate::DeviceAdapter::model) builds a model of the parameters, which are named and shaped as
/// in the checkpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Full {}

impl Full {
    /// The names and shapes, without the numbers of a checkpoint.
    pub(super) fn shapes(config: &ModelConfig) -> Vec<Parameter> {
        trimtab_model::Model::tensor_shapes(config)
            .into_iter()
            .map(|(name, shape)| {
                (
                    name,
                    HostTensor {
                        shape,
                        data: vec![],
                    },
                )
            })
            .collect()
    }
}
