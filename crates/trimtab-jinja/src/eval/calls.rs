//! Calls: macros, functions and methods.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::loops::cycle;
use super::{MAX_CALLS, Machine};
use crate::ast::{Arguments, Call, Macro};
use crate::error::Error;
use crate::functions;
use crate::methods;
use crate::value::{Dict, Key, Object, Value};

/// The arguments of a call.
#[derive(Clone, Debug, Default)]
pub(crate) struct Args {
    pub(crate) positional: Vec<Value>,
    pub(crate) named: Vec<(Arc<str>, Value)>,
}

impl Args {
    /// The arguments by parameter. The first `required` ones must be given.
    pub(crate) fn bind<const N: usize>(
        self,
        function: &str,
        parameters: [&str; N],
        required: usize,
    ) -> Result<[Option<Value>; N], Error> {
        if self.positional.len() > N {
            return Err(Error::new(format!(
                "{function} takes at most {N} arguments"
            )));
        }
        let mut bound = [const { None }; N];
        for (slot, value) in bound.iter_mut().zip(self.positional) {
            *slot = Some(value);
        }
        for (name, value) in self.named {
            let index = parameters.iter().position(|parameter| *parameter == &*name);
            let Some(index) = index.filter(|&index| bound[index].is_none()) else {
                return Err(Error::new(format!(
                    "{function} got an unexpected or repeated argument '{name}'"
                )));
            };
            bound[index] = Some(value);
        }
        if let Some(missing) = bound[..required].iter().position(Option::is_none) {
            let name = parameters[missing];
            return Err(Error::new(format!(
                "{function} misses its argument '{name}'"
            )));
        }
        Ok(bound)
    }

    /// As [`Self::bind`], where no argument may have a name.
    pub(crate) fn positional<const N: usize>(
        self,
        function: &str,
        required: usize,
    ) -> Result<[Option<Value>; N], Error> {
        if let Some((name, _)) = self.named.first() {
            return Err(Error::new(format!(
                "{function} takes no argument named '{name}'"
            )));
        }
        self.bind(function, ["a positional argument"; N], required)
    }
}

impl Machine {
    pub(super) fn make_macro(&mut self, definition: &Arc<Macro>) -> Value {
        let mut scope = Some(self.scope);
        while let Some(index) = scope {
            self.scopes[index].has_macro = true;
            scope = self.scopes[index].parent;
        }
        Value::object(Object::Macro(definition.clone(), self.scope))
    }

    pub(super) fn arguments(&mut self, arguments: &Arguments) -> Result<Args, Error> {
        let mut args = Args {
            positional: self.values(&arguments.positional)?,
            named: vec![],
        };
        for (name, value) in &arguments.named {
            args.named.push((name.clone(), self.evaluate(value)?));
        }
        if let Some(more) = &arguments.more_positional {
            let items = self.evaluate(more)?.items()?;
            self.fuel.spend(items.len())?;
            args.positional.extend(items);
        }
        if let Some(more) = &arguments.more_named {
            let Value::Dict(dict) = self.evaluate(more)? else {
                return Err(Error::new("what follows `**` must be a mapping"));
            };
            self.fuel.spend(dict.len())?;
            for (key, value) in dict.iter() {
                let name = key
                    .as_str()
                    .ok_or_else(|| Error::new("keywords must be strings"))?;
                if args.named.iter().any(|(other, _)| &**other == name) {
                    return Err(Error::new(format!("the argument '{name}' is given twice")));
                }
                args.named.push((name.into(), value.clone()));
            }
        }
        Ok(args)
    }

    pub(super) fn call(&mut self, call: &Call, body: Option<Value>) -> Result<Value, Error> {
        let callee = self.evaluate(&call.callee)?;
        let mut args = self.arguments(&call.arguments)?;
        if let Some(body) = body {
            args.named.push(("caller".into(), body));
        }
        self.call_value(&callee, args)
            .map_err(|error| error.at(call.line))
    }

