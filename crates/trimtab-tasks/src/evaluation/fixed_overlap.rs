//! Whether two runs fix the same problems.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use statrs::distribution::{DiscreteCDF, Hypergeometric};

use super::comparison::{Comparison, p_text};

/// The problems that two runs solve and that one base does not.
///
/// Runs with other seeds or methods can gain as much by other problems. Then they overlap as chance
/// would have it.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct FixedOverlap {
    /// Problems that the base does not solve.
    pub unsolved: usize,
    /// How many of them the one and the other run solve.
    pub fixed: [usize; 2],
    /// How many both solve.
    pub both: usize,
    /// The mean of `both` for as many problems chosen at random, `fixed[0] fixed[1] / unsolved`.
    pub chance: f64,
    /// The probability that so many or more are the same at random, by the hypergeometric
    /// distribution (Fisher's exact test, one-sided).
    pub p_value: f64,
}

impl FixedOverlap {
    /// Compares two comparisons with the same first run.
    ///
    /// # Panics
    ///
    /// The first run is not the same.
    pub fn of(one: &Comparison, other: &Comparison) -> Self {
        let unsolved = |it: &Comparison| it.fixed.len() + it.neither;
        assert_eq!(unsolved(one), unsolved(other), "comparisons with one base");
        let unsolved = unsolved(one);
        let known: BTreeSet<&String> = one.fixed.iter().collect();
        let both = other.fixed.iter().filter(|it| known.contains(it)).count();
        let fixed = [one.fixed.len(), other.fixed.len()];
        let [total, left, right] = [unsolved, fixed[0], fixed[1]].map(|count| count as u64);
        let random = Hypergeometric::new(total, left, right).expect("parts of the unsolved");
        Self {
            unsolved,
            fixed,
            both,
            chance: (fixed[0] * fixed[1]) as f64 / unsolved.max(1) as f64,
            p_value: match both {
                0 => 1.0,
                both => random.sf(both as u64 - 1),
            },
        }
    }
}

/// A line for the terminal.
impl fmt::Display for FixedOverlap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            unsolved,
            fixed: [one, other],
            both,
            chance,
            p_value,
        } = self;
        write!(
            f,
            "of {unsolved} problems, {one} and {other} are fixed, {both} of them the same; by \
             chance {chance:.1} (p {})",
            p_text(*p_value)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::{Breakdown, Difference};

    fn comparison(fixed: impl Iterator<Item = usize>, unsolved: usize) -> Comparison {
        let fixed: Vec<String> = fixed.map(|problem| problem.to_string()).collect();
        Comparison {
            overall: Difference {
                problems: unsolved,
                before: 0.0,
                after: 0.0,
                difference: 0.0,
                ci95: [0.0; 2],
            },
            mcnemar_p: 1.0,
            both: 0,
            neither: unsolved - fixed.len(),
            fixed,
            broken: vec![],
            breakdown: Breakdown::new(),
        }
    }

    /// `scipy.stats.hypergeom.sf(8, 50, 20, 12)` of SciPy 1.17.1.
    #[test]
    fn the_p_value_is_that_of_scipy() {
        let found = FixedOverlap::of(&comparison(0..20, 50), &comparison(11..23, 50));
        assert_eq!((found.both, found.fixed), (9, [20, 12]));
        assert!((found.chance - 4.8).abs() < 1e-12);
        assert!(
            (found.p_value - 0.006_321_692_221_074).abs() < 1e-9,
            "{}",
            found.p_value
        );
    }

    #[test]
    fn nothing_fixed_is_no_overlap() {
        let found = FixedOverlap::of(&comparison(0..0, 0), &comparison(0..0, 0));
        assert_eq!((found.both, found.chance, found.p_value), (0, 0.0, 1.0));
        let apart = FixedOverlap::of(&comparison(0..2, 4), &comparison(2..4, 4));
        assert_eq!((apart.both, apart.p_value), (0, 1.0));
    }
}
