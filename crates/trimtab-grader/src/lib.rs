//! Checks maths answers: finds the answer in a text and compares it with the gold answer.
//!
//! This crate has no other crate of trimtab among its dependencies and builds in seconds.
//!
//! ```
//! use trimtab_grader::{check, grade};
//!
//! // Two bare answers.
//! assert!(check(r"\frac{1}{2}", "0.5").is_correct());
//!
//! // A text that contains the answer.
//! assert!(grade("12", r"So she has $\boxed{12}$ apples.").verdict.is_correct());
//! ```

mod check;
mod extract;
mod verifier;

pub use check::{Grade, Grader, Reason, Verdict, check, grade, is_understood};
pub use extract::{AnswerSource, ExtractionRule, last_boxed};
pub use verifier::Verifier;

/// The examples of the README, as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
