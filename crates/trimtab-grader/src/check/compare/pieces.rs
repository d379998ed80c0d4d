//! The algebra of intervals: unions, intersections, complements.

use std::cmp::Ordering;

use super::Comparer;
use crate::check::evaluate::{Fault, Sameness, Value, sameness};

/// An interval's end.
#[derive(Clone, Debug)]
pub(super) struct End {
    pub(super) at: Value,
    pub(super) closed: bool,
}

/// From `low` to `high`.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    pub(super) low: End,
    pub(super) high: End,
}

/// Disjoint pieces in ascending order.
pub(super) type RealSet = Vec<Piece>;

impl Comparer<'_> {
    pub(super) fn same_pieces(&mut self, gold: &RealSet, answer: &RealSet) -> Result<bool, Fault> {
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
        left.order(right, self.budget)?.ok_or(Fault::Undefined)
    }

    /// The order of two low ends: a closed one starts before an open one.
    fn low_order(&mut self, left: &End, right: &End) -> Result<Ordering, Fault> {
        Ok(self
            .ordered(&left.at, &right.at)?
            .then(right.closed.cmp(&left.closed)))
    }

    /// The order of two high ends: a closed one ends after an open one.
    fn high_order(&mut self, left: &End, right: &End) -> Result<Ordering, Fault> {
        Ok(self
            .ordered(&left.at, &right.at)?
            .then(left.closed.cmp(&right.closed)))
    }

    /// Sorts pieces and joins those that touch.
    pub(super) fn merged(&mut self, pieces: Vec<Piece>) -> Result<RealSet, Fault> {
        let mut sorted: RealSet = Vec::with_capacity(pieces.len());
        for piece in pieces {
            let mut at = sorted.len();
            while at > 0 && self.low_order(&piece.low, &sorted[at - 1].low)?.is_lt() {
                at -= 1;
            }
            sorted.insert(at, piece);
        }
        let mut merged: RealSet = Vec::with_capacity(sorted.len());
        for piece in sorted {
            if let Some(last) = merged.last_mut() {
                let touches = match self.ordered(&piece.low.at, &last.high.at)? {
                    Ordering::Less => true,
                    Ordering::Equal => piece.low.closed || last.high.closed,
                    Ordering::Greater => false,
                };
                if touches {
                    if self.high_order(&piece.high, &last.high)?.is_gt() {
                        last.high = piece.high;
                    }
                    continue;
                }
            }
            merged.push(piece);
        }
        Ok(merged)
    }

    pub(super) fn intersection(
        &mut self,
        left: &RealSet,
        right: &RealSet,
    ) -> Result<RealSet, Fault> {
        let mut pieces = Vec::new();
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
                    pieces.push(Piece {
                        low: low.clone(),
                        high: high.clone(),
                    });
                }
            }
        }
        self.merged(pieces)
    }
}

pub(super) fn infinity(negative: bool) -> End {
    End {
        at: Value::Infinite { negative },
        closed: false,
    }
}

pub(super) fn all() -> RealSet {
    vec![Piece {
        low: infinity(true),
        high: infinity(false),
    }]
}

pub(super) fn not_negative() -> RealSet {
    vec![Piece {
        low: End {
            at: Value::ZERO,
            closed: true,
        },
        high: infinity(false),
    }]
}

/// The set on the other side of zero.
pub(super) fn mirrored(set: &RealSet) -> RealSet {
    let negated = |end: &End| End {
        at: end.at.clone().negated(),
        closed: end.closed,
    };
    set.iter()
        .rev()
        .map(|piece| Piece {
            low: negated(&piece.high),
            high: negated(&piece.low),
        })
        .collect()
}

pub(super) fn complement(set: &RealSet) -> RealSet {
    let mut rest = Vec::with_capacity(set.len() + 1);
    let mut low = Some(infinity(true));
    for piece in set {
        if let Some(low) = low.take()
            && !matches!(piece.low.at, Value::Infinite { .. })
        {
            let high = End {
                at: piece.low.at.clone(),
                closed: !piece.low.closed,
            };
            rest.push(Piece { low, high });
        }
        if !matches!(piece.high.at, Value::Infinite { .. }) {
            low = Some(End {
                at: piece.high.at.clone(),
                closed: !piece.high.closed,
            });
        }
    }
    if let Some(low) = low {
        rest.push(Piece {
            low,
            high: infinity(false),
        });
    }
    rest
}
