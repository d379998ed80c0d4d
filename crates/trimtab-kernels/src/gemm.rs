//! Matrix products with packed weights, blocked for the caches.
//!
//! A thread computes a strip of neighbouring panels (32 columns each), some rows at a time, one
//! block of the depth (the inner dimension, `K`) after the other. For each block it gets the
//! strip's part of the matrix: as it is packed, or packed on demand (dequantized, transposed). The
//! block of the rows, the part of the matrix and the sums of both should fit into the second-level
//! cache. Partial sums are stored in the output as f32 and loaded again, so blocking does not
//! change any bit.

use std::ops::Range;

use bytemuck::Pod;
use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use crate::isa::Isa;
use crate::matrix::{Matrix, Storage};
use crate::microkernel::{self, MatrixView, PANEL_WIDTH};
use crate::parallel::{SharedPtr, is_small};
use crate::quantised::BLOCK;
#[cfg(target_arch = "x86_64")]
use crate::quantised::{BlockFormat, QUAD, Quantised};
use crate::scratch::Scratch;
use crate::transpose::{prefetch, transpose_block};
#[cfg(target_arch = "x86_64")]
use crate::{amx, avx512_bf16, avx512_output::Output, avx512_vnni};

/// Panels in a strip, at most.
const MAX_STRIP_PANELS: usize = 16;
/// Depth of a block, at most, in rows of 32 elements. The blocks of a strip have at most 1 MiB.
const MAX_BLOCK_DEPTH: usize = 512;
/// Rows of a block, at most.
const MAX_BLOCK_ROWS: usize = 256;

impl Matrix {
    /// `x W + bias + resid`, where `epilogue` holds the last two, if any.
    pub(crate) fn multiply_with(&self, isa: Isa, x: &[f32], epilogue: Epilogue) -> Vec<f32> {
        let rows = count_rows(x, self.inputs);
        let has_len = |x: Option<&[f32]>, len| x.is_none_or(|x| x.len() == len);
        assert!(
            has_len(epilogue.bias, self.outputs),
            "bias must be [outputs]"
        );
        assert!(
            has_len(epilogue.resid, rows * self.outputs),
            "resid must be [rows, outputs]"
        );
        #[cfg(target_arch = "x86_64")]
        match &self.storage {
            // SAFETY: the processor has the instructions.
            Storage::Bf16(pairs) if isa.has_bf16_dot() => unsafe {
                return self.multiply_bf16(isa, pairs, x, epilogue);
            },
            // SAFETY: the processor has the instructions.
            Storage::Quantised(weights) if isa.has_byte_dot() => unsafe {
                return self.multiply_quantised(weights, x, epilogue);
            },
            _ => {}
        }
        let dequantize = |panels: Range<usize>, depth: Range<usize>, packed: &mut [f32]| {
            let parts = packed.chunks_exact_mut(depth.len() * PANEL_WIDTH);
            for (panel, packed) in panels.zip(parts) {
                self.dequantize(isa, panel, depth.clone(), packed);
            }
        };
        let rhs = match &self.storage {
            Storage::F32(data) => Rhs::Packed(data),
            Storage::Bf16(_) | Storage::Quantised(_) => Rhs::OnDemand(&dequantize),
        };
        gemm_f32(isa, x, rhs, [rows, self.inputs, self.outputs], epilogue)
    }

    /// As [`Self::multiply_with`] with bfloat16 dot products.
    ///
    /// # Safety
    ///
    /// Needs [`Isa::has_bf16_dot`].
    #[cfg(target_arch = "x86_64")]
    unsafe fn multiply_bf16(
        &self,
        isa: Isa,
        pairs: &[u32],
        x: &[f32],
        epilogue: Epilogue,
    ) -> Vec<f32> {
        // SAFETY: the caller promises that the processor has the instructions.
        let lhs = unsafe { pack_lhs_bf16(x, self.inputs) };
        let shape = [lhs.rows, self.inputs.div_ceil(2), self.outputs];
        // SAFETY: the processor has the instructions.
        unsafe { gemm_bf16(isa, &lhs, Rhs::Packed(pairs), shape, epilogue) }
    }

