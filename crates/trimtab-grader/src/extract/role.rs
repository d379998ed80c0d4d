//! Which value of a sentence is its result.

use super::piece::{CURRENCY, Kind, is_unspaced};
use super::sentence::Sentence;
use super::span::{Span, SpanForm};
use super::word::Tag;

/// The part of a value in its sentence.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Role {
    /// A label. It does not count.
    Label,
    /// A condition, an operand, a comparison: it is not the result.
    Aside,
    /// Something that is known already: a year, `all 6 rooms`. It is the result if there is no
    /// other.
    Known,
    /// Nothing speaks for it or against it.
    Plain,
    /// It follows "is", "gives" or an equals sign.
    Said,
    /// The only value in bold letters.
    Bold,
}

/// What a sentence says.
#[derive(Clone, Debug)]
pub(super) enum Outcome {
    /// It has no value.
    Nothing,
    /// It has values, and nothing shows which one it says.
    Unclear(Span),
    /// It says this value.
    Value(Span),
}

/// A clause of a sentence.
#[derive(Clone, Copy, Default)]
struct Clause {
    number: usize,
    /// It starts with "so" or the like.
    concludes: bool,
    /// It gives reasons, conditions or remarks.
    subordinate: bool,
    /// It stands in parentheses.
    parenthesis: bool,
    /// It is a verbal noun: "after giving 3 to Mary".
    gerund: bool,
    /// A verb has been read.
    verb: bool,
    first: usize,
    /// The clause in which the conclusion begins.
    conclusion: usize,
}

impl Clause {
    /// The clause that begins with the piece, or the same one.
    fn next(self, sentence: Sentence, at: usize) -> Self {
        let next = |concludes, subordinate| Self {
            number: self.number + 1,
            concludes,
            subordinate,
            parenthesis: self.parenthesis,
            gerund: false,
            verb: false,
            first: at + 1,
            conclusion: self.number + 1,
        };
        match sentence.sign(at) {
            Some(';' | '⇒') => return next(true, false),
            Some(',') if sentence.word(at + 1) == "as" => return next(false, true),
            Some(',' | '—' | ':' | '=') => {
                return Self {
                    conclusion: self.conclusion,
                    ..next(self.concludes && !self.subordinate, false)
                };
            }
            Some('(' | ')') => return next(false, false),
            _ => {}
        }
        match sentence.tag(at) {
            Some(Tag::Conclusion) => next(true, false),
            Some(Tag::Which) => {
                let comes_to = sentence.word(at) == "leaving"
                    || sentence.word(at + 1) == "means"
                    || matches!(sentence.tag(at + 1), Some(Tag::Gives | Tag::Copula));
                next(comes_to, !comes_to)
            }
            Some(Tag::Subordinate) => next(false, true),
            Some(Tag::Preposition) if is_gerund(sentence.word(at + 1)) => Self {
                gerund: true,
                ..next(false, true)
            },
            // "when 29 is divided by 15 is"
            Some(Tag::Copula) if self.subordinate && self.verb => next(false, false),
            Some(Tag::Copula) if self.subordinate && !self.gerund => Self { verb: true, ..self },
            Some(Tag::Gives | Tag::Copula) if self.gerund && at > self.first => next(false, false),
            Some(Tag::Plain) if compares(sentence.word(at)) => next(false, true),
            _ => self,
        }
    }
}

fn is_gerund(word: &str) -> bool {
    word.len() > 4 && word.ends_with("ing") && !matches!(word, "thing" | "king" | "spring")
}

/// Whether what follows the word only supports a value: "agrees with 9^2".
fn compares(word: &str) -> bool {
    matches!(
        word,
        "agrees" | "matches" | "matching" | "confirms" | "confirming" | "verifies" | "consistent"
    )
}

