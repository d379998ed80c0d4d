//! Which tokens are steered, by the trace and by the residual stream.

use std::sync::Mutex;

use burn::tensor::{Device, Tensor};
use trimtab_model::hook::{HookFn, TokenInfo};
use trimtab_model::tensor_file::HostTensor;
use trimtab_model::{
    GenerateOptions, Hook, HookPoint, Intervention, Model, Request, Sampling, Site, generate,
};
use trimtab_steer::form::{Gated, PerLayer};
use trimtab_steer::steering::SteeredToken;
use trimtab_steer::token_filter::{Condition, Part, TokenSet};
use trimtab_steer::{
    Adapter, Conflict, DeviceAdapter, Form, Steering, SteeringError, TokenFilter, TokenFilterError,
};
use trimtab_tests::{Matrix, matrix, max_difference, tiny};

/// Two prompts of 6 and 3 tokens. The first has completions of 3 and 1 tokens, the second one of 2.
const PROMPTS: [&[u32]; 2] = [&[3, 14, 15, 9, 2, 6], &[53, 14, 8]];
const COMPLETIONS: [&[&[u32]]; 2] = [&[&[7, 14, 1], &[88]], &[&[5, 5]]];

/// Each clause with the tokens that it selects as (prompt, position), written by hand. The
/// completions of a prompt follow each other.
#[test]
fn a_clause_selects_its_tokens() {
    let all: Vec<(usize, usize)> = [
        (0..6).map(|position| (0, position)).collect::<Vec<_>>(),
        (0..3).map(|position| (1, position)).collect(),
        vec![(0, 6), (0, 7), (0, 8), (0, 6), (1, 3), (1, 4)],
    ]
    .concat();
    let prompt = all[..9].to_vec();
    let generated = all[9..].to_vec();
    let table: Vec<(&str, Vec<(usize, usize)>)> = vec![
        ("", all.clone()),
        ("only.part = 'prompt'", prompt),
        ("only.part = 'generated'", generated),
        (
            "only = { part = 'prompt', first = 2, last = 2 }",
            vec![(0, 0), (0, 1), (0, 4), (0, 5), (1, 0), (1, 1), (1, 2)],
        ),
        ("only = { part = 'prompt', last = 1 }", vec![(0, 5), (1, 2)]),
        (
            "only = { part = 'generated', first = 1 }",
            vec![(0, 6), (0, 6), (1, 3)],
        ),
        ("only.first = 4", {
            let mut first = all.clone();
            first.retain(|&(_, position)| position < 4);
            first
        }),
        ("only.positions = [1, 7]", vec![(0, 1), (1, 1), (0, 7)]),
        ("only.ids = [14]", vec![(0, 1), (1, 1), (0, 7)]),
        ("only = { ids = [14], part = 'generated' }", vec![(0, 7)]),
        (
            "only.part = 'prompt'\nexcept = { ids = [14, 53] }",
            vec![(0, 0), (0, 2), (0, 3), (0, 4), (0, 5), (1, 2)],
        ),
        (
            "only.part = 'prompt'\nexcept = { part = 'prompt', first = 3, last = 2 }",
            vec![(0, 3)],
        ),
        ("only.positions = []", vec![]),
        ("only.first = 0", vec![]),
    ];
    let model = tiny().model;
    for (clause, places) in table {
        let token_filter: TokenFilter = toml::from_str(clause).expect(clause);
        let mut expected: Vec<SteeredToken> = places
            .iter()
            .flat_map(|&(prompt, position)| {
                [0, 2].map(|layer| SteeredToken {
                    adapter: 0,
                    prompt,
                    position,
                    layer,
                    site: Site::ResidPost,
                })
            })
            .collect();
        expected.sort_unstable();
        let steering = one(vectors(&model, Some(vec![0, 2])), token_filter).with_trace();
        let seen = run(&model, &steering);
        assert_eq!(steering.take_trace(), expected, "{clause}");
        assert!(steering.take_trace().is_empty(), "taken");

        // The first steered layer shows where the vector was added and where not.
        let vector = &row(0);
        let base = run(&model, &|_: HookPoint, x| x);
        for ((token, steered), base) in seen[0]
            .iter()
            .zip(&base[0])
            .map(|(s, b)| ((s.0, &s.1), &b.1))
        {
            let here = |steered: &SteeredToken| {
                (steered.prompt, steered.position) == (token.prompt, token.position)
            };
            let expected: Vec<f32> = if expected.iter().any(here) {
                base.iter().zip(vector).map(|(x, v)| x + v).collect()
            } else {
                base.clone()
            };
            assert_eq!(steered, &expected, "{clause} {token:?}");
        }
    }
}

