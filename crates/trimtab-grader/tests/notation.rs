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
