//! Grades generated cases whose labels hold by construction.
//!
//! A case is a value in one of its notations, dressed and put into a sentence. A right case has
//! the value of the gold answer, a wrong case another one. A case is made of choices, and a
//! failure is shrunk to the plainest choices that still fail.
//!
//! ```text
//! TRIMTAB_GENERATED_SECONDS=3600 cargo test --release -p trimtab-grader --test generated \
//!     -- --nocapture
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

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use report::{Counts, Failures};
use row::{Row, row};
use tape::Tape;
use trimtab_grader::{Rules, check, grade};

/// Rows of a run whose length is not set.
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
        failures.add(small);
    }
    true
}

/// Runs a fixed number of rows, or new ones for `TRIMTAB_GENERATED_SECONDS` and prints a report.
#[test]
fn few_generated_rows_fail() {
    let seconds = std::env::var("TRIMTAB_GENERATED_SECONDS").ok();
    let seconds: Option<u64> = seconds.map(|text| text.parse().expect("a number of seconds"));
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let first = seconds.map_or(0, |_| now.map_or(1, |now| now.as_nanos() as u64));
    let start = Instant::now();
    let goes_on = |seed: u64| match seconds {
        Some(seconds) => start.elapsed() < Duration::from_secs(seconds),
        None => seed < ROWS,
    };
    let (mut counts, mut failures) = (Counts::default(), Failures::default());
    let (mut seed, mut rows) = (first, 0_u64);
    while goes_on(seed) {
        rows += u64::from(run(seed, &mut counts, &mut failures));
        seed = seed.wrapping_add(1);
    }
    if seconds.is_some() {
        let rate = rows as f64 / start.elapsed().as_secs_f64();
        let (list, table) = (failures.list(), counts.table());
        eprintln!("{list}\nfrom seed {first}: {rows} rows, {rate:.0} a second\n{table}");
    }
    let drawn = seed.wrapping_sub(first);
    assert!(rows > drawn / 2, "only {rows} rows of {drawn} have a label");
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
