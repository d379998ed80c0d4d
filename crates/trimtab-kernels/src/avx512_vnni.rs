//! Products with AVX-512 dot products of bytes (`vpdpbusd`).
//!
//! The instruction computes `c += a0 b0 + a1 b1 + a2 b2 + a3 b3` in 32-bit integers for 16 columns
//! at a time, with unsigned codes of weights and signed codes of activations. The sum of a block of
//! 32 inputs is exact. It is then multiplied by the scales of both sides and added to a sum in f32.
//!
//! Codes of activations have one byte or two, `256 high + low`, with a sum for each.

#![cfg(target_arch = "x86_64")]

use std::arch::x86_64::{
    __m512, __m512i, _mm_storeu_si128, _mm512_abs_ps, _mm512_add_epi32, _mm512_and_si512,
    _mm512_castps_si512, _mm512_castsi512_ps, _mm512_cvtepi32_epi8, _mm512_cvtepi32_ps,
    _mm512_cvtps_epi32, _mm512_dpbusd_epi32, _mm512_fmadd_ps, _mm512_fnmadd_ps, _mm512_loadu_si512,
    _mm512_maskz_loadu_ps, _mm512_max_epu32, _mm512_mul_ps, _mm512_or_si512,
    _mm512_reduce_add_epi32, _mm512_reduce_max_epu32, _mm512_rorv_epi32, _mm512_set1_epi32,
    _mm512_set1_ps, _mm512_setzero_ps, _mm512_slli_epi32, _mm512_srai_epi32, _mm512_srli_epi32,
    _mm512_sub_epi32, _mm512_sub_ps,
};
use std::ops::Range;

use crate::avx512_output::Output;
use crate::microkernel::PANEL_WIDTH;
use crate::quantised::{BLOCK, BlockFormat, QUAD};
use crate::scratch::Scratch;

/// Words of a block of a row.
const WORDS: usize = BLOCK / QUAD;

/// Rows of activations as codes of one or two bytes, with a scale for each block of 32.
#[derive(Debug)]
pub(crate) struct CodedRows {
    /// `[rows, blocks, bytes, 8]`, each with a byte of four codes; the high bytes come first
    pub(crate) codes: Scratch<u32>,
    /// `[rows, blocks]`
    pub(crate) terms: Scratch<BlockTerm>,
    pub(crate) rows: usize,
    pub(crate) blocks: usize,
    /// Bytes of a code.
    pub(crate) bytes: usize,
}

/// What the sums of a block of activations need besides its codes.
#[derive(Clone, Copy, Debug, Default, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub(crate) struct BlockTerm {
    /// What the codes are multiplied by: the largest number of the block divided by the largest
    /// code.
    pub(crate) scale: f32,
    /// The sums of the codes of the first and the second half.
    pub(crate) sums: [i32; 2],
}

impl BlockTerm {
    /// The sum of the codes of one of `parts` parts.
    #[inline(always)]
    fn sum(self, part: usize, parts: usize) -> i32 {
        if parts == 1 {
            self.sums[0].wrapping_add(self.sums[1]) // wraps only where the scale is not finite
        } else {
            self.sums[part]
        }
    }
}

