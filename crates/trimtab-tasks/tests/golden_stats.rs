//! The statistics against scipy and statsmodels: `fixtures/stats/generate.py` made the values.

use serde::Deserialize;
use trimtab_tasks::stats::{Z95, bootstrap95, mcnemar, pass_at_k, wilson_interval};

#[derive(Deserialize)]
struct Expected {
    wilson: Vec<(u64, u64, [f64; 2])>,
    pass_at_k: Vec<(usize, usize, usize, f64)>,
    mcnemar: Vec<(u64, u64, f64)>,
    bootstrap_exact: Vec<Bootstrap>,
    bootstrap_resampled: Vec<Bootstrap>,
}

#[derive(Deserialize)]
struct Bootstrap {
    values: Vec<f64>,
    interval: [f64; 2],
    #[serde(default)]
    standard_error: f64,
}

fn expected() -> Expected {
    serde_json::from_str(include_str!("fixtures/stats/expected.json")).expect("the fixture")
}

fn assert_close(found: f64, expected: f64, tolerance: f64, what: &str) {
    assert!(
        (found - expected).abs() <= tolerance,
        "{what}: {found}, not {expected}"
    );
}

#[test]
fn wilson_is_that_of_statsmodels() {
    for (successes, trials, expected) in expected().wilson {
        let found = wilson_interval(successes, trials, Z95).expect("trials");
        for (found, expected) in found.into_iter().zip(expected) {
            assert_close(found, expected, 1e-12, &format!("{successes} of {trials}"));
        }
    }
}

#[test]
fn pass_at_k_is_a_hypergeometric_chance() {
    for (samples, correct, k, expected) in expected().pass_at_k {
        let found = pass_at_k(samples, correct, k);
        assert_close(
            found,
            expected,
            1e-12,
            &format!("{correct} of {samples}, {k} drawn"),
        );
    }
}

#[test]
fn mcnemar_is_that_of_statsmodels() {
    for (fixed, broken, expected) in expected().mcnemar {
        let found = mcnemar(fixed, broken);
        assert_close(
            found / expected,
            1.0,
            1e-9,
            &format!("{fixed} against {broken}"),
        );
    }
}

#[test]
fn quantiles_of_a_binomial_mean_are_exact() {
    let cases = expected().bootstrap_exact;
    assert!(cases.len() > 5);
    for Bootstrap {
        values, interval, ..
    } in cases
    {
        let found = bootstrap95(&values).expect("values");
        for (found, expected) in found.into_iter().zip(interval) {
            assert_close(found, expected, 1e-12, &format!("{values:?}"));
        }
    }
}

/// A quantile of 9,999 resamples scatters by sqrt(0.025 x 0.975 / 9,999) / 0.0584 = 0.027 standard
/// errors.
#[test]
fn other_intervals_are_those_of_scipy_within_the_noise_of_resampling() {
    for Bootstrap {
        values,
        interval,
        standard_error,
    } in expected().bootstrap_resampled
    {
        let found = bootstrap95(&values).expect("values");
        for (found, expected) in found.into_iter().zip(interval) {
            assert_close(
                found,
                expected,
                0.1 * standard_error,
                &format!("{values:?}"),
            );
        }
    }
}
