//! Tensors of GGUF files as those of a folder.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io;
use std::ops::Range;

use safetensors::tensor::Dtype;
use trimtab_kernels::{BLOCK, BlockFormat, CodeBlock, Matrix};

use super::header::{Encoding, Location};
use crate::config::ModelConfig;
use crate::decoder::Model;
use crate::file::read_exact_at;
use crate::gguf::code_blocks;
use crate::gguf::{GgufError, GgufFile, TensorInfo, TensorType, dequantise, layout};

/// Divisors of rotary frequencies, which belong to the configuration.
const ROPE_FACTORS: [&str; 3] = [
    "rope_freqs.weight",
    "rope_factors_long.weight",
    "rope_factors_short.weight",
];

/// Prefixes of tensors of an image encoder in the same file.
const IMAGES: [&str; 2] = ["v.", "mm."];

/// How the numbers of a tensor are kept in a GGUF file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Blocks {
    kind: TensorType,
    /// The count of heads whose numbers are in the order of interleaved rotary pairs.
    interleaved: Option<usize>,
    /// Added to every number of the file.
    shift: f32,
}

/// Where the tensors of a folder with the model of `config` lie in `file`. Tensors that such a
/// folder does not have keep their names.
pub(super) fn locate(
    file: &GgufFile,
    config: &ModelConfig,
) -> Result<BTreeMap<String, Location>, GgufError> {
    let mut locations = BTreeMap::new();
    let mut used = BTreeSet::from(ROPE_FACTORS.map(str::to_owned));
    for (name, shape) in Model::tensor_shapes(config) {
        let Some(layout) = layout(file, config, &name)? else {
            let zeros = Location {
                file: 0,
                offset: 0,
                dtype: Dtype::F32,
                shape,
                encoding: Encoding::Zeros,
            };
            locations.insert(name, zeros);
            continue;
        };
        let Some(tensor) = file.tensor(&layout.name) else {
            continue; // the comparison with what is needed reports it
        };
        if !tensor.kind.is_read() {
            return Err(file.unread(tensor));
        }
        let mut location = location(file, tensor);
        location.encoding = Encoding::Blocks(Blocks {
            kind: tensor.kind,
            interleaved: layout.interleaved,
            shift: layout.shift,
        });
        if layout.shift != 0.0 {
            location.dtype = Dtype::F32;
        }
        if let Some(rows) = layout.rows.filter(|rows| rows.end <= location.shape[0]) {
            let (block_len, block_bytes) = tensor.kind.block();
            let before = rows.start * location.shape[1..].iter().product::<usize>();
            location.offset += (before / block_len * block_bytes) as u64;
            location.shape[0] = rows.len();
        }
        used.insert(layout.name);
        locations.insert(name, location);
    }
    let is_other = |tensor: &&TensorInfo| {
        !used.contains(&tensor.name) && !IMAGES.iter().any(|prefix| tensor.name.starts_with(prefix))
    };
    for tensor in file.tensors().filter(is_other) {
        locations.insert(tensor.name.clone(), location(file, tensor));
    }
    Ok(locations)
}

fn location(file: &GgufFile, tensor: &TensorInfo) -> Location {
    let (index, offset) = file.position(&tensor.name).expect("it is one of the file");
    Location {
        file: index,
        offset,
        dtype: match tensor.kind {
            TensorType::F16 => Dtype::F16,
            TensorType::BF16 => Dtype::BF16,
            _ => Dtype::F32,
        },
        shape: tensor.dims.iter().rev().map(|&dim| dim as usize).collect(),
        encoding: Encoding::Blocks(Blocks {
            kind: tensor.kind,
            interleaved: None,
            shift: 0.0,
        }),
    }
}

