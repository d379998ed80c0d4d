//! Expressions in a sentence: signs, operands and operators.

use super::digits::Form;
use super::piece::{CURRENCY, Kind, Piece};
use super::sentence::{Sentence, is_relation};
use super::word::Tag;
use crate::vocabulary;

/// A part of a span: one side of a relation.
#[derive(Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "they are independent")]
pub(super) struct Part {
    pub(super) end: usize,
    pub(super) bare: usize,
    pub(super) operands: usize,
    pub(super) operators: usize,
    /// It has a variable.
    pub(super) letters: bool,
    /// It consists of formulas that are names, and of letters.
    pub(super) names: bool,
    /// Two numbers with a hyphen between them, which may be a range.
    pub(super) range: bool,
    pub(super) unclear: bool,
    pub(super) ordinal: bool,
    pub(super) has_unit: bool,
    /// It has a decimal point, a unit or a percent sign.
    pub(super) measured: bool,
    pub(super) fraction: bool,
}

/// Deepest groups and powers.
const MAX_DEPTH: usize = 8;

impl Sentence<'_, '_> {
    /// An expression, from its first sign to its last unit.
    pub(super) fn part(&self, at: usize, depth: usize) -> Option<Part> {
        let mut part = Part {
            names: true,
            ..Part::default()
        };
        let mut at = self.signs(at);
        loop {
            let mut next = part;
            next.operators += usize::from(part.operands > 0);
            let Some(end) = self.operand(at, depth, &mut next) else {
                // An operator without an operand after it is no operator.
                return (part.operands > 0).then_some(part);
            };
            part = next;
            part.operands += 1;
            part.end = self.suffixes(end, depth, &mut part);
            part.bare = end.max(part.bare);
            let mut next = part;
            let Some(after) = self.operator(part.end, &mut next) else {
                return Some(part);
            };
            at = self.signs(after);
            part.range = next.range;
            part.unclear = next.unclear;
        }
    }

    /// Skips signs, currencies and words for a sign before an operand.
    pub(super) fn signs(&self, mut at: usize) -> usize {
        loop {
            let skips = match self.kind(at) {
                Some(Kind::Sign('-' | '−' | '+' | '±' | '∓' | '≈' | CURRENCY)) => true,
                Some(Kind::Word) => match self.tags[at] {
                    Tag::Negative => true,
                    Tag::Currency => self.sign(at + 1) == Some(CURRENCY) || self.is_number(at + 1),
                    Tag::Letter => self.sign(at + 1) == Some(CURRENCY) && self.glued(at + 1),
                    _ => false,
                },
                _ => false,
            };
            if !skips {
                return at;
            }
            at += 1;
        }
    }

    /// The end of the operand that begins at the piece.
    pub(super) fn operand(&self, at: usize, depth: usize, part: &mut Part) -> Option<usize> {
        if depth > MAX_DEPTH {
            return None;
        }
        match self.kind(at)? {
            Kind::Number(form) => {
                part.names = false;
                part.measured |= self.word(at).contains(['.', ',']);
                part.unclear |= form == Form::Odd || self.may_group(at);
                Some(at + 1)
            }
            Kind::Formula => {
                let formula = self.word(at);
                part.names &= is_name(formula);
                part.letters |= !formula.bytes().any(|byte| byte.is_ascii_digit());
                Some(at + 1)
            }
            Kind::Command => {
                part.names = false;
                let end = at + 1;
                // `\sqrt 2` and `\sin 30`
                let open = self.word(at).ends_with(|c: char| c.is_ascii_alphabetic());
                let argument = open.then(|| self.operand(end, depth + 1, part)).flatten();
                Some(argument.unwrap_or(end))
            }
            Kind::Sign('√') => {
                part.names = false;
                self.operand(at + 1, depth + 1, part)
            }
            Kind::Sign('∞') => {
                part.names = false;
                Some(at + 1)
            }
            Kind::Sign('(' | '[' | '{' | '⟨' | '<' | '|' | '⌊' | '⌈') => {
                let end = self.group(at, depth)?;
                part.names = false;
                part.letters |= (at..end).any(|at| self.tag(at) == Some(Tag::Letter));
                Some(end)
            }
            Kind::Word => self.word_operand(at, depth, part),
            _ => None,
        }
    }

