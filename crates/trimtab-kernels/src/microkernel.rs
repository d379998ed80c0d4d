//! Products of small blocks in f32, on which attention and products with f32 weights are built.

use std::any::TypeId;

use pulp::{Scalar256b, Simd};

/// Columns of a panel of packed weights or keys.
pub const PANEL: usize = 32;

/// `a * b + c`, rounded once where the processor can.
#[inline(always)]
pub(crate) fn mul_add<S: Simd>(simd: S, a: S::f32s, b: S::f32s, c: S::f32s) -> S::f32s {
    if TypeId::of::<S>() == TypeId::of::<Scalar256b>() {
        simd.add_f32s(simd.mul_f32s(a, b), c) // a fused one is a function call there
    } else {
        simd.mul_add_e_f32s(a, b, c)
    }
}

/// Up to a register of numbers, zeros behind them.
#[inline(always)]
pub(crate) fn load<S: Simd>(simd: S, part: &[f32]) -> S::f32s {
    match S::as_simd_f32s(part).0 {
        [whole] => *whole,
        _ => simd.partial_load_f32s(part),
    }
}

/// The first numbers of a register.
#[inline(always)]
pub(crate) fn store<S: Simd>(simd: S, part: &mut [f32], value: S::f32s) {
    match S::as_mut_simd_f32s(part).0 {
        [whole] => *whole = value,
        _ => simd.partial_store_f32s(part, value),
    }
}

/// The largest of some numbers.
#[inline(always)]
pub(crate) fn largest<S: Simd>(simd: S, numbers: &[f32]) -> f32 {
    let (whole, rest) = S::as_simd_f32s(numbers);
    let mut most = simd.splat_f32s(f32::NEG_INFINITY);
    for &part in whole {
        most = simd.max_f32s(most, part);
    }
    rest.iter()
        .copied()
        .fold(simd.reduce_max_f32s(most), f32::max)
}

/// A matrix in main memory that is read: entry `(i, j)` lies at `data[i * row + j * column]`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View<'a> {
    pub(crate) data: &'a [f32],
    pub(crate) row: usize,
    pub(crate) column: usize,
}

impl<'a> View<'a> {
    /// Rows of `width` numbers, one after the other.
    pub(crate) fn rows(data: &'a [f32], width: usize) -> Self {
        Self {
            data,
            row: width,
            column: 1,
        }
    }

    pub(crate) fn transposed(self) -> Self {
        Self {
            data: self.data,
            row: self.column,
            column: self.row,
        }
    }
}

/// `c = a b`, or `c += a b`: `a` is `[rows, depth]`, `b` is `[depth, columns]` with `b.column == 1`, and row `i` of `c` begins
/// at `c[i * c_row]`.
///
/// Every entry of `c` is one chain of additions from `depth` 0 upwards, whatever the other rows and columns are.
///
/// # Panics
///
/// Panics if a slice is shorter than its shape says.
#[inline(always)]
pub(crate) fn multiply<S: Simd>(
    simd: S,
    [rows, depth, columns]: [usize; 3],
    a: View,
    b: View,
    c: &mut [f32],
    c_row: usize,
    accumulate: bool,
) {
    if rows == 0 || columns == 0 {
        return;
    }
    let last = |view: View, rows: usize, columns: usize| {
        (rows - 1) * view.row + (columns - 1) * view.column
    };
    assert!(b.column == 1 && c_row >= columns);
    assert!(
        depth == 0
            || (last(a, rows, depth) < a.data.len() && last(b, depth, columns) < b.data.len())
    );
    assert!((rows - 1) * c_row + columns <= c.len());
    let c = c.as_mut_ptr();
    // SAFETY: the three assertions above are what `multiply_at` asks for, and `c` is borrowed mutably for this call.
    unsafe { multiply_at(simd, [rows, depth, columns], a, b, c, c_row, accumulate) }
}

