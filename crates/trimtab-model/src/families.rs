//! The families of decoders, a file each. `docs/families.md` says how to add one.

mod common;
mod gemma2;
mod gemma3;
mod granite;
mod layer_ropes;
mod llama;
mod ministral;
mod ministral3;
mod mistral;
mod mistral3;
mod olmo2;
mod olmo3;
mod phi3;
mod qwen2;
mod qwen3;
mod qwen3_5;
mod qwen3_moe;
mod qwen3_vl;
mod smollm3;

use crate::config::architecture::ModelConfig;
use crate::config::error::{ConfigError, refuse};
use crate::config::keys::ConfigKeys;

/// A function that reads `config.json` of a `model_type`.
type Family = fn(&mut ConfigKeys) -> Result<ModelConfig, ConfigError>;

const FAMILIES: [(&str, Family); 21] = [
    ("gemma2", gemma2::read),
    ("gemma3", gemma3::read_with_images),
    ("gemma3_text", gemma3::read),
    ("granite", granite::read),
    ("llama", llama::read),
    ("ministral", ministral::read),
    ("ministral3", ministral3::read),
    ("mistral", mistral::read),
    ("mistral3", mistral3::read),
    ("olmo2", olmo2::read),
    ("olmo3", olmo3::read),
    ("phi3", phi3::read),
    ("qwen2", qwen2::read),
    ("qwen3", qwen3::read),
    ("qwen3_5", qwen3_5::read_with_images),
    ("qwen3_5_moe", qwen3_5::read_with_images),
    ("qwen3_5_moe_text", qwen3_5::read),
    ("qwen3_5_text", qwen3_5::read),
    ("qwen3_moe", qwen3_moe::read),
    ("qwen3_vl", qwen3_vl::read),
    ("smollm3", smollm3::read),
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
