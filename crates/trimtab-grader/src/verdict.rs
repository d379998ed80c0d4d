//! What the grader says about an answer.

use std::fmt;
use std::ops::Range;

use crate::extract::AnswerSource;
use crate::rule::Rule;

/// The verdict on an answer.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Verdict {
    /// The answer equals the gold answer.
    Correct,
    /// The answer differs from the gold answer.
    Wrong,
    /// The checker cannot tell. If you need a yes or no, count this as a no.
    Undecided(Reason),
}

impl Verdict {
    /// Whether the answer is accepted.
    pub fn is_correct(self) -> bool {
        self == Self::Correct
    }

    /// The verdict without its reason: `correct`, `wrong` or `undecided`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Correct => "correct",
            Self::Wrong => "wrong",
            Self::Undecided(_) => "undecided",
        }
    }
}

/// Why the checker cannot tell.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Reason {
    /// The comparison would exceed its budget.
    Budget,
    /// The texts differ, and the checker cannot parse at least one of them as mathematics.
    NotUnderstood,
    /// Both answers have a unit, and the units differ.
    Units,
    /// Both answers name what they give, and the names differ.
    Names,
    /// The text does not show which value is its answer.
    UnclearValue,
    /// The available precision neither shows the values equal nor tells them apart.
    Precision,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Budget => "the comparison would cost more than its budget",
            Self::NotUnderstood => {
                "the texts differ, and at least one is of a form that is compared as text only"
            }
            Self::Units => "the answers are measured in different units",
            Self::Names => "the answers name different things",
            Self::UnclearValue => "the text does not show which value is its answer",
            Self::Precision => {
                "the values cannot be told apart or shown equal with the precision at hand"
            }
        })
    }
}

impl std::error::Error for Reason {}

/// The verdict on an answer, where it was found, and why it is equal or not.
#[derive(Clone, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
pub struct Grade {
    /// The verdict on `extracted`; [`Verdict::Wrong`] if there is none.
    pub verdict: Verdict,
    /// The rules that led to the verdict, in the order in which they applied. Empty if it is
    /// undecided.
    pub because: Vec<Rule>,
    /// The answer found in the text, if any.
    pub extracted: Option<String>,
    /// How the answer was found, if it was.
    pub source: Option<AnswerSource>,
    /// The bytes of the text that hold the answer. `None` if it was put together from parts.
    pub span: Option<Range<usize>>,
}
