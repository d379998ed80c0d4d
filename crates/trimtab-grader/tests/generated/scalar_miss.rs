//! Numbers that differ a little from another.

use crate::miss::{Misses, whole};
use crate::unit::{COUNTED, UNITS};
use crate::value::{Fraction, Interval, Term, Value};

pub(crate) fn number_misses(number: Fraction) -> Misses {
    let a = number.numerator;
    let mut all = vec![
        ("negated", Value::Number(number.negated())),
        ("off by one", Value::Number(number.plus(1))),
        ("off by ten", Value::Number(number.plus(10))),
        ("i appended", Value::Complex(0, a)),
        ("times pi", Value::Pi(number)),
    ];
    all.extend(if number.is_whole() {
        [last_of_several(number), digits_changed(number.numerator)].concat()
    } else {
        part_alone(number)
    });
    all
}

/// Values of which a whole number is the last that is written.
fn last_of_several(number: Fraction) -> Misses {
    let (a, size) = (number.numerator, number.numerator.abs());
    vec![
        ("percent", Value::Percent(Fraction::new(a, 10))),
        (
            "root",
            Value::Root {
                factor: Fraction::whole(1),
                radicand: size,
                index: 2,
            },
        ),
        (
            "times root",
            Value::Root {
                factor: Fraction::whole(a),
                radicand: 3,
                index: 2,
            },
        ),
        ("exponent", Value::Term(Term::Power(10, size.min(20)))),
        ("power", Value::Term(Term::Power(size.clamp(2, 9), 5))),
        (
            "last of a tuple",
            Value::Tuple(vec![Fraction::whole(1), number]),
        ),
        ("last of a list", Value::List(vec![number.plus(7), number])),
        ("first of a list", Value::List(vec![number, number.plus(7)])),
        ("last of a set", Value::Set(vec![number.plus(3), number])),
        (
            "denominator",
            Value::Number(Fraction::new(7 * size + 1, size)),
        ),
        (
            "decimals",
            Value::Number(Fraction::new(10 * 2 + size % 10, 10)),
        ),
        ("digit dropped", whole(a / 10)),
        ("digit added", whole(10 * a + 3)),
        ("factorial", Value::Term(Term::Factorial(size.min(15)))),
        ("last of a ratio", Value::Ratio(size + 1, size)),
        ("imaginary part", Value::Complex(2, a)),
        ("coefficient", Value::Polynomial(vec![0, a])),
        ("constant", Value::Polynomial(vec![a, 1])),
        (
            "end",
            Value::Interval(Interval {
                low: Some(number.plus(-2)),
                high: Some(number),
                low_closed: false,
                high_closed: true,
            }),
        ),
    ]
}

/// Whole numbers with other digits, and values that have the digits in a word or a power.
fn digits_changed(a: i64) -> Misses {
    let size = a.abs();
    let mut all = Misses::new();
    if (2..100).contains(&a) {
        all.push(("scale", Value::Scaled(a, 0)));
        all.push(("scale", Value::Scaled(a, 1)));
        all.push(("scale", Value::Scaled(a, 4)));
        all.push(("last summand", Value::Term(Term::Sum(3, a))));
        all.push(("last factor", Value::Term(Term::Product(3, a))));
        all.push((
            "quantity squared",
            Value::Quantity(Fraction::whole(a + 5), 18),
        ));
        all.push(("day", Value::Date(4, size.clamp(13, 28))));
    }
    if size < 100 {
        all.push((
            "last of a power of ten",
            Value::PowerOfTen {
                digits: 3,
                exponent: size.clamp(2, 40),
            },
        ));
    }
    if size >= 1000 {
        all.push(("first group dropped", whole(size % 1000)));
        all.push(("last group dropped", whole(a / 1000)));
        all.push(("first group dropped", whole(size % 1_000_000)));
    } else {
        all.push(("group added", whole(a.signum() * (2000 + size))));
        all.push(("groups added", whole(a.signum() * (4_012_000 + size))));
    }
    all
}

