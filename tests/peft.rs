//! LoRA adapters of PEFT.
//!
//! An adapter that PEFT wrote loads here and computes the same, and PEFT can read what is written
//! here. `interop/peft_lora.py` and `interop/peft_variants.py` made the fixtures and check the
//! other direction with PEFT itself.

use std::fs;
use std::path::Path;

use burn::tensor::Device;
use serde_json::{Value, json};
use tempfile::TempDir;
use trimtab_model::tensor_file::{HostTensor, TensorFile};
use trimtab_model::{Model, ModelConfig, Site};
use trimtab_steer::form::{Lora, PerLayer};
use trimtab_steer::peft::PeftError;
use trimtab_steer::{Adapter, Form};
use trimtab_tests::{Matrix, error_chain, fixture, fixture_model, matrix, max_difference, tiny};

/// Largest difference of a logit between PEFT and this implementation.
const TOLERANCE: f32 = 1e-4;

#[test]
fn an_adapter_of_peft_computes_what_peft_computes() {
    let adapter = read(&fixture("peft_lora")).expect("a good adapter");
    let Form::Lora(form) = adapter.form() else {
        panic!("{:?}", adapter.form());
    };
    assert_eq!((form.rank, form.alpha), (3, 5.0));
    assert_eq!(form.layers, Some(vec![0, 2]));
    let all = Site::ALL.into_iter().filter(|site| site.is_projection());
    assert_eq!(form.target_modules, all.collect::<Vec<_>>());
    assert_eq!(
        adapter.parameter_count(),
        2 * 3 * (2 * 72 + 2 * 48 + 3 * 67)
    );
    let difference = max_difference(&logits(&adapter), &expected("logits"));
    assert!(difference < TOLERANCE, "{difference}");

    let stabilised = changed(|config| config["use_rslora"] = true.into());
    let stabilised = read(stabilised.path()).expect("a good adapter");
    let difference = max_difference(&logits(&stabilised), &expected("logits_rslora"));
    assert!(difference < TOLERANCE, "{difference}");
    assert!(max_difference(&expected("logits"), &expected("logits_rslora")) > 0.1);
}

/// Fused projections, ranks and scales of single modules, layers left out.
///
/// What is read is written again for PEFT, which loaded it with equal logits (see
/// [`written_adapters_are_those_that_peft_loaded`]), and read back it computes the same.
#[test]
fn variants_of_ranks_and_modules_compute_what_peft_computes() {
    for (name, family, rank) in [
        ("phi3_fused", "phi3", 2),
        ("phi3_separate", "phi3", 3),
        ("patterns", "qwen3", 5),
        ("rslora_patterns", "llama", 4),
    ] {
        let folder = fixture("peft_variants").join(name);
        let model = fixture_model(family);
        let read = |folder: &Path| Adapter::read_peft(folder, &model.config);
        let adapter = read(&folder).expect("a good adapter");
        let Form::Lora(form) = adapter.form() else {
            panic!("{:?}", adapter.form());
        };
        assert_eq!(form.rank, rank, "{name}");
        let tokens = [3, 14, 15, 9, 26, 5, 35];
        let expected = stored_logits(&folder);
        let difference = max_difference(&steered_logits(&model, &adapter, &tokens), &expected);
        assert!(difference < TOLERANCE, "{name}: {difference}");
        let written = folder.join("written");
        check_written(&adapter, &written, family);
        let again = read(&written).expect("just written");
        let difference = max_difference(&steered_logits(&model, &again, &tokens), &expected);
        assert!(difference < TOLERANCE, "{name}, written: {difference}");
    }
}

/// Adapters of models that read images have the layers of their text decoder elsewhere.
#[test]
fn the_text_part_of_an_adapter_is_found_under_every_name() {
    let expected = read(&fixture("peft_lora")).expect("a good adapter");
    for decoder in ["model.language_model.", "language_model.model.", ""] {
        let folder =
            with_tensors(|file| rename(file, ".model.model.", &format!(".model.{decoder}")));
        assert_eq!(read(folder.path()).expect(decoder), expected);
    }
    let folder = with_tensors(|file| {
        let (_, tensor) = file.tensors.first_key_value().expect("tensors");
        let name = "base_model.model.vision_tower.encoder.layers.0.self_attn.q_proj.lora_A.weight";
        file.tensors.insert(name.to_owned(), tensor.clone());
    });
    assert_eq!(read(folder.path()).expect("without its images"), expected);
}

