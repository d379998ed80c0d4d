//! Cached, batched and steered forward passes compared with a plain one.
//!
//! A matrix product of another shape may sum in another order, so sequences agree up to rounding.
//! Where the shapes are the same, they agree bit for bit.

#![expect(clippy::match_same_arms, reason = "each arm names its case")]
#![expect(
    clippy::cloned_ref_to_slice_refs,
    reason = "a slice of one clone says what is compared"
)]

use burn::tensor::{Tensor, TensorData};
use trimtab_model::generation::GenerateError;
use trimtab_model::hook::resid_post_hook;
use trimtab_model::{
    FinishReason, GenerateOptions, Hook, HookPoint, Model, PromptCache, Request, Sampling, generate,
};
use trimtab_tests::{Matrix, bits, captured, matrix, max_difference, tiny};

/// Lengths in tokens. They differ, so that no two axes are equal by accident.
const PROMPT_LENS: [usize; 3] = [7, 1, 13];
const COMPLETION_LENS: [&[usize]; 3] = [&[5, 3, 11, 3], &[17, 1], &[2]];

/// Largest absolute difference of a logit when sums are in another order. Logits reach about 10.
const TOLERANCE: f32 = 2e-5;

/// The same where only the layout of the batch differs.
const LAYOUT_TOLERANCE: f32 = 2e-5;

#[test]
fn cached_logits_equal_uncached_logits() {
    let model = tiny().model;
    let batch = Batch::sample();
    let steer = steering(&model, &[0.3, -0.2, 0.1]);
    for (name, hook) in [("base", None), ("steered", Some(&steer as Hook))] {
        let naive = batch.naive(&model, hook);
        assert_close(
            &format!("{name}, complete"),
            &batch.completed(&model, hook),
            &naive,
            TOLERANCE,
        );
        assert_close(
            &format!("{name}, next"),
            &batch.stepped(&model, hook),
            &naive,
            TOLERANCE,
        );
    }
}

#[test]
fn rows_that_share_a_prompt_equal_the_same_rows_alone() {
    let model = tiny().model;
    let batch = Batch::sample();
    let (completed, stepped): (Vec<_>, Vec<_>) = batch
        .rows()
        .map(|(prompt, completion)| {
            let alone = Batch::new(&[(prompt, &[completion])]);
            (
                alone.completed(&model, None).remove(0),
                alone.stepped(&model, None).remove(0),
            )
        })
        .unzip();
    assert_close(
        "complete",
        &batch.completed(&model, None),
        &completed,
        LAYOUT_TOLERANCE,
    );
    assert_close(
        "next",
        &batch.stepped(&model, None),
        &stepped,
        LAYOUT_TOLERANCE,
    );
}

#[test]
fn other_groups_change_nothing() {
    let model = tiny().model;
    let batch = Batch::sample();
    let groups: Vec<Batch> = batch
        .groups
        .iter()
        .map(|group| Batch {
            groups: vec![group.clone()],
        })
        .collect();
    let alone = |run: fn(&Batch, &Model) -> Vec<Matrix>| -> Vec<Matrix> {
        groups.iter().flat_map(|group| run(group, &model)).collect()
    };
    let read = |batch: &Batch, model: &Model| {
        let logits = matrix(model.logits(model.prefill(&batch.prompts(), None).0));
        split(logits, batch.prompts().iter().map(|prompt| prompt.len()))
    };
    let complete = |batch: &Batch, model: &Model| batch.completed(model, None);
    let next = |batch: &Batch, model: &Model| batch.stepped(model, None);
    assert_close(
        "read",
        &read(&batch, &model),
        &alone(read),
        LAYOUT_TOLERANCE,
    );
    assert_close(
        "complete",
        &complete(&batch, &model),
        &alone(complete),
        LAYOUT_TOLERANCE,
    );
    assert_close(
        "next",
        &next(&batch, &model),
        &alone(next),
        LAYOUT_TOLERANCE,
    );

    let mut changed = batch.clone();
    let other = |token: u32| (token + 1) % 89;
    changed.groups[0].0 = batch.groups[0].0.iter().copied().map(other).collect();
    changed.groups[2].1[0] = batch.groups[2].1[0].iter().copied().map(other).collect();
    let group_1 = |rows: Vec<Matrix>| bits(&rows[4..6].concat());
    assert_eq!(
        group_1(complete(&changed, &model)),
        group_1(complete(&batch, &model))
    );
    assert_eq!(
        group_1(next(&changed, &model)),
        group_1(next(&batch, &model))
    );
}

