//! `config.json` of a merged checkpoint.

use serde_json::{Map, Value, json};
use trimtab_model::ModelConfig;

use super::llama_config::{SlidingWindowPolicy, llama_config};
use crate::export::error::ExportError;

/// Families other than Llama whose class in transformers reads biases of the MLP, with that class.
const WITH_MLP_BIAS: [(&str, &str); 2] = [
    ("granite", "GraniteForCausalLM"),
    ("smollm3", "SmolLM3ForCausalLM"),
];

/// `config.json` of a model with a bias on `down_proj` that else computes what `config` says: of
/// its own class if that reads such biases, or of a Llama. `raw` is the file that `config` was
/// parsed from.
pub(super) fn merged_config(
    raw: &Map<String, Value>,
    config: &ModelConfig,
    policy: SlidingWindowPolicy,
) -> Result<Map<String, Value>, ExportError> {
    let own = WITH_MLP_BIAS
        .iter()
        .find(|(model_type, _)| *model_type == config.model_type);
    let Some((_, class)) = own else {
        return llama_config(raw, config, policy);
    };
    let mut merged = raw.clone();
    merged.insert("architectures".to_owned(), json!([class]));
    merged.insert("mlp_bias".to_owned(), json!(true));
    Ok(merged)
}
