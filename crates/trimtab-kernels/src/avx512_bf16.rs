//! Products with AVX-512 bfloat16 dot products (`vdpbf16ps`).
//!
//! The instruction computes `c += a0 b0 + a1 b1` in f32 for 16 columns at a time. A *pair* is a
//! `u32` with two bfloat16 numbers that follow each other in depth; the first one is in the low
//! half.

#![cfg(target_arch = "x86_64")]

use std::arch::x86_64::{
    __m512bh, __m512i, _mm512_and_si512, _mm512_cvtne2ps_pbh, _mm512_dpbf16_ps, _mm512_loadu_si512,
    _mm512_maskz_loadu_ps, _mm512_or_si512, _mm512_set1_epi32, _mm512_setzero_ps,
    _mm512_shuffle_i32x4, _mm512_slli_epi32, _mm512_srli_epi32, _mm512_storeu_si512,
    _mm512_unpackhi_epi32, _mm512_unpackhi_epi64, _mm512_unpacklo_epi32, _mm512_unpacklo_epi64,
};
use std::mem::transmute;

use crate::avx512_output::Output;
use crate::microkernel::PANEL_WIDTH;
use crate::scratch::Scratch;

/// Rows of activations as pairs, each row padded with zeros.
#[derive(Debug)]
pub(crate) struct Bf16Rows {
    pub(crate) pairs: Scratch<u32>,
    pub(crate) rows: usize,
    /// Pairs from one row to the next.
    pub(crate) row_stride: usize,
}

impl Bf16Rows {
    /// The stride for rows of `depth` numbers.
    ///
    /// It is an odd number of cache lines, so that rows do not map to the same cache sets.
    pub(crate) fn row_stride(depth: usize) -> usize {
        (depth.div_ceil(2).div_ceil(16) | 1) * 16
    }
}

/// Rounds `x` to the nearest bfloat16 numbers.
///
/// # Shapes
///
/// - `x`: `[depth]`
/// - `pairs`: at least `depth / 2`, in whole cache lines; zeros fill the rest
#[target_feature(enable = "avx512f,avx512bf16")]
pub(crate) fn round(x: &[f32], pairs: &mut [u32]) {
    assert!(pairs.len().is_multiple_of(16) && pairs.len() * 2 >= x.len());
    for (index, line) in pairs.chunks_exact_mut(16).enumerate() {
        let start = (index * 32).min(x.len());
        let mut values = [_mm512_setzero_ps(); 2];
        for (half, value) in values.iter_mut().enumerate() {
            let start = (start + half * 16).min(x.len());
            let count = 16.min(x.len() - start);
            let mask = ((1u32 << count) - 1) as u16;
            // SAFETY: the mask selects `count` numbers, which `x` has from `start` on.
            *value = unsafe { _mm512_maskz_loadu_ps(mask, x.as_ptr().add(start)) };
        }
        // SAFETY: any 512 bits are valid for both types.
        let rounded: __m512i = unsafe { transmute(_mm512_cvtne2ps_pbh(values[1], values[0])) };
        // SAFETY: `line` has 512 bits.
        unsafe { _mm512_storeu_si512(line.as_mut_ptr().cast(), rounded) };
    }
}