    /// As [`Self::multiply_with`] with dot products of bytes.
    ///
    /// # Safety
    ///
    /// Needs [`Isa::has_byte_dot`].
    #[cfg(target_arch = "x86_64")]
    unsafe fn multiply_quantised(
        &self,
        weights: &Quantised,
        x: &[f32],
        epilogue: Epilogue,
    ) -> Vec<f32> {
        // SAFETY: the caller promises that the processor has the instructions.
        let lhs = unsafe { quantise_lhs(x, self.inputs, weights.activation_bytes) };
        let depth = lhs.blocks * weights.format.rows();
        let shape = [lhs.rows, depth, self.outputs];
        let rhs = Rhs::Packed(&weights.data[..]);
        // SAFETY: the processor has the instructions.
        unsafe { gemm_quantised(&lhs, weights.format, rhs, shape, epilogue) }
    }

    /// `y W^T`.
    pub(crate) fn multiply_transposed_with(&self, isa: Isa, y: &[f32]) -> Vec<f32> {
        let rows = count_rows(y, self.outputs);
        #[cfg(target_arch = "x86_64")]
        match &self.storage {
            // SAFETY: the processor has the instructions.
            Storage::Bf16(pairs) if isa.has_bf16_dot() => unsafe {
                return self.multiply_transposed_bf16(isa, pairs, y);
            },
            // SAFETY: the processor has the instructions.
            Storage::Quantised(weights) if isa.has_byte_dot() => unsafe {
                return self.multiply_transposed_quantised(weights, y);
            },
            _ => {}
        }
        let last = self.outputs.div_ceil(PANEL_WIDTH) - 1;
        let transpose = |blocks: Range<usize>, depth: Range<usize>, packed: &mut [f32]| {
            let count = depth.len() * PANEL_WIDTH;
            let panels = depth.start / PANEL_WIDTH..depth.end.div_ceil(PANEL_WIDTH);
            for (index, panel) in panels.enumerate() {
                for (block, packed) in blocks.clone().zip(packed.chunks_exact_mut(count)) {
                    let inputs = block * PANEL_WIDTH..self.inputs.min((block + 1) * PANEL_WIDTH);
                    let transposed = &mut packed[index * PANEL_WIDTH * PANEL_WIDTH..];
                    let mut dequantized = [0.0; PANEL_WIDTH * PANEL_WIDTH];
                    let numbers = match &self.storage {
                        Storage::F32(data) => {
                            let of_panel = |panel: usize| {
                                let first = (panel * self.inputs + inputs.start) * PANEL_WIDTH;
                                &data[first..][..inputs.len() * PANEL_WIDTH]
                            };
                            if panel < last {
                                prefetch(of_panel(panel + 1));
                            }
                            of_panel(panel)
                        }
                        Storage::Bf16(_) | Storage::Quantised(_) => {
                            let dequantized = &mut dequantized[..inputs.len() * PANEL_WIDTH];
                            self.dequantize(isa, panel, inputs, dequantized);
                            dequantized
                        }
                    };
                    transpose_block(isa, numbers, transposed);
                }
            }
        };
        let shape = [rows, self.outputs, self.inputs];
        let rhs = Rhs::OnDemand(&transpose);
        gemm_f32(isa, y, rhs, shape, Epilogue::default())
    }

