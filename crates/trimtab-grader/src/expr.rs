//! An answer as an expression tree.

mod display;

use crate::rational::Rational;

/// A mathematical object, as written.
#[derive(Clone, Debug)]
pub(crate) enum Expr {
    /// An exact number. `decimals` counts the digits after the decimal point, if there is one.
    Number {
        value: Rational,
        decimals: Option<u32>,
    },
    Pi,
    E,
    I,
    Infinity,
    /// A name in canonical spelling: `x`, `theta`, `x_{12}`, `vec v`.
    Symbol(String),
    /// Plain words.
    Text(String),
    Sum(Vec<Expr>),
    Product(Vec<Expr>),
    Negative(Box<Expr>),
    /// Numerator and denominator.
    Quotient(Box<(Expr, Expr)>),
    /// Base and exponent.
    Power(Box<(Expr, Expr)>),
    /// Degree and radicand.
    Root(Box<(Expr, Expr)>),
    /// The two values of `±`. All signs of an answer switch together, `∓` to the opposite sign.
    PlusMinus {
        term: Box<Expr>,
        flipped: bool,
    },
    /// A known function and its arguments.
    Call(&'static str, Vec<Expr>),
    /// An unknown function and its arguments: `f(x)`.
    Opaque(String, Vec<Expr>),
    /// A sum or a product over an index.
    Series(Box<Series>),
    /// An integral.
    Integral(Box<Integral>),
    Percent(Box<Expr>),
    /// An angle in degrees.
    Degrees(Box<Expr>),
    /// A value with a unit.
    Quantity(Box<Expr>, String),
    /// `a : b`, or a time of day.
    Ratio(Vec<Expr>),
    /// Ordered items in parentheses or brackets. The delimiters distinguish open and closed
    /// intervals.
    Tuple {
        open: char,
        close: char,
        items: Vec<Expr>,
    },
    Set(Vec<Expr>),
    /// `{ x | condition }`, of which only the condition is kept.
    SetOf(Box<Expr>),
    /// Items without delimiters, in any order.
    List {
        joint: Joint,
        items: Vec<Expr>,
    },
    /// `∪`, `∩` or `∖`.
    SetOperation(char, Box<(Expr, Expr)>),
    Matrix(Vec<Vec<Expr>>),
    /// The values of a function and their conditions.
    Cases(Vec<(Expr, Expr)>),
    /// `a < b = c`: the first part, then one or more pairs of relation and part.
    Relation(Box<Expr>, Vec<(char, Expr)>),
    /// An answer and the conditions under which it holds: `2k, k \in \mathbb{Z}`.
    Given(Box<(Expr, Expr)>),
}

/// `sum_{index=from}^{to} body`, or the product.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    pub(crate) product: bool,
    pub(crate) index: String,
    pub(crate) from: Expr,
    pub(crate) to: Expr,
    pub(crate) body: Expr,
}

/// An integral over a variable. It is indefinite without bounds.
#[derive(Clone, Debug)]
pub(crate) struct Integral {
    pub(crate) variable: String,
    pub(crate) bounds: Option<(Expr, Expr)>,
    pub(crate) body: Expr,
}

/// The separator of the items of a list.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Joint {
    Comma,
    And,
    Or,
}

impl Expr {
    pub(crate) fn integer(value: i64) -> Self {
        Self::Number {
            value: Rational::integer(value),
            decimals: None,
        }
    }

    /// Calls `visit` on this expression and on all its parts.
    pub(crate) fn walk<'a>(&'a self, visit: &mut impl FnMut(&'a Expr)) {
        visit(self);
        match self {
            Self::Number { .. }
            | Self::Pi
            | Self::E
            | Self::I
            | Self::Infinity
            | Self::Symbol(_)
            | Self::Text(_) => {}
            Self::Sum(items)
            | Self::Product(items)
            | Self::Call(_, items)
            | Self::Opaque(_, items)
            | Self::Ratio(items)
            | Self::Tuple { items, .. }
            | Self::Set(items)
            | Self::List { items, .. } => items.iter().for_each(|item| item.walk(visit)),
            Self::Negative(inner)
            | Self::PlusMinus { term: inner, .. }
            | Self::Percent(inner)
            | Self::Degrees(inner)
            | Self::Quantity(inner, _)
            | Self::SetOf(inner) => inner.walk(visit),
            Self::Quotient(pair)
            | Self::Power(pair)
            | Self::Root(pair)
            | Self::SetOperation(_, pair)
            | Self::Given(pair) => {
                pair.0.walk(visit);
                pair.1.walk(visit);
            }
            Self::Series(series) => {
                series.from.walk(visit);
                series.to.walk(visit);
                series.body.walk(visit);
            }
            Self::Integral(integral) => {
                if let Some((from, to)) = &integral.bounds {
                    from.walk(visit);
                    to.walk(visit);
                }
                integral.body.walk(visit);
            }
            Self::Matrix(rows) => rows.iter().flatten().for_each(|item| item.walk(visit)),
            Self::Cases(pieces) => {
                for (value, condition) in pieces {
                    value.walk(visit);
                    condition.walk(visit);
                }
            }
            Self::Relation(first, rest) => {
                first.walk(visit);
                for (_, part) in rest {
                    part.walk(visit);
                }
            }
        }
    }

