//! What belongs to a number and follows it: powers, percent signs, units.

use super::part::Part;
use super::piece::{CURRENCY, Kind, is_unspaced};
use super::sentence::Sentence;
use super::word::Tag;
use crate::vocabulary;

impl Sentence<'_, '_> {
    /// The end of powers, signs and units after an operand.
    pub(super) fn suffixes(&self, mut at: usize, depth: usize, part: &mut Part) -> usize {
        part.bare = at;
        loop {
            let glued = self.glued(at);
            match self.kind(at) {
                Some(Kind::Raised) => at += 1,
                Some(Kind::Sign('_')) if glued => at = self.script(at + 1),
                Some(Kind::Sign('%' | '°' | '\'')) => {
                    part.unclear |= self.sign(at) == Some('\'');
                    at += 1;
                    if matches!(self.word(at), "C" | "F") {
                        at += 1;
                        part.bare = at;
                        return at;
                    }
                }
                Some(Kind::Sign('!')) if glued => {
                    // At the end of a sentence it may be a mark of exclamation.
                    let last = at + 1 == self.pieces.len();
                    let amount = (0..at)
                        .rev()
                        .take(3)
                        .any(|at| self.sign(at) == Some(CURRENCY));
                    part.unclear |= last && !amount;
                    if last && amount {
                        return at;
                    }
                    at += 1;
                }
                Some(Kind::Sign('^')) => {
                    let exponent = self.signs(at + 1);
                    let mut ignored = Part::default();
                    let Some(end) = self.operand(exponent, depth + 1, &mut ignored) else {
                        part.unclear = true;
                        return at + 1;
                    };
                    at = end;
                }
                Some(Kind::Sign('+'))
                    if glued && !self.glued(at + 1) && self.tag(at + 1).is_some() =>
                {
                    part.unclear = true; // "5+ years"
                    return at + 1;
                }
                Some(Kind::Sign(CURRENCY)) => {
                    part.bare = at;
                    return at + 1;
                }
                Some(Kind::Word) => {
                    let (end, bare) = self.word_suffix(at, part);
                    part.bare = bare;
                    return end;
                }
                _ => {
                    part.bare = at;
                    return at;
                }
            }
            part.bare = at;
        }
    }

    /// A subscript: a number, a word or a group.
    pub(super) fn script(&self, at: usize) -> usize {
        match self.kind(at) {
            Some(Kind::Sign('{' | '(')) => {
                let closes = |at: &usize| matches!(self.sign(*at), Some('}' | ')'));
                (at..self.pieces.len().min(at + 16))
                    .find(closes)
                    .map_or(at, |end| end + 1)
            }
            Some(Kind::Number(_) | Kind::Word) => at + 1,
            _ => at,
        }
    }

    /// The end of a word that belongs to a number: a unit, `percent`, `million`; and the end
    /// without the unit.
    fn word_suffix(&self, at: usize, part: &mut Part) -> (usize, usize) {
        let glued = self.glued(at);
        let word = self.word(at);
        let after_digits = at > 0 && self.is_number(at - 1);
        if glued && after_digits && !word.starts_with(is_unspaced) && word.is_ascii() {
            if matches!(word, "st" | "nd" | "rd" | "th") {
                part.ordinal = true;
                return (at + 1, at + 1);
            }
            if self.is_thousands(at) {
                return (at + 1, at + 1);
            }
            if self.is_glued_unit(at) {
                part.has_unit = true;
                part.measured = true;
                return (at + 1, at);
            }
            if self.tags[at] == Tag::Letter {
                if matches!(word, "x" | "X") && self.is_number(at + 1) {
                    part.unclear |= self.word(at - 1) == "0"; // "0x1F"
                    return (at, at); // "3x4"
                }
                part.letters |= !matches!(word, "i" | "e");
                let end = at + 1;
                // "10C2"
                part.unclear |= self.glued(end) && self.is_number(end);
                let end = if self.sign(end) == Some('^') {
                    self.unit_power(end)
                } else {
                    end
                };
                return (end, end);
            }
            let known = self.unit(at, after_digits) > at;
            if !known
                && !matches!(
                    self.tags[at],
                    Tag::Daytime | Tag::Sign | Tag::Constant | Tag::Function
                )
                && !self.names_unit(at)
            {
                part.unclear = true;
                return (at + 1, at + 1);
            }
        }
        match self.tags[at] {
            Tag::Sign | Tag::Power | Tag::Scale | Tag::Part => {
                part.unclear |= self.tags[at] == Tag::Power;
                part.fraction |= self.tags[at] == Tag::Part;
                let end = at + 1;
                (end, end)
            }
            Tag::Number if matches!(word, "thousand" | "hundred") => (at + 1, at + 1),
            Tag::Daytime => (at + 1, at + 1),
            _ => match self.unit(at, after_digits) {
                end if end > at => {
                    part.has_unit = true;
                    part.measured = true;
                    (end, at)
                }
                _ => (at, at),
            },
        }
    }

