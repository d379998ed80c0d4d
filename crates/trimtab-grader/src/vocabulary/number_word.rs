//! Numbers in English words.

use super::{LONGEST, find, lowered};
use Role::{Ordinal, Part, Parts, Scale, Small};

/// A number at the start of a text in words.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Spoken {
    pub(crate) numerator: i64,
    pub(crate) denominator: i64,
    /// `fifth`, in which case the denominator is one.
    pub(crate) ordinal: bool,
    /// The end of the number, in bytes.
    pub(crate) end: usize,
}

/// Reads the number with which a text starts: `twenty-five`, `minus two`, `three quarters`,
/// `two and a half`, `two point five`, `half a million`, `a dozen`.
pub(crate) fn spoken(text: &str) -> Option<Spoken> {
    let mut words = Words { text, at: 0 };
    let negative = words.eat_any(&["minus", "negative"]);
    let mut number = magnitude(&mut words)?;
    if negative {
        if number.ordinal {
            return None;
        }
        number.numerator = -number.numerator;
    }
    Some(Spoken {
        end: words.at,
        ..number
    })
}

/// The value of a whole number in words that fill the text: `twelve`, `three hundred and four`.
pub(crate) fn number_phrase(text: &str) -> Option<i64> {
    let number = spoken(text)?;
    let whole = number.denominator == 1 && !number.ordinal && text[number.end..].trim().is_empty();
    whole.then_some(number.numerator)
}

/// Whether a word is part of numbers in words.
pub(crate) fn is_number_word(word: &str) -> bool {
    role(word).is_some()
        || denominator(word).is_some()
        || word.eq_ignore_ascii_case("minus")
        || word.eq_ignore_ascii_case("negative")
}

/// The factor of a word after a number: `million`, `dozen`.
pub(crate) fn scale(word: &str) -> Option<i64> {
    match role(word)? {
        Scale(value) => Some(value),
        _ => None,
    }
}

/// The denominator that a word after a numerator names, and whether the word is a plural:
/// `half`, `thirds`.
pub(crate) fn denominator(word: &str) -> Option<(i64, bool)> {
    match role(word) {
        Some(Ordinal(value)) => (value > 2).then_some((value, false)),
        Some(Part(value)) => Some((value, false)),
        Some(Parts(value)) => Some((value, true)),
        Some(_) => None,
        None => match role(word.strip_suffix('s')?)? {
            Ordinal(value) if value > 2 => Some((value, true)),
            Part(value) => Some((value, true)),
            _ => None,
        },
    }
}

/// The role of a word in numbers.
#[derive(Clone, Copy)]
enum Role {
    /// A number below one hundred.
    Small(i64),
    /// A factor: `hundred`, `dozen`.
    Scale(i64),
    /// `third`, which is also a denominator.
    Ordinal(i64),
    /// A denominator that is not an ordinal: `half`.
    Part(i64),
    /// Its irregular plural.
    Parts(i64),
}

/// Words in alphabetical order.
const WORDS: [(&str, Role); 63] = [
    ("billion", Scale(1_000_000_000)),
    ("crore", Scale(10_000_000)),
    ("dozen", Scale(12)),
    ("eight", Small(8)),
    ("eighteen", Small(18)),
    ("eighteenth", Ordinal(18)),
    ("eighth", Ordinal(8)),
    ("eighty", Small(80)),
    ("eleven", Small(11)),
    ("eleventh", Ordinal(11)),
    ("fifteen", Small(15)),
    ("fifteenth", Ordinal(15)),
    ("fifth", Ordinal(5)),
    ("fifty", Small(50)),
    ("first", Ordinal(1)),
    ("five", Small(5)),
    ("forty", Small(40)),
    ("four", Small(4)),
    ("fourteen", Small(14)),
    ("fourteenth", Ordinal(14)),
    ("fourth", Ordinal(4)),
    ("half", Part(2)),
    ("halves", Parts(2)),
    ("hundred", Scale(100)),
    ("hundredth", Part(100)),
    ("lakh", Scale(100_000)),
    ("million", Scale(1_000_000)),
    ("millionth", Part(1_000_000)),
    ("nine", Small(9)),
    ("nineteen", Small(19)),
    ("nineteenth", Ordinal(19)),
    ("ninety", Small(90)),
    ("ninth", Ordinal(9)),
    ("one", Small(1)),
    ("quarter", Part(4)),
    ("quarters", Parts(4)),
    ("second", Ordinal(2)),
    ("seven", Small(7)),
    ("seventeen", Small(17)),
    ("seventeenth", Ordinal(17)),
    ("seventh", Ordinal(7)),
    ("seventy", Small(70)),
    ("six", Small(6)),
    ("sixteen", Small(16)),
    ("sixteenth", Ordinal(16)),
    ("sixth", Ordinal(6)),
    ("sixty", Small(60)),
    ("ten", Small(10)),
    ("tenth", Ordinal(10)),
    ("third", Ordinal(3)),
    ("thirteen", Small(13)),
    ("thirteenth", Ordinal(13)),
    ("thirty", Small(30)),
    ("thousand", Scale(1_000)),
    ("thousandth", Part(1_000)),
    ("three", Small(3)),
    ("trillion", Scale(1_000_000_000_000)),
    ("twelfth", Ordinal(12)),
    ("twelve", Small(12)),
    ("twentieth", Ordinal(20)),
    ("twenty", Small(20)),
    ("two", Small(2)),
    ("zero", Small(0)),
];

