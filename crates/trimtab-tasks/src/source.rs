//! Sources of problems: lists and generators.

use std::sync::Arc;

use crate::dataset::{DataFile, LoadedDataset, content_sha256};
use crate::nano::NanoTask;
use crate::problem::{Problem, Split};
use crate::procedural::{Level, ProceduralTask};

/// Problems by number: a list, or a generator without end.
#[derive(Clone, Debug)]
pub struct ProblemSource {
    kind: Kind,
    files: Vec<DataFile>,
    skipped: usize,
}

#[derive(Clone, Debug)]
enum Kind {
    List(Arc<[Problem]>),
    Nano(NanoTask, Split, u64),
    Generated(ProceduralTask, Level, Split, u64),
}

/// How many problems of a generator the content hash covers.
const HASHED: u64 = 64;

impl ProblemSource {
    /// The problems of a task of the bundled model.
    pub fn nano(task: NanoTask, split: Split, seed: u64) -> Self {
        Kind::Nano(task, split, seed).into()
    }

    /// The problems of a procedural task at a level.
    pub fn generated(task: ProceduralTask, level: Level, split: Split, seed: u64) -> Self {
        Kind::Generated(task, level, split, seed).into()
    }

    /// Problem number `index`, or `None` at the end of a list.
    pub fn get(&self, index: u64) -> Option<Problem> {
        match &self.kind {
            Kind::List(problems) => problems.get(usize::try_from(index).ok()?).cloned(),
            Kind::Nano(task, split, seed) => Some(task.problem(*split, *seed, index)),
            Kind::Generated(task, level, split, seed) => {
                Some(task.problem(*level, *split, *seed, index))
            }
        }
    }

    /// The problems in order. A generator has no end.
    pub fn iter(&self) -> impl Iterator<Item = Problem> + '_ {
        (0..).map_while(|index| self.get(index))
    }

    /// The number of problems in a list. `None` for a generator.
    pub fn len(&self) -> Option<u64> {
        match &self.kind {
            Kind::List(problems) => Some(problems.len() as u64),
            Kind::Nano(..) | Kind::Generated(..) => None,
        }
    }

    /// Whether the source is an empty list.
    pub fn is_empty(&self) -> bool {
        self.len() == Some(0)
    }

    /// The files from which a list was read.
    pub fn files(&self) -> &[DataFile] {
        &self.files
    }

    /// How many rows of the files were skipped; see [`LoadedDataset::skipped`].
    pub fn skipped(&self) -> usize {
        self.skipped
    }

    /// [`content_sha256`] of a list, or of the first 64 problems of a generator.
    pub fn content_sha256(&self) -> String {
        match &self.kind {
            Kind::List(problems) => content_sha256(problems),
            Kind::Nano(..) | Kind::Generated(..) => {
                content_sha256(&self.iter().take(HASHED as usize).collect::<Vec<_>>())
            }
        }
    }
}

impl From<Vec<Problem>> for ProblemSource {
    fn from(problems: Vec<Problem>) -> Self {
        Kind::List(problems.into()).into()
    }
}

impl From<LoadedDataset> for ProblemSource {
    fn from(loaded: LoadedDataset) -> Self {
        Self {
            kind: Kind::List(loaded.problems.into()),
            files: loaded.files,
            skipped: loaded.skipped,
        }
    }
}

impl From<Kind> for ProblemSource {
    fn from(kind: Kind) -> Self {
        Self {
            kind,
            files: Vec::new(),
            skipped: 0,
        }
    }
}
