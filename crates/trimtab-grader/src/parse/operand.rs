//! Factors: operands with powers, indices, factorials and degree signs.

use super::environment::between_bars;
use super::measure::with_unit;
use super::product::over;
use super::{Parser, negative, single};
use crate::Reason;
use crate::expr::{Expr, Joint};
use crate::lex::{Lexeme, Token};
use crate::number;
use crate::vocabulary;

impl Parser<'_, '_, '_> {
    /// An operand with everything attached to it.
    pub(super) fn factor(&mut self) -> Result<Expr, Reason> {
        match self.peek() {
            Some(Token::Op('-')) => {
                self.at += 1;
                let negated = self.nested(Self::factor)?;
                return Ok(negative(negated));
            }
            Some(Token::Op('+')) => {
                self.at += 1;
                return self.nested(Self::factor);
            }
            _ => {}
        }
        let mut factor = self.operand()?;
        loop {
            self.budget.spend(1)?;
            match self.peek() {
                Some(Token::Op('^')) => {
                    self.chain()?;
                    self.at += 1;
                    factor = self.raised(factor)?;
                }
                Some(Token::Op('_')) => {
                    self.at += 1;
                    let index = self.index()?;
                    factor = indexed(factor, &index)?;
                }
                Some(Token::Op('!')) => {
                    self.chain()?;
                    self.at += 1;
                    let name = if self.eat('!') {
                        "double factorial"
                    } else {
                        "factorial"
                    };
                    factor = Expr::Call(name, vec![factor]);
                }
                Some(Token::Op(sign @ ('°' | '∘')))
                    if sign == '°' || self.ends_angle() && is_number(&factor) =>
                {
                    self.chain()?;
                    self.at += 1;
                    factor = self.degrees(factor)?;
                }
                Some(Token::Op('\'')) => {
                    let Expr::Symbol(name) = &mut factor else {
                        return Err(Reason::NotUnderstood);
                    };
                    name.push('\'');
                    self.at += 1;
                }
                _ => return Ok(factor),
            }
        }
    }

    /// What follows a `^`: an exponent, a degree sign or a mark.
    fn raised(&mut self, base: Expr) -> Result<Expr, Reason> {
        let braced = usize::from(self.next_is('{'));
        let closed = braced == 0 || self.peek_at(2) == Some(Token::Op('}'));
        match self.peek_at(braced) {
            Some(Token::Op('∘' | '°') | Token::Construct("deg")) if closed => {
                self.at += 1 + 2 * braced;
                return self.degrees(base);
            }
            // `90^{o}`
            Some(Token::Symbol("o") | Token::Text("o" | "deg")) if closed && is_number(&base) => {
                self.at += 1 + 2 * braced;
                return self.degrees(base);
            }
            Some(Token::Op(mark @ ('\'' | '*' | '+' | '-')))
                if closed
                    && (braced == 1
                        || matches!(mark, '\'' | '*')
                        || is_set(&base)
                            && !self
                                .peek_at(1)
                                .is_some_and(|next| self.starts_operand(next))) =>
            {
                let Expr::Symbol(name) = base else {
                    return Err(Reason::NotUnderstood);
                };
                self.at += 1 + 2 * braced;
                return Ok(Expr::Symbol(format!("{name}{mark}")));
            }
            Some(Token::Text("th" | "st" | "nd" | "rd")) if closed => {
                self.at += 1 + 2 * braced;
                return Ok(with_unit(base, "th".to_owned()));
            }
            Some(Token::Symbol(first)) if braced == 1 && self.ends_ordinal(first) => {
                self.at += 4;
                return Ok(with_unit(base, "th".to_owned()));
            }
            _ => {}
        }
        let exponent = self.exponent()?;
        if let Expr::Tuple { items, .. } = base {
            // A row in parentheses that becomes a column: `(1,2)^T`.
            let transposes = matches!(&exponent, Expr::Symbol(name) if is_transpose(name));
            return if transposes {
                Ok(Expr::Matrix(
                    items.into_iter().map(|item| vec![item]).collect(),
                ))
            } else {
                Err(Reason::NotUnderstood)
            };
        }
        // The index of `x^2_{ij}` belongs to the letter.
        if matches!(base, Expr::Symbol(_)) && self.eat('_') {
            let index = self.index()?;
            return Ok(power(indexed(base, &index)?, exponent));
        }
        Ok(power(base, exponent))
    }

    /// Whether a ring ends the angle here, and does not compose functions.
    fn ends_angle(&self) -> bool {
        !self
            .peek_at(1)
            .is_some_and(|next| self.starts_operand(next))
    }

    /// Whether `{rd}` comes next.
    fn ends_ordinal(&self, first: &str) -> bool {
        let Some(Token::Symbol(second)) = self.peek_at(2) else {
            return false;
        };
        let ending = matches!((first, second), ("s", "t") | ("n" | "r", "d") | ("t", "h"));
        ending && self.peek_at(3) == Some(Token::Op('}'))
    }

    pub(super) fn exponent(&mut self) -> Result<Expr, Reason> {
        self.nested(|parser| {
            if parser.eat('-') {
                return Ok(Expr::Negative(Box::new(parser.exponent()?)));
            }
            parser.eat('+');
            // The index of `x^2_1` belongs to the letter.
            let base = match (parser.peek(), parser.peek_at(1)) {
                (Some(Token::Number(digits)), Some(Token::Op('_'))) => {
                    parser.advance();
                    number::parse(digits, parser.commas, parser.budget)?
                }
                _ => parser.operand()?,
            };
            if parser.eat('^') {
                return Ok(power(base, parser.exponent()?));
            }
            Ok(base)
        })
    }

    /// Degrees, with or without minutes: `60° 42'`.
    fn degrees(&mut self, angle: Expr) -> Result<Expr, Reason> {
        if let (Some(Token::Number(minutes)), Some(Token::Op('\''))) =
            (self.peek(), self.peek_at(1))
        {
            self.at += 2;
            let minutes = number::parse(minutes, self.commas, self.budget)?;
            let angle = Expr::Sum(vec![angle, over(minutes, Expr::integer(60))]);
            return Ok(Expr::Degrees(Box::new(angle)));
        }
        Ok(Expr::Degrees(Box::new(angle)))
    }

    /// The spelling of an index, which is one token or a group.
    pub(super) fn index(&mut self) -> Result<String, Reason> {
        if !self.next_is('{') {
            let token = self.peek().ok_or(Reason::NotUnderstood)?;
            self.advance();
            return Ok(spelling(token));
        }
        self.at += 1;
        let mut depth = 1;
        let mut index = String::new();
        loop {
            self.budget.spend(1)?;
            let token = self.peek().ok_or(Reason::NotUnderstood)?;
            self.advance();
            match token {
                Token::Op('{') => depth += 1,
                Token::Op('}') => depth -= 1,
                token => index.push_str(&spelling(token)),
            }
            if depth == 0 {
                return Ok(index);
            }
        }
    }

    /// Moves past a token, or past the rest of a number.
    pub(super) fn advance(&mut self) {
        self.at += 1;
        self.consumed_digits = 0;
    }

    pub(super) fn operand(&mut self) -> Result<Expr, Reason> {
        let token = self.peek().ok_or(Reason::NotUnderstood)?;
        match token {
            Token::Number(digits) => {
                self.advance();
                match self.base()? {
                    Some(base) => number::in_base(digits, &base, self.budget),
                    None => number::parse(digits, self.commas, self.budget),
                }
            }
            Token::Symbol(name) => self.symbol(name),
            Token::Command(_) => Err(Reason::NotUnderstood),
            Token::Accent(mark) => {
                self.at += 1;
                if matches!(mark, "overline" | "bar" | "widebar") && self.is_complex_group() {
                    let number = self.operand()?;
                    return Ok(Expr::Call("conj", vec![number]));
                }
                // Marks that differ in width only.
                let mark = match mark {
                    "bar" | "widebar" => "overline",
                    "widehat" => "hat",
                    "widetilde" => "tilde",
                    "overrightarrow" => "vec",
                    mark => mark,
                };
                let mut name = format!("{mark} {}", self.index()?);
                if matches!(mark, "overset" | "underset" | "stackrel") {
                    name.push_str(&self.index()?);
                }
                Ok(Expr::Symbol(name))
            }
            Token::Currency(currency) => {
                self.at += 1;
                let amount = self.nested(Self::factor)?;
                Ok(with_unit(amount, currency.to_owned()))
            }
            Token::Word(_) | Token::Text(_) => {
                if let Some(selection) = self.selection()? {
                    return Ok(selection);
                }
                if let Some(value) = self.number_in_words() {
                    return Ok(value);
                }
                self.at += 1;
                Ok(match token {
                    Token::Text(text) => Expr::Text(text.to_owned()),
                    token => Expr::Symbol(spelling(token)),
                })
            }
            Token::Begin(environment) => {
                self.at += 1;
                self.nested(|parser| parser.environment(environment, false))
            }
            Token::Construct(name) => {
                self.at += 1;
                self.nested(|parser| parser.construct(name))
            }
            Token::Op(operator) => {
                if matches!(operator, '{' | '^' | '_') {
                    let selection = match self.prescripted()? {
                        Some(selection) => Some(selection),
                        None => self.selection()?,
                    };
                    if let Some(selection) = selection {
                        return Ok(selection);
                    }
                }
                self.at += 1;
                if matches!(operator, '(' | '{')
                    && let Some(number) = self.grouped_digits(operator)?
                {
                    return Ok(number);
                }
                self.group(operator)
            }
        }
    }

    /// A letter or a named symbol, and what belongs to it.
    fn symbol(&mut self, name: &str) -> Result<Expr, Reason> {
        if let Some(selection) = self.selection()? {
            return Ok(selection);
        }
        // "a dozen"
        if name == "a"
            && let Some(Token::Word(word)) = self.peek_at(1)
            && vocabulary::is_number_word(word)
            && let Some(value) = self.number_in_words()
        {
            return Ok(value);
        }
        self.at += 1;
        Ok(match name {
            "pi" => Expr::Pi,
            "e" if !self.next_is('_') => Expr::E,
            "i" | "imath" if !self.next_is('_') => Expr::I,
            "jmath" => Expr::Symbol("j".to_owned()),
            "varphi" => Expr::Symbol("phi".to_owned()),
            "varepsilon" => Expr::Symbol("epsilon".to_owned()),
            "vartheta" => Expr::Symbol("theta".to_owned()),
            "C" | "P" if self.next_is('(') => self.selection_call(name)?,
            // A letter before a number in parentheses is a function: `I(0)`.
            _ if self.applies_to_number() || matches!(name, "f" | "g") && self.next_is('(') => {
                self.at += 1;
                let arguments = self.nested(|parser| parser.items(&[')']))?;
                self.expect(')')?;
                Expr::Opaque(name.to_owned(), arguments)
            }
            _ => Expr::Symbol(name.to_owned()),
        })
    }

    /// Whether the group that comes next is a number with an imaginary part: `{2+3i}`.
    fn is_complex_group(&self) -> bool {
        if !self.next_is('{') {
            return false;
        }
        let group = &self.tokens[self.at..];
        let end = group
            .iter()
            .position(|lexeme| lexeme.token == Token::Op('}'))
            .unwrap_or(0);
        let has = |wanted: fn(Token) -> bool| group[..end].iter().any(|next| wanted(next.token));
        has(|token| matches!(token, Token::Symbol("i")))
            && has(|token| matches!(token, Token::Number(_)))
            && !has(|token| matches!(token, Token::Symbol(name) if name != "i"))
    }

    /// The base of the number before: `_2`, `base 2`, `(base 2)`.
    fn base(&mut self) -> Result<Option<String>, Reason> {
        if self.next_is('_') {
            self.at += 1;
            return Ok(Some(self.index()?));
        }
        let opens = |token| matches!(token, Some(Token::Op('{' | '(' | '∈')));
        let opened = (0..2).take_while(|at| opens(self.peek_at(*at))).count();
        let said = matches!(
            self.peek_at(opened),
            Some(Token::Word("base") | Token::Text("base"))
        );
        if !said {
            return Ok(None);
        }
        let start = self.at;
        let (Token::Number(base) | Token::Word(base) | Token::Text(base)) =
            self.peek_at(opened + 1).ok_or(Reason::NotUnderstood)?
        else {
            return Err(Reason::NotUnderstood);
        };
        self.at += opened + 2;
        for at in (start..start + opened).rev() {
            match self.tokens[at].token {
                Token::Op('{') => self.expect('}')?,
                Token::Op('(') => self.expect(')')?,
                _ => {}
            }
        }
        Ok(Some(base.to_owned()))
    }

    /// Digits in a group with their base: `(1010)_2`.
    fn grouped_digits(&mut self, open: char) -> Result<Option<Expr>, Reason> {
        let close = if open == '(' { ')' } else { '}' };
        // `x^{2}_{i}` has a letter for the base of its power.
        let before = self.at.checked_sub(2).map(|at| self.tokens[at].token);
        if matches!(before, Some(Token::Op('^' | '_'))) {
            return Ok(None);
        }
        let (
            Some(Token::Number(digits) | Token::Text(digits)),
            Some(Token::Op(closing)),
            Some(Token::Op('_')),
        ) = (self.peek(), self.peek_at(1), self.peek_at(2))
        else {
            return Ok(None);
        };
        let has_digit = digits.bytes().any(|byte| byte.is_ascii_digit());
        if closing != close || !has_digit {
            return Ok(None);
        }
        self.at += 3;
        let base = self.index()?;
        number::in_base(digits, &base, self.budget).map(Some)
    }

    /// Whether a number in parentheses follows without a blank, as in `I(0)`.
    fn applies_to_number(&self) -> bool {
        let adjacent = self
            .tokens
            .get(self.at)
            .is_some_and(|lexeme| !lexeme.spaced);
        adjacent
            && self.next_is('(')
            && matches!(self.peek_at(1), Some(Token::Number(_)))
            && self.peek_at(2) == Some(Token::Op(')'))
    }

    /// A group after its opening delimiter.
    fn group(&mut self, open: char) -> Result<Expr, Reason> {
        match open {
            '(' | '[' | '⟨' | '⟦' => {
                if let Some(name) = self.next_environment()
                    && let Some(Token::Op(')' | ']' | '⟩')) = self.after_environment()?
                {
                    self.at += 1;
                    let inner = self.nested(|parser| parser.environment(name, true))?;
                    self.at += 1;
                    return Ok(inner);
                }
                if open == '['
                    && let Some(matrix) = self.nested(Self::bracketed_matrix)?
                {
                    return Ok(matrix);
                }
                let items = self.nested(|parser| parser.items(&[')', ']', '⟩', '⟧']))?;
                let Some(Token::Op(close)) = self.peek() else {
                    return Err(Reason::NotUnderstood);
                };
                self.at += 1;
                match items.len() {
                    1 => single(items, Expr::Sum),
                    // Outward brackets leave the ends of an interval open.
                    _ => Ok(Expr::Tuple {
                        open: if open == '⟦' { '(' } else { open },
                        close: if close == '⟧' { ')' } else { close },
                        items,
                    }),
                }
            }
            '{' => {
                let start = self.at;
                let inner = self.nested(|parser| parser.list(&['}']))?;
                let inside = &self.tokens[start..self.at];
                self.expect('}')?;
                let braced = |at: Option<&Lexeme>, brace| {
                    at.is_some_and(|lexeme| lexeme.token == Token::Op(brace))
                };
                let of_sets = braced(inside.first(), '{') && braced(inside.last(), '}');
                Ok(match inner {
                    Expr::List {
                        joint: Joint::Comma,
                        items,
                    } => Expr::Set(if of_sets {
                        items.into_iter().map(in_braces).collect() // {{1}, {2, 3}}
                    } else {
                        items
                    }),
                    inner => inner,
                })
            }
            '⦃' => {
                if let Some(name) = self.next_environment()
                    && !matches!(self.after_environment()?, Some(Token::Op(',' | '⦄')))
                {
                    self.at += 1;
                    return self.nested(|parser| parser.braced_environment(name));
                }
                let set = self.nested(Self::set)?;
                self.expect('⦄')?;
                Ok(set)
            }
            '|' | '‖' => {
                // The position tells a closing bar from an opening one.
                let bars = self.bars + 1;
                let inner = self.nested(|parser| {
                    parser.bars = bars;
                    parser.sum()
                })?;
                self.expect(open)?;
                Ok(between_bars(open, inner))
            }
            '⌊' | '⌈' => {
                let (name, close) = if open == '⌊' {
                    ("floor", '⌋')
                } else {
                    ("ceil", '⌉')
                };
                let inner = self.nested(Self::sum)?;
                self.expect(close)?;
                Ok(Expr::Call(name, vec![inner]))
            }
            '∞' => Ok(Expr::Infinity),
            '∅' => Ok(Expr::Set(Vec::new())),
            '…' => Ok(Expr::Symbol("…".to_owned())),
            _ => Err(Reason::NotUnderstood),
        }
    }

    /// The content of set braces: items, or a condition after a bar.
    fn set(&mut self) -> Result<Expr, Reason> {
        match self.set_builder()? {
            Some(set) => Ok(set),
            None => self.items(&['⦄']).map(Expr::Set),
        }
    }
}

