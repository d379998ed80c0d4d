//! Products with packed matrices, in blocks that stay in the caches.
//!
//! A thread takes a strip of panels and goes through the depth in blocks. For each it gets the strip's part of the matrix ready, as it is
//! packed, widened or turned over, and multiplies the rows by all of it. Sums are taken up again from the result, where
//! they lie unrounded: blocks change no bit.

use std::ops::Range;

use bytemuck::Pod;
use pulp::{Simd, WithSimd};
use rayon::prelude::*;

#[cfg(target_arch = "x86_64")]
use crate::avx512_bf16;
use crate::isa::Isa;
#[cfg(target_arch = "x86_64")]
use crate::matrix::Format;
use crate::matrix::{Data, Matrix};
use crate::microkernel::{self, PANEL, View};
use crate::parallel::{Shared, is_small, scratch};
use crate::transpose::{fetch, transpose};

/// Panels of a strip, at most.
const STRIP: usize = 16;
/// Rows of 32 numbers or words in a block, 256 KiB of them: of the matrix, and of the result.
const BLOCK: usize = 2048;

impl Matrix {
    pub(crate) fn multiply_with(&self, isa: Isa, x: &[f32], added: Added) -> Vec<f32> {
        let rows = rows_of(x, self.inputs);
        let is_long = |x: Option<&[f32]>, len| x.is_none_or(|x| x.len() == len);
        assert!(is_long(added.bias, self.outputs), "a bias for each output");
        assert!(
            is_long(added.resid, rows * self.outputs),
            "rows to be added"
        );
        #[cfg(target_arch = "x86_64")]
        if isa.has_bf16_dot() && self.format() != Format::F32 {
            let pairs = self.inputs.div_ceil(2);
            // SAFETY: the processor has the instructions.
            let left = unsafe { round(x, self.inputs, None) };
            let (make, scale);
            let right = match &self.data {
                Data::F32(_) => unreachable!("f32 is multiplied elsewhere"),
                Data::Bf16(words) => {
                    scale = None;
                    Right::Packed(words)
                }
                Data::Int8 {
                    pairs: data,
                    scales,
                } => {
                    make = |panels: Range<usize>, depth: Range<usize>, made: &mut [u32]| {
                        for (panel, made) in panels.zip(made.chunks_exact_mut(depth.len() * PANEL))
                        {
                            let first = (panel * pairs + depth.start) * PANEL;
                            // SAFETY: the processor has the instructions.
                            unsafe { avx512_bf16::widen(&data[first..][..made.len()], made) };
                        }
                    };
                    scale = Some(&scales[..]);
                    Right::Made(&make)
                }
            };
            // SAFETY: the processor has the instructions.
            return unsafe { of_words(&left, right, [rows, pairs, self.outputs], scale, added) };
        }
        let widen = |panels: Range<usize>, depth: Range<usize>, made: &mut [f32]| {
            for (panel, made) in panels.zip(made.chunks_exact_mut(depth.len() * PANEL)) {
                self.widen(isa, panel, depth.clone(), made);
            }
        };
        let right = match &self.data {
            Data::F32(data) => Right::Packed(data),
            Data::Bf16(_) | Data::Int8 { .. } => Right::Made(&widen),
        };
        of_numbers(isa, x, right, [rows, self.inputs, self.outputs], added)
    }

