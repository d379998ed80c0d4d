//! Bounding the memory of a gradient does not change the gradient.
//!
//! Two things bound it: activations are recomputed in the backward pass, and a group is split into
//! parts.

use burn::tensor::Device;
use trimtab_model::checkpoint_weights::CheckpointWeights;
use trimtab_model::{Completion, FinishReason, Model, Precision, Pretrained, Site};
use trimtab_rl::Policy;
use trimtab_rl::gradient::{
    BackwardConfig, GroupGradient, GroupLoss, LogprobGrads, group_gradient,
};
use trimtab_steer::form::{Gated, Lora, LowRank, PerLayer};
use trimtab_steer::token_filter::{Condition, Part, TokenSet};
use trimtab_steer::{Adapter, Form, TokenFilter};
use trimtab_tests::{bundled_model, fixture, tiny};

const WHOLE: BackwardConfig = BackwardConfig {
    tokens_per_part: usize::MAX,
    gradient_checkpointing: false,
};

/// Adapters of every kind, and full tuning.
///
/// One has a condition that is decided at one layer and applies at the next ones. Full tuning
/// trains the embedding, the final norm and the unembedding, which lie outside the layers.
#[test]
fn checkpointing_gives_the_same_bits() {
    let models = [
        tiny().model,
        Pretrained::load(&bundled_model(), Precision::F32, &Device::flex())
            .expect("the bundled model")
            .model,
        Pretrained::load(
            &bundled_model(),
            Precision::fastest(&Device::flex()),
            &Device::flex(),
        )
        .expect("the bundled model")
        .model,
    ];
    for model in &models {
        for (adapter, token_filter) in forms(model) {
            let name = adapter.form().name();
            for (prompt_len, tokens_per_part) in [(9, usize::MAX), (9, 30), (1, 30)] {
                let config = BackwardConfig {
                    tokens_per_part,
                    ..WHOLE
                };
                let kept = gradient(model, &adapter, &token_filter, prompt_len, &config);
                let config = BackwardConfig {
                    gradient_checkpointing: true,
                    ..config
                };
                let made_again = gradient(model, &adapter, &token_filter, prompt_len, &config);
                assert!(
                    kept.grads.iter().flatten().any(|&grad| grad != 0.0),
                    "{name}"
                );
                // All layers share the directions of `low_rank`, so their gradient is one product
                // or a sum over layers.
                if matches!(adapter.form(), Form::LowRank(_)) {
                    assert_eq!(kept.logprobs, made_again.logprobs);
                    assert_close(&made_again, &kept, name);
                    continue;
                }
                let bits = |found: &GroupGradient| -> Vec<u32> {
                    let grads = found.grads.iter().flatten().chain(&found.logprobs);
                    grads.map(|number| number.to_bits()).collect()
                };
                assert!(
                    bits(&kept) == bits(&made_again),
                    "{name}, prompt of {prompt_len}, parts of {tokens_per_part}"
                );
            }
        }
    }
}

/// The same for the condition alone.
///
/// It holds at some tokens and not at others, so that the equality of bits above tests it.
#[test]
fn the_condition_of_the_test_holds_at_some_tokens() {
    let model = tiny().model;
    let (adapter, conditional) = forms(&model).remove(1);
    assert!(conditional.condition.is_some());
    let of = |token_filter: &TokenFilter| gradient(&model, &adapter, token_filter, 9, &WHOLE).grads;
    let (some, all) = (of(&conditional), of(&TokenFilter::default()));
    assert_ne!(some, all);
    let never = TokenFilter {
        condition: conditional.condition.map(|condition| Condition {
            threshold: 1.1,
            ..condition
        }),
        ..TokenFilter::default()
    };
    assert!(of(&never).iter().flatten().all(|&grad| grad == 0.0));
}

/// In f32, with parts of one completion, of some, and of all but one, for every kind of loss.
#[test]
fn parts_of_a_group_have_the_gradient_of_the_whole() {
    let models = [
        tiny().model,
        Pretrained::load(&bundled_model(), Precision::F32, &Device::flex())
            .expect("the bundled model")
            .model,
    ];
    for model in &models {
        for (adapter, token_filter) in forms(model) {
            let name = adapter.form().name();
            for prompt_len in [1, 9] {
                let whole = gradient(model, &adapter, &token_filter, prompt_len, &WHOLE);
                for tokens_per_part in [1, 20, 60] {
                    let config = BackwardConfig {
                        tokens_per_part,
                        ..WHOLE
                    };
                    let parts = gradient(model, &adapter, &token_filter, prompt_len, &config);
                    if matches!(adapter.form(), Form::PerLayer(_)) {
                        assert_eq!(parts.logprobs, whole.logprobs, "rows compute alone");
                    } else {
                        // Matrix products of the generic path sum in another order for other
                        // numbers of rows.
                        let pairs = parts.logprobs.iter().zip(&whole.logprobs);
                        assert!(pairs.map(|(a, b)| (a - b).abs()).all(|gap| gap < 1e-5));
                    }
                    assert_close(&parts, &whole, name);
                }
            }
        }
    }
}

