//! The ways to write each kind of value.

use crate::collection;
use crate::language::Language;
use crate::number::{self, plain, spellings as number_spellings, words};
use crate::spelling::{Mode, Spelling, Spellings};
use crate::tape::Tape;
use crate::unit::{self, UNITS};
use crate::value::{Fraction, MONTHS, SCALES, Value};
use crate::{formula, scalar};

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
        &Value::PowerOfTen { digits, exponent } => scalar::power_of_ten(digits, exponent, &mut all),
        &Value::Root {
            factor,
            radicand,
            index,
        } => scalar::root(factor, radicand, index, &mut all),
        &Value::Surd {
            whole,
            factor,
            radicand,
        } => scalar::surd(whole, factor, radicand, &mut all),
        Value::Pi(factor) => scalar::pi(*factor, &mut all),
        &Value::Complex(re, im) => scalar::complex(re, im, &mut all),
        Value::Term(term) => scalar::term(*term, &mut all),
        &Value::Ratio(a, b) => ratio(a, b, &mut all),
        Value::Polynomial(coefficients) => formula::polynomial(coefficients, &mut all),
        &Value::Family {
            offset,
            period,
            angle,
            natural,
        } => {
            formula::family(&formula::multiple(offset, period, angle), natural, &mut all);
        }
        &Value::PlusMinus {
            whole,
            factor,
            radicand,
        } => {
            formula::plus_minus(whole, factor, radicand, &mut all);
        }
        &Value::Line(a, b, c) => formula::line(a, b, c, &mut all),
        &Value::Quotient(a, b, c) => formula::quotient(a, b, c, &mut all),
        &Value::Date(month, day) => date(MONTHS[month], day, &mut all),
        &Value::Scaled(number, scale) => scaled(number, SCALES[scale], language, &mut all),
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
            && !matches!(
                *part,
                "leading zeros"
                    | "plus sign"
                    | "equation"
                    | "equation with U+2212"
                    | "equation with en dash"
            )
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
    all.prose("% behind $", format!("${digits}$%"));
    all.prose("% behind $", format!("${digits}$ %"));
    all.prose("% behind box", format!("\\boxed{{{digits}}}\\%"));
    all.prose("% behind box", format!("$\\boxed{{{digits}}}$%"));
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
    all.rare("names of ratio", format!("a:b = {a}:{b}"));
    all.rare_tex("names of ratio", format!("V_1:V_2={a}:{b}"));
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
    all.prose("letter and text", format!("{letter}. 12"));
    all.prose("letter and text", format!("{letter}) 12"));
    all.prose("letter and text", format!("({letter}) 12"));
    all.prose("letter and text", format!("{letter}: 12"));
    all.rare(
        "full-width letter",
        char::from_u32(letter as u32 - 0x20 + 0xff00)
            .unwrap_or(letter)
            .to_string(),
    );
}

fn date(month: &str, day: i64, all: &mut Spellings) {
    all.gold_prose("", format!("{month} {day}"));
    all.tex("text", format!("\\text{{{month} {day}}}"));
    all.gold_prose("day first", format!("{day} {month}"));
    let ending = match day % 10 {
        1 if day != 11 => "st",
        2 if day != 12 => "nd",
        3 if day != 13 => "rd",
        _ => "th",
    };
    all.prose("ordinal day", format!("{month} {day}{ending}"));
    all.prose("ordinal day of month", format!("{day}{ending} of {month}"));
}

fn scaled(number: i64, (word, scale): (&str, i64), language: &Language, all: &mut Spellings) {
    let digits = (number * scale).to_string();
    all.plain("", digits);
    all.tex("text scale", format!("{number}\\text{{ {word}}}"));
    all.rare_tex("text scale", format!("{number}~\\text{{{word}}}"));
    if language.english {
        all.gold_prose("scale in words", format!("{number} {word}"));
        all.prose(
            "number and scale in words",
            format!("{} {word}", words(number)),
        );
    }
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
    if language.decimal_comma && !size.is_whole() {
        all.prose(
            "decimal comma",
            format!("{sign}{} €", digits.replace('.', ",")),
        );
    }
    all.prose("dollars behind $", format!("${sign}{digits}$ dollars"));
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