    pub(crate) fn multiply_transposed_with(&self, isa: Isa, y: &[f32]) -> Vec<f32> {
        let rows = rows_of(y, self.outputs);
        #[cfg(target_arch = "x86_64")]
        if isa.has_bf16_dot() && self.format() != Format::F32 {
            let scales = match &self.data {
                Data::Int8 { scales, .. } => Some(&scales[..]),
                _ => None,
            };
            // SAFETY: the processor has the instructions.
            let left = unsafe { round(y, self.outputs, scales) };
            // A block of 32 x 32 numbers is 16 rows of words, before and after.
            let pairs = self.inputs.div_ceil(2);
            let own = |panel: usize, block: usize| {
                let first = block * PANEL / 2;
                let start = (panel * pairs + first) * PANEL;
                start..start + (PANEL / 2).min(pairs - first) * PANEL
            };
            let make = |blocks: Range<usize>, depth: Range<usize>, made: &mut [u32]| {
                let panels = depth.start / (PANEL / 2)..depth.end.div_ceil(PANEL / 2);
                let (last, count) = (self.outputs.div_ceil(PANEL) - 1, depth.len() * PANEL);
                for (index, panel) in panels.enumerate() {
                    for (block, made) in blocks.clone().zip(made.chunks_exact_mut(count)) {
                        let mut wide = [0; PANEL * PANEL / 2];
                        let words = match &self.data {
                            Data::F32(_) => unreachable!("f32 is multiplied elsewhere"),
                            Data::Bf16(words) => {
                                if panel < last {
                                    fetch(&words[own(panel + 1, block)]);
                                }
                                &words[own(panel, block)]
                            }
                            Data::Int8 { pairs: data, .. } => {
                                let own = own(panel, block);
                                let wide = &mut wide[..own.len()];
                                // SAFETY: the processor has the instructions.
                                unsafe { avx512_bf16::widen(&data[own], wide) };
                                wide
                            }
                        };
                        let turned = &mut made[index * PANEL * PANEL / 2..];
                        // SAFETY: the processor has the instructions.
                        unsafe { avx512_bf16::transpose(words, turned) };
                    }
                }
            };
            // The last panel may hold fewer outputs; zeros fill it.
            let depth = self.outputs.div_ceil(PANEL) * PANEL / 2;
            // SAFETY: the processor has the instructions.
            return unsafe {
                of_words(
                    &left,
                    Right::Made(&make),
                    [rows, depth, self.inputs],
                    None,
                    Added::default(),
                )
            };
        }
        let make = |blocks: Range<usize>, depth: Range<usize>, made: &mut [f32]| {
            let (last, count) = (self.outputs.div_ceil(PANEL) - 1, depth.len() * PANEL);
            let panels = depth.start / PANEL..depth.end.div_ceil(PANEL);
            for (index, panel) in panels.enumerate() {
                for (block, made) in blocks.clone().zip(made.chunks_exact_mut(count)) {
                    let inputs = block * PANEL..self.inputs.min((block + 1) * PANEL);
                    let turned = &mut made[index * PANEL * PANEL..];
                    let mut wide = [0.0; PANEL * PANEL];
                    let numbers = match &self.data {
                        Data::F32(data) => {
                            let own = |panel: usize| {
                                let first = (panel * self.inputs + inputs.start) * PANEL;
                                &data[first..][..inputs.len() * PANEL]
                            };
                            if panel < last {
                                fetch(own(panel + 1));
                            }
                            own(panel)
                        }
                        Data::Bf16(_) | Data::Int8 { .. } => {
                            let wide = &mut wide[..inputs.len() * PANEL];
                            self.widen(isa, panel, inputs, wide);
                            wide
                        }
                    };
                    transpose(isa, numbers, turned);
                }
            }
        };
        of_numbers(
            isa,
            y,
            Right::Made(&make),
            [rows, self.outputs, self.inputs],
            Added::default(),
        )
    }

    /// Some inputs of a panel that is not kept in f32, `[inputs][32]`, as f32.
    fn widen(&self, isa: Isa, panel: usize, inputs: Range<usize>, wide: &mut [f32]) {
        isa.run(Widen {
            matrix: self,
            panel,
            inputs,
            wide,
        });
    }
}

/// `x` times a matrix in f32: `shape` is rows, depth and columns.
fn of_numbers(isa: Isa, x: &[f32], right: Right<f32>, shape: [usize; 3], added: Added) -> Vec<f32> {
    let [rows, depth, columns] = shape;
    assert_eq!(x.len(), rows * depth, "rows of the depth");
    let multiply = |block: Block<f32>| {
        isa.run(Numbers {
            left: x,
            rows,
            width: depth,
            row: columns,
            block,
        });
    };
    // SAFETY: `Numbers` writes every number of its block.
    unsafe { in_blocks(shape, right, added, multiply) }
}

