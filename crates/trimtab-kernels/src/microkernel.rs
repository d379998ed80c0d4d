//! Products of small blocks in f32, which attention and products with f32 weights are built on.

use std::any::TypeId;

use pulp::{Scalar256b, Simd, WithSimd};

/// Number of columns in a panel of packed weights or keys.
pub const PANEL_WIDTH: usize = 32;

/// `a * b + c`, fused where the instruction set has it.
#[inline(always)]
pub(crate) fn mul_add<S: Simd>(simd: S, a: S::f32s, b: S::f32s, c: S::f32s) -> S::f32s {
    if TypeId::of::<S>() == TypeId::of::<Scalar256b>() {
        simd.add_f32s(simd.mul_f32s(a, b), c) // fused, it is a function call there
    } else {
        simd.mul_add_e_f32s(a, b, c)
    }
}

/// Loads up to one register of numbers and fills it with zeros.
#[inline(always)]
pub(crate) fn load<S: Simd>(simd: S, part: &[f32]) -> S::f32s {
    match S::as_simd_f32s(part).0 {
        [whole] => *whole,
        _ => simd.partial_load_f32s(part),
    }
}

/// Stores the first numbers of a register.
#[inline(always)]
pub(crate) fn store<S: Simd>(simd: S, part: &mut [f32], value: S::f32s) {
    match S::as_mut_simd_f32s(part).0 {
        [whole] => *whole = value,
        _ => simd.partial_store_f32s(part, value),
    }
}

/// The maximum of `numbers`.
#[inline(always)]
pub(crate) fn reduce_max<S: Simd>(simd: S, numbers: &[f32]) -> f32 {
    let (whole, rest) = S::as_simd_f32s(numbers);
    let mut max = simd.splat_f32s(f32::NEG_INFINITY);
    for &part in whole {
        max = simd.max_f32s(max, part);
    }
    rest.iter()
        .copied()
        .fold(simd.reduce_max_f32s(max), f32::max)
}

/// A strided matrix: entry `(i, j)` is `data[i * row_stride + j * column_stride]`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MatrixView<'a> {
    pub(crate) data: &'a [f32],
    pub(crate) row_stride: usize,
    pub(crate) column_stride: usize,
}

impl<'a> MatrixView<'a> {
    /// Contiguous rows of `width` numbers.
    pub(crate) fn row_major(data: &'a [f32], width: usize) -> Self {
        Self {
            data,
            row_stride: width,
            column_stride: 1,
        }
    }

    pub(crate) fn transposed(self) -> Self {
        Self {
            data: self.data,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
        }
    }
}

/// `c = a b`, or `c += a b` if `accumulate`.
///
/// Every entry of `c` is one chain of additions in the order of the depth, whatever the other rows
/// and columns are.
///
/// # Shapes
///
/// - `a`: `[rows, depth]`
/// - `b`: `[depth, columns]` with contiguous rows
/// - `c`: `[rows, columns]`; row `i` begins at `c[i * c_stride]`
///
/// # Panics
///
/// Panics if a slice is too short for its shape.
#[inline(always)]
pub(crate) fn multiply<S: Simd>(
    simd: S,
    [rows, depth, columns]: [usize; 3],
    a: MatrixView,
    b: MatrixView,
    c: &mut [f32],
    c_stride: usize,
    accumulate: bool,
) {
    if rows == 0 || columns == 0 {
        return;
    }
    let last = |view: MatrixView, rows: usize, columns: usize| {
        (rows - 1) * view.row_stride + (columns - 1) * view.column_stride
    };
    assert!(b.column_stride == 1 && c_stride >= columns);
    assert!(
        depth == 0
            || (last(a, rows, depth) < a.data.len() && last(b, depth, columns) < b.data.len())
    );
    assert!((rows - 1) * c_stride + columns <= c.len());
    let c = c.as_mut_ptr();
    // SAFETY: the assertions above are what `multiply_raw` asks for, and `c` is borrowed mutably.
    unsafe { multiply_raw(simd, [rows, depth, columns], a, b, c, c_stride, accumulate) }
}

/// As [`multiply`], with a pointer to the output.
///
/// # Safety
///
/// Every entry of `a`, `b` and `c` that the shape names lies inside its memory. No other thread
/// reads or writes those of `c` meanwhile.
#[inline(always)]
pub(crate) unsafe fn multiply_raw<S: Simd>(
    simd: S,
    shape: [usize; 3],
    a: MatrixView,
    b: MatrixView,
    c: *mut f32,
    c_stride: usize,
    accumulate: bool,
) {
    simd.vectorize(Product {
        shape,
        a,
        b,
        c,
        c_stride,
        accumulate,
    });
}

