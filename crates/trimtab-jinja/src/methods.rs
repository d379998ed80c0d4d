//! Methods of Python's types.

mod text;

pub(crate) use text::{center, change_case, replace, strip};

use crate::error::Error;
use crate::eval::Args;
use crate::fuel::Fuel;
use crate::functions;
use crate::ops::equal;
use crate::value::{Key, Object, Value, View, lock};

/// `value.name(args)`
pub(crate) fn call(value: &Value, name: &str, args: Args, fuel: &Fuel) -> Result<Value, Error> {
    match value {
        Value::Str(text) => text::call(text, name, args, fuel),
        Value::Markup(text) => match name {
            "lower" | "upper" | "strip" | "capitalize" | "title" if is_empty(&args) => {
                let text = text::call(text, name, args, fuel)?;
                Ok(Value::Markup(text.as_str().unwrap_or_default().into()))
            }
            _ => Err(Error::new(
                "methods of a text from `safe` or `escape` are not supported",
            )),
        },
        Value::Dict(_) if name == "fromkeys" => functions::from_keys(args, fuel),
        Value::Dict(_) => dict(value, name, args),
        Value::List(items) | Value::Tuple(items) | Value::Group(items) => match name {
            "copy" if is_empty(&args) => Ok(value.clone()),
            "copy" => Err(Error::new("list.copy() takes no arguments")),
            _ => search(items, name, args, fuel),
        },
        Value::Bool(_) | Value::Int(_) | Value::Float(_) => number(value, name, args),
        Value::Object(object) => match &**object {
            Object::Range(range) => search(&range.iter().collect::<Vec<_>>(), name, args, fuel),
            Object::Cycler(items, position) => {
                args.positional::<0>(name, 0)?;
                let mut position = lock(position);
                let current = items[*position].clone();
                *position = match name {
                    "next" => (*position + 1) % items.len(),
                    _ => 0,
                };
                Ok(if name == "next" { current } else { Value::None })
            }
            Object::Function("dict") => functions::from_keys(args, fuel),
            _ => unsupported(value, name),
        },
        _ => unsupported(value, name),
    }
}

fn is_empty(args: &Args) -> bool {
    args.positional.is_empty() && args.named.is_empty()
}

fn unsupported(value: &Value, name: &str) -> Result<Value, Error> {
    let kind = value.type_name();
    Err(Error::new(format!(
        "the method `{name}` of '{kind}' is not supported"
    )))
}

fn dict(value: &Value, name: &str, args: Args) -> Result<Value, Error> {
    let Value::Dict(dict) = value else {
        return unsupported(value, name);
    };
    let view = match name {
        "keys" => View::Keys,
        "values" => View::Values,
        "items" => View::Items,
        "copy" => {
            args.positional::<0>("dict.copy", 0)?;
            return Ok(value.clone());
        }
        "get" => {
            let [key, default] = args.positional("dict.get", 1)?;
            let key = Key::new(key.unwrap_or(Value::None))?;
            let found = dict.get(&key).cloned();
            return Ok(found.or(default).unwrap_or(Value::None));
        }
        _ => return unsupported(value, name),
    };
    args.positional::<0>(name, 0)?;
    Ok(Value::object(Object::View(view, dict.clone())))
}

/// `count` and `index` of a sequence.
fn search(items: &[Value], name: &str, args: Args, fuel: &Fuel) -> Result<Value, Error> {
    if name == "count" {
        let [wanted] = args.positional("count", 1)?;
        let wanted = wanted.unwrap_or(Value::None);
        let mut count = 0_usize;
        for item in items {
            count += usize::from(equal(item, &wanted, fuel)?);
        }
        return Ok(Value::from(count));
    }
    let [wanted, start, stop] = args.positional("index", 1)?;
    let wanted = wanted.unwrap_or(Value::None);
    let bound = |bound: Option<Value>, default: usize| match bound {
        None => Ok(default),
        Some(bound) => match bound.as_i64() {
            Some(index) if index < 0 => Ok((index + items.len() as i64).max(0) as usize),
            Some(index) => Ok((index as usize).min(items.len())),
            None => Err(Error::new("slice indices must be integers")),
        },
    };
    let (start, stop) = (bound(start, 0)?, bound(stop, items.len())?);
    for (index, item) in items.iter().enumerate().take(stop).skip(start) {
        if equal(item, &wanted, fuel)? {
            return Ok(Value::from(index));
        }
    }
    Err(Error::new("the value is not in the list"))
}

fn number(value: &Value, name: &str, args: Args) -> Result<Value, Error> {
    args.positional::<0>(name, 0)?;
    match (value, name) {
        (Value::Float(number), "is_integer") => Ok(Value::Bool(number.fract() == 0.0)),
        (_, "is_integer") => Ok(Value::Bool(true)),
        (_, "conjugate") => Ok(value.as_int().map_or_else(|| value.clone(), Value::Int)),
        (_, "bit_length") => {
            let bits = value.as_int().map_or(0, |number| number.bits());
            Ok(Value::from(bits as usize))
        }
        _ => unsupported(value, name),
    }
}
