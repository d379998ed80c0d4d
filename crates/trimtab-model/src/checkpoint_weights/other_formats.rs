//! Folders with weights in another format than safetensors.

use std::path::Path;

use super::error::WeightsError;

/// How the names of files in other formats begin and end, and what to do about them.
const FORMATS: [(&str, &str, &str); 9] = [
    (
        "adapter_model",
        "",
        "is a LoRA adapter: give the base as the model and this folder with --vectors",
    ),
    ("pytorch_model", ".bin", RESAVE),
    ("pytorch_model", ".bin.index.json", RESAVE),
    ("tf_model", ".h5", RESAVE),
    ("flax_model", ".msgpack", RESAVE),
    (
        "consolidated",
        "",
        "has the names of the original release: convert it with the script of its family in \
         transformers, or take the folder that the hub has for transformers",
    ),
    (
        "",
        ".gguf",
        "is a GGUF file: give the file itself as the model",
    ),
    (
        "model-",
        ".safetensors",
        "is one of several shards: fetch model.safetensors.index.json too",
    ),
    (
        "",
        ".safetensors",
        "is not named model.safetensors: rename it if it holds all weights",
    ),
];

const RESAVE: &str = "is not read, because such files can run code: convert the folder with \
    transformers, `AutoModelForCausalLM.from_pretrained(DIR).save_pretrained(OUT)`";

/// Says what to do about a folder `dir` without `expected` that has weights in another format.
pub(super) fn refuse_other_formats(dir: &Path, expected: &Path) -> Result<(), WeightsError> {
    if expected.exists() {
        return Ok(());
    }
    let mut names: Vec<String> = match std::fs::read_dir(dir) {
        Ok(entries) => entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .collect(),
        Err(_) => return Ok(()), // the error about `expected` says it
    };
    names.sort();
    for (start, end, advice) in FORMATS {
        let fits = |name: &&String| name.starts_with(start) && name.ends_with(end);
        if let Some(found) = names.iter().find(fits) {
            return Err(WeightsError::OtherFormat {
                path: dir.join(found),
                advice,
            });
        }
    }
    Ok(())
}