/// The arguments of [`multiply_raw`], with its promises.
///
/// It is compiled once for each instruction set, since it is large and has many callers.
struct Product<'a> {
    shape: [usize; 3],
    a: MatrixView<'a>,
    b: MatrixView<'a>,
    c: *mut f32,
    c_stride: usize,
    accumulate: bool,
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self {
            shape: [rows, depth, columns],
            a,
            b,
            c,
            c_stride,
            accumulate,
        } = self;
        let max_rows = if S::REGISTER_COUNT >= 32 { 12 } else { 6 };
        let tiles = rows.div_ceil(max_rows);
        let mut row = 0;
        for index in 0..tiles {
            let end = rows * (index + 1) / tiles;
            let tile = RowTile {
                depth,
                // It may lie outside if `depth` is 0.
                a: a.data.as_ptr().wrapping_add(row * a.row_stride),
                a_row_stride: a.row_stride,
                a_column_stride: a.column_stride,
                b: b.data.as_ptr(),
                b_stride: b.row_stride,
                // SAFETY: `row < rows`, so this lies inside what the caller vouches for.
                c: unsafe { c.add(row * c_stride) },
                c_stride,
                accumulate,
            };
            // SAFETY: rows `row..end` and all columns lie inside what the caller vouches for.
            unsafe {
                match end - row {
                    1 => tile.multiply::<S, 1>(simd, columns),
                    2 => tile.multiply::<S, 2>(simd, columns),
                    3 => tile.multiply::<S, 3>(simd, columns),
                    4 => tile.multiply::<S, 4>(simd, columns),
                    5 => tile.multiply::<S, 5>(simd, columns),
                    6 => tile.multiply::<S, 6>(simd, columns),
                    7 => tile.multiply::<S, 7>(simd, columns),
                    8 => tile.multiply::<S, 8>(simd, columns),
                    9 => tile.multiply::<S, 9>(simd, columns),
                    10 => tile.multiply::<S, 10>(simd, columns),
                    11 => tile.multiply::<S, 11>(simd, columns),
                    12 => tile.multiply::<S, 12>(simd, columns),
                    _ => unreachable!("tiles have at most 12 rows"),
                }
            }
            row = end;
        }
    }
}

/// A few rows of a product, whose sums fit in registers.
#[derive(Clone, Copy)]
struct RowTile {
    depth: usize,
    a: *const f32,
    a_row_stride: usize,
    a_column_stride: usize,
    b: *const f32,
    b_stride: usize,
    c: *mut f32,
    c_stride: usize,
    accumulate: bool,
}

impl RowTile {
    /// # Safety
    ///
    /// As [`multiply_raw`], for `ROWS` rows.
    #[inline(always)]
    unsafe fn multiply<S: Simd, const ROWS: usize>(self, simd: S, columns: usize) {
        let step = 2 * S::F32_LANES;
        let whole = columns / step * step;
        for column in (0..whole).step_by(step) {
            // SAFETY: `column + step <= columns`.
            unsafe { self.two_registers::<S, ROWS>(simd, column) }
        }
        if whole < columns {
            // SAFETY: fewer than `step` columns are left, all of them inside.
            unsafe { self.last_columns::<S, ROWS>(simd, whole, columns - whole) }
        }
    }

    /// Computes two registers of columns, from `column` on.
    ///
    /// # Safety
    ///
    /// As [`multiply_raw`], for `ROWS` rows and `2 * F32_LANES` columns.
    #[inline(always)]
    unsafe fn two_registers<S: Simd, const ROWS: usize>(self, simd: S, column: usize) {
        let lanes = S::F32_LANES;
        let mut sums = [[simd.splat_f32s(0.0); 2]; ROWS];
        // SAFETY: every address below is of an entry that the caller vouches for. `f32s` has the
        // size of `lanes` numbers, and the reads and writes are unaligned.
        unsafe {
            if self.accumulate {
                for (row, sums) in sums.iter_mut().enumerate() {
                    let c = self.c.add(row * self.c_stride + column);
                    *sums = [
                        c.cast::<S::f32s>().read_unaligned(),
                        c.add(lanes).cast::<S::f32s>().read_unaligned(),
                    ];
                }
            }
            for depth in 0..self.depth {
                let b = self.b.add(depth * self.b_stride + column);
                let b = [
                    b.cast::<S::f32s>().read_unaligned(),
                    b.add(lanes).cast::<S::f32s>().read_unaligned(),
                ];
                for (row, sums) in sums.iter_mut().enumerate() {
                    let a = simd.splat_f32s(
                        *self
                            .a
                            .add(row * self.a_row_stride + depth * self.a_column_stride),
                    );
                    sums[0] = mul_add(simd, a, b[0], sums[0]);
                    sums[1] = mul_add(simd, a, b[1], sums[1]);
                }
            }
            for (row, sums) in sums.into_iter().enumerate() {
                let c = self.c.add(row * self.c_stride + column);
                c.cast::<S::f32s>().write_unaligned(sums[0]);
                c.add(lanes).cast::<S::f32s>().write_unaligned(sums[1]);
            }
        }
    }

