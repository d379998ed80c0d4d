//! Reading and writing the files of a checkpoint folder.

use std::fs;
use std::io;
use std::path::Path;

use serde_json::{Map, Value, json};
use trimtab_model::gguf::{GgufFile, config_json};
use trimtab_model::{ModelConfig, Tokenizer};

use super::error::ExportError;

/// Files of a checkpoint that are copied unchanged, where they exist.
const COPIED: &[&str] = &[
    "LICENSE",
    "added_tokens.json",
    "chat_template.jinja",
    "chat_template.json",
    "generation_config.json",
    "merges.txt",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer.model",
    "vocab.json",
];

/// The `config.json` of a checkpoint folder, or of a folder with the model of a GGUF file.
pub(super) fn read_config(source: &Path) -> Result<Map<String, Value>, ExportError> {
    if source.is_file() {
        return Ok(config_json(&GgufFile::open(source)?)?);
    }
    read_object(&source.join("config.json"))
}

/// Copies licence, tokenizer and chat template from one checkpoint to another folder, where they
/// exist. Those of a GGUF file become files.
pub(super) fn copy_tokenizer(source: &Path, out: &Path) -> Result<(), ExportError> {
    if source.is_file() {
        return write_tokenizer(&GgufFile::open(source)?, out);
    }
    COPIED.iter().try_for_each(|name| copy(source, name, out))
}

/// Writes the tokenizer and the chat template of a GGUF file as files of a folder.
fn write_tokenizer(file: &GgufFile, out: &Path) -> Result<(), ExportError> {
    let config = ModelConfig::from_gguf(file)?;
    let tokenizer = Tokenizer::from_gguf(file, config.vocab_size)?;
    let write = |name: &str, text: &str| {
        let path = out.join(name);
        fs::write(&path, text).map_err(|source| ExportError::Write { path, source })
    };
    write("tokenizer.json", &tokenizer.to_json()?)?;
    if let Some(template) = file.string("tokenizer.chat_template")? {
        write("chat_template.jinja", template)?;
    }
    let mut tokens = Map::new();
    tokens.insert(
        "tokenizer_class".to_owned(),
        json!("PreTrainedTokenizerFast"),
    );
    for (name, key) in [
        ("bos_token", "bos_token_id"),
        ("eos_token", "eos_token_id"),
        ("unk_token", "unknown_token_id"),
        ("pad_token", "padding_token_id"),
    ] {
        if let Some(id) = file.u32(&format!("tokenizer.ggml.{key}"))? {
            tokens.insert(name.to_owned(), json!(tokenizer.token_text(id)));
        }
    }
    write_json(&out.join("tokenizer_config.json"), &tokens.into())
}

/// Copies the file `name` of a folder, if there is one.
pub(super) fn copy(source: &Path, name: &str, out: &Path) -> Result<(), ExportError> {
    let path = source.join(name);
    if path.is_file() {
        fs::copy(&path, out.join(name)).map_err(|source| ExportError::Copy { path, source })?;
    }
    Ok(())
}

/// Reads a JSON object.
pub(super) fn read_object(path: &Path) -> Result<Map<String, Value>, ExportError> {
    let unreadable = |source: io::Error| ExportError::Read {
        path: path.into(),
        source,
    };
    let bytes = fs::read(path).map_err(unreadable)?;
    serde_json::from_slice(&bytes).map_err(|error| unreadable(error.into()))
}

/// Writes a JSON file for people to read.
pub(super) fn write_json(path: &Path, value: &Value) -> Result<(), ExportError> {
    let text = serde_json::to_string_pretty(value).expect("JSON is always written") + "\n";
    fs::write(path, text).map_err(|source| ExportError::Write {
        path: path.into(),
        source,
    })
}

/// The folder that contains `path`.
pub(super) fn parent(path: &Path) -> &Path {
    path.parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

/// Builds files and folders under a temporary name, until they are complete. `mode` holds their
/// access rights on Unix, where the default of `tempfile` shuts other users out.
pub(super) fn temporary(mode: u32) -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".merging-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(mode));
    #[cfg(not(unix))]
    let _ = mode;
    builder
}
