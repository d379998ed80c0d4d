//! Single values, with percent signs, degrees, units and rounded decimals.

use super::{Comparer, Equality};
use crate::Reason;
use crate::evaluate::{Fault, Point, Sameness, Value, Variables, evaluate, sameness, selection};
use crate::expr::Expr;
use crate::rational::Rational;
use crate::rule::Rule;
use crate::unit;

/// Points at which two expressions with variables must agree.
const POINTS: usize = 3;

/// The same for step functions and whole-number functions, which may not change between points.
const MANY_POINTS: usize = 8;

/// Points tried to find enough at which both sides have a value.
const TRIES: u64 = 24;

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
        if let Some(equality) = self.quantities(gold, answer) {
            return equality;
        }
        let ((gold, of_gold), (answer, of_answer)) = (measured(gold), measured(answer));
        if inner_units_differ(gold, answer) {
            return Reason::Units.into();
        }
        let (equality, rule) = match (of_gold, of_answer) {
            (left, right) if left == right => return self.values(gold, answer),
            (Measure::Percent, Measure::Plain) => {
                let dropped = self.rules.percent.then_some((gold, answer));
                (
                    self.either(dropped, &hundredth(gold), answer),
                    Rule::Percent,
                )
            }
            (Measure::Plain, Measure::Percent) => {
                let dropped = self.rules.percent.then_some((gold, answer));
                (
                    self.either(dropped, gold, &hundredth(answer)),
                    Rule::Percent,
                )
            }
            (Measure::Degrees, Measure::Plain) => {
                let dropped = self.rules.units.then_some((gold, answer));
                (self.either(dropped, &radians(gold), answer), Rule::Degrees)
            }
            (Measure::Plain, Measure::Degrees) => {
                let dropped = self.rules.units.then_some((gold, answer));
                (self.either(dropped, gold, &radians(answer)), Rule::Degrees)
            }
            (Measure::Unit(unit), Measure::Plain)
                if self.rules.units && may_be_left_out(unit, gold) =>
            {
                (self.values(gold, answer), Rule::UnitLeftOut)
            }
            (Measure::Plain, Measure::Unit(unit))
                if self.rules.units && may_be_left_out(unit, answer) =>
            {
                (self.values(gold, answer), Rule::UnitLeftOut)
            }
            _ => return Reason::Units.into(),
        };
        match equality {
            Equality::Equal => self.equal_by(rule),
            Equality::Different if rule == Rule::Degrees && !self.rules.units => {
                Reason::Units.into()
            }
            other => other,
        }
    }

    /// Whether two values are equal without their sign, if it may be dropped, or with it.
    fn either(&mut self, dropped: Option<(&Expr, &Expr)>, gold: &Expr, answer: &Expr) -> Equality {
        let Some(dropped) = dropped else {
            return self.values(gold, answer);
        };
        match self.values(dropped.0, dropped.1) {
            Equality::Equal => Equality::Equal,
            first => match self.values(gold, answer) {
                Equality::Different => first,
                second => second,
            },
        }
    }

    /// Compares two values without measures: at points, then within the rounding of a decimal.
    pub(super) fn values(&mut self, gold: &Expr, answer: &Expr) -> Equality {
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
    pub(super) fn at_points(&mut self, gold: &Expr, answer: &Expr, decimal_log: bool) -> Equality {
        if let (
            Expr::Number {
                value: Rational::Small(above, below),
                ..
            },
            Expr::Number {
                value: Rational::Small(other_above, other_below),
                ..
            },
        ) = (gold, answer)
        {
            return if (above, below) == (other_above, other_below) {
                Equality::Equal
            } else {
                Equality::Different
            };
        }
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
            if varies
                && has(has_pieces)
                && let Some(outcome) = self.differs_far_away(gold, answer, variables)
            {
                return outcome;
            }
            // With an absolute value, variables may be negative.
            if varies && !whole && has(|part| matches!(part, Expr::Call("abs" | "max" | "min", _)))
            {
                for round in 0..MANY_POINTS as u64 {
                    let point = Point {
                        variables: Variables::Signed,
                        scale: if round % 2 == 0 { 1 } else { 40 },
                        ..Point::new(self.seed.wrapping_add(round))
                    };
                    match self.at_point(gold, answer, point) {
                        Ok(Some(Sameness::Different)) => return Equality::Different,
                        // One has a value where the other has none: `\ln|x|` and `\ln x`.
                        Ok(None) if self.defined(gold, point) != self.defined(answer, point) => {
                            return Equality::Unknown(Reason::Precision);
                        }
                        Ok(_) => {}
                        Err(reason) => return reason.into(),
                    }
                }
            }
            return Equality::Equal;
        }
        Equality::Unknown(Reason::Precision)
    }

    /// Whether two expressions that agree near zero differ at large values, where a step, a bound
    /// or a remainder shows: `\max(n, 100)` and 100. `None` if they do not.
    fn differs_far_away(
        &mut self,
        gold: &Expr,
        answer: &Expr,
        variables: Variables,
    ) -> Option<Equality> {
        for (round, scale) in (0_u64..).zip([7, 40, 41, 300, 301, 4_001, 100_003]) {
            let point = Point {
                variables,
                scale,
                ..Point::new(self.seed.wrapping_add(round))
            };
            match self.at_point(gold, answer, point) {
                Ok(Some(Sameness::Different)) => return Some(Equality::Different),
                Ok(_) => {}
                Err(_) if scale > 1_000 => return None, // powers get too large
                Err(reason) => return Some(reason.into()),
            }
        }
        None
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

    fn defined(&mut self, expr: &Expr, point: Point) -> bool {
        evaluate(expr, point, self.budget).is_ok()
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

/// Whether both have units inside, and not the same.
fn inner_units_differ(gold: &Expr, answer: &Expr) -> bool {
    fn units(expr: &Expr) -> Vec<&str> {
        let mut units = Vec::new();
        expr.walk(&mut |part| {
            if let Expr::Quantity(_, unit) = part {
                units.push(unit.as_str());
            }
        });
        units.sort_unstable();
        units.dedup();
        units
    }
    let units_of_gold = units(gold);
    if units_of_gold.is_empty() {
        return false;
    }
    let units_of_answer = units(answer);
    !units_of_answer.is_empty() && units_of_gold != units_of_answer
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
    value.symbols().is_empty() || unit::is_known(unit)
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
        // `(-1)^n`
        Expr::Power(parts) => {
            matches!(&parts.0, Expr::Negative(base) if matches!(**base, Expr::Number { .. }))
                && !parts.1.symbols().is_empty()
        }
        _ => selection(expr).is_some(),
    }
}

/// Whether the expression may be another one for large values.
fn has_pieces(expr: &Expr) -> bool {
    matches!(
        expr,
        Expr::Call(
            "floor" | "ceil" | "min" | "max" | "mod" | "gcd" | "lcm" | "abs",
            _
        )
    )
}

/// Whether the expression is a step function, for which a few points prove little.
fn has_steps(expr: &Expr) -> bool {
    matches!(expr, Expr::Call("floor" | "ceil" | "min" | "max", _))
}
