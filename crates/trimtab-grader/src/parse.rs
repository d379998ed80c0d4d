//! From tokens to an expression tree: recursive descent, one grammar for LaTeX and plain text.
//!
//! ```text
//! answer   = item (("," | ";" | "and" | "or") item)*
//! item     = sets (relation sets)*
//! sets     = ratio (("∪" | "∩" | "∖") ratio)*
//! ratio    = sum (":" sum)*
//! sum      = ["+" | "-" | "±"] product (("+" | "-" | "±" | "∓") product)*
//! product  = factor (["*" | "/" | "mod"] factor)*
//! factor   = operand ("^" exponent | "_" index | "!" | "%" | "°" | unit)*
//! ```

mod brackets;
mod builder;
mod call;
mod clock;
mod combination;
mod condition;
mod construct;
mod environment;
mod item;
mod measure;
mod operand;
mod phrases;
mod product;
mod worded;

pub(crate) use operand::is_transpose;

pub(crate) use self::condition::is_number_set;
use crate::Reason;
use crate::budget::Budget;
use crate::expr::{Expr, Joint};
use crate::lex::{Commas, Lexeme, Token};

/// Deepest nesting of groups.
const MAX_DEPTH: usize = 48;

/// Maximum number of operators that put what precedes them one level deeper: slashes, factorials,
/// unions.
///
/// With [`MAX_DEPTH`] this bounds the height of the tree, over which later steps recurse.
const MAX_CHAIN: usize = 256;

/// Parses a whole answer.
pub(crate) fn parse(
    tokens: &[Lexeme],
    commas: Commas,
    budget: &mut Budget,
) -> Result<Expr, Reason> {
    let mut parser = Parser {
        tokens,
        at: 0,
        consumed_digits: 0,
        commas,
        depth: 0,
        chained: 0,
        bars: 0,
        budget,
    };
    let worded = match parser.worded_time() {
        Some(time) => Some(time),
        None => match parser.worded_ratio()? {
            Some(ratio) => Some(ratio),
            None => parser.worded_set()?,
        },
    };
    let answer = match worded {
        Some(answer) => answer,
        None => parser.list(&[])?,
    };
    if parser.at < tokens.len() {
        return Err(Reason::NotUnderstood);
    }
    Ok(answer)
}

struct Parser<'t, 'a, 'b> {
    tokens: &'t [Lexeme<'a>],
    at: usize,
    /// Digits of the next number that arguments without braces have consumed: `\frac12`.
    consumed_digits: usize,
    commas: Commas,
    depth: usize,
    /// Operators counted against [`MAX_CHAIN`].
    chained: usize,
    /// Open absolute-value bars of the innermost group.
    bars: usize,
    budget: &'b mut Budget,
}

