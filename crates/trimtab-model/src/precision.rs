//! The number formats of a model's weights.

use std::path::Path;

use burn::tensor::Device;
use trimtab_kernels::{self as kernels, BlockFormat, Format, Isa};

use crate::gguf::GgufFile;
use crate::pretrained::source;

/// The number format of a model's weights, which also decides how exactly the model computes.
///
/// On the CPU activations are f32 whatever the weights are. On other devices they have the dtype
/// of the weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// 32-bit floating point, the reference that tests compare with.
    F32,
    /// bfloat16, half the memory. On processors that multiply bfloat16, activations are rounded
    /// to it before a product; sums are f32.
    Bf16,
    /// 8-bit integers with a scale for each 32 inputs of an output, a bit more than a quarter of
    /// the memory. On processors with dot products of bytes, activations are rounded to such
    /// blocks before a product, in sampling and in training. CPU only.
    Q8,
    /// 4-bit integers, as [`Precision::Q8`], a bit more than an eighth of the memory. CPU only.
    Q4,
    /// Weights as the checkpoint stores them, none of them rounded: quantised blocks of a GGUF file
    /// stay blocks. On processors with dot products of bytes, activations are rounded to 16-bit
    /// codes before a product, which is closer to f32 than bfloat16. Half precision becomes f32.
    /// CPU only.
    File,
}

impl Precision {
    /// The fastest format on `device` without a measurable loss (`docs/performance.md`): bfloat16
    /// on processors that multiply it, f32 elsewhere.
    pub fn fastest(device: &Device) -> Self {
        if kernels::is_cpu(device) && Isa::current() >= Isa::Avx512Bf16 {
            Self::Bf16
        } else {
            Self::F32
        }
    }

    /// As [`Self::fastest`], for the checkpoint at `path` and so many sequences at a time.
    ///
    /// The blocks of a quantised GGUF file stay as they are on processors that multiply bytes,
    /// unless there are at least eight sequences and AMX, which is several times as fast in
    /// bfloat16.
    pub fn fastest_for(path: &Path, device: &Device, sequences: usize) -> Self {
        let isa = Isa::current();
        let multiplies_bytes = kernels::is_cpu(device) && isa.has_byte_dot();
        let fills_tiles = isa == Isa::Amx && sequences >= 8;
        if multiplies_bytes && !fills_tiles && has_blocks(path) {
            Self::File
        } else {
            Self::fastest(device)
        }
    }

    const ALL: [Self; 5] = [Self::F32, Self::Bf16, Self::Q8, Self::Q4, Self::File];

    /// The name in files and flags: `f32`, `bf16`, `q8`, `q4`, `file`.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::Q8 => "q8",
            Self::Q4 => "q4",
            Self::File => "file",
        }
    }

    /// The format of all matrices, unless it is that of each in the checkpoint.
    pub(crate) fn format(self) -> Option<Format> {
        Some(match self {
            Self::F32 => Format::F32,
            Self::Bf16 => Format::Bf16,
            Self::Q8 => Format::Blocks(BlockFormat::Q8),
            Self::Q4 => Format::Blocks(BlockFormat::Q4),
            Self::File => return None,
        })
    }
}

/// Whether most numbers of the GGUF file at `path` are in blocks that kernels multiply as they are.
fn has_blocks(path: &Path) -> bool {
    let Ok(file) = source(path)
        .map_err(drop)
        .and_then(|path| GgufFile::open(&path).map_err(drop))
    else {
        return false; // a folder, or loading says what is wrong
    };
    let (mut all, mut in_blocks) = (0, 0);
    for tensor in file.tensors() {
        all += tensor.count();
        if tensor.kind.block_format().is_some() {
            in_blocks += tensor.count();
        }
    }
    2 * in_blocks > all
}

impl std::str::FromStr for Precision {
    type Err = UnknownPrecision;

    fn from_str(name: &str) -> Result<Self, UnknownPrecision> {
        let precision = Self::ALL
            .into_iter()
            .find(|precision| precision.name() == name);
        precision.ok_or_else(|| UnknownPrecision(name.to_owned()))
    }
}

/// A name that no [`Precision`] has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no precision `{0}`; choose f32, bf16, q8, q4 or file")]
pub struct UnknownPrecision(String);