    fn word_operand(&self, at: usize, depth: usize, part: &mut Part) -> Option<usize> {
        let next = self.sign(at + 1);
        match self.tags[at] {
            Tag::Constant => {
                part.names = false;
                Some(at + 1)
            }
            Tag::Function => {
                let argument = match self.kind(at + 1) {
                    Some(Kind::Sign('^')) => at + 3,
                    // `log_2 9`
                    Some(Kind::Sign('_')) => self.script(at + 2),
                    Some(Kind::Raised) if self.glued(at + 1) => at + 2,
                    Some(Kind::Number(_)) if self.word(at) == "det" => return None,
                    _ => at + 1,
                };
                part.names = false;
                self.operand(self.signs(argument), depth + 1, part)
            }
            Tag::Operation => {
                let argument = self.root(at)?;
                part.names = false;
                self.operand(argument, depth + 1, part)
            }
            Tag::Number | Tag::Part => self.number_words(at, part),
            Tag::One => {
                let end = self.number_words(at, part)?;
                (end > at + 1 || part.operators > 0).then_some(end)
            }
            Tag::Article if matches!(self.tag(at + 1), Some(Tag::Scale | Tag::Part)) => {
                self.number_words(at, part)
            }
            Tag::Letter | Tag::Article => {
                let operator = matches!(next, Some('=' | '^' | '_' | '+' | '*' | '/' | '−'))
                    || next.is_some_and(is_relation)
                    || matches!(next, Some('-' | '(')) && self.glued(at + 1)
                    || next == Some('-')
                        && self.is_number(at + 2)
                        && !matches!(self.word(at), "a" | "A" | "I");
                let continues = part.operands > 0 && (part.operators > 0 || self.glued(at));
                if !operator && !continues {
                    return None;
                }
                part.letters = true;
                let mut end = at + 1;
                // `f(x)`
                if next == Some('(') && self.glued(end) {
                    end = self.group(end, depth).unwrap_or(end);
                }
                Some(end)
            }
            // "R2 = 10"
            Tag::Plain
                if self.is_number(at + 1)
                    && self.glued(at + 1)
                    && self.sign(at + 2).is_some_and(is_relation) =>
            {
                part.letters = true;
                Some(at + 2)
            }
            _ => None,
        }
    }

    /// Where the argument of `root 7` or `square root of 7` begins.
    pub(super) fn root(&self, at: usize) -> Option<usize> {
        let root = at + usize::from(matches!(self.word(at), "square" | "cube"));
        let of = self.tag(root + 1) == Some(Tag::Of);
        let argument = root + 1 + usize::from(of);
        let has_argument = matches!(
            self.kind(argument),
            Some(Kind::Number(_) | Kind::Formula | Kind::Command)
        );
        (self.word(root) == "root" && has_argument).then_some(argument)
    }

    /// Whether the point of a number may separate thousands, as in German: `18.000 Euro`.
    fn may_group(&self, at: usize) -> bool {
        let number = self.word(at);
        let grouped = number.split_once('.').is_some_and(|(whole, group)| {
            (1..=3).contains(&whole.len()) && !whole.starts_with('0') && group.len() == 3
        });
        let words = |at: &usize| self.kind(*at) == Some(Kind::Word);
        grouped
            && !self.is_priced(at)
            && (0..self.pieces.len()).filter(words).count() > 1
            && !(0..self.pieces.len()).any(|at| is_english(self.word(at)))
    }

    /// Whether a currency stands beside a number.
    pub(super) fn is_priced(&self, at: usize) -> bool {
        const NAMES: [&str; 14] = [
            "Euro",
            "euro",
            "euros",
            "Euros",
            "EUR",
            "pesos",
            "reais",
            "đồng",
            "rupiah",
            "рублей",
            "kr",
            "zł",
            "dólares",
            "Franken",
        ];
        let sign = |at: usize| self.sign(at) == Some(CURRENCY);
        at > 0 && (sign(at - 1) || self.word(at - 1) == "Rp")
            || sign(at + 1)
            || self.tag(at + 1) == Some(Tag::Currency)
            || NAMES.contains(&self.word(at + 1))
    }

    /// Whether a number is a price with a point between its groups: `1.299 Euro`.
    pub(super) fn has_grouping_point(&self, at: usize) -> bool {
        let grouped = self.word(at).split_once('.').is_some_and(|(whole, group)| {
            (1..=3).contains(&whole.len()) && !whole.starts_with('0') && group.len() == 3
        });
        grouped
            && self.is_priced(at)
            && !(0..self.pieces.len()).any(|at| is_english(self.word(at)))
            && (0..self.pieces.len()).any(|at| self.kind(at) == Some(Kind::Word))
    }

    /// The end of a number in words, if the parser reads one.
    fn number_words(&self, at: usize, part: &mut Part) -> Option<usize> {
        let start = self.pieces[at].start;
        let last = self.pieces.last()?;
        let number = vocabulary::spoken(&self.text[start..last.end])?;
        if number.ordinal {
            return None;
        }
        part.names = false;
        part.fraction |= number.denominator != 1;
        let ends = |piece: &Piece| piece.end > start + number.end;
        let length = self.pieces[at..].iter().position(ends);
        Some(length.map_or(self.pieces.len(), |length| at + length))
    }

