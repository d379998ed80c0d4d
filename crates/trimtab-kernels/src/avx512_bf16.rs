//! Products of bfloat16 pairs with AVX-512 (`vdpbf16ps`): `c += a0 b0 + a1 b1` in f32, 16 columns at a time.
//!
//! A *word* is two bfloat16 numbers that are multiplied by another two: the one of even depth in its low half.

#![cfg(target_arch = "x86_64")]

use std::arch::x86_64::{
    __m512bh, __m512i, _mm256_castsi256_si128, _mm256_extracti128_si256, _mm256_loadu_si256,
    _mm512_and_si512, _mm512_cvtepi8_epi32, _mm512_cvtepi32_ps, _mm512_cvtne2ps_pbh,
    _mm512_dpbf16_ps, _mm512_loadu_si512, _mm512_mask_storeu_ps, _mm512_maskz_loadu_ps,
    _mm512_mul_ps, _mm512_or_si512, _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_ps,
    _mm512_shuffle_i32x4, _mm512_slli_epi32, _mm512_srli_epi32, _mm512_storeu_si512,
    _mm512_unpackhi_epi32, _mm512_unpackhi_epi64, _mm512_unpacklo_epi32, _mm512_unpacklo_epi64,
};
use std::mem::transmute;

use crate::microkernel::PANEL;
use crate::parallel::Scratch;

/// Rows of activations as words, each row padded with zeros.
#[derive(Debug)]
pub(crate) struct Words {
    pub(crate) data: Scratch<u32>,
    /// Words from one row to the next.
    pub(crate) row: usize,
}

impl Words {
    /// Words per row of `depth` numbers: an odd number of cache lines, so that rows do not fall on each other in the cache.
    pub(crate) fn row_len(depth: usize) -> usize {
        (depth.div_ceil(2).div_ceil(16) | 1) * 16
    }
}

/// Rounds the numbers of one row to the nearest bfloat16, `scales` times them if given; `words` are whole cache lines, with zeros behind
/// the numbers.
#[target_feature(enable = "avx512f,avx512bf16")]
pub(crate) fn round(x: &[f32], scales: Option<&[f32]>, words: &mut [u32]) {
    assert!(words.len().is_multiple_of(16) && words.len() * 2 >= x.len());
    assert!(scales.is_none_or(|scales| scales.len() >= x.len()));
    for (index, word) in words.chunks_exact_mut(16).enumerate() {
        let start = (index * 32).min(x.len());
        let mut halves = [_mm512_setzero_ps(); 2];
        for (half, value) in halves.iter_mut().enumerate() {
            let start = (start + half * 16).min(x.len());
            let count = 16.min(x.len() - start);
            let mask = ((1u32 << count) - 1) as u16;
            // SAFETY: the mask lets `count` numbers be read, which both slices have behind `start`.
            unsafe {
                *value = _mm512_maskz_loadu_ps(mask, x.as_ptr().add(start));
                if let Some(scales) = scales {
                    *value = _mm512_mul_ps(
                        *value,
                        _mm512_maskz_loadu_ps(mask, scales.as_ptr().add(start)),
                    );
                }
            }
        }
        // SAFETY: both types are 512 bits without structure.
        let pairs: __m512i = unsafe { transmute(_mm512_cvtne2ps_pbh(halves[1], halves[0])) };
        // SAFETY: `word` has 512 bits.
        unsafe { _mm512_storeu_si512(word.as_mut_ptr().cast(), pairs) };
    }
}

/// Where the rows of a product go, and what they are multiplied by on the way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output<'a> {
    /// The first of `columns` numbers of the first row.
    pub(crate) data: *mut f32,
    /// Numbers from one row to the next.
    pub(crate) row: usize,
    /// At most [`PANEL`].
    pub(crate) columns: usize,
    /// Whether the sums go on from what is there.
    pub(crate) accumulate: bool,
    pub(crate) scale: Option<&'a [f32]>,
}

