//! Endless streams of generated problems, each with a verifier, at five levels of difficulty.

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

/// A kind of generated problem.
///
/// They serve two ends: training tiny models on something whose difficulty can be turned, and watching for reward
/// hacking, since neither a constant, an empty box nor the question repeated scores on any of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProceduralTask {
    /// Reach a target from given numbers; many answers are right. Levels: 3 to 7 numbers.
    Countdown,
    /// Solve linear equations. Levels: one term, both sides, brackets with fractional solutions, two and three unknowns.
    LinearEquations,
    /// Write a number in another base. Levels: to binary, from binary, bases to 9, bases to 16, large numbers.
    BaseConversion,
    /// Remainders. Levels: a number, a product, a power, an inverse, two congruences at once.
    ModularArithmetic,
    /// Put numbers into order. Levels: 4, 6, 8 with signs, 12 with decimals, 16 with decimals.
    Sorting,
    /// Word problems from templates. Levels: more steps, then sentences that do not matter, then large numbers.
    SymbolicGsm,
}

/// How hard a generated problem is, from 1 to 5.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Level(u8);

impl Level {
    /// Level 1.
    pub const EASIEST: Self = Self(1);

    /// All five, from the easiest.
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

/// A level outside 1 to 5.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no level {0}; levels go from 1 to 5")]
pub struct InvalidLevel(u8);

/// Address word that keeps these problems apart from the nano families and the corpus; kind and level are added.
const PROCEDURES: u64 = 1 << 34;

impl ProceduralTask {
    /// All kinds.
    pub const ALL: [Self; 6] = [
        Self::Countdown,
        Self::LinearEquations,
        Self::BaseConversion,
        Self::ModularArithmetic,
        Self::Sorting,
        Self::SymbolicGsm,
    ];

    /// The name used by flags, files and reports.
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

    /// Problem number `index` of a split; the same arguments give the same problem for ever.
    ///
    /// As for [`NanoTask::problem`](crate::NanoTask::problem), the hash of a problem's numbers decides its split, one in
    /// sixteen being held out, so no seed can mix the two.
    ///
    /// ```
    /// use trimtab_tasks::{Level, ProceduralTask, Split};
    ///
    /// let problem = ProceduralTask::Sorting.problem(Level::EASIEST, Split::HeldOut, 0, 17);
    /// assert_eq!(problem.id, "sorting-1/held-out/0/17");
    /// ```
    pub fn problem(self, level: Level, split: Split, seed: u64, index: u64) -> Problem {
        let address = PROCEDURES | (self as u64) << 8 | u64::from(level.0);
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

/// A drawn problem before its split is known.
struct Generated {
    /// What makes the problem: its numbers, without names and wording.
    signature: String,
    template: String,
    question: String,
    answer: String,
    steps: Vec<String>,
    verifier: Verifier,
}

#[cfg(test)]
mod tests;
