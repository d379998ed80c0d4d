//! Problems with gold answers, and their splits.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use trimtab_grader::{Grade, Rules, Verifier};

/// A question with its gold answer.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Problem {
    /// The origin of the problem, such as `nano-gsm/held-out/0/17`.
    pub id: String,
    /// The question as a person would read it.
    pub question: String,
    /// The gold answer, in a form that the grader reads.
    pub answer: String,
    /// The worked solution, step by step: equations such as `8+5=13`, or lines of text. Empty if
    /// none is known.
    #[serde(default)]
    pub steps: Vec<String>,
    /// Properties such as `level`, `subject` or `template`, for breakdowns and filters.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// Which answers are right.
    #[serde(default, skip_serializing_if = "Verifier::is_default")]
    pub verifier: Verifier,
}

impl Problem {
    /// The prompt of the bundled model: `Problem: {question}\nAnswer:`.
    pub fn prompt(&self) -> String {
        format!("Problem: {}\nAnswer:", self.question)
    }

    /// Finds the answer in a text by `rules`, and checks it with the problem's [`Verifier`].
    ///
    /// ```
    /// use trimtab_grader::Rules;
    /// use trimtab_tasks::{Level, ProceduralTask, Split};
    ///
    /// let problem = ProceduralTask::Countdown.problem(Level::EASIEST, Split::Train, 0, 0);
    /// let text = format!(r"I tried a few, so \boxed{{{}}}.", problem.answer);
    /// assert!(problem.grade(&text, &Rules::DEFAULT).verdict.is_correct());
    /// ```
    pub fn grade(&self, text: &str, rules: &Rules) -> Grade {
        self.verifier.grade(&self.answer, text, rules)
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

/// The split of a generated problem. Training never uses held-out problems.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Split {
    /// For pre-training and reward training.
    Train,
    /// For evaluation only.
    HeldOut,
}

impl Split {
    /// The name in ids: `train` or `held-out`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::HeldOut => "held-out",
        }
    }

    /// The split of a generated problem, by the hash of its numbers. One in sixteen is held out.
    pub(crate) fn of(signature: &str) -> Self {
        if Sha256::digest(signature.as_bytes())[0].is_multiple_of(16) {
            Self::HeldOut
        } else {
            Self::Train
        }
    }
}
