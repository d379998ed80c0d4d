//! The ways to write a number.

use crate::language::Language;
use crate::spelling::Spellings;
use crate::value::Fraction;

/// All ways to write an integer, a decimal or a fraction.
pub(crate) fn spellings(number: Fraction, language: &Language) -> Spellings {
    let mut all = Spellings::default();
    if number.is_whole() {
        integer(number.numerator, language, &mut all);
    } else if let Some(places) = number.decimals() {
        decimal(number, places, language, &mut all);
        quotient(number, &mut all);
    } else {
        quotient(number, &mut all);
        repeating(number, &mut all);
    }
    all
}

/// The plainest way: `-5`, `2.5` or `3/4`.
pub(crate) fn plain(number: Fraction) -> String {
    match number.decimals() {
        Some(places) => format!("{:.places$}", number.value()),
        None => format!("{}/{}", number.numerator, number.denominator),
    }
}

/// One of a few ways that may stand inside a tuple, a set or an interval.
pub(crate) fn element(number: Fraction, style: usize) -> String {
    let (a, b) = (number.numerator.abs(), number.denominator);
    let sign = if number.numerator < 0 { "-" } else { "" };
    match style {
        1 if !number.is_whole() => format!("{sign}\\frac{{{a}}}{{{b}}}"),
        2 if !number.is_whole() => format!("{sign}{a}/{b}"),
        3 => plain(number).replace('-', "−"),
        4 if !number.is_whole() => format!("{sign}\\dfrac {{{a}}}{{{b}}}"),
        _ if number.decimals().is_none() => format!("{sign}\\frac{{{a}}}{{{b}}}"),
        _ => plain(number),
    }
}

fn sign(number: i64) -> &'static str {
    if number < 0 { "-" } else { "" }
}

fn integer(number: i64, language: &Language, all: &mut Spellings) {
    let plain = number.to_string();
    let (sign, digits) = (sign(number), number.abs().to_string());
    all.plain("", plain.clone());
    all.plain("trailing .0", format!("{plain}.0"));
    all.rare("trailing .00", format!("{plain}.00"));
    all.tex("braces", format!("{{{plain}}}"));
    all.rare("leading zeros", format!("{sign}00{digits}"));
    all.rare("full-width digits", full_width(&plain));
    if number < 0 {
        minus(&digits, all);
    } else {
        all.rare("plus sign", format!("+{plain}"));
    }
    if number.abs() < 100 && language.english {
        let words = words(number.abs());
        if number < 0 {
            all.prose("negative in words", format!("negative {words}"));
            all.prose("minus in words", format!("minus {words}"));
        } else {
            all.prose("in words", words);
        }
    }
    all.rare("equation", format!("{} + 3 = {plain}", number - 3));
    all.rare("equation", format!("{} - 4 = {plain}", number + 4));
    if number < 0 {
        all.rare(
            "equation with U+2212",
            format!("{} − {} = −{digits}", 3, 3 - number),
        );
        all.rare(
            "equation with en dash",
            format!("{} – {} = –{digits}", 3, 3 - number),
        );
    } else if number > 1 && language.english {
        all.prose("things behind", format!("{plain} apples"));
        all.prose("things behind", format!("{plain} ways"));
        all.prose("things behind", format!("{plain} units"));
    }
    if number.abs() >= 1000 {
        groups(sign, &digits, language, all);
    }
    powers(number, all);
}

/// The many signs for minus.
fn minus(digits: &str, all: &mut Spellings) {
    all.plain("minus U+2212", format!("−{digits}"));
    all.rare("minus en dash", format!("–{digits}"));
    all.rare("minus U+2010", format!("‐{digits}"));
    all.rare("minus U+FF0D", format!("－{digits}"));
    all.rare("minus U+FE63", format!("﹣{digits}"));
    all.rare("minus with blank", format!("- {digits}"));
    all.rare_tex("minus in braces", format!("{{-}}{digits}"));
    all.rare_tex("minus of braces", format!("-{{{digits}}}"));
    all.prose("negative and digits", format!("negative {digits}"));
    all.prose("minus and digits", format!("minus {digits}"));
}

/// Groups of three digits, with every separator.
fn groups(sign: &str, digits: &str, language: &Language, all: &mut Spellings) {
    let join = |separator: &str| {
        let mut text = String::from(sign);
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                text.push_str(separator);
            }
            text.push(digit);
        }
        text
    };
    if !language.decimal_comma {
        all.plain("groups ,", join(","));
    } else if digits.len() > 6 {
        all.rare("groups .", join("."));
    }
    all.tex("groups {,}", join("{,}"));
    all.tex("groups \\,", join("\\,"));
    all.rare_tex("groups \\;", join("\\;"));
    all.rare_tex("groups \\:", join("\\:"));
    all.rare_tex("groups ,\\!", join(",\\!"));
    all.rare_tex("groups ~", join("~"));
    all.rare_tex("groups \\ ", join("\\ "));
    all.rare("groups blank", join(" "));
    all.rare("groups U+00A0", join("\u{a0}"));
    all.rare("groups U+2009", join("\u{2009}"));
    all.rare("groups U+202F", join("\u{202f}"));
    all.rare("groups apostrophe", join("'"));
    all.rare("groups U+2019", join("’"));
    if !language.decimal_comma && digits.len() > 5 {
        all.rare("groups Indian", format!("{sign}{}", indian(digits)));
    }
}

