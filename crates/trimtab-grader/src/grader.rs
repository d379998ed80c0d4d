//! Grading a text and checking an answer.

use crate::answer::{MAX_BYTES, single_backslashes};
use crate::equality::{Equality, compare};
use crate::extract::{ExtractionRule, extract, gold_answer};
use crate::prose::choice_letter;
use crate::verdict::{Grade, Reason, Verdict};

/// Finds the answer in a text and checks it against the gold answer, as [`check`] does.
///
/// The rules of [`ExtractionRule::DEFAULT`] are tried in order. Use [`Grader::with_rules`] to
/// choose others. A text without an answer is wrong.
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

/// Checks an answer against the gold answer.
///
/// # When two answers are equal
///
/// - **Spelling** does not matter: blanks, `$`, `\left`, `\dfrac`, thin spaces, a final full stop,
///   thousands separators.
/// - **Numbers** compare as exact rationals, whatever their form and size. A decimal with six or
///   more digits also equals a value that rounds to it: `0.333333` is `1/3`, `0.33` is not.
/// - **Expressions** are evaluated at three points that depend on both texts, exactly or with an
///   error bound. They are equal if they agree to at least twenty digits at every point, and
///   different if the bound tells them apart at one point.
/// - **Lists and sets** are equal in any order, and **tuples** in the same order. **Intervals**
///   need the same ends. **Unions, inequalities** and set-builder forms compare as sets of
///   numbers, **equations** up to a factor, **matrices** entry by entry.
/// - `x = 5` equals `5`, and `f(x) = 2x` equals `2x`. If both sides have a name and the names
///   differ, the verdict is undecided.
/// - `50\%` equals `50` and `0.5`; `180^\circ` equals `180` and `\pi`. One side may leave out the
///   unit.
///
/// # When they are different
///
/// They are different if both sides are understood and are not equal. An empty answer is wrong.
/// Anything else that is not equal as text is [`Verdict::Undecided`], and so is every answer to an
/// empty gold answer.
///
/// # Cost
///
/// Tokens, nodes, digits and evaluations all spend from one fixed budget, and groups nest to a
/// fixed depth. So every comparison ends within a few milliseconds and megabytes.
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

/// Grades texts and checks answers with other settings than [`grade`] and [`check`].
///
/// ```
/// use trimtab_grader::{ExtractionRule, Grader, Verdict};
///
/// // A reward that only pays for boxed answers.
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
    /// The settings of [`grade`] and [`check`]: the rules of [`ExtractionRule::DEFAULT`], and gold
    /// answers that are exact.
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

    /// Lets a gold answer with decimals equal every value that rounds to it.
    #[must_use]
    pub fn with_rounded_gold(mut self) -> Self {
        self.rounded_gold = true;
        self
    }

    /// Finds the answer in a text and [checks](Self::check) it; see [`grade`].
    pub fn grade(&self, gold: &str, text: &str) -> Grade {
        match extract(text, &self.rules, choice_letter(&gold_answer(gold))) {
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

    /// Checks an answer; see [`check`].
    pub fn check(&self, gold: &str, answer: &str) -> Verdict {
        let gold = gold_answer(gold);
        let gold = single_backslashes(gold.trim());
        let answer = single_backslashes(answer.trim());
        if gold.is_empty() {
            return Verdict::Undecided(Reason::NotUnderstood);
        }
        if gold == answer {
            return Verdict::Correct;
        }
        if gold.len() > MAX_BYTES || answer.len() > MAX_BYTES {
            return Verdict::Undecided(Reason::Budget);
        }
        match compare(&gold, &answer, self.rounded_gold) {
            Equality::Equal => Verdict::Correct,
            Equality::Different => Verdict::Wrong,
            Equality::Unknown(reason) => Verdict::Undecided(reason),
        }
    }
}
