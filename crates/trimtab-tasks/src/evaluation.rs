//! Evaluations: graded completions, their figures, and the files that hold both.

mod comparison;
mod fixed_overlap;
mod item;
mod outcome;
mod report;
mod run;
mod settings;

pub use comparison::{Comparison, ComparisonError, Difference};
pub use fixed_overlap::FixedOverlap;
pub use item::{Item, Sample, Tags};
pub use outcome::{Breakdown, Outcome, majority};
pub use report::{Arm, ArmVectors, Decoding, Protocol, Report};
pub use run::{EvaluationError, EvaluationRun, compare_evaluations, read_evaluation, samples_path};
pub use settings::EvaluationSettings;
