//! Grading a text and checking an answer.

use crate::answer::{MAX_BYTES, normalized, unwrapped};
use crate::clean::clean;
use crate::equality::{Equality, compare, multiplies_vectors};
use crate::extract::{
    AnswerSource, extract, extract_words, gold_answer, labelled_boxes, said, words_change,
};
use crate::identity::same_text;
use crate::lead::{is_approximate, with_remark, without_lead};
use crate::prose::choice_letter;
use crate::reading;
use crate::rule::Rule;
use crate::rules::{Expected, Rules};
use crate::verdict::{Grade, Reason, Verdict};
use crate::vocabulary;

/// Finds the answer in a text and checks it against the gold answer, as [`check`] does.
///
/// A text without an answer is wrong.
///
/// ```
/// use trimtab_grader::{AnswerSource, Rules, Verdict, grade};
///
/// let found = grade("0.5", r"Half of them, so $\boxed{\frac{1}{2}}$.", &Rules::DEFAULT);
/// assert_eq!(found.verdict, Verdict::Correct);
/// assert_eq!(found.extracted.as_deref(), Some(r"\frac{1}{2}"));
/// assert_eq!(found.source, Some(AnswerSource::Box));
///
/// let found = grade("12", "The answer is 12 apples.", &Rules::DEFAULT);
/// assert_eq!(found.source, Some(AnswerSource::Phrase));
/// ```
pub fn grade(gold: &str, text: &str, rules: &Rules) -> Grade {
    let choice = choice_letter(&gold_answer(gold));
    let choice = choice.is_some() || rules.expected == Expected::Choice;
    let grade = grade_found(gold, text, *rules, choice);
    if grade.verdict.is_correct() || rules.boxed_only {
        return grade;
    }
    match grade.source {
        Some(AnswerSource::Box) => match box_otherwise(gold, text, &grade, *rules, choice) {
            Some(other) if other.verdict.is_correct() => other,
            _ => grade,
        },
        None | Some(AnswerSource::Formula | AnswerSource::Number)
            if rules.fallback && !choice && is_plain_words(gold) =>
        {
            match extract_words(text) {
                Some(words) => Grade {
                    source: Some(AnswerSource::Words),
                    ..grade_answer(gold, &words, rules)
                },
                None => grade,
            }
        }
        _ => grade,
    }
}

/// Checks the answer that is found in the text.
fn grade_found(gold: &str, text: &str, rules: Rules, choice: bool) -> Grade {
    let Some(found) = extract(text, rules, choice) else {
        return Grade {
            verdict: Verdict::Wrong,
            because: vec![Rule::NoAnswer],
            extracted: None,
            source: None,
            span: None,
        };
    };
    if !found.certain {
        return Grade {
            verdict: Verdict::Undecided(Reason::UnclearValue),
            because: Vec::new(),
            extracted: Some(found.answer.into_owned()),
            source: Some(found.source),
            span: found.span,
        };
    }
    let mut grade = Grade {
        source: Some(found.source),
        span: found.span,
        ..grade_answer(gold, &found.answer, &rules)
    };
    // Words that change a value count, unless the gold answer has them too.
    let is_changed = !choice
        && found.source == AnswerSource::Box
        && grade.verdict.is_correct()
        && words_change(&found.answer);
    let bounds = || {
        ["<", ">", "≤", "≥", "\\le", "\\ge"]
            .iter()
            .any(|sign| gold.contains(sign))
    };
    if is_changed && !bounds() && !words_change(gold) {
        grade.verdict = Verdict::Undecided(Reason::UnclearValue);
        grade.because.clear();
    }
    grade
}

