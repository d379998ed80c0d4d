//! Answers under conditions: families with a parameter, domains of variables.

use super::real_set::{is_region, variable};
use super::{Comparer, Equality};
use crate::Reason;
use crate::expr::{Expr, Joint};
use crate::rule::Rule;

/// Most parameters that may have other names on the other side.
const MAX_RENAMED: usize = 3;

/// Largest shift of a parameter that is tried.
const MAX_SHIFT: i64 = 4;

/// The kind of the numbers in a domain.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Integer,
    Rational,
    Real,
    Complex,
}

/// The domain of a parameter, as far as it is declared.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Domain {
    pub(super) kind: Option<Kind>,
    /// The least whole number, or a bound of the reals and whether it belongs to the domain.
    pub(super) low: Option<(i64, bool)>,
    pub(super) high: Option<(i64, bool)>,
    /// Natural numbers, which start at zero or at one.
    pub(super) natural: bool,
}

/// Conditions, sorted.
#[derive(Default)]
struct Conditions {
    /// Parameters and their domains.
    domains: Vec<(String, Domain)>,
    others: Vec<Expr>,
    /// Whether two conditions on a parameter contradict each other.
    unclear: bool,
}

impl Comparer<'_> {
    /// Compares two answers if at least one is under a condition, else returns `None`.
    pub(super) fn given(&mut self, gold: &Expr, answer: &Expr) -> Option<Equality> {
        if !matches!(gold, Expr::Given(_)) && !matches!(answer, Expr::Given(_)) {
            return None;
        }
        if let (Some(gold), Some(answer)) = (as_builder(gold), as_builder(answer)) {
            return self.real_sets(&gold, &answer);
        }
        let ((gold, of_gold), (answer, of_answer)) = (split(gold), split(answer));
        if of_gold.unclear || of_answer.unclear {
            return Some(Equality::Unknown(Reason::NotUnderstood));
        }
        let first = self.compare(gold, answer);
        if first == Equality::Equal {
            return Some(self.conditions((gold, &of_gold), (answer, &of_answer)));
        }
        for names in renamings((gold, &of_gold), (answer, &of_answer)) {
            let renamed = renamed(answer, &names);
            if self.compare(gold, &renamed) == Equality::Equal {
                let conditions = of_answer.renamed(&names);
                return Some(self.conditions((gold, &of_gold), (&renamed, &conditions)));
            }
            if let Some(equal) =
                self.shifted((gold, &of_gold), (&renamed, &of_answer.renamed(&names)))
            {
                return Some(equal);
            }
        }
        if let Some(equal) = self.shifted((gold, &of_gold), (answer, &of_answer)) {
            return Some(equal);
        }
        // The same family may be written in another way.
        let family = |conditions: &Conditions| !conditions.domains.is_empty();
        Some(match first {
            Equality::Different if family(&of_gold) && family(&of_answer) => {
                Equality::Unknown(Reason::NotUnderstood)
            }
            outcome => outcome,
        })
    }

    /// Compares the conditions of two equal answers.
    fn conditions(
        &mut self,
        (gold, of_gold): (&Expr, &Conditions),
        (answer, of_answer): (&Expr, &Conditions),
    ) -> Equality {
        let unknown = Equality::Unknown(Reason::NotUnderstood);
        for (name, domain) in &of_gold.domains {
            let agrees = match of_answer.domain(name) {
                Some(other) => domain.same(other, name),
                None => domain.may_be_left_out(name, gold),
            };
            if !agrees {
                return unknown;
            }
        }
        for (name, domain) in &of_answer.domains {
            if of_gold.domain(name).is_none() && !domain.may_be_left_out(name, answer) {
                return unknown;
            }
        }
        for (conditions, others) in [
            (&of_gold.others, &of_answer.others),
            (&of_answer.others, &of_gold.others),
        ] {
            for condition in conditions {
                let excludes = matches!(
                    condition,
                    Expr::Relation(_, rest) if matches!(rest.as_slice(), [('≠', _)])
                ) && others.is_empty();
                let found = others
                    .iter()
                    .any(|other| self.compare(condition, other) == Equality::Equal);
                if !found && !excludes {
                    return unknown;
                }
            }
        }
        Equality::Equal
    }

    /// Whether two families of a whole parameter are the same up to a shift of it: `2n + 1` for
    /// `n \ge 0` is `2n - 1` for `n \ge 1`.
    fn shifted(
        &mut self,
        (gold, of_gold): (&Expr, &Conditions),
        (answer, of_answer): (&Expr, &Conditions),
    ) -> Option<Equality> {
        let ([(name, domain)], [(other_name, other)]) =
            (of_gold.domains.as_slice(), of_answer.domains.as_slice())
        else {
            return None;
        };
        let same = name == other_name && of_gold.others.is_empty() && of_answer.others.is_empty();
        let whole = |domain: &Domain| {
            domain.kind == Some(Kind::Integer) && domain.high.is_none() && !domain.natural
        };
        if !same || !whole(domain) || !whole(other) {
            return None;
        }
        let mut steps = Vec::new();
        match (domain.low, other.low) {
            (None, None) => {
                for shift in -MAX_SHIFT..=MAX_SHIFT {
                    steps.push((shift, false));
                    steps.push((shift, true));
                }
            }
            (Some((low, _)), Some((other_low, _))) if low != other_low => {
                steps.push((other_low.checked_sub(low)?, false));
            }
            _ => return None,
        }
        for (shift, mirrored) in steps {
            let moved = answer.rewritten(&|part| match part {
                Expr::Symbol(symbol) if symbol == name => {
                    let parameter = Box::new(Expr::Symbol(name.clone()));
                    let parameter = if mirrored {
                        Expr::Negative(parameter)
                    } else {
                        *parameter
                    };
                    Some(Expr::Sum(vec![parameter, Expr::integer(shift)]))
                }
                _ => None,
            });
            if self.compare(gold, &moved) == Equality::Equal {
                return Some(self.equal_by(Rule::SameValue));
            }
        }
        None
    }
}

