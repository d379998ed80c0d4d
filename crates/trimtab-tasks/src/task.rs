//! What `--task NAME[:PATH]` means: a name that yields problems.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::dataset::{DATASETS, Dataset, LoadError, Loaded, Malformed, UsualProtocol};
use crate::problem::{Family, Split};
use crate::problems::Problems;
use crate::procedural::{Level, Procedure};
use crate::prompt::Template;

/// A source of problems, as named on a command line or in a recipe.
///
/// | text | problems |
/// |---|---|
/// | `nano-gsm`, `nano-math` | of the bundled model's families |
/// | `countdown`, `sorting:3`, … | generated, at level 1 or the one given ([`Procedure`]) |
/// | `math500:PATH` | a data set ([`Dataset`]) from a file, or from the folder that holds its files |
/// | `math500:hf://datasets/OWNER/NAME/PATH` | from a file on the Hugging Face hub, with `trimtab_hub::install` |
/// | `math500` | from its usual place on the hub, likewise |
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
    /// A family of the bundled model.
    Nano(Family),
    /// Generated problems of a level.
    Generated(Procedure, Level),
    /// A data set and where it is read from.
    Dataset(&'static Dataset, DataSource),
}

/// Where a data set is read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DataSource {
    /// A file or a folder.
    Path(PathBuf),
    /// A file on the hub, `hf://datasets/OWNER/NAME[@REVISION]/PATH`.
    Uri(String),
    /// The usual place on the hub.
    Hub,
}

impl Task {
    /// The problems of this task.
    ///
    /// `split` and `seed` choose among generated problems; a data set is one split already, and is read whole.
    ///
    /// # Errors
    ///
    /// The data set cannot be read; see [`LoadError`].
    pub fn problems(&self, split: Split, seed: u64) -> Result<Problems, LoadError> {
        match self {
            Self::Nano(family) => Ok(Problems::nano(*family, split, seed)),
            Self::Generated(procedure, level) => {
                Ok(Problems::generated(*procedure, *level, split, seed))
            }
            Self::Dataset(dataset, source) => Ok(source.load(dataset)?.into()),
        }
    }

    /// How the task is usually measured.
    pub fn protocol(&self) -> UsualProtocol {
        match self {
            Self::Nano(_) => UsualProtocol {
                template: Template::Nano,
                temperature: 1.0,
                samples: 1,
                max_new_tokens: 96,
            },
            Self::Generated(..) => UsualProtocol {
                template: Template::ZeroShot,
                temperature: 1.0,
                samples: 1,
                max_new_tokens: 1024,
            },
            Self::Dataset(dataset, _) => dataset.protocol.clone(),
        }
    }
}

impl DataSource {
    fn load(&self, dataset: &Dataset) -> Result<Loaded, LoadError> {
        match self {
            Self::Path(path) => dataset.load(path, Malformed::Refuse),
            Self::Uri(uri) => dataset.load_from_uri(uri, Malformed::Refuse),
            Self::Hub => dataset.load_from_hub(Malformed::Refuse),
        }
    }
}

impl FromStr for Task {
    type Err = UnknownTask;

    fn from_str(text: &str) -> Result<Self, UnknownTask> {
        let unknown = || UnknownTask(text.to_owned());
        let (name, place) = match text.split_once(':') {
            Some((name, place)) => (name, Some(place)),
            None => (text, None),
        };
        if let Ok(family) = name.parse() {
            return place
                .is_none()
                .then_some(Self::Nano(family))
                .ok_or_else(unknown);
        }
        if let Some(procedure) = Procedure::ALL.into_iter().find(|it| it.name() == name) {
            let level = match place {
                None => Some(Level::EASIEST),
                Some(level) => level
                    .parse()
                    .ok()
                    .and_then(|level: u8| level.try_into().ok()),
            };
            return level
                .map(|level| Self::Generated(procedure, level))
                .ok_or_else(unknown);
        }
        let dataset = Dataset::named(name).map_err(|_| unknown())?;
        let source = match place {
            None => DataSource::Hub,
            Some("") => return Err(unknown()),
            Some(uri) if uri.starts_with("hf://") => DataSource::Uri(uri.to_owned()),
            Some(path) => DataSource::Path(path.into()),
        };
        Ok(Self::Dataset(dataset, source))
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Nano(family) => f.write_str(family.name()),
            Self::Generated(procedure, level) => write!(f, "{}:{}", procedure.name(), level.get()),
            Self::Dataset(dataset, DataSource::Hub) => f.write_str(dataset.name),
            Self::Dataset(dataset, DataSource::Uri(uri)) => write!(f, "{}:{uri}", dataset.name),
            Self::Dataset(dataset, DataSource::Path(path)) => {
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

/// A text that names no task.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "there is no task `{0}`; give nano-gsm or nano-math, a generated task such as countdown:1 to countdown:5 ({generated}), \
     or a data set with its file, such as math500:PATH ({datasets})",
    generated = names(Procedure::ALL.iter().map(|procedure| procedure.name())),
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
            Some(Procedure::Sorting.problem(level, Split::HeldOut, 9, 4))
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
