//! What follows a value: units, currencies, percent and degrees in words, and words that scale it.

use super::operand::power;
use super::product::{over, times};
use super::{Parser, negative};
use crate::Reason;
use crate::expr::Expr;
use crate::lex::Token;
use crate::number;
use crate::unit;
use crate::vocabulary::{self, denominator, scale};

/// Most words after a number in words that can be its unit.
const MOST_WORDS: usize = 4;

impl<'a> Parser<'_, 'a, '_> {
    /// The value with the sign, the currency, the unit or the words after it: `20%`, `5€`, `5 cm`,
    /// `5 million`. The value itself if none belongs to it.
    pub(super) fn measured(&mut self, value: Expr) -> Result<Measured, Reason> {
        let spaced = self.tokens.get(self.at).is_some_and(|lexeme| lexeme.spaced);
        let measured = match self.peek() {
            Some(Token::Text(_) | Token::Word(_)) => {
                self.chain()?;
                return self.in_words(value);
            }
            Some(Token::Op('%')) => {
                self.chain()?;
                self.at += 1;
                Expr::Percent(Box::new(value))
            }
            Some(Token::Op('‰')) => {
                self.chain()?;
                self.at += 1;
                over(value, Expr::integer(1_000))
            }
            Some(Token::Currency(currency)) => {
                self.at += 1;
                with_unit(value, currency.to_owned())
            }
            // "25°C"
            Some(Token::Symbol(scale @ ("C" | "F"))) if matches!(value, Expr::Degrees(_)) => {
                self.at += 1;
                let unit = if scale == "C" {
                    "celsius"
                } else {
                    "fahrenheit"
                };
                with_unit(value, unit.to_owned())
            }
            Some(Token::Symbol(letter)) if spaced && is_decimal(&value) => {
                match self.lone_unit(letter) {
                    Some(unit) => with_unit(value, unit),
                    None => return Ok(Measured::Not(value)),
                }
            }
            Some(Token::Op('(') | Token::Construct("frac"))
                if value.symbols().is_empty()
                    && !self.next_is_condition()
                    && let Some(unit) = self.grouped_unit() =>
            {
                with_unit(value, unit)
            }
            // "2 and a half hours", "2 hours and a half"
            Some(Token::Op('∧'))
                if (is_number(&value) || matches!(value, Expr::Quantity(..)))
                    && matches!(self.peek_at(1), Some(Token::Symbol("a") | Token::Word(_)))
                    && let Some(part) = self.and_a_part() =>
            {
                with_part(value, part)?
            }
            Some(Token::Op('∧'))
                if matches!(value, Expr::Quantity(..))
                    && let Some(quantity) = self.and_smaller_quantity(&value) =>
            {
                quantity
            }
            Some(Token::Number(_))
                if spaced
                    && matches!(value, Expr::Quantity(..) | Expr::Product(_))
                    && let Some(quantity) = self.smaller_quantity(&value) =>
            {
                quantity
            }
            _ => return Ok(Measured::Not(value)),
        };
        Ok(Measured::Yes(measured))
    }

    /// The value with the words after it: `5 million`, `3 halves`, `20 per cent`, `5 cm`.
    fn in_words(&mut self, value: Expr) -> Result<Measured, Reason> {
        let (words, in_text) = match self.peek() {
            Some(Token::Text(words)) => (words, true),
            Some(Token::Word(word)) => (word, false),
            _ => return Ok(Measured::Not(value)),
        };
        let start = self.at;
        self.at += 1;
        let first = first_word(words);
        let rest = &words[words.find(first).unwrap_or(0) + first.len()..];
        let constant = value.symbols().is_empty();
        let lower = first.to_ascii_lowercase();
        let scaled = match lower.as_str() {
            word if constant && scale(word).is_some() => {
                times(value, Expr::integer(scale(word).unwrap_or(1)))
            }
            "factorial" if is_number(&value) => Expr::Call("factorial", vec![value]),
            "squared" if is_number(&value) => power(value, Expr::integer(2)),
            "cubed" if is_number(&value) => power(value, Expr::integer(3)),
            "percent" | "percentage" | "pct" => Expr::Percent(Box::new(value)),
            "per" if self.says_cent(rest) => {
                return Ok(Measured::Yes(Expr::Percent(Box::new(value))));
            }
            "degree" | "degrees" | "deg" => Expr::Degrees(Box::new(value)),
            word => match denominator(word) {
                Some((below, plural)) if is_number(&value) && plural != is_one(&value) => {
                    over(value, Expr::integer(below))
                }
                _ => {
                    let is_unit = in_text || constant || vocabulary::unit(first).is_some();
                    if let Some(unit) = self.unit(words).filter(|_| is_unit) {
                        return Ok(Measured::Yes(with_unit(value, unit)));
                    }
                    self.at = start;
                    return Ok(Measured::Not(value));
                }
            },
        };
        if first_word(rest).is_empty() {
            return Ok(Measured::Yes(scaled));
        }
        // The rest of a text group.
        if rest.trim_start().starts_with("point") && matches!(scaled, Expr::Percent(_)) {
            return Ok(Measured::Yes(scaled)); // percentage points
        }
        Ok(match self.unit(rest) {
            Some(unit) => Measured::Yes(with_unit(scaled, unit)),
            None => return Err(Reason::NotUnderstood),
        })
    }

