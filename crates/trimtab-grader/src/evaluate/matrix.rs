//! Values of matrices and vectors: determinant, trace and length.

use super::{Evaluator, Fault, Value};
use crate::Reason;
use crate::expr::Expr;
use crate::rational::Rational;

/// Largest number of rows whose determinant is computed.
const MAX_ROWS: usize = 5;

impl<'e> Evaluator<'e, '_> {
    /// The value of the function `name` of a matrix.
    pub(super) fn of_matrix(&mut self, name: &str, rows: &'e [Vec<Expr>]) -> Result<Value, Fault> {
        let is_square = rows.iter().all(|row| row.len() == rows.len());
        match name {
            "det" if is_square && rows.len() <= MAX_ROWS => {
                let mut values = Vec::with_capacity(rows.len());
                for row in rows {
                    values.push(self.values(row)?);
                }
                self.determinant(&values.iter().map(Vec::as_slice).collect::<Vec<_>>(), 0)
            }
            "tr" if is_square => {
                let mut sum = Value::ZERO;
                for (index, row) in rows.iter().enumerate() {
                    let entry = self.value(&row[index])?;
                    sum = sum.plus(&entry, self.budget)?;
                }
                Ok(sum)
            }
            "abs" | "norm" if rows.len() == 1 => self.length(rows[0].iter()),
            "abs" | "norm" if rows.iter().all(|row| row.len() == 1) => {
                self.length(rows.iter().flatten())
            }
            _ => Err(Fault::Stop(Reason::NotUnderstood)),
        }
    }

    /// The value of the function `name` of a vector that is written as a tuple.
    pub(super) fn of_vector(&mut self, name: &str, items: &'e [Expr]) -> Result<Value, Fault> {
        match name {
            "abs" | "norm" => self.length(items.iter()),
            _ => Err(Fault::Stop(Reason::NotUnderstood)),
        }
    }

    fn values(&mut self, items: &'e [Expr]) -> Result<Vec<Value>, Fault> {
        items.iter().map(|item| self.value(item)).collect()
    }

    /// The determinant by the first row, without the columns whose bit is set in `used`.
    fn determinant(&mut self, rows: &[&[Value]], used: u32) -> Result<Value, Fault> {
        let Some((first, rest)) = rows.split_first() else {
            return Ok(Value::ONE);
        };
        let mut sum = Value::ZERO;
        let mut negative = false;
        for (column, entry) in first.iter().enumerate() {
            if used >> column & 1 == 1 {
                continue;
            }
            self.budget.spend(2)?;
            if !matches!(entry, Value::Exact(exact) if exact.is_zero()) {
                let minor = self.determinant(rest, used | 1 << column)?;
                let term = entry.times(&minor, self.budget)?;
                let term = if negative { term.negated() } else { term };
                sum = sum.plus(&term, self.budget)?;
            }
            negative = !negative;
        }
        Ok(sum)
    }

    /// The root of the sum of the squares.
    fn length(&mut self, entries: impl Iterator<Item = &'e Expr>) -> Result<Value, Fault> {
        let mut sum = Value::ZERO;
        for entry in entries {
            let size =
                super::functions::call("abs", &[self.value(entry)?], self.point, self.budget)?;
            sum = sum.plus(&size.times(&size, self.budget)?, self.budget)?;
        }
        sum.power(&Value::Exact(Rational::Small(1, 2)), self.budget)
    }
}
