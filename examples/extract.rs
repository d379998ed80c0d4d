//! Makes steering vectors without training, from prompts of two kinds.
//!
//! ```text
//! cargo run --release --example extract -- --pairs pairs.jsonl --out polite.safetensors
//! cargo run --release --example extract -- --pairs pairs.jsonl --out polite.safetensors \
//!     --strengths 0.5,1,2,4 --neutral text.txt
//! ```
//!
//! A line is `{"positive": TEXT, "negative": TEXT}` or `{"prompt": TEXT, "positive": true|false}`.
//! A hundred pairs take a second on the bundled model. docs/extraction.md has the methods.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use serde_json::json;
use trimtab::SteeringFile;
use trimtab::steer::algebra;
use trimtab::steer::extraction::{ContrastivePrompts, Method, Pooling, extract};
use trimtab_examples::{
    ModelArgs, StrengthArgs, exit_code, parse_flags, prepare_output, progress, say,
};

/// Makes steering vectors from prompts of two kinds.
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    model: ModelArgs,
    /// Prompts, JSON Lines.
    #[arg(long, value_name = "FILE")]
    pairs: PathBuf,
    /// mean_difference, pca_diff, pca_center or logistic.
    #[arg(long, default_value = "mean_difference")]
    method: Method,
    /// Token of a prompt that is read: last, mean (of all), or a position from 0.
    #[arg(long, default_value = "last")]
    read_at: Pooling,
    /// Layers that get a vector, separated by commas [default: all].
    #[arg(long, value_delimiter = ',')]
    layers: Option<Vec<usize>>,
    /// Give each vector the norm of the vector of this file in the same layer.
    #[arg(long, value_name = "FILE")]
    norms_of: Option<PathBuf>,
    #[command(flatten)]
    strength: StrengthArgs,
    /// Changes nothing: an extraction draws no random numbers.
    #[arg(long)]
    seed: Option<u64>,
    /// File to write.
    #[arg(long, default_value = "steering.safetensors")]
    out: PathBuf,
    /// Print one JSON object on standard output.
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    exit_code(run(&parse_flags()))
}

fn run(args: &Args) -> Result<()> {
    let inputs = [
        ("--model", args.model.model.as_ref().map(PathBuf::from)),
        ("--pairs", Some(args.pairs.clone())),
        ("--norms-of", args.norms_of.clone()),
        ("--neutral", args.strength.neutral.clone()),
    ];
    let inputs = inputs.into_iter();
    prepare_output(
        &args.out,
        inputs.filter_map(|(flag, path)| Some((flag, path?))),
    )?;
    let base = args.model.load(1)?;
    let prompts = ContrastivePrompts::read_jsonl(&args.pairs, &base)?;
    let counts = [prompts.positive.len(), prompts.negative.len()];
    let bar = progress("reading", counts.iter().sum::<usize>() as u64);
    let mut read = |count| bar.inc(count as u64);
    let mut vectors = extract(&base.model, &prompts, args.method, args.read_at, &mut read)?;
    bar.finish_and_clear();
    if let Some(layers) = &args.layers {
        vectors = algebra::select_layers(&vectors, layers)?;
    }
    if let Some(path) = &args.norms_of {
        let norms = algebra::norms(SteeringFile::read(path, &base)?.vectors()?);
        vectors = algebra::match_norms(&vectors, &norms)?;
    }
    let (strength, points) = args.strength.choose(&base, &prompts, &vectors)?;
    let vectors = algebra::scale(&vectors, strength as f32);
    let norms = algebra::norms(&vectors);
    let recipe = json!({
        "extracted": args.method, "read_at": format!("{:?}", args.read_at), "layers": args.layers,
        "strength": strength, "prompts": counts,
    });
    SteeringFile::new(vectors, &base, 0, recipe).write(&args.out)?;
    if args.json {
        say!(
            "{}",
            json!({ "out": args.out, "strength": strength, "norms": norms, "sweep": points })
        )?;
    } else {
        for point in &points {
            say!("{point}")?;
        }
        say!(
            "strength {strength}, norms by layer {norms:.2?}: {}",
            args.out.display()
        )?;
    }
    Ok(())
}
