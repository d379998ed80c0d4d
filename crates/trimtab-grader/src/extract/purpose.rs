//! What a sentence is for.

use super::piece::Kind;
use super::sentence::Sentence;
use super::word::Tag;

/// What a sentence does in a solution.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Purpose {
    /// It says something.
    Statement,
    /// It talks to the reader: `Let me know if you have questions.`
    Courtesy,
    /// It checks a result.
    Check,
    /// It adds a remark, which says no result: `Note: a month has 30 days.`
    Remark,
    /// It plans or assumes: `Let x be ...`, `First, ...`
    Plan,
    /// It asks.
    Question,
    /// It takes something back: `Wait, that is wrong.`
    Doubt,
}

/// What the sentence does.
pub(super) fn purpose(sentence: Sentence) -> Purpose {
    let start = first_word(sentence);
    let opening = Opening::new(sentence, start);
    let asks = matches!(
        sentence.sign(sentence.pieces.len().saturating_sub(1)),
        Some('?' | '？' | '؟')
    );
    let meta = [
        "difficulty",
        "confidence",
        "rating",
        "source",
        "tokens",
        "time",
        "date",
        "model",
    ];
    if opening.has(&DOUBTS) || opening.is(0, &["wait", "hmm", "oops"]) {
        Purpose::Doubt
    } else if opening.checks() {
        Purpose::Check
    } else if opening.remarks() && !concludes(sentence) {
        Purpose::Remark
    } else if opening.is_polite(asks)
        || sentence.sign(start + 1) == Some(':') && opening.is(0, &meta)
        || opening.reports()
        || is_mark_of_points(sentence)
    {
        Purpose::Courtesy
    } else if asks {
        Purpose::Question
    } else if opening.plans() || opening.instructs() && !says_result(sentence) {
        Purpose::Plan
    } else {
        Purpose::Statement
    }
}

/// Whether a sentence in brackets says how many points a problem is worth: `(3 points)`.
fn is_mark_of_points(sentence: Sentence) -> bool {
    matches!(sentence.sign(0), Some('(' | '['))
        && sentence.pieces.len() < 6
        && matches!(
            sentence.word(2),
            "points" | "point" | "marks" | "mark" | "pts"
        )
}

/// Whether a sentence draws a conclusion or has an equation.
fn concludes(sentence: Sentence) -> bool {
    (0..sentence.pieces.len()).any(|at| {
        sentence.tag(at) == Some(Tag::Conclusion) || matches!(sentence.sign(at), Some('=' | '⇒'))
    })
}

/// Whether a sentence says what something comes to.
fn says_result(sentence: Sentence) -> bool {
    (0..sentence.pieces.len()).any(|at| {
        matches!(sentence.tag(at), Some(Tag::Gives | Tag::Copula))
            || matches!(sentence.sign(at), Some('=' | '⇒'))
    })
}

/// Verbs that tell what to do at the start of a sentence.
const INSTRUCTIONS: [&str; 17] = [
    "add",
    "subtract",
    "multiply",
    "divide",
    "find",
    "compute",
    "calculate",
    "determine",
    "solve",
    "substitute",
    "simplify",
    "convert",
    "count",
    "apply",
    "take",
    "move",
    "try",
];

/// Whether a text tells what to do: `Solve 2x = 6 for x.`
pub(super) fn instructs(text: &str) -> bool {
    let first = text
        .split(|c: char| !c.is_alphabetic())
        .find(|word| !word.is_empty());
    first.is_some_and(|first| {
        INSTRUCTIONS
            .iter()
            .any(|verb| first.eq_ignore_ascii_case(verb))
    })
}

/// Words that take something back.
const DOUBTS: [&str; 6] = [
    "wrong",
    "incorrect",
    "mistake",
    "error",
    "unsure",
    "contradiction",
];

/// The first words of a sentence.
struct Opening<'t> {
    words: Vec<&'t str>,
    /// Whether the sentence starts with a word.
    starts: bool,
}

impl<'t> Opening<'t> {
    fn new(sentence: Sentence<'t, '_>, start: usize) -> Self {
        const MAX_WORDS: usize = 12;
        let end = sentence.pieces.len().min(start + MAX_WORDS);
        let words = (start..end).filter(|at| sentence.kind(*at) == Some(Kind::Word));
        Self {
            words: words.map(|at| sentence.word(at)).collect(),
            starts: sentence.kind(start) == Some(Kind::Word),
        }
    }

    /// Whether the word at `index` is one of these.
    fn is(&self, index: usize, options: &[&str]) -> bool {
        let word = self.words.get(index).filter(|_| self.starts);
        word.is_some_and(|word| is_one(word, options))
    }

    /// Whether one of the words is one of these.
    fn has(&self, options: &[&str]) -> bool {
        self.words.iter().any(|word| is_one(word, options))
    }

