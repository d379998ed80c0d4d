//! Checking an answer against the gold answer: text first, then exact numbers.

mod normal;
mod number;

use std::ops::Range;

use serde::{Deserialize, Serialize};

use self::normal::Normal;
pub use self::number::MAX_DIGITS;
use self::number::Number;
use crate::extract::last_boxed;

/// What the checker says of an answer.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
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
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// A number has more digits, written out, than [`MAX_DIGITS`].
    #[error("a number has more than {MAX_DIGITS} digits")]
    Budget,
    /// The texts differ and at least one is no number.
    #[error("the texts differ, and at least one is of a form that is compared as text only")]
    NotUnderstood,
}

/// The verdict on a response, and the answer found in it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Grade {
    /// The verdict on `extracted`; wrong if there is none.
    pub verdict: Verdict,
    /// The content of the response's last box, if it has one.
    pub extracted: Option<String>,
}

/// Grades a response: [`check`]s the content of its last box. A response without a box has no answer.
///
/// ```
/// use trimtab_tasks::{Verdict, grade};
///
/// let grade = grade("0.5", r"Half of them, so $\boxed{\frac{1}{2}}$.");
/// assert_eq!(grade.verdict, Verdict::Correct);
/// assert_eq!(grade.extracted.as_deref(), Some(r"\frac{1}{2}"));
/// ```
pub fn grade(gold: &str, text: &str) -> Grade {
    match last_boxed(text) {
        Some(answer) => Grade {
            verdict: check(gold, answer),
            extracted: Some(answer.to_owned()),
        },
        None => Grade {
            verdict: Verdict::Wrong,
            extracted: None,
        },
    }
}

/// Checks a bare answer against the gold answer.
///
/// Symmetric, except that an empty answer is wrong while an empty gold leaves the verdict undecided.
///
/// # When are two answers equal?
///
/// - Spelling is no matter: blanks, `$`, `\left`, `\dfrac`, `\text{..}`, thin spaces, a final full stop.
/// - Numbers compare as exact rationals, whatever their form: `0.5`, `1/2`, `\frac12`, `2/4`, `5e-1`,
///   `5 \times 10^{-1}`; `1{,}234` is `1234`. Digits beyond any float's precision count.
/// - A decimal equals a fraction that it rounds, given six or more decimals: `0.333333` is `1/3`, `0.33` is not.
/// - `50\%` equals `50` and `0.5`. Degree and currency signs are dropped.
/// - `x = 5` equals `5`, but not `y = 5`.
/// - The unit of a number may be missing on one side: `5 \text{ cm}` equals `5`.
///
/// Anything else (roots, lists, intervals, ...) is equal as text or [`Verdict::Undecided`].
///
/// # When are they different?
///
/// Wrong is said where both sides are understood and differ: two numbers, a number and a plain text, a gold
/// and nothing. A plain text is made of ASCII letters, at least two, and names no number, as `five` or `pi` do.
///
/// # Cost
///
/// Time and memory are linear in the length of the texts: there is no recursion, and a number of more than
/// [`MAX_DIGITS`] digits, written out, is not computed with.
///
/// # Example
///
/// ```
/// use trimtab_tasks::{Reason, Verdict, check};
///
/// assert_eq!(check("1,234", "x = 1234.0"), Verdict::Correct);
/// assert_eq!(check("1234", "1235"), Verdict::Wrong);
/// assert_eq!(check(r"2\sqrt{2}", r"\sqrt{8}"), Verdict::Undecided(Reason::NotUnderstood));
/// assert_eq!(check("1", "1e999999999"), Verdict::Undecided(Reason::Budget));
/// ```
pub fn check(gold: &str, answer: &str) -> Verdict {
    let (gold, answer) = (Answer::read(gold), Answer::read(answer));
    if gold.normal.text.is_empty() {
        return Verdict::Undecided(Reason::NotUnderstood);
    }
    if answer.normal.text.is_empty() {
        return Verdict::Wrong;
    }
    if gold.normal.text == answer.normal.text {
        return Verdict::Correct;
    }
    if conflict(gold.variable(), answer.variable()) {
        return Verdict::Undecided(Reason::NotUnderstood);
    }
    if gold.value() == answer.value() {
        return Verdict::Correct;
    }
    match (gold.number(), answer.number()) {
        (Err(Reason::Budget), _) | (_, Err(Reason::Budget)) => Verdict::Undecided(Reason::Budget),
        (Ok(_), Ok(_)) if conflict(gold.unit(), answer.unit()) => {
            Verdict::Undecided(Reason::NotUnderstood)
        }
        (Ok(gold), Ok(answer)) if gold.equals(&answer) => Verdict::Correct,
        (Ok(_), Ok(_)) => Verdict::Wrong,
        (Ok(_), Err(_)) if answer.is_plain_text() => Verdict::Wrong,
        (Err(_), Ok(_)) if gold.is_plain_text() => Verdict::Wrong,
        _ => Verdict::Undecided(Reason::NotUnderstood),
    }
}

