//! The checker on the case files that lie beside the workspace, where they do.
//!
//! The floors are what general rules reach; nothing here was tuned case by case.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::Deserialize;
use trimtab_tasks::{Grade, check, grade};

#[derive(Deserialize)]
struct Case {
    gold: String,
    prediction: String,
    expected: bool,
    form: String,
    kind: String,
}

impl Case {
    fn grade(&self) -> Grade {
        if self.form == "answer" {
            let verdict = check(&self.gold, &self.prediction);
            Grade {
                verdict,
                extracted: Some(self.prediction.clone()),
            }
        } else {
            grade(&self.gold, &self.prediction)
        }
    }
}

/// The cases of a file; none, with a note, if the file is not there.
fn cases(name: &str) -> Option<Vec<Case>> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/grader")
        .join(name);
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("skipped: no {}", path.display());
        return None;
    };
    Some(
        text.lines()
            .map(|line| serde_json::from_str(line).expect("a case per line"))
            .collect(),
    )
}

/// How many of the cases are accepted, and how many there are.
#[derive(Clone, Copy, Default)]
struct Tally {
    accepted: usize,
    cases: usize,
}

impl Tally {
    fn percent(self) -> f64 {
        100.0 * self.accepted as f64 / self.cases.max(1) as f64
    }
}

fn graded(cases: Vec<Case>) -> Vec<(Case, Grade)> {
    let graded = cases.into_iter().map(|case| (case.grade(), case));
    graded.map(|(grade, case)| (case, grade)).collect()
}

/// Counts the cases for which `counts` holds.
fn tally(graded: &[(Case, Grade)], counts: impl Fn(&Case) -> bool) -> Tally {
    let mut tally = Tally::default();
    for (_, grade) in graded.iter().filter(|(case, _)| counts(case)) {
        tally.cases += 1;
        tally.accepted += usize::from(grade.verdict.is_correct());
    }
    tally
}

#[test]
fn hostile_cases_are_refused_at_once() {
    let Some(cases) = cases("hostile.jsonl") else {
        return;
    };
    let started = Instant::now();
    let accepted = cases
        .iter()
        .filter(|case| case.grade().verdict.is_correct())
        .count();
    let elapsed = started.elapsed();
    eprintln!(
        "hostile: {accepted} of {} accepted in {elapsed:?}",
        cases.len()
    );
    assert_eq!(accepted, 0);
    assert!(elapsed < Duration::from_secs(1), "{elapsed:?}");
}

#[test]
fn perturbed_cases() {
    let Some(cases) = cases("perturbed.jsonl") else {
        return;
    };
    let graded = graded(cases);
    let wrong = tally(&graded, |case| !case.expected);
    let right = tally(&graded, |case| case.expected);
    eprintln!(
        "perturbed: right {:.1} % of {}, wrong {:.2} % of {}",
        right.percent(),
        right.cases,
        wrong.percent(),
        wrong.cases
    );
    assert!(
        wrong.percent() <= 0.5,
        "{:.2} % of the wrong cases are accepted",
        wrong.percent()
    );

    // Only boxed answers are extracted so far; a case without a box cannot be accepted.
    let boxed: Vec<_> = graded
        .into_iter()
        .filter(|(_, grade)| grade.extracted.is_some())
        .collect();
    let right = tally(&boxed, |case| case.expected);
    eprintln!(
        "perturbed, boxed: right {:.1} % of {}",
        right.percent(),
        right.cases
    );
    for (kind, floor) in [("number", 80.0), ("fraction", 95.0)] {
        let right = tally(&boxed, |case| case.expected && case.kind == kind);
        eprintln!(
            "perturbed, boxed, {kind}: right {:.1} % of {}",
            right.percent(),
            right.cases
        );
        assert!(
            right.percent() >= floor,
            "{kind}: {:.1} % < {floor} %",
            right.percent()
        );
    }
}

#[test]
fn suite_cases() {
    let Some(cases) = cases("cases.jsonl") else {
        return;
    };
    let graded = graded(cases);
    let [right, wrong] =
        [true, false].map(|expected| tally(&graded, |case| case.expected == expected));
    eprintln!(
        "suites: right {:.1} % of {}, wrong {:.2} % of {}",
        right.percent(),
        right.cases,
        wrong.percent(),
        wrong.cases
    );
}
