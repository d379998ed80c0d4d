//! Letters outside text groups: variables, words, functions and units.

use super::dress::Markup;
use super::{Lexeme, Lexer, Token};
use crate::Reason;
use crate::numeral;
use crate::vocabulary::{self, Foreign};

impl<'a> Lexer<'a, '_> {
    /// Whether the last token is a number, a group or a unit, so that a unit may follow.
    pub(super) fn after_value(&self) -> bool {
        let last = |back: usize| {
            self.tokens
                .iter()
                .rev()
                .nth(back)
                .map(|lexeme| lexeme.token)
        };
        match last(0) {
            Some(
                Token::Number(_)
                | Token::Op('}' | ')' | '∘' | '°')
                | Token::Text(_)
                | Token::Symbol("pi"),
            ) => true,
            Some(Token::Op('/' | '*')) => matches!(last(1), Some(Token::Text(_))),
            _ => false,
        }
    }

    /// A run of ASCII letters outside text groups.
    pub(super) fn letters(&mut self) -> Result<(), Reason> {
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
        if after_number && self.number_ending(word)
            || self.digits_or_money(word, after_number)
            || self.sign_in_words(word, &rest[length..])
            || self.foreign_word()
            || self.raised_unit(word, after_number)
        {
            return Ok(());
        }
        if let Some((length, name)) = vocabulary::call(rest) {
            self.at += length;
            self.push(Token::Construct(name));
            return Ok(());
        }
        if length == 1 {
            self.single_letter(word, after_number);
            return Ok(());
        }
        let minutes = word == "min" && after_number && ends_unit(rest[length..].trim_start());
        if let Some(meaning) = vocabulary::plain_word(word)
            && !minutes
        {
            self.at += length;
            return self.push_meaning(word, meaning);
        }
        if let Some(token) = self.small_word(word, after_number) {
            self.at += length;
            self.push(token);
            return Ok(());
        }
        if length >= 4 || self.is_word(word, after_number) {
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

    /// Reads what belongs to the number before: `a.m.`, the `h` of `15h30`, the `th` of `5th`.
    fn number_ending(&mut self, word: &'a str) -> bool {
        let rest = self.rest();
        if rest.starts_with("a.m") || rest.starts_with("p.m") {
            self.at += "a.m".len();
            self.push(Token::Word(if word == "a" { "am" } else { "pm" }));
            return true;
        }
        let minutes = (b'0'..b'6').contains(&self.byte(1)) && self.byte(2).is_ascii_digit();
        if word == "h" && !self.spaced && minutes && !self.byte(3).is_ascii_alphanumeric() {
            self.at += 1;
            self.push(Token::Op(':'));
            return true;
        }
        self.ordinal_ending(word)
    }

    /// Reads digits above nine, or the name of a currency before an amount.
    fn digits_or_money(&mut self, word: &str, after_number: bool) -> bool {
        let rest = self.rest();
        let after = &rest[word.len()..];
        let (length, token) = if let Some(length) = numeral::digits_in_base(rest) {
            (length, Token::Number(&rest[..length]))
        } else if !after_number
            && let Some(currency) = vocabulary::currency_code(word)
            && starts_amount(after)
        {
            (word.len(), Token::Currency(currency))
        } else if let Some(length) = dollar_of_state(rest) {
            (length, Token::Currency("dollar"))
        } else if word == "R" && self.markup == Markup::Money && after.starts_with('$') {
            (word.len() + 1, Token::Currency("real"))
        } else {
            return false;
        };
        self.at += length;
        self.push(token);
        true
    }

    /// Reads a unit with its exponent: `16 m2`.
    fn raised_unit(&mut self, word: &'a str, after_number: bool) -> bool {
        let length = word.len();
        let raised = matches!(self.byte(length), b'2' | b'3')
            && !self.byte(length + 1).is_ascii_alphanumeric()
            && (after_number || self.after_value())
            && (word == "m" && self.spaced || vocabulary::unit(word).is_some());
        if raised {
            self.at += length;
            self.push(Token::Word(word));
            self.push(Token::Op('^'));
        }
        raised
    }

    /// The meaning of a short word between two values.
    fn small_word(&self, word: &'a str, after_number: bool) -> Option<Token<'a>> {
        let after = &self.rest()[word.len()..];
        let next = after.trim_start();
        Some(match word {
            "choose" if !self.tokens.is_empty() => Token::Construct("choose"),
            "is" if self.markup == Markup::Plain && self.spaced && after.starts_with(' ') => {
                Token::Word(word)
            }
            "in" if after_number && ends_unit(next) => Token::Word(word),
            "in" => Token::Op('∈'),
            "to" if after_number && starts_amount(next) => Token::Op(':'), // "3 to 4"
            _ => return None,
        })
    }

    /// Whether a short run of letters is a word and no product of letters.
    fn is_word(&self, word: &str, after_number: bool) -> bool {
        let after = &self.rest()[word.len()..];
        let after_word = matches!(
            self.tokens.last().map(|last| last.token),
            Some(Token::Word(_))
        );
        let apart = self.spaced && self.markup == Markup::Plain;
        let is_lower = || word.bytes().all(|byte| byte.is_ascii_lowercase());
        self.names_unit(word, after_number || after_word, self.after_value())
            || apart && after_number && describes(word, after)
            || apart && after_word && is_lower()
            || vocabulary::is_number_word(word)
            || matches!(word, "per" | "the")
            || matches!(word, "of" | "sq" | "cu") && self.spaced
            || word == "an" && after_word
            || matches!(word, "for" | "if") && self.spaced && after.starts_with(' ')
            || word.eq_ignore_ascii_case("no")
    }

    /// Reads a word of another language behind a value: a unit, a percent sign, "and" or "or".
    pub(super) fn foreign_word(&mut self) -> bool {
        let Some(last) = self.tokens.last().map(|lexeme| lexeme.token) else {
            return false;
        };
        let after_value = self.after_value() || matches!(last, Token::Word(_));
        if !after_value || !self.spaced {
            return false;
        }
        let Some((length, meaning)) = vocabulary::foreign(self.rest()) else {
            return false;
        };
        let behind = &self.rest()[length..];
        let ends = match meaning {
            Foreign::Joint(_) => behind.starts_with(' '),
            Foreign::Word(_) | Foreign::Nothing => ends_unit(behind),
        };
        if ends {
            self.at += length;
            self.push_foreign(meaning);
        }
        ends
    }

    pub(super) fn push_foreign(&mut self, meaning: Foreign) {
        match meaning {
            Foreign::Word(word) => self.push(Token::Word(word)),
            Foreign::Joint(operator) => self.push(Token::Op(operator)),
            Foreign::Nothing => self.spaced = true,
        }
    }

    /// Reads a letter that stands alone, which may be a multiplication sign.
    fn single_letter(&mut self, word: &'a str, after_number: bool) {
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
    }

    /// Reads a sign before digits: `negative 5`. In `negative five` it is a part of the number.
    fn sign_in_words(&mut self, word: &str, after: &str) -> bool {
        let is_sign = word.eq_ignore_ascii_case("minus") || word.eq_ignore_ascii_case("negative");
        let found = is_sign && starts_amount(after);
        if found {
            self.at += word.len();
            self.push(Token::Op('-'));
        }
        found
    }

    /// Reads the ending of an ordinal: `5th`.
    fn ordinal_ending(&mut self, word: &str) -> bool {
        let found = !self.spaced && matches!(word, "st" | "nd" | "rd" | "th");
        if found {
            self.at += word.len();
            self.push(Token::Word("th"));
        }
        found
    }

    /// Whether a word is a unit and not a product of letters.
    fn names_unit(&self, word: &str, after_number: bool, after_group: bool) -> bool {
        // Without a blank, `2mg` may be a weight.
        const SURE: [&str; 11] = [
            "cm", "mm", "km", "kg", "ft", "lb", "oz", "hr", "ml", "mL", "am",
        ];
        let possible = match word.len() {
            2 => {
                after_number && (self.spaced || SURE.contains(&word) || word == "pm")
                    || after_group && word != "am" && SURE.contains(&word)
            }
            _ => true,
        };
        possible && vocabulary::unit(word).is_some()
    }
}

/// Whether a short word before another one is a word and no product of letters: `12 old men`.
fn describes(word: &str, after: &str) -> bool {
    let next = after.strip_prefix(' ').unwrap_or("");
    let lower = |text: &str| text.bytes().take_while(u8::is_ascii_lowercase).count();
    word.len() > 2 && lower(word) == word.len() && lower(next) > 2
}

/// The length of the name of a dollar with its state: `US-Dollar`, `U.S. dollars`, `US$`.
fn dollar_of_state(text: &str) -> Option<usize> {
    let rest = text
        .strip_prefix("US")
        .or_else(|| text.strip_prefix("U.S."))?;
    if rest.starts_with('$') {
        return Some(text.len() - rest.len() + 1);
    }
    let name = rest.trim_start_matches([' ', '-', '~']);
    let dollar = name.get(..6)?;
    if name.len() == rest.len() || !dollar.eq_ignore_ascii_case("dollar") {
        return None;
    }
    let rest = name[6..].strip_prefix('s').unwrap_or(&name[6..]);
    let ends = !rest.starts_with(|c: char| c.is_alphanumeric());
    ends.then_some(text.len() - rest.len())
}

/// Whether a number comes next, perhaps after a dot and a currency sign: `Rs. 500`, `US$5`.
fn starts_amount(after: &str) -> bool {
    after
        .trim_start_matches(['.', ' ', '~', '$', '\\', '-'])
        .starts_with(|c: char| c.is_ascii_digit())
}

/// Whether what follows a word leaves it to be a unit.
fn ends_unit(after: &str) -> bool {
    !after.starts_with(|c: char| {
        c.is_alphanumeric() || matches!(c, '(' | '[' | '{' | '\\' | '_' | ']')
    })
}