#[test]
fn longer_rows_of_a_group_change_nothing() {
    let model = tiny().model;
    let prompt = draw(0, 7);
    let (short, long) = (draw(7, 3), draw(10, 11));
    let completed = |rows: &[&[u32]]| Batch::new(&[(&prompt, rows)]).completed(&model, None);
    let alone = &completed(&[&short])[..];
    for (rows, token_filter) in [
        ([&short[..], &long], 0),
        ([&long, &short], 1),
        ([&short, &long[..5]], 0),
        ([&short, &short], 1),
    ] {
        assert_close(
            "padded",
            &completed(&rows)[token_filter..=token_filter],
            alone,
            LAYOUT_TOLERANCE,
        );
    }
    let other = draw(50, 11);
    assert_eq!(
        bits(&completed(&[&short, &long])[0]),
        bits(&completed(&[&short, &other])[0]),
        "what the longer row says does not matter"
    );
}

#[test]
fn retain_keeps_the_right_rows_with_their_past() {
    let model = tiny().model;
    let prompts = [draw(0, 7), draw(7, 1), draw(8, 13)];
    let prompts: Vec<&[u32]> = prompts.iter().map(Vec::as_slice).collect();
    let groups = [0, 0, 0, 1, 2, 2]; // the prompt of each row
    let completions: Vec<Vec<u32>> = (0..6).map(|row| draw(21 + 11 * row, 11)).collect();
    let naive: Vec<Matrix> = groups
        .iter()
        .zip(&completions)
        .map(|(&group, completion)| {
            let batch = Batch::new(&[(prompts[group], &[completion])]);
            batch.naive(&model, None).remove(0)
        })
        .collect();

    let (_, keys) = model.prefill(&prompts, None);
    let groups = keys.into_iter().zip([3, 1, 2]).collect();
    let mut rows = model.kv_cache(groups, 11);
    let mut alive: Vec<usize> = (0..6).collect();
    let mut largest = 0.0_f32;
    for step in 0..11 {
        let leaving: &[usize] = match step {
            2 => &[1],    // from the middle of a group
            3 => &[],     // nobody
            5 => &[3],    // a whole group
            7 => &[0, 5], // the first row and the last
            9 => &[4],
            _ => &[],
        };
        if (2..=9).contains(&step) {
            let keep: Vec<bool> = alive.iter().map(|row| !leaving.contains(row)).collect();
            rows.refill(&keep, vec![]);
            alive.retain(|row| !leaving.contains(row));
        }
        let tokens: Vec<u32> = alive.iter().map(|&row| completions[row][step]).collect();
        let logits = matrix(model.logits(model.decode_step(&mut rows, &tokens, None)));
        let expected: Vec<Vec<f32>> = alive.iter().map(|&row| naive[row][step].clone()).collect();
        largest = largest.max(max_difference(&logits, &expected));
    }
    assert_eq!(alive, [2]);
    eprintln!("retain: {largest:.1e}");
    assert!(largest <= TOLERANCE, "{largest}");
}

