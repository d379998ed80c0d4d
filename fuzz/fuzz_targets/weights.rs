//! Any bytes as `model.safetensors`: opened, checked and read without a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use trimtab_model::Device;
use trimtab_model::checkpoint_weights::{CheckpointWeights, FloatDType};

fuzz_target!(|bytes: &[u8]| {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("model.safetensors"), bytes).expect("a writable folder");
    if let Ok(weights) = CheckpointWeights::open(folder.path()) {
        drop(weights.check(&[("a".to_owned(), vec![2, 3])], &["b."]));
        drop(weights.verify());
        drop(weights.tensor("a", FloatDType::F32, &Device::flex()));
        weights.sha256().expect("the file can be read");
    }
});
