//! The results as a table for the terminal.

use trimtab::tasks::evaluation::Difference;

use crate::Measured;

/// One line an arm. Differences are in points, with their 95 % intervals.
pub(crate) fn table(measured: &[Measured]) -> String {
    let width = measured.iter().map(|arm| arm.name.chars().count()).max();
    let width = width.unwrap_or(0);
    let mut table = format!(
        "{:width$}   right  {:>22}  {:>22}  format    cut  tokens\n",
        "", "against the base", "against the vectors"
    );
    for arm in measured {
        let outcome = &arm.outcome;
        table += &format!(
            "{:width$}  {:>5.1}%  {:>22}  {:>22}  {:>5.1}%  {:>4.1}%  {:>6.1}\n",
            arm.name,
            100.0 * outcome.accuracy,
            difference(&arm.against_base),
            difference(&arm.against_vectors),
            100.0 * outcome.format_rate,
            100.0 * outcome.truncation_rate,
            outcome.mean_length,
        );
    }
    table
}

fn difference(difference: &Difference) -> String {
    let [low, high] = difference.ci95.map(|end| 100.0 * end);
    format!(
        "{:+.1} ({low:+.1} to {high:+.1})",
        100.0 * difference.difference
    )
}
