//! The sums of a tile of a product, `ROWS` rows of a panel, in AVX-512 registers.

#![cfg(target_arch = "x86_64")]

use std::arch::x86_64::{__m512, _mm512_mask_storeu_ps, _mm512_maskz_loadu_ps, _mm512_setzero_ps};

/// Where a microkernel writes the rows of a block, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    /// The first number of the first row.
    pub(crate) data: *mut f32,
    /// Numbers from one row to the next.
    pub(crate) row_stride: usize,
    /// At most [`PANEL_WIDTH`](crate::microkernel::PANEL_WIDTH).
    pub(crate) columns: usize,
    /// Whether the sums continue from what is there.
    pub(crate) accumulate: bool,
}

impl Output {
    /// The sums to continue from: those that are there, or zeros.
    ///
    /// # Safety
    ///
    /// If it accumulates, the output is valid for reads of `ROWS` rows.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(crate) unsafe fn load<const ROWS: usize>(self) -> [[__m512; 2]; ROWS] {
        let mut sums = [[_mm512_setzero_ps(); 2]; ROWS];
        if self.accumulate {
            for (row, sums) in sums.iter_mut().enumerate() {
                for (half, sum) in sums.iter_mut().enumerate() {
                    let (at, mask) = self.place(row, half);
                    // SAFETY: the mask selects numbers that the row has there.
                    *sum = unsafe { _mm512_maskz_loadu_ps(mask, self.data.add(at)) };
                }
            }
        }
        sums
    }

    /// Writes the sums.
    ///
    /// # Safety
    ///
    /// The output is valid for writes of `ROWS` rows.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(crate) unsafe fn store<const ROWS: usize>(self, sums: &[[__m512; 2]; ROWS]) {
        for (row, sums) in sums.iter().enumerate() {
            for (half, &sum) in sums.iter().enumerate() {
                let (at, mask) = self.place(row, half);
                // SAFETY: the mask selects numbers that the row has there.
                unsafe { _mm512_mask_storeu_ps(self.data.add(at), mask, sum) };
            }
        }
    }

    /// Where the half of a row begins, and which of its 16 numbers there are.
    fn place(self, row: usize, half: usize) -> (usize, u16) {
        let start = (half * 16).min(self.columns);
        let count = 16.min(self.columns - start);
        (row * self.row_stride + start, ((1u32 << count) - 1) as u16)
    }
}
