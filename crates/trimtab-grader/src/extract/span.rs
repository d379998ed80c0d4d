//! Where a value begins and ends: a number with everything that belongs to it.

use super::digits::Form;
use super::piece::{CURRENCY, Kind, Piece, is_unspaced};
use super::word::{Tag, tag};
use crate::vocabulary;

/// A value in a sentence, or something with a number that is none.
#[derive(Clone, Debug)]
pub(super) struct Span {
    /// Its pieces: `first..end`.
    pub(super) first: usize,
    pub(super) end: usize,
    /// The end without a unit.
    pub(super) bare: usize,
    /// Where the value begins: after the last equals sign, unless what is before it has variables.
    pub(super) value: usize,
    pub(super) form: SpanForm,
    /// Whether it has an equals sign or the like.
    pub(super) relation: bool,
    /// Whether it is a lone number in parentheses.
    pub(super) parenthesized: bool,
}

/// What a span is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum SpanForm {
    /// A value.
    Value,
    /// A name without a value: `$x$`, `$AB$`.
    Name,
    /// An ordinal number: `8th`.
    Ordinal,
    /// Digits that belong to a name or label: `H2O`, `#12`.
    Label,
    /// Something with a number that is not understood.
    Unclear,
}

/// The pieces of a sentence.
#[derive(Clone, Copy)]
pub(super) struct Sentence<'t, 'p> {
    pub(super) text: &'t str,
    pub(super) pieces: &'p [Piece],
    pub(super) tags: &'p [Tag],
}

/// The tags of pieces.
pub(super) fn tags(text: &str, pieces: &[Piece]) -> Vec<Tag> {
    let tag_of = |piece: &Piece| match piece.kind {
        Kind::Word => tag(&text[piece.start..piece.end]),
        _ => Tag::Plain,
    };
    pieces.iter().map(tag_of).collect()
}

/// The spans of a sentence, in order.
pub(super) fn spans(sentence: Sentence) -> Vec<Span> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < sentence.pieces.len() {
        match sentence.span(at) {
            Some(span) => {
                at = span.end.max(at + 1);
                found.push(span);
            }
            None => at += 1,
        }
    }
    found
}

/// A part of a span: one side of a relation.
#[derive(Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "they are independent")]
struct Part {
    end: usize,
    bare: usize,
    operands: usize,
    operators: usize,
    /// It has a variable.
    letters: bool,
    /// It consists of formulas that are names, and of letters.
    names: bool,
    /// Two numbers with a hyphen between them, which may be a range.
    range: bool,
    unclear: bool,
    ordinal: bool,
    has_unit: bool,
    fraction: bool,
}

const MAX_DEPTH: usize = 8;