/// The files in `peft_lora/written` are what is written today. PEFT loaded them with equal logits.
///
/// The environment variable `UPDATE_FIXTURES` writes them again. The script must then be run with
/// `--check`.
#[test]
fn written_adapters_are_those_that_peft_loaded() {
    let adapter = read(&fixture("peft_lora")).expect("a good adapter");
    let shown = fixture("peft_lora").join("written");
    check_written(&adapter, &shown, "tiny_qwen2");
    assert_eq!(read(&shown).expect("just written"), adapter);
}

/// Checks that what is written today are the files in `shown`, or updates them.
fn check_written(adapter: &Adapter, shown: &Path, base: &str) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let written = if std::env::var_os("UPDATE_FIXTURES").is_some() {
        shown.to_owned()
    } else {
        folder.path().join("written")
    };
    adapter
        .write_peft(&written, base)
        .expect("a writable folder");
    for name in ["adapter_config.json", "adapter_model.safetensors"] {
        let bytes = |folder: &Path| fs::read(folder.join(name)).expect("written");
        assert!(bytes(&written) == bytes(shown), "{name}");
    }
}

#[test]
fn variants_of_lora_are_refused() {
    for (key, value) in [
        ("use_dora", json!(true)),
        ("lora_bias", json!(true)),
        ("bias", json!("all")),
        ("modules_to_save", json!(["lm_head"])),
        ("init_lora_weights", json!("pissa")),
        ("trainable_token_indices", json!([3])),
        ("alora_invocation_tokens", json!([3, 4])),
        ("layer_replication", json!([[0, 2], [1, 3]])),
        ("target_parameters", json!(["experts.gate_up_proj"])),
        ("use_qalora", json!(true)),
        ("arrow_config", json!({"top_k": 3})),
        ("kasa_config", json!({"beta": 0.1})),
        ("some_new_key", json!(3)),
    ] {
        let folder = changed(|config| config[key] = value.clone());
        let error = read(folder.path()).expect_err(key);
        assert!(
            matches!(&error, PeftError::Unsupported { key: found, .. } if found == key),
            "{error}"
        );
    }
    for (change, message) in [
        (json!({"r": 4}), "has the shape [3, 31]"),
        (
            json!({"rank_pattern": {"q_proj": 2}}),
            "q_proj.lora_A.weight` in",
        ),
        (json!({"r": 0}), "has the shape"),
        (json!({"r": u64::MAX}), "has the shape"),
        (json!({"r": -1}), "`r` is -1, not a whole number"),
        (json!({"r": "3"}), "`r` is \"3\", not a whole number"),
        (json!({"rank_pattern": {"q": "2"}}), "for `q`, not a number"),
        (json!({"lora_alpha": null}), "`lora_alpha` is null"),
        (json!({"lora_alpha": 1e300}), "`alpha` is not finite"),
        (json!({"alpha_pattern": {"q_proj": 1e300}}), "not finite"),
        (
            json!({"target_modules": ["q_proj"]}),
            "PEFT would not use it",
        ),
        (
            json!({"target_modules": r".*\.q_proj"}),
            "PEFT would not use it",
        ),
        (
            json!({"exclude_modules": ["v_proj"]}),
            "PEFT would not use it",
        ),
        (json!({"layers_to_transform": [0]}), "PEFT would not use it"),
        (json!({"peft_type": "IA3"}), "the method IA3"),
        (json!({"peft_type": null}), "no `peft_type`"),
        (json!({"lora_parameters": {"rank": 8}}), "mlx_lm.fuse"),
    ] {
        let folder = changed(|config| {
            for (key, value) in change.as_object().expect("a change") {
                config[key] = value.clone();
            }
        });
        let error = read(folder.path()).expect_err(message);
        assert!(error_chain(&error).contains(message), "{error:?}");
    }
}

