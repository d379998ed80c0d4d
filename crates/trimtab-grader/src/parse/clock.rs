//! Times of day in words: `noon`, `half past six`, `7 o'clock in the evening`.

use super::Parser;
use crate::expr::Expr;
use crate::lex::Token;
use crate::vocabulary;

/// Most words of a time.
const MOST: usize = 10;

impl Parser<'_, '_, '_> {
    /// The time that the whole answer says in words.
    pub(super) fn worded_time(&mut self) -> Option<Expr> {
        let is_sign = |text: &str| {
            [
                "noon",
                "midnight",
                "past",
                "clock",
                "quarter",
                "half",
                "morning",
                "afternoon",
                "evening",
                "minutes",
            ]
            .iter()
            .any(|word| text.ends_with(word) || text.starts_with(word))
        };
        let found = self.tokens.len() <= 2 * MOST
            && self.tokens.iter().any(|lexeme| match lexeme.token {
                Token::Word(text) | Token::Text(text) => is_sign(text),
                _ => false,
            });
        if !found {
            return None;
        }
        let words = self.spoken_words()?;
        let mut words: Vec<&str> = words.iter().map(String::as_str).collect();
        let half_of_day = half_of_day(&mut words);
        let (hour, minutes) = match words.as_slice() {
            [.., last @ ("noon" | "midnight")] if matches!(words.as_slice(), [_] | ["12", _]) => {
                self.at = self.tokens.len();
                return Some(time(12, 0, Some(if *last == "noon" { "pm" } else { "am" })));
            }
            [hour, "o", "clock"] | [hour, "oclock"] => (number(hour)?, 0),
            [hour, ":", minutes] if half_of_day.is_some() => (number(hour)?, number(minutes)?),
            [hour] if half_of_day.is_some() => (number(hour)?, 0),
            [
                minutes @ ..,
                direction @ ("past" | "after" | "to" | "before"),
                hour,
            ] => {
                let minutes = match minutes {
                    ["half"] => 30,
                    ["quarter"] | ["a", "quarter"] => 15,
                    [minutes] | [minutes, "minutes"] => number(minutes)?,
                    [tens, ones] => number(tens)? + number(ones)?,
                    _ => return None,
                };
                let hour = number(hour)?;
                match *direction {
                    "past" | "after" => (hour, minutes),
                    _ if minutes < 60 => ((hour + 10) % 12 + 1, 60 - minutes),
                    _ => return None,
                }
            }
            _ => return None,
        };
        let valid = (0..=24).contains(&hour) && (0..60).contains(&minutes);
        valid.then(|| {
            self.at = self.tokens.len();
            time(hour, minutes, half_of_day)
        })
    }

    /// The words and numbers of the answer. `None` if it has other signs than those of a time.
    fn spoken_words(&self) -> Option<Vec<String>> {
        let mut words: Vec<String> = Vec::new();
        let mut run = false;
        for lexeme in self.tokens {
            let joins = std::mem::take(&mut run) && !lexeme.spaced;
            match lexeme.token {
                Token::Word(text) | Token::Text(text) => words.extend(
                    text.split(|c: char| !c.is_alphanumeric())
                        .filter(|word| !word.is_empty())
                        .map(str::to_lowercase),
                ),
                Token::Number(digits) => words.push(digits.to_owned()),
                Token::Symbol(letter) => {
                    match words.last_mut() {
                        Some(word) if joins => word.push_str(letter),
                        _ => words.push(letter.to_owned()),
                    }
                    run = true;
                }
                Token::Op('∈') => words.push("in".to_owned()),
                Token::Op(':') => words.push(":".to_owned()),
                Token::Op('\'' | '-') => {}
                _ => return None,
            }
            if words.len() > MOST {
                return None;
            }
        }
        Some(words)
    }
}

/// Removes the words that say whether a time is before or after noon.
fn half_of_day(words: &mut Vec<&str>) -> Option<&'static str> {
    const ENDINGS: [(&[&str], &str); 5] = [
        (&["in", "the", "morning"], "am"),
        (&["in", "the", "afternoon"], "pm"),
        (&["in", "the", "evening"], "pm"),
        (&["am"], "am"),
        (&["pm"], "pm"),
    ];
    let (ending, half) = ENDINGS.iter().find(|(ending, _)| words.ends_with(ending))?;
    words.truncate(words.len() - ending.len());
    Some(half)
}

fn number(word: &str) -> Option<i64> {
    word.parse()
        .ok()
        .or_else(|| vocabulary::number_phrase(word))
}

fn time(hour: i64, minutes: i64, half_of_day: Option<&str>) -> Expr {
    let clock = Expr::Ratio(vec![Expr::integer(hour), Expr::integer(minutes)]);
    Expr::Quantity(Box::new(clock), half_of_day.unwrap_or("clock").to_owned())
}