/// Finds the value that a sentence says.
pub(super) fn outcome(sentence: Sentence, spans: &[Span]) -> Outcome {
    let clauses = clauses(sentence, spans);
    let mut rated: Vec<(Role, &Span)> = spans
        .iter()
        .enumerate()
        .map(|(index, span)| (role(sentence, spans, index, clauses[span.first]), span))
        .filter(|(role, _)| *role > Role::Label)
        .collect();
    let Some((_, last)) = rated.last().copied() else {
        return Outcome::Nothing;
    };
    // A name is a value only if there is no other.
    if rated.iter().any(|(_, span)| span.form != SpanForm::Name) {
        rated.retain(|(role, span)| {
            span.form != SpanForm::Name || *role == Role::Said && span.first == last.first
        });
    }
    let unclear = Outcome::Unclear(last.clone());
    let bold: Vec<&Span> = rated
        .iter()
        .filter(|(role, _)| *role == Role::Bold)
        .map(|(_, span)| *span)
        .collect();
    if let [only] = bold[..] {
        return settled(only);
    }
    let concluding = rated
        .iter()
        .filter(|(role, span)| *role >= Role::Plain && clauses[span.first].concludes)
        .map(|(_, span)| clauses[span.first].conclusion)
        .max();
    if let Some(number) = concluding {
        rated.retain(|(_, span)| clauses[span.first].number >= number);
    }
    let strong: Vec<(Role, &Span)> = {
        let plain = |least: Role| -> Vec<(Role, &Span)> {
            rated
                .iter()
                .copied()
                .filter(|(role, _)| *role >= least)
                .collect()
        };
        let strong = plain(Role::Plain);
        if strong.is_empty() {
            plain(Role::Known)
        } else {
            strong
        }
    };
    if let Some(subject) = identified(sentence, &strong) {
        return settled(subject);
    }
    let chosen = match strong[..] {
        [(_, only)] => only,
        [.., (Role::Said, last)] => last,
        _ => match said_before_adjuncts(sentence, &strong) {
            Some(said) => return settled(said),
            None => return unclear,
        },
    };
    if is_subject(sentence, spans, chosen, &clauses) || concludes_otherwise(sentence, chosen) {
        return Outcome::Unclear(chosen.clone());
    }
    settled(chosen)
}

/// The only value of which the sentence says what it is: "34 dollars is what they pay for 5".
fn identified<'s>(sentence: Sentence, rated: &[(Role, &'s Span)]) -> Option<&'s Span> {
    let is_identified = |span: &Span| {
        sentence.tag(span.end) == Some(Tag::Copula)
            && matches!(
                sentence.word(span.end + 1),
                "what" | "how" | "the" | "our" | "her" | "his" | "their"
            )
            && !sentence.is_number(span.end + 2)
    };
    let mut found = rated.iter().filter(|(_, span)| is_identified(span));
    let (role, span) = found.next()?;
    (rated.len() > 1 && *role >= Role::Plain && found.next().is_none()).then_some(span)
}

/// The only value that is said, if prepositions govern all that follow it: "the cost is 14 dollars
/// for 2 books".
fn said_before_adjuncts<'s>(sentence: Sentence, rated: &[(Role, &'s Span)]) -> Option<&'s Span> {
    let at = rated.iter().position(|(role, _)| *role == Role::Said)?;
    let is_adjunct = |(role, span): &(Role, &Span)| {
        let word = span.first.checked_sub(1).and_then(|at| sentence.tag(at));
        // "14, half of 28"
        let explains = span.form == SpanForm::Unclear
            && span.first > 0
            && sentence.sign(span.first - 1) == Some(',');
        *role != Role::Said && (explains || matches!(word, Some(Tag::Preposition | Tag::Per)))
    };
    rated[at + 1..]
        .iter()
        .all(is_adjunct)
        .then_some(rated[at].1)
}

fn settled(span: &Span) -> Outcome {
    if span.form == SpanForm::Unclear || span.parenthesized {
        Outcome::Unclear(span.clone())
    } else {
        Outcome::Value(span.clone())
    }
}

/// The clause of every piece.
fn clauses(sentence: Sentence, spans: &[Span]) -> Vec<Clause> {
    let mut clause = Clause::default();
    let mut clauses = Vec::with_capacity(sentence.pieces.len());
    let mut inside = spans.iter().peekable();
    let mut outer = None;
    let mut ended = 0;
    for at in 0..sentence.pieces.len() {
        while inside.peek().is_some_and(|span| span.end <= at) {
            ended = inside.next().map_or(0, |span| span.end);
        }
        let in_span = inside.peek().is_some_and(|span| span.first <= at);
        if !in_span {
            // A comma between two values does not start a clause.
            let joins = sentence.sign(at) == Some(',')
                && !clause.subordinate
                && inside.peek().is_some_and(|span| span.first == at + 1)
                && ended == at;
            let next = if joins {
                clause
            } else {
                clause.next(sentence, at)
            };
            // "18 days to finish 3 books"
            let next = if ended > clause.first && has_purpose(sentence, at) {
                Clause {
                    number: clause.number + 1,
                    subordinate: true,
                    concludes: false,
                    first: at + 1,
                    ..clause
                }
            } else {
                next
            };
            match sentence.sign(at) {
                Some('(') => {
                    outer = Some(clause);
                    clause = Clause {
                        parenthesis: true,
                        ..next
                    };
                }
                Some(')') if clause.parenthesis => {
                    clause = Clause {
                        number: next.number,
                        ..outer.unwrap_or_default()
                    };
                }
                _ => clause = next,
            }
        }
        clauses.push(clause);
    }
    clauses
}

