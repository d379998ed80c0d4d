//! Vectors in the file formats of other runtimes, compared with what those runtimes computed.
//!
//! The scripts in `tests/interop/` made the golden values.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use burn::tensor::Device;
use proptest::prelude::*;
use safetensors::SafeTensors;
use safetensors::tensor::TensorView;
use serde_json::{Value, json};
use tempfile::TempDir;
use trimtab_model::checkpoint_weights::{CheckpointWeights, FloatDType};
use trimtab_model::file::sha256_hex;
use trimtab_model::tensor_file::HostTensor;
use trimtab_model::{
    GenerateOptions, Model, ModelConfig, Precision, Pretrained, Request, Sampling, generate,
};
use trimtab_steer::export::{
    ExportError, MAX_LOGIT_DIFFERENCE, ReferenceLogits, SlidingWindowPolicy, Verification,
    merge_checkpoint, merge_gguf, write_control_vector, write_npy,
};
use trimtab_steer::{SteeringFile, SteeringFileError, SteeringVectors, TokenFilter};
use trimtab_tests::{fixture, matrix, max_difference, tiny};

/// `merged_checkpoint.py`: transformers computed these logits with the merged checkpoint.
#[test]
fn merged_checkpoints_compute_what_transformers_computed_with_them() {
    let bytes = fs::read(golden("merged_checkpoint.safetensors")).expect("it is committed");
    let golden = SafeTensors::deserialize(&bytes).expect("a whole file");
    let tensor = |name: &str| golden.tensor(name).expect("the script wrote it");
    for (name, folder, window) in [
        ("tiny_qwen2", "tiny_qwen2", SlidingWindowPolicy::Refuse),
        ("llama", "families/llama", SlidingWindowPolicy::Refuse),
        (
            "llama_linear",
            "families/llama_linear",
            SlidingWindowPolicy::Refuse,
        ),
        (
            "mistral",
            "families/mistral",
            SlidingWindowPolicy::LimitContext,
        ),
    ] {
        let base = pretrained(folder);
        let vectors = tensor(&format!("{name}.vectors"));
        let vectors = HostTensor {
            shape: vectors.shape().to_vec(),
            data: floats(vectors.data()),
        };
        let tokens = tensor(&format!("{name}.tokens"));
        let (words, _) = tokens.data().as_chunks::<8>();
        let tokens: Vec<u32> = words
            .iter()
            .map(|&word| u64::from_le_bytes(word) as u32)
            .collect();
        let expected = floats(tensor(&format!("{name}.logits")).data());
        let expected: Vec<Vec<f32>> = expected
            .chunks(base.model.config.vocab_size)
            .map(<[f32]>::to_vec)
            .collect();
        let steering = SteeringFile::new(vectors, &base, 0, Value::Null);
        let out = merged(folder, &steering, window);
        let model = load(&out.path().join("merged"));
        assert_eq!(model.config.model_type, "llama");
        assert!(model.config.architecture.biases.mlp);
        let logits = matrix(model.logits(model.prefill(&[&tokens], None).0));
        let error = max_difference(&logits, &expected);
        assert!(error <= MAX_LOGIT_DIFFERENCE, "{name}: {error}");
        // The same with a hook.
        let hook = steering.to_vectors(&Device::flex()).expect("plain").hook();
        let steered = base.model.prefill(&[&tokens], Some(&hook)).0;
        let error = max_difference(&matrix(base.model.logits(steered)), &expected);
        assert!(error <= MAX_LOGIT_DIFFERENCE, "{name}, hook: {error}");
    }
}

