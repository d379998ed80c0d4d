//! Blocks of a packed matrix, transposed over.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{
    __m256, _MM_HINT_T1, _mm_prefetch, _mm256_loadu_ps, _mm256_permute2f128_ps, _mm256_setzero_ps,
    _mm256_shuffle_ps, _mm256_storeu_ps, _mm256_unpackhi_ps, _mm256_unpacklo_ps,
};

use crate::isa::Isa;
use crate::microkernel::PANEL;

/// Asks for numbers that are read soon: the blocks of a matrix that one product turns over lie far apart, where the processor does
/// not look for them itself.
pub(crate) fn fetch<T>(numbers: &[T]) {
    #[cfg(target_arch = "x86_64")]
    for line in numbers.chunks(64 / size_of::<T>()) {
        // SAFETY: an address is asked for that lies inside `numbers`; nothing is read.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(line.as_ptr().cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = numbers;
}

/// Writes the columns of a block of up to 32 rows as the rows of `transposed`, as many as it has; rows are [`PANEL`] numbers. Behind the
/// rows of the block, anything may be written.
///
/// # Panics
///
/// Panics if the block has more than 32 rows.
pub(crate) fn transpose(isa: Isa, block: &[f32], transposed: &mut [f32]) {
    assert!(block.len().is_multiple_of(PANEL) && block.len() <= PANEL * PANEL);
    #[cfg(target_arch = "x86_64")]
    if isa.has_fast_transpose() && block.len() == PANEL * PANEL && transposed.len() >= PANEL * PANEL
    {
        // SAFETY: the processor has the instructions, and both sides are whole.
        return unsafe { turn_whole(block, transposed) };
    }
    for (row, block) in block.chunks_exact(PANEL).enumerate() {
        for (transposed, &number) in transposed.chunks_exact_mut(PANEL).zip(block) {
            transposed[row] = number;
        }
    }
}

/// 8 x 8 numbers at a time.
///
/// # Safety
///
/// Both sides have 32 rows.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx")]
unsafe fn turn_whole(block: &[f32], transposed: &mut [f32]) {
    for row in (0..PANEL).step_by(8) {
        for column in (0..PANEL).step_by(8) {
            let mut part = [_mm256_setzero_ps(); 8];
            // SAFETY: rows `row..row + 8` and columns `column..column + 8` of the block, and the other way round.
            unsafe {
                for (index, part) in part.iter_mut().enumerate() {
                    *part = _mm256_loadu_ps(block.as_ptr().add((row + index) * PANEL + column));
                }
                for (index, part) in transpose_8x8(part).into_iter().enumerate() {
                    let to = transposed.as_mut_ptr().add((column + index) * PANEL + row);
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
            let block = noise(1, rows * PANEL);
            for isa in Isa::available() {
                let mut transposed = vec![f32::NAN; columns * PANEL];
                transpose(isa, &block, &mut transposed);
                for row in 0..rows {
                    for column in 0..columns {
                        let number = transposed[column * PANEL + row];
                        assert_eq!(
                            number,
                            block[row * PANEL + column],
                            "{isa:?} {row} {column}"
                        );
                    }
                }
            }
        }
    }
}