/// Whether both sides name something, and not the same.
fn conflict(left: Option<&str>, right: Option<&str>) -> bool {
    matches!((left, right), (Some(left), Some(right)) if left != right)
}

/// A normalised answer, taken apart: `[variable =] value [unit]`.
struct Answer {
    normal: Normal,
    variable: Option<Range<usize>>,
    value: Range<usize>,
    unit: Option<Range<usize>>,
}

impl Answer {
    fn read(text: &str) -> Self {
        let normal = normal::normalise(text);
        let end = normal.text.len();
        let variable = find_variable(&normal.text);
        let start = variable
            .as_ref()
            .map_or(0, |variable| variable.end + "=".len());
        let unit = find_unit(&normal).filter(|unit| unit.start > start);
        let value = start..unit.as_ref().map_or(end, |unit| unit.start);
        Self {
            normal,
            variable,
            value,
            unit,
        }
    }

    fn variable(&self) -> Option<&str> {
        self.variable
            .clone()
            .map(|variable| &self.normal.text[variable])
    }

    /// All after the variable; the unit is dropped from numbers only.
    fn value(&self) -> &str {
        &self.normal.text[self.value.start..]
    }

    fn unit(&self) -> Option<&str> {
        self.unit.clone().map(|unit| &self.normal.text[unit])
    }

    fn number(&self) -> Result<Number, Reason> {
        Number::parse(&self.normal.text[self.value.clone()], self.normal.is_list)
    }

    fn is_plain_text(&self) -> bool {
        const NUMBER_WORDS: &str = "zero one two three four five six seven eight nine ten eleven twelve teen \
            twenty thirty forty fifty hundred thousand half third dozen pi";
        let text = self.normal.text.to_lowercase();
        text.len() >= 2
            && text.bytes().all(|byte| byte.is_ascii_alphabetic())
            && !NUMBER_WORDS
                .split_whitespace()
                .any(|word| text.contains(word))
    }
}

/// The name before a single `=`: a letter or a Greek command, perhaps with an index: `x`, `\theta`, `a_{12}`.
fn find_variable(text: &str) -> Option<Range<usize>> {
    let (name, value) = text.split_once('=')?;
    let (symbol, index) = name.split_once('_').unwrap_or((name, "0"));
    let letters = symbol.strip_prefix('\\').unwrap_or(symbol);
    let index = index
        .strip_prefix('{')
        .and_then(|index| index.strip_suffix('}'))
        .unwrap_or(index);
    let is_name = !letters.is_empty()
        && letters.bytes().all(|byte| byte.is_ascii_alphabetic())
        && (letters.len() == 1 || symbol.len() > letters.len())
        && !index.is_empty()
        && index.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (is_name && !value.contains('=')).then_some(0..name.len())
}

