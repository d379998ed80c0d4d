//! Environments: matrices, aligned lines, cases.

use super::{Parser, single};
use crate::Reason;
use crate::expr::{Expr, Joint};
use crate::lex::{Lexeme, Token};

/// The rows of an environment, as the tokens of their cells.
type Rows<'t, 'a> = Vec<Vec<&'t [Lexeme<'a>]>>;

impl<'t, 'a> Parser<'t, 'a, '_> {
    /// An environment after its `\begin{name}`. `delimited` tells whether it stands between
    /// parentheses, brackets or bars.
    pub(super) fn environment(&mut self, name: &str, delimited: bool) -> Result<Expr, Reason> {
        let rows = self.rows()?;
        match name {
            "vmatrix" | "vsmallmatrix" => Ok(between_bars('|', self.matrix(&rows)?)),
            "Vmatrix" => Ok(between_bars('‖', self.matrix(&rows)?)),
            "array" | "subarray" if !delimited && is_aligned(&rows) => self.lines(&rows, false),
            "matrix" | "smallmatrix" | "pmatrix" | "psmallmatrix" | "bmatrix" | "bsmallmatrix"
            | "Bmatrix" | "array" | "subarray" => self.matrix(&rows),
            "cases" | "dcases" | "rcases" | "drcases" => self.cases(&rows),
            "equation" | "align" | "aligned" | "alignat" | "alignedat" | "flalign" | "gather"
            | "gathered" | "split" | "multline" | "eqnarray" | "displaymath" | "math"
            | "center" | "subequations" | "empheq" => self.lines(&rows, false),
            _ => Err(Reason::NotUnderstood),
        }
    }

    /// An environment behind an opening brace, which may be left open: `\left\{..\right.`.
    pub(super) fn braced_environment(&mut self, name: &str) -> Result<Expr, Reason> {
        let rows = self.rows()?;
        match name {
            "array" | "matrix" | "cases" => self.cases(&rows),
            "aligned" | "gathered" | "split" | "alignedat" => self.lines(&rows, true),
            _ => Err(Reason::NotUnderstood),
        }
    }

    /// The name of the environment that starts at the next token.
    pub(super) fn next_environment(&self) -> Option<&'a str> {
        match self.peek() {
            Some(Token::Begin(name)) => Some(name),
            _ => None,
        }
    }

    /// The token after the environment that starts at the next token.
    pub(super) fn after_environment(&mut self) -> Result<Option<Token<'a>>, Reason> {
        let mut depth = 0_usize;
        for (offset, lexeme) in self.tokens[self.at..].iter().enumerate() {
            match lexeme.token {
                Token::Begin(_) => depth += 1,
                Token::Construct("end") => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                self.budget.spend(offset as u64 / 4 + 1)?;
                return Ok(self.peek_at(offset + 1));
            }
        }
        Err(Reason::NotUnderstood)
    }

    /// The rows up to the end of the environment, without empty ones.
    pub(super) fn rows(&mut self) -> Result<Rows<'t, 'a>, Reason> {
        let mut rows = vec![Vec::new()];
        let (mut depth, mut start) = (0_usize, self.at);
        loop {
            self.budget.spend(1)?;
            let token = self.tokens.get(self.at).ok_or(Reason::NotUnderstood)?.token;
            let is_end = token == Token::Construct("end");
            if depth == 0 && (is_end || matches!(token, Token::Op('&' | '⏎'))) {
                let cell = &self.tokens[start..self.at];
                if let Some(row) = rows.last_mut() {
                    row.push(cell);
                }
                start = self.at + 1;
            }
            self.at += 1;
            match token {
                Token::Begin(_) => depth += 1,
                Token::Op('⏎') if depth == 0 => rows.push(Vec::new()),
                _ if is_end && depth == 0 => break,
                _ if is_end => depth -= 1,
                _ => {}
            }
        }
        rows.retain(|row| row.iter().any(|cell| !cell.is_empty()));
        Ok(rows)
    }

    pub(super) fn matrix(&mut self, rows: &Rows<'t, 'a>) -> Result<Expr, Reason> {
        let mut matrix = Vec::with_capacity(rows.len());
        for row in rows {
            let mut cells = Vec::with_capacity(row.len());
            for cell in row {
                cells.push(self.slice(cell)?);
            }
            matrix.push(cells);
        }
        // Commas between the entries.
        let by_commas = |row: &Vec<Expr>| matches!(row.as_slice(), [Expr::List { .. }]);
        if matrix.iter().all(by_commas) {
            for row in &mut matrix {
                if let Some(Expr::List { items, .. }) = row.pop() {
                    *row = items;
                }
            }
        }
        if matrix.is_empty() {
            return Err(Reason::NotUnderstood);
        }
        Ok(Expr::Matrix(matrix))
    }

    /// Lines: one item, a chain over several lines, or several items.
    fn lines(&mut self, rows: &Rows<'t, 'a>, system: bool) -> Result<Expr, Reason> {
        let mut joined: Vec<Lexeme<'a>> = Vec::new();
        let separator = if system { '∧' } else { ';' };
        for row in rows {
            let aligned = row[0].is_empty();
            let line = trimmed(&row.concat()).to_vec();
            let Some(first) = line.first() else { continue };
            self.budget.spend(line.len() as u64 / 4 + 1)?;
            let open = joined.last().is_none_or(|last| expects_more(last.token));
            if !open && !continues(first.token, aligned) {
                joined.push(Lexeme {
                    token: Token::Op(separator),
                    spaced: true,
                });
            }
            joined.extend(line);
        }
        self.slice(&joined)
    }

    /// The cases of a function with their conditions, or a system of relations.
    fn cases(&mut self, rows: &Rows<'t, 'a>) -> Result<Expr, Reason> {
        let mut pieces = Vec::with_capacity(rows.len());
        for row in rows {
            let Some((value, condition)) = piece(row) else {
                return self.system(rows);
            };
            let value = self.slice(trimmed(value))?;
            let condition = self.condition(trimmed(&condition))?;
            pieces.push((value, condition));
        }
        Ok(Expr::Cases(pieces))
    }

    /// Lines of which all hold. Lines with several items are alternatives.
    fn system(&mut self, rows: &Rows<'t, 'a>) -> Result<Expr, Reason> {
        let is_list = |row: &Vec<&[Lexeme]>| {
            let line = row.concat();
            trimmed(&line)
                .iter()
                .any(|lexeme| lexeme.token == Token::Op(','))
        };
        let several = rows.len() > 1 && rows.iter().any(is_list);
        let lines = self.lines(rows, !several)?;
        Ok(match lines {
            Expr::List { items, .. } if !several => single(items, |items| Expr::List {
                joint: Joint::And,
                items,
            })?,
            lines => lines,
        })
    }

    /// The condition of a case: a relation, or words.
    fn condition(&mut self, tokens: &[Lexeme<'a>]) -> Result<Expr, Reason> {
        let mut tokens = tokens;
        while let Some(rest) = without_if(tokens) {
            tokens = rest;
        }
        if tokens.is_empty() {
            return Err(Reason::NotUnderstood);
        }
        self.budget.spend(tokens.len() as u64)?;
        match condition_words(tokens) {
            Some(words) => Ok(Expr::Text(words)),
            None => self.slice(tokens),
        }
    }

    /// Parses tokens in a parser of their own, to the last one.
    pub(super) fn slice(&mut self, tokens: &[Lexeme<'a>]) -> Result<Expr, Reason> {
        let mut inner = Parser {
            tokens,
            at: 0,
            consumed_digits: 0,
            commas: self.commas,
            depth: self.depth,
            chained: self.chained,
            bars: 0,
            budget: &mut *self.budget,
        };
        let result = inner.nested(|parser| parser.list(&[]))?;
        if inner.at < tokens.len() {
            return Err(Reason::NotUnderstood);
        }
        self.chained = inner.chained;
        Ok(result)
    }
}

/// The value of an expression between bars: the determinant of a square matrix, else the norm.
pub(super) fn between_bars(bar: char, inner: Expr) -> Expr {
    let is_square = |rows: &Vec<Vec<Expr>>| rows.iter().all(|row| row.len() == rows.len());
    let name = match &inner {
        Expr::Matrix(rows) if bar == '|' && is_square(rows) => "det",
        _ if bar == '|' => "abs",
        _ => "norm",
    };
    Expr::Call(name, vec![inner])
}

/// The two parts of a row of cases: a value, then its condition after `&`, a comma or "if".
fn piece<'t, 'a>(row: &[&'t [Lexeme<'a>]]) -> Option<(&'t [Lexeme<'a>], Vec<Lexeme<'a>>)> {
    let (first, rest) = row.split_first()?;
    let rest = rest.concat();
    if !trimmed(&rest).is_empty() {
        let aligned = is_relation(rest[0].token) || trimmed(first).is_empty();
        let opens = first.last().is_some_and(|last| expects_more(last.token));
        return (!aligned && !opens).then_some((first, rest));
    }
    let mut depth = 0_usize;
    for (at, lexeme) in first.iter().enumerate() {
        match lexeme.token {
            Token::Op('(' | '[' | '{' | '⦃') => depth += 1,
            Token::Op(')' | ']' | '}' | '⦄') => depth = depth.saturating_sub(1),
            token if depth == 0 && is_relation(token) => return None,
            Token::Op(',') if depth == 0 => {
                let condition = &first[at + 1..];
                let is_condition = |lexeme: &Lexeme| {
                    is_relation(lexeme.token)
                        || matches!(lexeme.token, Token::Text(_) | Token::Word(_))
                };
                return condition
                    .iter()
                    .any(is_condition)
                    .then(|| (&first[..at], condition.to_vec()));
            }
            Token::Text(word) if depth == 0 && starts_condition(word) => {
                return Some((&first[..at], first[at..].to_vec()));
            }
            _ => {}
        }
    }
    None
}

