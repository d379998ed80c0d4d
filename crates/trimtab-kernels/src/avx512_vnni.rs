//! Products with AVX-512 dot products of bytes (`vpdpbusd`).
//!
//! The instruction computes `c += a0 b0 + a1 b1 + a2 b2 + a3 b3` in 32-bit integers for 16 columns
//! at a time, with unsigned codes of weights and signed codes of activations. The sum of a block of
//! 32 inputs is exact. It is then multiplied by the scales of both sides and added to a sum in f32.

#![cfg(target_arch = "x86_64")]

use std::arch::x86_64::{
    __m512, __m512i, _mm_storeu_si128, _mm512_abs_ps, _mm512_add_epi32, _mm512_and_si512,
    _mm512_castps_si512, _mm512_castsi512_ps, _mm512_cvtepi32_epi8, _mm512_cvtepi32_ps,
    _mm512_cvtps_epi32, _mm512_dpbusd_epi32, _mm512_fmadd_ps, _mm512_loadu_si512,
    _mm512_maskz_loadu_ps, _mm512_max_epu32, _mm512_mul_ps, _mm512_reduce_add_epi32,
    _mm512_reduce_max_epu32, _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_ps,
    _mm512_srli_epi32, _mm512_sub_epi32,
};
use std::ops::Range;

use crate::avx512_output::Output;
use crate::microkernel::PANEL_WIDTH;
use crate::quantised::{BLOCK, Bits, QUAD};
use crate::scratch::Scratch;

/// Words of a block of a row.
const WORDS: usize = BLOCK / QUAD;

/// Rows of activations as 8-bit codes, with a scale for each block of 32.
#[derive(Debug)]
pub(crate) struct Q8Rows {
    /// `[rows, blocks, 8]`, each with four codes
    pub(crate) codes: Scratch<u32>,
    /// `[rows, blocks]`
    pub(crate) terms: Scratch<BlockTerm>,
    pub(crate) rows: usize,
    pub(crate) blocks: usize,
}

/// What the sums of a block of activations need besides its codes.
#[derive(Clone, Copy, Debug, Default, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub(crate) struct BlockTerm {
    /// What the codes are multiplied by: the largest number of the block divided by 127.
    pub(crate) scale: f32,
    /// The sum of the codes.
    pub(crate) sum: i32,
}

/// Rounds a row to the nearest codes; zeros fill the last block.
///
/// # Shapes
///
/// - `x`: `[depth]`
/// - `codes`: `[blocks, 8]`
/// - `terms`: `[blocks]`
#[target_feature(enable = "avx512f")]
pub(crate) fn quantise(x: &[f32], codes: &mut [u32], terms: &mut [BlockTerm]) {
    assert!(terms.len() * BLOCK >= x.len() && codes.len() == terms.len() * WORDS);
    let blocks = codes.chunks_exact_mut(WORDS).zip(terms).enumerate();
    for (index, (codes, term)) in blocks {
        let mut halves = [_mm512_setzero_ps(); 2];
        for (half, value) in halves.iter_mut().enumerate() {
            let start = (index * BLOCK + half * 16).min(x.len());
            let count = 16.min(x.len() - start);
            let mask = ((1u32 << count) - 1) as u16;
            // SAFETY: the mask selects `count` numbers, which `x` has from `start` on.
            *value = unsafe { _mm512_maskz_loadu_ps(mask, x.as_ptr().add(start)) };
        }
        let (scale, [low, high]) = round_block(halves);
        let sum = _mm512_reduce_add_epi32(_mm512_add_epi32(low, high));
        *term = BlockTerm { scale, sum };
        // SAFETY: a block has 32 bytes of codes.
        unsafe {
            let codes = codes.as_mut_ptr();
            _mm_storeu_si128(codes.cast(), _mm512_cvtepi32_epi8(low));
            _mm_storeu_si128(codes.add(4).cast(), _mm512_cvtepi32_epi8(high));
        }
    }
}

