//! What the lenses found, as one page that needs no script and no network.

mod page;

use std::io;
use std::path::Path;

use serde::Serialize;
use trimtab_model::file::write_atomically;

use crate::attribution::Attribution;
use crate::changes::LayerChanges;
use crate::comparison::Comparison;
use crate::logit_lens::LensPoint;
use crate::patching::Patching;
use crate::persistence::Persistence;
use crate::projection::Projection;
use crate::trajectory::TrajectoryPoint;
use crate::vector_lens::LayerReading;

/// Everything that the page shows. What is `None` or empty is left out.
///
/// It is plain data: a program fills it with what it asked the lenses.
#[derive(Clone, Debug, Default, Serialize)]
pub struct LensReport {
    /// Name of the model.
    pub model: String,
    /// What the vectors were read from.
    pub vectors: Vec<String>,
    /// What the vectors do, by layer and reading.
    pub readings: Vec<LayerReading>,
    /// Random directions behind the p-values of the linear readings.
    pub draws: usize,
    /// Random directions behind those of the measured readings.
    pub measured_draws: usize,
    /// What becomes of the vectors in later layers.
    pub persistence: Vec<Persistence>,
    /// The training run whose vectors are followed.
    pub run: Option<String>,
    /// How they came to be.
    pub trajectory: Vec<TrajectoryPoint>,
    /// How alike several sets of vectors are.
    pub comparison: Option<ComparisonReport>,
    /// A text and what was read along it.
    pub text: Option<TextReport>,
    /// Two prompts and what carries the difference.
    pub patching: Option<PatchingReport>,
}

/// How alike several runs are.
#[derive(Clone, Debug, Serialize)]
pub struct ComparisonReport {
    /// What each was read from.
    pub names: Vec<String>,
    /// How alike the vectors are.
    pub comparison: Comparison,
    /// How alike their changes of the residual stream are. Empty if it was not measured.
    pub changes: Vec<LayerChanges>,
    /// Mean `KL(row || column)` of the next token in nats. The first row and column are the base.
    /// Empty if it was not measured.
    pub kl: Vec<Vec<f64>>,
}

/// What was read along a text.
#[derive(Clone, Debug, Default, Serialize)]
pub struct TextReport {
    /// The text of each token.
    pub tokens: Vec<String>,
    /// Whether the vectors acted on the run.
    pub steered: bool,
    /// Whether the points were read through a tuned lens.
    pub tuned: bool,
    /// The logit lens.
    pub points: Vec<LensPoint>,
    /// How far the text lies along the vectors.
    pub projections: Vec<Projection>,
    /// What adds to the logit of a token.
    pub attribution: Option<AttributionReport>,
}

/// What adds to the logit of a token after a text.
#[derive(Clone, Debug, Serialize)]
pub struct AttributionReport {
    /// The token.
    pub answer: String,
    /// The token whose logit is subtracted.
    pub against: Option<String>,
    /// The parts.
    pub attribution: Attribution,
}

/// What carries the difference between two prompts.
#[derive(Clone, Debug, Serialize)]
pub struct PatchingReport {
    /// The tokens of the clean prompt.
    pub clean: Vec<String>,
    /// The tokens of the corrupted prompt.
    pub corrupted: Vec<String>,
    /// The token that should follow the clean prompt.
    pub answer: String,
    /// The token that should follow the corrupted prompt.
    pub against: String,
    /// The patches.
    pub patching: Patching,
}

impl LensReport {
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