/// The existing tensors stay byte for byte. The new ones are biases, each next to its weight.
#[test]
fn a_merged_checkpoint_is_sharded_like_its_source_and_adds_biases_only() {
    let source = sharded("families/llama");
    let steering = steering(&pretrained("families/llama"));
    let target = tempfile::tempdir().expect("a temporary folder");
    let out = target.path().join("deep/merged");
    merge_checkpoint(source.path(), &steering, SlidingWindowPolicy::Refuse, &out).expect("a Llama");
    let (before, after) = (open(source.path()), open(&out));
    assert_eq!(before.files().count(), 2);
    let width = vectors(&steering).shape[1];
    for (index, (old, new)) in before.files().zip(after.files()).enumerate() {
        assert_eq!(old.file_name(), new.file_name());
        let names = |weights: &CheckpointWeights| -> Vec<String> {
            weights
                .stored(index)
                .map(|stored| stored.name.to_owned())
                .collect()
        };
        assert_eq!(names(&before), names(&after), "this source has all biases");
        for name in names(&before) {
            let (old, new) = (before.bytes(&name), after.bytes(&name));
            let (old, new) = (old.expect("there"), new.expect("there"));
            let layer = name.strip_suffix(".mlp.down_proj.bias").map(|head| {
                let layer = head.strip_prefix("model.layers.").expect("a layer");
                layer.parse::<usize>().expect("a number")
            });
            let Some(layer) = layer else {
                assert!(old == new, "{name}");
                continue;
            };
            let row = &vectors(&steering).data[layer * width..][..width];
            for ((old, new), value) in floats(&old).iter().zip(floats(&new)).zip(row) {
                assert_eq!(old + value, new, "{name}");
            }
        }
    }
    let index: Value = json_of(&out.join("model.safetensors.index.json"));
    let places = index["weight_map"].as_object().expect("an object");
    assert_eq!(places.len(), Model::tensor_shapes(&load(&out).config).len());
    let size: usize = [0, 1]
        .iter()
        .flat_map(|&file| after.stored(file))
        .map(|stored| 4 * stored.shape.iter().product::<usize>())
        .sum();
    assert_eq!(index["metadata"]["total_size"], json!(size));
    for name in [
        "tokenizer.json",
        "generation_config.json",
        "chat_template.jinja",
    ] {
        let [old, new] = [source.path(), &out].map(|folder| fs::read(folder.join(name)));
        assert_eq!(
            old.expect("it is there"),
            new.expect("it went along"),
            "{name}"
        );
    }
    let rest: Vec<_> = fs::read_dir(target.path().join("deep"))
        .expect("a folder")
        .collect();
    assert_eq!(rest.len(), 1, "no temporary folder stays behind");
}

/// Peak resident size of a process that merges 224 MiB of weights, whose largest tensor has 32 MiB.
/// The file is sparse, so its weights are 0.
#[test]
fn merging_takes_the_memory_of_one_tensor() {
    let (hidden, inner, layers, vocab) = (1024, 4096, 3, 8192);
    let folder = with_files("tiny_qwen2");
    let config = json!({
        "model_type": "llama", "vocab_size": vocab, "hidden_size": hidden,
        "intermediate_size": inner,
        "num_hidden_layers": layers, "num_attention_heads": 8, "tie_word_embeddings": true,
    });
    fs::write(folder.path().join("config.json"), config.to_string()).expect("a writable folder");
    let config = ModelConfig::from_dir(folder.path()).expect("a good configuration");
    let (mut header, mut offset) = (serde_json::Map::new(), 0);
    for (name, shape) in Model::tensor_shapes(&config) {
        let end = offset + 4 * shape.iter().product::<usize>();
        let token_filter = json!({ "dtype": "F32", "shape": shape, "data_offsets": [offset, end] });
        header.insert(name, token_filter);
        offset = end;
    }
    let header = Value::Object(header).to_string();
    let path = folder.path().join("model.safetensors");
    let beginning = [&(header.len() as u64).to_le_bytes(), header.as_bytes()].concat();
    fs::write(&path, &beginning).expect("a writable folder");
    let file = fs::OpenOptions::new().write(true).open(&path);
    let file = file.expect("just written");
    let len = (beginning.len() + offset) as u64;
    file.set_len(len).expect("a file with holes");
    let target = tempfile::tempdir().expect("a temporary folder");
    let child = Command::new(env!("CARGO_BIN_EXE_merge_child"))
        .args([folder.path(), &target.path().join("merged")])
        .output()
        .expect("the program is built with this test");
    let peak = String::from_utf8_lossy(&child.stdout).trim().parse::<u64>();
    let peak = peak.expect("a count of bytes");
    println!("{peak} bytes for {len}");
    assert!(peak < 64 << 20, "{peak} bytes for {len}");
}

