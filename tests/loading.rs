//! Checkpoint folders as they come: shards, number formats, tokenizers and chat templates, each held to what
//! transformers makes of it; and damaged or hostile ones, which give an error of the right kind in bounded time.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use burn::tensor::Device;
use half::{bf16, f16};
use proptest::prelude::*;
use safetensors::tensor::{Dtype, TensorView};
use serde_json::{Value, json};
use tempfile::TempDir;
use trimtab_model::{
    ChatError, ChatTemplate, FloatDType, HostTensor, LoadError, Message, Mismatch, Pretrained,
    TensorFile, TensorFileError, Tokenizer, Weights, sha256_hex,
};
use trimtab_tests::{TINY_TOKENIZER, fixture, tiny, tiny_checkpoint};

const SHARDS: [&str; 3] = [
    "model-a.safetensors",
    "model-b.safetensors",
    "model-c.safetensors",
];

#[test]
fn shards_make_the_same_model_as_one_file() {
    let folder = sharded();
    let loaded = Pretrained::load(folder.path(), FloatDType::F32, &Device::flex()).expect("shards");
    let whole = tiny();
    let logits = |base: &Pretrained| {
        let (resid, _) = base.model.read(&[&[67, 84, 63, 22, 6]], None);
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
        let weights = Weights::open(folder.path()).expect("well-formed");
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
                    // 65504 in bf16 is 65536, which f16 does not have
                    Err(error) => {
                        let is_overflow = on_disk == Dtype::BF16 && dtype == FloatDType::F16;
                        assert!(is_overflow && is_non_finite(&error), "{error:?}");
                    }
                }
            }
        }
        let double = weights.tensor("matrix", FloatDType::F64, &Device::flex());
        assert!(
            matches!(double, Err(LoadError::ComputeDtype { .. })),
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
    let weights = Weights::open(folder.path()).expect("well-formed");
    let read = weights
        .tensor("long", FloatDType::F32, &Device::flex())
        .expect("finite");
    assert_eq!(read.try_into_vec_as::<f32>().expect("f32"), numbers);
}

