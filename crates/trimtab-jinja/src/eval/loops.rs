//! Loops, and the variable `loop`.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use super::{Flow, Machine};
use crate::ast::For;
use crate::error::Error;
use crate::value::{Object, Value, lock};

/// The state of a loop. A filter of the loop runs when the next item is needed, no earlier.
#[derive(Debug)]
pub struct Loop {
    definition: Arc<For>,
    /// The scope that the loop is in.
    scope: usize,
    depth: usize,
    /// Items that were not looked at yet.
    rest: VecDeque<Value>,
    /// The next item, if it was looked at.
    after: Option<Value>,
    current: Option<Value>,
    before: Option<Value>,
    /// Items that were begun.
    begun: usize,
    length: Option<usize>,
    last_changed: Option<Vec<Value>>,
}

impl Loop {
    /// The number of items, if it is known.
    pub(crate) fn length(&self) -> usize {
        self.length
            .unwrap_or(self.begun + self.rest.len() + usize::from(self.after.is_some()))
    }

    /// The number of the current item, and of all.
    pub(crate) fn place(&self) -> (usize, usize) {
        (self.begun, self.length())
    }
}

impl Machine {
    /// Runs a loop whose variables lie within `scope`.
    pub(super) fn run_loop(
        &mut self,
        definition: &Arc<For>,
        scope: usize,
        iterable: &Value,
        depth: usize,
    ) -> Result<(), Error> {
        if let Value::Str(text) = iterable {
            self.fuel.spend(text.len())?;
        }
        let items = iterable.items()?;
        self.fuel.spend(items.len())?;
        let value = Value::object(Object::Loop(Mutex::new(Loop {
            length: definition.filter.is_none().then_some(items.len()),
            definition: definition.clone(),
            scope,
            depth,
            rest: items.into(),
            after: None,
            current: None,
            before: None,
            begun: 0,
            last_changed: None,
        })));
        let Value::Object(object) = &value else {
            unreachable!("it was just made")
        };
        let Object::Loop(state) = &**object else {
            unreachable!("it was just made")
        };
        let name: Arc<str> = "loop".into();
        let mut is_empty = true;
        while let Some(item) = self.next_item(state)? {
            is_empty = false;
            let flow = self.scoped(scope, |machine| {
                machine.assign(&definition.target, item)?;
                machine.define(&name, value.clone());
                machine.body(&definition.body)
            })?;
            if flow == Flow::Break {
                break;
            }
        }
        if is_empty {
            self.scoped(scope, |machine| machine.body(&definition.otherwise))?;
        }
        Ok(())
    }

    fn next_item(&mut self, state: &Mutex<Loop>) -> Result<Option<Value>, Error> {
        self.peek(state)?;
        let mut state = lock(state);
        let Some(item) = state.after.take() else {
            return Ok(None);
        };
        state.begun += 1;
        state.before = state.current.replace(item.clone());
        Ok(Some(item))
    }

    /// The next item that passes the filter. It stays the next one.
    fn peek(&mut self, state: &Mutex<Loop>) -> Result<Option<Value>, Error> {
        let (definition, scope) = {
            let state = lock(state);
            if state.after.is_some() {
                return Ok(state.after.clone());
            }
            (state.definition.clone(), state.scope)
        };
        loop {
            let Some(item) = lock(state).rest.pop_front() else {
                return Ok(None);
            };
            let passes = match &definition.filter {
                None => true,
                Some(filter) => self.scoped(scope, |machine| {
                    machine.assign(&definition.target, item.clone())?;
                    Ok(machine.evaluate(filter)?.is_true())
                })?,
            };
            if passes {
                lock(state).after = Some(item.clone());
                return Ok(Some(item));
            }
        }
    }

    /// The number of items. With a filter, all of them are looked at now.
    fn loop_length(&mut self, state: &Mutex<Loop>) -> Result<usize, Error> {
        if let Some(length) = lock(state).length {
            return Ok(length);
        }
        let mut passed = VecDeque::new();
        while let Some(item) = self.peek(state)? {
            lock(state).after = None;
            passed.push_back(item);
        }
        let mut state = lock(state);
        let length = state.begun + passed.len();
        state.length = Some(length);
        state.after = passed.pop_front();
        state.rest = passed;
        state.definition = Arc::new(For {
            target: state.definition.target.clone(),
            iterable: crate::ast::Expr {
                line: 0,
                kind: crate::ast::ExprKind::Const(Value::None),
            },
            filter: None,
            recursive: false,
            body: vec![],
            otherwise: vec![],
        });
        Ok(length)
    }

    pub(super) fn loop_attribute(
        &mut self,
        value: &Value,
        state: &Mutex<Loop>,
        name: &str,
    ) -> Result<Value, Error> {
        let begun = lock(state).begun;
        Ok(match name {
            "index" => Value::from(begun),
            "index0" => Value::from(begun as i64 - 1),
            "first" => Value::Bool(begun == 1),
            "last" => Value::Bool(self.peek(state)?.is_none()),
            "length" => Value::from(self.loop_length(state)?),
            "revindex" => Value::from(self.loop_length(state)? as i64 - begun as i64 + 1),
            "revindex0" => Value::from(self.loop_length(state)? as i64 - begun as i64),
            "depth" => Value::from(lock(state).depth + 1),
            "depth0" => Value::from(lock(state).depth),
            "nextitem" => match self.peek(state)? {
                Some(item) => item,
                None => Value::undefined("there is no next item"),
            },
            "previtem" => match &lock(state).before {
                Some(item) => item.clone(),
                None => Value::undefined("there is no previous item"),
            },
            "cycle" | "changed" => Value::object(Object::Method(value.clone(), name.into())),
            _ => Value::undefined(format!("'LoopContext object' has no attribute '{name}'")),
        })
    }

    /// `loop(items)` of a recursive loop.
    pub(super) fn recurse(&mut self, state: &Mutex<Loop>, items: &Value) -> Result<Value, Error> {
        let (definition, scope, depth) = {
            let state = lock(state);
            (state.definition.clone(), state.scope, state.depth + 1)
        };
        if !definition.recursive {
            return Err(Error::new(
                "The loop must have the 'recursive' marker to be called recursively.",
            ));
        }
        let text = self.nested_call(|machine| {
            machine.captured(|machine| machine.run_loop(&definition, scope, items, depth))
        })?;
        Ok(Value::from(text))
    }
}

/// `loop.cycle(…)`
pub(super) fn cycle(state: &Mutex<Loop>, values: &[Value]) -> Result<Value, Error> {
    match values.len() {
        0 => Err(Error::new("no items for cycling given")),
        length => Ok(values[(lock(state).begun - 1) % length].clone()),
    }
}

impl Machine {
    /// `loop.changed(…)`
    pub(super) fn changed(&self, state: &Mutex<Loop>, values: Vec<Value>) -> Result<Value, Error> {
        let last = lock(state).last_changed.clone();
        if let Some(last) = last {
            let (last, new) = (Value::tuple(last), Value::tuple(values.clone()));
            if crate::ops::equal(&last, &new, &self.fuel)? {
                return Ok(Value::Bool(false));
            }
        }
        lock(state).last_changed = Some(values);
        Ok(Value::Bool(true))
    }
}
