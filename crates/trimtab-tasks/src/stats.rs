//! Statistics of an evaluation: pass@k, intervals, a paired test.

use statrs::distribution::{Binomial, DiscreteCDF};

use crate::rng::Rng;

/// The standard normal quantile of a two-sided 95 % interval.
pub const Z95: f64 = 1.959_963_984_540_054;

/// Resamples of [`bootstrap95`]. With 9,999, the 2.5 % and 97.5 % quantiles are the 250th values
/// from both ends.
const RESAMPLES: u64 = 9_999;
const TAIL: usize = 250;
/// First number of the address of the resamples, which no other generator uses.
const BOOTSTRAP: u64 = u64::from_be_bytes(*b"bootstra");

/// pass@k: the probability that at least one of `k` completions is right, estimated without bias
/// from `correct` right ones among `samples`.
///
/// ```text
/// pass@k = 1 - C(samples - correct, k) / C(samples, k)
/// ```
///
/// Eq. 1 of Chen et al., "Evaluating large language models trained on code" (arXiv:2107.03374). It
/// is computed as the product of `1 - k / i` for `i` from `samples - correct + 1` to `samples`,
/// which does not overflow.
///
/// # Panics
///
/// Unless `correct <= samples` and `1 <= k <= samples`.
pub fn pass_at_k(samples: usize, correct: usize, k: usize) -> f64 {
    assert!(
        correct <= samples && (1..=samples).contains(&k),
        "pass@{k} of {correct} right ones among {samples}"
    );
    if samples - correct < k {
        return 1.0; // any k completions include a right one
    }
    1.0 - (samples - correct + 1..=samples)
        .map(|i| 1.0 - k as f64 / i as f64)
        .product::<f64>()
}

/// 95 % interval of the mean of independent values in `[0, 1]`. `None` without values.
///
/// If every value is 0 or 1, the mean is a proportion, and the interval is the [`wilson_interval`].
/// It is sound even if all values are equal, where resampling would claim certainty. Otherwise the
/// interval is that of [`bootstrap95`].
pub fn mean95(values: &[f64]) -> Option<[f64; 2]> {
    if values.iter().all(|&value| value == 0.0 || value == 1.0) {
        let ones = values.iter().filter(|&&value| value == 1.0).count();
        wilson_interval(ones as u64, values.len() as u64, Z95)
    } else {
        bootstrap95(values)
    }
}

/// 95 % percentile bootstrap interval of the mean of independent values. `None` without values.
///
/// The ends are the 2.5 % and 97.5 % quantiles of the means of 9,999 resamples with replacement
/// (B. Efron, "Bootstrap methods: another look at the jackknife", Ann. Statist. 7 (1979),
/// doi:10.1214/aos/1176344552). Resampling has a fixed seed, so equal values give equal intervals.
///
/// The percentile interval stays in the range of the values and is defined for all of them. BCa
/// would correct bias and skewness, which are small for means over hundreds of problems, and it is
/// undefined if all values are equal.
pub fn bootstrap95(values: &[f64]) -> Option<[f64; 2]> {
    if values.is_empty() {
        return None;
    }
    let resampled_mean = |resample| {
        let mut rng = Rng::at([BOOTSTRAP, resample, 0, 0]);
        let sum: f64 = (0..values.len()).map(|_| rng.pick(values)).sum();
        sum / values.len() as f64
    };
    let mut means: Vec<f64> = (0..RESAMPLES).map(resampled_mean).collect();
    means.sort_unstable_by(f64::total_cmp);
    Some([means[TAIL - 1], means[means.len() - TAIL]])
}

/// Two-sided p-value of the exact McNemar test: the probability that a fair coin falls at least as
/// unevenly as `fixed` to `broken`.
///
/// ```text
/// p = min(1, 2 P(X <= min(fixed, broken))),  X ~ Binomial(fixed + broken, 1/2)
/// ```
///
/// Q. McNemar, Psychometrika 12 (1947), doi:10.1007/BF02295996, with the binomial distribution
/// instead of its normal approximation. Cases that did not change do not count.
pub fn mcnemar(fixed: u64, broken: u64) -> f64 {
    let coin = Binomial::new(0.5, fixed + broken).expect("one half is a probability");
    (2.0 * coin.cdf(fixed.min(broken))).min(1.0)
}

/// Wilson score interval of a binomial proportion. `None` without trials.
///
/// With `p = successes / trials`, `n = trials`:
///
/// ```text
/// (p + z²/2n ± z sqrt(p(1 - p)/n + z²/4n²)) / (1 + z²/n)
/// ```
///
/// E. B. Wilson, "Probable inference, the law of succession, and statistical inference", J. Amer.
/// Statist. Assoc. 22 (1927). Brown, Cai and `DasGupta`, Statist. Sci. 16 (2001),
/// doi:10.1214/ss/1009213286, recommend it over `p ± z sqrt(p(1 - p)/n)` for small `n` and for `p`
/// near 0 or 1.
///
/// # Panics
///
/// If `successes > trials`, or `z` is negative or not finite.
pub fn wilson_interval(successes: u64, trials: u64, z: f64) -> Option<[f64; 2]> {
    assert!(
        successes <= trials,
        "{successes} successes among {trials} trials"
    );
    assert!(z.is_finite() && z >= 0.0, "z = {z} is no quantile");
    if trials == 0 {
        return None;
    }
    let n = trials as f64;
    let p = successes as f64 / n;
    let z2 = z * z;
    let scale = 1.0 + z2 / n;
    let centre = (p + z2 / (2.0 * n)) / scale;
    let half_width = z * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt() / scale;
    // The ends are exactly 0 and 1 there, without a rounding error of 1e-17.
    let low = if successes == 0 {
        0.0
    } else {
        centre - half_width
    };
    let high = if successes == trials {
        1.0
    } else {
        centre + half_width
    };
    Some([low, high])
}

