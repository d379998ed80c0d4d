//! What several tests use.

use trimtab_grader::{Rules, grade};

/// A text, gold answers that it gives, and gold answers that it does not give.
pub(crate) type Row = (
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
);

/// Asserts what the texts give, and names all rows that differ.
pub(crate) fn gives(table: &[Row]) {
    let mut failures = Vec::new();
    for (text, right, wrong) in table {
        for (golds, expected) in [(right, true), (wrong, false)] {
            for gold in *golds {
                let graded = grade(gold, text, &Rules::DEFAULT);
                if graded.verdict.is_correct() != expected {
                    failures.push(format!("{text:?} for {gold:?}: {graded:?}"));
                }
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
