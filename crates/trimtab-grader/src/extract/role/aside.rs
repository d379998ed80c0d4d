//! Values that are no result: conditions, operands, comparisons and what is known already.

use super::clause::Clause;
use super::is_word;
use crate::extract::piece::is_unspaced;
use crate::extract::sentence::Sentence;
use crate::extract::span::{Span, SpanForm};
use crate::extract::word::Tag;

/// A value in its sentence.
#[derive(Clone, Copy)]
pub(super) struct Place<'t, 'p> {
    pub(super) sentence: Sentence<'t, 'p>,
    pub(super) spans: &'p [Span],
    pub(super) index: usize,
    /// Where the value begins, with the adverbs before it.
    pub(super) at: usize,
    pub(super) clause: Clause,
}

impl Place<'_, '_> {
    fn span(&self) -> &Span {
        &self.spans[self.index]
    }

    /// The tag of a word before the value.
    fn before(&self, back: usize) -> Option<Tag> {
        self.at
            .checked_sub(back)
            .and_then(|at| self.sentence.tag(at))
    }

    /// Whether the value is a condition, an operand, a comparison or denied.
    pub(super) fn is_aside(&self) -> bool {
        let (sentence, span) = (self.sentence, self.span());
        let word = self.before(1);
        self.is_qualified()
            || is_bounded(sentence, span)
            || is_ruled_out(sentence, span)
            || follows_operation(sentence, self.at, self.clause.first)
            || is_multiplier(sentence, span)
            // "for n = 3 the value is"
            || span.relation && span.value == span.first && word == Some(Tag::Preposition)
            || restates(sentence, self.spans, self.index, self.at)
            || self.is_whole_of_part()
            || word == Some(Tag::Per)
    }

    /// Whether the words right before the value deny it or compare with it.
    fn is_qualified(&self) -> bool {
        let (sentence, span) = (self.sentence, self.span());
        let word = self.before(1);
        let literal = span.first.checked_sub(1).map_or("", |at| sentence.word(at));
        // "it can't be 5"
        let denied = word == Some(Tag::Copula) && self.before(2) == Some(Tag::Not);
        // "25% (1/4)"
        let repeats = span.parenthesized
            && self.spans[..self.index]
                .iter()
                .any(|other| other.end == span.first);
        // "the negative of 5", "instead of 5"
        let of_other =
            word == Some(Tag::Of) && matches!(self.before(2), Some(Tag::Negative | Tag::Not));
        let excepted = literal == "but" && excepts(sentence, span.first);
        let compared = matches!(
            word,
            Some(Tag::Not | Tag::Than | Tag::Between | Tag::Operation | Tag::Hidden | Tag::Part)
        );
        denied || repeats || of_other || excepted || compared || literal == "base"
    }

    /// Whether the value is the whole of which another is a part: "18 out of 20", "6 of 30", "14
    /// students out of a class of 20".
    fn is_whole_of_part(&self) -> bool {
        let (sentence, at) = (self.sentence, self.at);
        if self.before(1) != Some(Tag::Of) {
            return false;
        }
        let out_of = (at.saturating_sub(5)..at)
            .any(|at| sentence.tag(at) == Some(Tag::Out) && sentence.tag(at + 1) == Some(Tag::Of));
        out_of
            || self.spans[..self.index].iter().any(|other| {
                other.end + 1 == at
                    || other.end + 2 == at && sentence.tag(other.end) == Some(Tag::Out)
            })
    }

    /// Whether the value is known already, or says how much more or when.
    pub(super) fn is_known(&self) -> bool {
        const PARTICLES: [&str; 4] = ["に", "で", "あたり", "ごと"];
        let (sentence, span) = (self.sentence, self.span());
        let word = self.before(1);
        // "the interval (-2, 3)"
        let named =
            word == Some(Tag::Plain) && self.before(2) == Some(Tag::Definite) && !span.relation;
        // "1日に", "1週間で"
        let after = sentence.word(span.end);
        let particle =
            after.starts_with(is_unspaced) && PARTICLES.iter().any(|end| after.ends_with(end));
        // "3 more than Tom", "the 7th term"
        let counts = span.form == SpanForm::Ordinal && is_word(sentence, span.end);
        let compares = sentence.tag(span.end) == Some(Tag::More);
        named
            || particle
            || counts
            || compares
            || word == Some(Tag::Definite)
            || opens_adjunct(sentence, self.at, self.clause)
            || span.form == SpanForm::Date && word == Some(Tag::Preposition)
            || span.form == SpanForm::Ordinal
            || is_time(sentence, span, self.at)
    }
}

