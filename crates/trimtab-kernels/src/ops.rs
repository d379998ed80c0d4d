//! The operations of a frozen decoder on CPU tensors. All tensors are f32.

mod attention;
mod elementwise;
mod linear;
mod logprobs;

use burn::backend::{DispatchDevice, Flex};
use burn::tensor::{DType, Device, Tensor};
use half::{bf16, f16};

use crate::matrix::{Format, Matrix};

pub use attention::{SharedPrompt, attend_decode, attend_prefill};
pub use elementwise::{RotaryAngles, SavedActivations, add_row, apply_rotary, glu, rms_norm};
pub use linear::{linear, linear_residual};
pub use logprobs::{logprobs, unembed_logprobs};

/// Whether the operations of this crate work on tensors of `device`.
///
/// True for burn's flex backend, with or without autodiff.
pub fn is_cpu(device: &Device) -> bool {
    matches!(
        device.clone().inner().as_dispatch(),
        DispatchDevice::Flex(_)
    )
}

/// Packs a CPU tensor of type f32, bfloat16 or float16.
///
/// # Shapes
///
/// - `weight`: `[inputs, outputs]`
///
/// # Panics
///
/// Panics if the tensor is on another device or has another type.
pub fn pack(format: Format, weight: Tensor<2>) -> Matrix {
    let shape = weight.dims();
    let weight = weight
        .try_into_primitive::<Flex>()
        .expect("a tensor on the CPU");
    let layout = weight.layout();
    let strides = [layout.strides()[0], layout.strides()[1]].map(|stride| stride as usize);
    let start = layout.start_offset();
    match weight.dtype() {
        DType::F32 => Matrix::pack(format, shape, &weight.storage::<f32>()[start..], strides),
        DType::BF16 => Matrix::pack(format, shape, &weight.storage::<bf16>()[start..], strides),
        DType::F16 => Matrix::pack(format, shape, &weight.storage::<f16>()[start..], strides),
        dtype => panic!("cannot pack weights of type {dtype:?}"),
    }
}

/// Calls `f` with the elements of a CPU tensor in row-major order.
///
/// # Panics
///
/// Panics if the tensor is on another device or is not f32.
pub fn with_slice<const D: usize, R>(x: &Tensor<D>, f: impl FnOnce(&[f32]) -> R) -> R {
    let x = if x.device().is_autodiff() {
        x.clone().inner()
    } else {
        x.clone()
    };
    let primitive = x.try_into_primitive::<Flex>().expect("a tensor on the CPU");
    match primitive.as_slice::<f32>() {
        Some(elements) => f(elements),
        None => f(primitive.to_contiguous().storage::<f32>()),
    }
}

#[cfg(test)]
mod tests;