/// The tokens after a word that only starts a condition.
fn without_if<'t, 'a>(tokens: &'t [Lexeme<'a>]) -> Option<&'t [Lexeme<'a>]> {
    let (first, rest) = tokens.split_first()?;
    match first.token {
        Token::Text(word) | Token::Word(word) => {
            let starter = matches!(
                word.trim_matches([' ', ',', ':'])
                    .to_ascii_lowercase()
                    .as_str(),
                "if" | "when" | "for" | "where" | "as" | "with" | "at" | "for all"
            );
            starter.then_some(rest)
        }
        // "if" as a product of letters.
        Token::Symbol("i") if rest.first()?.token == Token::Symbol("f") => Some(&rest[1..]),
        Token::Op(',' | ':') => Some(rest),
        // The braces of a text group with formulas.
        Token::Op('{') => match rest {
            [inner @ .., last] if last.token == Token::Op('}') => Some(inner),
            _ => None,
        },
        _ => None,
    }
}

/// A condition in words, without those that do not matter. `None` if it has no words.
fn condition_words(tokens: &[Lexeme]) -> Option<String> {
    const FILLERS: [&str; 12] = [
        "if", "when", "for", "is", "are", "a", "an", "the", "all", "number", "integer", "",
    ];
    let mut text = String::new();
    let mut is_text = false;
    for lexeme in tokens {
        is_text |= matches!(lexeme.token, Token::Text(_) | Token::Word(_));
        if let Token::Op('{' | '}') = lexeme.token {
            continue;
        }
        if lexeme.spaced || !matches!(lexeme.token, Token::Symbol(_)) {
            text.push(' ');
        }
        text.push_str(&super::operand::spelling(lexeme.token));
    }
    let mut words = String::new();
    for word in text.split_whitespace() {
        is_text |= matches!(word, "is" | "are");
        let word = word.trim_matches([',', '.', '~']).to_lowercase();
        if !FILLERS.contains(&word.as_str()) {
            words.push_str(&word);
        }
    }
    is_text.then(|| match words.as_str() {
        "else" | "elsewhere" | "true" => "otherwise".to_owned(),
        _ => words,
    })
}

