//! Any bytes as `model.safetensors.index.json`, beside one good shard: refused or opened. Nothing
//! outside the folder is read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use trimtab_model::checkpoint_weights::CheckpointWeights;

const HEADER: &str = r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#;

fuzz_target!(|bytes: &[u8]| {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let shard = [
        &(HEADER.len() as u64).to_le_bytes()[..],
        HEADER.as_bytes(),
        &[0; 4],
    ]
    .concat();
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes);
    write("s.safetensors", &shard).expect("a writable folder");
    write("model.safetensors.index.json", bytes).expect("a writable folder");
    drop(CheckpointWeights::open(folder.path()));
});
