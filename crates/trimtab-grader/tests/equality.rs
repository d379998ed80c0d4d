//! Which answers are equal: the verdicts of [`check`] on tables of pairs.

use trimtab_grader::{Reason, Rules, Verdict};

fn check(gold: &str, answer: &str) -> Verdict {
    trimtab_grader::check(gold, answer, &Rules::DEFAULT)
}

/// Pairs that are equal in both directions.
fn equal(table: &[(&str, &str)]) {
    let failures: Vec<String> = table
        .iter()
        .flat_map(|(left, right)| [(left, right), (right, left)])
        .filter(|(gold, answer)| check(gold, answer) != Verdict::Correct)
        .map(|(gold, answer)| format!("{gold:?} and {answer:?}: {:?}", check(gold, answer)))
        .collect();
    assert!(failures.is_empty(), "not equal:\n{}", failures.join("\n"));
}

/// Pairs that are not accepted in either direction.
fn unequal(table: &[(&str, &str)]) {
    let failures: Vec<String> = table
        .iter()
        .flat_map(|(left, right)| [(left, right), (right, left)])
        .filter(|(gold, answer)| check(gold, answer) == Verdict::Correct)
        .map(|(gold, answer)| format!("{gold:?} and {answer:?}"))
        .collect();
    assert!(failures.is_empty(), "equal:\n{}", failures.join("\n"));
}

#[test]
fn spelling() {
    equal(&[
        (r"\left( 1, \dfrac{1}{2} \right)", r"$(1,\frac{1}{2})$"),
        (r"\text{odd}", "odd."),
        (r"\mbox{Tuesday}", "Tuesday"),
        ("no solution", r"\text{No solution}"),
        (r"\sqrt 2", r"\sqrt{2}"),
        (r"$$ 7 $$", r"\( 7 \)"),
        (r"\displaystyle\frac{1}{2}", r"\tfrac12"),
        (r"\\frac{1}{2}", r"\frac{1}{2}"),
        ("**12**", "12"),
        (r"12\,", "12"),
        ("PQ", r"\text{PQ}"),
    ]);
    unequal(&[
        (r"\text{odd}", r"\text{even}"),
        (r"\text{oddly}", "odd"),
        ("no solution", "one solution"),
        ("5", ""),
        ("5", "$ $"),
        ("5", r"\text{}"),
    ]);
}

#[test]
fn numbers() {
    equal(&[
        ("16", "016"),
        ("1234", r"\$1,234.00"),
        ("1234567", r"1{,}234{,}567"),
        ("1234567", r"1,\!234,\!567"),
        ("1234567", "1 234 567"),
        ("12345.5", "12,345.5"),
        ("0.5", r"\frac12"),
        ("0.065", "6.5e-2"),
        ("0.065", r"6.5 \times 10^{-2}"),
        ("6.5E3", "6500"),
        ("-3./2", "-1.5"),
        (".5", "0.50"),
        (r"3\frac{1}{4}", "3.25"),
        ("3 1/4", "13/4"),
        (r"-2\frac12", "-2.5"),
        ("10^{100}", r"10^{99} \cdot 10"),
        ("3^{2025}", r"3 \cdot 9^{1012}"),
        ("1/2004!", r"\frac{2005}{2005!}"),
        ("0.333333", "1/3"),
        (r"\sqrt{3}", "1.7320508"),
        (r"\sqrt{2}", "1.4142135623730951"), // as a float is printed
        (r"\pi", "3.14159265"),
        ("twelve", "12"),
        ("twenty-five", "25"),
        (r"\text{three hundred and four}", "304"),
        ("two thousand", "2000"),
        ("six apples", "6"),
        (r"50\%", "50"),
        (r"50\%", "1/2"),
        (r"12.5\%", "0.125"),
        (r"\frac{1}{4}\%", "0.0025"),
        ("40 percent", r"40\%"),
        ("7:3", r"\frac73"),
        ("4:6", "2:3"),
        ("1:2:3", "2:4:6"),
    ]);
    unequal(&[
        ("1234", "1235"),
        ("-7", "7"),
        ("10000000000000001", "10000000000000002"),
        ("1/3", "0.33"),
        ("1/8", "0.125001"),
        ("2", "2.0000001"),
        ("1/2^{99}", "1/2^{98}"),
        ("1/2004!", "1/2006!"),
        ("3^{2025}", "3^{2024}"),
        (r"50\%", "5"),
        (r"50\%", r"0.5\%"),
        ("12:00", "1:00"),
        ("2:1", "1"),
        ("7:3", "3:7"),
        ("3.25", "31/4"),
        ("5", "5x"),
        ("5t", "5"),
        ("12", "1,2"),
        ("1.234", "1,234"),
        ("10^{40}", r"10^{40}+1"),
        ("twenty-five", "15"),
        ("five six", "11"),
    ]);
}

