//! The tasks of the bundled model, generated without end and with worked solutions.

pub(crate) mod gsm;
mod math;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use trimtab_grader::Verifier;

use crate::problem::{Problem, Split};
use crate::rng::Rng;

/// A task of the bundled model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, Serialize)]
pub enum NanoTask {
    /// Word problems of 2 to 5 steps.
    #[serde(rename = "nano-gsm")]
    Gsm,
    /// Expressions with parentheses, powers or fractions.
    #[serde(rename = "nano-math")]
    Math,
}

impl NanoTask {
    /// Both tasks, in the order of reports.
    pub const ALL: [Self; 2] = [Self::Gsm, Self::Math];

    /// The name in flags, files and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gsm => "nano-gsm",
            Self::Math => "nano-math",
        }
    }

    /// Problem number `index` of a split. The same arguments always give the same problem.
    ///
    /// The hash of a problem's template and numbers decides its split, and one problem in sixteen
    /// is held out. Problems are generated until one belongs to `split`, so no problem is in both
    /// splits, whatever the seeds.
    pub fn problem(self, split: Split, seed: u64, index: u64) -> Problem {
        let mut rng = Rng::at([seed, self as u64, split as u64, index]);
        loop {
            let generated = match self {
                Self::Gsm => gsm::generate(&mut rng),
                Self::Math => math::generate(&mut rng),
            };
            if Split::of(&generated.signature) == split {
                return Problem {
                    id: format!("{}/{}/{seed}/{index}", self.name(), split.name()),
                    question: generated.question,
                    answer: generated.answer,
                    steps: generated.steps,
                    tags: BTreeMap::new(),
                    verifier: Verifier::Equal,
                };
            }
        }
    }
}

impl std::str::FromStr for NanoTask {
    type Err = UnknownNanoTask;

    fn from_str(name: &str) -> Result<Self, UnknownNanoTask> {
        Self::ALL
            .into_iter()
            .find(|task| task.name() == name)
            .ok_or_else(|| UnknownNanoTask(name.to_owned()))
    }
}

/// The name is not that of a task of the bundled model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the bundled model has no task `{0}`; give nano-gsm or nano-math")]
pub struct UnknownNanoTask(String);

/// A generated problem whose split is not known yet.
struct GeneratedProblem {
    /// Template and numbers, without names and things: `start2 12|add0 5|…`.
    signature: String,
    question: String,
    answer: String,
    steps: Vec<String>,
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use num_rational::Rational64;

    use super::*;

    /// Value of `8+5`, `26/2`, `3^2`, `7` or `\frac{1}{4}+\frac{2}{4}`, by independent code.
    fn value(text: &str) -> Rational64 {
        let whole = |digits: &str| Rational64::from(digits.parse::<i64>().expect("digits"));
        match text.find(['+', '-', '*', '/']) {
            Some(at) => {
                let (left, right) = (value(&text[..at]), value(&text[at + 1..]));
                match &text[at..=at] {
                    "+" => left + right,
                    "-" => left - right,
                    "*" => left * right,
                    _ => left / right,
                }
            }
            None => match (text.strip_prefix(r"\frac{"), text.split_once('^')) {
                (Some(fraction), _) => {
                    let (numerator, denominator) =
                        fraction.split_once("}{").expect("a fraction has two parts");
                    whole(numerator) / whole(denominator.trim_end_matches('}'))
                }
                (None, Some((base, exponent))) => {
                    whole(base).pow(exponent.parse().expect("an exponent"))
                }
                (None, None) => whole(text),
            },
        }
    }

    #[test]
    fn every_step_is_true_and_the_last_one_gives_the_answer() {
        for task in NanoTask::ALL {
            for index in 0..2000 {
                let problem = task.problem(Split::Train, 0, index);
                assert!((2..=5).contains(&problem.steps.len()), "{problem:?}");
                for step in &problem.steps {
                    let (left, right) = step.split_once('=').expect("a step is an equation");
                    assert_eq!(value(left), value(right), "{problem:?}");
                }
                let last = problem.steps.last().expect("at least two steps");
                assert!(
                    last.ends_with(&format!("={}", problem.answer)),
                    "{problem:?}"
                );
            }
        }
    }

    #[test]
    fn splits_share_no_signature_and_problems_vary() {
        for task in NanoTask::ALL {
            let questions = |split| {
                (0..1500)
                    .map(|index| task.problem(split, 0, index).question)
                    .collect::<HashSet<_>>()
            };
            let (train, held_out) = (questions(Split::Train), questions(Split::HeldOut));
            assert!(train.is_disjoint(&held_out), "{}", task.name());
            assert!(train.len() > 1400, "{}: {}", task.name(), train.len());
        }
    }

    #[test]
    fn a_problem_is_its_number() {
        let problem = NanoTask::Gsm.problem(Split::HeldOut, 7, 3);
        assert_eq!(problem, NanoTask::Gsm.problem(Split::HeldOut, 7, 3));
        assert_ne!(problem, NanoTask::Gsm.problem(Split::HeldOut, 8, 3));
        assert_eq!(problem.id, "nano-gsm/held-out/7/3");
    }
}
