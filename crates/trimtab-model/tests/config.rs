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
    let inner = match model_type {
        "gemma3" => "gemma3_text",
        "mistral3" => "ministral3",
        "qwen3_vl" => "qwen3_vl_text",
        _ => return config,
    };
    config["model_type"] = json!(inner);
    json!({"model_type": model_type, "text_config": config, "vision_config": {"hidden_size": 8}})
}

const FAMILIES: [&str; 16] = [
    "llama",
    "qwen2",
    "qwen3",
    "qwen3_vl",
    "mistral",
    "ministral",
    "ministral3",
    "mistral3",
    "olmo2",
    "olmo3",
    "gemma2",
    "gemma3_text",
    "gemma3",
    "phi3",
    "smollm3",
    "granite",
];

const KEYS: [&str; 32] = [
    "attn_logit_softcapping",
    "residual_multiplier",
    "logits_scaling",
    "attention_multiplier",
    "no_rope_layers",
    "no_rope_layer_interval",
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
            "gemma3" | "mistral3" | "qwen3_vl" => &mut config["text_config"],
            _ => &mut config,
        };
        for (key, value) in changes {
            inner[KEYS[key]] = value;
        }
        if let Ok(config) = ModelConfig::from_json(&config.to_string()) {
            prop_assert_eq!(config.architecture.layers.len(), config.num_hidden_layers);
            prop_assert!(config.max_len() >= 1 && !Model::tensor_shapes(&config).is_empty());
            for layer in &config.architecture.layers {
                let ropes = config.architecture.ropes.len();
                prop_assert!(layer.rope.is_none_or(|rope| rope < ropes));
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
        let is_tied = family.starts_with("gemma") || ["mistral3", "smollm3"].contains(&family);
        assert_eq!(has("lm_head"), !is_tied, "{family}");
        assert_eq!(has("qkv_proj"), family == "phi3", "{family}");
        assert_eq!(
            has("q_norm"),
            [
                "qwen3",
                "qwen3_vl",
                "olmo2",
                "olmo3",
                "gemma3",
                "gemma3_text"
            ]
            .contains(&family),
            "{family}"
        );
        assert_eq!(
            has("language_model.model.layers.2.mlp.down_proj"),
            ["gemma3", "mistral3"].contains(&family),
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

/// The refusal that names `key`.
fn refusal(config: &Value, key: &str) -> ConfigError {
    let error = ModelConfig::from_json(&config.to_string()).expect_err(key);
    let names = match &error {
        ConfigError::Unknown { keys, .. } => keys.clone(),
        ConfigError::Unsupported { key, .. } | ConfigError::Missing { key, .. } => {
            vec![key.clone()]
        }
        _ => vec![],
    };
    assert_eq!(names, [key], "{error}");
    error
}

#[test]
fn what_acts_and_is_not_computed_is_refused() {
    for (key, value) in [
        ("logit_scale", json!(0.25)),
        ("use_bidirectional_attention", json!(true)),
        ("is_causal", json!(false)),
        ("position_embedding_type", json!("alibi")),
    ] {
        let mut config = sound("llama");
        config[key] = value;
        refusal(&config, key);
        config[key] = Value::Null;
        assert!(ModelConfig::from_json(&config.to_string()).is_ok(), "{key}");
    }
}

#[test]
fn keys_without_effect_pass() {
    let mut config = sound("llama");
    for (key, value) in [
        ("unk_token_id", json!(0)),
        ("is_llama_config", json!(true)),
        ("max_sequence_length", json!(2048)),
        ("full_attn_mod", json!(1)),
        ("neftune_noise_alpha", json!(5)),
        ("num_beams", json!(1)),
        ("pruned_heads", json!({})),
        ("eos_token", json!("</s>")),
        ("transformers.js_config", json!({"dtype": "q4"})),
        ("telepathy", json!("on")),
    ] {
        config[key] = value;
    }
    ModelConfig::from_json(&config.to_string()).expect("nothing that acts");
}

#[test]
fn the_user_may_allow_an_unknown_key_and_no_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let load = |change: &dyn Fn(&mut Value), allowed: &[&str]| {
        let mut config = sound("llama");
        change(&mut config);
        std::fs::write(folder.path().join("config.json"), config.to_string()).expect("written");
        let allowed: Vec<String> = allowed.iter().map(|&key| key.to_owned()).collect();
        ModelConfig::from_dir_allowing(folder.path(), &allowed)
    };
    let unknown = |config: &mut Value| {
        config["telepathy"] = json!(1);
        config["rope_scaling"] = json!({"rope_type": "linear", "factor": 2.0, "surprise": 1});
    };
    let error = load(&unknown, &[]).expect_err("unknown");
    let flags = "--allow-config-key telepathy --allow-config-key rope_scaling.surprise";
    assert!(error.to_string().ends_with(flags), "{error}");
    assert!(load(&unknown, &["telepathy"]).is_err());
    load(&unknown, &["telepathy", "rope_scaling.surprise"]).expect("allowed");
    for (key, reason) in [
        ("clairvoyance", "is not in config.json"),
        ("num_hidden_layers", "is computed"),
        ("rope_scaling.factor", "is computed"),
    ] {
        let error = load(&unknown, &["telepathy", "rope_scaling.surprise", key]);
        let error = error.expect_err(key).to_string();
        assert!(error.contains(key) && error.ends_with(reason), "{error}");
    }
    let acts = |config: &mut Value| config["is_causal"] = json!(false);
    assert!(load(&acts, &["is_causal"]).is_err());
}

#[test]
fn absent_keys_have_the_defaults_of_the_family() {
    for (family, sizes, bos_token_id, eos_token_id) in [
        (
            "llama",
            [32_000, 4096, 11_008, 32, 32, 32, 128],
            Some(1),
            vec![2],
        ),
        (
            "mistral",
            [32_000, 4096, 14_336, 32, 32, 8, 128],
            Some(1),
            vec![2],
        ),
        (
            "qwen2",
            [151_936, 4096, 22_016, 32, 32, 32, 128],
            None,
            vec![],
        ),
        (
            "qwen3",
            [151_936, 4096, 22_016, 32, 32, 32, 128],
            None,
            vec![],
        ),
        (
            "olmo2",
            [50_304, 4096, 11_008, 32, 32, 32, 128],
            None,
            vec![50_279],
        ),
        (
            "phi3",
            [32_064, 3072, 8192, 32, 32, 32, 96],
            Some(1),
            vec![32_000],
        ),
        (
            "gemma3_text",
            [262_208, 2304, 9216, 26, 8, 4, 256],
            Some(2),
            vec![1],
        ),
        (
            "gemma3",
            [262_208, 2304, 9216, 26, 8, 4, 256],
            Some(2),
            vec![1],
        ),
    ] {
        let config = json!({ "model_type": family }).to_string();
        let config = ModelConfig::from_json(&config).expect(family);
        let found = [
            config.vocab_size,
            config.hidden_size,
            config.intermediate_size,
            config.num_hidden_layers,
            config.num_attention_heads,
            config.num_key_value_heads,
            config.head_dim,
        ];
        assert_eq!(found, sizes, "{family}");
        assert_eq!(config.bos_token_id, bos_token_id, "{family}");
        assert_eq!(config.eos_token_id, eos_token_id, "{family}");
    }
    let config = json!({ "model_type": "llama", "eos_token_id": null, "vocab_size": 2 });
    let config = ModelConfig::from_json(&config.to_string()).expect("sound");
    assert_eq!(config.eos_token_id, Vec::<u32>::new());
}

#[test]
fn rotary_embeddings_are_read_as_in_transformers() {
    let ropes = |family: &str, change: Value| {
        let mut config = sound(family);
        let keys = config.as_object_mut().expect("an object");
        keys.remove("rope_theta");
        keys.extend(change.as_object().expect("an object").clone());
        ModelConfig::from_json(&config.to_string()).map(|config| config.architecture.ropes)
    };
    let linear = json!({"rope_type": "linear", "factor": 2.0});
    let rope = |change| ropes("llama", change).expect("sound").remove(0);

    let found = rope(json!({
        "rope_scaling": linear, "rope_parameters": {"rope_type": "dynamic", "factor": 4.0},
    }));
    assert_eq!(found.scaling, RopeScaling::Linear { factor: 2.0 });
    let found = rope(json!({"rope_scaling": {}, "rope_parameters": linear}));
    assert_eq!(found.scaling, RopeScaling::Linear { factor: 2.0 });
    let found = rope(json!({"rope_theta": 7.0, "rope_parameters": {"rope_theta": 5.0}}));
    assert_eq!(
        (found.rope_theta, found.scaling),
        (5.0, RopeScaling::Default {})
    );
    let found = rope(json!({"rope_scaling": {
        "rope_type": "default", "type": "linear", "factor": 8.0, "attn_factor": 1.0,
    }}));
    assert_eq!(found.scaling, RopeScaling::Default {});
    let found = rope(json!({
        "rope_scaling": {"type": "yarn", "factor": null, "finetuned": true, "mscale": 0},
        "original_max_position_embeddings": 32,
    }));
    let yarn = RopeScaling::Yarn {
        factor: 4.0,
        original_max_position_embeddings: 32,
        attention_factor: None,
        beta_fast: None,
        beta_slow: None,
        mscale: None,
        mscale_all_dim: None,
        truncate: true,
    };
    assert_eq!(found.scaling, yarn);
    // Llama rotates whole heads.
    let found = rope(json!({"partial_rotary_factor": 0.5}));
    assert_eq!(found.rotary_dim, 10);
    let error = ropes(
        "llama",
        json!({"partial_rotary_factor": 0.5, "rope_scaling": linear}),
    );
    error.expect_err("transformers fails");
    let found = ropes("phi3", json!({"partial_rotary_factor": 0.4})).expect("sound");
    assert_eq!(found[0].rotary_dim, 4);
    // In Phi-3 the key beside the fields counts, and it has a default.
    let short_and_long = json!({
        "type": "su", "short_factor": [1, 1, 1, 1, 1], "long_factor": [2, 2, 2, 2, 2],
        "original_max_position_embeddings": 64,
    });
    let found = ropes("phi3", json!({"rope_scaling": short_and_long})).expect("sound");
    assert!(matches!(
        found[0].scaling,
        RopeScaling::Longrope {
            original_max_position_embeddings: 4096,
            ..
        }
    ));
    ropes("llama", json!({"rope_scaling": short_and_long})).expect_err("only Phi-3 says su");

    let nested = json!({
        "full_attention": {"rope_theta": 5e5, "rope_type": "linear", "factor": 8.0},
        "sliding_attention": {"rope_theta": 3e4, "rope_type": "default"},
    });
    let found = ropes("gemma3_text", json!({"rope_parameters": nested})).expect("sound");
    assert_eq!((found[0].rope_theta, found[1].rope_theta), (5e5, 3e4));
    assert_eq!(found[0].scaling, RopeScaling::Linear { factor: 8.0 });
    assert_eq!(found[1].scaling, RopeScaling::Default {});
    let found = ropes("gemma3_text", json!({"rope_scaling": linear})).expect("sound");
    assert_eq!((found[0].rope_theta, found[1].rope_theta), (1e6, 1e4));
    assert_eq!(found[0].scaling, RopeScaling::Linear { factor: 2.0 });
    assert_eq!(found[1].scaling, RopeScaling::Default {});
    ropes("gemma3_text", json!({"rope_parameters": linear})).expect_err("not nested");
    ropes("llama", json!({"rope_parameters": nested})).expect_err("nested");
}

#[test]
fn what_is_given_for_all_of_gemma3_counts() {
    let mut config = sound("gemma3");
    config["eos_token_id"] = json!([1, 50]);
    config["bos_token_id"] = json!(7);
    config["tie_word_embeddings"] = json!(false);
    let config = ModelConfig::from_json(&config.to_string()).expect("sound");
    assert_eq!(config.eos_token_id, [1, 50]);
    assert_eq!(config.bos_token_id, Some(7));
    assert!(!config.tie_word_embeddings);
}

/// `no_rope_layers` names the layers with a rotary embedding, and may be longer than the model.
#[test]
fn layers_without_rope_are_those_that_the_class_takes() {
    let ropes = |config: &Value| -> Vec<bool> {
        let config = ModelConfig::from_json(&config.to_string()).expect("sound");
        let layers = config.architecture.layers.iter();
        layers.map(|layer| layer.rope.is_some()).collect()
    };
    let mut config = sound("smollm3");
    config["num_hidden_layers"] = json!(5);
    assert_eq!(ropes(&config), [true, true, true, false, true]);
    config["no_rope_layer_interval"] = json!(2);
    assert_eq!(ropes(&config), [true, false, true, false, true]);
    config["no_rope_layers"] = json!([0, 1, 1, 1, 0, 0, 0]);
    assert_eq!(ropes(&config), [false, true, true, true, false]);
    config["no_rope_layers"] = json!([0, 1]);
    refusal(&config, "no_rope_layers");
}

#[test]
fn olmo3_scales_the_rope_of_full_layers_only() {
    let mut config = sound("olmo3");
    config["num_hidden_layers"] = json!(4);
    config["rope_scaling"] = json!({"rope_type": "linear", "factor": 4.0});
    let architecture = ModelConfig::from_json(&config.to_string())
        .expect("sound")
        .architecture;
    let of_layers: Vec<(Option<usize>, Option<usize>)> = architecture
        .layers
        .iter()
        .map(|layer| (layer.rope, layer.sliding_window))
        .collect();
    let (local, global) = ((Some(1), Some(4096)), (Some(0), None));
    assert_eq!(of_layers, [local, local, local, global]);
    let scalings = architecture.ropes.iter().map(|rope| &rope.scaling);
    let linear = RopeScaling::Linear { factor: 4.0 };
    assert_eq!(
        scalings.collect::<Vec<_>>(),
        [&linear, &RopeScaling::Default {}]
    );
    // As in the class, an older `rope_theta` is not that of the sliding layers.
    let thetas: Vec<f64> = architecture
        .ropes
        .iter()
        .map(|rope| rope.rope_theta)
        .collect();
    assert_eq!(thetas, [1e4, 5e5]);
}

#[test]
fn ministral3_scales_queries_as_its_rope_says() {
    let mut config = sound("ministral3");
    let scaling = |config: &Value| {
        let config = ModelConfig::from_json(&config.to_string()).expect("sound");
        let scaling = config.architecture.ropes[0].query_scaling;
        let scaling = scaling.expect("the family has it");
        (
            scaling.llama_4_scaling_beta,
            scaling.original_max_position_embeddings,
        )
    };
    assert_eq!(scaling(&config), (0.1, 16_384), "the default of the class");
    config["rope_parameters"] = json!({
        "rope_type": "yarn", "factor": 64.0, "original_max_position_embeddings": 4096,
        "mscale": 1.0, "mscale_all_dim": 0.0, "llama_4_scaling_beta": 0.0,
    });
    assert_eq!(scaling(&config), (0.0, 4096));
    config["rope_parameters"] = json!({"rope_type": "default"});
    refusal(&config, "rope_parameters.original_max_position_embeddings");
}

#[test]
fn factors_and_caps_must_be_above_0() {
    for (family, key) in [
        ("gemma2", "attn_logit_softcapping"),
        ("gemma2", "final_logit_softcapping"),
        ("granite", "embedding_multiplier"),
        ("granite", "attention_multiplier"),
        ("granite", "residual_multiplier"),
        ("granite", "logits_scaling"),
    ] {
        for wrong in [json!(0.0), json!(-1.0)] {
            let mut config = sound(family);
            config[key] = wrong;
            refusal(&config, key);
        }
    }
    let mut config = sound("gemma2");
    config["attn_logit_softcapping"] = Value::Null;
    let config = ModelConfig::from_json(&config.to_string()).expect("nothing is capped");
    assert_eq!(config.architecture.attn_logit_softcapping, None);
    assert_eq!(config.architecture.final_logit_softcapping, Some(30.0));
}

/// What transformers makes of configurations; see `generate.py` beside it.
const EXPECTED: &str = include_str!("fixtures/configs/expected.json");

#[test]
fn configurations_mean_what_they_mean_in_transformers() {
    let cases: Vec<Value> = serde_json::from_str(EXPECTED).expect("committed");
    for case in &cases {
        let name = &case["name"];
        let config = ModelConfig::from_json(&case["config"].to_string());
        let expected = &case["expected"];
        if expected.is_null() {
            assert!(config.is_err(), "{name}: transformers fails");
            continue;
        }
        let config = config.unwrap_or_else(|error| panic!("{name}: {error}"));
        for (key, found) in [
            ("vocab_size", config.vocab_size),
            ("hidden_size", config.hidden_size),
            ("intermediate_size", config.intermediate_size),
            ("num_hidden_layers", config.num_hidden_layers),
            ("num_attention_heads", config.num_attention_heads),
            ("num_key_value_heads", config.num_key_value_heads),
            ("max_position_embeddings", config.max_position_embeddings),
        ] {
            assert_eq!(expected[key], found, "{name}: {key}");
        }
        assert_eq!(expected["rms_norm_eps"], config.rms_norm_eps, "{name}");
        let tied = config.tie_word_embeddings;
        assert_eq!(expected["tie_word_embeddings"], tied, "{name}");
        // A token that the vocabulary does not have is none.
        let tokens = |key: &str| {
            let token = expected[key].as_u64().map(|token| token as u32);
            token.filter(|&token| (token as usize) < config.vocab_size)
        };
        assert_eq!(tokens("bos_token_id"), config.bos_token_id, "{name}");
        let eos: Vec<u32> = tokens("eos_token_id").into_iter().collect();
        assert_eq!(eos, config.eos_token_id, "{name}");
        for (index, rope) in expected["ropes"]
            .as_array()
            .into_iter()
            .flatten()
            .enumerate()
        {
            let found = &config.architecture.ropes[index];
            let frequencies = rope["inv_freq"].as_array().expect("numbers");
            assert_eq!(found.rotary_dim, 2 * frequencies.len(), "{name}");
            for (expected, found) in frequencies.iter().zip(found.frequencies(1)) {
                let expected = expected.as_f64().expect("a number");
                assert!((f64::from(found) / expected - 1.0).abs() < 1e-6, "{name}");
            }
            let factor = rope["attention_factor"].as_f64().expect("a number");
            assert!((found.attention_factor() - factor).abs() < 1e-9, "{name}");
        }
    }
}
