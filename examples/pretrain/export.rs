//! The finished model as a Hugging Face folder.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use anyhow::{Result, anyhow};
use serde_json::json;
use trimtab::model::file::write_atomically;
use trimtab::model::tensor_file::HostTensor;

use crate::tokenizer::END_OF_TEXT;

/// Writes `config.json`, `generation_config.json`, the two files of the tokenizer and
/// `model.safetensors` into `folder`.
pub(crate) fn write(
    folder: &Path,
    config: &serde_json::Value,
    tokenizer: &tokenizers::Tokenizer,
    params: &BTreeMap<String, HostTensor>,
) -> Result<()> {
    let end = json!({ "bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0 });
    let tokenizer_config = json!({
        // transformers 5 replaces the tokenizer of every Qwen2 that has no code of its own. There
        // is none here, and so the class counts.
        "auto_map": { "AutoTokenizer": [null, "PreTrainedTokenizerFast"] },
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": END_OF_TEXT,
        "eos_token": END_OF_TEXT,
        "pad_token": END_OF_TEXT,
        "clean_up_tokenization_spaces": false,
        "model_max_length": config["max_position_embeddings"],
    });
    for (name, value) in [
        ("config.json", config),
        ("generation_config.json", &end),
        ("tokenizer_config.json", &tokenizer_config),
    ] {
        write_atomically(
            &folder.join(name),
            (serde_json::to_string_pretty(value)? + "\n").as_bytes(),
        )?;
    }
    let tokenizer = tokenizer
        .to_string(true)
        .map_err(|error| anyhow!("cannot write the tokenizer: {error}"))?;
    write_atomically(
        &folder.join("tokenizer.json"),
        (tokenizer + "\n").as_bytes(),
    )?;
    // transformers insists on it.
    let format = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    write_atomically(
        &folder.join("model.safetensors"),
        &safetensors::serialize(params, Some(format))?,
    )?;
    Ok(())
}