/// Their classes have `mlp_bias`. The bias of a Granite is scaled with what its MLP adds.
#[test]
fn granite_and_smollm3_are_merged_in_their_own_class() {
    for (name, class) in [
        ("granite", "GraniteForCausalLM"),
        ("smollm3", "SmolLM3ForCausalLM"),
    ] {
        let folder = format!("families/{name}");
        let base = pretrained(&folder);
        let steering = steering(&base);
        let hook = steering.to_steering(&base.model).expect("vectors of it");
        let reference = ReferenceLogits::new(&base.model, Some(&hook));
        let out = merged(&folder, &steering, SlidingWindowPolicy::Refuse);
        let config = fs::read_to_string(out.path().join("merged/config.json"));
        let config: Value = serde_json::from_str(&config.expect("written")).expect("JSON");
        assert_eq!(config["architectures"], json!([class]));
        let model = load(&out.path().join("merged"));
        reference.compare(&model, None).expect("the same logits");
        let unsteered = ReferenceLogits::new(&base.model, None);
        assert!(unsteered.compare(&model, None).is_err(), "the vectors act");
    }
}

#[test]
fn a_checkpoint_that_cannot_be_merged_leaves_nothing_behind() {
    let target = tempfile::tempdir().expect("a temporary folder");
    let out = target.path().join("merged");
    for (name, reason) in [
        ("families/qwen3", "norms on queries"),
        ("families/olmo2", "pass through the norm"),
        ("families/gemma3", "pass through the norm"),
        ("families/phi3", "fused"),
        ("families/olmo3", "pass through the norm"),
        ("families/gemma2", "pass through the norm"),
        ("families/ministral3", "scaled by their position"),
        ("families/mistral3", "also reads images"),
        ("families/qwen3_vl", "also reads images"),
        ("families/ministral", "sliding window of 11"),
        ("families/mistral", "sliding window of 13"),
    ] {
        let base = pretrained(name);
        let refused = merge_checkpoint(
            &fixture(name),
            &steering(&base),
            SlidingWindowPolicy::Refuse,
            &out,
        );
        let refused = refused.expect_err(name);
        assert!(
            matches!(refused, ExportError::Inexpressible { .. }),
            "{name}: {refused:?}"
        );
        assert!(refused.to_string().contains(reason), "{name}: {refused}");
    }
    // The frequencies of YaRN would change with the context length.
    let base = pretrained("families/qwen2");
    let source = fixture("families/qwen2");
    let refused = merge_checkpoint(
        &source,
        &steering(&base),
        SlidingWindowPolicy::LimitContext,
        &out,
    );
    assert!(
        matches!(refused, Err(ExportError::Inexpressible { .. })),
        "{refused:?}"
    );

    let (source, base) = (sharded("families/llama"), pretrained("families/llama"));
    fs::create_dir(&out).expect("a writable folder");
    fs::write(out.join("mine"), "something").expect("a writable folder");
    let refused = merge_checkpoint(
        source.path(),
        &steering(&base),
        SlidingWindowPolicy::Refuse,
        &out,
    );
    assert!(
        matches!(refused, Err(ExportError::Exists { .. })),
        "{refused:?}"
    );
    fs::remove_dir_all(&out).expect("it was there");
    let shard = source.path().join("model-00002-of-00002.safetensors");
    let bytes = fs::read(&shard).expect("a shard");
    fs::write(&shard, &bytes[..bytes.len() - 4]).expect("a writable folder");
    let refused = merge_checkpoint(
        source.path(),
        &steering(&base),
        SlidingWindowPolicy::Refuse,
        &out,
    );
    assert!(
        matches!(refused, Err(ExportError::Weights(_))),
        "{refused:?}"
    );
    let mut conditional = steering(&base);
    conditional.metadata.token_filter = Some(TokenFilter {
        strength: 0.5,
        ..TokenFilter::default()
    });
    let refused = merge_checkpoint(
        source.path(),
        &conditional,
        SlidingWindowPolicy::Refuse,
        &out,
    );
    assert!(
        matches!(
            refused,
            Err(ExportError::SteeringFile(
                SteeringFileError::NotEverywhere { .. }
            ))
        ),
        "{refused:?}"
    );
    assert_eq!(fs::read_dir(target.path()).expect("the folder").count(), 0);
}

