//! The algebra of intervals: unions, intersections, complements.

use std::cmp::Ordering;

use super::Comparer;
use crate::evaluate::{Fault, Sameness, Value, sameness};

/// An end of an interval.
#[derive(Clone, Debug)]
pub(super) struct Endpoint {
    pub(super) at: Value,
    pub(super) closed: bool,
}

/// From `low` to `high`.
#[derive(Clone, Debug)]
pub(super) struct Interval {
    pub(super) low: Endpoint,
    pub(super) high: Endpoint,
}

/// A set of real numbers, as disjoint intervals in ascending order.
pub(super) type RealSet = Vec<Interval>;

impl Comparer<'_> {
    pub(super) fn same_intervals(
        &mut self,
        gold: &RealSet,
        answer: &RealSet,
    ) -> Result<bool, Fault> {
        if gold.len() != answer.len() {
            return Ok(false);
        }
        for (left, right) in gold.iter().zip(answer) {
            for (left, right) in [(&left.low, &right.low), (&left.high, &right.high)] {
                let open = matches!(left.at, Value::Infinite { .. }) || left.closed == right.closed;
                match sameness(&left.at, &right.at, self.budget)? {
                    Sameness::Same if open => {}
                    Sameness::Unclear => return Err(Fault::Undefined),
                    _ => return Ok(false),
                }
            }
        }
        Ok(true)
    }

    pub(super) fn ordered(&mut self, left: &Value, right: &Value) -> Result<Ordering, Fault> {
        self.budget.spend(1)?;
        left.order(right, self.budget)?.ok_or(Fault::Undefined)
    }

    /// The order of two lower ends: a closed one starts before an open one.
    fn low_order(&mut self, left: &Endpoint, right: &Endpoint) -> Result<Ordering, Fault> {
        Ok(self
            .ordered(&left.at, &right.at)?
            .then(right.closed.cmp(&left.closed)))
    }

    /// The order of two upper ends: a closed one ends after an open one.
    fn high_order(&mut self, left: &Endpoint, right: &Endpoint) -> Result<Ordering, Fault> {
        Ok(self
            .ordered(&left.at, &right.at)?
            .then(left.closed.cmp(&right.closed)))
    }

    /// Sorts intervals and merges those that touch.
    pub(super) fn merged(&mut self, intervals: Vec<Interval>) -> Result<RealSet, Fault> {
        let mut sorted: RealSet = Vec::with_capacity(intervals.len());
        for interval in intervals {
            let mut at = sorted.len();
            while at > 0 && self.low_order(&interval.low, &sorted[at - 1].low)?.is_lt() {
                at -= 1;
            }
            sorted.insert(at, interval);
        }
        let mut merged: RealSet = Vec::with_capacity(sorted.len());
        for interval in sorted {
            if let Some(last) = merged.last_mut() {
                let touches = match self.ordered(&interval.low.at, &last.high.at)? {
                    Ordering::Less => true,
                    Ordering::Equal => interval.low.closed || last.high.closed,
                    Ordering::Greater => false,
                };
                if touches {
                    if self.high_order(&interval.high, &last.high)?.is_gt() {
                        last.high = interval.high;
                    }
                    continue;
                }
            }
            merged.push(interval);
        }
        Ok(merged)
    }

    pub(super) fn intersection(
        &mut self,
        left: &RealSet,
        right: &RealSet,
    ) -> Result<RealSet, Fault> {
        let mut intervals = Vec::new();
        for a in left {
            for b in right {
                self.budget.spend(2)?;
                let low = if self.low_order(&a.low, &b.low)?.is_gt() {
                    &a.low
                } else {
                    &b.low
                };
                let high = if self.high_order(&a.high, &b.high)?.is_lt() {
                    &a.high
                } else {
                    &b.high
                };
                let keeps = match self.ordered(&low.at, &high.at)? {
                    Ordering::Less => true,
                    Ordering::Equal => low.closed && high.closed,
                    Ordering::Greater => false,
                };
                if keeps {
                    intervals.push(Interval {
                        low: low.clone(),
                        high: high.clone(),
                    });
                }
            }
        }
        self.merged(intervals)
    }
}

pub(super) fn infinity(negative: bool) -> Endpoint {
    Endpoint {
        at: Value::Infinite { negative },
        closed: false,
    }
}

pub(super) fn all() -> RealSet {
    vec![Interval {
        low: infinity(true),
        high: infinity(false),
    }]
}

pub(super) fn not_negative() -> RealSet {
    vec![Interval {
        low: Endpoint {
            at: Value::ZERO,
            closed: true,
        },
        high: infinity(false),
    }]
}

/// The negatives of the numbers in the set.
pub(super) fn mirrored(set: &RealSet) -> RealSet {
    let negated = |end: &Endpoint| Endpoint {
        at: end.at.clone().negated(),
        closed: end.closed,
    };
    set.iter()
        .rev()
        .map(|interval| Interval {
            low: negated(&interval.high),
            high: negated(&interval.low),
        })
        .collect()
}

pub(super) fn complement(set: &RealSet) -> RealSet {
    let mut rest = Vec::with_capacity(set.len() + 1);
    let mut low = Some(infinity(true));
    for interval in set {
        if let Some(low) = low.take()
            && !matches!(interval.low.at, Value::Infinite { .. })
        {
            let high = Endpoint {
                at: interval.low.at.clone(),
                closed: !interval.low.closed,
            };
            rest.push(Interval { low, high });
        }
        if !matches!(interval.high.at, Value::Infinite { .. }) {
            low = Some(Endpoint {
                at: interval.high.at.clone(),
                closed: !interval.high.closed,
            });
        }
    }
    if let Some(low) = low {
        rest.push(Interval {
            low,
            high: infinity(false),
        });
    }
    rest
}
