//! What a person sees of a run: TensorBoard files, a report page, warnings.

mod events;
mod page;
mod warnings;

pub(crate) use events::{EVENTS, Events};
pub(crate) use page::page;
pub use warnings::{Warning, warnings};
