//! One value in many spellings: digits, words, units, the dress of LaTeX.

use trimtab_grader::{Language, Rules, Verdict, check};

/// Pairs that are equal in both directions.
fn equal(rules: Rules, table: &[(&str, &str)]) {
    expect(true, rules, table);
}

/// Pairs that are not accepted in either direction.
fn unequal(rules: Rules, table: &[(&str, &str)]) {
    expect(false, rules, table);
}

fn expect(accepted: bool, rules: Rules, table: &[(&str, &str)]) {
    let failures: Vec<String> = table
        .iter()
        .flat_map(|(left, right)| [(left, right), (right, left)])
        .map(|(gold, answer)| (gold, answer, check(gold, answer, &rules)))
        .filter(|(_, _, verdict)| verdict.is_correct() != accepted)
        .map(|(gold, answer, verdict)| format!("{gold} and {answer}: {verdict:?}"))
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
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
            ("1010_2", "(1010)_2"),
            ("1010_2", "1010_{(2)}"),
            ("1010_2", "1010 base 2"),
            ("2314_5", "2314 (base 5)"),
            ("2314_5", r"2314_{\text{base } 5}"),
            ("10", "1010 in base two"),
            ("1A3_{16}", "419"),
            ("255", "FF_{16}"),
        ],
    );
    unequal(
        Rules::DEFAULT,
        &[
            ("23", "2e3"),
            ("2e", "2e3"),
            ("1010", "0b1010"),
            ("0", "0x1F"),
            ("(1010)_2", "1010"),
            ("(1010)_2", "1010_3"),
            ("2A_{12}", "34"),
            ("2314 (base 5)", "2314"),
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

#[test]
fn numbers_in_words() {
    equal(
        Rules::DEFAULT,
        &[
            (r"\frac12", "one half"),
            (r"\frac34", "three quarters"),
            (r"\frac34", "three-fourths"),
            ("3/8", r"\text{three eighths}"),
            ("5/2", "two and a half"),
            ("2.5", "two point five"),
            ("205", "two hundred and five"),
            ("2400", "Two thousand, four hundred"),
            ("-2", "minus two"),
            ("-0.1", "minus 0.1"),
            ("-10/3", "negative 10/3"),
            ("2", "5 minus 3"),
            ("-7", "negative seven"),
            ("12", "a dozen"),
            ("6", "half a dozen"),
            ("24", "2 dozen"),
            ("1500000", "1.5 million"),
            ("1500000", r"1.5 \text{ million}"),
            (r"3 \times 10^9", "3 billion"),
            ("1000000", "a million"),
            ("5000", "5 thousand dollars"),
            ("3/2", "3 halves"),
            ("120", "5 factorial"),
            (r"20\%", r"\text{twenty percent}"),
            (r"20\%", "twenty per cent"),
            (r"35\%", "35 per cent"),
            ("5", "5th"),
            ("3", "3^{rd}"),
            ("5", "fifth"),
            ("25", "twenty-fifth"),
            ("6", r"\text{six apples}"),
        ],
    );
    unequal(
        Rules::DEFAULT,
        &[
            ("3", "3 halves"),
            ("3", "three quarter"),
            ("2", "two and a half"),
            ("7", "negative seven"),
            ("1.5", "1.5 million"),
            ("2", "2 dozen"),
            ("5", "5 factorial"),
            ("5", "5 squared"),
            ("1/5", "fifth"),
            ("11", "five six"),
            ("1", r"\text{one of the numbers is odd}"),
            ("2404", "two thousand, four hundred"),
            ("0", "none"),
            ("6", "six more"),
        ],
    );
}

#[test]
fn units_under_several_names() {
    for (gold, answers) in [
        (
            r"20 \text{ km/h}",
            &[
                "20 kilometers per hour",
                "20 kilometres an hour",
                "20 kph",
                "20 kmh",
                r"20\,\mathrm{km}/\mathrm{h}",
                r"20\ \mathrm{km \cdot h^{-1}}",
                "20 km/h",
                "20",
            ][..],
        ),
        (
            r"9.8 \text{ m/s}^2",
            &[
                "9.8 metres per second squared",
                r"9.8 \, \mathrm{m/s^2}",
                "9.8 m s^{-2}",
                "9.8 m/s^2",
                "9.8",
            ],
        ),
        (
            r"16 \text{ cm}^2",
            &[
                "16 cm2",
                "16 cm²",
                "16 sq. cm",
                "16 square centimetres",
                "16 centimeters squared",
                "16",
            ],
        ),
        (
            r"250 \text{ m}^3",
            &["250 cubic metres", "250 m3", "250 cubic meters"],
        ),
        (
            "12",
            &["12 sq. units", "12 square units", r"12\text{ units}^2"],
        ),
        (
            r"12 \text{ ft}^2",
            &["12 sq ft", "12 square feet", "12 sq. ft."],
        ),
        (r"60 \text{ mph}", &["60 miles per hour", "60 mi/h"]),
        (
            r"5 \text{ N}",
            &["5 newtons", "5 N", r"5\,\mathrm{kg\cdot m/s^2}"],
        ),
        (
            r"3 \text{ hours}",
            &["3 h", "3 hrs", "180 minutes", "180 min"],
        ),
        (r"1 \text{ m}", &["100 cm", "1000 mm", "0.001 km"]),
        (r"90 \text{ km/h}", &["25 m/s", r"25\,\mathrm{m/s}"]),
        ("6 ft 2 in", &["6 feet 2 inches", "74 inches", "74 in"]),
        (
            "2 hours 15 minutes",
            &["2 h 15 min", "2.25 hours", "135 minutes"],
        ),
        (
            r"25^\circ \text{C}",
            &["25 degrees Celsius", "25°C", "25℃", "25"],
        ),
        ("300 K", &["300 kelvin"]),
        (r"5 \mu\text{m}", &["5 micrometres", "5μm", r"5\,\mu m"]),
        ("12 kg", &[r"\qty{12}{\kilo\gram}", r"\SI{12}{kg}"]),
        ("5 kWh", &["5 kilowatt-hours", "18 MJ"]),
        ("1200 rpm", &["1200 revolutions per minute"]),
        (
            r"\$5",
            &["5 dollars", "USD 5", r"5\$", "500 cents", "5", "5 bucks"],
        ),
        ("50¢", &["50 cents", r"\$0.50", "50"]),
        ("€5", &["5 euros", "5 EUR", "5€", "5"]),
        ("£5", &["5 pounds", "500 pence", "GBP 5"]),
        ("Rs. 500", &["₹500", "500 rupees", "Rs 500", "500"]),
        ("¥5", &["5 yuan", "5 yen"]),
        (
            r"60^\circ",
            &["60 degrees", r"\frac{\pi}{3} \text{ radians}"],
        ),
    ] {
        let pairs: Vec<_> = answers.iter().map(|answer| (gold, *answer)).collect();
        equal(Rules::DEFAULT, &pairs);
    }
}

#[test]
fn units_that_differ() {
    unequal(
        Rules::DEFAULT,
        &[
            ("5m", "5"),
            ("5t", "5"),
            ("2mg", "2"),
            (r"20 \text{ km/h}", "20 m/s"),
            (r"20 \text{ km/h}", "20 km"),
            (r"20 \text{ km/h}", "20 mph"),
            (r"16 \text{ cm}^2", r"16 \text{ cm}^3"),
            (r"16 \text{ cm}^2", "16 cm"),
            ("16 square cm", "16 square m"),
            ("1 m", "100 mm"),
            (r"1 \text{ m}^2", r"100 \text{ cm}^2"),
            ("3 hours", "3 minutes"),
            ("2 hours 15 minutes", "2.15 hours"),
            ("6 ft 2 in", "62 inches"),
            ("€5", r"\$5"),
            ("5 euros", "5 dollars"),
            ("5 cents", r"\$5"),
            ("5 cents", "0.05 euros"),
            ("25°C", "25°F"),
            ("25°C", "25 K"),
            (r"60^\circ", "60 radians"),
            ("12 apples", "12 oranges"),
            ("5 more apples", "5"),
            ("5 million dollars", r"\$5"),
            (r"5 \text{ m}", "5s"),
            (r"5 \mu\text{m}", "5 m"),
            ("5 mW", "5 MW"),
            ("12 (square feet)", "12 (square inches)"),
            (r"2(5 \text{ cm})", r"2(5 \text{ m})"),
            (r"3\frac{m}{s}", "3"),
            ("1", "1 hour and 27 minutes"),
            ("13", "13 January"),
            ("13", "13th of January"),
            ("5 m/s", "5 ms"),
            ("5 cm", "-5 cm"),
        ],
    );
}

#[test]
fn times_of_day() {
    equal(
        Rules::DEFAULT,
        &[
            (r"3:30 \text{ p.m.}", "15:30"),
            (r"3:30 \text{ p.m.}", "3:30 PM"),
            ("3:30 p.m.", "3:30"),
            ("3 p.m.", "15:00"),
            ("12:30 a.m.", "00:30"),
            ("12:00 pm", "12:00"),
        ],
    );
    unequal(
        Rules::DEFAULT,
        &[
            ("3:30 a.m.", "15:30"),
            ("3:30 p.m.", "3:30 a.m."),
            ("12:30 a.m.", "12:30 p.m."),
            ("1:01 a.m.", "1"),
            ("3:30 p.m.", "330"),
            ("3:30 p.m.", "30:3"),
        ],
    );
}

#[test]
fn dates_and_choices_in_dress() {
    equal(
        Rules::DEFAULT,
        &[
            ("January 13", r"\text{13 January}"),
            ("January 13", r"\boxed{\textbf{13th of January}}"),
            ("January 13", "\"13 January\""),
            ("A", r"\boxed{$A)$}"),
            ("A", r"\textstyle A)"),
            ("A", r"\boxed{\boxed{A)}}"),
            ("Yes", r"\text{Yes},"),
            ("Yes", r"\begin{gathered} Yes \end{gathered}"),
            (r"\emptyset", r"\\{\\}"),
            ("2", "2\n\n---\n"),
        ],
    );
    unequal(
        Rules::DEFAULT,
        &[
            ("January 13", r"\text{31 January}"),
            ("A", r"\boxed{\boxed{B)}}"),
            ("A", r"\text{A circle}"),
            ("Yes", r"\begin{gathered} No \end{gathered}"),
        ],
    );
}
