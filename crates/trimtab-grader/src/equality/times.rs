//! Times of day and durations.

use super::{Comparer, Equality};
use crate::Reason;
use crate::expr::Expr;
use crate::rule::Rule;

/// A time of day: hours, then minutes and seconds.
struct Time {
    parts: Vec<i64>,
    half: Half,
}

/// What is known about the half of the day.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Half {
    Am,
    Pm,
    /// It is a time, but may be before or after noon: `4:05`.
    Either,
    /// It may also be a proportion: `4:15`.
    Unclear,
}

impl Comparer<'_> {
    /// Compares two times, at least one of which can be nothing else: it has "a.m." or "p.m.", or
    /// minutes such as `05`. A proportion may be a time, and is before or after noon. `None` if no
    /// side is such a time.
    pub(super) fn times(&mut self, gold: &Expr, answer: &Expr) -> Option<Equality> {
        if !may_be_time(gold) && !may_be_time(answer) {
            return None;
        }
        if let Some(outcome) = self.durations(gold, answer) {
            return Some(outcome);
        }
        let has_colon = |expr: &Expr| {
            matches!(expr, Expr::Quantity(inner, unit)
                if half(unit).is_some() && matches!(**inner, Expr::Ratio(_)))
        };
        match (time(gold), time(answer)) {
            (Some(left), Some(right)) => {
                if left.half == Half::Unclear && right.half == Half::Unclear {
                    return self.proportions_or_times((gold, &left), (answer, &right));
                }
                Some(if left.equals(&right) {
                    self.equal_by(Rule::SameValue)
                } else {
                    self.different_by(Rule::OtherValue)
                })
            }
            _ if has_colon(gold) || has_colon(answer) => Some(self.different_by(Rule::OtherKind)),
            // `3:30` is a time or 1/10.
            (Some(time), None) if time.is_not_reduced() && answer.is_scalar() => {
                Some(Reason::NotUnderstood.into())
            }
            (None, Some(time)) if time.is_not_reduced() && gold.is_scalar() => {
                Some(Reason::NotUnderstood.into())
            }
            _ => None,
        }
    }

    /// `3:30` and `1:10` are the same proportion, and different times.
    fn proportions_or_times(
        &mut self,
        (gold, left): (&Expr, &Time),
        (answer, right): (&Expr, &Time),
    ) -> Option<Equality> {
        let (Expr::Ratio(golds), Expr::Ratio(answers)) = (gold, answer) else {
            return None;
        };
        // Nobody asks for the proportion 15:30, but it may be the answer 1:2.
        let unclear = left.is_not_reduced() || left.looks_like_time() && right.looks_like_time();
        if left.equals(right) || !unclear {
            return None;
        }
        Some(match self.ratios(golds, answers) {
            Equality::Equal => Reason::NotUnderstood.into(),
            outcome => outcome,
        })
    }

    /// Compares `2:30` with a quantity of hours and minutes, or of minutes and seconds.
    fn durations(&mut self, gold: &Expr, answer: &Expr) -> Option<Equality> {
        let (clock, quantity) = match (gold, answer) {
            (Expr::Quantity(_, unit), clock) if is_duration(unit) => (clock, gold),
            (clock, Expr::Quantity(_, unit)) if is_duration(unit) => (clock, answer),
            _ => return None,
        };
        let Expr::Quantity(_, unit) = quantity else {
            return None;
        };
        let parts = time(clock).filter(|time| matches!(time.half, Half::Unclear | Half::Either))?;
        let total = parts.parts.iter().fold(0, |total, part| 60 * total + part);
        let of = match (parts.parts.len(), unit.as_str()) {
            (2, "second") | (3, _) => "second",
            _ => "minute",
        };
        let total = Expr::Quantity(Box::new(Expr::integer(total)), of.to_owned());
        Some(self.compare(&total, quantity))
    }
}

impl Time {
    fn equals(&self, other: &Self) -> bool {
        let minutes = |time: &Self| [time.parts.get(1).copied(), time.parts.get(2).copied()];
        let filled = |time: &Self| minutes(time).map(|part| part.unwrap_or(0));
        let known = |time: &Self| matches!(time.half, Half::Am | Half::Pm);
        let hours = if known(self) && known(other) {
            self.hour() == other.hour()
        } else if !known(self) && !known(other) {
            self.parts[0] == other.parts[0]
        } else {
            let (free, fixed) = if known(self) {
                (other, self)
            } else {
                (self, other)
            };
            // 15:30 is in the afternoon and 0:30 at night, and 3:30 may be either.
            if (1..=12).contains(&free.parts[0]) {
                free.parts[0] % 12 == fixed.parts[0] % 12
            } else {
                free.parts[0] % 24 == fixed.hour()
            }
        };
        hours && filled(self) == filled(other)
    }

    /// The hour of 24.
    fn hour(&self) -> i64 {
        self.parts[0] % 12 + if self.half == Half::Pm { 12 } else { 0 }
    }

    /// Whether it is written like a time: `3:30`, not `3:5` or `40:70`.
    fn looks_like_time(&self) -> bool {
        self.half == Half::Unclear
            && self.parts.len() > 1
            && self.parts[1..].iter().all(|part| (10..60).contains(part))
    }

    /// Whether it looks like a time, and would be reduced as a proportion: `3:30`, not `1:10`.
    fn is_not_reduced(&self) -> bool {
        let common = |mut left: i64, mut right: i64| {
            while right != 0 {
                (left, right) = (right, left % right);
            }
            left
        };
        self.looks_like_time() && common(self.parts[0], self.parts[1]) > 1
    }
}

/// Whether an expression may be a time, or is one for sure.
fn may_be_time(expr: &Expr) -> bool {
    match expr {
        Expr::Ratio(_) => true,
        Expr::Quantity(_, unit) => half(unit).is_some(),
        _ => false,
    }
}

fn time(expr: &Expr) -> Option<Time> {
    let (inner, half) = match expr {
        Expr::Quantity(inner, unit) => (&**inner, half(unit)?),
        Expr::Ratio(_) => (expr, Half::Unclear),
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
        "clock" => Some(Half::Either),
        _ => None,
    }
}

fn is_duration(unit: &str) -> bool {
    matches!(unit, "hour" | "minute" | "second")
}

fn whole(expr: &Expr) -> Option<i64> {
    match expr {
        Expr::Number { value, .. } => value.as_i64().filter(|number| *number >= 0),
        _ => None,
    }
}
