//! Phi-3 and Phi-4-mini: fused projections, and other rotary frequencies for long texts (LongRoPE).

use super::common::{Defaults, LLAMA, plain};
use crate::config::architecture::ModelConfig;
use crate::config::error::{ConfigError, refuse};
use crate::config::keys::ConfigKeys;
use crate::config::rope::{PartialRotary, RopeScaling};

const DEFAULTS: Defaults = Defaults {
    vocab_size: 32_064,
    hidden_size: 3072,
    intermediate_size: 8192,
    max_position_embeddings: 4096,
    rms_norm_eps: 1e-5,
    partial_rotary: PartialRotary::Used,
    eos_token_id: Some(32_000),
    ..LLAMA
};

pub(super) fn read(keys: &mut ConfigKeys) -> Result<ModelConfig, ConfigError> {
    keys.set_default("original_max_position_embeddings", 4096);
    name_longrope(keys);
    let mut config = plain(keys, &DEFAULTS)?;
    let scaling = &config.architecture.ropes[0].scaling;
    if !matches!(
        scaling,
        RopeScaling::Default {} | RopeScaling::Longrope { .. }
    ) {
        let expected = "Phi-3 has longrope only";
        return refuse("rope_scaling.rope_type", format!("{scaling:?}"), expected);
    }
    config.architecture.fused_projections = true;
    let sliding_window = keys.optional("sliding_window")?;
    for layer in &mut config.architecture.layers {
        layer.sliding_window = sliding_window;
    }
    Ok(config)
}

/// Older files call `longrope` `su` or `yarn`.
fn name_longrope(keys: &mut ConfigKeys) {
    for key in ["rope_scaling", "rope_parameters"] {
        let Some(fields) = keys.object_mut(key) else {
            continue;
        };
        let kind = fields.get("rope_type").or_else(|| fields.get("type"));
        if kind.is_some_and(|kind| kind == "su" || kind == "yarn") {
            fields.insert("rope_type".to_owned(), "longrope".into());
        }
    }
}