#[test]
fn greedy_generation_is_that_of_the_plain_forward_pass_token_for_token() {
    let model = tiny().model;
    let prompts = Batch::sample();
    let steer = steering(&model, &[0.3, -0.2, 0.1]);
    for hook in [None, Some(&steer as Hook)] {
        let sampling = sampling(0.0, 41);
        let requests = requests(&prompts, 2);
        let generated =
            generate(&model, &requests, &sampling, with(hook)).expect("prompts that fit");
        for (request, samples) in requests.iter().zip(&generated) {
            let expected = naive_greedy(&model, request.prompt, &sampling, hook);
            for sample in samples {
                assert_eq!(sample.tokens, expected);
            }
        }
    }
}

#[test]
fn sampled_tokens_carry_the_logprobs_of_the_plain_forward_pass() {
    let model = tiny().model;
    let prompts = Batch::sample();
    let sampling = sampling(1.0, 11);
    let requests = requests(&prompts, 19);
    let generated = generate(&model, &requests, &sampling, with(None)).expect("prompts that fit");
    let (mut largest, mut stopped) = (0.0_f32, 0);
    for (request, samples) in requests.iter().zip(&generated) {
        assert_eq!(samples.len(), 19);
        for sample in samples {
            let stop = sample
                .tokens
                .iter()
                .position(|token| sampling.stop_tokens.contains(token));
            let (len, reason) = match stop {
                Some(stop) => (stop + 1, FinishReason::Stop),
                None => (11, FinishReason::Length),
            };
            assert_eq!((sample.tokens.len(), sample.finish_reason), (len, reason));
            stopped += usize::from(stop.is_some());
            let (resid, _) = model.prefill(&[&[request.prompt, &sample.tokens].concat()], None);
            let logits = matrix(model.logits(resid)).split_off(request.prompt.len() - 1);
            let expected = logits
                .iter()
                .zip(&sample.tokens)
                .map(|(logits, &token)| logprob(logits, token));
            largest = largest.max(max_difference(
                &[sample.logprobs.clone()],
                &[expected.collect()],
            ));
        }
    }
    eprintln!(
        "logprobs: {largest:.1e}, {stopped} of {} rows stopped early",
        3 * 19
    );
    assert!(largest <= TOLERANCE, "{largest}");
    assert!(
        (10..47).contains(&stopped),
        "rows of all kinds are wanted: {stopped}"
    );
}

#[test]
fn requests_that_cannot_be_completed_are_refused() {
    let model = tiny().model;
    let try_with = |prompt: &[u32], sampling: Sampling| {
        let request = Request {
            prompt,
            index: 7,
            samples: 2,
        };
        generate(&model, &[request], &sampling, with(None)).expect_err("refused")
    };
    let good = sampling(1.0, 5);
    assert_eq!(
        try_with(&[], good.clone()),
        GenerateError::EmptyPrompt { index: 7 }
    );
    assert_eq!(
        try_with(&[1, 89], good.clone()),
        GenerateError::UnknownToken {
            index: 7,
            token: 89,
            vocab_size: 89
        }
    );
    for (len, new) in [(124, 5), (129, 1), (1, usize::MAX)] {
        let error = try_with(&vec![1; len], sampling(1.0, new));
        assert_eq!(
            error,
            GenerateError::TooLong {
                index: 7,
                len,
                new,
                max: 128
            }
        );
    }
    for temperature in [-1.0, 1e-40, f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let error = try_with(&[1], sampling(temperature, 5));
        assert!(matches!(error, GenerateError::Sampling(_)), "{error:?}");
    }
    let poison = |_: HookPoint, x: Tensor<2>| x * f32::NAN;
    let request = Request {
        prompt: &[1],
        index: 7,
        samples: 2,
    };
    let error = generate(&model, &[request], &good, with(Some(&poison)))
        .expect_err("logits that are not finite");
    assert_eq!(error, GenerateError::NonFinite { index: 7 });
}

