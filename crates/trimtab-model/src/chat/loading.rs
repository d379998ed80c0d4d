//! Where a checkpoint folder keeps its chat templates.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{ChatError, ChatTemplate, MAX_SOURCE_BYTES};
use crate::file::read_limited;
use crate::tokenizer_config::{TokenizerConfig, text};

/// Most files that are read in `additional_chat_templates`.
const MAX_FILES: usize = 64;

/// The templates of one file or folder, by name. A text without a name is `default`.
struct Named {
    path: PathBuf,
    templates: BTreeMap<String, Template>,
}

/// A source, or why there is none.
type Template = Result<String, String>;

/// The template of the folder `dir`: see [`ChatTemplate::from_dir`].
pub(super) fn from_dir(dir: &Path) -> Result<Option<ChatTemplate>, ChatError> {
    let path = dir.join("tokenizer_config.json");
    let config = TokenizerConfig::read(&path).map_err(|source| ChatError::Read { path, source })?;
    let named = match from_files(dir)? {
        Some(named) => Some(named),
        None => match named(
            dir.join("tokenizer_config.json"),
            config.get("chat_template"),
        ) {
            Some(named) => Some(named),
            None => from_processor(dir.join("chat_template.json"))?,
        },
    };
    let special_tokens = config
        .special_tokens()
        .filter_map(|(key, token)| Some((key.to_owned(), text(token)?.to_owned())))
        .collect();
    Ok(named.map(|named| named.into_template(special_tokens)))
}

impl Named {
    fn into_template(mut self, special_tokens: BTreeMap<String, String>) -> ChatTemplate {
        let default = self.templates.remove("default").unwrap_or_else(|| {
            let names: Vec<String> = self
                .templates
                .keys()
                .map(|name| format!("`{name}`"))
                .collect();
            Err(match names.as_slice() {
                [] => "it names no template".to_owned(),
                _ => format!("none is named `default`; there is {}", names.join(", ")),
            })
        });
        ChatTemplate {
            path: self.path,
            source: default,
            special_tokens,
        }
    }
}

/// The files `chat_template.jinja` and `additional_chat_templates/*.jinja`.
fn from_files(dir: &Path) -> Result<Option<Named>, ChatError> {
    let mut path = dir.join("chat_template.jinja");
    let mut templates = BTreeMap::new();
    if let Some(source) = read_source(&path)? {
        templates.insert("default".to_owned(), source);
    }
    let folder = dir.join("additional_chat_templates");
    let unread = |source| ChatError::Read {
        path: folder.clone(),
        source,
    };
    if folder.is_dir() {
        for entry in fs::read_dir(&folder).map_err(unread)?.take(MAX_FILES) {
            let file = entry.map_err(unread)?.path();
            let name = file.file_name().and_then(|name| name.to_str());
            let Some(name) = name.and_then(|name| name.strip_suffix(".jinja")) else {
                continue;
            };
            if let Some(source) = read_source(&file)? {
                templates.insert(name.to_owned(), source);
            }
        }
        if !path.exists() {
            path = folder;
        }
    }
    Ok((!templates.is_empty()).then_some(Named { path, templates }))
}

/// `chat_template.json`, which older processors of images have.
fn from_processor(path: PathBuf) -> Result<Option<Named>, ChatError> {
    match TokenizerConfig::read(&path) {
        Ok(config) => Ok(named(path, config.get("chat_template"))),
        Err(error) => {
            let source = usable(&path, Err(error))?;
            Ok(source.map(|source| Named {
                path,
                templates: BTreeMap::from([("default".to_owned(), source)]),
            }))
        }
    }
}

/// The templates in the value of the key `chat_template`: a text, an object of texts by name, or a
/// list of objects with `name` and `template`. The last of a name counts, as in transformers.
fn named(path: PathBuf, value: Option<&Value>) -> Option<Named> {
    let unusable = || Err("`chat_template` is not a text, and no list of named texts".to_owned());
    let source = |value: &Value| value.as_str().map_or_else(unusable, sized);
    let templates = match value? {
        Value::Null => return None,
        Value::Object(named) => named
            .iter()
            .map(|(name, template)| (name.clone(), source(template)))
            .collect(),
        Value::Array(named) => named
            .iter()
            .filter_map(|each| Some((each["name"].as_str()?.to_owned(), source(&each["template"]))))
            .collect(),
        other => BTreeMap::from([("default".to_owned(), source(other))]),
    };
    Some(Named { path, templates })
}

/// The source in a file, or `None` where there is none.
fn read_source(path: &Path) -> Result<Option<Template>, ChatError> {
    let bytes = read_limited(path, MAX_SOURCE_BYTES as u64);
    usable(
        path,
        bytes.and_then(|bytes| {
            String::from_utf8(bytes)
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
        }),
    )
}

/// A file that is too large or malformed is no error of loading, but one that cannot be read is.
fn usable(path: &Path, text: io::Result<String>) -> Result<Option<Template>, ChatError> {
    match text {
        Ok(text) => Ok(Some(Ok(text))),
        Err(error) => match error.kind() {
            io::ErrorKind::NotFound => Ok(None),
            io::ErrorKind::InvalidData
            | io::ErrorKind::FileTooLarge
            | io::ErrorKind::UnexpectedEof => Ok(Some(Err(error.to_string()))),
            _ => Err(ChatError::Read {
                path: path.into(),
                source: error,
            }),
        },
    }
}

/// A source within [`MAX_SOURCE_BYTES`].
pub(super) fn sized(source: &str) -> Template {
    if source.len() > MAX_SOURCE_BYTES {
        return Err(format!(
            "it is larger than the limit of {MAX_SOURCE_BYTES} bytes"
        ));
    }
    Ok(source.to_owned())
}
