//! Values at random.

use crate::tape::Tape;
use crate::unit::UNITS;
use crate::value::{Fraction, Interval, Term, Value, WORDS, gcd};

impl Value {
    /// Draws a value; the plainest is the integer 2.
    pub(crate) fn draw(tape: &mut Tape) -> Self {
        match tape.pick(31) {
            1 => Self::Number(decimal(tape)),
            2 => Self::Number(fraction(tape)),
            3 => Self::Percent(if tape.once_in(3) {
                decimal(tape)
            } else {
                Fraction::whole(tape.number(2, 150))
            }),
            4 => power_of_ten(tape),
            5 => root(tape),
            6 => Self::Pi(pi_factor(tape)),
            7 => Self::Complex(coefficient(tape), nonzero(tape, 9)),
            8 => Self::Term(term(tape)),
            9 => ratio(tape),
            10 => Self::Tuple(several(tape, 2, 4)),
            11 => Self::Interval(interval(tape)),
            12 => union(tape),
            13 => Self::Set(distinct(tape)),
            14 => Self::List(distinct(tape)),
            15 => matrix(tape),
            16 => polynomial(tape),
            17 => family(tape),
            18 => Self::Choice(*tape.item(&['A', 'B', 'C', 'D', 'E'])),
            19 => Self::Time(tape.number(1, 23), tape.number(1, 59)),
            20 => base(tape),
            21 => Self::Money(money(tape)),
            22 => Self::Quantity(amount(tape), tape.pick(UNITS.len())),
            23 => Self::Degrees(Fraction::whole(tape.number(2, 359))),
            25 => {
                let (whole, factor) = (nonzero(tape, 9), tape.number(1, 5));
                Self::PlusMinus {
                    whole,
                    factor,
                    radicand: *tape.item(&[2, 3, 5, 7, 11]),
                }
            }
            26 => line(tape),
            27 => {
                let (a, b) = (nonzero(tape, 9), nonzero(tape, 9));
                Self::Quotient(a, b, *tape.item(&[2, 3, 5, 7, 11]))
            }
            28 => Self::Date(tape.pick(12), tape.number(13, 28)),
            29 => Self::Scaled(tape.number(2, 30), tape.pick(5)),
            24 => Self::Word(WORDS[tape.pick(WORDS.len())]),
            _ => Self::Number(integer(tape)),
        }
    }
}

/// An integer of one to nine digits.
fn integer(tape: &mut Tape) -> Fraction {
    let size = match tape.pick(5) {
        1 => tape.number(10, 99),
        2 => tape.number(100, 999),
        3 => tape.number(1000, 999_999),
        4 => tape.number(1_000_000, 999_999_999),
        _ => tape.number(2, 9),
    };
    Fraction::whole(if tape.once_in(3) { -size } else { size })
}

/// A number with one to four decimals.
fn decimal(tape: &mut Tape) -> Fraction {
    let scale = *tape.item(&[10, 100, 1000, 10_000]);
    let (whole, part) = (tape.number(0, 40), tape.number(1, scale - 1));
    let part = if part % 10 == 0 { part + 1 } else { part };
    let sign = if tape.once_in(4) { -1 } else { 1 };
    Fraction::new(sign * (whole * scale + part), scale)
}

fn fraction(tape: &mut Tape) -> Fraction {
    let denominator = *tape.item(&[2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 27, 60]);
    let numerator = tape.number(1, 40);
    let numerator = if gcd(numerator, denominator) > 1 {
        numerator * denominator + 1
    } else {
        numerator
    };
    Fraction::new(
        if tape.once_in(4) {
            -numerator
        } else {
            numerator
        },
        denominator,
    )
}

fn nonzero(tape: &mut Tape, size: i64) -> i64 {
    let number = tape.number(1, size);
    if tape.once_in(3) { -number } else { number }
}

/// A digit, zero or a negative digit; the plainest is one.
fn coefficient(tape: &mut Tape) -> i64 {
    let choice = tape.pick(19) as i64;
    if choice < 9 { choice + 1 } else { 9 - choice }
}

/// Mostly a small integer, sometimes a half or a negative.
fn element(tape: &mut Tape) -> Fraction {
    match tape.pick(6) {
        4 => Fraction::new(2 * tape.number(0, 9) + 1, 2),
        5 => Fraction::new(nonzero(tape, 20), tape.number(3, 7)),
        3 => Fraction::whole(-tape.number(1, 20)),
        _ => Fraction::whole(tape.number(1, 40)),
    }
}

fn power_of_ten(tape: &mut Tape) -> Value {
    let digits = match tape.pick(3) {
        1 => tape.number(11, 99),
        2 => tape.number(101, 999),
        _ => tape.number(2, 9),
    };
    let digits = if digits > 9 && digits % 10 == 0 {
        digits + 1
    } else {
        digits
    };
    let exponent = tape.number(2, 12);
    Value::PowerOfTen {
        digits: if tape.once_in(5) { -digits } else { digits },
        exponent: if tape.once_in(2) { -exponent } else { exponent },
    }
}

fn root(tape: &mut Tape) -> Value {
    let radicand = *tape.item(&[2, 3, 5, 6, 7, 10, 11, 13, 15, 17, 21]);
    match tape.pick(4) {
        1 => Value::Root {
            factor: Fraction::whole(nonzero(tape, 9)),
            radicand,
            index: 2,
        },
        2 => Value::Root {
            factor: Fraction::new(nonzero(tape, 9), tape.number(2, 7)),
            radicand,
            index: *tape.item(&[2, 3]),
        },
        3 => Value::Surd {
            whole: nonzero(tape, 9),
            factor: nonzero(tape, 5),
            radicand,
        },
        _ => Value::Root {
            factor: Fraction::whole(1),
            radicand,
            index: *tape.item(&[2, 3, 4]),
        },
    }
}

