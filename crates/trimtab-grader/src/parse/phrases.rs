//! Relations between numbers in words: `n is at least 7`, `5 to 8`, `9 out of 20`.

use super::product::over;
use super::{Parser, operand};
use crate::Reason;
use crate::expr::Expr;
use crate::lex::Token;
use crate::number;

/// Relations in words. Those with "or" stand before their beginnings.
const RELATIONS: [(&str, char); 20] = [
    ("is greater than or equal to", '≥'),
    ("is less than or equal to", '≤'),
    ("is at least", '≥'),
    ("is at most", '≤'),
    ("is greater than", '>'),
    ("is more than", '>'),
    ("is larger than", '>'),
    ("is less than", '<'),
    ("is smaller than", '<'),
    ("is no less than", '≥'),
    ("is no more than", '≤'),
    ("is not less than", '≥'),
    ("is not more than", '≤'),
    ("is not equal to", '≠'),
    ("does not equal", '≠'),
    ("is equal to", '='),
    ("equals", '='),
    ("exceeds", '>'),
    ("at least", '≥'),
    ("at most", '≤'),
];

impl Parser<'_, '_, '_> {
    /// The relation that comes next in words, which are then consumed.
    pub(super) fn worded_relation(&mut self) -> Option<char> {
        const LONGEST: usize = 12;
        match self.peek()? {
            Token::Text(_) | Token::Word(_) => {}
            Token::Symbol("i") if self.peek_at(1) == Some(Token::Symbol("s")) => {}
            _ => return None,
        }
        let mut phrase = String::new();
        let mut found = None;
        for offset in 0..LONGEST {
            let Some(lexeme) = self.tokens.get(self.at + offset) else {
                break;
            };
            let word = match lexeme.token {
                Token::Text(word) | Token::Word(word) | Token::Symbol(word) => word.trim(),
                Token::Op('∨') => "or",
                _ => break,
            };
            let joins = matches!(lexeme.token, Token::Symbol(_)) && !lexeme.spaced;
            if !joins && !phrase.is_empty() {
                phrase.push(' ');
            }
            phrase.push_str(word);
            let relation = RELATIONS.iter().find(|(words, _)| *words == phrase);
            if let Some((_, relation)) = relation {
                found = Some((offset + 1, *relation));
            }
        }
        // "x is 5"
        if found.is_none()
            && matches!(self.peek(), Some(Token::Word("is")))
            && matches!(self.peek_at(1), Some(Token::Number(_)))
        {
            found = Some((1, '='));
        }
        let (length, relation) = found?;
        self.at += length;
        Some(relation)
    }

    /// The ratio or the fraction that the whole answer gives in words: `5 to 8`, `9 out of 20`.
    pub(super) fn worded_ratio(&mut self) -> Result<Option<Expr>, Reason> {
        const MOST: usize = 7;
        let (Some(Token::Number(first)), Some(between)) = (self.peek(), self.peek_at(1)) else {
            return Ok(None);
        };
        if self.tokens.len() > MOST
            || !matches!(
                between,
                Token::Text(_) | Token::Word(_) | Token::Symbol(_) | Token::Op('∈' | '{')
            )
        {
            return Ok(None);
        }
        let Some(Token::Number(last)) = self.tokens.last().map(|lexeme| lexeme.token) else {
            return Ok(None);
        };
        let mut words = String::new();
        for lexeme in &self.tokens[1..self.tokens.len() - 1] {
            match lexeme.token {
                Token::Op('∈') => words.push_str("in"),
                token => words.extend(operand::spelling(token).split_whitespace()),
            }
        }
        let is_ratio = match words.as_str() {
            "to" => true,
            "outof" | "in" => false,
            _ => return Ok(None),
        };
        let first = number::parse(first, self.commas, self.budget)?;
        let last = number::parse(last, self.commas, self.budget)?;
        self.at = self.tokens.len();
        Ok(Some(if is_ratio {
            Expr::Ratio(vec![first, last])
        } else {
            over(first, last)
        }))
    }
}