impl Conditions {
    fn domain(&self, name: &str) -> Option<&Domain> {
        let mut domains = self.domains.iter();
        domains
            .find(|(other, _)| other == name)
            .map(|(_, domain)| domain)
    }

    /// Adds a condition, or what a list of conditions says.
    fn add(&mut self, condition: &Expr) {
        match condition {
            Expr::List { items, .. } => {
                let mut waiting: Vec<&str> = Vec::new();
                for item in items {
                    match item {
                        Expr::Symbol(name) => waiting.push(name),
                        Expr::Relation(first, rest) => {
                            // "a, b > 0"
                            for name in waiting.drain(..) {
                                let first = Box::new(Expr::Symbol(name.to_owned()));
                                self.add(&Expr::Relation(first, rest.clone()));
                            }
                            self.add(&Expr::Relation(first.clone(), rest.clone()));
                        }
                        item => self.add(item),
                    }
                }
                self.others
                    .extend(waiting.iter().map(|name| Expr::Text((*name).to_owned())));
            }
            Expr::Relation(first, rest) => {
                if let Some((name, domain)) = declared(first, rest) {
                    self.restrict(name, &domain);
                    return;
                }
                // `t \ne 0` tells that t is a parameter.
                if let (Expr::Symbol(name), [('≠', _)]) = (&**first, rest.as_slice())
                    && self.domain(name).is_none()
                {
                    self.domains.push((name.clone(), Domain::default()));
                }
                self.others.push(condition.clone());
            }
            other => self.others.push(other.clone()),
        }
    }

    /// Restricts the domain of a parameter.
    fn restrict(&mut self, name: &str, domain: &Domain) {
        let Some((_, known)) = self.domains.iter_mut().find(|(other, _)| other == name) else {
            self.domains.push((name.to_owned(), domain.clone().whole()));
            return;
        };
        let clash = |left: bool, right: bool, same: bool| left && right && !same;
        self.unclear |= clash(
            known.kind.is_some(),
            domain.kind.is_some(),
            known.kind == domain.kind,
        ) || clash(
            known.low.is_some() || known.natural,
            domain.low.is_some() || domain.natural,
            known.low == domain.low && known.natural == domain.natural,
        ) || clash(
            known.high.is_some(),
            domain.high.is_some(),
            known.high == domain.high,
        );
        let merged = Domain {
            kind: known.kind.or(domain.kind),
            low: known.low.or(domain.low),
            high: known.high.or(domain.high),
            natural: known.natural || domain.natural,
        };
        *known = merged.whole();
    }

    fn renamed(&self, names: &[(String, String)]) -> Self {
        let new = |name: &String| {
            let found = names.iter().find(|(from, _)| from == name);
            found.map_or(name, |(_, to)| to).clone()
        };
        Self {
            domains: self
                .domains
                .iter()
                .map(|(name, domain)| (new(name), domain.clone()))
                .collect(),
            others: self
                .others
                .iter()
                .map(|other| renamed(other, names))
                .collect(),
            unclear: self.unclear,
        }
    }
}

impl Domain {
    /// Whole numbers above a bound start at the next one.
    fn whole(mut self) -> Self {
        if self.kind == Some(Kind::Integer) {
            if let Some((low, false)) = self.low {
                self.low = low.checked_add(1).map(|low| (low, true));
            }
            if let Some((high, false)) = self.high {
                self.high = high.checked_sub(1).map(|high| (high, true));
            }
        }
        self
    }

