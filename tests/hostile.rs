//! Hostile checkpoint folders.
//!
//! Each is refused with the right kind of error. None panics or fills the memory.

#![expect(
    clippy::semicolon_if_nothing_returned,
    reason = "tables of cases read best as they are"
)]
#![expect(
    clippy::items_after_statements,
    reason = "tables of cases read best as they are"
)]
#![expect(
    clippy::type_complexity,
    reason = "tables of cases read best as they are"
)]

use std::fs::{self, File};
use std::path::Path;

use burn::tensor::Device;
use half::{bf16, f16};
use safetensors::tensor::{Dtype, TensorView};
use serde_json::{Value, json};
use trimtab_model::checkpoint_weights::{Mismatch, WeightsError};
use trimtab_model::config::ConfigError;
use trimtab_model::tensor_file::{HostTensor, TensorFile, TensorFileError};
use trimtab_model::tokenizer::TokenizerError;
use trimtab_model::{LoadError, Model, Precision, Pretrained};
use trimtab_tests::{TINY_TOKENIZER, bits, fixture, matrix, tiny, tiny_checkpoint};

/// The inputs of findings: `fixtures/fuzz/TARGET/FILE`.
#[test]
fn findings_of_fuzzing_stay_mended() {
    for (name, run) in trimtab_fuzz::TARGETS {
        let Ok(files) = fs::read_dir(fixture("fuzz").join(name)) else {
            continue; // nothing was found
        };
        for file in files {
            let path = file.expect("a readable folder").path();
            eprintln!("{}", path.display());
            let started = std::time::Instant::now();
            run(&fs::read(&path).expect("the fixture is committed"));
            assert!(started.elapsed().as_secs() < 20, "{}", path.display());
        }
    }
}

/// Programs print an error and its sources in turn, so no error prints its own source.
#[test]
fn errors_do_not_print_their_sources_twice() {
    let cases: [(&str, fn(&Path)); 4] = [
        ("config.json", |path| {
            fs::remove_file(path).expect("it was there")
        }),
        ("tokenizer.json", |path| {
            fs::remove_file(path).expect("it was there");
            fs::create_dir(path).expect("a writable folder");
        }),
        ("model.safetensors", |path| {
            fs::remove_file(path).expect("it was there")
        }),
        ("chat_template.jinja", |path| {
            fs::create_dir(path).expect("a writable folder")
        }),
    ];
    for (name, damage) in cases {
        let folder = tiny_checkpoint();
        damage(&folder.path().join(name));
        let error = load(folder.path()).expect_err(name);
        assert!(error.to_string().contains(name), "{error}");
        let mut error: &dyn std::error::Error = &error;
        let mut sources = 0;
        while let Some(source) = error.source() {
            let (message, printed) = (error.to_string(), source.to_string());
            assert!(!message.contains(&printed), "{message} | {printed}");
            error = source;
            sources += 1;
        }
        assert_eq!(sources, 1, "{name}: the system says why");
    }
}

#[test]
fn missing_files_are_read_errors() {
    let nowhere = fixture("no_such_folder");
    assert!(matches!(
        load(&nowhere),
        Err(LoadError::Config(ConfigError::Read { .. }))
    ));
    for name in ["config.json", "tokenizer.json", "model.safetensors"] {
        let folder = tiny_checkpoint();
        fs::remove_file(folder.path().join(name)).expect("it was there");
        let error = load(folder.path()).expect_err(name);
        let right = match &error {
            LoadError::Tokenizer(TokenizerError::NoTokenizerJson { .. }) => {
                name == "tokenizer.json"
            }
            LoadError::Config(ConfigError::Read { path, .. })
            | LoadError::Weights(WeightsError::File(TensorFileError::Read { path, .. })) => {
                path.ends_with(name)
            }
            _ => false,
        };
        assert!(right, "{name}: {error:?}");
    }
}

