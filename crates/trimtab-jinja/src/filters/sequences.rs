//! Filters of lists and dicts.

use std::cmp::Ordering;

use super::{Getter, apply as apply_filter, text_of, unknown, whole};
use crate::error::Error;
use crate::eval::{Args, Machine};
use crate::ops::{equal, sort_order};
use crate::sort::sorted;
use crate::tests::check;
use crate::value::{Dict, Key, Object, Value, View, lock};

pub(super) fn apply(
    machine: &mut Machine,
    name: &str,
    value: Value,
    args: Args,
) -> Result<Value, Error> {
    match name {
        "list" => {
            args.positional::<0>(name, 0)?;
            items(machine, &value).map(Value::list)
        }
        "first" => {
            args.positional::<0>(name, 0)?;
            first(machine, &value)
        }
        "last" => {
            args.positional::<0>(name, 0)?;
            last(machine, &value)
        }
        "reverse" => {
            args.positional::<0>(name, 0)?;
            reverse(machine, &value)
        }
        "items" => {
            args.positional::<0>(name, 0)?;
            match &value {
                Value::Undefined(_) => Ok(Value::iterator(vec![])),
                Value::Dict(dict) => {
                    machine.fuel.spend(dict.len())?;
                    Ok(Value::iterator(View::Items.items(dict)))
                }
                _ => Err(Error::new("Can only get item pairs from a mapping.")),
            }
        }
        "join" => join(machine, &value, args),
        "batch" => batch(machine, &value, args),
        "slice" => slice(machine, &value, args),
        "sort" => sort(machine, &value, args),
        "dictsort" => dict_sort(machine, &value, args),
        "unique" => unique(machine, &value, args),
        "min" | "max" => extreme(machine, name, &value, args),
        "groupby" => group_by(machine, &value, args),
        "map" => map(machine, &value, args),
        _ => select(machine, name, &value, args),
    }
}

fn items(machine: &Machine, value: &Value) -> Result<Vec<Value>, Error> {
    if let Some(text) = value.as_str() {
        machine.fuel.spend(text.len())?;
    }
    let items = value.items()?;
    machine.fuel.spend(items.len())?;
    Ok(items)
}

fn first(machine: &Machine, value: &Value) -> Result<Value, Error> {
    let none = || Value::undefined("No first item, sequence was empty.");
    if let Value::Object(object) = value
        && let Object::Iterator(items) = &**object
    {
        return Ok(lock(items).pop_front().unwrap_or_else(none));
    }
    let items = items(machine, value)?;
    Ok(items.into_iter().next().unwrap_or_else(none))
}

fn last(machine: &Machine, value: &Value) -> Result<Value, Error> {
    if !is_reversible(value) {
        let kind = value.type_name();
        return Err(Error::new(format!("'{kind}' object is not reversible")));
    }
    let none = || Value::undefined("No last item, sequence was empty.");
    Ok(items(machine, value)?.pop().unwrap_or_else(none))
}

/// Whether `reversed` of Python takes it.
fn is_reversible(value: &Value) -> bool {
    match value {
        Value::Object(object) => matches!(**object, Object::Range(_) | Object::View(..)),
        Value::None | Value::Bool(_) | Value::Int(_) | Value::Float(_) => false,
        _ => true,
    }
}

fn reverse(machine: &Machine, value: &Value) -> Result<Value, Error> {
    if let Some(text) = value.as_str() {
        machine.fuel.text(text.len())?;
        return Ok(super::as_kind_of(
            value,
            text.chars().rev().collect::<String>(),
        ));
    }
    let mut items = items(machine, value)?;
    items.reverse();
    Ok(if is_reversible(value) {
        Value::iterator(items)
    } else {
        Value::list(items)
    })
}

fn join(machine: &Machine, value: &Value, args: Args) -> Result<Value, Error> {
    let [separator, attribute] = args.bind("join", ["d", "attribute"], 0)?;
    let separator = match separator {
        None => String::new(),
        Some(separator) => text_of(machine, &separator)?,
    };
    let getter = Getter::new(attribute.as_ref());
    let mut text = String::new();
    for (index, item) in items(machine, value)?.iter().enumerate() {
        if index > 0 {
            machine.fuel.text(separator.len())?;
            text += &separator;
        }
        text += &text_of(machine, &getter.get(machine, item)?)?;
    }
    Ok(Value::from(text))
}

