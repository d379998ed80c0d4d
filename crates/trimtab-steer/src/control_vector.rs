//! GGUF control vectors, as llama.cpp and repeng read and write them.

use std::path::Path;

use trimtab_model::gguf::{
    GgufError, Header, TensorInfo, TensorType, Value, header_bytes, padding,
};
use trimtab_model::tensor_file::HostTensor;

use crate::steering_file::SteeringFileError;

/// A control vector: `direction.l` is added to the residual stream after block `l`.
///
/// llama.cpp (`common/common.cpp`, `src/llama-adapter.cpp`) numbers blocks from 0, has no direction
/// for block 0, and reads no metadata. repeng needs `controlvector.model_hint`, the `model_type` of
/// the model.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ControlVector {
    /// `[layers, hidden_size]`, row 0 zero.
    pub(crate) vectors: HostTensor,
    pub(crate) model_hint: Option<String>,
}

/// Whether a hint names a `model_type`: itself, as repeng writes it, or the architecture that
/// llama.cpp has for it, as its `llama-cvector-generator` does.
///
/// llama.cpp writes the names without hyphens (`qwen3moe`), and has no name of their own for some
/// (`MODEL_ARCH_NAMES` of the package `gguf`).
pub(crate) fn names_type(hint: &str, model_type: &str) -> bool {
    const SHARED: [(&str, &str); 5] = [
        ("mistral", "llama"),
        ("ministral3", "llama"),
        ("ministral3", "mistral3"),
        ("mistral3", "llama"),
        ("olmo3", "olmo2"),
    ];
    let plain = |name: &str| -> String {
        // A multimodal model and its text part are one model here.
        let name = name.strip_suffix("_text").unwrap_or(name);
        name.chars().filter(|char| char.is_alphanumeric()).collect()
    };
    let (hint, model_type) = (plain(hint), plain(model_type));
    hint == model_type || SHARED.contains(&(&*model_type, &*hint))
}

/// Largest count of layers.
const MAX_LAYERS: usize = 1 << 10;
/// The hint of a file whose model is not known.
const UNKNOWN: &str = "unknown";
/// Largest width of the residual stream.
const MAX_WIDTH: u64 = 1 << 16;

impl ControlVector {
    /// Parses the bytes of a file into at least `layers` rows; rows without a direction are zero.
    /// `path` is for messages only.
    pub(crate) fn from_bytes(
        bytes: &[u8],
        path: &Path,
        layers: usize,
    ) -> Result<Self, SteeringFileError> {
        let header =
            Header::parse(bytes, bytes.len() as u64).map_err(|reason| GgufError::Malformed {
                path: path.into(),
                reason,
            })?;
        let refuse = |reason: String| SteeringFileError::NotAControlVector {
            path: path.into(),
            reason,
        };
        let text = |key| header.value(key).and_then(Value::as_str);
        match text("general.architecture") {
            None | Some("controlvector") => (),
            Some(other) => {
                return Err(refuse(format!(
                    "its architecture is `{other}`; is it a model (--model)?"
                )));
            }
        }
        let mut directions = vec![];
        let mut width = None;
        for tensor in &header.tensors {
            let (layer, values) = direction(bytes, &header, tensor).map_err(refuse)?;
            if *width.get_or_insert(values.len()) != values.len() {
                return Err(refuse(format!("`{}` has another width", tensor.name)));
            }
            directions.push((layer, values));
        }
        let width = width.ok_or_else(|| refuse("it has no direction".to_owned()))?;
        let last = directions.iter().map(|(layer, _)| *layer).max();
        let layers = layers.max(last.map_or(0, |last| last + 1));
        let mut data = vec![0.0; layers * width];
        for (layer, values) in directions {
            data[layer * width..][..width].copy_from_slice(&values);
        }
        let vectors = HostTensor {
            shape: vec![layers, width],
            data,
        };
        Ok(Self {
            vectors,
            model_hint: text("controlvector.model_hint")
                .filter(|hint| *hint != UNKNOWN)
                .map(str::to_owned),
        })
    }

