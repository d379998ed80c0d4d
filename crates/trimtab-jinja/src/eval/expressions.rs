//! Values of expressions.

use super::Machine;
use crate::ast::{Expr, ExprKind};
use crate::attributes::{attribute, item};
use crate::error::Error;
use crate::filters;
use crate::ops;
use crate::python::to_str;
use crate::tests::check;
use crate::value::{Dict, Key, Object, Value};

impl Machine {
    pub(super) fn evaluate(&mut self, expr: &Expr) -> Result<Value, Error> {
        self.fuel.spend(1)?;
        self.value(expr).map_err(|error| error.at(expr.line))
    }

    fn value(&mut self, expr: &Expr) -> Result<Value, Error> {
        match &expr.kind {
            ExprKind::Const(value) => Ok(value.clone()),
            ExprKind::Name(name) => Ok(self.lookup(name)),
            ExprKind::List(items) => Ok(Value::list(self.values(items)?)),
            ExprKind::Tuple(items) => Ok(Value::tuple(self.values(items)?)),
            ExprKind::Dict(entries) => {
                let mut dict = Dict::new();
                for (key, value) in entries {
                    let key = Key::new(self.evaluate(key)?)?;
                    dict.insert(key, self.evaluate(value)?);
                }
                Ok(Value::dict(dict))
            }
            ExprKind::Condition(parts, otherwise) => {
                let [value, test] = &**parts;
                if self.evaluate(test)?.is_true() {
                    return self.evaluate(value);
                }
                match otherwise {
                    Some(otherwise) => self.evaluate(otherwise),
                    None => Ok(Value::undefined(
                        "the inline if-expression evaluated to false and no else section was \
                         defined",
                    )),
                }
            }
            ExprKind::And(parts) => match self.evaluate(&parts[0])? {
                left if left.is_true() => self.evaluate(&parts[1]),
                left => Ok(left),
            },
            ExprKind::Or(parts) => match self.evaluate(&parts[0])? {
                left if left.is_true() => Ok(left),
                _ => self.evaluate(&parts[1]),
            },
            ExprKind::Not(value) => Ok(Value::Bool(!self.evaluate(value)?.is_true())),
            ExprKind::Negative(value) => ops::negative(&self.evaluate(value)?),
            ExprKind::Positive(value) => ops::positive(&self.evaluate(value)?),
            ExprKind::Compare(first, operands) => {
                let mut left = self.evaluate(first)?;
                for (comparison, right) in operands {
                    let right = self.evaluate(right)?;
                    if !ops::compare(*comparison, &left, &right, &self.fuel)? {
                        return Ok(Value::Bool(false));
                    }
                    left = right;
                }
                Ok(Value::Bool(true))
            }
            ExprKind::Binary(operator, parts) => {
                let left = self.evaluate(&parts[0])?;
                let right = self.evaluate(&parts[1])?;
                ops::binary(*operator, &left, &right, &self.fuel)
            }
            ExprKind::Concat(parts) => {
                let mut text = String::new();
                for part in parts {
                    let part = self.evaluate(part)?;
                    text += &to_str(&part, &self.fuel)?;
                }
                Ok(Value::from(text))
            }
            ExprKind::Attribute(value, name) => {
                let value = self.evaluate(value)?;
                self.attribute(&value, name)
            }
            ExprKind::Item(value, index) => {
                let value = self.evaluate(value)?;
                let index = self.evaluate(index)?;
                if let (Some(name), true) = (index.as_str(), is_loop(&value)) {
                    return self.attribute(&value, name);
                }
                if let Value::Str(text) = &value {
                    self.fuel.text(text.len())?;
                }
                item(&value, &index)
            }
            ExprKind::Slice(value, bounds) => {
                let value = self.evaluate(value)?;
                let [start, stop, stride] = &**bounds;
                let mut bound = |bound: &Option<Expr>| match bound {
                    Some(bound) => self.evaluate(bound),
                    None => Ok(Value::None),
                };
                let bounds = [bound(start)?, bound(stop)?, bound(stride)?];
                ops::slice(&value, bounds, &self.fuel)
            }
            ExprKind::Call(call) => self.call(call, None),
            ExprKind::Filter(value, filter) => {
                let value = self.evaluate(value)?;
                let arguments = self.arguments(&filter.arguments)?;
                filters::apply(self, &filter.name, value, arguments)
            }
            ExprKind::Test(value, test) => {
                let value = self.evaluate(value)?;
                let arguments = self.arguments(&test.arguments)?;
                check(self, &test.name, &value, arguments).map(Value::Bool)
            }
        }
    }

    pub(super) fn values(&mut self, items: &[Expr]) -> Result<Vec<Value>, Error> {
        items.iter().map(|item| self.evaluate(item)).collect()
    }

    fn attribute(&mut self, value: &Value, name: &str) -> Result<Value, Error> {
        if let Value::Object(object) = value
            && let Object::Loop(state) = &**object
        {
            return self.loop_attribute(value, state, name);
        }
        attribute(value, name)
    }
}

fn is_loop(value: &Value) -> bool {
    matches!(value, Value::Object(object) if matches!(**object, Object::Loop(_)))
}
