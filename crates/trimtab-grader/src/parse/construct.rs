//! Constructs: fractions, roots, functions, sums, integrals, matrices.

use super::operand::power;
use super::product::{derivative, over, times};
use super::{Parser, single};
use crate::Reason;
use crate::expr::{Expr, Integral, Series};
use crate::lex::{Commas, Token};
use crate::number;
use crate::vocabulary;

impl Parser<'_, '_, '_> {
    pub(super) fn construct(&mut self, name: &'static str) -> Result<Expr, Reason> {
        match name {
            "frac" => {
                let (above, below) = (self.argument()?, self.argument()?);
                Ok(derivative(&above, &below).unwrap_or_else(|| over(above, below)))
            }
            "genfrac" => self.general_fraction(),
            // The label below or above the brace says nothing.
            "underbrace" | "overbrace" => {
                let inner = self.operand()?;
                if self.eat('_') || self.eat('^') {
                    self.index()?;
                }
                Ok(inner)
            }
            "binom" => {
                let (of, chosen) = (self.argument()?, self.argument()?);
                // `\binom{10}{3,7}` is a multinomial coefficient.
                Ok(match chosen {
                    Expr::Set(parts) if parts.len() > 1 => {
                        Expr::Call("multinomial", [vec![of], parts].concat())
                    }
                    chosen => Expr::Call("binom", vec![of, chosen]),
                })
            }
            "sqrt" => {
                let degree = if self.eat('[') {
                    let degree = self.sum()?;
                    self.expect(']')?;
                    degree
                } else {
                    Expr::integer(2)
                };
                // `\sqrt13` is read as the root of thirteen, unlike in TeX.
                let radicand = self.operand()?;
                Ok(Expr::Root(Box::new((degree, radicand))))
            }
            "root" => {
                let degree = self.sum()?;
                if self.peek() != Some(Token::Construct("of")) {
                    return Err(Reason::NotUnderstood);
                }
                self.at += 1;
                Ok(Expr::Root(Box::new((degree, self.argument()?))))
            }
            "cbrt" => Ok(Expr::Root(Box::new((Expr::integer(3), self.operand()?)))),
            "sum" | "prod" => self.series(name == "prod"),
            "int" => self.integral(),
            "lim" => {
                let limit = if self.eat('_') {
                    self.index()?
                } else {
                    String::new()
                };
                let body = self.product()?;
                Ok(Expr::Opaque(format!("lim {limit}"), vec![body]))
            }
            "e" => Ok(Expr::E),
            "i" => Ok(Expr::I),
            // A name: `\max = 7`.
            name if vocabulary::function(name).is_some() && self.next_is('=') => {
                Ok(Expr::Symbol(name.to_owned()))
            }
            "min" | "max" | "gcd" | "lcm" => {
                let Some(Token::Op(open @ ('(' | '[' | '{' | '⦃'))) = self.peek() else {
                    return Err(Reason::NotUnderstood);
                };
                self.at += 1;
                let close = match open {
                    '(' => ')',
                    '[' => ']',
                    '{' => '}',
                    _ => '⦄',
                };
                let items = self.items(&[close])?;
                self.expect(close)?;
                // `\max\{(1, 2)\}` and `\max{(1, 2)}` have two groups.
                Ok(Expr::Call(
                    name,
                    match items.as_slice() {
                        [Expr::Set(inner) | Expr::Tuple { items: inner, .. }] => inner.clone(),
                        _ => items,
                    },
                ))
            }
            "end" | "choose" | "over" | "of" | "mod" | "pmod" | "begin" => {
                Err(Reason::NotUnderstood)
            }
            _ => match self.call(name)? {
                Some(value) => Ok(value),
                None => self.function(name),
            },
        }
    }

    /// `\genfrac` after its name: delimiters, the thickness of the line, the style, and two parts.
    fn general_fraction(&mut self) -> Result<Expr, Reason> {
        let open = self.index()?;
        self.index()?;
        let line = self.index()?;
        self.index()?;
        let (above, below) = (self.argument()?, self.argument()?);
        Ok(match (open.as_str(), line.starts_with('0')) {
            ("(", true) => Expr::Call("binom", vec![above, below]),
            ("", false) => over(above, below),
            _ => return Err(Reason::NotUnderstood),
        })
    }

    /// The argument of a TeX command: a group or a single digit or token.
    fn argument(&mut self) -> Result<Expr, Reason> {
        if let Some(Token::Number(digits)) = self.peek()
            && digits.len() > 1
            && digits.bytes().all(|byte| byte.is_ascii_digit())
        {
            self.consumed_digits += 1;
            return number::parse(&digits[..1], Commas::Separators, self.budget);
        }
        self.operand()
    }

    /// A function with its power, base and argument.
    fn function(&mut self, name: &'static str) -> Result<Expr, Reason> {
        let (mut raised, mut base) = (None, None);
        loop {
            if raised.is_none() && self.eat('^') {
                raised = Some(self.exponent()?);
            } else if base.is_none() && self.eat('_') {
                base = Some(self.operand()?);
            } else {
                break;
            }
        }
        let mut argument = self.function_argument()?;
        // `log(x, base)`, but `Log[base, x]`.
        if base.is_none()
            && matches!(name, "log" | "ln")
            && let Expr::Tuple { open, items, .. } = &mut argument
            && items.len() == 2
        {
            let other = items.remove(usize::from(*open == '('));
            base = Some(other);
            argument = items.remove(0);
        }
        let inverse = match &raised {
            Some(Expr::Negative(one)) if is_one(one) => inverse(name),
            _ => None,
        };
        let mut arguments = vec![argument];
        arguments.extend(base);
        if let Some(inverse) = inverse {
            return Ok(Expr::Call(inverse, arguments));
        }
        // Of a matrix or a complex number that has only a name, the value is unknown.
        let unknown = match name {
            "det" | "tr" => !matches!(arguments[0], Expr::Matrix(_)),
            "re" | "im" | "arg" | "conj" => {
                arguments[0].any(|part| matches!(part, Expr::Symbol(_) | Expr::Opaque(..)))
            }
            _ => false,
        };
        if unknown {
            return Ok(Expr::Opaque(name.to_owned(), arguments));
        }
        let call = Expr::Call(name, arguments);
        Ok(match raised {
            Some(exponent) => power(call, exponent),
            None => call,
        })
    }

    /// A group, or the factors up to a sign, a slash or another function.
    fn function_argument(&mut self) -> Result<Expr, Reason> {
        match self.peek() {
            Some(Token::Op('(' | '[' | '{' | '|' | '⌊' | '⌈')) => return self.operand(),
            Some(Token::Op('⦃')) => {
                return Ok(match self.operand()? {
                    Expr::Set(items) => single(items, Expr::Set)?,
                    other => other,
                });
            }
            _ => {}
        }
        let mut argument = self.factor()?;
        while let Some(token) = self.peek()
            && self.starts_operand(token)
            && !matches!(token, Token::Construct(name) if vocabulary::function(name).is_some())
        {
            self.budget.spend(1)?;
            argument = times(argument, self.factor()?);
        }
        // `\sin \pi/6`: a part of pi is one number.
        let of_pi = argument.any(|part| matches!(part, Expr::Pi)) && argument.symbols().is_empty();
        if of_pi && self.next_is('/') && matches!(self.peek_at(1), Some(Token::Number(_))) {
            self.at += 1;
            argument = over(argument, self.operand()?);
        }
        Ok(argument)
    }

    fn series(&mut self, product: bool) -> Result<Expr, Reason> {
        // The upper bound may come first.
        let first = if self.eat('^') {
            Some(self.exponent()?)
        } else {
            None
        };
        self.expect('_')?;
        self.expect('{')?;
        let Some(Token::Symbol(index)) = self.peek() else {
            return Err(Reason::NotUnderstood);
        };
        self.at += 1;
        self.expect('=')?;
        let from = self.sum()?;
        self.expect('}')?;
        let to = if let Some(to) = first {
            to
        } else {
            self.expect('^')?;
            self.exponent()?
        };
        let body = self.product()?;
        let index = match index {
            // The constants are free to be indices.
            "i" | "e" => {
                let renamed = format!("{index} index");
                let body = body.rewritten(&|part| match part {
                    Expr::I if index == "i" => Some(Expr::Symbol(renamed.clone())),
                    Expr::E if index == "e" => Some(Expr::Symbol(renamed.clone())),
                    _ => None,
                });
                return Ok(Expr::Series(Box::new(Series {
                    product,
                    index: renamed,
                    from,
                    to,
                    body,
                })));
            }
            index => index.to_owned(),
        };
        Ok(Expr::Series(Box::new(Series {
            product,
            index,
            from,
            to,
            body,
        })))
    }

    /// An integral, whose body ends at `dx`.
    fn integral(&mut self) -> Result<Expr, Reason> {
        let bounds = if self.eat('_') {
            let from = self.operand()?;
            self.expect('^')?;
            Some((from, self.exponent()?))
        } else {
            None
        };
        let close = match self.peek() {
            Some(Token::Op('(')) => Some(')'),
            Some(Token::Op('[')) => Some(']'),
            Some(Token::Op('{')) => Some('}'),
            Some(Token::Op('⦃')) => Some('⦄'),
            _ => None,
        };
        let rest = &self.tokens[self.at..];
        let is_end = |at: usize| {
            rest[at].token == Token::Symbol("d")
                && matches!(
                    rest.get(at + 1).map(|next| next.token),
                    Some(Token::Symbol(_))
                )
        };
        self.budget.spend(rest.len() as u64 / 8 + 1)?;
        let end = (1..rest.len())
            .find(|at| is_end(*at))
            .ok_or(Reason::NotUnderstood)?;
        let Token::Symbol(variable) = rest[end + 1].token else {
            return Err(Reason::NotUnderstood);
        };
        let close = close
            .filter(|close| rest.get(end + 2).map(|next| next.token) == Some(Token::Op(*close)));
        let body = &rest[usize::from(close.is_some())..end];
        let body = self.slice(body)?;
        self.at += end + 2 + usize::from(close.is_some());
        Ok(Expr::Integral(Box::new(Integral {
            variable: variable.to_owned(),
            bounds,
            body,
        })))
    }
}

fn is_one(expr: &Expr) -> bool {
    matches!(expr, Expr::Number { value, .. } if value.as_i64() == Some(1))
}

fn inverse(name: &str) -> Option<&'static str> {
    Some(match name {
        "sin" => "arcsin",
        "cos" => "arccos",
        "tan" => "arctan",
        "cot" => "arccot",
        "sinh" => "arcsinh",
        "cosh" => "arccosh",
        "tanh" => "arctanh",
        _ => return None,
    })
}
