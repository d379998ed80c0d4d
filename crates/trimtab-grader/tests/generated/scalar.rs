//! The ways to write roots, powers, multiples of pi, complex numbers and functions of numbers.

use crate::spelling::Spellings;
use crate::value::{Fraction, Term};

/// A number in superscript characters.
pub(crate) fn superscript(number: i64) -> String {
    const DIGITS: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    let to_superscript = |c: char| match c.to_digit(10) {
        Some(digit) => DIGITS[digit as usize],
        None => '⁻',
    };
    number.to_string().chars().map(to_superscript).collect()
}

pub(crate) fn power_of_ten(digits: i64, exponent: i64, all: &mut Spellings) {
    let sign = if digits < 0 { "-" } else { "" };
    let text = digits.abs().to_string();
    let (head, tail) = text.split_at(1);
    let mantissa = if tail.is_empty() {
        format!("{sign}{head}")
    } else {
        format!("{sign}{head}.{tail}")
    };
    all.tex("", format!("{mantissa} \\times 10^{{{exponent}}}"));
    all.tex("cdot", format!("{mantissa} \\cdot 10^{{{exponent}}}"));
    all.plain("e-notation", format!("{mantissa}e{exponent}"));
    all.rare("E-notation", format!("{mantissa}E{exponent}"));
    all.rare("× 10^", format!("{mantissa} × 10^{exponent}"));
    all.rare(
        "× superscript",
        format!("{mantissa} × 10{}", superscript(exponent)),
    );
    all.rare(
        "× superscript tight",
        format!("{mantissa}×10{}", superscript(exponent)),
    );
    all.rare(
        "· superscript",
        format!("{mantissa}·10{}", superscript(exponent)),
    );
    all.rare("* 10^", format!("{mantissa} * 10^{exponent}"));
    all.rare("*10**", format!("{mantissa}*10**{exponent}"));
    all.rare("* 10^()", format!("{mantissa} * 10^({exponent})"));
    all.prose("x 10^", format!("{mantissa} x 10^{exponent}"));
    all.rare_tex(
        "10^ with blanks",
        format!("{mantissa} \\times 10 ^ {{ {exponent} }}"),
    );
    if exponent > 0 {
        all.rare("e+", format!("{mantissa}e+{exponent}"));
        let zeros = (exponent as usize + 1).saturating_sub(text.len());
        if text.len() <= exponent as usize {
            all.rare("digits", format!("{sign}{text}{}", "0".repeat(zeros)));
        }
    } else {
        let zeros = "0".repeat((-exponent) as usize - 1);
        all.rare("digits", format!("{sign}0.{zeros}{text}"));
        all.rare_tex(
            "frac of power",
            format!("\\frac{{{mantissa}}}{{10^{{{}}}}}", -exponent),
        );
    }
    if sign == "-" {
        all.rare(
            "minus U+2212",
            format!("{} × 10^{exponent}", mantissa.replace('-', "−")),
        );
    }
}

pub(crate) fn root(factor: Fraction, radicand: i64, index: i64, all: &mut Spellings) {
    let (a, b) = (factor.numerator.abs(), factor.denominator);
    let sign = if factor.numerator < 0 { "-" } else { "" };
    let times = if a == 1 { String::new() } else { a.to_string() };
    let tex_index = if index == 2 {
        String::new()
    } else {
        format!("[{index}]")
    };
    let sign_of_root = ["√", "∛", "∜"][index as usize - 2];
    let tex = format!("{times}\\sqrt{tex_index}{{{radicand}}}");
    let short = format!("{times}{sign_of_root}{radicand}");
    let power = format!("{radicand}^{{\\frac{{1}}{{{index}}}}}");
    if b > 1 {
        all.tex("", format!("{sign}\\frac{{{tex}}}{{{b}}}"));
        all.tex("root over slash", format!("{sign}{tex}/{b}"));
        all.rare("root sign over slash", format!("{sign}{short}/{b}"));
        all.rare_tex(
            "fraction times root",
            format!("{sign}\\frac{{{a}}}{{{b}}}\\sqrt{tex_index}{{{radicand}}}"),
        );
        all.rare(
            "root in parentheses over slash",
            format!("{sign}({short})/{b}"),
        );
        return;
    }
    all.tex("", format!("{sign}{tex}"));
    all.plain("root sign", format!("{sign}{short}"));
    all.rare(
        "root sign with parentheses",
        format!("{sign}{times}{sign_of_root}({radicand})"),
    );
    all.rare_tex(
        "root with blanks",
        format!("{sign}{times} \\sqrt{tex_index} {{ {radicand} }}"),
    );
    if a == 1 {
        all.rare_tex("root as power", format!("{sign}{power}"));
        all.rare(
            "root as plain power",
            format!("{sign}{radicand}^(1/{index})"),
        );
    } else {
        all.rare_tex(
            "cdot root",
            format!("{sign}{a} \\cdot \\sqrt{tex_index}{{{radicand}}}"),
        );
        all.rare("* root", format!("{sign}{a}*{sign_of_root}{radicand}"));
        all.rare_tex(
            "root before factor",
            format!("{sign}\\sqrt{tex_index}{{{radicand}}} \\cdot {a}"),
        );
        all.rare_tex(
            "factor into root",
            format!(
                "{sign}\\sqrt{tex_index}{{{}}}",
                radicand * a.pow(index as u32)
            ),
        );
    }
    if index == 2 {
        all.rare(
            "sqrt()",
            format!(
                "{sign}{times}{}sqrt({radicand})",
                if a == 1 { "" } else { "*" }
            ),
        );
        all.tex(
            "root without braces",
            format!("{sign}{times}\\sqrt {radicand}"),
        );
        if radicand < 10 {
            all.tex(
                "root without braces",
                format!("{sign}{times}\\sqrt{radicand}"),
            );
        }
    }
}

