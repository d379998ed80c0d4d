//! The softmax over the vocabulary, which sampling and training compute in the same way.

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use crate::exp::exp;
use crate::isa::Isa;
use crate::microkernel::{load, reduce_max, store};
use crate::scratch::Scratch;

/// The terms of a softmax over the logits of one token.
///
/// The probability of token `i` is `exps[i] / sum`.
#[derive(Clone, Debug)]
pub struct SoftmaxTerms {
    /// The largest logit.
    pub max: f32,
    /// `exp(scale (logit - max))` of every logit, `[vocab_size]`.
    pub exps: Vec<f32>,
    /// The sum of `exps`.
    pub sum: f64,
    scale: f32,
}

impl SoftmaxTerms {
    /// The terms of `softmax(scale * logits)`.
    ///
    /// # Shapes
    ///
    /// - `logits`: `[vocab_size]`, all finite
    pub fn new(logits: &[f32], scale: f32) -> Self {
        let mut exps = vec![0.0; logits.len()];
        let (max, sum) = Isa::current().dispatch(Exponentials {
            logits,
            scale,
            exps: &mut exps,
        });
        Self {
            max,
            exps,
            sum,
            scale,
        }
    }

    /// `ln softmax(scale * logits)` of a token with this logit, in nats.
    pub fn logprob(&self, logit: f32) -> f32 {
        logprob(self.max, self.sum, self.scale, logit)
    }
}

/// `ln softmax(scale * logits)` of the target of each row, in nats.
///
/// # Shapes
///
/// - `logits`: `[tokens, vocab_size]`
/// - `targets` and output: `[tokens]`
pub(crate) fn logprobs(isa: Isa, logits: &[f32], targets: &[u32], scale: f32) -> Vec<f32> {
    let vocab_size = logits.len().checked_div(targets.len()).unwrap_or(0);
    let of_row = |(logits, &target): (&[f32], &u32)| {
        let (max, sum) = isa.dispatch(Exponentials {
            logits,
            scale,
            exps: &mut Scratch::take(vocab_size),
        });
        logprob(max, sum, scale, logits[target as usize])
    };
    let rows = logits.par_chunks_exact(vocab_size.max(1)).zip(targets);
    rows.with_min_len(min_rows(vocab_size))
        .map(of_row)
        .collect()
}

/// The gradient of [`logprobs`] with respect to the logits.
///
/// Each row is `g scale (onehot(target) - softmax(scale * logits))`, where `g` is its entry of
/// `gradient`.
///
/// # Shapes
///
/// - `logits` and output: `[tokens, vocab_size]`
/// - `targets`, `gradient`: `[tokens]`
pub(crate) fn logprob_gradients(
    isa: Isa,
    logits: &[f32],
    targets: &[u32],
    scale: f32,
    gradient: &[f32],
) -> Vec<f32> {
    let mut output = logits.to_vec();
    logprob_gradients_in_place(isa, &mut output, targets, scale, Some(gradient));
    output
}

/// Overwrites the logits with [`logprob_gradients`] and returns [`logprobs`].
///
/// Without a `gradient`, `g` is 1.
pub(crate) fn logprob_gradients_in_place(
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
        let (max, sum) = isa.dispatch(ExponentialsInPlace { logits, scale });
        let gradient = gradient.map_or(1.0, |gradient| gradient[row]) * scale;
        let factor = (-f64::from(gradient) / sum) as f32;
        for exp in &mut *logits {
            *exp *= factor;
        }
        logits[target] += gradient;
        logprob(max, sum, scale, logit)
    };
    let rows = logits.par_chunks_exact_mut(vocab_size.max(1)).enumerate();
    rows.zip(targets)
        .with_min_len(min_rows(vocab_size))
        .map(of_row)
        .collect()
}

/// How many rows a task must have to be worth a thread.
fn min_rows(vocab_size: usize) -> usize {
    (1 << 14) / vocab_size.max(1) + 1
}

