//! Products: factors with and without multiplication signs, fractions and units.

use super::Parser;
use super::measure::{Measured, with_unit};
use crate::Reason;
use crate::expr::Expr;
use crate::lex::Token;
use crate::vocabulary;

impl Parser<'_, '_, '_> {
    pub(super) fn product(&mut self) -> Result<Expr, Reason> {
        if let Some(Token::Currency(currency)) = self.peek() {
            self.at += 1;
            let amount = self.nested(Self::product)?;
            return Ok(with_unit(amount, currency.to_owned()));
        }
        let mut product = self.factor()?;
        loop {
            self.budget.spend(1)?;
            match self.peek() {
                Some(Token::Op('*')) => {
                    self.at += 1;
                    let factor = self.factor()?;
                    product = times(product, factor);
                }
                Some(Token::Op('/')) => {
                    self.chain()?;
                    self.at += 1;
                    let mut divisor = self.factor()?;
                    // The derivative `dy/dx`.
                    let is_d = matches!(&divisor, Expr::Symbol(name) if name == "d");
                    if is_d && let Some(Token::Symbol(_)) = self.peek() {
                        divisor = times(divisor, self.factor()?);
                    }
                    product =
                        derivative(&product, &divisor).unwrap_or_else(|| over(product, divisor));
                }
                Some(Token::Construct("mod")) => {
                    self.chain()?;
                    self.at += 1;
                    let divisor = self.factor()?;
                    product = Expr::Call("mod", vec![product, divisor]);
                }
                Some(Token::Text("A" | "C" | "P")) if let Some(selection) = self.selection()? => {
                    product = times(product, selection);
                }
                Some(Token::Symbol("C" | "P"))
                    if let Some(selection) = self.infix_selection(&product)? =>
                {
                    product = selection;
                }
                _ => match self.measured(product)? {
                    Measured::Yes(value) => product = value,
                    Measured::Not(value) => match self.juxtaposed(value)? {
                        Measured::Yes(value) => product = value,
                        Measured::Not(value) => return Ok(value),
                    },
                },
            }
        }
    }

    /// The product with the factor that comes next without a sign, or a mixed number.
    fn juxtaposed(&mut self, product: Expr) -> Result<Measured, Reason> {
        let spaced = self.tokens.get(self.at).is_some_and(|lexeme| lexeme.spaced);
        Ok(Measured::Yes(match self.peek() {
            Some(Token::Number(_)) if matches!(product, Expr::Number { .. }) => {
                // "1 1/2" is a mixed number. Other adjacent numbers are not a product.
                let Some(fraction) = spaced.then(|| self.slashed_fraction()).flatten() else {
                    return Err(Reason::NotUnderstood);
                };
                Expr::Sum(vec![product, fraction])
            }
            Some(Token::Construct("frac")) if is_whole(&product) => {
                let fraction = self.factor()?;
                if is_proper(&fraction) {
                    Expr::Sum(vec![product, fraction])
                } else {
                    times(product, fraction)
                }
            }
            Some(token)
                if self.starts_operand(token)
                    && !(self.next_is('(')
                        && (self.next_is_condition() || self.remark_length() > 0)) =>
            {
                times(product, self.factor()?)
            }
            _ => return Ok(Measured::Not(product)),
        }))
    }

    /// A proper fraction of whole numbers with a slash, if one comes next.
    fn slashed_fraction(&mut self) -> Option<Expr> {
        let (Token::Number(above), Token::Op('/'), Token::Number(below)) =
            (self.peek()?, self.peek_at(1)?, self.peek_at(2)?)
        else {
            return None;
        };
        let (above, below): (i64, i64) = (above.parse().ok()?, below.parse().ok()?);
        let proper = 0 < above && above < below;
        proper.then(|| {
            self.at += 3;
            over(Expr::integer(above), Expr::integer(below))
        })
    }

    /// Whether the token can start a factor that multiplies what precedes it.
    pub(super) fn starts_operand(&self, token: Token) -> bool {
        match token {
            Token::Number(_) | Token::Symbol(_) | Token::Accent(_) | Token::Begin(_) => true,
            Token::Construct(name) => {
                !matches!(name, "end" | "choose" | "over" | "of" | "mod" | "pmod")
            }
            Token::Op(operator) => match operator {
                '(' | '{' => !self.opens_modulus(),
                '[' | '⌊' | '⌈' | '∞' | '⟨' | '⟦' | '⦃' => true,
                '|' | '‖' => self.bars == 0,
                _ => false,
            },
            Token::Word(word) => {
                vocabulary::unit(word).is_none()
                    && word.len() > 3
                    && self.peek_at(1) == Some(Token::Op('='))
            }
            Token::Text(_) | Token::Command(_) | Token::Currency(_) => false,
        }
    }
}

/// A derivative by its fraction, which is a name and not a quotient.
pub(super) fn derivative(above: &Expr, below: &Expr) -> Option<Expr> {
    let below_is_differential =
        matches!(below, Expr::Product(factors) if is_differential(&factors[0]));
    (is_differential(above) && below_is_differential)
        .then(|| Expr::Symbol(format!("{above:?}/{below:?}")))
}

/// Whether a part of a fraction starts with the d of a derivative.
fn is_differential(expr: &Expr) -> bool {
    match expr {
        Expr::Symbol(name) => name == "d" || name == "partial",
        Expr::Power(parts) => is_differential(&parts.0),
        Expr::Product(factors) => factors.first().is_some_and(is_differential),
        _ => false,
    }
}

pub(super) fn times(left: Expr, right: Expr) -> Expr {
    // Set braces around a single factor are grouping braces.
    let ungroup = |factor| match factor {
        Expr::Set(mut items) if items.len() == 1 => items.pop().unwrap_or(Expr::Set(Vec::new())),
        factor => factor,
    };
    let right = ungroup(right);
    match ungroup(left) {
        Expr::Product(mut factors) => {
            factors.push(right);
            Expr::Product(factors)
        }
        left => Expr::Product(vec![left, right]),
    }
}

pub(super) fn over(above: Expr, below: Expr) -> Expr {
    Expr::Quotient(Box::new((above, below)))
}

/// A whole number without a decimal point, the first part of a mixed number.
fn is_whole(expr: &Expr) -> bool {
    let Expr::Number {
        value,
        decimals: None,
    } = expr
    else {
        return false;
    };
    value.as_i64().is_some_and(|value| value >= 0)
}

/// A fraction of whole numbers that is below one.
fn is_proper(expr: &Expr) -> bool {
    let Expr::Quotient(parts) = expr else {
        return false;
    };
    match (&parts.0, &parts.1) {
        (
            Expr::Number {
                value: above,
                decimals: None,
            },
            Expr::Number {
                value: below,
                decimals: None,
            },
        ) => above
            .as_i64()
            .zip(below.as_i64())
            .is_some_and(|(above, below)| 0 < above && above < below),
        _ => false,
    }
}
