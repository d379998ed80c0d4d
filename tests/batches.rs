//! A completion is the same whatever happens to its batch.
//!
//! Sequences end and new ones start, each request has its own vectors, stop texts end a completion,
//! and requests are cancelled.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use burn::tensor::{Device, Tensor};
use trimtab_model::checkpoint_weights::{CheckpointWeights, FloatDType};
use trimtab_model::generation::{Generation, SampledToken, stop_on_text};
use trimtab_model::hook::{HookFn, TokenInfo};
use trimtab_model::tensor_file::HostTensor;
use trimtab_model::{
    Completion, FinishReason, GenerateOptions, Hook, HookPoint, Intervention, LoadError, Model,
    ModelConfig, Precision, Pretrained, Request, Sampling, Site, generate,
};
use trimtab_steer::SteeringVectors;
use trimtab_tests::{
    Matrix, bits, bundled_model, fixture, fixture_model, matrix, max_difference, tiny,
};

/// Largest difference of a log-probability between a sequence in a batch and the same sequence
/// alone; see docs/performance.md.
const TOLERANCE: f32 = 2e-5;

/// 300 requests with 0 to 4 completions of 1 to 12 tokens, far more than decode at a time. Some
/// outgrow the sliding window.
#[test]
fn a_row_that_takes_the_place_of_another_computes_as_if_alone() {
    for model in [
        tiny().model,
        fixture_model("mistral"),
        fixture_model("phi3"),
        fixture_model("gemma2"),
        fixture_model("ministral3"),
        fixture_model("smollm3"),
    ] {
        let vocab_size = model.config.vocab_size as u32;
        let prompts: Vec<Vec<u32>> = (0..300)
            .map(|index| words(index, 1 + index * 7 % 23))
            .map(|words| words.iter().map(|word| word % vocab_size).collect())
            .collect();
        let requests: Vec<Request> = (0..)
            .zip(&prompts)
            .map(|(index, prompt)| Request {
                prompt,
                index,
                samples: index as usize % 5,
            })
            .collect();
        let sampling = Sampling {
            max_new_tokens: 30,
            stop_tokens: (20..26).collect(),
            seed: 5,
            ..Sampling::default()
        };
        let options = GenerateOptions::default();
        let mut generation =
            Generation::start(&model, &requests, &sampling, options).expect("prompts that fit");
        let mut streamed = empty(&requests);
        for drawn in &mut generation {
            note(&mut streamed, drawn.expect("finite logits"));
        }
        let together = generation.finish();
        assert_eq!(together, streamed, "the stream tells what is written");
        assert!(together.iter().flatten().count() == 600);
        let in_lanes = generate(&model, &requests, &sampling, options).expect("prompts that fit");
        let tokens = |all: &[Vec<Completion>]| -> Vec<Vec<u32>> {
            all.iter().flatten().map(|one| one.tokens.clone()).collect()
        };
        assert_eq!(tokens(&in_lanes), tokens(&together));
        let mut largest = 0.0_f32;
        for (request, together) in requests.iter().zip(&together).step_by(7) {
            let alone =
                generate(&model, &[*request], &sampling, options).expect("prompts that fit");
            for (alone, together) in alone[0].iter().zip(together) {
                assert_eq!(alone.tokens, together.tokens, "{}", model.config.model_type);
                assert_eq!(alone.finish_reason, together.finish_reason);
                let logprobs = [alone, together].map(|one| vec![one.logprobs.clone()]);
                largest = largest.max(max_difference(&logprobs[0], &logprobs[1]));
            }
        }
        eprintln!("{}: {largest:.1e}", model.config.model_type);
        assert!(largest <= TOLERANCE, "{largest}");
    }
}

