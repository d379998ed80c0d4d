//! Templates compared with Jinja 2, and templates that would run for ever.
//!
//! Cases, texts and the script that made them are in `fixtures`.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use serde::Deserialize;
use trimtab_jinja::{Error, Value, render};

/// As in `trimtab-model`.
const FUEL: u64 = 1 << 20;

#[derive(Deserialize)]
struct Expected {
    variables: Value,
    /// Templates with their texts; `None` where Jinja raises an error.
    cases: Vec<(String, Option<String>)>,
}

/// Some errors may stand for a text, but no text for another one, or for an error.
const UNSUPPORTED: [&str; 4] = [
    "is not supported",
    "more than a line",
    "knows the entities of",
    "cannot be compared here",
];

#[test]
fn templates_become_the_text_of_jinja() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/expected.json");
    let json = fs::read_to_string(path).expect("the fixture is committed");
    let expected: Expected = serde_json::from_str(&json).expect("JSON");
    let (mut rendered, mut refused) = (0, 0);
    for (template, text) in expected.cases {
        match (render(&template, expected.variables.clone(), FUEL), text) {
            (Ok(found), Some(text)) => {
                assert_eq!(found, text, "{template}");
                rendered += 1;
            }
            (Err(_), None) => refused += 1,
            (Err(error), Some(text)) => {
                let message = error.to_string();
                let is_known = UNSUPPORTED.iter().any(|part| message.contains(part));
                assert!(is_known, "{template}: {message} instead of {text:?}");
            }
            (Ok(found), None) => panic!("{template} gives {found:?}, but Jinja refuses"),
        }
    }
    assert!(rendered > 900 && refused > 100, "{rendered} and {refused}");
}

#[test]
fn a_raised_message_is_told_from_other_errors() {
    let raised = render("{{ raise_exception('no ' ~ 1) }}", no_variables(), FUEL);
    assert!(matches!(&raised, Err(Error::Raised { message }) if message == "no 1"));
    let syntax = render("a\n{% if %}", no_variables(), FUEL);
    assert!(
        matches!(syntax, Err(Error::Syntax { line: 2, .. })),
        "{syntax:?}"
    );
    let failed = render("a\n{{ x.y }}", no_variables(), FUEL);
    let message = failed.expect_err("`x` is undefined").to_string();
    assert_eq!(message, "line 2: 'x' is undefined");
}

#[test]
fn endless_work_is_limited() {
    let doubled = |end: &str| {
        let start = "{% set x = [1] %}{% set y = [1] %}";
        let double = "{% set x = [x, x] %}{% set y = [y, y] %}".repeat(60);
        format!("{start}{double}{end}")
    };
    let nested = "{% set ns = namespace(x=[]) %}\
         {% for i in range(90000) %}{% set ns.x = [ns.x] %}{% endfor %}";
    for template in [
        doubled("{{ x }}"),
        doubled("{{ x == y }}"),
        doubled("{{ x < y }}"),
        doubled("{{ x ~ y }}"),
        doubled("{{ [x] | tojson }}"),
        doubled("{{ x in [y] }}"),
        doubled("{{ '%s' % x }}"),
        doubled("{{ [x, y] | sort }}"),
        doubled("{{ x | pprint }}"),
        format!("{nested}{{{{ ns.x }}}}"),
        format!("{nested}{{{{ ns.x == [ns.x] }}}}"),
        "{{ 'x' * 10**12 }}{{ [1] * 10**12 }}".to_owned(),
        "{{ 9**999999 }}".to_owned(),
        "{% set ns = namespace(x=9) %}\
         {% for i in range(99) %}{% set ns.x = ns.x * ns.x %}{% endfor %}"
            .to_owned(),
        "{{ '%1000000000d' % 1 }}".to_owned(),
        "{{ '{:>1000000000}'.format(1) }}".to_owned(),
        "{{ '%.1000000000f' % 1 }}".to_owned(),
        "{{ 'a'.center(10**12) }}{{ 'a' | center(10**12) }}".to_owned(),
        "{{ 'a' | indent(10**12) }}".to_owned(),
        "{{ [[1]] | tojson(indent=10**12) }}".to_owned(),
        "{{ [1] | batch(10**12, 0) | list }}".to_owned(),
        "{{ [1] | slice(10**12) | list }}".to_owned(),
        "{{ 'aaaa' | replace('', 'b' * 10**6) | replace('', 'b' * 10**6) }}".to_owned(),
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}".to_owned(),
        "{% for x in [1] recursive %}{{ loop([x]) }}{% endfor %}".to_owned(),
        format!("{{{{ {}1{} }}}}", "(".repeat(30_000), ")".repeat(30_000)),
        format!("{{{{ {}1 }}}}", "not ".repeat(16_000)),
        format!("{{{{ 1{} }}}}", "+1".repeat(30_000)),
        format!("{{{{ x{} }}}}", ".a".repeat(30_000)),
        "{% if 1 %}".repeat(6000),
    ] {
        let clock = Instant::now();
        let source = template.clone();
        // Values that nest deeply need a deep stack to be dropped.
        let thread = thread::Builder::new().stack_size(512 << 20);
        let thread = thread.spawn(move || render(&source, no_variables(), FUEL));
        let result = thread.expect("a thread").join().expect("no panic");
        assert!(result.is_err(), "{template:.90}");
        assert!(clock.elapsed() < Duration::from_mins(1), "{template:.90}");
    }
}

fn no_variables() -> Value {
    serde_json::from_str("{}").expect("JSON")
}