fn indian(digits: &str) -> String {
    let (head, tail) = digits.split_at(digits.len() - 3);
    let mut text = String::new();
    for (index, digit) in head.chars().enumerate() {
        if index > 0 && (head.len() - index).is_multiple_of(2) {
            text.push(',');
        }
        text.push(digit);
    }
    format!("{text},{tail}")
}

/// A multiple of a power of ten, such as 1,200 or 70,000.
fn powers(number: i64, all: &mut Spellings) {
    let zeros = number
        .to_string()
        .chars()
        .rev()
        .take_while(|&c| c == '0')
        .count();
    if zeros < 2 {
        return;
    }
    let (sign, digits) = (sign(number), number.abs().to_string());
    let significant = &digits[..digits.len() - zeros];
    all.plain("power of ten", format!("{sign}{significant}e{zeros}"));
    all.tex(
        "power of ten",
        format!("{sign}{significant} \\times 10^{{{zeros}}}"),
    );
}

fn full_width(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '0'..='9' | '.' | '/' => {
                char::from_u32(c as u32 - 0x20 + 0xff00).expect("a full-width form")
            }
            '-' => '－',
            other => other,
        })
        .collect()
}

const ONES: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];
const TENS: [&str; 10] = [
    "", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety",
];

/// An integer below a hundred in words.
pub(crate) fn words(number: i64) -> String {
    let (tens, ones) = ((number / 10) as usize, (number % 10) as usize);
    match (number, ones) {
        (0..20, _) => ONES[number as usize].to_owned(),
        (_, 0) => TENS[tens].to_owned(),
        _ => format!("{}-{}", TENS[tens], ONES[ones]),
    }
}

fn decimal(number: Fraction, places: usize, language: &Language, all: &mut Spellings) {
    let plain = format!("{:.places$}", number.value());
    all.plain("", plain.clone());
    all.plain("trailing zero", format!("{plain}0"));
    all.rare("full-width digits", full_width(&plain));
    if let Some(digits) = plain.strip_prefix('-') {
        minus(digits, all);
    }
    if number.value().abs() < 1.0 {
        all.rare("no leading zero", plain.replacen("0.", ".", 1));
    }
    let digits = plain.replace(['-', '.'], "");
    let digits = digits.trim_start_matches('0');
    all.rare(
        "power of ten",
        format!("{}{digits}e-{places}", sign(number.numerator)),
    );
    all.rare_tex(
        "power of ten",
        format!("{}{digits} \\cdot 10^{{-{places}}}", sign(number.numerator)),
    );
    // With three decimals it may be a comma of thousands.
    if language.decimal_comma && places != 3 {
        let comma = plain.replace('.', ",");
        all.rare("decimal comma", comma.clone());
        all.rare("decimal comma", comma.clone());
        all.rare_tex("decimal {,}", comma.replace(',', "{,}"));
    }
}

