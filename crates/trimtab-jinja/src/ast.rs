//! What a template says, after parsing.

use std::sync::Arc;

use crate::value::Value;

/// A statement, or a text to print.
#[derive(Debug)]
pub(crate) enum Node {
    Data(Arc<str>),
    Print(Vec<Expr>),
    If {
        /// A condition and what it guards; `elif` adds more of them.
        branches: Vec<(Expr, Body)>,
        otherwise: Body,
    },
    For(Arc<For>),
    Set(Target, Expr),
    /// `{% set target | filter %}…{% endset %}`
    SetBlock(Target, Vec<Filter>, Body),
    With(Vec<(Target, Expr)>, Body),
    /// A part with a scope of its own: `{% generation %}`, `{% autoescape false %}`.
    Scope(Body),
    /// `{% block %}`, which no other template fills.
    Block(Body),
    Macro(Arc<Macro>),
    /// `{% call(arguments) callee(…) %}…{% endcall %}`
    Call(Call, Arc<Macro>),
    FilterBlock(Vec<Filter>, Body),
    Break,
    Continue,
    /// A statement that reads other templates. There are none.
    OtherTemplate,
}

/// Statements in order.
pub(crate) type Body = Vec<Node>;

/// A loop.
#[derive(Debug)]
pub(crate) struct For {
    pub(crate) target: Target,
    pub(crate) iterable: Expr,
    pub(crate) filter: Option<Expr>,
    pub(crate) recursive: bool,
    pub(crate) body: Body,
    pub(crate) otherwise: Body,
}

/// A macro, or the body of a call block.
#[derive(Debug)]
pub struct Macro {
    /// `None` for the body of a call block.
    pub(crate) name: Option<Arc<str>>,
    /// The parameters, with the defaults of the last ones.
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) body: Body,
    /// Whether the body reads `caller`, `kwargs` or `varargs` without declaring them.
    pub(crate) uses_caller: bool,
    pub(crate) uses_kwargs: bool,
    pub(crate) uses_varargs: bool,
}

/// A parameter of a macro, and its default.
pub(crate) type Parameter = (Arc<str>, Option<Expr>);

/// What an assignment writes to.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    Name(Arc<str>),
    /// An attribute of a namespace.
    Attribute(Arc<str>, Arc<str>),
    Tuple(Vec<Target>),
}

/// An expression and the line that it is in.
#[derive(Debug)]
pub(crate) struct Expr {
    pub(crate) line: usize,
    pub(crate) kind: ExprKind,
}

/// What an expression is.
#[derive(Debug)]
pub(crate) enum ExprKind {
    Const(Value),
    Name(Arc<str>),
    List(Vec<Expr>),
    Tuple(Vec<Expr>),
    Dict(Vec<(Expr, Expr)>),
    Condition(Box<[Expr; 2]>, Option<Box<Expr>>),
    And(Box<[Expr; 2]>),
    Or(Box<[Expr; 2]>),
    Not(Box<Expr>),
    Negative(Box<Expr>),
    Positive(Box<Expr>),
    Compare(Box<Expr>, Vec<(Comparison, Expr)>),
    Binary(Operator, Box<[Expr; 2]>),
    Concat(Vec<Expr>),
    Attribute(Box<Expr>, Arc<str>),
    Item(Box<Expr>, Box<Expr>),
    Slice(Box<Expr>, Box<[Option<Expr>; 3]>),
    Call(Call),
    Filter(Box<Expr>, Filter),
    Test(Box<Expr>, Filter),
}

/// A call of a value.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) line: usize,
    pub(crate) callee: Box<Expr>,
    pub(crate) arguments: Arguments,
}

/// A filter or a test with its arguments.
#[derive(Debug)]
pub(crate) struct Filter {
    pub(crate) name: Arc<str>,
    pub(crate) arguments: Arguments,
}

/// The arguments of a call.
#[derive(Debug, Default)]
pub(crate) struct Arguments {
    pub(crate) positional: Vec<Expr>,
    pub(crate) named: Vec<(Arc<str>, Expr)>,
    pub(crate) more_positional: Option<Box<Expr>>,
    pub(crate) more_named: Option<Box<Expr>>,
}

/// An operator of two numbers, and sometimes of texts or lists.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    FloorDivide,
    Remainder,
    Power,
}

/// An operator whose result is true or false.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    In,
    NotIn,
}
