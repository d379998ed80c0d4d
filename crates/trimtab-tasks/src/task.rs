//! Tasks by name: `--task NAME[:PATH]`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::dataset::{
    DATASETS, Dataset, DatasetError, DefaultProtocol, LoadedDataset, MalformedRows,
};
pub use crate::nano::UnknownNanoTask;
pub use crate::procedural::InvalidLevel;

use crate::nano::NanoTask;
use crate::problem::{Problem, Split};
use crate::procedural::{Level, ProceduralTask};
use crate::prompt::{FewShot, Template};
use crate::source::ProblemSource;

/// A task, as named on a command line or in a recipe.
///
/// | text | problems |
/// |---|---|
/// | `nano-gsm`, `nano-math` | a task of the bundled model ([`NanoTask`]) |
/// | `countdown`, `sorting:3`, … | a [`ProceduralTask`], at level 1 or the given level |
/// | `math500:PATH` | a [`Dataset`] from a file, or from the folder with its files |
/// | `math500:hf://datasets/OWNER/NAME/PATH` | a [`Dataset`] from a file on the Hugging Face hub |
/// | `math500` | a [`Dataset`] from its known place on the hub |
///
/// The hub needs the crate `trimtab-hub`.
///
/// ```
/// use trimtab_tasks::{Split, Task};
///
/// let task: Task = "countdown:2".parse()?;
/// let problems = task.problems(Split::HeldOut, 0)?;
/// for problem in problems.iter().take(3) {
///     assert_eq!(problem.level(), Some(2));
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub enum Task {
    /// A task of the bundled model.
    Nano(NanoTask),
    /// A procedural task at a level.
    Generated(ProceduralTask, Level),
    /// A data set and its location.
    Dataset(&'static Dataset, DatasetLocation),
}

/// The location of a data set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatasetLocation {
    /// A file or a folder.
    Path(PathBuf),
    /// A file on the hub, `hf://datasets/OWNER/NAME[@REVISION]/PATH`.
    Uri(String),
    /// The known place on the hub.
    Hub,
}

impl Task {
    /// The problems of this task.
    ///
    /// `split` and `seed` select generated problems. A data set is a single split and is read as a
    /// whole.
    ///
    /// # Errors
    ///
    /// Fails if the data set cannot be read; see [`DatasetError`].
    pub fn problems(&self, split: Split, seed: u64) -> Result<ProblemSource, DatasetError> {
        match self {
            Self::Nano(task) => Ok(ProblemSource::nano(*task, split, seed)),
            Self::Generated(task, level) => {
                Ok(ProblemSource::generated(*task, *level, split, seed))
            }
            Self::Dataset(dataset, source) => Ok(source.load(dataset)?.into()),
        }
    }

    /// Samples `count` worked problems to put before each question. From a generated task, the
    /// first 100,000 problems are considered.
    ///
    /// # Errors
    ///
    /// The problems cannot be loaded, or fewer are worked.
    pub fn few_shot(&self, count: usize, seed: u64) -> Result<FewShot, FewShotError> {
        const MAX_PROBLEMS: usize = 100_000;
        let problems = self.problems(Split::Train, seed)?;
        let problems: Vec<Problem> = problems.iter().take(MAX_PROBLEMS).collect();
        let task = self.to_string();
        let worked = problems.iter().filter(|problem| !problem.steps.is_empty());
        if worked.count() < count {
            return Err(FewShotError::TooFew { task, count });
        }
        let name = task.split(':').next().unwrap_or(&task);
        Ok(FewShot::sample(name, &problems, count, seed))
    }

    /// How the task is usually measured.
    pub fn protocol(&self) -> DefaultProtocol {
        match self {
            Self::Nano(_) => DefaultProtocol {
                template: Template::Nano,
                temperature: 1.0,
                samples: 1,
                max_new_tokens: 96,
            },
            Self::Generated(..) => DefaultProtocol {
                template: Template::ZeroShot,
                temperature: 1.0,
                samples: 1,
                max_new_tokens: 1024,
            },
            Self::Dataset(dataset, _) => dataset.protocol.clone(),
        }
    }
}

impl DatasetLocation {
    fn load(&self, dataset: &Dataset) -> Result<LoadedDataset, DatasetError> {
        match self {
            Self::Path(path) => dataset.load(path, MalformedRows::Refuse),
            Self::Uri(uri) => dataset.load_from_uri(uri, MalformedRows::Refuse),
            Self::Hub => dataset.load_from_hub(MalformedRows::Refuse),
        }
    }
}