#[test]
fn every_request_may_have_vectors_of_its_own() {
    let model = tiny().model;
    let sets: Vec<SteeringVectors> = (0..3)
        .map(|set| {
            let data = (0..3 * 36)
                .map(|index| ((7 * index + 31 * set) as f32).cos() * 0.4)
                .collect();
            SteeringVectors::from_host(
                &HostTensor {
                    shape: vec![3, 36],
                    data,
                },
                &Device::flex(),
            )
        })
        .collect();
    let set_of_request = vec![Some(2), Some(0), None, Some(1), Some(2)];
    let prompts: Vec<Vec<u32>> = (0..5).map(|index| words(index, 3 + index % 2)).collect();
    let requests: Vec<Request> = (0..)
        .zip(&prompts)
        .map(|(index, prompt)| Request {
            prompt,
            index,
            samples: 3,
        })
        .collect();
    let sampling = Sampling {
        max_new_tokens: 12,
        ..Sampling::default()
    };
    let by_prompt = SteeringVectors::hook_by_prompt(&sets, set_of_request.clone());
    let together =
        generate(&model, &requests, &sampling, with(Some(&by_prompt))).expect("prompts that fit");
    let mut texts = vec![];
    for ((request, &set), together) in requests.iter().zip(&set_of_request).zip(&together) {
        let hook = set.map(|set| sets[set].hook());
        let hook = hook.as_ref().map(|hook| hook as Hook);
        let alone = generate(&model, &[*request], &sampling, with(hook)).expect("prompts that fit");
        for (alone, together) in alone[0].iter().zip(together) {
            assert_eq!(alone.tokens, together.tokens, "set {set:?}");
            let logprobs = [alone, together].map(|one| vec![one.logprobs.clone()]);
            assert!(max_difference(&logprobs[0], &logprobs[1]) <= TOLERANCE);
        }
        texts.push(alone[0][0].tokens.clone());
    }
    let base = generate(&model, &requests, &sampling, with(None)).expect("prompts that fit");
    assert_eq!(
        texts[2], base[2][0].tokens,
        "a request without a set is not steered"
    );
    assert_ne!(texts[0], base[0][0].tokens, "the vectors matter");
}

#[test]
fn a_completion_ends_where_a_text_is_complete() {
    let nano = Pretrained::load(&bundled_model(), Precision::F32, &Device::flex())
        .expect("the bundled model");
    let prompt = nano
        .tokenizer
        .encode(
            "Problem: Tom has 12 apples. He buys 7 more apples. \
             How many apples does Tom have now?\nAnswer:",
        )
        .expect("an ordinary text");
    let request = [Request {
        prompt: &prompt,
        index: 0,
        samples: 20,
    }];
    let sampling = Sampling {
        max_new_tokens: 48,
        stop_tokens: nano.model.config.eos_token_id.clone(),
        ..Sampling::default()
    };
    let free = generate(&nano.model, &request, &sampling, with(None)).expect("a prompt that fits");
    // Each digit is a token, so both stop texts span several tokens.
    let strings = ["19".to_owned(), "so 1".to_owned(), String::new()];
    let stop = stop_on_text(&nano.tokenizer, &strings);
    let options = GenerateOptions {
        stop: Some(&stop),
        ..GenerateOptions::default()
    };
    let stopped = generate(&nano.model, &request, &sampling, options).expect("a prompt that fits");
    let mut ended = 0;
    for (free, stopped) in free[0].iter().zip(&stopped[0]) {
        let holds = |len: usize| {
            let text = nano.tokenizer.decode(&free.tokens[..len]).expect("text");
            text.contains("19") || text.contains("so 1")
        };
        let len = (1..=free.tokens.len()).find(|&len| holds(len));
        ended += usize::from(len.is_some());
        assert_eq!(
            stopped.tokens,
            free.tokens[..len.unwrap_or(free.tokens.len())]
        );
        let reason = len.map_or(free.finish_reason, |_| FinishReason::Stop);
        assert_eq!(stopped.finish_reason, reason);
    }
    assert!(
        (3..20).contains(&ended),
        "texts of both kinds are wanted: {ended}"
    );
}