fn batch(machine: &Machine, value: &Value, args: Args) -> Result<Value, Error> {
    let [count, fill] = args.bind("batch", ["linecount", "fill_with"], 1)?;
    let count = whole("batch", &count.unwrap_or(Value::None))?;
    let mut batches: Vec<Vec<Value>> = vec![];
    let mut batch = vec![];
    for item in items(machine, value)? {
        if batch.len() as i64 == count {
            batches.push(std::mem::take(&mut batch));
        }
        batch.push(item);
    }
    if !batch.is_empty() {
        if let Some(fill) = fill.filter(|fill| !matches!(fill, Value::None)) {
            let missing = usize::try_from(count - batch.len() as i64).unwrap_or(0);
            machine.fuel.spend(missing)?;
            batch.extend(std::iter::repeat_n(fill, missing));
        }
        batches.push(batch);
    }
    Ok(Value::iterator(
        batches.into_iter().map(Value::list).collect(),
    ))
}

fn slice(machine: &Machine, value: &Value, args: Args) -> Result<Value, Error> {
    let [slices, fill] = args.bind("slice", ["slices", "fill_with"], 1)?;
    let slices = whole("slice", &slices.unwrap_or(Value::None))?;
    let items = items(machine, value)?;
    if slices <= 0 {
        return match slices {
            0 => Err(Error::new("integer division or modulo by zero")),
            _ => Ok(Value::iterator(vec![])),
        };
    }
    let slices = slices as usize;
    machine.fuel.spend(slices)?;
    let (size, extra) = (items.len() / slices, items.len() % slices);
    let mut rest = items.into_iter();
    let mut result = vec![];
    for number in 0..slices {
        let take = size + usize::from(number < extra);
        let mut part: Vec<Value> = rest.by_ref().take(take).collect();
        if number >= extra {
            part.extend(fill.clone().filter(|fill| !matches!(fill, Value::None)));
        }
        result.push(Value::list(part));
    }
    Ok(Value::iterator(result))
}

/// Items in the order of their keys.
fn sorted_by<K: Fn(&K2, &K2) -> Result<Ordering, Error>, K2>(
    machine: &Machine,
    items: Vec<(K2, Value)>,
    compare: K,
    reverse: bool,
) -> Result<Vec<Value>, Error> {
    let ordered = |left: &(K2, Value), right: &(K2, Value)| {
        let order = compare(&left.0, &right.0)?;
        Ok(if reverse { order.reverse() } else { order })
    };
    let items = sorted(items, ordered, &machine.fuel)?;
    Ok(items.into_iter().map(|(_, value)| value).collect())
}

fn is_true(value: Option<&Value>) -> bool {
    value.is_some_and(Value::is_true)
}

fn sort(machine: &Machine, value: &Value, args: Args) -> Result<Value, Error> {
    let parameters = ["reverse", "case_sensitive", "attribute"];
    let [reverse, sensitive, attribute] = args.bind("sort", parameters, 0)?;
    let getters: Vec<Getter> = match attribute.as_ref().and_then(Value::as_str) {
        Some(path) => path
            .split(',')
            .map(|path| Getter::new(Some(&path.into())))
            .collect(),
        None => vec![Getter::new(attribute.as_ref())],
    };
    let mut keyed = vec![];
    for item in items(machine, value)? {
        let mut key = vec![];
        for getter in &getters {
            let getter = getter.clone().ignoring_case(!is_true(sensitive.as_ref()));
            key.push(getter.get(machine, &item)?);
        }
        keyed.push((Value::list(key), item));
    }
    let compare = |left: &Value, right: &Value| sort_order(left, right, &machine.fuel);
    sorted_by(machine, keyed, compare, is_true(reverse.as_ref())).map(Value::list)
}

fn dict_sort(machine: &Machine, value: &Value, args: Args) -> Result<Value, Error> {
    let [sensitive, by, reverse] = args.bind("dictsort", ["case_sensitive", "by", "reverse"], 0)?;
    let by = by.unwrap_or_else(|| Value::from("key"));
    let position = match by.as_str() {
        Some("key") => 0,
        Some("value") => 1,
        _ => return Err(unknown(by.as_str().unwrap_or_default())),
    };
    let Value::Dict(dict) = value else {
        let kind = value.type_name();
        return Err(Error::new(format!(
            "'{kind}' object has no attribute 'items'"
        )));
    };
    machine.fuel.spend(dict.len())?;
    let getter = Getter::new(Some(&Value::from(i64::from(position))))
        .ignoring_case(!is_true(sensitive.as_ref()));
    let mut keyed = vec![];
    for pair in View::Items.items(dict) {
        keyed.push((getter.get(machine, &pair)?, pair));
    }
    let compare = |left: &Value, right: &Value| sort_order(left, right, &machine.fuel);
    sorted_by(machine, keyed, compare, is_true(reverse.as_ref())).map(Value::list)
}