#[test]
fn a_config_that_is_no_config_is_a_parse_error() {
    let good = fs::read_to_string(fixture("tiny_qwen2").join("config.json"))
        .expect("the fixture is committed");
    for text in [
        "",
        "{",
        "[]",
        "null",
        "hidden_size = 36",
        &good[..good.len() / 2],
        &"[".repeat(100_000),
    ] {
        let error = load_with("config.json", text.as_bytes()).expect_err("no config");
        assert!(
            matches!(
                &error,
                LoadError::Config(ConfigError::Parse { .. } | ConfigError::Unsupported { .. })
            ),
            "{text:.40}: {error:?}"
        );
    }
    let error = load_with("config.json", b"{}").expect_err("an empty config");
    assert!(
        matches!(
            &error,
            LoadError::Config(ConfigError::Missing { key, .. }) if key == "model_type"
        ),
        "{error:?}"
    );
    let error = load_with("config.json", &config_with(&[("telepathy", "[1]")]));
    let error = error.expect_err("an unknown key");
    assert!(
        matches!(
            &error,
            LoadError::Config(ConfigError::Unknown { keys, .. }) if keys == &["telepathy"]
        ),
        "{error:?}"
    );
    let quantised = [("quantization_config", r#"{"quant_method": "awq"}"#)];
    let error = load_with("config.json", &config_with(&quantised)).expect_err("AWQ");
    assert!(
        matches!(
            &error,
            LoadError::Config(ConfigError::Quantised { method, .. }) if method == "AWQ"
        ),
        "{error:?}"
    );
    let error = load_with("config.json", b"\xff\xfe{}").expect_err("no UTF-8");
    assert!(
        matches!(error, LoadError::Config(ConfigError::Parse { .. })),
        "{error:?}"
    );
}

#[test]
fn absurd_config_values_name_their_key() {
    for (key, value) in [
        ("model_type", r#""gpt9""#),
        ("model_type", r#""""#),
        ("vocab_size", "0"),
        ("vocab_size", "1000000000000"),
        ("hidden_size", "0"),
        ("hidden_size", "1"),
        ("hidden_size", "37"),
        ("hidden_size", "1000000000000"),
        ("hidden_size", "18446744073709551615"),
        ("intermediate_size", "0"),
        ("intermediate_size", "1000000000000"),
        ("num_hidden_layers", "0"),
        ("num_hidden_layers", "1000000000000"),
        ("num_attention_heads", "0"),
        ("num_attention_heads", "9223372036854775808"),
        ("num_key_value_heads", "0"),
        ("num_key_value_heads", "4"),
        ("num_key_value_heads", "12"),
        ("max_position_embeddings", "0"),
        ("max_position_embeddings", "1000000000000"),
        ("rms_norm_eps", "0"),
        ("rms_norm_eps", "-0.0"),
        ("rms_norm_eps", "-1"),
        ("rms_norm_eps", "1e300"),
        ("rope_theta", "0"),
        ("rope_theta", "1"),
        ("rope_theta", "-10000.0"),
        ("hidden_act", r#""gelu""#),
        ("layer_types", r#"["full_attention"]"#),
        (
            "layer_types",
            r#"["full_attention", "telepathy", "full_attention"]"#,
        ),
        ("rope_scaling", "0"),
        (
            "rope_scaling",
            r#"{"rope_type": "telepathy", "factor": 4.0}"#,
        ),
        ("rope_scaling", r#"{"rope_type": "linear", "factor": 0.0}"#),
        (
            "rope_scaling",
            r#"{"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 4.0,
                "high_freq_factor": 1.0, "original_max_position_embeddings": 64}"#,
        ),
        (
            "rope_scaling",
            r#"{"rope_type": "longrope", "short_factor": [1.0], "long_factor": [1.0],
                "original_max_position_embeddings": 64}"#,
        ),
        ("attn_logit_softcapping", "50.0"),
        ("is_causal", "false"),
        ("bos_token_id", "89"),
        ("eos_token_id", "89"),
    ] {
        let error = load_with("config.json", &config_with(&[(key, value)])).expect_err(key);
        let named = matches!(
            &error,
            LoadError::Config(ConfigError::Unsupported { key: named, .. })
                if named.starts_with(key)
                    || named.starts_with("rope_scaling.")
                    || key == "rope_scaling" && named.ends_with("_factor")
        );
        // `num_attention_heads` and `hidden_size` must fit each other, and the error may name
        // either.
        assert!(named, "{key} = {value}: {error:?}");
    }
}

#[test]
fn config_values_of_the_wrong_kind_are_parse_errors() {
    for (key, value) in [
        ("model_type", "2"),
        ("vocab_size", "-89"),
        ("hidden_size", "-1"),
        ("hidden_size", "36.5"),
        ("hidden_size", "1e99"),
        ("hidden_size", "18446744073709551616"),
        ("num_hidden_layers", r#""3""#),
        ("rms_norm_eps", "1e999"),
        ("rms_norm_eps", "NaN"),
        ("rope_theta", "Infinity"),
        ("tie_word_embeddings", "1"),
        ("eos_token_id", "-1"),
        ("eos_token_id", "4294967296"),
    ] {
        let error = load_with("config.json", &config_with(&[(key, value)])).expect_err(key);
        assert!(
            matches!(
                &error,
                LoadError::Config(ConfigError::Parse { .. } | ConfigError::Unsupported { .. })
            ),
            "{key} = {value}: {error:?}"
        );
    }
}

#[test]
fn sizes_that_the_weights_do_not_have_fail_before_memory_is_taken() {
    let before = peak_virtual_kib();
    let huge = [
        ("hidden_size", "65536"),
        ("num_attention_heads", "16"),
        ("vocab_size", "1048576"),
    ]; // 256 GiB
    let error = load_with("config.json", &config_with(&huge)).expect_err("no such weights");
    assert!(
        mismatches(&error).iter().any(|each| matches!(
            each,
            Mismatch::Shape { expected, .. } if *expected == [1 << 20, 1 << 16]
        )),
        "{error:?}"
    );
    let error = load_with(
        "config.json",
        &config_with(&[("intermediate_size", "262144")]),
    )
    .expect_err("no such weights");
    assert!(
        mismatches(&error).iter().any(
            |each| matches!(each, Mismatch::Shape { name, .. } if name.contains("layers.0.mlp"))
        ),
        "{error:?}"
    );
    let error = load_with(
        "config.json",
        &config_with(&[("num_hidden_layers", "1024"), ("layer_types", "null")]),
    )
    .expect_err("no such weights");
    assert!(
        mismatches(&error).iter().any(
            |each| matches!(each, Mismatch::Missing { name, .. } if name.contains("layers.3."))
        ),
        "{error:?}"
    );
    let taken = peak_virtual_kib() - before;
    assert!(taken < 64 << 20, "{taken} KiB"); // the embedding alone would take 256 GiB
}

#[test]
fn a_tokenizer_that_is_no_tokenizer_is_malformed() {
    let empty = with_words(&json!({}));
    let unknown_model = TINY_TOKENIZER.replace("WordLevel", "Telepathy");
    let mut cases: Vec<&str> = vec![
        "",
        "{}",
        "[]",
        "null",
        "{\"model\": {}}",
        &empty,
        &unknown_model,
    ];
    cases.extend(
        [1, 80, TINY_TOKENIZER.len() / 2, TINY_TOKENIZER.len() - 1]
            .map(|len| &TINY_TOKENIZER[..len]),
    );
    for text in cases {
        let error = load_with("tokenizer.json", text.as_bytes()).expect_err("no tokenizer");
        assert!(
            matches!(
                error,
                LoadError::Tokenizer(TokenizerError::Malformed { .. })
            ),
            "{text:.40}: {error:?}"
        );
    }
    let folder = tiny_checkpoint();
    let file = File::create(folder.path().join("tokenizer.json")).expect("a writable folder");
    file.set_len(1 << 40).expect("a sparse file takes no room");
    let error = load(folder.path()).expect_err("a terabyte of tokenizer");
    assert!(
        matches!(
            error,
            LoadError::Tokenizer(TokenizerError::Malformed { .. })
        ),
        "{error:?}"
    );
}

#[test]
fn tokens_that_the_model_does_not_know_are_refused() {
    for words in [json!({"a": 0, "b": 89}), json!({"a": 0, "b": u32::MAX})] {
        let error = load_with("tokenizer.json", with_words(&words).as_bytes())
            .expect_err("a token too many");
        assert!(
            matches!(
                error,
                LoadError::Tokenizer(TokenizerError::Vocabulary { vocab_size: 89, .. })
            ),
            "{words}: {error:?}"
        );
    }
    // The template adds a token by its id, which is not in the vocabulary.
    let template = json!({
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": "zero", "type_id": 0}},
                   {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
        "special_tokens": {"zero": {"id": "zero", "ids": [89], "tokens": ["zero"]}},
    });
    let text = tokenizer_with("post_processor", &template);
    let encoded = load_with("tokenizer.json", text.as_bytes())
        .map(|loaded| loaded.tokenizer.encode("one two"));
    let refused = matches!(
        encoded,
        Err(LoadError::Tokenizer(TokenizerError::Vocabulary { .. }))
            | Ok(Err(TokenizerError::Encode { .. }))
    );
    assert!(refused, "{encoded:?}");
}

#[test]
fn a_text_is_encoded_without_truncation_or_padding() {
    let unknown = tiny().tokenizer.encode("one quux");
    assert!(
        matches!(unknown, Err(TokenizerError::Encode { .. })),
        "{unknown:?}"
    );
    let padding = json!({
        "strategy": {"Fixed": 1_000_000_000_000_u64}, "direction": "Left",
        "pad_to_multiple_of": null,
        "pad_id": 0, "pad_type_id": 0, "pad_token": "zero",
    });
    let truncation =
        json!({"direction": "Right", "max_length": 1, "strategy": "LongestFirst", "stride": 0});
    for (key, value) in [("padding", padding), ("truncation", truncation)] {
        let loaded = load_with("tokenizer.json", tokenizer_with(key, &value).as_bytes())
            .expect("a good tokenizer");
        assert_eq!(
            loaded
                .tokenizer
                .encode("one two three")
                .expect("known words"),
            [1, 2, 3],
            "{key}"
        );
    }
}

#[test]
fn truncated_weights_are_malformed() {
    let bytes = weights();
    let header = header_len(&bytes);
    for len in [
        0,
        1,
        7,
        8,
        9,
        100,
        header - 1,
        header,
        header + 1,
        bytes.len() / 2,
        bytes.len() - 1,
    ] {
        let error = load_with("model.safetensors", &bytes[..len]).expect_err("a part of a file");
        assert!(
            matches!(
                error,
                LoadError::Weights(WeightsError::File(TensorFileError::Malformed { .. }))
            ),
            "{len} bytes: {error:?}"
        );
    }
    let error = load_with("model.safetensors", &[&bytes[..], b"more"].concat())
        .expect_err("more than a file");
    assert!(
        matches!(
            error,
            LoadError::Weights(WeightsError::File(TensorFileError::Malformed { .. }))
        ),
        "{error:?}"
    );
}

#[test]
fn a_flipped_bit_in_the_header_is_an_error_or_changes_nothing() {
    let folder = tiny_checkpoint();
    let bytes = weights();
    let base = logits(&tiny().model);
    let (mut refused, mut harmless) = (0, 0);
    // Every bit of the length. Of the names and offsets, bits at a stride that meets every bit of a
    // byte.
    for bit in (0..64).chain((64..8 * header_len(&bytes)).step_by(37)) {
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        fs::write(folder.path().join("model.safetensors"), &damaged).expect("a writable folder");
        match load(folder.path()) {
            Err(LoadError::Weights(
                WeightsError::File(
                    TensorFileError::Malformed { .. } | TensorFileError::Dtype { .. },
                )
                | WeightsError::Mismatch { .. },
            )) => refused += 1,
            Err(error) => panic!("bit {bit}: {error:?}"),
            Ok(loaded) => {
                assert_eq!(logits(&loaded.model), base, "bit {bit}");
                harmless += 1;
            }
        }
    }
    eprintln!("{refused} flips refused, {harmless} harmless");
    assert!(refused > 20 * harmless);
}

#[test]
fn weights_that_do_not_fit_the_config_name_the_tensor() {
    const NAME: &str = "model.layers.1.mlp.down_proj.weight"; // [36, 31]
    let good = TensorFile::read(&fixture("tiny_qwen2").join("model.safetensors"))
        .expect("the fixture is committed");
    let damaged = |damage: &dyn Fn(&mut TensorFile)| {
        let mut file = good.clone();
        damage(&mut file);
        load_with("model.safetensors", &file.to_bytes()).expect_err("damaged weights")
    };
    let tensor = |shape: &[usize]| HostTensor {
        shape: shape.to_vec(),
        data: vec![0.0; shape.iter().product()],
    };

    for shape in [
        &[31, 36][..],
        &[36 * 31],
        &[1, 36, 31],
        &[36, 30],
        &[36, 0],
        &[0],
        &[],
    ] {
        let error = damaged(&|file| drop(file.tensors.insert(NAME.to_owned(), tensor(shape))));
        let right = matches!(mismatches(&error), [Mismatch::Shape { name, found, expected }]
            if name == NAME && found == shape && *expected == [36, 31]);
        assert!(right, "{shape:?}: {error:?}");
    }
    for name in good.tensors.keys() {
        let error = damaged(&|file| drop(file.tensors.remove(name)));
        assert!(
            matches!(mismatches(&error), [Mismatch::Missing { name: named, .. }] if named == name),
            "{name}: {error:?}"
        );
    }
    for name in [
        "model.layers.3.mlp.down_proj.weight",
        "model.layers.0.self_attn.o_proj.bias",
        "",
    ] {
        let error = damaged(&|file| drop(file.tensors.insert(name.to_owned(), tensor(&[36]))));
        let right =
            matches!(mismatches(&error), [Mismatch::Unexpected { name: named }] if named == name);
        assert!(right, "{name}: {error:?}");
    }
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let error = damaged(&|file| {
            *file
                .tensors
                .get_mut(NAME)
                .expect(NAME)
                .data
                .last_mut()
                .expect("numbers") = value
        });
        let right = matches!(
            &error,
            LoadError::Weights(WeightsError::File(TensorFileError::NonFinite { name, .. }))
                if name == NAME
        );
        assert!(right, "{value}: {error:?}");
    }
    let mut bytes = good.to_bytes();
    let last = bytes.len() - 4; // the lowest bit of a weight
    bytes[last] ^= 1;
    let error = load_with("model.safetensors", &bytes).expect_err("a checksum");
    assert!(
        matches!(
            error,
            LoadError::Weights(WeightsError::File(TensorFileError::Checksum { .. }))
        ),
        "{error:?}"
    );
}

#[test]
fn f16_and_bf16_weights_load_exactly_and_other_types_are_refused() {
    let good = TensorFile::read(&fixture("tiny_qwen2").join("model.safetensors"))
        .expect("the fixture is committed");
    let convert = |dtype: Dtype, word: &dyn Fn(f32) -> Vec<u8>| {
        let words = |tensor: &HostTensor| {
            tensor
                .data
                .iter()
                .flat_map(|&value| word(value))
                .collect::<Vec<u8>>()
        };
        let data: Vec<_> = good
            .tensors
            .iter()
            .map(|(name, tensor)| (name, &tensor.shape, words(tensor)))
            .collect();
        let views = data.iter().map(|(name, shape, data)| {
            (
                name,
                TensorView::new(dtype, (*shape).clone(), data)
                    .expect("as many bytes as the shape says"),
            )
        });
        safetensors::serialize(views, None).expect("well-formed tensors")
    };
    type Rounding = (Dtype, fn(f32) -> Vec<u8>, fn(f32) -> f32);
    let roundings: [Rounding; 2] = [
        (
            Dtype::F16,
            |x| f16::from_f32(x).to_le_bytes().into(),
            |x| f16::from_f32(x).to_f32(),
        ),
        (
            Dtype::BF16,
            |x| bf16::from_f32(x).to_le_bytes().into(),
            |x| bf16::from_f32(x).to_f32(),
        ),
    ];
    for (dtype, word, rounded) in roundings {
        let loaded =
            load_with("model.safetensors", &convert(dtype, &word)).expect("a good checkpoint");
        let mut expected = good.clone();
        for tensor in expected.tensors.values_mut() {
            tensor
                .data
                .iter_mut()
                .for_each(|value| *value = rounded(*value));
        }
        let expected =
            load_with("model.safetensors", &expected.to_bytes()).expect("a good checkpoint");
        assert_eq!(logits(&loaded.model), logits(&expected.model), "{dtype:?}");
        assert_ne!(
            logits(&loaded.model),
            logits(&tiny().model),
            "{dtype:?} rounds"
        );

        let infinite = convert(dtype, &|x| {
            word(if x == good.tensors["model.norm.weight"].data[35] {
                f32::MAX // rounds to infinity
            } else {
                x
            })
        });
        let error = load_with("model.safetensors", &infinite).expect_err("infinity");
        let right = matches!(
            &error,
            LoadError::Weights(WeightsError::File(TensorFileError::NonFinite { name, .. }))
                if name == "model.norm.weight"
        );
        assert!(right, "{dtype:?}: {error:?}");
    }
    let others: [(Dtype, fn(f32) -> Vec<u8>); 3] = [
        (Dtype::F64, |x| f64::from(x).to_le_bytes().into()),
        (Dtype::I32, |x| (x as i32).to_le_bytes().into()),
        (Dtype::U8, |x| vec![x as u8]),
    ];
    for (refused, word) in others {
        let error = load_with("model.safetensors", &convert(refused, &word))
            .expect_err("not a float of 16 or 32 bits");
        let right = mismatches(&error).len() == good.tensors.len()
            && mismatches(&error)
                .iter()
                .all(|each| matches!(each, Mismatch::Dtype { dtype, .. } if *dtype == refused));
        assert!(right, "{refused:?}: {error:?}");
    }
}

#[test]
fn every_16_bit_number_is_read_exactly() {
    // Among them are subnormals, both zeros and the largest finite number.
    let words: Vec<u16> = (0..=u16::MAX).collect();
    for (dtype, value) in [
        (Dtype::F16, from_f16 as fn(u16) -> f32),
        (Dtype::BF16, from_bf16),
    ] {
        let words: Vec<u16> = words
            .iter()
            .copied()
            .filter(|&word| value(word).is_finite())
            .collect();
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        let view = TensorView::new(dtype, vec![words.len()], &bytes).expect("two bytes each");
        let file = safetensors::serialize([("words", view)], None).expect("a well-formed tensor");
        let read = TensorFile::from_bytes(&file, Path::new("words")).expect("finite numbers");
        let expected: Vec<u32> = words.iter().map(|&word| value(word).to_bits()).collect();
        assert_eq!(
            bits(&[read.tensors["words"].data.clone()])[0],
            expected,
            "{dtype:?}"
        );
    }
}

/// The mismatches of a checkpoint, if they are why it was refused.
fn mismatches(error: &LoadError) -> &[Mismatch] {
    match error {
        LoadError::Weights(WeightsError::Mismatch { mismatches, .. }) => mismatches,
        _ => &[],
    }
}

fn load(folder: &Path) -> Result<Pretrained, LoadError> {
    Pretrained::load(folder, Precision::F32, &Device::flex())
}

/// Loads the tiny checkpoint with one file replaced.
fn load_with(name: &str, content: &[u8]) -> Result<Pretrained, LoadError> {
    let folder = tiny_checkpoint();
    fs::write(folder.path().join(name), content).expect("a writable folder");
    load(folder.path())
}

/// The tiny `config.json` with some values replaced by raw JSON.
fn config_with(changes: &[(&str, &str)]) -> Vec<u8> {
    let text =
        fs::read(fixture("tiny_qwen2").join("config.json")).expect("the fixture is committed");
    let mut config: Value = serde_json::from_slice(&text).expect("JSON");
    for (key, _) in changes {
        config[key] = format!("new {key}").into();
    }
    let mut text = config.to_string();
    for (key, value) in changes {
        text = text.replace(&format!("\"new {key}\""), value);
    }
    text.into_bytes()
}

fn with_words(words: &Value) -> String {
    let mut tokenizer: Value = serde_json::from_str(TINY_TOKENIZER).expect("JSON");
    tokenizer["model"]["vocab"] = words.clone();
    tokenizer.to_string()
}

fn tokenizer_with(key: &str, value: &Value) -> String {
    let mut tokenizer: Value = serde_json::from_str(TINY_TOKENIZER).expect("JSON");
    tokenizer[key] = value.clone();
    tokenizer.to_string()
}

fn weights() -> Vec<u8> {
    fs::read(fixture("tiny_qwen2").join("model.safetensors")).expect("the fixture is committed")
}

/// Where the data of a safetensors file begins.
fn header_len(file: &[u8]) -> usize {
    let len = file[..8].try_into().expect("eight bytes");
    8 + u64::from_le_bytes(len) as usize
}

/// Logits of a few tokens. All weights contribute to them, except some rows of the embedding.
fn logits(model: &Model) -> Vec<Vec<u32>> {
    let (resid, _) = model.prefill(&[&[67, 84, 63, 22, 6]], None);
    bits(&matrix(model.logits(resid)))
}

/// Half precision by its definition (IEEE 754-2019, 3.6): 5 bits of exponent, 10 of fraction.
fn from_f16(word: u16) -> f32 {
    let (exponent, fraction) = (i32::from(word >> 10 & 31), f32::from(word & 1023));
    let magnitude = match exponent {
        0 => fraction * 2.0_f32.powi(-24),
        31 => f32::INFINITY,
        _ => (1024.0 + fraction) * 2.0_f32.powi(exponent - 25),
    };
    if word >> 15 == 1 {
        -magnitude
    } else {
        magnitude
    }
}

/// bfloat16 is the upper half of an f32.
fn from_bf16(word: u16) -> f32 {
    f32::from_bits(u32::from(word) << 16)
}

/// The peak size of this process's address space in KiB, on Linux.
fn peak_virtual_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmPeak:"));
    peak.and_then(|peak| peak.trim().trim_end_matches(" kB").parse().ok())
        .unwrap_or(0)
}