#[test]
fn generation_steers_the_tokens_that_training_steers() {
    let model = tiny().model;
    let token_filter: TokenFilter =
        toml::from_str("only.part = 'prompt'\nonly.last = 2").expect("a clause");
    let generated: TokenFilter =
        toml::from_str("only = { part = 'generated', first = 2 }").expect("a clause");
    let leaves = vectors(&model, None);
    let steering = Steering::new(
        vec![(leaves.clone(), token_filter), (leaves, generated)],
        Conflict::Error,
    )
    .expect("they never meet")
    .with_trace();
    let requests = PROMPTS.map(|prompt| Request {
        prompt,
        index: 1,
        samples: 3,
    });
    let sampling = Sampling {
        max_new_tokens: 4,
        ..Sampling::default()
    };
    let options = GenerateOptions {
        hook: Some(&steering),
        ..GenerateOptions::default()
    };
    let completed = generate(&model, &requests, &sampling, options).expect("prompts that fit");
    let mut sampled = steering.take_trace();
    let (_, prompts) = model.prefill(&PROMPTS, Some(&steering));
    let rows: Vec<Vec<&[u32]>> = completed
        .iter()
        .map(|rows| rows.iter().map(|row| &row.tokens[..3]).collect()) // the last token is not run
        .collect();
    let trained = model.forward_completions(&prompts, &rows, Some(&steering));
    assert_eq!(sampled, steering.take_trace());
    sampled.retain(|steered| steered.layer == 1 && steered.prompt == 0);
    let places: Vec<(usize, usize)> = sampled.iter().map(|s| (s.adapter, s.position)).collect();
    assert_eq!(
        places,
        [
            (0, 4),
            (0, 5),
            (1, 6),
            (1, 6),
            (1, 6),
            (1, 7),
            (1, 7),
            (1, 7)
        ]
    );

    // The trainer computes what was sampled.
    let targets: Vec<u32> = completed
        .iter()
        .flatten()
        .flat_map(|row| row.tokens[1..].to_vec())
        .collect();
    let logprobs = model.logprobs(trained, &targets, 1.0);
    let trained: Vec<f32> = logprobs.try_into_vec_as().expect("computed in f32");
    let sampled = completed
        .iter()
        .flatten()
        .flat_map(|row| &row.logprobs[1..]);
    for (sampled, trained) in sampled.zip(trained) {
        assert!((sampled - trained).abs() < 2e-5, "{sampled} {trained}");
    }
}

#[test]
fn strength_scales_what_is_added() {
    let model = tiny().model;
    let strong = TokenFilter {
        strength: -0.5,
        ..TokenFilter::default()
    };
    let steered = run(&model, &one(vectors(&model, Some(vec![1])), strong));
    let base = run(&model, &|_: HookPoint, x| x);
    for ((_, steered), (_, base)) in steered[1].iter().zip(&base[1]) {
        for ((steered, base), vector) in steered.iter().zip(base).zip(row(1)) {
            assert!((steered - base + 0.5 * vector).abs() < 1e-5);
        }
    }
}

