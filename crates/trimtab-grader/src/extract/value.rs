//! The value that a text ends with, and the value that it starts with.

use std::borrow::Cow;
use std::ops::Range;

use super::AnswerSource;
use super::digits::{self, Form};
use super::formula::{self, Formula};
use super::piece::{CURRENCY, Kind, Piece, is_unspaced, pieces};
use super::purpose::{Purpose, purpose};
use super::role::{Outcome, outcome};
use super::sentence::{self, Sentence, is_relation, tags};
use super::span::{Span, SpanForm, spans};
use super::word::{self, Tag};
use crate::answer::{is_mathematics, is_understood};
use crate::vocabulary;

/// Longest text that is tried as a formula, in bytes.
const MAX_FORMULA: usize = 512;

/// A value in a text.
#[derive(Clone, Debug)]
pub(super) struct Value<'a> {
    /// The value as the parser reads it.
    pub(super) text: Cow<'a, str>,
    pub(super) source: AnswerSource,
    /// Whether the text shows that this is the value it comes to.
    pub(super) certain: bool,
}

/// Whether `text` is mathematics rather than words.
pub(super) fn is_formula(text: &str) -> bool {
    text.len() <= MAX_FORMULA && !starts_with_sign_word(text) && is_mathematics(text)
}

/// Whether a text starts with a word for a minus sign, in any language.
fn starts_with_sign_word(text: &str) -> bool {
    let start = text.trim_start();
    let end = start
        .find(|c: char| !c.is_alphabetic())
        .unwrap_or(start.len());
    end > 1 && word::tag(&start[..end]) == Tag::Negative
}

/// The text, if it is one line of mathematics.
pub(super) fn whole(text: &str) -> Option<&str> {
    let text = text.trim();
    let one_line = !text.is_empty() && text.len() <= MAX_FORMULA && !text.contains('\n');
    // An approximation ends in the answer: "0.3333 * 100 ≈ 33%".
    let approximates = text.contains('≈') && !text.starts_with('≈');
    (one_line && !approximates && !is_derivation(text) && !is_sentence(text) && is_formula(text))
        .then_some(text)
}

/// Whether a text without TeX is a chain of equations of which the first one does not name a value:
/// "15 - 6 = 9, 9 / 3 = 3".
fn is_derivation(text: &str) -> bool {
    const JOINTS: [&str; 7] = [", ", "; ", " and ", " so ", "→", "⇒", "=>"];
    let mut sides = text.split('=');
    let left = sides.next().unwrap_or_default().trim();
    let operates =
        left.contains(['+', '-', '*', '/', '^']) || left.starts_with(|c: char| c.is_ascii_digit());
    operates
        && sides.count() > 1
        && !text.contains(['\\', '$'])
        && JOINTS.iter().any(|joint| text.contains(joint))
}

/// Whether a text has words that no formula has.
fn is_sentence(text: &str) -> bool {
    let pieces = pieces(text, 0, &formula::formulas(text));
    let relates = pieces
        .iter()
        .any(|piece| matches!(piece.kind, Kind::Sign('=' | '≈')));
    let mut after_number = false;
    for piece in &pieces {
        after_number |= matches!(piece.kind, Kind::Number(_) | Kind::Formula | Kind::Command);
        if piece.kind != Kind::Word {
            continue;
        }
        let word = &text[piece.start..piece.end];
        let opens = piece.start == pieces[0].start && matches!(word::tag(word), Tag::Preposition);
        if opens || matches!(word, "fails" | "fail" | "works" | "does") {
            return true;
        }
        let says = match word::tag(word) {
            Tag::Definite
            | Tag::Copula
            | Tag::Gives
            | Tag::Of
            | Tag::Conclusion
            | Tag::Subordinate
            | Tag::Not => true,
            // Words after a number may be its unit.
            Tag::Plain | Tag::Label | Tag::Place | Tag::Adverb | Tag::Operation => {
                (!after_number || relates)
                    && word.len() > 2
                    && !word.bytes().all(|byte| byte.is_ascii_uppercase())
            }
            _ => false,
        };
        if says {
            return true;
        }
    }
    false
}

/// Whether a text with a number starts with words that no formula has.
pub(super) fn starts_sentence(text: &str) -> bool {
    let word = text.bytes().take_while(u8::is_ascii_alphabetic).count();
    let starts = word > 1 || text.starts_with(|c: char| c.is_alphabetic() && !c.is_ascii());
    starts && text.contains(|c: char| c.is_ascii_digit()) && is_sentence(text)
}