impl<'a> Parser<'_, 'a, '_> {
    fn peek(&self) -> Option<Token<'a>> {
        self.peek_at(0)
    }

    fn peek_at(&self, offset: usize) -> Option<Token<'a>> {
        match self.tokens.get(self.at + offset)?.token {
            Token::Number(digits) if offset == 0 => {
                Some(Token::Number(&digits[self.consumed_digits..]))
            }
            token => Some(token),
        }
    }

    fn next_is(&self, operator: char) -> bool {
        self.peek() == Some(Token::Op(operator))
    }

    fn eat(&mut self, operator: char) -> bool {
        let found = self.next_is(operator);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, operator: char) -> Result<(), Reason> {
        if self.eat(operator) {
            Ok(())
        } else {
            Err(Reason::NotUnderstood)
        }
    }

    /// Runs `inner` one level deeper, without open absolute-value bars.
    fn nested<T>(
        &mut self,
        inner: impl FnOnce(&mut Self) -> Result<T, Reason>,
    ) -> Result<T, Reason> {
        if self.depth >= MAX_DEPTH {
            return Err(Reason::Budget);
        }
        self.budget.spend(1)?;
        self.depth += 1;
        let bars = std::mem::replace(&mut self.bars, 0);
        let result = inner(self);
        self.bars = bars;
        self.depth -= 1;
        result
    }

    /// Counts an operator that adds a level to the tree.
    fn chain(&mut self) -> Result<(), Reason> {
        self.chained += 1;
        if self.chained > MAX_CHAIN {
            Err(Reason::Budget)
        } else {
            Ok(())
        }
    }

    /// Whether the next token ends an item, given what closes the group.
    fn at_end(&self, closers: &[char]) -> bool {
        match self.peek() {
            None | Some(Token::Construct("end")) => true,
            Some(Token::Op(operator)) => closers.contains(&operator),
            _ => false,
        }
    }

    /// Items and their separators. A single item is returned as itself.
    fn list(&mut self, closers: &[char]) -> Result<Expr, Reason> {
        let mut items = Vec::new();
        // Where a semicolon stands between the items.
        let mut semicolons = Vec::new();
        let mut joint = Joint::Comma;
        let mut commas = false;
        let mut conditions = Vec::new();
        loop {
            // Several separators may follow each other: "1, and 2", "1, 2,".
            while let Some(Token::Op(separator @ (',' | ';' | '∧' | '∨'))) = self.peek() {
                self.at += 1;
                match separator {
                    ';' => semicolons.push(items.len()),
                    '∧' => joint = Joint::And,
                    '∨' => joint = Joint::Or,
                    _ => commas = true,
                }
            }
            if !items.is_empty() {
                conditions.extend(self.trailing_condition(closers)?);
            }
            if self.at_end(closers) {
                break;
            }
            self.budget.spend(1)?;
            items.push(self.item(closers)?);
            if !matches!(self.peek(), Some(Token::Op(',' | ';' | '∧' | '∨')))
                && !self.at_end(closers)
            {
                return Err(Reason::NotUnderstood);
            }
        }
        if commas {
            items = tuples(items, &semicolons);
        }
        if items.is_empty() {
            return Err(Reason::NotUnderstood);
        }
        share_modulus(&mut items);
        condition::fold_range(&mut items);
        share_inequation(&mut items);
        let answer = if matches!(closers, [] | ['}']) {
            condition::with_conditions(joint, items)
        } else if items.len() == 1 {
            items.remove(0)
        } else {
            Expr::List { joint, items }
        };
        Ok(condition::given(answer, conditions))
    }

    /// The items of a bracketed group, which may be empty.
    fn items(&mut self, closers: &[char]) -> Result<Vec<Expr>, Reason> {
        if self.at_end(closers) {
            return Ok(Vec::new());
        }
        Ok(match self.list(closers)? {
            Expr::List { items, .. } => items,
            item => vec![item],
        })
    }

    fn sets(&mut self) -> Result<Expr, Reason> {
        let mut left = self.ratio()?;
        while let Some(Token::Op(operator @ ('∪' | '∩' | '∖'))) = self.peek() {
            self.chain()?;
            self.at += 1;
            let right = self.ratio()?;
            left = Expr::SetOperation(operator, Box::new((left, right)));
        }
        Ok(left)
    }

    fn ratio(&mut self) -> Result<Expr, Reason> {
        let first = self.sum()?;
        if !self.next_is(':')
            || is_worded(&first)
            || matches!(self.peek_at(1), Some(Token::Op('=')))
        {
            return Ok(first);
        }
        let mut parts = vec![first];
        let mut is_time = self.at == 1 && self.is_two_digits_with_zero(0);
        while self.eat(':') {
            self.budget.spend(1)?;
            // "4:05"
            is_time |= self.is_two_digits_with_zero(self.at);
            parts.push(self.sum()?);
        }
        // "9:30 a.m."
        if let Some(Expr::Quantity(..)) = parts.last()
            && let Some(Expr::Quantity(last, unit)) = parts.pop()
        {
            parts.push(*last);
            return Ok(Expr::Quantity(Box::new(Expr::Ratio(parts)), unit));
        }
        let parts = Expr::Ratio(parts);
        Ok(if is_time {
            Expr::Quantity(Box::new(parts), "clock".to_owned())
        } else {
            parts
        })
    }

    /// Whether the number at a place is one of a clock: `05`.
    fn is_two_digits_with_zero(&self, at: usize) -> bool {
        matches!(self.tokens.get(at).map(|lexeme| lexeme.token), Some(Token::Number(digits))
            if digits.len() == 2 && digits.starts_with('0'))
    }

    /// Whether a word is a sign before a number in digits: `minus 0.1`.
    fn says_sign(&self, word: &str, first: bool) -> bool {
        let is_sign = word.eq_ignore_ascii_case("minus")
            || word.eq_ignore_ascii_case("plus")
            || first && word.eq_ignore_ascii_case("negative");
        let number = matches!(
            self.peek_at(1),
            Some(
                Token::Number(_)
                    | Token::Construct("frac" | "sqrt")
                    | Token::Currency(_)
                    | Token::Op('∞')
            )
        );
        is_sign && number
    }

    fn sum(&mut self) -> Result<Expr, Reason> {
        let sign = self.sign(true).unwrap_or('+');
        let first = self.term(sign)?;
        let Some(mut sign) = self.sign(false) else {
            return self.over_next(first);
        };
        let mut terms = vec![first];
        loop {
            terms.push(self.term(sign)?);
            match self.sign(false) {
                Some(next) => sign = next,
                None => break,
            }
        }
        // A unit after the last term belongs to the whole sum.
        if let Some(Expr::Quantity(..)) = terms.last()
            && !terms[..terms.len() - 1]
                .iter()
                .any(|term| term.any(|part| matches!(part, Expr::Quantity(..))))
            && let Some(Expr::Quantity(last, unit)) = terms.pop()
        {
            terms.push(*last);
            return Ok(Expr::Quantity(Box::new(Expr::Sum(terms)), unit));
        }
        self.over_next(Expr::Sum(terms))
    }

    /// Takes the sign of a term. Words are signs too: "5 plus 3".
    fn sign(&mut self, first: bool) -> Option<char> {
        let sign = match self.peek()? {
            Token::Op(sign @ ('+' | '-' | '±' | '∓')) => sign,
            Token::Word(word) if self.says_sign(word, first) => {
                if word.eq_ignore_ascii_case("plus") {
                    '+'
                } else {
                    '-'
                }
            }
            _ => return None,
        };
        self.at += 1;
        Some(sign)
    }

    /// A term of a sum, with its sign.
    fn term(&mut self, sign: char) -> Result<Expr, Reason> {
        self.budget.spend(1)?;
        let term = self.product()?;
        Ok(match sign {
            '-' => negative(term),
            '±' | '∓' => Expr::PlusMinus {
                term: Box::new(term),
                flipped: sign == '∓',
            },
            _ => term,
        })
    }

    /// The sum that was read, and what it stands over: `n \choose k`, `a \over b`.
    fn over_next(&mut self, above: Expr) -> Result<Expr, Reason> {
        let Some(Token::Construct(name @ ("choose" | "over"))) = self.peek() else {
            return Ok(above);
        };
        self.at += 1;
        let below = self.nested(Self::sum)?;
        Ok(if name == "over" {
            Expr::Quotient(Box::new((above, below)))
        } else {
            Expr::Call("binom", vec![above, below])
        })
    }
}

