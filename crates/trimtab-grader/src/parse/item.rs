//! Items: relations, with labels before them and conditions after them.

use super::{Parser, is_worded};
use crate::Reason;
use crate::expr::Expr;
use crate::lex::Token;

impl Parser<'_, '_, '_> {
    pub(super) fn item(&mut self, closers: &[char]) -> Result<Expr, Reason> {
        // "= 5", "\implies x = 5"
        while let Some(Token::Op('=' | '≈' | '⇒' | '→')) = self.peek() {
            self.budget.spend(1)?;
            self.at += 1;
        }
        self.skip_label();
        let first = if let Some(name) = self.function_name() {
            name
        } else {
            self.sets()?
        };
        let mut rest = Vec::new();
        loop {
            let relation = match self.peek() {
                Some(Token::Op(
                    relation @ ('=' | '<' | '>' | '≤' | '≥' | '≠' | '≈' | '≅' | '≡' | '∈' | '→'),
                )) => relation,
                Some(Token::Op('∼')) => '≈',
                Some(Token::Op(':')) if is_worded(&first) => '=',
                Some(Token::Op('⇒' | '⇔')) => '⇒',
                _ => break,
            };
            self.at += 1;
            self.eat('='); // "=<", ":="
            let part = if let Some(name) = self.function_name() {
                name
            } else {
                self.sets()?
            };
            rest.push((relation, part));
        }
        let (first, mut rest) = self.with_modulus(first, rest)?;
        self.skip_condition(closers)?;
        // An implication between names is a formula of logic.
        if !rest.is_empty() && rest.iter().all(|(relation, _)| *relation == '⇒') {
            return Err(Reason::NotUnderstood);
        }
        if let Some(last) = rest.iter().rposition(|(relation, _)| *relation == '⇒') {
            // The conclusion is the answer.
            let tail = rest.split_off(last + 1);
            let (_, first) = rest.pop().ok_or(Reason::NotUnderstood)?;
            return Ok(relation(first, tail));
        }
        Ok(relation(first, rest))
    }

    /// Attaches the modulus that follows, `\pmod{7}` or `(mod 7)`, to the last part of a
    /// congruence.
    fn with_modulus(
        &mut self,
        mut first: Expr,
        mut rest: Vec<(char, Expr)>,
    ) -> Result<(Expr, Vec<(char, Expr)>), Reason> {
        let last = match rest.last_mut() {
            // Without parentheses it was read as a remainder: `x \equiv 3 \bmod 7`.
            Some(('≡', last)) if matches!(last, Expr::Call("mod", _)) => {
                if let Expr::Call(name, _) = last {
                    *name = "residue";
                }
                return Ok((first, rest));
            }
            Some(('=' | '≡', last)) => last,
            None => &mut first,
            _ => return Ok((first, rest)),
        };
        let Some(modulus) = self.modulus()? else {
            return Ok((first, rest));
        };
        let residue = std::mem::replace(last, Expr::Pi);
        *last = Expr::Call("residue", vec![residue, modulus]);
        Ok((first, rest))
    }

    /// A modulus in parentheses or after `\pmod`.
    fn modulus(&mut self) -> Result<Option<Expr>, Reason> {
        match self.peek() {
            Some(Token::Construct("pmod")) => {
                self.at += 1;
                Ok(Some(self.operand()?))
            }
            _ if self.opens_modulus() => {
                let braces = self.eat('{');
                self.at += 2;
                let modulus = self.nested(Self::sum)?;
                self.expect(')')?;
                if braces {
                    self.expect('}')?;
                }
                Ok(Some(modulus))
            }
            _ => Ok(None),
        }
    }

    /// Whether `(mod 7)` comes next, which may be a text group.
    pub(super) fn opens_modulus(&self) -> bool {
        let braces = usize::from(self.next_is('{'));
        self.peek_at(braces) == Some(Token::Op('('))
            && matches!(
                self.peek_at(braces + 1),
                Some(Token::Construct("mod" | "pmod"))
            )
    }

    /// Skips words before an answer that do not change it: `only x = 0`, `Area: 5`.
    fn skip_label(&mut self) {
        const FILLERS: [&str; 10] = [
            "only",
            "about",
            "approximately",
            "exactly",
            "answer",
            "the answer is",
            "option",
            "is",
            "for",
            "that is",
        ];
        if let Some(Token::Text(word) | Token::Word(word)) = self.peek()
            && FILLERS
                .iter()
                .any(|filler| filler.eq_ignore_ascii_case(word.trim_end_matches(':')))
            && !matches!(self.peek_at(1), None | Some(Token::Op('=')))
        {
            self.at += 1;
            self.eat(':');
        }
    }

    /// Skips a condition after an item or after the list: `for all x in R`,
    /// `where k is an integer`.
    pub(super) fn skip_condition(&mut self, closers: &[char]) -> Result<(), Reason> {
        let Some(Token::Text(word) | Token::Word(word)) = self.peek() else {
            return Ok(());
        };
        let first = word.split_whitespace().next().unwrap_or("").to_lowercase();
        let of_all = matches!(first.as_str(), "where" | "with");
        if !of_all && first != "for" {
            return Ok(());
        }
        let mut depth = 0_usize;
        while let Some(token) = self.peek() {
            let separates = !of_all && matches!(token, Token::Op(',' | ';' | '∧' | '∨'));
            if depth == 0 && (self.at_end(closers) || separates) {
                break;
            }
            match token {
                Token::Op('(' | '[' | '{' | '⦃') => depth += 1,
                Token::Op(')' | ']' | '}' | '⦄') => depth = depth.saturating_sub(1),
                _ => {}
            }
            self.budget.spend(1)?;
            self.at += 1;
        }
        Ok(())
    }

    /// `f(x)` as one side of an equation, with any letter: `T(10) = 2`, `x(t) = ...`,
    /// `1 = f(x)`.
    fn function_name(&mut self) -> Option<Expr> {
        let Some(Token::Symbol(name)) = self.peek() else {
            return None;
        };
        let (marks, mut offset) = self.function_marks(1)?;
        if self.peek_at(offset) != Some(Token::Op('(')) {
            return None;
        }
        offset += 1;
        let mut arguments = Vec::new();
        loop {
            arguments.push(match self.peek_at(offset)? {
                Token::Symbol(name) => Expr::Symbol(name.to_owned()),
                Token::Number(digits) => Expr::integer(digits.parse().ok()?),
                _ => return None,
            });
            match self.peek_at(offset + 1)? {
                Token::Op(',') => offset += 2,
                Token::Op(')') => break,
                _ => return None,
            }
        }
        let left = matches!(self.peek_at(offset + 2), Some(Token::Op('=' | '≡' | '≈')));
        let before = self.at.checked_sub(1).map(|at| self.tokens[at].token);
        let right = before == Some(Token::Op('=')) && self.tokens.len() == self.at + offset + 2;
        if !(left || right) {
            return None;
        }
        self.at += offset + 2;
        Some(Expr::Opaque(format!("{name}{marks}"), arguments))
    }

    /// The primes, the index and the sign of the inverse at `offset`, and where they end:
    /// `f'`, `f_1`, `f^{-1}`.
    fn function_marks(&self, mut offset: usize) -> Option<(String, usize)> {
        const MAX_MARKS: usize = 6;
        let mut marks = String::new();
        for _ in 0..MAX_MARKS {
            let mark = match self.peek_at(offset)? {
                Token::Op('\'') => "'".to_owned(),
                Token::Op(mark @ ('^' | '_')) => {
                    let braced = usize::from(self.peek_at(offset + 1)? == Token::Op('{'));
                    offset += 1 + braced;
                    let mut script = mark.to_string();
                    let negative = self.peek_at(offset)? == Token::Op('-');
                    if negative {
                        script.push('-');
                        offset += 1;
                    }
                    match (self.peek_at(offset)?, mark) {
                        (Token::Number("1"), '^') if negative => script.push('1'),
                        (Token::Op('\''), '^') => "'".clone_into(&mut script),
                        (Token::Number(index) | Token::Symbol(index), '_') => {
                            script.push_str(index);
                        }
                        _ => return None,
                    }
                    if braced == 1 {
                        offset += 1;
                        if self.peek_at(offset)? != Token::Op('}') {
                            return None;
                        }
                    }
                    script
                }
                _ => break,
            };
            marks.push_str(&mark);
            offset += 1;
        }
        Some((marks, offset))
    }
}

fn relation(first: Expr, rest: Vec<(char, Expr)>) -> Expr {
    if rest.is_empty() {
        first
    } else {
        Expr::Relation(Box::new(first), rest)
    }
}
