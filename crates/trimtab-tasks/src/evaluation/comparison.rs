//! Paired comparison of two runs over the same problems.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::item::Sample;
use super::outcome::{Breakdown, breakdown, count_correct};
use crate::stats::{bootstrap95, mcnemar, mean};

/// A paired comparison of two runs over the same problems.
///
/// Pairing removes the spread between easy and hard problems. So it shows smaller differences than
/// two separate intervals do.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Comparison {
    /// Over all problems.
    #[serde(flatten)]
    pub overall: Difference,
    /// Two-sided p-value of the exact McNemar test on the numbers of `fixed` and `broken` problems;
    /// see [`mcnemar`].
    pub mcnemar_p: f64,
    /// Number of problems solved in both runs.
    pub both: usize,
    /// Number of problems solved in neither.
    pub neither: usize,
    /// Problems solved after but not before. A problem is solved if more than half of its
    /// completions are right.
    pub fixed: Vec<String>,
    /// Problems solved before but not after.
    pub broken: Vec<String>,
    /// The difference by tag and value.
    pub breakdown: Breakdown<Difference>,
}

/// The accuracies of two runs on the same problems.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Difference {
    /// Number of problems.
    pub problems: usize,
    /// avg@k of the first run.
    pub before: f64,
    /// avg@k of the second run.
    pub after: f64,
    /// `after - before`
    pub difference: f64,
    /// 95 % interval of `difference`: [`bootstrap95`] over the differences of the problems.
    pub ci95: [f64; 2],
}

/// Why two runs cannot be compared.
#[expect(missing_docs, reason = "the messages document the variants")]
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ComparisonError {
    #[error(
        "one run has {before} problems and the other {after}; measure both on the same problems"
    )]
    Count { before: usize, after: usize },
    #[error(
        "problem {number} is `{before}` in one run and `{after}` in the other; \
         measure both on the same problems"
    )]
    Problem {
        number: usize,
        before: String,
        after: String,
    },
    #[error("there are no completions to compare")]
    Empty,
}

impl Comparison {
    /// Compares two runs over the same problems in the same order.
    ///
    /// # Errors
    ///
    /// Fails if the problems differ, or if a problem has no completion.
    pub fn of(before: &[Vec<Sample>], after: &[Vec<Sample>]) -> Result<Self, ComparisonError> {
        if before.len() != after.len() {
            return Err(ComparisonError::Count {
                before: before.len(),
                after: after.len(),
            });
        }
        let pairs: Vec<Pair> = (1..)
            .zip(before.iter().zip(after))
            .map(|(number, (before, after))| Pair::of(number, before, after))
            .collect::<Result<_, _>>()?;
        let solved = |before: bool, after: bool| {
            pairs
                .iter()
                .filter(move |pair| (pair.before > 0.5, pair.after > 0.5) == (before, after))
        };
        let names = |before, after| -> Vec<String> {
            solved(before, after)
                .map(|pair| pair.problem.to_owned())
                .collect()
        };
        let (fixed, broken) = (names(false, true), names(true, false));
        Ok(Self {
            overall: Difference::of(&pairs.iter().collect::<Vec<_>>())
                .ok_or(ComparisonError::Empty)?,
            mcnemar_p: mcnemar(fixed.len() as u64, broken.len() as u64),
            both: solved(true, true).count(),
            neither: solved(false, false).count(),
            fixed,
            broken,
            breakdown: breakdown(before, |indices| {
                Difference::of(
                    &indices
                        .iter()
                        .map(|&index| &pairs[index])
                        .collect::<Vec<_>>(),
                )
            }),
        })
    }
}

/// A table for the terminal.
impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            overall,
            mcnemar_p,
            both,
            neither,
            fixed,
            broken,
            breakdown,
        } = self;
        writeln!(
            f,
            "{:<24} {:>8} {:>8} {:>8}   difference (95 % interval)",
            "", "problems", "before", "after"
        )?;
        write_row(f, "all", overall)?;
        for (tag, values) in breakdown {
            for (value, difference) in values {
                write_row(f, &format!("{tag} {value}"), difference)?;
            }
        }
        let p = p_text(*mcnemar_p);
        writeln!(
            f,
            "\nsolved in more than half of the completions: {both} in both runs, {neither} in \
             neither, {} fixed, {} broken (exact McNemar p {p})",
            fixed.len(),
            broken.len(),
        )
    }
}

pub(super) fn p_text(p: f64) -> String {
    match p {
        p if p < 0.001 => "< 0.001".to_owned(),
        p => format!("= {p:.3}"),
    }
}

fn write_row(f: &mut fmt::Formatter<'_>, name: &str, row: &Difference) -> fmt::Result {
    writeln!(
        f,
        "{name:<24} {:>8} {:>6.1} % {:>6.1} %   {:+.1} ({:+.1} to {:+.1}) points",
        row.problems,
        100.0 * row.before,
        100.0 * row.after,
        100.0 * row.difference,
        100.0 * row.ci95[0],
        100.0 * row.ci95[1],
    )
}

