//! Checking an answer against the gold answer: equality of two answers, and grading of a text.
//!
//! An answer is read in steps, each with a file: [`lex`] makes tokens, [`parse`] a tree ([`expr`]), and [`compare`]
//! says whether two trees are equal, for which it [`evaluate`]s them. [`budget`] bounds the work of it all.

mod ball;
mod budget;
mod commas;
mod compare;
mod date;
mod double;
mod evaluate;
mod expr;
mod lex;
mod number;
mod parse;
mod rational;
mod wording;
mod words;

use std::borrow::Cow;
use std::fmt;

use self::budget::Budget;
use self::commas::other_commas;
use self::compare::{Comparer, Outcome};
use self::expr::Expr;
use self::lex::{Commas, Lexeme, Token, lex};
use self::parse::parse;
use self::wording::{choice, chosen, is_prose, says_no_number, wording};
use crate::extract::{AnswerSource, ExtractionRule, extract, gold_answer};

/// Longest answer that is parsed, in bytes; longer ones are compared as text only.
const MAX_LENGTH: usize = 8_192;

/// What the checker says of an answer.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Verdict {
    /// The answer equals the gold answer.
    Correct,
    /// The answer differs from the gold answer.
    Wrong,
    /// The checker cannot tell. Whoever needs a yes or no takes it for a no.
    Undecided(Reason),
}

impl Verdict {
    /// Whether the answer is accepted.
    pub fn is_correct(self) -> bool {
        self == Self::Correct
    }

    /// The verdict without its reason: `correct`, `wrong` or `undecided`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Correct => "correct",
            Self::Wrong => "wrong",
            Self::Undecided(_) => "undecided",
        }
    }
}

/// Why the checker cannot tell.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Reason {
    /// The comparison would cost more than its budget.
    Budget,
    /// The texts differ, and the checker cannot parse at least one of them as mathematics.
    NotUnderstood,
    /// The answers are values in different units.
    Units,
    /// The answers name different variables.
    Names,
    /// The values agree to the available precision, which neither proves nor excludes equality.
    Precision,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Budget => "the comparison would cost more than its budget",
            Self::NotUnderstood => {
                "the texts differ, and at least one is of a form that is compared as text only"
            }
            Self::Units => "the answers are measured in different units",
            Self::Names => "the answers name different things",
            Self::Precision => {
                "the values cannot be told apart or shown equal with the precision at hand"
            }
        })
    }
}

impl std::error::Error for Reason {}

/// The verdict on a text, and the answer found in it.
#[derive(Clone, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
pub struct Grade {
    /// The verdict on `extracted`; wrong if there is none.
    pub verdict: Verdict,
    /// The answer found in the text, if any.
    pub extracted: Option<String>,
    /// Where in the text it was found; none where nothing was.
    pub source: Option<AnswerSource>,
}

/// Checks answers and grades texts, with choices that differ from those of [`check`] and [`grade`].
///
/// ```
/// use trimtab_grader::{Grader, ExtractionRule, Verdict};
///
/// // A reward that pays for boxed answers only.
/// let grader = Grader::new().with_rules(&[ExtractionRule::LastBox]);
/// assert_eq!(grader.grade("4", "The answer is 4.").extracted, None);
///
/// // A gold answer that was rounded to two decimals.
/// let grader = Grader::new().with_rounded_gold();
/// assert_eq!(grader.check("0.33", r"\frac{1}{3}"), Verdict::Correct);
/// ```
#[derive(Clone, Debug)]
pub struct Grader {
    rules: Vec<ExtractionRule>,
    rounded_gold: bool,
}

impl Default for Grader {
    fn default() -> Self {
        Self::new()
    }
}

impl Grader {
    /// The grader behind [`check`] and [`grade`]: the rules of [`ExtractionRule::DEFAULT`], exact comparison.
    pub fn new() -> Self {
        Self {
            rules: ExtractionRule::DEFAULT.to_vec(),
            rounded_gold: false,
        }
    }

    /// Looks for answers by these rules, in this order.
    #[must_use]
    pub fn with_rules(mut self, rules: &[ExtractionRule]) -> Self {
        self.rules = rules.to_vec();
        self
    }

    /// Lets a gold answer that is written as a decimal stand for all values that round to it.
    #[must_use]
    pub fn with_rounded_gold(mut self) -> Self {
        self.rounded_gold = true;
        self
    }

    /// Grades a text: finds the answer in it and [checks](Self::check) that.
    pub fn grade(&self, gold: &str, text: &str) -> Grade {
        match extract(text, &self.rules, choice(&gold_answer(gold))) {
            Some((answer, source)) => Grade {
                verdict: self.check(gold, &answer),
                extracted: Some(answer.into_owned()),
                source: Some(source),
            },
            None => Grade {
                verdict: Verdict::Wrong,
                extracted: None,
                source: None,
            },
        }
    }

