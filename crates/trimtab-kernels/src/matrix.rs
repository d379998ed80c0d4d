//! Frozen weight matrices, packed once in the order in which products read them.

use std::ops::Range;

use half::bf16;
use rayon::prelude::*;

use crate::gemm::Epilogue;
use crate::isa::Isa;
use crate::microkernel::PANEL_WIDTH;
use crate::quantised::{BLOCK, BlockFormat, CodeBlock, Quantised};

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
    /// Where the processor has dot products of bytes, activations are rounded to 8-bit codes in
    /// such blocks too, and the sum of a block is exact. `y W^T` sums over outputs, so each 32
    /// outputs of an input are rounded again, to 8 bits with a scale of their own.
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
    F32(Vec<f32>),
    /// `[panels, input pairs, 32]`, each with the bfloat16 of the even input in the low half.
    Bf16(Vec<u32>),
    Quantised(Quantised),
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
        let at = |input: usize, output: usize| {
            if input < inputs && output < outputs {
                weights[input * strides[0] + output * strides[1]].to_f32()
            } else {
                0.0
            }
        };
        let panels = outputs.div_ceil(PANEL_WIDTH);
        let pairs = inputs.div_ceil(2);
        let storage = match format {
            Format::F32 => {
                let mut data = vec![0.0; panels * inputs * PANEL_WIDTH];
                fill_panels(&mut data, inputs * PANEL_WIDTH, at);
                Storage::F32(data)
            }
            Format::Bf16 => {
                let mut data = vec![0; panels * pairs * PANEL_WIDTH];
                fill_panels(&mut data, pairs * PANEL_WIDTH, |pair, output| {
                    let numbers = [at(2 * pair, output), at(2 * pair + 1, output)];
                    let [low, high] =
                        numbers.map(|value| u32::from(bf16::from_f32(value).to_bits()));
                    low | high << 16
                });
                Storage::Bf16(data)
            }
            Format::Blocks(format) => {
                Storage::Quantised(Quantised::pack(format, panels, inputs, at))
            }
        };
        Self {
            inputs,
            outputs,
            storage,
        }
    }

    /// Packs blocks as they are.
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
        let blocks = Quantised::from_blocks(format, outputs, inputs / BLOCK, fill)?;
        Ok(Self {
            inputs,
            outputs,
            storage: Storage::Quantised(blocks),
        })
    }

    /// A matrix with no outputs yet and capacity for `outputs` of them.
    pub fn empty(format: Format, [inputs, outputs]: [usize; 2]) -> Self {
        let panels = outputs.div_ceil(PANEL_WIDTH);
        let pairs = panels * inputs.div_ceil(2) * PANEL_WIDTH;
        let storage = match format {
            Format::F32 => Storage::F32(Vec::with_capacity(panels * inputs * PANEL_WIDTH)),
            Format::Bf16 => Storage::Bf16(Vec::with_capacity(pairs)),
            Format::Blocks(format) => {
                Storage::Quantised(Quantised::with_capacity(format, panels, inputs))
            }
        };
        Self {
            inputs,
            outputs: 0,
            storage,
        }
    }

    /// Appends the outputs of `other`.
    ///
    /// # Panics
    ///
    /// Panics if the number of outputs so far is not a multiple of [`PANEL_WIDTH`], or if the
    /// inputs or the formats differ.
    pub fn append(&mut self, other: Self) {
        assert_eq!(self.inputs, other.inputs, "as many inputs");
        assert!(self.outputs.is_multiple_of(PANEL_WIDTH), "whole panels");
        self.outputs += other.outputs;
        match (&mut self.storage, other.storage) {
            (Storage::F32(data), Storage::F32(more)) => data.extend(more),
            (Storage::Bf16(data), Storage::Bf16(more)) => data.extend(more),
            (Storage::Quantised(data), Storage::Quantised(more)) => data.append(more),
            _ => panic!("the formats of two matrices differ"),
        }
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

/// Fills panels of `panel` elements in parallel. `value` gets the row in the panel and the output.
fn fill_panels<T: Send>(data: &mut [T], panel: usize, value: impl Fn(usize, usize) -> T + Sync) {
    if panel == 0 {
        return;
    }
    data.par_chunks_exact_mut(panel)
        .enumerate()
        .for_each(|(number, panel)| {
            // Output by output, since the weights of an output are mostly contiguous.
            for lane in 0..PANEL_WIDTH {
                for (row, entry) in panel[lane..].iter_mut().step_by(PANEL_WIDTH).enumerate() {
                    *entry = value(row, number * PANEL_WIDTH + lane);
                }
            }
        });
}

#[cfg(test)]
mod tests;
