//! The f32 forward pass and greedy decoding, compared with what `fixtures/*/generate.py` recorded
//! from transformers.

use std::fs;
use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};
use safetensors::SafeTensors;
use serde_json::Value;
use trimtab_model::tensor_file::HostTensor;
use trimtab_model::{
    Completion, FinishReason, GenerateOptions, HookPoint, Model, Precision, Pretrained, Request,
    Sampling, generate,
};
use trimtab_rl::gradient::{BackwardConfig, GroupLoss, LogprobGrads, group_gradient};
use trimtab_tests::{
    Matrix, bundled_model, captured, fixture, fixture_model, generic_fixture_model, matrix,
    max_difference, policy, tiny,
};

/// Largest absolute difference of a logit, a residual or a log-probability.
const TOLERANCE: f32 = 1e-4;

/// The fixtures of `families/generate_5.py`.
const FAMILIES_OF_5: &[&str] = &[
    "gemma2",
    "granite",
    "ministral",
    "ministral3",
    "mistral3",
    "olmo3",
    "phi4_mini",
    "qwen3_vl",
    "smollm3",
];

/// The fixtures of `families/generate_mixed.py`.
const MIXED_FAMILIES: &[&str] = &[
    "qwen3_moe",
    "qwen3_moe_step",
    "qwen3_5_text",
    "qwen3_5_moe_text",
];

#[test]
fn the_tiny_model_computes_what_transformers_computes() {
    Expected::read("tiny_qwen2").check(&tiny().model);
}

/// Sequences that outgrow the sliding window or the original context, one in its prompt and one
/// while it is generated.
#[test]
fn every_family_computes_what_transformers_computes() {
    for name in [
        "llama",
        "llama_linear",
        "llama_dynamic",
        "qwen2",
        "qwen3",
        "mistral",
        "olmo2",
        "gemma3",
        "phi3",
    ]
    .iter()
    .chain(FAMILIES_OF_5)
    .chain(MIXED_FAMILIES)
    {
        let expected = Expected::read(&format!("families/{name}"));
        expected.check(&fixture_model(name));
        expected.check(&generic_fixture_model(name));
    }
}

/// The read-out of a vector is what the final norm divides, scales and caps to logits.
#[test]
fn direct_logits_are_logits_before_the_division_and_the_cap() {
    for name in ["granite", "gemma2", "qwen3_vl"] {
        let model = fixture_model(name);
        let width = model.config.hidden_size;
        let row: Vec<f32> = (0..width).map(|i| (i * 7 % 5) as f32 - 1.7).collect();
        let mean_square = row.iter().map(|x| x * x).sum::<f32>() / width as f32;
        let rms = (mean_square + model.config.rms_norm_eps as f32).sqrt();
        let vector =
            || Tensor::<2>::from_data(TensorData::new(row.clone(), [1, width]), &model.device());
        let cap = model.config.architecture.final_logit_softcapping;
        let mut expected = matrix(model.direct_logits(vector()));
        for logit in expected.iter_mut().flatten() {
            let uncapped = *logit / rms;
            *logit = cap.map_or(uncapped, |cap| cap as f32 * (uncapped / cap as f32).tanh());
        }
        let error = max_difference(&matrix(model.logits(vector())), &expected);
        assert!(error < 1e-5, "{name}: {error}");
    }
}

