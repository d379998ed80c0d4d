//! `config.json` from outside: whatever it says, reading it gives a configuration that can be
//! computed with or an error that names the key.

use proptest::prelude::*;
use serde_json::{Value, json};
use trimtab_model::config::{ConfigError, RopeScaling};
use trimtab_model::{Model, ModelConfig};

/// A sound configuration of each family.
fn sound(model_type: &str) -> Value {
    let mut config = json!({
        "model_type": model_type, "vocab_size": 61, "hidden_size": 30, "intermediate_size": 37,
        "num_hidden_layers": 3, "num_attention_heads": 3, "num_key_value_heads": 1,
        "head_dim": 10, "max_position_embeddings": 128,
        "rms_norm_eps": 1e-5, "rope_theta": 1e4, "eos_token_id": [2, 3],
    });
    if model_type == "gemma3" {
        config["model_type"] = json!("gemma3_text");
        config = json!({
            "model_type": "gemma3", "text_config": config, "vision_config": {"hidden_size": 8}
        });
    }
    config
}

const FAMILIES: [&str; 8] = [
    "llama",
    "qwen2",
    "qwen3",
    "mistral",
    "olmo2",
    "gemma3_text",
    "gemma3",
    "phi3",
];

const KEYS: [&str; 26] = [
    "model_type",
    "vocab_size",
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "head_dim",
    "max_position_embeddings",
    "rms_norm_eps",
    "rope_theta",
    "eos_token_id",
    "bos_token_id",
    "rope_scaling",
    "rope_parameters",
    "partial_rotary_factor",
    "sliding_window",
    "use_sliding_window",
    "max_window_layers",
    "layer_types",
    "hidden_act",
    "hidden_activation",
    "attention_bias",
    "query_pre_attn_scalar",
    "sliding_window_pattern",
    "original_max_position_embeddings",
];

fn values() -> impl Strategy<Value = Value> {
    let scaling = (0..7_usize, any::<f64>(), any::<u32>()).prop_map(|(kind, factor, len)| {
        let kind = [
            "default", "linear", "dynamic", "yarn", "longrope", "llama3", "su",
        ][kind];
        json!({
            "rope_type": kind, "factor": factor, "low_freq_factor": 1.0, "high_freq_factor": factor,
            "original_max_position_embeddings": len, "short_factor": [1.0, factor, 2.0, 1.0, 1.0],
            "long_factor": [factor, 1.0, 1.0, 1.0, 4.0],
        })
    });
    let plain_scaling = (0..4_usize, 0.1..100.0).prop_map(|(kind, factor)| {
        let kind = ["linear", "dynamic", "yarn", "default"][kind];
        json!({"type": kind, "factor": factor})
    });
    prop_oneof![
        any::<i64>().prop_map(Value::from),
        (0..200_u64).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (-2.0..2.0).prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        Just(Value::Null),
        Just(json!([])),
        Just(json!([1, 2, 3])),
        Just(json!([
            "full_attention",
            "sliding_attention",
            "full_attention"
        ])),
        scaling,
        plain_scaling,
    ]
}

proptest! {
    #[test]
    fn any_value_of_any_key_gives_a_computable_configuration_or_an_error(
        family in 0..FAMILIES.len(),
        changes in prop::collection::vec((0..KEYS.len(), values()), 0..5),
    ) {
        let mut config = sound(FAMILIES[family]);
        let inner = match FAMILIES[family] {
            "gemma3" => &mut config["text_config"],
            _ => &mut config,
        };
        for (key, value) in changes {
            inner[KEYS[key]] = value;
        }
        if let Ok(config) = ModelConfig::from_json(&config.to_string()) {
            prop_assert_eq!(config.architecture.layers.len(), config.num_hidden_layers);
            prop_assert!(config.max_len() >= 1 && !Model::tensor_shapes(&config).is_empty());
            for layer in &config.architecture.layers {
                prop_assert!(layer.rope < config.architecture.ropes.len());
                prop_assert!(layer.sliding_window != Some(0));
            }
        }
    }

    #[test]
    fn any_text_gives_an_error(text in ".{0,200}") {
        prop_assert!(ModelConfig::from_json(&text).is_err());
    }
}

#[test]
fn sound_configurations_are_read() {
    for family in FAMILIES {
        let config = ModelConfig::from_json(&sound(family).to_string());
        let config = config.unwrap_or_else(|error| panic!("{family}: {error}"));
        assert_eq!(config.eos_token_id, [2, 3]);
        let names: Vec<String> = Model::tensor_shapes(&config)
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        let has = |part: &str| names.iter().any(|name| name.contains(part));
        assert_eq!(has("lm_head"), !family.starts_with("gemma"), "{family}");
        assert_eq!(has("qkv_proj"), family == "phi3", "{family}");
        assert_eq!(
            has("q_norm"),
            ["qwen3", "olmo2", "gemma3", "gemma3_text"].contains(&family),
            "{family}"
        );
        assert_eq!(
            has("language_model.model.layers.2.mlp.down_proj"),
            family == "gemma3",
            "{family}"
        );
    }
}

#[test]
fn newer_files_keep_the_rope_in_one_place() {
    let mut config = sound("llama");
    let keys = config.as_object_mut().expect("an object");
    keys.remove("rope_theta");
    keys.insert(
        "rope_parameters".to_owned(),
        json!({"rope_theta": 5e5, "rope_type": "linear", "factor": 2.0}),
    );
    let rope = ModelConfig::from_json(&config.to_string())
        .expect("sound")
        .architecture
        .ropes
        .remove(0);
    assert_eq!(
        (rope.rope_theta, rope.scaling),
        (5e5, RopeScaling::Linear { factor: 2.0 })
    );
}

#[test]
fn what_nobody_computes_is_named() {
    for (key, value) in [
        ("quantization_config", json!({"quant_method": "gptq"})),
        ("logit_scale", json!(0.25)),
        ("use_bidirectional_attention", json!(true)),
    ] {
        let mut config = sound("llama");
        config[key] = value;
        let error = ModelConfig::from_json(&config.to_string()).expect_err(key);
        assert!(
            matches!(&error, ConfigError::Unknown { keys, .. } if keys == &[key]),
            "{error}"
        );
        config[key] = Value::Bool(false);
        assert!(
            ModelConfig::from_json(&config.to_string()).is_ok(),
            "{key} is off"
        );
    }
}