/// As [`multiply`], into a pointer.
///
/// # Safety
///
/// Every entry of `a`, `b` and `c` that the shape names lies inside its memory, and nobody else reads or writes those of `c`
/// meanwhile.
#[inline(always)]
pub(crate) unsafe fn multiply_at<S: Simd>(
    simd: S,
    [rows, depth, columns]: [usize; 3],
    a: View,
    b: View,
    c: *mut f32,
    c_row: usize,
    accumulate: bool,
) {
    let most = if S::REGISTER_COUNT >= 32 { 12 } else { 6 };
    let tiles = rows.div_ceil(most);
    let mut row = 0;
    for tile in 0..tiles {
        let end = rows * (tile + 1) / tiles;
        let part = Part {
            depth,
            a: a.data.as_ptr().wrapping_add(row * a.row), // nothing lies there if `depth` is 0
            a_row: a.row,
            a_column: a.column,
            b: b.data.as_ptr(),
            b_row: b.row,
            // SAFETY: `row < rows`, so this lies inside what the caller vouches for.
            c: unsafe { c.add(row * c_row) },
            c_row,
            accumulate,
        };
        // SAFETY: rows `row..end` and all columns lie inside what the caller vouches for.
        unsafe {
            match end - row {
                1 => part.columns::<S, 1>(simd, columns),
                2 => part.columns::<S, 2>(simd, columns),
                3 => part.columns::<S, 3>(simd, columns),
                4 => part.columns::<S, 4>(simd, columns),
                5 => part.columns::<S, 5>(simd, columns),
                6 => part.columns::<S, 6>(simd, columns),
                7 => part.columns::<S, 7>(simd, columns),
                8 => part.columns::<S, 8>(simd, columns),
                9 => part.columns::<S, 9>(simd, columns),
                10 => part.columns::<S, 10>(simd, columns),
                11 => part.columns::<S, 11>(simd, columns),
                12 => part.columns::<S, 12>(simd, columns),
                _ => unreachable!("tiles have at most 12 rows"),
            }
        }
        row = end;
    }
}

/// A few rows of a product.
#[derive(Clone, Copy)]
struct Part {
    depth: usize,
    a: *const f32,
    a_row: usize,
    a_column: usize,
    b: *const f32,
    b_row: usize,
    c: *mut f32,
    c_row: usize,
    accumulate: bool,
}

impl Part {
    /// # Safety
    ///
    /// As [`multiply_at`], for `ROWS` rows.
    #[inline(always)]
    unsafe fn columns<S: Simd, const ROWS: usize>(self, simd: S, columns: usize) {
        let step = 2 * S::F32_LANES;
        let whole = columns / step * step;
        for column in (0..whole).step_by(step) {
            // SAFETY: `column + step <= columns`.
            unsafe { self.block::<S, ROWS>(simd, column) }
        }
        if whole < columns {
            // SAFETY: the rest has fewer than `step` columns, all of them inside.
            unsafe { self.rest::<S, ROWS>(simd, whole, columns - whole) }
        }
    }

    /// Two registers of columns, from `column` on.
    ///
    /// # Safety
    ///
    /// As [`multiply_at`], for `ROWS` rows and `2 * F32_LANES` columns.
    #[inline(always)]
    unsafe fn block<S: Simd, const ROWS: usize>(self, simd: S, column: usize) {
        let lanes = S::F32_LANES;
        let mut sums = [[simd.splat_f32s(0.0); 2]; ROWS];
        // SAFETY: every address below is of an entry that the caller vouches for; `f32s` has the size of `lanes` numbers,
        // and is read and written without asking for alignment.
        unsafe {
            if self.accumulate {
                for (row, sums) in sums.iter_mut().enumerate() {
                    let c = self.c.add(row * self.c_row + column);
                    *sums = [
                        c.cast::<S::f32s>().read_unaligned(),
                        c.add(lanes).cast::<S::f32s>().read_unaligned(),
                    ];
                }
            }
            for depth in 0..self.depth {
                let b = self.b.add(depth * self.b_row + column);
                let b = [
                    b.cast::<S::f32s>().read_unaligned(),
                    b.add(lanes).cast::<S::f32s>().read_unaligned(),
                ];
                for (row, sums) in sums.iter_mut().enumerate() {
                    let a = simd.splat_f32s(*self.a.add(row * self.a_row + depth * self.a_column));
                    sums[0] = mul_add(simd, a, b[0], sums[0]);
                    sums[1] = mul_add(simd, a, b[1], sums[1]);
                }
            }
            for (row, sums) in sums.into_iter().enumerate() {
                let c = self.c.add(row * self.c_row + column);
                c.cast::<S::f32s>().write_unaligned(sums[0]);
                c.add(lanes).cast::<S::f32s>().write_unaligned(sums[1]);
            }
        }
    }