/// Whether the piece begins words for a purpose: "to finish 3 books".
fn has_purpose(sentence: Sentence, at: usize) -> bool {
    sentence.tag(at) == Some(Tag::To)
        && sentence.tag(at + 1) == Some(Tag::Plain)
        && !matches!(
            sentence.word(at + 1),
            "reach" | "have" | "be" | "hit" | "arrive" | "end" | "see" | "form" | "reveal"
        )
}

/// The part that a span plays.
fn role(sentence: Sentence, spans: &[Span], index: usize, clause: Clause) -> Role {
    let span = &spans[index];
    let before = span.first;
    if span.form == SpanForm::Label || is_citation(sentence, spans, index) {
        return Role::Label;
    }
    if is_label(sentence, span) {
        return Role::Label;
    }
    let is_bold = |at: usize| sentence.pieces.get(at).is_some_and(|piece| piece.bold);
    let only_bold = is_bold(before)
        && !(before.checked_sub(1).is_some_and(is_bold) && is_word(sentence, before - 1));
    if only_bold {
        return Role::Bold;
    }
    if clause.parenthesis || clause.subordinate {
        return Role::Aside;
    }
    let mut at = before;
    let mut adverbs = true;
    // Words right before the value.
    while adverbs {
        adverbs = at > 0 && matches!(sentence.tag(at - 1), Some(Tag::Adverb));
        at -= usize::from(adverbs);
    }
    let word = at.checked_sub(1).and_then(|at| sentence.tag(at));
    let sign = at.checked_sub(1).and_then(|at| sentence.sign(at));
    // "it can't be 5", "25% (1/4)"
    let denied = matches!(word, Some(Tag::Copula))
        && at.checked_sub(2).and_then(|at| sentence.tag(at)) == Some(Tag::Not);
    let repeats = span.parenthesized && spans[..index].iter().any(|other| other.end == before);
    let counts = span.form == SpanForm::Ordinal && is_word(sentence, span.end);
    let excepted = before > 0 && sentence.word(before - 1) == "but" && excepts(sentence, before);
    let negated = word == Some(Tag::Of)
        && at.checked_sub(2).and_then(|at| sentence.tag(at)) == Some(Tag::Negative);
    let qualifies = denied
        || is_bounded(sentence, span)
        || before > 0 && sentence.word(before - 1) == "base"
        || is_ruled_out(sentence, span)
        || word == Some(Tag::Of) && at >= 2 && sentence.tag(at - 2) == Some(Tag::Not)
        || repeats
        || excepted
        || negated
        || matches!(
            word,
            Some(Tag::Not | Tag::Than | Tag::Between | Tag::Operation | Tag::Hidden | Tag::Part)
        );
    if qualifies {
        return Role::Aside;
    }
    if follows_operation(sentence, at, clause.first) || is_multiplier(sentence, span) {
        return Role::Aside;
    }
    // "for n = 3 the value is"
    if span.relation && span.value == span.first && word == Some(Tag::Preposition) {
        return Role::Aside;
    }
    if opens_adjunct(sentence, at, clause) {
        return Role::Known;
    }
    // "the interval (-2, 3)"
    let named = word == Some(Tag::Plain)
        && at >= 2
        && sentence.tag(at - 2) == Some(Tag::Definite)
        && !span.relation;
    if word == Some(Tag::Definite) || named {
        return Role::Known;
    }
    if restates(sentence, spans, index, at) {
        return Role::Aside;
    }
    // "1日に", "1週間で"
    if sentence.word(span.end).starts_with(is_unspaced)
        && ["に", "で", "あたり", "ごと"]
            .iter()
            .any(|end| sentence.word(span.end).ends_with(end))
    {
        return Role::Known;
    }
    // "3 more than Tom", "5 years older"
    if counts || sentence.tag(span.end) == Some(Tag::More) {
        return Role::Known;
    }
    // "14 students out of a class of 20"
    let out_of = word == Some(Tag::Of)
        && (at.saturating_sub(5)..at)
            .any(|at| sentence.tag(at) == Some(Tag::Out) && sentence.tag(at + 1) == Some(Tag::Of));
    if out_of {
        return Role::Aside;
    }
    // "18 out of 20", "6 of 30"
    let part_of = word == Some(Tag::Of)
        && spans[..index].iter().any(|other| {
            other.end + 1 == at || other.end + 2 == at && sentence.tag(other.end) == Some(Tag::Out)
        });
    if part_of || word == Some(Tag::Per) {
        return Role::Aside;
    }
    if span.form == SpanForm::Date && word == Some(Tag::Preposition) {
        return Role::Known;
    }
    if span.form == SpanForm::Ordinal || is_time(sentence, span, at) {
        return Role::Known;
    }
    // "a total of 12"
    let totals = word == Some(Tag::Of)
        && at.checked_sub(2).and_then(|at| sentence.tag(at)) == Some(Tag::Gives);
    let said = totals
        || matches!(word, Some(Tag::Copula | Tag::Gives))
        || matches!(sign, Some('=' | ':' | '⇒'))
        || span.relation;
    if said { Role::Said } else { Role::Plain }
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

fn is_word(sentence: Sentence, at: usize) -> bool {
    sentence.kind(at) == Some(Kind::Word)
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

/// Whether a number is a label: `step 2`, `equation (3)`.
fn is_label(sentence: Sentence, span: &Span) -> bool {
    let mut at = span.first;
    if span.first < span.end && at > 0 && sentence.sign(at - 1) == Some('(') {
        at -= 1;
    }
    let joined = sentence
        .pieces
        .get(at)
        .is_some_and(|piece| piece.lines == 0);
    let tag = at.checked_sub(1).and_then(|at| sentence.tag(at));
    let before = at.checked_sub(2).and_then(|at| sentence.tag(at));
    joined
        && match tag {
            Some(Tag::Label) => !span.relation,
            Some(Tag::Place) => {
                !span.relation && before != Some(Tag::Article) && span.end == span.first + 1
            }
            _ => false,
        }
}

/// Whether a span is the mark of a citation or a note: `14 feet [1]`.
fn is_citation(sentence: Sentence, spans: &[Span], index: usize) -> bool {
    let span = &spans[index];
    let marks = span.end == span.first + 3
        && sentence.sign(span.first) == Some('[')
        && sentence.is_number(span.first + 1)
        && sentence.word(span.first + 1).len() < 3;
    let alone = sentence.pieces.len() == 3 && sentence.pieces[0].start > 0;
    marks && (index > 0 || alone)
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
    let first = sentence.tag(clause.first) == Some(Tag::Preposition) && clause.first + 3 > at;
    const SUBJECTS: [&str; 8] = ["it", "he", "she", "they", "we", "there", "you", "I"];
    let subject =
        (at..sentence.pieces.len().min(at + 6)).any(|at| SUBJECTS.contains(&sentence.word(at)));
    first && subject
        || first
            && (at..sentence.pieces.len().min(at + MAX_PIECES))
                .any(|at| sentence.sign(at) == Some(','))
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

/// Whether a conclusion without a value follows: `The price rose by 5%, so it is higher.`
fn concludes_otherwise(sentence: Sentence, span: &Span) -> bool {
    const MIN_WORDS: usize = 3;
    let concludes =
        |at: &usize| sentence.tag(*at) == Some(Tag::Conclusion) && sentence.word(*at) != "i.e.";
    let words = (span.end..sentence.pieces.len())
        .skip_while(|at| !concludes(at))
        .filter(|at| is_word(sentence, *at));
    words.count() >= MIN_WORDS
}

/// Whether something is said about the value that is no value: `The sum of 5 and 7 is even.`
fn is_subject(sentence: Sentence, spans: &[Span], span: &Span, clauses: &[Clause]) -> bool {
    let clause = clauses[span.first];
    let opens = (clause.first..span.first).all(|at| {
        !is_word(sentence, at)
            || matches!(
                sentence.tags[at],
                Tag::Conclusion | Tag::Article | Tag::Adverb | Tag::Gives | Tag::Of | Tag::Definite
            )
    });
    if opens {
        return describes(sentence, span);
    }
    for (at, later) in clauses.iter().enumerate().skip(span.end) {
        if sentence.word(at) == "that" || later.number != clause.number {
            return false;
        }
        if spans
            .iter()
            .any(|other| other.first == at && other.form != SpanForm::Label)
        {
            return false;
        }
        if sentence.tag(at) == Some(Tag::Copula) && sentence.sign(at) != Some(CURRENCY) {
            return true;
        }
    }
    false
}

/// Whether a sentence that starts with a bare number describes it: `7 is prime.`
fn describes(sentence: Sentence, span: &Span) -> bool {
    sentence.tag(span.end) == Some(Tag::Copula)
        && span.end == span.first + 1
        && !matches!(
            sentence.word(span.end + 1),
            "the" | "our" | "what" | "left" | "needed"
        )
}
