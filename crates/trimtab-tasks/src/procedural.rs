//! Procedural tasks: problems generated without end, at five levels, with verifiers.

mod base_conversion;
mod countdown;
mod linear_equations;
mod modular_arithmetic;
mod sorting;
mod symbolic_gsm;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use trimtab_grader::Verifier;

use crate::problem::{Problem, Split};
use crate::rng::Rng;

/// A procedural task.
///
/// Procedural tasks have an adjustable difficulty for tiny models. They also detect reward hacking:
/// no constant, empty box or copy of the question scores on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProceduralTask {
    /// Reach a target with given numbers. Many answers are right. Levels: 3 to 7 numbers.
    Countdown,
    /// Solve linear equations. Levels: one term, both sides, brackets with fractional solutions,
    /// two unknowns, three unknowns.
    LinearEquations,
    /// Write a number in another base. Levels: to binary, from binary, bases to 9, bases to 16,
    /// large numbers.
    BaseConversion,
    /// Compute remainders. Levels: a number, a product, a power, an inverse, two congruences.
    ModularArithmetic,
    /// Sort numbers. Levels: 4, 6, 8 with signs, 12 with decimals, 16 with decimals.
    Sorting,
    /// Solve word problems from templates. Levels: more steps, then irrelevant sentences, then
    /// large numbers.
    SymbolicGsm,
}

/// The difficulty of a generated problem, from 1 to 5.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Level(u8);

impl Level {
    /// Level 1.
    pub const EASIEST: Self = Self(1);

    /// All levels, from the easiest.
    pub const ALL: [Self; 5] = [Self(1), Self(2), Self(3), Self(4), Self(5)];

    /// The number.
    pub fn get(self) -> u8 {
        self.0
    }
}

impl TryFrom<u8> for Level {
    type Error = InvalidLevel;

    fn try_from(level: u8) -> Result<Self, InvalidLevel> {
        (1..=5)
            .contains(&level)
            .then_some(Self(level))
            .ok_or(InvalidLevel(level))
    }
}

impl From<Level> for u8 {
    fn from(level: Level) -> Self {
        level.0
    }
}

/// The level is not from 1 to 5.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no level {0}; levels go from 1 to 5")]
pub struct InvalidLevel(u8);

/// Address of these problems, which differs from those of other tasks and of the corpus. Task and
/// level are added.
const PROCEDURAL: u64 = 1 << 34;

impl ProceduralTask {
    /// All procedural tasks.
    pub const ALL: [Self; 6] = [
        Self::Countdown,
        Self::LinearEquations,
        Self::BaseConversion,
        Self::ModularArithmetic,
        Self::Sorting,
        Self::SymbolicGsm,
    ];

    /// The name in flags, files and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Countdown => "countdown",
            Self::LinearEquations => "linear-equations",
            Self::BaseConversion => "base-conversion",
            Self::ModularArithmetic => "modular-arithmetic",
            Self::Sorting => "sorting",
            Self::SymbolicGsm => "symbolic-gsm",
        }
    }

    /// Problem number `index` of a split. The same arguments always give the same problem.
    ///
    /// The hash of a problem's numbers decides its split, and one problem in sixteen is held out.
    /// So no problem is in both splits, whatever the seeds.
    ///
    /// ```
    /// use trimtab_tasks::{Level, ProceduralTask, Split};
    ///
    /// let problem = ProceduralTask::Sorting.problem(Level::EASIEST, Split::HeldOut, 0, 17);
    /// assert_eq!(problem.id, "sorting-1/held-out/0/17");
    /// ```
    pub fn problem(self, level: Level, split: Split, seed: u64, index: u64) -> Problem {
        let address = PROCEDURAL | (self as u64) << 8 | u64::from(level.0);
        let mut rng = Rng::at([seed, address, split as u64, index]);
        let generate = match self {
            Self::Countdown => countdown::generate,
            Self::LinearEquations => linear_equations::generate,
            Self::BaseConversion => base_conversion::generate,
            Self::ModularArithmetic => modular_arithmetic::generate,
            Self::Sorting => sorting::generate,
            Self::SymbolicGsm => symbolic_gsm::generate,
        };
        loop {
            let generated = generate(&mut rng, level.0);
            if Split::of(&format!("{} {}", self.name(), generated.signature)) == split {
                let (name, split) = (self.name(), split.name());
                return Problem {
                    id: format!("{name}-{}/{split}/{seed}/{index}", level.0),
                    question: generated.question,
                    answer: generated.answer,
                    steps: generated.steps,
                    tags: BTreeMap::from([
                        ("level".to_owned(), level.0.to_string()),
                        ("template".to_owned(), generated.template),
                    ]),
                    verifier: generated.verifier,
                };
            }
        }
    }
}

/// A generated problem whose split is not known yet.
struct Generated {
    /// The numbers of the problem, without names and wording.
    signature: String,
    template: String,
    question: String,
    answer: String,
    steps: Vec<String>,
    verifier: Verifier,
}

#[cfg(test)]
mod tests;