    fn checks(&self) -> bool {
        let starts = [
            "check",
            "checking",
            "verify",
            "verifying",
            "verification",
            "proof",
            "indeed",
        ];
        let verbs = ["check", "verify", "confirm"];
        let subjects = ["let's", "let", "we", "to", "double", "sanity", "i", "now"];
        let announced = self.words.iter().take(5).any(|word| is_one(word, &verbs));
        let returns = self.is(0, &["substituting", "plugging", "putting"]) && self.has(&["back"]);
        self.is(0, &starts)
            || self.is(0, &subjects) && announced
            || returns
            || self.is(0, &["this", "that", "which"])
                && self.is(1, &["matches", "agrees", "checks", "confirms"])
            || self.has(&["confirms", "verifies", "confirming", "verifying"])
    }

    /// Whether the sentence tells what was assumed, or reminds of something.
    fn remarks(&self) -> bool {
        let starts = ["note", "notice", "remember", "n.b.", "disclaimer", "caveat"];
        let subjects = ["this", "that", "we", "i", "here"];
        let verbs = [
            "assumes", "assume", "assumed", "assuming", "used", "because", "took", "takes",
        ];
        let supports = self.words.iter().take(4).any(|word| is_one(word, &verbs));
        self.is(0, &starts) || self.is(0, &subjects) && supports
    }

    /// Whether the sentence reports on the text itself: its length, its author, its certainty.
    fn reports(&self) -> bool {
        self.has(&["confident"]) && self.is(0, &["i", "i'm", "we"])
            || self.has(&["generated"]) && self.has(&["tokens", "model", "by"])
            || self.is(0, &["word", "token"]) && self.is(1, &["count"])
            || self.is(0, &["total"]) && self.is(1, &["tokens"])
    }

    /// Whether the sentence tells what to do: `Then multiply by 9.`
    fn instructs(&self) -> bool {
        let skipped = [
            "then",
            "next",
            "now",
            "afterwards",
            "and",
            "we",
            "you",
            "i",
            "need",
            "to",
            "must",
            "should",
            "first",
        ];
        let first = self.words.iter().find(|word| !is_one(word, &skipped));
        self.starts && first.is_some_and(|word| is_one(word, &INSTRUCTIONS))
    }

    /// Whether the sentence talks to the reader. `asks` says that it is a question.
    fn is_polite(&self, asks: bool) -> bool {
        let thanks = ["hope", "feel", "please", "thanks", "thank"];
        let offers = [
            "would", "do", "does", "should", "shall", "can", "could", "want", "need",
        ];
        self.is(0, &thanks)
            || self.is(0, &["let"]) && self.is(1, &["me", "us"]) && self.is(2, &["know"])
            || self.is(0, &["i"]) && self.is(1, &["hope"])
            || self.is(0, &["if"]) && self.is(1, &["you"])
            || asks && self.is(0, &offers)
    }

    /// Whether the sentence plans, assumes or guesses.
    fn plans(&self) -> bool {
        let starts = [
            "let", "let's", "suppose", "assume", "consider", "recall", "first", "firstly", "next",
            "remember", "note", "notice", "observe", "template", "example",
        ];
        let tasks = ["find", "solve", "compute", "calculate", "determine", "get"];
        let intents = [
            "need", "want", "must", "start", "know", "will", "can", "first",
        ];
        self.is(0, &starts)
            || self.is(0, &["to"]) && self.is(1, &tasks)
            || self.is(0, &["we"]) && self.is(1, &intents)
            || self.is(0, &["the"]) && self.is(1, &["first", "next"]) && self.is(2, &["step"])
            || self.has(&["maybe", "perhaps", "possibly"])
            || self
                .words
                .windows(2)
                .any(|pair| is_one(pair[0], &["could", "might", "may"]) && is_one(pair[1], &["be"]))
    }
}

fn is_one(word: &str, options: &[&str]) -> bool {
    options
        .iter()
        .any(|option| option.eq_ignore_ascii_case(word))
}

/// The first piece that is not a mark, a quotation mark or a conclusion.
fn first_word(sentence: Sentence) -> usize {
    let mut at = 0;
    while at < sentence.pieces.len() {
        let skips = match sentence.kind(at) {
            Some(Kind::Marker | Kind::Other) => true,
            // "Step 3:"
            Some(Kind::Word)
                if sentence.tag(at) == Some(Tag::Label)
                    && sentence.is_number(at + 1)
                    && sentence.sign(at + 2) == Some(':') =>
            {
                at += 2;
                true
            }
            Some(Kind::Sign('-')) => {
                sentence.sign(at + 1) == Some('-') || sentence.kind(at + 1) == Some(Kind::Word)
            }
            Some(Kind::Sign(sign)) => matches!(sign, '(' | '[' | ',' | '⇒' | ':'),
            _ => sentence.tag(at) == Some(Tag::Conclusion),
        };
        if !skips {
            break;
        }
        at += 1;
    }
    at
}
