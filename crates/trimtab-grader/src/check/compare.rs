//! Whether two expressions say the same.

mod collection;
mod matrix;
mod names;
mod pieces;
mod real_set;
mod relation;
mod scalar;

use super::Reason;
use super::budget::Budget;
use super::expr::Expr;

/// What a comparison comes to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Outcome {
    Equal,
    Different,
    Unknown(Reason),
}

impl From<Reason> for Outcome {
    fn from(reason: Reason) -> Self {
        Self::Unknown(reason)
    }
}

/// Compares a gold answer with an answer.
pub(crate) struct Comparer<'b> {
    pub(crate) budget: &'b mut Budget,
    /// Where variables are evaluated; depends on both texts, so that no answer can be made for it.
    pub(crate) seed: u64,
    /// Whether a decimal gold stands for all that rounds to it.
    pub(crate) rounded_gold: bool,
}

impl Comparer<'_> {
    /// The comparison of any two expressions, by what they are.
    pub(crate) fn compare(&mut self, gold: &Expr, answer: &Expr) -> Outcome {
        if let Err(reason) = self.budget.spend(2) {
            return reason.into();
        }
        let is_value =
            |expr: &Expr| expr.is_scalar() && !has_sign(expr) && !matrix::holds_matrix(expr);
        if is_value(gold) && is_value(answer) {
            return self.scalars(gold, answer);
        }
        if let Some(outcome) = self.matrices(gold, answer) {
            return outcome;
        }
        if let Some(outcome) = self.relations(gold, answer) {
            return outcome;
        }
        if let Some(outcome) = self.real_sets(gold, answer) {
            return outcome;
        }
        if let Some(outcome) = self.collections(gold, answer) {
            return outcome;
        }
        match (gold, answer) {
            (
                Expr::Tuple { open, close, items },
                Expr::Tuple {
                    open: other_open,
                    close: other_close,
                    items: others,
                },
            ) => {
                let same = kind(*open) == kind(*other_open) && kind(*close) == kind(*other_close);
                if !same || items.len() != others.len() {
                    return Outcome::Different;
                }
                self.in_order(items.iter().zip(others))
            }
            // Collections and times of day with a unit.
            (Expr::Quantity(left, unit), Expr::Quantity(right, other)) if unit == other => {
                self.compare(left, right)
            }
            (Expr::Quantity(..), Expr::Quantity(..)) => Outcome::Unknown(Reason::Units),
            (Expr::Quantity(left, _), right) if !left.is_scalar() => self.compare(left, right),
            (left, Expr::Quantity(right, _)) if !right.is_scalar() => self.compare(left, right),
            (Expr::Ratio(parts), Expr::Ratio(others)) => self.ratios(parts, others),
            (Expr::Ratio(parts), other) if parts.len() == 2 && other.is_scalar() => {
                self.scalars(gold, other)
            }
            (other, Expr::Ratio(parts)) if parts.len() == 2 && other.is_scalar() => {
                self.scalars(other, answer)
            }
            (Expr::Text(gold), Expr::Text(answer)) if gold.eq_ignore_ascii_case(answer) => {
                Outcome::Equal
            }
            (Expr::Text(_), _) | (_, Expr::Text(_)) => Outcome::Unknown(Reason::NotUnderstood),
            _ => Outcome::Different,
        }
    }

    /// Whether all pairs are equal.
    fn in_order<'e>(&mut self, pairs: impl Iterator<Item = (&'e Expr, &'e Expr)>) -> Outcome {
        let mut unknown = None;
        for (gold, answer) in pairs {
            match self.compare(gold, answer) {
                Outcome::Equal => {}
                Outcome::Different => return Outcome::Different,
                Outcome::Unknown(reason) => unknown = Some(reason),
            }
        }
        unknown.map_or(Outcome::Equal, Outcome::Unknown)
    }
}

fn has_sign(expr: &Expr) -> bool {
    expr.any(|part| matches!(part, Expr::PlusMinus { .. }))
}

/// Parentheses and angle brackets are alike; square brackets are another shape.
fn kind(delimiter: char) -> u8 {
    match delimiter {
        '[' | ']' => 1,
        _ => 0,
    }
}
