//! Problems of the two procedural task families, each with a worked solution and a split it belongs to.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::draw::Draw;
use crate::{nano_gsm, nano_math};

/// A question with its gold answer.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Problem {
    /// Where the problem comes from, such as `nano-gsm/held-out/17`.
    pub id: String,
    /// The question as a person would read it.
    pub question: String,
    /// The gold answer, ready for the checker.
    pub answer: String,
    /// The equations of a worked solution, in order, such as `8+5=13`.
    pub steps: Vec<String>,
}

impl Problem {
    /// The text that the model completes: `Problem: {question}\nAnswer:`.
    pub fn prompt(&self) -> String {
        format!("Problem: {}\nAnswer:", self.question)
    }
}

/// Which problems may be looked at when: training never sees a held-out one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Split {
    /// Pre-training text and reward training.
    Train,
    /// Measurement only.
    HeldOut,
}

/// The procedural task families of the bundled model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// Word problems of 2 to 5 steps.
    NanoGsm,
    /// Expressions with parentheses, powers or fractions.
    NanoMath,
}

impl Family {
    /// Both families, in the order in which reports show them.
    pub const ALL: [Self; 2] = [Self::NanoGsm, Self::NanoMath];

    /// The name used by flags, files and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::NanoGsm => "nano-gsm",
            Self::NanoMath => "nano-math",
        }
    }

    /// Problem number `index` of a split; the same numbers give the same problem for ever.
    ///
    /// A problem belongs to the split that the hash of its (template, numbers) pair says, one in sixteen being
    /// held out, and drawing goes on until one of the asked split turns up. So no pair is in both splits,
    /// whatever the seeds.
    pub fn problem(self, split: Split, seed: u64, index: u64) -> Problem {
        let mut draw = Draw::at([seed, self as u64, split as u64, index]);
        loop {
            let raw = match self {
                Self::NanoGsm => nano_gsm::draw(&mut draw),
                Self::NanoMath => nano_math::draw(&mut draw),
            };
            if split_of(&raw.signature) == split {
                let split = match split {
                    Split::Train => "train",
                    Split::HeldOut => "held-out",
                };
                return Problem {
                    id: format!("{}/{split}/{seed}/{index}", self.name()),
                    question: raw.question,
                    answer: raw.answer,
                    steps: raw.steps,
                };
            }
        }
    }
}

impl std::str::FromStr for Family {
    type Err = UnknownTask;

    fn from_str(name: &str) -> Result<Self, UnknownTask> {
        Self::ALL
            .into_iter()
            .find(|family| family.name() == name)
            .ok_or_else(|| UnknownTask(name.to_owned()))
    }
}

/// A task name that no task has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no task `{0}`; this version has nano-gsm and nano-math")]
pub struct UnknownTask(String);

/// A drawn problem before its split is known.
pub(crate) struct RawProblem {
    /// Template and numbers, without names and things: `start2 12|add0 5|…`.
    pub(crate) signature: String,
    pub(crate) question: String,
    pub(crate) answer: String,
    pub(crate) steps: Vec<String>,
}

fn split_of(signature: &str) -> Split {
    if Sha256::digest(signature.as_bytes())[0].is_multiple_of(16) {
        Split::HeldOut
    } else {
        Split::Train
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use num_rational::Rational64;

    use super::*;

    /// Value of `8+5`, `26/2`, `3^2`, `7` or `\frac{1}{4}+\frac{2}{4}`, by a second, independent reading of the text.
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
        for family in Family::ALL {
            for index in 0..2000 {
                let problem = family.problem(Split::Train, 0, index);
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
        for family in Family::ALL {
            let questions = |split| {
                (0..1500)
                    .map(|index| family.problem(split, 0, index).question)
                    .collect::<HashSet<_>>()
            };
            let (train, held_out) = (questions(Split::Train), questions(Split::HeldOut));
            assert!(train.is_disjoint(&held_out), "{}", family.name());
            assert!(train.len() > 1400, "{}: {}", family.name(), train.len());
        }
    }

    #[test]
    fn a_problem_is_its_number() {
        let problem = Family::NanoGsm.problem(Split::HeldOut, 7, 3);
        assert_eq!(problem, Family::NanoGsm.problem(Split::HeldOut, 7, 3));
        assert_ne!(problem, Family::NanoGsm.problem(Split::HeldOut, 8, 3));
        assert_eq!(problem.id, "nano-gsm/held-out/7/3");
    }
}
