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

#[test]
fn builders_keep_their_domain() {
    table(&[
        (r"\{m \in \mathbb{Z} : 2 \le m \le 5\}", "[2,5]", false),
        (
            r"\{m \in \mathbb{Z} : 2 \le m \le 5\}",
            r"\{2,3,4,5\}",
            true,
        ),
        (r"\{m \in \mathbb{Z} : 2 < m \le 5\}", r"\{2,3,4,5\}", false),
        (r"\{m\in\mathbb{Z}\mid m>7\}", r"(7,\infty)", false),
        (
            r"\{m\in\mathbb{Z}\mid m>7\}",
            r"\{m\in\mathbb{Z}\mid m\ge8\}",
            true,
        ),
        (r"\{m\in\mathbb{R}\mid m>7\}", r"(7,\infty)", true),
        (r"\{m\in\mathbb{Q}\mid m>7\}", r"(7,\infty)", false),
        (r"\{x\in\mathbb{Z} \mid x^2=9\}", r"\{-3,3\}", true),
        (r"\{x\in\mathbb{Z} \mid x^2<6\}", r"\{-2,-1,0,1,2\}", true),
        (r"\{x\in\mathbb{Z} \mid x^2<4\}", r"\{-2,-1,0,1,2\}", false),
        (r"3 \le m \le 5, m \in \mathbb{Z}", r"\{3,4,5\}", true),
        (r"3 \le m \le 5, m \in \mathbb{Z}", "[3,5]", false),
        (
            r"\mathbb{Z}\setminus\{1\}",
            r"\{x \in \mathbb{Z} : x \ne 1\}",
            true,
        ),
        (
            r"\mathbb{Z}\setminus\{1\}",
            r"\mathbb{R}\setminus\{1\}",
            false,
        ),
        (r"\{\{2\},\{3\}\}", r"\{2,3\}", false),
        (r"\{\{2\},\{3\}\}", "{{2},{3}}", true),
    ]);
}

#[test]
fn families() {
    table(&[
        (
            r"\{4k : k \in \mathbb{Z}\}",
            r"\{4m \mid m \in \mathbb{Z}\}",
            true,
        ),
        (
            r"\{4k : k \in \mathbb{Z}\}",
            r"\{2m \mid m \in \mathbb{Z}\}",
            false,
        ),
        (r"\{4k : k \in \mathbb{Z}\}", "multiples of 4", true),
        (r"\{2k-1 \mid k\in\mathbb{Z}\}", "odd integers", true),
        (
            r"\{2k-1 \mid k\in\mathbb{Z}\}",
            r"\{m : m \text{ is odd}\}",
            true,
        ),
        (
            r"\{2k-1 \mid k\in\mathbb{Z}\}",
            r"\{m : m \text{ is even}\}",
            false,
        ),
        (
            r"\{x : x = 5k, k \in \mathbb{Z}\}",
            r"5k, k \in \mathbb{Z}",
            true,
        ),
        (
            r"3^m, m \text{ odd}",
            r"3^m \text{ where } m \text{ is odd}",
            true,
        ),
        (
            r"3^m, m \text{ odd}",
            r"3^m \text{ where } m \text{ is even}",
            false,
        ),
    ]);
}

#[test]
fn sets_in_words() {
    table(&[
        (
            r"\mathbb{R}\setminus\{4\}",
            "all real numbers except 4",
            true,
        ),
        (
            r"\mathbb{R}\setminus\{4\}",
            "all real numbers except 5",
            false,
        ),
        (r"\mathbb{R}\setminus\{4\}", "all real numbers", false),
        (
            r"\text{all reals except } 3 \text{ and } -3",
            r"\mathbb{R}\setminus\{-3,3\}",
            true,
        ),
        (
            r"(-\infty,2)\cup(2,\infty)",
            "all real x except x = 2",
            true,
        ),
        ("x > 0", "all positive real numbers", true),
        (r"[0,\infty)", "nonnegative reals", true),
        (r"(0,\infty)", r"\mathbb{R}^+", true),
        (r"\mathbb{Z}", "all integers", true),
        (r"\mathbb{Z}", "all positive integers", false),
        (r"\mathbb{Z}^+", "the positive integers", true),
    ]);
}

#[test]
fn quadratic_inequalities() {
    table(&[
        ("x^2 < 16", "-4 < x < 4", true),
        ("x^2 < 16", "x < 4", false),
        (r"x^2 \ge 16", r"x \le -4 \text{ or } x \ge 4", true),
        (r"x^2 - 7x + 10 \le 0", "[2,5]", true),
        (r"x^2 - 7x + 10 \le 0", "(2,5)", false),
    ]);
}

#[test]
fn inequations() {
    table(&[
        (r"x \ne \pm 4", r"x \ne 4 \text{ and } x \ne -4", true),
        (r"x \ne \pm 4", r"x \ne 4", false),
        (r"x \ne 4, -4", r"x \ne \pm 4", true),
        (r"(b,\infty)", "x > b", true),
        (r"(b,\infty)", "x < b", false),
        (r"(b,\infty)", "x > c", false),
        (r"(-\infty,2)\cup(5,\infty)", "x<2, x>5", true),
        (r"p \to q", r"q \to p", false),
        ("p < q < r", r"\emptyset", false),
        ("(4,7]", "u=4, v=7", false),
        ("(4,7)", "u=4, v=7", true),
    ]);
}
