//! Ministral 3 and Devstral 2: Mistral with a scaled rotary embedding (`YaRN`), and with queries
//! that are scaled by their position.

use serde_json::json;

use super::common::{Defaults, LLAMA, plain};
use crate::config::architecture::ModelConfig;
use crate::config::error::ConfigError;
use crate::config::keys::ConfigKeys;

const DEFAULTS: Defaults = Defaults {
    vocab_size: 131_072,
    intermediate_size: 14_336,
    num_hidden_layers: 34,
    num_key_value_heads: Some(8),
    head_dim: Some(128),
    max_position_embeddings: 262_144,
    rms_norm_eps: 1e-5,
    query_scaling: true,
    ..LLAMA
};

pub(super) fn read(keys: &mut ConfigKeys) -> Result<ModelConfig, ConfigError> {
    if keys.is_absent("rope_parameters") {
        let default = json!({
            "rope_type": "yarn", "rope_theta": 1e6, "factor": 16.0,
            "original_max_position_embeddings": 16_384, "beta_fast": 32.0, "beta_slow": 1.0,
            "mscale": 1.0, "mscale_all_dim": 1.0, "llama_4_scaling_beta": 0.1,
        });
        keys.put("rope_parameters", default);
    }
    let mut config = plain(keys, &DEFAULTS)?;
    // The class of transformers does not look at these.
    keys.ignore("layer_types");
    keys.ignore("llama_4_scaling");
    let sliding_window = keys.optional("sliding_window")?;
    for layer in &mut config.architecture.layers {
        layer.sliding_window = sliding_window;
    }
    Ok(config)
}
