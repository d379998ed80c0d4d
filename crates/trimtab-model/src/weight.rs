//! A weight of a model: a tensor, or numbers packed for the CPU.

use std::sync::Arc;

use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use trimtab_kernels::{self as kernels, Format, Matrix, SavedActivations};

/// A weight of a model.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "a few for each layer")]
pub(crate) enum Weight {
    /// A tensor as it was given: on other devices than the CPU, and in models that are tuned.
    Tensor(Tensor<2>),
    /// A packed matrix on the CPU, `[inputs, outputs]`.
    Matrix(Arc<Matrix>),
    /// A vector on the CPU.
    Vector(Arc<[f32]>),
}

impl Weight {
    /// A vector from a row `[1, width]`, to which `offset` is added if it is packed.
    pub(crate) fn vector(row: Tensor<2>, offset: f64) -> Self {
        if !kernels::is_cpu(&row.device()) {
            return Self::Tensor(row);
        }
        let row = row.cast(DType::F32) + offset;
        Self::Vector(kernels::with_slice(&row, |row| row.into()))
    }

    /// `x W + bias`, from `[tokens, inputs]` to `[tokens, outputs]`.
    pub(crate) fn linear(&self, x: Tensor<2>, bias: Option<&Self>) -> Tensor<2> {
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
    pub(crate) fn linear_residual(
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
            _ => resid + self.linear(x, bias),
        }
    }

    /// How the backward pass keeps activations that go with this weight: as exactly as products
    /// are computed.
    pub(crate) fn saved_activations(&self) -> SavedActivations {
        match self {
            Self::Matrix(matrix) if matrix.format() != Format::F32 => SavedActivations::Bf16,
            _ => SavedActivations::F32,
        }
    }

    /// A vector as a tensor `[1, width]` on the device of `like`.
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

    /// Embeddings `[ids, inputs]`: columns of the matrix, since embeddings are stored like an
    /// unembedding, `[inputs, outputs]`.
    pub(crate) fn embed(&self, ids: &[u32], device: &Device) -> Tensor<2> {
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

    /// The tensor, unless it is packed.
    pub(crate) fn tensor_mut(&mut self) -> Option<&mut Tensor<2>> {
        match self {
            Self::Tensor(tensor) => Some(tensor),
            Self::Matrix(_) | Self::Vector(_) => None,
        }
    }
}

/// Whether operations on `x` run on the kernels for the CPU.
pub(crate) fn uses_cpu_kernels<const D: usize>(x: &Tensor<D>) -> bool {
    x.dtype() == DType::F32 && kernels::is_cpu(&x.device())
}