pub(crate) fn surd(whole: i64, factor: i64, radicand: i64, all: &mut Spellings) {
    let times = if factor.abs() == 1 {
        String::new()
    } else {
        factor.abs().to_string()
    };
    let sign = if factor < 0 { '-' } else { '+' };
    all.tex("", format!("{whole}{sign}{times}\\sqrt{{{radicand}}}"));
    all.tex(
        "sum with blanks",
        format!("{whole} {sign} {times}\\sqrt{{{radicand}}}"),
    );
    all.plain("root sign", format!("{whole} {sign} {times}√{radicand}"));
    all.rare(
        "root sign, tight",
        format!("{whole}{sign}{times}√{radicand}"),
    );
    all.rare_tex(
        "root first",
        format!(
            "{}{times}\\sqrt{{{radicand}}} {} {}",
            if factor < 0 { "-" } else { "" },
            if whole < 0 { '-' } else { '+' },
            whole.abs()
        ),
    );
    let star = if times.is_empty() { "" } else { "*" };
    all.rare(
        "sqrt()",
        format!("{whole} {sign} {times}{star}sqrt({radicand})"),
    );
}

pub(crate) fn pi(factor: Fraction, all: &mut Spellings) {
    let (a, b) = (factor.numerator.abs(), factor.denominator);
    let sign = if factor.numerator < 0 { "-" } else { "" };
    let times = if a == 1 { String::new() } else { a.to_string() };
    if b == 1 {
        all.tex("", format!("{sign}{times}\\pi"));
        all.plain("π", format!("{sign}{times}π"));
        all.rare(
            "pi",
            format!("{sign}{times}{}pi", if a == 1 { "" } else { "*" }),
        );
        all.rare_tex("pi with blank", format!("{sign}{times} \\pi"));
        all.rare_tex("cdot pi", format!("{sign}{a} \\cdot \\pi"));
        all.prose(
            "pi in words",
            format!("{sign}{times}{}pi", if a == 1 { "" } else { " " }),
        );
        return;
    }
    all.tex("", format!("{sign}\\frac{{{times}\\pi}}{{{b}}}"));
    all.tex("pi over slash", format!("{sign}{times}\\pi/{b}"));
    all.tex(
        "fraction times pi",
        format!("{sign}\\frac{{{a}}}{{{b}}}\\pi"),
    );
    all.tex("dfrac", format!("{sign}\\dfrac{{{times}\\pi}}{{{b}}}"));
    all.plain("π", format!("{sign}{times}π/{b}"));
    all.rare(
        "pi",
        format!("{sign}{times}{}pi/{b}", if a == 1 { "" } else { "*" }),
    );
    all.rare("(fraction)π", format!("{sign}({a}/{b})π"));
    if b < 10 {
        all.tex(
            "frac without braces",
            format!("{sign}\\frac{{{times}\\pi}}{b}"),
        );
    }
    if a == 1 && b < 10 {
        all.tex("frac without braces", format!("{sign}\\frac\\pi{b}"));
        all.rare_tex("frac without braces", format!("{sign}\\frac \\pi {b}"));
    }
}