/// `output = scale * (a panel)`, or `scale * (output + a panel)`, for `rows` rows of words and a panel of `depth` rows of [`PANEL`] words.
///
/// Every number is one chain of additions from depth 0 upwards, whatever the other rows are.
///
/// # Safety
///
/// `output` can be written for `rows` rows of `columns` numbers, which are initialized if they are taken up, and nobody else reads or
/// writes them meanwhile.
#[target_feature(enable = "avx512f,avx512bf16")]
pub(crate) unsafe fn multiply(
    rows: usize,
    depth: usize,
    a: &[u32],
    a_row: usize,
    panel: &[u32],
    output: Output,
) {
    if rows == 0 {
        return;
    }
    assert!(
        panel.len() >= depth * PANEL
            && (rows - 1) * a_row + depth <= a.len()
            && output.columns <= PANEL
    );
    assert!(
        output
            .scale
            .is_none_or(|scale| scale.len() >= output.columns)
    );
    let tiles = rows.div_ceil(12);
    let mut row = 0;
    for tile in 0..tiles {
        let end = rows * (tile + 1) / tiles;
        // SAFETY: `row < rows`.
        let (a, out) = unsafe {
            (
                a.as_ptr().add(row * a_row),
                Output {
                    data: output.data.add(row * output.row),
                    ..output
                },
            )
        };
        let panel = panel.as_ptr();
        // SAFETY: the assertions and the caller's promise hold for these rows.
        unsafe {
            match end - row {
                1 => rows_of::<1>(depth, a, a_row, panel, out),
                2 => rows_of::<2>(depth, a, a_row, panel, out),
                3 => rows_of::<3>(depth, a, a_row, panel, out),
                4 => rows_of::<4>(depth, a, a_row, panel, out),
                5 => rows_of::<5>(depth, a, a_row, panel, out),
                6 => rows_of::<6>(depth, a, a_row, panel, out),
                7 => rows_of::<7>(depth, a, a_row, panel, out),
                8 => rows_of::<8>(depth, a, a_row, panel, out),
                9 => rows_of::<9>(depth, a, a_row, panel, out),
                10 => rows_of::<10>(depth, a, a_row, panel, out),
                11 => rows_of::<11>(depth, a, a_row, panel, out),
                12 => rows_of::<12>(depth, a, a_row, panel, out),
                _ => unreachable!("tiles have at most 12 rows"),
            }
        }
        row = end;
    }
}

/// # Safety
///
/// `a` can be read for `ROWS` rows of `depth` words, `panel` for `depth` rows of [`PANEL`] words, and the output is as
/// [`multiply`] asks for.
#[target_feature(enable = "avx512f,avx512bf16")]
unsafe fn rows_of<const ROWS: usize>(
    depth: usize,
    a: *const u32,
    a_row: usize,
    panel: *const u32,
    output: Output,
) {
    let half = |half: usize| {
        let start = (half * 16).min(output.columns);
        let count = 16.min(output.columns - start);
        (start, ((1u32 << count) - 1) as u16)
    };
    let mut sums = [[_mm512_setzero_ps(); 2]; ROWS];
    if output.accumulate {
        for (row, sums) in sums.iter_mut().enumerate() {
            for (index, sum) in sums.iter_mut().enumerate() {
                let (start, mask) = half(index);
                // SAFETY: the mask lets `count` numbers be read, which the output has behind `start`.
                *sum = unsafe {
                    _mm512_maskz_loadu_ps(mask, output.data.add(row * output.row + start))
                };
            }
        }
    }
    for depth in 0..depth {
        // SAFETY: inside the panel.
        let b = unsafe {
            let b = panel.add(depth * PANEL);
            [
                _mm512_loadu_si512(b.cast()),
                _mm512_loadu_si512(b.add(16).cast()),
            ]
        };
        // SAFETY: both types are 512 bits without structure.
        let b: [__m512bh; 2] = unsafe { transmute(b) };
        for (row, sums) in sums.iter_mut().enumerate() {
            // SAFETY: inside `a`; as above.
            let a: __m512bh =
                unsafe { transmute(_mm512_set1_epi32(*a.add(row * a_row + depth).cast::<i32>())) };
            sums[0] = _mm512_dpbf16_ps(sums[0], a, b[0]);
            sums[1] = _mm512_dpbf16_ps(sums[1], a, b[1]);
        }
    }
    for index in 0..2 {
        let (start, mask) = half(index);
        // SAFETY: the masks let `count` numbers be read and written, which all have behind `start`.
        unsafe {
            let load = |x: &[f32]| _mm512_maskz_loadu_ps(mask, x.as_ptr().add(start));
            let scale = output.scale.map_or(_mm512_set1_ps(1.0), load);
            for (row, sums) in sums.iter().enumerate() {
                let value = _mm512_mul_ps(sums[index], scale);
                _mm512_mask_storeu_ps(output.data.add(row * output.row + start), mask, value);
            }
        }
    }
}