/// `output = a panel`, or `output += a panel` with `output.accumulate`, for some blocks of the
/// depth.
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
/// `output` is valid for writes of as many rows as `a` has, of `columns` numbers each, and
/// initialized if it accumulates. No other thread reads or writes these numbers meanwhile.
#[target_feature(enable = "avx512f,avx512vnni")]
pub(crate) unsafe fn multiply(
    a: &Q8Rows,
    blocks: Range<usize>,
    bits: Bits,
    panel: &[u32],
    output: Output,
) {
    assert!(
        panel.len() >= blocks.len() * bits.rows() * PANEL_WIDTH
            && blocks.end <= a.blocks
            && a.codes.len() >= a.rows * a.blocks * WORDS
            && a.terms.len() >= a.rows * a.blocks
            && output.columns <= PANEL_WIDTH
    );
    let tiles = a.rows.div_ceil(MAX_ROWS);
    let mut row = 0;
    for index in 0..tiles {
        let end = a.rows * (index + 1) / tiles;
        let first = row * a.blocks + blocks.start;
        // SAFETY: `row < a.rows`.
        let (rows, out) = unsafe {
            (
                Rows {
                    codes: a.codes.as_ptr().add(first * WORDS),
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
            match (bits, end - row) {
                (Bits::Eight, 1) => multiply_tile::<1, false>(count, rows, panel, out),
                (Bits::Eight, 2) => multiply_tile::<2, false>(count, rows, panel, out),
                (Bits::Eight, 3) => multiply_tile::<3, false>(count, rows, panel, out),
                (Bits::Eight, 4) => multiply_tile::<4, false>(count, rows, panel, out),
                (Bits::Eight, 5) => multiply_tile::<5, false>(count, rows, panel, out),
                (Bits::Eight, 6) => multiply_tile::<6, false>(count, rows, panel, out),
                (Bits::Four, 1) => multiply_tile::<1, true>(count, rows, panel, out),
                (Bits::Four, 2) => multiply_tile::<2, true>(count, rows, panel, out),
                (Bits::Four, 3) => multiply_tile::<3, true>(count, rows, panel, out),
                (Bits::Four, 4) => multiply_tile::<4, true>(count, rows, panel, out),
                (Bits::Four, 5) => multiply_tile::<5, true>(count, rows, panel, out),
                (Bits::Four, 6) => multiply_tile::<6, true>(count, rows, panel, out),
                _ => unreachable!("tiles have 1 to {MAX_ROWS} rows"),
            }
        }
        row = end;
    }
}

/// Rows whose sums fit in registers, in integers and in f32.
const MAX_ROWS: usize = 6;

/// Rows of activations from a block on.
#[derive(Clone, Copy)]
struct Rows {
    codes: *const u32,
    terms: *const BlockTerm,
    /// Blocks from one row to the next.
    stride: usize,
}

/// Computes `ROWS` rows.
///
/// # Safety
///
/// `panel` is valid for reads of `blocks` blocks, `a` for as many of `ROWS` rows, and the output is
/// as [`multiply`] asks for.
#[target_feature(enable = "avx512f,avx512vnni")]
unsafe fn multiply_tile<const ROWS: usize, const FOUR_BITS: bool>(
    blocks: usize,
    a: Rows,
    panel: *const u32,
    output: Output,
) {
    let bits = if FOUR_BITS { Bits::Four } else { Bits::Eight };
    let code_rows = bits.code_rows();
    // SAFETY: the caller vouches for the output.
    let mut sums = unsafe { output.load::<ROWS>() };
    for block in 0..blocks {
        // SAFETY: inside the panel.
        let panel = unsafe { panel.add(block * bits.rows() * PANEL_WIDTH) };
        let mut dots = [[_mm512_set1_epi32(0); 2]; ROWS];
        for (row, dots) in dots.iter_mut().enumerate() {
            // SAFETY: inside the terms. The codes of the weights are too large by `zero`.
            let sum = unsafe { (*a.terms.add(row * a.stride + block)).sum };
            // It wraps only where the scale is not finite.
            *dots = [_mm512_set1_epi32((-bits.zero()).wrapping_mul(sum)); 2];
        }
        for code_row in 0..code_rows {
            // SAFETY: inside the panel.
            let b = unsafe { load_row(panel, code_row) };
            let parts = if FOUR_BITS {
                let nibbles = |b| _mm512_and_si512(b, _mm512_set1_epi32(0x0f0f_0f0f));
                [
                    b.map(nibbles),
                    b.map(|b| nibbles(_mm512_srli_epi32::<4>(b))),
                ]
            } else {
                [b; 2]
            };
            for (part, b) in parts.into_iter().take(WORDS / code_rows).enumerate() {
                for (row, dots) in dots.iter_mut().enumerate() {
                    // SAFETY: inside the codes.
                    let a = unsafe {
                        let at = (row * a.stride + block) * WORDS + part * code_rows + code_row;
                        _mm512_set1_epi32(*a.codes.add(at).cast::<i32>())
                    };
                    dots[0] = _mm512_dpbusd_epi32(dots[0], b[0], a);
                    dots[1] = _mm512_dpbusd_epi32(dots[1], b[1], a);
                }
            }
        }
        // SAFETY: inside the panel.
        let scales = unsafe { load_row(panel, code_rows) }.map(|x| _mm512_castsi512_ps(x));
        for (row, (sums, dots)) in sums.iter_mut().zip(dots).enumerate() {
            // SAFETY: inside the terms.
            let scale = unsafe { (*a.terms.add(row * a.stride + block)).scale };
            for half in 0..2 {
                let scale = _mm512_mul_ps(scales[half], _mm512_set1_ps(scale));
                sums[half] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dots[half]), scale, sums[half]);
            }
        }
    }
    // SAFETY: as above.
    unsafe { output.store(&sums) };
}

