//! Single values, with percent signs, degrees, units and rounded decimals.

use super::{Comparer, Equality};
use crate::Reason;
use crate::evaluate::{Fault, Point, Sameness, Value, Variables, evaluate, sameness, selection};
use crate::expr::Expr;
use crate::rational::Rational;
use crate::rule::Rule;
use crate::rules::Rounding;
use crate::vocabulary;

/// Points at which two expressions with variables must agree.
const POINTS: usize = 3;

/// The same for step functions and whole-number functions, which may not change between points.
const MANY_POINTS: usize = 8;

/// Points tried to find enough at which both sides have a value.
const TRIES: u64 = 24;

/// Decimals and significant digits from which a decimal may stand for the value that it rounds.
const MIN_ROUNDED_DECIMALS: u32 = 6;

/// The measure of a value.
#[derive(Clone, Copy, PartialEq)]
enum Measure<'e> {
    Plain,
    Percent,
    Degrees,
    Unit(&'e str),
}

impl Comparer<'_> {
    /// Compares two values and their measures.
    pub(super) fn scalars(&mut self, gold: &Expr, answer: &Expr) -> Equality {
        let ((gold, of_gold), (answer, of_answer)) = (measured(gold), measured(answer));
        let (equality, rule) = match (of_gold, of_answer) {
            (left, right) if left == right => return self.values(gold, answer),
            (Measure::Percent, Measure::Plain) => (
                self.either(gold, answer, &hundredth(gold), answer),
                Rule::Percent,
            ),
            (Measure::Plain, Measure::Percent) => (
                self.either(gold, answer, gold, &hundredth(answer)),
                Rule::Percent,
            ),
            (Measure::Degrees, Measure::Plain) => (
                self.either(gold, answer, &radians(gold), answer),
                Rule::Degrees,
            ),
            (Measure::Plain, Measure::Degrees) => (
                self.either(gold, answer, gold, &radians(answer)),
                Rule::Degrees,
            ),
            (Measure::Unit(unit), Measure::Plain) if may_be_left_out(unit, gold) => {
                (self.values(gold, answer), Rule::UnitLeftOut)
            }
            (Measure::Plain, Measure::Unit(unit)) if may_be_left_out(unit, answer) => {
                (self.values(gold, answer), Rule::UnitLeftOut)
            }
            _ => return Reason::Units.into(),
        };
        match equality {
            Equality::Equal => self.equal_by(rule),
            other => other,
        }
    }

    /// Whether two values are equal in one of two readings.
    fn either(
        &mut self,
        gold: &Expr,
        answer: &Expr,
        other_gold: &Expr,
        other_answer: &Expr,
    ) -> Equality {
        match self.values(gold, answer) {
            Equality::Equal => Equality::Equal,
            first => match self.values(other_gold, other_answer) {
                Equality::Different => first,
                second => second,
            },
        }
    }

    /// Compares two values without measures: at points, then within the rounding of a decimal.
    fn values(&mut self, gold: &Expr, answer: &Expr) -> Equality {
        let has_log = |expr: &Expr| {
            expr.any(|part| matches!(part, Expr::Call("log", arguments) if arguments.len() == 1))
        };
        let outcome = self.at_points(gold, answer, false);
        if outcome == Equality::Equal {
            return self.equal_by(Rule::SameValue);
        }
        if (has_log(gold) || has_log(answer))
            && self.at_points(gold, answer, true) == Equality::Equal
        {
            return self.equal_by(Rule::SameValue);
        }
        // Limits are not evaluated, so they may equal anything.
        let unknown = |part: &Expr| match part {
            Expr::Opaque(name, _) => name.starts_with("lim "),
            _ => false,
        };
        if outcome == Equality::Different && (gold.any(unknown) || answer.any(unknown)) {
            return Equality::Unknown(Reason::NotUnderstood);
        }
        if outcome == Equality::Different {
            match self.rounded(gold, answer) {
                Ok(true) => return self.equal_by(Rule::Rounding),
                Ok(false) => return self.different_by(Rule::OtherValue),
                Err(Fault::Stop(reason)) => return reason.into(),
                Err(Fault::Undefined) => return Equality::Unknown(Reason::Precision),
            }
        }
        outcome
    }

    /// Compares the values at several points, or at one if there are no variables.
    fn at_points(&mut self, gold: &Expr, answer: &Expr, decimal_log: bool) -> Equality {
        let has = |wanted: fn(&Expr) -> bool| gold.any(wanted) || answer.any(wanted);
        let varies = has(|part| matches!(part, Expr::Symbol(_) | Expr::Opaque(..)));
        let whole = has(needs_whole);
        let needed = match (varies, whole || has(has_steps)) {
            (false, _) => 1,
            (true, false) => POINTS,
            (true, true) => MANY_POINTS,
        };
        let variables = if whole {
            Variables::Whole
        } else {
            Variables::Positive
        };
        let mut agreed = 0;
        for round in 0..TRIES {
            let seed = self.seed.wrapping_add(round);
            let point = Point {
                variables,
                decimal_log,
                ..Point::new(seed)
            };
            match self.at_point(gold, answer, point) {
                Ok(Some(Sameness::Same)) => agreed += 1,
                Ok(Some(Sameness::Different)) => return Equality::Different,
                Ok(_) if needed == 1 => break,
                Ok(_) => {}
                Err(reason) => return reason.into(),
            }
            if agreed < needed {
                continue;
            }
            // With an absolute value, variables may be negative.
            if varies && !whole && has(|part| matches!(part, Expr::Call("abs", _))) {
                for round in 0..MANY_POINTS as u64 {
                    let point = Point {
                        variables: Variables::Signed,
                        ..Point::new(self.seed.wrapping_add(round))
                    };
                    match self.at_point(gold, answer, point) {
                        Ok(Some(Sameness::Different)) => return Equality::Different,
                        Ok(_) => {}
                        Err(reason) => return reason.into(),
                    }
                }
            }
            return Equality::Equal;
        }
        Equality::Unknown(Reason::Precision)
    }

    /// Compares the values at one point. `None` if one side has no value there.
    fn at_point(
        &mut self,
        gold: &Expr,
        answer: &Expr,
        point: Point,
    ) -> Result<Option<Sameness>, Reason> {
        let compared = evaluate(gold, point, self.budget).and_then(|gold| {
            let answer = evaluate(answer, point, self.budget)?;
            sameness(&gold, &answer, self.budget)
        });
        match compared {
            Ok(sameness) => Ok(Some(sameness)),
            Err(Fault::Undefined) => Ok(None),
            Err(Fault::Stop(reason)) => Err(reason),
        }
    }

    /// Whether one side is a decimal that rounds the value of the other.
    fn rounded(&mut self, gold: &Expr, answer: &Expr) -> Result<bool, Fault> {
        let (of_gold, of_answer) = (decimal(gold), decimal(answer));
        let varies =
            |expr: &Expr| expr.any(|part| matches!(part, Expr::Symbol(_) | Expr::Opaque(..)));
        if varies(gold) || varies(answer) {
            return Ok(false);
        }
        if self.rules.rounding == Rounding::Gold
            && let Some((value, decimals)) = of_gold
        {
            let half_unit = Rational::Small(1, 2).times(&unit_of(decimals, self)?, self.budget)?;
            return self.within(answer, &value, &half_unit);
        }
        let (exact, (value, decimals)) = match (of_gold, of_answer) {
            (Some(decimal), None) => (answer, decimal),
            (None, Some(decimal)) => (gold, decimal),
            _ => return Ok(false),
        };
        if decimals < MIN_ROUNDED_DECIMALS {
            return Ok(false);
        }
        let unit = unit_of(decimals, self)?;
        let six_digits = unit.times(&Rational::integer(100_000), self.budget)?;
        let size = if value.is_negative() {
            value.negated()
        } else {
            value.clone()
        };
        if size.compare(&six_digits, self.budget)?.is_lt() {
            return Ok(false);
        }
        // The decimal does not round a value that has no more decimals.
        if let Value::Exact(exact) = self.constant(exact)? {
            let scaled = exact.times(&unit.inverse().ok_or(Fault::Undefined)?, self.budget)?;
            if scaled
                .floor(self.budget)?
                .compare(&scaled, self.budget)?
                .is_eq()
            {
                return Ok(false);
            }
        }
        // Printed floats are off by up to one unit of the last digit.
        self.within(exact, &value, &unit)
    }

    /// Whether the value of `expr` is within `radius` of `centre`.
    fn within(&mut self, expr: &Expr, centre: &Rational, radius: &Rational) -> Result<bool, Fault> {
        let value = self.constant(expr)?;
        let low = Value::Exact(centre.plus(&radius.negated(), self.budget)?);
        let high = Value::Exact(centre.plus(radius, self.budget)?);
        let above = value
            .order(&low, self.budget)?
            .is_some_and(std::cmp::Ordering::is_ge);
        Ok(above
            && value
                .order(&high, self.budget)?
                .is_some_and(std::cmp::Ordering::is_le))
    }

    pub(super) fn constant(&mut self, expr: &Expr) -> Result<Value, Fault> {
        evaluate(expr, Point::new(self.seed), self.budget)
    }

    /// Proportions `a : b : c`.
    pub(super) fn ratios(&mut self, gold: &[Expr], answer: &[Expr]) -> Equality {
        if gold.len() != answer.len() {
            return self.different_by(Rule::OtherItems);
        }
        // With a zero it is a time of day, not a proportion.
        let is_zero = |part: &Expr| matches!(part, Expr::Number { value, .. } if value.is_zero());
        if gold.iter().chain(answer).any(is_zero) {
            return self.in_order(gold.iter().zip(answer));
        }
        // a : b = c : d where a d = b c
        let product = |left: &Expr, right: &Expr| Expr::Product(vec![left.clone(), right.clone()]);
        let (first, other_first) = (&gold[0], &answer[0]);
        for (part, other) in gold[1..].iter().zip(&answer[1..]) {
            match self.values(&product(first, other), &product(other_first, part)) {
                Equality::Equal => {}
                outcome => return outcome,
            }
        }
        self.equal_by(Rule::SameRatio)
    }
}

