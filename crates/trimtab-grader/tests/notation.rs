//! Notations of one thing: environments, functions, binomials, program code.

use trimtab_grader::{Rules, Verdict, check};

/// Pairs that are equal in both directions.
fn equal(table: &[(&str, &str)]) {
    let failures: Vec<String> = both_ways(table)
        .filter(|(_, _, verdict)| *verdict != Verdict::Correct)
        .map(|(gold, answer, verdict)| format!("{gold:?} and {answer:?}: {verdict:?}"))
        .collect();
    assert!(failures.is_empty(), "not equal:\n{}", failures.join("\n"));
}

/// Pairs that are not accepted in either direction.
fn unequal(table: &[(&str, &str)]) {
    let failures: Vec<String> = both_ways(table)
        .filter(|(_, _, verdict)| *verdict == Verdict::Correct)
        .map(|(gold, answer, _)| format!("{gold:?} and {answer:?}"))
        .collect();
    assert!(failures.is_empty(), "equal:\n{}", failures.join("\n"));
}

fn both_ways<'t>(table: &'t [(&str, &str)]) -> impl Iterator<Item = (&'t str, &'t str, Verdict)> {
    table
        .iter()
        .flat_map(|(left, right)| [(*left, *right), (*right, *left)])
        .map(|(gold, answer)| (gold, answer, check(gold, answer, &Rules::DEFAULT)))
}

#[test]
fn environments_with_one_line() {
    equal(&[
        ("5", r"\begin{equation}5\end{equation}"),
        ("4", "\\begin{equation*}\n x = 4\n\\end{equation*}"),
        ("x=4", r"\begin{align*} x &= 4 \end{align*}"),
        ("x=4", r"\begin{gather*}x=4\end{gather*}"),
        ("x=4", r"\begin{aligned}[t] x &= 4. \\ \end{aligned}"),
        ("5", r"\begin{split}5\end{split}"),
        ("5", r"\begin{alignat}{2} x &= 5 \end{alignat}"),
        ("5", r"\begin{array}{c}5\end{array}"),
        ("5", r"\begin{eqnarray*} x &=& 5 \end{eqnarray*}"),
        ("(1,2)", r"\begin{gathered}(1,2)\end{gathered}"),
        ("12", r"\begin{align*} 3 \cdot 4 &= 12 \end{align*}"),
    ]);
    unequal(&[
        ("5", r"\begin{equation}6\end{equation}"),
        ("5", r"\begin{equation}\end{equation}"),
        ("5", r"\begin{minipage}{5cm}5\end{minipage}"),
        ("5", r"\begin{tabular}{c}5 & 6\end{tabular}"),
        ("x=4", r"\begin{align*} y &= 4 \end{align*}"),
        ("x=4", r"\begin{align*} x &\ne 4 \end{align*}"),
    ]);
}

#[test]
fn environments_with_several_lines() {
    equal(&[
        // One chain.
        (
            "x=2",
            r"\begin{aligned} x &= \frac{4}{2} \\ &= 2 \end{aligned}",
        ),
        (
            "2",
            r"\begin{aligned} x &= \frac{4}{2} \\[4pt] &= 2 \end{aligned}",
        ),
        (
            "x^2+2x+1",
            r"\begin{align} f(x) =&\ x^2+x \\ & + x + 1 \end{align}",
        ),
        ("x^2-1", r"\begin{split} f(x) &= x^2 \\ &- 1 \end{split}"),
        (
            "2",
            r"\begin{align*} 3x &= 6 \\ \implies x &= 2 \end{align*}",
        ),
        ("2", r"\begin{array}{rcl} x &=& 1 + 1 \\ &=& 2 \end{array}"),
        // Several items.
        (
            "x=1, y=2",
            r"\begin{aligned} x &= 1 \\ y &= 2 \end{aligned}",
        ),
        (
            "x=1, y=2",
            r"\begin{aligned} y &= 2, \\ x &= 1. \end{aligned}",
        ),
        ("(1,2)", r"\begin{cases} x = 1 \\ y = 2 \end{cases}"),
        ("(1,2)", r"\begin{cases} x &= 1, \\ y &= 2 \end{cases}"),
        (
            "(1,2)",
            r"\left\{\begin{array}{l} x = 1 \\ y = 2 \end{array}\right.",
        ),
        (
            "(1,2)",
            r"\left\{\begin{aligned} x &= 1 \\ y &= 2 \end{aligned}\right.",
        ),
        (
            "(1,2)",
            r"\left\{ \begin{array}{rcl} x &=& 1 \\ y &=& 2 \end{array} \right.",
        ),
        ("4,5", r"\begin{array}{l} 4 \\ 5 \end{array}"),
        ("4,5", r"\begin{gather} 5 \\ 4 \end{gather}"),
    ]);
    unequal(&[
        (
            "x=4",
            r"\begin{aligned} x &= \frac{4}{2} \\ &= 2 \end{aligned}",
        ),
        ("1", r"\begin{aligned} x &= 1 \\ y &= 2 \end{aligned}"),
        ("(2,1)", r"\begin{cases} x = 1 \\ y = 2 \end{cases}"),
        ("4,5", r"\begin{array}{l} 4 \\ 6 \end{array}"),
        ("9", r"\begin{array}{l} 4 \\ 5 \end{array}"),
        ("-1", r"\begin{gather} 4 \\ -5 \end{gather}"),
        ("45", r"\begin{array}{cc} 4 & 5 \end{array}"),
    ]);
}

