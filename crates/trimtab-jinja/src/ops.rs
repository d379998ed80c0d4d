//! Operators as Python has them.

use std::cmp::Ordering;
use std::sync::Arc;

use num_bigint::BigInt;
use num_integer::Integer;
use num_traits::{FromPrimitive, Pow, Signed, ToPrimitive, Zero};

use crate::ast::{Comparison, Operator};
use crate::error::Error;
use crate::format::percent;
use crate::fuel::Fuel;
use crate::python::MAX_NESTING;
use crate::value::{Key, Object, Value, lock};

/// Largest integer, in bits.
const MAX_BITS: u64 = 1 << 16;

/// `left operator right`
pub(crate) fn binary(
    operator: Operator,
    left: &Value,
    right: &Value,
    fuel: &Fuel,
) -> Result<Value, Error> {
    if let (Operator::Remainder, Some(format)) = (operator, left.as_str()) {
        if matches!(left, Value::Markup(_)) {
            return Err(Error::new(
                "`%` of a text from `safe` or `escape` is not supported",
            ));
        }
        return percent(format, right, fuel).map(Value::from);
    }
    for side in [left, right] {
        if let Value::Undefined(message) = side {
            return Err(Error::new(&**message));
        }
    }
    if let (Some(left), Some(right)) = (left.as_int(), right.as_int()) {
        return int_operator(operator, &left, &right);
    }
    if let (Some(left), Some(right)) = (as_float(left)?, as_float(right)?) {
        return float_operator(operator, left, right).map(Value::Float);
    }
    let joined = match operator {
        Operator::Add => add(left, right, fuel)?,
        Operator::Multiply => match (left.as_i64(), right.as_i64()) {
            (None, Some(count)) => repeat(left, count, fuel)?,
            (Some(count), None) => repeat(right, count, fuel)?,
            _ => None,
        },
        _ => None,
    };
    joined.ok_or_else(|| {
        Error::new(format!(
            "unsupported operand type(s) for {}: '{}' and '{}'",
            symbol(operator),
            left.type_name(),
            right.type_name()
        ))
    })
}

fn symbol(operator: Operator) -> &'static str {
    match operator {
        Operator::Add => "+",
        Operator::Subtract => "-",
        Operator::Multiply => "*",
        Operator::Divide => "/",
        Operator::FloorDivide => "//",
        Operator::Remainder => "%",
        Operator::Power => "** or pow()",
    }
}

/// `-value`
pub(crate) fn negative(value: &Value) -> Result<Value, Error> {
    match value {
        Value::Float(number) => Ok(Value::Float(-number)),
        _ => unary(value, "-").map(|number| Value::Int(-number)),
    }
}

/// `+value`
pub(crate) fn positive(value: &Value) -> Result<Value, Error> {
    match value {
        Value::Float(number) => Ok(Value::Float(*number)),
        _ => unary(value, "+").map(Value::Int),
    }
}

fn unary(value: &Value, operator: &str) -> Result<BigInt, Error> {
    if let Value::Undefined(message) = value {
        return Err(Error::new(&**message));
    }
    value.as_int().ok_or_else(|| {
        let name = value.type_name();
        Error::new(format!("bad operand type for unary {operator}: '{name}'"))
    })
}

fn int_operator(operator: Operator, left: &BigInt, right: &BigInt) -> Result<Value, Error> {
    let whole = match operator {
        Operator::Add => left + right,
        Operator::Subtract => left - right,
        Operator::Multiply if left.bits() + right.bits() > MAX_BITS => return Err(Error::Limit),
        Operator::Multiply => left * right,
        Operator::Divide => return divide(left, right).map(Value::Float),
        Operator::FloorDivide | Operator::Remainder if right.is_zero() => {
            return Err(Error::new("integer division or modulo by zero"));
        }
        Operator::FloorDivide => left.div_floor(right),
        Operator::Remainder => left.mod_floor(right),
        Operator::Power if right.is_negative() => {
            let base = exact_float(left)?;
            let power = float_operator(operator, base, exact_float(right)?)?;
            return Ok(Value::Float(power));
        }
        Operator::Power => match right.to_u64() {
            _ if left.bits() <= 1 && !left.is_negative() => {
                if right.is_zero() {
                    BigInt::from(1)
                } else {
                    left.clone()
                }
            }
            Some(power) if left.bits().saturating_mul(power) <= MAX_BITS => Pow::pow(left, power),
            _ => return Err(Error::Limit),
        },
    };
    Ok(Value::Int(whole))
}

