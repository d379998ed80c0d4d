//! Guarantees of a training step besides its gradient, for every algorithm.
//!
//! They concern penalties, filters, values that are not finite, replays and checkpoints.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Duration;

use burn::tensor::Device;
use trimtab_model::tensor_file::{HostTensor, TensorFile};
use trimtab_model::{
    Completion, FinishReason, GenerateOptions, Precision, Pretrained, Request, Sampling, generate,
};
use trimtab_rl::advantage::Advantage;
use trimtab_rl::checkpoint::{Identity, State};
use trimtab_rl::gradient::{
    BackwardConfig, GroupLoss, LogprobGrads, group_gradient, group_logprobs,
};
use trimtab_rl::loss::{KlConfig, KlPlace, LossConfig};
use trimtab_rl::optim::Schedule;
use trimtab_rl::recipe::{Truncated, ValidationConfig, ZeroVariance};
use trimtab_rl::reward::BuiltIn;
use trimtab_rl::{
    Preset, Recipe, RecipeConfig, Rewards, Run, RunError, Skipped, StepOutput, TrainError, Trainer,
};
use trimtab_steer::SteeringVectors;
use trimtab_tests::{bundled_model, policy};

/// For every algorithm, the gradient does not depend on memory or threads, and a run that is
/// reopened after every step ends in the same bytes.
#[test]
fn every_preset_runs_the_same_whatever_the_batches_threads_and_stops() {
    for preset in Preset::ALL {
        let name = preset.name();
        let recipe = small(preset.config());
        let recipe = recipe.build().expect("a good recipe");
        let whole = in_threads(1, || finished(&recipe, false));
        let lean = RecipeConfig {
            micro_batch_tokens: 1,
            ..small(preset.config())
        }
        .build()
        .expect("a good recipe");
        let cut = in_threads(3, || finished(&lean, true));
        assert_eq!(
            whole.keys().collect::<Vec<_>>(),
            cut.keys().collect::<Vec<_>>(),
            "{name}"
        );
        for (file, bytes) in &whole {
            // The two files that hold the recipe itself.
            if !["config.toml", "steering.safetensors"].contains(&&file[..]) {
                assert!(cut[file] == *bytes, "{name}: {file} differs");
            }
        }
        let metrics = String::from_utf8_lossy(&whole["metrics.jsonl"]).into_owned();
        let lines: Vec<serde_json::Value> = metrics
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect();
        let norm = |line: &serde_json::Value| line["vector_norms"][3].as_f64().expect("a norm");
        assert!(norm(&lines[1]) > 0.0, "{name}: nothing moves");
        assert_eq!(
            lines[1].get("kl").is_some(),
            preset.config().kl.coef > 0.0,
            "{name}"
        );
        let learns_value = preset == Preset::Ppo;
        assert_eq!(lines[1].get("value_loss").is_some(), learns_value, "{name}");
    }
}

