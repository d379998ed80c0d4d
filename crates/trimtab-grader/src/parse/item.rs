//! Items: relations, with labels before them and conditions after them.

use super::operand::spelling;
use super::{Parser, condition, is_worded};
use crate::Reason;
use crate::expr::{Expr, Joint};
use crate::lex::Token;

impl<'a> Parser<'_, 'a, '_> {
    pub(super) fn item(&mut self, closers: &[char]) -> Result<Expr, Reason> {
        // "= 5", "\implies x = 5"
        while let Some(Token::Op('=' | '≈' | '⇒' | '→')) = self.peek() {
            self.budget.spend(1)?;
            self.at += 1;
        }
        // "for all real x, f(x) = 0"
        let before = if self.starts_condition(0) && self.at == 0 {
            let condition = self.trailing_condition(closers)?;
            self.skip_remark();
            self.eat(',');
            condition
        } else {
            None
        };
        if let Some(condition) = self.standing_condition(closers)? {
            return Ok(condition);
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
                _ => match self.worded_relation() {
                    Some(relation) => {
                        self.at -= 1;
                        relation
                    }
                    None => break,
                },
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
        let condition = self.trailing_condition(closers)?;
        self.skip_remark();
        // An implication between names is a formula of logic.
        if !rest.is_empty() && rest.iter().all(|(relation, _)| *relation == '⇒') {
            return Err(Reason::NotUnderstood);
        }
        if let Some(last) = rest.iter().rposition(|(relation, _)| *relation == '⇒') {
            // The conclusion is the answer.
            let tail = rest.split_off(last + 1);
            let (_, first) = rest.pop().ok_or(Reason::NotUnderstood)?;
            return Ok(condition::given(
                relation(first, tail),
                before.into_iter().chain(condition).collect(),
            ));
        }
        Ok(condition::given(
            relation(first, rest),
            before.into_iter().chain(condition).collect(),
        ))
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

    /// Skips words after an answer that do not change it: `x = 2 (double root)`.
    fn skip_remark(&mut self) {
        // "no solution" is not "no".
        let before = self.at.checked_sub(1).map(|at| self.tokens[at].token);
        if matches!(before, Some(Token::Word(_) | Token::Text(_))) {
            return;
        }
        self.at += self.remark_length();
    }

    /// The number of tokens of the remark that comes next.
    pub(super) fn remark_length(&self) -> usize {
        const WORDS: [&str; 12] = [
            "double",
            "repeated",
            "root",
            "is",
            "the",
            "only",
            "solution",
            "solutions",
            "answer",
            "unique",
            "root.",
            "a",
        ];
        const LONGEST: usize = 6;
        let says = |token| match token {
            Some(Token::Text(words) | Token::Word(words)) => words
                .split_whitespace()
                .all(|word| WORDS.contains(&word.trim_matches(['(', ')', '.']))),
            Some(Token::Symbol("i" | "s")) => true,
            _ => false,
        };
        let bracketed = usize::from(self.next_is('('));
        let words = (bracketed..LONGEST)
            .take_while(|offset| says(self.peek_at(*offset)))
            .count();
        let worded = (bracketed..bracketed + words)
            .any(|offset| matches!(self.peek_at(offset), Some(Token::Text(_) | Token::Word(_))));
        let end = bracketed + words;
        if worded && (bracketed == 0 || self.peek_at(end) == Some(Token::Op(')'))) {
            end + bracketed
        } else {
            0
        }
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

    /// A name with a condition in it, before an equals sign: `P(X = 2)`, `P(A \mid B)`.
    fn probability(&mut self, name: &str) -> Option<Expr> {
        const LONGEST: usize = 24;
        let mut inner = String::new();
        let mut relates = false;
        for offset in 2..LONGEST {
            match self.peek_at(offset)? {
                Token::Op(')') if relates && self.peek_at(offset + 1) == Some(Token::Op('=')) => {
                    self.at += offset + 1;
                    return Some(Expr::Opaque(name.to_owned(), vec![Expr::Symbol(inner)]));
                }
                Token::Op('(' | ')') => return None,
                token => {
                    relates |= matches!(
                        token,
                        Token::Op('=' | '<' | '>' | '≤' | '≥' | '∣' | '|' | '∩' | '∪')
                    );
                    inner.push_str(&spelling(token));
                }
            }
        }
        None
    }

    /// `f(x)` as one side of an equation, with any letter: `T(10) = 2`, `x(t) = ...`,
    /// `1 = f(x)`.
    fn function_name(&mut self) -> Option<Expr> {
        let (name, after) = self.letter_in_font()?;
        let (marks, mut offset) = self.function_marks(after)?;
        let close = match self.peek_at(offset) {
            Some(Token::Op('(')) => Token::Op(')'),
            Some(Token::Op('[')) => Token::Op(']'),
            _ => return None,
        };
        if after == 1
            && marks.is_empty()
            && let Some(name) = self.probability(name)
        {
            return Some(name);
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
                token if token == close => break,
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

    /// A letter, which may be in another font, and where it ends: `\mathbb{E}`.
    fn letter_in_font(&self) -> Option<(&'a str, usize)> {
        let font = usize::from(matches!(
            self.peek(),
            Some(Token::Accent("mathbb" | "mathcal" | "mathscr" | "mathds"))
        ));
        let braced = usize::from(self.peek_at(font) == Some(Token::Op('{')));
        let Some(Token::Symbol(name)) = self.peek_at(font + braced) else {
            return None;
        };
        let closed = braced == 0 || self.peek_at(font + 2) == Some(Token::Op('}'));
        closed.then_some((name, font + 2 * braced + 1))
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

fn relation(first: Expr, mut rest: Vec<(char, Expr)>) -> Expr {
    // The conditions of a value hold for the relation: `x = {2k, k \in \mathbb{Z}}`.
    if let Some((sign, Expr::Given(parts))) =
        rest.pop_if(|(_, last)| matches!(last, Expr::Given(_)))
    {
        rest.push((sign, parts.0));
        return condition::given(relation(first, rest), vec![parts.1]);
    }
    if rest.is_empty() {
        first
    } else if let [('≠', value)] = rest.as_slice()
        && value.has_sign()
    {
        // `x \ne \pm 2` excludes both.
        let unequal = |minus| {
            let value = value.with_sign(minus);
            Expr::Relation(Box::new(first.clone()), vec![('≠', value)])
        };
        Expr::List {
            joint: Joint::And,
            items: vec![unequal(false), unequal(true)],
        }
    } else {
        Expr::Relation(Box::new(first), rest)
    }
}
