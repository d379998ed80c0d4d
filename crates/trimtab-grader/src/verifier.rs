//! Which answers to a problem are right, and in which form.

mod expression;

use num_rational::BigRational;

use self::expression::Expression;
use crate::{Grade, Rules, Verdict, check, grade};

/// Which answers to a problem are right, and in which form.
///
/// [`Verifier::Equal`] accepts every form of the gold answer. That is too lenient if the question
/// contains an expression of that value: `\boxed{38 * 47}` only repeats the question. The other
/// verifiers require the finished form, so repeating the question scores nothing.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub enum Verifier {
    /// Any answer equal to the gold answer; see [`check`].
    #[default]
    Equal,
    /// The same plain numbers as the gold answer, in the same order: `12`, `-3/4`, `\frac{1}{2}`,
    /// `2, 3, 5`.
    Numbers,
    /// Digits in a base from 2 to 16, such as `1011` or `ff_{16}`. A subscript or prefix may name
    /// the base.
    Digits {
        /// The base.
        base: u32,
    },
    /// Any expression of `+ - * /` that uses each number exactly once and equals the target.
    Countdown {
        /// The numbers to use.
        numbers: Vec<u64>,
        /// The value to reach.
        target: u64,
    },
}

impl Verifier {
    /// Whether this is [`Verifier::Equal`].
    pub fn is_default(&self) -> bool {
        *self == Self::Equal
    }

    /// Finds the answer in a text as [`grade`](crate::grade()) does, and checks it with this
    /// verifier.
    pub fn grade(&self, gold: &str, text: &str, rules: &Rules) -> Grade {
        let mut grade = grade(gold, text, rules);
        if let (Some(answer), false) = (&grade.extracted, self.is_default()) {
            grade.verdict = self.check(gold, answer);
        }
        grade
    }

    /// Checks an answer. [`Verifier::Countdown`] ignores `gold`: its problems have many right
    /// answers.
    ///
    /// Time and memory are linear in the length of the texts, except for [`Verifier::Equal`], whose
    /// cost [`check`] describes.
    ///
    /// ```
    /// use trimtab_grader::{Verdict, Verifier};
    ///
    /// let countdown = Verifier::Countdown { numbers: vec![3, 7, 50], target: 29 };
    /// assert_eq!(countdown.check("", "50 - 7 * 3"), Verdict::Correct);
    /// assert_eq!(countdown.check("", r"50 - 3 \times 7 = 29"), Verdict::Correct);
    /// assert_eq!(countdown.check("", "29"), Verdict::Wrong);
    /// assert_eq!(Verifier::Numbers.check("2, 3", "3, 2"), Verdict::Wrong);
    /// ```
    pub fn check(&self, gold: &str, answer: &str) -> Verdict {
        let right = match self {
            Self::Equal => return check(gold, answer, &Rules::DEFAULT),
            Self::Numbers => numbers_agree(gold, answer),
            Self::Digits { base } => {
                digits(answer, *base).is_some_and(|answer| digits(gold, *base) == Some(answer))
            }
            Self::Countdown { numbers, target } => reaches(answer, numbers, *target),
        };
        if right {
            Verdict::Correct
        } else {
            Verdict::Wrong
        }
    }
}

/// Longest answer that is read, in bytes. Right answers of generated problems are much shorter.
const MAX_BYTES: usize = 4096;

fn numbers_agree(gold: &str, answer: &str) -> bool {
    let Some(gold) = numbers(gold) else {
        return false;
    };
    // One number may be written with thousands commas.
    let joined;
    let answer = if gold.len() == 1 {
        joined = without_thousands_commas(&answer.replace("{,}", ","));
        &joined
    } else {
        answer
    };
    numbers(answer).is_some_and(|answer| answer == gold)
}

/// Drops each comma between a digit and exactly three digits.
fn without_thousands_commas(text: &str) -> String {
    let is_digit = |at: usize| text.as_bytes().get(at).is_some_and(u8::is_ascii_digit);
    text.char_indices()
        .filter(|&(at, c)| {
            let groups =
                at > 0 && is_digit(at - 1) && (at + 1..at + 4).all(is_digit) && !is_digit(at + 4);
            c != ',' || !groups
        })
        .map(|(_, c)| c)
        .collect()
}

