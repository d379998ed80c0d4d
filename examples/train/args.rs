//! The flags of the program.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Parser;
use trimtab::Recipe;
use trimtab_examples::ModelArgs;

/// Trains steering vectors, LoRA or all weights with reward on a task.
#[derive(Parser)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) model: ModelArgs,
    /// Recipe in TOML. What it leaves out comes from its preset or the defaults.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Set one key of the recipe, such as `steps=60`; may be given several times.
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Seed of problems and sampling; the same as `--set seed=N`.
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// Run folder.
    #[arg(long, value_name = "DIR", default_value = "runs/train")]
    pub(crate) out: PathBuf,
    /// Instead of training, say what the run would take: prompts, tokens, time and memory. Reads no
    /// weights, so a folder without them will do, and of the hub none are fetched.
    #[arg(long, conflicts_with_all = ["layer_energy", "replay", "show"])]
    pub(crate) dry_run: bool,
    /// Speed of sampling and training together that times of the plan are computed with, as `train`
    /// prints it for each step.
    #[arg(long, value_name = "N", requires = "dry_run", value_parser = positive)]
    pub(crate) tokens_per_second: Option<f64>,
    /// Memory of the machine that is planned for, in GiB [default: what is free on this one]. Each
    /// thread takes some; RAYON_NUM_THREADS sets those of another machine.
    #[arg(long, value_name = "GIB", requires = "dry_run", value_parser = positive)]
    pub(crate) memory: Option<f64>,
    /// Instead of training, print the squared gradient norm of each layer over so many problems.
    /// It tells which layers are worth training.
    #[arg(long, value_name = "PROBLEMS", num_args = 0..=1, default_missing_value = "16")]
    pub(crate) layer_energy: Option<usize>,
    /// Instead of training, sample one completion of the run again. completions.jsonl has its
    /// step, index and sample.
    #[arg(long, value_name = "STEP:INDEX:SAMPLE", value_parser = address)]
    pub(crate) replay: Option<(u64, u64, usize)>,
    /// Show the first completion of each step.
    #[arg(long)]
    pub(crate) show: bool,
    /// Print one JSON object on standard output.
    #[arg(long)]
    pub(crate) json: bool,
}

impl Args {
    /// The recipe file with the `--set` values over it.
    pub(crate) fn recipe(&self) -> Result<Recipe> {
        let mut settings = self.set.clone();
        settings.extend(self.seed.map(|seed| format!("seed={seed}")));
        let recipe = match &self.config {
            None => Recipe::resolve("", &settings),
            Some(path) => {
                let text = std::fs::read_to_string(path);
                let text = text.with_context(|| format!("cannot read {}", path.display()))?;
                Recipe::resolve(&text, &settings)
            }
        };
        recipe.context("the recipe cannot be used; its keys are described in docs/recipe.md")
    }
}

fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number > 0.0 && number.is_finite() => Ok(number),
        _ => Err("write a number above 0".to_owned()),
    }
}

fn address(text: &str) -> Result<(u64, u64, usize), String> {
    let numbers: Result<Vec<u64>, _> = text.split(':').map(str::parse).collect();
    match numbers.as_deref() {
        Ok([step, index, sample]) if *step >= 1 => Ok((*step, *index, *sample as usize)),
        _ => Err("write STEP:INDEX:SAMPLE, as in 3:64:0; steps count from 1".to_owned()),
    }
}
