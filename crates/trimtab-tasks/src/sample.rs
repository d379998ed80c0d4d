//! What is measured: an item is a prompt with its gold answer, a sample is one graded completion of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::check::grade;
use crate::extract::last_boxed;
use crate::problem::{Family, Problem, Split};

/// Kinds of a problem that a breakdown tells apart, such as `level` -> `3`.
pub type Tags = BTreeMap<String, String>;

/// A problem as an evaluation needs it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Item {
    /// Name of the problem.
    pub id: String,
    /// The exact text that the model continues.
    pub prompt: String,
    /// The right answer.
    pub gold: String,
    /// Level, subject, template and the like.
    pub tags: Tags,
}

impl Item {
    /// The prompt template of the items of [`Item::held_out`].
    pub const TEMPLATE: &str = "Problem: {question}\nAnswer:";

    /// The first `count` held-out problems of a procedural family, tagged by the number of steps of their solution.
    pub fn held_out(family: Family, seed: u64, count: u64) -> Vec<Self> {
        (0..count)
            .map(|index| Self::from(&family.problem(Split::HeldOut, seed, index)))
            .collect()
    }
}

impl From<&Problem> for Item {
    fn from(problem: &Problem) -> Self {
        Self {
            id: problem.id.clone(),
            prompt: problem.prompt(),
            gold: problem.answer.clone(),
            tags: Tags::from([("steps".to_owned(), problem.steps.len().to_string())]),
        }
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
        let grade = grade(&item.gold, &prediction);
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
    fn prompts_follow_the_template() {
        for family in Family::ALL {
            let problem = family.problem(Split::HeldOut, 3, 5);
            let item = Item::from(&problem);
            assert_eq!(
                item.prompt,
                Item::TEMPLATE.replace("{question}", &problem.question)
            );
            assert_eq!(Item::held_out(family, 3, 6)[5], item);
        }
    }

    #[test]
    fn a_completion_is_graded_against_its_item() {
        let item = Item {
            id: "p/7".to_owned(),
            prompt: "Problem: 2+2\nAnswer:".to_owned(),
            gold: "4".to_owned(),
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