/// The cosine is computed in f64, and the threshold lies between those of two tokens.
#[test]
fn a_condition_steers_the_tokens_whose_residual_points_that_way() {
    let model = tiny().model;
    let base = run(&model, &|_: HookPoint, x| x);
    let vector: Vec<f32> = (0..36).map(|i| (i as f32 * 0.7).sin()).collect();
    let cosine = |x: &[f32]| {
        let dot = |a: &[f32], b: &[f32]| -> f64 {
            a.iter()
                .zip(b)
                .map(|(a, b)| f64::from(*a) * f64::from(*b))
                .sum()
        };
        dot(x, &vector) / (dot(x, x) * dot(&vector, &vector)).sqrt()
    };
    let mut cosines: Vec<f64> = base[0].iter().map(|(_, x)| cosine(x)).collect();
    let by_token = cosines.clone();
    cosines.sort_by(f64::total_cmp);
    let threshold = f64::midpoint(cosines[7], cosines[8]);
    assert!(cosines[8] - cosines[7] > 1e-4, "tokens lie apart");
    let token_filter = TokenFilter {
        condition: Some(Condition {
            layer: 0,
            vector: vector.clone(),
            threshold: threshold as f32,
        }),
        ..TokenFilter::default()
    };
    // The condition is read at layer 0 and used much later, at layer 2.
    for layer in [0, 2] {
        let steering = one(vectors(&model, Some(vec![layer])), token_filter.clone()).with_trace();
        run(&model, &steering);
        let mut expected: Vec<SteeredToken> = base[0]
            .iter()
            .zip(&by_token)
            .filter(|(_, cosine)| **cosine > threshold)
            .map(|((token, _), _)| SteeredToken {
                adapter: 0,
                prompt: token.prompt,
                position: token.position,
                layer,
                site: Site::ResidPost,
            })
            .collect();
        expected.sort_unstable();
        assert_eq!(expected.len(), 7, "of 15 tokens, all with other cosines");
        assert_eq!(steering.take_trace(), expected, "layer {layer}");
    }
    // With another clause, both must hold. Where they do not, the next set acts.
    let mut in_prompts = token_filter.clone();
    in_prompts.only.part = Part::Prompt;
    let leaves = vectors(&model, Some(vec![2]));
    let sets = vec![
        (leaves.clone(), in_prompts),
        (leaves.clone(), token_filter.clone()),
        (leaves, TokenFilter::default()),
    ];
    let steering = Steering::new(sets, Conflict::Priority)
        .expect("sound clauses")
        .with_trace();
    run(&model, &steering);
    let mut expected: Vec<(usize, usize, usize)> = base[0]
        .iter()
        .zip(&by_token)
        .map(|((token, _), cosine)| {
            let set = match (*cosine > threshold, token.is_generated()) {
                (true, false) => 0,
                (true, true) => 1,
                (false, _) => 2,
            };
            (set, token.prompt, token.position)
        })
        .collect();
    expected.sort_unstable();
    assert!((0..3).all(|set| expected.iter().any(|token_filter| token_filter.0 == set)));
    let found = steering.take_trace().into_iter();
    let found: Vec<_> = found.map(|s| (s.adapter, s.prompt, s.position)).collect();
    assert_eq!(found, expected);

    // No residual has a cosine above 1, and all have one above -1.
    for (threshold, count) in [(1.0, 0), (-1.01, 15)] {
        let mut token_filter = token_filter.clone();
        token_filter
            .condition
            .as_mut()
            .expect("given above")
            .threshold = threshold;
        let steering = one(vectors(&model, Some(vec![1])), token_filter).with_trace();
        run(&model, &steering);
        assert_eq!(steering.take_trace().len(), count);
    }
}

/// Conditions of forward passes that run at the same time do not mix.
#[test]
fn passes_keep_their_conditions_apart() {
    let model = tiny().model;
    let token_filter = TokenFilter {
        condition: Some(Condition {
            layer: 0,
            vector: (0..36).map(|i| (i as f32 * 0.7).sin()).collect(),
            threshold: 0.0,
        }),
        ..TokenFilter::default()
    };
    let steering = one(vectors(&model, None), token_filter);
    let read = |prompt: &[u32]| matrix(model.prefill(&[prompt], Some(&steering)).0);
    let prompts: Vec<Vec<u32>> = (0..40)
        .map(|p| (0..9).map(|i| (p * 31 + i * 17) % 89).collect())
        .collect();
    let alone: Vec<Matrix> = prompts.iter().map(|prompt| read(prompt)).collect();
    let together: Vec<Matrix> = std::thread::scope(|scope| {
        let threads: Vec<_> = prompts
            .iter()
            .map(|prompt| scope.spawn(|| read(prompt)))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("no pass panicked"))
            .collect()
    });
    assert!(alone == together);
}

