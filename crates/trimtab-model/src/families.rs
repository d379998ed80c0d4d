//! The families of decoders, a file each. `docs/families.md` says how to add one.

mod common;
mod gemma3;
mod llama;
mod mistral;
mod olmo2;
mod phi3;
mod qwen2;
mod qwen3;

use crate::config::architecture::ModelConfig;
use crate::config::error::{ConfigError, refuse};
use crate::config::keys::ConfigKeys;

/// A function that reads `config.json` of a `model_type`.
type Family = fn(&mut ConfigKeys) -> Result<ModelConfig, ConfigError>;

const FAMILIES: [(&str, Family); 8] = [
    ("gemma3", gemma3::read_multimodal),
    ("gemma3_text", gemma3::read),
    ("llama", llama::read),
    ("mistral", mistral::read),
    ("olmo2", olmo2::read),
    ("phi3", phi3::read),
    ("qwen2", qwen2::read),
    ("qwen3", qwen3::read),
];

/// Reads the keys of `config.json` by its `model_type`.
pub(crate) fn read(keys: &mut ConfigKeys) -> Result<ModelConfig, ConfigError> {
    if let Some((_, family)) = FAMILIES.iter().find(|(name, _)| *name == keys.model_type) {
        return family(keys);
    }
    let known: Vec<&str> = FAMILIES.iter().map(|(name, _)| *name).collect();
    refuse(
        "model_type",
        format!("`{}`", keys.model_type),
        format!("supported are {}", known.join(", ")),
    )
}
