//! Maths tasks and evaluation statistics for language models.

mod compare;
mod contamination;
mod corpus;
mod dataset;
mod draw;
mod evaluation_run;
mod nano_gsm;
mod nano_math;
mod outcome;
mod problem;
mod problems;
mod procedural;
mod prompt;
pub mod reader;
mod report;
mod sample;
mod select;
mod stats;
mod stream;
mod task;

pub use compare::{CompareError, Comparison, Difference};
pub use contamination::{Overlap, contamination};
pub use corpus::{document, document_with_request};
pub use dataset::{
    DATASETS, DataFile, Dataset, LoadError, Loaded, MAX_FILE_BYTES, MAX_LINE_BYTES, Malformed,
    Purpose, RowError, UnknownDataset, UsualProtocol, content_sha256,
};
pub use evaluation_run::{EvaluationError, EvaluationRun, read_evaluation, samples_path};
pub use outcome::{Breakdown, Outcome, majority};
pub use problem::{Family, Problem, Split, UnknownFamily};
pub use problems::Problems;
pub use procedural::{Level, NoSuchLevel, Procedure};
pub use prompt::{FewShot, Message, Prompt, Template, UnknownTemplate};
pub use report::{Arm, Decoding, Protocol, Report};
pub use sample::{Item, Sample, Tags};
pub use select::{Filter, set_aside};
pub use stats::{Z95, bootstrap95, mcnemar, mean, mean95, pass_at_k, wilson_interval};
pub use stream::{Cursor, Stream, StreamError};
pub use task::{DataSource, Task, UnknownTask};