/// `llama_cpp_vectors.py`: llama.cpp read exactly these bytes, and its greedy tokens are those of
/// the steered model.
#[test]
fn control_vectors_are_the_bytes_that_llama_cpp_took_and_its_tokens_are_ours() {
    for (name, folder) in [
        ("tiny_qwen2", "tiny_qwen2"),
        ("llama_linear", "families/llama_linear"),
    ] {
        let base = pretrained(folder);
        let path = golden(&format!("llama_cpp/{name}.control_vector.gguf"));
        let file = SteeringFile::read(&path, &base).expect("a control vector");
        let all = SteeringFile::read(&golden(&format!("llama_cpp/{name}.npy")), &base);
        let mut all = all.expect("a matrix");
        let out = tempfile::tempdir().expect("a temporary folder");
        let path = out.path().join("vectors.gguf");
        let refused = write_control_vector(&all, &path);
        assert!(
            matches!(refused, Err(ExportError::LayerZero)),
            "{refused:?}"
        );
        assert!(!path.exists());
        let without = all.without_layer_0().expect("vectors");
        write_control_vector(&without, &path).expect("a writable folder");
        let written = fs::read(&path).expect("just written");
        let took = fs::read(golden(&format!("llama_cpp/{name}.control_vector.gguf")));
        assert!(written == took.expect("it is committed"), "{name}");
        let expected = &json_of(&golden("llama_cpp/expected.json"))[name];
        assert_eq!(greedy(&base, &all, expected), expected["greedy_merged"]);
        let width = vectors(&all).shape[1];
        all.parameters[0].1.data[..width].fill(0.0);
        assert_eq!(without.parameters, all.parameters);
        assert_eq!(file.parameters, all.parameters);
        assert_eq!(
            greedy(&base, &file, expected),
            expected["greedy_with_control_vector"]
        );
    }
}

/// The merged model has the SHA-256 of the file that llama.cpp ran.
#[test]
fn a_merged_gguf_is_the_file_that_llama_cpp_ran() {
    let base = pretrained("tiny_qwen2");
    let steering =
        SteeringFile::read(&golden("llama_cpp/tiny_qwen2.npy"), &base).expect("a matrix");
    let (source, config) = (golden("llama_cpp/tiny_qwen2.gguf"), &base.model.config);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let out = folder.path().join("merged.gguf");
    let checked = merge_gguf(&source, config, &steering, &out).expect("a Qwen2");
    assert!(matches!(
        checked,
        Verification::Logits { max_difference } if max_difference <= MAX_LOGIT_DIFFERENCE
    ));
    let expected = &json_of(&golden("llama_cpp/expected.json"))["tiny_qwen2"];
    let written = fs::read(&out).expect("just written");
    assert_eq!(sha256_hex(&written), expected["merged_sha256"]);
    // Merged again: the merged model is a `llama` with biases, to which the vectors are added.
    let twice = folder.path().join("twice.gguf");
    let checked = merge_gguf(&out, config, &steering, &twice).expect("a Llama");
    assert!(matches!(checked, Verification::Logits { .. }));
    let refused = merge_gguf(&source, config, &steering, &out);
    assert!(
        matches!(refused, Err(ExportError::Exists { .. })),
        "{refused:?}"
    );
    let other = self::steering(&pretrained("families/llama"));
    let third = folder.path().join("third.gguf");
    let refused = merge_gguf(&source, config, &other, &third);
    assert!(
        matches!(refused, Err(ExportError::Inexpressible { .. })),
        "{refused:?}"
    );
    let vector = golden("llama_cpp/tiny_qwen2.control_vector.gguf");
    let refused = merge_gguf(&vector, config, &steering, &third);
    assert!(
        matches!(refused, Err(ExportError::Inexpressible { .. })),
        "{refused:?}"
    );
    assert_eq!(fs::read_dir(folder.path()).expect("the folder").count(), 2);
}