/// A fraction as a quotient.
fn quotient(number: Fraction, all: &mut Spellings) {
    let (a, b) = (number.numerator.abs(), number.denominator);
    let sign = sign(number.numerator);
    all.tex("", format!("{sign}\\frac{{{a}}}{{{b}}}"));
    all.plain("slash", format!("{sign}{a}/{b}"));
    all.tex("dfrac", format!("{sign}\\dfrac{{{a}}}{{{b}}}"));
    all.tex("tfrac", format!("{sign}\\tfrac{{{a}}}{{{b}}}"));
    all.rare_tex("cfrac", format!("{sign}\\cfrac{{{a}}}{{{b}}}"));
    all.rare_tex("nicefrac", format!("{sign}\\nicefrac{{{a}}}{{{b}}}"));
    all.rare_tex("sfrac", format!("{sign}\\sfrac{{{a}}}{{{b}}}"));
    all.rare_tex("over", format!("{sign}{{{a} \\over {b}}}"));
    all.rare_tex("slash of braces", format!("{sign}{{{a}}}/{{{b}}}"));
    all.rare("slash with blanks", format!("{sign}{a} / {b}"));
    all.rare("÷", format!("{sign}{a} ÷ {b}"));
    all.rare_tex("div", format!("{sign}{a} \\div {b}"));
    all.rare("fraction slash", format!("{sign}{a}⁄{b}"));
    all.rare("full-width digits", full_width(&format!("{sign}{a}/{b}")));
    all.rare_tex(
        "unreduced",
        format!("{sign}\\frac{{{}}}{{{}}}", 2 * a, 2 * b),
    );
    all.rare("unreduced", format!("{sign}{}/{}", 3 * a, 3 * b));
    all.rare_tex(
        "frac with blanks",
        format!("{sign}\\frac {{ {a} }} {{ {b} }}"),
    );
    if a < 10 {
        all.tex("frac without braces", format!("{sign}\\frac{a}{{{b}}}"));
        if b < 10 {
            all.tex("frac without braces", format!("{sign}\\frac{a}{b}"));
            all.rare_tex("frac without braces", format!("{sign}\\frac {a} {b}"));
        }
    }
    if number.numerator < 0 {
        all.tex("minus in numerator", format!("\\frac{{-{a}}}{{{b}}}"));
        all.rare_tex("minus in denominator", format!("\\frac{{{a}}}{{-{b}}}"));
        all.rare("minus U+2212", format!("−{a}/{b}"));
        all.rare("minus of parentheses", format!("-({a}/{b})"));
        all.prose("negative and digits", format!("negative {a}/{b}"));
    }
    if a > b {
        all.tex(
            "mixed",
            format!("{sign}{}\\frac{{{}}}{{{b}}}", a / b, a % b),
        );
        all.rare_tex(
            "mixed",
            format!("{sign}{} \\dfrac{{{}}}{{{b}}}", a / b, a % b),
        );
        // "1 109/200" may be a group of thousands.
        if a % b < 100 {
            all.rare("mixed", format!("{sign}{} {}/{b}", a / b, a % b));
        }
    }
    vulgar(number, all);
    fraction_words(number, all);
}

/// Fractions that are one character.
fn vulgar(number: Fraction, all: &mut Spellings) {
    const SIGNS: [(i64, i64, char); 13] = [
        (1, 2, '½'),
        (1, 3, '⅓'),
        (2, 3, '⅔'),
        (1, 4, '¼'),
        (3, 4, '¾'),
        (1, 5, '⅕'),
        (2, 5, '⅖'),
        (3, 5, '⅗'),
        (4, 5, '⅘'),
        (1, 6, '⅙'),
        (5, 6, '⅚'),
        (1, 8, '⅛'),
        (3, 8, '⅜'),
    ];
    let (a, b) = (number.numerator.abs(), number.denominator);
    let sign = sign(number.numerator);
    let whole = if a > b {
        (a / b).to_string()
    } else {
        String::new()
    };
    for (_, _, vulgar) in SIGNS.into_iter().filter(|&(c, d, _)| (c, d) == (a % b, b)) {
        all.rare("vulgar fraction", format!("{sign}{whole}{vulgar}"));
    }
}

fn fraction_words(number: Fraction, all: &mut Spellings) {
    let (a, b) = (number.numerator, number.denominator);
    let name = match b {
        2 => "half",
        3 => "third",
        4 => "quarter",
        5 => "fifth",
        6 => "sixth",
        7 => "seventh",
        8 => "eighth",
        9 => "ninth",
        _ => return,
    };
    if a == 1 {
        all.prose("in words", format!("one {name}"));
        all.prose("in words", format!("one-{name}"));
    } else if (2..20).contains(&a) && a < b {
        all.prose("in words", format!("{} {name}s", words(a)));
        all.prose("in words", format!("{}-{name}s", words(a)));
    } else if b == 2 && (3..40).contains(&a) {
        all.prose("in words", format!("{} and a half", words(a / 2)));
    }
}

/// A decimal that repeats, of a fraction without end.
fn repeating(number: Fraction, all: &mut Spellings) {
    let (a, b) = (number.numerator.abs(), number.denominator);
    let sign = sign(number.numerator);
    let (mut rests, mut digits, mut rest) = (Vec::new(), String::new(), a % b);
    while !rests.contains(&rest) && rests.len() < 7 {
        rests.push(rest);
        rest *= 10;
        digits.push(char::from(b'0' + (rest / b) as u8));
        rest %= b;
    }
    let Some(start) = rests.iter().position(|&seen| seen == rest) else {
        return;
    };
    let (fixed, period) = digits.split_at(start);
    let whole = a / b;
    all.tex(
        "overline",
        format!("{sign}{whole}.{fixed}\\overline{{{period}}}"),
    );
    all.rare_tex("bar", format!("{sign}{whole}.{fixed}\\bar{{{period}}}"));
    all.rare(
        "period in parentheses",
        format!("{sign}{whole}.{fixed}({period})"),
    );
    if period.len() == 1 {
        all.rare_tex("dot", format!("{sign}{whole}.{fixed}\\dot{{{period}}}"));
        all.rare_tex("dot", format!("{sign}{whole}.{fixed}\\dot {period}"));
    }
    all.rare("long decimal", format!("{:.12}", number.value()));
}