    /// The last columns, fewer than two registers.
    ///
    /// # Safety
    ///
    /// As [`multiply_at`], for `ROWS` rows and `count` columns.
    #[inline(always)]
    unsafe fn rest<S: Simd, const ROWS: usize>(self, simd: S, first: usize, count: usize) {
        let lanes = S::F32_LANES;
        for column in (0..count).step_by(lanes) {
            let width = lanes.min(count - column);
            let column = first + column;
            let mut sums = [simd.splat_f32s(0.0); ROWS];
            // SAFETY: every slice below holds `width` entries that the caller vouches for.
            unsafe {
                if self.accumulate {
                    for (row, sum) in sums.iter_mut().enumerate() {
                        let c = self.c.add(row * self.c_row + column);
                        *sum = simd.partial_load_f32s(std::slice::from_raw_parts(c, width));
                    }
                }
                for depth in 0..self.depth {
                    let b = self.b.add(depth * self.b_row + column);
                    let b = simd.partial_load_f32s(std::slice::from_raw_parts(b, width));
                    for (row, sum) in sums.iter_mut().enumerate() {
                        let a = *self.a.add(row * self.a_row + depth * self.a_column);
                        *sum = mul_add(simd, simd.splat_f32s(a), b, *sum);
                    }
                }
                for (row, sum) in sums.into_iter().enumerate() {
                    let c = self.c.add(row * self.c_row + column);
                    simd.partial_store_f32s(std::slice::from_raw_parts_mut(c, width), sum);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use pulp::WithSimd;

    use super::*;
    use crate::isa::Isa;
    use crate::testing::{EPS, cases, noise};

    struct Run<'a> {
        shape: [usize; 3],
        a: View<'a>,
        b: View<'a>,
        c: &'a mut [f32],
        c_row: usize,
        accumulate: bool,
    }

    impl WithSimd for Run<'_> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            multiply(
                simd,
                self.shape,
                self.a,
                self.b,
                self.c,
                self.c_row,
                self.accumulate,
            );
        }
    }

    proptest! {
        #![proptest_config(cases(64))]

        /// Within `(depth + 1) eps (sum |a| |b| + |c|)` of the product in f64; numbers between the rows of `c` stay.
        #[test]
        fn blocks_are_products(
            rows in 1usize..40,
            depth in 0usize..50,
            columns in 1usize..75,
            turned: bool,
            accumulate: bool,
            gaps in [0usize..4, 0..4, 0..4],
            seed in 0u64..1000,
        ) {
            let [a_gap, b_gap, c_gap] = gaps;
            let a_data = noise(seed, (rows + a_gap) * (depth + a_gap));
            let mut a = View::rows(&a_data, depth + a_gap);
            if turned {
                a = View::rows(&a_data, rows + a_gap).transposed();
            }
            let b_data = noise(seed + 1, depth * (columns + b_gap));
            let b = View::rows(&b_data, columns + b_gap);
            let c_row = columns + c_gap;
            let before = noise(seed + 2, rows * c_row);
            for isa in Isa::available() {
                let mut c = before.clone();
                isa.run(Run { shape: [rows, depth, columns], a, b, c: &mut c, c_row, accumulate });
                for (index, (&c, &before)) in c.iter().zip(&before).enumerate() {
                    let (row, column) = (index / c_row, index % c_row);
                    if column >= columns {
                        prop_assert_eq!(c, before, "{:?} wrote behind row {}", isa, row);
                        continue;
                    }
                    let mut exact = if accumulate { f64::from(before) } else { 0.0 };
                    let mut size = exact.abs();
                    for depth in 0..depth {
                        let a = f64::from(a.data[row * a.row + depth * a.column]);
                        let product = a * f64::from(b.data[depth * b.row + column]);
                        exact += product;
                        size += product.abs();
                    }
                    let bound = (depth as f64 + 1.0) * EPS * size;
                    prop_assert!((f64::from(c) - exact).abs() <= bound, "{isa:?} ({row}, {column}): {c}, not {exact}");
                }
            }
        }
    }

    #[test]
    fn shapes_beyond_a_slice_are_refused() {
        let (a, b) = ([1.0; 6], [1.0; 6]);
        let run = |a: &[f32], b: &[f32], len: usize| {
            let mut c = vec![0.0; len];
            let [a, b] = [View::rows(a, 3), View::rows(b, 2)];
            Isa::Portable.run(Run {
                shape: [2, 3, 2],
                a,
                b,
                c: &mut c,
                c_row: 2,
                accumulate: false,
            });
        };
        run(&a, &b, 4);
        for (a_len, b_len, c_len) in [(5, 6, 4), (6, 5, 4), (6, 6, 3)] {
            let refused = std::panic::catch_unwind(|| run(&a[..a_len], &b[..b_len], c_len));
            assert!(refused.is_err(), "{a_len} {b_len} {c_len}");
        }
    }
}