    /// As [`Self::multiply_transposed_with`] with bfloat16 dot products.
    ///
    /// # Safety
    ///
    /// Needs [`Isa::has_bf16_dot`].
    #[cfg(target_arch = "x86_64")]
    unsafe fn multiply_transposed_bf16(&self, isa: Isa, pairs: &[u32], y: &[f32]) -> Vec<f32> {
        /// A block of 32 x 32 numbers is 16 rows of pairs, before and after it is transposed.
        const BLOCK_PAIR_ROWS: usize = PANEL_WIDTH / 2;
        // SAFETY: the caller promises that the processor has the instructions.
        let lhs = unsafe { pack_lhs_bf16(y, self.outputs) };
        let pair_rows = self.inputs.div_ceil(2);
        let pairs = |panel: usize, block: usize| {
            let first = block * BLOCK_PAIR_ROWS;
            let start = (panel * pair_rows + first) * PANEL_WIDTH;
            &pairs[start..][..BLOCK_PAIR_ROWS.min(pair_rows - first) * PANEL_WIDTH]
        };
        // The last panel may hold fewer outputs; zeros fill it.
        let panels = self.outputs.div_ceil(PANEL_WIDTH);
        let transpose = |blocks: Range<usize>, depth: Range<usize>, packed: &mut [u32]| {
            for_each_block(
                blocks,
                depth,
                BLOCK_PAIR_ROWS,
                packed,
                |panel, block, packed| {
                    if panel + 1 < panels {
                        prefetch(pairs(panel + 1, block));
                    }
                    // SAFETY: the processor has the instructions.
                    unsafe { avx512_bf16::transpose_block(pairs(panel, block), packed) };
                },
            );
        };
        let shape = [lhs.rows, panels * BLOCK_PAIR_ROWS, self.inputs];
        let rhs = Rhs::OnDemand(&transpose);
        // SAFETY: the processor has the instructions.
        unsafe { gemm_bf16(isa, &lhs, rhs, shape, Epilogue::default()) }
    }

    /// As [`Self::multiply_transposed_with`] with dot products of bytes.
    ///
    /// # Safety
    ///
    /// Needs [`Isa::has_byte_dot`].
    #[cfg(target_arch = "x86_64")]
    unsafe fn multiply_transposed_quantised(&self, weights: &Quantised, y: &[f32]) -> Vec<f32> {
        const BLOCK_ROWS: usize = BlockFormat::Q8.rows();
        // SAFETY: the caller promises that the processor has the instructions.
        let lhs = unsafe { quantise_lhs(y, self.outputs, weights.activation_bytes) };
        let (blocks, panels) = (self.inputs.div_ceil(BLOCK), lhs.blocks);
        let transpose = |range: Range<usize>, depth: Range<usize>, packed: &mut [u32]| {
            for_each_block(range, depth, BLOCK_ROWS, packed, |panel, block, packed| {
                if panel + 1 < panels {
                    prefetch(weights.block((panel + 1) * blocks + block));
                }
                let block = weights.block(panel * blocks + block);
                // SAFETY: the processor has the instructions.
                unsafe { avx512_vnni::transpose_block(weights.format, block, packed) };
            });
        };
        let shape = [lhs.rows, panels * BLOCK_ROWS, self.inputs];
        let rhs = Rhs::OnDemand(&transpose);
        // SAFETY: the processor has the instructions.
        unsafe { gemm_quantised(&lhs, BlockFormat::Q8, rhs, shape, Epilogue::default()) }
    }

    /// Some inputs of a panel as f32, `[inputs, PANEL_WIDTH]`, from a format other than f32.
    fn dequantize(&self, isa: Isa, panel: usize, inputs: Range<usize>, output: &mut [f32]) {
        isa.dispatch(Dequantize {
            matrix: self,
            panel,
            inputs,
            output,
        });
    }
}

/// Calls `transpose` for each block of 32 x 32 numbers that a range of columns and depths of `W^T`
/// is made of, with its panel of `W`, its place there, and where to write `rows` rows.
#[cfg(target_arch = "x86_64")]
fn for_each_block(
    blocks: Range<usize>,
    depth: Range<usize>,
    rows: usize,
    packed: &mut [u32],
    transpose: impl Fn(usize, usize, &mut [u32]),
) {
    let panels = depth.start / rows..depth.end.div_ceil(rows);
    for (index, panel) in panels.enumerate() {
        let parts = packed.chunks_exact_mut(depth.len() * PANEL_WIDTH);
        for (block, packed) in blocks.clone().zip(parts) {
            transpose(panel, block, &mut packed[index * rows * PANEL_WIDTH..]);
        }
    }
}