#[test]
fn cases_with_conditions() {
    equal(&[
        (
            r"\begin{cases}0 & x<0\\ x & x\ge 0\end{cases}",
            r"\begin{cases}x & \text{if } x\ge 0\\ 0 & \text{if } x<0\end{cases}",
        ),
        (
            r"\begin{cases}0, & x<0\\ x, & x\ge 0\end{cases}",
            r"f(x)=\begin{dcases}0 & 0>x\\ x & \text{otherwise}\end{dcases}",
        ),
        (
            r"\begin{cases}0 & x<0\\ x & x\ge 0\end{cases}",
            r"\left\{\begin{array}{ll}0, & x<0,\\ x, & x\ge 0.\end{array}\right.",
        ),
        (
            r"\begin{cases}0 & x<0\\ x & x\ge 0\end{cases}",
            r"\begin{cases}0, x<0\\[2mm] x, x\ge 0\end{cases}",
        ),
        (
            r"\begin{cases}1 & n \text{ even}\\ 0 & n \text{ odd}\end{cases}",
            r"\begin{cases}0, & n \text{ odd}\\ 1, & n \text{ even}\end{cases}",
        ),
        (
            r"\begin{cases}1 & n \text{ even}\\ 0 & n \text{ odd}\end{cases}",
            r"\begin{cases}1 & \text{if } n \text{ is even}\\ 0 & \text{if $n$ is odd}\end{cases}",
        ),
    ]);
    unequal(&[
        (
            r"\begin{cases}0 & x<0\\ x & x\ge 0\end{cases}",
            r"\begin{cases}0 & x \ge 0\\ x & x<0\end{cases}",
        ),
        (
            r"\begin{cases}0 & x<0\\ x & x\ge 0\end{cases}",
            r"\begin{cases}0 & x \le 0\\ x & x>0\end{cases}",
        ),
        (
            r"\begin{cases}0 & x<0\\ x & x\ge 0\end{cases}",
            r"\begin{cases}0 & x<0\\ 2x & \text{otherwise}\end{cases}",
        ),
        (
            r"\begin{cases}0 & x<0\\ x & x\ge 0\end{cases}",
            r"\begin{cases}0 & y<0\\ x & y\ge 0\end{cases}",
        ),
        (
            r"\begin{cases}1 & n \text{ even}\\ 0 & n \text{ odd}\end{cases}",
            r"\begin{cases}1 & n \text{ odd}\\ 0 & n \text{ even}\end{cases}",
        ),
        (r"\begin{cases}0 & x<0\\ x & x\ge 0\end{cases}", "x"),
        (r"\begin{cases}0 & x<0\\ x & x\ge 0\end{cases}", "0, x"),
    ]);
}

