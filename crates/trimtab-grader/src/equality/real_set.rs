//! Sets of real numbers: intervals, unions and solutions of inequalities.

use std::cmp::Ordering;

use super::intervals::{
    Endpoint, Interval, RealSet, all, complement, infinity, mirrored, not_negative,
};
use super::names::named;
use super::{Comparer, Equality};
use crate::Reason;
use crate::evaluate::{Fault, Point, Sameness, Value, evaluate_with, sameness};
use crate::expr::{Expr, Joint};
use crate::rational::Rational;
use crate::rule::Rule;

impl Comparer<'_> {
    /// Compares two sets of real numbers.
    ///
    /// `None` if both sides are plain lists or tuples, or if one is not a set of real numbers.
    pub(super) fn real_sets(&mut self, gold: &Expr, answer: &Expr) -> Option<Equality> {
        if !is_region(gold) && !is_region(answer) {
            return None;
        }
        let (gold, answer) = (&without_functions(gold), &without_functions(answer));
        let (gold_expr, answer_expr) = (gold, answer);
        let binds = |expr: &Expr| matches!(expr, Expr::SetOf(_));
        if let (Some(left), Some(right)) = (variable(gold), variable(answer))
            && left != right
            && !binds(gold)
            && !binds(answer)
        {
            return Some(Equality::Unknown(Reason::Names));
        }
        // The ends may contain variables, so the sets have to agree at several points.
        let mut outcome = Equality::Equal;
        for round in 0..3 {
            let point = Point::new(self.seed.wrapping_add(round));
            let sets = (self.numbers(gold, point), self.numbers(answer, point));
            let (gold, answer) = match sets {
                (Ok(Some(gold)), Ok(Some(answer))) => (gold, answer),
                (Err(Fault::Stop(reason)), _) | (_, Err(Fault::Stop(reason))) => {
                    return Some(reason.into());
                }
                (Err(Fault::Undefined), _) | (_, Err(Fault::Undefined)) => {
                    outcome = Equality::Unknown(Reason::Precision);
                    continue;
                }
                _ => return None,
            };
            // `a < b < c` has no solution only at points where a exceeds c.
            let empty_here =
                |set: &RealSet, expr: &Expr| set.is_empty() && expr.symbols().len() > 1;
            if empty_here(&gold.set, gold_expr) || empty_here(&answer.set, answer_expr) {
                outcome = Equality::Unknown(Reason::Precision);
                continue;
            }
            match self.same_intervals(&gold.set, &answer.set) {
                Ok(true) if gold.whole == answer.whole => {}
                Ok(_) => return Some(self.different_by(Rule::OtherItems)),
                Err(Fault::Undefined) => outcome = Equality::Unknown(Reason::Precision),
                Err(Fault::Stop(reason)) => return Some(reason.into()),
            }
        }
        Some(match outcome {
            Equality::Equal => self.equal_by(Rule::SameSet),
            other => other,
        })
    }

    /// The set that `expr` describes at `point`, if it describes one.
    pub(super) fn real_set(&mut self, expr: &Expr, point: Point) -> Result<Option<RealSet>, Fault> {
        self.budget.spend(2)?;
        Ok(match expr {
            Expr::Tuple { open, close, items } if items.len() == 2 => {
                let (low, high) = (
                    self.end(&items[0], *open == '[', point)?,
                    self.end(&items[1], *close == ']', point)?,
                );
                match self.ordered(&low.at, &high.at)? {
                    Ordering::Less => Some(vec![Interval { low, high }]),
                    Ordering::Equal if low.closed && high.closed => {
                        Some(vec![Interval { low, high }])
                    }
                    _ => None,
                }
            }
            Expr::Set(items) => {
                let mut set = Vec::new();
                for item in items {
                    let end = self.end(item, true, point)?;
                    set.push(Interval {
                        low: end.clone(),
                        high: end,
                    });
                }
                Some(self.merged(set)?)
            }
            Expr::Symbol(name) if name == "mathbb R" => Some(all()),
            Expr::SetOf(condition) => self.real_set(condition, point)?,
            Expr::SetOperation(operation, parts) => {
                let (left, right) = (
                    self.real_set(&parts.0, point)?,
                    self.real_set(&parts.1, point)?,
                );
                let (Some(left), Some(right)) = (left, right) else {
                    return Ok(None);
                };
                Some(match operation {
                    '∪' => self.merged([left, right].concat())?,
                    '∩' => self.intersection(&left, &right)?,
                    _ => {
                        let rest = complement(&right);
                        self.intersection(&left, &rest)?
                    }
                })
            }
            // A difference written with a minus sign.
            Expr::Sum(terms) => match terms.as_slice() {
                [left, Expr::Negative(right)]
                    if is_region(left) || matches!(**right, Expr::Set(_)) =>
                {
                    let (left, right) = (self.real_set(left, point)?, self.real_set(right, point)?);
                    match (left, right) {
                        (Some(left), Some(right)) => {
                            Some(self.intersection(&left, &complement(&right))?)
                        }
                        _ => None,
                    }
                }
                _ => None,
            },
            Expr::List { joint, items } => return self.joined_sets(*joint, items, point),
            Expr::Relation(..) => return self.related(expr, point),
            _ => None,
        })
    }

    /// The numbers that satisfy all conditions, or any of them.
    fn joined_sets(
        &mut self,
        joint: Joint,
        items: &[Expr],
        point: Point,
    ) -> Result<Option<RealSet>, Fault> {
        let unequal = |item: &Expr| match item {
            Expr::Relation(_, rest) => rest.iter().all(|(relation, _)| *relation == '≠'),
            _ => false,
        };
        let both = match joint {
            Joint::Or => false,
            Joint::And => !items
                .iter()
                .all(|item| matches!(item, Expr::Tuple { .. } | Expr::SetOperation(..))),
            // "1 < x < 3, x ≠ 2"
            Joint::Comma if items.iter().filter(|item| !unequal(item)).count() <= 1 => true,
            Joint::Comma => return self.disjoint(items, point),
        };
        let mut set = if both { all() } else { Vec::new() };
        for item in items {
            let Some(part) = self.real_set(item, point)? else {
                return Ok(None);
            };
            set = if both {
                self.intersection(&set, &part)?
            } else {
                self.merged([set, part].concat())?
            };
        }
        Ok(Some(set))
    }

    /// The union of regions between commas, if no number is in two of them: `x < 1, x > 2`.
    fn disjoint(&mut self, items: &[Expr], point: Point) -> Result<Option<RealSet>, Fault> {
        let mut union = Vec::new();
        for item in items {
            let Some(part) = self.real_set(item, point)? else {
                return Ok(None);
            };
            if !is_region(item) || !self.intersection(&union, &part)?.is_empty() {
                return Ok(None);
            }
            union = self.merged([union, part].concat())?;
        }
        Ok(Some(union))
    }

    /// The numbers that satisfy a relation.
    fn related(&mut self, expr: &Expr, point: Point) -> Result<Option<RealSet>, Fault> {
        let Expr::Relation(first, rest) = expr else {
            return Ok(None);
        };
        if let Some(found) = named(expr)
            && found.name.is_some()
        {
            if matches!(found.name, Some(Expr::Tuple { .. })) || names_number_set(found.value) {
                return Ok(None); // a point, or numbers of a kind
            }
            if matches!(found.value, Expr::Symbol(name) if name == "mathbb R") {
                return Ok(Some(all()));
            }
            if !found.value.is_scalar() {
                return self.real_set(found.value, point);
            }
            let end = self.end(found.value, true, point)?;
            return Ok(Some(vec![Interval {
                low: end.clone(),
                high: end,
            }]));
        }
        let Some(variable) = variable(expr) else {
            return Ok(None);
        };
        // A name before a chain about it: `x = 1 \le x \le 2`.
        let is_variable = |part: &Expr| matches!(part, Expr::Symbol(name) if name == variable);
        let parts = std::iter::once(&**first).chain(rest.iter().map(|(_, part)| part));
        if parts.filter(|part| is_variable(part)).count() > 1 {
            return Ok(None);
        }
        if let Some((of_size, inner)) = by_size(expr, variable) {
            let Some(sizes) = self.real_set(&of_size, point)? else {
                return Ok(None);
            };
            let sizes = self.intersection(&sizes, &not_negative())?;
            let inner_values = self.merged([mirrored(&sizes), sizes].concat())?;
            return self.preimage(&inner_values, inner, variable, point);
        }
        let mut set = all();
        let mut left = first.as_ref();
        for (relation, right) in rest {
            let Some(part) = self.solved(left, *relation, right, variable, point)? else {
                return Ok(None);
            };
            set = self.intersection(&set, &part)?;
            left = right;
        }
        Ok(Some(set))
    }

    /// The values of `variable` for which a linear expression is in the set.
    fn preimage(
        &mut self,
        set: &RealSet,
        linear: &Expr,
        variable: &str,
        point: Point,
    ) -> Result<Option<RealSet>, Fault> {
        let mut at = |x: i64| -> Result<Value, Fault> {
            let x = Value::Exact(Rational::integer(x));
            evaluate_with(linear, point, &[(variable, x)], self.budget)
        };
        let (start, one, three) = (at(0)?, at(1)?, at(3)?);
        let start = start.negated();
        let (slope, rise) = (
            one.plus(&start, self.budget)?,
            three.plus(&start, self.budget)?,
        );
        let three_times = Value::Exact(Rational::integer(3));
        if sameness(&slope.times(&three_times, self.budget)?, &rise, self.budget)? != Sameness::Same
        {
            return Ok(None);
        }
        let falling = match slope.order(&Value::ZERO, self.budget)? {
            Some(Ordering::Greater) => false,
            Some(Ordering::Less) => true,
            _ => return Ok(None),
        };
        let inverse = slope.inverse(self.budget)?;
        let mut solved = |end: &Endpoint| -> Result<Endpoint, Fault> {
            let at = match &end.at {
                Value::Infinite { negative } => Value::Infinite {
                    negative: *negative != falling,
                },
                value => value
                    .plus(&start, self.budget)?
                    .times(&inverse, self.budget)?,
            };
            Ok(Endpoint {
                at,
                closed: end.closed,
            })
        };
        let mut values = Vec::with_capacity(set.len());
        for interval in set {
            let (low, high) = (solved(&interval.low)?, solved(&interval.high)?);
            values.push(if falling {
                Interval {
                    low: high,
                    high: low,
                }
            } else {
                Interval { low, high }
            });
        }
        Ok(Some(self.merged(values)?))
    }

    /// The values of `variable` that satisfy a linear relation.
    fn solved(
        &mut self,
        left: &Expr,
        relation: char,
        right: &Expr,
        variable: &str,
        point: Point,
    ) -> Result<Option<RealSet>, Fault> {
        // `x < ∞` and `-∞ < x` hold for all numbers.
        if matches!(right, Expr::Infinity) && relation == '<' {
            return Ok(Some(all()));
        }
        if matches!(left, Expr::Negative(inner) if matches!(**inner, Expr::Infinity))
            && relation == '<'
        {
            return Ok(Some(all()));
        }
        let mut at = |x: i64| -> Result<Value, Fault> {
            let x = Value::Exact(Rational::integer(x));
            let bound = [(variable, x)];
            let left = evaluate_with(left, point, &bound, self.budget)?;
            let right = evaluate_with(right, point, &bound, self.budget)?;
            left.plus(&right.negated(), self.budget)
        };
        let (start, one, three, minus_one) = (at(0)?, at(1)?, at(3)?, at(-1));
        let three_times = Value::Exact(Rational::integer(3));
        let slope = one.plus(&start.clone().negated(), self.budget)?;
        let rise = three.plus(&start.clone().negated(), self.budget)?;
        if sameness(&slope.times(&three_times, self.budget)?, &rise, self.budget)? != Sameness::Same
        {
            let values = [start, one, minus_one?, three];
            return self.quadratic(&values, relation);
        }
        let rising = match slope.order(&Value::ZERO, self.budget)? {
            Some(Ordering::Greater) => true,
            Some(Ordering::Less) => false,
            _ => return Ok(None),
        };
        let root = start
            .negated()
            .times(&slope.inverse(self.budget)?, self.budget)?;
        Ok(solution(root, rising, relation))
    }

    fn end(&mut self, expr: &Expr, closed: bool, point: Point) -> Result<Endpoint, Fault> {
        Ok(Endpoint {
            at: evaluate_with(expr, point, &[], self.budget)?,
            closed,
        })
    }
}

