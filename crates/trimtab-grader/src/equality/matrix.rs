//! Matrices and vectors, and arithmetic with them: `\frac{1}{5}\begin{pmatrix}..\end{pmatrix}`.

use super::unit_vectors::components;
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
            (true, false) => (self.rows(gold).and_then(vector_of), tuple(answer)),
            (false, true) => (tuple(gold), self.rows(answer).and_then(vector_of)),
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

    /// Compares a vector with a sum of multiples of unit vectors, if the answers are these.
    pub(super) fn by_unit_vectors(&mut self, gold: &Expr, answer: &Expr) -> Option<Equality> {
        let size = |vector: &Expr| match vector {
            Expr::Tuple {
                open: '(' | '⟨',
                items,
                ..
            } => Some(items.len()),
            Expr::Matrix(rows) => Some(vector_of(rows.clone())?[0].len()),
            _ => None,
        };
        let tuple = |expr: &Expr, count: Option<usize>| {
            expr.is_scalar()
                .then(|| components(expr, count?))
                .flatten()
                .map(|items| Expr::Tuple {
                    open: '(',
                    close: ')',
                    items,
                })
        };
        if let Some(vector) = tuple(answer, size(gold)) {
            return Some(self.compare(gold, &vector));
        }
        let vector = tuple(gold, size(answer))?;
        Some(self.compare(&vector, answer))
    }

    /// The entries of a matrix expression. `None` if it is not one, or the shapes do not match.
    fn rows(&mut self, expr: &Expr) -> Option<Rows> {
        self.budget.spend(4).ok()?;
        match expr {
            Expr::Matrix(rows) => Some(rows.clone()),
            Expr::Tuple { .. } => tuple(expr),
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
                    if !is_matrix_like(factor) {
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
            Expr::Power(parts) => {
                let rows = self.rows(&parts.0)?;
                match integer(&parts.1)? {
                    -1 => self.inverse(&rows),
                    exponent @ 2..=3 => {
                        let mut power = rows.clone();
                        for _ in 1..exponent {
                            power = self.multiplied(&power, &rows)?;
                        }
                        Some(power)
                    }
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// The inverse by determinants. `None` if the matrix is large or not square.
    fn inverse(&mut self, rows: &Rows) -> Option<Rows> {
        const MAX_ROWS: usize = 3;
        let size = rows.len();
        if size > MAX_ROWS || rows.iter().any(|row| row.len() != size) {
            return None;
        }
        let without = |items: &[Expr], at: usize| {
            let mut items = items.to_vec();
            items.remove(at);
            items
        };
        let determinant = |rows: Rows| Expr::Call("det", vec![Expr::Matrix(rows)]);
        let whole = determinant(rows.clone());
        let entry = |row: usize, column: usize| {
            let mut minor: Rows = rows.iter().map(|items| without(items, row)).collect();
            minor.remove(column);
            let minor = match size {
                1 => Expr::integer(1),
                _ => determinant(minor),
            };
            let signed = match (row + column) % 2 {
                0 => minor,
                _ => Expr::Negative(Box::new(minor)),
            };
            Expr::Quotient(Box::new((signed, whole.clone())))
        };
        self.budget.spend((size * size * size) as u64 * 4).ok()?;
        let entries = |row: usize| (0..size).map(|column| entry(row, column)).collect();
        Some((0..size).map(entries).collect())
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

/// Whether an expression calculates with a matrix or a vector.
pub(super) fn holds_matrix(expr: &Expr) -> bool {
    match expr {
        Expr::Negative(inner) => is_matrix_like(inner),
        Expr::Sum(items) => items.iter().any(is_matrix_like),
        // `P(1,2)` is a point.
        Expr::Product(items) => {
            !items.iter().any(is_capital) && items.iter().any(is_matrix_like)
                || items
                    .iter()
                    .any(|item| matches!(item, Expr::Matrix(_)) || holds_matrix(item))
        }
        Expr::Quotient(parts) | Expr::Power(parts) => is_matrix_like(&parts.0),
        _ => false,
    }
}

fn is_matrix_like(expr: &Expr) -> bool {
    let vector = matches!(
        expr,
        Expr::Tuple {
            open: '(' | '⟨',
            close: ')' | '⟩',
            ..
        }
    );
    vector || matches!(expr, Expr::Matrix(_)) || holds_matrix(expr)
}

fn is_capital(expr: &Expr) -> bool {
    matches!(expr, Expr::Symbol(name) if name.starts_with(|c: char| c.is_ascii_uppercase()))
}

fn integer(expr: &Expr) -> Option<i64> {
    match expr {
        Expr::Number { value, .. } => value.as_i64(),
        Expr::Negative(inner) => integer(inner).map(|value| -value),
        _ => None,
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
fn vector_of(rows: Rows) -> Option<Rows> {
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