impl Blocks {
    /// The numbers of a tensor at `location` from number `start` on, as many as `values` holds:
    /// whole rows, or a whole vector.
    pub(super) fn read(
        &self,
        file: &File,
        location: &Location,
        start: usize,
        values: &mut [f32],
    ) -> io::Result<()> {
        match (self.interleaved, &location.shape[..]) {
            (None, _) => self.contiguous(file, location, start, values)?,
            (Some(heads), &[rows]) => {
                let mut all = vec![0.0; rows];
                self.contiguous(file, location, 0, &mut all)?;
                for (row, value) in (start..).zip(values.iter_mut()) {
                    *value = all[interleaved_row(row, rows, heads)?];
                }
            }
            (Some(heads), &[rows, columns]) => {
                for (row, values) in (start / columns..).zip(values.chunks_mut(columns)) {
                    let row = interleaved_row(row, rows, heads)?;
                    self.contiguous(file, location, row * columns, values)?;
                }
            }
            _ => return Err(io::Error::other("queries and keys are matrices")),
        }
        if self.shift != 0.0 {
            for value in values {
                *value += self.shift;
            }
        }
        Ok(())
    }

    /// How blocks of codes keep the numbers exactly, if any do.
    pub(super) fn format(&self) -> Option<BlockFormat> {
        self.kind.block_format().filter(|_| self.shift == 0.0)
    }

    /// The rows of the matrix at `location` as blocks of codes, if such blocks have its numbers
    /// exactly.
    pub(super) fn pack(
        &self,
        file: &File,
        location: &Location,
        rows: Range<usize>,
    ) -> Option<io::Result<Matrix>> {
        let &[count, columns] = &location.shape[..] else {
            return None;
        };
        let format = self.format()?;
        let (block_len, block_bytes) = self.kind.block();
        let row_bytes = columns / block_len * block_bytes;
        let read = |row: usize, codes: &mut [CodeBlock]| {
            let mut bytes = vec![0; codes.len() * BLOCK / columns * row_bytes];
            read_exact_at(file, &mut bytes, location.offset + (row * row_bytes) as u64)?;
            code_blocks(self.kind, &bytes, codes);
            let is_finite = |block: &CodeBlock| {
                let [first, second] = block.scales;
                first.is_finite() && second.is_finite() && block.minimum.is_finite()
            };
            if codes.iter().all(is_finite) {
                Ok(())
            } else {
                Err(io::ErrorKind::InvalidData.into()) // a scale is not finite
            }
        };
        let shape = [columns, rows.len()];
        Some(Matrix::from_blocks(format, shape, |outputs, codes| {
            let first = rows.start + outputs.start;
            let Some(heads) = self.interleaved else {
                return read(first, codes);
            };
            for (row, codes) in (first..).zip(codes.chunks_exact_mut(columns / BLOCK)) {
                read(interleaved_row(row, count, heads)?, codes)?;
            }
            Ok(())
        }))
    }

    fn contiguous(
        &self,
        file: &File,
        location: &Location,
        start: usize,
        values: &mut [f32],
    ) -> io::Result<()> {
        let (block_len, block_bytes) = self.kind.block();
        let mut bytes = vec![0; values.len() / block_len * block_bytes];
        let before = (start / block_len * block_bytes) as u64;
        read_exact_at(file, &mut bytes, location.offset + before)?;
        let read = dequantise(self.kind, &bytes, values);
        read.ok_or_else(|| io::Error::other(format!("{:?} is not read", self.kind)))
    }
}

/// The row of a file that is row `row` of a folder: there, RoPE rotates number `i` of a head with
/// number `i + head_dim / 2`, in the file number `2i` with `2i + 1`.
fn interleaved_row(row: usize, rows: usize, heads: usize) -> io::Result<usize> {
    if heads == 0 || !rows.is_multiple_of(2 * heads) {
        return Err(io::Error::other("its rows are not whole heads"));
    }
    let head_dim = rows / heads;
    let (head, index) = (row / head_dim, row % head_dim);
    let half = head_dim / 2;
    Ok(head * head_dim + 2 * (index % half) + index / half)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two heads of six rows, as `convert_hf_to_gguf.py` permutes them:
    /// `reshape(2, 2, 3).swapaxes(1, 2)`.
    #[test]
    fn rows_are_found_where_the_conversion_script_puts_them() {
        let file = [0, 3, 1, 4, 2, 5, 6, 9, 7, 10, 8, 11];
        let folder: Vec<usize> = (0..12)
            .map(|row| file[interleaved_row(row, 12, 2).expect("whole heads")])
            .collect();
        assert_eq!(folder, (0..12).collect::<Vec<_>>());
        assert!(interleaved_row(0, 12, 5).is_err() && interleaved_row(0, 12, 0).is_err());
    }
}
