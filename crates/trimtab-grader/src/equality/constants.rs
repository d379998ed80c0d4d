//! Letters that are constants in one of the two answers: `I` and `j` for `i`, `E` for `e`, and the
//! constant of integration.

use super::names::named;
use crate::expr::Expr;

/// The two answers with the same letters for the same constants. `None` if no letter changes.
pub(super) fn with_same_constants(gold: &Expr, answer: &Expr) -> Option<(Expr, Expr)> {
    let has_letters = |expr: &Expr| expr.any(|part| matches!(part, Expr::Symbol(_)));
    if !has_letters(gold) && !has_letters(answer) {
        return None;
    }
    if let Some(plain) = in_plain_font(answer, gold) {
        return Some((gold.clone(), plain));
    }
    if let Some(plain) = in_plain_font(gold, answer) {
        return Some((plain, answer.clone()));
    }
    match (plain_constants(gold, answer), plain_constants(answer, gold)) {
        (None, None) => same_constant(gold, answer),
        (gold_changed, answer_changed) => {
            let gold = gold_changed.unwrap_or_else(|| gold.clone());
            let answer = answer_changed.unwrap_or_else(|| answer.clone());
            same_constant(&gold, &answer).or(Some((gold, answer)))
        }
    }
}

/// The expression with plain letters for those in another font, if the other one has them:
/// `\mathcal{O}(n)` and `O(n)`. `None` if no letter changes.
fn in_plain_font(expr: &Expr, other: &Expr) -> Option<Expr> {
    let plain = |name: &str| {
        let (font, letter) = name.split_once(' ')?;
        let is_font = matches!(
            font,
            "mathcal" | "mathscr" | "mathfrak" | "mathbb" | "mathds"
        );
        (is_font && holds(other, letter) && !holds(expr, letter) && !holds(other, name))
            .then(|| letter.to_owned())
    };
    let changes = |part: &Expr| match part {
        Expr::Symbol(name) => plain(name).map(Expr::Symbol),
        _ => None,
    };
    expr.any(|part| changes(part).is_some())
        .then(|| expr.rewritten(&changes))
}

/// The expression with `i` and `e` for the letters that program code and engineers use, if the
/// other answer shows that they are meant.
fn plain_constants(expr: &Expr, other: &Expr) -> Option<Expr> {
    if matches!(expr, Expr::Symbol(_)) {
        return None;
    }
    let has = |expr: &Expr, letter: &str| {
        expr.any(|part| matches!(part, Expr::Symbol(name) if name == letter))
    };
    let has_i = |expr: &Expr| expr.any(|part| matches!(part, Expr::I));
    let has_e = |expr: &Expr| expr.any(|part| matches!(part, Expr::E));
    let free = |letter| has(expr, letter) && !has(other, letter);
    let exponential = |part: &Expr| match part {
        Expr::Power(parts) => matches!(parts.0, Expr::E) && has(&parts.1, "I"),
        Expr::Call("exp", arguments) => arguments.iter().any(|inner| has(inner, "I")),
        _ => false,
    };
    let capital_i = free("I") && !has_i(expr) && (has_i(other) || expr.any(exponential));
    let j = free("j") && !has_i(expr) && has_i(other);
    let capital_e = free("E") && !has_e(expr) && has_e(other);
    if !(capital_i || j || capital_e) {
        return None;
    }
    Some(expr.rewritten(&|part| match part {
        Expr::Symbol(name) if capital_i && name == "I" || j && name == "j" => Some(Expr::I),
        Expr::Symbol(name) if capital_e && name == "E" => Some(Expr::E),
        _ => None,
    }))
}

/// The two answers with one name for the constant of integration, if the names differ.
fn same_constant(gold: &Expr, answer: &Expr) -> Option<(Expr, Expr)> {
    let (wanted, given) = (constant(gold)?, constant(answer)?);
    let is_capital = |name: &str| name.starts_with('C') || name.starts_with("const");
    if wanted == given || !is_capital(wanted) && !is_capital(given) || holds(answer, wanted) {
        return None;
    }
    let renamed = |expr: &Expr, from: &str| {
        expr.rewritten(&|part| is_named(part, from).then(|| Expr::Symbol(wanted.to_owned())))
    };
    Some((renamed(gold, wanted), renamed(answer, given)))
}

/// The name of a constant that is added to other terms and occurs nowhere else.
fn constant(expr: &Expr) -> Option<&str> {
    let value = named(expr).map_or(expr, |named| named.value);
    let Expr::Sum(terms) = value else { return None };
    let mut names = terms.iter().filter_map(|term| match term {
        Expr::Symbol(name) | Expr::Text(name) => matches!(
            name.as_str(),
            "C" | "c" | "K" | "k" | "C_0" | "C_1" | "c_1" | "const" | "constant"
        )
        .then_some(name.as_str()),
        _ => None,
    });
    let name = names.next()?;
    let mut count = 0;
    expr.walk(&mut |part| count += usize::from(is_named(part, name)));
    (count == 1 && names.next().is_none()).then_some(name)
}

fn holds(expr: &Expr, name: &str) -> bool {
    expr.any(|part| is_named(part, name))
}

fn is_named(expr: &Expr, wanted: &str) -> bool {
    matches!(expr, Expr::Symbol(name) | Expr::Text(name) if name == wanted)
}
