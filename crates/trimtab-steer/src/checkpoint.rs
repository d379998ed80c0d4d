//! The checkpoint of a fully tuned model, in the layout of the one that it was tuned from.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use trimtab_model::file::write_atomically;

use crate::adapter::Adapter;
use crate::export::ExportError;
use crate::form::Form;
use crate::merged_checkpoint::{COPIED, read_object, write_json};

impl Adapter {
    /// Writes the weights of full tuning as a Hugging Face checkpoint in the folder `out`, which is made if it is not there. Configuration
    /// and tokenizer are those of the checkpoint in the folder `source`, the number format is F32.
    ///
    /// # Errors
    ///
    /// The form is another one, `source` cannot be read, or the disk refuses.
    pub fn write_checkpoint(&self, source: &Path, out: &Path) -> Result<(), ExportError> {
        if !matches!(self.form(), Form::Full(_)) {
            let form = self.form().name();
            return Err(ExportError::NoWeights { form });
        }
        let unwritten = |path: &Path, source| ExportError::Write {
            path: path.into(),
            source,
        };
        fs::create_dir_all(out).map_err(|error| unwritten(out, error))?;
        for &name in COPIED.iter().chain(&["tokenizer_config.json"]) {
            let path = source.join(name);
            if path.is_file() {
                fs::copy(&path, out.join(name))
                    .map_err(|source| ExportError::Copy { path, source })?;
            }
        }
        let mut config = read_object(&source.join("config.json"))?;
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