/// Plain numbers separated by commas, semicolons, `and` or blanks. Brackets may enclose the list.
fn numbers(text: &str) -> Option<Vec<BigRational>> {
    if text.len() > MAX_BYTES {
        return None;
    }
    let mut text = text.to_owned();
    for (noise, instead) in [
        (r"\left", ""),
        (r"\right", ""),
        (r"\dfrac", r"\frac"),
        (r"\tfrac", r"\frac"),
        (r"\{", ""),
        (r"\}", ""),
        (r"\,", " "),
        (r"\;", " "),
        (r"\ ", " "),
        (r"\!", ""),
        ("$", " "),
        ("−", "-"),
        (" and ", ","),
        (";", ","),
    ] {
        text = text.replace(noise, instead);
    }
    let list = text
        .trim()
        .trim_end_matches('.')
        .trim_matches(['(', ')', '[', ']', ' ']);
    // Keep `x = 3` in one part; the name is dropped below.
    let list = list.replace(" =", "=").replace("= ", "=");
    let parts = list.split([',', ' ', '\t', '\n']);
    let numbers = parts.map(str::trim).filter(|part| !part.is_empty());
    let numbers: Option<Vec<_>> = numbers.map(number).collect();
    numbers.filter(|numbers| !numbers.is_empty())
}

/// One of `12`, `-0.5`, `3/4`, `-\frac{3}{4}`. A letter and an equals sign may precede it.
fn number(text: &str) -> Option<BigRational> {
    let text = match text.split_once('=') {
        Some((name, value)) if name.len() == 1 && name.as_bytes()[0].is_ascii_alphabetic() => value,
        Some(_) => return None,
        None => text,
    };
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let fraction = text
        .strip_prefix(r"\frac{")
        .and_then(|rest| rest.strip_suffix('}'))
        .and_then(|rest| rest.split_once("}{"))
        .or_else(|| text.split_once('/'));
    let value = match fraction {
        Some((numerator, denominator)) => {
            let (numerator, denominator) = (decimal(numerator)?, decimal(denominator)?);
            if denominator == BigRational::from_integer(0.into()) {
                return None;
            }
            numerator / denominator
        }
        None => decimal(text)?,
    };
    Some(if negative { -value } else { value })
}

/// Digits with at most one decimal point, in at most thirty bytes.
fn decimal(text: &str) -> Option<BigRational> {
    let (whole, after_point) = text.split_once('.').unwrap_or((text, ""));
    let digits = format!("{whole}{after_point}");
    if text.len() > 30 || digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let ten = num_bigint::BigInt::from(10);
    let scale = ten.pow(after_point.len() as u32);
    Some(BigRational::new(digits.parse().ok()?, scale))
}

/// The digits in lower case without leading zeros. `None` if one does not belong to the base.
fn digits(text: &str, base: u32) -> Option<String> {
    if text.len() > MAX_BYTES {
        return None;
    }
    let mut text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    text.make_ascii_lowercase();
    for noise in ["$", "\\!", "\\,", "\\text", "\\mathrm"] {
        text = text.replace(noise, "");
    }
    let text = text.trim_end_matches('.');
    let mut text = match text.split_once('_') {
        Some((digits, subscript)) => {
            let named = subscript.trim_matches(['{', '}', '(', ')']);
            (named == base.to_string()).then_some(digits)?
        }
        None => text,
    };
    let prefix = match base {
        2 => "0b",
        8 => "0o",
        16 => "0x",
        _ => "",
    };
    text = text.trim_matches(['{', '}', '(', ')']);
    text = text.strip_prefix(prefix).unwrap_or(text);
    let all_digits = !text.is_empty() && text.chars().all(|c| c.is_digit(base));
    all_digits.then(|| text.trim_start_matches('0').to_owned())
}