/// What is added to a product, in this order.
#[derive(Clone, Copy, Default)]
pub(crate) struct Epilogue<'a> {
    /// `[columns]`, added to every row.
    pub(crate) bias: Option<&'a [f32]>,
    /// `[rows, columns]`
    pub(crate) resid: Option<&'a [f32]>,
}

impl Epilogue<'_> {
    /// Adds to some columns of a result. They begin at `output`, and the next row begins
    /// `row_stride` elements further on.
    ///
    /// # Safety
    ///
    /// These elements exist, and no other thread reads or writes them meanwhile.
    unsafe fn apply(
        self,
        rows: Range<usize>,
        columns: Range<usize>,
        output: *mut f32,
        row_stride: usize,
    ) {
        if self.bias.is_none() && self.resid.is_none() {
            return;
        }
        for (index, row) in rows.enumerate() {
            // SAFETY: the caller vouches for every row.
            let sums = unsafe {
                std::slice::from_raw_parts_mut(output.add(index * row_stride), columns.len())
            };
            let resid = self.resid.map(|resid| &resid[row * row_stride..]);
            for x in [self.bias, resid].into_iter().flatten() {
                for (sum, x) in sums.iter_mut().zip(&x[columns.clone()]) {
                    *sum += x;
                }
            }
        }
    }
}

/// The right-hand side of a product, as panels of 32 columns.
#[derive(Clone, Copy)]
enum Rhs<'a, T> {
    /// Already packed, `[panels, depth, 32]`.
    Packed(&'a [T]),
    /// Packed a block at a time, when it is needed.
    OnDemand(&'a PackFn<'a, T>),
}

/// Writes a range of panels and a range of depths of a matrix, `[panels, depth, 32]`.
type PackFn<'a, T> = dyn Fn(Range<usize>, Range<usize>, &mut [T]) + Sync + 'a;

/// The part of a product that one call of a microkernel computes: some rows of one panel.
struct Block<'a, T> {
    rows: Range<usize>,
    /// The output holds the sums of earlier depths. Before the first block it is uninitialized.
    depth: Range<usize>,
    /// `[depth, 32]`
    rhs: &'a [T],
    /// What the same rows are multiplied by next.
    next: Option<&'a [T]>,
    columns: Range<usize>,
    /// The first element of the block. The row stride is the number of columns of the product.
    output: *mut f32,
}

#[cfg(target_arch = "x86_64")]
impl Output {
    fn of<T>(block: &Block<T>, row_stride: usize) -> Self {
        Self {
            data: block.output,
            row_stride,
            columns: block.columns.len(),
            accumulate: block.depth.start > 0,
        }
    }
}

/// `x` times a matrix in f32; `shape` is rows, depth and columns.
fn gemm_f32(isa: Isa, x: &[f32], rhs: Rhs<f32>, shape: [usize; 3], epilogue: Epilogue) -> Vec<f32> {
    let [rows, depth, columns] = shape;
    assert_eq!(x.len(), rows * depth, "x must be [rows, depth]");
    let multiply = |block: Block<f32>| {
        isa.dispatch(MultiplyF32 {
            lhs: x,
            lhs_stride: depth,
            output_stride: columns,
            block,
        });
    };
    // SAFETY: `MultiplyF32` writes every element of its block.
    unsafe { gemm(shape, PANEL_WIDTH, rhs, epilogue, multiply) }
}