/// The gradient that reaches vectors at `resid_post` through two completions of one prompt, with
/// all activations kept, with some made again, and in parts.
#[test]
fn vectors_get_the_gradient_that_torch_computes() {
    for name in FAMILIES_OF_5 {
        let expected = Expected::read(&format!("families/{name}"));
        let model = fixture_model(name);
        let texts = [0, 1].map(|index| expected.tokens(&format!("{index}.token_ids")));
        let prompt_len = expected.about["sequences"][0]["prompt_len"].as_u64();
        let (prompt, first) = texts[0].split_at(prompt_len.expect("a number") as usize);
        let completion = |tokens: &[u32]| Completion {
            tokens: tokens.to_vec(),
            logprobs: vec![0.0; tokens.len()],
            finish_reason: FinishReason::Length,
        };
        let completions = [completion(first), completion(&texts[1])];
        let vectors = expected.matrix("0.vectors");
        let vectors = HostTensor {
            shape: vec![vectors.len(), vectors[0].len()],
            data: vectors.concat(),
        };
        let policy = policy(&vectors, &model.config);
        for (tokens_per_part, gradient_checkpointing) in
            [(usize::MAX, false), (usize::MAX, true), (18, true)]
        {
            let config = BackwardConfig {
                tokens_per_part,
                gradient_checkpointing,
            };
            let ones = |logprobs: &[f32]| vec![1.0; logprobs.len()];
            let group = GroupLoss {
                prompt,
                completions: completions.iter().collect(),
                temperature: 1.0,
                logprob_grads: LogprobGrads::Computed(Box::new(ones)),
                entropy_weights: vec![],
            };
            let found = group_gradient(&model.autodiff(), &policy, &group, &config);
            let found: Vec<Vec<f32>> = found.grads[0]
                .chunks(model.config.hidden_size)
                .map(<[f32]>::to_vec)
                .collect();
            let error = max_difference(&found, &expected.matrix("0.vector_grads"));
            eprintln!("{name}: largest error of the gradient: {error:.1e}");
            assert!(error <= TOLERANCE, "{name}: {error}");
        }
    }
}

#[test]
fn the_bundled_model_computes_what_transformers_computes() {
    let folder = bundled_model();
    require(
        &folder.join("model.safetensors"),
        "cargo run --release --example pretrain",
    );
    let nano =
        Pretrained::load(&folder, Precision::F32, &Device::flex()).expect("a good checkpoint");
    Expected::read("nano").check(&nano.model);
}

#[test]
fn the_bundled_tokenizer_gives_the_tokens_and_texts_of_transformers() {
    let folder = bundled_model();
    require(
        &folder.join("tokenizer.json"),
        "cargo run --release --example pretrain",
    );
    let nano =
        Pretrained::load(&folder, Precision::F32, &Device::flex()).expect("a good checkpoint");
    let expected = Expected::read("nano");
    for (index, facts) in expected.sequences() {
        let text = |key: &str| {
            facts[key]
                .as_str()
                .unwrap_or_else(|| panic!("{key} is no text"))
        };
        let tokens = nano
            .tokenizer
            .encode(text("prompt"))
            .expect("an ordinary text");
        assert_eq!(tokens, expected.tokens(&format!("{index}.token_ids")));
        let plain = |text: &str| text.replace("<|endoftext|>", "").replace("<|unknown|>", "");
        assert_eq!(
            nano.tokenizer.decode(&tokens).expect("text"),
            plain(text("decoded_prompt"))
        );
        let greedy = expected.tokens(&format!("{index}.greedy_token_ids"));
        assert_eq!(
            nano.tokenizer.decode(&greedy).expect("text"),
            plain(text("greedy_text"))
        );
    }
}

/// `expected.safetensors` and `expected.json` of one fixture.
struct Expected {
    name: String,
    tensors: Vec<u8>,
    about: Value,
}

impl Expected {
    fn read(name: &str) -> Self {
        let read = |file: &str| {
            let path = fixture(name).join(file);
            require(&path, "the generate.py beside it");
            fs::read(&path).expect("a readable file")
        };
        let about = serde_json::from_slice(&read("expected.json")).expect("JSON");
        Self {
            name: name.to_owned(),
            tensors: read("expected.safetensors"),
            about,
        }
    }