    /// Whether two domains of a parameter are the same. A letter that usually is a whole number may
    /// leave that out.
    fn same(&self, other: &Self, name: &str) -> bool {
        let whole = is_usually_whole(name).then_some(Kind::Integer);
        let kind = self.kind.or(other.kind).or(whole);
        let kinds = [self.kind, other.kind];
        let usual = |kind| match kind {
            None => true,
            Some(Kind::Integer) => is_usually_whole(name),
            Some(Kind::Real) => !is_usually_whole(name),
            Some(Kind::Rational | Kind::Complex) => false,
        };
        let silent =
            |domain: &Self| domain.low.is_none() && domain.high.is_none() && !domain.natural;
        let unstated = kinds.contains(&None) && (usual(kind) || silent(self) && silent(other));
        if kinds[0] != kinds[1] && !unstated {
            return false;
        }
        let completed = |domain: &Self| {
            Self {
                kind,
                ..domain.clone()
            }
            .whole()
        };
        let (left, right) = (completed(self), completed(other));
        let starts_at_one = |domain: &Self| domain.low == Some((1, true));
        let low = left.low == right.low && left.natural == right.natural
            || left.natural && !right.natural && starts_at_one(&right)
            || right.natural && !left.natural && starts_at_one(&left);
        low && left.high == right.high
    }

    /// Whether the condition only says where a parameter of the answer usually comes from.
    fn may_be_left_out(&self, name: &str, answer: &Expr) -> bool {
        let occurs = answer.any(|part| match part {
            Expr::Symbol(symbol) => symbol == name,
            Expr::Opaque(function, _) => function == name,
            _ => false,
        });
        let is_region = |part: &Expr| match part {
            Expr::Relation(_, rest) => rest
                .iter()
                .any(|(relation, _)| matches!(relation, '<' | '>' | '≤' | '≥' | '≠')),
            _ => false,
        };
        if answer.any(is_region) {
            // Of the solutions of an inequality, only the real ones are meant anyway.
            return self.kind == Some(Kind::Real) && self.low.is_none() && self.high.is_none();
        }
        let low = matches!(self.low, None | Some((0 | 1, _)));
        occurs && low && self.high.is_none()
    }
}

/// Whole numbers in a region as a set: `1 \le n \le 4, n \in \mathbb{Z}`. Sets stay as they are.
fn as_builder(expr: &Expr) -> Option<Expr> {
    let Expr::Given(parts) = expr else {
        return (matches!(expr, Expr::SetOf(_) | Expr::Set(_) | Expr::SetOperation(..)))
            .then(|| expr.clone());
    };
    let (region, condition) = (&parts.0, &parts.1);
    let Expr::Relation(first, rest) = condition else {
        return None;
    };
    let (Expr::Symbol(name), [('∈', set)]) = (&**first, rest.as_slice()) else {
        return None;
    };
    let whole = number_set(set)?.kind == Some(Kind::Integer);
    let about = is_region(region) && variable(region) == Some(name);
    (whole && about).then(|| {
        Expr::SetOf(Box::new(Expr::List {
            joint: Joint::And,
            items: vec![condition.clone(), region.clone()],
        }))
    })
}

/// The answer and its conditions.
fn split(expr: &Expr) -> (&Expr, Conditions) {
    let mut conditions = Conditions::default();
    let mut answer = expr;
    while let Expr::Given(parts) = answer {
        conditions.add(&parts.1);
        answer = &parts.0;
    }
    (answer, conditions)
}

/// The parameter and the domain that a relation declares: `k \in \mathbb{Z}`, `n \ge 1`.
fn declared<'e>(first: &'e Expr, rest: &'e [(char, Expr)]) -> Option<(&'e str, Domain)> {
    let [(relation, second)] = rest else {
        return None;
    };
    let whole = |expr: &Expr| match expr {
        Expr::Number {
            value,
            decimals: None,
        } => value.as_i64(),
        Expr::Negative(inner) => match inner.as_ref() {
            Expr::Number {
                value,
                decimals: None,
            } => value.as_i64().map(|value| -value),
            _ => None,
        },
        _ => None,
    };
    let (name, relation, bound) = match (first, second) {
        (Expr::Symbol(name), second) => (name, *relation, second),
        (first, Expr::Symbol(name)) => {
            let mirrored = match relation {
                '<' => '>',
                '>' => '<',
                '≤' => '≥',
                '≥' => '≤',
                _ => return None,
            };
            (name, mirrored, first)
        }
        _ => return None,
    };
    let none = Domain::default();
    let domain = match relation {
        '∈' => number_set(bound)?,
        '>' | '≥' => Domain {
            low: Some((whole(bound)?, relation == '≥')),
            ..none
        },
        '<' | '≤' => Domain {
            high: Some((whole(bound)?, relation == '≤')),
            ..none
        },
        _ => return None,
    };
    Some((name, domain))
}