/// `output = a panel`, or `output += a panel` with `output.accumulate`.
///
/// Every number is one chain of additions in the order of the depth, whatever the other rows are.
///
/// # Shapes
///
/// - `a`: `[rows, depth]` pairs; row `i` begins at `a[i * a_stride]`
/// - `panel`: `[depth, PANEL_WIDTH]` pairs
/// - `output`: `[rows, columns]`
///
/// # Safety
///
/// `output` is valid for writes of `rows` rows of `columns` numbers, and initialized if it
/// accumulates. No other thread reads or writes these numbers meanwhile.
#[target_feature(enable = "avx512f,avx512bf16")]
pub(crate) unsafe fn multiply(
    rows: usize,
    depth: usize,
    a: &[u32],
    a_stride: usize,
    panel: &[u32],
    output: Output,
) {
    if rows == 0 {
        return;
    }
    assert!(
        panel.len() >= depth * PANEL_WIDTH
            && (rows - 1) * a_stride + depth <= a.len()
            && output.columns <= PANEL_WIDTH
    );
    let tiles = rows.div_ceil(12);
    let mut row = 0;
    for index in 0..tiles {
        let end = rows * (index + 1) / tiles;
        // SAFETY: `row < rows`.
        let (a, out) = unsafe {
            (
                a.as_ptr().add(row * a_stride),
                Output {
                    data: output.data.add(row * output.row_stride),
                    ..output
                },
            )
        };
        let panel = panel.as_ptr();
        // SAFETY: the assertions and the caller's promise hold for these rows.
        unsafe {
            match end - row {
                1 => multiply_tile::<1>(depth, a, a_stride, panel, out),
                2 => multiply_tile::<2>(depth, a, a_stride, panel, out),
                3 => multiply_tile::<3>(depth, a, a_stride, panel, out),
                4 => multiply_tile::<4>(depth, a, a_stride, panel, out),
                5 => multiply_tile::<5>(depth, a, a_stride, panel, out),
                6 => multiply_tile::<6>(depth, a, a_stride, panel, out),
                7 => multiply_tile::<7>(depth, a, a_stride, panel, out),
                8 => multiply_tile::<8>(depth, a, a_stride, panel, out),
                9 => multiply_tile::<9>(depth, a, a_stride, panel, out),
                10 => multiply_tile::<10>(depth, a, a_stride, panel, out),
                11 => multiply_tile::<11>(depth, a, a_stride, panel, out),
                12 => multiply_tile::<12>(depth, a, a_stride, panel, out),
                _ => unreachable!("tiles have at most 12 rows"),
            }
        }
        row = end;
    }
}

/// Computes `ROWS` rows, whose sums fit in registers.
///
/// # Safety
///
/// `a` is valid for reads of `ROWS` rows of `depth` pairs, `panel` for `depth` rows of
/// [`PANEL_WIDTH`] pairs, and the output is as [`multiply`] asks for.
#[target_feature(enable = "avx512f,avx512bf16")]
unsafe fn multiply_tile<const ROWS: usize>(
    depth: usize,
    a: *const u32,
    a_stride: usize,
    panel: *const u32,
    output: Output,
) {
    // SAFETY: the caller vouches for the output.
    let mut sums = unsafe { output.load::<ROWS>() };
    for depth in 0..depth {
        // SAFETY: inside the panel.
        let b = unsafe {
            let b = panel.add(depth * PANEL_WIDTH);
            [
                _mm512_loadu_si512(b.cast()),
                _mm512_loadu_si512(b.add(16).cast()),
            ]
        };
        // SAFETY: any 512 bits are valid for both types.
        let b: [__m512bh; 2] = unsafe { transmute(b) };
        for (row, sums) in sums.iter_mut().enumerate() {
            // SAFETY: inside `a`; as above.
            let a: __m512bh = unsafe {
                transmute(_mm512_set1_epi32(
                    *a.add(row * a_stride + depth).cast::<i32>(),
                ))
            };
            sums[0] = _mm512_dpbf16_ps(sums[0], a, b[0]);
            sums[1] = _mm512_dpbf16_ps(sums[1], a, b[1]);
        }
    }
    // SAFETY: as above.
    unsafe { output.store(&sums) };
}