/// Where a line that crosses zero at `root` satisfies `line relation 0`.
fn solution(root: Value, rising: bool, relation: char) -> Option<RealSet> {
    let end = |closed| Endpoint {
        at: root.clone(),
        closed,
    };
    let below = |closed| Interval {
        low: infinity(true),
        high: end(closed),
    };
    let above = |closed| Interval {
        low: end(closed),
        high: infinity(false),
    };
    let side = |is_below, closed| {
        vec![if is_below {
            below(closed)
        } else {
            above(closed)
        }]
    };
    Some(match relation {
        '<' | '≤' => side(rising, relation == '≤'),
        '>' | '≥' => side(!rising, relation == '≥'),
        '≠' => vec![below(false), above(false)],
        '=' => vec![Interval {
            low: end(true),
            high: end(true),
        }],
        _ => return None,
    })
}

/// Rewrites a relation of the absolute value of one expression as one of a variable, and returns
/// the expression. `None` if `variable` also occurs outside it.
fn by_size<'e>(expr: &'e Expr, variable: &str) -> Option<(Expr, &'e Expr)> {
    let is_variable = |part: &Expr| matches!(part, Expr::Symbol(name) if name == variable);
    let mut inner = None;
    let mut sizes = 0;
    expr.walk(&mut |part| {
        if let Expr::Call("abs", arguments) = part
            && let [argument] = arguments.as_slice()
            && argument.any(is_variable)
        {
            inner = Some(argument);
            sizes += 1;
        }
    });
    let inner = inner.filter(|_| sizes == 1)?;
    let changed = expr.rewritten(&|part| match part {
        Expr::Call("abs", arguments) if arguments[0].any(is_variable) => {
            Some(Expr::Symbol(format!("|{variable}|")))
        }
        _ => None,
    });
    (!changed.any(is_variable)).then_some((changed, inner))
}