fn divide(left: &BigInt, right: &BigInt) -> Result<f64, Error> {
    if right.is_zero() {
        return Err(Error::new("division by zero"));
    }
    Ok(exact_float(left)? / exact_float(right)?)
}

/// An integer that a float can hold.
fn exact_float(value: &BigInt) -> Result<f64, Error> {
    match value.to_f64() {
        Some(number) if BigInt::from_f64(number).as_ref() == Some(value) => Ok(number),
        _ => Err(Error::new("an integer is too large for this operation")),
    }
}

/// The value as a float, or `None` if it is not a number.
pub(crate) fn as_float(value: &Value) -> Result<Option<f64>, Error> {
    Ok(match value {
        Value::Float(number) => Some(*number),
        _ => match value.as_int() {
            None => None,
            Some(whole) => match whole.to_f64() {
                Some(number) if number.is_finite() => Some(number),
                _ => return Err(Error::new("int too large to convert to float")),
            },
        },
    })
}

fn float_operator(operator: Operator, left: f64, right: f64) -> Result<f64, Error> {
    let divides = matches!(
        operator,
        Operator::Divide | Operator::FloorDivide | Operator::Remainder
    );
    if divides && right == 0.0 {
        return Err(Error::new("float division by zero"));
    }
    Ok(match operator {
        Operator::Add => left + right,
        Operator::Subtract => left - right,
        Operator::Multiply => left * right,
        Operator::Divide => left / right,
        Operator::FloorDivide => floor_divide(left, right).0,
        Operator::Remainder => floor_divide(left, right).1,
        Operator::Power => {
            if left == 0.0 && right < 0.0 {
                return Err(Error::new("0.0 cannot be raised to a negative power"));
            }
            if left < 0.0 && right.fract() != 0.0 && left.is_finite() && right.is_finite() {
                return Err(Error::new("complex numbers are not supported"));
            }
            let power = left.powf(right);
            if power.is_infinite() && left.is_finite() && right.is_finite() {
                return Err(Error::new("numerical result out of range"));
            }
            power
        }
    })
}

/// Quotient and remainder, as `float_divmod` of CPython computes them.
fn floor_divide(left: f64, right: f64) -> (f64, f64) {
    let mut remainder = left % right;
    let mut quotient = (left - remainder) / right;
    if remainder == 0.0 {
        remainder = 0.0_f64.copysign(right);
    } else if (right < 0.0) != (remainder < 0.0) {
        remainder += right;
        quotient -= 1.0;
    }
    if quotient == 0.0 {
        return (0.0_f64.copysign(left / right), remainder);
    }
    let floor = quotient.floor();
    let floor = if quotient - floor > 0.5 {
        floor + 1.0
    } else {
        floor
    };
    (floor, remainder)
}

/// `left + right` of texts and lists.
fn add(left: &Value, right: &Value, fuel: &Fuel) -> Result<Option<Value>, Error> {
    Ok(Some(match (left, right) {
        (Value::Str(left), Value::Str(right)) => {
            fuel.text(left.len() + right.len())?;
            Value::Str(format!("{left}{right}").into())
        }
        (Value::Markup(_), _) | (_, Value::Markup(_)) => {
            return Err(Error::new(
                "`+` of a text from `safe` or `escape` is not supported",
            ));
        }
        (Value::List(left), Value::List(right)) => Value::List(chain(left, right, fuel)?),
        (Value::Tuple(left) | Value::Group(left), Value::Tuple(right) | Value::Group(right)) => {
            Value::Tuple(chain(left, right, fuel)?)
        }
        _ => return Ok(None),
    }))
}

