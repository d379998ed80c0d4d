//! Makes steering vectors without training, from a JSON Lines file of prompts of two kinds.
//!
//!     cargo run --release --example extract -- --pairs pairs.jsonl --out polite.safetensors
//!     cargo run --release --example extract -- --pairs pairs.jsonl --strengths 0.5,1,2,4 --neutral text.txt --out polite.safetensors
//!
//! A line is `{"positive": TEXT, "negative": TEXT}` or `{"prompt": TEXT, "positive": true|false}`. docs/extraction.md has the
//! methods.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use serde::{Deserialize, Serialize};
use serde_json::json;
use trimtab::steer::algebra;
use trimtab::steer::effect::{SweepPoint, strongest_within, sweep};
use trimtab::steer::extraction::{ContrastivePrompts, Method, Pooling, extract};
use trimtab::{Pretrained, SteeringFile};
use trimtab_examples::{ModelArgs, progress};

/// Makes steering vectors from prompts of two kinds.
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    model: ModelArgs,
    /// Prompts, JSON Lines.
    #[arg(long, value_name = "FILE")]
    pairs: PathBuf,
    /// mean_difference, pca_diff, pca_center or logistic.
    #[arg(long, default_value = "mean_difference", value_parser = method)]
    method: Method,
    /// Token of a prompt that is read: last, mean (of all), or a position from 0.
    #[arg(long, default_value = "last")]
    read_at: Pooling,
    /// Layers that get a vector, separated by commas [default: all].
    #[arg(long, value_delimiter = ',')]
    layers: Option<Vec<usize>>,
    /// Make each vector as long as that of this file in the same layer.
    #[arg(long, value_name = "FILE")]
    norms_of: Option<PathBuf>,
    /// What the vectors are multiplied by.
    #[arg(long, default_value_t = 1.0, conflicts_with = "strengths")]
    strength: f64,
    /// Try these strengths and take the strongest that leaves the neutral text alone.
    #[arg(long, value_delimiter = ',', requires = "neutral")]
    strengths: Option<Vec<f64>>,
    /// Neutral text, one a paragraph, for --strengths.
    #[arg(long, value_name = "FILE", requires = "strengths")]
    neutral: Option<PathBuf>,
    /// How many times as large the perplexity of the neutral text may become.
    #[arg(long, default_value_t = 1.1)]
    max_perplexity_ratio: f64,
    /// Nothing is random here; accepted as every program accepts it.
    #[arg(long)]
    seed: Option<u64>,
    /// File to write.
    #[arg(long, default_value = "steering.safetensors")]
    out: PathBuf,
    /// Print one JSON object on standard output.
    #[arg(long)]
    json: bool,
}

/// A line of the input.
#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Line {
    Pair { positive: String, negative: String },
    Labelled { prompt: String, positive: bool },
}

