//! Measures a model on held-out problems, with or without steering vectors, or compares two results.
//!
//!     cargo run --release --example evaluate -- --samples 4 --out runs/base.json
//!     cargo run --release --example evaluate -- --samples 4 --out runs/steered.json --vectors runs/quickstart/steering.safetensors
//!     cargo run --release --example evaluate -- --compare runs/base.json runs/steered.json
//!
//! With `--out` a run that was cut goes on where it was: the same command again. docs/evaluation.md defines the figures.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use serde::Serialize;
use trimtab::model::write_atomically;
use trimtab::rl::rollout::prompt_item;
use trimtab::steer::SteeredModel;
use trimtab::tasks::evaluation::{Arm, Comparison, Decoding, Protocol, Report, read_evaluation};
use trimtab::tasks::prompt::FewShot;
use trimtab::tasks::{EvaluationRun, Item, Problem, Split, Task, Template};
use trimtab::{Pretrained, evaluate};
use trimtab_examples::{ModelArgs, Stop, progress};

/// Measures a model on a task, or compares two results.
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    model: ModelArgs,
    /// Task: nano-gsm, nano-math, a generated one (countdown, sorting:3, …) or a data set (gsm8k:FILE, math500:FILE, …);
    /// docs/benchmarks.md lists them.
    #[arg(long, value_name = "NAME[:PATH]", default_value = "nano-gsm")]
    task: Task,
    /// How a question is put: nano, plain, zero_shot, qwen_math, r1 or chat [default: as the task usually is].
    #[arg(long)]
    template: Option<Template>,
    /// Put eight worked problems of this task before each question, drawn by the seed, such as gsm8k-train:FILE.
    #[arg(long, value_name = "NAME[:PATH]", conflicts_with = "template")]
    shots: Option<Task>,
    /// What steers the model: a file of vectors, a LoRA folder of PEFT, or the folder of a tuned checkpoint.
    #[arg(long, value_name = "FILE|DIR")]
    vectors: Option<PathBuf>,
    /// Most problems that are taken, from the first on.
    #[arg(long, default_value_t = 500)]
    limit: usize,
    /// Completions of each problem [default: as the task usually is, like the next two].
    #[arg(long)]
    samples: Option<usize>,
    /// Sampling temperature; 0 is greedy.
    #[arg(long)]
    temperature: Option<f32>,
    /// Longest completion in tokens; less where the model has no room for it.
    #[arg(long)]
    max_new_tokens: Option<usize>,
    /// Seed of problems and sampling.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Result file; the completions go to NAME.samples.jsonl beside it, and a run that was cut is taken up from there.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Compare two finished results of one protocol instead, problem by problem; runs no model.
    #[arg(long, num_args = 2, value_names = ["BEFORE", "AFTER"], conflicts_with_all = [
        "model", "vectors", "task", "template", "shots", "limit", "samples", "temperature", "max_new_tokens", "seed",
    ])]
    compare: Option<Vec<PathBuf>>,
    /// Print one JSON object on standard output instead of a table.
    #[arg(long)]
    json: bool,
}

