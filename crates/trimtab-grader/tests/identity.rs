//! An answer equals its own text in other dress, and no text with another sign in it.

use std::path::PathBuf;

use proptest::prelude::*;
use serde_json::Value;
use trimtab_grader::{Rule, Rules, check, grade, grade_answer};

/// The text with other blanks, delimiters and commands. `seed` picks which.
fn dressed(text: &str, seed: u64) -> String {
    let mut state = seed | 1;
    let mut pick = |of: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.is_multiple_of(of)
    };
    let mut dressed = String::with_capacity(text.len() * 2);
    let mut before = ' ';
    for (at, character) in text.char_indices() {
        let escaped = before == '\\';
        let rest = &text[at..];
        match character {
            ' ' if !escaped && pick(2) => dressed.push_str("  "),
            ' ' if !escaped && pick(2) => dressed.push('\n'),
            '=' | '+' | '<' | '>' if !escaped && pick(2) => {
                dressed.push(' ');
                dressed.push(character);
                dressed.push_str(if !text.contains("\\\\") && pick(2) {
                    "\\, "
                } else {
                    " "
                });
            }
            '(' | ')' | '[' | ']' if !escaped && !text.contains("\\\\") && pick(2) => {
                dressed.push_str(if "([".contains(character) {
                    "\\left"
                } else {
                    "\\right"
                });
                dressed.push(character);
            }
            '\\' if !escaped && rest.starts_with("\\frac{") && pick(2) => dressed.push_str("\\d"),
            _ => dressed.push(character),
        }
        before = if escaped { ' ' } else { character };
        if character == '\\' && dressed.ends_with('d') {
            before = ' '; // `\d`, of which "frac" follows
        }
    }
    let marked = text.contains(['*', '`', '>', '#']) || text.contains("__");
    let bare = !marked && !text.contains('$') && !text.contains("\\(");
    if bare && !text.contains("\\[") && pick(2) {
        dressed = format!(" ${dressed}$ ");
    } else if !marked
        && !text.ends_with(['.', '\\'])
        && !text.ends_with("left")
        && !text.ends_with("right")
        && pick(2)
    {
        dressed.push('.');
    }
    dressed
}

/// The text with one digit, letter, sign or bracket changed, outside commands. `None` if it has
/// none at that place.
fn changed(text: &str, at: usize) -> Option<String> {
    let (at, character) = text.char_indices().nth(at % text.chars().count().max(1))?;
    let other = match character {
        '9' => '1',
        '0'..='8' | 'a'..='y' | 'A'..='Y' => (character as u8 + 1) as char,
        '+' => '-',
        '-' => '+',
        '<' => '>',
        '(' => '[',
        ']' => ')',
        _ => return None,
    };
    let letters = text[..at].trim_end_matches(|c: char| c.is_ascii_alphabetic());
    if letters.ends_with(['\\', '{'])
        || text[..at].contains("\\hspace")
        || text[..at].contains("\\color")
    {
        return None;
    }
    Some(format!("{}{other}{}", &text[..at], &text[at + 1..]))
}

/// What is wrong with the answer in other dress, or with a change of it.
fn fault(text: &str, seed: u64) -> Option<String> {
    let bare = text
        .replace("\\boxed", "")
        .replace("\\left", "")
        .replace("\\right", "");
    let gold = trimtab_grader::last_boxed(text);
    let is_dress = |c: char| c.is_whitespace() || "$.\\()[]{}~".contains(c);
    if bare.chars().all(is_dress) || gold.is_some_and(|gold| gold.trim().is_empty()) {
        return None; // nothing but delimiters
    }
    let dressed = dressed(text, seed);
    if !check(text, &dressed, &Rules::DEFAULT).is_correct() {
        return Some(format!("{text:?} is not {dressed:?}"));
    }
    let changed = changed(text, seed as usize)?;
    let grade = grade_answer(text, &changed, &Rules::DEFAULT);
    grade
        .because
        .contains(&Rule::SameText)
        .then(|| format!("{text:?} has the text of {changed:?}"))
}