#[test]
fn expressions() {
    equal(&[
        (r"2\sqrt{2}", r"\sqrt{8}"),
        (r"\frac{1}{\sqrt{2}}", r"\frac{\sqrt{2}}{2}"),
        (r"\sqrt{3+2\sqrt{2}}", r"1+\sqrt2"),
        (r"\sqrt[3]{-8}", "-2"),
        (r"\sqrt[3]{2}", r"2^{1/3}"),
        (r"(x+1)^2", "x^2+2x+1"),
        (r"\frac{x^2-1}{x-1}", "x+1"),
        ("6+9c", "9c+6"),
        ("(a+b)(a-b)", "a^2-b^2"),
        (r"\sin^2 x + \cos^2 x", "1"),
        (r"\sin 2x", r"2\sin x\cos x"),
        (r"\tan x", r"\frac{\sin x}{\cos x}"),
        (r"\sin^{-1} x", r"\arcsin x"),
        (r"\log_2 8", "3"),
        (r"\log 100", "2"),
        (r"\ln 8", r"3\ln 2"),
        (r"\log x", r"\ln x"),
        (r"e^{x+y}", r"e^x e^y"),
        (r"\exp(2)", "e^2"),
        (r"e^{i\pi}", "-1"),
        (r"i^2", "-1"),
        (r"(1+i)(1-i)", "2"),
        (r"\frac{1}{1+i}", r"\frac{1-i}{2}"),
        (r"\cos\frac{\pi}{3}", r"\frac12"),
        (r"\sin 30^\circ", r"\frac12"),
        (r"\cos(\pi/6)", r"\frac{\sqrt3}{2}"),
        (r"|{-3}|", "3"),
        (r"|x-y|", "|y-x|"),
        (r"\lfloor 3.7 \rfloor", "3"),
        (r"\lceil \pi \rceil", "4"),
        ("5!", "120"),
        ("7!!", "105"),
        (r"\binom{5}{2}", "10"),
        (r"{5 \choose 2}", "10"),
        (r"\binom{n}{2}", r"\frac{n(n-1)}{2}"),
        (r"\frac{n!}{(n-2)!}", "n(n-1)"),
        (r"\sum_{k=1}^{10} k", "55"),
        (r"\sum_{k=1}^{n} k", r"\frac{n(n+1)}{2}"),
        (r"\sum_{i=1}^{n} i^2", r"\frac{n(n+1)(2n+1)}{6}"),
        (r"\prod_{k=1}^{5} k", "120"),
        (r"\int_0^1 x^2 dx", r"\frac13"),
        (r"17 \bmod 5", "2"),
        (r"\gcd(12, 18)", "6"),
        (r"\max(2, 3)", "3"),
        ("2**10", "1024"),
        ("sqrt(2)/2", r"\frac{\sqrt{2}}{2}"),
        ("2*pi*r", r"2\pi r"),
        ("x_1 + x_2", r"x_{2}+x_{1}"),
        (r"\overline{AB}", r"\overline{AB}"),
        (r"\vec{v}", r"\vec v"),
        (r"\hbar\omega/2", r"\frac12 \hbar \omega"),
        (r"\frac{v_{0}}{2}", "v_0/2"),
        (r"(-1)^{n+1}", r"-(-1)^n"),
        (r"3\pm 2", r"1, 5"),
        (r"\pm\sqrt{4}", "-2, 2"),
        (r"\cosh x", r"\frac{e^x+e^{-x}}{2}"),
        (r"\frac{d}{2}", "d/2"),
        ("1-e^{-x}", r"1-\frac{1}{e^x}"),
        (r"\csc x", r"\frac{1}{\sin x}"),
        (r"x^{\frac{1}{2}}", r"\sqrt{x}"),
        ("ab + bc", "bc + ab"),
        (r"\frac{\frac12}{\frac34}", r"\frac23"),
        (r"2^{10}", "1024"),
        (r"204_5", "204_{5}"),
        (r"1010_2", "10"),
        (r"\mathrm{e}^2", "e^2"),
        (r"2 \times 3", "6"),
        (r"\cot^2\theta + 1", r"\csc^2\theta"),
        (r"\sqrt{x^2}", "|x|"),
        (r"|xy|", "|x||y|"),
        (r"\lfloor x+1\rfloor", r"\lfloor x\rfloor+1"),
        ("1.5x10^3", "1500"),
        ("e", "2.718281828"),
    ]);
}

