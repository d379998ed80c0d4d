//! The ways to write each kind of value.

use crate::collection;
use crate::language::Language;
use crate::number::{self, plain, spellings as number_spellings, words};
use crate::spelling::{Mode, Spelling, Spellings};
use crate::tape::Tape;
use crate::unit::{self, UNITS};
use crate::value::{Fraction, Term, Value};

/// Writes the value in one of the ways that a text may have.
pub(crate) fn spell(value: &Value, language: &Language, tape: &mut Tape) -> Spelling {
    let all = spellings(value, language, false, tape);
    tape.part(all.0)
}

/// Writes the value as a gold answer.
pub(crate) fn spell_gold(value: &Value, language: &Language, tape: &mut Tape) -> Spelling {
    let mut all = spellings(value, language, true, tape);
    all.0.retain(|(_, spelling)| !spelling.rare);
    let before = tape.parts().len();
    let spelling = tape.part(all.0);
    if tape.parts().len() > before {
        tape.note("(gold)");
    }
    spelling
}

fn spellings(value: &Value, language: &Language, gold: bool, tape: &mut Tape) -> Spellings {
    let mut all = Spellings::default();
    match value {
        Value::Number(number) => return number_spellings(*number, language),
        Value::Percent(number) => percent(*number, language, &mut all),
        &Value::PowerOfTen { digits, exponent } => power_of_ten(digits, exponent, &mut all),
        &Value::Root {
            factor,
            radicand,
            index,
        } => root(factor, radicand, index, &mut all),
        &Value::Surd {
            whole,
            factor,
            radicand,
        } => surd(whole, factor, radicand, &mut all),
        Value::Pi(factor) => pi(*factor, &mut all),
        &Value::Complex(re, im) => complex(re, im, &mut all),
        Value::Term(term) => self::term(*term, &mut all),
        &Value::Ratio(a, b) => ratio(a, b, &mut all),
        Value::Polynomial(coefficients) => polynomial(coefficients, &mut all),
        &Value::Family {
            offset,
            period,
            angle,
            natural,
        } => {
            family(&multiple(offset, period, angle), natural, &mut all);
        }
        Value::Choice(letter) => choice(*letter, &mut all),
        &Value::Time(hour, minute) => time(hour, minute, &mut all),
        &Value::Base(number, base) => self::base(number, base, &mut all),
        Value::Money(amount) => money(*amount, language, gold, tape, &mut all),
        Value::Quantity(amount, index) => {
            let amount = inner(*amount, language, gold, tape);
            return unit::spellings(&amount, &UNITS[*index]);
        }
        Value::Degrees(number) => degrees(*number, &mut all),
        Value::Word(word) => {
            all.plain("", *word);
            all.rare("lower case", word.to_lowercase());
            all.tex("text", format!("\\text{{{word}}}"));
            all.rare_tex("textbf", format!("\\textbf{{{word}}}"));
            all.rare("upper case", word.to_uppercase());
        }
        _ => return collection::spellings(value, tape),
    }
    all
}

/// A number that stands before a unit or behind a currency sign.
fn inner(number: Fraction, language: &Language, gold: bool, tape: &mut Tape) -> String {
    let mut all = number_spellings(number, language);
    all.0.retain(|(part, spelling)| {
        spelling.mode == Mode::Plain
            && !(gold && spelling.rare)
            && *part != "leading zeros"
            && *part != "plus sign"
    });
    if all.0.is_empty() {
        plain(number)
    } else {
        tape.part(all.0).text
    }
}

fn percent(number: Fraction, language: &Language, all: &mut Spellings) {
    let digits = plain(number);
    all.tex("", format!("{digits}\\%"));
    all.plain("plain %", format!("{digits}%"));
    all.rare("% after a blank", format!("{digits} %"));
    all.rare("full-width %", format!("{digits}％"));
    all.rare_tex("text percent", format!("{digits}\\text{{ percent}}"));
    all.rare_tex("\\%, thin space", format!("{digits}\\,\\%"));
    all.rare(
        "percent as decimal",
        plain(Fraction::new(number.numerator, 100 * number.denominator)),
    );
    all.rare("percent dropped", digits.clone());
    for word in language.percent {
        all.prose("percent in words", format!("{digits} {word}"));
    }
    if language.english {
        all.prose("per cent", format!("{digits} per cent"));
        all.prose("pct", format!("{digits} pct"));
    }
    if language.english && number.is_whole() && (0..100).contains(&number.numerator) {
        all.prose(
            "words percent",
            format!("{} percent", words(number.numerator)),
        );
    }
}

/// A number in superscript characters.
pub(crate) fn superscript(number: i64) -> String {
    const DIGITS: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    let to_superscript = |c: char| match c.to_digit(10) {
        Some(digit) => DIGITS[digit as usize],
        None => '⁻',
    };
    number.to_string().chars().map(to_superscript).collect()
}

