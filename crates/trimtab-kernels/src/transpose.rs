//! Transposing blocks of a packed matrix.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{
    __m256, _MM_HINT_T1, _mm_prefetch, _mm256_loadu_ps, _mm256_permute2f128_ps, _mm256_setzero_ps,
    _mm256_shuffle_ps, _mm256_storeu_ps, _mm256_unpackhi_ps, _mm256_unpacklo_ps,
};

use crate::isa::Isa;
use crate::microkernel::PANEL_WIDTH;

/// Prefetches numbers into the second-level cache.
///
/// A transposed product reads blocks that lie far apart, where the hardware prefetcher does not
/// look.
pub(crate) fn prefetch<T>(numbers: &[T]) {
    #[cfg(target_arch = "x86_64")]
    for line in numbers.chunks(64 / size_of::<T>()) {
        // SAFETY: the address lies inside `numbers`, and a prefetch reads nothing.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(line.as_ptr().cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = numbers;
}

/// Writes the columns of `block` as the rows of `transposed`, as many as `transposed` has.
///
/// # Shapes
///
/// - `block`: `[rows, PANEL_WIDTH]`, with at most [`PANEL_WIDTH`] rows
/// - `transposed`: `[columns, PANEL_WIDTH]`; entries behind `rows` in each row are unspecified
///
/// # Panics
///
/// Panics if the block has more than [`PANEL_WIDTH`] rows, or if its last row is not complete.
pub(crate) fn transpose_block(isa: Isa, block: &[f32], transposed: &mut [f32]) {
    assert!(block.len().is_multiple_of(PANEL_WIDTH) && block.len() <= PANEL_WIDTH * PANEL_WIDTH);
    #[cfg(target_arch = "x86_64")]
    if isa.has_fast_transpose()
        && block.len() == PANEL_WIDTH * PANEL_WIDTH
        && transposed.len() >= PANEL_WIDTH * PANEL_WIDTH
    {
        // SAFETY: the processor has the instructions, and both sides have 32 rows.
        return unsafe { transpose_32x32(block, transposed) };
    }
    for (row, block) in block.chunks_exact(PANEL_WIDTH).enumerate() {
        for (transposed, &number) in transposed.chunks_exact_mut(PANEL_WIDTH).zip(block) {
            transposed[row] = number;
        }
    }
}

/// Transposes 32 x 32 numbers, 8 x 8 at a time.
///
/// # Safety
///
/// Both sides have 32 rows.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx")]
unsafe fn transpose_32x32(block: &[f32], transposed: &mut [f32]) {
    for row in (0..PANEL_WIDTH).step_by(8) {
        for column in (0..PANEL_WIDTH).step_by(8) {
            let mut part = [_mm256_setzero_ps(); 8];
            // SAFETY: both sides have 32 rows of 32 numbers; `row + 8` and `column + 8` are at most
            // 32.
            unsafe {
                for (index, part) in part.iter_mut().enumerate() {
                    *part =
                        _mm256_loadu_ps(block.as_ptr().add((row + index) * PANEL_WIDTH + column));
                }
                for (index, part) in transpose_8x8(part).into_iter().enumerate() {
                    let to = transposed
                        .as_mut_ptr()
                        .add((column + index) * PANEL_WIDTH + row);
                    _mm256_storeu_ps(to, part);
                }
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx")]
fn transpose_8x8(rows: [__m256; 8]) -> [__m256; 8] {
    let mut pairs = rows;
    for i in 0..4 {
        pairs[2 * i] = _mm256_unpacklo_ps(rows[2 * i], rows[2 * i + 1]);
        pairs[2 * i + 1] = _mm256_unpackhi_ps(rows[2 * i], rows[2 * i + 1]);
    }
    // fours[4 i + j] holds columns j and 4 + j of rows 4 i .. 4 i + 4.
    let mut fours = pairs;
    for i in 0..2 {
        let [a, b, c, d] = [0, 1, 2, 3].map(|j| pairs[4 * i + j]);
        fours[4 * i] = _mm256_shuffle_ps::<0b01_00_01_00>(a, c);
        fours[4 * i + 1] = _mm256_shuffle_ps::<0b11_10_11_10>(a, c);
        fours[4 * i + 2] = _mm256_shuffle_ps::<0b01_00_01_00>(b, d);
        fours[4 * i + 3] = _mm256_shuffle_ps::<0b11_10_11_10>(b, d);
    }
    let mut columns = fours;
    for j in 0..4 {
        columns[j] = _mm256_permute2f128_ps::<0x20>(fours[j], fours[4 + j]);
        columns[4 + j] = _mm256_permute2f128_ps::<0x31>(fours[j], fours[4 + j]);
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::noise;

    #[test]
    fn columns_become_rows() {
        for (rows, columns) in [(0, 32), (1, 32), (31, 32), (32, 32), (32, 5), (7, 9)] {
            let block = noise(1, rows * PANEL_WIDTH);
            for isa in Isa::available() {
                let mut transposed = vec![f32::NAN; columns * PANEL_WIDTH];
                transpose_block(isa, &block, &mut transposed);
                for row in 0..rows {
                    for column in 0..columns {
                        let number = transposed[column * PANEL_WIDTH + row];
                        assert_eq!(
                            number,
                            block[row * PANEL_WIDTH + column],
                            "{isa:?} {row} {column}"
                        );
                    }
                }
            }
        }
    }
}
