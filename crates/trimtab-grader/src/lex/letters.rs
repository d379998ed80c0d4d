//! Letters outside text groups: variables, words, functions and units.

use super::{Lexeme, Lexer, Token};
use crate::Reason;
use crate::vocabulary;

impl Lexer<'_, '_> {
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
            Some(Token::Number(_) | Token::Op('}') | Token::Text(_)) => true,
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
}