    fn check(&self, model: &Model) {
        let (mut logits_error, mut resid_error, mut logprob_error) = (0.0_f32, 0.0_f32, 0.0_f32);
        let mut largest_resid = 0.0_f32;
        for (index, _) in self.sequences() {
            let tokens = self.tokens(&format!("{index}.token_ids"));
            let mut logits = Matrix::new();
            let resid_posts = captured(&|_: HookPoint, resid_post| resid_post, |hook| {
                logits = matrix(model.logits(model.prefill(&[&tokens], Some(hook)).0));
            });
            let error = max_difference(&logits, &self.matrix(&format!("{index}.logits")));
            logits_error = logits_error.max(error);
            assert_eq!(resid_posts.len(), model.config.num_hidden_layers);
            for (layer, resid_post) in resid_posts.iter().enumerate() {
                let expected = self.matrix(&format!("{index}.resid_post.{layer}"));
                resid_error = resid_error.max(max_difference(resid_post, &expected));
                largest_resid = expected
                    .iter()
                    .flatten()
                    .fold(largest_resid, |most, x| most.max(x.abs()));
            }

            let expected = self.tokens(&format!("{index}.greedy_token_ids"));
            let (greedy, logprobs) = greedy(model, &tokens, expected.len());
            assert_eq!(greedy, expected, "greedy tokens of sequence {index}");
            let expected = self.matrix(&format!("{index}.greedy_logprobs"));
            logprob_error = logprob_error.max(max_difference(&[logprobs], &expected));
        }
        eprintln!(
            "{}: largest errors: logits {logits_error:.1e}, resid_post {resid_error:.1e}, \
             logprobs {logprob_error:.1e}",
            self.name
        );
        assert!(logits_error <= TOLERANCE, "logits: {logits_error}");
        // The residuals of the bundled model's last layer reach 283, where the spacing of f32 is
        // 3e-5.
        let resid_tolerance = TOLERANCE.max(1e-6 * largest_resid);
        assert!(
            resid_error <= resid_tolerance,
            "resid_post: {resid_error} of {largest_resid}"
        );
        assert!(logprob_error <= TOLERANCE, "logprobs: {logprob_error}");
    }

    fn sequences(&self) -> impl Iterator<Item = (usize, &Value)> {
        let sequences = self.about["sequences"]
            .as_array()
            .expect("a list of sequences");
        assert!(!sequences.is_empty());
        sequences.iter().enumerate()
    }

    fn tokens(&self, name: &str) -> Vec<u32> {
        self.numbers(name)
            .1
            .map(|word| u64::from_le_bytes(word) as u32)
            .collect()
    }

    /// A tensor with one or two axes. A vector is one row.
    fn matrix(&self, name: &str) -> Matrix {
        let (columns, words) = self.numbers(name);
        let values: Vec<f32> = words.map(f32::from_le_bytes).collect();
        values.chunks(columns).map(<[f32]>::to_vec).collect()
    }

    /// Length of the last axis, and the 32-bit words of the tensor.
    fn numbers<const N: usize>(&self, name: &str) -> (usize, impl Iterator<Item = [u8; N]>) {
        let file = SafeTensors::deserialize(&self.tensors).expect("a whole file");
        let view = file.tensor(name).expect("generate.py wrote it");
        assert_eq!(view.dtype().bitsize(), 8 * N, "{name}");
        let columns = *view.shape().last().expect("at least one axis");
        let words = view.data().to_vec();
        let word = move |index: usize| words[index * N..][..N].try_into().expect("N bytes");
        (columns, (0..view.data().len() / N).map(word))
    }
}

fn require(path: &Path, maker: &str) {
    assert!(
        path.is_file(),
        "{} is missing; it is committed, and `{maker}` makes it",
        path.display()
    );
}

/// The greedy continuation, and its log-probabilities in nats.
fn greedy(model: &Model, prompt: &[u32], count: usize) -> (Vec<u32>, Vec<f32>) {
    let request = Request {
        prompt,
        index: 0,
        samples: 1,
    };
    let sampling = Sampling {
        temperature: 0.0,
        max_new_tokens: count,
        ..Sampling::default()
    };
    let completion = generate(model, &[request], &sampling, GenerateOptions::default())
        .expect("a prompt that fits")
        .remove(0)
        .remove(0);
    (completion.tokens, completion.logprobs)
}
