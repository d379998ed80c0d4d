//! Frozen matrices, packed once in the order in which products read them.

use half::bf16;
use rayon::prelude::*;

use crate::gemm::Added;
use crate::isa::Isa;
use crate::microkernel::PANEL;

/// How the numbers of a [`Matrix`] are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// As they are. Products are computed in f32.
    F32,
    /// Rounded to bfloat16, two bytes each. Where the processor multiplies bfloat16 pairs, the other side of a product is
    /// rounded too; sums are f32 everywhere.
    Bf16,
    /// Rounded to 255 steps of each output's largest weight, one byte each; products as with [`Format::Bf16`].
    Int8,
}

/// A frozen `[inputs, outputs]` matrix `W`: what `x W` and `y W^T` need of it, and nothing else.
///
/// Numbers lie in panels of 32 outputs. Inside a panel, a row of 32 follows for each input (f32) or for each pair of
/// inputs (the other formats), so that products read memory from front to back. The transposed product turns one panel after
/// the other over in the cache instead of keeping a second copy.
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
    pub(crate) data: Data,
}

#[derive(Debug)]
pub(crate) enum Data {
    /// `[panels][inputs][32]`
    F32(Vec<f32>),
    /// `[panels][input pairs][32]`: bfloat16 of the even input in the low half.
    Bf16(Vec<u32>),
    Int8 {
        /// `[panels][input pairs][32]`
        pairs: Vec<[i8; 2]>,
        /// By output, what its numbers are multiplied by.
        scales: Vec<f32>,
    },
}