/// Turns a block of a packed matrix over: from 16 words of rows `2i, 2i + 1` by [`PANEL`] columns to 16 words of columns
/// `2j, 2j + 1` by 32 rows. `words` has a row of [`PANEL`] words for each `i`, missing ones are zeros.
#[target_feature(enable = "avx512f")]
pub(crate) fn transpose(words: &[u32], turned: &mut [u32]) {
    assert!(
        turned.len() >= 16 * PANEL
            && words.len().is_multiple_of(PANEL)
            && words.len() <= 16 * PANEL
    );
    for half in 0..2 {
        let mut rows = [_mm512_set1_epi32(0); 16];
        for (row, words) in rows.iter_mut().zip(words.chunks_exact(PANEL)) {
            // SAFETY: a row has 32 words.
            *row = unsafe { _mm512_loadu_si512(words.as_ptr().add(half * 16).cast()) };
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
            // Rows back in order: 0, 1, 2, ...
            let (a, b) = (
                _mm512_unpacklo_epi32(first, second),
                _mm512_unpackhi_epi32(first, second),
            );
            // a: rows 0 1 2 3 | 8 9 10 11 | 16.. | 24..; b: rows 4 5 6 7 | 12.. | 20.. | 28..
            let low_rows = _mm512_shuffle_i32x4::<0b01_00_01_00>(a, b); // a0 a1 b0 b1
            let high_rows = _mm512_shuffle_i32x4::<0b11_10_11_10>(a, b); // a2 a3 b2 b3
            let low_rows = _mm512_shuffle_i32x4::<0b11_01_10_00>(low_rows, low_rows); // a0 b0 a1 b1
            let high_rows = _mm512_shuffle_i32x4::<0b11_01_10_00>(high_rows, high_rows);
            let at = (half * 8 + pair) * PANEL;
            // SAFETY: `turned` has 16 rows of 32 words.
            unsafe {
                let out = turned.as_mut_ptr().add(at);
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
        let even_top = _mm512_shuffle_i32x4::<0b10_00_10_00>(fours[j], fours[4 + j]); // parts 0, 2 of rows 0-3 and of rows 4-7
        let even_bottom = _mm512_shuffle_i32x4::<0b10_00_10_00>(fours[8 + j], fours[12 + j]);
        let odd_top = _mm512_shuffle_i32x4::<0b11_01_11_01>(fours[j], fours[4 + j]); // parts 1, 3
        let odd_bottom = _mm512_shuffle_i32x4::<0b11_01_11_01>(fours[8 + j], fours[12 + j]);
        columns[j] = _mm512_shuffle_i32x4::<0b10_00_10_00>(even_top, even_bottom);
        columns[8 + j] = _mm512_shuffle_i32x4::<0b11_01_11_01>(even_top, even_bottom);
        columns[4 + j] = _mm512_shuffle_i32x4::<0b10_00_10_00>(odd_top, odd_bottom);
        columns[12 + j] = _mm512_shuffle_i32x4::<0b11_01_11_01>(odd_top, odd_bottom);
    }
    columns
}

/// Pairs of 8-bit integers to words; every such integer is a bfloat16 number.
#[target_feature(enable = "avx512f,avx512bf16")]
pub(crate) fn widen(pairs: &[[i8; 2]], words: &mut [u32]) {
    assert!(pairs.len().is_multiple_of(16) && pairs.len() == words.len());
    for (pairs, words) in pairs.chunks_exact(16).zip(words.chunks_exact_mut(16)) {
        // SAFETY: 16 pairs are 256 bits, 16 words 512; the last cast is between types without structure.
        unsafe {
            let bytes = _mm256_loadu_si256(pairs.as_ptr().cast());
            let low = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm256_castsi256_si128(bytes)));
            let high =
                _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm256_extracti128_si256::<1>(bytes)));
            let pairs: __m512i = transmute(_mm512_cvtne2ps_pbh(high, low));
            _mm512_storeu_si512(words.as_mut_ptr().cast(), pairs);
        }
    }
}

#[cfg(test)]
mod tests {
    use half::bf16;
    use proptest::prelude::*;

    use super::*;
    use crate::isa::Isa;
    use crate::matrix::unpack;
    use crate::testing::{EPS, bits, cases, noise};

    fn is_available() -> bool {
        let available = Isa::available().contains(&Isa::Avx512Bf16);
        if !available {
            eprintln!("skipped: this processor has no dot products of bfloat16 pairs");
        }
        available
    }

