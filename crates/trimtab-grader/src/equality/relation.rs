//! Equations and inequalities.

use super::names::{Named, is_congruence, named, point, quantity_named};
use super::real_set::is_region;
use super::{Comparer, Equality, has_sign};
use crate::Reason;
use crate::evaluate::{Fault, Point, Sameness, Value, evaluate, sameness};
use crate::expr::Expr;
use crate::rule::Rule;

impl Comparer<'_> {
    /// Compares two answers if at least one is a relation.
    ///
    /// `None` if neither is, or if they have to be compared as sets of real numbers.
    pub(super) fn relations(&mut self, gold: &Expr, answer: &Expr) -> Option<Equality> {
        let relates = |expr: &Expr| matches!(expr, Expr::Relation(..)) || point(expr).is_some();
        if !relates(gold) && !relates(answer) {
            return None;
        }
        if let Some(outcome) = self.tuples_of_names(gold, answer) {
            return Some(outcome);
        }
        if is_congruence(gold) || is_congruence(answer) {
            // The order of the points matters, so only the texts are compared.
            return Some(Equality::Unknown(Reason::NotUnderstood));
        }
        // A point is no interval.
        let is_point = |expr: &Expr| {
            named(expr).is_some_and(|found| matches!(found.name, Some(Expr::Tuple { .. })))
        };
        if is_point(gold) && is_region(answer) && !is_point(answer)
            || is_point(answer) && is_region(gold) && !is_point(gold)
        {
            return Some(Equality::Unknown(Reason::NotUnderstood));
        }
        if self.miscalculates(gold) || self.miscalculates(answer) {
            return Some(Equality::Unknown(Reason::NotUnderstood));
        }
        // The answer may name what was asked for: `a + b = 5`.
        if gold.is_scalar()
            && gold.symbols().is_empty()
            && let Some(value) = quantity_named(answer)
        {
            return Some(self.unnamed(gold, value));
        }
        match (named(gold), named(answer)) {
            (Some(gold_named), Some(answer_named)) => {
                let outcome = self.both_named(&gold_named, &answer_named);
                Some(match outcome {
                    Equality::Equal => outcome,
                    _ => match self.equations(gold, answer) {
                        Equality::Equal => Equality::Equal,
                        _ => outcome,
                    },
                })
            }
            (Some(Named { value, .. }), None) if !relates(answer) => {
                Some(self.unnamed(value, answer))
            }
            (None, Some(Named { value, .. })) if !relates(gold) => Some(self.unnamed(gold, value)),
            _ => match (gold, answer) {
                (Expr::Relation(_, gold_rest), Expr::Relation(_, answer_rest)) => {
                    if gold_rest
                        .iter()
                        .chain(answer_rest)
                        .all(|(relation, _)| *relation == '=')
                        || symbols(gold).len() > 1
                        || symbols(answer).len() > 1
                    {
                        return Some(self.chains(gold, answer));
                    }
                    self.real_sets(gold, answer)
                        .or_else(|| Some(self.chains(gold, answer)))
                }
                _ => None,
            },
        }
    }

    /// Whether an equation of numbers is false: `42 = 7`.
    fn miscalculates(&mut self, expr: &Expr) -> bool {
        let Expr::Relation(first, rest) = expr else {
            return false;
        };
        let is_number = |part: &Expr| part.is_scalar() && symbols(part).is_empty();
        let exact = rest
            .iter()
            .all(|(relation, part)| *relation == '=' && is_number(part));
        let Some((_, last)) = rest.last().filter(|_| exact && is_number(first)) else {
            return false;
        };
        self.compare(first, last) == Equality::Different
    }

    /// Compares two values, one of which had a name.
    fn unnamed(&mut self, gold: &Expr, answer: &Expr) -> Equality {
        match self.compare(gold, answer) {
            Equality::Equal => self.equal_by(Rule::NameLeftOut),
            other => other,
        }
    }

    /// Compares part by part, forwards and backwards, or as single equations up to a factor.
    fn chains(&mut self, gold: &Expr, answer: &Expr) -> Equality {
        let (Expr::Relation(first, rest), Expr::Relation(other_first, other_rest)) = (gold, answer)
        else {
            return Equality::Different;
        };
        if rest.len() != other_rest.len() {
            return Equality::Unknown(Reason::NotUnderstood);
        }
        let parts = |first: &Expr, rest: &[(char, Expr)]| -> Vec<Expr> {
            std::iter::once(first.clone())
                .chain(rest.iter().map(|(_, part)| part.clone()))
                .collect()
        };
        let (golds, mut answers) = (parts(first, rest), parts(other_first, other_rest));
        let relations = |rest: &[(char, Expr)]| -> Vec<char> {
            rest.iter().map(|(relation, _)| *relation).collect()
        };
        let (gold_relations, mut answer_relations) = (relations(rest), relations(other_rest));
        for _ in 0..2 {
            if gold_relations == answer_relations
                && self.in_order(golds.iter().zip(&answers)) == Equality::Equal
            {
                return Equality::Equal;
            }
            answers.reverse();
            answer_relations.reverse();
            for relation in &mut answer_relations {
                *relation = mirrored(*relation);
            }
        }
        if rest.len() == 1 {
            return self.equations(gold, answer);
        }
        Equality::Different
    }

    /// Whether two equations or two inequalities are equal up to a factor.
    fn equations(&mut self, gold: &Expr, answer: &Expr) -> Equality {
        const POINTS: usize = 3;
        let (Some((gold, gold_relation)), Some((answer, answer_relation))) =
            (difference(gold), difference(answer))
        else {
            return Equality::Unknown(Reason::NotUnderstood);
        };
        if gold_relation != answer_relation || has_sign(&gold) || has_sign(&answer) {
            return Equality::Unknown(Reason::NotUnderstood);
        }
        let directed = !matches!(gold_relation, '=' | '≠' | '≡');
        let mut reference: Option<(Value, Value)> = None;
        let mut agreed = 0;
        for round in 0..10 {
            let point = Point::new(self.seed.wrapping_add(round));
            let values = (
                evaluate(&gold, point, self.budget),
                evaluate(&answer, point, self.budget),
            );
            let (left, right) = match values {
                (Ok(left), Ok(right)) => (left, right),
                (Err(Fault::Stop(reason)), _) | (_, Err(Fault::Stop(reason))) => {
                    return reason.into();
                }
                _ => continue,
            };
            let step = match &reference {
                None => self.reference(left, right, directed).map(|found| {
                    reference = found;
                    reference.is_some()
                }),
                Some((gold, answer)) => self.proportional(&left, answer, &right, gold),
            };
            match step {
                Ok(true) => agreed += 1,
                Ok(false) => return Equality::Different,
                Err(Fault::Undefined) => {}
                Err(Fault::Stop(reason)) => return reason.into(),
            }
            if agreed > POINTS {
                return self.equal_by(Rule::SameEquation);
            }
        }
        Equality::Unknown(Reason::Precision)
    }

    /// The first pair of nonzero values. `None` if only one value is zero, or if the signs differ
    /// where they matter.
    fn reference(
        &mut self,
        left: Value,
        right: Value,
        directed: bool,
    ) -> Result<Option<(Value, Value)>, Fault> {
        let is_zero =
            |value: &Value, comparer: &mut Self| sameness(value, &Value::ZERO, comparer.budget);
        match (is_zero(&left, self)?, is_zero(&right, self)?) {
            (Sameness::Different, Sameness::Different) => {
                if directed {
                    let signs = (
                        left.order(&Value::ZERO, self.budget)?,
                        right.order(&Value::ZERO, self.budget)?,
                    );
                    if signs.0.is_none() || signs.0 != signs.1 {
                        return Ok(None);
                    }
                }
                Ok(Some((left, right)))
            }
            (Sameness::Same, Sameness::Same) => Err(Fault::Undefined),
            _ => Ok(None),
        }
    }

    /// Whether `a b = c d`.
    fn proportional(&mut self, a: &Value, b: &Value, c: &Value, d: &Value) -> Result<bool, Fault> {
        let (left, right) = (a.times(b, self.budget)?, c.times(d, self.budget)?);
        match sameness(&left, &right, self.budget)? {
            Sameness::Same => Ok(true),
            Sameness::Different => Ok(false),
            Sameness::Unclear => Err(Fault::Undefined),
        }
    }
}

