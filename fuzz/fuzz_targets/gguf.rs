//! Any bytes as a GGUF model: header, metadata, configuration, tokenizer and every tensor.
#![no_main]

use libfuzzer_sys::fuzz_target;
use trimtab_model::checkpoint_weights::{CheckpointWeights, FloatDType};
use trimtab_model::gguf::GgufFile;
use trimtab_model::{ChatTemplate, Device, Model, ModelConfig, Tokenizer};

fuzz_target!(|bytes: &[u8]| {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("model.gguf");
    std::fs::write(&path, bytes).expect("a writable folder");
    let Ok(file) = GgufFile::open(&path) else {
        return;
    };
    for tensor in file.tensors() {
        drop(file.floats(&tensor.name));
    }
    drop(ChatTemplate::from_gguf(&file));
    let Ok(config) = ModelConfig::from_gguf(&file) else {
        return;
    };
    if let Ok(tokenizer) = Tokenizer::from_gguf(&file, config.vocab_size) {
        drop(tokenizer.encode("a b"));
    }
    let Ok(weights) = CheckpointWeights::from_gguf(file, &config) else {
        return;
    };
    drop(weights.verify());
    let needed = Model::tensor_shapes(&config);
    if weights.check(&needed, &[]).is_ok() {
        for (name, _) in needed {
            drop(weights.tensor(&name, FloatDType::F32, &Device::flex()));
        }
    }
});
