//! Tokenizers and chat templates, compared with transformers.
//!
//! Hostile ones give an error in bounded time.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use burn::tensor::Device;
use proptest::prelude::*;
use serde_json::{Value, json};
use trimtab::Rules;
use trimtab_model::chat::ChatError;
use trimtab_model::tokenizer::TokenizerError;
use trimtab_model::{
    ChatMessage, ChatTemplate, LoadError, Precision, Pretrained, Sampling, Tokenizer,
};
use trimtab_rl::evaluate;
use trimtab_rl::rollout::RolloutError;
use trimtab_rl::rollout::rollouts;
use trimtab_tasks::evaluation::{Decoding, Item};
use trimtab_tasks::{NanoTask, Split, Template};
use trimtab_tests::{TINY_TOKENIZER, bundled_model, fixture, json_text, tiny_checkpoint};

/// Texts, ids and the script that made them are in `fixtures/tokenizers`.
#[test]
fn texts_become_the_tokens_of_transformers() {
    let expected: Value = read_json(&fixture("tokenizers").join("expected.json"));
    for (name, case) in expected["cases"].as_object().expect("cases") {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for (file, content) in case["files"].as_object().expect("files") {
            let content = content
                .as_str()
                .map_or_else(|| content.to_string(), str::to_owned);
            fs::write(folder.path().join(file), content).expect("a writable folder");
        }
        let tokenizer = Tokenizer::from_dir(folder.path(), 1000).expect(name);
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
        "id": 89, "content": "<image>", "special": true, "single_word": false,
        "lstrip": false, "rstrip": false,
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

/// Conversations, texts and the script that made them are in `fixtures/chat`.
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
                json!([
                    {"name": "tool_use", "template": "?"},
                    {"name": "default", "template": template},
                ])
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
                .render(&[ChatMessage::new("user", "hello")], true)
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

/// transformers 5.24 takes the same ones.
#[test]
fn named_templates_come_from_a_list_an_object_or_a_folder() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let write = |name: &str, content: &str| {
        fs::write(folder.path().join(name), content).expect("a writable folder");
    };
    let render = || {
        let template = ChatTemplate::from_dir(folder.path()).expect("good files");
        let messages = [ChatMessage::new("user", "hello")];
        let template = template.expect("a template");
        template.render(&messages, true).expect("a simple template")
    };
    let object = json!({"chat_template": {"default": "1", "tool_use": "2"}});
    write("tokenizer_config.json", &object.to_string());
    assert_eq!(render(), "1");
    let list = json!({"chat_template": [
        {"name": "default", "template": "3"}, {"name": "default", "template": "4"},
    ]});
    write("tokenizer_config.json", &list.to_string());
    assert_eq!(render(), "4", "the last of a name");
    write("chat_template.jinja", "5");
    assert_eq!(render(), "5");
    fs::create_dir(folder.path().join("additional_chat_templates")).expect("a writable folder");
    write("additional_chat_templates/tool_use.jinja", "6");
    assert_eq!(render(), "5");
}

#[test]
fn a_template_that_cannot_be_used_is_an_error_of_chats_only() {
    let large = "x".repeat((64 << 10) + 1);
    for (file, content, reason) in [
        (
            "tokenizer_config.json",
            json!({"chat_template": []}).to_string(),
            "names no template",
        ),
        (
            "tokenizer_config.json",
            json!({"chat_template": [{"name": "rag", "template": "x"}]}).to_string(),
            "`rag`",
        ),
        (
            "tokenizer_config.json",
            json!({"chat_template": {"rag": "x"}}).to_string(),
            "`rag`",
        ),
        (
            "tokenizer_config.json",
            json!({"chat_template": 7}).to_string(),
            "not a text",
        ),
        (
            "tokenizer_config.json",
            json!({"chat_template": large}).to_string(),
            "65536 bytes",
        ),
        (
            "chat_template.json",
            json!({"chat_template": false}).to_string(),
            "not a text",
        ),
        ("chat_template.json", "{".to_owned(), "line 1"),
        ("chat_template.jinja", large, "65536 bytes"),
        (
            "chat_template.jinja",
            "{% if %}".to_owned(),
            "line 1: expected",
        ),
        (
            "additional_chat_templates/rag.jinja",
            "x".to_owned(),
            "`rag`",
        ),
    ] {
        let folder = tiny_checkpoint();
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a writable folder");
        fs::write(path, &content).expect("a writable folder");
        let base = load(folder.path()).expect("the model needs no chat template");
        let template = base.chat_template.expect("a template");
        let error = template.render(&[ChatMessage::new("user", "x")], true);
        let Err(ChatError::Malformed {
            path,
            reason: found,
        }) = error
        else {
            panic!("{content:.80}: {error:?}");
        };
        assert!(found.contains(reason), "{content:.80}: {found}");
        assert!(path.starts_with(folder.path()), "{path:?}");
    }
    for config in [json!({"chat_template": null}), json!({})] {
        let folder = tiny_checkpoint();
        let path = folder.path().join("tokenizer_config.json");
        fs::write(path, config.to_string()).expect("a writable folder");
        assert!(
            load(folder.path())
                .expect("a good checkpoint")
                .chat_template
                .is_none()
        );
    }
}

#[test]
fn a_template_may_come_from_elsewhere() {
    let tokens = BTreeMap::from([("bos_token".to_owned(), "<s>".to_owned())]);
    let template = ChatTemplate::from_source("model.gguf", "{{ bos_token }}1", tokens);
    let messages = [ChatMessage::new("user", "x")];
    assert_eq!(
        template.render(&messages, true).expect("a template"),
        "<s>1"
    );
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
        format!(
            "{{% set x = 'x' * 64 %}}{}{{{{ x }}}}",
            "{% set x = x ~ x %}".repeat(50)
        ),
        format!("{start}{}{{{{ x }}}}", "{% set x = [x, x] %}".repeat(50)),
        format!(
            "{start}{}{{{{ x | string }}}}",
            "{% set x = [x, x] %}".repeat(50)
        ),
        format!(
            "{start}{}{{{{ x | tojson }}}}",
            "{% set x = {'a': x, 'b': x} %}".repeat(50)
        ),
        "{% set ns = namespace(x=[]) %}\
         {% for i in range(50000) %}{% set ns.x = [ns.x] %}{% endfor %}\
         {{ ns.x.no_such() }}"
            .to_owned(),
        format!("{{{{ {}1 }}}}{{% for %}}", "not ".repeat(16_000)),
        format!("{{{{ {}1{} }}}}", "(".repeat(30_000), ")".repeat(30_000)),
        format!("{{{{ x{} }}}}", ".a".repeat(30_000)),
        format!(
            "{{{{ 1{} }}}}{{{{ raise_exception('') }}}}",
            "+1".repeat(30_000)
        ),
        "{% generation %}".repeat(4000),
        "{%".to_owned(),
        "{% generation".to_owned(),
        "x".repeat(1 << 20),
    ] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::write(folder.path().join("chat_template.jinja"), &source).expect("a writable folder");
        let clock = Instant::now();
        let rendered = ChatTemplate::from_dir(folder.path()).and_then(|template| {
            let messages = [ChatMessage::new("user", "x")];
            template.expect("a template").render(&messages, true)
        });
        assert!(
            rendered.is_err(),
            "{source:.80} gives {:.80}",
            rendered.expect("checked")
        );
        assert!(
            clock.elapsed() < Duration::from_secs(9),
            "{source:.80}: {:?}",
            clock.elapsed()
        );
    }
}

