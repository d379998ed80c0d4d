//! Adding one row to every row, as a steering vector does.

use crate::parallel::par_fill_rows;

/// `x + row`.
///
/// # Shapes
///
/// - `x` and output: `[rows, width]`
/// - `row`: `[width]`
pub(crate) fn forward(x: &[f32], row: &[f32]) -> Vec<f32> {
    let width = row.len();
    par_fill_rows(x.len(), width, 8, |first, y| {
        let x = &x[first * width..][..y.len()];
        for (x, y) in x.chunks_exact(width).zip(y.chunks_exact_mut(width)) {
            for ((y, x), row) in y.iter_mut().zip(x).zip(row) {
                *y = x + row;
            }
        }
    })
}

/// The gradient with respect to `row`: the sum of all rows of `dy`, in f64 from first to last.
///
/// # Shapes
///
/// - `dy`: `[rows, width]`
/// - output: `[width]`
pub(crate) fn backward(dy: &[f32], width: usize) -> Vec<f32> {
    let mut sums = vec![0.0f64; width];
    for row in dy.chunks_exact(width) {
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
        let y = with_threads(1, || forward(&x, &row));
        let expected: Vec<f32> = (0..x.len()).map(|i| x[i] + row[i % width]).collect();
        assert_eq!(bits(&y), bits(&expected));
        assert_eq!(bits(&with_threads(3, || forward(&x, &row))), bits(&y));
        for (column, got) in backward(&x, width).into_iter().enumerate() {
            let exact: f64 = x[column..]
                .iter()
                .step_by(width)
                .map(|&x| f64::from(x))
                .sum();
            assert!((f64::from(got) - exact).abs() <= f64::from(f32::EPSILON) * exact.abs());
        }
    }
}