#[test]
fn cancelled_completions_end_and_the_others_continue() {
    let model = tiny().model;
    let prompt = words(0, 5);
    let requests = [0, 1].map(|index| Request {
        prompt: &prompt,
        index,
        samples: 2,
    });
    let sampling = Sampling {
        max_new_tokens: 9,
        ..Sampling::default()
    };
    let whole = generate(&model, &requests, &sampling, with(None)).expect("prompts that fit");
    let mut generation =
        Generation::start(&model, &requests, &sampling, with(None)).expect("prompts that fit");
    for _ in 0..3 * 4 {
        generation
            .next()
            .expect("nine tokens of each")
            .expect("finite logits");
    }
    generation.cancel(1, 0);
    assert!(generation.by_ref().all(|drawn| drawn.is_ok()));
    for (request, sample) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        let (found, whole) = (
            &generation.completions()[request][sample],
            &whole[request][sample],
        );
        if (request, sample) == (1, 0) {
            assert_eq!(found.finish_reason, FinishReason::Cancelled);
            assert_eq!(found.tokens, whole.tokens[..3]);
        } else {
            assert_eq!(
                (&found.tokens, found.finish_reason),
                (&whole.tokens, FinishReason::Length)
            );
        }
    }

    // Waiting requests take the place of all the cancelled ones at once.
    let request = [Request {
        prompt: &prompt,
        index: 0,
        samples: 300,
    }];
    let mut generation =
        Generation::start(&model, &request, &sampling, with(None)).expect("a prompt that fits");
    for sample in 0..256 {
        generation.cancel(0, sample);
    }
    assert!(generation.by_ref().all(|drawn| drawn.is_ok()));
    for (sample, completion) in generation.completions()[0].iter().enumerate() {
        let expected = if sample < 256 {
            (0, FinishReason::Cancelled)
        } else {
            (9, FinishReason::Length)
        };
        assert_eq!(
            (completion.tokens.len(), completion.finish_reason),
            expected
        );
    }

    let cancel = AtomicBool::new(false);
    let hook = |at: HookPoint, x| {
        // Once the third token has run.
        cancel.fetch_or(at.tokens[0].position == 7, Ordering::Relaxed);
        x
    };
    let options = GenerateOptions {
        hook: Some(&hook),
        cancel: Some(&cancel),
        ..GenerateOptions::default()
    };
    for completion in generate(&model, &requests, &sampling, options)
        .expect("prompts that fit")
        .concat()
    {
        assert_eq!(
            (completion.tokens.len(), completion.finish_reason),
            (3, FinishReason::Cancelled)
        );
    }
}

/// The activation at each site follows from the one before it, and the next layer reads what a hook
/// returned.
#[test]
fn sites_add_up() {
    let model = fixture_model("gemma3");
    let seen = Mutex::new(vec![]);
    let keep = |at: HookPoint, x: Tensor<2>| {
        seen.lock()
            .expect("one thread")
            .push((at.layer, at.site, matrix(x.clone())));
        if (at.layer, at.site) == (1, Site::ResidPost) {
            x * 2.0
        } else {
            x
        }
    };
    let tokens = words(3, 11);
    model.prefill(&[&tokens], Some(&keep));
    let seen = seen.into_inner().expect("one thread");
    let sites: Vec<(usize, Site)> = seen.iter().map(|&(layer, site, _)| (layer, site)).collect();
    let resid_sites = Site::ALL.into_iter().filter(|site| !site.is_projection());
    let order = (0..3).flat_map(|layer| resid_sites.clone().map(move |site| (layer, site)));
    assert_eq!(sites, order.collect::<Vec<_>>());
    let at = |layer: usize, site: usize| &seen[5 * layer + site].2;
    for layer in 0..3 {
        assert_eq!(
            bits(at(layer, 2)),
            bits(&sum(at(layer, 0), at(layer, 1))),
            "resid_mid"
        );
        assert_eq!(
            bits(at(layer, 4)),
            bits(&sum(at(layer, 2), at(layer, 3))),
            "resid_post"
        );
    }
    assert_eq!(bits(at(1, 0)), bits(at(0, 4)));
    assert_eq!(
        bits(at(2, 0)),
        bits(&sum(at(1, 4), at(1, 4))),
        "the hook doubled it"
    );
}

