//! Maths tasks, answer checking and evaluation statistics for language models.
//!
//! This crate needs no tensor library: add it alone to check a maths answer.

mod check;
mod compare;
mod corpus;
mod draw;
mod evaluation_run;
mod extract;
mod nano_gsm;
mod nano_math;
mod outcome;
mod problem;
mod report;
mod sample;
mod stats;

pub use check::{Grade, MAX_DIGITS, Reason, Verdict, check, grade};
pub use compare::{CompareError, Comparison, Difference};
pub use corpus::{document, document_with_request};
pub use evaluation_run::{EvaluationError, EvaluationRun, read_evaluation, samples_path};
pub use extract::last_boxed;
pub use outcome::{Breakdown, Outcome, majority};
pub use problem::{Family, Problem, Split, UnknownTask};
pub use report::{Arm, Decoding, Protocol, Report};
pub use sample::{Item, Sample, Tags};
pub use stats::{Z95, bootstrap95, mcnemar, mean, mean95, pass_at_k, wilson_interval};