/// What is printed.
#[derive(Serialize)]
struct Report<'a> {
    out: &'a Path,
    strength: f64,
    /// Length of each layer's vector.
    norms: Vec<f32>,
    sweep: Vec<SweepPoint>,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let base = args.model.load()?;
    let contrast = contrast(&args.pairs, &base)?;
    let prompts = contrast.positive.len() + contrast.negative.len();
    let bar = progress("reading", prompts as u64);
    let mut read = |count| bar.inc(count as u64);
    let mut vectors = extract(&base.model, &contrast, args.method, args.read_at, &mut read)?;
    bar.finish_and_clear();
    if let Some(layers) = &args.layers {
        vectors = algebra::select_layers(&vectors, layers)?;
    }
    if let Some(path) = &args.norms_of {
        let norms = algebra::norms(SteeringFile::read(path, &base)?.vectors()?);
        vectors = algebra::match_norms(&vectors, &norms)?;
    }
    let (strength, rows) = match (&args.strengths, &args.neutral) {
        (Some(strengths), Some(neutral)) => {
            let neutral = paragraphs(neutral, &base)?;
            let texts: Vec<&[u32]> = contrast.negative.iter().map(Vec::as_slice).collect();
            let neutral: Vec<&[u32]> = neutral.iter().map(Vec::as_slice).collect();
            let bar = progress("measuring", strengths.len() as u64);
            let rows = sweep(&base.model, &vectors, strengths, &texts, &neutral)?;
            let rows = bar.wrap_iter(rows).collect::<Result<Vec<_>, _>>()?;
            bar.finish_and_clear();
            let Some(best) = strongest_within(&rows, args.max_perplexity_ratio) else {
                bail!(
                    "no strength keeps the perplexity of the neutral text within {} of the base:\n{}",
                    args.max_perplexity_ratio,
                    table(&rows)
                );
            };
            (best.strength, rows)
        }
        _ => (args.strength, vec![]),
    };
    let vectors = algebra::scale(&vectors, strength as f32);
    let norms = algebra::norms(&vectors);
    let recipe = json!({
        "extracted": args.method, "read_at": format!("{:?}", args.read_at), "layers": args.layers, "strength": strength,
        "prompts": [contrast.positive.len(), contrast.negative.len()],
    });
    SteeringFile::new(vectors, &base, 0, recipe).write(&args.out)?;
    if args.json {
        let report = Report {
            out: &args.out,
            strength,
            norms,
            sweep: rows,
        };
        println!("{}", serde_json::to_string(&report)?);
    } else {
        print!("{}", table(&rows));
        println!(
            "strength {strength}, norms by layer {norms:.2?}: {}",
            args.out.display()
        );
    }
    Ok(())
}

/// The prompts of the file at `path`.
fn contrast(path: &Path, base: &Pretrained) -> Result<ContrastivePrompts> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let (mut positives, mut negatives, mut pairs, mut labelled) = (vec![], vec![], 0, 0);
    for (index, line) in text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
    {
        let token_filter = || format!("line {} of {}", index + 1, path.display());
        let line: Line = serde_json::from_str(line).with_context(|| {
            format!(
                "{} is neither {{\"positive\": TEXT, \"negative\": TEXT}} nor {{\"prompt\": TEXT, \"positive\": true|false}}",
                token_filter()
            )
        })?;
        let encode = |text: &str| base.tokenizer.encode(text).with_context(token_filter);
        match line {
            Line::Pair { positive, negative } => {
                positives.push(encode(&positive)?);
                negatives.push(encode(&negative)?);
                pairs += 1;
            }
            Line::Labelled { prompt, positive } => {
                let kind = if positive {
                    &mut positives
                } else {
                    &mut negatives
                };
                kind.push(encode(&prompt)?);
                labelled += 1;
            }
        }
    }
    ensure!(
        pairs == 0 || labelled == 0,
        "{} has pairs and labelled prompts; give one kind",
        path.display()
    );
    Ok(ContrastivePrompts {
        positive: positives,
        negative: negatives,
        paired: pairs > 0,
    })
}

/// The paragraphs of a text file that have at least two tokens, each cut to what the model runs.
fn paragraphs(path: &Path, base: &Pretrained) -> Result<Vec<Vec<u32>>> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut paragraphs = vec![];
    for paragraph in text.split("\n\n").map(str::trim) {
        let mut tokens = base.tokenizer.encode(paragraph)?;
        tokens.truncate(base.model.config.max_len());
        if tokens.len() >= 2 {
            paragraphs.push(tokens);
        }
    }
    Ok(paragraphs)
}

fn table(rows: &[SweepPoint]) -> String {
    let line = |row: &SweepPoint| {
        format!(
            "strength {:>8}: perplexity {:>9.3} ({:.3} of the base), KL to the base {:.4} nats a token\n",
            row.strength, row.perplexity, row.perplexity_ratio, row.kl
        )
    };
    rows.iter().map(line).collect()
}

fn method(name: &str) -> Result<Method, String> {
    serde_json::from_value(name.into()).map_err(|error| error.to_string())
}
