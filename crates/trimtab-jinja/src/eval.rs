//! Runs a template.

mod calls;
mod expressions;
mod loops;

use std::collections::HashMap;
use std::sync::Arc;

pub(crate) use calls::Args;
pub(crate) use loops::Loop;

use crate::ast::{Body, Filter, Node, Target};
use crate::error::Error;
use crate::filters;
use crate::fuel::Fuel;
use crate::functions;
use crate::python::to_str;
use crate::value::{Dict, Key, Object, Value, lock};

/// How deep macros and recursive loops may call each other. Python has a similar limit.
const MAX_CALLS: usize = 200;

/// The text of a template.
pub(crate) fn render(body: &Body, variables: Dict, fuel: u64) -> Result<String, Error> {
    let mut machine = Machine {
        fuel: Fuel::new(fuel),
        variables,
        scopes: vec![],
        scope: 0,
        calls: 0,
        output: String::new(),
    };
    machine.scope = machine.enter(None)?;
    machine.body(body)?;
    Ok(machine.output)
}

/// The state of a rendering.
pub(crate) struct Machine {
    pub(crate) fuel: Fuel,
    /// What the caller gave.
    variables: Dict,
    /// The scopes that are open, and those that a macro refers to.
    scopes: Vec<Scope>,
    /// The number of the innermost open scope.
    scope: usize,
    calls: usize,
    output: String,
}

/// Variables of a part of the template.
struct Scope {
    variables: HashMap<Arc<str>, Value>,
    parent: Option<usize>,
    /// Whether a macro was defined here, which may be called later.
    has_macro: bool,
}

/// How a statement ends.
#[derive(Clone, Copy, PartialEq)]
enum Flow {
    Next,
    Break,
    Continue,
}

impl Machine {
    /// Opens a scope within `parent` and gives its number. It is not the current one yet.
    fn enter(&mut self, parent: Option<usize>) -> Result<usize, Error> {
        self.fuel.spend(1)?;
        self.scopes.push(Scope {
            variables: HashMap::new(),
            parent,
            has_macro: false,
        });
        Ok(self.scopes.len() - 1)
    }

    /// Runs `work` in a new scope within `parent`.
    fn scoped<T>(
        &mut self,
        parent: usize,
        work: impl FnOnce(&mut Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let scope = self.enter(Some(parent))?;
        let outer = std::mem::replace(&mut self.scope, scope);
        let result = work(self);
        self.scope = outer;
        if scope + 1 == self.scopes.len() && !self.scopes[scope].has_macro {
            self.scopes.pop();
        }
        result
    }

    /// The text that `work` prints.
    fn captured<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, Error>,
    ) -> Result<String, Error> {
        let outer = std::mem::take(&mut self.output);
        let result = work(self);
        let text = std::mem::replace(&mut self.output, outer);
        result.map(|_| text)
    }

    fn print(&mut self, text: &str) -> Result<(), Error> {
        self.fuel.text(text.len())?;
        self.output += text;
        Ok(())
    }

    fn lookup(&self, name: &str) -> Value {
        let mut scope = Some(self.scope);
        while let Some(index) = scope {
            let found = &self.scopes[index];
            if let Some(value) = found.variables.get(name) {
                return value.clone();
            }
            scope = found.parent;
        }
        if let Some(value) = self.variables.get(name) {
            return value.clone();
        }
        functions::global(name)
            .unwrap_or_else(|| Value::undefined(format!("'{name}' is undefined")))
    }

    fn define(&mut self, name: &Arc<str>, value: Value) {
        self.scopes[self.scope]
            .variables
            .insert(name.clone(), value);
    }

