//! Matrices and vectors, and arithmetic with them: `\frac{1}{5}\begin{pmatrix}..\end{pmatrix}`.

use super::{Comparer, Equality};
use crate::Reason;
use crate::expr::Expr;
use crate::parse::is_transpose;
use crate::rule::Rule;

type Rows = Vec<Vec<Expr>>;

impl Comparer<'_> {
    /// Compares two answers if at least one is a matrix, else returns `None`.
    ///
    /// A vector may also be a tuple.
    pub(super) fn matrices(&mut self, gold: &Expr, answer: &Expr) -> Option<Equality> {
        let is_matrix = |expr: &Expr| matches!(expr, Expr::Matrix(_)) || holds_matrix(expr);
        let rows = match (is_matrix(gold), is_matrix(answer)) {
            (false, false) => return None,
            (true, true) => (self.rows(gold), self.rows(answer)),
            (true, false) => (self.rows(gold).and_then(vector), tuple(answer)),
            (false, true) => (tuple(gold), self.rows(answer).and_then(vector)),
        };
        let (Some(gold_rows), Some(answer_rows)) = rows else {
            // A relation may name a matrix. Other forms are not matrices.
            let named = matches!(gold, Expr::Relation(..)) || matches!(answer, Expr::Relation(..));
            let other = |expr: &Expr| expr.is_scalar() && !is_matrix(expr);
            return match named {
                true => None,
                false if other(gold) || other(answer) => Some(Equality::Different),
                false => Some(Equality::Unknown(Reason::NotUnderstood)),
            };
        };
        if lengths(&gold_rows) != lengths(&answer_rows) {
            return Some(self.different_by(Rule::OtherItems));
        }
        Some(self.in_order(gold_rows.iter().flatten().zip(answer_rows.iter().flatten())))
    }

    /// The entries of a matrix expression. `None` if it is not one, or the shapes do not match.
    fn rows(&mut self, expr: &Expr) -> Option<Rows> {
        self.budget.spend(4).ok()?;
        match expr {
            Expr::Matrix(rows) => Some(rows.clone()),
            Expr::Negative(inner) => Some(mapped(&self.rows(inner)?, &|entry| {
                Expr::Negative(Box::new(entry))
            })),
            Expr::Quotient(parts) if !holds_matrix(&parts.1) => {
                let below = parts.1.clone();
                Some(mapped(&self.rows(&parts.0)?, &|entry| {
                    Expr::Quotient(Box::new((entry, below.clone())))
                }))
            }
            Expr::Sum(terms) => {
                let mut terms = terms.iter();
                let mut sum = self.rows(terms.next()?)?;
                for term in terms {
                    let term = self.rows(term)?;
                    if lengths(&sum) != lengths(&term) {
                        return None;
                    }
                    for (entry, other) in sum.iter_mut().flatten().zip(term.into_iter().flatten()) {
                        *entry = Expr::Sum(vec![entry.clone(), other]);
                    }
                }
                Some(sum)
            }
            Expr::Product(factors) => {
                let mut product: Option<Rows> = None;
                let mut scale = Vec::new();
                for factor in factors {
                    if !matches!(factor, Expr::Matrix(_)) && !holds_matrix(factor) {
                        scale.push(factor.clone());
                        continue;
                    }
                    let rows = self.rows(factor)?;
                    product = Some(match product {
                        None => rows,
                        Some(left) => self.multiplied(&left, &rows)?,
                    });
                }
                let scaled =
                    |entry: Expr| Expr::Product(scale.iter().cloned().chain([entry]).collect());
                Some(mapped(&product?, &scaled))
            }
            Expr::Power(parts) if matches!(&parts.1, Expr::Symbol(name) if is_transpose(name)) => {
                let rows = self.rows(&parts.0)?;
                let width = rows.first()?.len();
                let column = |index: usize| {
                    rows.iter()
                        .map(|row| row.get(index).cloned())
                        .collect::<Option<Vec<_>>>()
                };
                (0..width).map(column).collect()
            }
            _ => None,
        }
    }

    fn multiplied(&mut self, left: &Rows, right: &Rows) -> Option<Rows> {
        let width = right.first()?.len();
        let mut product = Vec::with_capacity(left.len());
        for row in left {
            if row.len() != right.len() {
                return None;
            }
            let mut entries = Vec::with_capacity(width);
            for column in 0..width {
                self.budget.spend(row.len() as u64 * 4).ok()?;
                let term = |(entry, other): (&Expr, &Vec<Expr>)| {
                    Some(Expr::Product(vec![
                        entry.clone(),
                        other.get(column)?.clone(),
                    ]))
                };
                entries.push(Expr::Sum(
                    row.iter().zip(right).map(term).collect::<Option<_>>()?,
                ));
            }
            product.push(entries);
        }
        Some(product)
    }
}

/// Whether an expression calculates with a matrix.
pub(super) fn holds_matrix(expr: &Expr) -> bool {
    match expr {
        Expr::Negative(inner) => matches!(**inner, Expr::Matrix(_)) || holds_matrix(inner),
        Expr::Sum(items) | Expr::Product(items) => items
            .iter()
            .any(|item| matches!(item, Expr::Matrix(_)) || holds_matrix(item)),
        Expr::Quotient(parts) | Expr::Power(parts) => {
            matches!(parts.0, Expr::Matrix(_)) || holds_matrix(&parts.0)
        }
        _ => false,
    }
}

fn lengths(rows: &Rows) -> Vec<usize> {
    rows.iter().map(Vec::len).collect()
}

fn mapped(rows: &Rows, change: &impl Fn(Expr) -> Expr) -> Rows {
    rows.iter()
        .map(|row| row.iter().cloned().map(change).collect())
        .collect()
}

/// The entries of a row or a column as one row.
fn vector(rows: Rows) -> Option<Rows> {
    let is_vector = rows.len() == 1 || rows.iter().all(|row| row.len() == 1);
    is_vector.then(|| vec![rows.into_iter().flatten().collect()])
}

/// The items of a tuple as one row.
fn tuple(expr: &Expr) -> Option<Rows> {
    match expr {
        Expr::Tuple {
            open: '(' | '⟨' | '[',
            items,
            ..
        } => Some(vec![items.clone()]),
        _ => None,
    }
}
