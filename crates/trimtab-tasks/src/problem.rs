//! A problem, and the two task families of the bundled model with their worked solutions and splits.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::draw::Draw;
use crate::{nano_gsm, nano_math};
use trimtab_grader::Verifier;
use trimtab_grader::{Grade, Grader};

/// A question with its gold answer.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Problem {
    /// Where the problem comes from, such as `nano-gsm/held-out/17`.
    pub id: String,
    /// The question as a person would read it.
    pub question: String,
    /// The gold answer, ready for the checker.
    pub answer: String,
    /// A worked solution, in order: equations such as `8+5=13`, or lines of text; empty where none is known.
    #[serde(default)]
    pub steps: Vec<String>,
    /// What a report may be broken down by or a stream filtered on: `level`, `subject`, `template`, …
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// How an answer is told right from wrong.
    #[serde(default, skip_serializing_if = "Verifier::is_default")]
    pub verifier: Verifier,
}

impl Problem {
    /// The text that the model completes: `Problem: {question}\nAnswer:`.
    pub fn prompt(&self) -> String {
        format!("Problem: {}\nAnswer:", self.question)
    }

    /// Grades a response: finds the answer as `grader` does and gives it to the problem's [`Verifier`].
    ///
    /// ```
    /// use trimtab_grader::Grader;
    /// use trimtab_tasks::{Level, Procedure, Split};
    ///
    /// let problem = Procedure::Countdown.problem(Level::EASIEST, Split::Train, 0, 0);
    /// let response = format!(r"I tried a few, so \boxed{{{}}}.", problem.answer);
    /// assert!(problem.grade(&Grader::new(), &response).verdict.is_correct());
    /// ```
    pub fn grade(&self, grader: &Grader, text: &str) -> Grade {
        self.verifier.grade(grader, &self.answer, text)
    }

    /// The tag `level` as a number.
    pub fn level(&self) -> Option<u32> {
        self.tags.get("level")?.parse().ok()
    }

    /// The tag `subject`.
    pub fn subject(&self) -> Option<&str> {
        self.tags.get("subject").map(String::as_str)
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

impl Split {
    /// The name used in ids: `train` or `held-out`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::HeldOut => "held-out",
        }
    }
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
                return Problem {
                    id: format!("{}/{}/{seed}/{index}", self.name(), split.name()),
                    question: raw.question,
                    answer: raw.answer,
                    steps: raw.steps,
                    tags: BTreeMap::new(),
                    verifier: Verifier::Equal,
                };
            }
        }
    }
}

impl std::str::FromStr for Family {
    type Err = UnknownFamily;

    fn from_str(name: &str) -> Result<Self, UnknownFamily> {
        Self::ALL
            .into_iter()
            .find(|family| family.name() == name)
            .ok_or_else(|| UnknownFamily(name.to_owned()))
    }
}

/// A name that neither family has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no family `{0}`; there are nano-gsm and nano-math")]
pub struct UnknownFamily(String);

/// A drawn problem before its split is known.
pub(crate) struct RawProblem {
    /// Template and numbers, without names and things: `start2 12|add0 5|…`.
    pub(crate) signature: String,
    pub(crate) question: String,
    pub(crate) answer: String,
    pub(crate) steps: Vec<String>,
}

/// The split that a problem belongs to by its content: one signature in sixteen is held out.
pub(crate) fn split_of(signature: &str) -> Split {
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