fn chain(left: &[Value], right: &[Value], fuel: &Fuel) -> Result<Arc<Vec<Value>>, Error> {
    fuel.spend(left.len() + right.len())?;
    Ok(Arc::new([left, right].concat()))
}

/// `value * count`
fn repeat(value: &Value, count: i64, fuel: &Fuel) -> Result<Option<Value>, Error> {
    let count = usize::try_from(count.max(0)).unwrap_or(usize::MAX);
    let repeated = |items: &Vec<Value>| {
        fuel.spend(items.len().saturating_mul(count))?;
        let repeated = std::iter::repeat_n(items, count).flatten();
        Ok::<_, Error>(Arc::new(repeated.cloned().collect()))
    };
    Ok(Some(match value {
        Value::Str(text) => {
            fuel.text(text.len().saturating_mul(count))?;
            Value::from(text.repeat(count))
        }
        Value::List(items) => Value::List(repeated(items)?),
        Value::Tuple(items) | Value::Group(items) => Value::Tuple(repeated(items)?),
        _ => return Ok(None),
    }))
}

/// `left comparison right`
pub(crate) fn compare(
    comparison: Comparison,
    left: &Value,
    right: &Value,
    fuel: &Fuel,
) -> Result<bool, Error> {
    let (symbol, holds): (_, fn(Ordering) -> bool) = match comparison {
        Comparison::Equal => return equal(left, right, fuel),
        Comparison::NotEqual => return equal(left, right, fuel).map(|equal| !equal),
        Comparison::In => return contains(right, left, fuel),
        Comparison::NotIn => return contains(right, left, fuel).map(|found| !found),
        Comparison::Less => ("<", Ordering::is_lt),
        Comparison::LessEqual => ("<=", Ordering::is_le),
        Comparison::Greater => (">", Ordering::is_gt),
        Comparison::GreaterEqual => (">=", Ordering::is_ge),
    };
    // `nan` compares as neither smaller nor larger
    Ok(order(symbol, left, right, fuel, 0)?.is_some_and(holds))
}

/// The order of two values, or `None` with `nan`.
fn order(
    symbol: &str,
    left: &Value,
    right: &Value,
    fuel: &Fuel,
    depth: usize,
) -> Result<Option<Ordering>, Error> {
    fuel.spend(1)?;
    for side in [left, right] {
        if let Value::Undefined(message) = side {
            return Err(Error::new(&**message));
        }
    }
    if let Some(order) = number_order(left, right) {
        return Ok(order);
    }
    match (left, right) {
        (Value::Str(left) | Value::Markup(left), Value::Str(right) | Value::Markup(right)) => {
            fuel.text(left.len().min(right.len()))?;
            Ok(Some(left.cmp(right)))
        }
        (Value::List(left), Value::List(right))
        | (Value::Tuple(left) | Value::Group(left), Value::Tuple(right) | Value::Group(right))
            if depth < MAX_NESTING =>
        {
            for (left, right) in left.iter().zip(right.iter()) {
                if !equal(left, right, fuel)? {
                    return order(symbol, left, right, fuel, depth + 1);
                }
            }
            Ok(Some(left.len().cmp(&right.len())))
        }
        _ => Err(Error::new(format!(
            "'{symbol}' not supported between instances of '{}' and '{}'",
            left.type_name(),
            right.type_name()
        ))),
    }
}

/// The order for a sort, where `nan` cannot be.
pub(crate) fn sort_order(left: &Value, right: &Value, fuel: &Fuel) -> Result<Ordering, Error> {
    order("<", left, right, fuel, 0)?.ok_or_else(|| Error::new("`nan` cannot be sorted"))
}