#[test]
fn expressions_that_differ() {
    unequal(&[
        (r"\sqrt{8}", r"\sqrt{2}"),
        (r"\sqrt{2}+10^{-15}", r"\sqrt{2}"),
        ("x", "y"),
        ("x^2", "x^3"),
        ("x+1", "x-1"),
        ("1", r"\frac{x}{x+1}"),
        ("n+1", "n"),
        ("x_{1}", "x_{2}"),
        ("x_{12}", "x_1"),
        (r"\vec{v}", "v"),
        (r"\pi", "3.14"),
        (r"12\pi", "12"),
        (r"5\pm 1", "6"),
        (r"\sin x", r"\cos x"),
        (r"\log_2 x", r"\log_3 x"),
        ("i", "-i"),
        (r"204_5", "204_6"),
        (r"204_5", "204"),
        ("a^b", "b^a"),
        (r"\mathbb{R}", r"\mathbb{C}"),
        (r"\binom{n}{2}", r"\binom{n}{3}"),
        (r"\lfloor\sqrt{n}\rfloor", "3"),
        (r"\lfloor x\rfloor", "x"),
        ("|x|", "x"),
        (r"|x+1|-1", "x"),
        (r"\frac{dy}{dx}", r"\frac{y}{x}"),
        ("e", "2.718281830"),
        ("I(0)x", "0"),
    ]);
}

#[test]
fn lists_sets_and_tuples() {
    equal(&[
        ("1, 2, 3", "3, 1, 2"),
        ("1, 2, 3", r"\{3, 2, 1\}"),
        ("1, 2", "2, 1, 2"),
        ("1, 1, 2", "2, 2, 1"),
        ("1 and 2", "2, 1"),
        (r"1 \text{ or } 2", r"x = 1 \text{ or } x = 2"),
        ("7, -2, and 5", "5,7,-2"),
        ("-1;2", "2, -1"),
        (r"\{1, 2\} \cup \{3\}", r"\{1, 2, 3\}"),
        (r"\emptyset", r"\{\}"),
        ("(1, 2), (3, 4)", "(3,4),(1,2)"),
        ("1,2; 3,4", r"\{(3,4),(1,2)\}"),
        (r"\left(\frac{1}{2}, 3\right)", "(0.5, 3)"),
        (
            r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}",
            r"\begin{bmatrix} 1 \\ 2 \end{bmatrix}",
        ),
        (r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}", "(1, 2)"),
        (
            r"\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}",
            r"\left[\begin{array}{cc} 1 & 2 \\ 3 & 4 \\ \end{array}\right]",
        ),
        (
            r"\begin{matrix} 1/2 & x^2 \end{matrix}",
            r"\begin{matrix} 0.5 & x \cdot x \end{matrix}",
        ),
        (
            r"\frac{1}{5}\begin{pmatrix} 1 \\ 2 \end{pmatrix}",
            r"\begin{pmatrix} 0.2 \\ 0.4 \end{pmatrix}",
        ),
        (
            r"\begin{pmatrix} 1 \\ 2 \end{pmatrix} + t\begin{pmatrix} 0 \\ 1 \end{pmatrix}",
            r"\begin{pmatrix} 1 \\ 2+t \end{pmatrix}",
        ),
        (
            r"\begin{pmatrix} 1 & 1 \end{pmatrix}\begin{pmatrix} 1 \\ 2 \end{pmatrix}",
            r"\begin{pmatrix} 3 \end{pmatrix}",
        ),
        (
            r"\begin{pmatrix} 1 & 2 \end{pmatrix}^T",
            r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}",
        ),
        (
            r"M = \begin{pmatrix} 1 \\ 2 \end{pmatrix}",
            r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}",
        ),
        ("100,200", "200, 100"),
        (r"0, \pm 1", "-1, 0, 1"),
        ("{2}", "2"),
        ("a = 1, b = 2", "b = 2, a = 1"),
        ("a = 1, b = 2", "1, 2"),
        ("(x, y) = (3, 4)", "(3, 4)"),
        ("(3, 4)", "x = 3, y = 4"),
        (r"\begin{cases} x = 1 \\ y = 2 \end{cases}", "x = 1, y = 2"),
        (r"\langle 1, 2 \rangle", "(1, 2)"),
    ]);
    unequal(&[
        ("1, 2, 3", "1, 2"),
        ("1, 2", "1, 3"),
        ("1, 2", "1"),
        ("1, 2", "1, 1"),
        ("5", "5, 5"),
        ("(1, 2)", "(2, 1)"),
        ("(1, 2)", "[1, 2]"),
        ("(1, 2)", "(1, 2, 3)"),
        ("a = 1, b = 2", "a = 2, b = 1"),
        ("(3, 4)", "x = 4, y = 3"),
        (
            r"\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}",
            r"\begin{pmatrix} 1 & 3 \\ 2 & 4 \end{pmatrix}",
        ),
        (
            r"\begin{pmatrix} 1 & 2 \end{pmatrix}",
            r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}",
        ),
        (r"\text{A, C}", r"\text{AC}"),
        (
            r"2\begin{pmatrix} 1 \\ 2 \end{pmatrix}",
            r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}",
        ),
        (r"\emptyset", "0"),
        (r"\emptyset", r"\{0\}"),
    ]);
}