/// Compares the gradients of the entropy bonus and the KL penalty with central differences of the
/// mean entropy and the k3 estimate. The policy loss does not cover them.
#[test]
fn entropy_and_penalty_have_the_gradient_of_their_values() {
    let model = nano().model.autodiff();
    let vectors = vectors(1.0);
    let prompt = nano()
        .tokenizer
        .encode("Problem: What is 2 plus 3?\nAnswer:");
    let prompt = prompt.expect("text of its own kind");
    let tokens: Vec<u32> = nano().tokenizer.encode(" Let us add. 2+3=5").expect("text");
    let completion = Completion {
        logprobs: vec![0.0; tokens.len()],
        finish_reason: FinishReason::Length,
        tokens,
    };
    let completions = vec![&completion];
    let logprobs = |vectors: Option<&HostTensor>| {
        let steering = vectors.map(|host| SteeringVectors::from_host(host, &Device::flex()));
        let hook = steering.as_ref().map(SteeringVectors::hook);
        let hook = hook.as_ref().map(|hook| hook as _);
        group_logprobs(&nano().model, hook, &prompt, &completions, 0.8)
    };
    let reference = logprobs(None).0;
    let kl = |vectors: &HostTensor| -> f64 {
        let logprobs = logprobs(Some(vectors)).0;
        let pairs = logprobs.iter().zip(&reference);
        pairs
            .map(|(&p, &r)| f64::from(r - p).exp_m1() - f64::from(r - p))
            .sum()
    };
    let entropy = |vectors: &HostTensor| -> f64 {
        let logits = nano().model.logits(logprobs(Some(vectors)).1) / 0.8;
        let [_, vocab] = logits.dims();
        let logits: Vec<f32> = logits.try_into_vec_as().expect("f32");
        let of = |row: &[f32]| {
            let sum: f64 = row.iter().map(|&x| f64::from(x).exp()).sum();
            let p = row.iter().map(|&x| f64::from(x).exp() / sum);
            -p.map(|p| p * p.max(1e-300).ln()).sum::<f64>()
        };
        logits.chunks(vocab).map(of).sum()
    };
    let gradient = |logprob_grads: LogprobGrads, entropy_weight: f32| {
        let group = GroupLoss {
            prompt: &prompt,
            completions: completions.clone(),
            temperature: 0.8,
            logprob_grads,
            entropy_weights: vec![entropy_weight; completion.tokens.len()],
        };
        group_gradient(
            &model,
            &policy(&vectors, &model.config),
            &group,
            &BackwardConfig::default(),
        )
        .grads
        .remove(0)
    };
    let penalty_grads = |logprobs: &[f32]| -> Vec<f32> {
        let pairs = logprobs.iter().zip(&reference);
        pairs.map(|(&p, &r)| -(r - p).exp_m1()).collect()
    };
    let zeros = vec![0.0; completion.tokens.len()];
    let cases: [Case; 2] = [
        (
            "penalty",
            gradient(LogprobGrads::Computed(Box::new(penalty_grads)), 0.0),
            &kl,
        ),
        (
            "entropy",
            gradient(LogprobGrads::Fixed(zeros), -1.0),
            &entropy,
        ),
    ];
    for (name, grad, value) in cases {
        let mut order: Vec<usize> = (0..grad.len()).collect();
        order.sort_by(|&a, &b| grad[b].abs().total_cmp(&grad[a].abs()));
        for &index in &order[..4] {
            let at = |step: f32| {
                let mut moved = vectors.clone();
                moved.data[index] += step;
                value(&moved)
            };
            let over = |step: f32| (at(step) - at(-step)) / f64::from(2.0 * step);
            // Richardson extrapolation, which removes the error of second order.
            let difference = (4.0 * over(0.1) - over(0.2)) / 3.0;
            let found = f64::from(grad[index]);
            let error = (difference - found).abs() / found.abs();
            eprintln!("{name} {index}: {found:.5} {difference:.5} {error:.1e}");
            assert!(error < 5e-3, "{name}: {found} {difference}");
        }
    }
}

#[test]
fn the_unsteered_model_is_its_own_reference() {
    let recipe = RecipeConfig {
        kl: KlConfig {
            coef: 0.5,
            ..KlConfig::default()
        },
        ..small(RecipeConfig::default())
    }
    .build()
    .expect("a good recipe");
    let mut trainer = Trainer::new(nano(), &recipe).expect("generated problems");
    let first = trainer.step().expect("a good step").metrics;
    let second = trainer.step().expect("a good step").metrics;
    let (first, second) = (first.kl.expect("a penalty"), second.kl.expect("a penalty"));
    assert!(first < 1e-9, "vectors of zero: {first}");
    assert!(second > 1e-6, "vectors that moved: {second}");
}

#[test]
fn resampling_replaces_groups_without_variance() {
    let recipe = RecipeConfig {
        zero_variance: ZeroVariance::Resample,
        resample_rounds: 20,
        prompts_per_step: 6,
        group_size: 2, // two coins are often alike
        reward: BTreeMap::from([(BuiltIn::Random, 1.0)]),
        ..small(RecipeConfig::default())
    }
    .build()
    .expect("a good recipe");
    let mut trainer = Trainer::new(nano(), &recipe).expect("generated problems");
    let mut taken = 0;
    for _ in 0..2 {
        let StepOutput { metrics, groups } = trainer.step().expect("a good step");
        let differs = |group: &trimtab_rl::Group| group.rewards()[0] != group.rewards()[1];
        assert_eq!(groups.iter().filter(|group| differs(group)).count(), 6);
        assert!(groups.len() > 6, "something was replaced");
        assert_eq!(metrics.prompts, groups.len());
        let equal = 1.0 - 6.0 / groups.len() as f64;
        assert!((metrics.zero_variance_rate - equal).abs() < 1e-12);
        let numbers: Vec<u64> = groups.iter().map(|group| group.index).collect();
        let expected: Vec<u64> = (taken..taken + groups.len() as u64).collect();
        assert_eq!(numbers, expected, "no problem is left out or taken twice");
        taken += groups.len() as u64;
    }
}