    fn word([low, high]: [f32; 2]) -> u32 {
        let [low, high] = [low, high].map(|x| u32::from(bf16::from_f32(x).to_bits()));
        low | high << 16
    }

    fn words_of(x: &[f32]) -> Vec<u32> {
        x.chunks(2)
            .map(|pair| word([pair[0], pair.get(1).copied().unwrap_or(0.0)]))
            .collect()
    }

    proptest! {
        #![proptest_config(cases(48))]

        #[test]
        fn numbers_are_rounded_to_the_nearest_and_padded(len in 1usize..150, scaled: bool, seed in 0u64..1000) {
            if !is_available() {
                return Ok(());
            }
            let (x, scales) = (noise(seed, len), noise(seed + 1, len));
            let mut words = vec![u32::MAX; Words::row_len(len)];
            // SAFETY: the processor has the instructions.
            unsafe { round(&x, scaled.then_some(&scales), &mut words) };
            let products: Vec<f32> = x.iter().zip(&scales).map(|(x, scale)| if scaled { x * scale } else { *x }).collect();
            let mut expected = words_of(&products);
            expected.resize(words.len(), 0);
            prop_assert_eq!(words, expected);
        }

        #[test]
        fn products_of_words_agree_with_f64(
            rows in 1usize..40,
            depth in 0usize..40,
            columns in 1usize..=PANEL,
            gaps in [0usize..3, 0..3],
            accumulate: bool,
            scaled: bool,
            seed in 0u64..1000,
        ) {
            if !is_available() {
                return Ok(());
            }
            let (a_row, c_row) = (depth + gaps[0], columns + gaps[1]);
            let (a, panel) = (words_of(&noise(seed, 2 * rows * a_row)), words_of(&noise(seed + 1, 2 * depth * PANEL)));
            let scale = noise(seed + 2, columns);
            let mut c = vec![7.0; rows * c_row];
            let output = Output {
                data: c.as_mut_ptr(),
                row: c_row,
                columns,
                accumulate,
                scale: scaled.then_some(&scale),
            };
            // SAFETY: the processor has the instructions, and `c` is as large as the output says.
            unsafe { multiply(rows, depth, &a, a_row, &panel, output) };
            for (index, &got) in c.iter().enumerate() {
                let (row, column) = (index / c_row, index % c_row);
                if column >= columns {
                    prop_assert_eq!(got, 7.0, "written behind row {}", row);
                    continue;
                }
                let (mut exact, mut size) = if accumulate { (7.0, 7.0f64) } else { (0.0, 0.0) };
                for depth in 0..depth {
                    let sides = [a[row * a_row + depth], panel[depth * PANEL + column]].map(unpack);
                    for (a, b) in sides[0].into_iter().zip(sides[1]) {
                        exact += f64::from(a) * f64::from(b);
                        size += (f64::from(a) * f64::from(b)).abs();
                    }
                }
                let factor = if scaled { f64::from(scale[column]) } else { 1.0 };
                let bound = (2.0 * depth as f64 + 2.0) * EPS * size * factor.abs();
                prop_assert!((f64::from(got) - exact * factor).abs() <= bound);
            }
        }

        #[test]
        fn turned_blocks_hold_the_same_numbers(rows in 0usize..=16, seed in 0u64..1000) {
            if !is_available() {
                return Ok(());
            }
            let words = words_of(&noise(seed, 2 * rows * PANEL));
            let mut turned = vec![u32::MAX; 16 * PANEL];
            // SAFETY: the processor has the instructions.
            unsafe { transpose(&words, &mut turned) };
            for column in 0..PANEL {
                for row in 0..PANEL {
                    let number = words.get(row / 2 * PANEL + column).map_or(0.0, |&word| unpack(word)[row % 2]);
                    let got = unpack(turned[column / 2 * PANEL + row])[column % 2];
                    prop_assert_eq!(bits(&[got]), bits(&[number]), "row {} column {}", row, column);
                }
            }
        }
    }

    #[test]
    fn every_8_bit_pair_is_widened_exactly() {
        if !is_available() {
            return;
        }
        let pairs: Vec<[i8; 2]> = (-128..=127)
            .flat_map(|low| [[low, -low.max(-127)], [5, low]])
            .collect();
        let mut words = vec![0; pairs.len()];
        // SAFETY: the processor has the instructions.
        unsafe { widen(&pairs, &mut words) };
        for (pair, word) in pairs.into_iter().zip(words) {
            assert_eq!(unpack(word), pair.map(f32::from));
        }
    }
}
