//! Which value of a sentence is its result.

mod aside;
mod clause;

use self::aside::Place;
use self::clause::{Clause, clauses};
use super::piece::{CURRENCY, Kind};
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
    let place = Place {
        sentence,
        spans,
        index,
        at,
        clause,
    };
    if place.is_aside() {
        return Role::Aside;
    }
    if place.is_known() {
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

fn is_word(sentence: Sentence, at: usize) -> bool {
    sentence.kind(at) == Some(Kind::Word)
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