/// As [`gemm_f32`] with bfloat16 pairs: the depth counts pairs.
///
/// # Safety
///
/// Needs [`Isa::has_bf16_dot`].
#[cfg(target_arch = "x86_64")]
unsafe fn gemm_bf16(
    isa: Isa,
    lhs: &avx512_bf16::Bf16Rows,
    rhs: Rhs<u32>,
    shape: [usize; 3],
    epilogue: Epilogue,
) -> Vec<f32> {
    let [_, _, columns] = shape;
    let multiply = |block: Block<u32>| {
        let output = Output::of(&block, columns);
        let stride = lhs.row_stride;
        let lhs_part = &lhs.pairs[block.rows.start * stride + block.depth.start..];
        let (rows, len) = (block.rows.len(), block.depth.len());
        // SAFETY: the processor has the instructions, and the block of the output belongs to this
        // thread.
        unsafe {
            if isa.has_tiles() {
                amx::multiply(rows, len, lhs_part, stride, block.rhs, block.next, output);
            } else {
                avx512_bf16::multiply(rows, len, lhs_part, stride, block.rhs, output);
            }
        }
    };
    // SAFETY: both kernels write every element of their output.
    unsafe { gemm(shape, PANEL_WIDTH, rhs, epilogue, multiply) }
}

/// As [`gemm_f32`] with dot products of bytes: the depth counts rows of blocks.
///
/// # Safety
///
/// Needs [`Isa::has_byte_dot`].
#[cfg(target_arch = "x86_64")]
unsafe fn gemm_quantised(
    lhs: &avx512_vnni::CodedRows,
    format: BlockFormat,
    rhs: Rhs<u32>,
    shape: [usize; 3],
    epilogue: Epilogue,
) -> Vec<f32> {
    let [_, _, columns] = shape;
    let multiply = |block: Block<u32>| {
        let blocks = block.depth.start / format.rows()..block.depth.end / format.rows();
        let output = Output::of(&block, columns);
        // SAFETY: the caller promises that the processor has the instructions, and the block of the
        // output belongs to this thread.
        unsafe { avx512_vnni::multiply(lhs, block.rows, blocks, format, block.rhs, output) };
    };
    // SAFETY: `avx512_vnni::multiply` writes every element of its output.
    unsafe { gemm(shape, format.rows(), rhs, epilogue, multiply) }
}

/// A product `[rows, columns]` that `multiply` computes block by block.
///
/// For each panel, `multiply` gets the blocks of depth in order. They begin at multiples of
/// `granule`.
///
/// # Safety
///
/// `multiply` writes every element of its block.
unsafe fn gemm<T: Pod + Sync>(
    [rows, depth, columns]: [usize; 3],
    granule: usize,
    rhs: Rhs<T>,
    epilogue: Epilogue,
    multiply: impl Fn(Block<T>) + Sync,
) -> Vec<f32> {
    let mut output: Vec<f32> = Vec::with_capacity(rows * columns);
    let panels = columns.div_ceil(PANEL_WIDTH);
    if rows == 0 {
        return output;
    }
    let shared = SharedPtr(output.as_mut_ptr());
    let threads = rayon::current_num_threads();
    let (strips_per_thread, pass_rows) = match rhs {
        Rhs::Packed(_) => (4, MAX_BLOCK_ROWS),
        // The wider a strip, the more of the memory that it reads is contiguous. Packed once, a
        // part of the matrix serves all rows.
        Rhs::OnDemand(_) => (1, rows),
    };
    let strip_panels = panels.div_ceil(strips_per_thread * threads);
    let strip_panels = strip_panels.clamp(1, MAX_STRIP_PANELS);
    let block_depth = depth.min(MAX_BLOCK_DEPTH.next_multiple_of(granule));
    let multiply_strip = |index: usize| {
        let strip = index * strip_panels..panels.min((index + 1) * strip_panels);
        let mut packed = Scratch::take(match rhs {
            Rhs::Packed(_) => 0,
            Rhs::OnDemand(_) => strip.len() * block_depth * PANEL_WIDTH,
        });
        for (rows, depths) in blocks(rows, pass_rows, depth, block_depth) {
            let count = depths.len() * PANEL_WIDTH;
            if let Rhs::OnDemand(pack) = rhs {
                let packed = &mut packed[..strip.len() * count];
                pack(strip.clone(), depths.clone(), packed);
            }
            let block_of = |panel: usize| match rhs {
                Rhs::Packed(data) => &data[(panel * depth + depths.start) * PANEL_WIDTH..][..count],
                Rhs::OnDemand(_) => &packed[(panel - strip.start) * count..][..count],
            };
            for (rows, panel) in steps(rows, MAX_BLOCK_ROWS)
                .flat_map(|rows| strip.clone().map(move |panel| (rows.clone(), panel)))
            {
                let panel_columns = panel * PANEL_WIDTH..columns.min((panel + 1) * PANEL_WIDTH);
                let output = shared.at(rows.start * columns + panel_columns.start);
                multiply(Block {
                    rows: rows.clone(),
                    depth: depths.clone(),
                    rhs: block_of(panel),
                    next: (panel + 1 < strip.end).then(|| block_of(panel + 1)),
                    columns: panel_columns.clone(),
                    output,
                });
                if depths.end == depth {
                    // SAFETY: this thread alone has these columns, and all their sums are written.
                    unsafe { epilogue.apply(rows, panel_columns, output, columns) };
                }
            }
        }
    };
    let strips = panels.div_ceil(strip_panels);
    if is_small(rows * depth * columns) {
        (0..strips).for_each(multiply_strip);
    } else {
        (0..strips).into_par_iter().for_each(multiply_strip);
    }
    // SAFETY: the strips cover all columns, the blocks of a strip cover all rows, and the caller
    // promises that every block was written.
    unsafe { output.set_len(rows * columns) };
    output
}