/// A group that fits into memory is not split, so the default changes nothing for it.
#[test]
fn a_group_that_fits_is_one_part() {
    let model = tiny().model;
    let tokens = completions().iter().map(|one| one.tokens.len()).sum();
    let (adapter, token_filter) = forms(&model).remove(0);
    let of = |tokens_per_part| {
        let config = BackwardConfig {
            tokens_per_part,
            ..WHOLE
        };
        gradient(&model, &adapter, &token_filter, 9, &config)
    };
    assert_eq!(of(tokens), of(usize::MAX));
    assert_ne!(of(tokens - 1), of(usize::MAX), "another order of sums");
}

/// The loss has a term that depends on the log-probabilities, and an entropy bonus.
fn gradient(
    model: &Model,
    adapter: &Adapter,
    token_filter: &TokenFilter,
    prompt_len: usize,
    config: &BackwardConfig,
) -> GroupGradient {
    let prompt: Vec<u32> = [3, 14, 15, 9, 2, 6, 5, 35, 8][..prompt_len].to_vec();
    let completions = completions();
    let completions: Vec<&Completion> = completions.iter().collect();
    let tokens: usize = completions.iter().map(|one| one.tokens.len()).sum();
    let logprob_grads = move |logprobs: &[f32]| -> Vec<f32> {
        assert_eq!(logprobs.len(), tokens);
        let numbered = logprobs.iter().zip(0..);
        numbered
            .map(|(logprob, i)| logprob.exp() - (i * 29 % 17) as f32 / 16.0)
            .collect()
    };
    let group = GroupLoss {
        prompt: &prompt,
        completions,
        temperature: 0.9,
        logprob_grads: LogprobGrads::Computed(Box::new(logprob_grads)),
        entropy_weights: vec![0.1; tokens],
    };
    let policy = Policy::new(adapter.to_device(&Device::flex()), token_filter.clone());
    let policy = policy.expect("a clause that can be followed");
    group_gradient(&model.autodiff(), &policy, &group, config)
}

/// 69 tokens. One completion has a single token, which is not run.
fn completions() -> Vec<Completion> {
    let completion = |(row, len): (u32, u32)| Completion {
        tokens: (0..len).map(|i| (row * 31 + i * i * 7 + 5) % 89).collect(),
        logprobs: vec![0.0; len as usize],
        finish_reason: FinishReason::Length,
    };
    (0..).zip([17, 1, 13, 19, 8, 11]).map(completion).collect()
}

/// Away from the initial values, where some gradients are zero. The second adapter has a condition.
fn forms(model: &Model) -> Vec<(Adapter, TokenFilter)> {
    let config = &model.config;
    let init = |form| {
        let mut adapter = Adapter::init(form, config).expect("a form that fits");
        for (parameter, values) in adapter.values_mut().enumerate() {
            for (index, value) in values.iter_mut().enumerate() {
                *value += 0.1 * (((index * 31 + parameter * 7) % 13) as f32 / 6.5 - 0.95);
            }
        }
        adapter
    };
    let lora = Lora {
        target_modules: vec![Site::VProj, Site::DownProj],
        ..Lora::default()
    };
    let above_the_first = PerLayer {
        layers: Some(vec![1, 2]),
        ..PerLayer::default()
    };
    let condition = Condition {
        layer: 0,
        vector: (0..config.hidden_size)
            .map(|i| if i % 3 == 0 { 1.0 } else { -0.4 })
            .collect(),
        threshold: 0.0,
    };
    let conditional = TokenFilter {
        condition: Some(condition),
        ..TokenFilter::default()
    };
    let generated = TokenFilter {
        only: TokenSet {
            part: Part::Generated,
            ..TokenSet::default()
        },
        ..TokenFilter::default()
    };
    let mut forms = vec![
        (init(Form::default()), TokenFilter::default()),
        (init(Form::default()), conditional.clone()),
        (init(Form::PerLayer(above_the_first)), conditional),
        (
            init(Form::LowRank(LowRank::default())),
            TokenFilter::default(),
        ),
        (init(Form::Gated(Gated::default())), generated),
        (init(Form::Lora(lora)), TokenFilter::default()),
    ];
    let weights = CheckpointWeights::open(&fixture("tiny_qwen2")).expect("a whole file");
    if let Ok(full) = Adapter::full(config, &weights) {
        forms.push((full, TokenFilter::default())); // the other model has other shapes
    }
    forms
}

/// Compares each parameter, within the rounding of f32.
fn assert_close(found: &GroupGradient, expected: &GroupGradient, name: &str) {
    for (found, expected) in found.grads.iter().zip(&expected.grads) {
        let difference: Vec<f32> = found.iter().zip(expected).map(|(a, b)| a - b).collect();
        let error = norm(&difference) / norm(expected).max(1e-3);
        assert!(error < 1e-5, "{name}: {error}");
    }
}

fn norm(values: &[f32]) -> f64 {
    let squares = values.iter().map(|&value| f64::from(value).powi(2));
    squares.sum::<f64>().sqrt()
}
