//! The problems of a run: a stream to train on, and validation problems.

use std::collections::BTreeSet;

use trimtab_model::Pretrained;
use trimtab_tasks::dataset::DatasetError;
use trimtab_tasks::filter::{ProblemFilter, hold_out};
use trimtab_tasks::stream::{Cursor, StreamError};
use trimtab_tasks::{Item, Problem, ProblemSource, ProblemStream, Split, Task};

use crate::recipe::Recipe;
use crate::rollout::{RolloutError, prompt_item};

/// The problems of a run.
#[derive(Clone, Debug)]
pub(crate) struct Data {
    pub(crate) stream: ProblemStream,
    train_len: Option<u64>,
    validation: ProblemSource,
}

/// Why a run has no problems.
#[expect(missing_docs, reason = "the messages document the variants")]
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    #[error(transparent)]
    Load(#[from] DatasetError),
    #[error(transparent)]
    Stream(#[from] StreamError),
    #[error(
        "`filter` selects problems of a data set, and {task} generates its problems; remove it"
    )]
    FilterOfGenerated { task: Task },
    #[error("`filter` keeps none of the {count} problems of {task}; widen it")]
    FilterKeepsNone { count: u64, task: Task },
    #[error("no problem of {task} has {property}; remove `filter.{key}`")]
    FilterOfMissing {
        task: Task,
        property: &'static str,
        key: &'static str,
    },
    #[error(
        "no problem of {task} has the subject `{subject}`; there are {}", subjects.join(", ")
    )]
    UnknownSubject {
        task: Task,
        subject: String,
        subjects: Vec<String>,
    },
    #[error(
        "of {count} problems none is {part}; raise or lower validation.share, or \
         set validation.every to 0"
    )]
    NoneLeft { count: usize, part: &'static str },
}

/// Stream of generated training problems. Those of the pre-training text have small numbers.
const TRAINING_STREAM: u64 = 1 << 62;

/// Stream of generated validation problems.
const VALIDATION_STREAM: u64 = 3 << 61;

impl Data {
    pub(crate) fn load(recipe: &Recipe) -> Result<Self, DataError> {
        let problems = |stream: u64| recipe.task.problems(Split::Train, stream ^ recipe.seed);
        let all = filtered(problems(TRAINING_STREAM)?, recipe)?;
        let (train, validation) = match all.len() {
            None => (all, problems(VALIDATION_STREAM)?),
            Some(_) if recipe.validation.every == 0 => (all, ProblemSource::from(vec![])),
            Some(count) => {
                let (kept, aside) =
                    hold_out(all.iter().collect(), recipe.validation.share, recipe.seed);
                let count = count as usize;
                for (part, problems) in [("trained on", &kept), ("set aside", &aside)] {
                    if problems.is_empty() {
                        return Err(DataError::NoneLeft { count, part });
                    }
                }
                (kept.into(), aside.into())
            }
        };
        Ok(Self {
            train_len: train.len(),
            stream: ProblemStream::new(recipe.seed, vec![(train, 1)])?,
            validation,
        })
    }

    /// Number of the training problems. `None` if there is no end of them.
    pub(crate) fn len(&self) -> Option<u64> {
        self.train_len
    }

    /// The next problems with their numbers in the stream.
    pub(crate) fn take(&mut self, count: usize) -> Vec<(u64, Problem)> {
        let first: u64 = self.stream.cursor().taken.iter().sum();
        (first..).zip(self.stream.by_ref().take(count)).collect()
    }

    /// The problem with this number in the stream.
    pub(crate) fn problem(&mut self, index: u64) -> Option<Problem> {
        let cursor = Cursor {
            taken: vec![index],
            ..self.stream.cursor()
        };
        self.stream.seek(&cursor).ok()?;
        self.stream.next()
    }

    /// The validation problems with their prompts.
    pub(crate) fn validation_items(
        &self,
        base: &Pretrained,
        recipe: &Recipe,
    ) -> Result<Vec<Item>, RolloutError> {
        let template = recipe.template();
        let problems = self.validation.iter().take(recipe.validation.problems);
        problems
            .map(|problem| prompt_item(base.chat_template.as_ref(), &template, &problem))
            .collect()
    }
}

