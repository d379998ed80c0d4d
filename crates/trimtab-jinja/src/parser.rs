//! Tokens to statements, as `jinja2.parser` reads them.

mod expressions;

use std::sync::Arc;

use crate::ast::{
    Arguments, Body, Call, Expr, ExprKind, Filter, For, Macro, Node, Parameter, Target,
};
use crate::error::Error;
use crate::lexer::{Kind, Token, tokenize};

/// How deep statements and parentheses may nest. Python has similar limits.
const MAX_DEPTH: usize = 100;

/// How many operators or attributes may follow each other.
const MAX_CHAIN: usize = 500;

/// The statements of a template.
pub(crate) fn parse(source: &str) -> Result<Body, Error> {
    let mut parser = Parser {
        tokens: tokenize(source)?,
        position: 0,
        depth: 0,
        used: vec![],
        loops: 0,
        blocks: vec![],
    };
    let (body, _) = parser.body(&[])?;
    Ok(body)
}

struct Parser {
    tokens: Vec<Token>,
    position: usize,
    depth: usize,
    /// The names that were read, for what a macro uses.
    used: Vec<Arc<str>>,
    /// Loops around this place, for `break` and `continue`.
    loops: usize,
    /// The names of all blocks.
    blocks: Vec<Arc<str>>,
}

impl Parser {
    fn kind(&self) -> &Kind {
        &self.tokens[self.position].kind
    }

    fn line(&self) -> usize {
        self.tokens[self.position].line
    }

    fn next_kind(&self) -> &Kind {
        let next = (self.position + 1).min(self.tokens.len() - 1);
        &self.tokens[next].kind
    }

    fn advance(&mut self) {
        self.position = (self.position + 1).min(self.tokens.len() - 1);
    }

    fn fail<T>(&self, message: impl Into<String>) -> Result<T, Error> {
        Err(Error::syntax(self.line(), message))
    }

    fn unexpected<T>(&self, expected: &str) -> Result<T, Error> {
        let found = match self.kind() {
            Kind::Data(_) => "text",
            Kind::VariableBegin => "`{{`",
            Kind::VariableEnd => "`}}`",
            Kind::BlockBegin => "`{%`",
            Kind::BlockEnd => "`%}`",
            Kind::Name(name) | Kind::Text(name) => &format!("`{name}`"),
            Kind::Integer(_) | Kind::Float(_) => "a number",
            Kind::Operator(operator) => &format!("`{operator}`"),
            Kind::End => "the end of the template",
        };
        self.fail(format!("expected {expected}, found {found}"))
    }

    fn is_operator(&self, operator: &str) -> bool {
        matches!(self.kind(), Kind::Operator(found) if *found == operator)
    }

    fn is_name(&self, name: &str) -> bool {
        matches!(self.kind(), Kind::Name(found) if found == name)
    }

    fn skip_operator(&mut self, operator: &str) -> bool {
        let found = self.is_operator(operator);
        if found {
            self.advance();
        }
        found
    }

    fn skip_name(&mut self, name: &str) -> bool {
        let found = self.is_name(name);
        if found {
            self.advance();
        }
        found
    }

    fn expect_operator(&mut self, operator: &str) -> Result<(), Error> {
        if self.skip_operator(operator) {
            Ok(())
        } else {
            self.unexpected(&format!("`{operator}`"))
        }
    }

    fn expect_name(&mut self, name: &str) -> Result<(), Error> {
        if self.skip_name(name) {
            Ok(())
        } else {
            self.unexpected(&format!("`{name}`"))
        }
    }

    fn expect_block_end(&mut self) -> Result<(), Error> {
        match self.kind() {
            Kind::BlockEnd => {
                self.advance();
                Ok(())
            }
            _ => self.unexpected("`%}`"),
        }
    }

    fn name(&mut self) -> Result<Arc<str>, Error> {
        match self.kind() {
            Kind::Name(name) => {
                let name = name.as_str().into();
                self.advance();
                Ok(name)
            }
            _ => self.unexpected("a name"),
        }
    }

