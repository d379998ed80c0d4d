//! Sets in words: `all real numbers except 0`, `the even integers`.

use super::builder::{every_second, multiples};
use super::{Parser, operand};
use crate::Reason;
use crate::expr::{Expr, Joint};
use crate::lex::Token;

/// Words that may stand before the name of a set.
const LEADS: [&str; 15] = [
    "all", "any", "every", "each", "the", "set", "of", "x", "is", "can", "be", "are", "a", "an",
    "both",
];

/// Words that may stand behind it.
const TRAILS: [&str; 7] = ["number", "numbers", "value", "values", "x", "of", "for"];

/// Words before what does not belong to the set.
const EXCEPT: [&str; 19] = [
    "except",
    "excluding",
    "but",
    "besides",
    "without",
    "other",
    "than",
    "apart",
    "from",
    "different",
    "not",
    "equal",
    "to",
    "for",
    "where",
    "with",
    "that",
    "such",
    "is",
];

/// The kind of the numbers of a set.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Kind {
    Real,
    Integer,
    Other(&'static str),
}

impl Parser<'_, '_, '_> {
    /// The set that the whole answer names in words.
    pub(super) fn worded_set(&mut self) -> Result<Option<Expr>, Reason> {
        if !matches!(
            self.peek(),
            Some(Token::Word(_) | Token::Text(_) | Token::Symbol(_))
        ) {
            return Ok(None);
        }
        let words = self.words();
        self.budget.spend(words.len() as u64)?;
        let mut rest = words.as_slice();
        let says = |rest: &[(String, usize)], known: &[&str]| {
            rest.first()
                .is_some_and(|(word, _)| known.contains(&word.as_str()))
        };
        while says(rest, &LEADS) {
            rest = &rest[1..];
        }
        if let Some(set) = self.multiples_of_number(rest) {
            return Ok(Some(set));
        }
        let Some(set) = named_set(&mut rest) else {
            return Ok(None);
        };
        while says(rest, &TRAILS) {
            rest = &rest[1..];
        }
        let end = words.last().map_or(0, |(_, end)| *end);
        if rest.is_empty() && end == self.tokens.len() {
            self.at = end;
            return Ok(Some(set));
        }
        // "except x = 3", "not equal to 3"
        let excepts = rest.first().is_some_and(|(word, _)| {
            EXCEPT[..9].contains(&word.as_str()) || matches!(word.as_str(), "not" | "different")
        });
        while says(rest, &EXCEPT) || says(rest, &TRAILS) {
            rest = &rest[1..];
        }
        if !excepts || !rest.is_empty() {
            return Ok(None);
        }
        let excluded = self.excluded(end)?;
        Ok(excluded.map(|items| {
            self.at = self.tokens.len();
            Expr::SetOperation('∖', Box::new((set, Expr::Set(items))))
        }))
    }

    /// `multiples of 3`, `integers divisible by 3`.
    fn multiples_of_number(&mut self, words: &[(String, usize)]) -> Option<Expr> {
        let texts: Vec<&str> = words.iter().map(|(word, _)| word.as_str()).collect();
        let says = matches!(
            texts.as_slice(),
            ["multiples", "of"]
                | [
                    "integer" | "integers" | "number" | "numbers" | "n",
                    "divisible",
                    "by"
                ]
                | [
                    "integer" | "integers" | "n",
                    "that",
                    "are" | "is",
                    "divisible",
                    "by"
                ]
        );
        let (_, end) = words.last()?;
        let [last] = self.tokens.get(*end..)? else {
            return None;
        };
        let Token::Number(digits) = last.token else {
            return None;
        };
        let number: i64 = digits
            .parse()
            .ok()
            .filter(|number| (2..10_000).contains(number))?;
        says.then(|| {
            self.at = self.tokens.len();
            multiples("k", number, 0)
        })
    }

    /// The numbers in the tokens from `start`: `0`, `1 and -1`, `= 3`.
    fn excluded(&mut self, start: usize) -> Result<Option<Vec<Expr>>, Reason> {
        let tokens = self.tokens.get(start..).unwrap_or(&[]);
        if tokens.is_empty() {
            return Ok(None);
        }
        let items = match self.slice(tokens)? {
            Expr::List { items, .. } | Expr::Set(items) => items,
            item => vec![item],
        };
        let value = |item: Expr| match item {
            Expr::Relation(_, mut rest) if rest.len() == 1 => rest.pop().map(|(_, value)| value),
            item => Some(item),
        };
        let values: Option<Vec<Expr>> = items.into_iter().map(value).collect();
        Ok(values.filter(|values| {
            values
                .iter()
                .all(|value| value.is_scalar() && value.symbols().is_empty())
        }))
    }

    /// The words with which the answer starts, in lower case, and the end of the tokens of each.
    fn words(&self) -> Vec<(String, usize)> {
        const MOST: usize = 24;
        let mut words: Vec<(String, usize)> = Vec::new();
        let mut run = false;
        for (at, lexeme) in self.tokens.iter().enumerate().skip(self.at) {
            let joins = run && !lexeme.spaced;
            run = false;
            match lexeme.token {
                Token::Word(text) | Token::Text(text) => {
                    for word in text.split(|c: char| !c.is_alphanumeric()) {
                        if !word.is_empty() {
                            words.push((word.to_lowercase(), at + 1));
                        }
                    }
                }
                Token::Symbol(letter) => {
                    run = true;
                    match words.last_mut() {
                        Some((word, end)) if joins => {
                            word.push_str(letter);
                            *end = at + 1;
                        }
                        _ => words.push((letter.to_owned(), at + 1)),
                    }
                }
                Token::Op('-' | '{' | '}') if lexeme.token != Token::Op('-') || !lexeme.spaced => {}
                Token::Op('∈') => words.push((operand::spelling(lexeme.token), at + 1)),
                _ => break,
            }
            if words.len() > MOST {
                break;
            }
        }
        // "except x = 3": the name belongs to what follows
        if words.len() > 1
            && words
                .last()
                .is_some_and(|(word, end)| word.len() == 1 && *end < self.tokens.len())
        {
            words.pop();
        }
        words
    }
}