    /// A copy in which every part for which `change` returns another is replaced.
    pub(crate) fn rewritten(&self, change: &impl Fn(&Expr) -> Option<Expr>) -> Self {
        if let Some(changed) = change(self) {
            return changed;
        }
        let again = |inner: &Expr| inner.rewritten(change);
        let boxed = |inner: &Expr| Box::new(again(inner));
        let all = |items: &[Expr]| items.iter().map(again).collect();
        let pair = |parts: &(Expr, Expr)| Box::new((again(&parts.0), again(&parts.1)));
        match self {
            Self::Number { .. }
            | Self::Pi
            | Self::E
            | Self::I
            | Self::Infinity
            | Self::Symbol(_)
            | Self::Text(_) => self.clone(),
            Self::Sum(items) => Self::Sum(all(items)),
            Self::Product(items) => Self::Product(all(items)),
            Self::Negative(inner) => Self::Negative(boxed(inner)),
            Self::Quotient(parts) => Self::Quotient(pair(parts)),
            Self::Power(parts) => Self::Power(pair(parts)),
            Self::Root(parts) => Self::Root(pair(parts)),
            Self::PlusMinus { term, flipped } => Self::PlusMinus {
                term: boxed(term),
                flipped: *flipped,
            },
            Self::Call(name, items) => Self::Call(name, all(items)),
            Self::Opaque(name, items) => Self::Opaque(name.clone(), all(items)),
            Self::Series(series) => Self::Series(Box::new(Series {
                product: series.product,
                index: series.index.clone(),
                from: again(&series.from),
                to: again(&series.to),
                body: again(&series.body),
            })),
            Self::Integral(integral) => Self::Integral(Box::new(Integral {
                variable: integral.variable.clone(),
                bounds: integral
                    .bounds
                    .as_ref()
                    .map(|(from, to)| (again(from), again(to))),
                body: again(&integral.body),
            })),
            Self::Percent(inner) => Self::Percent(boxed(inner)),
            Self::Degrees(inner) => Self::Degrees(boxed(inner)),
            Self::Quantity(inner, unit) => Self::Quantity(boxed(inner), unit.clone()),
            Self::Ratio(items) => Self::Ratio(all(items)),
            Self::Tuple { open, close, items } => Self::Tuple {
                open: *open,
                close: *close,
                items: all(items),
            },
            Self::Set(items) => Self::Set(all(items)),
            Self::SetOf(inner) => Self::SetOf(boxed(inner)),
            Self::List { joint, items } => Self::List {
                joint: *joint,
                items: all(items),
            },
            Self::SetOperation(operation, parts) => Self::SetOperation(*operation, pair(parts)),
            Self::Given(parts) => Self::Given(pair(parts)),
            Self::Matrix(rows) => Self::Matrix(rows.iter().map(|row| all(row)).collect()),
            Self::Cases(pieces) => Self::Cases(
                pieces
                    .iter()
                    .map(|(value, condition)| (again(value), again(condition)))
                    .collect(),
            ),
            Self::Relation(first, rest) => Self::Relation(
                boxed(first),
                rest.iter()
                    .map(|(relation, part)| (*relation, again(part)))
                    .collect(),
            ),
        }
    }

    /// Whether `wanted` holds for this expression or one of its parts.
    pub(crate) fn any(&self, wanted: impl Fn(&Expr) -> bool) -> bool {
        let mut found = false;
        self.walk(&mut |expr| found = found || wanted(expr));
        found
    }

    /// Whether there is a `±` in it.
    pub(crate) fn has_sign(&self) -> bool {
        self.any(|part| matches!(part, Self::PlusMinus { .. }))
    }

    /// The expression with every `±` replaced by plus, or by minus.
    pub(crate) fn with_sign(&self, minus: bool) -> Self {
        self.rewritten(&|part| match part {
            Self::PlusMinus { term, flipped } if minus == *flipped => Some(term.with_sign(minus)),
            Self::PlusMinus { term, .. } => Some(Self::Negative(Box::new(term.with_sign(minus)))),
            _ => None,
        })
    }

    /// The names of its variables, including bound ones, sorted and without duplicates.
    pub(crate) fn symbols(&self) -> Vec<&str> {
        let mut names = Vec::new();
        self.walk(&mut |expr| {
            if let Self::Symbol(name) = expr {
                names.push(name.as_str());
            }
        });
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Whether it is a single value, not a collection, a relation or a text.
    pub(crate) fn is_scalar(&self) -> bool {
        match self {
            Self::Percent(inner)
            | Self::Degrees(inner)
            | Self::Quantity(inner, _)
            | Self::Negative(inner) => inner.is_scalar(),
            Self::Text(_)
            | Self::Tuple { .. }
            | Self::Set(_)
            | Self::SetOf(_)
            | Self::List { .. }
            | Self::SetOperation(..)
            | Self::Matrix(_)
            | Self::Cases(_)
            | Self::Relation(..)
            | Self::Given(_)
            | Self::Ratio(_) => false,
            _ => true,
        }
    }
}