/// The domain that the symbol of a set of numbers stands for.
pub(super) fn number_set(set: &Expr) -> Option<Domain> {
    let Expr::Symbol(name) = set else {
        return None;
    };
    let name = name.strip_prefix("mathbb ").unwrap_or(name);
    if name == "any" {
        return Some(Domain::default());
    }
    let mut characters = name.chars();
    let kind = match characters.next()? {
        'N' | 'ℕ' | 'Z' | 'ℤ' => Kind::Integer,
        'Q' | 'ℚ' => Kind::Rational,
        'R' | 'ℝ' => Kind::Real,
        'C' | 'ℂ' => Kind::Complex,
        _ => return None,
    };
    let natural = name.starts_with(['N', 'ℕ']);
    let rest: String = characters
        .filter(|c| !matches!(c, '_' | '^' | '{' | '}'))
        .collect();
    let low = match rest.as_str() {
        "" if natural => {
            return Some(Domain {
                kind: Some(kind),
                natural: true,
                ..Domain::default()
            });
        }
        "" => None,
        "+" | ">0" | "*+" | "+*" => Some((0, false)),
        "*" if natural => Some((0, false)),
        "0" if natural || kind == Kind::Integer || kind == Kind::Real => Some((0, true)),
        "≥0" | "0+" | "+0" => Some((0, true)),
        "≥1" => Some((1, true)),
        _ => return None,
    };
    Some(
        Domain {
            kind: Some(kind),
            low,
            ..Domain::default()
        }
        .whole(),
    )
}

fn is_usually_whole(name: &str) -> bool {
    matches!(
        name,
        "i" | "j" | "k" | "l" | "m" | "n" | "p" | "q" | "K" | "M" | "N"
    )
}

/// The ways in which parameters of the answer may be those of the gold answer under other names.
fn renamings(
    (gold, of_gold): (&Expr, &Conditions),
    (answer, of_answer): (&Expr, &Conditions),
) -> Vec<Vec<(String, String)>> {
    let (gold_symbols, answer_symbols) = (gold.symbols(), answer.symbols());
    let declared = |conditions: &Conditions, symbols: &[&str]| -> Vec<String> {
        let names = conditions.domains.iter().map(|(name, _)| name.clone());
        names
            .filter(|name| symbols.contains(&name.as_str()))
            .collect()
    };
    let mut golds = declared(of_gold, &gold_symbols);
    let mut answers = declared(of_answer, &answer_symbols);
    // One side may leave out the declaration of a letter that usually is a whole number.
    let undeclared = |symbols: &[&str], others: &[&str]| -> Vec<String> {
        let new = symbols.iter().filter(|name| !others.contains(name));
        new.filter(|name| is_usually_whole(name))
            .map(|name| (*name).to_owned())
            .collect()
    };
    let whole = |conditions: &Conditions| {
        let mut domains = conditions.domains.iter();
        domains.all(|(name, domain)| domain.kind == Some(Kind::Integer) || is_usually_whole(name))
    };
    if answers.is_empty() && whole(of_gold) {
        answers = undeclared(&answer_symbols, &gold_symbols);
    } else if golds.is_empty() && whole(of_answer) {
        golds = undeclared(&gold_symbols, &answer_symbols);
    }
    if golds.len() != answers.len() || golds.is_empty() || golds.len() > MAX_RENAMED {
        return Vec::new();
    }
    // A new name must not be that of another symbol.
    let taken = golds
        .iter()
        .any(|name| answer_symbols.contains(&name.as_str()) && !answers.contains(name));
    if taken {
        return Vec::new();
    }
    let orders: &[&[usize]] = match golds.len() {
        1 => &[&[0]],
        2 => &[&[0, 1], &[1, 0]],
        _ => &[
            &[0, 1, 2],
            &[0, 2, 1],
            &[1, 0, 2],
            &[1, 2, 0],
            &[2, 0, 1],
            &[2, 1, 0],
        ],
    };
    orders
        .iter()
        .map(|order| {
            let names = answers.iter().cloned();
            names
                .zip(order.iter().map(|index| golds[*index].clone()))
                .collect()
        })
        .collect()
}

/// The expression with other names for some symbols.
pub(super) fn renamed(expr: &Expr, names: &[(String, String)]) -> Expr {
    expr.rewritten(&|part| match part {
        Expr::Symbol(symbol) => names
            .iter()
            .find(|(from, _)| from == symbol)
            .map(|(_, to)| Expr::Symbol(to.clone())),
        _ => None,
    })
}
