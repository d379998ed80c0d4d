//! RMS normalisation: `y = x w / sqrt(mean(x^2) + eps)` over each row (arXiv:1910.07467, eq. 4).

use pulp::{Simd, WithSimd};

use crate::isa::Isa;
use crate::microkernel::{load, mul_add, store};
use crate::parallel::par_fill_rows;

/// The normalised rows `y`.
///
/// # Shapes
///
/// - `x` and output: `[rows, width]`
/// - `weight`: `[width]`
pub(crate) fn forward(isa: Isa, x: &[f32], weight: &[f32], eps: f32) -> Vec<f32> {
    let width = weight.len();
    par_fill_rows(x.len(), width, 1, |row, y| {
        let x = &x[row * width..][..y.len()];
        isa.dispatch(Forward { x, weight, eps, y });
    })
}

/// The gradient with respect to `x`, given `dy`, that with respect to the output.
///
/// `dx = r dy w - x r^3 mean(x dy w)` with `r = 1 / sqrt(mean(x^2) + eps)`.
///
/// # Shapes
///
/// - `x`, `dy` and output: `[rows, width]`
/// - `weight`: `[width]`
pub(crate) fn backward(isa: Isa, x: &[f32], weight: &[f32], eps: f32, dy: &[f32]) -> Vec<f32> {
    let width = weight.len();
    par_fill_rows(x.len(), width, 1, |row, dx| {
        let range = row * width..row * width + dx.len();
        isa.dispatch(Backward {
            x: &x[range.clone()],
            weight,
            eps,
            dy: &dy[range],
            dx,
        });
    })
}

struct Forward<'a> {
    x: &'a [f32],
    weight: &'a [f32],
    eps: f32,
    y: &'a mut [f32],
}

impl WithSimd for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let width = self.weight.len();
        for (x, y) in self
            .x
            .chunks_exact(width)
            .zip(self.y.chunks_exact_mut(width))
        {
            let r = simd.splat_f32s(reciprocal_rms(simd, x, self.eps));
            let lanes = S::F32_LANES;
            let parts = x.chunks(lanes).zip(self.weight.chunks(lanes));
            for ((x, weight), y) in parts.zip(y.chunks_mut(lanes)) {
                let weight = simd.mul_f32s(load(simd, weight), r);
                store(simd, y, simd.mul_f32s(load(simd, x), weight));
            }
        }
    }
}

struct Backward<'a> {
    x: &'a [f32],
    weight: &'a [f32],
    eps: f32,
    dy: &'a [f32],
    dx: &'a mut [f32],
}

impl WithSimd for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let width = self.weight.len();
        let lanes = S::F32_LANES;
        let rows = self.x.chunks_exact(width).zip(self.dy.chunks_exact(width));
        for ((x, dy), dx) in rows.zip(self.dx.chunks_exact_mut(width)) {
            let r = reciprocal_rms(simd, x, self.eps);
            let mut sum = simd.splat_f32s(0.0);
            let parts = x
                .chunks(lanes)
                .zip(self.weight.chunks(lanes))
                .zip(dy.chunks(lanes));
            for ((x, weight), dy) in parts.clone() {
                let (x, weight, dy) = (load(simd, x), load(simd, weight), load(simd, dy));
                sum = mul_add(simd, x, simd.mul_f32s(weight, dy), sum);
            }
            let factor = r * r * r * simd.reduce_sum_f32s(sum) / width as f32;
            let (r, factor) = (simd.splat_f32s(r), simd.splat_f32s(-factor));
            for (((x, weight), dy), dx) in parts.zip(dx.chunks_mut(lanes)) {
                let (x, weight, dy) = (load(simd, x), load(simd, weight), load(simd, dy));
                let scaled = simd.mul_f32s(r, simd.mul_f32s(weight, dy));
                store(simd, dx, mul_add(simd, x, factor, scaled));
            }
        }
    }
}