fn role(word: &str) -> Option<Role> {
    let mut buffer = [0; LONGEST];
    find(&WORDS, lowered(word, &mut buffer)?)
}

/// The words of a text with a position.
struct Words<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Words<'a> {
    /// The next word and its end.
    fn peek(&self) -> Option<(&'a str, usize)> {
        let rest = &self.text[self.at..];
        let start = rest.len() - rest.trim_start_matches([' ', '-', '~']).len();
        let word = &rest[start..];
        let length = word
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(word.len());
        let ends = !word[length..].starts_with(|c: char| c.is_alphanumeric());
        (length > 0 && ends).then(|| (&word[..length], self.at + start + length))
    }

    fn eat_any(&mut self, expected: &[&str]) -> bool {
        let Some((word, end)) = self.peek() else {
            return false;
        };
        let found = expected.iter().any(|name| name.eq_ignore_ascii_case(word));
        if found {
            self.at = end;
        }
        found
    }

    /// The value of the next word, if it has one.
    fn take<T>(&mut self, value: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let (word, end) = self.peek()?;
        let value = value(word)?;
        self.at = end;
        Some(value)
    }

    /// Skips the comma before hundreds: `two thousand, four hundred`.
    fn skip_comma(&mut self) {
        if self.text[self.at..].starts_with(',') {
            self.attempt(|words| {
                words.at += 1;
                let start = words.at;
                words.take(small)?;
                let hundreds = words.eat_any(&["hundred"]);
                words.at = start;
                hundreds.then_some(())
            });
        }
    }

    /// What `read` finds. The position stays where it is if there is nothing.
    fn attempt<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        let start = self.at;
        let found = read(self);
        if found.is_none() {
            self.at = start;
        }
        found
    }
}

fn number(numerator: i64, denominator: i64) -> Spoken {
    Spoken {
        numerator,
        denominator,
        ordinal: false,
        end: 0,
    }
}

fn magnitude(words: &mut Words) -> Option<Spoken> {
    if let Some(fraction) = words.attempt(fraction) {
        // "half a million", "half a dozen"
        let scale = words.attempt(|words| {
            words.eat_any(&["a"]);
            words.take(scale)
        });
        return match scale {
            Some(scale) if (fraction.numerator, fraction.denominator) == (1, 2) => {
                Some(number(scale / 2, 1))
            }
            Some(_) => None,
            None => Some(fraction),
        };
    }
    if let Some(value) = words.take(ordinal) {
        return Some(Spoken {
            ordinal: true,
            ..number(value, 1)
        });
    }
    let whole = cardinal(words)?;
    if let Some(value) = words.take(ordinal) {
        // "twenty-fifth"
        let fits = (20..100).contains(&whole) && whole % 10 == 0 && value < 10;
        return fits.then_some(Spoken {
            ordinal: true,
            ..number(whole + value, 1)
        });
    }
    let part = words.attempt(|words| words.eat_any(&["and"]).then(|| fraction(words))?);
    let part = part.or_else(|| words.attempt(decimals));
    let Some(part) = part else {
        return Some(number(whole, 1));
    };
    let above = whole.checked_mul(part.denominator)?;
    Some(number(above.checked_add(part.numerator)?, part.denominator))
}

