//! Named parameters in main memory, and how they are initialised.

use std::ops::RangeInclusive;

use burn::tensor::{Device, Tensor, TensorData};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use trimtab_model::tensor_file::HostTensor;

use super::error::FormError;

/// A parameter: its name and its numbers.
pub(crate) type NamedTensor = (String, HostTensor);

/// A parameter of zeros.
pub(super) fn zeros(name: &str, shape: [usize; 2]) -> NamedTensor {
    with_values(name, shape, vec![0.0; shape[0] * shape[1]])
}

/// A parameter with these values, row-major.
pub(super) fn with_values(name: &str, shape: [usize; 2], values: Vec<f32>) -> NamedTensor {
    let shape = shape.to_vec();
    (
        name.to_owned(),
        HostTensor {
            shape,
            data: values,
        },
    )
}

/// A random generator for the values at an address: what it yields depends on `seed`, `row` and
/// `column` alone.
pub(super) fn rng_at(seed: u64, row: u64, column: u64) -> ChaCha8Rng {
    let mut key = [0; 32];
    for (bytes, word) in key.chunks_exact_mut(8).zip([seed, row, column, RNG_DOMAIN]) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    ChaCha8Rng::from_seed(key)
}

/// Keeps these generators apart from those of sampling, which are keyed by four words too.
const RNG_DOMAIN: u64 = u64::from_le_bytes(*b"steering");

/// Checks a setting of a form.
pub(super) fn in_range(
    key: &'static str,
    value: usize,
    range: RangeInclusive<usize>,
) -> Result<(), FormError> {
    if range.contains(&value) {
        return Ok(());
    }
    Err(FormError::OutOfRange {
        key,
        value,
        low: *range.start(),
        high: *range.end(),
    })
}

/// A parameter on a device; a vector becomes a matrix of one row.
pub(crate) fn on_device(tensor: &HostTensor, device: &Device) -> Tensor<2> {
    let shape = match tensor.shape[..] {
        [rows, columns] | [rows, 1, columns] => [rows, columns],
        _ => [1, tensor.data.len()],
    };
    Tensor::from_data(TensorData::new(tensor.data.clone(), shape), device)
}