/// Groups the items between semicolons: `1,2; 3,4` is two pairs.
fn tuples(items: Vec<Expr>, semicolons: &[usize]) -> Vec<Expr> {
    let mut rest = items;
    let mut groups = Vec::new();
    for &at in semicolons.iter().rev() {
        groups.push(rest.split_off(at));
    }
    groups.push(rest);
    groups.retain(|group| !group.is_empty());
    groups.reverse();
    if groups.len() < 2 {
        return groups.into_iter().flatten().collect();
    }
    let tuple = |items| Expr::Tuple {
        open: '(',
        close: ')',
        items,
    };
    groups.into_iter().map(tuple).collect()
}

/// The only item, or all items joined.
fn single(mut items: Vec<Expr>, join: impl FnOnce(Vec<Expr>) -> Expr) -> Result<Expr, Reason> {
    match items.len() {
        0 => Err(Reason::NotUnderstood),
        1 => items.pop().ok_or(Reason::NotUnderstood),
        _ => Ok(join(items)),
    }
}

/// Gives the modulus of the last item to those before it: `1, 3 \pmod 8`.
fn share_modulus(items: &mut [Expr]) {
    let residue = |item: &Expr| match item {
        Expr::Call("residue", arguments) => Some(arguments[1].clone()),
        Expr::Relation(_, rest) => match rest.last() {
            Some((_, Expr::Call("residue", arguments))) => Some(arguments[1].clone()),
            _ => None,
        },
        _ => None,
    };
    let Some((last, others)) = items.split_last_mut() else {
        return;
    };
    let Some(modulus) = residue(last) else { return };
    if others.iter().any(|item| residue(item).is_some()) {
        return;
    }
    for item in others {
        let value = match item {
            Expr::Relation(_, rest) => match rest.as_mut_slice() {
                [('=' | '≡', value)] => value,
                _ => continue,
            },
            item if item.is_scalar() => item,
            _ => continue,
        };
        let inner = std::mem::replace(value, Expr::Pi);
        *value = Expr::Call("residue", vec![inner, modulus.clone()]);
    }
}

/// Gives what is not equal to the first item to those behind it: `x \ne 2, -2`.
fn share_inequation(items: &mut [Expr]) {
    let Some((Expr::Relation(first, rest), others)) = items.split_first_mut() else {
        return;
    };
    if !matches!(rest.as_slice(), [('≠', _)])
        || !others
            .iter()
            .all(|item| item.is_scalar() && item.symbols().is_empty())
    {
        return;
    }
    for item in others {
        let value = std::mem::replace(item, Expr::Pi);
        *item = Expr::Relation(first.clone(), vec![('≠', value)]);
    }
}

/// The negative. Percent signs, degree signs and units stay outermost.
fn negative(expr: Expr) -> Expr {
    match expr {
        Expr::Percent(inner) => Expr::Percent(Box::new(negative(*inner))),
        Expr::Degrees(inner) => Expr::Degrees(Box::new(negative(*inner))),
        Expr::Quantity(inner, unit) => Expr::Quantity(Box::new(negative(*inner)), unit),
        other => Expr::Negative(Box::new(other)),
    }
}

fn is_worded(expr: &Expr) -> bool {
    matches!(expr, Expr::Text(_))
        || matches!(expr, Expr::Symbol(name) if name.len() > 3 && !name.contains(['_', ' ']))
}
