//! Calls of program code: `Rational(1, 2)`, `Interval.open(0, 1)`, `Matrix([[1, 2]])`.

use super::Parser;
use super::operand::power;
use super::product::over;
use crate::Reason;
use crate::expr::{Expr, Joint};
use crate::lex::Token;

impl Parser<'_, '_, '_> {
    /// A call after its name. `None` if there is no such name.
    pub(super) fn call(&mut self, name: &str) -> Result<Option<Expr>, Reason> {
        match name {
            "pi" => return Ok(Some(Expr::Pi)),
            "reals" => return Ok(Some(Expr::Symbol("mathbb R".to_owned()))),
            "integers" => return Ok(Some(Expr::Symbol("mathbb Z".to_owned()))),
            "empty set" => return Ok(Some(Expr::Set(Vec::new()))),
            "rational"
            | "number"
            | "pow"
            | "matrix"
            | "closed interval"
            | "open interval"
            | "left-open interval"
            | "right-open interval"
            | "union"
            | "intersection"
            | "complement"
            | "set"
            | "tuple"
            | "equation"
            | "inequation"
            | "both"
            | "either"
            | "piecewise"
            | "factorial"
            | "binomial"
            | "permutations"
            | "nth root"
            | "square root" => {}
            _ => return Ok(None),
        }
        let close = match self.peek() {
            Some(Token::Op('(')) => ')',
            Some(Token::Op('[')) => ']',
            _ => return Err(Reason::NotUnderstood),
        };
        self.at += 1;
        let items = self.nested(|parser| parser.items(&[close]))?;
        self.expect(close)?;
        called(name, items).map(Some).ok_or(Reason::NotUnderstood)
    }
}

/// The meaning of the call. `None` if the number of arguments is wrong.
fn called(name: &str, items: Vec<Expr>) -> Option<Expr> {
    let is_true = |item: &Expr| matches!(item, Expr::Symbol(name) if name == "True");
    Some(match name {
        "matrix" => return matrix(items),
        "set" => Expr::Set(items),
        "tuple" => tuple('(', ')', items),
        "union" => return folded('∪', items),
        "intersection" => return folded('∩', items),
        "complement" => return folded('∖', items),
        "both" | "either" => Expr::List {
            joint: if name == "both" {
                Joint::And
            } else {
                Joint::Or
            },
            items,
        },
        "piecewise" => return piecewise(items),
        _ => match <[Expr; 2]>::try_from(items) {
            Ok([first, second]) => match name {
                "rational" => over(first, second),
                "pow" => power(first, second),
                "binomial" => Expr::Call("binom", vec![first, second]),
                "permutations" => Expr::Call("perm", vec![first, second]),
                "nth root" => Expr::Root(Box::new((second, first))),
                "equation" => Expr::Relation(Box::new(first), vec![('=', second)]),
                "inequation" => Expr::Relation(Box::new(first), vec![('≠', second)]),
                "closed interval" => tuple('[', ']', vec![first, second]),
                "open interval" => tuple('(', ')', vec![first, second]),
                "left-open interval" => tuple('(', ']', vec![first, second]),
                "right-open interval" => tuple('[', ')', vec![first, second]),
                _ => return None,
            },
            Err(mut items) => match (name, items.as_slice()) {
                ("number" | "rational", [_]) => items.pop()?,
                ("factorial", [_]) => Expr::Call("factorial", items),
                ("square root", [_]) => Expr::Root(Box::new((Expr::integer(2), items.pop()?))),
                // The last arguments tell whether the ends are open.
                ("closed interval", [_, _, ends @ ..]) if ends.len() < 3 => {
                    let open = if is_true(&ends[0]) { '(' } else { '[' };
                    let close = if ends.get(1).is_some_and(is_true) {
                        ')'
                    } else {
                        ']'
                    };
                    items.truncate(2);
                    tuple(open, close, items)
                }
                _ => return None,
            },
        },
    })
}

fn tuple(open: char, close: char, items: Vec<Expr>) -> Expr {
    Expr::Tuple { open, close, items }
}

/// A matrix by its rows. A list of numbers is a vector.
fn matrix(items: Vec<Expr>) -> Option<Expr> {
    match <[Expr; 1]>::try_from(items).ok()? {
        [matrix @ Expr::Matrix(_)] => Some(matrix),
        [Expr::Tuple { items, .. }] => Some(tuple('(', ')', items)),
        _ => None,
    }
}

fn folded(operation: char, items: Vec<Expr>) -> Option<Expr> {
    items
        .into_iter()
        .reduce(|left, right| Expr::SetOperation(operation, Box::new((left, right))))
}

/// The cases of `Piecewise((x, x > 0), (0, True))`.
fn piecewise(items: Vec<Expr>) -> Option<Expr> {
    let piece = |item| match item {
        Expr::Tuple { items, .. } => match <[Expr; 2]>::try_from(items).ok()? {
            [value, Expr::Symbol(name)] if name == "True" => {
                Some((value, Expr::Text("otherwise".to_owned())))
            }
            [value, condition] => Some((value, condition)),
        },
        _ => None,
    };
    items
        .into_iter()
        .map(piece)
        .collect::<Option<_>>()
        .map(Expr::Cases)
}
