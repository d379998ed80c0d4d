//! Values that differ a little from another.

use crate::scalar_miss::{complex, number_misses, pi, power_of_ten, quantity, root, term, wrapped};
use crate::tape::Tape;
use crate::value::{Fraction, Interval, Value};

/// Values, each with how it differs.
pub(crate) type Misses = Vec<(&'static str, Value)>;

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

/// A whole number.
pub(crate) fn whole(number: i64) -> Value {
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
            whole,
            factor,
            radicand,
        } => surd(whole, factor, radicand),
        Value::Pi(factor) => pi(*factor),
        &Value::Complex(re, im) => complex(re, im),
        Value::Term(function) => term(*function),
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
        &Value::Date(month, day) => vec![
            ("other day", Value::Date(month, day + 1)),
            ("other month", Value::Date((month + 1) % 12, day)),
            ("day alone", whole(day)),
        ],
        &Value::Scaled(number, scale) => vec![
            ("scale dropped", whole(number)),
            ("other scale", Value::Scaled(number, (scale + 1) % 5)),
            ("off by one", Value::Scaled(number + 1, scale)),
        ],
        other => several_misses(other),
    }
}

/// Misses of a value that has several numbers.
fn several_misses(value: &Value) -> Misses {
    match value {
        Value::Tuple(items) => tuple(items),
        Value::Set(items) => items_changed(items, Value::Set),
        Value::List(items) => items_changed(items, Value::List),
        Value::Interval(interval) => self::interval(interval),
        Value::Union(left, right) => union(*left, *right),
        Value::Matrix(rows) => matrix(rows),
        other => formula_misses(other),
    }
}

/// Misses of a formula.
fn formula_misses(value: &Value) -> Misses {
    match value {
        &Value::PlusMinus {
            whole: a,
            factor,
            radicand,
        } => plus_minus(a, factor, radicand),
        &Value::Line(a, b, c) => vec![
            ("sign of y", Value::Line(a, -b, c)),
            ("constant changed", Value::Line(a, b, c + 1)),
            ("sign of constant", Value::Line(a, b, -c)),
            ("coefficient changed", Value::Line(a + 1, b, c)),
        ],
        &Value::Quotient(a, b, c) => vec![
            ("sign of constant", Value::Quotient(a, -b, c)),
            ("coefficient changed", Value::Quotient(a + a.signum(), b, c)),
            ("other denominator", Value::Quotient(a, b, c + 12)),
            ("numerator alone", Value::Polynomial(vec![b, a])),
            ("denominator alone", whole(c)),
        ],
        Value::Polynomial(coefficients) => polynomial(coefficients),
        Value::Family {
            offset,
            period,
            angle,
            natural,
        } => family(*offset, *period, *angle, *natural),
        other => written_misses(other),
    }
}

/// Misses of what is more than a number to read: letters, words, times and numerals.
fn written_misses(value: &Value) -> Misses {
    match value {
        &Value::Choice(letter) => ['A', 'B', 'C', 'D', 'E']
            .into_iter()
            .filter(|&other| other != letter)
            .map(|other| ("other letter", Value::Choice(other)))
            .collect(),
        &Value::Time(hour, minute) => vec![
            ("other minute", Value::Time(hour, (minute + 10) % 60)),
            (
                "proportional time",
                Value::Time(hour % 12 * 2, minute % 30 * 2),
            ),
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
            .filter(|other| *other != word && !mean_the_same(other, word))
            .map(|other| ("other word", Value::Word(other)))
            .collect(),
        other => unreachable!("{other:?} has its misses elsewhere"),
    }
}

/// Whether one word may stand for the other, as in yes and true.
fn mean_the_same(a: &str, b: &str) -> bool {
    let side = |word: &str| match word {
        "Yes" | "True" => 1,
        "No" | "False" | "None" => 2,
        _ => 0,
    };
    side(a) != 0 && side(a) == side(b)
}

fn surd(a: i64, factor: i64, radicand: i64) -> Misses {
    vec![
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
    ]
}

fn plus_minus(a: i64, factor: i64, radicand: i64) -> Misses {
    let pair = |whole, factor, radicand| Value::PlusMinus {
        whole,
        factor,
        radicand,
    };
    vec![
        (
            "one sign",
            Value::Surd {
                whole: a,
                factor,
                radicand,
            },
        ),
        ("whole alone", whole(a)),
        ("sign of whole", pair(-a, factor, radicand)),
        ("other radicand", pair(a, factor, radicand + 12)),
        ("factor changed", pair(a, factor + 1, radicand)),
    ]
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
