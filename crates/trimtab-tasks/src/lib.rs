//! Maths tasks, answer checking and evaluation statistics for language models.
//!
//! This crate needs no tensor library: add it alone to check a maths answer.

mod check;
mod contamination;
mod corpus;
mod dataset;
mod draw;
mod extract;
mod nano_gsm;
mod nano_math;
mod outcome;
mod problem;
mod problems;
mod procedural;
mod prompt;
mod select;
mod stats;
mod stream;
mod task;
mod verifier;

pub use check::{Grade, MAX_DIGITS, Reason, Verdict, check, grade};
pub use contamination::{Overlap, contamination};
pub use corpus::{document, document_with_request};
pub use dataset::{
    DATASETS, DataFile, Dataset, LoadError, Loaded, MAX_FILE_BYTES, MAX_LINE_BYTES, Malformed,
    Protocol, Purpose, RowError, UnknownDataset, content_sha256,
};
pub use extract::last_boxed;
pub use outcome::{Outcome, Scored};
pub use problem::{Family, Problem, Split, UnknownFamily};
pub use problems::Problems;
pub use procedural::{Level, NoSuchLevel, Procedure};
pub use prompt::{FewShot, Message, Prompt, Template, UnknownTemplate};
pub use select::{Filter, set_aside};
pub use stats::{Z95, mean, mean_interval, wilson_interval};
pub use stream::{Cursor, Stream, StreamError};
pub use task::{Source, Task, UnknownTask};
pub use verifier::Verifier;