    /// Whether a letter multiplies the price before it: `$5k`, `2M dollars`.
    pub(super) fn is_thousands(&self, at: usize) -> bool {
        let priced = at > 1 && self.sign(at - 2) == Some(CURRENCY)
            || matches!(self.word(at + 1), "dollars" | "euros" | "pounds");
        matches!(self.word(at), "k" | "K" | "M")
            && self.glued(at)
            && at > 0
            && self.is_number(at - 1)
            && priced
    }

    /// Whether a letter right after a number is a unit and no variable: "It takes 3h."
    pub(super) fn is_glued_unit(&self, at: usize) -> bool {
        let is_word = |at: &usize| self.kind(*at) == Some(Kind::Word);
        matches!(
            self.word(at),
            "m" | "g" | "s" | "h" | "L" | "l" | "N" | "J" | "W" | "V" | "K" | "A"
        ) && at > 0
            && self.is_number(at - 1)
            && (self.word(at) != "A" || self.speaks_of(&["current"]))
            && self.glued(at)
            && !self.glued(at + 1) | matches!(self.sign(at + 1), Some('.' | ',' | '!' | ';' | '?'))
            && !(0..self.pieces.len()).any(|at| self.sign(at) == Some('='))
            && (0..self.pieces.len()).filter(is_word).count() > 2
    }

    /// The end of a unit with its powers and divisors: `square feet`, `m/s^2`, `km per hour`.
    fn unit(&self, at: usize, after_digits: bool) -> usize {
        let mut end = at;
        while self.is_square(end) {
            end += 1;
            end += usize::from(self.sign(end) == Some('.') && self.glued(end));
        }
        let single = after_digits
            && matches!(
                self.word(end),
                "m" | "g" | "s" | "h" | "L" | "l" | "N" | "J" | "W" | "V" | "K"
            );
        let symbol = single
            || self.word(end).starts_with(['µ', 'μ']) && self.word(end).len() > 2
            || matches!(
                self.word(end),
                "kΩ" | "Ω"
                    | "kW"
                    | "kWh"
                    | "Hz"
                    | "GB"
                    | "MB"
                    | "KB"
                    | "TB"
                    | "mA"
                    | "kHz"
                    | "MHz"
                    | "GHz"
                    | "dB"
                    | "kPa"
            );
        if !(self.names_unit(end) || symbol && self.kind(end) == Some(Kind::Word)) {
            return at;
        }
        end = self.unit_power(end + 1);
        while matches!(self.sign(end), Some('/' | '*')) || self.word(end) == "per" {
            let divisor = self.word(end + 1);
            let is_unit = self.kind(end + 1) == Some(Kind::Word)
                && (vocabulary::unit(divisor).is_some() || divisor.len() == 1);
            if !is_unit {
                break;
            }
            end = self.unit_power(end + 2);
        }
        end
    }

    /// Whether the piece is a word that names a unit.
    pub(super) fn names_unit(&self, at: usize) -> bool {
        self.kind(at) == Some(Kind::Word)
            && self.word(at) != "has"
            && vocabulary::unit(self.word(at)).is_some()
    }

    fn is_square(&self, at: usize) -> bool {
        ["square", "sq", "cubic", "cu"]
            .iter()
            .any(|word| word.eq_ignore_ascii_case(self.word(at)))
    }

    /// The end of the power of a unit: `^2`, `²`, `2`.
    fn unit_power(&self, at: usize) -> usize {
        match self.kind(at) {
            Some(Kind::Raised) => at + 1,
            Some(Kind::Number(_)) if self.glued(at) => at + 1,
            Some(Kind::Sign('^')) => {
                let power = self.signs(at + 1);
                match self.kind(power) {
                    Some(Kind::Number(_)) => power + 1,
                    Some(Kind::Sign('{')) => self.script(power),
                    _ => at + 1,
                }
            }
            _ => at,
        }
    }
}