/// What newer and older versions of PEFT write beside what matters.
#[test]
fn keys_without_effect_are_accepted() {
    let expected = read(&fixture("peft_lora")).expect("a good adapter");
    for (key, value) in [
        ("fan_in_fan_out", json!(true)),
        ("init_lora_weights", json!("eva")),
        ("loftq_config", json!({"loftq_bits": 4})),
        ("target_modules", json!("all-linear")),
        ("target_modules", json!(null)),
        ("layers_to_transform", json!(null)),
        ("rank_pattern", json!(null)),
        ("alpha_pattern", json!({"some_other_module": 9})),
        ("auto_mapping", json!({"base_model_class": "Qwen2Model"})),
        ("some_new_key", json!(null)),
        ("some_new_key", json!("")),
    ] {
        let folder = changed(|config| config[key] = value.clone());
        assert_eq!(read(folder.path()).expect(key), expected, "{key}");
    }
}

#[test]
fn other_layouts_are_named() {
    let folder = changed(|_| {});
    let tensors = folder.path().join("adapter_model.safetensors");
    let refused = || read(folder.path()).expect_err("refused").to_string();
    fs::rename(&tensors, folder.path().join("adapter_model.bin")).expect("a writable folder");
    let message = refused();
    assert!(
        message.contains("pickle") && message.contains("save_pretrained"),
        "{message}"
    );
    fs::rename(
        folder.path().join("adapter_model.bin"),
        folder.path().join("adapters.safetensors"),
    )
    .expect("a writable folder");
    let message = refused();
    assert!(message.contains("mlx_lm.fuse"), "{message}");
    fs::remove_file(folder.path().join("adapters.safetensors")).expect("it is there");
    let message = refused();
    assert!(message.ends_with("adapter_model.safetensors"), "{message}");
}

#[test]
fn incomplete_adapters_are_refused() {
    type Change = fn(&mut TensorFile);
    let q = |layer: usize| {
        format!("base_model.model.model.layers.{layer}.self_attn.q_proj.lora_A.weight")
    };
    assert!(tensors().tensors.contains_key(&q(0)));
    let changes: [(Change, &str); 8] = [
        (
            |file| {
                file.tensors.pop_first();
            },
            "one factor",
        ),
        (|file| file.tensors.clear(), "no LoRA factors"),
        (
            |file| rename(file, "layers.2.", "layers.1."),
            "PEFT would not use",
        ),
        (
            |file| rename(file, "layers.2.", "layers.3."),
            "PEFT would not use",
        ),
        (|file| rename(file, "lora_A", "lora_C"), "lora_C"),
        (
            |file| rename(file, "base_model.model.", ""),
            "begins every name",
        ),
        (
            |file| {
                let mut other = file.clone();
                rename(&mut other, ".model.model.", ".model.");
                file.tensors.extend(other.tensors);
            },
            "two tensors for one factor",
        ),
        (
            |file| {
                for tensor in file.tensors.values_mut() {
                    *tensor = HostTensor {
                        shape: vec![0],
                        data: vec![],
                    };
                }
            },
            "a shard of it?",
        ),
    ];
    for (change, message) in changes {
        let folder = with_tensors(change);
        let error = read(folder.path()).expect_err(message);
        assert!(error_chain(&error).contains(message), "{message}: {error}");
    }
    // Whole modules may be missing. PEFT leaves them as they are.
    let folder = with_tensors(|file| file.tensors.retain(|name, _| !name.contains(".2.mlp.")));
    let adapter = read(folder.path()).expect("updates of some modules");
    let zeros = adapter
        .parameters()
        .iter()
        .filter(|(_, it)| it.data.iter().all(|x| *x == 0.0));
    assert_eq!(zeros.count(), 2 * 3);
}

