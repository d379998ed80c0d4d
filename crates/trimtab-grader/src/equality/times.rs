//! Times of day.

use super::{Comparer, Equality};
use crate::expr::Expr;
use crate::rule::Rule;

/// A time of day: hours, then minutes and seconds.
struct Time {
    parts: Vec<i64>,
    /// Whether it says that it is before or after noon.
    half: Option<Half>,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Half {
    Am,
    Pm,
}

impl Comparer<'_> {
    /// Compares two times, at least one of which has "a.m." or "p.m.". A proportion without either
    /// may be a time, and is before or after noon. `None` if no side is such a time.
    pub(super) fn times(&mut self, gold: &Expr, answer: &Expr) -> Option<Equality> {
        let has_colon = |expr: &Expr| {
            matches!(expr, Expr::Quantity(inner, unit)
                if half(unit).is_some() && matches!(**inner, Expr::Ratio(_)))
        };
        match (time(gold), time(answer)) {
            (Some(gold), Some(answer)) if gold.half.is_some() || answer.half.is_some() => {
                Some(if gold.equals(&answer) {
                    self.equal_by(Rule::SameValue)
                } else {
                    self.different_by(Rule::OtherValue)
                })
            }
            _ if has_colon(gold) || has_colon(answer) => Some(self.different_by(Rule::OtherKind)),
            _ => None,
        }
    }
}

impl Time {
    fn equals(&self, other: &Self) -> bool {
        let minutes = |time: &Self| [time.parts.get(1).copied(), time.parts.get(2).copied()];
        let filled = |time: &Self| minutes(time).map(|part| part.unwrap_or(0));
        let hours = match (self.half, other.half) {
            (Some(_), Some(_)) => self.hour() == other.hour(),
            // 15:30 is in the afternoon and 0:30 at night, and 3:30 may be either.
            (None, _) if !(1..=12).contains(&self.parts[0]) => self.parts[0] % 24 == other.hour(),
            (_, None) if !(1..=12).contains(&other.parts[0]) => other.parts[0] % 24 == self.hour(),
            _ => self.parts[0] % 12 == other.parts[0] % 12,
        };
        hours && filled(self) == filled(other)
    }

    /// The hour of 24.
    fn hour(&self) -> i64 {
        let after_noon = self.half == Some(Half::Pm);
        self.parts[0] % 12 + if after_noon { 12 } else { 0 }
    }
}

fn time(expr: &Expr) -> Option<Time> {
    let (inner, half) = match expr {
        Expr::Quantity(inner, unit) => (&**inner, Some(half(unit)?)),
        Expr::Ratio(_) => (expr, None),
        _ => return None,
    };
    let parts = match inner {
        Expr::Ratio(parts) => parts.iter().map(whole).collect::<Option<Vec<_>>>()?,
        hour => vec![whole(hour)?],
    };
    (parts.len() <= 3 && parts[0] < 25).then_some(Time { parts, half })
}

fn half(unit: &str) -> Option<Half> {
    match unit {
        "am" | "AM" => Some(Half::Am),
        "pm" | "PM" => Some(Half::Pm),
        _ => None,
    }
}

fn whole(expr: &Expr) -> Option<i64> {
    match expr {
        Expr::Number { value, .. } => value.as_i64().filter(|number| *number >= 0),
        _ => None,
    }
}
