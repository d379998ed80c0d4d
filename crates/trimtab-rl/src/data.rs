//! The problems of a run: a stream to train on, and validation problems.

use trimtab_model::Pretrained;
use trimtab_tasks::dataset::DatasetError;
use trimtab_tasks::filter::hold_out;
use trimtab_tasks::stream::{Cursor, StreamError};
use trimtab_tasks::{Item, Problem, ProblemSource, ProblemStream, Split};

use crate::recipe::Recipe;
use crate::rollout::{RolloutError, prompt_item};

/// The problems of a run.
#[derive(Clone, Debug)]
pub(crate) struct Data {
    pub(crate) stream: ProblemStream,
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
        let all = problems(TRAINING_STREAM)?;
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
            stream: ProblemStream::new(recipe.seed, vec![(train, 1)])?,
            validation,
        })
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
            .map(|problem| prompt_item(base, &template, &problem))
            .collect()
    }
}
