//! Weights of a softmax over words, as sampling and training both compute them.

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use crate::exp::exp;
use crate::isa::Isa;
use crate::microkernel::{largest, load, store};
use crate::parallel::scratch;

/// `exp(scale (logit - max))` of every logit of one token.
#[derive(Clone, Debug)]
pub struct SoftmaxTerms {
    /// The largest logit.
    pub max: f32,
    /// `[vocab_size]`
    pub each: Vec<f32>,
    /// Their sum.
    pub total: f64,
    scale: f32,
}

impl SoftmaxTerms {
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
        let (max, total) = isa.run(Fill {
            logits,
            scale,
            each: &mut scratch(vocab_size),
        });
        logprob(max, total, scale, logits[target as usize])
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
    let mut slopes = logits.to_vec();
    slopes_in_place(isa, &mut slopes, targets, scale, Some(gradient));
    slopes
}

/// Writes the gradient of [`logprob_gradients`] over the logits, with 1 for `g` if none is given, and returns [`logprobs`].
pub(crate) fn slopes_in_place(
    isa: Isa,
    logits: &mut [f32],
    targets: &[u32],
    scale: f32,
    gradient: Option<&[f32]>,
) -> Vec<f32> {
    let vocab_size = logits.len().checked_div(targets.len()).unwrap_or(0);
    let of_row = |((row, logits), &target): ((usize, &mut [f32]), &u32)| {
        let target = target as usize;
        let logit = logits[target];
        let (max, total) = isa.run(InPlace { logits, scale });
        let gradient = gradient.map_or(1.0, |gradient| gradient[row]) * scale;
        let share = (-f64::from(gradient) / total) as f32;
        for weight in &mut *logits {
            *weight *= share;
        }
        logits[target] += gradient;
        logprob(max, total, scale, logit)
    };
    let rows = logits.par_chunks_exact_mut(vocab_size.max(1)).enumerate();
    rows.zip(targets)
        .with_min_len(least_rows(vocab_size))
        .map(of_row)
        .collect()
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
        let max = largest(simd, self.logits);
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{EPS, bits, cases, noise, slope, wide, with_threads};

    fn reference(logits: &[f64], target: usize, scale: f64) -> f64 {
        let max = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let total: f64 = logits.iter().map(|x| (scale * (x - max)).exp()).sum();
        scale * (logits[target] - max) - total.ln()
    }

    struct Case {
        logits: Vec<f32>,
        targets: Vec<u32>,
        gradient: Vec<f32>,
    }

    fn case([rows, vocab_size]: [usize; 2], reach: f32, seed: u64) -> Case {
        let logits = noise(seed, rows * vocab_size)
            .into_iter()
            .map(|x| x * reach)
            .collect();
        let targets = (0..rows as u64)
            .map(|row| ((seed + 7 * row) % vocab_size as u64) as u32)
            .collect();
        Case {
            logits,
            targets,
            gradient: noise(seed + 1, rows),
        }
    }

    proptest! {
        #![proptest_config(cases(32))]

        /// Sums of 64 numbers in f32 are off by 64 eps, the exponents by eps times their size, which `most` bounds.
        #[test]
        fn both_directions_agree_with_f64(
            rows in 1usize..10,
            vocab_size in 1usize..150,
            reach in 0.1f32..20.0,
            scale in 0.3f32..2.0,
            seed in 0u64..1000,
        ) {
            let Case { logits, targets, gradient } = case([rows, vocab_size], reach, seed);
            let most = f64::from(2.0 * reach * scale);
            let bound = (80.0 + 2.0 * most) * EPS;
            for isa in Isa::available() {
                let values = logprobs(isa, &logits, &targets, scale);
                let gradients = logprob_gradients(isa, &logits, &targets, scale, &gradient);
                for (row, &value) in values.iter().enumerate() {
                    let mut x = wide(&logits[row * vocab_size..][..vocab_size]);
                    let target = targets[row] as usize;
                    let exact = reference(&x, target, scale.into());
                    prop_assert!((f64::from(value) - exact).abs() <= bound, "{isa:?}: {value}, not {exact}");
                    let factor = f64::from(gradient[row]);
                    for i in 0..vocab_size {
                        let exact = factor * slope(&mut x, i, |x| reference(x, target, scale.into()));
                        let got = f64::from(gradients[row * vocab_size + i]);
                        // The differences are off by 1e-10 times the third derivative, at most `scale^3`.
                        let bound = bound * factor.abs() * f64::from(scale) + 1e-9;
                        prop_assert!((got - exact).abs() <= bound, "{isa:?}: {got}, not {exact}");
                    }
                }
            }
        }

        #[test]
        fn sampling_and_training_agree_to_the_bit(
            rows in 1usize..6,
            vocab_size in 1usize..2000,
            scale in 0.3f32..2.0,
            seed in 0u64..1000,
        ) {
            let Case { logits, targets, .. } = case([rows, vocab_size], 10.0, seed);
            let values = logprobs(Isa::current(), &logits, &targets, scale);
            for ((logits, &target), value) in logits.chunks(vocab_size).zip(&targets).zip(values) {
                let weights = SoftmaxTerms::of(logits, scale);
                prop_assert_eq!(weights.logprob(logits[target as usize]).to_bits(), value.to_bits());
                // The sampler's shares are the same distribution.
                let share = f64::from(weights.each[target as usize]) / weights.total;
                prop_assert!((share.ln() - f64::from(value)).abs() <= 64.0 * EPS);
                let total: f64 = weights.each.iter().copied().map(f64::from).sum();
                prop_assert!((total - weights.total).abs() <= 80.0 * EPS * total);
            }
        }
    }

    #[test]
    fn rows_do_not_depend_on_others_nor_on_threads() {
        let (rows, vocab_size) = (23, 3001);
        let Case {
            logits,
            targets,
            gradient,
        } = case([rows, vocab_size], 10.0, 5);
        for isa in Isa::available() {
            let compute = || {
                let gradients = logprob_gradients(isa, &logits, &targets, 0.7, &gradient);
                [logprobs(isa, &logits, &targets, 0.7), gradients].map(|x| bits(&x))
            };
            let alone = with_threads(1, compute);
            assert!(
                [2, 3]
                    .into_iter()
                    .all(|threads| with_threads(threads, compute) == alone),
                "{isa:?}"
            );
            let own = &logits[9 * vocab_size..][..vocab_size];
            assert_eq!(
                bits(&logprobs(isa, own, &targets[9..10], 0.7)),
                alone[0][9..10]
            );
            let gradients = logprob_gradients(isa, own, &targets[9..10], 0.7, &gradient[9..10]);
            assert_eq!(bits(&gradients), alone[1][9 * vocab_size..][..vocab_size]);
        }
    }

    #[test]
    fn large_logits_do_not_overflow() {
        for isa in Isa::available() {
            let logits = [3e4, -3e4, 3e4];
            let values = logprobs(isa, &[logits, logits].concat(), &[0, 1], 1.0);
            assert!(
                (values[0] + std::f32::consts::LN_2).abs() < 1e-6 && (values[1] + 6e4).abs() < 1.0,
                "{isa:?}: {values:?}"
            );
            let gradients = logprob_gradients(isa, &logits, &[0], 1.0, &[1.0]);
            assert_eq!(gradients, [0.5, 0.0, -0.5], "{isa:?}");
        }
    }
}