/// Groups without a signal change the divisor of a token mean, and nothing else.
#[test]
fn dropped_groups_do_not_count_in_the_mean() {
    let norm = |zero_variance| {
        let recipe = RecipeConfig {
            zero_variance,
            group_size: 2,
            reward: BTreeMap::from([(BuiltIn::Random, 1.0)]),
            max_grad_norm: 1e9,
            ..small(RecipeConfig::default())
        }
        .build()
        .expect("a good recipe");
        let mut trainer = Trainer::new(nano(), &recipe).expect("generated problems");
        let StepOutput { metrics, groups } = trainer.step().expect("a good step");
        let tokens = |all: bool| -> usize {
            let differs =
                |group: &&trimtab_rl::Group| all || group.rewards()[0] != group.rewards()[1];
            groups
                .iter()
                .filter(differs)
                .map(trimtab_rl::Group::tokens)
                .sum()
        };
        (
            metrics.grad_norm,
            tokens(true) as f32 / tokens(false) as f32,
        )
    };
    let ((keep, ratio), (drop, _)) = (norm(ZeroVariance::Keep), norm(ZeroVariance::Drop));
    assert!(ratio > 1.0, "some groups are alike");
    assert!(
        (drop / keep / ratio - 1.0).abs() < 1e-5,
        "{keep} {drop} {ratio}"
    );
}

#[test]
fn masked_completions_have_no_gradient() {
    let step = |truncated| {
        let recipe = RecipeConfig {
            truncated,
            max_new_tokens: 3, // all are cut
            reward: BTreeMap::from([(BuiltIn::Random, 1.0)]),
            ..small(RecipeConfig::default())
        }
        .build()
        .expect("a good recipe");
        let mut trainer = Trainer::new(nano(), &recipe).expect("generated problems");
        trainer.step().expect("a good step").metrics
    };
    let (kept, masked) = (step(Truncated::Keep), step(Truncated::Mask));
    assert_eq!((kept.truncation_rate, masked.truncation_rate), (1.0, 1.0));
    assert!(kept.grad_norm > 0.0);
    assert_eq!(masked.grad_norm, 0.0);
}

/// Whatever the baseline, the scale, the penalties and the value head.
#[test]
fn completions_without_a_reward_count_as_if_they_had_not_been_sampled() {
    for preset in Preset::ALL {
        let step = |group_size| {
            let recipe = RecipeConfig {
                group_size,
                ..small(preset.config())
            };
            let recipe = recipe.build().expect("a good recipe");
            let trainer = Trainer::new(nano(), &recipe).expect("generated problems");
            let mut trainer =
                trainer.with_rewards(of_samples(&[Some(1.0), Some(-0.5), None, None]));
            trainer.step().expect("a good step").metrics
        };
        let (with, without) = (step(4), step(2));
        let name = preset.name();
        assert_eq!(with.reward, without.reward, "{name}");
        assert_eq!((with.unrewarded, without.unrewarded), (8, 0), "{name}");
        assert!(without.grad_norm > 0.0, "{name}");
        assert!(
            (with.grad_norm / without.grad_norm - 1.0).abs() < 1e-4,
            "{name}: {} {}",
            with.grad_norm,
            without.grad_norm
        );
        let norms = with.vector_norms.iter().zip(&without.vector_norms);
        for (with, without) in norms {
            assert!((with - without).abs() < 1e-4, "{name}: {with} {without}");
        }
    }
}

#[test]
fn groups_with_one_reward_or_none_have_no_gradient() {
    for rewards in [[None; 4], [None, Some(1.0), None, None]] {
        let recipe = small(Preset::Grpo.config()).build().expect("a good recipe");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let open = || Run::open(folder.path(), nano(), &recipe).expect("a good folder");
        let mut run = open().with_rewards(of_samples(&rewards));
        let step = run.advance().expect("a good step").expect("a step");
        assert_eq!(step.metrics.grad_norm, 0.0);
        let rewarded = rewards.iter().flatten().count();
        assert_eq!(step.metrics.unrewarded, 4 * (4 - rewarded));
        assert_eq!(step.metrics.reward, (rewarded > 0).then_some(1.0));
        drop(run);
        let mut run = open().with_rewards(of_samples(&rewards)); // reads the log
        run.advance().expect("a good step").expect("a step");
    }
}

