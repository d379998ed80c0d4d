//! The checkpoint of a fully tuned model, in the layout of the one that it was tuned from.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use trimtab_model::file::write_atomically;

use super::error::ExportError;
use super::folder::{copy, copy_tokenizer, read_config, write_json};
use crate::adapter::Adapter;
use crate::form::Form;

impl Adapter {
    /// Writes the weights of full tuning as a Hugging Face checkpoint to the folder `out`, which is
    /// created if it is missing.
    ///
    /// Configuration and tokenizer are those of the checkpoint `source`, a folder or a GGUF file;
    /// the dtype is F32.
    ///
    /// # Errors
    ///
    /// The form is not full tuning, or a file cannot be read or written.
    pub fn write_checkpoint(&self, source: &Path, out: &Path) -> Result<(), ExportError> {
        if !matches!(self.form(), Form::Full(_)) {
            let form = self.form().name();
            return Err(ExportError::NotFullTuning { form });
        }
        let unwritten = |path: &Path, source| ExportError::Write {
            path: path.into(),
            source,
        };
        fs::create_dir_all(out).map_err(|error| unwritten(out, error))?;
        copy_tokenizer(source, out)?;
        copy(source, "tokenizer_config.json", out)?;
        let mut config = read_config(source)?;
        let dtype = ["dtype", "torch_dtype"].map(|key| config.remove(key).map(|_| key));
        let dtype = dtype.into_iter().flatten().next().unwrap_or("torch_dtype");
        config.insert(dtype.to_owned(), json!("float32"));
        write_json(&out.join("config.json"), &Value::Object(config))?;
        let path = out.join("model.safetensors");
        let tensors = self
            .parameters()
            .iter()
            .map(|(name, tensor)| (name, tensor));
        let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
        let bytes = safetensors::serialize(tensors, Some(metadata));
        let bytes = bytes.expect("every tensor has as many numbers as its shape says");
        write_atomically(&path, &bytes).map_err(|error| unwritten(&path, error))
    }
}