/// Another reading of boxes: those of labelled parts as one list in its order, or what the words
/// in the last box say.
fn box_otherwise(
    gold: &str,
    text: &str,
    grade: &Grade,
    rules: Rules,
    choice: bool,
) -> Option<Grade> {
    if matches!(grade.verdict, Verdict::Undecided(Reason::UnclearValue)) {
        return None;
    }
    let other = if let Some(parts) = labelled_boxes(text) {
        let ordered = Rules {
            any_order: false,
            ..rules
        };
        grade_answer(gold, &parts, &ordered)
    } else {
        let content = grade.extracted.as_deref().filter(|_| !choice)?;
        if words_change(content) {
            return None;
        }
        grade_answer(gold, &said(content)?, &rules)
    };
    Some(Grade {
        source: grade.source,
        ..other
    })
}

/// Whether a gold answer is one or a few words, and no value: `\text{odd}`, `False`.
fn is_plain_words(gold: &str) -> bool {
    const MAX_BYTES: usize = 48;
    let inner = gold.trim().trim_matches('$');
    let inner = inner
        .strip_prefix("\\text{")
        .and_then(|inner| inner.strip_suffix('}'))
        .unwrap_or(inner);
    inner.len() <= MAX_BYTES
        && inner.bytes().any(|byte| byte.is_ascii_lowercase())
        && inner
            .chars()
            .all(|c| c.is_alphabetic() || matches!(c, ' ' | '-'))
        && vocabulary::spoken(inner).is_none()
}

