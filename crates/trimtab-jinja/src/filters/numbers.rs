//! Filters of numbers.

use num_bigint::BigInt;
use num_integer::Integer;
use num_traits::{FromPrimitive, Pow, Signed, ToPrimitive};

use super::{Getter, unknown, whole};
use crate::ast::Operator;
use crate::error::Error;
use crate::eval::{Args, Machine};
use crate::format::format as format_text;
use crate::ops::{as_float, binary, negative};
use crate::python::is_space;
use crate::value::Value;

pub(super) fn apply(
    machine: &mut Machine,
    name: &str,
    value: Value,
    args: Args,
) -> Result<Value, Error> {
    if let ("int" | "float" | "abs" | "round", Value::Undefined(message)) = (name, &value) {
        return Err(Error::new(&**message));
    }
    match name {
        "abs" => {
            args.positional::<0>(name, 0)?;
            match &value {
                Value::Float(number) => Ok(Value::Float(number.abs())),
                _ => match value.as_int() {
                    Some(number) if number.is_negative() => negative(&Value::Int(number)),
                    Some(number) => Ok(Value::Int(number)),
                    None => Err(Error::new("bad operand type for abs()")),
                },
            }
        }
        "int" => {
            let [default, base] = args.bind(name, ["default", "base"], 0)?;
            let base = base.map_or(Ok(10), |base| whole("int", &base))?;
            let default = default.unwrap_or(Value::Int(BigInt::ZERO));
            Ok(to_int(&value, base)?.map_or(default, Value::Int))
        }
        "float" => {
            let [default] = args.bind(name, ["default"], 0)?;
            let number = match value.as_str() {
                Some(text) => parse_float(text),
                None => as_float(&value)?,
            };
            Ok(number.map_or_else(|| default.unwrap_or(Value::Float(0.0)), Value::Float))
        }
        "round" => {
            let [precision, method] = args.bind(name, ["precision", "method"], 0)?;
            let precision = precision.map_or(Ok(0), |precision| whole("round", &precision))?;
            let method = method.unwrap_or_else(|| Value::from("common"));
            round(&value, precision, method.as_str().unwrap_or_default())
        }
        "filesizeformat" => {
            let [binary] = args.bind(name, ["binary"], 0)?;
            let bytes = match value.as_str() {
                Some(text) => parse_float(text),
                None => as_float(&value)?,
            };
            let bytes = bytes.ok_or_else(|| Error::new("a size must be a number"))?;
            file_size(
                machine,
                bytes,
                binary.is_some_and(|binary| binary.is_true()),
            )
        }
        _ => sum(machine, &value, args),
    }
}

/// `int(value, base)`, or else `int(float(value))`.
fn to_int(value: &Value, base: i64) -> Result<Option<BigInt>, Error> {
    let number = match value.as_str() {
        Some(text) => match parse_int(text, base)? {
            Some(number) => return Ok(Some(number)),
            None => parse_float(text),
        },
        None => match value {
            Value::Float(number) if number.is_infinite() => {
                return Err(Error::new("cannot convert float infinity to integer"));
            }
            Value::Float(number) => Some(*number),
            _ => return Ok(value.as_int()),
        },
    };
    Ok(number.and_then(|number| BigInt::from_f64(number.trunc())))
}

fn parse_int(text: &str, base: i64) -> Result<Option<BigInt>, Error> {
    if base != 0 && !(2..=36).contains(&base) {
        return Ok(None);
    }
    let text = text.trim_matches(is_space);
    let (sign, digits) = match text.strip_prefix(['+', '-']) {
        Some(digits) => (&text[..1], digits),
        None => ("", text),
    };
    let lower = digits.to_lowercase();
    let prefixed = [("0x", 16), ("0o", 8), ("0b", 2)]
        .into_iter()
        .find_map(|(prefix, radix)| {
            let digits = lower.strip_prefix(prefix)?;
            (base == 0 || base == radix).then_some((digits, radix))
        });
    let (digits, radix) = match prefixed {
        Some((digits, radix)) => (digits.strip_prefix('_').unwrap_or(digits), radix),
        None if base == 0
            && lower.starts_with('0')
            && !lower.trim_matches(['0', '_']).is_empty() =>
        {
            return Ok(None);
        }
        None => (lower.as_str(), if base == 0 { 10 } else { base }),
    };
    let is_number = !digits.is_empty()
        && digits.split('_').all(|part| !part.is_empty())
        && digits
            .chars()
            .all(|c| c == '_' || c.is_ascii_alphanumeric());
    if !is_number {
        return Ok(None);
    }
    if digits.len() > 4300 {
        return Err(Error::new("a number has more digits than Python reads"));
    }
    let digits = digits.replace('_', "");
    let number = BigInt::parse_bytes(digits.as_bytes(), radix as u32);
    Ok(number.map(|number| if sign == "-" { -number } else { number }))
}

/// `float(text)`
pub(super) fn parse_float(text: &str) -> Option<f64> {
    let text = text.trim_matches(is_space);
    let bytes = text.as_bytes();
    for (index, _) in text.match_indices('_') {
        let digit = |index: usize| bytes.get(index).is_some_and(u8::is_ascii_digit);
        if index == 0 || !digit(index - 1) || !digit(index + 1) {
            return None;
        }
    }
    text.replace('_', "").parse().ok()
}

