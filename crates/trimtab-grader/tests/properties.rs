//! Properties of [`check`] and [`grade`] on random texts and random formulas.

use proptest::prelude::*;
use trimtab_grader::{AnswerSource, Grade, Reason, Rules, Verdict};

fn check(gold: &str, answer: &str) -> Verdict {
    trimtab_grader::check(gold, answer, &Rules::DEFAULT)
}

fn grade(gold: &str, text: &str) -> Grade {
    trimtab_grader::grade(gold, text, &Rules::DEFAULT)
}

/// Text made of pieces of mathematics, mostly malformed.
fn markup() -> impl Strategy<Value = String> {
    const PIECES: [&str; 64] = [
        "\\frac",
        "\\sqrt",
        "\\text",
        "\\boxed",
        "\\left",
        "\\right",
        "\\{",
        "\\}",
        "{",
        "}",
        "(",
        ")",
        "[",
        "]",
        "^",
        "_",
        "1",
        "2",
        "10",
        "0.5",
        "x",
        "n",
        "e",
        "i",
        "\\pi",
        "+",
        "-",
        "*",
        "/",
        "=",
        "<",
        "\\le",
        ",",
        ";",
        "\\pm",
        "\\cup",
        "\\infty",
        "|",
        "!",
        "%",
        "\\%",
        "°",
        "'",
        " ",
        "\\sin",
        "\\log_",
        "\\sum_{k=1}^{3}",
        "\\int",
        " dx",
        "\\begin{pmatrix}",
        "\\end{pmatrix}",
        "&",
        "\\\\",
        "$",
        " and ",
        " or ",
        "\\in",
        "\\binom",
        "\\lfloor",
        "\\rfloor",
        "é",
        "√",
        " cm",
        ":",
    ];
    prop::collection::vec(prop::sample::select(&PIECES[..]), 0..24)
        .prop_map(|pieces| pieces.concat())
}

/// A formula and its value at `x = 7/5`, `y = 3`.
#[derive(Clone, Debug)]
struct Formula {
    latex: String,
    /// The same formula in another spelling.
    other: String,
    value: f64,
}

fn formula() -> impl Strategy<Value = Formula> {
    let leaf = prop_oneof![
        (1..40_i64).prop_map(|n| Formula {
            latex: n.to_string(),
            other: format!("{n}.0"),
            value: n as f64
        }),
        Just(Formula {
            latex: "x".into(),
            other: "{x}".into(),
            value: 1.4
        }),
        Just(Formula {
            latex: "y".into(),
            other: "(y)".into(),
            value: 3.0
        }),
        Just(Formula {
            latex: "\\pi".into(),
            other: "π".into(),
            value: std::f64::consts::PI
        }),
    ];
    leaf.prop_recursive(4, 24, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| Formula {
                latex: format!("({} + {})", a.latex, b.latex),
                other: format!("\\left({}+{}\\right)", b.other, a.other),
                value: a.value + b.value,
            }),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| Formula {
                latex: format!("({} - {})", a.latex, b.latex),
                other: format!("(-{} + {})", b.other, a.other),
                value: a.value - b.value,
            }),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| Formula {
                latex: format!("({} \\cdot {})", a.latex, b.latex),
                other: format!("{{{}}}\\times{{{}}}", b.other, a.other),
                value: a.value * b.value,
            }),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| Formula {
                latex: format!("\\frac{{{}}}{{{}}}", a.latex, b.latex),
                other: format!("(({})/({}))", a.other, b.other),
                value: a.value / b.value,
            }),
            inner.clone().prop_map(|a| Formula {
                latex: format!("\\sqrt{{{}}}", a.latex),
                other: format!("({})^{{1/2}}", a.other),
                value: a.value.sqrt(),
            }),
            inner.prop_map(|a| Formula {
                latex: format!("({})^2", a.latex),
                other: format!("({})({})", a.other, a.other),
                value: a.value * a.value,
            }),
        ]
    })
}

