//! What a person sees of a run: TensorBoard files, a page of curves, warnings.

mod events;
mod page;
mod warnings;

pub(crate) use events::{EVENTS, Events};
pub(crate) use page::page;
pub use warnings::{Warning, warnings};
