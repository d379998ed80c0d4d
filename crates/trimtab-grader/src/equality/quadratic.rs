//! Quadratic inequalities in one variable.

use std::cmp::Ordering;

use super::Comparer;
use super::intervals::{Endpoint, Interval, RealSet, all, complement, infinity};
use crate::evaluate::{Fault, Sameness, Value, sameness};
use crate::rational::Rational;

impl Comparer<'_> {
    /// Where `f(x) relation 0`, given the values of `f` at 0, 1, -1 and 3. `None` if `f` is not
    /// quadratic.
    pub(super) fn quadratic(
        &mut self,
        [zero, one, minus_one, three]: &[Value; 4],
        relation: char,
    ) -> Result<Option<RealSet>, Fault> {
        let number = |value: i64| Value::Exact(Rational::integer(value));
        let half = Value::Exact(Rational::Small(1, 2));
        // f(x) = a x^2 + b x + c
        let both = one
            .plus(minus_one, self.budget)?
            .times(&half, self.budget)?;
        let a = both.plus(&zero.clone().negated(), self.budget)?;
        let b = one
            .plus(&minus_one.clone().negated(), self.budget)?
            .times(&half, self.budget)?;
        let expected = a
            .times(&number(9), self.budget)?
            .plus(&b.times(&number(3), self.budget)?, self.budget)?
            .plus(zero, self.budget)?;
        if sameness(&expected, three, self.budget)? != Sameness::Same {
            return Ok(None);
        }
        let opens_up = match a.order(&Value::ZERO, self.budget)? {
            Some(Ordering::Greater) => true,
            Some(Ordering::Less) => false,
            _ => return Ok(None),
        };
        let four = number(-4)
            .times(&a, self.budget)?
            .times(zero, self.budget)?;
        let discriminant = b.times(&b, self.budget)?.plus(&four, self.budget)?;
        let roots = match discriminant.order(&Value::ZERO, self.budget)? {
            Some(Ordering::Less) => None,
            Some(_) => {
                let root = discriminant.power(&half, self.budget)?;
                let below = a.times(&number(2), self.budget)?.inverse(self.budget)?;
                let mut ends = Vec::with_capacity(2);
                for root in [root.clone().negated(), root] {
                    let above = b.clone().negated().plus(&root, self.budget)?;
                    ends.push(above.times(&below, self.budget)?);
                }
                if !opens_up {
                    ends.reverse();
                }
                Some(ends)
            }
            None => return Ok(None),
        };
        Ok(solutions(roots, opens_up, relation))
    }
}

/// Where a parabola with these roots satisfies a relation to zero.
fn solutions(roots: Option<Vec<Value>>, opens_up: bool, relation: char) -> Option<RealSet> {
    let closed = matches!(relation, '≤' | '≥' | '=');
    let between = match relation {
        '<' | '≤' => opens_up,
        '>' | '≥' => !opens_up,
        '=' | '≠' => true,
        _ => return None,
    };
    let Some(roots) = roots else {
        let never = matches!(relation, '=') || !matches!(relation, '≠') && between;
        return Some(if never { Vec::new() } else { all() });
    };
    let [low, high] = roots.as_slice() else {
        return None;
    };
    let end = |at: &Value, closed| Endpoint {
        at: at.clone(),
        closed,
    };
    let equal = low.as_i64().is_some() && low.as_i64() == high.as_i64();
    let point = |at: &Value| Interval {
        low: end(at, true),
        high: end(at, true),
    };
    let points = if equal {
        vec![point(low)]
    } else {
        vec![point(low), point(high)]
    };
    match relation {
        '=' => return Some(points),
        '≠' => return Some(complement(&points)),
        _ => {}
    }
    Some(if between {
        if equal {
            return Some(if closed { points } else { Vec::new() });
        }
        vec![Interval {
            low: end(low, closed),
            high: end(high, closed),
        }]
    } else if equal {
        if closed { all() } else { complement(&points) }
    } else {
        vec![
            Interval {
                low: infinity(true),
                high: end(low, closed),
            },
            Interval {
                low: end(high, closed),
                high: infinity(false),
            },
        ]
    })
}
