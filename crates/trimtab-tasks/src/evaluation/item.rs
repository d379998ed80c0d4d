//! Items, which are prompts with gold answers, and samples, which are graded completions of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use trimtab_grader::{AnswerSource, Rules, Verifier, last_boxed};

use crate::nano::NanoTask;
use crate::problem::{Problem, Split};

/// Properties of a problem for breakdowns, such as `level` -> `3`.
pub type Tags = BTreeMap<String, String>;

/// A prompt with its gold answer.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Item {
    /// Name of the problem.
    pub id: String,
    /// The exact text that the model completes.
    pub prompt: String,
    /// Whether a chat template made the prompt, which then has its special tokens already.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub chat: bool,
    /// The gold answer.
    pub gold: String,
    /// Which answers are right.
    #[serde(default, skip_serializing_if = "Verifier::is_default")]
    pub verifier: Verifier,
    /// Level, subject, template and other properties.
    pub tags: Tags,
}

impl Item {
    /// The item of a problem with a text prompt.
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

    /// The first `count` held-out problems of a task of the bundled model, tagged with the number
    /// of steps of the solution.
    pub fn held_out(task: NanoTask, seed: u64, count: u64) -> Vec<Self> {
        let problems = (0..count).map(|index| task.problem(Split::HeldOut, seed, index));
        problems
            .map(|problem| Self::new(&problem, problem.prompt()))
            .collect()
    }
}

/// A graded completion, which is a line of the samples file. `check_answers` can grade it again.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Sample {
    /// `{problem}#{sample}`
    pub id: String,
    /// Name of the problem.
    pub problem: String,
    /// Number of the completion of the problem, from 0.
    pub sample: usize,
    /// The gold answer.
    pub gold: String,
    /// `correct`, `wrong` or `undecided`.
    pub verdict: String,
    /// The extracted answer, if there is one.
    pub extracted: Option<String>,
    /// Where it was found.
    pub source: Option<AnswerSource>,
    /// Whether the completion has a closed box.
    pub boxed: bool,
    /// Length in tokens, including the stop token.
    pub length: usize,
    /// Whether the completion was truncated at the token limit.
    pub truncated: bool,
    /// The exact text that the model completed.
    pub prompt: String,
    /// The completion.
    pub prediction: String,
    /// Tags of the problem.
    pub tags: Tags,
}

impl Sample {
    /// Grades completion number `sample` of `item` by `rules`.
    pub fn graded(
        item: &Item,
        sample: usize,
        prediction: String,
        length: usize,
        truncated: bool,
        rules: &Rules,
    ) -> Self {
        let grade = item.verifier.grade(&item.gold, &prediction, rules);
        Self {
            id: format!("{}#{sample}", item.id),
            problem: item.id.clone(),
            sample,
            gold: item.gold.clone(),
            verdict: grade.verdict.name().to_owned(),
            extracted: grade.extracted,
            source: grade.source,
            boxed: last_boxed(&prediction).is_some(),
            length,
            truncated,
            prompt: item.prompt.clone(),
            prediction,
            tags: item.tags.clone(),
        }
    }

    /// Whether the answer is right.
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
            let sample = Sample::graded(&item, 1, text.to_owned(), 5, true, &Rules::DEFAULT);
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