/// All strings under the keys that hold answers.
fn answers(value: &Value, found: &mut Vec<String>) {
    const KEYS: [&str; 6] = [
        "answer",
        "Answer",
        "expected_answer",
        "final_answer",
        "gold",
        "prediction",
    ];
    match value {
        Value::Array(items) => items.iter().for_each(|item| answers(item, found)),
        Value::Object(fields) => {
            for (key, value) in fields {
                if let Some(solution) = value.as_str().filter(|_| key == "solution") {
                    found.extend(trimtab_grader::last_boxed(solution).map(str::to_owned));
                } else if KEYS.contains(&key.as_str()) {
                    match value {
                        Value::String(text) => found.push(text.clone()),
                        Value::Number(number) => found.push(number.to_string()),
                        Value::Array(items) => {
                            let texts = items.iter().filter_map(Value::as_str);
                            found.extend(texts.map(str::to_owned));
                        }
                        _ => {}
                    }
                }
            }
        }
        _ => {}
    }
}

/// The answers of the files of a folder beside the workspace. Empty, with a note, if it is not
/// there.
fn shared(folder: &str) -> Vec<String> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared")
        .join(folder);
    let Ok(entries) = std::fs::read_dir(&folder) else {
        eprintln!("skipped: no {}", folder.display());
        return Vec::new();
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.expect("an entry").path();
        let Some(extension) = path
            .extension()
            .filter(|name| *name == "json" || *name == "jsonl")
        else {
            continue;
        };
        let text = std::fs::read_to_string(&path).expect("a readable file");
        if extension == "json" {
            answers(&serde_json::from_str(&text).expect("JSON"), &mut found);
        } else {
            for line in text.lines() {
                answers(
                    &serde_json::from_str(line).expect("a row a line"),
                    &mut found,
                );
            }
        }
    }
    found
}

fn expect_no_fault(texts: &[String]) {
    let faults: Vec<String> = texts
        .iter()
        .enumerate()
        .filter_map(|(index, text)| fault(text, index as u64 * 0x9e37_79b9 + 7))
        .collect();
    let first: Vec<&String> = faults.iter().take(20).collect();
    assert!(
        faults.is_empty(),
        "{} of {}: {first:#?}",
        faults.len(),
        texts.len()
    );
}

#[test]
fn every_gold_answer_equals_itself_in_other_dress() {
    expect_no_fault(&shared("data"));
}

#[test]
fn every_prediction_equals_itself_in_other_dress() {
    expect_no_fault(&shared("grader"));
}

#[test]
fn texts_that_are_no_mathematics_equal_themselves() {
    for text in [
        "odd $n$",
        "$g(x)=\\frac{a}{x}$ for some $a>0$",
        "So it is \\boxed{odd $n$}, as promised.",
        "\\boxed{5}, which is \\boxed{4 + 1}",
        "☃ and \\unknown{☃}",
        "\\begin{align} x &= 1 \\\\[4pt] y &= 2",
        "((((",
        "\\",
    ] {
        assert!(check(text, text, &Rules::DEFAULT).is_correct(), "{text}");
        let spaced = format!(" {text} ");
        assert!(check(text, &spaced, &Rules::DEFAULT).is_correct(), "{text}");
        assert_eq!(fault(text, 5), None);
    }
    let boxed = grade(
        "odd $n$",
        "It is true for \\boxed{odd $n$}.",
        &Rules::DEFAULT,
    );
    assert!(boxed.verdict.is_correct());
}

fn latex() -> impl Strategy<Value = String> {
    const PIECES: [&str; 40] = [
        "\\frac",
        "\\sqrt",
        "\\text{ if }",
        "\\mathbb{R}",
        "\\left",
        "\\right",
        "\\{",
        "\\}",
        "{",
        "}",
        "(",
        ")",
        "[",
        "]",
        "^",
        "_",
        "1",
        "23",
        "0.5",
        "x",
        "AB",
        "Word",
        "some words",
        "\\alpha",
        "+",
        "-",
        "=",
        "<",
        "\\le ",
        ", ",
        ";",
        "\\pm ",
        "|",
        "!",
        "\\%",
        " ",
        " and ",
        "\\\\",
        "é",
        "\\begin{cases}",
    ];
    prop::collection::vec(prop::sample::select(&PIECES[..]), 1..24)
        .prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn random_latex_equals_itself_in_other_dress(text in latex(), seed in any::<u64>()) {
        prop_assert_eq!(fault(&text, seed), None);
    }

    #[test]
    fn any_text_equals_itself(text in any::<String>(), seed in any::<u64>()) {
        let has_text = text.chars().any(char::is_alphanumeric);
        let verdict = check(&text, &format!(" {text}\n"), &Rules::DEFAULT);
        prop_assert!(!has_text || verdict.is_correct(), "{text:?} {seed}");
    }
}
