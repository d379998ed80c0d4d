//! Factors: operands with what is attached to them.

use super::{Parser, negative, over, single, times};
use crate::check::Reason;
use crate::check::expr::{Expr, Integral, Joint, Series};
use crate::check::lex::{Commas, Token};
use crate::check::number;
use crate::check::words;

impl<'a> Parser<'_, 'a, '_> {
    /// An operand with its powers, indices, factorials and degree signs.
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
                Some(Token::Op('°')) => {
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
            Some(Token::Op('∘' | '°')) if closed => {
                self.at += 1 + 2 * braced;
                return self.degrees(base);
            }
            Some(Token::Op(mark @ ('\'' | '*' | '+' | '-')))
                if closed && (braced == 1 || matches!(mark, '\'' | '*')) =>
            {
                let Expr::Symbol(name) = base else {
                    return Err(Reason::NotUnderstood);
                };
                self.at += 1 + 2 * braced;
                return Ok(Expr::Symbol(format!("{name}{mark}")));
            }
            Some(Token::Text(ordinal @ ("th" | "st" | "nd" | "rd"))) if closed => {
                self.at += 1 + 2 * braced;
                return Ok(Expr::Quantity(Box::new(base), ordinal.to_owned()));
            }
            _ => {}
        }
        let exponent = self.exponent()?;
        // `x^2_{ij}` has its index on the letter.
        if matches!(base, Expr::Symbol(_)) && self.eat('_') {
            let index = self.index()?;
            return Ok(power(indexed(base, &index)?, exponent));
        }
        Ok(power(base, exponent))
    }

    fn exponent(&mut self) -> Result<Expr, Reason> {
        self.nested(|parser| {
            if parser.eat('-') {
                return Ok(Expr::Negative(Box::new(parser.exponent()?)));
            }
            parser.eat('+');
            // The index of `x^2_1` belongs to the letter.
            let base = match (parser.peek(), parser.peek_at(1)) {
                (Some(Token::Number(digits)), Some(Token::Op('_'))) => {
                    parser.pass();
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

    /// Degrees, perhaps with minutes: `60° 42'`.
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

    /// The spelling of an index: one token or a group.
    pub(super) fn index(&mut self) -> Result<String, Reason> {
        if !self.next_is('{') {
            let token = self.peek().ok_or(Reason::NotUnderstood)?;
            self.pass();
            return Ok(spelling(token));
        }
        self.at += 1;
        let mut depth = 1;
        let mut index = String::new();
        loop {
            self.budget.spend(1)?;
            let token = self.peek().ok_or(Reason::NotUnderstood)?;
            self.pass();
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

    /// Passes a token, or what is left of a number.
    fn pass(&mut self) {
        self.at += 1;
        self.eaten = 0;
    }

    fn operand(&mut self) -> Result<Expr, Reason> {
        let token = self.peek().ok_or(Reason::NotUnderstood)?;
        match token {
            Token::Number(digits) => {
                self.pass();
                if self.next_is('_') {
                    self.at += 1;
                    let base = self.index()?;
                    return number::in_base(digits, &base, self.budget);
                }
                number::parse(digits, self.commas, self.budget)
            }
            Token::Symbol(name) => {
                self.at += 1;
                Ok(match name {
                    "pi" => Expr::Pi,
                    "e" if !self.next_is('_') => Expr::E,
                    "i" if !self.next_is('_') => Expr::I,
                    // Nobody multiplies a letter by a number behind it: `I(0)`.
                    _ if self.applies_to_number()
                        || matches!(name, "f" | "g") && self.next_is('(') =>
                    {
                        self.at += 1;
                        let arguments = self.nested(|parser| parser.items(&[')']))?;
                        self.expect(')')?;
                        Expr::Opaque(name.to_owned(), arguments)
                    }
                    _ => Expr::Symbol(name.to_owned()),
                })
            }
            Token::Accent(mark) => {
                self.at += 1;
                let mut name = format!("{mark} {}", self.index()?);
                if matches!(mark, "overset" | "underset" | "stackrel") {
                    name.push_str(&self.index()?);
                }
                Ok(Expr::Symbol(name))
            }
            Token::Word(word) => {
                if let Some(value) = self.number_in_words() {
                    return Ok(Expr::integer(value));
                }
                self.at += 1;
                Ok(Expr::Symbol(word.to_owned()))
            }
            Token::Text(text) => {
                self.at += 1;
                Ok(match words::number_phrase(text) {
                    Some(value) => Expr::integer(value),
                    None => Expr::Text(text.to_owned()),
                })
            }
            Token::Begin(environment) => {
                self.at += 1;
                self.nested(|parser| parser.matrix(environment))
            }
            Token::Construct(name) => {
                self.at += 1;
                self.nested(|parser| parser.construct(name))
            }
            Token::Op(operator) => {
                self.at += 1;
                self.group(operator)
            }
        }
    }

    /// The number that the next words make: `twenty-five`.
    fn number_in_words(&mut self) -> Option<i64> {
        const MOST: usize = 16;
        let mut phrase = String::new();
        let mut end = 0;
        for offset in 0..MOST {
            match self.peek_at(offset) {
                Some(Token::Word(word)) if words::number_word(word).is_some() => {
                    phrase.push(' ');
                    phrase.push_str(word);
                    end = offset + 1;
                }
                Some(Token::Op('-' | '∧')) if offset > 0 => {}
                _ => break,
            }
        }
        let value = words::number_phrase(&phrase)?;
        self.at += end;
        Some(value)
    }

    /// Whether a number in parentheses follows without a blank.
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

    /// What an opening delimiter encloses.
    fn group(&mut self, open: char) -> Result<Expr, Reason> {
        match open {
            '(' | '[' | '⟨' => {
                let items = self.nested(|parser| parser.items(&[')', ']', '⟩']))?;
                let Some(Token::Op(close)) = self.peek() else {
                    return Err(Reason::NotUnderstood);
                };
                self.at += 1;
                match items.len() {
                    1 => single(items, Expr::Sum),
                    _ => Ok(Expr::Tuple { open, close, items }),
                }
            }
            '{' => {
                let inner = self.nested(|parser| parser.list(&['}']))?;
                self.expect('}')?;
                Ok(match inner {
                    Expr::List {
                        joint: Joint::Comma,
                        items,
                    } => Expr::Set(items),
                    inner => inner,
                })
            }
            '⦃' => {
                let set = self.nested(Self::set)?;
                self.expect('⦄')?;
                Ok(set)
            }
            '|' | '‖' => {
                // The bar that closes is told from one that opens by its place.
                let bars = self.bars + 1;
                let inner = self.nested(|parser| {
                    parser.bars = bars;
                    parser.sum()
                })?;
                self.expect(open)?;
                Ok(Expr::Call(
                    if open == '|' { "abs" } else { "norm" },
                    vec![inner],
                ))
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

    /// The inside of set braces: items, or a condition behind a bar.
    fn set(&mut self) -> Result<Expr, Reason> {
        let is_bar = |token| matches!(token, Some(Token::Op('|' | '∣' | ':')));
        let mut bar = 1;
        if self.peek_at(1) == Some(Token::Op('∈')) {
            bar = if matches!(self.peek_at(2), Some(Token::Accent(_))) {
                4
            } else {
                3
            };
            if self.peek_at(3) == Some(Token::Op('{')) {
                bar = 6;
            }
        }
        if matches!(self.peek(), Some(Token::Symbol(_))) && is_bar(self.peek_at(bar)) {
            self.at += bar + 1;
            let condition = self.list(&['⦄'])?;
            return Ok(Expr::SetOf(Box::new(condition)));
        }
        self.items(&['⦄']).map(Expr::Set)
    }

    fn construct(&mut self, name: &'static str) -> Result<Expr, Reason> {
        match name {
            "frac" => Ok(over(self.argument()?, self.argument()?)),
            "binom" => Ok(Expr::Call(
                "binom",
                vec![self.argument()?, self.argument()?],
            )),
            "sqrt" => {
                let degree = if self.eat('[') {
                    let degree = self.sum()?;
                    self.expect(']')?;
                    degree
                } else {
                    Expr::integer(2)
                };
                // `\sqrt13` means the root of thirteen, whatever TeX makes of it.
                let radicand = self.operand()?;
                Ok(Expr::Root(Box::new((degree, radicand))))
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
                // `\max\{(1, 2)\}` and `\max{(1, 2)}` group twice.
                Ok(Expr::Call(
                    name,
                    match items.as_slice() {
                        [Expr::Set(inner) | Expr::Tuple { items: inner, .. }] => inner.clone(),
                        _ => items,
                    },
                ))
            }
            "end" | "choose" | "over" | "mod" | "pmod" | "begin" => Err(Reason::NotUnderstood),
            _ => self.function(name),
        }
    }

    /// The argument of a TeX command: a group or a single digit or token.
    fn argument(&mut self) -> Result<Expr, Reason> {
        if let Some(Token::Number(digits)) = self.peek()
            && digits.len() > 1
            && digits.bytes().all(|byte| byte.is_ascii_digit())
        {
            self.eaten += 1;
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
        let argument = self.function_argument()?;
        let inverse = match &raised {
            Some(Expr::Negative(one)) if matches!(&**one, Expr::Number { value, .. } if value.as_i64() == Some(1)) => {
                inverse(name)
            }
            _ => None,
        };
        let mut arguments = vec![argument];
        arguments.extend(base);
        if let Some(inverse) = inverse {
            return Ok(Expr::Call(inverse, arguments));
        }
        let call = Expr::Call(name, arguments);
        Ok(match raised {
            Some(exponent) => power(call, exponent),
            None => call,
        })
    }

    /// A group, or the factors that follow up to a sign, a slash or another function.
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
            && !matches!(token, Token::Construct(name) if words::function(name).is_some())
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
        self.expect('_')?;
        self.expect('{')?;
        let Some(Token::Symbol(index)) = self.peek() else {
            return Err(Reason::NotUnderstood);
        };
        self.at += 1;
        self.expect('=')?;
        let from = self.sum()?;
        self.expect('}')?;
        self.expect('^')?;
        let to = self.exponent()?;
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
        let mut inner = Parser {
            tokens: body,
            at: 0,
            eaten: 0,
            commas: self.commas,
            depth: self.depth,
            chained: self.chained,
            bars: 0,
            budget: &mut *self.budget,
        };
        let body = inner.nested(|parser| parser.sum_of_slice())?;
        self.at += end + 2 + usize::from(close.is_some());
        Ok(Expr::Integral(Box::new(Integral {
            variable: variable.to_owned(),
            bounds,
            body,
        })))
    }

    fn matrix(&mut self, environment: &str) -> Result<Expr, Reason> {
        let mut rows = vec![Vec::new()];
        loop {
            self.budget.spend(1)?;
            match self.peek() {
                None => return Err(Reason::NotUnderstood),
                Some(Token::Construct("end")) => break,
                Some(Token::Op('⏎')) => {
                    self.at += 1;
                    rows.push(Vec::new());
                }
                Some(Token::Op('&')) => self.at += 1,
                Some(_) => {
                    let cell = self.list(&['&', '⏎'])?;
                    if let Some(row) = rows.last_mut() {
                        row.push(cell);
                    }
                }
            }
        }
        self.at += 1;
        rows.retain(|row| !row.is_empty());
        let matrix = Expr::Matrix(rows);
        Ok(match environment {
            "vmatrix" | "Vmatrix" => Expr::Opaque("determinant".to_owned(), vec![matrix]),
            _ => matrix,
        })
    }
}

impl Parser<'_, '_, '_> {
    /// A sum that fills the whole slice.
    fn sum_of_slice(&mut self) -> Result<Expr, Reason> {
        let sum = self.sum()?;
        if self.at < self.tokens.len() {
            return Err(Reason::NotUnderstood);
        }
        Ok(sum)
    }
}

fn power(base: Expr, exponent: Expr) -> Expr {
    Expr::Power(Box::new((base, exponent)))
}

/// A letter with an index, or a whole number in parentheses with its base.
fn indexed(base: Expr, index: &str) -> Result<Expr, Reason> {
    match base {
        Expr::Symbol(name) => Ok(Expr::Symbol(format!("{name}_{index}"))),
        _ => Err(Reason::NotUnderstood),
    }
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

/// How a token reads within an index.
fn spelling(token: Token) -> String {
    match token {
        Token::Number(text)
        | Token::Symbol(text)
        | Token::Word(text)
        | Token::Text(text)
        | Token::Accent(text)
        | Token::Begin(text) => text.to_owned(),
        Token::Construct(name) => name.to_owned(),
        Token::Op(operator) => operator.to_string(),
    }
}