    /// Runs `parse` one level deeper.
    fn nested<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        if self.depth == MAX_DEPTH {
            return self.fail("the template nests too deeply");
        }
        self.depth += 1;
        let result = parse(self);
        self.depth -= 1;
        result
    }

    /// Statements up to a tag named in `ends`, and that name, which is read too. Without `ends`,
    /// to the end of the template.
    fn body(&mut self, ends: &[&str]) -> Result<(Body, String), Error> {
        self.nested(|parser| {
            let mut body = vec![];
            loop {
                match parser.kind() {
                    Kind::Data(text) => {
                        body.push(Node::Data(text.as_str().into()));
                        parser.advance();
                    }
                    Kind::VariableBegin => {
                        parser.advance();
                        body.push(Node::Print(vec![parser.tuple(true, false)?]));
                        match parser.kind() {
                            Kind::VariableEnd => parser.advance(),
                            _ => return parser.unexpected("`}}`"),
                        }
                    }
                    Kind::BlockBegin => {
                        parser.advance();
                        match parser.kind() {
                            Kind::Name(name) if ends.contains(&name.as_str()) => {
                                let name = name.clone();
                                parser.advance();
                                return Ok((body, name));
                            }
                            _ => body.push(parser.statement()?),
                        }
                        parser.expect_block_end()?;
                    }
                    Kind::End if ends.is_empty() => return Ok((body, String::new())),
                    _ => return parser.unexpected(&format!("`{}`", ends.join("` or `"))),
                }
            }
        })
    }

    /// The rest of an opening tag, and the statements up to a tag named in `ends`.
    fn block(&mut self, ends: &[&str]) -> Result<(Body, String), Error> {
        self.skip_operator(":");
        self.expect_block_end()?;
        self.body(ends)
    }

    fn statement(&mut self) -> Result<Node, Error> {
        let name = self.name()?;
        match &*name {
            "for" => self.for_loop(),
            "if" => self.if_statement(),
            "set" => self.set(),
            "with" => self.with(),
            "macro" => {
                let name = self.name()?;
                let parameters = self.parameters()?;
                let definition = self.definition(Some(name), parameters, "endmacro")?;
                Ok(Node::Macro(Arc::new(definition)))
            }
            "call" => self.call_block(),
            "filter" => {
                let first = self.filter()?;
                let filters = self.filters(vec![first])?;
                Ok(Node::FilterBlock(filters, self.block(&["endfilter"])?.0))
            }
            "generation" => Ok(Node::Scope(self.block(&["endgeneration"])?.0)),
            "print" => self.print(),
            "block" => self.block_statement(),
            "autoescape" => self.autoescape(),
            "break" | "continue" if self.loops == 0 => self.fail(format!("`{name}` is in no loop")),
            "break" => Ok(Node::Break),
            "continue" => Ok(Node::Continue),
            "extends" | "include" | "import" | "from" => {
                while !matches!(self.kind(), Kind::BlockEnd | Kind::End) {
                    self.advance();
                }
                Ok(Node::OtherTemplate)
            }
            _ => self.fail(format!("unknown tag `{name}`")),
        }
    }

    fn for_loop(&mut self) -> Result<Node, Error> {
        let target = self.target(&["in"], false)?;
        if target_names(&target).iter().any(|name| ***name == *"loop") {
            return self.fail("the target of a loop cannot be `loop`");
        }
        self.expect_name("in")?;
        let iterable = self.tuple_until(&["recursive"], false)?;
        let filter = if self.skip_name("if") {
            Some(self.expression()?)
        } else {
            None
        };
        let recursive = self.skip_name("recursive");
        self.loops += 1;
        let (body, end) = self.block(&["endfor", "else"])?;
        self.loops -= 1;
        let otherwise = match end.as_str() {
            "else" => self.block(&["endfor"])?.0,
            _ => vec![],
        };
        Ok(Node::For(Arc::new(For {
            target,
            iterable,
            filter,
            recursive,
            body,
            otherwise,
        })))
    }

    fn if_statement(&mut self) -> Result<Node, Error> {
        let mut branches = vec![];
        loop {
            let test = self.tuple(false, false)?;
            let (body, end) = self.block(&["elif", "else", "endif"])?;
            branches.push((test, body));
            let otherwise = match end.as_str() {
                "elif" => continue,
                "else" => self.block(&["endif"])?.0,
                _ => vec![],
            };
            return Ok(Node::If {
                branches,
                otherwise,
            });
        }
    }

    fn set(&mut self) -> Result<Node, Error> {
        let target = self.target(&[], true)?;
        if self.skip_operator("=") {
            return Ok(Node::Set(target, self.tuple(true, false)?));
        }
        let filters = self.filters(vec![])?;
        Ok(Node::SetBlock(target, filters, self.block(&["endset"])?.0))
    }

    fn with(&mut self) -> Result<Node, Error> {
        let mut assignments = vec![];
        while *self.kind() != Kind::BlockEnd {
            if !assignments.is_empty() {
                self.expect_operator(",")?;
            }
            let target = self.target(&[], false)?;
            self.expect_operator("=")?;
            assignments.push((target, self.expression()?));
        }
        Ok(Node::With(assignments, self.block(&["endwith"])?.0))
    }

    /// A macro whose parameters were read.
    fn definition(
        &mut self,
        name: Option<Arc<str>>,
        parameters: Vec<Parameter>,
        end: &str,
    ) -> Result<Macro, Error> {
        let outer = std::mem::take(&mut self.used);
        let loops = std::mem::take(&mut self.loops);
        let (body, _) = self.block(&[end])?;
        self.loops = loops;
        let inner = std::mem::replace(&mut self.used, outer);
        let declares = |name| parameters.iter().any(|(declared, _)| &**declared == name);
        let uses = |name| inner.iter().any(|used| &**used == name) && !declares(name);
        let definition = Macro {
            uses_caller: uses("caller"),
            uses_kwargs: uses("kwargs"),
            uses_varargs: uses("varargs"),
            name,
            parameters,
            body,
        };
        self.used.extend(inner);
        Ok(definition)
    }

    fn parameters(&mut self) -> Result<Vec<Parameter>, Error> {
        let mut parameters: Vec<Parameter> = vec![];
        self.expect_operator("(")?;
        while !self.is_operator(")") {
            if !parameters.is_empty() {
                self.expect_operator(",")?;
            }
            let name = self.name()?;
            if parameters.iter().any(|(other, _)| *other == name) {
                return self.fail(format!("two parameters are named `{name}`"));
            }
            let default = if self.skip_operator("=") {
                Some(self.expression()?)
            } else {
                None
            };
            let has_default = parameters
                .last()
                .is_some_and(|(_, default)| default.is_some());
            if has_default && default.is_none() {
                return self.fail("a parameter without a default follows one with a default");
            }
            if &*name == "caller" && default.is_none() {
                return self.fail("the parameter `caller` needs a default");
            }
            parameters.push((name, default));
        }
        self.expect_operator(")")?;
        Ok(parameters)
    }

    fn call_block(&mut self) -> Result<Node, Error> {
        let parameters = if self.is_operator("(") {
            self.parameters()?
        } else {
            vec![]
        };
        let ExprKind::Call(call) = self.expression()?.kind else {
            return self.fail("a call block needs a call");
        };
        let caller = self.definition(None, parameters, "endcall")?;
        Ok(Node::Call(call, Arc::new(caller)))
    }

    fn print(&mut self) -> Result<Node, Error> {
        let mut values = vec![];
        while *self.kind() != Kind::BlockEnd {
            if !values.is_empty() {
                self.expect_operator(",")?;
            }
            values.push(self.expression()?);
        }
        Ok(Node::Print(values))
    }

    fn block_statement(&mut self) -> Result<Node, Error> {
        let name = self.name()?;
        if self.blocks.contains(&name) {
            return self.fail(format!("the block `{name}` is defined twice"));
        }
        self.blocks.push(name.clone());
        if self.is_name("scoped") || self.is_name("required") {
            return self.fail("blocks for other templates are not supported");
        }
        let loops = std::mem::take(&mut self.loops);
        let (body, _) = self.block(&["endblock"])?;
        self.loops = loops;
        self.skip_name(&name);
        Ok(Node::Block(body))
    }

    fn autoescape(&mut self) -> Result<Node, Error> {
        match self.expression()?.kind {
            ExprKind::Const(value) if !value.is_true() => {}
            _ => return self.fail("`autoescape` is supported with `false` only"),
        }
        Ok(Node::Scope(self.block(&["endautoescape"])?.0))
    }

    /// The target of an assignment, up to `=` or a name in `ends`.
    fn target(&mut self, ends: &[&str], with_namespace: bool) -> Result<Target, Error> {
        let mut targets = vec![];
        loop {
            let at_end = match self.kind() {
                Kind::VariableEnd | Kind::BlockEnd | Kind::Operator(")") => true,
                Kind::Name(name) => ends.contains(&name.as_str()),
                _ => false,
            };
            if at_end && !targets.is_empty() {
                return Ok(Target::Tuple(targets));
            }
            let target = self.one_target(with_namespace)?;
            if !self.is_operator(",") {
                if targets.is_empty() {
                    return Ok(target);
                }
                targets.push(target);
                return Ok(Target::Tuple(targets));
            }
            targets.push(target);
            self.advance();
        }
    }

    fn one_target(&mut self, with_namespace: bool) -> Result<Target, Error> {
        if self.skip_operator("(") {
            let inner = self.nested(|parser| parser.target(&[], false))?;
            self.expect_operator(")")?;
            return Ok(inner);
        }
        let name = self.name()?;
        if matches!(
            &*name,
            "true" | "false" | "none" | "True" | "False" | "None"
        ) {
            return self.fail(format!("`{name}` cannot be assigned to"));
        }
        if with_namespace && self.skip_operator(".") {
            return Ok(Target::Attribute(name, self.name()?));
        }
        Ok(Target::Name(name))
    }

    /// A filter without its `|`.
    fn filter(&mut self) -> Result<Filter, Error> {
        let mut name = self.name()?.to_string();
        while self.skip_operator(".") {
            name = format!("{name}.{}", self.name()?);
        }
        let arguments = if self.is_operator("(") {
            self.arguments()?
        } else {
            Arguments::default()
        };
        let name = name.into();
        Ok(Filter { name, arguments })
    }

    /// More filters, each after a `|`.
    fn filters(&mut self, mut filters: Vec<Filter>) -> Result<Vec<Filter>, Error> {
        while self.skip_operator("|") {
            filters.push(self.filter()?);
        }
        Ok(filters)
    }

    fn call(&mut self, callee: Expr) -> Result<Expr, Error> {
        let line = self.line();
        let callee = Box::new(callee);
        let arguments = self.arguments()?;
        Ok(Expr {
            line,
            kind: ExprKind::Call(Call {
                line,
                callee,
                arguments,
            }),
        })
    }
}

/// The names that an assignment writes.
fn target_names(target: &Target) -> Vec<&Arc<str>> {
    match target {
        Target::Name(name) => vec![name],
        Target::Attribute(..) => vec![],
        Target::Tuple(targets) => targets.iter().flat_map(target_names).collect(),
    }
}