#[test]
fn every_mismatch_is_told_at_once() {
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
    let LoadError::Mismatch { mismatches, .. } = &error else {
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
fn what_is_tolerated_is_a_name_an_ending_or_a_beginning() {
    let number = [0; 4];
    let view = || TensorView::new(Dtype::F32, vec![1], &number).expect("one number");
    let names = ["a.b.c", "b.c", "xb.c", "tower.x.y"];
    let folder = weights_folder(&names.map(|name| (name, view())));
    let weights = Weights::open(folder.path()).expect("well-formed");
    for (tolerated, left) in [
        (vec![], vec!["a.b.c", "b.c", "tower.x.y", "xb.c"]),
        (vec!["b.c"], vec!["tower.x.y", "xb.c"]),
        (vec!["a.b.c", "tower."], vec!["b.c", "xb.c"]),
        (vec!["b.c", "xb.c", "tower."], vec![]),
    ] {
        let found = match weights.check(&[], &tolerated) {
            Ok(()) => vec![],
            Err(LoadError::Mismatch { mismatches, .. }) => mismatches,
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
fn verify_counts_what_is_not_finite() {
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
    let weights = Weights::open(folder.path()).expect("well-formed");
    assert_eq!(
        weights.verify().expect("readable"),
        BTreeMap::from([("dirty", 2), ("half", 1)])
    );
    let error = weights
        .tensor("dirty", FloatDType::F32, &Device::flex())
        .expect_err("NaN");
    assert!(is_non_finite(&error), "{error:?}");
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
        let right = matches!(error, LoadError::Weights(TensorFileError::Malformed { .. }));
        assert!(right, "{header:.80}: {error:?}");
    }
    for len in [1, 1 << 20, 16 << 20, 1 << 40, u64::MAX] {
        let error = open_file(&len.to_le_bytes()).expect_err("nothing behind it");
        let right = matches!(error, LoadError::Weights(TensorFileError::Malformed { .. }));
        assert!(right, "{len}: {error:?}");
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::create_dir(folder.path().join("model.safetensors")).expect("a writable folder");
    let error = Weights::open(folder.path()).expect_err("a folder");
    assert!(
        matches!(error, LoadError::Weights(TensorFileError::Malformed { .. })),
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
            matches!(error, LoadError::Index { .. }),
            "{text:.80}: {error:?}"
        );
    }
    let folder = sharded();
    fs::remove_file(folder.path().join(SHARDS[1])).expect("it was there");
    let error = load(folder.path()).expect_err("a shard is missing");
    let right = matches!(&error, LoadError::Weights(TensorFileError::Read { path, .. }) if path.ends_with(SHARDS[1]));
    assert!(right, "{error:?}");
    let folder = sharded();
    fs::copy(folder.path().join(SHARDS[0]), folder.path().join(SHARDS[1]))
        .expect("a writable folder");
    let error = load(folder.path()).expect_err("the same tensors twice");
    assert!(matches!(error, LoadError::Index { .. }), "{error:?}");
}

/// Largest resident size of a process that loads 350 MiB of weights. The file has holes for its numbers, which are 0.
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
        "model_type": "qwen2", "vocab_size": vocab, "hidden_size": hidden, "intermediate_size": inner,
        "num_hidden_layers": layers, "num_attention_heads": 8, "num_key_value_heads": 8,
        "max_position_embeddings": 64, "rms_norm_eps": 1e-6, "rope_theta": 1e4, "tie_word_embeddings": true,
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

/// Texts, ids and the script that made them: `fixtures/tokenizers`.
#[test]
fn texts_become_the_tokens_of_transformers() {
    let expected: Value = read_json(&fixture("tokenizers").join("expected.json"));
    for (name, case) in expected["cases"].as_object().expect("cases") {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for (file, key) in [
            ("tokenizer.json", "tokenizer"),
            ("tokenizer_config.json", "config"),
        ] {
            fs::write(folder.path().join(file), case[key].to_string()).expect("a writable folder");
        }
        let vocab_size = case["vocab_size"].as_u64().expect("a size") as usize;
        let tokenizer = Tokenizer::from_dir(folder.path(), vocab_size).expect(name);
        for (index, text) in expected["texts"]
            .as_array()
            .expect("texts")
            .iter()
            .enumerate()
        {
            let text = text.as_str().expect("a text");
            let ids = |key: &str| -> Vec<u32> {
                serde_json::from_value(case[key][index].clone()).expect("ids")
            };
            assert_eq!(
                tokenizer.encode(text).expect(text),
                ids("ids"),
                "{name}: {text:?}"
            );
            let rendered = tokenizer.encode_rendered(text).expect(text);
            assert_eq!(rendered, ids("rendered_ids"), "{name}: {text:?}");
        }
    }
}

#[test]
fn added_tokens_may_lie_beyond_the_model_until_a_text_has_one() {
    let folder = tiny_checkpoint();
    let mut tokenizer: Value = serde_json::from_str(TINY_TOKENIZER).expect("JSON");
    tokenizer["model"]["vocab"]["<image>"] = 89.into();
    tokenizer["added_tokens"] = json!([{
        "id": 89, "content": "<image>", "special": true, "single_word": false, "lstrip": false, "rstrip": false,
        "normalized": false,
    }]);
    fs::write(folder.path().join("tokenizer.json"), tokenizer.to_string())
        .expect("a writable folder");
    let tokenizer = load(folder.path()).expect("a good checkpoint").tokenizer;
    assert_eq!(tokenizer.encode("one two").expect("known words"), [1, 2]);
    tokenizer
        .encode("one <image>")
        .expect_err("a token that the model does not know");
}

/// Conversations, texts and the script that made them: `fixtures/chat`.
#[test]
fn conversations_become_the_text_of_transformers() {
    type Ordered = minijinja::Value; // maps in the order of the file, which `tojson` shows
    let expected: BTreeMap<String, Ordered> = read_json(&fixture("chat").join("expected.json"));
    let text = |value: &Ordered, key: &str| {
        value
            .get_attr(key)
            .ok()
            .and_then(|text| text.as_str().map(str::to_owned))
    };
    let mut count = 0;
    for case in expected["cases"].try_iter().expect("a list") {
        let field = |key: &str| text(&case, key).expect(key);
        let template = fixture("chat")
            .join(field("template"))
            .with_extension("jinja");
        let template = fs::read_to_string(template).expect("the fixture is committed");
        let mut config: Value = serde_json::to_value(&expected["special_tokens"]).expect("JSON");
        config["chat_template"] = match count % 2 {
            0 => template.into(),
            _ => {
                json!([{"name": "tool_use", "template": "?"}, {"name": "default", "template": template}])
            }
        };
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::write(
            folder.path().join("tokenizer_config.json"),
            config.to_string(),
        )
        .expect("a writable folder");
        let template = ChatTemplate::from_dir(folder.path())
            .expect("Jinja")
            .expect("a template");
        let messages = expected["conversations"]
            .get_attr(&field("conversation"))
            .expect("messages");
        let variables = expected["variables"]
            .get_attr(&field("variables"))
            .expect("variables");
        let prompt = case
            .get_attr("add_generation_prompt")
            .expect("a flag")
            .is_true();
        let rendered = template.render_with(&messages, prompt, &variables);
        match (rendered, text(&case, "text")) {
            (Ok(rendered), Some(expected)) => assert_eq!(rendered, expected, "{case}"),
            (Err(ChatError::Refused { message }), None) => assert_eq!(message, field("error")),
            (Err(ChatError::Render { .. }), None) => {} // Python's own words for a wrong type
            (rendered, _) => panic!("{rendered:?} for {case}"),
        }
        count += 1;
    }
    assert!(count > 100, "{count} cases");
}

#[test]
fn a_template_is_taken_from_the_first_file_that_has_one() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let render = || -> Option<String> {
        let template = ChatTemplate::from_dir(folder.path()).expect("good files")?;
        Some(
            template
                .render(&[Message::new("user", "hello")], true)
                .expect("a simple template"),
        )
    };
    let write = |name: &str, content: &str| {
        fs::write(folder.path().join(name), content).expect("a writable folder");
    };
    assert_eq!(render(), None);
    write(
        "tokenizer_config.json",
        r#"{"bos_token": {"content": "<s>"}, "eos_token": null}"#,
    );
    assert_eq!(render(), None);
    write(
        "chat_template.json",
        r#"{"chat_template": "{{ bos_token }}3"}"#,
    );
    assert_eq!(render().as_deref(), Some("<s>3"));
    write(
        "tokenizer_config.json",
        r#"{"bos_token": "<b>", "chat_template": "{{ bos_token }}2{{ eos_token }}"}"#,
    );
    assert_eq!(render().as_deref(), Some("<b>2"));
    write("chat_template.jinja", "{{ bos_token }}1\n");
    assert_eq!(render().as_deref(), Some("<b>1"));
    write(
        "chat_template.jinja",
        "{{ strftime_now('%Y')|length }} {{ strftime_now('%d %b') != '' }}",
    );
    assert_eq!(render().as_deref(), Some("4 True"));
}

#[test]
fn hostile_templates_come_to_an_end() {
    let start = "{% set x = [1] %}";
    for source in [
        "{% for a in range(10000) %}{% for b in range(10000) %}{% endfor %}{% endfor %}".to_owned(),
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}".to_owned(),
        "{% include 'chat template' %}".to_owned(),
        "{{ range(10**18) | list }}".to_owned(),
        "{{ 'x' * 10**12 }}".to_owned(),
        "{{ '%1000000000d' | format(1) }} {{ '{:>1000000000}'.format(1) }}".to_owned(),
        "{{ strftime_now('%99999999Y') }}".to_owned(),
        "{{ strftime_now('%') }}".to_owned(),
        "{{ messages[7].content }}".to_owned(),
        format!("{{% set x = 'x' * 64 %}}{}{{{{ x }}}}", "{% set x = x ~ x %}".repeat(50)),
        format!("{start}{}{{{{ x }}}}", "{% set x = [x, x] %}".repeat(50)),
        format!("{start}{}{{{{ x | string }}}}", "{% set x = [x, x] %}".repeat(50)),
        format!("{start}{}{{{{ x | tojson }}}}", "{% set x = {'a': x, 'b': x} %}".repeat(50)),
        "{% set ns = namespace(x=[]) %}{% for i in range(50000) %}{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x.no_such() }}".to_owned(),
        format!("{{{{ {}1 }}}}{{% for %}}", "not ".repeat(16_000)),
        format!("{{{{ {}1{} }}}}", "(".repeat(30_000), ")".repeat(30_000)),
        format!("{{{{ x{} }}}}", ".a".repeat(30_000)),
        format!("{{{{ 1{} }}}}{{{{ raise_exception('') }}}}", "+1".repeat(30_000)),
        "{% generation %}".repeat(4000),
        "{%".to_owned(),
        "{% generation".to_owned(),
        "x".repeat(1 << 20),
    ] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::write(folder.path().join("chat_template.jinja"), &source).expect("a writable folder");
        let clock = Instant::now();
        let rendered = ChatTemplate::from_dir(folder.path())
            .and_then(|template| template.expect("a template").render(&[Message::new("user", "x")], true));
        assert!(rendered.is_err(), "{source:.80} gives {:.80}", rendered.expect("checked"));
        assert!(clock.elapsed() < Duration::from_secs(9), "{source:.80}: {:?}", clock.elapsed());
    }
}

#[test]
fn templates_refuse_in_their_own_words() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(
        folder.path().join("chat_template.jinja"),
        "{{ raise_exception('no ' ~ messages[0].role) }}",
    )
    .expect("a writable folder");
    let template = ChatTemplate::from_dir(folder.path())
        .expect("Jinja")
        .expect("a template");
    let error = template.render(&[Message::new("system", "x")], false);
    assert!(
        matches!(&error, Err(ChatError::Refused { message }) if message == "no system"),
        "{error:?}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_header_is_too_strange(
        header in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..200),
            json_text(&["a", "dtype", "F32", "BF16", "shape", "data_offsets", "__metadata__", "trimtab"]).prop_map(String::into_bytes),
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
    fn no_index_is_too_strange(text in json_text(&["weight_map", "metadata", "model.norm.weight", SHARDS[0], "..", "/"])) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::write(folder.path().join("model.safetensors.index.json"), text).expect("a writable folder");
        prop_assert!(Weights::open(folder.path()).is_err());
    }

    #[test]
    fn no_tokenizer_is_too_strange(
        key in prop_oneof![Just("normalizer"), Just("pre_tokenizer"), Just("post_processor"), Just("decoder"), Just("added_tokens"), Just("model")],
        value in json_text(&["type", "id", "content", "Sequence", "Replace", "TemplateProcessing", "single", "special_tokens", "WordLevel", "BPE", "vocab", "merges", "Regex"]),
        config in json_text(&["tokenizer_class", "LlamaTokenizer", "bos_token", "<s>", "one", "add_bos_token", "added_tokens_decoder", "89", "content", "chat_template", "name", "default"]),
        text in "\\PC{0,20}",
    ) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut tokenizer: Value = serde_json::from_str(TINY_TOKENIZER).expect("JSON");
        tokenizer[key] = serde_json::from_str(&value).unwrap_or(Value::Null);
        fs::write(folder.path().join("tokenizer.json"), tokenizer.to_string()).expect("a writable folder");
        fs::write(folder.path().join("tokenizer_config.json"), config).expect("a writable folder");
        if let Ok(tokenizer) = Tokenizer::from_dir(folder.path(), 89)
            && let Ok(ids) = tokenizer.encode(&text)
        {
            prop_assert!(ids.iter().all(|&id| id < 89));
            tokenizer.decode(&ids);
        }
        drop(ChatTemplate::from_dir(folder.path()));
    }

    #[test]
    fn no_template_is_too_strange(source in template_text()) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::write(folder.path().join("chat_template.jinja"), &source).expect("a writable folder");
        let clock = Instant::now();
        if let Ok(Some(template)) = ChatTemplate::from_dir(folder.path()) {
            drop(template.render(&[Message::new("user", "one"), Message::new("assistant", "two")], true));
        }
        prop_assert!(clock.elapsed() < Duration::from_secs(9), "{}", source);
    }
}