    /// Checks a bare answer; see [`check`].
    pub fn check(&self, gold: &str, answer: &str) -> Verdict {
        let gold = gold_answer(gold);
        let (gold, answer) = (unescaped(gold.trim()), unescaped(answer.trim()));
        if gold.is_empty() {
            return Verdict::Undecided(Reason::NotUnderstood);
        }
        if gold == answer {
            return Verdict::Correct;
        }
        if gold.len() > MAX_LENGTH || answer.len() > MAX_LENGTH {
            return Verdict::Undecided(Reason::Budget);
        }
        let mut budget = Budget::new();
        match self.outcome(&gold, &answer, &mut budget) {
            Outcome::Equal => Verdict::Correct,
            Outcome::Different => Verdict::Wrong,
            Outcome::Unknown(reason) => Verdict::Undecided(reason),
        }
    }

    fn outcome(&self, gold: &str, answer: &str, budget: &mut Budget) -> Outcome {
        let read = |text, budget: &mut Budget| lex(text, Commas::Thousands, budget);
        let (gold_tokens, answer_tokens) = (read(gold, budget), read(answer, budget));
        if answer_tokens.as_ref().is_ok_and(Vec::is_empty) {
            return Outcome::Different; // nothing but delimiters
        }
        let (gold_tokens, answer_tokens) = match (gold_tokens, answer_tokens) {
            (Ok(gold), Ok(answer)) => (gold, answer),
            (Err(reason), _) | (_, Err(reason)) => return reason.into(),
        };
        if gold_tokens
            .iter()
            .map(|lexeme| lexeme.token)
            .eq(answer_tokens.iter().map(|lexeme| lexeme.token))
        {
            return Outcome::Equal;
        }
        if let (Some(gold), Some(answer)) = (wording(&gold_tokens), wording(&answer_tokens))
            && (gold.is_text || answer.is_text)
            && gold.letters == answer.letters
        {
            return Outcome::Equal;
        }
        if let (Some(gold), Some(answer)) = (date::parse(gold), date::parse(answer)) {
            return if gold == answer {
                Outcome::Equal
            } else {
                Outcome::Different
            };
        }
        if let Some(letter) = choice(gold)
            && let Some(outcome) = chosen(letter, answer)
        {
            return outcome;
        }
        if let Some(letter) = choice(answer)
            && chosen(letter, gold) == Some(Outcome::Equal)
        {
            return Outcome::Equal;
        }
        let bytes = gold.bytes().chain(answer.bytes());
        let seed = bytes.fold(0_u64, |sum, byte| {
            sum.wrapping_mul(31).wrapping_add(byte.into())
        });
        let mut comparer = Comparer {
            budget,
            seed,
            rounded_gold: self.rounded_gold,
        };
        let (gold_tree, answer_tree) = (
            parse(&gold_tokens, Commas::Thousands, comparer.budget),
            parse(&answer_tokens, Commas::Thousands, comparer.budget),
        );
        let outcome = match (&gold_tree, &answer_tree) {
            (Ok(gold), Ok(answer)) => comparer.compare(gold, answer),
            (Err(Reason::Budget), _) | (_, Err(Reason::Budget)) => return Reason::Budget.into(),
            _ => Outcome::Unknown(Reason::NotUnderstood),
        };
        if outcome == Outcome::Equal {
            return outcome;
        }
        if let Some(Outcome::Equal) =
            other_commas(gold, answer, &gold_tree, &answer_tree, &mut comparer)
        {
            return Outcome::Equal;
        }
        // A number and a plain word are both understood, and differ.
        let is_number = |tree: &Result<Expr, Reason>| {
            tree.as_ref()
                .is_ok_and(|tree| tree.is_scalar() && tree.symbols().is_empty())
        };
        if outcome == Outcome::Unknown(Reason::NotUnderstood)
            && (is_number(&gold_tree) && says_no_number(&answer_tokens)
                || is_number(&answer_tree) && says_no_number(&gold_tokens))
        {
            return Outcome::Different;
        }
        outcome
    }
}

/// Grades a text: finds the answer in it and [`check`]s that. A text without an answer is wrong.
///
/// The rules of [`ExtractionRule::DEFAULT`] are tried in order. [`Grader::with_rules`] chooses others.
///
/// ```
/// use trimtab_grader::{AnswerSource, Verdict, grade};
///
/// let found = grade("0.5", r"Half of them, so $\boxed{\frac{1}{2}}$.");
/// assert_eq!(found.verdict, Verdict::Correct);
/// assert_eq!(found.extracted.as_deref(), Some(r"\frac{1}{2}"));
/// assert_eq!(found.source, Some(AnswerSource::Box));
///
/// assert_eq!(grade("12", "The answer is 12 apples.").source, Some(AnswerSource::Phrase));
/// ```
pub fn grade(gold: &str, text: &str) -> Grade {
    Grader::new().grade(gold, text)
}

