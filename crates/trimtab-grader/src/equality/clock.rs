//! Times of day.

use super::{Comparer, Equality};
use crate::expr::Expr;
use crate::rule::Rule;

/// A time of day.
struct Clock {
    /// Hours, minutes and seconds as written.
    parts: [i64; 3],
    /// Whether it is in the afternoon, if that is said.
    afternoon: Option<bool>,
}

impl Comparer<'_> {
    /// Compares two answers if at least one is a time of day with its half, else returns `None`.
    pub(super) fn clocks(&mut self, gold: &Expr, answer: &Expr) -> Option<Equality> {
        let may_be_time =
            |expr: &Expr| expr.is_scalar() || matches!(expr, Expr::Ratio(_)) || has_half(expr);
        let said = has_half(gold) || has_half(answer);
        if !(said && may_be_time(gold) && may_be_time(answer)) {
            return None;
        }
        let equal = match (clock(gold), clock(answer)) {
            (Some(gold), Some(answer)) => gold.agrees_with(&answer),
            _ => false,
        };
        Some(if equal {
            self.equal_by(Rule::SameValue)
        } else {
            self.different_by(Rule::OtherValue)
        })
    }
}

impl Clock {
    /// Whether two times are the same, where one may leave out the half of the day.
    fn agrees_with(&self, other: &Self) -> bool {
        match (self.afternoon, other.afternoon) {
            (None, Some(_)) => other.agrees_with(self),
            (Some(_), None) => self.parts == other.parts || self.full_day() == other.parts,
            _ => self.full_day() == other.full_day(),
        }
    }

    /// Hours from zero to 23.
    fn full_day(&self) -> [i64; 3] {
        let [hours, minutes, seconds] = self.parts;
        let hours = match self.afternoon {
            Some(afternoon) => hours % 12 + 12 * i64::from(afternoon),
            None => hours,
        };
        [hours, minutes, seconds]
    }
}

fn has_half(expr: &Expr) -> bool {
    matches!(expr, Expr::Quantity(_, unit) if matches!(unit.as_str(), "am" | "pm"))
}

/// Reads a time. `None` if it is not one.
fn clock(expr: &Expr) -> Option<Clock> {
    let (written, afternoon) = match expr {
        Expr::Quantity(inner, unit) if has_half(expr) => (&**inner, Some(unit == "pm")),
        _ => (expr, None),
    };
    let items = match written {
        Expr::Ratio(items) => items.as_slice(),
        hours => std::slice::from_ref(hours),
    };
    let mut parts = [0; 3];
    for (index, item) in items.iter().enumerate() {
        let Expr::Number { value, .. } = item else {
            return None;
        };
        *parts.get_mut(index)? = value.as_i64()?;
    }
    let hours = if afternoon.is_some() { 1..=12 } else { 0..=24 };
    let fits = hours.contains(&parts[0]) && parts[1..].iter().all(|part| (0..60).contains(part));
    fits.then_some(Clock { parts, afternoon })
}
