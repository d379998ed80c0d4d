//! Maths tasks, answer checking and evaluation statistics for language models.
//!
//! This crate needs no tensor library: add it alone to check a maths answer.
//!
//! ```
//! use trimtab_tasks::{check, grade};
//!
//! assert!(check(r"\frac{1}{2}", "0.5").is_correct()); // two bare answers
//! assert!(grade("12", r"So she has $\boxed{12}$ apples.").verdict.is_correct()); // a text
//! ```

mod check;
mod corpus;
mod draw;
mod extract;
mod nano_gsm;
mod nano_math;
mod outcome;
mod problem;
mod stats;

pub use check::{Grade, Grader, Reason, Verdict, check, grade, is_understood};
pub use corpus::{document, document_with_request};
pub use extract::{Rule, Source, last_boxed};
pub use outcome::{Outcome, Scored};
pub use problem::{Family, Problem, Split, UnknownTask};
pub use stats::{Z95, mean, mean_interval, wilson_interval};