/// All completions of a group are rewarded alike, after a step with a signal has given the moments
/// something to push with. Without the guard AdamW would go on along its first moment.
#[test]
fn a_step_without_a_signal_leaves_vectors_and_optimiser_alone() {
    for (name, kl, entropy_coef, is_left_alone) in [
        ("rewards alone", 0.0, 0.0, true),
        ("a penalty", 0.1, 0.0, false),
        ("an entropy bonus", 0.0, 0.1, false),
    ] {
        let mut recipe = small(RecipeConfig::default());
        recipe.kl.coef = kl;
        recipe.loss.entropy_coef = entropy_coef;
        let recipe = recipe.build().expect("a good recipe");
        let trainer = Trainer::new(nano(), &recipe).expect("generated problems");
        let differing = of_samples(&[Some(1.0), Some(0.0), Some(1.0), Some(0.0)]);
        let mut trainer = trainer.with_rewards(differing);
        let metrics = trainer.step().expect("a good step").metrics;
        assert_eq!((metrics.signal_rate, &metrics.skipped), (1.0, &None));
        let before = trainer.state().clone();
        let mut trainer = trainer.with_rewards(of_samples(&[Some(1.0); 4]));
        let metrics = trainer.step().expect("a good step").metrics;
        assert_eq!(metrics.signal_rate, 0.0);
        let mut after = trainer.state().clone();
        assert_eq!(after.progress.step, 2);
        assert_ne!(after.progress.cursor, before.progress.cursor);
        (after.progress.step, after.progress.cursor) = (1, before.progress.cursor.clone());
        let is_same = checkpoint_bytes(&after) == checkpoint_bytes(&before);
        assert_eq!(is_same, is_left_alone, "{name}");
        let told = is_left_alone.then_some(Skipped::NoSignal);
        assert_eq!(metrics.skipped, told, "{name}");
    }
}

/// Vectors, moments and counters as a checkpoint has them.
fn checkpoint_bytes(state: &State) -> Vec<u8> {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    let identity = Identity {
        recipe_sha256: String::new(),
        base_sha256: String::new(),
        precision: String::new(),
    };
    state.write(file.path(), &identity).expect("finite numbers");
    fs::read(file.path()).expect("a file")
}

/// Rewards by the number of the sample.
fn of_samples(rewards: &[Option<f32>]) -> Rewards {
    let rewards = rewards.to_vec();
    Rewards::new(Duration::from_mins(10)).with("samples", 1.0, move |group, rollout| {
        let mut rollouts = group.rollouts.iter();
        rewards[rollouts.position(|one| std::ptr::eq(one, rollout))?]
    })
}

/// A reward of 3e38 is finite, but its advantage is not. The step is skipped and reported with the
/// sample, and the run stops in the end.
#[test]
fn steps_that_are_not_finite_are_skipped_and_reported() {
    let recipe = RecipeConfig {
        max_skipped_steps: 1,
        ..small(RecipeConfig::default())
    }
    .build()
    .expect("a good recipe");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let huge = || {
        Rewards::new(Duration::from_mins(10)).with("huge", 1.0, |group, rollout| {
            let first = std::ptr::eq(rollout, &raw const group.rollouts[0]);
            Some(if first { -3e38 } else { 3e38 })
        })
    };
    let mut run = Run::open(folder.path(), nano(), &recipe).expect("an empty folder");
    run = run.with_rewards(huge());
    let metrics = run
        .advance()
        .expect("a skipped step")
        .expect("a step")
        .metrics;
    let reason = metrics.skipped.expect("not finite").to_string();
    assert!(reason.contains("completion 0"), "{reason}");
    assert!(reason.contains("nano-gsm/train/"), "{reason}");
    assert_eq!(metrics.vector_norms, [0.0; 4]);
    let error = run.advance().expect_err("the second in a row");
    let told = matches!(
        &error,
        RunError::Train(TrainError::NonFinite { step: 2, .. })
    );
    assert!(told, "{error}");
    assert_eq!(run.step(), 1);
    drop(run);
    // With valid rewards the run continues after the skipped step, whose problems are not seen
    // again.
    let mut run = Run::open(folder.path(), nano(), &recipe).expect("a good folder");
    assert_eq!(run.step(), 1);
    let metrics = run.advance().expect("a good step").expect("a step").metrics;
    assert_eq!((metrics.skipped, metrics.step), (None, 2));
    assert!(metrics.vector_norms[3] > 0.0);
}

#[test]
fn one_completion_is_replayed_from_its_address() {
    let recipe = RecipeConfig {
        keep_checkpoints: 10,
        ..small(RecipeConfig::default())
    }
    .build()
    .expect("a good recipe");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut run = Run::open(folder.path(), nano(), &recipe).expect("an empty folder");
    while run.advance().expect("a good step").is_some() {}
    let log = fs::read_to_string(folder.path().join("completions.jsonl")).expect("a log");
    let lines: Vec<serde_json::Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    for line in lines.iter().step_by(7) {
        let number = |key: &str| line[key].as_u64().expect("a number");
        let (step, index) = (number("step"), number("index"));
        let rollout = run.replay(step, index, number("sample") as usize);
        assert_eq!(rollout.expect("all are kept").text, line["text"], "{line}");
    }
    let missing = run.replay(9, 0, 0);
    assert!(matches!(missing, Err(RunError::NotKept { step: 8, .. })));
}

