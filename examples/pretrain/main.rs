//! Makes the bundled model from a seed: corpus, tokenizer, pre-training on the CPU.
//!
//! ```text
//! cargo run --release --example pretrain -- --out runs/nano
//! ```
//!
//! Equal seeds and steps give equal weights. The same command continues a run that was stopped.
//! 5,000 steps take about an hour on two cores and end at a loss of 0.675 nats per token.

mod config;
mod corpus;
mod export;
mod state;
mod step;
mod tokenizer;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result};
use burn::tensor::Device;
use clap::Parser;
use trimtab::model::ModelConfig;
use trimtab::tasks::corpus::document;
use trimtab_examples::{Stop, exit_code, note, parse_flags, progress, say};

use crate::state::State;
use crate::step::Training;

/// Pre-trains the bundled model.
#[derive(Parser)]
struct Args {
    /// Optimiser steps of 8,192 tokens each.
    #[arg(long, default_value_t = 5000)]
    steps: u64,
    /// Seed of corpus and initial weights.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Folder for the checkpoint and the finished model.
    #[arg(long, default_value = "runs/nano")]
    out: PathBuf,
    /// Print one JSON object on standard output.
    #[arg(long)]
    json: bool,
}

const STEPS_PER_CHECKPOINT: u64 = 100;
/// Documents that the tokenizer learns its words from.
const TOKENIZER_DOCUMENTS: u64 = 20_000;

fn main() -> ExitCode {
    exit_code(run(&parse_flags()))
}

fn run(args: &Args) -> Result<()> {
    let stop = Stop::on_ctrl_c()?;
    let started = Instant::now();
    std::fs::create_dir_all(&args.out)
        .with_context(|| format!("cannot create {}", args.out.display()))?;
    let documents = (0..TOKENIZER_DOCUMENTS).map(|index| document(args.seed, index));
    let tokenizer = tokenizer::train(documents)?;
    let config_json = config::nano_config(tokenizer.get_vocab_size(true));
    let training = Training {
        config: ModelConfig::from_json(&config_json.to_string())?,
        tokenizer,
        seed: args.seed,
        steps: args.steps,
        device: Device::flex().autodiff(),
    };
    let checkpoint = args.out.join("checkpoint.safetensors");
    let mut state = if checkpoint.exists() {
        State::load(&checkpoint, args.seed)?
    } else {
        State::init(&training.config, args.seed)
    };
    let bar = progress("pre-training", args.steps).with_position(state.step);
    while state.step < args.steps {
        training.step(&mut state)?;
        bar.set_position(state.step);
        bar.set_message(format!("loss {:.4}", state.loss));
        if bar.is_hidden() && state.step.is_multiple_of(20) {
            let seconds = started.elapsed().as_secs_f64();
            note!(
                "step {}: loss {:.4}, {seconds:.0} s",
                state.step,
                state.loss
            )?;
        }
        if state.step.is_multiple_of(STEPS_PER_CHECKPOINT) || stop.requested() {
            state.save(&checkpoint, args.seed)?;
        }
        stop.check(&format!(
            "stopped after step {}; the same command continues from here",
            state.step
        ))?;
    }
    bar.finish();
    state.save(&checkpoint, args.seed)?;
    export::write(&args.out, &config_json, &training.tokenizer, &state.params)?;
    if args.json {
        let report = serde_json::json!({
            "steps": state.step,
            "tokens": state.step * corpus::TOKENS_PER_STEP as u64,
            "loss": state.loss,
            "wall_seconds": started.elapsed().as_secs_f64(),
            "out": args.out,
        });
        say!("{report}")?;
    }
    Ok(())
}