fn round(value: &Value, precision: i64, method: &str) -> Result<Value, Error> {
    let is_common = match method {
        "common" => true,
        "ceil" | "floor" => false,
        _ => return Err(unknown(method)),
    };
    match (value, is_common) {
        (Value::Float(number), true) => {
            if !number.is_finite() {
                return Ok(Value::Float(*number));
            }
            round_float(*number, precision).map(Value::Float)
        }
        (Value::Float(_) | Value::Bool(_) | Value::Int(_), false) => {
            let fuel = crate::fuel::Fuel::new(1 << 12);
            let power = Value::Int(precision.into());
            let scale = binary(Operator::Power, &Value::from(10_i64), &power, &fuel)?;
            let scaled = binary(Operator::Multiply, value, &scale, &fuel)?;
            let whole = match &scaled {
                Value::Float(number) => {
                    let number = if method == "ceil" {
                        number.ceil()
                    } else {
                        number.floor()
                    };
                    let number = BigInt::from_f64(number);
                    number.ok_or_else(|| Error::new("cannot convert float to integer"))?
                }
                _ => scaled.as_int().unwrap_or_default(),
            };
            binary(Operator::Divide, &Value::Int(whole), &scale, &fuel)
        }
        _ => {
            if let Some(number) = value.as_int() {
                Ok(Value::Int(round_int(number, precision)))
            } else {
                let kind = value.type_name();
                Err(Error::new(format!(
                    "type {kind} doesn't define __round__ method"
                )))
            }
        }
    }
}

fn round_float(number: f64, precision: i64) -> Result<f64, Error> {
    if precision > 323 {
        return Ok(number);
    }
    if precision < -308 {
        return Ok(0.0_f64.copysign(number));
    }
    if precision >= 0 {
        let text = format!("{number:.*}", precision as usize);
        return text
            .parse()
            .map_err(|_| Error::new("a number cannot be rounded"));
    }
    let scale = 10_f64.powi(precision.unsigned_abs() as i32);
    Ok((number / scale).round_ties_even() * scale)
}

/// `round(number, precision)`: halves go to the even neighbour.
fn round_int(number: BigInt, precision: i64) -> BigInt {
    if precision >= 0 {
        return number;
    }
    if precision < -4300 {
        return BigInt::ZERO;
    }
    let scale: BigInt = Pow::pow(BigInt::from(10), precision.unsigned_abs());
    let (quotient, remainder) = number.div_mod_floor(&scale);
    let twice = remainder * 2;
    let is_up = twice > scale || (twice == scale && quotient.is_odd());
    (quotient + i64::from(is_up)) * scale
}

fn file_size(machine: &Machine, bytes: f64, binary: bool) -> Result<Value, Error> {
    let base: f64 = if binary { 1024.0 } else { 1000.0 };
    let prefixes = if binary {
        ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"]
    } else {
        ["kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"]
    };
    if bytes == 1.0 {
        return Ok(Value::from("1 Byte"));
    }
    if bytes < base {
        let whole = bytes.trunc().to_i128();
        let whole = whole.ok_or_else(|| Error::new("cannot convert float to integer"))?;
        return Ok(Value::from(format!("{whole} Bytes")));
    }
    let mut unit = base;
    let mut prefix = prefixes[0];
    for next in prefixes {
        unit *= base;
        prefix = next;
        if bytes < unit {
            break;
        }
    }
    let number = [Value::Float(base * bytes / unit)];
    let number = format_text("{:.1f}", &number, &[], &machine.fuel)?;
    Ok(Value::from(format!("{number} {prefix}")))
}

/// `sum(items, start)`. Floats are added with compensation, as Python does from 3.12 on.
fn sum(machine: &mut Machine, value: &Value, args: Args) -> Result<Value, Error> {
    let [attribute, start] = args.bind("sum", ["attribute", "start"], 0)?;
    let getter = Getter::new(attribute.as_ref());
    let mut total = start.unwrap_or(Value::Int(BigInt::ZERO));
    if total.as_str().is_some() {
        return Err(Error::new(
            "sum() can't sum strings [use ''.join(seq) instead]",
        ));
    }
    let mut lost = 0.0;
    for item in value.items()? {
        let item = getter.get(machine, &item)?;
        if let (Value::Float(sum), true) = (&total, is_number(&item)) {
            let (sum, number) = (*sum, as_float(&item)?.unwrap_or_default());
            let next = sum + number;
            if matches!(item, Value::Float(_)) {
                lost += if sum.abs() >= number.abs() {
                    (sum - next) + number
                } else {
                    (number - next) + sum
                };
            }
            total = Value::Float(next);
            continue;
        }
        total = binary(Operator::Add, &total, &item, &machine.fuel)?;
    }
    Ok(match total {
        Value::Float(sum) if lost != 0.0 && f64::is_finite(lost) => Value::Float(sum + lost),
        total => total,
    })
}

fn is_number(value: &Value) -> bool {
    matches!(value, Value::Float(_) | Value::Int(_) | Value::Bool(_))
}
