//! From tokens to a tree: recursive descent over one grammar for LaTeX and plain text.
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

mod operand;

use super::Reason;
use super::budget::Budget;
use super::expr::{Expr, Joint};
use super::lex::{Commas, Lexeme, Token};
use super::words;

/// Deepest nesting of groups.
const MAX_DEPTH: usize = 48;

/// Most operators that put what stands before them one level deeper: slashes, factorials, unions. With the depth of
/// groups this bounds the height of the tree, which later steps walk by recursion.
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
        eaten: 0,
        commas,
        depth: 0,
        chained: 0,
        bars: 0,
        budget,
    };
    let answer = parser.list(&[])?;
    if parser.at < tokens.len() {
        return Err(Reason::NotUnderstood);
    }
    Ok(answer)
}

struct Parser<'t, 'a, 'b> {
    tokens: &'t [Lexeme<'a>],
    at: usize,
    /// Digits of the next number that an argument without braces has used up: `\frac12`.
    eaten: usize,
    commas: Commas,
    depth: usize,
    /// Operators counted against [`MAX_CHAIN`].
    chained: usize,
    /// Open absolute value bars of the innermost group.
    bars: usize,
    budget: &'b mut Budget,
}

impl<'a> Parser<'_, 'a, '_> {
    fn peek(&self) -> Option<Token<'a>> {
        self.peek_at(0)
    }

    fn peek_at(&self, offset: usize) -> Option<Token<'a>> {
        match self.tokens.get(self.at + offset)?.token {
            Token::Number(digits) if offset == 0 => Some(Token::Number(&digits[self.eaten..])),
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

    /// Runs `inner` one level deeper, with no absolute value bar open.
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

    /// Counts an operator that makes the tree higher.
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
            None => true,
            Some(Token::Op(operator)) => closers.contains(&operator),
            Some(Token::Construct("end")) => true,
            _ => false,
        }
    }

    /// Items and what separates them; a single item stands for itself.
    fn list(&mut self, closers: &[char]) -> Result<Expr, Reason> {
        let mut groups: Vec<Vec<Expr>> = vec![Vec::new()];
        let mut joint = Joint::Comma;
        let (mut commas, mut semicolons) = (false, false);
        loop {
            // Separators may pile up: "1, and 2", "1, 2,".
            while let Some(Token::Op(separator @ (',' | ';' | '∧' | '∨'))) = self.peek() {
                self.at += 1;
                match separator {
                    ';' => {
                        semicolons = true;
                        groups.push(Vec::new());
                    }
                    '∧' => joint = Joint::And,
                    '∨' => joint = Joint::Or,
                    _ => commas = true,
                }
            }
            if self.at_end(closers) {
                break;
            }
            self.budget.spend(1)?;
            let item = self.item(closers)?;
            if let Some(group) = groups.last_mut() {
                group.push(item);
            }
            if !matches!(self.peek(), Some(Token::Op(',' | ';' | '∧' | '∨')))
                && !self.at_end(closers)
            {
                return Err(Reason::NotUnderstood);
            }
        }
        groups.retain(|group| !group.is_empty());
        let tuples = semicolons && commas && groups.len() > 1;
        let mut items = if tuples {
            // "1,2; 3,4" is two pairs.
            let pair = |items| Expr::Tuple {
                open: '(',
                close: ')',
                items,
            };
            groups.into_iter().map(pair).collect()
        } else {
            groups.concat()
        };
        match items.len() {
            0 => Err(Reason::NotUnderstood),
            1 => items.pop().ok_or(Reason::NotUnderstood),
            _ => Ok(Expr::List { joint, items }),
        }
    }

    /// The items of a bracketed group, which may be none.
    fn items(&mut self, closers: &[char]) -> Result<Vec<Expr>, Reason> {
        if self.at_end(closers) {
            return Ok(Vec::new());
        }
        Ok(match self.list(closers)? {
            Expr::List { items, .. } => items,
            item => vec![item],
        })
    }

    fn item(&mut self, closers: &[char]) -> Result<Expr, Reason> {
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
                    relation @ ('=' | '<' | '>' | '≤' | '≥' | '≠' | '≈' | '≡' | '∈' | '→'),
                )) => relation,
                Some(Token::Op(':')) if is_worded(&first) => '=',
                Some(Token::Op('⇒')) => '⇒',
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
        self.skip_condition(closers)?;
        if let Some(last) = rest.iter().rposition(|(relation, _)| *relation == '⇒') {
            // What follows from the rest is what is meant.
            let tail = rest.split_off(last + 1);
            let (_, first) = rest.pop().ok_or(Reason::NotUnderstood)?;
            return Ok(relation(first, tail));
        }
        Ok(relation(first, rest))
    }

    /// Words before an answer that say nothing of it: `only x = 0`, `Area: 5`.
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

    /// A condition at the end of an item, which is left out: `for all x in R`, `where k is an integer`.
    fn skip_condition(&mut self, closers: &[char]) -> Result<(), Reason> {
        let Some(Token::Text(word) | Token::Word(word)) = self.peek() else {
            return Ok(());
        };
        let first = word.split_whitespace().next().unwrap_or("");
        if !["for", "where", "with", "For", "Where", "With"].contains(&first) {
            return Ok(());
        }
        let mut depth = 0_usize;
        while let Some(token) = self.peek() {
            if depth == 0
                && (self.at_end(closers) || matches!(token, Token::Op(',' | ';' | '∧' | '∨')))
            {
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

    /// `f(x)` as one side of an equation, whatever the letter: `T(10) = 2`, `x(t) = ...`, `1 = f(x)`.
    fn function_name(&mut self) -> Option<Expr> {
        let Some(Token::Symbol(name)) = self.peek() else {
            return None;
        };
        if self.peek_at(1) != Some(Token::Op('(')) {
            return None;
        }
        let mut offset = 2;
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
        Some(Expr::Opaque(name.to_owned(), arguments))
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
        while self.eat(':') {
            self.budget.spend(1)?;
            parts.push(self.sum()?);
        }
        // "9:30 a.m."
        if let Some(Expr::Quantity(..)) = parts.last()
            && let Some(Expr::Quantity(last, unit)) = parts.pop()
        {
            parts.push(*last);
            return Ok(Expr::Quantity(Box::new(Expr::Ratio(parts)), unit));
        }
        Ok(Expr::Ratio(parts))
    }

    fn sum(&mut self) -> Result<Expr, Reason> {
        let mut terms = Vec::new();
        loop {
            let sign = match self.peek() {
                Some(Token::Op(sign @ ('+' | '-' | '±' | '∓'))) => {
                    self.at += 1;
                    sign
                }
                _ if terms.is_empty() => '+',
                _ => break,
            };
            self.budget.spend(1)?;
            let term = self.product()?;
            terms.push(match sign {
                '-' => negative(term),
                '±' | '∓' => Expr::PlusMinus {
                    term: Box::new(term),
                    flipped: sign == '∓',
                },
                _ => term,
            });
        }
        if let Some(Token::Construct("choose" | "over")) = self.peek() {
            let over = self.peek() == Some(Token::Construct("over"));
            self.at += 1;
            let (above, below) = (single(terms, Expr::Sum)?, self.nested(Self::sum)?);
            return Ok(if over {
                Expr::Quotient(Box::new((above, below)))
            } else {
                Expr::Call("binom", vec![above, below])
            });
        }
        // The unit, percent or degree sign at the end of a sum is that of all of it.
        if terms.len() > 1
            && let Some(Expr::Quantity(..)) = terms.last()
            && !terms[..terms.len() - 1]
                .iter()
                .any(|term| term.any(|part| matches!(part, Expr::Quantity(..))))
            && let Some(Expr::Quantity(last, unit)) = terms.pop()
        {
            terms.push(*last);
            return Ok(Expr::Quantity(Box::new(Expr::Sum(terms)), unit));
        }
        single(terms, Expr::Sum)
    }

    fn product(&mut self) -> Result<Expr, Reason> {
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
                    product = match (product, divisor) {
                        // A percent or unit sign belongs to the whole fraction: `1/2%`.
                        (above, Expr::Percent(below)) => {
                            Expr::Percent(Box::new(over(above, *below)))
                        }
                        (above, Expr::Quantity(below, unit))
                            if !matches!(above, Expr::Quantity(..)) =>
                        {
                            Expr::Quantity(Box::new(over(above, *below)), unit)
                        }
                        (above, below) => over(above, below),
                    };
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
                Some(Token::Text(word) | Token::Word(word)) if is_unit(word) => {
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
    fn starts_operand(&self, token: Token) -> bool {
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

fn relation(first: Expr, rest: Vec<(char, Expr)>) -> Expr {
    if rest.is_empty() {
        first
    } else {
        Expr::Relation(Box::new(first), rest)
    }
}

/// The only item, or all of them joined.
fn single(mut items: Vec<Expr>, join: impl FnOnce(Vec<Expr>) -> Expr) -> Result<Expr, Reason> {
    match items.len() {
        0 => Err(Reason::NotUnderstood),
        1 => items.pop().ok_or(Reason::NotUnderstood),
        _ => Ok(join(items)),
    }
}

/// The negative; signs of measure stay outermost.
fn negative(expr: Expr) -> Expr {
    match expr {
        Expr::Percent(inner) => Expr::Percent(Box::new(negative(*inner))),
        Expr::Degrees(inner) => Expr::Degrees(Box::new(negative(*inner))),
        Expr::Quantity(inner, unit) => Expr::Quantity(Box::new(negative(*inner)), unit),
        other => Expr::Negative(Box::new(other)),
    }
}

fn times(left: Expr, right: Expr) -> Expr {
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

fn over(above: Expr, below: Expr) -> Expr {
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

fn is_worded(expr: &Expr) -> bool {
    matches!(expr, Expr::Text(_))
        || matches!(expr, Expr::Symbol(name) if name.len() > 3 && !name.contains(['_', ' ']))
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
