//! Products: factors with and without signs between them, fractions, and the units behind.

use super::Parser;
use crate::check::Reason;
use crate::check::expr::Expr;
use crate::check::lex::Token;
use crate::check::words;

impl Parser<'_, '_, '_> {
    pub(super) fn product(&mut self) -> Result<Expr, Reason> {
        let mut product = self.factor()?;
        loop {
            self.budget.spend(1)?;
            let spaced = self.tokens.get(self.at).is_some_and(|lexeme| lexeme.spaced);
            match self.peek() {
                Some(Token::Op('*')) => {
                    self.at += 1;
                    let factor = self.factor()?;
                    product = times(product, factor);
                }
                Some(Token::Op('/')) => {
                    self.chain()?;
                    self.at += 1;
                    let divisor = self.factor()?;
                    product = over(product, divisor);
                }
                Some(Token::Construct("mod")) => {
                    self.chain()?;
                    self.at += 1;
                    let divisor = self.factor()?;
                    product = Expr::Call("mod", vec![product, divisor]);
                }
                Some(Token::Op('%')) => {
                    self.chain()?;
                    self.at += 1;
                    product = Expr::Percent(Box::new(product));
                }
                // Outside of text groups, only what stands behind a number can be any unit.
                Some(Token::Text(word) | Token::Word(word))
                    if is_unit(word)
                        && (matches!(self.peek(), Some(Token::Text(_)))
                            || words::unit(word).is_some()
                            || product.symbols().is_empty()) =>
                {
                    self.chain()?;
                    let unit = self.unit()?;
                    product = Expr::Quantity(Box::new(product), unit);
                }
                Some(Token::Number(_)) if matches!(product, Expr::Number { .. }) => {
                    // "1 1/2" is a mixed number, other neighbours are no product.
                    let Some(fraction) = spaced.then(|| self.slashed_fraction()).flatten() else {
                        return Err(Reason::NotUnderstood);
                    };
                    product = Expr::Sum(vec![product, fraction]);
                }
                Some(Token::Construct("frac")) if is_whole(&product) => {
                    let fraction = self.factor()?;
                    product = if is_proper(&fraction) {
                        Expr::Sum(vec![product, fraction])
                    } else {
                        times(product, fraction)
                    };
                }
                Some(token) if self.starts_operand(token) => {
                    let factor = self.factor()?;
                    product = times(product, factor);
                }
                _ => return Ok(product),
            }
        }
    }

    /// Two whole numbers around a slash, the first below the second, if that comes next.
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

    /// A unit with its power and what it is divided by: `m/s^2`.
    fn unit(&mut self) -> Result<String, Reason> {
        let mut unit = String::new();
        loop {
            self.budget.spend(1)?;
            match self.peek() {
                Some(Token::Text(word) | Token::Word(word)) if is_unit(word) => {
                    if !unit.is_empty() && !unit.ends_with('/') {
                        unit.push(' ');
                    }
                    for (index, word) in word.split_whitespace().enumerate() {
                        if index > 0 {
                            unit.push(' ');
                        }
                        let word: String =
                            word.chars().filter(|c| !matches!(c, '.' | '~')).collect();
                        unit.push_str(words::unit(&word).unwrap_or(&word));
                    }
                    self.at += 1;
                }
                Some(Token::Op('^')) => {
                    self.at += 1;
                    unit.push('^');
                    unit.push_str(&self.index()?);
                }
                Some(Token::Op('/'))
                    if matches!(self.peek_at(1), Some(Token::Text(_) | Token::Word(_))) =>
                {
                    self.at += 1;
                    unit.push('/');
                }
                _ => return Ok(unit),
            }
        }
    }

    /// Whether the token can start a factor that multiplies what stands before it.
    pub(super) fn starts_operand(&self, token: Token) -> bool {
        match token {
            Token::Number(_) | Token::Symbol(_) | Token::Accent(_) | Token::Begin(_) => true,
            Token::Construct(name) => !matches!(name, "end" | "choose" | "over" | "mod" | "pmod"),
            Token::Op(operator) => match operator {
                '(' | '[' | '{' | '⌊' | '⌈' | '∞' | '⟨' | '⦃' => true,
                '|' | '‖' => self.bars == 0,
                _ => false,
            },
            Token::Word(word) => {
                words::unit(word).is_none()
                    && word.len() > 3
                    && self.peek_at(1) == Some(Token::Op('='))
            }
            Token::Text(_) => false,
        }
    }
}

pub(super) fn times(left: Expr, right: Expr) -> Expr {
    // Braces of a set around one factor only group.
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

/// Whether words behind a value can be a unit: they say nothing that changes or qualifies the value.
fn is_unit(words: &str) -> bool {
    const QUALIFIERS: [&str; 34] = [
        "and",
        "are",
        "base",
        "billion",
        "choose",
        "dozen",
        "each",
        "factorial",
        "for",
        "half",
        "hundred",
        "if",
        "is",
        "million",
        "mod",
        "modulo",
        "more",
        "less",
        "not",
        "or",
        "per",
        "pi",
        "recurring",
        "remainder",
        "repeat",
        "repeating",
        "squared",
        "thousand",
        "to",
        "trillion",
        "where",
        "with",
        "when",
        "over",
    ];
    !words.split(|c: char| !c.is_alphabetic()).any(|word| {
        QUALIFIERS
            .iter()
            .any(|qualifier| qualifier.eq_ignore_ascii_case(word))
    })
}

/// A whole number without a point, which a fraction may follow to make a mixed number.
fn is_whole(expr: &Expr) -> bool {
    matches!(expr, Expr::Number { value, decimals: None } if value.as_i64().is_some_and(|value| value >= 0))
}

/// A fraction of whole numbers below one.
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
