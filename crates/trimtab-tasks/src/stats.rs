//! Statistics of an evaluation.

/// The standard normal quantile of a two-sided 95 % interval.
pub const Z95: f64 = 1.959_963_984_540_054;

/// Wilson score interval of a binomial proportion; none if there were no trials.
///
/// With `p = successes / trials`, `n = trials`:
///
/// ```text
/// (p + z²/2n ± z sqrt(p(1 - p)/n + z²/4n²)) / (1 + z²/n)
/// ```
///
/// E. B. Wilson, "Probable inference, the law of succession, and statistical inference",
/// J. Amer. Statist. Assoc. 22 (1927); recommended over `p ± z sqrt(p(1 - p)/n)` for small `n` and for
/// `p` near 0 or 1 by Brown, Cai and `DasGupta`, Statist. Sci. 16 (2001), doi:10.1214/ss/1009213286.
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
    // The ends are exact at 0 and 1, where rounding would leave 1e-17 behind.
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

/// Normal interval of the mean of independent values, `mean ± z sqrt(var / n)` with the variance over `n`; none of no
/// values.
pub fn mean_interval(values: &[f64], z: f64) -> Option<[f64; 2]> {
    let centre = mean(values)?;
    let variance = mean(
        &values
            .iter()
            .map(|value| (value - centre).powi(2))
            .collect::<Vec<_>>(),
    )?;
    let half_width = z * (variance / values.len() as f64).sqrt();
    Some([centre - half_width, centre + half_width])
}

/// The arithmetic mean; none of no values.
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Z95, mean, mean_interval, wilson_interval};

    #[test]
    fn known_intervals() {
        // Roots of (p - x)² = z² x(1 - x)/n, which defines the interval, by 50-digit decimal arithmetic
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
        assert_eq!(mean_interval(&[], 1.0), None);
        assert_eq!(mean_interval(&[1.0, 5.0, 1.0, 5.0], 2.0), Some([1.0, 5.0]));
    }

    proptest! {
        #[test]
        fn an_interval_holds_its_proportion(trials in 1..10_000_u64, share in 0.0..=1.0) {
            let successes = (trials as f64 * share) as u64;
            let value = successes as f64 / trials as f64;
            let [low, high] = wilson_interval(successes, trials, Z95).expect("there are trials");
            prop_assert!(0.0 <= low && low <= value && value <= high && high <= 1.0);
            // Failures mirror successes.
            let [mirrored, _] = wilson_interval(trials - successes, trials, Z95).expect("there are trials");
            prop_assert!((mirrored - (1.0 - high)).abs() < 1e-12);
        }
    }
}
