//! The trainer with every form of adapter: gradients of a group, steps that raise a probability,
//! files, resuming, and what is refused.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::thread::sleep;
use std::time::{Duration, Instant};

use burn::tensor::Device;
use trimtab_model::checkpoint_weights::{CheckpointWeights, FloatDType};
use trimtab_model::{
    Completion, FinishReason, Hook, Model, ModelConfig, Precision, Pretrained, Site,
};
use trimtab_rl::gradient::{
    BackwardConfig, GroupLoss, LogprobGrads, group_gradient, group_logprobs,
};
use trimtab_rl::loss::KlConfig;
use trimtab_rl::optim::Schedule;
use trimtab_rl::recipe::SteerConfig;
use trimtab_rl::reward::BuiltIn;
use trimtab_rl::{Policy, Recipe, RecipeConfig, Rewards, Run, RunError, TrainError, Trainer};
use trimtab_steer::form::{Full, Gated, Lora, LowRank, PerLayer, RandomProjection, Scaled};
use trimtab_steer::token_filter::{Part, TokenSet};
use trimtab_steer::{Adapter, Form, SteeringFile, TokenFilter};
use trimtab_tasks::{NanoTask, Split};
use trimtab_tests::{bundled_model, fixture, matrix, max_difference};

/// Along the gradient of each parameter, those of the final norm, embedding and unembedding
/// included.
///
/// There are 1,100 tokens, so that logits are computed in two chunks, and an entropy bonus. In f32,
/// on a sum of 1,100 terms, differences are accurate to about 1e-2.
#[test]
fn gradients_of_a_group_equal_central_differences() {
    const STEP: f64 = 4e-3;
    let group = ManyTokens::new();
    for tied in [false, true] {
        let base = tiny(tied);
        let autodiff = base.autodiff();
        for (mut adapter, token_filter) in tiny_forms(&base.config) {
            let is_full = matches!(adapter.form(), Form::Full(_));
            if tied && !is_full {
                continue; // others do not touch the embedding
            }
            if !is_full {
                shake(&mut adapter, 0.1);
            }
            let policy = |adapter: &Adapter| {
                let leaves = adapter.to_device(&Device::flex());
                Policy::new(leaves, token_filter.clone()).expect("a clause that can be followed")
            };
            let grads = group.gradient(&autodiff, &policy(&adapter));
            assert!(grads.iter().flatten().any(|grad| grad.abs() > 1e-2));
            for (index, grad) in grads.iter().enumerate() {
                let name = adapter.parameters()[index].0.clone();
                let length = norm(grad);
                let moved = |step: f64| {
                    let mut adapter = adapter.clone();
                    let values = adapter.values_mut().nth(index).expect("a parameter");
                    for (value, grad) in values.iter_mut().zip(grad) {
                        *value += (step * f64::from(*grad) / length) as f32;
                    }
                    group.loss(&base, &policy(&adapter))
                };
                let found = (moved(STEP) - moved(-STEP)) / (2.0 * STEP);
                assert!(
                    (found - length).abs() < 1e-2 * length.max(2.0),
                    "{:?}, tied {tied}, {name}: {found} by differences, \
                     {length} by back-propagation",
                    adapter.form()
                );
            }
        }
    }
}

