//! Expressions as one line of text, with all brackets that their structure needs.

use std::fmt;

use super::{Expr, Joint};
use crate::rational::Rational;

impl Expr {
    /// What the expression is, in two or three words.
    pub(crate) fn kind_name(&self) -> &'static str {
        match self {
            Self::Number { .. } => "the number",
            Self::Symbol(_) => "the name",
            Self::Text(_) => "the words",
            Self::Quantity(..) => "the quantity",
            Self::Percent(_) => "the percentage",
            Self::Degrees(_) => "the angle",
            Self::Ratio(_) => "the proportion",
            Self::Tuple { .. } => "the tuple or interval",
            Self::Set(_) | Self::SetOf(_) | Self::SetOperation(..) => "the set",
            Self::List { .. } => "the list",
            Self::Matrix(_) => "the matrix",
            Self::Cases(_) => "the cases",
            Self::Relation(..) => "the relation",
            Self::Given(_) => "the answer with a condition",
            _ => "the value",
        }
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number { value, .. } => write!(f, "{value}"),
            Self::Pi => f.write_str("π"),
            Self::E => f.write_str("e"),
            Self::I => f.write_str("i"),
            Self::Infinity => f.write_str("∞"),
            Self::Symbol(name) => f.write_str(name),
            Self::Text(text) => write!(f, "“{text}”"),
            Self::Sum(items) => joined(f, ["(", " + ", ")"], items),
            Self::Product(items) => joined(f, ["(", " · ", ")"], items),
            Self::Negative(inner) => write!(f, "-{inner}"),
            Self::Quotient(parts) => write!(f, "({} / {})", parts.0, parts.1),
            Self::Power(parts) => write!(f, "({} ^ {})", parts.0, parts.1),
            Self::Root(parts) => write!(f, "root {} of {}", parts.0, parts.1),
            Self::PlusMinus { term, .. } => write!(f, "±{term}"),
            Self::Call(name, items) => {
                f.write_str(name)?;
                joined(f, ["(", ", ", ")"], items)
            }
            Self::Opaque(name, items) => {
                f.write_str(name)?;
                joined(f, ["(", ", ", ")"], items)
            }
            Self::Series(series) => {
                let name = if series.product { "product" } else { "sum" };
                let (index, from, to) = (&series.index, &series.from, &series.to);
                write!(f, "{name} of {} for {index} = {from} to {to}", series.body)
            }
            Self::Integral(integral) => {
                write!(f, "integral of {} d{}", integral.body, integral.variable)?;
                match &integral.bounds {
                    Some((from, to)) => write!(f, " from {from} to {to}"),
                    None => Ok(()),
                }
            }
            Self::Percent(inner) => write!(f, "{inner} %"),
            Self::Degrees(inner) => write!(f, "{inner}°"),
            Self::Quantity(inner, unit) => write!(f, "{inner} in {unit}"),
            Self::Ratio(items) => joined(f, ["", " : ", ""], items),
            Self::Tuple { open, close, items } => {
                joined(f, [&open.to_string(), ", ", &close.to_string()], items)
            }
            Self::Set(items) => joined(f, ["{", ", ", "}"], items),
            Self::SetOf(condition) => write!(f, "{{all with {condition}}}"),
            Self::List { joint, items } => {
                let between = match joint {
                    Joint::Comma => ", ",
                    Joint::And => " and ",
                    Joint::Or => " or ",
                };
                joined(f, ["", between, ""], items)
            }
            Self::SetOperation(operation, parts) => {
                write!(f, "({} {operation} {})", parts.0, parts.1)
            }
            Self::Matrix(rows) => {
                f.write_str("[")?;
                for (index, row) in rows.iter().enumerate() {
                    joined(f, [if index > 0 { "; " } else { "" }, ", ", ""], row)?;
                }
                f.write_str("]")
            }
            Self::Cases(pieces) => {
                for (index, (value, condition)) in pieces.iter().enumerate() {
                    let between = if index > 0 { "; " } else { "" };
                    write!(f, "{between}{value} if {condition}")?;
                }
                Ok(())
            }
            Self::Given(parts) => write!(f, "{} given {}", parts.0, parts.1),
            Self::Relation(first, rest) => {
                write!(f, "{first}")?;
                rest.iter()
                    .try_for_each(|(relation, part)| write!(f, " {relation} {part}"))
            }
        }
    }
}

/// The items between two brackets.
fn joined(
    f: &mut fmt::Formatter<'_>,
    [open, between, close]: [&str; 3],
    items: &[Expr],
) -> fmt::Result {
    f.write_str(open)?;
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            f.write_str(between)?;
        }
        write!(f, "{item}")?;
    }
    f.write_str(close)
}

impl fmt::Display for Rational {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MAX_BITS: u64 = 1_024; // printing takes quadratic time
        let (above, below) = self.parts();
        if above.bits() > MAX_BITS || below.bits() > MAX_BITS {
            return write!(f, "a fraction of {} bits", above.bits() + below.bits());
        }
        if below == 1.into() {
            write!(f, "{above}")
        } else {
            write!(f, "{above}/{below}")
        }
    }
}