#[inline(always)]
fn reciprocal_rms<S: Simd>(simd: S, x: &[f32], eps: f32) -> f32 {
    let mut sum = simd.splat_f32s(0.0);
    for part in x.chunks(S::F32_LANES) {
        let part = load(simd, part);
        sum = mul_add(simd, part, part, sum);
    }
    1.0 / (simd.reduce_sum_f32s(sum) / x.len() as f32 + eps).sqrt()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{
        EPS, bits, central_difference, noise, proptest_cases, to_f64, with_threads,
    };

    fn reference(x: &[f64], weight: &[f64], eps: f64) -> Vec<f64> {
        let mean = x.iter().map(|x| x * x).sum::<f64>() / x.len() as f64;
        x.iter()
            .zip(weight)
            .map(|(x, weight)| x * weight / (mean + eps).sqrt())
            .collect()
    }

    proptest! {
        #![proptest_config(proptest_cases(32))]

        /// Within `(width + 8) eps` of the size of the terms: the error of a chain of `width` sums
        /// and a few operations.
        #[test]
        fn forward_and_backward_agree_with_f64(
            rows in 1usize..20,
            width in 1usize..100,
            seed in 0u64..1000,
        ) {
            let [x, dy] = [seed, seed + 1].map(|seed| noise(seed, rows * width));
            let weight = noise(seed + 2, width);
            let eps = 1e-3f32;
            let (w, tolerance) = (to_f64(&weight), (width as f64 + 8.0) * EPS);
            for isa in Isa::available() {
                let y = forward(isa, &x, &weight, eps);
                let dx = backward(isa, &x, &weight, eps, &dy);
                for row in 0..rows {
                    let own = row * width..(row + 1) * width;
                    let (mut x, g) = (to_f64(&x[own.clone()]), to_f64(&dy[own.clone()]));
                    let exact = reference(&x, &w, eps.into());
                    for (got, exact) in y[own.clone()].iter().zip(&exact) {
                        let error = (f64::from(*got) - exact).abs();
                        let bound = tolerance * exact.abs();
                        prop_assert!(error <= bound, "{isa:?}: {got}, not {exact} +- {bound}");
                    }
                    let loss = |x: &[f64]| {
                        let y = reference(x, &w, eps.into());
                        y.iter().zip(&g).map(|(y, g)| y * g).sum::<f64>()
                    };
                    let squares: f64 = x.iter().map(|x| x * x).sum();
                    let r = 1.0 / (squares / width as f64 + f64::from(eps)).sqrt();
                    let terms = (0..width).map(|i| (x[i] * w[i] * g[i]).abs());
                    let mean = terms.sum::<f64>() / width as f64;
                    for i in 0..width {
                        let exact = central_difference(&mut x, i, loss);
                        let size = r * (w[i] * g[i]).abs() + r.powi(3) * x[i].abs() * mean;
                        let got = f64::from(dx[row * width + i]);
                        // The error of differences with a step of 1e-5 is its square times the
                        // third derivative, which is of the order r^3.
                        let bound = tolerance * size + 1e-9 * (1.0 + r.powi(3));
                        let error = (got - exact).abs();
                        prop_assert!(error <= bound, "{isa:?}: {got}, not {exact} +- {bound}");
                    }
                }
            }
        }
    }

    #[test]
    fn rows_do_not_depend_on_others_nor_on_threads() {
        let (rows, width) = (353, 97);
        let (x, dy, weight) = (
            noise(1, rows * width),
            noise(2, rows * width),
            noise(3, width),
        );
        for isa in Isa::available() {
            let compute = || {
                [
                    forward(isa, &x, &weight, 1e-6),
                    backward(isa, &x, &weight, 1e-6, &dy),
                ]
            };
            let alone = with_threads(1, compute);
            for threads in [2, 3] {
                assert_eq!(
                    alone.each_ref().map(|x| bits(x)),
                    with_threads(threads, compute).map(|x| bits(&x)),
                    "{isa:?}"
                );
            }
            let own = 200 * width..201 * width;
            assert_eq!(
                bits(&forward(isa, &x[own.clone()], &weight, 1e-6)),
                bits(&alone[0][own.clone()])
            );
            assert_eq!(
                bits(&backward(
                    isa,
                    &x[own.clone()],
                    &weight,
                    1e-6,
                    &dy[own.clone()]
                )),
                bits(&alone[1][own])
            );
        }
    }
}