    fn call_value(&mut self, callee: &Value, args: Args) -> Result<Value, Error> {
        self.fuel.spend(1)?;
        let not_callable = || {
            let name = callee.type_name();
            Err(Error::new(format!("'{name}' object is not callable")))
        };
        let object = match callee {
            Value::Object(object) => object,
            Value::Undefined(message) => return Err(Error::new(&**message)),
            _ => return not_callable(),
        };
        match &**object {
            Object::Macro(definition, scope) => self.call_macro(definition, *scope, args),
            Object::Function(name) => functions::call(name, args, &self.fuel),
            Object::Loop(state) => {
                let [items] = args.bind("loop", ["iterable"], 1)?;
                self.recurse(state, &items.unwrap_or(Value::None))
            }
            Object::Joiner(separator, used) => {
                args.positional::<0>("joiner", 0)?;
                Ok(if used.swap(true, Ordering::Relaxed) {
                    separator.clone()
                } else {
                    Value::from("")
                })
            }
            Object::Method(value, name) => {
                if let Value::Object(object) = value
                    && let Object::Loop(state) = &**object
                {
                    return match &**name {
                        "cycle" => cycle(state, &args.positional),
                        _ => self.changed(state, args.positional),
                    };
                }
                methods::call(value, name, args, &self.fuel)
            }
            _ => not_callable(),
        }
    }

    /// Runs `work` one call deeper.
    pub(super) fn nested_call<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        if self.calls == MAX_CALLS {
            return Err(Error::new("maximum recursion depth exceeded"));
        }
        self.calls += 1;
        let result = work(self);
        self.calls -= 1;
        result
    }

    fn call_macro(
        &mut self,
        definition: &Arc<Macro>,
        scope: usize,
        args: Args,
    ) -> Result<Value, Error> {
        let mut extra = bind_macro(definition, args)?;
        let text = self.nested_call(|machine| {
            machine.scoped(scope, |machine| {
                for (name, default) in &definition.parameters {
                    let value = match (extra.values.remove(0), default) {
                        (Some(value), _) => value,
                        (None, Some(default)) => machine.evaluate(default)?,
                        (None, None) => {
                            Value::undefined(format!("parameter '{name}' was not provided"))
                        }
                    };
                    machine.define(name, value);
                }
                for (name, value) in extra.special {
                    machine.define(&name.into(), value);
                }
                machine.captured(|machine| machine.body(&definition.body))
            })
        })?;
        Ok(Value::from(text))
    }
}

/// The arguments of a macro.
struct Bound {
    /// The value of each parameter, if it was given.
    values: Vec<Option<Value>>,
    /// `caller`, `kwargs` and `varargs`, if the macro reads them.
    special: Vec<(&'static str, Value)>,
}

/// Distributes arguments, as `jinja2.runtime.Macro` does.
fn bind_macro(definition: &Macro, args: Args) -> Result<Bound, Error> {
    let name = definition.name.as_deref().unwrap_or("None");
    let count = definition.parameters.len();
    let mut positional = args.positional.into_iter();
    let mut named = args.named;
    let mut take = |wanted: &str| {
        let index = named.iter().position(|(name, _)| &**name == wanted)?;
        Some(named.remove(index).1)
    };
    let mut values: Vec<Option<Value>> = positional.by_ref().take(count).map(Some).collect();
    for (parameter, _) in &definition.parameters[values.len()..] {
        values.push(take(parameter));
    }
    let mut special = vec![];
    if definition.uses_caller {
        let caller = take("caller").unwrap_or_else(|| Value::undefined("No caller defined"));
        special.push(("caller", caller));
    }
    if definition.uses_kwargs {
        let entries = named
            .drain(..)
            .map(|(name, value)| (Key::from(&*name), value));
        special.push(("kwargs", Value::dict(entries.collect::<Dict>())));
    } else if let Some((argument, _)) = named.first() {
        return Err(Error::new(format!(
            "macro '{name}' takes no keyword argument '{argument}'"
        )));
    }
    let more: Vec<Value> = positional.collect();
    if definition.uses_varargs {
        special.push(("varargs", Value::tuple(more)));
    } else if !more.is_empty() {
        return Err(Error::new(format!(
            "macro '{name}' takes not more than {count} argument(s)"
        )));
    }
    Ok(Bound { values, special })
}
