//! What a person sees of a run: `report.html` and TensorBoard files.

mod completions;
mod events;
mod report;

pub(crate) use completions::ShownCompletions;
pub(crate) use events::{EVENTS, Events};
pub use report::{
    Answer, BaseModel, BestStep, Example, Measured, RunReport, TaskOutcomes, TokenRow,
};
