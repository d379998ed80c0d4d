//! Sets of real numbers and of whole numbers.

use super::Comparer;
use super::conditions::{Kind, number_set};
use super::intervals::{Endpoint, Interval, RealSet, all, complement};
use crate::evaluate::{Fault, Point, Value};
use crate::expr::{Expr, Joint};
use crate::rational::Rational;

/// Most whole numbers that a set lists.
const MOST: i64 = 400;

/// Numbers: all real numbers in a set, or the whole ones of them.
pub(super) struct Numbers {
    pub(super) set: RealSet,
    pub(super) whole: bool,
}

impl Comparer<'_> {
    /// The numbers that an expression describes at a point, if it describes a set of numbers.
    pub(super) fn numbers(&mut self, expr: &Expr, point: Point) -> Result<Option<Numbers>, Fault> {
        self.budget.spend(1)?;
        Ok(match expr {
            Expr::Symbol(_) => match number_set_of(expr) {
                Some((low, whole)) => Some(self.limited(above(low), whole)?),
                None => None,
            },
            Expr::SetOf(condition) => self.builder(condition, point)?,
            Expr::SetOperation(operation, parts) => {
                let (left, right) = (
                    self.numbers(&parts.0, point)?,
                    self.numbers(&parts.1, point)?,
                );
                match (left, right) {
                    (Some(left), Some(right)) => self.combined(*operation, &left, &right)?,
                    _ => None,
                }
            }
            other => self
                .real_set(other, point)?
                .map(|set| Numbers { set, whole: false }),
        })
    }

    /// Numbers under conditions, of which some may say that they are whole.
    fn builder(&mut self, condition: &Expr, point: Point) -> Result<Option<Numbers>, Fault> {
        let conditions = match condition {
            Expr::List {
                joint: Joint::And | Joint::Comma,
                items,
            } => items.as_slice(),
            other => std::slice::from_ref(other),
        };
        let mut set = all();
        let mut whole = false;
        for condition in conditions {
            let member = match condition {
                Expr::Relation(_, rest) => match rest.as_slice() {
                    [('∈', set @ Expr::Symbol(_))] => Some(set),
                    _ => None,
                },
                _ => None,
            };
            let part = match member {
                Some(member) => {
                    let Some((low, of_whole)) = number_set_of(member) else {
                        return Ok(None);
                    };
                    whole |= of_whole;
                    above(low)
                }
                None => match self.real_set(condition, point)? {
                    Some(part) => part,
                    None => return Ok(None),
                },
            };
            set = self.intersection(&set, &part)?;
        }
        self.limited(set, whole).map(Some)
    }

    fn combined(
        &mut self,
        operation: char,
        left: &Numbers,
        right: &Numbers,
    ) -> Result<Option<Numbers>, Fault> {
        let whole = left.whole || operation == '∩' && right.whole;
        let set = match operation {
            '∪' if left.whole == right.whole => {
                self.merged([left.set.clone(), right.set.clone()].concat())?
            }
            '∩' => self.intersection(&left.set, &right.set)?,
            '∖' if left.whole || !right.whole => {
                self.intersection(&left.set, &complement(&right.set))?
            }
            _ => return Ok(None),
        };
        self.limited(set, whole).map(Some)
    }

    /// The numbers in a set. Whole numbers between two bounds are listed, and others start at a
    /// whole number.
    fn limited(&mut self, set: RealSet, whole: bool) -> Result<Numbers, Fault> {
        if !whole {
            return Ok(Numbers { set, whole });
        }
        let mut listed = Vec::new();
        let mut rest = Vec::new();
        for interval in set {
            let low = self.first_whole(&interval.low)?;
            let high = self
                .first_whole(&mirrored(&interval.high))?
                .map(|high| -high);
            match (low, high) {
                (Some(low), Some(high)) if high - low < MOST => {
                    self.budget.spend((high - low).max(0) as u64 + 1)?;
                    listed.extend((low..=high).map(point_at));
                }
                (Some(_), Some(_)) => return Err(Fault::Undefined),
                (low, high) => rest.push(Interval {
                    low: low.map_or(interval.low, at),
                    high: high.map_or(interval.high, at),
                }),
            }
        }
        let whole = !rest.is_empty();
        listed.extend(rest);
        Ok(Numbers {
            set: self.merged(listed)?,
            whole,
        })
    }

    /// The first whole number from a lower end on. `None` if there is no end.
    fn first_whole(&mut self, end: &Endpoint) -> Result<Option<i64>, Fault> {
        const LARGEST: f64 = 1e9;
        let floor = match &end.at {
            Value::Infinite { .. } => return Ok(None),
            Value::Exact(value) => value.floor(self.budget)?.as_i64(),
            Value::Ball(ball) => {
                let value = ball.re.high;
                let clear = (value - value.round()).abs() > 1e-9 && value.abs() < LARGEST;
                clear.then(|| value.floor() as i64)
            }
        };
        let floor = floor
            .filter(|floor| floor.abs() < LARGEST as i64)
            .ok_or(Fault::Undefined)?;
        let is_whole = end.at.as_i64() == Some(floor);
        Ok(Some(if is_whole && end.closed {
            floor
        } else {
            floor + 1
        }))
    }
}

/// The bound and the kind of a named set of numbers: a set of whole ones, or of real ones.
fn number_set_of(expr: &Expr) -> Option<(Option<(i64, bool)>, bool)> {
    let domain = number_set(expr)?;
    let whole = match domain.kind? {
        Kind::Integer => true,
        Kind::Real => false,
        Kind::Rational | Kind::Complex => return None,
    };
    // The natural numbers start at zero or at one.
    (!domain.natural && domain.high.is_none()).then_some((domain.low, whole))
}

fn above(low: Option<(i64, bool)>) -> RealSet {
    let mut set = all();
    if let (Some((low, closed)), Some(interval)) = (low, set.first_mut()) {
        interval.low = Endpoint {
            at: Value::Exact(Rational::integer(low)),
            closed,
        };
    }
    set
}

fn at(whole: i64) -> Endpoint {
    Endpoint {
        at: Value::Exact(Rational::integer(whole)),
        closed: true,
    }
}

fn point_at(whole: i64) -> Interval {
    Interval {
        low: at(whole),
        high: at(whole),
    }
}

fn mirrored(end: &Endpoint) -> Endpoint {
    Endpoint {
        at: end.at.clone().negated(),
        closed: end.closed,
    }
}