/// As [`of_numbers`] with pairs of bfloat16 numbers; the depth counts words. Sums are multiplied by `scale`.
///
/// # Safety
///
/// [`Isa::multiplies_pairs`].
#[cfg(target_arch = "x86_64")]
unsafe fn of_words(
    left: &avx512_bf16::Words,
    right: Right<u32>,
    shape: [usize; 3],
    scale: Option<&[f32]>,
    added: Added,
) -> Vec<f32> {
    let [rows, depth, columns] = shape;
    let multiply = |block: Block<u32>| {
        let is_last = block.depth.end == depth;
        let output = avx512_bf16::Output {
            data: block.output,
            row: columns,
            columns: block.columns.len(),
            accumulate: block.depth.start > 0,
            scale: scale.filter(|_| is_last).map(|x| &x[block.columns.clone()]),
        };
        let left_part = &left.data[block.depth.start..];
        // SAFETY: the caller knows that the processor has the instructions, and the block is ours.
        unsafe {
            avx512_bf16::multiply(
                rows,
                block.depth.len(),
                left_part,
                left.row,
                block.right,
                output,
            );
        }
    };
    // SAFETY: `pairs::multiply` writes every number of its output.
    unsafe { in_blocks(shape, right, added, multiply) }
}

/// What is added to a product, in this order.
#[derive(Clone, Copy, Default)]
pub(crate) struct Added<'a> {
    /// `[columns]`, to every row.
    pub(crate) bias: Option<&'a [f32]>,
    /// `[rows, columns]`
    pub(crate) resid: Option<&'a [f32]>,
}

impl Added<'_> {
    /// To some columns of a result, the first of which begins at `output`; a row further on, it is `row` numbers further on.
    ///
    /// # Safety
    ///
    /// These numbers are there, and nobody else reads or writes them meanwhile.
    unsafe fn add(self, rows: usize, columns: Range<usize>, output: *mut f32, row: usize) {
        if self.bias.is_none() && self.resid.is_none() {
            return;
        }
        for first in (0..rows).map(|index| index * row) {
            // SAFETY: the caller vouches for every row.
            let sums = unsafe { std::slice::from_raw_parts_mut(output.add(first), columns.len()) };
            let resid = self.resid.map(|resid| &resid[first..]);
            for x in [self.bias, resid].into_iter().flatten() {
                for (sum, x) in sums.iter_mut().zip(&x[columns.clone()]) {
                    *sum += x;
                }
            }
        }
    }
}

/// Writes a strip and a block of depths of a matrix, `[panels][depth][32]`.
type Make<'a, T> = dyn Fn(Range<usize>, Range<usize>, &mut [T]) + Sync + 'a;

/// The matrix of a product, as panels of 32 columns.
#[derive(Clone, Copy)]
enum Right<'a, T> {
    /// As it is packed, `[panels][depth][32]`.
    Packed(&'a [T]),
    /// Made when it is needed.
    Made(&'a Make<'a, T>),
}

/// A part of a product that is computed at once.
struct Block<'a, T> {
    /// Products of earlier depths are in the output; the first block finds memory that nobody has written.
    depth: Range<usize>,
    /// `[depth][32]`
    right: &'a [T],
    columns: Range<usize>,
    /// Where the first number of the block goes. A row further on, it is the result's columns further on.
    output: *mut f32,
}

/// `[rows, columns]`, of which `multiply` writes a block at a time, each for all blocks of depth in order.
///
/// # Safety
///
/// `multiply` writes every number of its block.
unsafe fn in_blocks<T: Pod + Sync>(
    [rows, depth, columns]: [usize; 3],
    right: Right<T>,
    added: Added,
    multiply: impl Fn(Block<T>) + Sync,
) -> Vec<f32> {
    let mut result: Vec<f32> = Vec::with_capacity(rows * columns);
    let panels = columns.div_ceil(PANEL);
    if rows == 0 {
        return result;
    }
    let shared = Shared(result.as_mut_ptr());
    let threads = rayon::current_num_threads();
    let (strip, at_once) = match right {
        Right::Packed(_) => (panels.div_ceil(4 * threads).max(1), depth),
        // The wider a strip, the more of the matrix that it reads lies together.
        Right::Made(_) => {
            let strip = panels.div_ceil(threads).min(BLOCK / rows).clamp(1, STRIP);
            (strip, depth.min((BLOCK / strip).next_multiple_of(PANEL)))
        }
    };
    let one = |index: usize| {
        let own = index * strip..panels.min((index + 1) * strip);
        let mut made = scratch(match right {
            Right::Packed(_) => 0,
            Right::Made(_) => own.len() * at_once * PANEL,
        });
        for part in 0..depth.div_ceil(at_once.max(1)).max(1) {
            let depths = part * at_once..depth.min((part + 1) * at_once);
            let count = depths.len() * PANEL;
            if let Right::Made(make) = right {
                make(own.clone(), depths.clone(), &mut made[..own.len() * count]);
            }
            for (index, panel) in own.clone().enumerate() {
                let right = match right {
                    Right::Packed(data) => &data[(panel * depth + depths.start) * PANEL..][..count],
                    Right::Made(_) => &made[index * count..][..count],
                };
                let own = panel * PANEL..columns.min((panel + 1) * PANEL);
                let output = shared.at(own.start);
                multiply(Block {
                    depth: depths.clone(),
                    right,
                    columns: own.clone(),
                    output,
                });
                if depths.end == depth {
                    // SAFETY: these columns are ours, and all their sums were just written.
                    unsafe { added.add(rows, own, output, columns) };
                }
            }
        }
    };
    let strips = panels.div_ceil(strip);
    if is_small(rows * depth * columns) {
        (0..strips).for_each(one);
    } else {
        (0..strips).into_par_iter().for_each(one);
    }
    // SAFETY: the strips are all columns, the blocks of a strip all rows, and the caller vouches for every block.
    unsafe { result.set_len(rows * columns) };
    result
}

