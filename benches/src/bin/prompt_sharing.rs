//! Measures what it saves to share a prompt. Prints one JSON object.
//!
//! The work is that of one training step: sampling groups of completions and computing their
//! gradient. The completions of a group share one prompt, or each has its own copy of it. Both run
//! the same code on the same tokens, in turns.

use std::path::PathBuf;
use std::time::Instant;

use clap::Parser;
use rayon::prelude::*;
use trimtab::model::generation::GenerateError;
use trimtab::model::{Completion, GenerateOptions, Model};
use trimtab::rl::Policy;
use trimtab::rl::gradient::{BackwardConfig, GroupLoss, LogprobGrads, group_gradient};
use trimtab::steer::{Adapter, Form, TokenFilter};
use trimtab::{Device, Precision, Pretrained, Request, Sampling, generate};
use trimtab_examples_common::{keep_freed_memory, peak_memory_bytes};

/// Measures what sharing a prompt saves.
#[derive(Parser)]
struct Args {
    /// Folder of a Hugging Face checkpoint.
    #[arg(long)]
    model: PathBuf,
    /// Tokens of the prompt.
    #[arg(long, default_value_t = 512)]
    prompt_len: usize,
    /// Prompts, all different.
    #[arg(long, default_value_t = 1)]
    prompts: usize,
    /// Completions of each prompt.
    #[arg(long, default_value_t = 16)]
    group: usize,
    /// Tokens of each completion, all of them sampled.
    #[arg(long, default_value_t = 64)]
    new_tokens: usize,
    /// Rounds; medians are printed.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u64).range(1..))]
    rounds: u64,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args = Args::parse();
    keep_freed_memory();
    let device = Device::flex();
    let mut model = Pretrained::load(&args.model, Precision::fastest(&device), &device)?.model;
    // The cost of a token does not depend on whether the model was trained at its position.
    model.config.max_position_embeddings = usize::MAX;
    let words = model.config.vocab_size.min(5000);
    let prompts: Vec<Vec<u32>> = (0..args.prompts)
        .map(|row| {
            (0..args.prompt_len)
                .map(|i| ((row * 7919 + i * 104_729) % words) as u32)
                .collect()
        })
        .collect();
    let request = |index: usize, prompt: usize, samples| Request {
        prompt: &prompts[prompt],
        index: index as u64,
        samples,
    };
    let shared: Vec<Request> = (0..args.prompts)
        .map(|prompt| request(prompt, prompt, args.group))
        .collect();
    let apart: Vec<Request> = (0..args.prompts * args.group)
        .map(|index| request(index, index / args.group, 1))
        .collect();
    let sampling = Sampling {
        max_new_tokens: args.new_tokens,
        ..Sampling::default()
    };
    let sample = |requests: &[Request]| {
        let started = Instant::now();
        let completed = generate(&model, requests, &sampling, GenerateOptions::default())?;
        Ok::<_, GenerateError>((completed, started.elapsed().as_secs_f64()))
    };
    let autodiff = model.autodiff();
    let learn = |groups: &[(&[u32], Vec<&Completion>)]| {
        let started = Instant::now();
        let gradient = gradient(&autodiff, groups);
        (gradient, started.elapsed().as_secs_f64())
    };
    let mut seconds = [vec![], vec![], vec![], vec![]];
    let mut difference = 0.0;
    for _ in 0..args.rounds {
        let (completed, sampled) = sample(&shared)?;
        let (_, sampled_apart) = sample(&apart)?;
        let groups: Vec<(&[u32], Vec<&Completion>)> = prompts
            .iter()
            .zip(&completed)
            .map(|(prompt, group)| (&prompt[..], group.iter().collect()))
            .collect();
        let alone: Vec<(&[u32], Vec<&Completion>)> = groups
            .iter()
            .flat_map(|(prompt, group)| group.iter().map(|&one| (*prompt, vec![one])))
            .collect();
        let (together, learned) = learn(&groups);
        let (single, learned_apart) = learn(&alone);
        difference = relative_difference(&together, &single);
        let measured = [sampled, learned, sampled_apart, learned_apart];
        for (all, one) in seconds.iter_mut().zip(measured) {
            all.push(one);
        }
    }
    let [sampled, learned, sampled_apart, learned_apart] = seconds.map(median);
    println!(
        "{}",
        serde_json::json!({
            "shared": { "sample_seconds": sampled, "gradient_seconds": learned },
            "apart": { "sample_seconds": sampled_apart, "gradient_seconds": learned_apart },
            "times": (sampled_apart + learned_apart) / (sampled + learned),
            "gradient_difference": difference,
            "peak_memory_bytes": peak_memory_bytes(),
        })
    );
    Ok(())
}

/// The gradient of all groups, each with its prompt, computed as in a training step.
fn gradient(model: &Model, groups: &[(&[u32], Vec<&Completion>)]) -> Vec<f32> {
    let vectors = Adapter::init(Form::default(), &model.config).expect("a vector for each layer");
    let policy = Policy::new(
        vectors.to_device(&model.device().inner()),
        TokenFilter::default(),
    );
    let policy = policy.expect("every token");
    let of_group = |(prompt, completions): &(&[u32], Vec<&Completion>)| {
        let tokens = completions.iter().map(|one| one.tokens.len()).sum();
        let loss = GroupLoss {
            prompt,
            completions: completions.clone(),
            temperature: 1.0,
            logprob_grads: LogprobGrads::Fixed(vec![-1.0; tokens]),
            entropy_weights: vec![],
        };
        group_gradient(model, &policy, &loss, &BackwardConfig::default())
            .grads
            .concat()
    };
    let grads: Vec<Vec<f32>> = groups.par_iter().map(of_group).collect();
    let mut sum = vec![0.0; vectors.parameter_count()];
    for grad in &grads {
        for (sum, value) in sum.iter_mut().zip(grad) {
            *sum += value;
        }
    }
    sum
}

/// `|a - b| / |b|`, Euclidean.
fn relative_difference(a: &[f32], b: &[f32]) -> f64 {
    let norm = |numbers: &mut dyn Iterator<Item = f32>| -> f64 {
        numbers
            .map(|x| f64::from(x) * f64::from(x))
            .sum::<f64>()
            .sqrt()
    };
    norm(&mut a.iter().zip(b).map(|(a, b)| a - b)) / norm(&mut b.iter().copied())
}

fn median(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}