/// What is left of a fraction or a decimal when a part is dropped.
fn part_alone(number: Fraction) -> Misses {
    let (a, b) = (number.numerator, number.denominator);
    let mut all = vec![
        (
            "upside down",
            Value::Number(Fraction::new(b * a.signum(), a.abs())),
        ),
        ("numerator alone", whole(a)),
        ("denominator alone", whole(b)),
        ("numerator changed", Value::Number(Fraction::new(a + 1, b))),
        ("whole part alone", whole(a / b)),
    ];
    if let Some(places) = number.decimals() {
        let scale = 10_i64.pow(places as u32);
        all.push(("decimals alone", whole((a * (scale / b)).abs() % scale)));
        all.push(("point dropped", whole(a * (scale / b))));
    }
    all
}

/// Misses of a number that stands for something.
pub(crate) fn wrapped(number: Fraction, wrap: fn(Fraction) -> Value) -> Misses {
    let mut all = vec![
        ("negated", wrap(number.negated())),
        ("off by one", wrap(number.plus(1))),
        ("off by ten", wrap(number.plus(10))),
    ];
    if number.is_whole() {
        all.push((
            "digit dropped",
            wrap(Fraction::whole(number.numerator / 10)),
        ));
        all.push((
            "digit added",
            wrap(Fraction::whole(number.numerator * 10 + 4)),
        ));
        all.push((
            "decimals",
            wrap(Fraction::new(number.numerator * 10 + 5, 10)),
        ));
    } else {
        all.push((
            "whole part alone",
            wrap(Fraction::whole(number.numerator / number.denominator)),
        ));
    }
    if number.value().abs() >= 1000.0 {
        let size = number.numerator.abs() / number.denominator;
        all.push(("first group dropped", wrap(Fraction::whole(size % 1000))));
        all.push(("last group dropped", wrap(Fraction::whole(size / 1000))));
    }
    all
}

pub(crate) fn quantity(amount: Fraction, unit: usize) -> Misses {
    let mut all: Misses = wrapped(amount, Value::Money)
        .into_iter()
        .map(|(part, miss)| match miss {
            Value::Money(number) => (part, Value::Quantity(number, unit)),
            other => (part, other),
        })
        .collect();
    let power = UNITS[unit].power;
    if power > 1 {
        all.push(("power of the unit", whole(power as i64)));
    }
    if unit < COUNTED {
        // Units that measure different things, or differ in their power.
        let other = match unit {
            0..=3 | 7 | 8 => 4,
            17 => 21,
            18 => 22,
            _ => 0,
        };
        all.push(("other unit", Value::Quantity(amount, other)));
    }
    all
}

pub(crate) fn power_of_ten(digits: i64, exponent: i64) -> Misses {
    vec![
        (
            "exponent dropped",
            Value::PowerOfTen {
                digits,
                exponent: 0,
            },
        ),
        (
            "exponent negated",
            Value::PowerOfTen {
                digits,
                exponent: -exponent,
            },
        ),
        (
            "exponent off by one",
            Value::PowerOfTen {
                digits,
                exponent: exponent + 1,
            },
        ),
        (
            "negated",
            Value::PowerOfTen {
                digits: -digits,
                exponent,
            },
        ),
        ("exponent alone", whole(exponent)),
        (
            "digit changed",
            Value::PowerOfTen {
                digits: digits + digits.signum(),
                exponent,
            },
        ),
        ("mantissa alone", whole(digits)),
        ("ten alone", whole(10)),
    ]
    .into_iter()
    .filter(|(_, miss)| !matches!(miss, Value::PowerOfTen { exponent: 0, .. }))
    .collect()
}

