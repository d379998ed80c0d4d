//! Measures a model on held-out problems, with or without steering vectors.
//!
//!     cargo run --release --example evaluate -- --task nano-math --vectors runs/quickstart/steering.safetensors

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use trimtab::model::write_atomically;
use trimtab::{Evaluation, Family};
use trimtab_examples::{ModelArgs, Stop, load_vectors, progress};

/// Measures a model on a task.
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    model: ModelArgs,
    /// Task: nano-gsm or nano-math.
    #[arg(long, default_value = "nano-gsm")]
    task: Family,
    /// Steering vectors.
    #[arg(long, value_name = "FILE")]
    vectors: Option<PathBuf>,
    /// Number of problems.
    #[arg(long, default_value_t = 500)]
    limit: u64,
    /// Completions of each problem.
    #[arg(long, default_value_t = 1)]
    samples: usize,
    /// Sampling temperature; 0 is greedy.
    #[arg(long, default_value_t = 1.0)]
    temperature: f32,
    /// Longest completion in tokens.
    #[arg(long, default_value_t = 96)]
    max_new_tokens: usize,
    /// Seed of problems and sampling.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Write the completions to this JSON Lines file.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print one JSON object on standard output.
    #[arg(long)]
    json: bool,
}

fn main() -> Result<()> {
    let args = Args::parse();
    ensure!(
        args.limit >= 1 && args.samples >= 1,
        "--limit and --samples must be at least 1"
    );
    let stop = Stop::on_ctrl_c()?;
    let base = args.model.load()?;
    let vectors = load_vectors(args.vectors.as_deref(), &base)?;
    let hook = vectors.as_ref().map(trimtab::SteeringVectors::hook);
    let evaluation = Evaluation {
        task: args.task,
        problems: args.limit,
        samples: args.samples,
        temperature: args.temperature,
        max_new_tokens: args.max_new_tokens,
        seed: args.seed,
    };
    let bar = progress("evaluating", args.limit);
    let hook = hook.as_ref().map(|hook| hook as _);
    let (outcome, groups) = evaluation.run(&base, hook, &mut |done| {
        bar.set_position(done);
        stop.check("stopped; nothing was written");
    })?;
    bar.finish_and_clear();
    if let Some(path) = &args.out {
        let lines = groups.iter().flat_map(|group| group.records(0));
        let lines: Vec<String> = lines
            .map(|record| serde_json::to_string(&record))
            .collect::<Result<_, _>>()?;
        let text = lines.join("\n") + "\n";
        write_atomically(path, text.as_bytes())
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    if args.json {
        println!("{}", serde_json::to_string(&outcome)?);
        return Ok(());
    }
    println!(
        "{} with {}",
        args.task.name(),
        if vectors.is_some() {
            "vectors"
        } else {
            "the base model"
        }
    );
    println!(
        "accuracy      {:5.1} %  (95 %: {:.1} to {:.1})",
        100.0 * outcome.accuracy,
        100.0 * outcome.ci95[0],
        100.0 * outcome.ci95[1]
    );
    println!("boxed         {:5.1} %", 100.0 * outcome.format_rate);
    if let Some(accuracy) = outcome.accuracy_given_format {
        println!("right if boxed {:4.1} %", 100.0 * accuracy);
    }
    if args.samples > 1 {
        println!(
            "pass@{0}, maj@{0}  {1:.1} %, {2:.1} %",
            args.samples,
            100.0 * outcome.pass_at_k,
            100.0 * outcome.maj_at_k
        );
    }
    println!(
        "length        {:5.1} tokens, {:.1} % cut",
        outcome.mean_length,
        100.0 * outcome.truncation_rate
    );
    Ok(())
}
