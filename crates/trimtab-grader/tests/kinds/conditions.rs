//! Conditions of answers: what may be left out, and what must be the same.

use super::table;

const FAMILY: &str = r"\frac{\pi}{4}+k\pi, k\in\mathbb{Z}";

#[test]
fn a_declaration_of_a_parameter_may_be_left_out() {
    table(&[
        (FAMILY, r"\frac{\pi}{4}+k\pi", true),
        (FAMILY, r"\frac{\pi}{4}+2k\pi", false),
        (r"\frac{\pi}{4}+k\pi", FAMILY, true),
        (
            FAMILY,
            r"\frac{\pi}{4}+k\pi \text{ where } k \text{ is an integer}",
            true,
        ),
        (
            FAMILY,
            r"\frac{\pi}{4}+k\pi \text{, where k is an integer}",
            true,
        ),
        (FAMILY, r"\frac{\pi}{4}+k\pi\ (k\in\mathbb{Z})", true),
        (FAMILY, r"\frac{\pi}{4}+k\pi, \quad k \in \mathbb Z", true),
        (
            FAMILY,
            r"x = \frac{\pi}{4}+k\pi \text{ for all integers } k",
            true,
        ),
        (
            FAMILY,
            r"x = \frac{\pi}{4}+k\pi, k \text{ is any integer}",
            true,
        ),
        (FAMILY, r"$\frac{\pi}{4}+k\pi$ for integer $k$", true),
        (
            FAMILY,
            r"$\frac{\pi}{4}+k\pi$, where $k$ is an integer",
            true,
        ),
        (r"2n+1, n\geq 0", "2n+1", true),
        ("2n+1", r"2n+1\quad(n\ge 0)", true),
        (r"f(x)=cx, c\in\mathbb{R}", "f(x)=cx", true),
        ("f(x)=cx", r"f(x)=cx \text{ for any real constant } c", true),
        ("f(x)=cx", r"\text{for all real } x, f(x)=cx", true),
        (r"f(x)=ax+b, a,b\in\mathbb{R}", "f(x)=ax+b", true),
        ("x+1", r"x+1, x \ne 1", true),
        // What restricts the answer.
        ("x^2", "x^2, x < 0", false),
        ("x^2", r"x^2 \text{ for } 2 < x < 3", false),
        ("2n", r"2n \text{ where } n \text{ is odd}", false),
        ("2n", r"2n, n = 7", false),
        ("x > 2", r"x > 2, x \in \mathbb{Z}", false),
        ("x > 2", r"x > 2, x \in \mathbb{R}", true),
        ("b = 2", "a > 0, b = 2", false),
        ("5", r"5, n \ge 0", false),
    ]);
}

#[test]
fn two_declarations_must_agree() {
    table(&[
        (FAMILY, r"\frac{\pi}{4}+k\pi, k\in\mathbb{N}", false),
        (FAMILY, r"\frac{\pi}{4}+k\pi, k\ge 0", false),
        (FAMILY, r"\frac{\pi}{4}+k\pi, k\in\mathbb{R}", false),
        (
            r"3k, k\in\mathbb{N}",
            r"3k \text{ for } k\in\mathbb{N}",
            true,
        ),
        (
            r"3k, k\in\mathbb{N}",
            r"3k \text{ where } k \text{ is a positive integer}",
            true,
        ),
        (r"3k, k\in\mathbb{Z}^+", r"3k, k \ge 1", true),
        (r"3k, k\in\mathbb{Z}_{\ge 0}", r"3k, k \ge 1", false),
        (r"2n-1, n \ge 1", r"2n-1, n \geq 2", false),
        (r"2n-1, n \ge 1", r"2n-1, n > 0", true),
        (r"2n-1, n \ge 1", r"2n-1, n \ge 0", false),
        (r"x^2+bx+c with b<0", "$x^2+bx+c$ with $b < 0$", true),
        (r"x^2+bx+c with b<0", "x^2+bx+c with b>0", false),
        (
            r"2x \text{ for } x>0, 0 \text{ for } x \le 0",
            r"0 \text{ for } x>0, 2x \text{ for } x \le 0",
            false,
        ),
        (
            r"2x \text{ if } x>0, 0 \text{ if } x \le 0",
            r"0 \text{ if } x \le 0, 2x \text{ if } x > 0",
            true,
        ),
        (r"n!\text{ if }n\text{ is prime}", "n!", false),
        (
            r"y=\frac{1}{x}, x\neq 0",
            r"y=\frac1x \quad (x \ne 0)",
            true,
        ),
        (r"y=\frac{1}{x}, x\neq 0", r"y=\frac1x, x \ne 1", false),
        (r"3k, 0 < k < 5", r"3k, 0 < k < 6", false),
    ]);
}

#[test]
fn a_bound_parameter_may_have_another_name() {
    table(&[
        (FAMILY, r"\frac{\pi}{4}+n\pi, n\in\mathbb{Z}", true),
        (FAMILY, r"\frac{\pi}{4}+n\pi", true),
        (FAMILY, r"\frac{\pi}{4}+n\pi, k\in\mathbb{Z}", false),
        (FAMILY, r"\frac{\pi}{4}+x\pi", false),
        (r"kn, k \in \mathbb{Z}", r"mn, m \in \mathbb{Z}", true),
        (r"kn, k \in \mathbb{Z}", r"n^2, n \in \mathbb{Z}", false),
        (r"2n-1, n \ge 1", r"2m-1 \text{ with } m \geq 1", true),
        (
            r"f(x)=ax+b, a,b\in\mathbb{R}",
            r"f(x)=mx+n, \; m,n \in \mathbb{R}",
            true,
        ),
        (
            r"f(x)=ax+b, a,b\in\mathbb{R}",
            r"f(x)=mx+m, \; m \in \mathbb{R}",
            false,
        ),
        (
            r"(1+2t,3-t), t\in\mathbb{R}",
            r"(1+2s, 3-s), s \in \mathbb{R}",
            true,
        ),
        (
            r"(1+2t,3-t), t\in\mathbb{R}",
            r"(1+2s, 3-t), s \in \mathbb{R}",
            false,
        ),
        ("2x", "2t", false),
    ]);
}

#[test]
fn families_may_be_shifted() {
    table(&[
        (FAMILY, r"-\frac{3\pi}{4}+k\pi, k\in\mathbb{Z}", true),
        (FAMILY, r"\frac{5\pi}{4} - n\pi, n\in\mathbb{Z}", true),
        (FAMILY, r"\frac{3\pi}{4}+k\pi, k\in\mathbb{Z}", false),
        (
            r"2n-1, n \in \mathbb{Z}^+",
            r"2n+1, n \in \mathbb{Z}_{\ge 0}",
            true,
        ),
        (
            r"2n-1, n \in \mathbb{Z}^+",
            r"2n+1, n \in \mathbb{Z}^+",
            false,
        ),
        (r"3k+1, k\in\mathbb{Z}", r"3k-2, k\in\mathbb{Z}", true),
        (r"3k+1, k\in\mathbb{Z}", r"3k+2, k\in\mathbb{Z}", false),
        (r"k+t, t \in \mathbb{R}", r"k+t+1, t \in \mathbb{R}", false),
    ]);
}
