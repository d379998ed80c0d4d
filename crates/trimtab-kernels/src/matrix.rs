//! Frozen weight matrices, packed once in the order in which products read them.

use std::convert::Infallible;
use std::ops::Range;

use bytemuck::Pod;
use half::bf16;
use rayon::prelude::*;

use crate::gemm::Epilogue;
use crate::isa::Isa;
use crate::lines::Lines;
use crate::microkernel::PANEL_WIDTH;
use crate::quantised::{BLOCK, BlockFormat, CodeBlock, Quantised};
use crate::scratch::Scratch;

/// The number format of a [`Matrix`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// 32-bit floats. Products are computed in f32.
    F32,
    /// bfloat16, two bytes a number.
    ///
    /// Where the processor has bfloat16 dot products, the activations are rounded to bfloat16 too.
    /// Sums are f32 everywhere.
    Bf16,
    /// Codes with a scale for each 32 inputs of an output.
    ///
    /// Where the processor has dot products of bytes, activations are rounded to codes in such
    /// blocks too, and the sum of a block is exact. Codes of activations have 8 bits beside
    /// weights that were rounded ([`Matrix::pack`]), and 16 bits beside weights that were not
    /// ([`Matrix::from_blocks`]). `y W^T` sums over outputs, so each 32 outputs of an input are
    /// rounded again, to 8 bits with a scale of their own.
    Blocks(BlockFormat),
}

/// A frozen weight `W` of shape `[inputs, outputs]`, packed for `x W` and `y W^T`.
///
/// The numbers lie in panels of [`PANEL_WIDTH`] outputs. A panel has one row of 32 words for each
/// input (f32), pair of inputs (bfloat16) or four inputs (integers), so products read memory from
/// front to back. There is no second copy for the transposed product, which transposes blocks of
/// the panels in the cache.
///
/// ```
/// use trimtab_kernels::{Format, Matrix};
///
/// // [2 inputs, 3 outputs]
/// let matrix = Matrix::pack(Format::F32, [2, 3], &[1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0], [3, 1]);
/// assert_eq!(matrix.multiply(&[1.0, 10.0], None), [41.0, 52.0, 63.0]);
/// assert_eq!(matrix.multiply_transposed(&[1.0, 0.0, 0.0]), [1.0, 4.0]);
/// ```
#[derive(Debug)]
pub struct Matrix {
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    pub(crate) storage: Storage,
}

#[derive(Debug)]
pub(crate) enum Storage {
    /// `[panels, inputs, 32]`
    F32(Lines<f32>),
    /// `[panels, input pairs, 32]`, each with the bfloat16 of the even input in the low half.
    Bf16(Lines<u32>),
    Quantised(Quantised),
}

impl Format {
    /// Bytes of a packed matrix.
    ///
    /// ```
    /// use trimtab_kernels::Format;
    ///
    /// assert_eq!(Format::Bf16.packed_bytes([64, 32]), 2 * 64 * 32);
    /// ```
    pub fn packed_bytes(self, [inputs, outputs]: [usize; 2]) -> usize {
        let rows = match self {
            Self::F32 => inputs,
            Self::Bf16 => inputs.div_ceil(2),
            Self::Blocks(format) => inputs.div_ceil(BLOCK) * format.rows(),
        };
        // Each row of a panel is a word for each output.
        4 * rows * outputs.next_multiple_of(PANEL_WIDTH)
    }
}

/// A number type that a [`Matrix`] can be packed from.
pub trait Element: Copy + Sync {
    /// The exact value as f32.
    fn to_f32(self) -> f32;
}

impl Element for f32 {
    fn to_f32(self) -> f32 {
        self
    }
}

impl Element for bf16 {
    fn to_f32(self) -> f32 {
        bf16::to_f32(self)
    }
}

impl Element for half::f16 {
    fn to_f32(self) -> f32 {
        half::f16::to_f32(self)
    }
}

impl Matrix {
    /// Packs a strided matrix.
    ///
    /// # Shapes
    ///
    /// - `weights`: `[inputs, outputs]`; entry `(input, output)` lies at
    ///   `input * strides[0] + output * strides[1]`
    ///
    /// # Panics
    ///
    /// Panics if an entry lies outside `weights`.
    pub fn pack<T: Element>(
        format: Format,
        [inputs, outputs]: [usize; 2],
        weights: &[T],
        strides: [usize; 2],
    ) -> Self {
        let read = |range: Range<usize>, rows: &mut [f32]| {
            for (output, row) in range.zip(rows.chunks_exact_mut(inputs)) {
                for (input, number) in row.iter_mut().enumerate() {
                    *number = weights[input * strides[0] + output * strides[1]].to_f32();
                }
            }
            Ok(())
        };
        let Ok(matrix) = Self::pack_rows::<Infallible>(format, [inputs, outputs], read);
        matrix
    }