/// The accuracies of one problem.
struct Pair<'a> {
    problem: &'a str,
    before: f64,
    after: f64,
}

impl<'a> Pair<'a> {
    fn of(
        number: usize,
        before: &'a [Sample],
        after: &'a [Sample],
    ) -> Result<Self, ComparisonError> {
        let (Some(one), Some(other)) = (before.first(), after.first()) else {
            return Err(ComparisonError::Empty);
        };
        if (&one.problem, &one.gold) != (&other.problem, &other.gold) {
            let (before, after) = (one.problem.clone(), other.problem.clone());
            return Err(ComparisonError::Problem {
                number,
                before,
                after,
            });
        }
        let accuracy = |completions| count_correct(completions) as f64 / completions.len() as f64;
        Ok(Self {
            problem: &one.problem,
            before: accuracy(before),
            after: accuracy(after),
        })
    }
}

impl Difference {
    fn of(pairs: &[&Pair]) -> Option<Self> {
        let of_each = |value: fn(&Pair) -> f64| -> Vec<f64> {
            pairs.iter().map(|&pair| value(pair)).collect()
        };
        let differences = of_each(|pair| pair.after - pair.before);
        Some(Self {
            problems: pairs.len(),
            before: mean(&of_each(|pair| pair.before))?,
            after: mean(&of_each(|pair| pair.after))?,
            difference: mean(&differences)?,
            ci95: bootstrap95(&differences)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use trimtab_grader::{Rules, Verifier};

    use super::*;
    use crate::evaluation::{Item, Tags};

    /// Problems `p0`, `p1`, … of level 1 (even) and 2 (odd), with this many right completions of
    /// four.
    fn run(correct: &[usize]) -> Vec<Vec<Sample>> {
        let item = |index: usize| Item {
            id: format!("p{index}"),
            prompt: String::new(),
            gold: "4".to_owned(),
            chat: false,
            verifier: Verifier::Equal,
            tags: Tags::from([("level".to_owned(), (index % 2 + 1).to_string())]),
        };
        let completion = |right| if right { r"\boxed{4}" } else { r"\boxed{5}" }.to_owned();
        let samples = |(index, &correct)| {
            (0..4)
                .map(|sample| {
                    Sample::graded(
                        &item(index),
                        sample,
                        completion(sample < correct),
                        3,
                        false,
                        &Rules::DEFAULT,
                    )
                })
                .collect()
        };
        correct.iter().enumerate().map(samples).collect()
    }

    #[test]
    fn pairs_are_counted_by_problem() {
        let (before, after) = (run(&[0, 1, 4, 3, 2]), run(&[3, 2, 4, 0, 4]));
        let comparison = Comparison::of(&before, &after).expect("the same problems");
        assert_eq!(comparison.fixed, ["p0", "p4"]); // half is not more than half
        assert_eq!(comparison.broken, ["p3"]);
        assert_eq!((comparison.both, comparison.neither), (1, 1));
        assert_eq!(comparison.mcnemar_p, 1.0);
        let overall = &comparison.overall;
        assert!((overall.before - 0.5).abs() < 1e-12 && (overall.after - 0.65).abs() < 1e-12);
        assert_eq!(
            Some(overall.ci95),
            bootstrap95(&[0.75, 0.25, 0.0, -0.75, 0.5])
        );
        let even = &comparison.breakdown["level"]["1"];
        assert_eq!(
            (even.problems, even.before, even.difference),
            (3, 0.5, 1.25 / 3.0)
        );
    }

    #[test]
    fn the_other_way_round_is_the_mirror_image() {
        let (one, other) = (run(&[0, 1, 4, 3, 2, 2]), run(&[3, 2, 4, 0, 4, 1]));
        let there = Comparison::of(&one, &other).expect("the same problems");
        let back = Comparison::of(&other, &one).expect("the same problems");
        assert_eq!(
            (&there.fixed, &there.broken, there.mcnemar_p),
            (&back.broken, &back.fixed, back.mcnemar_p)
        );
        let [low, high] = back.overall.ci95;
        assert_eq!(
            (there.overall.difference, there.overall.ci95),
            (-back.overall.difference, [-high, -low])
        );
    }

    #[test]
    fn other_problems_are_refused() {
        let (mut one, other) = (run(&[1, 2]), run(&[1, 2]));
        assert_eq!(
            Comparison::of(&one[..1], &other),
            Err(ComparisonError::Count {
                before: 1,
                after: 2
            })
        );
        assert_eq!(Comparison::of(&[], &[]), Err(ComparisonError::Empty));
        one[1][0].problem = "q1".to_owned();
        let error = Comparison::of(&one, &other)
            .expect_err("another problem")
            .to_string();
        assert!(
            error.contains("problem 2 is `q1`") && error.contains("`p1`"),
            "{error}"
        );
        one[1].clear();
        assert_eq!(Comparison::of(&one, &other), Err(ComparisonError::Empty));
    }
}
