//! Values that differ a little from another.

use crate::tape::Tape;
use crate::unit::{COUNTED, UNITS};
use crate::value::{Fraction, Interval, Term, Value};

type Misses = Vec<(&'static str, Value)>;

/// A value that no fair reader takes for `value`, though a careless one may, and how it differs.
pub(crate) fn near_miss(value: &Value, tape: &mut Tape) -> Option<(&'static str, Value)> {
    let mut all = misses(value);
    all.retain(|(_, miss)| !value.may_equal(miss));
    if all.is_empty() {
        return None;
    }
    let index = tape.pick(all.len());
    Some(all.swap_remove(index))
}

fn whole(number: i64) -> Value {
    Value::Number(Fraction::whole(number))
}

fn misses(value: &Value) -> Misses {
    match value {
        Value::Number(number) => number_misses(*number),
        Value::Percent(number) => wrapped(*number, Value::Percent),
        Value::Money(number) => wrapped(*number, Value::Money),
        Value::Degrees(number) => wrapped(*number, Value::Degrees),
        &Value::Quantity(amount, unit) => quantity(amount, unit),
        &Value::PowerOfTen { digits, exponent } => power_of_ten(digits, exponent),
        &Value::Root {
            factor,
            radicand,
            index,
        } => root(factor, radicand, index),
        &Value::Surd {
            whole: a,
            factor,
            radicand,
        } => vec![
            (
                "sign of root",
                Value::Surd {
                    whole: a,
                    factor: -factor,
                    radicand,
                },
            ),
            (
                "sign of whole",
                Value::Surd {
                    whole: -a,
                    factor,
                    radicand,
                },
            ),
            ("root dropped", whole(a + factor * radicand)),
            ("whole alone", whole(a)),
            (
                "root alone",
                Value::Root {
                    factor: Fraction::whole(factor),
                    radicand,
                    index: 2,
                },
            ),
            ("radicand alone", whole(radicand)),
        ],
        Value::Pi(factor) => pi(*factor),
        &Value::Complex(re, im) => complex(re, im),
        Value::Term(term) => self::term(*term),
        &Value::Ratio(a, b) => vec![
            ("ratio swapped", Value::Ratio(b, a)),
            ("second part alone", whole(b)),
            ("first part alone", whole(a)),
            ("part changed", Value::Ratio(a, b + 1)),
            (
                "ratio for tuple",
                Value::Tuple(vec![Fraction::whole(a), Fraction::whole(b)]),
            ),
        ],
        Value::Tuple(items) => tuple(items),
        Value::Set(items) => items_changed(items, Value::Set),
        Value::List(items) => items_changed(items, Value::List),
        Value::Interval(interval) => self::interval(interval),
        Value::Union(left, right) => union(*left, *right),
        Value::Matrix(rows) => matrix(rows),
        Value::Polynomial(coefficients) => polynomial(coefficients),
        Value::Family {
            offset,
            period,
            angle,
            natural,
        } => family(*offset, *period, *angle, *natural),
        &Value::Choice(letter) => ['A', 'B', 'C', 'D', 'E']
            .into_iter()
            .filter(|&other| other != letter)
            .map(|other| ("other letter", Value::Choice(other)))
            .collect(),
        &Value::Time(hour, minute) => vec![
            ("other minute", Value::Time(hour, (minute + 10) % 60)),
            ("other hour", Value::Time((hour + 1) % 24, minute)),
            ("minute alone", whole(minute)),
            ("hour alone", whole(hour)),
        ],
        &Value::Base(number, base) => vec![
            ("next number", Value::Base(number + 1, base)),
            ("other base", Value::Base(number + base, base)),
            ("base alone", whole(base)),
            ("next number", whole(number + 1)),
        ],
        Value::Word(word) => crate::value::WORDS
            .iter()
            .filter(|other| *other != word)
            .map(|other| ("other word", Value::Word(other)))
            .collect(),
    }
}

fn number_misses(number: Fraction) -> Misses {
    let (a, b) = (number.numerator, number.denominator);
    let mut all = vec![
        ("negated", Value::Number(number.negated())),
        ("off by one", Value::Number(number.plus(1))),
        ("off by ten", Value::Number(number.plus(10))),
        ("i appended", Value::Complex(0, a)),
        ("times pi", Value::Pi(number)),
    ];
    if number.is_whole() {
        let size = a.abs();
        all.push(("percent", Value::Percent(Fraction::new(a, 10))));
        all.push((
            "root",
            Value::Root {
                factor: Fraction::whole(1),
                radicand: size,
                index: 2,
            },
        ));
        all.push((
            "times root",
            Value::Root {
                factor: Fraction::whole(a),
                radicand: 3,
                index: 2,
            },
        ));
        all.push(("exponent", Value::Term(Term::Power(10, size.min(20)))));
        all.push(("power", Value::Term(Term::Power(size.clamp(2, 9), 5))));
        all.push((
            "last of a tuple",
            Value::Tuple(vec![Fraction::whole(1), number]),
        ));
        all.push(("last of a list", Value::List(vec![number.plus(7), number])));
        all.push(("first of a list", Value::List(vec![number, number.plus(7)])));
        all.push(("last of a set", Value::Set(vec![number.plus(3), number])));
        all.push((
            "denominator",
            Value::Number(Fraction::new(7 * size + 1, size)),
        ));
        all.push((
            "decimals",
            Value::Number(Fraction::new(10 * 2 + size % 10, 10)),
        ));
        all.push(("digit dropped", whole(a / 10)));
        all.push(("digit added", whole(10 * a + 3)));
        all.push(("factorial", Value::Term(Term::Factorial(size.min(15)))));
        all.push(("last of a ratio", Value::Ratio(size + 1, size)));
        all.push(("imaginary part", Value::Complex(2, a)));
        all.push(("coefficient", Value::Polynomial(vec![0, a])));
        all.push(("constant", Value::Polynomial(vec![a, 1])));
        all.push((
            "end",
            Value::Interval(Interval {
                low: Some(number.plus(-2)),
                high: Some(number),
                low_closed: false,
                high_closed: true,
            }),
        ));
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
    } else {
        all.push((
            "upside down",
            Value::Number(Fraction::new(b * a.signum(), a.abs())),
        ));
        all.push(("numerator alone", whole(a)));
        all.push(("denominator alone", whole(b)));
        all.push(("numerator changed", Value::Number(Fraction::new(a + 1, b))));
        all.push(("whole part alone", whole(a / b)));
        if let Some(places) = number.decimals() {
            let scale = 10_i64.pow(places as u32);
            all.push(("decimals alone", whole((a * (scale / b)).abs() % scale)));
            all.push(("point dropped", whole(a * (scale / b))));
        }
    }
    all
}

/// Misses of a number that stands for something.
fn wrapped(number: Fraction, wrap: fn(Fraction) -> Value) -> Misses {
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

fn quantity(amount: Fraction, unit: usize) -> Misses {
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

fn power_of_ten(digits: i64, exponent: i64) -> Misses {
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

fn root(factor: Fraction, radicand: i64, index: i64) -> Misses {
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

fn pi(factor: Fraction) -> Misses {
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

fn complex(re: i64, im: i64) -> Misses {
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

fn term(term: Term) -> Misses {
    let value = Value::Term;
    match term {
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

fn tuple(items: &[Fraction]) -> Misses {
    let mut all = vec![
        ("last of a tuple", Value::Number(items[items.len() - 1])),
        ("first of a tuple", Value::Number(items[0])),
    ];
    let mut swapped = items.to_vec();
    swapped.rotate_left(1);
    all.push(("tuple turned", Value::Tuple(swapped)));
    let mut swapped = items.to_vec();
    swapped.swap(0, 1);
    all.push(("tuple swapped", Value::Tuple(swapped)));
    let mut changed = items.to_vec();
    changed[0] = changed[0].negated();
    all.push(("sign of first", Value::Tuple(changed)));
    let mut changed = items.to_vec();
    changed[items.len() - 1] = changed[items.len() - 1].plus(1);
    all.push(("last changed", Value::Tuple(changed)));
    let mut longer = items.to_vec();
    longer.push(Fraction::whole(1));
    if longer.len() < 5 {
        all.push(("extra element", Value::Tuple(longer)));
    }
    if items.len() > 2 {
        all.push(("element dropped", Value::Tuple(items[1..].to_vec())));
    }
    all
}

fn items_changed(items: &[Fraction], wrap: fn(Vec<Fraction>) -> Value) -> Misses {
    let mut all = vec![
        ("last element alone", Value::Number(items[items.len() - 1])),
        ("first element alone", Value::Number(items[0])),
    ];
    let top = items
        .iter()
        .map(|item| item.value().abs().ceil() as i64)
        .max()
        .unwrap_or(0);
    let mut longer = items.to_vec();
    longer.push(Fraction::whole(top + 1));
    all.push(("extra element", wrap(longer)));
    let mut changed = items.to_vec();
    changed[0] = Fraction::whole(top + 2);
    all.push(("element changed", wrap(changed)));
    let mut negated = items.to_vec();
    negated[0] = negated[0].negated();
    if !items.contains(&negated[0]) {
        all.push(("sign of element", wrap(negated)));
    }
    if items.len() > 2 {
        all.push(("element dropped", wrap(items[1..].to_vec())));
    }
    all
}

fn interval(interval: &Interval) -> Misses {
    let mut all = Vec::new();
    let it = *interval;
    if let Some(low) = it.low {
        all.push((
            "left end open or closed",
            Value::Interval(Interval {
                low_closed: !it.low_closed,
                ..it
            }),
        ));
        all.push((
            "left end changed",
            Value::Interval(Interval {
                low: Some(low.plus(-1)),
                ..it
            }),
        ));
        all.push(("left end alone", Value::Number(low)));
    }
    if let Some(high) = it.high {
        all.push((
            "right end open or closed",
            Value::Interval(Interval {
                high_closed: !it.high_closed,
                ..it
            }),
        ));
        all.push((
            "right end changed",
            Value::Interval(Interval {
                high: Some(high.plus(1)),
                ..it
            }),
        ));
        all.push(("right end alone", Value::Number(high)));
    }
    if it.low.is_some() && it.high.is_some() {
        all.push((
            "bound dropped",
            Value::Interval(Interval {
                low: None,
                low_closed: false,
                ..it
            }),
        ));
        all.push((
            "bound dropped",
            Value::Interval(Interval {
                high: None,
                high_closed: false,
                ..it
            }),
        ));
    }
    all
}

fn union(left: Interval, right: Interval) -> Misses {
    vec![
        (
            "inner end open or closed",
            Value::Union(
                Interval {
                    high_closed: !left.high_closed,
                    ..left
                },
                right,
            ),
        ),
        (
            "inner end open or closed",
            Value::Union(
                left,
                Interval {
                    low_closed: !right.low_closed,
                    ..right
                },
            ),
        ),
        ("left part alone", Value::Interval(left)),
        ("right part alone", Value::Interval(right)),
        (
            "inner end changed",
            Value::Union(
                left,
                Interval {
                    low: right.low.map(|end| {
                        Fraction::new(2 * end.numerator + end.denominator, 2 * end.denominator)
                    }),
                    ..right
                },
            ),
        ),
    ]
}

fn matrix(rows: &[Vec<i64>]) -> Misses {
    let transposed: Vec<Vec<i64>> = (0..rows[0].len())
        .map(|column| rows.iter().map(|row| row[column]).collect())
        .collect();
    let change = |row: usize, column: usize, by: &dyn Fn(i64) -> i64| {
        let mut rows = rows.to_vec();
        rows[row][column] = by(rows[row][column]);
        Value::Matrix(rows)
    };
    let mut swapped = rows.to_vec();
    swapped.swap(0, 1);
    vec![
        ("transposed", Value::Matrix(transposed)),
        ("entry changed", change(0, 1, &|entry| entry + 1)),
        ("sign of entry", change(1, 0, &|entry| -entry)),
        (
            "last entry changed",
            change(rows.len() - 1, rows[0].len() - 1, &|entry| entry - 1),
        ),
        ("rows swapped", Value::Matrix(swapped)),
    ]
}

fn polynomial(coefficients: &[i64]) -> Misses {
    let change = |index: usize, by: &dyn Fn(i64) -> i64| {
        let mut changed = coefficients.to_vec();
        changed[index] = by(changed[index]);
        Value::Polynomial(changed)
    };
    let top = coefficients.len() - 1;
    let mut raised = coefficients.to_vec();
    raised.insert(1, 0);
    let mut all = vec![
        ("constant changed", change(0, &|c| c + 1)),
        ("sign of constant", change(0, &|c| -c)),
        ("sign of first", change(top, &|c| -c)),
        ("exponents raised", Value::Polynomial(raised)),
        ("constant alone", whole(coefficients[0])),
    ];
    if coefficients[0] != 0 && coefficients[1..].iter().filter(|&&c| c != 0).count() > 1 {
        all.push(("constant dropped", change(0, &|_| 0)));
    }
    all
}

fn family(offset: Fraction, period: i64, angle: bool, natural: bool) -> Misses {
    let family = |offset, period, natural| Value::Family {
        offset,
        period,
        angle,
        natural,
    };
    let other = if angle {
        Fraction::new(1, offset.denominator + 2)
    } else {
        Fraction::whole((offset.numerator + 1) % period)
    };
    let mut all = vec![
        ("other offset", family(other, period, natural)),
        ("other period", family(offset, period + 1, natural)),
        (
            "one member",
            if angle {
                Value::Pi(offset)
            } else {
                whole(offset.numerator)
            },
        ),
    ];
    if !natural {
        all.push(("other range", family(offset, period, true)));
    }
    all
}