    /// Packs the numbers that `read` writes for a range of outputs. Several threads call it at the
    /// same time.
    ///
    /// # Shapes
    ///
    /// - numbers: `[outputs, inputs]`
    ///
    /// # Errors
    ///
    /// Whatever `read` returns.
    pub fn pack_rows<E: Send>(
        format: Format,
        [inputs, outputs]: [usize; 2],
        read: impl Fn(Range<usize>, &mut [f32]) -> Result<(), E> + Sync,
    ) -> Result<Self, E> {
        let rows = Rows {
            inputs,
            outputs,
            read,
        };
        let storage = match format {
            Format::F32 => Storage::F32(rows.pack(inputs, |numbers, row| numbers[row])?),
            Format::Bf16 => Storage::Bf16(rows.pack(inputs.div_ceil(2), |numbers, pair| {
                let bits = |number: f32| u32::from(bf16::from_f32(number).to_bits());
                let high = numbers.get(2 * pair + 1).map_or(0, |&number| bits(number));
                bits(numbers[2 * pair]) | high << 16
            })?),
            Format::Blocks(format) => {
                let blocks = inputs.div_ceil(BLOCK);
                let quantise = |range: Range<usize>, blocks_of: &mut [CodeBlock]| {
                    let mut numbers = Scratch::take(range.len() * inputs);
                    (rows.read)(range, &mut numbers)?;
                    let numbers = numbers.chunks_exact(inputs);
                    for (numbers, of_output) in numbers.zip(blocks_of.chunks_exact_mut(blocks)) {
                        for (numbers, block) in numbers.chunks(BLOCK).zip(of_output) {
                            let mut whole = [0.0; BLOCK];
                            whole[..numbers.len()].copy_from_slice(numbers);
                            *block = format.quantise(&whole);
                        }
                    }
                    Ok(())
                };
                Storage::Quantised(Quantised::from_blocks(
                    format, outputs, blocks, 1, quantise,
                )?)
            }
        };
        Ok(Self {
            inputs,
            outputs,
            storage,
        })
    }

    /// Packs blocks as they are. In products, activations are rounded to 16-bit codes at most.
    ///
    /// `fill` writes the blocks of a range of outputs. Several threads call it at the same time.
    ///
    /// # Shapes
    ///
    /// - blocks: `[outputs, inputs / 32]`
    ///
    /// # Errors
    ///
    /// Whatever `fill` returns.
    ///
    /// # Panics
    ///
    /// Panics if the inputs are not whole blocks.
    pub fn from_blocks<E: Send>(
        format: BlockFormat,
        [inputs, outputs]: [usize; 2],
        fill: impl Fn(Range<usize>, &mut [CodeBlock]) -> Result<(), E> + Sync,
    ) -> Result<Self, E> {
        assert!(
            inputs.is_multiple_of(BLOCK),
            "{inputs} inputs are not whole blocks"
        );
        let blocks = Quantised::from_blocks(format, outputs, inputs / BLOCK, 2, fill)?;
        Ok(Self {
            inputs,
            outputs,
            storage: Storage::Quantised(blocks),
        })
    }

    /// Number of inputs.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Number of outputs.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// The number format.
    pub fn format(&self) -> Format {
        match &self.storage {
            Storage::F32(_) => Format::F32,
            Storage::Bf16(_) => Format::Bf16,
            Storage::Quantised(data) => Format::Blocks(data.format),
        }
    }

    /// `x W + bias`.
    ///
    /// A row's result is bit for bit the same whatever the other rows are, for any number of
    /// threads.
    ///
    /// # Shapes
    ///
    /// - `x`: `[rows, inputs]`
    /// - `bias`: `[outputs]`
    /// - output: `[rows, outputs]`
    ///
    /// # Panics
    ///
    /// Panics if a shape differs.
    pub fn multiply(&self, x: &[f32], bias: Option<&[f32]>) -> Vec<f32> {
        self.multiply_with(Isa::current(), x, Epilogue { bias, resid: None })
    }