/// Evaluated before the first step, after every second one and after the last. Step 1 has no
/// checkpoint, so a stop after it goes back to the base.
#[test]
fn the_best_step_is_kept_beside_the_last_and_survives_stops() {
    let recipe = RecipeConfig {
        steps: 5,
        prompts_per_step: 8,
        group_size: 16,
        max_new_tokens: 64,
        learning_rate: 0.2,
        schedule: Schedule::Constant,
        validation: ValidationConfig {
            every: 2,
            problems: 60,
            ..ValidationConfig::default()
        },
        checkpoint_every: 3,
        keep_checkpoints: 9,
        reward: BTreeMap::from([(BuiltIn::Correctness, 1.0)]),
        ..small(RecipeConfig::default())
    }
    .build()
    .expect("a good recipe");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut run = Run::open(folder.path(), nano(), &recipe).expect("an empty folder");
    while run.advance().expect("a good step").is_some() {}
    run.export().expect("a writable folder");
    let steps: Vec<u64> = run.validations().iter().map(|one| one.step).collect();
    assert_eq!(steps, [0, 2, 4, 5]);
    let best = run.best().expect("there are evaluations");
    let accuracies = run.validations().iter().map(|one| one.outcome.accuracy);
    assert_eq!(accuracies.fold(0.0, f64::max), best.accuracy);
    assert_eq!(run.report().best.as_ref(), Some(&best));
    assert!(best.step > 0, "five steps do not help the bundled model");
    let path = folder.path().join("best-steering.safetensors");
    assert_eq!(best.result.as_ref(), Some(&path));
    let kept = TensorFile::read(&path).expect("a steering file");
    assert_eq!(kept.metadata["step"], best.step);
    let checkpoint = format!("checkpoint-{:06}.safetensors", best.step);
    let checkpoint = TensorFile::read(&folder.path().join(checkpoint)).expect("kept");
    assert_eq!(kept.tensors["resid_post"], checkpoint.tensors["vectors"]);
    // A process that died between the checkpoint and this file makes it when it goes on.
    let last = run.step() == best.step;
    drop(run);
    fs::remove_file(&path).expect("a file");
    let run = Run::open(folder.path(), nano(), &recipe).expect("a good folder");
    assert_eq!(path.exists(), last);
    assert_eq!(run.best(), Some(best));
    assert!(
        finished(&recipe, false) == finished(&recipe, true),
        "stops change the files"
    );
}

#[test]
fn a_damaged_checkpoint_costs_one_step() {
    let recipe = small(RecipeConfig::default())
        .build()
        .expect("a good recipe");
    let reference = finished(&recipe, false);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut run = Run::open(folder.path(), nano(), &recipe).expect("an empty folder");
    run.advance().expect("a good step");
    run.advance().expect("a good step");
    drop(run);
    let newest = folder.path().join("checkpoint-000002.safetensors");
    let bytes = fs::read(&newest).expect("a checkpoint");
    fs::write(&newest, &bytes[..bytes.len() / 2]).expect("a writable folder");
    let mut run = Run::open(folder.path(), nano(), &recipe).expect("an older one is whole");
    assert_eq!((run.step(), run.damaged().len()), (1, 1));
    while run.advance().expect("a good step").is_some() {}
    run.export().expect("a writable folder");
    assert!(snapshot(folder.path()) == reference);
}

/// Evaluation does not change the training. With rare checkpoints, too, a stopped run ends in the
/// same bytes.
#[test]
fn measurements_and_rare_checkpoints_change_no_vector() {
    let plain = small(RecipeConfig::default());
    let watched = RecipeConfig {
        checkpoint_every: 2,
        validation: ValidationConfig {
            every: 2,
            problems: 5,
            ..ValidationConfig::default()
        },
        ..plain.clone()
    }
    .build()
    .expect("a good recipe");
    let plain = plain.build().expect("a good recipe");
    let (plain, whole, cut) = (
        finished(&plain, false),
        finished(&watched, false),
        finished(&watched, true),
    );
    assert!(whole == cut, "a stop changes the files");
    assert!(plain["metrics.jsonl"] == whole["metrics.jsonl"]);
    let warnings = String::from_utf8_lossy(&whole["warnings.jsonl"]).into_owned();
    let said = r#""symptom":"truncation""#; // 24 tokens are not enough
    assert!(warnings.contains(said), "{warnings}");
    let validation = String::from_utf8_lossy(&whole["validation.jsonl"]).into_owned();
    let lines = validation.lines().map(|line| {
        let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
        assert_eq!(line["outcome"]["problems"], 5);
        line["step"].as_u64()
    });
    assert_eq!(lines.collect::<Vec<_>>(), [Some(0), Some(2), Some(3)]);
}

