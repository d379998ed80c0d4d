//! Named functions of values.

use std::cmp::Ordering;

use super::{Fault, HALF, Point, Value};
use crate::Reason;
use crate::ball::Ball;
use crate::budget::Budget;
use crate::double_double::DoubleDouble;
use crate::rational::Rational;

/// Work of an elementary function.
const FUNCTION: u64 = 20;

/// Largest argument of trigonometric functions. Beyond it, the reduction loses too many bits.
const MAX_ANGLE: f64 = 1e9;

/// Largest number of factors of a binomial coefficient.
const MAX_CHOSEN: i64 = 1_000;

/// The value of the function `name`.
pub(super) fn call(
    name: &str,
    arguments: &[Value],
    point: Point,
    budget: &mut Budget,
) -> Result<Value, Fault> {
    budget.spend(1)?;
    let [first, rest @ ..] = arguments else {
        return Err(Fault::Undefined);
    };
    match (name, rest) {
        ("lg", []) => logarithm(first, &Value::Exact(Rational::integer(10)), budget),
        ("log", [base]) => logarithm(first, base, budget),
        ("log", []) if point.decimal_log => {
            logarithm(first, &Value::Exact(Rational::integer(10)), budget)
        }
        ("ln" | "log", []) => first.ln(budget),
        ("exp", []) => first.exp(budget),
        ("sqrt", []) => first.power(&Value::Exact(Rational::Small(1, 2)), budget),
        ("abs" | "norm", []) => Ok(absolute(first)),
        ("factorial", []) => factorial(first, 1, budget),
        ("double factorial", []) => factorial(first, 2, budget),
        ("binom", [chosen]) => binomial(first, chosen, budget),
        ("perm", [chosen]) => permutations(first, chosen, budget),
        ("multinomial", parts) => multinomial(first, parts, budget),
        ("re" | "im" | "arg" | "conj", []) => complex_part(name, first, budget),
        ("floor", []) => floor(first, budget),
        ("ceil", []) => Ok(floor(&first.clone().negated(), budget)?.negated()),
        ("min" | "max", rest) => extreme(first, rest, name == "max", budget),
        ("gcd" | "lcm", rest) => common(first, rest, name == "lcm"),
        ("mod", [modulus]) => remainder(first, modulus, budget),
        (name, []) => elementary(name, first, budget),
        _ => Err(Fault::Stop(Reason::NotUnderstood)),
    }
}

fn logarithm(value: &Value, base: &Value, budget: &mut Budget) -> Result<Value, Fault> {
    let (value, base) = (value.ln(budget)?, base.ln(budget)?);
    value.times(&base.inverse(budget)?, budget)
}

fn absolute(value: &Value) -> Value {
    match value {
        Value::Exact(exact) if exact.is_negative() => Value::Exact(exact.negated()),
        Value::Exact(_) => value.clone(),
        Value::Ball(ball) => Value::Ball(ball.abs()),
        Value::Infinite { .. } => Value::Infinite { negative: false },
    }
}

fn factorial(value: &Value, step: u32, budget: &mut Budget) -> Result<Value, Fault> {
    let value = match value {
        Value::Exact(Rational::Small(value, 1)) if *value >= 0 => *value,
        Value::Exact(Rational::Small(..)) => return Err(Fault::Undefined),
        _ => return Err(Fault::Stop(Reason::Budget)),
    };
    let value = u32::try_from(value).map_err(|_| Reason::Budget)?;
    Ok(Value::Exact(Rational::factorial(value, step, budget)?))
}

fn binomial(of: &Value, chosen: &Value, budget: &mut Budget) -> Result<Value, Fault> {
    let Some(chosen) = chosen.as_i64() else {
        return Err(Fault::Undefined);
    };
    if chosen < 0 {
        return Ok(Value::ZERO);
    }
    // The smaller side of the symmetry, where there is one.
    let chosen = match of.as_i64() {
        Some(of) if of >= 0 && chosen > of => return Ok(Value::ZERO),
        Some(of) if of >= 0 => chosen.min(of - chosen),
        _ => chosen,
    };
    if chosen > MAX_CHOSEN {
        return Err(Fault::Stop(Reason::Budget));
    }
    let mut value = Value::ONE;
    for index in 0..chosen {
        budget.spend(4)?;
        let factor = of.plus(&Value::Exact(Rational::integer(-index)), budget)?;
        value = value.times(&factor, budget)?;
        let divisor = Rational::small(1, index + 1).ok_or(Fault::Undefined)?;
        value = value.times(&Value::Exact(divisor), budget)?;
    }
    Ok(value)
}

