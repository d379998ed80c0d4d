//! Decoding and training speed in tokens per second, on the bundled model and on random weights in the shape of
//! Qwen2.5-0.5B; the peak memory of the process is printed after each.
//!
//!     cargo bench                  # both; several minutes
//!     cargo bench -- nano          # the bundled model only

#![expect(
    missing_docs,
    reason = "criterion_group! makes an undocumented function"
)]

use std::convert::Infallible;
use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use burn::tensor::{Device, Distribution, Tensor};
use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use trimtab::model::{Completion, FinishReason, GenerateOptions, Hook, Model, ModelConfig};
use trimtab::rl::{BackwardConfig, GroupLoss, Policy, Slopes, group_gradient};
use trimtab::steer::{Adapter, Conflict, Form, Gated, Lora, Part, Steering, Tokens, Where};
use trimtab::{Precision, Pretrained, Request, Sampling, SteeringVectors, generate};
use trimtab_examples::peak_memory_bytes;

const ROWS: usize = 32;
const PROMPT_LEN: usize = 64;

fn nano(criterion: &mut Criterion) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/assets/nano");
    let model = Pretrained::load(&dir, Precision::F32, &Device::flex())
        .expect("the bundled model")
        .model;
    measure(criterion, "nano", &model, 128, 45);
}

/// The first tokens of 128: the cost of a token hardly grows with the length at this width.
fn qwen(criterion: &mut Criterion) {
    let config = ModelConfig::from_json(
        r#"{"model_type": "qwen2", "vocab_size": 151936, "hidden_size": 896, "intermediate_size": 4864,
            "num_hidden_layers": 24, "num_attention_heads": 14, "num_key_value_heads": 2,
            "max_position_embeddings": 32768, "rope_theta": 1000000.0, "tie_word_embeddings": true}"#,
    )
    .expect("a sound configuration");
    let device = Device::flex();
    let precision = Precision::fastest(&device);
    let random = |shape: [usize; 2]| {
        Ok(Tensor::random(
            shape,
            Distribution::Normal(0.0, 0.02),
            &device,
        ))
    };
    let built: Result<Model, Infallible> =
        Model::frozen(config, precision, &device, &mut |_, shape, rows| {
            random([rows.len(), shape[shape.len() - 1]])
        });
    let Ok(model) = built;
    measure(criterion, "qwen2.5-0.5b-shape", &model, 4, 40);
}

/// One prompt completed 32 times with `new_tokens` each; a training step of 4 completions of `completion_len` tokens.
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
    let policy = Policy::new(vectors.leaves(&model.device()), Where::default());
    let policy = policy.expect("every token");
    let autodiff = model.autodiff();
    group.throughput(Throughput::Elements(
        (PROMPT_LEN + 4 * completion_len) as u64,
    ));
    group.bench_function("train", |bencher| {
        let slopes = [-1.0, 1.0, -0.5, 0.5].map(|slope| vec![slope; completion_len]);
        bencher.iter(|| {
            let group = GroupLoss {
                prompt: &prompt,
                completions: black_box(&completions),
                temperature: 1.0,
                slopes: Slopes::Known(slopes.concat()),
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

/// 64 prompts completed 4 times each: not steered, by one set of vectors, by a set for each prompt, and by other forms. The
/// variants take turns, and the fastest of each is printed beside the median: the speed of a machine that does something else too
/// changes more from minute to minute than steering costs.
fn steered(criterion: &mut Criterion) {
    const PROMPTS: usize = 64;
    const TURNS: usize = 24;
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/assets/nano");
    let model = Pretrained::load(&dir, Precision::F32, &Device::flex())
        .expect("the bundled model")
        .model;
    let zeros = SteeringVectors::zeros(
        model.config.num_hidden_layers,
        model.config.hidden_size,
        &Device::flex(),
    );
    let one = zeros.hook();
    let many =
        SteeringVectors::hook_by_prompt(&vec![zeros; PROMPTS], (0..PROMPTS).map(Some).collect());
    let form = |form: Form, place: Where| {
        let adapter = Adapter::init(form, &model.config).expect("a form that fits");
        let leaves = adapter.leaves(&Device::flex());
        Steering::new(vec![(leaves, place)], Conflict::Sum).expect("a sound clause")
    };
    let everywhere = form(Form::default(), Where::default());
    let prompt_only = Tokens {
        part: Part::Prompt,
        last: Some(2),
        ..Tokens::default()
    };
    let some = Where {
        only: prompt_only,
        ..Where::default()
    };
    let some = form(Form::default(), some);
    let gated = form(Form::Gated(Gated::default()), Where::default());
    let lora = form(Form::Lora(Lora::default()), Where::default());
    let prompt: Vec<u32> = (0..PROMPT_LEN as u32).map(|token| token % 50 + 2).collect();
    let requests: Vec<Request> = (0..PROMPTS as u64)
        .map(|index| Request {
            prompt: &prompt,
            index,
            samples: 4,
        })
        .collect();
    let sampling = Sampling {
        max_new_tokens: 32,
        ..Sampling::default()
    };
    let run = |hook: Option<Hook>| {
        let options = GenerateOptions {
            hook,
            ..GenerateOptions::default()
        };
        generate(&model, black_box(&requests), &sampling, options).expect("prompts that fit")
    };
    let hooks: [(&str, Option<Hook>); 7] = [
        ("none", None),
        ("one set", Some(&one)),
        ("64 sets", Some(&many)),
        ("per_layer", Some(&everywhere)),
        ("last two of the prompt", Some(&some)),
        ("gated", Some(&gated)),
        ("lora on down_proj", Some(&lora)),
    ];
    let mut group = criterion.benchmark_group("steered");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    group.throughput(Throughput::Elements((PROMPTS * 4 * 32) as u64));
    for (name, hook) in &hooks[..3] {
        group.bench_function(*name, |bencher| bencher.iter(|| run(*hook)));
    }
    group.finish();

    let mut seconds = vec![vec![]; hooks.len()];
    for turn in 0..TURNS {
        for place in 0..hooks.len() {
            let index = (place + turn) % hooks.len(); // nobody is always first
            let start = Instant::now();
            black_box(run(hooks[index].1));
            seconds[index].push(start.elapsed().as_secs_f64());
        }
    }
    for seconds in &mut seconds {
        seconds.sort_by(f64::total_cmp);
    }
    for ((name, _), times) in hooks.iter().zip(&seconds) {
        let [fastest, median] = [0, TURNS / 2].map(|place| times[place] / seconds[0][place]);
        println!(
            "steered/{name}: {fastest:.4} of the time of none (fastest), {median:.4} (median)"
        );
    }
}

criterion_group!(benches, nano, steered, qwen);
criterion_main!(benches);
