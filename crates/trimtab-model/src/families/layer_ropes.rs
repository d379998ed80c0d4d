//! Rotary embeddings that differ by the type of a layer: global ones see all tokens, local ones
//! have a sliding window.

use serde_json::{Map, Value};

use super::common::LayerType;
use crate::config::architecture::ModelConfig;
use crate::config::error::{ConfigError, refuse};
use crate::config::keys::{ConfigKeys, shorten};
use crate::config::rope::{PartialRotary, RopeConfig, RopeDefaults};

/// Where the rotary embedding of the local layers is in newer files.
const LOCAL_ROPE: &str = "rope_parameters.sliding_attention";

/// Takes apart `rope_parameters`, which newer files nest by the type of layer: returns the fields
/// of the local layers and leaves those of the global ones in `rope_parameters`.
///
/// An older `rope_scaling` changes the global layers only. Where both are given, its fields
/// replace those of `rope_parameters`.
pub(super) fn split_ropes(keys: &mut ConfigKeys) -> Result<Map<String, Value>, ConfigError> {
    let mut nested: Map<String, Value> = keys.or("rope_parameters", Map::new())?;
    let mut take = |layers: &str| match nested.remove(layers) {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(fields)) => Ok(fields),
        Some(other) => {
            let key = format!("rope_parameters.{layers}");
            refuse(key, shorten(&other), "it must be an object")
        }
    };
    let (mut global, local) = (take("full_attention")?, take("sliding_attention")?);
    let scaling: Map<String, Value> = keys.or("rope_scaling", Map::new())?;
    if scaling.contains_key("type") && !scaling.contains_key("rope_type") {
        let expected = format!("`{}` reads `rope_type` instead of `type`", keys.model_type);
        return refuse("rope_scaling", shorten(&scaling.into()), expected);
    }
    global.extend(scaling);
    nested.retain(|_, value| value != "default");
    if !nested.is_empty() {
        let expected = "it must have one object for `full_attention` and one for \
                        `sliding_attention`";
        return refuse("rope_parameters", shorten(&nested.into()), expected);
    }
    keys.put("rope_parameters", global);
    Ok(local)
}

/// Reads the rotary embedding of the local layers from the fields that [`split_ropes`] returned,
/// and gives it to the layers of that type.
pub(super) fn add_local_rope(
    keys: &mut ConfigKeys,
    config: &mut ModelConfig,
    fields: Map<String, Value>,
    rope_theta: f64,
    types: &[LayerType],
) -> Result<(), ConfigError> {
    let defaults = RopeDefaults {
        rope_theta,
        partial: PartialRotary::Ignored,
        query_scaling: false,
        head_dim: config.head_dim,
        max_position_embeddings: config.max_position_embeddings,
    };
    let rope = keys.within(LOCAL_ROPE, fields, |fields| {
        RopeConfig::read_fields(fields, &defaults)
    })?;
    let architecture = &mut config.architecture;
    let index = architecture.ropes.len();
    architecture.ropes.push(rope);
    for (layer, &kind) in architecture.layers.iter_mut().zip(types) {
        if kind == LayerType::SlidingAttention {
            layer.rope = Some(index);
        }
    }
    Ok(())
}