#[test]
fn requests_without_samples_give_no_completions() {
    let model = tiny().model;
    let sampling = sampling(1.0, 5);
    assert_eq!(generate(&model, &[], &sampling, with(None)), Ok(vec![]));
    let requests = [0, 2, 0].map(|samples| Request {
        prompt: &[1, 2],
        index: 7,
        samples,
    });
    let generated = generate(&model, &requests, &sampling, with(None)).expect("prompts that fit");
    assert_eq!(
        generated.iter().map(Vec::len).collect::<Vec<_>>(),
        [0, 2, 0]
    );
    let nobody = generate(&model, &requests[..1], &sampling, with(None));
    assert_eq!(nobody, Ok(vec![vec![]]));
    let nothing = Sampling {
        max_new_tokens: 0,
        ..sampling
    };
    let generated =
        generate(&model, &requests[1..2], &nothing, with(None)).expect("prompts that fit");
    assert!(generated[0].iter().all(|sample| sample.tokens.is_empty()));
}

#[test]
fn a_vector_at_a_layer_acts_from_that_layer_on() {
    let model = tiny().model;
    let batch = Batch::sample();
    let base = batch.resid_posts(&model, &|_: HookPoint, x| x);
    assert_eq!(base.len(), 3);
    for layer in 0..3 {
        let mut scales = [0.0; 3];
        scales[layer] = 0.5;
        let steer = steering(&model, &scales);
        let steered = batch.resid_posts(&model, &|at: HookPoint, resid_post| {
            if at.layer == layer {
                steer(at, resid_post)
            } else {
                resid_post
            }
        });
        for at in 0..layer {
            assert_eq!(
                bits(&steered[at]),
                bits(&base[at]),
                "layer {at} lies before {layer}"
            );
        }
        for at in layer..3 {
            for (token, (steered, base)) in steered[at].iter().zip(&base[at]).enumerate() {
                let change =
                    max_difference(std::slice::from_ref(steered), std::slice::from_ref(base));
                assert!(change > 1e-3, "layer {at}, token {token}: {change}");
            }
        }
    }
}

#[test]
fn a_zero_vector_gives_the_base_bit_for_bit() {
    let model = tiny().model;
    let batch = Batch::sample();
    let zero = steering(&model, &[0.0; 3]);
    let (base, steered) = (
        batch.resid_posts(&model, &|_: HookPoint, x| x),
        batch.resid_posts(&model, &zero),
    );
    for layer in 0..3 {
        assert_eq!(bits(&steered[layer]), bits(&base[layer]));
    }
    for run in [Batch::naive, Batch::completed, Batch::stepped] {
        let (base, steered) = (run(&batch, &model, None), run(&batch, &model, Some(&zero)));
        assert_eq!(bits(&steered.concat()), bits(&base.concat()));
    }
}

#[test]
fn a_vector_and_its_negative_cancel() {
    let model = tiny().model;
    let batch = Batch::sample();
    let base = batch.resid_posts(&model, &|_: HookPoint, x| x);
    let (there, back) = (steering(&model, &[0.5; 3]), steering(&model, &[-0.5; 3]));
    for layer in 0..3 {
        let steered = batch.resid_posts(&model, &|at: HookPoint, resid_post| {
            if at.layer == layer {
                back(at, there(at, resid_post))
            } else {
                resid_post
            }
        });
        // The spacing of f32 between 8 and 16 is 9.5e-7.
        let largest = max_difference(&steered[layer], &base[layer]);
        eprintln!("v then -v at layer {layer}: {largest:.1e}");
        assert!(largest <= 1e-6, "layer {layer}: {largest}");
    }
}

/// Prompts, each with its completions.
#[derive(Clone)]
struct Batch {
    groups: Vec<(Vec<u32>, Vec<Vec<u32>>)>,
}

impl Batch {
    fn new(groups: &[(&[u32], &[&[u32]])]) -> Self {
        let rows = |rows: &[&[u32]]| rows.iter().map(|row| row.to_vec()).collect();
        Self {
            groups: groups
                .iter()
                .map(|&(prompt, completions)| (prompt.to_vec(), rows(completions)))
                .collect(),
        }
    }