/// Six steps that reward a first token with which the base begins now and then, with a KL penalty.
///
/// Its probability is computed, not sampled.
#[test]
fn a_few_steps_of_every_form_raise_the_probability_of_the_reward() {
    let wanted = usual_beginning();
    for (form, learning_rate) in nano_forms() {
        let recipe = RecipeConfig {
            steps: 6,
            prompts_per_step: 4,
            group_size: 12,
            max_new_tokens: 2,
            learning_rate,
            warmup_steps: 0,
            schedule: Schedule::Constant,
            kl: KlConfig {
                coef: 1e-3,
                ..KlConfig::default()
            },
            steer: SteerConfig {
                form: form.clone(),
                ..SteerConfig::default()
            },
            ..RecipeConfig::default()
        }
        .build()
        .expect("a good recipe");
        let rewards =
            Rewards::new(Duration::from_mins(10)).with("begins", 1.0, move |_, rollout| {
                Some(f32::from(u8::from(rollout.completion.tokens[0] == wanted)))
            });
        let mut trainer = Trainer::new(nano(), &recipe).expect("generated problems");
        trainer = trainer.with_rewards(rewards);
        let before = chance(&trainer.policy(), wanted);
        let mut distances = vec![];
        for _ in 0..recipe.steps {
            let metrics = trainer.step().expect("a good step").metrics;
            assert!(metrics.skipped.is_none() && metrics.max_logprob_gap < 1e-4);
            distances.push(metrics.kl.expect("there is a penalty"));
        }
        let after = chance(&trainer.policy(), wanted);
        eprintln!(
            "{}: {before:.3} to {after:.3}, {distances:.1?}",
            form.name()
        );
        assert!((0.05..0.5).contains(&before), "{form:?}: {before}");
        assert!(after > before + 0.2, "{form:?}: {before} to {after}");
        // The reference is the base, whatever happened to the weights.
        let (first, last) = (distances[0], distances[distances.len() - 1]);
        assert!(first.abs() < 1e-5 && last > 1e-2, "{form:?}: {distances:?}");
    }
}

/// Kills a run at moments spread over its time until it ends. Its bytes are those of a run that was
/// never stopped.
#[test]
fn killed_runs_of_other_forms_end_in_the_same_bytes() {
    const KILLS: usize = 8;
    for (form, learning_rate) in nano_forms() {
        if matches!(form, Form::PerLayer(_) | Form::Scaled(_)) {
            continue; // `resume.rs` is about vectors
        }
        let name = form.name();
        let recipe = built(form, learning_rate);
        let whole = tempfile::tempdir().expect("a temporary folder");
        let begun = Instant::now();
        finish(whole.path(), &recipe);
        let usual = begun.elapsed();
        let folder = tempfile::tempdir().expect("a temporary folder");
        let text = folder.path().join("recipe.toml");
        fs::write(&text, recipe.to_toml()).expect("a writable folder");
        let out = folder.path().join("run");
        for kill in 0..=KILLS {
            let mut child = Command::new(env!("CARGO_BIN_EXE_train_child"))
                .args([&bundled_model(), &text, &out])
                .stdout(Stdio::null())
                .spawn()
                .expect("the binary was built with this test");
            if kill < KILLS {
                sleep(usual.mul_f64((kill as f64 * 0.618_033_988_749_895).fract() + 0.05));
                child.kill().expect("a child of mine");
                child.wait().expect("a child");
            } else {
                assert!(child.wait().expect("a child").success());
            }
        }
        let (found, expected) = (snapshot(&out), snapshot(whole.path()));
        assert_eq!(
            found.keys().collect::<Vec<_>>(),
            expected.keys().collect::<Vec<_>>()
        );
        for (file, bytes) in &expected {
            assert!(found[file] == *bytes, "{name}: {file} differs");
        }
        let moments = expected.keys().find(|file| file.starts_with("checkpoint-"));
        assert!(moments.is_some(), "{name}");
    }
}

/// The exported results of a run compute what the run computes.
#[test]
fn results_are_read_back_and_compute_the_same() {
    let tokens: Vec<u32> = (5..25).collect();
    for (form, learning_rate) in nano_forms() {
        let name = form.name();
        let folder = tempfile::tempdir().expect("a temporary folder");
        let recipe = built(form.clone(), learning_rate);
        let mut run = open(folder.path(), &recipe);
        while run.advance().expect("a good step").is_some() {}
        let path = run.export().expect("a writable folder");
        let logits = |model: &Model, hook: Option<Hook>| {
            matrix(model.logits(model.prefill(&[&tokens], hook).0))
        };
        let policy = run.trainer().policy();
        let model = policy.model(&nano().model);
        let expected = logits(&model, Some(&policy.steering()));
        let found = match form {
            Form::Full(_) => {
                let tuned = Pretrained::load(&path, Precision::F32, &Device::flex());
                let tuned = tuned.expect("a checkpoint");
                assert_eq!(tuned.model.config, nano().model.config);
                assert_eq!(tuned.num_parameters, nano().num_parameters);
                logits(&tuned.model, None)
            }
            Form::Lora(_) => {
                let adapter = Adapter::read_peft(&path, &nano().model.config).expect("of PEFT");
                let steering = adapter.to_device(&Device::flex()).to_steering();
                logits(&nano().model, Some(&steering))
            }
            _ => {
                let file = SteeringFile::read(&path, nano()).expect("just written");
                let steering = file.to_steering(&nano().model).expect("no clause");
                logits(&nano().model, Some(&steering))
            }
        };
        let error = max_difference(&found, &expected);
        let moved = max_difference(&found, &logits(&nano().model, None));
        eprintln!("{name}: {error:.1e} apart, {moved:.1e} from the base");
        assert!(error <= 1e-4 && moved > 1e-2, "{name}: {error} {moved}");
    }
}

