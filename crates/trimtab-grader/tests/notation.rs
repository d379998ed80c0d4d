//! One value in many notations: the verdicts of [`check`] on tables of pairs.

use trimtab_grader::{Language, Rules, Verdict, check};

/// Pairs that are equal in both directions.
fn equal(rules: Rules, table: &[(&str, &str)]) {
    for (left, right) in table {
        for (gold, answer) in [(left, right), (right, left)] {
            let verdict = check(gold, answer, &rules);
            assert_eq!(verdict, Verdict::Correct, "{gold} and {answer}");
        }
    }
}

/// Pairs that are not accepted in either direction.
fn unequal(rules: Rules, table: &[(&str, &str)]) {
    for (left, right) in table {
        for (gold, answer) in [(left, right), (right, left)] {
            let verdict = check(gold, answer, &rules);
            assert_ne!(verdict, Verdict::Correct, "{gold} and {answer}");
        }
    }
}

#[test]
fn digits_and_signs_of_other_scripts() {
    equal(
        Rules::DEFAULT,
        &[
            ("123", "１２３"),
            ("3.75", "３．７５"),
            ("1024", "１，０２４"),
            ("1/2", "１／２"),
            ("-5", "−5"),
            ("-5", "－５"),
            ("48", "٤٨"),
            ("48", "۴۸"),
            ("48", "४८"),
            ("x^{12}", "x¹²"),
            ("1024", "2¹⁰"),
            ("0.001", "10⁻³"),
            ("x_1+x_2", "x₁ + x₂"),
            (r"\frac12", "½"),
            ("1.5", "1½"),
            ("10/3", "3⅓"),
            ("1/7", "⅟₇"),
            ("3/16", "³⁄₁₆"),
            (r"\sqrt{2}", "√2"),
            (r"\sqrt[3]{5}", "∛5"),
            (r"x \ne 3", "x ≠ 3"),
            (r"\mathbb{R}", "ℝ"),
            ("2x+1", "𝟐𝑥 + 𝟏"),
            ("7-x", "7&minus;x"),
            ("a_1", "a<sub>1</sub>"),
            ("12", "<b>12</b>"),
        ],
    );
    unequal(
        Rules::DEFAULT,
        &[
            ("x^{12}", "x¹ ²"),
            ("210", "2¹⁰"),
            ("x_1", "x"),
            ("11", "1½"),
            ("1/2", "1½"),
            ("1/9", "³⁄₁₆"),
            ("48", "٤٩"),
        ],
    );
}

#[test]
fn separators() {
    equal(
        Rules::DEFAULT,
        &[
            ("100000", "1,00,000"),
            ("1234567", "12,34,567"),
            ("1250000", "1'250'000"),
            ("1234", "1’234"),
            ("1234", "1\u{202f}234"),
            ("1234", "1\u{2009}234"),
            ("1000000", "1_000_000"),
            ("1234567", "1.234.567"),
            ("2.75", "2{,}75"),
            ("0.125", "0{,}125"),
            ("1234", "1{,}234"),
            ("1, 23, 456", "1,23,456"),
            ("(1.5, 2)", "(1{,}5;2)"),
            ("(1.5, 2.5)", "(1,5; 2,5)"),
        ],
    );
    let verdict = check(r"12.5\%", "12,5 %", &Rules::DEFAULT);
    assert_eq!(verdict, Verdict::Correct);
    unequal(
        Rules::DEFAULT,
        &[
            ("12", "1,2"),
            ("12345", "1,23,45"),
            ("1010", "1010_2"),
            ("1.234", "1,234"),
            ("2.75", "275"),
            ("1234", "1'23"),
        ],
    );
}

#[test]
fn the_language_decides_what_a_comma_means() {
    let german = Rules {
        language: Language::DecimalComma,
        ..Rules::DEFAULT
    };
    equal(
        german,
        &[
            ("1.234,5", "2469/2"),
            ("1,234", "617/500"),
            ("1.234", "1234"),
            ("1.5", "3/2"),
            ("(1,5; 2)", "(3/2; 2)"),
            ("(1; 2)", "(1, 2)"),
        ],
    );
    unequal(german, &[("1,234", "1234"), ("1.234", "617/500")]);
    let english = Rules {
        language: Language::English,
        ..Rules::DEFAULT
    };
    unequal(english, &[("2.5", "2,5"), ("(1.5, 2)", "(1,5; 2)")]);
}

