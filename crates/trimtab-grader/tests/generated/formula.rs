//! The ways to write formulas with a variable.

use crate::scalar::superscript;
use crate::spelling::Spellings;
use crate::value::{Fraction, Value};

pub(crate) fn polynomial(coefficients: &[i64], all: &mut Spellings) {
    let down: Vec<usize> = (0..coefficients.len()).rev().collect();
    let up: Vec<usize> = (0..coefficients.len()).collect();
    let sum = |order: &[usize], power: &dyn Fn(usize) -> String, times: &str, blank: &str| {
        let mut text = String::new();
        for &degree in order {
            let coefficient = coefficients[degree];
            if coefficient == 0 {
                continue;
            }
            let sign = match (text.is_empty(), coefficient < 0) {
                (true, true) => "-".to_owned(),
                (true, false) => String::new(),
                (false, negative) => format!("{blank}{}{blank}", if negative { '-' } else { '+' }),
            };
            let size = coefficient.abs();
            let term = match (degree, size) {
                (0, _) => size.to_string(),
                (_, 1) => power(degree),
                _ => format!("{size}{times}{}", power(degree)),
            };
            text.push_str(&sign);
            text.push_str(&term);
        }
        text
    };
    let written = |mark: &'static str| {
        move |n: usize| {
            if n == 1 {
                "x".to_owned()
            } else {
                format!("x{mark}{n}")
            }
        }
    };
    let caret = written("^");
    let braced = |n: usize| {
        if n == 1 {
            "x".to_owned()
        } else {
            format!("x^{{{n}}}")
        }
    };
    let raised = |n: usize| {
        if n == 1 {
            "x".to_owned()
        } else {
            format!("x{}", superscript(n as i64))
        }
    };
    all.plain("", sum(&down, &caret, "", ""));
    all.plain("sum with blanks", sum(&down, &caret, "", " "));
    all.tex("braced powers", sum(&down, &braced, "", " "));
    all.rare("terms reordered", sum(&up, &caret, "", " "));
    all.rare("superscript", sum(&down, &raised, "", " "));
    all.rare(
        "minus U+2212",
        sum(&down, &raised, "", " ").replace('-', "−"),
    );
    all.rare("**", sum(&down, &written("**"), "*", " "));
    all.rare_tex("cdot", sum(&down, &caret, " \\cdot ", " "));
    if coefficients[0] == 0 {
        let lower = Value::Polynomial(coefficients[1..].to_vec());
        let mut inner = Spellings::default();
        if let Value::Polynomial(coefficients) = lower {
            polynomial(&coefficients, &mut inner);
        }
        let text = inner.0.swap_remove(0).1.text;
        all.rare("factored", format!("x({text})"));
    }
}

/// `offset + k period`, with `#` for the parameter.
pub(crate) fn multiple(offset: Fraction, period: i64, angle: bool) -> [String; 2] {
    let times = if period == 1 {
        String::new()
    } else {
        period.to_string()
    };
    if !angle {
        let sum = if offset.numerator == 0 {
            format!("{times}#")
        } else {
            format!("{times}#+{}", offset.numerator)
        };
        let other = if offset.numerator == 0 {
            format!("{times} #")
        } else {
            format!("{} + {times}#", offset.numerator)
        };
        return [sum, other];
    }
    let b = offset.denominator;
    [
        format!("\\frac{{\\pi}}{{{b}}}+{times}#\\pi"),
        format!("\\frac{{\\pi}}{{{b}}} + {times}\\pi #"),
    ]
}

pub(crate) fn family([sum, other]: &[String; 2], natural: bool, all: &mut Spellings) {
    let k = |letter: &str| sum.replace('#', letter);
    let (set, words) = if natural {
        ("\\mathbb{N}", "a positive integer")
    } else {
        ("\\mathbb{Z}", "an integer")
    };
    all.tex("", format!("{}, k \\in {set}", k("k")));
    all.tex(
        "condition in parentheses",
        format!("{} \\ (k \\in {set})", k("k")),
    );
    all.tex("quad condition", format!("{}, \\quad k \\in {set}", k("k")));
    all.tex(
        "other order",
        format!("{}, k\\in {set}", other.replace('#', "k")),
    );
    all.rare_tex("renamed parameter", format!("{}, n \\in {set}", k("n")));
    all.rare_tex("renamed parameter", format!("{}\\ (m \\in {set})", k("m")));
    if !natural {
        all.rare_tex("no condition", k("k"));
        all.rare_tex(
            "condition in words",
            format!("{} \\text{{ where }} k \\text{{ is {words}}}", k("k")),
        );
        all.rare_tex(
            "condition in words",
            format!("{} \\text{{ for any integer }} k", k("k")),
        );
        all.rare_tex("bold Z", format!("{}, k \\in \\mathbf{{Z}}", k("k")));
        all.rare_tex("ℤ", format!("{}, k ∈ ℤ", k("k")));
        all.rare_tex(
            "for k",
            format!("{} \\text{{ for }} k \\in \\mathbb{{Z}}", k("k")),
        );
    }
}