/// Rounds a row to the nearest codes of `BYTES` bytes; zeros fill the last block.
///
/// # Shapes
///
/// - `x`: `[depth]`
/// - `codes`: `[blocks, BYTES, 8]`
/// - `terms`: `[blocks]`
#[target_feature(enable = "avx512f")]
pub(crate) fn quantise<const BYTES: usize>(x: &[f32], codes: &mut [u32], terms: &mut [BlockTerm]) {
    let len = BYTES * WORDS;
    assert!(terms.len() * BLOCK >= x.len() && codes.len() == terms.len() * len);
    let blocks = codes.chunks_exact_mut(len).zip(terms).enumerate();
    for (index, (words, term)) in blocks {
        let mut halves = [_mm512_setzero_ps(); 2];
        for (half, value) in halves.iter_mut().enumerate() {
            let start = (index * BLOCK + half * 16).min(x.len());
            let count = 16.min(x.len() - start);
            let mask = ((1u32 << count) - 1) as u16;
            // SAFETY: the mask selects `count` numbers, which `x` has from `start` on.
            *value = unsafe { _mm512_maskz_loadu_ps(mask, x.as_ptr().add(start)) };
        }
        let (scale, codes) = round_block::<BYTES>(halves);
        let sums = codes.map(|codes| _mm512_reduce_add_epi32(codes));
        *term = BlockTerm { scale, sums };
        let mut bytes = [codes; BYTES];
        if BYTES == 2 {
            // The low byte has a sign too.
            let round = _mm512_set1_epi32(128);
            bytes[0] = codes.map(|x| _mm512_srai_epi32::<8>(_mm512_add_epi32(x, round)));
        }
        for (bytes, words) in bytes.iter().zip(words.chunks_exact_mut(WORDS)) {
            // SAFETY: 32 bytes of codes.
            unsafe {
                let words = words.as_mut_ptr();
                _mm_storeu_si128(words.cast(), _mm512_cvtepi32_epi8(bytes[0]));
                _mm_storeu_si128(words.add(4).cast(), _mm512_cvtepi32_epi8(bytes[1]));
            }
        }
    }
}

/// `output = a panel`, or `output += a panel` with `output.accumulate`, for some rows and some
/// blocks of the depth.
///
/// Every number is one chain of additions in the order of the blocks, whatever the other rows are.
///
/// # Shapes
///
/// - `panel`: `[blocks, rows of a block, PANEL_WIDTH]`, as in [`Quantised`](crate::quantised)
/// - `output`: `[rows, columns]`
///
/// # Safety
///
/// `output` is valid for writes of as many rows, of `columns` numbers each, and initialized if it
/// accumulates. No other thread reads or writes these numbers meanwhile.
#[target_feature(enable = "avx512f,avx512vnni")]
pub(crate) unsafe fn multiply(
    a: &CodedRows,
    rows: Range<usize>,
    blocks: Range<usize>,
    format: BlockFormat,
    panel: &[u32],
    output: Output,
) {
    assert!(
        panel.len() >= blocks.len() * format.rows() * PANEL_WIDTH
            && blocks.end <= a.blocks
            && rows.end <= a.rows
            && a.codes.len() >= a.rows * a.blocks * a.bytes * WORDS
            && a.terms.len() >= a.rows * a.blocks
            && output.columns <= PANEL_WIDTH
    );
    let multiply_rows = match format {
        BlockFormat::Q4 => multiply_rows::<0>,
        BlockFormat::Q4Min => multiply_rows::<1>,
        BlockFormat::Q5 => multiply_rows::<2>,
        BlockFormat::Q5Min => multiply_rows::<3>,
        BlockFormat::Q6 => multiply_rows::<4>,
        BlockFormat::Q8 => multiply_rows::<5>,
    };
    let tiles = rows.len().div_ceil(MAX_ROWS[a.bytes - 1]);
    let mut row = 0;
    for index in 0..tiles {
        let end = rows.len() * (index + 1) / tiles;
        let first = (rows.start + row) * a.blocks + blocks.start;
        // SAFETY: `row < rows.len()`.
        let (tile, out) = unsafe {
            (
                Rows {
                    codes: a.codes.as_ptr().add(first * a.bytes * WORDS),
                    terms: a.terms.as_ptr().add(first),
                    stride: a.blocks,
                },
                Output {
                    data: output.data.add(row * output.row_stride),
                    ..output
                },
            )
        };
        let (count, panel) = (blocks.len(), panel.as_ptr());
        // SAFETY: the assertion holds for what the tile reads, and the caller vouches for the
        // output.
        unsafe {
            multiply_rows(a.bytes, end - row, count, tile, panel, out);
        }
        row = end;
    }
}

