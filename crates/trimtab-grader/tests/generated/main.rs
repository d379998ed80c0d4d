//! Grades generated cases whose labels hold by construction.
//!
//! A case is a value in one of its notations, dressed and put into a sentence. A right case has
//! the value of the gold answer, a wrong case another one. A case is made of choices, and a
//! failure is shrunk to the plainest choices that still fail.
//!
//! ```text
//! TRIMTAB_GENERATED_SECONDS=3600 cargo test --release -p trimtab-grader --test generated \
//!     -- --ignored --nocapture
//! ```

mod collection;
mod draw;
mod dress;
mod formula;
mod language;
mod miss;
mod noise;
mod number;
mod report;
mod row;
mod scalar;
mod scalar_miss;
mod sentence;
mod shrink;
mod spell;
mod spelling;
mod tape;
mod unit;
mod value;

use std::time::{Duration, Instant};

use report::{Counts, Failures};
use row::{Row, row};
use tape::Tape;
use trimtab_grader::{Rules, check, grade};

/// Rows of the test that always runs.
const ROWS: u64 = 8_000;

/// The share of right rows that may be refused, and of wrong rows that may be accepted. The page on
/// answer checking lists what fails.
const MOST_REFUSED: f64 = 0.05;
const MOST_ACCEPTED: f64 = 0.03;

/// Parts of wrong rows that are known to be accepted. No row without one of them may be.
const KNOWN: [&str; 4] = [
    "(withheld)",
    "answer changed",
    "day alone",
    "it can't be other",
];

/// Whether the grader accepts the row. The only place that calls it.
fn accepts(row: &Row) -> bool {
    if row.alone {
        check(&row.gold, &row.prediction, &Rules::DEFAULT).is_correct()
    } else {
        grade(&row.gold, &row.prediction, &Rules::DEFAULT)
            .verdict
            .is_correct()
    }
}

fn replay(choices: &[u32]) -> Option<Row> {
    row(&mut Tape::replay(choices.to_vec()))
}

/// The smallest row that fails in the same direction.
/// Nothing may be new in it, so that one kind of failure does not shrink to another.
fn smallest(tape: Tape, failed: &Row) -> Row {
    let fails = |choices: &[u32]| {
        replay(choices).is_some_and(|row| {
            row.expected == failed.expected
                && row.parts.iter().all(|part| failed.parts.contains(part))
                && accepts(&row) != row.expected
        })
    };
    let choices = shrink::shrink(tape.into_choices(), fails);
    replay(&choices).expect("choices that made a row")
}

/// Grades the row of a seed.
fn run(seed: u64, counts: &mut Counts, failures: &mut Failures) -> bool {
    let mut tape = Tape::random(seed);
    let Some(row) = row(&mut tape) else {
        return false;
    };
    let accepted = accepts(&row);
    counts.add(&row, accepted);
    if accepted != row.expected {
        let small = smallest(tape, &row);
        if failures.add(small.clone()) {
            write_case(&small, seed);
        }
    }
    true
}

/// Appends a failure to the file that `TRIMTAB_GENERATED_CASES` names.
fn write_case(row: &Row, seed: u64) {
    use std::io::Write as _;

    let Ok(path) = std::env::var("TRIMTAB_GENERATED_CASES") else {
        return;
    };
    let kind = format!("{}: {}", row.kind, row.parts.join(" + "));
    let known = std::fs::read_to_string(&path).unwrap_or_default();
    if known.contains(&serde_json::json!(kind).to_string()) {
        return;
    }
    let mut file = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .expect("a file to append to");
    let case = serde_json::json!({
        "id": format!("generated-{seed}"),
        "gold": row.gold,
        "prediction": row.prediction,
        "expected": row.expected,
        "form": if row.alone { "answer" } else { "response" },
        "kind": kind,
    });
    writeln!(file, "{case}").expect("a file that can be written");
}

#[test]
fn few_generated_rows_fail() {
    let (mut counts, mut failures) = (Counts::default(), Failures::default());
    let rows = (0..ROWS)
        .filter(|&seed| run(seed, &mut counts, &mut failures))
        .count();
    assert!(rows as u64 > ROWS / 2, "only {rows} rows have a label");
    let [refused, accepted] = counts.failing_shares();
    assert!(
        refused < MOST_REFUSED,
        "{refused} of the right rows\n{}",
        failures.list()
    );
    assert!(
        accepted < MOST_ACCEPTED,
        "{accepted} of the wrong rows\n{}",
        failures.list()
    );
    let unknown = failures.accepted_without(&KNOWN);
    assert!(unknown.is_empty(), "wrong rows are accepted: {unknown:#?}");
}

#[test]
#[ignore = "runs for TRIMTAB_GENERATED_SECONDS"]
#[expect(clippy::print_stdout, reason = "it prints a report")]
fn generated_rows_for_a_long_time() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let seconds = number("TRIMTAB_GENERATED_SECONDS").unwrap_or(10);
    let start = Instant::now();
    let mut seed = number("TRIMTAB_GENERATED_SEED").unwrap_or_else(|| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        now.map_or(1, |now| now.as_nanos() as u64)
    });
    let (mut counts, mut failures, mut rows) = (Counts::default(), Failures::default(), 0_u64);
    println!("seed {seed}");
    while start.elapsed() < Duration::from_secs(seconds) {
        for _ in 0..1000 {
            seed = seed.wrapping_add(1);
            rows += u64::from(run(seed, &mut counts, &mut failures));
        }
    }
    println!("{}", failures.list());
    println!(
        "{rows} rows, {:.0} a second",
        rows as f64 / start.elapsed().as_secs_f64()
    );
    println!("{}", counts.table());
}

#[test]
#[ignore = "prints rows to read"]
#[expect(clippy::print_stdout, reason = "it prints rows")]
fn generated_rows_to_read() {
    let start = std::env::var("TRIMTAB_GENERATED_SEED")
        .ok()
        .and_then(|text| text.parse().ok());
    let start = start.unwrap_or(0_u64);
    for row in (start..start + 150).filter_map(|seed| row(&mut Tape::random(seed))) {
        println!(
            "{} {:?} | {:?}  {:?}",
            if row.expected { "right" } else { "WRONG" },
            row.gold,
            row.prediction,
            row.parts
        );
    }
}