/// The order of two numbers; `None` if one is not a number.
#[expect(clippy::option_option, reason = "the inner `None` is for `nan`")]
fn number_order(left: &Value, right: &Value) -> Option<Option<Ordering>> {
    match (left, right) {
        (Value::Float(left), Value::Float(right)) => Some(left.partial_cmp(right)),
        (Value::Float(left), right) => {
            let right = right.as_int()?;
            Some(int_float_order(&right, *left).map(Ordering::reverse))
        }
        (left, Value::Float(right)) => Some(int_float_order(&left.as_int()?, *right)),
        (left, right) => Some(Some(left.as_int()?.cmp(&right.as_int()?))),
    }
}

fn int_float_order(left: &BigInt, right: f64) -> Option<Ordering> {
    if right.is_nan() {
        return None;
    }
    let Some(whole) = BigInt::from_f64(right.floor()) else {
        let is_huge = right > 0.0;
        return Some(if is_huge {
            Ordering::Less
        } else {
            Ordering::Greater
        });
    };
    let order = left.cmp(&whole);
    Some(if order.is_eq() && right.fract() != 0.0 {
        Ordering::Less
    } else {
        order
    })
}

/// `left == right`
pub(crate) fn equal(left: &Value, right: &Value, fuel: &Fuel) -> Result<bool, Error> {
    equal_at(left, right, fuel, 0)
}

fn equal_at(left: &Value, right: &Value, fuel: &Fuel, depth: usize) -> Result<bool, Error> {
    fuel.spend(1)?;
    if depth > MAX_NESTING {
        return Err(Error::new("a value nests too deeply to be compared"));
    }
    let all_equal = |left: &[Value], right: &[Value]| {
        if left.len() != right.len() {
            return Ok(false);
        }
        for (left, right) in left.iter().zip(right) {
            if !equal_at(left, right, fuel, depth + 1)? {
                return Ok(false);
            }
        }
        Ok(true)
    };
    match (left, right) {
        (Value::Str(left) | Value::Markup(left), Value::Str(right) | Value::Markup(right)) => {
            fuel.text(left.len().min(right.len()))?;
            Ok(left == right)
        }
        (Value::List(left), Value::List(right))
        | (Value::Tuple(left) | Value::Group(left), Value::Tuple(right) | Value::Group(right)) => {
            all_equal(left, right)
        }
        (Value::Dict(left), Value::Dict(right)) => {
            if left.len() != right.len() {
                return Ok(false);
            }
            for (key, value) in left.iter() {
                match right.get(key) {
                    Some(other) if equal_at(value, other, fuel, depth + 1)? => {}
                    _ => return Ok(false),
                }
            }
            Ok(true)
        }
        (Value::Object(left), Value::Object(right)) => match (&**left, &**right) {
            (Object::Range(left), Object::Range(right)) => all_equal(
                &left.iter().collect::<Vec<_>>(),
                &right.iter().collect::<Vec<_>>(),
            ),
            (Object::View(..), Object::View(..)) => {
                Err(Error::new("views of dicts cannot be compared here"))
            }
            (Object::Method(..), Object::Method(..)) => {
                Err(Error::new("methods cannot be compared here"))
            }
            _ => Ok(Arc::ptr_eq(left, right)),
        },
        _ => Ok(hashable_equal(left, right)),
    }
}

/// `left == right` of values that can be keys.
pub(crate) fn hashable_equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Undefined(_), Value::Undefined(_)) | (Value::None, Value::None) => true,
        (Value::Str(left) | Value::Markup(left), Value::Str(right) | Value::Markup(right)) => {
            left == right
        }
        (Value::Tuple(left) | Value::Group(left), Value::Tuple(right) | Value::Group(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .zip(right.iter())
                    .all(|(left, right)| hashable_equal(left, right))
        }
        (Value::Object(left), Value::Object(right)) => Arc::ptr_eq(left, right),
        _ => number_order(left, right).is_some_and(|order| order.is_some_and(Ordering::is_eq)),
    }
}

