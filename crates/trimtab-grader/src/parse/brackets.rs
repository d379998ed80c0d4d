//! Matrices and intervals between square brackets.

use super::Parser;
use crate::Reason;
use crate::expr::Expr;
use crate::lex::{Lexeme, Token};

impl<'t, 'a> Parser<'t, 'a, '_> {
    /// A matrix after its opening bracket: `[[1,2],[3,4]]`, `[1,2;3,4]` or `[1 2; 3 4]`.
    pub(super) fn bracketed_matrix(&mut self) -> Result<Option<Expr>, Reason> {
        let Some(inner) = self.bracketed()? else {
            return Ok(None);
        };
        let rows = if let Some(rows) = nested_rows(inner) {
            rows
        } else if let Some(rows) = separated_rows(inner) {
            rows
        } else {
            return Ok(None);
        };
        let matrix = self.matrix(&rows)?;
        self.at += inner.len() + 1;
        Ok(Some(matrix))
    }

    /// The tokens up to the bracket that closes the group, if they can be rows.
    fn bracketed(&mut self) -> Result<Option<&'t [Lexeme<'a>]>, Reason> {
        let rest = &self.tokens[self.at..];
        let mut depth = 0_usize;
        let mut rows = self.next_is('[');
        for (at, lexeme) in rest.iter().enumerate() {
            match lexeme.token {
                Token::Op('(' | '[' | '{' | '⦃' | '⟨') => depth += 1,
                Token::Op(']') if depth == 0 => {
                    self.budget.spend(at as u64 / 4 + 1)?;
                    return Ok(rows.then_some(&rest[..at]));
                }
                Token::Op(')' | ']' | '}' | '⦄' | '⟩') if depth > 0 => depth -= 1,
                Token::Op(')' | '⟩') | Token::Begin(_) => break,
                Token::Op(';') if depth == 0 => rows = true,
                _ => {}
            }
        }
        self.budget.spend(rest.len() as u64 / 4 + 1)?;
        Ok(None)
    }
}

/// The rows of `[1,2],[3,4]`.
fn nested_rows<'t, 'a>(inner: &'t [Lexeme<'a>]) -> Option<Vec<Vec<&'t [Lexeme<'a>]>>> {
    let rows = split(inner, |lexeme| lexeme.token == Token::Op(','));
    rows.into_iter()
        .map(|row| {
            let [first, row @ .., last] = row else {
                return None;
            };
            let is_row = first.token == Token::Op('[') && last.token == Token::Op(']');
            is_row.then(|| split(row, |lexeme| lexeme.token == Token::Op(',')))
        })
        .collect()
}

/// The rows of `1,2;3,4` and of `1 2; 3 4`. `None` if each row has one entry.
fn separated_rows<'t, 'a>(inner: &'t [Lexeme<'a>]) -> Option<Vec<Vec<&'t [Lexeme<'a>]>>> {
    let rows = split(inner, |lexeme| lexeme.token == Token::Op(';'));
    let by_commas = |row: &&'t [Lexeme<'a>]| split(row, |lexeme| lexeme.token == Token::Op(','));
    let mut matrix: Vec<_> = rows.iter().map(by_commas).collect();
    if matrix.iter().all(|row| row.len() == 1) {
        matrix = rows.iter().map(|row| by_blanks(row)).collect();
    }
    let width = matrix.first()?.len();
    (width > 1 && matrix.len() > 1 && matrix.iter().all(|row| row.len() == width)).then_some(matrix)
}

/// The entries between blanks. Blanks around an operator are part of an entry.
fn by_blanks<'t, 'a>(row: &'t [Lexeme<'a>]) -> Vec<&'t [Lexeme<'a>]> {
    let is_operator =
        |lexeme: &Lexeme| matches!(lexeme.token, Token::Op('+' | '-' | '*' | '/' | '^'));
    let mut entries = Vec::new();
    let mut start = 0;
    for at in 1..row.len() {
        let binary = is_operator(&row[at]) && row.get(at + 1).is_none_or(|next| next.spaced);
        // The argument of a command: `\dfrac {1}{2}`.
        let argument = row[at].token == Token::Op('{')
            && matches!(row[at - 1].token, Token::Construct(_) | Token::Op('}'));
        if row[at].spaced && !binary && !argument && !is_operator(&row[at - 1]) {
            entries.push(&row[start..at]);
            start = at;
        }
    }
    entries.push(&row[start..]);
    entries
}

/// The parts between separators outside brackets.
fn split<'t, 'a>(
    tokens: &'t [Lexeme<'a>],
    separates: impl Fn(&Lexeme<'a>) -> bool,
) -> Vec<&'t [Lexeme<'a>]> {
    let mut depth = 0_usize;
    tokens
        .split(|lexeme| {
            match lexeme.token {
                Token::Op('(' | '[' | '{' | '⦃' | '⟨') => depth += 1,
                Token::Op(')' | ']' | '}' | '⦄' | '⟩') => depth = depth.saturating_sub(1),
                _ => {}
            }
            depth == 0 && separates(lexeme)
        })
        .collect()
}
