//! The grader on the files of cases and gold answers beside the workspace, if they are there.
//!
//! The limits are the figures of `docs/answer-checking.md`. No case is handled by its id.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::Value;
use trimtab_grader::{Grade, Rules, grade_answer, is_understood};

fn grade(gold: &str, text: &str) -> Grade {
    trimtab_grader::grade(gold, text, &Rules::DEFAULT)
}

#[derive(Deserialize)]
struct Case {
    gold: String,
    prediction: String,
    expected: bool,
    form: String,
    flag: Option<String>,
}

impl Case {
    fn grade(&self) -> Grade {
        if self.form == "answer" {
            grade_answer(&self.gold, &self.prediction, &Rules::DEFAULT)
        } else {
            grade(&self.gold, &self.prediction)
        }
    }
}

/// The text of a shared file. `None`, with a note, if the file is not there.
fn shared(path: &str) -> Option<String> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared")
        .join(path);
    let text = std::fs::read_to_string(&path).ok();
    if text.is_none() {
        eprintln!("skipped: no {}", path.display());
    }
    text
}

fn cases(name: &str) -> Option<Vec<Case>> {
    let text = shared(&format!("grader/{name}"))?;
    Some(
        text.lines()
            .map(|line| serde_json::from_str(line).expect("a case a line"))
            .collect(),
    )
}

/// Share of the right and of the wrong cases that are accepted, in percent.
fn accepted<'c>(cases: impl Iterator<Item = &'c Case> + Clone) -> [f64; 2] {
    [true, false].map(|expected| {
        let cases: Vec<&Case> = cases
            .clone()
            .filter(|case| case.expected == expected)
            .collect();
        let accepted = cases
            .iter()
            .filter(|case| case.grade().verdict.is_correct())
            .count();
        100.0 * accepted as f64 / cases.len().max(1) as f64
    })
}

/// Checks the shares against a floor and a ceiling.
fn expect(name: &str, [right, wrong]: [f64; 2], floor: f64, ceiling: f64) {
    eprintln!(
        "{name}: {right:.2} % of the right cases and {wrong:.2} % of the wrong ones are accepted"
    );
    assert!(right >= floor, "{name}: {right:.2} % < {floor} %");
    assert!(wrong <= ceiling, "{name}: {wrong:.2} % > {ceiling} %");
}

#[test]
fn suite_cases() {
    let Some(cases) = cases("cases.jsonl") else {
        return;
    };
    expect("suites", accepted(cases.iter()), 92.0, 5.0);
    let unflagged = cases.iter().filter(|case| case.flag.is_none());
    expect("suites, unflagged", accepted(unflagged), 99.0, 0.0);
}

#[test]
fn perturbed_cases() {
    let Some(cases) = cases("perturbed.jsonl") else {
        return;
    };
    expect("perturbed", accepted(cases.iter()), 99.9, 0.0);
}

#[test]
fn cases_beyond_the_reference() {
    let Some(cases) = cases("beyond.jsonl") else {
        return;
    };
    expect("beyond", accepted(cases.iter()), 100.0, 0.0);
}

#[test]
fn hostile_cases_are_refused_at_once() {
    let Some(cases) = cases("hostile.jsonl") else {
        return;
    };
    let started = Instant::now();
    expect("hostile", accepted(cases.iter()), 0.0, 0.0);
    let elapsed = started.elapsed();
    assert!(elapsed < Duration::from_millis(500), "{elapsed:?}");
}

/// The 7,866 gold answers of the eight evaluation sets on which other graders are measured.
#[test]
fn every_gold_answer_is_understood_and_equals_itself_in_a_box() {
    let mut failures = Vec::new();
    let mut count = 0;
    for (file, gold_of) in [
        ("math_test.jsonl", last_box as fn(&Value) -> Option<String>),
        ("math500.jsonl", |row| text(&row["answer"])),
        ("aime24.jsonl", |row| text(&row["answer"])),
        ("aime25.jsonl", |row| text(&row["expected_answer"])),
        ("amc23.jsonl", |row| text(&row["answer"])),
        ("minerva_math.jsonl", last_box),
        ("olympiadbench.jsonl", |row| text(&row["final_answer"][0])),
        ("gsm8k_test.jsonl", |row| {
            row["answer"]
                .as_str()?
                .rsplit_once("####")
                .map(|(_, gold)| gold.trim().to_owned())
        }),
    ] {
        let Some(lines) = shared(&format!("data/{file}")) else {
            return;
        };
        for line in lines.lines() {
            let row: Value = serde_json::from_str(line).expect("a row a line");
            let gold = gold_of(&row).expect("a gold answer");
            count += 1;
            let graded = grade(&gold, &format!("so $\\boxed{{{gold}}}$."));
            if !graded.verdict.is_correct() || !is_understood(&gold) {
                failures.push(format!("{file}: {gold:?}: {graded:?}"));
            }
        }
    }
    assert_eq!(count, 7_866);
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn text(value: &Value) -> Option<String> {
    value
        .as_str()
        .map(str::to_owned)
        .or_else(|| value.is_number().then(|| value.to_string()))
}

fn last_box(row: &Value) -> Option<String> {
    trimtab_grader::last_boxed(row["solution"].as_str()?).map(str::to_owned)
}