/// The number of ordered selections: `n (n-1) .. (n-k+1)`.
fn permutations(of: &Value, chosen: &Value, budget: &mut Budget) -> Result<Value, Fault> {
    let chosen = match chosen.as_i64() {
        Some(chosen) if (0..=MAX_CHOSEN).contains(&chosen) => chosen,
        Some(chosen) if chosen > MAX_CHOSEN => return Err(Fault::Stop(Reason::Budget)),
        _ => return Err(Fault::Undefined),
    };
    let mut value = Value::ONE;
    for index in 0..chosen {
        budget.spend(4)?;
        let factor = of.plus(&Value::Exact(Rational::integer(-index)), budget)?;
        value = value.times(&factor, budget)?;
    }
    Ok(value)
}

/// The number of ways to split into parts of given sizes.
fn multinomial(of: &Value, parts: &[Value], budget: &mut Budget) -> Result<Value, Fault> {
    let mut left = of.as_i64().ok_or(Fault::Undefined)?;
    let mut value = Value::ONE;
    for part in parts {
        let ways = binomial(&Value::Exact(Rational::integer(left)), part, budget)?;
        value = value.times(&ways, budget)?;
        left -= part.as_i64().ok_or(Fault::Undefined)?;
    }
    if left == 0 {
        Ok(value)
    } else {
        Err(Fault::Undefined)
    }
}

/// The remainder of whole numbers, which is not negative.
fn remainder(value: &Value, modulus: &Value, budget: &mut Budget) -> Result<Value, Fault> {
    let (Value::Exact(exact), Some(whole)) = (value, modulus.as_i64().filter(|whole| *whole > 0))
    else {
        return Err(Fault::Undefined);
    };
    if exact.floor(budget)?.compare(exact, budget)?.is_ne() {
        return Err(Fault::Undefined);
    }
    let multiple = floor(&value.times(&modulus.inverse(budget)?, budget)?, budget)?;
    let multiple = multiple.times(&Value::Exact(Rational::integer(whole)), budget)?;
    value.plus(&multiple.negated(), budget)
}

/// The real or imaginary part, the argument or the conjugate of a complex number.
fn complex_part(name: &str, value: &Value, budget: &mut Budget) -> Result<Value, Fault> {
    let zero = DoubleDouble::new(0.0, 0.0);
    let ball = match name {
        "arg" => value.ball(budget)?.ln().ok_or(Fault::Undefined)?,
        _ => value.ball(budget)?,
    };
    let (re, im) = match name {
        "re" => (ball.re, zero),
        "conj" => (ball.re, ball.im.negated()),
        _ => (ball.im, zero),
    };
    Ok(Value::Ball(Ball {
        re,
        im,
        radius: ball.radius,
    }))
}

fn floor(value: &Value, budget: &mut Budget) -> Result<Value, Fault> {
    match value {
        Value::Exact(exact) => Ok(Value::Exact(exact.floor(budget)?)),
        Value::Ball(ball) if ball.is_real() && ball.size() < 1e15 => {
            let (low, high) = (
                DoubleDouble::new(-ball.radius, 0.0),
                DoubleDouble::new(ball.radius, 0.0),
            );
            let (low, high) = (ball.re.plus(low).floor(), ball.re.plus(high).floor());
            if low != high {
                return Err(Fault::Undefined); // the error bound contains a whole number
            }
            Ok(Value::Exact(Rational::integer((low.high + low.low) as i64)))
        }
        _ => Err(Fault::Undefined),
    }
}

fn extreme(
    first: &Value,
    rest: &[Value],
    largest: bool,
    budget: &mut Budget,
) -> Result<Value, Fault> {
    let wanted = if largest {
        Ordering::Greater
    } else {
        Ordering::Less
    };
    let mut best = first;
    for value in rest {
        if value.order(best, budget)?.ok_or(Fault::Undefined)? == wanted {
            best = value;
        }
    }
    Ok(best.clone())
}

