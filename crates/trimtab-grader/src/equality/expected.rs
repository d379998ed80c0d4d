//! Answers that must have a given form.

use super::names::named;
use super::{Comparer, Equality};
use crate::expr::{Expr, Joint};
use crate::rule::Rule;
use crate::rules::Expected;

impl Comparer<'_> {
    /// Compares two expressions, if the answer has the expected form.
    pub(super) fn compare_expected(&mut self, gold: &Expr, answer: &Expr) -> Equality {
        let fits = match self.rules.expected {
            Expected::Number => is_value(answer) && answer_value(answer).symbols().is_empty(),
            Expected::Expression => is_value(answer),
            Expected::Set => return self.compare(&as_list(gold), &as_list(answer)),
            Expected::Any | Expected::Choice | Expected::Text => true,
        };
        if fits {
            self.compare(gold, answer)
        } else {
            self.different_by(Rule::NotExpected)
        }
    }
}

/// Whether an answer is one value, with or without a name.
fn is_value(answer: &Expr) -> bool {
    answer_value(answer).is_scalar()
}

/// The answer without its name.
fn answer_value(answer: &Expr) -> &Expr {
    named(answer).map_or(answer, |named| named.value)
}

/// Tuples and sets as lists, whose items have no order.
fn as_list(expr: &Expr) -> Expr {
    match answer_value(expr) {
        Expr::Tuple { items, .. } | Expr::Set(items) => Expr::List {
            joint: Joint::Comma,
            items: items.clone(),
        },
        other => other.clone(),
    }
}
