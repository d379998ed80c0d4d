//! Pairs of gold answer and answer by their kinds: what is equal, and its near neighbours.

mod clock;
mod conditions;
mod dress;
mod names;
mod sets;
mod values;
mod words;

use trimtab_grader::{Rules, check};

/// Pairs of gold answer and answer, and whether the answer is accepted.
fn table(cases: &[(&str, &str, bool)]) {
    let faults: Vec<String> = cases
        .iter()
        .filter_map(|(gold, answer, accepted)| {
            let verdict = check(gold, answer, &Rules::DEFAULT);
            (verdict.is_correct() != *accepted).then(|| format!("{gold} and {answer}: {verdict:?}"))
        })
        .collect();
    assert!(faults.is_empty(), "{faults:#?}");
}