/// Splits a value from its measure.
fn measured(expr: &Expr) -> (&Expr, Measure<'_>) {
    match expr {
        Expr::Percent(inner) => (inner, Measure::Percent),
        Expr::Degrees(inner) => (inner, Measure::Degrees),
        Expr::Quantity(inner, unit) => (inner, Measure::Unit(unit)),
        _ => (expr, Measure::Plain),
    }
}

fn hundredth(expr: &Expr) -> Expr {
    Expr::Percent(Box::new(expr.clone()))
}

fn radians(expr: &Expr) -> Expr {
    Expr::Degrees(Box::new(expr.clone()))
}

/// Whether the other side may leave out the unit: any unit of a number, and known units of an
/// expression.
fn may_be_left_out(unit: &str, value: &Expr) -> bool {
    let first = unit
        .split(|c: char| !c.is_alphabetic())
        .next()
        .unwrap_or("");
    value.symbols().is_empty() || vocabulary::unit(first).is_some()
}

/// Whether the expression has values at whole numbers only.
fn needs_whole(expr: &Expr) -> bool {
    match expr {
        Expr::Series(_) => true,
        Expr::Call(name, _) => matches!(
            *name,
            "factorial"
                | "double factorial"
                | "binom"
                | "perm"
                | "multinomial"
                | "mod"
                | "gcd"
                | "lcm"
        ),
        _ => selection(expr).is_some(),
    }
}

/// Whether the expression is a step function, for which a few points prove little.
fn has_steps(expr: &Expr) -> bool {
    matches!(expr, Expr::Call("floor" | "ceil" | "min" | "max", _))
}

/// The value and the number of decimals of a decimal.
fn decimal(expr: &Expr) -> Option<(Rational, u32)> {
    match expr {
        Expr::Number {
            value,
            decimals: Some(decimals),
        } => Some((value.clone(), *decimals)),
        Expr::Negative(inner) => {
            decimal(inner).map(|(value, decimals)| (value.negated(), decimals))
        }
        Expr::Percent(inner) => {
            let (value, decimals) = decimal(inner)?;
            let Rational::Small(above, below) = value else {
                return None;
            };
            Some((
                Rational::small(above, below.checked_mul(100)?)?,
                decimals + 2,
            ))
        }
        _ => None,
    }
}

/// One unit of the last decimal.
fn unit_of(decimals: u32, comparer: &mut Comparer) -> Result<Rational, Reason> {
    Rational::integer(10).power(-i64::from(decimals), comparer.budget)
}