fn starts_condition(words: &str) -> bool {
    let first = words.split_whitespace().next().unwrap_or("");
    matches!(
        first.to_ascii_lowercase().as_str(),
        "if" | "when" | "for" | "otherwise" | "else"
    )
}

/// Whether the cells of an array are parts of lines: relations stand at their edges, or there is
/// one cell in each row.
fn is_aligned(rows: &Rows) -> bool {
    let at_edge = |cell: &&[Lexeme]| {
        let edges = [cell.first(), cell.last()];
        edges
            .into_iter()
            .flatten()
            .any(|lexeme| is_relation(lexeme.token))
    };
    let one_cell = |row: &Vec<&[Lexeme]>| row.len() == 1;
    rows.iter().all(one_cell) || rows.iter().any(|row| row.iter().any(at_edge))
}

/// The tokens without separators and empty style around them.
fn trimmed<'t, 'a>(tokens: &'t [Lexeme<'a>]) -> &'t [Lexeme<'a>] {
    let mut tokens = tokens;
    while let [rest @ .., last] = tokens
        && matches!(last.token, Token::Op(',' | ';'))
    {
        tokens = rest;
    }
    tokens
}

/// Whether a line that starts with this token continues the line before.
fn continues(first: Token, aligned: bool) -> bool {
    is_relation(first)
        || matches!(
            first,
            Token::Op('*' | '/' | '+' | '±' | '∪' | '∩' | '∖' | '⇒')
        )
        || aligned && first == Token::Op('-')
}

/// Whether a line that ends with this token goes on in the next one.
fn expects_more(last: Token) -> bool {
    is_relation(last)
        || matches!(
            last,
            Token::Op('+' | '-' | '*' | '/' | '±' | '∓' | '∪' | '∩' | '∖' | '⇒' | '∧' | '∨')
        )
}

fn is_relation(token: Token) -> bool {
    matches!(
        token,
        Token::Op('=' | '<' | '>' | '≤' | '≥' | '≠' | '≈' | '≡' | '∈' | '→')
    )
}
