//! From the text of an answer to tokens, in one pass over LaTeX or plain text.

use crate::Reason;
use crate::budget::Budget;
use crate::numeral;
use crate::rules::Language;
use crate::vocabulary::{self, Meaning};

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
    /// a row.
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
        environments: 0,
        spaced: false,
        tokens: Vec::with_capacity(text.len().min(256) / 2 + 4),
        budget,
    };
    while lexer.at < text.len() {
        lexer.budget.spend(1)?;
        lexer.step()?;
    }
    Ok(lexer.tokens)
}

struct Lexer<'a, 'b> {
    text: &'a str,
    at: usize,
    commas: Commas,
    /// Open parentheses, brackets and set braces.
    depth: usize,
    semicolons: bool,
    environments: usize,
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
        match operator {
            '(' | '[' | '⦃' => self.depth += 1,
            ')' | ']' | '⦄' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        self.push(Token::Op(operator));
    }

    fn step(&mut self) -> Result<(), Reason> {
        let byte = self.byte(0);
        match byte {
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
        if let Some(operator) = vocabulary::operator(character) {
            self.at += length;
            self.operator(operator);
        } else if let Some(name) = vocabulary::greek(character) {
            self.at += length;
            self.push(Token::Symbol(name));
        } else if character == '√' {
            self.at += length;
            self.push(Token::Construct("sqrt"));
        } else if matches!(
            character,
            '€' | '£' | '¥' | '₹' | '\u{200b}' | '\u{feff}' | '。' | '“' | '”' | '✓' | '✅'
        ) || character.is_whitespace()
        {
            self.spaced = true;
            self.at += length;
        } else if character.is_alphabetic() {
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
        let length = numeral::read(rest, self.commas, items).length;
        self.at += length;
        self.push(Token::Number(&rest[..length]));
    }

    /// Whether the last token is a number, a group or a unit, so that a unit may follow.
    fn after_value(&self) -> bool {
        let last = |back: usize| {
            self.tokens
                .iter()
                .rev()
                .nth(back)
                .map(|lexeme| lexeme.token)
        };
        match last(0) {
            Some(Token::Number(_) | Token::Op('}') | Token::Text(_)) => true,
            Some(Token::Op('/' | '*')) => matches!(last(1), Some(Token::Text(_))),
            _ => false,
        }
    }

    /// A run of ASCII letters outside text groups.
    fn letters(&mut self) -> Result<(), Reason> {
        let rest = self.rest();
        let length = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
        let word = &rest[..length];
        let after_number = matches!(
            self.tokens.last(),
            Some(Lexeme {
                token: Token::Number(_),
                ..
            })
        );
        if after_number && (rest.starts_with("a.m") || rest.starts_with("p.m")) {
            self.at += "a.m".len();
            self.push(Token::Word(if word == "a" { "am" } else { "pm" }));
            return Ok(());
        }
        if length == 1 {
            self.at += 1;
            let next = self.rest().trim_start();
            // A lone x is a multiplication sign between numbers and before a power of ten.
            let scientific = after_number && next.starts_with("10^");
            let spaced = self.spaced && next.len() < self.rest().len();
            let between = after_number && spaced && next.starts_with(|c: char| c.is_ascii_digit());
            if word == "x" && (between || scientific) {
                self.push(Token::Op('*'));
            } else {
                self.push(Token::Symbol(word));
            }
            return Ok(());
        }
        if let Some(meaning) = vocabulary::plain_word(word) {
            self.at += length;
            return self.push_meaning(word, meaning);
        }
        if word == "in" && !after_number {
            self.at += length;
            self.push(Token::Op('∈'));
            return Ok(());
        }
        let named = vocabulary::unit(word).is_some() && (after_number || length > 2)
            || vocabulary::number_word(word).is_some();
        if length >= 4 || named {
            // A function with its argument attached: `sinx`.
            if let Some(name) = vocabulary::function(&word[..length - 1]) {
                self.at += length - 1;
                self.push(Token::Construct(name));
                return Ok(());
            }
            self.at += length;
            self.push(Token::Word(word));
            return Ok(());
        }
        for index in 0..length {
            self.push(Token::Symbol(&word[index..=index]));
        }
        self.at += length;
        Ok(())
    }

    fn push_meaning(&mut self, name: &'a str, meaning: Meaning) -> Result<(), Reason> {
        match meaning {
            Meaning::Operator(operator) => self.operator(operator),
            Meaning::Construct(name) => self.push(Token::Construct(name)),
            Meaning::Symbol => self.push(Token::Symbol(name)),
            Meaning::Accent => self.push(Token::Accent(name)),
            Meaning::Nothing => {
                self.spaced = true;
                // `\left.` and `\right.` are empty delimiters.
                if matches!(name, "left" | "right" | "mleft" | "mright") && self.byte(0) == b'.' {
                    self.at += 1;
                }
            }
            Meaning::NothingWithGroup => {
                self.raw_group()?;
            }
            Meaning::Text => self.text_group()?,
            Meaning::OperatorName => {
                let name = self.raw_group()?.unwrap_or("").trim();
                match vocabulary::function(name) {
                    Some(name) => self.push(Token::Construct(name)),
                    None => self.push(Token::Symbol(name)),
                }
            }
        }
        Ok(())
    }

    /// A backslash and the command after it.
    fn command(&mut self) -> Result<(), Reason> {
        let rest = &self.rest()[1..];
        let length = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
        if length == 0 {
            let Some(character) = rest.chars().next() else {
                self.at += 1; // a backslash at the end
                return Ok(());
            };
            self.at += 1 + character.len_utf8();
            match character {
                // There are no rows outside environments: the text was escaped once too often.
                '\\' if self.environments == 0 => {
                    let doubled = self.byte(0).is_ascii_alphabetic();
                    self.spaced |= !doubled;
                    self.at -= usize::from(doubled);
                }
                '\\' => self.push(Token::Op('⏎')),
                '{' => self.operator('⦃'),
                '}' => self.operator('⦄'),
                '%' => self.push(Token::Op('%')),
                '|' => self.push(Token::Op('‖')),
                ',' | '!' | ';' | ':' | '>' | ' ' | '$' | '(' | ')' | '[' | ']' | '#' | '&'
                | '_' | '\n' | '/' => {
                    self.spaced = true;
                }
                _ => return Err(Reason::NotUnderstood),
            }
            return Ok(());
        }
        // An unknown command may be a known one with letters attached: `\quadx`.
        let name = &rest[..length];
        let known = (2..=length).rev().find_map(|length| {
            vocabulary::command(&name[..length]).map(|meaning| (length, meaning))
        });
        let (length, meaning) = known.unwrap_or((length, Meaning::Symbol));
        self.at += 1 + length;
        let name = &name[..length];
        match name {
            "begin" => {
                let environment = self.raw_group()?.unwrap_or("").trim_end_matches('*');
                if environment == "array" {
                    self.raw_group()?; // the columns
                }
                self.environments += 1;
                self.push(Token::Begin(environment));
            }
            "end" => {
                self.raw_group()?;
                self.environments = self.environments.saturating_sub(1);
                self.push(Token::Construct("end"));
            }
            _ => self.push_meaning(name, meaning)?,
        }
        Ok(())
    }

    /// Skips the group that follows and returns its text. `None` if no group follows.
    fn raw_group(&mut self) -> Result<Option<&'a str>, Reason> {
        let blanks = self.rest().bytes().take_while(|byte| *byte == b' ').count();
        if self.byte(blanks) != b'{' {
            return Ok(None);
        }
        let start = self.at + blanks + 1;
        let mut depth = 1;
        for (offset, byte) in self.text.as_bytes()[start..].iter().enumerate() {
            match byte {
                b'{' => depth += 1,
                b'}' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                // Nested groups are read more than once.
                self.budget.spend(offset as u64 / 16 + 1)?;
                self.at = start + offset + 1;
                return Ok(Some(&self.text[start..start + offset]));
            }
        }
        self.budget
            .spend((self.text.len() - start) as u64 / 16 + 1)?;
        Ok(None)
    }

    /// A text group: mathematics if its content could be that, else words.
    fn text_group(&mut self) -> Result<(), Reason> {
        let start = self.at;
        let Some(content) = self.raw_group()? else {
            return Ok(()); // the command without a group
        };
        let words =
            content.trim_matches(|c: char| c.is_whitespace() || matches!(c, '.' | '~' | ','));
        let is_letters = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphabetic());
        if words.is_empty() {
            self.spaced = true;
            if content.contains(',') {
                self.push(Token::Op(','));
            }
            return Ok(());
        }
        let first = words.split_whitespace().next().unwrap_or("");
        let single =
            |piece: &str| piece.len() == 1 || !piece.bytes().any(|byte| byte.is_ascii_alphabetic());
        if is_letters(words)
            && let Some(meaning) = vocabulary::plain_word(words)
        {
            self.spaced = true;
            return self.push_meaning(words, meaning);
        }
        let inline = words.split([' ', ',', '(', ')']).all(single)
            || words.contains(['$', '\\'])
            || words.starts_with(|c: char| c.is_ascii_digit() || c == '(');
        // A single upright letter after a number is a unit.
        let unit = words.len() == 1
            && !matches!(words, "e" | "i" | "d")
            && is_letters(words)
            && self.after_value();
        if inline && !unit {
            // Go back to the group, so that the main loop reads its content.
            self.at = start + self.text[start..].find('{').unwrap_or(0);
            return Ok(());
        }
        self.spaced = true;
        if matches!(first, "and" | "or") && first.len() < words.len() {
            self.push(Token::Op(if first == "and" { '∧' } else { '∨' }));
            let rest = words[first.len()..].trim();
            self.push(Token::Text(rest));
            return Ok(());
        }
        self.push(Token::Text(words));
        self.spaced = true;
        Ok(())
    }
}