#[test]
fn intervals_and_inequalities() {
    equal(&[
        (r"[0, \infty)", r"[0, +\infty)"),
        ("x > 2", r"(2, \infty)"),
        ("2 < x", "x > 2"),
        (r"-1 \le x < 3", "[-1, 3)"),
        (r"x \in [-1, 3)", "[-1,3)"),
        (r"x \neq 1", r"(-\infty, 1) \cup (1, \infty)"),
        (
            r"\mathbb{R} \setminus \{1\}",
            r"(-\infty, 1) \cup (1, \infty)",
        ),
        ("-2x < 4", "x > -2"),
        ("2x + 1 > 5", "x > 2"),
        (r"x < 1 \text{ or } x > 2", r"(-\infty, 1) \cup (2, \infty)"),
        (r"\{x \mid x < 2\}", r"(-\infty, 2)"),
        (r"\{x : 1 \le x \le 2\}", "[1, 2]"),
        (r"[0, 1) \cup [1, 2]", "[0, 2]"),
        (r"(2, 3) \cup (0, 1)", r"(0, 1) \cup (2, 3)"),
        (r"[0, 2] \cap [1, 3]", "[1, 2]"),
        (r"[0, 2] \setminus (0, 1)", r"\{0\} \cup [1, 2]"),
        (r"\left[\frac{1}{2}, \sqrt{2}\right]", r"[0.5, 2^{1/2}]"),
        (r"x \le -2 \text{ or } x = 1", r"(-\infty, -2] \cup \{1\}"),
        ("[a, b]", r"\left[a, b\right]"),
        ("a < b < c", "c > b > a"),
        (r"1 \le |z| \le 2", r"[-2, -1] \cup [1, 2]"),
        (r"|x| < 3", "(-3, 3)"),
        (r"(-\infty, \infty)", r"\mathbb{R}"),
        ("x + y > 1", "2x + 2y > 2"),
        ("x>=3", r"x \geqslant 3"),
        ("x ≥ 3", r"x \geq 3"),
    ]);
    unequal(&[
        ("x > 2", r"x \ge 2"),
        ("x > 2", "x < 2"),
        ("(0, 1)", "(0, 1]"),
        (r"(0, 1) \cup (2, 3)", "(0, 3)"),
        (r"(0, 1) \cup (1, 2)", "(0, 2)"),
        ("x > 2", "2"),
        ("x + y > 1", "x + y < 1"),
        ("-x > 1", "x > -1"),
        ("a < b < c", "a < c < b"),
        ("x > 2", "y > 2"),
        (r"x \neq 1", "x = 1"),
        ("[1, 2)", "[x, y)"),
    ]);
}

