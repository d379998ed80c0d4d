//! Vectors by their unit vectors: `2\mathbf{i}+3\mathbf{j}` is `(2,3)`.

use crate::expr::Expr;

/// The components of a sum of multiples of unit vectors, as many as `count`.
///
/// `None` if a term has not exactly one unit vector, or if none has an accent or is `j` or `k`.
pub(super) fn components(expr: &Expr, count: usize) -> Option<Vec<Expr>> {
    if !(2..=3).contains(&count) || !expr.any(shows_vector) {
        return None;
    }
    let mut components = vec![Vec::new(); count];
    add(expr, &|part| part, &mut components)?;
    Some(components.into_iter().map(Expr::Sum).collect())
}

/// Adds the components of `expr`, changed by `scale`.
fn add(expr: &Expr, scale: &dyn Fn(Expr) -> Expr, sums: &mut [Vec<Expr>]) -> Option<()> {
    if let Some(index) = unit(expr) {
        sums.get_mut(index)?.push(scale(Expr::integer(1)));
        return Some(());
    }
    match expr {
        Expr::Sum(terms) => terms.iter().try_for_each(|term| add(term, scale, sums)),
        Expr::Negative(inner) => add(inner, &|part| scale(Expr::Negative(Box::new(part))), sums),
        Expr::Quotient(parts) => add(
            &parts.0,
            &|part| scale(Expr::Quotient(Box::new((part, parts.1.clone())))),
            sums,
        ),
        Expr::Product(factors) => {
            let holds_unit = |factor: &&Expr| factor.any(|part| unit(part).is_some());
            let mut vectors = factors.iter().filter(holds_unit);
            let (vector, None) = (vectors.next()?, vectors.next()) else {
                return None;
            };
            let others = factors.iter().filter(|factor| !holds_unit(factor));
            let others: Vec<Expr> = others.cloned().collect();
            let scaled = |part: Expr| {
                let factors = others.iter().cloned().chain([part]).collect();
                scale(Expr::Product(factors))
            };
            add(vector, &scaled, sums)
        }
        _ => None,
    }
}

/// The place of a unit vector.
fn unit(expr: &Expr) -> Option<usize> {
    let name = match expr {
        Expr::I => "i",
        Expr::Symbol(name) => match name.split_once(' ') {
            Some(("hat" | "vec" | "widehat" | "overrightarrow", name)) => name,
            Some(_) => return None,
            None => name,
        },
        _ => return None,
    };
    match name {
        "i" | "imath" => Some(0),
        "j" | "jmath" => Some(1),
        "k" => Some(2),
        _ => None,
    }
}

/// Whether this is a unit vector and not the imaginary unit.
fn shows_vector(expr: &Expr) -> bool {
    unit(expr).is_some() && !matches!(expr, Expr::I)
}