fn logprob(max: f32, sum: f64, scale: f32, logit: f32) -> f32 {
    (f64::from((logit - max) * scale) - sum.ln()) as f32
}

/// Writes `exp(scale (logit - max))` to `exps`; returns the maximum and the sum.
struct Exponentials<'a> {
    logits: &'a [f32],
    scale: f32,
    exps: &'a mut [f32],
}

impl WithSimd for Exponentials<'_> {
    type Output = (f32, f64);

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> (f32, f64) {
        self.exps.copy_from_slice(self.logits);
        ExponentialsInPlace {
            logits: self.exps,
            scale: self.scale,
        }
        .with_simd(simd)
    }
}

/// As [`Exponentials`], over the logits.
struct ExponentialsInPlace<'a> {
    logits: &'a mut [f32],
    scale: f32,
}

impl WithSimd for ExponentialsInPlace<'_> {
    type Output = (f32, f64);

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> (f32, f64) {
        let lanes = S::F32_LANES;
        let max = reduce_max(simd, self.logits);
        let (shift, scale) = (simd.splat_f32s(max), simd.splat_f32s(self.scale));
        let mut total = 0.0;
        // Chunks of 64 registers are summed in f32, their sums in f64.
        for part in self.logits.chunks_mut(64 * lanes) {
            let mut sum = simd.splat_f32s(0.0);
            for part in part.chunks_mut(lanes) {
                let exp = exp(
                    simd,
                    simd.mul_f32s(simd.sub_f32s(load(simd, part), shift), scale),
                );
                store(simd, part, exp);
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
    use crate::testing::{
        EPS, bits, central_difference, noise, proptest_cases, to_f64, with_threads,
    };

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
        #![proptest_config(proptest_cases(32))]

        /// The error of a sum of 64 numbers in f32 is 64 eps, that of an exponent eps times its
        /// size, which `max` bounds.
        #[test]
        fn forward_and_backward_agree_with_f64(
            rows in 1usize..10,
            vocab_size in 1usize..150,
            reach in 0.1f32..20.0,
            scale in 0.3f32..2.0,
            seed in 0u64..1000,
        ) {
            let Case { logits, targets, gradient } = case([rows, vocab_size], reach, seed);
            let max = f64::from(2.0 * reach * scale);
            let bound = (80.0 + 2.0 * max) * EPS;
            for isa in Isa::available() {
                let values = logprobs(isa, &logits, &targets, scale);
                let gradients = logprob_gradients(isa, &logits, &targets, scale, &gradient);
                for (row, &value) in values.iter().enumerate() {
                    let mut x = to_f64(&logits[row * vocab_size..][..vocab_size]);
                    let target = targets[row] as usize;
                    let exact = reference(&x, target, scale.into());
                    let error = (f64::from(value) - exact).abs();
                    prop_assert!(error <= bound, "{isa:?}: {value}, not {exact}");
                    let factor = f64::from(gradient[row]);
                    for i in 0..vocab_size {
                        let logprob = |x: &[f64]| reference(x, target, scale.into());
                        let exact = factor * central_difference(&mut x, i, logprob);
                        let got = f64::from(gradients[row * vocab_size + i]);
                        // The error of the differences is 1e-10 times the third derivative, which
                        // is at most `scale^3`.
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
                let terms = SoftmaxTerms::new(logits, scale);
                let sampled = terms.logprob(logits[target as usize]);
                prop_assert_eq!(sampled.to_bits(), value.to_bits());
                // The sampler's probabilities are the same distribution.
                let probability = f64::from(terms.exps[target as usize]) / terms.sum;
                prop_assert!((probability.ln() - f64::from(value)).abs() <= 64.0 * EPS);
                let sum: f64 = terms.exps.iter().copied().map(f64::from).sum();
                prop_assert!((sum - terms.sum).abs() <= 80.0 * EPS * sum);
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