/// Transposes a block of 32 x 32 bfloat16 numbers.
///
/// Row `i` of `block` pairs the numbers of rows `2i` and `2i + 1`. Row `j` of `transposed` pairs
/// those of columns `2j` and `2j + 1`.
///
/// # Shapes
///
/// - `block`: up to 16 rows of [`PANEL_WIDTH`] pairs; missing rows are zeros
/// - `transposed`: at least 16 rows of [`PANEL_WIDTH`] pairs
#[target_feature(enable = "avx512f")]
pub(crate) fn transpose_block(block: &[u32], transposed: &mut [u32]) {
    assert!(
        transposed.len() >= 16 * PANEL_WIDTH
            && block.len().is_multiple_of(PANEL_WIDTH)
            && block.len() <= 16 * PANEL_WIDTH
    );
    for half in 0..2 {
        let mut rows = [_mm512_set1_epi32(0); 16];
        for (row, pairs) in rows.iter_mut().zip(block.chunks_exact(PANEL_WIDTH)) {
            // SAFETY: a row has 32 pairs.
            *row = unsafe { _mm512_loadu_si512(pairs.as_ptr().add(half * 16).cast()) };
        }
        let columns = transpose_16x16(&rows);
        let low = _mm512_set1_epi32(0xffff);
        for pair in 0..8 {
            let (even, odd) = (columns[2 * pair], columns[2 * pair + 1]);
            // Lane `i` holds rows `2i` (low half) and `2i + 1` of a column.
            let first = _mm512_or_si512(_mm512_and_si512(even, low), _mm512_slli_epi32::<16>(odd));
            let second = _mm512_or_si512(
                _mm512_srli_epi32::<16>(even),
                _mm512_slli_epi32::<16>(_mm512_srli_epi32::<16>(odd)),
            );
            // Restores the order of the rows: 0, 1, 2, ...
            let (a, b) = (
                _mm512_unpacklo_epi32(first, second),
                _mm512_unpackhi_epi32(first, second),
            );
            // a: rows 0 1 2 3 | 8 9 10 11 | 16.. | 24..; b: rows 4 5 6 7 | 12.. | 20.. | 28..
            let low_rows = _mm512_shuffle_i32x4::<0b01_00_01_00>(a, b); // a0 a1 b0 b1
            let high_rows = _mm512_shuffle_i32x4::<0b11_10_11_10>(a, b); // a2 a3 b2 b3
            let low_rows = _mm512_shuffle_i32x4::<0b11_01_10_00>(low_rows, low_rows); // a0 b0 a1 b1
            let high_rows = _mm512_shuffle_i32x4::<0b11_01_10_00>(high_rows, high_rows);
            let at = (half * 8 + pair) * PANEL_WIDTH;
            // SAFETY: `transposed` has 16 rows of 32 pairs.
            unsafe {
                let out = transposed.as_mut_ptr().add(at);
                _mm512_storeu_si512(out.cast(), low_rows);
                _mm512_storeu_si512(out.add(16).cast(), high_rows);
            }
        }
    }
}

