//! Loading weights: shards, number formats and names.
//!
//! Damaged or hostile files give the right kind of error in bounded memory.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use burn::tensor::Device;
use half::{bf16, f16};
use proptest::prelude::*;
use safetensors::tensor::{Dtype, TensorView};
use serde_json::{Value, json};
use tempfile::TempDir;
use trimtab_model::checkpoint_weights::{CheckpointWeights, FloatDType, Mismatch, WeightsError};
use trimtab_model::file::sha256_hex;
use trimtab_model::tensor_file::{HostTensor, TensorFile, TensorFileError};
use trimtab_model::{LoadError, LoadOptions, Precision, Pretrained};
use trimtab_tests::{fixture, json_text, tiny, tiny_checkpoint};

const SHARDS: [&str; 3] = [
    "model-a.safetensors",
    "model-b.safetensors",
    "model-c.safetensors",
];

#[test]
fn shards_make_the_same_model_as_one_file() {
    let folder = sharded();
    let loaded = Pretrained::load(folder.path(), Precision::F32, &Device::flex()).expect("shards");
    let whole = tiny();
    let logits = |base: &Pretrained| {
        let (resid, _) = base.model.prefill(&[&[67, 84, 63, 22, 6]], None);
        trimtab_tests::bits(&trimtab_tests::matrix(base.model.logits(resid)))
    };
    assert_eq!(logits(&loaded), logits(&whole));
    assert_eq!(loaded.num_parameters, whole.num_parameters);
    let bytes = |name: &str| fs::read(folder.path().join(name)).expect("just written");
    assert_eq!(loaded.sha256, sha256_hex(&SHARDS.map(bytes).concat()));
    let single = fs::read(fixture("tiny_qwen2").join("model.safetensors")).expect("committed");
    assert_eq!(whole.sha256, sha256_hex(&single));
}

/// A number format on disk and in memory, how a number is rounded to it, and its bytes.
type Format = (Dtype, FloatDType, fn(f32) -> f32, fn(f32) -> Vec<u8>);

#[test]
fn every_number_format_is_converted_to_every_other() {
    let numbers = [
        1.0_f32,
        -2.5,
        0.333_251_95,
        65504.0,
        6.1e-5,
        -0.0,
        1.0e-7,
        3.0,
    ];
    let formats: [Format; 3] = [
        (
            Dtype::F32,
            FloatDType::F32,
            |x| x,
            |x| x.to_le_bytes().into(),
        ),
        (
            Dtype::F16,
            FloatDType::F16,
            |x| f16::from_f32(x).to_f32(),
            |x| f16::from_f32(x).to_le_bytes().into(),
        ),
        (
            Dtype::BF16,
            FloatDType::BF16,
            |x| bf16::from_f32(x).to_f32(),
            |x| bf16::from_f32(x).to_le_bytes().into(),
        ),
    ];
    for (on_disk, _, rounded, word) in formats {
        let bytes: Vec<u8> = numbers.iter().flat_map(|&x| word(x)).collect();
        let matrix = TensorView::new(on_disk, vec![2, 4], &bytes).expect("eight numbers");
        let vector = TensorView::new(on_disk, vec![8], &bytes).expect("eight numbers");
        let folder = weights_folder(&[("matrix", matrix), ("vector", vector)]);
        let weights = CheckpointWeights::open(folder.path()).expect("well-formed");
        for (_, dtype, converted, _) in formats {
            let expected = numbers.map(|x| converted(rounded(x)));
            for (name, shape) in [("matrix", [2, 4]), ("vector", [1, 8])] {
                match weights.tensor(name, dtype, &Device::flex()) {
                    Ok(tensor) => {
                        assert_eq!(tensor.dims(), shape);
                        assert_eq!(tensor.dtype(), dtype.into(), "{on_disk:?}");
                        let read = tensor.try_into_vec_as::<f32>().expect("numbers");
                        assert_eq!(read, expected, "{on_disk:?} to {dtype:?}");
                    }
                    // 65504 rounds to 65536 in bf16, which f16 cannot hold
                    Err(error) => {
                        let can_overflow = on_disk == Dtype::BF16 && dtype == FloatDType::F16;
                        let is_overflow = matches!(error, WeightsError::Overflow { .. });
                        assert!(can_overflow && is_overflow, "{error:?}");
                    }
                }
            }
        }
        let double = weights.tensor("matrix", FloatDType::F64, &Device::flex());
        assert!(
            matches!(double, Err(WeightsError::ComputeDtype { .. })),
            "{double:?}"
        );
    }
}

