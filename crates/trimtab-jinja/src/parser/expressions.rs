//! Expressions, from the loosest operator to the tightest.

use std::sync::Arc;

use super::{MAX_CHAIN, Parser};
use crate::ast::{Arguments, Comparison, Expr, ExprKind, Operator};
use crate::error::Error;
use crate::lexer::Kind;
use crate::value::Value;

impl Parser {
    fn expr(line: usize, kind: ExprKind) -> Expr {
        Expr { line, kind }
    }

    /// Counts one more operator in a row.
    fn chain(&self, count: &mut usize) -> Result<(), Error> {
        *count += 1;
        if *count > MAX_CHAIN {
            self.fail("the expression is too long")
        } else {
            Ok(())
        }
    }

    /// An expression, or several with commas: a tuple.
    pub(super) fn tuple(&mut self, conditions: bool, in_parentheses: bool) -> Result<Expr, Error> {
        self.tuple_of(&[], conditions, in_parentheses)
    }

    /// As [`Self::tuple`], without conditions if `!conditions`, up to a name in `ends`.
    pub(super) fn tuple_until(&mut self, ends: &[&str], conditions: bool) -> Result<Expr, Error> {
        self.tuple_of(ends, conditions, false)
    }

    fn tuple_of(
        &mut self,
        ends: &[&str],
        conditions: bool,
        in_parentheses: bool,
    ) -> Result<Expr, Error> {
        let line = self.line();
        let mut items = vec![];
        let mut is_tuple = false;
        loop {
            let at_end = match self.kind() {
                Kind::VariableEnd | Kind::BlockEnd | Kind::Operator(")") => true,
                Kind::Name(name) => ends.contains(&name.as_str()),
                _ => false,
            };
            if at_end {
                break;
            }
            items.push(if conditions {
                self.expression()?
            } else {
                self.nested(Self::or)?
            });
            if !self.is_operator(",") {
                break;
            }
            is_tuple = true;
            self.advance();
        }
        if !is_tuple && items.len() == 1 {
            return Ok(items.remove(0));
        }
        if items.is_empty() && !in_parentheses {
            return self.unexpected("an expression");
        }
        Ok(Self::expr(line, ExprKind::Tuple(items)))
    }

    /// An expression with conditions: `a if b else c`.
    pub(super) fn expression(&mut self) -> Result<Expr, Error> {
        self.nested(|parser| {
            let line = parser.line();
            let mut value = parser.or()?;
            let mut count = 0;
            while parser.skip_name("if") {
                parser.chain(&mut count)?;
                let test = parser.or()?;
                let otherwise = if parser.skip_name("else") {
                    Some(Box::new(parser.expression()?))
                } else {
                    None
                };
                let parts = Box::new([value, test]);
                value = Self::expr(line, ExprKind::Condition(parts, otherwise));
            }
            Ok(value)
        })
    }