/// `repeng_vectors.py` wrote the file with repeng.
#[test]
fn the_file_of_repeng_is_read_and_written_the_same() {
    let (base, path) = (tiny(), golden("repeng/control_vector.gguf"));
    let file = SteeringFile::read(&path, &base).expect("repeng's file");
    let bytes = fs::read(golden("repeng/directions.safetensors")).expect("it is committed");
    let directions = SafeTensors::deserialize(&bytes).expect("a whole file");
    let expected = floats(directions.tensor("pca_diff").expect("directions").data());
    let found = vectors(&file);
    let width = found.shape[1];
    assert!(found.data[..width].iter().all(|&value| value == 0.0));
    assert_eq!(found.data[width..], expected[width..]);
    assert_eq!(file.metadata.base_sha256, base.sha256);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let out = folder.path().join("again.gguf");
    write_control_vector(&file, &out).expect("layer 0 is zero");
    assert_eq!(
        SteeringFile::read(&out, &base)
            .expect("just written")
            .parameters,
        file.parameters
    );
    // The model hint names another model type.
    let refused = SteeringFile::read(&path, &pretrained("families/llama"));
    assert!(
        matches!(refused, Err(SteeringFileError::OtherType { .. })),
        "{refused:?}"
    );
    let npy = folder.path().join("vectors.npy");
    write_npy(&file, &npy).expect("a writable folder");
    assert_eq!(
        SteeringFile::read(&npy, &base)
            .expect("just written")
            .parameters,
        file.parameters
    );
}

#[test]
fn an_export_that_computes_something_else_is_noticed() {
    let base = tiny();
    let hook = steering(&base)
        .to_vectors(&Device::flex())
        .expect("plain")
        .hook();
    let reference = ReferenceLogits::new(&base.model, Some(&hook));
    let same = reference.compare(&base.model, Some(&hook));
    assert!(same.is_ok_and(|difference| difference == 0.0));
    let refused = reference.compare(&base.model, None);
    assert!(
        matches!(refused, Err(ExportError::Differs { .. })),
        "{refused:?}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Damage anywhere in a control vector or a matrix gives an error, or vectors that are finite
    /// and fit the model.
    #[test]
    fn damaged_files_never_panic(
        name in prop::sample::select(
            &["repeng/control_vector.gguf", "llama_cpp/tiny_qwen2.npy"][..],
        ),
        changes in prop::collection::vec((0..600_usize, any::<u8>()), 1..4),
        cut in 0..2000_usize,
    ) {
        let mut bytes = fs::read(golden(name)).expect("it is committed");
        for (token_filter, value) in changes {
            let len = bytes.len();
            bytes[token_filter % len] = value;
        }
        bytes.truncate(cut.max(8));
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("damaged");
        fs::write(&path, bytes).expect("a writable folder");
        if let Ok(file) = SteeringFile::read(&path, base()) {
            let vectors = file.vectors().expect("plain vectors");
            prop_assert_eq!(&vectors.shape, &[3, 36]);
            prop_assert!(vectors.data.iter().all(|value| value.is_finite()));
        }
    }
}

fn base() -> &'static Pretrained {
    static BASE: std::sync::LazyLock<Pretrained> = std::sync::LazyLock::new(tiny);
    &BASE
}

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("interop/golden")
        .join(name)
}

fn json_of(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).expect("a readable file")).expect("JSON")
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    let (words, _) = bytes.as_chunks::<4>();
    words.iter().map(|&word| f32::from_le_bytes(word)).collect()
}

/// The greedy tokens after `expected["prompt"]`.
fn greedy(base: &Pretrained, file: &SteeringFile, expected: &Value) -> Value {
    let prompt: Vec<u32> = serde_json::from_value(expected["prompt"].clone()).expect("tokens");
    let count = expected["greedy_merged"].as_array().expect("tokens").len();
    let sampling = Sampling {
        temperature: 0.0,
        max_new_tokens: count,
        ..Sampling::default()
    };
    let request = Request {
        prompt: &prompt,
        index: 0,
        samples: 1,
    };
    let hook = SteeringVectors::from_host(vectors(file), &Device::flex()).hook();
    let options = GenerateOptions {
        hook: Some(&hook),
        ..GenerateOptions::default()
    };
    let completions = generate(&base.model, &[request], &sampling, options).expect("it fits");
    completions[0][0].tokens.clone().into()
}