proptest! {
    #[test]
    fn nothing_panics(left in markup(), right in markup(), any in any::<String>()) {
        check(&left, &right);
        check(&left, &any);
        check(&any, &left);
        grade(&left, &format!("{any}{right}"));
        grade(&any, &right);
    }

    #[test]
    fn what_is_extracted_grades_as_its_text(
        gold in markup(),
        before in "[a-z .$]{0,20}",
        text in markup(),
        after in any::<String>(),
    ) {
        let graded = grade(&gold, &format!("{before} answer is {text} {after}"));
        let unclear = graded.verdict == Verdict::Undecided(Reason::UnclearValue);
        if let Some(extracted) = &graded.extracted
            && !unclear
        {
            prop_assert_eq!(graded.verdict, check(&gold, extracted));
        }
    }

    #[test]
    fn an_answer_equals_itself(answer in markup()) {
        let verdict = check(&answer, &answer);
        let has_no_text = answer.trim().is_empty() || answer.contains("boxed");
        prop_assert!(verdict == Verdict::Correct || has_no_text, "{verdict:?}");
    }

    #[test]
    fn two_spellings_of_a_formula_are_equal(formula in formula()) {
        prop_assume!(formula.value.is_finite());
        let verdict = check(&formula.latex, &formula.other);
        // The square root of a value that is zero up to rounding has only half of the digits.
        let unclear = matches!(verdict, Verdict::Undecided(Reason::Budget | Reason::Precision));
        prop_assert!(
            verdict == Verdict::Correct || unclear,
            "{:?}: {} and {}", verdict, &formula.latex, &formula.other
        );
    }

    #[test]
    fn formulas_of_different_value_are_not_equal(left in formula(), right in formula()) {
        let size = left.value.abs() + right.value.abs() + 1.0;
        prop_assume!((left.value - right.value).abs() > 1e-6 * size);
        let (left, right) = (&left.latex, &right.latex);
        prop_assert_ne!(check(left, right), Verdict::Correct, "{} and {}", left, right);
    }

    #[test]
    fn a_change_of_the_last_digits_is_seen(formula in formula(), exponent in 1..18_i32) {
        prop_assume!(formula.value.abs() < 1e6 && formula.value.abs() > 1e-6);
        let changed = format!("{} + 10^{{-{exponent}}}", formula.latex);
        prop_assert_ne!(check(&formula.latex, &changed), Verdict::Correct, "{}", changed);
    }

    #[test]
    fn integers_are_equal_only_to_themselves(left in any::<i128>(), step in 1..1_000_i128) {
        let right = left.wrapping_add(step);
        prop_assert_eq!(check(&left.to_string(), &left.to_string()), Verdict::Correct);
        prop_assert_eq!(check(&left.to_string(), &right.to_string()), Verdict::Wrong);
        let (left, right) = (format!("{left}/{step}"), format!("{right}/{step}"));
        prop_assert_eq!(check(&left, &right), Verdict::Wrong);
    }

    #[test]
    fn a_list_is_equal_in_any_order(
        mut items in prop::collection::vec(-50..50_i32, 1..8),
        seed in any::<prop::sample::Index>(),
    ) {
        items.sort_unstable();
        items.dedup();
        let text = |items: &[i32]| {
            items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        };
        let gold = text(&items);
        let turn = seed.index(items.len());
        items.rotate_left(turn);
        prop_assert_eq!(check(&gold, &text(&items)), Verdict::Correct);
        items.push(99);
        prop_assert_eq!(check(&gold, &text(&items)), Verdict::Wrong);
    }

    #[test]
    fn the_last_box_is_graded(
        before in "[a-z0-9 .]{0,40}",
        wrong in 0..100_i32,
        right in 100..200_i32,
        after in "[ .]{0,20}",
    ) {
        let text = format!("{before} \\boxed{{{wrong}}} no, \\boxed{{{right}}} {after}");
        let graded = grade(&right.to_string(), &text);
        prop_assert_eq!(graded.source, Some(AnswerSource::Box));
        prop_assert_eq!(graded.verdict, Verdict::Correct);
    }
}
