//! Failures by kind, and precision and recall.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::row::Row;

/// Right rows and wrong rows, accepted or not, by kind.
#[derive(Default)]
pub(crate) struct Counts(BTreeMap<&'static str, [[u64; 2]; 2]>);

impl Counts {
    pub(crate) fn add(&mut self, row: &Row, accepted: bool) {
        let counts = self.0.entry(row.kind).or_default();
        counts[usize::from(row.expected)][usize::from(accepted)] += 1;
    }

    /// The share of right rows that were refused, and of wrong rows that were accepted.
    pub(crate) fn failing_shares(&self) -> [f64; 2] {
        let sum = |expected: usize, accepted: usize| -> f64 {
            self.0
                .values()
                .map(|counts| counts[expected][accepted] as f64)
                .sum()
        };
        let share = |failed: f64, fine: f64| failed / (failed + fine).max(1.0);
        [share(sum(1, 0), sum(1, 1)), share(sum(0, 1), sum(0, 0))]
    }

    /// A table of recall and precision by kind.
    pub(crate) fn table(&self) -> String {
        let mut text = String::from(
            "| kind | right | wrong | recall % | precision % |\n|---|---|---|---|---|\n",
        );
        let mut all = [[0; 2]; 2];
        for (kind, counts) in &self.0 {
            for side in 0..2 {
                for accepted in 0..2 {
                    all[side][accepted] += counts[side][accepted];
                }
            }
            line(kind, counts, &mut text);
        }
        line("all", &all, &mut text);
        text
    }
}

fn line(kind: &str, [wrong, right]: &[[u64; 2]; 2], text: &mut String) {
    let recall = wilson(right[1], right[0] + right[1]);
    let precision = wilson(right[1], right[1] + wrong[1]);
    let _ = writeln!(
        text,
        "| {kind} | {} | {} | {recall} | {precision} |",
        right[0] + right[1],
        wrong[0] + wrong[1]
    );
}

/// A share in percent with its 95 % interval after Wilson.
pub(crate) fn wilson(hits: u64, all: u64) -> String {
    if all == 0 {
        return "–".to_owned();
    }
    let (n, z) = (all as f64, 1.96);
    let share = hits as f64 / n;
    let centre = (share + z * z / (2.0 * n)) / (1.0 + z * z / n);
    let spread = z / (1.0 + z * z / n) * (share * (1.0 - share) / n + z * z / (4.0 * n * n)).sqrt();
    format!(
        "{:.3} ({:.3}–{:.3})",
        100.0 * share,
        100.0 * (centre - spread).max(0.0),
        100.0 * (centre + spread).min(1.0)
    )
}

/// The smallest failures, one for each set of parts.
#[derive(Default)]
pub(crate) struct Failures(BTreeMap<String, (u64, Row)>);

impl Failures {
    /// Adds a failure that was shrunk.
    pub(crate) fn add(&mut self, row: Row) {
        let direction = if row.expected { "refused" } else { "accepted" };
        let mut parts = row.parts.clone();
        parts.sort_unstable();
        parts.dedup();
        let parts = parts.join(" + ").replace('\n', "\\n");
        let key = format!("{direction}: {} [{parts}]", row.kind);
        let size = |row: &Row| row.gold.len() + row.prediction.len();
        let entry = self.0.entry(key).or_insert_with(|| (0, row.clone()));
        entry.0 += 1;
        if size(&row) < size(&entry.1) {
            entry.1 = row;
        }
    }

    /// The wrong rows that were accepted, without those that have one of these parts.
    pub(crate) fn accepted_without(&self, parts: &[&str]) -> Vec<&Row> {
        let rows = self.0.values().map(|(_, row)| row);
        rows.filter(|row| !row.expected && !row.parts.iter().any(|part| parts.contains(part)))
            .collect()
    }

    /// The kinds, the most frequent first.
    pub(crate) fn list(&self) -> String {
        let mut kinds: Vec<_> = self.0.iter().collect();
        kinds.sort_by_key(|(_, (count, _))| std::cmp::Reverse(*count));
        let mut text = String::new();
        for (key, (count, row)) in kinds {
            let _ = writeln!(
                text,
                "{count:>7}  {key}\n         gold {:?}  prediction {:?}{}",
                row.gold,
                row.prediction,
                if row.alone { "  (answer)" } else { "" }
            );
        }
        text
    }
}
