//! What sharing a prompt saves: the work of one training step, sampling a group of completions and computing its gradient, with the
//! completions behind one prompt and with each behind a prompt of its own. Same code, same tokens, in turns. Prints one JSON object.

use std::path::PathBuf;
use std::time::Instant;

use clap::Parser;
use rayon::prelude::*;
use trimtab::model::{Completion, GenerateOptions, Model};
use trimtab::rl::{GroupLoss, Parameter, Slopes, group_gradient};
use trimtab::{Device, Precision, Pretrained, Request, Sampling, generate};

/// Measures what sharing a prompt saves.
#[derive(Parser)]
struct Args {
    /// Folder of a Hugging Face checkpoint.
    #[arg(long)]
    model: PathBuf,
    /// Tokens of the prompt.
    #[arg(long, default_value_t = 512)]
    prompt_len: usize,
    /// Completions.
    #[arg(long, default_value_t = 16)]
    group: usize,
    /// Tokens of each completion, all of them sampled.
    #[arg(long, default_value_t = 64)]
    new_tokens: usize,
    /// Rounds that are measured, after one that is not.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args = Args::parse();
    let device = Device::flex();
    let model = Pretrained::load(&args.model, Precision::fastest(&device), &device)?.model;
    let words = model.config.vocab_size.min(5000);
    let prompt: Vec<u32> = (0..args.prompt_len)
        .map(|i| (i * 104_729 % words) as u32)
        .collect();
    let requests = |count: u64, samples| -> Vec<Request> {
        let request = |index| Request {
            prompt: &prompt,
            index,
            samples,
        };
        (0..count).map(request).collect()
    };
    let (shared, apart) = (requests(1, args.group), requests(args.group as u64, 1));
    let sampling = Sampling {
        max_new_tokens: args.new_tokens,
        ..Sampling::default()
    };
    let sample = |requests: &[Request]| -> Result<(Vec<Completion>, f64), _> {
        let started = Instant::now();
        let completed = generate(&model, requests, &sampling, GenerateOptions::default())?;
        let seconds = started.elapsed().as_secs_f64();
        Ok::<_, Box<dyn std::error::Error>>((completed.concat(), seconds))
    };
    let autodiff = model.autodiff();
    let learn = |groups: &[Vec<&Completion>]| {
        let started = Instant::now();
        let gradient = gradient(&autodiff, &prompt, groups);
        (gradient, started.elapsed().as_secs_f64())
    };
    let mut seconds = [vec![], vec![], vec![], vec![]];
    let mut difference = 0.0;
    for _ in 0..=args.rounds {
        let (completions, sampled) = sample(&shared)?;
        let (_, sampled_apart) = sample(&apart)?;
        let group: Vec<&Completion> = completions.iter().collect();
        let (together, learned) = learn(std::slice::from_ref(&group));
        let alone: Vec<Vec<&Completion>> = group.into_iter().map(|one| vec![one]).collect();
        let (single, learned_apart) = learn(&alone);
        difference = relative_difference(&together, &single);
        let measured = [sampled, learned, sampled_apart, learned_apart];
        for (all, one) in seconds.iter_mut().zip(measured) {
            all.push(one);
        }
    }
    let [sampled, learned, sampled_apart, learned_apart] = seconds.map(|all| median(&all[1..]));
    println!(
        "{}",
        serde_json::json!({
            "shared": { "sample_seconds": sampled, "gradient_seconds": learned },
            "apart": { "sample_seconds": sampled_apart, "gradient_seconds": learned_apart },
            "times": (sampled_apart + learned_apart) / (sampled + learned),
            "gradient_difference": difference,
        })
    );
    Ok(())
}

/// The gradient of all groups, which have one prompt, computed as in a training step.
fn gradient(model: &Model, prompt: &[u32], groups: &[Vec<&Completion>]) -> Vec<f32> {
    let shape = [model.config.num_hidden_layers, model.config.hidden_size];
    let params = [Parameter::zeros("vectors", &shape)];
    let of_group = |completions: &Vec<&Completion>| {
        let tokens = completions.iter().map(|one| one.tokens.len()).sum();
        let loss = GroupLoss {
            prompt,
            completions,
            temperature: 1.0,
            slopes: Slopes::Known(vec![-1.0; tokens]),
            entropy_weights: vec![],
        };
        group_gradient(model, &params, &loss).grads.concat()
    };
    let grads: Vec<Vec<f32>> = groups.par_iter().map(of_group).collect();
    let mut sum = vec![0.0; shape[0] * shape[1]];
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
        numbers.map(|x| f64::from(x) * f64::from(x)).sum::<f64>().sqrt()
    };
    norm(&mut a.iter().zip(b).map(|(a, b)| a - b)) / norm(&mut b.iter().copied())
}

fn median(seconds: &[f64]) -> f64 {
    let mut sorted = seconds.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}