    /// Whether "per" is the start of "per cent". If so, the words are consumed.
    fn says_cent(&mut self, rest: &str) -> bool {
        if first_word(rest) == "cent" {
            return true;
        }
        let follows = rest.trim().is_empty() && self.peek() == Some(Token::Word("cent"));
        self.at += usize::from(follows);
        follows
    }

    /// The unit that starts with `words`, and continues with the next tokens: `m/s^2`.
    fn unit(&mut self, words: &str) -> Option<String> {
        let start = self.at;
        let mut spelling = words.to_owned();
        loop {
            self.budget.spend(1).ok()?;
            match self.peek() {
                Some(Token::Text(word) | Token::Word(word)) => {
                    self.at += 1;
                    spelling.push(' ');
                    spelling.push_str(word);
                }
                Some(Token::Symbol(letter)) if self.is_unit_letter(letter) => {
                    self.at += 1;
                    spelling.push(' ');
                    spelling.push_str(letter);
                }
                // "5 dollars a day"
                Some(Token::Symbol("a")) if matches!(self.peek_at(1), Some(Token::Word(_))) => {
                    self.at += 1;
                    spelling.push_str(" a");
                }
                Some(Token::Op('^')) => {
                    self.at += 1;
                    spelling.push('^');
                    spelling.push_str(&self.index().ok()?);
                }
                Some(Token::Op(sign @ ('/' | '*' | '-'))) if self.unit_word_follows() => {
                    self.at += 1;
                    spelling.push(sign);
                }
                _ => break,
            }
        }
        let unit = unit::canonical(&spelling);
        if unit.is_none() {
            self.at = start;
        }
        unit
    }

    /// The letters behind a blank that end an answer, as a unit: `5 m`, `9.8 m/s^2`.
    ///
    /// `5m` is a product, and so are `5 m + 2` and the right side of `y = 5 m`.
    fn lone_unit(&mut self, letter: &str) -> Option<String> {
        let start = self.at;
        let is_unit = self.depth == 0
            && matches!(
                letter,
                "m" | "g" | "s" | "h" | "l" | "L" | "N" | "J" | "W" | "V"
            );
        self.at += 1;
        let unit = is_unit.then(|| self.unit(letter)).flatten();
        let ends = matches!(self.peek(), None | Some(Token::Op(',' | ';' | '∧' | '∨')));
        let is_named = self.at == start + 1
            && self.tokens[..start]
                .iter()
                .any(|lexeme| lexeme.token == Token::Op('='));
        if unit.is_none() || !ends || is_named {
            self.at = start;
            return None;
        }
        unit
    }

    /// A unit in parentheses or as a fraction: `(square feet)`, `\frac{\text{km}}{\text{h}}`.
    pub(super) fn grouped_unit(&mut self) -> Option<String> {
        let start = self.at;
        let unit = self.read_grouped_unit();
        if unit.is_none() {
            self.at = start;
        }
        unit
    }

    fn read_grouped_unit(&mut self) -> Option<String> {
        let fraction = self.peek() == Some(Token::Construct("frac"));
        self.at += 1;
        if !fraction {
            let words = self.next_words()?;
            let unit = self.unit(words)?;
            return self.eat(')').then_some(unit);
        }
        let start = self.at;
        let (above, below) = (self.index().ok()?, self.index().ok()?);
        let upright = self.tokens[start..self.at]
            .iter()
            .any(|lexeme| matches!(lexeme.token, Token::Text(_)));
        if upright {
            unit::quotient(&above, &below)
        } else {
            None
        }
    }