#[test]
fn overlapping_sets_follow_the_policy() {
    let model = tiny().model;
    let leaves = vectors(&model, Some(vec![1]));
    let first: TokenFilter = toml::from_str("only.ids = [14]").expect("a clause");
    let second: TokenFilter = toml::from_str("strength = 3.0").expect("a clause");
    let sets = |conflict| {
        Steering::new(
            vec![
                (leaves.clone(), first.clone()),
                (leaves.clone(), second.clone()),
            ],
            conflict,
        )
    };
    let base = run(&model, &|_: HookPoint, x| x);
    for (conflict, met) in [(Conflict::Sum, 4.0), (Conflict::Priority, 1.0)] {
        let steering = sets(conflict).expect("nothing is wrong").with_trace();
        let steered = run(&model, &steering);
        for ((token, steered), (_, base)) in steered[1].iter().zip(&base[1]) {
            let times = if token.id == 14 { met } else { 3.0 };
            for ((steered, base), vector) in steered.iter().zip(base).zip(row(1)) {
                assert!(
                    (steered - base - times * vector).abs() < 1e-5,
                    "{conflict:?} {token:?}"
                );
            }
        }
        let trace = steering.take_trace();
        let of = |set| {
            trace
                .iter()
                .filter(|steered| steered.adapter == set)
                .count()
        };
        let expected = if conflict == Conflict::Sum {
            (3, 15)
        } else {
            (3, 12)
        };
        assert_eq!((of(0), of(1)), expected, "{conflict:?}");
    }
    assert_eq!(
        sets(Conflict::Error).expect_err("both act on token 14"),
        SteeringError::Conflict {
            first: 0,
            second: 1,
            layer: 1,
            site: Site::ResidPost
        }
    );
    // Sets at other layers, at other sites or in other parts of the text cannot meet.
    let elsewhere = adapter(
        &model,
        PerLayer {
            site: Site::MlpOut,
            layers: None,
        },
    );
    let part = |part| TokenFilter {
        only: TokenSet {
            part,
            ..TokenSet::default()
        },
        ..TokenFilter::default()
    };
    for others in [
        [
            (leaves.clone(), first.clone()),
            (vectors(&model, Some(vec![0, 2])), second.clone()),
        ],
        [(leaves.clone(), first), (elsewhere, second)],
        [
            (leaves.clone(), part(Part::Prompt)),
            (leaves.clone(), part(Part::Generated)),
        ],
    ] {
        assert!(Steering::new(others.to_vec(), Conflict::Error).is_ok());
    }
}

/// Both sets compute from the original tensor, also where what they add depends on it.
#[test]
fn a_sum_does_not_depend_on_the_order() {
    let model = tiny().model;
    let mut gated = Adapter::init(Form::Gated(Gated::default()), &model.config).expect("it fits");
    for (index, values) in gated.values_mut().enumerate() {
        for (i, value) in values.iter_mut().enumerate() {
            *value = ((i * 7 + index) % 11) as f32 / 20.0 - 0.25;
        }
    }
    let gated = gated.to_device(&Device::flex());
    let plain = vectors(&model, None);
    let sum = |sets: [&DeviceAdapter; 2]| {
        let sets = sets.map(|leaves| (leaves.clone(), TokenFilter::default()));
        let steering = Steering::new(sets.to_vec(), Conflict::Sum).expect("nothing is wrong");
        matrix(model.prefill(&PROMPTS, Some(&steering)).0)
    };
    let difference = max_difference(&sum([&gated, &plain]), &sum([&plain, &gated]));
    assert!(difference < 1e-4, "{difference}");
}

