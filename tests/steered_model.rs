//! What steers a model is loaded from a file or a folder in one call, with the hash of what was
//! loaded.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use burn::tensor::Device;
use serde_json::json;
use trimtab_model::Pretrained;
use trimtab_model::checkpoint_weights::CheckpointWeights;
use trimtab_model::file::sha256_hex;
use trimtab_model::tensor_file::{HostTensor, TensorFile};
use trimtab_steer::steered_model::AppliedSource;
use trimtab_steer::{
    Adapter, SteeredModel, SteeredModelError, SteeringFile, SteeringFileError, SteeringSource,
};
use trimtab_tests::{Matrix, error_chain, fixture, matrix, max_difference, tiny, tiny_checkpoint};

const TOKENS: &[u32] = &[3, 1, 4, 1, 5];

#[test]
fn a_model_without_steering_is_the_base() {
    let steered = SteeredModel::from(tiny());
    assert!(steered.hook().is_none() && steered.sources.is_empty());
}

#[test]
fn files_steer_and_are_hashed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("steering.safetensors");
    let file = vectors(0.5);
    file.write(&path).expect("a writable folder");
    let steered = load(&path).expect("just written");
    let bytes = fs::read(&path).expect("just written");
    let source = AppliedSource {
        file: "steering.safetensors".to_owned(),
        sha256: sha256_hex(&bytes),
        strength: 1.0,
    };
    assert_eq!(steered.sources, [source]);
    let base = tiny();
    let expected = file.to_vectors(&Device::flex()).expect("vectors").hook();
    let expected = base.model.prefill(&[TOKENS], Some(&expected)).0;
    assert_eq!(logits(&steered), matrix(base.model.logits(expected)));
}

#[test]
fn peft_folders_steer_and_both_files_are_hashed() {
    let dir = fixture("peft_lora");
    let steered = load(&dir).expect("an adapter for this model");
    let bytes = |name: &str| fs::read(dir.join(name)).expect("a fixture");
    let files = [
        bytes("adapter_config.json"),
        bytes("adapter_model.safetensors"),
    ];
    assert_eq!(steered.sources[0].sha256, sha256_hex(&files.concat()));
    assert_eq!(steered.sources[0].file, "peft_lora");
    let adapter = Adapter::read_peft(&dir, &tiny().model.config).expect("a good adapter");
    let steering = adapter.to_device(&Device::flex()).to_steering();
    let base = tiny();
    let expected = base.model.prefill(&[TOKENS], Some(&steering)).0;
    assert_eq!(logits(&steered), matrix(base.model.logits(expected)));
}

#[test]
fn tuned_checkpoints_replace_the_weights() {
    let (base, source) = (tiny(), tiny_checkpoint());
    let weights = CheckpointWeights::open(source.path()).expect("a good checkpoint");
    let mut adapter = Adapter::full(&base.model.config, &weights).expect("its own weights");
    for value in adapter.values_mut().next().expect("an embedding") {
        *value *= 1.5;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let out = folder.path().join("tuned");
    adapter
        .write_checkpoint(source.path(), &out)
        .expect("a writable folder");
    let steered = load(&out).expect("just written");
    let tuned = Pretrained::load(&out, base.precision, &Device::flex()).expect("just written");
    assert_eq!(steered.sources[0].sha256, tuned.sha256);
    assert_eq!(steered.base.sha256, base.sha256);
    assert!(steered.hook().is_none());
    assert_eq!(logits(&steered), logits(&tuned.into()));
    assert_ne!(logits(&steered), logits(&base.into()));
}

/// While a file is loaded, it is replaced by another one again and again. Whichever is loaded, the
/// hash is the hash of that one.
#[test]
fn the_hash_is_that_of_the_bytes_that_were_loaded() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("steering.safetensors");
    let versions = [-0.5, 0.5].map(|scale| {
        let version = folder.path().join(scale.to_string());
        vectors(scale).write(&version).expect("a writable folder");
        version
    });
    fs::copy(&versions[0], &path).expect("a writable folder");
    let with_hash =
        |(mut sources, logits): (Vec<AppliedSource>, Matrix)| (sources.remove(0).sha256, logits);
    let by_hash = versions.clone().map(|version| {
        let steered = load(&version).expect("just written");
        with_hash((steered.sources.clone(), logits(&steered)))
    });
    assert_ne!(by_hash[0], by_hash[1]);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let temporary = folder.path().join("temporary");
            for version in versions.iter().cycle() {
                fs::hard_link(version, &temporary).expect("a writable folder");
                fs::rename(&temporary, &path).expect("a writable folder");
                if done.load(Ordering::Relaxed) {
                    break;
                }
            }
        });
        let base = tiny();
        for _ in 0..100 {
            let steered = SteeredModel::load(base.clone(), &[SteeringSource::new(&path)])
                .expect("either version");
            let found = with_hash((steered.sources.clone(), logits(&steered)));
            let is_known = by_hash.contains(&found);
            done.store(!is_known, Ordering::Relaxed); // before a panic, which waits for the thread
            assert!(is_known, "the hash of one file and the vectors of another");
        }
        done.store(true, Ordering::Relaxed);
    });
}