/// Doubling the output of a projection is doubling its weight and bias. A hook runs only at the
/// sites that it asked for.
#[test]
fn every_projection_is_seen_where_it_is_asked_for() {
    struct Doubled {
        layer: usize,
        projection: Site,
    }

    impl Intervention for Doubled {
        fn begin_forward(&self) -> HookFn<'_> {
            Box::new(|at: HookPoint, x| {
                assert_eq!((at.layer, at.site), (self.layer, self.projection));
                let input = at.input.expect("a projection reads something");
                assert_eq!(input.dims()[0], at.tokens.len());
                x * 2.0
            })
        }

        fn hooks(&self, layer: usize, site: Site) -> bool {
            (layer, site) == (self.layer, self.projection)
        }
    }

    let folder = fixture("tiny_qwen2");
    let config = ModelConfig::from_dir(&folder).expect("a good configuration");
    let weights = CheckpointWeights::open(&folder).expect("a whole file");
    let build = |doubled: &str| {
        Model::from_tensors(config.clone(), &mut |name, _| {
            let tensor = weights.tensor(name, FloatDType::F32, &Device::flex())?;
            Ok::<_, LoadError>(if name.contains(doubled) {
                tensor * 2.0
            } else {
                tensor
            })
        })
        .expect("sound tensors")
    };
    let model = build("no such tensor");
    let tokens = words(0, 9);
    let read = |model: &Model, hook: Option<Hook>| matrix(model.prefill(&[&tokens], hook).0);
    let plain = read(&model, None);
    for projection in Site::ALL.into_iter().filter(|site| site.is_projection()) {
        let name = format!("layers.1.{}.", projection.module().expect("a projection"));
        let expected = read(&build(&name), None);
        assert!(max_difference(&expected, &plain) > 0.1, "{name}");
        let doubled = Doubled {
            layer: 1,
            projection,
        };
        let difference = max_difference(&read(&model, Some(&doubled)), &expected);
        assert!(difference < 1e-4, "{name} {difference}");
    }
}

/// A cache holds what a hook at the same sites is shown, after steering.
#[test]
fn a_cache_holds_what_hooks_are_shown() {
    struct Collected<'a> {
        steer: Hook<'a>,
        sites: &'a [Site],
        seen: Mutex<BTreeMap<(Site, usize), Matrix>>,
    }

    impl Intervention for Collected<'_> {
        fn begin_forward(&self) -> HookFn<'_> {
            let mut steer = self.steer.begin_forward();
            Box::new(move |at: HookPoint, x| {
                let x = if self.steer.hooks(at.layer, at.site) {
                    steer(at, x)
                } else {
                    x
                };
                if self.sites.contains(&at.site) {
                    let mut seen = self.seen.lock().expect("no hook panicked");
                    seen.insert((at.site, at.layer), matrix(x.clone()));
                }
                x
            })
        }

        fn hooks(&self, layer: usize, site: Site) -> bool {
            self.sites.contains(&site) || self.steer.hooks(layer, site)
        }
    }

    let model = tiny().model;
    let texts = [words(0, 9), words(4, 5)];
    let texts: Vec<&[u32]> = texts.iter().map(Vec::as_slice).collect();
    let nothing = |_: HookPoint, x: Tensor<2>| x;
    let steer = |at: HookPoint, x: Tensor<2>| match at.site {
        Site::ResidPost if at.layer == 1 => x * 1.5,
        _ => x,
    };
    for (name, steer) in [("base", &nothing as Hook), ("steered", &steer as Hook)] {
        for sites in [
            &Site::ALL[..],
            &[Site::ResidPost],
            &[Site::VProj, Site::MlpOut],
            &[],
        ] {
            let collected = Collected {
                steer,
                sites,
                seen: Mutex::default(),
            };
            let (expected, _) = model.prefill(&texts, Some(&collected));
            let seen = collected.seen.into_inner().expect("no hook panicked");
            let (resid_post, cache) = model.run_with_cache(&texts, sites, Some(steer));
            assert_eq!(bits(&matrix(resid_post)), bits(&matrix(expected)), "{name}");
            assert_eq!(cache.iter().count(), seen.len());
            assert_eq!(seen.len(), sites.len() * model.config.num_hidden_layers);
            for ((site, layer), expected) in &seen {
                let kept = cache.get(*site, *layer).expect("it was asked for");
                assert_eq!(
                    bits(&matrix(kept.clone())),
                    bits(expected),
                    "{name} {site:?}"
                );
            }
            assert!(cache.get(Site::ResidPost, 99).is_none());
            assert_eq!(
                cache.get(Site::KProj, 0).is_some(),
                sites.contains(&Site::KProj)
            );
        }
    }
    let (base, _) = model.run_with_cache(&texts, &[], None);
    let (unhooked, _) = model.prefill(&texts, None);
    assert_eq!(bits(&matrix(base)), bits(&matrix(unhooked)));
}