/// More numbers than are converted at a time, and not a multiple of it.
#[test]
fn a_long_tensor_is_read_in_order() {
    let count = 3 * (1 << 16) + 17;
    let numbers: Vec<f32> = (0..count).map(|index| index as f32).collect();
    let bytes: Vec<u8> = numbers.iter().flat_map(|x| x.to_le_bytes()).collect();
    let view = TensorView::new(Dtype::F32, vec![count], &bytes).expect("as many bytes");
    let folder = weights_folder(&[("long", view)]);
    let weights = CheckpointWeights::open(folder.path()).expect("well-formed");
    let read = weights
        .tensor("long", FloatDType::F32, &Device::flex())
        .expect("finite");
    assert_eq!(read.try_into_vec_as::<f32>().expect("f32"), numbers);
}

#[test]
fn every_mismatch_is_reported_at_once() {
    let mut file =
        TensorFile::read(&fixture("tiny_qwen2").join("model.safetensors")).expect("committed");
    let rename = |file: &mut TensorFile, from: &str, to: &str| {
        let tensor = file.tensors.remove(from).expect(from);
        file.tensors.insert(to.to_owned(), tensor);
    };
    rename(&mut file, "model.norm.weight", "model.final_norm.weight");
    rename(
        &mut file,
        "model.layers.1.mlp.up_proj.weight",
        "model.layers.1.mlp.w3.weight",
    );
    file.tensors
        .remove("model.layers.2.self_attn.q_proj.bias")
        .expect("a bias");
    let embed = file
        .tensors
        .get_mut("model.embed_tokens.weight")
        .expect("an embedding");
    embed.shape.reverse();
    for tolerated in [
        "model.layers.0.self_attn.rotary_emb.inv_freq",
        "rotary_emb.inv_freq",
    ] {
        let tensor = HostTensor {
            shape: vec![1],
            data: vec![1.0],
        };
        file.tensors.insert(tolerated.to_owned(), tensor);
    }
    let folder = tiny_checkpoint();
    file.write(&folder.path().join("model.safetensors"))
        .expect("a writable folder");
    let error = load(folder.path()).expect_err("five things are wrong");
    let LoadError::Weights(WeightsError::Mismatch { mismatches, .. }) = &error else {
        panic!("{error:?}")
    };
    let missing = |name: &str, nearest: Option<&str>| Mismatch::Missing {
        name: name.to_owned(),
        nearest: nearest.map(str::to_owned),
    };
    let unexpected = |name: &str| Mismatch::Unexpected {
        name: name.to_owned(),
    };
    let expected = [
        Mismatch::Shape {
            name: "model.embed_tokens.weight".to_owned(),
            found: vec![36, 89],
            expected: vec![89, 36],
        },
        missing(
            "model.layers.1.mlp.up_proj.weight",
            Some("model.layers.1.mlp.w3.weight"),
        ),
        missing("model.norm.weight", Some("model.final_norm.weight")),
        unexpected("model.final_norm.weight"),
        unexpected("model.layers.1.mlp.w3.weight"),
    ];
    for mismatch in &expected {
        assert!(mismatches.contains(mismatch), "{mismatch:?} in {error}");
    }
    let bias = "model.layers.2.self_attn.q_proj.bias";
    assert!(
        mismatches
            .iter()
            .any(|each| matches!(each, Mismatch::Missing { name, .. } if name == bias))
    );
    assert_eq!(mismatches.len(), expected.len() + 1, "{error}");
    let text = error.to_string();
    assert!(
        text.contains("`model.norm.weight` is missing (`model.final_norm.weight` is there)"),
        "{text}"
    );
}

