//! `report.html`: what a run did, on one page that needs no script and no network.
//!
//! A [`RunReport`] is plain data. [`Run::report`](crate::Run::report) fills it from a run folder; a
//! program adds what it knows beyond that, such as a measurement before and after, or the tokens
//! that the vectors raise. [`RunReport::to_html`] draws the page. It reads no clock, so equal
//! reports give equal bytes.

mod chart;
mod format;
mod page;

use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;
use trimtab_model::file::write_atomically;
use trimtab_tasks::Outcome;

use crate::diagnosis::Warning;
use crate::metrics::StepMetrics;
use crate::recipe::Recipe;
use crate::validation::Validation;

/// Everything that the page shows.
#[derive(Clone, Debug, Serialize)]
pub struct RunReport {
    /// The base model.
    pub base: BaseModel,
    /// Form of what is trained, such as `per_layer` or `lora`.
    pub form: String,
    /// Number of trained parameters.
    pub parameters: usize,
    /// Settings of the run.
    pub recipe: Recipe,
    /// Metrics of the steps so far, in order.
    pub metrics: Vec<StepMetrics>,
    /// Evaluations on the validation problems so far.
    pub validations: Vec<Validation>,
    /// The best of them.
    pub best: Option<BestStep>,
    /// Where what was trained is once the run has ended.
    pub result: PathBuf,
    /// What was said in the course of the run.
    pub warnings: Vec<Warning>,
    /// Accuracy before and after. The first task gives the headline; without one, training does.
    pub tasks: Vec<TaskOutcomes>,
    /// Tokens that each layer's vector raises and lowers.
    pub tokens: Vec<TokenRow>,
    /// Completions side by side.
    pub examples: Vec<Example>,
    /// Time of the whole run in seconds.
    pub wall_seconds: Option<f64>,
    /// Largest resident size of the process in bytes.
    pub peak_memory_bytes: Option<u64>,
    /// The command that repeats the run.
    pub command: Option<String>,
}

/// The step with the highest accuracy on the validation problems.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BestStep {
    /// Number of the step; 0 for the base.
    pub step: u64,
    /// Its accuracy. As the best of several it is too high by chance.
    pub accuracy: f64,
    /// What was trained up to that step. `None` for the base.
    pub result: Option<PathBuf>,
}

/// What the page says of the base model.
#[derive(Clone, Debug, Serialize)]
pub struct BaseModel {
    /// Its name.
    pub name: String,
    /// SHA-256 of its weights, in hexadecimal.
    pub sha256: String,
    /// Number of its weights.
    pub parameters: usize,
}

/// One task, measured several times on the same problems.
#[derive(Clone, Debug, Serialize)]
pub struct TaskOutcomes {
    /// Name of the task.
    pub task: String,
    /// Which problems these are, in a few words.
    pub note: String,
    /// The first measurement.
    pub before: Measured,
    /// The last measurement.
    pub after: Measured,
    /// What the result is compared with, such as vectors of the same norms in random directions.
    pub control: Option<Measured>,
}

/// A measurement with its name.
#[derive(Clone, Debug, Serialize)]
pub struct Measured {
    /// Name in charts and tables, in one or two words.
    pub label: String,
    /// What was measured.
    pub outcome: Outcome,
}

/// What one layer's vector does to the logits.
#[derive(Clone, Debug, Serialize)]
pub struct TokenRow {
    /// Index of the layer.
    pub layer: usize,
    /// Tokens whose logits it raises most, strongest first, with the change.
    pub promoted: Vec<(String, f32)>,
    /// Tokens whose logits it lowers most, strongest first, with the change.
    pub suppressed: Vec<(String, f32)>,
}

/// An earlier and a later completion, of one problem or of two.
#[derive(Clone, Debug, Serialize)]
pub struct Example {
    /// The earlier completion.
    pub before: Answer,
    /// The later completion.
    pub after: Answer,
}

/// A graded completion.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Answer {
    /// When it was sampled, such as `before` or `step 1`.
    pub label: String,
    /// The problem.
    pub question: String,
    /// The right answer.
    pub gold: String,
    /// The completion as sampled.
    pub text: String,
    /// Whether the checker accepts it.
    pub correct: bool,
}

impl RunReport {
    /// The page. Every text is escaped, since most come from a model.
    pub fn to_html(&self) -> String {
        page::render(self)
    }

    /// Writes the page to `path`, whole or not at all.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        write_atomically(path, self.to_html().as_bytes())
    }
}