    /// The bytes of a file. Row 0 is left out, and there must be more rows than that.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let [layers, width] = [self.vectors.shape[0], self.vectors.shape[1]];
        let hint = self.model_hint.as_deref().unwrap_or(UNKNOWN);
        let metadata = [
            (
                "general.architecture".to_owned(),
                Value::string("controlvector"),
            ),
            ("controlvector.model_hint".to_owned(), Value::string(hint)),
            (
                "controlvector.layer_count".to_owned(),
                Value::uint32(layers as u32 - 1),
            ),
        ];
        let tensors: Vec<TensorInfo> = (1..layers)
            .map(|layer| {
                TensorInfo::new(
                    format!("direction.{layer}"),
                    vec![width as u64],
                    TensorType::F32,
                )
            })
            .collect();
        let mut bytes = header_bytes(&metadata, &tensors);
        for row in self.vectors.data.chunks_exact(width).skip(1) {
            bytes.extend(row.iter().flat_map(|value| value.to_le_bytes()));
            bytes.resize(bytes.len() + padding(&metadata, 4 * width), 0);
        }
        bytes
    }
}

/// Layer and values of a tensor, or why it is not a direction.
fn direction(
    bytes: &[u8],
    header: &Header,
    tensor: &TensorInfo,
) -> Result<(usize, Vec<f32>), String> {
    let number = tensor.name.strip_prefix("direction.");
    let layer = number.and_then(|number| {
        let layer: usize = number.parse().ok()?;
        // `01` and `+1` would be a second name for block 1.
        let canonical = layer.to_string() == number;
        (canonical && (1..MAX_LAYERS).contains(&layer)).then_some(layer)
    });
    let layer = layer.ok_or_else(|| {
        format!(
            "it has a tensor `{}`; directions are `direction.1` to `direction.{}`",
            tensor.name,
            MAX_LAYERS - 1
        )
    })?;
    match tensor.dims[..] {
        [width] if tensor.kind == TensorType::F32 && (1..=MAX_WIDTH).contains(&width) => (),
        _ => return Err(format!("`{}` is not a vector of F32", tensor.name)),
    }
    let range = header.byte_range(tensor);
    let (words, _) = bytes[range.start as usize..range.end as usize].as_chunks::<4>();
    let values: Vec<f32> = words.iter().map(|&word| f32::from_le_bytes(word)).collect();
    if values.iter().any(|value| !value.is_finite()) {
        return Err(format!(
            "`{}` holds a value that is not finite",
            tensor.name
        ));
    }
    Ok((layer, values))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_are_model_types_or_architectures_of_llama_cpp() {
        for (hint, model_type) in [
            ("llama", "llama"),
            ("llama", "mistral"),
            ("mistral", "mistral"),
            ("gemma3", "gemma3_text"),
            ("gemma3_text", "gemma3"),
            ("gemma2", "gemma2"),
            ("qwen2", "qwen2"),
            ("qwen3", "qwen3"),
            ("qwen3moe", "qwen3_moe"),
            ("qwen3vl", "qwen3_vl_text"),
            ("qwen35", "qwen3_5_text"),
            ("phi3", "phi3"),
            ("olmo2", "olmo3"),
            ("smollm3", "smollm3"),
            ("mistral3", "ministral3"),
            ("granite", "granite"),
        ] {
            assert!(names_type(hint, model_type), "{hint} {model_type}");
        }
        for (hint, model_type) in [
            ("mistral", "llama"),
            ("qwen2", "qwen3"),
            ("gemma2", "gemma3_text"),
            ("qwen3", "qwen3_moe"),
            ("", "llama"),
        ] {
            assert!(!names_type(hint, model_type), "{hint} {model_type}");
        }
    }
}