    fn next_words(&mut self) -> Option<&'a str> {
        let (Token::Text(words) | Token::Word(words)) = self.peek()? else {
            return None;
        };
        self.at += 1;
        Some(words)
    }

    /// `and a half` after a number, with or without a unit.
    fn and_a_part(&mut self) -> Option<Expr> {
        let start = self.at;
        self.at += 1;
        let part = self.number_in_words().and_then(|part| match self.peek() {
            Some(Token::Text(words) | Token::Word(words)) => {
                self.at += 1;
                self.unit(words).map(|unit| with_unit(part, unit))
            }
            _ => Some(part),
        });
        let is_part = part.as_ref().is_some_and(|part| match part {
            Expr::Quotient(_) => true,
            Expr::Quantity(inner, _) => matches!(**inner, Expr::Quotient(_)),
            _ => false,
        });
        if !is_part {
            self.at = start;
        }
        part.filter(|_| is_part)
    }

    /// `and 27 minutes` after `1 hour`.
    pub(super) fn and_smaller_quantity(&mut self, value: &Expr) -> Option<Expr> {
        // Two lengths in metres may be two answers.
        const MIXED: [&str; 9] = [
            "year", "week", "day", "hour", "minute", "foot", "yard", "pound", "dollar",
        ];
        let Expr::Quantity(_, unit) = value else {
            return None;
        };
        if !MIXED.contains(&unit.as_str()) {
            return None;
        }
        self.at += 1;
        let sum = self.smaller_quantity(value);
        if sum.is_none() {
            self.at -= 1;
        }
        sum
    }

    /// Whether a single letter among units is one.
    fn is_unit_letter(&self, letter: &str) -> bool {
        vocabulary::unit_letter(letter).is_some()
            && !matches!(self.peek_at(1), Some(Token::Op('(' | '_' | '=')))
    }

    fn unit_word_follows(&self) -> bool {
        match self.peek_at(1) {
            Some(Token::Text(_) | Token::Word(_)) => true,
            Some(Token::Symbol(letter)) => vocabulary::unit_letter(letter).is_some(),
            _ => false,
        }
    }

    /// `15 minutes` after `2 hours`: a smaller unit of the same kind.
    pub(super) fn smaller_quantity(&mut self, value: &Expr) -> Option<Expr> {
        let (amount, larger) = match value {
            Expr::Quantity(amount, unit) => ((**amount).clone(), unit.clone()),
            // A letter is a unit here: "2 h 15 min".
            Expr::Product(factors) => match factors.as_slice() {
                [amount @ Expr::Number { .. }, Expr::Symbol(letter)] => {
                    (amount.clone(), vocabulary::unit_letter(letter)?.to_owned())
                }
                _ => return None,
            },
            _ => return None,
        };
        let (Token::Number(digits), Token::Text(word) | Token::Word(word) | Token::Symbol(word)) =
            (self.peek()?, self.peek_at(1)?)
        else {
            return None;
        };
        let smaller = unit::canonical(word).filter(|unit| unit::is_known(unit))?;
        let (above, below) = unit::ratio(&larger, &smaller)?;
        if above <= below {
            return None;
        }
        let more = number::parse(digits, self.commas, self.budget).ok()?;
        self.at += 2;
        let converted = times(amount, over(Expr::integer(above), Expr::integer(below)));
        Some(Expr::Quantity(
            Box::new(Expr::Sum(vec![converted, more])),
            smaller,
        ))
    }

    /// The number in the next words: `twenty-five`, `two and a half`. The words after it in the
    /// same text group are its unit.
    pub(super) fn number_in_words(&mut self) -> Option<Expr> {
        let (phrase, ends) = self.phrase();
        let spoken = vocabulary::spoken(&phrase)?;
        let size = if spoken.denominator == 1 {
            Expr::integer(spoken.numerator.abs())
        } else {
            over(
                Expr::integer(spoken.numerator.abs()),
                Expr::integer(spoken.denominator),
            )
        };
        let mut value = if spoken.numerator < 0 {
            negative(size)
        } else {
            size
        };
        let tokens = ends.iter().take_while(|end| **end <= spoken.end).count();
        if spoken.ordinal {
            // Only "the fifth" alone is a number.
            if spoken.end < phrase.trim_end().len() {
                return None;
            }
            value = Expr::Quantity(Box::new(value), "th".to_owned());
        }
        let inside = ends.get(tokens).is_some_and(|end| *end > spoken.end)
            && ends[..tokens].last().copied().unwrap_or(0) < spoken.end;
        self.at += tokens;
        if !inside {
            return Some(value);
        }
        // The number ends inside a text group.
        let rest = &phrase[spoken.end..ends[tokens]];
        if spoken.ordinal || rest.split_whitespace().count() > MOST_WORDS {
            self.at -= tokens;
            return None;
        }
        self.at += 1;
        let percent = matches!(rest.trim(), "percent" | "per cent");
        if percent {
            Some(Expr::Percent(Box::new(value)))
        } else if let Some(unit) = self.unit(rest) {
            Some(with_unit(value, unit))
        } else {
            self.at -= tokens + 1;
            None
        }
    }

    /// The next words as a text, and the end of each token in it.
    fn phrase(&self) -> (String, Vec<usize>) {
        const MAX_TOKENS: usize = 16;
        let (mut phrase, mut ends) = (String::new(), Vec::new());
        for offset in 0..MAX_TOKENS {
            let (before, word) = match self.peek_at(offset) {
                Some(Token::Word(word) | Token::Text(word)) => (" ", word),
                Some(Token::Symbol("a")) => (" ", "a"),
                Some(Token::Op('∧')) => (" ", "and"),
                Some(Token::Op('-')) if offset > 0 => ("", "-"),
                Some(Token::Op(',')) if offset > 0 => ("", ","),
                _ => break,
            };
            phrase.push_str(before);
            phrase.push_str(word);
            ends.push(phrase.len());
        }
        (phrase, ends)
    }
}