fn pi_factor(tape: &mut Tape) -> Fraction {
    let numerator = tape.number(1, 12);
    let denominator = *tape.item(&[1, 2, 3, 4, 6, 12]);
    Fraction::new(
        if tape.once_in(4) {
            -numerator
        } else {
            numerator
        },
        denominator,
    )
}

fn term(tape: &mut Tape) -> Term {
    match tape.pick(9) {
        7 => Term::Sum(tape.number(2, 40), tape.number(2, 40)),
        8 => Term::Product(tape.number(2, 12), tape.number(2, 12)),
        1 => {
            let n = tape.number(4, 12);
            Term::Binomial(n, tape.number(2, n - 2))
        }
        2 => Term::Power(tape.number(2, 7), tape.number(3, 30)),
        3 => Term::LogOf(tape.number(2, 12)),
        4 => Term::ExpOf(tape.number(2, 12)),
        5 => Term::Infinity {
            negative: tape.once_in(2),
        },
        6 => Term::Empty,
        _ => Term::Factorial(tape.number(4, 12)),
    }
}

fn ratio(tape: &mut Tape) -> Value {
    let (a, b) = (tape.number(2, 9), tape.number(1, 9));
    let divisor = gcd(a, b);
    if a == b {
        Value::Ratio(2, 1)
    } else {
        Value::Ratio(a / divisor, b / divisor)
    }
}

fn several(tape: &mut Tape, low: i64, high: i64) -> Vec<Fraction> {
    let count = tape.number(low, high);
    (0..count).map(|_| element(tape)).collect()
}

/// Two to five different elements.
fn distinct(tape: &mut Tape) -> Vec<Fraction> {
    let mut items: Vec<Fraction> = Vec::new();
    for item in several(tape, 2, 5) {
        let mut item = item;
        while items.contains(&item) {
            item = item.plus(1);
        }
        items.push(item);
    }
    items
}

fn interval(tape: &mut Tape) -> Interval {
    let low = element(tape);
    let high = low.plus(tape.number(1, 9));
    let (low_closed, high_closed) =
        *tape.item(&[(false, false), (true, true), (true, false), (false, true)]);
    let open = tape.pick(4);
    Interval {
        low: (open != 2).then_some(low),
        high: (open != 3).then_some(high),
        low_closed: low_closed && open != 2,
        high_closed: high_closed && open != 3,
    }
}

fn union(tape: &mut Tape) -> Value {
    let end = element(tape);
    let next = end.plus(tape.number(1, 9));
    let (low_closed, high_closed) =
        *tape.item(&[(false, false), (true, true), (true, false), (false, true)]);
    let bounded = tape.once_in(2);
    Value::Union(
        Interval {
            low: bounded.then(|| end.plus(-3)),
            high: Some(end),
            low_closed: bounded && low_closed,
            high_closed: low_closed,
        },
        Interval {
            low: Some(next),
            high: bounded.then(|| next.plus(4)),
            low_closed: high_closed,
            high_closed: bounded && high_closed,
        },
    )
}

fn matrix(tape: &mut Tape) -> Value {
    let (rows, columns) = *tape.item(&[(2, 2), (2, 3), (3, 2), (3, 3)]);
    Value::Matrix(
        (0..rows)
            .map(|_| (0..columns).map(|_| coefficient(tape)).collect())
            .collect(),
    )
}

fn line(tape: &mut Tape) -> Value {
    let (a, b) = (tape.number(1, 9), nonzero(tape, 9));
    let divisor = gcd(a, b.abs());
    Value::Line(a / divisor, b / divisor, coefficient(tape))
}

fn polynomial(tape: &mut Tape) -> Value {
    let degree = tape.number(1, 4);
    let mut coefficients: Vec<i64> = (0..degree).map(|_| coefficient(tape)).collect();
    coefficients.push(nonzero(tape, 9));
    if coefficients.iter().filter(|&&c| c != 0).count() < 2 {
        coefficients[0] = 1;
    }
    Value::Polynomial(coefficients)
}

fn family(tape: &mut Tape) -> Value {
    let angle = !tape.once_in(2);
    let period = tape.number(1, 4);
    let offset = if angle {
        Fraction::new(1, *tape.item(&[3, 4, 6, 12]))
    } else {
        Fraction::whole(tape.number(0, period))
    };
    Value::Family {
        offset,
        period: if angle { period } else { period + 1 },
        angle,
        natural: !angle && tape.once_in(2),
    }
}

fn base(tape: &mut Tape) -> Value {
    let base = *tape.item(&[2, 3, 4, 5, 6, 7, 8, 9]);
    Value::Base(tape.number(10, 300), base)
}

fn money(tape: &mut Tape) -> Fraction {
    match tape.pick(4) {
        1 => Fraction::new(tape.number(101, 9999), 100),
        2 => Fraction::whole(tape.number(1000, 2_000_000)),
        3 => Fraction::whole(-tape.number(2, 999)),
        _ => Fraction::whole(tape.number(2, 999)),
    }
}

fn amount(tape: &mut Tape) -> Fraction {
    match tape.pick(4) {
        1 => decimal(tape),
        2 => Fraction::whole(tape.number(1000, 99_999)),
        3 => Fraction::whole(-tape.number(2, 99)),
        _ => Fraction::whole(tape.number(4, 99)),
    }
}
