//! Published data sets: their files, their rows and how they are usually measured.

mod conversation;
mod error;
mod fields;
mod numbers;
mod rows;
mod table;
mod unshown;

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use self::error::{DatasetError, RowError};
use self::fields::Fields;
pub use self::rows::{MAX_FILE_BYTES, MAX_LINE_BYTES};
pub use self::table::DATASETS;
use crate::problem::Problem;
use crate::prompt::Template;
use crate::reader;

/// A published data set: one split of one benchmark or training set.
///
/// [`DATASETS`] describes all of them. The same code reads every data set.
///
/// ```no_run
/// use trimtab_tasks::dataset::{Dataset, MalformedRows};
///
/// let path = "data/math500.jsonl".as_ref();
/// let loaded = Dataset::named("math500")?.load(path, MalformedRows::Refuse)?;
/// assert_eq!(loaded.problems.len(), 500);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Dataset {
    /// The name in flags, files and reports.
    pub name: &'static str,
    /// What the set is for.
    pub purpose: DatasetPurpose,
    /// Number of rows of the published set.
    pub rows: usize,
    /// The names of its files in a folder.
    pub files: &'static [&'static str],
    /// A file in the same folder whose problems are excluded, by their `unique_id`.
    pub without: Option<&'static str>,
    /// Its files on the Hugging Face hub, as `hf://datasets/OWNER/NAME/PATH`. Empty if no copy in a
    /// layout that this crate reads is known.
    pub hub: &'static [&'static str],
    /// The licence of the file or its repository; see `docs/benchmarks.md`.
    pub licence: &'static str,
    /// How the set is usually measured.
    pub protocol: DefaultProtocol,
    pub(crate) fields: Fields,
}

/// What a data set is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DatasetPurpose {
    /// Reward training.
    Training,
    /// Evaluation only.
    Evaluation,
}

/// How a task is usually measured. Record these settings with the result.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct DefaultProtocol {
    /// The prompt template.
    pub template: Template,
    /// Sampling temperature; 0 is greedy.
    pub temperature: f32,
    /// Completions per problem.
    pub samples: usize,
    /// Maximum length of a completion in tokens. The model's context may limit it further.
    pub max_new_tokens: usize,
}

/// What to do with a row that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MalformedRows {
    /// Return an error.
    Refuse,
    /// Skip the row and count it in [`LoadedDataset::skipped`].
    Skip,
}

/// The problems of a data set and the files they were read from.
#[derive(Debug)]
pub struct LoadedDataset {
    /// The problems in the order of the rows.
    pub problems: Vec<Problem>,
    /// How many rows were skipped: those published with an empty gold answer and, with
    /// [`MalformedRows::Skip`], malformed ones.
    pub skipped: usize,
    /// Why the first hundred of them were skipped.
    pub reasons: Vec<DatasetError>,
    /// The files, in the order in which they were read.
    pub files: Vec<DataFile>,
}

/// A file and its hash.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct DataFile {
    /// The path of the file.
    pub path: PathBuf,
    /// SHA-256 of its bytes in hexadecimal.
    pub sha256: String,
}

/// Maximum number of reasons that are kept: a hostile file may have millions of bad rows.
const MAX_REASONS: usize = 100;

