//! Numbers of combinations and permutations: `C_{10}^{3}`, `{}^{10}P_3`, `C(10,3)`.

use super::Parser;
use crate::Reason;
use crate::expr::Expr;
use crate::lex::{Lexeme, Token};

/// `^` or `_`, the tokens of the script, and where it ends.
type Script<'t, 'a> = (char, &'t [Lexeme<'a>], usize);

impl<'t, 'a> Parser<'t, 'a, '_> {
    /// A letter with both scripts, if it counts selections: `C_{10}^{3}`, `A^3_{10}`.
    pub(super) fn selection(&mut self) -> Result<Option<Expr>, Reason> {
        let Some((name, end)) = self.letter(self.at) else {
            return Ok(None);
        };
        let Some((first, scripts, end)) = self.script(end)? else {
            return Ok(None);
        };
        let Some((second, other, end)) = self.script(end)? else {
            return Ok(None);
        };
        let (below, above) = match (first, second) {
            ('_', '^') => (scripts, other),
            ('^', '_') => (other, scripts),
            _ => return Ok(None),
        };
        self.selected(name, below, above, end)
    }

    /// A letter with a script before and one after it: `{}^{10}C_3`, `_{10}C_3`.
    pub(super) fn prescripted(&mut self) -> Result<Option<Expr>, Reason> {
        let empty = self.next_is('{') && self.peek_at(1) == Some(Token::Op('}'));
        let start = self.at + if empty { 2 } else { 0 };
        let Some((_, of, end)) = self.script(start)? else {
            return Ok(None);
        };
        let Some((name, end)) = self.letter(end) else {
            return Ok(None);
        };
        let Some((_, chosen, end)) = self.script(end)? else {
            return Ok(None);
        };
        self.selected(name, of, chosen, end)
    }

    /// The letter and the second number of `10C3`, whose first number was read.
    pub(super) fn infix_selection(&mut self, of: &Expr) -> Result<Option<Expr>, Reason> {
        if !matches!(of, Expr::Number { .. }) {
            return Ok(None);
        }
        let [letter, number, ..] = &self.tokens[self.at..] else {
            return Ok(None);
        };
        let (Some(name @ ("C" | "P")), Token::Number(_)) = (selection_name(letter), number.token)
        else {
            return Ok(None);
        };
        if letter.spaced != number.spaced {
            return Ok(None);
        }
        let chosen = self.slice(&self.tokens[self.at + 1..self.at + 2])?;
        Ok(selection_of(name, of.clone(), chosen).inspect(|_| self.at += 2))
    }

    /// The call `C(10,3)` after its letter. A point `C(1,2)` stays a letter and a tuple.
    pub(super) fn selection_call(&mut self, name: &str) -> Result<Expr, Reason> {
        self.at += 1;
        let mut items = self.nested(|parser| parser.items(&[')']))?;
        self.expect(')')?;
        let letter = Expr::Symbol(name.to_owned());
        Ok(match items.as_slice() {
            [of, chosen] if counts(of, chosen) => Expr::Opaque(name.to_owned(), items),
            [_] => Expr::Product(vec![letter, items.remove(0)]),
            _ => Expr::Product(vec![
                letter,
                Expr::Tuple {
                    open: '(',
                    close: ')',
                    items,
                },
            ]),
        })
    }

    fn selected(
        &mut self,
        name: &'a str,
        of: &'t [Lexeme<'a>],
        chosen: &'t [Lexeme<'a>],
        end: usize,
    ) -> Result<Option<Expr>, Reason> {
        let (of, chosen) = match (self.slice(of), self.slice(chosen)) {
            (Ok(of), Ok(chosen)) => (of, chosen),
            (Err(Reason::Budget), _) | (_, Err(Reason::Budget)) => return Err(Reason::Budget),
            _ => return Ok(None),
        };
        Ok(selection_of(name, of, chosen).inspect(|_| self.at = end))
    }

    /// The letter at `at`, which may stand in braces, and where it ends.
    fn letter(&self, at: usize) -> Option<(&'a str, usize)> {
        let first = self.tokens.get(at)?;
        if first.token != Token::Op('{') {
            return Some((selection_name(first)?, at + 1));
        }
        let name = selection_name(self.tokens.get(at + 1)?)?;
        let closed = self.tokens.get(at + 2)?.token == Token::Op('}');
        closed.then_some((name, at + 3))
    }

    /// The script that starts at `at`.
    fn script(&mut self, at: usize) -> Result<Option<Script<'t, 'a>>, Reason> {
        let Some(Token::Op(mark @ ('^' | '_'))) = self.tokens.get(at).map(|lexeme| lexeme.token)
        else {
            return Ok(None);
        };
        let rest = &self.tokens[at + 1..];
        let mut depth = 0_usize;
        for (offset, lexeme) in rest.iter().enumerate() {
            match lexeme.token {
                Token::Op('{') => depth += 1,
                Token::Op('}') => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth == 0 {
                self.budget.spend(offset as u64 / 4 + 1)?;
                return Ok(Some((mark, &rest[..=offset], at + offset + 2)));
            }
        }
        self.budget.spend(rest.len() as u64 / 4 + 1)?;
        Ok(None)
    }
}

fn selection_name<'a>(lexeme: &Lexeme<'a>) -> Option<&'a str> {
    match lexeme.token {
        Token::Symbol(name @ ("C" | "P" | "A")) | Token::Text(name @ ("C" | "P" | "A")) => {
            Some(name)
        }
        _ => None,
    }
}

fn selection_of(name: &str, of: Expr, chosen: Expr) -> Option<Expr> {
    let function = if name == "C" { "binom" } else { "perm" };
    counts(&of, &chosen).then(|| Expr::Call(function, vec![of, chosen]))
}

/// Whether so many of so many can be chosen: `C_3^{10}` and `C_x^2` are powers.
fn counts(of: &Expr, chosen: &Expr) -> bool {
    let whole = |expr: &Expr| match expr {
        Expr::Number {
            value,
            decimals: None,
        } => value.as_i64(),
        _ => None,
    };
    if let (Some(of), Some(chosen)) = (whole(of), whole(chosen)) {
        return of >= chosen && chosen >= 0;
    }
    let counted = |expr: &Expr| {
        expr.is_scalar()
            && expr
                .symbols()
                .iter()
                .all(|name| matches!(*name, "n" | "m" | "k" | "r" | "N" | "M" | "K"))
            && !expr.any(|part| matches!(part, Expr::I | Expr::E | Expr::Pi | Expr::Quotient(_)))
    };
    !of.symbols().is_empty() && counted(of) && counted(chosen)
}
