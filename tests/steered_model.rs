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
use trimtab_model::tensor_file::HostTensor;
use trimtab_steer::{Adapter, SteeredModel, SteeredModelError, SteeringFile};
use trimtab_tests::{Matrix, error_chain, fixture, matrix, tiny, tiny_checkpoint};

const TOKENS: &[u32] = &[3, 1, 4, 1, 5];

#[test]
fn a_model_without_steering_is_the_base() {
    let steered = SteeredModel::from(tiny());
    assert!(steered.hook().is_none() && steered.sha256.is_none());
}

#[test]
fn files_steer_and_are_hashed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("steering.safetensors");
    let file = vectors(0.5);
    file.write(&path).expect("a writable folder");
    let steered = SteeredModel::load(tiny(), &path).expect("just written");
    let bytes = fs::read(&path).expect("just written");
    assert_eq!(steered.sha256, Some(sha256_hex(&bytes)));
    let base = tiny();
    let expected = file.to_vectors(&Device::flex()).expect("vectors").hook();
    let expected = base.model.prefill(&[TOKENS], Some(&expected)).0;
    assert_eq!(logits(&steered), matrix(base.model.logits(expected)));
}

#[test]
fn peft_folders_steer_and_both_files_are_hashed() {
    let dir = fixture("peft_lora");
    let steered = SteeredModel::load(tiny(), &dir).expect("an adapter for this model");
    let bytes = |name: &str| fs::read(dir.join(name)).expect("a fixture");
    let files = [
        bytes("adapter_config.json"),
        bytes("adapter_model.safetensors"),
    ];
    assert_eq!(steered.sha256, Some(sha256_hex(&files.concat())));
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
    let steered = SteeredModel::load(tiny(), &out).expect("just written");
    let tuned = Pretrained::load(&out, base.precision, &Device::flex()).expect("just written");
    assert_eq!(steered.sha256, Some(tuned.sha256.clone()));
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
    let by_hash = versions.clone().map(|version| {
        let steered = SteeredModel::load(tiny(), &version).expect("just written");
        (steered.sha256.clone(), logits(&steered))
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
            let steered = SteeredModel::load(base.clone(), &path).expect("either version");
            let found = (steered.sha256.clone(), logits(&steered));
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
        let error = SteeredModel::load(tiny(), path).expect_err("refused");
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
        matches!(error, SteeredModelError::Checkpoint { .. }) && chain.contains("config.json"),
        "{chain}"
    );
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
        matches!(error, SteeredModelError::Peft { .. })
            && chain.contains("adapter_model.safetensors"),
        "{chain}"
    );
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