#[target_feature(enable = "avx512f")]
fn transpose_16x16(rows: &[__m512i; 16]) -> [__m512i; 16] {
    let mut pairs = *rows;
    for i in 0..8 {
        pairs[2 * i] = _mm512_unpacklo_epi32(rows[2 * i], rows[2 * i + 1]);
        pairs[2 * i + 1] = _mm512_unpackhi_epi32(rows[2 * i], rows[2 * i + 1]);
    }
    let mut fours = pairs;
    for i in 0..4 {
        fours[4 * i] = _mm512_unpacklo_epi64(pairs[4 * i], pairs[4 * i + 2]);
        fours[4 * i + 1] = _mm512_unpackhi_epi64(pairs[4 * i], pairs[4 * i + 2]);
        fours[4 * i + 2] = _mm512_unpacklo_epi64(pairs[4 * i + 1], pairs[4 * i + 3]);
        fours[4 * i + 3] = _mm512_unpackhi_epi64(pairs[4 * i + 1], pairs[4 * i + 3]);
    }
    // fours[4 i + j] holds, in its 128-bit part p, column 4 p + j of rows 4 i .. 4 i + 4.
    let mut columns = fours;
    for j in 0..4 {
        // Parts 0 and 2 of rows 0-3 and of rows 4-7.
        let even_top = _mm512_shuffle_i32x4::<0b10_00_10_00>(fours[j], fours[4 + j]);
        let even_bottom = _mm512_shuffle_i32x4::<0b10_00_10_00>(fours[8 + j], fours[12 + j]);
        // Parts 1 and 3.
        let odd_top = _mm512_shuffle_i32x4::<0b11_01_11_01>(fours[j], fours[4 + j]);
        let odd_bottom = _mm512_shuffle_i32x4::<0b11_01_11_01>(fours[8 + j], fours[12 + j]);
        columns[j] = _mm512_shuffle_i32x4::<0b10_00_10_00>(even_top, even_bottom);
        columns[8 + j] = _mm512_shuffle_i32x4::<0b11_01_11_01>(even_top, even_bottom);
        columns[4 + j] = _mm512_shuffle_i32x4::<0b10_00_10_00>(odd_top, odd_bottom);
        columns[12 + j] = _mm512_shuffle_i32x4::<0b11_01_11_01>(odd_top, odd_bottom);
    }
    columns
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::isa::Isa;
    use crate::matrix::unpack_pair;
    use crate::testing::{EPS, bits, noise, pairs_of, proptest_cases};

    fn is_available() -> bool {
        let available = Isa::available().contains(&Isa::Avx512Bf16);
        if !available {
            eprintln!("skipped: this processor has no bfloat16 dot products");
        }
        available
    }

    proptest! {
        #![proptest_config(proptest_cases(48))]

        #[test]
        fn numbers_are_rounded_to_the_nearest_and_padded(
            len in 1usize..150,
            seed in 0u64..1000,
        ) {
            if !is_available() {
                return Ok(());
            }
            let x = noise(seed, len);
            let mut pairs = vec![u32::MAX; Bf16Rows::row_stride(len)];
            // SAFETY: the processor has the instructions.
            unsafe { round(&x, &mut pairs) };
            let mut expected = pairs_of(&x);
            expected.resize(pairs.len(), 0);
            prop_assert_eq!(pairs, expected);
        }

        #[test]
        fn products_of_pairs_agree_with_f64(
            rows in 1usize..40,
            depth in 0usize..40,
            columns in 1usize..=PANEL_WIDTH,
            gaps in [0usize..3, 0..3],
            accumulate: bool,
            seed in 0u64..1000,
        ) {
            if !is_available() {
                return Ok(());
            }
            let (a_stride, c_stride) = (depth + gaps[0], columns + gaps[1]);
            let a = pairs_of(&noise(seed, 2 * rows * a_stride));
            let panel = pairs_of(&noise(seed + 1, 2 * depth * PANEL_WIDTH));
            let mut c = vec![7.0; rows * c_stride];
            let output = Output {
                data: c.as_mut_ptr(),
                row_stride: c_stride,
                columns,
                accumulate,
            };
            // SAFETY: the processor has the instructions, and `c` is as large as the output says.
            unsafe { multiply(rows, depth, &a, a_stride, &panel, output) };
            for (index, &got) in c.iter().enumerate() {
                let (row, column) = (index / c_stride, index % c_stride);
                if column >= columns {
                    prop_assert_eq!(got, 7.0, "written after row {}", row);
                    continue;
                }
                let (mut exact, mut size) = if accumulate { (7.0, 7.0f64) } else { (0.0, 0.0) };
                for depth in 0..depth {
                    let sides = [a[row * a_stride + depth], panel[depth * PANEL_WIDTH + column]];
                    let sides = sides.map(unpack_pair);
                    for (a, b) in sides[0].into_iter().zip(sides[1]) {
                        exact += f64::from(a) * f64::from(b);
                        size += (f64::from(a) * f64::from(b)).abs();
                    }
                }
                let bound = 2.0 * depth as f64 * EPS * size;
                prop_assert!((f64::from(got) - exact).abs() <= bound);
            }
        }

        #[test]
        fn transposed_blocks_hold_the_same_numbers(rows in 0usize..=16, seed in 0u64..1000) {
            if !is_available() {
                return Ok(());
            }
            let block = pairs_of(&noise(seed, 2 * rows * PANEL_WIDTH));
            let mut transposed = vec![u32::MAX; 16 * PANEL_WIDTH];
            // SAFETY: the processor has the instructions.
            unsafe { transpose_block(&block, &mut transposed) };
            for column in 0..PANEL_WIDTH {
                for row in 0..PANEL_WIDTH {
                    let pair = block.get(row / 2 * PANEL_WIDTH + column);
                    let number = pair.map_or(0.0, |&pair| unpack_pair(pair)[row % 2]);
                    let got = unpack_pair(transposed[column / 2 * PANEL_WIDTH + row])[column % 2];
                    prop_assert_eq!(bits(&[got]), bits(&[number]), "row {} column {}", row, column);
                }
            }
        }
    }
}
