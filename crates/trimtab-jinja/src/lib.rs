//! Jinja templates as Jinja 2 renders them, within limits.
//!
//! A chat template is a program of its model's publisher. This crate runs it as
//! `transformers.utils.chat_template_utils` does: in the immutable sandbox of Jinja 3.1, with
//! `trim_blocks` and `lstrip_blocks`, the tags `break`, `continue` and `generation`, and the
//! functions `raise_exception`, `strftime_now` and `tojson`. Values behave as in Python: numbers,
//! texts, how they print and compare, and their methods.
//!
#![doc = include_str!("../README.md")]

mod ast;
mod attributes;
mod error;
mod eval;
mod filters;
mod format;
mod fuel;
mod functions;
mod json;
mod lexer;
mod methods;
mod ops;
mod parser;
mod python;
mod serial;
mod sort;
mod tests;
pub mod value;

pub use error::Error;
pub use serial::Unserializable;
pub use value::Value;

/// The text of the template `source` with `variables`, a dict. It may spend `fuel`: one unit for
/// each step, item of a list, and 32 bytes of text.
///
/// A template can nest values as deep as the fuel lasts, and dropping them needs a stack of that
/// depth: run templates of strangers in a thread with hundreds of megabytes of it.
///
/// # Errors
///
/// See [`Error`].
pub fn render(source: &str, variables: Value, fuel: u64) -> Result<String, Error> {
    let body = parser::parse(source)?;
    let variables = match variables {
        Value::Dict(variables) => (*variables).clone(),
        _ => return Err(Error::new("the variables of a template are a dict")),
    };
    eval::render(&body, variables, fuel)
}
