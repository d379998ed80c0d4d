//! Where a value begins and ends: a number with everything that belongs to it.

use super::part::Part;
use super::piece::{Kind, is_unspaced};
use super::sentence::{Sentence, is_relation};
use super::word::Tag;
use crate::{date, vocabulary};

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
    /// A date.
    Date,
    /// A name without a value: `$x$`, `$AB$`.
    Name,
    /// An ordinal number: `8th`.
    Ordinal,
    /// Digits that belong to a name or label: `H2O`, `#12`.
    Label,
    /// Something with a number that is not understood.
    Unclear,
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

impl Sentence<'_, '_> {
    /// The span that begins at the piece.
    pub(super) fn span(&self, at: usize) -> Option<Span> {
        if let Some(span) = self.label(at) {
            return Some(span);
        }
        if let Some(span) = self.date(at) {
            return Some(span);
        }
        let first_part = self.part(at, 0)?;
        let dash = self.is_dash(at);
        let mut span = Span {
            first: at,
            end: first_part.end,
            bare: first_part.bare,
            value: at,
            form: SpanForm::Value,
            relation: false,
            parenthesized: first_part.operands == 1
                && first_part.operators == 0
                && matches!(self.sign(first_part.bare - 1), Some(')' | ']'))
                && self.sign(at) == Some('(')
                && !(at..first_part.end).any(|at| self.sign(at) == Some(',')),
        };
        let last = self.relations(&mut span, first_part);
        let compound = self.lists(&mut span, &first_part, &last);
        span.parenthesized &= !span.relation;
        // "13 = the distance", but not "3 + 4 ="
        let dangles = self.sign(span.end).is_some_and(is_relation)
            && self.kind(span.end + 1) != Some(Kind::Word);
        span.form = if dash || compound || last.unclear || last.range && !span.relation || dangles {
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

    /// Whether the piece is a dash between a word and a number, which may or may not be a sign:
    /// `Total - 17`, but not `a score of - 17`.
    fn is_dash(&self, at: usize) -> bool {
        let spaced =
            self.pieces[at].spaced && self.pieces.get(at + 1).is_some_and(|next| next.spaced);
        let before = at.checked_sub(1).and_then(|at| self.tag(at));
        let noun = at > 0 && matches!(self.word(at - 1), "Total" | "total" | "Result" | "result");
        self.sign(at) == Some('-')
            && spaced
            && before.is_some_and(|tag| {
                noun || !matches!(
                    tag,
                    Tag::Copula | Tag::Gives | Tag::Of | Tag::To | Tag::Preposition | Tag::Adverb
                )
            })
    }

    /// A date: `May 5, 2021`, `5 May`.
    fn date(&self, at: usize) -> Option<Span> {
        let day = |at: usize| self.is_number(at) && self.word(at).len() <= 2;
        let year = |at: usize| self.is_number(at) && self.word(at).len() == 4;
        let month = |at: usize| self.tag(at) == Some(Tag::Month);
        let ordinal = |at: usize| {
            usize::from(self.glued(at) && matches!(self.word(at), "st" | "nd" | "rd" | "th"))
        };
        if self.is_number(at) && self.word(at).len() == 4 && self.is_iso_date(at) {
            return Some(Span {
                first: at,
                end: at + 5,
                bare: at + 5,
                value: at,
                form: SpanForm::Date,
                relation: false,
                parenthesized: false,
            });
        }
        let mut end = if month(at) && (day(at + 1) || year(at + 1)) {
            at + 2 + ordinal(at + 2)
        } else if day(at) {
            let next = at + 1 + ordinal(at + 1);
            let next = next + usize::from(self.tag(next) == Some(Tag::Of));
            month(next).then_some(next + 1)?
        } else {
            return None;
        };
        let comma = usize::from(self.sign(end) == Some(','));
        if year(end + comma) {
            end += comma + 1;
        }
        let text = &self.text[self.pieces[at].start..self.pieces[end - 1].end];
        let form = match date::parse(text) {
            Some(_) => SpanForm::Date,
            None => SpanForm::Unclear,
        };
        Some(Span {
            first: at,
            end,
            bare: end,
            value: at,
            form,
            relation: false,
            parenthesized: false,
        })
    }

    /// Whether a date such as `2023-05-14` begins at the piece.
    fn is_iso_date(&self, at: usize) -> bool {
        (at + 1..at + 5).all(|at| self.glued(at))
            && self.sign(at + 1) == Some('-')
            && self.sign(at + 3) == Some('-')
            && !(self.is_number(at + 5) && self.glued(at + 5))
            && date::parse(&self.text[self.pieces[at].start..self.pieces[at + 4].end]).is_some()
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
            let rounds = sign == '≈' && last.measured;
            let keeps = last.letters || last.names || quantities || sign != '=' && !rounds;
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

    /// Extends a span over the further items of a list: `3, 5 and 7`. Returns whether it is one
    /// quantity in two units: `3 hours and 20 minutes`.
    fn lists(&self, span: &mut Span, first: &Part, last: &Part) -> bool {
        // "2x = 100, x = 50" is a derivation.
        let named = first.letters && first.operators == 0 && first.operands == 1;
        let derives = !named || self.is_number(span.first);
        if span.relation && derives {
            // "-2 < x < 1 or 2 < x < 6"
            let or = self.tag(span.end) == Some(Tag::Or);
            let Some(part) = self.part(span.end + 1, 0).filter(|_| or) else {
                return false;
            };
            span.end = part.end;
            self.relations(span, part);
            return true;
        }
        let mut compound = false;
        let mut end = span.end;
        let mut bare = span.bare;
        let mut items = 1;
        let mut joined = false;
        let (mut shared, mut spoken) = (false, false);
        loop {
            let mut at = end;
            let comma = matches!(self.sign(at), Some(',' | ';'));
            at += usize::from(comma);
            let close = comma && (self.glued(at) || self.sign(at - 1) == Some(';'));
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
            if self.is_ruled_out_at(item.end) {
                break;
            }
            // "x = 3, 1/3 or 4/3"
            let shares_name = span.relation && !item.relation;
            let differs = item.relation != span.relation && !shares_name;
            if part.unclear || differs || part.names && !last.names {
                break;
            }
            shared |= shares_name;
            spoken |= word;
            let differs = last.has_unit && part.has_unit && !self.same_unit(span, &item, part);
            // "14 days, or 2 weeks" says one value twice.
            if comma && differs && self.tag(at - 1) == Some(Tag::Or) {
                break;
            }
            compound |= word && differs;
            end = item.end;
            bare = part.bare;
            items += 1;
            joined |= word || close;
        }
        let joins = items > 2 || joined || items == 2 && span.relation;
        let ends = matches!(self.sign(end), Some('.')) || end == self.pieces.len();
        if joins && (spoken || !shared) || shared && ends {
            if span.value != span.first && items > 1 {
                span.value = span.first;
            }
            span.end = end;
            span.bare = bare;
        }
        compound
    }

    /// Whether the words at the piece rule out the value before them: "is impossible", "fails".
    pub(super) fn is_ruled_out_at(&self, at: usize) -> bool {
        match self.word(at) {
            "does" | "do" => self.tag(at + 1) == Some(Tag::Not),
            "fails" | "fail" | "doesn't" | "don't" | "cannot" | "can't" => true,
            _ if self.tag(at) == Some(Tag::Copula) => matches!(
                self.word(at + 1),
                "not"
                    | "impossible"
                    | "extraneous"
                    | "rejected"
                    | "excluded"
                    | "invalid"
                    | "wrong"
                    | "incorrect"
                    | "discarded"
                    | "inadmissible"
                    | "spurious"
            ),
            _ => false,
        }
    }

    /// Whether the word is "and" in another language, and not a variable.
    fn is_and(&self, at: usize) -> bool {
        let variable = self.sign(at + 1).is_some_and(is_relation);
        !variable
            && matches!(
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
            Some(Tag::Out) if self.tag(at + 1) == Some(Tag::Of) => {
                if !self.speaks_of(&CHANCES) {
                    return;
                }
                2
            }
            _ => 0,
        };
        // "10.txt"
        let file = self.sign(at) == Some('.')
            && self.glued(at)
            && self.glued(at + 1)
            && self
                .word(at + 1)
                .starts_with(|c: char| c.is_ascii_lowercase());
        if file {
            span.form = SpanForm::Label;
            span.end = at + 2;
            return;
        }
        // "x = 13 January", "10 (base 2)", "45 hundredths"
        let opens = self.sign(at) == Some('(') || self.word(at) == "in";
        let based = opens && matches!(self.word(at + 1), "base" | "mod");
        let part = matches!(self.word(at), "hundredths" | "thousandths");
        let month = at + usize::from(self.tag(at) == Some(Tag::Of));
        if based || part || self.tag(month) == Some(Tag::Month) {
            span.form = SpanForm::Unclear;
            return;
        }
        at += joint;
        if joint == 0 && !self.is_number(at) {
            return;
        }
        while matches!(self.tag(at), Some(Tag::Definite | Tag::Article)) {
            at += 1;
        }
        if let Some(part) = self.part(at, 0) {
            let ratio = match self.tag(span.end) {
                Some(Tag::To) => self.speaks_of(&RATIOS),
                Some(Tag::Out | Tag::Preposition) => self.speaks_of(&CHANCES),
                _ => false,
            };
            span.form = if ratio {
                SpanForm::Value
            } else {
                SpanForm::Unclear
            };
            span.end = part.end;
            span.bare = part.bare;
        }
    }

    pub(super) fn speaks_of(&self, words: &[&str]) -> bool {
        (0..self.pieces.len()).any(|at| {
            words
                .iter()
                .any(|word| word.eq_ignore_ascii_case(self.word(at)))
        })
    }
}

/// Words of sentences in which `3 to 5` is a ratio.
const RATIOS: [&str; 4] = ["ratio", "odds", "proportion", "scale"];
/// Words of sentences in which `1 in 6` and `9 out of 20` are fractions.
const CHANCES: [&str; 7] = [
    "probability",
    "chance",
    "chances",
    "odds",
    "likelihood",
    "fraction",
    "proportion",
];