    fn or(&mut self) -> Result<Expr, Error> {
        let line = self.line();
        let mut left = self.and()?;
        let mut count = 0;
        while self.skip_name("or") {
            self.chain(&mut count)?;
            let right = self.and()?;
            left = Self::expr(line, ExprKind::Or(Box::new([left, right])));
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Expr, Error> {
        let line = self.line();
        let mut left = self.not()?;
        let mut count = 0;
        while self.skip_name("and") {
            self.chain(&mut count)?;
            let right = self.not()?;
            left = Self::expr(line, ExprKind::And(Box::new([left, right])));
        }
        Ok(left)
    }

    fn not(&mut self) -> Result<Expr, Error> {
        let line = self.line();
        if self.skip_name("not") {
            let value = self.nested(Self::not)?;
            return Ok(Self::expr(line, ExprKind::Not(Box::new(value))));
        }
        self.compare()
    }

    fn compare(&mut self) -> Result<Expr, Error> {
        let line = self.line();
        let left = self.math1()?;
        let mut operands = vec![];
        loop {
            let comparison = match self.kind() {
                Kind::Operator("==") => Comparison::Equal,
                Kind::Operator("!=") => Comparison::NotEqual,
                Kind::Operator("<") => Comparison::Less,
                Kind::Operator("<=") => Comparison::LessEqual,
                Kind::Operator(">") => Comparison::Greater,
                Kind::Operator(">=") => Comparison::GreaterEqual,
                Kind::Name(name) if name == "in" => Comparison::In,
                Kind::Name(name)
                    if name == "not"
                        && matches!(self.next_kind(), Kind::Name(next) if next == "in") =>
                {
                    self.advance();
                    Comparison::NotIn
                }
                _ => break,
            };
            self.advance();
            operands.push((comparison, self.math1()?));
        }
        if operands.is_empty() {
            return Ok(left);
        }
        Ok(Self::expr(
            line,
            ExprKind::Compare(Box::new(left), operands),
        ))
    }

    /// Operators of the same strength, from the left.
    fn binary(
        &mut self,
        operators: &[(&str, Operator)],
        operand: fn(&mut Self) -> Result<Expr, Error>,
    ) -> Result<Expr, Error> {
        let line = self.line();
        let mut left = operand(self)?;
        let mut count = 0;
        loop {
            let found = operators.iter().find(|(text, _)| self.is_operator(text));
            let Some((_, operator)) = found else {
                return Ok(left);
            };
            self.advance();
            self.chain(&mut count)?;
            let parts = Box::new([left, operand(self)?]);
            left = Self::expr(line, ExprKind::Binary(*operator, parts));
        }
    }

    fn math1(&mut self) -> Result<Expr, Error> {
        let operators = [("+", Operator::Add), ("-", Operator::Subtract)];
        self.binary(&operators, Self::concat)
    }

    fn concat(&mut self) -> Result<Expr, Error> {
        let line = self.line();
        let mut parts = vec![self.math2()?];
        while self.skip_operator("~") {
            parts.push(self.math2()?);
        }
        match parts.len() {
            1 => Ok(parts.remove(0)),
            _ => Ok(Self::expr(line, ExprKind::Concat(parts))),
        }
    }

    fn math2(&mut self) -> Result<Expr, Error> {
        let operators = [
            ("*", Operator::Multiply),
            ("/", Operator::Divide),
            ("//", Operator::FloorDivide),
            ("%", Operator::Remainder),
        ];
        self.binary(&operators, Self::power)
    }

    fn power(&mut self) -> Result<Expr, Error> {
        self.binary(&[("**", Operator::Power)], |parser| parser.unary(true))
    }

    fn unary(&mut self, with_filters: bool) -> Result<Expr, Error> {
        let line = self.line();
        let mut value = if self.skip_operator("-") {
            let value = self.nested(|parser| parser.unary(false))?;
            Self::expr(line, ExprKind::Negative(Box::new(value)))
        } else if self.skip_operator("+") {
            let value = self.nested(|parser| parser.unary(false))?;
            Self::expr(line, ExprKind::Positive(Box::new(value)))
        } else {
            self.primary()?
        };
        value = self.postfix(value)?;
        if with_filters {
            self.filtered(value)
        } else {
            Ok(value)
        }
    }

    /// Filters, tests and calls after an expression.
    fn filtered(&mut self, mut value: Expr) -> Result<Expr, Error> {
        let mut count = 0;
        loop {
            let line = self.line();
            if self.skip_operator("|") {
                let filter = self.filter()?;
                value = Self::expr(line, ExprKind::Filter(Box::new(value), filter));
            } else if self.skip_name("is") {
                value = self.test(value)?;
            } else if self.is_operator("(") {
                value = self.call(value)?;
            } else {
                return Ok(value);
            }
            self.chain(&mut count)?;
        }
    }

    fn primary(&mut self) -> Result<Expr, Error> {
        let line = self.line();
        let kind = match self.kind().clone() {
            Kind::Name(name) => {
                self.advance();
                match name.as_str() {
                    "true" | "True" => ExprKind::Const(Value::Bool(true)),
                    "false" | "False" => ExprKind::Const(Value::Bool(false)),
                    "none" | "None" => ExprKind::Const(Value::None),
                    _ => {
                        let name: Arc<str> = name.into();
                        self.used.push(name.clone());
                        ExprKind::Name(name)
                    }
                }
            }
            Kind::Text(mut text) => {
                self.advance();
                while let Kind::Text(more) = self.kind() {
                    text += more;
                    self.advance();
                }
                ExprKind::Const(Value::from(text))
            }
            Kind::Integer(value) => {
                self.advance();
                ExprKind::Const(Value::Int(value))
            }
            Kind::Float(value) => {
                self.advance();
                ExprKind::Const(Value::Float(value))
            }
            Kind::Operator("(") => {
                self.advance();
                let value = self.nested(|parser| parser.tuple(true, true))?;
                self.expect_operator(")")?;
                return Ok(value);
            }
            Kind::Operator("[") => ExprKind::List(self.list()?),
            Kind::Operator("{") => ExprKind::Dict(self.dict()?),
            _ => return self.unexpected("an expression"),
        };
        Ok(Self::expr(line, kind))
    }

    fn list(&mut self) -> Result<Vec<Expr>, Error> {
        let mut items = vec![];
        self.expect_operator("[")?;
        while !self.is_operator("]") {
            if !items.is_empty() {
                self.expect_operator(",")?;
                if self.is_operator("]") {
                    break;
                }
            }
            items.push(self.expression()?);
        }
        self.advance();
        Ok(items)
    }

    fn dict(&mut self) -> Result<Vec<(Expr, Expr)>, Error> {
        let mut items = vec![];
        self.expect_operator("{")?;
        while !self.is_operator("}") {
            if !items.is_empty() {
                self.expect_operator(",")?;
                if self.is_operator("}") {
                    break;
                }
            }
            let key = self.expression()?;
            self.expect_operator(":")?;
            items.push((key, self.expression()?));
        }
        self.advance();
        Ok(items)
    }

    fn postfix(&mut self, mut value: Expr) -> Result<Expr, Error> {
        let mut count = 0;
        loop {
            let line = self.line();
            if self.skip_operator(".") {
                value = Self::expr(line, self.attribute(value)?);
            } else if self.is_operator("[") {
                value = self.subscript(value)?;
            } else if self.is_operator("(") {
                value = self.call(value)?;
            } else {
                return Ok(value);
            }
            self.chain(&mut count)?;
        }
    }

    fn attribute(&mut self, value: Expr) -> Result<ExprKind, Error> {
        let line = self.line();
        match self.kind().clone() {
            Kind::Name(name) => {
                self.advance();
                Ok(ExprKind::Attribute(Box::new(value), name.into()))
            }
            Kind::Integer(index) => {
                self.advance();
                let index = Self::expr(line, ExprKind::Const(Value::Int(index)));
                Ok(ExprKind::Item(Box::new(value), Box::new(index)))
            }
            _ => self.unexpected("a name or a number"),
        }
    }

    fn subscript(&mut self, value: Expr) -> Result<Expr, Error> {
        let line = self.line();
        self.expect_operator("[")?;
        if self.skip_operator("]") {
            // Without an index it is an empty tuple.
            let index = Self::expr(line, ExprKind::Tuple(vec![]));
            let kind = ExprKind::Item(Box::new(value), Box::new(index));
            return Ok(Self::expr(line, kind));
        }
        let start = if self.is_operator(":") {
            None
        } else {
            Some(self.expression()?)
        };
        let kind = if self.skip_operator(":") {
            let stop = self.slice_part()?;
            let stride = if self.skip_operator(":") {
                self.slice_part()?
            } else {
                None
            };
            ExprKind::Slice(Box::new(value), Box::new([start, stop, stride]))
        } else {
            let mut index = start.expect("it has no `:`");
            if self.is_operator(",") {
                let mut items = vec![index];
                while self.skip_operator(",") {
                    items.push(self.expression()?);
                }
                index = Self::expr(line, ExprKind::Tuple(items));
            }
            ExprKind::Item(Box::new(value), Box::new(index))
        };
        self.expect_operator("]")?;
        Ok(Self::expr(line, kind))
    }

    fn slice_part(&mut self) -> Result<Option<Expr>, Error> {
        match self.kind() {
            Kind::Operator(":" | "]" | ",") => Ok(None),
            _ => Ok(Some(self.expression()?)),
        }
    }

    pub(super) fn arguments(&mut self) -> Result<Arguments, Error> {
        let mut arguments = Arguments::default();
        let mut is_first = true;
        self.expect_operator("(")?;
        while !self.is_operator(")") {
            if !is_first {
                self.expect_operator(",")?;
                if self.is_operator(")") {
                    break;
                }
            }
            is_first = false;
            self.argument(&mut arguments)?;
        }
        self.advance();
        Ok(arguments)
    }

    fn argument(&mut self, arguments: &mut Arguments) -> Result<(), Error> {
        let invalid = "the arguments of a call are in the wrong order";
        if self.skip_operator("*") {
            if arguments.more_positional.is_some() || arguments.more_named.is_some() {
                return self.fail(invalid);
            }
            arguments.more_positional = Some(Box::new(self.expression()?));
        } else if self.skip_operator("**") {
            if arguments.more_named.is_some() {
                return self.fail(invalid);
            }
            arguments.more_named = Some(Box::new(self.expression()?));
        } else if let Kind::Name(name) = self.kind()
            && *self.next_kind() == Kind::Operator("=")
        {
            let name: Arc<str> = name.as_str().into();
            if arguments.more_named.is_some() {
                return self.fail(invalid);
            }
            if arguments.named.iter().any(|(other, _)| *other == name) {
                return self.fail(format!("the argument `{name}` is given twice"));
            }
            self.advance();
            self.advance();
            let value = self.expression()?;
            arguments.named.push((name, value));
        } else {
            let has_more = arguments.more_positional.is_some() || arguments.more_named.is_some();
            if has_more || !arguments.named.is_empty() {
                return self.fail(invalid);
            }
            arguments.positional.push(self.expression()?);
        }
        Ok(())
    }

    /// A test after `is`.
    fn test(&mut self, value: Expr) -> Result<Expr, Error> {
        let line = self.line();
        let negated = self.skip_name("not");
        let mut test = self.filter()?;
        let takes_argument = test.arguments.positional.is_empty()
            && match self.kind() {
                Kind::Name(name) => !matches!(name.as_str(), "else" | "or" | "and"),
                Kind::Text(_) | Kind::Integer(_) | Kind::Float(_) => true,
                Kind::Operator(operator) => matches!(*operator, "[" | "{"),
                _ => false,
            };
        if takes_argument && *self.previous() != Kind::Operator(")") {
            if self.is_name("is") {
                return self.fail("tests with `is` cannot follow each other");
            }
            let argument = self.primary()?;
            test.arguments.positional.push(self.postfix(argument)?);
        }
        let mut value = Self::expr(line, ExprKind::Test(Box::new(value), test));
        if negated {
            value = Self::expr(line, ExprKind::Not(Box::new(value)));
        }
        Ok(value)
    }

    fn previous(&self) -> &Kind {
        &self.tokens[self.position - 1].kind
    }
}