/// Checks a bare answer against the gold answer.
///
/// # When are two answers equal?
///
/// - **Spelling** is no matter: blanks, `$`, `\left`, `\dfrac`, thin spaces, a final full stop, separators of thousands.
/// - **Numbers** compare as exact rationals, whatever their form and size. A decimal of six or more digits also
///   equals the value that it rounds: `0.333333` is `1/3`, `0.33` is not.
/// - **Expressions** are evaluated, exactly or with an error bound, at three points that depend on both texts.
///   They are equal if they agree to at least twenty digits at each, different if the bound excludes it at one.
/// - **Lists and sets** are equal in any order, **tuples** in theirs, **intervals** with the same ends, **unions,
///   inequalities** and set-builder forms as sets of numbers, **equations** up to a factor, **matrices** by entry.
/// - `x = 5` equals `5`, and `f(x) = 2x` equals `2x`; of different names nothing is said.
/// - `50\%` equals `50` and `0.5`; `180^\circ` equals `180` and `\pi`. A unit may be missing on one side.
///
/// # When are they different?
///
/// Where both are understood and differ. What is not understood is equal as text or [`Verdict::Undecided`]; an empty
/// answer is wrong, an empty gold leaves the verdict undecided.
///
/// # Cost
///
/// A comparison spends from one budget of tokens, nodes, digits and evaluations, and groups nest to a fixed depth.
/// So it ends, within a few milliseconds and megabytes, whatever the texts.
///
/// # Example
///
/// ```
/// use trimtab_grader::{Reason, Verdict, check};
///
/// assert_eq!(check("1,234", "x = 1234.0"), Verdict::Correct);
/// assert_eq!(check("1234", "1235"), Verdict::Wrong);
/// assert_eq!(check(r"2\sqrt{2}", r"\sqrt{8}"), Verdict::Correct);
/// assert_eq!(check(r"x > 2", r"(2, \infty)"), Verdict::Correct);
/// assert_eq!(check("1", "10^{10^{10}}"), Verdict::Undecided(Reason::Budget));
/// ```
pub fn check(gold: &str, answer: &str) -> Verdict {
    Grader::new().check(gold, answer)
}

/// An answer with doubled backslashes, as left by one escaping too many, with single ones.
fn unescaped(text: &str) -> Cow<'_, str> {
    let doubled = text.contains("\\\\") && {
        let mut rest = text;
        let mut all = true;
        let mut commands = false;
        while let Some(at) = rest.find('\\') {
            let run = rest[at..].bytes().take_while(|byte| *byte == b'\\').count();
            let next = rest[at + run..].bytes().next();
            commands |= run == 2 && next.is_some_and(|next| next.is_ascii_alphabetic());
            all &= run % 2 == 0;
            rest = &rest[at + run..];
        }
        all && commands
    };
    if doubled {
        Cow::Owned(text.replace("\\\\", "\\"))
    } else {
        Cow::Borrowed(text)
    }
}

/// Whether the checker reads an answer as mathematics, so that it can be equal to more than its own text.
///
/// ```
/// use trimtab_grader::is_understood;
///
/// assert!(is_understood(r"\left[0, \frac{1}{2}\right)"));
/// assert!(!is_understood("a stopped clock is right twice a day"));
/// ```
pub fn is_understood(answer: &str) -> bool {
    let answer = unescaped(answer.trim());
    let mut budget = Budget::new();
    answer.len() <= MAX_LENGTH
        && lex(&answer, Commas::Thousands, &mut budget)
            .and_then(|tokens| parse(&tokens, Commas::Thousands, &mut budget))
            .is_ok()
}

/// Whether a text is mathematics rather than words.
pub(crate) fn reads_as_mathematics(text: &str) -> bool {
    let text = unescaped(text);
    let mut budget = Budget::new();
    let Ok(tokens) = lex(&text, Commas::Thousands, &mut budget) else {
        return false;
    };
    let is_number = |lexeme: &Lexeme| matches!(lexeme.token, Token::Number(_));
    if is_prose(&text) || wording(&tokens).is_some() && !tokens.iter().any(is_number) {
        return false;
    }
    parse(&tokens, Commas::Thousands, &mut budget).is_ok_and(|tree| !matches!(tree, Expr::Text(_)))
}