/// Checks an answer as [`check`] does, and says by which rules. There is nothing to find: the text
/// is the answer.
///
/// ```
/// use trimtab_grader::{Rule, Rules, grade_answer};
///
/// let grade = grade_answer("5", "x = 5.0", &Rules::DEFAULT);
/// assert_eq!(grade.because, [Rule::SameValue, Rule::NameLeftOut]);
/// ```
pub fn grade_answer(gold: &str, answer: &str, rules: &Rules) -> Grade {
    let mut because = Vec::new();
    Grade {
        verdict: judge(gold, answer, *rules, &mut because),
        because,
        extracted: Some(answer.to_owned()),
        source: None,
        span: None,
    }
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
/// use trimtab_grader::{Reason, Rules, Verdict};
///
/// let check = |gold, answer| trimtab_grader::check(gold, answer, &Rules::DEFAULT);
///
/// assert_eq!(check("1,234", "x = 1234.0"), Verdict::Correct);
/// assert_eq!(check("1234", "1235"), Verdict::Wrong);
/// assert_eq!(check(r"2\sqrt{2}", r"\sqrt{8}"), Verdict::Correct);
/// assert_eq!(check(r"x > 2", r"(2, \infty)"), Verdict::Correct);
/// assert_eq!(check("1", "10^{10^{10}}"), Verdict::Undecided(Reason::Budget));
/// ```
pub fn check(gold: &str, answer: &str, rules: &Rules) -> Verdict {
    judge(gold, answer, *rules, &mut Vec::new())
}

/// The verdict on an answer. Adds the rules that led to it to `because`.
fn judge(gold: &str, answer: &str, rules: Rules, because: &mut Vec<Rule>) -> Verdict {
    let (gold, answer) = (clean(gold), clean(answer));
    let whole = normalized(&gold);
    let gold = gold_answer(&gold);
    let gold = normalized(&gold);
    let answer = normalized(&answer);
    if gold.is_empty() {
        return Verdict::Undecided(Reason::NotUnderstood);
    }
    if is_struck_out(&answer) && !is_struck_out(&gold) {
        return Verdict::Undecided(Reason::NotUnderstood);
    }
    let same = same_text(&gold, &answer) || whole != gold && same_text(&whole, &answer);
    let crosses = |text: &str| text.matches("\\times").count();
    // The signs of multiplication are one sign, but not between vectors.
    let same = same && (!multiplies_vectors(&gold) || crosses(&gold) == crosses(&answer));
    if gold == answer || same {
        because.push(Rule::SameText);
        return Verdict::Correct;
    }
    if gold.len() > MAX_BYTES || answer.len() > MAX_BYTES {
        return Verdict::Undecided(Reason::Budget);
    }
    let (gold, answer) = (without_remark(&gold, rules), without_remark(&answer, rules));
    if let Some(verdict) = judge_parts(gold, answer, rules, because) {
        return verdict;
    }
    let mut equality = compare(gold, answer, rules, because);
    let (inner_gold, inner_answer) = (unwrapped(gold), unwrapped(answer));
    if equality != Equality::Equal && (inner_gold != gold || inner_answer != answer) {
        because.clear();
        equality = compare(inner_gold, inner_answer, rules, because);
    }
    if equality != Equality::Equal
        && let Some(rules) = equal_in_other_words(inner_gold, inner_answer, rules)
            .or_else(|| equal_without_labels(inner_gold, inner_answer, rules))
    {
        *because = rules;
        return Verdict::Correct;
    }
    match equality {
        Equality::Equal => Verdict::Correct,
        Equality::Different => Verdict::Wrong,
        Equality::Unknown(reason) => Verdict::Undecided(reason),
    }
}

/// The verdict on answers to labelled parts, which are compared in their order. `None` if neither
/// side has labels.
fn judge_parts(gold: &str, answer: &str, rules: Rules, because: &mut Vec<Rule>) -> Option<Verdict> {
    if !gold.starts_with('(') && !answer.starts_with('(') {
        return None;
    }
    let (gold_parts, answer_parts) = match (reading::parts(gold), reading::parts(answer)) {
        (None, None) => return None,
        (Some(gold), Some(answer)) => (gold, answer),
        (Some(gold), None) => (gold, answer.split(", ").collect()),
        (None, Some(answer)) => (gold.split(',').collect(), answer),
    };
    if gold_parts.len() != answer_parts.len() {
        return Some(Verdict::Undecided(Reason::NotUnderstood));
    }
    let mut verdict = Verdict::Correct;
    for (gold, answer) in gold_parts.into_iter().zip(answer_parts) {
        match compare(gold, answer, rules, because) {
            Equality::Equal => {}
            Equality::Different => return Some(Verdict::Wrong),
            Equality::Unknown(reason) => verdict = Verdict::Undecided(reason),
        }
    }
    Some(verdict)
}

/// The rules by which two answers are equal without the words before them. `None` if they are not.
fn equal_in_other_words(gold: &str, answer: &str, rules: Rules) -> Option<Vec<Rule>> {
    let equal = |gold: &str, answer: &str| {
        let mut because = Vec::new();
        (compare(gold, answer, rules, &mut because) == Equality::Equal).then_some(because)
    };
    let (short_gold, short_answer) = (without_lead(gold), without_lead(answer));
    if short_gold.len() < gold.len() || short_answer.len() < answer.len() {
        return equal(short_gold, short_answer);
    }
    None
}

/// The text without a remark in parentheses that repeats it: `13 (thirteen)`, `2\sqrt3 (≈ 3.46)`.
fn without_remark(text: &str, rules: Rules) -> &str {
    let Some((value, remark)) = with_remark(text) else {
        return text;
    };
    let equal =
        |gold: &str, answer: &str| compare(gold, answer, rules, &mut Vec::new()) == Equality::Equal;
    let repeats = equal(value, remark) || is_approximate(remark) && equal(remark, value);
    if repeats { value } else { text }
}

/// The rules by which two answers are equal without the labels of choices, or as the result behind
/// an integral. `None` if they are not.
fn equal_without_labels(gold: &str, answer: &str, rules: Rules) -> Option<Vec<Rule>> {
    let readings = [
        reading::without_label(gold, answer),
        reading::result(answer).map(|result| (gold, result)),
    ];
    readings.into_iter().flatten().find_map(|(gold, answer)| {
        let mut because = Vec::new();
        (compare(gold, answer, rules, &mut because) == Equality::Equal).then_some(because)
    })
}

/// Whether Markdown strikes the whole text out: `~~12~~`.
fn is_struck_out(text: &str) -> bool {
    text.len() > 4 && text.starts_with("~~") && text.ends_with("~~")
}
