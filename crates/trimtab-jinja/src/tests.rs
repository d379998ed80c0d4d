//! Tests: what follows `is`.

use std::sync::Arc;

use num_traits::ToPrimitive;

use crate::ast::{Comparison, Operator};
use crate::error::Error;
use crate::eval::{Args, Machine};
use crate::filters;
use crate::methods;
use crate::ops;
use crate::python::to_str;
use crate::value::{Key, Object, Value};

const NAMES: [&str; 39] = [
    "!=",
    "<",
    "<=",
    "==",
    ">",
    ">=",
    "boolean",
    "callable",
    "defined",
    "divisibleby",
    "eq",
    "equalto",
    "escaped",
    "even",
    "false",
    "filter",
    "float",
    "ge",
    "greaterthan",
    "gt",
    "in",
    "integer",
    "iterable",
    "le",
    "lessthan",
    "lower",
    "lt",
    "mapping",
    "ne",
    "none",
    "number",
    "odd",
    "sameas",
    "sequence",
    "string",
    "test",
    "true",
    "undefined",
    "upper",
];

/// `value is name(args)`
pub(crate) fn check(
    machine: &mut Machine,
    name: &str,
    value: &Value,
    args: Args,
) -> Result<bool, Error> {
    if let Some(comparison) = comparison(name) {
        let [other] = args.positional(name, 1)?;
        let other = other.unwrap_or(Value::None);
        return ops::compare(comparison, value, &other, &machine.fuel);
    }
    match name {
        "divisibleby" => {
            let [number] = args.bind(name, ["num"], 1)?;
            return is_remainder(machine, value, number.unwrap_or(Value::None), 0);
        }
        "sameas" => {
            let [other] = args.bind(name, ["other"], 1)?;
            return same(value, &other.unwrap_or(Value::None));
        }
        "in" => {
            let [container] = args.bind(name, ["seq"], 1)?;
            return ops::contains(&container.unwrap_or(Value::None), value, &machine.fuel);
        }
        _ => {}
    }
    if !NAMES.contains(&name) {
        return Err(Error::new(format!("No test named '{name}'.")));
    }
    args.positional::<0>(name, 0)?;
    match name {
        "odd" => return is_remainder(machine, value, Value::from(2_i64), 1),
        "even" => return is_remainder(machine, value, Value::from(2_i64), 0),
        "lower" | "upper" => {
            let text = Value::from(to_str(value, &machine.fuel)?);
            let method = if name == "lower" {
                "islower"
            } else {
                "isupper"
            };
            let result = methods::call(&text, method, Args::default(), &machine.fuel)?;
            return Ok(result.is_true());
        }
        "filter" | "test" => {
            Key::new(value.clone())?; // Python looks it up in a dict
        }
        _ => {}
    }
    Ok(has_type(name, value))
}

fn has_type(name: &str, value: &Value) -> bool {
    match name {
        "defined" => value.is_defined(),
        "undefined" => !value.is_defined(),
        "none" => matches!(value, Value::None),
        "boolean" => matches!(value, Value::Bool(_)),
        "true" => matches!(value, Value::Bool(true)),
        "false" => matches!(value, Value::Bool(false)),
        "integer" => matches!(value, Value::Int(_)),
        "float" => matches!(value, Value::Float(_)),
        "number" => matches!(value, Value::Bool(_) | Value::Int(_) | Value::Float(_)),
        "string" => value.as_str().is_some(),
        "mapping" => matches!(value, Value::Dict(_)),
        "escaped" => matches!(value, Value::Markup(_)),
        "filter" => value.as_str().is_some_and(filters::exists),
        "test" => value.as_str().is_some_and(|name| NAMES.contains(&name)),
        "callable" => match value {
            Value::Undefined(_) => true,
            Value::Object(object) => matches!(
                **object,
                Object::Macro(..)
                    | Object::Function(_)
                    | Object::Method(..)
                    | Object::Loop(_)
                    | Object::Joiner(..)
            ),
            _ => false,
        },
        "sequence" => match value {
            Value::Object(object) => matches!(**object, Object::Range(_)),
            Value::None | Value::Bool(_) | Value::Int(_) | Value::Float(_) => false,
            _ => true,
        },
        // `iterable`
        _ => match value {
            Value::Object(object) => matches!(
                **object,
                Object::Range(_) | Object::View(..) | Object::Iterator(_) | Object::Loop(_)
            ),
            Value::None | Value::Bool(_) | Value::Int(_) | Value::Float(_) => false,
            _ => true,
        },
    }
}

fn comparison(name: &str) -> Option<Comparison> {
    Some(match name {
        "==" | "eq" | "equalto" => Comparison::Equal,
        "!=" | "ne" => Comparison::NotEqual,
        ">" | "gt" | "greaterthan" => Comparison::Greater,
        ">=" | "ge" => Comparison::GreaterEqual,
        "<" | "lt" | "lessthan" => Comparison::Less,
        "<=" | "le" => Comparison::LessEqual,
        _ => return None,
    })
}

/// `value % number == remainder`
fn is_remainder(
    machine: &mut Machine,
    value: &Value,
    number: Value,
    remainder: i64,
) -> Result<bool, Error> {
    let found = ops::binary(Operator::Remainder, value, &number, &machine.fuel)?;
    ops::equal(&found, &Value::from(remainder), &machine.fuel)
}

/// `left is right`, where CPython's answer does not depend on how it stores texts and numbers.
fn same(left: &Value, right: &Value) -> Result<bool, Error> {
    let unknown = || {
        Err(Error::new(
            "`sameas` of equal texts or numbers is not supported",
        ))
    };
    Ok(match (left, right) {
        (Value::None, Value::None) => true,
        (Value::Bool(left), Value::Bool(right)) => left == right,
        (Value::Int(left), Value::Int(right)) if left == right => match left.to_i64() {
            Some(-5..=256) => true,
            _ => return unknown(),
        },
        (Value::Float(left), Value::Float(right)) if left == right => return unknown(),
        (Value::Str(left), Value::Str(right)) if left == right => return unknown(),
        (Value::List(left), Value::List(right)) | (Value::Tuple(left), Value::Tuple(right)) => {
            Arc::ptr_eq(left, right)
        }
        (Value::Dict(left), Value::Dict(right)) => Arc::ptr_eq(left, right),
        (Value::Object(left), Value::Object(right)) => match (&**left, &**right) {
            (Object::Function(left), Object::Function(right)) => left == right,
            _ => Arc::ptr_eq(left, right),
        },
        (Value::Undefined(left), Value::Undefined(right)) => Arc::ptr_eq(left, right),
        _ => false,
    })
}
