//! Measures a model on held-out problems, with or without steering vectors, or compares results.
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

use std::fmt;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use serde::Serialize;
use trimtab::model::file::write_atomically;
use trimtab::rl::evaluation::EvaluationPlan;
use trimtab::steer::steered_model::AppliedSource;
use trimtab::tasks::evaluation::{
    Arm, ArmVectors, Comparison, FixedOverlap, Report, compare_evaluations, samples_path,
};
use trimtab_examples::{
    EvaluationArgs, ModelArgs, Stop, VectorsArgs, exit_code, measure_arm, parse_flags,
    prepare_output, say,
};

/// Measures a model on a task, or compares results.
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
    /// Compare finished results of one protocol problem by problem, each with the first. With more
    /// than two, also say whether they fix the same problems. Runs no model.
    #[arg(long, num_args = 2.., value_names = ["BEFORE", "AFTER"], conflicts_with_all = [
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
    if let Some([before, others @ ..]) = args.compare.as_deref() {
        if let Some(out) = &args.out {
            let inputs = args.compare.iter().flatten();
            let inputs = inputs.flat_map(|path| [path.clone(), samples_path(path)]);
            prepare_output(out, inputs.map(|path| ("--compare", path)))?;
            let samples = samples_path(out);
            ensure!(
                !samples.exists(),
                "{} is an evaluation: {} belongs to it; give another file with --out",
                out.display(),
                samples.display()
            );
        }
        let comparisons = others
            .iter()
            .map(|after| compare_evaluations(before, after));
        let comparisons = comparisons.collect::<Result<Vec<_>, _>>()?;
        return match &comparisons[..] {
            [comparison] => finish(args, comparison),
            _ => finish(args, &Comparisons::of(others, comparisons)),
        };
    }
    print(args, &measure(args)?)
}

/// Writes a comparison to `--out` and prints it.
fn finish(args: &Args, comparison: &(impl Serialize + fmt::Display)) -> Result<()> {
    if let Some(path) = &args.out {
        let text = serde_json::to_string_pretty(comparison)? + "\n";
        write_atomically(path, text.as_bytes())
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    print(args, comparison)
}

/// Several results beside the first.
#[derive(Serialize)]
struct Comparisons {
    comparisons: Vec<Compared>,
    fixed_overlaps: Vec<Overlapping>,
}

#[derive(Serialize)]
struct Compared {
    file: PathBuf,
    #[serde(flatten)]
    comparison: Comparison,
}

#[derive(Serialize)]
struct Overlapping {
    files: [PathBuf; 2],
    #[serde(flatten)]
    overlap: FixedOverlap,
}

impl Comparisons {
    fn of(files: &[PathBuf], comparisons: Vec<Comparison>) -> Self {
        let count = files.len();
        let pairs = (0..count).flat_map(|i| (i + 1..count).map(move |j| [i, j]));
        let fixed_overlaps = pairs.map(|pair| Overlapping {
            files: pair.map(|index| files[index].clone()),
            overlap: FixedOverlap::of(&comparisons[pair[0]], &comparisons[pair[1]]),
        });
        let fixed_overlaps = fixed_overlaps.collect();
        let compared = files.iter().cloned().zip(comparisons);
        Self {
            comparisons: compared
                .map(|(file, comparison)| Compared { file, comparison })
                .collect(),
            fixed_overlaps,
        }
    }
}

impl fmt::Display for Comparisons {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Compared { file, comparison } in &self.comparisons {
            writeln!(f, "{}\n{comparison}", file.display())?;
        }
        for Overlapping { files, overlap } in &self.fixed_overlaps {
            let [one, other] = files.each_ref().map(|file| file.display());
            writeln!(f, "{one} and {other}: {overlap}")?;
        }
        Ok(())
    }
}

fn print(args: &Args, result: &(impl Serialize + fmt::Display)) -> Result<()> {
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