/// The first update of AdamW moves each number by about its learning rate, whatever the gradient.
#[test]
fn learning_rates_follow_the_layer() {
    let (rate, ratio) = (1e-2, 64.0_f32);
    for (form, layer_of) in [
        (Form::Lora(Lora::default()), "lora_B"),
        (Form::Full(Full {}), "input_layernorm.weight"),
    ] {
        let recipe = RecipeConfig {
            depth_ratio: ratio,
            ..small(form, rate)
        }
        .build()
        .expect("a good recipe");
        let moved = first_update(&recipe);
        let last = moved.len();
        let of_layer = |layer: usize| {
            let of = format!("layers.{layer}.");
            let mut named = moved[..last].iter();
            let named = named.find(|(name, _)| name.contains(&of) && name.ends_with(layer_of));
            named.expect("each layer has one").1
        };
        for layer in 0..4 {
            let expected = rate * ratio.powf(-(3.0 - layer as f32) / 3.0);
            let found = of_layer(layer);
            assert!(
                (found / expected - 1.0).abs() < 1e-2,
                "{layer_of} of layer {layer}: {found} instead of {expected}"
            );
        }
        if let Some((_, found)) = moved.iter().find(|(name, _)| name == "model.norm.weight") {
            assert!((found / rate - 1.0).abs() < 1e-2, "no layer: {found}");
        }
    }
    let low_rank = Form::LowRank(LowRank::default());
    let recipe = RecipeConfig {
        depth_ratio: ratio,
        ..small(low_rank, rate)
    }
    .build()
    .expect("a good recipe");
    let shared = first_update(&recipe)[1].1;
    assert!(
        (shared / rate - 1.0).abs() < 1e-2,
        "the factor `b`: {shared}"
    );
}

#[test]
fn recipes_select_the_form() {
    let text = "steps = 3\n[steer]\nform = 'lora'\nrank = 2\n\
                target_modules = ['q_proj']\nwhere = { strength = 0.5 }";
    let recipe = Recipe::resolve(text, &["steer.alpha=8.0".to_owned()]).expect("a good recipe");
    let lora = Lora {
        rank: 2,
        alpha: 8.0,
        target_modules: vec![Site::QProj],
        ..Lora::default()
    };
    assert_eq!(recipe.steer.form, Form::Lora(lora));
    assert_eq!(recipe.steer.token_filter.strength, 0.5);
    let again = Recipe::resolve(&recipe.to_toml(), &[]).expect("just written");
    assert_eq!(again, recipe);
    assert_ne!(recipe.fingerprint(), Recipe::default().fingerprint());
    for (form, _) in nano_forms() {
        let set = [format!("steer.form={}", form.name())];
        let recipe = Recipe::resolve("preset = 'dapo'", &set).expect("each has defaults");
        assert_eq!(recipe.steer.form.name(), form.name());
        let again = Recipe::resolve(&recipe.to_toml(), &[]).expect("just written");
        assert_eq!(again, recipe);
    }
    // Without a form, vectors are trained, and the recipe may still say where they act.
    let sets = ["steer.layers=[1, 2]", "steer.where.only.part=generated"];
    let recipe = Recipe::resolve("", &sets.map(str::to_owned)).expect("a good recipe");
    let layers = Some(vec![1, 2]);
    let vectors = PerLayer {
        layers,
        ..PerLayer::default()
    };
    assert_eq!(recipe.steer.form, Form::PerLayer(vectors));
    assert_eq!(recipe.steer.token_filter.only.part, Part::Generated);
    assert!(!Recipe::default().to_toml().contains("steer"));
    for (text, named) in [
        ("steer.form = 'lora'\nsteer.rnak = 2", "rnak"),
        ("steer.form = 'loar'", "loar"),
        ("steer.where = { part = 'prompt' }", "part"),
        ("steer.where.only.last = -1", "-1"),
        ("steer = 'lora'", "lora"),
        ("steer.rank = 2", "rank"),
    ] {
        let error = Recipe::resolve(text, &[]).expect_err(text).to_string();
        assert!(error.contains(named), "{text}: {error}");
    }
}