/// `item in container`
pub(crate) fn contains(container: &Value, item: &Value, fuel: &Fuel) -> Result<bool, Error> {
    fuel.spend(1)?;
    let any = |items: &[Value]| {
        for each in items {
            if equal(each, item, fuel)? {
                return Ok(true);
            }
        }
        Ok(false)
    };
    match container {
        Value::Undefined(_) => Ok(false),
        Value::Str(text) | Value::Markup(text) => match item.as_str() {
            Some(part) => {
                fuel.text(text.len())?;
                Ok(text.contains(part))
            }
            None => Err(Error::new(format!(
                "'in <string>' requires string as left operand, not {}",
                item.type_name()
            ))),
        },
        Value::List(items) | Value::Tuple(items) | Value::Group(items) => any(items),
        Value::Dict(dict) => Ok(dict.contains_key(&Key::new(item.clone())?)),
        Value::Object(object) => match &**object {
            Object::Range(range) => any(&range.iter().collect::<Vec<_>>()),
            Object::View(view, dict) => any(&view.items(dict)),
            Object::Iterator(items) => loop {
                let Some(next) = lock(items).pop_front() else {
                    return Ok(false);
                };
                if equal(&next, item, fuel)? {
                    return Ok(true);
                }
            },
            _ => Err(not_a_container(container)),
        },
        _ => Err(not_a_container(container)),
    }
}

fn not_a_container(value: &Value) -> Error {
    Error::new(format!(
        "argument of type '{}' is not iterable",
        value.type_name()
    ))
}

/// `value[start:stop:step]`
pub(crate) fn slice(value: &Value, bounds: [Value; 3], fuel: &Fuel) -> Result<Value, Error> {
    let bound = |bound: &Value| match bound {
        Value::None => Ok(None),
        _ => match bound.as_i64() {
            Some(index) => Ok(Some(index)),
            None => Err(Error::new("slice indices must be integers or None")),
        },
    };
    let [start, stop, stride] = &bounds;
    let (start, stop) = (bound(start)?, bound(stop)?);
    let stride = bound(stride)?.unwrap_or(1);
    if let Value::Undefined(message) = value {
        return Err(Error::new(&**message));
    }
    let pick = |length: usize| {
        fuel.spend(length)?;
        slice_indices(length, start, stop, stride)
    };
    Ok(match value {
        Value::Str(text) | Value::Markup(text) => {
            fuel.text(text.len() * 4)?;
            let chars: Vec<char> = text.chars().collect();
            let indices = pick(chars.len())?;
            let text: String = indices.map(|index| chars[index]).collect();
            Value::from(text)
        }
        Value::List(items) => {
            let indices = pick(items.len())?;
            Value::list(indices.map(|index| items[index].clone()).collect())
        }
        Value::Tuple(items) | Value::Group(items) => {
            let indices = pick(items.len())?;
            Value::tuple(indices.map(|index| items[index].clone()).collect())
        }
        _ => {
            let name = value.type_name();
            return Err(Error::new(format!("'{name}' object cannot be sliced")));
        }
    })
}

/// The indices of a slice, as `slice.indices` of Python gives them.
fn slice_indices(
    length: usize,
    start: Option<i64>,
    stop: Option<i64>,
    stride: i64,
) -> Result<impl Iterator<Item = usize>, Error> {
    if stride == 0 {
        return Err(Error::new("slice step cannot be zero"));
    }
    let length = length as i64;
    let (low, high) = if stride > 0 {
        (0, length)
    } else {
        (-1, length - 1)
    };
    let clamp = |index: i64| {
        if index < 0 {
            index.saturating_add(length).max(low)
        } else {
            index.min(high)
        }
    };
    let (first, last) = if stride > 0 { (low, high) } else { (high, low) };
    let mut index = start.map_or(first, clamp);
    let stop = stop.map_or(last, clamp);
    Ok(std::iter::from_fn(move || {
        let goes_on = if stride > 0 {
            index < stop
        } else {
            index > stop
        };
        let current = index;
        index = index.saturating_add(stride);
        goes_on.then_some(current as usize)
    }))
}
