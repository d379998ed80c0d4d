//! Problems by number, listed or generated.

use std::sync::Arc;

use crate::dataset::{DataFile, Loaded, content_sha256};
use crate::problem::{Family, Problem, Split};
use crate::procedural::{Level, Procedure};

/// Problems by number: a list, or generated without end.
#[derive(Clone, Debug)]
pub struct Problems {
    kind: Kind,
    files: Vec<DataFile>,
    skipped: usize,
}

#[derive(Clone, Debug)]
enum Kind {
    List(Arc<[Problem]>),
    Nano(Family, Split, u64),
    Generated(Procedure, Level, Split, u64),
}

/// Problems of an endless source that its content hash looks at.
const HASHED: u64 = 64;

impl Problems {
    /// The problems of a nano family.
    pub fn nano(family: Family, split: Split, seed: u64) -> Self {
        Kind::Nano(family, split, seed).into()
    }

    /// Generated problems of a level.
    pub fn generated(procedure: Procedure, level: Level, split: Split, seed: u64) -> Self {
        Kind::Generated(procedure, level, split, seed).into()
    }

    /// Problem number `index`; `None` at the end of a list.
    pub fn get(&self, index: u64) -> Option<Problem> {
        match &self.kind {
            Kind::List(problems) => problems.get(usize::try_from(index).ok()?).cloned(),
            Kind::Nano(family, split, seed) => Some(family.problem(*split, *seed, index)),
            Kind::Generated(procedure, level, split, seed) => {
                Some(procedure.problem(*level, *split, *seed, index))
            }
        }
    }

    /// The problems in order; without end where they are generated.
    pub fn iter(&self) -> impl Iterator<Item = Problem> + '_ {
        (0..).map_while(|index| self.get(index))
    }

    /// How many there are; `None` where they are generated.
    pub fn len(&self) -> Option<u64> {
        match &self.kind {
            Kind::List(problems) => Some(problems.len() as u64),
            Kind::Nano(..) | Kind::Generated(..) => None,
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == Some(0)
    }

    /// The files that they were read from; none where they are generated.
    pub fn files(&self) -> &[DataFile] {
        &self.files
    }

    /// How many rows of the files were left out; see [`Loaded::skipped`].
    pub fn skipped(&self) -> usize {
        self.skipped
    }

    /// [`content_sha256`] of a list, or of the first 64 generated problems.
    pub fn content_sha256(&self) -> String {
        match &self.kind {
            Kind::List(problems) => content_sha256(problems),
            Kind::Nano(..) | Kind::Generated(..) => {
                content_sha256(&self.iter().take(HASHED as usize).collect::<Vec<_>>())
            }
        }
    }
}

impl From<Vec<Problem>> for Problems {
    fn from(problems: Vec<Problem>) -> Self {
        Kind::List(problems.into()).into()
    }
}

impl From<Loaded> for Problems {
    fn from(loaded: Loaded) -> Self {
        Self {
            kind: Kind::List(loaded.problems.into()),
            files: loaded.files,
            skipped: loaded.skipped,
        }
    }
}

impl From<Kind> for Problems {
    fn from(kind: Kind) -> Self {
        Self {
            kind,
            files: Vec::new(),
            skipped: 0,
        }
    }
}
