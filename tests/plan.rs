//! What a run will take, compared with what it takes.

use std::fs;
use std::path::{Path, PathBuf};

use trimtab_model::{Device, Outline, Precision, Pretrained};
use trimtab_rl::{Plan, Recipe, Trainer};
use trimtab_tests::{bundled_model, fixture};

const BF16: Precision = Precision::Bf16;

fn recipe(settings: &[&str]) -> Recipe {
    let settings: Vec<String> = settings.iter().map(|&it| it.to_owned()).collect();
    Recipe::resolve("", &settings).expect("a recipe")
}

fn outline() -> Outline {
    Outline::open(&bundled_model(), &[]).expect("the bundled model")
}

#[test]
fn a_folder_without_weights_is_planned_as_with_them() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let names = ["config.json", "tokenizer.json", "tokenizer_config.json"];
    for name in names {
        let (from, to) = (bundled_model().join(name), folder.path().join(name));
        if from.exists() {
            fs::copy(from, to).expect("a writable folder");
        }
    }
    let (with, without) = (
        outline(),
        Outline::open(folder.path(), &[]).expect("no weights"),
    );
    let base = Pretrained::load(&bundled_model(), BF16, &Device::flex()).expect("the model");
    assert_eq!(without.num_parameters(), base.num_parameters);
    for precision in [Precision::F32, BF16, Precision::Q8, Precision::Q4] {
        let bytes = without.weight_bytes(precision);
        assert_eq!(bytes, with.weight_bytes(precision), "{precision:?}");
        let per_parameter = bytes as f64 / base.num_parameters as f64;
        let expected = match precision {
            Precision::F32 => 4.0..4.3,
            Precision::Bf16 => 2.0..2.2,
            Precision::Q8 => 1.125..1.3,
            _ => 0.625..0.75,
        };
        assert!(
            expected.contains(&per_parameter),
            "{precision:?}: {per_parameter}"
        );
    }
    fs::remove_file(folder.path().join("config.json")).expect("it is there");
    assert!(
        Outline::open(folder.path(), &[]).is_err(),
        "nothing says what the model is"
    );
}

#[test]
fn prompts_and_numbers_are_those_of_the_run() {
    let recipe = recipe(&[
        "steps=1",
        "prompts_per_step=8",
        "group_size=4",
        "max_new_tokens=16",
    ]);
    let plan = Plan::new(&outline(), BF16, &recipe).expect("it fits the model");
    let base = Pretrained::load(&bundled_model(), BF16, &Device::flex()).expect("the model");
    let mut trainer = Trainer::new(&base, &recipe).expect("a trainer");
    let step = trainer.step().expect("a step");
    assert_eq!(plan.first_prompt, step.groups[0].prompt_text);
    assert_eq!(plan.completions, 8 * 4);
    assert!(step.metrics.tokens <= plan.tokens && plan.tokens == 8 * 4 * 16);
    let config = &base.model.config;
    assert_eq!(plan.trained, config.num_hidden_layers * config.hidden_size);
    for group in &step.groups {
        let lens = plan.prompts.min..=plan.prompts.max;
        assert!(lens.contains(&group.prompt.len()), "{}", group.prompt.len());
    }
    let prompts = plan.prompts;
    assert!(prompts.min < prompts.median && prompts.median < prompts.p95);
    assert_eq!(prompts.too_long, 0);
}

#[test]
fn prompts_without_room_are_counted() {
    let outline = outline();
    let max_len = outline.config.max_len();
    let all = |max_new_tokens: usize| {
        let recipe = recipe(&[&format!("max_new_tokens={max_new_tokens}")]);
        let plan = Plan::new(&outline, BF16, &recipe).expect("it fits the model");
        plan.prompts
    };
    let prompts = all(1);
    assert_eq!(prompts.too_long, 0);
    let some = all(max_len - prompts.median).too_long;
    assert!((prompts.count / 4..prompts.count * 3 / 4).contains(&some));
    assert_eq!(all(max_len).too_long, prompts.count);
}

const LONG: [&str; 2] = ["max_new_tokens=256", "group_size=64"];

#[test]
fn rounds_and_measurements_are_counted() {
    let plan = |settings: &[&str]| {
        let recipe = recipe(settings);
        Plan::new(&outline(), BF16, &recipe).expect("it fits the model")
    };
    let once = plan(&[]);
    let resampled = plan(&["zero_variance=resample", "resample_rounds=3"]);
    assert_eq!(resampled.tokens, 3 * once.tokens);
    let every = ["steps=10", "validation.every=5", "validation.problems=7"];
    let measured = plan(&[&every[..], &["max_new_tokens=20"]].concat());
    assert_eq!(
        measured.validation_tokens,
        3 * 7 * 20,
        "the base, and after steps 5 and 10"
    );
    let (step, all) = measured.seconds(10.0);
    let steps = 10.0 * measured.tokens as f64 / 10.0;
    assert!((step - steps / 10.0).abs() < 1e-9 && (all - steps - 42.0).abs() < 1e-9);
    let of = |form: &str| plan(&[&format!("steer.form={form}")]).memory;
    assert!(of("per_layer").activations < of("lora").activations);
    assert!(of("lora").activations < of("full").activations);
}

#[test]
fn what_a_run_refuses_is_refused() {
    let gguf = Outline::open(&fixture("gguf").join("llama.gguf"), &[]).expect("a model");
    let error = Plan::new(&gguf, BF16, &recipe(&["steer.form=full"])).expect_err("no folder");
    assert!(error.to_string().contains("config.json"), "{error}");
}

/// Every saving that is named is one: with it, the same recipe is within the limit.
#[test]
fn settings_that_are_named_make_the_run_fit() {
    let outline = outline();
    let recipe = recipe(&LONG);
    let plan = Plan::new(&outline, Precision::F32, &recipe).expect("it fits the model");
    let peak = plan.memory.peak();
    let mut named = 0;
    for percent in 20..100 {
        let limit = peak * percent / 100;
        for settings in plan.savings(&outline, &recipe, limit) {
            let set = settings.iter().filter_map(|it| it.strip_prefix("--set "));
            let dtype = settings.iter().find_map(|it| it.strip_prefix("--dtype "));
            let precision = dtype.map_or(Precision::F32, |name| name.parse().expect("a format"));
            let changed: Vec<&str> = LONG.iter().copied().chain(set).collect();
            let changed = self::recipe(&changed);
            let plan = Plan::new(&outline, precision, &changed).expect("it fits the model");
            assert!(plan.memory.peak() <= limit, "{settings:?} at {percent} %");
            named += 1;
        }
    }
    assert!(named > 20, "{named}");
    assert!(
        plan.savings(&outline, &recipe, 1).is_empty(),
        "nothing makes it fit a byte"
    );
}

#[test]
fn every_recipe_of_the_repository_is_one() {
    let recipes = Path::new(env!("CARGO_MANIFEST_DIR")).join("../recipes");
    let files = |folder: &Path| -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).expect("a folder of recipes");
        let paths = entries.map(|entry| entry.expect("an entry").path());
        paths.filter(|path| path.is_file()).collect()
    };
    let all = [files(&recipes), files(&recipes.join("paper"))].concat();
    assert!(all.len() > 12, "{all:?}");
    for path in all {
        let text = fs::read_to_string(&path).expect("text");
        let recipe = Recipe::resolve(&text, &[]);
        let recipe = recipe.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(
            recipe.template.is_some() || text.contains("real-small"),
            "{}",
            path.display()
        );
    }
}
