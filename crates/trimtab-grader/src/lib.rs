//! Checks maths answers: finds the answer in a text and compares it with the gold answer.
//!
//! ```
//! use trimtab_grader::{Rules, check, grade};
//!
//! // Two answers.
//! assert!(check(r"\frac{1}{2}", "0.5", &Rules::DEFAULT).is_correct());
//!
//! // A text that contains the answer.
//! let text = r"So she has $\boxed{12}$ apples.";
//! assert!(grade("12", text, &Rules::DEFAULT).verdict.is_correct());
//! ```
//!
//! - [`check`] compares two answers and documents when they are equal.
//! - [`grade`] finds the answer in a text first.
//! - [`Rules`] are the settings of both.
//! - [`explain`] prints how a verdict comes about.
//! - [`Verifier`] accepts answers in a required form only, such as plain numbers.
//!
//! The crate is safe Rust without a tensor library and builds in seconds. Every call runs within
//! a fixed budget of time and memory, whatever the texts.
//!
//! # Features
//!
//! `serde`: serialization of [`Rules`], [`Verdict`], [`Reason`], [`Grade`],
//! [`AnswerSource`] and [`Verifier`].

// From a text to a verdict.
mod clean;
mod explain;
mod extract;
mod grader;
mod rule;
mod rules;
mod verdict;
mod verifier;

// From an answer to an expression: tokens, then a tree.
mod answer;
mod date;
mod expr;
mod identity;
mod lead;
mod lex;
mod number;
mod numeral;
mod parse;
mod prose;
mod reading;
mod spelling;
mod unit;
mod vocabulary;

// Whether two expressions are equal, and their values.
mod ball;
mod budget;
mod double_double;
mod equality;
mod evaluate;
mod rational;

pub use answer::is_understood;
pub use explain::{Explanation, explain};
pub use extract::{AnswerSource, last_boxed};
pub use grader::{check, grade, grade_answer};
pub use rule::Rule;
pub use rules::{Expected, Language, Rounding, Rules, UnknownName};
pub use verdict::{Grade, Reason, Verdict};
pub use verifier::Verifier;

/// Compiles the code of the page as a doc test.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/answer-checking.md")]
mod answer_checking_page {}

/// The examples of the README, as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