    /// `resid + (x W + bias)`, as [`Self::multiply`].
    ///
    /// # Shapes
    ///
    /// - `resid` and output: `[rows, outputs]`
    /// - `x`: `[rows, inputs]`
    /// - `bias`: `[outputs]`
    ///
    /// # Panics
    ///
    /// Panics if a shape differs.
    pub fn multiply_residual(&self, resid: &[f32], x: &[f32], bias: Option<&[f32]>) -> Vec<f32> {
        let resid = Some(resid);
        self.multiply_with(Isa::current(), x, Epilogue { bias, resid })
    }

    /// `y W^T`, as reproducible as [`Self::multiply`].
    ///
    /// # Shapes
    ///
    /// - `y`: `[rows, outputs]`
    /// - output: `[rows, inputs]`
    ///
    /// # Panics
    ///
    /// Panics if `y` is not whole rows.
    pub fn multiply_transposed(&self, y: &[f32]) -> Vec<f32> {
        self.multiply_transposed_with(Isa::current(), y)
    }

    /// Some columns of `W`, each as a row.
    ///
    /// An embedding that is tied to the unembedding is read this way.
    ///
    /// # Shapes
    ///
    /// - `columns`: `[rows]`, indices of outputs
    /// - output: `[rows, inputs]`
    ///
    /// # Panics
    ///
    /// Panics if there is no such column.
    pub fn gather_columns(&self, columns: &[u32]) -> Vec<f32> {
        let mut rows = vec![0.0; columns.len() * self.inputs];
        if self.inputs == 0 {
            return rows;
        }
        for (row, &column) in rows.chunks_exact_mut(self.inputs).zip(columns) {
            let column = column as usize;
            assert!(
                column < self.outputs,
                "no column {column} in a matrix of {}",
                self.outputs
            );
            for (input, value) in row.iter_mut().enumerate() {
                *value = self.at(input, column);
            }
        }
        rows
    }

    fn at(&self, input: usize, output: usize) -> f32 {
        let (panel, lane) = (output / PANEL_WIDTH, output % PANEL_WIDTH);
        let pair = (panel * self.inputs.div_ceil(2) + input / 2) * PANEL_WIDTH + lane;
        match &self.storage {
            Storage::F32(data) => data[(panel * self.inputs + input) * PANEL_WIDTH + lane],
            Storage::Bf16(pairs) => unpack_pair(pairs[pair])[input % 2],
            Storage::Quantised(data) => {
                let block = panel * self.inputs.div_ceil(BLOCK) + input / BLOCK;
                data.number(block, input % BLOCK, lane)
            }
        }
    }
}

/// The two numbers of a bfloat16 pair.
pub(crate) fn unpack_pair(pair: u32) -> [f32; 2] {
    [
        f32::from_bits(pair << 16),
        f32::from_bits(pair & 0xffff_0000),
    ]
}

/// The numbers of a matrix, which `read` writes for a range of outputs.
struct Rows<R> {
    inputs: usize,
    outputs: usize,
    read: R,
}

impl<R> Rows<R> {
    /// Panels of `rows` rows. `entry` gets the numbers of an output and a row of a panel.
    fn pack<T: Pod + Send, E: Send>(
        &self,
        rows: usize,
        entry: impl Fn(&[f32], usize) -> T + Sync,
    ) -> Result<Lines<T>, E>
    where
        R: Fn(Range<usize>, &mut [f32]) -> Result<(), E> + Sync,
    {
        let len = rows * PANEL_WIDTH;
        let mut data = Lines::zeroed(self.outputs.div_ceil(PANEL_WIDTH) * len);
        let panels = data.par_chunks_exact_mut(len.max(1)).enumerate();
        panels.try_for_each(|(panel, data)| {
            let first = panel * PANEL_WIDTH;
            let outputs = first..self.outputs.min(first + PANEL_WIDTH);
            let mut numbers = Scratch::take(outputs.len() * self.inputs);
            (self.read)(outputs, &mut numbers)?;
            for (row, data) in data.chunks_exact_mut(PANEL_WIDTH).enumerate() {
                for (numbers, to) in numbers.chunks_exact(self.inputs).zip(data) {
                    *to = entry(numbers, row);
                }
            }
            Ok(())
        })?;
        Ok(data)
    }
}

#[cfg(test)]
mod tests;