/// The set of numbers whose name comes next: `nonzero real numbers`.
fn named_set(words: &mut &[(String, usize)]) -> Option<Expr> {
    let (mut sign, mut parity) = (None, None);
    loop {
        let ((word, _), rest) = words.split_first()?;
        match word.as_str() {
            "nonzero" => sign = Some('≠'),
            "positive" => sign = Some('>'),
            "negative" => sign = Some(if sign == Some('-') { '≥' } else { '<' }),
            "nonnegative" => sign = Some('≥'),
            "nonpositive" => sign = Some('≤'),
            "non" => sign = Some('-'),
            "zero" if sign == Some('-') => sign = Some('≠'),
            "even" => parity = Some(false),
            "odd" => parity = Some(true),
            "multiples" => return multiples_of(words),
            _ => break,
        }
        *words = rest;
    }
    let ((word, _), rest) = words.split_first()?;
    let kind = match word.as_str() {
        "real" | "reals" => Kind::Real,
        "integer" | "integers" => Kind::Integer,
        "number" | "numbers" if parity.is_some() => Kind::Integer,
        "number" | "numbers" if sign.is_some() => Kind::Real,
        "rational" | "rationals" => Kind::Other("Q"),
        "complex" => Kind::Other("C"),
        "natural" | "naturals" => Kind::Other("N"),
        _ => return None,
    };
    *words = rest;
    match (kind, parity, sign) {
        (Kind::Integer, Some(odd), None) => Some(every_second("k", odd)),
        (_, Some(_), _) | (Kind::Other(_), None, Some(_)) => None,
        (Kind::Other(set), None, None) => Some(Expr::Symbol(format!("mathbb {set}"))),
        (kind, None, sign) => signed(if kind == Kind::Real { "R" } else { "Z" }, sign),
    }
}

/// The numbers of a set with a sign.
fn signed(set: &str, sign: Option<char>) -> Option<Expr> {
    let x = || Box::new(Expr::Symbol("x".to_owned()));
    let set = Expr::Symbol(format!("mathbb {set}"));
    let sign = match sign {
        None => return Some(set),
        Some('-') => return None,
        Some(sign) => sign,
    };
    let items = vec![
        Expr::Relation(x(), vec![('∈', set)]),
        Expr::Relation(x(), vec![(sign, Expr::integer(0))]),
    ];
    Some(Expr::SetOf(Box::new(Expr::List {
        joint: Joint::And,
        items,
    })))
}

/// `multiples of 3`, whose number is in words here.
fn multiples_of(words: &mut &[(String, usize)]) -> Option<Expr> {
    let [_, (of, _), (number, _), rest @ ..] = *words else {
        return None;
    };
    let number = crate::vocabulary::number_phrase(number)?;
    *words = rest;
    (of == "of" && number > 1).then(|| multiples("k", number, 0))
}