fn main() -> Result<()> {
    trimtab_hub::install();
    let args = Args::parse();
    if let Some([before, after]) = args.compare.as_deref() {
        let comparison = compare(before, after)?;
        if let Some(path) = &args.out {
            let text = serde_json::to_string_pretty(&comparison)? + "\n";
            write_atomically(path, text.as_bytes())
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        return print(&args, &comparison);
    }
    print(&args, &measure(&args)?)
}

fn print(args: &Args, result: &(impl Serialize + std::fmt::Display)) -> Result<()> {
    if args.json {
        println!("{}", serde_json::to_string(result)?);
    } else {
        print!("{result}");
    }
    Ok(())
}

fn measure(args: &Args) -> Result<Report> {
    ensure!(
        args.limit >= 1 && args.samples != Some(0),
        "--limit and --samples must be at least 1"
    );
    let stop = Stop::on_ctrl_c()?;
    let steered = args.model.load_steered(args.vectors.as_deref())?;
    let base = &steered.base;
    let (items, protocol) = protocol(args, base)?;
    let decoding = protocol.decoding.clone();
    let mut run = EvaluationRun::open(args.out.as_deref(), protocol, arm(args, &steered), &items)?;
    let first = run.samples().len();
    if first > 0 {
        eprintln!("{first} of {} problems are done already", items.len());
    }
    let bar = progress("evaluating", items.len() as u64).with_position(first as u64);
    let mut told = Instant::now();
    for batch in evaluate(base, steered.hook(), &items, &decoding, first) {
        run.append(batch?)?;
        bar.set_position(run.samples().len() as u64);
        if bar.is_hidden() && told.elapsed() > Duration::from_secs(5) {
            eprintln!("{} of {} problems", run.samples().len(), items.len());
            told = Instant::now();
        }
        stop.check(match args.out {
            Some(_) => "stopped; the same command goes on from here",
            None => "stopped; without --out nothing was written",
        });
    }
    bar.finish_and_clear();
    Ok(run.finish()?)
}

/// The problems of the task, and how they are measured.
fn protocol(args: &Args, base: &Pretrained) -> Result<(Vec<Item>, Protocol)> {
    let usual = args.task.protocol();
    let template = match (&args.template, &args.shots) {
        (Some(template), _) => template.clone(),
        (None, Some(task)) => few_shot(task, args.seed)?,
        (None, None) => usual.template,
    };
    let problems = args.task.problems(Split::HeldOut, args.seed)?;
    let items = problems
        .iter()
        .take(args.limit)
        .map(|problem| prompt_item(base, &template, &problem));
    let items = items.collect::<Result<Vec<Item>, _>>()?;
    ensure!(!items.is_empty(), "{} has no problems", args.task);
    let mut longest = 0;
    for item in &items {
        longest = longest.max(base.tokenizer.encode(&item.prompt)?.len());
    }
    let room = base.model.config.max_len().saturating_sub(longest);
    let decoding = Decoding {
        samples: args.samples.unwrap_or(usual.samples),
        temperature: args.temperature.unwrap_or(usual.temperature),
        max_new_tokens: args
            .max_new_tokens
            .unwrap_or(usual.max_new_tokens)
            .min(room),
        stop: template
            .stop()
            .iter()
            .map(|&text| text.to_owned())
            .collect(),
        seed: args.seed,
    };
    let dtype = args.model.device.precision()?.name();
    let task = args.task.to_string();
    let protocol = Protocol::new(&task, &template.pattern(), &items, decoding, dtype);
    Ok((items, protocol))
}

/// Eight worked problems before each question, as GSM8K is usually put to base models.
fn few_shot(task: &Task, seed: u64) -> Result<Template> {
    const SHOTS: usize = 8;
    const MOST: usize = 100_000; // generated problems have no end
    let problems: Vec<Problem> = task
        .problems(Split::Train, seed)?
        .iter()
        .take(MOST)
        .collect();
    let name = task.to_string();
    let name = name.split(':').next().unwrap_or(&name);
    let worked = problems.iter().filter(|problem| !problem.steps.is_empty());
    ensure!(
        worked.count() >= SHOTS,
        "{task} has no {SHOTS} worked problems"
    );
    Ok(Template::FewShot(FewShot::sample(
        name, &problems, SHOTS, seed,
    )))
}

/// What is measured.
fn arm(args: &Args, steered: &SteeredModel) -> Arm {
    Arm {
        model: steered.base.name.clone(),
        model_sha256: steered.base.sha256.clone(),
        vectors_sha256: steered.sha256.clone(),
        device: args.model.device.device.clone(),
    }
}

fn compare(before: &Path, after: &Path) -> Result<Comparison> {
    let (one, before_samples) = read_evaluation(before)?;
    let (other, after_samples) = read_evaluation(after)?;
    let differences = one.protocol.differences(&other.protocol);
    if !differences.is_empty() {
        bail!(
            "{} and {} were not measured alike; {} differs: {}",
            before.display(),
            after.display(),
            before.display(),
            differences.join(", ")
        );
    }
    Ok(Comparison::of(&before_samples, &after_samples)?)
}