#[test]
fn tolerated_names_match_a_name_a_prefix_or_a_suffix() {
    let number = [0; 4];
    let view = || TensorView::new(Dtype::F32, vec![1], &number).expect("one number");
    let names = ["a.b.c", "b.c", "xb.c", "tower.x.y"];
    let folder = weights_folder(&names.map(|name| (name, view())));
    let weights = CheckpointWeights::open(folder.path()).expect("well-formed");
    for (tolerated, left) in [
        (vec![], vec!["a.b.c", "b.c", "tower.x.y", "xb.c"]),
        (vec!["b.c"], vec!["tower.x.y", "xb.c"]),
        (vec!["a.b.c", "tower."], vec!["b.c", "xb.c"]),
        (vec!["b.c", "xb.c", "tower."], vec![]),
    ] {
        let found = match weights.check(&[], &tolerated) {
            Ok(()) => vec![],
            Err(WeightsError::Mismatch { mismatches, .. }) => mismatches,
            Err(error) => panic!("{error:?}"),
        };
        let left: Vec<Mismatch> = left
            .iter()
            .map(|name| Mismatch::Unexpected {
                name: (*name).to_owned(),
            })
            .collect();
        assert_eq!(found, left, "{tolerated:?}");
    }
}

#[test]
fn verify_counts_values_that_are_not_finite() {
    let clean = [1.0_f32, f32::MAX, -0.0].map(f32::to_le_bytes).concat();
    let dirty = [f32::NAN, 1.0, f32::INFINITY]
        .map(f32::to_le_bytes)
        .concat();
    let half = [f16::NEG_INFINITY, f16::MAX, f16::ZERO]
        .map(f16::to_le_bytes)
        .concat();
    let view = |dtype, bytes| TensorView::new(dtype, vec![3], bytes).expect("three numbers");
    let folder = weights_folder(&[
        ("clean", view(Dtype::F32, &clean)),
        ("dirty", view(Dtype::F32, &dirty)),
        ("half", view(Dtype::F16, &half)),
    ]);
    let weights = CheckpointWeights::open(folder.path()).expect("well-formed");
    assert_eq!(
        weights.verify().expect("readable"),
        BTreeMap::from([("dirty", 2), ("half", 1)])
    );
    let error = weights
        .tensor("dirty", FloatDType::F32, &Device::flex())
        .expect_err("NaN");
    assert!(is_non_finite(&error), "{error:?}");
}

/// The first number that bfloat16 does not have is half a unit above its largest.
#[test]
fn numbers_beyond_the_range_of_a_format_are_told_from_damage() {
    let largest = f32::from_bits(0x7f7f_7fff);
    for (number, fits) in [
        (largest, true),
        (-largest, true),
        (largest.next_up(), false),
        (f32::MIN, false),
    ] {
        let bytes = [number, 1.0].map(f32::to_le_bytes).concat();
        let view = |shape| TensorView::new(Dtype::F32, shape, &bytes).expect("two numbers");
        let folder = weights_folder(&[("matrix", view(vec![1, 2])), ("vector", view(vec![2]))]);
        let weights = CheckpointWeights::open(folder.path()).expect("well-formed");
        let matrix = |format| weights.matrix("matrix", 0..1, Some(format)).map(drop);
        let vector = weights.tensor("vector", FloatDType::BF16, &Device::flex());
        for result in [matrix(trimtab_kernels::Format::Bf16), vector.map(drop)] {
            assert_eq!(result.is_ok(), fits, "{number}");
            if let Err(error) = result {
                assert!(matches!(error, WeightsError::Overflow { .. }), "{error}");
            }
        }
        assert!(matrix(trimtab_kernels::Format::F32).is_ok(), "{number}");
    }
}

