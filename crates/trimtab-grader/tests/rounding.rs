//! Which decimals stand for the values that they round, and the rules that switch things off.

use trimtab_grader::{Reason, Rounding, Rules, Verdict, check};

/// Pairs of gold answer and answer, and whether the answer is accepted by default.
const ROUNDED: &[(&str, &str, bool)] = &[
    // The digits of a gold decimal decide: four for an exact answer.
    (r"12.57", r"4\pi", true),
    (r"12.56", r"4\pi", false),
    (r"3.1416", r"\pi", true),
    (r"3.1416", r"\frac{22}{7}", false),
    (r"3.14", r"\pi", false),
    (r"0.33", r"\frac13", false),
    (r"66.67\%", r"\frac{2}{3}", true),
    (r"66.67\%", r"66\%", false),
    ("12.25", r"\frac{49}{4}", true),
    ("12.25", r"\frac{1225001}{100000}", false),
    // Six for a longer decimal.
    ("17.3205", "17.3205081", true),
    ("17.3205", "17.3206", false),
    ("17.3205", "17.32", false),
    ("1.234", "1.2341", false),
    ("0.6666667", "0.66666666667", true),
    ("0.6666667", "0.6666666", false),
    ("0.6666667", "0.667", false),
    ("0.6666667", r"\frac23", true),
    ("0.6666667", "0.66666649", false),
    // With a power of ten, in tuples, lists, equations and with units.
    (r"2.314814814815 \times 10^{-3}", r"\frac{1}{432}", true),
    (
        r"2.314814814815 \times 10^{-3}",
        "0.002314814814814815",
        true,
    ),
    (r"2.314814814815 \times 10^{-3}", r"\frac{1}{433}", false),
    (r"2.314814814815 \times 10^{-3}", r"\frac{1}{43.2}", false),
    (r"2.3148148 \cdot 10^{3}", r"\frac{1250000}{540}", true),
    ("2.314814814815e-3", r"\frac{1}{432}", true),
    (r"6.674 \times 10^{-11}", r"6.764 \times 10^{-11}", false),
    (r"(0.6666667, 1)", r"\left(\frac23, 1\right)", true),
    (r"(0.6666667, 1)", r"\left(\frac23, 2\right)", false),
    (r"0.6666667, 1.4142136", r"\sqrt2, \frac23", true),
    (r"x = 0.6666667", r"x = \frac23", true),
    (r"x = 0.6666667", r"x = \frac35", false),
    (r"0.6666667 \text{ cm}", r"\frac23", true),
    (r"-0.6666667", r"-\frac23", true),
    (r"-0.6666667", r"\frac23", false),
    // Any long decimal stands for the exact value next to it, and a short one does not.
    (r"\frac13", "0.333333", true),
    (r"\frac13", "0.33333", false),
    (r"\frac13", "0.3333", false),
    (r"\pi", "3.14", false),
    (r"\frac18", "0.125001", false),
    ("1000000", "1000000.4", false),
    // Printed floats.
    ("0.3", "0.30000000000000004", true),
    ("0.3", "0.300000000000004", false),
    ("2.675", "2.6749999999999998", true),
    ("1234567890123456.5", "1234567890123457.5", false),
];

#[test]
fn decimals_stand_for_what_they_round() {
    for (gold, answer, accepted) in ROUNDED {
        let verdict = check(gold, answer, &Rules::DEFAULT);
        assert_eq!(
            verdict.is_correct(),
            *accepted,
            "{gold} and {answer}: {verdict:?}"
        );
    }
}

#[test]
fn rounding_can_be_off() {
    let off = Rules {
        rounding: Rounding::Off,
        ..Rules::DEFAULT
    };
    for (gold, answer, _) in ROUNDED {
        let exact = matches!(*answer, r"\frac{49}{4}");
        assert_eq!(
            check(gold, answer, &off).is_correct(),
            exact,
            "{gold} and {answer}"
        );
    }
    assert!(check("0.50", r"\frac12", &off).is_correct());
}

#[test]
fn a_rounded_gold_answer_may_be_short() {
    let rounded = Rules {
        rounding: Rounding::Gold,
        ..Rules::DEFAULT
    };
    let accepts = |gold, answer| check(gold, answer, &rounded).is_correct();
    assert!(accepts("0.33", r"\frac13"));
    assert!(accepts(r"\frac13", "0.333333"));
    assert!(!accepts(r"\frac13", "0.33"));
    assert!(!accepts("0.33", "0.34"));
    assert!(accepts("3.1", r"\pi"));
}

#[test]
fn percent_can_be_off() {
    let off = Rules {
        percent: false,
        ..Rules::DEFAULT
    };
    for (gold, answer) in [(r"50\%", r"50\%"), (r"50\%", "0.5"), (r"\frac12", r"50\%")] {
        assert_eq!(
            check(gold, answer, &off),
            Verdict::Correct,
            "{gold} and {answer}"
        );
    }
    for (gold, answer) in [(r"50\%", "50"), ("50", r"50\%"), (r"50\%", "5")] {
        assert_eq!(
            check(gold, answer, &off),
            Verdict::Wrong,
            "{gold} and {answer}"
        );
        assert_eq!(
            check(gold, answer, &Rules::DEFAULT).is_correct(),
            answer != "5"
        );
    }
}

#[test]
fn units_can_be_required() {
    let off = Rules {
        units: false,
        ..Rules::DEFAULT
    };
    for (gold, answer) in [("5 cm", r"5\text{ cm}"), (r"60^\circ", r"\frac{\pi}{3}")] {
        assert_eq!(
            check(gold, answer, &off),
            Verdict::Correct,
            "{gold} and {answer}"
        );
    }
    for (gold, answer) in [("5 cm", "5"), ("5", "5 apples"), (r"60^\circ", "60")] {
        let verdict = check(gold, answer, &off);
        assert_eq!(
            verdict,
            Verdict::Undecided(Reason::Units),
            "{gold} and {answer}"
        );
        assert_eq!(check(gold, answer, &Rules::DEFAULT), Verdict::Correct);
    }
}

#[test]
fn lists_can_have_an_order() {
    let ordered = Rules {
        any_order: false,
        ..Rules::DEFAULT
    };
    for (gold, answer) in [
        ("1, 2, 3", "1, 2 and 3"),
        (r"\{1, 2\}", r"\{2, 1\}"),
        (r"1 \pm \sqrt2", r"1 - \sqrt2, 1 + \sqrt2"),
        (r"(1,2)\cup(3,4)", r"(3,4)\cup(1,2)"),
    ] {
        assert_eq!(
            check(gold, answer, &ordered),
            Verdict::Correct,
            "{gold} and {answer}"
        );
    }
    for (gold, answer) in [("1, 2, 3", "1, 3, 2"), ("x=1, y=2", "y=2, x=1")] {
        assert!(
            !check(gold, answer, &ordered).is_correct(),
            "{gold} and {answer}"
        );
        assert_eq!(check(gold, answer, &Rules::DEFAULT), Verdict::Correct);
    }
}
