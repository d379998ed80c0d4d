//! The whole story on the bundled model: measure the base, train one vector per layer, measure again, read the vectors.
//!
//!     cargo run --release --example quickstart
//!
//! Takes under five minutes on two cores. Ctrl-C stops it, the same command goes on; the result is the same to the byte.

mod report;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};
use clap::Parser;
use trimtab::model::file::write_atomically;
use trimtab::rl::StepMetrics;
use trimtab::tasks::{Decoding, Item, Sample, Split};
use trimtab::{Family, Outcome, Pretrained, Recipe, Run, SteeringVectors, evaluate, read_vectors};
use trimtab_examples_common::{DeviceArgs, Stop, bundled_model, peak_memory_bytes, progress};

use crate::report::{Answer, CurvePoint, Example, Report, TaskRow};

/// Trains steering vectors on the bundled model and shows what they do.
#[derive(Parser)]
struct Args {
    /// Folder of a Hugging Face checkpoint [default: the bundled model].
    #[arg(long, value_name = "DIR")]
    model: Option<PathBuf>,
    #[command(flatten)]
    device: DeviceArgs,
    /// Training steps [default: the recipe's].
    #[arg(long)]
    steps: Option<u64>,
    /// Seed of problems and sampling.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Run folder.
    #[arg(long, default_value = "runs/quickstart")]
    out: PathBuf,
    /// Print one JSON object on standard output.
    #[arg(long)]
    json: bool,
}

/// Held-out problems of each task.
const PROBLEMS: u64 = 500;
/// Tokens shown for each layer.
const TOP_TOKENS: usize = 8;
/// The task of the default recipe.
const TRAINED_ON: Family = Family::NanoGsm;
/// Problems shown side by side.
const EXAMPLES: usize = 8;
/// Seed of the control's directions.
const CONTROL_SEED: u64 = 1;

/// The outcome of each task.
type Outcomes = BTreeMap<Family, Outcome>;

fn main() -> Result<()> {
    let args = Args::parse();
    let started = Instant::now();
    let stop = Stop::on_ctrl_c()?;
    let mut recipe = Recipe {
        seed: args.seed,
        ..Recipe::default()
    };
    recipe.steps = args.steps.unwrap_or(recipe.steps);
    let dir = args.model.clone().unwrap_or_else(bundled_model);
    let base = args.device.load(&dir);
    let base = base.with_context(|| format!("cannot load the model {}", dir.display()))?;
    let mut run = Run::open(&args.out, &base, &recipe)?;

    let (before, base_answers) = measure(&base, None, &recipe, "base", &stop)?;
    train(&mut run, &recipe, &stop)?;
    let vectors = run.trainer().vectors(&base.model.device());
    let vectors = vectors.expect("the default form is vectors");
    let (after, steered_answers) = measure(&base, Some(&vectors), &recipe, "steered", &stop)?;
    let (control, _) = measure(
        &base,
        Some(&vectors.random_directions(CONTROL_SEED)),
        &recipe,
        "control",
        &stop,
    )?;

    let steering = run.export()?;
    let report = Report {
        steps: run.step(),
        wall_seconds: started.elapsed().as_secs_f64(),
        peak_memory_bytes: peak_memory_bytes(),
        seed: args.seed,
        base_model: base.name.clone(),
        base_sha256: base.sha256.clone(),
        parameters: vectors.vectors.dims().iter().product(),
        base_parameters: base.num_parameters,
        tasks: Family::ALL.map(|task| TaskRow {
            task,
            trained_on: task == TRAINED_ON,
            base: before[&task].clone(),
            steered: after[&task].clone(),
            control: control[&task].clone(),
        }),
        curve: curve(&run),
        norms: vectors.norms(),
        tokens: read_vectors(&base.model, &base.tokenizer, &vectors, TOP_TOKENS),
        examples: side_by_side(TRAINED_ON, recipe.seed, &base_answers, &steered_answers),
        command: command(&args),
    };
    let page = args.out.join("report.html");
    write_atomically(&page, report::render(&report)?.as_bytes())
        .with_context(|| format!("cannot write {}", page.display()))?;
    if args.json {
        let by_name = |outcomes: &Outcomes| -> serde_json::Value {
            outcomes
                .iter()
                .map(|(task, outcome)| (task.name().to_owned(), serde_json::json!(outcome)))
                .collect()
        };
        let result = serde_json::json!({
            "base": by_name(&before),
            "steered": by_name(&after),
            "control": by_name(&control),
            "steps": report.steps,
            "wall_seconds": report.wall_seconds,
            "peak_memory_bytes": report.peak_memory_bytes,
            "out": args.out,
        });
        println!("{result}");
    } else {
        summarise(&report, &page, &steering);
    }
    Ok(())
}