/// The arithmetic mean. `None` without values.
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_intervals() {
        // Roots of (p - x)² = z² x(1 - x)/n, which defines the interval, by 50-digit arithmetic
        // in Python; 81/263 gives the 0.2553, 0.3662 of Newcombe, Statist. Med. 17 (1998), table I.
        // The last two also by hand: (1.5 ± 0.5)/2 and 1/2 ± 1/(2 sqrt 3).
        let table = [
            (0, 10, Z95, [0.0, 0.277_532_799_862_889]),
            (1, 10, Z95, [0.017_876_213_095_073, 0.404_150_026_795_238]),
            (5, 10, Z95, [0.236_593_090_512_564, 0.763_406_909_487_436]),
            (10, 10, Z95, [0.722_467_200_137_111, 1.0]),
            (87, 120, Z95, [0.639_070_341_724_232, 0.796_971_033_387_352]),
            (81, 263, Z95, [0.255_288_519_878_274, 0.366_209_576_982_800]),
            (
                658,
                1319,
                Z95,
                [0.471_922_014_813_080, 0.525_810_139_724_415],
            ),
            (1, 1, 1.0, [0.5, 1.0]),
            (1, 2, 1.0, [0.211_324_865_405_187, 0.788_675_134_594_813]),
        ];
        for (successes, trials, z, expected) in table {
            let interval = wilson_interval(successes, trials, z).expect("there are trials");
            for (end, expected) in interval.into_iter().zip(expected) {
                assert!(
                    (end - expected).abs() < 1e-12,
                    "{successes}/{trials}: {interval:?}"
                );
            }
        }
    }

    #[test]
    fn no_trials_no_proportion() {
        assert_eq!(wilson_interval(0, 0, Z95), None);
    }

    #[test]
    fn means() {
        assert_eq!(mean(&[]), None);
        assert_eq!(mean(&[1.0, 2.0, 6.0]), Some(3.0));
    }

    #[test]
    fn intervals_of_no_and_of_equal_values() {
        assert_eq!((mean95(&[]), bootstrap95(&[])), (None, None));
        assert_eq!(mean95(&[0.0; 20]), wilson_interval(0, 20, Z95));
        assert_eq!(mean95(&[1.0, 0.0, 1.0]), wilson_interval(2, 3, Z95));
        assert_eq!(bootstrap95(&[0.25; 7]), Some([0.25, 0.25]));
    }

    #[test]
    fn a_coin_that_was_not_thrown_proves_nothing() {
        assert_eq!(mcnemar(0, 0), 1.0);
        assert_eq!(mcnemar(3, 3), 1.0);
        assert!((mcnemar(5, 0) - 2.0 / 32.0).abs() < 1e-15); // five heads or five tails
    }

    proptest! {
        #[test]
        fn an_interval_holds_its_proportion(trials in 1..10_000_u64, share in 0.0..=1.0) {
            let successes = (trials as f64 * share) as u64;
            let value = successes as f64 / trials as f64;
            let [low, high] = wilson_interval(successes, trials, Z95).expect("there are trials");
            prop_assert!(0.0 <= low && low <= value && value <= high && high <= 1.0);
            // Failures mirror successes.
            let mirrored = wilson_interval(trials - successes, trials, Z95);
            let [mirrored, _] = mirrored.expect("there are trials");
            prop_assert!((mirrored - (1.0 - high)).abs() < 1e-12);
        }

        #[test]
        fn pass_at_k_rises_with_k_from_the_share_to_certainty(
            samples in 1..40_usize,
            share in 0.0..=1.0,
        ) {
            let correct = (samples as f64 * share) as usize;
            let curve: Vec<f64> = (1..=samples).map(|k| pass_at_k(samples, correct, k)).collect();
            prop_assert!((curve[0] - correct as f64 / samples as f64).abs() < 1e-12);
            prop_assert_eq!(curve[samples - 1], f64::from(correct > 0));
            prop_assert!(curve.windows(2).all(|pair| pair[0] <= pair[1] + 1e-12), "{:?}", curve);
        }

        #[test]
        fn a_bootstrap_interval_holds_its_mean(
            values in prop::collection::vec(0.0..1.0_f64, 1..60),
        ) {
            let [low, high] = bootstrap95(&values).expect("there are values");
            let centre = mean(&values).expect("there are values");
            let holds = low <= centre + 1e-12 && centre - 1e-12 <= high;
            prop_assert!(holds, "{centre} is not in {low}, {high}");
            let min = values.iter().copied().fold(1.0, f64::min);
            let max = values.iter().copied().fold(0.0, f64::max);
            prop_assert!(min - 1e-12 <= low && high <= max + 1e-12);
        }

        #[test]
        fn mcnemar_is_a_symmetric_probability(fixed in 0..500_u64, broken in 0..500_u64) {
            let p = mcnemar(fixed, broken);
            prop_assert!((0.0..=1.0).contains(&p));
            prop_assert_eq!(p, mcnemar(broken, fixed));
        }
    }
}
