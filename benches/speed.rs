//! Decoding and training speed in tokens per second.
//!
//! Measured on the bundled model and on random weights in the shape of Qwen2.5-0.5B. The peak
//! memory of the process is printed after each.
//!
//!     cargo bench                  # both; several minutes
//!     cargo bench -- nano          # the bundled model only

#![expect(
    missing_docs,
    reason = "criterion_group! makes an undocumented function"
)]

use std::hint::black_box;

use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use trimtab::model::{Completion, FinishReason, GenerateOptions, Model};
use trimtab::rl::Policy;
use trimtab::rl::gradient::{BackwardConfig, GroupLoss, LogprobGrads, group_gradient};
use trimtab::steer::{Adapter, Form, TokenFilter};
use trimtab::{Precision, Request, Sampling, generate};
use trimtab_examples_common::peak_memory_bytes;

const ROWS: usize = 32;
const PROMPT_LEN: usize = 64;

fn nano(criterion: &mut Criterion) {
    let model = trimtab_benches::nano(Precision::F32);
    measure(criterion, "nano", &model, 128, 45);
}

/// The first tokens of 128. At this width the cost of a token hardly grows with the length.
fn qwen(criterion: &mut Criterion) {
    measure(
        criterion,
        "qwen2.5-0.5b-shape",
        &trimtab_benches::qwen(),
        4,
        40,
    );
}

/// One prompt completed 32 times with `new_tokens` each, and a training step of 4 completions of
/// `completion_len` tokens.
fn measure(
    criterion: &mut Criterion,
    name: &str,
    model: &Model,
    new_tokens: usize,
    completion_len: usize,
) {
    let prompt: Vec<u32> = (0..PROMPT_LEN as u32).map(|token| token % 50 + 2).collect();
    let sampling = Sampling {
        max_new_tokens: new_tokens,
        ..Sampling::default()
    };
    let mut group = criterion.benchmark_group(name);
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    group.throughput(Throughput::Elements((ROWS * new_tokens) as u64));
    group.bench_function("decode", |bencher| {
        let request = [Request {
            prompt: &prompt,
            index: 0,
            samples: ROWS,
        }];
        bencher.iter(|| {
            generate(
                model,
                black_box(&request),
                &sampling,
                GenerateOptions::default(),
            )
            .expect("a prompt that fits")
        });
    });
    let completions: Vec<Completion> = (0..4)
        .map(|_| Completion {
            tokens: prompt
                .iter()
                .copied()
                .cycle()
                .take(completion_len)
                .collect(),
            logprobs: vec![0.0; completion_len],
            finish_reason: FinishReason::Length,
        })
        .collect();
    let completions: Vec<&Completion> = completions.iter().collect();
    let vectors = Adapter::init(Form::default(), &model.config).expect("a vector for each layer");
    let policy = Policy::new(vectors.to_device(&model.device()), TokenFilter::default());
    let policy = policy.expect("every token");
    let autodiff = model.autodiff();
    group.throughput(Throughput::Elements(
        (PROMPT_LEN + 4 * completion_len) as u64,
    ));
    group.bench_function("train", |bencher| {
        let grads = [-1.0, 1.0, -0.5, 0.5].map(|grad| vec![grad; completion_len]);
        bencher.iter(|| {
            let group = GroupLoss {
                prompt: &prompt,
                completions: black_box(&completions).clone(),
                temperature: 1.0,
                logprob_grads: LogprobGrads::Fixed(grads.concat()),
                entropy_weights: vec![],
            };
            group_gradient(&autodiff, &policy, &group, &BackwardConfig::default())
        });
    });
    group.finish();
    if let Some(bytes) = peak_memory_bytes() {
        println!(
            "{name}: peak memory of the process so far {:.0} MiB",
            bytes as f64 / f64::from(1 << 20)
        );
    }
}

criterion_group!(benches, nano, qwen);
criterion_main!(benches);