/// Whether words bound the value: "at least 5", "over 5", "5 or more".
fn is_bounded(sentence: Sentence, span: &Span) -> bool {
    let before = |back: usize| {
        span.first
            .checked_sub(back)
            .map_or("", |at| sentence.word(at))
    };
    let bound = match before(1) {
        "least" | "most" => before(2) == "at" || before(2) == "At",
        "over" | "under" | "above" | "below" | "beyond" | "exceeds" | "exceed" | "exceeding"
        | "within" => true,
        "to" => {
            before(2) == "up"
                && span
                    .first
                    .checked_sub(3)
                    .is_some_and(|at| sentence.tag(at) == Some(Tag::Copula))
        }
        _ => false,
    };
    let open = sentence.tag(span.end) == Some(Tag::Or)
        && matches!(
            sentence.word(span.end + 1),
            "more" | "less" | "fewer" | "higher" | "lower" | "above"
        );
    bound || open
}

/// Whether words rule the value out: "we exclude 3", "x = 3 is impossible".
fn is_ruled_out(sentence: Sentence, span: &Span) -> bool {
    let before = span.first.checked_sub(1).map_or("", |at| sentence.word(at));
    let verb = matches!(
        before,
        "exclude"
            | "excludes"
            | "excluding"
            | "discard"
            | "discards"
            | "discarding"
            | "reject"
            | "rejects"
            | "rejecting"
            | "contradicts"
            | "contradict"
            | "try"
            | "trying"
    );
    let rules_out = before == "out" && span.first > 1 && sentence.word(span.first - 2).len() < 7;
    verb || rules_out || sentence.is_ruled_out_at(span.end)
}

/// Whether "but" excepts something: "all but 7".
fn excepts(sentence: Sentence, at: usize) -> bool {
    (at.saturating_sub(5)..at).any(|at| {
        matches!(
            sentence.word(at),
            "all" | "any" | "anything" | "every" | "everything" | "nothing" | "none"
        )
    })
}

/// Whether a span says an earlier one in another unit: `87 minutes, or 1 hour and 27 minutes`.
fn restates(sentence: Sentence, spans: &[Span], index: usize, at: usize) -> bool {
    let Some(before) = index.checked_sub(1).map(|index| &spans[index]) else {
        return false;
    };
    let or = at.checked_sub(1).and_then(|at| sentence.tag(at)) == Some(Tag::Or);
    let comma = at >= 2 && sentence.sign(at - 2) == Some(',') && before.end == at - 2;
    let unit = |span: &Span| sentence.word(span.bare.min(span.end - 1));
    or && comma && before.bare < before.end && unit(before) != unit(&spans[index])
}

/// Whether a word such as "sum of" comes before, in the same clause.
fn follows_operation(sentence: Sentence, at: usize, first: usize) -> bool {
    let mut back = at;
    while back > first && back + 6 > at {
        back -= 1;
        match sentence.tag(back) {
            Some(Tag::Operation | Tag::Hidden | Tag::Part) => {
                let article = back.checked_sub(1).and_then(|at| sentence.tag(at));
                let relates = matches!(
                    sentence.word(back),
                    "multiple"
                        | "multiples"
                        | "divisor"
                        | "divisors"
                        | "power"
                        | "powers"
                        | "square"
                        | "cube"
                        | "root"
                        | "divisible"
                );
                return relates || article != Some(Tag::Article);
            }
            Some(Tag::Copula | Tag::Gives) => return false,
            _ if sentence.sign(back) == Some('=') => return false,
            _ => {}
        }
    }
    false
}

/// Whether the clause begins with a preposition before the number and a comma ends it:
/// `After 12 months, ...`
fn opens_adjunct(sentence: Sentence, at: usize, clause: Clause) -> bool {
    const MAX_PIECES: usize = 12;
    const SUBJECTS: [&str; 8] = ["it", "he", "she", "they", "we", "there", "you", "I"];
    let first = sentence.tag(clause.first) == Some(Tag::Preposition) && clause.first + 3 > at;
    let subject =
        (at..sentence.pieces.len().min(at + 6)).any(|at| SUBJECTS.contains(&sentence.word(at)));
    let comma = || {
        (at..sentence.pieces.len().min(at + MAX_PIECES)).any(|at| sentence.sign(at) == Some(','))
    };
    first && (subject || comma())
}

/// Whether a number says how often something is taken: `3 times as many`.
fn is_multiplier(sentence: Sentence, span: &Span) -> bool {
    let times = (span.bare..=span.end).find(|at| sentence.word(*at) == "times");
    times.is_some_and(|at| {
        matches!(
            sentence.tag(at + 1),
            Some(Tag::Than | Tag::More | Tag::Definite | Tag::Number)
        )
    })
}

/// Whether a number is a year or a time of day that says when something happens.
fn is_time(sentence: Sentence, span: &Span, at: usize) -> bool {
    let preposition = matches!(
        at.checked_sub(1).and_then(|at| sentence.tag(at)),
        Some(Tag::Preposition | Tag::Of | Tag::Subordinate)
    );
    let text = sentence.word(span.first);
    let year = span.end == span.first + 1
        && text.len() == 4
        && text.starts_with(['1', '2'])
        && text.bytes().all(|byte| byte.is_ascii_digit());
    let daytime = (span.first..span.end).any(|at| sentence.tag(at) == Some(Tag::Daytime));
    preposition && (year || daytime)
}
