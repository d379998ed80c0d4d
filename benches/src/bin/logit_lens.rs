//! Measures the logit lens over a text: all layers and positions. Prints one JSON object.
//!
//! `benches/peers/logit_lens.py` measures the same in PyTorch.

use std::path::PathBuf;
use std::time::Instant;

use clap::Parser;
use trimtab::lens::{LogitLensOptions, Vocabulary, logit_lens};
use trimtab::{Device, Precision, Pretrained};
use trimtab_examples_common::{keep_freed_memory, peak_memory_bytes};

/// Measures the logit lens over a text.
#[derive(Parser)]
struct Args {
    /// Folder of a Hugging Face checkpoint, or a GGUF file.
    #[arg(long)]
    model: PathBuf,
    /// Tokens of the text.
    #[arg(long, default_value_t = 512)]
    positions: usize,
    /// Most likely tokens at each layer and position.
    #[arg(long, default_value_t = 20)]
    top: usize,
    /// Times it is measured, after one that does not count.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Number format of the weights.
    #[arg(long, default_value = "f32")]
    dtype: Precision,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args = Args::parse();
    keep_freed_memory();
    let base = Pretrained::load(&args.model, args.dtype, &Device::flex())?;
    let vocabulary = Vocabulary::of(&base);
    let tokens: Vec<u32> = (0..args.positions)
        .map(|i| (i * 104_729 % 5000) as u32)
        .collect();
    let options = LogitLensOptions {
        top_k: args.top,
        ..LogitLensOptions::default()
    };
    let mut seconds = vec![];
    for _ in 0..=args.rounds {
        let started = Instant::now();
        let points = logit_lens(&base.model, &vocabulary, &tokens, None, &options)?;
        seconds.push(started.elapsed().as_secs_f64());
        assert_eq!(
            points.len(),
            base.model.config.num_hidden_layers * args.positions
        );
    }
    println!(
        "{}",
        serde_json::json!({
            "seconds": seconds[1..],
            "peak_memory_bytes": peak_memory_bytes(),
        })
    );
    Ok(())
}