/// Numbers that a [`Matrix`] is made of.
pub trait Element: Copy + Sync {
    /// The number as f32, which holds it exactly.
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
    /// Packs `weights`, in which entry `(input, output)` lies at `input * strides[0] + output * strides[1]`.
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
        let panels = outputs.div_ceil(PANEL);
        let pairs = inputs.div_ceil(2);
        let data = match format {
            Format::F32 => {
                let mut data = vec![0.0; panels * inputs * PANEL];
                fill(&mut data, inputs * PANEL, at);
                Data::F32(data)
            }
            Format::Bf16 => {
                let mut data = vec![0; panels * pairs * PANEL];
                fill(&mut data, pairs * PANEL, |pair, output| {
                    let word = [at(2 * pair, output), at(2 * pair + 1, output)];
                    let [low, high] = word.map(|value| u32::from(bf16::from_f32(value).to_bits()));
                    low | high << 16
                });
                Data::Bf16(data)
            }
            Format::Int8 => {
                let largest = |output: usize| {
                    (0..inputs)
                        .map(|input| at(input, output).abs())
                        .fold(0.0, f32::max)
                };
                let scales: Vec<f32> = (0..outputs)
                    .into_par_iter()
                    .map(|output| largest(output) / 127.0)
                    .collect();
                let step = |input, output: usize| match scales.get(output) {
                    Some(&scale) if scale > 0.0 => (at(input, output) / scale).round() as i8,
                    _ => 0,
                };
                let mut data = vec![[0; 2]; panels * pairs * PANEL];
                fill(&mut data, pairs * PANEL, |pair, output| {
                    [step(2 * pair, output), step(2 * pair + 1, output)]
                });
                Data::Int8 {
                    pairs: data,
                    scales,
                }
            }
        };
        Self {
            inputs,
            outputs,
            data,
        }
    }

    /// A matrix without outputs, with room for `outputs` of them.
    pub fn empty(format: Format, [inputs, outputs]: [usize; 2]) -> Self {
        let panels = outputs.div_ceil(PANEL);
        let words = panels * inputs.div_ceil(2) * PANEL;
        let data = match format {
            Format::F32 => Data::F32(Vec::with_capacity(panels * inputs * PANEL)),
            Format::Bf16 => Data::Bf16(Vec::with_capacity(words)),
            Format::Int8 => Data::Int8 {
                pairs: Vec::with_capacity(words),
                scales: Vec::with_capacity(outputs),
            },
        };
        Self {
            inputs,
            outputs: 0,
            data,
        }
    }

    /// Adds the outputs of `other` behind those that are there, which must be whole panels of [`PANEL`].
    ///
    /// # Panics
    ///
    /// Panics if they are not, or if inputs or format differ.
    pub fn append(&mut self, other: Self) {
        assert!(self.inputs == other.inputs && self.outputs.is_multiple_of(PANEL));
        self.outputs += other.outputs;
        match (&mut self.data, other.data) {
            (Data::F32(data), Data::F32(more)) => data.extend(more),
            (Data::Bf16(data), Data::Bf16(more)) => data.extend(more),
            (
                Data::Int8 { pairs, scales },
                Data::Int8 {
                    pairs: more,
                    scales: more_scales,
                },
            ) => {
                pairs.extend(more);
                scales.extend(more_scales);
            }
            _ => panic!("matrices of two formats"),
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

    /// How the numbers are kept.
    pub fn format(&self) -> Format {
        match self.data {
            Data::F32(_) => Format::F32,
            Data::Bf16(_) => Format::Bf16,
            Data::Int8 { .. } => Format::Int8,
        }
    }

    /// `x W + bias`: `x` is `[rows, inputs]`, `bias` `[outputs]`, the result `[rows, outputs]`.
    ///
    /// A row's result is the same to the bit whatever the other rows are and however many threads compute it.
    ///
    /// # Panics
    ///
    /// Panics if `x` is not whole rows, or `bias` not as long as a row of the result.
    pub fn multiply(&self, x: &[f32], bias: Option<&[f32]>) -> Vec<f32> {
        let added = Added { bias, resid: None };
        self.multiply_with(Isa::current(), x, added)
    }

    /// `resid + (x W + bias)`, as [`Self::multiply`]; `resid` is `[rows, outputs]`.
    ///
    /// # Panics
    ///
    /// Panics as [`Self::multiply`], or if `resid` has another number of rows.
    pub fn multiply_onto(&self, resid: &[f32], x: &[f32], bias: Option<&[f32]>) -> Vec<f32> {
        let resid = Some(resid);
        self.multiply_with(Isa::current(), x, Added { bias, resid })
    }

    /// `y W^T`: `y` is `[rows, outputs]`, the result `[rows, inputs]`. As reproducible as [`Self::multiply`].
    ///
    /// # Panics
    ///
    /// Panics if `y` is not whole rows.
    pub fn multiply_transposed(&self, y: &[f32]) -> Vec<f32> {
        self.multiply_transposed_with(Isa::current(), y)
    }

    /// Some columns of `W`, `[columns, inputs]`: what an embedding reads of a table that is also the unembedding.
    ///
    /// # Panics
    ///
    /// Panics if there is no such column.
    pub fn columns(&self, columns: &[u32]) -> Vec<f32> {
        let mut rows = vec![0.0; columns.len() * self.inputs];
        if self.inputs == 0 {
            return rows;
        }
        for (row, &column) in rows.chunks_exact_mut(self.inputs).zip(columns) {
            let column = column as usize;
            assert!(
                column < self.outputs,
                "no column {column} among {}",
                self.outputs
            );
            for (input, value) in row.iter_mut().enumerate() {
                *value = self.at(input, column);
            }
        }
        rows
    }

    fn at(&self, input: usize, output: usize) -> f32 {
        let (panel, lane) = (output / PANEL, output % PANEL);
        let pair = (panel * self.inputs.div_ceil(2) + input / 2) * PANEL + lane;
        match &self.data {
            Data::F32(data) => data[(panel * self.inputs + input) * PANEL + lane],
            Data::Bf16(words) => unpack(words[pair])[input % 2],
            Data::Int8 { pairs, scales } => f32::from(pairs[pair][input % 2]) * scales[output],
        }
    }
}

/// The two numbers of a word.
pub(crate) fn unpack(word: u32) -> [f32; 2] {
    [
        f32::from_bits(word << 16),
        f32::from_bits(word & 0xffff_0000),
    ]
}

/// Writes every row of every panel of `data`, in parallel; `value` gets the row and the output.
fn fill<T: Send>(data: &mut [T], panel: usize, value: impl Fn(usize, usize) -> T + Sync) {
    if panel == 0 {
        return;
    }
    data.par_chunks_exact_mut(panel)
        .enumerate()
        .for_each(|(number, panel)| {
            // Output by output, whose weights mostly lie together.
            for lane in 0..PANEL {
                for (row, entry) in panel[lane..].iter_mut().step_by(PANEL).enumerate() {
                    *entry = value(row, number * PANEL + lane);
                }
            }
        });
}

#[cfg(test)]
mod tests;