/// Rows and depths of a product, first all depths of some rows.
fn blocks(
    rows: usize,
    pass_rows: usize,
    depth: usize,
    block_depth: usize,
) -> impl Iterator<Item = (Range<usize>, Range<usize>)> {
    steps(0..rows, pass_rows).flat_map(move |rows| {
        steps(0..depth, block_depth).map(move |depths| (rows.clone(), depths))
    })
}

/// Steps of at most `len` through a range. An empty range is one step.
fn steps(range: Range<usize>, len: usize) -> impl Iterator<Item = Range<usize>> {
    let count = range.len().div_ceil(len.max(1)).max(1);
    (0..count).map(move |index| {
        let start = range.start + index * len;
        start..range.end.min(start + len)
    })
}

/// Multiplies some rows by a block of a matrix in f32.
struct MultiplyF32<'a> {
    lhs: &'a [f32],
    lhs_stride: usize,
    output_stride: usize,
    block: Block<'a, f32>,
}

impl WithSimd for MultiplyF32<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Block {
            rows,
            depth,
            rhs,
            columns,
            output,
            ..
        } = self.block;
        let shape = [rows.len(), depth.len(), columns.len()];
        assert!(self.lhs.len() >= (rows.end - 1) * self.lhs_stride + depth.end);
        assert!(rhs.len() >= depth.len() * PANEL_WIDTH && columns.len() <= PANEL_WIDTH);
        let lhs = MatrixView::row_major(
            &self.lhs[rows.start * self.lhs_stride + depth.start..],
            self.lhs_stride,
        );
        let rhs = MatrixView::row_major(rhs, PANEL_WIDTH);
        let (stride, accumulate) = (self.output_stride, depth.start > 0);
        // SAFETY: the sides are checked, and the block of the output belongs to this thread.
        unsafe { microkernel::multiply_raw(simd, shape, lhs, rhs, output, stride, accumulate) };
    }
}

/// See [`Matrix::dequantize`].
struct Dequantize<'a> {
    matrix: &'a Matrix,
    panel: usize,
    inputs: Range<usize>,
    output: &'a mut [f32],
}

