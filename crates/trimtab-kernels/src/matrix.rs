//! Frozen matrices, packed once in the order in which products read them.

use half::bf16;
use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use crate::isa::Isa;
#[cfg(target_arch = "x86_64")]
use crate::pairs;
use crate::tile::{self, PANEL, View};
use crate::work::{Shared, is_small, scratch};

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
    inputs: usize,
    outputs: usize,
    data: Data,
}

#[derive(Debug)]
enum Data {
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
pub trait Weight: Copy + Sync {
    /// The number as f32, which holds it exactly.
    fn to_f32(self) -> f32;
}

impl Weight for f32 {
    fn to_f32(self) -> f32 {
        self
    }
}

impl Weight for bf16 {
    fn to_f32(self) -> f32 {
        bf16::to_f32(self)
    }
}

impl Weight for half::f16 {
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
    pub fn pack<T: Weight>(
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
        self.multiply_with(Isa::current(), x, bias)
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

    /// Inputs `first..first + columns` of every output, `[outputs][32]`.
    fn turn(&self, first: usize, columns: usize, turned: &mut [f32]) {
        let pairs = self.inputs.div_ceil(2);
        for (panel, turned) in turned.chunks_mut(PANEL * PANEL).enumerate() {
            for lane in 0..columns {
                let input = first + lane;
                let column = turned[lane..].iter_mut().step_by(PANEL);
                let pair = (panel * pairs + input / 2) * PANEL;
                match &self.data {
                    Data::F32(data) => {
                        let row = &data[(panel * self.inputs + input) * PANEL..][..PANEL];
                        column.zip(row).for_each(|(to, &from)| *to = from);
                    }
                    Data::Bf16(words) => {
                        let row = &words[pair..][..PANEL];
                        column
                            .zip(row)
                            .for_each(|(to, &word)| *to = unpack(word)[input % 2]);
                    }
                    Data::Int8 {
                        pairs: data,
                        scales,
                    } => {
                        let row = data[pair..][..PANEL].iter().zip(&scales[panel * PANEL..]);
                        column.zip(row).for_each(|(to, (pair, scale))| {
                            *to = f32::from(pair[input % 2]) * scale;
                        });
                    }
                }
            }
        }
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

    pub(crate) fn multiply_with(&self, isa: Isa, x: &[f32], bias: Option<&[f32]>) -> Vec<f32> {
        let rows = rows_of(x, self.inputs);
        assert!(
            bias.is_none_or(|bias| bias.len() == self.outputs),
            "a bias for each output"
        );
        let pairs = self.inputs.div_ceil(2);
        #[cfg(target_arch = "x86_64")]
        if isa.multiplies_pairs() && self.format() != Format::F32 {
            // SAFETY: the processor has the instructions.
            let words = unsafe { round(x, self.inputs, None) };
            let panel = |panel: usize, output: *mut f32| {
                let columns = PANEL.min(self.outputs - panel * PANEL);
                let own = panel * PANEL..panel * PANEL + columns;
                let output = pairs::Output {
                    data: output,
                    row: self.outputs,
                    columns,
                    scale: match &self.data {
                        Data::Int8 { scales, .. } => Some(&scales[own.clone()]),
                        _ => None,
                    },
                    bias: bias.map(|bias| &bias[own]),
                };
                let own = panel * pairs * PANEL..(panel + 1) * pairs * PANEL;
                let multiply = |panel: &[u32]| {
                    // SAFETY: the processor has the instructions, and this panel's columns of the output are ours.
                    unsafe { pairs::multiply(rows, pairs, &words.data, words.row, panel, output) }
                };
                match &self.data {
                    Data::F32(_) => unreachable!("f32 is multiplied elsewhere"),
                    Data::Bf16(data) => multiply(&data[own]),
                    Data::Int8 { pairs: data, .. } => {
                        let mut words = scratch(own.len());
                        // SAFETY: the processor has the instructions.
                        unsafe { pairs::widen(&data[own], &mut words) };
                        multiply(&words);
                    }
                }
            };
            // SAFETY: each panel is written whole.
            return unsafe { self.by_panel(rows, self.outputs, panel) };
        }
        let panel = |panel: usize, output: *mut f32| {
            let first = panel * PANEL;
            let columns = PANEL.min(self.outputs - first);
            let product = Product {
                shape: [rows, self.inputs, columns],
                a: View::rows(x, self.inputs),
                output,
                output_row: self.outputs,
                bias: bias.map(|bias| &bias[first..first + columns]),
            };
            match &self.data {
                Data::F32(data) => {
                    let own = panel * self.inputs * PANEL..(panel + 1) * self.inputs * PANEL;
                    // SAFETY: `x` is whole rows, and this panel's columns of the output are ours.
                    unsafe { product.run(isa, Panel::F32(&data[own])) };
                }
                Data::Bf16(words) => {
                    let own = panel * pairs * PANEL..(panel + 1) * pairs * PANEL;
                    // SAFETY: as above.
                    unsafe { product.run(isa, Panel::Words(&words[own])) };
                }
                Data::Int8 { .. } => {
                    let mut values = scratch(self.inputs * PANEL);
                    for (input, row) in values.chunks_exact_mut(PANEL).enumerate() {
                        for (lane, value) in row[..columns].iter_mut().enumerate() {
                            *value = self.at(input, first + lane);
                        }
                    }
                    // SAFETY: as above.
                    unsafe { product.run(isa, Panel::F32(&values)) };
                }
            }
        };
        // SAFETY: each panel is written whole.
        unsafe { self.by_panel(rows, self.outputs, panel) }
    }

    pub(crate) fn multiply_transposed_with(&self, isa: Isa, y: &[f32]) -> Vec<f32> {
        let rows = rows_of(y, self.outputs);
        let (pairs, panels) = (self.inputs.div_ceil(2), self.outputs.div_ceil(PANEL));
        #[cfg(target_arch = "x86_64")]
        if isa.multiplies_pairs() && self.format() != Format::F32 {
            let scales = match &self.data {
                Data::Int8 { scales, .. } => Some(&scales[..]),
                _ => None,
            };
            // SAFETY: the processor has the instructions.
            let words = unsafe { round(y, self.outputs, scales) };
            let depth = self.outputs.div_ceil(2);
            let block = |block: usize, output: *mut f32| {
                // Inputs `32 block ..`: 16 rows of words in each panel.
                let first = block * PANEL / 2;
                let own = |panel: usize| {
                    let start = (panel * pairs + first) * PANEL;
                    start..start + (PANEL / 2).min(pairs - first) * PANEL
                };
                let mut turned = scratch(panels * PANEL * PANEL / 2);
                for (panel, turned) in turned.chunks_exact_mut(PANEL * PANEL / 2).enumerate() {
                    let mut wide = [0; PANEL * PANEL / 2];
                    let words = match &self.data {
                        Data::F32(_) => unreachable!("f32 is multiplied elsewhere"),
                        Data::Bf16(data) => {
                            if panel + 1 < panels {
                                pairs::fetch(&data[own(panel + 1)]);
                            }
                            &data[own(panel)]
                        }
                        Data::Int8 { pairs: data, .. } => {
                            let wide = &mut wide[..own(panel).len()];
                            // SAFETY: the processor has the instructions.
                            unsafe { pairs::widen(&data[own(panel)], wide) };
                            wide
                        }
                    };
                    // SAFETY: the processor has the instructions.
                    unsafe { pairs::turn(words, turned) };
                }
                let output = pairs::Output {
                    data: output,
                    row: self.inputs,
                    columns: PANEL.min(self.inputs - block * PANEL),
                    scale: None,
                    bias: None,
                };
                // SAFETY: the processor has the instructions, and this block's columns of the output are ours.
                unsafe { pairs::multiply(rows, depth, &words.data, words.row, &turned, output) }
            };
            // SAFETY: each block is written whole.
            return unsafe { self.by_panel(rows, self.inputs, block) };
        }
        let block = |block: usize, output: *mut f32| {
            let first = block * PANEL;
            let columns = PANEL.min(self.inputs - first);
            let mut turned = scratch(self.outputs * PANEL);
            self.turn(first, columns, &mut turned);
            let product = Product {
                shape: [rows, self.outputs, columns],
                a: View::rows(y, self.outputs),
                output,
                output_row: self.inputs,
                bias: None,
            };
            // SAFETY: `y` is whole rows, and this block's columns of the output are ours.
            unsafe { product.run(isa, Panel::F32(&turned)) };
        };
        // SAFETY: each block is written whole.
        unsafe { self.by_panel(rows, self.inputs, block) }
    }

    /// `[rows, columns]`, of which `compute` writes 32 columns at a time: it gets their number and the address of the first.
    ///
    /// # Safety
    ///
    /// `compute` writes every number of its columns.
    unsafe fn by_panel(
        &self,
        rows: usize,
        columns: usize,
        compute: impl Fn(usize, *mut f32) + Sync,
    ) -> Vec<f32> {
        let mut result: Vec<f32> = Vec::with_capacity(rows * columns);
        let panels = columns.div_ceil(PANEL);
        if rows == 0 {
            return result;
        }
        let shared = Shared(result.as_mut_ptr());
        let one = |panel: usize| compute(panel, shared.at(panel * PANEL));
        if is_small(rows * self.inputs * self.outputs) {
            (0..panels).for_each(one);
        } else {
            let at_once = panels.div_ceil(4 * rayon::current_num_threads());
            (0..panels)
                .into_par_iter()
                .with_min_len(at_once)
                .for_each(one);
        }
        // SAFETY: the caller vouches for every panel, and the panels are all columns.
        unsafe { result.set_len(rows * columns) };
        result
    }
}

/// Some columns of a product in f32.
struct Product<'a> {
    shape: [usize; 3],
    a: View<'a>,
    output: *mut f32,
    output_row: usize,
    bias: Option<&'a [f32]>,
}

#[derive(Clone, Copy)]
enum Panel<'a> {
    F32(&'a [f32]),
    Words(&'a [u32]),
}

impl<'a> Product<'a> {
    /// # Safety
    ///
    /// `a` has the rows and the depth of the shape, and the output can be written for its rows and columns, which nobody
    /// else reads or writes meanwhile.
    unsafe fn run(self, isa: Isa, panel: Panel<'a>) {
        isa.run(OnePanel {
            product: self,
            panel,
        });
    }
}

struct OnePanel<'a> {
    product: Product<'a>,
    panel: Panel<'a>,
}

impl WithSimd for OnePanel<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Product {
            shape,
            a,
            output,
            output_row,
            bias,
        } = self.product;
        // SAFETY: whoever called `Product::run` vouches for `a` and the output; the panel is checked.
        unsafe {
            match self.panel {
                Panel::F32(panel) => {
                    assert!(panel.len() >= shape[1] * PANEL);
                    tile::multiply_at(
                        simd,
                        shape,
                        a,
                        View::rows(panel, PANEL),
                        output,
                        output_row,
                        false,
                    );
                }
                Panel::Words(words) => {
                    assert!(words.len() >= shape[1].div_ceil(2) * PANEL);
                    tile::multiply_words_at(simd, shape, a, words, output, output_row);
                }
            }
            if let Some(bias) = bias {
                for row in 0..shape[0] {
                    let row =
                        std::slice::from_raw_parts_mut(output.add(row * output_row), shape[2]);
                    for (value, bias) in row.iter_mut().zip(bias) {
                        *value += bias;
                    }
                }
            }
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

/// Rows of numbers as words, `scales` times them if given.
///
/// # Safety
///
/// [`Isa::multiplies_pairs`].
#[cfg(target_arch = "x86_64")]
unsafe fn round(x: &[f32], width: usize, scales: Option<&[f32]>) -> pairs::Words {
    let row = pairs::Words::row_len(width);
    let mut data = scratch(rows_of(x, width) * row);
    let one = |(words, x): (&mut [u32], &[f32])| {
        // SAFETY: the caller knows that the processor has the instructions.
        unsafe { pairs::round(x, scales, words) }
    };
    if x.len() < 1 << 16 {
        data.chunks_exact_mut(row)
            .zip(x.chunks_exact(width))
            .for_each(one);
    } else {
        let rows = data
            .par_chunks_exact_mut(row)
            .zip(x.par_chunks_exact(width));
        rows.with_min_len(16).for_each(one);
    }
    pairs::Words { data, row }
}

fn rows_of(x: &[f32], width: usize) -> usize {
    assert!(
        width > 0 && x.len().is_multiple_of(width),
        "{} numbers are no rows of {width}",
        x.len()
    );
    x.len() / width
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