#[test]
fn adapters_that_do_not_fit_are_refused_before_the_first_step() {
    for (text, named) in [
        ("layers = [4]", "layer 4, but the model has layers 0 to 3"),
        ("form = 'low_rank'\nrank = 5", "`rank` is 5"),
        ("where = { only = { last = 2 } }", "part = \"prompt\""),
        (
            "form = 'full'\nwhere = { strength = 2.0 }",
            "leave `steer.where` out",
        ),
    ] {
        let recipe = Recipe::resolve(&format!("[steer]\n{text}"), &[]).expect("plain data");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let refused = Run::open(folder.path(), nano(), &recipe).map(|run| run.step());
        let Err(RunError::Train(error)) = refused else {
            panic!("{text}: {refused:?}");
        };
        let told = chain(&error);
        assert!(told.contains(named), "{text}: {told}");
    }
    let recipe = built(Form::Lora(Lora::default()), 0.01);
    let mut trainer = Trainer::new(nano(), &recipe).expect("generated problems");
    assert!(trainer.vectors(&Device::flex()).is_none());
    let refused = trainer.layer_energy(2);
    assert!(
        matches!(refused, Err(TrainError::NoVectors { form: "lora" })),
        "{refused:?}"
    );
    let layers = Some(vec![1, 3]);
    let vectors = PerLayer {
        layers,
        ..PerLayer::default()
    };
    let recipe = built(Form::PerLayer(vectors), 0.1);
    let mut trainer = Trainer::new(nano(), &recipe).expect("generated problems");
    let energy = trainer.layer_energy(8).expect("vectors");
    assert_eq!((energy.len(), energy[0], energy[2]), (4, 0.0, 0.0));
    assert!(energy[1] > 0.0 && energy[3] > 0.0, "{energy:?}");
}

/// An error with its sources.
fn chain(error: &dyn std::error::Error) -> String {
    let own = error.to_string();
    match error.source() {
        None => own,
        Some(source) => format!("{own}: {}", chain(source)),
    }
}

/// 55 completions of 20 tokens of one prompt, with a weight for the log-probability of each token.
struct ManyTokens {
    prompt: Vec<u32>,
    completions: Vec<Completion>,
    logprob_grads: Vec<f32>,
}

const ENTROPY_WEIGHT: f32 = 0.3;

impl ManyTokens {
    fn new() -> Self {
        let completion = |row: u32| Completion {
            tokens: (0..20).map(|i| (row * 31 + i * i * 7 + 5) % 89).collect(),
            logprobs: vec![0.0; 20],
            finish_reason: FinishReason::Length,
        };
        Self {
            prompt: vec![3, 14, 15, 9, 2, 6],
            completions: (0..55).map(completion).collect(),
            logprob_grads: (0..1100)
                .map(|i| (i * 29 % 17) as f32 / 8.0 - 1.1)
                .collect(),
        }
    }

    fn gradient(&self, autodiff: &Model, policy: &Policy) -> Vec<Vec<f32>> {
        let completions = self.completions.iter().collect();
        let group = GroupLoss {
            prompt: &self.prompt,
            completions,
            temperature: 0.9,
            logprob_grads: LogprobGrads::Computed(Box::new(|logprobs| {
                assert_eq!(logprobs.len(), self.logprob_grads.len());
                self.logprob_grads.clone()
            })),
            entropy_weights: vec![ENTROPY_WEIGHT; self.logprob_grads.len()],
        };
        group_gradient(autodiff, policy, &group, &BackwardConfig::default()).grads
    }