#[test]
fn a_refusal_carries_the_message_of_the_template() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(
        folder.path().join("chat_template.jinja"),
        "{{ raise_exception('no ' ~ messages[0].role) }}",
    )
    .expect("a writable folder");
    let template = ChatTemplate::from_dir(folder.path())
        .expect("Jinja")
        .expect("a template");
    let error = template.render(&[ChatMessage::new("system", "x")], false);
    assert!(
        matches!(&error, Err(ChatError::Refused { message }) if message == "no system"),
        "{error:?}"
    );
}

/// A broken decoder must not pass for a model that answers nothing.
#[test]
fn completions_that_cannot_be_decoded_are_an_error() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for file in ["config.json", "model.safetensors"] {
        fs::copy(bundled_model().join(file), folder.path().join(file)).expect("a writable folder");
    }
    let mut tokenizer: Value = read_json(&bundled_model().join("tokenizer.json"));
    tokenizer["decoder"] = json!({"type": "Sequence", "decoders": [
        {"type": "Replace", "pattern": {"Regex": "^.*$"}, "content": "a"},
        {"type": "Strip", "content": "a", "start": 1, "stop": 1}, // of one letter: it panics
    ]});
    let path = folder.path().join("tokenizer.json");
    fs::write(path, tokenizer.to_string()).expect("a writable folder");
    let base = Pretrained::load(folder.path(), Precision::F32, &Device::flex()).expect("sound");
    let items = Item::held_out(NanoTask::Gsm, 0, 3);
    let decoding = Decoding {
        samples: 1,
        temperature: 1.0,
        max_new_tokens: 4,
        stop: vec![],
        seed: 0,
    };
    let evaluated = evaluate(&base, None, &items, &decoding, &Rules::DEFAULT, 0).next();
    assert!(
        matches!(
            evaluated,
            Some(Err(RolloutError::Tokenizer(TokenizerError::Decode { .. })))
        ),
        "{evaluated:?}"
    );
    let problems = vec![(0, NanoTask::Gsm.problem(Split::Train, 0, 0))];
    let sampling = Sampling {
        max_new_tokens: 4,
        ..Sampling::default()
    };
    let sampled = rollouts(
        &base,
        &Template::Nano,
        problems,
        2,
        &sampling,
        None,
        &Rules::DEFAULT,
    );
    assert!(
        matches!(
            sampled,
            Err(RolloutError::Tokenizer(TokenizerError::Decode { .. }))
        ),
        "{sampled:?}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn arbitrary_tokenizers_never_panic(
        key in prop_oneof![
            Just("normalizer"),
            Just("pre_tokenizer"),
            Just("post_processor"),
            Just("decoder"),
            Just("added_tokens"),
            Just("model"),
        ],
        value in json_text(&[
            "type", "id", "content", "Sequence", "Replace", "TemplateProcessing", "single",
            "special_tokens", "WordLevel", "BPE", "vocab", "merges", "Regex",
        ]),
        config in json_text(&[
            "tokenizer_class", "LlamaTokenizer", "bos_token", "<s>", "one", "add_bos_token",
            "added_tokens_decoder", "89", "content", "chat_template", "name", "default",
        ]),
        text in "\\PC{0,20}",
    ) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut tokenizer: Value = serde_json::from_str(TINY_TOKENIZER).expect("JSON");
        tokenizer[key] = serde_json::from_str(&value).unwrap_or(Value::Null);
        let path = folder.path().join("tokenizer.json");
        fs::write(path, tokenizer.to_string()).expect("a writable folder");
        fs::write(folder.path().join("tokenizer_config.json"), config).expect("a writable folder");
        if let Ok(tokenizer) = Tokenizer::from_dir(folder.path(), 89)
            && let Ok(ids) = tokenizer.encode(&text)
        {
            prop_assert!(ids.iter().all(|&id| id < 89));
            drop(tokenizer.decode(&ids));
        }
        drop(ChatTemplate::from_dir(folder.path()));
    }

    #[test]
    fn arbitrary_templates_never_panic(source in template_text()) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::write(folder.path().join("chat_template.jinja"), &source).expect("a writable folder");
        let clock = Instant::now();
        if let Ok(Some(template)) = ChatTemplate::from_dir(folder.path()) {
            let messages = [ChatMessage::new("user", "one"), ChatMessage::new("assistant", "two")];
            drop(template.render(&messages, true));
        }
        prop_assert!(clock.elapsed() < Duration::from_secs(9), "{}", source);
    }
}

/// Pieces of templates in any order, most of which are not valid templates.
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

fn load(folder: &Path) -> Result<Pretrained, LoadError> {
    Pretrained::load(folder, Precision::F32, &Device::flex())
}

fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> T {
    let text = fs::read(path).expect("the fixture is committed");
    serde_json::from_slice(&text).expect("JSON")
}