/// A term with its sign, such as `+3x`, or `3x` at the start.
fn signed(coefficient: i64, name: &str, first: bool, blank: &str) -> String {
    let sign = match (first, coefficient < 0) {
        (true, true) => "-".to_owned(),
        (true, false) => String::new(),
        (false, negative) => format!("{blank}{}{blank}", if negative { '-' } else { '+' }),
    };
    let size = match (coefficient.abs(), name) {
        (1, name) if !name.is_empty() => String::new(),
        (size, _) => size.to_string(),
    };
    format!("{sign}{size}{name}")
}

pub(crate) fn plus_minus(whole: i64, factor: i64, radicand: i64, all: &mut Spellings) {
    let times = if factor == 1 {
        String::new()
    } else {
        factor.to_string()
    };
    let (tex, plain) = (
        format!("{times}\\sqrt{{{radicand}}}"),
        format!("{times}√{radicand}"),
    );
    all.tex("", format!("{whole} \\pm {tex}"));
    all.plain("±", format!("{whole} ± {plain}"));
    all.tex("both signs", format!("{whole} + {tex}, {whole} - {tex}"));
    all.rare_tex("both signs", format!("{whole}-{tex},{whole}+{tex}"));
    all.rare_tex(
        "both signs, and",
        format!("{whole}+{tex} \\text{{ and }} {whole}-{tex}"),
    );
    all.rare_tex(
        "set of both signs",
        format!("\\{{{whole}+{tex}, {whole}-{tex}\\}}"),
    );
    all.rare_tex("name and ±", format!("x = {whole} \\pm {tex}"));
    all.rare_tex(
        "name of each",
        format!("x = {whole} + {tex}, x = {whole} - {tex}"),
    );
    all.rare_tex(
        "indexed names",
        format!("x_1 = {whole} + {tex}, x_2 = {whole} - {tex}"),
    );
    all.prose(
        "both signs in words",
        format!("{whole} + {plain} and {whole} - {plain}"),
    );
}

pub(crate) fn line(a: i64, b: i64, c: i64, all: &mut Spellings) {
    let sum = |a: i64, b: i64, blank: &str| {
        format!(
            "{}{}",
            signed(a, "x", true, blank),
            signed(b, "y", false, blank)
        )
    };
    let zero = |text: String, c: i64| match c {
        0 => format!("{text} = 0"),
        _ => format!("{text}{} = 0", signed(-c, "", false, " ")),
    };
    all.plain("", format!("{}={c}", sum(a, b, "")));
    all.plain("line with blanks", format!("{} = {c}", sum(a, b, " ")));
    all.plain("zero on the right", zero(sum(a, b, " "), c));
    all.rare("sides swapped", format!("{c} = {}", sum(a, b, " ")));
    all.rare(
        "line scaled",
        format!("{} = {}", sum(2 * a, 2 * b, " "), 2 * c),
    );
    all.rare("line negated", zero(sum(-a, -b, " "), -c));
    let y_first = format!("{}{}", signed(b, "y", true, ""), signed(a, "x", false, ""));
    all.rare("y first", format!("{y_first} = {c}"));
    let (up, down) = (-a * b.signum(), b.abs());
    let sign = if up < 0 { "-" } else { "" };
    let slope = format!("{sign}\\frac{{{}}}{{{down}}}x", up.abs());
    let slope = if down == 1 {
        signed(up, "x", true, "")
    } else {
        slope
    };
    let end = c * b.signum();
    let constant = match end {
        0 => String::new(),
        _ => format!(
            " {} \\frac{{{}}}{{{down}}}",
            if end < 0 { '-' } else { '+' },
            end.abs()
        ),
    };
    all.rare_tex("solved for y", format!("y = {slope}{constant}"));
}

pub(crate) fn quotient(a: i64, b: i64, c: i64, all: &mut Spellings) {
    let sum = |a: i64, b: i64, blank: &str| {
        format!(
            "{}{}",
            signed(a, "x", true, blank),
            signed(b, "", false, blank)
        )
    };
    let tight = sum(a, b, "");
    all.tex("", format!("\\frac{{{tight}}}{{{c}}}"));
    all.tex("dfrac", format!("\\dfrac{{{}}}{{{c}}}", sum(a, b, " ")));
    all.plain("slash", format!("({tight})/{c}"));
    all.plain("slash with blanks", format!("({}) / {c}", sum(a, b, " ")));
    all.rare_tex("factor before", format!("\\frac{{1}}{{{c}}}({tight})"));
    let sign = if b < 0 { '-' } else { '+' };
    let x = signed(a, "x", true, "");
    all.rare_tex(
        "sum of fractions",
        format!("\\frac{{{x}}}{{{c}}} {sign} \\frac{{{}}}{{{c}}}", b.abs()),
    );
    all.rare(
        "unreduced",
        format!("({})/{}", sum(2 * a, 2 * b, ""), 2 * c),
    );
    all.rare_tex("over", format!("{{{tight} \\over {c}}}"));
}