/// Why worked examples cannot be taken from a task.
#[expect(missing_docs, reason = "the messages document the variants")]
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum FewShotError {
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    #[error("{task} does not have {count} worked problems")]
    TooFew { task: String, count: usize },
}

impl FromStr for Task {
    type Err = UnknownTask;

    fn from_str(text: &str) -> Result<Self, UnknownTask> {
        let unknown = || UnknownTask(text.to_owned());
        let (name, place) = match text.split_once(':') {
            Some((name, place)) => (name, Some(place)),
            None => (text, None),
        };
        if let Ok(task) = name.parse() {
            return place
                .is_none()
                .then_some(Self::Nano(task))
                .ok_or_else(unknown);
        }
        if let Some(task) = ProceduralTask::ALL.into_iter().find(|it| it.name() == name) {
            let level = match place {
                None => Some(Level::EASIEST),
                Some(level) => level
                    .parse()
                    .ok()
                    .and_then(|level: u8| level.try_into().ok()),
            };
            return level
                .map(|level| Self::Generated(task, level))
                .ok_or_else(unknown);
        }
        let dataset = Dataset::named(name).map_err(|_| unknown())?;
        let source = match place {
            None => DatasetLocation::Hub,
            Some("") => return Err(unknown()),
            Some(uri) if uri.starts_with("hf://") => DatasetLocation::Uri(uri.to_owned()),
            Some(path) => DatasetLocation::Path(path.into()),
        };
        Ok(Self::Dataset(dataset, source))
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Nano(task) => f.write_str(task.name()),
            Self::Generated(task, level) => write!(f, "{}:{}", task.name(), level.get()),
            Self::Dataset(dataset, DatasetLocation::Hub) => f.write_str(dataset.name),
            Self::Dataset(dataset, DatasetLocation::Uri(uri)) => {
                write!(f, "{}:{uri}", dataset.name)
            }
            Self::Dataset(dataset, DatasetLocation::Path(path)) => {
                write!(f, "{}:{}", dataset.name, path.display())
            }
        }
    }
}

impl TryFrom<String> for Task {
    type Error = UnknownTask;

    fn try_from(text: String) -> Result<Self, UnknownTask> {
        text.parse()
    }
}

impl From<Task> for String {
    fn from(task: Task) -> Self {
        task.to_string()
    }
}

/// The text is not the name of a task.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "there is no task `{0}`; give nano-gsm or nano-math, a generated task such as countdown:1 to \
     countdown:5 ({generated}), or a data set with its file, such as math500:PATH ({datasets})",
    generated = names(ProceduralTask::ALL.iter().map(|task| task.name())),
    datasets = names(DATASETS.iter().map(|dataset| dataset.name)),
)]
pub struct UnknownTask(String);

fn names<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_written() {
        for (text, written) in [
            ("nano-gsm", "nano-gsm"),
            ("countdown", "countdown:1"),
            ("symbolic-gsm:5", "symbolic-gsm:5"),
            ("math500", "math500"),
            ("math500:some/dir:x.jsonl", "math500:some/dir:x.jsonl"),
            ("gsm8k:hf://datasets/a/b/c", "gsm8k:hf://datasets/a/b/c"),
        ] {
            let task: Task = text.parse().expect(text);
            assert_eq!(task.to_string(), written);
            assert_eq!(written.parse(), Ok(task.clone()));
            let json = serde_json::to_string(&task).expect("a text");
            assert_eq!(serde_json::from_str::<Task>(&json).expect("a task"), task);
        }
        for bad in [
            "",
            ":",
            "nano-gsm:x",
            "countdown:0",
            "countdown:6",
            "countdown:x",
            "math500:",
            "mmlu",
        ] {
            let error = bad.parse::<Task>().expect_err(bad);
            assert!(error.to_string().contains("olympiadbench"), "{error}");
        }
    }

    #[test]
    fn generated_tasks_give_the_problems_of_their_split() {
        let task: Task = "sorting:2".parse().expect("a task");
        let problems = task.problems(Split::HeldOut, 9).expect("nothing to read");
        assert_eq!(problems.len(), None);
        let level = Level::try_from(2).expect("a level");
        assert_eq!(
            problems.get(4),
            Some(ProceduralTask::Sorting.problem(level, Split::HeldOut, 9, 4))
        );
    }

    #[test]
    fn without_a_way_to_fetch_the_hub_is_an_error_that_says_so() {
        for (name, needle) in [("gsm8k", "trimtab_hub::install"), ("svamp", "svamp:PATH")] {
            let task: Task = name.parse().expect("a task");
            let error = task.problems(Split::HeldOut, 0).expect_err("no hub");
            assert!(error.to_string().contains(needle), "{error}");
        }
    }
}