pub(crate) fn root(factor: Fraction, radicand: i64, index: i64) -> Misses {
    let mut all = vec![
        (
            "root dropped",
            Value::Number(Fraction::new(
                factor.numerator * radicand,
                factor.denominator,
            )),
        ),
        ("radicand alone", whole(radicand)),
        ("factor alone", Value::Number(factor)),
        (
            "negated",
            Value::Root {
                factor: factor.negated(),
                radicand,
                index,
            },
        ),
        (
            "other index",
            Value::Root {
                factor,
                radicand,
                index: if index == 2 { 3 } else { 2 },
            },
        ),
        (
            "factor changed",
            Value::Root {
                factor: factor.plus(1),
                radicand,
                index,
            },
        ),
        (
            "other radicand",
            Value::Root {
                factor,
                radicand: radicand + 12,
                index,
            },
        ),
        ("denominator alone", whole(factor.denominator)),
    ];
    all.retain(|(_, miss)| !matches!(miss, Value::Root { factor, .. } if factor.numerator == 0));
    all
}

pub(crate) fn pi(factor: Fraction) -> Misses {
    let mut all = vec![
        ("pi dropped", Value::Number(factor)),
        ("negated", Value::Pi(factor.negated())),
        ("numerator alone", whole(factor.numerator)),
        ("denominator alone", whole(factor.denominator)),
        (
            "denominator dropped",
            Value::Pi(Fraction::whole(factor.numerator)),
        ),
        (
            "upside down",
            Value::Pi(Fraction::new(
                factor.denominator * factor.numerator.signum(),
                factor.numerator.abs(),
            )),
        ),
    ];
    if factor.numerator != -factor.denominator {
        all.push(("off by one", Value::Pi(factor.plus(1))));
    }
    all
}

pub(crate) fn complex(re: i64, im: i64) -> Misses {
    vec![
        ("conjugate", Value::Complex(re, -im)),
        ("negated", Value::Complex(-re, -im)),
        ("i dropped", whole(im)),
        ("real part alone", whole(re)),
        (
            "parts swapped",
            Value::Complex(im, if re == 0 { 1 } else { re }),
        ),
    ]
}

pub(crate) fn term(term: Term) -> Misses {
    let value = Value::Term;
    match term {
        Term::Sum(a, b) => vec![
            ("last summand alone", whole(b)),
            ("first summand alone", whole(a)),
            ("sum off by one", whole(a + b + 1)),
            ("product for sum", value(Term::Product(a, b))),
        ],
        Term::Product(a, b) => vec![
            ("last factor alone", whole(b)),
            ("first factor alone", whole(a)),
            ("product off by one", whole(a * b - 1)),
            ("sum for product", value(Term::Sum(a, b))),
        ],
        Term::Factorial(n) => vec![
            ("factorial dropped", whole(n)),
            ("next factorial", value(Term::Factorial(n + 1))),
        ],
        Term::Binomial(n, k) => vec![
            ("top alone", whole(n)),
            ("bottom alone", whole(k)),
            ("next binomial", value(Term::Binomial(n + 1, k))),
            ("binomial as fraction", Value::Number(Fraction::new(n, k))),
        ],
        Term::Power(base, exponent) => vec![
            ("exponent alone", whole(exponent)),
            ("base alone", whole(base)),
            ("product", whole(base * exponent)),
            ("next exponent", value(Term::Power(base, exponent + 1))),
            (
                "base and exponent swapped",
                value(Term::Power(exponent, base)),
            ),
        ],
        Term::LogOf(n) => vec![
            ("argument alone", whole(n)),
            ("next argument", value(Term::LogOf(n + 1))),
            ("exp for ln", value(Term::ExpOf(n))),
        ],
        Term::ExpOf(n) => vec![
            ("exponent alone", whole(n)),
            ("next argument", value(Term::ExpOf(n + 1))),
        ],
        Term::Infinity { negative } => vec![
            (
                "sign of infinity",
                value(Term::Infinity {
                    negative: !negative,
                }),
            ),
            ("zero", whole(0)),
        ],
        Term::Empty => vec![
            ("zero", whole(0)),
            (
                "set of zero",
                Value::Set(vec![Fraction::whole(0), Fraction::whole(1)]),
            ),
        ],
    }
}