#[test]
fn equations_and_names() {
    equal(&[
        ("x = 5", "5"),
        ("5 = x", "x=5"),
        ("f(x) = 2x + 1", "2x+1"),
        ("f(x) = 2x + 1", "f(x) = 1 + 2x"),
        ("y = 2x", "y - 2x = 0"),
        ("x - 2y = 1", "2x - 4y = 2"),
        ("x - 2y = 1", "2y - x = -1"),
        (r"\frac{x^2}{4} + y^2 = 1", "x^2 + 4y^2 = 4"),
        ("AB = 4", "4"),
        (r"\angle ABC = 30^\circ", "30"),
        (r"S_n = \frac{n(n+1)}{2}", r"\frac{n^2+n}{2}"),
        (r"2 + 3 = 5", "5"),
        (r"x \approx 1.5", "1.5"),
        (r"\sqrt{2} \approx 1.41", r"\sqrt{2}"),
        ("x = y = 2", "2"),
        (r"f(x) = 1 \text{ for all } x", "f(x) = 1"),
        (r"\text{Area} = 12", "12"),
        ("Minimum: 1, maximum: 3", "1, 3"),
    ]);
    unequal(&[
        ("x = 5", "y = 5"),
        ("x = 5", "6"),
        ("f(x) = 2x", "f(x) = 3x"),
        ("y = 2x", "y = 2x + 1"),
        ("2x = 5", "5"),
        ("2x + z = 1", "1"),
        ("7 = 11a + c", "11a + c"),
        ("x^2 + y^2 = 1", "x^2 - y^2 = 1"),
        (r"\sin x = 1", r"\cos x = 1"),
        ("3 * 4 = 13", "12"),
        ("N = n", "n + 1"),
    ]);
}

#[test]
fn units() {
    equal(&[
        (r"5 \text{ cm}", "5"),
        (r"5.0\,\mathrm{cm}^2", "5"),
        (r"5 \text{ cm}", "5 centimeters"),
        (r"5 \text{ m/s}", "5"),
        (r"2\pi \text{ cm}", r"2\pi"),
        (r"9 \text{ a.m.}", "9"),
        ("10 weeks", "10"),
        ("10weeks", "10"),
        (r"\$5", "5"),
        ("5 dollars", r"\$5"),
        (r"45^\circ", "45"),
        ("45°", r"45^{\circ}"),
        (r"-45^\circ", "-45"),
        (r"120^\circ", r"\frac{2\pi}{3}"),
        ("45 degrees", "45"),
        (r"5 \mathrm{~m}", "5"),
        ("5", "5 m"),
        ("9.8", "9.8 m/s^2"),
        ("5", r"5\,m"),
        ("300", r"3 \times 10^2 m"),
        ("5m", "5 m"),
        (r"\frac{3 g}{2}", r"\frac{3g}{2}"),
        ("3 m + 2", "3m+2"),
        (r"\frac{1}{2} m v^2", r"\frac{mv^2}{2}"),
        ("k = 2 m", "k=2m"),
        ("100", "100 US$"),
        (r"3.2 \times 10^{4} \mathrm{~N}", "32000"),
        (r"11^{\text{th}}", "11"),
        (r"60^\circ 30'", r"60.5^\circ"),
    ]);
    unequal(&[
        (r"5 \text{ cm}", r"5 \text{ m}"),
        (r"45 \text{ units}^2", r"45 \text{ units}^4"),
        (r"45^\circ", "46"),
        (r"5 \text{ million}", "5"),
        (r"5 \text{ dozen}", "5"),
        ("5m", "5"),
        ("5", "5 n"),
        ("y = 2 s", "y = 2"),
        (
            r"2\text{ cm}",
            r"\begin{aligned} & -2\text{ cm} \end{aligned}",
        ),
        ("12", "12 m n"),
        ("5 m", "6 m"),
        (r"x \text{ is odd}", "x"),
        (r"5 \text{ and } 6", "5"),
        (r"\cos 13^\circ", r"\cos 13"),
    ]);
}

#[test]
fn dates_and_times() {
    equal(&[
        ("May 5, 2021", "5 May 2021"),
        ("2021-05-05", r"\text{May 5th, 2021}"),
        ("June 3", "the 3rd of June"),
        ("12:05", r"\text{12:05}"),
        ("9:30 a.m.", r"9\!:\!30 \text{ AM}"),
        ("9:30 a.m.", "9:30"),
    ]);
    unequal(&[
        ("May 5, 2021", "May 6, 2021"),
        ("May 5", "June 5"),
        ("12:05", "12:50"),
        ("9:30 a.m.", "9:30 p.m."),
    ]);
}

