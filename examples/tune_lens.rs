//! Trains a tuned lens: maps that make early layers of a model readable.
//!
//! ```text
//! cargo run --release --example tune_lens -- --texts texts.txt --out runs/tuned.safetensors
//! cargo run --release --example lens -- --tuned runs/tuned.safetensors --prompt "Problem:"
//! ```
//!
//! docs/lens.md says what the maps are.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use serde_json::json;
use trimtab::lens::{TunedLens, TunedLensConfig};
use trimtab::steer::extraction::read_paragraphs;
use trimtab_examples::{
    ModelArgs, Stop, VectorsArgs, exit_code, note, parse_flags, prepare_output, progress, say,
};

/// Trains a tuned lens: maps that make early layers of a model readable.
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    model: ModelArgs,
    /// Text to train on, in paragraphs with an empty line between them.
    #[arg(long, value_name = "FILE")]
    texts: PathBuf,
    /// Where the maps go.
    #[arg(long, value_name = "FILE.safetensors")]
    out: PathBuf,
    /// Number of steps.
    #[arg(long, default_value_t = TunedLensConfig::default().steps)]
    steps: usize,
    /// Tokens of a step, about.
    #[arg(long, value_name = "N", default_value_t = TunedLensConfig::default().tokens_per_step)]
    tokens_per_step: usize,
    /// Learning rate of the first step. It falls to 0.
    #[arg(long, value_name = "RATE", default_value_t = TunedLensConfig::default().learning_rate)]
    learning_rate: f64,
    /// Seed of the choice of texts.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Print one JSON object on standard output.
    #[arg(long)]
    json: bool,
}

/// How long a run without a terminal says nothing.
const SILENCE: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    trimtab_hub::install();
    exit_code(run(&parse_flags()))
}

fn run(args: &Args) -> Result<()> {
    ensure!(args.steps > 0, "--steps is 0; give a number from 1");
    ensure!(
        args.tokens_per_step > 0,
        "--tokens-per-step is 0; give a number from 1"
    );
    ensure!(
        args.learning_rate.is_finite() && args.learning_rate > 0.0,
        "--learning-rate is {}; give a number above 0",
        args.learning_rate
    );
    let no_vectors = VectorsArgs::default();
    let inputs = args.model.inputs(&no_vectors);
    prepare_output(&args.out, inputs.chain([("--texts", args.texts.clone())]))?;
    let base = args.model.load(1)?;
    let texts = read_paragraphs(&args.texts, &base)?;
    let texts: Vec<&[u32]> = texts.iter().map(Vec::as_slice).collect();
    let config = TunedLensConfig {
        steps: args.steps,
        tokens_per_step: args.tokens_per_step,
        learning_rate: args.learning_rate,
        seed: args.seed,
    };
    let stop = Stop::on_ctrl_c()?;
    let bar = progress("steps", args.steps as u64);
    let mut told = Instant::now();
    let mut losses: Vec<Vec<f64>> = vec![];
    let tuned = TunedLens::train(&base.model, &texts, &config, &mut |step, kl| {
        losses.push(kl.to_vec());
        bar.inc(1);
        if bar.is_hidden() && told.elapsed() > SILENCE {
            told = Instant::now();
            note!("step {step}: KL to the model {:.3} nats", mean(kl)).ok();
        }
        if stop.requested() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    })?;
    bar.finish_and_clear();
    let written = tuned.write(&args.out, &base);
    written.with_context(|| format!("cannot write {}", args.out.display()))?;
    if args.json {
        let out = &args.out;
        return Ok(say!("{}", json!({ "maps": out, "kl_by_step": losses }))?);
    }
    // The first and the last tenth, since the texts of each step differ.
    let tenth = losses.len().div_ceil(10);
    let (first, last) = (&losses[..tenth], &losses[losses.len() - tenth..]);
    say!("KL to the model in nats, in the first and the last tenth of the steps:")?;
    for layer in 0..losses[0].len() {
        let of_layer = |steps: &[Vec<f64>]| steps.iter().map(|kl| kl[layer]).collect::<Vec<_>>();
        let [before, after] = [first, last].map(|steps| mean(&of_layer(steps)));
        say!("layer {layer:>3}: {before:.3} {after:.3}")?;
    }
    say!("maps: {}", args.out.display())?;
    let all = |steps: &[Vec<f64>]| mean(&steps.concat());
    if all(last) > all(first) {
        note!("warning: the maps have become worse; give a smaller --learning-rate")?;
    }
    let done = losses.len();
    Ok(stop.check(&format!("stopped after step {done} of {}", args.steps))?)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}