#[test]
fn matrices() {
    equal(&[
        (r"\begin{vmatrix}1&2\\3&4\end{vmatrix}", "-2"),
        (r"\begin{vmatrix}a&b\\c&d\end{vmatrix}", "ad-bc"),
        (r"\det\begin{pmatrix}1&2\\3&4\end{pmatrix}", "-2"),
        (
            r"\det\left(\begin{array}{cc}1&2\\3&4\end{array}\right)",
            "-2",
        ),
        (r"\left|\begin{array}{cc}1&2\\3&4\end{array}\right|", "-2"),
        (r"2\begin{vmatrix}1&2\\3&4\end{vmatrix}+1", "-3"),
        (r"\begin{vmatrix}2&0&1\\1&3&2\\0&1&1\end{vmatrix}", "3"),
        (
            r"\begin{vmatrix}0&1&0&0\\0&0&1&0\\0&0&0&1\\1&0&0&0\end{vmatrix}",
            "-1",
        ),
        (
            r"\operatorname{tr}\begin{pmatrix}1&2\\3&4\end{pmatrix}",
            "5",
        ),
        (r"\left\|\begin{pmatrix}3\\4\end{pmatrix}\right\|", "5"),
        (r"\left\|(1,2,2)\right\|", "3"),
        (
            r"\begin{pmatrix}1&2\\3&4\end{pmatrix}",
            r"\left(\begin{smallmatrix}1&2\\[2pt]3&4\end{smallmatrix}\right)",
        ),
        (
            r"\begin{pmatrix}1&2\\3&4\end{pmatrix}",
            r"\left[\begin{array}{c|c}1&2\\\hline 3&4\end{array}\right]",
        ),
        (
            r"\begin{pmatrix}1&2\\3&4\end{pmatrix}",
            r"\begin{bmatrix*}[r]1&2\\3&4\end{bmatrix*}",
        ),
        (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", "[[1,2],[3,4]]"),
        (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", "[1,2;3,4]"),
        (
            r"\begin{pmatrix}1&2\\3&4\end{pmatrix}",
            r"\begin{bmatrix}1,2\\3,4\end{bmatrix}",
        ),
        (r"\begin{pmatrix}1\\2\end{pmatrix}", "[[1],[2]]"),
        (r"\begin{pmatrix}1\\2\end{pmatrix}", "(1,2)"),
        (r"\begin{pmatrix}1\\2\end{pmatrix}", "(1,2)^T"),
    ]);
    unequal(&[
        (r"\begin{vmatrix}1&2\\3&4\end{vmatrix}", "2"),
        (r"\begin{vmatrix}a&b\\c&d\end{vmatrix}", "ad+bc"),
        (
            r"\begin{vmatrix}1&2\\3&4\end{vmatrix}",
            r"\begin{pmatrix}1&2\\3&4\end{pmatrix}",
        ),
        (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", "[[1,3],[2,4]]"),
        (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", "[[1,2,3,4]]"),
        (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", "[1,2,3,4]"),
        (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", "[1;2;3;4]"),
        (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", "(1,2),(3,4)"),
        (r"\begin{pmatrix}1\\2\end{pmatrix}", r"\{1,2\}"),
        (r"\begin{pmatrix}1\\2\end{pmatrix}", "1,2"),
        (r"\begin{pmatrix}1\\2\end{pmatrix}", "[[1,2]]"),
        (r"\begin{pmatrix}1\\2\end{pmatrix}", "(2,1)"),
        (
            r"\begin{pmatrix}1 & \\ 2 & 3\end{pmatrix}",
            r"\begin{pmatrix}& 1\\ 2 & 3\end{pmatrix}",
        ),
        (r"\begin{Vmatrix}1&2\\3&4\end{Vmatrix}", "-2"),
    ]);
}

#[test]
fn selections() {
    equal(&[
        ("120", r"C_{10}^{3}"),
        ("120", r"C^3_{10}"),
        ("120", r"C_{10}^3"),
        (r"\binom{10}{3}", r"\mathrm{C}_{10}^{3}"),
        (r"2\binom{10}{3}", r"2\mathrm{C}_{10}^{3}"),
        (r"\binom{10}{3}", r"{}^{10}C_3"),
        (r"\binom{10}{3}", r"^{10}C_{3}"),
        (r"\binom{10}{3}", r"{}_{10}C_3"),
        (r"\binom{10}{3}", r"_{10}\mathrm{C}_3"),
        (r"\binom{10}{3}", r"{}^{10}\mathrm{C}_{3}"),
        (r"\binom{10}{3}", "C(10,3)"),
        (r"\binom{10}{3}", "C(10, 3)"),
        (r"\binom{10}{3}", "10C3"),
        (r"\binom{10}{3}", r"\dbinom{10}{3}"),
        (r"\binom{10}{3}", r"{10 \choose 3}"),
        (r"\binom{n}{2}", r"\frac{n(n-1)}{2}"),
        (r"\binom{n}{2}", "C_n^2"),
        (r"\binom{2n}{n}", "C_{2n}^{n}"),
        (r"\binom{2n}{n}", "C(2n,n)"),
        ("C_5^2 C_3^1", "30"),
        ("60", "A_5^3"),
        ("60", "P_5^3"),
        ("60", "P(5,3)"),
        ("60", r"{}^5P_3"),
        ("60", r"{}_5P_3"),
        ("60", "5P3"),
        (r"\frac{10!}{7!}", r"\mathrm{A}_{10}^{3}"),
        (r"\binom{10}{3,7}", "120"),
        (r"\binom{6}{1,2,3}", "60"),
        (r"C_1 e^x", r"C_{1}e^{x}"),
    ]);
    unequal(&[
        ("120", "C_3^{10}"),
        ("C_{10}^{3}", "C_3^{10}"),
        ("120", "C_{10}^{4}"),
        ("720", "C_{10}^{3}"),
        ("120", "A_{10}^{3}"),
        ("120", "P(10,3)"),
        ("1", "C_1"),
        ("C_1^2", "2"),
        ("C_1^2", "C_1"),
        ("C_1^2", "C_2^1"),
        ("0", "P(2,3)"),
        ("6", "C(2,3)"),
        ("6", r"\binom{3}{2,2}"),
        ("x_3^2", "3"),
        ("A_n", "n"),
        (r"{}^{14}C", "14"),
        (r"2^{10}C_3", r"2\binom{10}{3}"),
    ]);
}

#[test]
fn complex_numbers() {
    equal(&[
        (r"1+i\sqrt3", r"2\operatorname{cis}60^\circ"),
        (r"1+i\sqrt3", r"2\text{cis}\frac{\pi}{3}"),
        (r"1+i\sqrt3", r"2\,\mathrm{cis}\left(\frac{\pi}{3}\right)"),
        ("2-3i", r"\overline{2+3i}"),
        ("2-3i", r"\overline{2+3\mathrm{i}}"),
        ("2", r"\Re(2+3i)"),
        ("2", r"\operatorname{Re}(2+3i)"),
        ("3", r"\Im(2+3i)"),
        (r"\frac{\pi}{4}", r"\arg(1+i)"),
        (r"\pi", r"\arccos{-1}"),
        ("5", "|3+4i|"),
        ("2+3i", r"2+3\imath"),
    ]);
    unequal(&[
        (r"1+i\sqrt3", r"2\operatorname{cis}30^\circ"),
        ("2+3i", r"\overline{2+3i}"),
        ("z", r"\overline{z}"),
        ("z", r"\Re(z)"),
        ("0", r"\Im(z)"),
        ("3i", r"\Im(2+3i)"),
        ("AB", r"\overline{AC}"),
    ]);
}

#[test]
fn residues() {
    equal(&[
        ("7", r"7 \pmod{10}"),
        ("7", r"x \equiv 7 \pmod{10}"),
        ("7", r"7 \bmod 10"),
        ("7", "7 (mod 10)"),
        (r"2 \pmod 5", r"7 \pmod 5"),
        (r"2 \pmod 5", r"-3 \pmod 5"),
        (r"n\equiv 5 \pmod{12}", r"n \equiv 17 \pmod{12}"),
        (r"n\equiv 5 \pmod{12}", r"n \equiv -7 \pmod{12}"),
        (r"x\equiv 2\ (\mathrm{mod}\ 7)", r"x \equiv 2 \pmod{7}"),
        (r"x\equiv 2\pmod 7", r"x \equiv 2 \mod 7"),
        (r"x\equiv 2\pmod 7", r"x \equiv 2 \text{ (mod 7)}"),
        (r"x\equiv 2\pmod 7", r"2 \pmod 7"),
        (r"1, 3 \pmod 8", r"x \equiv 1 \text{ or } 3 \pmod 8"),
        (r"1, 3 \pmod 8", r"x \equiv 3, 9 \pmod 8"),
        (r"x \equiv \pm 1 \pmod 8", r"x \equiv 1, 7 \pmod 8"),
        (r"2^{100} \equiv 2 \pmod 7", "2"),
        ("2", r"2^{100} \bmod 7"),
    ]);
    unequal(&[
        (r"n\equiv 5 \pmod{12}", r"n \equiv 5 \pmod 6"),
        (r"n\equiv 5 \pmod{12}", r"m \equiv 5 \pmod{12}"),
        (r"2 \pmod 5", r"3 \pmod 5"),
        (r"2 \pmod 5", r"2 \pmod{10}"),
        ("17", r"7 \pmod{10}"),
        ("8", r"7 \pmod{10}"),
        ("10", r"7 \pmod{10}"),
        (r"1, 3 \pmod 8", r"1, 3 \pmod 4"),
        (r"1, 3 \pmod 8", r"1 \pmod 8"),
        (
            r"\text{all primes } p \equiv 3 \pmod 4",
            r"p \equiv 1 \pmod 4",
        ),
    ]);
}

#[test]
fn french_intervals() {
    equal(&[
        ("(0,1)", "]0,1["),
        ("(0,1)", "]0;1["),
        ("(0,1)", r"\left]0,1\right["),
        ("[2,5)", "[2,5["),
        ("(2,5]", "]2,5]"),
        ("(1,100)", "]1,100["),
        (
            r"(-\infty, 2)\cup(3,\infty)",
            r"]-\infty,2[ \cup ]3,+\infty[",
        ),
        (r"x\in(0,1)", r"x \in ]0,1["),
        (r"0<x\le 1", "]0,1]"),
        (
            r"\left(-\infty, \frac{1}{2}\right]",
            r"\left]-\infty ; 0,5\right]",
        ),
        (r"(0,\sqrt{2})", r"]0,\sqrt{2}["),
    ]);
    unequal(&[
        ("[0,1]", "]0,1["),
        ("[0,1)", "]0,1]"),
        ("(0,1)", "[0,1["),
        ("[1,2]", r"[1,2]\cup[2,3]"),
        ("(0,2)", "]0,1["),
        ("0,1", "]0,1["),
    ]);
}

#[test]
fn vectors() {
    equal(&[
        (r"3\hat{i}+4\hat{j}", r"\langle 3,4\rangle"),
        (r"2\mathbf{i}+3\mathbf{j}", "(2,3)"),
        (r"2\vec{i}-3\vec{j}", r"\begin{pmatrix}2\\-3\end{pmatrix}"),
        (
            r"2\hat{\imath}-\hat{\jmath}+\frac{\hat{k}}{2}",
            r"(2,-1,\frac12)",
        ),
        (r"\frac{1}{5}(3\hat{i}+4\hat{j})", "(0.6,0.8)"),
        (r"\hat{j}", "(0,1,0)"),
        (r"\frac13(1,2,2)", r"\left(\frac13,\frac23,\frac23\right)"),
        ("(1,2)+t(3,4)", "(1+3t,2+4t)"),
        (
            r"\begin{pmatrix}1\\2\end{pmatrix}+t\begin{pmatrix}3\\4\end{pmatrix}",
            "(1+3t,2+4t)",
        ),
        (r"-(1,-2)", "(-1,2)"),
        (
            r"\begin{pmatrix}1&2\\3&4\end{pmatrix}^{-1}",
            r"-\frac12\begin{pmatrix}4&-2\\-3&1\end{pmatrix}",
        ),
        (
            r"\begin{pmatrix}2&0&1\\0&1&0\\1&0&1\end{pmatrix}^{-1}",
            r"\begin{pmatrix}1&0&-1\\0&1&0\\-1&0&2\end{pmatrix}",
        ),
        (
            r"\begin{pmatrix}1&1\\0&1\end{pmatrix}^3",
            r"\begin{pmatrix}1&3\\0&1\end{pmatrix}",
        ),
        (
            r"\begin{pmatrix}1&2\\3&4\end{pmatrix}^{\top}",
            r"\begin{pmatrix}1&3\\2&4\end{pmatrix}",
        ),
    ]);
    unequal(&[
        (r"3\hat{i}+4\hat{j}", "5"),
        (r"3\hat{i}+4\hat{j}", "(4,3)"),
        (r"3\hat{i}+4\hat{j}", "(3,4,1)"),
        (r"3\hat{i}+4\hat{k}", "(3,4)"),
        (r"3\hat{i}\hat{j}", "(3,3)"),
        (r"3\hat{i}+4", "(3,4)"),
        ("2+3i", "(2,3)"),
        ("3i", "(3,0)"),
        ("P(1,2)", "(2,4)"),
        ("2(1,2)", "(1,2)"),
        ("2(1,2)", "6"),
        (
            r"\begin{pmatrix}1&2\\2&4\end{pmatrix}^{-1}",
            r"\begin{pmatrix}4&-2\\-2&1\end{pmatrix}",
        ),
    ]);
}

#[test]
fn program_code() {
    equal(&[
        (r"\frac12", "Rational(1, 2)"),
        (r"\frac{\sqrt{3}}{2}", "sqrt(3)/2"),
        (r"\frac{3\pi}{4}", "3*pi/4"),
        (r"\frac{3\pi}{4}", "3*Pi/4"),
        (r"\sqrt{2}", "math.sqrt(2)"),
        (r"\sqrt{2}", "np.sqrt(2)"),
        (r"\sqrt{2}", "Sqrt[2]"),
        (r"\sin\frac{\pi}{7}", "Sin[Pi/7]"),
        ("3", "log(8, 2)"),
        ("3", "Log[2, 8]"),
        ("2+3i", "2 + 3*I"),
        ("2+3i", "2+3j"),
        ("-1", r"e^{I\pi}"),
        ("e^2", "E**2"),
        ("e^2", "exp(2)"),
        (r"(0,1)", "Interval.open(0, 1)"),
        (r"[0,1)", "Interval(0, 1, False, True)"),
        (
            r"[0,1]\cup[2,\infty)",
            "Union(Interval(0, 1), Interval(2, oo))",
        ),
        (r"(-\infty,2)", "(-oo, 2)"),
        (r"\{1,2\}", "FiniteSet(1, 2)"),
        (r"\emptyset", "EmptySet"),
        (r"\mathbb{R}", "S.Reals"),
        (
            r"\mathbb{R}\setminus\{1\}",
            "Complement(S.Reals, FiniteSet(1))",
        ),
        ("x=2", "Eq(x, 2)"),
        ("x=2", "x == 2"),
        ("|x-1|", "Abs(x - 1)"),
        ("120", "binomial(10, 3)"),
        ("120", "math.comb(10, 3)"),
        ("120", "factorial(5)"),
        (r"\sqrt[3]{2}", "root(2, 3)"),
        (
            r"\begin{pmatrix}1&2\\3&4\end{pmatrix}",
            "Matrix([[1, 2], [3, 4]])",
        ),
        (
            r"\begin{pmatrix}1&2\\3&4\end{pmatrix}",
            "np.array([[1, 2], [3, 4]])",
        ),
        (r"\begin{pmatrix}1\\2\end{pmatrix}", "np.array([1, 2])"),
        (
            r"\begin{cases}x & x\ge 0\\ -x & x<0\end{cases}",
            "Piecewise((x, x >= 0), (-x, True))",
        ),
    ]);
    unequal(&[
        (r"\frac12", "Rational(2, 1)"),
        ("8", "log(8, 2)"),
        (r"\frac13", "log(8, 2)"),
        ("i", "I"),
        ("e", "E"),
        ("j", "i"),
        ("2+3j", "2+3k"),
        ("2+3i", "3+2*I"),
        ("5", "5*E"),
        (r"[0,1]", "Interval.open(0, 1)"),
        (r"(0,1]", "Interval.Ropen(0, 1)"),
        (r"\{1,2\}", "FiniteSet(1, 3)"),
        (r"\{1,2\}", "Interval(1, 2)"),
        (
            r"[0,1]\cup[2,3]",
            "Intersection(Interval(0, 1), Interval(2, 3))",
        ),
        (
            r"\begin{pmatrix}1&2\\3&4\end{pmatrix}",
            "Matrix([[1, 3], [2, 4]])",
        ),
        (
            r"\begin{pmatrix}1&2\\3&4\end{pmatrix}",
            "Matrix(2, 2, [1, 2, 3, 4])",
        ),
        (r"\Pi", "Pi"),
    ]);
}

#[test]
fn calculus() {
    equal(&[
        (r"\frac{x^3}{3}+C", r"\frac13 x^3 + c"),
        (r"\frac{x^3}{3}+C", r"\frac{x^3}{3}+K"),
        (r"\frac{x^3}{3}+C", r"\frac{x^3}{3}+C_1"),
        (r"\frac{x^3}{3}+C", r"\frac{x^3}{3}+\text{const}"),
        (r"\ln|x|+C", r"C+\ln|x|"),
        (r"y=x^2+C", "y=x^2+c"),
        ("2x", "f'(x)=2x"),
        ("2x", r"f^{\prime}(x)=2x"),
        ("2x", r"\frac{dy}{dx}=2x"),
        ("2x", "dy/dx = 2x"),
        (r"\frac{dy}{dx}=2x", "dy/dx = 2x"),
        ("2x", "y'=2x"),
        (r"\sqrt{x}", r"f^{-1}(x)=\sqrt{x}"),
        ("2x", "f_1(x)=2x"),
        (r"\sum_{k=1}^{n}k", r"\sum\limits^{n}_{k=1}k"),
        (r"y''+y=0", "y+y''=0"),
    ]);
    unequal(&[
        (r"\frac{x^3}{3}+C", r"\frac{x^3}{3}"),
        (r"\frac{x^3}{3}+C", r"\frac{x^3}{2}+K"),
        (r"\frac{x^3}{3}+C", r"\frac{x^3}{3}+a"),
        (r"\frac{x^3}{3}+C", r"\frac{x^3}{3}+2C"),
        (r"Cx+C", "Cx+K"),
        ("x+c", "x+k"),
        ("2x", "f'(y)=3x"),
        ("f'(x)=2x", "f''(x)=2x"),
        ("f'(x)=2x", "f(x)=2x"),
        (r"\frac{dy}{dx}=2x", "dx/dy = 2x"),
        (r"f^{-1}(x)=2x", "f(x)=2x"),
        (r"p\iff q", r"p\implies q"),
        (
            r"\triangle ABC \cong \triangle DEF",
            r"\triangle ABC \sim \triangle DEF",
        ),
        (r"\neg p", "p"),
    ]);
    equal(&[(r"\neg(p \wedge q)", r"\lnot (p \land q)")]);
}

#[test]
fn bases_and_proportions_in_words() {
    equal(&[
        ("321_5", r"321 \text{ (base 5)}"),
        ("321_5", r"321 \text{ base } 5"),
        ("321_5", "321 (base 5)"),
        ("86", "321 in base 5"),
        ("5:3", "5 to 3"),
        (r"\frac{5}{3}", r"5 \text{ to } 3"),
    ]);
    unequal(&[
        ("321_5", r"321 \text{ (base 6)}"),
        ("321_5", "321"),
        ("5:3", "3 to 5"),
    ]);
}

#[test]
fn a_range_may_be_listed() {
    equal(&[
        ("n=4k+1", r"n=4k+1,\ k=0,1,2,\ldots"),
        (r"n=4k+1, k\geq 0", r"n=4k+1,\ k=0,1,2,\ldots"),
        (r"2k\pi, k\in\mathbb{Z}", r"2k\pi, k=0,\pm1,\pm2,\ldots"),
        (
            r"\begin{pmatrix}1&0\\2&5\end{pmatrix}",
            r"\begin{pmatrix}1 & 0 \cr 2 & 5\end{pmatrix}",
        ),
    ]);
    unequal(&[
        ("n=4k+1", r"n=4k+3,\ k=0,1,2,\ldots"),
        ("n=4k+1", r"n=4k+1,\ k=0,2,4,\ldots"),
        (r"n=4k+1, k\geq 0", r"n=4k+1,\ k=1,2,3,\ldots"),
    ]);
}