impl WithSimd for Dequantize<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        match &self.matrix.storage {
            Storage::F32(_) => unreachable!("f32 is stored as it is"),
            Storage::Bf16(pairs) => {
                let first = self.panel * self.matrix.inputs.div_ceil(2);
                for (input, output) in self.inputs.zip(self.output.chunks_exact_mut(PANEL_WIDTH)) {
                    let pairs = &pairs[(first + input / 2) * PANEL_WIDTH..][..PANEL_WIDTH];
                    let shift = if input % 2 == 0 { 16 } else { 0 };
                    for (output, pair) in output.iter_mut().zip(pairs) {
                        *output = f32::from_bits((pair << shift) & 0xffff_0000);
                    }
                }
            }
            Storage::Quantised(weights) => {
                assert!(self.inputs.start.is_multiple_of(BLOCK), "whole blocks");
                let first = self.panel * self.matrix.inputs.div_ceil(BLOCK);
                let blocks = first + self.inputs.start / BLOCK..;
                for (block, output) in blocks.zip(self.output.chunks_mut(BLOCK * PANEL_WIDTH)) {
                    weights.dequantise(block, output);
                }
            }
        }
    }
}

/// Rounds the rows of `x`, `[rows, width]`, to bfloat16.
///
/// # Safety
///
/// Needs [`Isa::has_bf16_dot`].
#[cfg(target_arch = "x86_64")]
unsafe fn pack_lhs_bf16(x: &[f32], width: usize) -> avx512_bf16::Bf16Rows {
    let row_stride = avx512_bf16::Bf16Rows::row_stride(width);
    let rows = count_rows(x, width);
    let mut pairs = Scratch::take(rows.next_multiple_of(amx::TILE) * row_stride);
    let round_row = |(pairs, x): (&mut [u32], &[f32])| {
        // SAFETY: the caller promises that the processor has the instructions.
        unsafe { avx512_bf16::round(x, pairs) }
    };
    if x.len() < 1 << 16 {
        pairs
            .chunks_exact_mut(row_stride)
            .zip(x.chunks_exact(width))
            .for_each(round_row);
    } else {
        let rows = pairs
            .par_chunks_exact_mut(row_stride)
            .zip(x.par_chunks_exact(width));
        rows.with_min_len(16).for_each(round_row);
    }
    avx512_bf16::Bf16Rows {
        pairs,
        rows,
        row_stride,
    }
}

/// Rounds the rows of `x`, `[rows, width]`, to codes of one or two bytes.
///
/// # Safety
///
/// Needs [`Isa::has_byte_dot`].
#[cfg(target_arch = "x86_64")]
unsafe fn quantise_lhs(x: &[f32], width: usize, bytes: usize) -> avx512_vnni::CodedRows {
    let rows = count_rows(x, width);
    let blocks = width.div_ceil(BLOCK);
    let row_codes = blocks * bytes * BLOCK / QUAD;
    let mut codes = Scratch::take(rows * row_codes);
    let mut terms = Scratch::take(rows * blocks);
    let quantise_row = |((codes, terms), x): ((&mut [u32], &mut [_]), &[f32])| {
        // SAFETY: the caller promises that the processor has the instructions.
        unsafe {
            match bytes {
                1 => avx512_vnni::quantise::<1>(x, codes, terms),
                _ => avx512_vnni::quantise::<2>(x, codes, terms),
            }
        }
    };
    if x.len() < 1 << 16 {
        codes
            .chunks_exact_mut(row_codes)
            .zip(terms.chunks_exact_mut(blocks))
            .zip(x.chunks_exact(width))
            .for_each(quantise_row);
    } else {
        let rows = codes
            .par_chunks_exact_mut(row_codes)
            .zip(terms.par_chunks_exact_mut(blocks))
            .zip(x.par_chunks_exact(width));
        rows.with_min_len(16).for_each(quantise_row);
    }
    avx512_vnni::CodedRows {
        codes,
        terms,
        rows,
        blocks,
        bytes,
    }
}

fn count_rows(x: &[f32], width: usize) -> usize {
    assert!(
        width > 0 && x.len().is_multiple_of(width),
        "{} elements are not whole rows of {width}",
        x.len()
    );
    x.len() / width
}
