//! Filters, as `jinja2.filters` has them, with the `tojson` of transformers.

mod html;
mod numbers;
mod sequences;
mod text;
mod wrap;

use crate::attributes::{item, own_attribute};
use crate::error::Error;
use crate::eval::{Args, Machine};
use crate::json::{Style, dumps};
use crate::ops::sort_order;
use crate::python::{repr, str_repr, to_str};
use crate::sort::sorted;
use crate::value::{Dict, Key, Value};

const NAMES: [&str; 54] = [
    "abs",
    "attr",
    "batch",
    "capitalize",
    "center",
    "count",
    "d",
    "default",
    "dictsort",
    "e",
    "escape",
    "filesizeformat",
    "first",
    "float",
    "forceescape",
    "format",
    "groupby",
    "indent",
    "int",
    "items",
    "join",
    "last",
    "length",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "pprint",
    "random",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "round",
    "safe",
    "select",
    "selectattr",
    "slice",
    "sort",
    "string",
    "striptags",
    "sum",
    "title",
    "tojson",
    "trim",
    "truncate",
    "unique",
    "upper",
    "urlencode",
    "urlize",
    "wordcount",
    "wordwrap",
    "xmlattr",
];

/// Whether there is a filter of this name.
pub(crate) fn exists(name: &str) -> bool {
    NAMES.contains(&name)
}

/// `value | name(args)`
pub(crate) fn apply(
    machine: &mut Machine,
    name: &str,
    value: Value,
    args: Args,
) -> Result<Value, Error> {
    machine.fuel.spend(1)?;
    match name {
        "default" | "d" => {
            let [default, boolean] = args.bind(name, ["default_value", "boolean"], 0)?;
            let boolean = boolean.is_some_and(|boolean| boolean.is_true());
            let replaces = !value.is_defined() || (boolean && !value.is_true());
            Ok(if replaces {
                default.unwrap_or_else(|| Value::from(""))
            } else {
                value
            })
        }
        "length" | "count" => {
            args.positional::<0>(name, 0)?;
            if let Some(length) = value.length() {
                Ok(Value::from(length))
            } else {
                let kind = value.type_name();
                Err(Error::new(format!("object of type '{kind}' has no len()")))
            }
        }
        "tojson" => tojson(machine, &value, args),
        "pprint" => pprint(machine, &value),
        "attr" => {
            let [attribute] = args.bind(name, ["name"], 1)?;
            let attribute = attribute.unwrap_or(Value::None);
            let attribute = attribute
                .as_str()
                .ok_or_else(|| Error::new("attr needs a str"))?;
            if let Value::Undefined(message) = &value {
                return Err(Error::new(&**message));
            }
            let kind = value.type_name();
            let missing = || format!("'{kind} object' has no attribute '{attribute}'");
            let found = own_attribute(&value, attribute);
            Ok(found.unwrap_or_else(|| Value::undefined(missing())))
        }
        "random" | "urlize" => Err(Error::new(format!(
            "the filter `{name}` is not supported in chat templates"
        ))),
        "abs" | "int" | "float" | "round" | "filesizeformat" | "sum" => {
            numbers::apply(machine, name, value, args)
        }
        "e" | "escape" | "forceescape" | "safe" | "striptags" | "urlencode" | "xmlattr" => {
            html::apply(machine, name, &value, args)
        }
        "batch" | "dictsort" | "first" | "groupby" | "items" | "join" | "last" | "list" | "map"
        | "max" | "min" | "reject" | "rejectattr" | "reverse" | "select" | "selectattr"
        | "slice" | "sort" | "unique" => sequences::apply(machine, name, value, args),
        _ if exists(name) => text::apply(machine, name, &value, args),
        _ => Err(Error::new(format!("No filter named '{name}'."))),
    }
}

/// `json.dumps`, with the arguments that the filter has in transformers.
fn tojson(machine: &Machine, value: &Value, args: Args) -> Result<Value, Error> {
    let parameters = ["ensure_ascii", "indent", "separators", "sort_keys"];
    let [ascii, indent, separators, sort] = args.bind("tojson", parameters, 0)?;
    let is_true = |value: Option<Value>| value.is_some_and(|value| value.is_true());
    let indent = match indent {
        None | Some(Value::None) => None,
        Some(Value::Str(text)) => Some(text.to_string()),
        Some(width) => match width.as_i64() {
            Some(width) => {
                let width = usize::try_from(width).unwrap_or(0);
                machine.fuel.text(width)?;
                Some(" ".repeat(width))
            }
            None => return Err(Error::new("the indent of JSON is an int or a str")),
        },
    };
    let mut style = Style {
        item_separator: if indent.is_some() { "," } else { ", " }.to_owned(),
        key_separator: ": ".to_owned(),
        indent,
        ensure_ascii: is_true(ascii),
        sort_keys: is_true(sort),
    };
    match separators {
        None | Some(Value::None) => {}
        Some(given) => match given.items()?.as_slice() {
            [Value::Str(item), Value::Str(key)] => {
                style.item_separator = item.to_string();
                style.key_separator = key.to_string();
                machine.fuel.text(item.len() + key.len())?;
            }
            _ => return Err(Error::new("the separators of JSON are two str")),
        },
    }
    dumps(value, &style, &machine.fuel).map(Value::from)
}

