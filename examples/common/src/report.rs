//! The report of a run, with the tokens of its vectors.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use trimtab::lens::TokenLogit;
use trimtab::rl::reporting::TokenRow;
use trimtab::{Pretrained, Run, SteeringVectors, vector_tokens};

/// Tokens shown for each layer and direction.
const TOP: usize = 8;

/// Writes `report.html` of the run so far to its folder, and returns the path.
///
/// # Errors
///
/// The file cannot be written.
pub fn write_report(run: &Run, base: &Pretrained, folder: &Path) -> Result<PathBuf> {
    let mut report = run.report();
    let vectors = run.trainer().vectors(&base.model.device());
    report.tokens = vectors.map_or_else(Vec::new, |vectors| token_table(base, &vectors));
    let path = folder.join("report.html");
    let written = report.write(&path);
    written.with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

/// What each layer's vector does to the logits, as a report shows it.
pub fn token_table(base: &Pretrained, vectors: &SteeringVectors) -> Vec<TokenRow> {
    let row = |effects: Vec<TokenLogit>| {
        let row = effects.into_iter();
        row.map(|effect| (effect.token, effect.logit)).collect()
    };
    let readings = vector_tokens(&base.model, &base.tokenizer, vectors, TOP);
    readings
        .into_iter()
        .map(|reading| TokenRow {
            layer: reading.layer,
            promoted: row(reading.promoted),
            suppressed: row(reading.suppressed),
        })
        .collect()
}