/// The expression with unknown functions as variables: `0 < f(x) < 1`.
fn without_functions(expr: &Expr) -> Expr {
    expr.rewritten(&|part| match part {
        Expr::Opaque(..) => Some(Expr::Symbol(part.to_string())),
        _ => None,
    })
}

/// Whether an expression is the symbol of a set of numbers.
fn names_number_set(expr: &Expr) -> bool {
    matches!(expr, Expr::Symbol(name) if name.starts_with("mathbb ") && name != "mathbb R")
}

/// Whether the notation is that of a set of real numbers, not of a list or a tuple.
pub(super) fn is_region(expr: &Expr) -> bool {
    match expr {
        Expr::SetOf(_) | Expr::SetOperation(..) => true,
        Expr::Symbol(name) => name == "mathbb R" || names_number_set(expr),
        Expr::Relation(_, rest) => rest
            .iter()
            .any(|(relation, _)| matches!(relation, '<' | '>' | '≤' | '≥' | '≠' | '∈')),
        Expr::List { items, .. } => items.iter().any(is_region),
        Expr::Sum(terms) => terms.iter().any(|term| {
            is_region(term)
                || matches!(term, Expr::Negative(inner) if matches!(**inner, Expr::Set(_)))
        }),
        _ => false,
    }
}

/// The variable of an inequality: the only symbol, or the one that stands alone in a chain.
pub(super) fn variable(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::SetOf(condition) => variable(condition),
        Expr::List { items, .. } => items.iter().find_map(variable),
        Expr::Relation(first, rest) => {
            let symbols = expr.symbols();
            if let [only] = symbols.as_slice() {
                return Some(only);
            }
            let alone = |part: &Expr| matches!(part, Expr::Symbol(_));
            let part = match rest.as_slice() {
                [('∈', _)] => first.as_ref(),
                [(_, middle), _] if alone(middle) => middle,
                // A variable and a constant: `x > a`.
                [(_, right)] if alone(first) && alone(right) => {
                    if is_usual(first) || !is_usual(right) {
                        first.as_ref()
                    } else {
                        right
                    }
                }
                [(_, right)] if alone(first) != alone(right) => {
                    if alone(first) {
                        first.as_ref()
                    } else {
                        right
                    }
                }
                _ => return None,
            };
            match part {
                Expr::Symbol(name) => Some(name),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Whether a symbol usually is a variable and no constant.
fn is_usual(expr: &Expr) -> bool {
    matches!(expr, Expr::Symbol(name) if matches!(name.as_str(), "x" | "y" | "z" | "t" | "theta"))
}
