//! GGUF files as base models.
//!
//! `fixtures/gguf/generate.py` made the small files and what transformers computes with their
//! weights. `interop/gguf_base.py` recorded what the package `gguf` and transformers make of real
//! models, which lie in the folder that `TRIMTAB_MODELS` names.

use std::fs;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use proptest::prelude::*;
use safetensors::SafeTensors;
use serde_json::Value;
use sha2::{Digest, Sha256};
use trimtab_kernels::Format;
use trimtab_model::checkpoint_weights::{CheckpointWeights, FloatDType};
use trimtab_model::gguf::{GgufFile, TensorType, dequantise};
use trimtab_model::{Model, ModelConfig, Precision, Rows};
use trimtab_tests::{Matrix, error_chain, fixture, matrix, max_difference};

/// The files that `fixtures/gguf/generate.py` made.
const ARCHITECTURES: [&str; 14] = [
    "llama",
    "llama_linear",
    "llama_fused",
    "qwen2",
    "qwen3",
    "olmo2",
    "gemma3",
    "phi3",
    "olmo3",
    "gemma2",
    "smollm3",
    "granite",
    "qwen3vl",
    "mistral3",
];

/// Largest absolute difference of a logit.
const TOLERANCE: f32 = 1e-4;

#[test]
fn blocks_of_every_type_become_the_numbers_of_the_package_gguf_to_the_bit() {
    let bytes = fs::read(fixture("gguf/blocks.safetensors")).expect("it is committed");
    let file = SafeTensors::deserialize(&bytes).expect("a whole file");
    let mut types = 0;
    for kind in (0..64).filter_map(TensorType::from_number) {
        let name = kind.name();
        let Ok(blocks) = file.tensor(&format!("{name}.bytes")) else {
            assert!(!kind.is_read(), "{name} has no golden blocks");
            continue;
        };
        let expected = file.tensor(&format!("{name}.numbers")).expect("beside it");
        let (words, _) = expected.data().as_chunks::<4>();
        let mut numbers = vec![0.0; words.len()];
        dequantise(kind, blocks.data(), &mut numbers).expect("a type that is read");
        for (index, (number, word)) in numbers.iter().zip(words).enumerate() {
            let expected = f32::from_le_bytes(*word);
            assert_eq!(number.to_bits(), expected.to_bits(), "{name}, {index}");
        }
        types += 1;
    }
    assert_eq!(types, 15);
}

#[test]
fn every_architecture_computes_what_transformers_computes() {
    let bytes = fs::read(fixture("gguf/expected.safetensors")).expect("it is committed");
    let file = SafeTensors::deserialize(&bytes).expect("a whole file");
    for name in ARCHITECTURES {
        let path = fixture("gguf").join(format!("{name}.gguf"));
        let tokens = file.tensor(&format!("{name}.token_ids")).expect("recorded");
        let (tokens, _) = tokens.data().as_chunks::<8>();
        let tokens: Vec<u32> = tokens
            .iter()
            .map(|&token| i64::from_le_bytes(token) as u32)
            .collect();
        let expected = file.tensor(&format!("{name}.logits")).expect("recorded");
        let (words, _) = expected.data().as_chunks::<4>();
        let numbers: Vec<f32> = words.iter().map(|&word| f32::from_le_bytes(word)).collect();
        let columns = expected.shape()[1];
        let expected: Matrix = numbers.chunks(columns).map(<[f32]>::to_vec).collect();
        let difference = max_difference(&logits(&model(&path), &tokens), &expected);
        assert!(difference < TOLERANCE, "{name}: {difference}");
    }
}

#[test]
fn any_part_of_a_split_model_is_the_whole_model() {
    let tokens: Vec<u32> = (3..20).collect();
    let whole = logits(&model(&fixture("gguf/qwen3.gguf")), &tokens);
    for part in 1..=3 {
        let path = fixture("gguf").join(format!("split-{part:05}-of-00003.gguf"));
        assert_eq!(logits(&model(&path), &tokens), whole, "part {part}");
    }
}