/// Whether a text that starts with a number goes on with a verb and another number: "8 pens cost
/// 12 dollars".
pub(super) fn has_verb_and_number(text: &str) -> bool {
    const VERBS: [&str; 5] = ["will", "has", "have", "needs", "need"];
    let unspaced = text.trim_start_matches(|c: char| c.is_ascii_digit());
    if unspaced.starts_with(is_unspaced) && unspaced.contains(|c: char| c.is_ascii_digit()) {
        return true; // "1日に24回"
    }
    let pieces = pieces(text, 0, &[]);
    let tags = tags(text, &pieces);
    let is_verb = |at: &usize| {
        let piece = pieces[*at];
        piece.kind == Kind::Word
            && (matches!(tags[*at], Tag::Copula | Tag::Gives)
                || VERBS.contains(&&text[piece.start..piece.end]))
    };
    let is_number = |piece: &Piece| matches!(piece.kind, Kind::Number(_));
    (1..pieces.len())
        .find(is_verb)
        .is_some_and(|verb| pieces[verb..].iter().any(is_number))
}

/// Whether the parser reads `text` as a value.
fn is_value(text: &str) -> bool {
    let letters = !text.bytes().any(|byte| byte.is_ascii_digit()) && is_understood(text);
    is_formula(text)
        || letters
        || vocabulary::spoken(text).is_some_and(|number| text[number.end..].trim().is_empty())
}

/// The value that a text ends with: the result of its last sentence that has one.
pub(super) fn last(text: &str) -> Option<Value<'_>> {
    const MAX_SENTENCES: usize = 32;
    let formulas = formula::formulas(text);
    let start = tail(text, &formulas);
    let pieces = without_code(text, pieces(text, start, &formulas));
    let mut end = pieces.len();
    let mut later = Later::default();
    for _ in 0..MAX_SENTENCES {
        if end == 0 {
            return None;
        }
        let first = sentence::start(text, &pieces, end);
        let sentence_pieces = &pieces[first..end];
        let tags = tags(text, sentence_pieces);
        let sentence = Sentence {
            text,
            pieces: sentence_pieces,
            tags: &tags,
        };
        let reader = Reader {
            sentence,
            formulas: &formulas,
        };
        match reader.result(&mut later) {
            Step::Earlier => {}
            Step::Found(value) => return Some(value),
        }
        end = first;
    }
    None
}

/// Where to look next.
enum Step<'a> {
    Found(Value<'a>),
    Earlier,
}

/// What the later sentences of the text have said.
#[derive(Default)]
struct Later {
    /// They take something back, ask, or conclude something that is no value.
    doubt: bool,
}

/// Finds the result of one sentence.
struct Reader<'t, 'p> {
    sentence: Sentence<'t, 'p>,
    formulas: &'p [Formula],
}

