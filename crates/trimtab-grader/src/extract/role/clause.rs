//! The clauses of a sentence, and what they are for.

use crate::extract::sentence::Sentence;
use crate::extract::span::Span;
use crate::extract::word::Tag;

/// A clause of a sentence.
#[derive(Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "they are independent")]
pub(super) struct Clause {
    pub(super) number: usize,
    /// It starts with "so" or the like.
    pub(super) concludes: bool,
    /// It gives reasons, conditions or remarks.
    pub(super) subordinate: bool,
    /// It stands in parentheses.
    pub(super) parenthesis: bool,
    /// It is a verbal noun: "after giving 3 to Mary".
    gerund: bool,
    /// A verb has been read.
    verb: bool,
    pub(super) first: usize,
    /// The clause in which the conclusion begins.
    pub(super) conclusion: usize,
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

/// The clause of every piece.
pub(super) fn clauses(sentence: Sentence, spans: &[Span]) -> Vec<Clause> {
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