#[test]
fn a_hook_gets_the_positions_of_its_tokens() {
    let model = fixture_model("phi3"); // reads a text anew when it outgrows 40 tokens
    let prompts = [words(0, 37), words(1, 2)];
    let requests = [0, 1].map(|index| Request {
        prompt: &prompts[index],
        index: 7,
        samples: 1 + index,
    });
    let sampling = Sampling {
        max_new_tokens: 6,
        ..Sampling::default()
    };
    let seen = Mutex::new(vec![]);
    let hook = |at: HookPoint, x| {
        if (at.layer, at.site) == (0, Site::ResidPre) {
            seen.lock().expect("one thread").push(at.tokens.to_vec());
        }
        x
    };
    let mut generation = Generation::start(&model, &requests, &sampling, with(Some(&hook)))
        .expect("prompts that fit");
    assert!(generation.all(|drawn| drawn.is_ok()));
    let completions = generation.finish();
    let text =
        |prompt: usize, sample: usize, positions: std::ops::Range<usize>| -> Vec<TokenInfo> {
            let written = &completions[prompt][sample].tokens;
            let ids = [&prompts[prompt][..], written].concat();
            positions
                .map(|position| TokenInfo {
                    prompt,
                    position,
                    prompt_len: prompts[prompt].len(),
                    id: ids[position],
                })
                .collect()
        };
    let step = |step: usize, with_first: bool| {
        let first = if with_first {
            text(0, 0, 37 + step..38 + step)
        } else {
            vec![]
        };
        let other = |sample| text(1, sample, 2 + step..3 + step);
        [first, other(0), other(1)].concat()
    };
    let again = text(0, 0, 0..41);
    let expected = vec![
        [text(0, 0, 0..37), text(1, 0, 0..2)].concat(),
        step(0, true),
        step(1, true),
        step(2, true),
        step(3, false),
        again,
        [step(4, false), text(0, 0, 41..42)].concat(),
    ];
    let seen = seen.into_inner().expect("one thread");
    assert!(
        seen[0].iter().all(|token| !token.is_generated())
            && seen[1].iter().all(TokenInfo::is_generated)
    );
    assert_eq!(seen, expected);
}

fn with(hook: Option<Hook>) -> GenerateOptions {
    GenerateOptions {
        hook,
        ..GenerateOptions::default()
    }
}

/// Arbitrary tokens that every model here has.
fn words(start: usize, len: usize) -> Vec<u32> {
    (0..len)
        .map(|index| ((start * 31 + index * 17 + index * index) % 59) as u32)
        .collect()
}

fn sum(left: &Matrix, right: &Matrix) -> Matrix {
    let add = |(left, right): (&Vec<f32>, &Vec<f32>)| {
        left.iter()
            .zip(right)
            .map(|(left, right)| left + right)
            .collect()
    };
    left.iter().zip(right).map(add).collect()
}

fn empty(requests: &[Request]) -> Vec<Vec<Completion>> {
    let unwritten = Completion {
        tokens: vec![],
        logprobs: vec![],
        finish_reason: FinishReason::Length,
    };
    requests
        .iter()
        .map(|request| vec![unwritten.clone(); request.samples])
        .collect()
}

fn note(completions: &mut [Vec<Completion>], drawn: SampledToken) {
    let completion = &mut completions[drawn.request][drawn.sample];
    completion.tokens.push(drawn.token);
    completion.logprobs.push(drawn.logprob);
    if let Some(reason) = drawn.finish_reason {
        completion.finish_reason = reason;
    }
}
