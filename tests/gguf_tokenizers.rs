//! Tokenizers of GGUF files, compared with llama.cpp. Hostile ones give an error.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use tempfile::TempDir;
use trimtab_model::gguf::{GgufFile, Value, header_bytes};
use trimtab_model::tokenizer::TokenizerError;
use trimtab_model::{ChatMessage, ChatTemplate, Tokenizer};
use trimtab_tests::fixture;

/// Files, texts, ids and the script that made them are in `fixtures/gguf_tokenizers`.
#[test]
fn texts_become_the_tokens_of_llama_cpp() {
    let expected = expected();
    for name in ["pieces", "pieces_plain"] {
        let file = open(&committed(name));
        compare(name, &file, &expected["texts"], &expected[name]);
    }
    for (pre, ids) in expected["byte_level"].as_object().expect("kinds") {
        let changed = Changed::new("byte_level", "tokenizer.ggml.pre", Some(Value::string(pre)));
        compare(pre, &changed.file, &expected["texts"], ids);
    }
}

#[test]
fn real_models_give_the_tokens_of_llama_cpp() {
    let Some(models) = std::env::var_os("TRIMTAB_MODELS").map(PathBuf::from) else {
        eprintln!("skipped: TRIMTAB_MODELS names no folder");
        return;
    };
    let expected = expected();
    for (name, ids) in expected["models"].as_object().expect("models") {
        let path = models.join(name);
        if path.exists() {
            compare(name, &open(&path), &expected["texts"], ids);
        } else {
            eprintln!("skipped: there is no {name}");
        }
    }
}

#[test]
fn tokens_become_their_text_again() {
    let cases = [
        ("byte_level", " the dog 日本 😀\n"),
        ("pieces", "one two 日本 😀\n"),
        ("pieces_plain", " the dog 日本"),
    ];
    for (name, text) in cases {
        let tokenizer = Tokenizer::from_gguf(&open(&committed(name)), 1000).expect(name);
        let ids = tokenizer.encode(text).expect(name);
        assert_eq!(tokenizer.decode(&ids).expect(name), text, "{name}");
    }
}

#[test]
fn the_chat_template_is_in_the_metadata() {
    let template = ChatTemplate::from_gguf(&open(&committed("byte_level")));
    let template = template.expect("a text").expect("a template");
    let text = template.render(&[ChatMessage::new("user", "one")], true);
    assert_eq!(text.expect("a good template"), "<s>user: one");
    let template = ChatTemplate::from_gguf(&open(&committed("pieces"))).expect("nothing");
    assert!(template.is_none());
}

#[test]
fn a_tokenizer_that_cannot_be_read_says_why() {
    let of = |name: &str, key: &str| open(&committed(name)).value(key).cloned();
    let tokens = of("byte_level", "tokenizer.ggml.tokens");
    let cases: [(&str, &str, Option<Value>, &str); 8] = [
        ("byte_level", "model", Some(Value::string("bert")), "`bert`"),
        ("byte_level", "model", None, "no `tokenizer.ggml.model`"),
        ("byte_level", "pre", Some(Value::string("news")), "`news`"),
        ("byte_level", "merges", None, "no `tokenizer.ggml.merges`"),
        ("byte_level", "merges", tokens.clone(), "is not a pair"),
        ("pieces", "tokens", tokens, "entries for"),
        ("pieces", "tokens", None, "its vocabulary is empty"),
        (
            "pieces",
            "scores",
            None,
            "`tokenizer.ggml.scores` has 0 entries",
        ),
    ];
    for (name, key, value, reason) in cases {
        let changed = Changed::new(name, &format!("tokenizer.ggml.{key}"), value);
        let error = Tokenizer::from_gguf(&changed.file, 1000).expect_err(reason);
        assert!(error.to_string().contains(reason), "{key}: {error}");
    }
    let error = Tokenizer::from_gguf(&open(&committed("pieces")), 100);
    let error = error.expect_err("more tokens than the model");
    assert!(
        matches!(
            error,
            TokenizerError::Vocabulary {
                vocab_size: 100,
                ..
            }
        ),
        "{error}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn exchanged_values_never_panic(
        name in prop_oneof![Just("byte_level"), Just("pieces")],
        (to, from) in (0_usize..16, 0_usize..16),
        text in "\\PC{0,20}",
    ) {
        let file = open(&committed(name));
        let metadata = file.metadata();
        let (key, _) = &metadata[to % metadata.len()];
        let (_, value) = &metadata[from % metadata.len()];
        let changed = Changed::new(name, key, Some(value.clone()));
        if let Ok(tokenizer) = Tokenizer::from_gguf(&changed.file, 1000)
            && let Ok(ids) = tokenizer.encode(&text)
        {
            prop_assert!(ids.iter().all(|&id| id < 1000));
            drop(tokenizer.decode(&ids));
        }
        drop(ChatTemplate::from_gguf(&changed.file));
    }
}

/// A fixture with one value changed or, for `None`, left out.
struct Changed {
    file: GgufFile,
    _folder: TempDir,
}

impl Changed {
    fn new(name: &str, key: &str, value: Option<Value>) -> Self {
        let file = open(&committed(name));
        let mut metadata = file.metadata().to_vec();
        match (metadata.iter().position(|(other, _)| other == key), value) {
            (Some(index), Some(value)) => metadata[index].1 = value,
            (Some(index), None) => drop(metadata.remove(index)),
            (None, value) => metadata.extend(value.map(|value| (key.to_owned(), value))),
        }
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("file.gguf");
        fs::write(&path, header_bytes(&metadata, &[])).expect("a writable folder");
        Self {
            file: open(&path),
            _folder: folder,
        }
    }
}

fn compare(name: &str, file: &GgufFile, texts: &serde_json::Value, ids: &serde_json::Value) {
    let tokenizer = Tokenizer::from_gguf(file, u32::MAX as usize).expect(name);
    let texts = texts.as_array().expect("texts");
    for (text, ids) in texts.iter().zip(ids.as_array().expect("ids")) {
        let ids: Vec<u32> = serde_json::from_value(ids.clone()).expect("ids");
        let text = text.as_str().expect("a text");
        assert_eq!(tokenizer.encode(text).expect(text), ids, "{name}: {text:?}");
    }
}

fn committed(name: &str) -> PathBuf {
    fixture("gguf_tokenizers").join(name).with_extension("gguf")
}

fn open(path: &Path) -> GgufFile {
    GgufFile::open(path).expect("a good file")
}

fn expected() -> serde_json::Value {
    let path = fixture("gguf_tokenizers").join("expected.json");
    let text = fs::read_to_string(path).expect("the fixture is committed");
    serde_json::from_str(&text).expect("JSON")
}