#[test]
fn layer_energy_is_the_squared_gradient_of_the_first_step() {
    let recipe = RecipeConfig {
        max_grad_norm: 1e9,
        ..small(RecipeConfig::default())
    }
    .build()
    .expect("a good recipe");
    let mut trainer = Trainer::new(nano(), &recipe).expect("generated problems");
    let energy = trainer.layer_energy(4).expect("a good step");
    assert_eq!(energy.len(), 4);
    let metrics = trainer.step().expect("a good step").metrics;
    let norm = energy.iter().sum::<f64>().sqrt() as f32;
    assert!((norm / metrics.grad_norm - 1.0).abs() < 1e-5);
}

/// The value head is fitted to returns, and predicts them better than their mean does.
#[test]
fn the_value_learns() {
    let recipe = RecipeConfig {
        advantage: Advantage::Value,
        learning_rate: 1e-6, // the policy stays
        steps: 12,
        prompts_per_step: 8,
        loss: LossConfig::default(),
        kl: KlConfig {
            place: KlPlace::Reward,
            ..KlConfig::default()
        },
        ..small(RecipeConfig::default())
    }
    .build()
    .expect("a good recipe");
    let mut trainer = Trainer::new(nano(), &recipe).expect("generated problems");
    let steps: Vec<_> = (0..12)
        .map(|_| trainer.step().expect("a good step").metrics)
        .collect();
    let loss = |index: usize| steps[index].value_loss.expect("a value");
    assert!(loss(11) < 0.8 * loss(0), "{} {}", loss(0), loss(11));
}

/// Every number of a recipe, set to values of all kinds and sizes. What is accepted opens, and does
/// a step or says why not.
#[test]
fn a_recipe_that_is_accepted_never_panics() {
    let text = smallest().to_toml();
    let keys = number_keys(&text);
    assert!(keys.len() > 35, "{keys:?}");
    let mut accepted = 0;
    for key in &keys {
        for value in VALUES {
            accepted += usize::from(open_and_step(&text, &[format!("{key}={value}")]));
        }
    }
    assert!(accepted > 100, "{accepted}");
    for setting in [
        "reward_command={program=['true'],seconds=1e-30}",
        "reward_command={program=['true'],seconds=1e20}",
        "reward_command={program=['true'],weight=inf}",
        "reward_command={program=['']}",
        "steer={form='low_rank',rank=0}",
        "steer={form='low_rank',rank=9223372036854775807}",
        "steer={form='lora',rank=9223372036854775807}",
        "steer={form='lora',alpha=inf}",
        "steer={form='random_projection',dim=9223372036854775807}",
        "steer={form='gated'}",
        "steer={layers=[9223372036854775807]}",
        "steer={layers=[]}",
        "steer={where={strength=nan}}",
        "steer={where={strength=1e38}}",
        "steer={where={only={last=0}}}",
    ] {
        open_and_step(&text, &[setting.to_owned()]);
    }
}

/// A step of this takes milliseconds.
fn smallest() -> RecipeConfig {
    RecipeConfig {
        steps: 2,
        prompts_per_step: 2,
        group_size: 2,
        max_new_tokens: 3,
        validation: ValidationConfig {
            every: 1,
            problems: 2,
            ..ValidationConfig::default()
        },
        ..small(RecipeConfig::default())
    }
}

const VALUES: [&str; 16] = [
    "0",
    "1",
    "2",
    "-1",
    "9223372036854775807",
    "0.0",
    "0.5",
    "1.0",
    "2.0",
    "-1.0",
    "1e-45",
    "1e-40",
    "1e20",
    "3e38",
    "nan",
    "inf",
];

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(40))]
    #[test]
    fn settings_together_never_panic(
        choices in proptest::collection::vec((0_usize..1000, 0_usize..VALUES.len()), 2..6)
    ) {
        let text = smallest().to_toml();
        let keys = number_keys(&text);
        let setting = |(key, value): (usize, usize)| {
            format!("{}={}", keys[key % keys.len()], VALUES[value])
        };
        let settings: Vec<String> = choices.into_iter().map(setting).collect();
        open_and_step(&text, &settings);
    }
}