/// A final `\text{..}` that can be dropped from a number, with its power if any: `cm`, `feet^2`.
fn find_unit(normal: &Normal) -> Option<Range<usize>> {
    /// Starts of texts that change or qualify a number; a unit that begins like one (`pints`) is left in place.
    const NO_UNITS: &str = "and are base billion choose dozen each factorial for hal hundred if is \
            million mod more not or per pi recurring remainder repeat squared \
            thousand times to trillion";
    let word = normal.last_words.clone()?;
    let power = &normal.text[word.end..];
    let letters = normal.text[word.clone()].to_lowercase();
    let is_unit = ["", "^2", "^{2}", "^3", "^{3}"].contains(&power)
        && letters.len() >= 2 // one letter may be a variable
        && letters.bytes().all(|byte| byte.is_ascii_alphabetic())
        && !NO_UNITS.split_whitespace().any(|start| letters.starts_with(start));
    is_unit.then_some(word.start..normal.text.len())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use proptest::prelude::*;

    use super::{Grade, Reason, Verdict, check, grade};

    const NOT_UNDERSTOOD: Verdict = Verdict::Undecided(Reason::NotUnderstood);

    #[test]
    fn verdicts() {
        let table = [
            // text
            (
                r"\left( 1, \dfrac{1}{2} \right)",
                r"$(1,\frac{1}{2})$",
                Verdict::Correct,
            ),
            (r"\text{odd}", "odd.", Verdict::Correct),
            (r"\sqrt{2}", "r = \\sqrt 2", NOT_UNDERSTOOD),
            (r"\sqrt{2}", "r = \\sqrt{2}", Verdict::Correct),
            (r"x \text{ is odd}", "x", NOT_UNDERSTOOD),
            ("odd", "even", NOT_UNDERSTOOD),
            // nothing
            ("5", "", Verdict::Wrong),
            ("odd", " $ $ ", Verdict::Wrong),
            ("", "5", NOT_UNDERSTOOD),
            // numbers
            ("16", "016", Verdict::Correct),
            ("1234", r"\$1,234.00", Verdict::Correct),
            ("1234", "1, 234", NOT_UNDERSTOOD),
            ("0.5", r"\frac12", Verdict::Correct),
            ("-7", "7", Verdict::Wrong),
            ("90", r"90^\circ", Verdict::Correct),
            ("7", "49 - 42", NOT_UNDERSTOOD),
            // numbers and text
            ("5", "odd", Verdict::Wrong),
            ("no solution", "5", Verdict::Wrong),
            ("5", "five", NOT_UNDERSTOOD),
            ("3", "pi", NOT_UNDERSTOOD),
            ("5", "x", NOT_UNDERSTOOD),
            ("5", "5t", NOT_UNDERSTOOD),
            // names
            ("5", "x = 5", Verdict::Correct),
            (r"\theta = 5", "5", Verdict::Correct),
            ("a_{12} = 5", "5.0", Verdict::Correct),
            ("x = 5", "x = 5.0", Verdict::Correct),
            ("x = 5", "y = 5", NOT_UNDERSTOOD),
            ("5", "x = y = 5", NOT_UNDERSTOOD),
            ("5", "2x = 5", NOT_UNDERSTOOD),
            // units
            ("5", r"5 \text{ cm}", Verdict::Correct),
            (r"5.0\,\mathrm{cm}^2", "5", Verdict::Correct),
            (r"5 \text{ cm}", r"5.0 \text{ cm}", Verdict::Correct),
            (r"5 \text{ cm}", r"5 \text{ m}", NOT_UNDERSTOOD),
            (r"45 \text{ units}^2", r"45 \text{ units}^4", NOT_UNDERSTOOD),
            ("5", r"5 \text{ million}", NOT_UNDERSTOOD),
            ("5", r"5 \text{ or more}", NOT_UNDERSTOOD),
            ("5", r"5\mathrm{i}", NOT_UNDERSTOOD),
            ("5", r"6 \text{ cm}", Verdict::Wrong),
        ];
        for (gold, answer, expected) in table {
            assert_eq!(check(gold, answer), expected, "{gold} / {answer}");
        }
    }

    #[test]
    fn grades() {
        let grade_of = |text| grade("7", text);
        assert_eq!(
            grade_of(r"\boxed{6}, no: \boxed{7.0}"),
            Grade {
                verdict: Verdict::Correct,
                extracted: Some("7.0".to_owned())
            }
        );
        assert_eq!(grade_of(r"\boxed{\boxed{7}}").verdict, Verdict::Correct);
        for cut_off_or_silent in [r"\boxed{7}, that is \boxed{7", "the answer is 7", ""] {
            assert_eq!(
                grade_of(cut_off_or_silent),
                Grade {
                    verdict: Verdict::Wrong,
                    extracted: None
                }
            );
        }
    }

    #[test]
    fn names_in_json() {
        let json = |verdict| serde_json::to_string(&verdict).expect("plain data");
        assert_eq!(json(Verdict::Correct), r#""correct""#);
        assert_eq!(json(NOT_UNDERSTOOD), r#"{"undecided":"not_understood"}"#);
    }

    #[test]
    fn long_answers_are_linear() {
        let started = Instant::now();
        for unit in [
            "1",
            "1,",
            "{",
            "}",
            "\\frac",
            "\\text{a",
            "$",
            "1 ",
            "^\\circ",
            "=",
            "_",
            ".",
            "\\frac{1}{",
        ] {
            let long = unit.repeat(200_000);
            assert!(!check("7", &long).is_correct());
            assert!(!check(&long, "7").is_correct());
        }
        assert!(
            started.elapsed() < Duration::from_secs(10),
            "{:?}",
            started.elapsed()
        );
    }

    /// Strings that look like answers.
    const MARKUP: &str =
        r"(\\frac|\\text|\\boxed|\\circ|\\times|10\^|[\\{}$frac0-9./,%=e +-]){0,30}";

    proptest! {
        #[test]
        fn never_panics(gold in any::<String>(), answer in MARKUP, text in any::<String>()) {
            check(&gold, &answer);
            check(&answer, &text);
            grade(&answer, &format!("{text}\\boxed{{{answer}}}"));
        }

        #[test]
        fn symmetric(left in MARKUP, right in MARKUP) {
            prop_assert_eq!(check(&left, &right).is_correct(), check(&right, &left).is_correct());
        }

        #[test]
        fn an_answer_equals_itself(answer in MARKUP) {
            prop_assert!(check(&answer, &answer) == Verdict::Correct || check("0", &answer) == Verdict::Wrong);
        }

        #[test]
        fn an_integer_equals_its_rewritings(n in any::<i64>(), factor in 1..1000_i128) {
            let wide = i128::from(n);
            let sign = if n < 0 { "-" } else { "" };
            let digits = n.unsigned_abs().to_string();
            let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
            for rewriting in [
                format!("{n}.0"),
                format!("{n}e0"),
                format!("{n}00\\times 10^{{-2}}"),
                format!("${n}$."),
                format!("x = {n}"),
                format!("{n}\\%"),
                format!("{}/{factor}", wide * factor),
                format!("\\dfrac{{{}}}{{{factor}}}", wide * factor),
                format!("{sign}{}", groups.join(",")),
                format!("{sign}{}", groups.join("{,}")),
                format!("{sign}{}", groups.join(",\\!")),
            ] {
                prop_assert_eq!(check(&n.to_string(), &rewriting), Verdict::Correct, "{}", rewriting);
            }
            prop_assert_eq!(check(&n.to_string(), &(wide + 1).to_string()), Verdict::Wrong);
        }

        #[test]
        fn fractions_compare_by_value(a in -99..99_i64, b in 1..99_i64, c in -99..99_i64, d in 1..99_i64) {
            let expected = if a * d == c * b { Verdict::Correct } else { Verdict::Wrong };
            prop_assert_eq!(check(&format!("{a}/{b}"), &format!("\\frac{{{c}}}{{{d}}}")), expected);
        }
    }
}