    /// Arbitrary tokens in the lengths above.
    fn sample() -> Self {
        let mut drawn = 0;
        let mut next = |len| {
            drawn += len;
            draw(drawn - len, len)
        };
        let groups = PROMPT_LENS
            .into_iter()
            .zip(COMPLETION_LENS)
            .map(|(prompt, completions)| {
                (
                    next(prompt),
                    completions.iter().map(|&len| next(len)).collect(),
                )
            })
            .collect();
        Self { groups }
    }

    fn prompts(&self) -> Vec<&[u32]> {
        self.groups.iter().map(|(prompt, _)| &prompt[..]).collect()
    }

    /// Every completion with its prompt.
    fn rows(&self) -> impl Iterator<Item = (&[u32], &[u32])> {
        self.groups
            .iter()
            .flat_map(|(prompt, rows)| rows.iter().map(|row| (&prompt[..], &row[..])))
    }

    /// Logits of every completion, `[completion_len, vocab_size]` each, without a cache.
    fn naive(&self, model: &Model, hook: Option<Hook>) -> Vec<Matrix> {
        self.rows()
            .map(|(prompt, completion)| {
                let (resid, _) = model.prefill(&[&[prompt, completion].concat()], hook);
                matrix(model.logits(resid)).split_off(prompt.len())
            })
            .collect()
    }

    /// The same, with whole completions after their cached prompts.
    fn completed(&self, model: &Model, hook: Option<Hook>) -> Vec<Matrix> {
        let (_, prompts) = model.prefill(&self.prompts(), hook);
        let resid = self.complete(model, &prompts, hook);
        split(
            matrix(model.logits(resid)),
            self.rows().map(|(_, completion)| completion.len()),
        )
    }

    fn complete(&self, model: &Model, prompts: &[PromptCache], hook: Option<Hook>) -> Tensor<2> {
        let completions: Vec<Vec<&[u32]>> = self
            .groups
            .iter()
            .map(|(_, rows)| rows.iter().map(Vec::as_slice).collect())
            .collect();
        model.forward_completions(prompts, &completions, hook)
    }

    /// The same, token by token. Sequences leave the batch as they end.
    fn stepped(&self, model: &Model, hook: Option<Hook>) -> Vec<Matrix> {
        let (_, prompts) = model.prefill(&self.prompts(), hook);
        let completions: Vec<&[u32]> = self.rows().map(|(_, completion)| completion).collect();
        let longest = completions.iter().map(|row| row.len()).max().expect("rows");
        let counts = self.groups.iter().map(|(_, rows)| rows.len());
        let mut rows = model.kv_cache(prompts.into_iter().zip(counts).collect(), longest);
        let mut alive: Vec<usize> = (0..completions.len()).collect();
        let mut logits = vec![Matrix::new(); completions.len()];
        for step in 0..longest {
            let keep: Vec<bool> = alive
                .iter()
                .map(|&row| step < completions[row].len())
                .collect();
            if keep.contains(&false) {
                rows.refill(&keep, vec![]);
                alive.retain(|&row| step < completions[row].len());
            }
            let tokens: Vec<u32> = alive.iter().map(|&row| completions[row][step]).collect();
            let resid = model.decode_step(&mut rows, &tokens, hook);
            for (&row, of_row) in alive.iter().zip(matrix(model.logits(resid))) {
                logits[row].push(of_row);
            }
        }
        logits
    }

    /// What `steer` returned at each layer: for all prompts, for all completions at once, and for
    /// their first tokens.
    fn resid_posts(&self, model: &Model, steer: Hook) -> Vec<Matrix> {
        captured(steer, |hook| {
            let (_, prompts) = model.prefill(&self.prompts(), Some(hook));
            self.complete(model, &prompts, Some(hook));
            let counts = self.groups.iter().map(|(_, rows)| rows.len());
            let mut rows = model.kv_cache(prompts.into_iter().zip(counts).collect(), 1);
            let tokens: Vec<u32> = self.rows().map(|(_, completion)| completion[0]).collect();
            model.decode_step(&mut rows, &tokens, Some(hook));
        })
    }
}