fn power_of_ten(digits: i64, exponent: i64, all: &mut Spellings) {
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

fn root(factor: Fraction, radicand: i64, index: i64, all: &mut Spellings) {
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

fn surd(whole: i64, factor: i64, radicand: i64, all: &mut Spellings) {
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

fn pi(factor: Fraction, all: &mut Spellings) {
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

fn complex(re: i64, im: i64, all: &mut Spellings) {
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

fn term(term: Term, all: &mut Spellings) {
    match term {
        Term::Factorial(n) => {
            all.tex("", format!("{n}!"));
            all.rare("factorial's value", (1..=n).product::<i64>().to_string());
            all.tex("braces", format!("{{{n}}}!"));
            all.rare_tex("factorial with blank", format!("{n} !"));
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

fn ratio(a: i64, b: i64, all: &mut Spellings) {
    all.plain("", format!("{a}:{b}"));
    all.plain("ratio with blanks", format!("{a} : {b}"));
    all.tex("colon", format!("{a}\\colon {b}"));
    all.rare_tex("braced colon", format!("{a}{{:}}{b}"));
    all.rare("full-width colon", format!("{a}：{b}"));
    all.rare("U+2236", format!("{a}∶{b}"));
    all.rare_tex("ratio as fraction", format!("\\frac{{{a}}}{{{b}}}"));
    all.rare("ratio as quotient", format!("{a}/{b}"));
    if a < 5 && b < 5 {
        all.rare("unreduced", format!("{}:{}", 2 * a, 2 * b));
    }
    all.prose("ratio in words", format!("{a} to {b}"));
}

fn polynomial(coefficients: &[i64], all: &mut Spellings) {
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
fn multiple(offset: Fraction, period: i64, angle: bool) -> [String; 2] {
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

fn family([sum, other]: &[String; 2], natural: bool, all: &mut Spellings) {
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

fn choice(letter: char, all: &mut Spellings) {
    all.plain("", letter.to_string());
    all.tex("text letter", format!("\\text{{{letter}}}"));
    all.tex("textbf letter", format!("\\textbf{{({letter})}}"));
    all.plain("letter in parentheses", format!("({letter})"));
    all.rare_tex("mathrm letter", format!("\\mathrm{{{letter}}}"));
    all.rare_tex(
        "text letter in parentheses",
        format!("\\text{{({letter})}}"),
    );
    all.rare_tex("mathbf letter", format!("\\mathbf{{{letter}}}"));
    all.rare("letter with parenthesis", format!("{letter})"));
    all.rare(
        "full-width letter",
        char::from_u32(letter as u32 - 0x20 + 0xff00)
            .unwrap_or(letter)
            .to_string(),
    );
}

fn time(hour: i64, minute: i64, all: &mut Spellings) {
    let twelve = if hour % 12 == 0 { 12 } else { hour % 12 };
    let (half, half_dots) = if hour < 12 {
        ("AM", "a.m.")
    } else {
        ("PM", "p.m.")
    };
    all.gold_prose("", format!("{twelve}:{minute:02} {half}"));
    all.tex(
        "text p.m.",
        format!("{twelve}:{minute:02}\\text{{ {half_dots}}}"),
    );
    all.prose("p.m.", format!("{twelve}:{minute:02} {half_dots}"));
    all.prose(
        "pm",
        format!("{twelve}:{minute:02} {}", half.to_lowercase()),
    );
    all.prose(
        "pm attached",
        format!("{twelve}:{minute:02}{}", half.to_lowercase()),
    );
    all.rare("no am or pm", format!("{twelve}:{minute:02}"));
    if hour > 12 {
        all.rare("24 hours", format!("{hour}:{minute:02}"));
    }
}

fn base(number: i64, base: i64, all: &mut Spellings) {
    const NAMES: [&str; 10] = [
        "", "", "two", "three", "four", "five", "six", "seven", "eight", "nine",
    ];
    let (mut digits, mut rest) = (String::new(), number);
    while rest > 0 {
        digits.insert(0, char::from(b'0' + (rest % base) as u8));
        rest /= base;
    }
    let name = NAMES[base as usize];
    let below = char::from_u32('₀' as u32 + base as u32).expect("a subscript digit");
    all.tex("", format!("{digits}_{{{base}}}"));
    all.plain("subscript without braces", format!("{digits}_{base}"));
    all.rare("subscript character", format!("{digits}{below}"));
    all.rare("base after parentheses", format!("({digits})_{base}"));
    all.rare_tex("base after parentheses", format!("({digits})_{{{base}}}"));
    all.rare_tex("base in words", format!("{digits}_{{\\text{{{name}}}}}"));
    all.prose("base in prose", format!("{digits} (base {base})"));
    all.prose("base in prose", format!("{digits} in base {base}"));
}

fn money(amount: Fraction, language: &Language, gold: bool, tape: &mut Tape, all: &mut Spellings) {
    let (sign, size) = (
        if amount.numerator < 0 { "-" } else { "" },
        Fraction::new(amount.numerator.abs(), amount.denominator),
    );
    let digits = if size.is_whole() {
        inner(size, language, gold, tape)
    } else {
        format!("{:.2}", size.value())
    };
    all.tex("", format!("{sign}\\${digits}"));
    all.prose("plain dollar", format!("{sign}${digits}"));
    all.plain("no currency", format!("{sign}{digits}"));
    all.tex("text dollars", format!("{sign}{digits}\\text{{ dollars}}"));
    for (before, after) in language.money {
        all.prose("currency", format!("{sign}{before}{digits}{after}"));
    }
    if language.english {
        all.prose("dollars in words", format!("{sign}{digits} dollars"));
        all.prose("USD", format!("{sign}{digits} USD"));
    }
    if sign == "-" {
        all.prose("minus behind dollar", format!("$-{digits}"));
        all.prose("minus U+2212", format!("−${digits}"));
    }
}

fn degrees(number: Fraction, all: &mut Spellings) {
    let digits = number::plain(number);
    all.tex("", format!("{digits}^\\circ"));
    all.tex("braced circ", format!("{digits}^{{\\circ}}"));
    all.plain("°", format!("{digits}°"));
    all.rare("degrees dropped", digits.clone());
    all.prose("degrees in words", format!("{digits} degrees"));
    all.rare_tex("\\degree", format!("{digits}\\degree"));
    all.rare_tex("text degrees", format!("{digits}\\text{{ degrees}}"));
    all.rare_tex("^o", format!("{digits}^{{o}}"));
    all.rare_tex("° in text", format!("{digits}\\text{{°}}"));
}