/// Both tasks at temperature 1 on held-out problems; the samples are those of the task trained on.
fn measure(
    base: &Pretrained,
    vectors: Option<&SteeringVectors>,
    recipe: &Recipe,
    label: &'static str,
    stop: &Stop,
) -> Result<(Outcomes, Vec<Vec<Sample>>)> {
    let hook = vectors.map(SteeringVectors::hook);
    let hook = hook.as_ref().map(|hook| hook as _);
    let decoding = Decoding {
        samples: 1,
        temperature: recipe.temperature,
        max_new_tokens: recipe.max_new_tokens,
        seed: recipe.seed,
        stop: vec![],
    };
    let bar = progress(label, PROBLEMS * Family::ALL.len() as u64);
    let (mut outcomes, mut trained_on) = (Outcomes::new(), vec![]);
    for task in Family::ALL {
        let (items, mut samples) = (Item::held_out(task, recipe.seed, PROBLEMS), vec![]);
        for batch in evaluate(base, hook, &items, &decoding, 0) {
            let batch = batch?;
            bar.inc(batch.len() as u64);
            samples.extend(batch);
            stop.check("stopped; the same command goes on from here");
        }
        outcomes.insert(
            task,
            Outcome::of(&samples).context("no problem was measured")?,
        );
        if task == TRAINED_ON {
            trained_on = samples;
        }
    }
    bar.finish_and_clear();
    Ok((outcomes, trained_on))
}

fn train(run: &mut Run, recipe: &Recipe, stop: &Stop) -> Result<()> {
    let bar = progress("training", recipe.steps).with_position(run.step());
    while let Some(metrics) = run.advance()? {
        bar.set_position(run.step());
        bar.set_message(format!("right {:.0} %", 100.0 * metrics.accuracy));
        if bar.is_hidden() && run.step().is_multiple_of(10) {
            eprintln!(
                "step {}: {:.0} % right",
                run.step(),
                100.0 * metrics.accuracy
            );
        }
        stop.check(&format!(
            "stopped after step {}; the same command goes on from here",
            run.step()
        ));
    }
    bar.finish_and_clear();
    Ok(())
}

fn curve(run: &Run) -> Vec<CurvePoint> {
    let point = |metrics: &StepMetrics| CurvePoint {
        step: metrics.step,
        accuracy: metrics.accuracy,
        mean_length: metrics.mean_length,
        grad_norm: metrics.grad_norm.into(),
    };
    run.metrics().iter().map(point).collect()
}

/// The first problems that the two models answered, whatever the answers.
fn side_by_side(
    task: Family,
    seed: u64,
    before: &[Vec<Sample>],
    after: &[Vec<Sample>],
) -> Vec<Example> {
    let answer = |samples: &[Sample]| Answer {
        text: samples[0].prediction.clone(),
        correct: samples[0].is_correct(),
    };
    let example = |(index, (before, after)): (u64, (&Vec<Sample>, &Vec<Sample>))| Example {
        question: task.problem(Split::HeldOut, seed, index).question,
        gold: before[0].gold.clone(),
        before: answer(before),
        after: answer(after),
    };
    let pairs = (0..).zip(before.iter().zip(after));
    pairs.take(EXAMPLES).map(example).collect()
}

fn command(args: &Args) -> String {
    let mut command = format!(
        "cargo run --release --example quickstart -- --seed {}",
        args.seed
    );
    if let Some(steps) = args.steps {
        command += &format!(" --steps {steps}");
    }
    if let Some(model) = &args.model {
        command += &format!(" --model {}", model.display());
    }
    command
}

fn summarise(report: &Report, page: &Path, steering: &Path) {
    println!(
        "{} numbers, trained for {} steps\n",
        report.parameters, report.steps
    );
    println!(
        "{:<10} {:>22} {:>22} {:>22}",
        "", "base", "steered", "random directions"
    );
    for row in &report.tasks {
        let share = |outcome: &Outcome| {
            let [low, high] = outcome.ci95;
            format!(
                "{:.1} % ({:.1} to {:.1})",
                100.0 * outcome.accuracy,
                100.0 * low,
                100.0 * high
            )
        };
        let shares = [&row.base, &row.steered, &row.control].map(share);
        println!(
            "{:<10} {:>22} {:>22} {:>22}",
            row.task.name(),
            shares[0],
            shares[1],
            shares[2]
        );
    }
    if let Some(last) = report.tokens.last() {
        let tokens: Vec<String> = last
            .raised
            .iter()
            .map(|effect| format!("{:?}", effect.token))
            .collect();
        println!("\nthe last layer raises {}", tokens.join(" "));
    }
    println!(
        "\nreport:  {}\nvectors: {}",
        page.display(),
        steering.display()
    );
}
