//! A GGUF model with the vectors inside, for llama.cpp without a control vector.
//!
//! Of the pre-norm decoders in llama.cpp, `llama` reads an optional `blk.l.ffn_down.bias`
//! (`src/models/llama.cpp`). `qwen2` does not, but `llama` also reads the biases of Qwen2. The two
//! differ in which numbers of a head RoPE rotates together, so rows of queries and keys are
//! permuted.

mod float_model;
mod plan;
mod rope_layout;

use std::path::Path;

use trimtab_model::file::sync_folder;
use trimtab_model::gguf::{GgufFile, Value};
use trimtab_model::tensor_file::HostTensor;
use trimtab_model::{Device, ModelConfig};

use super::error::ExportError;
use super::folder::{parent, temporary};
use super::reference_logits::ReferenceLogits;
use crate::steering_file::SteeringFile;
use crate::steering_vectors::SteeringVectors;
use float_model::float_model;
use plan::Plan;
use rope_layout::{HeadCounts, RopeLayout};

/// How an export was verified.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verification {
    /// Both models ran.
    Logits {
        /// The largest difference of a logit.
        max_difference: f32,
    },
    /// The model is quantised and was not run. Every tensor is that of the source, and the biases
    /// are the vectors.
    Tensors,
}

/// Writes the GGUF model `source` with vectors inside to `out`, reloads it and compares.
///
/// The vectors become `blk.l.ffn_down.bias`. `source` may be `llama` or `qwen2`, quantised or not;
/// `config` is that of the base model.
///
/// # Errors
///
/// - `source` has another architecture or another shape, or is one of several parts.
/// - The file is not vectors at `resid_post` of every token.
/// - `out` exists, or a file cannot be read or written.
/// - The export computes something else.
pub fn merge_gguf(
    source: &Path,
    config: &ModelConfig,
    file: &SteeringFile,
    out: &Path,
) -> Result<Verification, ExportError> {
    let vectors = file.resid_post_vectors()?;
    let input = GgufFile::open(source)?;
    let heads = qwen2_heads(&input, vectors)?;
    let plan = Plan::new(&input, vectors, heads.as_ref())?;
    let unwritten = |source| ExportError::Write {
        path: out.into(),
        source,
    };
    if out.exists() {
        return Err(ExportError::Exists { path: out.into() });
    }
    let folder = parent(out);
    let temporary = temporary(0o644).tempfile_in(folder).map_err(unwritten)?;
    plan.write(&input, temporary.as_file(), out)?;
    temporary.as_file().sync_all().map_err(unwritten)?;
    let layout = match heads {
        Some(_) => RopeLayout::Halves,
        None => RopeLayout::Interleaved,
    };
    let output = GgufFile::open(temporary.path())?;
    let verification = if input.tensors().all(|tensor| tensor.kind.is_float()) {
        let max_difference = compare_logits(&input, layout, &output, config, vectors)?;
        Verification::Logits { max_difference }
    } else {
        plan.compare(&input, &output)?;
        Verification::Tensors
    };
    temporary
        .persist(out)
        .map_err(|error| unwritten(error.error))?;
    sync_folder(folder).map_err(unwritten)?;
    Ok(verification)
}

/// The counts of heads of a Qwen2, whose rows are permuted, or `None` for a Llama. Refuses files
/// that cannot be merged.
fn qwen2_heads(input: &GgufFile, vectors: &HostTensor) -> Result<Option<HeadCounts>, ExportError> {
    let text = |key| input.value(key).and_then(Value::as_str);
    let architecture = text("general.architecture").unwrap_or("unknown");
    let refuse = |reason: &str| ExportError::Inexpressible {
        model_type: architecture.to_owned(),
        target: "merged GGUF",
        reason: reason.to_owned(),
    };
    if !["llama", "qwen2"].contains(&architecture) {
        return Err(refuse(
            "llama.cpp reads a bias on ffn_down only for `llama`, as which a `qwen2` can run; \
             a control vector works for every family",
        ));
    }
    let number = |key: &str| {
        let value = input.value(&format!("{architecture}.{key}"));
        value.and_then(Value::as_u64)
    };
    let parts = input.value("split.count").and_then(Value::as_u64);
    if parts.unwrap_or(1) > 1 || number("expert_count").unwrap_or(0) > 0 {
        return Err(refuse(
            "it is one of several parts, or a mixture of experts",
        ));
    }
    let shape = [number("block_count"), number("embedding_length")].map(Option::unwrap_or_default);
    let expected = [vectors.shape[0] as u64, vectors.shape[1] as u64];
    if shape != expected {
        let ([layers, width], [ours, wide]) = (shape, expected);
        return Err(refuse(&format!(
            "it is another model: it has {layers} layers of width {width}, the vectors are for \
             {ours} of width {wide}"
        )));
    }
    if architecture == "llama" {
        return Ok(None);
    }
    let queries = number("attention.head_count");
    let keys = number("attention.head_count_kv").or(queries);
    match (queries, keys) {
        (Some(queries), Some(keys)) if queries > 0 && keys > 0 => {
            Ok(Some(HeadCounts { queries, keys }))
        }
        _ => Err(refuse("it does not say how many heads it has")),
    }
}

/// Runs the source with the vectors, then the export. Returns the largest difference of a logit.
fn compare_logits(
    input: &GgufFile,
    layout: RopeLayout,
    output: &GgufFile,
    config: &ModelConfig,
    vectors: &HostTensor,
) -> Result<f32, ExportError> {
    let reference = {
        let model = float_model(input, config, layout)?;
        let steering = SteeringVectors::from_host(vectors, &Device::flex());
        ReferenceLogits::new(&model, Some(&steering.hook()))
    };
    let merged = float_model(output, config, RopeLayout::Interleaved)?;
    reference.compare(&merged, None)
}