/// The problems that the recipe's filter keeps.
fn filtered(all: ProblemSource, recipe: &Recipe) -> Result<ProblemSource, DataError> {
    let filter = &recipe.filter;
    if *filter == ProblemFilter::default() {
        return Ok(all);
    }
    let task = recipe.task.clone();
    let Some(count) = all.len() else {
        return Err(DataError::FilterOfGenerated { task });
    };
    let all: Vec<Problem> = all.iter().collect();
    let subjects: BTreeSet<&str> = all.iter().filter_map(Problem::subject).collect();
    for (is_asked, is_missing, property, key) in [
        (
            filter.levels.is_some(),
            !all.iter().any(|it| it.level().is_some()),
            "a level",
            "levels",
        ),
        (
            !filter.subjects.is_empty(),
            subjects.is_empty(),
            "a subject",
            "subjects",
        ),
        (
            filter.steps.is_some(),
            all.iter().all(|it| it.steps.is_empty()),
            "steps",
            "steps",
        ),
    ] {
        if is_asked && is_missing {
            return Err(DataError::FilterOfMissing {
                task,
                property,
                key,
            });
        }
    }
    let unknown = filter
        .subjects
        .iter()
        .find(|subject| !subjects.contains(&subject[..]));
    if let Some(subject) = unknown {
        return Err(DataError::UnknownSubject {
            task,
            subject: subject.clone(),
            subjects: subjects.into_iter().map(str::to_owned).collect(),
        });
    }
    let kept: Vec<Problem> = all
        .into_iter()
        .filter(|problem| filter.keeps(problem))
        .collect();
    if kept.is_empty() {
        return Err(DataError::FilterKeepsNone { count, task });
    }
    Ok(kept.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Five problems in the layout of GSM8K, with one to five steps.
    fn data_set() -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        let row = |steps: usize| {
            let solution = "One more.\\n".repeat(steps);
            format!(r#"{{"question": "Q{steps}", "answer": "{solution}#### {steps}"}}"#)
        };
        let rows: Vec<String> = (1..=5).map(row).collect();
        std::fs::write(file.path(), rows.join("\n")).expect("a file");
        file
    }

    fn load(settings: &[String]) -> Result<Data, DataError> {
        Data::load(&Recipe::resolve("", settings).expect("a good recipe"))
    }

    #[test]
    fn a_filter_selects_what_is_trained_and_validated_on() {
        let file = data_set();
        let set = |filter: &str, every: u64| {
            [
                format!("task=gsm8k-train:{}", file.path().display()),
                format!("filter.steps={filter}"),
                format!("validation.every={every}"),
                "validation.share=0.5".to_owned(),
            ]
        };
        let answers = |data: &mut Data, count| {
            let taken = data.take(count).into_iter();
            let mut answers: Vec<String> = taken.map(|(_, problem)| problem.answer).collect();
            answers.sort();
            answers
        };
        let mut data = load(&set("[2, 3]", 0)).expect("two problems");
        assert_eq!(answers(&mut data, 4), ["2", "2", "3", "3"]);
        let mut data = load(&set("[1, 4]", 1)).expect("four problems");
        let aside = data.validation.len().expect("a list") as usize;
        let mut seen = answers(&mut data, 4 - aside);
        seen.extend(data.validation.iter().map(|problem| problem.answer));
        seen.sort();
        assert_eq!(seen, ["1", "2", "3", "4"]);

        let error = load(&set("[6, 9]", 0)).expect_err("none is left");
        assert!(matches!(error, DataError::FilterKeepsNone { count: 5, .. }));
        let settings = |filter: &str| {
            [
                format!("task=gsm8k-train:{}", file.path().display()),
                filter.to_owned(),
            ]
        };
        for (filter, part) in [
            (
                "filter.levels=[1, 2]",
                "has a level; remove `filter.levels`",
            ),
            (
                "filter.subjects=[\"Algebra\"]",
                "has a subject; remove `filter.subjects`",
            ),
        ] {
            let error = load(&settings(filter)).expect_err(filter).to_string();
            assert!(error.contains(part), "{error}");
        }
        let row =
            r#"{"problem": "Q", "solution": "\\boxed{1}", "type": "Algebra", "level": "Level 2"}"#;
        std::fs::write(file.path(), row).expect("a file");
        let of_math = |filter: &str| {
            let task = format!("task=math-train:{}", file.path().display());
            load(&[task, filter.to_owned()])
        };
        of_math("filter.subjects=[\"Algebra\"]").expect("one problem");
        let error = of_math("filter.subjects=[\"Algebra\", \"Geometri\"]").expect_err("a typo");
        let expected = "has the subject `Geometri`; there are Algebra";
        assert!(error.to_string().contains(expected), "{error}");
        let error = load(&["filter.steps=[1, 2]".to_owned()]).expect_err("generated");
        assert!(error.to_string().contains("nano-gsm"), "{error}");
    }
}
