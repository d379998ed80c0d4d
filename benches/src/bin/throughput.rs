//! Measures loading, prefill and decoding of a checkpoint, once. Prints one JSON object.
//!
//! `benches/peers/engine_speed.py` measures the same in other engines.

use std::hint::black_box;
use std::path::PathBuf;
use std::time::Instant;

use clap::Parser;
use rayon::prelude::*;
use trimtab::model::{Completion, FinishReason, GenerateOptions};
use trimtab::rl::Policy;
use trimtab::rl::gradient::{
    BackwardConfig, GroupGradient, GroupLoss, LogprobGrads, group_gradient,
};
use trimtab::steer::{Adapter, Form, TokenFilter};
use trimtab::{Device, Precision, Pretrained, Request, Sampling, generate};
use trimtab_examples_common::{keep_freed_memory, peak_memory_bytes};

/// Measures loading, prefill and decoding.
#[derive(Parser)]
struct Args {
    /// Folder of a Hugging Face checkpoint.
    #[arg(long)]
    model: PathBuf,
    /// Prompts, all different, with one completion each.
    #[arg(long, default_value_t = 16)]
    batch: usize,
    /// Tokens of each prompt.
    #[arg(long, default_value_t = 128)]
    prompt_len: usize,
    /// Tokens of each completion, all of them decoded.
    #[arg(long, default_value_t = 32)]
    new_tokens: usize,
    /// Sequences of a training step; 0 for none.
    #[arg(long, default_value_t = 4)]
    train_rows: usize,
    /// Tokens of each of them.
    #[arg(long, default_value_t = 160)]
    train_len: usize,
    /// Sequences of a group; groups run at the same time [default: one group].
    #[arg(long)]
    train_group: Option<usize>,
    /// Recompute activations in the backward pass instead of keeping them.
    #[arg(long)]
    gradient_checkpointing: bool,
    /// Completion tokens that run backward at a time.
    #[arg(long, default_value_t = BackwardConfig::default().tokens_per_part)]
    tokens_per_part: usize,
    /// Number format of the weights [default: the fastest].
    #[arg(long)]
    dtype: Option<Precision>,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args = Args::parse();
    keep_freed_memory();
    let device = Device::flex();
    let precision = args.dtype.unwrap_or_else(|| Precision::fastest(&device));
    let started = Instant::now();
    let base = Pretrained::load(&args.model, precision, &device)?;
    let load_seconds = started.elapsed().as_secs_f64();
    let words = base.model.config.vocab_size.min(5000);
    let prompts: Vec<Vec<u32>> = (0..args.batch)
        .map(|row| {
            (0..args.prompt_len)
                .map(|i| ((row * 7919 + i * 104_729) % words) as u32)
                .collect()
        })
        .collect();
    let requests: Vec<Request> = (0..)
        .zip(&prompts)
        .map(|(index, prompt)| Request {
            prompt,
            index,
            samples: 1,
        })
        .collect();
    let seconds =
        |requests: &[Request], max_new_tokens: usize| -> Result<f64, Box<dyn std::error::Error>> {
            let sampling = Sampling {
                temperature: 0.0,
                max_new_tokens,
                ..Sampling::default()
            };
            let started = Instant::now();
            generate(&base.model, requests, &sampling, GenerateOptions::default())?;
            Ok(started.elapsed().as_secs_f64())
        };
    seconds(&requests, 1)?; // warm-up
    let prefill = seconds(&requests, 1)?;
    let decode = seconds(&requests, 1 + args.new_tokens)? - prefill;
    let training = (args.train_rows * args.train_len) as f64 / training_seconds(&base, &args);
    let tokens = |per_row: usize, seconds: f64| (args.batch * per_row) as f64 / seconds;
    println!(
        "{}",
        serde_json::json!({
            "load_seconds": load_seconds,
            "prefill_tokens_per_second": tokens(args.prompt_len, prefill),
            "decode_tokens_per_second": tokens(args.new_tokens, decode),
            "training_tokens_per_second": training,
            "peak_memory_bytes": peak_memory_bytes(),
        })
    );
    Ok(())
}

/// Median of five times of a training step, in seconds.
///
/// It computes the log-probabilities of all but the first token of each sequence, and their
/// gradient with respect to one vector per layer.
fn training_seconds(base: &Pretrained, args: &Args) -> f64 {
    let config = BackwardConfig {
        tokens_per_part: args.tokens_per_part,
        gradient_checkpointing: args.gradient_checkpointing,
    };
    let model = base.model.autodiff();
    let vectors = Adapter::init(Form::default(), &model.config).expect("a vector for each layer");
    let policy = Policy::new(
        vectors.to_device(&base.model.device()),
        TokenFilter::default(),
    );
    let policy = policy.expect("every token");
    let words = model.config.vocab_size.min(5000);
    let own = args.train_len - 1;
    let texts: Vec<Completion> = (0..args.train_rows)
        .map(|row| Completion {
            tokens: (1..args.train_len)
                .map(|i| ((row * 7919 + i * 104_729) % words) as u32)
                .collect(),
            logprobs: vec![0.0; own],
            finish_reason: FinishReason::Length,
        })
        .collect();
    let texts: Vec<&Completion> = texts.iter().collect();
    let gradient = |completions: &[&Completion]| {
        let loss = GroupLoss {
            prompt: &[0],
            completions: completions.to_vec(),
            temperature: 1.0,
            logprob_grads: LogprobGrads::Fixed(vec![-1.0; own * completions.len()]),
            entropy_weights: vec![],
        };
        group_gradient(&model, &policy, &loss, &config)
    };
    let group = args.train_group.unwrap_or(args.train_rows).max(1);
    let mut seconds: Vec<f64> = (0..5)
        .map(|_| {
            let started = Instant::now();
            let found: Vec<GroupGradient> = texts.par_chunks(group).map(gradient).collect();
            black_box(found);
            started.elapsed().as_secs_f64()
        })
        .collect();
    seconds.sort_by(f64::total_cmp);
    seconds[2]
}
