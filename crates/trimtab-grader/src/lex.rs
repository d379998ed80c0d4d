//! From the text of an answer to tokens, in one pass over LaTeX or plain text.

mod command;
mod dress;
mod french;
mod letters;

use self::dress::Markup;
use crate::Reason;
use crate::budget::Budget;
use crate::numeral;
use crate::rules::Language;
use crate::vocabulary;

/// The reading of a comma between digits.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Commas {
    /// `1,234` is one number, `1,23` are two.
    Thousands,
    /// Every comma separates items.
    Separators,
    /// `1,23` is one number with two decimals, and points separate thousands. Items in parentheses
    /// are separated by semicolons, if there are any.
    Decimals,
}

impl From<Language> for Commas {
    fn from(language: Language) -> Self {
        match language {
            Language::Any | Language::English => Self::Thousands,
            Language::DecimalComma => Self::Decimals,
        }
    }
}

/// One token.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Token<'a> {
    /// A number as written, separators and exponent included.
    Number(&'a str),
    /// A letter or a named symbol.
    Symbol(&'a str),
    /// A command without a known meaning.
    Command(&'a str),
    /// A sign or code of a currency, by the name of its unit.
    Currency(&'static str),
    /// A plain word that is not a function and not a product of letters.
    Word(&'a str),
    /// The content of a text group.
    Text(&'a str),
    /// A mark above a group, which turns the group into another name.
    Accent(&'a str),
    /// A construct or function, by its name in [`vocabulary::command`].
    Construct(&'static str),
    /// The start of an environment.
    Begin(&'a str),
    /// An operator or delimiter. `⦃ ⦄` are the braces of a set, `{ }` those of TeX, and `⏎` starts
    /// a row. `⟦ ⟧` are outward brackets.
    Op(char),
}

/// A token and whether a blank came before it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Lexeme<'a> {
    pub(crate) token: Token<'a>,
    pub(crate) spaced: bool,
}

/// The tokens of `text`.
pub(crate) fn lex<'a>(
    text: &'a str,
    commas: Commas,
    budget: &mut Budget,
) -> Result<Vec<Lexeme<'a>>, Reason> {
    let mut lexer = Lexer {
        text,
        at: 0,
        commas,
        depth: 0,
        semicolons: text.contains(';'),
        unit_group: None,
        dressed: 0,
        markup: dress::markup(text),
        environments: 0,
        brackets: false,
        spaced: false,
        tokens: Vec::with_capacity(text.len().min(256) / 2 + 4),
        budget,
    };
    while lexer.at < text.len() {
        lexer.budget.spend(1)?;
        lexer.step()?;
    }
    let brackets = lexer.brackets;
    let mut tokens = lexer.tokens;
    for _ in 0..lexer.dressed {
        dress::undress(&mut tokens);
    }
    if brackets {
        french::mark_outward_brackets(&mut tokens);
    }
    Ok(tokens)
}

struct Lexer<'a, 'b> {
    text: &'a str,
    at: usize,
    commas: Commas,
    /// Open parentheses, brackets and set braces.
    depth: usize,
    semicolons: bool,
    /// Where a group is a unit: the second one of `\qty{12}{kg}`.
    unit_group: Option<usize>,
    /// Commands of dress before the first token, whose braces may hold the whole answer.
    dressed: u8,
    markup: Markup,
    environments: usize,
    /// Whether there is a bracket that may point outwards: `]0,1[`.
    brackets: bool,
    spaced: bool,
    tokens: Vec<Lexeme<'a>>,
    budget: &'b mut Budget,
}

impl<'a> Lexer<'a, '_> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn byte(&self, offset: usize) -> u8 {
        self.text
            .as_bytes()
            .get(self.at + offset)
            .copied()
            .unwrap_or(0)
    }

    fn push(&mut self, token: Token<'a>) {
        self.tokens.push(Lexeme {
            token,
            spaced: self.spaced,
        });
        self.spaced = false;
    }

    fn operator(&mut self, operator: char) {
        let last = self.tokens.last().map(|lexeme| lexeme.token);
        match operator {
            ']' if !french::ends_value(last) => {
                self.brackets = true;
                self.depth += 1;
            }
            '[' if self.depth > 0 && french::ends_value(last) => {
                self.brackets = true;
                self.depth -= 1;
            }
            '(' | '[' | '⦃' => self.depth += 1,
            ')' | ']' | '⦄' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        self.push(Token::Op(operator));
    }

    fn step(&mut self) -> Result<(), Reason> {
        let byte = self.byte(0);
        match byte {
            b'$' if self.markup == Markup::Money => {
                self.at += 1;
                self.push(Token::Currency("dollar"));
            }
            b' ' | b'\t' | b'\n' | b'\r' | b'~' | b'$' => {
                self.spaced = true;
                self.at += 1;
            }
            b'0'..=b'9' => self.number(),
            b'.' if self.byte(1).is_ascii_digit() => self.number(),
            b'.' if self.rest().starts_with("...") => {
                self.at += 3;
                self.push(Token::Op('…'));
            }
            // `C#` is a name.
            b'#' if self.at > 0 && self.text.as_bytes()[self.at - 1].is_ascii_alphabetic() => {
                return Err(Reason::NotUnderstood);
            }
            b'.' | b'"' | b'`' | b'#' => self.at += 1, // full stops and quotation marks
            b'*' if self.byte(1) == b'*' => {
                self.at += 2;
                // Emphasis at the ends of the answer, a power inside it.
                let inside = !self.tokens.is_empty() && !self.rest().trim().is_empty();
                if inside {
                    self.push(Token::Op('^'));
                }
            }
            b'<' | b'>' | b'!' if self.byte(1) == b'=' => {
                self.at += 2;
                self.push(Token::Op(match byte {
                    b'<' => '≤',
                    b'>' => '≥',
                    _ => '≠',
                }));
            }
            // Braces that keep blanks away from a sign: `2{:}1`.
            b'{' if self.byte(2) == b'}'
                && matches!(
                    self.byte(1),
                    b':' | b',' | b';' | b'=' | b'+' | b'-' | b'/' | b'*'
                ) =>
            {
                self.operator(char::from(self.byte(1)));
                self.at += 3;
            }
            b'{' if self.unit_group == Some(self.at) => {
                if let Some(unit) = self.raw_group()? {
                    self.push(Token::Text(unit));
                }
            }
            b'\\' => self.command()?,
            b'a'..=b'z' | b'A'..=b'Z' => self.letters()?,
            _ => self.character()?,
        }
        Ok(())
    }

    /// Any other character: an operator, a Greek letter, a raised digit, a word of another script.
    fn character(&mut self) -> Result<(), Reason> {
        let rest = self.rest();
        let character = rest.chars().next().ok_or(Reason::NotUnderstood)?;
        let length = character.len_utf8();
        if let Some(currency) = vocabulary::currency_sign(character) {
            self.at += length;
            self.push(Token::Currency(currency));
        } else if let Some(operator) = vocabulary::operator(character) {
            self.at += length;
            self.operator(operator);
        } else if character == 'Ω' && self.after_value() {
            self.at += length;
            self.push(Token::Word("Ω"));
        } else if let Some(name) = vocabulary::greek(character) {
            self.at += length;
            self.push(Token::Symbol(name));
        } else if character == '√' {
            self.at += length;
            self.push(Token::Construct("sqrt"));
        } else if matches!(character, '。' | '“' | '”' | '„' | '«' | '»' | '「' | '」')
            || character.is_whitespace()
        {
            self.spaced = true;
            self.at += length;
        } else if character.is_alphabetic() {
            if self.foreign_word() {
                return Ok(());
            }
            let end = rest
                .find(|c: char| !c.is_alphabetic())
                .unwrap_or(rest.len());
            self.at += end;
            self.push(Token::Word(&rest[..end]));
        } else {
            return Err(Reason::NotUnderstood);
        }
        Ok(())
    }

    /// A number with its separators and exponent.
    fn number(&mut self) {
        let rest = self.rest();
        let items = self.depth > 0 && !(self.commas == Commas::Decimals && self.semicolons);
        let length = numeral::digits_in_base(rest)
            .unwrap_or_else(|| numeral::read(rest, self.commas, items).length);
        self.at += length;
        self.push(Token::Number(&rest[..length]));
    }
}