/// A value and the words after it.
pub(super) enum Measured {
    /// The words belong to the value.
    Yes(Expr),
    /// They do not.
    Not(Expr),
}

/// The value with a unit. A second unit multiplies the first.
pub(super) fn with_unit(value: Expr, unit: String) -> Expr {
    match value {
        // `5 \mu\text{m}`
        Expr::Product(mut factors)
            if factors.len() == 2
                && vocabulary::takes_prefix(&unit)
                && matches!(&factors[1], Expr::Symbol(name) if name == "mu") =>
        {
            let amount = factors.swap_remove(0);
            Expr::Quantity(Box::new(amount), format!("micro{unit}"))
        }
        Expr::Quantity(inner, first) if first == unit => Expr::Quantity(inner, unit),
        Expr::Quantity(inner, first) => {
            let unit = unit::product(&first, &unit);
            Expr::Quantity(inner, unit)
        }
        // "25 degrees Celsius"
        Expr::Degrees(inner) if matches!(unit.as_str(), "celsius" | "fahrenheit") => {
            Expr::Quantity(inner, unit)
        }
        Expr::Degrees(inner) if matches!(unit.as_str(), "coulomb" | "farad") => {
            let scale = if unit == "coulomb" {
                "celsius"
            } else {
                "fahrenheit"
            };
            Expr::Quantity(inner, scale.to_owned())
        }
        value => Expr::Quantity(Box::new(value), unit),
    }
}

/// A number and a part of one. One of them may have a unit, which both share.
fn with_part(value: Expr, part: Expr) -> Result<Expr, Reason> {
    let sum = |left: Expr, right: Expr| Box::new(Expr::Sum(vec![left, right]));
    Ok(match (value, part) {
        (Expr::Quantity(_, _), Expr::Quantity(_, _)) => return Err(Reason::NotUnderstood),
        (Expr::Quantity(value, unit), part) => Expr::Quantity(sum(*value, part), unit),
        (value, Expr::Quantity(part, unit)) => Expr::Quantity(sum(value, *part), unit),
        (value, part) => *sum(value, part),
    })
}

fn first_word(words: &str) -> &str {
    words
        .split(|c: char| !c.is_alphabetic())
        .find(|word| !word.is_empty())
        .unwrap_or("")
}

fn is_number(value: &Expr) -> bool {
    match value {
        Expr::Number { .. } => true,
        Expr::Negative(inner) => is_number(inner),
        _ => false,
    }
}

/// Whether a value is written in digits only: `9.8`, `\frac{1}{2}`, `3 \cdot 10^8`.
fn is_decimal(value: &Expr) -> bool {
    !value.any(|part| {
        !matches!(
            part,
            Expr::Number { .. }
                | Expr::Negative(_)
                | Expr::Product(_)
                | Expr::Quotient(_)
                | Expr::Power(_)
        )
    })
}

fn is_one(value: &Expr) -> bool {
    matches!(value, Expr::Number { value, .. } if value.as_i64() == Some(1))
}