fn in_braces(item: Expr) -> Expr {
    match item {
        Expr::Set(_) => item,
        item => Expr::Set(vec![item]),
    }
}

/// Whether an expression is a number without variables.
fn is_number(expr: &Expr) -> bool {
    expr.is_scalar() && expr.symbols().is_empty()
}

pub(super) fn power(base: Expr, exponent: Expr) -> Expr {
    Expr::Power(Box::new((base, exponent)))
}

/// Whether an exponent with this name means the transpose.
pub(crate) fn is_transpose(name: &str) -> bool {
    matches!(name, "T" | "t" | "top" | "intercal")
}

/// Whether an expression is the symbol of a set of numbers.
fn is_set(expr: &Expr) -> bool {
    matches!(expr, Expr::Symbol(name) if name.starts_with("mathbb "))
}

/// A letter with an index.
fn indexed(base: Expr, index: &str) -> Result<Expr, Reason> {
    match base {
        Expr::Symbol(name) => Ok(Expr::Symbol(format!("{name}_{index}"))),
        // The coefficient of Gauss.
        Expr::Call("binom", arguments) => Ok(Expr::Opaque(format!("binom_{index}"), arguments)),
        _ => Err(Reason::NotUnderstood),
    }
}

/// The spelling of a token in an index.
pub(super) fn spelling(token: Token) -> String {
    match token {
        Token::Number(text)
        | Token::Symbol(text)
        | Token::Command(text)
        | Token::Word(text)
        | Token::Text(text)
        | Token::Accent(text)
        | Token::Begin(text) => text.to_owned(),
        Token::Construct(name) | Token::Currency(name) => name.to_owned(),
        Token::Op(operator) => operator.to_string(),
    }
}
