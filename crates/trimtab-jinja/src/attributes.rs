//! `value.name` and `value[index]`, as Jinja's immutable sandbox finds them.

use num_bigint::BigInt;
use num_traits::ToPrimitive;

use crate::error::Error;
use crate::python::{repr, str_repr};
use crate::value::{Key, Object, Value, View, lock};

/// The methods of `str`.
const STR_METHODS: &[&str] = &[
    "capitalize",
    "casefold",
    "center",
    "count",
    "encode",
    "endswith",
    "expandtabs",
    "find",
    "format",
    "format_map",
    "index",
    "isalnum",
    "isalpha",
    "isascii",
    "isdecimal",
    "isdigit",
    "isidentifier",
    "islower",
    "isnumeric",
    "isprintable",
    "isspace",
    "istitle",
    "isupper",
    "join",
    "ljust",
    "lower",
    "lstrip",
    "maketrans",
    "partition",
    "removeprefix",
    "removesuffix",
    "replace",
    "rfind",
    "rindex",
    "rjust",
    "rpartition",
    "rsplit",
    "rstrip",
    "split",
    "splitlines",
    "startswith",
    "strip",
    "swapcase",
    "title",
    "translate",
    "upper",
    "zfill",
];

/// The methods of `list` that change nothing, and of `tuple` and `range`.
const LIST_METHODS: &[&str] = &["copy", "count", "index"];

/// The methods of `dict` that change nothing.
const DICT_METHODS: &[&str] = &["copy", "fromkeys", "get", "items", "keys", "values"];

/// The methods of `list` and `dict` that the sandbox does not allow.
const LIST_CHANGES: &[&str] = &[
    "append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort",
];
const DICT_CHANGES: &[&str] = &["clear", "pop", "popitem", "setdefault", "update"];

/// The methods of `int` and `float`.
const INT_METHODS: &[&str] = &[
    "as_integer_ratio",
    "bit_count",
    "bit_length",
    "conjugate",
    "from_bytes",
    "is_integer",
    "to_bytes",
];
const FLOAT_METHODS: &[&str] = &[
    "as_integer_ratio",
    "conjugate",
    "fromhex",
    "hex",
    "is_integer",
];

/// `value.name`: an attribute, or else an item.
pub(crate) fn attribute(value: &Value, name: &str) -> Result<Value, Error> {
    if let Value::Undefined(message) = value {
        return Err(Error::new(&**message));
    }
    if let Some(found) = own_attribute(value, name) {
        return Ok(found);
    }
    if let Value::Dict(dict) = value
        && let Some(found) = dict.get(name)
    {
        return Ok(found.clone());
    }
    Ok(no_attribute(value, name))
}

/// `value[index]`: an item, or else an attribute.
pub(crate) fn item(value: &Value, index: &Value) -> Result<Value, Error> {
    if let Value::Undefined(message) = value {
        return Err(Error::new(&**message));
    }
    if let Some(found) = own_item(value, index) {
        return Ok(found);
    }
    if let Some(name) = index.as_str() {
        Ok(own_attribute(value, name).unwrap_or_else(|| no_attribute(value, name)))
    } else {
        let kind = type_of(value);
        let fuel = crate::fuel::Fuel::new(1 << 10);
        let index = repr(index, &fuel).unwrap_or_default();
        Ok(Value::undefined(format!("{kind} has no element {index}")))
    }
}

fn no_attribute(value: &Value, name: &str) -> Value {
    let kind = type_of(value);
    Value::undefined(format!("'{kind}' has no attribute {}", str_repr(name)))
}

fn type_of(value: &Value) -> String {
    match value {
        Value::None => "None".to_owned(),
        _ => format!("{} object", value.type_name()),
    }
}