/// Rows whose sums fit in registers, in integers of each byte and in f32.
const MAX_ROWS: [usize; 2] = [6, 4];

/// Rows of activations from a block on.
#[derive(Clone, Copy)]
struct Rows {
    codes: *const u32,
    terms: *const BlockTerm,
    /// Blocks from one row to the next.
    stride: usize,
}

/// Computes `rows` rows with the kernel for `BlockFormat::ALL[FORMAT]`.
///
/// # Safety
///
/// As for [`multiply_tile`].
#[target_feature(enable = "avx512f,avx512vnni")]
unsafe fn multiply_rows<const FORMAT: usize>(
    bytes: usize,
    rows: usize,
    blocks: usize,
    a: Rows,
    panel: *const u32,
    output: Output,
) {
    // SAFETY: the caller's promise.
    unsafe {
        match (bytes, rows) {
            (1, 1) => multiply_tile::<1, FORMAT, 1>(blocks, a, panel, output),
            (1, 2) => multiply_tile::<2, FORMAT, 1>(blocks, a, panel, output),
            (1, 3) => multiply_tile::<3, FORMAT, 1>(blocks, a, panel, output),
            (1, 4) => multiply_tile::<4, FORMAT, 1>(blocks, a, panel, output),
            (1, 5) => multiply_tile::<5, FORMAT, 1>(blocks, a, panel, output),
            (1, 6) => multiply_tile::<6, FORMAT, 1>(blocks, a, panel, output),
            (2, 1) => multiply_tile::<1, FORMAT, 2>(blocks, a, panel, output),
            (2, 2) => multiply_tile::<2, FORMAT, 2>(blocks, a, panel, output),
            (2, 3) => multiply_tile::<3, FORMAT, 2>(blocks, a, panel, output),
            (2, 4) => multiply_tile::<4, FORMAT, 2>(blocks, a, panel, output),
            _ => unreachable!("one or two bytes, and at most MAX_ROWS rows"),
        }
    }
}

/// Computes `ROWS` rows.
///
/// # Safety
///
/// `panel` is valid for reads of `blocks` blocks, `a` for as many of `ROWS` rows, and the output is
/// as [`multiply`] asks for.
#[target_feature(enable = "avx512f,avx512vnni")]
unsafe fn multiply_tile<const ROWS: usize, const FORMAT: usize, const BYTES: usize>(
    blocks: usize,
    a: Rows,
    panel: *const u32,
    output: Output,
) {
    let format = const { BlockFormat::ALL[FORMAT] };
    // Parts of a block that have a scale.
    let parts = format.scales();
    let quads = WORDS / parts;
    // SAFETY: the caller vouches for the output.
    let mut sums = unsafe { output.load::<ROWS>() };
    for block in 0..blocks {
        // SAFETY: inside the panel.
        let panel = unsafe { panel.add(block * format.rows() * PANEL_WIDTH) };
        let term = |row: usize| {
            // SAFETY: inside the terms.
            unsafe { *a.terms.add(row * a.stride + block) }
        };
        for part in 0..parts {
            let mut dots = [[[_mm512_set1_epi32(0); 2]; BYTES]; ROWS];
            for quad in part * quads..(part + 1) * quads {
                // SAFETY: inside the panel.
                let b = unsafe { load_quad(format, panel, quad) };
                for (row, dots) in dots.iter_mut().enumerate() {
                    for (byte, dots) in dots.iter_mut().enumerate() {
                        // SAFETY: inside the codes.
                        let a = unsafe {
                            let block = row * a.stride + block;
                            let at = (block * BYTES + byte) * WORDS + quad;
                            _mm512_set1_epi32(*a.codes.add(at).cast::<i32>())
                        };
                        dots[0] = _mm512_dpbusd_epi32(dots[0], b[0], a);
                        dots[1] = _mm512_dpbusd_epi32(dots[1], b[1], a);
                    }
                }
            }
            // SAFETY: inside the panel.
            let scales = unsafe { load_floats(panel, format.bits() + part) };
            for (row, (sums, dots)) in sums.iter_mut().zip(dots).enumerate() {
                let term = term(row);
                // The codes of the weights are too large by `zero`.
                let zeros = _mm512_set1_epi32(term.sum(part, parts).wrapping_mul(format.zero()));
                for half in 0..2 {
                    let mut dot = dots[0][half];
                    if BYTES == 2 {
                        dot = _mm512_add_epi32(_mm512_slli_epi32::<8>(dot), dots[1][half]);
                    }
                    if !format.has_minimum() {
                        dot = _mm512_sub_epi32(dot, zeros);
                    }
                    let scale = _mm512_mul_ps(scales[half], _mm512_set1_ps(term.scale));
                    sums[half] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dot), scale, sums[half]);
                }
            }
        }
        if format.has_minimum() {
            // SAFETY: inside the panel.
            let minima = unsafe { load_floats(panel, format.rows() - 1) };
            for (row, sums) in sums.iter_mut().enumerate() {
                let term = term(row);
                let sum = _mm512_set1_ps(term.scale * term.sum(0, 1) as f32);
                for half in 0..2 {
                    sums[half] = _mm512_fnmadd_ps(minima[half], sum, sums[half]);
                }
            }
        }
    }
    // SAFETY: as above.
    unsafe { output.store(&sums) };
}

