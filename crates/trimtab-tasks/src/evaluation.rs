//! Evaluations: graded completions, their figures, and the files that hold both.

mod comparison;
mod item;
mod outcome;
mod report;
mod run;

pub use comparison::{Comparison, ComparisonError, Difference};
pub use item::{Item, Sample, Tags};
pub use outcome::{Breakdown, Outcome, majority};
pub use report::{Arm, Decoding, Protocol, Report};
pub use run::{EvaluationError, EvaluationRun, read_evaluation, samples_path};