    /// Computes the last `count` columns, fewer than two registers of them, from `first` on.
    ///
    /// # Safety
    ///
    /// As [`multiply_raw`], for `ROWS` rows and `count` columns.
    #[inline(always)]
    unsafe fn last_columns<S: Simd, const ROWS: usize>(self, simd: S, first: usize, count: usize) {
        let lanes = S::F32_LANES;
        for column in (0..count).step_by(lanes) {
            let width = lanes.min(count - column);
            let column = first + column;
            let mut sums = [simd.splat_f32s(0.0); ROWS];
            // SAFETY: every slice below holds `width` entries that the caller vouches for.
            unsafe {
                if self.accumulate {
                    for (row, sum) in sums.iter_mut().enumerate() {
                        let c = self.c.add(row * self.c_stride + column);
                        *sum = simd.partial_load_f32s(std::slice::from_raw_parts(c, width));
                    }
                }
                for depth in 0..self.depth {
                    let b = self.b.add(depth * self.b_stride + column);
                    let b = simd.partial_load_f32s(std::slice::from_raw_parts(b, width));
                    for (row, sum) in sums.iter_mut().enumerate() {
                        let a = *self
                            .a
                            .add(row * self.a_row_stride + depth * self.a_column_stride);
                        *sum = mul_add(simd, simd.splat_f32s(a), b, *sum);
                    }
                }
                for (row, sum) in sums.into_iter().enumerate() {
                    let c = self.c.add(row * self.c_stride + column);
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
    use crate::testing::{EPS, noise, proptest_cases};

    struct Multiply<'a> {
        shape: [usize; 3],
        a: MatrixView<'a>,
        b: MatrixView<'a>,
        c: &'a mut [f32],
        c_stride: usize,
        accumulate: bool,
    }

    impl WithSimd for Multiply<'_> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            multiply(
                simd,
                self.shape,
                self.a,
                self.b,
                self.c,
                self.c_stride,
                self.accumulate,
            );
        }
    }

    proptest! {
        #![proptest_config(proptest_cases(64))]

        /// Within `(depth + 1) eps (sum |a| |b| + |c|)` of the product in f64. Numbers between the
        /// rows of `c` do not change.
        #[test]
        fn products_agree_with_f64(
            rows in 1usize..40,
            depth in 0usize..50,
            columns in 1usize..75,
            transposed: bool,
            accumulate: bool,
            gaps in [0usize..4, 0..4, 0..4],
            seed in 0u64..1000,
        ) {
            let [a_gap, b_gap, c_gap] = gaps;
            let a_data = noise(seed, (rows + a_gap) * (depth + a_gap));
            let mut a = MatrixView::row_major(&a_data, depth + a_gap);
            if transposed {
                a = MatrixView::row_major(&a_data, rows + a_gap).transposed();
            }
            let b_data = noise(seed + 1, depth * (columns + b_gap));
            let b = MatrixView::row_major(&b_data, columns + b_gap);
            let c_stride = columns + c_gap;
            let before = noise(seed + 2, rows * c_stride);
            for isa in Isa::available() {
                let mut c = before.clone();
                let shape = [rows, depth, columns];
                isa.dispatch(Multiply { shape, a, b, c: &mut c, c_stride, accumulate });
                for (index, (&c, &before)) in c.iter().zip(&before).enumerate() {
                    let (row, column) = (index / c_stride, index % c_stride);
                    if column >= columns {
                        prop_assert_eq!(c, before, "{:?} wrote after row {}", isa, row);
                        continue;
                    }
                    let mut exact = if accumulate { f64::from(before) } else { 0.0 };
                    let mut size = exact.abs();
                    for depth in 0..depth {
                        let a = f64::from(a.data[row * a.row_stride + depth * a.column_stride]);
                        let product = a * f64::from(b.data[depth * b.row_stride + column]);
                        exact += product;
                        size += product.abs();
                    }
                    let bound = (depth as f64 + 1.0) * EPS * size;
                    let error = (f64::from(c) - exact).abs();
                    prop_assert!(error <= bound, "{isa:?} ({row}, {column}): {c}, not {exact}");
                }
            }
        }
    }

    #[test]
    fn slices_that_are_too_short_are_refused() {
        let (a, b) = ([1.0; 6], [1.0; 6]);
        let multiply = |a: &[f32], b: &[f32], len: usize| {
            let mut c = vec![0.0; len];
            let [a, b] = [MatrixView::row_major(a, 3), MatrixView::row_major(b, 2)];
            Isa::Portable.dispatch(Multiply {
                shape: [2, 3, 2],
                a,
                b,
                c: &mut c,
                c_stride: 2,
                accumulate: false,
            });
        };
        multiply(&a, &b, 4);
        for (a_len, b_len, c_len) in [(5, 6, 4), (6, 5, 4), (6, 6, 3)] {
            let refused = std::panic::catch_unwind(|| multiply(&a[..a_len], &b[..b_len], c_len));
            assert!(refused.is_err(), "{a_len} {b_len} {c_len}");
        }
    }
}