fn common(first: &Value, rest: &[Value], multiple: bool) -> Result<Value, Fault> {
    let whole = |value: &Value| {
        value
            .as_i64()
            .filter(|value| *value > 0)
            .ok_or(Fault::Undefined)
    };
    let mut result = whole(first)?;
    for value in rest {
        let value = whole(value)?;
        let (mut left, mut right) = (result, value);
        while right != 0 {
            (left, right) = (right, left % right);
        }
        result = if multiple {
            (result / left).checked_mul(value).ok_or(Fault::Undefined)?
        } else {
            left
        };
    }
    Ok(Value::Exact(Rational::integer(result)))
}

/// Inverse functions at the ends of their ranges, where their slope is infinite.
fn at_edge(name: &str, argument: i64) -> Option<Ball> {
    let half_pi = Ball::pi().times(Ball::exact(DoubleDouble::new(0.5, 0.0)));
    match (name, argument) {
        ("arcsin", 1) => Some(half_pi),
        ("arcsin", -1) => Some(half_pi.negated()),
        ("arccos", 1) => Some(Ball::exact(DoubleDouble::new(0.0, 0.0))),
        ("arccos", -1) => Some(Ball::pi()),
        _ => None,
    }
}

/// Trigonometric and hyperbolic functions and their inverses.
fn elementary(name: &str, argument: &Value, budget: &mut Budget) -> Result<Value, Fault> {
    budget.spend(FUNCTION)?;
    if let Some(exact) = argument.as_i64()
        && let Some(value) = at_edge(name, exact)
    {
        return Ok(Value::Ball(value));
    }
    let ball = argument.ball(budget)?;
    let one = Ball::ONE;
    let inverse = |ball: Ball| ball.inverse().ok_or(Fault::Undefined);
    let value = match name {
        "sin" | "cos" | "tan" | "cot" | "sec" | "csc" => {
            if ball.size() > MAX_ANGLE || ball.im.high.abs() > 600.0 {
                return Err(Fault::Stop(Reason::Precision));
            }
            let (sin, cos) = ball.sin_cos();
            match name {
                "sin" => sin,
                "cos" => cos,
                "tan" => sin.times(inverse(cos)?),
                "cot" => cos.times(inverse(sin)?),
                "sec" => inverse(cos)?,
                _ => inverse(sin)?,
            }
        }
        "cis" => {
            let (sin, cos) = ball.sin_cos();
            cos.plus(sin.times(Ball::I))
        }
        "arcsin" => ball.asin().ok_or(Fault::Undefined)?,
        "arccos" => ball.acos().ok_or(Fault::Undefined)?,
        "arctan" => ball.atan().ok_or(Fault::Undefined)?,
        "arccot" => inverse(ball)?.atan().ok_or(Fault::Undefined)?,
        "sinh" | "cosh" | "tanh" | "coth" => {
            let up = argument.exp(budget)?;
            let down = up.inverse(budget)?;
            let cosh = up.plus(&down, budget)?.times(&HALF, budget)?;
            let sinh = up.plus(&down.negated(), budget)?.times(&HALF, budget)?;
            return match name {
                "sinh" => Ok(sinh),
                "cosh" => Ok(cosh),
                "tanh" => sinh.times(&cosh.inverse(budget)?, budget),
                _ => cosh.times(&sinh.inverse(budget)?, budget),
            };
        }
        "arcsinh" => ball
            .plus(ball.times(ball).plus(one).sqrt())
            .ln()
            .ok_or(Fault::Undefined)?,
        "arccosh" => {
            let root = ball.minus(one).sqrt().times(ball.plus(one).sqrt());
            ball.plus(root).ln().ok_or(Fault::Undefined)?
        }
        "arctanh" => {
            let ratio = one
                .plus(ball)
                .over(one.minus(ball))
                .ok_or(Fault::Undefined)?;
            return Value::Ball(ratio).ln(budget)?.times(&HALF, budget);
        }
        _ => return Err(Fault::Stop(Reason::NotUnderstood)),
    };
    if value.is_finite() {
        Ok(Value::Ball(value))
    } else {
        Err(Fault::Undefined)
    }
}