#[test]
fn errors_name_the_path_and_say_nothing_twice() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let refused = |path: &Path| {
        let error = load(path).expect_err("refused");
        let chain = error_chain(&error);
        let path = path.display().to_string();
        assert!(chain.contains(&path), "{chain}");
        (error, chain)
    };
    let (error, chain) = refused(&folder.path().join("nothing"));
    assert!(
        matches!(error, SteeredModelError::File { .. }) && chain.contains("cannot read"),
        "{chain}"
    );
    let path = folder.path().join("steering.safetensors");
    fs::write(&path, "something else").expect("a writable folder");
    let (error, chain) = refused(&path);
    assert!(matches!(error, SteeredModelError::File { .. }), "{chain}");

    let mut filtered = vectors(0.5);
    filtered.metadata.token_filter = Some(toml::from_str("only.last = 2").expect("a filter"));
    filtered.write(&path).expect("a writable folder");
    let (_, chain) = refused(&path);
    assert!(chain.ends_with("it needs part = \"prompt\""), "{chain}");

    let (error, chain) = refused(folder.path());
    assert!(
        matches!(error, SteeredModelError::RunFolder { .. })
            && chain.ends_with("steering.safetensors"),
        "{chain}"
    );
    fs::remove_file(&path).expect("it is there");
    let (_, chain) = refused(folder.path());
    assert!(chain.contains("neither a LoRA adapter"), "{chain}");
    fs::write(folder.path().join("checkpoint-000003.safetensors"), "").expect("writable");
    let (_, chain) = refused(folder.path());
    assert!(chain.contains("no result yet"), "{chain}");
    let other = tiny_checkpoint();
    let config = other.path().join("config.json");
    let text = fs::read_to_string(&config).expect("a configuration");
    let mut json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    json["rms_norm_eps"] = json!(0.5);
    fs::remove_file(&config).expect("it is there");
    fs::write(&config, json.to_string()).expect("a writable folder");
    let (error, chain) = refused(other.path());
    assert!(
        matches!(error, SteeredModelError::OtherConfig { .. }),
        "{chain}"
    );
    fs::write(folder.path().join("adapter_config.json"), "{}").expect("a writable folder");
    let (error, chain) = refused(folder.path());
    assert!(
        matches!(error, SteeredModelError::Peft { .. }) && chain.contains("no `peft_type`"),
        "{chain}"
    );
}

/// Strengths scale what is added, several sources are summed in any order, and results can tell.
#[test]
fn sources_are_summed_at_their_strengths() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name);
    let scales = [
        ("half", 0.5),
        ("small", 0.125),
        ("sum", 0.75),
        ("less", -0.25),
    ];
    for (name, scale) in scales {
        vectors(scale)
            .write(&path(name))
            .expect("a writable folder");
    }
    let load = |texts: &[&str]| {
        let source = |text: &&str| -> SteeringSource {
            let text = path(text);
            text.to_str().expect("UTF-8").parse().expect("a source")
        };
        let sources: Vec<SteeringSource> = texts.iter().map(source).collect();
        SteeredModel::load(tiny(), &sources).expect("good vectors")
    };
    for (parts, whole) in [
        (&["half", "small@2"][..], "sum"),
        (&["small@2", "half"], "sum"),
        (&["half@-0.5"], "less"),
        (&["half@1.5"], "sum"),
    ] {
        let [found, expected] = [load(parts), load(&[whole])];
        let difference = max_difference(&logits(&found), &logits(&expected));
        assert!(difference < 1e-5, "{parts:?}: {difference}");
        assert_eq!(found.sources.len(), parts.len());
    }
    let none = load(&["half@0"]);
    assert_eq!(logits(&none), logits(&tiny().into()));
    let record = serde_json::to_value(&load(&["small@-2"]).sources).expect("plain data");
    assert_eq!(
        (&record[0]["file"], &record[0]["strength"]),
        (&json!("small"), &json!(-2.0))
    );

    // With a LoRA beside it, at half its strength.
    let lora = fixture("peft_lora");
    let at = |strength: f32| SteeringSource {
        strength,
        ..SteeringSource::new(&lora)
    };
    let twice = SteeredModel::load(tiny(), &[at(0.5), at(0.5)]).expect("a good adapter");
    let once = SteeredModel::load(tiny(), &[at(1.0)]).expect("a good adapter");
    assert!(max_difference(&logits(&twice), &logits(&once)) < 1e-5);
}

