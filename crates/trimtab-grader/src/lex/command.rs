//! Commands of LaTeX and their groups.

use super::{Lexeme, Lexer, Token};
use crate::Reason;
use crate::unit;
use crate::vocabulary::{self, Meaning};

impl<'a> Lexer<'a, '_> {
    pub(super) fn push_meaning(&mut self, name: &'a str, meaning: Meaning) -> Result<(), Reason> {
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
            Meaning::NothingWithGroups(groups) => {
                self.optional_argument();
                for _ in 0..groups {
                    self.raw_group()?;
                }
                self.spaced = true;
            }
            Meaning::NothingWithLength => {
                let rest = self.rest();
                self.at += length_end(rest).unwrap_or(0);
                self.spaced = true;
            }
            Meaning::EndMark => {
                let rest = self.rest().trim_matches(|c: char| {
                    c.is_whitespace() || matches!(c, '$' | '}' | ')' | ']' | '\\' | '.')
                });
                let ends = rest.is_empty() || rest.starts_with("end{");
                if !ends {
                    self.push(Token::Command(name));
                }
            }
            Meaning::NumberSet => {
                self.push(Token::Accent("mathbb"));
                self.push(Token::Symbol(name));
            }
            Meaning::Currency(name) => self.push(Token::Currency(name)),
            Meaning::Quantity => {
                self.optional_argument();
                let start = self.at;
                if self.raw_group()?.is_some() {
                    self.unit_group = Some(self.at);
                    self.at = start;
                }
            }
            Meaning::Not => self.negated_relation(),
            Meaning::Text => self.text_group()?,
            Meaning::OperatorName => {
                self.at += usize::from(self.byte(0) == b'*');
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
    pub(super) fn command(&mut self) -> Result<(), Reason> {
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
                    self.row_distance();
                }
                '\\' => {
                    self.push(Token::Op('⏎'));
                    self.row_distance();
                }
                '{' => self.operator('⦃'),
                '}' => self.operator('⦄'),
                '%' => self.push(Token::Op('%')),
                '$' => self.push(Token::Currency("dollar")),
                '|' => self.push(Token::Op('‖')),
                ',' | '!' | ';' | ':' | '>' | ' ' | '(' | ')' | '[' | ']' | '#' | '&' | '_'
                | '\n' | '/' => {
                    self.spaced = true;
                }
                _ => return Err(Reason::NotUnderstood),
            }
            return Ok(());
        }
        let name = &rest[..length];
        let known = vocabulary::command(name).map(|meaning| (length, meaning));
        let known = known.or_else(|| known_start(name));
        let outermost = |lexeme: &Lexeme| lexeme.token == Token::Op('{');
        if self.tokens.iter().all(outermost)
            && let Some((_, Meaning::Nothing | Meaning::NothingWithGroups(_))) = known
        {
            self.dressed = self.dressed.saturating_add(1);
        }
        let Some((length, meaning)) = known else {
            self.at += 1 + length;
            self.push(Token::Command(name));
            return Ok(());
        };
        self.at += 1 + length;
        let name = &name[..length];
        match name {
            "begin" => {
                let environment = self.raw_group()?.unwrap_or("").trim_end_matches('*');
                self.position_argument();
                if matches!(environment, "array" | "alignat" | "alignedat" | "subarray") {
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

    /// Skips a star and an argument in brackets: `\hspace*{1cm}`, `\color[rgb]{1,0,0}`.
    fn optional_argument(&mut self) {
        self.at += usize::from(self.byte(0) == b'*');
        if let Some(inner) = self.rest().strip_prefix('[')
            && let Some(end) = inner.find([']', '{'])
            && inner[end..].starts_with(']')
        {
            self.at += end + 2;
        }
    }

    /// Skips the position of an environment or the alignment of its columns: `[t]`, `[cc]`.
    fn position_argument(&mut self) {
        if let Some(inner) = self.rest().strip_prefix('[') {
            let letters = inner.bytes().take_while(u8::is_ascii_alphabetic).count();
            let positions = inner[..letters]
                .bytes()
                .all(|byte| b"tbcrl".contains(&byte));
            if letters > 0 && positions && inner[letters..].starts_with(']') {
                self.at += letters + 2;
            }
        }
    }

    /// Skips the distance after the end of a row: `\\[4pt]`.
    fn row_distance(&mut self) {
        let rest = self.rest();
        let rest = rest.strip_prefix('*').unwrap_or(rest);
        if let Some(inner) = rest.strip_prefix('[')
            && let Some(end) = length_end(inner)
            && let Some(left) = inner[end..].trim_start_matches(' ').strip_prefix(']')
        {
            self.at = self.text.len() - left.len();
        }
    }

    /// The relation after `\not`.
    fn negated_relation(&mut self) {
        let rest = self.rest().trim_start();
        let negated = [("=", '≠'), ("\\in", '∉'), ("\\equiv", '≢')]
            .into_iter()
            .find_map(|(relation, negated)| Some((rest.strip_prefix(relation)?, negated)));
        match negated {
            Some((left, negated)) => {
                self.at = self.text.len() - left.len();
                self.push(Token::Op(negated));
            }
            None => self.push(Token::Command("not")),
        }
    }

    /// Skips the group that follows and returns its text. `None` if no group follows.
    pub(super) fn raw_group(&mut self) -> Result<Option<&'a str>, Reason> {
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
        let raised = matches!(self.tokens.last(), Some(last) if last.token == Token::Op('^'))
            || self.tokens.len() > 1
                && matches!(
                    self.tokens[self.tokens.len() - 2..],
                    [
                        Lexeme {
                            token: Token::Op('^'),
                            ..
                        },
                        Lexeme {
                            token: Token::Op('{'),
                            ..
                        }
                    ]
                );
        if matches!(words, "°" | "º" | "˚") || words == "o" && raised {
            self.push(Token::Op('°'));
            return Ok(());
        }
        // "(double root)"
        if let Some(inner) = words
            .strip_prefix('(')
            .and_then(|rest| rest.strip_suffix(')'))
            && inner.len() > 1
            && inner
                .bytes()
                .all(|byte| byte.is_ascii_alphabetic() || byte == b' ')
        {
            self.spaced = true;
            self.operator('(');
            self.push(Token::Text(inner));
            self.operator(')');
            return Ok(());
        }
        let first = words.split_whitespace().next().unwrap_or("");
        let single =
            |piece: &str| piece.len() == 1 || !piece.bytes().any(|byte| byte.is_ascii_alphabetic());
        // `\text{min}` is a unit after a number.
        let unit = self.after_value() && vocabulary::unit(words).is_some();
        if is_letters(words)
            && !unit
            && let Some(meaning) = vocabulary::plain_word(words)
        {
            self.spaced = true;
            return self.push_meaning(words, meaning);
        }
        if words == "to" && self.after_value() {
            self.push(Token::Op(':')); // "3 to 4"
            return Ok(());
        }
        if self.after_value()
            && let Some((length, meaning)) = vocabulary::foreign(words)
            && length == words.len()
        {
            self.push_foreign(meaning);
            self.spaced = true;
            return Ok(());
        }
        let inline = words.split([' ', ',', '(', ')']).all(single)
            || words.contains(['$', '\\', '<', '>', '='])
            || words.contains(|c: char| c.is_ascii_digit())
            || words.starts_with('(');
        // A single upright letter after a number is a unit.
        let letter = words.len() == 1 && !matches!(words, "e" | "i" | "d") && is_letters(words);
        let unit = self.after_value()
            && (letter
                || inline && unit::canonical(words).is_some_and(|unit| unit::is_known(&unit)));
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

/// The known command at the start of an unknown one: `\quadx` lacks a blank.
fn known_start(name: &str) -> Option<(usize, Meaning)> {
    const SHORT: [&str; 3] = ["ln", "pi", "pm"];
    (2..name.len())
        .rev()
        .filter(|length| *length > 2 || SHORT.contains(&&name[..*length]))
        .find_map(|length| Some((length, vocabulary::command(&name[..length])?)))
}

/// The end of a length at the start of `text`: `4pt`, `-1.5 em`.
fn length_end(text: &str) -> Option<usize> {
    const UNITS: [&str; 9] = ["pt", "em", "ex", "mm", "cm", "in", "mu", "pc", "px"];
    let rest = text.trim_start_matches([' ', '-', '+']);
    let number = rest
        .bytes()
        .take_while(|byte| byte.is_ascii_digit() || *byte == b'.')
        .count();
    let unit = rest[number..].trim_start_matches(' ');
    let known = UNITS.iter().any(|name| unit.starts_with(name));
    (number > 0 && known).then(|| text.len() - unit.len() + 2)
}