impl<'t> Reader<'t, '_> {
    /// What the sentence comes to, seen from the end of the text.
    fn result(&self, later: &mut Later) -> Step<'t> {
        let sentence = self.sentence;
        let spans = spans(sentence);
        let purpose = purpose(sentence);
        let passes = match purpose {
            Purpose::Courtesy | Purpose::Check => true,
            Purpose::Remark => self.follows_text(),
            _ => false,
        };
        if passes {
            return Step::Earlier;
        }
        let (span, says) = match outcome(sentence, &spans) {
            Outcome::Value(span) => {
                // "To find the sum, we add:", and the calculation on the next line.
                let carries_out = purpose == Purpose::Plan
                    && span.relation
                    && span.first > 0
                    && sentence.sign(span.first - 1) == Some(':');
                (span, carries_out || purpose == Purpose::Statement)
            }
            Outcome::Unclear(span) => (span, false),
            Outcome::Nothing => {
                let concludes = sentence.tags.first() == Some(&Tag::Conclusion);
                later.doubt |= concludes
                    || matches!(purpose, Purpose::Doubt | Purpose::Plan)
                    || self.ends_open() && !self.goes_over_again();
                return Step::Earlier;
            }
        };
        let mut value = self.value(&span);
        value.certain &= says && !later.doubt && !self.is_cut_off() && !self.describes_answer();
        Step::Found(value)
    }

    /// Whether the sentence says something about the answer, and not which one it is: "The answer
    /// has 6 digits."
    fn describes_answer(&self) -> bool {
        const PRONOUNS: [&str; 6] = ["we", "I", "i", "you", "that", "he"];
        let sentence = self.sentence;
        (0..sentence.pieces.len()).any(|at| {
            sentence.word(at).eq_ignore_ascii_case("answer")
                && sentence.tag(at + 1) == Some(Tag::Plain)
                && sentence.word(at + 1).is_ascii()
                && !PRONOUNS.contains(&sentence.word(at + 1))
        })
    }

    /// Whether the sentence begins a check or another way to the same result.
    fn goes_over_again(&self) -> bool {
        (0..self.sentence.pieces.len().min(4)).any(|at| {
            matches!(
                self.sentence.word(at),
                "alternative"
                    | "alternatively"
                    | "Alternatively"
                    | "another"
                    | "Another"
                    | "Let"
                    | "check"
                    | "verify"
                    | "double"
            )
        })
    }

    /// Whether words stand before the sentence.
    fn follows_text(&self) -> bool {
        let start = self.sentence.pieces.first().map_or(0, |piece| piece.start);
        self.sentence.text[..start].contains(char::is_alphanumeric)
    }

    /// Whether the text ends within the sentence.
    fn is_cut_off(&self) -> bool {
        let sentence = self.sentence;
        let Some(last) = sentence.pieces.len().checked_sub(1) else {
            return false;
        };
        // A delimiter that is not closed: `\(`, or `$` before a letter.
        let unclosed = |at: usize| match sentence.sign(at) {
            Some('\\') => true,
            Some(CURRENCY) => {
                sentence.glued(at + 1)
                    && matches!(sentence.tag(at + 1), Some(Tag::Letter | Tag::Function))
                    || sentence.kind(at + 1) == Some(Kind::Command)
            }
            _ => false,
        };
        let dangles = match sentence.kind(last) {
            Some(Kind::Sign(CURRENCY)) => {
                last == 0 || !matches!(sentence.kind(last - 1), Some(Kind::Number(_)))
            }
            Some(Kind::Sign(sign)) => {
                matches!(
                    sign,
                    '+' | '-' | '−' | '*' | '/' | '^' | '(' | ',' | '±' | ':'
                ) || is_relation(sign)
            }
            Some(Kind::Word) => word::leaves_open(sentence.tags[last], sentence.word(last)),
            _ => false,
        };
        dangles && self.is_last() || (0..=last).any(unclosed)
    }

    /// Whether nothing follows the sentence.
    fn is_last(&self) -> bool {
        let end = self.sentence.pieces.last().map_or(0, |piece| piece.end);
        !self.sentence.text[end..].contains(char::is_alphanumeric)
    }

    /// Whether the text ends in the sentence without a full stop.
    fn ends_open(&self) -> bool {
        let last = self.sentence.pieces.last().map(|piece| piece.kind);
        let mut words = (0..self.sentence.pieces.len())
            .filter(|at| self.sentence.tag(*at).is_some())
            .map(|at| self.sentence.word(at));
        let closes = words.all(|word| matches!(word, "QED" | "Q.E.D." | "Done"));
        !closes
            && self.is_last()
            && !matches!(last, Some(Kind::Sign('.' | '!' | '?' | '。' | '।' | '…')))
    }

    /// The value of a span.
    fn value(&self, span: &Span) -> Value<'t> {
        let sentence = self.sentence;
        let formula =
            (span.value..span.end).any(|at| matches!(sentence.kind(at), Some(Kind::Formula)));
        let source = if formula {
            AnswerSource::Formula
        } else {
            AnswerSource::Number
        };
        if let [piece] = sentence.pieces[span.value..span.end]
            && piece.kind == Kind::Formula
        {
            return Value {
                text: formula::result(&sentence.text[self.content(piece)]),
                source,
                certain: true,
            };
        }
        // What the parser does not read at all can still be the same text.
        let with_unit = self
            .measured(span)
            .unwrap_or_else(|| self.written(span.value, span.end));
        let bare = || self.written(span.value, span.bare.max(span.value + 1));
        let text = if span.form == SpanForm::Date || is_value(&with_unit) {
            with_unit
        } else {
            Some(bare())
                .filter(|bare| is_value(bare))
                .unwrap_or(with_unit)
        };
        Value {
            text,
            source,
            certain: true,
        }
    }

    /// A span with a unit that the parser would read as variables: `8 g/cm3`, `3Ω`.
    fn measured(&self, span: &Span) -> Option<Cow<'t, str>> {
        let sentence = self.sentence;
        let unit = sentence.pieces.get(span.bare..span.end)?;
        let (first, last) = (unit.first()?, unit.last()?);
        let odd = (span.bare..span.end).any(|at| match sentence.kind(at) {
            Some(Kind::Word) => {
                let word = sentence.word(at);
                !word.is_ascii() || word.len() == 1 || !first.spaced
            }
            Some(Kind::Sign(sign)) => matches!(sign, '/' | '^' | '*'),
            Some(Kind::Raised | Kind::Number(_)) => true,
            _ => false,
        });
        let plain = (span.bare..span.end).all(|at| sentence.tag(at) != Some(Tag::Per));
        (odd && plain && span.value < span.bare).then(|| {
            let number = self.written(span.value, span.bare);
            let unit = &sentence.text[first.start..last.end];
            Cow::Owned(format!("{number} \\text{{{unit}}}"))
        })
    }

    fn content(&self, piece: Piece) -> Range<usize> {
        let index = self
            .formulas
            .partition_point(|formula| formula.whole.start < piece.start);
        self.formulas
            .get(index)
            .map_or(piece.start..piece.end, |formula| formula.content.clone())
    }

    /// The pieces `from..to` as the parser reads them.
    fn written(&self, mut from: usize, to: usize) -> Cow<'t, str> {
        let sentence = self.sentence;
        let is_word = |at| sentence.kind(at) == Some(Kind::Word);
        while from + 1 < to
            && (sentence.sign(from) == Some(CURRENCY)
                || is_word(from)
                    && sentence.sign(from + 1) == Some(CURRENCY)
                    && sentence.glued(from + 1))
        {
            from += 1;
        }
        let pieces = &sentence.pieces[from..to];
        let (Some(first), Some(last)) = (pieces.first(), pieces.last()) else {
            return Cow::Borrowed("");
        };
        let plain = (from..to).all(|at| self.replacement(at).is_none())
            && pieces.windows(2).all(|pair| {
                !sentence.text[pair[0].end..pair[1].start].contains(['*', '_', '`', '<', '"'])
            });
        if plain {
            return Cow::Borrowed(&sentence.text[first.start..last.end]);
        }
        let mut text = String::new();
        for (at, piece) in (from..to).zip(pieces) {
            if piece.spaced && !text.is_empty() {
                text.push(' ');
            }
            match self.replacement(at) {
                Some(replacement) => text.push_str(&replacement),
                None => text.push_str(&sentence.text[piece.start..piece.end]),
            }
        }
        Cow::Owned(text)
    }

    /// Whether a letter is a unit: it stands after a number and a blank, or after another unit.
    fn is_unit(&self, at: usize) -> bool {
        let sentence = self.sentence;
        let kind = |back: usize| at.checked_sub(back).and_then(|at| sentence.kind(at));
        let divides = matches!(kind(1), Some(Kind::Sign('/')))
            && at >= 2
            && sentence
                .tag(at - 2)
                .is_some_and(|tag| tag == Tag::Letter || sentence.names_unit(at - 2));
        matches!(kind(1), Some(Kind::Number(_))) && !sentence.glued(at) || divides
    }

    /// Whether the comma of a measured number is a decimal one: `3,75 kg`, `12,5 %`.
    fn has_decimal_comma(&self, at: usize) -> bool {
        let sentence = self.sentence;
        let decimals = |(_, decimals): (&str, &str)| {
            decimals.len() != 3 && decimals.bytes().all(|byte| byte.is_ascii_digit())
        };
        let measured = sentence.names_unit(at + 1)
            || sentence.sign(at + 1) == Some('%')
            || sentence.is_priced(at);
        measured && sentence.word(at).split_once(',').is_some_and(decimals)
    }

    /// What to write for a piece that the parser would not read in the same way.
    fn replacement(&self, at: usize) -> Option<Cow<'static, str>> {
        let sentence = self.sentence;
        match sentence.kind(at)? {
            Kind::Formula if sentence.word(at).starts_with("\\begin") => {
                let content = &sentence.text[self.content(sentence.pieces[at])];
                Some(Cow::Owned(formula::result(content).into_owned()))
            }
            Kind::Number(Form::Foreign) => Some(Cow::Owned(digits::normal(sentence.word(at)))),
            Kind::Sign(CURRENCY) => Some(Cow::Borrowed("")),
            // "1.299 Euro"
            Kind::Number(Form::Plain) if sentence.has_grouping_point(at) => {
                Some(Cow::Owned(sentence.word(at).replace('.', "")))
            }
            // "12,75 €"
            Kind::Number(Form::Plain) if self.has_decimal_comma(at) => {
                Some(Cow::Owned(sentence.word(at).replace(',', ".")))
            }
            // "16 cm2"
            Kind::Number(_) if at > 0 && sentence.glued(at) && sentence.names_unit(at - 1) => {
                Some(Cow::Owned(format!("^{}", sentence.word(at))))
            }
            Kind::Sign('√') => match sentence.word(at) {
                "∛" => Some(Cow::Borrowed("\\sqrt[3] ")),
                "∜" => Some(Cow::Borrowed("\\sqrt[4] ")),
                _ => None,
            },
            Kind::Sign('-' | '−') if sentence.word(at) != "-" => Some(Cow::Borrowed("-")),
            Kind::Word => match sentence.tags[at] {
                Tag::Negative => Some(Cow::Borrowed("-")),
                Tag::Operator if sentence.word(at) == "times" => Some(Cow::Borrowed("*")),
                Tag::Currency | Tag::Of => Some(Cow::Borrowed("")),
                Tag::Per | Tag::Out => Some(Cow::Borrowed("/")),
                Tag::To => Some(Cow::Borrowed(":")),
                Tag::Preposition if sentence.word(at) == "in" => Some(Cow::Borrowed("/")),
                Tag::Operation if sentence.word(at) == "root" => {
                    let cube = at > 0 && sentence.word(at - 1) == "cube";
                    Some(Cow::Borrowed(if cube { "\\sqrt[3] " } else { "\\sqrt " }))
                }
                Tag::Operation if sentence.root(at).is_some() => Some(Cow::Borrowed("")),
                Tag::Letter if sentence.is_thousands(at) => {
                    Some(Cow::Borrowed(if sentence.word(at) == "M" {
                        "\\cdot 1000000"
                    } else {
                        "\\cdot 1000"
                    }))
                }
                // A single letter would be a variable.
                Tag::Letter if self.is_unit(at) => {
                    Some(Cow::Owned(format!("\\text{{{}}}", sentence.word(at))))
                }
                _ => None,
            },
            _ => None,
        }
    }
}

