//! Answers with a name: `x = 5`, `f(x) = 2x`, `AB = 4`.

use super::conditions::renamed;
use super::{Comparer, Equality};
use crate::Reason;
use crate::expr::Expr;
use crate::parse::is_transpose;
use crate::rule::Rule;

/// A value and its name, if it has one.
pub(super) struct Named<'e> {
    pub(super) name: Option<&'e Expr>,
    pub(super) value: &'e Expr,
}

/// The name and the value of a chain of equalities: its first and its last part.
///
/// Approximations are left out. `None` if the expression is not such a chain.
pub(super) fn named(expr: &Expr) -> Option<Named<'_>> {
    if let Some((name, point)) = point(expr) {
        return Some(Named {
            name: Some(name),
            value: point,
        });
    }
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
    // `x^2 = x` is an equation.
    let holds = |name: &Expr, value: &Expr| match name {
        Expr::Symbol(name) => {
            value.any(|part| matches!(part, Expr::Symbol(symbol) if symbol == name))
        }
        _ => false,
    };
    if is_name(first) && !holds(first, last) {
        return Some(Named {
            name: Some(first),
            value: last,
        });
    }
    if is_name(last) && rest.len() == 1 && !holds(last, first) {
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
        Expr::Product(factors) => {
            let measure = matches!(factors.as_slice(), [Expr::Symbol(m), Expr::Symbol(angle), ..]
                if m == "m" && matches!(angle.as_str(), "angle" | "measuredangle"));
            let worded = matches!(factors.first(), Some(Expr::Text(_)));
            factors[usize::from(measure || worded)..]
                .iter()
                .all(is_of_points)
                || is_change(factors)
        }
        Expr::Call("abs" | "norm", arguments) => arguments.iter().all(is_name),
        Expr::Tuple { items, .. } | Expr::Ratio(items) => items.iter().all(is_name),
        Expr::Quotient(parts) => is_name(&parts.0) && is_name(&parts.1),
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

/// The name and the coordinates of a point: `A(2, 3)`.
pub(super) fn point(expr: &Expr) -> Option<(&Expr, &Expr)> {
    let Expr::Product(factors) = expr else {
        return None;
    };
    let [name, tuple @ Expr::Tuple { open: '(', .. }] = factors.as_slice() else {
        return None;
    };
    is_of_points(name).then_some((name, tuple))
}

/// The value of a quantity that several variables or a function make up: `a + b = 5`,
/// `\tan\theta = 2`. An equation in one variable is none, and neither is one that ends in zero.
pub(super) fn quantity_named(expr: &Expr) -> Option<&Expr> {
    let Expr::Relation(first, rest) = expr else {
        return None;
    };
    if named(expr).is_some() || !rest.iter().all(|(relation, _)| *relation == '=') {
        return None;
    }
    let (_, last) = rest.last()?;
    let symbols = first.symbols().len();
    let scaled = first.any(|part| match part {
        Expr::Product(factors) => factors
            .iter()
            .any(|factor| matches!(factor, Expr::Number { .. })),
        // A curve: `x/2 + y/3 = 1`, `(x - 1)^2 + y^2 = 9`.
        Expr::Quotient(parts) => matches!(parts.1, Expr::Number { .. }),
        Expr::Power(parts) => matches!(&parts.0, Expr::Sum(terms)
            if terms.iter().any(|term| term.symbols().is_empty())),
        _ => false,
    });
    let is_zero = matches!(last, Expr::Number { value, .. } if value.is_zero());
    let named = !is_zero
        && (symbols > 1 && !scaled || symbols == 1 && matches!(first.as_ref(), Expr::Call(..)));
    (named && first.is_scalar() && last.is_scalar() && last.symbols().is_empty()).then_some(last)
}

/// Whether two figures are said to be congruent or similar.
pub(super) fn is_congruence(expr: &Expr) -> bool {
    let figure = |part: &Expr| match part {
        Expr::Product(factors) => factors.len() > 2 && factors.iter().all(is_of_points),
        _ => false,
    };
    match expr {
        Expr::Relation(first, rest) => {
            figure(first)
                && matches!(rest.as_slice(), [('≈' | '≅' | '∼', second)] if figure(second))
        }
        _ => false,
    }
}

/// The names and the values of a tuple with names: `(a, b) = (1, 2)`.
fn tuple_of_names(expr: &Expr) -> Option<(&[Expr], &[Expr])> {
    let Expr::Relation(first, rest) = expr else {
        return None;
    };
    let (Expr::Tuple { items: names, .. }, [('=', Expr::Tuple { items, .. })]) =
        (first.as_ref(), rest.as_slice())
    else {
        return None;
    };
    (names.len() == items.len() && names.iter().all(is_name)).then_some((names, items))
}

/// Equations of names with values, in the usual order of the names if there is one: `x` before
/// `y`, `a` before `b`.
pub(super) fn in_order_of_names(equations: &[Expr]) -> Vec<&Expr> {
    let letter = |equation: &&Expr| match equation {
        Expr::Relation(first, _) => match first.as_ref() {
            Expr::Symbol(name) => match name.as_bytes() {
                [letter] => Some(*letter),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    };
    let mut ordered: Vec<&Expr> = equations.iter().collect();
    let letters: Option<Vec<u8>> = ordered.iter().map(letter).collect();
    if let Some(letters) = letters
        && let (Some(first), Some(last)) = (letters.iter().min(), letters.iter().max())
        && usize::from(last - first) < letters.len()
    {
        ordered.sort_by_key(letter);
    }
    ordered
}

impl Comparer<'_> {
    /// Compares a tuple with names with a list: of equations in any order, or of values in the
    /// order of the tuple. `None` if the answers are not such a pair.
    pub(super) fn tuples_of_names(&mut self, gold: &Expr, answer: &Expr) -> Option<Equality> {
        if let (Some(golds), Some(answers)) = (tuple_of_names(gold), tuple_of_names(answer))
            && golds.0.len() == answers.0.len()
        {
            return self.by_name(golds, answers);
        }
        let (names, values, items) = match (gold, answer) {
            (tuple, Expr::List { items, .. }) | (Expr::List { items, .. }, tuple) => {
                let (names, values) = tuple_of_names(tuple)?;
                (names, values, items)
            }
            _ => return None,
        };
        if items.len() != values.len() {
            return Some(self.different_by(Rule::OtherItems));
        }
        if !items.iter().any(|item| matches!(item, Expr::Relation(..))) {
            return Some(match self.in_order(values.iter().zip(items)) {
                Equality::Equal => self.equal_by(Rule::NameLeftOut),
                outcome => outcome,
            });
        }
        let equations = names.iter().zip(values).map(|(name, value)| {
            Expr::Relation(Box::new(name.clone()), vec![('=', value.clone())])
        });
        let equations: Vec<Expr> = equations.collect();
        Some(match self.covered(&equations, items) {
            Equality::Equal => self.equal_by(Rule::SameItems),
            outcome => outcome,
        })
    }

    /// Compares the values of the same names, which may stand in another order: `(b, a) = (2, 1)`.
    /// `None` if the names differ, or stand in the same order.
    fn by_name(
        &mut self,
        (names, values): (&[Expr], &[Expr]),
        (other_names, others): (&[Expr], &[Expr]),
    ) -> Option<Equality> {
        let order = permutation(names, other_names).filter(|order| !order.is_sorted())?;
        Some(self.in_order(values.iter().zip(order.iter().map(|at| &others[*at]))))
    }

    /// Compares two values with names. Arguments of a function are names that it binds, and `y`
    /// is `f(x)`.
    pub(super) fn both_named(&mut self, gold: &Named, answer: &Named) -> Equality {
        let (Some(gold_name), Some(answer_name)) = (gold.name, answer.name) else {
            return self.compare(gold.value, answer.value);
        };
        if same_name(gold_name, answer_name) {
            return self.compare(gold.value, answer.value);
        }
        if let (Expr::Ratio(names), Expr::Ratio(others)) = (gold_name, answer_name)
            && let (Expr::Ratio(values), Expr::Ratio(parts)) = (gold.value, answer.value)
            && names.len() == values.len()
            && others.len() == parts.len()
            && let Some(order) = permutation(names, others)
        {
            let parts: Vec<Expr> = order.iter().map(|at| parts[*at].clone()).collect();
            return self.ratios(values, &parts);
        }
        let function = |name: &Expr| match name {
            Expr::Opaque(name, arguments) => {
                matches!(name.as_str(), "f" | "g" | "h" | "y")
                    && matches!(arguments.as_slice(), [Expr::Symbol(_)])
            }
            _ => false,
        };
        let is_y = |name: &Expr| matches!(name, Expr::Symbol(name) if name == "y");
        if is_y(gold_name) && function(answer_name) || function(gold_name) && is_y(answer_name) {
            let argument = |name: &Expr| match name {
                Expr::Opaque(_, arguments) => arguments.first().cloned(),
                _ => None,
            };
            let of_x = [gold_name, answer_name]
                .iter()
                .filter_map(|name| argument(name))
                .all(|argument| matches!(argument, Expr::Symbol(name) if name == "x"));
            return match self.compare(gold.value, answer.value) {
                Equality::Equal if of_x => Equality::Equal,
                _ => Reason::Names.into(),
            };
        }
        if let (Expr::Opaque(name, arguments), Expr::Opaque(other, others)) =
            (gold_name, answer_name)
            && name == other
            && arguments.len() == others.len()
        {
            let symbol = |argument: &Expr| match argument {
                Expr::Symbol(name) => Some(name.clone()),
                _ => None,
            };
            let names: Option<Vec<(String, String)>> = others
                .iter()
                .zip(arguments)
                .map(|(from, to)| Some((symbol(from)?, symbol(to)?)))
                .collect();
            let free = answer.value.symbols();
            // The argument of a probability or an expectation is no parameter.
            let is_function =
                !matches!(name.as_str(), "E" | "P" | "D" | "V" | "Var" | "Cov" | "Pr");
            if let Some(names) = names
                && is_function
                && names.iter().all(|(_, to)| {
                    !free.contains(&to.as_str()) || names.iter().any(|(from, _)| from == to)
                })
            {
                return self.compare(gold.value, &renamed(answer.value, &names));
            }
        }
        Reason::Names.into()
    }
}

/// Equations of one letter without its indices: `x = 2, x = 3` for `x_1 = 2, x_2 = 3`. `None`
/// unless the other list has the letter without an index.
pub(super) fn without_indices(equations: &[Expr], others: &[Expr]) -> Option<Vec<Expr>> {
    let name = |equation: &Expr| match equation {
        Expr::Relation(first, rest) if matches!(rest.as_slice(), [('=', _)]) => match &**first {
            Expr::Symbol(name) => Some(name.clone()),
            _ => None,
        },
        _ => None,
    };
    let plain = name(others.first()?)?;
    let same = |other: &Expr| match name(other) {
        Some(name) => name == plain,
        None => other.is_scalar(), // the second value of `x = 2, 3`
    };
    if plain.contains('_') || others.len() != equations.len() || !others.iter().all(same) {
        return None;
    }
    let unindexed = |equation: &Expr| {
        let name = name(equation)?;
        let index = name.strip_prefix(plain.as_str())?.strip_prefix('_')?;
        let Expr::Relation(_, rest) = equation else {
            return None;
        };
        let whole = index.bytes().all(|byte| byte.is_ascii_digit());
        whole.then(|| Expr::Relation(Box::new(Expr::Symbol(plain.clone())), rest.clone()))
    };
    equations.iter().map(unindexed).collect()
}

/// Where each name stands among the others. `None` if the names are not the same.
fn permutation(names: &[Expr], others: &[Expr]) -> Option<Vec<usize>> {
    let at = |name| others.iter().position(|other| same_name(name, other));
    let order: Vec<usize> = names.iter().map(at).collect::<Option<_>>()?;
    let distinct = (0..others.len()).all(|index| order.contains(&index));
    (names.len() == others.len() && distinct).then_some(order)
}

/// Whether two names are the same.
pub(super) fn same_name(left: &Expr, right: &Expr) -> bool {
    match (left, right) {
        (Expr::Symbol(left), Expr::Symbol(right)) => left == right,
        (left, right) => match (segment(left), segment(right)) {
            (Some(left), Some(right)) => left == right,
            _ => format!("{left:?}") == format!("{right:?}"),
        },
    }
}

/// The ends of a segment in any of its notations: `AB`, `\overline{AB}`, `|AB|`.
fn segment(name: &Expr) -> Option<String> {
    match name {
        Expr::Symbol(name) => {
            let ends = name.strip_prefix("overline ")?;
            (ends.len() == 2 && ends.bytes().all(|byte| byte.is_ascii_uppercase()))
                .then(|| ends.to_owned())
        }
        Expr::Product(factors) => match factors.as_slice() {
            [Expr::Symbol(first), Expr::Symbol(second)]
                if is_of_points(&factors[0]) && is_of_points(&factors[1]) =>
            {
                Some(format!("{first}{second}"))
            }
            _ => None,
        },
        Expr::Call("abs", arguments) => match arguments.as_slice() {
            [inner] => segment(inner),
            _ => None,
        },
        _ => None,
    }
}