fn unique(machine: &Machine, value: &Value, args: Args) -> Result<Value, Error> {
    let [sensitive, attribute] = args.bind("unique", ["case_sensitive", "attribute"], 0)?;
    let getter = Getter::new(attribute.as_ref()).ignoring_case(!is_true(sensitive.as_ref()));
    let mut seen = Dict::new();
    let mut kept = vec![];
    for item in items(machine, value)? {
        let key = Key::new(getter.get(machine, &item)?)?;
        if seen.insert(key, Value::None).is_none() {
            kept.push(item);
        }
    }
    Ok(Value::iterator(kept))
}

fn extreme(machine: &Machine, name: &str, value: &Value, args: Args) -> Result<Value, Error> {
    let [sensitive, attribute] = args.bind(name, ["case_sensitive", "attribute"], 0)?;
    let getter = Getter::new(attribute.as_ref()).ignoring_case(!is_true(sensitive.as_ref()));
    let mut best: Option<(Value, Value)> = None;
    for item in items(machine, value)? {
        let key = getter.get(machine, &item)?;
        let is_better = match &best {
            None => true,
            Some((best, _)) if name == "min" => sort_order(&key, best, &machine.fuel)?.is_lt(),
            Some((best, _)) => sort_order(&key, best, &machine.fuel)?.is_gt(),
        };
        if is_better {
            best = Some((key, item));
        }
    }
    let none = || Value::undefined("No aggregated item, sequence was empty.");
    Ok(best.map_or_else(none, |(_, item)| item))
}

fn group_by(machine: &Machine, value: &Value, args: Args) -> Result<Value, Error> {
    let parameters = ["attribute", "default", "case_sensitive"];
    let [attribute, default, sensitive] = args.bind("groupby", parameters, 1)?;
    let plain = Getter::new(attribute.as_ref()).with_default(default);
    let getter = plain.clone().ignoring_case(!is_true(sensitive.as_ref()));
    let mut keyed = vec![];
    for item in items(machine, value)? {
        keyed.push((getter.get(machine, &item)?, item));
    }
    let fuel = &machine.fuel;
    let keyed = sorted(
        keyed,
        |left, right| sort_order(&left.0, &right.0, fuel),
        fuel,
    )?;
    let mut groups: Vec<(Value, Vec<Value>)> = vec![];
    for (key, item) in keyed {
        match groups.last_mut() {
            Some((last, group)) if equal(last, &key, fuel)? => group.push(item),
            _ => groups.push((key, vec![item])),
        }
    }
    let mut result = vec![];
    for (_, group) in groups {
        let key = if is_true(sensitive.as_ref()) {
            getter.get(machine, &group[0])?
        } else {
            plain.get(machine, &group[0])?
        };
        result.push(Value::Group(std::sync::Arc::new(vec![
            key,
            Value::list(group),
        ])));
    }
    Ok(Value::list(result))
}

fn map(machine: &mut Machine, value: &Value, mut args: Args) -> Result<Value, Error> {
    if !value.is_true() {
        return Ok(Value::iterator(vec![]));
    }
    let mut mapped = vec![];
    if args.positional.is_empty() && args.named.iter().any(|(name, _)| &**name == "attribute") {
        let [attribute, default] = args.bind("map", ["attribute", "default"], 1)?;
        let getter = Getter::new(attribute.as_ref()).with_default(default);
        for item in items(machine, value)? {
            mapped.push(getter.get(machine, &item)?);
        }
        return Ok(Value::iterator(mapped));
    }
    if args.positional.is_empty() {
        return Err(Error::new("map requires a filter argument"));
    }
    let filter = args.positional.remove(0);
    let filter = filter
        .as_str()
        .ok_or_else(|| Error::new("map needs the name of a filter"))?;
    for item in items(machine, value)? {
        mapped.push(apply_filter(machine, filter, item, args.clone())?);
    }
    Ok(Value::iterator(mapped))
}

/// `select`, `reject`, `selectattr` and `rejectattr`.
fn select(
    machine: &mut Machine,
    name: &str,
    value: &Value,
    mut args: Args,
) -> Result<Value, Error> {
    if !value.is_true() {
        return Ok(Value::iterator(vec![]));
    }
    let mut getter = Getter::new(None);
    if name.ends_with("attr") {
        if args.positional.is_empty() {
            return Err(Error::new("Missing parameter for attribute name"));
        }
        getter = Getter::new(Some(&args.positional.remove(0)));
    }
    let test = (!args.positional.is_empty()).then(|| args.positional.remove(0));
    let wanted = name.starts_with("select");
    let mut kept = vec![];
    for item in items(machine, value)? {
        let tested = getter.get(machine, &item)?;
        let passes = match &test {
            None => tested.is_true(),
            Some(test) => {
                let test = test
                    .as_str()
                    .ok_or_else(|| Error::new("a test needs a name"))?;
                check(machine, test, &tested, args.clone())?
            }
        };
        if passes == wanted {
            kept.push(item);
        }
    }
    Ok(Value::iterator(kept))
}