#[test]
fn decimal_commas_are_read_where_they_can_be_nothing_else() {
    assert_eq!(check("2.5", "2,5"), Verdict::Correct);
    assert_eq!(check("0,125", "0.125"), Verdict::Correct);
    assert_eq!(check("2,5", "2.5"), Verdict::Wrong); // the gold answer is a list
    assert_eq!(check("1.234", "1,234"), Verdict::Wrong);
}

#[test]
fn choices() {
    equal(&[
        ("A", "(A)"),
        (r"\text{(B)}", "B"),
        (r"\mathrm{C}", r"\textbf{C}"),
        ("A, C", r"\text{C, A}"),
    ]);
    for gold in ["B) 12", r"\text{(B)} 12", "B. twelve"] {
        assert_eq!(check(gold, "B"), Verdict::Correct, "{gold}");
        assert_ne!(check(gold, "C"), Verdict::Correct, "{gold}");
    }
    for answer in ["B. because it is", "B: 12", "(B) 12", r"\text{B) } 12"] {
        assert_eq!(check("B", answer), Verdict::Correct, "{answer}");
    }
    unequal(&[
        ("A", "B"),
        ("B", "2B"),
        ("E", r"\mathrm{E}*2"),
        ("A", "A circle is round"),
    ]);
}

#[test]
fn times_of_day() {
    equal(&[
        ("3:30 PM", "15:30"),
        ("3:30 p.m.", "3:30"),
        ("3 PM", "3:00 p.m."),
        ("12:05 AM", "0:05"),
        (r"2:10\text{ a.m.}", "2:10AM"),
    ]);
    unequal(&[
        ("3:30 AM", "3:30 PM"),
        ("3:30 AM", "15:30"),
        ("12:05 PM", "0:05"),
        ("2:10 AM", "1:05 AM"),
        ("2:10 AM", "1:05"),
        ("1:01 AM", "1"),
        ("1:01 AM", "101 AM"),
    ]);
}

#[test]
fn signs_and_gaps_belong_to_numbers_with_words() {
    equal(&[("Class 5-A", "Class 5A"), ("4 cm", "4 cm.")]);
    unequal(&[
        ("4 cm", "-4 cm"),
        (r"4\text{ cm}", r"-4\text{ cm}"),
        ("12 cm", "1 2 cm"),
        ("2 dollars", "-2 dollars"),
    ]);
}

#[test]
fn infinity_is_no_solution_of_another_equation() {
    equal(&[(r"x = \infty", r"x = +\infty")]);
    unequal(&[(r"x = \infty", "x = 0"), (r"x = \infty", r"x = -\infty")]);
}

#[test]
fn a_date_is_not_its_day() {
    equal(&[
        ("May 5", "5th of May"),
        ("13 January", r"\text{January 13}"),
        ("13 January", r"\text{January 13}\,"),
        ("13 January", r"$\textbf{13th of January}$"),
    ]);
    unequal(&[
        ("13 January", "13"),
        ("13", "January 13"),
        ("{13}", "13th of May"),
        ("13 May", "x = 13"),
    ]);
}

#[test]
fn a_group_of_thousands_is_no_item() {
    assert_eq!(check("1, 234", "1,234"), Verdict::Correct);
    for (gold, answer) in [("0, 1", "1,000"), ("7, 1", "7,001"), ("12, 100", "100,012")] {
        assert_eq!(check(gold, answer), Verdict::Wrong, "{gold} and {answer}");
        assert_ne!(check(answer, gold), Verdict::Correct, "{answer} and {gold}");
    }
}

#[test]
fn a_proportion_has_no_unit() {
    assert_eq!(check("3:1", "3"), Verdict::Correct);
    let undecided = Verdict::Undecided(Reason::Units);
    assert_eq!(check("3:1", r"3\text{ cm}"), undecided);
    assert_eq!(check(r"3\text{ cm}", "3:1"), undecided);
}

