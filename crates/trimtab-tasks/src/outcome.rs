//! What a set of graded completions says about a model on a task.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::check::Grade;
use crate::stats::{Z95, mean, mean_interval, wilson_interval};

/// The figures of one model on one task.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Outcome {
    /// Share of completions with the right answer.
    pub accuracy: f64,
    /// 95 % interval of the accuracy: Wilson's for one completion of each problem; for several, which are not
    /// independent, the normal interval over the problems' own accuracies.
    pub ci95: [f64; 2],
    /// Share of problems with a right answer among their completions.
    pub pass_at_k: f64,
    /// Share of problems whose most frequent answer is right; the first seen wins a tie.
    pub maj_at_k: f64,
    /// Share of completions in which an answer was found: by [`Rule::LastBox`](crate::Rule), those with a closed box.
    pub format_rate: f64,
    /// Accuracy among the completions in which an answer was found; `None` when there is none.
    pub accuracy_given_format: Option<f64>,
    /// Share of completions that were cut at the token limit.
    pub truncation_rate: f64,
    /// Mean length of a completion in tokens.
    pub mean_length: f64,
    /// Number of problems.
    pub problems: usize,
    /// Number of completions of each problem.
    pub samples: usize,
}

/// One completion as it enters an [`Outcome`].
#[derive(Clone, Debug, PartialEq)]
pub struct Scored {
    /// What the checker says.
    pub grade: Grade,
    /// Length in tokens.
    pub length: usize,
    /// Whether the completion was cut at the token limit.
    pub truncated: bool,
}

impl Outcome {
    /// Summarises the completions of each problem; `None` unless there are some, equally many of each.
    pub fn of(problems: &[Vec<Scored>]) -> Option<Self> {
        let samples = problems.first()?.len();
        if samples == 0 || problems.iter().any(|scored| scored.len() != samples) {
            return None;
        }
        let total = (problems.len() * samples) as f64;
        let count = |wanted: &dyn Fn(&Scored) -> bool| {
            problems.iter().flatten().filter(|one| wanted(one)).count()
        };
        let correct = count(&|one| one.grade.verdict.is_correct());
        let formatted = count(&|one| one.grade.extracted.is_some());
        let own_accuracy = |scored: &Vec<Scored>| {
            scored
                .iter()
                .filter(|one| one.grade.verdict.is_correct())
                .count() as f64
                / samples as f64
        };
        let accuracies: Vec<f64> = problems.iter().map(own_accuracy).collect();
        let ci95 = match samples {
            1 => wilson_interval(correct as u64, problems.len() as u64, Z95)?,
            _ => mean_interval(&accuracies, Z95)?,
        };
        Some(Self {
            accuracy: correct as f64 / total,
            ci95,
            pass_at_k: accuracies
                .iter()
                .filter(|&&accuracy| accuracy > 0.0)
                .count() as f64
                / problems.len() as f64,
            maj_at_k: problems
                .iter()
                .filter(|scored| majority_is_right(scored))
                .count() as f64
                / problems.len() as f64,
            format_rate: formatted as f64 / total,
            accuracy_given_format: (formatted > 0).then(|| correct as f64 / formatted as f64),
            truncation_rate: count(&|one| one.truncated) as f64 / total,
            mean_length: mean(
                &problems
                    .iter()
                    .flatten()
                    .map(|one| one.length as f64)
                    .collect::<Vec<_>>(),
            )?,
            problems: problems.len(),
            samples,
        })
    }
}

fn majority_is_right(scored: &[Scored]) -> bool {
    let mut votes: BTreeMap<&str, usize> = BTreeMap::new();
    for answer in scored
        .iter()
        .filter_map(|one| one.grade.extracted.as_deref())
    {
        *votes.entry(answer).or_default() += 1;
    }
    let votes_of = |one: &&Scored| {
        one.grade
            .extracted
            .as_deref()
            .map_or(0, |answer| votes[answer])
    };
    let winner = scored.iter().rev().max_by_key(votes_of); // the last of equal maxima, so the first in order
    winner.is_some_and(|one| one.grade.verdict.is_correct())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Grader;
    use crate::extract::Rule;

    fn scored(text: &str) -> Scored {
        Scored {
            grade: Grader::new().with_rules(&[Rule::LastBox]).grade("4", text),
            length: text.len(),
            truncated: text.is_empty(),
        }
    }

    #[test]
    fn one_completion_of_each_problem() {
        let problems =
            [r"\boxed{4}", r"so \boxed{5}", "", r"\boxed{ 4 }"].map(|text| vec![scored(text)]);
        let outcome = Outcome::of(&problems).expect("four completions");
        assert_eq!(
            outcome.ci95,
            wilson_interval(2, 4, Z95).expect("four trials")
        );
        assert_eq!(
            [outcome.accuracy, outcome.pass_at_k, outcome.maj_at_k],
            [0.5; 3]
        );
        assert_eq!(
            [
                outcome.format_rate,
                outcome.truncation_rate,
                outcome.mean_length
            ],
            [0.75, 0.25, 8.0]
        );
        assert_eq!(outcome.accuracy_given_format, Some(2.0 / 3.0));
    }

    #[test]
    fn several_completions_of_each_problem() {
        let right = [r"\boxed{4}", r"\boxed{7}", r"\boxed{4}"]
            .map(scored)
            .to_vec();
        let wrong = [r"\boxed{4}", r"\boxed{7}", r"\boxed{7}"]
            .map(scored)
            .to_vec();
        let tied = ["nothing", r"\boxed{4}", r"\boxed{7}"].map(scored).to_vec();
        let none = ["", "", ""].map(scored).to_vec();
        let outcome = Outcome::of(&[right, wrong, tied, none]).expect("twelve completions");
        assert!((outcome.accuracy - 4.0 / 12.0).abs() < 1e-12);
        assert_eq!([outcome.pass_at_k, outcome.maj_at_k], [0.75, 0.5]);
        // Accuracies 2/3, 1/3, 1/3, 0 have mean 1/3 and standard error sqrt(1/18 / 4).
        let half = Z95 * (1.0_f64 / 18.0 / 4.0).sqrt();
        assert!(
            (outcome.ci95[0] - (1.0 / 3.0 - half)).abs() < 1e-9,
            "{:?}",
            outcome.ci95
        );
        assert!(
            (outcome.ci95[1] - (1.0 / 3.0 + half)).abs() < 1e-9,
            "{:?}",
            outcome.ci95
        );
    }

    #[test]
    fn nothing_has_no_outcome() {
        assert_eq!(Outcome::of(&[]), None);
        assert_eq!(Outcome::of(&[vec![]]), None);
        assert_eq!(Outcome::of(&[vec![scored("")], vec![]]), None);
        let unformatted = Outcome::of(&[vec![scored("4")]]).expect("one completion");
        assert_eq!(
            (unformatted.format_rate, unformatted.accuracy_given_format),
            (0.0, None)
        );
    }
}