#[test]
fn the_hash_is_that_of_the_file() {
    let path = fixture("gguf/qwen3.gguf");
    let weights = CheckpointWeights::open(&path).expect("a good file");
    let expected = format!("{:x}", Sha256::digest(fs::read(&path).expect("a file")));
    assert_eq!(weights.sha256().expect("readable"), expected);
    assert!(weights.verify().expect("readable").is_empty());
}

#[test]
fn tensors_in_their_stored_format_are_the_numbers_that_the_model_has() {
    let path = fixture("gguf/llama.gguf");
    let weights = CheckpointWeights::open(&path).expect("a good file");
    for stored in weights.stored(0) {
        let bytes = weights.bytes(stored.name).expect("readable");
        let count: usize = stored.shape.iter().product();
        assert_eq!(
            bytes.len(),
            count * stored.dtype.bitsize() / 8,
            "{}",
            stored.name
        );
    }
}

#[test]
fn packed_blocks_have_the_numbers_of_the_file_to_the_bit() {
    let paths = ARCHITECTURES.map(|name| fixture("gguf").join(format!("{name}.gguf")));
    let packed: usize = paths.iter().map(|path| compare_packed(path)).sum();
    assert!(packed > 200, "{packed} packed parts");
}

#[test]
fn a_scale_that_is_not_finite_is_found_in_its_tensor() {
    let path = fixture("gguf/qwen2.gguf");
    let file = GgufFile::open(&path).expect("a good file");
    let tensor = "blk.0.ffn_gate.weight";
    let kind = file.tensor(tensor).expect("a tensor").kind;
    let blocks = file.bytes(tensor).expect("readable");
    assert!(!kind.is_float(), "{kind:?}");
    let mut bytes = fs::read(&path).expect("it is committed");
    let start = bytes
        .windows(blocks.len())
        .position(|window| window == blocks);
    // All these types have their scale, in half precision, first.
    let scale = start.expect("in the file") + blocks.len() - kind.block().1;
    bytes[scale..scale + 2].copy_from_slice(&half::f16::INFINITY.to_le_bytes());
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("m.gguf");
    fs::write(&path, bytes).expect("a writable folder");
    let weights = CheckpointWeights::open(&path).expect("a whole file");
    let name = "model.layers.0.mlp.gate_proj.weight";
    for format in [None, Some(Format::F32)] {
        let error = weights.matrix(name, 0..2, format).map(drop);
        assert!(error.is_ok(), "the scale is in the last row");
        let rows = weights.stored(0).find(|stored| stored.name == name);
        let rows = rows.expect("a tensor").shape[0];
        let error = weights.matrix(name, 0..rows, format).expect_err("infinity");
        let text = error.to_string();
        assert!(text.contains(name) && text.contains("not finite"), "{text}");
    }
}

/// Changes to a good file, and words of the message.
#[test]
fn what_is_not_computed_is_refused_with_words() {
    for (name, from, to, words) in [
        (
            "qwen3",
            "qwen3",
            "qwen9",
            "`qwen9`; supported are gemma2, gemma3,",
        ),
        (
            "qwen3",
            "block_count",
            "blick_count",
            "no `qwen3.block_count`",
        ),
        ("qwen3", "token_embd", "token_embb", "`token_embd.weight`"),
        (
            "granite",
            "logit_scale",
            "logit_scolp",
            "no `granite.logit_scale`",
        ),
        (
            "qwen3",
            "attn_q_norm",
            "attn_q_nerm",
            "`model.layers.0.self_attn.q_norm.weight` is missing",
        ),
    ] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("m.gguf");
        let bytes = fs::read(fixture("gguf").join(format!("{name}.gguf")));
        let bytes = replaced(&bytes.expect("it is committed"), from, to);
        fs::write(&path, bytes).expect("a writable folder");
        let error = open(&path).expect_err(from);
        assert!(error.contains(words), "{from}: {error}");
    }
}

