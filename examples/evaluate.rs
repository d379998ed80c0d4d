//! Measures a model on held-out problems, with or without steering vectors, or compares two
//! results.
//!
//! ```text
//! cargo run --release --example evaluate -- --out runs/base.json
//! cargo run --release --example evaluate -- --out runs/steered.json \
//!     --vectors runs/quickstart/steering.safetensors
//! cargo run --release --example evaluate -- --compare runs/base.json runs/steered.json
//! ```
//!
//! 500 problems take some seconds on two cores. The bundled model has 23 % of nano-gsm right, and
//! 95 % with the vectors of the quickstart. With `--out` the same command continues a run that was
//! stopped. docs/evaluation.md defines the figures.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use serde::Serialize;
use trimtab::model::file::write_atomically;
use trimtab::rl::evaluation::EvaluationPlan;
use trimtab::steer::steered_model::AppliedSource;
use trimtab::tasks::evaluation::{Arm, ArmVectors, Report, compare_evaluations, samples_path};
use trimtab_examples::{
    EvaluationArgs, ModelArgs, Stop, VectorsArgs, exit_code, keep_inputs, measure_arm, parse_flags,
    say,
};

/// Measures a model on a task, or compares two results.
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    evaluation: EvaluationArgs,
    #[command(flatten)]
    vectors: VectorsArgs,
    /// Result file. The completions go to NAME.samples.jsonl beside it.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Compare two finished results of one protocol problem by problem. Runs no model.
    #[arg(long, num_args = 2, value_names = ["BEFORE", "AFTER"], conflicts_with_all = [
        "model", "vectors", "force", "task", "template", "shots", "limit", "samples", "temperature",
        "max_new_tokens", "seed", "boxed_only", "no_fallback", "expected", "rounding", "no_units",
        "no_percent", "ordered", "language",
    ])]
    compare: Option<Vec<PathBuf>>,
    /// Print one JSON object on standard output instead of a table.
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    trimtab_hub::install();
    exit_code(run(&parse_flags()))
}

fn run(args: &Args) -> Result<()> {
    if let Some([before, after]) = args.compare.as_deref() {
        if let Some(out) = &args.out {
            let inputs = [before, after].into_iter();
            let inputs = inputs.flat_map(|path| [path.clone(), samples_path(path)]);
            keep_inputs(out, inputs.map(|path| ("--compare", path)))?;
        }
        let comparison = compare_evaluations(before, after)?;
        if let Some(path) = &args.out {
            let text = serde_json::to_string_pretty(&comparison)? + "\n";
            write_atomically(path, text.as_bytes())
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        return print(args, &comparison);
    }
    print(args, &measure(args)?)
}

fn print(args: &Args, result: &(impl Serialize + std::fmt::Display)) -> Result<()> {
    if args.json {
        say!("{}", serde_json::to_string(result)?)?;
    } else {
        say!("{}", result.to_string().trim_end())?;
    }
    Ok(())
}

fn vectors_of(source: &AppliedSource) -> ArmVectors {
    ArmVectors {
        file: source.file.clone(),
        sha256: source.sha256.clone(),
        strength: source.strength,
    }
}

fn measure(args: &Args) -> Result<Report> {
    let stop = Stop::on_ctrl_c()?;
    let steered = args.model.load_steered(&args.vectors, usize::MAX)?;
    let base = &steered.base;
    let plan = EvaluationPlan::new(base, base.precision, &args.evaluation.settings()?)?;
    let arm = Arm {
        model: base.name.clone(),
        model_sha256: base.sha256.clone(),
        vectors: steered.sources.iter().map(vectors_of).collect(),
        device: args.model.device.device.clone(),
        allowed_config_keys: base.allowed_config_keys.clone(),
    };
    let model = (base, steered.hook());
    Ok(measure_arm(model, &plan, arm, args.out.as_deref(), &stop)?.0)
}