/// Vectors for every layer of `base`.
fn steering(base: &Pretrained) -> SteeringFile {
    let config = &base.model.config;
    let shape = vec![config.num_hidden_layers, config.hidden_size];
    let value = |index: usize| (index * 37 % 101) as f32 / 101.0 - 0.5;
    let data = (0..shape[0] * shape[1]).map(value).collect();
    SteeringFile::new(HostTensor { shape, data }, base, 3, json!({ "seed": 1 }))
}

fn vectors(file: &SteeringFile) -> &HostTensor {
    file.vectors().expect("plain vectors")
}

/// The fixture as a checkpoint. Fixtures have no tokenizer of their own.
fn pretrained(name: &str) -> Pretrained {
    let folder = with_files(name);
    Pretrained::load(folder.path(), Precision::F32, &Device::flex()).expect("a good checkpoint")
}

fn with_files(name: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for file in ["config.json", "model.safetensors"] {
        fs::copy(fixture(name).join(file), folder.path().join(file)).expect("it is committed");
    }
    let write = |file: &str, text: &str| {
        fs::write(folder.path().join(file), text).expect("a writable folder");
    };
    let tokenizer = json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
        "normalizer": null,
        "pre_tokenizer": {"type": "WhitespaceSplit"}, "post_processor": null, "decoder": null,
        "model": {"type": "WordLevel", "unk_token": "a", "vocab": {"a": 0, "b": 1}},
    });
    write("tokenizer.json", &tokenizer.to_string());
    folder
}

/// The fixture in two shards, with the other files of a checkpoint.
fn sharded(name: &str) -> TempDir {
    let folder = with_files(name);
    let single = folder.path().join("model.safetensors");
    let bytes = fs::read(&single).expect("a readable file");
    let file = SafeTensors::deserialize(&bytes).expect("a whole file");
    let mut names = file.names();
    names.sort_unstable();
    let mut places = serde_json::Map::new();
    let parts = names.chunks(names.len() / 2 + 1);
    for (index, part) in parts.enumerate() {
        let shard = format!("model-{:05}-of-00002.safetensors", index + 1);
        let views: Vec<(&str, TensorView)> = part
            .iter()
            .map(|&name| (name, file.tensor(name).expect("a name of it")))
            .collect();
        safetensors::serialize_to_file(views, None, &folder.path().join(&shard))
            .expect("a writable folder");
        places.extend(part.iter().map(|&name| (name.to_owned(), json!(shard))));
    }
    fs::remove_file(single).expect("it was there");
    let write = |file: &str, text: String| {
        fs::write(folder.path().join(file), text).expect("a writable folder");
    };
    let index = json!({ "metadata": {}, "weight_map": places });
    write("model.safetensors.index.json", index.to_string());
    write(
        "generation_config.json",
        json!({ "eos_token_id": 2 }).to_string(),
    );
    write(
        "chat_template.jinja",
        "{{ messages[0].content }}".to_owned(),
    );
    folder
}

/// The merged checkpoint of the fixture, in the folder `merged`.
fn merged(name: &str, steering: &SteeringFile, window: SlidingWindowPolicy) -> TempDir {
    let out = tempfile::tempdir().expect("a temporary folder");
    merge_checkpoint(&fixture(name), steering, window, &out.path().join("merged")).expect(name);
    out
}

fn open(folder: &Path) -> CheckpointWeights {
    CheckpointWeights::open(folder).expect("whole files")
}

/// The model in a folder without a tokenizer.
fn load(folder: &Path) -> Model {
    let config = ModelConfig::from_dir(folder).expect("a good configuration");
    let weights = open(folder);
    weights
        .check(&Model::tensor_shapes(&config), &[])
        .expect("all tensors and no others");
    let device = Device::flex();
    Model::from_tensors(config, &mut |name, _| {
        weights.tensor(name, FloatDType::F32, &device)
    })
    .expect("sound tensors")
}
