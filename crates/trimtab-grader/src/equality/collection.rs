//! Lists and sets, whose items have no order.

use super::names::{in_order_of_names, same_name, without_indices};
use super::{Comparer, Equality, has_sign};
use crate::Reason;
use crate::expr::{Expr, Joint};
use crate::rule::Rule;

impl Comparer<'_> {
    /// Compares two answers if at least one is a collection, else returns `None`.
    pub(super) fn collections(&mut self, gold: &Expr, answer: &Expr) -> Option<Equality> {
        if let (
            Expr::Tuple {
                open: '(',
                close: ')',
                items,
            },
            Expr::List { items: others, .. },
        )
        | (
            Expr::List { items: others, .. },
            Expr::Tuple {
                open: '(',
                close: ')',
                items,
            },
        ) = (gold, answer)
            && items.len() == others.len()
            && others.iter().all(|item| matches!(item, Expr::Relation(..)))
            && !share_name(others)
        {
            // "x = 2, y = 3" is the point (2, 3).
            return Some(self.in_order(items.iter().zip(in_order_of_names(others))));
        }
        if let (Expr::List { items, .. }, Expr::List { items: others, .. }) = (gold, answer) {
            let list = |items| Expr::List {
                joint: Joint::Comma,
                items,
            };
            if let Some(items) = without_indices(items, others) {
                return Some(self.compare(&list(items), answer));
            }
            if let Some(others) = without_indices(others, items) {
                return Some(self.compare(gold, &list(others)));
            }
        }
        let (golds, answers) = (collection(gold), collection(answer));
        if golds.is_none() && answers.is_none() {
            return None;
        }
        if !self.rules.any_order
            && let (Expr::List { items, .. }, Expr::List { items: others, .. }) = (gold, answer)
            && !has_sign(gold)
            && !has_sign(answer)
        {
            return Some(if items.len() == others.len() {
                self.in_order(items.iter().zip(others))
            } else {
                self.different_by(Rule::OtherItems)
            });
        }
        // "red or blue" is not "red and blue".
        if let (Expr::List { joint, items }, Expr::List { joint: other, .. }) = (gold, answer)
            && matches!(
                (joint, other),
                (Joint::And, Joint::Or) | (Joint::Or, Joint::And)
            )
            && !items
                .iter()
                .any(|item| item.any(|part| matches!(part, Expr::Number { .. })))
        {
            return Some(Equality::Unknown(Reason::NotUnderstood));
        }
        let items = |found: Option<Vec<Expr>>, whole: &Expr| match found {
            Some(items) => items,
            None => vec![whole.clone()],
        };
        let (golds, answers) = (items(golds, gold), items(answers, answer));
        // Duplicates count once, but one item does not equal a list.
        if golds.len() != answers.len() && golds.len().min(answers.len()) < 2 {
            return Some(self.different_by(Rule::OtherItems));
        }
        let equality = match self.covered(&golds, &answers) {
            Equality::Equal => self.covered(&answers, &golds),
            outcome => outcome,
        };
        Some(match equality {
            Equality::Equal => self.equal_by(Rule::SameItems),
            Equality::Different => self.different_by(Rule::OtherItems),
            unknown @ Equality::Unknown(_) => unknown,
        })
    }

    /// Whether each of `items` equals one of `others`.
    pub(super) fn covered(&mut self, items: &[Expr], others: &[Expr]) -> Equality {
        for (index, item) in items.iter().enumerate() {
            let mut outcome = Equality::Different;
            // Try the item at the same place first.
            let rest = others
                .iter()
                .enumerate()
                .filter(|(at, _)| *at != index)
                .map(|(_, other)| other);
            for other in others.get(index).into_iter().chain(rest) {
                // `\{1\}` is no item of `\{1, 2\}`.
                if matches!(item, Expr::Set(_)) != matches!(other, Expr::Set(_)) {
                    continue;
                }
                match self.compare(item, other) {
                    Equality::Equal => {
                        outcome = Equality::Equal;
                        break;
                    }
                    Equality::Different => {}
                    Equality::Unknown(Reason::Budget) => return Reason::Budget.into(),
                    Equality::Unknown(reason) => outcome = Equality::Unknown(reason),
                }
            }
            if outcome != Equality::Equal {
                return outcome;
            }
        }
        Equality::Equal
    }
}

/// Whether the first two equations are about the same name: `x = -3, x = 3` is no point.
fn share_name(equations: &[Expr]) -> bool {
    match equations {
        [Expr::Relation(first, _), Expr::Relation(second, _), ..] => same_name(first, second),
        _ => false,
    }
}

/// The items of a collection.
fn collection(expr: &Expr) -> Option<Vec<Expr>> {
    match expr {
        Expr::List { items, .. } | Expr::Set(items) => Some(both_signs(items)),
        Expr::SetOperation('∪', parts) => {
            let mut items = collection(&parts.0)?;
            items.extend(collection(&parts.1)?);
            Some(items)
        }
        expr if has_sign(expr) => Some(both_signs(std::slice::from_ref(expr))),
        _ => None,
    }
}

/// The items, with each `±` item given once for each sign.
fn both_signs(items: &[Expr]) -> Vec<Expr> {
    let mut all = Vec::with_capacity(items.len());
    for item in items {
        if has_sign(item) {
            all.push(item.with_sign(false));
            all.push(item.with_sign(true));
        } else {
            all.push(item.clone());
        }
    }
    all
}
