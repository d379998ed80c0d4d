//! Evaluations of a run on problems that it does not train on, and the best step by them.

use serde::{Deserialize, Serialize};
use trimtab_tasks::Outcome;

/// Evaluations that a moving accuracy is the mean of.
const MOVING: usize = 3;

/// An evaluation on the validation problems, a line of `validation.jsonl`.
///
/// The problems are the same in every evaluation of a run.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Validation {
    /// The step after which it was made; 0 for the base.
    pub step: u64,
    /// The result.
    pub outcome: Outcome,
    /// Mean accuracy of this evaluation and up to two before it.
    pub moving_accuracy: f64,
}

impl Validation {
    /// The evaluation after `step`, which follows those `before`.
    pub(crate) fn new(step: u64, outcome: Outcome, before: &[Self]) -> Self {
        let recent = before.iter().rev().take(MOVING - 1);
        let accuracies = recent.map(|one| one.outcome.accuracy);
        let accuracies: Vec<f64> = accuracies.chain([outcome.accuracy]).collect();
        Self {
            step,
            moving_accuracy: accuracies.iter().sum::<f64>() / accuracies.len() as f64,
            outcome,
        }
    }

    /// The evaluation with the highest accuracy. Of several, it is the earliest.
    pub fn best(validations: &[Self]) -> Option<&Self> {
        validations.iter().reduce(|best, one| {
            let is_better = one.outcome.accuracy > best.outcome.accuracy;
            if is_better { one } else { best }
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An outcome with this accuracy.
    pub(crate) fn outcome(accuracy: f64) -> Outcome {
        Outcome {
            accuracy,
            ci95: [accuracy - 0.05, accuracy + 0.05],
            pass_at_k: accuracy,
            pass_at_k_ci95: [0.0, 1.0],
            maj_at_k: accuracy,
            maj_at_k_ci95: [0.0, 1.0],
            pass_curve: vec![accuracy],
            format_rate: 1.0,
            accuracy_given_format: Some(accuracy),
            undecided_rate: 0.0,
            fallback_rate: 0.0,
            truncation_rate: 0.0,
            mean_length: 25.0,
            problems: 200,
            samples: 1,
        }
    }

    /// Evaluations with these accuracies, after the steps 0, 10, 20, …
    pub(crate) fn validations(accuracies: &[f64]) -> Vec<Validation> {
        let mut made: Vec<Validation> = vec![];
        for (step, &accuracy) in (0..).step_by(10).zip(accuracies) {
            made.push(Validation::new(step, outcome(accuracy), &made));
        }
        made
    }

    #[test]
    fn the_best_is_the_earliest_of_the_highest() {
        let of = |accuracies: &[f64]| Validation::best(&validations(accuracies)).map(|it| it.step);
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[0.25, 0.2, 0.1]), Some(0));
        assert_eq!(of(&[0.25, 0.5, 0.375, 0.5]), Some(10));
    }

    #[test]
    fn the_moving_accuracy_is_that_of_three() {
        let made = validations(&[0.25, 0.5, 0.75, 1.0]);
        let moving: Vec<f64> = made.iter().map(|one| one.moving_accuracy).collect();
        assert_eq!(moving, [0.25, 0.375, 0.5, 0.75]);
    }
}
