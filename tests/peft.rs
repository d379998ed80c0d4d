//! LoRA adapters of PEFT.
//!
//! An adapter that PEFT wrote loads here and computes the same, and PEFT can read what is written
//! here. `interop/peft_lora.py` made the fixture and checks the other direction with PEFT itself.

use std::fs;
use std::path::Path;

use burn::tensor::Device;
use serde_json::{Value, json};
use tempfile::TempDir;
use trimtab_model::tensor_file::{HostTensor, TensorFile};
use trimtab_model::{ModelConfig, Site};
use trimtab_steer::form::{Lora, PerLayer};
use trimtab_steer::peft::PeftError;
use trimtab_steer::{Adapter, Form};
use trimtab_tests::{Matrix, error_chain, fixture, matrix, max_difference, tiny};

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

/// The files in `peft_lora/written` are what is written today. PEFT loaded them with equal logits.
///
/// The environment variable `UPDATE_FIXTURES` writes them again. The script must then be run with
/// `--check`.
#[test]
fn written_adapters_are_those_that_peft_loaded() {
    let adapter = read(&fixture("peft_lora")).expect("a good adapter");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let shown = fixture("peft_lora").join("written");
    let written = if std::env::var_os("UPDATE_FIXTURES").is_some() {
        shown.clone()
    } else {
        folder.path().join("written")
    };
    adapter
        .write_peft(&written, "tiny_qwen2")
        .expect("a writable folder");
    for name in ["adapter_config.json", "adapter_model.safetensors"] {
        let bytes = |folder: &Path| fs::read(folder.join(name)).expect("written");
        assert!(bytes(&written) == bytes(&shown), "{name}");
    }
    assert_eq!(read(&written).expect("just written"), adapter);
}

#[test]
fn variants_of_lora_are_refused() {
    for (key, value) in [
        ("use_dora", json!(true)),
        ("lora_bias", json!(true)),
        ("bias", json!("all")),
        ("fan_in_fan_out", json!(true)),
        ("rank_pattern", json!({"q_proj": 2})),
        ("alpha_pattern", json!({"q_proj": 2})),
        ("modules_to_save", json!(["lm_head"])),
        ("init_lora_weights", json!("pissa")),
        ("peft_type", json!("IA3")),
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
        (json!({"r": 4}), "the parameters are"),
        (json!({"r": 0}), "`rank` is 0"),
        (json!({"r": u64::MAX}), "`rank` is"),
        (json!({"r": -1}), "no rank"),
        (json!({"r": "3"}), "no rank"),
        (json!({"lora_alpha": null}), "no number `lora_alpha`"),
        (json!({"lora_alpha": 1e300}), "`alpha` is not finite"),
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

#[test]
fn incomplete_adapters_are_refused() {
    type Change = fn(&mut TensorFile);
    let q = |layer: usize| {
        format!("base_model.model.model.layers.{layer}.self_attn.q_proj.lora_A.weight")
    };
    assert!(tensors().tensors.contains_key(&q(0)));
    let changes: [(Change, &str); 6] = [
        (
            |file| {
                file.tensors.pop_first();
            },
            "other projections in some layers",
        ),
        (|file| file.tensors.clear(), "layers"),
        (|file| rename(file, "layers.2.", "layers.1."), ""),
        (|file| rename(file, "layers.2.", "layers.3."), "layer 3"),
        (|file| rename(file, "lora_A", "lora_C"), "lora_C"),
        (
            |file| rename(file, "base_model.model.", ""),
            "not a LoRA factor",
        ),
    ];
    for (change, message) in changes {
        let folder = changed(|_| {});
        let mut file = tensors();
        change(&mut file);
        fs::remove_file(folder.path().join("adapter_model.safetensors")).expect("it is there");
        file.write(&folder.path().join("adapter_model.safetensors"))
            .expect("a writable folder");
        match read(folder.path()) {
            Ok(_) => assert_eq!(message, "", "layers 0 and 1 are as good as 0 and 2"),
            Err(error) => assert!(
                !message.is_empty() && error_chain(&error).contains(message),
                "{message}: {error:?}"
            ),
        }
    }
}

#[test]
fn only_lora_on_separate_projections_is_written() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let vectors = Adapter::init(Form::PerLayer(PerLayer::default()), &config()).expect("it fits");
    let result = vectors.write_peft(folder.path(), "base");
    assert!(matches!(result, Err(PeftError::NotLora)));
    let fused = ModelConfig::from_dir(&fixture("families").join("phi3")).expect("a configuration");
    let lora = Adapter::init(Form::Lora(Lora::default()), &fused).expect("it fits");
    let result = lora.write_peft(folder.path(), "base");
    assert!(matches!(result, Err(PeftError::Fused)));
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

fn logits(adapter: &Adapter) -> Matrix {
    let path = fixture("peft_lora").join("expected.json");
    let facts: Value =
        serde_json::from_str(&fs::read_to_string(path).expect("a fixture")).expect("JSON");
    let tokens: Vec<u32> = serde_json::from_value(facts["token_ids"].clone()).expect("tokens");
    let model = tiny().model;
    let steering = adapter.to_device(&Device::flex()).to_steering();
    let (resid, _) = model.prefill(&[&tokens], Some(&steering));
    matrix(model.logits(resid))
}