#[test]
fn types_that_are_not_read_are_named() {
    let mut bytes = fs::read(fixture("gguf/qwen3.gguf")).expect("it is committed");
    let name = b"blk.0.attn_norm.weight";
    let at = bytes.windows(name.len()).position(|window| window == name);
    // Behind the name come the count of axes, one axis and the type: 24 is I8.
    let kind = at.expect("a tensor of that name") + name.len() + 4 + 8;
    assert_eq!(bytes[kind], 0, "F32");
    bytes[kind] = 24;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("m.gguf");
    fs::write(&path, bytes).expect("a writable folder");
    let error = open(&path).expect_err("I8");
    assert!(
        error.contains("of the type I8, which is not read; take the model in Q8_0"),
        "{error}"
    );
}

#[test]
fn real_models_have_the_numbers_of_the_package_gguf_and_the_logits_of_transformers() {
    let text = fs::read_to_string(fixture("../interop/golden/gguf_base.json"));
    let golden: Value = serde_json::from_str(&text.expect("it is committed")).expect("JSON");
    for (name, expected) in golden.as_object().expect("an object") {
        let Some(path) = real_model(name) else {
            continue;
        };
        assert!(compare_packed(&path) > 0, "{name}");
        let file = GgufFile::open(&path).expect("a good file");
        let mut names: Vec<&str> = file.tensors().map(|tensor| tensor.name.as_str()).collect();
        names.sort_unstable();
        let mut digest = Sha256::new();
        for name in names {
            for number in file.floats(name).expect("a type that is read") {
                digest.update(number.to_le_bytes());
            }
        }
        assert_eq!(
            format!("{:x}", digest.finalize()),
            expected["sha256"],
            "{name}"
        );
        let numbers = |key: &str| expected[key].as_array().expect("a list").iter();
        let ids = |key: &str| numbers(key).map(|id| id.as_u64().expect("an id") as u32);
        let logits = logits(&model(&path), &ids("tokens").collect::<Vec<_>>());
        let top: Vec<u32> = logits.iter().map(|row| argmax(row)).collect();
        assert_eq!(top, ids("top").collect::<Vec<_>>(), "{name}");
        let last = logits.last().expect("as many rows as tokens");
        for (id, expected) in ids("at").zip(numbers("logits")) {
            let expected = expected.as_f64().expect("a number") as f32;
            let difference = (last[id as usize] - expected).abs();
            assert!(difference < TOLERANCE, "{name}, token {id}: {difference}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn damaged_files_are_refused_or_read_without_a_panic(
        name in prop::sample::select(vec!["llama", "gemma3", "phi3", "llama_fused"]),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in prop::option::of(any::<prop::sample::Index>()),
        in_header in any::<bool>(),
    ) {
        let mut bytes = fs::read(fixture("gguf").join(format!("{name}.gguf"))).expect("committed");
        let reach = if in_header { 4096 } else { bytes.len() };
        for (at, value) in edits {
            bytes[at.index(reach)] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        read_all(&bytes);
    }

    #[test]
    fn random_bytes_behind_the_magic_are_refused(
        bytes in prop::collection::vec(any::<u8>(), 0..512),
    ) {
        read_all(&[b"GGUF\x03\0\0\0", &bytes[..]].concat());
    }
}

/// Compares the first and the last rows of each matrix, packed as they are in a file, with its
/// numbers in f32. Returns how many parts were packed.
fn compare_packed(path: &Path) -> usize {
    let device = Device::flex();
    let file = GgufFile::open(path).expect("a good file");
    let config = ModelConfig::from_gguf(&file).expect("good metadata");
    let weights = CheckpointWeights::from_gguf(file, &config).expect("types that are read");
    let mut packed = 0;
    for (name, shape) in Model::tensor_shapes(&config) {
        let &[count, _] = &shape[..] else { continue };
        for rows in [0..count.min(96), count - count.min(77)..count] {
            let matrix = weights.matrix(&name, rows.clone(), None).expect("readable");
            packed += usize::from(matches!(matrix.format(), Format::Blocks(_)));
            let columns: Vec<u32> = (0..rows.len() as u32).collect();
            let expected = weights.rows(&name, rows, FloatDType::F32, &device);
            let expected = expected.expect("readable").into_data();
            let expected: Vec<f32> = expected.iter().collect();
            assert!(
                matrix.gather_columns(&columns) == expected,
                "{}, {name}",
                path.display()
            );
        }
    }
    packed
}

/// Reads whatever can be read of a file.
fn read_all(bytes: &[u8]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("m.gguf");
    fs::write(&path, bytes).expect("a writable folder");
    let Ok(file) = GgufFile::open(&path) else {
        return;
    };
    for tensor in file.tensors() {
        let _ = file.floats(&tensor.name);
    }
    let Ok(config) = ModelConfig::from_gguf(&file) else {
        return;
    };
    let Ok(weights) = CheckpointWeights::from_gguf(file, &config) else {
        return;
    };
    let _ = weights.verify();
    if weights.check(&Model::tensor_shapes(&config), &[]).is_ok() {
        for (name, _) in Model::tensor_shapes(&config) {
            let _ = weights.tensor(&name, FloatDType::F32, &Device::flex());
        }
        for (name, shape) in Model::tensor_shapes(&config) {
            let rows = if shape.len() == 1 { 1 } else { shape[0] };
            let _ = weights.matrix(&name, 0..rows, None);
        }
    }
}

/// The file of a real model, if there are real models here.
fn real_model(name: &str) -> Option<PathBuf> {
    let Some(folder) = std::env::var_os("TRIMTAB_MODELS") else {
        eprintln!("skipped {name}: TRIMTAB_MODELS names no folder of real models");
        return None;
    };
    let path = Path::new(&folder).join(format!("{name}.gguf"));
    if !path.exists() {
        eprintln!("skipped {name}: it is not in TRIMTAB_MODELS");
        return None;
    }
    Some(path)
}

/// The messages of the first error on the way to a model.
fn open(path: &Path) -> Result<(), String> {
    let file = GgufFile::open(path).map_err(|error| error_chain(&error))?;
    let config = ModelConfig::from_gguf(&file).map_err(|error| error_chain(&error))?;
    let weights = CheckpointWeights::from_gguf(file, &config);
    let weights = weights.map_err(|error| error_chain(&error))?;
    let needed = Model::tensor_shapes(&config);
    weights
        .check(&needed, &[])
        .map_err(|error| error_chain(&error))
}

fn replaced(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len(), "lengths stay");
    let mut bytes = bytes.to_vec();
    let places: Vec<usize> = bytes
        .windows(from.len())
        .enumerate()
        .filter(|(_, window)| *window == from.as_bytes())
        .map(|(at, _)| at)
        .collect();
    for at in places {
        bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
    }
    bytes
}

fn model(path: &Path) -> Model {
    let file = GgufFile::open(path).expect("a good file");
    let config = ModelConfig::from_gguf(&file).expect("good metadata");
    let weights = CheckpointWeights::from_gguf(file, &config).expect("types that are read");
    weights
        .check(&Model::tensor_shapes(&config), &[])
        .expect("all tensors and no others");
    let device = Device::flex();
    Model::from_rows(config, Precision::F32, &device, &mut |name, _, rows, _| {
        let rows = weights.rows(name, rows, FloatDType::F32, &device);
        rows.map(Rows::from)
    })
    .expect("sound tensors")
}

fn logits(model: &Model, tokens: &[u32]) -> Matrix {
    matrix(model.logits(model.prefill(&[tokens], None).0))
}

fn argmax(row: &[f32]) -> u32 {
    let best = row.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
    best.expect("a row of numbers").0 as u32
}