/// The codes of four inputs of a block, each in a byte.
///
/// # Safety
///
/// `block` is valid for reads of a block.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn load_quad(format: BlockFormat, block: *const u32, quad: usize) -> [__m512i; 2] {
    if format == BlockFormat::Q8 {
        // SAFETY: the caller's promise.
        return unsafe { load_row(block, quad) };
    }
    let (half, r) = (quad / 4, quad % 4);
    // SAFETY: the caller's promise.
    let low = unsafe { load_row(block, r) };
    // Bit `from` of each byte moves to bit `to`. What comes from another byte is masked.
    let bits = |x: __m512i, mask: i32, from: usize, to: usize| {
        let by = _mm512_set1_epi32(from as i32 - to as i32);
        _mm512_and_si512(_mm512_rorv_epi32(x, by), _mm512_set1_epi32(mask))
    };
    let low = low.map(|x| bits(x, 0x0f0f_0f0f, 4 * half, 0));
    let (row, mask, from) = match format.bits() {
        5 => (4, 0x1010_1010, r + 4 * half),
        6 => (4 + half, 0x3030_3030, 2 * r),
        _ => return low,
    };
    // SAFETY: the caller's promise.
    let high = unsafe { load_row(block, row) };
    let high = high.map(|x| bits(x, mask, from, 4));
    [
        _mm512_or_si512(low[0], high[0]),
        _mm512_or_si512(low[1], high[1]),
    ]
}

/// A row of scales or minima.
///
/// # Safety
///
/// As for [`load_row`].
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn load_floats(rows: *const u32, row: usize) -> [__m512; 2] {
    // SAFETY: the caller's promise.
    unsafe { load_row(rows, row) }.map(|x| _mm512_castsi512_ps(x))
}

/// The 32 words of a row.
///
/// # Safety
///
/// `rows` is valid for reads up to that row.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn load_row(rows: *const u32, row: usize) -> [__m512i; 2] {
    // SAFETY: the caller's promise.
    unsafe {
        let row = rows.add(row * PANEL_WIDTH);
        [
            _mm512_loadu_si512(row.cast()),
            _mm512_loadu_si512(row.add(16).cast()),
        ]
    }
}