/// The paths of all numbers of a recipe.
fn number_keys(text: &str) -> Vec<String> {
    let mut tables = vec![(String::new(), text.parse::<toml::Table>().expect("TOML"))];
    let mut keys = vec![];
    while let Some((prefix, table)) = tables.pop() {
        for (key, value) in table {
            let path = format!("{prefix}{key}");
            match value {
                toml::Value::Table(inner) => tables.push((path + ".", inner)),
                toml::Value::Integer(_) | toml::Value::Float(_) => keys.push(path),
                _ => {}
            }
        }
    }
    keys
}

/// Whether the recipe is accepted.
fn open_and_step(text: &str, settings: &[String]) -> bool {
    eprintln!("{settings:?}"); // seen where it panics
    let Ok(recipe) = Recipe::resolve(text, settings) else {
        return false;
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    if let Ok(mut run) = Run::open(folder.path(), nano(), &recipe) {
        let _ = run.advance();
    }
    true
}

/// A log that takes every line and cannot be synced.
#[cfg(unix)]
#[test]
fn a_checkpoint_waits_for_its_logs() {
    let recipe = small(RecipeConfig::default())
        .build()
        .expect("a good recipe");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut run = Run::open(folder.path(), nano(), &recipe).expect("an empty folder");
    let log = folder.path().join("completions.jsonl");
    std::os::unix::fs::symlink("/dev/null", &log).expect("a writable folder");
    let error = run.advance().expect_err("it cannot be synced");
    assert!(
        matches!(&error, RunError::Io { path, .. } if *path == log),
        "{error}"
    );
    let checkpoint = folder.path().join("checkpoint-000001.safetensors");
    assert!(!checkpoint.exists(), "a checkpoint is ahead of its logs");
}

/// Runs a recipe to its end, and gives the path and the text of its metrics.
fn finished_metrics(folder: &Path, recipe: &Recipe) -> (PathBuf, String) {
    let mut run = Run::open(folder, nano(), recipe).expect("an empty folder");
    while run.advance().expect("a good step").is_some() {}
    let log = folder.join("metrics.jsonl");
    let text = fs::read_to_string(&log).expect("a log");
    (log, text)
}

#[test]
fn a_line_that_cannot_be_read_costs_no_other() {
    let recipe = small(RecipeConfig::default())
        .build()
        .expect("a good recipe");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (log, text) = finished_metrics(folder.path(), &recipe);
    let damaged = text.replacen("\"step\":2,\"reward\"", "\"step\":2,\"rewart\"", 1);
    assert_ne!(text, damaged);
    fs::write(&log, &damaged).expect("a writable folder");
    let run = Run::open(folder.path(), nano(), &recipe).expect("a good folder");
    let steps: Vec<u64> = run.metrics().iter().map(|metrics| metrics.step).collect();
    assert_eq!(steps, [1, 3]);
    let [RunError::Log(error)] = run.damaged() else {
        panic!("{:?}", run.damaged());
    };
    assert_eq!((error.line, &error.path), (2, &log));
    let events = fs::read(folder.path().join("events.out.tfevents.0.trimtab")).expect("a file");
    let tag = b"train/reward";
    let count = events.windows(tag.len()).filter(|bytes| bytes == tag);
    assert_eq!(count.count(), 2);
    assert_eq!(fs::read_to_string(&log).expect("a log"), damaged);
}

#[test]
fn lost_lines_of_a_log_are_reported() {
    let recipe = small(RecipeConfig::default())
        .build()
        .expect("a good recipe");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (log, text) = finished_metrics(folder.path(), &recipe);
    let (_, rest) = text.split_once('\n').expect("several lines");
    for (content, lost) in [(rest, 1), ("", 3)] {
        fs::write(&log, content).expect("a writable folder");
        let run = Run::open(folder.path(), nano(), &recipe).expect("a good folder");
        assert!(
            matches!(run.damaged(), [RunError::MissingMetrics { missing, steps: 3, .. }]
                if *missing == lost),
            "{:?}",
            run.damaged()
        );
    }
}

/// A group with completions without a token has the gradient of the others.
#[test]
fn completions_without_a_token_change_nothing() {
    let model = nano().model.autodiff();
    let completion = |tokens: Vec<u32>| Completion {
        logprobs: vec![0.0; tokens.len()],
        finish_reason: FinishReason::Length,
        tokens,
    };
    let (empty, one, two) = (
        completion(vec![]),
        completion(vec![5]),
        completion(vec![7, 8, 9]),
    );
    let gradient = |completions: Vec<&Completion>| {
        let tokens = completions.iter().map(|one| one.tokens.len()).sum();
        let group = GroupLoss {
            prompt: &[3, 4],
            completions,
            temperature: 1.0,
            logprob_grads: LogprobGrads::Fixed(vec![-1.0; tokens]),
            entropy_weights: vec![],
        };
        let policy = policy(&vectors(1.0), &model.config);
        group_gradient(&model, &policy, &group, &BackwardConfig::default())
    };
    let whole = gradient(vec![&one, &two]);
    assert_eq!(gradient(vec![&empty, &one, &empty, &two, &empty]), whole);
    let none = gradient(vec![&empty]);
    assert!(none.logprobs.is_empty() && none.grads.iter().flatten().all(|&grad| grad == 0.0));
    let logprobs = |completions: &[&Completion]| {
        group_logprobs(&nano().model, None, &[3, 4], completions, 1.0)
    };
    let (found, resid) = logprobs(&[&empty, &two]);
    assert_eq!(found, logprobs(&[&two]).0);
    assert_eq!(resid.dims()[0], 3);
    let (found, resid) = logprobs(&[&empty]);
    assert_eq!((found.len(), resid.dims()[0]), (0, 0));
}

/// The number of a completion is part of the address of its draws.
#[test]
fn one_completion_of_a_group_is_drawn_alone() {
    let prompt = nano()
        .tokenizer
        .encode("Problem: What is 2 plus 3?\nAnswer:");
    let prompt = prompt.expect("text of its own kind");
    let generated = |samples: usize, first_sample: u64| {
        let request = Request {
            prompt: &prompt,
            index: 7,
            samples,
        };
        let sampling = Sampling {
            max_new_tokens: 20,
            first_sample,
            ..Sampling::default()
        };
        let options = GenerateOptions::default();
        let completed = generate(&nano().model, &[request], &sampling, options);
        completed.expect("a good request").remove(0)
    };
    let all = generated(5, 0);
    for (number, completion) in all.iter().enumerate() {
        let alone = generated(1, number as u64);
        assert_eq!(alone[0].tokens, completion.tokens, "{number}");
    }
    assert_ne!(all[0].tokens, all[1].tokens);
}

/// Name, gradient, and the value that it should be the gradient of.
type Case<'a> = (&'a str, Vec<f32>, &'a dyn Fn(&HostTensor) -> f64);

/// Three steps of four prompts with four short completions, some of which are rewarded, whatever
/// the model answers.
fn small(mut recipe: RecipeConfig) -> RecipeConfig {
    recipe.reward.insert(BuiltIn::Random, 0.5);
    RecipeConfig {
        steps: 3,
        prompts_per_step: 4,
        group_size: 4,
        max_new_tokens: 24,
        learning_rate: 0.3,
        warmup_steps: 1,
        seed: 4,
        template: None, // the bundled model has no chat template
        validation: ValidationConfig::default(),
        ..recipe
    }
}

/// The files of a finished run. With `stops`, it is reopened after every step.
fn finished(recipe: &Recipe, stops: bool) -> BTreeMap<String, Vec<u8>> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut stopped_at = 0;
    loop {
        let mut run = Run::open(folder.path(), nano(), recipe).expect("a good folder");
        loop {
            let step = run
                .advance()
                .expect("a good step")
                .map(|step| step.metrics.step);
            match step {
                None => {
                    run.export().expect("a writable folder");
                    return snapshot(folder.path());
                }
                Some(step) if stops && step > stopped_at => {
                    stopped_at = step;
                    break;
                }
                Some(_) => {}
            }
        }
    }
}