fn own_item(value: &Value, index: &Value) -> Option<Value> {
    let at = |length: usize| {
        let index = index.as_int()?.to_i64()?;
        let index = if index < 0 {
            index.checked_add(length as i64)?
        } else {
            index
        };
        usize::try_from(index).ok().filter(|&index| index < length)
    };
    match value {
        Value::Str(text) | Value::Markup(text) => {
            let negative = index.as_i64().is_some_and(|index| index < 0);
            let length = if negative {
                text.chars().count()
            } else {
                text.len()
            };
            let found = text.chars().nth(at(length)?)?;
            Some(Value::from(found.to_string()))
        }
        Value::List(items) | Value::Tuple(items) | Value::Group(items) => {
            at(items.len()).map(|index| items[index].clone())
        }
        Value::Dict(dict) => match index.as_str() {
            Some(name) => dict.get(name).cloned(),
            None => dict.get(&Key::new(index.clone()).ok()?).cloned(),
        },
        Value::Object(object) => match &**object {
            Object::Range(range) => at(range.len()).map(|index| Value::from(range.get(index))),
            _ => None,
        },
        _ => None,
    }
}

/// What `getattr` of Python finds, if the sandbox lets it.
pub(crate) fn own_attribute(value: &Value, name: &str) -> Option<Value> {
    if let Value::Object(object) = value
        && let Object::Namespace(attributes) = &**object
    {
        return lock(attributes).get(name).cloned();
    }
    let method = |methods: &[&str]| {
        let method = || Value::object(Object::Method(value.clone(), name.into()));
        methods.contains(&name).then(method)
    };
    let unsafe_method = |methods: &[&str]| {
        let kind = value.type_name();
        let message = format!("access to attribute '{name}' of '{kind}' object is unsafe.");
        methods.contains(&name).then(|| Value::undefined(message))
    };
    if name.len() > 4 && name.starts_with("__") && name.ends_with("__") {
        return unsafe_method(&[name]);
    }
    match value {
        Value::Undefined(_) | Value::None => None,
        Value::Str(_) | Value::Markup(_) => method(STR_METHODS),
        Value::List(_) => method(LIST_METHODS).or_else(|| unsafe_method(LIST_CHANGES)),
        Value::Tuple(_) => method(&["count", "index"]),
        Value::Group(items) => match name {
            "grouper" => Some(items[0].clone()),
            "list" => Some(items[1].clone()),
            _ => method(&["count", "index"]),
        },
        Value::Dict(_) => method(DICT_METHODS).or_else(|| unsafe_method(DICT_CHANGES)),
        Value::Bool(_) | Value::Int(_) => match name {
            "real" | "numerator" => value.as_int().map(Value::Int),
            "imag" => Some(Value::Int(BigInt::ZERO)),
            "denominator" => Some(Value::from(1_i64)),
            _ => method(INT_METHODS),
        },
        Value::Float(number) => match name {
            "real" => Some(Value::Float(*number)),
            "imag" => Some(Value::Float(0.0)),
            _ => method(FLOAT_METHODS),
        },
        Value::Object(object) => match &**object {
            Object::Range(range) => match name {
                "start" => Some(Value::from(range.start)),
                "stop" => Some(Value::from(range.stop)),
                "step" => Some(Value::from(range.step)),
                _ => method(&["count", "index"]),
            },
            Object::View(View::Values, _) => method(&["mapping"]),
            Object::View(..) => method(&["mapping", "isdisjoint"]),
            Object::Macro(definition, _) => match name {
                "name" => Some(definition.name.as_deref().map_or(Value::None, Value::from)),
                "arguments" => {
                    let names = definition.parameters.iter();
                    Some(Value::tuple(
                        names.map(|(name, _)| Value::from(&**name)).collect(),
                    ))
                }
                "catch_kwargs" => Some(Value::Bool(definition.uses_kwargs)),
                "catch_varargs" => Some(Value::Bool(definition.uses_varargs)),
                "caller" => Some(Value::Bool(definition.uses_caller)),
                _ => None,
            },
            Object::Cycler(items, position) => match name {
                "current" => Some(items[*lock(position)].clone()),
                "pos" => Some(Value::from(*lock(position))),
                "items" => Some(Value::tuple(items.clone())),
                _ => method(&["next", "reset"]),
            },
            Object::Joiner(separator, used) => match name {
                "sep" => Some(separator.clone()),
                "used" => Some(Value::Bool(used.load(std::sync::atomic::Ordering::Relaxed))),
                _ => None,
            },
            Object::Function("dict") => method(&["fromkeys"]),
            _ => None,
        },
    }
}