#[test]
fn repeating_decimals() {
    equal(
        Rules::DEFAULT,
        &[
            ("1/3", r"0.\overline{3}"),
            ("1/3", r"0.\bar 3"),
            ("1/3", r"0.\dot{3}"),
            ("1/3", "0.(3)"),
            ("1/3", "0.3̅"),
            ("1/3", "0.333..."),
            ("1/3", r"0{,}\overline{3}"),
            ("1/6", "0.1(6)"),
            ("1/6", r"0.1\overline{6}"),
            ("1/6", r"0.1666\ldots"),
            ("5/11", r"0.\overline{45}"),
            ("5/11", "0.4545…"),
            ("41/333", r"0.\dot{1}2\dot{3}"),
            ("1/7", r"0.\overline{142857}"),
            ("1", r"0.\overline{9}"),
            (r"\frac{100}{3}\%", r"33.\overline{3}\%"),
        ],
    );
    unequal(
        Rules::DEFAULT,
        &[
            ("0.3", r"0.\overline{3}"),
            ("1/3", r"0.\overline{33}4"),
            ("1/6", r"0.\overline{16}"),
            ("1.6", r"0.1\overline{6}"),
            ("1/3", "0.3..."),
            ("e", "2.7182..."),
            (r"\overline{3}", r"0.\overline{3}"),
            (r"\overline{2+3i}", "2+3i"),
        ],
    );
}

#[test]
fn exponents_and_bases() {
    equal(
        Rules::DEFAULT,
        &[
            ("2000", "2e3"),
            ("2000", "2E+03"),
            ("0.002", "2e−3"),
            ("2000", r"2\text{e}3"),
            ("2000", "2×10^3"),
            ("2000", "2*10**3"),
            ("2000", r"2 \cdot {10}^{3}"),
            ("2000", "2 x 10³"),
            ("10", "0b1010"),
            ("31", "0x1F"),
            ("10", "1010_{two}"),
        ],
    );
    unequal(
        Rules::DEFAULT,
        &[
            ("23", "2e3"),
            ("2e", "2e3"),
            ("1010", "0b1010"),
            ("0", "0x1F"),
        ],
    );
}

#[test]
fn dress() {
    for answer in [
        r"\large 5",
        r"\huge{5}",
        r"{\bf 5}",
        r"{\Large\bfseries 5}",
        r"\color{red}{5}",
        r"\color{red} 5",
        r"\textcolor{red}{5}",
        r"\textcolor[rgb]{1,0,0}{5}",
        r"\mathbf{\color{red}{\Large 5}}",
        r"\colorbox{yellow}{$5$}",
        r"\fcolorbox{red}{white}{5}",
        r"\scalebox{1.5}{5}",
        r"\mathstrut 5",
        r"\phantom{-}5",
        r"\hspace*{1cm}5",
        r"\kern3pt 5",
        r"5 \\[4pt]",
        r"5\qed",
        r"5\blacksquare",
        r"$5 \quad \square$",
        "5 ∎",
        r"5 \tag{1}",
        r"5 \label{eq:a}",
        r"5 \nonumber",
        r"\therefore 5",
        r"\ensuremath{5}",
        r"\smash{5}",
        r"\underline{5}",
        r"\bm{5}",
        r"\mathop{5}",
    ] {
        equal(Rules::DEFAULT, &[("5", answer)]);
        unequal(Rules::DEFAULT, &[("6", answer), ("-5", answer)]);
    }
    equal(
        Rules::DEFAULT,
        &[
            (r"\sqrt[3]{2}", r"\root 3 \of 2"),
            (r"\frac{a}{b}", r"{a \over b}"),
            (r"\frac12", r"\nicefrac{1}{2}"),
            (r"\operatorname{lcm}(4, 6)", r"\operatorname*{lcm}(4, 6)"),
            (r"\mathbb{R}", r"\R"),
            (r"\unknown{a}", r"$\unknown {a}$"),
            (r"A \subset B", r"$A\subset B$"),
        ],
    );
    unequal(
        Rules::DEFAULT,
        &[
            (r"A \subset B", r"B \subset A"),
            (r"\cancel{5}", "5"),
            (r"\square 5", "5"),
            (r"\unknown 5", "5"),
            (r"\root 3 \of 2", r"\root 2 \of 3"),
        ],
    );
}