/// The 32 words of a row.
///
/// # Safety
///
/// `rows` is valid for reads up to that row.
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
/// - `block`: `[bits.rows(), PANEL_WIDTH]`
/// - `transposed`: `[Bits::Eight.rows(), PANEL_WIDTH]`
#[target_feature(enable = "avx512f")]
pub(crate) fn transpose_block(bits: Bits, block: &[u32], transposed: &mut [u32]) {
    assert!(
        block.len() == bits.rows() * PANEL_WIDTH
            && transposed.len() >= Bits::Eight.rows() * PANEL_WIDTH
    );
    let zero = _mm512_set1_epi32(bits.zero());
    // SAFETY: the scales are the last row.
    let scales =
        unsafe { load_row(block.as_ptr(), bits.code_rows()) }.map(|x| _mm512_castsi512_ps(x));
    let mut write = |input: usize, codes: [__m512i; 2]| {
        let number = |half: usize| {
            let code = _mm512_and_si512(codes[half], _mm512_set1_epi32(0xff));
            _mm512_mul_ps(
                _mm512_cvtepi32_ps(_mm512_sub_epi32(code, zero)),
                scales[half],
            )
        };
        let mut words = [0u32; WORDS];
        let (scale, codes) = round_block([number(0), number(1)]);
        let bytes =
            codes.map(|x| _mm512_cvtepi32_epi8(_mm512_add_epi32(x, _mm512_set1_epi32(128))));
        // SAFETY: 32 bytes of codes.
        unsafe {
            let words = words.as_mut_ptr();
            _mm_storeu_si128(words.cast(), bytes[0]);
            _mm_storeu_si128(words.add(4).cast(), bytes[1]);
        }
        let column = transposed[input..].iter_mut().step_by(PANEL_WIDTH);
        let of_input = words.into_iter().chain([scale.to_bits()]);
        column.zip(of_input).for_each(|(to, word)| *to = word);
    };
    for row in 0..bits.code_rows() {
        // SAFETY: inside the block.
        let mut codes = unsafe { load_row(block.as_ptr(), row) };
        for i in 0..QUAD {
            let input = row * QUAD + i;
            if bits == Bits::Four {
                let nibbles = |b| _mm512_and_si512(b, _mm512_set1_epi32(15));
                write(input, codes.map(nibbles));
                let high = codes.map(|b| nibbles(_mm512_srli_epi32::<4>(b)));
                write(input + BLOCK / 2, high);
            } else {
                write(input, codes);
            }
            codes = codes.map(|b| _mm512_srli_epi32::<8>(b));
        }
    }
}

/// The scale of 32 numbers, and the codes as 32-bit integers.
///
/// Numbers too small to have codes become zeros. The scale is not finite if a number is not: as
/// integers, the bits of infinity are larger than those of all numbers, and those of NaN larger
/// still.
#[target_feature(enable = "avx512f")]
fn round_block(numbers: [__m512; 2]) -> (f32, [__m512i; 2]) {
    let [low, high] = numbers.map(|x| _mm512_castps_si512(_mm512_abs_ps(x)));
    let largest = f32::from_bits(_mm512_reduce_max_epu32(_mm512_max_epu32(low, high)));
    let inverse = 127.0 / largest;
    let inverse = _mm512_set1_ps(if inverse.is_finite() { inverse } else { 0.0 });
    let codes = numbers.map(|x| _mm512_cvtps_epi32(_mm512_mul_ps(x, inverse)));
    (largest / 127.0, codes)
}
