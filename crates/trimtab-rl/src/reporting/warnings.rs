//! Early warnings: what the metrics say about a run that learns nothing, and what to try.

use crate::metrics::{Skipped, StepMetrics};

/// A problem of a run, with advice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Warning {
    /// The mean reward of ten steps is that of the ten before.
    RewardFlat,
    /// The policy's entropy is a tenth of what it was.
    EntropyCollapse,
    /// No group had different rewards, three steps in a row.
    AllZeroVariance,
    /// More than half of the completions were cut, three steps in a row.
    Truncation,
    /// The last step made no update, because of a value that was not finite.
    Skipped,
}

impl Warning {
    /// What is wrong and what to try, in one sentence.
    pub fn advice(self) -> &'static str {
        match self {
            Self::RewardFlat => {
                "the reward has not moved for 20 steps; try a higher learning_rate, a larger \
                 group_size or easier problems"
            }
            Self::EntropyCollapse => {
                "the entropy fell to a tenth, so completions are nearly alike; if answers get \
                 worse, try a lower learning_rate, loss.entropy_coef or kl.coef"
            }
            Self::AllZeroVariance => {
                "all completions of a problem have the same reward, so nothing is learned; try \
                 problems that are neither too easy nor too hard, a larger group_size, or \
                 zero_variance = \"resample\""
            }
            Self::Truncation => {
                "more than half of the completions are cut; try a larger max_new_tokens or the \
                 reward soft-overlong"
            }
            Self::Skipped => {
                "the last step was skipped because a value was not finite; try a lower \
                 learning_rate"
            }
        }
    }
}

/// Steps that are compared with as many before them.
const WINDOW: usize = 10;
/// Steps in a row after which a problem is reported.
const STREAK: usize = 3;

/// The problems that the metrics of a run show so far.
pub fn warnings(metrics: &[StepMetrics]) -> Vec<Warning> {
    let last = |count: usize| metrics.get(metrics.len().checked_sub(count)?..);
    let mean = |steps: &[StepMetrics], of: fn(&StepMetrics) -> f64| {
        steps.iter().map(of).sum::<f64>() / steps.len() as f64
    };
    let mut found = vec![];
    if let Some((before, after)) = last(2 * WINDOW).map(|steps| steps.split_at(WINDOW)) {
        let moved = mean_reward(after) - mean_reward(before); // not a number without rewards
        let solved = mean(after, |step| step.accuracy) > 0.9;
        if moved.abs() < 0.01 && !solved {
            found.push(Warning::RewardFlat);
        }
        let first = mean(&metrics[..STREAK], |step| step.entropy);
        if mean(after, |step| step.entropy) < 0.1 * first {
            found.push(Warning::EntropyCollapse);
        }
    }
    if let Some(streak) = last(STREAK) {
        if streak.iter().all(|step| step.zero_variance_rate >= 1.0) {
            found.push(Warning::AllZeroVariance);
        }
        if streak.iter().all(|step| step.truncation_rate > 0.5) {
            found.push(Warning::Truncation);
        }
    }
    let skipped = metrics.last().and_then(|step| step.skipped.as_ref());
    if matches!(skipped, Some(Skipped::NonFinite(_))) {
        found.push(Warning::Skipped);
    }
    found
}

/// Mean of the steps' mean rewards, without the steps that have none.
fn mean_reward(steps: &[StepMetrics]) -> f64 {
    let rewards: Vec<f64> = steps.iter().filter_map(|step| step.reward).collect();
    rewards.iter().sum::<f64>() / rewards.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(count: u64, change: impl Fn(&mut StepMetrics, f64)) -> Vec<StepMetrics> {
        let step = |step: u64| {
            let mut metrics = StepMetrics::from_groups(step, &[]);
            metrics.zero_variance_rate = 0.0;
            metrics.truncation_rate = 0.0;
            metrics.reward = Some(step as f64 / 10.0);
            metrics.entropy = 1.0;
            metrics.accuracy = 0.5;
            change(&mut metrics, step as f64);
            metrics
        };
        (1..=count).map(step).collect()
    }

    #[test]
    fn a_run_that_learns_is_left_alone() {
        for count in [0, 1, 2, 3, 20, 50] {
            assert_eq!(warnings(&history(count, |_, _| ())), []);
        }
    }

    #[test]
    fn each_trouble_is_told() {
        let of = |change: fn(&mut StepMetrics, f64)| warnings(&history(25, change));
        assert_eq!(of(|m, _| m.reward = Some(0.3)), [Warning::RewardFlat]);
        let solved = of(|m, _| (m.reward, m.accuracy) = (Some(1.0), 0.99));
        assert_eq!(solved, []);
        let collapse = of(|m, step| m.entropy = (-step / 3.0).exp());
        assert_eq!(collapse, [Warning::EntropyCollapse]);
        assert_eq!(
            of(|m, _| m.zero_variance_rate = 1.0),
            [Warning::AllZeroVariance]
        );
        assert_eq!(of(|m, _| m.truncation_rate = 0.6), [Warning::Truncation]);
        assert_eq!(
            of(|m, _| m.skipped = Some(Skipped::NonFinite("why".to_owned()))),
            [Warning::Skipped]
        );
    }
}
