//! Residue classes: `7 \\pmod{10}`.

use super::{Comparer, Equality, has_sign};
use crate::Reason;
use crate::evaluate::Value;
use crate::expr::Expr;
use crate::rule::Rule;

impl Comparer<'_> {
    /// Compares two answers if at least one is a residue class and the other one is a value.
    ///
    /// Classes with the same modulus are equal if the modulus divides their difference. A number
    /// may stand for the class if it is its smallest one, or the one that is written.
    pub(super) fn residues(&mut self, gold: &Expr, answer: &Expr) -> Option<Equality> {
        if has_sign(gold) || has_sign(answer) {
            return None;
        }
        // Two remainders of different moduli may be two classes.
        if let (Expr::Call("mod", left), Expr::Call("mod", right)) = (gold, answer)
            && let ([_, modulus], [_, other]) = (left.as_slice(), right.as_slice())
            && self.compare(modulus, other) != Equality::Equal
        {
            return Some(Equality::Unknown(Reason::NotUnderstood));
        }
        if let (Some(class), Some(family)) = (class(gold), progression(answer)) {
            return Some(self.progression(class, family));
        }
        if let (Some(family), Some(class)) = (progression(gold), class(answer)) {
            return Some(self.progression(class, family));
        }
        Some(match (residue(gold), residue(answer)) {
            (Some((gold, modulus)), Some((answer, other))) => match self.compare(modulus, other) {
                Equality::Equal => self.congruent(gold, answer, modulus),
                outcome => outcome,
            },
            (Some((class, modulus)), None) if answer.is_scalar() => {
                self.representative(class, answer, modulus)
            }
            (None, Some((class, modulus))) if gold.is_scalar() => {
                self.representative(class, gold, modulus)
            }
            _ => return None,
        })
    }

    /// Compares a residue class with a family of whole numbers: `x \equiv 3 \pmod 5` and
    /// `5k + 3, k \in \mathbb{Z}`.
    fn progression(
        &mut self,
        (class, modulus): (&Expr, &Expr),
        (value, name): (&Expr, &str),
    ) -> Equality {
        let mut at = |whole: i64| {
            let expr = value.rewritten(&|part| match part {
                Expr::Symbol(symbol) if symbol == name => Some(Expr::integer(whole)),
                _ => None,
            });
            if expr.symbols().is_empty() {
                self.constant(&expr).ok()?.as_i64()
            } else {
                None
            }
        };
        let (Some(zero), Some(one), Some(seven)) = (at(0), at(1), at(7)) else {
            return Equality::Unknown(Reason::NotUnderstood);
        };
        let wanted = |expr: &Expr, comparer: &mut Self| {
            if expr.symbols().is_empty() {
                comparer.constant(expr).ok()?.as_i64()
            } else {
                None
            }
        };
        let (Some(rest), Some(modulus)) = (wanted(class, self), wanted(modulus, self)) else {
            return Equality::Unknown(Reason::NotUnderstood);
        };
        let step = one.checked_sub(zero);
        let linear = step
            .and_then(|step| step.checked_mul(7))
            .and_then(|rise| rise.checked_add(zero));
        match (step, zero.checked_sub(rest)) {
            (Some(step), Some(distance)) if linear == Some(seven) && modulus > 0 => {
                if step.abs() == modulus && distance % modulus == 0 {
                    self.equal_by(Rule::SameValue)
                } else {
                    self.different_by(Rule::OtherValue)
                }
            }
            _ => Equality::Unknown(Reason::NotUnderstood),
        }
    }

    fn congruent(&mut self, gold: &Expr, answer: &Expr, modulus: &Expr) -> Equality {
        if let Equality::Equal = self.compare(gold, answer) {
            return Equality::Equal;
        }
        let difference = Expr::Sum(vec![gold.clone(), Expr::Negative(Box::new(answer.clone()))]);
        if !difference.symbols().is_empty() {
            return Equality::Unknown(Reason::NotUnderstood);
        }
        let remainder = Expr::Call("mod", vec![difference, modulus.clone()]);
        self.compare(&remainder, &Expr::integer(0))
    }

    /// Whether `number` may stand for the class of `class`.
    fn representative(&mut self, class: &Expr, number: &Expr, modulus: &Expr) -> Equality {
        match self.compare(class, number) {
            Equality::Equal => return self.equal_by(Rule::ModulusLeftOut),
            Equality::Different => {}
            unknown @ Equality::Unknown(_) => return unknown,
        }
        let values = (self.constant(number), self.constant(modulus));
        let (Ok(value), Ok(modulus_value)) = values else {
            return Equality::Unknown(Reason::NotUnderstood);
        };
        let at_least_zero = value.order(&Value::ZERO, self.budget);
        let below_modulus = value.order(&modulus_value, self.budget);
        let smallest = matches!(at_least_zero, Ok(Some(order)) if order.is_ge())
            && matches!(below_modulus, Ok(Some(order)) if order.is_lt());
        match self.congruent(class, number, modulus) {
            Equality::Equal if smallest => self.equal_by(Rule::ModulusLeftOut),
            Equality::Equal => Equality::Unknown(Reason::NotUnderstood),
            outcome => outcome,
        }
    }
}

/// The value and the modulus of a residue class.
fn residue(expr: &Expr) -> Option<(&Expr, &Expr)> {
    match expr {
        Expr::Call("residue", arguments) => match arguments.as_slice() {
            [value, modulus] => Some((value, modulus)),
            _ => None,
        },
        _ => None,
    }
}

/// The value and the modulus of a residue class with or without a name.
fn class(expr: &Expr) -> Option<(&Expr, &Expr)> {
    match expr {
        Expr::Relation(first, rest) => match (&**first, rest.as_slice()) {
            (Expr::Symbol(_), [('≡' | '=', class)]) => residue(class),
            _ => None,
        },
        expr => residue(expr),
    }
}

/// The value and the parameter of a family of whole numbers: `5k + 3, k \in \mathbb{Z}`.
fn progression(expr: &Expr) -> Option<(&Expr, &str)> {
    let Expr::Given(parts) = expr else {
        return None;
    };
    let Expr::Relation(first, rest) = &parts.1 else {
        return None;
    };
    let value = match &parts.0 {
        Expr::Relation(name, rest) => match (&**name, rest.as_slice()) {
            (Expr::Symbol(_), [('=', value)]) => value,
            _ => return None,
        },
        value => value,
    };
    match (&**first, rest.as_slice()) {
        (Expr::Symbol(name), [('∈', Expr::Symbol(set))]) if set == "mathbb Z" => {
            Some((value, name))
        }
        _ => None,
    }
}