    /// The same loss, summed in f64.
    fn loss(&self, base: &Model, policy: &Policy) -> f64 {
        let completions: Vec<&Completion> = self.completions.iter().collect();
        let (model, steering) = (policy.model(base), policy.steering());
        let (logprobs, resid) =
            group_logprobs(&model, Some(&steering), &self.prompt, &completions, 0.9);
        let entropy = |row: &Vec<f32>| {
            let logits = row.iter().map(|&logit| f64::from(logit) / 0.9);
            let most = logits.clone().fold(f64::NEG_INFINITY, f64::max);
            let sum = logits
                .clone()
                .map(|logit| (logit - most).exp())
                .sum::<f64>();
            let log_sum = sum.ln() + most;
            logits
                .map(|logit| (logit - log_sum).exp() * (log_sum - logit))
                .sum::<f64>()
        };
        let entropies: f64 = matrix(model.logits(resid)).iter().map(entropy).sum();
        let weighted = logprobs.iter().zip(&self.logprob_grads);
        let weighted = weighted.map(|(&logprob, &grad)| f64::from(logprob) * f64::from(grad));
        weighted.sum::<f64>() - f64::from(ENTROPY_WEIGHT) * entropies
    }
}

/// The tiny Qwen2, with tied or untied embeddings.
fn tiny(tied: bool) -> Model {
    let mut config = ModelConfig::from_dir(&fixture("tiny_qwen2")).expect("a good configuration");
    config.tie_word_embeddings = tied;
    let weights = tiny_weights();
    Model::from_tensors(config, &mut |name, _| {
        weights.tensor(name, FloatDType::F32, &Device::flex())
    })
    .expect("sound tensors")
}

fn tiny_weights() -> CheckpointWeights {
    CheckpointWeights::open(&fixture("tiny_qwen2")).expect("a whole file")
}

/// One adapter of each form, some of them at some tokens only.
fn tiny_forms(config: &ModelConfig) -> Vec<(Adapter, TokenFilter)> {
    let init = |form| Adapter::init(form, config).expect("a form that fits");
    let generated = TokenFilter {
        only: TokenSet {
            part: Part::Generated,
            ..TokenSet::default()
        },
        strength: 0.5,
        ..TokenFilter::default()
    };
    let low_rank = LowRank {
        rank: 2,
        ..LowRank::default()
    };
    let lora = Lora {
        target_modules: vec![Site::VProj, Site::DownProj],
        ..Lora::default()
    };
    let full = Adapter::full(config, &tiny_weights()).expect("a whole file");
    vec![
        (init(Form::default()), TokenFilter::default()),
        (init(Form::Scaled(Scaled::default())), generated.clone()),
        (init(Form::LowRank(low_rank)), TokenFilter::default()),
        (
            init(Form::RandomProjection(RandomProjection::default())),
            generated.clone(),
        ),
        (init(Form::Gated(Gated::default())), TokenFilter::default()),
        (init(Form::Lora(lora)), generated),
        (full, TokenFilter::default()),
    ]
}

/// Adds numbers of the given size to every parameter.
fn shake(adapter: &mut Adapter, size: f32) {
    for (parameter, values) in adapter.values_mut().enumerate() {
        for (index, value) in values.iter_mut().enumerate() {
            *value += size * (((index * 31 + parameter * 7) % 13) as f32 / 6.5 - 0.95);
        }
    }
}

fn norm(values: &[f32]) -> f64 {
    let squares = values.iter().map(|&value| f64::from(value).powi(2));
    squares.sum::<f64>().sqrt()
}

/// Each form with a learning rate at which the bundled model changes.
fn nano_forms() -> [(Form, f32); 7] {
    [
        (Form::default(), 0.45),
        (Form::Scaled(Scaled::default()), 0.1),
        (Form::LowRank(LowRank::default()), 0.45),
        (Form::RandomProjection(RandomProjection::default()), 1.5),
        (Form::Gated(Gated::default()), 0.45),
        (Form::Lora(Lora::default()), 0.03),
        (Form::Full(Full {}), 1e-3),
    ]
}

