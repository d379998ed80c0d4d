//! Reading and writing the files of a checkpoint folder.

use std::fs;
use std::io;
use std::path::Path;

use serde_json::{Map, Value};

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

/// Copies licence, tokenizer and chat template from one checkpoint folder to another, where they
/// exist.
pub(super) fn copy_tokenizer(source: &Path, out: &Path) -> Result<(), ExportError> {
    COPIED.iter().try_for_each(|name| copy(source, name, out))
}

/// Copies the file `name`, if there is one.
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
