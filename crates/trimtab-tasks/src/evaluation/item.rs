//! What is measured: an item is a prompt with its gold answer, a sample is one graded completion of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use trimtab_grader::{Grader, Verifier, last_boxed};

use crate::nano::NanoTask;
use crate::problem::{Problem, Split};

/// Kinds of a problem that a breakdown tells apart, such as `level` -> `3`.
pub type Tags = BTreeMap<String, String>;

/// A problem as an evaluation needs it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Item {
    /// Name of the problem.
    pub id: String,
    /// The exact text that the model continues.
    pub prompt: String,
    /// Whether the prompt came out of a chat template, which writes the special tokens itself.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub chat: bool,
    /// The right answer.
    pub gold: String,
    /// How an answer is told right from wrong.
    #[serde(default, skip_serializing_if = "Verifier::is_default")]
    pub verifier: Verifier,
    /// Level, subject, template and the like.
    pub tags: Tags,
}

impl Item {
    /// A problem behind a prompt that is text.
    pub fn new(problem: &Problem, prompt: String) -> Self {
        let mut tags = problem.tags.clone();
        if !problem.steps.is_empty() {
            tags.insert("steps".to_owned(), problem.steps.len().to_string());
        }
        Self {
            id: problem.id.clone(),
            prompt,
            chat: false,
            gold: problem.answer.clone(),
            verifier: problem.verifier.clone(),
            tags,
        }
    }

    /// The first `count` held-out problems of a family of the bundled model, tagged by the number of steps of their solution.
    pub fn held_out(task: NanoTask, seed: u64, count: u64) -> Vec<Self> {
        let problems = (0..count).map(|index| task.problem(Split::HeldOut, seed, index));
        problems
            .map(|problem| Self::new(&problem, problem.prompt()))
            .collect()
    }
}

/// One graded completion: a line of the samples file, which `check_answers` can grade again.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Sample {
    /// `{problem}#{sample}`
    pub id: String,
    /// Name of the problem.
    pub problem: String,
    /// Number of the completion among those of its problem, from 0.
    pub sample: usize,
    /// The right answer.
    pub gold: String,
    /// What the checker says: `correct`, `wrong` or `undecided`.
    pub verdict: String,
    /// The answer that was judged, if one was found.
    pub extracted: Option<String>,
    /// Whether the completion has a closed box.
    pub boxed: bool,
    /// Length in tokens, the stop token included.
    pub length: usize,
    /// Whether the completion was cut at the token limit.
    pub truncated: bool,
    /// The exact text that the model continued.
    pub prompt: String,
    /// The completion.
    pub prediction: String,
    /// Tags of the problem.
    pub tags: Tags,
}

impl Sample {
    /// Grades completion number `sample` of `item`.
    pub fn graded(
        item: &Item,
        sample: usize,
        prediction: String,
        length: usize,
        truncated: bool,
    ) -> Self {
        let grade = item.verifier.grade(&Grader::new(), &item.gold, &prediction);
        Self {
            id: format!("{}#{sample}", item.id),
            problem: item.id.clone(),
            sample,
            gold: item.gold.clone(),
            verdict: grade.verdict.name().to_owned(),
            extracted: grade.extracted,
            boxed: last_boxed(&prediction).is_some(),
            length,
            truncated,
            prompt: item.prompt.clone(),
            prediction,
            tags: item.tags.clone(),
        }
    }

    /// Whether the checker accepts it.
    pub fn is_correct(&self) -> bool {
        self.verdict == "correct"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_completion_is_graded_against_its_item() {
        let item = Item {
            id: "p/7".to_owned(),
            prompt: "Problem: 2+2\nAnswer:".to_owned(),
            chat: false,
            gold: "4".to_owned(),
            verifier: Verifier::Equal,
            tags: Tags::new(),
        };
        let graded = |text: &str| {
            let sample = Sample::graded(&item, 1, text.to_owned(), 5, true);
            assert_eq!((sample.id.as_str(), sample.gold.as_str()), ("p/7#1", "4"));
            (sample.verdict.clone(), sample.extracted, sample.boxed)
        };
        let expected = |verdict: &str, extracted: Option<&str>, boxed| {
            (verdict.to_owned(), extracted.map(str::to_owned), boxed)
        };
        assert_eq!(
            graded(r"so \boxed{4.0}"),
            expected("correct", Some("4.0"), true)
        );
        assert_eq!(graded(r"so \boxed{5}"), expected("wrong", Some("5"), true));
        assert!(!graded("so 4").2);
    }
}
