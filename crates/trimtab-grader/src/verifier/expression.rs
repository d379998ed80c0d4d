//! Arithmetic on whole numbers with `+ - * /`, brackets and `\frac`, as a model writes it.

use num_rational::BigRational;
use num_traits::Zero;

/// A parsed expression in postfix order.
///
/// The parser has its own stack and does not recurse, so nesting is only limited by memory.
pub(crate) struct Expression(Vec<Item>);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Item {
    Number(u64),
    Operator(u8),
}

/// An entry of the parser's stack.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    Operator(u8),
    Bracket(u8),
    /// The first group of a `\frac`, then the second.
    Numerator,
    Denominator,
}

impl Expression {
    /// Parses binary `+ - * /` with the usual precedence. `None` if the text is not complete or has
    /// other signs.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parser = Parser::default();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let (token, len) = token(rest, first)?;
            rest = &rest[len..];
            match token {
                Token::Blank => {}
                Token::Number(number) => parser.operand(Item::Number(number))?,
                Token::Operator(sign) => parser.operator(sign)?,
                Token::Open(bracket) => parser.open(Open::Bracket(bracket))?,
                Token::Fraction => {
                    rest = rest.trim_start().strip_prefix('{')?;
                    parser.open(Open::Numerator)?;
                }
                Token::Close(bracket) => {
                    if parser.close(bracket)? == Open::Numerator {
                        rest = rest.trim_start().strip_prefix('{')?;
                        parser.wants_operand = true;
                        parser.open(Open::Denominator)?;
                    }
                }
            }
        }
        parser.finish()
    }

    /// The numbers of the expression, in order.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = u64> {
        self.0.iter().filter_map(|item| match item {
            Item::Number(number) => Some(*number),
            Item::Operator(_) => None,
        })
    }

    /// The exact value, or `None` if it divides by zero.
    pub(crate) fn value(&self) -> Option<BigRational> {
        let mut stack: Vec<BigRational> = Vec::new();
        for item in &self.0 {
            let value = match item {
                Item::Number(number) => BigRational::from_integer((*number).into()),
                Item::Operator(sign) => {
                    let (right, left) = (stack.pop()?, stack.pop()?);
                    match sign {
                        b'+' => left + right,
                        b'-' => left - right,
                        b'*' => left * right,
                        _ if right.is_zero() => return None,
                        _ => left / right,
                    }
                }
            };
            stack.push(value);
        }
        stack.pop()
    }
}

enum Token {
    Blank,
    Number(u64),
    Operator(u8),
    Open(u8),
    Close(u8),
    Fraction,
}

/// The token at the start of `text`, which starts with `first`, and its length in bytes.
fn token(text: &str, first: char) -> Option<(Token, usize)> {
    const WORDS: [(&str, Token); 12] = [
        (r"\times", Token::Operator(b'*')),
        (r"\cdot", Token::Operator(b'*')),
        (r"\div", Token::Operator(b'/')),
        (r"\left(", Token::Open(b'(')),
        (r"\right)", Token::Close(b'(')),
        (r"\dfrac", Token::Fraction),
        (r"\tfrac", Token::Fraction),
        (r"\frac", Token::Fraction),
        (r"\,", Token::Blank),
        (r"\;", Token::Blank),
        (r"\!", Token::Blank),
        (r"\ ", Token::Blank),
    ];
    if first == '\\' {
        return WORDS
            .into_iter()
            .find(|(word, _)| text.starts_with(word))
            .map(|(word, token)| (token, word.len()));
    }
    if first.is_ascii_digit() {
        let len = text
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len());
        return Some((Token::Number(text[..len].parse().ok()?), len));
    }
    let token = match first {
        '+' => Token::Operator(b'+'),
        '-' | '−' => Token::Operator(b'-'),
        '*' | '×' | '·' => Token::Operator(b'*'),
        '/' | '÷' => Token::Operator(b'/'),
        '(' | '[' | '{' => Token::Open(first as u8),
        ')' => Token::Close(b'('),
        ']' => Token::Close(b'['),
        '}' => Token::Close(b'{'),
        '$' => Token::Blank,
        _ if first.is_whitespace() => Token::Blank,
        _ => return None,
    };
    Some((token, first.len_utf8()))
}

struct Parser {
    done: Vec<Item>,
    stack: Vec<Open>,
    wants_operand: bool,
}

impl Default for Parser {
    fn default() -> Self {
        Self {
            done: Vec::new(),
            stack: Vec::new(),
            wants_operand: true,
        }
    }
}

impl Parser {
    fn operand(&mut self, item: Item) -> Option<()> {
        self.wants_operand.then_some(())?;
        self.wants_operand = false;
        self.done.push(item);
        Some(())
    }

    fn operator(&mut self, sign: u8) -> Option<()> {
        (!self.wants_operand).then_some(())?;
        self.wants_operand = true;
        let tight = |sign: u8| matches!(sign, b'*' | b'/');
        while let Some(Open::Operator(before)) = self.stack.last().copied() {
            if tight(sign) && !tight(before) {
                break;
            }
            self.stack.pop();
            self.done.push(Item::Operator(before));
        }
        self.stack.push(Open::Operator(sign));
        Some(())
    }

    fn open(&mut self, open: Open) -> Option<()> {
        self.wants_operand.then_some(())?;
        self.stack.push(open);
        Some(())
    }

    /// Closes the last open bracket and returns it.
    fn close(&mut self, bracket: u8) -> Option<Open> {
        (!self.wants_operand).then_some(())?;
        loop {
            let open = self.stack.pop()?;
            match open {
                Open::Operator(sign) => self.done.push(Item::Operator(sign)),
                Open::Bracket(opened) => return (opened == bracket).then_some(open),
                Open::Numerator => return (bracket == b'{').then_some(open),
                Open::Denominator => {
                    self.done.push(Item::Operator(b'/'));
                    return (bracket == b'{').then_some(open);
                }
            }
        }
    }

    fn finish(mut self) -> Option<Expression> {
        (!self.wants_operand).then_some(())?;
        while let Some(open) = self.stack.pop() {
            match open {
                Open::Operator(sign) => self.done.push(Item::Operator(sign)),
                _ => return None,
            }
        }
        Some(Expression(self.done))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_follow_the_usual_precedence() {
        for (text, value) in [
            ("2 + 3 * 4", (14, 1)),
            ("2 * 3 + 4", (10, 1)),
            ("20 - 3 - 2", (15, 1)),
            ("24 / 4 / 2", (3, 1)),
            ("24 / (4 / 2)", (12, 1)),
            ("2 - 3 * (4 - 6) / 5", (16, 5)),
            (r"2 \times \frac{3 + 4}{2 \cdot 5} - 1", (2, 5)),
            (r"\frac{1}{\frac{2}{3}} + 4", (11, 2)),
        ] {
            let expression = Expression::parse(text).expect(text);
            let value = BigRational::new(i32::into(value.0), i32::into(value.1));
            assert_eq!(expression.value(), Some(value), "{text}");
        }
        let zero = Expression::parse("1 / (2 - 2)").expect("an expression");
        assert_eq!(zero.value(), None);
    }
}
