//! The flags of a strength.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use trimtab::Pretrained;
use trimtab::model::tensor_file::HostTensor;
use trimtab::steer::effect::{SweepPoint, strongest_within, sweep};
use trimtab::steer::extraction::{ContrastivePrompts, read_paragraphs};

use crate::progress;

/// Flags that say how strong vectors are.
#[derive(Args, Debug)]
pub struct StrengthArgs {
    /// Multiply the vectors by this number.
    #[arg(long, default_value_t = 1.0, conflicts_with = "strengths")]
    pub strength: f64,
    /// Try these strengths and take the largest that leaves the neutral text alone.
    #[arg(long, value_delimiter = ',', requires = "neutral")]
    pub strengths: Option<Vec<f64>>,
    /// Neutral text for --strengths, in paragraphs with an empty line between them.
    #[arg(long, value_name = "FILE", requires = "strengths")]
    pub neutral: Option<PathBuf>,
    /// By what factor the perplexity of the neutral text may grow.
    #[arg(long, default_value_t = 1.1)]
    pub max_perplexity_ratio: f64,
}

impl StrengthArgs {
    /// The strength, and how the strengths that were tried did.
    ///
    /// # Errors
    ///
    /// The neutral text cannot be used, or each strength changes it too much.
    pub fn choose(
        &self,
        base: &Pretrained,
        prompts: &ContrastivePrompts,
        vectors: &HostTensor,
    ) -> Result<(f64, Vec<SweepPoint>)> {
        let (Some(strengths), Some(neutral)) = (&self.strengths, &self.neutral) else {
            return Ok((self.strength, vec![]));
        };
        let neutral = read_paragraphs(neutral, base)?;
        let neutral: Vec<&[u32]> = neutral.iter().map(Vec::as_slice).collect();
        let texts: Vec<&[u32]> = prompts.negative.iter().map(Vec::as_slice).collect();
        let bar = progress("measuring", strengths.len() as u64);
        let points = sweep(&base.model, vectors, strengths, &texts, &neutral)?;
        let points = bar.wrap_iter(points).collect::<Result<Vec<_>, _>>()?;
        bar.finish_and_clear();
        let max_ratio = self.max_perplexity_ratio;
        let best = strongest_within(&points, max_ratio).with_context(|| {
            let lines: String = points.iter().map(|point| format!("\n{point}")).collect();
            format!(
                "no strength keeps the perplexity of the neutral text within {max_ratio} of the \
                 base:{lines}"
            )
        })?;
        Ok((best.strength, points))
    }
}