/// Every family: what is trained there can be written, is read back, and computes the same.
#[test]
fn lora_of_every_family_is_written_and_read_back() {
    let tokens = [3, 14, 15, 9, 26];
    for family in fs::read_dir(fixture("families")).expect("fixtures") {
        let family = family.expect("an entry").file_name();
        let family = family.to_str().expect("UTF-8");
        if family.contains('.') {
            continue; // the script
        }
        let model = fixture_model(family);
        let all = Site::ALL.into_iter().filter(|site| site.is_projection());
        let layers = &model.config.architecture.layers;
        let last = layers.len() - 1;
        for mut targets in [vec![Site::VProj, Site::DownProj], all.collect()] {
            // Those that a layer has: some layers have experts or linear attention instead.
            targets.retain(|site| {
                [0, last]
                    .iter()
                    .any(|&it| site.missing_in(&layers[it]).is_none())
            });
            let lora = Lora {
                rank: 2,
                alpha: 3.0,
                target_modules: targets,
                layers: Some(vec![0, last]),
                seed: 1,
            };
            let mut adapter = Adapter::init(Form::Lora(lora), &model.config).expect("it fits");
            for values in adapter.values_mut() {
                for (index, value) in values.iter_mut().enumerate() {
                    *value += (index % 5) as f32 / 16.0 - 0.1;
                }
            }
            let folder = tempfile::tempdir().expect("a temporary folder");
            adapter
                .write_peft(folder.path(), "base")
                .expect("every LoRA");
            let read = Adapter::read_peft(folder.path(), &model.config).expect("just written");
            let [found, expected] =
                [&read, &adapter].map(|adapter| steered_logits(&model, adapter, &tokens));
            let difference = max_difference(&found, &expected);
            assert!(difference < 1e-5, "{family}: {difference}");
        }
    }
}

#[test]
fn only_lora_is_written() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let vectors = Adapter::init(Form::PerLayer(PerLayer::default()), &config()).expect("it fits");
    let result = vectors.write_peft(folder.path(), "base");
    assert!(matches!(result, Err(PeftError::NotLora)));
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0);
}

fn config() -> ModelConfig {
    tiny().model.config
}

fn read(folder: &Path) -> Result<Adapter, PeftError> {
    Adapter::read_peft(folder, &config())
}

fn tensors() -> TensorFile {
    TensorFile::read(&fixture("peft_lora").join("adapter_model.safetensors")).expect("a whole file")
}

/// A copy of the fixture with another configuration.
fn changed(change: impl FnOnce(&mut Value)) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let name = "adapter_config.json";
    let text = fs::read_to_string(fixture("peft_lora").join(name)).expect("a fixture");
    let mut config = serde_json::from_str(&text).expect("JSON");
    change(&mut config);
    fs::write(folder.path().join(name), config.to_string()).expect("a writable folder");
    let name = "adapter_model.safetensors";
    fs::copy(fixture("peft_lora").join(name), folder.path().join(name)).expect("a fixture");
    folder
}

/// A copy of the fixture with other tensors.
fn with_tensors(change: impl FnOnce(&mut TensorFile)) -> TempDir {
    let folder = changed(|_| {});
    let mut file = tensors();
    change(&mut file);
    let path = folder.path().join("adapter_model.safetensors");
    fs::remove_file(&path).expect("it is there");
    file.write(&path).expect("a writable folder");
    folder
}

fn rename(file: &mut TensorFile, from: &str, to: &str) {
    let tensors = std::mem::take(&mut file.tensors);
    let renamed = |(name, tensor): (String, HostTensor)| (name.replace(from, to), tensor);
    file.tensors = tensors.into_iter().map(renamed).collect();
}

fn expected(name: &str) -> Matrix {
    let path = fixture("peft_lora").join("expected.safetensors");
    let tensor = TensorFile::read(&path)
        .expect("a fixture")
        .tensors
        .remove(name);
    let tensor = tensor.expect("logits");
    tensor
        .data
        .chunks(tensor.shape[1])
        .map(<[f32]>::to_vec)
        .collect()
}

fn stored_logits(folder: &Path) -> Matrix {
    let file = TensorFile::read(&folder.join("expected.safetensors")).expect("a fixture");
    let tensor = &file.tensors["logits"];
    let rows = tensor.data.chunks(tensor.shape[1]);
    rows.map(<[f32]>::to_vec).collect()
}

fn logits(adapter: &Adapter) -> Matrix {
    let path = fixture("peft_lora").join("expected.json");
    let facts: Value =
        serde_json::from_str(&fs::read_to_string(path).expect("a fixture")).expect("JSON");
    let tokens: Vec<u32> = serde_json::from_value(facts["token_ids"].clone()).expect("tokens");
    steered_logits(&tiny().model, adapter, &tokens)
}

fn steered_logits(model: &Model, adapter: &Adapter, tokens: &[u32]) -> Matrix {
    let steering = adapter.to_device(&Device::flex()).to_steering();
    let (resid, _) = model.prefill(&[tokens], Some(&steering));
    matrix(model.logits(resid))
}