/// Pieces of templates in any order, most of which are no template.
fn template_text() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "{{ ",
        " }}",
        "{% ",
        " %}",
        "{%- ",
        " -%}",
        "{#",
        "#}",
        "for m in messages",
        "endfor",
        "if ",
        "else",
        "endif",
        "set x = ",
        "set ns = namespace(a=[])",
        "generation",
        "endgeneration",
        "m.content",
        "m['role']",
        "x",
        "loop.index0",
        " + ",
        " ~ ",
        " * ",
        " ** ",
        " == ",
        " in ",
        " | ",
        "tojson",
        "trim",
        "join",
        "list",
        "length",
        "[",
        "]",
        "(",
        ")",
        "'a'",
        "99999",
        "-1",
        "{",
        "}",
        ":",
        ",",
        "range",
        ".items()",
        ".split('a')",
        "raise_exception",
        "strftime_now",
        "macro f(a)",
        "endmacro",
        "f(",
        "break",
        "continue",
        "\n",
        "é",
        "{% raw %}",
        "{% endraw %}",
        "not ",
        " is defined",
        "[::2]",
    ]);
    proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

/// JSON values built of the words given, cut short now and then.
fn json_text(words: &'static [&'static str]) -> impl Strategy<Value = String> {
    let word = prop::sample::select(words);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (0..20_u64).prop_map(Value::from),
        word.clone().prop_map(Value::from),
    ];
    let tree = leaf.prop_recursive(5, 40, 5, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(word.clone().prop_map(str::to_owned), inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    });
    (tree, 0..8_usize).prop_map(|(tree, cut)| {
        let mut text = tree.to_string();
        if cut == 0 {
            text.pop();
        }
        text
    })
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
            write!(text, r#"{comma}"{name}":{{"dtype":"{dtype}","shape":{shape:?},"data_offsets":[{start},{end}]}}"#)
                .expect("memory");
        }
        text + "}"
    })
}

fn load(folder: &Path) -> Result<Pretrained, LoadError> {
    Pretrained::load(folder, FloatDType::F32, &Device::flex())
}

fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> T {
    let text = fs::read(path).expect("the fixture is committed");
    serde_json::from_slice(&text).expect("JSON")
}

fn is_non_finite(error: &LoadError) -> bool {
    matches!(error, LoadError::Weights(TensorFileError::NonFinite { .. }))
}

/// The bytes of a safetensors file with `data` bytes of zeros behind its header.
fn with_header(header: &[u8], data: usize) -> Vec<u8> {
    let len = (header.len() as u64).to_le_bytes();
    [&len[..], header, &vec![0; data]].concat()
}

fn open_file(bytes: &[u8]) -> Result<Weights, LoadError> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("model.safetensors"), bytes).expect("a writable folder");
    Weights::open(folder.path())
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
