//! Values: rounding, alternating signs, huge numbers, series, curves.

use super::table;

#[test]
fn rounding() {
    table(&[
        ("2.7183", "2.71828183", true),
        ("2.7183", "2.71838183", false),
        ("2.718", "2.7182", false),
        (r"1.602 \times 10^{-19}", r"1.6022 \times 10^{-19}", true),
        (r"1.6022 \times 10^{-19}", r"1.602 \times 10^{-19}", false),
        (r"\approx 2.24", r"\sqrt5", true),
        (r"\approx 2.24", "2.25", false),
        ("2.24", r"\sqrt5", false),
        ("0.7000000000000001", "0.7", true),
        ("1.0000000000000000002", "1", false),
    ]);
}

#[test]
fn signs_that_alternate() {
    table(&[
        ("(-1)^n", r"\cos(\pi n)", true),
        ("(-1)^n", r"\cos(2\pi n)", false),
        ("(-1)^n", "(-1)^{n+2}", true),
        ("(-1)^n", "(-1)^{n+1}", false),
    ]);
}

#[test]
fn logarithms_of_negative_numbers() {
    table(&[
        (r"\ln|x|", r"\ln x", false),
        (r"\ln x", r"\ln|x|", false),
        (r"\ln x^2", r"2\ln|x|", true),
    ]);
}

#[test]
fn huge_values() {
    table(&[
        ("5^{5^5}", "5^{3125}", true),
        ("6^{6^6}", "6^{46656}", true),
        ("6^{6^6}", "6^{46655}", false),
        (r"\binom{3000}{1400}", r"\binom{3000}{1600}", true),
        (r"\binom{3000}{1400}", r"\binom{3000}{1601}", false),
    ]);
}

#[test]
fn geometric_series() {
    table(&[
        (r"\sum_{k=1}^\infty \frac{1}{3^k}", r"\frac12", true),
        (r"\sum_{k=1}^\infty \frac{1}{3^k}", r"\frac32", false),
        (r"\sum_{k=1}^\infty 3^k", r"-\frac32", false),
        (r"\sum_{k=1}^\infty \frac{1}{k^2}", "1", false),
    ]);
}

#[test]
fn curves_times_a_variable() {
    table(&[
        ("xy=8", r"y=\frac{8}{x}", true),
        ("xy=8", r"y=\frac{4}{x}", false),
        ("xy=x", "y=1", false), // x = 0 as well
        ("x^2=x", "x=1", false),
        ("0", "x-y=0", false),
        ("9", "x-y=9", true),
        ("1", r"\frac{x}{5}+\frac{y}{7}=1", false),
        ("4", "(x-2)^2+(y-3)^2=4", false),
    ]);
}

#[test]
fn remainders_and_classes() {
    table(&[
        ("1 mod 4", "1 mod 5", false),
        ("9 mod 4", "1", true),
        (r"x \equiv 2 \pmod 7", r"x = 7k+2, k \in \mathbb{Z}", true),
        (r"x \equiv 2 \pmod 7", r"7k-5, k \in \mathbb{Z}", true),
        (r"x \equiv 2 \pmod 7", r"14k+2, k \in \mathbb{Z}", false),
        (r"x \equiv 2 \pmod 7", r"7k+3, k \in \mathbb{Z}", false),
    ]);
}
