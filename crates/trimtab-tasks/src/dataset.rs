//! Data sets: where they are, what their rows look like, how they are usually measured.

mod error;
mod fields;
mod rows;
mod table;

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use self::error::{LoadError, RowError};
use self::fields::Fields;
pub use self::rows::{MAX_FILE_BYTES, MAX_LINE_BYTES};
pub use self::table::DATASETS;
use crate::problem::Problem;
use crate::prompt::Template;
use crate::reader;

/// A published data set: one split of one benchmark or training set.
///
/// What differs between data sets is data, in [`DATASETS`]; all of them are read by the same code.
///
/// ```no_run
/// use trimtab_tasks::{Dataset, Malformed};
///
/// let loaded = Dataset::named("math500")?.load("data/math500.jsonl".as_ref(), Malformed::Refuse)?;
/// assert_eq!(loaded.problems.len(), 500);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Dataset {
    /// The name used by flags, files and reports.
    pub name: &'static str,
    /// Training or measurement.
    pub purpose: Purpose,
    /// Number of rows of the published set.
    pub rows: usize,
    /// The names of its files, looked for where a path is a folder.
    pub files: &'static [&'static str],
    /// A file in the same folder whose problems do not belong to the set, told by their `unique_id`.
    pub without: Option<&'static str>,
    /// Its files on the Hugging Face hub, as `hf://datasets/OWNER/NAME/PATH`; empty where no copy is known in a layout that
    /// this crate reads.
    pub hub: &'static [&'static str],
    /// The licence of the file or its repository; `docs/benchmarks.md` says more.
    pub licence: &'static str,
    /// How it is usually measured.
    pub protocol: UsualProtocol,
    pub(crate) fields: Fields,
}

/// What a data set is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// Reward training.
    Training,
    /// Measurement only.
    Evaluation,
}

/// How a task is usually measured; a default, to be written beside the result.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct UsualProtocol {
    /// How a question is put to the model.
    pub template: Template,
    /// Sampling temperature; 0 is greedy.
    pub temperature: f32,
    /// Completions of each problem.
    pub samples: usize,
    /// Longest completion in tokens; less where the model's context ends before.
    pub max_new_tokens: usize,
}

/// What happens to a row that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// The first one is an error.
    Refuse,
    /// It is left out and counted in [`Loaded::skipped`].
    Skip,
}

/// The problems of a data set, and what they were read from.
#[derive(Debug)]
pub struct Loaded {
    /// The problems in the order of the rows.
    pub problems: Vec<Problem>,
    /// How many rows were left out: always those published with an empty gold answer, and malformed ones with
    /// [`Malformed::Skip`].
    pub skipped: usize,
    /// Why the first hundred of them were.
    pub reasons: Vec<LoadError>,
    /// The files, in the order in which they were read.
    pub files: Vec<DataFile>,
}

/// A file and its identity.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct DataFile {
    /// Where it was read from.
    pub path: PathBuf,
    /// SHA-256 of its bytes in hexadecimal.
    pub sha256: String,
}

/// Reasons that are kept; a hostile file has millions of bad rows.
const MAX_REASONS: usize = 100;