pub(crate) fn complex(re: i64, im: i64, all: &mut Spellings) {
    let times = if im.abs() == 1 {
        String::new()
    } else {
        im.abs().to_string()
    };
    let minus = if im < 0 { "-" } else { "" };
    if re == 0 {
        all.plain("", format!("{minus}{times}i"));
        all.tex("mathrm i", format!("{minus}{times}\\mathrm{{i}}"));
        all.rare_tex("cdot i", format!("{minus}{} \\cdot i", im.abs()));
        all.rare(
            "zero real part",
            format!("0 {} {times}i", if im < 0 { '-' } else { '+' }),
        );
        return;
    }
    let sign = if im < 0 { '-' } else { '+' };
    all.plain("", format!("{re}{sign}{times}i"));
    all.plain("complex with blanks", format!("{re} {sign} {times}i"));
    all.tex("mathrm i", format!("{re}{sign}{times}\\mathrm{{i}}"));
    all.rare_tex("i before factor", format!("{re} {sign} i{times}"));
    all.rare_tex("cdot i", format!("{re} {sign} {} \\cdot i", im.abs()));
    all.rare("* i", format!("{re} {sign} {}*i", im.abs()));
    all.rare(
        "imaginary first",
        format!(
            "{minus}{times}i {} {}",
            if re < 0 { '-' } else { '+' },
            re.abs()
        ),
    );
    all.rare(
        "minus U+2212",
        format!("{re} {sign} {times}i").replace('-', "−"),
    );
    all.rare("complex in parentheses", format!("({re} {sign} {times}i)"));
}

pub(crate) fn term(term: Term, all: &mut Spellings) {
    match term {
        Term::Factorial(n) => {
            all.tex("", format!("{n}!"));
            all.rare("factorial's value", (1..=n).product::<i64>().to_string());
            all.tex("braces", format!("{{{n}}}!"));
            all.rare_tex("factorial with blank", format!("{n} !"));
        }
        Term::Sum(a, b) => {
            all.plain("", format!("{a}+{b}"));
            all.plain("sum with blanks", format!("{a} + {b}"));
            all.plain("value of sum", (a + b).to_string());
            all.rare("equation of sum", format!("{a} + {b} = {}", a + b));
        }
        Term::Product(a, b) => {
            all.tex("", format!("{a} \\cdot {b}"));
            all.tex("times", format!("{a} \\times {b}"));
            all.plain("value of product", (a * b).to_string());
            all.rare("*", format!("{a} * {b}"));
            all.rare("×", format!("{a} × {b}"));
            all.rare_tex(
                "equation of product",
                format!("{a} \\times {b} = {}", a * b),
            );
        }
        Term::Binomial(n, k) => {
            all.tex("", format!("\\binom{{{n}}}{{{k}}}"));
            all.tex("dbinom", format!("\\dbinom{{{n}}}{{{k}}}"));
            all.rare("C(n,k)", format!("C({n},{k})"));
            all.rare_tex("choose", format!("{{{n} \\choose {k}}}"));
            all.rare_tex("C_n^k", format!("C_{{{n}}}^{{{k}}}"));
            all.rare_tex("factorials", format!("\\frac{{{n}!}}{{{k}!{}!}}", n - k));
        }
        Term::Power(base, exponent) => {
            all.tex("", format!("{base}^{{{exponent}}}"));
            all.plain("plain power", format!("{base}^{exponent}"));
            all.rare("**", format!("{base}**{exponent}"));
            all.rare("superscript", format!("{base}{}", superscript(exponent)));
            all.rare_tex(
                "split power",
                format!("{base} \\cdot {base}^{{{}}}", exponent - 1),
            );
            all.rare("power in parentheses", format!("{base}^({exponent})"));
            if exponent > 9 {
                // Without braces, TeX takes the first digit only.
                all.0.retain(|(part, _)| *part != "plain power");
                all.prose("plain power", format!("{base}^{exponent}"));
            }
        }
        Term::LogOf(n) => {
            all.tex("", format!("\\ln {n}"));
            all.tex("function in parentheses", format!("\\ln({n})"));
            all.rare("plain function", format!("ln({n})"));
            all.rare("plain function", format!("ln {n}"));
            all.rare_tex("function in braces", format!("\\ln{{{n}}}"));
            all.rare_tex("log_e", format!("\\log_e {n}"));
        }
        Term::ExpOf(n) => {
            all.tex("", format!("e^{{{n}}}"));
            all.tex("mathrm e", format!("\\mathrm{{e}}^{{{n}}}"));
            all.rare_tex("exp", format!("\\exp({n})"));
            all.rare("superscript", format!("e{}", superscript(n)));
            all.rare("plain exp", format!("exp({n})"));
        }
        Term::Infinity { negative } => {
            let sign = if negative { "-" } else { "" };
            all.tex("", format!("{sign}\\infty"));
            all.plain("∞", format!("{sign}∞"));
            if !negative {
                all.rare_tex("plus sign", "+\\infty");
                all.prose("infinity in words", "infinity");
            }
        }
        Term::Empty => {
            all.tex("", "\\emptyset");
            all.tex("varnothing", "\\varnothing");
            all.plain("∅", "∅");
            all.rare_tex("empty braces", "\\{\\}");
            all.rare_tex("empty braces", "\\{ \\}");
        }
    }
}
