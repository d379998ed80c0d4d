//! Answers with a name: `x = 5`, `f(x) = 2x`, `AB = 4`.

use crate::expr::Expr;
use crate::parse::is_transpose;

/// A value and its name, if it has one.
pub(super) struct Named<'e> {
    pub(super) name: Option<&'e Expr>,
    pub(super) value: &'e Expr,
}

/// The name and the value of a chain of equalities: its first and its last part.
///
/// Approximations are left out. `None` if the expression is not such a chain.
pub(super) fn named(expr: &Expr) -> Option<Named<'_>> {
    let Expr::Relation(first, rest) = expr else {
        return None;
    };
    if rest.len() == 1 && rest[0].0 == '∈' && is_name(first) {
        return Some(Named {
            name: Some(first),
            value: &rest[0].1,
        });
    }
    if !rest
        .iter()
        .all(|(relation, _)| matches!(relation, '=' | '≈' | '≡'))
    {
        return None;
    }
    // The part before an approximation is exact, unless it is only a name.
    let exact = rest
        .iter()
        .position(|(relation, _)| *relation == '≈')
        .unwrap_or(rest.len());
    let rest = if exact == 0 && is_name(first) {
        &rest[..1]
    } else {
        &rest[..exact]
    };
    let Some((_, last)) = rest.last() else {
        return Some(Named {
            name: None,
            value: first,
        });
    };
    if is_name(first) {
        return Some(Named {
            name: Some(first),
            value: last,
        });
    }
    if is_name(last) && rest.len() == 1 {
        return Some(Named {
            name: Some(last),
            value: first,
        });
    }
    // A calculation: `2 + 3 = 5`.
    let is_number = |part: &Expr| part.is_scalar() && part.symbols().is_empty();
    (is_number(first) && is_number(last)).then_some(Named {
        name: None,
        value: last,
    })
}

/// Whether an expression is only a name.
fn is_name(expr: &Expr) -> bool {
    match expr {
        Expr::Symbol(_) | Expr::Opaque(..) | Expr::Text(_) => true,
        // A segment, an angle or a triangle by its points.
        Expr::Product(factors) => factors.iter().all(is_of_points) || is_change(factors),
        Expr::Call("abs" | "norm", arguments) => arguments.iter().all(is_name),
        Expr::Tuple { items, .. } => items.iter().all(is_name),
        // An inverse or transposed matrix: `A^{-1}`.
        Expr::Power(parts) => match (&parts.0, &parts.1) {
            (base @ Expr::Symbol(_), Expr::Symbol(mark)) => {
                is_of_points(base) && is_transpose(mark)
            }
            (base @ Expr::Symbol(_), Expr::Negative(one)) => {
                let is_one =
                    matches!(&**one, Expr::Number { value, .. } if value.as_i64() == Some(1));
                is_of_points(base) && is_one
            }
            _ => false,
        },
        _ => false,
    }
}

/// A point, or a sign before the points of a figure: `A`, `\angle`, `\triangle`.
fn is_of_points(factor: &Expr) -> bool {
    let Expr::Symbol(name) = factor else {
        return false;
    };
    name.starts_with(|c: char| c.is_ascii_uppercase())
        || matches!(name.as_str(), "angle" | "triangle" | "measuredangle")
}

/// The change of a quantity: `\Delta x`.
fn is_change(factors: &[Expr]) -> bool {
    matches!(factors, [Expr::Symbol(delta), Expr::Symbol(_)] if delta == "Delta")
}

/// Whether two names are the same.
pub(super) fn same_name(left: &Expr, right: &Expr) -> bool {
    match (left, right) {
        (Expr::Symbol(left), Expr::Symbol(right)) => left == right,
        (left, right) => format!("{left:?}") == format!("{right:?}"),
    }
}
