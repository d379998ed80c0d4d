//! Global functions.

use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use jiff::Zoned;

use crate::error::Error;
use crate::eval::Args;
use crate::fuel::Fuel;
use crate::python::to_str;
use crate::value::{Dict, Key, Object, Range, Value};

/// Longest range that the sandbox of Jinja makes.
const MAX_RANGE: usize = 100_000;

/// The names of the functions.
const NAMES: [&str; 8] = [
    "range",
    "dict",
    "lipsum",
    "cycler",
    "joiner",
    "namespace",
    "raise_exception",
    "strftime_now",
];

/// The function `name`.
pub(crate) fn global(name: &str) -> Option<Value> {
    let name = NAMES.into_iter().find(|known| *known == name)?;
    Some(Value::object(Object::Function(name)))
}

/// `name(args)`
pub(crate) fn call(name: &str, args: Args, fuel: &Fuel) -> Result<Value, Error> {
    match name {
        "range" => range(args),
        "dict" => make_dict("dict", args, fuel).map(Value::dict),
        "namespace" => {
            let dict = make_dict("namespace", args, fuel)?;
            for name in dict.keys().filter_map(Key::as_str) {
                check_attribute(name)?;
            }
            Ok(Value::object(Object::Namespace(Mutex::new(dict))))
        }
        "cycler" if args.named.is_empty() && !args.positional.is_empty() => Ok(Value::object(
            Object::Cycler(args.positional, Mutex::new(0)),
        )),
        "cycler" => Err(Error::new("at least one item has to be provided")),
        "joiner" => {
            let [separator] = args.bind("joiner", ["sep"], 0)?;
            let separator = separator.unwrap_or_else(|| Value::from(", "));
            Ok(Value::object(Object::Joiner(
                separator,
                AtomicBool::new(false),
            )))
        }
        "raise_exception" => {
            let [message] = args.bind(name, ["message"], 1)?;
            let message = to_str(&message.unwrap_or(Value::None), fuel)?;
            Err(Error::Raised { message })
        }
        "strftime_now" => {
            let [format] = args.bind(name, ["format"], 1)?;
            let format = format.unwrap_or(Value::None);
            let format = format
                .as_str()
                .ok_or_else(|| Error::new("strftime needs a str"))?;
            strftime(format, &Zoned::now()).map(Value::from)
        }
        _ => Err(Error::new(format!(
            "`{name}` gives a random text, which is not supported"
        ))),
    }
}

fn range(args: Args) -> Result<Value, Error> {
    let [first, second, step] = args.positional("range", 1)?;
    let number = |value: Option<Value>| match value {
        None => Ok(None),
        Some(value) => {
            if let Some(number) = value.as_i64() {
                Ok(Some(number))
            } else {
                let kind = value.type_name();
                Err(Error::new(format!(
                    "'{kind}' object cannot be interpreted as an integer"
                )))
            }
        }
    };
    let (first, second) = (number(first)?.unwrap_or(0), number(second)?);
    let range = Range {
        start: second.map_or(0, |_| first),
        stop: second.unwrap_or(first),
        step: number(step)?.unwrap_or(1),
    };
    if range.step == 0 {
        return Err(Error::new("range() arg 3 must not be zero"));
    }
    if range.len() > MAX_RANGE {
        return Err(Error::new(
            "Range too big. The sandbox blocks ranges larger than 100000.",
        ));
    }
    Ok(Value::object(Object::Range(range)))
}

/// `dict(items, **named)`
fn make_dict(function: &str, args: Args, fuel: &Fuel) -> Result<Dict, Error> {
    let [items] = Args {
        named: vec![],
        ..args
    }
    .positional(function, 0)?;
    let mut dict = match items {
        None => Dict::new(),
        Some(Value::Dict(dict)) => {
            fuel.spend(dict.len())?;
            (*dict).clone()
        }
        Some(Value::Undefined(message)) => return Err(Error::new(&*message)),
        Some(pairs) => {
            let mut dict = Dict::new();
            for pair in pairs.items()? {
                fuel.spend(1)?;
                let Ok([key, value]) = <[Value; 2]>::try_from(pair.items()?) else {
                    return Err(Error::new("a dict needs pairs of keys and values"));
                };
                dict.insert(Key::new(key)?, value);
            }
            dict
        }
    };
    for (name, value) in args.named {
        dict.insert(Key::from(&*name), value);
    }
    Ok(dict)
}

/// `dict.fromkeys(keys, value)`
pub(crate) fn from_keys(args: Args, fuel: &Fuel) -> Result<Value, Error> {
    let [keys, value] = args.positional("dict.fromkeys", 1)?;
    let value = value.unwrap_or(Value::None);
    let mut dict = Dict::new();
    for key in keys.unwrap_or(Value::None).items()? {
        fuel.spend(1)?;
        dict.insert(Key::new(key)?, value.clone());
    }
    Ok(Value::dict(dict))
}

/// Refuses the names that transformers keeps off namespaces.
pub(crate) fn check_attribute(name: &str) -> Result<(), Error> {
    if name.starts_with('_') {
        Err(Error::new(format!(
            "Chat templates cannot store underscore-prefixed attributes on a namespace, but got \
         '{name}'. Please rename the attribute."
        )))
    } else {
        Ok(())
    }
}

/// `datetime.now().strftime(format)`, which knows no time zone.
fn strftime(format: &str, time: &Zoned) -> Result<String, Error> {
    let format = format.replace("%z", "").replace("%Z", "");
    jiff::fmt::strtime::format(&format, time.datetime())
        .map_err(|error| Error::new(error.to_string()))
}