#[test]
fn a_sign_in_words_is_a_sign() {
    equal(&[
        ("-2", "minus 2"),
        ("-0.5", "negative 0.5"),
        ("-2", "minus two"),
        (r"-\$5", "negative $5"),
        ("2", "5 minus 3"),
        ("odd", "- odd"),
        (r"-\pi", "-pi"),
    ]);
    unequal(&[
        ("2", "minus 2"),
        ("0.5", "negative 0.5"),
        ("3", "5 minus 3"),
        ("2", "negative two"),
        (r"\pi", r"\text{-pi}"),
        ("pi", "-pi"),
    ]);
}

#[test]
fn minutes_and_no_are_words() {
    equal(&[
        (r"4\text{ min}", r"4.0\text{ min}"),
        (r"4\text{ min}", "4 minutes"),
        (r"4\text{ min}", "4"),
        ("No", "no"),
        ("No", "NO"),
    ]);
    unequal(&[
        (r"4\text{ min}", r"5\text{ min}"),
        (r"4\text{ min}", r"4\text{ hours}"),
        ("No", "Yes"),
        ("No", "n"),
    ]);
}

#[test]
fn words_that_judge_are_no_units() {
    assert_eq!(check("12", "12 apples"), Verdict::Correct);
    for answer in [
        "12 wrong",
        r"12\text{ wrong}",
        "12 (rejected)",
        "12 impossible",
        "12 fewer",
    ] {
        assert_ne!(check("12", answer), Verdict::Correct, "{answer}");
    }
    assert_ne!(check("12", "~~12~~"), Verdict::Correct);
}

/// Variables may be negative and large.
#[test]
fn pieces_of_functions_differ_far_from_zero() {
    equal(&[
        ("|x|+|y|=1", "|y|+|x|=1"),
        ("2|x|=10", "|x|=5"),
        ("|x-5|", "|5-x|"),
        (r"\lfloor n/5\rfloor", r"\lfloor \frac{n}{5}\rfloor"),
    ]);
    unequal(&[
        ("|x|=5", "x=5"),
        ("y=|x|", "y=x"),
        ("|x|+|y|=1", "x+y=1"),
        (r"y=\ln|x|+C", r"y=\ln x+C"),
        (r"y=\max(x,0)", "y=x"),
        ("|x-5|", "5-x"),
        (r"\lfloor n/10\rfloor", "0"),
        (r"\max(n,100)", "100"),
        (r"\min(x,10)", "x"),
        (r"n \bmod 100", "n"),
        (r"\lfloor n/2025\rfloor", "0"),
    ]);
}

#[test]
fn order_counts_in_tuples_of_words_and_in_codes() {
    equal(&[
        ("red, blue", "blue, red"),
        ("(red, blue)", "(red, blue)"),
        ("TFF", "TFF"),
        (r"\{HH,HT,TH,TT\}", r"\{TT,HH,HT,TH\}"),
    ]);
    unequal(&[
        ("(red, blue)", "(blue, red)"),
        ("(A,B,C)", "(C,B,A)"),
        ("TFF", "FTF"),
        (r"\{HH,HT,TH,TT\}", r"\{HH,HT,TT\}"),
        ("u-v-w", "u-(v-w)"),
        ("p-q-r", "pqr"),
    ]);
}

#[test]
fn labelled_parts_are_compared_in_their_order() {
    equal(&[
        ("(a) 5 (b) 3", "(a) 5.0, (b) 3"),
        ("(a) 2 (b) 6", "2, 6"),
        ("(i) 1 (ii) 6", "(i) $1$; (ii) $6$."),
    ]);
    unequal(&[
        ("(a) 5 (b) 3", "(a) 3 (b) 5"),
        ("(a) 2 (b) 6", "(a) 3 (b) 4"),
        ("(a) 2 (b) 6", "12ab"),
        ("(a) 2 (b) 6", "6, 2"),
    ]);
}

#[test]
fn a_domain_in_words_keeps_its_sign() {
    equal(&[("2k, k \\ge 0", "2k for nonnegative integers k")]);
    unequal(&[
        (
            "2k for nonnegative integers k",
            "-2k for nonnegative integers k",
        ),
        (
            "2k for positive integers k",
            "2k for nonnegative integers k",
        ),
    ]);
}

#[test]
fn products_of_vectors_are_no_products_of_numbers() {
    unequal(&[
        (r"\mathbf{a}\times\mathbf{b}", r"\mathbf{b}\times\mathbf{a}"),
        (r"\nabla\cdot F", r"\nabla\times F"),
    ]);
}