/// Transposes a block of 32 inputs and 32 outputs. Each 32 outputs of an input are rounded to the
/// nearest codes, with a scale of their own.
///
/// # Shapes
///
/// - `block`: `[format.rows(), PANEL_WIDTH]`
/// - `transposed`: `[BlockFormat::Q8.rows(), PANEL_WIDTH]`
#[target_feature(enable = "avx512f")]
pub(crate) fn transpose_block(format: BlockFormat, block: &[u32], transposed: &mut [u32]) {
    match format {
        BlockFormat::Q4 => transpose::<0>(block, transposed),
        BlockFormat::Q4Min => transpose::<1>(block, transposed),
        BlockFormat::Q5 => transpose::<2>(block, transposed),
        BlockFormat::Q5Min => transpose::<3>(block, transposed),
        BlockFormat::Q6 => transpose::<4>(block, transposed),
        BlockFormat::Q8 => transpose::<5>(block, transposed),
    }
}

/// See [`transpose_block`].
#[target_feature(enable = "avx512f")]
fn transpose<const FORMAT: usize>(block: &[u32], transposed: &mut [u32]) {
    let format = const { BlockFormat::ALL[FORMAT] };
    assert!(
        block.len() == format.rows() * PANEL_WIDTH
            && transposed.len() >= BlockFormat::Q8.rows() * PANEL_WIDTH
    );
    let block = block.as_ptr();
    let zero = _mm512_set1_epi32(format.zero());
    let minima = if format.has_minimum() {
        // SAFETY: the last row.
        unsafe { load_floats(block, format.rows() - 1) }
    } else {
        [_mm512_setzero_ps(); 2]
    };
    for quad in 0..WORDS {
        let part = quad * format.scales() / WORDS;
        // SAFETY: inside the block.
        let (mut codes, scales) = unsafe {
            (
                load_quad(format, block, quad),
                load_floats(block, format.bits() + part),
            )
        };
        for i in 0..QUAD {
            let number = |half: usize| {
                let code = _mm512_and_si512(codes[half], _mm512_set1_epi32(0xff));
                let code = _mm512_cvtepi32_ps(_mm512_sub_epi32(code, zero));
                _mm512_sub_ps(_mm512_mul_ps(code, scales[half]), minima[half])
            };
            let mut words = [0u32; WORDS];
            let (scale, rounded) = round_block::<1>([number(0), number(1)]);
            let bytes =
                rounded.map(|x| _mm512_cvtepi32_epi8(_mm512_add_epi32(x, _mm512_set1_epi32(128))));
            // SAFETY: 32 bytes of codes.
            unsafe {
                let words = words.as_mut_ptr();
                _mm_storeu_si128(words.cast(), bytes[0]);
                _mm_storeu_si128(words.add(4).cast(), bytes[1]);
            }
            let column = transposed[quad * QUAD + i..]
                .iter_mut()
                .step_by(PANEL_WIDTH);
            let of_input = words.into_iter().chain([scale.to_bits()]);
            column.zip(of_input).for_each(|(to, word)| *to = word);
            codes = codes.map(|b| _mm512_srli_epi32::<8>(b));
        }
    }
}

/// The scale of 32 numbers, and the codes of `BYTES` bytes as 32-bit integers.
///
/// Numbers too small to have codes become zeros. The scale is not finite if a number is not: as
/// integers, the bits of infinity are larger than those of all numbers, and those of NaN larger
/// still.
#[inline]
#[target_feature(enable = "avx512f")]
fn round_block<const BYTES: usize>(numbers: [__m512; 2]) -> (f32, [__m512i; 2]) {
    // The high byte of the largest code is 127, and the low one 0.
    let most = if BYTES == 1 { 127.0 } else { 127.0 * 256.0 };
    let [low, high] = numbers.map(|x| _mm512_castps_si512(_mm512_abs_ps(x)));
    let largest = f32::from_bits(_mm512_reduce_max_epu32(_mm512_max_epu32(low, high)));
    let inverse = most / largest;
    let inverse = _mm512_set1_ps(if inverse.is_finite() { inverse } else { 0.0 });
    let codes = numbers.map(|x| _mm512_cvtps_epi32(_mm512_mul_ps(x, inverse)));
    (largest / most, codes)
}
