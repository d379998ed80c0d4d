//! What a number format costs: perplexity, and the distributions of the next token beside those of
//! f32. Prints one JSON object for each format.

use std::path::PathBuf;

use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Tensor};
use clap::Parser;
use trimtab::model::Model;
use trimtab::{Precision, Pretrained};
use trimtab_examples_common::keep_freed_memory;

/// Compares number formats of a checkpoint with f32.
#[derive(Parser)]
struct Args {
    /// Folder of a checkpoint, or a GGUF file.
    #[arg(long)]
    model: PathBuf,
    /// Text files, read in order.
    #[arg(long, num_args = 1.., required = true)]
    text: Vec<PathBuf>,
    /// Tokens to compare, at most.
    #[arg(long, default_value_t = 20_000)]
    tokens: usize,
    /// Tokens of a window. Each is run on its own.
    #[arg(long, default_value_t = 512)]
    window: usize,
    /// Formats to compare.
    #[arg(long, num_args = 1.., default_values = ["bf16", "q8", "q4"])]
    dtype: Vec<Precision>,
}

/// Sums over tokens.
#[derive(Default)]
struct Loss {
    tokens: usize,
    nll: f64,
    exact_nll: f64,
    kl: f64,
    same_top: usize,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args = Args::parse();
    keep_freed_memory();
    let device = Device::flex();
    let exact = Pretrained::load(&args.model, Precision::F32, &device)?;
    let mut text = String::new();
    for path in &args.text {
        text.push_str(&std::fs::read_to_string(path)?);
    }
    let mut tokens = exact.tokenizer.encode(&text)?;
    tokens.truncate(args.tokens);
    for precision in args.dtype {
        let rounded = Pretrained::load(&args.model, precision, &device)?.model;
        let mut loss = Loss::default();
        for window in tokens.chunks(args.window) {
            loss.add(&exact.model, &rounded, window);
        }
        let mean = |sum: f64| sum / loss.tokens as f64;
        let result = serde_json::json!({
            "dtype": precision.name(),
            "tokens": loss.tokens,
            "perplexity": mean(loss.nll).exp(),
            "perplexity_f32": mean(loss.exact_nll).exp(),
            "mean_kl": mean(loss.kl),
            "same_top": mean(loss.same_top as f64),
        });
        println!("{result}");
    }
    Ok(())
}

impl Loss {
    /// Adds the predictions of all tokens of a text but its first.
    fn add(&mut self, exact: &Model, rounded: &Model, text: &[u32]) {
        const CHUNK: usize = 64;
        let [exact_resid, rounded_resid] =
            [exact, rounded].map(|model| model.prefill(&[text], None).0);
        for (index, targets) in text[1..].chunks(CHUNK).enumerate() {
            let logits = |model: &Model, resid: &Tensor<2>| {
                let resid = resid.clone().narrow(0, index * CHUNK, targets.len());
                log_softmax(model.logits(resid), 1)
            };
            let p = logits(exact, &exact_resid);
            let q = logits(rounded, &rounded_resid);
            let same = p.clone().argmax(1).equal(q.clone().argmax(1));
            self.same_top += same.into_data().iter::<bool>().filter(|&same| same).count();
            let kl = (p.clone().exp() * (p.clone() - q.clone())).sum();
            self.kl += f64::from(kl.into_scalar::<f32>());
            let vocab_size = p.dims()[1];
            let [p, q] = [p, q].map(|x| x.try_into_vec_as::<f32>().expect("logits are f32"));
            for (row, &target) in targets.iter().enumerate() {
                let at = row * vocab_size + target as usize;
                self.exact_nll -= f64::from(p[at]);
                self.nll -= f64::from(q[at]);
            }
            self.tokens += targets.len();
        }
    }
}