#[test]
fn hostile_headers_are_malformed() {
    let entry = |dtype: &str, shape: &str, offsets: &str| {
        format!(r#"{{"dtype": "{dtype}", "shape": {shape}, "data_offsets": {offsets}}}"#)
    };
    let one = |dtype, shape, offsets| format!(r#"{{"a": {}}}"#, entry(dtype, shape, offsets));
    let two = |first: &str, second: &str| {
        let (first, second) = (entry("F32", "[2]", first), entry("F32", "[2]", second));
        format!(r#"{{"a": {first}, "b": {second}}}"#)
    };
    let twice = format!(
        r#"{{"a": {}, "a": {}}}"#,
        entry("F32", "[4]", "[0, 16]"),
        entry("F32", "[2, 2]", "[0, 16]")
    );
    for header in [
        String::new(),
        "[]".to_owned(),
        "null".to_owned(),
        "{".to_owned(),
        "[".repeat(1_000_000),
        format!(r#"{{"a": {}"#, r#"{"a":"#.repeat(1_000_000)),
        one("F32", "[4]", "[0, 15]"),
        one("F32", "[4]", "[16, 0]"),
        one("F32", "[4]", "[4, 20]"),
        one("F32", "[5]", "[0, 20]"),
        one("F32", "[3]", "[0, 12]"),
        one("F32", "[18446744073709551615, 2]", "[0, 16]"),
        one("F32", "[-1]", "[0, 16]"),
        one("F999", "[4]", "[0, 16]"),
        one("F32", "[4]", "[0, 18446744073709551615]"),
        two("[0, 8]", "[4, 12]"),
        two("[0, 8]", "[0, 8]"),
        two("[0, 4]", "[8, 16]"),
        twice,
        r#"{"__metadata__": {"a": 1}}"#.to_owned(),
    ] {
        let error = open_file(&with_header(header.as_bytes(), 16))
            .expect_err(&header[..header.len().min(80)]);
        let right = matches!(error, WeightsError::File(TensorFileError::Malformed { .. }));
        assert!(right, "{header:.80}: {error:?}");
    }
    for len in [1, 1 << 20, 16 << 20, 1 << 40, u64::MAX] {
        let error = open_file(&len.to_le_bytes()).expect_err("nothing behind it");
        let right = matches!(error, WeightsError::File(TensorFileError::Malformed { .. }));
        assert!(right, "{len}: {error:?}");
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::create_dir(folder.path().join("model.safetensors")).expect("a writable folder");
    let error = CheckpointWeights::open(folder.path()).expect_err("a folder");
    assert!(
        matches!(error, WeightsError::File(TensorFileError::Malformed { .. })),
        "{error:?}"
    );
}

#[test]
fn an_index_that_does_not_fit_its_shards_is_refused() {
    let map = |entries: &[(&str, &str)]| {
        json!({"weight_map": entries.iter().copied().collect::<BTreeMap<_, _>>()}).to_string()
    };
    let twice = format!(r#"{{"weight_map": {{"a": "{0}", "a": "{0}"}}}}"#, SHARDS[0]);
    let mut cases = vec![
        String::new(),
        "{}".to_owned(),
        "[]".to_owned(),
        r#"{"weight_map": []}"#.to_owned(),
        r#"{"weight_map": {}}"#.to_owned(),
        r#"{"weight_map": {"a": 1}}"#.to_owned(),
        "[".repeat(1_000_000),
        map(&[("no.such.tensor", SHARDS[0])]),
        map(&[("model.norm.weight", SHARDS[0])]),
        twice,
    ];
    let absolute = fixture("tiny_qwen2").join("model.safetensors");
    for outside in [
        "../model.safetensors",
        "..",
        ".",
        "",
        "/",
        "a/b.safetensors",
        "./model-a.safetensors",
        "model-a.safetensors/",
        absolute.to_str().expect("UTF-8"),
    ] {
        cases.push(map(&[("model.norm.weight", outside)]));
    }
    let many: BTreeMap<String, String> = (0..2000)
        .map(|n| (format!("{n}"), format!("{n}.safetensors")))
        .collect();
    cases.push(json!({"weight_map": many}).to_string());
    for text in cases {
        let folder = sharded();
        fs::write(folder.path().join("model.safetensors.index.json"), &text)
            .expect("a writable folder");
        let error = load(folder.path()).expect_err(&text[..text.len().min(80)]);
        assert!(
            matches!(error, LoadError::Weights(WeightsError::Index { .. })),
            "{text:.80}: {error:?}"
        );
    }
    let folder = sharded();
    fs::remove_file(folder.path().join(SHARDS[1])).expect("it was there");
    let error = load(folder.path()).expect_err("a shard is missing");
    let right = matches!(
        &error,
        LoadError::Weights(WeightsError::File(TensorFileError::Read { path, .. }))
            if path.ends_with(SHARDS[1])
    );
    assert!(right, "{error:?}");
    let folder = sharded();
    fs::copy(folder.path().join(SHARDS[0]), folder.path().join(SHARDS[1]))
        .expect("a writable folder");
    let error = load(folder.path()).expect_err("the same tensors twice");
    assert!(
        matches!(error, LoadError::Weights(WeightsError::Index { .. })),
        "{error:?}"
    );
}

/// The tiny checkpoint with tied embeddings, after a change of its tensors.
fn tied(change: impl Fn(&mut BTreeMap<String, HostTensor>)) -> TempDir {
    let folder = tiny_checkpoint();
    let path = folder.path().join("config.json");
    let text = fs::read_to_string(&path).expect("the fixture is committed");
    let text = text.replace(
        r#""tie_word_embeddings": false"#,
        r#""tie_word_embeddings": true"#,
    );
    fs::write(path, text).expect("a writable folder");
    let path = folder.path().join("model.safetensors");
    let mut file = TensorFile::read(&path).expect("the fixture is committed");
    change(&mut file.tensors);
    file.write(&path).expect("a writable folder");
    folder
}

#[test]
fn tied_embeddings_are_those_that_are_stored() {
    const EMBED: &str = "model.embed_tokens.weight";
    const HEAD: &str = "lm_head.weight";
    let logits = |folder: &TempDir| {
        let base = load(folder.path()).expect("a good checkpoint");
        let (resid, _) = base.model.prefill(&[&[67, 84, 63, 22, 6]], None);
        let logits = trimtab_tests::bits(&trimtab_tests::matrix(base.model.logits(resid)));
        (logits, base.warnings)
    };
    let (untied, warnings) = logits(&tiny_checkpoint());
    assert!(warnings.is_empty());
    // Two that differ: both are used, and the user is told.
    let (found, warnings) = logits(&tied(|_| ()));
    assert_eq!(found, untied);
    assert!(
        warnings[0].contains(HEAD) && warnings.len() == 1,
        "{warnings:?}"
    );
    // One, by either name, or the same one twice.
    let (one, warnings) = logits(&tied(|tensors| drop(tensors.remove(HEAD))));
    assert!(warnings.is_empty() && one != untied);
    for change in [
        |tensors: &mut BTreeMap<String, HostTensor>| {
            let embed = tensors[EMBED].clone();
            tensors.insert(HEAD.to_owned(), embed);
        },
        |tensors: &mut BTreeMap<String, HostTensor>| {
            let embed = tensors.remove(EMBED).expect("an embedding");
            tensors.insert(HEAD.to_owned(), embed);
        },
    ] {
        assert_eq!(logits(&tied(change)), (one.clone(), vec![]));
    }
    let error =
        load(tied(|tensors| tensors.retain(|name, _| name != EMBED && name != HEAD)).path());
    assert!(matches!(
        error,
        Err(LoadError::Weights(WeightsError::Mismatch { .. }))
    ));
}

#[test]
fn an_adapter_is_no_model_and_is_not_left_out_unsaid() {
    let folder = tiny_checkpoint();
    fs::write(folder.path().join("adapter_config.json"), "{}").expect("a writable folder");
    let base = load(folder.path()).expect("a good checkpoint");
    let [warning] = &base.warnings[..] else {
        panic!("{:?}", base.warnings);
    };
    assert!(warning.contains("--vectors"), "{warning}");
    fs::remove_file(folder.path().join("config.json")).expect("it was there");
    let error = load(folder.path()).expect_err("an adapter");
    assert!(matches!(error, LoadError::Adapter { .. }), "{error:?}");
}

#[test]
fn an_allowed_key_is_remembered_with_the_model() {
    let folder = tiny_checkpoint();
    let path = folder.path().join("config.json");
    let text = fs::read_to_string(&path).expect("the fixture is committed");
    let text = text.replacen('{', r#"{"surprise": 7, "#, 1);
    fs::write(path, text).expect("a writable folder");
    let allowing = |keys: &[&str]| {
        let options = LoadOptions {
            precision: Precision::F32,
            allow_config_keys: keys.iter().map(|&key| key.to_owned()).collect(),
        };
        Pretrained::load(folder.path(), options, &Device::flex())
    };
    for keys in [&[][..], &["hidden_size", "surprise"], &["other"]] {
        let error = allowing(keys).expect_err("an unknown key, or one that cannot be allowed");
        assert!(matches!(error, LoadError::Config(_)), "{error:?}");
    }
    let base = allowing(&["surprise"]).expect("allowed");
    assert_eq!(base.allowed_config_keys, ["surprise"]);
}

#[test]
fn the_index_decides_which_copy_of_a_tensor_counts() {
    let folder = sharded();
    let (first, second) = (folder.path().join(SHARDS[0]), folder.path().join(SHARDS[1]));
    let mut copy = TensorFile::read(&first).expect("a shard");
    for tensor in copy.tensors.values_mut() {
        tensor.data.fill(7.0);
    }
    let mut file = TensorFile::read(&second).expect("a shard");
    file.tensors.extend(copy.tensors);
    file.write(&second).expect("a writable folder");
    let index = folder.path().join("model.safetensors.index.json");
    let text = fs::read_to_string(&index).expect("an index");
    fs::write(&index, text.replace(r#":"model-"#, r#":"./model-"#)).expect("a writable folder");
    let base = load(folder.path()).expect("the copies do not count");
    let logits = |base: &Pretrained| {
        let (resid, _) = base.model.prefill(&[&[67, 84, 63, 22, 6]], None);
        trimtab_tests::bits(&trimtab_tests::matrix(base.model.logits(resid)))
    };
    assert_eq!(logits(&base), logits(&tiny()));
}

#[test]
fn weights_in_another_format_are_named_with_what_to_do() {
    for (files, advice) in [
        (&["pytorch_model.bin"][..], "save_pretrained"),
        (
            &[
                "pytorch_model-00001-of-00002.bin",
                "pytorch_model.bin.index.json",
            ],
            "save_pretrained",
        ),
        (&["tf_model.h5", "flax_model.msgpack"], "save_pretrained"),
        (&["consolidated.00.pth", "params.json"], "original release"),
        (&["consolidated.safetensors"], "original release"),
        (
            &["adapter_model.safetensors", "pytorch_model.bin"],
            "--vectors",
        ),
        (&["model-q4_k_m.gguf"], "GGUF"),
        (
            &[
                "model-00001-of-00002.safetensors",
                "model-00002-of-00002.safetensors",
            ],
            "model.safetensors.index.json",
        ),
        (&["model.fp16.safetensors"], "rename"),
    ] {
        let folder = tiny_checkpoint();
        fs::remove_file(folder.path().join("model.safetensors")).expect("it was there");
        for file in files {
            fs::write(folder.path().join(file), "").expect("a writable folder");
        }
        match load(folder.path()) {
            Err(LoadError::Weights(error @ WeightsError::OtherFormat { .. })) => {
                let text = error.to_string();
                assert!(text.contains(files[0]) && text.contains(advice), "{text}");
            }
            other => panic!("{files:?}: {:?}", other.err()),
        }
    }
    let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 269060552\n";
    let error = open_file(pointer).expect_err("a pointer").to_string();
    assert!(error.contains("git lfs pull"), "{error}");
}

/// Says of each configuration in the folder `TRIMTAB_CONFIGS` whether it is read, and writes the
/// answers beside it, to be compared with those of transformers.
#[test]
fn configurations_of_a_folder_are_read_or_refused() {
    let Some(folder) = std::env::var_os("TRIMTAB_CONFIGS").map(std::path::PathBuf::from) else {
        eprintln!("skipped: TRIMTAB_CONFIGS names no folder");
        return;
    };
    let mut answers = BTreeMap::new();
    for entry in fs::read_dir(&folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let text = fs::read_to_string(&path).expect("a file of text");
        let answer = match trimtab_model::ModelConfig::from_json(&text) {
            Ok(config) => format!("accepted {config:?}"),
            Err(error) => format!("refused {error}"),
        };
        let name = path.file_name().expect("a file").to_string_lossy();
        answers.insert(name.into_owned(), answer);
    }
    let text = serde_json::to_string_pretty(&answers).expect("texts");
    fs::write(folder.with_extension("answers.json"), text).expect("a writable folder");
}

/// Peak resident size of a process that loads 350 MiB of weights. The file is sparse, so its
/// weights are 0.
#[test]
fn loading_takes_little_more_memory_than_the_weights() {
    let (hidden, inner, layers, vocab) = (1024, 4096, 5, 8192);
    let mut tensors = vec![("model.embed_tokens.weight".to_owned(), vec![vocab, hidden])];
    for layer in 0..layers {
        for (name, shape) in [
            ("input_layernorm.weight", vec![hidden]),
            ("post_attention_layernorm.weight", vec![hidden]),
            ("self_attn.q_proj.weight", vec![hidden, hidden]),
            ("self_attn.q_proj.bias", vec![hidden]),
            ("self_attn.k_proj.weight", vec![hidden, hidden]),
            ("self_attn.k_proj.bias", vec![hidden]),
            ("self_attn.v_proj.weight", vec![hidden, hidden]),
            ("self_attn.v_proj.bias", vec![hidden]),
            ("self_attn.o_proj.weight", vec![hidden, hidden]),
            ("mlp.gate_proj.weight", vec![inner, hidden]),
            ("mlp.up_proj.weight", vec![inner, hidden]),
            ("mlp.down_proj.weight", vec![hidden, inner]),
        ] {
            tensors.push((format!("model.layers.{layer}.{name}"), shape));
        }
    }
    tensors.push(("model.norm.weight".to_owned(), vec![hidden]));
    let count: usize = tensors
        .iter()
        .map(|(_, shape)| shape.iter().product::<usize>())
        .sum();
    let folder = tiny_checkpoint();
    let config = json!({
        "model_type": "qwen2", "vocab_size": vocab, "hidden_size": hidden,
        "intermediate_size": inner,
        "num_hidden_layers": layers, "num_attention_heads": 8, "num_key_value_heads": 8,
        "max_position_embeddings": 64, "rms_norm_eps": 1e-6, "rope_theta": 1e4,
        "tie_word_embeddings": true,
    });
    fs::write(folder.path().join("config.json"), config.to_string()).expect("a writable folder");
    for (on_disk, width) in [("F32", 4), ("BF16", 2)] {
        let mut offset = 0;
        let mut header = serde_json::Map::new();
        for (name, shape) in &tensors {
            let end = offset + width * shape.iter().product::<usize>();
            header.insert(
                name.clone(),
                json!({"dtype": on_disk, "shape": shape, "data_offsets": [offset, end]}),
            );
            offset = end;
        }
        let path = folder.path().join("model.safetensors");
        let header = with_header(Value::Object(header).to_string().as_bytes(), 0);
        fs::write(&path, &header).expect("a writable folder");
        let file = fs::OpenOptions::new()
            .write(true)
            .open(&path)
            .expect("just written");
        file.set_len((header.len() + width * count) as u64)
            .expect("a file with holes");
        for (dtype, bytes) in [("f32", 4 * count), ("bf16", 2 * count)] {
            let child = Command::new(env!("CARGO_BIN_EXE_load_child"))
                .args([folder.path().as_os_str(), dtype.as_ref()])
                .output()
                .expect("the program is built with this test");
            let peak: usize = String::from_utf8_lossy(&child.stdout)
                .trim()
                .parse()
                .expect("a count of bytes");
            let ratio = peak as f64 / bytes as f64;
            println!("{on_disk} on disk to {dtype}: {peak} bytes for {bytes}, {ratio:.3}");
            assert!(
                ratio < 1.15,
                "{on_disk} on disk to {dtype}: {peak} bytes for {bytes}, {ratio:.3}"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn arbitrary_headers_never_panic(
        header in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..200),
            json_text(&[
                "a", "dtype", "F32", "BF16", "shape", "data_offsets", "__metadata__", "trimtab",
            ])
            .prop_map(String::into_bytes),
            header_text().prop_map(String::into_bytes),
        ],
        data in 0..40_usize,
    ) {
        if let Ok(weights) = open_file(&with_header(&header, data)) {
            prop_assert!(weights.sha256().is_ok());
            drop(weights.verify());
            drop(weights.check(&[("a".to_owned(), vec![2])], &["b"]));
            drop(weights.tensor("a", FloatDType::F32, &Device::flex()));
        }
    }

    #[test]
    fn arbitrary_indices_never_panic(
        text in json_text(&["weight_map", "metadata", "model.norm.weight", SHARDS[0], "..", "/"]),
    ) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let index = folder.path().join("model.safetensors.index.json");
        fs::write(index, text).expect("a writable folder");
        prop_assert!(CheckpointWeights::open(folder.path()).is_err());
    }
}

/// Headers that are nearly right.
fn header_text() -> impl Strategy<Value = String> {
    let tensor = (
        prop::sample::select(vec!["a", "b", "a.b", "\\u0000"]),
        prop::sample::select(vec!["F32", "F16", "BF16", "I8", "F4", "BOOL"]),
        proptest::collection::vec(0..4_u64, 0..3),
        0..20_u64,
        0..20_u64,
    );
    proptest::collection::vec(tensor, 0..4).prop_map(|tensors| {
        let mut text = String::from("{");
        for (index, (name, dtype, shape, start, end)) in tensors.into_iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            write!(
                text,
                r#"{comma}"{name}":{{"dtype":"{dtype}","shape":{shape:?},"#
            )
            .and_then(|()| write!(text, r#""data_offsets":[{start},{end}]}}"#))
            .expect("memory");
        }
        text + "}"
    })
}

fn load(folder: &Path) -> Result<Pretrained, LoadError> {
    Pretrained::load(folder, Precision::F32, &Device::flex())
}

fn is_non_finite(error: &WeightsError) -> bool {
    matches!(error, WeightsError::File(TensorFileError::NonFinite { .. }))
}

/// A safetensors file with `data` zero bytes after its header.
fn with_header(header: &[u8], data: usize) -> Vec<u8> {
    let len = (header.len() as u64).to_le_bytes();
    [&len[..], header, &vec![0; data]].concat()
}

fn open_file(bytes: &[u8]) -> Result<CheckpointWeights, WeightsError> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("model.safetensors"), bytes).expect("a writable folder");
    CheckpointWeights::open(folder.path())
}

fn weights_folder(tensors: &[(&str, TensorView)]) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let views = tensors.iter().map(|(name, view)| (*name, view));
    let bytes = safetensors::serialize(views, None).expect("well-formed tensors");
    fs::write(folder.path().join("model.safetensors"), bytes).expect("a writable folder");
    folder
}

/// The tiny checkpoint in three shards.
fn sharded() -> TempDir {
    let folder = tiny_checkpoint();
    let path = folder.path().join("model.safetensors");
    let whole = TensorFile::read(&path).expect("the fixture is committed");
    fs::remove_file(path).expect("it was there");
    let mut weight_map = BTreeMap::new();
    for (index, shard) in SHARDS.into_iter().enumerate() {
        let part = whole.tensors.iter().skip(index).step_by(SHARDS.len());
        let tensors: BTreeMap<_, _> = part
            .map(|(name, tensor)| (name.clone(), tensor.clone()))
            .collect();
        weight_map.extend(tensors.keys().map(|name| (name.clone(), shard)));
        let part = TensorFile {
            tensors,
            ..TensorFile::default()
        };
        part.write(&folder.path().join(shard))
            .expect("a writable folder");
    }
    let index = json!({"metadata": {"total_size": 0}, "weight_map": weight_map});
    fs::write(
        folder.path().join("model.safetensors.index.json"),
        index.to_string(),
    )
    .expect("a writable folder");
    folder
}
