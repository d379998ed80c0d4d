//! Root-mean-square normalisation: `y = x w / sqrt(mean(x^2) + eps)` over each row (arXiv:1910.07467, eq. 4).

use pulp::{Simd, WithSimd};

use crate::isa::Isa;
use crate::tile::{load, mul_add, store};
use crate::work::by_rows;

/// `y`, `[rows, width]` like `x`; `weight` is `[width]`.
pub(crate) fn forward(isa: Isa, x: &[f32], weight: &[f32], eps: f32) -> Vec<f32> {
    let width = weight.len();
    by_rows(x.len(), width, 1, |row, y| {
        let x = &x[row * width..][..y.len()];
        isa.run(Forward { x, weight, eps, y });
    })
}

/// The gradient with respect to `x`, where `dy` is that with respect to `y`:
/// `dx = r dy w - x r^3 mean(x dy w)` with `r = 1 / sqrt(mean(x^2) + eps)`.
pub(crate) fn backward(isa: Isa, x: &[f32], weight: &[f32], eps: f32, dy: &[f32]) -> Vec<f32> {
    let width = weight.len();
    by_rows(x.len(), width, 1, |row, dx| {
        let own = row * width..row * width + dx.len();
        isa.run(Backward {
            x: &x[own.clone()],
            weight,
            eps,
            dy: &dy[own],
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
                let [x, weight, dy] = [x, weight, dy].map(|part| load(simd, part));
                sum = mul_add(simd, x, simd.mul_f32s(weight, dy), sum);
            }
            let pull = r * r * r * simd.reduce_sum_f32s(sum) / width as f32;
            let (r, pull) = (simd.splat_f32s(r), simd.splat_f32s(-pull));
            for (((x, weight), dy), dx) in parts.zip(dx.chunks_mut(lanes)) {
                let [x, weight, dy] = [x, weight, dy].map(|part| load(simd, part));
                let scaled = simd.mul_f32s(r, simd.mul_f32s(weight, dy));
                store(simd, dx, mul_add(simd, x, pull, scaled));
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
