//! Trains steering vectors, or another form, by a recipe; takes up a stopped run from its folder.
//!
//!     cargo run --release --example train -- --set preset=dapo --set steps=60 --out runs/mine

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result};
use clap::Parser;
use indicatif::ProgressBar;
use trimtab::rl::reporting::Warning;
use trimtab::rl::{Group, StepMetrics};
use trimtab::{Pretrained, Recipe, Run, Trainer};
use trimtab_examples::{ModelArgs, Stop, progress, token_table};

/// Trains steering vectors, LoRA or all weights with reward on a task.
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    model: ModelArgs,
    /// Recipe in TOML; what it leaves out is as in its preset, or as by default.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Sets one key of the recipe, such as `steps=60`; may be given several times.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Seed of problems and sampling; the same as `--set seed=N`.
    #[arg(long)]
    seed: Option<u64>,
    /// Run folder.
    #[arg(long, default_value = "runs/train")]
    out: PathBuf,
    /// Instead of training, print which layers are worth it: the squared gradient norm of each over so many problems.
    #[arg(long, value_name = "PROBLEMS", num_args = 0..=1, default_missing_value = "16")]
    layer_energy: Option<usize>,
    /// Instead of training, make one completion of the run again, from its address in completions.jsonl.
    #[arg(long, value_name = "STEP:INDEX:SAMPLE", value_parser = address)]
    replay: Option<(u64, u64, usize)>,
    /// Show the first completion of each step.
    #[arg(long)]
    show: bool,
    /// Print one JSON object on standard output.
    #[arg(long)]
    json: bool,
}

/// Steps between two writings of the report.
const REPORT_EVERY: u64 = 10;

fn main() -> Result<()> {
    trimtab_hub::install();
    let args = Args::parse();
    let stop = Stop::on_ctrl_c()?;
    let recipe = recipe(&args)?;
    let base = args.model.load()?;
    if let Some(problems) = args.layer_energy {
        let energy = Trainer::new(&base, &recipe)?.layer_energy(problems)?;
        if args.json {
            println!("{}", serde_json::json!({ "layer_energy": energy }));
        } else {
            for (layer, energy) in energy.iter().enumerate() {
                println!("layer {layer:>3}  {energy:.3e}");
            }
        }
        return Ok(());
    }
    let mut run = Run::open(&args.out, &base, &recipe)?;
    for error in run.damaged() {
        eprintln!("left out: {error}");
    }
    if let Some((step, index, sample)) = args.replay {
        println!("{}", run.replay(step, index, sample)?.text);
        return Ok(());
    }
    train(&mut run, &base, &args, &stop)?;
    let (result, report) = (run.export()?, report(&run, &base, &args)?);
    if args.json {
        println!(
            "{}",
            serde_json::json!({
                "steps": run.step(), "last": run.metrics().last(), "validation": run.validations().last(),
                "vectors": result, "report": report, "out": args.out,
            })
        );
    } else {
        println!(
            "{} steps done; the result is in {}, the curves in {}",
            run.step(),
            result.display(),
            report.display()
        );
    }
    Ok(())
}

fn train(run: &mut Run, base: &Pretrained, args: &Args, stop: &Stop) -> Result<()> {
    let bar = progress("training", run.recipe().steps).with_position(run.step());
    bar.reset_eta();
    let mut told: Vec<Warning> = vec![];
    loop {
        let started = Instant::now();
        let Some(step) = run.advance()? else { break };
        bar.set_position(run.step());
        tell(&bar, &line(&step.metrics, started.elapsed().as_secs_f64()));
        let warnings = run.warnings();
        for warning in warnings.iter().filter(|warning| !told.contains(warning)) {
            bar.suspend(|| eprintln!("step {}: {}", run.step(), warning.advice()));
        }
        told = warnings;
        if args.show {
            bar.suspend(|| show(&step.groups));
        }
        if run.step().is_multiple_of(REPORT_EVERY) {
            report(run, base, args)?;
        }
        stop.check(&format!(
            "stopped after step {}; the same command goes on from here",
            run.step()
        ));
    }
    bar.finish_and_clear();
    Ok(())
}

/// Writes `report.html` of the run so far.
fn report(run: &Run, base: &Pretrained, args: &Args) -> Result<PathBuf> {
    let mut report = run.report();
    let vectors = run.trainer().vectors(&base.model.device());
    report.tokens = vectors.map_or(vec![], |vectors| token_table(base, &vectors));
    let path = args.out.join("report.html");
    report
        .write(&path)
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

/// On a terminal beside the bar, elsewhere as a line of its own.
fn tell(bar: &ProgressBar, line: &str) {
    bar.set_message(line.to_owned());
    if bar.is_hidden() {
        eprintln!("step {} {line}", bar.position());
    }
}

fn line(metrics: &StepMetrics, seconds: f64) -> String {
    let mut line = format!(
        "reward {:.2} right {:.1} % box {:.1} % length {:.1} entropy {:.3} clip {:.1} % grad {:.1e} {:.0} tokens/s",
        metrics.reward,
        100.0 * metrics.accuracy,
        100.0 * metrics.format_rate,
        metrics.mean_length,
        metrics.entropy,
        100.0 * metrics.clip_fraction,
        metrics.grad_norm,
        metrics.tokens as f64 / seconds,
    );
    if !metrics.vector_norms.is_empty() {
        let squares = metrics.vector_norms.iter().map(|norm| norm * norm);
        line += &format!(" norm {:.2}", squares.sum::<f32>().sqrt());
    }
    if let Some(kl) = metrics.kl {
        line += &format!(" kl {kl:.4}");
    }
    if let Some(reason) = &metrics.skipped {
        line += &format!(" SKIPPED: {reason}");
    }
    line
}

/// The first completion of a step.
fn show(groups: &[Group]) {
    if let Some((group, first)) = groups
        .first()
        .and_then(|one| Some((one, one.rollouts.first()?)))
    {
        eprintln!("{} ({}): {}", group.problem.id, first.score.sum, first.text);
    }
}

/// The recipe file with the `--set` values put over it.
fn recipe(args: &Args) -> Result<Recipe> {
    let text = match &args.config {
        None => String::new(),
        Some(path) => std::fs::read_to_string(path)
            .with_context(|| format!("cannot read {}", path.display()))?,
    };
    let mut settings = args.set.clone();
    settings.extend(args.seed.map(|seed| format!("seed={seed}")));
    Recipe::resolve(&text, &settings)
        .context("the recipe cannot be used; its keys are described in docs/recipe.md")
}

fn address(text: &str) -> Result<(u64, u64, usize), String> {
    let parts: Vec<&str> = text.split(':').collect();
    let [step, index, sample] = parts[..] else {
        return Err("write STEP:INDEX:SAMPLE, as in 3:64:0".to_owned());
    };
    let number = |text: &str| text.parse::<u64>().map_err(|error| error.to_string());
    let step = number(step)?;
    if step == 0 {
        return Err("steps count from 1".to_owned());
    }
    Ok((step, number(index)?, number(sample)? as usize))
}
