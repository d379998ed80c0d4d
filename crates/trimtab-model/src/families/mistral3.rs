//! The text decoder of Mistral 3 and Ministral 3, in checkpoints that also read images.

use super::common::read_multimodal;
use super::{ministral, ministral3, mistral};
use crate::config::architecture::{ModelConfig, TensorNames};
use crate::config::error::{ConfigError, refuse};
use crate::config::keys::ConfigKeys;

const NAMES: TensorNames = TensorNames {
    decoder: "language_model.model",
    lm_head: "language_model.lm_head",
    unused: &["vision_tower.", "multi_modal_projector."],
};

pub(super) fn read(keys: &mut ConfigKeys) -> Result<ModelConfig, ConfigError> {
    for without_effect_on_text in [
        "image_token_index",
        "multimodal_projector_bias",
        "projector_hidden_act",
        "spatial_merge_size",
        "vision_feature_layer",
    ] {
        keys.ignore(without_effect_on_text);
    }
    let mut config = read_multimodal(keys, "mistral", |keys| match keys.model_type.as_str() {
        "mistral" => mistral::read(keys),
        "ministral" => ministral::read(keys),
        "ministral3" => ministral3::read(keys),
        other => refuse(
            "text_config.model_type",
            format!("`{other}`"),
            "supported are mistral, ministral and ministral3",
        ),
    })?;
    config.tie_word_embeddings = keys.or("tie_word_embeddings", true)?;
    config.architecture.names = NAMES;
    Ok(config)
}
