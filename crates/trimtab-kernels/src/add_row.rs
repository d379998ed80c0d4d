//! One row added to every row.

use crate::parallel::by_rows;

/// `x + row`: `x` is `[rows, width]`, `row` is `[width]`.
pub(crate) fn add(x: &[f32], row: &[f32]) -> Vec<f32> {
    let width = row.len();
    by_rows(x.len(), width, 8, |first, y| {
        let x = &x[first * width..][..y.len()];
        for (x, y) in x.chunks_exact(width).zip(y.chunks_exact_mut(width)) {
            for ((y, x), row) in y.iter_mut().zip(x).zip(row) {
                *y = x + row;
            }
        }
    })
}

/// The sum of all rows of `x`, `[rows, width]`: the gradient with respect to the row that was added. Summed in f64 from the first row
/// to the last.
pub(crate) fn sum(x: &[f32], width: usize) -> Vec<f32> {
    let mut sums = vec![0.0f64; width];
    for row in x.chunks_exact(width) {
        for (sum, &value) in sums.iter_mut().zip(row) {
            *sum += f64::from(value);
        }
    }
    sums.into_iter().map(|sum| sum as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{bits, noise, with_threads};

    #[test]
    fn rows_are_added_and_summed() {
        let (rows, width) = (301, 130);
        let (x, row) = (noise(1, rows * width), noise(2, width));
        let y = with_threads(1, || add(&x, &row));
        let expected: Vec<f32> = (0..x.len()).map(|i| x[i] + row[i % width]).collect();
        assert_eq!(bits(&y), bits(&expected));
        assert_eq!(bits(&with_threads(3, || add(&x, &row))), bits(&y));
        for (column, got) in sum(&x, width).into_iter().enumerate() {
            let exact: f64 = x[column..]
                .iter()
                .step_by(width)
                .map(|&x| f64::from(x))
                .sum();
            assert!((f64::from(got) - exact).abs() <= f64::from(f32::EPSILON) * exact.abs());
        }
    }
}
