//! Logistic regression on few points with many coordinates.

use nalgebra::{Cholesky, DMatrix, DVector};

/// Inverse weight of the penalty, the default of scikit-learn.
const C: f64 = 1.0;
/// Largest number of Newton steps; about ten are usual.
const MAX_STEPS: usize = 100;
/// The search ends when the gradient with respect to the margin of every point is this small.
const TOLERANCE: f64 = 1e-9;

/// The weights `w` that minimise `w·w / 2 + C sum log(1 + exp(-y (w·x + b)))`.
///
/// `y` is 1 for rows of `positive` and -1 for rows of `negative`. The intercept `b` is not
/// penalised.
///
/// The minimum is a combination of points, `w = X^T a`, so Newton's method has as many dimensions
/// as there are points. This is iteratively reweighted least squares in its kernel form
/// (Rasmussen and Williams, "Gaussian Processes for Machine Learning", algorithm 3.1), with an
/// intercept, and with steps that are halved until the loss falls.
pub(super) fn weights(positive: &DMatrix<f64>, negative: &DMatrix<f64>) -> DVector<f64> {
    let rows: Vec<_> = positive.row_iter().chain(negative.row_iter()).collect();
    let count = rows.len();
    let points = DMatrix::from_rows(&rows);
    let targets = DVector::from_fn(count, |row, _| f64::from(u8::from(row < positive.nrows())));
    let kernel = &points * points.transpose();
    let mut state = State {
        a: DVector::zeros(count),
        b: 0.0,
    };
    for _ in 0..MAX_STEPS {
        let margins = state.margins(&kernel);
        let probabilities = margins.map(sigmoid);
        // At the minimum `a = C (targets - probabilities)`.
        let residual = (&targets - &probabilities) * C - &state.a;
        if residual.amax() < TOLERANCE {
            break;
        }
        let Some(minimum) = newton(&kernel, &margins, &probabilities, &targets) else {
            break;
        };
        let now = state.loss(&kernel, &targets);
        let mut step = 1.0;
        let next = loop {
            let next = State {
                a: &state.a + (&minimum.a - &state.a) * step,
                b: state.b + (minimum.b - state.b) * step,
            };
            if next.loss(&kernel, &targets) < now {
                break Some(next);
            }
            step /= 2.0;
            if step < 1e-6 {
                break None; // rounding allows no further progress
            }
        };
        match next {
            Some(next) => state = next,
            None => break,
        }
    }
    points.transpose() * state.a
}

struct State {
    a: DVector<f64>,
    b: f64,
}

impl State {
    /// `w·x + b` of every point.
    fn margins(&self, kernel: &DMatrix<f64>) -> DVector<f64> {
        (kernel * &self.a).add_scalar(self.b)
    }

    fn loss(&self, kernel: &DMatrix<f64>, targets: &DVector<f64>) -> f64 {
        let scores = kernel * &self.a;
        let of_point = |(score, target): (&f64, &f64)| {
            let margin = (score + self.b) * (2.0 * target - 1.0);
            // log(1 + exp(-margin)) without overflow
            (-margin).max(0.0) + (-margin.abs()).exp().ln_1p()
        };
        let errors: f64 = scores.iter().zip(targets.iter()).map(of_point).sum();
        self.a.dot(&scores) / 2.0 + C * errors
    }
}

/// The minimum of the quadratic that touches the loss at these margins.
fn newton(
    kernel: &DMatrix<f64>,
    margins: &DVector<f64>,
    probabilities: &DVector<f64>,
    targets: &DVector<f64>,
) -> Option<State> {
    let count = margins.len();
    let roots = probabilities.map(|p| (p * (1.0 - p)).max(1e-12).sqrt());
    let system = DMatrix::from_fn(count, count, |row, column| {
        let identity = f64::from(u8::from(row == column));
        identity + C * roots[row] * kernel[(row, column)] * roots[column]
    });
    let system = Cholesky::new(system)?;
    // `A v`, with `A = S (1 + C S K S)^-1 S` and `S` the roots
    let apply = |v: &DVector<f64>| system.solve(&v.component_mul(&roots)).component_mul(&roots);
    let response = margins + (targets - probabilities).component_div(&roots.component_mul(&roots));
    let (of_response, of_ones) = (apply(&response), apply(&DVector::from_element(count, 1.0)));
    let b = of_response.sum() / of_ones.sum();
    Some(State {
        a: (of_response - of_ones * b) * C,
        b,
    })
}

fn sigmoid(x: f64) -> f64 {
    if x >= 0.0 {
        1.0 / (1.0 + (-x).exp())
    } else {
        let e = x.exp();
        e / (1.0 + e)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// At the minimum of a strictly convex function the gradient is zero: `w = C X^T (t - p)`, and
    /// `t - p` sums to zero.
    #[test]
    fn the_gradient_is_zero() {
        for scale in [0.01, 1.0, 300.0] {
            let value = |row: usize, column: usize| {
                scale * ((row * 31 + column * 17 + row * column) % 23) as f64 / 7.0
            };
            let positive = DMatrix::from_fn(5, 13, |row, column| value(row, column) + scale);
            let negative = DMatrix::from_fn(7, 13, |row, column| value(row + 5, column));
            let w = weights(&positive, &negative);
            let rows: Vec<_> = positive.row_iter().chain(negative.row_iter()).collect();
            let points = DMatrix::from_rows(&rows);
            let scores = &points * &w;
            let targets = DVector::from_fn(12, |row, _| f64::from(u8::from(row < 5)));
            // The intercept is the root of a falling function.
            let residual = |b: f64| &targets - scores.add_scalar(b).map(sigmoid);
            let (mut low, mut high) = (-1e6, 1e6);
            for _ in 0..200 {
                let middle = f64::midpoint(low, high);
                if residual(middle).sum() > 0.0 {
                    low = middle;
                } else {
                    high = middle;
                }
            }
            let gradient = &w - points.transpose() * residual(low) * C;
            let relative = gradient.norm() / w.norm();
            assert!(relative < 1e-5, "scale {scale}: {relative}");
        }
    }
}