/// The difference of the sides of a single relation with variables. `>` and `≥` become `<` and
/// `≤`.
fn difference(expr: &Expr) -> Option<(Expr, char)> {
    let Expr::Relation(left, rest) = expr else {
        return None;
    };
    let [(relation, right)] = rest.as_slice() else {
        return None;
    };
    let is_infinite = expr.any(|part| matches!(part, Expr::Infinity));
    if !left.is_scalar() || !right.is_scalar() || is_infinite || symbols(expr).is_empty() {
        return None;
    }
    let minus = |left: &Expr, right: &Expr| {
        Expr::Sum(vec![left.clone(), Expr::Negative(Box::new(right.clone()))])
    };
    Some(match relation {
        '>' | '≥' => (minus(right, left), mirrored(*relation)),
        _ => (minus(left, right), *relation),
    })
}

fn mirrored(relation: char) -> char {
    match relation {
        '<' => '>',
        '>' => '<',
        '≤' => '≥',
        '≥' => '≤',
        other => other,
    }
}

/// The names of variables and unknown functions.
fn symbols(expr: &Expr) -> Vec<&str> {
    let mut symbols = expr.symbols();
    expr.walk(&mut |part| {
        if let Expr::Opaque(name, _) = part {
            symbols.push(name);
        }
    });
    symbols
}