/// Whether `answer` uses the numbers and equals the target. The target may follow an equals sign.
fn reaches(answer: &str, numbers: &[u64], target: u64) -> bool {
    if answer.len() > MAX_BYTES {
        return false;
    }
    let expression = match answer.split_once('=') {
        Some((left, right)) => {
            let right = right.trim_matches([' ', '$', '.']);
            if right != target.to_string() {
                return false;
            }
            left
        }
        None => answer,
    };
    let Some(expression) = Expression::parse(expression) else {
        return false;
    };
    let (mut used, mut allowed) = (expression.numbers().collect::<Vec<_>>(), numbers.to_vec());
    used.sort_unstable();
    allowed.sort_unstable();
    used == allowed && expression.value() == Some(BigRational::from_integer(target.into()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn plain_numbers_in_order() {
        let table = [
            ("12", "12", true),
            ("12", " $12$. ", true),
            ("12", "x = 12", true),
            ("1234", "1,234", true),
            ("1234", "1{,}234", true),
            ("-3/4", r"-\frac{3}{4}", true),
            ("-3/4", "-0.75", true),
            ("1/2", r"\dfrac{1}{2}", true),
            ("2, 3", r"\left(2, 3\right)", true),
            ("2, 3", "x=2, y=3", true),
            ("2, 3", "x = 2 and y = 3", true),
            ("2, 3, 5", "2 3 5", true),
            ("2, 3, 5", "[2, 3, 5]", true),
            ("2, 3", "3, 2", false),
            ("2, 3", "2", false),
            ("2, 3", "2, 3, 3", false),
            ("12", "1,2", false),
            ("12", "10 + 2", false),
            ("12", "3*4", false),
            ("12", r"3 \cdot 4", false),
            ("12", "", false),
            ("12", "()", false),
            ("12", "12 cm", false),
            ("12", "2x=24", false),
            ("12", "12/0", false),
            ("12", "--12", false),
        ];
        for (gold, answer, right) in table {
            let verdict = Verifier::Numbers.check(gold, answer);
            assert_eq!(verdict.is_correct(), right, "{gold} | {answer}");
        }
    }

    #[test]
    fn digits_of_a_base() {
        let table = [
            (2, "1011", "1011", true),
            (2, "1011", "1011_2", true),
            (2, "1011", "$1011_{2}$", true),
            (2, "1011", "0b1011", true),
            (2, "1011", "001011", true),
            (16, "2af", "2AF", true),
            (16, "2af", "0x2AF", true),
            (16, "2af", r"\text{2AF}_{16}", true),
            (2, "1011", "11", false),
            (2, "1011", "1011_3", false),
            (2, "1011", "1021", false),
            (2, "1011", "", false),
            (2, "1011", "-1011", false),
            (16, "0", "x", false),
        ];
        for (base, gold, answer, right) in table {
            let verdict = Verifier::Digits { base }.check(gold, answer);
            assert_eq!(verdict.is_correct(), right, "{gold} | {answer}");
        }
    }

    #[test]
    fn countdown_uses_each_number_once_and_reaches_the_target() {
        let countdown = Verifier::Countdown {
            numbers: vec![2, 3, 3, 8],
            target: 24,
        };
        let table = [
            ("(8 - 2) * (3 + 3) - 12", false),
            ("8 * 3 * (3 - 2)", true),
            (r"8 \times 3 \cdot \left(3-2\right)", true),
            ("8 × 3 × (3 − 2) = 24", true),
            ("$8*3*(3-2)$", true),
            (r"\frac{8 * 3}{3 - 2}", true),
            (r"\frac{8}{\frac{3-2}{3}}", true),
            ("8/((3-2)/3)", true),
            ("8 * 3 * (3 - 2) = 25", false),
            ("8 * 3 * (3 - 2) = 24 = 24", false),
            ("8 * 3", false),
            ("24", false),
            ("8 * 3 + 3 - 3 + 2 - 2", false),
            ("8 * 3 * 3 - 2", false),
            ("83 * (3 - 2)", false),
            ("8 3 3 2", false),
            ("8 * 3 * (3 - 2", false),
            ("8 * 3 * 3 - 2)", false),
            ("8 / (3 - 3) + 2", false),
            ("", false),
            ("()", false),
            ("8 ** 3", false),
            (r"\frac{8}", false),
            (r"\frac8{3}", false),
            ("99999999999999999999999999", false),
        ];
        for (answer, right) in table {
            let verdict = countdown.check("", answer);
            assert_eq!(verdict.is_correct(), right, "{answer}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in r"[0-9a-fx+*/=(){}\[\]\\$_,. −-]{0,60}|\PC{0,40}") {
            let countdown = Verifier::Countdown { numbers: vec![1, 2], target: 3 };
            let hexadecimal = Verifier::Digits { base: 16 };
            for verifier in [countdown, Verifier::Numbers, hexadecimal, Verifier::Equal] {
                verifier.check("1", &text);
                verifier.check(&text, "1");
            }
        }
    }

    #[test]
    fn hostile_texts_are_wrong_at_once() {
        let countdown = Verifier::Countdown {
            numbers: vec![1, 2],
            target: 3,
        };
        for text in [
            "(".repeat(1 << 20),
            "\\frac{".repeat(600),
            "1+".repeat(2000),
            "9".repeat(4000),
        ] {
            for verifier in [
                &countdown,
                &Verifier::Numbers,
                &Verifier::Digits { base: 10 },
            ] {
                assert!(!verifier.check("1", &text).is_correct());
            }
        }
    }
}