impl Dataset {
    /// The data set of this name.
    ///
    /// # Errors
    ///
    /// Fails if there is no such data set.
    pub fn named(name: &str) -> Result<&'static Self, UnknownDataset> {
        DATASETS
            .iter()
            .find(|dataset| dataset.name == name)
            .ok_or_else(|| UnknownDataset(name.to_owned()))
    }

    /// Reads the set from a file, or from its [`files`](Dataset::files) in a folder.
    ///
    /// A file is JSON Lines, one JSON array of objects, or Parquet, as its first bytes tell.
    /// Parquet needs the crate `trimtab-hub`. A UTF-8 byte order mark, CRLF line ends and blank
    /// lines are accepted.
    ///
    /// The rows of all files are numbered from 0, including skipped ones, and the number is part of
    /// the problem's id: `math500/17`. The id of the row in the file is in the tag `source`.
    ///
    /// # Errors
    ///
    /// See [`DatasetError`]. Every error names the file, and the line if there is one.
    pub fn load(
        &self,
        path: &Path,
        malformed: MalformedRows,
    ) -> Result<LoadedDataset, DatasetError> {
        if !path.is_dir() {
            return self.load_files(&[path.to_owned()], None, malformed);
        }
        let files: Vec<PathBuf> = self.files.iter().map(|file| path.join(file)).collect();
        let without = self.without.map(|file| path.join(file));
        self.load_files(&files, without.as_deref(), malformed)
    }

    /// Reads the set from the Hugging Face hub, through its local cache. This needs the crate
    /// `trimtab-hub`.
    ///
    /// Uses the variables `HF_HOME`, `HF_HUB_CACHE`, `HF_ENDPOINT` and `HF_TOKEN`. With
    /// `HF_HUB_OFFLINE`, only the cache is read.
    ///
    /// # Errors
    ///
    /// Fails if no copy of the set is known on the hub, if the download fails, or if the data
    /// cannot be read; see [`DatasetError`].
    pub fn load_from_hub(&self, malformed: MalformedRows) -> Result<LoadedDataset, DatasetError> {
        if self.hub.is_empty() {
            return Err(DatasetError::NeedsPath { name: self.name });
        }
        let files: Result<Vec<PathBuf>, _> =
            self.hub.iter().map(|uri| reader::fetch(uri)).collect();
        self.load_files(&files?, None, malformed)
    }

    /// Reads the set from one file on the hub, `hf://datasets/OWNER/NAME[@REVISION]/PATH`.
    ///
    /// # Errors
    ///
    /// See [`Dataset::load_from_hub`].
    pub fn load_from_uri(
        &self,
        uri: &str,
        malformed: MalformedRows,
    ) -> Result<LoadedDataset, DatasetError> {
        self.load_files(&[reader::fetch(uri)?], None, malformed)
    }

    fn load_files(
        &self,
        files: &[PathBuf],
        without: Option<&Path>,
        malformed: MalformedRows,
    ) -> Result<LoadedDataset, DatasetError> {
        let excluded = match without {
            Some(path) => {
                let math500 = Self::named("math500").expect("the table has it");
                math500.load(path, MalformedRows::Refuse)?.problems
            }
            None => Vec::new(),
        };
        let excluded: HashSet<Option<&String>> = excluded
            .iter()
            .map(|problem| problem.tags.get("source"))
            .collect();
        let mut removed = 0;
        let mut loaded = LoadedDataset {
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
                    Ok(problem) if excluded.contains(&problem.tags.get("source")) => removed += 1,
                    Ok(problem) => {
                        loaded.problems.push(problem);
                        number += 1;
                    }
                    Err(reason) => {
                        number += 1;
                        loaded.skip(path, line, reason, malformed)?;
                    }
                }
                Ok(())
            })?;
        }
        if let Some(path) = without.filter(|_| removed != excluded.len()) {
            return Err(DatasetError::Excluded {
                path: path.to_owned(),
                removed,
            });
        }
        if loaded.problems.is_empty() && loaded.skipped == 0 {
            let path = files.first().cloned().unwrap_or_default();
            return Err(DatasetError::Empty { path });
        }
        Ok(loaded)
    }
}

impl LoadedDataset {
    /// Counts a row that cannot be used, or fails if `malformed` refuses it.
    fn skip(
        &mut self,
        path: &Path,
        line: usize,
        reason: RowError,
        malformed: MalformedRows,
    ) -> Result<(), DatasetError> {
        let skip = malformed == MalformedRows::Skip || reason == RowError::EmptyGold;
        let path = path.to_owned();
        let error = DatasetError::Row { path, line, reason };
        if !skip {
            return Err(error);
        }
        self.skipped += 1;
        if self.reasons.len() < MAX_REASONS {
            self.reasons.push(error);
        }
        Ok(())
    }
}

/// Compares by name, since every data set has its own.
impl PartialEq for Dataset {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Dataset {}

/// The name is not that of a data set.
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

/// SHA-256 of id, question and gold answer of each problem, in order and in hexadecimal.
///
/// It does not depend on the file format, and a filter changes it.
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

#[cfg(test)]
mod layout_tests;