/// A block in f32.
struct Numbers<'a> {
    left: &'a [f32],
    rows: usize,
    /// Numbers from one of them to the next.
    width: usize,
    block: Block<'a, f32>,
    /// Numbers from one row of the result to the next.
    row: usize,
}

impl WithSimd for Numbers<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let rows = self.rows;
        let Block {
            depth,
            right,
            columns,
            output,
        } = self.block;
        let shape = [rows, depth.len(), columns.len()];
        assert!(self.left.len() >= (rows - 1) * self.width + depth.end);
        assert!(right.len() >= depth.len() * PANEL && columns.len() <= PANEL);
        let left = View::rows(&self.left[depth.start..], self.width);
        // SAFETY: the sides are checked, and the block of the output is ours.
        unsafe {
            microkernel::multiply_at(
                simd,
                shape,
                left,
                View::rows(right, PANEL),
                output,
                self.row,
                depth.start > 0,
            );
        }
    }
}

/// See [`Matrix::widen`].
struct Widen<'a> {
    matrix: &'a Matrix,
    panel: usize,
    inputs: Range<usize>,
    wide: &'a mut [f32],
}

impl WithSimd for Widen<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let pairs = self.matrix.inputs.div_ceil(2);
        for (input, wide) in self.inputs.zip(self.wide.chunks_exact_mut(PANEL)) {
            let first = (self.panel * pairs + input / 2) * PANEL;
            match &self.matrix.data {
                Data::F32(_) => unreachable!("f32 is wide"),
                Data::Bf16(words) => {
                    let words = &words[first..][..PANEL];
                    let shift = if input % 2 == 0 { 16 } else { 0 };
                    for (wide, word) in wide.iter_mut().zip(words) {
                        *wide = f32::from_bits((word << shift) & 0xffff_0000);
                    }
                }
                Data::Int8 { pairs, scales } => {
                    let scales = &scales[self.panel * PANEL..];
                    let pairs = pairs[first..][..PANEL].iter().zip(scales);
                    for (wide, (pair, scale)) in wide.iter_mut().zip(pairs) {
                        *wide = f32::from(pair[input % 2]) * scale;
                    }
                }
            }
        }
    }
}

/// Rows of numbers as words, `scales` times them if given.
///
/// # Safety
///
/// [`Isa::multiplies_pairs`].
#[cfg(target_arch = "x86_64")]
unsafe fn round(x: &[f32], width: usize, scales: Option<&[f32]>) -> avx512_bf16::Words {
    let row = avx512_bf16::Words::row_len(width);
    let mut data = scratch(rows_of(x, width) * row);
    let one = |(words, x): (&mut [u32], &[f32])| {
        // SAFETY: the caller knows that the processor has the instructions.
        unsafe { avx512_bf16::round(x, scales, words) }
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
    avx512_bf16::Words { data, row }
}

fn rows_of(x: &[f32], width: usize) -> usize {
    assert!(
        width > 0 && x.len().is_multiple_of(width),
        "{} numbers are no rows of {width}",
        x.len()
    );
    x.len() / width
}