/// `pprint.pformat` of what fits into a line.
fn pprint(machine: &Machine, value: &Value) -> Result<Value, Error> {
    let text = repr(&with_sorted_keys(machine, value)?, &machine.fuel)?;
    if text.chars().count() <= 80 {
        Ok(Value::from(text))
    } else {
        Err(Error::new("`pprint` of more than a line is not supported"))
    }
}

fn with_sorted_keys(machine: &Machine, value: &Value) -> Result<Value, Error> {
    machine.fuel.spend(1)?;
    let all = |items: &[Value]| {
        let items = items.iter().map(|item| with_sorted_keys(machine, item));
        items.collect::<Result<Vec<_>, _>>()
    };
    Ok(match value {
        Value::List(items) => Value::list(all(items)?),
        Value::Tuple(items) | Value::Group(items) => Value::tuple(all(items)?),
        Value::Dict(dict) => {
            let entries = sort_entries(machine, dict)?;
            let mut sorted = Dict::new();
            for (key, value) in entries {
                sorted.insert(Key::new(key)?, with_sorted_keys(machine, &value)?);
            }
            Value::dict(sorted)
        }
        _ => value.clone(),
    })
}

fn sort_entries(machine: &Machine, dict: &Dict) -> Result<Vec<(Value, Value)>, Error> {
    let entries = dict
        .iter()
        .map(|(key, value)| (key.value(), value.clone()))
        .collect();
    let fuel = &machine.fuel;
    sorted(
        entries,
        |(left, _), (right, _)| sort_order(left, right, fuel),
        fuel,
    )
}

/// A value as text: the filter changes what is no text into one.
fn text_of(machine: &Machine, value: &Value) -> Result<String, Error> {
    to_str(value, &machine.fuel)
}

/// `text` as the same kind of text as `like`.
fn as_kind_of(like: &Value, text: impl Into<String>) -> Value {
    let text: String = text.into();
    match like {
        Value::Markup(_) => Value::Markup(text.into()),
        _ => Value::from(text),
    }
}

/// Finds an attribute such as `function.name` or `0.id`, where texts are compared without their
/// case if `ignore_case`.
#[derive(Clone)]
struct Getter {
    parts: Vec<Value>,
    default: Option<Value>,
    ignore_case: bool,
}

impl Getter {
    fn new(attribute: Option<&Value>) -> Self {
        let part = |part: &str| match part.parse::<usize>() {
            Ok(index) if part.bytes().all(|c| c.is_ascii_digit()) => Value::from(index),
            _ => Value::from(part),
        };
        let parts = match attribute {
            None | Some(Value::None) => vec![],
            Some(attribute) => match attribute.as_str() {
                Some(path) => path.split('.').map(part).collect(),
                None => vec![attribute.clone()],
            },
        };
        Self {
            parts,
            default: None,
            ignore_case: false,
        }
    }

    fn with_default(self, default: Option<Value>) -> Self {
        let default = default.filter(|default| !matches!(default, Value::None));
        Self { default, ..self }
    }

    fn ignoring_case(self, ignore_case: bool) -> Self {
        Self {
            ignore_case,
            ..self
        }
    }

    fn get(&self, machine: &Machine, value: &Value) -> Result<Value, Error> {
        machine.fuel.spend(1 + self.parts.len())?;
        let mut value = value.clone();
        for part in &self.parts {
            value = item(&value, part)?;
            if let (false, Some(default)) = (value.is_defined(), &self.default) {
                value = default.clone();
            }
        }
        match value.as_str() {
            Some(text) if self.ignore_case => {
                machine.fuel.text(text.len())?;
                Ok(Value::from(text.to_lowercase()))
            }
            _ => Ok(value),
        }
    }
}

/// The argument `name` as an integer.
fn whole(name: &str, value: &Value) -> Result<i64, Error> {
    value.as_i64().ok_or_else(|| {
        let kind = value.type_name();
        Error::new(format!("{name} needs an int, not {kind}"))
    })
}

/// The error of an unknown choice.
fn unknown(value: &str) -> Error {
    Error::new(format!("{} is no choice of this filter", str_repr(value)))
}