impl<'t> Sentence<'t, '_> {
    pub(super) fn word(&self, at: usize) -> &'t str {
        self.pieces
            .get(at)
            .map_or("", |piece| &self.text[piece.start..piece.end])
    }

    pub(super) fn kind(&self, at: usize) -> Option<Kind> {
        self.pieces.get(at).map(|piece| piece.kind)
    }

    pub(super) fn tag(&self, at: usize) -> Option<Tag> {
        match self.kind(at)? {
            Kind::Word => Some(self.tags[at]),
            _ => None,
        }
    }

    pub(super) fn sign(&self, at: usize) -> Option<char> {
        match self.kind(at)? {
            Kind::Sign(sign) => Some(sign),
            _ => None,
        }
    }

    /// Whether the piece follows the one before it without a blank.
    pub(super) fn glued(&self, at: usize) -> bool {
        at > 0 && self.pieces.get(at).is_some_and(|piece| !piece.spaced)
    }

    fn is_number(&self, at: usize) -> bool {
        matches!(self.kind(at), Some(Kind::Number(_)))
    }

    /// The span that begins at the piece.
    pub(super) fn span(&self, at: usize) -> Option<Span> {
        if let Some(span) = self.label(at) {
            return Some(span);
        }
        let first_part = self.part(at, 0)?;
        let mut span = Span {
            first: at,
            end: first_part.end,
            bare: first_part.bare,
            value: at,
            form: SpanForm::Value,
            relation: false,
            parenthesized: first_part.operands == 1
                && first_part.operators == 0
                && self.sign(at) == Some('(')
                && !(at..first_part.end).any(|at| self.sign(at) == Some(',')),
        };
        let last = self.relations(&mut span, first_part);
        self.lists(&mut span, &last);
        let dangles = self.sign(span.end).is_some_and(is_relation);
        span.form = if last.unclear || last.range && !span.relation || dangles {
            SpanForm::Unclear
        } else if last.ordinal {
            SpanForm::Ordinal
        } else if last.names && !span.relation {
            SpanForm::Name
        } else {
            SpanForm::Value
        };
        self.combined(&mut span, &last);
        Some(span)
    }

    /// Digits that belong to a name: `H2O`, `#12`, `GPT-4`, and addresses.
    fn label(&self, at: usize) -> Option<Span> {
        let label = |end: usize| {
            Some(Span {
                first: at,
                end,
                bare: end,
                value: at,
                form: SpanForm::Label,
                relation: false,
                parenthesized: false,
            })
        };
        match self.kind(at)? {
            Kind::Sign('#') if self.is_number(at + 1) => label(at + 2),
            Kind::Word if !self.word(at).starts_with(is_unspaced) => {
                let currency = self.tag(at) == Some(Tag::Currency);
                let mut end = at + 1;
                let hyphen = self.sign(end) == Some('-') && self.glued(end);
                let digits = end + usize::from(hyphen);
                if currency || !(self.is_number(digits) && self.glued(digits)) {
                    return None;
                }
                if hyphen && self.tag(at) == Some(Tag::Letter) {
                    return None; // "x-5"
                }
                while self.glued(end)
                    && matches!(
                        self.kind(end),
                        Some(Kind::Word | Kind::Number(_) | Kind::Sign('-'))
                    )
                {
                    end += 1;
                }
                // "R2 = 10" names what follows.
                if self.sign(end).is_some_and(is_relation) && self.part(end + 1, 0).is_some() {
                    return None;
                }
                label(end)
            }
            _ => None,
        }
    }

    /// Extends a span over relations: `x = 5`, `3 + 4 = 7`. Returns the last side.
    fn relations(&self, span: &mut Span, first: Part) -> Part {
        let mut last = first;
        while let Some(sign) = self.sign(span.end).filter(|sign| is_relation(*sign)) {
            let Some(part) = self.part(span.end + 1, 0) else {
                break;
            };
            span.relation = true;
            // With a variable on the left, the relation is the value.
            let quantities = last.has_unit && part.has_unit && last.operators == 0;
            let keeps = last.letters || last.names || quantities || sign != '=';
            if !keeps {
                span.value = span.end + 1;
            }
            span.end = part.end;
            span.bare = part.bare;
            let unclear = last.unclear && keeps;
            last = part;
            last.unclear |= unclear;
        }
        last
    }

    /// Extends a span over the further items of a list: `3, 5 and 7`.
    fn lists(&self, span: &mut Span, last: &Part) {
        let mut end = span.end;
        let mut bare = span.bare;
        let mut items = 1;
        let mut joined = false;
        loop {
            let mut at = end;
            let comma = matches!(self.sign(at), Some(',' | ';'));
            at += usize::from(comma);
            let word = matches!(self.tag(at), Some(Tag::And | Tag::Or)) || self.is_and(at);
            at += usize::from(word);
            if !comma && !word || self.label(at).is_some() {
                break;
            }
            let Some(mut part) = self.part(at, 0) else {
                break;
            };
            let mut item = Span {
                first: at,
                end: part.end,
                ..span.clone()
            };
            item.relation = false;
            part = self.relations(&mut item, part);
            if part.unclear || item.relation != span.relation || part.names && !last.names {
                break;
            }
            // "3 hours and 20 minutes" is one quantity.
            if word && last.has_unit && part.has_unit && !self.same_unit(span, &item, part) {
                span.form = SpanForm::Unclear;
            }
            end = item.end;
            bare = part.bare;
            items += 1;
            joined |= word;
        }
        if items > 2 || joined || items == 2 && span.relation {
            if span.value != span.first && items > 1 {
                span.value = span.first;
            }
            span.end = end;
            span.bare = bare;
        }
    }

    fn is_and(&self, at: usize) -> bool {
        matches!(
            self.word(at),
            "und" | "et" | "y" | "e" | "ed" | "и" | "和" | "と" | "&"
        )
    }

    fn same_unit(&self, span: &Span, item: &Span, part: Part) -> bool {
        let same = |left: usize, right: usize| {
            let (left, right) = (self.word(left), self.word(right));
            let known = vocabulary::unit(left);
            left == right || known.is_some() && known == vocabulary::unit(right)
        };
        let (left, right) = (span.bare..span.end, part.bare..item.end);
        left.len() == right.len() && left.zip(right).all(|(left, right)| same(left, right))
    }

    /// Marks a span that goes on in a way that changes its value: `2/3 of 90`, `5 ft 7`, `3 to 5`.
    fn combined(&self, span: &mut Span, last: &Part) {
        let mut at = span.end;
        let glued_hyphen = self.sign(at) == Some('-') && self.glued(at);
        if glued_hyphen && matches!(self.kind(at + 1), Some(Kind::Word)) {
            span.form = SpanForm::Label; // "5-digit"
            span.end = at + 2;
            return;
        }
        let joint = match self.tag(at) {
            Some(Tag::Of) if last.fraction || self.sign(at - 1) == Some('%') => 1,
            Some(Tag::To) if !last.has_unit || self.is_number(at + 1) => 1,
            Some(Tag::Preposition) if self.word(at) == "in" && self.is_number(at + 1) => {
                usize::from(self.word(at + 1).len() != 4)
            }
            Some(Tag::More) if self.tag(at + 1) == Some(Tag::Than) => 2,
            Some(Tag::Out) if self.tag(at + 1) == Some(Tag::Of) => return,
            _ => 0,
        };
        at += joint;
        if joint == 0 && !self.is_number(at) {
            return;
        }
        while matches!(self.tag(at), Some(Tag::Definite | Tag::Article)) {
            at += 1;
        }
        if let Some(part) = self.part(at, 0) {
            let ratio = self.tag(span.end) == Some(Tag::To) && self.speaks_of_ratio();
            span.form = if ratio {
                SpanForm::Value
            } else {
                SpanForm::Unclear
            };
            span.end = part.end;
            span.bare = part.bare;
        }
    }

    fn speaks_of_ratio(&self) -> bool {
        (0..self.pieces.len()).any(|at| {
            ["ratio", "odds", "proportion", "scale"]
                .iter()
                .any(|word| word.eq_ignore_ascii_case(self.word(at)))
        })
    }

    /// An expression, from its first sign to its last unit.
    fn part(&self, at: usize, depth: usize) -> Option<Part> {
        let mut part = Part {
            names: true,
            ..Part::default()
        };
        let mut at = self.signs(at);
        loop {
            let mut next = part;
            let Some(end) = self.operand(at, depth, &mut next) else {
                // An operator without an operand after it is no operator.
                return (part.operands > 0).then_some(part);
            };
            part = next;
            part.operators += usize::from(part.operands > 0);
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
    fn signs(&self, mut at: usize) -> usize {
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
    fn operand(&self, at: usize, depth: usize, part: &mut Part) -> Option<usize> {
        if depth > MAX_DEPTH {
            return None;
        }
        match self.kind(at)? {
            Kind::Number(form) => {
                part.names = false;
                part.unclear |= form == Form::Odd;
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
                let argument = at + 1 + 2 * usize::from(next == Some('^'));
                part.names = false;
                self.operand(self.signs(argument), depth + 1, part)
            }
            Tag::Number | Tag::Part => self.number_words(at, part),
            Tag::One => {
                let end = self.number_words(at, part)?;
                (end > at + 1 || part.operators > 0).then_some(end)
            }
            Tag::Article if matches!(self.tag(at + 1), Some(Tag::Scale | Tag::Part)) => {
                self.number_words(at, part)
            }
            Tag::Hidden => {
                part.unclear = true;
                Some(at + 1)
            }
            Tag::Letter | Tag::Article => {
                let operator = matches!(next, Some('=' | '^' | '_' | '+' | '*' | '/' | '−'))
                    || next.is_some_and(is_relation)
                    || matches!(next, Some('-' | '(')) && self.glued(at + 1);
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
            Tag::Plain | Tag::Unit
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
                if matches!(sign, ',' | ';' | ':' | '|') || is_relation(sign) {
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
            Kind::Sign('+' | '*' | '/' | '^' | '±' | '∓' | '−') => Some(at + 1),
            Kind::Sign('-') => {
                // A hyphen has blanks on both sides or on none, or is a sign.
                if !piece.spaced && !glued_after {
                    return None;
                }
                part.range |= !piece.spaced && self.is_number(at - 1) && self.is_number(at + 1);
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
            _ => None,
        }
    }

    /// The end of powers, signs and units after an operand.
    fn suffixes(&self, mut at: usize, depth: usize, part: &mut Part) -> usize {
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
    fn script(&self, at: usize) -> usize {
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
            if !matches!(
                self.tags[at],
                Tag::Unit | Tag::Month | Tag::Daytime | Tag::Sign | Tag::Constant | Tag::Function
            ) {
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
            Tag::Daytime => (at + 1, at + 1),
            _ => match self.unit(at, after_digits) {
                end if end > at => {
                    part.has_unit = true;
                    (end, at)
                }
                _ => (at, at),
            },
        }
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
        let symbol = single || matches!(self.word(end), "kΩ" | "Ω" | "kW" | "kWh" | "Hz");
        if self.tag(end) == Some(Tag::Month) {
            return end + 1;
        }
        if self.tag(end) != Some(Tag::Unit) && !(symbol && self.kind(end) == Some(Kind::Word)) {
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

/// Whether a sign relates two sides.
pub(super) fn is_relation(sign: char) -> bool {
    matches!(sign, '=' | '≈' | '≠' | '<' | '>' | '≤' | '≥' | '≡' | '∈')
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