    fn assign(&mut self, target: &Target, value: Value) -> Result<(), Error> {
        match target {
            Target::Name(name) => {
                self.define(name, value);
                Ok(())
            }
            Target::Attribute(name, attribute) => {
                let namespace = self.lookup(name);
                let Value::Object(object) = &namespace else {
                    return Err(Error::new(
                        "cannot assign attribute on non-namespace object",
                    ));
                };
                let Object::Namespace(attributes) = &**object else {
                    return Err(Error::new(
                        "cannot assign attribute on non-namespace object",
                    ));
                };
                functions::check_attribute(attribute)?;
                lock(attributes).insert(Key::from(&**attribute), value);
                Ok(())
            }
            Target::Tuple(targets) => {
                let items = value.items()?;
                self.fuel.spend(items.len())?;
                if items.len() != targets.len() {
                    let problem = if items.len() < targets.len() {
                        "not enough values to unpack"
                    } else {
                        "too many values to unpack"
                    };
                    return Err(Error::new(problem));
                }
                for (target, item) in targets.iter().zip(items) {
                    self.assign(target, item)?;
                }
                Ok(())
            }
        }
    }

    fn body(&mut self, body: &Body) -> Result<Flow, Error> {
        for node in body {
            let flow = self.node(node)?;
            if flow != Flow::Next {
                return Ok(flow);
            }
        }
        Ok(Flow::Next)
    }

    fn node(&mut self, node: &Node) -> Result<Flow, Error> {
        self.fuel.spend(1)?;
        match node {
            Node::Data(text) => self.print(text)?,
            Node::Print(values) => {
                for value in values {
                    let printed = self.evaluate(value)?;
                    let text =
                        to_str(&printed, &self.fuel).map_err(|error| error.at(value.line))?;
                    self.output += &text;
                }
            }
            Node::If {
                branches,
                otherwise,
            } => return self.branch(branches, otherwise),
            Node::For(definition) => {
                let iterable = self.evaluate(&definition.iterable)?;
                let result = self.run_loop(definition, self.scope, &iterable, 0);
                result.map_err(|error| error.at(definition.iterable.line))?;
            }
            Node::Set(target, value) => {
                let assigned = self.evaluate(value)?;
                self.assign(target, assigned)
                    .map_err(|error| error.at(value.line))?;
            }
            Node::SetBlock(target, filters, body) => {
                let text = self.block_text(filters, body)?;
                self.assign(target, text)?;
            }
            Node::With(assignments, body) => {
                let mut values = vec![];
                for (target, value) in assignments {
                    values.push((target, self.evaluate(value)?));
                }
                return self.scoped(self.scope, |machine| {
                    for (target, value) in values {
                        machine.assign(target, value)?;
                    }
                    machine.body(body)
                });
            }
            Node::Scope(body) => return self.scoped(self.scope, |machine| machine.body(body)),
            // A block sees the variables of the template only.
            Node::Block(body) => return self.scoped(0, |machine| machine.body(body)),
            Node::Macro(definition) => {
                let value = self.make_macro(definition);
                let name = definition
                    .name
                    .as_ref()
                    .expect("only call blocks have none");
                self.define(name, value);
            }
            Node::Call(call, definition) => {
                let caller = self.make_macro(definition);
                let value = self.call(call, Some(caller))?;
                let text = to_str(&value, &self.fuel).map_err(|error| error.at(call.line))?;
                self.output += &text;
            }
            Node::FilterBlock(filters, body) => {
                let value = self.block_text(filters, body)?;
                self.output += &to_str(&value, &self.fuel)?;
            }
            Node::Break => return Ok(Flow::Break),
            Node::Continue => return Ok(Flow::Continue),
            Node::OtherTemplate => {
                return Err(Error::new("no loader for this environment specified"));
            }
        }
        Ok(Flow::Next)
    }

    fn branch(
        &mut self,
        branches: &[(crate::ast::Expr, Body)],
        otherwise: &Body,
    ) -> Result<Flow, Error> {
        for (test, body) in branches {
            if self.evaluate(test)?.is_true() {
                return self.body(body);
            }
        }
        self.body(otherwise)
    }

    /// What a block prints, after filters.
    fn block_text(&mut self, filters: &[Filter], body: &Body) -> Result<Value, Error> {
        self.scoped(self.scope, |machine| {
            let mut value = Value::from(machine.captured(|machine| machine.body(body))?);
            for filter in filters {
                let arguments = machine.arguments(&filter.arguments)?;
                value = filters::apply(machine, &filter.name, value, arguments)?;
            }
            Ok(value)
        })
    }
}
