//! One tensor of a model, as it was read or packed for the CPU.

use std::sync::Arc;

use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use trimtab_kernels::{self as kernels, Format, Isa, Matrix, SavedActivations};

/// How the weights of a model are kept, and with that how exactly it computes.
///
/// On the CPU activations are f32 whatever the weights are; elsewhere they are of the weights' type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// 32-bit floating point: what tests compare.
    F32,
    /// bfloat16, half the memory. Products of activations and weights round both to it where the processor has such products,
    /// and add up in f32.
    Bf16,
    /// 8-bit integers with a scale for each output, a quarter of the memory; on the CPU only.
    Int8,
}

impl Precision {
    /// What is fastest on `device` without a measurable loss (docs/performance.md): bfloat16 on processors that multiply it,
    /// f32 elsewhere.
    pub fn fastest(device: &Device) -> Self {
        if kernels::is_cpu(device) && Isa::current() == Isa::Avx512Bf16 {
            Self::Bf16
        } else {
            Self::F32
        }
    }

    const ALL: [Self; 3] = [Self::F32, Self::Bf16, Self::Int8];

    /// The name in files and flags: `f32`, `bf16`, `int8`.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::Int8 => "int8",
        }
    }

    pub(crate) fn format(self) -> Format {
        match self {
            Self::F32 => Format::F32,
            Self::Bf16 => Format::Bf16,
            Self::Int8 => Format::Int8,
        }
    }
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
#[error("weights are kept as f32, bf16 or int8, not as `{0}`")]
pub struct UnknownPrecision(String);

/// One tensor of a model.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "a few for each layer")]
pub(crate) enum Weight {
    /// As it was given: on other devices, and where gradients with respect to weights are wanted.
    Tensor(Tensor<2>),
    /// A frozen matrix on the CPU.
    Matrix(Arc<Matrix>),
    /// Frozen numbers on the CPU.
    Vector(Arc<[f32]>),
}

impl Weight {
    /// A vector given as `[1, width]`, `offset` short of what is meant.
    pub(crate) fn vector(row: Tensor<2>, offset: f64) -> Self {
        if !kernels::is_cpu(&row.device()) {
            return Self::Tensor(row);
        }
        let row = row.cast(DType::F32) + offset;
        Self::Vector(kernels::with_slice(&row, |row| row.into()))
    }

    /// `x W + bias`: `x` is `[tokens, inputs]`, the result `[tokens, outputs]`.
    pub(crate) fn multiply(&self, x: Tensor<2>, bias: Option<&Self>) -> Tensor<2> {
        match (self, bias) {
            (Self::Matrix(matrix), Some(Self::Vector(bias))) => {
                kernels::linear(x, matrix.clone(), Some(bias.clone()))
            }
            (Self::Matrix(matrix), None) => kernels::linear(x, matrix.clone(), None),
            (Self::Tensor(weight), bias) => {
                let y = x.matmul(weight.clone());
                match bias {
                    Some(bias) => {
                        let bias = bias.row(&y);
                        y + bias
                    }
                    None => y,
                }
            }
            _ => unreachable!("matrices and vectors are packed together"),
        }
    }

    /// `resid + (x W + bias)`
    pub(crate) fn multiply_onto(
        &self,
        resid: Tensor<2>,
        x: Tensor<2>,
        bias: Option<&Self>,
    ) -> Tensor<2> {
        match (self, bias) {
            (Self::Matrix(matrix), Some(Self::Vector(bias))) => {
                kernels::linear_residual(resid, x, matrix.clone(), Some(bias.clone()))
            }
            (Self::Matrix(matrix), None) => {
                kernels::linear_residual(resid, x, matrix.clone(), None)
            }
            _ => resid + self.multiply(x, bias),
        }
    }

    /// How activations of its layer wait for their gradient: as exact as the products are.
    pub(crate) fn keeps(&self) -> SavedActivations {
        match self {
            Self::Matrix(matrix) if matrix.format() != Format::F32 => SavedActivations::Bf16,
            _ => SavedActivations::F32,
        }
    }

    /// A vector as `[1, width]`, where `like` is.
    pub(crate) fn row(&self, like: &Tensor<2>) -> Tensor<2> {
        match self {
            Self::Tensor(row) => row.clone(),
            Self::Vector(row) => Tensor::from_data(
                TensorData::new(row.to_vec(), [1, row.len()]),
                &like.device(),
            ),
            Self::Matrix(_) => unreachable!("no row but a matrix"),
        }
    }

    /// Columns of `[inputs, outputs]`, `[columns, inputs]`: a table of embeddings is stored like the unembedding.
    pub(crate) fn columns(&self, ids: &[u32], device: &Device) -> Tensor<2> {
        match self {
            Self::Tensor(table) => {
                let ids: Vec<i64> = ids.iter().map(|&id| i64::from(id)).collect();
                let count = ids.len();
                let ids = Tensor::<1, Int>::from_data(TensorData::new(ids, [count]), device);
                table.clone().select(1, ids).transpose()
            }
            Self::Matrix(table) => {
                let rows = TensorData::new(table.gather_columns(ids), [ids.len(), table.inputs()]);
                Tensor::from_data(rows, device)
            }
            Self::Vector(_) => unreachable!("no table but a vector"),
        }
    }

    /// The tensor, if it is one.
    pub(crate) fn tensor_mut(&mut self) -> Option<&mut Tensor<2>> {
        match self {
            Self::Tensor(tensor) => Some(tensor),
            Self::Matrix(_) | Self::Vector(_) => None,
        }
    }
}

/// Whether the kernels for the CPU compute with this tensor.
pub(crate) fn is_fast<const D: usize>(x: &Tensor<D>) -> bool {
    x.dtype() == DType::F32 && kernels::is_cpu(&x.device())
}
