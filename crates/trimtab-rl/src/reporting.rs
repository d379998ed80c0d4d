//! What a person sees of a run: `report.html`, TensorBoard files, warnings.

mod completions;
mod events;
mod report;
mod warnings;

pub(crate) use completions::ShownCompletions;
pub(crate) use events::{EVENTS, Events};
pub use report::{
    Answer, BaseModel, BestStep, Example, Measured, RunReport, TaskOutcomes, TokenRow,
};
pub use warnings::{Warning, warnings};