impl Dataset {
    /// The data set of this name.
    ///
    /// # Errors
    ///
    /// There is none.
    pub fn named(name: &str) -> Result<&'static Self, UnknownDataset> {
        DATASETS
            .iter()
            .find(|dataset| dataset.name == name)
            .ok_or_else(|| UnknownDataset(name.to_owned()))
    }

    /// Reads the set from a file, or from the files in a folder that have the names in [`Dataset::files`].
    ///
    /// A file is JSON Lines, one JSON array of objects, or Parquet: its first bytes say which. Parquet and the hub need
    /// the crate `trimtab-hub`.
    /// A UTF-8 byte order mark, CRLF line ends and blank lines are accepted. The rows are numbered from 0 through all
    /// files, skipped ones included, and the number is in the problem's id: `math500/17`. What the file itself calls a
    /// row is in the tag `source`.
    ///
    /// # Errors
    ///
    /// See [`LoadError`]: each names the file, and the line where there is one.
    pub fn load(&self, path: &Path, malformed: Malformed) -> Result<Loaded, LoadError> {
        if !path.is_dir() {
            return self.load_files(&[path.to_owned()], None, malformed);
        }
        let files: Vec<PathBuf> = self.files.iter().map(|file| path.join(file)).collect();
        let without = self.without.map(|file| path.join(file));
        self.load_files(&files, without.as_deref(), malformed)
    }

    /// Reads the set from the Hugging Face hub, through its local cache.
    ///
    /// The usual variables count: `HF_HOME`, `HF_HUB_CACHE`, `HF_ENDPOINT`, `HF_TOKEN`, and `HF_HUB_OFFLINE`, with
    /// which only the cache is looked at.
    ///
    /// # Errors
    ///
    /// The set has no copy on the hub that this crate can read, or the hub or the data fail; see [`LoadError`].
    pub fn load_from_hub(&self, malformed: Malformed) -> Result<Loaded, LoadError> {
        if self.hub.is_empty() {
            return Err(LoadError::NeedsPath { name: self.name });
        }
        let files: Result<Vec<PathBuf>, _> =
            self.hub.iter().map(|uri| reader::fetch(uri)).collect();
        self.load_files(&files?, None, malformed)
    }

    /// Reads the set from one file on the hub, given as `hf://datasets/OWNER/NAME[@REVISION]/PATH`.
    ///
    /// # Errors
    ///
    /// See [`Dataset::load_from_hub`].
    pub fn load_from_uri(&self, uri: &str, malformed: Malformed) -> Result<Loaded, LoadError> {
        self.load_files(&[reader::fetch(uri)?], None, malformed)
    }

    fn load_files(
        &self,
        files: &[PathBuf],
        without: Option<&Path>,
        malformed: Malformed,
    ) -> Result<Loaded, LoadError> {
        let excluded = match without {
            Some(path) => {
                let math500 = Self::named("math500").expect("the table has it");
                math500.load(path, Malformed::Refuse)?.problems
            }
            None => Vec::new(),
        };
        let excluded: HashSet<Option<&String>> = excluded
            .iter()
            .map(|problem| problem.tags.get("source"))
            .collect();
        let mut removed = 0;
        let mut loaded = Loaded {
            problems: Vec::new(),
            skipped: 0,
            reasons: Vec::new(),
            files: Vec::new(),
        };
        let mut number = 0;
        for path in files {
            let bytes = rows::read(path)?;
            loaded.files.push(DataFile {
                path: path.clone(),
                sha256: format!("{:x}", Sha256::digest(&bytes)),
            });
            rows::each(path, &bytes, &mut |line, row| {
                let id = format!("{}/{number}", self.name);
                match row.and_then(|row| self.fields.problem(id, &row)) {
                    Ok(problem) => {
                        if excluded.contains(&problem.tags.get("source")) {
                            removed += 1;
                        } else {
                            loaded.problems.push(problem);
                            number += 1;
                        }
                    }
                    Err(reason) => {
                        number += 1;
                        let skip = malformed == Malformed::Skip || reason == RowError::EmptyGold;
                        let path = path.clone();
                        let error = LoadError::Row { path, line, reason };
                        if !skip {
                            return Err(error);
                        }
                        loaded.skipped += 1;
                        if loaded.reasons.len() < MAX_REASONS {
                            loaded.reasons.push(error);
                        }
                    }
                }
                Ok(())
            })?;
        }
        if let Some(path) = without.filter(|_| removed != excluded.len()) {
            return Err(LoadError::Excluded {
                path: path.to_owned(),
                removed,
            });
        }
        if loaded.problems.is_empty() && loaded.skipped == 0 {
            let path = files.first().cloned().unwrap_or_default();
            return Err(LoadError::Empty { path });
        }
        Ok(loaded)
    }
}

/// By name; no two data sets share one.
impl PartialEq for Dataset {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Dataset {}

/// A name that no data set has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no data set `{0}`; there are {names}", names = names())]
pub struct UnknownDataset(String);

fn names() -> String {
    DATASETS
        .iter()
        .map(|dataset| dataset.name)
        .collect::<Vec<_>>()
        .join(", ")
}

/// SHA-256 in hexadecimal of what the problems say: id, question and gold answer of each, in order.
///
/// It does not depend on the file format, and changes with a filter.
pub fn content_sha256(problems: &[Problem]) -> String {
    let mut hash = Sha256::new();
    for problem in problems {
        for text in [&problem.id, &problem.question, &problem.answer] {
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text);
        }
    }
    format!("{:x}", hash.finalize())
}

#[cfg(test)]
mod tests;