/// The start of the last part of the text, in which the value is looked for.
fn tail(text: &str, formulas: &[Formula]) -> usize {
    const MAX_BYTES: usize = 2_048;
    let mut start = text.len().saturating_sub(MAX_BYTES);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    if start > 0 {
        start = text[start..].find('\n').map_or(start, |at| start + at + 1);
    }
    let inside = formulas
        .iter()
        .find(|formula| formula.whole.start < start && start < formula.whole.end);
    inside.map_or(start, |formula| formula.whole.end)
}

/// Leaves out the pieces of program code.
fn without_code(text: &str, mut pieces: Vec<Piece>) -> Vec<Piece> {
    const SIGNS: [&str; 6] = ["()", "['", "[\"", "==", "):\n", "```"];
    const MAX_LINE: usize = 512;
    let Some(start) = pieces.first().map(|piece| piece.start) else {
        return pieces;
    };
    let tail = &text[start..];
    if !SIGNS.iter().any(|sign| tail.contains(sign)) {
        return pieces;
    }
    let mut fenced = memchr::memmem::find_iter(&text.as_bytes()[..start], "```").count() % 2 == 1;
    let mut at = start;
    let mut code: Vec<Range<usize>> = Vec::new();
    for line in tail.split_inclusive('\n') {
        let fence = line.trim_start().starts_with("```");
        let calls = line.len() <= MAX_LINE && SIGNS[..5].iter().any(|sign| line.contains(sign));
        if fence || fenced || calls {
            code.push(at..at + line.len());
        }
        fenced ^= fence;
        at += line.len();
    }
    let mut next = 0;
    pieces.retain(|piece| {
        while code.get(next).is_some_and(|range| range.end <= piece.start) {
            next += 1;
        }
        code.get(next).is_none_or(|range| range.start > piece.start)
    });
    pieces
}

/// The value with which a sentence starts: 12 in "12 apples were left".
pub(super) fn leading(text: &str) -> Option<Value<'_>> {
    const MAX_BYTES: usize = 512;
    let mut end = text.len().min(MAX_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let formulas = formula::formulas(&text[..end]);
    let pieces = pieces(&text[..end], 0, &formulas);
    let first = pieces
        .iter()
        .position(|piece| !matches!(piece.kind, Kind::Sign('(' | ':')))
        .filter(|first| *first < 2)?;
    let pieces = &pieces[first..];
    let tags = tags(text, pieces);
    let sentence = Sentence {
        text,
        pieces,
        tags: &tags,
    };
    let span = sentence.span(0)?;
    let reader = Reader {
        sentence,
        formulas: &formulas,
    };
    let mut value = reader.value(&span);
    value.certain &= matches!(
        span.form,
        SpanForm::Value | SpanForm::Ordinal | SpanForm::Date
    );
    (span.form != SpanForm::Label).then_some(value)
}
