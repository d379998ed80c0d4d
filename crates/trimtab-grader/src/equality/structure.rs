//! Values that are too large to be computed, and that are equal part by part.

use super::{Comparer, Equality};
use crate::expr::Expr;

impl Comparer<'_> {
    /// Whether two values are built in the same way from equal parts: `7^{7^7}` and `7^{823543}`.
    ///
    /// It spends from the spare budget, for that of the comparison may be used up.
    pub(super) fn same_structure(&mut self, gold: &Expr, answer: &Expr) -> bool {
        if std::mem::discriminant(gold) != std::mem::discriminant(answer) {
            return false;
        }
        std::mem::swap(self.budget, &mut self.spare);
        let same = self.same_parts(gold, answer);
        std::mem::swap(self.budget, &mut self.spare);
        same
    }

    fn same_parts(&mut self, gold: &Expr, answer: &Expr) -> bool {
        if self.budget.spend(4).is_err() {
            return false;
        }
        match (gold, answer) {
            (Expr::Power(left), Expr::Power(right))
            | (Expr::Quotient(left), Expr::Quotient(right))
            | (Expr::Root(left), Expr::Root(right)) => {
                self.same_parts(&left.0, &right.0) && self.same_parts(&left.1, &right.1)
            }
            (Expr::Call("binom", left), Expr::Call("binom", right)) => {
                let ([of, chosen], [other, others]) = (left.as_slice(), right.as_slice()) else {
                    return false;
                };
                let both = Expr::Sum(vec![chosen.clone(), others.clone()]);
                self.same_parts(of, other)
                    && (self.same_parts(chosen, others) || self.same_parts(of, &both))
            }
            (Expr::Call(name, left), Expr::Call(other, right)) => {
                name == other && self.same_all(left, right)
            }
            (Expr::Product(left), Expr::Product(right)) | (Expr::Sum(left), Expr::Sum(right)) => {
                self.same_all(left, right)
            }
            (Expr::Negative(left), Expr::Negative(right)) => self.same_parts(left, right),
            (left, right) => self.at_points(left, right, false) == Equality::Equal,
        }
    }

    fn same_all(&mut self, left: &[Expr], right: &[Expr]) -> bool {
        left.len() == right.len()
            && left
                .iter()
                .zip(right)
                .all(|(left, right)| self.same_parts(left, right))
    }
}
