//! Weights of a softmax over words, as sampling and training both compute them.

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use crate::exp::exp;
use crate::isa::Isa;
use crate::tile::{load, store};
use crate::work::{by_rows, scratch};

/// `exp(scale (logit - max))` of every logit of one token.
#[derive(Clone, Debug)]
pub struct Weights {
    /// The largest logit.
    pub max: f32,
    /// `[vocab_size]`
    pub each: Vec<f32>,
    /// Their sum.
    pub total: f64,
    scale: f32,
}

impl Weights {
    /// Of finite `logits`.
    pub fn of(logits: &[f32], scale: f32) -> Self {
        let mut each = vec![0.0; logits.len()];
        let (max, total) = Isa::current().run(Fill {
            logits,
            scale,
            each: &mut each,
        });
        Self {
            max,
            each,
            total,
            scale,
        }
    }

    /// `ln(softmax(scale * logits))` of a token with this logit, in nats.
    pub fn logprob(&self, logit: f32) -> f32 {
        logprob(self.max, self.total, self.scale, logit)
    }
}

/// `ln softmax(scale * logits)` of the target of each row, `[targets]`.
pub(crate) fn logprobs(isa: Isa, logits: &[f32], targets: &[u32], scale: f32) -> Vec<f32> {
    let vocab_size = logits.len().checked_div(targets.len()).unwrap_or(0);
    let of_row = |(logits, &target): (&[f32], &u32)| {
        scratch(vocab_size, |each: &mut [f32]| {
            let (max, total) = isa.run(Fill {
                logits,
                scale,
                each,
            });
            logprob(max, total, scale, logits[target as usize])
        })
    };
    let rows = logits.par_chunks_exact(vocab_size.max(1)).zip(targets);
    rows.with_min_len(least_rows(vocab_size))
        .map(of_row)
        .collect()
}

/// The gradient with respect to the logits: `g scale (onehot(target) - softmax(scale * logits))` in each row.
pub(crate) fn logprob_gradients(
    isa: Isa,
    logits: &[f32],
    targets: &[u32],
    scale: f32,
    gradient: &[f32],
) -> Vec<f32> {
    let vocab_size = logits.len().checked_div(targets.len()).unwrap_or(0);
    by_rows(
        logits.len(),
        vocab_size,
        least_rows(vocab_size),
        |first, out| {
            for (row, each) in out.chunks_exact_mut(vocab_size).enumerate() {
                let row = first + row;
                let logits = &logits[row * vocab_size..][..vocab_size];
                let (_, total) = isa.run(Fill {
                    logits,
                    scale,
                    each,
                });
                let share = (-f64::from(gradient[row] * scale) / total) as f32;
                for weight in &mut *each {
                    *weight *= share;
                }
                each[targets[row] as usize] += gradient[row] * scale;
            }
        },
    )
}

/// Rows that are worth a thread.
fn least_rows(vocab_size: usize) -> usize {
    (1 << 14) / vocab_size.max(1) + 1
}

fn logprob(max: f32, total: f64, scale: f32, logit: f32) -> f32 {
    (f64::from((logit - max) * scale) - total.ln()) as f32
}

struct Fill<'a> {
    logits: &'a [f32],
    scale: f32,
    each: &'a mut [f32],
}

impl WithSimd for Fill<'_> {
    type Output = (f32, f64);

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> (f32, f64) {
        self.each.copy_from_slice(self.logits);
        InPlace {
            logits: self.each,
            scale: self.scale,
        }
        .with_simd(simd)
    }
}

struct InPlace<'a> {
    logits: &'a mut [f32],
    scale: f32,
}

impl WithSimd for InPlace<'_> {
    type Output = (f32, f64);

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> (f32, f64) {
        let lanes = S::F32_LANES;
        let (whole, rest) = S::as_simd_f32s(self.logits);
        let mut max = simd.splat_f32s(f32::NEG_INFINITY);
        for &part in whole {
            max = simd.max_f32s(max, part);
        }
        let max = rest
            .iter()
            .copied()
            .fold(simd.reduce_max_f32s(max), f32::max);
        let (shift, scale) = (simd.splat_f32s(max), simd.splat_f32s(self.scale));
        let mut total = 0.0;
        // A few hundred numbers are added in f32, the sums of these in f64.
        for part in self.logits.chunks_mut(64 * lanes) {
            let mut sum = simd.splat_f32s(0.0);
            for part in part.chunks_mut(lanes) {
                let weight = exp(
                    simd,
                    simd.mul_f32s(simd.sub_f32s(load(simd, part), shift), scale),
                );
                store(simd, part, weight);
                sum = simd.add_f32s(sum, load(simd, part));
            }
            total += f64::from(simd.reduce_sum_f32s(sum));
        }
        (max, total)
    }
}
