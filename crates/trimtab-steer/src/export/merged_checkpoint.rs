//! A checkpoint with the vectors inside, for runtimes that know nothing of steering.
//!
//! In a pre-norm decoder the residual stream after a layer is `resid_mid + mlp_out`, so adding a
//! vector to it is a bias on `mlp.down_proj`. Stock transformers and vLLM read such a bias in a
//! `LlamaForCausalLM` with `mlp_bias`. Qwen2, Mistral and Ministral compute what Llama computes
//! with other biases. The classes of Granite and SmolLM3 have `mlp_bias` too.

mod llama_config;
mod merged_config;
mod shards;

use std::fs;
use std::io;
use std::path::Path;

use serde_json::{Map, Value, json};
use trimtab_model::ModelConfig;
use trimtab_model::checkpoint_weights::CheckpointWeights;
use trimtab_model::file::sync_folder;
use trimtab_model::gguf::GgufFile;

use super::error::ExportError;
use super::folder::{copy_tokenizer, parent, read_config, read_object, temporary, write_json};
use crate::steering_file::SteeringFile;
use merged_config::merged_config;
use shards::write_shards;

pub use llama_config::SlidingWindowPolicy;

/// Writes the checkpoint `source`, a folder or a GGUF file, with vectors inside to the new folder
/// `out`. It becomes a `LlamaForCausalLM` with `mlp_bias`, and with `attention_bias` where the
/// source has one. A Granite or a SmolLM3 keeps its class.
///
/// Weights keep their dtype and their shards and are copied tensor by tensor. New biases are F32,
/// and so are weights that were quantised.
/// The folder gets its name when it is complete. [`ReferenceLogits`](super::ReferenceLogits) checks
/// that it computes the same.
///
/// ```no_run
/// use trimtab_model::{Device, Precision, Pretrained};
/// use trimtab_steer::SteeringFile;
/// use trimtab_steer::export::{SlidingWindowPolicy, merge_checkpoint};
///
/// let source = "checkpoint".as_ref();
/// let base = Pretrained::load(source, Precision::F32, &Device::flex())?;
/// let file = SteeringFile::read("steering.safetensors".as_ref(), &base)?;
/// merge_checkpoint(source, &file, SlidingWindowPolicy::Refuse, "merged".as_ref())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// - The model computes what no Llama with biases computes, or has a sliding window and the policy
///   refuses it.
/// - The file is not vectors at `resid_post` of every token.
/// - `out` exists and is not empty, or a file cannot be read or written.
pub fn merge_checkpoint(
    source: &Path,
    file: &SteeringFile,
    policy: SlidingWindowPolicy,
    out: &Path,
) -> Result<(), ExportError> {
    let vectors = file.resid_post_vectors()?;
    let allowed = &file.metadata.allowed_config_keys;
    let config = if source.is_file() {
        ModelConfig::from_gguf_allowing(&GgufFile::open(source)?, allowed)?
    } else {
        ModelConfig::from_dir_allowing(source, allowed)?
    };
    let merged_config = merged_config(&read_config(source)?, &config, policy)?;
    let occupied = fs::read_dir(out).map_or(out.exists(), |mut inside| inside.next().is_some());
    if occupied {
        return Err(ExportError::Exists { path: out.into() });
    }
    let parent = parent(out);
    let unwritten = |path: &Path| {
        let path = path.to_owned();
        move |source: io::Error| ExportError::Write { path, source }
    };
    fs::create_dir_all(parent).map_err(unwritten(parent))?;
    let folder = temporary(0o755)
        .tempdir_in(parent)
        .map_err(unwritten(parent))?;
    write_json(&folder.path().join("config.json"), &merged_config.into())?;
    copy_tokenizer(source, folder.path())?;
    if let Some(tokenizer) = tokenizer_config(source, &config)? {
        write_json(&folder.path().join("tokenizer_config.json"), &tokenizer)?;
    }
    // What the MLP adds to the residual stream is scaled, and the bias with it.
    let scale = config.architecture.residual_scale as f32;
    let biases: Vec<f32> = vectors.data.iter().map(|value| value / scale).collect();
    let rows: Vec<&[f32]> = biases.chunks_exact(config.hidden_size).collect();
    let weights = CheckpointWeights::open(source)?;
    write_shards(&weights, &config, &rows, folder.path())?;
    sync_folder(folder.path()).map_err(unwritten(out))?;
    fs::rename(folder.path(), out).map_err(unwritten(out))?;
    let _ = folder.keep(); // it has its final name
    sync_folder(parent).map_err(unwritten(parent))
}

/// `tokenizer_config.json` of `source`. It names the tokenizer class where transformers would take
/// the class from the family, because the family changes. For a Qwen2 it does so whatever class is
/// named, unless the folder has code of its own.
fn tokenizer_config(source: &Path, config: &ModelConfig) -> Result<Option<Value>, ExportError> {
    let path = source.join("tokenizer_config.json");
    let mut tokenizer = if path.is_file() {
        read_object(&path)?
    } else if config.model_type == "qwen2" && source.join("vocab.json").is_file() {
        Map::new()
    } else {
        return Ok(None);
    };
    if config.model_type == "qwen2" && !tokenizer.contains_key("auto_map") {
        tokenizer.insert("tokenizer_class".to_owned(), json!("Qwen2Tokenizer"));
    }
    Ok(Some(tokenizer.into()))
}