    /// The end of a group whose content is mathematics.
    fn group(&self, at: usize, depth: usize) -> Option<usize> {
        const MAX_PIECES: usize = 64;
        let open = self.sign(at)?;
        let closes = |sign: char| match open {
            '(' | '[' => matches!(sign, ')' | ']'),
            '{' => sign == '}',
            '⟨' => sign == '⟩',
            '<' => sign == '>',
            '⌊' => sign == '⌋',
            '⌈' => sign == '⌉',
            _ => sign == open,
        };
        let mut inner = at + 1;
        let mut items = 0;
        while inner < (at + MAX_PIECES).min(self.pieces.len()) {
            if let Some(sign) = self.sign(inner) {
                if closes(sign) {
                    let empty = items == 0 || open == '<' && items < 2;
                    return (!empty).then_some(inner + 1);
                }
                if matches!(sign, ',' | ';' | ':' | '|') || open == '{' && is_relation(sign) {
                    inner += 1;
                    continue;
                }
            }
            let lone = self.tag(inner) == Some(Tag::Letter);
            match self.part(inner, depth + 1) {
                Some(part) => inner = part.end,
                None if lone => inner += 1,
                None => return None,
            }
            items += 1;
        }
        None
    }

    /// The position after the operator at the piece, or the piece itself if the next operand is a
    /// factor.
    fn operator(&self, at: usize, part: &mut Part) -> Option<usize> {
        let piece = self.pieces.get(at)?;
        let glued_after = self.glued(at + 1);
        match piece.kind {
            Kind::Sign('+' | '*' | '/' | '^' | '±' | '∓' | '−' | '∪' | '∩') => {
                Some(at + 1)
            }
            Kind::Sign('-') => {
                // A hyphen has blanks on both sides or on none, or is a sign.
                if !piece.spaced && !glued_after {
                    return None;
                }
                // "3-5", but not "1-2√2"
                let goes_on = self.glued(at + 2)
                    && (matches!(self.sign(at + 2), Some('√' | '^' | '*' | '('))
                        || self.word(at + 2) == "i"
                        || self.tag(at + 2) == Some(Tag::Constant));
                part.range |=
                    !piece.spaced && self.is_number(at - 1) && self.is_number(at + 1) && !goes_on;
                Some(at + 1)
            }
            Kind::Sign(':') => (piece.spaced != glued_after).then_some(at + 1),
            Kind::Sign('(') if !piece.spaced && self.kind(at - 1) != Some(Kind::Word) => Some(at),
            Kind::Formula if !piece.spaced => Some(at),
            Kind::Command | Kind::Sign('√') => Some(at),
            Kind::Word => self.word_operator(at, part),
            Kind::Number(_) if piece.spaced && self.is_number(at - 1) => {
                // "2 1/2"
                let mixed =
                    self.sign(at + 1) == Some('/') && self.glued(at + 1) && self.is_number(at + 2);
                mixed.then_some(at)
            }
            _ => None,
        }
    }

    fn word_operator(&self, at: usize, part: &mut Part) -> Option<usize> {
        let number_after = self.is_number(at + 1);
        match self.tags[at] {
            Tag::Operator => {
                part.unclear |= self.word(at) != "times";
                let by = self.word(at + 1) == "by";
                Some(at + 1 + usize::from(by))
            }
            Tag::Negative if self.word(at).eq_ignore_ascii_case("minus") => {
                part.unclear = true;
                Some(at + 1)
            }
            Tag::Letter if matches!(self.word(at), "x" | "X") && number_after => Some(at + 1),
            Tag::Letter if self.glued(at) && self.is_number(at - 1) => Some(at),
            Tag::Constant | Tag::Function => Some(at),
            Tag::Operation if self.root(at).is_some() => Some(at),
            _ => None,
        }
    }
}

/// Whether a word is one of the most common English ones.
fn is_english(word: &str) -> bool {
    const WORDS: [&str; 25] = [
        "thus",
        "hence",
        "therefore",
        "we",
        "which",
        "the",
        "is",
        "are",
        "was",
        "were",
        "of",
        "he",
        "she",
        "it",
        "they",
        "to",
        "and",
        "so",
        "has",
        "have",
        "had",
        "there",
        "that",
        "cost",
        "costs",
    ];
    WORDS.iter().any(|known| known.eq_ignore_ascii_case(word))
}

/// Whether a formula is only a name: letters, brackets and scripts.
fn is_name(formula: &str) -> bool {
    let content = formula.trim_matches(['$', '\\', '(', ')', '[', ']', ' ']);
    let constants = ["\\pi", "\\infty", "\\emptyset", "\\varnothing", "e", "i"];
    let names_point = content.contains('_') || content.contains('\'');
    !content.is_empty()
        && !constants
            .iter()
            .any(|constant| *constant == content || formula.contains("\\pi"))
        && !content.contains(['=', '<', '>', '+', '-', '/', '^', '|'])
        && (names_point || !content.bytes().any(|byte| byte.is_ascii_digit()))
        && ![
            "\\frac", "\\sqrt", "\\le", "\\ge", "\\in", "\\cdot", "\\times", "\\pm", "\\cup",
        ]
        .iter()
        .any(|command| content.contains(command))
}
