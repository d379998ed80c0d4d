//! Sets of real numbers in their notations, and answers that say there is none.

use super::table;

#[test]
fn regions() {
    table(&[
        (r"\{x\mid x>2\}", r"\{t \mid t>2\}", true),
        (r"\{x\mid x>2\}", r"\{t \mid t \ge 2\}", false),
        ("x > 2", "t > 2", false),
        ("(0,1)", "0<f(x)<1", true),
        ("(0,1)", r"f(x) \in (0,1)", true),
        ("(0,1)", r"0<f(x)\le 1", false),
        (r"\{x \mid 3 < x < 5\}", "(p,q)=(3,5)", false),
        (r"[1,2)\cup(2,3]", r"1\le x\le 3, x\ne 2", true),
        (r"[1,2)\cup(2,3]", r"1\le x\le 3, x\ne 1", false),
        ("[1,3]", r"x \ge 1, x \le 3", false), // and, or either
        (r"|x-1|\le 2", "[-1,3]", true),
        (r"|x-1|\le 2", "[-3,1]", false),
        (r"|2-3x| < 4", r"\left(-\frac23, 2\right)", true),
        (r"|x-1| \geq 2", r"(-\infty,-1]\cup[3,\infty)", true),
        (r"|x-1| \geq 2", r"(-\infty,-1)\cup(3,\infty)", false),
        (r"|x| < 3", "(-3,3)", true),
        (r"|x-1| < x", "(0,1)", false),
        (r"\mathbb{R}", r"\mathbf{R}", true),
        (r"\mathbb{R}", r"\mathbb{Q}", false),
        (r"\mathbb{R}\setminus\{0\}", r"x \ne 0", true),
        (
            r"[0,1]\setminus\{0.5\}",
            r"[0,\frac12)\cup(\frac12,1]",
            true,
        ),
    ]);
}

#[test]
fn nothing() {
    table(&[
        ("no solution", "No solutions", true),
        (r"\emptyset", "no solution", true),
        (r"\{\}", r"\varnothing", true),
        ("no solution", r"\text{There are no real solutions.}", true),
        (r"\emptyset", "0", false),
        (r"\emptyset", r"\{0\}", false),
        ("no solution", "one solution", false),
        ("no solution", "infinitely many solutions", false),
    ]);
}

#[test]
fn remarks_and_calculations() {
    table(&[
        ("n=4", r"n=4 \text{ is the only solution}", true),
        ("n=4", r"n=4 \text{ is not a solution}", false),
        ("7", "42 = 7", false),
        ("7", "3 + 4 = 7", true),
        ("2, 4", "T(10) = 2, T(11) = 4", true),
    ]);
}

#[test]
fn one_choice() {
    table(&[
        ("A", "(A) or (B)", false),
        ("A", "A and B", false),
        ("A", "(A) 5", true),
        ("B", "B. 36 square units", true),
        ("A, C", "C, A", true),
        ("A", "A, C", false),
    ]);
}