fn snapshot(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(folder).expect("a folder");
    let paths = files.map(|entry| entry.expect("a file").path());
    let named = paths.map(|path| {
        let name = path.file_name().expect("a name").to_string_lossy();
        (name.into_owned(), fs::read(&path).expect("a file"))
    });
    named.filter(|(name, _)| name != "lock").collect()
}

fn in_threads<T: Send>(threads: usize, run: impl FnOnce() -> T + Send) -> T {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    pool.expect("a thread pool").install(run)
}

fn nano() -> &'static Pretrained {
    static NANO: LazyLock<Pretrained> = LazyLock::new(|| {
        Pretrained::load(&bundled_model(), Precision::F32, &Device::flex())
            .expect("the bundled model")
    });
    &NANO
}

fn vectors(norm: f32) -> HostTensor {
    let config = &nano().model.config;
    let shape = vec![config.num_hidden_layers, config.hidden_size];
    let each = norm / (shape[1] as f32).sqrt();
    let even = HostTensor {
        data: vec![each; shape.iter().product()],
        shape: shape.clone(),
    };
    let vectors = SteeringVectors::from_host(&even, &Device::flex()).random_directions(11);
    HostTensor {
        shape,
        data: vectors.vectors.val().try_into_vec_as().expect("f32"),
    }
}