#[test]
fn clauses_that_cannot_be_followed_are_refused() {
    let model = tiny().model;
    let condition = |layer, width, value: f32| TokenFilter {
        condition: Some(Condition {
            layer,
            vector: vec![value; width],
            threshold: 0.5,
        }),
        ..TokenFilter::default()
    };
    let last: TokenFilter = toml::from_str("only.last = 3").expect("a clause");
    let last_excepted: TokenFilter = toml::from_str("except.last = 3").expect("a clause");
    let loud: TokenFilter = toml::from_str("strength = inf").expect("a clause");
    let table = [
        (last, TokenFilterError::LastOfUnknownLength),
        (last_excepted, TokenFilterError::LastOfUnknownLength),
        (loud, TokenFilterError::NotFinite { key: "strength" }),
        (
            condition(3, 36, 1.0),
            TokenFilterError::UnknownLayer { layer: 3, count: 3 },
        ),
        (
            condition(0, 35, 1.0),
            TokenFilterError::ConditionVector {
                found: 35,
                expected: 36,
            },
        ),
        (
            condition(0, 36, 0.0),
            TokenFilterError::ConditionVector {
                found: 36,
                expected: 36,
            },
        ),
        (
            condition(0, 36, f32::NAN),
            TokenFilterError::NotFinite { key: "vector" },
        ),
    ];
    for (token_filter, source) in table {
        let sets = vec![(vectors(&model, None), token_filter)];
        let error = Steering::new(sets, Conflict::Sum).expect_err("a wrong clause");
        assert_eq!(error, SteeringError::TokenFilter { adapter: 0, source });
    }
    let early = vec![(vectors(&model, None), condition(1, 36, 1.0))];
    assert_eq!(
        Steering::new(early, Conflict::Sum).expect_err("layer 0 is steered"),
        SteeringError::TooEarly {
            adapter: 0,
            layer: 0,
            site: Site::ResidPost,
            condition: 1
        }
    );
    for wrong in [
        "stregth = 2.0",
        "only.frist = 2",
        "only.part = 'middle'",
        "condition = { layer = 1, vector = [], threshold = 0.0, site = 'resid_mid' }",
        "only.first = -1",
    ] {
        assert!(toml::from_str::<TokenFilter>(wrong).is_err(), "{wrong}");
    }
}

fn one(leaves: DeviceAdapter, token_filter: TokenFilter) -> Steering {
    Steering::new(vec![(leaves, token_filter)], Conflict::Sum).expect("a sound clause")
}

/// Vectors at `resid_post`: one [`row`] for each chosen layer.
fn vectors(model: &Model, layers: Option<Vec<usize>>) -> DeviceAdapter {
    adapter(
        model,
        PerLayer {
            layers,
            ..PerLayer::default()
        },
    )
}

fn adapter(model: &Model, form: PerLayer) -> DeviceAdapter {
    let layers = form.layers.clone().unwrap_or(vec![0, 1, 2]);
    let tensor = HostTensor {
        shape: vec![layers.len(), 36],
        data: layers.into_iter().flat_map(row).collect(),
    };
    let parameters = vec![("vectors".to_owned(), tensor)];
    Adapter::from_parameters(Form::PerLayer(form), &model.config, parameters)
        .expect("vectors of the right shape")
        .to_device(&Device::flex())
}

fn row(layer: usize) -> Vec<f32> {
    (0..36)
        .map(|i| ((i * 5 + layer * 3) % 7) as f32 / 4.0 - 0.7)
        .collect()
}

/// For each layer, every token with the residual stream after it, prompts first.
type Seen = Vec<Vec<(TokenInfo, Vec<f32>)>>;

fn run(model: &Model, steering: Hook) -> Seen {
    let watched = Watched {
        steering,
        seen: Mutex::new(vec![vec![]; 3]),
    };
    let (_, prompts) = model.prefill(&PROMPTS, Some(&watched));
    let completions = COMPLETIONS.map(<[&[u32]]>::to_vec);
    model.forward_completions(&prompts, &completions, Some(&watched));
    watched.seen.into_inner().expect("no pass panicked")
}

/// Steers, and records the result of each layer.
struct Watched<'a> {
    steering: Hook<'a>,
    seen: Mutex<Seen>,
}

impl Intervention for Watched<'_> {
    fn begin_forward(&self) -> HookFn<'_> {
        let mut pass = self.steering.begin_forward();
        Box::new(move |at: HookPoint, x: Tensor<2>| {
            let x = if self.steering.hooks(at.layer, at.site) {
                pass(at, x)
            } else {
                x
            };
            if at.site == Site::ResidPost {
                let tokens = at.tokens.iter().copied().zip(matrix(x.clone()));
                self.seen.lock().expect("no pass panicked")[at.layer].extend(tokens);
            }
            x
        })
    }

    fn hooks(&self, layer: usize, site: Site) -> bool {
        site == Site::ResidPost || self.steering.hooks(layer, site)
    }
}
