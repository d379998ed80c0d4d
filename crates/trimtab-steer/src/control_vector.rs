//! GGUF control vectors, as llama.cpp and repeng read and write them.

use std::path::Path;

use trimtab_model::file::write_atomically;
use trimtab_model::tensor_file::HostTensor;

use crate::export::ExportError;
use crate::file::SteeringFile;
use crate::gguf::{F32, Gguf, GgufError, TensorInfo, Value, header, padding};

/// What a control vector holds: `direction.l` is added to the residual stream after block `l`.
///
/// llama.cpp (`common/common.cpp`, `src/llama-adapter.cpp`) numbers blocks from 0 and never has a direction for block 0;
/// it reads no metadata. repeng wants `controlvector.model_hint`, the `model_type` of the model.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ControlVector {
    /// `[layers, hidden_size]`, row 0 zero.
    pub(crate) vectors: HostTensor,
    pub(crate) model_hint: Option<String>,
}

/// Most blocks of a model.
const MAX_LAYERS: usize = 1 << 10;
/// Widest residual stream.
const MAX_WIDTH: u64 = 1 << 16;

impl ControlVector {
    /// Reads the file at `path` into at least `layers` rows; those without a direction are zero.
    pub(crate) fn read(path: &Path, layers: usize) -> Result<Self, GgufError> {
        let file = Gguf::open(path)?;
        let refuse = |reason: String| GgufError::NotAControlVector {
            path: path.into(),
            reason,
        };
        let text = |key| file.value(key).and_then(Value::as_str);
        match text("general.architecture") {
            None | Some("controlvector") => (),
            Some(other) => return Err(refuse(format!("its architecture is `{other}`"))),
        }
        let mut directions = vec![];
        let mut width = None;
        for tensor in &file.tensors {
            let number = tensor.name.strip_prefix("direction.");
            let layer = number.and_then(|number| {
                let layer: usize = number.parse().ok()?;
                // `01` and `+1` would be a second name for block 1.
                let canonical = layer.to_string() == number;
                (canonical && (1..MAX_LAYERS).contains(&layer)).then_some(layer)
            });
            let Some(layer) = layer else {
                return Err(refuse(format!(
                    "it has a tensor `{}`; directions are `direction.1` to `direction.{}`",
                    tensor.name,
                    MAX_LAYERS - 1
                )));
            };
            let own = match tensor.dims[..] {
                [own] if tensor.kind == F32 && (1..=MAX_WIDTH).contains(&own) => own as usize,
                _ => {
                    return Err(refuse(format!("`{}` is no vector of F32", tensor.name)));
                }
            };
            if *width.get_or_insert(own) != own {
                return Err(refuse(format!("`{}` has another width", tensor.name)));
            }
            let bytes = file.bytes(tensor)?;
            let (words, _) = bytes.as_chunks::<4>();
            let values: Vec<f32> = words.iter().map(|&word| f32::from_le_bytes(word)).collect();
            if values.iter().any(|value| !value.is_finite()) {
                return Err(refuse(format!(
                    "`{}` holds a value that is not finite",
                    tensor.name
                )));
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
            model_hint: text("controlvector.model_hint").map(str::to_owned),
        })
    }
}

/// What happens to a vector of layer 0, which a control vector cannot express.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstLayer {
    /// It is an error if it is not zero.
    Refuse,
    /// It is left out.
    Drop,
}

/// Writes `steering` as a GGUF control vector for `llama.cpp --control-vector` and repeng: our layer `l` is
/// `direction.l`.
///
/// # Errors
///
/// Layer 0 has a vector (and `first_layer` says so), the vectors act elsewhere than at `resid_post` or at some tokens
/// only, or the disk refuses.
pub fn write_control_vector(
    steering: &SteeringFile,
    first_layer: FirstLayer,
    path: &Path,
) -> Result<(), ExportError> {
    let vectors = steering.everywhere()?;
    let [layers, width] = [vectors.shape[0], vectors.shape[1]];
    let is_zero = vectors.data[..width].iter().all(|&value| value == 0.0);
    if !is_zero && first_layer == FirstLayer::Refuse {
        return Err(ExportError::FirstLayer);
    }
    if layers < 2 {
        return Err(ExportError::OneLayer);
    }
    let hint = steering.metadata.model_type.as_deref().unwrap_or("unknown");
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
        .map(|layer| TensorInfo::new(format!("direction.{layer}"), vec![width as u64], F32))
        .collect();
    let mut bytes = header(&metadata, &tensors);
    for row in vectors.data.chunks_exact(width).skip(1) {
        bytes.extend(row.iter().flat_map(|value| value.to_le_bytes()));
        bytes.resize(bytes.len() + padding(&metadata, 4 * width), 0);
    }
    write_atomically(path, &bytes).map_err(|source| {
        ExportError::Gguf(GgufError::Write {
            path: path.into(),
            source,
        })
    })
}