/// The most likely first token among those with a probability below one half.
fn usual_beginning() -> u32 {
    let prompts = prompts();
    let sums = prompts.iter().fold(vec![], |sums: Vec<f32>, prompt| {
        let (resid, _) = nano().model.prefill(&[prompt], None);
        let last = resid.narrow(0, prompt.len() - 1, 1);
        let logits = matrix(nano().model.logits(last)).remove(0);
        let total: f32 = logits.iter().map(|logit| logit.exp()).sum();
        let chances = logits.iter().map(|logit| logit.exp() / total);
        if sums.is_empty() {
            return chances.collect();
        }
        sums.iter()
            .zip(chances)
            .map(|(sum, one)| sum + one)
            .collect()
    });
    let half = prompts.len() as f32 / 2.0;
    let usual = (0..).zip(sums).filter(|(_, sum)| *sum < half);
    usual.max_by(|a, b| a.1.total_cmp(&b.1)).expect("a token").0
}

/// Held-out problems as tokens.
fn prompts() -> Vec<Vec<u32>> {
    let prompt = |index| {
        let problem = NanoTask::Gsm.problem(Split::HeldOut, 0, index);
        nano().tokenizer.encode(&problem.prompt()).expect("text")
    };
    (0..16).map(prompt).collect()
}

/// A recipe that takes a few seconds and whose rewards always differ.
fn small(form: Form, learning_rate: f32) -> RecipeConfig {
    RecipeConfig {
        steps: 3,
        prompts_per_step: 4,
        group_size: 4,
        max_new_tokens: 24,
        warmup_steps: 0,
        schedule: Schedule::Constant,
        seed: 9,
        learning_rate,
        // Weights that a file leaves out have their defaults.
        reward: BTreeMap::from([(BuiltIn::Correctness, 0.0), (BuiltIn::Random, 1.0)]),
        steer: SteerConfig {
            form,
            ..SteerConfig::default()
        },
        ..RecipeConfig::default()
    }
}

fn built(form: Form, learning_rate: f32) -> Recipe {
    small(form, learning_rate).build().expect("a good recipe")
}

/// The largest change of each parameter in the first update.
fn first_update(recipe: &Recipe) -> Vec<(String, f32)> {
    let mut trainer = Trainer::new(nano(), recipe).expect("generated problems");
    let before = trainer.state().adapter.clone();
    trainer.step().expect("a good step");
    let after = trainer.state().adapter.parameters().iter();
    let moved = after.zip(before.parameters());
    moved
        .map(|((name, after), (_, before))| {
            let pairs = after.data.iter().zip(&before.data);
            let most = pairs.fold(0.0, |most: f32, (a, b)| most.max((a - b).abs()));
            (name.clone(), most)
        })
        .collect()
}

/// The probability of a first token, averaged over problems.
fn chance(policy: &Policy, token: u32) -> f32 {
    let completion = Completion {
        tokens: vec![token],
        logprobs: vec![0.0],
        finish_reason: FinishReason::Length,
    };
    let (model, steering) = (policy.model(&nano().model), policy.steering());
    let prompts = prompts();
    let chances = prompts.iter().map(|prompt| {
        let (logprobs, _) = group_logprobs(&model, Some(&steering), prompt, &[&completion], 1.0);
        logprobs[0].exp()
    });
    chances.sum::<f32>() / prompts.len() as f32
}

fn nano() -> &'static Pretrained {
    static NANO: LazyLock<Pretrained> = LazyLock::new(|| {
        Pretrained::load(&bundled_model(), Precision::F32, &Device::flex())
            .expect("the bundled model")
    });
    &NANO
}

/// A lock outlives its run while another test is between fork and exec, since its child holds a
/// copy of the lock.
fn open<'a>(folder: &Path, recipe: &'a Recipe) -> Run<'a> {
    for _ in 0..100 {
        match Run::open(folder, nano(), recipe) {
            Err(RunError::Locked { .. }) => sleep(std::time::Duration::from_millis(10)),
            opened => return opened.expect("a good folder"),
        }
    }
    panic!("the folder stays locked")
}

fn finish(folder: &Path, recipe: &Recipe) {
    let mut run = open(folder, recipe);
    while run.advance().expect("a good step").is_some() {}
    run.export().expect("a writable folder");
}

/// All files except the lock, those in subfolders included.
fn snapshot(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("a folder").path();
        let name = path
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        if path.is_dir() {
            let inside = snapshot(&path).into_iter();
            files.extend(inside.map(|(file, bytes)| (format!("{name}/{file}"), bytes)));
        } else if name != "lock" && path.extension().is_none_or(|end| end != "tmp") {
            files.insert(name, fs::read(&path).expect("a file"));
        }
    }
    files
}
