//! Equations and inequalities.

use super::names::{Named, is_congruence, named, point, quantity_named};
use super::real_set::is_region;
use super::{Comparer, Equality, has_sign};
use crate::Reason;
use crate::evaluate::{Fault, Point, Sameness, Value, Variables, evaluate, sameness};
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
        // `\sin A = 3/5` names its value.
        if answer.is_scalar()
            && answer.symbols().is_empty()
            && matches!(gold, Expr::Relation(first, _) if matches!(**first, Expr::Call(..)))
            && let Some(value) = quantity_named(gold)
        {
            return Some(self.unnamed(value, answer));
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
        let (Some((gold, gold_relation)), Some((answer, answer_relation))) =
            (difference(gold), difference(answer))
        else {
            return Equality::Unknown(Reason::NotUnderstood);
        };
        if gold_relation != answer_relation || has_sign(&gold) || has_sign(&answer) {
            return Equality::Unknown(Reason::NotUnderstood);
        }
        let directed = !matches!(gold_relation, '=' | '≠' | '≡');
        self.proportionals(&gold, &answer, directed)
    }

    /// Whether two expressions are equal up to a constant factor.
    fn proportionals(&mut self, gold: &Expr, answer: &Expr, directed: bool) -> Equality {
        const POINTS: usize = 3;
        let mut reference: Option<(Value, Value)> = None;
        let mut agreed = 0;
        for round in 0..10 {
            let point = Point::new(self.seed.wrapping_add(round));
            let values = (
                evaluate(gold, point, self.budget),
                evaluate(answer, point, self.budget),
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
                Ok(false) if !directed && (divides(gold) || divides(answer)) => {
                    return self.without_divisors(gold, answer);
                }
                Ok(false) => return Equality::Different,
                Err(Fault::Undefined) => {}
                Err(Fault::Stop(reason)) => return reason.into(),
            }
            if agreed > POINTS {
                return match &reference {
                    Some(reference) if self.differs_by_sign(gold, answer, reference) => {
                        Equality::Different
                    }
                    _ => self.equal_by(Rule::SameEquation),
                };
            }
        }
        Equality::Unknown(Reason::Precision)
    }

    /// Whether two expressions that are proportional for positive variables are not so for others,
    /// as with an absolute value: `|x| = 5` and `x = 5`.
    fn differs_by_sign(
        &mut self,
        gold: &Expr,
        answer: &Expr,
        (gold_reference, answer_reference): &(Value, Value),
    ) -> bool {
        let bends = |expr: &Expr| {
            expr.any(|part| {
                matches!(
                    part,
                    Expr::Call("abs" | "max" | "min" | "floor" | "ceil", _)
                )
            })
        };
        if !bends(gold) && !bends(answer) {
            return false;
        }
        (0..8).any(|round| {
            let point = Point {
                variables: Variables::Signed,
                scale: if round % 2 == 0 { 1 } else { 40 },
                ..Point::new(self.seed.wrapping_add(round))
            };
            let values = (
                evaluate(gold, point, self.budget),
                evaluate(answer, point, self.budget),
            );
            let (Ok(left), Ok(right)) = values else {
                return values.0.is_ok() != values.1.is_ok(); // `\ln|x|` and `\ln x`
            };
            let same = self.proportional(&left, answer_reference, &right, gold_reference);
            matches!(same, Ok(false))
        })
    }

    /// Compares two equations that differ by a variable factor, if it cannot vanish where they
    /// hold: `xy = 6` is `y = 6/x`, for `x = 0` solves neither.
    fn without_divisors(&mut self, gold: &Expr, answer: &Expr) -> Equality {
        let unknown = Equality::Unknown(Reason::NotUnderstood);
        let (Some((plain_gold, by_gold)), Some((plain_answer, by_answer))) =
            (multiplied(gold), multiplied(answer))
        else {
            return unknown;
        };
        if divides(&plain_gold)
            || divides(&plain_answer)
            || self.proportionals(&plain_gold, &plain_answer, false) != Equality::Equal
        {
            return unknown;
        }
        let vanishes = by_gold.iter().chain(&by_answer).any(|name| {
            let at_zero = |expr: &Expr| {
                expr.rewritten(&|part| match part {
                    Expr::Symbol(symbol) if symbol == name => Some(Expr::integer(0)),
                    _ => None,
                })
            };
            let (left, right) = (at_zero(&plain_gold), at_zero(&plain_answer));
            // The rest is a constant other than zero.
            !self.is_nonzero_constant(&left) || !self.is_nonzero_constant(&right)
        });
        if vanishes {
            unknown
        } else {
            self.equal_by(Rule::SameEquation)
        }
    }

    fn is_nonzero_constant(&mut self, expr: &Expr) -> bool {
        let at = |seed: u64, comparer: &mut Self| {
            evaluate(
                expr,
                Point::new(comparer.seed.wrapping_add(seed)),
                comparer.budget,
            )
        };
        let (Ok(first), Ok(second), Ok(third)) = (at(0, self), at(1, self), at(2, self)) else {
            return false;
        };
        let same = |left: &Value, right: &Value, comparer: &mut Self| {
            sameness(left, right, comparer.budget)
        };
        same(&first, &second, self) == Ok(Sameness::Same)
            && same(&first, &third, self) == Ok(Sameness::Same)
            && same(&first, &Value::ZERO, self) == Ok(Sameness::Different)
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

/// Whether an expression divides by a variable.
fn divides(expr: &Expr) -> bool {
    expr.any(|part| matches!(part, Expr::Quotient(parts) if !parts.1.symbols().is_empty()))
}

/// A sum times the variables by which its terms are divided, and those variables. `None` if a term
/// is divided by anything else.
fn multiplied(expr: &Expr) -> Option<(Expr, Vec<String>)> {
    const MOST: usize = 3;
    let mut names: Vec<String> = Vec::new();
    let mut simple = true;
    expr.walk(&mut |part| {
        if let Expr::Quotient(parts) = part {
            match &parts.1 {
                Expr::Symbol(name) if !names.contains(name) => names.push(name.clone()),
                below => simple &= below.symbols().is_empty() || matches!(below, Expr::Symbol(_)),
            }
        }
    });
    if !simple || names.len() > MOST {
        return None;
    }
    let Expr::Sum(terms) = expr else { return None };
    let mut all = Vec::with_capacity(terms.len());
    for term in terms {
        all.push(times_all(term, &names)?);
    }
    Some((Expr::Sum(all), names))
}

/// A term times all these variables, of which one may be its divisor.
fn times_all(term: &Expr, names: &[String]) -> Option<Expr> {
    let symbol = |name: &String| Expr::Symbol(name.clone());
    Some(match term {
        Expr::Negative(inner) => Expr::Negative(Box::new(times_all(inner, names)?)),
        Expr::Quotient(parts) => match &parts.1 {
            Expr::Symbol(divisor) => {
                let mut factors = vec![parts.0.clone()];
                factors.extend(names.iter().filter(|name| *name != divisor).map(symbol));
                Expr::Product(factors)
            }
            _ => term_times(term, names),
        },
        Expr::Sum(_) => multiplied(term)
            .filter(|(_, found)| found.is_empty() && !divides(term))
            .map(|_| term_times(term, names))?,
        other if divides(other) => return None,
        other => term_times(other, names),
    })
}

fn term_times(term: &Expr, names: &[String]) -> Expr {
    let mut factors = vec![term.clone()];
    factors.extend(names.iter().map(|name| Expr::Symbol(name.clone())));
    Expr::Product(factors)
}

fn mirrored(relation: char) -> char {
    match relation {
        '<' => '>',
        '>' => '<',
        '≤' => '≥',
        '≥' => '≤',
        // An arrow and a membership have a direction.
        '→' => '←',
        '∈' => '∋',
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
