//! Maths problems for language models, and the statistics of evaluations.
//!
//! ```
//! use trimtab_grader::Rules;
//! use trimtab_tasks::{Prompt, Split, Task};
//!
//! let task: Task = "countdown:2".parse()?;
//! let problem = task.problems(Split::Train, 0)?.get(0).ok_or("no problem")?;
//! let prompt = task.protocol().template.render(&problem.question);
//! assert!(matches!(prompt, Prompt::Text(_)));
//!
//! let completion = format!(r"So \boxed{{{}}}.", problem.answer); // what a model wrote
//! assert!(problem.grade(&completion, &Rules::DEFAULT).verdict.is_correct());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! - [`Task`] names a source of problems: a [`Dataset`], a [`ProceduralTask`] or a [`NanoTask`].
//! - [`ProblemSource`] has problems by number, and [`ProblemStream`] mixes sources for training.
//! - [`Template`] turns a question into a [`Prompt`].
//! - [`Sample`] is a graded completion, and [`Outcome`] has the figures of many.
//! - [`EvaluationRun`] writes samples and figures to files and continues after an interruption.
//!
//! The crate needs no tensor library. [`trimtab_grader`] checks the answers. Data sets from the
//! Hugging Face hub and in Parquet files need the crate `trimtab-hub`.

pub mod answer_cases;
pub mod contamination;
pub mod corpus;
pub mod dataset;
pub mod evaluation;
pub mod filter;
pub mod prompt;
pub mod reader;
pub mod stats;
pub mod stream;
pub mod task;

mod nano;
mod problem;
mod procedural;
mod rng;
mod source;

pub use dataset::Dataset;
pub use evaluation::{EvaluationRun, Item, Outcome, Sample};
pub use nano::NanoTask;
pub use problem::{Problem, Split};
pub use procedural::{Level, ProceduralTask};
pub use prompt::{Prompt, Template};
pub use source::ProblemSource;
pub use stream::ProblemStream;
pub use task::Task;

/// Compiles the code of the pages as doc tests.
#[cfg(doctest)]
mod pages {
    #[doc = include_str!("../../../docs/benchmarks.md")]
    mod benchmarks {}
    #[doc = include_str!("../../../docs/evaluation.md")]
    mod evaluation {}
}

/// The examples of the README, as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