/// `any_base` takes vectors of another model of the same shape, and says what differs.
#[test]
fn vectors_of_another_model_are_taken_when_asked() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("v");
    let mut file = vectors(0.5);
    file.metadata.base_sha256 = "0".repeat(64);
    file.metadata.model_type = Some("llama".to_owned());
    file.write(&path).expect("a writable folder");
    let refused = load(&path).expect_err("another model");
    assert!(
        matches!(
            refused,
            SteeredModelError::File(SteeringFileError::OtherBase { .. })
        ),
        "{refused}"
    );
    let mut source = SteeringSource::new(&path);
    source.any_base = true;
    let steered = SteeredModel::load(tiny(), &[source.clone()]).expect("one shape");
    assert_eq!(steered.warnings.len(), 2, "{:?}", steered.warnings);
    file.parameters[0].1.shape = vec![1, 1];
    file.parameters[0].1.data = vec![1.0];
    file.write(&path).expect("a writable folder");
    let refused = SteeredModel::load(tiny(), &[source]).expect_err("another shape");
    assert!(
        refused.to_string().contains("has the shape [1, 1]"),
        "{refused}"
    );
}

#[test]
fn numbers_beside_which_nothing_is_left_are_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("v");
    for (scale, strength) in [(1e30, 1.0), (1.0, 1e30), (1e5, -1e5)] {
        vectors(scale).write(&path).expect("finite numbers");
        let mut source = SteeringSource::new(&path);
        source.strength = strength;
        let refused = SteeredModel::load(tiny(), &[source]).expect_err("too large");
        assert!(
            matches!(
                refused,
                SteeredModelError::File(SteeringFileError::TooLarge { .. })
            ),
            "{refused}"
        );
    }
}

#[test]
fn a_tuned_checkpoint_acts_alone() {
    let checkpoint = tiny_checkpoint();
    let mut source = SteeringSource::new(checkpoint.path());
    let twice = [source.clone(), source.clone()];
    source.strength = 0.5;
    for sources in [&twice[..], &[source]] {
        let refused = SteeredModel::load(tiny(), sources).expect_err("no sum of weights");
        assert!(
            matches!(refused, SteeredModelError::WholeCheckpoint { .. }),
            "{refused}"
        );
    }
}

/// Files that are taken for steering by mistake are named, with the file to take instead.
#[test]
fn files_of_other_kinds_are_named() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("file");
    let refused = || load(&path).expect_err("no steering").to_string();
    let mut checkpoint = TensorFile::default();
    checkpoint
        .metadata
        .insert("recipe_sha256".to_owned(), json!("0"));
    checkpoint.write(&path).expect("a writable folder");
    let message = refused();
    assert!(
        message.contains("checkpoint of a training run")
            && message.contains("steering.safetensors"),
        "{message}"
    );
    for (name, expected) in [
        ("peft_lora/adapter_model.safetensors", "give their folder"),
        ("tiny_qwen2/model.safetensors", "the weights of a model"),
        ("peft_lora/expected.safetensors", "did not write"),
    ] {
        fs::copy(fixture(name), &path).expect("a fixture");
        let message = refused();
        assert!(message.contains(expected), "{name}: {message}");
    }
}

fn load(path: &Path) -> Result<SteeredModel, SteeredModelError> {
    SteeredModel::load(tiny(), &[SteeringSource::new(path)])
}

fn logits(steered: &SteeredModel) -> Matrix {
    let model = &steered.base.model;
    matrix(model.logits(model.prefill(&[TOKENS], steered.hook()).0))
}

/// Vectors of every layer for the tiny model.
fn vectors(scale: f32) -> SteeringFile {
    let base = tiny();
    let config = &base.model.config;
    let shape = vec![config.num_hidden_layers, config.hidden_size];
    let value = |index: usize| scale * (index % 7) as f32;
    let data = (0..shape[0] * shape[1]).map(value).collect();
    SteeringFile::new(HostTensor { shape, data }, &base, 1, json!({ "seed": 3 }))
}
