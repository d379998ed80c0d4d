//! Where the problems of a run come from: a stream to train on and others to measure on.

use trimtab_model::Pretrained;
use trimtab_tasks::{
    Cursor, Item, LoadError, Problem, Problems, Split, Stream, StreamError, set_aside,
};

use crate::recipe::Recipe;
use crate::rollout::{RolloutError, item};

/// The problems of a run.
#[derive(Clone, Debug)]
pub(crate) struct Data {
    pub(crate) stream: Stream,
    selection: Problems,
}

/// Why a run has no problems.
#[expect(missing_docs, reason = "the messages document the variants")]
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error(transparent)]
    Stream(#[from] StreamError),
    #[error(
        "of {count} problems none is {part}; raise or lower selection.share, or set selection.every to 0"
    )]
    NoneLeft { count: usize, part: &'static str },
}

/// Keeps the problems of reward training apart from those of the pre-training text, whose seeds are small.
const TRAINING_STREAM: u64 = 1 << 62;

/// Keeps the problems that a run is watched by apart from both.
const SELECTION_STREAM: u64 = 3 << 61;

impl Data {
    pub(crate) fn of(recipe: &Recipe) -> Result<Self, DataError> {
        let problems = |stream: u64| recipe.task.problems(Split::Train, stream ^ recipe.seed);
        let all = problems(TRAINING_STREAM)?;
        let (train, selection) = match all.len() {
            None => (all, problems(SELECTION_STREAM)?),
            Some(_) if recipe.selection.every == 0 => (all, Problems::from(vec![])),
            Some(count) => {
                let (kept, aside) =
                    set_aside(all.iter().collect(), recipe.selection.share, recipe.seed);
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
            stream: Stream::new(recipe.seed, vec![(train, 1)])?,
            selection,
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

    /// The items that the run is watched by.
    pub(crate) fn selection(
        &self,
        base: &Pretrained,
        recipe: &Recipe,
    ) -> Result<Vec<Item>, RolloutError> {
        let template = recipe.template();
        let problems = self.selection.iter().take(recipe.selection.problems);
        problems
            .map(|problem| item(base, &template, &problem))
            .collect()
    }
}