/// `half`, `a third`, `three quarters`.
fn fraction(words: &mut Words) -> Option<Spoken> {
    if words.eat_any(&["half"]) {
        return Some(number(1, 2));
    }
    let numerator = if words.eat_any(&["a", "an"]) {
        1
    } else {
        cardinal(words)?
    };
    let (below, plural) = words.take(denominator)?;
    (plural == (numerator != 1)).then_some(number(numerator, below))
}

/// `point five`, as a fraction.
fn decimals(words: &mut Words) -> Option<Spoken> {
    const MOST: usize = 12;
    if !words.eat_any(&["point"]) {
        return None;
    }
    let (mut above, mut below) = (0, 1);
    for _ in 0..MOST {
        let Some(digit) = words.take(|word| small(word).filter(|value| *value < 10)) else {
            break;
        };
        above = above * 10 + digit;
        below *= 10;
    }
    (below > 1).then_some(number(above, below))
}

/// A whole number: `three hundred and four`, `a dozen`.
fn cardinal(words: &mut Words) -> Option<i64> {
    let (mut total, mut group) = (0_i64, 0_i64);
    let article = words.attempt(|words| {
        words.eat_any(&["a"]).then_some(())?;
        let (next, _) = words.peek()?;
        scale(next).map(|_| ())
    });
    let mut said = article.is_some();
    loop {
        if said && total > 0 {
            words.skip_comma();
        }
        let next = words.attempt(|words| {
            if group >= 100 || total > 0 {
                words.eat_any(&["and"]);
            }
            words.take(|word| {
                small(word)
                    .or_else(|| scale(word))
                    .map(|value| (value, scale(word)))
            })
        });
        let Some((value, scale)) = next else {
            break;
        };
        match scale {
            Some(100 | 12) => group = group.max(1).checked_mul(value)?,
            Some(scale) => {
                total = total.checked_add(group.max(1).checked_mul(scale)?)?;
                group = 0;
            }
            None => {
                // "five six" and "twenty twelve" are not numbers.
                let room = if group % 100 == 0 {
                    99
                } else if group % 10 == 0 {
                    9
                } else {
                    -1
                };
                if value > room || said && value == 0 {
                    return None;
                }
                group += value;
            }
        }
        said = true;
        if group > 999_999 {
            return None;
        }
    }
    said.then_some(total.checked_add(group)?)
}

/// The value of a word below one hundred.
fn small(word: &str) -> Option<i64> {
    match role(word)? {
        Small(value) => Some(value),
        _ => None,
    }
}

/// The value of an ordinal of one word.
fn ordinal(word: &str) -> Option<i64> {
    match role(word)? {
        Ordinal(value) => Some(value),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{WORDS, spoken};

    #[test]
    fn words_are_sorted() {
        assert!(WORDS.is_sorted_by(|left, right| left.0 < right.0));
    }

    #[test]
    fn numbers_in_words() {
        for (text, expected) in [
            ("twelve", "12"),
            ("twenty-five", "25"),
            ("three hundred and four", "304"),
            ("Two thousand, four hundred", "2400"),
            ("two thousand, four", "2000"),
            ("minus two", "-2"),
            ("negative three", "-3"),
            ("a dozen", "12"),
            ("two dozen eggs", "24"),
            ("half a dozen", "6"),
            ("a million", "1000000"),
            ("half a million", "500000"),
            ("one half", "1/2"),
            ("half", "1/2"),
            ("three-quarters", "3/4"),
            ("three fourths", "3/4"),
            ("a third", "1/3"),
            ("two and a half", "5/2"),
            ("one hundredth", "1/100"),
            ("three and three quarters", "15/4"),
            ("two point five", "25/10"),
            ("zero point zero five", "5/100"),
            ("minus one half", "-1/2"),
            ("fifth", "5th"),
            ("twenty-fifth", "25th"),
            ("twenty fifths", "20/5"),
            ("six apples", "6"),
            ("two and three", "2"),
            // Not numbers.
            ("five six", ""),
            ("three quarter", "3"),
            ("quarter", ""),
            ("a five", ""),
            ("minus fifth", ""),
            ("zero zero", ""),
            ("oneness", ""),
            ("and five", ""),
        ] {
            let value = spoken(text).map_or(String::new(), |number| {
                let below = match (number.ordinal, number.denominator) {
                    (true, _) => "th".to_owned(),
                    (false, 1) => String::new(),
                    (false, below) => format!("/{below}"),
                };
                format!("{}{below}", number.numerator)
            });
            assert_eq!(value, expected, "{text}");
        }
    }
}
