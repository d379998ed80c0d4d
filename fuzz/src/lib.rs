//! What the fuzz targets run: any bytes give a value or an error.
//!
//! A panic, a hang and memory without bound are findings. The inputs of findings are kept in
//! `tests/fixtures/fuzz/TARGET/`, and `tests/hostile.rs` runs them on stable Rust.
//!
//! Targets that take several texts or files cut their input at the first zero byte.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use serde_json::json;
use tempfile::TempDir;
use trimtab_grader::{Rules, Verdict};
use trimtab_model::checkpoint_weights::{CheckpointWeights, FloatDType};
use trimtab_model::gguf::GgufFile;
use trimtab_model::{
    ChatMessage, ChatTemplate, Device, Model, ModelConfig, Precision, Pretrained, Tokenizer,
};
use trimtab_steer::{Adapter, SteeringFile};
use trimtab_tasks::dataset::{DATASETS, MalformedRows};

/// A target's name and function.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: [Target; 11] = [
    ("adapters", adapters),
    ("check", check),
    ("config", config),
    ("gguf", gguf),
    ("grade", grade),
    ("index", index),
    ("rows", rows),
    ("template", template),
    ("tokenizer", tokenizer),
    ("vectors", vectors),
    ("weights", weights),
];

/// `adapter_config.json` and `adapter_model.safetensors` of PEFT.
pub fn adapters(bytes: &[u8]) {
    let (config, tensors) = cut(bytes);
    let folder = folder(&[
        ("adapter_config.json", config),
        ("adapter_model.safetensors", tensors),
    ]);
    drop(Adapter::read_peft(folder.path(), &BASE.model.config));
}

/// Two answers are compared, and every answer equals itself.
pub fn check(bytes: &[u8]) {
    let (gold, answer) = texts(bytes);
    let there = trimtab_grader::check(&gold, &answer, &Rules::DEFAULT);
    if gold.trim() == answer.trim() && !gold.trim().is_empty() && !gold.contains("box") {
        assert_eq!(there, Verdict::Correct);
    }
    trimtab_grader::check(&answer, &gold, &Rules::DEFAULT);
}

/// `config.json`.
pub fn config(bytes: &[u8]) {
    if let Ok(config) = ModelConfig::from_json(&String::from_utf8_lossy(bytes)) {
        assert!(!Model::tensor_shapes(&config).is_empty());
    }
}

/// A GGUF model: header, metadata, configuration, tokenizer, template and every tensor.
pub fn gguf(bytes: &[u8]) {
    let folder = folder(&[("model.gguf", bytes)]);
    let Ok(file) = GgufFile::open(&folder.path().join("model.gguf")) else {
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
}

/// A gold answer and a text. What is extracted grades as the text does.
pub fn grade(bytes: &[u8]) {
    let (gold, text) = texts(bytes);
    let graded = trimtab_grader::grade(&gold, &text, &Rules::DEFAULT);
    if let Some(extracted) = &graded.extracted {
        assert_eq!(
            graded.verdict,
            trimtab_grader::check(&gold, extracted, &Rules::DEFAULT)
        );
    }
}

/// `model.safetensors.index.json`, beside one good shard. Nothing outside the folder is read.
pub fn index(bytes: &[u8]) {
    const HEADER: &str = r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#;
    let len = (HEADER.len() as u64).to_le_bytes();
    let shard = [&len, HEADER.as_bytes(), &[0; 4]].concat();
    let folder = folder(&[
        ("s.safetensors", &shard),
        ("model.safetensors.index.json", bytes),
    ]);
    drop(CheckpointWeights::open(folder.path()));
}

/// A file of problems: JSON Lines, a JSON array or Parquet. The first byte chooses the data set.
pub fn rows(bytes: &[u8]) {
    trimtab_hub::install();
    let Some((choice, bytes)) = bytes.split_first() else {
        return;
    };
    let dataset = &DATASETS[usize::from(*choice) % DATASETS.len()];
    let folder = folder(&[("rows", bytes)]);
    drop(dataset.load(&folder.path().join("rows"), MalformedRows::Skip));
}

/// A template and its messages in JSON, without the thread that contains panics.
pub fn template(bytes: &[u8]) {
    const FUEL: u64 = 1 << 16;
    let (template, messages) = cut(bytes);
    let messages = serde_json::from_slice(messages).unwrap_or_else(
        |_| json!([{"role": "user", "content": "one"}, {"role": "assistant", "content": "two"}]),
    );
    let variables = json!({
        "messages": messages, "add_generation_prompt": true, "tools": null, "bos_token": "<s>",
    });
    if let Ok(variables) = trimtab_jinja::Value::from_serialize(variables) {
        let template = String::from_utf8_lossy(template);
        drop(trimtab_jinja::render(&template, variables, FUEL));
    }
}

/// `tokenizer.json` and `tokenizer_config.json`. Ids are those of the vocabulary.
pub fn tokenizer(bytes: &[u8]) {
    let (tokenizer, config) = cut(bytes);
    let folder = folder(&[
        ("tokenizer.json", tokenizer),
        ("tokenizer_config.json", config),
    ]);
    if let Ok(tokenizer) = Tokenizer::from_dir(folder.path(), 89)
        && let Ok(ids) = tokenizer.encode("one two\n three")
    {
        assert!(ids.iter().all(|&id| id < 89));
        drop(tokenizer.decode(&ids)); // a hostile decoder may fail, not panic
    }
    if let Ok(Some(template)) = ChatTemplate::from_dir(folder.path()) {
        drop(template.render(&[ChatMessage::new("user", "one")], true));
    }
}

/// A steering file, a GGUF control vector or an npy matrix.
pub fn vectors(bytes: &[u8]) {
    if let Ok(file) = SteeringFile::from_bytes(bytes, Path::new("vectors"), &BASE) {
        file.to_steering(&BASE.model).expect("it was checked");
    }
}

/// `model.safetensors`.
pub fn weights(bytes: &[u8]) {
    let folder = folder(&[("model.safetensors", bytes)]);
    if let Ok(weights) = CheckpointWeights::open(folder.path()) {
        drop(weights.check(&[("a".to_owned(), vec![2, 3])], &["b."]));
        drop(weights.verify());
        drop(weights.tensor("a", FloatDType::F32, &Device::flex()));
        weights.sha256().expect("the file can be read");
    }
}

/// The model that vectors and adapters are for.
static BASE: LazyLock<Pretrained> = LazyLock::new(|| {
    const TOKENIZER: &str =
        r#"{"model": {"type": "WordLevel", "unk_token": "a", "vocab": {"a": 0}}}"#;
    let fixture = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/tiny_qwen2");
    let read = |name| fs::read(fixture.join(name)).expect("the fixture is committed");
    let folder = folder(&[
        ("config.json", &read("config.json")),
        ("model.safetensors", &read("model.safetensors")),
        ("tokenizer.json", TOKENIZER.as_bytes()),
    ]);
    Pretrained::load(folder.path(), Precision::F32, &Device::flex()).expect("a good checkpoint")
});

fn cut(bytes: &[u8]) -> (&[u8], &[u8]) {
    let at = bytes.iter().position(|&byte| byte == 0);
    at.map_or((bytes, &[]), |at| (&bytes[..at], &bytes[at + 1..]))
}

fn texts(bytes: &[u8]) -> (String, String) {
    let (left, right) = cut(bytes);
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    (text(left), text(right))
}

/// A new folder with these files.
fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, bytes) in files {
        fs::write(folder.path().join(name), bytes).expect("a writable folder");
    }
    folder
}