/// Adds an arbitrary vector at every layer, times `scales[layer]`.
fn steering(
    model: &Model,
    scales: &[f32],
) -> Box<dyn Fn(HookPoint, Tensor<2>) -> Tensor<2> + Sync> {
    let hidden_size = model.config.hidden_size;
    let vectors: Vec<Tensor<2>> = (0..)
        .zip(scales)
        .map(|(layer, &scale)| {
            let values: Vec<f32> = (0..hidden_size)
                .map(|i| scale * ((7 * i + 5 * layer) as f32).cos())
                .collect();
            Tensor::from_data(TensorData::new(values, [1, hidden_size]), &model.device())
        })
        .collect();
    Box::new(resid_post_hook(move |layer, resid_post| {
        resid_post + vectors[layer].clone()
    }))
}

fn requests(batch: &Batch, samples: usize) -> Vec<Request<'_>> {
    let prompts = batch.prompts().into_iter();
    (0..)
        .zip(prompts)
        .map(|(index, prompt)| Request {
            prompt,
            index,
            samples,
        })
        .collect()
}

/// Token 46 is likely in the tiny model.
fn sampling(temperature: f32, max_new_tokens: usize) -> Sampling {
    Sampling {
        temperature,
        max_new_tokens,
        stop_tokens: vec![46],
        seed: 3,
        step: 1,
        ..Sampling::default()
    }
}

fn with(hook: Option<Hook>) -> GenerateOptions {
    GenerateOptions {
        hook,
        ..GenerateOptions::default()
    }
}

/// Greedy decoding that runs the whole sequence again for each token.
fn naive_greedy(
    model: &Model,
    prompt: &[u32],
    sampling: &Sampling,
    hook: Option<Hook>,
) -> Vec<u32> {
    let mut tokens = prompt.to_vec();
    while tokens.len() < prompt.len() + sampling.max_new_tokens {
        let (resid, _) = model.prefill(&[&tokens], hook);
        let logits = matrix(model.logits(resid))
            .pop()
            .expect("a prompt has tokens");
        let best = (0u32..)
            .zip(&logits)
            .max_by(|left, right| left.1.total_cmp(right.1));
        let token = best.expect("a vocabulary has tokens").0;
        tokens.push(token);
        if sampling.stop_tokens.contains(&token) {
            break;
        }
    }
    tokens.split_off(prompt.len())
}

/// In nats.
fn logprob(logits: &[f32], token: u32) -> f32 {
    let logit = logits[token as usize];
    let sum: f64 = logits
        .iter()
        .map(|other| f64::from(other - logit).exp())
        .sum();
    -sum.ln() as f32
}

/// `len` tokens of an arbitrary sequence, from position `start` on.
fn draw(start: usize, len: usize) -> Vec<u32> {
    (start..start + len)
        .map(|token_filter| ((7 * token_filter * token_filter + 13 * token_filter + 5) % 89) as u32)
        .collect()
}

fn split(mut rows: Matrix, lens: impl Iterator<Item = usize>) -> Vec<Matrix> {
    let parts = lens.map(|len| rows.drain(..len).collect()).collect();
    assert!(rows.is_empty());
    parts
}

fn assert_close(name: &str, found: &[Matrix], expected: &[Matrix], tolerance: f32) {
    assert_eq!(found.len(), expected.len(), "{name}: rows");
    let largest = found
        .iter()
        .zip(expected)
        .map(|(found, expected)| max_difference(found, expected))
        .fold(0.0, f32::max);
    let same = bits(&found.concat()) == bits(&expected.concat());
    eprintln!(
        "{name}: {largest:.1e}{}",
        if same { ", bit for bit" } else { "" }
    );
    assert!(largest <= tolerance, "{name}: {largest}");
}
